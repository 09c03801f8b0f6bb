"""The examples: valid command lines, and the output of each command in the README."""

import json
import re

import pytest

from conformance.unified.integration_yml import IN_YML, cut_at, leaves
from conformance.unified.sources import INTEGRATION
from sandbox.xsoar.commands import parse
from sandbox.xsoar.content import Argument

ARGUMENTS = {name: command.get('arguments') or [] for name, command in IN_YML.items()}
EXAMPLES = (INTEGRATION / 'command_examples.txt').read_text(encoding='utf-8').splitlines()
README = (INTEGRATION / 'README.md').read_text(encoding='utf-8')
EXAMPLES_OF_README = re.findall(r'^#### Command example\n+```(!.*?)```$', README, re.MULTILINE)
EXAMPLE = re.compile(r'^#### Command example\n+```!(\S+)[^\n]*```\n(.*)', re.MULTILINE | re.DOTALL)
CONTEXT = re.compile(r'^#### Context Example\n+```json\n(.*?)\n```$', re.MULTILINE | re.DOTALL)
# What the platform adds besides.
OF_EVERY_FILE = {'File.Info', 'File.SHA512'}


def section_of(command: str) -> str:
    """Return the section of the README on a command."""
    return README.partition(f'\n### {command}\n')[2].partition('\n### ')[0].partition('\n## ')[0]


def test_every_command_has_an_example() -> None:
    assert {parse(line).name for line in EXAMPLES} == set(IN_YML)


@pytest.mark.parametrize('line', [*EXAMPLES, *EXAMPLES_OF_README])
def test_an_example_is_a_valid_command_line(line: str) -> None:
    command = parse(line)
    command.bind([Argument.read(one) for one in ARGUMENTS[command.name]])
    assert not {word.name for word in command.words} & {one['name'] for one in ARGUMENTS[command.name] if one.get('deprecated')}


def test_the_readme_describes_every_command() -> None:
    assert re.findall(r'^### (\S+)$', README.partition('\n## Commands\n')[2], re.MULTILINE) == list(IN_YML)


@pytest.mark.parametrize('command', IN_YML)
def test_the_readme_lists_the_permission_of_a_command(command: str) -> None:
    table = README.partition('### Required permissions')[2].partition('\n## ')[0]
    assert f'`{command}`' in table


@pytest.mark.parametrize('command', IN_YML)
def test_the_readme_shows_the_output_of_every_command(command: str) -> None:
    """A text, unless the output is a file; and a context with exactly the paths of the yml."""
    outputs = {output['contextPath'] for output in IN_YML[command].get('outputs') or ()}
    [(name, shown)] = EXAMPLE.findall(section_of(command))
    contexts = [json.loads(text) for text in CONTEXT.findall(shown)]
    assert (name, len(contexts)) == (command, bool(outputs))
    assert ('\n#### Human Readable Output\n\n>' in shown) == (not any('File' in context for context in contexts))
    given = {path.removeprefix('.') for context in contexts for path, value in leaves('', context) if value != []}
    assert {cut_at(outputs, path) for path in given} - OF_EVERY_FILE <= outputs


@pytest.mark.parametrize('command', IN_YML)
def test_the_readme_describes_every_visible_argument(command: str) -> None:
    section = section_of(command)
    described = re.findall(r'^\| (\w+) \| .* \| (Required|Optional) \|$', section.partition('#### Input')[2], re.MULTILINE)
    shown = [one for one in ARGUMENTS[command] if not one.get('deprecated')]
    assert described == [(one['name'], 'Required' if one.get('required') else 'Optional') for one in shown]
