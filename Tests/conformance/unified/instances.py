"""An instance of the integration in this process, for each authentication method."""

import contextlib
import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
import O365OutlookMailSingleUser
from authentication_methods import AUTHORIZATION_CODE, CLIENT_SECRET, CORTEX_APP, METHODS, AuthenticationMethod
from MicrosoftCredentialsApiModule import AzureArc
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser

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
        """Have a user sign in, if this method needs one."""
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


def with_certificate_of_web(cloud: MicrosoftCloud) -> Params:
    """Return settings for an authorization code with a certificate in place of the client secret."""
    certificate = cloud.directory.application('web').certificate
    settings = AUTHORIZATION_CODE.settings(cloud)
    del settings['creds_enc_key']
    return {**settings, 'creds_certificate': secret(certificate.private_key_pem + certificate.certificate_pem)}


def as_pasted(settings: Params) -> Params:
    """Return the settings as careless users paste them, and as the platform sends fields that are empty."""
    pasted: Params = {'auth_method': 'Authorization Code', **settings}
    if pasted.get('self_deployed'):
        pasted['creds_auth_id'] = secret(f' {pasted["creds_auth_id"]["password"]}\n')
        pasted['creds_refresh_token'] = secret('contoso.example ')
    if 'redirect_uri' in pasted:
        pasted['redirect_uri'] = f' {pasted["redirect_uri"]} '
    if 'creds_certificate' in pasted:
        certificate = pasted['creds_certificate']
        pasted['creds_certificate'] = {**certificate, 'identifier': certificate['identifier'].lower()}
    if pasted.get('use_managed_identities'):
        pasted |= {'use_managed_identities': 'true', 'creds_auth_id': None, 'creds_enc_key': {}}
    return pasted


AUTHORIZATION_CODE_WITH_CERTIFICATE = replace(
    AUTHORIZATION_CODE, name='Authorization code, certificate', settings=with_certificate_of_web
)
TESTED = (*METHODS, AUTHORIZATION_CODE_WITH_CERTIFICATE)
USER_METHODS = tuple(method for method in TESTED if method.sign_in)
MANAGED_IDENTITIES = tuple(method for method in TESTED if method.engine)
APPLICATION_METHODS = tuple(method for method in TESTED if method not in (CORTEX_APP, *USER_METHODS, *MANAGED_IDENTITIES))


@pytest.fixture
def instance(
    request: pytest.FixtureRequest,
    cloud: MicrosoftCloud,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> Instance:
    """A new instance that signs in with the method that the test names; with a client secret if it names none."""
    method: AuthenticationMethod = getattr(request, 'param', CLIENT_SECRET)
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    # only root can make the real folder
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(tmp_path))
    cloud.arc_keys.folder = tmp_path
    for name, value in (cloud.host_environment(method.engine) if method.engine else {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demisto, 'integrationContext', {})
    caplog.set_level(logging.DEBUG)
    made = Instance(cloud, monkeypatch, caplog, **as_pasted(method.settings(cloud)))
    cloud.requests.clear()
    return made


def with_methods(*methods: AuthenticationMethod) -> pytest.MarkDecorator:
    """Run a test with an instance of each of these methods; with all methods when none is named."""
    return pytest.mark.parametrize('instance', methods or TESTED, indirect=True, ids=lambda method: method.name)
