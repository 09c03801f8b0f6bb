"""What the query options of lists do: filter, search, order, pages; and what is refused."""

from datetime import datetime, timezone

import pytest

from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB, GraphClient
from sandbox.tests.microsoft.graph_mail.reading_test import delivered


@pytest.fixture
def three(mailbox: Mailbox) -> Mailbox:
    """Three mails in the archive: plain (oldest), red, and important with an attachment."""
    now = mailbox.now()
    delivered(mailbox, "It's plain", 'archive', received=now - 300, sender=EmailAddress('Al', 'al@a.example'), is_read=True)
    delivered(mailbox, 'Red', 'archive', received=now - 200, categories=['Red', 'Big'], to=[EmailAddress('B', BOB)])
    mailbox.attach_file(delivered(mailbox, 'High', 'archive', received=now - 100, importance='high'), 'plan.pdf', b'x')
    return mailbox


@pytest.mark.parametrize(
    'condition, found',
    [
        ("subject eq 'red'", ['Red']),
        ("subject eq 'It''s plain'", ["It's plain"]),
        ("subject ne 'Red'", ['High', "It's plain"]),
        ("contains(subject,'LAI')", ["It's plain"]),
        ("startswith(subject,'R') or endswith(subject,'gh')", ['High', 'Red']),
        ("startswith(subject,'R') eq false", ['High', "It's plain"]),
        ("not contains(subject,'i') and isRead eq false", ['Red']),
        ("not (subject eq 'Red' or subject eq 'High')", ["It's plain"]),
        ('isRead', ["It's plain"]),
        ('hasAttachments eq true', ['High']),
        ("importance eq 'high'", ['High']),
        ("from/emailAddress/address eq 'AL@a.example'", ["It's plain"]),
        ("categories/any(c:c eq 'big')", ['Red']),
        ("categories/any(c:startswith(c,'x'))", []),
        ("categories/any(c:c eq 'big' and isRead eq false)", ['Red']),
        ('receivedDateTime ge 2020-01-01 and receivedDateTime lt 2021-01-01T00:00:00Z', []),
        (
            'receivedDateTime gt 2020-01-01T00:00:00.123Z and receivedDateTime le 2099-01-01T00:00:00%2B02:00',
            ['High', 'Red', "It's plain"],
        ),
        ("tolower(subject) eq 'red'", ['Red']),
        ('flag/flagStatus eq null', []),
        ("flag/flagStatus eq 'flagged'", []),
    ],
)
def test_filter(graph: GraphClient, three: Mailbox, condition: str, found: list[str]) -> None:
    rows = graph.get(f'/mailFolders/archive/messages?$select=subject&$filter={condition}')['value']
    assert [row['subject'] for row in rows] == found


def test_a_star_selects_what_is_shown_without_a_selection(graph: GraphClient, three: Mailbox) -> None:
    path = '/mailFolders/archive/messages?$top=1'
    assert graph.get(f'{path}&$select=*')['value'] == graph.get(path)['value']


@pytest.mark.parametrize(
    'options, code',
    [
        ('$filter=colour eq 1', 'RequestBroker--ParseUri'),
        ("$filter=subject eq 'open", 'RequestBroker--ParseUri'),
        ("$filter=subject eq 'a' isRead", 'RequestBroker--ParseUri'),
        ("$filter=receivedDateTime ge 'yesterday'", 'RequestBroker--ParseUri'),
        ('$filter=receivedDateTime ge 2020-13-01', 'RequestBroker--ParseUri'),
        ("$filter=length(subject,'a')", 'RequestBroker--ParseUri'),
        ('$filter=contains(subject,1)', 'RequestBroker--ParseUri'),
        (f'$filter={"(" * 30}isRead{")" * 30}', 'ErrorInvalidUrlQueryFilter'),
        (f"$filter=toRecipients/any(r:r/emailAddress/address eq '{BOB}')", 'ErrorInvalidUrlQueryFilter'),
        (f"$filter=isRead eq true and ccRecipients/any(r:r/emailAddress/address eq '{ADA}')", 'ErrorInvalidUrlQueryFilter'),
        ('$filter=isRead eq true&$orderby=receivedDateTime', 'InefficientFilter'),
        ('$search="a"&$filter=isRead eq true', 'SearchWithFilter'),
        ('$search="a"&$orderby=subject', 'SearchWithOrderBy'),
        ('$search=""', 'BadRequest'),
        ('$search="colour:red"', 'BadRequest'),
        ('$orderby=colour', 'RequestBroker--ParseUri'),
        ('$expand=nothing', 'RequestBroker--ParseUri'),
        ('$expand=attachments($top=1)', 'RequestBroker--ParseUri'),
        ("$expand=singleValueExtendedProperties($filter=value eq 'x')", 'ErrorInvalidUrlQueryFilter'),
        ("$expand=singleValueExtendedProperties($filter=id eq 'x')", 'ErrorInvalidProperty'),
        ('$skiptoken=abc', 'ErrorInvalidUrlQuery'),
        ('$apply=x', 'BadRequest'),
    ],
)
def test_what_is_not_understood_is_refused(graph: GraphClient, options: str, code: str) -> None:
    assert graph.error('GET', f'/messages?{options}') == (400, code)


