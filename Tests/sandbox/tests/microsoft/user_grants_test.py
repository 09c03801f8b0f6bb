"""Codes, refresh tokens and device codes: what they are bound to, how they end."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from sandbox.microsoft.browser import Browser, SignInRefused
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.samples import REDIRECT_URI
from sandbox.tests.microsoft.clients import SCOPE, TENANT, VERIFIER, HttpClient, WebAppClient
from sandbox.tests.microsoft.expected import check_refusal

DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'


# Codes


def test_code_gives_tokens_of_the_user(web_app: WebAppClient, http: HttpClient, ada: User) -> None:
    tokens = web_app.tokens()
    claims = jwt.decode(tokens['access_token'], options={'verify_signature': False})
    assert (claims['oid'], claims['upn'], claims['scp']) == (ada.object_id, ada.user_principal_name, 'Mail.ReadWrite User.Read')
    assert tokens['scope'] == 'Mail.ReadWrite User.Read openid'
    assert http.graph('/me', tokens['access_token']).json()['id'] == ada.object_id
    assert jwt.decode(tokens['id_token'], options={'verify_signature': False})['aud'] == web_app.web.client_id


def test_no_refresh_token_without_offline_access(web_app: WebAppClient) -> None:
    tokens = web_app.redeem(code=web_app.code(scope='User.Read')).json()
    assert 'refresh_token' not in tokens
    assert 'id_token' not in tokens


CODES: dict[str, tuple[dict[str, str], int]] = {
    'another redirect URI': ({'redirect_uri': REDIRECT_URI + '/'}, 500112),
    'redirect URI missing': ({'redirect_uri': ''}, 900144),
    'another verifier': ({'code_verifier': VERIFIER + 'x'}, 501481),
    'verifier missing': ({'code_verifier': ''}, 501481),
    'secret missing': ({'client_secret': ''}, 7000218),
    'wrong secret': ({'client_secret': 'guess'}, 7000215),
    'another tenant': ({'tenant': 'fabrikam.example'}, 700016),
    'two resources': ({'scope': 'User.Read {resource_manager}/user_impersonation'}, 700022),
    'scope that nobody granted': ({'scope': 'Mail.Send'}, 65001),
    'other resource that nobody granted': ({'scope': '{resource_manager}/.default'}, 65001),
    'scope that does not exist': ({'scope': 'Mail.Burn'}, 70011),
    'scope for applications only': ({'scope': 'Mail.ReadBasic.All'}, 70011),
    '.default beside another scope': ({'scope': '{graph}/.default {graph}/Mail.Read'}, 70011),
}


@pytest.mark.parametrize('changes, number', CODES.values(), ids=CODES)
def test_code_is_refused_and_stays_good(
    web_app: WebAppClient, cloud: MicrosoftCloud, changes: dict[str, str], number: int
) -> None:
    code = web_app.code()
    addresses = {'graph': cloud.graph, 'resource_manager': cloud.resource_manager}
    check_refusal(web_app.redeem(code=code, **{name: value.format(**addresses) for name, value in changes.items()}), number)
    assert web_app.redeem(code=code).status_code == 200


@pytest.mark.parametrize(
    'spoil',
    [lambda code: code[:-5], lambda code: code.replace('!', '%21'), lambda _code: 'x' * 100],
    ids=['truncated', 'still encoded', 'something else'],
)
def test_spoilt_code_is_malformed(web_app: WebAppClient, spoil: Callable[[str], str]) -> None:
    check_refusal(web_app.redeem(code=spoil(web_app.code())), 9002313, 'invalid_grant')


def test_code_is_good_once(web_app: WebAppClient) -> None:
    code = web_app.code()
    assert web_app.redeem(code=code).status_code == 200
    check_refusal(web_app.redeem(code=code), 54005)


def test_code_expires(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    code = web_app.code()
    cloud.clock.advance(601)
    check_refusal(web_app.redeem(code=code), 70008)


def test_code_belongs_to_one_client(web_app: WebAppClient, daemon: Application) -> None:
    answer = web_app.redeem(code=web_app.code(), client_id=daemon.client_id, client_secret=daemon.secret)
    check_refusal(answer, 70000)


def test_code_of_common_belongs_to_the_home_tenant(web_app: WebAppClient) -> None:
    web_app.web.is_multi_tenant = True
    assert web_app.redeem(code=web_app.code(tenant='common'), tenant='organizations').status_code == 200
    check_refusal(web_app.redeem(code=web_app.code(tenant='common'), tenant='fabrikam.example'), 700005)


def test_common_is_for_applications_of_many_tenants(web_app: WebAppClient) -> None:
    with pytest.raises(SignInRefused, match='AADSTS50194'):
        web_app.code(tenant='common')
    check_refusal(web_app.redeem(code=web_app.code(), tenant='common'), 50194)


def test_consent_to_two_resources_gives_a_token_for_each(web_app: WebAppClient, cloud: MicrosoftCloud, http: HttpClient) -> None:
    code = web_app.code(scope=f'offline_access User.Read {cloud.resource_manager}/user_impersonation')
    for_graph = web_app.redeem(code=code).json()
    assert for_graph['scope'] == 'User.Read'
    for_azure = web_app.refresh(for_graph['refresh_token'], scope=f'{cloud.resource_manager}/.default').json()
    assert for_azure['scope'] == f'{cloud.resource_manager}/user_impersonation {cloud.resource_manager}/.default'
    answer = http.get(f'{cloud.resource_manager}/subscriptions', for_azure['access_token'], {'api-version': '2022-12-01'})
    assert len(answer.json()['value']) == 1


def test_v1_code_flow(web_app: WebAppClient, cloud: MicrosoftCloud, http: HttpClient) -> None:
    code = web_app.code(version='', scope='', resource=cloud.graph)
    tokens = web_app.redeem(version='', code=code, resource=cloud.graph).json()
    assert tokens['expires_in'] == '3599'
    assert http.graph('/me', tokens['access_token']).status_code == 200
    assert web_app.refresh(tokens['refresh_token'], version='', resource=cloud.graph).status_code == 200


# Refresh tokens


def test_refresh_rotates_and_the_old_one_still_works(web_app: WebAppClient) -> None:
    first = web_app.tokens()['refresh_token']
    second = web_app.refresh(first).json()['refresh_token']
    assert second != first
    assert web_app.refresh(first).status_code == 200
    assert web_app.refresh(second, scope='User.Read').json()['scope'] == 'Mail.ReadWrite User.Read openid'


def test_refresh_token_expires_unless_used(web_app: WebAppClient, cloud: MicrosoftCloud) -> None:
    first = web_app.tokens()['refresh_token']
    cloud.clock.advance(80 * 86400)
    second = web_app.refresh(first).json()['refresh_token']
    cloud.clock.advance(20 * 86400)
    check_refusal(web_app.refresh(first), 700082)
    assert web_app.refresh(second).status_code == 200


def test_refresh_token_can_be_revoked(web_app: WebAppClient, ada: User) -> None:
    tokens = web_app.tokens()
    ada.revoke()
    check_refusal(web_app.refresh(tokens['refresh_token']), 50173)


def test_refresh_token_of_a_disabled_user(web_app: WebAppClient, ada: User) -> None:
    tokens = web_app.tokens()
    ada.enabled = False
    check_refusal(web_app.refresh(tokens['refresh_token']), 50057)


@pytest.mark.parametrize(
    'changes, number',
    [
        ({'client_secret': ''}, 7000218),
        ({'scope': 'Mail.Send'}, 65001),
        ({'scope': 'https://graph.microsoft.com/.default'}, 500011),
    ],
    ids=['secret missing', 'scope that nobody granted', 'unknown resource'],
)
def test_refresh_is_refused(web_app: WebAppClient, changes: dict[str, str], number: int) -> None:
    check_refusal(web_app.refresh(web_app.tokens()['refresh_token'], **changes), number)


def test_refresh_token_belongs_to_one_client(web_app: WebAppClient, daemon: Application) -> None:
    token = web_app.tokens()['refresh_token']
    check_refusal(web_app.refresh(token, client_id=daemon.client_id, client_secret=daemon.secret), 70000)


def test_refresh_token_that_is_none(web_app: WebAppClient) -> None:
    check_refusal(web_app.refresh('abc'), 9002313, 'invalid_grant')
    check_refusal(web_app.refresh(''), 900144)


def test_withdrawn_consent_ends_refreshing(web_app: WebAppClient, ada: User) -> None:
    tokens = web_app.tokens()
    del web_app.web.consents[ada.object_id]
    check_refusal(web_app.refresh(tokens['refresh_token']), 65001)


# Device codes


class Device:
    """A device that shows a code and polls."""

    def __init__(self, cloud: MicrosoftCloud, http: HttpClient, name: str = 'device', tenant: str = TENANT) -> None:
        self.cloud = cloud
        self.http = http
        self.application = cloud.directory.application(name)
        self.started = http.post(
            f'{cloud.authority}/{tenant}/oauth2/v2.0/devicecode', {'client_id': self.application.client_id, 'scope': SCOPE}
        ).json()

    def enter(self, accept: bool = True, code: str = '') -> None:
        Browser(self.cloud, 'ada@contoso.example').enter_device_code(
            self.started['verification_uri'], code or self.started['user_code'], accept
        )

    def poll(self, tenant: str = TENANT, **changes: str) -> Any:
        form = {'grant_type': DEVICE_GRANT, 'client_id': self.application.client_id, 'device_code': self.started['device_code']}
        return self.http.token(tenant, **{**form, **changes})


@pytest.fixture
def device(cloud: MicrosoftCloud, http: HttpClient) -> Device:
    return Device(cloud, http)


def test_device_waits_then_gets_tokens_once(device: Device, cloud: MicrosoftCloud, http: HttpClient) -> None:
    assert (device.started['interval'], device.started['expires_in']) == (5, 900)
    assert device.started['user_code'] in device.started['message']
    check_refusal(device.poll(), 70016)
    device.enter()
    tokens = device.poll().json()
    assert http.graph('/me', tokens['access_token']).json()['userPrincipalName'] == 'ada@contoso.example'
    check_refusal(device.poll(), 54005)
    refreshed = http.token(
        TENANT, grant_type='refresh_token', client_id=device.application.client_id, refresh_token=tokens['refresh_token']
    )
    assert refreshed.status_code == 200


def test_a_token_tells_how_its_client_authenticated(device: Device, web_app: WebAppClient) -> None:
    device.enter()
    for tokens, expected in ((device.poll().json(), '0'), (web_app.tokens(), '1')):
        claims = jwt.decode(tokens['access_token'], options={'verify_signature': False})
        assert claims.get('appidacr') == expected


@pytest.mark.parametrize('started_in', ['organizations', 'contoso.example'])
def test_device_code_is_redeemed_where_it_was_requested(cloud: MicrosoftCloud, http: HttpClient, started_in: str) -> None:
    cloud.directory.application('device').is_multi_tenant = True
    device = Device(cloud, http, tenant=started_in)
    device.enter()
    check_refusal(device.poll(tenant='common'), 700005)
    if started_in == 'organizations':
        check_refusal(device.poll(), 700005)
        assert device.poll(tenant='Organizations').status_code == 200
    else:
        assert device.poll().status_code == 200, 'by its ID'


def test_device_that_polls_too_fast_must_slow_down(device: Device, cloud: MicrosoftCloud) -> None:
    check_refusal(device.poll(), 70016)
    check_refusal(device.poll(), 70016, 'slow_down')
    cloud.clock.advance(6)
    check_refusal(device.poll(), 70016, 'slow_down')
    cloud.clock.advance(16)
    check_refusal(device.poll(), 70016)


def test_device_code_expires(device: Device, cloud: MicrosoftCloud) -> None:
    cloud.clock.advance(901)
    check_refusal(device.poll(), 70019)
    with pytest.raises(SignInRefused, match='unknown or has expired'):
        device.enter()


def test_person_may_decline_the_device(device: Device) -> None:
    device.enter(accept=False)
    check_refusal(device.poll(), 65004, 'authorization_declined')
    with pytest.raises(SignInRefused, match='used already'):
        device.enter()


def test_device_code_that_is_unknown(device: Device) -> None:
    check_refusal(device.poll(device_code='abc'), 70018)
    with pytest.raises(SignInRefused, match='unknown or has expired'):
        device.enter(code='ABCDEFGHJ')


def test_device_code_needs_public_client_flows(cloud: MicrosoftCloud, http: HttpClient) -> None:
    device = Device(cloud, http, 'web')
    check_refusal(device.poll(), 7000218)
    device.enter()
    assert device.poll(client_secret=device.application.secret).status_code == 200


def test_device_whose_user_was_revoked(device: Device, ada: User) -> None:
    device.enter()
    ada.revoke()
    check_refusal(device.poll(), 50173)


@pytest.mark.parametrize(
    'form, number',
    [
        ({'scope': SCOPE}, 900144),
        ({'client_id': '{client_id}'}, 900144),
        ({'client_id': '{client_id}', 'scope': 'Mail.Burn'}, 70011),
        ({'client_id': 'abc', 'scope': SCOPE}, 700016),
    ],
)
def test_device_start_is_refused(cloud: MicrosoftCloud, http: HttpClient, form: dict[str, str], number: int) -> None:
    client_id = cloud.directory.application('device').client_id
    filled = {name: value.format(client_id=client_id) for name, value in form.items()}
    check_refusal(http.post(f'{cloud.authority}/{TENANT}/oauth2/v2.0/devicecode', filled), number)
