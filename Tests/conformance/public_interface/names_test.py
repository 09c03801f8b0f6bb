"""Every name that integrations use from the public MicrosoftApiModule exists, with the same meaning.

The lists of names are in used_names.py. They come from the integrations, not from this repository's module.
"""

import inspect
import types
from typing import Any

import pytest

import demistomock as demisto
import MicrosoftApiModule
from conformance.public_interface.used_names import ADDRESSES, CLIENT_ATTRIBUTES, DEFINED, IMPORTED, NAMES
from MicrosoftApiModule import *

# region modules and constants


@pytest.mark.parametrize('name', NAMES)
def test_the_star_import_includes_what_integrations_use(name: str) -> None:
    assert name in globals()


@pytest.mark.parametrize('name', CLIENT_ATTRIBUTES)
def test_a_client_has_what_integrations_use(name: str) -> None:
    assert hasattr(MicrosoftClient(self_deployed=True, tenant_id='a-tenant', auth_id='an-id'), name)


@pytest.mark.parametrize(
    'name, value',
    {
        'AUTHORIZATION_CODE': 'authorization_code',
        'CLIENT_CREDENTIALS': 'client_credentials',
        'DEVICE_CODE': 'urn:ietf:params:oauth:grant-type:device_code',
        'REFRESH_TOKEN': 'refresh_token',
        'OPROXY_AUTH_TYPE': 'oproxy',
        'SELF_DEPLOYED_AUTH_TYPE': 'self_deployed',
        'MANAGED_IDENTITIES_SYSTEM_ASSIGNED': 'SYSTEM_ASSIGNED',
        'MANAGED_IDENTITIES_TOKEN_URL': 'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01',
        'Scopes.graph': 'https://graph.microsoft.com/.default',
        'Scopes.security_center': 'https://api.securitycenter.windows.com/.default',
        'Scopes.security_center_apt_service': 'https://securitycenter.onmicrosoft.com/windowsatpservice/.default',
        'Scopes.management_azure': 'https://management.azure.com/.default',
        'Resources.graph': 'https://graph.microsoft.com/',
        'Resources.security_center': 'https://api.securitycenter.microsoft.com/',
        'Resources.security': 'https://api.security.microsoft.com/',
        'Resources.management_azure': 'https://management.azure.com/',
        'Resources.manage_office': 'https://manage.office.com/',
        'TOKEN_RETRIEVAL_ENDPOINTS': {
            'com': 'https://login.microsoftonline.com',
            'gcc': 'https://login.microsoftonline.com',
            'gcc-high': 'https://login.microsoftonline.us',
            'dod': 'https://login.microsoftonline.us',
            'de': 'https://login.microsoftonline.de',
            'cn': 'https://login.partner.microsoftonline.cn',
        },
        'GRAPH_ENDPOINTS': {
            'com': 'https://graph.microsoft.com',
            'gcc': 'https://graph.microsoft.com',
            'gcc-high': 'https://graph.microsoft.us',
            'dod': 'https://dod-graph.microsoft.us',
            'de': 'https://graph.microsoft.de',
            'cn': 'https://microsoftgraph.chinacloudapi.cn',
        },
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE': {
            'Worldwide': 'com',
            'US Geo Proximity': 'geo-us',
            'EU Geo Proximity': 'geo-eu',
            'UK Geo Proximity': 'geo-uk',
            'US GCC': 'gcc',
            'US GCC-High': 'gcc-high',
            'DoD': 'dod',
        },
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_API': {
            'com': 'https://api.securitycenter.microsoft.com',
            'geo-us': 'https://api.securitycenter.microsoft.com',
            'geo-eu': 'https://api-eu.securitycenter.microsoft.com',
            'geo-uk': 'https://api-uk.securitycenter.microsoft.com',
            'gcc': 'https://api-gcc.securitycenter.microsoft.us',
            'gcc-high': 'https://api-gov.securitycenter.microsoft.us',
            'dod': 'https://api-gov.securitycenter.microsoft.us',
        },
        'GRAPH_BASE_ENDPOINTS': {
            'https://graph.microsoft.com': 'com',
            'https://graph.microsoft.us': 'gcc-high',
            'https://dod-graph.microsoft.us': 'dod',
            'https://graph.microsoft.de': 'de',
            'https://microsoftgraph.chinacloudapi.cn': 'cn',
        },
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_TYPE_CUSTOM': 'Custom',
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_DEFAULT_ENDPOINT_TYPE': 'com',
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_TOKEN_RETRIVAL_ENDPOINTS': {
            **dict.fromkeys(('com', 'geo-us', 'geo-eu', 'geo-uk', 'gcc'), 'https://login.microsoftonline.com'),
            **dict.fromkeys(('gcc-high', 'dod'), 'https://login.microsoftonline.us'),
        },
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_GRAPH_ENDPOINTS': {
            **dict.fromkeys(('com', 'geo-us', 'geo-eu', 'geo-uk', 'gcc'), 'https://graph.microsoft.com'),
            'gcc-high': 'https://graph.microsoft.us',
            'dod': 'https://dod-graph.microsoft.us',
        },
        'MICROSOFT_DEFENDER_FOR_ENDPOINT_APT_SERVICE_ENDPOINTS': {
            **dict.fromkeys(('com', 'geo-us', 'geo-eu', 'geo-uk', 'gcc'), 'https://securitycenter.onmicrosoft.com'),
            **dict.fromkeys(('gcc-high', 'dod'), 'https://securitycenter.onmicrosoft.us'),
        },
        'MICROSOFT_DEFENDER_FOR_APPLICATION_TYPE': {'Worldwide': 'com', 'US GCC': 'gcc', 'US GCC-High': 'gcc-high'},
        'MICROSOFT_DEFENDER_FOR_APPLICATION_API': {
            'com': 'https://api.securitycenter.microsoft.com',
            'gcc': 'https://api-gcc.securitycenter.microsoft.us',
            'gcc-high': 'https://api-gov.securitycenter.microsoft.us',
        },
        'MICROSOFT_DEFENDER_FOR_APPLICATION_TOKEN_RETRIEVAL_ENDPOINTS': {
            'com': 'https://login.microsoftonline.com',
            'gcc': 'https://login.microsoftonline.com',
            'gcc-high': 'https://login.microsoftonline.us',
        },
        'TOKEN_EXPIRED_ERROR_CODES': {50173, 700082, 70008, 54005, 7000222},
        'SESSION_STATE': 'session_state',
        'AzureCloudNames.WORLDWIDE': 'com',
        'AzureCloudNames.US_GCC_HIGH': 'gcc-high',
        'AzureCloudNames.CUSTOM': 'custom',
    }.items(),
)
def test_a_constant_has_its_value(name: str, value: Any) -> None:
    found: Any = MicrosoftApiModule
    for part in name.split('.'):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize('name', ['requests', 'demisto', 'base64', 're', 'json', 'os'])
