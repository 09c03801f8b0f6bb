"""Lists of large folders: which rows come, in which order, and how many messages are looked at for a page."""

import pytest

from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.members import FEW, Members
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.microsoft.graph_mail.graph_client import GraphClient

ZOE = EmailAddress('Zoë', 'zoe@partner.example')
START = 1_700_000_000
LIST = '/mailFolders/archive/messages'
ASCENDING = '$orderby=receivedDateTime asc&$select=subject,receivedDateTime'


def put(mailbox: Mailbox, second: float, **settings: bool) -> Message:
    return mailbox.deliver(Message(f'{second:g}', ZOE, START + second, **settings), 'archive')


def at(second: int) -> str:
    return graph_timestamp(START + second)


def found(graph: GraphClient, options: str) -> list[str]:
    return [row['subject'] for row in graph.rows(f'{LIST}?{options}')]


@pytest.mark.parametrize(
    'condition, expected',
    [
        (f'receivedDateTime ge {at(2)}', ['2', '2.5', '3', '4']),
        (f'receivedDateTime gt {at(2)}', ['3', '4']),
        (f'receivedDateTime le {at(2)}', ['0', '1', '2', '2.5']),
        (f'receivedDateTime lt {at(2)}', ['0', '1']),
        (f'receivedDateTime eq {at(2)}', ['2', '2.5']),
        (f'receivedDateTime ne {at(2)}', ['0', '1', '3', '4']),
        (f'receivedDateTime ge {at(1)} and receivedDateTime lt {at(4)}', ['1', '2', '2.5', '3']),
        (f'receivedDateTime ge {at(1)} and receivedDateTime ge {at(3)}', ['3', '4']),
        (f'receivedDateTime ge {at(1)} and isRead eq true', ['2', '4']),
        (f'receivedDateTime ge {at(3)} or receivedDateTime lt {at(1)}', ['0', '3', '4']),
        (f'not receivedDateTime ge {at(3)}', ['0', '1', '2', '2.5']),
        (f'not (receivedDateTime ge {at(3)} or isRead eq true)', ['1', '2.5']),
        (f'(receivedDateTime ge {at(3)}) and isRead eq true', ['4']),
        (f'{at(3)} le receivedDateTime', ['3', '4']),
        (f'receivedDateTime ge {at(1)} and sentDateTime lt {at(3)}', ['1', '2', '2.5']),
        ('receivedDateTime le sentDateTime', ['0', '1', '2', '2.5', '3', '4']),
    ],
)
def test_bounds_of_the_received_time(graph: GraphClient, mailbox: Mailbox, condition: str, expected: list[str]) -> None:
    for second in (3, 0, 4, 2.5, 1, 2):
        put(mailbox, second, is_read=second in (0, 2, 4))
    assert found(graph, f'$filter={condition}&{ASCENDING}') == expected
    assert found(graph, f'$filter={condition}&{ASCENDING.replace("asc", "desc")}') == expected[::-1]
    assert found(graph, f'$filter={condition}&$select=subject&$count=true') == expected[::-1]
    assert graph.get(f'{LIST}?$filter={condition}&$count=true')['@odata.count'] == len(expected)


def test_the_order_follows_what_comes_goes_and_changes(graph: GraphClient, mailbox: Mailbox) -> None:
    messages = {second: put(mailbox, second) for second in (5, 1, 3, 2, 4)}
    assert found(graph, ASCENDING) == ['1', '2', '3', '4', '5']
    mailbox.move(messages[3], 'inbox')
    mailbox.remove(messages[1])
    messages[2].received = START + 9
    mailbox.touch(messages[2])
    put(mailbox, 0)
    assert found(graph, ASCENDING) == ['0', '4', '5', '2']
    mailbox.restore(messages[3])
    assert found(graph, f'{ASCENDING}&$top=2') == ['0', '3', '4', '5', '2']


def test_pages_of_a_list_join_without_gap(graph: GraphClient, mailbox: Mailbox) -> None:
    for second in range(25):
        put(mailbox, second, is_read=second % 2 == 0)
    options = f'$filter=receivedDateTime ge {at(3)} and isRead eq true&{ASCENDING}&$top=4'
    pages = graph.pages(f'{LIST}?{options}')
    assert [len(page['value']) for page in pages] == [4, 4, 3]
    assert [row['subject'] for page in pages for row in page['value']] == [str(second) for second in range(4, 25, 2)]


class Counted(Message):
    """A message that counts how often a filter asked whether one has attachments."""

    looks = 0

    @property
    def has_attachments(self) -> bool:
        Counted.looks += 1
        return False


@pytest.mark.parametrize('condition, looks', [('', 0), (' and hasAttachments eq false', 11)])
def test_a_page_looks_at_no_more_messages_than_it_needs(graph: GraphClient, mailbox: Mailbox, condition: str, looks: int) -> None:
    for second in range(500):
        mailbox.deliver(Counted(str(second), ZOE, START + second), 'archive')
    Counted.looks = 0
    page = graph.get(f'{LIST}?$filter=receivedDateTime ge {at(100)}{condition}&{ASCENDING}&$top=10')
    assert [row['subject'] for row in page['value']] == [str(second) for second in range(100, 110)]
    assert Counted.looks == looks


@pytest.mark.parametrize('number', [5, FEW, FEW + 1, 5 * FEW])
def test_members_are_ordered_however_many_come_at_once(number: int) -> None:
    members = Members()
    kept = [Message(str(index), ZOE, float(index * 7919 % number)) for index in range(number)]
    for message in kept:
        members.put(message)
    in_order = sorted(kept, key=lambda one: (one.received, one.key))
    assert members.between() == in_order
    late = Message('late', ZOE, number / 2)
    members.put(late)
    members.remove(in_order[0])
    assert members.between() == sorted([*in_order[1:], late], key=lambda one: (one.received, one.key))
    assert list(members.before(in_order[2].received, in_order[2].key)) == [in_order[1]]


def test_a_list_pages_by_position(graph: GraphClient, mailbox: Mailbox) -> None:
    messages = [put(mailbox, second) for second in range(4)]
    page = graph.get(f'{LIST}?{ASCENDING}&$top=2')
    mailbox.move(messages[0], 'inbox')
    rest = graph.get(page['@odata.nextLink'])
    # what leaves before it shifts the rest: one row is missed
    assert [row['subject'] for row in page['value'] + rest['value']] == ['0', '1', '3']
