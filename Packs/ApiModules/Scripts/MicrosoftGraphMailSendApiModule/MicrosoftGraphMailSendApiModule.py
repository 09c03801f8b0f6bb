"""Sending mail through Microsoft Graph: drafts, attachments of any size, replies. Nothing is sent twice. No commands."""
import base64
import binascii
import hashlib
import io
import json
import mimetypes
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

import demistomock as demisto  # noqa: F401 - integrations take it from here
import requests
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

REPLY = 'createReply'
REPLY_ALL = 'createReplyAll'
FORWARD = 'createForward'

# Source: https://learn.microsoft.com/office/client-developer/outlook/mapi/pidtagdeferredsendtime-canonical-property
_DEFERRED_SEND_TIME = 'SystemTime 0x3FEF'
_OWN_HEADER = r'[xX]-[!-9;-~]+'
_IMPORTANCES = ('low', 'normal', 'high')
_FLAGS = ('notFlagged', 'complete', 'flagged')


@dataclass(frozen=True)
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
    name: str
    size: int
    path: str = ''
    content: bytes = field(default=b'', repr=False)
    content_type: str = 'application/octet-stream'
    content_id: str = ''
    is_inline: bool = False

    def __post_init__(self) -> None:
        if self.size > LARGEST_FILE:
            raise DemistoException(f"'{self.name}' has {self.size} bytes, and a file of a mail may have {LARGEST_FILE} (150 MB) "
                                   'at most. Send a link to it instead.')

    @classmethod
    def of_file(cls, path: str, name: str, content_id: str = '') -> 'OutgoingAttachment':
        """A file on disk; one with a content ID is inline. Raises OSError when it cannot be read."""
        content_type = mimetypes.guess_type(name)[0] or cls.content_type
        return cls(name, os.path.getsize(path), path, content_type=content_type, content_id=content_id,
                   is_inline=bool(content_id))

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


@dataclass(frozen=True)
class OutgoingMail:
    """A mail to send, or what a reply has of its own.

    Args:
        text, html: the body. Graph has room for one: HTML, or else text.
        importance: low, normal or high, in any case.
        flag: notFlagged, complete or flagged, in any case.
        headers: name and value of internet headers of one's own.
        sender: whom the mail is from, if that is not the owner of the mailbox.
        send_at: when Outlook sends it; at once if that is not given, or past.
    Raises:
        DemistoException: Graph would refuse it.
    """
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ''
    text: str = field(default='', repr=False)
    html: str = field(default='', repr=False)
    importance: str = 'normal'
    flag: str = 'notFlagged'
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[OutgoingAttachment, ...] = ()
    sender: str = ''
    send_at: datetime | None = None

    def __post_init__(self) -> None:
        recipients = len(self.to) + len(self.cc) + len(self.bcc)
        if recipients > MOST_RECIPIENTS:
            raise DemistoException(f'The mail has {recipients} recipients, and may have {MOST_RECIPIENTS} in to, cc and bcc '
                                   'together. Send it in several mails, or to a group.')
        if len(self.headers) > MOST_HEADERS:
            raise DemistoException(f'There are {len(self.headers)} headers, and a mail may have {MOST_HEADERS} of its own. '
                                   'Leave some out.')
        _one_of('importance', self.importance, _IMPORTANCES)
        _one_of('flag', self.flag, _FLAGS)

    @property
    def has_recipients(self) -> bool:
        return bool(self.to or self.cc or self.bcc)

    @property
    def body(self) -> dict[str, str]:
        """The body as an ``itemBody`` of Graph."""
        return ({'contentType': 'html', 'content': self.html} if self.html else {'contentType': 'text', 'content': self.text})

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


_DATA_URI_SOURCE = re.compile(r'(\bsrc\s*=\s*)(?:"(\s*data:image/[^"]*)"|\'(\s*data:image/[^\']*)\')', re.IGNORECASE)


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
            images[digest] = OutgoingAttachment(name, len(content), content=content, content_type=content_type,
                                                content_id=digest, is_inline=True)
        return f'{match.group(1)}"cid:{digest}"'

    return _DATA_URI_SOURCE.sub(taken_out, html), tuple(images.values())


