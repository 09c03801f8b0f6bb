"""Parameters and arguments as the platform gives them; the run of a command, with its errors, secrets and metrics."""

import base64
import json
import re
from functools import partial
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

import demistomock as demisto
from CommonServerPython import LOG, DemistoException
from MicrosoftApiModule import API_RETRIES, CommandThrottled, MicrosoftClient, NotFoundError
from MicrosoftApiModule_test import GRAPH, Make, scripted
from MicrosoftCoreApiModule import AZURE_CLOUDS, CredentialError, MicrosoftSignInError, SystemClock
from MicrosoftCoreApiModule_test import says
from MicrosoftTokenRequestApiModule import AccessToken, SignInRequiredError
from MicrosoftCredentialsApiModule import (
    AuthorizationCodeCredential,
    CertificateCredential,
    ClientSecretCredential,
    CortexAppCredential,
    DeviceCodeCredential,
    EntraCredential,
    ManagedIdentityCredential,
)
from MicrosoftInstanceApiModule import (
    CLOUD_OPTIONS,
    METHOD_CLIENT_CREDENTIALS,
    InstanceSettings,
    IntegrationSpec,
    auth_commands,
    bool_argument,
    check_instance,
    choice_argument,
    clean_mailbox,
    error_text,
    future_datetime,
    granted_permissions,
    id_list,
    id_of,
    int_argument,
    json_argument,
    list_items,
    parse_datetime,
    permission_advice,
    required_argument,
    run_integration,
    signed_in_account,
    text_list,
    token_outputs,
)

__all__ = ['scripted']

Params = dict[str, Any]
SPEC = IntegrationSpec('Contoso API', 'contoso', 'ContosoAuth', check=bool, app_name='contoso-app')


def secret(value: str) -> dict[str, str]:
    """A credential of which only the password is used."""
    return {'identifier': '', 'password': value}


def settings_of(params: Params) -> InstanceSettings:
    return InstanceSettings(params, SPEC)


# region parameters

APPLICATION: Params = {
    'self_deployed': True,
    'creds_auth_id': secret('client'),
    'creds_refresh_token': secret('tenant.example'),
    'creds_enc_key': secret('the secret'),
    'redirect_uri': 'https://localhost/myapp',
}
DAEMON: Params = {**APPLICATION, 'auth_method': 'Client Credentials', 'redirect_uri': None}
DEVICE: Params = {**APPLICATION, 'auth_method': 'Device Code', 'redirect_uri': None, 'creds_enc_key': None}
MANAGED_IDENTITY: Params = {'use_managed_identities': True}
CORTEX: Params = {'creds_auth_id': secret('id'), 'creds_refresh_token': secret('token'), 'creds_enc_key': secret('a2V5')}
PEM = secret(
    '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
)
# Parameters, and the message by which they are rejected.
Rejection = tuple[Params, str]


@pytest.mark.parametrize(
    'params, kind',
    [
        (CORTEX, CortexAppCredential),
        (APPLICATION, AuthorizationCodeCredential),
        (DAEMON, ClientSecretCredential),
        ({**DAEMON, 'creds_enc_key': {}, 'creds_certificate': PEM}, CertificateCredential),
        (DEVICE, DeviceCodeCredential),
        (MANAGED_IDENTITY, ManagedIdentityCredential),
    ],
)
def test_the_parameters_choose_one_credential(params: Params, kind: type) -> None:
    assert type(settings_of(params).credential()) is kind


@pytest.mark.parametrize(
    'params, kind',
    [
        (APPLICATION, ClientSecretCredential),
        ({**APPLICATION, 'creds_enc_key': None}, EntraCredential),
        ({**APPLICATION, 'creds_enc_key': None, 'creds_certificate': PEM}, CertificateCredential),
    ],
)
def test_a_user_signs_in_to_an_application_with_a_secret_a_certificate_or_neither(params: Params, kind: type) -> None:
    credential = settings_of(params).credential()
    assert isinstance(credential, AuthorizationCodeCredential)
    assert type(credential.client) is kind


def from_consent_page(name: str) -> str:
    return f'{name} is missing. Paste the {name} that the consent page of the Cortex XSOAR application shows.'


MISSING: list[Rejection] = [
    ({}, from_consent_page('ID')),
    ({**CORTEX, 'creds_auth_id': None}, from_consent_page('ID')),
    ({**CORTEX, 'creds_refresh_token': {}}, from_consent_page('Token')),
    ({**CORTEX, 'creds_enc_key': secret(' ')}, from_consent_page('Key')),
    (
        {**APPLICATION, 'creds_auth_id': None},
        'ID (client ID) is missing. Copy the Application (client) ID from the app registration into ID.',
    ),
    (
        {**APPLICATION, 'creds_refresh_token': None},
        'Token (tenant ID) is missing. Copy the Directory (tenant) ID from the app registration into Token.',
    ),
    (
        {**DAEMON, 'creds_enc_key': None},
        'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.',
    ),
    (
        {**APPLICATION, 'redirect_uri': ' '},
        'The application redirect URI is missing. Enter the redirect URI of the app registration.',
    ),
    (
        {**DAEMON, 'creds_enc_key': None, 'creds_certificate': {'identifier': 'A' * 40, 'password': ' '}},
        "'Private key of the certificate' is missing. Paste it, or clear 'Certificate thumbprint'.",
    ),
]

ONLY_APPLICATIONS: dict[str, Params] = {
    'Application redirect URI': {'redirect_uri': 'x'},
    'Authorization code': {'creds_auth_code': secret('x')},
    'Certificate thumbprint': {'creds_certificate': {'identifier': 'x', 'password': None}},
    'Private key of the certificate': {'creds_certificate': secret('x')},
    'Authentication method of the self-deployed application': {'auth_method': 'Device Code'},
}
NEVER_FOR_IDENTITIES: dict[str, Params] = {
    'Use a self-deployed Azure application': {'self_deployed': True},
    'ID': {'creds_auth_id': secret('x')},
    'Token': {'creds_refresh_token': secret('x')},
    'Key': {'creds_enc_key': secret('x')},
    **ONLY_APPLICATIONS,
}
TWO_METHODS: list[Rejection] = [
    *(
        (
            {**MANAGED_IDENTITY, **extra},
            f"'{name}' cannot be combined with 'Use Azure Managed Identities'. "
            f"Clear '{name}', or clear 'Use Azure Managed Identities'.",
        )
        for name, extra in NEVER_FOR_IDENTITIES.items()
    ),
    *(
        (
            {**CORTEX, **extra},
            f"'{name}' is only used with 'Use a self-deployed Azure application'. "
            f"Clear '{name}', or select 'Use a self-deployed Azure application'.",
        )
        for name, extra in ONLY_APPLICATIONS.items()
    ),
    *(
        (
            {**params, 'managed_identities_client_id': secret('x')},
            "'Azure Managed Identities Client ID' is only used with 'Use Azure Managed Identities'. "
            "Clear 'Azure Managed Identities Client ID', or select 'Use Azure Managed Identities'.",
        )
        for params in (CORTEX, APPLICATION)
    ),
]


def not_used(name: str, method: str) -> str:
    return f"'{name}' is not used by the authentication method {method}. Clear '{name}', or choose another authentication method."


