"""The commands of the example, with responses of Azure Resource Manager."""

import io
import json
from typing import Any

import pytest
import requests

from AzureSubscriptions import list_subscriptions_command, make_client, SPEC
from CommonServerPython import DemistoException
from MicrosoftInstanceApiModule import InstanceSettings

PARAMS = {
    'creds_auth_id': {'password': 'client'},
    'creds_refresh_token': {'password': 'contoso.example'},
    'creds_enc_key': {'password': 'the secret'},
}
NEXT = 'https://management.azure.com/subscriptions?api-version=2022-12-01&$skiptoken=1'
FIRST, SECOND = {'subscriptionId': '1', 'displayName': 'First'}, {'subscriptionId': '2', 'displayName': 'Second'}


class Responses:
    """Answers requests in place of Azure Resource Manager, and records their addresses."""

    def __init__(self, *responses: Any) -> None:
        self.responses = list(responses)
        self.requested: list[str] = []

    def __call__(self, _method: str, url_suffix: str = '', full_url: str = '', **_kwargs: Any) -> requests.Response:
        self.requested.append(url_suffix or full_url)
        response = requests.Response()
        response.status_code, response.raw = 200, io.BytesIO(json.dumps(self.responses.pop(0)).encode())
        return response


def client_with(monkeypatch: pytest.MonkeyPatch, responses: Responses) -> Any:
    client = make_client(InstanceSettings(PARAMS, SPEC))
    monkeypatch.setattr(client, 'send_request', responses)
    return client


def test_subscriptions_are_listed_over_several_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    responses = Responses({'value': [FIRST], 'nextLink': NEXT}, {'value': [SECOND]})
    results = list_subscriptions_command(client_with(monkeypatch, responses), {})
    assert results.outputs == [FIRST, SECOND]
    assert '| First |' in results.readable_output
    assert responses.requested == ['/subscriptions', NEXT]


def test_no_more_pages_are_read_than_the_limit_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_with(monkeypatch, Responses({'value': [FIRST, SECOND], 'nextLink': NEXT}))
    assert list_subscriptions_command(client, {'limit': '1'}).outputs == [FIRST]


@pytest.mark.parametrize(
    'pages',
    [
        [{'value': [FIRST], 'nextLink': 'https://elsewhere.example/subscriptions'}],
        [{'value': [FIRST], 'nextLink': NEXT}, {'value': [FIRST], 'nextLink': NEXT}],
        [{'error': {}}],
        [[FIRST]],
    ],
)
def test_an_unusable_list_is_an_error(monkeypatch: pytest.MonkeyPatch, pages: list[Any]) -> None:
    with pytest.raises(DemistoException, match=r'The (next-page link|response) '):
        list_subscriptions_command(client_with(monkeypatch, Responses(*pages)), {})


def test_tokens_are_for_the_resource_manager_of_the_cloud() -> None:
    custom = {'azure_cloud': 'Custom', 'azure_ad_endpoint': 'https://login.example', 'server_url': 'https://arm.example'}
    client = make_client(InstanceSettings({**PARAMS, **custom}, SPEC))
    assert client.token_target().scope == 'https://arm.example/.default'
