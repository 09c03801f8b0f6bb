"""The table of what users of such clients reported: what happened before, and what the product does in this test run.

A plugin of the whole run (see conftest.py at the root), because processes of pytest-xdist report to one that collects no tests.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

KEY = 'field report'


class Row(NamedTuple):
    """One input of one kind of fault; ``row`` is the report, S1 to S19 or M1 to M22, which README.md explains."""

    row: str
    input: str
    before: str
    now: str


def seen(outcome: Any) -> str:
    """Return what a request for a token led to: whose token with which permissions, or the error."""
    claims: dict[str, Any] = getattr(outcome, 'claims', dict)()
    permissions = str(claims.get('scp') or '').split() or claims.get('roles') or []
    account = claims.get('upn') or claims.get('app_displayname') or claims.get('appid')
    return f'a token of {account} with {len(permissions)} permissions' if claims else str(getattr(outcome, 'what', outcome))


@pytest.fixture
def field_report(request: pytest.FixtureRequest) -> Callable[[str, str, str, str], None]:
    """Add a row to the table that the run prints: its number, the input, what happened before, and what the test saw now."""

    def add(row: str, given: str, before: str, now: str) -> None:
        request.node.user_properties.append((KEY, [row, given, before, now]))  # a list, which pytest-xdist can send

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows of the tests that passed."""
    passed = terminalreporter.stats.get('passed', [])
    rows = [Row(*value) for each in passed if each.when == 'call' for key, value in each.user_properties if key == KEY]
    if not rows:
        return
    terminalreporter.section('reports from the field')
    for row in sorted(rows, key=lambda each: (each.row[0], int(each.row[1:]), each.input)):
        line = ' | '.join(' '.join(part.split()) for part in row)
        terminalreporter.write_line(line)
