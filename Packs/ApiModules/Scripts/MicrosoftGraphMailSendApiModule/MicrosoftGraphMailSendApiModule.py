"""Send mail through Microsoft Graph: outgoing mails, drafts, attachments and uploads."""

import base64
import binascii
import hashlib
import io
import json
import mimetypes
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import partial
from typing import Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import requests

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import JsonObject, MicrosoftSignInError
    from MicrosoftHttpApiModule import NO_RETRIES, RetryPolicy, is_https
    from MicrosoftApiModule import mask_secret
    from MicrosoftMailMimeApiModule import body_text, parse_headers, text_as_html
    from MicrosoftGraphClientApiModule import (
        AtMostOnceStep,
        CONFLICT_RETRIES,
        GraphClient,
        GraphError,
        QUOTA_EXCEEDED,
        UnknownOutcomeError,
        body_type_preference,
        json_bytes,
        prefer_header,
        without_malformed_values,
    )
    from MicrosoftGraphMailClientApiModule import (
        EmailAddress,
        MAX_FILE_SIZE,
        Mailbox,
        RECIPIENT_LISTS,
        REFUSED_STATUSES,
        addresses_in,
    )

# region attachments

MIN_UPLOAD_SIZE = 3_000_000  # bytes; base64 of a smaller file fits into one request
_BINARY = 'application/octet-stream'


def content_type_of(name: str, default: str = _BINARY) -> str:
    """Return the content type of a file by its name, `default` if it is unknown.

    A file is base64, which a part of MIME of the type message/* or multipart/* cannot be (RFC 2046): it would arrive empty.
    """
    kind, compression = mimetypes.guess_type(name)
    if compression or (kind or '').startswith(('message/', 'multipart/')):
        return _BINARY
    return kind or default


