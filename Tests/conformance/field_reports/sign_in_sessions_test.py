"""Reports from the field: whose sign-in is used (S2, S3)."""

from collections.abc import Callable
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import get_integration_context
from conformance.field_reports.report import seen
from conformance.sign_in.methods import authorization_code, keywords, redirect_of
from conformance.sign_in.rows import AUTHORIZATION_CODE, CORTEX_APP, DEVICE_CODE, status
from conformance.sign_in.workbench import Settings, Workbench
from MicrosoftApiModule import complete_browser_sign_in
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenRequestApiModule import AccessToken
from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.entra.model import Secret

Report = Callable[[str, str, str, str], None]

# region S2

LEFT = {'current_refresh_token': 'old', 'access_token': 'x', 'valid_until': 1}
REVOKED = {'error': 'invalid_grant', 'error_description': 'AADSTS50173: Revoked.'}


@pytest.mark.parametrize(
    'answer',
    [
        status(403, body={'message': 'hash verification failed'}),
        status(403, body='hash verification failed'),
        status(401, body={'title': 'Unauthorized', 'detail': 'The key does not decrypt the token.'}),
        status(400, body='<html>Bad Request</html>'),
        status(401),
        status(404),
        status(401, body={'error': 'unauthorized_client'}),
        status(400, body=REVOKED),
        status(500, body='hash verification failed'),
    ],
)
def test_a_token_that_the_public_module_left_never_blocks_the_pasted_one(
    workbench: Workbench, field_report: Report, answer: dict[str, Any]
) -> None:
    settings = keywords(CORTEX_APP, workbench)
    demisto.setIntegrationContext(dict(LEFT))
    for _ in range(4 if answer['status'] == 500 else 1):
        workbench.fail('token-service', 'token', answer)
    token = workbench.ask(workbench.client(settings))
    assert isinstance(token, AccessToken), token
    assert get_integration_context()['current_refresh_token'] == workbench.cached_refresh_token(workbench.client(settings))
    workbench.later(3600)
    again = workbench.ask(workbench.client(settings))
    assert isinstance(again, AccessToken)
    field_report(
        'S2',
        f'{answer["status"]} {answer["body"]}',
        'refused in every run',
        f'{seen(token)}, after an hour {seen(again)}',
    )


def test_if_both_are_refused_the_error_is_that_of_the_pasted_one(workbench: Workbench, field_report: Report) -> None:
    demisto.setIntegrationContext(dict(LEFT))
    workbench.fail('token-service', 'token', status(403, body='hash verification failed'))
    workbench.fail('token-service', 'token', status(403, body='unknown registration'))
    error = workbench.ask(workbench.client(keywords(CORTEX_APP, workbench)))
    assert isinstance(error, MicrosoftSignInError)
    assert 'unknown registration' in error.what
    assert get_integration_context()['current_refresh_token'] == 'old'
    field_report('S2', 'both are refused', 'hash verification failed', error.what)


# endregion
# region S3


def another_secret(workbench: Workbench, settings: Settings) -> Settings:
    application = workbench.cloud.directory.application('web')
    application.secrets[:] = [Secret(value='the~second')]  # the first one has ended
    return {'enc_key': 'the~second'}


def certificate_instead(workbench: Workbench, settings: Settings) -> Settings:
    application, new = workbench.cloud.directory.application('web'), certificate('soar-next')
    application.secrets.clear()
    application.certificates.append(new)
    return {'enc_key': '', 'private_key': new.private_key_pem + new.certificate_pem}


def domain_of_tenant(workbench: Workbench, settings: Settings) -> Settings:
    return {'tenant_id': workbench.cloud.directory.tenants[0].domain}


def tenant_in_upper_case(workbench: Workbench, settings: Settings) -> Settings:
    return {'tenant_id': settings['tenant_id'].upper()}


def client_in_upper_case(workbench: Workbench, settings: Settings) -> Settings:
    return {'auth_id': settings['auth_id'].upper()}


def redirect_with_slash(workbench: Workbench, settings: Settings) -> Settings:
    return {'redirect_uri': settings['redirect_uri'] + '/'}


CHANGES = {
    'a second client secret': another_secret,
    'a certificate in place of the secret': certificate_instead,
    'an emptied code': lambda _workbench, _settings: {'auth_code': ''},
    'a redirect URI with a slash': redirect_with_slash,
    'the domain of the tenant': domain_of_tenant,
    'the tenant in upper case': tenant_in_upper_case,
    'the client ID in upper case': client_in_upper_case,
    'a secret and an emptied code': lambda workbench, settings: {**another_secret(workbench, settings), 'auth_code': ''},
    'the domain and a certificate': lambda workbench, settings: {
        **domain_of_tenant(workbench, settings),
        **certificate_instead(workbench, settings),
    },
}


