"""A sending command that is throttled: what a later run does if its email or its files are gone meanwhile."""

from typing import Any

import pytest

import demistomock as demisto
from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import instance, question, war_room
from conformance.unified.instances import BOB, ERROR, Instance
from conformance.virtual_time import skip_waits
from MicrosoftApiModule import reset_auth
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['instance', 'question', 'war_room']
MAIL = {'to': BOB, 'subject': 'Plan', 'body': 'See.'}
LATER: dict[str, Any] = {'status': 429, 'headers': {'Retry-After': '120'}}
NO_FILE = "The War Room has no file with the entry ID '1@7'. Copy the ID of a file."


@pytest.fixture(autouse=True)
def waits(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_waits(monkeypatch, cloud.clock.advance)


@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-reply-to', {'message_id': '{}', 'comment': 'x'}),
        ('reply-mail', {'inReplyTo': '{}', 'to': BOB, 'subject': 'x', 'body': 'x'}),
        ('msgraph-mail-create-draft', {'forward_id': '{}'}),
    ],
)
def test_a_throttled_lookup_is_resumed(
    instance: Instance, adas: Mailbox, question: Message, command: str, args: dict[str, str]
) -> None:
    args = {name: value.format(question.internet_message_id) for name, value in args.items()}
    instance.cloud.faults.add(service='graph', path='batch', status=429, headers={'Retry-After': '120'})
    entry = instance.run(command, **args)
    assert entry['HumanReadable'] == 'Microsoft is throttling requests. The command continues in 121 seconds.'
    instance.text(command, **entry['PollingArgs'])
    assert len(in_folder(adas, 'drafts') + in_folder(adas, 'sentitems')) == 1


def throttled_at(instance: Instance, path: str, command: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the arguments of the later run of a command that is throttled at a step, and while it looks what became of it."""
    instance.cloud.faults.add(service='graph', path=path, method='POST', **LATER, **more)
    if path == '/send$':
        instance.cloud.faults.add(service='graph', path='/messages/[^/]+$', method='GET', **LATER)
    entry = instance.run(command, **args)
    instance.cloud.clock.advance(121)
    return dict(entry['PollingArgs'])


def without_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the War Room have no files, as on another engine or after the entries were deleted."""
    monkeypatch.setattr(demisto, 'getFilePath', lambda _id: {}['path'])


@pytest.mark.parametrize('is_done', [True, False])
@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-reply-to', {'message_id': '{}', 'comment': 'x'}),
        ('msgraph-mail-forward', {'message_id': '{}', 'to': BOB}),
        ('reply-mail', {'inReplyTo': '{}', 'to': BOB, 'subject': 'x', 'body': 'x'}),
    ],
)
def test_a_later_run_does_not_need_the_email_that_is_answered(
    instance: Instance, adas: Mailbox, question: Message, command: str, args: dict[str, str], is_done: bool
) -> None:
    args = {name: value.format(question.internet_message_id) for name, value in args.items()}
    args = throttled_at(instance, '/send$', command, args, done=is_done, done_after=30.0)
    adas.remove(question)
    assert instance.run(command, **args)['Type'] != ERROR
    assert (len(in_folder(adas, 'sentitems')), in_folder(adas, 'drafts')) == (1, [])


@pytest.mark.parametrize(
    'command, args, path',
    [
        ('msgraph-mail-send-draft', {'draft_id': '{}'}, '/send$'),
        ('msgraph-mail-update-draft', {'draft_id': '{}', 'subject': 'x'}, '/messages/[^/]+$'),
        ('msgraph-mail-create-draft', {'reply_to_id': '{}'}, '/createReply$'),
    ],
)
def test_the_id_that_was_found_is_kept(
    instance: Instance, adas: Mailbox, question: Message, command: str, args: dict[str, str], path: str
) -> None:
    instance.context('msgraph-mail-create-draft', **MAIL)
    [draft] = in_folder(adas, 'drafts')
    message = question if 'reply_to_id' in args else draft
    args = {name: value.format(message.internet_message_id) for name, value in args.items()}
    instance.cloud.faults.add(service='graph', path=path, **LATER)
    found = instance.run(command, **args)['PollingArgs']
    assert found[next(iter(args))] == message.immutable_id


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-reply-to', 'reply-mail'])
def test_what_was_sent_is_a_success_though_its_files_are_gone(
    instance: Instance, adas: Mailbox, question: Message, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    args = {**MAIL, 'attachIDs': '1@7', 'inReplyTo': question.immutable_id}
    if command == 'msgraph-mail-reply-to':
        args = {'message_id': question.immutable_id, 'attach_ids': '1@7'}
    elif command == 'send-mail':
        del args['inReplyTo']
    args = throttled_at(instance, '/send$', command, args, done=True, done_after=30.0)
    without_files(monkeypatch)
    assert ' sent' in instance.text(command, **args).splitlines()[0]
    assert len(in_folder(adas, 'sentitems')) == 1


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-create-draft', 'msgraph-mail-reply-to'])
def test_no_draft_stays_if_a_later_run_fails(
    instance: Instance, adas: Mailbox, question: Message, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    args = {**MAIL, 'attach_ids': '1@7'}
    path = '/send$'
    if command == 'msgraph-mail-reply-to':
        args = {'message_id': question.immutable_id, 'attach_ids': '1@7'}
    elif 'draft' in command:
        args |= {'transientFile': 'big.txt', 'transientFileContent': 4_000_000 * 'x'}
        path = 'createUploadSession'
    args = throttled_at(instance, path, command, args)
    without_files(monkeypatch)
    assert instance.error(command, **args) == NO_FILE
    assert (in_folder(adas, 'drafts'), in_folder(adas, 'sentitems')) == ([], [])


@pytest.mark.parametrize(
    'command, what',
    [
        ('send-mail', 'It is not known whether the email was sent.'),
        ('msgraph-mail-send-draft', 'It is not known whether the email was sent.'),
        ('msgraph-mail-create-draft', 'It is not known whether the draft is complete.'),
    ],
)
@pytest.mark.parametrize('service, status', [('graph', 403), ('graph', 500), ('entra', 401)])
def test_a_later_run_that_cannot_look_says_what_is_not_known(
    instance: Instance, adas: Mailbox, command: str, what: str, service: str, status: int
) -> None:
    args, path = dict(MAIL), '/send$'
    if command == 'msgraph-mail-send-draft':
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID']}
    elif command == 'msgraph-mail-create-draft':
        args |= {'transientFile': 'big.txt', 'transientFileContent': 4_000_000 * 'x'}
        path = 'createUploadSession'
    instance.cloud.faults.add(service='graph', path=path, **LATER)
    args = instance.run(command, **args)['PollingArgs']
    if service == 'entra':
        reset_auth()
    instance.cloud.faults.add(service=service, status=status, times=None)
    assert instance.error(command, **args).startswith(what)
    assert len(in_folder(adas, 'drafts')) == 1


def test_a_draft_that_was_sent_before_it_was_complete_is_told(instance: Instance, adas: Mailbox) -> None:
    files = {'transientFile': 'a.txt,b.txt', 'transientFileContent': [1_600_000 * 'a', 1_600_000 * 'b']}
    args = throttled_at(instance, '/attachments$', 'msgraph-mail-create-draft', {**MAIL, **files})
    instance.text('msgraph-mail-send-draft', draft_id=in_folder(adas, 'drafts')[0].immutable_id)
    assert instance.error('msgraph-mail-create-draft', **args) == (
        'Somebody sent the draft while the command waited, so files may be missing. Look at the email in Sent Items.'
    )
    assert len(in_folder(adas, 'sentitems')) == 1
