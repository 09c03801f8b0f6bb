"""The client, with scripted responses in place of services."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import CommonServerPython
import demistomock as demisto
import MicrosoftApiModule
import MicrosoftCoreApiModule
import MicrosoftHttpApiModule
import MicrosoftCredentialsApiModule
import MicrosoftTokenRequestApiModule
import MicrosoftTokenCacheApiModule
import pytest
import requests
import urllib3
from CommonServerPython import LOG, BaseClient, DemistoException
from MicrosoftCoreApiModule_test import StoppedClock, says
from MicrosoftApiModule import (
    API_RETRIES,
    AZURE_DOD_CLOUD,
    DEVICE_CODE,
    MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
    CommandThrottled,
    MicrosoftClient,
    NotFoundError,
    azure_tag_formatter,
    generate_login_url,
    get_azure_cloud,
    integration_context_storage,
    scope_of_first_resource,
)
from MicrosoftCoreApiModule import (
    AZURE_BLEU_CLOUD,
    AZURE_CHINA_CLOUD,
    AZURE_DELOS_CLOUD,
    AZURE_GERMAN_CLOUD,
    AZURE_GOVSG_CLOUD,
    AZURE_US_GCC_CLOUD,
    AZURE_US_GCC_HIGH_CLOUD,
    AZURE_WORLDWIDE_CLOUD,
    AzureCloud,
    CredentialError,
    SystemClock,
)
from MicrosoftHttpApiModule import NO_RETRIES
from MicrosoftTokenRequestApiModule import SIGN_IN_ADVICE, SignInRefusedError, TokenClient, TokenTarget
from MicrosoftCredentialsApiModule import ClientSecretCredential
from MicrosoftTokenCacheApiModule import TokenProvider

Response = tuple[int, dict[str, str], Any]
GRAPH = 'https://graph.microsoft.com'


class ScriptedService(requests.adapters.BaseAdapter):
    """Answer all requests with the given responses in order, the last one again and again.

    Args:
        responses: status, headers and body (JSON unless it is text).
    """

    def __init__(self, *responses: Response):
        super().__init__()
        self.responses = responses
        self.seen: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, headers, body = self.responses[min(len(self.seen), len(self.responses) - 1)]
        response.headers.update(headers)
        response.raw = io.BytesIO((body if isinstance(body, str) else json.dumps(body)).encode())
        response.url, response.request = str(request.url), request
        self.seen.append(request)
        return response

    def close(self) -> None:
        pass


Make = Callable[..., tuple[MicrosoftClient, ScriptedService]]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Return a function that makes a client with a token, whose requests are answered by the given responses."""

    def make(*responses: Response, **keywords: Any) -> tuple[MicrosoftClient, ScriptedService]:
        service = ScriptedService(*responses)
        monkeypatch.setattr(requests.Session, 'get_adapter', lambda _session, url: service)
        client = MicrosoftClient(base_url=GRAPH, **keywords)
        monkeypatch.setattr(client, 'get_access_token', lambda **_: 'a token')
        monkeypatch.setattr(client, 'clock', StoppedClock())
        return client, service

    demisto.setIntegrationContext({})
    yield make
    demisto.setIntegrationContext({})


# region parameters

WORLDWIDE = AZURE_WORLDWIDE_CLOUD.endpoints


@pytest.mark.parametrize(
    'name, cloud',
    [
        ('Worldwide', AZURE_WORLDWIDE_CLOUD),
        ('US GCC', AZURE_US_GCC_CLOUD),
        ('US GCC-High', AZURE_US_GCC_HIGH_CLOUD),
        ('DoD', AZURE_DOD_CLOUD),
        ('Germany', AZURE_GERMAN_CLOUD),
        ('China', AZURE_CHINA_CLOUD),
        ('Bleu (France)', AZURE_BLEU_CLOUD),
        ('Delos (Germany)', AZURE_DELOS_CLOUD),
        ('GovSG (Singapore)', AZURE_GOVSG_CLOUD),
        ('unheard of', AZURE_WORLDWIDE_CLOUD),
    ],
)
def test_a_cloud_is_found_by_the_name_in_the_parameters(name: str, cloud: AzureCloud) -> None:
    assert get_azure_cloud({'azure_cloud': name, 'url': 'https://not.looked.at'}, 'test') is cloud


