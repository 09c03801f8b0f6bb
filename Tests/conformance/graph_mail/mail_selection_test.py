"""The selection of mails from the sandbox: each once, whatever happens to its folder, to the delta sync or to Graph."""

import json
from typing import Any

import pytest

import demistomock as demisto
import MicrosoftGraphMailSelectionApiModule
from conformance.graph_mail.fetch_settings import options_with
from MicrosoftApiModule import reset_auth
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailCursorApiModule import FetchCursor, FetchRun, Outcome, PendingMail
from MicrosoftGraphMailFetchOptionsApiModule import graph_seconds
from MicrosoftGraphMailSelectionApiModule import MailSelector
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
HOUR, DAY = 3600, 24 * 3600
DELTA = 'messages/delta'
LISTS = r'messages$'
LATER = {'Retry-After': '60'}  # longer than the retry budget
NO_ALERTS = "There is no folder 'Alerts' in the mailbox. Write a path as Inbox/Phishing, and a slash in a name as \\/."

# region runs


@pytest.fixture(autouse=True)
def new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'integrationContext', {})


@pytest.fixture
def ada(cloud: MicrosoftCloud, empty_mailbox: Mailbox) -> Mailbox:
    """Ada's empty mailbox with a stopped clock."""
    cloud.clock.stop()
    return empty_mailbox


class Runs:
    """Consecutive runs that select mails. All that are found become incidents, and the cursor is saved as JSON.

    Attributes:
        last_run: saved by the last run.
        problems: those of the last run.
        requests: paths of Graph that the last run requested.
    """

    def __init__(self, client: GraphMailClient, cloud: MicrosoftCloud) -> None:
        self.client = client
        self.cloud = cloud
        self.last_run: dict[str, Any] = {}
        self.problems: list[str] = []
        self.first = graph_seconds(cloud.clock.now() - HOUR)

    def next(self, *names: str, **options: Any) -> list[str]:
        """Return the subjects of the mails that the next run selects from the folders of these names, by default the inbox."""
        self.cloud.requests.clear()
        run = FetchRun(self.client)
        cursor = FetchCursor.from_last_run(self.last_run, ADA, '')
        chosen = options_with(folders=names or ('Inbox',), first_fetch=lambda: self.first, **options)
        mails = MailSelector(run, cursor, chosen).select()
        cursor.record([Outcome(mail.message_id, mail, is_done=True) for mail in mails])
        self.last_run = json.loads(json.dumps(cursor.as_last_run()))
        self.problems = list(map(str, run.problems))
        return [self.subject(mail.message_id) for mail in mails]

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


def deliver(mailbox: Mailbox, subject: str, folder: str = 'inbox', age: float = 60, entered: float | None = None) -> Message:
    """Deliver a mail that was received `age` seconds ago and entered its folder then, or `entered` seconds ago."""
    message = Message(subject, EmailAddress('Bob', BOB), mailbox.now() - age, to=[mailbox.owner])
    return mailbox.deliver(message, folder, mailbox.now() - (age if entered is None else entered))


def deliver_many(mailbox: Mailbox, count: int, age: float = 60, step: float = 0, folder: str = 'inbox') -> list[str]:
    """Deliver mails, the oldest first, with `step` seconds between them, and return their subjects."""
    return [deliver(mailbox, f'{folder} {number}', folder, age - number * step).subject for number in range(count)]


# endregion
# region backlog


def test_mails_since_the_first_fetch_are_selected_oldest_first(runs: Runs, ada: Mailbox) -> None:
    for subject, age in (('new', 5), ('too old', HOUR + 1), ('old', HOUR), ('middle', 100)):
        deliver(ada, subject, age=age)
    assert runs.next() == ['old', 'middle', 'new']
    assert runs.next() == []
    assert runs.problems == []


def test_many_mails_take_several_runs(runs: Runs, ada: Mailbox) -> None:
    subjects = deliver_many(ada, 25, age=1000, step=10)
    found = [runs.next(max_mails=10) for _ in range(4)]
    assert found == [subjects[:10], subjects[10:20], subjects[20:], []]
    assert runs.problems == []


