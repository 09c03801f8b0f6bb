"""Azure Resource Manager: what a caller may see, and how it refuses."""

from typing import Any

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application
from sandbox.tests.microsoft.clients import HttpClient


def test_subscriptions_of_the_caller(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    token = http.application_token(scope=f'{cloud.resource_manager}//.default').json()['access_token']
    url, version = f'{cloud.resource_manager}/subscriptions', {'api-version': '2022-12-01'}
    assert http.get(url, token, version).json()['count'] == {'type': 'Total', 'value': 1}
    cloud.subscriptions[0].readers.discard(daemon.object_id)
    assert http.get(url, token, version).json()['value'] == []


def test_resource_manager_refuses(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    token = http.application_token(scope=f'{cloud.resource_manager}/.default').json()['access_token']
    url, version = f'{cloud.resource_manager}/subscriptions', {'api-version': '2022-12-01'}

    def refusal(answer: Any) -> tuple[int, str]:
        return answer.status_code, answer.json()['error']['code']

    assert refusal(http.get(url, token)) == (400, 'MissingApiVersionParameter')
    assert refusal(http.get(url, '', version)) == (401, 'AuthenticationFailed')
    assert refusal(http.get(url, 'abc', version)) == (401, 'InvalidAuthenticationToken')
    daemon.revoke()
    assert refusal(http.get(url, token, version)) == (401, 'AuthenticationFailed')
    cloud.clock.advance(3600)
    assert refusal(http.get(url, token, version)) == (401, 'ExpiredAuthenticationToken')
