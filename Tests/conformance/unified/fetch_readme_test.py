"""The README of the integration describes the parameters and the incidents as they are."""

import re
from typing import Any

import pytest

from conformance.unified.incident_keys import ATTACHMENTS, EMAIL
from conformance.unified.integration_yml import YML
from conformance.unified.sources import INTEGRATION

README = (INTEGRATION / 'README.md').read_text(encoding='utf-8')
SHOWN: list[dict[str, Any]] = [one for one in YML['configuration'] if not one.get('hidden')]


def table(heading: str) -> dict[str, str]:
    """Return the second cell of each row of the tables below a heading, by the first cell."""
    level = heading.partition(' ')[0]
    text = README.partition(f'\n{heading}\n')[2].partition(f'\n{level} ')[0]
    rows = [line.removeprefix('| ').removesuffix(' |').split(' | ') for line in text.splitlines() if line.startswith('| ')]
    return {row[0]: row[1] for row in rows}


PARAMETERS = table('## Configure O365 Outlook Mail Single User in Cortex')
INCIDENT = table('### What an incident contains')


def label(parameter: dict[str, Any]) -> str:
    """Return the label of a parameter in the README."""
    seen = ' / '.join(filter(None, (parameter['display'], parameter.get('displaypassword'))))
    return seen.replace('<', '&lt;').replace('>', '&gt;')


@pytest.mark.parametrize('parameter', SHOWN, ids=lambda parameter: str(parameter['name']))
def test_a_parameter_is_described_as_in_the_settings(parameter: dict[str, Any]) -> None:
    default = f'Default: {parameter["defaultvalue"]}.' if 'defaultvalue' in parameter else ''
    described = PARAMETERS[label(parameter)].replace('<br/>', '\n').replace('\\\\', '\\')
    assert described == '\n'.join(filter(None, (parameter.get('additionalinfo'), default)))


def test_no_other_parameter_is_described() -> None:
    assert set(PARAMETERS) == {'**Parameter**', '---', *map(label, SHOWN)}


def test_every_key_of_an_incident_is_described_and_no_other() -> None:
    keys = {key for cell in INCIDENT for key in re.findall(r'`(\w+)`', cell)}
    display_names = {key for cell in INCIDENT.values() for key in re.findall(r'`(\w+Names?)`', cell)}
    assert keys | display_names == {*EMAIL, 'dbotMirrorId'}


def test_every_key_of_an_attachment_is_described_and_no_other() -> None:
    kinds = {'file', 'item', 'reference', 'invitation'}
    assert set(re.findall(r'`(\w+)`', INCIDENT['`AttachmentDetails`'])) == {key for one in ATTACHMENTS for key in one} | kinds