@pytest.mark.parametrize('params', [{}, {'azure_cloud': ''}, {'azure_cloud': 'Custom'}, {'azure_cloud': None, 'url': ''}])
def test_a_custom_cloud_without_addresses_is_the_worldwide_one(params: dict[str, Any]) -> None:
    assert get_azure_cloud(params, 'test') is AZURE_WORLDWIDE_CLOUD


@pytest.mark.parametrize(
    'param, part',
    [
        ('server_url', 'resource_manager'),
        ('azure_ad_endpoint', 'active_directory'),
        ('graph_endpoint', 'microsoft_graph_resource_id'),
        ('url', 'microsoft_graph_resource_id'),
        ('host', 'microsoft_graph_resource_id'),
    ],
)
def test_the_addresses_of_a_custom_cloud_are_those_of_the_parameters_or_worldwide(param: str, part: str) -> None:
    cloud = get_azure_cloud({'azure_cloud': 'Custom', param: 'https://mine.example'}, 'My integration')
    assert vars(cloud.endpoints) == {**vars(WORLDWIDE), part: 'https://mine.example'}
    assert (cloud.abbreviation, cloud.origin, cloud.suffixes) == ('com', 'My integration', AZURE_WORLDWIDE_CLOUD.suffixes)


@pytest.mark.parametrize('named', ['server_url', 'azure_ad_endpoint'])
@pytest.mark.parametrize('other', ['url', 'host'])
def test_the_url_of_another_api_is_not_taken_for_that_of_graph(named: str, other: str) -> None:
    cloud = get_azure_cloud({named: 'https://mine.example', other: 'https://api.example'}, 'test')
    assert cloud.endpoints.microsoft_graph_resource_id == 'https://graph.microsoft.com/'
    assert 'https://mine.example' in vars(cloud.endpoints).values()


@pytest.mark.parametrize(
    'arg, query',
    [
        ('{"owner": "soc"}', "tagName eq 'owner' and tagValue eq 'soc'"),
        ('{"a": "1", "b": "2"}', "tagName eq 'a' and tagValue eq '1'"),
        ('{"it\'s": "O\'Brien"}', "tagName eq 'it''s' and tagValue eq 'O''Brien'"),
    ],
)
def test_a_tag_becomes_a_filter(arg: str, query: str) -> None:
    assert azure_tag_formatter(arg) == query


@pytest.mark.parametrize('arg', ['', 'owner=soc', '[]', '{}', '"text"', None])
def test_an_invalid_tag_is_rejected(arg: Any) -> None:
    message = 'The tag is not a JSON object. Write it as {"<tag name>": "<tag value>"}.'
    with pytest.raises(Exception, match=says(message)):
        azure_tag_formatter(arg)


@pytest.mark.parametrize(
    'scope, first',
    [
        ('https://graph.microsoft.com/.default', 'https://graph.microsoft.com/.default'),
        ('', ''),
        ('offline_access https://a/x https://b/y https://a/z openid', 'offline_access https://a/x https://a/z openid'),
        (
            'https://management.azure.com/user_impersonation offline_access user.read',
            'https://management.azure.com/user_impersonation offline_access',
        ),
        ('user.read mail.read https://a/x', 'user.read mail.read'),
        ('offline_access openid', 'offline_access openid'),
        ('https://graph.microsoft.com/A B offline_access', 'https://graph.microsoft.com/A B offline_access'),
        ('B https://graph.microsoft.us/A https://a/x', 'B https://graph.microsoft.us/A'),
        ('00000003-0000-0000-c000-000000000000/A B', '00000003-0000-0000-c000-000000000000/A B'),
        ('https://graph.microsoft.com//A B', 'https://graph.microsoft.com//A B'),
        ('https://a/x B', 'https://a/x'),
        ('https://a/x%20https://b/y%20offline_access', 'https://a/x offline_access'),
        ('https%3A%2F%2Fgraph.microsoft.com%2FA+B', 'https://graph.microsoft.com/A B'),
    ],
)
def test_only_the_scopes_of_the_first_resource_remain(scope: str, first: str) -> None:
    assert scope_of_first_resource(scope) == first


