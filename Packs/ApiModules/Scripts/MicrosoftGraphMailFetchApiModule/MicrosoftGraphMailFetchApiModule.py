"""Fetch the mails of a mailbox as incidents: cursor, selection, reading, incidents."""

import base64
import hashlib
import json
import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import accumulate, groupby
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import demistomock as demisto

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import NO_RETRIES, MicrosoftSignInError, JsonObject
    from MicrosoftApiModule import API_RETRIES
    from MicrosoftMailMimeApiModule import (
        calendar_in_mime,
        end_of_headers,
        event_details,
        file_name,
        parse_headers,
    )
    from MicrosoftGraphMailClientApiModule import (
        ATTACHMENT_PROPERTIES,
        Attachment,
        BatchRequest,
        BatchResult,
        DeltaPage,
        EmailAddress,
        GraphError,
        GraphMailClient,
        MAX_BATCH_SIZE,
        MAX_EMPTY,
        MAX_PAGE_SIZE,
        MESSAGE_PROPERTIES,
        Mailbox,
        NOT_FOUND_CODES,
        ODD,
        SavedFile,
        UNREADABLE_CODES,
        html_to_text,
        odata_text,
        page_rows,
        save_file,
    )
    from MicrosoftGraphMailFilterApiModule import (
        CHANGED,
        FetchLabel,
        FetchOptions,
        MAX_MAILS_PER_RUN,
        MessageRow,
        RECEIVED,
        ROW_PROPERTIES,
        find_fetch_folder,
        graph_seconds,
    )

# region fetch

# Of one request; after the first failure of the service, a run does not wait any more, since the next run comes soon.
FETCH_RETRIES = API_RETRIES._replace(budget=5.0)  # seconds
# The platform ends a command after five minutes by default, and everything that a run has read is lost then.
_MAX_READING_SECONDS = 120.0
# The failure is not that of what was requested; 0: no response came.
TRANSIENT_STATUSES = (0, 429, 502, 503, 504)


def fetch_incidents(client: GraphMailClient, options: FetchOptions) -> None:
    """Fetch the next mails: create their incidents, then save the last run. Problems become the health of the instance."""
    fetched = fetch_mails(client, options, demisto.getLastRun())
    demisto.incidents(fetched.incidents)
    demisto.setLastRun(fetched.last_run)
    if messages := dict.fromkeys(map(str, (*fetched.problems, *fetched.notes))):
        demisto.updateModuleHealth('\n'.join(messages))


class FetchResult(NamedTuple):
    """The result of one run.

    Args:
        incidents: to be created first.
        last_run: to be saved after that.
        problems: why there may be more mails.
        notes: what the administrator should know besides.
    """

    incidents: list[JsonObject]
    last_run: JsonObject
    problems: list[Exception]
    notes: Sequence[str] = ()


def fetch_mails(client: GraphMailClient, options: FetchOptions, last_run: JsonObject) -> FetchResult:
    """Return the next mails as incidents. If something fails, everything else is fetched all the same.

    Raises:
        GraphError, MicrosoftSignInError, DemistoException: nothing could be done.
    """
    run = FetchRun(client)
    address = client.mailbox.address or _signed_in_user(client)
    cursor = FetchCursor.from_last_run(last_run if isinstance(last_run, dict) else {}, address, options.filters)
    if cursor.damaged:
        lost = ', '.join(dict.fromkeys(cursor.damaged))
        run.notes.append(f'The last run was damaged. What could not be read starts again: {lost}.'[:500])
    before = cursor.as_last_run()
    _mark_as_read(run, cursor, options.mark_read)
    is_throttled = any(status_of(problem) == 429 for problem in run.problems)
    mails = [] if is_throttled else MailSelector(run, cursor, options).select()
    incidents = MailReader(run, options, cursor, address, mails).read()
    cursor.record(mails, options.mark_read, run.now(), not options.depends_on_state)
    after = cursor.as_last_run()
    if run.problems and not incidents and after == before:
        raise run.problems[0]
    return FetchResult(incidents, after, run.problems, run.notes)


class FetchRun:
    """What the steps of one run share.

    Attributes:
        mailbox: that of the client, with the retry policy of the fetch.
        hasty_mailbox: the same one without retries.
        problems: why not everything was fetched.
        notes: what the administrator should know besides.
    """

    def __init__(self, client: GraphMailClient):
        self.client = client
        self.mailbox = Mailbox(client, client.mailbox.address, FETCH_RETRIES)
        self.hasty_mailbox = Mailbox(client, client.mailbox.address, NO_RETRIES)
        self.problems: list[Exception] = []
        self.notes: list[str] = []
        self._end = self.now() + _MAX_READING_SECONDS

    def now(self) -> float:
        return self.client.clock.now()

    @property
    def is_over_time(self) -> bool:
        return self.now() > self._end

    def is_mailbox_available(self) -> bool:
        """Return whether Graph can read the mailbox, so that a failure is that of what was requested."""
        try:
            self.mailbox.check()
        except (DemistoException, MicrosoftSignInError):
            return False
        return True

    def stop_waiting_after(self, error: Exception) -> None:
        """Send no request again any more if the service failed."""
        if status_of(error) in TRANSIENT_STATUSES:
            self.mailbox = self.hasty_mailbox


def status_of(error: Exception | None) -> int:
    """Return the HTTP status of an error of Graph, 0 if there is none."""
    return error.status if isinstance(error, GraphError) else 0


def is_final(error: Exception) -> bool:
    """Return whether a request fails again whenever it is sent again."""
    return status_of(error) in _FINAL_STATUSES or (isinstance(error, GraphError) and error.code in UNREADABLE_CODES)


def _signed_in_user(client: GraphMailClient) -> str:
    """Return the address or ID of the user that the token names, empty if it names none."""
    claims = client.token_provider.get_token(client.token_target()).claims()
    names = [claims.get(name) for name in ('upn', 'preferred_username', 'unique_name', 'oid')]
    return str(next(filter(None, names), ''))


def _mark_as_read(run: FetchRun, cursor: 'FetchCursor', is_wanted: bool) -> None:
    """Mark the mails whose incidents exist since the last run as read. What fails is repeated in the next run."""
    if not is_wanted:
        cursor.to_mark = {}
    mailbox = run.mailbox
    results = mailbox.batch([mailbox.update_request(message_id, {'isRead': True}) for message_id in cursor.to_mark])
    run.problems += cursor.record_marked(results)[:1]


# endregion

# region cursor

SortKey = tuple[str, str]  # a time in whole seconds and a digest: the position of a message in a list by that time
MAX_SEEN = 4000  # mails
MAX_TRIES_PER_MAIL = 5


_MIN_SEEN = 1000
_CURSOR_VERSION = 1


_CURSOR_LENGTH = 63_000  # characters of JSON
_DIGEST_LENGTH = 8  # characters that encode 6 bytes: the chance that a new mail collides with one of 4,000 is 1 in 70 billion
_END_OF_SECOND = '~'  # sorts after all digests
# The time of a sync is recorded as that much earlier: the clocks of Microsoft and of the engine differ.
_OVERLAP = 300.0  # seconds
_CHECK_INTERVAL = 600.0  # seconds
_DELTA_INTERVAL = 86400.0  # seconds until a delta sync is tried again where Graph has none
_ERA_LENGTH = 500  # mails
_NEVER = '9999'  # later than all times
# A mail that Graph does not find may only not be there yet: it waits for that many seconds, and for all its tries.
_MAX_ABSENCE = 600.0
_MAX_TEXT = 120  # characters of what the cursor remembers of a mail besides its ID


