"""Which mails of a mailbox come next: each that is in its folders, or enters them, once. What is in them is read elsewhere.

What enters a folder, by delivery, by a rule, by a move, or back from the deleted ones, is told by a round of changes. What was
there before is listed by received time, the oldest first. Where no round could tell, because Graph has lost it, a list by the
time of change does: to enter a folder changes a mail.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from CommonServerPython import *
from MicrosoftGraphMailSendCommandsApiModule import *

# region places and digests

Row = dict[str, Any]  # the few properties of a message that tell whether it is wanted
Place = tuple[str, str]  # a time in whole seconds and a digest: the place of a message in a list by that time
ROW_PROPERTIES = 'id,receivedDateTime,lastModifiedDateTime,from,sender,subject,isRead,hasAttachments'
RECEIVED, CHANGED = 'receivedDateTime', 'lastModifiedDateTime'
_END_OF_SECOND = '~'  # behind all digests
_DIGEST_LENGTH = 8  # characters that hold 6 bytes: one mail is taken for one of 4,000 with a chance of 1 to 70 billion


def mail_digest(message_id: str) -> str:
    """Stands for a message where its ID would take too much room."""
    return base64.urlsafe_b64encode(hashlib.sha256(message_id.encode()).digest()[:6]).decode()


def place_of(row: Row, by: str = RECEIVED) -> Place:
    """The place of a message in a list by a time of Graph's."""
    return str(row.get(by) or '')[:19], mail_digest(row['id'])


