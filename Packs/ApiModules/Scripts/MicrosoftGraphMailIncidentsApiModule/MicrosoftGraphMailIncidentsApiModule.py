"""Fetching mails as incidents: which are wanted, the whole of each in few requests, and the incident that it becomes."""

import hashlib
import json
import mimetypes
import re
from collections.abc import Callable, Sequence
from functools import partial
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import urlencode

import demistomock as demisto  # noqa: F401 - integrations take it from here
from CommonServerPython import *
from MicrosoftGraphMailFetchApiModule import *

# region options


class FetchOptions(NamedTuple):
    """What an instance fetches, and what it makes of it.

    Args:
        folders: IDs, well-known names or paths, as `find_folder` takes them.
        first: gives the received time of the oldest mail to fetch, ``2030-01-31T08:00:00`` in UTC. It is asked only for a folder
            that was not fetched from before.
        most: incidents of one run, 1 to MOST_MAILS_OF_A_RUN.
        senders: addresses or domains, in small letters; none means all.
        subject: what the subject holds, in small letters.
        unread_only, with_attachments_only: which mails are wanted.
        largest_attachment: bytes; larger ones are named only.
        with_eml: each mail is attached to its incident as it is.
        full_body: details are the body, and not its beginning.
        html: the body comes as HTML.
        mark_read: mails are marked as read once their incidents exist.
        content_id_names: the names of inline attachments begin with their content IDs.
    """

    folders: tuple[str, ...] = ('Inbox',)
    first: Callable[[], str] = partial(graph_seconds, 0)
    most: int = 50
    senders: tuple[str, ...] = ()
    subject: str = ''
    unread_only: bool = False
    with_attachments_only: bool = False
    largest_attachment: int = 50_000_000
    with_eml: bool = False
    full_body: bool = False
    html: bool = False
    mark_read: bool = False
    content_id_names: bool = True

    @property
    def wanted(self) -> str:
        """What tells one choice of mails from another."""
        return json.dumps([self.senders, self.subject, self.unread_only, self.with_attachments_only])

    def wants(self, row: Row) -> bool:
        """Whether a message is one of those to fetch."""
        senders = {str(address_of(row.get(name))).lower() for name in ('from', 'sender')}
        return (
            (
                not self.senders
                or any(sender == one or sender.endswith(f'@{one.lstrip("@")}') for sender in senders for one in self.senders)
            )
            and self.subject in str(row.get('subject') or '').lower()
            and not (self.unread_only and row.get('isRead'))
            and not (self.with_attachments_only and not row.get('hasAttachments'))
        )


def address_of(recipient: dict[str, Any] | None) -> str:
    return ((recipient or {}).get('emailAddress') or {}).get('address') or ''


def name_of(recipient: dict[str, Any] | None) -> str:
    return ((recipient or {}).get('emailAddress') or {}).get('name') or ''


# endregion
# region reading mails

_MAIL_PROPERTIES = (
    'id,createdDateTime,lastModifiedDateTime,receivedDateTime,sentDateTime,subject,importance,conversationId,isRead,isDraft,'
    'internetMessageId,categories,internetMessageHeaders,sender,from,toRecipients,ccRecipients,bccRecipients,replyTo,body,'
    'bodyPreview,webLink,parentFolderId,flag,hasAttachments'
)
_FEW_PROPERTIES = f'{ROW_PROPERTIES},sentDateTime,internetMessageId,webLink,parentFolderId'
_BATCH_BYTES = 3_000_000  # of the files in one batch. They come a third larger, and Graph's limit is said to be 4 MB
_EML = 'message/rfc822'
# Asking again changes nothing.
_FINAL_STATUSES = (400, 404, 405, 410, 413)
# The platform ends a command after five minutes, unless it was told otherwise, and all that a run has read is lost then.
_LONGEST_READING = 120.0  # seconds


