"""What holds for all requests about mailboxes: permissions, limits, batches, settings, Microsoft's schema."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.schema import Schema
from sandbox.tests.machine import limit, wait_until
from sandbox.tests.microsoft.clients import HttpClient
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB, GraphClient
from sandbox.tests.microsoft.user_grants_test import WebAppClient

MESSAGE = {'subject': 'x', 'toRecipients': [{'emailAddress': {'address': BOB}}]}

# Permissions

CALLS = [
    ('GET', '/messages', None, 'Mail.Read'),
    ('GET', '/mailFolders', None, 'Mail.Read'),
    ('GET', '/mailFolders/inbox/messages/delta', None, 'Mail.Read'),
    ('POST', '/getMailTips', {'EmailAddresses': [BOB], 'MailTipsOptions': 'maxMessageSize'}, 'Mail.Read'),
    ('POST', '/messages', MESSAGE, 'Mail.ReadWrite'),
    ('POST', '/mailFolders', {'displayName': 'x'}, 'Mail.ReadWrite'),
    ('POST', '/sendMail', {'message': MESSAGE}, 'Mail.Send'),
    ('GET', '/mailboxSettings', None, 'MailboxSettings.Read'),
    ('GET', '/outlook/masterCategories', None, 'MailboxSettings.Read'),
    ('GET', '/mailFolders/inbox/messageRules', None, 'MailboxSettings.Read'),
    ('PATCH', '/mailboxSettings', {'timeZone': 'UTC'}, 'MailboxSettings.ReadWrite'),
]
IMPLIED = {
    'Mail.Read': {'Mail.Read', 'Mail.ReadWrite'},
    'MailboxSettings.Read': {'MailboxSettings.Read', 'MailboxSettings.ReadWrite'},
}


@pytest.mark.parametrize(
    'held', ['Mail.Read', 'Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.Read', 'MailboxSettings.ReadWrite']
)
def test_each_call_needs_its_permission(cloud: MicrosoftCloud, http: HttpClient, daemon: Application, held: str) -> None:
    daemon.application_permissions = [held]
    graph = GraphClient(cloud, http.application_token().json()['access_token'])
    for method, path, body, needed in CALLS:
        answer = graph.request(method, path, body)
        if held in IMPLIED.get(needed, {needed}):
            assert answer.status_code < 300, (method, path, answer.text)
        else:
            assert (answer.status_code, answer.json()['error']['code']) == (403, 'ErrorAccessDenied'), (method, path)


def test_shared_mailbox_needs_the_shared_scopes(cloud: MicrosoftCloud, http: HttpClient, ada: User) -> None:
    cloud.directory.user(BOB).shared_with.add(ada.object_id)
    web_app = WebAppClient(cloud, http)
    for scope, allowed in (('Mail.ReadWrite Mail.Send', False), ('Mail.ReadWrite.Shared Mail.Send.Shared', True)):
        token = web_app.redeem(code=web_app.code(ADA, scope=f'offline_access {scope}')).json()['access_token']
        bobs, own = GraphClient(cloud, token, f'/users/{BOB}'), GraphClient(cloud, token, '/me')
        assert (bobs.request('POST', '/messages', MESSAGE).status_code == 201) is allowed
        assert (bobs.request('POST', '/sendMail', {'message': MESSAGE}).status_code == 202) is allowed
        assert own.request('POST', '/messages', MESSAGE).status_code == 201
    cloud.directory.user(BOB).shared_with.clear()
    assert bobs.error('POST', '/messages', MESSAGE) == (403, 'ErrorAccessDenied')


@pytest.mark.parametrize('error', [(404, 'ErrorItemNotFound'), (403, 'ErrorAccessDenied')])
def test_a_folder_can_be_shared_alone(cloud: MicrosoftCloud, http: HttpClient, ada: User, error: tuple[int, str]) -> None:
    mailbox = cloud.mailbox(BOB)
    mailbox.unshared_status = error[0]
    web_app = WebAppClient(cloud, http)
    code = web_app.code(ADA, scope='offline_access Mail.ReadWrite.Shared Mail.Send.Shared')
    bobs = GraphClient(cloud, web_app.redeem(code=code).json()['access_token'], f'/users/{BOB}')
    assert bobs.error('GET', '/mailFolders/inbox') == (403, 'ErrorAccessDenied')
    mailbox.share_folder('inbox', ada.object_id)
    for path in ('/mailFolders/inbox', '/mailFolders/inbox/messages', f'/messages/{mailbox.messages()[0].message_id}'):
        assert bobs.request('GET', path).status_code == 200
    for path in ('/mailFolders', '/mailFolders/deleteditems', '/messages', '/messages/$count', '/mailFolders/drafts/messages'):
        assert bobs.error('GET', path) == error
    assert bobs.error('POST', '/messages', MESSAGE) == error
    assert bobs.error('POST', '/sendMail', {'message': MESSAGE}) == (403, 'ErrorAccessDenied')


def test_me_requires_a_user_token(cloud: MicrosoftCloud, graph: GraphClient) -> None:
    mine = GraphClient(cloud, graph.token, '/me')
    for path in ('/messages', '/mailFolders', '/mailboxSettings', '/mailFolders/inbox/messageRules'):
        assert mine.error('GET', path) == (400, 'BadRequest')


# Limits


def test_four_requests_at_once_are_the_most(graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox, ada: User) -> None:
    message = mailbox.messages()[0]
    answers = []
    # delays every other change of this mailbox
    with mailbox.lock, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(graph.request, 'PATCH', f'/messages/{message.message_id}', {'isRead': True}) for _ in range(4)]
        wait_until(lambda: cloud.limits.running_requests(ada.object_id) == 4)
        refused = graph.request('GET', '/mailboxSettings')
        other = graph.of(BOB).request('GET', '/mailboxSettings')
        mailbox.lock.release()
        answers = [one.result().status_code for one in waiting]
        mailbox.lock.acquire()
    assert (refused.status_code, refused.headers['Retry-After']) == (429, '1')
    assert refused.json()['error']['code'] == 'ApplicationThrottled'
    assert (answers, other.status_code, graph.request('GET', '/mailFolders').status_code) == ([200] * 4, 200, 200)


def test_requests_in_ten_minutes(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    cloud.clock.stop()
    cloud.limits.requests = 3
    statuses = [graph.request('GET', '/mailFolders/inbox').status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert graph.request('GET', '/mailFolders/inbox').headers['Retry-After'] == '600'
    cloud.limits.enabled = False
    assert graph.request('GET', '/mailFolders/inbox').status_code == 200
    cloud.limits.enabled = True
    cloud.clock.advance(601)
    assert graph.request('GET', '/mailFolders/inbox').status_code == 200


def test_bytes_uploaded_in_five_minutes(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    cloud.clock.stop()
    path = f'/messages/{graph.post("/messages", MESSAGE)["id"]}/attachments'
    cloud.clock.advance(50)
    item = {'attachmentType': 'file', 'name': 'large.bin', 'size': 9_000_000}
    url = graph.post(f'{path}/createUploadSession', {'AttachmentItem': item})['uploadUrl']
    assert graph.put_range(url, bytes(3_000_000), 0, 9_000_000).status_code == 200
    cloud.clock.advance(100)
    cloud.limits.uploaded_bytes = 6_500_000
    file = {'@odata.type': '#microsoft.graph.fileAttachment', 'name': 'small.bin', 'contentBytes': 'A' * 4_000_000}
    graph.post(path, file)
    refused = [graph.put_range(url, bytes(3_000_000), 3_000_000, 9_000_000), graph.request('POST', '/messages', MESSAGE)]
    assert {(one.status_code, one.json()['error']['code']) for one in refused} == {(429, 'ApplicationThrottled')}
    assert {one.headers['Retry-After'] for one in refused} == {'200'}
    assert graph.get('/mailFolders/inbox')['displayName'] == 'Inbox'  # brings nothing
    graph.of(BOB).post('/messages', MESSAGE)
    cloud.clock.advance(200)
    assert graph.put_range(url, bytes(3_000_000), 3_000_000, 9_000_000).status_code == 200
    assert graph.error('PATCH', path.removesuffix('/attachments'), {'isRead': True}) == (429, 'ApplicationThrottled')


def test_latency_is_added_to_each_request(graph: GraphClient, cloud: MicrosoftCloud, waits: list[float]) -> None:
    cloud.limits.latency = 0.1
    graph.get('/mailFolders/inbox')
    assert 0.1 in waits


# Batches


def test_a_batch_answers_each_request(graph: GraphClient, mailbox: Mailbox) -> None:
    user = f'/users/{ADA}'
    message = mailbox.messages()[0]
    attachment = mailbox.attach_file(message, 'a.bin', b'\x00\xff', 'image/png')
    one = f'{user}/messages/{message.message_id}'
    file_url = f'{one}/attachments/{message.attachment_id(attachment)}/$value'
    json_type = {'Content-Type': 'application/json'}
    immutable = {'Prefer': 'IdType="ImmutableId"'}
    answers = graph.batch(
        {'id': '1', 'method': 'GET', 'url': f'{user}/messages?$top=2&$select=subject', 'headers': immutable},
        {'id': '2', 'method': 'GET', 'url': f'{user}/messages/abc'},
        {'id': '3', 'method': 'PATCH', 'url': one, 'body': {'isRead': True}, 'headers': json_type},
        {'id': '4', 'method': 'GET', 'url': file_url},
        {'id': '5', 'method': 'DELETE', 'url': one, 'dependsOn': ['3']},
        {'id': '6', 'method': 'GET', 'url': f'{user}/mailFolders', 'dependsOn': ['2']},
        {'id': '7', 'method': 'GET', 'url': f'{user}/mailFolders', 'dependsOn': ['6']},
    )
    assert [answers[str(number)]['status'] for number in range(1, 8)] == [200, 400, 200, 200, 204, 424, 424]
    assert len(answers['1']['body']['value']) == 2
    assert answers['2']['body']['error']['code'] == 'ErrorInvalidIdMalformed'
    assert (answers['4']['body'], answers['4']['headers']['Content-Type']) == ('AP8=', 'image/png')
    assert 'body' not in answers['5']
    assert mailbox.is_in(message, 'deleteditems')


@pytest.mark.parametrize(
    'items, code',
    [
        ([], 'BadRequest'),
        ([{'id': str(number), 'method': 'GET', 'url': '/me'} for number in range(21)], 'MaximumValueExceeded'),
        ([{'id': '1', 'method': 'GET', 'url': '/me'}] * 2, 'BadRequest'),
        ([{'method': 'GET', 'url': '/me'}], 'BadRequest'),
        ([{'id': '1', 'url': '/me'}], 'BadRequest'),
        ([{'id': '1', 'method': 'GET', 'url': 'https://localhost/v1.0/me'}], 'BadRequest'),
        ([{'id': '1', 'method': 'POST', 'url': '/me/sendMail', 'body': {}}], 'BadRequest'),
        ([{'id': '1', 'method': 'GET', 'url': '/me', 'dependsOn': ['2']}], 'BadRequest'),
    ],
)
def test_a_wrong_batch_is_refused(graph: GraphClient, cloud: MicrosoftCloud, items: list[Any], code: str) -> None:
    assert graph.error('POST', f'{cloud.graph}/v1.0/$batch', {'requests': items}) == (400, code)


def test_a_batch_of_twenty_passes_the_limit_of_four(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    cloud.limits.item_latency = 0.02
    items = [{'id': str(number), 'method': 'GET', 'url': f'/users/{ADA}/messages?$top=100'} for number in range(20)]
    assert {one['status'] for one in graph.batch(*items).values()} == {200}


def test_requests_of_a_batch_meet_limits_and_faults_one_by_one(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    items = [{'id': name, 'method': 'GET', 'url': f'/users/{ADA}/mailFolders/{name}'} for name in ('inbox', 'drafts', 'archive')]
    cloud.faults.add(service='graph', path='mailFolders/drafts', status=429, headers={'Retry-After': '7'}, body={'error': {}})
    answers = graph.batch(*items)
    assert [answers[name]['status'] for name in ('inbox', 'drafts', 'archive')] == [200, 429, 200]
    assert answers['drafts']['headers']['Retry-After'] == '7'
    cloud.limits.requests = 4
    assert sorted(one['status'] for one in graph.batch(*items).values()) == [200, 200, 429]


def test_a_batch_needs_a_token(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    url = f'{cloud.graph}/v1.0/$batch'
    answer = graph.connections.post(url, json={'requests': [{'id': '1', 'method': 'GET', 'url': '/me'}]}, timeout=limit(9))
    assert answer.status_code == 401


# Settings


def test_settings_are_read_and_changed(graph: GraphClient) -> None:
    assert graph.get('/mailboxSettings')['language']['locale'] == 'en-US'
    away = {'status': 'alwaysEnabled', 'internalReplyMessage': 'Away'}
    changed = graph.patch('/mailboxSettings', {'automaticRepliesSetting': away})
    assert changed['automaticRepliesSetting']['externalAudience'] == 'all'
    assert set(changed) == {'@odata.context', 'automaticRepliesSetting'}
    headers = {'Authorization': f'Bearer {graph.token}'}
    answer = graph.connections.get(f'{graph.base}/mailboxSettings/timeZone', headers=headers, timeout=limit(9))
    assert answer.json()['value'] == 'UTC'
    assert graph.error('PATCH', '/mailboxSettings', {'language': 'de'}) == (400, 'RequestBodyRead')
    assert graph.error('GET', '/mailboxSettings/colour') == (400, 'BadRequest')


def test_an_invitation_shows_its_event_if_asked(graph: GraphClient, mailbox: Mailbox, bobs: Mailbox) -> None:
    invitation = mailbox.invite('Planning', bobs.owner, 2_000_000_000, 2_000_003_600)
    shown = graph.get(f'/messages/{invitation.message_id}?$expand=microsoft.graph.eventMessage/event')
    assert (shown['@odata.type'], shown['meetingMessageType']) == ('#microsoft.graph.eventMessageRequest', 'meetingRequest')
    event = f'/events/{shown["event"]["id"]}'
    assert graph.error('POST', f'{event}/accept', {}) == (403, 'ErrorAccessDenied')
    assert 'event' not in graph.get(f'/messages/{invitation.message_id}')


BERLIN = {'dateTime': '2040-07-01T08:00:00', 'timeZone': 'Europe/Berlin'}
LATER = {'dateTime': '2040-07-01T08:00:00.0000000', 'timeZone': 'W. Europe Standard Time'}


@pytest.mark.parametrize(
    'start, end, code',
    [
        (BERLIN, {**BERLIN, 'dateTime': '2040-07-01T07:59:59'}, 'ErrorInvalidScheduledOofDuration'),
        (BERLIN, None, 'ErrorInvalidScheduledOofDuration'),
        (
            {**BERLIN, 'dateTime': '2020-01-01T00:00:00'},
            {**BERLIN, 'dateTime': '2020-01-02T00:00:00'},
            'ErrorInvalidScheduledOof',
        ),
        (BERLIN, {**BERLIN, 'timeZone': 'Mars/Olympus'}, 'InvalidTimeZone'),
        (BERLIN, {**BERLIN, 'dateTime': 'tomorrow'}, 'RequestBodyRead'),
    ],
)
def test_automatic_replies_are_scheduled_for_a_time_to_come(graph: GraphClient, start: Any, end: Any, code: str) -> None:
    replies = {'status': 'Scheduled', 'scheduledStartDateTime': start, 'scheduledEndDateTime': end}
    given = {name: value for name, value in replies.items() if value}
    status, refused = graph.error('PATCH', '/mailboxSettings', {'automaticRepliesSetting': given})
    assert (status, refused.startswith(code)) == (400, True)


def test_times_of_automatic_replies_are_shown_in_utc(graph: GraphClient) -> None:
    start = {'dateTime': '2040-06-30T22:00:00', 'timeZone': 'Eastern Standard Time'}
    replies = {'status': 'SCHEDULED', 'scheduledStartDateTime': start, 'scheduledEndDateTime': LATER}
    shown = graph.patch('/mailboxSettings', {'automaticRepliesSetting': replies})['automaticRepliesSetting']
    assert [shown[name] for name in ('scheduledStartDateTime', 'scheduledEndDateTime')] == [
        {'dateTime': '2040-07-01T02:00:00.0000000', 'timeZone': 'UTC'},
        {'dateTime': '2040-07-01T06:00:00.0000000', 'timeZone': 'UTC'},
    ]
    assert shown['status'] == 'scheduled'


def test_categories_are_listed_in_pages(graph: GraphClient) -> None:
    first = graph.get('/outlook/masterCategories?$top=2')
    assert [one['color'] for one in first['value']] == ['preset0', 'preset1']
    assert [one['displayName'] for one in graph.get(first['@odata.nextLink'])['value']] == ['Blue category']


def test_mail_tips(graph: GraphClient, bobs: Mailbox) -> None:
    bobs.settings['automaticRepliesSetting'].update(status='alwaysEnabled', internalReplyMessage='Away')
    options = 'automaticReplies, mailboxFullStatus,recipientScope'
    wanted = {'EmailAddresses': [BOB, 'x@y.example', 'x'], 'MailTipsOptions': options}
    tips = graph.post('/getMailTips', wanted, status=200)['value']
    assert (tips[0]['automaticReplies']['message'], tips[0]['recipientScope']) == ('Away', 'internal')
    assert (tips[1]['recipientScope'], tips[2]['error']['code']) == ('external', 'RecipientNotFound')
    wrong = {'EmailAddresses': [BOB], 'MailTipsOptions': 'weather'}
    assert graph.error('POST', '/getMailTips', wrong) == (400, 'RequestBodyRead')


# The schema itself


@pytest.mark.parametrize(
    'kind, body, problem',
    [
        ('message', {'id': 'x', 'flag': {'flagStatus': 'flagged'}, '@odata.etag': 'W/"x"'}, ''),
        ('message', {'Subject': 'x'}, "The property 'Subject' does not exist"),
        ('message', {'id': None}, "'id' must not be null"),
        ('message', {'categories': None}, "'categories' must not be null"),
        ('message', {'importance': 'High'}, "Requested value 'High'"),
        ('message', {'isRead': 'true'}, 'Edm.Boolean'),
        ('message', {'receivedDateTime': '2026-01-01'}, 'Edm.DateTimeOffset'),
        ('message', {'toRecipients': [{'emailAddress': {'mail': 'x'}}]}, "at 'toRecipients[0]/emailAddress'"),
        ('message', {'attachments': [{'@odata.type': '#microsoft.graph.message'}]}, "'message' is not a 'attachment'"),
        ('attachment', {'contentBytes': 'YQ=='}, "'contentBytes' does not exist"),
        ('attachment', {'@odata.type': '#microsoft.graph.fileAttachment', 'contentBytes': 'YQ=='}, ''),
        ('attachment', {'@odata.type': '#microsoft.graph.fileAttachment', 'contentBytes': '~'}, 'Edm.Binary'),
        ('mailFolder', {'totalItemCount': 2**31}, 'Edm.Int32'),
        ('mailFolder', [], 'not an object'),
    ],
)
def test_schema_finds_what_is_wrong(kind: str, body: Any, problem: str) -> None:
    problems = Schema.load().problems(kind, body)
    assert bool(problems) is bool(problem)
    assert problem in ''.join(problems)


def test_schema_refuses_an_answer_that_does_not_say_what_it_is() -> None:
    assert Schema.load().answer_problems({'value': []})
    assert Schema.load().answer_problems({'@odata.context': 'https://x/v1.0/$metadata#me/messages', 'value': [{'colour': 1}]})
