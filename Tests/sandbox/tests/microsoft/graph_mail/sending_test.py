"""Sending, answering, forwarding; rules at arrival; large files in ranges."""

import hashlib
from typing import Any

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import User
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Message
from sandbox.tests.machine import limit
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB, IMMUTABLE, GraphClient, base64_of
from sandbox.tests.microsoft.graph_mail.writing_test import FILE, TO_BOB, draft, subjects

MEGABYTE = 1024 * 1024
ZOE = EmailAddress('Zoë', 'zoe@partner.example')


def latest(mailbox: Mailbox, folder: str = 'inbox') -> Message:
    found = mailbox.folder(folder)
    assert found
    return mailbox.messages(found.folder_id)[0]


# sendMail


def test_mail_reaches_the_recipient_and_is_kept(graph: GraphClient, mailbox: Mailbox, bobs: Mailbox) -> None:
    message = draft(attachments=[FILE], bccRecipients=[{'emailAddress': {'address': ADA}}])
    graph.post('/sendMail', {'message': message}, status=202)
    arrived, kept = latest(bobs), latest(mailbox, 'sentitems')
    assert (arrived.subject, arrived.sender.address, arrived.is_read, arrived.bcc) == ('Plan', ADA, False, [])
    assert (kept.subject, kept.is_read, kept.is_draft, [one.address for one in kept.bcc]) == ('Plan', True, False, [ADA])
    assert [b''.join(mime.raw(one)) for one in arrived.attachments] == [b'abc']
    assert arrived.internet_message_id == kept.internet_message_id
    assert latest(mailbox).subject == 'Plan'


def test_mail_is_not_kept_when_nobody_wants_it(graph: GraphClient, mailbox: Mailbox, bobs: Mailbox) -> None:
    graph.post('/sendMail', {'Message': draft(), 'SaveToSentItems': False}, status=202)
    assert latest(bobs).subject == 'Plan'
    assert subjects(mailbox, 'sentitems') == []


@pytest.mark.parametrize(
    'message, expected',
    [
        (draft(toRecipients=[]), (400, 'ErrorInvalidRecipients')),
        (draft(toRecipients=[{'emailAddress': {'address': 'bob'}}]), (400, 'ErrorInvalidRecipients')),
        (draft(toRecipients=TO_BOB * 501), (400, 'ErrorInvalidRecipients')),
        (draft(**{'from': TO_BOB[0]}), (403, 'ErrorSendAsDenied')),
        (None, (400, 'ErrorInvalidRequest')),
    ],
)
def test_what_cannot_be_sent(graph: GraphClient, mailbox: Mailbox, message: Any, expected: tuple[int, str]) -> None:
    assert graph.error('POST', '/sendMail', {'message': message}) == expected
    assert subjects(mailbox, 'sentitems') == []


