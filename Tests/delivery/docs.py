"""`make docs`: the tables of an integration's README, written from its yml between markers, and links to this repository.

Inside XSOAR, relative links lead nowhere. The names of documents in README and description become links as soon as `url` in
pack_metadata.json is the address of this repository at GitHub or GitLab, and are only names while it is empty.

Everything outside the markers, and the example of each command, is written by hand. `demisto-sdk generate-docs` writes a whole
new README; `.demisto-sdk-conf` sends that to build/.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from delivery.commands import ROOT, DeliveryError

_MARKED = r'(<!-- {0}: written by make docs -->\n)(.*?)(<!-- end of {0} -->)'
_EXAMPLE = '#### Command example'
_CHECKBOX = 8
_DOCUMENT = re.compile(r'\[?`((?:docs|Packs)/[^`\s]+\.md)`(?:\]\([^)\s]*\))?')


def main(folder: Path = ROOT) -> int:
    """Write the marked parts of every integration's README, print which ones changed, and return the exit status."""
    for readme in sorted(folder.glob('Packs/*/Integrations/*/README.md')):
        url, text = repository_url(readme.parent), readme.read_text(encoding='utf-8')
        if 'written by make docs' not in text:  # such as that of a copied example
            print(f'docs: {readme.relative_to(folder)}: left alone, it has no markers')
            continue
        try:
            _write(readme, linked(renewed(text, described(readme.parent)), url), folder)
        except DeliveryError as error:
            print(f'docs: {readme.relative_to(folder)}: {error}', file=sys.stderr)
            return 1
        description = readme.with_name(f'{readme.parent.name}_description.md')
        _write(description, linked(description.read_text(encoding='utf-8'), url), folder)
    return 0


def _write(path: Path, text: str, folder: Path) -> None:
    same = path.read_text(encoding='utf-8') == text
    path.write_text(text, encoding='utf-8')
    print(f'docs: {path.relative_to(folder)}: {"as it was" if same else "written"}')


def repository_url(integration: Path) -> str:
    """Return the address of this repository, from the metadata of the integration's pack; empty if it has none."""
    metadata = json.loads((integration.parents[1] / 'pack_metadata.json').read_text(encoding='utf-8'))
    return str(metadata.get('url') or '').rstrip('/')


def linked(text: str, url: str) -> str:
    """Return a document in which the names of this repository's documents are links to them, or only names without a `url`."""
    return _DOCUMENT.sub(lambda found: f'[`{found[1]}`]({url}/blob/main/{found[1]})' if url else f'`{found[1]}`', text)


def described(integration: Path) -> dict[str, Any]:
    """Return the yml of the integration in a folder."""
    return dict(YAML(typ='safe').load(integration / f'{integration.name}.yml'))


def renewed(readme: str, yml: Mapping[str, Any]) -> str:
    """Return the README with its marked parts as the yml wants them.

    Raises:
        DeliveryError: a marker is missing.
    """
    examples = _examples(readme)
    # a quick action has the section of the command that it runs
    described_here = [command for command in yml['script']['commands'] if not command.get('quickaction')]
    commands = [_command(command, examples.get(command['name'], '')) for command in described_here]
    readme = _replaced(readme, 'parameters', _parameters(yml['configuration']))
    return _replaced(readme, 'commands', '\n'.join(commands))


def _replaced(readme: str, name: str, content: str) -> str:
    pattern = re.compile(_MARKED.format(name), re.DOTALL)
    if len(pattern.findall(readme)) != 1:
        begin, end = f'<!-- {name}: written by make docs -->', f'<!-- end of {name} -->'
        raise DeliveryError(f'it has no markers for the {name}. Add {begin} and {end}')
    return pattern.sub(lambda found: f'{found[1]}\n{content}\n{found[3]}', readme)


def _examples(readme: str) -> dict[str, str]:
    """Return the hand-written end of each command's section, by the name of the command."""
    marked = re.search(_MARKED.format('commands'), readme, re.DOTALL)
    sections = re.split(r'^### (\S+)\n', marked[2] if marked else '', flags=re.MULTILINE)
    return {
        name: _EXAMPLE + section.partition(_EXAMPLE)[2].rstrip('\n') + '\n'
        for name, section in zip(sections[1::2], sections[2::2], strict=True)
        if _EXAMPLE in section
    }


def _parameters(configuration: list[Mapping[str, Any]]) -> str:
    rows = []
    for parameter in configuration:
        if parameter.get('hidden'):
            continue
        names = [parameter.get('display'), None if parameter.get('hiddenpassword') else parameter.get('displaypassword')]
        lines = [parameter.get('additionalinfo', '')]
        if parameter.get('defaultvalue') and parameter['type'] != _CHECKBOX:
            lines.append(f'Default: {parameter["defaultvalue"]}.')
        rows.append((' / '.join(filter(None, names)), '\n'.join(filter(None, lines)), str(bool(parameter.get('required')))))
    return _table(('Parameter', 'Description', 'Required'), rows)


def _command(command: Mapping[str, Any], example: str) -> str:
    arguments = [_argument(one) for one in command.get('arguments') or () if not one.get('deprecated')]
    outputs = [(one['contextPath'], one.get('type', 'Unknown'), one['description']) for one in command.get('outputs') or ()]
    return '\n'.join(
        [
            f'### {command["name"]}\n\n***\n{command["description"]}\n',
            f'#### Base Command\n\n`{command["name"]}`\n',
            '#### Input\n',
            _table(('Argument Name', 'Description', 'Required'), arguments) or 'There are no input arguments for this command.\n',
            '#### Context Output\n',
            _table(('Path', 'Type', 'Description'), outputs) or 'There is no context output for this command.\n',
            example,
        ]
    )


def _argument(argument: Mapping[str, Any]) -> tuple[str, str, str]:
    description = argument['description']
    if argument.get('predefined'):
        description += f' Possible values are: {", ".join(argument["predefined"])}.'
    if argument.get('defaultValue'):
        description += f' Default is {argument["defaultValue"]}.'
    return argument['name'], description, 'Required' if argument.get('required') else 'Optional'


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ''
    lines = [
        [f'**{heading}**' for heading in headings],
        ['---'] * len(headings),
        *([_cell(text) for text in row] for row in rows),
    ]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def _cell(text: str) -> str:
    for character, escaped in (('\\', '\\\\'), ('|', '\\|'), ('<', '&lt;'), ('>', '&gt;'), ('\n', '<br/>')):
        text = text.strip().replace(character, escaped)
    return text


if __name__ == '__main__':
    sys.exit(main())
