"""Instances of the integration in this process, with each authentication method, against the local cloud."""

import contextlib
import json
import logging
import re
from dataclasses import replace
from typing import Any

import pytest

import CommonServerPython
import demistomock as demisto
import O365OutlookMailSingleUser
from authentication_methods import ARC, AUTHORIZATION_CODE, CLIENT_SECRET, METHODS
from conformance.signed_in import SignedIn
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser

Params = dict[str, Any]

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
ERROR = 4


def secret(value: str) -> dict[str, str]:
    """Return a credential of which only the password is used."""
    return {'identifier': '', 'password': value}


class Instance:
    """An instance of the integration: runs commands, and checks that no secret is shown.

    Args:
        cloud: the cloud that the parameters name.
        params: the parameters of the instance; tests may change them.

    Attributes:
        metrics: the API execution metrics of the last command, one list for each entry.
    """

    def __init__(
        self, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, params: Params
    ) -> None:
        self.cloud = cloud
        self.params = params
        self.metrics: list[list[dict[str, Any]]] = []
        self._monkeypatch = monkeypatch
        self._log = log
        self._calling: dict[str, Any] = {}

    def run_by_script(self, command: str, **args: Any) -> dict[str, Any]:
        """Return the one entry of a command that a script runs by ``demisto.executeCommand``. Nothing is scheduled then."""
        self._calling = {'context': {'ExecutedCommands': [{'moduleBrand': 'Scripts', 'name': 'SendFindings'}]}}
        try:
            return self.run(command, **args)
        finally:
            self._calling = {}

    def run(self, command: str, **args: Any) -> dict[str, Any]:
        """Return the one entry of a command."""
        [entry] = self.entries(command, **args)
        return entry

    def entries(self, command: str, **args: Any) -> list[dict[str, Any]]:
        """Return the entries of a command, without metrics."""
        entries: list[Any] = []
        with self._monkeypatch.context() as platform:
            for name, answer in (('command', command), ('params', self.params), ('args', args)):
                platform.setattr(demisto, name, lambda answer=answer: answer)
            platform.setattr(demisto, 'results', entries.append)
            platform.setattr(demisto, 'callingContext', self._calling)
            # each command is a process of its own: it masks no secrets of earlier ones, which would take longer and longer
            platform.setattr(CommonServerPython.LOG, 'replace_strs', [])
            platform.setattr(CommonServerPython.LOG, 'messages', [])
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
            self._check(entry)
        return given

    def _check(self, entry: dict[str, Any]) -> None:
        shown = json.dumps(entry) + self._log.text
        for hidden in (*self._typed_secrets(), *secrets_in(demisto.getIntegrationContext())):
            assert hidden not in shown, 'A secret is shown.'

    def _typed_secrets(self) -> list[str]:
        """Return the longest line of each secret parameter: texts of several lines are not shown as they are."""
        names = ['creds_enc_key', 'creds_certificate', 'creds_auth_code']
        names += [] if self.params.get('self_deployed') else ['creds_refresh_token']
        values = [value['password'].strip() for value in map(self.params.get, names) if value]
        return [max(value.splitlines(), key=len) for value in values if value]

    def text(self, command: str, **args: Any) -> str:
        """Return what a successful command shows."""
        entry = self.run(command, **args)
        assert entry['Type'] != ERROR, entry['Contents']
        return str(entry['HumanReadable'])

    def error(self, command: str, **args: Any) -> str:
        """Return the message of a command that fails."""
        entry = self.run(command, **args)
        assert entry['Type'] == ERROR, entry
        return str(entry['Contents'])

    def context(self, command: str, **args: Any) -> Any:
        """Return the context of a successful command: of its first path, if that has several keys all items."""
        entry = self.run(command, **args)
        assert entry['Type'] != ERROR, entry['Contents']
        path = next(iter(entry['EntryContext'])).partition('(')[0]
        [value, *others] = [one for key, one in entry['EntryContext'].items() if key.partition('(')[0] == path]
        return [*value, *others] if others else value

    def requests(self, service: str) -> list[tuple[str, int]]:
        """Return paths and statuses of the requests to a service."""
        return [(one.path, one.status) for one in self.cloud.requests if one.service == service]

    def sign_in(self, user: str = ADA, permissions: str = '') -> None:
        """Let a user sign in, if the authentication method needs one, and grant the permissions."""
        browser = Browser(self.cloud, user)
        said = self.text('msgraph-mail-auth-start', permissions=permissions)
        login_url = re.search(r'\[login URL]\(([^)]+)\)', said)
        device = re.search(r'\[(https:[^]]+)].* code \*\*(\S+)\*\*', said)
        if login_url:
            self.text('msgraph-mail-auth-complete', code=browser.sign_in(login_url[1]))
        elif device:
            browser.enter_device_code(device[1], device[2])
            self.text('msgraph-mail-auth-complete')


