"""Outgoing mails, and sending against scripted responses. Tests/conformance/graph_mail has the tests that need a mailbox."""

import io
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from CommonServerPython import DemistoException
from MicrosoftGraphClientApiModule import GraphError, UnknownOutcomeError
from MicrosoftGraphMailClientApiModule import MAX_FILE_SIZE, EmailAddress, GraphMailClient
from MicrosoftGraphMailSendApiModule import (
    FORWARD,
    REPLY,
    UPLOAD_RANGE,
    AttachedFile,
    MailSender,
    OutgoingAttachment,
    OutgoingMail,
    SendingProgress,
    UploadSession,
    above_quote,
    extract_data_uris,
    internet_headers,
    match_files,
    next_position,
    reply_subject,
    split_attachments,
)
from MicrosoftGraphMailSendCommandsApiModule import SENDING_COMMANDS, run_resumable

ADA = 'ada@contoso.example'
BOB = EmailAddress('bob@contoso.example')


def rejection(make: Callable[[], Any]) -> str:
    with pytest.raises(DemistoException) as error:
        make()
    return str(error.value)


# region outgoing mails


def test_a_file_above_150_mb_is_rejected() -> None:
    assert rejection(lambda: OutgoingAttachment('film.mp4', MAX_FILE_SIZE + 1)) == (
        "'film.mp4' has 157286401 bytes, but a file may have at most 157286400 (150 MB). Send a link to it instead."
    )


@pytest.mark.parametrize(
    'text, headers',
    [
        ('', ()),
        ('x-a:1', (('x-a', '1'),)),
        ('x-a:value:with:colons,x-b:v, with comma', (('x-a', 'value:with:colons'), ('x-b', 'v, with comma'))),
        (' X-Link: https://a.example/?b=c,d , x-b:', (('X-Link', 'https://a.example/?b=c,d'), ('x-b', ''))),
        ('x-a:1,x-b', (('x-a', '1,x-b'),)),
        (['x-a:1', 'x-b:2, 3'], (('x-a', '1'), ('x-b', '2, 3'))),
        ('["x-a:1", "x-b:2, 3"]', (('x-a', '1'), ('x-b', '2, 3'))),
    ],
)
def test_header_values_may_contain_colons_and_commas(text: Any, headers: Any) -> None:
    assert internet_headers(text) == headers


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('x-alone', "The header 'x-alone' has no value. Write headers as x-name:value, separated by commas."),
        ('["x-a:1"', "The header name '[\"x-a' is not valid. Use a name that starts with x-."),
        ('Subject:x', "The header name 'Subject' is not valid. Use a name that starts with x-."),
        (5, "The header '5' has no value. Write headers as x-name:value, separated by commas."),
    ],
)
def test_an_invalid_header_is_rejected(text: Any, sentence: str) -> None:
    assert rejection(lambda: internet_headers(text)) == sentence


@pytest.mark.parametrize(
    'subject, reply',
    [
        ('Plan', 'Re: Plan'),
        ('Re: Plan', 'Re: Plan'),
        ('RE: Plan', 'RE: Plan'),
        ('re : Plan', 're : Plan'),
        ('Report', 'Re: Report'),
        ('', 'Re: '),
    ],
)
def test_a_reply_subject_is_prefixed_once(subject: str, reply: str) -> None:
    assert reply_subject(subject) == reply


@pytest.mark.parametrize(
    'uri',
    [
        'data:image/png;base64,A',
        'data:image/png;base64,',
        'data:image/png',
        'data:image/png;base64,*',
        'data:image/png;base64,UE5H*',
        'data:image/;base64,UE5H',
        'data:image/png\r\nX: y;base64,UE5H',
    ],
)
def test_a_data_uri_that_cannot_be_read_stays(uri: str) -> None:
    html = f'<img src="{uri}"><img src="data:image/png;base64,UE5H">'
    changed, images = extract_data_uris(html)
    assert changed.startswith(f'<img src="{uri}"><img src="cid:')
    assert [one.content for one in images] == [b'PNG']


@pytest.mark.parametrize(
    'uri, content, content_type, name',
    [
        ('data:image/png;base64,UE5H', b'PNG', 'image/png', 'image1.png'),
        ('DATA:IMAGE/PNG;charset=x; Base64 ,UE%35H', b'PNG', 'image/png', 'image1.png'),
        ('data:image/png;base64;x=y,UE 5H\n', b'PNG', 'image/png', 'image1.png'),
        ('data:image/png;base64x,UE5H', b'UE5H', 'image/png', 'image1.png'),
        ('data:image/svg+xml,%3Csvg/%3E', b'<svg/>', 'image/svg+xml', 'image1.svg'),
        ('data:image/x-odd,a', b'a', 'image/x-odd', 'image1'),
    ],
)
def test_a_data_uri_is_read_in_each_form(uri: str, content: bytes, content_type: str, name: str) -> None:
    html, [image] = extract_data_uris(f"<img SRC = '{uri}'>")
    assert (image.content, image.content_type, image.name) == (content, content_type, name)
    assert html == f'<img SRC = "cid:{image.content_id}">'


