"""Fetch the selected messages of a mailbox as incidents."""

import base64
import errno
import json
import mimetypes
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate, groupby
from typing import Any

import demistomock as demisto

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import JsonObject, MicrosoftSignInError
    from MicrosoftMailMimeApiModule import (
        body_text,
        calendar_in_mime,
        end_of_headers,
        event_details,
        is_html,
        parse_headers,
        start_of_name,
    )
    from MicrosoftGraphClientApiModule import (
        BatchRequest,
        BatchResult,
        GraphError,
        MALFORMED_PROPERTIES,
        MAX_BATCH_SIZE,
        UNREADABLE_CODES,
        odata_text,
    )
    from MicrosoftGraphMailClientApiModule import (
        ATTACHMENT_PROPERTIES,
        Attachment,
        DRAFT_PROPERTIES,
        EmailAddress,
        GraphMailClient,
        MAX_EMPTY,
        REFUSED_STATUSES,
        SavedFile,
        message_kind,
        page_rows,
        save_file,
    )
    from MicrosoftGraphMailFetchOptionsApiModule import FetchOptions, MessageRow, RECEIVED, ROW_PROPERTIES
    from MicrosoftGraphMailCursorApiModule import (
        FetchCursor,
        FetchRun,
        MAX_ABSENCE,
        MAX_FAILING,
        MAX_TRIES_PER_MAIL,
        Outcome,
        PendingMail,
        TRANSIENT_STATUSES,
        mailbox_digest,
        reason_of,
        sort_key,
        status_of,
    )
    from MicrosoftGraphMailSelectionApiModule import MailSelector

# region reading

_MAIL_PROPERTIES = (
    'id,createdDateTime,lastModifiedDateTime,receivedDateTime,sentDateTime,subject,importance,conversationId,isRead,isDraft,'
    'internetMessageId,categories,internetMessageHeaders,sender,from,toRecipients,ccRecipients,bccRecipients,replyTo,body,'
    'bodyPreview,webLink,parentFolderId,flag,hasAttachments'
)
_SIZE = "singleValueExtendedProperties($filter=id eq 'Integer 0x0E08')"  # PidTagMessageSize: the size of a message in bytes
_FEW_PROPERTIES = f'{ROW_PROPERTIES},sentDateTime,isRead,webLink,parentFolderId'
_BATCH_BYTES = 3_000_000  # of the files in one batch; base64 makes them a third larger, and 4 MB is Graph's limit of a request
_EML = 'message/rfc822'
_FINAL_STATUSES = (400, 405, 410, 413)  # requesting again changes nothing
_SERVER_STATUSES = (500, 502, 503, 504)
_ENGINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)  # it cannot store files
_RUN_BYTES = 20_000_000  # of the bodies of one run
_RESPONSE_BYTES = 4_000_000  # of the bodies in one batch, as far as can be foreseen
_LISTED_BYTES = 6_000_000  # of the messages of one run that are read by lists
_MIN_LIST_SIZE, _MAX_LIST_SIZE = 5, 100  # messages
_MAX_COPIES = 50  # of one message, that are looked through
_FIRST_BATCH = 4  # messages: how large their bodies are is not known
_MAX_SCAN = 600.0  # seconds for which the attachments of a message are waited for while they are scanned
_NEVER_SCANNED = 'Microsoft Defender was still scanning the attachments. Get them with !msgraph-mail-get-attachment.'
MAX_BODY = 500_000  # characters of a body in an incident
_HEAD_BYTES = 64_000  # of MIME: its headers are there
_MAX_MIME = 5_000_000  # bytes of the MIME of a meeting message
_SMALL_MIME = 100_000  # bytes of a message of which only the headers are needed, so that a batch reads all of it
_Download = Callable[[Callable[[bytes], Any]], None]  # writes bytes with the function that it gets
_Step = Callable[[], None]
_OnFailure = Callable[[Exception], None]  # what to do if a step cannot succeed, with its error


class MailFile:
    """A file to attach to the incident: an attachment, or the message itself as EML.

    Args:
        path: of its bytes in Graph.
        name: shown in the incident.
        size: approximate number of bytes.
        details: what the incident says about it. Its digest is added, or why it is missing.
    Attributes:
        missing: what the incident says if it cannot be read.
        fits_batch: a batch can contain its bytes.
        is_done: it was read, or cannot be.
        saved: None before it was read.
    """

    def __init__(self, mail: 'FetchedMail', path: str, name: str, size: int, details: JsonObject):
        self.mail = mail
        self.path = path
        self.name = name
        self.size = size
        self.details = details
        self.missing = f"The file '{name}' is missing."
        # JSON would become a part of the JSON of the batch, text may stay text in it.
        self.fits_batch = size <= _BATCH_BYTES // 3 and not re.search('(?i)json|^text/', self.media_type)
        self.is_done = False
        self.saved: SavedFile | None = None

    @property
    def media_type(self) -> str:
        return str(self.details.get('ContentType') or _EML)

    def read(self, download: _Download) -> None:
        """Save what `download` writes. An Outlook item gets the extension and the media type of its format."""
        is_item = self.details.get('Kind') == 'item'
        saved = save_file(self.name, download, is_item)
        if self.size > MAX_EMPTY and saved.read(0) == b'':
            saved.remove()
            raise GraphError('Microsoft Graph sent an empty file.', 'Try again.')
        self.saved, self.is_done = saved, True
        self.details['SHA256'] = saved.sha256
        if is_item:
            self.name = self.details['Name'] = saved.name
            self.details['ContentType'] = mimetypes.guess_type(self.name)[0] or _EML

    def read_bytes(self, content: bytes) -> None:
        """Read bytes that came with others."""
        self.read(lambda write: write(content))

    def mark_missing(self, error: Exception) -> None:
        """Say in the incident that it is missing."""
        self.is_done = True
        self.mail.missing.append(f'{self.missing} {reason_of(error)}')
        self.details['Missing'] = reason_of(error)


