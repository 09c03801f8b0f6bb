"""Fetch the mails of a mailbox as incidents: the cursor, the selection, reading, and the incidents."""

import base64
import hashlib
import json
import mimetypes
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

import demistomock as demisto

with suppress(ImportError):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException, arg_to_datetime
    from MicrosoftCoreApiModule import NO_RETRIES, MicrosoftSignInError, clean_value
    from MicrosoftApiModule import API_RETRIES
    from MicrosoftInstanceApiModule import bool_argument, int_argument, text_list
    from MicrosoftGraphMailClientApiModule import (
        ATTACHMENT_PROPERTIES,
        BatchItem,
        BatchResult,
        GraphError,
        GraphMailClient,
        MAX_BATCH_SIZE,
        MAX_FILE_SIZE,
        MAX_PAGE_SIZE,
        NOT_FOUND_CODES,
        attachment_kind,
        attachment_names,
        file_entry,
        find_folder,
        folder_names,
        html_to_text,
        item_file_name,
        path_segment,
        remove_file,
    )

# region sort keys and digests

MessageRow = dict[str, Any]  # the few properties of a message that tell whether it is wanted


SortKey = tuple[str, str]  # a time in whole seconds and a digest: the place of a message in a list by that time


ROW_PROPERTIES = 'id,receivedDateTime,lastModifiedDateTime,from,sender,subject,isRead,hasAttachments'


RECEIVED, CHANGED = 'receivedDateTime', 'lastModifiedDateTime'


_END_OF_SECOND = '~'  # behind all digests


_DIGEST_LENGTH = 8  # characters that hold 6 bytes: one mail is taken for one of 4,000 with a chance of 1 to 70 billion


def message_digest(message_id: str) -> str:
    """Stands for a message where its ID would take too much room."""
    return base64.urlsafe_b64encode(hashlib.sha256(message_id.encode()).digest()[:6]).decode()


def sort_key(row: MessageRow, by: str = RECEIVED) -> SortKey:
    """The place of a message in a list by a time of Graph's."""
    return str(row.get(by) or '')[:19], message_digest(row['id'])