def test_the_star_import_includes_modules(name: str) -> None:
    assert isinstance(globals()[name], types.ModuleType)


def test_the_star_import_includes_date_classes() -> None:
    assert (datetime(2026, 1, 1) - timedelta(days=1)).year == 2025


@pytest.mark.parametrize('name', IMPORTED)
def test_the_star_import_gives_no_other_meaning_to_what_integrations_import(name: str) -> None:
    assert getattr(MicrosoftApiModule, name, IMPORTED[name]) is IMPORTED[name]


@pytest.mark.parametrize('name', DEFINED)
def test_no_name_of_an_integration_is_needed_here(name: str) -> None:
    # A function of the integration takes the place of this module's, or this module's that of the integration.
    assert name in NAMES or not hasattr(MicrosoftApiModule, name)


def test_nothing_restricts_the_star_import() -> None:
    assert not hasattr(MicrosoftApiModule, '__all__')


# endregion
# region clouds


@pytest.mark.parametrize(
    'abbreviation, cloud, name, login, graph, management',
    [
        (
            'com',
            AZURE_WORLDWIDE_CLOUD,
            'AzureCloud',
            'https://login.microsoftonline.com',
            'https://graph.microsoft.com',
            'https://management.azure.com',
        ),
        (
            'gcc',
            AZURE_US_GCC_CLOUD,
            'AzureUSGovernmentCommunity',
            'https://login.microsoftonline.com',
            'https://graph.microsoft.com',
            'https://management.azure.com',
        ),
        (
            'gcc-high',
            AZURE_US_GCC_HIGH_CLOUD,
            'AzureUSGovernment',
            'https://login.microsoftonline.us',
            'https://graph.microsoft.us',
            'https://management.usgovcloudapi.net',
        ),
        (
            'dod',
            AZURE_DOD_CLOUD,
            'AzureUSGovernmentDoD',
            'https://login.microsoftonline.us',
            'https://dod-graph.microsoft.us',
            'https://management.usgovcloudapi.net',
        ),
        (
            'cn',
            AZURE_CHINA_CLOUD,
            'AzureChinaCloud',
            'https://login.partner.microsoftonline.cn',
            'https://microsoftgraph.chinacloudapi.cn',
            'https://management.chinacloudapi.cn',
        ),
        (
            'de',
            AZURE_GERMAN_CLOUD,
            'AzureGermanCloud',
            'https://login.microsoftonline.de',
            'https://graph.microsoft.de',
            'https://management.microsoftazure.de',
        ),
    ],
)
def test_a_cloud_is_found_by_its_abbreviation(
    abbreviation: str, cloud: AzureCloud, name: str, login: str, graph: str, management: str
) -> None:
    assert AZURE_CLOUDS[abbreviation] is cloud
    assert (cloud.name, cloud.abbreviation) == (name, abbreviation)
    assert cloud.endpoints.active_directory == login
    assert cloud.endpoints.microsoft_graph_resource_id == f'{graph}/'
    assert cloud.endpoints.resource_manager == f'{management}/'


