"""Scheduled commands: run again by the server, at the right time, until they are done or their time is over."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from sandbox.tests.machine import wait_until
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient
from sandbox.xsoar.schedules import Schedule, Schedules


def contents(xsoar: XsoarTestClient) -> list[str]:
    return [each['contents'] for each in xsoar.entries()]


def due_times(xsoar: XsoarTestClient) -> list[float]:
    """Return when the scheduled runs are due. A run is in the database until it has ended and the next one is scheduled."""
    with closing(sqlite3.connect(xsoar.server.data_folder / 'xsoar.db')) as connection:
        return [due for (due,) in connection.execute('SELECT due FROM schedules')]


def test_a_command_goes_on_until_it_schedules_no_more(xsoar: XsoarTestClient) -> None:
    first = xsoar.run('!probe-poll left=3')

    assert [each['contents'] for each in first] == ['3 left']
    wait_until(lambda: 'counted down' in contents(xsoar))
    wait_until(lambda: not due_times(xsoar))
    assert contents(xsoar) == ['!probe-poll left=3', '3 left', '2 left', '1 left', 'counted down']


def test_a_scheduled_run_starts_once(xsoar: XsoarTestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the background has read the schedule before the run ended."""
    read: dict[int, Schedule] = {}
    skipped: set[int] = set()
    read_all, holds = Schedules.all, Schedules.holds

    def all_ever_read(self: Schedules) -> list[Schedule]:
        read.update((one.id, one) for one in read_all(self))
        return list(read.values())

    def record(self: Schedules, schedule: Schedule) -> bool:
        if is_held := holds(self, schedule):
            return is_held
        skipped.add(schedule.id)
        return False

    monkeypatch.setattr(Schedules, 'all', all_ever_read)
    monkeypatch.setattr(Schedules, 'holds', record)
    xsoar.run('!probe-poll left=2')
    wait_until(lambda: len(skipped) == 2)
    assert contents(xsoar) == ['!probe-poll left=2', '2 left', '1 left', 'counted down']


def test_later_entries_belong_to_the_same_command(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-poll left=1')
    wait_until(lambda: 'counted down' in contents(xsoar))

    parent, first, last = xsoar.entries()

    assert first['parentId'] == last['parentId'] == parent['id']
    assert (last['parentContent'], last['instance'], last['brand']) == ('!probe-poll left=1', 'probe', 'Probe')
    assert (first['scheduled'], last['scheduled']) == (True, False)


def test_each_run_waits_the_seconds_that_it_asked_for(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(second=1000)
    xsoar.add()
    started = time.time()

    xsoar.run('!probe-poll left=1')

    [due] = due_times(xsoar)
    assert started <= due - 10 * 1000 <= time.time()


def test_arguments_of_later_runs_are_passed_on(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-poll left=1 word=secret-word')

    assert wait_until(lambda: xsoar.context('${Probe.Poll.Word}')) == 'secret-word'


def test_polling_ends_when_its_time_is_over(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-poll left=100 timeout=25')

    wait_until(lambda: [each for each in xsoar.entries() if each['type'] == 4])

    last = xsoar.entries()[-1]
    assert last['contents'] == '!probe-poll does not go on: its time is over; run it again, with a longer timeout if it has one.'
    # 25 seconds are over before the third run; how many come until then depends on the machine
    seen = contents(xsoar)[1:-1]
    assert seen == ['100 left', '99 left', '98 left'][: len(seen)]
    wait_until(lambda: not due_times(xsoar))
    assert xsoar.entries()[-1]['id'] == last['id']


def test_a_schedule_survives_a_restart_of_the_server(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start()
    xsoar.add()
    playground = xsoar.playground
    xsoar.run('!probe-poll left=2 word=secret-word')
    xsoar.server.stop()

    xsoar = start()

    wait_until(lambda: 'counted down' in contents(xsoar))
    assert xsoar.playground == playground
    assert contents(xsoar)[-3:] == ['2 left', '1 left', 'counted down']


def test_polling_does_not_go_on_for_a_disabled_instance(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-poll left=100')
    xsoar.call('PUT', '/settings/integration', {**xsoar.instance(), 'enabled': 'false', 'version': -1})

    last = wait_until(lambda: [each for each in xsoar.entries() if each['type'] == 4])[0]

    assert last['contents'] == "!probe-poll does not go on: enable the instance 'probe' and run the command again."


def test_polling_of_a_deleted_instance_ends(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-poll left=100')
    xsoar.call('DELETE', f'/settings/integration/{xsoar.instance()["id"]}')

    wait_until(lambda: not due_times(xsoar))


def test_polling_of_an_instance_that_is_deleted_while_it_waits_says_so(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(second=1000)
    xsoar.add()
    xsoar.run('!probe-poll left=1')

    xsoar.call('DELETE', f'/settings/integration/{xsoar.instance()["id"]}')

    assert contents(xsoar)[-1] == "!probe-poll does not go on: the instance 'probe' was deleted; run it on another one."
    assert due_times(xsoar) == []


def test_a_command_whose_instance_is_deleted_while_it_runs_ends_with_a_sentence(
    xsoar: XsoarTestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id, add = xsoar.instance()['id'], Schedules.add

    def add_too_late(self: Schedules, *values: Any) -> None:
        xsoar.call('DELETE', f'/settings/integration/{instance_id}')
        add(self, *values)

    monkeypatch.setattr(Schedules, 'add', add_too_late)

    said = [each['contents'] for each in xsoar.run('!probe-poll left=1')]

    assert said == ['1 left', '!probe-poll does not go on: its instance was deleted; run it on another one.']


def entry(**polling: Any) -> str:
    return json.dumps({'Type': 1, 'Contents': 'wait', 'ContentsFormat': 'text', 'NextRun': '10', 'Timeout': '600', **polling})


@pytest.mark.parametrize(
    'polling, sentence',
    [
        ({'PollingCommand': 'nothing'}, '!nothing does not go on: Probe has no such command; name one in ScheduledCommand.'),
        ({'PollingCommand': 'probe-need'}, '!probe-need needs the argument what: write what=<value>.'),
    ],
)
def test_a_schedule_that_cannot_be_run_is_an_error_entry(xsoar: XsoarTestClient, polling: dict[str, Any], sentence: str) -> None:
    assert xsoar.say(f'!probe-send result={entry(**polling)}') == 'wait'

    last = wait_until(lambda: [each for each in xsoar.entries() if each['type'] == 4])[0]

    assert last['contents'] == sentence


def test_a_scheduled_run_that_crashes_ends_the_polling(xsoar: XsoarTestClient) -> None:
    xsoar.run(f'!probe-send result={entry(PollingCommand="probe-crash", PollingArgs={"how": "kill"})}')

    last = wait_until(lambda: [each for each in xsoar.entries() if each['type'] == 4])[0]

    assert 'signal 9' in last['contents']
    assert xsoar.say('!probe-echo alive') == 'echo alive'
