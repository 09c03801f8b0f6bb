"""What the integration adds to the shared scripts: the mailbox, the table of commands, the Test button of a fetch."""

from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftCoreApiModule import CredentialError
from MicrosoftInstanceApiModule import InstanceSettings
from O365OutlookMailSingleUser import COMMANDS, SPEC, check_instance_command, make_client

APPLICATION: dict[str, Any] = {
    'self_deployed': True,
    'auth_method': 'Client Credentials',
    'creds_auth_id': {'password': 'client'},
    'creds_refresh_token': {'password': 'tenant.example'},
    'creds_enc_key': {'password': 'the secret'},
}
MANAGED_IDENTITY = {'use_managed_identities': True}
DEVICE = {**APPLICATION, 'auth_method': 'Device Code', 'creds_enc_key': None}


def run(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], command: str = 'msgraph-mail-list-emails') -> Any:
    """Return the client that a command gets."""
    monkeypatch.setattr(demisto, 'params', lambda: params)
    monkeypatch.setattr(demisto, 'command', lambda: command)
    return make_client(InstanceSettings(params, SPEC))


@pytest.mark.parametrize('params', [APPLICATION, MANAGED_IDENTITY])
def test_an_application_needs_a_mailbox(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]) -> None:
    with pytest.raises(CredentialError, match=r"^'Email address of the mailbox' is missing\. .* Enter the address"):
        run(monkeypatch, {**params, 'mailbox_to_fetch': ' '})
    assert run(monkeypatch, {**params, 'mailbox_to_fetch': ' ada@contoso.example '}).mailbox.address == 'ada@contoso.example'


def test_a_user_has_a_mailbox(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, DEVICE).mailbox.address == ''


@pytest.mark.parametrize(
    'command, reschedules', [('msgraph-mail-list-emails', True), ('msgraph-mail-auth-test', False), ('send-mail', False)]
)
def test_commands_on_mail_are_run_again_when_throttled(monkeypatch: pytest.MonkeyPatch, command: str, reschedules: bool) -> None:
    assert run(monkeypatch, DEVICE, command).retry_on_rate_limit is reschedules


def test_the_table_has_the_commands_of_the_platform() -> None:
    assert {'test-module', 'fetch-incidents', 'msgraph-mail-auth-test', 'msgraph-mail-test', 'send-mail'} <= set(COMMANDS)


@pytest.mark.parametrize(
    'first_fetch, message', [('soon', "'soon' in 'First fetch time' is not a time."), ('2 days', 'are valid')]
)
def test_the_test_button_checks_the_first_fetch(monkeypatch: pytest.MonkeyPatch, first_fetch: str, message: str) -> None:
    client = run(monkeypatch, {**DEVICE, 'isFetch': True, 'first_fetch': first_fetch}, 'test-module')
    with pytest.raises(DemistoException, match=message):
        check_instance_command(client, {})