def no_context(*_args: Any, **_kwargs: Any) -> None:
    raise AssertionError('The Test button has no integration context.')


def secrets_in(context: dict[str, Any]) -> list[str]:
    """Return the tokens and codes in an integration context."""
    cached = [json.loads(text) if text.startswith('{') else {'value': text} for text in context.values()]
    return [one[name] for one in cached for name in ('value', 'refresh_token', 'code_verifier', 'device_code') if one.get(name)]


# region authentication methods


def of_authorization_code_with_certificate(cloud: MicrosoftCloud) -> Params:
    certificate = cloud.directory.application('web').certificate
    pem = secret(certificate.private_key_pem + certificate.certificate_pem)
    return {**AUTHORIZATION_CODE.settings(cloud), 'creds_enc_key': {}, 'creds_certificate': pem}


# A user signs in to an application that authenticates with a certificate: the demo does not show this combination.
WITH_CERTIFICATE = replace(
    AUTHORIZATION_CODE, name='Authorization code, certificate', settings=of_authorization_code_with_certificate
)
# The key folder of Azure Arc needs root: Tests/conformance/sign_in has it.
BY_NAME = {method.name: method for method in (*METHODS, WITH_CERTIFICATE) if method is not ARC}
USER_METHODS = tuple(name for name, method in BY_NAME.items() if method.sign_in)
MANAGED_IDENTITIES = tuple(name for name, method in BY_NAME.items() if method.engine)
APPLICATION_METHODS = tuple(name for name, method in BY_NAME.items() if method.option == 'Client Credentials')


def as_pasted(settings: Params) -> Params:
    """Return settings as people paste them, with whitespace around the values."""

    def pasted(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {part: f' {text}\n' if text else text for part, text in value.items()}
        return f' {value} ' if name in ('redirect_uri', 'mailbox_to_fetch') else value

    empty: Params = {'creds_auth_id': None, 'creds_enc_key': {}}  # forms in which the platform gives empty credentials
    return {**empty, **{name: pasted(name, value) for name, value in settings.items()}}


@pytest.fixture
def instance(
    request: pytest.FixtureRequest,
    cloud: MicrosoftCloud,
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Instance:
    """Return a new instance with the authentication method that the test names, or one that is signed in with a client secret."""
    method = BY_NAME[getattr(request, 'param', CLIENT_SECRET.name)]
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    for name, value in (cloud.host_environment(method.engine) if method.engine else {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demisto, 'integrationContext', {})
    if not hasattr(request, 'param'):
        signed_in.start(monkeypatch)
    caplog.set_level(logging.DEBUG)
    made = Instance(cloud, monkeypatch, caplog, as_pasted(method.settings(cloud)))
    cloud.requests.clear()
    return made


def with_methods(*names: str) -> pytest.MarkDecorator:
    """Run a test with a new instance of each of these authentication methods, or of all. It is not signed in."""
    return pytest.mark.parametrize('instance', names or tuple(BY_NAME), indirect=True)


# endregion
