"""Which mails come next, from the local cloud: each once, whatever becomes of its folder, of the round of changes or of Graph."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftGraphMailClientApiModule import GraphError, GraphMailClient, find_folder, folder_names
from MicrosoftGraphMailFetchApiModule import (
    MAX_SEEN,
    FetchCursor,
    FolderCursor,
    MailSelector,
    MessageRow,
    PendingMail,
    SeenMails,
    SortKey,
    graph_seconds,
    message_digest,
    sort_key,
)
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
HOUR, DAY = 3600, 24 * 3600
DELTA = 'messages/delta'
LISTS = r'messages$'
LATER = {'Retry-After': '60'}  # longer than anybody waits

# region who fetches


@pytest.fixture(autouse=True)
def a_new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'integrationContext', {})


@pytest.fixture
def ada(cloud: MicrosoftCloud, empty_mailbox: Mailbox) -> Mailbox:
    """Ada's empty mailbox. Its clock stands still."""
    cloud.clock.stop()
    return empty_mailbox


class Runs:
    """Runs that look for mails, one after another. What each finds is handed over, and its cursor goes through JSON.

    Attributes:
        last_run: what the last one kept.
        problems: of the last one.
        requests: paths of Graph that the last one asked for.
    """

    def __init__(self, client: GraphMailClient, cloud: MicrosoftCloud) -> None:
        self.client = client
        self.cloud = cloud
        self.last_run: dict[str, Any] = {}
        self.problems: list[str] = []
        self.first = graph_seconds(cloud.clock.now() - HOUR)

    def next(self, *names: str, most: int = 50, wants: Callable[[MessageRow], bool] = lambda row: True) -> list[str]:
        """The subjects of the mails that the next run finds in the folders of these names, the inbox where there are none."""
        self.cloud.requests.clear()
        cursor = FetchCursor.from_last_run(self.last_run, ADA, '')
        found = MailSelector(self.client, cursor, most, wants)
        found.find(names or ('Inbox',), lambda: self.first)
        for message_id in found.chosen:
            cursor.seen.add(message_id)
        cursor.waiting = [one for one in cursor.waiting if one.message_id not in found.chosen]
        self.last_run = json.loads(json.dumps(cursor.as_last_run()))
        self.problems = list(map(str, found.problems))
        return [self.subject(message_id) for message_id in found.chosen]

    def subject(self, message_id: str) -> str:
        message = self.cloud.mailbox(ADA).message(message_id)
        assert message
        return message.subject

    @property
    def requests(self) -> list[str]:
        return [one.path for one in self.cloud.requests.of('graph')]


@pytest.fixture
def runs(mail: GraphMailClient, cloud: MicrosoftCloud, ada: Mailbox) -> Runs:
    return Runs(mail, cloud)


def letter(mailbox: Mailbox, subject: str, folder: str = 'inbox', age: float = 60, entered: float | None = None) -> Message:
    """A mail that was received so many seconds ago, and put into its folder then, or at the time that `entered` says."""
    message = Message(subject, EmailAddress('Bob', BOB), mailbox.now() - age, to=[mailbox.owner])
    return mailbox.deliver(message, folder, mailbox.now() - (age if entered is None else entered))


def letters(mailbox: Mailbox, count: int, age: float = 60, step: float = 0, folder: str = 'inbox') -> list[str]:
    """That many mails, the oldest first, with so many seconds between them. Gives their subjects."""
    return [letter(mailbox, f'{folder} {number}', folder, age - number * step).subject for number in range(count)]


# endregion
# region digests and positions


def test_a_digest_is_short_and_tells_ids_apart() -> None:
    digests = {message_digest(f'AAMk{number}') for number in range(10_000)}
    assert len(digests) == 10_000
    assert {len(digest) for digest in digests} == {8}


@pytest.mark.parametrize(
    'moment, text', [(0, '1970-01-01T00:00:00'), (-5, '1970-01-01T00:00:00'), (1893456000.9, '2030-01-01T00:00:00')]
)
def test_moments_are_written_in_whole_seconds(moment: float, text: str) -> None:
    assert graph_seconds(moment) == text


def test_a_place_is_the_second_and_then_the_digest() -> None:
    assert sort_key({'id': 'a', 'receivedDateTime': '2030-01-01T00:00:00Z'}) == ('2030-01-01T00:00:00', message_digest('a'))
    assert sort_key({'id': 'a', 'receivedDateTime': None}) == ('', message_digest('a')), 'a draft was never received'