@pytest.mark.parametrize(
    'html, content, changed',
    [
        ('<img src=data:image/png;base64,UE5H>', b'PNG', '<img src="cid:{}">'),
        ('<img src = data:image/png;base64,UEs= alt=x>', b'PK', '<img src = "cid:{}" alt=x>'),
        ('<img alt="a > b"src="data:image/png;base64,UE5H"/>', b'PNG', '<img alt="a > b"src="cid:{}"/>'),
        ('<img/src="data:image/png;base64,+/8=">', b'\xfb\xff', '<img/src="cid:{}">'),
        ('set src="x</p><img src="data:image/png;base64,UE5H">', b'PNG', 'set src="x</p><img src="cid:{}">'),
        ('<img alt="see src=" src="data:image/png;base64,UE5H">', b'PNG', '<img alt="see src=" src="cid:{}">'),
        ('<img src="data:image/png;base64,&#43;&#x2F;8&#61;">', b'\xfb\xff', '<img src="cid:{}">'),
        ('<img src="data&colon;image/png&#59;base64&comma;UE5H">', b'PNG', '<img src="cid:{}">'),
        ('<img src="&#10; data:image/png;base64,UE&NewLine;5H">', b'PNG', '<img src="cid:{}">'),
        ("<img src='data:image/svg+xml;utf8,&lt;svg a=&#39;b&#39;/&gt;'>", b"<svg a='b'/>", '<img src="cid:{}">'),
        ('<img src="data:image/svg+xml,&lt;a b=&quot;%26amp;&quot;/>">', b'<a b="&amp;"/>', '<img src="cid:{}">'),
    ],
)
def test_a_data_uri_is_read_as_html_writes_it(html: str, content: bytes, changed: str) -> None:
    found, [image] = extract_data_uris(f'<p>{html}</p>')
    assert (image.content, found) == (content, f'<p>{changed.format(image.content_id)}</p>')


@pytest.mark.parametrize(
    'html',
    [
        '<img src=cid:a><img src="cid:data:image/png"><img src=https://contoso.example/data:image/png;base64,UE5H>',
        '<img src="&lt;data:image/png;base64,UE5H">',
        '<img src="data:image/png;base64,&#99999999999;">',
        f'<img src="data:image/png;base64,&#{"9" * 5000};">',
        '<a href="https://contoso.example/?src=data:image/png;base64,UE5H&amp;a=b">x</a>',
        '<a href="https://contoso.example/?a=b&src=data:image/png;base64,UE5H c">x</a>',
        '<a title="src=data:image/png;base64,UE5H">x</a>',
        "<a title='the src=data:image/png;base64,UE5H'>x</a>",
        '<img src="data:image/png;base64,UE5H',
        '<img src=>',
        '<img src',
    ],
)
def test_what_is_not_a_data_uri_of_an_image_stays(html: str) -> None:
    assert extract_data_uris(html) == (html, ())


