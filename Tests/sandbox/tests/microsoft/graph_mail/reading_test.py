"""Reading a mailbox: messages, folders, attachments, IDs."""

import email
import hashlib
from email import policy
from typing import Any

import pytest

from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Flag, Message, OutlookItem
from sandbox.tests.microsoft.graph_mail.graph_client import IMMUTABLE, GraphClient

ZOE = EmailAddress('Zoë', 'zoe@partner.example')
UNKNOWN = Message('', ZOE, 0).message_id


def delivered(mailbox: Mailbox, subject: str = 'Hello', folder: str = 'inbox', **settings: Any) -> Message:
    settings = {'received': mailbox.now(), 'to': [mailbox.owner], 'html': '<p>Text</p>', **settings}
    return mailbox.deliver(Message(subject, settings.pop('sender', ZOE), **settings), folder)


# IDs


def test_plain_id_changes_with_a_move_and_the_immutable_one_stays(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    plain, immutable = message.message_id, message.immutable_id
    assert graph.get(f'/messages/{plain}', **IMMUTABLE)['id'] == immutable
    assert graph.get(f'/messages/{immutable}')['id'] == plain
    mailbox.move(message, 'archive')
    assert graph.error('GET', f'/messages/{plain}') == (404, 'ErrorItemNotFound')
    moved = graph.get(f'/messages/{immutable}')
    assert moved['id'] not in (plain, immutable)
    assert moved['parentFolderId'] == graph.get('/mailFolders/archive')['id']


def test_ids_look_like_those_of_exchange(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    attachment = mailbox.attach_file(message, 'a.txt', b'a')
    for identifier in (
        message.message_id,
        message.immutable_id,
        message.folder_id,
        message.conversation_id,
        message.attachment_id(attachment),
        message.attachment_id(attachment, immutable=True),
    ):
        assert identifier.startswith('AA')
        assert identifier.endswith('=')
        assert '/' not in identifier


@pytest.mark.parametrize('prefer', ['IdType="immutableid"', 'idtype="ImmutableId"', 'IdType=', 'outlook.timezone="UTC"'])
def test_preference_for_ids_is_case_sensitive(graph: GraphClient, mailbox: Mailbox, prefer: str) -> None:
    message = delivered(mailbox)
    assert graph.get(f'/messages/{message.message_id}', Prefer=prefer)['id'] == message.message_id


def test_several_preferences_share_one_header(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    prefer = 'outlook.body-content-type="text", IdType="ImmutableId"'
    answer = graph.request('GET', f'/messages/{message.message_id}', Prefer=prefer)
    assert (answer.json()['id'], answer.json()['body']['contentType']) == (message.immutable_id, 'text')
    assert answer.headers['Preference-Applied'] == 'IdType="ImmutableId", outlook.body-content-type="text"'


@pytest.mark.parametrize(
    'path, expected',
    [
        ('/messages/abc', (400, 'ErrorInvalidIdMalformed')),
        ('/messages/%3F%23..', (400, 'ErrorInvalidIdMalformed')),
        ('/messages/a%2Fb', (400, 'BadRequest')),
        (f'/messages/{UNKNOWN}', (404, 'ErrorItemNotFound')),
        (f'/messages/{UNKNOWN}/attachments', (404, 'ErrorItemNotFound')),
        (f'/mailFolders/{UNKNOWN}', (404, 'ErrorItemNotFound')),
        ('/mailFolders/nothing', (400, 'ErrorInvalidIdMalformed')),
        ('/mailFolders/nothing/messages', (400, 'ErrorInvalidIdMalformed')),
        ('/nonsense', (400, 'BadRequest')),
    ],
    ids=lambda value: value.replace(UNKNOWN, 'unknown') if isinstance(value, str) else None,
)
def test_unknown_ids(graph: GraphClient, path: str, expected: tuple[int, str]) -> None:
    assert graph.error('GET', path) == expected


def test_message_is_reached_through_its_own_folder_only(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    assert graph.get(f'/mailFolders/inbox/messages/{message.message_id}')['subject'] == 'Hello'
    assert graph.error('GET', f'/mailFolders/drafts/messages/{message.message_id}') == (404, 'ErrorItemNotFound')


# Messages


def test_body_comes_in_both_forms_whichever_was_delivered(graph: GraphClient, mailbox: Mailbox) -> None:
    plain = delivered(mailbox, html='', plain='a < b\r\nsecond').message_id
    both = delivered(mailbox, html='<p>rich</p>', plain='poor').message_id
    text = {'Prefer': 'outlook.body-content-type="text"'}
    assert graph.get(f'/messages/{plain}', **text)['body']['content'] == 'a < b\r\nsecond'
    assert 'a &lt; b<br>' in graph.get(f'/messages/{plain}')['body']['content']
    assert graph.get(f'/messages/{both}')['body'] == {'contentType': 'html', 'content': '<p>rich</p>'}
    assert graph.get(f'/messages/{both}', **text)['body'] == {'contentType': 'text', 'content': 'poor'}


@pytest.mark.parametrize(
    'html, text',
    [
        ('<table><tr><td>one</td><th>two</th></tr><tr><td>three</td></tr></table>four', 'one two\nthree\nfour'),
        (
            '<section>one</section>two<article>three</article><form>four</form><center>five</center>',
            'one\ntwo\nthree\nfour\nfive',
        ),
        ('<p><a href="https://a.example/?b=1&amp;c=2">See <b>this</b></a> now</p>', 'See this<https://a.example/?b=1&c=2> now'),
        ("<a class='x' href='mailto:b@a.example'>b@a.example</a>", 'b@a.example<mailto:b@a.example>'),
        ('<a name="top">one</a>', 'one'),
    ],
)
def test_a_text_that_is_made_of_html_has_its_cells_blocks_and_links(
    graph: GraphClient, mailbox: Mailbox, html: str, text: str
) -> None:
    message = delivered(mailbox, html=html, plain='')
    shown = graph.get(f'/messages/{message.message_id}', Prefer='outlook.body-content-type="text"')
    lines = [' '.join(line.split()) for line in shown['body']['content'].splitlines()]
    assert '\n'.join(filter(None, lines)) == text


def test_headers_and_unique_body_come_only_when_selected(graph: GraphClient, mailbox: Mailbox) -> None:
    path = f'/messages/{delivered(mailbox, headers=[("X-Colour", "a:b, c")]).message_id}'
    assert not {'internetMessageHeaders', 'uniqueBody'} & set(graph.get(path))
    shown = graph.get(f'{path}?$select=internetMessageHeaders,uniqueBody')
    assert {'name': 'X-Colour', 'value': 'a:b, c'} in shown['internetMessageHeaders']
    assert shown['uniqueBody']['content'] == '<p>Text</p>'
    assert set(shown) == {'@odata.context', '@odata.etag', 'id', 'internetMessageHeaders', 'uniqueBody'}


def test_extended_properties_come_when_expanded(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox, properties={'String 0x3001': 'seven'})
    query = "$expand=singleValueExtendedProperties($filter=id eq 'string 0x3001' or id eq 'String 0x007D' or id eq 'String 0x1')"
    shown = graph.get(f'/messages/{message.message_id}?{query}')['singleValueExtendedProperties']
    assert shown[0] == {'id': 'string 0x3001', 'value': 'seven'}
    assert f'Message-ID: {message.internet_message_id}\r\n' in shown[1]['value']
    assert len(shown) == 2


def test_a_message_has_a_context_an_etag_and_a_flag(graph: GraphClient, mailbox: Mailbox) -> None:
    due = {'dateTime': '2026-01-02T00:00:00.0000000', 'timeZone': 'UTC'}
    message = delivered(mailbox, flag=Flag('flagged', due, due), importance='high', categories=['Red'])
    shown = graph.get(f'/messages/{message.message_id}')
    assert shown['@odata.context'].endswith('/messages/$entity')
    assert shown['@odata.etag'] == f'W/"{shown["changeKey"]}"'
    assert shown['flag'] == {'flagStatus': 'flagged', 'startDateTime': due, 'dueDateTime': due}
    assert (shown['importance'], shown['categories']) == ('high', ['Red'])


def test_mime_has_the_same_bytes_each_time_and_every_part(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox, 'Grüße', html='<p>ü <img src="cid:logo"></p>')
    mailbox.attach_file(message, 'ä.bin', bytes(range(256)) * 300)
    mailbox.attach_file(message, 'logo.png', b'PNG', 'image/png', content_id='logo')
    mailbox.attach_item(message, Message('Inner', ZOE, 0, html='<p>inner</p>'))
    raw = graph.content(f'/messages/{message.message_id}/$value')
    assert raw == graph.content(f'/messages/{message.message_id}/$value') == mime.build(message)
    parsed = mime.parse(raw, 0)
    assert (parsed.subject, parsed.html, parsed.sender.address) == ('Grüße', message.html, ZOE.address)
    kinds = {one.name: hashlib.sha256(b''.join(mime.raw(one))).hexdigest() for one in parsed.attachments}
    assert kinds['ä.bin'] == hashlib.sha256(bytes(range(256)) * 300).hexdigest()
    assert kinds['logo.png'] == hashlib.sha256(b'PNG').hexdigest()
    assert 'Inner' in kinds
    # a reader that is not ours agrees
    other = email.message_from_bytes(raw, policy=policy.default)
    assert [part.get_content_type() for part in other.walk() if part.get('Content-ID') == '<logo>'] == ['image/png']


def test_mime_that_was_delivered_is_kept_byte_for_byte(graph: GraphClient, mailbox: Mailbox) -> None:
    source = b'From: a@b.example\nsubject:  odd   spacing \nDKIM-Signature: v=1;\n\tb=abc\n\nB\xf6dy\r\n'
    message = mailbox.deliver(mime.parse(source, 0))
    assert graph.content(f'/messages/{message.message_id}/$value') == source
    # flags of the mailbox are no part of it
    graph.patch(f'/messages/{message.message_id}', {'isRead': True, 'categories': ['Blue']})
    assert graph.content(f'/messages/{message.message_id}/$value') == source


@pytest.mark.parametrize(
    'part, path', [('message', ''), ('mime', '/$value'), ('attachments', '/attachments'), ('attachments', '?$expand=attachments')]
)
def test_a_part_can_be_broken(graph: GraphClient, mailbox: Mailbox, part: str, path: str) -> None:
    message = delivered(mailbox)
    mailbox.attach_file(message, 'a.txt', b'a')
    assert graph.request('GET', f'/messages/{message.message_id}{path}').status_code == 200
    message.broken.add(part)
    assert graph.error('GET', f'/messages/{message.message_id}{path}') == (500, 'ErrorInternalServerError')


# Attachments


def test_three_kinds_of_attachments(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    mailbox.attach_file(message, 'a.txt', b'abc', 'text/plain')
    mailbox.attach_item(message, Message('Inner', ZOE, 0, html='<p>inner</p>'))
    mailbox.attach_item(message, OutlookItem(kind='event', properties={'subject': 'Lunch'}, raw=b'BEGIN:VCALENDAR'))
    mailbox.attach_reference(message, 'Plan.docx', 'https://contoso.example/plan')
    path = f'/messages/{message.message_id}/attachments'
    shown = graph.get(path)['value']
    kinds = [one['@odata.type'].removeprefix('#microsoft.graph.') for one in shown]
    assert kinds == ['fileAttachment', 'itemAttachment', 'itemAttachment', 'referenceAttachment']
    assert graph.content(f'{path}/{shown[0]["id"]}/$value') == b'abc'
    assert b'Subject: Inner' in graph.content(f'{path}/{shown[1]["id"]}/$value')
    assert graph.content(f'{path}/{shown[2]["id"]}/$value') == b'BEGIN:VCALENDAR'
    assert graph.error('GET', f'{path}/{shown[3]["id"]}/$value') == (405, 'ErrorInvalidRequest')
    inner = graph.get(f'{path}/{shown[1]["id"]}?$expand=microsoft.graph.itemattachment/item')['item']
    assert (inner['@odata.type'], inner['subject']) == ('#microsoft.graph.message', 'Inner')
    assert 'item' not in graph.get(f'{path}/{shown[1]["id"]}')


def test_inline_attachments_do_not_count(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    attachment = mailbox.attach_file(message, None, b'PNG', content_id='logo')
    path = f'/messages/{message.message_id}'
    assert graph.get(path)['hasAttachments'] is False
    shown = graph.get(f'{path}/attachments/{message.attachment_id(attachment)}')
    assert (shown['name'], shown['isInline'], shown['contentId'], shown['contentBytes']) == (None, True, 'logo', 'UE5H')
    mailbox.attach_file(message, 'a', b'')
    assert graph.get(path)['hasAttachments'] is True


def test_attachments_with_a_selection(graph: GraphClient, mailbox: Mailbox) -> None:
    message = delivered(mailbox)
    mailbox.attach_file(message, 'a', b'abc', content_id='x')
    mailbox.attach_item(message, Message('Inner', ZOE, 0))
    names = 'name,size,microsoft.graph.fileAttachment/contentId'
    for rows in (
        graph.get(f'/messages/{message.message_id}/attachments?$select={names}')['value'],
        graph.get(f'/messages/{message.message_id}?$expand=attachments($select={names})')['attachments'],
    ):
        assert {'contentId', 'name', 'size'} < set(rows[0])
        assert 'contentBytes' not in rows[0]
        assert 'contentId' not in rows[1]
    assert graph.error('GET', f'/messages/{message.message_id}/attachments?$select=contentId') == (400, 'RequestBroker--ParseUri')


def test_large_attachment_streams_from_disk(graph: GraphClient, mailbox: Mailbox) -> None:
    data = bytes(range(256)) * 20_000
    message = delivered(mailbox)
    attachment = mailbox.attach_file(message, 'big', data)
    assert attachment.content.is_on_disk
    path = f'/messages/{message.message_id}'
    assert graph.content(f'{path}/attachments/{message.attachment_id(attachment)}/$value') == data
    assert b''.join(mime.raw(mime.parse(graph.content(f'{path}/$value'), 0).attachments[0])) == data


# Folders


def test_folders_of_a_new_mailbox(graph: GraphClient) -> None:
    names = [folder['displayName'] for folder in graph.rows('/mailFolders')]
    assert names == ['Archive', 'Conversation History', 'Deleted Items', 'Drafts', 'Inbox', 'Junk Email', 'Outbox', 'Sent Items']
    assert 'Sync Issues' in [folder['displayName'] for folder in graph.rows('/mailFolders?includeHiddenFolders=true')]
    root = graph.get('/mailFolders/msgfolderroot')
    assert graph.get('/mailFolders/inbox')['parentFolderId'] == root['id']
    assert len(graph.rows(f'/mailFolders/{root["id"]}/childFolders')) == len(names)


def test_folder_counts_and_pages(graph: GraphClient, mailbox: Mailbox) -> None:
    delivered(mailbox, is_read=True)
    for number in range(12):
        mailbox.make_folder(f'Team/{number:02}', 'inbox')
    inbox = graph.get('/mailFolders/inbox')
    assert (inbox['totalItemCount'], inbox['unreadItemCount'], inbox['childFolderCount']) == (26, 25, 12)
    pages = graph.pages('/mailFolders/inbox/childFolders?$count=true')
    assert [len(page['value']) for page in pages] == [10, 2]
    assert (pages[0]['@odata.count'], pages[1]['value'][-1]['displayName']) == (12, 'Team/11')
    found = graph.get("/mailFolders/inbox/childFolders?$filter=displayName eq 'team/07'&$select=displayName")['value']
    assert [set(folder) for folder in found] == [{'id', 'displayName'}]