def _data_of(uri: str, number: int) -> tuple[str, bytes]:
    """The media type and the bytes of a data URI."""
    head, comma, data = uri.strip().partition(',')
    content_type, *settings = head[len('data:'):].split(';')
    content = unquote_to_bytes(data)
    try:
        if 'base64' in (one.strip().lower() for one in settings):
            content = b''.join(content.split()).rstrip(b'=')
            content = base64.b64decode(content + b'=' * (-len(content) % 4), validate=True)
    except binascii.Error:
        content = b''
    if not comma or not content:
        raise DemistoException(f'Picture {number} of the HTML is a data URI that cannot be read. '
                               'Write it as data:image/png;base64,<base64>, or attach the picture.')
    return content_type.strip().lower(), content


def with_message_or_after(message: dict[str, Any], attachments: tuple[OutgoingAttachment, ...]) -> tuple[
        list[OutgoingAttachment], list[OutgoingAttachment]]:
    """Parts attachments into those that fit into the request that makes the message, and those that follow it.

    Raises:
        DemistoException: the message alone is too large.
    """
    room = LARGEST_REQUEST - len(json.dumps({'message': message, 'attachments': [], 'saveToSentItems': False}))
    if room < 0:
        raise DemistoException(f'The text of the mail is too large: with all addresses, a mail may have {LARGEST_REQUEST} bytes. '
                               'Shorten it, or attach it as a file.')
    together, after = [], []
    for attachment in attachments:
        if attachment.size < SMALLEST_UPLOAD and attachment.request_size <= room:
            together.append(attachment)
            room -= attachment.request_size
        else:
            after.append(attachment)
    return together, after


# endregion
# region what can happen on the way


class UnknownOutcomeError(GraphError):
    """A mail may have been sent, or not: nobody could be asked."""


@dataclass
class SendingProgress:
    """How far a mail has come.

    Args:
        draft_id: immutable ID of the draft, empty before there is one.
        attached: how many of the attachments that follow the draft it has.
        can_go_on: a long throttling leaves the draft as it is, for the caller to go on from it later.
        is_repeatable: the step at hand may be done again, even if it was done.
    """
    draft_id: str = ''
    attached: int = 0
    can_go_on: bool = False
    is_repeatable: bool = False

    def goes_on_after(self, error: Exception) -> bool:
        """Whether the caller can go on later: Graph was asked too much, or is busy and says until when."""
        if not self.can_go_on or not isinstance(error, GraphError) or isinstance(error, UnknownOutcomeError):
            return False
        is_busy = error.status in (503, 504) and error.res is not None and 'Retry-After' in error.res.headers
        return is_throttled(error) or (is_busy and self.is_repeatable)


