"""Mails that are sent later: they wait in Drafts, and nothing tells them from drafts that are not sent.

Source: openonion/connectonion#183, #1198, #1417, UseJunior/email-agent-mcp#61
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.graph_mail import watched_sender
from conformance.graph_mail.watched_sender import BOB, WatchedSender
from conformance.unified import instances
from conformance.unified.instances import Instance
from conformance.virtual_time import skip_waits
from MicrosoftGraphClientApiModule import UnknownOutcomeError
from MicrosoftGraphMailClientApiModule import EmailAddress as Address
from MicrosoftGraphMailSendApiModule import REPLY, OutgoingMail
from MicrosoftInstanceApiModule import parse_datetime
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import limit

sender, instance = watched_sender.sender, instances.instance
TIME = '2999-01-01T08:00:00Z'
LATER: dict[str, Any] = {'send_at': datetime(2999, 1, 1, tzinfo=timezone.utc)}
MAIL = {'to': BOB, 'subject': 'Later', 'send_time': TIME}
UNKNOWN = 'It is not known whether the email was scheduled.'
ADVICE = 'Delete it in Drafts before you send it again.'


@pytest.fixture(autouse=True)
def war_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a file of 4 MB."""
    (tmp_path / 'big.bin').write_bytes(bytes(4_000_000))
    monkeypatch.setattr(demisto, 'getFilePath', lambda _id: {'path': str(tmp_path / 'big.bin'), 'name': 'big.bin'})


def drafts(mailbox: Mailbox) -> list[Message]:
    folder = mailbox.folder('drafts')
    assert folder
    return mailbox.messages(folder.folder_id)


def send(sender: WatchedSender, adas: Mailbox, how: str) -> None:
    if how == 'send':
        sender.send(OutgoingMail(to=[Address(BOB)], subject='Later', text='x', **LATER))
    elif how == 'reply':
        question = adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner]))
        sender.reply(REPLY, question.immutable_id, OutgoingMail(text='Later', **LATER))
    else:
        sender.send_draft(sender.create_draft(OutgoingMail(to=[Address(BOB)], subject='Later', text='x', **LATER))['id'])


@pytest.mark.parametrize('how', ['send', 'reply', 'send_draft'])
def test_what_may_be_scheduled_is_neither_sent_again_nor_removed(sender: WatchedSender, adas: Mailbox, how: str) -> None:
    adas.shows_submission = False
    sender.client.lost_response = ('POST', 'send')
    with pytest.raises(UnknownOutcomeError) as raised:
        send(sender, adas, how)
    assert str(raised.value).startswith(UNKNOWN)
    assert ADVICE in str(raised.value)
    assert sender.client.count('POST', 'send') == 1
    assert (len(drafts(adas)), len(adas.deferred)) == (1, 1)


@pytest.mark.parametrize('status', [408, 500, 503])
def test_an_error_that_does_not_tell_is_not_repeated(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, status: int
) -> None:
    cloud.faults.add(service='graph', path='/send$', status=status)
    with pytest.raises(UnknownOutcomeError):
        send(sender, adas, 'send')
    assert (sender.client.count('POST', 'send'), len(drafts(adas))) == (1, 1)


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-send-draft'])
@pytest.mark.parametrize('is_done', [True, False])
def test_a_later_run_finds_out_whether_it_was_scheduled(instance: Instance, adas: Mailbox, command: str, is_done: bool) -> None:
    args = MAIL
    if 'draft' in command:
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID']}
    instance.cloud.faults.add(service='graph', path='/send$', status=500, done=is_done)
    skip = int('draft' in command)  # it is looked up before it is sent
    throttled: dict[str, Any] = {'status': 429, 'headers': {'Retry-After': '900'}, 'times': 2}
    instance.cloud.faults.add(service='graph', path='/messages/[^/]+$', method='GET', skip=skip, **throttled)
    entry = instance.run(command, **args)
    assert instance.text(command, **entry['PollingArgs']).splitlines()[0].endswith(' scheduled')
    assert (len(drafts(adas)), len(adas.deferred)) == (1, 1)


