"""Find emails in all folders: by their Message-ID, or by what an incident says about them."""

from datetime import datetime, timezone
from typing import Any

import pytest

from conformance.graph_mail.mail_commands_test import ADA, BOB, delivered, error_of, ids, run
from MicrosoftGraphMailClientApiModule import MAX_SEARCHED, GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

COMMAND = 'msgraph-mail-find-email'
EVE = 'eve@partner.example'


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def found(client: GraphMailClient, **args: Any) -> list[str]:
    return [one['ID'] for one in run(client, COMMAND, **args).outputs or ()]


def text_of(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


@pytest.mark.parametrize(
    'written',
    ['<a.b+c=d@mail.example>', 'a.b+c=d@mail.example', ' Message-ID: <a.b+c=d@mail.example> ', '&lt;a.b+c=d@mail.example&gt;'],
)
def test_a_message_id_finds_the_email_wherever_it_is(mail: GraphMailClient, ada: Mailbox, written: str) -> None:
    message = delivered(ada, internet_message_id='<a.b+c=d@mail.example>')
    ada.move(message, ada.make_folder('Deep', ada.make_folder('Team').folder_id).folder_id)
    result = run(mail, COMMAND, message_id=written)
    assert [one['ID'] for one in result.outputs] == [message.immutable_id]
    assert result.outputs_prefix == 'MSGraphMail'
    assert result.readable_output.startswith('### Emails found (1)\n|Subject|From|Recipients|')
    assert '| Deep |' in result.readable_output


def test_all_copies_of_a_message_id_are_found_newest_first(mail: GraphMailClient, ada: Mailbox) -> None:
    first = delivered(ada, internet_message_id="<o'neil@mail.example>")
    ada.move(first, 'deleteditems')
    second = ada.deliver(first.copied(), 'archive')
    second.received += 60
    ada.touch(second)
    assert found(mail, message_id="<o'neil@mail.example>") == ids(second, first)
    assert found(mail, message_id="<o'neil@mail.example>", folder_id='archive') == ids(second)
    assert found(mail, message_id="<o'neil@mail.example>", limit='1') == ids(second)


def test_what_an_incident_says_is_enough(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = delivered(ada, "R&D: 100% 'free' #1 + prize/Größe")
    delivered(ada, 'Report 1')
    cloud.requests.clear()
    incident = {'subject': message.subject, 'sender': EVE, 'recipient': ADA.upper(), 'received_time': text_of(message.received)}
    assert found(mail, **incident) == ids(message)
    assert len([one for one in cloud.requests.of('graph') if one.method == 'GET']) == 1


@pytest.mark.parametrize('subject', ['invoice', 'INVOICE 4711', ' Invoice ', 'ice 47'])
def test_a_part_of_the_subject_is_enough(mail: GraphMailClient, ada: Mailbox, subject: str) -> None:
    message = delivered(ada, 'Fwd: Invoice 4711')
    assert found(mail, subject=subject) == ids(message)


@pytest.mark.parametrize('field', ['to', 'cc', 'bcc'])
def test_a_recipient_is_in_to_cc_or_bcc(mail: GraphMailClient, ada: Mailbox, field: str) -> None:
    lists = {'to': [], 'cc': [], 'bcc': [], field: [EmailAddress('Soc', 'soc@contoso.example')]}
    message = ada.deliver(Message('Hello', EmailAddress('Eve', EVE), ada.now(), **lists))
    assert found(mail, recipient='soc@contoso.example') == ids(message)


@pytest.mark.parametrize('address', [BOB, 'red_team@partner.example'])
@pytest.mark.parametrize('misses_senders', [True, False])
def test_a_sender_is_found_whom_graph_does_not_compare(
    mail: GraphMailClient, ada: Mailbox, address: str, misses_senders: bool
) -> None:
    ada.misses_senders = misses_senders
    message = ada.deliver(Message('Hello', EmailAddress('', address), ada.now(), to=[ada.owner]))
    ada.deliver(Message('Hello', EmailAddress('', f'{address}.evil.example'), ada.now(), to=[ada.owner]))
    assert found(mail, sender=address.upper()) == ids(message)


def test_a_time_is_a_range(mail: GraphMailClient, ada: Mailbox) -> None:
    old, new = delivered(ada, 'Time'), delivered(ada, 'Time')
    old.received -= 4000
    ada.touch(old)
    time = text_of(old.received)
    assert found(mail, subject='Time', received_time=text_of(old.received - 290)) == ids(old)
    assert found(mail, subject='Time', received_time=text_of(old.received - 310)) == []
    assert found(mail, subject='Time', received_after=time) == ids(new, old)
    assert found(mail, subject='Time', received_after=time, received_before=time) == ids(old)
    assert found(mail, subject='Time', received_before='in 1 hour') == ids(new, old)
    assert found(mail, subject='Time', received_after='1 hour ago') == ids(new)


@pytest.mark.parametrize('text', ['2026-03-01', ' March 1, 2026 ', '01.03.2026', '2026年3月1日', '2026-03-01T00:00:00Z'])
def test_a_day_without_a_time_is_the_whole_day(mail: GraphMailClient, ada: Mailbox, text: str) -> None:
    midnight = datetime(2026, 3, 1, tzinfo=timezone.utc).timestamp()
    messages = [delivered(ada, 'Day') for _ in range(5)]
    for message, seconds in zip(messages, (-1, 0, 43_200, 86_399, 86_400), strict=True):
        message.received = midnight + seconds
        ada.touch(message)
    expected = ids(*messages[1:0:-1], messages[0]) if 'T' in text else ids(*messages[3:0:-1])
    assert found(mail, subject='Day', received_time=text) == expected


@pytest.mark.parametrize(
    'times, received',
    [
        ({'received_time': '10.09.2026'}, 'from 2026-09-10T00:00:00Z until 2026-09-10T23:59:59Z'),
        (
            {'received_after': '01.09.2026', 'received_before': '10.09.2026'},
            'from 2026-09-01T00:00:00Z until 2026-09-10T00:00:00Z',
        ),
        ({'received_after': '2026-09-01'}, 'from 2026-09-01T00:00:00Z'),
        ({'received_before': '2026-09-01T08:00+02:00'}, 'until 2026-09-01T06:00:00Z'),
    ],
)
def test_a_search_that_finds_nothing_says_which_time_it_searched(
    mail: GraphMailClient, times: dict[str, str], received: str
) -> None:
    result = run(mail, COMMAND, subject='Nothing', **times)
    assert (result.outputs, result.readable_output) == (None, f'No emails were found that were received {received}.')


def test_a_time_in_words_is_no_day(mail: GraphMailClient, ada: Mailbox) -> None:
    midnight = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() - 86_400
    messages = [delivered(ada, 'Day') for _ in range(3)]
    for message, hour in zip(messages, (8, 12, 13), strict=True):
        message.received = midnight + hour * 3600
        ada.touch(message)
    assert found(mail, subject='Day', received_time='yesterday at noon') == ids(messages[1])
    assert found(mail, subject='Day', received_time='yesterday') == ids(*messages[::-1])


def test_a_day_before_now_is_the_whole_day(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, 'Day')
    message.received -= 86_400
    ada.touch(message)
    assert found(mail, subject='Day', received_time='yesterday') == ids(message)
    assert found(mail, subject='Day', received_time='1 day ago') == ids(message)


def test_pages_are_followed_and_a_limit_is_told(mail: GraphMailClient, ada: Mailbox) -> None:
    messages = [delivered(ada, f'Many {number}') for number in range(120)]
    assert len(found(mail, subject='Many', limit='200')) == len(messages)
    told = run(mail, COMMAND, subject='Many', limit='3').readable_output
    assert told.endswith(f'\nThere may be more: at most 3 emails are shown, and {MAX_SEARCHED} searched.')


def test_a_search_works_where_graph_does_not_sort(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    messages = [delivered(ada, f'Many {number}') for number in range(120)]
    for number, message in enumerate(messages):
        message.received += number
        ada.touch(message)
    ada.refuses_sorting = True
    cloud.requests.clear()
    assert found(mail, subject='Many', limit='2') == ids(messages[-1], messages[-2])
    assert [one.status for one in cloud.requests.of('graph') if one.path.endswith('/messages')] == [400, 200, 200, 200]


def test_another_error_of_a_search_is_told(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    body = {'error': {'code': 'ErrorInvalidUrlQueryFilter', 'message': 'No.'}}
    cloud.faults.add(service='graph', path='/messages$', status=400, body=body, times=None)
    assert 'ErrorInvalidUrlQueryFilter: No.' in error_of(mail, COMMAND, subject='Many')
    assert len([one for one in cloud.requests.of('graph') if one.path.endswith('/messages')]) == 1


def test_a_search_for_a_recipient_has_an_end(mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('MicrosoftGraphMailClientApiModule.MAX_SEARCHED', 50)
    page = {'value': [{'id': 'x'}], '@odata.nextLink': f'{mail._base_url}/me/messages?$skiptoken=x'}
    asked = []
    monkeypatch.setattr(mail, 'graph_request', lambda *_args, **_kwargs: asked.append(1) or page)
    assert 'No emails were found.\nThere may be more' in run(mail, COMMAND, recipient=BOB).readable_output
    assert len(asked) == 1


def test_no_email_is_no_error(mail: GraphMailClient) -> None:
    result = run(mail, COMMAND, message_id='<nobody@knows.example>')
    assert (result.outputs, result.readable_output) == (None, 'No emails were found.')


@pytest.mark.parametrize(
    'args, sentences',
    [
        ({}, 'There is nothing to search for. Enter message_id, subject, sender, recipient or a received time.'),
        (
            {'message_id': 'AAMkAD='},
            "'AAMkAD=' is not a Message-ID. Write one in brackets, or use msgraph-mail-get-email with the ID of an email.",
        ),
        *(
            (
                {'message_id': several},
                f"'{several}' is not a Message-ID. Write one in brackets, or use msgraph-mail-get-email with the ID of an email.",
            )
            for several in ('<a@b.example> <c@d.example>', '<a@b.example>,<c@d.example>')
        ),
        ({'sender': 'partner'}, "'partner' is not an email address. Write sender as bob@example.com, or Bob <bob@example.com>."),
        ({'recipient': f'{ADA},{BOB}'}, 'The argument recipient has 2 addresses. Enter one.'),
        ({'received_time': '15'}, "'15' is not a time. Write received_time as 2030-01-31T08:00:00Z, or as 3 days ago."),
        (
            {'received_time': '05/03/2026'},
            "'05/03/2026' may be March 5 or May 3: write received_time as 2026-03-05 or 2026-05-03.",
        ),
        (
            {'received_after': '0001-01-01T00:00:00Z'},
            "'0001-01-01T00:00:00Z' is not a time. Write received_after as 2030-01-31T08:00:00Z, or as 3 days ago.",
        ),
        (
            {'received_after': '2026-01-02', 'received_before': '2026-01-01'},
            'received_after is later than received_before. Change one of them.',
        ),
        (
            {'received_time': '2026-01-02', 'received_before': '2026-01-01'},
            'received_time cannot be combined with received_after and received_before. Remove one of them.',
        ),
        ({'subject': 'x', 'limit': '0'}, "'0' is not a whole number from 1 to 1000. Change limit."),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_a_request(
    mail: GraphMailClient, cloud: MicrosoftCloud, args: dict[str, str], sentences: str
) -> None:
    assert error_of(mail, COMMAND, **args) == sentences
    assert not list(cloud.requests)
