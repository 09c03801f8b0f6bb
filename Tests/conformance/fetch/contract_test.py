"""The seven promises of a fetch without loss, each by itself: the sentences of the reference are the names of these tests."""

import json
import re
from typing import Any

import pytest

import MicrosoftGraphMailFetchApiModule
from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import CURSOR, HAND_OVER
from conformance.fetch.ledger import GIVES_UP_AFTER
from conformance.fetch.mailroom import ANCIENT, DAY, Mailroom, attach
from sandbox.microsoft.graph_mail.model import Message

GRAPH_DOWN = {'service': 'graph', 'status': 503, 'times': None}


def begun(instance: Instance, **params: Any) -> Any:
    """An instance whose first run is over, so that only what enters from now on is new to it."""
    platform = instance(**params)
    assert platform.fetch().is_good
    return platform


# region 1: each mail that is in the folder, or enters it later, whatever its received time


@pytest.mark.parametrize('age', [0.0, 3600.0, 20 * DAY, ANCIENT])
def test_a_mail_that_is_delivered_becomes_an_incident_whatever_its_received_time(
    room: Mailroom, instance: Instance, age: float
) -> None:
    platform = begun(instance)
    room.mail('late', age=age)
    assert platform.fetch().names == ['late']


@pytest.mark.parametrize('age', [60.0, ANCIENT])
def test_a_mail_that_is_moved_in_becomes_an_incident(room: Mailroom, instance: Instance, age: float) -> None:
    message = room.mail('moved', room.folder('Elsewhere'), age)
    platform = begun(instance)
    room.mailbox.move(message, 'inbox')
    assert platform.fetch().names == ['moved']


def test_a_mail_that_is_restored_becomes_an_incident(room: Mailroom, instance: Instance) -> None:
    message = room.mail('restored')
    room.mailbox.delete(message)
    platform = begun(instance)
    room.mailbox.restore(message)
    assert platform.fetch().names == ['restored']


def test_a_mail_that_a_rule_puts_there_becomes_an_incident(room: Mailroom, instance: Instance) -> None:
    cases = room.folder('Cases')
    platform = begun(instance, folder_to_fetch=f'{room.path}/Cases')
    message = room.mail('ruled')
    room.mailbox.move(message, cases.folder_id)
    assert platform.fetch().names == ['ruled']


def test_a_mail_that_was_moved_on_before_it_was_read_still_becomes_an_incident(room: Mailroom, instance: Instance) -> None:
    platform = begun(instance)
    message = room.mail('fleeting')
    listed = 2  # the round of changes, then the reading

    def move_on(number: int) -> None:
        if number == listed - 1:
            room.mailbox.move(message, 'archive')

    assert platform.fetch(meanwhile=move_on).names == ['fleeting']


# endregion
# region 2: no mail becomes two incidents, but for the batch of a crash between hand-over and cursor


def test_a_mail_that_is_moved_out_and_in_again_stays_one_incident(room: Mailroom, instance: Instance) -> None:
    message = room.mail('restless')
    platform = instance()
    assert platform.fetch().names == ['restless']
    for folder in ('archive', 'inbox'):
        room.mailbox.move(message, folder)
        assert platform.fetch().names == []


@pytest.mark.parametrize('crash', [1, 2, 3, 4, 5, HAND_OVER])
def test_a_run_that_dies_before_its_end_makes_no_incident_and_loses_none(
    room: Mailroom, instance: Instance, crash: int | str
) -> None:
    for number in range(3):
        attach(room.mailbox, room.mail(f'mail {number}'), 'file')
    platform = instance()
    died = platform.fetch(crash)
    assert died.incidents == []
    assert died.died
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['mail 0', 'mail 1', 'mail 2']


def test_a_crash_between_incidents_and_cursor_repeats_that_batch_and_no_other(room: Mailroom, instance: Instance) -> None:
    platform = instance(max_fetch='2')
    for number in range(6):
        room.mail(f'mail {number}', age=600 - number)
    assert platform.fetch().names == ['mail 0', 'mail 1']
    assert platform.fetch(CURSOR).names == ['mail 2', 'mail 3']
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == [f'mail {number}' for number in (0, 1, 2, 3, 2, 3, 4, 5)]