def test_an_administrator_can_change_how_many_recipients_a_mailbox_may_send_to(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.recipient_limit = 2
    graph.post('/sendMail', {'message': draft(toRecipients=TO_BOB * 2)}, status=202)
    assert graph.error('POST', '/sendMail', {'message': draft(toRecipients=TO_BOB * 3)}) == (400, 'ErrorInvalidRecipients')


@pytest.mark.parametrize('kind, size', [('message/rfc822', 0), ('Multipart/mixed', 0), ('application/octet-stream', 4)])
def test_a_file_arrives_empty_if_its_type_cannot_be_base64(graph: GraphClient, bobs: Mailbox, kind: str, size: int) -> None:
    file = {
        '@odata.type': '#microsoft.graph.fileAttachment',
        'name': 'a.eml',
        'contentType': kind,
        'contentBytes': base64_of(b'mail'),
    }
    graph.post('/sendMail', {'message': draft(attachments=[file])}, status=202)
    assert [one.size for one in latest(bobs).attachments] == [size]


def test_unknown_parameters_are_refused(graph: GraphClient) -> None:
    assert graph.error('POST', '/sendMail', {'mail': draft()}) == (400, 'RequestBodyRead')


def test_sending_for_another_who_allows_it(graph: GraphClient, bobs: Mailbox, cloud: MicrosoftCloud, ada: User) -> None:
    cloud.directory.user(BOB).shared_with.add(ada.object_id)
    graph.post('/sendMail', {'message': draft(**{'from': TO_BOB[0]})}, status=202)
    shown = graph.of(BOB).get(f'/messages/{latest(bobs).message_id}')
    assert (shown['from']['emailAddress']['address'], shown['sender']['emailAddress']['address']) == (BOB, ADA)


# Drafts


def test_the_sent_copy_keeps_the_immutable_id_of_the_draft(graph: GraphClient, mailbox: Mailbox, bobs: Mailbox) -> None:
    made = graph.post('/messages', draft(), **IMMUTABLE)
    plain = graph.get(f'/messages/{made["id"]}')['id']
    graph.post(f'/messages/{made["id"]}/send', None, status=202)
    sent = graph.get(f'/messages/{made["id"]}', **IMMUTABLE)
    assert (sent['isDraft'], sent['parentFolderId']) == (False, graph.get('/mailFolders/sentitems')['id'])
    assert graph.error('GET', f'/messages/{plain}') == (404, 'ErrorItemNotFound')
    assert latest(bobs).subject == 'Plan'
    assert graph.error('POST', f'/messages/{made["id"]}/send') == (400, 'ErrorInvalidRequest')
    assert subjects(mailbox, 'drafts') == []


def test_a_mail_waits_for_its_time(graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox, bobs: Mailbox) -> None:
    later = {'id': 'SystemTime 0x3FEF', 'value': '2999-01-01T00:00:00Z'}
    made = graph.post('/messages', draft(singleValueExtendedProperties=[later]), **IMMUTABLE)
    graph.post(f'/messages/{made["id"]}/send', None, status=202)
    assert subjects(mailbox, 'drafts') == ['Plan']
    assert graph.get(f'/messages/{made["id"]}', **IMMUTABLE)['isDraft'] is True
    assert latest(bobs).subject != 'Plan'
    message = mailbox.message(made['id'])
    assert message
    mailbox.deferred = [(cloud.clock.now() - 1, message, True)]
    graph.get('/mailFolders')
    assert (latest(bobs).subject, subjects(mailbox, 'drafts')) == ('Plan', [])


@pytest.mark.parametrize('is_shown', [True, False])
def test_what_waits_for_its_time_has_a_flag_until_it_is_sent(
    graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox, bobs: Mailbox, is_shown: bool
) -> None:
    mailbox.shows_submission = is_shown
    later = {'id': 'SystemTime 0x3FEF', 'value': '2999-01-01T00:00:00Z'}
    made = graph.post('/messages', draft(singleValueExtendedProperties=[later]), **IMMUTABLE)

    def flags() -> list[dict[str, str]]:
        query = "$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x0E07')"
        return list(graph.get(f'/messages/{made["id"]}?{query}', **IMMUTABLE)['singleValueExtendedProperties'])

    assert flags() == [{'id': 'Integer 0xe07', 'value': '9'}]
    for _ in range(2):
        graph.post(f'/messages/{made["id"]}/send', None, status=202)
    assert flags()[0]['value'] == ('13' if is_shown else '9')
    mailbox.deferred = [(cloud.clock.now() - 1, *one[1:]) for one in mailbox.deferred]
    mailbox.transport_seconds = 5
    graph.get('/mailFolders')
    assert flags()[0]['value'] == ('13' if is_shown else '9')
    cloud.clock.advance(5)
    graph.get('/mailFolders')
    assert flags()[0]['value'] == '1'
    assert subjects(bobs, 'inbox').count('Plan') == 1


def test_a_mail_without_a_draft_is_sent_at_once_and_at_its_time(
    graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox, bobs: Mailbox
) -> None:
    later = {'id': 'SystemTime 0x3FEF', 'value': '2999-01-01T00:00:00Z'}
    graph.post('/sendMail', {'message': draft(singleValueExtendedProperties=[later])}, status=202)
    assert (latest(bobs).subject, subjects(mailbox, 'drafts')) == ('Plan', ['Plan'])
    mailbox.deferred = [(cloud.clock.now() - 1, mailbox.deferred[0][1], True)]
    graph.get('/mailFolders')
    assert (subjects(bobs, 'inbox')[:2], subjects(mailbox, 'drafts')) == (['Plan', 'Plan'], [])


# Answers


@pytest.fixture
def question(mailbox: Mailbox) -> Message:
    """A mail of Zoë to Ada and Bob, with a file and a picture in its text."""
    message = mailbox.deliver(
        Message(
            'Status?',
            ZOE,
            mailbox.now(),
            to=[mailbox.owner, EmailAddress('Bob', BOB)],
            cc=[EmailAddress('Al', 'al@a.example')],
            html='<p>How is it?</p>',
        )
    )
    mailbox.attach_file(message, 'plan.txt', b'plan')
    mailbox.attach_file(message, 'logo.png', b'PNG', content_id='logo')
    return message


@pytest.mark.parametrize(
    'action, to, cc, subject, files',
    [
        ('createReply', {ZOE.address}, set(), 'RE: Status?', ['logo.png']),
        ('createReplyAll', {ZOE.address, BOB}, {'al@a.example'}, 'RE: Status?', ['logo.png']),
        ('createForward', {'new@a.example'}, set(), 'FW: Status?', ['plan.txt', 'logo.png']),
    ],
)
def test_draft_of_an_answer(
    graph: GraphClient,
    mailbox: Mailbox,
    question: Message,
    action: str,
    to: set[str],
    cc: set[str],
    subject: str,
    files: list[str],
) -> None:
    mailbox.ignores_comments = False
    forward = {'toRecipients': [{'emailAddress': {'address': 'new@a.example'}}]} if action == 'createForward' else {}
    made = graph.post(f'/messages/{question.message_id}/{action}', {'comment': 'a &lt; <b>b</b>\n&amp; c', **forward})
    assert made['subject'] == subject
    assert made['conversationId'] == question.conversation_id
    assert {one['emailAddress']['address'] for one in made['toRecipients']} == to
    assert {one['emailAddress']['address'] for one in made['ccRecipients']} == cc
    assert 'a &lt; <b>b</b>\n&amp; c' in made['body']['content']
    assert 'How is it?' in made['body']['content']
    unique = graph.get(f'/messages/{made["id"]}?$select=uniqueBody', Prefer='outlook.body-content-type="text"')['uniqueBody']
    assert ' '.join(unique['content'].split()) == 'a < b & c'
    assert [one['name'] for one in graph.get(f'/messages/{made["id"]}/attachments')['value']] == files
    message = mailbox.message(made['id'])
    assert message
    assert (message.in_reply_to, message.references) == (question.internet_message_id, [question.internet_message_id])


def test_a_prefix_comes_once_and_references_grow(graph: GraphClient, mailbox: Mailbox, question: Message) -> None:
    first = graph.post(f'/messages/{question.message_id}/createReply', None)
    path = f'/messages/{first["id"]}/createReply'
    assert graph.error('POST', path) == (400, 'ErrorInvalidReferenceItem')
    sent = mailbox.message(first['id'])
    assert sent
    sent.is_draft = False
    second = graph.post(path, None)
    assert second['subject'] == 'RE: Status?'
    message = mailbox.message(second['id'])
    assert message
    assert len(message.references) == 2


def test_an_answer_at_once(graph: GraphClient, bobs: Mailbox, question: Message) -> None:
    graph.post(f'/messages/{question.message_id}/replyAll', {'comment': 'Good.'}, status=202)
    arrived = latest(bobs)
    assert (arrived.subject, arrived.in_reply_to) == ('RE: Status?', question.internet_message_id)
    assert f'In-Reply-To: {question.internet_message_id}'.encode() in mime.build(arrived)
    graph.post(f'/messages/{question.message_id}/forward', {'comment': '', 'toRecipients': TO_BOB}, status=202)
    assert latest(bobs).subject == 'FW: Status?'
    own_body = {'message': {'body': {'contentType': 'text', 'content': 'Mine'}, 'toRecipients': TO_BOB}}
    graph.post(f'/messages/{question.message_id}/reply', own_body, status=202)
    assert latest(bobs).text == 'Mine'


@pytest.mark.parametrize('action', ['createReply', 'createReplyAll', 'createForward'])
def test_the_message_of_a_drafted_answer_may_be_ignored(
    graph: GraphClient, mailbox: Mailbox, question: Message, action: str
) -> None:
    mailbox.ignores_reply_messages = True
    mark = {'id': 'String {6b0d2a3e-52c1-4d0b-9a57-0f1f6f3f7c5e} Name Mark', 'value': 'x'}
    given = {'subject': 'Mine', 'importance': 'high', 'singleValueExtendedProperties': [mark]}
    forward = {'toRecipients': TO_BOB} if action == 'createForward' else {}
    made = graph.post(f'/messages/{question.message_id}/{action}', {'message': given, 'comment': 'Mine', **forward})
    assert (made['subject'][4:], made['importance']) == (question.subject, 'normal')
    assert 'Mine' not in made['body']['content']
    assert latest(mailbox, 'drafts').properties == {mark['id']: 'x'}


@pytest.mark.parametrize('is_allowed', [True, False])
def test_a_forwarded_mail_needs_a_recipient(graph: GraphClient, mailbox: Mailbox, question: Message, is_allowed: bool) -> None:
    path = f'/messages/{question.message_id}/createForward'
    mailbox.forwards_to_nobody = is_allowed
    if is_allowed:
        assert graph.post(path, {})['toRecipients'] == []
    else:
        assert graph.error('POST', path, {}) == (400, 'ErrorInvalidRequest')


def test_comment_and_body_exclude_each_other(graph: GraphClient, mailbox: Mailbox, question: Message) -> None:
    both = {'comment': 'a', 'message': {'body': {'contentType': 'text', 'content': 'b'}}}
    for action in ('reply', 'replyAll', 'forward', 'createReply', 'createReplyAll', 'createForward'):
        assert graph.error('POST', f'/messages/{question.message_id}/{action}', both) == (400, 'ErrorInvalidRequest')
    assert graph.error('POST', f'/messages/{question.message_id}/forward', {'comment': 'a'}) == (400, 'ErrorInvalidRecipients')
    assert subjects(mailbox, 'drafts') == subjects(mailbox, 'sentitems') == []


# Rules


def test_the_life_of_a_rule(graph: GraphClient) -> None:
    path = '/mailFolders/inbox/messageRules'
    rule = {'displayName': 'Red', 'sequence': 3, 'conditions': {'subjectContains': ['red']}, 'actions': {'markAsRead': True}}
    made = graph.post(path, rule)
    assert (made['sequence'], made['isEnabled'], made['hasError']) == (3, False, False)
    assert graph.patch(f'{path}/{made["id"]}', {'isEnabled': True})['isEnabled'] is True
    assert [rule['id'] for rule in graph.get(path)['value']] == [made['id']]
    assert graph.get(f'{path}/{made["id"]}')['displayName'] == 'Red'
    graph.delete(f'{path}/{made["id"]}')
    assert graph.error('GET', f'{path}/{made["id"]}') == (404, 'ErrorItemNotFound')
    for name in ('displayName', 'sequence', 'actions'):
        incomplete = {key: value for key, value in rule.items() if key != name}
        assert graph.error('POST', path, incomplete) == (400, 'ErrorInvalidRequest')
    assert graph.error('POST', path, {'displayName': 'x', 'actions': {'paint': True}}) == (400, 'RequestBodyRead')
    assert graph.error('GET', '/mailFolders/drafts/messageRules') == (400, 'ErrorInvalidRequest')


def test_rules_act_on_mail_that_arrives(graph: GraphClient, bobs: Mailbox) -> None:
    of_bob = graph.of(BOB)
    of_bob.post(
        '/mailFolders/inbox/messageRules',
        {
            'displayName': 'Plans',
            'sequence': 1,
            'isEnabled': True,
            'conditions': {'subjectContains': ['PLAN'], 'fromAddresses': [{'emailAddress': {'address': ADA}}]},
            'exceptions': {'bodyContains': ['urgent']},
            'actions': {
                'moveToFolder': 'archive',
                'markAsRead': True,
                'assignCategories': ['Plans'],
                'stopProcessingRules': True,
            },
        },
    )
    everything = {'displayName': 'All', 'sequence': 2, 'isEnabled': True, 'actions': {'delete': True}}
    of_bob.post('/mailFolders/inbox/messageRules', everything)
    graph.post('/sendMail', {'message': draft()}, status=202)
    assert (latest(bobs, 'archive').categories, latest(bobs, 'archive').is_read) == (['Plans'], True)
    graph.post('/sendMail', {'message': draft(body={'contentType': 'text', 'content': 'urgent'})}, status=202)
    assert subjects(bobs, 'deleteditems') == ['Plan']


# Upload sessions


def upload_url(graph: GraphClient, path: str, size: int, **settings: Any) -> str:
    item = {'attachmentType': 'file', 'name': 'big.bin', 'size': size, **settings}
    session = graph.post(f'{path}/attachments/createUploadSession', {'AttachmentItem': item})
    assert session['nextExpectedRanges'] == ['0-']
    return str(session['uploadUrl'])


@pytest.fixture
def path(graph: GraphClient) -> str:
    """The path of a new draft."""
    return f'/messages/{graph.post("/messages", draft())["id"]}'


def test_a_large_file_comes_in_ranges(graph: GraphClient, mailbox: Mailbox, bobs: Mailbox, path: str) -> None:
    data = bytes(range(256)) * 4096 * 7
    url = upload_url(graph, path, len(data), contentType='image/png', isInline=True, contentId='big')
    step = 3 * MEGABYTE
    for first in range(0, len(data), step):
        answer = graph.put_range(url, data[first : first + step], first, len(data))
        if first + step < len(data):
            assert (answer.status_code, answer.json()['nextExpectedRanges']) == (200, [str(first + step)])
    assert answer.status_code == 201
    assert "/attachments('AAMk" in answer.headers['Location']
    shown = graph.get(f'{path}/attachments?$select=name,size,isInline,contentType')['value'][0]
    assert (shown['name'], shown['size'], shown['isInline'], shown['contentType']) == ('big.bin', len(data), True, 'image/png')
    attachment = mailbox.messages()[0].attachments[0]
    assert isinstance(attachment, FileAttachment)
    assert attachment.content.is_on_disk
    graph.post(f'{path}/send', None, status=202)
    arrived = latest(bobs)
    attachment_id = arrived.attachment_id(arrived.attachments[0])
    received = graph.of(BOB).content(f'/messages/{arrived.message_id}/attachments/{attachment_id}/$value')
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    assert graph.put_range(url, b'x', 0, 1).status_code == 404


def test_ranges_have_their_rules(graph: GraphClient, path: str) -> None:
    size = 9 * MEGABYTE
    url = upload_url(graph, path, size)
    with_token = graph.put_range(url, bytes(10), 0, size, Authorization=f'Bearer {graph.token}')
    assert (with_token.status_code, with_token.json()['error']['code']) == (401, 'InvalidAudience')
    assert graph.put_range(url.replace('authtoken=', 'authtoken=x'), bytes(10), 0, size).status_code == 401
    assert graph.put_range(url, bytes(10), 5, size).json()['error']['code'] == 'ErrorInvalidRange'
    assert graph.put_range(url, bytes(4 * MEGABYTE), 0, size).status_code == 413
    assert graph.put_range(url, bytes(10), 0, size + 1).status_code == 400
    assert graph.put_range(url, bytes(10), 0, size, **{'Content-Range': 'bytes 0-99/9'}).status_code == 400
    assert graph.put_range(url, bytes(10), 0, size, **{'Content-Range': 'all'}).status_code == 400
    assert graph.put_range(url, bytes(10), 0, size).status_code == 200
    assert graph.put_range(url, bytes(10), 0, size).status_code == 416


def test_a_session_tells_where_it_is_and_can_be_cancelled(graph: GraphClient, path: str) -> None:
    url = upload_url(graph, path, 9 * MEGABYTE)
    graph.put_range(url, bytes(10), 0, 9 * MEGABYTE)
    session = graph.connections
    assert session.get(url, timeout=limit(9)).json()['nextExpectedRanges'] == ['10']
    assert session.delete(url, timeout=limit(9)).status_code == 204
    assert session.get(url, timeout=limit(9)).status_code == 404
    assert graph.get(f'{path}/attachments')['value'] == []


def test_ranges_can_be_answered_in_capitals(graph: GraphClient, cloud: MicrosoftCloud, path: str) -> None:
    cloud.uploads.answers_in_capitals = True
    answer = graph.put_range(upload_url(graph, path, 9 * MEGABYTE), bytes(10), 0, 9 * MEGABYTE).json()
    assert (answer['NextExpectedRanges'], set(answer)) == (['10'], {'NextExpectedRanges', 'ExpirationDateTime'})


def test_a_session_expires(graph: GraphClient, cloud: MicrosoftCloud, path: str) -> None:
    url = upload_url(graph, path, 9 * MEGABYTE)
    cloud.clock.advance(3601)
    assert graph.put_range(url, bytes(10), 0, 9 * MEGABYTE).status_code == 404


@pytest.mark.parametrize(
    'size, expected',
    [
        (1000, (400, 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize')),
        (151 * MEGABYTE, (413, 'ErrorAttachmentSizeLimitExceeded')),
        (40 * MEGABYTE, (413, 'ErrorMessageSizeExceeded')),
        (None, (400, 'ErrorInvalidRequest')),
    ],
)
def test_sizes_that_get_no_session(graph: GraphClient, path: str, size: int | None, expected: tuple[int, str]) -> None:
    item = {'AttachmentItem': {'attachmentType': 'file', 'name': 'x', 'size': size}}
    assert graph.error('POST', f'{path}/attachments/createUploadSession', item) == expected
