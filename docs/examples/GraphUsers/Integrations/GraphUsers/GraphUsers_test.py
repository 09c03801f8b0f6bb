"""The command of the example, with responses of Microsoft Graph."""

import io
import json
from typing import Any

import pytest
import requests

from GraphUsers import COMMANDS, SPEC, list_users_command, make_client
from MicrosoftInstanceApiModule import InstanceSettings

PARAMS = {'creds_auth_id': {'password': 'client'}, 'creds_refresh_token': {'password': 'contoso.example'}}
ADA = {'displayName': 'Ada', 'userPrincipalName': 'ada@contoso.example', 'id': '1'}


def test_users_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[Any] = []

    def answer(_method: str, url_suffix: str, params: dict[str, Any]) -> requests.Response:
        queries.append((url_suffix, params))
        response = requests.Response()
        response.status_code, response.raw = 200, io.BytesIO(json.dumps({'value': [ADA]}).encode())
        return response

    client = make_client(InstanceSettings(PARAMS, SPEC))
    monkeypatch.setattr(client, 'send_request', answer)
    results = list_users_command(client, {'limit': '5000'})
    assert results.outputs == [ADA]
    assert '| Ada | ada@contoso.example |' in results.readable_output
    assert queries == [('/users', {'$top': 999, '$select': 'displayName,userPrincipalName,mail,jobTitle,id'})]


def test_a_user_signs_in_with_a_device_code() -> None:
    client = make_client(InstanceSettings(PARAMS, SPEC))
    assert client.credential.description == 'Self-deployed application, device code'
    assert {'graph-users-auth-start', 'graph-users-auth-complete', 'graph-users-list'} <= set(COMMANDS)
