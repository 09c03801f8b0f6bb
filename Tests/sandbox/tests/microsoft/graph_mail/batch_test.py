"""What the items of a ``$batch`` are answered: bytes, failures one by one, and in which order."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import User
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import limit, wait_until
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, IMMUTABLE, GraphClient

ZOE = EmailAddress('Zoë', 'zoe@partner.example')
JSON_TYPE = {'Content-Type': 'application/json'}


def get(identifier: str, path: str, **more: Any) -> dict[str, Any]:
    return {'id': identifier, 'method': 'GET', 'url': f'/users/{ADA}{path}', **more}


@pytest.fixture
def message(mailbox: Mailbox) -> Message:
    return mailbox.deliver(Message('Grüße', ZOE, mailbox.now(), html='<p>ü</p>'))


@pytest.mark.parametrize(
    'data, content_type',
    [
        (bytes(range(256)), 'image/png'),
        ('naïve\r\n'.encode('latin-1'), 'text/plain'),
        (b'not JSON at all', 'application/json'),
        ('{"a": 1}'.encode('utf-16'), 'application/json'),
    ],
)
def test_bytes_of_attachments_come_as_base64(
    graph: GraphClient, mailbox: Mailbox, message: Message, data: bytes, content_type: str
) -> None:
    attachment = mailbox.attach_file(message, 'file', data, content_type)
    path = f'/messages/{message.immutable_id}/attachments/{message.attachment_id(attachment, immutable=True)}/$value'
    answer = graph.batch(get('a', path))['a']
    assert answer['status'] == 200
    assert base64.b64decode(answer['body'], validate=True) == data
    assert answer['headers']['Content-Type'].split(';')[0] == content_type


def test_mime_of_messages_comes_as_base64(graph: GraphClient, mailbox: Mailbox, message: Message) -> None:
    mailbox.attach_file(message, 'a.bin', bytes(range(256)))
    answer = graph.batch(get('a', f'/messages/{message.immutable_id}/$value'))['a']
    assert base64.b64decode(answer['body'], validate=True) == mime.build(message)
    assert answer['headers']['Content-Type'].startswith('text/plain')


def test_a_file_of_json_comes_as_json(graph: GraphClient, mailbox: Mailbox, message: Message) -> None:
    attachment = mailbox.attach_file(message, 'a.json', b'{"a":  1}', 'application/json')
    path = f'/messages/{message.immutable_id}/attachments/{message.attachment_id(attachment, immutable=True)}/$value'
    answer = graph.connections.post(
        f'{graph.cloud.graph}/v1.0/$batch',
        json={'requests': [get('a', path)]},
        timeout=limit(9),
        headers={'Authorization': f'Bearer {graph.token}'},
    )
    assert answer.json()['responses'][0]['body'] == {'a': 1}


def test_answers_come_in_another_order(graph: GraphClient) -> None:
    items = [get(str(number), '/mailFolders/inbox') for number in range(5)]
    assert set(graph.batch(*items)) == {'0', '1', '2', '3', '4'}
    assert list(graph.batch(*items)) != ['0', '1', '2', '3', '4']


def test_ids_are_told_apart_without_regard_to_case(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    twice = [get('a', '/mailFolders/inbox'), get('A', '/mailFolders/inbox')]
    assert graph.error('POST', f'{cloud.graph}/v1.0/$batch', {'requests': twice}) == (400, 'BadRequest')
    answers = graph.batch(get('a', '/mailFolders/nothing'), get('b', '/mailFolders/inbox', dependsOn=['A']))
    assert {name: one['status'] for name, one in answers.items()} == {'a': 400, 'b': 424}


def test_paths_and_headers_of_items_are_their_own(graph: GraphClient, mailbox: Mailbox, message: Message) -> None:
    mailbox.make_folder('Müll/1', 'inbox')
    text = {'Prefer': 'outlook.body-content-type="text"'}
    one = f'/messages/{message.immutable_id}'
    answers = graph.batch(
        get('text', one, headers=text),
        get('html', one),
        get('immutable', f'{one}?$select=subject', headers=IMMUTABLE),
        get('filter', "/mailFolders/inbox/childFolders?$filter=displayName eq 'Müll/1'"),
        get('quoted', "/mailFolders/inbox/childFolders?%24filter=displayName%20eq%20'M%C3%BCll%2F1'"),
        get('path', one.replace('=', '%3D')),
    )
    assert [answers[name]['body']['body']['contentType'] for name in ('text', 'html')] == ['text', 'html']
    assert answers['text']['headers']['Preference-Applied'] == text['Prefer']
    assert answers['immutable']['body']['id'] == message.immutable_id
    assert [len(answers[name]['body']['value']) for name in ('filter', 'quoted')] == [1, 1]
    assert answers['path']['body']['subject'] == 'Grüße'


def test_a_batch_larger_than_4_mb_is_refused_as_a_whole(graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox) -> None:
    before = len(mailbox.messages())
    items = [
        {
            'id': str(number),
            'method': 'POST',
            'url': f'/users/{ADA}/messages',
            'body': {'subject': 'x' * 1_100_000},
            'headers': JSON_TYPE,
        }
        for number in range(4)
    ]
    assert graph.error('POST', f'{cloud.graph}/v1.0/$batch', {'requests': items}) == (413, 'BadRequest')
    assert len(mailbox.messages()) == before
    assert {one['status'] for one in graph.batch(*items[:3]).values()} == {201}


def test_answers_larger_than_4_mb_come_whole(graph: GraphClient, mailbox: Mailbox) -> None:
    data = bytes(range(256)) * 8000
    messages = [mailbox.deliver(Message(str(number), ZOE, mailbox.now())) for number in range(3)]
    for one in messages:
        mailbox.attach_file(one, 'a', data)
    answers = graph.batch(*(get(one.subject, f'/messages/{one.immutable_id}?$expand=attachments') for one in messages))
    for answer in answers.values():
        assert base64.b64decode(answer['body']['attachments'][0]['contentBytes']) == data


def test_throttled_items_say_when_to_come_back(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    cloud.limits.requests = 2
    answers = graph.batch(*(get(str(number), '/mailFolders/inbox') for number in range(5)))
    statuses = [answers[str(number)]['status'] for number in range(5)]
    assert statuses == [200, 200, 429, 429, 429]
    assert 595 <= int(answers['2']['headers']['Retry-After']) <= 600
    assert answers['2']['body']['error']['code'] == 'ApplicationThrottled'


@pytest.mark.parametrize(
    'fault, status, is_done',
    [
        ({'reset': True}, 504, False),
        ({'reset_mid_body': True}, 504, True),
        ({'status': 503}, 503, False),
        ({'garbage': True}, 504, False),
    ],
)
def test_faults_hit_single_items(
    graph: GraphClient,
    cloud: MicrosoftCloud,
    mailbox: Mailbox,
    message: Message,
    fault: dict[str, Any],
    status: int,
    is_done: bool,
) -> None:
    cloud.faults.add(service='graph', path=message.immutable_id, method='PATCH', **fault)
    change = {
        'id': 'a',
        'method': 'PATCH',
        'url': f'/users/{ADA}/messages/{message.immutable_id}',
        'body': {'isRead': True},
        'headers': JSON_TYPE,
    }
    answers = graph.batch(change, get('b', '/mailFolders/inbox'))
    assert (answers['a']['status'], answers['b']['status']) == (status, 200)
    assert message.is_read is is_done


def test_items_that_take_time_are_answered_four_at_a_time(
    graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox, message: Message, ada: User
) -> None:
    cloud.limits.item_latency = 0.001
    cloud.faults.add(service='graph', path='drafts', status=503)
    changes = [
        {
            'id': str(number),
            'method': 'PATCH',
            'url': f'/users/{ADA}/messages/{message.immutable_id}',
            'body': {'isRead': True},
            'headers': JSON_TYPE,
        }
        for number in range(8)
    ]
    # delays every other change of this mailbox
    with ThreadPoolExecutor(1) as pool, mailbox.lock:
        waiting = pool.submit(graph.batch, get('drafts', '/mailFolders/drafts'), *changes)
        wait_until(lambda: cloud.limits.running_requests(ada.object_id) == 4)
        mailbox.lock.release()
        answers = waiting.result()
        mailbox.lock.acquire()
    assert answers.pop('drafts')['status'] == 503
    assert {one['status'] for one in answers.values()} == {200}


def test_an_item_with_bytes_takes_them_as_base64(graph: GraphClient, mailbox: Mailbox) -> None:
    body = base64.b64encode(json.dumps({'subject': 'As JSON'}).encode()).decode()
    item = {'id': 'a', 'method': 'POST', 'url': f'/users/{ADA}/messages', 'body': body, 'headers': JSON_TYPE}
    assert graph.batch(item)['a']['body']['subject'] == 'As JSON'


def test_preferences_of_the_batch_are_none_of_its_items(graph: GraphClient, cloud: MicrosoftCloud, message: Message) -> None:
    body = {'requests': [get('a', f'/messages/{message.immutable_id}')]}
    answer = graph.request('POST', f'{cloud.graph}/v1.0/$batch', body, **IMMUTABLE).json()['responses'][0]
    assert answer['body']['id'] == message.message_id
    assert 'Preference-Applied' not in answer['headers']
