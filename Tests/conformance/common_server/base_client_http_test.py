"""What of BaseClient was not recorded: proxies, retries over TLS, timeouts, metrics."""

import gc
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from CommonServerPython import BaseClient, DemistoException, demisto, generic_http_request, handle_proxy
from conformance.common_server.scripted_server import ScriptedServer

JSON = {'Content-Type': 'application/json'}
PROXY_VARIABLES = ('HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy')
SetParams = Callable[[dict[str, Any]], None]
SetProxies = Callable[[str], None]


@pytest.fixture
def set_params(monkeypatch: pytest.MonkeyPatch) -> SetParams:
    """Set the parameters of the instance."""
    return lambda params: monkeypatch.setattr(demisto, 'params', lambda: params)


@pytest.fixture
def proxy_environment(monkeypatch: pytest.MonkeyPatch) -> SetProxies:
    """Set all proxy variables, as the administrator of an engine does."""

    def set_to(value: str) -> None:
        monkeypatch.delenv('NO_PROXY', raising=False)
        monkeypatch.delenv('no_proxy', raising=False)
        for name in PROXY_VARIABLES:
            monkeypatch.setenv(name, value)

    return set_to


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ssl.SSLContext:
    """The TLS of a server that clients trust by REQUESTS_CA_BUNDLE."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / 'ca.pem'))
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', str(tmp_path / 'ca.pem'))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert('localhost').configure_cert(context)
    return context


def proxies_left() -> list[str]:
    """Return the proxy variables that the process still has."""
    return [name for name in PROXY_VARIABLES if name in os.environ]


# region Proxies
def test_without_proxy_the_variables_are_deleted_and_the_request_goes_straight(proxy_environment: SetProxies) -> None:
    proxy_environment('http://127.0.0.1:9')
    with ScriptedServer([(200, JSON, '{}')]) as service:
        assert BaseClient(service.url)._http_request('GET', 'x') == {}
    assert proxies_left() == []


@pytest.mark.parametrize('scheme', ['http://', ''])
def test_with_proxy_the_request_goes_through_it_with_or_without_its_scheme(proxy_environment: SetProxies, scheme: str) -> None:
    with ScriptedServer([(200, JSON, '{}')]) as proxy:
        proxy_environment(f'{scheme}127.0.0.1:{proxy.port}')
        assert BaseClient('http://service.invalid/v1', proxy=True)._http_request('GET', 'x') == {}
    assert [request['path'] for request in proxy.seen] == ['http://service.invalid/v1/x']
    assert {os.environ[name] for name in PROXY_VARIABLES} == {proxy.url}


def test_a_broken_proxy_is_named(proxy_environment: SetProxies) -> None:
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    proxy_environment(f'http://127.0.0.1:{port}')
    with pytest.raises(DemistoException, match=r'(?i)proxy') as caught:
        BaseClient('http://service.invalid', proxy=True)._http_request('GET', 'x')
    assert 'Verify that the server URL' not in str(caught.value)


def test_handle_proxy_gives_the_proxies_if_the_box_is_checked(proxy_environment: SetProxies, set_params: SetParams) -> None:
    proxy_environment('proxy.example:3128')
    set_params({'proxy': True})
    assert handle_proxy() == {'http': 'http://proxy.example:3128', 'https': 'http://proxy.example:3128'}


def test_handle_proxy_deletes_the_variables_if_the_box_is_clear(proxy_environment: SetProxies, set_params: SetParams) -> None:
    proxy_environment('http://proxy.example:3128')
    set_params({'proxy': False})
    assert handle_proxy() == {}
    assert proxies_left() == []


@pytest.mark.parametrize('params,kept', [({}, True), ({'insecure': True}, False), ({'unsecure': True}, False)])
def test_handle_proxy_keeps_the_own_authorities_unless_any_is_trusted(
    monkeypatch: pytest.MonkeyPatch, set_params: SetParams, params: dict[str, Any], kept: bool
) -> None:
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', 'ca.pem')
    set_params(params)
    handle_proxy(handle_insecure=False)
    assert 'REQUESTS_CA_BUNDLE' in os.environ
    handle_proxy()
    assert ('REQUESTS_CA_BUNDLE' in os.environ) == kept


# endregion


# region TLS and retries
@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
def test_over_tls_a_listed_status_is_retried(tls: ssl.SSLContext, method: str) -> None:
    with ScriptedServer([(503, {}, ''), (503, {}, ''), (200, JSON, '{"a": 2}')], tls) as service:
        client = BaseClient(service.url)
        answer = client._http_request(method, 'x', retries=2, status_list_to_retry=[503], backoff_factor=0)
    assert answer == {'a': 2}
    assert len(service.seen) == 3


def test_the_last_failure_is_told_when_the_retries_are_used_up(tls: ssl.SSLContext) -> None:
    with ScriptedServer([(503, {}, 'busy')], tls) as service, pytest.raises(DemistoException, match=r'\[503\].*\sbusy'):
        BaseClient(service.url)._http_request('GET', 'x', retries=2, status_list_to_retry=[503], backoff_factor=0)
    assert len(service.seen) == 3


def test_another_status_is_not_retried(tls: ssl.SSLContext) -> None:
    with ScriptedServer([(500, {}, '')], tls) as service, pytest.raises(DemistoException):
        BaseClient(service.url)._http_request('GET', 'x', retries=2, status_list_to_retry=[503], backoff_factor=0)
    assert len(service.seen) == 1


@pytest.mark.filterwarnings('ignore::urllib3.exceptions.InsecureRequestWarning')
def test_a_certificate_of_an_unknown_authority_is_refused_unless_any_is_trusted(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('REQUESTS_CA_BUNDLE')
    with ScriptedServer([(200, JSON, '{}')], tls) as service:
        with pytest.raises(DemistoException, match='SSL Certificate Verification Failed'):
            BaseClient(service.url)._http_request('GET', 'x')
        assert BaseClient(service.url, verify=False)._http_request('GET', 'x') == {}


# endregion


# region Timeouts
@pytest.mark.parametrize('variable', ['REQUESTS_TIMEOUT', 'REQUESTS_TIMEOUT.Some Integration'])
def test_the_environment_goes_before_the_timeout_of_the_client(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setattr(demisto, 'callingContext', {'context': {'IntegrationBrand': 'Some Integration'}})
    monkeypatch.setenv(variable, '0.1')
    with socket.create_server(('127.0.0.1', 0)) as silent, pytest.raises(requests.exceptions.ReadTimeout, match=r'timeout=0\.1'):
        BaseClient(f'http://127.0.0.1:{silent.getsockname()[1]}', timeout=3)._http_request('GET', 'x')


def test_a_call_has_its_own_timeout() -> None:
    with socket.create_server(('127.0.0.1', 0)) as silent, pytest.raises(requests.exceptions.ReadTimeout, match=r'timeout=0\.1'):
        BaseClient(f'http://127.0.0.1:{silent.getsockname()[1]}', timeout=3)._http_request('GET', 'x', timeout=0.1)


def test_the_timeout_is_a_minute_unless_said_otherwise() -> None:
    assert BaseClient('http://127.0.0.1').timeout == BaseClient.REQUESTS_TIMEOUT == 60


# endregion


# region Metrics
def test_metrics_are_reported_when_the_client_is_deleted(results: list[Any]) -> None:
    with ScriptedServer([(status, JSON, '{}') for status in (200, 200, 429, 429, 401, 500, 503)]) as service:
        client = BaseClient(service.url)
        for status in (200, 200, 429, 429, 401, 500, 503):
            with nullcontext() if status == 200 else pytest.raises(DemistoException):
                client._http_request('GET', 'x', with_metrics=True)
    with pytest.raises(DemistoException):
        client._http_request('GET', 'x', with_metrics=True)
    assert results == []
    del client
    gc.collect()
    [entry] = results
    assert entry['Type'] == 19
    assert {row['Type']: row['APICallsCount'] for row in entry['APIExecutionMetrics']} == {
        'Successful': 2,
        'QuotaError': 2,
        'AuthError': 1,
        'ServiceError': 1,
        'GeneralError': 1,
        'ConnectionError': 1,
    }


def test_an_error_that_its_handler_lets_through_counts_as_a_success(results: list[Any]) -> None:
    with ScriptedServer([(503, JSON, '{"a": 1}')]) as service:
        client = BaseClient(service.url)
        answer = client._http_request('GET', 'x', with_metrics=True, error_handler=lambda res: 'ignored')
    assert answer == {'a': 1}
    assert client.execution_metrics.get_metric_list() == [{'Type': 'Successful', 'APICallsCount': 1}]


def test_nothing_is_reported_if_nothing_was_counted(results: list[Any]) -> None:
    with ScriptedServer([(200, JSON, '{}')]) as service:
        BaseClient(service.url)._http_request('GET', 'x')
    gc.collect()
    assert results == []


# endregion


def test_a_call_has_its_own_authentication_or_that_of_the_client() -> None:
    def signed(by: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers['X-Test'] = by
            return request

        return sign

    with ScriptedServer([(200, JSON, '{}')]) as service:
        client = BaseClient(service.url, auth=signed('client'))
        client._http_request('GET', 'x')
        client._http_request('GET', 'x', auth=signed('call'))
    assert [request['x'] for request in service.seen] == ['client', 'call']


def test_an_empty_answer_is_let_through_by_its_status() -> None:
    with ScriptedServer([(200, {}, '')]) as service:
        client = BaseClient(service.url)
        with pytest.raises(DemistoException, match='Failed to parse json'):
            client._http_request('GET', 'x', return_empty_response=True)
        assert client._http_request('GET', 'x', return_empty_response=True, empty_valid_codes=[200]).status_code == 200


def test_an_error_handler_replaces_the_default_error() -> None:
    with ScriptedServer([(404, JSON, '{"e": 1}')]) as service:
        client = BaseClient(service.url)
        with pytest.raises(LookupError, match='404'):
            client._http_request('GET', 'x', error_handler=raise_lookup_error)


def raise_lookup_error(response: requests.Response) -> None:
    """Say the status in an error of its own."""
    raise LookupError(response.status_code)


def test_one_request_needs_no_client() -> None:
    with ScriptedServer([(200, JSON, '{"a": 1}')]) as service:
        answer = generic_http_request('POST', service.url, url_suffix='x', json_data={'k': 'v'}, headers={'X-Test': 'h'})
    assert answer == {'a': 1}
    [request] = service.seen
    assert (request['method'], request['path'], request['body'], request['x']) == ('POST', '/x', '{"k": "v"}', 'h')