# endregion
# region 3: incidents first, then the cursor, then mark-read


def test_mails_are_marked_read_only_after_their_incidents_exist(room: Mailroom, instance: Instance) -> None:
    message = room.mail()
    platform = instance(mark_fetched_read=True)
    for crash in (HAND_OVER, CURSOR):
        platform.fetch(crash)
        assert not message.is_read
    platform.fetch()
    assert not message.is_read, 'the platform has not stored anything yet when the process ends'
    platform.fetch()
    assert message.is_read


def test_a_mark_read_that_failed_is_caught_up(room: Mailroom, instance: Instance) -> None:
    messages = [room.mail(f'mail {number}') for number in range(3)]
    platform = instance(mark_fetched_read=True)
    platform.fetch()
    room.cloud.faults.add(service='graph', method='PATCH', path=messages[1].immutable_id, status=500)
    platform.fetch()
    assert [message.is_read for message in messages] == [True, False, True]
    platform.fetch()
    assert messages[1].is_read


def test_nothing_is_marked_read_unless_it_is_asked_for(room: Mailroom, instance: Instance) -> None:
    message = room.mail()
    instance().run_until_quiet()
    assert not message.is_read


def test_the_cursor_is_json_with_a_version(room: Mailroom, instance: Instance) -> None:
    room.mail()
    platform = instance()
    platform.fetch()
    assert isinstance(json.loads(platform.last_run)['version'], int)


# endregion
# region 4: one bad mail, attachment or answer never blocks the others


@pytest.mark.parametrize('part', ['message', 'attachments', 'mime'])
def test_one_bad_mail_blocks_none_of_the_others_and_its_incident_says_what_is_missing(
    room: Mailroom, instance: Instance, part: str
) -> None:
    bad = room.mail('bad', age=300)
    attach(room.mailbox, bad, 'file')
    bad.broken.add(part)
    room.mail('good', age=200)
    platform = instance(fetch_eml=True)
    assert platform.fetch().names == ['good']
    room.mail('later', age=100)
    assert 'later' in platform.fetch().names
    platform.run_until_quiet(quiet=6)
    [incident] = [one for one in platform.incidents if one.mail_id == bad.immutable_id]
    assert incident.raw['Missing']
    assert all(said.endswith('.') for said in incident.raw['Missing'])
    assert len(platform.incidents) == 3


def test_a_mail_that_mends_in_time_is_whole(room: Mailroom, instance: Instance) -> None:
    bad = room.mail('bad')
    attach(room.mailbox, bad, 'file')
    bad.broken.add('attachments')
    platform = instance()
    assert platform.fetch().names == []
    bad.broken.clear()
    [incident] = platform.fetch().incidents
    assert incident.file('report.pdf') == b'file of bad'
    assert 'Missing' not in incident.raw


def test_a_mail_that_could_not_be_read_for_long_is_still_marked_read_once_it_can(room: Mailroom, instance: Instance) -> None:
    bad = room.mail('bad')
    bad.broken.add('message')
    platform = instance(mark_fetched_read=True)
    for _ in range(GIVES_UP_AFTER):
        platform.fetch()
    assert [one.mail_id for one in platform.incidents] == [bad.immutable_id]
    bad.broken.clear()
    platform.run_until_quiet()
    assert bad.is_read


def test_a_mail_that_can_never_be_marked_read_does_not_make_the_instance_unwell_for_ever(
    room: Mailroom, instance: Instance
) -> None:
    message = room.mail()
    platform = instance(mark_fetched_read=True)
    platform.fetch()
    room.cloud.faults.add(service='graph', method='PATCH', path=message.immutable_id, status=500, times=None)
    platform.run_until_quiet(quiet=30)
    assert platform.fetch().health == []


def test_a_folder_that_cannot_be_read_blocks_none_of_the_others(room: Mailroom, instance: Instance) -> None:
    bad, good = room.folder('Bad'), room.folder('Good')
    platform = begun(instance, folder_to_fetch=f'{room.path}/Bad, {room.path}/Good')
    room.cloud.faults.add(service='graph', path=bad.folder_id, status=500, times=None)
    names: list[str] = []
    for number in range(4):
        room.mail(f'mail {number}', good)
        names += platform.fetch().names
    assert names == [f'mail {number}' for number in range(4)]