def test_what_was_not_scheduled_is_sent_again(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    cloud.faults.add(service='graph', path='/send$', status=404)
    send(sender, adas, 'send')
    assert (sender.client.count('POST', 'send'), len(adas.deferred)) == (2, 1)


def test_a_mail_without_a_copy_cannot_be_scheduled(instance: Instance, cloud: MicrosoftCloud) -> None:
    told = instance.error('send-mail', **MAIL, save_to_sent_items='false')
    assert told.startswith(
        'An email that is sent later cannot be sent without a copy. Remove save_to_sent_items=false, or send_time.'
    )
    assert cloud.mailbox(BOB).messages()[0].subject != 'Later'


@pytest.mark.parametrize('command, title', [('send-mail', 'Email scheduled'), ('reply-mail', 'Reply scheduled')])
def test_the_entry_says_when_it_is_sent_and_how_to_cancel_it(instance: Instance, adas: Mailbox, command: str, title: str) -> None:
    question = adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner]))
    more = {'inReplyTo': question.immutable_id, 'body': 'Later'} if command == 'reply-mail' else {}
    shown = instance.text(command, **MAIL, **more)
    assert shown.startswith(f'### {title}\n')
    assert TIME in shown
    assert 'The email is in Drafts until then. To cancel it, delete it there with msgraph-mail-delete-email.' in shown