@pytest.mark.parametrize('later', [0, 3600], ids=['warm', 'expired'])
@pytest.mark.parametrize('change', CHANGES)
def test_a_person_stays_signed_in(workbench: Workbench, field_report: Report, change: str, later: float) -> None:
    settings = keywords(AUTHORIZATION_CODE, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    workbench.later(later)
    changed = {**settings, **CHANGES[change](workbench, settings)}
    for client in (workbench.client(changed), workbench.client(changed)):
        token = workbench.ask(client)
        assert isinstance(token, AccessToken), token
        assert workbench.graph_status(token.value) == 200
    field_report('S3', f'{change}, {later} s later', 'No user has signed in', f'{workbench.user_of(token.value)} is signed in')


def test_after_the_domain_the_id_needs_no_new_sign_in(workbench: Workbench, field_report: Report) -> None:
    settings = keywords(DEVICE_CODE, workbench)
    by_domain = {**settings, **domain_of_tenant(workbench, settings)}
    assert isinstance(workbench.ask(workbench.client(by_domain)), AccessToken)
    workbench.reset_counts()
    token = workbench.ask(workbench.client(settings))
    assert isinstance(token, AccessToken)
    field_report('S3', 'domain, then ID', 'No user has signed in', f'signed in, {workbench.requests_to("entra")} requests')


def test_a_personal_account_stays_signed_in_under_another_name_of_its_tenant(workbench: Workbench, field_report: Report) -> None:
    # Its access tokens have no claims that a client can read.
    settings = keywords(AUTHORIZATION_CODE, workbench)
    for number, tenant in enumerate((settings['tenant_id'], 'consumers', 'consumers'), 1):
        answer = {'access_token': f'opaque {number}'.replace(' ', '-'), 'refresh_token': f'M.{number}', 'expires_in': 3599}
        workbench.fail('entra', 'token$', status(200, body=answer))
        token = workbench.ask(workbench.client({**settings, 'tenant_id': tenant}))
        assert isinstance(token, AccessToken), token
        assert workbench.cached_refresh_token(workbench.client({**settings, 'tenant_id': tenant})) == f'M.{number}'
        workbench.later(3600)
    field_report('S3', 'a personal account, then consumers as Token', 'No user has signed in', seen(token))


@pytest.mark.parametrize('name', ['ID', 'domain'])
@pytest.mark.parametrize('later', [0, 3600])
def test_another_tenant_is_another_person(workbench: Workbench, field_report: Report, name: str, later: float) -> None:
    settings = keywords(DEVICE_CODE, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    workbench.later(later)
    other = workbench.cloud.directory.tenants[1]
    error = workbench.ask(workbench.client({**settings, 'tenant_id': other.tenant_id if name == 'ID' else other.domain}))
    assert isinstance(error, MicrosoftSignInError)
    field_report('S3', f'{name} of another tenant, {later} s later', 'No user has signed in', error.what)


def test_a_sign_in_by_command_takes_the_place_of_the_one_before(workbench: Workbench, field_report: Report) -> None:
    settings = keywords(AUTHORIZATION_CODE, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    emptied = {**settings, 'auth_code': ''}
    complete_browser_sign_in(workbench.client(emptied), redirect_of(workbench, emptied, 'bob@contoso.example'))
    token = workbench.ask(workbench.client(emptied))
    assert isinstance(token, AccessToken)
    assert workbench.user_of(token.value) == 'bob@contoso.example'
    field_report('S3', 'Ada by a code, then Bob by command', 'Bob', workbench.user_of(token.value))


def test_a_new_code_is_a_new_person_even_if_it_is_refused(workbench: Workbench, field_report: Report) -> None:
    settings = keywords(AUTHORIZATION_CODE, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    error = workbench.ask(workbench.client({**settings, 'auth_code': '0.made-up'}))
    assert isinstance(error, MicrosoftSignInError)
    token = workbench.ask(workbench.client(authorization_code(workbench, 'bob@contoso.example')))
    assert isinstance(token, AccessToken)
    assert workbench.user_of(token.value) == 'bob@contoso.example'
    field_report('S3', 'a new code', 'a new sign-in', f'refused: {error.code}; then {workbench.user_of(token.value)}')


# endregion