@pytest.mark.parametrize('size', [10, 1_100_000])
def test_the_page_of_a_proxy_never_passes_for_an_attachment(room: Mailroom, instance: Instance, size: int) -> None:
    room.mailbox.attach_file(room.mail(), 'malware.bin', bytes(size))
    room.cloud.faults.add(service='graph', path=r'/attachments/.+/\$value', garbage=True, times=None)
    platform = instance()
    platform.run_until_quiet(quiet=6)
    [incident] = platform.incidents
    assert incident.files == ()
    assert "The file 'malware.bin' is missing." in incident.raw['Missing'][0]


def test_a_folder_that_never_answers_blocks_none_of_the_others(room: Mailroom, instance: Instance) -> None:
    bad, good = room.folder('Bad'), room.folder('Good')
    platform = begun(instance, folder_to_fetch=f'{room.path}/Bad, {room.path}/Good')
    room.cloud.faults.add(service='graph', path=bad.folder_id, reset=True, times=None)
    names: list[str] = []
    for number in range(4):
        room.mail(f'mail {number}', good)
        names += platform.fetch().names
    assert names == [f'mail {number}' for number in range(4)]


def test_half_a_character_in_a_body_blocks_nothing(room: Mailroom, instance: Instance) -> None:
    room.mail('cut', html='', plain='smile: \ud83d', source=b'Subject: cut\r\n\r\nsmile')
    [incident] = instance(fetch_eml=True, display_full_email_body=True).fetch().incidents
    assert incident.raw['Body'].startswith('smile: ')


# endregion
# region 5: a throttled or failing service ends the run early with what is whole, and the next run goes on


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
def test_a_failing_service_costs_nothing(room: Mailroom, instance: Instance, fault: dict[str, Any], place: str) -> None:
    for number in range(5):
        attach(room.mailbox, room.mail(f'mail {number}', age=500 - number), 'file')
    platform = instance(max_fetch='3')
    room.cloud.faults.add(service='graph', path=place, times=None, **fault)
    for _ in range(2):
        run = platform.fetch()
        assert run.slept < 60, 'a fetch never waits long'
        assert run.requests < 40, 'a service that is down is not asked for each mail'
    room.cloud.faults.clear()
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == [f'mail {number}' for number in range(5)]
    assert all(one.file('report.pdf') for one in platform.incidents)


def test_a_fetch_that_could_do_nothing_at_all_says_why(room: Mailroom, instance: Instance) -> None:
    platform = begun(instance)
    room.mail()
    room.cloud.faults.add(**GRAPH_DOWN)
    assert 'Microsoft Graph' in platform.fetch().error


def test_what_is_whole_is_kept_when_the_rest_is_throttled(room: Mailroom, instance: Instance) -> None:
    messages = [room.mail(f'mail {number}', age=500 - number) for number in range(3)]
    for message in messages:
        attach(room.mailbox, message, 'file')
    room.cloud.faults.add(
        service='graph', path=f'{messages[1].immutable_id}/attachments', status=429, headers={'Retry-After': '300'}, times=None
    )
    platform = instance()
    first = platform.fetch()
    assert set(first.names) <= {'mail 0', 'mail 2'}
    assert first.names
    assert all(one.file('report.pdf') for one in first.incidents)
    room.cloud.faults.clear()
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['mail 0', 'mail 1', 'mail 2']
    assert all(one.file('report.pdf') for one in platform.incidents)


def test_what_is_whole_is_kept_when_the_sign_in_ends(room: Mailroom, instance: Instance) -> None:
    for number in range(25):
        message = room.mail(f'mail {number}', age=500 - number)
        if number > 10:
            attach(room.mailbox, message, 'file')
    platform = instance()
    begun_reading, batch = 0, re.compile(r'/\$batch$')

    def end(_number: int) -> None:
        nonlocal begun_reading
        begun_reading = sum(1 for one in room.cloud.requests if batch.search(one.path))
        if begun_reading == 2:
            room.cloud.faults.add(service='graph', path=batch.pattern, status=401, times=None)
            room.cloud.faults.add(service='entra', status=400, times=None)

    first = platform.fetch(meanwhile=end)
    assert begun_reading
    assert first.names == [f'mail {number}' for number in range(11)]
    assert first.health
    room.cloud.faults.clear()
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == sorted(f'mail {number}' for number in range(25))