def test_remembered_mails_survive_as_text() -> None:
    seen = SeenMails()
    for number in range(20):
        seen.add(f'mail {number}')
    again = SeenMails(seen.as_text(1000))
    assert all(f'mail {number}' in again for number in range(20))
    assert 'mail 20' not in again
    assert again.as_text(1000) == seen.as_text(1000)


@pytest.mark.parametrize('longest, kept', [(10_000, 20), (160, 20), (159, 19), (80, 10), (8, 1), (0, 1), (-3, 1)])
def test_the_newest_mails_are_remembered_where_there_is_no_room_for_all(longest: int, kept: int) -> None:
    seen = SeenMails()
    for number in range(20):
        seen.add(f'mail {number}')
    again = SeenMails(seen.as_text(longest))
    assert [f'mail {number}' in again for number in range(20)] == [False] * (20 - kept) + [True] * kept


# endregion
# region cursors


NINE, TEN, ELEVEN = '2030-01-01T09:00:00', '2030-01-01T10:00:00', '2030-01-01T11:00:00'


def folder_cursor(backlog: SortKey | None = None, **more: Any) -> FolderCursor:
    return FolderCursor(**{'name': 'Inbox', 'folder_id': 'f1', 'first': NINE, 'since': TEN, 'backlog': backlog, **more})


@pytest.mark.parametrize('place', [None, (NINE, ''), (TEN, 'digest')])
def test_a_folder_goes_on_where_it_was(place: SortKey | None) -> None:
    folder = folder_cursor(place, changed=place, link='https://graph.example', is_first_sync=False)
    assert vars(FolderCursor.from_json('Inbox', json.loads(json.dumps(folder.as_json())))) == vars(folder)


@pytest.mark.parametrize(
    'backlog, received, is_left',
    [
        (None, ELEVEN, False),
        ((TEN, ''), NINE, False),
        ((TEN, '~'), TEN, False),
        ((TEN, ''), TEN, True),
        ((TEN, ''), ELEVEN, True),
    ],
)
def test_a_mail_is_left_to_the_backlog_where_that_comes_to_it(backlog: SortKey | None, received: str, is_left: bool) -> None:
    assert folder_cursor(backlog).is_in_backlog({'id': 'a', 'receivedDateTime': f'{received}Z'}) is is_left


@pytest.mark.parametrize('changed, begins', [(None, (TEN, '~')), ((NINE, 'x'), (NINE, 'x')), ((ELEVEN, ''), (TEN, '~'))])
def test_what_entered_while_a_round_was_lost_is_looked_for_when_the_new_one_is_over(
    changed: SortKey | None, begins: SortKey
) -> None:
    folder = folder_cursor((NINE, ''), changed=changed, link='lost', is_first_sync=False)
    folder.restart_sync()
    assert (folder.link, folder.is_first_sync, folder.changed) == ('', True, changed)
    folder.advance('next', False, 1893495600.0)
    assert (folder.is_first_sync, folder.changed) == (True, changed)
    folder.advance('end', True, 1893495600.0)
    assert (folder.is_first_sync, folder.changed, folder.backlog) == (False, begins, (NINE, ''))


def test_a_round_that_is_over_is_taken_as_older_than_it_is() -> None:
    folder, asked = folder_cursor(), 1893495600.0
    folder.advance('next', False, asked)
    assert (folder.link, folder.is_first_sync, folder.since) == ('next', True, TEN)
    folder.advance('end', True, asked)
    assert (folder.link, folder.is_first_sync, folder.since) == ('end', False, graph_seconds(asked - 300))


def cursor_with(mailbox: str = ADA, wanted: str = 'all') -> FetchCursor:
    cursor = FetchCursor.from_last_run({}, mailbox, wanted)
    cursor.folders = {'Inbox': folder_cursor()}
    cursor.seen.add('known')
    cursor.waiting, cursor.to_mark = [PendingMail('late', 'Inbox', NINE, 2)], {'unread': 1}
    return cursor


def state_of(cursor: FetchCursor) -> tuple[list[str], bool, list[PendingMail], dict[str, int]]:
    return list(cursor.folders), 'known' in cursor.seen, cursor.waiting, cursor.to_mark


