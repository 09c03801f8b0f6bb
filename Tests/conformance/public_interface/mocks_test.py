"""What tests of integrations replace in the public MicrosoftApiModule can be replaced in this one.

These names are a contract with the tests of public integrations: they patch them, and pass only if each exists under this name,
takes these arguments, and is what the client calls. A test here therefore replaces a name as theirs do, and looks at the result.
"""

import base64
import copy
from typing import Any

import pytest

import demistomock as demisto
from MicrosoftApiModule import *
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import CONTOSO

NOW = 1_000_000


def self_deployed(**keywords: Any) -> MicrosoftClient:
    return MicrosoftClient(
        **{'self_deployed': True, 'tenant_id': 'a-tenant', 'auth_id': 'an-id', 'enc_key': 'a secret', **keywords}
    )


def in_sandbox(cloud: MicrosoftCloud, name: str, **keywords: Any) -> MicrosoftClient:
    application = cloud.directory.application(name)
    endpoints = {'azure_ad_endpoint': cloud.authority, 'graph_endpoint': cloud.graph}
    return self_deployed(
        tenant_id=CONTOSO,
        auth_id=application.client_id,
        enc_key=application.secret,
        azure_cloud=get_azure_cloud(endpoints, 'test'),
        **keywords,
    )


def context_of(mocker: Any, **values: Any) -> None:
    mocker.patch('MicrosoftApiModule.get_integration_context', return_value=values)
    mocker.patch('MicrosoftApiModule.set_integration_context')


# region methods of the client


def test_requests_can_be_replaced(mocker: Any) -> None:
    """The method can be patched on an instance: a class with ``__slots__`` or a property of this name would not allow it."""
    client = self_deployed()
    mocker.patch.object(client, 'http_request', return_value={'value': []})
    assert client.http_request('GET', '/users') == {'value': []}


def test_a_copy_of_a_client_sends_requests(platform: MicrosoftCloud) -> None:
    # MicrosoftDefenderEventCollector gives each of its threads a copy of what holds the client.
    client = copy.deepcopy(in_sandbox(platform, 'daemon', base_url=platform.graph))
    assert client.http_request('GET', '/v1.0/users/ada@contoso.example/mailFolders/inbox')['displayName'] == 'Inbox'


def test_requests_of_all_clients_can_be_replaced(mocker: Any) -> None:
    """The methods can be patched on the class, by the path that tests of integrations write."""
    mocker.patch('MicrosoftApiModule.MicrosoftClient.http_request', return_value={'value': []})
    mocker.patch('MicrosoftApiModule.MicrosoftClient.get_access_token')
    assert self_deployed().http_request('GET', '/users') == {'value': []}


def test_the_access_token_can_be_replaced(mocker: Any) -> None:
    client = self_deployed(base_url='https://graph.example')
    response = requests.Response()
    response.status_code = 200
    response._content = b'{"value": []}'
    mocker.patch.object(client, 'get_access_token', return_value='of-the-test')
    sent = mocker.patch.object(client._session, 'request', return_value=response)
    assert client.http_request('GET', '/users') == {'value': []}
    assert sent.call_args.kwargs['headers']['Authorization'] == 'Bearer of-the-test'


@pytest.mark.parametrize('now, token', [(NOW - 400, 'cached'), (NOW, None)])
def test_the_time_can_be_replaced(mocker: Any, now: int, token: str | None) -> None:
    client = self_deployed()
    mocker.patch.object(client, 'epoch_seconds', return_value=now)
    context_of(mocker, access_token='cached', valid_until=NOW)
    ask = mocker.patch.object(client.credential, 'request_token', side_effect=SignInRefusedError('asked'))
    if token:
        assert client.get_access_token() == token
        ask.assert_not_called()
    else:
        with pytest.raises(SystemExit):
            client.get_access_token()
        ask.assert_called_once()


