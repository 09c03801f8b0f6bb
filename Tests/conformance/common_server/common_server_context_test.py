"""The integration context: versions that refuse a stale writer, and writers that try again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from CommonServerPython import (
    demisto,
    get_integration_context,
    get_integration_context_with_version,
    set_integration_context,
    set_to_integration_context_with_retries,
    update_integration_context,
)

Compete = Callable[[int], list[Any]]


@pytest.fixture
def compete(monkeypatch: pytest.MonkeyPatch) -> Compete:
    """Has another run of the instance write after each of our first reads, so many times; gives the list of those writes."""
    read = demisto.getIntegrationContextVersioned

    def start(times: int) -> list[Any]:
        writes: list[Any] = []

        def read_then_lose(refresh: bool = False) -> dict[str, Any]:
            found = read(refresh)
            if len(writes) < times:
                writes.append(found['version'])
                demisto.setIntegrationContextVersioned({**found['context'], 'theirs': str(len(writes))})
            return found

        monkeypatch.setattr(demisto, 'getIntegrationContextVersioned', read_then_lose)
        return writes

    return start


@pytest.mark.parametrize('is_object', [False, True])
def test_what_is_written_is_read_with_a_higher_version(monkeypatch: pytest.MonkeyPatch, is_object: bool) -> None:
    monkeypatch.setattr(demisto, 'versions_are_objects', is_object)
    version = demisto.getIntegrationContextVersioned()['version']
    set_integration_context({'token': 'first'}, version=version)
    found = get_integration_context(with_version=True)
    assert (found['context'], isinstance(found['version'], dict)) == ({'token': 'first'}, is_object)
    assert get_integration_context_with_version() == ({'token': 'first'}, found['version'])
    before, after = (each['version'] if is_object else each for each in (version, found['version']))
    assert after == before + 1


def test_a_stale_version_is_refused_and_changes_nothing() -> None:
    version = demisto.getIntegrationContextVersioned()['version']
    set_integration_context({'token': 'first'}, version=version)
    with pytest.raises(ValueError, match='version'):
        set_integration_context({'token': 'second'}, version=version)
    assert get_integration_context() == {'token': 'first'}


def test_without_a_version_any_is_written_over() -> None:
    set_integration_context({'token': 'first'})
    set_integration_context({'token': 'second'})
    demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'more': 'x'})
    assert get_integration_context() == {'token': 'second', 'more': 'x'}


def test_what_was_read_is_a_copy() -> None:
    set_integration_context({'token': 'first'})
    get_integration_context()['token'] = 'changed'
    demisto.getIntegrationContext()['token'] = 'changed'
    assert get_integration_context() == {'token': 'first'}


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        set_integration_context({'token': b'bytes'})


def test_an_update_writes_nothing_and_keeps_the_other_keys() -> None:
    set_integration_context({'kept': '"x"'})
    changed, _ = update_integration_context({'added': {'a': 1}})
    assert {key: json.loads(value) for key, value in changed.items()} == {'kept': 'x', 'added': {'a': 1}}
    assert get_integration_context() == {'kept': '"x"'}


def test_an_update_merges_lists_of_objects_by_their_key() -> None:
    set_integration_context({'mails': json.dumps([{'id': 1, 'n': 'old'}, {'id': 2, 'n': 'old'}, {'id': 3, 'n': 'old'}])})
    updates = [{'id': 2, 'n': 'new'}, {'id': 3, 'remove': True}, {'id': 4, 'n': 'new'}]
    changed, _ = update_integration_context({'mails': updates}, object_keys={'mails': 'id'})
    assert json.loads(changed['mails']) == [{'id': 1, 'n': 'old'}, {'id': 2, 'n': 'new'}, {'id': 4, 'n': 'new'}]


def test_a_writer_that_was_too_slow_tries_again_and_loses_nothing(compete: Compete) -> None:
    writes = compete(2)
    set_to_integration_context_with_retries({'ours': 'x'})
    assert len(writes) == 2
    assert get_integration_context() == {'ours': '"x"', 'theirs': '2'}


def test_a_writer_that_is_always_too_slow_gives_up(compete: Compete) -> None:
    writes = compete(1000)
    with pytest.raises(Exception, match='ntegration context'):
        set_to_integration_context_with_retries({'ours': 'x'}, max_retry_times=2)
    assert 2 <= len(writes) <= 4
    assert 'ours' not in get_integration_context()


def test_the_last_run_is_kept() -> None:
    demisto.setLastRun({'cursor': 'x'})
    assert demisto.getLastRun() == {'cursor': 'x'}
