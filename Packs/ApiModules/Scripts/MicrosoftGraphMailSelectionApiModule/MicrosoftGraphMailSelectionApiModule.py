"""Select the messages to fetch from the lists of the folders."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import MicrosoftSignInError
    from MicrosoftHttpApiModule import retry_after_seconds, run_with_retries
    from MicrosoftGraphClientApiModule import GraphError
    from MicrosoftGraphMailClientApiModule import (
        DeltaPage,
        MAX_PAGE_SIZE,
        REFUSED_STATUSES,
    )
    from MicrosoftGraphMailSearchApiModule import FetchLabel, date_seconds
    from MicrosoftGraphMailFetchOptionsApiModule import (
        CHANGED,
        FetchOptions,
        MAX_MAILS_PER_RUN,
        MessageRow,
        RECEIVED,
        ROW_PROPERTIES,
        find_fetch_folder,
        graph_seconds,
    )
    from MicrosoftGraphMailCursorApiModule import (
        END_OF_TIME,
        FETCH_RETRIES,
        FetchCursor,
        FetchRun,
        FolderCursor,
        MIN_PAGE_SIZE,
        PendingMail,
        SortKey,
        TRANSIENT_STATUSES,
        reason_of,
        sort_key,
        status_of,
    )

# region selection

_MAX_SELECTION_SECONDS = 50.0  # of a run; the rest is for reading the messages
_MAX_PAGES_PER_RUN = 20  # of a folder, for each of its three lists
_MAX_PAGES_PER_SECOND = 1000
_SMALL_PAGE = 50  # rows
_MAX_FOLDER_DEPTH = 20
_MAX_UNLISTED = 3  # messages in a row that are too much for Graph
_Page = TypeVar('_Page')
# Where a list continues: the link to the next page, empty if it has to be built, and how many messages come before.
_Following = tuple[str, int]
_Rows = tuple[list[MessageRow], _Following | None]


def _unless_too_slow(request: Callable[[int], _Page], number: int, is_required: bool = False) -> _Page | None:
    """Return what a request returns, None if it is too much for Graph, unless it is required. Raise its other errors."""
    try:
        return request(number)
    except GraphError as error:
        if is_required or not error.is_too_slow:
            raise
        return None


def _between(order: str, last: str, following: str = '') -> str:
    """Return where a message is between two times in a list. They are empty if there is no message before or after it."""
    by, direction = order.split()
    after, before = (last, following) if direction == 'asc' else (following, last)
    limits = [f'at {after}Z or later' if after else '', f'at {before}Z or earlier' if before else '']
    return f'that was {"received" if by == RECEIVED else "changed"} {" and ".join(filter(None, limits))}'.rstrip()


class MailSelector:
    """Select the messages of one run: those that are pending, then those that are found in the folders."""

    def __init__(self, run: FetchRun, cursor: FetchCursor, options: FetchOptions):
        self._run = run
        self._cursor = cursor
        self._options = options
        self._unavailable_folders: set[str] = set()  # no response, although the mailbox has one, or not found
        self._folder_properties: dict[tuple[str, str], str] = {}  # by ID and name
        self._seconds = _MAX_SELECTION_SECONDS  # of the run, after which the present step ends
        # Pending messages leave half of the run to others, as long as not more become pending than fit into the cursor.
        due = [mail for mail in cursor.pending if mail.is_due(run.now())]
        tried = due[: max(1, options.max_mails // 2)]
        self._selected = {mail.message_id: mail for mail in tried}
        self._max_selected = min(options.max_mails, MAX_MAILS_PER_RUN - len(cursor.pending) + len(tried))
        if self._max_selected <= len(tried) < options.max_mails:
            run.notes.append(
                f'{len(cursor.pending)} emails cannot be read yet, or their attachments are being scanned. '
                'Until there are fewer, no others are fetched.'
            )
        self._reserved = 0  # of them for the backlog, so that new messages leave half of the rest to it

    def select(self) -> list[PendingMail]:
        """Return the messages of this run, and record in the cursor how far their folders are."""
        if self._open_folders():
            self._select_from_folders()
        for mail in self._cursor.pending:  # others than those that are due have what is left
            if len(self._selected) < self._options.max_mails:
                self._selected.setdefault(mail.message_id, mail)
        now = graph_seconds(self._run.now())
        self._run.notes += [folder.omitted[1] for folder in self._cursor.folders.values() if folder.omitted > (now,)]
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
        """Run each step with the folders that the one before reached, so that these are complete. The next run starts after them.

        A step has a share of the time.
        """
        names = [name for name in self._cursor.folders if name in self._options.folders]
        count = len(names)
        has_backlog = any(self._cursor.folders[name].backlog for name in names)
        for_backlog = self._room // 2 if has_backlog else 0
        for step, share, reserved in (
            (self._check_location, 0.25, for_backlog),
            (self._select_created, 0.5, for_backlog),
            (self._select_changed, 0.75 if has_backlog else 1, for_backlog),
            (self._select_backlog, 1, 0),
        ):
            self._seconds, self._reserved = _MAX_SELECTION_SECONDS * share, reserved
            count = self._run_step(step, names[:count])
        self._cursor.rotate_folders(count if 0 < count < len(names) else 1)

    def _run_step(self, step: Callable[[FolderCursor], None], names: Sequence[str]) -> int:
        """Run a step with one folder after another. Return how many it reached, at least the first one; 0 ends the run."""
        for number, name in enumerate(names):
            if number and self._is_late():
                return number
            folder = self._cursor.folders.get(name)
            is_due = name not in self._unavailable_folders and self._room
            if folder and is_due and not self._try(name, partial(step, folder)):
                return 0
        return len(names)

    def _try(self, name: str, step: Callable[[], None]) -> bool:
        """Run a step with a folder, and return whether the run may continue. It must not if Graph throttles or does not answer,
        or if the sign-in failed."""
        try:
            step()
        except GraphError as error:
            problem = self._find_again(name, error) if error.status == 404 else error
            self._run.stop_waiting_after(error)
            if problem is error and error.status not in (0, 401, 429):
                advice = 'Check that the account may open this folder.' if error.status == 403 else 'The next fetch tries again.'
                problem = GraphError(f"'{name}' cannot be read. {error.what}", advice, error.code, error.res)
            if problem:
                self._run.problems.append(problem)
                if error.status in (0, 404):
                    self._unavailable_folders.add(name)
            return error.status != 429 and bool(status_of(error) or self._run.is_mailbox_available(self._cursor))
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
        new = folder.restarted(folder.first, self._run.now(), folder_id)
        self._cursor.replace_folder(folder, new)
        if self._cursor.folders.get(folder.name) is new:
            self._run.notes.append(
                f"The folder '{folder.name}' was replaced by another one of its name, which is fetched from {new.first}Z on. "
                'If it has copies of emails that are already incidents, they become incidents again.'
            )
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
        return None

    def _check_location(self, folder: FolderCursor) -> None:
        """Check from time to time whether a folder was deleted: its ID stays valid in Deleted Items, with rules that lead to it.

        Raises:
            DemistoException: it is, and no other folder has its name.
        """
        if folder.is_check_due(self._run.now()):
            folder.record_check(self._run.now(), self._is_deleted(folder))
            folder.grow_pages()
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
            self._note_no_delta(folder)
            return
        page_ids: list[set[str]] = []
        for _ in range(_MAX_PAGES_PER_RUN):
            requested = self._run.now()  # before the first response, it may be ahead
            page = self._delta_page(folder)
            if page is None:
                return
            if not folder.is_first_sync and not self._add_created(folder, page):
                return  # the page is requested again in the next run, so that its other rows are not skipped
            folder.record_sync(page.link, page.is_last, min(requested, self._run.now()))
            if page.is_last:
                return
            page_ids.append({*page.removed, *(row['id'] for row in page.messages)})
            if not self._room or self._is_late():
                break
        if len(page_ids) > 1 and {*chain(*page_ids)} == page_ids[0] and folder.is_sync_late(self._run.now()):
            self._end_sync(folder)

    def _add_created(self, folder: FolderCursor, page: DeltaPage) -> bool:
        """Select the new messages of a page, and return whether there was a place for all of them."""
        for row in [*page.messages, *self._returned(folder, page.removed)]:
            # A row without a received time reports a change of a message that has been there.
            if row.get(RECEIVED) and not folder.is_in_backlog(row) and self._is_new(row):
                # Reserved places serve to complete a page: while a backlog is protected, few digests of its rows are kept.
                if not self._places:
                    return False
                self._add(row, folder)
        return True

    def _end_sync(self, folder: FolderCursor) -> None:
        """Start a delta sync again whose page Graph repeats (msgraph-sdk-dotnet#3082). End it if it was started again."""
        if folder.is_first_sync:
            self._record_no_delta(folder, GraphError('Microsoft Graph always sends the same page.', ''))
        else:
            folder.restart_sync()

    def _delta_page(self, folder: FolderCursor) -> DeltaPage | None:
        """Return the next page of the delta sync, None if Graph has no delta sync for the folder."""
        for is_last_try in (False, True):  # it may be an error of one moment
            try:
                return self._request_delta_page(folder)
            except GraphError as error:
                # Graph keeps the states of syncs in the mailbox, where they may find no room.
                has_no_room = error.status == 507 or ('QuotaExceeded' in error.code and error.status != 429)
                is_failing = error.status == 500 or (error.is_too_slow and folder.max_page <= MIN_PAGE_SIZE)
                is_failing = is_failing and folder.record_failure(self._run.now())
                if error.status not in (400, 404, 405, 501) and not (has_no_room or is_failing):
                    raise
                if is_failing:
                    self._folder(folder.folder_id)  # raises the error of an outage; otherwise the link may be the reason
                if is_failing and not folder.is_first_sync:
                    folder.restart_sync()
                if is_last_try:
                    self._record_no_delta(folder, error)
        return None

    def _request_page(self, folder: FolderCursor, size: int, request: Callable[[int], _Page]) -> _Page:
        """Return a page of about `size` messages, a smaller one if Graph is too slow (microsoft-graph-docs#5853).

        Args:
            request: requests a page of a size, without retries.
        """
        client, policy = self._run.client, self._run.mailbox.policy
        size = min(size, folder.max_page)

        def delay_after(error: Exception, attempt: int) -> float | None:
            nonlocal size
            if not isinstance(error, GraphError):
                return None
            is_smaller = (error.is_too_slow or not error.status) and folder.record_slow_page(size)
            # without a response, the next run tries a smaller page: the request took long, or the network is down
            if error.res is None or self._is_late():
                return None
            if not is_smaller:
                return client.retry_delay(policy, attempt, error.res, is_idempotent=True)
            size = folder.max_page
            return retry_after_seconds(error.res, client.clock.now()) or 0.0

        return run_with_retries(lambda: request(size), delay_after, FETCH_RETRIES, client.clock)

    def _list_page(
        self, folder: FolderCursor, by: str, start: str = '', size: int = 0, following: _Following = ('', 0), last: str = ''
    ) -> _Rows:
        """Return messages in the order of a time, and where the list continues, None if it ends.

        Args:
            start: the time of the first one, by default the last one: the newest messages come first then.
            size: of the page, by default twice as many as there is room for.
            following: where the page begins, as returned with the page before.
            last: the time of the last message of that.
        """
        size = min(size or 2 * max(self._room, _SMALL_PAGE), folder.max_page)
        link, skip = following
        order = f'{by} asc' if start else f'{by} desc'
        query = {'$select': f'{self._properties},{CHANGED}', '$orderby': order}
        if start:
            query['$filter'] = f'{by} ge {start}Z'

        def read(number: int, page_size: int = 1) -> _Rows:
            # Graph's own $skip may count more than messages: it is only built for pages smaller than those of the link
            options = {**query, '$skip': str(number)} if number else query
            own_link = link if page_size == size else ''
            rows, next_link = self._run.mailbox.message_page(folder.folder_id, options, page_size, own_link, is_retried=False)
            return rows, (next_link if page_size > 1 else '', number + max(len(rows), 1)) if next_link else None

        if order not in folder.blocked:
            try:
                return self._request_page(folder, size, partial(read, skip))
            except GraphError as error:
                if not error.is_too_slow or folder.max_page > MIN_PAGE_SIZE:
                    raise
                folder.record_blocked(order, last or start, self._run.now())
                if not error.status or self._is_late():
                    raise
        return self._list_singly(folder, order, last or start, skip, read)

    def _list_singly(self, folder: FolderCursor, order: str, last: str, skip: int, read: Callable[[int], _Rows]) -> _Rows:
        """Return the same as `_list_page`, by requests for single messages: one of them may be what is too much for Graph.

        Such a message fails the list for ten minutes. Then it is left out, and the health says so for a day.

        Args:
            read: requests the message that comes after so many others.
        """
        by = order.split()[0]
        rows: list[MessageRow] = []
        following: _Following | None = None
        for number in range(skip, skip + MIN_PAGE_SIZE):
            try:
                found, following = read(number)
            except GraphError as error:
                if not error.is_too_slow:
                    raise
                if not folder.record_blocked(order, last, self._run.now()):
                    error.what = (
                        f"Microsoft Graph is too slow for an email in '{folder.name}' {_between(order, last)}. {error.what}"
                    )
                    raise
                found, following = self._list_past(folder, order, last, number, read)
                return rows + found, following
            rows += found
            last = sort_key(rows[-1], by)[0] if rows else last
            if not following:
                break
        is_end = not following or order != f'{by} asc'  # the newest messages are always listed from the first one on
        folder.record_unblocked(order, END_OF_TIME if is_end else last)
        return rows, following

    def _list_past(self, folder: FolderCursor, order: str, last: str, number: int, read: Callable[[int], _Rows]) -> _Rows:
        """Return the messages of a list after what is too much for Graph, and where it continues.

        Args:
            last: the time of the message before.
            number: messages before.
        Raises:
            GraphError: too many in a row are too much.
        """
        next_number = number + 1
        while (page := _unless_too_slow(read, next_number, next_number - number >= _MAX_UNLISTED)) is None:
            next_number += 1
        found, following = page
        limits = _between(order, last, sort_key(found[0], order.split()[0])[0] if found else '')
        what = f"Microsoft Graph fails to list an email in '{folder.name}' {limits}, so it is not fetched."
        text = f'{what} Look for it in Outlook.'
        # Graph answers now. If it was down until now, it also answers what failed before.
        again = [_unless_too_slow(read, one) for one in range(number, next_number) if text not in folder.omitted]
        if None in again:
            folder.record_omitted(text, self._run.now())
        return [row for one in again if one for row in one[0]] + found, following

    def _request_delta_page(self, folder: FolderCursor) -> DeltaPage:
        """Return the next page of the delta sync, or the first one of a new sync if Graph rejects the link."""
        if not self._run.client.is_own_link(folder.link):  # the address of Graph was changed
            folder.restart_sync()
        # A page is read again until all its rows have a place. One that is dropped after it was read takes a place in each run.
        is_all_taken = self._reserved or self._options.search_properties
        size = MAX_PAGE_SIZE if folder.is_first_sync else max(self._room, 1 if is_all_taken else _SMALL_PAGE)
        request = partial(self._run.mailbox.created_messages, folder.folder_id, folder.link, self._properties)
        try:
            return self._request_page(folder, size, request)
        except GraphError as error:
            # Graph made the link: nothing but the link can be wrong with a request that it does not understand.
            if not folder.link or not (error.is_sync_state_lost or error.status == 400):
                raise
        folder.restart_sync()
        return self._request_delta_page(folder)

    def _record_no_delta(self, folder: FolderCursor, error: GraphError) -> None:
        """Record that Graph has no delta sync for a folder, and note the reason. Lists then show what enters it."""
        if error.status == 404:
            try:
                self._folder(folder.folder_id)
            except GraphError as own_error:  # 404: the folder is what Graph does not find
                if own_error.status != 404:
                    self._unavailable_folders.add(folder.name)
                raise
        folder.record_no_delta(self._run.now(), error.what)
        self._note_no_delta(folder)

    def _note_no_delta(self, folder: FolderCursor) -> None:
        what = f"Delta queries do not work for the folder '{folder.name}', so the folder is listed instead."
        reason = folder.no_delta_cause and f' Reason: {folder.no_delta_cause}'
        self._run.notes.append(f'{what} They are tried again after 24 hours.{reason}')

    def _returned(self, folder: FolderCursor, removed: Sequence[str]) -> list[MessageRow]:
        """Return the messages that left the folder and came back, of which Graph reports only that they were removed."""
        mailbox, query = self._run.mailbox, {'$select': f'{self._properties},parentFolderId'}
        results = mailbox.batch([mailbox.message_request(one, query) for one in removed if not self._is_known(one)])
        outages = [one.error for one in results if one.error and status_of(one.error) in TRANSIENT_STATUSES]
        outages.sort(key=lambda error: status_of(error) != 429)
        if outages and (status_of(outages[0]) == 429 or not self._run.is_mailbox_available(self._cursor)):
            raise outages[0]
        rows = [result.body for result in results if result.body.get('parentFolderId') == folder.folder_id]
        # What Graph does not find (404), or always fails to return, may be there all the same: the list shows it.
        failed = {result.request.key for result in results if result.error}
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
        # Without a delta sync it may also have entered: then it is lost. Lists alone must not repeat thousands of messages.
        skipped_until = known_from if folder.no_delta_until else ''

        def is_new(row: MessageRow) -> bool:
            is_candidate = sort_key(row)[0] >= bound and not folder.is_in_backlog(row) and self._is_new(row)
            return is_candidate and not self._is_skipped(row, folder, skipped_until)

        requested = self._run.now()
        listed = self._select_listed(folder, CHANGED, folder.changed, is_new, folder.is_behind(requested))
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

        folder.record_backlog(*self._select_listed(folder, RECEIVED, folder.backlog, is_new, is_confirmed=True))

    def _is_skipped(self, row: MessageRow, folder: FolderCursor, until: str) -> bool:
        """Return whether a message may be an incident that is not known any more, and note that.

        Args:
            until: received time from which on all incidents are known, empty if all are, or if there is none.
        """
        is_skipped = sort_key(row)[0] < until != END_OF_TIME
        if is_skipped:
            self._run.notes.append(
                f"Emails in '{folder.name}' that were received before {until[:19]}Z are no longer fetched, "
                'because too many emails were fetched since then to know which of them are already incidents.'
            )
        return is_skipped

    def _select_listed(
        self, folder: FolderCursor, by: str, position: SortKey, is_new: Callable[[MessageRow], bool], is_confirmed: bool
    ) -> tuple[SortKey, bool]:
        """Continue a list by a time after `position`. Return the new position, and whether it is the end of the list.

        Args:
            is_confirmed: the end is confirmed, since the list is not listed again from there: see `_newest`.
        """
        start, seconds_before = position[0], 1.0
        for _ in range(_MAX_PAGES_PER_RUN):
            rows, next_second = self._list_seconds(folder, by, start)
            position, is_done = self._add_listed(folder, rows, by, position, is_new)
            if not is_done:
                break
            if next_second:
                start, position = next_second, max(position, (next_second, ''))
            elif not is_confirmed:
                return position, True
            elif self._room:
                newest, is_complete = self._newest(folder, by, position, rows)
                if is_complete:
                    return self._add_listed(folder, newest, by, position, is_new)
                start = graph_seconds((date_seconds(position[0].lower()) or 0) - seconds_before)
                seconds_before *= 2
            if not self._room or self._is_late():
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

    def _newest(
        self, folder: FolderCursor, by: str, position: SortKey, rows: Sequence[MessageRow]
    ) -> tuple[list[MessageRow], bool]:
        """Return the newest messages after a position in a list by a time, and whether these are all.

        A list may end early, and with some start times always be empty (microsoft-graph-docs#2153). Therefore a list of another
        kind confirms its end. The order within a second is not known.

        Args:
            rows: what the list showed last.
        """
        page, following = self._list_page(folder, by)
        newest = [row for row in page if sort_key(row, by) > position]
        seconds = {sort_key(row, by)[0] for row in page}
        is_listed = not newest and bool(page) and position[0] in {sort_key(row, by)[0] for row in rows}
        return newest, not following or is_listed or min(seconds, default=position[0]) < position[0]

    def _list_seconds(self, folder: FolderCursor, by: str, start: str) -> tuple[list[MessageRow], str]:
        """Return all messages of some seconds from `start` on, and the next second, empty after the last one.

        A link to the next page counts rows, and skips one if another was removed: it is only followed within a second. At the
        end of a list, Graph may repeat a link for ever (microsoft-graph-docs#4897).
        """
        rows: dict[str, MessageRow] = {}
        followed: set[str] = set()
        page, following = self._list_page(folder, by, start)
        for number in range(_MAX_PAGES_PER_SECOND):
            count = len(rows)
            rows.update((row['id'], row) for row in page)
            if not following or following[0] in followed:
                return list(rows.values()), ''
            last = max((sort_key(row, by)[0] for row in rows.values()), default='')
            earlier = [row for row in rows.values() if sort_key(row, by)[0] != last]
            if earlier:
                return earlier, last
            if len(rows) == count and self._is_late():
                return [], last or start
            if number == 0 and not folder.blocked:  # a larger page may have the whole second
                page, following = self._list_page(folder, by, start, MAX_PAGE_SIZE)
            else:
                followed.update(filter(None, following[:1]))
                page, following = self._list_page(folder, by, start, MAX_PAGE_SIZE, following, last)
        raise DemistoException(
            f"More than {len(rows)} emails in '{folder.name}' have the same time, {last}. Move some of them to another folder."
        )

    # endregion


# endregion
