"""Changing a mailbox: drafts, messages, folders, attachments."""

from typing import Any

import pytest

from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.microsoft.graph_mail.graph_client import BOB, IMMUTABLE, GraphClient, base64_of

TO_BOB = [{'emailAddress': {'address': BOB, 'name': 'Bob'}}]
FILE = {'@odata.type': '#microsoft.graph.fileAttachment', 'name': 'a.txt', 'contentBytes': base64_of(b'abc')}


def draft(**changes: Any) -> dict[str, Any]:
    return {'subject': 'Plan', 'body': {'contentType': 'HTML', 'content': '<p>x</p>'}, 'toRecipients': TO_BOB, **changes}


def subjects(mailbox: Mailbox, folder: str) -> list[str]:
    found = mailbox.folder(folder)
    assert found
    return [message.subject for message in mailbox.messages(found.folder_id)]


# Messages


@pytest.mark.parametrize('status', [412, 409])
def test_a_message_is_changed_only_in_the_version_that_is_named(graph: GraphClient, mailbox: Mailbox, status: int) -> None:
    mailbox.conflict_status = status
    message = mailbox.messages()[0]
    first = graph.get(f'/messages/{message.message_id}?$select=categories')['@odata.etag']
    second = graph.patch(f'/messages/{message.message_id}', {'categories': ['Red']}, **{'If-Match': first})['@odata.etag']
    path, blue = f'/messages/{message.message_id}', {'categories': ['Blue']}
    assert graph.error('PATCH', path, blue, **{'If-Match': first}) == (status, 'ErrorIrresolvableConflict')
    assert message.categories == ['Red']
    for version in (second, '*'):
        assert graph.patch(path, blue, **{'If-Match': version})['categories'] == ['Blue']


# Drafts


def test_a_draft_is_made_with_all_that_it_may_say(graph: GraphClient, mailbox: Mailbox) -> None:
    made = graph.post(
        '/messages',
        draft(
            importance='High',
            categories=['Red'],
            flag={'flagStatus': 'flagged'},
            replyTo=TO_BOB,
            ccRecipients=TO_BOB,
            internetMessageHeaders=[{'name': 'x-colour', 'value': 'a: b, c'}],
            attachments=[FILE],
            singleValueExtendedProperties=[{'id': 'String 0x3001', 'value': 'seven'}],
        ),
    )
    names = 'isDraft,importance,flag,internetMessageHeaders,hasAttachments,parentFolderId'
    shown = graph.get(f'/messages/{made["id"]}?$select={names}')
    assert (shown['isDraft'], shown['importance'], shown['hasAttachments']) == (True, 'high', True)
    assert shown['internetMessageHeaders'] == [{'name': 'x-colour', 'value': 'a: b, c'}]
    assert shown['parentFolderId'] == graph.get('/mailFolders/drafts')['id']
    message = mailbox.message(made['id'])
    assert message
    assert (message.properties, message.categories, message.reply_to) == (
        {'String 0x3001': 'seven'},
        ['Red'],
        [EmailAddress('Bob', BOB)],
    )


@pytest.mark.parametrize(
    'body, code',
    [
        ({'colour': 1}, 'RequestBodyRead'),
        ({'subject': 1}, 'RequestBodyRead'),
        ({'importance': 'urgent'}, 'RequestBodyRead'),
        ({'toRecipients': [{'address': BOB}]}, 'RequestBodyRead'),
        ({'toRecipients': BOB}, 'RequestBodyRead'),
        ({'body': {'contentType': 'markdown', 'content': ''}}, 'RequestBodyRead'),
        ({'attachments': [{'name': 'a'}]}, 'RequestBodyRead'),
        ({'attachments': [{**FILE, 'contentBytes': '~'}]}, 'RequestBodyRead'),
        ({'attachments': [{**FILE, 'contentBytes': None}]}, 'ErrorInvalidRequest'),
        ({'internetMessageHeaders': [{'name': 'Colour', 'value': 'red'}]}, 'InvalidInternetMessageHeader'),
        (
            {'internetMessageHeaders': [{'name': f'x-{n}', 'value': ''} for n in range(6)]},
            'InvalidInternetMessageHeaderCollection',
        ),
        ({'singleValueExtendedProperties': [{'id': 'colour', 'value': 'red'}]}, 'ErrorInvalidProperty'),
        (
            {'flag': {'flagStatus': 'flagged', 'dueDateTime': {'dateTime': '2026-01-01T00:00:00', 'timeZone': 'UTC'}}},
            'ErrorInvalidRequest',
        ),
        ([], 'BadRequest'),
        (b'{', 'BadRequest'),
    ],
)
def test_a_wrong_draft_is_refused_and_nothing_is_made(graph: GraphClient, mailbox: Mailbox, body: Any, code: str) -> None:
    headers = {'Content-Type': 'application/json'}
    assert graph.error('POST', '/messages', body, **headers) == (400, code)
    assert subjects(mailbox, 'drafts') == []