def test_a_mail_is_a_message_of_graph_without_what_is_empty() -> None:
    assert OutgoingMail().as_json() == {}
    sender = EmailAddress('zoe@contoso.example', 'Zoë')
    mail = OutgoingMail(
        to=[BOB],
        cc=[sender],
        bcc=[BOB],
        reply_to=[sender],
        subject='Plan',
        html='<p>See</p>',
        importance='high',
        flag='complete',
        headers=[('x-a', 'b')],
        sender=ADA,
        send_at=datetime(2999, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    )
    assert mail.as_json() == {
        'subject': 'Plan',
        'body': {'contentType': 'html', 'content': '<p>See</p>'},
        'toRecipients': [{'emailAddress': {'address': BOB.address}}],
        'ccRecipients': [{'emailAddress': {'address': sender.address, 'name': 'Zoë'}}],
        'bccRecipients': [BOB.as_json()],
        'replyTo': [sender.as_json()],
        'importance': 'high',
        'flag': {'flagStatus': 'complete'},
        'internetMessageHeaders': [{'name': 'x-a', 'value': 'b'}],
        'from': {'emailAddress': {'address': ADA}},
        'singleValueExtendedProperties': [{'id': 'SystemTime 0x3FEF', 'value': '2999-01-01T00:00:00Z'}],
    }


@pytest.mark.parametrize('lists', [{'to': 1000}, {'to': 1, 'cc': 1, 'bcc': 998}])
def test_a_mail_may_have_1000_recipients(lists: dict[str, int]) -> None:
    OutgoingMail(**{name: [BOB] * count for name, count in lists.items()}).require_recipients()  # type: ignore[arg-type]
    more = {name: [BOB] * (count + 1) for name, count in lists.items()}
    assert rejection(lambda: OutgoingMail(**more)).startswith(f'The email has {1000 + len(lists)} recipients, ')  # type: ignore[arg-type]


@pytest.mark.parametrize('value', ['a\r\nBcc: ada@contoso.example', 'a\rb', 'a\x85b', 'a\u2028b', 'a\x0bb', 'a\x00', 'a\ud83d'])
def test_a_header_value_that_could_start_another_header_is_rejected(value: str) -> None:
    assert rejection(lambda: OutgoingMail(headers=(('x-a', value),))) == (
        "The header 'x-a' has a control character in its value. Remove it."
    )


def test_of_two_bodies_the_html_is_sent() -> None:
    assert OutgoingMail(text='a', html='<p>b</p>').as_json() == {'body': {'contentType': 'html', 'content': '<p>b</p>'}}


def test_images_in_data_uris_become_inline_attachments() -> None:
    html, images = extract_data_uris('<img src="data:image/png;base64,UE5H"><img src=\'data:image/png;base64,UE5H\'>')
    [image] = images
    assert (image.name, image.content, image.content_type, image.is_inline) == ('image1.png', b'PNG', 'image/png', True)
    assert html == f'<img src="cid:{image.content_id}">' * 2


@pytest.mark.parametrize(
    'sizes, included', [([10, 10], 2), ([2_000_000, 2_000_000, 10], 2), ([3_000_000], 0), ([2_990_000, 10], 2)]
)
def test_attachments_are_included_if_the_whole_request_is_small_enough(sizes: list[int], included: int) -> None:
    attachments = [OutgoingAttachment(str(number), size) for number, size in enumerate(sizes)]
    now, later = split_attachments({'subject': 'x'}, attachments)
    assert (len(now), len(later)) == (included, len(sizes) - included)


@pytest.mark.parametrize(
    'make, sentence',
    [
        (
            lambda: OutgoingMail(to=[BOB] * 1001),
            'The email has 1001 recipients, but to, cc and bcc together may have 1000. Send several emails, or use a group.',
        ),
        (lambda: OutgoingMail(headers=[('x-a', 'b')] * 6), 'The email has 6 custom headers, but may have 5. Remove some.'),
        (lambda: OutgoingMail().require_recipients(), 'The email has no recipients. Enter an address in to, cc or bcc.'),
        (
            lambda: split_attachments({'subject': 'x' * 4_096_000}, ()),
            'The text of the email is too large: with its addresses, an email can have 4,096,000 bytes. '
            'Shorten it, or attach it as a file.',
        ),
    ],
)
def test_a_mail_that_graph_would_reject_is_rejected(make: Callable[[], Any], sentence: str) -> None:
    assert rejection(make) == sentence


@pytest.mark.parametrize(
    'html, text, own, expected',
    [
        ('<html><body class="x">old</body></html>', 'new', '', '<html><body class="x"><div>new</div>old</body></html>'),
        ('old', '', '<p>new</p>', '<div><p>new</p></div>old'),
        ('<BODY>old', 'a < b\nc', '', '<BODY><div>a &lt; b<br>\nc</div>old'),
        ('<body>old', 'not sent', '<html><BODY\nid="x"><p>new</p>\n</body></html>', '<body><div\nid="x"><p>new</p>\n</div>old'),
        ('<body>old', '', '<body>new', '<body><div>new</div>old'),
        ('<body <p>old', 'new', '', '<div>new</div><body <p>old'),
        ('<bodyguard>old', 'new', '', '<div>new</div><bodyguard>old'),
        ('', '', '', '<div></div>'),
    ],
)
def test_the_body_of_a_reply_is_above_what_it_quotes(html: str, text: str, own: str, expected: str) -> None:
    assert above_quote(html, OutgoingMail(text=text, html=own)) == expected


# endregion
# region sending


class ScriptedClient(GraphMailClient):
    """A client that answers with scripted responses by method and end of the path, and records waits.

    Each response is a status, JSON, and optionally a ``Retry-After``. The last one of a list is used again and again.
    """

    def __init__(self, **responses: list[tuple[Any, ...]]) -> None:
        super().__init__(ADA)
        self.responses = {name.replace('_', ' ', 1): list(values) for name, values in responses.items()}
        self.sent: list[str] = []
        self.preferred: list[str] = []  # the header Prefer of each request
        self.waits: list[float] = []
        self.clock.sleep = self.waits.append  # type: ignore[method-assign,assignment]
        self.clock.elapsed = lambda: sum(self.waits)  # type: ignore[method-assign]

    def get_access_token(self, resource: str = '', scope: str | None = None) -> str:
        return 'the-token'

    def _send_once(self, method: str, url_suffix: str = '', full_url: str | None = None, **kwargs: Any) -> Any:
        name = f'{method} {(full_url or url_suffix).rpartition("/")[2]}'
        self.sent.append(name)
        self.preferred.append(kwargs['headers'].get('Prefer'))
        script = self.responses[name]
        status, body, *retry_after = script.pop(0) if len(script) > 1 else script[0]
        response = requests.Response()
        response.status_code = status
        response._content = json.dumps(body).encode()
        if retry_after:
            response.headers['Retry-After'] = retry_after[0]
        if status not in kwargs['ok_codes']:
            kwargs['error_handler'](response)
        return response


DRAFT, SENT, ACCEPTED = (201, {'id': 'd'}), (200, {'isDraft': False}), (202, None)
NO_LISTS: dict[str, Any] = {name: [] for name in ('toRecipients', 'ccRecipients', 'bccRecipients')}
REPLY_DRAFT, CHANGED = (201, {'id': 'd', **NO_LISTS, 'body': {'contentType': 'html', 'content': '<body>old'}}), (200, {'id': 'd'})
STILL_A_DRAFT, BUSY = (200, {'isDraft': True}), (503, {})
SMALL = OutgoingAttachment('a.txt', 1, content=b'x')
LARGE = OutgoingAttachment('b.bin', 3_000_000, content=bytes(3_000_000))
MAIL = OutgoingMail(to=[BOB], subject='Plan', text='See')


def test_a_mail_is_a_draft_that_is_sent() -> None:
    client = ScriptedClient(POST_messages=[DRAFT], POST_send=[ACCEPTED])
    assert MailSender(client.mailbox).send(MAIL) == 'd'
    assert client.sent == ['POST messages', 'POST send']


@pytest.mark.parametrize('mail', [MAIL, OutgoingMail(html='<p>See</p>')])
def test_a_draft_is_returned_as_graph_shows_it_when_it_is_created(mail: OutgoingMail) -> None:
    client = ScriptedClient(POST_messages=[DRAFT])
    assert MailSender(client.mailbox).create_draft(mail) == {'id': 'd'}
    assert client.sent == ['POST messages']
    assert client.preferred == [f'IdType="ImmutableId", outlook.body-content-type="{mail.body_type}"']


def test_a_draft_is_a_table() -> None:
    draft = {'id': 'd', 'subject': 'Plan', **{f'{one}Recipients': [BOB.as_json()] for one in ('to', 'cc', 'bcc')}}
    client = ScriptedClient(POST_messages=[(201, {**draft, 'from': EmailAddress(ADA).as_json()})])
    result = SENDING_COMMANDS['msgraph-mail-create-draft'](client, {'subject': 'Plan'})
    assert result.readable_output == (  # type: ignore[union-attr]
        f'### Draft created\n|Subject|From|To|Cc|Bcc|ID|\n|---|---|---|---|---|---|\n'
        f'| Plan | {ADA} | {BOB.address} | {BOB.address} | {BOB.address} | d |\n'
    )


@pytest.mark.parametrize(
    'command, args, responses, title',
    [
        ('send-mail', {'to': BOB.address}, {'POST_messages': [DRAFT], 'POST_send': [ACCEPTED]}, 'Email sent'),
        ('msgraph-mail-send-draft', {'draft_id': 'd'}, {'GET_d': [STILL_A_DRAFT], 'POST_send': [ACCEPTED]}, 'Draft sent'),
        (
            'msgraph-mail-reply-to',
            {'message_id': 'm', 'comment': 'Hi'},
            {'POST_createReply': [REPLY_DRAFT], 'PATCH_d': [CHANGED], 'POST_send': [ACCEPTED]},
            'Reply sent',
        ),
        (
            'msgraph-mail-forward',
            {'message_id': 'm', 'to': BOB.address},
            {'POST_createForward': [REPLY_DRAFT], 'PATCH_d': [CHANGED], 'POST_send': [ACCEPTED]},
            'Email forwarded',
        ),
        (
            'msgraph-mail-update-draft',
            {'draft_id': 'd', 'subject': 'x'},
            {'GET_d': [STILL_A_DRAFT, CHANGED], 'PATCH_d': [CHANGED]},
            'Draft changed',
        ),
        (
            'msgraph-mail-add-draft-attachment',
            {'draft_id': 'd', 'transientFile': 'a.txt', 'transientFileContent': 'x'},
            {
                'GET_d': [STILL_A_DRAFT, CHANGED],
                'GET_attachments': [(200, {'value': []}), (200, {'value': [{'id': 'a'}]})],
                'POST_attachments': [(201, {'id': 'a'})],
            },
            'Files attached',
        ),
        (
            'msgraph-mail-remove-draft-attachment',
            {'draft_id': 'd', 'attachment_id': 'a'},
            {'GET_d': [STILL_A_DRAFT], 'DELETE_a': [(204, None)]},
            'Attachment removed',
        ),
    ],
)
def test_an_entry_says_what_was_done(command: str, args: dict[str, str], responses: dict[str, Any], title: str) -> None:
    result = SENDING_COMMANDS[command](ScriptedClient(**responses), args)
    assert result.readable_output.startswith(f'### {title}\n|')  # type: ignore[union-attr]
    assert result.outputs['ID'] == 'd'  # type: ignore[union-attr]


def test_a_draft_of_a_reply_is_read_and_changed_as_html() -> None:
    client = ScriptedClient(POST_createReply=[REPLY_DRAFT], GET_d=[CHANGED], PATCH_d=[CHANGED])
    MailSender(client.mailbox).create_reply_draft(REPLY, 'm', MAIL)
    assert client.sent == ['POST createReply', 'PATCH d', 'GET d']
    assert client.preferred == ['IdType="ImmutableId", outlook.body-content-type="html"'] * 3


def test_a_reply_that_graph_shows_in_part_is_read() -> None:
    client = ScriptedClient(POST_createReply=[DRAFT], GET_d=[(200, REPLY_DRAFT[1])], PATCH_d=[CHANGED], POST_send=[ACCEPTED])
    MailSender(client.mailbox).reply(REPLY, 'm', MAIL)
    assert client.sent == ['POST createReply', 'GET d', 'PATCH d', 'POST send']


def test_steps_are_retried_without_nested_retries() -> None:
    client = ScriptedClient(
        POST_messages=[(429, {}, '5'), DRAFT],
        GET_messages=[(200, {'value': []})],
        POST_send=[(429, {}, '10'), ACCEPTED],
        GET_d=[STILL_A_DRAFT],
    )
    MailSender(client.mailbox).send(MAIL)
    assert client.sent[:3] == ['POST messages', 'GET messages', 'POST messages']
    assert client.sent[3:] == ['POST send', 'GET d', 'POST send', 'GET messages']
    assert client.waits == [5, 10]


@pytest.mark.parametrize('found, count', [([], 2), ([{'id': 'd'}], 1)])
def test_a_draft_is_looked_up_before_it_is_created_again(found: list[Any], count: int) -> None:
    client = ScriptedClient(POST_messages=[BUSY, DRAFT], GET_messages=[(200, {'value': found})], POST_send=[ACCEPTED])
    assert MailSender(client.mailbox).send(MAIL) == 'd'
    assert client.sent.count('POST messages') == count


@pytest.mark.parametrize('state, count', [(SENT, 1), (STILL_A_DRAFT, 2)])
def test_a_mail_is_looked_up_before_it_is_sent_again(state: Any, count: int) -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT], POST_send=[(429, {}), ACCEPTED], GET_d=[state], GET_messages=[(200, {'value': []})]
    )
    MailSender(client.mailbox).send(MAIL)
    assert client.sent.count('POST send') == count


