"""Hold the state of a fetch: what the steps of a run share, and the cursor that is saved from run to run."""

import base64
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, groupby, islice, repeat
from os.path import commonprefix
from typing import Any, NamedTuple
from urllib.parse import urlsplit

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import JsonObject, MicrosoftSignInError
    from MicrosoftHttpApiModule import NO_RETRIES
    from MicrosoftApiModule import API_RETRIES
    from MicrosoftGraphClientApiModule import BatchResult, GraphError, GraphSignInError
    from MicrosoftGraphMailClientApiModule import (
        EmailAddress,
        GraphMailClient,
        MAX_PAGE_SIZE,
        Mailbox,
        NOT_FOUND_CODES,
    )
    from MicrosoftGraphMailFetchOptionsApiModule import (
        MessageRow,
        RECEIVED,
        graph_seconds,
    )

# region run

# Of one request; after the first failure of the service, a run does not wait any more, since the next run comes soon.
FETCH_RETRIES = API_RETRIES._replace(budget=5.0)  # seconds
# A run has COMMAND_SECONDS; if the platform ends it, everything that it has read is lost.
_MAX_READING_SECONDS = 100.0
_MAX_CLOCK_AHEAD = 50400.0  # seconds; more than a wrong time zone makes: the `Date` of the response is wrong
# The failure is not that of what was requested; 0: no response came.
TRANSIENT_STATUSES = (0, 429, 502, 503, 504)


class FetchRun:
    """What the steps of one run share.

    Attributes:
        mailbox: that of the client, with the retry policy of the fetch until the service fails.
        mailbox_without_retries: the same one, without retries.
        problems: why not everything was fetched.
        notes: what the administrator should know besides.
    """

    def __init__(self, client: GraphMailClient):
        self.client = client
        self.mailbox_without_retries = Mailbox(client, client.mailbox.address, NO_RETRIES)
        self.mailbox = Mailbox(client, client.mailbox.address, FETCH_RETRIES)
        self.problems: list[Exception] = []
        self.notes: list[str] = []
        self._start = client.clock.elapsed()

    def now(self) -> float:
        """Return the time, in seconds since the epoch: that of Graph if the clock of the engine is ahead of it."""
        ahead = self.client.clock_ahead
        return self.client.clock.now() - (ahead if 0 < ahead < _MAX_CLOCK_AHEAD else 0)

    @property
    def has_service_failed(self) -> bool:
        """Whether no request is repeated in this run any more."""
        return self.mailbox is self.mailbox_without_retries

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
            self.mailbox = self.mailbox_without_retries


def status_of(error: Exception | None) -> int:
    """Return the HTTP status of an error of Graph, 0 if there is none, or if it is that of the token."""
    return error.status if isinstance(error, GraphError) and not isinstance(error, GraphSignInError) else 0


def reason_of(error: Exception) -> str:
    """Return what happened, without the advice for commands."""
    if isinstance(error, GraphError):
        return error.what
    is_clear = isinstance(error, DemistoException | OSError)
    return str(error) if is_clear else f'An unexpected error occurred: {type(error).__name__}.'


# endregion

# region cursor