class MailState:
    """What becomes of a message in this run: an incident, or nothing yet, or nothing at all."""

    ACTIVE = 'becomes an incident'
    POSTPONED = 'a later run continues'
    DELETED = 'does not exist any more'
    UNWANTED = 'is not found by the search of the instance'


class FetchedMail:
    """A message that is to become an incident.

    Attributes:
        message: as Graph shows it; empty before it was read.
        attachments: what the incident says about each.
        eml: what it says about the message as a file.
        files: those to attach to the incident.
        event: what the invitation of a meeting says.
        missing: sentences about what could not be read.
        body_length: characters of the body, before it was shortened.
        incident: made of all that was read; empty before.
        selected_id: its ID when it was selected.
        is_listed: Graph lists it, although it does not find it.
    """

    def __init__(self, pending: PendingMail):
        self.pending = pending
        self.message: JsonObject = {}
        self.attachments: list[JsonObject] = []
        self.eml: JsonObject = {}
        self.files: list[MailFile] = []
        self.missing: list[str] = []
        self.selected_id = pending.message_id
        self.body_length = 0
        self.event: JsonObject = {}
        self.incident: JsonObject = {}
        self.state = MailState.ACTIVE
        self.is_listed = False

    @property
    def message_id(self) -> str:
        return self.pending.message_id

    @property
    def kind(self) -> str:
        """``message``, or for a meeting ``eventMessageRequest`` and the like."""
        return message_kind(self.message)

    @property
    def needs_mime(self) -> bool:
        """Whether its MIME has what its JSON does not: the headers of messages of colleagues, and the invitation to a meeting."""
        has_headers = self.message.get('internetMessageHeaders') or self.message.get('isDraft')
        return bool(self.message.get('id')) and (self.is_event or not has_headers)

    @property
    def is_event(self) -> bool:
        return self.kind.startswith('eventMessage')

    @property
    def mime_size(self) -> int:
        """Approximate number of bytes."""
        return 10_000 + 2 * self.body_length + sum(3 * details['Size'] // 2 for details in self.attachments)

    @property
    def is_active(self) -> bool:
        """Whether this run makes an incident of the message."""
        return self.state == MailState.ACTIVE

    def is_last_try(self, error: Exception, now: float) -> bool:
        is_waiting = now - (self.pending.since or now) < _patience_with(error)
        return self.pending.tries + 1 >= MAX_TRIES_PER_MAIL and not is_waiting

    def accept(self, message: JsonObject) -> None:
        """Take what Graph shows of the message. What has an odd form is missing, but the attachments can be listed.

        Raises:
            GraphError: it shows nothing.
        """
        if 'subject' not in message:
            raise GraphError('Microsoft Graph sent an email without content.', 'Try again.')
        self.message = message
        for name in sorted(message.pop(MALFORMED_PROPERTIES, ())):
            if name == 'attachments':
                del message[name]
            else:
                self.missing.append(f"Microsoft Graph sent '{name}' in an unknown form, so it is not complete.")
        self.body_length = 0
        for name, what in (('body', 'body'), ('uniqueBody', 'new text')):
            body = message.get(name) or {}
            content = body.get('content') or ''
            self.body_length += len(content)
            if len(content) > MAX_BODY:
                body['content'] = content[:MAX_BODY]
                self.missing.append(f'The {what} is shortened to its first {MAX_BODY:,} of {len(content):,} characters.')

    @property
    def searched(self) -> JsonObject:
        """The message as a search reads it. What could not be read is not there."""
        message = {**self.message}
        if self._has_files:
            message['hasAttachments'] = True
        elif 'attachments' not in message:
            message.pop('hasAttachments', None)
        if 'body' in message:
            message['kind'] = 'meetings' if self.is_event else 'email'
        size = _size_of(message)
        if size:
            message['size'] = size
        return message

    @property
    def _has_files(self) -> bool:
        """Whether it has attachments besides the pictures of its body. Graph reports only those that are not inline."""
        body, values = self.message.get('body') or {}, self.message.get('attachments') or []
        content = str(body.get('content') or '')
        shown = Attachment.list_from_json([{**value, 'isInline': False} for value in values], content)
        is_text = not is_html(body)  # it does not say which pictures it shows
        files = [one for one in shown if not (one.is_inline or (is_text and one.content_id and one.content_type[:6] == 'image/'))]
        return bool(self.message.get('hasAttachments') or files)

    def postpone(self, error: Exception | None = None, now: float = 0) -> None:
        """Leave the message to a later run unless it is deleted, and delete the files that were saved.

        Args:
            error: why it could not be read at a time, `now`, although the mailbox can be.
        """
        if self.state != MailState.DELETED:
            self.state = MailState.POSTPONED
        if error:
            since = self.pending.since or (now if _patience_with(error) else 0)
            since = min(int(since), int(now))  # the clock of the engine may have been ahead
            self.pending = self.pending._replace(tries=self.pending.tries + 1, since=since)
        self.drop_files()

    def waits_for_scan(self, now: float) -> bool:
        """Leave the message to a later run unless its attachments were waited for long enough. Return whether it was left."""
        since = min(self.pending.since or int(now), int(now))
        if now - since >= _MAX_SCAN:
            return False
        self.pending = self.pending._replace(since=since)
        self.postpone()
        return True

    def drop_files(self) -> None:
        for file in self.files:
            if file.saved:
                with suppress(OSError):
                    file.saved.remove()
        self.files = []

    def add_mime(self, head: bytes) -> None:
        """Add what only the MIME of the message has. `head` is its beginning."""
        if not self.message.get('internetMessageHeaders'):
            self.message['internetMessageHeaders'] = parse_headers(head)
        if not self.is_event:
            return
        calendar = calendar_in_mime(head)
        if not calendar:
            self.missing.append('The invitation is not in the email. Open the email in Outlook to see it.')
            return
        self.event = event_details(calendar.decode(errors='replace'))
        name, media_type = 'invitation.ics', 'text/calendar'
        details = {'ID': None, 'Name': name, 'Kind': 'invitation', 'ContentType': media_type, 'Size': len(calendar)}
        file = MailFile(self, '', name, len(calendar), details)
        file.read_bytes(calendar)
        self.files.append(file)
        self.attachments.append(details)

    def outcome(self, options: FetchOptions) -> Outcome:
        """Return what became of the message. One that is not wanted is done, unless a later state of it may be wanted."""
        return Outcome(
            self.selected_id,
            self.pending,
            is_postponed=self.state == MailState.POSTPONED,
            is_done=self.is_active or (self.state == MailState.UNWANTED and not options.depends_on_state),
            is_to_mark=self.is_active and options.mark_read and not self.message.get('isRead'),
        )

    def mark_unreadable(self, error: Exception) -> None:
        """Keep only what the list showed of the message, and say why in the incident."""
        self.drop_files()
        self.message, self.attachments, self.eml = {}, [], {}
        self.missing = [f'This email could not be read. {reason_of(error)}']


def is_final(error: Exception) -> bool:
    """Return whether a request fails again whenever it is sent again."""
    return status_of(error) in _FINAL_STATUSES or (isinstance(error, GraphError) and error.code in UNREADABLE_CODES)


def _engine_problem(error: Exception) -> str:
    """Return what to tell the administrator if the engine cannot store files, empty for other errors."""
    is_of_engine = isinstance(error, OSError) and error.errno in _ENGINE_ERRORS
    return f'The engine cannot store files: {getattr(error, "strerror", "")}. Check its disk.' if is_of_engine else ''


def _patience_with(error: Exception) -> float:
    """Return the seconds for which a message is tried again, at least, although it could be the only one that fails."""
    if status_of(error) == 404:
        return MAX_ABSENCE
    return MAX_FAILING if status_of(error) in _SERVER_STATUSES or _engine_problem(error) else 0.0


class _StopDownload(Exception):
    """Enough of a message was read."""


class MimeHead(MailFile):
    """The message as EML of which only the beginning is read, and not attached: its headers, or the invitation to a meeting."""

    def __init__(self, mail: FetchedMail, path: str):
        super().__init__(mail, path, '', mail.mime_size, {})
        self.missing = f'The {"invitation" if mail.is_event else "headers"} of this email cannot be read.'
        self.fits_batch = self.size <= _SMALL_MIME and not mail.is_event

    def read_eml(self) -> None:
        """Read it from the message as a file, if there is one. The beginning of a large one is requested again."""
        for file in self.mail.files:
            if file.saved and file.details is self.mail.eml:
                content = file.saved.read(_MAX_MIME)
                if content:
                    self.read_bytes(content)

    def read(self, download: _Download) -> None:
        head, is_event = bytearray(), self.mail.is_event
        limit = _MAX_MIME if is_event else _HEAD_BYTES

        def write(chunk: bytes) -> None:
            head.extend(chunk[: limit - len(head)])
            if len(head) >= limit or (not is_event and end_of_headers(head)):
                raise _StopDownload

        with suppress(_StopDownload):
            download(write)
        self.is_done = True
        self.mail.add_mime(bytes(head))


class MailReader:
    """Read messages with their attachments, many with one request.

    What fails in a batch is requested again alone. If it fails again, although the mailbox can be read, the fault is that of the
    message: later runs try it again, and finally the incident says what is missing.
    """

    def __init__(self, run: FetchRun, options: FetchOptions, cursor: FetchCursor, address: str, mails: Sequence[FetchedMail]):
        self._run = run
        self._options = options
        self._cursor = cursor
        self._address = address
        self._mails = mails
        self._body_type = 'html' if options.html else 'text'
        self._properties = _MAIL_PROPERTIES + (',uniqueBody' if options.unique_body else '')
        self._expand = f',{_SIZE}' if 'size' in options.search_properties else ''
        self._is_mailbox_available: bool | None = None
        self._is_over = False
        self._has_time = not run.is_over_time

    def read(self) -> list[JsonObject]:
        """Read the messages, and return their incidents. Those that are active then are complete, or say what is missing."""
        self._read_lists()
        self._read_messages([mail for mail in self._active if not mail.message])
        for mail in self._active:
            self._run_step(mail, partial(self._plan_files, mail), mail.mark_unreadable)
        files = [file for mail in self._active for file in mail.files]
        self._read_in_batches(files)
        heads = [MimeHead(mail, self._mime_path(mail)) for mail in self._active if mail.needs_mime]
        for head in heads:
            self._run_step(head.mail, head.read_eml, head.mark_missing)
        self._read_files(heads)
        self._read_files(files)  # large ones may take all the time that is left
        for mail in self._active:
            self._run_step(mail, partial(self._make_incident, mail), mail.mark_unreadable)
        for mail in self._active:
            if not mail.incident:  # it is unreadable
                self._make_incident(mail)
        return [mail.incident for mail in self._active]

    @property
    def _active(self) -> list[FetchedMail]:
        return [mail for mail in self._mails if mail.is_active]

    def _make_incident(self, mail: FetchedMail) -> None:
        mail.incident = mail_to_incident(mail, self._address, self._options.full_body)

    # region failures

    def _batch(self, items: Sequence[BatchRequest]) -> list[BatchResult]:
        try:
            return self._run.mailbox.batch(items)
        except (DemistoException, MicrosoftSignInError) as error:
            self._end(error)
        except Exception as error:  # such as MemoryError: alone, the messages may be read
            demisto.debug(f'A batch failed: {type(error).__name__}')
        return [BatchResult(item) for item in items]

    def _end(self, error: Exception) -> None:
        """Request nothing more in this run. What is complete becomes incidents."""
        if not self._is_over:
            self._run.problems.append(error)
        self._is_over = True

    def _ends_with(self, error: Exception | None) -> bool:
        """Return whether this run requests nothing more, since Graph throttles or the sign-in failed."""
        if isinstance(error, MicrosoftSignInError) or (error and status_of(error) == 429):
            self._end(error)
        return self._is_over

    def _attempt(self, mail: FetchedMail, read: _Step, on_failure: _OnFailure, error: Exception | None = None) -> None:
        """Request a part of a message alone. `error` is that of a batch."""
        # one message of a run is read, however long it takes
        if self._ends_with(error) or (self._run.is_over_time and mail is not self._mails[0]):
            mail.postpone()
        else:
            self._run_step(mail, read, on_failure)

    def _run_step(self, mail: FetchedMail, step: _Step, on_failure: _OnFailure) -> None:
        """Do something with a message. If it fails, postpone the message; if it would fail again, call `on_failure`."""
        try:
            step()
        except Exception as raised:  # whatever is wrong with one message, the others are read
            self._run.stop_waiting_after(raised)
            error = self._slowness(raised) or raised
            if problem := _engine_problem(error):
                self._run.problems.append(DemistoException(problem))
            if self._ends_with(error) or not self._is_fault_of_mail(error):
                mail.postpone()
            elif is_final(error) or mail.is_last_try(error, self._run.now()):
                on_failure(error)
            else:
                mail.postpone(error, self._run.now())
                if error is not raised:
                    received = f"An email in '{mail.pending.folder}' that was received at {mail.pending.received}"
                    self._run.notes.append(f'{received} is tried again. {reason_of(error)}')

    def _slowness(self, error: Exception) -> GraphError | None:
        """Return what to say instead of an error if the time of the command ended with the request."""
        if self._run.has_command_ended and isinstance(error, GraphError) and not error.status:
            what = 'It could not be read in the time of one fetch: it is large, or the connection to Microsoft Graph is slow.'
            slowness = GraphError(what, 'Open the email in Outlook.')
            slowness.status = 0 if self._has_time else 504  # the selection took the time: this may be the fault of Graph
            return slowness
        return None

    def _is_fault_of_mail(self, error: Exception) -> bool:
        """Return whether the mailbox can be read, although a message cannot. Without time it cannot be asked: it is assumed."""
        if not isinstance(error, DemistoException) or self._run.has_command_ended:
            return True
        if self._is_mailbox_available is None or not status_of(error):
            self._is_mailbox_available = self._run.is_mailbox_available(self._cursor)
        if not self._is_mailbox_available:
            self._end(error)
        return self._is_mailbox_available

    # endregion
    # region messages

    def _read_lists(self) -> None:
        """Read small messages by lists with their attachments: many with one request. The others, and all that a list does not
        contain, are read in batches. One message that cannot be read fails a list (microsoftgraph/msgraph-sdk-dotnet#1775)."""
        new = [mail for mail in self._mails if mail.pending.received and not mail.pending.tries]
        total = 0
        for name, folder in self._cursor.folders.items():
            group = {mail.message_id: mail for mail in new if mail.pending.folder == name}
            if len(group) < _MIN_LIST_SIZE or self._run.is_over_time:
                continue
            try:
                for rows in small_ranges(self._sizes(folder.folder_id, group), {*group}):
                    total += sum(map(_size_of, rows))
                    if total <= _LISTED_BYTES:
                        self._read_range(folder.folder_id, rows, group)
            except Exception as error:  # whatever is wrong, batches tell what it is
                demisto.debug(f'A list of messages failed: {type(error).__name__}')
                self._run.stop_waiting_after(error)
                return

    def _list(self, folder_id: str, start: str, count: int, query: dict[str, str]) -> JsonObject:
        """Return the page of `count` messages from a time on, oldest first."""
        query = {**query, '$filter': f'{RECEIVED} ge {start}Z', '$orderby': f'{RECEIVED} asc', '$top': str(count)}
        return self._run.mailbox_without_retries.messages_page(folder_id, query, self._body_type)

    def _sizes(self, folder_id: str, group: dict[str, FetchedMail]) -> list[MessageRow]:
        """Return rows with the sizes of the messages of a group, and of those that were received between them."""
        start = min(mail.pending.received for mail in group.values())[:19]
        query = {'$select': f'id,{RECEIVED}', '$expand': _SIZE}
        page = self._list(folder_id, start, 2 * len(group), query)
        rows = page_rows(page)
        last = sort_key(rows[-1])[0] if rows and '@odata.nextLink' in page else ''  # there may be more of this second
        return [row for row in rows if sort_key(row)[0] != last]

    def _read_range(self, folder_id: str, rows: Sequence[MessageRow], group: dict[str, FetchedMail]) -> None:
        query = {'$select': self._properties, '$expand': f'attachments{self._expand}'}
        for message in page_rows(self._list(folder_id, sort_key(rows[0])[0], len(rows), query)):
            mail = group.get(message['id'])
            if mail and 'subject' in message:
                self._accept(mail, message)

    def _read_messages(self, mails: Sequence[FetchedMail]) -> None:
        """Read messages in batches, until their bodies are as large as those of one run may be. The others are postponed."""
        done, size = 0, _FIRST_BATCH
        while done < len(mails):
            read = sum(mail.body_length for mail in self._mails)
            if read >= _RUN_BYTES or (self._run.is_over_time and read):
                for mail in mails[done:]:
                    mail.postpone()
                return
            self._read_chunk(mails[done : done + size])
            done = min(done + size, len(mails))
            average = sum(mail.body_length for mail in mails[:done]) // done
            size = max(1, min(MAX_BATCH_SIZE, _RESPONSE_BYTES // max(1, average)))

    def _read_chunk(self, mails: Sequence[FetchedMail]) -> None:
        expand = f'attachments($select={ATTACHMENT_PROPERTIES}){self._expand}'
        query = {'$select': self._properties, '$expand': expand}
        items = [self._run.mailbox.message_request(mail.message_id, query, self._body_type) for mail in mails]
        for mail, result in zip(mails, self._batch(items), strict=True):
            if result.body.get('id') and 'subject' in result.body:
                self._accept(mail, result.body)
            else:
                self._attempt(mail, partial(self._read_message, mail), partial(self._read_minimum, mail), result.error)

    def _accept(self, mail: FetchedMail, message: JsonObject) -> None:
        self._run_step(mail, partial(mail.accept, message), mail.mark_unreadable)
        # there are more than the message contains, or it contains none that can be read
        if mail.is_active and ('attachments@odata.nextLink' in mail.message or 'attachments' not in mail.message):
            self._list_attachments(mail)

    def _read_message(self, mail: FetchedMail) -> None:
        query = {'$select': self._properties}
        if self._expand:
            query['$expand'] = _SIZE
        get = partial(self._run.mailbox.get_message, query=query, body_type=self._body_type)
        try:
            message = get(mail.message_id)
        except GraphError as error:
            if error.status != 404 or not self._find_again(mail):
                raise
            message = get(mail.message_id)
        mail.accept(message)
        self._list_attachments(mail)

    def _find_again(self, mail: FetchedMail) -> bool:
        """Find a message whose ID changed, by its Message-ID. Return whether it has a new ID; without one it may be deleted.

        Raises:
            GraphError: the service failed.
        """
        if not mail.pending.internet_id:
            return False
        query = {'$select': f'id,{RECEIVED}', '$filter': f'internetMessageId eq {odata_text(mail.pending.internet_id)}'}
        try:
            rows, _ = self._run.mailbox.message_page(query=query, size=_MAX_COPIES)
        except GraphError as error:
            if error.status in TRANSIENT_STATUSES:
                raise
            return False
        found = [row['id'] for row in rows if row.get(RECEIVED) == mail.pending.received]  # a copy has its own time
        mail.is_listed = mail.message_id in found
        if mail.is_listed or not found:
            return False
        selected = {one.message_id for one in self._mails}
        new = [one for one in found if one not in selected and not self._cursor.is_known(one)]
        if new:
            mail.pending = mail.pending._replace(message_id=new[0])
        else:  # it becomes another incident of this run, or is one already
            mail.state = MailState.DELETED
        return bool(new)

    def _list_attachments(self, mail: FetchedMail) -> None:
        def read() -> None:
            values = self._run.mailbox.list_attachments(mail.message_id)
            usable = [value for value in values if isinstance(value, dict) and MALFORMED_PROPERTIES not in value]
            mail.message['attachments'] = usable
            if usable != values:
                mail.missing.append('Some attachments of this email are missing: Microsoft Graph sent them in an unknown form.')

        def mark_missing(error: Exception) -> None:
            mail.missing.append(f'The attachments of this email are missing. {reason_of(error)}')

        self._attempt(mail, read, mark_missing)

    def _read_minimum(self, mail: FetchedMail, error: Exception) -> None:
        """Read a few properties of a message that cannot be read otherwise."""
        if status_of(error) == 404 and not mail.is_listed:
            mail.state = MailState.DELETED
            return
        mail.missing.append(f'The body, the headers and the attachments of this email are missing. {reason_of(error)}')

        def read() -> None:
            mail.accept(self._run.mailbox.get_message(mail.message_id, query={'$select': _FEW_PROPERTIES}))

        def mark_deleted(own_error: Exception) -> None:
            if status_of(own_error) == 404 and not mail.is_listed:
                mail.state = MailState.DELETED

        self._attempt(mail, read, mark_deleted)

    # endregion
    # region files

    def _plan_files(self, mail: FetchedMail) -> None:
        """Decide whether a message is wanted, and which of its files are attached to the incident."""
        body, raw = mail.message.get('body') or {}, mail.message.get('attachments') or []
        contents = {one.get('id'): one.pop('contentBytes', None) for one in raw}
        attachments = Attachment.list_from_json(raw, str(body.get('content') or '') if is_html(body) else '')
        is_unscanned = any(one.is_placeholder for one in attachments)
        if is_unscanned and mail.waits_for_scan(self._run.now()):
            return
        if self._options.search_properties and not self._options.is_found(mail.searched):
            mail.state = MailState.UNWANTED
            return
        mail.missing += [_NEVER_SCANNED] * is_unscanned
        for attachment in attachments:
            self._plan_attachment(mail, attachment, contents.get(attachment.attachment_id))
        if self._options.with_eml:
            mail.eml = {'Name': f'{start_of_name(mail.message.get("subject"))}.eml'}
            eml = MailFile(mail, self._mime_path(mail), mail.eml['Name'], mail.mime_size, mail.eml)
            total, max_size = sum(details['Size'] for details in mail.attachments), self._options.max_attachment_size
            if total <= max_size:
                mail.files.append(eml)
            else:
                eml.mark_missing(DemistoException(_too_large(total, max_size, 'Its attachments have')))

    def _plan_attachment(self, mail: FetchedMail, attachment: Attachment, content: Any) -> None:
        """Attach a file, or say why not. Its `content` in base64 may have come with the message."""
        details = attachment_details(attachment)
        mail.attachments.append(details)
        reason = self._reason_against(mail, attachment)
        if reason:
            details['Missing'] = reason
            mail.missing.append(f"The attachment '{attachment.name}' is not attached. {reason}")
            return
        path = self._run.mailbox.attachment_path(mail.message_id, attachment.attachment_id)
        name = attachment.received_name(self._run.client.legacy_names)
        file = MailFile(mail, f'{path}/$value', name, attachment.size, details)
        mail.files.append(file)
        # Graph may show a text as it is (microsoft-graph-docs#20794), which is not longer than the file; base64 mostly is.
        if content and len(content) > attachment.size:
            with suppress(Exception):  # it is requested
                file.read_bytes(base64.b64decode(content, validate=True))

    def _mime_path(self, mail: FetchedMail) -> str:
        return f'{self._run.mailbox.message_path(mail.message_id)}/$value'

    def _reason_against(self, mail: FetchedMail, attachment: Attachment) -> str:
        max_size = self._options.max_attachment_size
        if not attachment.attachment_id:
            return 'Microsoft Graph did not return its ID.'
        if attachment.attachment_type == 'reference':
            return f'It is a link to a file elsewhere. Open the email to follow it: {mail.message.get("webLink") or "in Outlook"}'
        if attachment.size > max_size:
            return _too_large(attachment.size, max_size)
        return ''

    def _read_files(self, files: Sequence[MailFile]) -> None:
        """Read small files in batches, then the others one by one."""
        self._read_in_batches(files)
        for file in files:
            if file.mail.is_active and not file.is_done:
                self._read_file(file)

    def _read_in_batches(self, files: Sequence[MailFile]) -> None:
        files = [file for file in files if file.fits_batch and not file.is_done and file.mail.is_active]
        while files and not (self._is_over or self._run.is_over_time):
            sizes = accumulate(file.size for file in files[:MAX_BATCH_SIZE])
            count = sum(size <= _BATCH_BYTES for size in sizes)  # at least one, since each of them fits
            chunk, files = [file for file in files[:count] if file.mail.is_active], files[count:]
            results = self._batch([BatchRequest(file.mail.message_id, 'GET', file.path) for file in chunk])
            for file, result in zip(chunk, results, strict=True):
                if file.mail.is_active and result.content is None:
                    self._read_file(file, result.error)
                elif file.mail.is_active:
                    self._run_step(file.mail, partial(file.read_bytes, result.content), file.mark_missing)

    def _read_file(self, file: MailFile, error: Exception | None = None) -> None:
        self._attempt(file.mail, partial(file.read, partial(self._run.mailbox.download, file.path)), file.mark_missing, error)

    # endregion


def _too_large(size: int, max_size: int, what: str = 'It has') -> str:
    return f'{what} {size / 1_000_000:.1f} MB, but the maximum is {max_size / 1_000_000:g} MB.'


def _size_of(message: MessageRow) -> int:
    """Return the bytes of a message with its attachments, 0 if Graph does not report it."""
    for one in message.get('singleValueExtendedProperties') or ():
        if isinstance(one, dict) and str(one.get('value')).isdecimal():
            return int(one['value'])
    return 0


def _fits_list(rows: Sequence[MessageRow]) -> bool:
    sizes = [_size_of(row) for row in rows]
    return len(rows) <= _MAX_LIST_SIZE and all(sizes) and sum(sizes) <= _BATCH_BYTES


def small_ranges(rows: Iterable[MessageRow], wanted: set[str]) -> list[list[MessageRow]]:
    """Return ranges of received times whose messages are small together, and mostly those that are wanted.

    Args:
        rows: with the sizes of all messages of that time, oldest first.
    Returns:
        the rows of each range. A second is in a range as a whole, since the order within it is not known.
    """
    ranges: list[list[MessageRow]] = [[]]
    for _, of_second in groupby(rows, key=lambda row: sort_key(row)[0]):
        second = list(of_second)
        if not _fits_list([*ranges[-1], *second]):
            ranges.append([])
        if _fits_list(second):
            ranges[-1] += second
    return [one for one in ranges if sum(row['id'] in wanted for row in one) >= max(_MIN_LIST_SIZE, len(one) / 2)]


# endregion

# region incidents


def attachment_details(attachment: Attachment) -> JsonObject:
    """Return what an incident says about an attachment."""
    return {
        'ID': attachment.attachment_id,
        'Name': attachment.name,
        'Kind': attachment.attachment_type,
        'ContentType': attachment.content_type or mimetypes.guess_type(attachment.name)[0] or 'application/octet-stream',
        'Size': attachment.size,
        'ContentID': attachment.content_id or None,
        'IsInline': attachment.is_inline,
    }


def mail_to_json(mail: FetchedMail, mailbox: str) -> JsonObject:
    """Return the ``rawJSON`` of the incident of a message. `mailbox` is an address."""
    pending = mail.pending
    sender = EmailAddress(pending.sender).as_json()
    listed = {'subject': pending.subject, 'from': sender, 'internetMessageId': pending.internet_id}
    message: JsonObject = {**listed, **mail.message}
    addresses: JsonObject = {}
    for name, source in {'Sender': 'sender', 'From': 'from'}.items():
        addresses[name], addresses[f'{name}Name'] = EmailAddress.from_json(message.get(source))
    for name, source in {'To': 'toRecipients', 'Cc': 'ccRecipients', 'Bcc': 'bccRecipients', 'ReplyTo': 'replyTo'}.items():
        recipients = [EmailAddress.from_json(one) for one in message.get(source) or []]
        addresses[name] = [recipient.address for recipient in recipients]
        addresses[f'{name}Names'] = [recipient.name for recipient in recipients]
    body = message.get('body') or {}
    content, body_type = body.get('content') or '', body.get('contentType') or ''
    headers = message.get('internetMessageHeaders') or []
    properties = {**DRAFT_PROPERTIES, 'ParentFolderID': 'parentFolderId', 'WebLink': 'webLink'}
    email = {
        **{name: message.get(source) for name, source in properties.items()},
        'ID': mail.message_id,
        'Kind': mail.kind,
        'ReceivedTime': message.get('receivedDateTime') or pending.received,
        'Categories': message.get('categories') or [],
        'Headers': headers,
        # The rows of the grid fields Email Headers and Phishing Reporter Email Headers, whose columns have these names.
        'HeaderRows': [{'headername': header.get('name'), 'headervalue': header.get('value')} for header in headers],
        **addresses,
        'Body': content,
        'Text': body_text(body, with_targets=True),
        'HTML': content if body_type.lower() == 'html' else '',
        'BodyType': body_type,
        'BodyPreview': message.get('bodyPreview') or '',
        'HasAttachments': bool(message.get('hasAttachments') or mail.attachments),
        'Attachments': [
            {'path': file.saved.entry['FileID'], 'name': file.name, 'type': file.media_type} for file in mail.files if file.saved
        ],
        'AttachmentDetails': mail.attachments,
        'Mailbox': mailbox,
        'Folder': pending.folder,
        'Flag': (message.get('flag') or {}).get('flagStatus'),
    }
    optional = {
        'Unique': body_text(message.get('uniqueBody') or {}, with_targets=True),
        'EML': mail.eml,
        'Event': mail.event,
        'Missing': mail.missing,
    }
    return {**email, **{name: value for name, value in optional.items() if value}}


def mail_to_incident(mail: FetchedMail, mailbox: str, full_body: bool) -> JsonObject:
    """Return the incident of a message. `mailbox` is an address."""
    email = mail_to_json(mail, mailbox)
    details = email['Text'] if full_body or not email['BodyPreview'] else email['BodyPreview']
    return {
        'name': email['Subject'] or '(no subject)',
        'details': '\n'.join(filter(None, [details, *mail.missing])),
        'occurred': email['ReceivedTime'] or email['SentTime'],
        'dbotMirrorId': mail.message_id,
        'attachment': email['Attachments'],
        'labels': _labels(email),
        'rawJSON': json.dumps(email),
    }


# Too long, or not a text. Bodies are in the fields.
_NO_LABELS = ('Headers', 'HeaderRows', 'Attachments', 'AttachmentDetails', 'EML', 'Body', 'Text', 'HTML', 'Unique', 'Event')


def _labels(email: JsonObject) -> list[dict[str, str]]:
    pairs = [(f'Header/{header.get("name")}', header.get('value') or '') for header in email['Headers']]
    fields = {**email, **{f'Event/{name}': value for name, value in email.get('Event', {}).items()}}
    for name, value in fields.items():
        if name not in _NO_LABELS:
            values = value if isinstance(value, list) else [value]
            pairs += [(name, one) for one in values if one not in (None, '')]
    return [{'type': f'Email/{name}', 'value': str(value)} for name, value in pairs]


# endregion

# region fetch

_MAX_CLOCK_DIFFERENCE = 300.0  # seconds
_HAS_MESSAGES = 'has_messages'  # in the last run: the health of the instance shows something that is to be cleared


def fetch_incidents(client: GraphMailClient, options: FetchOptions) -> None:
    """Fetch the next messages: create their incidents, then save the last run. The health shows problems and notes."""
    saved = demisto.getLastRun()
    before = saved if isinstance(saved, dict) else {}
    run = FetchRun(client)
    incidents, last_run = fetch_mails(run, options, before)
    messages = '\n'.join(dict.fromkeys(map(str, (*run.problems, *run.notes))))
    demisto.incidents(incidents)
    demisto.setLastRun({**last_run, **({_HAS_MESSAGES: True} if messages else {})})
    if messages or before.get(_HAS_MESSAGES):
        _update_health(messages, bool(run.problems))


def _update_health(text: str, is_error: bool) -> None:
    """Show a text as the health of the instance. An error stays there until something else is written, even an empty text."""
    try:
        demisto.updateModuleHealth(text, is_error=is_error)
    except TypeError:  # an older server has no such parameter
        demisto.updateModuleHealth(text)


def fetch_mails(run: FetchRun, options: FetchOptions, last_run: JsonObject) -> tuple[list[JsonObject], JsonObject]:
    """Return the next messages as incidents, to be created first, and the last run, to be saved after that.

    If something fails, everything else is fetched all the same: the run has the problems and notes.

    Raises:
        GraphError, MicrosoftSignInError, DemistoException: nothing could be done.
    """
    client = run.client
    address = client.mailbox.address or _signed_in_user(client)
    last_run = _renamed_mailbox(run, last_run, address)
    cursor = FetchCursor.from_last_run(last_run, address, options.filters)
    if cursor.damaged:
        lost = ', '.join(dict.fromkeys(cursor.damaged))
        run.notes.append(f'The stored position of the fetch was damaged. These parts were lost and start again: {lost}.'[:500])
    before = cursor.as_last_run()
    mails = list(map(FetchedMail, MailSelector(run, cursor, options).select()))
    incidents = MailReader(run, options, cursor, address, mails).read()
    fetch_problems = list(run.problems)
    _mark_as_read(run, cursor, options.mark_read)
    cursor.record([mail.outcome(options) for mail in mails], run.now())
    if abs(client.clock_ahead) > _MAX_CLOCK_DIFFERENCE:
        side = 'ahead of' if client.clock_ahead > 0 else 'behind'
        minutes = f'{abs(client.clock_ahead) / 60:,.0f} minutes'
        run.notes.append(f'The clock of the engine is {minutes} {side} that of Microsoft Graph. Correct it.')
    after = cursor.as_last_run()
    if fetch_problems and not incidents and after == before:
        raise fetch_problems[0]
    return incidents, after


def _signed_in_user(client: GraphMailClient) -> str:
    """Return the address or ID of the user that the token names, empty if it names none."""
    claims = client.token_provider.get_token(client.token_target()).claims()
    names = [claims.get(name) for name in ('upn', 'preferred_username', 'unique_name', 'oid')]
    return str(next(filter(None, names), ''))


def _renamed_mailbox(run: FetchRun, last_run: JsonObject, address: str) -> JsonObject:
    """Return the last run, with the present address of its mailbox if only that changed: the ID of a folder is valid in one only.

    Raises:
        GraphError: it cannot be told whether it is the same mailbox.
    """
    saved, folders = last_run.get('mailbox'), last_run.get('folders')
    if not saved or saved == mailbox_digest(address) or not isinstance(folders, dict):
        return last_run
    for folder_id in [str(folder['id']) for folder in folders.values() if isinstance(folder, dict) and folder.get('id')]:
        try:
            run.mailbox.folder_property(folder_id, 'id')
        except GraphError as error:
            if status_of(error) not in (400, *REFUSED_STATUSES):
                raise
        else:
            return {**last_run, 'mailbox': mailbox_digest(address)}
    run.notes.append('The instance now fetches from another mailbox, so the fetch starts again at the first fetch time.')
    return last_run


def _mark_as_read(run: FetchRun, cursor: FetchCursor, is_wanted: bool) -> None:
    """Mark the messages whose incidents exist since the last run as read. What fails is repeated in the next run.

    It comes after the reading, so that its failures do not affect the incidents.
    """
    if not is_wanted:
        cursor.to_mark = {}
    if run.has_command_ended or (run.has_service_failed and run.problems):  # without a problem, the service has answered since
        return
    mailbox = run.mailbox
    try:
        results = mailbox.batch([mailbox.update_request(message_id, {'isRead': True}) for message_id in cursor.to_mark])
    except (DemistoException, MicrosoftSignInError) as error:
        run.problems.append(error)
    else:
        run.problems += cursor.record_marked(results)[:1]


# endregion