def test_a_mail_that_may_be_in_transport_is_looked_up_again() -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT], POST_send=[BUSY], GET_d=[STILL_A_DRAFT, SENT], GET_messages=[(200, {'value': []})]
    )
    MailSender(client.mailbox).send(MAIL)
    assert client.sent == ['POST messages', 'POST send', 'GET d', 'GET d', 'GET messages']


def test_a_mail_that_may_be_sent_later_is_not_sent_again() -> None:
    client = ScriptedClient(POST_messages=[DRAFT], POST_send=[BUSY], GET_d=[STILL_A_DRAFT])
    with pytest.raises(UnknownOutcomeError):
        MailSender(client.mailbox).send(MAIL)
    assert client.sent.count('POST send') == 1
    assert sum(client.waits) >= 10


@pytest.mark.parametrize('lookup', [(403, {}), (200, {'id': 'd'})])
def test_an_outcome_that_cannot_be_looked_up_is_unknown_and_the_draft_stays(lookup: Any) -> None:
    client = ScriptedClient(POST_messages=[DRAFT], POST_send=[BUSY], GET_d=[lookup])
    with pytest.raises(UnknownOutcomeError) as caught:
        MailSender(client.mailbox).send(MAIL)
    assert str(caught.value) == (
        'It is not known whether the email was sent. Microsoft Graph responded with HTTP status 503. '
        'Look for it in Sent Items. If it is still in Drafts in a few minutes, send it from there.'
    )
    assert 'POST permanentDelete' not in client.sent


