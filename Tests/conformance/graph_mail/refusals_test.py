"""What Graph refuses for good, and what it refuses only for a moment."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from conformance.graph_mail.unclear_sending_test import TWO_LARGE_FILES
from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, ERROR, Instance
from conformance.virtual_time import skip_waits
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

instance = instances.instance
SIZE_ADVICE = 'Send smaller files or a link to them: the mailbox limits the size of an email.'
QUOTA_ADVICE = 'Delete what the mailbox does not need, or ask an administrator to raise its quota.'
NO_MAILBOX = 'Check the address: the account has no mailbox in Exchange Online.'


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """Record waits instead of waiting."""
    monkeypatch.chdir(tmp_path)
    return skip_waits(monkeypatch)


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


def refusal(status: int, code: str, message: str = 'No.') -> dict[str, Any]:
    return {'service': 'graph', 'status': status, 'body': {'error': {'code': code, 'message': message}}}


def message_of(adas: Mailbox, **more: Any) -> Message:
    return adas.deliver(Message('Hello', EmailAddress('Eve', 'eve@partner.example'), adas.now(), to=[adas.owner], **more))


def mail(**more: Any) -> dict[str, Any]:
    return {'to': BOB, 'subject': 'Plan', 'body': 'See.', **more}


# region refused for good


@pytest.mark.parametrize(
    'status, code, advice',
    [
        (500, 'ErrorMessageSizeExceeded', SIZE_ADVICE),
        (413, 'ErrorMessageSizeExceeded', SIZE_ADVICE),
        (403, 'ErrorQuotaExceeded', QUOTA_ADVICE),
        (507, 'ErrorQuotaExceeded', QUOTA_ADVICE),
        (503, 'ErrorQuotaExceeded', QUOTA_ADVICE),
        (
            403,
            'ErrorExceededMessageLimit',
            'Wait until the mailbox may send again, or ask an administrator about its sending limit.',
        ),
        (
            403,
            'ErrorMessageSubmissionBlocked',
            'Ask an administrator to let the mailbox send again: Microsoft has blocked it.',
        ),
        (401, 'OrganizationFromTenantGuidNotFound', 'Check the tenant ID: this tenant has no mailboxes in Exchange Online.'),
        (403, 'ErrorSendAsDenied', 'Change the sender, or ask an administrator for the permission Send As.'),
        (404, 'MailboxNotSupportedForRESTAPI', NO_MAILBOX),
        (404, 'MailboxNotEnabledForRESTAPI', NO_MAILBOX),
    ],
)
@pytest.mark.parametrize('path', ['/send$', '/attachments$', '/messages$'])
def test_what_graph_refuses_for_good_is_not_repeated(
    instance: Instance, adas: Mailbox, waits: list[float], status: int, code: str, advice: str, path: str
) -> None:
    instance.cloud.faults.add(path=path, method='POST', times=None, **refusal(status, code))
    args = mail()
    if path == '/attachments$':  # the second file does not fit into the request that creates the draft
        args = mail(**TWO_LARGE_FILES)
    assert instance.error('send-mail', **args).startswith(f'Microsoft Graph refused the request: {code}: No. {advice}')
    assert waits == []


def test_a_message_id_is_not_blamed_for_a_mailbox_that_does_not_exist(instance: Instance, adas: Mailbox) -> None:
    message = message_of(adas)
    instance.cloud.faults.add(path='/messages/', **refusal(404, 'ErrorNonExistentMailbox'))
    assert NO_MAILBOX in instance.error('msgraph-mail-get-email', message_id=message.message_id)


def test_a_second_deletion_is_not_blamed_on_permissions(instance: Instance, adas: Mailbox) -> None:
    message = message_of(adas)
    instance.cloud.faults.add(path='permanentDelete', **refusal(403, 'ErrorCannotDeleteObject', 'Object cannot be deleted.'))
    told = instance.error('msgraph-mail-delete-email', message_id=message.immutable_id, permanent='true')
    assert 'ErrorCannotDeleteObject: Object cannot be deleted. The object may already have been deleted. Look for it' in told


@pytest.mark.parametrize('command', ['msgraph-mail-delete-email', 'msgraph-mail-delete-folder'])
def test_a_cloud_without_permanent_deletion_is_named(instance: Instance, adas: Mailbox, command: str) -> None:
    adas.deletes_permanently = False
    folder = adas.make_folder('Team')
    args = {'folder_id': folder.folder_id} if 'folder' in command else {'message_id': message_of(adas).immutable_id}
    told = instance.error(command, permanent='true', **args)
    assert 'This cloud cannot delete permanently. Run the command without permanent.' in told


def test_the_id_is_not_blamed_for_a_signed_email_that_cannot_be_forwarded(instance: Instance, adas: Mailbox) -> None:
    reason = 'The specified object was not found in the store., Cannot open attachment.'
    instance.cloud.faults.add(path='/createForward$', times=None, **refusal(404, 'ErrorItemNotFound', reason))
    told = instance.error('msgraph-mail-forward', message_id=message_of(adas).message_id, to=BOB, comment='See.')
    assert told.startswith(f'Microsoft Graph refused the request: ErrorItemNotFound: {reason} Open the email in Outlook')


def test_a_draft_has_no_reply(instance: Instance, adas: Mailbox) -> None:
    draft = instance.context('msgraph-mail-create-draft', **mail())['ID']
    told = instance.error('msgraph-mail-create-draft', **mail(reply_to_id=draft))
    assert 'Reply to an email that is not a draft. Change a draft with msgraph-mail-update-draft.' in told


def test_a_draft_without_recipients_is_not_sent(instance: Instance, adas: Mailbox) -> None:
    draft = adas.deliver(Message('Plan', adas.owner, adas.now(), is_draft=True), 'drafts')
    told = instance.error('msgraph-mail-send-draft', draft_id=draft.immutable_id)
    assert 'Check the recipients: an email needs at least one, and each needs a valid address.' in told


# endregion

# region refused for a moment

CONFLICTS = [(412, 'ErrorIrresolvableConflict'), (409, 'ErrorIrresolvableConflict')]


@pytest.mark.parametrize('status, code', CONFLICTS)
@pytest.mark.parametrize(
    'method, path', [('GET', '/attachments$'), ('POST', '/send$'), ('POST', '/attachments$'), ('POST', '/messages$')]
)
def test_a_passing_conflict_does_not_fail_a_mail(
    instance: Instance, adas: Mailbox, status: int, code: str, method: str, path: str
) -> None:
    instance.cloud.faults.add(path=path, method=method, **refusal(status, code))
    args = mail(**TWO_LARGE_FILES)
    assert instance.run('send-mail', **args)['Type'] != ERROR
    arrived = instance.cloud.mailbox(BOB).messages()
    assert [one.subject for one in arrived].count('Plan') == 1
    assert not instance.cloud.faults.all()


@pytest.mark.parametrize('status, code', CONFLICTS)
@pytest.mark.parametrize('command', ['msgraph-mail-create-draft', 'msgraph-mail-reply-to', 'reply-mail'])
def test_a_passing_conflict_does_not_fail_a_reply(
    instance: Instance, adas: Mailbox, status: int, code: str, command: str
) -> None:
    message = message_of(adas)
    instance.cloud.faults.add(path='/createReply', method='POST', **refusal(status, code))
    instance.cloud.faults.add(path='/messages/', method='PATCH', **refusal(status, code))
    args = {
        'msgraph-mail-create-draft': mail(reply_to_id=message.message_id),
        'msgraph-mail-reply-to': {'message_id': message.message_id, 'comment': 'See.'},
        'reply-mail': {'to': BOB, 'inReplyTo': message.message_id, 'subject': 'Plan', 'body': 'See.'},
    }[command]
    assert instance.run(command, **args)['Type'] != ERROR


@pytest.mark.parametrize('status, code', CONFLICTS)
@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-update-email-status', {'message_ids': '{}', 'status': 'Read'}),
        ('msgraph-mail-flag-email', {'message_ids': '{}', 'status': 'flagged'}),
        ('msgraph-mail-add-categories', {'message_ids': '{}', 'categories': 'Red category'}),
    ],
)
def test_a_passing_conflict_does_not_fail_a_change(
    instance: Instance, adas: Mailbox, status: int, code: str, command: str, args: dict[str, str]
) -> None:
    message = message_of(adas)
    instance.cloud.faults.add(path='/messages/', method='PATCH', **refusal(status, code))
    args = {name: value.format(message.message_id) for name, value in args.items()}
    assert instance.run(command, **args)['Type'] != ERROR
    assert not instance.cloud.faults.all()


@pytest.mark.parametrize('status', [409, 412])
def test_a_conflict_that_stays_is_told_after_a_few_tries(
    instance: Instance, adas: Mailbox, waits: list[float], status: int
) -> None:
    message = message_of(adas)
    instance.cloud.faults.add(path='/messages/', method='PATCH', times=None, **refusal(status, 'ErrorIrresolvableConflict'))
    told = instance.error('msgraph-update-email-status', message_ids=message.message_id, status='Read')
    assert 'Something else changed the object at the same time. Run the command again.' in told
    assert len(waits) == 3
    assert sum(waits) < 10


def test_a_folder_with_a_name_that_exists_is_told_at_once(instance: Instance, adas: Mailbox, waits: list[float]) -> None:
    adas.make_folder('Cases')
    folder = adas.make_folder('Other')
    instance.cloud.faults.add(path='/mailFolders/', method='PATCH', times=None, **refusal(409, 'ErrorFolderExists'))
    told = instance.error('msgraph-mail-update-folder', folder_id=folder.folder_id, new_display_name='Cases')
    assert 'Choose another name or another parent folder.' in told
    assert waits == []


# endregion

# region no room for the mark of a draft


@pytest.mark.parametrize(
    'command, args',
    [
        ('send-mail', {}),
        ('send-mail', {'transientFile': 'a.txt', 'transientFileContent': 'x', 'importance': 'high'}),
        ('msgraph-mail-create-draft', {}),
        ('msgraph-mail-create-draft', {'reply_to_id': '{}'}),
        ('reply-mail', {'inReplyTo': '{}'}),
    ],
)
def test_a_mailbox_without_room_for_names_of_properties_can_send(
    instance: Instance, adas: Mailbox, waits: list[float], command: str, args: dict[str, str]
) -> None:
    adas.has_room_for_names = False
    message = message_of(adas)
    args = mail(**{name: value.format(message.message_id) for name, value in args.items()})
    entry = instance.run(command, **args)
    assert entry['Type'] != ERROR, entry
    assert waits == []
    drafts = [one for one in adas.messages() if one.is_draft]
    assert len(drafts) == (command == 'msgraph-mail-create-draft')
    arrived = [one for one in instance.cloud.mailbox(BOB).messages() if 'Plan' in one.subject]
    assert [len(one.attachments) for one in arrived] == ([] if drafts else ['transientFile' in args])


@pytest.mark.parametrize('skip, method, path', [(1, 'POST', '/messages$'), (0, 'POST', '/send$')])
def test_a_mail_without_a_mark_is_sent_once_though_a_response_is_lost(
    instance: Instance, adas: Mailbox, skip: int, method: str, path: str
) -> None:
    adas.has_room_for_names = False
    instance.cloud.faults.add(service='graph', path=path, method=method, skip=skip, reset_mid_body=True)
    assert instance.run('send-mail', **mail())['Type'] != ERROR
    assert [one.subject for one in instance.cloud.mailbox(BOB).messages()].count('Plan') == 1


# endregion

# region attachments that cannot be read


@pytest.mark.parametrize('names', [['a.txt', 'b.txt', 'c.txt'], ['b.txt'], ['b.txt', 'b.txt', 'a.txt']])
@pytest.mark.parametrize('status, code', [(500, 'ErrorMimeContentConversionFailed'), (500, 'ErrorItemCorrupt')])
def test_attachments_are_listed_although_one_cannot_be_read(
    instance: Instance, adas: Mailbox, waits: list[float], status: int, code: str, names: list[str]
) -> None:
    message = message_of(adas)
    for name in names:
        attachment = adas.attach_file(message, name, b'bytes')
        if name == 'b.txt':
            path = f'/attachments/{message.attachment_id(attachment, immutable=True)}/'
            instance.cloud.faults.add(path=path, times=None, **refusal(status, code, 'Not | [this](http://x.example).'))
    entry = instance.run('msgraph-mail-list-attachments', message_id=message.immutable_id, include_hash='true')
    assert entry['Type'] != ERROR, entry
    [context] = entry['EntryContext'].values()
    assert [('SHA256' in one) for one in context['Attachment']] == [name != 'b.txt' for name in names]
    readable = entry['HumanReadable']
    assert readable.count(f'\nb.txt could not be read: Microsoft Graph refused the request: {code}: Not') == names.count('b.txt')
    assert 'Open the email in Outlook' in readable
    assert '[this](http' not in readable
    assert waits == []


@pytest.mark.parametrize('status, code', [(404, 'ErrorItemNotFound'), (500, 'ErrorInternalServerError')])
def test_another_failure_of_a_hash_is_an_error(instance: Instance, adas: Mailbox, status: int, code: str) -> None:
    message = message_of(adas)
    adas.attach_file(message, 'a.txt', b'bytes')
    instance.cloud.faults.add(path='value$', times=None, **refusal(status, code))
    told = instance.error('msgraph-mail-list-attachments', message_id=message.immutable_id, include_hash='true')
    assert code in told


# endregion

# region empty attachments


@pytest.mark.parametrize('overhead', [0, 1, 237, 816, 1000])
def test_an_empty_attachment_is_one_though_graph_counts_more(instance: Instance, adas: Mailbox, overhead: int) -> None:
    message = message_of(adas)
    adas.attach_file(message, 'empty.txt', b'').overhead = overhead
    [entry] = instance.entries('msgraph-mail-get-attachment', message_id=message.immutable_id)
    assert (entry['Type'], entry['File']) == (3, 'empty.txt')
    [listed] = instance.context('msgraph-mail-list-attachments', message_id=message.immutable_id, include_hash='true')[
        'Attachment'
    ]
    assert (listed['Size'], listed['SHA256']) == (overhead, hashlib.sha256(b'').hexdigest())


def test_a_file_without_its_bytes_is_an_error(instance: Instance, adas: Mailbox) -> None:
    message = message_of(adas)
    adas.attach_file(message, 'lost.txt', b'').overhead = 1001
    told = instance.error('msgraph-mail-get-attachment', message_id=message.immutable_id)
    assert told.startswith('The file is empty, though it should have 1001 bytes. Try again.')


# endregion