@pytest.mark.parametrize(
    'mailbox, wanted, changes, expected',
    [
        (ADA, 'all', {}, (['Inbox'], True, [('late', 'Inbox', NINE, 2)], {'unread': 1})),
        ('Ada@Contoso.Example', 'all', {}, (['Inbox'], True, [('late', 'Inbox', NINE, 2)], {'unread': 1})),
        (ADA, 'some', {}, ([], True, [('late', 'Inbox', NINE, 2)], {'unread': 1})),
        (BOB, 'all', {}, ([], False, [], {})),
        (ADA, 'all', {'version': 0}, ([], False, [], {})),
    ],
)
def test_a_cursor_goes_on_in_the_same_mailbox_and_begins_folders_anew_for_other_wishes(
    mailbox: str, wanted: str, changes: dict[str, Any], expected: Any
) -> None:
    last_run = json.loads(json.dumps({**cursor_with().as_last_run(), **changes}))
    assert state_of(FetchCursor.from_last_run(last_run, mailbox, wanted)) == expected


def test_a_last_run_of_another_integration_is_left_alone() -> None:
    assert state_of(FetchCursor.from_last_run({'LAST_RUN_TIME': NINE, 'LAST_RUN_IDS': []}, ADA, '')) == ([], False, [], {})


@pytest.mark.parametrize('waiting, to_mark, folders', [(0, 0, 1), (200, 200, 1), (200, 200, 20), (200, 0, 40), (0, 2000, 50)])
def test_a_last_run_always_fits(waiting: int, to_mark: int, folders: int) -> None:
    def message_ids(kind: str, count: int) -> list[str]:
        return [f'{kind}{number:0>151}' for number in range(count)]

    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.folders = {
        name: folder_cursor((TEN, 'x' * 8), name=name, folder_id='f' * 120, link='l' * 700, is_first_sync=False)
        for name in (f'Inbox/Reports of the year/{number}' for number in range(folders))
    }
    cursor.waiting = [PendingMail(one, 'Inbox/Reports of the year/0', NINE, 4) for one in message_ids('w', waiting)]
    cursor.to_mark = dict.fromkeys(message_ids('m', to_mark), 0)
    handed_over = message_ids('h', 5000)
    for one in handed_over:
        cursor.seen.add(one)
    last_run = cursor.as_last_run()
    assert len(json.dumps(last_run)) < 64_000
    again = FetchCursor.from_last_run(last_run, ADA, '')
    assert again.waiting == cursor.waiting
    assert list(again.folders) == list(cursor.folders)
    seen = [one in again.seen for one in handed_over]
    assert all(seen[-1000:])
    assert sum(seen) <= MAX_SEEN


def test_the_mails_that_wait_longest_to_be_marked_are_given_up_first() -> None:
    cursor = FetchCursor.from_last_run({}, ADA, '')
    cursor.to_mark = {f'{number:0>152}': 0 for number in range(500)}
    kept = cursor.as_last_run()['to_mark']
    assert 0 < len(kept) < 500
    assert list(kept) == [f'{number:0>152}' for number in range(500)][-len(kept) :]


# endregion
# region folders


@pytest.mark.parametrize(
    'text, names',
    [
        ('', []),
        (' , ,', []),
        ('Inbox', ['Inbox']),
        ('Inbox,Junk', ['Inbox', 'Junk']),
        (' A , B/Old ', ['A', 'B/Old']),
        (r'A\, B, C', [r'A\, B', 'C']),
        (r'A\\, B', [r'A\\', 'B']),
        (r'A\/B', [r'A\/B']),
        ('A\\', ['A\\']),
    ],
)
def test_a_list_of_folders_is_parted_at_its_commas(text: str, names: list[str]) -> None:
    assert folder_names(text) == names


