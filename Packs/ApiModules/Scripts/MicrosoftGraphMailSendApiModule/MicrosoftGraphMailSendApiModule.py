"""Send mail through Microsoft Graph: drafts, attachments, uploads, and the commands for them."""

import base64
import binascii
import copy
import hashlib
import io
import json
import mimetypes
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

import demistomock as demisto
import requests

with suppress(ImportError):  # in a built pack these names are already in the same file
    from CommonServerPython import (
        CommandResults,
        DemistoException,
        EntryFormat,
        EntryType,
        ScheduledCommand,
        add_sensitive_log_strs,
        argToList,
        arg_to_datetime,
        tableToMarkdown,
    )
    from MicrosoftCoreApiModule import (
        SystemClock,
        backoff_seconds,
        clean_value,
        is_loopback,
        json_or_none,
        skip_netrc,
        retry_after_seconds,
        run_with_retries,
    )
    from MicrosoftApiModule import API_RETRIES
    from MicrosoftInstanceApiModule import bool_argument, future_datetime, choice_argument, int_argument
    from MicrosoftGraphMailClientApiModule import GraphError, GraphMailClient, MAX_FILE_SIZE, html_to_text
    from MicrosoftGraphMailCommandsApiModule import MailCommandResult, user_argument

# region outgoing mail

MAX_RECIPIENTS = 500


MAX_HEADERS = 5


MIN_UPLOAD_SIZE = 3_000_000  # bytes; base64 of anything smaller fits into one request