def test_the_encryption_and_the_headers_of_the_cortex_app_can_be_replaced(mocker: Any) -> None:
    client = MicrosoftClient(
        tenant_id='a Token', auth_id='an-id@https://tokens.example/obtain-token', enc_key='not base64', app_name='an app'
    )
    mocker.patch.object(client, 'get_encrypted', return_value='encrypted')
    mocker.patch.object(client, '_add_info_headers', return_value={'X-Mine': '1'})
    request = client.credential.token_request(TokenTarget(), CachedSession())
    assert request.json_body['encrypted_token'] == 'encrypted'
    assert request.headers == {'X-Mine': '1'}


def test_the_cortex_app_works_with_the_real_encryption_and_headers(platform: MicrosoftCloud) -> None:
    consent_page = platform.token_service.replace('obtain-token', 'ms-graph-mail-listener')
    id_, token, key = Browser(platform, 'ada@contoso.example').consent_to_cortex_app(consent_page)
    client = MicrosoftClient(tenant_id=token, auth_id=id_, enc_key=key, app_name='ms-graph-mail-listener')
    assert client.get_access_token().count('.') == 2
    assert 'X-Content-Name' in client._add_info_headers()
    assert len(base64.b64decode(client.get_encrypted('a Token', key))) > 28


@pytest.mark.parametrize(
    'body, message', [(b'{"error": {"code": "x"}}', {'error': {'code': 'x'}}), (b'', 'Not Found - 404 Response')]
)
def test_the_request_of_the_base_client_can_be_replaced(mocker: Any, body: bytes, message: Any) -> None:
    # MicrosoftGraphUser makes its client with names in place of values.
    client = MicrosoftClient('tenant_id', 'auth_id', 'enc_key', app_name='a', base_url='base_url', verify='verify', proxy='proxy')
    response = requests.Response()
    response.status_code = 404
    response._content = body
    mocker.patch.object(BaseClient, '_http_request', return_value=response)
    mocker.patch.object(MicrosoftClient, 'get_access_token')
    with pytest.raises(NotFoundError) as missing:
        client.http_request('GET', 'users/quentin')
    assert missing.value.message == message


@pytest.mark.parametrize('keywords', [{}, {'retry_on_rate_limit': True}])
def test_a_mock_can_replace_the_response(mocker: Any, keywords: dict[str, Any]) -> None:
    # MicrosoftGraphUser looks at what is requested of an address that no request may go to.
    client = self_deployed(base_url='http://base_url', **keywords)
    request = mocker.patch.object(BaseClient, '_http_request')
    mocker.patch.object(MicrosoftClient, 'get_access_token')
    assert client.http_request('GET', 'users/dbot%5E') is request.return_value.json.return_value
    assert request.call_args.kwargs['url_suffix'] == 'users/dbot%5E'


def test_the_constructor_can_be_replaced(mocker: Any) -> None:
    made = mocker.patch.object(MicrosoftClient, '__init__', return_value=None)
    assert MicrosoftClient(base_url='https://management.usgovcloudapi.net', azure_cloud=AZURE_US_GCC_HIGH_CLOUD)
    assert made.call_args.kwargs['azure_cloud'].endpoints.resource_manager == 'https://management.usgovcloudapi.net/'


