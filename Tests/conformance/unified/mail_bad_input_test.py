"""Invalid input to the commands of a mailbox: a message in an error entry, and no partial change."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conformance.unified.analyst import Analyst
from conformance.unified.instances import ADA, BOB, Instance
from MicrosoftApiModule import reset_auth

NO_PERMISSION = 'ErrorAccessDenied'
RULE = json.dumps({'markAsRead': True})
MANY = ','.join(f'person{number}@partner.example' for number in range(2000))
# Arguments of commands for a message, with {id} for its ID.
ON_MESSAGES: dict[str, dict[str, str]] = {
    'msgraph-mail-get-email': {'message_id': '{id}'},
    'msgraph-mail-get-conversation': {'message_id': '{id}'},
    'msgraph-mail-get-email-as-eml': {'message_id': '{id}'},
    'msgraph-mail-get-invitation-as-ics': {'message_id': '{id}'},
    'msgraph-mail-list-attachments': {'message_id': '{id}'},
    'msgraph-mail-get-attachment': {'message_id': '{id}'},
    'msgraph-update-email-status': {'message_ids': '{id}', 'status': 'Read'},
    'msgraph-mail-set-categories': {'message_ids': '{id}', 'categories': 'Red'},
    'msgraph-mail-add-categories': {'message_ids': '{id}', 'categories': 'Red'},
    'msgraph-mail-remove-categories': {'message_ids': '{id}', 'categories': 'Red'},
    'msgraph-mail-flag-email': {'message_ids': '{id}'},
    'msgraph-mail-move-email': {'message_id': '{id}', 'destination_folder_id': 'archive'},
    'msgraph-mail-copy-email': {'message_id': '{id}', 'destination_folder_id': 'archive'},
    'msgraph-mail-delete-email': {'message_id': '{id}'},
    'msgraph-mail-send-draft': {'draft_id': '{id}'},
    'msgraph-mail-respond-to-invitation': {'message_id': '{id}', 'response': 'accept'},
    'reply-mail': {'inReplyTo': '{id}', 'to': BOB, 'subject': 'Re', 'body': 'Re'},
    'msgraph-mail-reply-to': {'message_id': '{id}', 'to': BOB, 'comment': 'Re'},
    'msgraph-mail-reply-all': {'message_id': '{id}', 'comment': 'Re'},
    'msgraph-mail-forward': {'message_id': '{id}', 'to': BOB, 'comment': 'Re'},
}
ON_OTHERS: dict[str, dict[str, str]] = {
    'msgraph-mail-list-emails': {'folder_id': '{id}'},
    'msgraph-mail-list-child-folders': {'parent_folder_id': '{id}'},
    'msgraph-mail-create-folder': {'new_folder_name': 'New', 'parent_folder_id': '{id}'},
    'msgraph-mail-update-folder': {'folder_id': '{id}', 'new_display_name': 'New'},
    'msgraph-mail-delete-folder': {'folder_id': '{id}'},
    'msgraph-mail-get-rule': {'rule_id': '{id}'},
    'msgraph-mail-update-rule': {'rule_id': '{id}', 'display_name': 'New'},
    'msgraph-mail-delete-rule': {'rule_id': '{id}'},
}
SENDING: dict[str, dict[str, str]] = {
    'send-mail': {'subject': 'Mail'},
    'msgraph-mail-create-draft': {'subject': 'Mail'},
    'reply-mail': {'subject': 'Mail', 'inReplyTo': '{id}'},
    'msgraph-mail-reply-to': {'message_id': '{id}', 'comment': 'Re'},
    'msgraph-mail-forward': {'message_id': '{id}'},
}
LISTS = {
    'msgraph-update-email-status': 'message_ids',
    'msgraph-mail-set-categories': 'message_ids',
    'msgraph-mail-add-categories': 'message_ids',
    'msgraph-mail-remove-categories': 'message_ids',
    'msgraph-mail-flag-email': 'message_ids',
    'msgraph-mail-move-email': 'message_id',
    'msgraph-mail-copy-email': 'message_id',
    'msgraph-mail-delete-email': 'message_id',
}


@pytest.fixture
def analyst(instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Analyst:
    monkeypatch.chdir(tmp_path)
    return Analyst(instance, tmp_path, monkeypatch)


def everything_in(analyst: Analyst) -> dict[str, Any]:
    """Return everything that commands could change, in both mailboxes."""
    found: dict[str, Any] = {}
    for address in (ADA, BOB):
        mailbox = analyst.cloud.mailbox(address)
        messages = [
            (message.immutable_id, message.folder_id, message.is_read, message.categories, message.flag.status)
            for message in mailbox.messages()
        ]
        top = mailbox.folder('msgfolderroot')
        assert top
        found[address] = (messages, [folder.display_name for folder in mailbox.folders(top.folder_id)], mailbox.rules.copy())
    return found


def is_refused(analyst: Analyst, command: str, arguments: dict[str, str], message_id: str = '') -> str:
    """Return the error of a command that changed nothing."""
    before = everything_in(analyst)
    said = analyst.error(command, **{name: value.replace('{id}', message_id) for name, value in arguments.items()})
    assert re.fullmatch(r"['\w][^\n]+\.( Request ID: [\w-]+)?", said), said
    assert 'Traceback' not in said
    assert 'crashed' not in said
    assert everything_in(analyst) == before, f'{command} did something before it was refused: {said}'
    return said


@pytest.mark.parametrize('unknown', ['AAMkAGNoSuchThing=', 'a/b?c#d/..', '../../bob@contoso.example/messages'])
@pytest.mark.parametrize('command', [*ON_MESSAGES, *ON_OTHERS])
def test_unknown_id(analyst: Analyst, command: str, unknown: str) -> None:
    """Any text stays an ID: Graph is called with it, and does not know it."""
    is_refused(analyst, command, (ON_MESSAGES | ON_OTHERS)[command], unknown)
    asked = {record.status for record in analyst.cloud.requests.of('graph')}
    assert asked <= {200, 400, 404}  # 200 is a batch, whose one request was refused


@pytest.mark.parametrize('command', [*ON_MESSAGES, *ON_OTHERS])
def test_id_that_is_another_path(analyst: Analyst, command: str) -> None:
    said = is_refused(analyst, command, (ON_MESSAGES | ON_OTHERS)[command], '..')
    assert "'..' is not a valid " in said
    assert analyst.cloud.requests.of('graph') == []


@pytest.mark.parametrize('command', LISTS)
def test_list_without_an_id(analyst: Analyst, command: str) -> None:
    said = is_refused(analyst, command, ON_MESSAGES[command], ' , ')
    assert said == f'The argument {LISTS[command]} contains no ID. Enter one ID, or several separated by commas.'


def test_list_without_an_address(analyst: Analyst) -> None:
    assert 'email_addresses' in is_refused(analyst, 'msgraph-mail-get-mailtips', {'email_addresses': ' , '})
    assert 'no recipients' in is_refused(analyst, 'send-mail', {'subject': 'Mail', 'to': ' , '})


def test_unknown_id_among_known_ones(analyst: Analyst) -> None:
    """The known ones are moved, and the table has the result of each."""
    first, second = analyst.receive('First'), analyst.receive('Second')
    ids = f'{first.immutable_id},AAMkAGNoSuchThing=,{second.immutable_id}'
    shown = analyst.run('msgraph-mail-move-email', message_id=ids, destination_folder_id='archive')
    assert '2 of 3' in shown
    assert set(analyst.messages('archive')) == {first, second}
    [failed] = [line for line in shown.splitlines() if 'Failed' in line]
    assert 'AAMkAGNoSuchThing' in failed


@pytest.mark.slow  # dateparser tries 200 languages
@pytest.mark.parametrize(
    'command, arguments',
    [
        ('msgraph-mail-flag-email', {'message_ids': '{id}', 'due_date': '31.31.2030'}),
        ('send-mail', {'to': BOB, 'subject': 'Mail', 'send_time': '2030-02-31T25:00'}),
        ('msgraph-mail-list-emails', {'odata': '$filter=receivedDateTime ge yesterday'}),
    ],
)
def test_wrong_date(analyst: Analyst, command: str, arguments: dict[str, str]) -> None:
    is_refused(analyst, command, arguments, analyst.receive().immutable_id)


@pytest.mark.parametrize('command', SENDING)
def test_two_thousand_recipients(analyst: Analyst, command: str) -> None:
    said = is_refused(analyst, command, {**SENDING[command], 'to': MANY}, analyst.receive().immutable_id)
    assert 'The email has 2000 recipients, but to, cc and bcc together may have 1000' in said


@pytest.mark.parametrize('command', SENDING)
def test_missing_file_entry(analyst: Analyst, command: str) -> None:
    files = 'attachIDs' if command in ('send-mail', 'reply-mail') else 'attach_ids'
    there = analyst.upload('there.bin', b'there')
    arguments = {**SENDING[command], 'to': BOB, files: f'{there},99999@{there.partition("@")[2]}'}
    assert "has no file with the entry ID '99999@" in is_refused(analyst, command, arguments, analyst.receive().immutable_id)
    assert [record for record in analyst.cloud.requests.of('graph') if record.method != 'GET'] == []


def test_names_that_do_not_match_the_files(analyst: Analyst) -> None:
    there = analyst.upload('there.bin', b'there')
    files = {'attachIDs': f'{there},{there}', 'attachNames': 'one,two,three'}
    said = is_refused(analyst, 'send-mail', {'to': BOB, 'subject': 'Mail', **files})
    assert 'The arguments attach_ids and attach_names have 2 and 3 values.' in said


@pytest.mark.parametrize('command', sorted({*ON_MESSAGES, 'send-mail'} - {'msgraph-mail-send-draft'}))
def test_no_permission_to_the_mailbox(analyst: Analyst, command: str) -> None:
    message = analyst.receive()
    analyst.cloud.directory.application('daemon').application_permissions.remove('Mail.ReadWrite')
    reset_auth()
    arguments = {**ON_MESSAGES, 'send-mail': {'to': BOB, 'subject': 'Mail'}}[command]
    assert NO_PERMISSION in is_refused(analyst, command, arguments, message.immutable_id)


@pytest.mark.parametrize('command', ['send-mail', 'reply-mail', 'msgraph-mail-reply-to', 'msgraph-mail-forward'])
def test_no_permission_to_send_leaves_no_draft(analyst: Analyst, command: str) -> None:
    message = analyst.receive()
    analyst.cloud.directory.application('daemon').application_permissions.remove('Mail.Send')
    reset_auth()
    assert NO_PERMISSION in is_refused(analyst, command, {**SENDING[command], 'to': BOB}, message.immutable_id)
    assert analyst.messages('drafts') == []


@pytest.mark.parametrize(
    'command, arguments',
    [
        ('msgraph-mail-list-rules', {}),
        ('msgraph-mail-create-rule', {'display_name': 'Rule', 'actions': RULE}),
        ('msgraph-mail-get-settings', {}),
    ],
)
def test_no_permission_to_the_settings(analyst: Analyst, command: str, arguments: dict[str, str]) -> None:
    analyst.cloud.directory.application('daemon').application_permissions.remove('MailboxSettings.ReadWrite')
    reset_auth()
    assert NO_PERMISSION in is_refused(analyst, command, arguments)


def test_failed_upload_leaves_no_draft(analyst: Analyst) -> None:
    analyst.cloud.faults.add(service='graph', path='AttachmentSessions', method='PUT', status=403, times=None)
    file = analyst.upload('large.bin', bytes(4_000_000))
    is_refused(analyst, 'send-mail', {'to': BOB, 'subject': 'Mail', 'attachIDs': file})
    assert (analyst.messages('drafts'), analyst.messages('sentitems')) == ([], [])


def test_incomplete_file_is_not_shown(analyst: Analyst) -> None:
    """No War Room entry has a part of a file."""
    message = analyst.receive()
    analyst.mailbox.attach_file(message, 'large.bin', bytes(3_000_000))
    analyst.cloud.faults.add(service='graph', path='value', reset_mid_body=True, times=None)
    is_refused(analyst, 'msgraph-mail-get-attachment', {'message_id': '{id}'}, message.immutable_id)
    assert analyst.files() == []
