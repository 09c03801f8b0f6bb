"""Lists of messages from a Microsoft Graph that is too slow for pages of the usual size."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from conformance.graph_mail.mail_commands_test import ADA, delivered, error_of, outputs, run
from MicrosoftGraphClientApiModule import GraphError
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

LIST, FIND, CONVERSATION = (f'msgraph-mail-{name}' for name in ('list-emails', 'find-email', 'get-conversation'))
THREAD = 'AAQkThread'
COUNT = 60
EVE = EmailAddress('Eve', 'eve@partner.example')


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    mailbox = cloud.mailbox(ADA)
    for number in range(COUNT):
        delivered(mailbox, f'Mail {number}', conversation_id=THREAD)
    return mailbox


@pytest.fixture(autouse=True)
def waits(mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(mail.clock, 'sleep', found.append)
    return found


@pytest.fixture
def sizes(mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each request for a page asks for."""
    send, found = mail._send_once, []

    def record(*args: Any, **kwargs: Any) -> Any:
        size = parse_qs(urlsplit(kwargs['full_url'] or '').query).get('$top')
        found.extend(map(int, size or ()))
        return send(*args, **kwargs)

    monkeypatch.setattr(mail, '_send_once', record)
    return found


@pytest.mark.parametrize('slow_status', [504, 503])
@pytest.mark.parametrize('max_page', [40, 15, 5, 2])
@pytest.mark.parametrize(
    'command, args, count',
    [
        (LIST, {}, 20),
        (LIST, {'page_size': '50'}, 50),
        (LIST, {'page_size': '20', 'pages_to_pull': '2'}, 40),
        (LIST, {'search': 'Mail', 'page_size': '20', 'pages_to_pull': '3'}, 60),
        (LIST, {'all_results': 'true'}, 85),
        (LIST, {'limit': '33'}, 33),
        (FIND, {'subject': 'Mail', 'limit': '100'}, 60),
        (FIND, {'subject': 'Mail', 'limit': '7'}, 7),
        (CONVERSATION, {'conversation_id': THREAD}, 60),
    ],
)
def test_smaller_pages_are_requested_and_the_list_is_the_same(
    mail: GraphMailClient, ada: Mailbox, command: str, args: dict[str, str], count: int, max_page: int, slow_status: int
) -> None:
    def listed() -> list[str]:
        return [one['ID'] for one in outputs(mail, command, **args) if 'ID' in one]

    expected = listed()
    ada.max_page, ada.slow_status = max_page, slow_status
    assert listed() == expected
    assert len(expected) == count


@pytest.fixture
def ids(mail: GraphMailClient) -> list[str]:
    """All emails, in the order of a list."""
    return [one['ID'] for one in outputs(mail, LIST, page_size='1000') if 'ID' in one]


@pytest.mark.parametrize('args, count', [({'page_size': '50'}, 50), ({'page_size': '30'}, 30), ({'limit': '33'}, 33)])
@pytest.mark.parametrize('max_page', [1000, 40, 10, 5])
def test_the_next_page_starts_after_a_slow_list_and_is_of_the_usual_size(
    mail: GraphMailClient, ada: Mailbox, ids: list[str], args: dict[str, str], count: int, max_page: int
) -> None:
    ada.max_page = max_page
    *_, page = outputs(mail, LIST, **args)
    ada.max_page = 1000
    *rows, _ = outputs(mail, LIST, next_page=page['NextPage'])
    assert [one['ID'] for one in rows] == ids[count : 2 * count]


@pytest.mark.parametrize('limit', ['50', '51', '59'])
def test_a_limit_ends_a_list_between_two_pages(mail: GraphMailClient, ada: Mailbox, ids: list[str], limit: str) -> None:
    ada.max_page = 10
    *rows, page = outputs(mail, LIST, limit=limit, page_size='50')
    rest = outputs(mail, LIST, next_page=page['NextPage'])
    assert [one['ID'] for one in rows + rest if 'ID' in one] == ids


def test_the_next_page_of_a_slow_list_goes_on_where_it_ended(mail: GraphMailClient, ada: Mailbox, ids: list[str]) -> None:
    *_, first = outputs(mail, LIST, page_size='50')
    ada.max_page = 10
    found, link = ids[:50], first['NextPage']
    while link:
        *rows, page = outputs(mail, LIST, next_page=link)
        found, link = found + [one['ID'] for one in rows], page['NextPage']
    assert found == ids


@pytest.mark.parametrize('top', ['$top=10&', '$top=20&', ''])
@pytest.mark.parametrize('rows', [0, 1])
@pytest.mark.parametrize('is_slow', [True, False])
@pytest.mark.parametrize('args, most', [({}, 1), ({'pages_to_pull': '3'}, 3), ({'limit': '20'}, 2000)])
def test_pages_without_messages_come_to_an_end(
    mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch, top: str, rows: int, is_slow: bool, args: dict[str, str], most: int
) -> None:
    reads: list[str] = []

    def page(_method: str, path: str = '', full_url: str = '', **_kwargs: Any) -> Any:
        [size] = parse_qs(urlsplit(full_url).query).get('$top', ['20'])
        if is_slow and int(size) > 5:
            response = requests.Response()
            response.status_code = 504
            raise GraphError('Too slow.', 'Wait.', '', response)
        reads.append(full_url)
        link = f'{mail.base_url}/users/{ADA}/messages?{top}$skip={len(reads) * 10}'
        return {'value': [{'id': f'{len(reads)}-{row}'} for row in range(rows)], '@odata.nextLink': link}

    monkeypatch.setattr(mail, 'graph_request', page)
    outputs(mail, LIST, **args)
    assert len(reads) <= (most * 4 if is_slow and most < 2000 else most)