@pytest.mark.parametrize('abbreviation, name', [(cloud, name) for cloud, addresses in ADDRESSES.items() for name in addresses])
def test_a_cloud_has_the_addresses_of_azure(abbreviation: str, name: str) -> None:
    group, _, part = name.partition('.')
    assert getattr(getattr(AZURE_CLOUDS[abbreviation], group), part) == ADDRESSES[abbreviation][name]


def test_an_address_that_a_cloud_does_not_have_is_named() -> None:
    china = AZURE_CLOUDS['cn']
    with pytest.raises(
        CloudSuffixNotSetException, match=r"does not have the suffix 'attestation_endpoint'\. Select another cloud"
    ):
        assert china.suffixes.attestation_endpoint
    with pytest.raises(CloudEndpointNotSetException, match=r"does not have the endpoint 'attestation_resource_id'"):
        assert china.endpoints.attestation_resource_id
    with pytest.raises(TypeError, match='managment is not an address of a cloud'):
        AzureCloudEndpoints(managment='https://x')
    assert (china.endpoints.has_endpoint_set('portal'), china.endpoints.has_endpoint_set('attestation_resource_id')) == (
        True,
        False,
    )


def test_a_cloud_is_made_of_its_addresses() -> None:
    endpoints = AzureCloudEndpoints(active_directory='', exchange_online='https://mail.example', portal=None)
    cloud = AzureCloud('an origin', 'a name', 'abc', endpoints)
    assert (cloud.origin, cloud.name, cloud.abbreviation) == ('an origin', 'a name', 'abc')
    assert (cloud.endpoints.active_directory, cloud.endpoints.exchange_online) == ('', 'https://mail.example')
    for read in (lambda: cloud.endpoints.portal, lambda: cloud.suffixes.keyvault_dns):
        with pytest.raises((CloudEndpointNotSetException, CloudSuffixNotSetException)):
            read()


def test_a_custom_cloud_takes_the_rest_from_the_defaults() -> None:
    cloud = create_custom_azure_cloud(
        'mine',
        defaults=AZURE_CHINA_CLOUD,
        endpoints={'portal': 'https://portal.example'},
        suffixes={'keyvault_dns': '.vault.example'},
    )
    assert (cloud.origin, cloud.name, cloud.abbreviation) == ('mine', 'AzureChinaCloud', 'cn')
    assert (cloud.endpoints.portal, cloud.endpoints.keyvault) == ('https://portal.example', 'https://vault.azure.cn')
    assert (cloud.suffixes.keyvault_dns, cloud.suffixes.mhsm_dns) == ('.vault.example', '.managedhsm.azure.cn')
    assert AZURE_CHINA_CLOUD.endpoints.portal == 'https://portal.azure.cn'
    empty = create_custom_azure_cloud('mine', 'a name', 'abc', endpoints={'resource_manager': 'https://arm.example'})
    assert (empty.name, empty.endpoints.resource_manager) == ('a name', 'https://arm.example')