SortKey = tuple[str, str]  # a time in whole seconds and a digest: the position of a message in a list by that time
MAX_SEEN = 4000  # messages
MAX_TRIES_PER_MAIL = 5
_MIN_SEEN = 1000
_CURSOR_VERSION = 1
_CURSOR_LENGTH = 63_000  # characters of JSON
_DIGEST_LENGTH = 8  # characters that encode 6 bytes: the chance that a new message collides with one of 4,000 is 1 in 70 billion
_END_OF_SECOND = '~'  # sorts after all digests
# The time of a sync is recorded as that much earlier: the clocks of the servers of Microsoft differ.
_OVERLAP = 300.0  # seconds
_MAX_UNCONFIRMED = 420.0  # seconds that lists by changed time overlap: several runs show each message
_CHECK_INTERVAL = 600.0  # seconds
_DELTA_INTERVAL = 86400.0  # seconds until a delta sync is tried again where Graph has none
MAX_FAILING = 3600.0  # seconds for which errors of Graph or of the engine are not the fault of what was requested
_RANGE_LENGTH = 500  # messages
_OMISSION_NOTE = 86400.0  # seconds for which the health says that a message was left out
END_OF_TIME = '9999'  # later than all times
# Seconds for which a message that Graph does not find is retried, at least, and MAX_TRIES_PER_MAIL: it may not be visible yet.
MAX_ABSENCE = 600.0
MIN_PAGE_SIZE = 5  # messages; if Graph is too slow for so few, one of them may be the reason
_MAX_TEXT = 120  # characters of what the cursor remembers of a message besides its ID


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
    """The digests of the messages that became incidents last, each in a range of the time when they were added.

    Args:
        complete_from: all that were added from this time on are known; empty if none was forgotten.
    """

    def __init__(self, complete_from: str = ''):
        self._starts: dict[str, str] = {}  # of the ranges, by digest, the oldest first
        self.complete_from = complete_from

    @classmethod
    def from_json(cls, value: JsonObject) -> 'SeenMails':
        """Return saved ones. Raise ValueError, TypeError or KeyError if they have a wrong form."""
        seen = cls(str(value['complete_from'] or ''))
        digests = re.findall(f'.{{{_DIGEST_LENGTH}}}', value['remembered'])
        starts = (str(start) for start, count in value['eras'] for _ in range(min(count, MAX_SEEN)))
        seen._starts = dict(zip(digests, chain(starts, repeat('')), strict=False))
        return seen

    def __contains__(self, message_id: str) -> bool:
        return message_digest(message_id) in self._starts

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, message_id: str, now: float = 0) -> None:
        """Add a message that became an incident at a time, in seconds since the epoch."""
        if message_id not in self:
            newest = [*islice(reversed(self._starts.values()), _RANGE_LENGTH)]
            is_range_full = newest == newest[:1] * _RANGE_LENGTH  # or there is none
            self._starts[message_digest(message_id)] = graph_seconds(now) if is_range_full else newest[0]

    def with_later(self, later: 'SeenMails') -> 'SeenMails':
        """Return these messages, and then those that were added to another object later."""
        both = SeenMails(max(self.complete_from, later.complete_from))
        both._starts = {**self._starts, **later._starts}
        return both

    def as_json(self, max_length: int) -> JsonObject:
        """Return what to save of the newest ones: digests of at most `max_length` characters."""
        count = max(max_length // _DIGEST_LENGTH, 1)
        starts, complete_from = [*self._starts.values()], self.complete_from
        dropped, starts = starts[:-count], starts[-count:]
        if dropped:
            # some may be missing between those of `with_later`
            before = '' if complete_from == END_OF_TIME else complete_from
            complete_from = max(before, next((start for start in starts if start != dropped[-1]), END_OF_TIME))
        time_ranges = [[start, len(list(same))] for start, same in groupby(starts)]
        return {'remembered': ''.join([*self._starts][-count:]), 'eras': time_ranges, 'complete_from': complete_from}


class PendingMail(NamedTuple):
    """A message that is to become an incident.

    Args:
        folder: its name in the parameters of the instance.
        received: time as Graph writes it.
        tries: number of runs that could not read it, although the mailbox could be read.
        since: time of the first of them that may have been the fault of Graph or of the engine, or of the first run that waits
            for its attachments, in seconds since the epoch.
        internet_id: its Message-ID, by which it is found if its ID changes.
        subject, sender: as the list showed them, for an incident of a message that cannot be read.
    """

    message_id: str
    folder: str
    received: str = ''
    tries: int = 0
    since: int = 0
    internet_id: str = ''
    subject: str = ''
    sender: str = ''

    def is_due(self, now: float) -> bool:
        """Return whether it is tried before others. After its first tries, it waits for the time of its last one."""
        return self.tries < MAX_TRIES_PER_MAIL - 1 or not 0 <= now - self.since < MAX_FAILING

    @property
    def order(self) -> int:
        """A key that puts messages that could not be read last, so that slow ones hold up no others. Only the last try comes
        first: it gets all the time of a run."""
        return self.tries % (MAX_TRIES_PER_MAIL - 1)

    @classmethod
    def from_row(cls, row: MessageRow, folder: str) -> 'PendingMail':
        internet_id, subject = row.get('internetMessageId') or '', row.get('subject') or ''
        if len(internet_id) > 2 * _MAX_TEXT:
            internet_id = ''
        sender = EmailAddress.from_json(row.get('from')).address or EmailAddress.from_json(row.get('sender')).address
        return cls(row['id'], folder, row.get(RECEIVED) or '', 0, 0, internet_id, subject[:_MAX_TEXT], sender[:_MAX_TEXT])

    @classmethod
    def from_json(cls, value: Any, names: Any, id_start: Any = '') -> 'PendingMail':
        """Return a saved message. Raise ValueError, TypeError or IndexError if it has a wrong form."""
        id_end, number, *rest = value
        mail = cls(id_start + id_end, names[number], *rest)
        if not id_end or not all(map(isinstance, mail, cls.__annotations__.values())):
            raise ValueError
        return mail


_TIME = r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"'
_POSITION = rf'\[{_TIME}, ".*"\]'
# Keys of a folder in the last run, the attributes that they save, and patterns of their JSON. Defaults are not saved.
_FOLDER_KEYS = (
    ('id', 'folder_id', '".+"'),
    ('first', 'first', _TIME),
    ('since', 'since', _TIME),
    ('backlog', 'backlog', f'null|{_POSITION}'),
    ('changed', 'changed', _POSITION),
    ('link', 'link', '".*"'),
    ('is_first_round', 'is_first_sync', 'true|false'),
    ('checked', 'checked', _TIME),
    ('is_deleted', 'is_deleted', 'true|false'),
    ('strict', 'is_strict', 'true|false'),
    ('no_delta', 'no_delta_until', f'""|{_TIME}'),
    ('cause', 'no_delta_cause', '".*"'),
    ('until', 'until', f'"{END_OF_TIME}"|{_TIME}'),
    ('repeated', 'repeated_until', rf'\["", ""\]|{_POSITION}|{_TIME}'),
    ('repeated_from', 'repeated_from', f'"{END_OF_TIME}"|{_TIME}'),
    ('failing', 'failing_since', f'""|{_TIME}'),
    ('page', 'max_page', r'[1-9]\d{0,3}'),
    ('blocked', 'blocked', rf'{{("[^"]+": \[{_TIME}, "[^"]*"\](, )?)*}}'),
    ('omitted', 'omitted', rf'\[({_TIME}, ".*")?\]'),
)


class Outcome(NamedTuple):
    """What became of a selected message.

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
        is_strict: no entry was missed: a message in the list by changed time is new only if it was received lately.
        no_delta_until: Graph has no delta sync for the folder; it is tried again at that time. Empty if Graph has one.
        no_delta_cause: why it has none.
        repeated_until: the backlog was selected before up to this position, with other filters or in another folder of the same
            name.
        repeated_from: likewise what was received after this time.
        failing_since: the delta sync has failed with errors of Graph from then on, empty if it has not.
        max_page: messages that a page may have: Graph was too slow for more.
        blocked: since when Graph has been too slow for the next messages of a list, and the time of the one before them, by the
            order of the list.
        omitted: until when the health says that messages were left out because Graph does not list them, and which ones.
    """

    until = repeated_from = END_OF_TIME
    backlog: SortKey | None = None
    repeated_until: SortKey = ('', '')
    is_first_sync = True
    is_deleted = is_strict = False
    link = no_delta_until = no_delta_cause = failing_since = ''
    omitted: tuple[str, ...] = ()
    max_page = MAX_PAGE_SIZE
    blocked: Mapping[str, Sequence[str]] = {}

    def __init__(self, name: str, folder_id: str, first: str, since: str, backlog: SortKey | None):
        self.name = name
        self.folder_id = folder_id
        self.first = first
        self.since = self.until = self.checked = since
        self.backlog = backlog
        self.changed: SortKey = (since, _END_OF_SECOND)

    def restarted(self, first: str, now: float, folder_id: str = '', keeps_sync: bool = False) -> 'FolderCursor':
        """Return a cursor that starts again, maybe in another folder, at a received time or where this one has more to select.

        What entered since the last sync is found by the same delta sync if `keeps_sync`, otherwise in the list by changed time.
        `now` is in seconds since the epoch.
        """
        first = min(first, self.since, self.changed[0], *(self.backlog or ())[:1])
        again = FolderCursor(self.name, folder_id or self.folder_id, first, self.since, (first, ''))
        again.changed = min(again.changed, self.changed)
        again.until = graph_seconds(now)
        again.repeated_until = (again.until, '')
        if keeps_sync:
            again.link, again.is_first_sync, again.is_strict = self.link, self.is_first_sync, self.is_strict
        if self.backlog:
            again.repeated_until = max(self.backlog, self.repeated_until)
            again.repeated_from = min(self.until, self.repeated_from)
        return again

    @classmethod
    def from_json(cls, name: str, value: JsonObject) -> 'FolderCursor':
        """Return a saved cursor. Raise ValueError, TypeError or KeyError if it has a wrong form."""
        folder = cls(name, '', '', '', None)
        for key, attribute, pattern in _FOLDER_KEYS:
            saved = value.get(key, getattr(cls, attribute)) if hasattr(cls, attribute) else value[key]
            if not re.fullmatch(pattern, json.dumps(saved)):
                raise ValueError
            if attribute == 'repeated_until' and isinstance(saved, str):  # an older state saved the time only
                saved = [saved, '']
            setattr(folder, attribute, tuple(saved) if isinstance(saved, list) else saved)
        urlsplit(folder.link)  # raises ValueError
        return folder

    def as_json(self) -> JsonObject:
        values = ((key, attribute, getattr(self, attribute)) for key, attribute, _ in _FOLDER_KEYS)
        return {key: value for key, attribute, value in values if value != getattr(FolderCursor, attribute, self)}

    def is_in_backlog(self, row: MessageRow) -> bool:
        """Return whether a message waits for the list by received time. One of the second in which it ends may be new."""
        return self.backlog is not None and sort_key(row) > self.backlog and sort_key(row)[0] < self.until

    def repeated_before(self, row: MessageRow) -> str:
        """Return the end of the part of the backlog that has a message and was selected before, empty if there is none."""
        key = sort_key(row)
        if key <= self.repeated_until:
            return self.repeated_until[0] + _END_OF_SECOND
        return self.until if key[0] > self.repeated_from else ''

    def record_sync(self, link: str, is_last: bool, requested: float) -> None:
        """Record a page of the delta sync that was requested at a time, in seconds since the epoch."""
        self.link, self.no_delta_until = link, ''
        if is_last or not self.is_first_sync:  # a sync that was started again because of errors has to reach its end
            self.failing_since = ''
        if is_last and self.is_first_sync:
            self.is_first_sync = self.is_strict = False
        if is_last:
            self.since = graph_seconds(requested - _OVERLAP)

    def is_sync_late(self, now: float) -> bool:
        """Return whether the delta sync has not reached its end for long."""
        return self.since < graph_seconds(now - MAX_FAILING)

    def record_failure(self, now: float) -> bool:
        """Record that the delta sync failed, and return whether it has for long."""
        self.failing_since = self.failing_since or graph_seconds(now)
        return self.failing_since < graph_seconds(now - MAX_FAILING)

    def record_slow_page(self, size: int) -> bool:
        """Record that Graph was too slow for a page of `size` messages. Return whether a smaller one may be requested."""
        self.max_page = max(size // 2, MIN_PAGE_SIZE)
        return self.max_page < size

    def grow_pages(self) -> None:
        """Request larger pages, since Graph may be faster by now."""
        self.max_page = min(2 * self.max_page, MAX_PAGE_SIZE)

    def record_blocked(self, order: str, last: str, now: float) -> bool:
        """Record that Graph is too slow for the message after a time in a list, and return whether it has been for long."""
        since, known = self.blocked.get(order, ('', ''))
        if not since or known != last:
            since = graph_seconds(now)
        self.blocked = {**self.blocked, order: (since, last)}
        return since < graph_seconds(now - MAX_ABSENCE)

    def record_unblocked(self, order: str, last: str) -> None:
        """Record that Graph listed everything up to a time, unless it was too slow only for what comes later."""
        if order in self.blocked and self.blocked[order][1] < last:
            self.blocked = {other: value for other, value in self.blocked.items() if other != order}

    def record_omitted(self, text: str, now: float) -> None:
        self.omitted = graph_seconds(now + _OMISSION_NOTE), text

    def restart_sync(self) -> None:
        """Start the delta sync again. What entered since the last one is found in the list by changed time."""
        if not self.is_first_sync:
            self.changed, self.is_strict = min(self.changed, (self.since, _END_OF_SECOND)), False
        self.link, self.is_first_sync = '', True

    def record_no_delta(self, now: float, cause: str) -> None:
        """Record that Graph has no delta sync for the folder: only lists show what enters it."""
        self.restart_sync()
        self.no_delta_until, self.no_delta_cause = graph_seconds(now + _DELTA_INTERVAL), cause[:_MAX_TEXT]
        self.changed, self.is_strict = min(self.changed, (self.since, '')), False

    def is_behind(self, now: float) -> bool:
        """Return whether only one run lists by changed time what no delta sync shows, so that the list has to be complete."""
        return not self.is_strict and self.changed[0] < graph_seconds(now - _MAX_UNCONFIRMED)

    def record_changed(self, position: SortKey, is_end: bool, requested: float, known_from: str) -> None:
        """Record the position in the list by changed time that was requested at a time, in seconds since the epoch.

        A message may still enter before a position of the last minutes, so these are listed again.

        Args:
            known_from: time from which on everything that became an incident is known, and so is not selected again.
        """
        overlap = (graph_seconds(requested - _OVERLAP), '')
        if is_end and self.no_delta_until:  # there is no other sync
            self.since = overlap[0]
        elif is_end and not self.is_first_sync:  # now no entry is missed
            self.is_strict = True
        elif not (self.is_strict or self.no_delta_until):  # what changed before the folder was opened has not entered it
            overlap = max(overlap, (self.since, _END_OF_SECOND))
        self.changed = overlap if is_end else min(position, max(overlap, (known_from, '')))

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
        seen: messages that became incidents.
        earlier: likewise, before a backlog started that may contain them; kept apart, so that it does not displace them.
        pending: messages that are to become incidents.
        to_mark: IDs of messages to mark as read, and how often Graph rejected that.
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
                    cursor.pending.append(PendingMail.from_json(value, last_run['names'], last_run.get('id_start', '')))
        with cursor._skip_malformed('the emails to be marked as read'):
            cursor.to_mark = {message_id: int(tries) for message_id, tries in last_run['to_mark'].items()}
        with cursor._skip_malformed('the emails that were fetched'):
            cursor.seen = SeenMails.from_json(last_run)
            if 'earlier' in last_run:
                cursor.earlier = SeenMails.from_json(last_run['earlier'])
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
        """Yield what to save besides the seen messages, in ever shorter versions: optional data is dropped first."""
        names = sorted({mail.folder for mail in self.pending})
        # the IDs of a mailbox begin alike
        id_start = commonprefix([mail.message_id[:-1] for mail in self.pending])  # noqa: RUF071 - not a path
        last_run: JsonObject = {
            'version': _CURSOR_VERSION,
            'mailbox': self.mailbox,
            'wanted': self.filters,
            'folders': {name: folder.as_json() for name, folder in self.folders.items()},
            'names': names,
            'id_start': id_start,
            'waiting': [[mail.message_id[len(id_start) :], names.index(mail.folder), *mail[2:]] for mail in self.pending],
            'to_mark': dict(self.to_mark),
        }
        yield last_run
        for start in (6, 5):  # subjects and senders, then Message-IDs
            for mail in last_run['waiting']:
                del mail[start:]
            yield last_run
        for folder in last_run['folders'].values():  # only notes need these
            folder.pop('cause', None)
            folder.pop('omitted', None)
        yield last_run
        while last_run['to_mark']:
            last_run['to_mark'] = dict(list(last_run['to_mark'].items())[10:])
            yield last_run
        for name, folder in reversed(self.folders.items()):
            if folder.link:
                restarted = copy.copy(folder)
                restarted.restart_sync()
                restarted.omitted = ()
                last_run['folders'][name] = restarted.as_json()
                yield last_run

    def record_marked(self, results: Sequence[BatchResult]) -> list[Exception]:
        """Record which messages were marked as read, and return the errors. Messages that do not exist any more are dropped."""
        errors: list[Exception] = []
        for result in results:
            message_id, error = result.request.key, result.error
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
        """Keep the seen messages until the backlogs are finished: a new one may contain them, the oldest first."""
        newest = self.earlier.with_later(self.seen).as_json((MAX_SEEN - _MIN_SEEN) * _DIGEST_LENGTH)
        self.earlier = SeenMails.from_json(newest)
        self.seen = SeenMails(self.earlier.complete_from)

    def _unprotect_seen(self) -> None:
        self.seen, self.earlier = self.earlier.with_later(self.seen), SeenMails()

    def rotate_folders(self, count: int = 1) -> None:
        """Let `count` folders be the last ones, so that a busy folder does not block the others."""
        for name in list(self.folders)[:count]:
            self.folders[name] = self.folders.pop(name)

    def is_known(self, message_id: str) -> bool:
        """Return whether a message became an incident, or is to become one."""
        is_incident = message_id in self.seen or message_id in self.earlier
        return is_incident or any(mail.message_id == message_id for mail in self.pending)

    def record(self, outcomes: Sequence[Outcome], now: float = 0) -> None:
        """Record what became of the messages of a run. `now` is in seconds since the epoch."""
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