def test_many_bad_answers_do_not_add_up_to_a_long_wait(room: Mailroom, instance: Instance) -> None:
    for number in range(20):
        attach(room.mailbox, room.mail(f'mail {number}'), 'file')
    room.cloud.faults.add(service='graph', path='/attachments', status=503, headers={'Retry-After': '4'}, times=None)
    assert instance().fetch().slept <= 60


def test_many_folders_do_not_add_up_to_a_long_wait(room: Mailroom, instance: Instance) -> None:
    names = [f'Folder {number}' for number in range(20)]
    for name in names:
        room.folder(name)
    platform = begun(instance, folder_to_fetch=','.join(f'{room.path}/{name}' for name in names))
    room.cloud.faults.add(service='graph', path='/delta', status=503, headers={'Retry-After': '4'}, times=None)
    assert platform.fetch().slept <= 10


def test_a_run_ends_in_time_with_what_is_whole(room: Mailroom, instance: Instance) -> None:
    for number in range(6):
        message = room.mail(f'mail {number}', age=500 - number)
        for part in range(2):
            room.mailbox.attach_file(message, f'{part}.bin', bytes(1_100_000))
    platform = instance()

    def slowly(_number: int) -> None:
        room.cloud.clock.advance(20)

    first = platform.fetch(meanwhile=slowly)
    assert 0 < len(first.incidents) < 6
    while len(platform.incidents) < 6:
        assert platform.fetch(meanwhile=lambda _number: room.cloud.clock.advance(200)).incidents, 'a slow mail is still fetched'
    assert [one.name for one in platform.incidents] == [f'mail {number}' for number in range(6)]
    assert all(len(one.files) == 2 for one in platform.incidents)


@pytest.mark.parametrize('fault', [{'status': 410}, {'status': 400}])
def test_a_link_that_graph_refuses_for_good_begins_the_round_anew(
    room: Mailroom, instance: Instance, fault: dict[str, Any]
) -> None:
    platform = begun(instance)
    room.mail('late', age=ANCIENT)
    room.cloud.faults.add(service='graph', path='/delta', **fault)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['late']


def test_a_link_to_where_graph_was_before_begins_the_round_anew(room: Mailroom, instance: Instance) -> None:
    platform = begun(instance)
    platform.last_run = platform.last_run.replace(room.cloud.graph, 'https://gateway.contoso.example')
    room.mail('late', age=ANCIENT)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['late']


@pytest.mark.parametrize('when', ['before the first run', 'after it'])
def test_lost_delta_tokens_begin_the_round_anew_without_repeats_and_without_loss(
    room: Mailroom, instance: Instance, when: str
) -> None:
    room.mailbox.delta_token_seconds = 1 if when == 'before the first run' else None
    platform = instance(max_fetch='2')
    for number in range(5):
        room.mail(f'mail {number}', age=500 - number)
    platform.fetch()
    room.mailbox.expire_delta_tokens()
    room.cloud.clock.advance(60)
    room.mail('late', age=ANCIENT)
    room.mail('new')
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['late', *(f'mail {number}' for number in range(5)), 'new']


def test_what_entered_while_a_token_was_lost_is_found_even_where_the_new_round_stops_early(
    room: Mailroom, instance: Instance
) -> None:
    for number in range(5):
        room.mail(f'mail {number}', age=500 - number)
    platform = instance()
    platform.run_until_quiet()
    room.mailbox.first_delta_sync_limit = 2
    room.mailbox.expire_delta_tokens()
    room.cloud.clock.advance(3600)
    room.mail('late', age=7 * DAY)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents][5:] == ['late']