# What integrations give: (keywords, URL of the token, scope), for the sign-in without a tenant and for an application.
_ORGANIZATIONS = 'https://login.microsoftonline.com/organizations/oauth2/v2.0/token'
_SIGN_INS: list[tuple[dict[str, Any], str, str]] = [
    (  # AzureDevOps
        {'grant_type': DEVICE_CODE, 'token_retrieval_url': _ORGANIZATIONS, 'scope': '499b84ac/user_impersonation offline_access'},
        _ORGANIZATIONS,
        '499b84ac/user_impersonation offline_access',
    ),
    (  # AzureKubernetesServices
        {
            'grant_type': DEVICE_CODE,
            'token_retrieval_url': _ORGANIZATIONS,
            'resource': 'https://management.core.windows.net/',
            'scope': 'https://management.azure.com/user_impersonation offline_access user.read',
        },
        _ORGANIZATIONS,
        'https://management.azure.com/user_impersonation offline_access',
    ),
    (  # Microsoft365Defender, whose login host is another one than that of the cloud
        {
            'grant_type': DEVICE_CODE,
            'token_retrieval_url': 'https://login.windows.net/organizations/oauth2/v2.0/token',
            'resource': 'https://api.security.microsoft.com',
            'scope': 'offline_access https://security.microsoft.com/mtp/.default',
        },
        'https://login.windows.net/organizations/oauth2/v2.0/token',
        'offline_access https://security.microsoft.com/mtp/.default',
    ),
    (  # O365MessageTrace
        {
            'tenant_id': 'a-tenant',
            'enc_key': 'a secret',
            'scope': 'https://graph.microsoft.com/.default',
            'resource': 'https://graph.microsoft.com/',
            'token_retrieval_url': urljoin('https://login.microsoftonline.com', '/a-tenant/oauth2/v2.0/token'),
            'redirect_uri': None,
            'auth_code': '',
            'retry_on_rate_limit': True,
            'timeout': 60,
        },
        'https://login.microsoftonline.com/a-tenant/oauth2/v2.0/token',
        'https://graph.microsoft.com/.default',
    ),
]


@pytest.mark.parametrize('keywords, url, scope', _SIGN_INS)
def test_a_token_is_requested_where_and_for_what_integrations_say(keywords: dict[str, Any], url: str, scope: str) -> None:
    client = MicrosoftClient(self_deployed=True, auth_id='an-id', base_url='https://api.example', **keywords)
    session = CachedSession('a refresh token')
    request = client.credential.token_request(client.token_target(), session)
    assert (request.url, client.token_retrieval_url, request.form['scope']) == (url, url, scope)


@pytest.mark.parametrize('keywords, resource', [({}, ''), ({'multi_resource': True, 'resources': ['https://a/']}, 'https://a/')])
def test_only_a_client_with_several_resources_names_one_to_the_token_service(
    mocker: Any, keywords: dict[str, Any], resource: str
) -> None:
    # MicrosoftDefenderAdvancedThreatProtection names both for its indicators.
    client = MicrosoftClient('a Token', 'an-id', 'a Key', app_name='ms-defender-atp', **keywords)
    mocker.patch.object(client, 'get_encrypted', return_value='encrypted')
    request = client.credential.token_request(client.token_target('https://a/', 'https://b/.default'), CachedSession())
    assert (request.json_body['scope'], request.json_body['resource']) == ('https://b/.default', resource)


# What clients in tests of integrations are made with. The tests answer each request, also that for a token.
_WORDS: list[dict[str, Any]] = [
    {'tenant_id': 'tenant_id', 'auth_id': 'auth_id', 'enc_key': 'enc_key', 'redirect_uri': ''},  # MicrosoftGraphFiles
    {'auth_id': 'app_id', 'grant_type': DEVICE_CODE, 'token_retrieval_url': _ORGANIZATIONS},  # AzureDevOps: nobody has signed in
    {  # AzureLogAnalytics
        'tenant_id': 'refresh_token',
        'auth_id': 'auth_id',
        'enc_key': 'enc_key',
        'auth_code': 'auth_code',
        'redirect_uri': 'redirect_uri',
        'grant_type': AUTHORIZATION_CODE,
        'resource': 'https://management.azure.com',
        'token_retrieval_url': 'https://login.microsoftonline.com/{tenant_id}/oauth2/token',
    },
    {'managed_identities_client_id': 'test_client_id', 'managed_identities_resource_uri': Resources.graph},
]


