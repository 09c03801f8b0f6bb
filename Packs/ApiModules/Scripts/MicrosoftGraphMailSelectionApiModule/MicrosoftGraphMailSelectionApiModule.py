"""Select the mails to fetch: the cursor in the last run, and the lists of the folders."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import JsonObject, MicrosoftSignInError
    from MicrosoftHttpApiModule import NO_RETRIES
    from MicrosoftApiModule import API_RETRIES
    from MicrosoftGraphClientApiModule import BatchResult, GraphError
    from MicrosoftGraphMailClientApiModule import (
        DeltaPage,
        EmailAddress,
        GraphMailClient,
        MAX_PAGE_SIZE,
        Mailbox,
        NOT_FOUND_CODES,
        REFUSED_STATUSES,
    )
    from MicrosoftGraphMailSearchApiModule import FetchLabel, date_seconds
    from MicrosoftGraphMailFilterApiModule import (
        CHANGED,
        FetchOptions,
        MAX_MAILS_PER_RUN,
        MessageRow,
        RECEIVED,
        ROW_PROPERTIES,
        find_fetch_folder,
        graph_seconds,
    )

# region run

# Of one request; after the first failure of the service, a run does not wait any more, since the next run comes soon.
FETCH_RETRIES = API_RETRIES._replace(budget=5.0)  # seconds
# A run has COMMAND_SECONDS; if the platform ends it, everything that it has read is lost.
_MAX_READING_SECONDS = 100.0
_MAX_SELECTION_SECONDS = 50.0  # of them
_MAX_CLOCK_AHEAD = 50400.0  # seconds; more than a wrong time zone makes: the `Date` of the response is wrong
# The failure is not that of what was requested; 0: no response came.
TRANSIENT_STATUSES = (0, 429, 502, 503, 504)


class FetchRun:
    """What the steps of one run share.

    Attributes:
        mailbox_without_retries: the mailbox of the client.
        has_service_failed: no request is repeated in this run any more.
        problems: why not everything was fetched.
        notes: what the administrator should know besides.
    """

    def __init__(self, client: GraphMailClient):
        self.client = client
        self.mailbox_without_retries = Mailbox(client, client.mailbox.address, NO_RETRIES)
        self._mailbox = Mailbox(client, client.mailbox.address, FETCH_RETRIES)
        self.has_service_failed = False
        self.problems: list[Exception] = []
        self.notes: list[str] = []
        self._start = client.clock.elapsed()

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox of the client, with the retry policy of the fetch until the service fails."""
        return self.mailbox_without_retries if self.has_service_failed else self._mailbox

    def now(self) -> float:
        """Return the time, in seconds since the epoch: that of Graph if the clock of the engine is ahead of it."""
        ahead = self.client.clock_ahead
        return self.client.clock.now() - (ahead if 0 < ahead < _MAX_CLOCK_AHEAD else 0)

    @property
    def is_over_time(self) -> bool:
        return self.seconds > _MAX_READING_SECONDS

    @property
    def seconds(self) -> float:
        """Since the run started."""
        return self.client.clock.elapsed() - self._start

    @property
    def has_command_ended(self) -> bool:
        """Whether the command has no time for another request."""
        return self.client.clock.remaining() <= 1

    def is_mailbox_available(self, cursor: 'FetchCursor') -> bool:
        """Return whether Graph can read the mailbox or a fetched folder, so that a failure is that of what was requested."""
        try:
            self.mailbox.check(folder.folder_id for folder in cursor.folders.values())
        except (DemistoException, MicrosoftSignInError):
            return False
        return True

    def stop_waiting_after(self, error: Exception) -> None:
        """Retry no request any more if the service failed."""
        if status_of(error) in TRANSIENT_STATUSES:
            self.has_service_failed = True


def status_of(error: Exception | None) -> int:
    """Return the HTTP status of an error of Graph, 0 if there is none."""
    return error.status if isinstance(error, GraphError) else 0


def reason_of(error: Exception) -> str:
    """Return what happened, without the advice for commands."""
    if isinstance(error, GraphError):
        return error.what
    is_clear = isinstance(error, DemistoException | OSError)
    return str(error) if is_clear else f'An unexpected error occurred: {type(error).__name__}.'


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
# The time of a sync is recorded as that much earlier: the clocks of the servers of Microsoft differ.
_OVERLAP = 300.0  # seconds
_CHECK_INTERVAL = 600.0  # seconds
_DELTA_INTERVAL = 86400.0  # seconds until a delta sync is tried again where Graph has none
_MAX_FAILING = 3600.0  # seconds for which Graph may reject a delta link with errors of its own
_MIN_PAGE = 10  # messages
_RANGE_LENGTH = 500  # mails
_END_OF_TIME = '9999'  # later than all times
# Seconds for which a mail that Graph does not find is retried, at least, and MAX_TRIES_PER_MAIL: it may not be visible yet.
MAX_ABSENCE = 600.0
_MAX_TEXT = 120  # characters of what the cursor remembers of a mail besides its ID


