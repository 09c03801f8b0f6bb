"""Processes of one instance that need tokens of the sandbox cloud, for the tests of the token cache."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

import demistomock as demisto
from MicrosoftCoreApiModule import MicrosoftSignInError, SystemClock
from MicrosoftCredentialsApiModule import (
    AuthorizationCodeCredential,
    ClientSecretCredential,
    CortexAppCredential,
    Credential,
    DeviceCodeCredential,
    PendingSignIn,
    parse_authorization_response,
)
from MicrosoftTokenCacheApiModule import CachedTokens, ContextStorage, TokenProvider
from MicrosoftTokenRequestApiModule import (
    MIN_REMAINING_LIFETIME,
    AccessToken,
    TokenClient,
    TokenRequest,
    TokenResponse,
    TokenTarget,
)
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
PENDING = PendingSignIn('state', 'a verifier of forty-three characters or more')


class CloudClock(SystemClock):
    """Share the time of the cloud. A sleep advances it."""

    def __init__(self, cloud: MicrosoftCloud):
        self.cloud = cloud
        self.slept = 0.0

    def now(self) -> float:
        return self.cloud.clock.now()

    def elapsed(self) -> float:
        return super().elapsed() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.cloud.clock.advance(seconds)


class CountingStorage(ContextStorage):
    """The integration context. It counts its reads and writes."""

    def __init__(self) -> None:
        super().__init__(demisto.getIntegrationContextVersioned, demisto.setIntegrationContextVersioned)
        self.reads, self.writes = 0, 0

    def read(self) -> tuple[dict[str, Any], Any]:
        self.reads += 1
        return super().read()

    def write(self, context: dict[str, Any], version: Any) -> None:
        self.writes += 1
        super().write(context, version)


class BusyStorage(CountingStorage):
    """The integration context of an instance in which another command writes between a read and a write, `times` times."""

    def __init__(self, times: float):
        super().__init__()
        self.times = times

    def write(self, context: dict[str, Any], version: Any) -> None:
        if self.times > 0 and version != self.ANY_VERSION:
            self.times -= 1
            demisto.setIntegrationContext({**demisto.getIntegrationContext(), f'other command {self.writes}': 'its value'})
        super().write(context, version)


class InterruptibleTokenClient(TokenClient):
    """Call `before` before the next token request, and `after` after its response."""

    before: Callable[[], Any] = staticmethod(lambda: None)
    after: Callable[[], Any] = staticmethod(lambda: None)

    def request_token(self, request: TokenRequest) -> TokenResponse:
        before, self.before = self.before, lambda: None
        before()
        response = super().request_token(request)
        after, self.after = self.after, lambda: None
        after()
        return response


class Processes:
    """Create credentials of the sandbox, and token providers as separate processes have them, on one integration context."""

    def __init__(self, cloud: MicrosoftCloud):
        self.cloud = cloud
        self.clock = CloudClock(cloud)
        self.tenant_id = cloud.directory.tenants[0].tenant_id
        self.graph = TokenTarget(f'{cloud.graph}/.default')
        self.azure = TokenTarget(f'{cloud.resource_manager}/.default')
        self.log: list[str] = []

    def application(self, name: str = 'daemon') -> ClientSecretCredential:
        application = self.cloud.directory.application(name)
        return ClientSecretCredential(self.cloud.authority, self.tenant_id, application.client_id, application.secret)

    def cortex(self) -> CortexAppCredential:
        consent_page = self.cloud.token_service.replace('obtain-token', 'ms-graph-mail-listener')
        return CortexAppCredential('ms-graph-mail-listener', *Browser(self.cloud, ADA).consent_to_cortex_app(consent_page))

    def web(self, code: str = '') -> AuthorizationCodeCredential:
        return AuthorizationCodeCredential(self.application('web'), REDIRECT_URI, code)

    def code_of(self, user: str) -> str:
        return Browser(self.cloud, user).sign_in(self.web().authorize_url(self.graph, *PENDING[:2]))

    def code_without_state(self, user: str) -> str:
        """Return the code alone, of a sign-in that the public module or the user has started: without state and PKCE."""
        address, _, query = self.web().authorize_url(self.graph, '', '').partition('?')
        parameters = {name: value for name, value in parse_qsl(query) if 'challenge' not in name}
        return parse_authorization_response(Browser(self.cloud, user).sign_in(f'{address}?{urlencode(parameters)}')).code

    def signed_in(self, user: str = ADA) -> AuthorizationCodeCredential:
        """Return the web application, with `user` signed in by a code in the settings."""
        credential = self.web(self.code_of(user))
        provider = self.provider(credential)
        provider.start_sign_in(PENDING)
        provider.get_token(self.graph)
        self.cloud.requests.clear()
        return credential

    def device(self) -> DeviceCodeCredential:
        return DeviceCodeCredential(self.cloud.authority, self.tenant_id, self.cloud.directory.application('device').client_id)

    def start_device(self, enter_as: str = '') -> None:
        """Start a sign-in with a device code, and have a user enter the code."""
        provider = self.provider(self.device())
        started = provider.token_client.request_json(self.device().start_request(self.graph))
        provider.start_sign_in(PendingSignIn(device_code=started['device_code']), 900)
        if enter_as:
            Browser(self.cloud, enter_as).enter_device_code(started['verification_uri'], started['user_code'])

    def provider(
        self,
        credential: Credential,
        storage: ContextStorage | None = None,
        clock: SystemClock | None = None,
        default_target: TokenTarget | None = None,
    ) -> TokenProvider:
        """Return the token provider of a new process. Its `token_client` is an InterruptibleTokenClient."""
        token_client = InterruptibleTokenClient(self.cloud.ca_file, clock or self.clock)
        return TokenProvider(credential, storage or CountingStorage(), token_client, self.log.append, default_target)

    def token(self, credential: Credential, target: TokenTarget | None = None) -> AccessToken:
        """Return the token that a new process gets."""
        return self.provider(credential).get_token(target or self.graph)

    def cached(
        self,
        credential: Credential,
        target: TokenTarget | None = None,
        default_target: TokenTarget | None = None,
        context: dict[str, Any] | None = None,
        now: float = 0,
    ) -> CachedTokens:
        """Return what is cached for a credential, by default for Graph, in the integration context, now."""
        context = demisto.getIntegrationContext() if context is None else context
        return CachedTokens(context, credential, target or self.graph, now or self.clock.now(), default_target)

    def refresh_token(self, credential: Credential) -> str:
        return self.cached(credential).sessions[0].refresh_token

    def tokens_expire_at_once(self) -> None:
        self.cloud.directory.access_token_seconds = MIN_REMAINING_LIFETIME

    def consent_to_all(self) -> None:
        for application in self.cloud.directory.applications:
            application.tenant_wide_consent = True

    def token_requests(self, service: str = 'entra') -> int:
        return len(self.cloud.requests.of(service, 'token'))

    def user_of(self, token: AccessToken) -> str:
        return token.claims()['upn']


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all calls at the same time, each in its own thread, and return their results or exceptions."""
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
def processes(cloud: MicrosoftCloud) -> Iterator[Processes]:
    """The sandbox cloud, and an instance with an empty integration context."""
    demisto.setIntegrationContext({})
    yield Processes(cloud)
    demisto.setIntegrationContext({})
