"""Unit tests of the cursor: what it records and saves, without a cloud."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from CommonServerPython import DemistoException
from MicrosoftGraphClientApiModule import BatchRequest, BatchResult, GraphError, GraphSignInError
from MicrosoftGraphMailFetchOptionsApiModule import graph_seconds
from MicrosoftGraphMailCursorApiModule import (
    Outcome,
    MAX_SEEN,
    FetchCursor,
    FetchRun,
    FolderCursor,
    PendingMail,
    SeenMails,
    SortKey,
    message_digest,
    reason_of,
    sort_key,
    status_of,
)

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
NINE, TEN, ELEVEN = '2030-01-01T09:00:00', '2030-01-01T10:00:00', '2030-01-01T11:00:00'
REQUESTED = 1893495600.0  # seconds since the epoch: ELEVEN


def response(status: int) -> requests.Response:
    found = requests.Response()
    found.status_code = status
    return found


# region digests and sort keys


def test_a_digest_is_short_and_distinguishes_ids() -> None:
    digests = {message_digest(f'AAMk{number}') for number in range(10_000)}
    assert len(digests) == 10_000
    assert {len(digest) for digest in digests} == {8}


def test_a_sort_key_is_the_second_and_then_the_digest() -> None:
    assert sort_key({'id': 'a', 'receivedDateTime': '2030-01-01T00:00:00Z'}) == ('2030-01-01T00:00:00', message_digest('a'))
    assert sort_key({'id': 'a', 'receivedDateTime': None}) == ('', message_digest('a')), 'a draft was never received'


@pytest.mark.parametrize('max_length, kept', [(10_000, 20), (160, 20), (159, 19), (80, 10), (8, 1), (0, 1), (-3, 1)])
def test_the_newest_seen_mails_are_saved(max_length: int, kept: int) -> None:
    seen = SeenMails()
    for number in range(20):
        seen.add(f'mail {number}')
    saved = json.loads(json.dumps(seen.as_json(max_length)))
    again = SeenMails.from_json(saved)
    assert [f'mail {number}' in again for number in range(21)] == [False] * (20 - kept) + [True] * kept + [False]
    assert again.as_json(max_length) == saved


@pytest.mark.parametrize(
    'kept, complete_from, time_ranges', [(1200, '', 3), (1100, TEN, 3), (700, TEN, 2), (600, ELEVEN, 2), (100, '9999', 1)]
)
def test_the_time_from_which_all_seen_mails_are_known_is_saved(kept: int, complete_from: str, time_ranges: int) -> None:
    seen = SeenMails()
    for number in range(1200):
        seen.add(f'mail {number}', REQUESTED - 3600 * (2 - number // 500))
    saved = seen.as_json(8 * kept)
    assert (saved['complete_from'], len(saved['eras'])) == (complete_from, time_ranges)
    assert sum(count for _, count in saved['eras']) == kept


# endregion
# region folder cursors


def folder_cursor(backlog: SortKey | None = None, **more: Any) -> FolderCursor:
    folder = FolderCursor('Inbox', 'f1', NINE, TEN, backlog)
    for name, value in more.items():
        assert hasattr(folder, name)
        setattr(folder, name, value)
    return folder


def attributes(folder: FolderCursor) -> dict[str, Any]:
    """Return all attributes, also those that have their defaults."""
    values = ((name, getattr(folder, name)) for name in dir(folder) if not name.startswith('__'))
    return {name: value for name, value in values if not callable(value)}


@pytest.mark.parametrize('position', [None, (NINE, ''), (TEN, 'digest')])
def test_a_folder_cursor_is_saved_as_json(position: SortKey | None) -> None:
    folder = folder_cursor(position, changed=position or (TEN, ''), link='https://graph.example', is_first_sync=False)
    assert attributes(FolderCursor.from_json('Inbox', json.loads(json.dumps(folder.as_json())))) == attributes(folder)


@pytest.mark.parametrize(
    'backlog, received, until, is_in_backlog',
    [
        (None, TEN, ELEVEN, False),
        ((TEN, ''), NINE, ELEVEN, False),
        ((TEN, '~'), TEN, ELEVEN, False),
        ((TEN, ''), TEN, ELEVEN, True),
        ((NINE, ''), TEN, ELEVEN, True),
        ((NINE, ''), ELEVEN, ELEVEN, False),
        ((NINE, ''), ELEVEN, TEN, False),
    ],
)
def test_what_was_received_after_the_position_and_before_the_folder_was_opened_is_in_the_backlog(
    backlog: SortKey | None, received: str, until: str, is_in_backlog: bool
) -> None:
    row = {'id': 'a', 'receivedDateTime': f'{received}Z'}
    assert folder_cursor(backlog, until=until).is_in_backlog(row) is is_in_backlog


@pytest.mark.parametrize('changed, start', [((NINE, 'x'), (NINE, 'x')), ((ELEVEN, ''), (TEN, '~'))])
def test_after_a_restarted_sync_the_list_by_changed_time_has_what_was_missed(changed: SortKey, start: SortKey) -> None:
    folder = folder_cursor((NINE, ''), changed=changed, link='lost', is_first_sync=False)
    folder.restart_sync()
    assert (folder.link, folder.is_first_sync, folder.changed) == ('', True, start)
    folder.record_sync('next', False, REQUESTED)
    assert (folder.is_first_sync, folder.changed) == (True, start)
    folder.changed = (ELEVEN, 'z')  # the list goes on during a long sync
    folder.restart_sync()
    folder.record_sync('end', True, REQUESTED)
    assert (folder.is_first_sync, folder.changed, folder.backlog) == (False, (ELEVEN, 'z'), (NINE, ''))


LATELY = graph_seconds(REQUESTED - 300)  # a message may still enter before a position of the last minutes


@pytest.mark.parametrize(
    'position, is_end, known_from, changed',
    [
        ((TEN, 'x'), False, '', (TEN, 'x')),
        ((TEN, 'x'), False, '9999', (TEN, 'x')),
        ((ELEVEN, 'x'), False, '', (LATELY, '')),
        ((ELEVEN, 'x'), False, ELEVEN, (ELEVEN, '')),
        ((TEN, 'x'), True, '', (LATELY, '')),
    ],
)
def test_the_list_by_changed_time_continues_with_an_overlap(
    position: SortKey, is_end: bool, known_from: str, changed: SortKey
) -> None:
    folder = folder_cursor(changed=(NINE, ''), is_first_sync=False)
    folder.record_changed(position, is_end, REQUESTED, known_from)
    assert (folder.changed, folder.since, folder.is_strict) == (changed, TEN, is_end)


@pytest.mark.parametrize('is_end', [True, False])
def test_what_changed_before_the_folder_was_opened_is_not_listed(is_end: bool) -> None:
    folder = folder_cursor(since=ELEVEN, changed=(ELEVEN, '~'))
    folder.record_changed(('2030-01-01T11:00:05', 'x'), is_end, REQUESTED + 5, '')
    assert (folder.changed, folder.is_strict) == ((ELEVEN, '~'), False)


@pytest.mark.parametrize(
    'is_first_sync, no_delta_until, since, is_strict', [(True, '', TEN, False), (True, '2999', LATELY, False)]
)
def test_the_end_of_the_list_by_changed_time_is_a_sync_if_there_is_no_other(
    is_first_sync: bool, no_delta_until: str, since: str, is_strict: bool
) -> None:
    folder = folder_cursor(changed=(NINE, ''), is_first_sync=is_first_sync, no_delta_until=no_delta_until)
    folder.record_changed((TEN, 'x'), True, REQUESTED, '')
    assert (folder.changed, folder.since, folder.is_strict) == ((LATELY, ''), since, is_strict)


def test_a_folder_without_a_delta_sync_is_listed_for_a_day() -> None:
    folder = folder_cursor(changed=(ELEVEN, ''), link='https://graph.example', is_first_sync=False, is_strict=True)
    folder.record_no_delta(REQUESTED, 'No.')
    assert (folder.link, folder.is_first_sync, folder.is_strict, folder.changed) == ('', True, False, (TEN, ''))
    assert (folder.no_delta_until, folder.no_delta_cause) == (graph_seconds(REQUESTED + 24 * 3600), 'No.')


def test_the_time_of_a_sync_is_recorded_with_an_overlap() -> None:
    folder = folder_cursor()
    folder.record_sync('next', False, REQUESTED)
    assert (folder.link, folder.is_first_sync, folder.since) == ('next', True, TEN)
    folder.record_sync('end', True, REQUESTED)
    assert (folder.link, folder.is_first_sync, folder.since) == ('end', False, graph_seconds(REQUESTED - 300))


@pytest.mark.parametrize(
    'is_end, is_first_sync, backlog', [(False, False, (TEN, 'x')), (True, True, (TEN, 'x')), (True, False, None)]
)
def test_the_backlog_is_finished_after_the_first_sync(is_end: bool, is_first_sync: bool, backlog: SortKey | None) -> None:
    folder = folder_cursor((NINE, ''), is_first_sync=is_first_sync)
    folder.record_backlog((TEN, 'x'), is_end)
    assert folder.backlog == backlog


@pytest.mark.parametrize('seconds, is_long', [(3600, False), (3601, True)])
def test_errors_of_a_delta_sync_count_from_the_first_one_on(seconds: int, is_long: bool) -> None:
    folder = folder_cursor(link='link', is_first_sync=False)
    assert [folder.record_failure(REQUESTED + after) for after in (0, 1000, seconds)] == [False, False, is_long]
    assert folder.as_json()['failing'] == ELEVEN
    folder.record_sync('next', False, REQUESTED)
    assert 'failing' not in folder.as_json()


def test_a_slow_page_is_halved_and_grows_again() -> None:
    folder, size, sizes = folder_cursor(), 1000, []
    while folder.record_slow_page(size):
        size = folder.max_page
        sizes.append(size)
    assert sizes == [500, 250, 125, 62, 31, 15, 7, 5]
    assert FolderCursor.from_json('Inbox', folder.as_json()).max_page == 5
    for _ in range(8):
        folder.grow_pages()
    assert 'page' not in folder.as_json()


@pytest.mark.parametrize('seconds, is_long', [(600, False), (601, True)])
def test_a_list_is_blocked_for_long_if_it_always_fails_after_the_same_time(seconds: int, is_long: bool) -> None:
    folder = folder_cursor()
    assert not folder.record_blocked('a asc', NINE, REQUESTED)
    assert not folder.record_blocked('b asc', NINE, REQUESTED + seconds), 'each list has its own'
    folder = FolderCursor.from_json('Inbox', json.loads(json.dumps(folder.as_json())))
    assert folder.record_blocked('a asc', NINE, REQUESTED + seconds) is is_long
    assert not folder.record_blocked('a asc', ELEVEN, REQUESTED + seconds)


def test_a_list_is_blocked_until_it_has_passed_the_time() -> None:
    folder = folder_cursor()
    folder.record_blocked('a asc', NINE, REQUESTED)
    for last, is_blocked in ((NINE, True), (ELEVEN, False)):
        folder.record_unblocked('a asc', last)
        assert ('blocked' in folder.as_json()) is is_blocked


def test_a_sync_that_was_started_again_must_reach_its_end_before_its_errors_are_forgotten() -> None:
    folder = folder_cursor(link='link', is_first_sync=True)
    folder.record_failure(REQUESTED)
    folder.record_sync('next', False, REQUESTED)
    assert folder.as_json()['failing'] == ELEVEN
    folder.record_sync('end', True, REQUESTED)
    assert 'failing' not in folder.as_json()


@pytest.mark.parametrize('seconds, is_due', [(599, False), (601, True)])
def test_the_location_of_a_folder_is_checked_from_time_to_time(seconds: int, is_due: bool) -> None:
    folder = folder_cursor()
    folder.record_check(REQUESTED, is_deleted=True)
    assert (folder.is_check_due(REQUESTED + seconds), folder.is_deleted) == (is_due, True)


# endregion
# region pending mails


def test_mails_that_could_not_be_read_come_last_except_in_their_last_try() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    mails = [PendingMail(str(tries), 'Inbox', tries=tries) for tries in (3, 4, 1, 0)]
    cursor.record([Outcome(mail.message_id, mail, is_postponed=True) for mail in mails])
    assert [mail.tries for mail in cursor.pending] == [4, 0, 1, 3]


def person(address: str) -> dict[str, Any]:
    return {'emailAddress': {'address': address}}


@pytest.mark.parametrize(
    'row, expected',
    [
        ({}, PendingMail('m', 'Inbox')),
        (
            {
                'receivedDateTime': f'{TEN}Z',
                'internetMessageId': '<1@x.example>',
                'subject': 'Hi',
                'from': person(ADA),
                'sender': person(BOB),
            },
            PendingMail('m', 'Inbox', f'{TEN}Z', 0, 0, '<1@x.example>', 'Hi', ADA),
        ),
        ({'from': person(''), 'sender': person(BOB)}, PendingMail('m', 'Inbox', sender=BOB)),
        ({'subject': 'x' * 121, 'from': person('x' * 121)}, PendingMail('m', 'Inbox', subject='x' * 120, sender='x' * 120)),
        ({'internetMessageId': 'x' * 240}, PendingMail('m', 'Inbox', internet_id='x' * 240)),
        ({'internetMessageId': 'x' * 241}, PendingMail('m', 'Inbox')),  # a part of it would find another mail
    ],
)
def test_a_pending_mail_has_what_its_row_tells(row: dict[str, Any], expected: PendingMail) -> None:
    assert PendingMail.from_row({'id': 'm', **row}, 'Inbox') == expected


@pytest.mark.parametrize(
    'error, reason, status',
    [
        (GraphError('It failed.', 'Try again.'), 'It failed.', 0),
        (GraphError('It failed.', 'Try again.', 'Code', response(503)), 'It failed.', 503),
        (DemistoException('It is wrong.'), 'It is wrong.', 0),
        (OSError('No space left on device'), 'No space left on device', 0),
        (ValueError('of the mail'), 'An unexpected error occurred: ValueError.', 0),
        (MemoryError(), 'An unexpected error occurred: MemoryError.', 0),
    ],
)
def test_an_error_has_a_reason_and_a_status(error: Exception, reason: str, status: int) -> None:
    assert (reason_of(error), status_of(error)) == (reason, status)


# endregion
# region cursor


def filled_cursor() -> FetchCursor:
    cursor = FetchCursor.from_last_run({}, ADA, 'all')
    cursor.folders = {'Inbox': folder_cursor()}
    cursor.seen.add('known')
    cursor.pending, cursor.to_mark = [PendingMail('late', 'Inbox', NINE, 2)], {'unread': 1}
    return cursor


def state_of(cursor: FetchCursor) -> tuple[list[str], bool, list[PendingMail], dict[str, int]]:
    return list(cursor.folders), 'known' in cursor.seen, cursor.pending, cursor.to_mark


PENDING, TO_MARK = [PendingMail('late', 'Inbox', NINE, 2)], {'unread': 1}


@pytest.mark.parametrize(
    'mailbox, filters, changes, expected, has_other_filters',
    [
        (ADA, 'all', {}, (['Inbox'], True, PENDING, TO_MARK), False),
        ('Ada@Contoso.Example', 'all', {}, (['Inbox'], True, PENDING, TO_MARK), False),
        (ADA, 'some', {}, (['Inbox'], True, PENDING, TO_MARK), True),
        (BOB, 'all', {}, ([], False, [], {}), False),
        (ADA, 'all', {'version': 0}, ([], False, [], {}), False),
    ],
)
def test_a_cursor_belongs_to_a_mailbox_and_its_folders_to_filters(
    mailbox: str, filters: str, changes: dict[str, Any], expected: Any, has_other_filters: bool
) -> None:
    last_run = json.loads(json.dumps({**filled_cursor().as_last_run(), **changes}))
    cursor = FetchCursor.from_last_run(last_run, mailbox, filters)
    assert state_of(cursor) == expected
    assert cursor.has_other_filters is has_other_filters


@pytest.mark.parametrize(
    'backlog, repeated_until, expected',
    [
        (None, ('', ''), ((ELEVEN, ''), '9999')),
        (None, (NINE, 'x'), ((ELEVEN, ''), '9999')),
        ((TEN, 'x'), ('', ''), ((TEN, 'x'), TEN)),
        ((NINE, 'x'), (TEN, 'y'), ((TEN, 'y'), TEN)),
    ],
)
def test_a_folder_starts_again_and_knows_how_far_it_was(
    backlog: SortKey | None, repeated_until: SortKey, expected: tuple[SortKey, str]
) -> None:
    folder = folder_cursor(backlog, repeated_until=repeated_until, link='https://graph.example', is_first_sync=False)
    for again, folder_id in ((folder.restarted(NINE, REQUESTED), 'f1'), (folder.restarted(NINE, REQUESTED, 'f2'), 'f2')):
        repeated = dict(zip(('repeated_until', 'repeated_from'), expected, strict=True))
        assert attributes(again) == attributes(folder_cursor((NINE, ''), folder_id=folder_id, until=ELEVEN, **repeated))
        assert attributes(FolderCursor.from_json('Inbox', again.as_json())) == attributes(again)


@pytest.mark.parametrize(
    'first, backlog, changed, start',
    [
        (NINE, None, (TEN, ''), NINE),
        (ELEVEN, None, (ELEVEN, ''), TEN),
        (ELEVEN, None, (NINE, 'x'), NINE),
        (ELEVEN, (NINE, 'x'), (ELEVEN, ''), NINE),
    ],
)
def test_a_folder_that_starts_again_has_all_that_it_still_had_to_select(
    first: str, backlog: SortKey | None, changed: SortKey, start: str
) -> None:
    again = folder_cursor(backlog, changed=changed, is_strict=True, is_first_sync=False).restarted(first, REQUESTED)
    assert (again.first, again.backlog, again.since, again.is_strict) == (start, (start, ''), TEN, False)
    assert again.changed == min(changed, (TEN, '~'))


@pytest.mark.parametrize(
    'received, message_id, repeated_before',
    [
        (NINE, '', f'{TEN}~'),
        (TEN, '', ''),
        (TEN, message_digest('a'), f'{TEN}~'),
        (TEN, '~', f'{TEN}~'),
        (ELEVEN, '', ''),
        ('2030-01-01T11:00:01', '', '2030-01-01T12:00:00'),
    ],
)
def test_the_rest_of_a_backlog_that_starts_again_was_not_selected_before(
    received: str, message_id: str, repeated_before: str
) -> None:
    folder = folder_cursor(repeated_until=(TEN, message_id), repeated_from=ELEVEN, until='2030-01-01T12:00:00')
    assert folder.repeated_before({'id': 'a', 'receivedDateTime': f'{received}Z'}) == repeated_before


@pytest.mark.parametrize('added', [0, 500, 5000])
def test_what_a_repeated_backlog_adds_takes_no_place_of_what_was_seen_before(added: int) -> None:
    cursor = filled_cursor()
    for number in range(MAX_SEEN):
        cursor.seen.add(f'before {number}', REQUESTED - 7200 + number)
    cursor.restart_folders(NINE, REQUESTED, keeps_sync=True)
    for number in range(added):
        cursor.record([Outcome(f'now {number}', PendingMail(f'now {number}', 'Inbox'), is_done=True)], REQUESTED + number)
    last_run = json.loads(json.dumps(cursor.as_last_run()))
    again = FetchCursor.from_last_run(last_run, ADA, 'all')
    assert len(json.dumps(last_run)) < 63_000
    assert [again.is_known(f'before {number}') for number in (999, 1000, MAX_SEEN - 1)] == [False, True, True]
    assert [again.is_known(f'now {number}') for number in range(added)] == [number >= added - 1000 for number in range(added)]
    again.folders['Inbox'].backlog = None
    again.record([])
    merged = FetchCursor.from_last_run(json.loads(json.dumps(again.as_last_run())), ADA, 'all')
    assert not merged.earlier
    assert merged.is_known(f'before {MAX_SEEN - 1}')
    known_from = cursor.earlier.complete_from
    assert NINE < known_from < TEN
    assert merged.seen.complete_from == known_from if added < 1000 else ELEVEN < merged.seen.complete_from < '9999'


def test_the_last_run_has_all_that_a_later_run_needs() -> None:
    cursor = filled_cursor()
    cursor.seen.complete_from = TEN
    last_run = cursor.as_last_run()
    assert last_run == {
        'version': 1,
        'mailbox': message_digest(ADA),
        'wanted': message_digest('all'),
        'folders': {
            'Inbox': {
                'id': 'f1',
                'first': NINE,
                'since': TEN,
                'changed': (TEN, '~'),
                'checked': TEN,
                'until': TEN,
            }
        },
        'names': ['Inbox'],
        'id_start': 'lat',
        'waiting': [['e', 0, NINE, 2, 0, '', '', '']],
        'to_mark': {'unread': 1},
        'remembered': message_digest('known'),
        'eras': [['1970-01-01T00:00:00', 1]],
        'complete_from': TEN,
    }
    again = FetchCursor.from_last_run(json.loads(json.dumps(last_run)), ADA, 'all')
    assert again.as_last_run() == last_run
    assert [again.is_known(one) for one in ('known', 'late', 'unread')] == [True, True, False]


def test_a_last_run_of_another_integration_is_ignored() -> None:
    assert state_of(FetchCursor.from_last_run({'LAST_RUN_TIME': NINE, 'LAST_RUN_IDS': []}, ADA, '')) == ([], False, [], {})


# With all that a last run may contain: folders in several states, pending mails, and earlier incidents beside those of a backlog.
STORED: dict[str, Any] = {
    'version': 1,
    'mailbox': 'aJ_3ssoo',
    'wanted': 'XvXvA2S2',
    'folders': {
        'Inbox': {
            'id': 'f1',
            'first': NINE,
            'since': TEN,
            'backlog': None,
            'changed': [TEN, ''],
            'link': 'https://graph.example/x',
            'is_first_round': False,
            'checked': ELEVEN,
            'strict': True,
            'until': TEN,
        },
        'Junk': {
            'id': 'f2',
            'first': NINE,
            'since': TEN,
            'backlog': [NINE, 'abcdefgh'],
            'changed': [TEN, '~'],
            'link': '',
            'is_first_round': True,
            'checked': ELEVEN,
            'is_deleted': True,
            'no_delta': ELEVEN,
            'reason': 'No delta.',
            'repeated': TEN,
            'repeated_from': ELEVEN,
            'failing': ELEVEN,
            'page': 250,
        },
    },
    'names': ['Inbox', 'Junk'],
    'waiting': [['late', 1, NINE, 2, 7, '<1@x.example>', 'Hi', ADA], ['short', 0, TEN, 1]],
    'to_mark': {'unread': 1},
    'earlier': {'remembered': '2pJaMOMfy6BrVzb6', 'eras': [[NINE, 1], [TEN, 1]], 'complete_from': NINE},
    'remembered': 'EVB6Di9e',
    'eras': [[TEN, 1]],
    'complete_from': NINE,
}


def test_a_stored_last_run_is_continued() -> None:
    cursor = FetchCursor.from_last_run(json.loads(json.dumps(STORED)), ADA, 'all')
    assert (cursor.damaged, cursor.has_other_filters) == ([], False)
    assert attributes(cursor.folders['Inbox']) == attributes(
        folder_cursor(
            changed=(TEN, ''), link='https://graph.example/x', is_first_sync=False, checked=ELEVEN, is_strict=True, until=TEN
        )
    )
    assert attributes(cursor.folders['Junk']) == attributes(
        folder_cursor(
            (NINE, 'abcdefgh'),
            name='Junk',
            folder_id='f2',
            checked=ELEVEN,
            is_deleted=True,
            no_delta_until=ELEVEN,
            until='9999',
            repeated_until=(TEN, ''),
            repeated_from=ELEVEN,
            failing_since=ELEVEN,
            max_page=250,
        )
    )
    late = PendingMail('late', 'Junk', NINE, 2, 7, '<1@x.example>', 'Hi', ADA)
    assert (cursor.pending, cursor.to_mark) == ([late, PendingMail('short', 'Inbox', TEN, 1)], {'unread': 1})
    assert [cursor.is_known(one) for one in ('new', 'old', 'older', 'late', 'unread')] == [True, True, True, True, False]
    assert (len(cursor.seen), len(cursor.earlier)) == (1, 2)
    waiting = [STORED['waiting'][0], ['short', 0, TEN, 1, 0, '', '', '']]
    again = json.loads(json.dumps(cursor.as_last_run()))
    assert {**again, 'folders': None} == {**STORED, 'id_start': '', 'waiting': waiting, 'folders': None}
    # defaults are not saved any more, nor is the reason a sentence, and a position has a message
    former = {'backlog': None, 'link': '', 'is_first_round': True, 'reason': 'No delta.'}.items()
    for name, folder in STORED['folders'].items():
        position = {'repeated': [TEN, '']} if 'repeated' in folder else {}
        kept = {key: value for key, value in folder.items() if key == 'repeated' or (key, value) not in former}
        assert again['folders'][name] == {**kept, **position}


@pytest.mark.parametrize(
    'changes, damaged',
    [
        ({}, []),
        ({'folders': None}, ['the folders']),
        ({'folders': {'Inbox': None, 'Junk': {}}}, ["the folder 'Inbox'", "the folder 'Junk'"]),
        ({'waiting': None}, ['the emails that were to be read again']),
        ({'waiting': [['', 0], ['e', 0, NINE, 2], 5]}, ['an email that was to be read again'] * 2),
        ({'to_mark': {'unread': 'x'}}, ['the emails to be marked as read']),
        ({'remembered': None}, ['the emails that were fetched']),
        (
            {'folders': None, 'waiting': None, 'to_mark': None, 'remembered': None},
            [
                'the folders',
                'the emails that were to be read again',
                'the emails to be marked as read',
                'the emails that were fetched',
            ],
        ),
    ],
)
def test_what_is_damaged_is_dropped_and_named(changes: dict[str, Any], damaged: list[str]) -> None:
    cursor = FetchCursor.from_last_run(json.loads(json.dumps({**filled_cursor().as_last_run(), **changes})), ADA, 'all')
    assert cursor.damaged == damaged
    kept = state_of(cursor)
    assert kept[1] is ('remembered' not in changes)
    assert kept[2] == ([] if changes.get('waiting', 0) is None else PENDING)
    assert kept[3] == ({} if 'to_mark' in changes else TO_MARK)


@pytest.mark.parametrize('length, kept', [(60, 8), (120, 6), (240, 5)])
def test_what_is_nice_to_know_of_pending_mails_is_dropped_first(length: int, kept: int) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    text = 'x' * length
    cursor.pending = [PendingMail(f'{number:0>3}{"x" * 117}', 'Inbox', NINE, 1, 7, text, text, text) for number in range(140)]
    assert {len(one) for one in cursor.as_last_run()['waiting']} == {kept}


@pytest.mark.parametrize('pending, to_mark, folders', [(0, 0, 1), (200, 200, 1), (200, 200, 20), (200, 0, 40), (0, 2000, 50)])
def test_a_last_run_has_a_maximum_size(pending: int, to_mark: int, folders: int) -> None:
    def message_ids(kind: str, count: int) -> list[str]:
        return [f'{kind}{number:0>151}' for number in range(count)]

    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.folders = {
        name: folder_cursor((TEN, 'x' * 8), name=name, folder_id='f' * 120, link='l' * 700, is_first_sync=False)
        for name in (f'Inbox/Reports of the year/{number}' for number in range(folders))
    }
    cursor.pending = [PendingMail(one, 'Inbox/Reports of the year/0', NINE, 4) for one in message_ids('w', pending)]
    cursor.to_mark = dict.fromkeys(message_ids('m', to_mark), 0)
    fetched = message_ids('h', 5000)
    for one in fetched:
        cursor.seen.add(one)
    last_run = cursor.as_last_run()
    assert len(json.dumps(last_run)) < 64_000
    again = FetchCursor.from_last_run(last_run, ADA, '')
    assert again.pending == cursor.pending
    assert list(again.folders) == list(cursor.folders)
    seen = [one in again.seen for one in fetched]
    assert all(seen[-1000:])
    assert sum(seen) <= MAX_SEEN


def test_many_folders_without_delta_queries_leave_room_for_what_was_fetched() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    for number in range(50):
        name = f'Inbox/Customer cases {number:02}'
        folder = cursor.folders[name] = folder_cursor(name=name, folder_id='f' * 120)
        folder.record_no_delta(REQUESTED, 'x' * 500)
        folder.record_omitted('x' * 300, REQUESTED)
    # real IDs of one mailbox begin alike
    ids = [f'{"A" * 70}{number:0>80}' for number in range(200)]
    cursor.pending = [PendingMail(one, name, f'{TEN}Z', 1, 1790000000, f'<{"i" * 70}>', 's' * 60, ADA) for one in ids]
    for number in range(MAX_SEEN):
        cursor.seen.add(f'mail {number}', REQUESTED + number)
    last_run = cursor.as_last_run()
    assert len(json.dumps(last_run)) < 64_000
    again = FetchCursor.from_last_run(json.loads(json.dumps(last_run)), ADA, '')
    assert len(again.seen) >= 1000
    assert [mail.message_id for mail in again.pending] == ids
    assert all(folder.no_delta_until for folder in again.folders.values())


def test_a_folder_whose_link_has_no_room_starts_its_sync_again() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    settings: dict[str, Any] = {'link': 'l' * 2000, 'is_first_sync': False, 'is_strict': True, 'changed': (ELEVEN, '')}
    cursor.folders = {str(number): folder_cursor(name=str(number), **settings) for number in range(40)}
    again = FetchCursor.from_last_run(json.loads(json.dumps(cursor.as_last_run())), ADA, '')
    dropped = [folder for folder in again.folders.values() if not folder.link]
    assert 0 < len(dropped) < 40
    assert {(folder.is_first_sync, folder.is_strict, folder.changed) for folder in dropped} == {(True, False, (TEN, '~'))}
    kept = [folder for folder in again.folders.values() if folder.link]
    assert {(folder.is_first_sync, folder.is_strict, folder.changed) for folder in kept} == {(False, True, (ELEVEN, ''))}
    assert all(folder.link for folder in cursor.folders.values()), 'this run goes on with them'


def test_the_oldest_mails_to_mark_are_dropped_first() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.to_mark = {f'{number:0>152}': 0 for number in range(500)}
    kept = cursor.as_last_run()['to_mark']
    assert 0 < len(kept) < 500
    assert list(kept) == [f'{number:0>152}' for number in range(500)][-len(kept) :]


def test_the_mails_of_a_run_are_recorded() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.pending = [PendingMail(name, 'Inbox') for name in ('later', 'done', 'deleted', 'postponed')]
    postponed = PendingMail('postponed', 'Inbox', tries=1, since=7)
    cursor.record(
        [
            Outcome('done', PendingMail('moved', 'Inbox'), is_done=True, is_to_mark=True),
            Outcome('deleted', PendingMail('deleted', 'Inbox')),
            Outcome('postponed', postponed, is_postponed=True),
            Outcome('read', PendingMail('read', 'Inbox'), is_done=True),
        ]
    )
    assert cursor.pending == [PendingMail('later', 'Inbox'), postponed]
    assert [name in cursor.seen for name in ('done', 'moved', 'read', 'deleted', 'postponed')] == [True, True, True, False, False]
    assert cursor.to_mark == {'moved': 0}


@pytest.mark.parametrize(
    'body, error, tries, to_mark, errors',
    [
        ({'isRead': True}, None, 0, {}, 0),
        ({}, None, 4, {'m': 4}, 0),
        ({}, GraphError('No.', 'Wait.', 'ErrorItemNotFound'), 0, {}, 0),
        ({}, GraphError('No.', 'Wait.', 'Other'), 0, {'m': 0}, 1),
        ({}, GraphError('No.', 'Wait.', 'Other'), 4, {'m': 4}, 1),
        *(({}, GraphError('No.', 'Wait.', 'Other', response(status)), 4, {'m': 4}, 1) for status in (429, 502, 503, 504)),
        ({}, GraphSignInError('No.', 'Sign in.', '', '', True), 4, {'m': 4}, 1),
        ({}, GraphError('No.', 'Wait.', 'Other', response(403)), 3, {'m': 4}, 1),
        ({}, GraphError('No.', 'Wait.', 'Other', response(403)), 4, {}, 1),
    ],
)
def test_what_was_marked_as_read_is_recorded(
    body: dict[str, Any], error: GraphError | None, tries: int, to_mark: dict[str, int], errors: int
) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.to_mark = {'m': tries}
    result = BatchResult(BatchRequest('m', 'PATCH', '/m'), body, error=error)
    assert len(cursor.record_marked([result])) == errors
    assert cursor.to_mark == to_mark


@pytest.mark.parametrize('is_complete, expected', [(True, ['B', 'C']), (False, ['B', 'C', 'A'])])
def test_folders_that_are_not_named_any_more_are_dropped_if_all_new_ones_are_known(
    is_complete: bool, expected: list[str]
) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.folders = {name: folder_cursor(name=name, folder_id=name.lower()) for name in 'AB'}
    cursor.set_folders(('B', 'C'), [folder_cursor(name='C', folder_id='c')], is_complete)
    assert list(cursor.folders) == expected


@pytest.mark.parametrize(
    'ahead, now', [(0, REQUESTED), (900, REQUESTED - 900), (43_200, REQUESTED - 43_200), (86_400, REQUESTED), (-900, REQUESTED)]
)
def test_the_time_of_a_run_is_that_of_graph_unless_it_cannot_be_right(ahead: float, now: float) -> None:
    clock = SimpleNamespace(now=lambda: REQUESTED, elapsed=lambda: 0.0)
    client: Any = SimpleNamespace(clock=clock, clock_ahead=ahead, mailbox=SimpleNamespace(address=ADA))
    assert FetchRun(client).now() == now


@pytest.mark.parametrize('has_backlog', [True, False])
def test_a_folder_that_is_not_named_any_more_does_not_protect_what_was_seen(has_backlog: bool) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.seen.add('m', REQUESTED)
    cursor.folders = {
        'A': folder_cursor((NINE, ''), name='A', folder_id='a'),
        'B': folder_cursor((NINE, '') if has_backlog else None, name='B', folder_id='b'),
    }
    cursor.set_folders(('B', 'C'), [folder_cursor(name='C', folder_id='c')], is_complete=False)
    cursor.record([], REQUESTED)
    assert (len(cursor.earlier), len(cursor.seen)) == ((1, 0) if has_backlog else (0, 1))


@pytest.mark.parametrize('is_complete', [True, False])
def test_a_folder_with_a_new_name_continues_and_one_with_two_names_is_fetched_once(is_complete: bool) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    known = cursor.folders['A'] = folder_cursor(name='A', folder_id='a')
    cursor.set_folders(('New', 'Other'), [folder_cursor(name=name, folder_id='a') for name in ('New', 'Other')], is_complete)
    assert cursor.folders == {'New': known}
    assert known.name == 'New'


@pytest.mark.parametrize('count, expected', [(1, 'BCA'), (2, 'CAB'), (3, 'ABC')])
def test_another_folder_is_the_first_one_in_each_run(count: int, expected: str) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.folders = {name: folder_cursor(name=name, folder_id=name) for name in 'ABC'}
    cursor.rotate_folders(count)
    assert list(cursor.folders) == [*expected]


# endregion
