"""Integrations written for the public MicrosoftApiModule run unchanged."""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import demistomock as demisto
from conformance.public_interface.instance import ADA, BOB, Instance
from MicrosoftTokenRequestApiModule import AccessToken
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import CONTOSO, REDIRECT_URI, SUBSCRIPTION

Make = Callable[..., Instance]
Method = Callable[[MicrosoftCloud], dict[str, Any]]


def password(value: str) -> dict[str, str]:
    return {'password': value}


def statuses(cloud: MicrosoftCloud, service: str) -> list[int]:
    return [request.status for request in cloud.requests.of(service)]


# region an application


def by_secret(cloud: MicrosoftCloud) -> dict[str, Any]:
    application = cloud.directory.application('daemon')
    return {
        'self_deployed': True,
        'creds_tenant_id': password(CONTOSO),
        'creds_auth_id': password(application.client_id),
        'creds_enc_key': password(application.secret),
    }


def by_certificate(cloud: MicrosoftCloud) -> dict[str, Any]:
    application = cloud.directory.application('daemon')
    on_one_line = application.certificate.private_key_pem.replace('\n', ' ')
    return {
        'self_deployed': True,
        'creds_tenant_id': password(CONTOSO),
        'creds_auth_id': password(application.client_id),
        'creds_certificate': {'identifier': application.certificate.sha1_thumbprint, 'password': on_one_line},
    }


def by_managed_identity(_cloud: MicrosoftCloud) -> dict[str, Any]:
    return {'use_managed_identities': True}


def by_named_managed_identity(cloud: MicrosoftCloud) -> dict[str, Any]:
    return {
        'authentication_type': 'Azure Managed Identities',
        'managed_identities_client_id': password(cloud.directory.managed_identity('soar-engine').client_id),
    }


def by_cortex_app(cloud: MicrosoftCloud) -> dict[str, Any]:
    consent_page = cloud.token_service.replace('obtain-token', 'ms-graph-mail')
    id_, token, key = Browser(cloud, 'admin@contoso.example').consent_to_cortex_app(consent_page)
    return {'creds_tenant_id': password(token), 'creds_auth_id': password(id_), 'creds_enc_key': password(key)}


METHODS = (by_secret, by_certificate, by_managed_identity, by_named_managed_identity, by_cortex_app)


