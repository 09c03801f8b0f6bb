"""What the fetch guarantees, one guarantee after another."""

import errno
import json
import os
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter

import MicrosoftGraphMailSelectionApiModule
from conformance.fetch.altered_pages import wrap_transport
from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import AFTER_INCIDENTS, BEFORE_LAST_RUN
from conformance.fetch.mail_source import DAY, YEARS_AGO, MailSource, attach
from sandbox.microsoft.graph_mail.model import Message

GRAPH_DOWN = {'service': 'graph', 'status': 503, 'times': None}


def started(instance: Instance, **params: Any) -> Any:
    """Return an instance whose first run is over, so that only entering mails are new."""
    platform = instance(**params)
    assert platform.fetch().has_succeeded
    return platform


class WithoutItem(HTTPAdapter):
    """Send requests with another adapter, and drop the response to that for one message from each batch."""

    def __init__(self, adapter: BaseAdapter, message_id: str) -> None:
        super().__init__()
        self._adapter = adapter
        self._id = message_id

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        response = self._adapter.send(request, *args, **settings)
        if '/$batch' in str(request.url):
            dropped = {one['id'] for one in json.loads(request.body or '')['requests'] if self._id in unquote(one['url'])}
            body = json.loads(response.content)
            body['responses'] = [one for one in body['responses'] if one['id'] not in dropped]
            response._content = json.dumps(body).encode()
        return response


# region 1: every mail that is in the folder or enters it, whatever its received time


@pytest.mark.parametrize('age', [0.0, 3600.0, 20 * DAY, YEARS_AGO])
def test_a_mail_that_is_delivered_becomes_an_incident_whatever_its_received_time(
    source: MailSource, instance: Instance, age: float
) -> None:
    platform = started(instance)
    source.deliver('late', age=age)
    assert platform.fetch().names == ['late']


@pytest.mark.parametrize('age', [60.0, YEARS_AGO])
def test_a_mail_that_is_moved_to_the_folder_becomes_an_incident(source: MailSource, instance: Instance, age: float) -> None:
    message = source.deliver('moved', source.folder('Elsewhere'), age)
    platform = started(instance)
    source.mailbox.move(message, 'inbox')
    assert platform.fetch().names == ['moved']


def test_a_mail_that_is_restored_becomes_an_incident(source: MailSource, instance: Instance) -> None:
    message = source.deliver('restored')
    source.mailbox.delete(message)
    platform = started(instance)
    source.mailbox.restore(message)
    assert platform.fetch().names == ['restored']


def test_a_mail_that_a_rule_moves_becomes_an_incident(source: MailSource, instance: Instance) -> None:
    cases = source.folder('Cases')
    platform = started(instance, folder_to_fetch=f'{source.path}/Cases')
    message = source.deliver('ruled')
    source.mailbox.move(message, cases.folder_id)
    assert platform.fetch().names == ['ruled']


def test_a_mail_that_was_moved_away_before_it_was_read_becomes_an_incident(source: MailSource, instance: Instance) -> None:
    platform = started(instance)
    message = source.deliver('fleeting')
    listed = 2  # the round of changes, then the reading

    def move_on(number: int) -> None:
        if number == listed - 1:
            source.mailbox.move(message, 'archive')

    assert platform.fetch(meanwhile=move_on).names == ['fleeting']


# endregion
# region 2: no mail becomes two incidents, except after a crash between incidents and cursor


def test_a_mail_that_leaves_and_returns_stays_one_incident(source: MailSource, instance: Instance) -> None:
    message = source.deliver('restless')
    platform = instance()
    assert platform.fetch().names == ['restless']
    for folder in ('archive', 'inbox'):
        source.mailbox.move(message, folder)
        assert platform.fetch().names == []


@pytest.mark.parametrize('crash', [1, 2, 3, 4, 5, AFTER_INCIDENTS])
def test_a_run_that_crashes_creates_no_incident_and_loses_none(source: MailSource, instance: Instance, crash: int | str) -> None:
    for number in range(3):
        attach(source.mailbox, source.deliver(f'mail {number}'), 'file')
    platform = instance()
    died = platform.fetch(crash)
    assert died.incidents == []
    assert died.died
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['mail 0', 'mail 1', 'mail 2']


