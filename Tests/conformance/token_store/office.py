"""Processes of one instance that need tokens of the sandbox cloud: what the tests of the token store are made of."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import demistomock as demisto
from MicrosoftCoreApiModule import MicrosoftSignInError, SystemClock
from MicrosoftCredentialsApiModule import (
    REFRESH_MARGIN,
    AccessToken,
    AuthorizationCodeCredential,
    ClientSecretCredential,
    CortexAppCredential,
    Credential,
    DeviceCodeCredential,
    TokenClient,
    TokenRequest,
    TokenResponse,
    TokenTarget,
)
from MicrosoftTokenCacheApiModule import CachedTokens, ContextStorage, Storage, TokenProvider
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
VERIFIER = 'a verifier of forty-three characters or more'


class CloudClock(SystemClock):
    """Goes with the clock of the cloud; who sleeps moves it."""

    def __init__(self, cloud: MicrosoftCloud):
        self.cloud = cloud
        self.slept = 0.0

    def now(self) -> float:
        return self.cloud.clock.now()

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.cloud.clock.advance(seconds)


class CountingStore(ContextStorage):
    """The integration context, which counts how often it was used."""

    def __init__(self) -> None:
        super().__init__(demisto.getIntegrationContextVersioned, demisto.setIntegrationContextVersioned)
        self.reads, self.writes = 0, 0

    def read(self) -> tuple[dict[str, Any], int]:
        self.reads += 1
        return super().read()

    def write(self, kept: dict[str, Any], version: int) -> None:
        self.writes += 1
        super().write(kept, version)


class BusyStore(CountingStore):
    """The integration context of an instance whose other commands write between each read and write, `times` times."""

    def __init__(self, times: float):
        super().__init__()
        self.times = times

    def write(self, kept: dict[str, Any], version: int) -> None:
        if self.times > 0 and version != self.ANY_VERSION:
            self.times -= 1
            others = f'other command {self.writes}'
            demisto.setIntegrationContext({**demisto.getIntegrationContext(), others: 'its value'})
        super().write(kept, version)


class InterruptedTransport(TokenClient):
    """Lets something happen before a request is sent, or after it was answered."""

    before: Callable[[], Any] = staticmethod(lambda: None)
    after: Callable[[], Any] = staticmethod(lambda: None)

    def ask(self, request: TokenRequest) -> TokenResponse:
        before, self.before = self.before, lambda: None
        before()
        answer = super().ask(request)
        after, self.after = self.after, lambda: None
        after()
        return answer


class Office:
    """Makes credentials of the sandbox, and token sources as processes have them: each its own, all on one context."""

    def __init__(self, cloud: MicrosoftCloud):
        self.cloud = cloud
        self.clock = CloudClock(cloud)
        self.tenant_id = cloud.directory.tenants[0].tenant_id
        self.graph = TokenTarget(f'{cloud.graph}/.default')
        self.azure = TokenTarget(f'{cloud.resource_manager}/.default')
        self.log: list[str] = []

    def client(self, name: str = 'daemon') -> ClientSecretCredential:
        application = self.cloud.directory.application(name)
        return ClientSecretCredential(self.cloud.authority, self.tenant_id, application.client_id, application.secret)

    def cortex(self) -> CortexAppCredential:
        consent_page = self.cloud.token_service.replace('obtain-token', 'ms-graph-mail-listener')
        return CortexAppCredential('ms-graph-mail-listener', *Browser(self.cloud, ADA).consent_to_cortex_app(consent_page))

    def web(self, code: str = '') -> AuthorizationCodeCredential:
        return AuthorizationCodeCredential(self.client('web'), REDIRECT_URI, code)

    def code_of(self, user: str, verifier: str = VERIFIER) -> str:
        return Browser(self.cloud, user).sign_in(self.web().authorize_url(self.graph, 'state', verifier))

    def signed_in(self, user: str = ADA) -> AuthorizationCodeCredential:
        """The web application, with `user` signed in by a code that was pasted into the settings."""
        credential = self.web(self.code_of(user))
        source = self.source(credential)
        source.start(code_verifier=VERIFIER)
        source.get(self.graph)
        self.cloud.requests.clear()
        return credential

    def device(self) -> DeviceCodeCredential:
        return DeviceCodeCredential(self.cloud.authority, self.tenant_id, self.cloud.directory.application('device').client_id)

    def start_device(self, enter_as: str = '') -> None:
        source = self.source(self.device())
        started = source.transport.request_json(self.device().start_request(self.graph))
        source.start(900, device_code=started['device_code'])
        if enter_as:
            Browser(self.cloud, enter_as).enter_device_code(started['verification_uri'], started['user_code'])

    def source(
        self,
        credential: Credential,
        store: Storage | None = None,
        clock: SystemClock | None = None,
        usual_target: TokenTarget | None = None,
    ) -> TokenProvider:
        transport = InterruptedTransport(self.cloud.ca_file, clock or self.clock)
        return TokenProvider(credential, store or CountingStore(), transport, self.log.append, usual_target)

    def kept(self, credential: Credential, usual_target: TokenTarget | None = None) -> CachedTokens:
        return CachedTokens(demisto.getIntegrationContext(), credential, usual_target)

    def refresh_token(self, credential: Credential) -> str:
        return self.kept(credential).sessions(self.clock.now())[0].refresh_token

    def tokens_expire_at_once(self) -> None:
        self.cloud.directory.access_token_seconds = REFRESH_MARGIN

    def consent_to_all(self) -> None:
        for application in self.cloud.directory.applications:
            application.tenant_wide_consent = True

    def token_requests(self, service: str = 'entra') -> int:
        return len(self.cloud.requests.of(service, 'token'))

    def user_of(self, token: AccessToken) -> str:
        return token.claims()['upn']


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Does all calls at the same time, in a thread each, and gives what they return or raise."""
    barrier = threading.Barrier(len(calls))

    def do(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except MicrosoftSignInError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(do, calls))


@pytest.fixture
def office(cloud: MicrosoftCloud) -> Iterator[Office]:
    """The sandbox cloud, and an instance with an empty integration context."""
    demisto.setIntegrationContext({})
    yield Office(cloud)
    demisto.setIntegrationContext({})