def message_digest(message_id: str) -> str:
    """Return a digest of a message ID, which would need too much space."""
    return base64.urlsafe_b64encode(hashlib.sha256(message_id.encode()).digest()[:6]).decode()


def mailbox_digest(address: str) -> str:
    """Return a digest of the address or ID of a mailbox."""
    return message_digest(address.lower())


def sort_key(row: MessageRow, by: str = RECEIVED) -> SortKey:
    """Return the position of a message in a list by a time of Graph."""
    return str(row.get(by) or '')[:19], message_digest(row['id'])


class SeenMails:
    """The digests of the mails that became incidents last.

    Args:
        text: as `as_json` returns it.
        time_ranges: times, and how many were added from each on.
        complete_from: all that were added from this time on are known; empty if none was forgotten.
    """

    def __init__(self, text: str = '', time_ranges: Iterable[Sequence[Any]] = (), complete_from: str = ''):
        self._digests = dict.fromkeys(re.findall(f'.{{{_DIGEST_LENGTH}}}', text))
        self._starts = [
            str(start) for start, count in time_ranges for _ in range(min(count, MAX_SEEN))
        ]  # of the range of each digest
        self.complete_from = complete_from
        if len(self._starts) != len(self._digests):  # saved by an earlier build
            self._starts = [''] * len(self._digests)
            self.complete_from = '' if len(self._digests) < _MIN_SEEN else _END_OF_TIME

    @classmethod
    def from_json(cls, value: JsonObject) -> 'SeenMails':
        """Return saved ones. Raise ValueError, TypeError, KeyError or AttributeError if they have a wrong form."""
        return cls(value['remembered'], value.get('eras') or (), str(value.get('complete_from') or ''))

    def __contains__(self, message_id: str) -> bool:
        return message_digest(message_id) in self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, message_id: str, now: float = 0) -> None:
        """Add a mail that became an incident at a time, in seconds since the epoch."""
        if message_id not in self:
            last = self._starts[-1:]
            is_range_full = self._starts[-_RANGE_LENGTH:] == last * _RANGE_LENGTH  # or there is none
            self._starts += [graph_seconds(now)] if is_range_full else last
            self._digests[message_digest(message_id)] = None

    def with_later(self, later: 'SeenMails') -> 'SeenMails':
        """Return these mails, and then those that were added to another object later."""
        both = SeenMails(complete_from=max(self.complete_from, later.complete_from))
        both._digests, both._starts = {**self._digests, **later._digests}, self._starts + later._starts
        return both

    def as_json(self, max_length: int) -> JsonObject:
        """Return what to save of the newest ones: digests of at most `max_length` characters."""
        count = max(max_length // _DIGEST_LENGTH, 1)
        dropped, starts, complete_from = self._starts[:-count], self._starts[-count:], self.complete_from
        if dropped:
            # some may be missing between those of `with_later`
            before = '' if complete_from == _END_OF_TIME else complete_from
            complete_from = max(before, next((start for start in starts if start != dropped[-1]), _END_OF_TIME))
        time_ranges = [[start, len(list(same))] for start, same in groupby(starts)]
        return {'remembered': ''.join(list(self._digests)[-count:]), 'eras': time_ranges, 'complete_from': complete_from}


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

    @property
    def order(self) -> int:
        """A key that puts mails that could not be read last, so that slow ones hold up no others. Only the last try comes first:
        it gets all the time of a run."""
        return self.tries % (MAX_TRIES_PER_MAIL - 1)

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
    ('until', 'until', f'"{_END_OF_TIME}"|{_TIME}'),
    ('repeated', 'repeated_until', f'""|{_TIME}'),
    ('repeated_from', 'repeated_from', f'"{_END_OF_TIME}"|{_TIME}'),
    ('failing', 'failing_since', f'""|{_TIME}'),
    ('page', 'max_page', r'[1-9]\d{1,3}'),
)
# Are saved only if they have other values.
_OPTIONAL_KEYS: JsonObject = {
    'is_deleted': False,
    'strict': False,
    'no_delta': '',
    'reason': '',
    'until': _END_OF_TIME,
    'repeated': '',
    'repeated_from': _END_OF_TIME,
    'failing': '',
    'page': MAX_PAGE_SIZE,
}


class Outcome(NamedTuple):
    """What became of a selected mail.

    Args:
        selected_id: its ID when it was selected.
        mail: with its present ID and the number of tries.
        is_postponed: a later run continues with it.
        is_done: it is not selected again.
        is_to_mark: the next run marks it as read.
    """

    selected_id: str
    mail: PendingMail
    is_postponed: bool = False
    is_done: bool = False
    is_to_mark: bool = False