def test_a_crash_between_incidents_and_cursor_repeats_only_that_run(source: MailSource, instance: Instance) -> None:
    platform = instance(max_fetch='2')
    for number in range(6):
        source.deliver(f'mail {number}', age=600 - number)
    assert platform.fetch().names == ['mail 0', 'mail 1']
    assert platform.fetch(BEFORE_LAST_RUN).names == ['mail 2', 'mail 3']
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == [f'mail {number}' for number in (0, 1, 2, 3, 2, 3, 4, 5)]


# endregion
# region 3: incidents first, then the cursor, then mark as read


def test_mails_are_marked_read_only_after_their_incidents_exist(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    platform = instance(mark_fetched_read=True)
    for crash in (AFTER_INCIDENTS, BEFORE_LAST_RUN):
        platform.fetch(crash)
        assert not message.is_read
    platform.fetch()
    assert not message.is_read, 'the platform has not stored anything yet when the process ends'
    platform.fetch()
    assert message.is_read


def test_a_failed_mark_as_read_is_repeated(source: MailSource, instance: Instance) -> None:
    messages = [source.deliver(f'mail {number}') for number in range(3)]
    platform = instance(mark_fetched_read=True)
    platform.fetch()
    source.cloud.faults.add(service='graph', method='PATCH', path=messages[1].immutable_id, status=500)
    platform.fetch()
    assert [message.is_read for message in messages] == [True, False, True]
    platform.fetch()
    assert messages[1].is_read


@pytest.mark.parametrize(
    'fault', [{'status': 429, 'headers': {'Retry-After': '30'}}, {'status': 403}, {'status': 503}, {'reset': True}]
)
def test_what_cannot_be_marked_as_read_stops_no_incidents(source: MailSource, instance: Instance, fault: dict[str, Any]) -> None:
    first = source.deliver('first')
    platform = instance(mark_fetched_read=True)
    assert platform.fetch().names == ['first']
    source.cloud.faults.add(service='graph', method='PATCH', times=None, **fault)
    for number in range(4):
        source.cloud.clock.advance(600)
        source.deliver(f'mail {number}')
        run = platform.fetch()
        assert (run.names, run.error, len(run.health)) == ([f'mail {number}'], '', 1)
    source.cloud.clock.advance(600)
    assert platform.fetch().error == '', 'a run without new mails is no failure either'
    source.cloud.faults.clear()
    source.cloud.clock.advance(600)
    assert platform.fetch().has_succeeded
    assert first.is_read or fault == {'status': 403}


def test_nothing_is_marked_as_read_unless_the_option_is_set(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    instance().run_until_quiet()
    assert not message.is_read


def test_the_cursor_is_json_with_a_version(source: MailSource, instance: Instance) -> None:
    source.deliver()
    platform = instance()
    platform.fetch()
    assert isinstance(json.loads(platform.last_run)['version'], int)


# endregion
# region 4: one bad mail, attachment or response never blocks the others


@pytest.mark.parametrize('part', ['message', 'attachments', 'mime'])
def test_a_broken_mail_does_not_block_others_and_its_incident_says_what_is_missing(
    source: MailSource, instance: Instance, part: str
) -> None:
    bad = source.deliver('bad', age=300)
    attach(source.mailbox, bad, 'file')
    bad.broken.add(part)
    source.deliver('good', age=200)
    platform = instance(fetch_eml=True)
    assert platform.fetch().names == ['good']
    source.deliver('later', age=100)
    assert 'later' in platform.fetch().names
    platform.run_until_quiet(quiet=6)
    [incident] = [one for one in platform.incidents if one.mail_id == bad.immutable_id]
    assert incident.raw['Missing']
    assert all(said.endswith('.') for said in incident.raw['Missing'])
    assert len(platform.incidents) == 3


def test_a_mail_that_can_be_read_in_time_is_complete(source: MailSource, instance: Instance) -> None:
    bad = source.deliver('bad')
    attach(source.mailbox, bad, 'file')
    bad.broken.add('attachments')
    platform = instance()
    assert platform.fetch().names == []
    bad.broken.clear()
    [incident] = platform.fetch().incidents
    assert incident.file('report.pdf') == b'file of bad'
    assert 'Missing' not in incident.raw


def test_a_mail_that_could_not_be_read_for_long_is_marked_as_read_later(source: MailSource, instance: Instance) -> None:
    bad = source.deliver('bad')
    bad.broken.add('message')
    platform = instance(mark_fetched_read=True)
    platform.run_until_quiet()
    assert [one.mail_id for one in platform.incidents] == [bad.immutable_id]
    bad.broken.clear()
    platform.run_until_quiet()
    assert bad.is_read


def test_a_mail_that_can_never_be_marked_as_read_is_not_a_problem_for_ever(source: MailSource, instance: Instance) -> None:
    message = source.deliver()
    platform = instance(mark_fetched_read=True)
    platform.fetch()
    source.cloud.faults.add(service='graph', method='PATCH', path=message.immutable_id, status=500, times=None)
    platform.run_until_quiet(quiet=30)
    assert platform.fetch().health == []


def test_a_folder_that_cannot_be_read_does_not_block_others(source: MailSource, instance: Instance) -> None:
    bad, good = source.folder('Bad'), source.folder('Good')
    platform = started(instance, folder_to_fetch=f'{source.path}/Bad, {source.path}/Good')
    source.cloud.faults.add(service='graph', path=bad.folder_id, status=500, times=None)
    names: list[str] = []
    for number in range(4):
        source.deliver(f'mail {number}', good)
        names += platform.fetch().names
    assert names == [f'mail {number}' for number in range(4)]


@pytest.mark.parametrize(
    'status, body, problem',
    [
        (
            403,
            {'error': {'code': 'ErrorAccessDenied', 'message': 'No.'}},
            'Microsoft Graph refused the request: ErrorAccessDenied: No. Check that the account may open this folder.',
        ),
        (
            500,
            {'error': {'code': 'ErrorInternalServerError', 'message': 'No.'}},
            'Microsoft Graph refused the request: ErrorInternalServerError: No. The next fetch tries again.',
        ),
        (503, None, 'Microsoft Graph responded with HTTP status 503. The next fetch tries again.'),
    ],
)
def test_the_health_names_the_folder_that_cannot_be_read(
    source: MailSource, instance: Instance, status: int, body: Any, problem: str
) -> None:
    bad, good = source.folder('Bad'), source.folder('Good')
    platform = started(instance, folder_to_fetch=f'{source.path}/Bad, {source.path}/Good')
    source.cloud.faults.add(service='graph', path=bad.folder_id, status=status, body=body, times=None)
    source.deliver('mail', good, age=0)
    [text] = platform.fetch().health
    assert f"'{source.path}/Bad' cannot be read. {problem}" in text.splitlines()[0]


@pytest.mark.parametrize('size', [10, 1_100_000])
def test_the_page_of_a_proxy_is_not_taken_for_an_attachment(source: MailSource, instance: Instance, size: int) -> None:
    source.mailbox.attach_file(source.deliver(), 'malware.bin', bytes(size))
    source.cloud.faults.add(service='graph', path=r'/attachments/.+/\$value', garbage=True, times=None)
    platform = instance()
    platform.run_until_quiet(quiet=6)
    [incident] = platform.incidents
    assert incident.files == ()
    assert "The file 'malware.bin' is missing." in incident.raw['Missing'][0]


@pytest.mark.parametrize('status', [500, 502, 503, 504, None])
def test_a_removed_mail_that_cannot_be_looked_up_does_not_block_its_folder(
    source: MailSource, instance: Instance, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.cloud.clock.stop()
    source.mailbox.told_of_returned = 'removed'
    bad = source.deliver('bad', age=YEARS_AGO)
    moved = source.deliver('moved', source.folder('Elsewhere'), age=YEARS_AGO)
    returned = source.deliver('returned', age=YEARS_AGO)
    source.cloud.clock.advance(3600)
    platform = started(instance, first_fetch='10 minutes')
    platform.run_until_quiet()
    source.mailbox.move(bad, 'archive')
    for folder in ('archive', 'inbox'):
        source.mailbox.move(returned, folder)
    if status:
        source.cloud.faults.add(service='graph', path=bad.immutable_id, status=status, times=None)
    else:
        wrap_transport(monkeypatch, lambda adapter: WithoutItem(adapter, bad.immutable_id))
    source.mailbox.move(moved, 'inbox')
    source.deliver('new', age=0)
    for _ in range(2):
        assert not platform.fetch().is_unhealthy
        source.cloud.clock.advance(60)
    assert sorted(one.name for one in platform.incidents) == ['moved', 'new', 'returned']


@pytest.mark.parametrize('fault', [{'status': 429}, {'status': 503}, {'reset': True}])
def test_a_removed_mail_is_looked_up_again_after_an_outage(source: MailSource, instance: Instance, fault: dict[str, Any]) -> None:
    source.mailbox.told_of_returned = 'removed'
    mail = source.deliver('returned', age=YEARS_AGO)
    source.cloud.clock.advance(3600)
    platform = started(instance, first_fetch='10 minutes')
    platform.run_until_quiet()
    for folder in ('archive', 'inbox'):
        source.mailbox.move(mail, folder)
    source.cloud.faults.add(service='graph', path='/messages$|batch|/messages/[^/]{60,}', times=None, **fault)
    for _ in range(2):
        assert not platform.fetch().incidents
    source.cloud.faults.clear()
    assert platform.fetch().names == ['returned']


def test_a_folder_without_responses_does_not_block_others(source: MailSource, instance: Instance) -> None:
    bad, good = source.folder('Bad'), source.folder('Good')
    platform = started(instance, folder_to_fetch=f'{source.path}/Bad, {source.path}/Good')
    source.cloud.faults.add(service='graph', path=bad.folder_id, reset=True, times=None)
    names: list[str] = []
    for number in range(4):
        source.deliver(f'mail {number}', good)
        names += platform.fetch().names
    assert names == [f'mail {number}' for number in range(4)]


def test_half_a_character_in_a_body_does_not_block_its_mail(source: MailSource, instance: Instance) -> None:
    source.deliver('cut', html='', plain='smile: \ud83d', source=b'Subject: cut\r\n\r\nsmile')
    [incident] = instance(fetch_eml=True, display_full_email_body=True).fetch().incidents
    assert incident.raw['Body'].startswith('smile: ')


# endregion
# region 5: a throttled or failing service ends the run early with complete mails, and the next run continues


@pytest.mark.parametrize(
    'fault',
    [
        {'status': 429, 'headers': {'Retry-After': '120'}},
        {'status': 429},
        {'status': 500},
        {'status': 503},
        {'reset': True},
        {'garbage': True},
        {'reset_mid_body': True},
    ],
)
@pytest.mark.parametrize('place', [r'/messages', r'/\$batch', r'/delta', r'/attachments'])
def test_a_failing_service_loses_nothing(source: MailSource, instance: Instance, fault: dict[str, Any], place: str) -> None:
    for number in range(5):
        attach(source.mailbox, source.deliver(f'mail {number}', age=500 - number), 'file')
    platform = instance(max_fetch='3')
    source.cloud.faults.add(service='graph', path=place, times=None, **fault)
    for _ in range(2):
        run = platform.fetch()
        assert run.slept < 60, 'a fetch never waits long'
        assert run.requests < 40, 'a service that is down is not asked for each mail'
    source.cloud.faults.clear()
    platform.run_until_quiet(quiet=1)
    assert sorted(one.name for one in platform.incidents) == [f'mail {number}' for number in range(5)]
    assert all(one.file('report.pdf') for one in platform.incidents)


def test_a_fetch_that_can_do_nothing_says_why(source: MailSource, instance: Instance) -> None:
    platform = started(instance)
    source.deliver()
    source.cloud.faults.add(**GRAPH_DOWN)
    assert 'Microsoft Graph' in platform.fetch().error


def test_complete_mails_become_incidents_if_the_rest_is_throttled(source: MailSource, instance: Instance) -> None:
    messages = [source.deliver(f'mail {number}', age=500 - number) for number in range(3)]
    for message in messages:
        attach(source.mailbox, message, 'file')
    source.cloud.faults.add(
        service='graph', path=f'{messages[1].immutable_id}/attachments', status=429, headers={'Retry-After': '300'}, times=None
    )
    platform = instance()
    first = platform.fetch()
    assert set(first.names) <= {'mail 0', 'mail 2'}
    assert first.names
    assert all(one.file('report.pdf') for one in first.incidents)
    source.cloud.faults.clear()
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['mail 0', 'mail 1', 'mail 2']
    assert all(one.file('report.pdf') for one in platform.incidents)


def test_complete_mails_become_incidents_if_the_sign_in_ends(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.fetch()
    for number in range(25):
        message = source.deliver(f'mail {number}', age=500 - number)
        if number > 10:
            attach(source.mailbox, message, 'item')  # the list of the mails does not contain it

    def end(number: int) -> None:
        if number == 3:  # after the delta query and two lists
            source.cloud.faults.add(service='graph', path=r'/\$batch$', status=401, times=None)
            source.cloud.faults.add(service='entra', status=400, times=None)

    first = platform.fetch(meanwhile=end)
    assert first.names == [f'mail {number}' for number in range(11)]
    assert first.health
    source.cloud.faults.clear()
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == sorted(f'mail {number}' for number in range(25))


def test_a_run_ends_if_graph_rejects_every_token(source: MailSource, instance: Instance) -> None:
    folders = [source.folder(f'Folder {number}') for number in range(4)]
    platform = instance(folder_to_fetch=','.join(f'{source.path}/{folder.display_name}' for folder in folders))
    platform.fetch()
    source.deliver('mail', folders[0])
    source.cloud.directory.blocks_addresses = True
    source.cloud.requests.clear()
    assert 'The API rejected a new token' in platform.fetch().error
    assert len(source.cloud.requests.of('graph')) <= 6  # for one folder, and to look whether it is the mailbox
    source.cloud.directory.blocks_addresses = False
    assert platform.fetch().names == ['mail']


def test_many_failures_do_not_add_up_to_a_long_wait(source: MailSource, instance: Instance) -> None:
    for number in range(20):
        attach(source.mailbox, source.deliver(f'mail {number}'), 'item')  # lists contain other files
    source.cloud.faults.add(
        service='graph', path=r'/attachments/[^/]+/\$value$', status=503, headers={'Retry-After': '4'}, times=None
    )
    assert instance().fetch().slept == 8, 'once for a batch, and once for a file'


def test_nothing_is_waited_for_after_a_list_that_failed(source: MailSource, instance: Instance) -> None:
    platform = started(instance)
    for number in range(10):
        attach(source.mailbox, source.deliver(f'mail {number}'), 'item')
    source.cloud.faults.add(
        service='graph', path=r'/mailFolders/[^/]+/messages$', skip=1, status=503, headers={'Retry-After': '4'}
    )  # that of sizes
    source.cloud.faults.add(service='graph', path=r'/\$value$', status=503, headers={'Retry-After': '4'}, times=None)
    assert platform.fetch().slept == 0


def test_many_folders_do_not_add_up_to_a_long_wait(source: MailSource, instance: Instance) -> None:
    names = [f'Folder {number}' for number in range(20)]
    for name in names:
        source.folder(name)
    platform = started(instance, folder_to_fetch=','.join(f'{source.path}/{name}' for name in names))
    source.cloud.faults.add(service='graph', path='/delta', status=503, headers={'Retry-After': '4'}, times=None)
    assert platform.fetch().slept == 4


def test_a_run_ends_in_time_with_complete_mails(source: MailSource, instance: Instance) -> None:
    for number in range(6):
        message = source.deliver(f'mail {number}', age=500 - number)
        for part in range(2):
            source.mailbox.attach_file(message, f'{part}.bin', bytes(1_100_000))
    platform = instance()

    def slowly(_number: int) -> None:
        source.cloud.clock.advance(15)

    first = platform.fetch(meanwhile=slowly)
    assert 0 < len(first.incidents) < 6
    assert not first.health, 'it ends before the command has to'
    while len(platform.incidents) < 6:
        assert platform.fetch(meanwhile=lambda _number: source.cloud.clock.advance(20)).incidents, 'a slow mail is still fetched'
    assert [one.name for one in platform.incidents] == [f'mail {number}' for number in range(6)]
    assert all(len(one.files) == 2 for one in platform.incidents)


@pytest.mark.parametrize('fault', [{'status': 410}, {'status': 400}])
def test_a_link_that_graph_rejects_restarts_the_delta_sync(source: MailSource, instance: Instance, fault: dict[str, Any]) -> None:
    platform = started(instance)
    source.deliver('late', age=YEARS_AGO)
    source.cloud.faults.add(service='graph', path='/delta', **fault)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['late']


def test_a_link_to_an_old_address_of_graph_restarts_the_delta_sync(source: MailSource, instance: Instance) -> None:
    platform = started(instance)
    platform.last_run = platform.last_run.replace(source.cloud.graph, 'https://gateway.contoso.example')
    source.deliver('late', age=YEARS_AGO)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['late']


@pytest.mark.parametrize('when', ['before the first run', 'after it'])
def test_expired_delta_tokens_cause_neither_repeats_nor_loss(source: MailSource, instance: Instance, when: str) -> None:
    source.mailbox.delta_token_seconds = 1 if when == 'before the first run' else None
    platform = instance(max_fetch='2')
    for number in range(5):
        source.deliver(f'mail {number}', age=500 - number)
    platform.fetch()
    source.mailbox.expire_delta_tokens()
    source.cloud.clock.advance(60)
    source.deliver('late', age=YEARS_AGO)
    source.deliver('new')
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['late', *(f'mail {number}' for number in range(5)), 'new']


def test_what_entered_before_a_restart_is_found_even_if_the_new_sync_stops_early(source: MailSource, instance: Instance) -> None:
    for number in range(5):
        source.deliver(f'mail {number}', age=500 - number)
    platform = instance()
    platform.run_until_quiet()
    source.mailbox.first_delta_sync_limit = 2
    source.mailbox.expire_delta_tokens()
    source.cloud.clock.advance(3600)
    source.deliver('late', age=7 * DAY)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents][5:] == ['late']


@pytest.mark.parametrize('ahead', [0, 120])
def test_what_enters_after_a_failed_first_sync_is_not_lost(source: MailSource, instance: Instance, ahead: float) -> None:
    source.cloud.clock.stop()
    source.deliver('there')
    platform = instance()
    source.cloud.faults.add(service='graph', path='/delta', status=500)
    platform.fetch()
    # the clock of the engine may be ahead of that of the mailbox
    source.cloud.clock.advance(-ahead)
    source.deliver('between', age=0)
    source.cloud.clock.advance(ahead + 60)
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['between', 'there']


@pytest.mark.parametrize(
    'fault',
    [
        {'status': 503, 'headers': {'Retry-After': '120'}},
        {'status': 504, 'headers': {'Retry-After': '120'}},
        {'status': 500},
        {'status': 502},
        {'status': 503},
    ],
)
@pytest.mark.parametrize('path', ['/attachments', '/messages/[^/]{60,}'])
def test_what_fails_for_half_an_hour_is_complete_later(
    source: MailSource, instance: Instance, path: str, fault: dict[str, Any]
) -> None:
    """Lists work meanwhile."""
    source.cloud.clock.stop()
    platform = started(instance)
    attach(source.mailbox, source.deliver('mail', age=0), 'item')
    source.cloud.faults.add(service='graph', path=path, times=None, **fault)
    for _ in range(15):
        assert not platform.fetch().incidents
        source.cloud.clock.advance(120)
    source.cloud.faults.clear()
    [incident] = platform.fetch().incidents
    assert 'Missing' not in incident.raw


@pytest.mark.parametrize('max_fetch', ['1', '2', '50'])
def test_a_mail_that_fails_for_an_hour_is_an_incident_then_and_blocks_no_other(
    source: MailSource, instance: Instance, max_fetch: str
) -> None:
    source.cloud.clock.stop()
    platform = started(instance, max_fetch=max_fetch)
    source.deliver('bad', age=0).broken.add('message')
    times: dict[str, float] = {}
    start = source.cloud.clock.now()
    for number in range(40):
        source.deliver(f'mail {number}', age=0)
        times |= dict.fromkeys(platform.fetch().names, source.cloud.clock.now() - start)
        source.cloud.clock.advance(120)
    assert 3600 <= times['bad'] < 3600 + 600
    late = [name for number in range(35) if times[name := f'mail {number}'] > 120 * (number + (6 if max_fetch == '1' else 0))]
    assert not late


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE])
@pytest.mark.parametrize('minutes', [30, 90])
def test_files_that_the_engine_cannot_store_are_a_problem_and_are_read_later(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, number: int, minutes: int
) -> None:
    source.cloud.clock.stop()
    platform = started(instance)
    source.mailbox.attach_file(source.deliver('with file', age=0), 'malware.bin', bytes(100_000))
    source.deliver('without', age=0)

    def fail(*_args: Any, **_more: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr('MicrosoftGraphMailClientApiModule.fileResult', fail)
        for minute in range(minutes):
            run = platform.fetch()
            assert run.names[:1] == (['without'] if minute == 0 else ['with file'] if minute == 60 else [])
            if minute <= 60:
                problem = f'The engine cannot store files: {os.strerror(number)}. Check its disk.'
                assert (run.health, run.is_unhealthy) == ([problem], True)
            source.cloud.clock.advance(60)
    platform.run_until_quiet()
    [incident] = [one for one in platform.incidents if one.name == 'with file']
    assert bool(incident.raw.get('Missing')) is (minutes > 60), 'it does not wait for ever'


# endregion
# region 6: changes on purpose


def other_mailbox(source: MailSource) -> Message:
    bob = source.cloud.mailbox('bob@contoso.example')
    for message in bob.messages():
        bob.remove(message)
    return bob.deliver(Message('of Bob', bob.owner, bob.now() - 60, html='<p>x</p>'))


def test_another_mailbox_starts_a_new_cursor(source: MailSource, instance: Instance) -> None:
    source.deliver('of Ada')
    platform = started(instance)
    other_mailbox(source)
    platform.params['mailbox_to_fetch'] = 'bob@contoso.example'
    assert platform.fetch().names == ['of Bob']
    assert platform.fetch().names == []


def test_a_changed_filter_starts_folders_again_without_repeats(source: MailSource, instance: Instance) -> None:
    for subject in ('urgent: a', 'b'):
        source.deliver(subject)
    platform = instance(fetch_subject='urgent')
    assert platform.fetch().names == ['urgent: a']
    platform.params['fetch_subject'] = ''
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['urgent: a', 'b']


def test_an_added_folder_starts_alone_and_the_others_continue(source: MailSource, instance: Instance) -> None:
    cases, reports = source.folder('Cases'), source.folder('Reports')
    source.deliver('case', cases)
    source.deliver('report', reports)
    source.deliver('too old', cases, YEARS_AGO)
    platform = instance(folder_to_fetch=f'{source.path}/Cases')
    assert platform.fetch().names == ['case']
    platform.params['folder_to_fetch'] = f'{source.path}/Cases, {source.path}/Reports'
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['case', 'report']


def test_a_long_first_sync_loses_nothing_if_the_clock_of_the_engine_is_ahead(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.cloud.clock.stop()
    monkeypatch.setattr(MicrosoftGraphMailSelectionApiModule, '_MAX_PAGES_PER_RUN', 1)
    monkeypatch.setattr(MicrosoftGraphMailSelectionApiModule, 'MAX_PAGE_SIZE', 5)
    for number in range(20):
        source.deliver(f'old {number}', age=90 * DAY)
    source.cloud.clock.advance(120)
    platform = started(instance, first_fetch='10 minutes')
    source.cloud.clock.advance(-90)
    source.deliver('new', age=0)
    for _ in range(8):
        source.cloud.clock.advance(300)
        platform.fetch()
    assert [one.name for one in platform.incidents] == ['new']


def test_a_folder_that_is_renamed_or_moved_continues(source: MailSource, instance: Instance) -> None:
    cases = source.folder('Cases')
    source.deliver('before', cases)
    platform = instance(folder_to_fetch=f'{source.path}/Cases')
    assert platform.fetch().names == ['before']
    source.mailbox.rename_folder(cases, 'Closed cases')
    source.deliver('renamed', cases)
    assert platform.fetch().names == ['renamed']
    source.mailbox.move_folder(cases, 'archive')
    source.deliver('moved', cases)
    run = platform.fetch()
    assert (run.names, run.health) == (['moved'], [])


def test_a_deleted_folder_is_a_problem_and_the_others_continue(source: MailSource, instance: Instance) -> None:
    cases, reports = source.folder('Cases'), source.folder('Reports')
    platform = started(instance, folder_to_fetch=f'{source.path}/Cases, {source.path}/Reports')
    source.mailbox.remove_folder(cases)
    source.deliver('report', reports)
    run = platform.fetch()
    assert run.names == ['report']
    assert 'Cases' in ' '.join(run.health)
    assert 'deleted' in ' '.join(run.health)
    run = platform.fetch()
    assert 'Cases' in run.error + ' '.join(run.health)
    source.deliver('another', reports)
    assert platform.fetch().names == ['another']


def test_a_folder_in_deleted_items_is_a_problem_until_it_is_moved_back(source: MailSource, instance: Instance) -> None:
    source.cloud.clock.stop()
    cases = source.folder('Cases')
    open_cases = source.folder('Open', cases)
    platform = started(instance, folder_to_fetch=f'{open_cases.folder_id}, {source.path}')
    source.mailbox.move_folder(cases, 'deleteditems')
    source.cloud.clock.advance(700)
    for _ in range(2):
        assert f"The folder '{open_cases.folder_id}' is in Deleted Items." in ' '.join(platform.fetch().health)
    source.mailbox.move_folder(cases, 'inbox')
    source.cloud.clock.advance(700)
    source.deliver('back', open_cases)
    run = platform.fetch()
    assert (run.names, run.health) == (['back'], [])


@pytest.mark.parametrize('name', ['deleteditems', 'Deleted Items', 'Deleted Items/Cases'])
def test_a_folder_in_deleted_items_may_be_fetched_from_on_purpose(source: MailSource, instance: Instance, name: str) -> None:
    source.cloud.clock.stop()
    deleted = source.mailbox.folder('deleteditems')
    assert deleted
    cases = source.folder('Cases', deleted)
    platform = started(instance, folder_to_fetch=name)
    source.deliver('thrown away', cases if name.endswith('Cases') else deleted)
    for _ in range(2):
        source.cloud.clock.advance(700)
        run = platform.fetch()
        assert run.health == []
    assert [one.name for one in platform.incidents] == ['thrown away']


def test_a_folder_in_deleted_items_is_replaced_by_a_new_one_of_its_name(source: MailSource, instance: Instance) -> None:
    source.cloud.clock.stop()
    cases = source.folder('Cases')
    platform = started(instance, folder_to_fetch=f'{source.path}/Cases')
    source.mailbox.move_folder(cases, 'deleteditems')
    source.deliver('in the new one', source.folder('Cases'))
    source.cloud.clock.advance(700)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['in the new one']


@pytest.mark.parametrize('is_gone', [True, False])
def test_a_folder_with_the_former_name_of_another_is_not_fetched_twice(
    source: MailSource, instance: Instance, is_gone: bool
) -> None:
    source.cloud.clock.stop()
    cases, reports = source.folder('Cases'), source.folder('Reports')
    source.deliver('report', reports)
    platform = instance(folder_to_fetch=f'{source.path}/Cases, {source.path}/Reports')
    platform.run_until_quiet()
    platform.last_run = json.dumps(
        {**json.loads(platform.last_run), 'remembered': '', 'eras': [], 'complete_from': '9'}
    )  # as after many others
    if is_gone:
        source.mailbox.remove_folder(cases)
    else:
        source.mailbox.move_folder(cases, 'deleteditems')
    source.mailbox.rename_folder(reports, 'Cases')
    source.cloud.clock.advance(700)
    source.deliver('new', reports)
    runs = platform.run_until_quiet(quiet=4)
    assert [one.name for one in platform.incidents] == ['report', 'new']
    assert not any(run.health for run in runs)


@pytest.mark.parametrize('path', ['deleteditems/Cases', 'Deleted Items/Cases'])
def test_a_folder_that_is_named_in_deleted_items_is_not_a_problem(source: MailSource, instance: Instance, path: str) -> None:
    source.cloud.clock.stop()
    cases = source.mailbox.make_folder('Cases', 'deleteditems')
    platform = started(instance, folder_to_fetch=path)
    source.cloud.clock.advance(700)
    source.deliver('inside', cases)
    run = platform.fetch()
    assert (run.names, run.health) == (['inside'], [])


def test_a_folder_that_replaced_a_deleted_one_is_fetched_from(source: MailSource, instance: Instance) -> None:
    cases = source.folder('Cases')
    platform = started(instance, folder_to_fetch=f'{source.path}/Cases')
    source.mailbox.remove_folder(cases)
    source.deliver('in the new one', source.folder('Cases'))
    runs = platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['in the new one']
    [note] = [text for run in runs for text in run.health]
    assert note.startswith(f"The folder '{source.path}/Cases' was replaced by another one of its name, which is fetched from ")


# endregion
# region 1, without change tracking


@pytest.mark.parametrize('max_fetch', [1, 2])
def test_a_mail_that_enters_in_a_second_of_which_some_were_fetched_becomes_an_incident(
    source: MailSource, instance: Instance, max_fetch: int
) -> None:
    source.cloud.clock.stop()
    source.mailbox.delta_status = 400
    platform = started(instance, max_fetch=str(max_fetch))
    expected = {f'mail {number}' for number in range(20)}
    for number in range(10):
        source.deliver(f'mail {number}')
    found = platform.fetch().names
    for number in range(10, 20):
        source.deliver(f'mail {number}')
    for _ in range(25):
        source.cloud.clock.advance(60)
        found += platform.fetch().names
    assert (set(found), len(found)) == (expected, 20)


@pytest.mark.parametrize('late', [1, 60, 240])
def test_a_mail_that_graph_shows_late_becomes_an_incident(source: MailSource, instance: Instance, late: int) -> None:
    clock = source.cloud.clock
    clock.stop()
    source.mailbox.delta_status = 501
    platform = started(instance, max_fetch='2')
    for number in range(6):
        source.deliver(f'early {number}')
        clock.advance(1)
    found = platform.fetch().names
    clock.advance(-late)
    for number in range(6):
        source.deliver(f'late {number}')
    clock.advance(late)
    for _ in range(15):
        clock.advance(60)
        found += platform.fetch().names
    assert (len(found), len(set(found))) == (12, 12)


# endregion
