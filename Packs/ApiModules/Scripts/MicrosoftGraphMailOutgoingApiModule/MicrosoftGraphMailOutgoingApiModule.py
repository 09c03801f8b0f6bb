"""What a mail that is sent consists of: body, headers, attachments, pictures; as JSON of Microsoft Graph, and as MIME."""

import base64
import binascii
import hashlib
import io
import json
import mimetypes
import os
import re
from datetime import datetime, timezone
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

import demistomock as demisto  # noqa: F401 - integrations take it from here
from CommonServerPython import *
from MicrosoftGraphMailApiModule import *

# region what is sent

MOST_RECIPIENTS = 500
MOST_HEADERS = 5
# Source: https://learn.microsoft.com/graph/outlook-large-attachments
LARGEST_FILE = 150 * 1024 * 1024  # bytes
SMALLEST_UPLOAD = 3_000_000  # bytes; base64 of anything smaller fits into one request
LARGEST_REQUEST = 4_096_000  # bytes; Graph takes 4 MB, headers included
UPLOAD_RANGE = 12 * 320 * 1024  # bytes; under 4 MB, and a multiple of 320 KiB

# Source: https://learn.microsoft.com/office/client-developer/outlook/mapi/pidtagdeferredsendtime-canonical-property
_DEFERRED_SEND_TIME = 'SystemTime 0x3FEF'
_ANY_BYTES = 'application/octet-stream'
_OWN_HEADER = r'[xX]-[!-9;-~]+'
_IMPORTANCES = ('low', 'normal', 'high')
_FLAGS = ('notFlagged', 'complete', 'flagged')