METHODS: list[Rejection] = [
    ({**DAEMON, 'redirect_uri': 'x'}, not_used('Application redirect URI', 'Client Credentials')),
    ({**DAEMON, 'creds_auth_code': secret('x')}, not_used('Authorization code', 'Client Credentials')),
    ({**DEVICE, 'redirect_uri': 'x'}, not_used('Application redirect URI', 'Device Code')),
    ({**DEVICE, 'creds_auth_code': secret('x')}, not_used('Authorization code', 'Device Code')),
    ({**DEVICE, 'creds_enc_key': secret('x')}, not_used('Key', 'Device Code')),
    ({**DEVICE, 'creds_certificate': PEM}, not_used('Private key of the certificate', 'Device Code')),
    *(
        (
            {**params, 'creds_certificate': PEM},
            "'Key' cannot be combined with 'Private key of the certificate'. "
            "Clear 'Key', or clear 'Private key of the certificate'.",
        )
        for params in (APPLICATION, DAEMON)
    ),
    (
        {**APPLICATION, 'auth_method': 'Password'},
        "'Password' is not an authentication method. Choose one in 'Authentication method of the self-deployed application'.",
    ),
]

CUSTOM: Params = {**CORTEX, 'azure_cloud': 'Custom', 'azure_ad_endpoint': 'https://x.example'}
CLOUDS: list[Rejection] = [
    ({**CORTEX, 'azure_cloud': 'Mars'}, "'Mars' is not one of the clouds. Choose one in 'Azure cloud'."),
    ({**CORTEX, 'azure_cloud': 'Germany'}, "'Germany' is not one of the clouds. Choose one in 'Azure cloud'."),
    *(
        (
            {**CORTEX, 'azure_cloud': cloud, parameter: 'https://x.example'},
            f"'{name}' is only used with the cloud Custom. Clear '{name}', or choose Custom in 'Azure cloud'.",
        )
        for cloud in (None, 'China')
        for name, parameter in (('Azure AD endpoint', 'azure_ad_endpoint'), ('Microsoft Graph endpoint', 'graph_endpoint'))
    ),
    (
        {**CUSTOM, 'azure_ad_endpoint': None, 'graph_endpoint': 'https://x.example'},
        "'Azure AD endpoint' is not an https address. Enter the full address, starting with https://.",
    ),
    (
        {**CUSTOM, 'graph_endpoint': 'http://x.example'},
        "'Microsoft Graph endpoint' is not an https address. Enter the full address, starting with https://.",
    ),
    (
        {**CUSTOM, 'graph_endpoint': 'https://y.example:8/v1.0/'},
        "'Microsoft Graph endpoint' contains a path. Enter only https://y.example:8.",
    ),
]


@pytest.mark.parametrize('params, message', [*MISSING, *TWO_METHODS, *METHODS, *CLOUDS])
def test_contradictory_parameters_are_rejected_by_label(params: Params, message: str) -> None:
    with pytest.raises(MicrosoftSignInError, match=f'^{re.escape(message)}$'):
        settings_of(params).client_keywords()


@pytest.mark.parametrize(
    'selected, cleared', [(True, False), ('true', 'false'), ('True', 'False'), (' yes ', 'no'), (True, None), (True, '')]
)
def test_check_boxes_are_booleans_or_texts(selected: Any, cleared: Any) -> None:
    settings = settings_of(
        {**CORTEX, 'self_deployed': cleared, 'use_managed_identities': cleared, 'insecure': selected, 'proxy': selected}
    )
    assert (settings.self_deployed, settings.managed_identities, settings.verify, settings.proxy) == (False, False, False, True)
    settings = settings_of({**APPLICATION, 'self_deployed': selected, 'insecure': cleared, 'proxy': cleared})
    assert (settings.self_deployed, settings.verify, settings.proxy) == (True, True, False)


def test_surrounding_whitespace_is_ignored() -> None:
    params: Params = {**DAEMON, 'azure_cloud': 'US GCC-High', 'redirect_uri': ''}
    careless = {
        name: secret(f'\n{value["password"]}\t') if isinstance(value, dict) else f' {value} ' for name, value in params.items()
    }
    assert vars(settings_of(careless)) == vars(settings_of(params))


@pytest.mark.parametrize(
    'name, abbreviation',
    [
        (None, 'com'),
        ('Worldwide', 'com'),
        ('US GCC', 'gcc'),
        ('US GCC-High', 'gcc-high'),
        ('DoD', 'dod'),
        ('China', 'cn'),
        ('Bleu (France)', 'fr'),
        ('Delos (Germany)', 'delos'),
        ('GovSG (Singapore)', 'sg'),
    ],
)
def test_each_cloud_can_be_chosen(name: str | None, abbreviation: str) -> None:
    settings = settings_of({**DAEMON, 'azure_cloud': name})
    assert settings.cloud is AZURE_CLOUDS[abbreviation]
    credential = settings.credential()
    assert isinstance(credential, ClientSecretCredential)
    assert credential.authority == settings.cloud.endpoints.active_directory


@pytest.mark.parametrize('name', [None, 'Worldwide', 'US GCC'])
def test_the_cortex_application_signs_in_to_the_worldwide_cloud(name: str | None) -> None:
    assert type(settings_of({**CORTEX, 'azure_cloud': name}).credential()) is CortexAppCredential


def test_a_token_service_of_another_cloud_can_be_used_with_its_addresses() -> None:
    custom = {'azure_cloud': 'Custom', 'azure_ad_endpoint': 'https://login.example', 'graph_endpoint': 'https://graph.example'}
    assert type(settings_of({**CORTEX, **custom}).credential()) is CortexAppCredential


@pytest.mark.parametrize('name', sorted({*CLOUD_OPTIONS} - {'Worldwide', 'US GCC'}))
def test_the_cortex_application_is_refused_in_a_cloud_that_it_does_not_serve(name: str) -> None:
    message = (
        f"The Cortex XSOAR application does not exist in the cloud '{name}'. "
        "Select 'Use a self-deployed Azure application', or 'Use Azure Managed Identities'."
    )
    with pytest.raises(CredentialError, match=says(message)):
        settings_of({**CORTEX, 'azure_cloud': name})
    assert settings_of({**MANAGED_IDENTITY, 'azure_cloud': name}).cloud_name == name


def test_a_custom_cloud_has_the_entered_endpoints() -> None:
    settings = settings_of(
        {
            **DAEMON,
            'azure_cloud': 'Custom',
            'azure_ad_endpoint': ' https://login.example/ ',
            'graph_endpoint': 'https://graph.example:8443',
        }
    )
    assert settings.cloud.endpoints.active_directory == 'https://login.example'
    assert settings.cloud.endpoints.microsoft_graph_resource_id == 'https://graph.example:8443'


@pytest.mark.parametrize(
    'params, secrets',
    [
        ({**APPLICATION, 'creds_auth_code': secret('the code')}, ['the secret', 'the code']),
        ({**DAEMON, 'creds_enc_key': None, 'creds_certificate': PEM}, [PEM['password'].strip()]),
        (
            {
                **DAEMON,
                'creds_enc_key': None,
                'creds_certificate': {'credentials': {'sshkey': 'key', 'sshkeyPass': 'pass phrase'}},
            },
            ['key', 'pass phrase'],
        ),
        (CORTEX, ['token', 'a2V5']),
    ],
)
def test_settings_do_not_show_their_secrets(params: Params, secrets: list[str]) -> None:
    settings = settings_of(params)
    assert settings.secrets() == secrets
    assert not [hidden for hidden in secrets if repr(hidden)[1:-1] in repr(settings)]


IN_VAULT = PEM['password'].replace('AA==', 'BB==')