@pytest.fixture
def on_azure(platform: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in platform.host_environment('azure-vm').items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures('on_azure')
@pytest.mark.parametrize('method', METHODS)
def test_an_application_lists_mail(instance: Make, platform: MicrosoftCloud, method: Method) -> None:
    mail = instance('application_mail', **method(platform))
    outputs = mail.outputs('application-mail-list', user=ADA)
    assert outputs['Subjects'] == [f'Report {number}' for number in range(1, 6)]
    assert json.loads(base64.b64decode(outputs['Packed'])) == outputs['Subjects']
    platform.requests.clear()
    assert mail.outputs('application-mail-list', user=ADA, since='150 minutes')['Subjects'] == ['Report 1', 'Report 2']
    assert statuses(platform, 'graph') == [200]
    assert len(platform.requests) == 1  # no other request was made: the token was cached


@pytest.mark.usefixtures('on_azure')
@pytest.mark.parametrize('method', METHODS)
def test_the_test_button_of_an_application_succeeds(instance: Make, platform: MicrosoftCloud, method: Method) -> None:
    assert instance('application_mail', **method(platform)).run('test-module')['Contents'] == 'ok'


def test_a_not_found_error_has_the_message_of_the_service(instance: Make, platform: MicrosoftCloud) -> None:
    mail = instance('application_mail', **by_secret(platform))
    entry = mail.run('application-mail-folder', user='nobody@contoso.example', folder='inbox')
    assert entry['HumanReadable'] == 'There is no such folder: ErrorInvalidUser'
    assert len(mail.outputs('application-mail-folder', user=ADA, folder='inbox')) == 10


def test_after_a_reset_the_next_command_signs_in_again(instance: Make, platform: MicrosoftCloud) -> None:
    mail = instance('application_mail', **by_secret(platform))
    mail.outputs('application-mail-list', user=ADA)
    assert 'deleted' in mail.run('application-mail-auth-reset')['HumanReadable']
    mail.outputs('application-mail-list', user=ADA)
    assert statuses(platform, 'entra') == [200, 200]


def test_a_command_ends_with_the_error_of_the_sign_in(instance: Make, platform: MicrosoftCloud) -> None:
    mail = instance('application_mail', **{**by_secret(platform), 'creds_enc_key': password('wrong')})
    entry = mail.run('application-mail-list', user=ADA)
    assert entry['Type'] == 4
    assert re.search(r'AADSTS7000215.*Value \(not its Secret ID\).*Correlation ID: \S+', entry['Contents'])


# endregion
# region a user with an authorization code at the v1 endpoint


@pytest.fixture
def subscriptions(instance: Make, platform: MicrosoftCloud) -> Instance:
    application = platform.directory.application('web')
    application.tenant_wide_consent = True
    return instance(
        'azure_subscriptions',
        credentials_tenant=password(CONTOSO),
        redirect_uri=REDIRECT_URI,
        credentials={'identifier': application.client_id, 'password': application.secret},
        subscription_id=SUBSCRIPTION,
    )


def sign_in_with_login_url(instance: Instance, user: str) -> None:
    url = re.findall(r'\((https://.*)\)', instance.run('azure-generate-login-url')['HumanReadable'])[0]
    instance.params['auth_code'] = password(Browser(instance.cloud, user).sign_in(url))


def test_a_user_signs_in_with_a_login_url_and_a_pasted_code(subscriptions: Instance) -> None:
    sign_in_with_login_url(subscriptions, ADA)
    assert subscriptions.run('azure-auth-test')['Contents'] == 'Success!'
    found = subscriptions.outputs('azure-subscriptions-list', tag='{"owner": "soc"}')
    assert [one['subscriptionId'] for one in found] == [SUBSCRIPTION]
    assert found[0]['filter'] == "tagName eq 'owner' and tagValue eq 'soc'"


def test_a_token_of_the_v1_endpoint_is_refreshed(subscriptions: Instance, platform: MicrosoftCloud) -> None:
    platform.directory.access_token_seconds = 300
    sign_in_with_login_url(subscriptions, ADA)
    for _ in range(3):
        subscriptions.outputs('azure-subscriptions-list')
    tokens = platform.requests.of('entra', '/oauth2/token')
    assert [request.status for request in tokens] == [200, 200, 200]


def test_another_pasted_code_replaces_the_sign_in(subscriptions: Instance) -> None:
    for user in (ADA, BOB):
        sign_in_with_login_url(subscriptions, user)
        subscriptions.run('azure-auth-test')
    subscriptions.run('azure-auth-test')
    subscriptions.cloud.directory.user(ADA).revoke()
    assert subscriptions.outputs('azure-subscriptions-list')


def test_the_test_button_names_a_command_for_users(subscriptions: Instance) -> None:
    sign_in_with_login_url(subscriptions, ADA)
    assert subscriptions.run('test-module')['Contents'] == 'Run !azure-auth-test instead.'


def test_a_value_in_neither_arguments_nor_parameters_is_named(subscriptions: Instance) -> None:
    sign_in_with_login_url(subscriptions, ADA)
    del subscriptions.params['subscription_id']
    assert 'subscription_id is missing' in subscriptions.run('azure-subscriptions-list')['Contents']
    assert subscriptions.outputs('azure-subscriptions-list', subscription_id=SUBSCRIPTION)


# endregion
# region a user with a device code


@pytest.fixture
def clusters(instance: Make, platform: MicrosoftCloud) -> Instance:
    application = platform.directory.application('device')
    application.is_multi_tenant = application.tenant_wide_consent = True
    return instance('device_clusters', app_id=application.client_id)


def enter_device_code(clusters: Instance, user: str) -> None:
    shown = clusters.run('clusters-auth-start')['HumanReadable']
    page, code = re.findall(r'\((https://\S+)\)', shown)[0], re.findall(r'\*\*([A-Z0-9]{9})\*\*', shown)[0]
    Browser(clusters.cloud, user).enter_device_code(page, code)


def test_a_user_signs_in_with_a_device_code(clusters: Instance) -> None:
    assert 'Run !clusters-auth-start' in clusters.run('clusters-auth-test')['Contents']
    enter_device_code(clusters, ADA)
    assert clusters.run('clusters-auth-complete')['Contents'] == 'Authorization completed.'
    assert clusters.run('clusters-auth-test')['Contents'] == 'Success!'
    assert [one['subscriptionId'] for one in clusters.outputs('clusters-list')] == [SUBSCRIPTION]


def test_a_user_signs_in_again_after_a_revocation(clusters: Instance, platform: MicrosoftCloud) -> None:
    platform.directory.access_token_seconds = 300
    enter_device_code(clusters, ADA)
    clusters.run('clusters-auth-complete')
    platform.directory.user(ADA).revoke()
    assert 'AADSTS50173' in clusters.run('clusters-list')['Contents']
    enter_device_code(clusters, ADA)
    clusters.run('clusters-auth-complete')
    assert clusters.outputs('clusters-list')


def test_a_device_code_that_was_not_entered_is_an_error(clusters: Instance) -> None:
    clusters.run('clusters-auth-start')
    entry = clusters.run('clusters-auth-complete')
    assert (entry['Type'], 'not finished yet' in entry['Contents']) == (4, True)


def completed(clusters: Instance) -> str:
    """Run auth-complete, and return the error, empty if it reports success."""
    entry = clusters.run('clusters-auth-complete')
    return entry['Contents'] if entry['Type'] == 4 else ''


@pytest.fixture(params=['valid', 'due', 'expired'])
def signed_in(clusters: Instance, platform: MicrosoftCloud, request: pytest.FixtureRequest) -> Instance:
    """An instance on which Ada has signed in. Its token is valid, due for a refresh, or has expired."""
    platform.directory.access_token_seconds = {'valid': 3600, 'due': 240, 'expired': 20}[request.param]
    enter_device_code(clusters, ADA)
    assert not completed(clusters)
    platform.directory.access_token_seconds = 3600
    return clusters


def user_of_request(clusters: Instance) -> str:
    """Send a request, and return whose token it used."""
    assert clusters.outputs('clusters-list')
    cached = [json.loads(value) for key, value in demisto.getIntegrationContext().items() if '/token/' in key]
    return next(AccessToken(token['value'], 0, 0).claims()['upn'] for token in cached)


def test_a_second_sign_in_is_complete_only_when_its_code_was_entered(signed_in: Instance) -> None:
    shown = signed_in.run('clusters-auth-start')['HumanReadable']
    for _ in range(2):
        assert 'not finished yet' in completed(signed_in)
        assert 'not finished yet' in signed_in.run('clusters-auth-test')['Contents']
    assert user_of_request(signed_in) == ADA  # meanwhile, requests use what they have
    page, code = re.findall(r'\((https://\S+)\)', shown)[0], re.findall(r'\*\*([A-Z0-9]{9})\*\*', shown)[0]
    Browser(signed_in.cloud, BOB).enter_device_code(page, code)
    assert not completed(signed_in)
    assert user_of_request(signed_in) == BOB


def test_requests_keep_a_valid_token_until_the_sign_in_is_completed(clusters: Instance) -> None:
    enter_device_code(clusters, ADA)
    assert not completed(clusters)
    enter_device_code(clusters, BOB)
    assert user_of_request(clusters) == ADA
    assert not completed(clusters)
    assert user_of_request(clusters) == BOB


@pytest.mark.parametrize('error', ['authorization_declined', 'expired_token', 'invalid_grant'])
def test_a_second_sign_in_that_was_refused_is_an_error(signed_in: Instance, platform: MicrosoftCloud, error: str) -> None:
    signed_in.run('clusters-auth-start')
    body = {'error': error, 'error_description': 'AADSTS70000: It was refused.'}
    platform.faults.add(service='entra', path='/token', status=400, body=body)
    assert 'It was refused' in completed(signed_in)
    assert user_of_request(signed_in) == ADA


def test_a_second_sign_in_that_has_expired_is_an_error(signed_in: Instance, platform: MicrosoftCloud) -> None:
    signed_in.run('clusters-auth-start')
    started = next(value for key, value in demisto.getIntegrationContext().items() if key.endswith('/started'))
    lapsed = json.dumps({**json.loads(started), 'ends_on': time.time() - 1})
    context = {key: lapsed if key.endswith('/started') else value for key, value in demisto.getIntegrationContext().items()}
    demisto.setIntegrationContext(context)
    platform.faults.add(service='entra', path='/token', aadsts=70019)
    assert 'AADSTS70019' in completed(signed_in)


def test_an_empty_context_ends_the_sign_in(clusters: Instance) -> None:
    enter_device_code(clusters, ADA)
    clusters.run('clusters-auth-complete')
    clusters.run('clusters-auth-reset')
    assert 'No user has signed in' in clusters.run('clusters-list')['Contents']


# endregion
# region the Cortex XSOAR application for a user


@pytest.fixture
def cortex_mail(instance: Make, platform: MicrosoftCloud) -> Instance:
    return instance('cortex_mail', **consent(platform, ADA))


def test_one_time_refresh_tokens_are_never_lost(cortex_mail: Instance, platform: MicrosoftCloud) -> None:
    platform.directory.access_token_seconds = 300
    for _ in range(4):
        assert len(cortex_mail.outputs('cortex-mail-list', limit='3')) == 3
    assert statuses(platform, 'token-service')[-4:] == [200, 200, 200, 200]


def test_an_instance_that_was_signed_in_by_the_public_module_stays_signed_in(
    cortex_mail: Instance, platform: MicrosoftCloud
) -> None:
    platform.directory.access_token_seconds = 300
    # The public module leaves its latest refresh token. The Token in the settings was used up long ago.
    newest = cortex_mail.params['creds_refresh_token']['password']
    cortex_mail.params['creds_refresh_token'] = password('used up')
    demisto.setIntegrationContext({'current_refresh_token': newest, 'access_token': 'expired', 'valid_until': 1})
    for _ in range(3):
        assert cortex_mail.outputs('cortex-mail-list')


def consent(platform: MicrosoftCloud, user: str) -> dict[str, Any]:
    """Return the parameters of a new consent."""
    consent_page = platform.token_service.replace('obtain-token', 'ms-graph-mail-listener')
    id_, token, key = Browser(platform, user).consent_to_cortex_app(consent_page)
    return {'creds_auth_id': password(id_), 'creds_refresh_token': password(token), 'creds_enc_key': password(key)}


@pytest.mark.parametrize('answer', [None, 'hash verification failed'], ids=['of Entra', 'of the service'])
def test_a_dead_token_in_the_context_does_not_hide_a_new_consent(
    cortex_mail: Instance, platform: MicrosoftCloud, answer: str | None
) -> None:
    # The integration prefers it to the Token in the settings.
    demisto.setIntegrationContext({'current_refresh_token': 'dead', 'access_token': 'expired', 'valid_until': 1})
    if answer:
        platform.faults.add(service='token-service', status=403, body=answer)
    assert 'Run the command again' in cortex_mail.run('cortex-mail-list')['Contents']
    assert cortex_mail.outputs('cortex-mail-list')


def test_a_new_consent_is_used_where_an_update_left_a_token(cortex_mail: Instance, platform: MicrosoftCloud) -> None:
    newest = cortex_mail.params['creds_refresh_token']['password']
    demisto.setIntegrationContext({'current_refresh_token': newest, 'access_token': 'expired', 'valid_until': 1})
    assert cortex_mail.outputs('cortex-mail-list')
    cortex_mail.params.update(consent(platform, BOB))
    cortex_mail.run('cortex-mail-list')
    assert cortex_mail.outputs('cortex-mail-list')


@pytest.mark.parametrize(
    'body',
    [
        '<html>Blocked</html>',
        {'error': 'invalid_client', 'error_description': 'AADSTS7000222: x.'},
        {'error': 'invalid_grant', 'error_description': 'AADSTS53003: x.'},
    ],
)
@pytest.mark.parametrize('is_used', [False, True])
def test_a_token_in_the_context_outlives_errors_of_other_causes(
    cortex_mail: Instance, platform: MicrosoftCloud, body: Any, is_used: bool
) -> None:
    platform.directory.access_token_seconds = 300
    newest = cortex_mail.params['creds_refresh_token']['password']
    cortex_mail.params['creds_refresh_token'] = password('used up')
    demisto.setIntegrationContext({'current_refresh_token': newest, 'access_token': 'expired', 'valid_until': 1})
    if is_used:
        assert cortex_mail.outputs('cortex-mail-list')
    platform.faults.add(service='token-service', status=403, body=body, times=None)
    assert cortex_mail.run('cortex-mail-list')['Type'] == 4
    platform.faults.clear()
    assert cortex_mail.outputs('cortex-mail-list')


# endregion
# region several resources


@pytest.mark.usefixtures('on_azure')
@pytest.mark.parametrize('managed', [False, True])
def test_each_of_several_resources_gets_its_own_token(instance: Make, platform: MicrosoftCloud, managed: bool) -> None:
    application = platform.directory.application('daemon')
    params = (
        {'use_managed_identities': True}
        if managed
        else {'tenant_id': CONTOSO, 'client_id': application.client_id, 'client_secret': application.secret}
    )
    vault = instance('vault_keys', **params)
    assert vault.outputs('vault') == {'Subscriptions': 1, 'Mail': 10}
    assert vault.outputs('vault') == {'Subscriptions': 1, 'Mail': 10}
    assert statuses(platform, 'imds' if managed else 'entra') == [200, 200]


def test_an_allowed_status_is_returned_to_the_integration(instance: Make, platform: MicrosoftCloud) -> None:
    application = platform.directory.application('daemon')
    vault = instance('vault_keys', tenant_id=CONTOSO, client_id=application.client_id, client_secret=application.secret)
    platform.faults.add(service='resource-manager', status=403, body={'error': {'code': 'Forbidden'}})
    assert vault.run('vault')['Contents'] == '403: Forbidden'


# endregion
# region a throttling API


@pytest.fixture
def alerts(instance: Make, platform: MicrosoftCloud) -> Instance:
    application = platform.directory.application('daemon')
    return instance(
        'throttled_alerts',
        tenant_id=CONTOSO,
        client_id=application.client_id,
        client_secret=application.secret,
        url=platform.graph,
        graph=platform.graph,
        login=platform.authority,
    )


def test_a_command_that_is_throttled_runs_again_once(alerts: Instance, platform: MicrosoftCloud) -> None:
    platform.faults.add(service='graph', status=429, headers={'Retry-After': '40'}, times=2)
    entry = alerts.run('alerts-list', query='high')
    assert entry['PollingArgs'] == {'query': 'high', 'ran_once_flag': True}
    assert (entry['PollingCommand'], entry['NextRun']) == ('alerts-list', '41')
    again = alerts.run('alerts-list', query='high', ran_once_flag='true')
    assert (again['Type'], '[429]' in again['Contents']) == (4, True)
    assert len(alerts.outputs('alerts-list', query='high')) == 10


def test_a_fetch_that_is_throttled_is_an_error(alerts: Instance, platform: MicrosoftCloud) -> None:
    platform.faults.add(service='graph', status=429, headers={'Retry-After': '40'})
    with pytest.raises(Exception, match=r'fetch-incidents.*\[429\]'):  # what the platform's return_error makes of it in a fetch
        alerts.run('fetch-incidents')
    assert len(json.loads(alerts.run('fetch-incidents')['Contents'])) == 10


# endregion
# region an integration that calls _http_request


@pytest.fixture
def traced(instance: Make, platform: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(demisto, 'callingContext', {'context': {'ExecutedCommands': [{'moduleBrand': 'mine'}]}})
    application = platform.directory.application('daemon')
    return instance('traced_messages', tenant_id=CONTOSO, client_id=application.client_id, client_secret=application.secret)


def test_a_subclass_can_call_http_request_and_report_metrics(traced: Instance) -> None:
    assert traced.outputs('traced', path=f'/v1.0/users/{ADA}/messages') == {'OnLastPage': 5}
    success = [{'Type': 'Successful', 'APICallsCount': 1}]
    assert [entry.get('APIExecutionMetrics') for entry in traced.entries[:-1]] == [success, success]


def test_a_subclass_can_report_failures(traced: Instance) -> None:
    entry = traced.run('traced', path='/v1.0/nothing')
    assert (entry['Type'], 'Error in API call [400]' in entry['Contents']) == (4, True)
    assert traced.entries[0]['APIExecutionMetrics'] == [{'Type': 'GeneralError', 'APICallsCount': 1}]


# endregion