def test_a_request_over_4_mb_is_refused(graph: GraphClient) -> None:
    assert graph.error('POST', '/messages', draft(subject='x' * 4_200_000)) == (413, 'BadRequest')


# Changes


def test_a_message_is_changed(graph: GraphClient, mailbox: Mailbox) -> None:
    message = mailbox.messages()[0]
    before = message.change_key
    changes = {'isRead': True, 'flag': {'flagStatus': 'complete'}, 'categories': ['A']}
    shown = graph.patch(f'/messages/{message.message_id}', changes)
    assert (shown['isRead'], shown['flag'], shown['categories']) == (True, {'flagStatus': 'complete'}, ['A'])
    assert shown['changeKey'] not in ('', before)


@pytest.mark.parametrize('change', [{'subject': 'x'}, {'body': {'content': 'x'}}, {'toRecipients': []}])
def test_content_is_changed_in_drafts_only(graph: GraphClient, mailbox: Mailbox, change: dict[str, Any]) -> None:
    made = graph.post('/messages', draft())
    graph.patch(f'/messages/{made["id"]}', change)
    received = mailbox.messages()[-1].message_id
    assert graph.error('PATCH', f'/messages/{received}', {'isRead': True, **change}) == (400, 'ErrorInvalidPropertySet')
    assert graph.get(f'/messages/{received}')['isRead'] is False


@pytest.mark.parametrize(
    'change, code',
    [
        ({'attachments': [FILE]}, 'ErrorInvalidRequest'),
        ({'internetMessageHeaders': [{'name': 'x-a', 'value': 'b'}]}, 'ErrorInvalidPropertySet'),
    ],
)
def test_attachments_and_headers_are_not_changed_with_a_message(graph: GraphClient, change: dict[str, Any], code: str) -> None:
    made = graph.post('/messages', draft())
    assert graph.error('PATCH', f'/messages/{made["id"]}', change) == (400, code)


def test_move_copy_and_delete(graph: GraphClient, mailbox: Mailbox) -> None:
    message = mailbox.messages()[0]
    path = f'/messages/{message.immutable_id}'
    copy = graph.post(f'{path}/copy', {'DestinationId': 'archive'}, **IMMUTABLE)
    assert copy['id'] != message.immutable_id
    assert subjects(mailbox, 'archive') == [message.subject]
    moved = graph.post(f'{path}/move', {'destinationId': 'junkemail'}, **IMMUTABLE)
    assert moved['id'] == message.immutable_id
    assert subjects(mailbox, 'junkemail') == [message.subject]
    graph.delete(path)
    assert subjects(mailbox, 'deleteditems') == [message.subject]
    graph.delete(path)
    assert subjects(mailbox, 'deleteditems') == []
    assert message.subject in subjects(mailbox, 'recoverableitemsdeletions')
    assert sum(row['subject'] == message.subject for row in graph.rows('/messages?$top=100')) == 1
    assert graph.error('DELETE', path) == (404, 'ErrorItemNotFound')
    assert graph.error('DELETE', path, **IMMUTABLE) == (403, 'ErrorCannotDeleteObject')
    mailbox.restore(mailbox.restore(message))
    graph.post(f'{path}/permanentDelete', None, status=204)
    assert graph.error('GET', path) == (404, 'ErrorItemNotFound')
    assert graph.error('POST', f'/messages/{copy["id"]}/move', {'destinationId': 'nowhere'}) == (400, 'ErrorInvalidIdMalformed')