@pytest.mark.parametrize(
    'password, in_vault, private_key',
    [
        (PEM['password'], None, PEM['password']),
        (PEM['password'], IN_VAULT, PEM['password']),
        ('', IN_VAULT, IN_VAULT),
        ('its passphrase', IN_VAULT, IN_VAULT),
        ('not in PEM format', '', 'not in PEM format'),
    ],
)
def test_a_private_key_may_be_in_the_vault(password: str, in_vault: str | None, private_key: str) -> None:
    certificate = {'identifier': '', 'password': password, 'credentials': {'sshkey': in_vault}}
    settings = settings_of({**DAEMON, 'creds_enc_key': None, 'creds_certificate': certificate})
    assert settings.private_key == private_key.strip()


GUID = '1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d'


@pytest.mark.parametrize(
    'changes, client_id, thumbprint',
    [
        ({}, 'client', ''),
        ({'creds_auth_id': {'identifier': GUID, 'password': 'x'}}, GUID, ''),
        ({'creds_auth_id': None, 'creds_enc_key': {'identifier': GUID, 'password': 'the secret'}}, GUID, ''),
        ({'creds_auth_id': None, 'creds_enc_key': {'identifier': 'ada', 'password': 'the secret'}}, '', ''),
        ({'creds_enc_key': None, 'creds_certificate': {**PEM, 'identifier': 'A' * 40}}, 'client', 'A' * 40),
        ({'creds_auth_id': None, 'creds_enc_key': None, 'creds_certificate': {**PEM, 'identifier': GUID}}, GUID, ''),
    ],
)
def test_a_client_id_may_be_the_user_name_of_a_credential(changes: Params, client_id: str, thumbprint: str) -> None:
    settings = settings_of({**DAEMON, **changes})
    assert (settings.id, settings.thumbprint) == (client_id, thumbprint)


def test_numbers_and_check_boxes_become_keywords_of_the_client() -> None:
    keywords = settings_of({**DAEMON, 'timeout': '140', 'retry_budget': ' 1 ', 'proxy': True}).client_keywords()
    assert (keywords['timeout'], keywords['retry_policy'], keywords['proxy']) == (140, API_RETRIES._replace(budget=1), True)
    keywords = settings_of(DAEMON).client_keywords()
    assert (keywords['timeout'], keywords['retry_policy'], keywords['proxy']) == (None, API_RETRIES, False)


@pytest.mark.parametrize('name, label', [('timeout', 'HTTP timeout'), ('retry_budget', 'Retry budget')])
@pytest.mark.parametrize('value', ['0', '141', '1.5', 'x', '-1'])
def test_a_number_of_seconds_is_from_1_to_140(name: str, label: str, value: str) -> None:
    with pytest.raises(DemistoException, match=says(f"'{value}' is not a whole number from 1 to 140. Change '{label}'.")):
        settings_of({**DAEMON, name: value})


@pytest.mark.parametrize(
    'params, acts_as_application',
    [(CORTEX, False), (APPLICATION, False), (DEVICE, False), (DAEMON, True), (MANAGED_IDENTITY, True)],
)
def test_settings_distinguish_an_application_from_a_user(params: Params, acts_as_application: bool) -> None:
    assert settings_of(params).acts_as_application is acts_as_application


# endregion
# region another integration

OTHER = IntegrationSpec(
    'Azure Resource Manager',
    'azure',
    'AzureAuth',
    check=bool,
    methods=(METHOD_CLIENT_CREDENTIALS,),
    endpoint_parameter='server_url',
    endpoint_label='Azure Resource Manager endpoint',
    cloud_parameter='endpoint_type',
    cloud_label='Endpoint type',
    clouds={'Worldwide': 'com', 'EU': 'geo-eu', 'DoD': 'dod'},
)
# Its yml has neither the check box for the Cortex XSOAR application nor a choice of authentication methods.
OTHER_PARAMS: Params = {name: DAEMON[name] for name in ('creds_auth_id', 'creds_refresh_token', 'creds_enc_key')}


def test_an_integration_without_the_cortex_application_needs_no_check_box() -> None:
    assert type(InstanceSettings(OTHER_PARAMS, OTHER).credential()) is ClientSecretCredential
    assert type(InstanceSettings(MANAGED_IDENTITY, OTHER).credential()) is ManagedIdentityCredential


@pytest.mark.parametrize('option, abbreviation', [(None, 'com'), ('EU', 'com'), ('DoD', 'dod')])
def test_an_integration_has_its_own_choice_of_clouds(option: str | None, abbreviation: str) -> None:
    assert InstanceSettings({**OTHER_PARAMS, 'endpoint_type': option}, OTHER).cloud is AZURE_CLOUDS[abbreviation]


@pytest.mark.parametrize(
    'params, message',
    [
        ({'endpoint_type': 'China'}, "'China' is not one of the clouds. Choose one in 'Endpoint type'."),
        (
            {'endpoint_type': 'EU', 'server_url': 'https://x.example'},
            "'Azure Resource Manager endpoint' is only used with the cloud Custom. "
            "Clear 'Azure Resource Manager endpoint', or choose Custom in 'Endpoint type'.",
        ),
        (
            {'auth_method': 'Device Code'},
            "'Device Code' is not an authentication method. "
            "Choose one in 'Authentication method of the self-deployed application'.",
        ),
    ],
)
def test_errors_use_the_labels_of_the_integration(params: Params, message: str) -> None:
    with pytest.raises(MicrosoftSignInError, match=f'^{re.escape(message)}$'):
        InstanceSettings({**OTHER_PARAMS, **params}, OTHER)


def test_a_custom_cloud_has_the_endpoint_of_the_integration() -> None:
    custom = {'endpoint_type': 'Custom', 'azure_ad_endpoint': 'https://login.example', 'server_url': 'https://arm.example'}
    settings = InstanceSettings({**OTHER_PARAMS, **custom}, OTHER)
    endpoints = settings.cloud.endpoints
    assert (endpoints.active_directory, endpoints.resource_manager) == ('https://login.example', 'https://arm.example')
    assert settings.client_keywords()['command_prefix'] == 'azure'


# endregion
# region tokens


def token(scope: str = '', **claims: Any) -> AccessToken:
    packed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')
    return AccessToken(f'head.{packed}.signature' if claims else 'opaque', 0, 0, scope)


@pytest.mark.parametrize(
    'held, granted',
    [
        (
            token('https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/Mail.ReadWrite'),
            ['Mail.ReadWrite', 'Mail.Send'],
        ),
        (token('Mail.Send openid profile email offline_access'), ['Mail.Send']),
        (token('Mail.Send', scp='Mail.Read'), ['Mail.Send']),
        (token('https://graph.microsoft.com/.default', scp='Mail.Read Mail.Send'), ['Mail.Read', 'Mail.Send']),
        (token('openid offline_access', roles=['Mail.Send']), ['Mail.Send']),
        (token(roles=['Mail.Send', 'Mail.Read']), ['Mail.Read', 'Mail.Send']),
        (token('Mail.ReadWrite.Shared'), ['Mail.ReadWrite.Shared']),
        (token(aud='https://graph.microsoft.com'), []),
        (token(scp=None, roles=None), []),
        *((token(scp='Mail.Read', roles=roles), ['Mail.Read']) for roles in (5, 'Mail.Send', {'Mail.Send': 1}, [5, None])),
        *((token(roles=roles), []) for roles in (5, 'Mail.Send', {'Mail.Send': 1}, [[]])),
        (token(roles=[None, 'Mail.Send', {}]), ['Mail.Send']),
        *((token(scp=scp, roles=['Mail.Send']), ['Mail.Send']) for scp in (['Mail.Read'], {'Mail.Read': 1}, 7, True)),
        (token(), None),
        (token('https://graph.microsoft.com/.default'), None),
    ],
)
def test_permissions_come_from_the_response_or_else_from_the_token(held: AccessToken, granted: list[str] | None) -> None:
    assert granted_permissions(held) == granted


