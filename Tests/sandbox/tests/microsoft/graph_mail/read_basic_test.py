"""Reading with ``Mail.ReadBasic``: no bodies, no attachments, no extended properties, no search."""

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.tests.microsoft.clients import HttpClient
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, GraphClient

WITHHELD = {'body', 'bodyPreview', 'uniqueBody'}
DENIED = (403, 'ErrorAccessDenied')


@pytest.fixture(params=['Mail.ReadBasic', 'Mail.ReadBasic.All'])
def basic(cloud: MicrosoftCloud, http: HttpClient, daemon: Application, request: pytest.FixtureRequest) -> GraphClient:
    """A client that may read the basics only."""
    daemon.application_permissions = [request.param]
    return GraphClient(cloud, http.application_token().json()['access_token'])


def test_what_is_withheld_is_missing(basic: GraphClient, mailbox: Mailbox) -> None:
    one = f'/messages/{mailbox.messages()[0].message_id}'
    for shown in (basic.get(one), basic.get('/messages')['value'][0], basic.get('/mailFolders/inbox/messages/delta')['value'][0]):
        assert {'subject', 'from', 'hasAttachments'} < set(shown)
        assert not WITHHELD & set(shown)
    assert basic.get(f'{one}?$select=subject,internetMessageHeaders')['internetMessageHeaders']
    assert basic.get('/mailFolders/inbox')['totalItemCount'] == 25
    assert basic.batch({'id': 'a', 'method': 'GET', 'url': f'/users/{ADA}{one}?$select=subject'})['a']['status'] == 200


@pytest.mark.parametrize(
    'path',
    [
        '/messages?$select=subject,body',
        '/messages?$select=bodyPreview',
        '/messages?$search="report"',
        '/messages?$expand=attachments',
        "/messages?$filter=contains(body/content,'x')",
        "/messages?$expand=singleValueExtendedProperties($filter=id eq 'String 0x007D')",
        '/mailFolders/inbox/messages/delta?$select=uniqueBody',
        '/messages/{id}?$select=body',
        '/messages/{id}/$value',
        '/messages/{id}/attachments',
        '/messages/{id}/attachments/{id}/$value',
    ],
)
def test_who_asks_for_it_is_refused(basic: GraphClient, mailbox: Mailbox, path: str) -> None:
    assert basic.error('GET', path.replace('{id}', mailbox.messages()[0].message_id)) == DENIED


def test_it_does_not_let_write(basic: GraphClient, mailbox: Mailbox) -> None:
    one = f'/messages/{mailbox.messages()[0].message_id}'
    assert basic.error('PATCH', one, {'isRead': True}) == DENIED
    assert basic.error('DELETE', one) == DENIED
    assert basic.error('POST', '/messages', {'subject': 'x'}) == DENIED
