"""An instance of the integration in this process, and how each way to sign in is set up in the local cloud."""

import contextlib
import json
import logging
import re
from typing import Any

import pytest

import demistomock as demisto
import O365OutlookMailSingleUser
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

Params = dict[str, Any]

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
ERROR = 4


def secret(value: str) -> dict[str, str]:
    """A credential of which only the password is shown."""
    return {'identifier': '', 'password': value}


class Instance:
    """An instance of the integration: runs commands, and watches that nothing secret shows.

    Args:
        cloud: what the instance talks to.
        params: in addition to the addresses of that cloud.

    Attributes:
        metrics: what the last command reported of its calls of the API, one list for each entry.
    """

    def __init__(
        self, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, **params: Any
    ) -> None:
        self.cloud = cloud
        self.params: Params = {
            'azure_cloud': 'Custom',
            'azure_ad_endpoint': cloud.authority,
            'graph_endpoint': cloud.graph,
            **params,
        }
        self.metrics: list[list[dict[str, Any]]] = []
        self._monkeypatch = monkeypatch
        self._log = log

    def run(self, command: str, **args: Any) -> dict[str, Any]:
        """The one entry that a command gives."""
        [entry] = self.entries(command, **args)
        return entry

    def entries(self, command: str, **args: Any) -> list[dict[str, Any]]:
        """The entries that a command gives."""
        entries: list[Any] = []
        with self._monkeypatch.context() as platform:
            for name, answer in (('command', command), ('params', self.params), ('args', args)):
                platform.setattr(demisto, name, lambda answer=answer: answer)
            platform.setattr(demisto, 'results', entries.append)
            if command == 'test-module':
                for name in (
                    'getIntegrationContext',
                    'setIntegrationContext',
                    'getIntegrationContextVersioned',
                    'setIntegrationContextVersioned',
                ):
                    platform.setattr(demisto, name, no_context)
            with contextlib.suppress(SystemExit):  # how return_error ends a command
                O365OutlookMailSingleUser.main()
        self.metrics = [one['APIExecutionMetrics'] for one in entries if 'APIExecutionMetrics' in one]
        given = [
            {'Type': 1, 'Contents': one, 'HumanReadable': one} if isinstance(one, str) else one
            for one in entries
            if 'APIExecutionMetrics' not in one
        ]
        for entry in given:
            self._watch(entry)
        return given

    def _watch(self, entry: dict[str, Any]) -> None:
        shown = json.dumps(entry) + self._log.text
        for hidden in (*self._typed_secrets(), *secrets_in(demisto.getIntegrationContext())):
            assert hidden not in shown, 'A secret shows.'

    def _typed_secrets(self) -> list[str]:
        names = ['creds_enc_key', 'creds_certificate', 'creds_auth_code']
        names += [] if self.params.get('self_deployed') else ['creds_refresh_token']
        return [value['password'] for value in map(self.params.get, names) if value]

    def text(self, command: str, **args: Any) -> str:
        """What a command shows when it succeeds."""
        entry = self.run(command, **args)
        assert entry['Type'] != ERROR, entry['Contents']
        return str(entry['HumanReadable'])

    def error(self, command: str, **args: Any) -> str:
        """What a command shows when it fails."""
        entry = self.run(command, **args)
        assert entry['Type'] == ERROR, entry
        return str(entry['Contents'])

    def context(self, command: str, **args: Any) -> Any:
        """What a command puts into the context."""
        entry = self.run(command, **args)
        assert entry['Type'] != ERROR, entry['Contents']
        [value] = entry['EntryContext'].values()
        return value

    def requests(self, service: str) -> list[tuple[str, int]]:
        """Paths and statuses of the requests that reached a service."""
        return [(one.path, one.status) for one in self.cloud.requests if one.service == service]

    def sign_in(self, user: str = ADA) -> None:
        """Has a person sign in, if this way needs one."""
        person = Browser(self.cloud, user)
        said = self.text('msgraph-mail-auth-start')
        browser = re.search(r'\[login URL]\(([^)]+)\)', said)
        device = re.search(r'\[(https:[^]]+)].* code \*\*(\S+)\*\*', said)
        if browser:
            self.text('msgraph-mail-auth-complete', code=person.sign_in(browser[1]))
        elif device:
            person.enter_device_code(device[1], device[2])
            self.text('msgraph-mail-auth-complete')


def no_context(*_args: Any, **_kwargs: Any) -> None:
    raise AssertionError('The Test button has no integration context.')


def secrets_in(context: dict[str, Any]) -> list[str]:
    """What an integration context holds that nobody may see: tokens and codes, in JSON or as they are."""
    kept = [json.loads(text) if text.startswith('{') else {'value': text} for text in context.values()]
    return [one[name] for one in kept for name in ('value', 'refresh_token', 'code_verifier', 'device_code') if one.get(name)]