class FolderCursor:
    """How far the fetch is in one folder.

    Args:
        name: the folder in the parameters of the instance.
        folder_id: stays when the folder is renamed or moved.
        first: received time of the oldest message to fetch.
        since: everything that entered the folder before was selected.
        backlog: position in the list by received time, None if it is finished.
    Attributes:
        until: the backlog ends there: what was received later is new.
        changed: position in the list by changed time.
        link: where the delta sync continues; empty to start it.
        is_first_sync: the sync returns the messages that are in the folder, not those that entered it.
        checked: when it was checked whether the folder is deleted.
        is_deleted: it was in Deleted Items then.
        is_strict: no entry was missed, so a message of the list by changed time is new only if it was received lately.
        no_delta_until: Graph has no delta sync for the folder; it is tried again at that time. Empty if Graph has one.
        reason: why it has none.
        repeated_until: the backlog was selected before up to this received time, with other filters or in another folder of the
            same name. Empty if it was not.
        repeated_from: likewise what was received after this time.
        failing_since: the delta sync has failed with errors of Graph from then on, empty if it has not.
        max_page: messages that a page may have: Graph was too slow for more.
    """

    def __init__(self, name: str, folder_id: str, first: str, since: str, backlog: SortKey | None):
        self.name = name
        self.folder_id = folder_id
        self.first = first
        self.since = since
        self.backlog = backlog
        self.until = since
        self.changed: SortKey = (since, _END_OF_SECOND)
        self.link = ''
        self.is_first_sync = True
        self.checked = since
        self.is_deleted = False
        self.is_strict = False
        self.no_delta_until = ''
        self.reason = ''
        self.repeated_until = ''
        self.repeated_from = _END_OF_TIME
        self.failing_since = ''
        self.max_page = MAX_PAGE_SIZE

    def restarted(self, first: str, now: float, folder_id: str = '', keeps_sync: bool = False) -> 'FolderCursor':
        """Return a cursor that starts again, maybe in another folder, at a received time or where this one has more to select.

        What entered since the last sync is found by the same delta sync if `keeps_sync`, otherwise in the list by changed time.
        `now` is in seconds since the epoch.
        """
        first = min(first, self.since, self.changed[0], *(self.backlog or ())[:1])
        again = FolderCursor(self.name, folder_id or self.folder_id, first, self.since, (first, ''))
        again.changed = min(again.changed, self.changed)
        again.until = again.repeated_until = graph_seconds(now)
        if keeps_sync:
            again.link, again.is_first_sync, again.is_strict = self.link, self.is_first_sync, self.is_strict
        if self.backlog:
            again.repeated_until = max(self.backlog[0], self.repeated_until)
            again.repeated_from = min(self.until, self.repeated_from)
        return again

    @classmethod
    def from_json(cls, name: str, value: JsonObject) -> 'FolderCursor':
        """Return a saved cursor. Raise ValueError, TypeError or KeyError if it has a wrong form."""
        value, folder = {**_OPTIONAL_KEYS, **value}, cls(name, '', '', '', None)
        for key, attribute, pattern in _FOLDER_KEYS:
            saved = value[key]
            if not re.fullmatch(pattern, json.dumps(saved)):
                raise ValueError
            setattr(folder, attribute, tuple(saved) if isinstance(saved, list) else saved)
        urlsplit(folder.link)  # raises ValueError
        if value['changed'] is None:  # saved by an earlier build
            folder.changed, folder.is_strict = (folder.since, ''), not folder.is_first_sync
        return folder

    def as_json(self) -> JsonObject:
        values = {key: getattr(self, attribute) for key, attribute, _ in _FOLDER_KEYS}
        return {key: value for key, value in values.items() if (key, value) not in _OPTIONAL_KEYS.items()}

    def is_in_backlog(self, row: MessageRow) -> bool:
        """Return whether a message waits for the list by received time. One of the second in which it ends may be new."""
        return self.backlog is not None and sort_key(row) > self.backlog and sort_key(row)[0] < self.until

    def repeated_before(self, row: MessageRow) -> str:
        """Return the end of the part of the backlog that has a message and was selected before, empty if there is none."""
        received = sort_key(row)[0]
        if received < self.repeated_until:
            return self.repeated_until
        return self.until if received > self.repeated_from else ''

    def record_sync(self, link: str, is_last: bool, requested: float) -> None:
        """Record a page of the delta sync that was requested at a time, in seconds since the epoch."""
        self.link, self.no_delta_until, self.failing_since = link, '', ''
        if is_last and self.is_first_sync:
            self.is_first_sync = self.is_strict = False
        if is_last:
            self.since = graph_seconds(requested - _OVERLAP)

    def record_failure(self, now: float) -> bool:
        """Record that the delta sync failed, and return whether it has for long."""
        self.failing_since = self.failing_since or graph_seconds(now)
        return self.failing_since < graph_seconds(now - _MAX_FAILING)

    def record_slow_page(self, size: int) -> bool:
        """Record that Graph was too slow for a page of `size` messages. Return whether a smaller one may be requested."""
        self.max_page = max(size // 2, _MIN_PAGE)
        return self.max_page < size

    def restart_sync(self) -> None:
        """Start the delta sync again. What entered since the last one is found in the list by changed time."""
        if not self.is_first_sync:
            self.changed, self.is_strict = min(self.changed, (self.since, _END_OF_SECOND)), False
        self.link, self.is_first_sync = '', True

    def record_no_delta(self, now: float, reason: str) -> None:
        """Record that Graph has no delta sync for the folder: only lists show what enters it."""
        self.restart_sync()
        self.no_delta_until, self.reason = graph_seconds(now + _DELTA_INTERVAL), reason
        self.changed, self.is_strict = min(self.changed, (self.since, '')), False

    def record_changed(self, position: SortKey, is_end: bool, requested: float, known_from: str) -> None:
        """Record the position in the list by changed time that was requested at a time, in seconds since the epoch.

        A message may still enter before a position of the last minutes, so these are listed again.

        Args:
            known_from: time from which on everything that became an incident is known, and so is not selected again.
        """
        overlap = (graph_seconds(requested - _OVERLAP), '')
        if self.no_delta_until:
            self.since = overlap[0] if is_end else self.since
        elif is_end and not self.is_first_sync:
            self.is_strict = True
        elif not self.is_strict:  # what changed before the folder was opened has not entered it
            overlap = max(overlap, (self.since, _END_OF_SECOND))
        self.changed = overlap if is_end else min(position, max(overlap, (known_from, '')))

    def record_backlog(self, position: SortKey, is_end: bool) -> None:
        """Record the position. The list is not finished before the first sync, so that nothing enters between them."""
        self.backlog = None if is_end and (self.no_delta_until or not self.is_first_sync) else position

    def is_check_due(self, now: float) -> bool:
        return self.checked < graph_seconds(now - _CHECK_INTERVAL)

    def record_check(self, now: float, is_deleted: bool) -> None:
        self.checked, self.is_deleted = graph_seconds(now), is_deleted
        self.max_page = min(2 * self.max_page, MAX_PAGE_SIZE)  # Graph may be faster by now


class FetchCursor:
    """How far the fetch of an instance is: what is saved from run to run.

    Args:
        mailbox, filters: digests of the mailbox and of the filters.
    Attributes:
        folders: those that are fetched from, by their names.
        seen: mails that became incidents.
        earlier: those that did before a backlog was started that may contain them. What it adds takes none of their places.
        pending: mails that are to become incidents.
        to_mark: IDs of mails to mark as read, and how often Graph rejected that.
        damaged: what of the last run had a wrong form, so that it was dropped.
        has_other_filters: the last run is of other filters.
    """

    def __init__(self, mailbox: str, filters: str):
        self.mailbox = mailbox
        self.filters = filters
        self.folders: dict[str, FolderCursor] = {}
        self.seen = SeenMails()
        self.earlier = SeenMails()
        self.pending: list[PendingMail] = []
        self.to_mark: dict[str, int] = {}
        self.damaged: list[str] = []
        self.has_other_filters = False
        self.unlisted: set[str] = set()  # names of folders that are kept although they are not to be fetched from

    @classmethod
    def from_last_run(cls, last_run: JsonObject, address: str, filters: str) -> 'FetchCursor':
        """Return the cursor of a last run, or a new one if that is of another mailbox or of another integration.

        With other filters the folders are to start again: see `restart_folders`.
        """
        mailbox, filters = mailbox_digest(address), message_digest(filters)
        cursor = cls(mailbox, filters)
        if last_run.get('version') != _CURSOR_VERSION or last_run.get('mailbox') != mailbox:
            return cursor
        cursor.has_other_filters = last_run.get('wanted') != filters
        with cursor._skip_malformed('the folders'):
            for name, value in last_run['folders'].items():
                with cursor._skip_malformed(f"the folder '{name}'"):
                    cursor.folders[name] = FolderCursor.from_json(name, value)
        with cursor._skip_malformed('the emails that were to be read again'):
            for value in last_run['waiting']:
                with cursor._skip_malformed('an email that was to be read again'):
                    cursor.pending.append(PendingMail.from_json(value, last_run['names']))
        with cursor._skip_malformed('the emails to be marked as read'):
            cursor.to_mark = {message_id: int(tries) for message_id, tries in last_run['to_mark'].items()}
        with cursor._skip_malformed('the emails that were fetched'):
            cursor.seen = SeenMails.from_json(last_run)
            cursor.earlier = SeenMails.from_json(last_run.get('earlier') or {'remembered': ''})
        return cursor

    @contextmanager
    def _skip_malformed(self, what: str) -> Iterator[None]:
        """Leave out a part of the last run that has a wrong form, and record it as damaged."""
        try:
            yield
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            self.damaged.append(what)

    def as_last_run(self) -> JsonObject:
        """Return what to save."""
        min_length, max_length = _MIN_SEEN * _DIGEST_LENGTH, MAX_SEEN * _DIGEST_LENGTH
        for last_run in self._shrinking_versions():
            room = min(max_length, _CURSOR_LENGTH - len(json.dumps({**last_run, **self.seen.as_json(0)})))
            if room >= min_length:
                break
        if self.earlier:
            last_run['earlier'] = self.earlier.as_json(room - min_length)
            room -= len(last_run['earlier']['remembered'])
        return {**last_run, **self.seen.as_json(room)}

    def _shrinking_versions(self) -> Iterator[JsonObject]:
        """Yield what to save besides the seen mails, in ever shorter versions: optional data is dropped first."""
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
            is_complete: the new folders are complete; otherwise no folder is dropped, since a later run may find its new name, or
                its old name was mistyped.
        """
        known = self.folders
        by_id = {folder.folder_id: folder for folder in known.values()}
        self.folders = {name: folder for name, folder in known.items() if name in names}
        for folder in new:
            if not self.has_folder(folder.folder_id):
                found = by_id.get(folder.folder_id, folder)
                found.name = folder.name
                if found is folder:
                    self._protect_seen()
                self.folders[folder.name] = found
        if not is_complete:
            kept = {name: folder for name, folder in known.items() if not self.has_folder(folder.folder_id)}
            self.unlisted, self.folders = {*kept}, {**self.folders, **kept}

    def has_folder(self, folder_id: str) -> bool:
        return any(folder.folder_id == folder_id for folder in self.folders.values())

    def replace_folder(self, folder: FolderCursor, new: FolderCursor) -> None:
        """Fetch from another folder of the same name, unless it is fetched from by another name."""
        if self.has_folder(new.folder_id):
            del self.folders[folder.name]
        else:
            self.folders[folder.name] = new
            self._protect_seen()

    def restart_folders(self, first: str, now: float, keeps_sync: bool) -> None:
        """Start all folders again at a received time, since the filters are others. See `FolderCursor.restarted`."""
        self.folders = {name: folder.restarted(first, now, '', keeps_sync) for name, folder in self.folders.items()}
        self.has_other_filters = False
        self._protect_seen()

    def _protect_seen(self) -> None:
        """Keep the seen mails until the backlogs are finished: a new one may contain them, the oldest first."""
        newest = self.earlier.with_later(self.seen).as_json((MAX_SEEN - _MIN_SEEN) * _DIGEST_LENGTH)
        self.earlier = SeenMails.from_json(newest)
        self.seen = SeenMails(complete_from=self.earlier.complete_from)

    def _unprotect_seen(self) -> None:
        self.seen, self.earlier = self.earlier.with_later(self.seen), SeenMails()

    def rotate_folders(self, count: int = 1) -> None:
        """Let `count` folders be the last ones, so that a busy folder does not block the others."""
        for name in list(self.folders)[:count]:
            self.folders[name] = self.folders.pop(name)

    def is_known(self, message_id: str) -> bool:
        """Return whether a mail became an incident, or is to become one."""
        is_incident = message_id in self.seen or message_id in self.earlier
        return is_incident or any(mail.message_id == message_id for mail in self.pending)

    def record(self, outcomes: Sequence[Outcome], now: float = 0) -> None:
        """Record what became of the mails of a run. `now` is in seconds since the epoch."""
        tried = {outcome.selected_id for outcome in outcomes}
        self.pending = [pending for pending in self.pending if pending.message_id not in tried]
        postponed = (outcome.mail for outcome in outcomes if outcome.is_postponed)
        self.pending += sorted(postponed, key=lambda mail: mail.order)
        for outcome in outcomes:
            if outcome.is_done:
                for message_id in (outcome.selected_id, outcome.mail.message_id):
                    self.seen.add(message_id, now)
            if outcome.is_to_mark:
                self.to_mark[outcome.mail.message_id] = 0
        if all(folder.backlog is None for name, folder in self.folders.items() if name not in self.unlisted):
            self._unprotect_seen()


# endregion

# region selection

_MAX_PAGES_PER_RUN = 20  # of a folder, for each of its three lists
_MAX_PAGES_PER_SECOND = 1000
_SMALL_PAGE = 50  # rows
_MAX_FOLDER_DEPTH = 20
_Page = TypeVar('_Page')


class MailSelector:
    """Select the mails of one run: those that are pending, then those that are found in the folders."""

    def __init__(self, run: FetchRun, cursor: FetchCursor, options: FetchOptions):
        self._run = run
        self._cursor = cursor
        self._options = options
        self._unavailable_folders: set[str] = set()  # no response, although the mailbox has one, or not found
        self._folder_properties: dict[tuple[str, str], str] = {}  # by ID and name
        self._seconds = _MAX_SELECTION_SECONDS  # of the run, after which the present step ends
        # Pending mails leave half of the run to others, as long as not more become pending than fit into the cursor.
        tried = cursor.pending[: max(1, options.max_mails // 2)]
        self._selected = {mail.message_id: mail for mail in tried}
        self._max_selected = min(options.max_mails, MAX_MAILS_PER_RUN - len(cursor.pending) + len(tried))
        self._reserved = 0  # of them for the backlog, so that new mails leave half of the rest to it

    def select(self) -> list[PendingMail]:
        """Return the mails of this run, and record in the cursor how far their folders are."""
        if self._open_folders():
            self._select_from_folders()
        return sorted(self._selected.values(), key=lambda mail: mail.order)

    @property
    def _places(self) -> int:
        return max(0, self._max_selected - len(self._selected))

    @property
    def _room(self) -> int:
        return max(0, self._places - self._reserved)

    def _is_late(self) -> bool:
        """Return whether the time of the present step is over, and note it."""
        is_late = self._run.seconds > self._seconds
        if is_late:
            self._run.notes.append(
                'This fetch had no time to look through all folders, because Microsoft Graph or the proxy is slow. '
                'The next fetch continues with the others.'
            )
        return is_late

    def _select_from_folders(self) -> None:
        names = [name for name in self._cursor.folders if name in self._options.folders]
        self._cursor.rotate_folders(self._run_steps(names))

    def _run_steps(self, names: Sequence[str]) -> int:
        """Run each step with one folder after another. Return how many folders are done, so that the next run starts after them.

        A step has a share of the time. Later steps leave out the folders that it did not reach, so that the others are complete.
        The first folder is always reached.
        """
        count = len(names)
        has_backlog = any(self._cursor.folders[name].backlog for name in names)
        reserved = self._room // 2 if has_backlog else 0
        for step, share in (
            (self._check_location, 0.25),
            (self._select_created, 0.5),
            (self._select_changed, 0.75 if has_backlog else 1),
            (self._select_backlog, 1),
        ):
            self._seconds = _MAX_SELECTION_SECONDS * share
            self._reserved = reserved if step != self._select_backlog else 0
            for number, name in enumerate(names[:count]):
                if number and self._is_late():
                    count = number
                    break
                folder = self._cursor.folders.get(name)
                is_due = folder and name not in self._unavailable_folders and self._room
                if is_due and not self._try(name, partial(step, folder)):
                    return 1
        return count if count < len(names) else 1

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
                    self._unavailable_folders.add(name)
            return error.status != 429 and bool(error.status or self._run.is_mailbox_available(self._cursor))
        except Exception as error:
            is_clear = isinstance(error, DemistoException | MicrosoftSignInError)
            self._run.problems.append(error if is_clear else DemistoException(f"'{name}' cannot be read. {reason_of(error)}"))
            return not isinstance(error, MicrosoftSignInError)
        return True

    # region folders

    def _open_folders(self) -> bool:
        """Look up new folders, and return whether the run may continue."""
        if self._cursor.has_other_filters:
            # The rows of a delta link have the properties that were selected when the sync started.
            keeps_sync = not self._options.properties
            self._cursor.restart_folders(self._options.first_fetch(), self._run.now(), keeps_sync)
        names, new = self._options.folders, []

        def open_folder(name: str) -> None:
            folder_id, first = find_fetch_folder(self._run.mailbox, name), self._options.first_fetch()
            new.append(FolderCursor(name, folder_id, first, graph_seconds(self._run.now()), (first, '')))

        unknown = [name for name in names if name not in self._cursor.folders]
        may_continue = True
        for name in unknown:
            if self._is_late() or not may_continue:
                break
            may_continue = self._try(name, partial(open_folder, name))
        self._cursor.set_folders(names, new, is_complete=len(new) == len(unknown))
        return may_continue

    def _replace_folder(self, folder: FolderCursor) -> bool:
        """Fetch from the folder that has the name of `folder` now, and return whether it is another one.

        Raises:
            DemistoException: there is none.
        """
        folder_id = self._run.mailbox.find_folder(folder.name)
        if folder_id == folder.folder_id:
            return False
        self._cursor.replace_folder(folder, folder.restarted(folder.first, self._run.now(), folder_id))
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
        """Check from time to time whether a folder was deleted: its ID stays valid in Deleted Items, with rules that lead to it.

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
        """Return whether a folder is in Deleted Items, False if the folders that show it are not shared with the user."""
        folder_id, parent_id = '', self._folder(folder.folder_id, 'parentFolderId')  # 404: that folder does not exist any more
        try:
            deleted_id = self._folder('deleteditems')
            for _ in range(_MAX_FOLDER_DEPTH):
                if parent_id in ('', deleted_id, folder_id):
                    break
                folder_id, parent_id = parent_id, self._folder(parent_id, 'parentFolderId')
        except GraphError as error:
            if error.status in REFUSED_STATUSES:
                return False
            raise
        return parent_id == deleted_id

    def _folder(self, folder_id: str, name: str = 'id') -> str:
        """Return a property of a folder, empty if it has none. It is requested once in a run."""
        key = folder_id, name
        if key not in self._folder_properties:
            self._folder_properties[key] = self._run.mailbox.folder_property(folder_id, name)
        return self._folder_properties[key]

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
        """The properties of rows. Graph reports each change of one of them as if something had entered."""
        return ','.join((ROW_PROPERTIES, *self._options.properties))

    def _select_created(self, folder: FolderCursor) -> None:
        """Select what entered the folder, by delta sync. The first sync returns what was there before, and not always everything:
        its messages are ignored."""
        if folder.no_delta_until > graph_seconds(self._run.now()):
            self._run.notes.append(folder.reason)
            return
        for _ in range(_MAX_PAGES_PER_RUN):
            requested = self._run.now()  # before the first response, it may be ahead
            page = self._delta_page(folder)
            if page is None:
                return
            for row in [] if folder.is_first_sync else [*page.messages, *self._returned(folder, page.removed)]:
                # A row without a received time reports a change of a message that has been there.
                if row.get(RECEIVED) and not folder.is_in_backlog(row) and self._is_new(row):
                    # Reserved places serve to complete a page: while a backlog is protected, few digests of its rows are kept.
                    if not self._places:
                        return  # the page is requested again in the next run, so that its other rows are not skipped
                    self._add(row, folder)
            folder.record_sync(page.link, page.is_last, min(requested, self._run.now()))
            if page.is_last or not self._room or self._is_late():
                return

    def _delta_page(self, folder: FolderCursor) -> DeltaPage | None:
        """Return the next page of the delta sync, None if Graph has no delta sync for the folder."""
        for is_last_try in (False, True):  # it may be an error of one moment
            try:
                return self._request_delta_page(folder)
            except GraphError as error:
                # Graph keeps the states of syncs in the mailbox, where they may find no room.
                has_no_room = error.status == 507 or ('QuotaExceeded' in error.code and error.status != 429)
                is_failing = error.status == 500 and folder.record_failure(self._run.now())
                if error.status not in (400, 404, 405, 501) and not (has_no_room or is_failing):
                    raise
                if is_failing:
                    self._folder(folder.folder_id)  # raises the error of an outage; otherwise the link may be the reason
                    folder.restart_sync()
                if is_last_try:
                    self._record_no_delta(folder, error)
        return None

    def _request_page(self, folder: FolderCursor, size: int, request: Callable[[int], _Page]) -> _Page:
        """Return a page of about `size` messages, a smaller one if Graph is too slow (microsoft-graph-docs#5853)."""
        while True:
            size = min(size, folder.max_page)
            try:
                return request(size)
            except GraphError as error:
                may_be_smaller = error.status in (0, 504) and folder.record_slow_page(size)
                # without a response, the next run tries a smaller page: the request took long, or the network is down
                if not (may_be_smaller and error.status) or self._is_late():
                    raise

    def _list_page(self, folder: FolderCursor, query: JsonObject, size: int = 0) -> tuple[list[MessageRow], str]:
        """Return the first page of a list of a folder, by default of twice as many messages as there is room for."""
        size = size or 2 * max(self._room, _SMALL_PAGE)
        return self._request_page(folder, size, partial(self._run.mailbox.list_messages, folder.folder_id, query))

    def _request_delta_page(self, folder: FolderCursor) -> DeltaPage:
        """Return the next page of the delta sync, or the first one of a new sync if Graph rejects the link."""
        if not self._run.client.is_own_link(folder.link):  # the address of Graph was changed
            folder.restart_sync()

        def request_page(size: int) -> DeltaPage:
            return self._run.mailbox.created_messages(folder.folder_id, folder.link, self._properties, size)

        def request() -> DeltaPage:
            page_size = MAX_PAGE_SIZE if folder.is_first_sync else max(self._room, 1 if self._reserved else _SMALL_PAGE)
            return self._request_page(folder, page_size, request_page)

        try:
            return request()
        except GraphError as error:
            # Graph made the link: nothing but the link can be wrong with a request that it does not understand.
            if not folder.link or not (error.is_sync_state_lost or error.status == 400):
                raise
        folder.restart_sync()
        return request()

    def _record_no_delta(self, folder: FolderCursor, error: GraphError) -> None:
        """Record that Graph has no delta sync for a folder, and note the reason. Lists then show what enters it."""
        if error.status == 404:
            try:
                self._folder(folder.folder_id)
            except GraphError as own_error:  # 404: the folder is what Graph does not find
                if own_error.status != 404:
                    self._unavailable_folders.add(folder.name)
                raise
        reason = (
            f"Delta queries do not work for the folder '{folder.name}', so the folder is listed instead. "
            f'They are tried again in 24 hours. Reason: {error.what}'
        )
        folder.record_no_delta(self._run.now(), reason[:500])
        self._run.notes.append(folder.reason)

    def _returned(self, folder: FolderCursor, removed: Sequence[str]) -> list[MessageRow]:
        """Return the messages that left the folder and came back, of which Graph reports only that they were removed."""
        mailbox, query = self._run.mailbox, {'$select': f'{self._properties},parentFolderId'}
        results = mailbox.batch([mailbox.message_request(one, query) for one in removed if not self._is_known(one)])
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
        # What was received before the bound and is not known may have been there for long, or may have been forgotten.
        first = folder.changed[0] if self._options.depends_on_state else folder.first
        known_from = self._cursor.seen.complete_from
        bound = max(first, known_from) if folder.is_strict else ''
        # Without a delta sync it may also have entered: then it is lost. Lists alone must not repeat thousands of mails.
        skipped_until = known_from if folder.no_delta_until else ''

        def is_new(row: MessageRow) -> bool:
            is_candidate = sort_key(row)[0] >= bound and not folder.is_in_backlog(row) and self._is_new(row)
            return is_candidate and not self._is_skipped(row, folder, skipped_until)

        requested = self._run.now()
        listed = self._select_listed(folder, CHANGED, folder.changed, is_new)
        folder.record_changed(*listed, min(requested, self._run.now()), known_from)

    def _select_backlog(self, folder: FolderCursor) -> None:
        """Continue the list of what was in the folder before the first sync."""
        if folder.backlog is None or not (folder.link or folder.no_delta_until):
            return
        known_from = self._cursor.earlier.complete_from

        def is_new(row: MessageRow) -> bool:
            # What was received and changed later has entered later, unless its received time was in the future.
            is_old = min(sort_key(row), sort_key(row, CHANGED))[0] <= folder.until
            is_candidate = is_old and self._is_new(row)
            return is_candidate and not self._is_skipped(row, folder, min(folder.repeated_before(row), known_from))

        folder.record_backlog(*self._select_listed(folder, RECEIVED, folder.backlog, is_new))

    def _is_skipped(self, row: MessageRow, folder: FolderCursor, until: str) -> bool:
        """Return whether a mail may be an incident that is not known any more, and note that.

        Args:
            until: received time from which on all incidents are known, empty if all are, or if there is none.
        """
        is_skipped = sort_key(row)[0] < until != _END_OF_TIME
        if is_skipped:
            self._run.notes.append(
                f"Emails in '{folder.name}' that were received before {until}Z are not fetched any more: "
                'it is not known which of them are incidents, because too many were fetched since then.'
            )
        return is_skipped

    def _select_listed(
        self, folder: FolderCursor, by: str, position: SortKey, is_new: Callable[[MessageRow], bool]
    ) -> tuple[SortKey, bool]:
        """Continue a list by a time after `position`. Return the new position, and whether it is the end of the list."""
        start, seconds_before = position[0], 1.0
        for _ in range(_MAX_PAGES_PER_RUN):
            rows, next_second = self._list_seconds(folder, by, start)
            position, is_done = self._add_listed(folder, rows, by, position, is_new)
            if next_second and is_done:
                start, position = next_second, max(position, (next_second, ''))
            elif by == CHANGED and is_done:
                return position, True
            elif is_done and self._room:
                newest, is_complete = self._newest(folder, position, rows)
                if is_complete:
                    return self._add_listed(folder, newest, by, position, is_new)
                start = graph_seconds((date_seconds(position[0].lower()) or 0) - seconds_before)
                seconds_before *= 2
            if not is_done or not self._room or self._is_late():
                break
        return position, False

    def _add_listed(
        self, folder: FolderCursor, rows: Sequence[MessageRow], by: str, position: SortKey, is_new: Callable[[MessageRow], bool]
    ) -> tuple[SortKey, bool]:
        """Select new messages after a position in a list. Return the new position, and whether there was room for all of them."""
        for row in sorted(rows, key=partial(sort_key, by=by)):
            key = sort_key(row, by)
            if key > position and is_new(row):
                if not self._room:
                    return position, False
                self._add(row, folder)
            position = max(position, key)
        return position, True

    def _newest(self, folder: FolderCursor, position: SortKey, rows: Sequence[MessageRow]) -> tuple[list[MessageRow], bool]:
        """Return the newest messages after a position in the list by received time, and whether these are all.

        The backlog is not listed again once it is over, but a list may end early, and with some start times always be empty
        (microsoft-graph-docs#2153). Therefore a list of another kind confirms its end. The order within a second is not known.

        Args:
            rows: what the list showed last.
        """
        query = {'$select': f'{self._properties},{CHANGED}', '$orderby': f'{RECEIVED} desc'}
        page, link = self._list_page(folder, query)
        newest = [row for row in page if sort_key(row) > position]
        seconds = {sort_key(row)[0] for row in page}
        is_listed = not newest and bool(page) and position[0] in {sort_key(row)[0] for row in rows}
        return newest, not link or is_listed or min(seconds, default=position[0]) < position[0]

    def _list_seconds(self, folder: FolderCursor, by: str, start: str) -> tuple[list[MessageRow], str]:
        """Return all messages of some seconds from `start` on, and the next second, empty after the last one.

        A link to the next page counts rows, and skips one if another was removed: it is only followed within a second.
        """
        query = {'$select': f'{self._properties},{CHANGED}', '$orderby': f'{by} asc', '$filter': f'{by} ge {start}Z'}
        rows: dict[str, MessageRow] = {}
        page, link = self._list_page(folder, query)
        for number in range(_MAX_PAGES_PER_SECOND):
            rows.update((row['id'], row) for row in page)
            if not link:
                return list(rows.values()), ''
            last = max((sort_key(row, by)[0] for row in rows.values()), default='')
            earlier = [row for row in rows.values() if sort_key(row, by)[0] != last]
            if earlier:
                return earlier, last
            if number == 0:  # a larger page may have the whole second
                page, link = self._list_page(folder, query, MAX_PAGE_SIZE)
            else:
                page, link = self._run.mailbox.list_messages(next_page=link)
        raise DemistoException(
            f"More than {len(rows)} emails in '{folder.name}' have the same time, {last}. Move some of them to another folder."
        )

    # endregion


# endregion