def test_a_deletion_may_hide_a_message_at_once(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.deletes_softly = True
    message = mailbox.messages()[0]
    graph.delete(f'/messages/{message.message_id}')
    assert mailbox.is_in(message, 'recoverableitemsdeletions')


@pytest.mark.parametrize(
    'parent, deletes_softly, is_gone', [('inbox', False, False), ('inbox', True, True), ('deleteditems', False, True)]
)
def test_a_deleted_folder_is_in_deleted_items_or_gone(
    graph: GraphClient, mailbox: Mailbox, parent: str, deletes_softly: bool, is_gone: bool
) -> None:
    mailbox.deletes_softly = deletes_softly
    folder = mailbox.make_folder('Old', parent)
    graph.delete(f'/mailFolders/{folder.folder_id}')
    assert (mailbox.folder(folder.folder_id) is None) is is_gone


# Attachments


def test_attachments_are_added_and_deleted(graph: GraphClient) -> None:
    path = f'/messages/{graph.post("/messages", draft())["id"]}'
    inline = graph.post(f'{path}/attachments', {**FILE, 'isInline': True, 'contentId': 'logo', 'contentType': 'image/png'})
    assert (inline['size'], inline['contentId'], inline['isInline']) == (3, 'logo', True)
    item = {
        '@odata.type': 'microsoft.graph.itemAttachment',
        'name': 'In',
        'item': {'@odata.type': 'microsoft.graph.message', 'subject': 'In', 'attachments': [FILE]},
    }
    within = graph.post(f'{path}/attachments', item)
    shown = graph.get(f'{path}/attachments/{within["id"]}?$expand=microsoft.graph.itemAttachment/item')['item']
    assert [one['name'] for one in shown['attachments']] == ['a.txt']
    graph.delete(f'{path}/attachments/{inline["id"]}')
    assert [one['id'] for one in graph.get(f'{path}/attachments')['value']] == [within['id']]
    assert graph.error('DELETE', f'{path}/attachments/{inline["id"]}') == (404, 'ErrorItemNotFound')


def test_a_mail_larger_than_the_mailbox_allows_is_refused(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.message_limit = 1000
    path = f'/messages/{graph.post("/messages", draft())["id"]}/attachments'
    large = {**FILE, 'contentBytes': base64_of(bytes(1000))}
    assert graph.error('POST', path, large) == (413, 'ErrorMessageSizeExceeded')
    assert graph.error('POST', '/messages', draft(attachments=[large])) == (413, 'ErrorMessageSizeExceeded')
    assert graph.get(path)['value'] == []


# Folders


def test_the_life_of_a_folder(graph: GraphClient, mailbox: Mailbox) -> None:
    made = graph.post('/mailFolders/inbox/childFolders', {'displayName': 'A/B'})
    path = f'/mailFolders/{made["id"]}'
    mailbox.deliver(Message('In it', EmailAddress('a', 'a@b.example'), mailbox.now()), made['id'])
    assert graph.patch(path, {'displayName': 'C'})['displayName'] == 'C'
    assert graph.patch(path, {'displayName': 'c'})['displayName'] == 'c'
    moved = graph.post(f'{path}/move', {'destinationId': 'archive'})
    assert (moved['id'], moved['parentFolderId']) == (made['id'], graph.get('/mailFolders/archive')['id'])
    copy = graph.post(f'{path}/copy', {'destinationId': 'inbox'})
    assert (copy['totalItemCount'], copy['id'] == made['id']) == (1, False)
    graph.delete(path)
    assert graph.get(path)['parentFolderId'] == graph.get('/mailFolders/deleteditems')['id']
    graph.delete(path)
    assert graph.error('GET', path) == (404, 'ErrorItemNotFound')
    assert 'In it' not in subjects(mailbox, 'deleteditems')


def test_what_is_not_done_to_folders(graph: GraphClient) -> None:
    made = graph.post('/mailFolders', {'displayName': 'Team'})
    child = graph.post(f'/mailFolders/{made["id"]}/childFolders', {'displayName': 'Child'})
    assert graph.error('POST', '/mailFolders', {'displayName': 'TEAM'}) == (409, 'ErrorFolderExists')
    assert graph.error('POST', '/mailFolders', {'displayName': ' '}) == (400, 'ErrorInvalidRequest')
    assert graph.error('POST', '/mailFolders', {'name': 'x'}) == (400, 'RequestBodyRead')
    assert graph.error('DELETE', '/mailFolders/inbox') == (403, 'ErrorDeleteDistinguishedFolder')
    assert graph.error('PATCH', '/mailFolders/inbox', {'displayName': 'x'}) == (403, 'ErrorDeleteDistinguishedFolder')
    into_itself = {'destinationId': child['id']}
    assert graph.error('POST', f'/mailFolders/{made["id"]}/move', into_itself) == (400, 'ErrorMoveCopyFailed')
    hidden = graph.post('/mailFolders', {'displayName': 'Hidden', 'isHidden': True})
    assert hidden['id'] not in [folder['id'] for folder in graph.rows('/mailFolders')]
