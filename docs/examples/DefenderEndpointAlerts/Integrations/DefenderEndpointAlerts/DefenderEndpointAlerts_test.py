"""The commands of the example, with responses of Defender for Endpoint."""

import io
import json
from typing import Any

import pytest
import requests

from CommonServerPython import DemistoException
from DefenderEndpointAlerts import SPEC, list_alerts_command, list_machines_command, make_client
from MicrosoftInstanceApiModule import InstanceSettings

PARAMS = {
    'self_deployed': True,
    'creds_auth_id': {'password': 'client'},
    'creds_refresh_token': {'password': 'contoso.example'},
    'creds_enc_key': {'password': 'the secret'},
}
ALERT = {'id': 'da1', 'title': 'A threat', 'severity': 'High'}


def client_with(monkeypatch: pytest.MonkeyPatch, queries: list[Any], body: Any, status: int = 200) -> Any:
    """Return a client whose requests are answered with `body` and recorded in `queries`."""

    def answer(_method: str, url_suffix: str, params: dict[str, Any]) -> requests.Response:
        queries.append((url_suffix, params))
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(json.dumps(body).encode())
        return response

    client = make_client(InstanceSettings(PARAMS, SPEC))
    monkeypatch.setattr(client, 'send_request', answer)
    return client


def test_alerts_are_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[Any] = []
    client = client_with(monkeypatch, queries, {'value': [ALERT]})
    results = list_alerts_command(client, {'severity': 'high', 'status': "it's new", 'limit': '5'})
    assert results.outputs == [ALERT]
    assert '| A threat | High |' in results.readable_output
    assert queries == [('/api/alerts', {'$top': 5, '$filter': "severity eq 'High' and status eq 'it''s new'"})]


def test_all_machines_are_listed_without_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[Any] = []
    list_machines_command(client_with(monkeypatch, queries, {'value': []}), {})
    assert queries == [('/api/machines', {'$top': 50})]


def test_no_machines_are_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_machines_command(client_with(monkeypatch, [], {'error': {'code': 'NotFound'}}, 404), {}).outputs == []


def test_a_wrong_severity_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DemistoException, match="'Fatal' is not one of High, Medium, Low, Informational"):
        list_alerts_command(client_with(monkeypatch, [], {'value': []}), {'severity': 'Fatal'})


@pytest.mark.parametrize(
    'params, base_url, tokens_of',
    [
        ({}, 'https://api.securitycenter.microsoft.com', 'microsoftonline.com'),
        ({'endpoint_type': 'EU Geo Proximity'}, 'https://api-eu.securitycenter.microsoft.com', 'microsoftonline.com'),
        ({'endpoint_type': 'US GCC'}, 'https://api-gcc.securitycenter.microsoft.us', 'microsoftonline.com'),
        ({'endpoint_type': 'DoD'}, 'https://api-gov.securitycenter.microsoft.us', 'microsoftonline.us'),
        (
            {'endpoint_type': 'Custom', 'url': 'https://defender.example', 'azure_ad_endpoint': 'https://login.example'},
            'https://defender.example',
            'login.example',
        ),
    ],
)
def test_the_geography_decides_on_the_addresses(params: dict[str, Any], base_url: str, tokens_of: str) -> None:
    client = make_client(InstanceSettings({**PARAMS, **params}, SPEC))
    assert client._base_url == base_url
    assert client.azure_ad_endpoint.endswith(tokens_of)
    assert ('onmicrosoft.us' in client.scope) is (tokens_of == 'microsoftonline.us')