@pytest.mark.parametrize(
    'name, path',
    [
        ('Inbox', 'Inbox'),
        ('inbox', 'Inbox'),
        ('JUNKEMAIL', 'Junk Email'),
        ('junk email', 'Junk Email'),
        ('Reports', 'Reports'),
        ('rEPORTS', 'Reports'),
        ('Inbox/Phishing', 'Inbox/Phishing'),
        ('inbox/PHISHING/Old', 'Inbox/Phishing/Old'),
        (' Inbox / Phishing ', 'Inbox/Phishing'),
        ('/Inbox/Phishing/', 'Inbox/Phishing'),
        ('Inbox//Phishing', 'Inbox/Phishing'),
        (r'Reports/2025\/26', 'Reports/2025/26'),
        (r'Reports/Q1\, Q2', 'Reports/Q1, Q2'),
        (r'Reports/a\\b', 'Reports/a\\b'),
        ('Reports/Grüße', 'Reports/Grüße'),
        ('Reports/padded', 'Reports/ Padded '),
    ],
)
def test_a_folder_is_found_by_its_path(mail: GraphMailClient, ada: Mailbox, name: str, path: str) -> None:
    known = {folder.display_name: folder.folder_id for folder in ada.folders(ada.folder('msgfolderroot').folder_id)}
    for parent, child in (
        ('Inbox', 'Phishing'),
        ('Inbox/Phishing', 'Old'),
        ('', 'Reports'),
        ('Reports', '2025/26'),
        ('Reports', 'Q1, Q2'),
        ('Reports', 'a\\b'),
        ('Reports', 'Grüße'),
        ('Reports', ' Padded '),
    ):
        folder = ada.make_folder(child, known[parent] if parent else 'msgfolderroot')
        known[f'{parent}/{child}'.lstrip('/')] = folder.folder_id
    assert find_folder(mail, name) == known[path]


def test_a_folder_is_found_by_its_id_wherever_it_is(mail: GraphMailClient, ada: Mailbox) -> None:
    deep = ada.make_folder('Deep', ada.make_folder('Outer', is_hidden=True).folder_id)
    assert find_folder(mail, deep.folder_id) == deep.folder_id


NO_FOLDER = (
    'There is no folder {name} in {parent}. Check the folders to fetch from: a path is written as Inbox/Phishing, '
    'a slash in a name as \\/.'
)


@pytest.mark.parametrize(
    'name, sentence',
    [
        ('Nowhere', NO_FOLDER.format(name="'Nowhere'", parent='the mailbox')),
        ('Secret', NO_FOLDER.format(name="'Secret'", parent='the mailbox')),
        ('Inbox/Nowhere', NO_FOLDER.format(name="'Nowhere'", parent="'Inbox'")),
        ('Inbox/Nowhere/Deep', NO_FOLDER.format(name="'Nowhere'", parent="'Inbox'")),
        ('/', "'/' names no folder. Write a name, an ID, or a path such as Inbox/Phishing."),
        ('/ /', "'/ /' names no folder. Write a name, an ID, or a path such as Inbox/Phishing."),
        ('..', "'..' is no ID of a folder. Enter the ID of a folder as Microsoft Graph gave it."),
    ],
)
def test_a_folder_that_is_not_there_is_named(mail: GraphMailClient, ada: Mailbox, name: str, sentence: str) -> None:
    ada.make_folder('Secret', is_hidden=True)
    with pytest.raises(DemistoException) as caught:
        find_folder(mail, name)
    assert str(caught.value) == sentence


def test_a_folder_of_a_mailbox_that_is_not_there_is_no_missing_folder(mail: GraphMailClient) -> None:
    mail.mailbox = 'nobody@contoso.example'
    with pytest.raises(GraphError, match='Check the address of the mailbox'):
        find_folder(mail, 'Alerts')


# endregion
# region mails that were there


def test_mails_since_the_first_fetch_come_oldest_first(runs: Runs, ada: Mailbox) -> None:
    for subject, age in (('new', 5), ('too old', HOUR + 1), ('old', HOUR), ('middle', 100)):
        letter(ada, subject, age=age)
    assert runs.next() == ['old', 'middle', 'new']
    assert runs.next() == []
    assert runs.problems == []


def test_many_mails_come_in_as_many_runs_as_it_takes(runs: Runs, ada: Mailbox) -> None:
    subjects = letters(ada, 25, age=1000, step=10)
    found = [runs.next(most=10) for _ in range(4)]
    assert found == [subjects[:10], subjects[10:20], subjects[20:], []]


