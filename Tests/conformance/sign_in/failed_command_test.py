"""How a command ends whose sign-in fails, in integrations that catch all exceptions of a request and go on."""

from typing import Any

import pytest

import demistomock as demisto
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import AUTHORIZATION_CODE, CLIENT_SECRET, CORTEX_APP, DEVICE_CODE, VM_SYSTEM_ASSIGNED, status
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import MicrosoftSignInError

SERVICES = {
    CLIENT_SECRET: 'entra',
    AUTHORIZATION_CODE: 'entra',
    DEVICE_CODE: 'entra',
    VM_SYSTEM_ASSIGNED: 'imds',
    CORTEX_APP: 'token-service',
}
REFUSAL = status(400, body={'error': 'invalid_client', 'error_description': 'AADSTS7000222: It has expired.'})


def entries_of(workbench: Workbench, monkeypatch: pytest.MonkeyPatch, command: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    monkeypatch.setattr(demisto, 'command', lambda: command)
    monkeypatch.setattr(demisto, 'results', entries.append)
    return entries


@pytest.fixture(params=['http_request', 'get_access_token'])
def call(request: pytest.FixtureRequest) -> Any:
    names: dict[str, Any] = {
        'http_request': lambda client: client.http_request('GET', full_url='https://localhost:1/me'),
        'get_access_token': lambda client: client.get_access_token(),
    }
    return names[request.param]


@pytest.mark.parametrize('command', ['mail-list', 'test-module'])
@pytest.mark.parametrize('method', [method for method in SERVICES if method != CORTEX_APP])
def test_a_failed_sign_in_ends_the_command_with_an_error(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, method: str, command: str, call: Any
) -> None:
    client = workbench.client(keywords(method, workbench))
    workbench.fail(SERVICES[method], 'token', REFUSAL)
    entries = entries_of(workbench, monkeypatch, command)
    with pytest.raises(SystemExit):
        call(client)
    [entry] = entries
    assert entry['Type'] == 4
    is_unknown = (method, command) == (DEVICE_CODE, 'test-module')  # which has no integration context
    assert ('No user has signed in' if is_unknown else 'AADSTS7000222') in entry['Contents']


def test_settings_that_cannot_be_right_end_the_command_as_well(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    entries = entries_of(workbench, monkeypatch, 'mail-list')
    with pytest.raises(SystemExit):
        call(workbench.client({**keywords(CLIENT_SECRET, workbench), 'enc_key': ''}))
    assert 'The client secret is missing' in entries[0]['Contents']


@pytest.mark.parametrize('command', ['fetch-incidents', 'fetch-indicators', 'fetch-credentials', 'long-running-execution'])
def test_a_failed_sign_in_of_a_fetch_is_an_exception(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, command: str, call: Any
) -> None:
    client = workbench.client(keywords(CLIENT_SECRET, workbench))
    workbench.fail('entra', 'token', REFUSAL)
    entries = entries_of(workbench, monkeypatch, command)
    with pytest.raises(Exception, match='AADSTS7000222'):
        call(client)
    assert entries == []


@pytest.mark.parametrize('is_given', [False, True])
def test_a_failed_sign_in_of_the_cortex_app_or_with_a_credential_is_an_exception(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, is_given: bool, call: Any
) -> None:
    method = CLIENT_SECRET if is_given else CORTEX_APP
    client = workbench.client(keywords(method, workbench))
    if is_given:
        client = MicrosoftClient(credential=client.credential, azure_cloud=client.azure_cloud)
    workbench.fail(SERVICES[method], 'token', REFUSAL)
    entries = entries_of(workbench, monkeypatch, 'mail-list')
    with pytest.raises(MicrosoftSignInError):
        call(client)
    assert entries == []


def test_a_token_that_is_rejected_and_cannot_be_replaced_ends_the_command(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = workbench.client({**keywords(CLIENT_SECRET, workbench), 'base_url': workbench.cloud.graph})
    client.get_access_token()
    workbench.fail('entra', 'token', REFUSAL)
    workbench.fail('graph', '', status(401))
    entries = entries_of(workbench, monkeypatch, 'mail-list')
    with pytest.raises(SystemExit):
        client.http_request('GET', '/v1.0/me')
    assert 'AADSTS7000222' in entries[0]['Contents']