_Answer = TypeVar('_Answer')
_TRIES_OF_A_STEP = 6


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
        add_sensitive_log_strs(url)
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
        for _ in range(2 * (self._size // UPLOAD_RANGE + 1) + _TRIES_OF_A_STEP):
            self._client.retried(self._put_next, lambda error: is_throttled(error) or _may_have_been_done(error)
                                 or error.status == 416)
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
            return made or self.graph_request('GET', self._draft_path(steps, user_id), overwrite_rate_limit_retry=True,
                                              headers=_preferences(mail))

    def send(self, mail: OutgoingMail, user_id: str = '', progress: SendingProgress | None = None) -> str:
        """Sends a mail, and gives its immutable ID. Args and Raises as `create_draft`; see also `send_draft`."""
        _require_recipients(mail)
        with self._removing_draft(progress, user_id) as steps:
            self._draft(mail, user_id, steps)
            self._submit(self._draft_path(steps, user_id), is_own=True)
        return steps.draft_id

    def reply(self, action: str, message_id: str, mail: OutgoingMail, user_id: str = '', comment: str = '',
              progress: SendingProgress | None = None) -> str:
        """Replies to a message, or forwards it, and gives the immutable ID of what was sent.

        Args:
            action: REPLY, REPLY_ALL or FORWARD.
            mail: what the answer has of its own. Its body, if any, replaces the quoted message, and its recipients replace those
                that Graph chooses.
            comment: stands above the quoted message; not together with a body.
        Raises: as `send`.
        """
        if action == FORWARD:
            _require_recipients(mail)
        message = mail.as_json()
        with_message_or_after(message, ())
        path = f'{self.message_path(message_id, user_id)}/{action}'
        body = {name: value for name, value in (('message', message), ('comment', comment)) if value}
        with self._removing_draft(progress, user_id) as steps:
            if not steps.draft_id:
                steps.draft_id = self._post_draft(path, body)['id']
            self._attach_rest(list(mail.attachments), user_id, steps)
            self._submit(self._draft_path(steps, user_id), is_own=True)
        return steps.draft_id

    def send_unsaved(self, mail: OutgoingMail, user_id: str = '') -> None:
        """Sends a mail in one request, without a copy in Sent Items. Nobody learns its ID.

        Raises:
            DemistoException: its attachments do not fit into one request.
            UnknownOutcomeError: no clear answer came. Sending again may send twice.
        """
        _require_recipients(mail)
        message = mail.as_json()
        together, after = with_message_or_after(message, mail.attachments)
        if after:
            raise DemistoException(f"'{after[0].name}' makes the mail too large to be sent without a copy in Sent Items. "
                                   'Leave save_to_sent_items at true, or send less at once.')
        message['attachments'] = [one.as_json() for one in together]
        try:
            self._accepted('POST', f'{self.mailbox_path(user_id)}/sendMail', {'message': message, 'saveToSentItems': False})
        except GraphError as error:
            if _may_have_been_done(error):
                raise _unknown_outcome('Ask a recipient before you send it again.', error) from error
            raise

    def send_draft(self, draft_id: str, user_id: str = '', is_again: bool = False) -> None:
        """Sends a draft. Its immutable ID is that of the sent mail as well.

        Args:
            is_again: whether it was tried before, so that a draft which is sent by now was sent then.
        Raises:
            GraphError: Graph refused it.
            UnknownOutcomeError: no clear answer came, and the draft could not be looked at.
        """
        self._submit(self.message_path(draft_id, user_id), is_own=is_again)

    def attach(self, draft_id: str, attachment: OutgoingAttachment, user_id: str = '') -> None:
        """Attaches a file to a draft: in one request, or in ranges, as its size demands. Raises GraphError."""
        path = f'{self.message_path(draft_id, user_id)}/attachments'
        if attachment.size < SMALLEST_UPLOAD:
            self.retried(lambda: self._post(path, attachment.as_json()), _is_too_early)
        else:
            self._upload(path, attachment)

    def retried(self, step: Callable[[], _Answer], again: Callable[[GraphError], bool]) -> _Answer:
        """Does a step, several times if need be, as long as `again` says so of its error."""
        waited, tries = 0.0, 0
        while True:
            try:
                return step()
            except GraphError as error:
                asked = None if error.res is None else retry_after_seconds(error.res, self.clock.now())
                wait = backoff_seconds(1.0, tries) if asked is None else asked
                if tries == _TRIES_OF_A_STEP - 1 or waited + wait > LONGEST_PATIENCE or not again(error):
                    raise
            self.clock.sleep(wait)
            waited += wait
            tries += 1

    def request_without_token(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> requests.Response:
        """Sends a request to an upload URL. Raises GraphError."""
        try:
            response: requests.Response = self._http_request(
                method, full_url=url, headers=headers, data=data, resp_type='response', ok_codes=(200, 201, 202, 204),
                error_handler=self._raise_graph_error, allow_redirects=False, with_metrics=self._counts_requests)
        except (DemistoException, requests.exceptions.RequestException) as error:
            self._explain_outage(error)
            raise
        return response

    # region steps

    def _draft(self, mail: OutgoingMail, user_id: str, steps: SendingProgress) -> dict[str, Any]:
        """Brings a draft about, with all attachments. Gives it as Graph showed it when it was made, empty if that was earlier."""
        message = mail.as_json()
        together, after = with_message_or_after(message, mail.attachments)
        made: dict[str, Any] = {}
        if not steps.draft_id:
            path = f'{self.mailbox_path(user_id)}/messages'
            made = self._post_draft(path, {**message, 'attachments': [one.as_json() for one in together]}, _preferences(mail))
            steps.draft_id = made['id']
        self._attach_rest(after, user_id, steps)
        return made

    def _attach_rest(self, attachments: list[OutgoingAttachment], user_id: str, steps: SendingProgress) -> None:
        for attachment in attachments[steps.attached:]:
            # An upload that is done again leaves no trace of the first one, but a file that is sent whole would be there twice.
            steps.is_repeatable = attachment.size >= SMALLEST_UPLOAD
            self.attach(steps.draft_id, attachment, user_id)
            steps.attached += 1
        steps.is_repeatable = True  # what comes next is looked into before it is repeated

    @contextmanager
    def _removing_draft(self, progress: SendingProgress | None, user_id: str) -> Iterator[SendingProgress]:
        """Removes the draft when a step inside fails, unless somebody goes on from it or it may have been sent."""
        steps = progress or SendingProgress()
        try:
            yield steps
        except UnknownOutcomeError:
            raise
        except Exception as error:
            if steps.draft_id and not steps.goes_on_after(error):
                path = self._draft_path(steps, user_id)
                # What went wrong first is what the user has to know. The copy of a mail that was sent has the ID of its draft.
                with suppress(Exception):
                    if self._was_sent(path) is False:
                        self._remove(path)
            raise

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
                if is_throttled(error) or not (is_own or is_unclear) or not self._was_sent(path):
                    raise

        try:
            self.retried(sent, lambda error: _may_have_been_done(error) or (is_own and _is_too_early(error)))
        except GraphError as error:
            was_sent = self._was_sent(path) if is_unclear else False
            if was_sent is None:
                raise _unknown_outcome('Look for it in Sent Items and in Drafts before you send it again.', error) from error
            if not was_sent:
                raise

    def _was_sent(self, path: str) -> bool | None:
        """Whether the message at `path` is no draft any more; None where that cannot be found out."""
        try:
            shown = self.graph_request('GET', path, params={'$select': 'isDraft'}, overwrite_rate_limit_retry=True)
        except GraphError:
            return None
        return shown.get('isDraft') is False

    def _upload(self, path: str, attachment: OutgoingAttachment) -> None:
        opened = self.retried(lambda: self._post(f'{path}/createUploadSession', {'AttachmentItem': attachment.as_item()}),
                              lambda error: _is_too_early(error) or _may_have_been_done(error))
        with attachment.open() as file:
            session = UploadSession(self, str(opened.get('uploadUrl') or ''), file, attachment.size,
                                    lambda: self._has(path, attachment))
            try:
                session.put_all()
            except BaseException:
                session.cancel()
                raise

    def _has(self, path: str, attachment: OutgoingAttachment) -> bool:
        shown = self.graph_request('GET', path, params={'$select': 'name,size'}, overwrite_rate_limit_retry=True)
        return any(one.get('name') == attachment.name and int(one.get('size') or 0) >= attachment.size
                   for one in shown.get('value') or [])

    # endregion
    # region requests

    def _draft_path(self, steps: SendingProgress, user_id: str) -> str:
        return self.message_path(steps.draft_id, user_id)

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        # What the client itself would do after a long throttling is to start the command anew, and so make a second draft.
        return self.graph_request('POST', path, json_data=body, overwrite_rate_limit_retry=True, headers=headers or {})

    def _post_draft(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        made = self._post(path, body, headers)
        if not made.get('id'):
            raise GraphError('Microsoft Graph made a draft, but did not give its ID.', 'Look for it in Drafts, and try again.')
        return made

    def _accepted(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Sends a request whose answer is empty. Raises GraphError as `graph_request` does."""
        response = self._answer(method, path, json_data=body, overwrite_rate_limit_retry=True)
        if response.status_code not in (202, 204):
            raise GraphError('Microsoft Graph did not answer as it does when it did what it was asked to.',
                             'A proxy may stand between: check the proxy and the cloud setting.', response=response)

    # endregion


def _preferences(mail: OutgoingMail) -> dict[str, str]:
    """How Graph is to show a draft: its body in the form in which it was given."""
    return {'Prefer': f'IdType="ImmutableId", outlook.body-content-type="{mail.body["contentType"]}"'}


def _is_too_early(error: GraphError) -> bool:
    """Whether a draft that was just made is not known everywhere yet."""
    return error.status == 404


def _require_recipients(mail: OutgoingMail) -> None:
    if not mail.has_recipients:
        raise DemistoException('The mail has no recipients. Enter an address in to, cc or bcc.')


def _unknown_outcome(advice: str, error: GraphError) -> UnknownOutcomeError:
    return UnknownOutcomeError(f'Whether the mail was sent is not known. {error.what}', advice, error.code, error.res)


# endregion