def test_a_response_that_does_not_tell_whether_a_mail_is_a_draft_is_an_error() -> None:
    client = ScriptedClient(GET_d=[(200, {'id': 'd', 'isDraft': 'yes'})])
    assert rejection(lambda: MailSender(client.mailbox).update_draft('d', {'subject': 'x'})) == (
        'Microsoft Graph sent an incomplete response. Try again.'
    )


def test_a_draft_that_cannot_be_looked_up_may_exist() -> None:
    client = ScriptedClient(POST_messages=[BUSY], GET_messages=[(403, {})])
    with pytest.raises(UnknownOutcomeError) as caught:
        MailSender(client.mailbox).send(MAIL)
    assert str(caught.value) == (
        'It is not known whether a draft was created. Microsoft Graph responded with HTTP status 503. '
        'Look for it in Drafts before you try again.'
    )


def test_a_draft_that_cannot_be_removed_may_be_there() -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT],
        POST_send=[(400, {})],
        GET_d=[STILL_A_DRAFT],
        POST_permanentDelete=[(403, {})],
        DELETE_d=[(403, {})],
    )
    with pytest.raises(UnknownOutcomeError) as caught:
        MailSender(client.mailbox).send(MAIL)
    assert str(caught.value) == (
        'It is not known whether the draft was removed. Microsoft Graph responded with HTTP status 400. '
        'Look for it in Drafts before you try again.'
    )


def test_a_draft_is_removed_even_at_the_end_of_a_command() -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT],
        POST_send=[(400, {})],
        GET_d=[(429, {}, '3'), STILL_A_DRAFT],
        POST_permanentDelete=[(204, None)],
    )
    client.clock.limit(1)
    with pytest.raises(GraphError, match='HTTP status 400'):
        MailSender(client.mailbox).send(MAIL)
    assert (client.sent[-1], client.waits) == ('POST permanentDelete', [3])


@pytest.mark.parametrize('removal, last', [((204, None), 'POST permanentDelete'), ((403, {}), 'DELETE d')])
def test_a_draft_that_cannot_be_sent_is_removed(removal: Any, last: str) -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT],
        POST_send=[(400, {})],
        GET_d=[STILL_A_DRAFT],
        POST_permanentDelete=[removal],
        DELETE_d=[(204, None)],
    )
    with pytest.raises(GraphError, match='HTTP status 400'):
        MailSender(client.mailbox).send(MAIL)
    assert client.sent[-1] == last


@pytest.mark.parametrize('unconfirmed', [(204, None), (201, {}), (200, []), (202, {'id': 'x'})])
def test_an_attachment_that_is_not_confirmed_is_looked_up(unconfirmed: Any) -> None:
    client = ScriptedClient(
        POST_createForward=[REPLY_DRAFT],
        PATCH_d=[CHANGED],
        GET_attachments=[*[(200, {'value': []})] * 4, (200, {'value': [{'id': 'a'}]})],
        POST_attachments=[unconfirmed, (201, {'id': 'a'})],
        POST_send=[ACCEPTED],
        GET_messages=[(200, {'value': []})],
    )
    MailSender(client.mailbox).reply(FORWARD, 'm', OutgoingMail(to=[BOB], attachments=[SMALL]))
    assert client.sent.count('POST attachments') == 2


def test_a_mail_with_fewer_attachments_than_it_should_have_is_not_sent() -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT], GET_attachments=[(200, {'value': []})], GET_d=[STILL_A_DRAFT], POST_permanentDelete=[(204, None)]
    )
    with pytest.raises(GraphError, match=r'^The draft has 0 of 1 attachments\. Send the email again\.$'):
        MailSender(client.mailbox).send(OutgoingMail(to=[BOB], attachments=[SMALL]))
    assert 'POST send' not in client.sent


