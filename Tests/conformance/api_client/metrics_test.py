"""The metrics that a client reports: one entry, with the outcome of each API call."""

import gc
import socket

import pytest
import requests

import demistomock as demisto
from CommonServerPython import DemistoException
from conformance.api_client.instances import Instance
from conformance.token_cache.processes import ADA
from MicrosoftApiModule import NotFoundError

PATH = f'/users/{ADA}/messages'


def reported(instance: Instance) -> list[dict[str, int]]:
    """Return the outcomes in each entry of metrics, with how often they came."""
    return [
        {one['Type']: one['APICallsCount'] for one in entry['APIExecutionMetrics']}
        for entry in instance.given
        if 'APIExecutionMetrics' in entry
    ]


def address_of(server: socket.socket) -> str:
    server.bind(('127.0.0.1', 0))
    return f'http://127.0.0.1:{server.getsockname()[1]}/'


def test_all_calls_are_reported_in_one_entry(instance: Instance) -> None:
    client = instance.client()
    instance.fail(status=429, headers={'Retry-After': '1'})
    instance.fail(status=503, headers={'Retry-After': '1'})
    with client.reporting_metrics():
        client.http_request('GET', PATH)
        client.http_request('GET', PATH)
    assert reported(instance) == [{'QuotaError': 1, 'GeneralError': 1, 'Successful': 2}]


def test_a_call_after_the_command_is_not_reported(instance: Instance) -> None:
    client = instance.client()
    with client.reporting_metrics():
        client.http_request('GET', PATH)
    client.http_request('GET', PATH)
    del client  # BaseClient reports what it has counted
    gc.collect()
    assert reported(instance) == [{'Successful': 1}]


@pytest.mark.parametrize('status, kind', [(400, 'GeneralError'), (500, 'ServiceError'), (429, 'QuotaError')])
def test_a_failed_call_is_reported(instance: Instance, status: int, kind: str) -> None:
    client = instance.client()
    instance.fail(status=status, headers={'Retry-After': '60'})
    with pytest.raises(DemistoException), client.reporting_metrics():
        client.http_request('GET', PATH)
    assert reported(instance) == [{kind: 1}]


def test_a_rejected_token_is_reported(instance: Instance) -> None:
    client = instance.client()
    instance.fail(status=401)
    with client.reporting_metrics():
        client.http_request('GET', PATH)
    assert reported(instance) == [{'AuthError': 1, 'Successful': 1}]


def test_a_call_without_a_response_is_reported(instance: Instance) -> None:
    client = instance.client()
    with socket.socket() as nobody, pytest.raises(DemistoException), client.reporting_metrics():
        client.http_request('GET', full_url=address_of(nobody))
    assert reported(instance) == [{'ConnectionError': 2}]  # a GET is sent again once


def test_a_call_without_a_response_in_time_is_reported(instance: Instance) -> None:
    client = instance.client()
    with socket.socket() as silent:
        address = address_of(silent)
        silent.listen()
        with pytest.raises(requests.exceptions.ReadTimeout), client.reporting_metrics():
            client.http_request('GET', full_url=address, timeout=0.2)
    assert reported(instance) == [{'TimeoutError': 1}]


def test_a_command_that_runs_again_reports_its_calls_first(instance: Instance) -> None:
    client = instance.client(retry_on_rate_limit=True)
    instance.fail(status=429, headers={'Retry-After': '60'})
    with pytest.raises(SystemExit), client.reporting_metrics():
        client.http_request('GET', PATH)
    assert reported(instance) == [{'QuotaError': 1}]


def test_calls_are_reported_once(instance: Instance) -> None:
    client = instance.client()
    for _ in range(2):
        with client.reporting_metrics():
            client.http_request('GET', PATH)
    client.http_request('GET', PATH)
    client.__del__()
    assert reported(instance) == [{'Successful': 1}, {'Successful': 1}]


def test_nothing_is_reported_without_a_call(instance: Instance) -> None:
    client = instance.client()
    with client.reporting_metrics():
        client.get_access_token()
    assert instance.given == []


def test_an_old_platform_gets_no_metrics(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'demistoVersion', lambda: {'version': '6.7.0', 'platform': 'xsoar'})
    client = instance.client()
    with client.reporting_metrics():
        client.http_request('GET', PATH)
    assert instance.given == []


# region an integration with retry_on_rate_limit


@pytest.fixture
def no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'callingContext', {'context': {'ExecutedCommands': [{'moduleBrand': 'mine'}]}})


@pytest.mark.usefixtures('no_script')
def test_each_call_is_reported_in_an_entry_of_its_own(instance: Instance) -> None:
    client = instance.client(retry_on_rate_limit=True)
    client.http_request('GET', PATH)
    client.http_request('GET', PATH)
    instance.fail(status=400)
    with pytest.raises(DemistoException):
        client.http_request('GET', PATH)
    instance.fail(status=429, headers={'Retry-After': '60'})
    with pytest.raises(SystemExit):
        client.http_request('GET', PATH)
    assert reported(instance) == [{'Successful': 1}, {'Successful': 1}, {'GeneralError': 1}, {'QuotaError': 1}]
    assert instance.given[-1]['NextRun'] == '61'


@pytest.mark.usefixtures('no_script')
def test_a_call_that_succeeds_when_it_is_retried_is_a_successful_one(instance: Instance) -> None:
    instance.fail(status=429, headers={'Retry-After': '1'})
    instance.client(retry_on_rate_limit=True).http_request('GET', PATH)
    assert reported(instance) == [{'Successful': 1}]


@pytest.mark.usefixtures('no_script')
@pytest.mark.parametrize('status, kind', [(500, 'GeneralError'), (429, 'QuotaError'), (404, 'GeneralError')])
def test_a_call_that_fails_in_the_second_run_is_reported(instance: Instance, status: int, kind: str) -> None:
    instance.args = {'ran_once_flag': 'true'}
    instance.fail(status=status, headers={'Retry-After': '60'})
    with pytest.raises((DemistoException, NotFoundError)):
        instance.client(retry_on_rate_limit=True).http_request('GET', PATH)
    assert reported(instance) == [{kind: 1}]


@pytest.mark.usefixtures('no_script')
@pytest.mark.parametrize(
    'keywords, request_keywords, command',
    [
        ({}, {}, 'a-command'),
        ({'retry_on_rate_limit': True}, {'overwrite_rate_limit_retry': True}, 'a-command'),
        ({'retry_on_rate_limit': True}, {}, 'test-module'),
        ({'retry_on_rate_limit': True}, {}, 'fetch-incidents'),
    ],
)
def test_other_calls_are_not_reported(
    instance: Instance, keywords: dict[str, bool], request_keywords: dict[str, bool], command: str
) -> None:
    instance.command = command
    instance.client(**keywords).http_request('GET', PATH, **request_keywords)
    assert instance.given == []


def test_a_script_gets_no_entries_of_metrics(instance: Instance) -> None:
    client = instance.client(retry_on_rate_limit=True)
    client.http_request('GET', PATH)
    instance.fail(status=400)
    with pytest.raises(DemistoException):
        client.http_request('GET', PATH)
    assert instance.given == []


# endregion
