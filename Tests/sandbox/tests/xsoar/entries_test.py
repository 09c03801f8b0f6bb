"""Entries: what the platform's library sends, as it was recorded of the real one, becomes what a person reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.xsoar.entries import ERROR, FILE, METRICS, NOTE, Entry, Polling, entries_of

RECORDED = json.loads(
    (Path(__file__).parents[3] / 'conformance/common_server/data/common-server-answers.json').read_text(encoding='utf-8')
)


def recorded(function: str, **kwargs: Any) -> Any:
    row = next(each for each in RECORDED if each['function'] == function and each['kwargs'] == kwargs)
    return row.get('returns', row.get('results'))


def one(result: Any) -> Entry:
    entries = entries_of(result)
    assert len(entries) == 1
    return entries[0]


def test_every_recorded_result_gives_readable_entries() -> None:
    results = [row['returns'] for row in RECORDED if row['function'] == 'CommandResults(...).to_context' and 'returns' in row]
    results += [result for row in RECORDED if row['function'] in ('return_results', 'return_error') for result in row['results']]

    entries = [entry for result in results for entry in entries_of(result)]

    assert len(entries) > 20
    assert all(isinstance(entry.contents, str) and entry.type in (NOTE, ERROR) for entry in entries)


def test_what_a_person_reads_is_the_readable_output() -> None:
    entry = one(
        recorded('CommandResults(...).to_context', outputs_prefix='A.B', outputs_key_field='ID', outputs={'ID': 1, 'x': None})
    )

    assert (entry.format, entry.contents.splitlines()[0], entry.outputs) == (
        'markdown',
        '### Results',
        {'A.B(val.ID && val.ID == obj.ID)': {'ID': 1, 'x': None}},
    )


def test_an_error_is_an_error_with_its_outputs() -> None:
    row = next(each for each in RECORDED if each['function'] == 'return_error' and each['kwargs'].get('outputs'))

    entry = one(row['results'])

    assert (entry.type, entry.contents, entry.outputs) == (ERROR, 'boom', {'a': 1})


def test_a_file_is_named_by_its_id() -> None:
    entry = one(next(each['returns'] for each in RECORDED if each['function'] == 'fileResult'))

    assert (entry.type, entry.file, entry.file_id) == (FILE, 'a.txt', 'unique')


def test_metrics_are_kept_apart() -> None:
    row = next(each for each in RECORDED if each['function'].startswith('ExecutionMetrics'))

    entry = one(row['returns'])

    assert (entry.type, entry.metrics[0]) == (METRICS, {'APICallsCount': 2, 'Type': 'Successful'})


def test_notes_and_tags_are_kept() -> None:
    assert one(recorded('CommandResults(...).to_context', mark_as_note=True, readable_output='n')).note is True
    assert one(recorded('CommandResults(...).to_context', tags=['t'], readable_output='n')).tags == ['t']


@pytest.mark.parametrize(
    'kwargs, timeout, arguments',
    [
        (
            {'command': '!x', 'next_run_in_seconds': 30, 'args': {'a': 1}, 'timeout_in_seconds': 600, 'items_remaining': 2},
            600,
            {'a': 1},
        ),
        ({'command': '!x', 'next_run_in_seconds': 30, 'args': {'a': 1}}, 600, {'a': 1}),
        ({'command': '!x', 'next_run_in_seconds': 3}, 600, {}),
    ],
)
def test_a_scheduled_command_is_a_polling(kwargs: dict[str, Any], timeout: float, arguments: dict[str, Any]) -> None:
    polling = recorded('ScheduledCommand(...).to_results', **kwargs)

    entry = one({'Type': 1, 'Contents': 'wait', 'ContentsFormat': 'text', **polling})

    assert entry.polling == Polling('x', arguments, float(polling['NextRun']), timeout)


@pytest.mark.parametrize(
    'result, contents, shape',
    [
        ('text', 'text', 'text'),
        ({'a': 'ключ'}, '{"a": "ключ"}', 'json'),
        (5, '5', 'json'),
        (False, 'false', 'json'),
        ({'Type': 1, 'Contents': {'a': 1}, 'ContentsFormat': 'json'}, '{"a": 1}', 'json'),
        ({'Type': 1, 'Contents': None, 'ContentsFormat': 'json'}, '', 'text'),
        ({'Type': 1, 'Contents': {'a': 1}, 'ContentsFormat': 'json', 'HumanReadable': '*a*'}, '*a*', 'markdown'),
    ],
)
def test_any_json_becomes_readable(result: Any, contents: str, shape: str) -> None:
    entry = one(result)

    assert (entry.contents, entry.format) == (contents, shape)


@pytest.mark.parametrize('result', [None, [], [None, []]])
def test_nothing_gives_no_entry(result: Any) -> None:
    assert entries_of(result) == []


def test_lists_are_taken_apart() -> None:
    assert [entry.contents for entry in entries_of([{'a': 1}, ['b', 'c']])] == ['{"a": 1}', 'b', 'c']


@pytest.mark.parametrize(
    'result',
    [
        {'Type': 'x'},
        {'Type': None},
        {'Type': 1, 'PollingCommand': 'x', 'NextRun': 'soon'},
        {'Type': 1, 'Tags': 5},
        {'Type': 1, 'PollingCommand': 'x', 'PollingArgs': 5},
    ],
)
def test_an_entry_that_cannot_be_read_says_so(result: Any) -> None:
    entry = one(result)

    assert (entry.type, 'cannot be read' in entry.contents) == (ERROR, True)