def test_a_forwarded_mail_that_lost_an_attachment_is_not_sent() -> None:
    client = ScriptedClient(
        POST_createForward=[REPLY_DRAFT],
        PATCH_d=[CHANGED],
        GET_attachments=[(200, {'value': [{'id': 'of the original'}]})],
        POST_attachments=[(201, {'id': 'new'})],
        GET_d=[STILL_A_DRAFT],
        POST_permanentDelete=[(204, None)],
    )
    with pytest.raises(GraphError, match=r'^The draft has 1 of 2 attachments\.'):
        MailSender(client.mailbox).reply(FORWARD, 'm', OutgoingMail(to=[BOB], attachments=[SMALL]))
    assert 'POST send' not in client.sent


@pytest.mark.parametrize('count', [0, 1])
def test_an_attachment_whose_response_is_lost_is_counted_before_it_is_attached_again(count: int) -> None:
    two = OutgoingAttachment('two.txt', 2_000_000, content=bytes(2_000_000))
    client = ScriptedClient(
        POST_messages=[DRAFT],
        POST_attachments=[(201, {'id': '2'}), BUSY, (201, {'id': '3'})],
        GET_attachments=[
            (200, {'value': [{'id': str(one), 'name': 'two.txt', 'size': 2_000_100} for one in range(1, number + 1)]})
            for number in (1, *[2 + count] * 3, 3)
        ],
        POST_send=[ACCEPTED],
        GET_messages=[(200, {'value': []})],
    )
    MailSender(client.mailbox).send(OutgoingMail(to=[BOB], attachments=[two] * 3))
    assert client.sent.count('POST attachments') == 3 - count


@pytest.mark.parametrize(
    'left, is_removed',
    [([], True), ([{'id': 'other'}], True), ([{'id': 'a'}], False), ([{'id': 'b'}, None], False), ([{'id': 5}], False)],
)
def test_an_attachment_whose_removal_is_unclear_is_looked_for(left: list[Any], is_removed: bool) -> None:
    client = ScriptedClient(GET_d=[STILL_A_DRAFT], DELETE_a=[BUSY], GET_attachments=[(200, {'value': left})])
    if is_removed:
        MailSender(client.mailbox).remove_attachment('d', 'a')
    else:
        with pytest.raises(GraphError, match='HTTP status 503'):
            MailSender(client.mailbox).remove_attachment('d', 'a')
    assert (client.sent.count('DELETE a') == 1) is is_removed


def test_files_of_which_some_may_be_attached_are_an_unknown_outcome() -> None:
    client = ScriptedClient(GET_d=[STILL_A_DRAFT], GET_attachments=[(200, {'value': []})], POST_attachments=[(403, {})])
    with pytest.raises(UnknownOutcomeError) as caught:
        MailSender(client.mailbox).update_draft('d', {}, [SMALL])
    assert str(caught.value) == (
        'It is not known whether all files were attached. Microsoft Graph responded with HTTP status 403. '
        'Look at the draft before you attach files again.'
    )


@pytest.mark.parametrize(
    'mail, sentence',
    [
        (OutgoingMail(), 'The email has no recipients. Enter an address in to, cc or bcc.'),
        (
            OutgoingMail(to=[BOB], attachments=[LARGE]),
            "'b.bin' makes the email too large to be sent without a copy. Remove save_to_sent_items=false, or send fewer files.",
        ),
    ],
)
def test_a_mail_without_a_copy_has_to_fit_into_one_request(mail: OutgoingMail, sentence: str) -> None:
    assert rejection(lambda: MailSender(ScriptedClient().mailbox).send_unsaved(mail)) == sentence


@pytest.mark.parametrize(
    'responses, count, error',
    [
        ([ACCEPTED], 1, None),
        ([(409, {}), ACCEPTED], 2, None),
        ([(429, {}, '1')], 1, UnknownOutcomeError),
        ([BUSY], 1, UnknownOutcomeError),
        ([(200, {})], 1, UnknownOutcomeError),
        ([(403, {})], 1, GraphError),
    ],
)
def test_a_mail_without_a_copy_is_sent_again_only_after_a_conflict(responses: Any, count: int, error: Any) -> None:
    client = ScriptedClient(POST_sendMail=responses)
    if error:
        with pytest.raises(error):
            MailSender(client.mailbox).send_unsaved(OutgoingMail(to=[BOB], attachments=[SMALL]))
    else:
        MailSender(client.mailbox).send_unsaved(OutgoingMail(to=[BOB], attachments=[SMALL]))
    assert client.sent == ['POST sendMail'] * count


def test_a_reply_whose_mark_is_rejected_has_none() -> None:
    client = ScriptedClient(POST_createReply=[(400, {}), REPLY_DRAFT], PATCH_d=[CHANGED], POST_send=[ACCEPTED])
    assert MailSender(client.mailbox).reply(REPLY, 'm', OutgoingMail(text='Well.'))['id'] == 'd'
    assert client.sent == ['POST createReply', 'POST createReply', 'PATCH d', 'POST send']


FILE, INLINE = AttachedFile('', 'a.txt', False, 100), AttachedFile('', 'a.txt', True, 100)
MINE, OTHER = FILE._replace(file_id='1'), FILE._replace(file_id='2')
LARGER = FILE._replace(size=2000)