@pytest.mark.parametrize('count, most', [(12, 5), (130, 50), (230, 50)])
def test_mails_of_one_second_are_parted_without_loss(runs: Runs, ada: Mailbox, count: int, most: int) -> None:
    subjects = letters(ada, count)
    found: list[str] = []
    for _ in range(-(-count // most)):
        found += runs.next(most=most)
    assert len(found) == count
    assert set(found) == set(subjects)
    assert runs.next() == []


def test_seconds_that_fill_pages_are_passed_one_by_one(runs: Runs, ada: Mailbox) -> None:
    subjects = letters(ada, 30, age=100) + [letter(ada, f'later {number}', age=99).subject for number in range(100)]
    found = [runs.next(most=50) for _ in range(3)]
    assert [len(one) for one in found] == [50, 50, 30]
    assert sorted(subject for one in found for subject in one) == sorted(subjects)


def test_a_second_goes_on_at_the_position_where_it_was_left(runs: Runs, ada: Mailbox) -> None:
    subjects = letters(ada, 12)
    found = runs.next(most=5)
    runs.last_run['remembered'] = ''
    assert sorted(found + runs.next()) == sorted(subjects)


@pytest.mark.parametrize('sizes', [[0], [0, 0], [1, 0], [2, 1, 0]])
def test_a_page_without_mails_does_not_end_the_list(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, sizes: list[int]) -> None:
    letters(ada, 3)
    rows = [{'id': one.immutable_id, 'receivedDateTime': f'{graph_seconds(one.received)}Z'} for one in ada.messages()]
    link = f'{cloud.graph}/v1.0/users/{ADA}/mailFolders/{ada.folder("inbox").folder_id}/messages'
    for size in sizes:
        cloud.faults.add(service='graph', path=LISTS, status=200, body={'value': rows[:size], '@odata.nextLink': link})
    assert len(runs.next()) == 3


def test_a_second_with_too_many_mails_is_a_problem_with_a_way_out(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    inbox, received = ada.folder('inbox').folder_id, f'{graph_seconds(ada.now())}Z'
    endless = {
        'value': [{'id': 'same', 'receivedDateTime': received, 'lastModifiedDateTime': received}],
        '@odata.nextLink': f'{cloud.graph}/v1.0/users/{ADA}/mailFolders/{inbox}/messages?$skip=1',
    }
    cloud.faults.add(service='graph', path=LISTS, status=200, body=endless, times=None)
    assert runs.next() == []
    assert set(runs.problems) == {
        f"More than 1 messages in 'Inbox' are of the same second, {received[:-1]}. Move some of them to another folder."
    }


def test_a_mail_that_leaves_while_the_list_is_long_hides_no_other(runs: Runs, ada: Mailbox) -> None:
    subjects = letters(ada, 30, age=1000, step=10)
    found = runs.next(most=10)
    for message in ada.messages(ada.folder('inbox').folder_id)[-10:]:
        ada.move(message, 'archive')
    assert found + runs.next(most=50) == subjects


# endregion
# region rounds of changes


def test_a_round_shows_all_of_a_folder_and_then_what_enters_it(mail: GraphMailClient, ada: Mailbox) -> None:
    letters(ada, 25)
    rows, link, is_over = mail.created_messages('inbox', select='subject', page_size=20)
    rest, end, is_over_then = mail.created_messages('inbox', link, page_size=20)
    assert (len(rows), is_over, len(rest), is_over_then) == (20, False, 5, True)
    assert {'subject', 'body'} & set(rest[0]) == {'subject'}
    for message in ada.messages()[:5]:
        ada.delete(message)
    entered = letter(ada, 'entered')
    assert [row['id'] for row in mail.created_messages('inbox', end)[0]] == [entered.immutable_id]


@pytest.mark.parametrize(
    'status, code, is_lost',
    [
        (410, 'Gone', True),
        (400, 'SyncStateNotFound', True),
        (404, 'ErrorSyncStateNotFound', True),
        (404, 'ErrorItemNotFound', False),
    ],
)
def test_a_lost_round_is_told_from_other_errors(
    mail: GraphMailClient, cloud: MicrosoftCloud, status: int, code: str, is_lost: bool
) -> None:
    cloud.faults.add(service='graph', status=status, body={'error': {'code': code, 'message': 'No'}})
    with pytest.raises(GraphError) as caught:
        mail.created_messages('inbox')
    assert caught.value.is_sync_state_lost is is_lost


def test_a_round_that_does_not_say_where_it_goes_on_is_refused(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', path=DELTA, status=200, body={'value': []})
    with pytest.raises(GraphError, match='did not say where the changes of the folder go on'):
        mail.created_messages('inbox')


# endregion
# region mails that enter


def test_a_mail_comes_whatever_its_received_time_and_however_it_entered(runs: Runs, ada: Mailbox) -> None:
    archived = letter(ada, 'moved in', 'archive', age=30 * DAY)
    deleted = letter(ada, 'restored', age=20 * DAY)
    ada.delete(deleted)
    assert runs.next() == []
    ada.move(archived, 'inbox')
    ada.restore(deleted)
    letter(ada, 'held up', age=2 * DAY, entered=0)
    letter(ada, 'delivered', age=0)
    assert sorted(runs.next()) == ['delivered', 'held up', 'moved in', 'restored']
    assert runs.next() == []


def test_a_mail_comes_once_however_often_it_enters(runs: Runs, ada: Mailbox) -> None:
    message = letter(ada, 'again')
    assert runs.next() == ['again']
    ada.move(message, 'archive')
    assert runs.next() == []
    ada.move(message, 'inbox')
    assert runs.next() == []


def test_a_change_of_a_mail_is_no_entering(runs: Runs, ada: Mailbox) -> None:
    message = letter(ada, 'too old', age=2 * DAY)
    assert runs.next() == []
    message.is_read = True
    ada.touch(message)
    assert runs.next() == []


def test_a_page_that_is_larger_than_the_room_comes_once_more(runs: Runs, ada: Mailbox) -> None:
    runs.next()
    subjects = letters(ada, 12, age=0)
    assert [runs.next(most=5) for _ in range(4)] == [subjects[:5], subjects[5:10], subjects[10:], []]


def test_a_round_of_many_pages_goes_on_in_the_next_run(runs: Runs, ada: Mailbox) -> None:
    runs.next()
    subjects = letters(ada, 130, age=0)
    found = runs.next('Inbox', 'archive', most=60)
    assert [path.rpartition('/')[2] for path in runs.requests] == ['archive', 'delta'], 'a full run asks for nothing more'
    assert found + runs.next(most=60) + runs.next(most=60) == subjects
    assert runs.next() == []


def test_a_mail_that_enters_above_the_list_is_left_to_the_list(runs: Runs, ada: Mailbox) -> None:
    subjects = letters(ada, 10, age=1000, step=10)
    assert runs.next(most=5) == subjects[:5]
    letter(ada, 'late, but before', age=995, entered=0)
    letter(ada, 'late, and after', age=905, entered=0)
    assert runs.next() == ['late, but before', *subjects[5:], 'late, and after']


@pytest.mark.parametrize('end', ['expired', 'SyncStateNotFound'])
def test_a_lost_round_begins_anew_without_repeats_and_without_loss(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, end: str
) -> None:
    archived = letter(ada, 'moved in', 'archive', age=30 * DAY)
    letter(ada, 'first')
    letter(ada, 'there for long', age=2 * DAY)
    assert runs.next() == ['first']
    ada.move(archived, 'inbox')
    letter(ada, 'second', age=0)
    if end == 'expired':
        ada.expire_delta_tokens()
    else:
        error = {'code': 'SyncStateNotFound', 'message': 'Gone'}
        cloud.faults.add(service='graph', path=DELTA, status=400, body={'error': error})
    assert sorted(runs.next()) == ['moved in', 'second']
    assert runs.problems == []
    assert runs.next() == []


def test_a_round_that_is_lost_when_it_begins_is_a_problem_of_one_run(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    letter(ada, 'waits')
    cloud.faults.add(service='graph', path=DELTA, status=410)
    assert runs.next() == []
    assert runs.problems == [
        'Microsoft Graph answered with HTTP status 410. A proxy or a wrong address may stand between: '
        'check the proxy and the cloud setting.'
    ]
    assert runs.next() == ['waits']


def test_only_wanted_mails_are_chosen(runs: Runs, ada: Mailbox) -> None:
    letter(ada, 'wanted')
    letter(ada, 'other')
    assert runs.next(wants=lambda row: row['subject'] == 'wanted') == ['wanted']


# endregion
# region several folders


def test_folders_share_a_run_in_turn(runs: Runs, ada: Mailbox) -> None:
    runs.next('archive', 'Inbox')
    busy, quiet = letters(ada, 30, age=0), letters(ada, 2, age=0, folder='archive')
    assert [runs.next('archive', 'Inbox', most=10) for _ in range(3)] == [busy[:10], quiet + busy[10:18], busy[18:28]]


def test_a_folder_named_in_two_ways_is_fetched_once(runs: Runs, ada: Mailbox) -> None:
    letter(ada, 'once')
    assert runs.next('Inbox', 'INBOX') == ['once']
    assert list(runs.last_run['folders']) == ['Inbox']


def test_a_folder_that_is_named_otherwise_goes_on(runs: Runs, ada: Mailbox) -> None:
    letter(ada, 'first')
    assert runs.next('Inbox') == ['first']
    runs.first = graph_seconds(ada.now() - DAY)
    letter(ada, 'between', age=2 * HOUR, entered=2 * HOUR)
    assert runs.next(ada.folder('inbox').folder_id) == ['between'], 'it entered; its age does not matter'
    assert list(runs.last_run['folders']) == [ada.folder('inbox').folder_id]


def test_a_folder_that_is_named_otherwise_while_graph_fails_goes_on(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    subjects, inbox = letters(ada, 9, age=1000, step=10), ada.folder('inbox').folder_id
    found, kept = runs.next('Inbox', most=4), runs.last_run
    cloud.faults.add(service='graph', path=inbox, status=429, headers=LATER)
    assert runs.next(inbox) == []
    assert runs.last_run == kept
    runs.first = graph_seconds(ada.now())
    assert found + runs.next(inbox) == subjects


def test_a_folder_that_is_added_begins_at_the_first_fetch(runs: Runs, ada: Mailbox) -> None:
    letter(ada, 'there', 'archive', age=100)
    letter(ada, 'too old', 'archive', age=2 * HOUR)
    assert runs.next('Inbox') == []
    assert runs.next('Inbox', 'archive') == ['there']
    assert runs.next('Inbox') == []
    assert list(runs.last_run['folders']) == ['Inbox']


def test_a_renamed_folder_goes_on(runs: Runs, ada: Mailbox) -> None:
    folder = ada.make_folder('Alerts')
    runs.next('Alerts')
    ada.rename_folder(folder, 'Old alerts')
    ada.move_folder(folder, 'inbox')
    letter(ada, 'still here', folder.folder_id)
    assert runs.next('Alerts') == ['still here']
    assert runs.problems == []


def test_a_deleted_folder_says_so_and_the_others_go_on(runs: Runs, ada: Mailbox) -> None:
    folder = ada.make_folder('Alerts')
    runs.next('Alerts', 'Inbox')
    ada.remove_folder(folder)
    for subject in ('first', 'second'):
        letter(ada, subject)
        assert runs.next('Alerts', 'Inbox') == [subject]
        assert runs.problems == ["The folder 'Alerts' was deleted. " + NO_FOLDER.format(name="'Alerts'", parent='the mailbox')]


@pytest.mark.parametrize('most', [50, 2], ids=['all was listed', 'some is still to be listed'])
def test_a_folder_that_was_made_anew_is_fetched_at_once(runs: Runs, ada: Mailbox, most: int) -> None:
    folder = ada.make_folder('Alerts')
    letters(ada, 5, age=100, step=1, folder=folder.folder_id)
    runs.next('Alerts', most=most)
    ada.remove_folder(folder)
    again = ada.make_folder('Alerts')
    letter(ada, 'anew', again.folder_id)
    assert runs.next('Alerts') == ['anew']
    assert runs.problems == []
    assert runs.last_run['folders']['Alerts']['id'] == again.folder_id


def test_a_folder_that_is_deleted_before_it_was_opened_is_an_error_of_its_own(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud
) -> None:
    letter(ada, 'here')
    cloud.faults.add(service='graph', path='mailFolders/Nowhere', status=404, body={'error': {'code': 'Odd', 'message': 'No'}})
    assert runs.next('Nowhere', 'Inbox') == ['here']
    assert len(runs.problems) == 1
    assert runs.problems[0].startswith('Microsoft Graph refused the request: Odd: No.')


def test_a_404_for_a_folder_that_is_there_is_told_as_it_came(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    runs.next()
    cloud.faults.add(service='graph', path=DELTA, status=404)
    assert runs.next() == []
    assert [problem[:50] for problem in runs.problems] == ['Microsoft Graph answered with HTTP status 404. A p']


@pytest.mark.parametrize('path, status', [(r'mailFolders/[^/]+$', 500), ('mailFolders$', 500), (r'mailFolders/[^/]+$', 429)])
def test_a_deleted_folder_that_cannot_be_looked_for_is_told_as_it_came(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, path: str, status: int
) -> None:
    folder = ada.make_folder('Alerts')
    runs.next('Alerts')
    ada.remove_folder(folder)
    cloud.faults.add(service='graph', path=path, status=status, headers=LATER)
    assert runs.next('Alerts') == []
    assert len(runs.problems) == 1
    assert runs.problems[0].startswith(f'Microsoft Graph answered with HTTP status {status}.')
    assert list(runs.last_run['folders']) == ['Alerts']


# endregion
# region Graph at fault


@pytest.mark.parametrize(
    'fault',
    [{'status': 429, 'headers': LATER}, {'status': 503, 'headers': LATER}, {'reset': True, 'times': None}, {'garbage': True}],
)
@pytest.mark.parametrize('path', [DELTA, LISTS])
def test_a_run_ends_where_the_service_is_at_fault_and_the_next_one_goes_on(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, fault: dict[str, Any], path: str
) -> None:
    runs.next('archive', 'Inbox')
    letter(ada, 'in the inbox', age=0)
    letter(ada, 'in the archive', 'archive', age=0)
    runs.last_run['folders']['archive']['backlog'] = [runs.first, '']
    cloud.faults.add(service='graph', path=path, **fault)
    found = runs.next('archive', 'Inbox')
    assert len(set(runs.problems)) == 1
    cloud.faults.clear()
    assert sorted(found + runs.next('archive', 'Inbox')) == ['in the archive', 'in the inbox']
    assert runs.problems == []


def test_a_throttled_folder_keeps_the_others_from_being_asked(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', status=429, headers=LATER)
    assert runs.next('Inbox', 'archive') == []
    assert len(runs.requests) == 1


@pytest.mark.parametrize('status', [400, 403, 500])
def test_a_folder_that_fails_for_long_keeps_no_other_from_being_fetched(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, status: int
) -> None:
    bad = ada.make_folder('Bad')
    letters(ada, 9, age=1000, step=10)
    assert len(runs.next('Inbox', most=2)) == 2
    letter(ada, 'entered', age=0)
    cloud.faults.add(service='graph', path=bad.folder_id, status=status, times=None)
    found = [subject for _ in range(6) for subject in runs.next('Inbox', bad.folder_id, most=2)]
    assert len(found) == 8
    cloud.faults.clear()
    letter(ada, 'good again', bad.folder_id)
    assert 'good again' in runs.next('Inbox', bad.folder_id)


def test_nobody_is_asked_any_more_where_nobody_is_signed_in(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='entra', aadsts=7000215, times=None)
    assert runs.next('Inbox', 'archive') == []
    assert len(runs.problems) == 1
    assert 'AADSTS7000215' in runs.problems[0]


# endregion
# region mails that wait


def waiting(ada: Mailbox, count: int) -> list[PendingMail]:
    return [PendingMail(letter(ada, f'waiting {number}', 'archive').immutable_id, 'archive') for number in range(count)]


@pytest.mark.parametrize(
    'most, count, due, others', [(10, 0, 0, 10), (10, 3, 3, 7), (10, 8, 5, 2), (10, 10, 5, 0), (1, 1, 1, 0), (10, 200, 5, 0)]
)
def test_mails_that_wait_leave_room_for_others(runs: Runs, ada: Mailbox, most: int, count: int, due: int, others: int) -> None:
    runs.next()
    cursor = FetchCursor.from_last_run(runs.last_run, ADA, '')
    cursor.waiting = waiting(ada, count)
    runs.last_run = cursor.as_last_run()
    letters(ada, 20, age=0)
    found = runs.next(most=most)
    assert found[:due] == [f'waiting {number}' for number in range(due)]
    assert len(found) - due == others
    assert len(runs.last_run['waiting']) == count - due


def test_a_mail_that_waits_is_not_found_once_more(runs: Runs, ada: Mailbox) -> None:
    runs.next()
    message = letter(ada, 'waits', age=0)
    cursor = FetchCursor.from_last_run(runs.last_run, ADA, '')
    cursor.waiting = [*waiting(ada, 3), PendingMail(message.immutable_id, 'Inbox')]
    runs.last_run = cursor.as_last_run()
    assert runs.next(most=6) == ['waiting 0', 'waiting 1', 'waiting 2']
    assert runs.next(most=6) == ['waits']
    assert runs.next(most=6) == []


# endregion
