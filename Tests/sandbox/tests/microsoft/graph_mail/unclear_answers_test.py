"""What was done although the answer says otherwise, what is done later, and limits that only reports tell of."""

from typing import Any

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import User
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.microsoft.clients import HttpClient, WebAppClient
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB, IMMUTABLE, GraphClient
from sandbox.tests.microsoft.graph_mail.writing_test import FILE, draft, subjects

THROTTLED = {'status': 429, 'body': {'error': {'code': 'ApplicationThrottled', 'message': 'Slow down.'}}}


def copies(mailbox: Mailbox) -> int:
    return subjects(mailbox, 'inbox').count('Plan')


def test_an_error_may_come_though_the_work_is_done(graph: GraphClient, cloud: MicrosoftCloud, bobs: Mailbox) -> None:
    cloud.faults.add(service='graph', path='/sendMail$', done=True, **THROTTLED)
    assert graph.request('POST', '/sendMail', {'message': draft()}).status_code == 429
    assert copies(bobs) == 1


def test_work_may_be_done_later(graph: GraphClient, cloud: MicrosoftCloud, bobs: Mailbox) -> None:
    cloud.faults.add(service='graph', path='/sendMail$', done=True, done_after=4, status=504)
    assert graph.request('POST', '/sendMail', {'message': draft()}).status_code == 504
    graph.get('/messages')
    assert copies(bobs) == 0
    cloud.clock.advance(4)
    graph.get('/messages')
    assert copies(bobs) == 1


@pytest.mark.parametrize('is_cleared', [False, True])
def test_a_test_does_not_have_to_wait_for_late_work(
    graph: GraphClient, cloud: MicrosoftCloud, bobs: Mailbox, is_cleared: bool
) -> None:
    cloud.faults.add(service='graph', path='/sendMail$', done=True, done_after=4, status=504)
    graph.request('POST', '/sendMail', {'message': draft()})
    if is_cleared:
        cloud.faults.clear()
    cloud.faults.do_late_work()
    assert copies(bobs) == (not is_cleared)


@pytest.mark.parametrize('has_new_id', [False, True])
def test_a_mail_in_transport_stays_a_draft(
    graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox, bobs: Mailbox, has_new_id: bool
) -> None:
    mailbox.transport_seconds, mailbox.changes_sent_ids = 5, has_new_id
    made = graph.post('/messages', draft(), **IMMUTABLE)['id']
    graph.post(f'/messages/{made}/send', None, status=202)
    assert copies(bobs) == 1
    assert graph.get(f'/messages/{made}', **IMMUTABLE)['isDraft']
    cloud.clock.advance(5)
    graph.get('/messages')
    assert (subjects(mailbox, 'drafts'), subjects(mailbox, 'sentitems')) == ([], ['Plan'])
    assert graph.request('GET', f'/messages/{made}', **IMMUTABLE).status_code == (404 if has_new_id else 200)


def test_a_mail_in_transport_can_be_sent_a_second_time(graph: GraphClient, mailbox: Mailbox, bobs: Mailbox) -> None:
    mailbox.transport_seconds = 5
    made = graph.post('/messages', draft(), **IMMUTABLE)['id']
    for _ in range(2):
        graph.post(f'/messages/{made}/send', None, status=202)
    assert copies(bobs) == 2


def test_a_list_of_attachments_may_be_behind(graph: GraphClient, cloud: MicrosoftCloud, mailbox: Mailbox) -> None:
    mailbox.attachment_lag = 3
    made = graph.post('/messages', draft())['id']
    graph.post(f'/messages/{made}/attachments', FILE)
    assert graph.get(f'/messages/{made}/attachments')['value'] == []
    cloud.clock.advance(3)
    assert [one['name'] for one in graph.get(f'/messages/{made}/attachments')['value']] == ['a.txt']


SESSION = {'AttachmentItem': {'attachmentType': 'file', 'name': 'a.bin', 'size': 3_000_000}}


def test_a_cloud_may_lack_upload_sessions(graph: GraphClient, mailbox: Mailbox) -> None:
    mailbox.has_upload_sessions = False
    made = graph.post('/messages', draft())['id']
    assert graph.error('POST', f'/messages/{made}/attachments/createUploadSession', SESSION) == (400, 'BadRequest')


@pytest.mark.parametrize('is_shared', [True, False])
def test_another_mailbox_may_refuse_upload_sessions(
    cloud: MicrosoftCloud, http: HttpClient, ada: User, bobs: Mailbox, is_shared: bool
) -> None:
    cloud.directory.user(BOB).shared_with.add(ada.object_id)
    bobs.shares_upload_sessions = is_shared
    web_app = WebAppClient(cloud, http)
    code = web_app.code(ADA, scope='offline_access Mail.ReadWrite.Shared')
    of_ada = GraphClient(cloud, web_app.redeem(code=code).json()['access_token'], f'/users/{BOB}')
    made = of_ada.post('/messages', draft())['id']
    answer = of_ada.request('POST', f'/messages/{made}/attachments/createUploadSession', SESSION)
    assert answer.status_code == (201 if is_shared else 403)


@pytest.mark.parametrize('to_nobody', [True, False])
def test_a_mail_may_be_forwarded_to_nobody(graph: GraphClient, mailbox: Mailbox, to_nobody: bool) -> None:
    mailbox.forwards_to_nobody = to_nobody
    original = mailbox.deliver(Message('Case', EmailAddress('Bob', BOB), mailbox.now(), to=[mailbox.owner]))
    body: dict[str, Any] = {'message': {'subject': 'FW: Case'}}
    answer = graph.request('POST', f'/messages/{original.immutable_id}/createForward', body, **IMMUTABLE)
    assert answer.status_code == (201 if to_nobody else 400)
