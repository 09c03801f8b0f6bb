"""What a mail consists of: how it is read, what is refused before anything is sent, and how it looks as MIME."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

import base64
from CommonServerPython import DemistoException
from MicrosoftGraphMailClientApiModule import EmailAddress, MAX_FILE_SIZE
from MicrosoftGraphMailSendApiModule import (
    OutgoingAttachment,
    OutgoingMail,
    extract_data_uris,
    internet_headers,
    reply_subject,
    sent_outputs,
)


def rejection(make: Callable[[], Any]) -> str:
    with pytest.raises(DemistoException) as error:
        make()
    return str(error.value)


def test_a_file_above_150_mb_is_refused() -> None:
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
    ],
)
def test_header_values_keep_their_colons(text: str, headers: Any) -> None:
    assert internet_headers(text) == headers


@pytest.mark.parametrize(
    'text, sentence',
    [
        ('x-alone', "The header 'x-alone' has no value. Write headers as x-name:value, separated by commas."),
        ('Subject:x', "The header name 'Subject' is not valid. Use a name that starts with x-."),
    ],
)
def test_a_header_without_a_colon_is_refused_in_a_sentence(text: str, sentence: str) -> None:
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
    'uri', ['data:image/png;base64,A', 'data:image/png;base64,', 'data:image/png', 'data:image/png;base64,*']
)
def test_a_data_uri_that_cannot_be_read_is_refused(uri: str) -> None:
    assert rejection(lambda: extract_data_uris(f'<img src="{uri}">')).startswith('Image 1 of the HTML is not a valid data URI.')


def test_mime_has_both_forms_of_the_body_and_the_custom_headers_only() -> None:
    mail = OutgoingMail(
        to=('bob@contoso.example',),
        subject='Zoë',
        text='Sée\n' * 50,
        html='<p>Sée</p>',
        headers=(('x-a', 'b: ü, d'), ('x-a', '')),
    )
    mime = message_from_bytes(base64.b64decode(mail.as_mime('<1@contoso.example>')), policy=policy.default)
    assert [part.get_content_type() for part in mime.walk()] == ['multipart/alternative', 'text/plain', 'text/html']
    plain, html = (part.get_content().replace('\r', '') for part in mime.iter_parts())  # type: ignore[attr-defined]
    assert (plain, html) == ('Sée\n' * 50, '<p>Sée</p>\n')
    assert mime.keys() == ['Message-ID', 'x-a', 'x-a', 'MIME-Version', 'Content-Type']
    assert (mime['Message-ID'], mime.get_all('x-a')) == ('<1@contoso.example>', ['b: ü, d', ''])


def test_the_change_of_a_mime_draft_sets_the_subject_and_all_recipients() -> None:
    mail = OutgoingMail(to=[EmailAddress('bob@contoso.example')], text='See', html='<p>See</p>', headers=(('x-a', 'b'),))
    assert mail.as_change() == {
        'subject': '',
        'toRecipients': [{'emailAddress': {'address': 'bob@contoso.example'}}],
        'ccRecipients': [],
        'bccRecipients': [],
        'replyTo': [],
        'importance': 'normal',
        'flag': {'flagStatus': 'notFlagged'},
    }


INJECTED = '=?utf-8?q?x=0d=0aBcc=3a_ada=40contoso=2eexample?='


@pytest.mark.parametrize(
    'value', [INJECTED, '=?', 'a\r\nBcc: ada@contoso.example', 'a\rb', 'a\x85b', 'a\u2028b', 'a\x0bb', 'a\x00', 'a\ud83d']
)
def test_a_header_value_that_could_start_another_header_is_rejected(value: str) -> None:
    assert rejection(lambda: OutgoingMail(headers=(('x-a', value),))) == (
        "The header 'x-a' has a control character or =? in its value. Remove it."
    )


@pytest.mark.parametrize(
    'value', [INJECTED, 'a\r\nBcc: ada@contoso.example', 'a\r\n\r\nBcc: ada@contoso.example', 'a\r\rb', 'a\n\r\nb']
)
def test_mime_with_another_header_than_asked_for_is_rejected_on_any_python(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    mail = OutgoingMail(text='a', html='<p>a</p>', headers=(('x-a', 'b'),))
    with_other = EmailMessage.as_bytes
    monkeypatch.setattr(EmailMessage, 'as_bytes', lambda mime: with_other(mime).replace(b'x-a: b', b'x-a: ' + value.encode()))
    if value == INJECTED:
        monkeypatch.setattr(EmailMessage, 'as_bytes', lambda mime: b'Bcc: ada@contoso.example\r\n' + with_other(mime))
    assert rejection(lambda: mail.as_mime('<1@contoso.example>')) == (
        'A header of the mail would become several headers. Remove special characters from headers.'
    )


@pytest.mark.parametrize(
    'html, preview',
    [
        ('<head><title>No</title><style>p {}</style></head><p>See <b>it</b></p>and&nbsp;more', 'See it and more'),
        (f'{"x" * 300}', 'x' * 255),
        (f'<style>{"p {} " * 200_000}</style>See', 'See'),
        ('<style>' * 150_000, ''),  # takes 20 minutes where anything is scanned twice
    ],
)
def test_the_preview_of_a_sent_mail_takes_linear_time(html: str, preview: str) -> None:
    assert sent_outputs(OutgoingMail(html=html)).get('bodyPreview', '') == preview
