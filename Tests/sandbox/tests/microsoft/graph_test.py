"""Microsoft Graph and Azure Resource Manager: what they check of a token, and what they answer."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from sandbox.microsoft.certificates import rsa_key
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.microsoft.clients import HttpClient, WebAppClient

ADA = 'ada@contoso.example'
BOB = 'bob@contoso.example'
MAIL = f'/users/{ADA}/messages'
OIDC = 'offline_access '


@pytest.fixture
def app_token(http: HttpClient) -> str:
    return http.application_token().json()['access_token']


def user_token(web_app: WebAppClient, scope: str, user: str = ADA) -> str:
    return web_app.redeem(code=web_app.code(user, scope=OIDC + scope)).json()['access_token']


def check_error(answer: Any, status: int, code: str) -> None:
    """Return the answer must have Graph's shape."""
    assert answer.status_code == status, answer.text
    error = answer.json()['error']
    assert (error['code'], set(error), set(error['innerError'])) == (
        code,
        {'code', 'message', 'innerError'},
        {'date', 'request-id', 'client-request-id'},
    )
    assert error['innerError']['request-id'] == answer.headers['request-id']


# Tokens


def test_request_without_token(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = http.graph(MAIL, '')
    check_error(answer, 401, 'InvalidAuthenticationToken')
    assert answer.headers['WWW-Authenticate'] == f'Bearer realm="", authorization_uri="{cloud.authority}/common/oauth2/authorize"'
    check_error(http.get(f'{cloud.graph}/v1.0{MAIL}', Authorization='Basic abc'), 401, 'InvalidAuthenticationToken')


def unsigned(token: str) -> str:
    return jwt.encode(jwt.decode(token, options={'verify_signature': False}), '', algorithm='none')


def signed_elsewhere(token: str) -> str:
    return jwt.encode(jwt.decode(token, options={'verify_signature': False}), rsa_key('elsewhere'), algorithm='RS256')


def with_more_roles(token: str) -> str:
    header, payload, signature = token.split('.')
    claims = json.loads(base64.urlsafe_b64decode(payload + '=='))
    claims['roles'] = ['Directory.Read.All']
    return '.'.join([header, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode(), signature])


@pytest.mark.parametrize('forge', [lambda _token: 'abc', unsigned, signed_elsewhere, with_more_roles])
def test_forged_token_is_refused(http: HttpClient, app_token: str, forge: Callable[[str], str]) -> None:
    assert http.graph(MAIL, app_token).status_code == 200
    check_error(http.graph(MAIL, forge(app_token)), 401, 'InvalidAuthenticationToken')


def test_token_for_another_resource_is_refused(cloud: MicrosoftCloud, http: HttpClient, app_token: str) -> None:
    for_azure = http.application_token(scope=f'{cloud.resource_manager}/.default').json()['access_token']
    check_error(http.graph(MAIL, for_azure), 401, 'InvalidAuthenticationToken')
    answer = http.get(f'{cloud.resource_manager}/subscriptions', app_token, {'api-version': '2022-12-01'})
    assert (answer.status_code, answer.json()['error']['code']) == (401, 'InvalidAuthenticationTokenAudience')


def test_token_expires(cloud: MicrosoftCloud, http: HttpClient, app_token: str) -> None:
    cloud.clock.advance(3599)
    assert http.graph(MAIL, app_token).status_code == 200
    cloud.clock.advance(1)
    check_error(http.graph(MAIL, app_token), 401, 'InvalidAuthenticationToken')


def test_life_of_tokens_can_be_set(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.directory.access_token_seconds = 60
    answer = http.application_token().json()
    assert answer['expires_in'] == 59
    cloud.clock.advance(60)
    check_error(http.graph(MAIL, answer['access_token']), 401, 'InvalidAuthenticationToken')


def test_token_from_the_future_is_refused(cloud: MicrosoftCloud, http: HttpClient, app_token: str) -> None:
    cloud.clock.advance(-400)
    check_error(http.graph(MAIL, app_token), 401, 'InvalidAuthenticationToken')


def test_revoked_token_is_refused(http: HttpClient, daemon: Application, app_token: str) -> None:
    assert http.graph(MAIL, app_token).status_code == 200
    daemon.revoke()
    answer = http.graph(MAIL, app_token)
    check_error(answer, 401, 'InvalidAuthenticationToken')
    assert 'claims=' not in answer.headers['WWW-Authenticate']
    assert http.graph(MAIL, http.application_token().json()['access_token']).status_code == 200


def test_a_token_from_before_the_reset_is_refused(cloud: MicrosoftCloud, http: HttpClient, app_token: str) -> None:
    assert http.graph(MAIL, app_token).status_code == 200
    cloud.reset()
    check_error(http.graph(MAIL, app_token), 401, 'InvalidAuthenticationToken')


def test_revoked_token_of_a_capable_client_is_challenged(http: HttpClient, daemon: Application) -> None:
    capable = http.application_token(claims='{"access_token": {"xms_cc": {"values": ["CP1"]}}}').json()['access_token']
    assert jwt.decode(capable, options={'verify_signature': False})['xms_cc'] == ['CP1']
    daemon.revoke()
    assert 'error="insufficient_claims"' in http.graph(MAIL, capable).headers['WWW-Authenticate']


def test_claims_challenge_is_met_by_a_token_with_those_claims(http: HttpClient, daemon: Application, app_token: str) -> None:
    daemon.require_claims()
    answer = http.graph(MAIL, app_token)
    check_error(answer, 401, 'InvalidAuthenticationToken')
    challenge = re.search(r'error="insufficient_claims", claims="([^"]+)"', answer.headers['WWW-Authenticate'])
    assert challenge is not None
    without_claims = http.application_token().json()['access_token']
    assert http.graph(MAIL, without_claims).status_code == 401
    claims = base64.b64decode(challenge[1]).decode()
    assert http.graph(MAIL, http.application_token(claims=claims).json()['access_token']).status_code == 200
    daemon.require_claims()
    assert http.graph(MAIL, http.application_token(claims=claims).json()['access_token']).status_code == 401


def test_token_of_a_disabled_user_is_refused(web_app: WebAppClient, http: HttpClient, ada: User) -> None:
    token = user_token(web_app, 'User.Read')
    assert http.graph('/me', token).status_code == 200
    ada.enabled = False
    check_error(http.graph('/me', token), 401, 'InvalidAuthenticationToken')


# Permissions


def test_application_has_no_me(http: HttpClient, app_token: str) -> None:
    check_error(http.graph('/me', app_token), 400, 'BadRequest')
    check_error(http.graph('/me/messages', app_token), 400, 'BadRequest')


def test_application_needs_a_mail_role(http: HttpClient, daemon: Application) -> None:
    daemon.application_permissions = ['Mail.Send', 'User.Read.All']
    token = http.application_token().json()['access_token']
    check_error(http.graph(MAIL, token), 403, 'ErrorAccessDenied')
    assert http.graph(f'/users/{ADA}', token).json()['displayName'] == 'Ada Lindqvist'
    daemon.application_permissions = []
    bare = http.application_token().json()['access_token']
    assert 'roles' not in jwt.decode(bare, options={'verify_signature': False})
    check_error(http.graph(MAIL, bare), 403, 'ErrorAccessDenied')


def test_application_needs_a_role_to_read_users(http: HttpClient, app_token: str) -> None:
    check_error(http.graph(f'/users/{ADA}', app_token), 403, 'Authorization_RequestDenied')


@pytest.mark.parametrize(
    'scope, path, status',
    [
        ('User.Read', '/me', 200),
        ('User.Read', f'/users/{ADA}', 200),
        ('User.Read', f'/users/{BOB}', 403),
        ('User.ReadBasic.All', f'/users/{BOB}', 200),
        ('User.ReadBasic.All', '/users/nobody@contoso.example', 404),
        ('User.ReadBasic.All', '/users/eve@fabrikam.example', 404),
        ('Mail.Read', '/me', 403),
        ('Mail.Read', '/me/messages', 200),
        ('Mail.Read', MAIL, 200),
        ('Mail.ReadWrite', '/me/mailFolders/inbox/messages', 200),
        ('User.Read', '/me/messages', 403),
        ('Mail.ReadWrite', f'/users/{BOB}/messages', 403),
        ('Mail.Read.Shared', f'/users/{BOB}/messages', 403),
        ('Mail.Read.Shared', MAIL, 200),
    ],
)
def test_scopes_of_a_user(web_app: WebAppClient, http: HttpClient, scope: str, path: str, status: int) -> None:
    assert http.graph(path, user_token(web_app, scope)).status_code == status


@pytest.mark.parametrize('scope, status', [('Mail.Read', 403), ('Mail.Read.Shared', 200), ('Mail.ReadWrite.Shared', 200)])
def test_shared_mailbox(
    web_app: WebAppClient, http: HttpClient, cloud: MicrosoftCloud, ada: User, scope: str, status: int
) -> None:
    cloud.directory.user(BOB).shared_with.add(ada.object_id)
    assert http.graph(f'/users/{BOB}/messages', user_token(web_app, scope)).status_code == status


def test_mailboxes_that_do_not_exist(http: HttpClient, app_token: str) -> None:
    check_error(http.graph('/users/nobody@contoso.example/messages', app_token), 404, 'ErrorInvalidUser')
    check_error(http.graph('/users/eve@fabrikam.example/messages', app_token), 404, 'ErrorInvalidUser')
    check_error(http.graph('/users/admin@contoso.example/messages', app_token), 404, 'MailboxNotEnabledForRESTAPI')


def test_a_mailbox_is_found_by_principal_name_or_id_and_not_by_another_address(
    web_app: WebAppClient, http: HttpClient, app_token: str, ada: User
) -> None:
    ada.mail = 'ada.lovelace@contoso.example'
    assert http.graph('/me', user_token(web_app, 'User.Read')).json()['mail'] == ada.mail
    for name in (ada.user_principal_name, ada.object_id):
        assert http.graph(f'/users/{name}/messages', app_token).status_code == 200
    check_error(http.graph(f'/users/{ada.mail}/messages', app_token), 404, 'ErrorInvalidUser')


# Messages


@pytest.mark.parametrize('size, pages', [(7, 4), (5, 5), (25, 1), (1000, 1)])
def test_pages_hold_every_message_once_newest_first(
    http: HttpClient, app_token: str, cloud: MicrosoftCloud, size: int, pages: int
) -> None:
    subjects, url = [], f'{cloud.graph}/v1.0{MAIL}?$top={size}&$select=subject'
    cloud.requests.clear()
    while url:
        page = http.get(url, app_token).json()
        assert all(set(message) == {'@odata.etag', 'id', 'subject'} for message in page['value'])
        subjects += [message['subject'] for message in page['value']]
        url = page.get('@odata.nextLink', '')
    assert subjects == [f'Report {number}' for number in range(1, 26)]
    assert len(cloud.requests) == pages


def test_message_has_the_properties_of_graph(http: HttpClient, app_token: str, cloud: MicrosoftCloud) -> None:
    delivered = cloud.mailbox(ADA).deliver(
        Message(
            subject='Grüße',
            sender=EmailAddress('Zoë', 'zoe@partner.example'),
            received=cloud.clock.now() + 60,
            is_read=True,
            to=[EmailAddress('Ada', ADA)],
            cc=[EmailAddress('Bob', BOB)],
            html='<p>a &lt; b</p><p>second</p>',
        )
    )
    shown = http.graph(MAIL + '?$top=1', app_token).json()['value'][0]
    assert (shown['id'], shown['subject'], shown['isRead']) == (delivered.message_id, 'Grüße', True)
    assert shown['from'] == {'emailAddress': {'name': 'Zoë', 'address': 'zoe@partner.example'}}
    assert shown['ccRecipients'] == [{'emailAddress': {'name': 'Bob', 'address': BOB}}]
    assert shown['body'] == {'contentType': 'html', 'content': '<p>a &lt; b</p><p>second</p>'}
    assert shown['bodyPreview'] == 'a < b\r\nsecond'
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', shown['receivedDateTime'])
    as_text = http.graph(MAIL + '?$top=1', app_token, Prefer='outlook.body-content-type="text"').json()['value'][0]
    assert as_text['body'] == {'contentType': 'text', 'content': 'a < b\r\nsecond'}


def test_folders(http: HttpClient, app_token: str, cloud: MicrosoftCloud) -> None:
    mailbox = cloud.mailbox(ADA)
    mailbox.deliver(Message(subject='Old', sender=mailbox.owner, received=cloud.clock.now()), 'Archive')
    archive = mailbox.folder('archive')
    assert archive is not None
    for folder in ('archive', archive.folder_id):
        found = http.graph(f'/users/{ADA}/mailFolders/{folder}/messages?$count=true', app_token).json()
        assert ([message['subject'] for message in found['value']], found['@odata.count']) == (['Old'], 1)
    check_error(http.graph(f'/users/{ADA}/mailFolders/nothing/messages', app_token), 400, 'ErrorInvalidIdMalformed')
    with pytest.raises(LookupError, match='no folder "nothing"'):
        mailbox.deliver(Message(subject='Old', sender=mailbox.owner, received=0), 'nothing')


def test_oldest_first(http: HttpClient, app_token: str) -> None:
    found = http.graph(MAIL + '?$orderby=receivedDateTime asc&$top=1', app_token).json()['value']
    assert found[0]['subject'] == 'Report 25'


@pytest.mark.parametrize(
    'query, code',
    [
        ('$top=0', 'ErrorInvalidUrlQuery'),
        ('$top=1001', 'ErrorInvalidUrlQuery'),
        ('$top=many', 'ErrorInvalidUrlQuery'),
        ('$skip=-1', 'ErrorInvalidUrlQuery'),
        ('$select=colour', 'RequestBroker--ParseUri'),
        ('$orderby=body', 'ErrorInvalidUrlQuery'),
        ('$orderby=receivedDateTime sideways', 'ErrorInvalidUrlQuery'),
        ('$expand=extensions', 'RequestBroker--ParseUri'),
        ('$apply=count', 'BadRequest'),
    ],
)
def test_wrong_query_is_refused(http: HttpClient, app_token: str, query: str, code: str) -> None:
    check_error(http.graph(f'{MAIL}?{query}', app_token), 400, code)


def test_unknown_path_and_method(cloud: MicrosoftCloud, http: HttpClient, app_token: str) -> None:
    check_error(http.graph('/users/x/nonsense', app_token), 400, 'BadRequest')
    answer = http.post(f'{cloud.graph}/v1.0/me', {}, Authorization=f'Bearer {app_token}')
    check_error(answer, 405, 'UnknownError')


def test_request_ids(http: HttpClient, app_token: str) -> None:
    answer = http.graph(MAIL, app_token, **{'client-request-id': 'mine'})
    assert (answer.headers['client-request-id'], len(answer.headers['request-id'])) == ('mine', 36)


def test_users_are_listed_page_by_page(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    daemon.application_permissions = ['User.Read.All']
    token = http.application_token().json()['access_token']
    first = http.graph('/users?$top=3&$select=userPrincipalName', token).json()
    assert [list(user) for user in first['value']] == [['userPrincipalName']] * 3
    second = http.get(first['@odata.nextLink'], token).json()
    assert '@odata.nextLink' not in second
    names = {user['userPrincipalName'] for user in first['value'] + second['value']}
    assert names == {user.user_principal_name for user in cloud.directory.users if user.tenant_id == daemon.tenant_id}


def test_users_are_listed_only_with_a_permission_and_a_known_query(http: HttpClient, daemon: Application) -> None:
    check_error(http.graph('/users', http.application_token().json()['access_token']), 403, 'Authorization_RequestDenied')
    daemon.application_permissions = ['User.Read.All']
    token = http.application_token().json()['access_token']
    check_error(http.graph('/users?$top=1000', token), 400, 'Request_UnsupportedQuery')
    check_error(http.graph('/users?$filter=x', token), 400, 'Request_BadRequest')
