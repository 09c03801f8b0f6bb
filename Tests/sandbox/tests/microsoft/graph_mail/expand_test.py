"""``$expand=attachments`` with a selection inside, wherever messages are shown; and what happens where one of them is broken."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, IMMUTABLE, GraphClient

ZOE = EmailAddress('Zoë', 'zoe@partner.example')
DETAILS = '$expand=attachments($select=id,name,contentType,size,isInline,microsoft.graph.fileAttachment/contentId)'
SHARED = {'@odata.type', '@odata.mediaContentType', 'id', 'name', 'contentType', 'size', 'isInline'}
FAILED = (500, 'ErrorInternalServerError')

Reader = Callable[[GraphClient, Message, str], dict[str, Any]]


def alone(graph: GraphClient, message: Message, options: str) -> dict[str, Any]:
    return graph.get(f'/messages/{message.immutable_id}?{options}', **IMMUTABLE)


def in_a_list(graph: GraphClient, message: Message, options: str) -> dict[str, Any]:
    return next(
        row for row in graph.rows(f'/mailFolders/archive/messages?{options}', **IMMUTABLE) if row['id'] == message.immutable_id
    )


def in_delta(graph: GraphClient, message: Message, options: str) -> dict[str, Any]:
    return next(
        row
        for row in graph.rows(f'/mailFolders/archive/messages/delta?{options}', **IMMUTABLE)
        if row['id'] == message.immutable_id
    )


def in_a_batch(graph: GraphClient, message: Message, options: str) -> dict[str, Any]:
    item = {'id': 'a', 'method': 'GET', 'url': f'/users/{ADA}/messages/{message.immutable_id}?{options}', 'headers': IMMUTABLE}
    return graph.batch(item)['a']['body']


@pytest.fixture
def message(mailbox: Mailbox) -> Message:
    """A mail in Archive with a file, an inline file, a mail and a link."""
    message = mailbox.deliver(Message('Full', ZOE, mailbox.now(), html='<img src="cid:logo">'), 'archive')
    mailbox.attach_file(message, 'a.txt', b'abc', 'text/plain')
    mailbox.attach_file(message, 'logo.png', b'PNG', 'image/png', content_id='logo')
    mailbox.attach_item(message, Message('Inner', ZOE, 0))
    mailbox.attach_reference(message, 'Plan', 'https://contoso.example/plan')
    return message


@pytest.mark.parametrize('read', [alone, in_a_list, in_delta, in_a_batch])
def test_a_selection_inside_an_expand(graph: GraphClient, message: Message, read: Reader) -> None:
    shown = read(graph, message, f'$select=subject&{DETAILS}')
    file, inline, item, reference = shown['attachments']
    assert set(file) == set(inline) == SHARED | {'contentId'}
    assert set(item) == set(reference) == SHARED
    assert (file['contentId'], inline['contentId']) == (None, 'logo')
    assert [one['isInline'] for one in shown['attachments']] == [False, True, False, False]
    assert shown['attachments@odata.context'].endswith('/attachments')


@pytest.mark.parametrize('read', [alone, in_a_list, in_delta, in_a_batch])
def test_an_expand_without_a_selection_brings_the_bytes(graph: GraphClient, message: Message, read: Reader) -> None:
    file, inline, item, reference = read(graph, message, '$expand=attachments')['attachments']
    assert (file['contentBytes'], inline['contentBytes']) == ('YWJj', 'UE5H')
    assert not {'contentBytes', 'item'} & (set(item) | set(reference))


def test_a_selection_inside_an_expand_knows_only_properties_of_attachments(graph: GraphClient, message: Message) -> None:
    for names in ('colour', 'contentId', 'microsoft.graph.fileAttachment/colour', 'microsoft.graph.message/subject'):
        path = f'/messages/{message.immutable_id}?$expand=attachments($select={names})'
        assert graph.error('GET', path) == (400, 'RequestBroker--ParseUri')


def test_broken_attachments_fail_where_they_are_expanded(graph: GraphClient, message: Message, mailbox: Mailbox) -> None:
    whole = mailbox.deliver(Message('Whole', ZOE, mailbox.now()), 'archive')
    message.broken.add('attachments')
    assert graph.error('GET', f'/messages/{message.immutable_id}?{DETAILS}') == FAILED
    assert graph.error('GET', f'/mailFolders/archive/messages?{DETAILS}') == FAILED
    assert alone(graph, message, '')['body']
    assert in_a_list(graph, message, '')['hasAttachments'] is True
    items = [
        {'id': one.subject, 'method': 'GET', 'url': f'/users/{ADA}/messages/{one.immutable_id}?{DETAILS}'}
        for one in (message, whole)
    ]
    assert {name: one['status'] for name, one in graph.batch(*items).items()} == {'Full': 500, 'Whole': 200}


@pytest.mark.parametrize('part', ['messages', 'messages/delta'])
@pytest.mark.parametrize(
    'options, fails',
    [
        ('$select=id,receivedDateTime,subject,bodyPreview,isRead', False),
        ('$select=subject,body', True),
        ('$select=internetMessageHeaders', True),
        ('', True),
    ],
)
def test_a_broken_message_fails_a_page_that_shows_its_content(
    graph: GraphClient, message: Message, mailbox: Mailbox, part: str, options: str, fails: bool
) -> None:
    mailbox.deliver(Message('Whole', ZOE, mailbox.now()), 'archive')
    message.broken.add('message')
    path = f'/mailFolders/archive/{part}?{options}'
    if fails:
        assert graph.error('GET', path) == FAILED
    else:
        assert {row['subject'] for row in graph.rows(path)} == {'Full', 'Whole'}
    assert graph.error('GET', f'/messages/{message.immutable_id}?$select=subject') == FAILED
