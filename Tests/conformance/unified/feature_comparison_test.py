"""docs/feature-comparison.md: our column says what the yml of the integration says, and each peer has a source with a date."""

import re
from pathlib import Path

import pytest

from conformance.unified.integration_yml import IN_YML, QUICK_ACTIONS, YML

PAGE = Path(__file__).parents[3].joinpath('docs', 'feature-comparison.md').read_text(encoding='utf-8')
OURS = 'O365 Outlook Mail Single User'
PARAMETERS = {one['name'] for one in YML['configuration']}
ROWS = [
    [cell.strip() for cell in line.strip('|').split('|')]
    for table in re.findall(rf'^\| Feature \| {OURS} .*\n.*\n((?:\|.*\n)+)', PAGE, re.MULTILINE)
    for line in table.splitlines()
]
PEERS = re.search(rf'^\| Feature \| {OURS} \| (.*) \|$', PAGE, re.MULTILINE)


def names_in(cell: str) -> list[str]:
    return re.findall(r'`([^`]+)`', cell)


def exists(name: str) -> bool:
    """Return whether a command, a command with an argument, or a parameter is in the yml."""
    command, _, argument = name.partition(' ')
    arguments = {one['name'] for one in IN_YML.get(command, {}).get('arguments') or ()}
    return argument in arguments if argument else name in {*IN_YML, *QUICK_ACTIONS, *PARAMETERS}


@pytest.mark.parametrize('row', ROWS, ids=[row[0] for row in ROWS])
def test_our_column_says_what_the_yml_says(row: list[str]) -> None:
    _, ours, *peers = row
    assert names_in(ours), 'The column names no command or parameter.'
    assert {exists(name) for name in names_in(ours)} == {not ours.startswith('no: ')}
    assert len(peers) == 5
    assert all(peers)


def test_every_command_is_in_the_comparison() -> None:
    named = {name.partition(' ')[0] for row in ROWS for name in names_in(row[1])}
    assert {*IN_YML, *QUICK_ACTIONS} - named == set()


def test_each_peer_has_a_source_with_a_date() -> None:
    assert PEERS
    sources = re.findall(r'^\| (\S.*?) \| .*\(?https://\S+.* \| (?:read )?(\d{4}-\d\d-\d\d) \|$', PAGE, re.MULTILINE)
    assert [name for name, _ in sources] == PEERS[1].split(' | ')