class OutgoingAttachment:
    """A file to send: one on disk, or one that is in memory already.

    Args:
        name: that recipients see.
        path: where it lies on disk; empty where `content` is given.
        size: in bytes.
        content_id: by which HTML refers to it, as ``cid:<content_id>``.
        is_inline: shown in the text, not listed below it.
    Raises:
        DemistoException: it is larger than any mail may carry.
    """

    def __init__(
        self,
        name: str,
        size: int,
        path: str = '',
        content: bytes = b'',
        content_type: str = _ANY_BYTES,
        content_id: str = '',
        is_inline: bool = False,
    ):
        if size > LARGEST_FILE:
            raise DemistoException(
                f"'{name}' has {size} bytes, and a file of a mail may have {LARGEST_FILE} (150 MB) "
                'at most. Send a link to it instead.'
            )
        self.name = name
        self.size = size
        self.path = path
        self.content = content
        self.content_type = content_type
        self.content_id = content_id
        self.is_inline = is_inline

    @classmethod
    def of_file(cls, path: str, name: str, content_id: str = '') -> 'OutgoingAttachment':
        """A file on disk; one with a content ID is inline. Raises OSError when it cannot be read."""
        content_type = mimetypes.guess_type(name)[0] or _ANY_BYTES
        return cls(
            name, os.path.getsize(path), path, content_type=content_type, content_id=content_id, is_inline=bool(content_id)
        )

    def open(self) -> BinaryIO:
        """Its bytes, from the beginning. Close it after use."""
        return open(self.path, 'rb') if self.path else io.BytesIO(self.content)

    @property
    def request_size(self) -> int:
        """How many bytes it takes in a request, as base64 in JSON."""
        return len(json.dumps(self._as_json(''))) + 4 * ((self.size + 2) // 3) + len(', ')

    def as_json(self) -> dict[str, Any]:
        """It as a ``fileAttachment`` of Graph, with all its bytes."""
        with self.open() as file:
            return self._as_json(base64.b64encode(file.read()).decode())

    def _as_json(self, content: str) -> dict[str, Any]:
        return {'@odata.type': '#microsoft.graph.fileAttachment', **self._description(), 'contentBytes': content}

    def as_item(self) -> dict[str, Any]:
        """It as an ``attachmentItem`` of Graph, whose bytes come later."""
        return {'attachmentType': 'file', 'size': self.size, **self._description()}

    def _description(self) -> dict[str, Any]:
        content_id = {'contentId': self.content_id} if self.content_id else {}
        return {'name': self.name, 'contentType': self.content_type, 'isInline': self.is_inline, **content_id}


class OutgoingMail:
    """A mail to send, or what a reply has of its own.

    Args:
        text, html: the body. JSON of Graph has room for one: HTML, or else text. MIME has room for both.
        importance: low, normal or high, in any case.
        flag: notFlagged, complete or flagged, in any case.
        headers: name and value of internet headers of one's own.
        sender: whom the mail is from, if that is not the owner of the mailbox.
        send_at: when Outlook sends it; at once if that is not given, or past.
    Raises:
        DemistoException: Graph would refuse it.
    """

    def __init__(
        self,
        to: tuple[str, ...] = (),
        cc: tuple[str, ...] = (),
        bcc: tuple[str, ...] = (),
        reply_to: tuple[str, ...] = (),
        subject: str = '',
        text: str = '',
        html: str = '',
        importance: str = 'normal',
        flag: str = 'notFlagged',
        headers: tuple[tuple[str, str], ...] = (),
        attachments: tuple[OutgoingAttachment, ...] = (),
        sender: str = '',
        send_at: datetime | None = None,
    ):
        recipients = len(to) + len(cc) + len(bcc)
        if recipients > MOST_RECIPIENTS:
            raise DemistoException(
                f'The mail has {recipients} recipients, and may have {MOST_RECIPIENTS} in to, cc and bcc '
                'together. Send it in several mails, or to a group.'
            )
        if len(headers) > MOST_HEADERS:
            raise DemistoException(
                f'There are {len(headers)} headers, and a mail may have {MOST_HEADERS} of its own. Leave some out.'
            )
        _one_of('importance', importance, _IMPORTANCES)
        _one_of('flag', flag, _FLAGS)
        self.to = to
        self.cc = cc
        self.bcc = bcc
        self.reply_to = reply_to
        self.subject = subject
        self.text = text
        self.html = html
        self.importance = importance
        self.flag = flag
        self.headers = headers
        self.attachments = attachments
        self.sender = sender
        self.send_at = send_at

    @property
    def has_recipients(self) -> bool:
        return bool(self.to or self.cc or self.bcc)

    @property
    def body(self) -> dict[str, str]:
        """The body as an ``itemBody`` of Graph."""
        return {'contentType': 'html', 'content': self.html} if self.html else {'contentType': 'text', 'content': self.text}

    def as_json(self) -> dict[str, Any]:
        """It as a ``message`` of Graph, without attachments, and without what is empty."""
        headers = [{'name': name, 'value': value} for name, value in self.headers]
        people = {'toRecipients': self.to, 'ccRecipients': self.cc, 'bccRecipients': self.bcc, 'replyTo': self.reply_to}
        message: dict[str, Any] = {
            'subject': self.subject,
            'body': self.body if self.html or self.text else None,
            **{name: [_recipient(one) for one in addresses] for name, addresses in people.items()},
            'importance': _one_of('importance', self.importance, _IMPORTANCES),
            'flag': {'flagStatus': _one_of('flag', self.flag, _FLAGS)},
            'internetMessageHeaders': headers,
            'from': _recipient(self.sender) if self.sender else None,
            'singleValueExtendedProperties': [{'id': _DEFERRED_SEND_TIME, 'value': _utc(self.send_at)}] if self.send_at else None,
        }
        return {name: value for name, value in message.items() if value}

    @property
    def has_both_forms(self) -> bool:
        """Whether it has a text and HTML, so that it takes MIME to make a draft of it."""
        return bool(self.text and self.html)

    def as_mime(self, message_id: str) -> bytes:
        """Its body in both forms and its headers as MIME in base64, as Graph takes it. `as_change` holds the rest of it.

        Args:
            message_id: the ``Message-ID`` that it gets.
        Raises:
            DemistoException: it is too large for a request.
        """
        from email.message import EmailMessage  # here, because few mails need them
        from email.policy import SMTP

        mime = EmailMessage(policy=SMTP)
        for name, value in (('Message-ID', message_id), ('Subject', ' '.join(self.subject.splitlines())), *self.headers):
            mime[name] = value
        mime.set_content(self.text)
        mime.add_alternative(self.html, subtype='html')
        encoded = base64.b64encode(mime.as_bytes())
        _require_room(LARGEST_REQUEST - len(encoded))
        return encoded

    def as_change(self) -> dict[str, Any]:
        """As a change of a draft that was made of its MIME: all that MIME does not hold."""
        return {name: value for name, value in self.as_json().items() if name not in ('body', 'internetMessageHeaders')}


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Gives `value` as it is spelled in `allowed`. Raises DemistoException, naming it, when it is not among them."""
    for one in allowed:
        if one.casefold() == value.casefold():
            return one
    raise DemistoException(f"'{value}' is no {name}. Use one of {', '.join(allowed)}.")


def _recipient(address: str) -> dict[str, Any]:
    return {'emailAddress': {'address': address}}


def _utc(moment: datetime) -> str:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def internet_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Reads headers as users write them in one line, ``x-first:a:b,x-second:c, d``. A comma parts two headers only where a name
    and a colon follow it.

    Raises:
        DemistoException: one has no colon, or a name that does not begin with ``x-``.
    """
    headers = []
    for one in filter(None, map(str.strip, re.split(rf',(?=\s*{_OWN_HEADER}:)', text))):
        name, colon, value = one.partition(':')
        if not colon:
            raise DemistoException(f"The header '{one}' has no value. Write headers as x-name:value, joined by commas.")
        if not re.fullmatch(_OWN_HEADER, name.strip()):
            raise DemistoException(f"The header name '{name.strip()}' does not begin with x-, as Microsoft Graph wants it.")
        if re.search(r'[\r\n]', value):
            raise DemistoException(f"The header '{name.strip()}' has a line break in its value. Leave it out.")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def reply_subject(subject: str) -> str:
    """The subject of a reply: with ``Re: `` before it, once."""
    return subject if re.match(r're\s*:', subject.strip(), re.IGNORECASE) else f'Re: {subject}'


_DATA_URI_SOURCE = r'(?i)(\bsrc\s*=\s*)(?:"(\s*data:image/[^"]*)"|\'(\s*data:image/[^\']*)\')'


def images_as_attachments(html: str) -> tuple[str, tuple[OutgoingAttachment, ...]]:
    """Takes the pictures that stand in HTML as data URIs out of it: few mail programs show those.

    Returns:
        The HTML, in which ``cid:`` stands for each, and the pictures, each once.
    Raises:
        DemistoException: one cannot be read.
    """
    images: dict[str, OutgoingAttachment] = {}

    def taken_out(match: re.Match[str]) -> str:
        content_type, content = _data_of(match.group(2) or match.group(3), len(images) + 1)
        digest = hashlib.sha256(content_type.encode() + content).hexdigest()[:32]
        if digest not in images:
            name = f'image{len(images) + 1}{mimetypes.guess_extension(content_type) or ""}'
            images[digest] = OutgoingAttachment(
                name, len(content), content=content, content_type=content_type, content_id=digest, is_inline=True
            )
        return f'{match.group(1)}"cid:{digest}"'

    return re.sub(_DATA_URI_SOURCE, taken_out, html), tuple(images.values())


def _data_of(uri: str, number: int) -> tuple[str, bytes]:
    """The media type and the bytes of a data URI."""
    head, comma, data = uri.strip().partition(',')
    content_type, *settings = head[len('data:') :].split(';')
    content = unquote_to_bytes(data)
    try:
        if 'base64' in (one.strip().lower() for one in settings):
            content = b''.join(content.split()).rstrip(b'=')
            content = base64.b64decode(content + b'=' * (-len(content) % 4), validate=True)
    except binascii.Error:
        content = b''
    if not comma or not content:
        raise DemistoException(
            f'Picture {number} of the HTML is a data URI that cannot be read. '
            'Write it as data:image/png;base64,<base64>, or attach the picture.'
        )
    return content_type.strip().lower(), content


def with_message_or_after(
    message: dict[str, Any], attachments: tuple[OutgoingAttachment, ...]
) -> tuple[list[OutgoingAttachment], list[OutgoingAttachment]]:
    """Parts attachments into those that fit into the request that makes the message, and those that follow it.

    Raises:
        DemistoException: the message alone is too large.
    """
    room = LARGEST_REQUEST - len(json.dumps({'message': message, 'attachments': [], 'saveToSentItems': False}))
    _require_room(room)
    together, after = [], []
    for attachment in attachments:
        if attachment.size < SMALLEST_UPLOAD and attachment.request_size <= room:
            together.append(attachment)
            room -= attachment.request_size
        else:
            after.append(attachment)
    return together, after


def _require_room(room: int) -> None:
    if room < 0:
        raise DemistoException(
            f'The text of the mail is too large: with all addresses, a mail may have {LARGEST_REQUEST} bytes. '
            'Shorten it, or attach it as a file.'
        )


# endregion
