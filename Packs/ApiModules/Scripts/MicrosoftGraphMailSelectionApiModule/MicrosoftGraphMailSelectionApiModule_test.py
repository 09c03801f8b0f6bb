"""Unit tests of the cursor: what it records and saves, without a cloud."""

import json
from typing import Any

import pytest

from MicrosoftGraphClientApiModule import BatchRequest, BatchResult, GraphError
from MicrosoftGraphMailFilterApiModule import graph_seconds
from MicrosoftGraphMailSelectionApiModule import (
    Outcome,
    MAX_SEEN,
    FetchCursor,
    FolderCursor,
    PendingMail,
    SeenMails,
    SortKey,
    message_digest,
    sort_key,
)

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
NINE, TEN, ELEVEN = '2030-01-01T09:00:00', '2030-01-01T10:00:00', '2030-01-01T11:00:00'
REQUESTED = 1893495600.0  # seconds since the epoch: ELEVEN


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
    again = SeenMails(*saved.values())
    assert [f'mail {number}' in again for number in range(21)] == [False] * (20 - kept) + [True] * kept + [False]
    assert again.as_json(max_length) == saved


@pytest.mark.parametrize(
    'kept, complete_from, eras', [(1200, '', 3), (1100, TEN, 3), (700, TEN, 2), (600, ELEVEN, 2), (100, '9999', 1)]
)
def test_the_time_from_which_all_seen_mails_are_known_is_saved(kept: int, complete_from: str, eras: int) -> None:
    seen = SeenMails()
    for number in range(1200):
        seen.add(f'mail {number}', REQUESTED - 3600 * (2 - number // 500))
    saved = seen.as_json(8 * kept)
    assert (saved['complete_from'], len(saved['eras'])) == (complete_from, eras)
    assert sum(count for _, count in saved['eras']) == kept


@pytest.mark.parametrize('number, complete_from', [(10, ''), (2000, '9999')])
def test_what_an_earlier_version_has_seen_is_complete_if_it_is_little(number: int, complete_from: str) -> None:
    assert SeenMails(''.join(f'{one:08}' for one in range(number))).complete_from == complete_from


# endregion
# region folder cursors


def folder_cursor(backlog: SortKey | None = None, **more: Any) -> FolderCursor:
    return FolderCursor(**{'name': 'Inbox', 'folder_id': 'f1', 'first': NINE, 'since': TEN, 'backlog': backlog, **more})


@pytest.mark.parametrize('position', [None, (NINE, ''), (TEN, 'digest')])
def test_a_folder_cursor_is_saved_as_json(position: SortKey | None) -> None:
    folder = folder_cursor(position, changed=position or (TEN, ''), link='https://graph.example', is_first_sync=False)
    assert vars(FolderCursor.from_json('Inbox', json.loads(json.dumps(folder.as_json())))) == vars(folder)


@pytest.mark.parametrize(
    'backlog, received, is_in_backlog',
    [
        (None, ELEVEN, False),
        ((TEN, ''), NINE, False),
        ((TEN, '~'), TEN, False),
        ((TEN, ''), TEN, True),
        ((TEN, ''), ELEVEN, True),
    ],
)
def test_a_message_after_the_position_is_in_the_backlog(backlog: SortKey | None, received: str, is_in_backlog: bool) -> None:
    assert folder_cursor(backlog).is_in_backlog({'id': 'a', 'receivedDateTime': f'{received}Z'}) is is_in_backlog


@pytest.mark.parametrize('changed, start', [(None, (TEN, '~')), ((NINE, 'x'), (NINE, 'x')), ((ELEVEN, ''), (TEN, '~'))])
def test_after_a_restarted_sync_the_list_by_changed_time_has_what_was_missed(changed: SortKey | None, start: SortKey) -> None:
    folder = folder_cursor((NINE, ''), changed=changed, link='lost', is_first_sync=False)
    folder.restart_sync()
    assert (folder.link, folder.is_first_sync, folder.changed) == ('', True, changed)
    folder.record_sync('next', False, REQUESTED)
    assert (folder.is_first_sync, folder.changed) == (True, changed)
    folder.record_sync('end', True, REQUESTED)
    assert (folder.is_first_sync, folder.changed, folder.backlog) == (False, start, (NINE, ''))


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


@pytest.mark.parametrize('seconds, is_due', [(599, False), (601, True)])
def test_the_location_of_a_folder_is_checked_from_time_to_time(seconds: int, is_due: bool) -> None:
    folder = folder_cursor()
    folder.record_check(REQUESTED, is_deleted=True)
    assert (folder.is_check_due(REQUESTED + seconds), folder.is_deleted) == (is_due, True)


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
    'mailbox, filters, changes, expected',
    [
        (ADA, 'all', {}, (['Inbox'], True, PENDING, TO_MARK)),
        ('Ada@Contoso.Example', 'all', {}, (['Inbox'], True, PENDING, TO_MARK)),
        (ADA, 'some', {}, ([], True, PENDING, TO_MARK)),
        (BOB, 'all', {}, ([], False, [], {})),
        (ADA, 'all', {'version': 0}, ([], False, [], {})),
    ],
)
def test_a_cursor_belongs_to_a_mailbox_and_its_folders_to_filters(
    mailbox: str, filters: str, changes: dict[str, Any], expected: Any
) -> None:
    last_run = json.loads(json.dumps({**filled_cursor().as_last_run(), **changes}))
    assert state_of(FetchCursor.from_last_run(last_run, mailbox, filters)) == expected


def test_a_last_run_of_another_integration_is_ignored() -> None:
    assert state_of(FetchCursor.from_last_run({'LAST_RUN_TIME': NINE, 'LAST_RUN_IDS': []}, ADA, '')) == ([], False, [], {})


SAVED_BY_1_0 = {
    'version': 1,
    'mailbox': message_digest(ADA),
    'wanted': message_digest('all'),
    'folders': {
        'Inbox': {
            'id': 'f1',
            'first': NINE,
            'since': TEN,
            'backlog': [NINE, 'abcdefgh'],
            'changed': None,
            'link': 'https://graph.example/x',
            'is_first_round': False,
            'checked': ELEVEN,
            'is_deleted': False,
        }
    },
    'names': ['Inbox'],
    'waiting': [['late', 0, NINE, 2]],
    'to_mark': {'unread': 1},
    'remembered': message_digest('known'),
}


def test_a_last_run_of_version_1_is_continued() -> None:
    cursor = FetchCursor.from_last_run(SAVED_BY_1_0, ADA, 'all')
    assert state_of(cursor) == (['Inbox'], True, PENDING, TO_MARK)
    assert vars(cursor.folders['Inbox']) == vars(
        folder_cursor(
            (NINE, 'abcdefgh'),
            changed=(TEN, ''),
            link='https://graph.example/x',
            is_first_sync=False,
            checked=ELEVEN,
            is_strict=True,
        )
    )
    again = FetchCursor.from_last_run(json.loads(json.dumps(cursor.as_last_run())), ADA, 'all')
    assert again.as_last_run() == cursor.as_last_run()


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
    'error, tries, to_mark, errors',
    [
        (None, 0, {}, 0),
        (GraphError('No.', 'Wait.', 'ErrorItemNotFound'), 0, {}, 0),
        (GraphError('No.', 'Wait.', 'Other'), 0, {'m': 0}, 1),
        (GraphError('No.', 'Wait.', 'Other'), 4, {'m': 4}, 1),
    ],
)
def test_what_was_marked_as_read_is_recorded(error: GraphError | None, tries: int, to_mark: dict[str, int], errors: int) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.to_mark = {'m': tries}
    result = BatchResult(BatchRequest('m', 'PATCH', '/m'), {} if error else {'isRead': True}, error=error)
    assert len(cursor.record_marked([result])) == errors
    assert cursor.to_mark == to_mark


@pytest.mark.parametrize('is_complete, expected', [(True, ['B', 'C']), (False, ['A', 'B', 'C'])])
def test_folders_that_are_not_named_any_more_are_dropped_if_all_new_ones_are_known(
    is_complete: bool, expected: list[str]
) -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.folders = {name: folder_cursor(name=name, folder_id=name.lower()) for name in 'AB'}
    cursor.set_folders(('B', 'C'), [folder_cursor(name='C', folder_id='c')], is_complete)
    assert list(cursor.folders) == expected


def test_a_folder_with_a_new_name_continues_and_one_with_two_names_is_fetched_once() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    known = cursor.folders['A'] = folder_cursor(name='A', folder_id='a')
    cursor.set_folders(('New', 'Other'), [folder_cursor(name=name, folder_id='a') for name in ('New', 'Other')], True)
    assert cursor.folders == {'New': known}
    assert known.name == 'New'


def test_another_folder_is_the_first_one_in_each_run() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.folders = {name: folder_cursor(name=name, folder_id=name) for name in 'ABC'}
    cursor.rotate_folders()
    assert list(cursor.folders) == ['B', 'C', 'A']


# endregion
