"""CommonServerPython, ours or the real one, answers each call as was recorded of the real one."""

from pathlib import Path
from typing import Any

import pytest

from conformance.common_server.recording import MessageRow, function_of, play, recorded, rows

ROWS = rows('common-server-answers.json')
OFFERED = [row for row in ROWS if function_of(row)]


def test_no_row_is_lost() -> None:
    assert len(ROWS) == 206
    assert {row['function'] for row in ROWS if row not in OFFERED} == set()


@pytest.mark.parametrize('row', OFFERED, ids=[f'{number}-{row["function"]}' for number, row in enumerate(OFFERED)])
@pytest.mark.usefixtures('recorded_platform')
def test_a_call_is_answered_as_recorded(row: MessageRow, results: list[Any], tmp_path: Path) -> None:
    function = function_of(row)
    assert function
    seen = play(function, row)
    if 'results' in row:
        seen['results'] = recorded(results)
    if 'file' in row:
        [file] = tmp_path.iterdir()
        seen['file'] = {'name': file.name, 'bytes': file.read_bytes().hex()}

    # what returns nothing but speaks to the war room was recorded by what it said
    expected = {'returns': None} if not row.keys() & {'returns', 'raises', 'exits', 'span_seconds'} else {}
    expected |= {key: value for key, value in row.items() if key not in ('function', 'args', 'kwargs')}
    assert seen == expected