@pytest.mark.parametrize(
    'claims, account',
    [
        ({'upn': 'a', 'unique_name': 'b', 'app_displayname': 'c'}, 'a'),
        ({'unique_name': 'b', 'app_displayname': 'c'}, 'b'),
        ({'upn': '', 'preferred_username': 'p', 'app_displayname': 'c'}, 'p'),
        ({'app_displayname': 'c'}, 'c'),
        ({}, 'unknown'),
    ],
)
def test_the_account_is_a_user_or_else_an_application(claims: dict[str, str], account: str) -> None:
    assert token_outputs(token(**claims))['Account'] == account


@pytest.mark.parametrize('claims, client_id', [({'appid': 'v1'}, 'v1'), ({'azp': 'v2'}, 'v2'), ({}, 'unknown')])
def test_the_client_id_is_read_from_tokens_of_both_endpoints(claims: dict[str, str], client_id: str) -> None:
    assert token_outputs(token(**claims))['ClientID'] == client_id


@pytest.mark.parametrize(
    'claims, tenant, client', [({'tid': 't', 'appid': 'a'}, 't', 'a'), ({'tid': '', 'appid': None}, 'unknown', 'unknown')]
)
def test_tenant_client_and_expiry_are_read_from_a_token(claims: dict[str, Any], tenant: str, client: str) -> None:
    held = token(**claims)._replace(expires_on=1_900_000_000)
    expected = {'Account': 'unknown', 'TenantID': tenant, 'ClientID': client, 'ExpiresOn': '2030-03-17T17:46:40Z'}
    assert token_outputs(held) == expected


@pytest.mark.parametrize(
    'claims, said',
    [
        ({'upn': 'ada.lovelace@x.example'}, 'ada.lovelace@x.example is signed in. '),
        ({'upn': '[ada](https://evil.example)'}, '[ada] (https://evil.example) is signed in. '),
        ({'upn': 5}, '5 is signed in. '),
        ({}, ''),
    ],
)
def test_who_has_signed_in_is_shown_without_links(claims: dict[str, Any], said: str) -> None:
    assert signed_in_account(SPEC, MicrosoftClient(), token(**claims)) == said


# endregion
# region arguments


def test_arguments_are_cleaned() -> None:
    args = {
        'id': ' "AAMk" ',
        'ids': 'a, b,,a',
        'texts': ' x ,, y',
        'size': ' 7 ',
        'is_read': 'Yes',
        'kind': 'html',
        'json': '{"a": 1}',
    }
    assert required_argument(args, 'id') == 'AAMk'
    assert id_list(args, 'ids') == ['a', 'b']
    assert text_list(args, 'texts') == ['x', 'y']
    assert int_argument(args, 'size', 1, 10) == 7
    assert bool_argument(args, 'is_read') is True
    assert choice_argument(args, 'kind', ('HTML', 'Text')) == 'HTML'
    assert json_argument(args, 'json') == {'a': 1}


@pytest.mark.parametrize(
    'given, ids',
    [
        ('<a,b@x.example>', ['<a,b@x.example>']),
        ('<a,b@x.example>, c , <a,b@x.example>', ['<a,b@x.example>', 'c']),
        ('<<a,b@x.example>>', ['<<a,b@x.example>>']),
        ('<a\u200bb@x.example>', ['<a\u200bb@x.example>']),
        ('["a,b@x.example", "", " c "]', ['a,b@x.example', 'c']),
        ('[<a,b@x.example>', ['[<a,b@x.example>']),
        (['a', None, 'b', 'a'], ['a', 'b']),
        ({'ID': 'a', 'Subject': 'x'}, ['a']),
        ([{'ID': 'a'}, {'id': 'b'}], ['a', 'b']),
        ('{"ID": "a"}', ['a']),
        ('[{"ID": "a"}, "{\\"Id\\": \\"b\\"}"]', ['a', 'b']),
        ('{a}', ['{a}']),
    ],
)
def test_ids_are_read_as_they_are_written(given: Any, ids: list[str]) -> None:
    assert id_list({'ids': given}, 'ids') == ids


@pytest.mark.parametrize(
    'given, found',
    [('["a"]', 'a'), ('[{"ID": "a"}]', 'a'), ({'Id': 'a'}, 'a'), ('[2024]', '[2024]'), ('[1.5, 2]', '[1.5, 2]'), ('[a]', '[a]')],
)
def test_one_id_is_read_from_a_json_array_or_as_it_is_written(given: Any, found: str) -> None:
    assert id_of(given, 'id') == found


def test_arguments_have_defaults() -> None:
    assert text_list({}, 'texts') == []
    assert int_argument({'size': ''}, 'size', 20, 100) == 20
    assert bool_argument({}, 'is_read', True) is True
    assert choice_argument({'kind': None}, 'kind', ('HTML', 'Text'), 'text') == 'Text'
    assert json_argument({}, 'json') == {}


@pytest.mark.parametrize(
    'read, message',
    [
        (lambda: required_argument({'id': ' '}, 'id'), 'The argument id is empty. Enter a value for it.'),
        (
            lambda: id_list({'ids': ' , '}, 'ids'),
            'The argument ids contains no ID. Enter one ID, or several separated by commas.',
        ),
        *(
            (
                partial(id_list, {'ids': f'{first},b@x.example'}, 'ids'),
                f"'{unclear}' is not in angle brackets. Write each Message-ID in ids as <...>.",
            )
            for first, unclear in (('a', 'b@x.example'), ('a@y.example', 'a@y.example'), ('<c>a', '<c>a'))
        ),
        *(
            (partial(id_list, {'ids': given}, 'ids'), 'The argument ids contains an object without an ID. Enter its ID.')
            for given in ({'Subject': 'x'}, [{'ID': None}], '{"ID": {}}')
        ),
        (lambda: int_argument({'size': '11'}, 'size', 1, 10), "'11' is not a whole number from 1 to 10. Change size."),
        (
            lambda: int_argument({'size': 'x'}, 'size', 1, 10, 'Page size'),
            "'x' is not a whole number from 1 to 10. Change Page size.",
        ),
        (lambda: bool_argument({'is_read': 'x'}, 'is_read'), "'x' is neither true nor false. Change is_read."),
        (lambda: choice_argument({'kind': 'x'}, 'kind', ('', 'HTML', 'Text')), "'x' is not one of HTML, Text. Change kind."),
        (lambda: json_argument({'json': '[1]'}, 'json'), 'The argument json is not a JSON object. Write it as {"name": value}.'),
        (
            lambda: future_datetime('soon', 'send_time'),
            "'soon' is not a valid date and time. Write send_time as 2030-01-31T08:00:00Z, or as 'in 2 hours'.",
        ),
        *(
            (
                lambda size=size: int_argument({'size': size}, 'size', 1, 10),
                f"'{size}' is not a whole number from 1 to 10. Change size.",
            )
            for size in ('0', '-1', '1.0', '1e0', '9' * 20, '\xb2')
        ),
        (
            lambda: future_datetime('2020-01-31T08:00:00Z', 'send_time'),
            "'2020-01-31T08:00:00Z' is read as 2020-01-31T08:00:00Z, which is in the past. "
            "Write send_time as 2030-01-31T08:00:00Z, or as 'in 2 hours'.",
        ),
    ],
)
def test_an_argument_is_rejected_by_name(read: Any, message: str) -> None:
    with pytest.raises(DemistoException, match=f'^{re.escape(message)}$'):
        read()