@pytest.mark.parametrize(
    'keywords, kind',
    [
        ({'managed_identities_client_id': MANAGED_IDENTITIES_SYSTEM_ASSIGNED}, 'managed-identity'),
        ({'app_name': 'an app', 'tenant_id': 'a Token'}, 'cortex-app'),
        ({'self_deployed': True, 'tenant_id': 'contoso.example'}, 'client-secret'),
        ({'self_deployed': True, 'tenant_id': 'contoso.example', 'grant_type': 'authorization_code'}, 'authorization-code'),
        ({'self_deployed': True, 'tenant_id': 'contoso.example', 'grant_type': DEVICE_CODE}, 'device-code'),
    ],
)
def test_the_keywords_select_the_authentication_method(keywords: dict[str, Any], kind: str) -> None:
    client = MicrosoftClient(auth_id='an-id', enc_key='a secret', **keywords)
    assert client.credential.method_name == kind
    assert client.credential is client.credential
    if kind not in ('client-secret', 'authorization-code'):
        message = 'Only an instance with Authorization Code has a login URL. Run the auth-test command.'
        with pytest.raises(CredentialError, match=says(message)):
            generate_login_url(client)


def test_the_german_cloud_is_closed() -> None:
    client = MicrosoftClient(self_deployed=True, tenant_id='contoso.example', auth_id='an-id', azure_cloud=AZURE_GERMAN_CLOUD)
    message = (
        'The German cloud of Microsoft was closed on 2021-10-29. '
        'Select the cloud to which the tenant was moved, most likely Worldwide.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        client.token_target()


CLIENT_ID = '1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d'


@pytest.mark.parametrize('is_given', [True, False])
def test_errors_show_tenant_and_client_id_of_a_credential_and_no_secret(monkeypatch: pytest.MonkeyPatch, is_given: bool) -> None:
    monkeypatch.setattr(LOG, 'replace_strs', ['contoso.example', CLIENT_ID.upper(), 'a secret'])
    credential = ClientSecretCredential('https://login.example', 'contoso.example', CLIENT_ID, 'a secret')
    keywords: Any = {'self_deployed': True, 'tenant_id': 'contoso.example', 'auth_id': CLIENT_ID, 'enc_key': 'a secret'}
    client = MicrosoftClient(credential=credential) if is_given else MicrosoftClient(**keywords)
    assert client.credential.method_name == 'client-secret'
    assert LOG.encode(f'bob@contoso.example {CLIENT_ID.upper()} a secret') == (
        f'bob@contoso.example {CLIENT_ID.upper()} <XX_REPLACED>'
    )


@pytest.mark.parametrize('is_debug', [True, False])
def test_in_debug_mode_threads_ask_the_platform_one_at_a_time(monkeypatch: pytest.MonkeyPatch, is_debug: bool) -> None:
    platform = SimpleNamespace(**{**vars(demisto), 'is_debug': is_debug, '_Demisto__do': lambda command: command})
    for module in (MicrosoftApiModule, CommonServerPython):
        monkeypatch.setattr(module, 'demisto', platform)
    client = MicrosoftClient(self_deployed=True, tenant_id='contoso.example', auth_id='an-id', enc_key='a secret')
    assert client.token_provider
    assert hasattr(platform, 'lock') == is_debug


def test_dates_are_converted_to_seconds_since_the_epoch() -> None:
    assert MicrosoftClient.epoch_seconds(datetime(1970, 1, 2)) == 86400  # noqa: DTZ001 - a naive one
    assert MicrosoftClient.epoch_seconds(datetime(1970, 1, 2, tzinfo=timezone(timedelta(hours=1)))) == 82800
    assert abs(MicrosoftClient.epoch_seconds() - SystemClock().now()) < 2


# endregion
# region requests


def test_headers_are_added_to_the_default_ones_or_replace_them(scripted: Make) -> None:
    client, service = scripted((200, {}, {}))
    client.http_request('POST', '/x', headers={'Accept': 'text/csv', 'X-Test': 'mine'}, json_data={})
    sent = {name: service.seen[0].headers[name] for name in ('Authorization', 'Accept', 'X-Test', 'Content-Type')}
    assert sent == {'Authorization': 'Bearer a token', 'Accept': 'text/csv', 'X-Test': 'mine', 'Content-Type': 'application/json'}


def test_json_is_sent_and_asked_for_by_default(scripted: Make) -> None:
    client, service = scripted((200, {}, {}))
    client.http_request('GET', '/x')
    sent = {name: service.seen[0].headers[name] for name in ('Authorization', 'Accept', 'Content-Type')}
    assert sent == {'Authorization': 'Bearer a token', 'Accept': 'application/json', 'Content-Type': 'application/json'}


@pytest.mark.parametrize(
    'status, headers, body, message',
    [
        (200, {}, '<html>', 'Failed to parse json object from response: 6 bytes (no content type).'),
        (200, {'Content-Type': 'text/html'}, '', 'Failed to parse json object from response: 0 bytes (text/html).'),
        (404, {}, '', 'Not Found - 404 Response'),
    ],
)
def test_a_response_that_is_not_json_is_an_error_without_it(
    scripted: Make, status: int, headers: dict[str, str], body: str, message: str
) -> None:
    client, _ = scripted((status, headers, body))
    with pytest.raises((DemistoException, NotFoundError), match=says(message)):
        client.http_request('GET', '/x')


def test_a_token_that_is_rejected_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOG, 'replace_strs', [])

    def answer_with(token: str) -> Response:
        return 200, {}, {'access_token': token, 'expires_in': 3599}

    service = ScriptedService(answer_with('first'), (401, {}, {}), answer_with('second'), (401, {}, {}))
    monkeypatch.setattr(requests.Session, 'get_adapter', lambda _session, url: service)
    demisto.setIntegrationContext({})
    client = MicrosoftClient(base_url=GRAPH, self_deployed=True, tenant_id='contoso.example', auth_id='id', enc_key='a secret')
    with pytest.raises(DemistoException, match=r'\[401\]'):
        client.http_request('GET', '/x')
    sent = [request.headers.get('Authorization') for request in service.seen]
    assert sent == [None, 'Bearer first', None, 'Bearer second']
    assert LOG.encode('second') == '<XX_REPLACED>'
    demisto.setIntegrationContext({})


