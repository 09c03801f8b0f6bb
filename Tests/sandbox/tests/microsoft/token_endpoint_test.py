"""What the token endpoint refuses, and how; what it answers when all is right."""

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, Secret
from sandbox.tests.machine import limit
from sandbox.tests.microsoft.clients import TENANT, HttpClient, assertion
from sandbox.tests.microsoft.expected import check_refusal

CLIENT_CREDENTIALS = {
    'tenant that does not exist': ({'tenant': 'nowhere.example'}, 90002),
    'tenant ID that does not exist': ({'tenant': str(uuid.uuid4())}, 90002),
    'tenant that cannot be one': ({'tenant': 'what ever'}, 900023),
    'common': ({'tenant': 'common'}, 50194),
    'consumers': ({'tenant': 'consumers'}, 9002332),
    'another tenant': ({'tenant': 'fabrikam.example'}, 700016),
    'client that does not exist': ({'client_id': str(uuid.uuid4())}, 700016),
    'client ID missing': ({'client_id': ''}, 900144),
    'grant type missing': ({'grant_type': ''}, 900144),
    'grant type unknown': ({'grant_type': 'password'}, 70003),
    'wrong secret': ({'client_secret': 'guess'}, 7000215),
    'no secret': ({'client_secret': ''}, 7000218),
    'scope missing': ({'scope': ''}, 900144),
    'resource at v2': ({'resource': 'https://x'}, 901002),
    'scope without .default': ({'scope': 'Mail.Read'}, 1002012),
    'several scopes': ({'scope': '00000003-0000-0000-c000-000000000000/.default openid'}, 1002012),
    'unknown resource': ({'scope': 'https://graph.microsoft.com/.default'}, 500011),
    'claims that are no JSON': ({'claims': '{'}, 9002313),
    'claims of another shape': ({'claims': '[1]'}, 9002313),
}


@pytest.mark.parametrize('changes, number', CLIENT_CREDENTIALS.values(), ids=CLIENT_CREDENTIALS)
def test_client_credentials_are_refused(http: HttpClient, changes: dict[str, str], number: int) -> None:
    check_refusal(http.application_token(**changes), number)


def test_two_resources_in_one_request_are_refused(cloud: MicrosoftCloud, http: HttpClient) -> None:
    check_refusal(http.application_token(scope=f'{cloud.graph}/.default {cloud.resource_manager}/.default'), 700022)