class MailFile:
    """A file of a mail: an attachment, or the mail itself as EML.

    Args:
        path: where Graph has its bytes.
        name: shown in the incident.
        size: bytes, more or less.
        details: what the incident says of it. Its digest is added, or why it is missing.
    Attributes:
        entry: the file, once it was written.
    """

    def __init__(self, path: str, name: str, media_type: str, size: int, details: dict[str, Any]):
        self.path = path
        self.name = name
        self.media_type = media_type
        self.size = size
        self.details = details
        self.entry: dict[str, Any] | None = None

    @property
    def fits_batch(self) -> bool:
        """Whether its bytes can come in a batch. JSON cannot: it would become a part of the batch's own."""
        return self.size <= _BATCH_BYTES // 3 and 'json' not in self.media_type.lower()

    @property
    def is_done(self) -> bool:
        return bool(self.entry or self.details.get('Missing'))

    def write(self, download: Callable[[Callable[[bytes], Any]], None]) -> None:
        """Writes what `download` brings. An Outlook item gets the ending and the media type of what it is."""
        digest, beginning = hashlib.sha256(), b''

        def write_all(write: Callable[[bytes], Any]) -> None:
            def write_and_look(chunk: bytes) -> None:
                nonlocal beginning
                beginning = beginning or chunk[:32]
                digest.update(chunk)
                write(chunk)

            download(write_and_look)

        self.entry = file_entry(self.name, write_all)
        self.details['SHA256'] = digest.hexdigest()
        if self.details.get('Kind') == 'item':
            self.name = name_of_item(self.name, beginning)
            self.details['Name'] = self.name
            self.details['ContentType'] = self.media_type = mimetypes.guess_type(self.name)[0] or _EML


class FetchedMail:
    """A mail on its way to an incident.

    Attributes:
        message: as Graph shows it; empty until it was read.
        attachments: what the incident says of each.
        eml: what it says of the mail itself as a file.
        files: what is taken along.
        missing: sentences on what could not be had.
        is_gone: it was deleted meanwhile.
        is_left: a later run goes on with it.
    """

    def __init__(self, waiting: WaitingMail):
        self.waiting = waiting
        self.message: dict[str, Any] = {}
        self.attachments: list[dict[str, Any]] = []
        self.eml: dict[str, Any] = {}
        self.files: list[MailFile] = []
        self.missing: list[str] = []
        self.is_gone = False
        self.is_left = False

    @property
    def message_id(self) -> str:
        return self.waiting.message_id

    @property
    def is_open(self) -> bool:
        return not (self.is_gone or self.is_left)

    @property
    def is_last_try(self) -> bool:
        return self.waiting.tries + 1 >= MOST_TRIES_OF_A_MAIL

    def leave(self, own_fault: bool = False) -> None:
        """Leaves the mail to a later run, and takes away the files that were written so far."""
        self.is_left = True
        self.waiting = self.waiting._replace(tries=self.waiting.tries + own_fault)
        for file in self.files:
            if file.entry:
                remove_file(file.entry)
        self.files = []


