"""Commands that the server runs again until they are done."""

from typing import Any

import pytest

from CommonServerPython import CommandResults, PollResult, ScheduledCommand, demisto, polling_function

FINISHED = CommandResults(readable_output='finished')


def search(args: dict[str, Any]) -> PollResult:
    """Is done when it is told so."""
    return PollResult(FINISHED, continue_to_poll=not args.get('done'), args_for_next_run={**args, 'job': '7'})


poll = polling_function('search', interval=30, timeout=600)(search)


def test_the_first_round_schedules_the_next() -> None:
    entry = poll({'query': 'x', 'polling': 'true'}).to_context()
    assert entry['PollingCommand'] == 'search'
    assert entry['NextRun'] == '30'
    assert entry['Timeout'] == '600'
    assert entry['PollingArgs'].items() >= {'query': 'x', 'polling': 'true', 'job': '7'}.items()
    assert entry['HumanReadable'] == 'Fetching Results:'


def test_the_second_round_says_nothing() -> None:
    first = poll({'polling': 'true'}).to_context()
    second = poll(first['PollingArgs']).to_context()
    assert second['PollingArgs'] == first['PollingArgs']
    assert not second['HumanReadable']


def test_the_last_round_answers() -> None:
    assert poll({'polling': 'true', 'done': True}) is FINISHED


def test_without_polling_there_is_one_round() -> None:
    assert poll({'query': 'x'}) is FINISHED


def test_polling_without_an_argument_to_enable_it() -> None:
    always = polling_function('search', requires_polling_arg=False)(search)
    assert always({'query': 'x'}).to_context()['PollingCommand'] == 'search'


def test_the_decorator_sets_the_pace() -> None:
    entry = poll({'polling': 'true', 'interval_in_seconds': '15', 'timeout_in_seconds': '90'}).to_context()
    assert (entry['NextRun'], entry['Timeout']) == ('30', '600')


def test_a_partial_result_takes_the_place_of_the_message(results: list[Any]) -> None:
    partial = CommandResults(readable_output='half of it')
    entry = polling_function('search')(lambda args: PollResult(None, True, partial_result=partial))(
        {'polling': 'true'}
    ).to_context()
    assert (entry['HumanReadable'], entry['PollingCommand']) == ('half of it', 'search')
    assert results == []


def test_the_version_of_the_server_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'demistoVersion', lambda: {'version': '6.1.0', 'buildNumber': '1'})
    assert ScheduledCommand.supports_polling()
    assert ScheduledCommand('search', next_run_in_seconds=30).to_results()['PollingCommand'] == 'search'
