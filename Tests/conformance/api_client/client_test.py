"""MicrosoftClient against the sandbox cloud."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import demistomock as demisto
import MicrosoftApiModule
from CommonServerPython import LOG, CommandResults, DemistoException, IntegrationLogger
from conformance.api_client.instances import Instance
from conformance.common_server.scripted_server import ScriptedServer
from conformance.token_cache.processes import ADA, BOB, BusyStorage
from MicrosoftApiModule import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
    MicrosoftClient,
    NotFoundError,
    complete_browser_sign_in,
    complete_device_sign_in,
    generate_login_url,
    reset_auth,
    start_browser_sign_in,
    start_device_sign_in,
)
from MicrosoftCoreApiModule import AZURE_WORLDWIDE_CLOUD, CredentialError, MicrosoftSignInError
from MicrosoftCredentialsApiModule import ManagedIdentityCredential, parse_authorization_response
from MicrosoftTokenRequestApiModule import (
    AccessToken,
    SignInPendingError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenRequest,
    TokenResponse,
    TokenTarget,
)
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI
from sandbox.tests.machine import limit

# region clouds and other things that parameters name

WORLDWIDE = AZURE_WORLDWIDE_CLOUD.endpoints


# endregion
# region credentials and targets


@pytest.mark.parametrize('pasted', ['{tenant}', ' {tenant}\n', 'https://login.microsoftonline.com/{tenant}/', 'contoso.example'])
@pytest.mark.parametrize('template', ['{endpoint}/{tenant_id}/oauth2/v2.0/token', '{endpoint}/{tenant_id}/oauth2/token'])
def test_a_tenant_can_be_pasted_in_many_forms(instance: Instance, pasted: str, template: str) -> None:
    client = instance.client(
        tenant_id=pasted.format(tenant=instance.tenant_id), token_retrieval_url=template, resource=instance.cloud.graph
    )
    assert client.http_request('GET', f'/users/{ADA}/messages')['value']


@pytest.mark.parametrize(
    'keywords, sentence',
    [
        ({'tenant_id': ''}, 'The tenant ID is missing. Copy the Directory (tenant) ID from the app registration.'),
        ({'tenant_id': None}, 'The tenant ID is missing. Copy the Directory (tenant) ID from the app registration.'),
        ({'tenant_id': 'a tenant'}, 'The tenant ID is not valid.'),
        ({'auth_id': ''}, 'The client ID is missing. Copy the Application (client) ID from the app registration.'),
        ({'auth_id': 'a@b'}, 'not a client ID. Enter the Application (client) ID.'),
        ({'enc_key': ''}, 'The client secret is missing.'),
        ({'endpoint': 'de'}, 'The German cloud of Microsoft was closed'),
    ],
)
def test_invalid_settings_are_rejected(instance: Instance, keywords: dict[str, Any], sentence: str) -> None:
    client = instance.client(**keywords)
    with pytest.raises(CredentialError, match=re.escape(sentence)):
        client.token_target()
    assert instance.requests('entra') == []


@pytest.mark.parametrize(
    'number, advice',
    [
        (7000215, "Paste the client secret's Value (not its Secret ID). A new secret"),
        (700016, 'Check the client ID, the tenant ID and the cloud.'),
        (700025, 'or leave the client secret empty.'),
        (9002346, 'enter consumers as the tenant ID for a personal account.'),
    ],
)
@pytest.mark.parametrize('ask', [MicrosoftClient.get_access_token, MicrosoftClient.device_auth_request])
def test_an_error_does_not_name_the_fields_of_another_form(
    instance: Instance, number: int, advice: str, ask: Callable[[MicrosoftClient], object]
) -> None:
    client = instance.client() if ask is MicrosoftClient.get_access_token else instance.device()
    instance.fail(service='entra', aadsts=number)
    with pytest.raises((MicrosoftSignInError, SystemExit)) as error:
        ask(client)
    said = str(error.value) if isinstance(error.value, MicrosoftSignInError) else instance.given[-1]['Contents']
    assert advice in said


def test_an_error_about_the_cortex_application_names_the_fields_of_its_consent_page(instance: Instance) -> None:
    client = instance.client(self_deployed=False, auth_id='id', enc_key='', refresh_token='token')
    with pytest.raises(CredentialError, match='Key is missing'):
        client.get_access_token()


def test_a_device_flow_can_name_its_tenant_only_in_the_url(instance: Instance) -> None:
    client = instance.device(tenant_id=None, token_retrieval_url=f'{instance.cloud.authority}/organizations/oauth2/v2.0/token')
    assert client.credential.tenant_id == 'organizations'


@pytest.mark.parametrize('url', ['{login}/organizations/oauth2/v2.0/token', '{endpoint}/{tenant_id}/oauth2/v2.0/token'])
def test_a_device_code_is_redeemed_in_the_tenant_where_it_was_requested(instance: Instance, url: str) -> None:
    """Integrations with several methods name organizations in the URL, beside a tenant for the other methods."""

    def client() -> MicrosoftClient:
        return instance.device(token_retrieval_url=url.replace('{login}', instance.cloud.authority))

    instance.cloud.directory.application('device').is_multi_tenant = True
    started = client().device_auth_request()
    Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    assert instance.user_of(client().get_access_token()) == ADA
    tenants = {request.path.split('/')[1] for request in instance.cloud.requests.of('entra') if 'oauth2' in request.path}
    assert tenants >= {'organizations' if 'organizations' in url else instance.tenant_id}


@pytest.mark.parametrize(
    'keywords, request_for, target',
    [
        ({}, {}, TokenTarget('GRAPH/.default')),
        ({'scope': 'https://a/b offline_access user.read'}, {}, TokenTarget('https://a/b offline_access')),
        ({'resource': 'https://a'}, {}, TokenTarget('GRAPH/.default')),
        ({'resource': 'https://a', 'scope': ''}, {}, TokenTarget(resource='https://a')),
        (
            {'resource': 'https://a', 'token_retrieval_url': '{endpoint}/{tenant_id}/oauth2/token'},
            {},
            TokenTarget(resource='https://a'),
        ),
        ({}, {'resource': 'https://a'}, TokenTarget(resource='https://a')),
        ({}, {'scope': 'https://a/b'}, TokenTarget('https://a/b')),
        ({'managed_identities_client_id': MANAGED_IDENTITIES_SYSTEM_ASSIGNED}, {}, TokenTarget(resource='GRAPH')),
        (
            {'managed_identities_client_id': 'an-id', 'managed_identities_resource_uri': 'https://a'},
            {},
            TokenTarget(resource='https://a'),
        ),
        (
            {'managed_identities_client_id': 'an-id', 'managed_identities_resource_uri': 'https://a'},
            {'resource': 'https://b'},
            TokenTarget(resource='https://b'),
        ),
        ({'managed_identities_client_id': 'an-id'}, {'scope': 'https://c/.default'}, TokenTarget(resource='https://c')),
    ],
)
def test_what_a_token_is_for(instance: Instance, keywords: Any, request_for: dict[str, str], target: TokenTarget) -> None:
    graph = instance.cloud.graph
    wanted = TokenTarget(target.scope.replace('GRAPH', graph), target.resource.replace('GRAPH', graph))
    assert instance.client(**keywords).token_target(**request_for) == wanted


@pytest.mark.parametrize('is_debug', [False, True])
def test_names_of_tenant_and_application_are_shown_in_logs_and_keys_are_not(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, is_debug: bool
) -> None:
    log = IntegrationLogger() if is_debug else LOG
    if is_debug:  # as in the joined script, where it is in the same namespace
        monkeypatch.setattr(MicrosoftApiModule, '_requests_logger', SimpleNamespace(int_logger=log), raising=False)
    client = instance.client(tenant_id='contoso.example', enc_key='the-key')
    identity = instance.client(managed_identities_client_id='1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d')
    log.add_replace_strs(' Contoso.example', client.auth_id, 'the-key', identity.managed_identities_client_id)
    text = f'bob@contoso.example {client.auth_id} {identity.managed_identities_client_id}'
    assert [each.credential.method_name for each in (client, identity)] == ['client-secret', 'managed-identity']
    assert log.encode(f'{text} the-key') == f'{text} <XX_REPLACED>'


def test_the_test_button_caches_tokens_in_memory(instance: Instance) -> None:
    instance.command = 'test-module'
    client = instance.client()
    assert client.get_access_token() == client.get_access_token()
    assert instance.requests('entra') == [200]
    assert demisto.getIntegrationContext() == {}


def test_the_clock_uses_epoch_seconds(instance: Instance, mocker: Any) -> None:
    client = MicrosoftClient()
    mocker.patch.object(client, 'epoch_seconds', return_value=1234)
    assert client.clock.now() == 1234


# endregion
# region requests


def test_a_request_has_the_token_and_returns_json(instance: Instance) -> None:
    assert len(instance.messages(params={'$top': 3})['value']) == 3


@pytest.mark.parametrize(
    'resp_type, kind',
    [('json', dict), ('text', str), ('content', bytes), ('response', requests.Response), ('xml', requests.Response)],
)
def test_the_response_is_returned_as_the_caller_wants(instance: Instance, resp_type: str, kind: type) -> None:
    assert isinstance(instance.messages(resp_type=resp_type), kind)


def test_a_netrc_file_does_not_replace_the_token(instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'netrc').write_text('default login ada password of-ada')
    token = instance.client().get_access_token()
    monkeypatch.setenv('NETRC', str(tmp_path / 'netrc'))
    assert instance.messages(resp_type='response').request.headers['Authorization'] == f'Bearer {token}'


def test_an_empty_response_is_returned_itself_if_the_caller_wants(instance: Instance) -> None:
    instance.fail(status=204, times=2)
    assert instance.messages(return_empty_response=True).status_code == 204
    with pytest.raises(DemistoException, match='Failed to parse json object from response'):
        instance.messages()


def test_a_response_that_is_not_json_is_rejected_without_showing_it(instance: Instance) -> None:
    instance.fail(status=200, body='From: ada. A mail.', headers={'Content-Type': 'message/rfc822'})
    with pytest.raises(DemistoException, match=r'Failed to parse json .* 18 bytes \(message/rfc822\)') as failure:
        instance.messages()
    assert 'ada' not in str(failure.value)


@pytest.mark.parametrize('body, message', [({'error': 'gone'}, {'error': 'gone'}), ('gone', 'Not Found - 404 Response')])
def test_not_found_has_its_own_error(instance: Instance, body: Any, message: Any) -> None:
    instance.fail(status=404, body=body)
    with pytest.raises(NotFoundError) as failure:
        instance.messages()
    assert failure.value.message == message


@pytest.mark.parametrize('ok_codes', [(200,), (200, 204)])
def test_not_found_is_an_ordinary_error_unless_it_is_allowed(instance: Instance, ok_codes: tuple[int, ...]) -> None:
    instance.fail(status=404, times=2)
    with pytest.raises(DemistoException, match='404'):
        instance.messages(ok_codes=ok_codes)
    with pytest.raises(DemistoException, match='404'):
        instance.client(ok_codes=ok_codes).http_request('GET', '/me')


def test_an_error_status_goes_to_the_error_handler_of_the_caller(instance: Instance) -> None:
    instance.fail(status=400, body={'error': 'no'}, times=2)
    seen: list[requests.Response] = []
    assert instance.messages(error_handler=seen.append) == {'error': 'no'}
    assert [response.status_code for response in seen] == [400]
    with pytest.raises(DemistoException, match=r'Error in API call \[400\]'):
        instance.messages()


@pytest.mark.parametrize('of_client, of_request, used', [(None, None, None), (None, 5, 5), (7, 5, 7), (7, None, 7)])
def test_the_timeout_is_that_of_the_client_or_the_request(
    instance: Instance, mocker: Any, of_client: Any, of_request: Any, used: Any
) -> None:
    client = instance.client(timeout=of_client)
    sent = mocker.spy(client._session, 'request')
    client.http_request('GET', f'/users/{ADA}/messages', **({'timeout': of_request} if of_request else {}))
    assert sent.call_args.kwargs['timeout'] == used


# endregion
# region tokens that the API rejects


def test_a_revoked_token_is_replaced_once(instance: Instance) -> None:
    instance.messages()
    instance.cloud.directory.application('daemon').revoke()
    assert instance.messages()['value']
    assert (instance.requests('entra'), instance.requests()) == ([200, 200], [200, 401, 200])


@pytest.mark.parametrize('version', ['/v2.0', ''])
def test_a_claims_challenge_leads_to_a_new_token(instance: Instance, version: str) -> None:
    url = f'{instance.cloud.authority}/{instance.tenant_id}/oauth2{version}/token'
    client = instance.client(token_retrieval_url=url, resource=instance.cloud.graph)
    client.http_request('GET', f'/users/{ADA}/messages')
    instance.cloud.directory.application('daemon').require_claims()
    for _ in range(2):
        assert client.http_request('GET', f'/users/{ADA}/messages')['value']
    assert (instance.requests('entra'), instance.requests()) == ([200, 200], [200, 401, 200, 200])


def sign_in(instance: Instance, method: str) -> None:
    """Have Ada sign in by a browser or a device code."""
    if method == 'browser':
        redirect = Browser(instance.cloud, ADA).sign_in(start_browser_sign_in(instance.web()))
        complete_browser_sign_in(instance.web(), redirect)
    else:
        started = start_device_sign_in(instance.device())
        Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
        complete_device_sign_in(instance.device())


def client_of(instance: Instance, method: str) -> MicrosoftClient:
    return instance.web() if method == 'browser' else instance.device()


@pytest.mark.parametrize('is_given', [False, True], ids=['keywords', 'credential'])
@pytest.mark.parametrize('method', ['browser', 'device'])
def test_a_new_sign_in_meets_the_claims_that_an_api_has_asked_for(instance: Instance, method: str, is_given: bool) -> None:
    sign_in(instance, method)
    instance.cloud.directory.user(ADA).required_context = 'p1'  # as Azure Resource Manager does for changes
    client = client_of(instance, method)
    client._given_credential = client.credential if is_given else None
    with pytest.raises((MicrosoftSignInError, SystemExit), match='AADSTS50076' if is_given else None):
        client.http_request('GET', '/me/messages')
    sign_in(instance, method)
    assert client_of(instance, method).http_request('GET', '/me/messages')['value']
    instance.cloud.clock.advance(3700)
    assert client_of(instance, method).http_request('GET', '/me/messages')['value']


@pytest.mark.parametrize('method', ['browser', 'device'])
def test_claims_that_a_new_token_does_not_have_are_asked_for_in_the_sign_in(instance: Instance, method: str) -> None:
    sign_in(instance, method)
    demanded = base64.b64encode(b'{"access_token": {"acrs": {"essential": true, "value": "c1"}}}').decode()
    instance.fail(times=2, status=401, headers=challenge(demanded))
    with pytest.raises((DemistoException, MicrosoftSignInError)):
        client_of(instance, method).http_request('GET', '/me/messages')
    sent: list[Any] = []
    client = client_of(instance, method)
    if method == 'browser':
        address = start_browser_sign_in(client)
        assert json.loads(parse_qs(urlsplit(address).query)['claims'][0])['access_token']['acrs']['value'] == 'c1'
        return
    send = client.token_provider.token_client.send
    client.token_provider.token_client.send = lambda request, *more: (sent.append(request), send(request, *more))[1]  # type: ignore
    start_device_sign_in(client)
    assert json.loads(sent[0].form['claims'])['access_token']['acrs']['value'] == 'c1'


def test_claims_are_asked_for_until_a_sign_in_has_met_them(instance: Instance) -> None:
    sign_in(instance, 'browser')
    instance.cloud.directory.user(ADA).required_context = 'p1'
    with pytest.raises((MicrosoftSignInError, SystemExit)):
        instance.web().http_request('GET', '/me/messages')
    for _ in range(2):
        assert 'claims=' in start_browser_sign_in(instance.web())
    sign_in(instance, 'browser')
    assert 'claims=' not in start_browser_sign_in(instance.web())


def challenge(claims: str) -> dict[str, str]:
    return {'WWW-Authenticate': f'Bearer error="insufficient_claims", claims="{claims}"'}


@pytest.mark.parametrize(
    'claims',
    [
        '%%%',
        'AAAAA',
        base64.b64encode(b'\xff\xfe').decode(),
        base64.b64encode(b'[1]').decode(),
        base64.b64encode(b'no json').decode(),
    ],
)
def test_an_unreadable_claims_challenge_is_ignored(instance: Instance, claims: str) -> None:
    instance.fail(status=401, headers=challenge(claims))
    assert instance.messages()['value']
    assert (instance.requests('entra'), instance.requests()) == ([200, 200], [401, 200])


def test_a_claims_challenge_may_be_written_in_both_alphabets_without_padding(instance: Instance) -> None:
    instance.messages()
    demanded = json.dumps({'access_token': {'xms_cc': {'values': ['CP1'], 'note': '???>>>'}}}).encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        instance.fail(status=401, headers=challenge(encode(demanded).decode().rstrip('=')))
        token = instance.messages(resp_type='response').request.headers['Authorization'].split()[1]
        assert AccessToken(token, 0, 0).claims()['xms_cc'] == ['CP1']


def test_an_api_that_rejects_every_token_is_called_twice(instance: Instance) -> None:
    instance.fail(times=None, status=401)
    with pytest.raises(DemistoException, match=r'\[401\]'):
        instance.messages()
    assert (instance.requests('entra'), instance.requests()) == ([200, 200], [401, 401])


def test_an_integration_handles_a_challenge_that_no_token_meets(instance: Instance) -> None:
    """Such as one that a policy for locations causes: the error handler of the integration decides, as with any other 401."""
    handled: list[int] = []
    instance.fail(times=None, status=401, headers=challenge(base64.b64encode(b'{"access_token": {}}').decode()))
    with pytest.raises(DemistoException, match=r'\[401\]') as raised:
        instance.messages()
    assert raised.value.res.status_code == 401
    instance.messages(error_handler=lambda response: handled.append(response.status_code), resp_type='response')
    assert handled == [401]


def test_a_token_from_elsewhere_is_not_replaced(instance: Instance, mocker: Any) -> None:
    client = instance.client()
    mocker.patch.object(client, 'get_access_token', return_value='of the test')
    with pytest.raises(DemistoException, match=r'\[401\]'):
        client.http_request('GET', '/me')
    assert (instance.requests('entra'), instance.requests()) == ([], [401])


# endregion
# region sign-in in a browser


def test_a_user_signs_in_with_the_redirect_url(instance: Instance) -> None:
    redirect_url = Browser(instance.cloud, ADA).sign_in(start_browser_sign_in(instance.web()))
    token = complete_browser_sign_in(instance.web(), redirect_url)
    assert instance.user_of(token.value) == ADA
    assert instance.web().get_access_token() == token.value
    assert instance.web().http_request('GET', '/me')['userPrincipalName'] == ADA


def test_a_code_alone_is_rejected_once_a_sign_in_was_started(instance: Instance) -> None:
    redirect_url = Browser(instance.cloud, ADA).sign_in(start_browser_sign_in(instance.web()))
    with pytest.raises(CredentialError, match='The code was pasted without the address'):
        complete_browser_sign_in(instance.web(), parse_authorization_response(redirect_url).code)
    assert instance.user_of(complete_browser_sign_in(instance.web(), redirect_url).value) == ADA


def test_the_redirect_url_of_another_sign_in_is_rejected(instance: Instance) -> None:
    redirect_url = Browser(instance.cloud, ADA).sign_in(start_browser_sign_in(instance.web()))
    start_browser_sign_in(instance.web())
    with pytest.raises(SignInRequiredError, match='belongs to another sign-in'):
        complete_browser_sign_in(instance.web(), redirect_url)
    assert instance.requests('entra').count(400) == 0


def test_a_new_sign_in_replaces_the_previous_one(instance: Instance) -> None:
    for user in (ADA, BOB):
        redirect_url = Browser(instance.cloud, user).sign_in(start_browser_sign_in(instance.web()))
        complete_browser_sign_in(instance.web(), redirect_url)
    assert instance.user_of(instance.web().get_access_token()) == BOB


def test_a_code_in_the_settings_is_redeemed_with_the_verifier_of_its_login_url(instance: Instance) -> None:
    redirect_url = Browser(instance.cloud, ADA).sign_in(start_browser_sign_in(instance.web()))
    assert instance.user_of(instance.web(auth_code=redirect_url).get_access_token()) == ADA


def login_url_in(results: CommandResults) -> str:
    return re.findall(r'\[login URL\]\((.*)\)', str(results.readable_output))[0]


@pytest.mark.parametrize('certificate', [False, True])
def test_a_login_url_can_be_generated_before_a_code_selects_that_flow(instance: Instance, certificate: bool) -> None:
    registered = instance.cloud.directory.application('web').certificate
    proof = (
        {'enc_key': '', 'private_key': registered.private_key_pem, 'certificate_thumbprint': registered.sha1_thumbprint}
        if certificate
        else {}
    )
    client = instance.client('web', **proof)
    client.credential  # noqa: B018 - made already, for client credentials
    redirect_url = Browser(instance.cloud, ADA).sign_in(login_url_in(generate_login_url(client)))
    assert instance.user_of(instance.web(auth_code=redirect_url, **proof).get_access_token()) == ADA


def test_a_login_url_is_that_of_the_given_credential(instance: Instance) -> None:
    credential = instance.web().credential
    redirect_url = Browser(instance.cloud, ADA).sign_in(
        start_browser_sign_in(MicrosoftClient(credential=credential, azure_cloud=instance.web().azure_cloud))
    )
    assert instance.user_of(complete_browser_sign_in(instance.client(credential=credential), redirect_url).value) == ADA


def test_a_login_url_can_have_another_login_host(instance: Instance) -> None:
    url = login_url_in(generate_login_url(instance.web(), 'https://login.example/'))
    assert url.startswith(f'https://login.example/{instance.tenant_id}/oauth2/v2.0/authorize?')


@pytest.mark.parametrize('space, slash', [('%20', '/'), ('+', '%2F'), ('%20', '%2f')])
def test_a_user_signs_in_with_a_scope_that_is_encoded_already(instance: Instance, space: str, slash: str) -> None:
    instance.cloud.directory.application('web').tenant_wide_consent = True
    arm, graph = instance.cloud.resource_manager, instance.cloud.graph
    scope = f'{arm}{slash}user_impersonation{space}{graph}{slash}Mail.Read'
    client = instance.web(scope=scope)
    assert client.scope == scope
    redirect_url = Browser(instance.cloud, ADA).sign_in(login_url_in(generate_login_url(client)))
    token = instance.web(scope=scope, auth_code=redirect_url).get_access_token()
    assert AccessToken(token, 0, 0).claims()['aud'].rstrip('/') == arm


def test_a_user_consents_to_short_names_beside_a_scope_of_graph(instance: Instance) -> None:
    scope = f'{instance.cloud.graph}/Mail.Read Mail.Send offline_access'
    asked = instance.web(scope=scope).token_target().scope
    assert asked == scope


def test_a_user_consents_to_all_resources_and_the_token_is_for_the_first(instance: Instance) -> None:
    instance.cloud.directory.application('web').tenant_wide_consent = True
    scope = f'{instance.cloud.resource_manager}/user_impersonation offline_access user.read'
    url = start_browser_sign_in(instance.web(scope=scope))
    assert 'user.read' in url
    token = complete_browser_sign_in(instance.web(scope=scope), Browser(instance.cloud, ADA).sign_in(url))
    assert token.claims()['aud'] == instance.cloud.resource_manager


def test_a_public_client_signs_in_without_a_key(instance: Instance) -> None:
    def device(**keywords: Any) -> MicrosoftClient:
        return instance.device(grant_type=AUTHORIZATION_CODE, **keywords)

    instance.cloud.directory.application('device').redirect_uris.append(REDIRECT_URI)
    redirect_url = Browser(instance.cloud, ADA).sign_in(start_browser_sign_in(device()))
    assert instance.user_of(device(auth_code=redirect_url).get_access_token()) == ADA


@pytest.mark.parametrize(
    'keywords',
    [
        {'credential': ManagedIdentityCredential()},
        {'managed_identities_client_id': 'an-id'},
        {'self_deployed': False, 'app_name': 'an app', 'tenant_id': 'a Token'},
        {'grant_type': DEVICE_CODE},
    ],
)
def test_only_a_self_deployed_application_has_a_login_url(instance: Instance, keywords: dict[str, Any]) -> None:
    message = r'^Only an instance with Authorization Code has a login URL\. Run the auth-test command\.$'
    with pytest.raises(CredentialError, match=message):
        generate_login_url(instance.client(**keywords))


def test_only_an_authorization_code_is_completed_with_a_code(instance: Instance) -> None:
    message = r'^This instance does not use an authorization code\. Run the command without a code\.$'
    with pytest.raises(CredentialError, match=message):
        complete_browser_sign_in(instance.device(), 'a code')


# endregion
# region sign-in with a device code


def test_a_user_signs_in_with_a_device_code(instance: Instance) -> None:
    started = start_device_sign_in(instance.device())
    assert 'device_code' not in started
    with pytest.raises(SignInPendingError) as pending:
        complete_device_sign_in(instance.device())
    assert pending.value.interval == started['interval'] == 5
    Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    assert instance.user_of(complete_device_sign_in(instance.device()).value) == ADA
    assert instance.user_of(instance.device().get_access_token()) == ADA


def test_polling_too_fast_lengthens_the_interval(instance: Instance) -> None:
    start_device_sign_in(instance.device())
    for expected in (5, 10):
        with pytest.raises(SignInPendingError) as pending:
            complete_device_sign_in(instance.device())
        assert pending.value.interval == expected


def test_a_device_sign_in_is_started_by_the_public_method(instance: Instance) -> None:
    started = instance.device().device_auth_request()
    assert started['user_code'] in started['message']
    assert started['verification_uri'] in started['message']
    assert 'device_code' not in started
    Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    assert instance.user_of(instance.device().get_access_token()) == ADA


def test_instructions_are_those_of_a_device_auth_request_that_an_integration_replaces(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = instance.device()
    answer = {'message': 'Use a browser to open https://login.example/device and enter A1.', 'user_code': 'A1'}
    monkeypatch.setattr(client, 'device_auth_request', lambda: answer)
    instructions = client.start_auth('!my-auth-complete')
    assert '[https://login.example/device](https://login.example/device) in a browser and enter the code **A1**' in instructions
    assert '!my-auth-complete' in instructions


def test_another_command_can_complete_a_device_sign_in(instance: Instance) -> None:
    started = start_device_sign_in(instance.device())
    Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    assert instance.user_of(instance.device().get_access_token()) == ADA
    assert instance.user_of(complete_device_sign_in(instance.device()).value) == ADA


def test_a_device_sign_in_that_another_command_completes_meanwhile_is_complete(instance: Instance) -> None:
    started = start_device_sign_in(instance.device())
    slow = instance.device()
    send = slow.token_provider.token_client.send

    def complete_elsewhere_first(request: TokenRequest, lost: list[str]) -> requests.Response:
        Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
        instance.device().get_access_token()
        return send(request, lost)

    slow.token_provider.token_client.send = complete_elsewhere_first  # type: ignore[method-assign]
    assert instance.user_of(complete_device_sign_in(slow).value) == ADA


def test_a_user_with_a_device_code_consents_to_all_resources(instance: Instance) -> None:
    scope = f'{instance.cloud.resource_manager}/user_impersonation offline_access user.read'
    started = start_device_sign_in(instance.device(scope=scope))
    Browser(instance.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    token = complete_device_sign_in(instance.device(scope=scope))
    assert token.claims()['aud'] == instance.cloud.resource_manager
    for_graph = instance.device(scope=scope).get_access_token(scope=f'{instance.cloud.graph}/User.Read')
    assert AccessToken(for_graph, 0, 0).claims()['aud'] == instance.cloud.graph


def test_a_device_code_is_dropped_when_it_expires(instance: Instance) -> None:
    started = start_device_sign_in(instance.device())
    assert started['expires_in'] == 900
    assert instance.device().token_provider.pending_sign_in()
    instance.cloud.clock.advance(901)
    assert instance.device().token_provider.pending_sign_in() is None


@pytest.mark.parametrize('complete', [complete_device_sign_in, lambda client: AccessToken(client.get_access_token(), 0, 0)])
def test_a_second_device_code_that_has_expired_completes_no_sign_in(
    instance: Instance, complete: Callable[[MicrosoftClient], AccessToken]
) -> None:
    sign_in(instance, 'device')
    start_device_sign_in(instance.device())
    instance.cloud.clock.advance(901)
    with pytest.raises((SignInRequiredError, SystemExit)):
        complete(instance.device())
    assert instance.user_of(complete(instance.device()).value) == ADA  # nothing is pending any more


def test_an_abandoned_device_code_is_forgotten_after_a_day(instance: Instance) -> None:
    sign_in(instance, 'device')
    start_device_sign_in(instance.device())
    instance.cloud.clock.advance(25 * 3600)
    assert instance.user_of(instance.device().get_access_token()) == ADA


def test_a_device_sign_in_that_was_not_started_cannot_be_completed(instance: Instance) -> None:
    with pytest.raises(SignInRequiredError, match='No user has signed in'):
        complete_device_sign_in(instance.device())


def test_the_instructions_contain_address_code_and_next_command(instance: Instance) -> None:
    instructions = instance.device().start_auth('!mine-auth-complete')
    assert f'{instance.cloud.authority}/devicelogin' in instructions
    assert re.search(r'\*\*[A-Z0-9]{9}\*\*', instructions)
    assert '**!mine-auth-complete**' in instructions


DEVICE_ANSWER = {'device_code': 'x', 'user_code': 'A-1', 'verification_uri': 'https://login.example/device'}


@pytest.mark.parametrize(
    'change, missing',
    [
        ({'device_code': None}, 'device'),
        ({'device_code': 5}, 'device'),
        ({'verification_uri': None}, 'device'),
        ({'verification_uri': 'http://login.example/device'}, 'device'),
        ({'user_code': None}, 'user'),
        ({'user_code': ''}, 'user'),
        ({'user_code': '[A](B)'}, 'user'),
        ({'user_code': 'A' * 51}, 'user'),
    ],
)
def test_a_response_without_a_device_code_is_rejected(instance: Instance, change: dict[str, Any], missing: str) -> None:
    instance.fail(service='entra', path='devicecode', status=200, body={**DEVICE_ANSWER, **change})
    message = (
        rf'^The sign-in service at \S+ responded with JSON without a {missing} code\. Check the address and the proxy settings\.$'
    )
    with pytest.raises(SignInUnavailableError, match=message):
        start_device_sign_in(instance.device())


@pytest.mark.parametrize(
    'named, interval, lifetime',
    [
        ({}, 5, 900),
        ({'interval': 1, 'expires_in': 60}, 1, 60),
        ({'interval': 60, 'expires_in': 3600}, 60, 3600),
        ({'interval': 0.5, 'expires_in': 59}, 1, 60),
        ({'interval': 61, 'expires_in': 3601}, 60, 3600),
        ({'interval': 'soon', 'expires_in': None}, 5, 900),
    ],
)
def test_a_device_code_is_polled_and_expires_within_limits(
    instance: Instance, named: dict[str, Any], interval: float, lifetime: float
) -> None:
    instance.fail(service='entra', path='devicecode', status=200, body={**DEVICE_ANSWER, 'user_code': 'A' * 50, **named})
    started = start_device_sign_in(instance.device())
    assert (started['user_code'], started['verification_uri']) == ('A' * 50, DEVICE_ANSWER['verification_uri'])
    assert (started['interval'], started['expires_in']) == (interval, lifetime)


@pytest.mark.parametrize(
    'call, advice',
    [
        (start_device_sign_in, 'Select Device Code in its settings'),
        (complete_device_sign_in, 'Pass the address from the browser in the argument code'),
    ],
)
def test_only_an_instance_with_a_device_code_can_start_and_complete_one(
    instance: Instance, call: Callable[[MicrosoftClient], Any], advice: str
) -> None:
    with pytest.raises(CredentialError, match=rf'^This instance does not use a device code\. {advice}\.$'):
        call(instance.web())


# endregion
# region commands for integrations


def test_a_reset_deletes_all_tokens_and_nothing_else(instance: Instance) -> None:
    old = instance.client().get_access_token()
    demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'access_token': 'a', 'of others': 'remains'})
    text = 'All cached tokens of this instance were deleted. Sign in again to continue.'
    assert reset_auth().readable_output == text
    assert demisto.getIntegrationContext() == {'of others': 'remains'}
    assert instance.client().get_access_token() != old


def test_a_reset_that_cannot_be_written_is_an_error(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftApiModule, 'integration_context_storage', lambda: BusyStorage(float('inf')))
    monkeypatch.setattr(MicrosoftApiModule, 'SystemClock', lambda: instance.clock)
    message = (
        r'^The tokens were not deleted, because the platform did not store the integration context: .+\. Run the command again\.$'
    )
    with pytest.raises(DemistoException, match=message):
        reset_auth()


@pytest.mark.parametrize('status, kind', [(200, 'Successful'), (204, 'Successful'), (429, 'QuotaError'), (500, 'GeneralError')])
def test_calls_of_the_api_are_reported(instance: Instance, monkeypatch: pytest.MonkeyPatch, status: int, kind: str) -> None:
    monkeypatch.setattr(demisto, 'callingContext', {'context': {'ExecutedCommands': [{'moduleBrand': 'mine'}]}})
    MicrosoftClient.create_api_metrics(status)
    assert instance.given[0]['APIExecutionMetrics'] == [{'Type': kind, 'APICallsCount': 1}]


def test_the_test_button_reports_no_calls(instance: Instance) -> None:
    instance.command = 'test-module'
    MicrosoftClient.create_api_metrics(200)
    assert instance.given == []


def test_a_failed_call_is_reported_before_its_error_is_raised(instance: Instance) -> None:
    instance.fail(status=400)
    with pytest.raises(DemistoException, match=r'\[400\]'):
        instance.messages(error_handler=instance.client().handle_error_with_metrics)
    assert [entry.get('APIExecutionMetrics') for entry in instance.given] == [[{'Type': 'GeneralError', 'APICallsCount': 1}]]


# endregion
# region the cost of a warm command


def test_a_warm_request_needs_no_token_request_and_one_read_of_the_context(instance: Instance, mocker: Any) -> None:
    instance.messages()
    instance.cloud.requests.clear()
    reads = mocker.spy(demisto, 'getIntegrationContextVersioned')
    writes = mocker.spy(demisto, 'setIntegrationContextVersioned')
    instance.messages()
    assert (instance.requests('entra'), instance.requests()) == ([], [200])
    assert (reads.call_count, writes.call_count) == (1, 0)


WARM_COMMAND = """
import json, sys
given = json.load(sys.stdin)
import demistomock as demisto
demisto.setIntegrationContext(given['context'])
from MicrosoftApiModule import *
client = MicrosoftClient(**given['keywords'])
client.http_request('GET', '/me')
print(json.dumps(sorted({'cryptography', 'jwt', 'msal'} & set(sys.modules))))
"""


@pytest.mark.parametrize('method', ['secret', 'certificate', 'cortex app'])
def test_a_warm_command_loads_no_cryptography(instance: Instance, method: str) -> None:
    certificate = instance.cloud.directory.application('daemon').certificate
    keywords: dict[str, Any] = {
        'secret': {'self_deployed': True, 'enc_key': 'a secret'},
        'certificate': {'self_deployed': True, 'private_key': certificate.private_key_pem + certificate.certificate_pem},
        'cortex app': {'app_name': 'an app', 'enc_key': base64.b64encode(b'k' * 32).decode()},
    }[method]
    keywords |= {'tenant_id': instance.tenant_id, 'auth_id': 'an-id'}
    client = MicrosoftClient(**keywords)
    client.token_provider.save(client.token_target(), TokenResponse(AccessToken('a token', 9e9, 9e9)))
    with ScriptedServer([(200, {}, '{}')]) as server:
        given = {'context': demisto.getIntegrationContext(), 'keywords': {**keywords, 'base_url': server.url}}
        command = subprocess.run(
            [sys.executable, '-c', WARM_COMMAND],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            env={'PYTHONPATH': ':'.join(map(str, map(Path, sys.path)))},
            timeout=limit(15),
            check=True,
        )
    assert json.loads(command.stdout) == []
    assert [request['path'] for request in server.seen] == ['/me']


# endregion