def test_a_service_that_is_slow_for_a_moment_is_asked_again(
    mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, sizes: list[int]
) -> None:
    cloud.faults.add(service='graph', path='/messages$', status=504, times=1)
    assert len([one for one in outputs(mail, LIST) if 'ID' in one]) == 20
    assert sizes == [20, 20]


def test_a_page_that_stays_too_slow_is_halved(mail: GraphMailClient, ada: Mailbox, sizes: list[int], waits: list[float]) -> None:
    ada.max_page = 10
    run(mail, FIND, subject='Mail', limit='100')
    assert sizes == [50, 50, 25, 12, *[6] * 10]
    assert all(0 < wait < 2 for wait in waits)


def test_a_request_without_a_response_in_time_is_halved(
    mail: GraphMailClient, ada: Mailbox, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = mail._send_once

    def slow(*args: Any, **kwargs: Any) -> Any:
        response = send(*args, **kwargs)
        if sizes[-1] > 10:
            raise requests.exceptions.ReadTimeout('slow')
        return response

    monkeypatch.setattr(mail, '_send_once', slow)
    assert len([one for one in outputs(mail, LIST) if 'ID' in one]) == 20
    assert sizes == [20, 10, 10]


def test_a_service_that_is_always_too_slow_is_an_error(mail: GraphMailClient, ada: Mailbox, sizes: list[int]) -> None:
    ada.max_page = 0
    assert 'takes too long' in error_of(mail, LIST)
    assert sizes[:6] == [20, 20, 10, 5, 2, 1]
    assert set(sizes[6:]) == {1}


@pytest.mark.parametrize('slow_status', [504, 503])
@pytest.mark.parametrize('seconds', [None, 1, 5, 9, 14, 29, 31])
@pytest.mark.parametrize(
    'command, args',
    [
        (LIST, {'page_size': '50'}),
        (LIST, {'page_size': '5'}),
        (LIST, {'page_size': '1'}),
        (FIND, {'subject': 'Mail'}),
        (CONVERSATION, {'conversation_id': THREAD}),
    ],
)
def test_a_page_has_one_retry_budget_whatever_its_size(
    mail: GraphMailClient,
    cloud: MicrosoftCloud,
    waits: list[float],
    command: str,
    args: dict[str, str],
    seconds: int | None,
    slow_status: int,
) -> None:
    headers = {'Retry-After': str(seconds)} if seconds else {}
    body = {'error': {'code': 'UnknownError', 'message': ''}}
    cloud.faults.add(service='graph', path='/messages$', status=slow_status, body=body, headers=headers, times=None)
    error_of(mail, command, **args)
    assert sum(waits) <= 30
    if seconds:
        assert set(waits) == ({seconds} if seconds <= 30 else set())
        assert len(waits) == 30 // seconds or seconds == 1


@pytest.mark.parametrize(
    'statuses',
    [[504, 503, 502, 504], [502, 502, 502, 502], [503, 504, 503, 504], [429, 504, 504, 429], [504, 504, 503, 503, 502, 502]],
)
def test_errors_that_alternate_are_retried(
    mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, ids: list[str], statuses: list[int]
) -> None:
    for status in statuses:
        cloud.faults.add(service='graph', path='/messages$', status=status, times=1)
    assert [one['ID'] for one in outputs(mail, LIST) if 'ID' in one] == ids[:20]


@pytest.mark.parametrize(
    'command, args', [(LIST, {'limit': '60'}), (FIND, {'subject': 'Slow'}), (CONVERSATION, {'conversation_id': 'AAQkSlow'})]
)
@pytest.mark.parametrize('number', [0, 7])
def test_an_email_that_fails_every_page_is_named(
    mail: GraphMailClient, cloud: MicrosoftCloud, command: str, args: dict[str, str], number: int
) -> None:
    """Graph gives no ID of it. Its neighbor, and a filter by time, show which one it is."""
    mailbox = cloud.mailbox(ADA)
    messages, times = [], []
    for position in range(12):  # the newest first
        message = Message(f'Slow {position}', EVE, mailbox.now() - 10 * position, to=[mailbox.owner], conversation_id='AAQkSlow')
        messages.append(mailbox.deliver(message))
        times.append(f'{graph_timestamp(message.received)[:19]}Z')
    messages[number].broken.add('page')
    place = f'the one listed after that of {times[number - 1]}' if number else 'the first one of the list'
    assert f'If one email is the reason, it is {place}: list those received before and after it.' in error_of(
        mail, command, **args
    )
    for operator, count in (('lt', 11 - number), ('gt', number)):
        odata = f"$filter=receivedDateTime {operator} {times[number]} and startswith(subject,'Slow')"
        assert len(run(mail, LIST, limit='100', odata=odata).raw_response or ()) == count


def test_a_time_to_wait_is_kept(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, waits: list[float]) -> None:
    cloud.faults.add(service='graph', path='/messages$', status=504, headers={'Retry-After': '7'}, times=2)
    assert len([one for one in outputs(mail, LIST) if 'ID' in one]) == 20
    assert waits == [7, 7]


def test_a_broken_email_on_a_slow_page_is_read_without_its_body(mail: GraphMailClient, ada: Mailbox) -> None:
    ada.messages()[3].broken.add('message')
    ada.max_page = 10
    result = run(mail, LIST)
    assert len(result.raw_response) == 20
    assert 'Only a part of this email could be read' in result.readable_output