def test_a_run_without_room_is_no_problem(runs: Runs, ada: Mailbox) -> None:
    deliver_many(ada, 5, age=1000, step=10)
    assert len(runs.next(max_mails=3)) == 3
    assert (runs.problems, runs.last_run['folders']['Inbox']['backlog'] is None) == ([], False)


def test_a_run_may_end_where_a_second_begins(runs: Runs, ada: Mailbox) -> None:
    first = deliver_many(ada, 50, age=1000, step=1)
    later = [deliver(ada, f'later {number}', age=500).subject for number in range(60)]
    assert (runs.next(max_mails=50), runs.problems) == (first, [])
    assert sorted(runs.next(max_mails=50) + runs.next(max_mails=50)) == sorted(later)


def test_a_large_folder_is_synchronized_by_few_requests(runs: Runs, ada: Mailbox) -> None:
    deliver_many(ada, 300, age=1000, step=1)
    runs.next(max_mails=10)
    assert sum(path.endswith(DELTA) for path in runs.requests) == 1


def test_a_second_with_many_mails_is_read_by_one_large_page(runs: Runs, ada: Mailbox) -> None:
    deliver_many(ada, 250)
    assert len(runs.next(max_mails=50)) == 50
    assert sum(path.endswith('/messages') for path in runs.requests) == 3, 'one by changed time, and two by received time'


