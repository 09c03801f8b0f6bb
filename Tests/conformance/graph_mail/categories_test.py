"""Categories: added and removed one by one, also while somebody else changes the same email."""

import threading
from collections.abc import Callable, Sequence

import pytest

from CommonServerPython import DemistoException
from conformance.graph_mail.mail_commands_test import ADA, UNKNOWN_ID, delivered, outputs, run
from MicrosoftGraphClientApiModule import BatchRequest, BatchResult
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

ADD, REMOVE, SET = (f'msgraph-mail-{verb}-categories' for verb in ('add', 'remove', 'set'))


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def interfere(
    monkeypatch: pytest.MonkeyPatch, client: GraphMailClient, mailbox: Mailbox, change: Callable[[], object], times: int
) -> None:
    """Let somebody else change a message between what a command reads and what it writes, for the first `times` writes."""
    send, left = client.batch, [None] * times

    def batch(items: Sequence[BatchRequest], *args: object) -> list[BatchResult]:
        if items[0].method == 'PATCH' and left:
            left.pop()
            change()
        return send(items, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(client, 'batch', batch)


def set_by_another_analyst(mailbox: Mailbox, message: Message, *names: str) -> None:
    message.categories = [*message.categories, *names]
    mailbox.touch(message)


@pytest.mark.parametrize(
    'command, before, given, after',
    [
        (ADD, [], 'Phishing', ['Phishing']),
        (ADD, ['Red'], 'Blue, Green ,', ['Red', 'Blue', 'Green']),
        (ADD, ['Red'], 'red,Blue', ['Red', 'Blue']),  # names of categories are the same in upper and lower case
        (ADD, ['Red'], ['Case #7, open'], ['Red', 'Case #7, open']),
        (ADD, [], 'd,D,e,d', ['d', 'e']),
        (SET, ['Red'], 'x,x,X', ['x']),
        (ADD, ['Red', 'Blue'], 'Blue', ['Red', 'Blue']),
        (REMOVE, ['Red', 'Blue'], 'RED', ['Blue']),
        (REMOVE, ['Red'], 'Red,Green', []),
        (REMOVE, [], 'Red', []),
        (REMOVE, ['Größe', 'Red'], 'GRÖSSE', ['Red']),
    ],
)
def test_categories_are_added_and_removed(
    mail: GraphMailClient, ada: Mailbox, command: str, before: list[str], given: object, after: list[str]
) -> None:
    message = delivered(ada, categories=list(before))
    found = outputs(mail, command, message_ids=message.immutable_id, categories=given)
    assert found == {'ID': message.immutable_id, 'Categories': after, 'UserID': ADA}
    assert message.categories == after


def test_an_email_that_has_them_already_is_not_changed(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = delivered(ada, categories=['Red'])
    version = message.change_key
    run(mail, ADD, message_ids=message.immutable_id, categories='Red')
    assert message.change_key == version


@pytest.fixture
def waits(mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(mail.clock, 'sleep', found.append)
    return found


@pytest.mark.parametrize('status', [412, 409])
@pytest.mark.parametrize('times', [1, 3])
@pytest.mark.parametrize('command, after', [(ADD, ['Red', 'Theirs', 'Mine']), (REMOVE, ['Theirs'])])
@pytest.mark.usefixtures('waits')
def test_what_another_analyst_sets_at_the_same_time_stays(
    mail: GraphMailClient,
    ada: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    after: list[str],
    times: int,
    status: int,
) -> None:
    ada.conflict_status = status
    message, other = delivered(ada, categories=['Red']), delivered(ada)

    def change() -> None:
        message.categories = [one for one in message.categories if one != 'Theirs']
        set_by_another_analyst(ada, message, 'Theirs')

    interfere(monkeypatch, mail, ada, change, times=times)
    ids = f'{message.immutable_id},{other.immutable_id}'
    result = run(mail, command, message_ids=ids, categories='Mine' if command == ADD else 'Red')
    assert (message.categories, '(2 of 2)' in result.readable_output) == (after, True)
    assert result.outputs[0]['Categories'] == after


def test_an_email_that_changes_all_the_time_is_an_error(
    mail: GraphMailClient, ada: Mailbox, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    message = delivered(ada)
    names = iter('ABCDEF')
    interfere(monkeypatch, mail, ada, lambda: set_by_another_analyst(ada, message, next(names)), times=6)
    with pytest.raises(DemistoException, match=r'Something else changed the object at the same time\. Run the command again\.'):
        run(mail, ADD, message_ids=message.immutable_id, categories='Mine')
    assert message.categories == ['A', 'B', 'C', 'D']
    assert len(waits) == 3
    assert sum(waits) < 10


@pytest.mark.parametrize('method', ['GET', 'PATCH'])
@pytest.mark.parametrize('status, most', [(409, 3), (412, 3), (429, 9), (503, 9)])
@pytest.mark.parametrize('count', [1, 2])
def test_all_that_goes_wrong_shares_one_budget(
    mail: GraphMailClient,
    ada: Mailbox,
    cloud: MicrosoftCloud,
    waits: list[float],
    method: str,
    status: int,
    most: int,
    count: int,
) -> None:
    ids = [delivered(ada).immutable_id for _ in range(count)]
    for one in ids:
        cloud.faults.add(service='graph', method=method, path=one, status=status, times=None)
    before = len(cloud.requests.of('graph'))
    with pytest.raises(DemistoException):
        run(mail, ADD, message_ids=','.join(ids), categories='Mine')
    batches = sum(one.path.endswith('$batch') for one in cloud.requests.of('graph')[before:])
    assert 0 < len(waits) <= most
    assert sum(waits) <= 30
    assert batches <= (1 if method == 'GET' else 2) * (len(waits) + 1)


@pytest.mark.usefixtures('waits')
def test_an_email_that_is_gone_does_not_stop_the_retries_of_others(
    mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud
) -> None:
    throttled, conflicting = delivered(ada), delivered(ada)
    for message, status in ((throttled, 429), (conflicting, 409)):
        cloud.faults.add(service='graph', method='PATCH', path=message.immutable_id, status=status, times=2)
    ids = f'{UNKNOWN_ID},{throttled.immutable_id},{conflicting.immutable_id}'
    assert '(2 of 3)' in run(mail, ADD, message_ids=ids, categories='Mine').readable_output
    assert throttled.categories == conflicting.categories == ['Mine']


def test_two_analysts_at_once_lose_nothing(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    start = threading.Barrier(2)

    def add(name: str) -> None:
        start.wait()
        run(mail, ADD, message_ids=message.immutable_id, categories=name)

    threads = [threading.Thread(target=add, args=(name,)) for name in ('First', 'Second')]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(message.categories) == ['First', 'Second']


def test_the_result_of_each_email_is_shown(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    result = run(mail, ADD, message_ids=[message.immutable_id, UNKNOWN_ID], categories='Red')
    assert '(1 of 2)' in result.readable_output
    assert result.outputs[0]['ID'] == message.immutable_id


def test_more_emails_than_fit_into_a_batch(mail: GraphMailClient, ada: Mailbox) -> None:
    messages = [delivered(ada) for _ in range(23)]
    run(mail, ADD, message_ids=[one.immutable_id for one in messages], categories='Red')
    assert [one.categories for one in messages] == [['Red']] * 23


def test_a_change_whose_outcome_is_unknown_is_done_once(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    """The request is carried out, its response is lost, and the next one finds another version."""
    message = delivered(ada)
    cloud.faults.add(service='graph', path=message.immutable_id, method='PATCH', reset_mid_body=True, times=1)
    run(mail, ADD, message_ids=message.immutable_id, categories='Red')
    assert message.categories == ['Red']


def test_the_categories_of_the_mailbox_are_listed(mail: GraphMailClient, ada: Mailbox) -> None:
    found = outputs(mail, 'msgraph-mail-list-categories')
    assert [(one['DisplayName'], one['Color']) for one in found] == [
        ('Red category', 'preset0'),
        ('Orange category', 'preset1'),
        ('Blue category', 'preset7'),
    ]
    ada.categories = [{'id': str(number), 'displayName': f'Case {number}', 'color': 'none'} for number in range(35)]
    assert len(outputs(mail, 'msgraph-mail-list-categories')) == 35
    ada.categories = []
    assert run(mail, 'msgraph-mail-list-categories').readable_output == 'The mailbox has no categories.'