def message_digest(message_id: str) -> str:
    """Return a digest of a message ID, which would need too much space."""
    return base64.urlsafe_b64encode(hashlib.sha256(message_id.encode()).digest()[:6]).decode()


def sort_key(row: MessageRow, by: str = RECEIVED) -> SortKey:
    """Return the position of a message in a list by a time of Graph."""
    return str(row.get(by) or '')[:19], message_digest(row['id'])


class SeenMails:
    """The digests of the mails that became incidents last.

    Args:
        text: as `as_json` returns it.
        eras: times, and how many were added from each on.
        complete_from: all that were added from this time on are known; empty if none was forgotten.
    """

    def __init__(self, text: str = '', eras: Iterable[Sequence[Any]] = (), complete_from: str = ''):
        self._digests = dict.fromkeys(re.findall(f'.{{{_DIGEST_LENGTH}}}', text))
        self._starts = [str(start) for start, count in eras for _ in range(min(count, MAX_SEEN))]  # of the era of each digest
        self.complete_from = complete_from
        if len(self._starts) != len(self._digests):  # saved by an earlier version
            self._starts = [''] * len(self._digests)
            self.complete_from = '' if len(self._digests) < _MIN_SEEN else _NEVER

    def __contains__(self, message_id: str) -> bool:
        return message_digest(message_id) in self._digests

    def add(self, message_id: str, now: float = 0) -> None:
        """Add a mail that became an incident at a time, in seconds since the epoch."""
        if message_id not in self:
            last = self._starts[-1:]
            is_era_full = self._starts[-_ERA_LENGTH:] == last * _ERA_LENGTH  # or there is none
            self._starts += [graph_seconds(now)] if is_era_full else last
            self._digests[message_digest(message_id)] = None

    def as_json(self, max_length: int) -> JsonObject:
        """Return what to save of the newest ones: digests of at most `max_length` characters."""
        count = max(max_length // _DIGEST_LENGTH, 1)
        dropped, starts, complete_from = self._starts[:-count], self._starts[-count:], self.complete_from
        if dropped:
            complete_from = next((start for start in starts if start != dropped[-1]), _NEVER)
        eras = [[start, len(list(era))] for start, era in groupby(starts)]
        return {'remembered': ''.join(list(self._digests)[-count:]), 'eras': eras, 'complete_from': complete_from}


class PendingMail(NamedTuple):
    """A mail that is to become an incident.

    Args:
        folder: its name in the parameters of the instance.
        received: time as Graph writes it.
        tries: number of runs that could not read it, although the mailbox could be read.
        since: time of the first of them, in seconds since the epoch.
        internet_id: its Message-ID, by which it is found if its ID changes.
        subject, sender: as the list showed them, for an incident of a mail that cannot be read.
    """

    message_id: str
    folder: str
    received: str = ''
    tries: int = 0
    since: int = 0
    internet_id: str = ''
    subject: str = ''
    sender: str = ''

    @classmethod
    def from_row(cls, row: MessageRow, folder: str) -> 'PendingMail':
        internet_id, subject = row.get('internetMessageId') or '', row.get('subject') or ''
        if len(internet_id) > 2 * _MAX_TEXT:
            internet_id = ''
        sender = EmailAddress.from_json(row.get('from')).address or EmailAddress.from_json(row.get('sender')).address
        return cls(row['id'], folder, row.get(RECEIVED) or '', 0, 0, internet_id, subject[:_MAX_TEXT], sender[:_MAX_TEXT])

    @classmethod
    def from_json(cls, value: Any, names: Any) -> 'PendingMail':
        """Return a saved mail. Raise ValueError, TypeError or IndexError if it has a wrong form."""
        message_id, number, *rest = value
        mail = cls(message_id, names[number], *rest)
        kinds = (str, str, str, int, int, str, str, str)
        if not message_id or not all(map(isinstance, mail, kinds)):
            raise ValueError
        return mail


_TIME = r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"'
_POSITION = rf'null|\[{_TIME}, ".*"\]'
# Keys of a folder in the last run, the attributes that they save, and patterns of their JSON.
_FOLDER_KEYS = (
    ('id', 'folder_id', '".+"'),
    ('first', 'first', _TIME),
    ('since', 'since', _TIME),
    ('backlog', 'backlog', _POSITION),
    ('changed', 'changed', _POSITION),
    ('link', 'link', '".*"'),
    ('is_first_round', 'is_first_sync', 'true|false'),
    ('checked', 'checked', _TIME),
    ('is_deleted', 'is_deleted', 'true|false'),
    ('strict', 'is_strict', 'true|false'),
    ('no_delta', 'no_delta_until', f'""|{_TIME}'),
    ('reason', 'reason', '".*"'),
)
_LATER_KEYS = {'strict': False, 'no_delta': '', 'reason': ''}  # that the first version did not save


class FolderCursor:
    """How far the fetch is in one folder.

    Args:
        name: the folder in the parameters of the instance.
        folder_id: stays when the folder is renamed or moved.
        first: received time of the oldest message to fetch.
        since: everything that entered the folder before was selected.
        backlog: position in the list by received time, None if it is finished.
        changed: position in the list by changed time, None before the first sync.
        link: where the delta sync continues; empty to start it.
        is_first_sync: the sync returns the messages that are in the folder, not those that entered it.
        checked: when it was checked whether the folder is deleted.
        is_deleted: it was in Deleted Items then.
        is_strict: no entry was missed, so a message of the list by changed time is new only if it was received lately.
        no_delta_until: Graph has no delta sync for the folder; it is tried again at that time. Empty if Graph has one.
        reason: why it has none.
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
        is_strict: bool = False,
        no_delta_until: str = '',
        reason: str = '',
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
        self.is_strict = is_strict
        self.no_delta_until = no_delta_until
        self.reason = reason

    @classmethod
    def from_json(cls, name: str, value: JsonObject) -> 'FolderCursor':
        """Return a saved cursor. Raise ValueError, TypeError or KeyError if it has a wrong form."""
        value, fields = {**_LATER_KEYS, **value}, {}
        for key, field, pattern in _FOLDER_KEYS:
            saved = value[key]
            if not re.fullmatch(pattern, json.dumps(saved)):
                raise ValueError
            fields[field] = tuple(saved) if isinstance(saved, list) else saved
        urlsplit(fields['link'])  # raises ValueError
        folder = cls(name, **fields)
        if folder.changed is None and not folder.is_first_sync:  # saved by an earlier version
            folder.changed, folder.is_strict = (folder.since, ''), True
        return folder

    def as_json(self) -> JsonObject:
        return {key: getattr(self, field) for key, field, _ in _FOLDER_KEYS}

    def is_in_backlog(self, row: MessageRow) -> bool:
        """Return whether the list by received time will reach a message."""
        return self.backlog is not None and sort_key(row) > self.backlog

    def record_sync(self, link: str, is_last: bool, requested: float) -> None:
        """Record a page of the delta sync that was requested at a time, in seconds since the epoch."""
        self.link, self.no_delta_until = link, ''
        if is_last and self.is_first_sync:
            missed = (self.since, _END_OF_SECOND)
            self.changed = min(self.changed or missed, missed)
            self.is_first_sync = self.is_strict = False
        if is_last:
            self.since = graph_seconds(requested - _OVERLAP)

    def restart_sync(self) -> None:
        """Start the delta sync again. What entered since the last one is found in the list by changed time."""
        self.link, self.is_first_sync = '', True

    def record_no_delta(self, now: float, reason: str) -> None:
        """Record that Graph has no delta sync for the folder: only lists tell what enters it."""
        self.restart_sync()
        self.no_delta_until, self.reason = graph_seconds(now + _DELTA_INTERVAL), reason
        missed = (self.since, '')
        self.changed, self.is_strict = min(self.changed or missed, missed), False

    def record_changed(self, position: SortKey, is_end: bool, requested: float, known_from: str) -> None:
        """Record the position in the list by changed time that was requested at a time, in seconds since the epoch.

        A message may still enter before a position of the last minutes, so these are listed again.

        Args:
            known_from: time from which on everything that became an incident is known, and so is not selected again.
        """
        overlap = graph_seconds(requested - _OVERLAP)
        if not is_end:
            self.changed = min(position, (max(overlap, known_from), ''))
            return
        self.changed = (overlap, '')
        if self.no_delta_until:
            self.since = overlap
        else:
            self.is_strict = not self.is_first_sync

    def record_backlog(self, position: SortKey, is_end: bool) -> None:
        """Record the position. The list is not finished before the first sync, so that nothing enters between them."""
        self.backlog = None if is_end and (self.no_delta_until or not self.is_first_sync) else position

    def is_check_due(self, now: float) -> bool:
        return self.checked < graph_seconds(now - _CHECK_INTERVAL)

    def record_check(self, now: float, is_deleted: bool) -> None:
        self.checked, self.is_deleted = graph_seconds(now), is_deleted


class FetchCursor:
    """How far the fetch of an instance is: what is saved from run to run.

    Args:
        mailbox, filters: digests of the mailbox and of the filters.
    Attributes:
        folders: those that are fetched from, by their names.
        seen: mails that became incidents.
        pending: mails that are to become incidents.
        to_mark: IDs of mails to mark as read, and how often Graph rejected that.
        damaged: what of the last run had a wrong form, so that it was dropped.
    """

    def __init__(self, mailbox: str, filters: str):
        self.mailbox = mailbox
        self.filters = filters
        self.folders: dict[str, FolderCursor] = {}
        self.seen = SeenMails()
        self.pending: list[PendingMail] = []
        self.to_mark: dict[str, int] = {}
        self.damaged: list[str] = []

    @classmethod
    def from_last_run(cls, last_run: JsonObject, address: str, filters: str) -> 'FetchCursor':
        """Return the cursor of a last run, or a new one if that is of another mailbox or of another integration.

        With other filters the folders start again, but the mails of the mailbox that became incidents stay known.
        """
        mailbox, filters = message_digest(address.lower()), message_digest(filters)
        cursor = cls(mailbox, filters)
        if last_run.get('version') != _CURSOR_VERSION or last_run.get('mailbox') != mailbox:
            return cursor
        with cursor._dropping('the folders'):
            for name, value in last_run['folders'].items() if last_run.get('wanted') == filters else ():
                with cursor._dropping(f"the folder '{name}'"):
                    cursor.folders[name] = FolderCursor.from_json(name, value)
        with cursor._dropping('the emails that were to be read again'):
            for value in last_run['waiting']:
                with cursor._dropping('an email that was to be read again'):
                    cursor.pending.append(PendingMail.from_json(value, last_run['names']))
        with cursor._dropping('the emails to be marked as read'):
            cursor.to_mark = {message_id: int(tries) for message_id, tries in last_run['to_mark'].items()}
        with cursor._dropping('the emails that were fetched'):
            eras, complete_from = last_run.get('eras') or (), str(last_run.get('complete_from') or '')
            cursor.seen = SeenMails(last_run['remembered'], eras, complete_from)
        return cursor

    @contextmanager
    def _dropping(self, what: str) -> Iterator[None]:
        """Drop a part of the last run that has a wrong form."""
        try:
            yield
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            self.damaged.append(what)

    def as_last_run(self) -> JsonObject:
        """Return what to save."""
        for last_run in self._shorter_and_shorter():
            room = _CURSOR_LENGTH - len(json.dumps({**last_run, **self.seen.as_json(0)}))
            if room >= _MIN_SEEN * _DIGEST_LENGTH:
                break
        return {**last_run, **self.seen.as_json(min(room, MAX_SEEN * _DIGEST_LENGTH))}

    def _shorter_and_shorter(self) -> Iterator[JsonObject]:
        """Return what to save besides the mails that were seen. Each time, more of what it would be good to have is dropped."""
        names = sorted({mail.folder for mail in self.pending})
        last_run: JsonObject = {
            'version': _CURSOR_VERSION,
            'mailbox': self.mailbox,
            'wanted': self.filters,
            'folders': {name: folder.as_json() for name, folder in self.folders.items()},
            'names': names,
            'waiting': [[mail.message_id, names.index(mail.folder), *mail[2:]] for mail in self.pending],
            'to_mark': dict(self.to_mark),
        }
        yield last_run
        for start in (6, 4):  # subjects and senders, then Message-IDs
            for mail in last_run['waiting']:
                del mail[start:]
            yield last_run
        while last_run['to_mark']:
            last_run['to_mark'] = dict(list(last_run['to_mark'].items())[10:])
            yield last_run
        for folder in reversed(last_run['folders'].values()):
            folder.update(link='', is_first_round=True)
            yield last_run

    def record_marked(self, results: Sequence[BatchResult]) -> list[Exception]:
        """Record which mails were marked as read, and return the errors. Mails that do not exist any more are dropped."""
        errors: list[Exception] = []
        for result in results:
            message_id, error = result.request.message_id, result.error
            tries = self.to_mark.pop(message_id) + (status_of(error) not in TRANSIENT_STATUSES)
            if result.body.get('isRead') or (error and error.code in NOT_FOUND_CODES):
                continue
            if tries < MAX_TRIES_PER_MAIL:
                self.to_mark[message_id] = tries
            if error:
                errors.append(error)
        return errors

    def set_folders(self, names: Sequence[str], new: Sequence[FolderCursor], is_complete: bool) -> None:
        """Fetch from the folders of `names` from now on, each once. A folder with a new name continues.

        Args:
            new: cursors of folders that have no cursor by their name.
            is_complete: the new folders are complete; otherwise no folder is dropped, since a later run may find its new name.
        """
        known = self.folders
        by_id = {folder.folder_id: folder for folder in known.values()}
        self.folders = {name: folder for name, folder in known.items() if name in names}
        for folder in new:
            if not self.has_folder(folder.folder_id):
                found = by_id.get(folder.folder_id, folder)
                found.name = folder.name
                self.folders[folder.name] = found
        if not is_complete:
            self.folders = {**known, **self.folders}

    def has_folder(self, folder_id: str) -> bool:
        return any(folder.folder_id == folder_id for folder in self.folders.values())

    def replace_folder(self, folder: FolderCursor, new: FolderCursor) -> None:
        """Fetch from another folder of the same name, unless it is fetched from by another name."""
        if self.has_folder(new.folder_id):
            del self.folders[folder.name]
        else:
            self.folders[folder.name] = new

    def rotate_folders(self) -> None:
        """Let another folder be the first one, so that a busy folder does not block the others."""
        if self.folders:
            first = next(iter(self.folders))
            self.folders[first] = self.folders.pop(first)

    def is_known(self, message_id: str) -> bool:
        """Return whether a mail became an incident, or is to become one."""
        return message_id in self.seen or any(mail.message_id == message_id for mail in self.pending)

    def record(self, mails: Sequence['FetchedMail'], marks_read: bool, now: float = 0, is_refusal_final: bool = False) -> None:
        """Record the mails of a run: those that become incidents, those that are postponed, and those that are not wanted, if
        they will not be later."""
        tried = {mail.selected_id for mail in mails}
        self.pending = [pending for pending in self.pending if pending.message_id not in tried]
        self.pending += [mail.pending for mail in mails if mail.is_postponed and not mail.is_deleted]
        for mail in mails:
            if mail.is_active or (mail.is_unwanted and is_refusal_final):
                for message_id in (mail.selected_id, mail.message_id):
                    self.seen.add(message_id, now)
                if marks_read and mail.is_active and not mail.message.get('isRead'):
                    self.to_mark[mail.message_id] = 0


# endregion

# region selection

_MAX_PAGES_PER_RUN = 20  # of a folder, for each of its three lists
_MAX_PAGES_PER_SECOND = 1000
_SMALL_PAGE = 50  # rows
_MAX_FOLDER_DEPTH = 20


class MailSelector:
    """Select the mails of one run: those that are pending, then those that are found in the folders."""

    def __init__(self, run: FetchRun, cursor: FetchCursor, options: FetchOptions):
        self._run = run
        self._cursor = cursor
        self._options = options
        self._silent: set[str] = set()  # folders without a response, although the mailbox has one, and those that do not exist
        # Pending mails leave half of the run to others, as long as not more become pending than fit into the cursor.
        tried = cursor.pending[: max(1, options.max_mails // 2)]
        self._selected = {mail.message_id: mail for mail in tried}
        self._max_selected = min(options.max_mails, MAX_MAILS_PER_RUN - len(cursor.pending) + len(tried))

    def select(self) -> list['FetchedMail']:
        """Return the mails of this run, and record in the cursor how far their folders are."""
        if self._open_folders():
            self._select_from_folders()
        return [FetchedMail(pending) for pending in self._selected.values()]

    @property
    def _room(self) -> int:
        return max(0, self._max_selected - len(self._selected))

    def _select_from_folders(self) -> None:
        names = list(self._cursor.folders)
        self._cursor.rotate_folders()
        for step in (self._check_location, self._select_created, self._select_changed, self._select_backlog):
            for name in names:
                folder = self._cursor.folders.get(name)
                if folder and name not in self._silent and not (self._room and self._try(name, partial(step, folder))):
                    return

    def _try(self, name: str, step: Callable[[], None]) -> bool:
        """Run a step with a folder, and return whether the run may continue. It must not if Graph throttles or does not answer,
        or if the sign-in failed."""
        try:
            step()
        except GraphError as error:
            problem = self._find_again(name, error) if error.status == 404 else error
            self._run.stop_waiting_after(error)
            if problem:
                self._run.problems.append(problem)
                if error.status in (0, 404):
                    self._silent.add(name)
            return error.status != 429 and bool(error.status or self._run.is_mailbox_available())
        except Exception as error:
            is_clear = isinstance(error, DemistoException | MicrosoftSignInError)
            self._run.problems.append(error if is_clear else DemistoException(f"'{name}' cannot be read. {_reason(error)}"))
            return not isinstance(error, MicrosoftSignInError)
        return True

    # region folders

    def _open_folders(self) -> bool:
        """Look up new folders, and return whether the run may continue."""
        names, new = self._options.folders, []

        def open_folder(name: str) -> None:
            new.append(self._new_folder(name, find_fetch_folder(self._run.mailbox, name), self._options.first_fetch()))

        unknown = [name for name in names if name not in self._cursor.folders]
        is_complete = all(self._try(name, partial(open_folder, name)) for name in unknown)
        self._cursor.set_folders(names, new, is_complete)
        return is_complete

    def _new_folder(self, name: str, folder_id: str, first: str) -> FolderCursor:
        return FolderCursor(name, folder_id, first, graph_seconds(self._run.now()), (first, ''))

    def _replace_folder(self, folder: FolderCursor) -> bool:
        """Fetch from the folder that has the name of `folder` now, and return whether it is another one.

        Raises:
            DemistoException: there is none.
        """
        folder_id = self._run.mailbox.find_folder(folder.name)
        if folder_id == folder.folder_id:
            return False
        self._cursor.replace_folder(folder, self._new_folder(folder.name, folder_id, folder.first))
        return True

    def _find_again(self, name: str, error: GraphError) -> Exception | None:
        """Fetch from the folder that now has the name of one that Graph does not find. Return the problem if there is none."""
        folder = self._cursor.folders.get(name)
        if folder is None:
            return error
        try:
            if not self._replace_folder(folder):
                return error
        except (GraphError, MicrosoftSignInError) as problem:
            return problem
        except DemistoException as problem:
            return DemistoException(f"The folder '{name}' was deleted. {problem}")
        if name in self._cursor.folders:
            self._try(name, partial(self._select_created, self._cursor.folders[name]))
        return None

    def _check_location(self, folder: FolderCursor) -> None:
        """Check from time to time whether a folder is in Deleted Items, where nothing enters it.

        Raises:
            DemistoException: it is, and no other folder has its name.
        """
        if folder.is_check_due(self._run.now()):
            folder.record_check(self._run.now(), self._is_deleted(folder))
        if not folder.is_deleted or self._replace_folder(folder):
            return
        if folder.name == folder.folder_id:
            raise DemistoException(
                f"The folder '{folder.name}' is in Deleted Items. Move it back, or change '{FetchLabel.FOLDERS}'."
            )
        folder.record_check(self._run.now(), is_deleted=False)  # the path leads to Deleted Items on purpose

    def _is_deleted(self, folder: FolderCursor) -> bool:
        deleted_id = self._folder('deleteditems')['id']
        folder_id = folder.folder_id
        for _ in range(_MAX_FOLDER_DEPTH):
            parent_id = self._folder(folder_id).get('parentFolderId') or folder_id
            if parent_id in (deleted_id, folder_id):
                return bool(parent_id == deleted_id)
            folder_id = parent_id
        return False

    def _folder(self, folder_id: str) -> JsonObject:
        mailbox = self._run.mailbox
        return mailbox.request('GET', mailbox.folder_path(folder_id), params={'$select': 'id,parentFolderId'})

    # endregion
    # region messages

    def _is_known(self, message_id: str) -> bool:
        return message_id in self._selected or self._cursor.is_known(message_id)

    def _is_new(self, row: MessageRow) -> bool:
        return not self._is_known(row['id']) and self._options.matches(row)

    def _add(self, row: MessageRow, folder: FolderCursor) -> None:
        self._selected[row['id']] = PendingMail.from_row(row, folder.name)

    @property
    def _properties(self) -> str:
        """The properties of rows. Graph tells each change of one of them, as if something had entered."""
        return ','.join((ROW_PROPERTIES, *self._options.properties))

    def _select_created(self, folder: FolderCursor) -> None:
        """Select what entered the folder, by delta sync. The first sync returns what was there before, and not always everything:
        its messages are ignored."""
        if folder.no_delta_until > graph_seconds(self._run.now()):
            self._run.notes.append(folder.reason)
            return
        for _ in range(_MAX_PAGES_PER_RUN):
            requested = self._run.now()
            page = self._delta_page(folder)
            if page is None:
                return
            for row in [] if folder.is_first_sync else [*page.messages, *self._returned(folder, page.removed)]:
                # A row without a received time tells a change of a message that has been there.
                if row.get(RECEIVED) and not folder.is_in_backlog(row) and self._is_new(row):
                    if not self._room:
                        return  # the page is requested again in the next run, so that its other rows are not skipped
                    self._add(row, folder)
            folder.record_sync(page.link, page.is_last, requested)
            if page.is_last or not self._room:
                return

    def _delta_page(self, folder: FolderCursor, is_second_try: bool = False) -> DeltaPage | None:
        """Return the next page of the delta sync, of a new one if Graph has lost the old one. None if Graph has none."""
        if not self._run.client.is_own_link(folder.link):  # the address of Graph was changed
            folder.restart_sync()
        page_size = MAX_PAGE_SIZE if folder.is_first_sync else max(self._room, _SMALL_PAGE)
        try:
            return self._run.mailbox.created_messages(folder.folder_id, folder.link, self._properties, page_size)
        except GraphError as error:
            # Graph made the link: nothing but the link can be wrong with a request that it does not understand.
            if folder.link and (error.is_sync_state_lost or error.status == 400):
                folder.restart_sync()
                return self._delta_page(folder, is_second_try)
            # Graph keeps the states of syncs in the mailbox, where they may find no room.
            has_no_room = error.status == 507 or ('QuotaExceeded' in error.code and error.status != 429)
            if error.status not in (400, 404, 405, 501) and not has_no_room:
                raise
            if not is_second_try:  # it may be an error of one moment
                return self._delta_page(folder, True)
            self._record_no_delta(folder, error)
            return None

    def _record_no_delta(self, folder: FolderCursor, error: GraphError) -> None:
        """Record that Graph has no delta sync for a folder, and note the reason. Lists then tell what enters it."""
        if error.status == 404:
            try:
                self._folder(folder.folder_id)
            except GraphError as own_error:  # 404: the folder is what Graph does not find
                if own_error.status != 404:
                    self._silent.add(folder.name)
                raise
        reason = (
            f"Microsoft Graph has no change tracking for the folder '{folder.name}', so emails are found by lists. It is tried "
            f'again in 24 hours. Reason: {error.what}'
        )
        folder.record_no_delta(self._run.now(), reason[:500])
        self._run.notes.append(folder.reason)

    def _returned(self, folder: FolderCursor, removed: Sequence[str]) -> list[MessageRow]:
        """Return the messages that left the folder and came back, of which Graph tells only that they were removed."""
        mailbox, query = self._run.mailbox, urlencode({'$select': f'{self._properties},parentFolderId'})
        results = mailbox.batch(
            [BatchRequest(one, 'GET', f'{mailbox.message_path(one)}?{query}') for one in removed if not self._is_known(one)]
        )
        for result in results:
            if result.error and status_of(result.error) in TRANSIENT_STATUSES:
                raise result.error
        rows = [result.body for result in results if result.body.get('parentFolderId') == folder.folder_id]
        # What Graph does not find (404) may be there all the same: the list shows it.
        failed = {result.request.message_id for result in results if result.error}
        start = folder.since if failed else ''
        for _ in range(_MAX_PAGES_PER_RUN):
            if start:
                listed, start = self._list_seconds(folder, CHANGED, start)
                rows += [row for row in listed if row['id'] in failed]
        return rows

    def _select_changed(self, folder: FolderCursor) -> None:
        """Continue the list of what changed: a delta sync may have missed what entered the folder, or there is none."""
        if folder.changed is None:
            return
        # What was received before the bound and is not known may have been there for long, or may have been forgotten.
        first = folder.changed[0] if self._options.depends_on_state else folder.first
        bound = max(first, self._cursor.seen.complete_from) if folder.is_strict else ''

        def is_new(row: MessageRow) -> bool:
            return sort_key(row)[0] >= bound and not folder.is_in_backlog(row) and self._is_new(row)

        requested = self._run.now()
        listed = self._select_listed(folder, CHANGED, folder.changed, is_new)
        folder.record_changed(*listed, requested, self._cursor.seen.complete_from)

    def _select_backlog(self, folder: FolderCursor) -> None:
        """Continue the list of what was in the folder before the first sync."""
        if folder.backlog is not None and (folder.link or folder.no_delta_until):
            folder.record_backlog(*self._select_listed(folder, RECEIVED, folder.backlog, self._is_new))

    def _select_listed(
        self, folder: FolderCursor, by: str, position: SortKey, is_new: Callable[[MessageRow], bool]
    ) -> tuple[SortKey, bool]:
        """Continue a list by a time after `position`. Return the new position, and whether it is the end of the list."""
        unchanged = 0  # answers one after the other that showed nothing new
        for _ in range(_MAX_PAGES_PER_RUN):
            start = position
            rows, next_second = self._list_seconds(folder, by, start[0])
            for row in sorted(rows, key=partial(sort_key, by=by)):
                key = sort_key(row, by)
                if key > position and is_new(row):
                    if not self._room:
                        return position, False
                    self._add(row, folder)
                position = max(position, key)
            unchanged = unchanged + 1 if position == start else 0
            if next_second:
                position = (next_second, '')
            elif by == CHANGED or unchanged == 2:  # a list may end early, and the backlog is not listed again once it is over
                return position, True
            if not self._room:
                break
        return position, False

    def _list_seconds(self, folder: FolderCursor, by: str, start: str) -> tuple[list[MessageRow], str]:
        """Return all messages of some seconds from `start` on, and the next second, empty after the last one.

        A link to the next page counts rows, and skips one if another was removed: it is only followed within a second.
        """
        mailbox = self._run.mailbox
        query = {'$select': f'{self._properties},{CHANGED}', '$orderby': f'{by} asc', '$filter': f'{by} ge {start}Z'}
        rows: dict[str, MessageRow] = {}
        page, link = mailbox.list_messages(folder.folder_id, query, 2 * max(self._room, _SMALL_PAGE))
        for number in range(_MAX_PAGES_PER_SECOND):
            rows.update((row['id'], row) for row in page)
            if not link:
                return list(rows.values()), ''
            last = max((sort_key(row, by)[0] for row in rows.values()), default='')
            earlier = [row for row in rows.values() if sort_key(row, by)[0] != last]
            if earlier:
                return earlier, last
            if number == 0:  # a larger page may have the whole second
                page, link = mailbox.list_messages(folder.folder_id, query, MAX_PAGE_SIZE)
            else:
                page, link = mailbox.list_messages(next_page=link)
        raise DemistoException(
            f"More than {len(rows)} messages in '{folder.name}' have the same time, {last}. Move some of them to another folder."
        )

    # endregion


# endregion

# region reading

_MAIL_PROPERTIES = (
    'id,createdDateTime,lastModifiedDateTime,receivedDateTime,sentDateTime,subject,importance,conversationId,isRead,isDraft,'
    'internetMessageId,categories,internetMessageHeaders,sender,from,toRecipients,ccRecipients,bccRecipients,replyTo,body,'
    'bodyPreview,webLink,parentFolderId,flag,hasAttachments'
)
_SIZE = "singleValueExtendedProperties($filter=id eq 'Integer 0x0E08')"  # PidTagMessageSize: the size of a mail in bytes
_FEW_PROPERTIES = f'{ROW_PROPERTIES},sentDateTime,isRead,webLink,parentFolderId'
_BATCH_BYTES = 3_000_000  # of the files in one batch. Base64 makes them a third larger, and Graph's limit is said to be 4 MB
_EML = 'message/rfc822'
_FINAL_STATUSES = (400, 405, 410, 413)  # requesting again changes nothing
_RUN_BYTES = 20_000_000  # of the bodies of one run
_RESPONSE_BYTES = 4_000_000  # of the bodies in one batch, as far as can be foreseen
_LISTED_BYTES = 6_000_000  # of the mails of one run that are read by lists
_MIN_LISTED, _MAX_LISTED = 5, 100  # mails of one list
_FIRST_BATCH = 4  # mails: how large their bodies are is not known
MAX_BODY = 500_000  # characters of a body in an incident
_HEAD_BYTES = 64_000  # of MIME: its headers are there
_MAX_MIME = 5_000_000  # bytes of the MIME of a meeting message
_SMALL_MIME = 100_000  # bytes of a mail of which only the headers are needed, so that a batch reads all of it
_Download = Callable[[Callable[[bytes], Any]], None]  # writes bytes with the function that it gets
_Step = Callable[[], None]
_DoWithout = Callable[[Exception], None]  # what to do if a step cannot succeed, with its error


class MailFile:
    """A file of a mail: an attachment, or the mail itself as EML.

    Args:
        path: of its bytes in Graph.
        name: shown in the incident.
        size: approximate number of bytes.
        details: what the incident says about it. Its digest is added, or why it is missing.
    Attributes:
        missing: what the incident says if it cannot be read.
        fits_batch: a batch can contain its bytes. JSON would become a part of the JSON of the batch.
        saved: None before it was read.
        is_done: it was read, or cannot be.
    """

    def __init__(self, mail: 'FetchedMail', path: str, name: str, size: int, details: JsonObject):
        self.mail = mail
        self.path = path
        self.name = name
        self.size = size
        self.details = details
        self.missing = f"The file '{name}' is missing."
        self.fits_batch = size <= _BATCH_BYTES // 3 and 'json' not in self.media_type.lower()
        self.saved: SavedFile | None = None
        self.is_done = False

    @property
    def media_type(self) -> str:
        return str(self.details.get('ContentType') or _EML)

    def take(self, content: bytes) -> None:
        """Save bytes that came with others."""
        self.read(lambda write: write(content))

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

    def do_without(self, error: Exception) -> None:
        """Say in the incident that it is missing."""
        self.is_done = True
        self.details['Missing'] = _reason(error)
        self.mail.missing.append(f'{self.missing} {_reason(error)}')


class FetchedMail:
    """A mail that is to become an incident.

    Attributes:
        message: as Graph shows it; empty before it was read.
        attachments: what the incident says about each.
        eml: what it says about the mail as a file.
        files: those to attach to the incident.
        event: what the invitation of a meeting says.
        missing: sentences about what could not be read.
        body_length: characters of the body, before it was shortened.
        incident: made of all that was read; empty before.
        selected_id: its ID when it was selected.
        is_listed: Graph lists it, although it does not find it.
        is_deleted: the mail does not exist any more.
        is_unwanted: the search of the instance does not find it.
        is_postponed: a later run continues.
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
        self.is_listed = self.is_deleted = self.is_unwanted = self.is_postponed = False

    @property
    def message_id(self) -> str:
        return self.pending.message_id

    @property
    def kind(self) -> str:
        """``message``, or for a meeting ``eventMessageRequest`` and the like."""
        return str(self.message.get('@odata.type') or '').rpartition('.')[2] or 'message'

    @property
    def needs_mime(self) -> bool:
        """Whether its MIME tells what its JSON does not: the headers of mails of colleagues, and the invitation to a meeting."""
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
        """Whether this run makes an incident of the mail."""
        return not (self.is_deleted or self.is_unwanted or self.is_postponed)

    def is_last_try(self, error: Exception, now: float) -> bool:
        is_absent = status_of(error) == 404 and now - (self.pending.since or now) < _MAX_ABSENCE
        return self.pending.tries + 1 >= MAX_TRIES_PER_MAIL and not is_absent

    def accept(self, message: JsonObject) -> None:
        """Take what Graph shows of the mail. What has an odd form is missing, but the attachments can be listed.

        Raises:
            GraphError: it shows nothing.
        """
        if 'subject' not in message:
            raise GraphError('Microsoft Graph sent an email without content.', 'Try again.')
        self.message = message
        for name in sorted(message.pop(ODD, ())):
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
        """The mail as a search reads it. What could not be read is not there."""
        known: JsonObject = {}
        if 'body' in self.message:
            known['kind'] = 'meetings' if self.is_event else 'email'
        size = _size_of(self.message)
        if size:
            known['size'] = size
        return {**self.message, **known}

    def postpone(self, own_fault_at: float = 0) -> None:
        """Leave the mail to a later run, and delete the files that were saved.

        Args:
            own_fault_at: when it could not be read although the mailbox can be, in seconds since the epoch; 0 if it could.
        """
        self.is_postponed = True
        if own_fault_at:
            self.pending = self.pending._replace(tries=self.pending.tries + 1, since=self.pending.since or int(own_fault_at))
        self.drop_files()

    def drop_files(self) -> None:
        for file in self.files:
            if file.saved:
                with suppress(OSError):
                    file.saved.remove()
        self.files = []

    def take_mime(self, head: bytes) -> None:
        """Take what only the MIME of the mail tells. `head` is its beginning."""
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
        file.take(calendar)
        self.files.append(file)
        self.attachments.append(details)

    def give_up(self, error: Exception) -> None:
        """Leave only what the list showed of the mail."""
        self.drop_files()
        self.message, self.attachments, self.eml = {}, [], {}
        self.missing = [f'This email could not be read. {_reason(error)}']


class _EnoughError(Exception):
    """Enough of a mail was read."""


class MimeHead(MailFile):
    """The beginning of the MIME of a mail: its headers, or the invitation to a meeting. It is not attached."""

    def __init__(self, mail: FetchedMail, path: str):
        super().__init__(mail, path, '', mail.mime_size, {})
        self.missing = f'The {"invitation" if mail.is_event else "headers"} of this email cannot be read.'
        self.fits_batch = self.size <= _SMALL_MIME and not mail.is_event

    def take_eml(self) -> None:
        """Read the mail as a file, if there is one. The beginning of a large one is requested again."""
        for file in self.mail.files:
            if file.saved and file.details is self.mail.eml:
                content = file.saved.read(_MAX_MIME)
                if content:
                    self.take(content)

    def read(self, download: _Download) -> None:
        head, is_event = bytearray(), self.mail.is_event
        limit = _MAX_MIME if is_event else _HEAD_BYTES

        def write(chunk: bytes) -> None:
            head.extend(chunk[: limit - len(head)])
            if len(head) >= limit or (not is_event and end_of_headers(head)):
                raise _EnoughError

        with suppress(_EnoughError):
            download(write)
        self.is_done = True
        self.mail.take_mime(bytes(head))


class MailReader:
    """Read mails with their attachments, many with one request.

    What fails in a batch is requested again alone. If it fails again, although the mailbox can be read, the fault is that of the
    mail: later runs try it again, and finally the incident says what is missing.
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

    def read(self) -> list[JsonObject]:
        """Read the mails, and return their incidents. Those that are active then are complete, or say what is missing."""
        self._read_lists()
        self._read_messages([mail for mail in self._active if not mail.message])
        for mail in self._active:
            self._run_step(mail, partial(self._plan_files, mail), mail.give_up)
        self._read_files([file for mail in self._active for file in mail.files])
        heads = [MimeHead(mail, self._mime_path(mail)) for mail in self._active if mail.needs_mime]
        for head in heads:
            self._run_step(head.mail, head.take_eml, head.do_without)
        self._read_files(heads)
        for mail in self._active:
            self._run_step(mail, partial(self._make_incident, mail), mail.give_up)
        for mail in self._active:
            if not mail.incident:  # it was given up
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
        except Exception as error:  # such as MemoryError: alone, the mails may be read
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

    def _attempt(self, mail: FetchedMail, read: _Step, do_without: _DoWithout, error: Exception | None = None) -> None:
        """Request a part of a mail alone. `error` is that of a batch."""
        # one mail of a run is read, however long it takes
        if self._ends_with(error) or (self._run.is_over_time and mail is not self._mails[0]):
            mail.postpone()
        else:
            self._run_step(mail, read, do_without)

    def _run_step(self, mail: FetchedMail, step: _Step, do_without: _DoWithout) -> None:
        """Do something with a mail. If it fails, postpone the mail, or do without this part of it."""
        try:
            step()
        except Exception as error:  # whatever is wrong with one mail, the others are read
            self._run.stop_waiting_after(error)
            if self._ends_with(error) or not self._is_fault_of_mail(error):
                mail.postpone()
            elif is_final(error) or mail.is_last_try(error, self._run.now()):
                do_without(error)
            else:
                mail.postpone(self._run.now())

    def _is_fault_of_mail(self, error: Exception) -> bool:
        """Return whether the mailbox can be read, although a mail cannot."""
        if not isinstance(error, DemistoException):
            return True
        if self._is_mailbox_available is None or not status_of(error):
            self._is_mailbox_available = self._run.is_mailbox_available()
        if not self._is_mailbox_available:
            self._end(error)
        return self._is_mailbox_available

    # endregion
    # region messages

    def _read_lists(self) -> None:
        """Read small mails by lists with their attachments: many with one request. The others, and all that a list does not
        contain, are read in batches. One mail that cannot be read fails a list (microsoftgraph/msgraph-sdk-dotnet#1775)."""
        new = [mail for mail in self._mails if mail.pending.received and not mail.pending.tries]
        total = 0
        for name, folder in self._cursor.folders.items():
            group = {mail.message_id: mail for mail in new if mail.pending.folder == name}
            if len(group) < _MIN_LISTED or self._run.is_over_time:
                continue
            try:
                for rows in small_ranges(self._sizes(folder.folder_id, group), {*group}):
                    total += sum(map(_size_of, rows))
                    if total <= _LISTED_BYTES:
                        self._read_range(folder.folder_id, rows, group)
            except Exception as error:  # whatever is wrong, batches tell what it is
                demisto.debug(f'A list of mails failed: {type(error).__name__}')
                self._run.stop_waiting_after(error)
                return

    def _list(self, folder_id: str, start: str, count: int, query: dict[str, str]) -> JsonObject:
        """Return the page of `count` messages from a time on, oldest first."""
        mailbox = self._run.hasty_mailbox
        query = {**query, '$filter': f'{RECEIVED} ge {start}Z', '$orderby': f'{RECEIVED} asc', '$top': str(count)}
        headers = {'Prefer': f'IdType="ImmutableId", outlook.body-content-type="{self._body_type}"'}
        return mailbox.request('GET', mailbox.messages_path(folder_id), params=query, headers=headers)

    def _sizes(self, folder_id: str, group: dict[str, FetchedMail]) -> list[MessageRow]:
        """Return rows with the sizes of the mails of a group, and of those that were received between them."""
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
        query = urlencode({'$select': self._properties, '$expand': expand})
        path, prefer = self._run.mailbox.message_path, f'outlook.body-content-type="{self._body_type}"'
        items = [BatchRequest(one.message_id, 'GET', f'{path(one.message_id)}?{query}', prefer=prefer) for one in mails]
        for mail, result in zip(mails, self._batch(items), strict=True):
            if result.body.get('id') and 'subject' in result.body:
                self._accept(mail, result.body)
            else:
                self._attempt(mail, partial(self._read_message, mail), partial(self._read_minimum, mail), result.error)

    def _accept(self, mail: FetchedMail, message: JsonObject) -> None:
        self._run_step(mail, partial(mail.accept, message), mail.give_up)
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
        """Find a mail whose ID changed, by its Message-ID. Return whether it has a new ID; without one it may be deleted.

        Raises:
            GraphError: the service failed.
        """
        if not mail.pending.internet_id:
            return False
        query = {'$select': f'id,{RECEIVED}', '$filter': f'internetMessageId eq {odata_text(mail.pending.internet_id)}'}
        try:
            rows, _ = self._run.mailbox.list_messages(query=query, page_size=_SMALL_PAGE)
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
        mail.is_deleted = not new  # it becomes another incident of this run, or is one already
        return bool(new)

    def _list_attachments(self, mail: FetchedMail) -> None:
        def read() -> None:
            values = self._run.mailbox.list_attachments(mail.message_id)
            mail.message['attachments'] = kept = [one for one in values if isinstance(one, dict) and ODD not in one]
            if kept != values:
                mail.missing.append('Some attachments of this email are missing: Microsoft Graph sent them in an unknown form.')

        def do_without(error: Exception) -> None:
            mail.missing.append(f'The attachments of this email are missing. {_reason(error)}')

        self._attempt(mail, read, do_without)

    def _read_minimum(self, mail: FetchedMail, error: Exception) -> None:
        """Read a few properties of a mail that cannot be read otherwise."""
        if status_of(error) == 404 and not mail.is_listed:
            mail.is_deleted = True
            return
        mail.missing.append(f'The body, the headers and the attachments of this email are missing. {_reason(error)}')

        def read() -> None:
            mail.accept(self._run.mailbox.get_message(mail.message_id, query={'$select': _FEW_PROPERTIES}))

        def do_without(own_error: Exception) -> None:
            mail.is_deleted = status_of(own_error) == 404 and not mail.is_listed

        self._attempt(mail, read, do_without)

    # endregion
    # region files

    def _plan_files(self, mail: FetchedMail) -> None:
        """Decide whether a mail is wanted, and which of its files are attached to the incident."""
        if self._options.search_properties and not self._options.is_found(mail.searched):
            mail.is_unwanted = True
            return
        body, raw = mail.message.get('body') or {}, mail.message.get('attachments') or []
        contents = {one.get('id'): one.pop('contentBytes', None) for one in raw}
        html = body.get('content') if body.get('contentType') == 'html' else ''
        for attachment in Attachment.list_from_json(raw, html or ''):
            self._plan_attachment(mail, attachment, contents.get(attachment.attachment_id))
        if self._options.with_eml:
            mail.eml = {'Name': f'{_as_file_name(mail.message.get("subject"))}.eml'}
            mail.files.append(MailFile(mail, self._mime_path(mail), mail.eml['Name'], mail.mime_size, mail.eml))

    def _plan_attachment(self, mail: FetchedMail, attachment: Attachment, content: Any) -> None:
        """Attach a file, or say why not. Its `content` in base64 may have come with the message."""
        details = attachment_details(attachment)
        mail.attachments.append(details)
        reason = self._reason_against(mail, attachment)
        if reason:
            details['Missing'] = reason
            mail.missing.append(f"The attachment '{attachment.name}' is not attached. {reason}")
            return
        path, name = self._run.mailbox.attachment_path(mail.message_id, attachment.attachment_id), attachment.name
        if self._options.content_id_names and attachment.is_inline and attachment.content_id:
            name = f'{_as_file_name(attachment.content_id)}-attachmentName-{name}'  # the body refers to the content ID
        file = MailFile(mail, f'{path}/$value', name, attachment.size, details)
        mail.files.append(file)
        if content:
            with suppress(Exception):  # it is requested
                file.take(base64.b64decode(content, validate=True))

    def _mime_path(self, mail: FetchedMail) -> str:
        return f'{self._run.mailbox.message_path(mail.message_id)}/$value'

    def _reason_against(self, mail: FetchedMail, attachment: Attachment) -> str:
        max_size = self._options.max_attachment_size
        if not attachment.attachment_id:
            return 'Microsoft Graph gives no ID of it.'
        if attachment.kind == 'reference':
            return f'It is a link to a file elsewhere. Open the email to follow it: {mail.message.get("webLink") or "in Outlook"}'
        if attachment.size > max_size:
            return f'It has {attachment.size / 1_000_000:.1f} MB, but the maximum is {max_size / 1_000_000:g} MB.'
        return ''

    def _read_files(self, files: Sequence[MailFile]) -> None:
        """Read small files in batches, then the others one by one."""
        self._read_in_batches([file for file in files if file.fits_batch and not file.is_done])
        for file in files:
            if file.mail.is_active and not file.is_done:
                self._read_file(file)

    def _read_in_batches(self, files: list[MailFile]) -> None:
        while files and not (self._is_over or self._run.is_over_time):
            sizes = accumulate(file.size for file in files[:MAX_BATCH_SIZE])
            count = sum(size <= _BATCH_BYTES for size in sizes)  # at least one, since each of them fits
            chunk, files = [file for file in files[:count] if file.mail.is_active], files[count:]
            results = self._batch([BatchRequest(file.mail.message_id, 'GET', file.path) for file in chunk])
            for file, result in zip(chunk, results, strict=True):
                if file.mail.is_active and result.content is None:
                    self._read_file(file, result.error)
                elif file.mail.is_active:
                    self._run_step(file.mail, partial(file.take, result.content), file.do_without)

    def _read_file(self, file: MailFile, error: Exception | None = None) -> None:
        self._attempt(file.mail, partial(file.read, partial(self._run.mailbox.download, file.path)), file.do_without, error)

    # endregion


def _size_of(message: MessageRow) -> int:
    """Return the bytes of a mail with its attachments, 0 if Graph does not tell."""
    for one in message.get('singleValueExtendedProperties') or ():
        if isinstance(one, dict) and str(one.get('value')).isdecimal():
            return int(one['value'])
    return 0


def _fits_list(rows: Sequence[MessageRow]) -> bool:
    sizes = [_size_of(row) for row in rows]
    return len(rows) <= _MAX_LISTED and all(sizes) and sum(sizes) <= _BATCH_BYTES


def small_ranges(rows: Iterable[MessageRow], wanted: set[str]) -> list[list[MessageRow]]:
    """Return ranges of received times whose mails are small together, and mostly those that are wanted.

    Args:
        rows: with the sizes of all mails of that time, oldest first.
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
    return [one for one in ranges if sum(row['id'] in wanted for row in one) >= max(_MIN_LISTED, len(one) / 2)]


def _reason(error: Exception) -> str:
    """Return what happened, without the advice for commands."""
    if isinstance(error, GraphError):
        return error.what
    is_clear = isinstance(error, DemistoException | OSError)
    return str(error) if is_clear else f'An unexpected error occurred: {type(error).__name__}.'


def _as_file_name(text: Any) -> str:
    """Return what others wrote, a subject or a content ID, as the beginning of a file name; ``email`` if nothing remains."""
    return file_name(re.sub(r'[:*?"<>|]+', '_', str(text or ''))[:100]).strip('. ') or 'email'


# endregion

# region incidents


def attachment_details(attachment: Attachment) -> JsonObject:
    """Return what an incident says about an attachment."""
    return {
        'ID': attachment.attachment_id,
        'Name': attachment.name,
        'Kind': attachment.kind,
        'ContentType': attachment.content_type or mimetypes.guess_type(attachment.name)[0] or 'application/octet-stream',
        'Size': attachment.size,
        'ContentID': attachment.content_id or None,
        'IsInline': attachment.is_inline,
    }


def _text_of(body: JsonObject) -> str:
    content = body.get('content') or ''
    return html_to_text(content) if (body.get('contentType') or '').lower() == 'html' else content


def mail_to_json(mail: FetchedMail, mailbox: str) -> JsonObject:
    """Return the ``rawJSON`` of the incident of a mail. `mailbox` is an address."""
    pending = mail.pending
    sender = EmailAddress(pending.sender).as_json()
    listed = {'subject': pending.subject, 'from': sender, 'internetMessageId': pending.internet_id}
    message: JsonObject = {**listed, **mail.message}
    people: JsonObject = {}
    for name, source in {'Sender': 'sender', 'From': 'from'}.items():
        people[name], people[f'{name}Name'] = EmailAddress.from_json(message.get(source))
    for name, source in {'To': 'toRecipients', 'Cc': 'ccRecipients', 'Bcc': 'bccRecipients', 'ReplyTo': 'replyTo'}.items():
        addresses = [EmailAddress.from_json(one) for one in message.get(source) or []]
        people[name] = [one.address for one in addresses]
        people[f'{name}Names'] = [one.name for one in addresses]
    body = message.get('body') or {}
    content, body_type = body.get('content') or '', body.get('contentType') or ''
    properties = {**MESSAGE_PROPERTIES, 'ParentFolderID': 'parentFolderId', 'WebLink': 'webLink'}
    email = {
        **{name: message.get(source) for name, source in properties.items()},
        'ID': mail.message_id,
        'Kind': mail.kind,
        'ReceivedTime': message.get('receivedDateTime') or pending.received,
        'Categories': message.get('categories') or [],
        'Headers': message.get('internetMessageHeaders') or [],
        **people,
        'Body': content,
        'Text': _text_of(body),
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
        'Unique': _text_of(message.get('uniqueBody') or {}),
        'EML': mail.eml,
        'Event': mail.event,
        'Missing': mail.missing,
    }
    return {**email, **{name: value for name, value in optional.items() if value}}


def mail_to_incident(mail: FetchedMail, mailbox: str, full_body: bool) -> JsonObject:
    """Return the incident of a mail. `mailbox` is an address."""
    email = mail_to_json(mail, mailbox)
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


# Too long, or not a text. Bodies are in the fields.
_NO_LABELS = ('Headers', 'Attachments', 'AttachmentDetails', 'EML', 'Body', 'Text', 'HTML', 'Unique', 'Event')


def _labels(email: JsonObject) -> list[dict[str, str]]:
    pairs = [(f'Header/{header.get("name")}', header.get('value') or '') for header in email['Headers']]
    fields = {**email, **{f'Event/{name}': value for name, value in email.get('Event', {}).items()}}
    for name, value in fields.items():
        if name not in _NO_LABELS:
            values = value if isinstance(value, list) else [value]
            pairs += [(name, one) for one in values if one not in (None, '')]
    return [{'type': f'Email/{name}', 'value': str(value)} for name, value in pairs]


# endregion