@pytest.mark.parametrize('size', ['1', '10', 1, 10, ' 7 '])
def test_a_number_may_be_any_in_its_range(size: Any) -> None:
    assert int_argument({'size': size}, 'size', 5, 10) == int(size)


@pytest.mark.parametrize(
    'entered, mailbox',
    [
        (None, ''),
        (' ada@contoso.example ', 'ada@contoso.example'),
        ('MAILTO:ada@contoso.example', 'ada@contoso.example'),
        ('"Ada" <ada@contoso.example>', 'ada@contoso.example'),
        ('<ada.b+c@mail.contoso-x.example>', 'ada.b+c@mail.contoso-x.example'),
        (GUID, GUID),
    ],
)
def test_a_mailbox_is_an_address_or_an_id(entered: Any, mailbox: str) -> None:
    assert clean_mailbox(entered, 'Mailbox') == mailbox


@pytest.mark.parametrize('entered', ['ada', 'ada@contoso', '@contoso.example', 'ada@', 'ada@contoso.example.', 'a b@c.example'])
def test_a_mailbox_that_is_neither_is_rejected(entered: str) -> None:
    with pytest.raises(
        CredentialError, match=says("'Mailbox' is not an email address. Enter one address, such as ada@contoso.example.")
    ):
        clean_mailbox(entered, 'Mailbox')


def test_a_date_may_be_in_the_past_by_the_grace() -> None:
    before = datetime.fromtimestamp(SystemClock().now() - 600, timezone.utc)
    assert future_datetime(before.isoformat(), 'send_time', grace=1200) == before
    with pytest.raises(DemistoException, match='which is in the past'):
        future_datetime(before.isoformat(), 'send_time', grace=10)


@pytest.mark.parametrize(
    'text, moment',
    [
        ('05.03.2027', '2027-03-05T00:00'),
        ('5. 3. 2027 08:00', '2027-03-05T08:00'),
        ('08:00 05.03.2027', '2027-03-05T08:00'),
        ('05.03.2027T08:00:00+01:00', '2027-03-05T07:00'),
        ('13/03/2027', '2027-03-13T00:00'),
        ('03/13/2027', '2027-03-13T00:00'),
        ('3/3/2027', '2027-03-03T00:00'),
        ('2027/3/5', '2027-03-05T00:00'),
        ('2027.03.05.', '2027-03-05T00:00'),
        ('2027년 3월 5일', '2027-03-05T00:00'),
        ('2027年3月5日 08:30', '2027-03-05T08:30'),
        ('5. März 2027 13:30 Uhr', '2027-03-05T13:30'),
        ('2027-03-05 08:00 Uhr', '2027-03-05T08:00'),
        ('1er mars 2027', '2027-03-01T00:00'),
        ('Fri, 5 Mar 2027 08:00:00 +0100 (CET)', '2027-03-05T07:00'),
        ('Fri Mar 05 2027 08:00:00 GMT+0100 (Central European Standard Time)', '2027-03-05T07:00'),
        ('2027-03-05 08:00 (CET)', '2027-03-05T07:00'),
        ('2027-03-05T08:00:00Z (UTC)', '2027-03-05T08:00'),
        ('2027-03-05 (10:00)', '2027-03-05T10:00'),
        ('Friday, March 5, 2027 7:14 PM', '2027-03-05T19:14'),
        ('Fri Mar  5 08:00:00 2027', '2027-03-05T08:00'),
        ('Mar 5 2027 1 pm', '2027-03-05T13:00'),
    ],
)
def test_a_date_is_read_as_it_is_written(text: str, moment: str) -> None:
    assert parse_datetime(text, 'x') == datetime.fromisoformat(f'{moment}:00+00:00')


@pytest.mark.parametrize('text', ['05/03/2027', '3-5-2027', '05/03/2027 08:00', 'at 08:00 on 3/5/2027'])
def test_a_date_that_may_be_one_of_two_is_refused(text: str) -> None:
    date = text.removesuffix(' 08:00').split()[-1]
    sentence = f"'{date}' may be March 5 or May 3: write send_time as 2027-03-05 or 2027-05-03."
    with pytest.raises(DemistoException, match=f'^{re.escape(sentence)}$'):
        parse_datetime(text, 'send_time')


@pytest.mark.parametrize(
    'text',
    [
        *(
            'Nov 28 2026 13h',
            '28 Nov 2026 13',
            '13h 28 Nov 2026',
            '28 Nov 13h',
            '28 Nov 13',
            '2026-11-28 13h',
            '28.11.2026 13 Uhr',
        ),
        *('Mar 5 2027 13h30', '5 Mar 2027 8.30', 'vor 3 Stunden', '2027年3月5日 8時30分'),
        *('today at 13h', 'tomorrow 8', 'tomorrow 8.30', 'tomorrow 8.30 pm', 'morgen 8 Uhr', 'today 0830', '2 Uhr'),
        *('tomorrow 8am EST', 'yesterday 10:00 +0100', 'today 10:00 GMT+1'),
        *('5.3.', '05.03', '5/3', '5.3.27', '29/11/26', '01/02/03', '05 03 2027', '2026-11', '11/2026', 'Nov 2026', '2026-W48-1'),
        *('31.31.2030', '31/31/2030', '2027-13-03', '30.02.2027', '1' * 100_000 + 'h', f'2027-03-05{" " * 100_000}'),
    ],
)
def test_what_could_only_be_guessed_is_not_a_time(text: str) -> None:
    assert parse_datetime(text, 'x') is None


@pytest.mark.parametrize(
    'text',
    [
        '1.5 hours ago',
        '1 day, 12h ago',
        '-36h',
        'in 2 hours',
        'a week ago',
        'in an hour',
        'friday 8am',
        'Sept 28',
        '29 Nov 8pm',
        '10:00 pm',
        '8am UTC',
    ],
)
def test_a_time_without_a_year_is_relative_to_now(text: str) -> None:
    now = datetime.now(timezone.utc)
    moment = parse_datetime(text, 'x')
    assert moment
    assert abs(now - moment) < timedelta(days=366)


def test_a_date_in_the_future_is_in_utc() -> None:
    moment = future_datetime('2099-01-31T08:00:00+02:00', 'send_time')
    assert moment == datetime(2099, 1, 31, 6, tzinfo=timezone.utc)
    assert future_datetime('2099-01-31', 'send_time').tzinfo is timezone.utc


# endregion
# region run


class Client:
    """Stands for a MicrosoftClient: knows whether its requests count."""

    def __init__(self, settings: InstanceSettings) -> None:
        self.credential = settings.credential()
        self.is_counting = False
        self.retry_on_rate_limit = True
        self.clock = SystemClock()

    def can_reschedule(self) -> bool:
        return self.retry_on_rate_limit

    @contextmanager
    def reporting_metrics(self) -> Iterator[None]:
        self.is_counting = True
        yield
        self.is_counting = False