@pytest.mark.parametrize(
    'files, found, missing, left',
    [
        ([MINE], [MINE], [], []),
        ([MINE], [], [MINE], []),
        ([MINE], [MINE._replace(name='renamed.txt', size=500)], [], []),  # by Graph
        ([MINE], [OTHER], [], []),  # an ID of another kind
        ([FILE], [OTHER._replace(size=200)], [], []),
        ([FILE], [OTHER._replace(size=5000)], [FILE], [OTHER._replace(size=5000)]),
        ([FILE], [OTHER._replace(size=99)], [FILE], [OTHER._replace(size=99)]),
        ([FILE], [OTHER._replace(name='b.txt')], [FILE], [OTHER._replace(name='b.txt')]),
        ([FILE], [INLINE], [FILE], [INLINE]),
        ([FILE, OTHER], [OTHER], [FILE], []),
        ([FILE, FILE], [MINE, OTHER], [], []),
        ([MINE, MINE], [MINE, OTHER], [], []),
        ([MINE], [OTHER, MINE], [], [OTHER]),
        ([FILE, LARGER], [LARGER._replace(size=2100), FILE], [], []),
    ],
)
def test_files_are_recognized_by_their_ids_or_by_all_else(files: Any, found: Any, missing: Any, left: Any) -> None:
    assert match_files(files, found) == (missing, left)


@pytest.mark.parametrize('given', ['', 'x', '{}', '[]', '[["a.txt", false]]', '[[["1", "a.txt"]], []]', '[1, 2]', 'null'])
def test_files_of_an_earlier_run_that_cannot_be_read_are_unknown(given: str) -> None:
    client = ScriptedClient(
        GET_d=[STILL_A_DRAFT, CHANGED],
        GET_attachments=[(200, {'value': []}), (200, {'value': [{'id': 'a'}]})],
        POST_attachments=[(201, {'id': 'a'})],
    )
    args = {'draft_id': 'd', 'transientFile': 'a.txt', 'transientFileContent': 'x', 'resume_made_with': given}
    SENDING_COMMANDS['msgraph-mail-add-draft-attachment'](client, args)
    assert client.sent.count('GET attachments') == 2


# endregion
# region resuming


def test_a_throttled_mail_resumes_from_its_draft() -> None:
    client = ScriptedClient(
        POST_messages=[DRAFT],
        POST_send=[(429, {}, '300'), ACCEPTED],
        GET_d=[STILL_A_DRAFT],
        GET_deleteditems=[(200, {'id': 'deleted'})],
        GET_recoverableitemsdeletions=[(404, {})],
    )
    sender = MailSender(client.mailbox)

    def send(progress: SendingProgress) -> Any:
        return sender.send(MAIL, progress)

    entry = run_resumable(client, {'subject': 'Plan'}, send).to_context()  # type: ignore[union-attr]
    args = entry['PollingArgs']
    mark = args.pop('resume_mark')
    assert args == {'subject': 'Plan', 'resume_draft_id': 'd', 'resume_made_with': '', 'resume_run': '2'}
    assert re.fullmatch('[0-9a-f]{32}', mark)
    assert entry['NextRun'] == '301'
    assert run_resumable(client, args, send) == 'd'
    folders = ['GET deleteditems', 'GET recoverableitemsdeletions']
    assert client.sent == ['POST messages', 'POST send', 'GET d', 'GET d', *folders, 'POST send']


@pytest.mark.parametrize('mark', ['x', "' or 1 eq 1", '<a@b>', '0' * 31])
def test_a_mark_that_is_not_one_is_ignored(mark: str) -> None:
    client = ScriptedClient(POST_messages=[DRAFT], POST_send=[ACCEPTED])
    run_resumable(client, {'resume_mark': mark}, lambda progress: MailSender(client.mailbox).send(MAIL, progress))
    assert client.sent == ['POST messages', 'POST send']


@pytest.mark.parametrize(
    'send',
    [
        lambda sender: sender.send_draft('d', SendingProgress('d')),
        lambda sender: sender.send(MAIL, SendingProgress('d')),
        lambda sender: sender.reply(REPLY, 'm', MAIL, progress=SendingProgress('d')),
    ],
)
def test_a_mail_that_an_earlier_run_sent_is_neither_changed_nor_sent_again(send: Callable[[MailSender], Any]) -> None:
    client = ScriptedClient(GET_d=[SENT])
    send(MailSender(client.mailbox))
    assert set(client.sent) == {'GET d'}


def test_an_unclear_send_that_is_throttled_resumes_with_a_lookup() -> None:
    client = ScriptedClient(POST_messages=[DRAFT], POST_send=[BUSY], GET_d=[(429, {}, '300'), (429, {}, '300'), SENT])

    def send(progress: SendingProgress) -> Any:
        return MailSender(client.mailbox).send(MAIL, progress)

    entry = run_resumable(client, {}, send).to_context()  # type: ignore[union-attr]
    assert run_resumable(client, entry['PollingArgs'], send) == 'd'
    assert client.sent.count('POST send') == 1


def test_a_mail_is_not_rescheduled_for_ever() -> None:
    client = ScriptedClient(POST_messages=[(429, {}, '300')], GET_messages=[(200, {'value': []})])
    with pytest.raises(GraphError, match=r'Try again in 300 seconds\.'):
        run_resumable(client, {'resume_run': '20'}, lambda progress: MailSender(client.mailbox).create_draft(MAIL, progress))