MAX_REQUEST_SIZE = 4_096_000  # bytes; Graph takes 4 MB, headers included


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
        if size > MAX_FILE_SIZE:
            raise DemistoException(
                f"'{name}' has {size} bytes, and a file of a mail may have {MAX_FILE_SIZE} (150 MB) "
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
        if recipients > MAX_RECIPIENTS:
            raise DemistoException(
                f'The mail has {recipients} recipients, and may have {MAX_RECIPIENTS} in to, cc and bcc '
                'together. Send it in several mails, or to a group.'
            )
        if len(headers) > MAX_HEADERS:
            raise DemistoException(
                f'There are {len(headers)} headers, and a mail may have {MAX_HEADERS} of its own. Leave some out.'
            )
        for name, value in headers:
            if re.search(r'=\?|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]', value):
                raise DemistoException(f"The header '{name}' has a control character or =? in its value. Remove it.")
        _choice('importance', importance, _IMPORTANCES)
        _choice('flag', flag, _FLAGS)
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
        message: dict[str, Any] = {
            'subject': self.subject,
            'body': self.body if self.html or self.text else None,
            **self._recipients(),
            'importance': _choice('importance', self.importance, _IMPORTANCES),
            'flag': {'flagStatus': _choice('flag', self.flag, _FLAGS)},
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
        """Return its body in both forms and its own headers as MIME in base64. `as_change` has the subject and the recipients.

        Args:
            message_id: the ``Message-ID`` that it gets.
        Raises:
            DemistoException: it is too large for a request, or would have other headers.
        """
        from email.message import EmailMessage  # here, because few mails need them
        from email.policy import SMTP

        mime = EmailMessage(policy=SMTP)
        for name, value in (('Message-ID', message_id), *self.headers):
            mime[name] = value
        mime.set_content(self.text)
        mime.add_alternative(self.html, subtype='html')
        content = mime.as_bytes()
        _require_headers(content, ['Message-ID', 'MIME-Version', 'Content-Type', *(name for name, _ in self.headers)])
        encoded = base64.b64encode(content)
        _require_room(MAX_REQUEST_SIZE - len(encoded))
        return encoded

    def as_change(self) -> dict[str, Any]:
        """Return what a draft that was made of its MIME lacks. All recipients are named, so that the draft has no others."""
        named: dict[str, Any] = {'subject': self.subject, **self._recipients()}
        return {
            name: value for name, value in self.as_json().items() if name not in ('body', 'internetMessageHeaders')
        } | named

    def _recipients(self) -> dict[str, list[dict[str, Any]]]:
        people = {'toRecipients': self.to, 'ccRecipients': self.cc, 'bccRecipients': self.bcc, 'replyTo': self.reply_to}
        return {name: [_recipient(one) for one in addresses] for name, addresses in people.items()}


def _require_headers(content: bytes, names: list[str]) -> None:
    """Raise DemistoException unless MIME has exactly the headers of these names. The email package of some versions adds others.

    Source: CVE-2024-6923
    """
    block = re.split(rb'\r\n\r\n|\r\r|\n\n', content, maxsplit=1)[0]
    lines = [line for line in re.split(rb'\r\n|\r|\n', block) if line[:1] not in (b' ', b'\t')]
    if sorted(line.partition(b':')[0].lower() for line in lines) != sorted(name.lower().encode() for name in names):
        raise DemistoException('A header of the mail would become several headers. Remove special characters from headers.')


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
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
    room = MAX_REQUEST_SIZE - len(json.dumps({'message': message, 'attachments': [], 'saveToSentItems': False}))
    _require_room(room)
    together, after = [], []
    for attachment in attachments:
        if attachment.size < MIN_UPLOAD_SIZE and attachment.request_size <= room:
            together.append(attachment)
            room -= attachment.request_size
        else:
            after.append(attachment)
    return together, after


def _require_room(room: int) -> None:
    if room < 0:
        raise DemistoException(
            f'The text of the mail is too large: with all addresses, a mail may have {MAX_REQUEST_SIZE} bytes. '
            'Shorten it, or attach it as a file.'
        )


# endregion

# region outcomes

REPLY = 'createReply'


REPLY_ALL = 'createReplyAll'


FORWARD = 'createForward'


class UnknownOutcomeError(GraphError):
    """A mail may have been sent, or a draft made, or not: nobody could be asked."""


class SendingProgress:
    """How far a mail has come. Which of its attachments the draft has, the draft itself tells.

    Args:
        draft_id: immutable ID of the draft, empty before there is one.
        made_with: how many attachments the draft was made with; a forwarded mail brings its own. None until that is known.
        can_go_on: a long throttling leaves the draft as it is, for the caller to go on from it later.
    """

    def __init__(self, draft_id: str = '', made_with: int | None = None, can_resume: bool = False):
        self.draft_id = draft_id
        self.made_with = made_with
        self.can_resume = can_resume

    def can_resume_after(self, error: Exception) -> bool:
        """Whether the caller can go on later: Graph was asked too much, or is busy and says until when. Nothing is done twice
        then: what may have been done is looked for first."""
        if not self.can_resume or not isinstance(error, GraphError) or isinstance(error, UnknownOutcomeError):
            return False
        is_busy = error.status in (503, 504) and error.res is not None and 'Retry-After' in error.res.headers
        return is_throttled(error) or is_busy


_Answer = TypeVar('_Answer')


_MAX_STEP_TRIES = 6


def is_throttled(error: GraphError) -> bool:
    """Whether Graph did not do what it was asked to, because there was too much of it."""
    return error.status == 429


def _may_have_been_done(error: GraphError) -> bool:
    """Whether no answer came, or one that does not say what happened."""
    return error.status < 400 or error.status >= 500


# endregion

# region upload session


class UploadSession:
    """One file on its way to a draft, in ranges. Goes on where the service says, after whatever went wrong.

    Args:
        client: for its retries and its connection.
        url: of the session. It is a secret of its own, and gets no token.
        file: what is sent, `size` bytes.
        is_attached: asks whether the file has arrived, once its session is gone.
    Source: https://learn.microsoft.com/graph/outlook-large-attachments
    """

    def __init__(self, client: 'GraphMailSender', url: str, file: BinaryIO, size: int, is_attached: Callable[[], bool]):
        parts = urlsplit(url)
        if parts.scheme != 'https' and not is_loopback(parts.hostname or ''):
            raise GraphError('Microsoft Graph gave an address for the upload that is not an https one.', 'Try again.')
        for secret in (url, requests.Request('PUT', url).prepare().path_url, parts.query):  # as it is logged, longest first
            add_sensitive_log_strs(secret)
        self._client = client
        self._url = url
        self._file = file
        self._size = size
        self._is_attached = is_attached
        self._position = 0
        self._sent = 0  # up to here bytes were put, whether they arrived or not
        self._is_sure = True  # of the position

    def put_all(self) -> None:
        """Sends the file. Raises GraphError, and leaves the session, when it finally fails."""
        for _ in range(2 * (self._size // UPLOAD_RANGE + 1) + _MAX_STEP_TRIES):
            self._client.retry(
                self._put_next, lambda error: is_throttled(error) or _may_have_been_done(error) or error.status == 416
            )
            if self._position >= self._size:
                return
        raise GraphError('The upload did not get on: Microsoft Graph asked for the same bytes again and again.', 'Try again.')

    def cancel(self) -> None:
        """Ends the session. It would expire by itself: that it cannot be ended is no error."""
        with suppress(Exception):
            self._request('DELETE', {})

    def _put_next(self) -> None:
        if not self._is_sure:
            self._position, self._is_sure = self._asked_position(), True
        if self._position >= self._size:
            return
        self._is_sure = False
        self._file.seek(self._position)
        data = self._file.read(min(UPLOAD_RANGE, self._size - self._position))
        if not data:
            raise DemistoException('The file became shorter while it was sent. Send it again.')
        end = self._position + len(data)
        self._sent = max(self._sent, end)
        answer = self._request('PUT', {'Content-Range': f'bytes {self._position}-{end - 1}/{self._size}'}, data)
        self._position = self._size if answer.status_code == 201 else next_expected(answer)
        self._is_sure = True

    def _asked_position(self) -> int:
        try:
            return next_expected(self._request('GET', {}))
        except GraphError as error:
            if error.status == 404 and self._sent == self._size and self._is_attached():
                return self._size
            raise

    def _request(self, method: str, headers: dict[str, str], data: bytes | None = None) -> requests.Response:
        headers = {'Accept': 'application/json', 'Content-Type': 'application/octet-stream', **headers}
        return self._client.request_without_token(method, self._url, headers, data)


def next_expected(answer: requests.Response) -> int:
    """The position at which an upload session goes on, out of ``nextExpectedRanges``: ``N``, ``N-`` or ``N-M``.

    Outlook spells the name with a capital.
    """
    body = json_or_none(answer)
    ranges = (body.get('nextExpectedRanges') or body.get('NextExpectedRanges')) if isinstance(body, dict) else None
    position = re.match(r'\d+', str(ranges[0])) if isinstance(ranges, list) and ranges else None
    if not position:
        raise GraphError('Microsoft Graph did not say how far the upload is.', 'Try again.', response=answer)
    return int(position.group())


# endregion

# region client


class GraphMailSender(GraphMailClient):
    """Sends mail. Arguments as GraphMailClient.

    Every mail is a draft first, so that its ID is known and no step is done twice. When a step finally fails, the draft is
    removed, unless the caller said that it can go on from there.
    """

    def create_draft(self, mail: OutgoingMail, user_id: str = '', progress: SendingProgress | None = None) -> dict[str, Any]:
        """Makes a draft with all its attachments, and gives it as Graph shows it.

        Args:
            progress: of an earlier call that was throttled; is brought up to date.
        Raises:
            GraphError: Graph refused a step.
        """
        with self._removing_draft(progress, user_id) as steps:
            made = self._draft(mail, user_id, steps)
            return made or self.graph_request('GET', self._draft_path(steps, user_id), headers=_preferences(mail))

    def send(self, mail: OutgoingMail, user_id: str = '', progress: SendingProgress | None = None) -> str:
        """Sends a mail, and gives its immutable ID. Args and Raises as `create_draft`; see also `send_draft`."""
        _require_recipients(mail)
        with self._removing_draft(progress, user_id) as steps:
            self._draft(mail, user_id, steps)
            self._submit(self._draft_path(steps, user_id), is_own=True)
        return steps.draft_id

    def reply(
        self,
        action: str,
        message_id: str,
        mail: OutgoingMail,
        user_id: str = '',
        comment: str = '',
        progress: SendingProgress | None = None,
    ) -> str:
        """Replies to a message, or forwards it, and gives the immutable ID of what was sent.

        Args:
            action: REPLY, REPLY_ALL or FORWARD.
            mail: what the answer has of its own. Its body, if any, replaces the quoted message, and its recipients replace those
                that Graph chooses. Of a body in both forms, only the HTML is sent.
            comment: stands above the quoted message; not together with a body.
        Raises: as `send`.
        """
        if action == FORWARD:
            _require_recipients(mail)
        message = mail.as_json()
        with_message_or_after(message, ())
        properties = message.pop('singleValueExtendedProperties', [])
        path = f'{self.message_path(message_id, user_id)}/{action}'
        with self._removing_draft(progress, user_id) as steps:
            if not steps.draft_id:
                steps.draft_id = self._make_answer(path, user_id, message, comment)['id']
            if properties:
                self._change(steps, user_id, {'singleValueExtendedProperties': properties})
            self._attach_rest(list(mail.attachments), user_id, steps)
            self._submit(self._draft_path(steps, user_id), is_own=True)
        return steps.draft_id

    def send_unsaved(self, mail: OutgoingMail, user_id: str = '') -> None:
        """Sends a mail in one request, without a copy in Sent Items. Nobody learns its ID.

        Raises:
            DemistoException: its attachments do not fit into one request, or its body has both forms.
            UnknownOutcomeError: no clear answer came. Sending again may send twice.
        """
        _require_recipients(mail)
        if mail.has_both_forms:
            raise DemistoException(
                'A mail with both a text and HTML cannot be sent without a copy in Sent Items. '
                'Leave save_to_sent_items at true, or give one of the two.'
            )
        message = mail.as_json()
        together, after = with_message_or_after(message, mail.attachments)
        if after:
            raise DemistoException(
                f"'{after[0].name}' makes the mail too large to be sent without a copy in Sent Items. "
                'Leave save_to_sent_items at true, or send less at once.'
            )
        message['attachments'] = [one.as_json() for one in together]
        with self._without_rescheduling():
            try:
                self._accepted('POST', f'{self.mailbox_path(user_id)}/sendMail', {'message': message, 'saveToSentItems': False})
            except GraphError as error:
                if _may_have_been_done(error):
                    raise _unknown_outcome('the mail was sent', 'Ask a recipient before you send it again.', error) from error
                raise

    def send_draft(self, draft_id: str, user_id: str = '', is_again: bool = False) -> None:
        """Sends a draft. Its immutable ID is that of the sent mail as well.

        Args:
            is_again: whether it was tried before, so that a draft which is sent by now was sent then.
        Raises:
            GraphError: Graph refused it.
            UnknownOutcomeError: no clear answer came, and the draft could not be looked at.
        """
        with self._without_rescheduling():
            self._submit(self.message_path(draft_id, user_id), is_own=is_again)

    def retry(self, step: Callable[[], _Answer], again: Callable[[GraphError], bool]) -> _Answer:
        """Does a step, several times if need be, as long as `again` says so of its error."""

        def delay_after(error: Exception, attempt: int) -> float | None:
            if not isinstance(error, GraphError) or attempt == _MAX_STEP_TRIES - 1 or not again(error):
                return None
            asked = None if error.res is None else retry_after_seconds(error.res, self.clock.now())
            return backoff_seconds(1.0, attempt) if asked is None else asked

        return run_with_retries(step, delay_after, API_RETRIES, self.clock)

    def request_without_token(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> requests.Response:
        """Sends a request to an upload URL. Raises GraphError."""
        try:
            response: requests.Response = self._http_request(
                method,
                full_url=url,
                headers=headers,
                data=data,
                resp_type='response',
                ok_codes=(200, 201, 202, 204),
                error_handler=self._raise_graph_error,
                allow_redirects=False,
                auth=skip_netrc,
                with_metrics=self._counts_requests,
            )
        except (DemistoException, requests.exceptions.RequestException) as error:
            raise (self._outage(error) or error) from None  # errors of requests hold the URL
        return response

    # region steps

    def _draft(self, mail: OutgoingMail, user_id: str, steps: SendingProgress) -> dict[str, Any]:
        """Brings a draft about, with all attachments. Gives it as Graph showed it when it was made, empty if that was earlier."""
        if mail.has_both_forms:
            return self._draft_of_mime(mail, user_id, steps)
        message, mark = _with_mark(mail.as_json())
        together, after = with_message_or_after(message, mail.attachments)
        made: dict[str, Any] = {}
        held = None
        if not steps.draft_id:
            made = self._make_draft(
                f'{self.mailbox_path(user_id)}/messages',
                user_id,
                mark,
                _preferences(mail),
                json_data={**message, 'attachments': [one.as_json() for one in together]},
            )
            steps.draft_id, steps.made_with, held = made['id'], len(together), len(together)
        self._attach_rest(after, user_id, steps, held)
        return made

    def _draft_of_mime(self, mail: OutgoingMail, user_id: str, steps: SendingProgress) -> dict[str, Any]:
        """As `_draft`, where only MIME has room for the body. What MIME has no room for is changed on the draft."""
        held = None
        if not steps.draft_id:
            message_id = _new_message_id(mail.sender or user_id or self.mailbox)
            made = self._make_draft(
                f'{self.mailbox_path(user_id)}/messages',
                user_id,
                f"internetMessageId eq '{message_id}'",
                {'Content-Type': 'text/plain'},
                data=mail.as_mime(message_id),
            )
            steps.draft_id, steps.made_with, held = made['id'], 0, 0
        changed = self._change(steps, user_id, mail.as_change(), _preferences(mail))
        self._attach_rest(list(mail.attachments), user_id, steps, held)
        return changed

    def _make_answer(self, path: str, user_id: str, message: dict[str, Any], comment: str) -> dict[str, Any]:
        """Makes the draft of an answer, as `_make_draft` does."""

        def made(message: dict[str, Any]) -> dict[str, Any]:
            body = {name: value for name, value in (('message', message), ('comment', comment)) if value}
            return self._make_draft(path, user_id, mark, json_data=body)

        marked, mark = _with_mark(message)
        try:
            return made(marked)
        except GraphError as error:
            if error.status != 400:
                raise
            # Microsoft documents extended properties for new messages and for changes, not for drafts of answers. Where Graph
            # refuses the mark, the answer goes without; should its own answer be lost too, an unsent draft may stay behind.
            return made(message)

    def _change(
        self, steps: SendingProgress, user_id: str, change: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Changes a draft, and gives it as Graph shows it. It may be asked for twice."""
        return self.retry(
            lambda: self.graph_request('PATCH', self._draft_path(steps, user_id), json_data=change, headers=headers or {}),
            lambda error: _is_not_yet_known(error) or _may_have_been_done(error),
        )

    def _make_draft(
        self, path: str, user_id: str, mark: str, headers: dict[str, str] | None = None, **request: Any
    ) -> dict[str, Any]:
        """Makes a draft, once. Gives it as Graph shows it.

        Args:
            mark: a filter by which the draft is found, and no other, if no clear answer comes.
            request: what is sent to `path`: json_data or data.
        """

        def found() -> dict[str, Any] | None:
            try:
                drafts = self.graph_request(
                    'GET', f'{self.folder_path("drafts", user_id)}/messages', headers=headers or {}, params={'$filter': mark}
                )
            except GraphError as error:
                raise _unknown_outcome('a draft was made', 'Look for it in Drafts before you try again.', error) from error
            return next(iter(drafts.get('value') or []), None)

        return self.at_most_once(lambda: self.create(path, headers=headers or {}, **request), found, _may_have_been_done)

    def at_most_once(
        self, step: Callable[[], _Answer], outcome: Callable[[], _Answer | None], again: Callable[[GraphError], bool]
    ) -> _Answer:
        """Does a step that must not be done twice, several times if need be, as long as `again` says so of its error.

        Args:
            outcome: looks for what the step does, where no clear answer came; None says that it was not done.
        """
        is_unclear = False

        def tried() -> _Answer:
            nonlocal is_unclear
            done = outcome() if is_unclear else None
            if done is not None:
                return done
            try:
                return step()
            except GraphError as error:
                is_unclear = is_unclear or _may_have_been_done(error)
                raise

        try:
            return self.retry(tried, again)
        except GraphError:
            done = outcome() if is_unclear else None
            if done is None:
                raise
            return done

    def _attach_rest(
        self, attachments: list[OutgoingAttachment], user_id: str, steps: SendingProgress, held: int | None = None
    ) -> None:
        """Attaches what the draft does not have yet.

        Args:
            held: how many attachments the draft has; None where Graph has to be asked.
        """
        if not (attachments or steps.made_with):
            return
        if held is None:
            held = self.retry(lambda: self._attachments_of(steps, user_id), _is_not_yet_known)
        if steps.made_with is None:
            steps.made_with = held
        for attachment in attachments[max(0, held - steps.made_with) :]:
            self._attach(attachment, user_id, steps, held)
            held += 1
        expected = steps.made_with + len(attachments)
        self.retry(lambda: self._require_attachments(expected, user_id, steps), _is_not_yet_known)

    def _attach(self, attachment: OutgoingAttachment, user_id: str, steps: SendingProgress, held: int) -> None:
        """Attaches a file to a draft that has `held` attachments: in one request, or in ranges, as its size demands."""
        path = f'{self._draft_path(steps, user_id)}/attachments'

        def arrived() -> bool:
            return self._attachments_of(steps, user_id) > held

        if attachment.size >= MIN_UPLOAD_SIZE:
            self._upload(path, attachment, arrived)
            return
        self.at_most_once(
            lambda: self.create(path, json_data=attachment.as_json()),
            lambda: {} if arrived() else None,
            lambda error: _is_not_yet_known(error) or _may_have_been_done(error),
        )

    def _require_attachments(self, expected: int, user_id: str, steps: SendingProgress) -> None:
        """Raise GraphError if the draft has fewer attachments. Its status is 404, as for a draft that is not known everywhere."""
        found = self._attachments_of(steps, user_id)
        if found < expected:
            error = GraphError(f'The draft has {found} of {expected} attachments.', 'Send the email again.')
            error.status = 404
            raise error

    def _attachments_of(self, steps: SendingProgress, user_id: str) -> int:
        return len(self.list_attachments(steps.draft_id, user_id))

    @contextmanager
    def _removing_draft(self, progress: SendingProgress | None, user_id: str) -> Iterator[SendingProgress]:
        """Removes the draft when a step inside fails, unless somebody goes on from it or it may have been sent."""
        steps = progress or SendingProgress()
        with self._without_rescheduling():
            try:
                yield steps
            except UnknownOutcomeError:
                raise
            except Exception as error:
                if steps.draft_id and not steps.can_resume_after(error):
                    path = self._draft_path(steps, user_id)
                    # What went wrong first is what the user has to know. The copy of a sent mail has the ID of its draft.
                    with suppress(Exception):
                        if self._is_sent(path) is False:
                            self._remove(path)
                raise

    @contextmanager
    def _without_rescheduling(self) -> Iterator[None]:
        """Within it, a long throttling is an error. What the client would do is to start the command anew, and so send twice."""
        reschedules, self.retry_on_rate_limit = self.retry_on_rate_limit, False
        try:
            yield
        finally:
            self.retry_on_rate_limit = reschedules

    def _remove(self, path: str) -> None:
        """Removes the draft at `path` with its attachments, or at least puts it among the deleted items."""
        try:
            self._accepted('POST', f'{path}/permanentDelete')
        except GraphError:
            self._accepted('DELETE', path)

    def _submit(self, path: str, is_own: bool = False) -> None:
        """Sends the draft at `path`. One that was sent cannot be sent again, so it may be asked for twice.

        Args:
            is_own: whether this client made the draft, so that one that is sent was sent by this client.
        """
        is_unclear = False

        def sent() -> None:
            nonlocal is_unclear
            try:
                self._accepted('POST', f'{path}/send')
            except GraphError as error:
                is_unclear = is_unclear or _may_have_been_done(error)
                if is_throttled(error) or not (is_own or is_unclear) or not self._is_sent(path):
                    raise

        try:
            self.retry(sent, lambda error: _may_have_been_done(error) or (is_own and _is_not_yet_known(error)))
        except GraphError as error:
            was_sent = self._is_sent(path) if is_unclear else False
            if was_sent is None:
                raise _unknown_outcome(
                    'the mail was sent', 'Look for it in Sent Items and in Drafts before you send it again.', error
                ) from error
            if not was_sent:
                raise

    def _is_sent(self, path: str) -> bool | None:
        """Whether the message at `path` is no draft any more; None where that cannot be found out."""
        try:
            shown = self.graph_request('GET', path, params={'$select': 'isDraft'})
        except GraphError:
            return None
        return shown.get('isDraft') is False

    def _upload(self, path: str, attachment: OutgoingAttachment, arrived: Callable[[], bool]) -> None:
        opened = self.retry(
            lambda: self.graph_request('POST', f'{path}/createUploadSession', json_data={'AttachmentItem': attachment.as_item()}),
            lambda error: _is_not_yet_known(error) or _may_have_been_done(error),
        )
        with attachment.open() as file:
            session = UploadSession(self, str(opened.get('uploadUrl') or ''), file, attachment.size, arrived)
            try:
                session.put_all()
            except BaseException:
                session.cancel()
                raise

    # endregion
    # region requests

    def _draft_path(self, steps: SendingProgress, user_id: str) -> str:
        return self.message_path(steps.draft_id, user_id)

    def _accepted(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Sends a request whose answer is empty. Raises GraphError as `graph_request` does."""
        response = self._answer(method, path, json_data=body)
        if response.status_code not in (202, 204):
            raise GraphError(
                'Microsoft Graph did not answer as it does when it did what it was asked to.',
                'A proxy may stand between: check the proxy and the cloud setting.',
                response=response,
            )


def _preferences(mail: OutgoingMail) -> dict[str, str]:
    """How Graph is to show a draft: its body in the form in which it was given."""
    return {'Prefer': f'IdType="ImmutableId", outlook.body-content-type="{mail.body["contentType"]}"'}


# Tells the drafts that are made here apart from each other.
_MARK = 'String {6b0d2a3e-52c1-4d0b-9a57-0f1f6f3f7c5e} Name DraftMark'


def _with_mark(message: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A ``message`` of Graph with a property of its own, and the filter that finds it by that.

    Source: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
    """
    mark = secrets.token_hex(16)
    properties = [*message.get('singleValueExtendedProperties', []), {'id': _MARK, 'value': mark}]
    return (
        {**message, 'singleValueExtendedProperties': properties},
        f"singleValueExtendedProperties/any(ep: ep/id eq '{_MARK}' and ep/value eq '{mark}')",
    )


def _new_message_id(address: str) -> str:
    """A ``Message-ID`` of the domain of an address. What is no address gives one of no domain in particular."""
    domain = address.partition('@')[2]
    return f'<{secrets.token_hex(16)}@{domain if re.fullmatch("[A-Za-z0-9.-]+", domain) else "localhost"}>'


def _is_not_yet_known(error: GraphError) -> bool:
    """Whether a draft that was just made is not known everywhere yet."""
    return error.status == 404


def _require_recipients(mail: OutgoingMail) -> None:
    if not mail.has_recipients:
        raise DemistoException('The mail has no recipients. Enter an address in to, cc or bcc.')


def _unknown_outcome(what: str, advice: str, error: GraphError) -> UnknownOutcomeError:
    return UnknownOutcomeError(f'Whether {what} is not known. {error.what}', advice, error.code, error.res)


# endregion

# region arguments

# The names of the arguments for files: entry IDs, names, content IDs.
FILE_ARGUMENTS = ('attachIDs', 'attachNames', 'attachCIDs')


FILE_ARGUMENTS_IN_SNAKE_CASE = ('attach_ids', 'attach_names', 'attach_cids')


_ENTRY_ID = re.compile(r'\d+@[\w-]+')


_MIN_RESUME_DELAY = 10  # seconds; the platform takes no less


_DEFAULT_RESUME_DELAY = 60  # seconds, where Microsoft does not say


_MAX_RUNS = 20


_PREVIEW = 255  # characters


def address_list(args: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(filter(None, map(clean_value, argToList(args.get(name)))))


def outgoing_mail(args: dict[str, Any], file_arguments: tuple[str, str, str], is_reply: bool = False) -> OutgoingMail:
    """The mail that the arguments of a command describe. Raises DemistoException when they cannot be right."""
    text, html = mail_body(args)
    text = '' if is_reply and html else text  # an answer has room for one
    html, images = images_as_attachments(html)
    headers, subject = args.get('headers') or '', str(args.get('subject') or '')
    return OutgoingMail(
        to=address_list(args, 'to'),
        cc=address_list(args, 'cc'),
        bcc=address_list(args, 'bcc'),
        reply_to=address_list(args, 'replyTo'),
        sender=clean_value(args.get('from')),
        subject=reply_subject(subject) if is_reply else subject,
        text=text,
        html=html,
        importance=clean_value(args.get('importance')) or 'normal',
        flag=clean_value(args.get('flag')) or 'notFlagged',
        headers=internet_headers(','.join(map(str, headers)) if isinstance(headers, list) else str(headers)),
        attachments=(*outgoing_files(args, file_arguments, html), *images),
        send_at=_time_to_send(args),
    )


def _time_to_send(args: dict[str, Any]) -> datetime | None:
    # A run that goes on after a throttling may be later than the time.
    over_is_good = bool(args.get('resume_run'))
    text = clean_value(args.get('send_time'))
    if not text:
        return None
    return arg_to_datetime(text) if over_is_good else future_datetime(text, 'send_time')


def mail_body(args: dict[str, Any]) -> tuple[str, str]:
    """The body as text and as HTML; an empty one is not sent.

    Of ``body`` and ``htmlBody``, ``body_type`` chooses one; both are sent if it does not. A ``body`` alone is text, unless
    ``body_type`` says HTML.
    """
    body, html = str(args.get('body') or ''), str(args.get('htmlBody') or '')
    body_type = choice_argument(args, 'body_type', ('', 'Text', 'HTML'))
    if body_type == 'HTML':
        return '', html or body
    return body, '' if body and body_type == 'Text' else html


def outgoing_files(args: dict[str, Any], names: tuple[str, str, str], html: str = '') -> list[OutgoingAttachment]:
    """The files that the arguments of `names` speak of.

    The third one holds entry IDs of further files, which are inline; or a content ID for each file of the first.

    Raises:
        DemistoException: the lists do not match in number, or an entry has no file.
    """
    ids, file_names, content_ids = (list(map(clean_value, argToList(args.get(name)))) for name in names)
    inline = content_ids if content_ids and all(map(_ENTRY_ID.fullmatch, content_ids)) else []
    content_ids = [] if inline else content_ids
    for name, values in zip(names[1:], (file_names, content_ids), strict=True):
        if values and len(values) != len(ids):
            raise DemistoException(
                f'The arguments {names[0]} and {name} hold {len(ids)} and {len(values)} values. '
                f'Give one in {name} for each one in {names[0]}, or leave {name} out.'
            )
    wanted = zip(ids, file_names or [''] * len(ids), content_ids or [''] * len(ids), strict=True)
    files = [_war_room_file(entry_id, name, content_id) for entry_id, name, content_id in wanted]
    for entry_id in inline:
        # The HTML refers to a picture by its entry ID, or by its name.
        file = _war_room_file(entry_id, '', entry_id)
        if f'cid:{file.name}' in html and f'cid:{entry_id}' not in html:
            file.content_id = file.name
        files.append(file)
    return files


def _war_room_file(entry_id: str, name: str, content_id: str) -> OutgoingAttachment:
    try:
        found = demisto.getFilePath(entry_id)
        return OutgoingAttachment.of_file(found['path'], name or str(found.get('name') or entry_id), content_id)
    except DemistoException:  # the file is too large
        raise
    except Exception as error:  # the platform has no error of its own for an ID that it does not know
        raise DemistoException(
            f"The war room has no file with the entry ID '{entry_id}'. Copy the ID from the entry that shows the file."
        ) from error


# endregion

# region resuming


def resumable(args: dict[str, Any], send: Callable[[SendingProgress], MailCommandResult]) -> MailCommandResult:
    """Runs `send` from where an earlier run of the command stopped. If it is throttled for long, the platform runs the command
    again, with what is needed to go on."""
    run = int_argument(args, 'resume_run', 1, _MAX_RUNS)
    draft_id, made_with = clean_value(args.get('resume_draft_id')), clean_value(args.get('resume_made_with'))
    progress = SendingProgress(
        draft_id,
        int(made_with) if made_with.isdecimal() else None,
        can_resume=run < _MAX_RUNS and ScheduledCommand.supports_polling(),
    )
    try:
        return send(progress)
    except GraphError as error:
        if not progress.can_resume_after(error):
            raise
        asked = None if error.res is None else retry_after_seconds(error.res, SystemClock().now())
        wait = asked or _DEFAULT_RESUME_DELAY
    seconds = max(_MIN_RESUME_DELAY, int(wait) + 1)
    made_with = '' if progress.made_with is None else str(progress.made_with)
    rest = {'resume_draft_id': progress.draft_id, 'resume_made_with': made_with, 'resume_run': str(run + 1)}
    return CommandResults(
        readable_output=f'Microsoft limits the rate of requests: sending goes on in {seconds} seconds.',
        scheduled_command=ScheduledCommand(demisto.command(), seconds, {**args, **rest}, max(900, 2 * seconds)),
    )


# endregion

# region outputs

# Names in the context, and the properties of a message in Graph that they hold.
DRAFT_PROPERTIES = {
    'ID': 'id',
    'CreatedTime': 'createdDateTime',
    'ModifiedTime': 'lastModifiedDateTime',
    'ReceivedTime': 'receivedDateTime',
    'SentTime': 'sentDateTime',
    'Subject': 'subject',
    'Importance': 'importance',
    'ConversationID': 'conversationId',
    'IsRead': 'isRead',
    'IsDraft': 'isDraft',
    'MessageID': 'internetMessageId',
    'Headers': 'internetMessageHeaders',
}


_DRAFT_RECIPIENTS = {'From': 'from', 'Sender': 'sender', 'To': 'toRecipients', 'Cc': 'ccRecipients', 'Bcc': 'bccRecipients'}


def draft_outputs(message: dict[str, Any]) -> dict[str, Any]:
    """The context of a draft."""
    body = message.get('body') or {}
    return {
        **{name: message.get(source) for name, source in DRAFT_PROPERTIES.items()},
        **{name: _addresses_of(message.get(source)) for name, source in _DRAFT_RECIPIENTS.items()},
        'Body': body.get('content'),
        'BodyType': body.get('contentType'),
    }


def _addresses_of(people: Any) -> Any:
    if isinstance(people, list):
        return [_addresses_of(one) for one in people]
    return ((people or {}).get('emailAddress') or {}).get('address')


def sent_outputs(mail: OutgoingMail, sent_id: str = '') -> dict[str, Any]:
    """The context of a mail that was sent, without what it does not have."""
    outputs = {
        'ID': sent_id,
        **mail.as_json(),
        'bodyPreview': mail.text[:_PREVIEW] or ' '.join(html_to_text(mail.html, _PREVIEW).split()),
        'toRecipients': list(mail.to),
        'ccRecipients': list(mail.cc),
        'bccRecipients': list(mail.bcc),
        'replyTo': list(mail.reply_to),
    }
    outputs.pop('singleValueExtendedProperties', None)
    return {name: value for name, value in outputs.items() if value}


def sent_results(title: str, prefix: str, outputs: dict[str, Any]) -> CommandResults:
    rows = {
        'Subject': outputs.get('subject'),
        'To': outputs.get('toRecipients'),
        'Cc': outputs.get('ccRecipients'),
        'Bcc': outputs.get('bccRecipients'),
        'ID': outputs.get('ID'),
    }
    return CommandResults(
        outputs_prefix=prefix,
        outputs_key_field='ID' if outputs.get('ID') else None,
        outputs=outputs,
        raw_response=outputs,
        readable_output=tableToMarkdown(title, rows, removeNull=True),
    )


def with_rendered_body(args: dict[str, Any], result: CommandResults, mail: OutgoingMail) -> MailCommandResult:
    """Adds the body as the recipient sees it, if that is wanted."""
    if not bool_argument(args, 'renderBody'):
        return result
    return [
        result,
        CommandResults(entry_type=EntryType.NOTE, content_format=EntryFormat.HTML, raw_response=mail.html or mail.text),
    ]


# endregion

# region commands


def send_mail_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Sends a mail."""
    mail, user_id = outgoing_mail(args, FILE_ARGUMENTS), user_argument(args)
    is_saved = bool_argument(args, 'save_to_sent_items', True)
    bool_argument(args, 'renderBody')  # is refused before anything is sent

    def send(progress: SendingProgress) -> MailCommandResult:
        sent_id = ''
        if is_saved:
            sent_id = client.send(mail, user_id, progress)
        else:
            client.send_unsaved(mail, user_id)
        result = sent_results('The email was sent.', 'MicrosoftGraph.Email', sent_outputs(mail, sent_id))
        return with_rendered_body(args, result, mail)

    return resumable(args, send)


def create_draft_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Makes a draft."""
    mail, user_id = outgoing_mail(args, FILE_ARGUMENTS_IN_SNAKE_CASE), user_argument(args)
    bool_argument(args, 'renderBody')

    def make(progress: SendingProgress) -> MailCommandResult:
        made = client.create_draft(mail, user_id, progress)
        outputs = draft_outputs(made)
        readable = tableToMarkdown(
            'The draft was made.', outputs, headers=['Subject', 'From', 'To', 'Cc', 'Bcc', 'ID'], removeNull=True
        )
        result = CommandResults(
            outputs_prefix='MicrosoftGraph.Draft',
            outputs_key_field='ID',
            outputs=outputs,
            raw_response=made,
            readable_output=readable,
        )
        return with_rendered_body(args, result, mail)

    return resumable(args, make)


def send_draft_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Sends a draft."""
    draft_id, user_id = clean_value(args.get('draft_id')), user_argument(args)

    def send(progress: SendingProgress) -> MailCommandResult:
        is_again, progress.draft_id = bool(progress.draft_id), draft_id
        client.send_draft(draft_id, user_id, is_again)
        return sent_results('The draft was sent.', 'MicrosoftGraph.SentMail', {'ID': draft_id})

    return resumable(args, send)


def reply_mail_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
    """Answers a mail with a text of its own, which does not quote it."""
    mail = outgoing_mail(args, FILE_ARGUMENTS, is_reply=True)
    return _answer_mail(client, args, 'createReply', clean_value(args.get('inReplyTo')), mail)


def _comment_command(action: str) -> Callable[[GraphMailSender, dict[str, Any]], MailCommandResult]:
    """A command that answers a mail, or passes it on, with a comment above what it quotes."""

    def run_command(client: GraphMailSender, args: dict[str, Any]) -> MailCommandResult:
        mail = OutgoingMail(
            to=address_list(args, 'to'),
            cc=address_list(args, 'cc'),
            bcc=address_list(args, 'bcc'),
            attachments=tuple(outgoing_files(args, FILE_ARGUMENTS_IN_SNAKE_CASE)),
        )
        return _answer_mail(client, args, action, clean_value(args.get('message_id')), mail, str(args.get('comment') or ''))

    return run_command


def _answer_mail(
    client: GraphMailSender, args: dict[str, Any], action: str, message_id: str, mail: OutgoingMail, comment: str = ''
) -> MailCommandResult:
    user_id = user_argument(args)

    def send(progress: SendingProgress) -> MailCommandResult:
        sent_id = client.reply(action, message_id, mail, user_id, comment, progress)
        sent = copy.copy(mail)
        sent.text = comment or mail.text
        title = 'The email was forwarded.' if action == FORWARD else 'The reply was sent.'
        return sent_results(title, 'MicrosoftGraph.SentMail', {**sent_outputs(sent, sent_id), 'InReplyTo': message_id})

    return resumable(args, send)


SENDING_COMMANDS: dict[str, Callable[[GraphMailSender, dict[str, Any]], MailCommandResult]] = {
    'send-mail': send_mail_command,
    'reply-mail': reply_mail_command,
    'msgraph-mail-create-draft': create_draft_command,
    'msgraph-mail-send-draft': send_draft_command,
    'msgraph-mail-reply-to': _comment_command(REPLY),
    'msgraph-mail-reply-all': _comment_command(REPLY_ALL),
    'msgraph-mail-forward': _comment_command(FORWARD),
}

# endregion
