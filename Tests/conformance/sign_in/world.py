"""The world of one row: the sandbox, a clock that nobody waits for, the instance's context, and what was written to the log."""

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
from machine import limit
from MicrosoftApiModule import AccessToken, KeptTokens, MicrosoftClient, MicrosoftSignInError, SystemClock, TokenTarget
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.clock import Clock

Settings = dict[str, Any]
LONGEST_ANSWER = limit(2)
SECRET_SETTINGS = ('enc_key', 'private_key', 'refresh_token', 'auth_code')
SECRETS_OF_THE_STORE = ('value', 'refresh_token', 'code_verifier', 'device_code', 'state')


class WaitlessClock(SystemClock):
    """Shares the time of the sandbox. Waiting moves it on, and is noted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.waits: list[float] = []

    def now(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._clock.advance(seconds)


class World:
    """What a row needs.

    Attributes:
        clock: of the product.
        folder: an empty one.
        proxy: passes everything on; used where the environment names it.
        log: lines that the product wrote for the server's log.
        secrets: values that must not show anywhere.
    """

    def __init__(self, cloud: MicrosoftCloud, proxy: RecordingProxy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = cloud
        self.folder = folder
        self.proxy = proxy
        self.clock = WaitlessClock(cloud.clock)
        self.log: list[str] = []
        self.secrets: set[str] = set()
        self._monkeypatch = monkeypatch
        self._base_elsewhere = ''
        self._context_of_other_instance: dict[str, Any] = {}
        self._writes_to_come = 0
        self._read = demisto.getIntegrationContextVersioned
        monkeypatch.setattr(demisto, 'getIntegrationContextVersioned', self._read_then_lose)
        monkeypatch.setattr(demisto, 'integrationContext', {})
        monkeypatch.setattr(demisto, 'debug', lambda line, *_args: self.log.append(str(line)))
        # Assertions and the Cortex app's requests carry the time.
        monkeypatch.setattr(SystemClock, 'now', lambda _clock: cloud.clock.now())

    # region where services are

    def at(self, url: str) -> str:
        """`url`, or the same path at the address to which the row has moved the service."""
        return self._base_elsewhere + urlsplit(url).path if self._base_elsewhere else url

    def move_service(self, address: str) -> None:
        """From now on settings look for the service elsewhere: at a 'closed port', a 'closed TLS port', or where is 'no TLS'."""
        with socket.create_server(('127.0.0.1', 0)) as server:
            closed_port = server.getsockname()[1]
        self._base_elsewhere = {
            'closed port': f'http://127.0.0.1:{closed_port}',
            'closed TLS port': f'https://localhost:{closed_port}',
            'no TLS': self.cloud.imds.replace('http://127.0.0.1', 'https://localhost'),
        }[address]

    def run_on(self, host: str) -> None:
        """Gives this process the environment of that kind of Azure host."""
        for name, value in self.cloud.host_environment(host).items():
            self._monkeypatch.setenv(name, self.at(value) if value.startswith('http') else value)

    def set_environment(self, variables: dict[str, str]) -> None:
        """Gives this process those variables; they may name ``{proxy}`` and ``{other_ca}``."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value.format(proxy=self.proxy.url, other_ca=certifi.where()))

    def switch_instance(self) -> None:
        """From now on commands are those of the other instance of two: each has an integration context of its own."""
        others = self._context_of_other_instance
        self._context_of_other_instance = demisto.getIntegrationContext()
        demisto.setIntegrationContext(others)

    def write_between(self, times: int) -> None:
        """After each of the next reads of the context, so many times, another command of the instance writes to it."""
        self._writes_to_come = times

    def _read_then_lose(self, refresh: bool = False) -> dict[str, Any]:
        found = self._read(refresh)
        if self._writes_to_come:
            self._writes_to_come -= 1
            theirs = int(found['context'].get('theirs') or 0) + 1
            demisto.setIntegrationContext({**found['context'], 'theirs': str(theirs)})
        return found

    def press_test_button(self) -> None:
        """From now on the command is that of the Test button, which has no integration context."""
        self._monkeypatch.setattr(demisto, 'command', lambda: 'test-module')

    # endregion
    # region what happens

    def client(self, settings: Settings) -> MicrosoftClient:
        """A client as each command makes one: it shares nothing with earlier ones but the context."""
        self.secrets.update(str(settings[name]) for name in SECRET_SETTINGS if settings.get(name))
        client = MicrosoftClient(**settings)
        client.clock = self.clock  # type: ignore[assignment]
        return client

    def ask(self, client: MicrosoftClient, **target: Any) -> AccessToken | MicrosoftSignInError:
        """Asks for a token as a command does; gives the error in place of raising it."""
        try:
            return client.tokens.get(client.token_target(**target))
        except MicrosoftSignInError as error:
            return error
        finally:
            self._learn_secrets()

    def later(self, seconds: float) -> None:
        """That much time passes, for everybody."""
        self.cloud.clock.advance(seconds)

    def fail(self, service: str, path: str, answer: Answer) -> None:
        """Has the service answer the next request with `answer`."""
        self.cloud.faults.add(service=service, path=path, **self._written(answer))

    def _written(self, value: Any) -> Any:
        if isinstance(value, Moment):
            return value.text(self.clock.now())
        if isinstance(value, dict):
            return {key: self._written(inner) for key, inner in value.items()}
        return value

    def forget_requests(self) -> None:
        """From now on requests and waits are counted anew."""
        self.cloud.requests.clear()
        self.proxy.passed.clear()
        self.clock.waits.clear()

    def requests_to(self, service: str, expected: int = 0) -> int:
        """How often `service` was asked for a token; waits a while for `expected` ones, since slow answers are counted late."""
        give_up_on = time.monotonic() + LONGEST_ANSWER
        while len(self.cloud.requests.of(service, 'token')) < expected and time.monotonic() < give_up_on:
            time.sleep(0.02)
        return len(self.cloud.requests.of(service, 'token'))

    # endregion
    # region what came of it

    def kept_token(self, client: MicrosoftClient, target: TokenTarget) -> AccessToken | None:
        """The access token that the instance's context holds for this client."""
        return KeptTokens(get_integration_context(), client.credential).token(target)

    def kept_refresh_token(self, client: MicrosoftClient) -> str:
        """The refresh token that the instance's context holds for this client, empty if none."""
        return self.kept_under(client, 'sign-in').get('refresh_token', '')

    def kept_under(self, client: MicrosoftClient, name: str) -> dict[str, Any]:
        """What the instance's context holds for this client under that name, empty if nothing."""
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
        """What Graph says of that token."""
        return self.status_of(self.cloud.graph + path, token)

    def user_of(self, token: str) -> str:
        """Whom that token lets act."""
        return AccessToken(token, 0, 0).claims()['upn']

    def status_of(self, url: str, token: str) -> int:
        answer = requests.get(url, headers={'Authorization': f'Bearer {token}'}, verify=self.cloud.ca_file, timeout=limit(10))
        return answer.status_code

    def _learn_secrets(self) -> None:
        for text in get_integration_context().values():
            kept = json.loads(text) if str(text).startswith('{') else {}
            self.secrets.update(str(kept[name]) for name in SECRETS_OF_THE_STORE if kept.get(name))

    def assert_no_secret_in(self, *shown: object) -> None:
        """Fails where one of `shown`, or a line of the log, holds a secret. Says which kind of thing, not the secret."""
        for one in (*shown, *self.log):
            for text in (str(one), repr(one)):
                assert not any(secret in text for secret in self.secrets), f'a secret shows in a {type(one).__name__}'

    # endregion