class Run:
    """Runs a command as the platform does.

    Attributes:
        results: what the platform gets.
        counted: whether requests counted while the command ran.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.results: list[Any] = []
        self.counted: list[bool] = []

    def __call__(self, command: str, function: Any = None, params: Params = DAEMON, **args: Any) -> Any:
        """Return the last result of a command, which `function` carries out."""

        def carry_out(client: Client, given: dict[str, Any]) -> Any:
            self.counted.append(client.is_counting)
            return function(client, given)

        for name, value in (('command', command), ('params', params), ('args', args)):
            self._monkeypatch.setattr(demisto, name, lambda value=value: value)
        self._monkeypatch.setattr(demisto, 'results', self.results.append)
        commands = {**auth_commands(SPEC), **({command: carry_out} if function else {})}
        with suppress(SystemExit):  # how return_error ends a command
            run_integration(SPEC, commands, Client)  # type: ignore[arg-type]
        return self.results[-1] if self.results else None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(LOG, 'replace_strs', [])
    return Run(monkeypatch)


def test_a_command_gets_the_client_and_its_arguments(run: Run) -> None:
    assert run('contoso-list', lambda client, args: f'{type(client).__name__} {args}', limit='5') == "Client {'limit': '5'}"


def test_a_command_without_results_returns_none(run: Run) -> None:
    assert run('fetch-incidents', lambda *_: None) is None
    assert run.results == []


@pytest.mark.parametrize(
    'command, counted', [('contoso-list', True), ('contoso-auth-test', True), ('test-module', False), ('fetch-incidents', False)]
)
def test_the_requests_of_a_command_are_counted(run: Run, command: str, counted: bool) -> None:
    run(command, lambda *_: 'ok')
    assert run.counted == [counted]


def test_an_unknown_command_is_an_error(run: Run) -> None:
    assert run('contoso-fly')['Contents'] == 'The command contoso-fly does not exist in this integration.'


def test_an_error_ends_the_command_with_its_text(run: Run) -> None:
    def fail(*_: Any) -> None:
        raise DemistoException('It failed.')

    entry = run('contoso-list', fail)
    assert (entry['Type'], entry['Contents']) == (4, 'It failed.')


@pytest.mark.parametrize(
    'params, advice',
    [
        (DEVICE, 'Run !contoso-auth-start.'),
        (CORTEX, 'Get a new ID, Token and Key from https://oproxy.demisto.ninja/contoso-app.'),
        (DAEMON, ''),
    ],
)
def test_an_expired_sign_in_says_how_to_sign_in_again(run: Run, params: Params, advice: str) -> None:
    def fail(*_: Any) -> None:
        raise SignInRequiredError('The sign-in has ended.', 'Sign in again.')

    assert run('contoso-list', fail, params)['Contents'] == f'The sign-in has ended. Sign in again. {advice}'.strip()


def test_a_sign_in_that_a_policy_refuses_does_not_say_how_to_sign_in_again(run: Run) -> None:
    def fail(*_: Any) -> None:
        raise SignInRequiredError('A policy refused it.', 'Try again from the office.', needs_new_sign_in=False)

    assert run('contoso-list', fail, DEVICE)['Contents'] == 'A policy refused it. Try again from the office.'


def throttle(client: Client, args: dict[str, Any]) -> None:
    client.retry_on_rate_limit = 'ran_once_flag' not in args
    response = requests.Response()
    response.status_code = 429
    raise CommandThrottled(45, response)


def test_a_throttled_command_is_rescheduled(run: Run) -> None:
    entry = run('contoso-list', throttle, limit='5')
    assert (entry['PollingCommand'], entry['NextRun'], entry['PollingArgs']) == (
        'contoso-list',
        '46',
        {'limit': '5', 'ran_once_flag': True},
    )


def test_a_throttled_command_that_was_rescheduled_is_an_error(run: Run) -> None:
    assert run('contoso-list', throttle, ran_once_flag=True)['Contents'].endswith('Try again in 45 seconds.')


def test_secrets_are_masked(run: Run) -> None:
    run('contoso-list', lambda *_: 'ok')
    assert LOG.encode('the secret') == '<XX_REPLACED>'


def test_the_token_of_the_cortex_application_stays_masked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOG, 'replace_strs', [])
    run('contoso-list', lambda *_: 'ok', CORTEX)
    assert LOG.encode('token a2V5') == '<XX_REPLACED> <XX_REPLACED>'


def test_a_pasted_code_is_masked(run: Run) -> None:
    run('contoso-auth-complete', None, APPLICATION, code='https://localhost/myapp?state=x&code=the-code')
    assert 'the-code' not in LOG.encode('https://localhost/myapp?state=x&code=the-code')


# endregion


# region sign-in


PERMISSIONS = ('Mail.Send', 'User.Read')
MAIL = SPEC._replace(permissions=PERMISSIONS, access_advice='Ask the owner.')
GRANT = 'Grant the missing permissions'
OF_EXCHANGE = ' Permissions granted by RBAC for Applications in Exchange Online do not appear in the token and need no consent.'


@pytest.mark.parametrize(
    'params, granted, missing, advice',
    [
        (DAEMON, None, [], 'The permissions of the token cannot be read. Check that these are granted: Mail.Send, User.Read.'),
        (DAEMON, list(PERMISSIONS), [], 'Ask the owner.'),
        (APPLICATION, [], [*PERMISSIONS], f'{GRANT}: Mail.Send, User.Read. Run !contoso-auth-start.'),
        (DEVICE, [], ['Mail.Send'], f'{GRANT}: Mail.Send. Run !contoso-auth-start.'),
        (DAEMON, [], ['User.Read'], f'{GRANT}: User.Read. Run !contoso-auth-reset. This requests a new token.'),
        (
            DAEMON,
            [],
            ['User.Read', 'Mail.Send'],
            f'{GRANT}: User.Read, Mail.Send. Run !contoso-auth-reset. This requests a new token.{OF_EXCHANGE}',
        ),
        (
            MANAGED_IDENTITY,
            [],
            ['Calendars.Read'],
            f'{GRANT}: Calendars.Read. Run !contoso-auth-reset. This requests a new token. '
            f'The host caches tokens for up to 24 hours.{OF_EXCHANGE}',
        ),
        (
            CORTEX,
            [],
            ['User.Read'],
            f'{GRANT}: User.Read. Get a new ID, Token and Key from https://oproxy.demisto.ninja/contoso-app.',
        ),
    ],
)
def test_missing_permissions_come_with_advice(params: Params, granted: Any, missing: list[str], advice: str) -> None:
    assert permission_advice(MAIL, settings_of(params).credential(), granted, missing) == advice


def refuse(_client: Any) -> None:
    raise DemistoException('Access is denied.')


@pytest.mark.parametrize(
    'expected, check, said',
    [
        ('', refuse, 'ada@x.example is signed in. '),
        ('Ada@X.example', refuse, 'ada@x.example is signed in. '),
        (GUID.upper(), refuse, 'ada@x.example is signed in. '),
        ('bob@x.example', bool, 'ada@x.example is signed in. '),
        (
            'bob@x.example',
            refuse,
            '**Warning**: ada@x.example is signed in, not bob@x.example, and could not open the mailbox of bob@x.example. '
            'Give this account access to it, or sign in again and select the other account. ',
        ),
    ],
)
def test_a_user_who_cannot_open_the_mailbox_of_the_instance_is_warned(expected: str, check: Any, said: str) -> None:
    spec = SPEC._replace(account=lambda _client: expected, check=check)
    assert signed_in_account(spec, MicrosoftClient(), token(upn='ada@x.example', oid=GUID)) == said


@pytest.mark.parametrize(
    'params, text',
    [
        *(
            (
                params,
                'The parameters are valid, but the Test button cannot check the sign-in of a user. Save the instance, '
                'run !contoso-auth-start to sign in, then run !contoso-auth-test.',
            )
            for params in (APPLICATION, DEVICE)
        ),
        (
            CORTEX,
            'The parameters are valid and the token service answers, but the Test button does not sign in, because a Token '
            'works only once. Save the instance, then run !contoso-auth-test.',
        ),
    ],
)
def test_the_test_button_says_what_it_did_not_check(scripted: Make, params: Params, text: str) -> None:
    client, service = scripted((405, {}, ''), **settings_of({**params, 'creds_enc_key': key_for(params)}).client_keywords())
    with pytest.raises(DemistoException, match=says(text)):
        check_instance(SPEC, client)
    assert [(seen.method, seen.body) for seen in service.seen] == ([('GET', None)] if params is CORTEX else [])


def key_for(params: Params) -> Any:
    """Return a key that the Cortex XSOAR application can encrypt with, the given one for another method."""
    return secret(base64.b64encode(bytes(16)).decode()) if params is CORTEX else params['creds_enc_key']


def test_the_test_button_checks_an_application(scripted: Make) -> None:
    client, _ = scripted((200, {}, {}), **settings_of(DAEMON).client_keywords())
    assert check_instance(SPEC, client) == 'ok'
    assert check_instance(SPEC._replace(check=refuse), client, check=bool) == 'ok'
    with pytest.raises(DemistoException, match=says('Access is denied.')):
        check_instance(SPEC._replace(check=refuse), client)


CONSENT_PAGE = 'https://oproxy.demisto.ninja/contoso-app'
NOBODY = 'No user has to sign in for this instance.'
FROM_CONSENT_PAGE = f'This instance signs in with ID, Token and Key from {CONSENT_PAGE}.'
DELETED = 'All cached tokens of this instance were deleted.'


@pytest.mark.parametrize(
    'command, params, args, text',
    [
        ('auth-start', DAEMON, {}, f'{NOBODY} Run !contoso-auth-test.'),
        ('auth-start', CORTEX, {}, f'{FROM_CONSENT_PAGE} Run !contoso-auth-test.'),
        (
            'auth-start',
            APPLICATION,
            {},
            '### Authorization instructions\n'
            '1. Open the [login URL](URL) in a browser, sign in and grant the permissions.\n'
            '2. The browser is redirected to the redirect URI. The page may be empty, or fail to load.\n'
            '3. Copy the full URL of that page and run `!contoso-auth-complete code="<the full URL>"` within a few minutes.',
        ),
        (
            'generate-login-url',
            APPLICATION,
            {},
            '### Authorization instructions\n'
            '1. Open the [login URL](URL) in a browser, sign in and grant the permissions.\n'
            '2. The browser is redirected to the redirect URI. The page may be empty, or fail to load.\n'
            '3. Copy the full URL of that page and paste it into **Authorization code** of the instance within a few minutes.',
        ),
        ('auth-reset', APPLICATION, {}, f'{DELETED} Run !contoso-auth-start.'),
        ('auth-reset', DAEMON, {}, f'{DELETED} The next command requests a new token.'),
    ],
)
def test_an_auth_command_tells_the_user_what_to_do(
    scripted: Make, command: str, params: Params, args: dict[str, Any], text: str
) -> None:
    client, service = scripted((500, {}, {}), **settings_of(params).client_keywords())
    said = auth_commands(SPEC)[f'contoso-{command}'](client, args).readable_output
    assert re.sub(r'\(https://login[^)]+\)', '(URL)', said) == text
    assert service.seen == []


@pytest.mark.parametrize('command', ['auth-start', 'generate-login-url'])
@pytest.mark.parametrize(
    'args, permissions', [({}, PERMISSIONS), ({'permissions': 'Mail.Read, User.Read'}, ('Mail.Read', 'User.Read'))]
)
def test_a_login_url_asks_for_permissions_and_suggests_the_account(
    scripted: Make, command: str, args: dict[str, Any], permissions: tuple[str, ...]
) -> None:
    spec = MAIL._replace(account=lambda _client: 'ada@x.example')
    client, _ = scripted((500, {}, {}), **InstanceSettings(APPLICATION, spec).client_keywords())
    said = auth_commands(spec)[f'contoso-{command}'](client, args).readable_output
    query = dict(parse_qsl(urlsplit(re.findall(r'\((https:[^)]+)\)', said)[0]).query))
    assert query['login_hint'] == 'ada@x.example'
    assert query['scope'].split() == [*(f'{GRAPH}/{name}' for name in permissions), 'offline_access']


@pytest.mark.parametrize(
    'params, discard, remaining, text',
    [
        (CORTEX, 'true', {'of others'}, f'{DELETED} Get a new ID, Token and Key from {CONSENT_PAGE}.'),
        (DAEMON, 'true', {'of others'}, f'{DELETED} The next command requests a new token.'),
        (
            DAEMON,  # the instance used the Cortex XSOAR application before
            'false',
            {'of others', 'microsoft-sign-in/x/sign-in'},
            f'{DELETED[:-1]}, except for the next Token of the Cortex XSOAR application, which works only once. '
            'The next command requests a new token.',
        ),
    ],
)
def test_a_reset_deletes_the_token_of_the_cortex_application_only_if_told_to(
    scripted: Make, params: Params, discard: str, remaining: set[str], text: str
) -> None:
    client, _ = scripted((500, {}, {}), **settings_of(params).client_keywords())
    demisto.setIntegrationContext({'microsoft-sign-in/x/sign-in': '{"works_once": true, "ends_on": 9e9}', 'of others': 'remains'})
    assert auth_commands(SPEC)['contoso-auth-reset'](client, {'discard_token': discard}).readable_output == text
    assert demisto.getIntegrationContext().keys() == remaining


@pytest.mark.parametrize(
    'command, params, text',
    [
        ('auth-complete', DAEMON, f'{NOBODY} Run !contoso-auth-test.'),
        ('auth-complete', CORTEX, f'{FROM_CONSENT_PAGE} Run !contoso-auth-test.'),
        ('auth-complete', APPLICATION, 'The argument code is missing. To get a code, run !contoso-auth-start.'),
        (
            'generate-login-url',
            MANAGED_IDENTITY,
            'Only an instance with Authorization Code has a login URL. Run the auth-test command.',
        ),
        (
            'auth-reset',
            CORTEX,
            'Nothing was deleted, because a reset would delete the only working Token. '
            f'To replace ID, Token and Key, get new ones from {CONSENT_PAGE}. '
            'To delete the Token anyway, add discard_token=true.',
        ),
    ],
)
def test_an_auth_command_that_does_not_fit_the_instance_is_an_error(
    scripted: Make, command: str, params: Params, text: str
) -> None:
    client, _ = scripted((500, {}, {}), **settings_of(params).client_keywords())
    with pytest.raises(CredentialError, match=says(text)):
        auth_commands(SPEC)[f'contoso-{command}'](client, {})


def after_auth_test(scripted: Make, held: AccessToken, **of_spec: Any) -> Any:
    """Return the results of auth-test of an application that gets this token."""
    spec = MAIL._replace(details=lambda _client: {'Mailbox': 'ada@x.example'}, **of_spec)
    answer = {'access_token': held.value, 'scope': held.scope, 'expires_in': 3599}
    client, _ = scripted((200, {}, answer), **InstanceSettings(DAEMON, spec).client_keywords())
    return auth_commands(spec)['contoso-auth-test'](client, {})


@pytest.mark.parametrize(
    'held, of_token, granted, missing, advice',
    [
        (
            token(roles=['Mail.Send'], app_displayname='My [app](x)', tid='t', appid='a'),
            {'Account': 'My [app](x)', 'TenantID': 't', 'ClientID': 'a'},
            ['Mail.Send'],
            ['User.Read'],
            f'{GRANT}: User.Read. Run !contoso-auth-reset. This requests a new token.',
        ),
        (
            token(tid='t'),
            {'TenantID': 't'},
            [],
            [*PERMISSIONS],
            f'{GRANT}: Mail.Send, User.Read. Run !contoso-auth-reset. This requests a new token.{OF_EXCHANGE}',
        ),
        (
            token(),
            {},
            'unknown',
            'unknown',
            'The permissions of the token cannot be read. Check that these are granted: Mail.Send, User.Read.',
        ),
        (token('Mail.Send User.Read'), {}, [*PERMISSIONS], [], ''),
    ],
)
def test_the_test_command_shows_the_account_and_its_permissions(
    scripted: Make, held: AccessToken, of_token: dict[str, str], granted: Any, missing: Any, advice: str
) -> None:
    results = after_auth_test(scripted, held)
    assert results.outputs_prefix == 'ContosoAuth'
    assert results.outputs == {
        'AuthenticationMethod': 'Self-deployed application, client secret',
        'Mailbox': 'ada@x.example',
        'Account': 'unknown',
        'TenantID': 'unknown',
        'ClientID': 'unknown',
        **of_token,
        'ExpiresOn': '2030-03-17T18:46:39Z',
        'GrantedPermissions': granted,
        'MissingPermissions': missing,
    }
    said = results.readable_output
    assert said.startswith('### Signed in to Contoso API\n')
    assert '[app](x)' not in said, 'no link'
    named = re.findall(r'^\| ?([A-Z][\w ]+?) ?\|', said, re.MULTILINE)
    assert named == [
        'Property',
        'Authentication Method',
        'Account',
        'Mailbox',
        'Tenant ID',
        'Client ID',
        'Granted Permissions',
        'Missing Permissions',
        'Expires On',
    ]
    assert said.rpartition('|\n')[2].strip() == advice


def answer_with(status: int) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    return response


@pytest.mark.parametrize(
    'error, text',
    [
        (DemistoException('Denied.', res=answer_with(403)), 'Denied. Ask the owner.'),
        (DemistoException('NoPermissionsInAccessToken', res=answer_with(401)), 'NoPermissionsInAccessToken Ask the owner.'),
        (DemistoException('It broke.', res=answer_with(400)), 'It broke.'),
        (DemistoException('It broke.'), 'It broke.'),
    ],
)
def test_an_api_that_refuses_access_comes_with_advice(scripted: Make, error: Exception, text: str) -> None:
    def check(_client: Any) -> None:
        raise error

    with pytest.raises(DemistoException, match=says(text)):
        after_auth_test(scripted, token('Mail.Send User.Read'), check=check)


# endregion
# region errors and lists


@pytest.mark.parametrize(
    'error, text',
    [
        (DemistoException('It failed.'), 'It failed.'),
        (MicrosoftSignInError('It failed.', 'Mend it.'), 'It failed. Mend it.'),
        (NotFoundError('It is gone.'), 'It is gone.'),
        (NotImplementedError('It does not exist.'), 'It does not exist.'),
        (Exception('It failed.'), 'It failed.'),
        *(
            (
                error,
                f'An unexpected error occurred ({type(error).__name__}). '
                'Run the command again with debug-mode=true, and report the error with the log.',
            )
            for error in (ValueError('a secret'), KeyError('a secret'), RuntimeError('a secret'))
        ),
        (
            requests.exceptions.ConnectionError('a secret'),
            'the service did not respond. Try again, and check the network of the engine and the proxy.',
        ),
        (
            requests.exceptions.ReadTimeout('a secret', request=requests.Request('GET', 'https://x.example/y').prepare()),
            'x.example did not respond in time. Try again, and check the network of the engine and the proxy.',
        ),
    ],
)
def test_the_text_of_an_error_is_shown_if_it_was_written_for_users(error: Exception, text: str) -> None:
    assert error_text(error) == text


@pytest.mark.parametrize('value', ['half an \ud83d', '\ud800', 'a\udfffb', 'a\0b', ['whole', 'half an \ud83d'], ['a\0b']])
def test_an_argument_that_is_not_text_is_rejected(run: Run, value: Any) -> None:
    text = run('contoso-list', lambda *_: 'ok', limit='5', subject=value)['Contents']
    assert text == 'The argument subject contains invalid characters. Remove them.'


@pytest.mark.parametrize('value', ['\U0001f600', '\ud7ff', '\ue000', '\x01'])
def test_an_argument_may_contain_every_character(run: Run, value: str) -> None:
    assert run('contoso-list', lambda _client, args: args['subject'], subject=value) == value


@pytest.mark.parametrize('command', ['contoso-list', 'fetch-incidents', 'test-module'])
def test_a_command_ends_before_the_platform_ends_it(monkeypatch: pytest.MonkeyPatch, run: Run, command: str) -> None:
    monkeypatch.setattr(SystemClock, 'elapsed', lambda _clock: 1000.0)
    left: list[float] = []
    run(command, lambda client, _args: left.append(client.clock.remaining()))
    assert left == [150]


def page_of(*ids: int, **more: Any) -> tuple[int, dict[str, str], Any]:
    return 200, {}, {'value': [{'id': number} for number in ids], **more}


@pytest.mark.parametrize('link', ['@odata.nextLink', 'nextLink'])
@pytest.mark.parametrize(
    'limit, ids, urls',
    [
        (1, [1], ['/items?top=2']),
        (2, [1, 2], ['/items?top=2']),
        (3, [1, 2, 3], ['/items?top=2', '/items?page=2']),
        (9, [1, 2, 3, 4, 5], ['/items?top=2', '/items?page=2', '/items?page=3']),
    ],
)
def test_a_list_has_as_many_pages_as_it_takes(scripted: Make, link: str, limit: int, ids: list[int], urls: list[str]) -> None:
    pages = (
        page_of(1, 2, **{link: f'{GRAPH}/items?page=2'}),
        page_of(3, 4, **{link: f'{GRAPH}/items?page=3'}),
        page_of(5),
    )
    client, service = scripted(*pages)
    assert list_items(client, '/items', limit, {'top': 2}) == [{'id': number} for number in ids]
    assert [(seen.method, seen.url) for seen in service.seen] == [('GET', f'{GRAPH}{url}') for url in urls]


@pytest.mark.parametrize('body', [[], {}, {'value': {}}, {'value': None}, '<html>', ''])
def test_a_response_that_is_not_a_list_is_an_error(scripted: Make, body: Any) -> None:
    client, _ = scripted((200, {}, body))
    with pytest.raises(DemistoException, match=says('The response is not a list. Check the cloud and the proxy settings.')):
        list_items(client, '/items', 5)


@pytest.mark.parametrize('link', ['https://evil.example/items', f'{GRAPH}/items?page=2', 5])
def test_a_link_to_another_host_or_to_a_page_already_read_is_not_followed(scripted: Make, link: Any) -> None:
    first = page_of(1, nextLink=f'{GRAPH}/items?page=2')
    client, service = scripted(first, page_of(2, nextLink=link))
    message = 'The next-page link points to another host or to a page already read. Try a smaller limit.'
    with pytest.raises(DemistoException, match=says(message)):
        list_items(client, '/items', 5)
    assert len(service.seen) == 2


def test_a_list_of_something_that_does_not_exist_is_not_found(scripted: Make) -> None:
    client, _ = scripted((404, {}, {'error': 'gone'}))
    with pytest.raises(NotFoundError) as failure:
        list_items(client, '/items', 5)
    assert failure.value.message == {'error': 'gone'}


# endregion
