"""The parameters HTTP timeout and Retry budget."""

from typing import Any

import pytest
import requests

from conformance.unified.instances import Instance
from conformance.unified.integration_yml import YML
from conformance.virtual_time import skip_waits
from MicrosoftInstanceApiModule import ParameterLabel

LISTING = 'msgraph-mail-list-emails'


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that commands wait before retries."""
    return skip_waits(monkeypatch)


@pytest.mark.parametrize('value', ['0', '141', '-1', '1.5', 'a minute', '60s', '1e2'])
@pytest.mark.parametrize('name, label', [('timeout', ParameterLabel.TIMEOUT), ('retry_budget', ParameterLabel.RETRY_BUDGET)])
def test_the_test_button_rejects_what_is_not_a_number_of_seconds(instance: Instance, name: str, label: str, value: str) -> None:
    instance.params[name] = value
    assert instance.error('test-module') == f"'{value}' is not a whole number from 1 to 140. Change '{label}'."
    assert instance.requests('graph') == []


@pytest.mark.parametrize('name, label', [('timeout', ParameterLabel.TIMEOUT), ('retry_budget', ParameterLabel.RETRY_BUDGET)])
def test_the_label_names_the_limit(instance: Instance, name: str, label: str) -> None:
    instance.params[name] = '9999'
    limit = instance.error('test-module').partition(' from 1 to ')[2].partition('.')[0]
    assert f'{label} (seconds, 1 to {limit})' in [one['display'] for one in YML['configuration'] if one['name'] == name]


@pytest.mark.parametrize('value', [None, '', ' ', '1', ' 140 ', 30])
def test_the_test_button_accepts_seconds_and_nothing(instance: Instance, value: Any) -> None:
    instance.params.update(timeout=value, retry_budget=value)
    assert instance.run('test-module')['Contents'] == 'ok'


def test_a_slow_answer_is_waited_for_as_long_as_the_timeout(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[float] = []
    send = requests.Session.send

    def record(self: requests.Session, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        timeouts.append(settings['timeout'])
        return send(self, request, **settings)

    monkeypatch.setattr(requests.Session, 'send', record)
    instance.run('msgraph-mail-auth-test')
    timeouts.clear()
    instance.cloud.faults.add(service='graph', delay=2, times=1)
    instance.params['timeout'] = '1'
    error = instance.error('msgraph-mail-list-folders')  # of a list of emails, less would be requested
    assert set(timeouts) == {1}
    assert ' did not respond in time. ' in error
    assert error.endswith(f"or increase '{ParameterLabel.TIMEOUT}'.")


@pytest.mark.parametrize(
    'budget, retry_after, is_done',
    [('', 29, True), ('', 31, False), ('5', 6, False), ('5', 4, True), ('100', 90, True), ('100', 101, False)],
)
def test_a_throttled_command_waits_as_long_as_the_budget(
    instance: Instance, waits: list[float], budget: str, retry_after: int, is_done: bool
) -> None:
    instance.params['retry_budget'] = budget
    instance.cloud.faults.add(service='graph', status=429, headers={'Retry-After': str(retry_after)}, times=1)
    entry = instance.run(LISTING)
    assert ('PollingCommand' not in entry, waits) == (is_done, [float(retry_after)] if is_done else [])


@pytest.mark.parametrize('budget, is_done', [('', True), ('3', False)])
def test_sending_keeps_to_the_budget_too(instance: Instance, waits: list[float], budget: str, is_done: bool) -> None:
    instance.params['retry_budget'] = budget
    instance.cloud.faults.add(service='graph', path='send', method='POST', status=429, headers={'Retry-After': '20'}, times=1)
    entry = instance.run('send-mail', to='bob@contoso.example', subject='Plan')
    assert ('PollingCommand' not in entry, waits) == (is_done, [20.0] if is_done else [])