@pytest.mark.parametrize('keywords', _WORDS)
def test_a_test_can_answer_each_request(mocker: Any, monkeypatch: pytest.MonkeyPatch, keywords: dict[str, Any]) -> None:
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', '/missing')  # whatever this machine has
    response = requests.Response()
    response.status_code = 200
    response._content = b'{"access_token": "my-access-token", "expires_in": 3595, "refresh_token": "my-refresh-token"}'
    sent = mocker.patch.object(requests.Session, 'send', return_value=response)  # as requests_mock does
    monkeypatch.setattr(demisto, 'integrationContext', {})
    client = MicrosoftClient(self_deployed=True, base_url='http://server_url', verify='verify', proxy='proxy', **keywords)
    assert client.http_request('GET', 'users')['expires_in'] == 3595
    token_request, request = (call.args[0] for call in sent.call_args_list)
    assert token_request.url.startswith(client.token_retrieval_url if 'auth_id' in keywords else MANAGED_IDENTITIES_TOKEN_URL)
    assert request.headers['Authorization'] == 'Bearer my-access-token'


# endregion
# region functions of the module


def test_the_context_is_written_with_the_function_of_the_module(platform: MicrosoftCloud, mocker: Any) -> None:
    mocker.patch('MicrosoftApiModule.get_integration_context', return_value={})
    write = mocker.patch('MicrosoftApiModule.set_integration_context')
    token = in_sandbox(platform, 'daemon').get_access_token()
    assert any(token in str(value) for value in write.call_args.args[0].values())
    assert demisto.getIntegrationContext() == {}


def test_the_version_of_the_platform_can_be_replaced(mocker: Any) -> None:
    mocker.patch('MicrosoftApiModule.is_demisto_version_ge', return_value=False)
    assert not supports_scheduling()


def test_the_end_of_a_command_can_be_replaced(mocker: Any) -> None:
    mocker.patch('MicrosoftApiModule.return_error')
    with pytest.raises(CredentialError):
        self_deployed(enc_key='').get_access_token()


# endregion
# region contexts that tests have set


@pytest.mark.parametrize(
    'context, keywords, request_for',
    [
        ({'access_token': 'cached', 'valid_until': NOW}, {}, {}),
        ({'access_token': 'cached', 'valid_until': NOW}, {'scope': 'https://a/.default https://b/.default'}, {}),
        ({'access_token': 'cached', 'valid_until': NOW}, {'resource': 'https://a/', 'scope': ''}, {}),
        ({'access_token': 'cached', 'valid_until': NOW}, {'self_deployed': False, 'app_name': 'an app', 'enc_key': 'eA=='}, {}),
        (
            {'access_token': 'cached', 'valid_until': NOW},
            {'managed_identities_client_id': MANAGED_IDENTITIES_SYSTEM_ASSIGNED},
            {},
        ),
        ({'access_token': 'cached', 'valid_until': NOW}, {'grant_type': DEVICE_CODE}, {}),
        ({'access_token': 'cached', 'valid_until': NOW}, {'grant_type': AUTHORIZATION_CODE}, {}),
        (
            {'s/.default_access_token': 'cached', 's/.default_valid_until': NOW, 'access_token': 'another', 'valid_until': NOW},
            {},
            {'scope': 's/.default'},
        ),
        (
            {'https://a/': 'cached', 'https://b/': 'another', 'access_token': '', 'valid_until': NOW},
            {'multi_resource': True, 'resources': ['https://a/', 'https://b/']},
            {'resource': 'https://a/'},
        ),
    ],
)
def test_a_token_in_the_context_is_used_without_a_request(
    mocker: Any, context: dict[str, Any], keywords: dict[str, Any], request_for: dict[str, str]
) -> None:
    client = self_deployed(**keywords)
    mocker.patch.object(client, 'epoch_seconds', return_value=NOW - 400)
    context_of(mocker, **context)
    assert client.get_access_token(**request_for) == 'cached'


def test_the_refresh_token_in_the_context_is_used(platform: MicrosoftCloud, mocker: Any) -> None:
    client = in_sandbox(platform, 'web', grant_type=AUTHORIZATION_CODE)
    redirect_url = Browser(platform, 'ada@contoso.example').sign_in(start_browser_sign_in(client))
    complete_browser_sign_in(client, redirect_url)
    context_of(mocker, current_refresh_token=demisto.getIntegrationContext()['current_refresh_token'])
    assert AccessToken(client.get_access_token(), 0, 0).claims()['upn'] == 'ada@contoso.example'


# endregion
