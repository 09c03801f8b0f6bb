"""How long a client waits for a service that throttles, and when the platform runs the command again."""

from email.utils import formatdate
from typing import Any

import pytest

from CommonServerPython import DemistoException
from conformance.api_client.instances import ADA, Instance
from MicrosoftApiModule import API_RETRIES


@pytest.mark.parametrize(
    'retry_after, slept', [('2', (2, 2)), ('0', (0, 0)), (9, (5, 9)), (-9, (0, 0)), ('', (0.75, 1.25)), ('soon', (0.75, 1.25))]
)
@pytest.mark.parametrize('status', [429, 503, 504])
def test_the_client_waits_as_a_throttling_service_asks(
    instance: Instance, status: int, retry_after: Any, slept: tuple[float, float]
) -> None:
    is_date = isinstance(retry_after, int)  # seconds from now
    text = formatdate(instance.clock.now() + retry_after, usegmt=True) if is_date else retry_after
    instance.fail(status=status, headers={'Retry-After': text} if text else {})
    assert instance.messages()['value']
    assert slept[0] <= instance.clock.slept <= slept[1]
    assert instance.requests() == [status, 200]


@pytest.mark.parametrize('method', ['POST', 'PATCH'])
def test_a_request_that_is_not_idempotent_is_sent_again_only_after_429(instance: Instance, method: str) -> None:
    instance.fail(status=503, headers={'Retry-After': '1'})
    with pytest.raises(DemistoException, match=r'\[503\]'):
        instance.client().http_request(method, '/me')
    instance.fail(status=429, headers={'Retry-After': '1'})
    instance.fail(status=200, body={'done': True})
    assert instance.client().http_request(method, '/me') == {'done': True}


@pytest.mark.parametrize('status', [400, 403, 500, 501])
def test_other_errors_are_not_retried(instance: Instance, status: int) -> None:
    instance.fail(status=status)
    with pytest.raises(DemistoException):
        instance.messages()
    assert (instance.requests(), instance.clock.slept) == ([status], 0)


@pytest.mark.parametrize('retry_after, most', [('12', 24), ('31', 0), ('', 31)])
def test_the_retry_budget_is_30_seconds(instance: Instance, retry_after: str, most: float) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': retry_after} if retry_after else {})
    with pytest.raises(DemistoException, match=r'\[429\]'):
        instance.messages()
    assert instance.clock.slept <= min(most, 30)


@pytest.mark.parametrize('status, headers', [(503, {}), (429, {'Retry-After': '25'})])
def test_a_command_that_goes_on_after_errors_waits_only_once(instance: Instance, status: int, headers: dict[str, str]) -> None:
    instance.fail(times=None, status=status, headers=headers)
    client = instance.client()
    for item in range(12):
        with pytest.raises(DemistoException, match=rf'\[{status}\]'):
            client.http_request('GET', f'/v1.0/users/{item}')
    assert instance.clock.slept <= 30


def test_an_answer_that_is_no_outage_restores_the_retry_budget(instance: Instance) -> None:
    client = instance.client()
    for item in range(3):
        instance.fail(status=429, headers={'Retry-After': '25'})
        with pytest.raises(DemistoException, match=r'\[400\]'):
            client.http_request('GET', f'/users/{ADA}/messages/{item}')
    assert instance.clock.slept == 75


def test_a_request_that_succeeds_restores_the_retry_budget(instance: Instance) -> None:
    client = instance.client()
    for _ in range(3):
        instance.fail(status=429, headers={'Retry-After': '25'})
        assert client.http_request('GET', f'/users/{ADA}/messages')
    assert instance.clock.slept == 75


def test_a_service_that_never_asks_to_wait_gets_ten_requests(instance: Instance) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': '0'})
    with pytest.raises(DemistoException, match=r'\[429\]'):
        instance.messages()
    assert len(instance.requests()) == 10


@pytest.mark.parametrize('retry_after, next_run, timeout', [('45', '46', '900'), ('1200', '1201', '2402'), ('0', '61', '900')])
def test_a_command_throttled_beyond_the_budget_runs_again(
    instance: Instance, retry_after: str, next_run: str, timeout: str
) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': retry_after})
    instance.args = {'user': 'ada'}
    with pytest.raises(SystemExit) as end:
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me')
    assert end.value.code == 0
    polling = {key: instance.given[0][key] for key in ('PollingCommand', 'NextRun', 'PollingArgs', 'Timeout')}
    assert polling == {
        'PollingCommand': 'a-command',
        'NextRun': next_run,
        'Timeout': timeout,
        'PollingArgs': {'user': 'ada', 'ran_once_flag': True},
    }
    assert instance.args == {'user': 'ada'}