# endregion
# region functions

SYSTEM_ASSIGNED = MANAGED_IDENTITIES_SYSTEM_ASSIGNED


@pytest.mark.parametrize(
    'params, client_id',
    [
        ({}, None),
        ({'use_managed_identities': False, 'managed_identities_client_id': {'password': 'an-id'}}, None),
        ({'use_managed_identities': 'false'}, None),
        ({'use_managed_identities': True}, SYSTEM_ASSIGNED),
        ({'use_managed_identities': 'true', 'managed_identities_client_id': None}, SYSTEM_ASSIGNED),
        ({'use_managed_identities': True, 'managed_identities_client_id': {'password': ''}}, SYSTEM_ASSIGNED),
        ({'use_managed_identities': True, 'managed_identities_client_id': {'password': 'an-id'}}, 'an-id'),
        ({'auth_type': 'Azure Managed Identities'}, SYSTEM_ASSIGNED),
        ({'authentication_type': 'Azure Managed Identities', 'managed_identities_client_id': {'password': 'an-id'}}, 'an-id'),
        ({'auth_type': 'Client Credentials'}, None),
    ],
)
def test_the_managed_identity_is_read_from_the_parameters(params: dict[str, Any], client_id: str | None) -> None:
    assert get_azure_managed_identities_client_id(params) == client_id


def test_an_argument_takes_precedence_over_a_parameter() -> None:
    assert get_from_args_or_params({'a': '1'}, {'a': '2'}, 'a') == '1'
    assert get_from_args_or_params({}, {'a': '2'}, 'a') == '2'


@pytest.mark.parametrize('args, params', [({}, {}), ({'a': ''}, {'a': '2'}), ({}, {'a': None})])
def test_a_missing_value_is_named(args: dict[str, Any], params: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r'^a is missing\. Add the argument a to the command, or set it in the instance\.$'):
        get_from_args_or_params(args, params, 'a')


GOV_API = 'https://api-gcc.securitycenter.microsoft.us'


@pytest.mark.parametrize(
    'endpoint_type, url, is_gcc, expected',
    [
        ('Worldwide', '', None, ('com', 'https://api.securitycenter.microsoft.com')),
        ('EU Geo Proximity', None, False, ('geo-eu', 'https://api-eu.securitycenter.microsoft.com')),
        ('US GCC', '', None, ('gcc', GOV_API)),
        ('Worldwide', 'https://mine', None, ('com', 'https://mine')),
        ('Custom', 'https://mine', None, ('com', 'https://mine')),
        (None, 'https://mine', None, ('com', 'https://mine')),
        ('', '', True, ('gcc', GOV_API)),
        ('Worldwide', 'https://mine', True, ('gcc', 'https://mine')),
    ],
)
def test_the_base_url_of_defender_depends_on_type_and_url(
    endpoint_type: str, url: str, is_gcc: bool | None, expected: tuple[str, str]
) -> None:
    assert microsoft_defender_for_endpoint_get_base_url(endpoint_type, url, is_gcc) == expected


@pytest.mark.parametrize('endpoint_type', ['Custom', '', None])
def test_defender_without_type_and_url_is_rejected(endpoint_type: str) -> None:
    message = rf"^Endpoint Type is '{endpoint_type or ''}' and no URL is set\. Select a type, or enter the URL\.$"
    with pytest.raises(DemistoException, match=message):
        microsoft_defender_for_endpoint_get_base_url(endpoint_type, '')


def test_a_not_found_error_has_a_message() -> None:
    error = NotFoundError({'error': 'gone'})
    assert isinstance(error, Exception)
    assert error.message == {'error': 'gone'}
    assert str(error) == "{'error': 'gone'}"


# endregion
# region the client