class MailReader:
    """Reads mails with their attachments, many with one request.

    What fails in a batch is asked for once more by itself. A mail that fails then too, while its mailbox answers, is at fault
    itself: later runs try it again, and in the end the incident does without what it does not give.

    Attributes:
        problem: what ended the reading before all was read; None if nothing did.
    """

    def __init__(self, client: GraphMailClient, options: FetchOptions):
        self._client = client
        self._options = options
        self._mailbox_answers: bool | None = None
        self._end = client.clock.now() + _LONGEST_READING
        self._first: FetchedMail | None = None
        self.problem: Exception | None = None

    def read(self, mails: Sequence[FetchedMail]) -> None:
        """Reads `mails`. One that is then neither gone nor left has all that could be had of it."""
        self._first = next(iter(mails), None)
        self._read_messages(mails)
        for mail in mails:
            if mail.is_open:
                self._plan_files(mail)
        files = [(mail, file) for mail in mails for file in mail.files]
        self._read_together([one for one in files if one[1].fits_batch])
        for mail, file in files:
            if mail.is_open and not file.is_done:
                self._read_file_alone(mail, file)

    def _batch(self, items: Sequence[BatchItem]) -> list[BatchResult]:
        try:
            return self._client.batch(items)
        except (DemistoException, MicrosoftSignInError) as error:  # the way to Graph is closed: what is whole by now comes
            self.problem = error
            return [BatchResult(item) for item in items]

    def _attempt(
        self, mail: FetchedMail, error: Exception | None, read: Callable[[], None], do_without: Callable[[Exception], None]
    ) -> None:
        """Asks for a part of a mail by itself.

        Args:
            error: by which it failed in a batch.
            do_without: what to do when it cannot be had.
        """
        if self._ends_here(error) or (self._is_late and mail is not self._first):  # one comes through, however long it takes
            mail.leave()
            return
        try:
            read()
        except (DemistoException, MicrosoftSignInError) as own_error:
            self._judge(mail, own_error, do_without)

    @property
    def _is_late(self) -> bool:
        return self._client.clock.now() > self._end

    def _judge(self, mail: FetchedMail, error: Exception, do_without: Callable[[Exception], None]) -> None:
        """What becomes of a mail of which something cannot be had."""
        if _status_of(error) in BUSY_STATUSES:
            self._client.patience = 0  # the run has waited once
        if self._ends_here(error) or not self._is_fault_of_mail(error):
            mail.leave()
        elif _status_of(error) in _FINAL_STATUSES or mail.is_last_try:
            do_without(error)
        else:
            mail.leave(own_fault=True)

    def _ends_here(self, error: Exception | None) -> bool:
        """Whether nothing more is asked for in this run: Graph wants it so, or nobody is signed in any more."""
        if isinstance(error, MicrosoftSignInError) or _status_of(error) == 429:
            self.problem = self.problem or error
        return self.problem is not None

    def _is_fault_of_mail(self, error: Exception) -> bool:
        """Whether the mail alone is at fault, which the mailbox shows by answering otherwise."""
        if self._mailbox_answers is None or not _status_of(error):
            self._mailbox_answers = mailbox_answers(self._client)
        if not self._mailbox_answers:
            self.problem = error
        return self._mailbox_answers

    # region messages

    @property
    def _body_type(self) -> str:
        return 'html' if self._options.html else 'text'

    def _read_messages(self, mails: Sequence[FetchedMail]) -> None:
        query = urlencode({'$select': _MAIL_PROPERTIES, '$expand': f'attachments($select={ATTACHMENT_PROPERTIES})'})
        results = self._batch(
            [
                BatchItem(
                    mail.message_id,
                    'GET',
                    f'{self._client.message_path(mail.message_id)}?{query}',
                    prefer=f'outlook.body-content-type="{self._body_type}"',
                )
                for mail in mails
            ]
        )
        for mail, result in zip(mails, results, strict=True):
            if result.answer.get('id'):
                mail.message = result.answer
                if 'attachments@odata.nextLink' in mail.message:  # there are more than come along
                    self._list_attachments(mail)
            else:
                self._attempt(mail, result.error, partial(self._read_alone, mail), partial(self._read_little, mail))

    def _read_alone(self, mail: FetchedMail) -> None:
        mail.message = self._client.get_message(mail.message_id, query={'$select': _MAIL_PROPERTIES}, body_type=self._body_type)
        self._list_attachments(mail)

    def _list_attachments(self, mail: FetchedMail) -> None:
        def read() -> None:
            mail.message['attachments'] = self._client.list_attachments(mail.message_id)

        self._attempt(
            mail, None, read, lambda error: mail.missing.append(f'The attachments of this email are missing. {_reason(error)}')
        )

    def _read_little(self, mail: FetchedMail, error: Exception) -> None:
        """Reads what is left to have of a mail that cannot be read."""
        if _status_of(error) == 404:
            mail.is_gone = True
            return
        mail.missing.append(f'The body, the headers and the attachments of this email are missing. {_reason(error)}')

        def read() -> None:
            mail.message = self._client.get_message(mail.message_id, query={'$select': _FEW_PROPERTIES})

        def do_without(own_error: Exception) -> None:
            mail.is_gone = _status_of(own_error) == 404

        self._attempt(mail, None, read, do_without)

    # endregion
    # region files

    def _plan_files(self, mail: FetchedMail) -> None:
        """Decides which files of a mail are taken along."""
        path = self._client.message_path(mail.message_id)
        attachments = mail.message.get('attachments') or []
        for attachment, name in zip(attachments, attachment_names(attachments), strict=True):
            details = attachment_details(attachment, name)
            mail.attachments.append(details)
            reason = self._reason_against(mail, details)
            if reason:
                details['Missing'] = reason
                mail.missing.append(f"The attachment '{name}' was not taken along. {reason}")
                continue
            mail.files.append(
                MailFile(
                    f'{path}/attachments/{path_segment(details["ID"], "ID of an attachment")}/$value',
                    self._file_name(details),
                    details['ContentType'],
                    details['Size'],
                    details,
                )
            )
        if self._options.with_eml:
            mail.eml = {'Name': f'{_file_name_of(mail.message.get("subject"))}.eml'}
            content = str((mail.message.get('body') or {}).get('content') or '')
            body_size = len(content.encode(errors='replace'))  # half a character may stand where a body was cut
            size = 10_000 + 2 * body_size + sum(3 * details['Size'] // 2 for details in mail.attachments)
            mail.files.append(MailFile(f'{path}/$value', mail.eml['Name'], _EML, size, mail.eml))

    def _reason_against(self, mail: FetchedMail, details: dict[str, Any]) -> str:
        largest = self._options.largest_attachment
        if not details['ID']:
            return 'Microsoft Graph gives no ID of it.'
        if details['Kind'] == 'reference':
            return f'It is a link to a file elsewhere. Open the email to follow it: {mail.message.get("webLink") or "in Outlook"}'
        if details['Size'] > largest:
            return f'It has {details["Size"] / 1_000_000:.1f} MB; the instance takes up to {largest / 1_000_000:g} MB.'
        return ''

    def _file_name(self, details: dict[str, Any]) -> str:
        """The name of an attachment as a file. Inline ones keep their content ID in it, by which the body refers to them."""
        is_named = self._options.content_id_names and details['IsInline'] and details['ContentID']
        return f'{_file_name_of(details["ContentID"])}-attachmentName-{details["Name"]}' if is_named else str(details['Name'])

    def _read_together(self, files: list[tuple[FetchedMail, MailFile]]) -> None:
        """Writes small files, batch by batch."""
        while files and not (self.problem or self._is_late):
            chunk: list[tuple[FetchedMail, MailFile]] = []
            size = 0
            while files and len(chunk) < LARGEST_BATCH and (not chunk or size + files[0][1].size <= _BATCH_BYTES):
                size += files[0][1].size
                chunk.append(files.pop(0))
            chunk = [(mail, file) for mail, file in chunk if mail.is_open]
            results = self._batch([BatchItem(mail.message_id, 'GET', file.path) for mail, file in chunk])
            for (mail, file), result in zip(chunk, results, strict=True):
                self._take(mail, file, result)

    def _take(self, mail: FetchedMail, file: MailFile, result: BatchResult) -> None:
        if not mail.is_open:
            return
        if result.content is None:
            self._read_file_alone(mail, file, result.error)
        else:
            content = result.content
            file.write(lambda write: write(content))

    def _read_file_alone(self, mail: FetchedMail, file: MailFile, error: Exception | None = None) -> None:
        def do_without(own_error: Exception) -> None:
            file.details['Missing'] = _reason(own_error)
            mail.missing.append(f"The file '{file.name}' is missing. {_reason(own_error)}")

        self._attempt(mail, error, lambda: file.write(lambda write: self._client.download(file.path, write)), do_without)

    # endregion


def _status_of(error: Exception | None) -> int:
    return error.status if isinstance(error, GraphError) else 0


def _reason(error: Exception) -> str:
    """What happened, without advice for whoever ran a command."""
    return error.what if isinstance(error, GraphError) else str(error)


def _file_name_of(text: Any) -> str:
    """A text as a part of the name of a file."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f\x7f]+', '_', str(text or '')).strip()[:100] or 'email'


# endregion
# region incidents


def attachment_details(attachment: dict[str, Any], name: str) -> dict[str, Any]:
    """What an incident says of an attachment, by the name of its file."""
    return {
        'ID': attachment.get('id'),
        'Name': name,
        'Kind': attachment_kind(attachment).removesuffix('Attachment'),
        'ContentType': attachment.get('contentType') or mimetypes.guess_type(name)[0] or 'application/octet-stream',
        'Size': attachment.get('size') or 0,
        'ContentID': attachment.get('contentId'),
        'IsInline': bool(attachment.get('isInline')),
    }


def _people(recipients: Any, part: Callable[[dict[str, Any] | None], str]) -> list[str]:
    return [part(recipient) for recipient in recipients or []]


def email_of_incident(mail: FetchedMail, mailbox: str) -> dict[str, Any]:
    """What an incident knows of a mail: its ``rawJSON``."""
    message, body = mail.message, mail.message.get('body') or {}
    content, body_type = body.get('content') or '', body.get('contentType') or ''
    is_html = body_type.lower() == 'html'
    email = {
        'ID': mail.message_id,
        'CreatedTime': message.get('createdDateTime'),
        'ModifiedTime': message.get('lastModifiedDateTime'),
        'ReceivedTime': message.get('receivedDateTime') or mail.waiting.received,
        'SentTime': message.get('sentDateTime'),
        'Subject': message.get('subject'),
        'Importance': message.get('importance'),
        'ConversationID': message.get('conversationId'),
        'IsRead': message.get('isRead'),
        'IsDraft': message.get('isDraft'),
        'MessageID': message.get('internetMessageId'),
        'Categories': message.get('categories') or [],
        'Headers': message.get('internetMessageHeaders') or [],
        'Sender': address_of(message.get('sender')),
        'SenderName': name_of(message.get('sender')),
        'From': address_of(message.get('from')),
        'FromName': name_of(message.get('from')),
        'To': _people(message.get('toRecipients'), address_of),
        'ToNames': _people(message.get('toRecipients'), name_of),
        'Cc': _people(message.get('ccRecipients'), address_of),
        'CcNames': _people(message.get('ccRecipients'), name_of),
        'Bcc': _people(message.get('bccRecipients'), address_of),
        'BccNames': _people(message.get('bccRecipients'), name_of),
        'ReplyTo': _people(message.get('replyTo'), address_of),
        'ReplyToNames': _people(message.get('replyTo'), name_of),
        'Body': content,
        'Text': _text_of(content) if is_html else content,
        'HTML': content if is_html else '',
        'BodyType': body_type,
        'BodyPreview': message.get('bodyPreview') or '',
        'HasAttachments': bool(message.get('hasAttachments') or mail.attachments),
        'Attachments': [
            {'path': file.entry['FileID'], 'name': file.name, 'type': file.media_type} for file in mail.files if file.entry
        ],
        'AttachmentDetails': mail.attachments,
        'Mailbox': mailbox,
        'Folder': mail.waiting.folder,
        'ParentFolderID': message.get('parentFolderId'),
        'Flag': (message.get('flag') or {}).get('flagStatus'),
        'WebLink': message.get('webLink'),
    }
    optional = {'EML': mail.eml, 'Missing': mail.missing}
    return {**email, **{name: value for name, value in optional.items() if value}}


_BLOCKS = (
    'address',
    'blockquote',
    'br',
    'dd',
    'div',
    'dl',
    'dt',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'hr',
    'li',
    'ol',
    'p',
    'pre',
    'table',
    'tr',
    'ul',
)
# Mails come from attackers too: each form of markup ends with the text at the latest, so that nothing is read twice. The last
# one is of no character, and of so many digits that Python may refuse to read them.
_REST_OF_TAG = r"""(?:[^>=]+|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*(?:>|\Z)"""
_MARKUP = re.compile(
    r'<!--(?:-?>|.*?(?:--!?>|\Z))'
    rf'|<(?P<unseen>script|style|template)(?=[\s/>]){_REST_OF_TAG}.*?(?:</(?P=unseen)[^>]*(?:>|\Z)|\Z)'
    rf'|</?(?P<name>[a-z][^\s/>]*){_REST_OF_TAG}'
    r'|<[!?/][^>]*(?:>|\Z)'
    r'|&#\d{8,};?',
    re.IGNORECASE | re.DOTALL,
)


def _text_of(html: str) -> str:
    """What a person reads of HTML. Lines end where blocks do, and not within ``pay<b>pal</b>.com``."""
    text = _MARKUP.sub(lambda found: '\n' if str(found['name']).lower() in _BLOCKS else '', html)
    return '\n'.join(filter(None, (' '.join(line.split()) for line in unescape(text).splitlines())))


def incident_of(mail: FetchedMail, mailbox: str, full_body: bool) -> dict[str, Any]:
    """The incident that a mail becomes."""
    email = email_of_incident(mail, mailbox)
    details = email['Body'] if full_body else email['BodyPreview']
    return {
        'name': email['Subject'] or '(no subject)',
        'details': '\n'.join(filter(None, [details, *mail.missing])),
        'occurred': email['ReceivedTime'] or email['SentTime'],
        'dbotMirrorId': mail.message_id,
        'attachment': email['Attachments'],
        'labels': _labels(email),
        'rawJSON': json.dumps(email),
    }


def _labels(email: dict[str, Any]) -> list[dict[str, str]]:
    labels = [
        {'type': f'Email/Header/{header.get("name")}', 'value': str(header.get('value') or '')} for header in email['Headers']
    ]
    for name, value in email.items():
        if name not in ('Headers', 'Attachments', 'AttachmentDetails', 'EML'):
            several = value if isinstance(value, list) else [value]
            labels += [{'type': f'Email/{name}', 'value': str(one)} for one in several if one not in (None, '')]
    return labels


# endregion
# region fetch

PATIENCE_OF_A_FETCH = 5.0  # seconds: the next run comes soon


class FetchResult(NamedTuple):
    """What one run of the fetch brings.

    Args:
        incidents: to be handed over first.
        last_run: to be kept after that.
        problems: why there may be more than this.
    """

    incidents: list[dict[str, Any]]
    last_run: dict[str, Any]
    problems: list[Exception]


def fetch_mails(client: GraphMailClient, options: FetchOptions, last_run: dict[str, Any]) -> FetchResult:
    """Fetches the mails that come next. What goes wrong with some of it keeps back nothing of the rest.

    Raises:
        GraphError, MicrosoftSignInError, DemistoException: nothing could be done.
    """
    client.patience = PATIENCE_OF_A_FETCH
    mailbox = client.mailbox or _own_address(client)
    cursor = FetchCursor.from_last_run(last_run, mailbox, options.wanted)
    begun_at = cursor.as_last_run()
    problems = _mark_as_read(client, cursor, options)
    next_mails, reader = NextMails(client, cursor, options.most, options.wants), MailReader(client, options)
    mails: list[FetchedMail] = []
    if not any(_status_of(problem) == 429 for problem in problems):
        next_mails.find(options.folders, options.first)
        mails = [FetchedMail(waiting) for waiting in next_mails.chosen.values()]
    reader.read(mails)
    whole = [mail for mail in mails if mail.is_open]
    tried = {mail.message_id for mail in mails}
    cursor.waiting = [waiting for waiting in cursor.waiting if waiting.message_id not in tried] + [
        mail.waiting for mail in mails if mail.is_left
    ]
    for mail in whole:
        cursor.remembered.add(mail.message_id)
        if options.mark_read and not mail.message.get('isRead'):
            cursor.to_mark[mail.message_id] = 0
    problems += next_mails.problems + ([reader.problem] if reader.problem else [])
    result = FetchResult([incident_of(mail, mailbox, options.full_body) for mail in whole], cursor.as_last_run(), problems)
    if problems and not result.incidents and result.last_run == begun_at:
        raise problems[0]
    return result


def _own_address(client: GraphMailClient) -> str:
    """Whose mailbox it is where the instance names none, as the token says; empty where it does not."""
    claims = client.tokens.get(client.token_target()).claims()
    return str(next(filter(None, map(claims.get, ('upn', 'preferred_username', 'unique_name', 'oid'))), ''))


def _mark_as_read(client: GraphMailClient, cursor: FetchCursor, options: FetchOptions) -> list[Exception]:
    """Marks the mails of which there are incidents since the last run. Gives what failed, to be caught up in the next one."""
    if not options.mark_read:
        cursor.to_mark = {}
    results = client.batch([client.update_request(one, {'isRead': True}) for one in cursor.to_mark])
    left = [
        result
        for result in results
        if not (result.answer.get('isRead') or (result.error and result.error.code in NOT_FOUND_CODES))
    ]
    tried = {
        result.item.name: cursor.to_mark[result.item.name] + (_status_of(result.error) not in BUSY_STATUSES) for result in left
    }
    cursor.to_mark = {one: tries for one, tries in tried.items() if tries < MOST_TRIES_OF_A_MAIL}
    return list[Exception](filter(None, (result.error for result in left)))[:1]


# endregion