@pytest.mark.parametrize('response', [(503, {}), (400, {})])
def test_a_failed_mail_is_not_rescheduled(response: Any) -> None:
    client = ScriptedClient(POST_messages=[response], GET_messages=[(200, {'value': []})])
    with pytest.raises(GraphError, match=f'HTTP status {response[0]}'):
        run_resumable(client, {}, lambda progress: MailSender(client.mailbox).create_draft(MAIL, progress))


@pytest.mark.parametrize(
    'command, name',
    [('msgraph-mail-reply-to', 'message_id'), ('msgraph-mail-send-draft', 'draft_id'), ('reply-mail', 'inReplyTo')],
)
def test_a_command_without_a_message_id_is_rejected(command: str, name: str) -> None:
    client = ScriptedClient()
    sentence = f'The argument {name} is empty. Enter a value for it.'
    assert rejection(lambda: SENDING_COMMANDS[command](client, {})) == sentence
    assert client.sent == []


# endregion
# region uploads


class Uploads:
    """An upload session whose responses are scripted: a status and the next position, or an exception."""

    def __init__(self, *responses: Any, size: int = UPLOAD_RANGE + 10) -> None:
        self.client = ScriptedClient()
        self.responses = list(responses)
        self.sent: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.client.send_without_token = self._answer  # type: ignore[method-assign]
        self.session = UploadSession(self.client, 'https://upload.example/x', io.BytesIO(bytes(size)), size)

    def _answer(self, method: str, url: str, headers: dict[str, str], data: bytes | None = None) -> requests.Response:
        self.sent.append((method, headers.get('Content-Range', '')))
        self.headers.append(headers)
        response = requests.Response()
        response.status_code, position = self.responses.pop(0)
        response._content = json.dumps({'NextExpectedRanges': [f'{position}-']}).encode()
        if response.status_code >= 400:
            raise GraphError('It failed.', 'Wait.', '', response)
        return response


def test_a_file_is_uploaded_in_ranges() -> None:
    uploads = Uploads((200, UPLOAD_RANGE), (201, 0))
    uploads.session.upload()
    assert uploads.sent == [
        ('PUT', f'bytes 0-{UPLOAD_RANGE - 1}/{UPLOAD_RANGE + 10}'),
        ('PUT', f'bytes {UPLOAD_RANGE}-{UPLOAD_RANGE + 9}/{UPLOAD_RANGE + 10}'),
    ]
    formats = {'Accept': 'application/json', 'Content-Type': 'application/octet-stream'}
    assert uploads.headers == [{**formats, 'Content-Range': content_range} for _, content_range in uploads.sent]
    uploads.responses.append((204, 0))
    uploads.session.cancel()
    assert (uploads.sent[2:], uploads.headers[2:]) == ([('DELETE', '')], [formats])


def test_a_file_that_became_shorter_is_an_error() -> None:
    uploads = Uploads((200, 5))
    session = UploadSession(uploads.client, 'https://upload.example/x', io.BytesIO(b'12345'), 9)
    assert rejection(session.upload) == 'The file became shorter while it was sent. Send it again.'
    assert uploads.sent == [('PUT', 'bytes 0-4/9')]


@pytest.mark.parametrize('status', [416, 429, 500, 503])
def test_an_upload_resumes_from_where_the_service_says(status: int) -> None:
    uploads = Uploads((status, 0), (200, UPLOAD_RANGE), (201, 0))
    uploads.session.upload()
    assert [method for method, _ in uploads.sent] == ['PUT', 'GET', 'PUT']


@pytest.mark.parametrize('status', [400, 401, 403, 404, 405, 410, 501])
def test_an_upload_whose_position_is_not_known_may_have_arrived(status: int) -> None:
    uploads = Uploads((503, 0), (status, 0), size=10)
    with pytest.raises(GraphError) as caught:
        uploads.session.upload()
    assert (caught.value.is_outcome_unclear, caught.value.status) == (True, 410)
    assert [method for method, _ in uploads.sent] == ['PUT', 'GET']


def test_an_upload_without_progress_ends() -> None:
    uploads = Uploads(*[(200, 0)] * 50)
    assert rejection(uploads.session.upload) == ('The upload made no progress. Try again.')


@pytest.mark.parametrize('url', ['http://evil.example/upload', '', 'ftp://evil.example/', 'https://[evil.example/'])
def test_an_upload_url_is_an_https_address(url: str) -> None:
    assert rejection(lambda: UploadSession(ScriptedClient(), url, io.BytesIO(), 0)) == (
        'Microsoft Graph sent an upload URL that is not an https address. Try again.'
    )


def test_an_upload_url_may_lead_to_this_machine() -> None:
    uploads = Uploads((204, 0))
    UploadSession(uploads.client, 'http://127.0.0.1:9/upload', io.BytesIO(), 0).cancel()
    assert uploads.sent == [('DELETE', '')]


@pytest.mark.parametrize('ranges, position', [(['5'], 5), (['5-'], 5), (['5-9'], 5), ([], None), (['soon'], None), (None, None)])
def test_the_position_of_an_upload_has_several_formats(ranges: Any, position: int | None) -> None:
    response = requests.Response()
    response._content = json.dumps({'nextExpectedRanges': ranges}).encode()
    if position is None:
        assert rejection(lambda: next_position(response)) == (
            'Microsoft Graph did not send the position of the upload. Try again.'
        )
    else:
        assert next_position(response) == position


# endregion
