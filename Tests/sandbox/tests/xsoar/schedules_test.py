"""Scheduled commands: run again by the server, at the right time, until they are done or their time is over."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from sandbox.tests.machine import wait_until
from sandbox.tests.xsoar.desk import Desk
from sandbox.xsoar.schedules import Schedule, Schedules


def contents(desk: Desk) -> list[str]:
    return [each['contents'] for each in desk.entries()]


def due_times(desk: Desk) -> list[float]:
    """Return when the scheduled runs are due. A run is in the database until it has ended and the next one is scheduled."""
    with closing(sqlite3.connect(desk.server.data_folder / 'xsoar.db')) as connection:
        return [due for (due,) in connection.execute('SELECT due FROM schedules')]


def test_a_command_goes_on_until_it_schedules_no_more(desk: Desk) -> None:
    first = desk.run('!probe-poll left=3')

    assert [each['contents'] for each in first] == ['3 left']
    wait_until(lambda: 'counted down' in contents(desk))
    wait_until(lambda: not due_times(desk))
    assert contents(desk) == ['!probe-poll left=3', '3 left', '2 left', '1 left', 'counted down']


def test_a_scheduled_run_starts_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
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
    desk.run('!probe-poll left=2')
    wait_until(lambda: len(skipped) == 2)
    assert contents(desk) == ['!probe-poll left=2', '2 left', '1 left', 'counted down']


def test_later_entries_belong_to_the_same_command(desk: Desk) -> None:
    desk.run('!probe-poll left=1')
    wait_until(lambda: 'counted down' in contents(desk))

    parent, first, last = desk.entries()

    assert first['parentId'] == last['parentId'] == parent['id']
    assert (last['parentContent'], last['instance'], last['brand']) == ('!probe-poll left=1', 'probe', 'Probe')
    assert (first['scheduled'], last['scheduled']) == (True, False)


def test_each_run_waits_the_seconds_that_it_asked_for(start: Callable[..., Desk]) -> None:
    desk = start(second=1000)
    desk.add()
    started = time.time()

    desk.run('!probe-poll left=1')

    [due] = due_times(desk)
    assert started <= due - 10 * 1000 <= time.time()


def test_arguments_of_later_runs_are_passed_on(desk: Desk) -> None:
    desk.run('!probe-poll left=1 word=secret-word')

    assert wait_until(lambda: desk.context('${Probe.Poll.Word}')) == 'secret-word'


def test_polling_ends_when_its_time_is_over(desk: Desk) -> None:
    desk.run('!probe-poll left=100 timeout=25')

    wait_until(lambda: [each for each in desk.entries() if each['type'] == 4])

    last = desk.entries()[-1]
    assert last['contents'] == '!probe-poll does not go on: its time is over; run it again, with a longer timeout if it has one.'
    # 25 seconds are over before the third run; how many come until then depends on the machine
    seen = contents(desk)[1:-1]
    assert seen == ['100 left', '99 left', '98 left'][: len(seen)]
    wait_until(lambda: not due_times(desk))
    assert desk.entries()[-1]['id'] == last['id']


def test_a_schedule_survives_a_restart_of_the_server(start: Callable[..., Desk]) -> None:
    desk = start()
    desk.add()
    playground = desk.playground
    desk.run('!probe-poll left=2 word=secret-word')
    desk.server.stop()

    desk = start()

    wait_until(lambda: 'counted down' in contents(desk))
    assert desk.playground == playground
    assert contents(desk)[-3:] == ['2 left', '1 left', 'counted down']


def test_polling_does_not_go_on_for_a_disabled_instance(desk: Desk) -> None:
    desk.run('!probe-poll left=100')
    desk.call('PUT', '/settings/integration', {**desk.instance(), 'enabled': 'false', 'version': -1})

    last = wait_until(lambda: [each for each in desk.entries() if each['type'] == 4])[0]

    assert last['contents'] == "!probe-poll does not go on: enable the instance 'probe' and run the command again."


def test_polling_of_a_deleted_instance_ends(desk: Desk) -> None:
    desk.run('!probe-poll left=100')
    desk.call('DELETE', f'/settings/integration/{desk.instance()["id"]}')

    wait_until(lambda: not due_times(desk))


def entry(**polling: Any) -> str:
    return json.dumps({'Type': 1, 'Contents': 'wait', 'ContentsFormat': 'text', 'NextRun': '10', 'Timeout': '600', **polling})


@pytest.mark.parametrize(
    'polling, sentence',
    [
        ({'PollingCommand': 'nothing'}, '!nothing does not go on: Probe has no such command; name one in ScheduledCommand.'),
        ({'PollingCommand': 'probe-need'}, '!probe-need needs the argument what: write what=<value>.'),
        (
            {'PollingCommand': 'probe-echo', 'PollingArgs': {'typo': 1}},
            '!probe-echo has no argument typo: it takes text, id, colour, password.',
        ),
    ],
)
def test_a_schedule_that_cannot_be_run_is_an_error_entry(desk: Desk, polling: dict[str, Any], sentence: str) -> None:
    assert desk.say(f'!probe-send result={entry(**polling)}') == 'wait'

    last = wait_until(lambda: [each for each in desk.entries() if each['type'] == 4])[0]

    assert last['contents'] == sentence


def test_a_scheduled_run_that_crashes_ends_the_polling(desk: Desk) -> None:
    desk.run(f'!probe-send result={entry(PollingCommand="probe-crash", PollingArgs={"how": "kill"})}')

    last = wait_until(lambda: [each for each in desk.entries() if each['type'] == 4])[0]

    assert 'signal 9' in last['contents']
    assert desk.say('!probe-echo alive') == 'echo alive'