def test_application_of_many_tenants_cannot_use_organizations_without_user(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cortex = cloud.directory.application('ms-graph-mail')
    check_refusal(http.application_token(tenant='organizations', client_id=cortex.client_id, client_secret=cortex.secret), 50059)


def test_application_of_many_tenants_needs_consent_of_the_tenant(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cortex = cloud.directory.application('ms-graph-mail')
    request = {'client_id': cortex.client_id, 'client_secret': cortex.secret}
    check_refusal(http.application_token(**request), 700016)
    cortex.service_principals.add(cloud.directory.tenant(TENANT).tenant_id)
    assert http.application_token(**request).status_code == 200


def test_secret_id_in_place_of_the_secret_has_its_own_text(http: HttpClient, daemon: Application) -> None:
    answer = http.application_token(client_secret=daemon.secrets[0].secret_id)
    check_refusal(answer, 7000215)
    assert 'ID of the secret, not its value' in answer.json()['error_description']


def test_expired_secret_is_refused(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    daemon.secrets.append(Secret(value='short-lived', expires=cloud.clock.now() + 60))
    assert http.application_token(client_secret='short-lived').status_code == 200
    cloud.clock.advance(61)
    check_refusal(http.application_token(client_secret='short-lived'), 7000222)


def test_disabled_application_is_refused(http: HttpClient, daemon: Application) -> None:
    daemon.enabled = False
    check_refusal(http.application_token(), 7000112)


def test_public_client_must_not_send_a_secret(cloud: MicrosoftCloud, http: HttpClient) -> None:
    device = cloud.directory.application('device')
    check_refusal(http.application_token(client_id=device.client_id), 700025)


@pytest.mark.parametrize('name', [TENANT, TENANT.upper(), 'tenant ID'])
def test_tenant_is_known_by_domain_and_by_id(cloud: MicrosoftCloud, http: HttpClient, name: str) -> None:
    tenant = cloud.directory.tenant(TENANT)
    assert http.application_token(tenant=tenant.tenant_id if name == 'tenant ID' else name).status_code == 200


@pytest.mark.parametrize('resource', ['{graph}', '{graph}/', '00000003-0000-0000-c000-000000000000'])
def test_graph_has_three_names(cloud: MicrosoftCloud, http: HttpClient, resource: str) -> None:
    answer = http.application_token(scope=resource.format(graph=cloud.graph) + '/.default')
    token = answer.json()['access_token']
    audience = jwt.decode(token, options={'verify_signature': False})['aud']
    assert audience == (f'{cloud.graph}/' if resource == '{graph}/' else cloud.graph)
    assert http.graph('/users/ada@contoso.example/messages', token).status_code == 200


def test_answer_has_the_fields_of_entra(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = http.application_token()
    assert set(answer.json()) == {'token_type', 'expires_in', 'ext_expires_in', 'access_token'}
    assert answer.headers['Cache-Control'].startswith('no-store')
    cloud.directory.refresh_in = 1800
    assert http.application_token().json()['refresh_in'] == 1800


def test_token_holds_only_roles_that_the_resource_publishes(http: HttpClient, daemon: Application) -> None:
    daemon.application_permissions = ['Mail.ReadWrite', 'User.Read', 'Mail.Burn']
    token = http.application_token().json()['access_token']
    assert jwt.decode(token, options={'verify_signature': False})['roles'] == ['Mail.ReadWrite']


def test_v1_endpoint_takes_resource_and_answers_text(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = http.application_token(version='', scope='', resource=f'{cloud.graph}/').json()
    assert (answer['expires_in'], answer['resource']) == ('3599', f'{cloud.graph}/')
    assert abs(int(answer['expires_on']) - time.time() - 3599) < limit(5)
    assert http.graph('/users/ada@contoso.example/messages', answer['access_token']).status_code == 200


@pytest.mark.parametrize('resource, number', [('', 900144), ('https://unknown.example', 500011)])
def test_v1_endpoint_refuses(http: HttpClient, resource: str, number: int) -> None:
    check_refusal(http.application_token(version='', scope='', resource=resource), number)


def test_correlation_id_of_the_client_comes_back(cloud: MicrosoftCloud, http: HttpClient) -> None:
    correlation_id = str(uuid.uuid4())
    answer = http.post(f'{cloud.authority}/{TENANT}/oauth2/v2.0/token', {}, **{'client-request-id': correlation_id})
    check_refusal(answer, 900144)
    assert answer.json()['correlation_id'] == correlation_id == answer.headers['client-request-id']


# Assertions


def claim(**changes: Any) -> Callable[[Application, str], dict[str, str]]:
    return lambda application, url: assertion(application, url, **changes)


def signed_by_another_key(application: Application, url: str) -> dict[str, str]:
    stranger = Application(name='stranger', tenant_id='', client_id=application.client_id, certificates=[certificate('stranger')])
    return assertion(stranger, url, headers={'x5t#S256': application.certificate.x5t_s256})


def of_another_certificate(application: Application, url: str) -> dict[str, str]:
    stranger = Application(name='stranger', tenant_id='', client_id=application.client_id, certificates=[certificate('stranger')])
    return assertion(stranger, url)


ASSERTIONS = {
    'another audience': (claim(aud='https://localhost/elsewhere'), 50027),
    'another issuer': (claim(iss='somebody'), 50027),
    'another subject': (claim(sub='somebody'), 50027),
    'without jti': (claim(jti=''), 50027),
    'without end': (claim(exp=None), 50027),
    'expired': (lambda app, url: assertion(app, url, exp=int(time.time()) - 400, nbf=int(time.time()) - 1000), 700024),
    'not valid yet': (lambda app, url: assertion(app, url, nbf=int(time.time()) + 400), 700024),
    'lives for two days': (lambda app, url: assertion(app, url, exp=int(time.time()) + 2 * 86400), 700024),
    'no thumbprint': (claim(headers={}), 700027),
    'certificate that is not registered': (of_another_certificate, 700027),
    'signed by another key': (signed_by_another_key, 700027),
    'not a JWT': (lambda app, url: assertion(app, url) | {'client_assertion': 'abc'}, 50027),
    'another assertion type': (lambda app, url: assertion(app, url) | {'client_assertion_type': 'saml'}, 900144),
}


@pytest.mark.parametrize('make, number', ASSERTIONS.values(), ids=ASSERTIONS)
def test_assertion_is_refused(
    cloud: MicrosoftCloud, http: HttpClient, daemon: Application, make: Callable[[Application, str], dict[str, str]], number: int
) -> None:
    fields = make(daemon, f'{cloud.authority}/{TENANT}/oauth2/v2.0/token')
    check_refusal(http.application_token(client_secret='', **fields), number)


def test_assertion_is_good_once(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    fields = assertion(daemon, f'{cloud.authority}/{TENANT}/oauth2/v2.0/token')
    assert http.application_token(client_secret='', **fields).status_code == 200
    check_refusal(http.application_token(client_secret='', **fields), 50027)


@pytest.mark.parametrize('algorithm', ['RS256', 'PS256'])
@pytest.mark.parametrize('header', ['x5t', 'x5t#S256'])
def test_assertion_is_accepted(cloud: MicrosoftCloud, http: HttpClient, daemon: Application, algorithm: str, header: str) -> None:
    value = daemon.certificate.x5t if header == 'x5t' else daemon.certificate.x5t_s256
    tenant_id = cloud.directory.tenant(TENANT).tenant_id
    fields = assertion(daemon, f'{cloud.authority}/{tenant_id}/oauth2/v2.0/token', algorithm=algorithm, headers={header: value})
    assert http.application_token(client_secret='', **fields).status_code == 200


def test_thumbprints_are_those_of_the_certificate(daemon: Application) -> None:
    assert re.fullmatch('[0-9A-F]{40}', daemon.certificate.sha1_thumbprint)
    assert re.fullmatch('[0-9A-F]{64}', daemon.certificate.sha256_thumbprint)
    assert daemon.certificate.private_key_pem.startswith('-----BEGIN PRIVATE KEY-----')