def application(cloud: MicrosoftCloud, name: str, method: str, **params: Any) -> Params:
    """The parameters of a self-deployed application of the local cloud, pasted as carelessly as they often are."""
    registered = cloud.directory.application(name)
    return {
        'self_deployed': True,
        'auth_method': method,
        'creds_auth_id': secret(f' {registered.client_id}\n'),
        'creds_refresh_token': secret('contoso.example '),
        **params,
    }


def of_cortex_app(cloud: MicrosoftCloud) -> Params:
    consent_page = cloud.token_service.replace('/obtain-token', '/ms-graph-mail-listener')
    registration, token, key = Browser(cloud, ADA).consent_to_cortex_app(consent_page)
    return {
        'creds_auth_id': secret(registration),
        'creds_refresh_token': secret(token),
        'creds_enc_key': secret(key),
        'auth_method': 'Authorization Code',
    }


def of_authorization_code(cloud: MicrosoftCloud) -> Params:
    return application(
        cloud,
        'web',
        'Authorization Code',
        redirect_uri=f' {REDIRECT_URI} ',
        creds_enc_key=secret(cloud.directory.application('web').secret),
    )


def of_authorization_code_with_certificate(cloud: MicrosoftCloud) -> Params:
    certificate = cloud.directory.application('web').certificate
    return application(
        cloud,
        'web',
        'Authorization Code',
        redirect_uri=REDIRECT_URI,
        creds_certificate=secret(certificate.private_key_pem + certificate.certificate_pem),
    )


def of_client_secret(cloud: MicrosoftCloud) -> Params:
    return application(
        cloud,
        'daemon',
        'Client Credentials',
        mailbox_to_fetch=ADA,
        creds_enc_key=secret(cloud.directory.application('daemon').secret),
    )


def of_certificate(cloud: MicrosoftCloud) -> Params:
    certificate = cloud.directory.application('daemon').certificate
    return application(
        cloud,
        'daemon',
        'Client Credentials',
        mailbox_to_fetch=ADA,
        creds_certificate=secret(certificate.private_key_pem + certificate.certificate_pem),
    )


def of_thumbprint(cloud: MicrosoftCloud) -> Params:
    certificate = cloud.directory.application('daemon').certificate
    return application(
        cloud,
        'daemon',
        'Client Credentials',
        mailbox_to_fetch=ADA,
        creds_certificate={'identifier': certificate.sha1_thumbprint.lower(), 'password': certificate.private_key_pem},
    )


def of_device_code(cloud: MicrosoftCloud) -> Params:
    return application(cloud, 'device', 'Device Code')


def of_managed_identity(_cloud: MicrosoftCloud) -> Params:
    return {'use_managed_identities': 'true', 'mailbox_to_fetch': ADA, 'creds_auth_id': None, 'creds_enc_key': {}}


def of_user_assigned_identity(cloud: MicrosoftCloud) -> Params:
    identity = cloud.directory.managed_identity('soar-engine')
    return {**of_managed_identity(cloud), 'managed_identities_client_id': secret(identity.client_id)}


WAYS = {
    'Cortex app': (of_cortex_app, ''),
    'authorization code': (of_authorization_code, ''),
    'authorization code, certificate': (of_authorization_code_with_certificate, ''),
    'client secret': (of_client_secret, ''),
    'certificate': (of_certificate, ''),
    'certificate thumbprint': (of_thumbprint, ''),
    'device code': (of_device_code, ''),
    'Azure VM': (of_managed_identity, 'azure-vm'),
    'Azure VM, user-assigned': (of_user_assigned_identity, 'azure-vm'),
    'App Service': (of_managed_identity, 'app-service'),
}
USER_METHODS = ('authorization code', 'authorization code, certificate', 'device code')
APPLICATION_METHODS = ('client secret', 'certificate', 'certificate thumbprint')
MANAGED_IDENTITIES = ('Azure VM', 'Azure VM, user-assigned', 'App Service')


@pytest.fixture
def instance(
    request: pytest.FixtureRequest, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Instance:
    """A new instance that signs in in the way that the test names; by a client secret if it names none."""
    params_of, host = WAYS[getattr(request, 'param', 'client secret')]
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    for name, value in (cloud.host_environment(host) if host else {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demisto, 'integrationContext', {})
    caplog.set_level(logging.DEBUG)
    made = Instance(cloud, monkeypatch, caplog, **params_of(cloud))
    cloud.requests.clear()
    return made


def with_methods(*ways: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize('instance', ways or tuple(WAYS), indirect=True)