@pytest.mark.parametrize('ahead', [0, 120])
def test_what_enters_between_a_failed_first_round_and_the_next_is_not_lost(
    room: Mailroom, instance: Instance, ahead: float
) -> None:
    room.cloud.clock.stop()
    room.mail('there')
    platform = instance()
    room.cloud.faults.add(service='graph', path='/delta', status=500)
    platform.fetch()
    # the clock of the engine may be ahead of that of the mailbox
    room.cloud.clock.advance(-ahead)
    room.mail('between', age=0)
    room.cloud.clock.advance(ahead + 60)
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == ['between', 'there']


# endregion
# region 6: what was changed on purpose


def other_mailbox(room: Mailroom) -> Message:
    bob = room.cloud.mailbox('bob@contoso.example')
    for message in bob.messages():
        bob.remove(message)
    return bob.deliver(Message('of Bob', bob.owner, bob.now() - 60, html='<p>x</p>'))


def test_another_mailbox_begins_anew(room: Mailroom, instance: Instance) -> None:
    room.mail('of Ada')
    platform = begun(instance)
    other_mailbox(room)
    platform.params['mailbox_to_fetch'] = 'bob@contoso.example'
    assert platform.fetch().names == ['of Bob']
    assert platform.fetch().names == []


def test_a_changed_filter_begins_anew_without_repeating_what_was_handed_over(room: Mailroom, instance: Instance) -> None:
    for subject in ('urgent: a', 'b'):
        room.mail(subject)
    platform = instance(fetch_subject='urgent')
    assert platform.fetch().names == ['urgent: a']
    platform.params['fetch_subject'] = ''
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['urgent: a', 'b']


def test_a_folder_that_is_newly_named_begins_by_itself_and_the_others_go_on(room: Mailroom, instance: Instance) -> None:
    cases, reports = room.folder('Cases'), room.folder('Reports')
    room.mail('case', cases)
    room.mail('report', reports)
    room.mail('too old', cases, ANCIENT)
    platform = instance(folder_to_fetch=f'{room.path}/Cases')
    assert platform.fetch().names == ['case']
    platform.params['folder_to_fetch'] = f'{room.path}/Cases, {room.path}/Reports'
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['case', 'report']


