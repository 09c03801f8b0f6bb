"""Defender for Endpoint: alerts and machines, and how it refuses."""

from typing import Any

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.resources import DEFENDER_URI
from sandbox.tests.microsoft.clients import HttpClient


@pytest.fixture
def token(cloud: MicrosoftCloud, http: HttpClient) -> str:
    return token_for(cloud, http, DEFENDER_URI)


def token_for(cloud: MicrosoftCloud, http: HttpClient, resource: str) -> str:
    application = cloud.directory.application('defender')
    answer = http.application_token(
        client_id=application.client_id, client_secret=application.secret, scope=f'{resource}/.default'
    )
    return str(answer.json()['access_token'])


def listed(http: HttpClient, url: str, token: str, name: str, **query: str) -> list[Any]:
    answer = http.get(url, token, {f'${option}': value for option, value in query.items()})
    assert answer.status_code == 200, answer.text
    return [one[name] for one in answer.json()['value']]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()['error']['code']


def test_alerts_and_machines_are_listed(cloud: MicrosoftCloud, http: HttpClient, token: str) -> None:
    alerts, machines = f'{cloud.defender}/api/alerts', f'{cloud.defender}/api/machines'
    assert listed(http, alerts, token, 'severity') == ['High', 'Medium', 'Low', 'Informational']
    assert listed(http, alerts, token, 'severity', filter="severity ne 'High' and status eq 'New'", top='1') == ['Medium']
    assert listed(http, machines, token, 'computerDnsName', skip='2') == ['files.contoso.example']
    assert listed(http, machines, token, 'id')[0] == cloud.alerts[0].machine.machine_id


@pytest.mark.parametrize('resource', ['https://api.securitycenter.microsoft.com', 'https://api.security.microsoft.com'])
def test_the_api_is_known_by_several_names(cloud: MicrosoftCloud, http: HttpClient, resource: str) -> None:
    assert len(listed(http, f'{cloud.defender}/api/machines', token_for(cloud, http, resource), 'id')) == 3


def test_a_permission_is_needed_for_each_list(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.directory.application('defender').application_permissions = ['Machine.Read.All']
    token = token_for(cloud, http, DEFENDER_URI)
    assert refusal(http.get(f'{cloud.defender}/api/alerts', token)) == (403, 'Forbidden')
    assert http.get(f'{cloud.defender}/api/machines', token).status_code == 200


@pytest.mark.parametrize(
    'query', [{'$orderby': 'id'}, {'$top': '10001'}, {'$filter': 'severity eq High'}, {'$filter': "x eq 'y'"}]
)
def test_unknown_queries_are_refused(cloud: MicrosoftCloud, http: HttpClient, token: str, query: dict[str, str]) -> None:
    assert refusal(http.get(f'{cloud.defender}/api/alerts', token, query)) == (400, 'BadRequest')


def test_a_token_for_graph_is_refused(cloud: MicrosoftCloud, http: HttpClient) -> None:
    token = str(http.application_token().json()['access_token'])
    assert refusal(http.get(f'{cloud.defender}/api/alerts', token)) == (401, 'Unauthorized')
