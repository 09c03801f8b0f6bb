"""Scheduled commands: run again by the server, at the right time, until they are done or their time is over."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.tests.xsoar.desk import TEMPO, Desk, eventually
from sandbox.xsoar.schedules import Schedule, Schedules


def contents(desk: Desk) -> list[str]:
    return [each['contents'] for each in desk.entries()]


def test_a_command_goes_on_until_it_schedules_no_more(desk: Desk) -> None:
    first = desk.run('!probe-poll left=3')

    assert [each['contents'] for each in first] == ['3 left']
    eventually(lambda: 'counted down' in contents(desk))
    assert contents(desk) == ['!probe-poll left=3', '3 left', '2 left', '1 left', 'counted down']
    time.sleep(30 * TEMPO)
    assert len(contents(desk)) == 5


def test_a_run_is_not_begun_twice_by_who_saw_it_before_it_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, Schedule] = {}
    look = Schedules.all

    def what_was_ever_due(self: Schedules) -> list[Schedule]:
        seen.update((one.id, one) for one in look(self))
        return list(seen.values())

    monkeypatch.setattr(Schedules, 'all', what_was_ever_due)
    desk.run('!probe-poll left=2')
    eventually(lambda: 'counted down' in contents(desk))
    time.sleep(30 * TEMPO)
    assert contents(desk) == ['!probe-poll left=2', '2 left', '1 left', 'counted down']


def test_later_entries_belong_to_the_same_command(desk: Desk) -> None:
    desk.run('!probe-poll left=1')
    eventually(lambda: 'counted down' in contents(desk))

    parent, first, last = desk.entries()

    assert first['parentId'] == last['parentId'] == parent['id']
    assert (last['parentContent'], last['instance'], last['brand']) == ('!probe-poll left=1', 'probe', 'Probe')
    assert (first['scheduled'], last['scheduled']) == (True, False)


def test_each_run_waits_the_seconds_that_it_asked_for(start: Callable[..., Desk]) -> None:
    desk = start(second=0.1)
    desk.add()
    began = time.monotonic()

    desk.run('!probe-poll left=1')

    eventually(lambda: 'counted down' in contents(desk))
    assert time.monotonic() - began >= 1


def test_arguments_of_later_runs_are_passed_on(desk: Desk) -> None:
    desk.run('!probe-poll left=1 word=secret-word')

    assert eventually(lambda: desk.context('${Probe.Poll.Word}')) == 'secret-word'


def test_polling_ends_when_its_time_is_over(desk: Desk) -> None:
    desk.run('!probe-poll left=100 timeout=25')

    eventually(lambda: [each for each in desk.entries() if each['type'] == 4])

    last = desk.entries()[-1]
    assert last['contents'] == '!probe-poll does not go on: its time is over; run it again, with a longer timeout if it has one.'
    # 25 seconds are over before the third run; how many come until then depends on the machine
    seen = contents(desk)[1:-1]
    assert seen == ['100 left', '99 left', '98 left'][: len(seen)]
    time.sleep(30 * TEMPO)
    assert desk.entries()[-1]['id'] == last['id']


def test_a_schedule_survives_a_restart_of_the_server(start: Callable[..., Desk]) -> None:
    desk = start()
    desk.add()
    playground = desk.playground
    desk.run('!probe-poll left=2 word=secret-word')
    desk.server.stop()
    time.sleep(30 * TEMPO)

    desk = start()

    eventually(lambda: 'counted down' in contents(desk))
    assert desk.playground == playground
    assert contents(desk)[-3:] == ['2 left', '1 left', 'counted down']


def test_polling_does_not_go_on_for_a_disabled_instance(desk: Desk) -> None:
    desk.run('!probe-poll left=100')
    desk.call('PUT', '/settings/integration', {**desk.instance(), 'enabled': 'false', 'version': -1})

    last = eventually(lambda: [each for each in desk.entries() if each['type'] == 4])[0]

    assert last['contents'] == "!probe-poll does not go on: enable the instance 'probe' and run the command again."


def test_polling_of_a_deleted_instance_ends(desk: Desk) -> None:
    desk.run('!probe-poll left=100')
    desk.call('DELETE', f'/settings/integration/{desk.instance()["id"]}')
    time.sleep(30 * TEMPO)
    count = len(contents(desk))
    time.sleep(30 * TEMPO)

    assert len(contents(desk)) == count


def entry(**polling: Any) -> str:
    return json.dumps({'Type': 1, 'Contents': 'wait', 'ContentsFormat': 'text', 'NextRun': '10', 'Timeout': '600', **polling})


@pytest.mark.parametrize(
    'polling, sentence',
    [
        ({'PollingCommand': 'nothing'}, '!nothing does not go on: Probe has no such command; name one in ScheduledCommand.'),
        ({'PollingCommand': 'probe-need'}, '!probe-need needs the argument what: write what=<value>.'),
    ],
)
def test_a_schedule_that_cannot_be_run_is_an_error_entry(desk: Desk, polling: dict[str, Any], sentence: str) -> None:
    assert desk.say(f'!probe-send result={entry(**polling)}') == 'wait'

    last = eventually(lambda: [each for each in desk.entries() if each['type'] == 4])[0]

    assert last['contents'] == sentence


def test_a_scheduled_run_that_crashes_ends_the_polling(desk: Desk) -> None:
    desk.run(f'!probe-send result={entry(PollingCommand="probe-crash", PollingArgs={"how": "kill"})}')

    last = eventually(lambda: [each for each in desk.entries() if each['type'] == 4])[0]

    assert 'signal 9' in last['contents']
    assert desk.say('!probe-echo alive') == 'echo alive'