@pytest.mark.parametrize('count, most', [(12, 5), (130, 50), (230, 50)])
def test_mails_of_one_second_are_split_between_runs(runs: Runs, ada: Mailbox, count: int, most: int) -> None:
    subjects = deliver_many(ada, count)
    found: list[str] = []
    for _ in range(-(-count // most)):
        found += runs.next(max_mails=most)
    assert len(found) == count
    assert set(found) == set(subjects)
    assert runs.next() == []


def test_a_second_may_fill_several_pages(runs: Runs, ada: Mailbox) -> None:
    subjects = deliver_many(ada, 30, age=100) + [deliver(ada, f'later {number}', age=99).subject for number in range(100)]
    found = [runs.next(max_mails=50) for _ in range(3)]
    assert [len(one) for one in found] == [50, 50, 30]
    assert sorted(subject for one in found for subject in one) == sorted(subjects)


def test_a_run_continues_within_a_second(runs: Runs, ada: Mailbox) -> None:
    subjects = deliver_many(ada, 12)
    found = runs.next(max_mails=5)
    runs.last_run |= {'remembered': '', 'eras': [], 'complete_from': '9999'}
    assert sorted(found + runs.next()) == sorted(subjects)


@pytest.mark.parametrize('sizes', [[0], [0, 0], [1, 0], [2, 1, 0]])
def test_an_empty_page_does_not_end_the_list(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, sizes: list[int]) -> None:
    deliver_many(ada, 3)
    rows = [{'id': one.immutable_id, 'receivedDateTime': f'{graph_seconds(one.received)}Z'} for one in ada.messages()]
    link = f'{cloud.graph}/v1.0/users/{ADA}/mailFolders/{ada.folder("inbox").folder_id}/messages'
    for size in sizes:
        cloud.faults.add(service='graph', path=LISTS, status=200, body={'value': rows[:size], '@odata.nextLink': link})
    assert len(runs.next()) == 3


def test_too_many_mails_of_one_second_are_a_problem_with_advice(
    runs: Runs, ada: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {'_MAX_PAGES_PER_SECOND': 2, 'MAX_PAGE_SIZE': 5, '_SMALL_PAGE': 5}.items():
        monkeypatch.setattr(MicrosoftGraphMailSelectionApiModule, name, value)
    received = int(ada.now()) - 100
    for number in range(30):
        message = deliver(ada, f'mail {number}')
        message.received = received
        ada.touch(message)
    runs.next(max_mails=5)
    says = f"More than 10 emails in 'Inbox' have the same time, {graph_seconds(received)}. Move some of them to another folder."
    assert says in runs.problems


def test_a_mail_that_is_moved_away_does_not_hide_another(runs: Runs, ada: Mailbox) -> None:
    subjects = deliver_many(ada, 30, age=1000, step=10)
    found = runs.next(max_mails=10)
    for message in ada.messages(ada.folder('inbox').folder_id)[-10:]:
        ada.move(message, 'archive')
    assert found + runs.next(max_mails=50) == subjects


# endregion
# region delta sync


def test_a_delta_sync_returns_all_messages_and_then_those_that_enter(mail: GraphMailClient, ada: Mailbox) -> None:
    deliver_many(ada, 25)
    rows, link, is_last, _ = mail.mailbox.created_messages('inbox', select='subject', page_size=20)
    rest, end, is_last_then, _ = mail.mailbox.created_messages('inbox', link, page_size=20)
    assert (len(rows), is_last, len(rest), is_last_then) == (20, False, 5, True)
    assert {'subject', 'body'} & set(rest[0]) == {'subject'}
    for message in ada.messages()[:5]:
        ada.delete(message)
    entered = deliver(ada, 'entered')
    assert [row['id'] for row in mail.mailbox.created_messages('inbox', end)[0]] == [entered.immutable_id]


def test_an_old_mail_that_came_back_and_is_not_found_is_selected_by_a_list(runs: Runs, ada: Mailbox) -> None:
    """Graph reports that it was removed, and answers 404 when it is asked for it."""
    ada.told_of_returned = 'removed'
    message = deliver(ada, 'years ago', age=400 * DAY)
    assert runs.next() == []
    for folder in ('archive', 'inbox'):
        ada.move(message, folder)
    message.absent.add('message')
    assert runs.next() == ['years ago']


# endregion
# region entering mails


def test_a_mail_is_selected_whatever_its_received_time_and_however_it_entered(runs: Runs, ada: Mailbox) -> None:
    archived = deliver(ada, 'moved in', 'archive', age=30 * DAY)
    deleted = deliver(ada, 'restored', age=20 * DAY)
    ada.delete(deleted)
    assert runs.next() == []
    ada.move(archived, 'inbox')
    ada.restore(deleted)
    deliver(ada, 'held up', age=2 * DAY, entered=0)
    deliver(ada, 'delivered', age=0)
    assert sorted(runs.next()) == ['delivered', 'held up', 'moved in', 'restored']
    assert runs.next() == []


def test_a_mail_is_selected_once_however_often_it_enters(runs: Runs, ada: Mailbox) -> None:
    message = deliver(ada, 'again')
    assert runs.next() == ['again']
    ada.move(message, 'archive')
    assert runs.next() == []
    ada.move(message, 'inbox')
    assert runs.next() == []


def test_a_changed_mail_did_not_enter(runs: Runs, ada: Mailbox) -> None:
    message = deliver(ada, 'too old', age=2 * DAY)
    assert runs.next() == []
    message.is_read = True
    ada.touch(message)
    assert runs.next() == []


def test_an_older_mail_that_becomes_unread_did_not_enter(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    old, lately = deliver(ada, 'old', age=1800), deliver(ada, 'lately')
    for message in (old, lately):
        message.is_read = True
    assert [runs.next(unread_only=True) for _ in range(2)] == [[], []]
    cloud.clock.advance(30)
    for message in (old, lately):
        message.is_read = False
        ada.touch(message)
    assert runs.next(unread_only=True) == ['lately']


def test_a_page_with_too_many_mails_is_requested_again(runs: Runs, ada: Mailbox) -> None:
    runs.next()
    subjects = deliver_many(ada, 12, age=0)
    assert [runs.next(max_mails=5) for _ in range(4)] == [subjects[:5], subjects[5:10], subjects[10:], []]


def test_a_delta_sync_of_many_pages_continues_in_the_next_run(runs: Runs, ada: Mailbox) -> None:
    runs.next()
    subjects = deliver_many(ada, 130, age=0)
    found = runs.next('Inbox', 'archive', max_mails=60)
    assert [path.rpartition('/')[2] for path in runs.requests] == ['archive', 'delta'], 'a full run asks for nothing more'
    assert found + runs.next(max_mails=60) + runs.next(max_mails=60) == subjects
    assert runs.next() == []


def test_a_mail_that_enters_after_the_position_is_in_the_backlog(runs: Runs, ada: Mailbox) -> None:
    subjects = deliver_many(ada, 10, age=1000, step=10)
    assert runs.next(max_mails=5) == subjects[:5]
    deliver(ada, 'late, but before', age=995, entered=0)
    deliver(ada, 'late, and after', age=905, entered=0)
    assert runs.next() == ['late, but before', *subjects[5:], 'late, and after']


@pytest.mark.parametrize('end', ['expired', 'SyncStateNotFound'])
def test_a_lost_sync_state_causes_neither_repeats_nor_loss(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, end: str) -> None:
    archived = deliver(ada, 'moved in', 'archive', age=30 * DAY)
    deliver(ada, 'first')
    deliver(ada, 'there for long', age=2 * DAY)
    assert runs.next() == ['first']
    ada.move(archived, 'inbox')
    deliver(ada, 'second', age=0)
    if end == 'expired':
        ada.expire_delta_tokens()
    else:
        error = {'code': 'SyncStateNotFound', 'message': 'Gone'}
        cloud.faults.add(service='graph', path=DELTA, status=400, body={'error': error})
    assert sorted(runs.next()) == ['moved in', 'second']
    assert runs.problems == []
    assert runs.next() == []


def test_a_sync_that_cannot_be_started_is_a_problem_of_one_run(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    deliver(ada, 'found')
    cloud.faults.add(service='graph', path=DELTA, status=410)
    assert runs.next() == []
    assert runs.problems == [
        "'Inbox' cannot be read. Microsoft Graph responded with HTTP status 410. The next fetch tries again."
    ]
    assert runs.next() == ['found']


def test_only_mails_that_match_the_filters_are_selected(runs: Runs, ada: Mailbox) -> None:
    deliver(ada, 'wanted')
    deliver(ada, 'other')
    assert runs.next(subject='wanted') == ['wanted']


# endregion
# region several folders


def test_folders_take_turns(runs: Runs, ada: Mailbox) -> None:
    runs.next('archive', 'Inbox')
    busy, quiet = deliver_many(ada, 30, age=0), deliver_many(ada, 2, age=0, folder='archive')
    assert [runs.next('archive', 'Inbox', max_mails=10) for _ in range(3)] == [busy[:10], quiet + busy[10:18], busy[18:28]]


def test_a_folder_with_two_names_is_fetched_once(runs: Runs, ada: Mailbox) -> None:
    deliver(ada, 'once')
    assert runs.next('Inbox', 'INBOX') == ['once']
    assert list(runs.last_run['folders']) == ['Inbox']


def test_a_folder_with_a_new_name_continues(runs: Runs, ada: Mailbox) -> None:
    deliver(ada, 'first')
    assert runs.next('Inbox') == ['first']
    runs.first = graph_seconds(ada.now() - DAY)
    deliver(ada, 'between', age=2 * HOUR, entered=2 * HOUR)
    assert runs.next(ada.folder('inbox').folder_id) == ['between'], 'it entered; its age does not matter'
    assert list(runs.last_run['folders']) == [ada.folder('inbox').folder_id]


def test_a_folder_with_a_new_name_continues_after_a_failure(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    subjects, inbox = deliver_many(ada, 9, age=1000, step=10), ada.folder('inbox').folder_id
    found, kept = runs.next('Inbox', max_mails=4), runs.last_run
    cloud.faults.add(service='graph', path=inbox, status=429, headers=LATER)
    assert runs.next(inbox) == []
    assert runs.last_run == kept
    runs.first = graph_seconds(ada.now())
    assert found + runs.next(inbox) == subjects


def test_an_added_folder_starts_at_the_first_fetch_time(runs: Runs, ada: Mailbox) -> None:
    deliver(ada, 'there', 'archive', age=100)
    deliver(ada, 'too old', 'archive', age=2 * HOUR)
    assert runs.next('Inbox') == []
    assert runs.next('Inbox', 'archive') == ['there']
    assert runs.next('Inbox') == []
    assert list(runs.last_run['folders']) == ['Inbox']


def test_a_renamed_folder_continues(runs: Runs, ada: Mailbox) -> None:
    folder = ada.make_folder('Alerts')
    runs.next('Alerts')
    ada.rename_folder(folder, 'Old alerts')
    ada.move_folder(folder, 'inbox')
    deliver(ada, 'still here', folder.folder_id)
    assert runs.next('Alerts') == ['still here']
    assert runs.problems == []


def test_a_deleted_folder_is_a_problem_and_the_others_continue(runs: Runs, ada: Mailbox) -> None:
    folder = ada.make_folder('Alerts')
    runs.next('Alerts', 'Inbox')
    ada.remove_folder(folder)
    for subject in ('first', 'second'):
        deliver(ada, subject)
        assert runs.next('Alerts', 'Inbox') == [subject]
        assert runs.problems == [f"The folder 'Alerts' was deleted. {NO_ALERTS}"]


@pytest.mark.parametrize('most', [50, 2], ids=['all was listed', 'some is still to be listed'])
def test_a_folder_that_was_created_again_is_fetched_by_the_next_run(runs: Runs, ada: Mailbox, most: int) -> None:
    folder = ada.make_folder('Alerts')
    deliver_many(ada, 5, age=100, step=1, folder=folder.folder_id)
    runs.next('Alerts', max_mails=most)
    ada.remove_folder(folder)
    again = ada.make_folder('Alerts')
    deliver(ada, 'again', again.folder_id)
    assert runs.next('Alerts') == []
    assert runs.problems == []
    assert runs.last_run['folders']['Alerts']['id'] == again.folder_id
    assert runs.next('Alerts') == ['again']


def test_an_unknown_error_for_a_new_folder_is_its_problem(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    deliver(ada, 'here')
    cloud.faults.add(service='graph', path='mailFolders/Nowhere', status=404, body={'error': {'code': 'Odd', 'message': 'No'}})
    assert runs.next('Nowhere', 'Inbox') == ['here']
    assert len(runs.problems) == 1
    assert runs.problems[0].startswith("'Nowhere' cannot be read. Microsoft Graph refused the request: Odd: No.")


@pytest.mark.parametrize('times, requested', [(1, 2), (2, 2)])
def test_a_404_for_an_existing_folder_means_that_there_is_no_delta_if_it_is_repeated(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, times: int, requested: int
) -> None:
    runs.next()
    cloud.faults.add(service='graph', path=DELTA, status=404, times=times)
    deliver(ada, 'new')
    assert runs.next() == ['new']
    assert runs.problems == []
    assert sum(path.endswith(DELTA) for path in runs.requests) == requested
    assert bool(runs.last_run['folders']['Inbox'].get('no_delta')) is (times == 2)


@pytest.mark.parametrize('path, status', [(r'mailFolders/[^/]+$', 500), ('mailFolders$', 500), (r'mailFolders/[^/]+$', 429)])
def test_the_error_is_kept_if_a_deleted_folder_cannot_be_looked_up(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, path: str, status: int
) -> None:
    folder = ada.make_folder('Alerts')
    runs.next('Alerts')
    ada.remove_folder(folder)
    cloud.faults.add(service='graph', path=path, status=status, headers=LATER)
    assert runs.next('Alerts') == []
    assert len(runs.problems) == 1
    assert f'Microsoft Graph responded with HTTP status {status}.' in runs.problems[0]
    assert list(runs.last_run['folders']) == ['Alerts']


# endregion
# region failures


@pytest.mark.parametrize(
    'fault',
    [{'status': 429, 'headers': LATER}, {'status': 503, 'headers': LATER}, {'reset': True, 'times': None}, {'garbage': True}],
)
@pytest.mark.parametrize('path', [DELTA, LISTS])
def test_a_run_ends_if_the_service_fails_and_the_next_one_continues(
    runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, fault: dict[str, Any], path: str
) -> None:
    runs.next('archive', 'Inbox')
    deliver(ada, 'in the inbox', age=0)
    deliver(ada, 'in the archive', 'archive', age=0)
    runs.last_run['folders']['archive']['backlog'] = [runs.first, '']
    cloud.faults.add(service='graph', path=path, **fault)
    found = runs.next('archive', 'Inbox')
    assert len(set(runs.problems)) == 1
    cloud.faults.clear()
    assert sorted(found + runs.next('archive', 'Inbox')) == ['in the archive', 'in the inbox']
    assert runs.problems == []


def test_nothing_more_is_requested_after_throttling(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', status=429, headers=LATER)
    assert runs.next('Inbox', 'archive') == []
    assert len(runs.requests) == 1


@pytest.mark.parametrize('status', [400, 403, 500])
def test_a_failing_folder_does_not_block_the_others(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud, status: int) -> None:
    bad = ada.make_folder('Bad')
    deliver_many(ada, 9, age=1000, step=10)
    assert len(runs.next('Inbox', max_mails=2)) == 2
    deliver(ada, 'entered', age=0)
    cloud.faults.add(service='graph', path=bad.folder_id, status=status, times=None)
    found = [subject for _ in range(6) for subject in runs.next('Inbox', bad.folder_id, max_mails=2)]
    assert len(found) == 8
    cloud.faults.clear()
    deliver(ada, 'good again', bad.folder_id)
    assert 'good again' in runs.next('Inbox', bad.folder_id)


def test_nothing_more_is_requested_after_a_failed_sign_in(runs: Runs, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    reset_auth()
    cloud.faults.add(service='entra', aadsts=7000215, times=None)
    assert runs.next('Inbox', 'archive') == []
    assert len(runs.problems) == 1
    assert 'AADSTS7000215' in runs.problems[0]


# endregion
# region pending mails


def pending(ada: Mailbox, count: int) -> list[PendingMail]:
    return [PendingMail(deliver(ada, f'pending {number}', 'archive').immutable_id, 'archive') for number in range(count)]


@pytest.mark.parametrize(
    'most, count, due, others',
    [(10, 0, 0, 10), (10, 3, 3, 7), (10, 8, 5, 5), (10, 10, 5, 5), (1, 1, 1, 0), (10, 197, 5, 3), (10, 200, 5, 0)],
)
def test_pending_mails_leave_room_for_others(runs: Runs, ada: Mailbox, most: int, count: int, due: int, others: int) -> None:
    runs.next()
    cursor = FetchCursor.from_last_run(runs.last_run, ADA, '')
    cursor.pending = pending(ada, count)
    runs.last_run = cursor.as_last_run()
    deliver_many(ada, 20, age=0)
    found = runs.next(max_mails=most)
    tried = [one for one in found if one.startswith('pending')]
    assert found[:due] == [f'pending {number}' for number in range(due)]
    assert len(found) - len(tried) == others
    assert len(runs.last_run['waiting']) == count - len(tried)
    assert len(found) == min(most, count + 20)


def test_a_pending_mail_is_not_found_again(runs: Runs, ada: Mailbox) -> None:
    runs.next()
    message = deliver(ada, 'found', age=0)
    cursor = FetchCursor.from_last_run(runs.last_run, ADA, '')
    cursor.pending = [*pending(ada, 3), PendingMail(message.immutable_id, 'Inbox')]
    runs.last_run = cursor.as_last_run()
    assert runs.next(max_mails=6) == ['pending 0', 'pending 1', 'pending 2', 'found']
    assert runs.next(max_mails=6) == []


# endregion