class OutgoingAttachment:
    """A file to send, from disk or from memory.

    Args:
        name: shown to recipients.
        size: in bytes.
        path: where the file is on disk; empty if `content` is given.
        content_id: HTML refers to the file as ``cid:<content_id>``. The file is shown in the text then, not listed below it.
    Raises:
        DemistoException: it is too large for any mail.
    """

    def __init__(
        self, name: str, size: int, path: str = '', content: bytes = b'', content_type: str = _BINARY, content_id: str = ''
    ):
        if size > MAX_FILE_SIZE:
            raise DemistoException(
                f"'{name}' has {size} bytes, but a file may have at most {MAX_FILE_SIZE} (150 MB). Send a link to it instead."
            )
        self.name = name
        self.size = size
        self.path = path
        self.content = content
        self.content_type = content_type
        self.content_id = content_id

    @classmethod
    def from_file(cls, path: str, name: str, content_id: str = '') -> 'OutgoingAttachment':
        """Return a file on disk. Raise OSError if it cannot be read."""
        return cls(name, os.path.getsize(path), path, b'', content_type_of(name), content_id)

    @property
    def is_inline(self) -> bool:
        return bool(self.content_id)

    def open(self) -> BinaryIO:
        return open(self.path, 'rb') if self.path else io.BytesIO(self.content)

    @property
    def request_size(self) -> int:
        """The number of bytes that it takes in a request, as base64 in JSON; a few more rather than less."""
        return len(json_bytes(self._properties())) + 4 * ((self.size + 2) // 3) + 100

    def as_json(self) -> JsonObject:
        """Return it as a ``fileAttachment`` of Graph, with its bytes."""
        with self.open() as file:
            content = base64.b64encode(file.read()).decode()
        return {'@odata.type': '#microsoft.graph.fileAttachment', **self._properties(), 'contentBytes': content}

    def as_upload_item(self) -> JsonObject:
        """Return it as an ``attachmentItem`` of Graph, without its bytes."""
        return {'attachmentType': 'file', 'size': self.size, **self._properties()}

    def _properties(self) -> JsonObject:
        content_id = {'contentId': self.content_id} if self.content_id else {}
        return {'name': self.name, 'contentType': self.content_type, 'isInline': self.is_inline, **content_id}


_SOURCE = r"""(?i)(?<=[\s"'/])(src\s*=\s*)(?:"(\s*[d&][^"]*)"|'(\s*[d&][^']*)'|([d&][^\s>]*))"""


def extract_data_uris(html: str) -> tuple[str, tuple[OutgoingAttachment, ...]]:
    """Replace images in data URIs, which few mail programs show, by inline attachments. Those that cannot be read stay.

    Returns:
        The HTML, which refers to them as ``cid:``, and the images without duplicates.
    """
    images: dict[str, OutgoingAttachment] = {}

    def extract(found: re.Match[str]) -> str:
        content_type, content = _read_data_uri(found[2] or found[3] or found[4])
        if not content:
            return found[0]
        digest = hashlib.sha256(content_type.encode() + content).hexdigest()[:32]
        if digest not in images:
            name = f'image{len(images) + 1}{mimetypes.guess_extension(content_type) or ""}'
            images[digest] = OutgoingAttachment(name, len(content), '', content, content_type, digest)
        return f'{found[1]}"cid:{digest}"'

    return re.sub(_SOURCE, extract, html), tuple(images.values())


def _read_data_uri(uri: str) -> tuple[str, bytes]:
    """Return the media type and the bytes of a data URI as HTML writes it; no bytes if it cannot be read."""
    if '&' in uri and not re.search(r'&#\d{9}', uri):  # Python takes long for such a number, or raises an error
        from html import unescape  # slow to import, and few images need it

        uri = unescape(uri)
    found = re.fullmatch(r'(?is)data:(image/[\w.+-]+)\s*((?:;[^,]*)?),(.*)', uri.strip())
    if not found:
        return '', b''
    content = unquote_to_bytes(found[3])
    if re.search(r'(?i);\s*base64\s*(?:;|\Z)', found[2]):
        content = b''.join(content.split()).rstrip(b'=')
        try:
            content = base64.b64decode(content + b'=' * (-len(content) % 4), validate=True)
        except binascii.Error:
            content = b''
    return found[1].lower(), content if len(content) <= MAX_FILE_SIZE else b''


# endregion

# region outgoing mail

MAX_RECIPIENTS = 1000  # whatever the limit of the mailbox is
MAX_HEADERS = 5
MAX_REQUEST_SIZE = 4_096_000  # bytes; Graph takes 4 MB, headers included
# Source: https://learn.microsoft.com/office/client-developer/outlook/mapi/pidtagdeferredsendtime-canonical-property
_DEFERRED_SEND_TIME = 'SystemTime 0x3FEF'
# Source: https://learn.microsoft.com/office/client-developer/outlook/mapi/pidtagmessageflags-canonical-property
_MESSAGE_FLAGS, _SUBMITTED = 'Integer 0x0E07', 4
_HEADER_NAME = r'[xX]-[!-9;-~]{1,255}'


class OutgoingMail:
    """A mail to send, or what is added to a reply.

    Args:
        text, html: the body. HTML is sent if both are given, since Graph takes one of them.
        importance: ``low``, ``normal`` or ``high``; empty for Graph's default, which may be that of a forwarded message.
        flag: ``notFlagged``, ``complete`` or ``flagged``; empty for Graph's default.
        headers: names and values of custom internet headers.
        sender: whom the mail is from, if not the mailbox.
        send_at: when Outlook sends it, with its time zone; at once if this is None or in the past.
    Raises:
        DemistoException: Graph would reject it.
    """

    def __init__(
        self,
        to: Sequence[EmailAddress] = (),
        cc: Sequence[EmailAddress] = (),
        bcc: Sequence[EmailAddress] = (),
        reply_to: Sequence[EmailAddress] = (),
        subject: str = '',
        text: str = '',
        html: str = '',
        importance: str = '',
        flag: str = '',
        headers: Sequence[tuple[str, str]] = (),
        attachments: Sequence[OutgoingAttachment] = (),
        sender: str = '',
        send_at: datetime | None = None,
    ):
        self._recipient_count = len(to) + len(cc) + len(bcc)
        if self._recipient_count > MAX_RECIPIENTS:
            raise DemistoException(
                f'The email has {self._recipient_count} recipients, but to, cc and bcc together may have {MAX_RECIPIENTS}. '
                'Send several emails, or use a group.'
            )
        if len(headers) > MAX_HEADERS:
            raise DemistoException(f'The email has {len(headers)} custom headers, but may have {MAX_HEADERS}. Remove some.')
        for name, value in headers:
            if re.search(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]', value):
                raise DemistoException(f"The header '{name}' has a control character in its value. Remove it.")
        self.subject = subject
        self.text = text
        self.html = html
        self.headers = headers
        self.attachments = attachments
        self.sender = sender
        lists = {'toRecipients': to, 'ccRecipients': cc, 'bccRecipients': bcc, 'replyTo': reply_to}
        self._recipients = {name: [address.as_json() for address in addresses] for name, addresses in lists.items()}
        self.send_time = f'{send_at.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}' if send_at else ''
        properties = {
            'importance': importance,
            'flag': {'flagStatus': flag} if flag else None,
            'internetMessageHeaders': [{'name': name, 'value': value} for name, value in headers],
            'from': EmailAddress(sender).as_json() if sender else None,
            'singleValueExtendedProperties': [{'id': _DEFERRED_SEND_TIME, 'value': self.send_time}] if send_at else None,
        }
        self._properties: JsonObject = {name: value for name, value in properties.items() if value}

    def require_recipients(self) -> None:
        if not self._recipient_count:
            raise DemistoException('The email has no recipients. Enter an address in to, cc or bcc.')

    @property
    def body_type(self) -> str:
        return 'html' if self.html else 'text'

    def as_json(self) -> JsonObject:
        """Return it as a ``message`` of Graph, without attachments and without empty properties."""
        content = self.html or self.text
        body = {'contentType': self.body_type, 'content': content} if content else None
        message: JsonObject = {'subject': self.subject, 'body': body, **self._recipients, **self._properties}
        return {name: value for name, value in message.items() if value}


def _require_size(size: int) -> None:
    if size > MAX_REQUEST_SIZE:
        raise DemistoException(
            f'The text of the email is too large: with its addresses, an email can have {MAX_REQUEST_SIZE:,} bytes. '
            'Shorten it, or attach it as a file.'
        )


def internet_headers(given: Any) -> tuple[tuple[str, str], ...]:
    """Parse headers in one line, such as ``x-first:a:b,x-second:c, d``, or in a list, which may be JSON.

    A comma separates headers only if a name and a colon follow it.

    Raises:
        DemistoException: a header has no colon, or a name that does not start with ``x-``.
    """
    if isinstance(given, str) and given.lstrip().startswith('['):
        with suppress(ValueError, RecursionError):
            given = json.loads(given)
    text = ','.join(map(str, given)) if isinstance(given, list) else str(given)
    headers = []
    for header in filter(None, map(str.strip, re.split(rf',(?=\s*{_HEADER_NAME}:)', text))):
        name, colon, value = (part.strip() for part in header.partition(':'))
        if not colon:
            what = f"The header '{header[:100]}' has no value."
            raise DemistoException(f'{what} Write headers as x-name:value, separated by commas.')
        if not re.fullmatch(_HEADER_NAME, name):
            raise DemistoException(f"The header name '{name[:100]}' is not valid. Use a name that starts with x-.")
        headers.append((name, value))
    return tuple(headers)


def reply_subject(subject: str) -> str:
    """Return the subject of a reply, which starts with one ``Re: ``."""
    return subject if re.match(r're\s*:', subject.strip(), re.IGNORECASE) else f'Re: {subject}'


def _request_size(message: JsonObject) -> int:
    """Return the number of bytes of the request that creates a draft without attachments."""
    mark = {'id': _DRAFT_MARK, 'value': '0' * 32}
    return len(json_bytes({'message': message, 'attachments': [], 'singleValueExtendedProperties': [mark]}))


def split_attachments(
    message: JsonObject, attachments: Sequence[OutgoingAttachment]
) -> tuple[list[OutgoingAttachment], list[OutgoingAttachment]]:
    """Return the attachments that fit into the request that creates `message`, and the others.

    Raises:
        DemistoException: the message alone is too large.
    """
    size = _request_size(message)
    _require_size(size)
    included, others = [], []
    for attachment in attachments:
        larger = size + attachment.request_size
        if attachment.size < MIN_UPLOAD_SIZE and larger <= MAX_REQUEST_SIZE:
            included.append(attachment)
            size = larger
        else:
            others.append(attachment)
    return included, others


# endregion

# region upload session

UPLOAD_RANGE = 12 * 320 * 1024  # bytes; under 4 MB, and a multiple of 320 KiB
_RETRIES = 5
_CLEANUP_SECONDS = 20.0  # to remove a draft after the end of the command
_TRANSPORT_SECONDS = 10.0  # to settle after the request that sends: a sent mail stays a draft until its transport has begun

# A step of sending: what may have been done is looked up before the step is repeated. 2xx: the response does not confirm it.
_STEP_RETRIES = RetryPolicy(
    {**CONFLICT_RETRIES, **dict.fromkeys((*range(200, 300), 429, *range(500, 600)), _RETRIES)}, connection_retries=_RETRIES
)
_USER_DRAFT_RETRIES = 2  # after 404: a new or changed draft is not known everywhere at once, but the ID may be wrong
_SESSION_RETRIES = RetryPolicy({401: 3, 404: 3, 410: 3})
_UPLOAD_RETRIES = _STEP_RETRIES._replace(retries={**_STEP_RETRIES.retries, 416: _RETRIES, 501: 0})


class _LostUploadError(GraphError):
    """A range failed, and the session does not tell its position: the file may be attached, or else needs a new session."""

    def __init__(self, failure: GraphError):
        gone = requests.Response()
        gone.status_code = 410
        super().__init__(failure.what, failure.advice, failure.code, gone)

    @property
    def is_outcome_unclear(self) -> bool:
        return True


class UploadSession:
    """Upload a file to a draft in ranges, and resume after failures from where the service says.

    Args:
        url: of the session. It is a secret, and gets no token.
        file: `size` bytes.
    Source: https://learn.microsoft.com/graph/outlook-large-attachments
    """

    def __init__(self, client: GraphClient, url: str, file: BinaryIO, size: int):
        if not is_https(url):
            raise GraphError('Microsoft Graph sent an upload URL that is not an https address.', 'Try again.')
        for secret in (
            url,
            requests.Request('PUT', url).prepare().path_url,
            urlsplit(url).query,
        ):  # as it is logged, longest first
            mask_secret(secret)
        self._client = client
        self._url = url
        self._file = file
        self._size = size
        self._position: int | None = 0  # None if it has to be requested
        self._failure: GraphError | None = None  # the last one of a range
        self._file_id = ''

    def upload(self) -> str:
        """Send the file, and return the ID of the attachment, empty if Graph does not say it.

        Raises:
            GraphError: it finally failed; the session remains.
        """
        for _ in range(2 * (self._size // UPLOAD_RANGE + 1) + _RETRIES + 1):
            if self._client.retry(self._put_next, _UPLOAD_RETRIES) >= self._size:
                return self._file_id
        raise GraphError('The upload made no progress.', 'Try again.')

    def cancel(self) -> None:
        """End the session. If that fails, it expires."""
        with suppress(Exception):
            self._request('DELETE', {})

    def _put_next(self) -> int:
        """Send the next range, and return the new position."""
        position = self._read_position() if self._position is None else self._position
        self._position = None
        if position < self._size:
            self._file.seek(position)
            data = self._file.read(min(UPLOAD_RANGE, self._size - position))
            if not data:
                raise DemistoException('The file became shorter while it was sent. Send it again.')
            content_range = f'bytes {position}-{position + len(data) - 1}/{self._size}'
            try:
                response = self._request('PUT', {'Content-Range': content_range}, data)
            except GraphError as error:
                self._failure = error
                raise
            position = self._size if response.status_code == 201 else next_position(response)
            location = re.search(r"(?i)/attachments\('([^'/]+)'\)\Z", unquote(response.headers.get('Location', '')))
            self._file_id = location[1] if location else ''
        self._position = position
        return position

    def _read_position(self) -> int:
        """Return the position. Microsoft documents no request for it, so a session may refuse it as well as be gone."""
        try:
            return next_position(self._request('GET', {}))
        except GraphError as error:
            if error.res is None or _UPLOAD_RETRIES.retries.get(error.status):
                raise
            raise _LostUploadError(self._failure or error) from error

    def _request(self, method: str, headers: dict[str, str], data: bytes | None = None) -> requests.Response:
        headers = {'Accept': 'application/json', 'Content-Type': _BINARY, **headers}
        return self._client.send_without_token(method, self._url, headers, data)


def next_position(response: requests.Response) -> int:
    """Return where an upload session continues, from ``nextExpectedRanges``: ``N``, ``N-`` or ``N-M``.

    Outlook writes the name with a capital letter.
    """
    found = re.search(rb'(?i)"nextExpectedRanges"\s*:\s*\[\s*"?(\d{1,18})', response.content)
    if not found:
        raise GraphError('Microsoft Graph did not send the position of the upload.', 'Try again.', '', response)
    return int(found[1])


# endregion

# region sender

REPLY = 'createReply'
REPLY_ALL = 'createReplyAll'
FORWARD = 'createForward'


class AttachedFile(NamedTuple):
    """An attachment of a draft: its ID, and by what else it is recognized if that is not known."""

    file_id: str
    name: str
    is_inline: bool
    size: int

    @classmethod
    def from_json(cls, row: JsonObject) -> 'AttachedFile':
        size = row.get('size')
        return cls(
            str(row.get('id') or ''),
            str(row.get('name') or ''),
            bool(row.get('isInline')),
            size if isinstance(size, int) else -1,
        )

    def looks_like(self, other: 'AttachedFile') -> bool:
        """Return whether Graph may show this file as `other`, whose size counts more than its bytes: up to that of base64."""
        return self.has_size_of(other) and (self.name, self.is_inline) == (other.name, other.is_inline)

    def has_size_of(self, other: 'AttachedFile') -> bool:
        return self.size <= other.size <= 1.4 * self.size + 2000


def match_files(files: Sequence[AttachedFile], found: Sequence[AttachedFile]) -> tuple[list[AttachedFile], list[AttachedFile]]:
    """Return the files that are missing in a list of attachments, and what else is there: duplicates, and files of others."""
    left, missing = (sorted(some, key=lambda one: one.size) for some in (found, files))  # so that the smallest that fits is taken
    for is_same in (lambda one, other: one.file_id == other.file_id != '', AttachedFile.looks_like):
        for one in list(missing):
            other = next((other for other in left if is_same(one, other)), None)
            if other:
                missing.remove(one)
                left.remove(other)
    return missing, left


class SendingProgress:
    """The progress of sending a mail, from which a later run resumes.

    Args:
        draft_id: immutable ID of the draft, empty before there is one.
        first_files: attachments that the draft had at first, those of a forwarded mail included; None if unknown, or if the draft
            of a reply may not have its text yet.
        attached: those that were attached since then, in their order.
        can_resume: if Graph throttles for long, the draft stays, so that a later run can resume from it.
        mark: the value of a property by which the draft and the sent mail are found.
    Attributes:
        is_resumed: an earlier run created the draft, and may have sent it.
        was_sent: whether it did; None if that was not looked up yet.
        found_ids: arguments of the command in whose place a later run takes an ID: their message may be gone by then.
    """

    def __init__(
        self,
        draft_id: str = '',
        first_files: Sequence[AttachedFile] | None = None,
        attached: Sequence[AttachedFile] = (),
        can_resume: bool = False,
        mark: str = '',
    ):
        self.draft_id = draft_id
        self.mark = mark
        self.first_files = first_files
        self.attached = [*attached]
        self.can_resume = can_resume
        self.is_resumed = bool(draft_id)
        self.was_sent: bool | None = None
        self.found_ids: dict[str, str] = {}

    @property
    def is_written(self) -> bool:
        """Whether the draft has everything but further attachments."""
        return self.first_files is not None

    def resume_delay(self, error: Exception, client: GraphClient) -> float | None:
        """Return the seconds after which a later run can resume, None if it cannot.

        Nothing is done twice then: what may have been done is looked up first.
        """
        if not self.can_resume or not isinstance(error, GraphError) or isinstance(error, UnknownOutcomeError):
            return None
        return client.reschedule_delay_after(error)


_Outcome = TypeVar('_Outcome')
# Identifies the drafts that are created here.
_DRAFT_MARK = 'String {6b0d2a3e-52c1-4d0b-9a57-0f1f6f3f7c5e} Name DraftMark'
_MAX_DRAFT_HEAD = 256 * 1024  # bytes of its headers, as many as Exchange takes
_NOBODY = EmailAddress('nobody@example.com')
_NO_UPLOADS = 'This mailbox or cloud takes only files below 3 MB: send smaller files or a link.'
_UNKNOWN_SENT = 'the email was sent', 'Look for it in Sent Items. If it is still in Drafts in a few minutes, send it from there.'
_IN_TRANSPORT = 'It was submitted, but is still in Drafts.'
_UNKNOWN_DRAFT = 'the draft is complete', 'Look for it in Drafts before you try again.'
_UNKNOWN_SCHEDULED = 'the email was scheduled', 'Delete it in Drafts before you send it again.'

# What is read of a draft: whether it was sent, and when it is, if it waits for its time; its folder.
_STATE = {
    '$select': ','.join(('isDraft', 'parentFolderId', 'subject', *RECIPIENT_LISTS)),
    '$expand': f"singleValueExtendedProperties($filter=id eq '{_DEFERRED_SEND_TIME}' or id eq '{_MESSAGE_FLAGS}')",
}


def _extended_property(message: JsonObject, name: str) -> str:
    """Return the value of an extended property, empty if it has none. Graph writes the tag in its name without leading zeros."""
    tag = name.partition('0x')[2].lstrip('0').lower()
    for one in message.get('singleValueExtendedProperties') or ():
        if str(one.get('id')).lower().endswith(tag):
            return str(one.get('value') or '')
    return ''


def send_time_of(message: JsonObject) -> str:
    """Return when a draft is sent after it was submitted, as 2030-01-31T08:00:00Z; empty for at once."""
    time = _extended_property(message, _DEFERRED_SEND_TIME)
    return time and f'{time[:19]}Z'


def _is_submitted(message: JsonObject) -> bool:
    """Return whether a draft was sent: it waits for its time, or is in transport."""
    flags = _extended_property(message, _MESSAGE_FLAGS)
    return flags.isdecimal() and bool(int(flags) & _SUBMITTED)


def is_future(send_time: str) -> bool:
    """Return whether a mail with this send time, empty for none, is sent later: a time in the past defers nothing."""
    return send_time > f'{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}'


class _Draft:
    """A draft, and the steps that make it a sent mail. Each step is retried, and none is done twice.

    Args:
        mailbox: without a retry policy, since each step has its own.
        progress: of an earlier run; it is updated.
        body_type: ``text`` or ``html``, in which Graph shows the body; empty for its default.
        not_found_retries: number of retries after 404.
    Attributes:
        state: what _STATE selects, as it was seen when it was last looked up whether the draft was sent.
        had_unclear_step: a step may have been done twice, so that there may be duplicates.
    """

    def __init__(self, mailbox: Mailbox, progress: SendingProgress, body_type: str = '', not_found_retries: int = _RETRIES):
        self._policy = _STEP_RETRIES._replace(retries={**_STEP_RETRIES.retries, 404: not_found_retries})
        self.had_unclear_step = False
        self.state: JsonObject = {}
        self.client = mailbox.client
        self._mailbox = mailbox
        self.progress = progress
        self._body_type = body_type
        self._headers = prefer_header(body_type_preference(body_type))

    @property
    def _path(self) -> str:
        return self._mailbox.message_path(self.progress.draft_id)

    # region the draft

    def create(self, mail: OutgoingMail) -> JsonObject:
        """Create the draft unless there is one, attach all files, and return the draft, empty if it was created earlier."""
        message, draft = mail.as_json(), {}
        included, others = split_attachments(message, mail.attachments)
        if not self.progress.draft_id:
            draft = self._create_marked(
                self._mailbox.messages_path(), {**message, 'attachments': [attachment.as_json() for attachment in included]}
            )
        self.attach(others, len(included))
        return draft

    def create_reply(self, action: str, message_id: str, mail: OutgoingMail, quotes: bool) -> JsonObject:
        """Create the draft of a reply unless there is one, with all that `mail` says and its files.

        Args:
            action, quotes: as `MailSender.reply`.
        Returns:
            The draft as Graph shows it, empty if an earlier run wrote it.
        """
        draft: JsonObject = {}
        if self.progress.is_resumed and not self.progress.is_written:
            self._discard()  # it may have the text already
        if not self.progress.draft_id:
            draft = self._write_reply(action, message_id, mail, quotes)
        self.attach(mail.attachments)
        return draft

    def _write_reply(self, action: str, message_id: str, mail: OutgoingMail, quotes: bool) -> JsonObject:
        """Create the draft of a reply and write into it all that `mail` says, except its files. Return it as Graph shows it.

        In the request that creates a reply, Graph ignores a comment (https://learn.microsoft.com/graph/known-issues), and may
        ignore the message (microsoftgraph/microsoft-graph-docs#739).
        """
        change = mail.as_json()
        own = {'contentType': 'html', 'content': above_quote('', mail)} if quotes and 'body' in change else {}
        _require_size(_request_size({**change, 'body': own or change.get('body')}))
        headers = change.pop('internetMessageHeaders', [])  # they cannot be changed
        create = partial(self._create_empty_reply, action, message_id, headers, change.get('toRecipients'))
        draft = create()
        lists = {name: change.get(name, []) for name in RECIPIENT_LISTS}
        if action != FORWARD and not lists['toRecipients']:
            lists = _with_recipients(draft, {name: found for name, found in lists.items() if found})
        change.update(lists)
        if own:
            quoted = draft.get('body') or {}
            change['body'] = {'contentType': 'html', 'content': above_quote(quoted.get('content') or '', mail)}
            if len(json_bytes(change)) > MAX_REQUEST_SIZE:  # with a comment, the quoted message stays at Graph
                self._discard()
                draft = create(own['content'])
                if not _has_text(draft.get('body') or {}, own, quoted):
                    what = 'Microsoft Graph left the text out, because the quoted email is large.'
                    raise GraphError(what, 'Use reply-mail, which quotes nothing, or send the text in a separate email.')
                del change['body']
        files = self._retry(self._files) if mail.attachments else []
        draft = self.change(change) or draft
        self.progress.first_files = files
        return draft

    def _create_empty_reply(
        self, action: str, message_id: str, headers: list[JsonObject], to: list[JsonObject] | None, comment: str = ''
    ) -> JsonObject:
        """Create the draft of a reply with nothing but headers, and HTML as a comment, and return it.

        Args:
            to: who gets a forwarded message, which needs somebody (https://learn.microsoft.com/graph/api/message-createforward).
        """
        beside: JsonObject = {'comment': comment} if comment else {}
        if action == FORWARD:
            beside['toRecipients'] = to or [_NOBODY.as_json()]
        path = f'{self._mailbox.message_path(message_id)}/{action}'
        draft = self._create_marked(path, {'internetMessageHeaders': headers} if headers else {}, beside)
        self._require_own_headers([header['name'] for header in headers])
        return draft if draft.keys() >= {'body', *RECIPIENT_LISTS} else self.read()

    def _require_own_headers(self, names: Sequence[str]) -> None:
        """Raise GraphError if the draft lacks custom headers: they cannot be added. They are read from its MIME, since its
        properties may not show them (microsoftgraph/microsoft-graph-docs#18761)."""

        def read() -> bytes:
            head = bytearray()
            self._mailbox.download_mime(self.progress.draft_id, lambda chunk: head.extend(chunk[: _MAX_DRAFT_HEAD - len(head)]))
            return bytes(head)

        present = [header['name'].lower() for header in parse_headers(self._retry(read))] if names else ()
        missing = [name for name in names if name.lower() not in present]
        if missing:
            what = f'Microsoft Graph ignored these headers: {", ".join(missing)}.'
            raise GraphError(what, 'Remove headers, or send them in a new email.')

    def _create_marked(self, path: str, message: JsonObject, beside: JsonObject | None = None) -> JsonObject:
        """Create the draft with a property by which it is found, or without if Graph rejects that, and return it.

        Args:
            beside: what a reply has beside its message; None for a new mail.
        Source: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
        """
        look_first = bool(self.progress.mark)
        self.progress.mark = self.progress.mark or secrets.token_hex(16)
        properties = [*message.get('singleValueExtendedProperties', ()), {'id': _DRAFT_MARK, 'value': self.progress.mark}]

        def create(message: JsonObject) -> JsonObject:
            request = message if beside is None else {'message': message, **beside}
            return self._create_once(path, look_first, headers=self._headers, json_data=request)

        try:
            return create({**message, 'singleValueExtendedProperties': properties})
        except GraphError as error:
            has_no_room = error.code == QUOTA_EXCEEDED  # for names of properties
            if not has_no_room and (beside is None or error.status != 400):
                raise
            # Without a mark, a draft is not found if the response is lost: another one is sent, and the first one may remain.
            self.progress.mark = ''
            return create(message)

    def _create_once(self, path: str, look_first: bool, **request: Any) -> JsonObject:
        """Create the draft, and return it as Graph shows it.

        Args:
            look_first: an earlier run may have created it.
            request: as `Mailbox.create` takes it.
        """
        draft: JsonObject = self.run_once(
            lambda: self._mailbox.create(path, **request),
            lambda: next(iter(self._marked('drafts')), None),
            _STEP_RETRIES,
            unknown=('a draft was created', 'Look for it in Drafts before you try again.'),
            look_first=look_first,
        )
        self.progress.draft_id = draft['id']
        return draft

    def _marked(self, folder_id: str) -> list[JsonObject]:
        """Return the messages of a folder with the mark of this draft: the draft, duplicates of it, or the sent mail."""
        mark = self.progress.mark
        condition = f"singleValueExtendedProperties/any(ep: ep/id eq '{_DRAFT_MARK}' and ep/value eq '{mark}')"
        return self._mailbox.find_in_folder(folder_id, condition, self._headers) if mark else []

    def change(self, change: JsonObject) -> JsonObject:
        """Change the draft, and return it. This may be done twice."""
        if not change:
            return {}
        _require_size(len(json_bytes(change)))
        return self._retry(lambda: self._mailbox.create(self._path, method='PATCH', json_data=change, headers=self._headers))

    def read(self) -> JsonObject:
        return self._retry(lambda: self._mailbox.get_message(self.progress.draft_id, body_type=self._body_type))

    def remove(self) -> None:
        """Delete the draft permanently, or at least so that its owner can restore it. A mail that was sent stays."""
        state = self._retry(self._look, _STEP_RETRIES)
        if state['isDraft'] and not _is_submitted(state):
            self._remove(self.progress.draft_id)
        self.remove_duplicates()

    def _discard(self) -> None:
        """Remove the draft, so that another one can be created."""
        self.remove()
        self.progress.draft_id = self.progress.mark = ''

    def _remove(self, draft_id: str) -> None:
        path = self._mailbox.message_path(draft_id)
        try:
            self._retry(lambda: self._mailbox.run_action('POST', f'{path}/permanentDelete'), _STEP_RETRIES)
        except GraphError:
            self._retry(lambda: self._mailbox.run_action('DELETE', path), _STEP_RETRIES)

    def remove_duplicates(self) -> None:
        """Remove duplicates of the draft that unclear requests created. What cannot be removed stays."""
        with suppress(GraphError):
            for draft in self._marked('drafts') if self.had_unclear_step else ():
                if draft['id'] != self.progress.draft_id:
                    self._remove(draft['id'])

    # endregion
    # region attachments

    def attach(self, attachments: Sequence[OutgoingAttachment], included: int = 0) -> None:
        """Attach what the draft does not have yet, then check that it has all.

        Args:
            attachments: those that were not part of the request that created the draft.
            included: the number of those that were.
        """
        progress = self.progress
        if progress.first_files is None and (attachments or included):
            progress.first_files = self._retry(partial(self._first_files, included))
        done = len(progress.attached)  # by earlier runs; the last of which may have attached one more
        for number, attachment in enumerate(attachments[done:]):
            progress.attached.append(self._attach_one(attachment, look_first=progress.is_resumed and not number))
        if attachments:
            self._retry(self._require_all)
            self._remove_duplicate_files()

    def _first_files(self, count: int) -> list[AttachedFile]:
        """Return the attachments of a draft that was created with `count` of them. Graph may have named them otherwise."""
        files = self._files()
        _require_files(len(files), count)
        return files

    def _require_all(self) -> None:
        missing, others = self._compare_files()
        # Graph may show a file that was uploaded under another name, and not with the ID that the upload returned
        uploaded = [file for file in missing if file.size >= MIN_UPLOAD_SIZE]
        renamed = sum(any(file.has_size_of(one) for file in uploaded) for one in others)
        count = len(self.progress.first_files or ()) + len(self.progress.attached)
        _require_files(count - len(missing) + renamed, count)

    def _compare_files(self) -> tuple[list[AttachedFile], list[AttachedFile]]:
        """Return the files that the draft should have and lacks, and those that it has besides."""
        return match_files([*(self.progress.first_files or ()), *self.progress.attached], self._files())

    def _remove_duplicate_files(self) -> None:
        """Remove duplicates of attached files that unclear requests attached. What cannot be removed stays."""
        if not self.had_unclear_step:
            return
        with suppress(GraphError):
            _, others = match_files(self.progress.first_files or (), self._files())
            _, surplus = match_files(self.progress.attached, others)
            attached = {one[1:] for one in others if one not in surplus}
            for one in surplus:
                # Graph doubles inline files by itself (microsoftgraph/msgraph-sdk-dotnet#2937)
                if one[1:] in attached and not one.is_inline:
                    self._mailbox.remove_attachment(self.progress.draft_id, one.file_id)

    def _attach_one(self, attachment: OutgoingAttachment, look_first: bool) -> AttachedFile:
        """Attach a file to the draft, in one request, or in ranges if it is large, and return it.

        Args:
            look_first: an earlier run may have attached it.
        """
        file = AttachedFile('', attachment.name, attachment.is_inline, attachment.size)

        def find() -> str:
            """Return the ID of the file if the draft has it, but not of one that was there before."""
            _, others = self._compare_files()
            return next((one.file_id for one in others if file.looks_like(one)), '')

        def post() -> str:
            created = self._mailbox.create(f'{self._path}/attachments', json_data=attachment.as_json())
            return str(created['id'])

        if attachment.size < MIN_UPLOAD_SIZE:
            return file._replace(file_id=self.run_once(post, find, look_first=look_first))
        # Graph may not find or accept a session that it has just opened
        upload, retried_find = partial(self._upload, attachment), partial(self._retry, find)
        return file._replace(file_id=self.run_once(upload, retried_find, _SESSION_RETRIES, look_first=look_first))

    def _upload(self, attachment: OutgoingAttachment) -> str:
        """Attach a file in ranges, and return its ID, empty if Graph does not say it."""
        url = self._retry(lambda: self._open_session(attachment))
        with attachment.open() as file:
            session = UploadSession(self.client, url, file, attachment.size)
            try:
                return session.upload()
            except BaseException:
                session.cancel()
                raise

    def _open_session(self, attachment: OutgoingAttachment) -> str:
        """Return the URL of an upload session. Raise GraphError, with advice if this mailbox or cloud has none.

        Source: https://learn.microsoft.com/graph/known-issues#attaching-large-files-to-messages,
            https://learn.microsoft.com/graph/api/attachment-createuploadsession
        """
        try:
            return self._mailbox.open_upload_session(self.progress.draft_id, attachment.as_upload_item())
        except GraphError as error:
            if error.code == 'ErrorAccessDenied' or "'createUploadSession'" in error.what:
                raise error.with_advice(_NO_UPLOADS) from None
            raise

    def _files(self) -> list[AttachedFile]:
        rows = self._mailbox.list_attachments(self.progress.draft_id)
        return [AttachedFile.from_json(one if isinstance(one, dict) else {}) for one in rows]

    # endregion
    # region steps

    def run_once(
        self, run: Callable[[], Any], find_outcome: Callable[[], Any], policy: RetryPolicy | None = None, **more: Any
    ) -> Any:
        """Return the result of an `AtMostOnceStep` with these arguments. The policy is by default that of the draft."""
        step = AtMostOnceStep(self.client, run, find_outcome, can_resume_after=self._can_resume_after, **more)
        try:
            return step.result(policy or self._policy)
        finally:
            self.had_unclear_step |= step.was_unclear

    def _can_resume_after(self, error: GraphError) -> bool:
        has_trace = bool(self.progress.draft_id or self.progress.mark)
        return has_trace and self.progress.resume_delay(error, self.client) is not None

    def submit(self) -> None:
        """Send the draft, and remove duplicates. It is sent again only if it is not submitted then, and after throttling or an
        error that tells that nothing was done."""
        self.run_once(
            lambda: self._mailbox.send_draft(self.progress.draft_id),
            self._is_sent,
            unknown=_UNKNOWN_SENT,
            may_repeat=self._may_send_again,
            settle_seconds=_TRANSPORT_SECONDS,
        )
        self.remove_duplicates()

    def _is_sent(self) -> bool:
        """Return whether the draft was sent, or waits for its time. One in transport may not have been."""
        self.state = self._look()
        return not self.state['isDraft'] or (_is_submitted(self.state) and is_future(send_time_of(self.state)))

    def _may_send_again(self, error: GraphError) -> bool:
        if _is_submitted(self.state):
            raise UnknownOutcomeError(*_UNKNOWN_SENT, GraphError(_IN_TRANSPORT, '')) from error
        is_refused = self.client.is_refusal(error)
        if not is_refused and is_future(send_time_of(self.state)):
            raise UnknownOutcomeError(*_UNKNOWN_SCHEDULED, error) from error
        return is_refused

    def was_sent(self, unknown: tuple[str, str] = _UNKNOWN_SENT) -> bool:
        """Return whether an earlier run sent the draft.

        Args:
            unknown: what may have happened, and advice, if this cannot be looked up.
        Raises:
            DemistoException: the draft was deleted since.
        """
        if self.progress.is_resumed and self.progress.was_sent is None:
            try:
                is_sent = self._retry(self._is_sent)
                self._require_kept(self.state)
                if not is_sent and _is_submitted(self.state):
                    raise GraphError(_IN_TRANSPORT, '')
            except (GraphError, MicrosoftSignInError) as error:
                if self.progress.resume_delay(error, self.client) is not None:
                    raise
                raise UnknownOutcomeError(*unknown, error) from error
            self.progress.was_sent = is_sent
        return bool(self.progress.was_sent)

    def require_unsent(self) -> JsonObject:
        """Return the state of the draft. Raise DemistoException if it was sent."""
        state = self._retry(self._look)
        if not state['isDraft']:
            raise DemistoException('The email is not a draft: it may have been sent already. Check draft_id.')
        if _is_submitted(state) and is_future(send_time_of(state)):
            what = f'The email was already sent, and is delivered at {send_time_of(state)}.'
            raise DemistoException(f'{what} To cancel it, delete it with msgraph-mail-delete-email.')
        if _is_submitted(state):
            what = 'The email was already sent, and is about to leave Drafts. Look for it in Sent Items.'
            raise DemistoException(f'{what} If it stays in Drafts, send it from there in Outlook.')
        self._require_kept(state)
        return state

    def _require_kept(self, state: JsonObject) -> None:
        """Raise DemistoException if somebody deleted the draft while the command waited for this run, to cancel it."""
        for name in ('deleteditems', 'recoverableitemsdeletions') if self.progress.is_resumed and state['isDraft'] else ():
            try:
                folder_id = self._retry(partial(self._mailbox.folder_property, name), _STEP_RETRIES)
            except GraphError as error:
                if error.status not in REFUSED_STATUSES:  # such a folder is not shared, so that the draft is not in it
                    raise
                continue
            if folder_id == state.get('parentFolderId'):
                self.progress.draft_id = ''  # it can be restored
                what = 'The draft was deleted while the command waited, so the command ended.'
                raise DemistoException(f'{what} Run it again if this was a mistake.')

    def _look(self) -> JsonObject:
        """Return the state of the message: what _STATE selects. If Graph does not find the draft, find it by its mark and update
        its ID."""
        try:
            found = self._request_state()
        except GraphError as error:
            # The sent mail may have another ID than its draft (microsoftgraph/microsoft-graph-docs#1533).
            moved = [*self._marked('sentitems'), *self._marked('drafts')] if error.status == 404 else []
            if not moved:
                raise
            self.progress.draft_id = moved[0]['id']
            sent = moved[0].get('isDraft') is False
            found = moved[0] if sent else self._request_state()
        if not isinstance(found.get('isDraft'), bool):
            raise GraphError('Microsoft Graph sent an incomplete response.', 'Try again.')
        return found

    def _request_state(self) -> JsonObject:
        return without_malformed_values(self._mailbox.request('GET', self._path, params=_STATE))

    def _retry(self, step: Callable[[], _Outcome], policy: RetryPolicy | None = None) -> _Outcome:
        """Run a step that may be done twice, with retries; by default those of the draft."""
        return self.client.retry(step, policy or self._policy)

    # endregion


class MailSender:
    """Send mail from a mailbox.

    Every mail is a draft first, so that its ID is known and no step is done twice. If a step finally fails, the draft is removed,
    unless the caller can resume from it. All methods raise GraphError if Graph rejects a step.

    Args:
        mailbox: its retry policy is not used: each step of sending has its own.
    """

    def __init__(self, mailbox: Mailbox):
        self._client = mailbox.client
        self._mailbox = Mailbox(mailbox.client, mailbox.address, NO_RETRIES)

    def create_draft(self, mail: OutgoingMail, progress: SendingProgress | None = None) -> JsonObject:
        """Create a draft with all its attachments, and return it as Graph shows it.

        Args:
            progress: of an earlier call that was throttled; it is updated.
        """
        with self._new_draft(progress, mail.body_type) as draft:
            made = draft.create(mail) or draft.read()
            draft.remove_duplicates()
            return made

    def send(self, mail: OutgoingMail, progress: SendingProgress | None = None) -> str:
        """Send a mail, and return its immutable ID. Arguments as `create_draft`, errors as `send_draft`."""
        mail.require_recipients()
        with self._new_draft(progress) as draft:
            if not draft.was_sent():
                draft.create(mail)
                draft.submit()
            return draft.progress.draft_id

    @contextmanager
    def resuming(self, progress: SendingProgress, is_sending: bool = True) -> Iterator[bool]:
        """Look what became of the draft of an earlier run, if any, and yield whether it was sent. If the block fails, or if no
        step can be resumed, that draft is removed like one of this run.

        Args:
            is_sending: False to complete a draft.
        Raises:
            UnknownOutcomeError: this could not be looked up.
            DemistoException: the draft was deleted.
        """
        with self._new_draft(progress) as draft:
            yield draft.was_sent(_UNKNOWN_SENT if is_sending else _UNKNOWN_DRAFT)

    def reply(
        self, action: str, message_id: str, mail: OutgoingMail, progress: SendingProgress | None = None, quotes: bool = True
    ) -> JsonObject:
        """Reply to a message or forward it, and return what was sent as Graph shows it. Errors as `send_draft`.

        Args:
            action: REPLY, REPLY_ALL or FORWARD.
            mail: if it has recipients in ``to``, its recipients replace those that Graph chooses; otherwise they are added.
            quotes: the body of `mail` is above the quoted message; otherwise it replaces that.
        """
        if action == FORWARD:
            mail.require_recipients()
        with self._new_draft(progress, 'html') as draft:
            if draft.was_sent():
                sent: JsonObject = {'id': draft.progress.draft_id}
                with suppress(GraphError):
                    sent = draft.read()
                return sent
            made = draft.create_reply(action, message_id, mail, quotes) or draft.read()
            draft.submit()
            return {**made, 'id': draft.progress.draft_id}

    def create_reply_draft(
        self, action: str, message_id: str, mail: OutgoingMail, progress: SendingProgress | None = None
    ) -> JsonObject:
        """Create the draft of a reply or of a forwarded message, and return it. Arguments as `reply`."""
        with self._new_draft(progress, 'html') as draft:
            draft.create_reply(action, message_id, mail, quotes=True)
            draft.remove_duplicates()
            return draft.read()

    def update_draft(
        self,
        draft_id: str,
        change: JsonObject,
        attachments: Sequence[OutgoingAttachment] = (),
        progress: SendingProgress | None = None,
    ) -> JsonObject:
        """Change properties of a draft, attach files to it, and return it.

        Raises:
            DemistoException: the message was sent, so that nothing was changed.
        """
        draft = self._draft(draft_id, progress)
        draft.require_unsent()
        draft.change(change)
        try:
            draft.attach(attachments)
            return draft.read()
        except DemistoException as error:
            # nothing was attached before the attachments were read
            if draft.progress.first_files is None or draft.progress.resume_delay(error, self._client) is not None:
                raise
            advice = 'Look at the draft before you attach files again.'
            if isinstance(error, GraphError) and error.advice == _NO_UPLOADS:
                advice = f'{_NO_UPLOADS} {advice}'
            raise UnknownOutcomeError('all files were attached', advice, error) from error

    def remove_attachment(self, draft_id: str, attachment_id: str) -> None:
        """Remove an attachment of a draft. Raise DemistoException if the message was sent."""
        draft = self._draft(draft_id)
        draft.require_unsent()

        def is_removed() -> bool:
            ids = [one.get('id') if isinstance(one, dict) else None for one in self._mailbox.list_attachments(draft_id)]
            return attachment_id not in ids and None not in ids

        remove = partial(self._mailbox.remove_attachment, draft_id, attachment_id)
        draft.run_once(remove, is_removed, _STEP_RETRIES)

    def send_draft(self, draft_id: str, progress: SendingProgress | None = None) -> JsonObject:
        """Send a draft that a user created. Its immutable ID is that of the sent mail as well. Return its subject, recipients
        and send time as Graph shows them; nothing if they may not be read.

        Raises:
            DemistoException: it was sent already.
            UnknownOutcomeError: the response was unclear, and the draft could not be checked.
        """
        draft = self._draft(draft_id, progress)
        if draft.was_sent():
            return draft.state
        state: JsonObject = {}
        try:
            state = draft.require_unsent()
        except GraphError as error:
            if error.status != 403:  # the permission Mail.Send is enough
                raise
        draft.submit()
        return state

    def send_unsaved(self, mail: OutgoingMail) -> None:
        """Send a mail in one request, without a copy in Sent Items. Its ID is not known.

        Raises:
            DemistoException: the attachments do not fit into one request, or it is sent later.
            UnknownOutcomeError: the response was unclear. Sending again may send the mail twice.
        """
        mail.require_recipients()
        if mail.send_time:  # Graph sends it at once, and again at that time (openonion/connectonion#1198)
            what = 'An email that is sent later cannot be sent without a copy.'
            raise DemistoException(f'{what} Remove save_to_sent_items=false, or send_time.')
        message = mail.as_json()
        included, others = split_attachments(message, mail.attachments)
        if others:
            what = f"'{others[0].name}' makes the email too large to be sent without a copy."
            raise DemistoException(f'{what} Remove save_to_sent_items=false, or send fewer files.')
        message['attachments'] = [attachment.as_json() for attachment in included]
        try:
            # these were not carried out; anything else is not repeated, since the outcome cannot be looked up
            self._client.retry(partial(self._mailbox.send_mail, message), RetryPolicy(CONFLICT_RETRIES))
        except GraphError as error:
            if error.is_outcome_unclear or error.status == 429:
                raise UnknownOutcomeError('the email was sent', 'Ask a recipient before you send it again.', error) from error
            raise

    def _draft(self, draft_id: str, progress: SendingProgress | None = None) -> _Draft:
        """Return a draft that a user created."""
        progress = progress or SendingProgress()
        progress.draft_id = draft_id
        return _Draft(self._mailbox, progress, not_found_retries=_USER_DRAFT_RETRIES)

    @contextmanager
    def _new_draft(self, progress: SendingProgress | None, body_type: str = '') -> Iterator[_Draft]:
        """Remove the draft if a step inside fails, unless the caller can resume from it or it may have been sent."""
        draft = _Draft(self._mailbox, progress or SendingProgress(), body_type)
        try:
            yield draft
        except UnknownOutcomeError:
            raise
        except Exception as error:
            if draft.progress.draft_id and draft.progress.resume_delay(error, self._client) is None:
                # The user has to see the first error.
                clock = self._client.clock
                clock.limit(max(clock.remaining(), _CLEANUP_SECONDS))
                try:
                    draft.remove()
                    draft.progress.draft_id = ''
                except Exception:
                    if isinstance(error, DemistoException):
                        advice = 'Look for it in Drafts before you try again.'
                        raise UnknownOutcomeError('the draft was removed', advice, error) from error
            raise


def _text_of(body: JsonObject, length: int = 5000) -> str:
    """Return the beginning of the text of an ``itemBody`` of Graph, which may show the same text as other HTML."""
    return ''.join(body_text(body, length).split())


def _has_text(body: JsonObject, own: JsonObject, quoted: JsonObject) -> bool:
    """Return whether the text of `own` is above that of `quoted` in `body`, each an ``itemBody``."""
    start, text = _text_of(own, 500), _text_of(body)
    return bool(start) and text.startswith(start) and text != _text_of(quoted)


def _with_recipients(draft: JsonObject, lists: JsonObject) -> JsonObject:
    """Return `lists` of recipients with those that a draft has in them. Nobody is added who is in any list of the draft."""
    known = set(map(str.lower, addresses_in(draft, *RECIPIENT_LISTS)))
    found = {name: list(draft.get(name) or ()) for name in lists}
    for name, recipients in lists.items():
        for one in recipients:
            address = EmailAddress.from_json(one).address.lower()
            if address not in known:
                known.add(address)
                found[name].append(one)
    return found


def _require_files(count: int, wanted: int) -> None:
    if count < wanted:
        raise GraphError(f'The draft has {count} of {wanted} attachments.', 'Send the email again.')


# Group 1: a part of a head that is kept with the styles in it. What does not end is not kept.
_STYLES = r'(?is)(<!--.*?-->|<style\b.*?</style\s*>)|(?:<!--|<style\b).*'


def above_quote(html: str, mail: OutgoingMail) -> str:
    """Return the HTML of a reply with the body of `mail`, and its styles, above the message that it quotes."""
    own = re.search(r'(?is)<body\b([^<>]*)>(.*?)(?:</body>|\Z)', mail.html)
    attributes, text = own.groups() if own else ('', mail.html or text_as_html(mail.text))
    styles = ''.join(re.findall(_STYLES, mail.html[: own.start()])) if own else ''  # conditional comments may contain some
    start = re.search(r'(?i)(?:</head\s*>\s*)?<body\b[^<>]*>', html)
    position, end = start.span() if start else (0, 0)
    return f'{html[:position]}{styles}{html[position:end]}<div{attributes}>{text}</div>{html[end:]}'


# endregion
