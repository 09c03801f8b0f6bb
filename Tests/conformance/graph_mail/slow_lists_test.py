"""Lists of messages from a Microsoft Graph that is too slow for pages of the usual size."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from conformance.graph_mail.mail_commands_test import ADA, delivered, error_of, outputs, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox

LIST, FIND, CONVERSATION = (f'msgraph-mail-{name}' for name in ('list-emails', 'find-email', 'get-conversation'))
THREAD = 'AAQkThread'
COUNT = 60


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
    send, found = mail._http_request, []

    def record(*args: Any, **kwargs: Any) -> Any:
        size = parse_qs(urlsplit(kwargs['full_url'] or '').query).get('$top')
        found.extend(map(int, size or ()))
        return send(*args, **kwargs)

    monkeypatch.setattr(mail, '_http_request', record)
    return found


@pytest.mark.parametrize('max_page', [40, 15, 10, 5])
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
    mail: GraphMailClient, ada: Mailbox, command: str, args: dict[str, str], count: int, max_page: int
) -> None:
    def listed() -> list[str]:
        return [one['ID'] for one in outputs(mail, command, **args) if 'ID' in one]

    expected = listed()
    ada.max_page = max_page
    found = listed()
    assert found[:count] == expected[:count]
    assert len(found) >= min(count, len(expected)) == len(expected)
    assert len(found) == len(set(found)) < len(expected) + max_page


def test_the_next_page_of_a_slow_list_goes_on_where_it_ended(mail: GraphMailClient, ada: Mailbox) -> None:
    expected = [one['ID'] for one in outputs(mail, LIST, page_size='50', pages_to_pull='9') if 'ID' in one]
    *_, first = outputs(mail, LIST, page_size='50')
    ada.max_page = 10
    found, link = expected[:50], first['NextPage']
    while link:
        *rows, page = outputs(mail, LIST, next_page=link)
        found, link = found + [one['ID'] for one in rows], page['NextPage']
    assert found == expected


def test_the_same_page_is_not_requested_twice(mail: GraphMailClient, ada: Mailbox, sizes: list[int], waits: list[float]) -> None:
    ada.max_page = 10
    run(mail, FIND, subject='Mail', limit='100')
    assert sizes == [50, 25, 12, *[6] * 10]
    assert all(0 < wait < 2 for wait in waits)


def test_a_request_without_a_response_in_time_is_halved(
    mail: GraphMailClient, ada: Mailbox, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = mail._http_request

    def slow(*args: Any, **kwargs: Any) -> Any:
        response = send(*args, **kwargs)
        if sizes[-1] > 10:
            raise requests.exceptions.ReadTimeout('slow')
        return response

    monkeypatch.setattr(mail, '_http_request', slow)
    assert len([one for one in outputs(mail, LIST) if 'ID' in one]) == 20
    assert sizes == [20, 10, 10]


def test_a_service_that_is_always_too_slow_is_an_error(mail: GraphMailClient, ada: Mailbox, sizes: list[int]) -> None:
    ada.max_page = 1
    assert 'takes too long' in error_of(mail, LIST)
    assert sizes[:3] == [20, 10, 5]
    assert set(sizes[3:]) == {5}


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