@pytest.mark.parametrize(
    'search, found',
    [
        ('"red"', ['Red']),
        ('plain', ["It's plain"]),
        ('"subject:red OR subject:high"', ['High', 'Red']),
        ('"subject:red AND from:al"', []),
        ('"from:al@a.example"', ["It's plain"]),
        ('"hasattachments:true"', ['High']),
        ('"attachment:plan"', ['High']),
        ('"NOT subject:red"', ['High', "It's plain"]),
        ('"received>=2020-01-01 AND received<2099-01-01"', ['High', 'Red', "It's plain"]),
        ('"received<2020-01-01"', []),
    ],
)
def test_search(graph: GraphClient, three: Mailbox, search: str, found: list[str]) -> None:
    assert [row['subject'] for row in graph.get(f'/mailFolders/archive/messages?$search={search}')['value']] == found


def test_order(graph: GraphClient, three: Mailbox) -> None:
    def subjects(options: str) -> list[str]:
        return [row['subject'] for row in graph.get(f'/mailFolders/archive/messages?{options}')['value']]

    assert subjects('$orderby=subject') == ['High', "It's plain", 'Red']
    assert subjects('$orderby=isRead desc,subject desc') == ["It's plain", 'Red', 'High']
    assert subjects('$filter=receivedDateTime ge 2020-01-01 and isRead eq false&$orderby=receivedDateTime') == ['Red', 'High']
    assert subjects('$orderby=from/emailAddress/address')[0] == "It's plain"


def test_skip_may_count_other_items_and_a_link_does_not(graph: GraphClient, three: Mailbox) -> None:
    three.other_items = 1
    path = '/mailFolders/archive/messages?$orderby=subject&$top=1'
    first = graph.get(path)
    assert graph.get(f'{path}&$skip=1')['value'] == first['value']
    assert graph.get(first['@odata.nextLink'])['value'] == graph.get(f'{path}&$skip=2')['value'] != first['value']


@pytest.mark.parametrize(
    'options, headers, sizes',
    [
        ('', {}, [10, 10, 5]),
        ('?$top=20', {}, [20, 5]),
        ('?$top=1000', {}, [25]),
        ('?$skip=20', {}, [5]),
        ('', {'Prefer': 'odata.maxpagesize=7'}, [7, 7, 7, 4]),
        ('?$search="report"', {}, [10, 10, 5]),
    ],
)
def test_pages(graph: GraphClient, options: str, headers: dict[str, str], sizes: list[int]) -> None:
    pages = graph.pages(f'/messages{options}', **headers)
    assert [len(page['value']) for page in pages] == sizes
    assert len({row['id'] for page in pages for row in page['value']}) == sum(sizes)


@pytest.mark.parametrize('order, found', [('asc', [0, 3, 3]), ('desc', [3, 3, 3])])
def test_a_list_may_be_empty_for_some_start_times(graph: GraphClient, three: Mailbox, order: str, found: list[int]) -> None:
    three.overlooks_starts = True
    start = (int(three.now()) - 1000) // 3 * 3

    def count(seconds: float) -> int:
        moment = datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
        query = f'$filter=receivedDateTime ge {moment}&$orderby=receivedDateTime {order}'
        return len(graph.get(f'/mailFolders/archive/messages?{query}')['value'])

    assert [count(start + second) for second in range(3)] == found
    assert count(start) == found[0], 'it lasts'


def test_next_link_is_opaque(graph: GraphClient) -> None:
    link = graph.get('/messages?$top=3&$select=subject')['@odata.nextLink']
    assert link.startswith(f'{graph.base}/messages?'.replace('@', '%40'))
    assert 'skip=' not in link


@pytest.mark.parametrize(
    'path, number',
    [
        ('/messages/$count', 25),
        ('/mailFolders/inbox/messages/$count', 25),
        ('/mailFolders/drafts/messages/$count', 0),
        ("/mailFolders/inbox/messages/$count?$filter=subject eq 'Report 7'", 1),
        ('/messages/$count?$search="subject:report"', 25),
    ],
)
def test_messages_are_counted(graph: GraphClient, path: str, number: int) -> None:
    assert graph.content(path) == str(number).encode()
    assert graph.request('GET', path).headers['Content-Type'].startswith('text/plain')
