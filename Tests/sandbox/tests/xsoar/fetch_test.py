"""Fetching: incidents first, then the last run; never two at once for one instance."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.tests.machine import wait_until
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient
from sandbox.xsoar import FetchReport
from sandbox.xsoar.errors import NotFound
from sandbox.xsoar.incidents import Incidents


def fetching(xsoar: XsoarTestClient, does: str = 'two', name: str = 'fetcher') -> None:
    xsoar.add(name, isFetch=True, fetch_does=does, incidentType='Phishing')


def names(xsoar: XsoarTestClient) -> list[str]:
    return [each['name'] for each in xsoar.call('POST', '/incidents/search', {'filter': {'size': 1000}})['data']]


def test_a_fetch_creates_incidents_and_keeps_where_it_was(xsoar: XsoarTestClient) -> None:
    fetching(xsoar)

    first, second = xsoar.server.fetch_now('fetcher'), xsoar.server.fetch_now('fetcher')

    assert (
        [each['name'] for each in (*first.incidents, *second.incidents)]
        == names(xsoar)
        == [f'incident {n}' for n in (1, 2, 3, 4)]
    )
    assert (first.error, xsoar.server.last_run('fetcher')) == ('', {'next': 5})


def test_an_incident_says_where_it_comes_from(xsoar: XsoarTestClient) -> None:
    fetching(xsoar)
    xsoar.server.fetch_now('fetcher')

    incident = xsoar.call('POST', '/incidents/search', {'filter': {'sourceInstance': 'fetcher'}})['data'][0]

    assert (incident['type'], incident['sourceBrand'], incident['occurred']) == ('Phishing', 'Probe', '2024-05-01T10:00:00Z')
    assert json.loads(incident['rawJSON']) == {'number': 1}


def test_attachments_are_kept_with_their_incident(xsoar: XsoarTestClient) -> None:
    fetching(xsoar, 'attach')

    incident = xsoar.server.fetch_now('fetcher').incidents[0]

    assert incident['attachment'][0]['name'] == 'note.txt'
    entry = xsoar.entries(incident['id'])[0]
    assert (entry['file'], entry['fileID']) == ('note.txt', incident['attachment'][0]['path'])
    assert xsoar.request('GET', f'/entry/download/{entry["id"]}').text == 'attached text'


@pytest.mark.parametrize(
    'does, error',
    [
        ('crash', 'The command crashed: RuntimeError: after the hand-over'),
        ('error', 'the mailbox is locked'),
        ('attach nothing', "The command named a file 'missing' that it did not write: make files with fileResult."),
    ],
)
def test_a_fetch_that_fails_stores_nothing_and_says_why(xsoar: XsoarTestClient, does: str, error: str) -> None:
    fetching(xsoar, does)

    assert xsoar.server.fetch_now('fetcher') == FetchReport((), error)
    assert (names(xsoar), xsoar.server.last_run('fetcher')) == ([], {})
    assert xsoar.instance('fetcher')['health'] == error


def fetch_again(xsoar: XsoarTestClient, does: str) -> str:
    """Fetch again, and return the health of the instance."""
    instance = xsoar.instance('fetcher')
    next(each for each in instance['data'] if each['name'] == 'fetch_does')['value'] = does
    xsoar.call('PUT', '/settings/integration', instance)
    assert not xsoar.server.fetch_now('fetcher').error
    return str(xsoar.instance('fetcher')['health'])


@pytest.mark.parametrize('does', ['error', 'say'])
def test_a_good_fetch_heals_the_instance(xsoar: XsoarTestClient, does: str) -> None:
    fetching(xsoar, does)
    xsoar.server.fetch_now('fetcher')
    assert fetch_again(xsoar, 'two') == ''


def test_what_a_command_said_as_an_error_stays_until_it_says_something_else(xsoar: XsoarTestClient) -> None:
    fetching(xsoar, 'say an error')
    xsoar.server.fetch_now('fetcher')
    assert fetch_again(xsoar, 'two') == 'a folder is missing'
    assert fetch_again(xsoar, 'say') == 'a folder is missing'
    assert fetch_again(xsoar, 'say an error') == 'a folder is missing'
    assert fetch_again(xsoar, 'say nothing') == ''


def test_incidents_are_stored_before_the_last_run(xsoar: XsoarTestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    fetching(xsoar)
    add: Callable[..., Any] = Incidents.add
    seen = []

    def look(self: Incidents, *values: Any) -> Any:
        seen.append(xsoar.server.last_run('fetcher'))
        return add(self, *values)

    monkeypatch.setattr(Incidents, 'add', look)
    xsoar.server.fetch_now('fetcher')

    assert seen == [{}, {}]


def test_a_server_that_dies_between_the_two_fetches_the_batch_again(
    xsoar: XsoarTestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching(xsoar)
    with monkeypatch.context() as patched:
        patched.setattr('sandbox.xsoar.instances.Instances.set_last_run', lambda *values: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            xsoar.server.fetch_now('fetcher')

    xsoar.server.fetch_now('fetcher')

    assert names(xsoar) == ['incident 1', 'incident 2', 'incident 1', 'incident 2']


def test_fetches_of_one_instance_never_overlap(xsoar: XsoarTestClient) -> None:
    fetching(xsoar, 'slow')
    runs = [threading.Thread(target=xsoar.server.fetch_now, args=('fetcher',)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert names(xsoar) == [f'incident {number}' for number in range(1, 7)]


def test_an_unknown_instance_cannot_fetch(xsoar: XsoarTestClient) -> None:
    with pytest.raises(NotFound, match="There is no instance 'nobody'"):
        xsoar.server.fetch_now('nobody')


def test_the_server_fetches_by_itself_in_the_interval_of_the_instance(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(fetches=True, second=0.02)
    began = time.monotonic()
    fetching(xsoar)

    wait_until(lambda: len(names(xsoar)) >= 6)

    assert time.monotonic() - began >= 2 * 60 * 0.02, 'three fetches take two intervals of a minute'
    assert names(xsoar)[:6] == [f'incident {number}' for number in range(1, 7)]


@pytest.mark.parametrize('parameters', [{'enabled': False, 'isFetch': True}, {'isFetch': False}])
def test_an_instance_that_is_disabled_or_does_not_fetch_is_not_fetched(
    start: Callable[..., XsoarTestClient], parameters: dict[str, Any]
) -> None:
    xsoar = start(fetches=True)
    xsoar.add('idle', **parameters)
    fetching(xsoar, name='busy')

    wait_until(lambda: len(names(xsoar)) >= 4)

    assert {each['sourceInstance'] for each in xsoar.call('POST', '/incidents/search', {})['data']} == {'busy'}


def test_fetching_ends_when_the_instance_is_disabled(start: Callable[..., XsoarTestClient]) -> None:
    def fetched_by(name: str) -> int:
        return len(xsoar.call('POST', '/incidents/search', {'filter': {'sourceInstance': name, 'size': 1000}})['data'])

    xsoar = start(fetches=True, second=0.001)
    fetching(xsoar)
    wait_until(lambda: fetched_by('fetcher'))
    xsoar.call('PUT', '/settings/integration', {**xsoar.instance('fetcher'), 'enabled': 'false', 'version': -1})
    before = fetched_by('fetcher')
    fetching(xsoar, name='another')

    wait_until(lambda: fetched_by('another') >= 8)

    assert fetched_by('fetcher') - before in (0, 2), 'at most the fetch that went on was completed'