@pytest.mark.parametrize('ok_codes', [None, (200, 429)])
def test_a_command_that_is_throttled_again_is_an_error(instance: Instance, ok_codes: Any) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': '45'})
    instance.args = {'ran_once_flag': True}
    with pytest.raises(DemistoException, match=r'\[429\]'):
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me', ok_codes=ok_codes)
    assert instance.given == []


def test_a_throttled_command_runs_again_even_if_the_integration_allows_its_status(instance: Instance) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': '45'})
    with pytest.raises(SystemExit):
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me', ok_codes=(200, 429))


@pytest.mark.parametrize('command', ['test-module', 'fetch-incidents', 'fetch-events', 'long-running-execution'])
def test_throttling_is_an_error_if_the_platform_cannot_run_the_command_again(instance: Instance, command: str) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': '45'})
    instance.command = command
    with pytest.raises(DemistoException, match=r'\[429\]'):
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me')


def test_throttling_is_an_error_on_an_old_platform(instance: Instance, mocker: Any) -> None:
    mocker.patch('MicrosoftApiModule.is_demisto_version_ge', return_value=False)
    instance.fail(times=None, status=429, headers={'Retry-After': '45'})
    with pytest.raises(DemistoException, match=r'\[429\]'):
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me')


def test_a_request_can_forbid_another_run(instance: Instance) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': '45'})
    with pytest.raises(DemistoException, match=r'\[429\]'):
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me', overwrite_rate_limit_retry=True)


def test_a_caller_that_allows_429_gets_it_at_once(instance: Instance) -> None:
    instance.fail(status=429, headers={'Retry-After': '5'})
    assert instance.messages(ok_codes=(200, 429), resp_type='response').status_code == 429
    assert instance.clock.slept == 0


@pytest.mark.parametrize('status', [503, 504])
@pytest.mark.parametrize(
    'request_of, runs_again',
    [
        ({'method': 'GET'}, True),
        ({'method': 'DELETE'}, True),
        ({'method': 'PATCH', 'is_idempotent': True}, True),
        ({'method': 'DELETE', 'is_idempotent': False}, False),
        ({'method': 'POST'}, False),
    ],
)
def test_a_command_of_a_busy_service_runs_again_if_its_request_is_idempotent(
    instance: Instance, status: int, request_of: dict[str, Any], runs_again: bool
) -> None:
    instance.fail(times=None, status=status, headers={'Retry-After': '45'})
    with pytest.raises(SystemExit if runs_again else DemistoException):
        instance.client(retry_on_rate_limit=True).http_request(url_suffix='/me', **request_of)
    assert [entry['NextRun'] for entry in instance.given] == ['46'] * runs_again
    assert instance.requests() == [status]


def test_a_command_of_a_busy_service_does_not_run_again_without_a_time(instance: Instance) -> None:
    instance.fail(times=None, status=503)
    with pytest.raises(DemistoException, match=r'\[503\]'):
        instance.client(retry_on_rate_limit=True).http_request('GET', '/me')
    assert instance.given == []


def test_a_caller_can_declare_a_request_idempotent(instance: Instance) -> None:
    instance.fail(status=503, headers={'Retry-After': '1'})
    instance.fail(status=200, body={'done': True})
    assert instance.client().http_request('PATCH', '/me', is_idempotent=True) == {'done': True}
    instance.fail(status=503, headers={'Retry-After': '1'})
    with pytest.raises(DemistoException, match=r'\[503\]'):
        instance.client().http_request('DELETE', '/me', is_idempotent=False)


@pytest.mark.parametrize('retry_after, slept', [('2', 4), ('6', 0)])
def test_a_client_can_have_a_smaller_budget(instance: Instance, retry_after: str, slept: float) -> None:
    instance.fail(times=None, status=429, headers={'Retry-After': retry_after})
    client = instance.client(retry_policy=API_RETRIES._replace(budget=5))
    with pytest.raises(DemistoException, match=r'\[429\]'):
        client.http_request('GET', '/me')
    assert instance.clock.slept == slept


@pytest.mark.parametrize(
    'command, ran_once, keyword, can',
    [
        ('a-command', '', True, True),
        ('a-command', 'true', True, False),
        ('a-command', '', False, False),
        ('test-module', '', True, False),
        ('fetch-incidents', '', True, False),
    ],
)
def test_a_command_can_run_again_once(instance: Instance, command: str, ran_once: str, keyword: bool, can: bool) -> None:
    instance.command, instance.args = command, {'ran_once_flag': ran_once}
    assert instance.client(retry_on_rate_limit=keyword).can_reschedule() is can