def test_a_scheduled_mail_is_cancelled_by_its_deletion(instance: Instance, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    sent_id = instance.context('send-mail', **MAIL)['ID']
    instance.text('msgraph-mail-delete-email', message_id=sent_id)
    adas.deferred = [(0, *adas.deferred[0][1:])]
    instance.text('msgraph-mail-list-folders')
    assert cloud.mailbox(BOB).messages()[0].subject != 'Later'


CREATE, SEND = 'msgraph-mail-create-draft', 'msgraph-mail-send-draft'
SUBMITTED = f'The email was already sent, and is delivered at {TIME}. To cancel it, delete it with msgraph-mail-delete-email.'


def test_a_scheduled_draft_is_reported_as_scheduled(instance: Instance, adas: Mailbox) -> None:
    draft_id = instance.context(CREATE, **MAIL)['ID']
    shown = instance.text(SEND, draft_id=draft_id)
    assert shown.startswith('### Draft scheduled\n')
    assert TIME in shown
    assert 'The email is in Drafts until then. To cancel it, delete it there with msgraph-mail-delete-email.' in shown
    assert len(adas.deferred) == 1


@pytest.mark.parametrize(
    'command, args',
    [
        (SEND, {}),
        ('msgraph-mail-update-draft', {'subject': 'Other'}),
        ('msgraph-mail-add-draft-attachment', {'transientFile': 'a.txt', 'transientFileContent': 'x'}),
        ('msgraph-mail-remove-draft-attachment', {'attachment_id': '{attachment}'}),
    ],
)
@pytest.mark.parametrize('creates', [CREATE, 'send-mail'])
def test_a_mail_that_waits_for_its_time_is_neither_sent_again_nor_changed(
    instance: Instance, adas: Mailbox, command: str, args: dict[str, str], creates: str
) -> None:
    draft_id = instance.context(creates, **MAIL, transientFile='b.txt', transientFileContent='y')['ID']
    if creates == CREATE:
        instance.text(SEND, draft_id=draft_id)
    [draft] = drafts(adas)
    filled = {
        name: value.format(attachment=draft.attachment_id(draft.attachments[0], immutable=True)) for name, value in args.items()
    }
    assert instance.error(command, draft_id=draft_id, **filled) == SUBMITTED
    assert (draft.subject, len(draft.attachments), len(adas.deferred)) == ('Later', 1, 1)


def test_a_scheduled_draft_that_was_not_sent_is_changed(instance: Instance, adas: Mailbox) -> None:
    draft_id = instance.context(CREATE, **MAIL)['ID']
    instance.text('msgraph-mail-update-draft', draft_id=draft_id, subject='Other')
    assert drafts(adas)[0].subject == 'Other'


def test_without_the_flag_a_scheduled_draft_is_reported_as_scheduled(instance: Instance, adas: Mailbox) -> None:
    """Nobody is known to have confirmed that Graph shows the flag of a submitted message."""
    adas.shows_submission = False
    draft_id = instance.context(CREATE, **MAIL)['ID']
    for _ in range(2):
        assert instance.text(SEND, draft_id=draft_id).startswith('### Draft scheduled\n')


def test_a_draft_whose_time_has_passed_is_sent(instance: Instance, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    draft_id = instance.context(CREATE, **MAIL)['ID']
    drafts(adas)[0].properties['SystemTime 0x3FEF'] = '2020-01-01T08:00:00Z'
    shown = instance.text(SEND, draft_id=draft_id)
    assert shown.startswith('### Draft sent\n')
    assert 'Drafts' not in shown
    assert cloud.mailbox(BOB).messages()[0].subject == 'Later'


@pytest.mark.parametrize('status', [429, 503])
def test_a_draft_whose_time_has_passed_is_treated_as_any_other(
    instance: Instance, cloud: MicrosoftCloud, adas: Mailbox, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    skip_waits(monkeypatch)
    draft_id = instance.context(CREATE, **MAIL)['ID']
    drafts(adas)[0].properties['SystemTime 0x3FEF'] = '2020-01-01T08:00:00Z'
    cloud.faults.add(service='graph', path='/send$', status=status, headers={'Retry-After': '1'})
    shown = instance.text(SEND, draft_id=draft_id)
    assert shown.startswith('### Draft sent\n')
    assert [one.subject for one in cloud.mailbox(BOB).messages()].count('Later') == 1


def test_a_draft_whose_time_has_passed_is_resumed(instance: Instance, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    draft_id = instance.context(CREATE, **MAIL)['ID']
    drafts(adas)[0].properties['SystemTime 0x3FEF'] = '2020-01-01T08:00:00Z'
    cloud.faults.add(service='graph', path='/send$', status=429, headers={'Retry-After': '120'})
    entry = instance.run(SEND, draft_id=draft_id)
    assert instance.text(SEND, **entry['PollingArgs']).startswith('### Draft sent\n')
    assert [one.subject for one in cloud.mailbox(BOB).messages()].count('Later') == 1


@pytest.mark.parametrize('how', ['send', 'reply'])
def test_a_time_that_passes_before_the_email_is_sent_defers_nothing(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setitem(LATER, 'send_at', datetime(2020, 1, 1, tzinfo=timezone.utc))
    cloud.faults.add(service='graph', path='/send$', status=429, headers={'Retry-After': '1'})
    send(sender, adas, how)
    assert (sender.client.count('POST', 'send'), drafts(adas)) == (2, [])


@pytest.mark.parametrize('time', [{}, {'send_time': TIME}])
def test_a_draft_that_may_not_be_read_is_sent(instance: Instance, adas: Mailbox, time: dict[str, str]) -> None:
    """The permission Mail.Send is enough to send a draft by its ID."""
    draft_id = instance.context(CREATE, to=BOB, subject='Later', **time)['ID']
    instance.cloud.faults.add(service='graph', path='/messages/[^/]+$', method='GET', status=403, times=None)
    assert instance.context(SEND, draft_id=draft_id) == {'ID': draft_id}


@pytest.mark.parametrize('given', ['in 2 hours', '2 hours from now', 'tomorrow'])
@pytest.mark.parametrize('path', ['/messages$', 'createUploadSession'])
def test_a_relative_time_is_that_of_the_first_run(instance: Instance, adas: Mailbox, given: str, path: str) -> None:
    instance.cloud.faults.add(service='graph', path=path, status=429, headers={'Retry-After': '120'})
    first = parse_datetime(given, 'x')
    entry = instance.run('send-mail', **{**MAIL, 'body': 'x', 'send_time': given, 'attachIDs': '1@7'})
    pinned = parse_datetime(entry['PollingArgs']['send_time'], 'x')
    assert first
    assert pinned
    assert 0 <= (pinned - first).total_seconds() < limit(30)
    shown = instance.text('send-mail', **entry['PollingArgs'])
    expected = f'{pinned:%Y-%m-%dT%H:%M:%SZ}'
    assert expected in shown
    assert drafts(adas)[0].properties['SystemTime 0x3FEF'] == expected


@pytest.mark.parametrize('command', ['send-mail', 'reply-mail'])
def test_a_time_that_passes_while_the_command_waits_is_not_shown(instance: Instance, adas: Mailbox, command: str) -> None:
    question = adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner]))
    more = {'inReplyTo': question.immutable_id, 'body': 'Later'} if command == 'reply-mail' else {}
    instance.cloud.faults.add(
        service='graph', path='/messages|/createReply', method='POST', status=429, headers={'Retry-After': '120'}
    )
    entry = instance.run(command, **{**MAIL, 'send_time': 'in 1 minute'}, **more)
    shown = instance.text(command, **{**entry['PollingArgs'], 'send_time': '2020-01-01T08:00:00Z'})
    assert 'sent' in shown.splitlines()[0]
    assert 'Drafts' not in shown
    assert not drafts(adas)
