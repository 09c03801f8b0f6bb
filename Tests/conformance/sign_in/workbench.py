"""The environment of one row: the sandbox, a clock without real waits, the integration context and the log."""

import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import pytest
import requests

import demistomock as demisto
from CommonServerPython import get_integration_context
from conformance.sign_in.recording_proxy import RecordingProxy
from conformance.sign_in.rows import Answer, Moment
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import MicrosoftSignInError, SystemClock
from MicrosoftTokenCacheApiModule import CachedTokens
from MicrosoftTokenRequestApiModule import AccessToken, TokenTarget
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.clock import Clock
from sandbox.tests.machine import limit

Settings = dict[str, Any]
MAX_RESPONSE_SECONDS = limit(2)
SECRET_SETTINGS = ('enc_key', 'private_key', 'refresh_token', 'auth_code')
SECRETS_OF_THE_CACHE = ('value', 'refresh_token', 'code_verifier', 'device_code', 'state')


class SandboxClock(SystemClock):
    """Share the time of the sandbox. A wait advances it, and is recorded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.waits: list[float] = []

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._clock.advance(seconds)


class Workbench:
    """The environment of a row.

    Attributes:
        clock: of the product.
        folder: an empty folder.
        proxy: the proxy that the environment may name.
        log: debug lines of the product.
        secrets: values that must not be shown.
    """

    def __init__(self, cloud: MicrosoftCloud, proxy: RecordingProxy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = cloud
        self.folder = folder
        self.proxy = proxy
        self.clock = SandboxClock(cloud.clock)
        self.log: list[str] = []
        self.secrets: set[str] = set()
        self._monkeypatch = monkeypatch
        self._base_elsewhere = ''
        self._context_of_other_instance: dict[str, Any] = {}
        self._pending_writes = 0
        self._read = demisto.getIntegrationContextVersioned
        monkeypatch.setattr(demisto, 'getIntegrationContextVersioned', self._read_then_conflict)
        monkeypatch.setattr(demisto, 'integrationContext', {})
        monkeypatch.setattr(demisto, 'debug', lambda line, *_args: self.log.append(str(line)))
        # Assertions and requests of the Cortex XSOAR application contain the time.
        monkeypatch.setattr(SystemClock, 'now', lambda _clock: cloud.clock.now())

    # region settings and environment

    def at(self, url: str) -> str:
        """Return `url`, or its path at the wrong address of the row."""
        return self._base_elsewhere + urlsplit(url).path if self._base_elsewhere else url

    def move_service(self, address: str) -> None:
        """Use a wrong address in settings from now on: a 'closed port', a 'closed TLS port', or a server with 'no TLS'."""
        with socket.create_server(('127.0.0.1', 0)) as server:
            closed_port = server.getsockname()[1]
        self._base_elsewhere = {
            'closed port': f'http://127.0.0.1:{closed_port}',
            'closed TLS port': f'https://localhost:{closed_port}',
            'no TLS': self.cloud.imds.replace('http://127.0.0.1', 'https://localhost'),
        }[address]

    def run_on(self, host: str) -> None:
        """Set the environment variables of that kind of Azure host."""
        for name, value in self.cloud.host_environment(host).items():
            self._monkeypatch.setenv(name, self.at(value) if value.startswith('http') else value)

    def set_environment(self, variables: dict[str, str]) -> None:
        """Set environment variables. They may contain ``{proxy}`` and ``{other_ca}``."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value.format(proxy=self.proxy.url, other_ca=certifi.where()))

    def switch_instance(self) -> None:
        """Switch to the other one of two instances, which have separate integration contexts."""
        others = self._context_of_other_instance
        self._context_of_other_instance = demisto.getIntegrationContext()
        demisto.setIntegrationContext(others)

    def write_between(self, times: int) -> None:
        """Have another command write to the context after each of the next reads."""
        self._pending_writes = times

    def _read_then_conflict(self, refresh: bool = False) -> dict[str, Any]:
        found = self._read(refresh)
        if self._pending_writes:
            self._pending_writes -= 1
            others = int(found['context'].get('others') or 0) + 1
            demisto.setIntegrationContext({**found['context'], 'others': str(others)})
        return found

    def press_test_button(self) -> None:
        """Run as the Test button from now on."""
        self._monkeypatch.setattr(demisto, 'command', lambda: 'test-module')

    # endregion
    # region actions

    def client(self, settings: Settings) -> MicrosoftClient:
        """Return the client of a new command, which shares only the context with earlier ones."""
        self.secrets.update(str(settings[name]) for name in SECRET_SETTINGS if settings.get(name))
        client = MicrosoftClient(**settings)
        client.clock = self.clock  # type: ignore[assignment]
        return client

    def ask(self, client: MicrosoftClient, **target: Any) -> AccessToken | MicrosoftSignInError:
        """Request a token as a command does, and return the token or the error."""
        try:
            return client.token_provider.get_token(client.token_target(**target))
        except MicrosoftSignInError as error:
            return error
        finally:
            self._collect_secrets()

    def ask_for(self, settings: Settings) -> AccessToken | MicrosoftSignInError:
        """Request a token with these settings, and return it or the error. Reset the counts first."""
        self.reset_counts()
        try:
            return self.ask(self.client(settings))
        except MicrosoftSignInError as error:  # the settings are invalid
            return error

    def later(self, seconds: float) -> None:
        """Advance the clock."""
        self.cloud.clock.advance(seconds)

    def fail(self, service: str, path: str, answer: Answer) -> None:
        """Have the service answer the next request with `answer`."""
        self.cloud.faults.add(service=service, path=path, **self._written(answer))

    def _written(self, value: Any) -> Any:
        if isinstance(value, Moment):
            return value.text(self.clock.now())
        if isinstance(value, dict):
            return {key: self._written(inner) for key, inner in value.items()}
        return value

    def reset_counts(self) -> None:
        """Reset the counts of requests and waits."""
        self.cloud.requests.clear()
        self.proxy.passed.clear()
        self.clock.waits.clear()

    def requests_to(self, service: str, expected: int = 0) -> int:
        """Return the number of token requests, after `expected` ones or a timeout, since slow responses are counted late."""
        give_up_on = time.monotonic() + MAX_RESPONSE_SECONDS
        while len(self.cloud.requests.of(service, 'token')) < expected and time.monotonic() < give_up_on:
            time.sleep(0.02)
        return len(self.cloud.requests.of(service, 'token'))

    # endregion
    # region results

    def cached_token(self, client: MicrosoftClient, target: TokenTarget) -> AccessToken | None:
        """Return the usable access token in the cache, None if there is none."""
        return CachedTokens(get_integration_context(), client.credential, target, self.clock.now()).token

    def cached_refresh_token(self, client: MicrosoftClient) -> str:
        """Return the refresh token in the cache, empty if there is none."""
        cached = CachedTokens(get_integration_context(), client.credential, client.token_target(), self.clock.now())
        return next((session.refresh_token for session in cached.sessions if session.refresh_token), '')

    def cached_entry(self, client: MicrosoftClient, name: str) -> dict[str, Any]:
        """Return the entry of that name in the cache, empty if there is none."""
        owners = (client.credential.identity, client.credential.application)
        return next(
            (
                json.loads(value)
                for key, value in get_integration_context().items()
                if key.endswith(f'/{name}') and any(owner in key for owner in owners)
            ),
            {},
        )

    def graph_status(self, token: str, path: str = '/v1.0/users/ada@contoso.example/messages') -> int:
        """Return the status of a request to Graph with that token."""
        return self.status_of(self.cloud.graph + path, token)

    def user_of(self, token: str) -> str:
        """Return the user of a token."""
        return AccessToken(token, 0, 0).claims()['upn']

    def status_of(self, url: str, token: str) -> int:
        answer = requests.get(url, headers={'Authorization': f'Bearer {token}'}, verify=self.cloud.ca_file, timeout=limit(10))
        return answer.status_code

    def _collect_secrets(self) -> None:
        for text in get_integration_context().values():
            entry = json.loads(text) if isinstance(text, str) and text.startswith('{') else {}
            self.secrets.update(str(entry[name]) for name in SECRETS_OF_THE_CACHE if entry.get(name))

    def assert_no_secret_in(self, *shown: object) -> None:
        """Check that no secret is in one of `shown` or in the log, without showing it."""
        for one in (*shown, *self.log):
            for text in (str(one), repr(one)):
                assert not any(secret in text for secret in self.secrets), f'a secret is in a {type(one).__name__}'

    # endregion
