"""What a mail consists of: how it is read, what is refused before anything is sent, and how it looks as MIME."""

from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any

import pytest

import base64
from CommonServerPython import DemistoException
from MicrosoftGraphMailSendApiModule import (
    MAX_FILE_SIZE,
    OutgoingAttachment,
    OutgoingMail,
    images_as_attachments,
    internet_headers,
    reply_subject,
)


def refusal(make: Callable[[], Any]) -> str:
    with pytest.raises(DemistoException) as error:
        make()
    return str(error.value)


def test_a_file_above_150_mb_is_refused() -> None:
    assert refusal(lambda: OutgoingAttachment('film.mp4', MAX_FILE_SIZE + 1)) == (
        "'film.mp4' has 157286401 bytes, and a file of a mail may have 157286400 (150 MB) at most. Send a link to it instead."
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
        ('x-alone', "The header 'x-alone' has no value. Write headers as x-name:value, joined by commas."),
        ('Subject:x', "The header name 'Subject' does not begin with x-, as Microsoft Graph wants it."),
        ('x-a:1\r\nBcc: eve@evil.example', "The header 'x-a' has a line break in its value. Leave it out."),
    ],
)
def test_a_header_without_a_colon_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    assert refusal(lambda: internet_headers(text)) == sentence


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
    assert refusal(lambda: images_as_attachments(f'<img src="{uri}">')).startswith(
        'Picture 1 of the HTML is a data URI that cannot be read.'
    )


def test_both_forms_of_a_body_and_the_headers_are_in_the_mime() -> None:
    mail = OutgoingMail(subject='Zoë', text='Sée\n' * 50, html='<p>Sée</p>', headers=(('x-a', 'b: ü, d'),))
    mime = message_from_bytes(base64.b64decode(mail.as_mime('<1@contoso.example>')), policy=policy.default)
    assert [part.get_content_type() for part in mime.walk()] == ['multipart/alternative', 'text/plain', 'text/html']
    plain, html = (part.get_content().replace('\r', '') for part in mime.iter_parts())  # type: ignore[attr-defined]
    assert (plain, html) == ('Sée\n' * 50, '<p>Sée</p>\n')
    assert [mime[name] for name in ('Message-ID', 'Subject', 'x-a', 'To')] == ['<1@contoso.example>', 'Zoë', 'b: ü, d', None]


def test_what_mime_does_not_hold_is_a_change_of_the_draft() -> None:
    mail = OutgoingMail(to=('bob@contoso.example',), subject='Plan', text='See', html='<p>See</p>', headers=(('x-a', 'b'),))
    assert mail.as_change() == {
        'subject': 'Plan',
        'toRecipients': [{'emailAddress': {'address': 'bob@contoso.example'}}],
        'importance': 'normal',
        'flag': {'flagStatus': 'notFlagged'},
    }