def test_a_long_first_round_loses_nothing_where_the_clock_of_the_engine_is_ahead(
    room: Mailroom, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.cloud.clock.stop()
    monkeypatch.setattr(MicrosoftGraphMailFetchApiModule, '_MAX_PAGES_PER_RUN', 1)
    monkeypatch.setattr(MicrosoftGraphMailFetchApiModule, 'MAX_PAGE_SIZE', 5)
    for number in range(20):
        room.mail(f'old {number}', age=90 * DAY)
    room.cloud.clock.advance(120)
    platform = begun(instance, first_fetch='10 minutes')
    room.cloud.clock.advance(-90)
    room.mail('new', age=0)
    for _ in range(8):
        room.cloud.clock.advance(300)
        platform.fetch()
    assert [one.name for one in platform.incidents] == ['new']


def test_a_folder_that_is_renamed_or_moved_goes_on(room: Mailroom, instance: Instance) -> None:
    cases = room.folder('Cases')
    room.mail('before', cases)
    platform = instance(folder_to_fetch=f'{room.path}/Cases')
    assert platform.fetch().names == ['before']
    room.mailbox.rename_folder(cases, 'Closed cases')
    room.mail('renamed', cases)
    assert platform.fetch().names == ['renamed']
    room.mailbox.move_folder(cases, 'archive')
    room.mail('moved', cases)
    run = platform.fetch()
    assert (run.names, run.health) == (['moved'], [])


def test_a_deleted_folder_says_so_and_the_others_go_on(room: Mailroom, instance: Instance) -> None:
    cases, reports = room.folder('Cases'), room.folder('Reports')
    platform = begun(instance, folder_to_fetch=f'{room.path}/Cases, {room.path}/Reports')
    room.mailbox.remove_folder(cases)
    room.mail('report', reports)
    run = platform.fetch()
    assert run.names == ['report']
    assert 'Cases' in ' '.join(run.health)
    assert 'deleted' in ' '.join(run.health)
    run = platform.fetch()
    assert 'Cases' in run.error + ' '.join(run.health)
    room.mail('another', reports)
    assert platform.fetch().names == ['another']


def test_a_folder_that_was_put_among_the_deleted_items_says_so_until_it_is_back(room: Mailroom, instance: Instance) -> None:
    room.cloud.clock.stop()
    cases = room.folder('Cases')
    open_cases = room.folder('Open', cases)
    platform = begun(instance, folder_to_fetch=f'{open_cases.folder_id}, {room.path}')
    room.mailbox.move_folder(cases, 'deleteditems')
    room.cloud.clock.advance(700)
    for _ in range(2):
        assert f"The folder '{open_cases.folder_id}' is in Deleted Items." in ' '.join(platform.fetch().health)
    room.mailbox.move_folder(cases, 'inbox')
    room.cloud.clock.advance(700)
    room.mail('back', open_cases)
    run = platform.fetch()
    assert (run.names, run.health) == (['back'], [])


@pytest.mark.parametrize('name', ['deleteditems', 'Deleted Items', 'Deleted Items/Cases'])
def test_a_folder_of_the_deleted_items_is_fetched_from_on_purpose(room: Mailroom, instance: Instance, name: str) -> None:
    room.cloud.clock.stop()
    deleted = room.mailbox.folder('deleteditems')
    assert deleted
    cases = room.folder('Cases', deleted)
    platform = begun(instance, folder_to_fetch=name)
    room.mail('thrown away', cases if name.endswith('Cases') else deleted)
    for _ in range(2):
        room.cloud.clock.advance(700)
        run = platform.fetch()
        assert run.health == []
    assert [one.name for one in platform.incidents] == ['thrown away']


def test_a_folder_among_the_deleted_items_gives_way_to_a_new_one_of_its_name(room: Mailroom, instance: Instance) -> None:
    room.cloud.clock.stop()
    cases = room.folder('Cases')
    platform = begun(instance, folder_to_fetch=f'{room.path}/Cases')
    room.mailbox.move_folder(cases, 'deleteditems')
    room.mail('in the new one', room.folder('Cases'))
    room.cloud.clock.advance(700)
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['in the new one']


@pytest.mark.parametrize('is_gone', [True, False])
def test_a_folder_that_took_the_name_of_another_is_not_fetched_twice(room: Mailroom, instance: Instance, is_gone: bool) -> None:
    room.cloud.clock.stop()
    cases, reports = room.folder('Cases'), room.folder('Reports')
    room.mail('report', reports)
    platform = instance(folder_to_fetch=f'{room.path}/Cases, {room.path}/Reports')
    platform.run_until_quiet()
    platform.last_run = json.dumps({**json.loads(platform.last_run), 'remembered': ''})  # as after many others
    if is_gone:
        room.mailbox.remove_folder(cases)
    else:
        room.mailbox.move_folder(cases, 'deleteditems')
    room.mailbox.rename_folder(reports, 'Cases')
    room.cloud.clock.advance(700)
    room.mail('new', reports)
    runs = platform.run_until_quiet(quiet=4)
    assert [one.name for one in platform.incidents] == ['report', 'new']
    assert not any(run.health for run in runs)


@pytest.mark.parametrize('path', ['deleteditems/Cases', 'Deleted Items/Cases'])
def test_a_folder_that_is_meant_to_lie_among_the_deleted_items_is_well(room: Mailroom, instance: Instance, path: str) -> None:
    room.cloud.clock.stop()
    cases = room.mailbox.make_folder('Cases', 'deleteditems')
    platform = begun(instance, folder_to_fetch=path)
    room.cloud.clock.advance(700)
    room.mail('inside', cases)
    run = platform.fetch()
    assert (run.names, run.health) == (['inside'], [])


def test_a_folder_that_took_the_place_of_a_deleted_one_is_fetched_from(room: Mailroom, instance: Instance) -> None:
    cases = room.folder('Cases')
    platform = begun(instance, folder_to_fetch=f'{room.path}/Cases')
    room.mailbox.remove_folder(cases)
    room.mail('in the new one', room.folder('Cases'))
    platform.run_until_quiet()
    assert [one.name for one in platform.incidents] == ['in the new one']


# endregion
