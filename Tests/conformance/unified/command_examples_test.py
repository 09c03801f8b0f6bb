"""The command lines that are shown as examples are ones that the platform takes."""
import re
from typing import Any

import pytest

from conformance.unified.sources import INTEGRATION, loaded_yml
from sandbox.xsoar.commands import parse
from sandbox.xsoar.content import Argument

IN_YML: dict[str, list[dict[str, Any]]] = {
    one['name']: one['arguments'] for one in loaded_yml(INTEGRATION / f'{INTEGRATION.name}.yml')['script']['commands']}
EXAMPLES = (INTEGRATION / 'command_examples.txt').read_text(encoding='utf-8').splitlines()
README = (INTEGRATION / 'README.md').read_text(encoding='utf-8')
EXAMPLES_OF_README = re.findall(r'^#### Command example\n+```(!.*?)```$', README, re.MULTILINE)


def test_every_command_has_an_example() -> None:
    assert {parse(line).name for line in EXAMPLES} == set(IN_YML)


def test_the_readme_shows_examples() -> None:
    assert EXAMPLES_OF_README


@pytest.mark.parametrize('line', [*EXAMPLES, *EXAMPLES_OF_README])
def test_an_example_is_a_command_line_that_the_platform_takes(line: str) -> None:
    command = parse(line)
    command.bind([Argument.read(one) for one in IN_YML[command.name]])
    assert not {word.name for word in command.words} & {one['name'] for one in IN_YML[command.name] if one.get('deprecated')}


def test_the_readme_describes_every_command() -> None:
    assert re.findall(r'^### (\S+)$', README.partition('\n## Commands\n')[2], re.MULTILINE) == list(IN_YML)


@pytest.mark.parametrize('command', IN_YML)
def test_the_readme_lists_the_permission_of_a_command(command: str) -> None:
    table = README.partition('### Required permissions')[2].partition('\n## ')[0]
    assert f'`{command}`' in table


@pytest.mark.parametrize('command', IN_YML)
def test_the_readme_describes_every_argument_that_is_not_hidden(command: str) -> None:
    section = README.partition(f'\n### {command}\n')[2].partition('\n### ')[0]
    described = re.findall(r'^\| (\w+) \| .* \| (Required|Optional) \|$', section.partition('#### Input')[2], re.MULTILINE)
    shown = [one for one in IN_YML[command] if not one.get('deprecated')]
    assert described == [(one['name'], 'Required' if one.get('required') else 'Optional') for one in shown]