KEYWORDS = (
    'tenant_id',
    'auth_id',
    'enc_key',
    'token_retrieval_url',
    'app_name',
    'refresh_token',
    'auth_code',
    'scope',
    'grant_type',
    'redirect_uri',
    'resource',
    'multi_resource',
    'resources',
    'verify',
    'self_deployed',
    'timeout',
    'azure_ad_endpoint',
    'azure_cloud',
    'endpoint',
    'certificate_thumbprint',
    'retry_on_rate_limit',
    'private_key',
    'managed_identities_client_id',
    'managed_identities_resource_uri',
    'base_url',
    'command_prefix',
)


def test_the_keywords_of_the_client_are_optional_and_in_this_order() -> None:
    parameters = inspect.signature(MicrosoftClient).parameters
    assert tuple(parameters)[: len(KEYWORDS)] == KEYWORDS
    assert all(parameters[name].default is not inspect.Parameter.empty for name in KEYWORDS)
    assert isinstance(MicrosoftClient(), BaseClient)


@pytest.mark.parametrize(
    'keyword',
    [
        name
        for name in KEYWORDS
        if name
        not in (
            'token_retrieval_url',
            'scope',
            'azure_ad_endpoint',
            'endpoint',
            'base_url',
            'self_deployed',
            'timeout',
            'azure_cloud',
            'auth_id',
            'enc_key',
        )
    ],
)
def test_a_keyword_becomes_an_attribute(keyword: str) -> None:
    assert getattr(MicrosoftClient(self_deployed=True, **{keyword: 'a value'}), keyword) == 'a value'


@pytest.mark.parametrize(
    'keywords, attribute, value',
    [
        ({'auth_id': 'an-id'}, 'client_id', 'an-id'),
        ({'auth_id': 'an-id@https://x'}, 'auth_id', 'an-id'),
        ({'auth_id': 'an-id@https://x', 'self_deployed': True}, 'auth_id', 'an-id@https://x'),
        ({'auth_id': 'an-id@https://x', 'tenant_id': 'a Token'}, 'token_retrieval_url', 'https://x'),
        ({'tenant_id': 'a Token'}, 'token_retrieval_url', 'https://oproxy.demisto.ninja/obtain-token'),
        ({'enc_key': 'a key'}, 'client_secret', 'a key'),
        ({'self_deployed': True}, 'auth_type', SELF_DEPLOYED_AUTH_TYPE),
        ({}, 'auth_type', OPROXY_AUTH_TYPE),
        ({'self_deployed': True}, 'grant_type', CLIENT_CREDENTIALS),
        ({}, 'scope', 'https://graph.microsoft.com/.default'),
        ({'azure_cloud': AZURE_US_GCC_HIGH_CLOUD}, 'scope', 'https://graph.microsoft.us/.default'),
        ({'scope': '{graph_endpoint}/Mail.Read x'}, 'scope', 'https://graph.microsoft.com/Mail.Read x'),
        (
            {'tenant_id': 't', 'self_deployed': True},
            'token_retrieval_url',
            'https://login.microsoftonline.com/t/oauth2/v2.0/token',
        ),
        (
            {'tenant_id': 't', 'endpoint': 'gcc-high', 'self_deployed': True},
            'token_retrieval_url',
            'https://login.microsoftonline.us/t/oauth2/v2.0/token',
        ),
        (
            {'tenant_id': 't', 'token_retrieval_url': 'https://x/{tenant_id}/oauth2/token', 'self_deployed': True},
            'token_retrieval_url',
            'https://x/t/oauth2/token',
        ),
        ({'endpoint': 'dod'}, 'azure_cloud', AZURE_DOD_CLOUD),
        ({'endpoint': 'unknown'}, 'azure_cloud', AZURE_WORLDWIDE_CLOUD),
        ({'azure_cloud': AZURE_CHINA_CLOUD}, 'azure_ad_endpoint', 'https://login.partner.microsoftonline.cn'),
        ({'azure_ad_endpoint': 'https://x/'}, 'azure_ad_endpoint', 'https://x'),
        ({'azure_ad_endpoint': ''}, 'azure_ad_endpoint', 'https://login.microsoftonline.com'),
        ({}, 'redirect_uri', 'https://localhost/myapp'),
        ({'timeout': 7}, 'timeout', 7),
        ({'base_url': 'https://x'}, '_base_url', 'https://x'),
        ({'ok_codes': (200,)}, '_ok_codes', (200,)),
        ({'headers': {'a': 'b'}}, '_headers', {'a': 'b'}),
        ({'auth': ('a', 'b')}, '_auth', ('a', 'b')),
        ({'verify': False}, '_verify', False),
    ],
)
def test_attributes_are_derived_from_the_keywords(keywords: dict[str, Any], attribute: str, value: Any) -> None:
    assert getattr(MicrosoftClient(**keywords), attribute) == value


