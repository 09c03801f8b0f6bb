"""The shortcomings of the fetch of the marketplace pack, each as a test."""

import json

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import BEFORE_LAST_RUN
from conformance.fetch.mail_source import DAY, MailSource, attach


def test_mails_of_the_same_second_are_not_lost(source: MailSource, instance: Instance) -> None:
    source.cloud.clock.stop()
    platform = instance(max_fetch='10')
    for number in range(50):
        source.deliver(f'mail {number}')
    runs = [platform.fetch() for _ in range(6)]
    assert [len(run.incidents) for run in runs] == [10, 10, 10, 10, 10, 0]
    assert {one.name for one in platform.incidents} == {f'mail {number}' for number in range(50)}


def test_mails_of_the_same_second_in_two_runs_are_not_lost(source: MailSource, instance: Instance) -> None:
    source.cloud.clock.stop()
    platform = instance()
    for number in range(3):
        source.deliver(f'mail {number}')
        assert platform.fetch().names == [f'mail {number}']


@pytest.mark.parametrize('is_backlog', [True, False])
def test_seconds_across_pages_and_runs_are_not_lost(source: MailSource, instance: Instance, is_backlog: bool) -> None:
    source.cloud.clock.stop()
    platform = instance(max_fetch='40')
    if not is_backlog:
        platform.fetch()
    for number in range(120):
        source.deliver(f'mail {number}', age=1000 - number // 7)
    platform.run_until_quiet()
    assert sorted(one.name for one in platform.incidents) == sorted(f'mail {number}' for number in range(120))


def test_seconds_across_pages_of_filtered_mails_are_not_lost(source: MailSource, instance: Instance) -> None:
    for number in range(240):
        source.deliver(f'{"wanted" if number % 5 == 0 else "other"} {number}', age=1000 - number // 7)
    platform = instance(fetch_subject='wanted', max_fetch='40')
    platform.run_until_quiet()
    assert {one.name for one in platform.incidents} == {f'wanted {number}' for number in range(0, 240, 5)}


def test_late_mails_are_not_lost(source: MailSource, instance: Instance) -> None:
    platform = instance()
    source.deliver('in time')
    platform.fetch()
    source.deliver('late', age=2 * DAY)
    assert platform.fetch().names == ['late']


def test_moved_mails_are_not_lost(source: MailSource, instance: Instance) -> None:
    message = source.deliver('moved', source.folder('Elsewhere'), age=2 * DAY)
    platform = instance()
    source.deliver('in time')
    platform.fetch()
    source.mailbox.move(message, 'inbox')
    assert platform.fetch().names == ['moved']


def test_another_mailbox_uses_neither_the_old_cursor_nor_the_old_folder(source: MailSource, instance: Instance) -> None:
    ada, cases = source.mailbox, source.folder('Cases')
    source.deliver('of Ada', cases)
    platform = instance(folder_to_fetch=f'{source.path}/Cases')
    assert platform.fetch().names == ['of Ada']
    bob = source.cloud.mailbox('bob@contoso.example')
    parent = bob.make_folder(source.parent.display_name, 'inbox')
    bob.deliver(
        ada.message(platform.incidents[0].mail_id).copied(subject='of Bob'),  # type: ignore[union-attr]
        bob.make_folder('Cases', parent.folder_id).folder_id,
    )
    platform.params['mailbox_to_fetch'] = 'bob@contoso.example'
    run = platform.fetch()
    assert run.names == ['of Bob']
    assert run.health == ['The instance now fetches from another mailbox, so the fetch starts again at the first fetch time.']
    assert platform.fetch().health == []


def test_another_name_of_the_mailbox_is_the_same_mailbox(source: MailSource, instance: Instance) -> None:
    """As if its address was changed, or the ID of the user is in the settings instead."""
    platform = instance(first_fetch='15 minutes')
    source.deliver('first')
    assert platform.fetch().names == ['first']
    source.cloud.clock.advance(2 * 3600)
    source.deliver('during the outage', age=3600)
    platform.params['mailbox_to_fetch'] = source.cloud.directory.user(source.mailbox.owner.address).object_id
    source.cloud.faults.add(service='graph', path='/mailFolders/[^/]+$', status=503, headers={'Retry-After': '60'}, times=1)
    assert platform.fetch().error, 'it is not known whether it is the same one'
    run = platform.fetch()
    assert (run.names, run.health) == (['during the outage'], [])


def test_a_broken_mail_does_not_block_the_mailbox(source: MailSource, instance: Instance) -> None:
    source.deliver('bad', age=300).broken.add('message')
    platform = instance(max_fetch='1')
    for number in range(3):
        source.deliver(f'mail {number}', age=200 - number)
    platform.run_until_quiet(quiet=6)
    assert len(platform.incidents) == 4


def test_the_cursor_is_saved_after_the_incidents(source: MailSource, instance: Instance) -> None:
    source.deliver()
    platform = instance()
    assert platform.fetch(BEFORE_LAST_RUN).names == ['A mail']
    assert platform.last_run == ''
    assert platform.fetch().names == ['A mail']


@pytest.mark.parametrize('marks_read', [True, False])
def test_round_trips_are_bounded(source: MailSource, instance: Instance, marks_read: bool) -> None:
    platform = instance(mark_fetched_read=marks_read)
    for number in range(100):
        source.deliver(f'mail {number}', age=1000 - number)
    platform.fetch()
    for run in (platform.fetch(), platform.fetch()):
        assert run.requests <= 12
    assert len(platform.incidents) == 100


def test_attached_mails_take_no_request_each(source: MailSource, instance: Instance) -> None:
    for number in range(40):
        message = source.deliver(f'mail {number}')
        attach(source.mailbox, message, 'item')
        attach(source.mailbox, message, 'file')
    run = instance().fetch()
    assert len(run.incidents) == 40
    assert run.requests <= 14


@pytest.mark.parametrize('kind', ['file', 'item', 'inline'])
def test_a_throttled_attachment_postpones_its_mail(source: MailSource, instance: Instance, kind: str) -> None:
    attach(source.mailbox, source.deliver(), kind)
    source.cloud.faults.add(service='graph', path='/attachments', status=429, headers={'Retry-After': '300'}, times=None)
    platform = instance()
    for _ in range(8):
        assert platform.fetch().incidents == []
    source.cloud.faults.clear()
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
def test_the_json_of_an_error_is_never_saved_as_eml(source: MailSource, instance: Instance, fault: dict[str, object]) -> None:
    source.deliver()
    source.cloud.faults.add(service='graph', path=r'/\$value', times=None, **fault)
    platform = instance(fetch_eml=True)
    for _ in range(7):
        platform.fetch()
    assert not any(b'"error"' in file.data for one in platform.incidents for file in one.files)


@pytest.mark.parametrize('empty', ['', None, ' '])
def test_an_empty_limit_does_not_crash(source: MailSource, instance: Instance, empty: str | None) -> None:
    source.deliver()
    assert instance(max_fetch=empty, fetch_limit=empty).fetch().names == ['A mail']


def test_the_old_limit_is_used_if_there_is_no_new_one(source: MailSource, instance: Instance) -> None:
    for number in range(5):
        source.deliver(f'mail {number}')
    assert len(instance(max_fetch='', fetch_limit='2').fetch().incidents) == 2
    assert len(instance(max_fetch='3', fetch_limit='2').fetch().incidents) == 3


def test_retry_after_is_read(source: MailSource, instance: Instance) -> None:
    source.deliver()
    platform = instance()
    source.cloud.faults.add(service='graph', path=r'/\$batch', status=429, headers={'Retry-After': '3'})
    run = platform.fetch()
    assert (run.names, run.slept) == (['A mail'], 3)


@pytest.mark.parametrize('header', ['X-Note: a:b:c', 'X-Empty: '])
def test_values_of_headers_are_complete(source: MailSource, instance: Instance, header: str) -> None:
    name, _, value = header.partition(': ')
    source.deliver(headers=[(name, value)])
    [incident] = instance().fetch().incidents
    assert {'name': name, 'value': value} in incident.raw['Headers']
    assert (f'Email/Header/{name}', value) in incident.labels


def test_attachments_without_a_name_do_not_crash(source: MailSource, instance: Instance) -> None:
    attach(source.mailbox, source.deliver(), 'nameless')
    [incident] = instance().fetch().incidents
    [file] = incident.files
    assert file.name
    assert file.data == b'nameless of A mail'


def test_reference_attachments_do_not_vanish(source: MailSource, instance: Instance) -> None:
    attach(source.mailbox, source.deliver(), 'reference')
    [incident] = instance().fetch().incidents
    [named] = incident.raw['AttachmentDetails']
    assert (named['Name'], named['Kind']) == ('shared.docx', 'reference')
    assert incident.raw['WebLink']
    assert incident.raw['WebLink'] in named['Missing']


def test_nothing_of_a_mail_is_in_the_log(source: MailSource, instance: Instance) -> None:
    message = source.deliver('a private subject', html='<p>a private body</p>')
    source.mailbox.attach_file(message, 'a.txt', b'a private file', 'text/plain')
    platform = instance(mark_fetched_read=True, fetch_eml=True)
    runs = [platform.fetch(), platform.fetch()]
    token = json.loads(next(value for name, value in platform.context.items() if '/token/' in name))['value']
    shown = ' '.join(line for run in runs for line in [*run.log, *run.health, run.error])
    for hidden in ('a private body', 'a private file', token, platform.params['creds_enc_key']['password']):
        assert hidden not in shown