def graph_seconds(moment: float) -> str:
    """A moment (seconds since the epoch) as Graph writes it, in whole seconds and without its time zone, which is UTC."""
    return datetime.fromtimestamp(max(moment, 0), timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


class SeenMails:
    """The mails that were handed over last, by their digests.

    Args:
        text: what `as_text` gave.
    """

    def __init__(self, text: str = ''):
        self._digests = dict.fromkeys(re.findall(f'.{{{_DIGEST_LENGTH}}}', text))

    def __contains__(self, message_id: str) -> bool:
        return message_digest(message_id) in self._digests

    def add(self, message_id: str) -> None:
        self._digests[message_digest(message_id)] = None

    def as_text(self, longest: int) -> str:
        """The newest of them, in at most so many characters."""
        return ''.join(list(self._digests)[-max(longest // _DIGEST_LENGTH, 1) :])


# endregion

# region cursor

_CURSOR_VERSION = 2


_CURSOR_LENGTH = 63_000  # characters of JSON


MAX_SEEN = 4000  # mails


_MIN_SEEN = 1000


MAX_MAILS_PER_RUN = 200  # more would not fit into the cursor when none of them can be read


MAX_TRIES_PER_MAIL = 5


# A round is taken as that much older than it is: the clocks of Microsoft and of the engine differ, and so do Microsoft's own.
_OVERLAP = 300.0  # seconds


class FolderCursor:
    """How far the fetch has come in one folder.

    Args:
        name: the folder as the instance names it.
        folder_id: stays when the folder is renamed or moved.
        first: received time of the oldest message to fetch.
        since: nothing that entered the folder before that was passed over.
        backlog: where the list by received time goes on; None: it has come to its end.
        changed: where the list by time of change goes on, likewise.
        link: where the round of changes goes on; empty: it begins anew.
        is_first_sync: whether the round shows what is in the folder, and not what entered it.
        checked: when it was last looked whether the folder still has its place.
        is_deleted: whether it then lay among the deleted items.
    """

    def __init__(
        self,
        name: str,
        folder_id: str,
        first: str,
        since: str,
        backlog: SortKey | None,
        changed: SortKey | None = None,
        link: str = '',
        is_first_sync: bool = True,
        checked: str = '',
        is_deleted: bool = False,
    ):
        self.name = name
        self.folder_id = folder_id
        self.first = first
        self.since = since
        self.backlog = backlog
        self.changed = changed
        self.link = link
        self.is_first_sync = is_first_sync
        self.checked = checked or since
        self.is_deleted = is_deleted

    @classmethod
    def from_json(cls, name: str, value: dict[str, Any]) -> 'FolderCursor':
        return cls(
            name,
            value['id'],
            value['first'],
            value['since'],
            _sort_key_from(value['backlog']),
            _sort_key_from(value['changed']),
            value['link'],
            value['is_first_sync'],
            value['checked'],
            value['is_deleted'],
        )

    def as_json(self) -> dict[str, Any]:
        return {
            'id': self.folder_id,
            'first': self.first,
            'since': self.since,
            'backlog': self.backlog and list(self.backlog),
            'changed': self.changed and list(self.changed),
            'link': self.link,
            'is_first_sync': self.is_first_sync,
            'checked': self.checked,
            'is_deleted': self.is_deleted,
        }

    def advance(self, link: str, is_over: bool, asked: float) -> None:
        """Keeps where the round goes on. `asked` is when the page was asked for, in seconds since the epoch."""
        self.link = link
        if is_over and self.is_first_sync:
            missed = (self.since, _END_OF_SECOND)
            self.changed = missed if self.changed is None else min(self.changed, missed)
            self.is_first_sync = False
        if is_over:
            self.since = graph_seconds(asked - _OVERLAP)

    def restart_sync(self) -> None:
        """The round is lost. What entered since is found by when it was changed."""
        self.link, self.is_first_sync = '', True

    def is_in_backlog(self, row: MessageRow) -> bool:
        """Whether the list by received time will come to a message."""
        return self.backlog is not None and sort_key(row) > self.backlog


def _sort_key_from(value: list[str] | None) -> SortKey | None:
    return None if value is None else (value[0], value[1])


class PendingMail(NamedTuple):
    """A mail that is due.

    Args:
        folder: by the name that the instance has for it.
        received: as Graph writes it.
        tries: how often it could not be read, by its own fault.
    """

    message_id: str
    folder: str
    received: str = ''
    tries: int = 0


class FetchCursor:
    """How far the fetch of an instance has come: what is kept from run to run.

    Args:
        mailbox, wanted: digests of what is fetched from, and of which mails are wanted.
        folders: by their names.
        remembered: mails that were handed over.
        waiting: mails that are due.
        to_mark: IDs of mails that were handed over and are to be marked as read, and how often Graph refused that.
    """

    def __init__(
        self,
        mailbox: str,
        wanted: str,
        folders: Iterable[FolderCursor] = (),
        seen: str = '',
        waiting: Iterable[PendingMail] = (),
        to_mark: dict[str, int] | None = None,
    ):
        self.mailbox = mailbox
        self.wanted = wanted
        self.folders = {folder.name: folder for folder in folders}
        self.seen = SeenMails(seen)
        self.waiting = list(waiting)
        self.to_mark = to_mark or {}

    @classmethod
    def from_last_run(cls, last_run: dict[str, Any], mailbox: str, wanted: str) -> 'FetchCursor':
        """Goes on from a last run; anew where it is of another mailbox or was not written by this fetch.

        Other wishes begin the folders anew, but what was handed over of the mailbox stays known.
        """
        mailbox, wanted = message_digest(mailbox.lower()), message_digest(wanted)
        if last_run.get('version') != _CURSOR_VERSION or last_run.get('mailbox') != mailbox:
            return cls(mailbox, wanted)
        folders = last_run['folders'] if last_run['wanted'] == wanted else {}
        waiting = [
            PendingMail(message_id, last_run['names'][number], received, tries)
            for message_id, number, received, tries in last_run['waiting']
        ]
        return cls(
            mailbox,
            wanted,
            [FolderCursor.from_json(name, value) for name, value in folders.items()],
            last_run['remembered'],
            waiting,
            last_run['to_mark'],
        )

    def as_last_run(self) -> dict[str, Any]:
        """What to keep. Where it would be too long, it gives up what waits longest to be marked as read, then rounds."""
        folders = {name: folder.as_json() for name, folder in self.folders.items()}
        names = sorted({mail.folder for mail in self.waiting})
        waiting = [[mail.message_id, names.index(mail.folder), mail.received, mail.tries] for mail in self.waiting]
        to_mark, linked = list(self.to_mark.items()), [name for name, folder in self.folders.items() if folder.link]
        while True:
            rest = {
                'version': _CURSOR_VERSION,
                'mailbox': self.mailbox,
                'wanted': self.wanted,
                'folders': folders,
                'names': names,
                'waiting': waiting,
                'to_mark': dict(to_mark),
            }
            room = _CURSOR_LENGTH - len(json.dumps(rest))
            if room >= _MIN_SEEN * _DIGEST_LENGTH or not (to_mark or linked):
                return {**rest, 'remembered': self.seen.as_text(min(room, MAX_SEEN * _DIGEST_LENGTH))}
            if to_mark:
                to_mark = to_mark[10:]
            else:
                folders[linked.pop()].update(link='', is_first_sync=True)


# endregion

# region selection

# Nothing that was asked for is at fault; 0: there was no answer.
TRANSIENT_STATUSES = (0, 429, 502, 503, 504)


_MAX_PAGES_PER_RUN = 20  # of one folder, and of each of its three sources


_SMALL_PAGE = 50  # rows


_MAX_PAGES_PER_SECOND = 1000


_CHECK_INTERVAL = 600.0  # seconds


_MAX_FOLDER_DEPTH = 20


_DELETED_ITEMS = 'deleteditems'


def is_mailbox_available(client: GraphMailClient) -> bool:
    """Whether Graph answers as to the mailbox, so that the fault lies with what it did not give."""
    try:
        client.check_mailbox()
    except (DemistoException, MicrosoftSignInError):
        return False
    return True


class MailSelector:
    """The mails that one run works on, at most so many: those that are due already, then those that are found.

    Args:
        is_wanted: whether a message is to be fetched at all.
    Attributes:
        chosen: by their message IDs.
        problems: why not all was found that there may be.
    """

    def __init__(self, client: GraphMailClient, cursor: FetchCursor, most: int, is_wanted: Callable[[MessageRow], bool]):
        self._client = client
        self._cursor = cursor
        self._most = most
        self._is_wanted = is_wanted
        self.problems: list[Exception] = []
        self._unanswered: set[str] = set()  # folders that Graph gave no answer about, though it does of the mailbox
        # Those that have failed so far leave half of the room for others. Those of them that are not tried now take up room as
        # well, so that no more than `most` ever wait.
        due_now = cursor.waiting[: max(1, most // 2)]
        self.chosen = {mail.message_id: mail for mail in due_now}
        self._known = {mail.message_id for mail in cursor.waiting}
        self._places = most - max(0, len(cursor.waiting) - len(due_now))

    @property
    def is_full(self) -> bool:
        return len(self.chosen) >= self._places

    @property
    def room(self) -> int:
        return max(0, self._places - len(self.chosen))

    def find(self, names: Sequence[str], first: Callable[[], str]) -> None:
        """Looks into the folders of these names. Each comes first in turn, so that a busy one keeps none of the others waiting.

        Args:
            first: gives the received time of the oldest message to fetch from a folder that was not fetched from before.
        """
        if not self._open_folders(names, first):
            return
        open_names = list(self._cursor.folders)
        self._cursor.folders = {name: self._cursor.folders[name] for name in open_names[1:] + open_names[:1]}
        for step in (self._check_location, self._select_created, self._select_changed, self._select_backlog):
            for name in [name for name in open_names if name in self._cursor.folders and name not in self._unanswered]:
                if self.is_full or not self._try(name, partial(step, self._cursor.folders[name])):
                    return

    def _try(self, name: str, look: Callable[[], None]) -> bool:
        """Whether the run may go on after looking into a folder: not where Graph rests or is away, or nobody is signed in."""
        try:
            look()
        except GraphError as error:
            self.problems += self._relocate_folder(name, error) if error.status == 404 else [error]
            if error.status in TRANSIENT_STATUSES:
                self._client.retry_policy = NO_RETRIES  # the run has waited once
            if not error.status:
                self._unanswered.add(name)
            return error.status != 429 and bool(error.status or is_mailbox_available(self._client))
        except (DemistoException, MicrosoftSignInError) as error:
            self.problems.append(error)
            return not isinstance(error, MicrosoftSignInError)
        return True

    def _open_folders(self, names: Sequence[str], first: Callable[[], str]) -> bool:
        known = self._cursor.folders
        unnamed = {folder.folder_id: folder for name, folder in known.items() if name not in names}
        self._cursor.folders = {name: folder for name, folder in known.items() if name in names}

        def open_folder(name: str) -> None:
            folder_id = find_folder(self._client, name)
            if any(folder.folder_id == folder_id for folder in self._cursor.folders.values()):
                return  # the same one, named in two ways
            folder = unnamed.get(folder_id) or self._new_folder(name, folder_id, first())
            folder.name = name
            self._cursor.folders[name] = folder

        new = [name for name in names if name not in known]
        are_open = all(self._try(name, partial(open_folder, name)) for name in new)
        if not are_open:  # the next run may find that one of them is meant
            self._cursor.folders = {**known, **self._cursor.folders}
        return are_open

    def _new_folder(self, name: str, folder_id: str, first: str) -> FolderCursor:
        return FolderCursor(name, folder_id, first, graph_seconds(self._client.clock.now()), (first, ''))

    def _relocate_folder(self, name: str, error: GraphError) -> list[Exception]:
        """Graph does not find a folder: if another one has its name now, that one is fetched from. Gives what is wrong."""
        folder = self._cursor.folders.get(name)
        if folder is None:
            return [error]
        try:
            folder_id = find_folder(self._client, name)
        except (GraphError, MicrosoftSignInError) as problem:
            return [problem]
        except DemistoException as problem:
            return [DemistoException(f"The folder '{name}' was deleted. {problem}")]
        if folder_id == folder.folder_id:
            return [error]
        self._skip_folder(folder, folder_id)
        if name in self._cursor.folders:
            self._try(name, partial(self._select_created, self._cursor.folders[name]))
        return []

    def _skip_folder(self, folder: FolderCursor, other_id: str) -> None:
        """Goes over to the folder that has the name of a deleted one now, unless it is fetched from by the name it had before."""
        if any(other.folder_id == other_id for other in self._cursor.folders.values()):
            del self._cursor.folders[folder.name]
        else:
            self._cursor.folders[folder.name] = self._new_folder(folder.name, other_id, folder.first)

    def _check_location(self, folder: FolderCursor) -> None:
        """Looks from time to time whether a folder was deleted: it lies among the deleted items then, and nothing enters it.

        Raises:
            DemistoException: it was, and no other folder has its name now.
        """
        now = self._client.clock.now()
        if folder.checked < graph_seconds(now - _CHECK_INTERVAL):
            folder.checked, folder.is_deleted = graph_seconds(now), self._is_deleted(folder)
        if not folder.is_deleted:
            return
        named_id = find_folder(self._client, folder.name)  # raises where the name leads nowhere any more
        if named_id != folder.folder_id:
            self._skip_folder(folder, named_id)
        elif folder.name != folder.folder_id:
            folder.is_deleted = False  # a path leads there on purpose
        else:
            raise DemistoException(
                f"The folder '{folder.name}' was deleted: it lies in Deleted Items. Move it back, or change "
                'the folders to fetch from.'
            )

    def _is_deleted(self, folder: FolderCursor) -> bool:
        deleted_id = self._folder(_DELETED_ITEMS)['id']
        folder_id = folder.folder_id
        for _ in range(_MAX_FOLDER_DEPTH):
            parent_id = self._folder(folder_id).get('parentFolderId') or folder_id
            if parent_id in (deleted_id, folder_id):
                return bool(parent_id == deleted_id)
            folder_id = parent_id
        return False

    def _folder(self, folder_id: str) -> dict[str, Any]:
        return self._client.graph_request('GET', self._client.folder_path(folder_id), params={'$select': 'id,parentFolderId'})

    def _is_due(self, row: MessageRow) -> bool:
        return (
            row['id'] not in self.chosen
            and row['id'] not in self._known
            and row['id'] not in self._cursor.seen
            and self._is_wanted(row)
        )

    def _choose(self, row: MessageRow, folder: FolderCursor) -> None:
        self.chosen[row['id']] = PendingMail(row['id'], folder.name, str(row.get(RECEIVED) or ''))

    def _select_created(self, folder: FolderCursor) -> None:
        """Follows the round of changes. A first round shows what is there already, and not always all of it: it only leads on."""
        for _ in range(_MAX_PAGES_PER_RUN):
            if not self._client.is_own_link(folder.link):  # the address of Graph was changed
                folder.restart_sync()
            asked, page_size = self._client.clock.now(), MAX_PAGE_SIZE if folder.is_first_sync else max(self.room, _SMALL_PAGE)
            try:
                rows, link, is_over = self._client.created_messages(folder.folder_id, folder.link, ROW_PROPERTIES, page_size)
            except GraphError as error:
                # Graph made the link itself: nothing but the link can be wrong with a request that it does not understand.
                if not (folder.link and (error.is_sync_state_lost or error.status == 400)):
                    raise
                folder.restart_sync()
                continue
            for row in [] if folder.is_first_sync else rows:
                if not folder.is_in_backlog(row) and self._is_due(row):
                    if self.is_full:
                        return  # the page comes once more in the next run, so that the rest of it is not passed over
                    self._choose(row, folder)
            folder.advance(link, is_over, asked)
            if is_over or self.is_full:
                return

    def _select_changed(self, folder: FolderCursor) -> None:
        """Goes on with the list of what was changed while no round told what entered."""
        if folder.changed is not None:
            place, is_over = self._list(
                folder, CHANGED, folder.changed, lambda row: not folder.is_in_backlog(row) and self._is_due(row)
            )
            folder.changed = None if is_over else place

    def _select_backlog(self, folder: FolderCursor) -> None:
        """Goes on with the list of what was there before. It outlasts the first round: nothing enters between the two."""
        if folder.backlog is not None and folder.link:
            place, is_over = self._list(folder, RECEIVED, folder.backlog, self._is_due)
            folder.backlog = None if is_over and not folder.is_first_sync else place

    def _list(self, folder: FolderCursor, by: str, place: SortKey, is_due: Callable[[MessageRow], bool]) -> tuple[SortKey, bool]:
        """Goes on with a list by a time from `place` on. Gives the place up to which it came, and whether that is its end."""
        for _ in range(_MAX_PAGES_PER_RUN):
            rows, next_second = self._next_seconds(folder, by, place[0])
            for row in sorted(rows, key=partial(sort_key, by=by)):
                if sort_key(row, by) > place and is_due(row):
                    if self.is_full:
                        return place, False
                    self._choose(row, folder)
                place = max(place, sort_key(row, by))
            if not next_second:
                return place, True
            place = (next_second, '')
            if self.is_full:
                break
        return place, False

    def _next_seconds(self, folder: FolderCursor, by: str, begin: str) -> tuple[list[MessageRow], str]:
        """The messages of some seconds from `begin` on, all of each, and the second that comes next, empty after the last.

        A link to the next page counts rows, and misses one where another was taken away: it is followed within a second only.
        """
        query = {'$select': ROW_PROPERTIES, '$orderby': f'{by} asc', '$filter': f'{by} ge {begin}Z'}
        rows: dict[str, MessageRow] = {}
        for page_size in (2 * max(self.room, _SMALL_PAGE), MAX_PAGE_SIZE):
            page, link = self._client.list_messages(folder_id=folder.folder_id, query=query, page_size=page_size)
            rows = {row['id']: row for row in page}
            seconds = {sort_key(row, by)[0] for row in page}
            if not link or len(seconds) > 1:
                break
        for _ in range(_MAX_PAGES_PER_SECOND):
            last = max((sort_key(row, by)[0] for row in rows.values()), default='')
            if not link:
                return list(rows.values()), ''
            if any(sort_key(row, by)[0] != last for row in rows.values()):
                return [row for row in rows.values() if sort_key(row, by)[0] != last], last
            page, link = self._client.list_messages(next_page=link)
            rows.update((row['id'], row) for row in page)
        raise DemistoException(
            f"More than {len(rows)} messages in '{folder.name}' are of the same second, {last}. "
            'Move some of them to another folder.'
        )


# endregion

# region options


class FetchOptions(NamedTuple):
    """What an instance fetches, and what it makes of it.

    Args:
        folders: IDs, well-known names or paths, as `find_folder` takes them.
        first: gives the received time of the oldest mail to fetch, ``2030-01-31T08:00:00`` in UTC. It is asked only for a folder
            that was not fetched from before.
        most: incidents of one run, 1 to MAX_MAILS_PER_RUN.
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

    def wants(self, row: MessageRow) -> bool:
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

# region reading

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
_MAX_READING_SECONDS = 120.0  # seconds


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
            self.name = item_file_name(self.name, beginning)
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

    def __init__(self, waiting: PendingMail):
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
        return self.waiting.tries + 1 >= MAX_TRIES_PER_MAIL

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
        self._end = client.clock.now() + _MAX_READING_SECONDS
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
        self._read_in_batches([one for one in files if one[1].fits_batch])
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
        if self._ends_here(error) or (self._is_over_time and mail is not self._first):  # one comes through, however long it takes
            mail.leave()
            return
        try:
            read()
        except (DemistoException, MicrosoftSignInError) as own_error:
            self._attribute_fault(mail, own_error, do_without)

    @property
    def _is_over_time(self) -> bool:
        return self._client.clock.now() > self._end

    def _attribute_fault(self, mail: FetchedMail, error: Exception, do_without: Callable[[Exception], None]) -> None:
        """What becomes of a mail of which something cannot be had."""
        if _status_of(error) in TRANSIENT_STATUSES:
            self._client.retry_policy = NO_RETRIES  # the run has waited once
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
            self._mailbox_answers = is_mailbox_available(self._client)
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
                self._attempt(mail, result.error, partial(self._read_alone, mail), partial(self._read_minimum, mail))

    def _read_alone(self, mail: FetchedMail) -> None:
        mail.message = self._client.get_message(mail.message_id, query={'$select': _MAIL_PROPERTIES}, body_type=self._body_type)
        self._list_attachments(mail)

    def _list_attachments(self, mail: FetchedMail) -> None:
        def read() -> None:
            mail.message['attachments'] = self._client.list_attachments(mail.message_id)

        self._attempt(
            mail, None, read, lambda error: mail.missing.append(f'The attachments of this email are missing. {_reason(error)}')
        )

    def _read_minimum(self, mail: FetchedMail, error: Exception) -> None:
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

    def _read_in_batches(self, files: list[tuple[FetchedMail, MailFile]]) -> None:
        """Writes small files, batch by batch."""
        while files and not (self.problem or self._is_over_time):
            chunk: list[tuple[FetchedMail, MailFile]] = []
            size = 0
            while files and len(chunk) < MAX_BATCH_SIZE and (not chunk or size + files[0][1].size <= _BATCH_BYTES):
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


def _recipients(recipients: Any, part: Callable[[dict[str, Any] | None], str]) -> list[str]:
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
        'To': _recipients(message.get('toRecipients'), address_of),
        'ToNames': _recipients(message.get('toRecipients'), name_of),
        'Cc': _recipients(message.get('ccRecipients'), address_of),
        'CcNames': _recipients(message.get('ccRecipients'), name_of),
        'Bcc': _recipients(message.get('bccRecipients'), address_of),
        'BccNames': _recipients(message.get('bccRecipients'), name_of),
        'ReplyTo': _recipients(message.get('replyTo'), address_of),
        'ReplyToNames': _recipients(message.get('replyTo'), name_of),
        'Body': content,
        'Text': html_to_text(content) if is_html else content,
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

FETCH_RETRIES = API_RETRIES._replace(budget=5.0)  # seconds: the next run comes soon


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
    client.retry_policy = FETCH_RETRIES
    mailbox = client.mailbox or _own_address(client)
    cursor = FetchCursor.from_last_run(last_run, mailbox, options.wanted)
    begun_at = cursor.as_last_run()
    problems = _mark_as_read(client, cursor, options)
    selector, reader = MailSelector(client, cursor, options.most, options.wants), MailReader(client, options)
    mails: list[FetchedMail] = []
    if not any(_status_of(problem) == 429 for problem in problems):
        selector.find(options.folders, options.first)
        mails = [FetchedMail(waiting) for waiting in selector.chosen.values()]
    reader.read(mails)
    whole = [mail for mail in mails if mail.is_open]
    tried = {mail.message_id for mail in mails}
    cursor.waiting = [waiting for waiting in cursor.waiting if waiting.message_id not in tried] + [
        mail.waiting for mail in mails if mail.is_left
    ]
    for mail in whole:
        cursor.seen.add(mail.message_id)
        if options.mark_read and not mail.message.get('isRead'):
            cursor.to_mark[mail.message_id] = 0
    problems += selector.problems + ([reader.problem] if reader.problem else [])
    result = FetchResult([incident_of(mail, mailbox, options.full_body) for mail in whole], cursor.as_last_run(), problems)
    if problems and not result.incidents and result.last_run == begun_at:
        raise problems[0]
    return result


def _own_address(client: GraphMailClient) -> str:
    """Whose mailbox it is where the instance names none, as the token says; empty where it does not."""
    claims = client.token_provider.get_token(client.token_target()).claims()
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
        result.item.name: cursor.to_mark[result.item.name] + (_status_of(result.error) not in TRANSIENT_STATUSES)
        for result in left
    }
    cursor.to_mark = {one: tries for one, tries in tried.items() if tries < MAX_TRIES_PER_MAIL}
    return list[Exception](filter(None, (result.error for result in left)))[:1]


# endregion

# region parameters

MAX_FOLDERS = 50  # more would take too much of the last run


DEFAULT_FIRST_FETCH = '15 minutes'


class FetchLabel:
    """What the administrator sees of a parameter, up to the parenthesis: errors name the field to change."""

    FOLDERS = 'Folders to fetch from'
    FIRST_FETCH = 'First fetch time'
    MAX_MAILS = 'Maximum number of incidents per fetch'
    MAX_ATTACHMENT = 'Maximum attachment size'


def fetch_options(params: dict[str, Any]) -> FetchOptions:
    """Return what an instance fetches. Raise DemistoException, naming the field, when a parameter has a value it cannot have."""
    selected = partial(bool_argument, params)
    folders = tuple(dict.fromkeys(folder_names(params.get('folder_to_fetch') or ''))) or ('Inbox',)
    if len(folders) > MAX_FOLDERS:
        raise DemistoException(
            f"'{FetchLabel.FOLDERS}' has {len(folders)} folders. Enter up to {MAX_FOLDERS}, and the rest in another instance."
        )
    numbers = {name: clean_value(params.get(name)) for name in ('max_fetch', 'fetch_limit', 'max_attachment_size')}
    max_mails = 'max_fetch' if numbers['max_fetch'] else 'fetch_limit'
    max_megabytes = MAX_FILE_SIZE // 2**20
    return FetchOptions(
        folders=folders,
        first=partial(_first_fetch, clean_value(params.get('first_fetch')) or DEFAULT_FIRST_FETCH),
        most=int_argument(numbers, max_mails, 50, MAX_MAILS_PER_RUN, FetchLabel.MAX_MAILS),
        senders=tuple(one.lower() for one in text_list(params, 'fetch_from')),
        subject=clean_value(params.get('fetch_subject')).lower(),
        unread_only=selected('fetch_unread_only'),
        with_attachments_only=selected('fetch_with_attachments_only'),
        largest_attachment=int_argument(numbers, 'max_attachment_size', 50, max_megabytes, FetchLabel.MAX_ATTACHMENT) * 1_000_000,
        with_eml=selected('fetch_eml'),
        full_body=selected('display_full_email_body'),
        html=selected('fetch_html_formatting'),
        mark_read=selected('mark_fetched_read'),
        content_id_names=not selected('legacy_name'),
    )


def _first_fetch(text: str) -> str:
    try:
        moment = arg_to_datetime(text)
    except ValueError:
        moment = None
    if not moment:
        raise DemistoException(
            f"'{text}' in '{FetchLabel.FIRST_FETCH}' is not a time. Write it as 15 minutes, 2 days or 2030-01-31T08:00:00Z."
        )
    return graph_seconds((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


def fetch_incidents(client: GraphMailClient, options: FetchOptions) -> None:
    """Fetch the next mails: hand over their incidents, then save the last run. Problems become the health of the instance."""
    fetched = fetch_mails(client, options, demisto.getLastRun())
    demisto.incidents(fetched.incidents)
    demisto.setLastRun(fetched.last_run)
    if fetched.problems:
        demisto.updateModuleHealth('\n'.join(dict.fromkeys(map(str, fetched.problems))))


# endregion
