"""Where the marketplace pack falls short in its fetch: each sentence of the reference is a test here."""

import json

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.mailroom import DAY, Mailroom, attach


def test_mails_of_the_same_second_are_not_lost(room: Mailroom, instance: Instance) -> None:
    room.cloud.clock.stop()
    platform = instance(max_fetch='10')
    for number in range(50):
        room.mail(f'mail {number}')
    runs = [platform.fetch() for _ in range(6)]
    assert [len(run.incidents) for run in runs] == [10, 10, 10, 10, 10, 0]
    assert {one.name for one in platform.incidents} == {f'mail {number}' for number in range(50)}


def test_mails_of_the_same_second_that_come_in_two_runs_are_not_lost(room: Mailroom, instance: Instance) -> None:
    room.cloud.clock.stop()
    platform = instance()
    for number in range(3):
        room.mail(f'mail {number}')
        assert platform.fetch().names == [f'mail {number}']


@pytest.mark.parametrize('is_backlog', [True, False])
def test_seconds_that_lie_across_pages_and_runs_are_not_lost(room: Mailroom, instance: Instance, is_backlog: bool) -> None:
    room.cloud.clock.stop()
    platform = instance(max_fetch='40')
    if not is_backlog:
        platform.fetch()
    for number in range(230):
        room.mail(f'mail {number}', age=1000 - number // 7)
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == sorted(f'mail {number}' for number in range(230))


def test_seconds_that_lie_across_pages_of_unwanted_mails_are_not_lost(room: Mailroom, instance: Instance) -> None:
    for number in range(400):
        room.mail(f'{"wanted" if number % 5 == 0 else "other"} {number}', age=1000 - number // 7)
    platform = instance(fetch_subject='wanted', max_fetch='40')
    platform.run_until_quiet()
    assert {one.name for one in platform.incidents} == {f'wanted {number}' for number in range(0, 400, 5)}


def test_late_mails_are_not_lost(room: Mailroom, instance: Instance) -> None:
    platform = instance()
    room.mail('in time')
    platform.fetch()
    room.mail('late', age=2 * DAY)
    assert platform.fetch().names == ['late']


def test_moved_mails_are_not_lost(room: Mailroom, instance: Instance) -> None:
    message = room.mail('moved', room.folder('Elsewhere'), age=2 * DAY)
    platform = instance()
    room.mail('in time')
    platform.fetch()
    room.mailbox.move(message, 'inbox')
    assert platform.fetch().names == ['moved']


def test_a_mailbox_change_keeps_neither_the_old_cursor_nor_the_old_folder(room: Mailroom, instance: Instance) -> None:
    ada, cases = room.mailbox, room.folder('Cases')
    room.mail('of Ada', cases)
    platform = instance(folder_to_fetch=f'{room.path}/Cases')
    assert platform.fetch().names == ['of Ada']
    bob = room.cloud.mailbox('bob@contoso.example')
    parent = bob.make_folder(room.holder.display_name, 'inbox')
    bob.deliver(
        ada.message(platform.incidents[0].mail_id).copied(subject='of Bob'),  # type: ignore[union-attr]
        bob.make_folder('Cases', parent.folder_id).folder_id,
    )
    platform.params['mailbox_to_fetch'] = 'bob@contoso.example'
    assert platform.fetch().names == ['of Bob']


def test_one_bad_mail_does_not_block_the_mailbox_for_ever(room: Mailroom, instance: Instance) -> None:
    room.mail('bad', age=300).broken.add('message')
    platform = instance(max_fetch='1')
    for number in range(3):
        room.mail(f'mail {number}', age=200 - number)
    platform.run_until_quiet(quiet=6)
    assert len(platform.incidents) == 4


def test_the_cursor_is_saved_after_the_incidents(room: Mailroom, instance: Instance) -> None:
    room.mail()
    platform = instance()
    assert platform.fetch('cursor').names == ['A mail']
    assert platform.last_run == ''
    assert platform.fetch().names == ['A mail']


@pytest.mark.parametrize('marks_read', [True, False])
def test_round_trips_are_bounded(room: Mailroom, instance: Instance, marks_read: bool) -> None:
    platform = instance(mark_fetched_read=marks_read)
    for number in range(100):
        room.mail(f'mail {number}', age=1000 - number)
    platform.fetch()
    for run in (platform.fetch(), platform.fetch()):
        assert run.requests <= 12
    assert len(platform.incidents) == 100


def test_attached_mails_cost_no_round_trip_each(room: Mailroom, instance: Instance) -> None:
    for number in range(40):
        message = room.mail(f'mail {number}')
        attach(room.mailbox, message, 'item')
        attach(room.mailbox, message, 'file')
    run = instance().fetch()
    assert len(run.incidents) == 40
    assert run.requests <= 14


@pytest.mark.parametrize('kind', ['file', 'item', 'inline'])
def test_a_throttled_attachment_is_no_incident_without_attachments(room: Mailroom, instance: Instance, kind: str) -> None:
    attach(room.mailbox, room.mail(), kind)
    room.cloud.faults.add(service='graph', path='/attachments', status=429, headers={'Retry-After': '300'}, times=None)
    platform = instance()
    for _ in range(8):
        assert platform.fetch().incidents == []
    room.cloud.faults.clear()
    [incident] = platform.fetch().incidents
    assert len(incident.files) == 1
    assert 'Missing' not in incident.raw


@pytest.mark.parametrize(
    'fault',
    [
        {'status': 429, 'body': {'error': {'code': 'ApplicationThrottled', 'message': 'Too much.'}}},
        {'status': 500, 'body': {'error': {'code': 'x', 'message': 'y'}}},
    ],
)
def test_the_json_of_an_error_is_never_saved_as_eml(room: Mailroom, instance: Instance, fault: dict[str, object]) -> None:
    room.mail()
    room.cloud.faults.add(service='graph', path=r'/\$value', times=None, **fault)
    platform = instance(fetch_eml=True)
    for _ in range(7):
        platform.fetch()
    assert not any(b'"error"' in file.data for one in platform.incidents for file in one.files)


@pytest.mark.parametrize('empty', ['', None, ' '])
def test_an_empty_limit_does_not_crash(room: Mailroom, instance: Instance, empty: str | None) -> None:
    room.mail()
    assert instance(max_fetch=empty, fetch_limit=empty).fetch().names == ['A mail']


def test_the_old_limit_counts_where_there_is_no_new_one(room: Mailroom, instance: Instance) -> None:
    for number in range(5):
        room.mail(f'mail {number}')
    assert len(instance(max_fetch='', fetch_limit='2').fetch().incidents) == 2
    assert len(instance(max_fetch='3', fetch_limit='2').fetch().incidents) == 3


def test_retry_after_is_read(room: Mailroom, instance: Instance) -> None:
    room.mail()
    platform = instance()
    room.cloud.faults.add(service='graph', path=r'/\$batch', status=429, headers={'Retry-After': '3'})
    run = platform.fetch()
    assert (run.names, run.slept) == (['A mail'], 3)


@pytest.mark.parametrize('header', ['X-Note: a:b:c', 'X-Empty: '])
def test_values_of_headers_are_whole(room: Mailroom, instance: Instance, header: str) -> None:
    name, _, value = header.partition(': ')
    room.mail(headers=[(name, value)])
    [incident] = instance().fetch().incidents
    assert {'name': name, 'value': value} in incident.raw['Headers']
    assert (f'Email/Header/{name}', value) in incident.labels


def test_attachments_without_a_name_do_not_crash(room: Mailroom, instance: Instance) -> None:
    attach(room.mailbox, room.mail(), 'nameless')
    [incident] = instance().fetch().incidents
    [file] = incident.files
    assert file.name
    assert file.data == b'nameless of A mail'


def test_reference_attachments_do_not_vanish(room: Mailroom, instance: Instance) -> None:
    attach(room.mailbox, room.mail(), 'reference')
    [incident] = instance().fetch().incidents
    [named] = incident.raw['AttachmentDetails']
    assert (named['Name'], named['Kind']) == ('shared.docx', 'reference')
    assert incident.raw['WebLink']
    assert incident.raw['WebLink'] in named['Missing']


def test_nothing_of_a_mail_is_in_the_log(room: Mailroom, instance: Instance) -> None:
    message = room.mail('a private subject', html='<p>a private body</p>')
    room.mailbox.attach_file(message, 'a.txt', b'a private file', 'text/plain')
    platform = instance(mark_fetched_read=True, fetch_eml=True)
    runs = [platform.fetch(), platform.fetch()]
    token = json.loads(next(value for name, value in platform.context.items() if '/token/' in name))['value']
    shown = ' '.join(line for run in runs for line in [*run.log, *run.health, run.error])
    for hidden in ('a private body', 'a private file', token, platform.params['creds_enc_key']['password']):
        assert hidden not in shown