@pytest.mark.parametrize(
    'resp_type, expected', [('json', {'value': []}), ('text', '{"value": []}'), ('content', b'{"value": []}')]
)
def test_the_response_is_returned_as_the_caller_wants(scripted: Make, resp_type: str, expected: Any) -> None:
    client, _ = scripted((200, {}, {'value': []}))
    assert client.http_request('GET', '/x', resp_type=resp_type) == expected
    assert client.http_request('GET', '/x', resp_type='response').json() == {'value': []}


def test_a_404_that_is_allowed_is_a_not_found_error(scripted: Make) -> None:
    client, _ = scripted((404, {}, {'error': 'gone'}))
    with pytest.raises(NotFoundError) as failure:
        client.http_request('GET', '/x')
    assert failure.value.message == {'error': 'gone'}
    assert client.send_request('GET', '/x').status_code == 404
    with pytest.raises(DemistoException, match=r'\[404\]'):
        client.http_request('GET', '/x', ok_codes=(200,))


@pytest.mark.parametrize('url', ['http://graph.example/me', 'HTTP://graph.example/me', 'https://user:word@graph.example/me'])
def test_a_token_is_sent_only_to_https_addresses(scripted: Make, url: str) -> None:
    client, service = scripted((200, {}, {}))
    with pytest.raises(DemistoException, match=r'is not an https address\. Tokens are sent only to https addresses\.'):
        client.http_request('GET', full_url=url)
    assert service.seen == []