def test_a_client_of_the_cortex_app_has_no_grant_type() -> None:
    # MicrosoftGraphSecurity and O365MessageTrace refuse the Test button if it is that of an authorization code.
    assert not hasattr(MicrosoftClient(grant_type=AUTHORIZATION_CODE, auth_code='left from before'), 'grant_type')


@pytest.mark.parametrize(
    'keyword',
    [
        'tenant_id',
        'auth_id',
        'enc_key',
        'refresh_token',
        'auth_code',
        'resource',
        'resources',
        'certificate_thumbprint',
        'private_key',
        'managed_identities_client_id',
        'base_url',
    ],
)
def test_a_keyword_may_be_none(keyword: str) -> None:
    client = MicrosoftClient(**{keyword: None})
    assert not getattr(client, '_base_url' if keyword == 'base_url' else keyword)


@pytest.mark.parametrize(
    'body, expected',
    [
        (b'{"error": {"code": "ErrorItemNotFound", "message": "No such item."}}', 'ErrorItemNotFound: No such item.'),
        (
            b'{"error": "invalid_grant", "error_description": "AADSTS50173: It expired. Trace ID: 1", "error_codes": [50173]}',
            'invalid_grant. \nIt expired.\nRun the ***my-auth-reset*** command, and sign in again.',
        ),
        (
            b'{"error": "invalid_client", "error_description": "AADSTS7000215: Wrong secret.", "error_codes": [7000215]}',
            'invalid_client. \nWrong secret.',
        ),
        (b'{"error": "invalid_request"}', 'invalid_request'),
        (b'<html>Bad gateway</html>', '< html>Bad gateway< /html>'),
        (b'[1]', '[1]'),
        (b'{"message": "No such alert."}', '{"message": "No such alert."}'),
        (b'{"Message": "Denied.", "Code": 5}', '{"Message": "Denied.", "Code": 5}'),
    ],
)
def test_the_error_of_a_response_is_read(body: bytes, expected: str) -> None:
    response = requests.Response()
    response.status_code, response._content = 400, body
    assert MicrosoftClient(command_prefix='my').error_parser(response) == expected


@pytest.mark.parametrize(
    'context, expected',
    [
        ({}, False),
        ({'context': {'ExecutedCommands': [{'moduleBrand': 'Scripts'}]}}, False),
        ({'context': {'ExecutedCommands': [{'moduleBrand': 'mine'}]}}, True),
        ({'context': {'ExecutedCommands': []}}, True),
    ],
)
def test_the_platform_tells_whether_a_script_runs_the_command(
    monkeypatch: pytest.MonkeyPatch, context: dict[str, Any], expected: bool
) -> None:
    monkeypatch.setattr(demisto, 'callingContext', context)
    assert MicrosoftClient.is_command_executed_from_integration() is expected


def test_the_methods_have_the_parameters_that_integrations_use() -> None:
    request = inspect.signature(MicrosoftClient.http_request).parameters
    assert list(request)[1:4] == ['method', 'url_suffix', 'full_url']
    assert {'headers', 'resp_type', 'return_empty_response', 'scope', 'resource', 'overwrite_rate_limit_retry', 'kwargs'} <= set(
        request
    )
    token = inspect.signature(MicrosoftClient.get_access_token).parameters
    assert [(name, token[name].default) for name in ('resource', 'scope')] == [('resource', ''), ('scope', None)]
    assert list(inspect.signature(MicrosoftClient.start_auth).parameters)[1] == 'complete_command'
    assert list(inspect.signature(generate_login_url).parameters)[:2] == ['client', 'login_url']


# endregion