def graph_seconds(moment: float) -> str:
    """A moment (seconds since the epoch) as Graph writes it, in whole seconds and without its time zone, which is UTC."""
    return datetime.fromtimestamp(max(moment, 0), timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


class RememberedMails:
    """The mails that were handed over last, by their digests.

    Args:
        text: what `as_text` gave.
    """

    def __init__(self, text: str = ''):
        self._digests = dict.fromkeys(re.findall(f'.{{{_DIGEST_LENGTH}}}', text))

    def __contains__(self, message_id: str) -> bool:
        return mail_digest(message_id) in self._digests

    def add(self, message_id: str) -> None:
        self._digests[mail_digest(message_id)] = None

    def as_text(self, longest: int) -> str:
        """The newest of them, in at most so many characters."""
        return ''.join(list(self._digests)[-max(longest // _DIGEST_LENGTH, 1) :])


# endregion
# region cursor

_CURSOR_VERSION = 1
_CURSOR_LENGTH = 63_000  # characters of JSON
MOST_REMEMBERED = 4000  # mails
_FEWEST_REMEMBERED = 1000
MOST_MAILS_OF_A_RUN = 200  # more would not fit into the cursor when none of them can be read
MOST_TRIES_OF_A_MAIL = 5
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
        is_first_round: whether the round shows what is in the folder, and not what entered it.
        checked: when it was last looked whether the folder still has its place.
        is_deleted: whether it then lay among the deleted items.
    """

    def __init__(
        self,
        name: str,
        folder_id: str,
        first: str,
        since: str,
        backlog: Place | None,
        changed: Place | None = None,
        link: str = '',
        is_first_round: bool = True,
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
        self.is_first_round = is_first_round
        self.checked = checked or since
        self.is_deleted = is_deleted

    @classmethod
    def from_json(cls, name: str, value: dict[str, Any]) -> 'FolderCursor':
        return cls(
            name,
            value['id'],
            value['first'],
            value['since'],
            _place_in(value['backlog']),
            _place_in(value['changed']),
            value['link'],
            value['is_first_round'],
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
            'is_first_round': self.is_first_round,
            'checked': self.checked,
            'is_deleted': self.is_deleted,
        }

    def go_on(self, link: str, is_over: bool, asked: float) -> None:
        """Keeps where the round goes on. `asked` is when the page was asked for, in seconds since the epoch."""
        self.link = link
        if is_over and self.is_first_round:
            missed = (self.since, _END_OF_SECOND)
            self.changed = missed if self.changed is None else min(self.changed, missed)
            self.is_first_round = False
        if is_over:
            self.since = graph_seconds(asked - _OVERLAP)

    def begin_anew(self) -> None:
        """The round is lost. What entered since is found by when it was changed."""
        self.link, self.is_first_round = '', True

    def is_left_to_backlog(self, row: Row) -> bool:
        """Whether the list by received time will come to a message."""
        return self.backlog is not None and place_of(row) > self.backlog


def _place_in(value: list[str] | None) -> Place | None:
    return None if value is None else (value[0], value[1])


class WaitingMail(NamedTuple):
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
        remembered: str = '',
        waiting: Iterable[WaitingMail] = (),
        to_mark: dict[str, int] | None = None,
    ):
        self.mailbox = mailbox
        self.wanted = wanted
        self.folders = {folder.name: folder for folder in folders}
        self.remembered = RememberedMails(remembered)
        self.waiting = list(waiting)
        self.to_mark = to_mark or {}

    @classmethod
    def from_last_run(cls, last_run: dict[str, Any], mailbox: str, wanted: str) -> 'FetchCursor':
        """Goes on from a last run; anew where it is of another mailbox or was not written by this fetch.

        Other wishes begin the folders anew, but what was handed over of the mailbox stays known.
        """
        mailbox, wanted = mail_digest(mailbox.lower()), mail_digest(wanted)
        if last_run.get('version') != _CURSOR_VERSION or last_run.get('mailbox') != mailbox:
            return cls(mailbox, wanted)
        folders = last_run['folders'] if last_run['wanted'] == wanted else {}
        waiting = [
            WaitingMail(message_id, last_run['names'][number], received, tries)
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
            if room >= _FEWEST_REMEMBERED * _DIGEST_LENGTH or not (to_mark or linked):
                return {**rest, 'remembered': self.remembered.as_text(min(room, MOST_REMEMBERED * _DIGEST_LENGTH))}
            if to_mark:
                to_mark = to_mark[10:]
            else:
                folders[linked.pop()].update(link='', is_first_round=True)


# endregion
# region folders

NOT_FOUND_CODES = ('ErrorItemNotFound', 'ErrorInvalidIdMalformed', 'ErrorFolderNotFound', 'ErrorInvalidMailboxItemId')


def folder_names(text: str) -> list[str]:
    """Parts a list of folders at its commas, but not at those behind a backslash."""
    return [name.strip() for name in re.findall(r'(?:\\.?|[^,\\])+', text) if name.strip()]


def find_folder(client: GraphMailClient, name: str) -> str:
    """The ID of a folder.

    Args:
        name: an ID, a well-known name, or a path of display names such as ``Inbox/Phishing``, where a backslash before a slash, a
            comma or a backslash makes it part of a name. Display names are looked for among the first 1,000 that are not hidden.
    Raises:
        DemistoException: there is none.
        GraphError: Graph could not be asked.
    """
    path = [re.sub(r'\\(.)', r'\1', part).strip() for part in re.findall(r'(?:\\.?|[^/\\])+', name) if part.strip()]
    if not path:
        raise DemistoException(f"'{name}' names no folder. Write a name, an ID, or a path such as Inbox/Phishing.")
    folder_id = _known_folder(client, path[0]) or _named_folder(client.list_folders(limit=LARGEST_PAGE), path[0], 'the mailbox')
    for parent, child in pairwise(path):
        folder_id = _named_folder(client.list_child_folders(folder_id, limit=LARGEST_PAGE), child, f"'{parent}'")
    return folder_id


def _known_folder(client: GraphMailClient, name: str) -> str:
    """The ID of the folder of that ID or well-known name, empty if there is none."""
    try:
        folder_id: str = client.graph_request('GET', client.folder_path(name), params={'$select': 'id'})['id']
    except GraphError as error:
        if error.status == 400 or error.code in NOT_FOUND_CODES:  # 400: a name may not even make a path
            return ''
        raise
    return folder_id


def _named_folder(folders: list[dict[str, Any]], name: str, parent: str) -> str:
    for folder in folders:
        if str(folder.get('displayName') or '').strip().casefold() == name.casefold():
            return str(folder['id'])
    raise DemistoException(
        f"There is no folder '{name}' in {parent}. Check the folders to fetch from: a path is written as "
        'Inbox/Phishing, a slash in a name as \\/.'
    )


# endregion
# region which mails come next

# Nothing that was asked for is at fault; 0: there was no answer.
BUSY_STATUSES = (0, 429, 502, 503, 504)
_PAGES_OF_A_RUN = 20  # of one folder, and of each of its three sources
_SMALL_PAGE = 50  # rows
_PAGES_OF_A_SECOND = 1000
_CHECKED_EVERY = 600.0  # seconds
_DEEPEST_FOLDER = 20
_DELETED_ITEMS = 'deleteditems'


def mailbox_answers(client: GraphMailClient) -> bool:
    """Whether Graph answers as to the mailbox, so that the fault lies with what it did not give."""
    try:
        client.try_mailbox()
    except (DemistoException, MicrosoftSignInError):
        return False
    return True


class NextMails:
    """The mails that one run works on, at most so many: those that are due already, then those that are found.

    Args:
        is_wanted: whether a message is to be fetched at all.
    Attributes:
        chosen: by their message IDs.
        problems: why not all was found that there may be.
    """

    def __init__(self, client: GraphMailClient, cursor: FetchCursor, most: int, is_wanted: Callable[[Row], bool]):
        self._client = client
        self._cursor = cursor
        self._most = most
        self._is_wanted = is_wanted
        self.problems: list[Exception] = []
        self._silent: set[str] = set()  # folders that Graph gave no answer about, though it does of the mailbox
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
        for step in (self._check_place, self._entered, self._changed, self._older):
            for name in [name for name in open_names if name in self._cursor.folders and name not in self._silent]:
                if self.is_full or not self._try(name, partial(step, self._cursor.folders[name])):
                    return

    def _try(self, name: str, look: Callable[[], None]) -> bool:
        """Whether the run may go on after looking into a folder: not where Graph rests or is away, or nobody is signed in."""
        try:
            look()
        except GraphError as error:
            self.problems += self._find_again(name, error) if error.status == 404 else [error]
            if error.status in BUSY_STATUSES:
                self._client.patience = 0  # the run has waited once
            if not error.status:
                self._silent.add(name)
            return error.status != 429 and bool(error.status or mailbox_answers(self._client))
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

    def _find_again(self, name: str, error: GraphError) -> list[Exception]:
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
        self._go_over(folder, folder_id)
        if name in self._cursor.folders:
            self._try(name, partial(self._entered, self._cursor.folders[name]))
        return []

    def _go_over(self, folder: FolderCursor, other_id: str) -> None:
        """Goes over to the folder that has the name of a deleted one now, unless it is fetched from by the name it had before."""
        if any(other.folder_id == other_id for other in self._cursor.folders.values()):
            del self._cursor.folders[folder.name]
        else:
            self._cursor.folders[folder.name] = self._new_folder(folder.name, other_id, folder.first)

    def _check_place(self, folder: FolderCursor) -> None:
        """Looks from time to time whether a folder was deleted: it lies among the deleted items then, and nothing enters it.

        Raises:
            DemistoException: it was, and no other folder has its name now.
        """
        now = self._client.clock.now()
        if folder.checked < graph_seconds(now - _CHECKED_EVERY):
            folder.checked, folder.is_deleted = graph_seconds(now), self._is_deleted(folder)
        if not folder.is_deleted:
            return
        named_id = find_folder(self._client, folder.name)  # raises where the name leads nowhere any more
        if named_id != folder.folder_id:
            self._go_over(folder, named_id)
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
        for _ in range(_DEEPEST_FOLDER):
            parent_id = self._folder(folder_id).get('parentFolderId') or folder_id
            if parent_id in (deleted_id, folder_id):
                return bool(parent_id == deleted_id)
            folder_id = parent_id
        return False

    def _folder(self, folder_id: str) -> dict[str, Any]:
        return self._client.graph_request('GET', self._client.folder_path(folder_id), params={'$select': 'id,parentFolderId'})

    def _is_due(self, row: Row) -> bool:
        return (
            row['id'] not in self.chosen
            and row['id'] not in self._known
            and row['id'] not in self._cursor.remembered
            and self._is_wanted(row)
        )

    def _choose(self, row: Row, folder: FolderCursor) -> None:
        self.chosen[row['id']] = WaitingMail(row['id'], folder.name, str(row.get(RECEIVED) or ''))

    def _entered(self, folder: FolderCursor) -> None:
        """Follows the round of changes. A first round shows what is there already, and not always all of it: it only leads on."""
        for _ in range(_PAGES_OF_A_RUN):
            if not self._client.is_own_link(folder.link):  # the address of Graph was changed
                folder.begin_anew()
            asked, page_size = self._client.clock.now(), LARGEST_PAGE if folder.is_first_round else max(self.room, _SMALL_PAGE)
            try:
                rows, link, is_over = self._client.entered_messages(folder.folder_id, folder.link, ROW_PROPERTIES, page_size)
            except GraphError as error:
                # Graph made the link itself: nothing but the link can be wrong with a request that it does not understand.
                if not (folder.link and (error.is_lost_round or error.status == 400)):
                    raise
                folder.begin_anew()
                continue
            for row in [] if folder.is_first_round else rows:
                if not folder.is_left_to_backlog(row) and self._is_due(row):
                    if self.is_full:
                        return  # the page comes once more in the next run, so that the rest of it is not passed over
                    self._choose(row, folder)
            folder.go_on(link, is_over, asked)
            if is_over or self.is_full:
                return

    def _changed(self, folder: FolderCursor) -> None:
        """Goes on with the list of what was changed while no round told what entered."""
        if folder.changed is not None:
            place, is_over = self._list(
                folder, CHANGED, folder.changed, lambda row: not folder.is_left_to_backlog(row) and self._is_due(row)
            )
            folder.changed = None if is_over else place

    def _older(self, folder: FolderCursor) -> None:
        """Goes on with the list of what was there before. It outlasts the first round: nothing enters between the two."""
        if folder.backlog is not None and folder.link:
            place, is_over = self._list(folder, RECEIVED, folder.backlog, self._is_due)
            folder.backlog = None if is_over and not folder.is_first_round else place

    def _list(self, folder: FolderCursor, by: str, place: Place, is_due: Callable[[Row], bool]) -> tuple[Place, bool]:
        """Goes on with a list by a time from `place` on. Gives the place up to which it came, and whether that is its end."""
        for _ in range(_PAGES_OF_A_RUN):
            rows, next_second = self._next_seconds(folder, by, place[0])
            for row in sorted(rows, key=partial(place_of, by=by)):
                if place_of(row, by) > place and is_due(row):
                    if self.is_full:
                        return place, False
                    self._choose(row, folder)
                place = max(place, place_of(row, by))
            if not next_second:
                return place, True
            place = (next_second, '')
            if self.is_full:
                break
        return place, False

    def _next_seconds(self, folder: FolderCursor, by: str, begin: str) -> tuple[list[Row], str]:
        """The messages of some seconds from `begin` on, all of each, and the second that comes next, empty after the last.

        A link to the next page counts rows, and misses one where another was taken away: it is followed within a second only.
        """
        query = {'$select': ROW_PROPERTIES, '$orderby': f'{by} asc', '$filter': f'{by} ge {begin}Z'}
        rows: dict[str, Row] = {}
        for page_size in (2 * max(self.room, _SMALL_PAGE), LARGEST_PAGE):
            page, link = self._client.list_messages(folder_id=folder.folder_id, query=query, page_size=page_size)
            rows = {row['id']: row for row in page}
            seconds = {place_of(row, by)[0] for row in page}
            if not link or len(seconds) > 1:
                break
        for _ in range(_PAGES_OF_A_SECOND):
            last = max((place_of(row, by)[0] for row in rows.values()), default='')
            if not link:
                return list(rows.values()), ''
            if any(place_of(row, by)[0] != last for row in rows.values()):
                return [row for row in rows.values() if place_of(row, by)[0] != last], last
            page, link = self._client.list_messages(next_page=link)
            rows.update((row['id'], row) for row in page)
        raise DemistoException(
            f"More than {len(rows)} messages in '{folder.name}' are of the same second, {last}. "
            'Move some of them to another folder.'
        )


# endregion