@pytest.mark.parametrize('body', ['data', 'files', 'files with names'])
def test_a_file_is_sent_again_from_where_it_was(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    # MicrosoftGraphFiles uploads with data=file; an empty second request would replace a document with nothing.
    sent: list[bytes] = []

    def request(_client: MicrosoftClient, *, error_handler: Callable[[requests.Response], None], **kwargs: Any) -> Any:
        file = kwargs.get('data') or dict(kwargs['files'])['file']
        sent.append((file[1] if isinstance(file, tuple) else file).read())
        response = requests.Response()
        response.status_code = (429, 401, 200)[len(sent) - 1]
        if not response.ok:
            error_handler(response)
        return response

    client = MicrosoftClient(base_url=GRAPH, self_deployed=True, tenant_id='a-tenant', auth_id='an-id', enc_key='a secret')
    monkeypatch.setattr(BaseClient, '_http_request', request)
    monkeypatch.setattr(client, 'get_access_token', lambda **_: 'a token')
    monkeypatch.setattr(client, '_issue_token', lambda *_, **__: 'a token')
    monkeypatch.setattr(client, 'clock', StoppedClock())
    client._issued_tokens.add('a token')
    file = io.BytesIO(b'a header, the content')
    file.seek(10)
    parts: dict[str, Any] = {
        'data': {'data': file},
        'files': {'files': {'file': file}},
        'files with names': {'files': [('file', ('a name', file))]},
    }
    assert client.send_request('PUT', '/x', **parts[body]).ok
    assert sent == [b'the content'] * 3


@pytest.mark.parametrize('status', [429, 401])
@pytest.mark.parametrize(
    'source',
    [
        iter([b'x']),
        (part for part in [b'x']),
        os.fdopen(os.pipe()[0], 'rb'),
        urllib3.HTTPResponse(io.BytesIO(b'x'), preload_content=False),  # tells where it is, but cannot go back
    ],
)
def test_what_can_be_read_once_is_sent_once(monkeypatch: pytest.MonkeyPatch, source: Any, status: int) -> None:
    sent = []

    def request(_client: MicrosoftClient, *, error_handler: Callable[[requests.Response], None], **_kwargs: Any) -> None:
        sent.append(1)
        response = requests.Response()
        response.status_code = status
        error_handler(response)

    client = MicrosoftClient(base_url=GRAPH, self_deployed=True, tenant_id='a-tenant', auth_id='an-id', enc_key='a secret')
    monkeypatch.setattr(BaseClient, '_http_request', request)
    monkeypatch.setattr(client, 'get_access_token', lambda **_: 'a token')
    monkeypatch.setattr(client, 'clock', StoppedClock())
    client._issued_tokens.add('a token')
    with pytest.raises(DemistoException):
        client.send_request('PUT', '/x', data=source)
    assert sent == [1]


THROTTLED: Response = (429, {'Retry-After': '45'}, {})


def test_a_request_is_retried_as_the_policy_of_the_client_says(scripted: Make) -> None:
    client, service = scripted((503, {'Retry-After': '2'}, {}), (429, {'Retry-After': '3'}, {}), (200, {}, {}))
    assert client.send_request('GET', '/x').ok
    assert (len(service.seen), client.clock.waits) == (3, [2, 3])


@pytest.mark.parametrize(
    'keywords, statuses', [({}, [503]), ({'is_idempotent': True}, [503, 200]), ({'method': 'GET'}, [503, 200])]
)
def test_a_request_that_is_not_idempotent_is_retried_only_after_429(
    scripted: Make, keywords: dict[str, Any], statuses: list[int]
) -> None:
    client, service = scripted((429, {'Retry-After': '0'}, {}), (503, {'Retry-After': '2'}, {}), (200, {}, {}))
    with suppress(DemistoException):
        client.send_request(**{'method': 'POST', 'url_suffix': '/x', **keywords})
    assert len(service.seen) == 1 + len(statuses)


@pytest.mark.parametrize('keywords, of_request', [({}, NO_RETRIES), ({'retry_policy': NO_RETRIES}, None)])
def test_a_policy_is_that_of_the_request_or_of_the_client(scripted: Make, keywords: dict[str, Any], of_request: Any) -> None:
    client, service = scripted((503, {'Retry-After': '2'}, {}), **keywords)
    with pytest.raises(CommandThrottled):
        client.send_request('GET', '/x', retry_policy=of_request)
    assert (len(service.seen), client.clock.waits) == (1, [])
    assert client.retry_policy == keywords.get('retry_policy', API_RETRIES)


@pytest.mark.parametrize(
    'response, method, seconds',
    [
        (THROTTLED, 'GET', 45),
        (THROTTLED, 'POST', 45),
        ((429, {'Retry-After': '0'}, {}), 'GET', 60),
        ((503, {'Retry-After': '45'}, {}), 'GET', 45),
    ],
)
def test_throttling_beyond_the_budget_raises_an_error_with_the_time(
    scripted: Make, monkeypatch: pytest.MonkeyPatch, response: Response, method: str, seconds: float
) -> None:
    monkeypatch.setattr(demisto, 'results', pytest.fail)
    client, _ = scripted(response, retry_on_rate_limit=True)
    with pytest.raises(CommandThrottled, match=f'Try again in {seconds} seconds') as throttled:
        client.send_request(method, '/x')
    assert (throttled.value.seconds, throttled.value.res.status_code) == (seconds, response[0])


@pytest.mark.parametrize('response, method', [((503, {'Retry-After': '45'}, {}), 'POST'), ((503, {}, {}), 'GET')])
def test_a_request_that_must_not_be_sent_again_is_not_throttled(scripted: Make, response: Response, method: str) -> None:
    client, _ = scripted(response, retry_policy=NO_RETRIES)
    with pytest.raises(DemistoException, match=r'\[503\]') as failure:
        client.send_request(method, '/x')
    assert not isinstance(failure.value, CommandThrottled)


def test_a_public_request_asks_for_another_run_and_ends_the_process(scripted: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[Any] = []
    monkeypatch.setattr(demisto, 'results', results.append)
    monkeypatch.setattr(demisto, 'command', lambda: 'a-command')
    monkeypatch.setattr(demisto, 'args', lambda: {'user': 'ada'})
    client, _ = scripted(THROTTLED, retry_on_rate_limit=True)
    with pytest.raises(SystemExit):
        client.http_request('GET', '/x')
    assert (results[0]['PollingCommand'], results[0]['NextRun']) == ('a-command', '46')
    assert results[0]['PollingArgs'] == {'user': 'ada', 'ran_once_flag': True}
    client, _ = scripted(THROTTLED)
    with pytest.raises(DemistoException, match=r'\[429\]'):
        client.http_request('GET', '/x')


def test_throttling_is_no_success_where_the_command_can_run_again(scripted: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[Any] = []
    monkeypatch.setattr(demisto, 'results', results.append)
    monkeypatch.setattr(demisto, 'command', lambda: 'a-command')
    client, _ = scripted((200, {}, {'value': 1}), THROTTLED, retry_on_rate_limit=True)
    assert client.http_request('GET', '/x', ok_codes=(200, 429)) == {'value': 1}
    with pytest.raises(SystemExit):
        client.http_request('GET', '/x', ok_codes=(200, 429))
    assert results[-1]['PollingCommand'] == 'a-command'
    client, _ = scripted(THROTTLED)
    assert client.http_request('GET', '/x', ok_codes=(200, 429)) == {}


# endregion
# region the cost of a token


MODULES = (
    MicrosoftCoreApiModule,
    MicrosoftHttpApiModule,
    MicrosoftTokenRequestApiModule,
    MicrosoftCredentialsApiModule,
    MicrosoftTokenCacheApiModule,
    MicrosoftApiModule,
)


def functions_of(module: Any) -> Iterator[Any]:
    """Yield the functions, methods and properties of a module, without the functions that are nested in others."""
    for entry in vars(module).values():
        for member in (entry, *(vars(entry).values() if isinstance(entry, type) else ())):
            function = getattr(member, 'fget', member)
            if getattr(getattr(function, '__code__', None), 'co_filename', '') == module.__file__:
                yield function


CODES = {function.__code__: function.__qualname__ for module in MODULES for function in functions_of(module)}


def entered_functions(call: Callable[[], Any], exchange: Callable[..., Any]) -> set[str]:
    """Return the functions of the product that `call` enters. The function `exchange` counts, and those that it enters do not."""
    entered: set[str] = set()
    exchanges = 0

    def profile(frame: Any, event: str, _arg: Any) -> None:
        nonlocal exchanges
        if event == 'call' and exchanges == 0 and frame.f_code in CODES:
            entered.add(CODES[frame.f_code])
        if frame.f_code is exchange.__code__:
            exchanges += {'call': 1, 'return': -1}.get(event, 0)

    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(previous)
    return entered


def test_a_cold_token_takes_at_most_34_calls_and_2_reads_of_the_context(scripted: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted((200, {}, {'access_token': 'a-token', 'expires_in': 3599}))
    reads: list[int] = []
    read = demisto.getIntegrationContextVersioned
    monkeypatch.setattr(demisto, 'getIntegrationContextVersioned', lambda *args: reads.append(1) or read(*args))
    credential = ClientSecretCredential('https://login.example', 'contoso.example', 'an-id', 'a secret')
    provider = TokenProvider(credential, integration_context_storage(), TokenClient())
    target = TokenTarget(f'{GRAPH}/.default')
    entered = entered_functions(lambda: provider.get_token(target), exchange=TokenClient.request_token)
    assert {'TokenProvider.get_token', 'TokenClient.request_token', 'TokenTarget.as_scope', 'TokenProvider.save'} <= entered
    assert len(entered) <= 34, 'get_token, and the functions that it enters'
    assert len(reads) == 2


# endregion
# region names of fields


@pytest.mark.parametrize('number', sorted(SIGN_IN_ADVICE))
def test_no_advice_for_other_integrations_contains_a_label_of_our_form(number: int) -> None:
    error = MicrosoftApiModule._with_neutral_names(SignInRefusedError('Token x.', SIGN_IN_ADVICE[number].text))
    assert error.what == 'Token x.', 'the text of a service'
    assert not re.search(r'\b(?:Token|Key)\b|(?:^|Check |, )ID\b|self-deployed', error.advice)
    assert not re.search(r'^[a-z]|  | [.,]|the the', error.advice)


# endregion
