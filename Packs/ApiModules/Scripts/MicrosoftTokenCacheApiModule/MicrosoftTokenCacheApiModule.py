"""Cache tokens in the integration context, and decide when to request new ones."""

import json
import random
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from MicrosoftCredentialsApiModule import *

with suppress(ImportError):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError, SystemClock
    from MicrosoftCredentialsApiModule import (
        AccessToken,
        Credential,
        CachedSession,
        REFRESH_MARGIN,
        SignInPendingError,
        SignInRefusedError,
        SignInRequiredError,
        SignInUnavailableError,
        TokenResponse,
        TokenTarget,
        TokenClient,
    )

# region storage


class StorageConflictError(Exception):
    """Somebody else has written since the store was read."""


class StorageUnavailableError(Exception):
    """The platform does not take what is written, whoever writes it."""


class MemoryStorage:
    """Keeps tokens for the life of this process: for the Test button, which has no integration context."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def read(self) -> tuple[dict[str, Any], int]:
        return dict(self._kept), 0

    def write(self, kept: dict[str, Any], _version: int) -> None:
        self._kept = dict(kept)


class ContextStorage:
    """Keeps tokens in the integration context, which all processes of an instance share.

    Args:
        get_context: gives the whole context, or ``{'context': ..., 'version': ...}`` where the platform has versions.
        set_context: writes the whole context; raises ValueError when `version` is stale.
    """

    ANY_VERSION = -1

    def __init__(self, get_context: Callable[[], Any], set_context: Callable[[dict[str, Any], int], Any]):
        self._get_context = get_context
        self._set_context = set_context

    def read(self) -> tuple[dict[str, Any], int]:
        """Gives the context and its version, ANY_VERSION where the platform has no versions."""
        context = self._get_context() or {}
        if set(context) == {'context', 'version'}:
            return dict(context['context'] or {}), int(context['version'])
        return dict(context), self.ANY_VERSION

    def write(self, kept: dict[str, Any], version: int) -> None:
        """Writes the context.

        Raises:
            StorageConflictError: another process wrote since `version` was read.
            StorageUnavailableError: the platform refused for some other reason, such as a context that is too large.
        """
        try:
            self._set_context(kept, version)
        except ValueError as error:
            raise StorageConflictError(str(error)) from None
        except Exception as error:
            raise StorageUnavailableError(str(error)) from None


Storage = MemoryStorage | ContextStorage


_WRITE_TRIES = 30


def update_storage(store: Storage, change: Callable[[dict[str, Any]], None], clock: SystemClock, force: bool = False) -> bool:
    """Reads, changes and writes `store` until nobody came between.

    Args:
        change: changes the context that it is given, in place; may be called several times.
        force: when every write was refused, writes once over whatever is there.
    Returns:
        Whether the change was written.
    """
    for attempt in range(_WRITE_TRIES):
        context, version = store.read()
        change(context)
        try:
            store.write(context, version)
            return True
        except StorageConflictError:
            clock.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - no secret
        except StorageUnavailableError:
            return False
    if not force:
        return False
    context, _ = store.read()
    change(context)
    try:
        store.write(context, ContextStorage.ANY_VERSION)
    except (StorageConflictError, StorageUnavailableError):
        return False
    return True


# endregion

# region cached tokens

_PREFIX = 'microsoft-sign-in'


_KEPT_SIGN_IN_LIFE = 90 * 24 * 3600  # seconds; a refresh token that was not used for so long is dead


STARTED_SIGN_IN_LIFE = 24 * 3600  # seconds; a login URL may have to be sent to the person first


_PUBLIC_REFRESH_TOKEN = 'current_refresh_token'  # noqa: S105 - the name of a key


_PUBLIC_KEYS = (_PUBLIC_REFRESH_TOKEN, 'refresh_token', 'access_token', 'valid_until', 'device_code')


class CachedTokens:
    """The tokens of one credential inside a context: what key holds what.

    Values are JSON in strings, as contexts want them; each says when it ends, in seconds since the epoch.

    Args:
        context: the whole integration context; changed in place. Keys of others are left alone.
        credential: whose tokens.
        usual_target: what the token is for that the public module kept under no name.
        version: of the context.
    """

    def __init__(
        self,
        context: dict[str, Any],
        credential: Credential,
        usual_target: TokenTarget | None = None,
        version: int = ContextStorage.ANY_VERSION,
    ):
        self.context = context
        self.version = version
        self._credential = credential
        self._usual_target = usual_target
        self._sign_in_key = f'{_PREFIX}/{credential.identity}/sign-in'
        self._lease_key = f'{_PREFIX}/{credential.identity}/lease'
        self._token_prefix = f'{_PREFIX}/{credential.identity}/token/'
        self._started_key = f'{_PREFIX}/{credential.application}/started'

    def _get(self, key: str, now: float = 0) -> dict[str, Any]:
        """The value of `key`; empty where there is none, none that can be read, or one that ended before `now`."""
        try:
            value = json.loads(self.context[key])
            return value if value['ends_on'] > now else {}
        except (KeyError, TypeError, ValueError):
            return {}

    def _put(self, key: str, value: dict[str, Any], ends_on: float) -> None:
        self.context[key] = json.dumps({**value, 'ends_on': ends_on})

    # access tokens

    def token(self, target: TokenTarget) -> AccessToken | None:
        kept = self._get(self._token_prefix + target.name)
        try:
            return AccessToken(kept['value'], float(kept['expires_on']), float(kept['refresh_on']), kept.get('scope', ''))
        except (KeyError, TypeError, ValueError):
            return self._token_of_public_module(target)

    def usable_token(self, target: TokenTarget, now: float, rejected: str = '') -> AccessToken | None:
        """The kept token, unless it has expired or is the one that was `rejected`."""
        token = self.token(target)
        return token if token and token.is_usable(now) and token.value != rejected else None

    def put_token(self, target: TokenTarget, token: AccessToken) -> None:
        self._put(
            self._token_prefix + target.name,
            {'value': token.value, 'expires_on': token.expires_on, 'refresh_on': token.refresh_on, 'scope': token.scope},
            token.expires_on,
        )

    # sign-ins

    def sessions(self, now: float) -> list[CachedSession]:
        """What a token can be asked for with, newest first: a device code that was started; the refresh token, the own one or
        that of the public module; what was pasted into the settings.
        """
        started, kept = self.started(now), self._get(self._sign_in_key, now)
        found = []
        if started.get('device_code'):
            found.append(CachedSession(device_code=started['device_code']))
        if kept.get('refresh_token'):
            return [*found, CachedSession(kept['refresh_token'])]
        if self._refresh_token_of_public_module():
            found.append(CachedSession(self._refresh_token_of_public_module()))
        return [
            *found,
            CachedSession(
                code_verifier=started.get('code_verifier', ''), state=started.get('state', ''), is_code_redeemed=bool(kept)
            ),
        ]

    def put_session(self, refresh_token: str, now: float) -> None:
        """Keeps the newest refresh token. The code, if there was one, is used up."""
        self._put(self._sign_in_key, {'refresh_token': refresh_token}, now + _KEPT_SIGN_IN_LIFE)
        if self._credential.needs_user:
            # Integrations look here for whether somebody has signed in, and an older pack finds its sign-in again. Not so for
            # the Cortex app: integrations would hand it back as another Token.
            self.context[_PUBLIC_REFRESH_TOKEN] = refresh_token

    def drop_previous_session(self) -> None:
        """Drops what was started, and the access tokens of all resources: a new sign-in takes their place."""
        self._drop(self._token_prefix)
        self._drop(self._started_key)

    def _drop(self, prefix: str) -> None:
        for key in [key for key in self.context if key.startswith(prefix)]:
            del self.context[key]

    def started(self, now: float = 0) -> dict[str, Any]:
        """What a sign-in that a person has to finish was started with."""
        return self._get(self._started_key, now)

    def put_started(self, now: float, life: float = STARTED_SIGN_IN_LIFE, **secrets: Any) -> None:
        """Keeps what a sign-in was started with, for `life` seconds."""
        self._put(self._started_key, secrets, now + life)

    # leases

    def lease(self) -> dict[str, Any]:
        """Who asks for a token right now (``holder``, ``until``), or how it ended (``error``, ``retry_after_time``)."""
        return self._get(self._lease_key)

    def put_lease(self, **lease: Any) -> None:
        self._put(self._lease_key, lease, max(lease.get('until', 0), lease.get('retry_after_time', 0)) + _LEASE_RETENTION)

    def drop_lease(self, holder: str) -> None:
        if self.lease().get('holder') == holder:
            del self.context[self._lease_key]

    # A context that the public MicrosoftApiModule wrote, and this one has not yet written tokens to: stay signed in across
    # the upgrade. Little in it says whose tokens they are, so they are no longer looked at once there are own ones. They are
    # left in place, since some integrations read the refresh token themselves and hand it to the client.

    def _is_of_public_module(self) -> bool:
        return not any(key.startswith(_PREFIX) and ('/token/' in key or key.endswith('/sign-in')) for key in self.context)

    def _is_own(self, access_token: Any) -> bool:
        return self._credential.matches_claims(AccessToken(str(access_token), 0, 0).claims())

    def _refresh_token_of_public_module(self) -> str:
        if self._is_of_public_module() and self._is_own(self.context.get('access_token')):
            return str(self.context.get(_PUBLIC_REFRESH_TOKEN) or '')
        return ''

    def _token_of_public_module(self, target: TokenTarget) -> AccessToken | None:
        names = [(f'{target.scope}_access_token', f'{target.scope}_valid_until'), (target.resource, 'valid_until')]
        if self._usual_target and target.name == self._usual_target.name:
            names.append(('access_token', 'valid_until'))
        for name, end in names:
            value, valid_until = self.context.get(name), str(self.context.get(end) or '')
            if value and valid_until.replace('.', '', 1).isdigit() and self._is_of_public_module() and self._is_own(value):
                expires_on = float(valid_until) + REFRESH_MARGIN  # it was used up to its written end
                return AccessToken(str(value), expires_on, expires_on)
        return None

    def prune(self, now: float) -> None:
        """Drops what nobody can use any more, of all credentials: a context has no room to waste and no secret to spare."""
        for key in [key for key in self.context if key.startswith(_PREFIX)]:
            if not self._get(key, now):
                del self.context[key]


def clear_tokens(context: dict[str, Any]) -> None:
    """Drops every token in `context`, of all credentials, and those that the public module left."""
    for key in list(context):
        # The public module keeps the tokens of several resources under the addresses of these.
        if key in _PUBLIC_KEYS or key.startswith((_PREFIX, 'https://')) or key.endswith(('_access_token', '_valid_until')):
            del context[key]


# endregion

# region token provider

_LEASE_RETENTION = 60.0  # seconds; those who wait look again and again


_MAX_HOLDERS = 5  # processes that one waits for, one after another, before it asks all the same


REFRESH_RETRY_SECONDS = 30.0  # seconds for which a service that could not renew an aging token is left alone


_CLAIM_TRIES = 20


_ERRORS_BY_NAME = {
    kind.__name__: kind for kind in (CredentialError, SignInRefusedError, SignInRequiredError, SignInUnavailableError)
}


class TokenProvider:
    """Gives access tokens of one credential, out of the store where it can.

    A warm token costs one read of the store. An aging one is renewed by one process while the others use it up, and is
    kept when that fails. An expired one is asked for once: one process claims it by a lease in the store, the others wait
    for what it brings, be it a token or an error.

    Args:
        credential: who signs in.
        store: where tokens are kept.
        transport: how requests are sent.
        log: takes a line that holds no secret.
        usual_target: as in CachedTokens.
    """

    def __init__(
        self,
        credential: Credential,
        store: Storage,
        transport: TokenClient,
        log: Callable[[str], Any] = lambda _line: None,
        usual_target: TokenTarget | None = None,
    ):
        self.credential = credential
        self.store = store
        self.transport = transport
        self.clock = transport.clock
        self._log = log
        self._usual_target = usual_target
        self._name = secrets.token_hex(16)

    def get(self, target: TokenTarget, rejected: str = '') -> AccessToken:
        """Gives a token that can be used now.

        Args:
            target: what for.
            rejected: value of a token that the resource has refused; any other kept one is taken as good.
        Raises:
            MicrosoftSignInError: signing in did not work.
        """
        kept = self._read()
        now = self.clock.now()
        token = kept.usable_token(target, now, rejected)
        if token is None:
            return self._acquire_with_lease(target, rejected)
        if token.should_refresh(now):
            return self._refresh(target, token, kept, kept.sessions(now))
        if kept.started(now).get('device_code'):
            # A person signs in anew: integrations take the next token that they ask for as the end of that.
            return self._refresh(target, token, kept, kept.sessions(now)[:1])
        return token

    def start(self, life: float = STARTED_SIGN_IN_LIFE, **secrets: Any) -> None:
        """Keeps what a sign-in that a person has to finish is started with, for `life` seconds."""
        self.change(lambda kept: kept.put_started(self.clock.now(), life, **secrets), force=True)

    def started(self) -> dict[str, Any]:
        """What a sign-in that a person has to finish was started with; empty where there is none, or it is too long ago."""
        return self._read().started(self.clock.now())

    def keep(self, target: TokenTarget, answer: TokenResponse, refresh_token_used: str = '', new_sign_in: bool = False) -> None:
        """Keeps what a sign-in brought. An answer without a refresh token leaves the one that was used in place.

        Args:
            refresh_token_used: what it was asked for with. If that is no longer what is kept, another sign-in came between,
                and stands.
            new_sign_in: a person signed in anew: that takes the place of whatever is there.
        """
        refresh_token = answer.refresh_token or refresh_token_used

        def change(kept: CachedTokens) -> None:
            now = self.clock.now()
            kept.drop_lease(self._name)
            if not new_sign_in and refresh_token_used not in [sign_in.refresh_token for sign_in in kept.sessions(now)]:
                return
            if refresh_token or self.credential.needs_user:
                if not refresh_token_used:
                    kept.drop_previous_session()
                kept.put_session(refresh_token, now)
            kept.put_token(target, answer.token)

        # The refresh token that was used may be good no more: where the new one is lost, a person has to consent again.
        self.change(change, force=bool(answer.refresh_token))

    def change(self, change: Callable[[CachedTokens], None], force: bool = False) -> None:
        """Changes what is kept, as `update_storage` does."""

        def change_context(context: dict[str, Any]) -> None:
            kept = CachedTokens(context, self.credential, self._usual_target)
            change(kept)
            kept.prune(self.clock.now())

        if not update_storage(self.store, change_context, self.clock, force):
            self._log('The integration context refused every write: what this sign-in brought could not be kept.')

    def _read(self) -> CachedTokens:
        context, version = self.store.read()
        return CachedTokens(context, self.credential, self._usual_target, version)

    def _refresh(self, target: TokenTarget, token: AccessToken, kept: CachedTokens, sessions: list[CachedSession]) -> AccessToken:
        """Asks for a token in place of one that is still good, unless somebody else does, or the service needs a rest."""
        lease = kept.lease()
        if max(lease.get('until', 0), lease.get('retry_after_time', 0)) > self.clock.now() or not self._claim(kept):
            return token
        try:
            return self._request_and_save(target, sessions, self.transport.without_retry())
        except MicrosoftSignInError as error:
            self._log(f'An access token that is still good could not be renewed. {error}')
            retry_after_time = self.clock.now() + REFRESH_RETRY_SECONDS
            self.change(lambda kept: self._end_lease(kept, retry_after_time=retry_after_time))
            return token

    def _acquire_with_lease(self, target: TokenTarget, rejected: str) -> AccessToken:
        # The lease of a holder that was killed ends by itself, and one of those who wait claims the next: so each holder is
        # waited for anew, and a little longer than its lease.
        waited, holders, conflicts, holder = 0.0, 0, 0, ''
        while waited < self.credential.max_request_seconds + 0.5 and holders <= _MAX_HOLDERS and conflicts < _CLAIM_TRIES:
            kept = self._read()
            now = self.clock.now()
            token = kept.usable_token(target, now, rejected)
            if token:  # another process has brought it
                return token
            lease = kept.lease()
            self._raise_published_error(holder, lease, target.name)
            present = lease.get('holder', '') if lease.get('until', 0) > now else ''
            if present and present != holder:
                waited, holders = 0.0, holders + 1
            holder = present
            if not holder and self._claim(kept):
                return self._request_or_use_newer(target, rejected, kept.sessions(now))
            conflicts += not holder
            pause = random.uniform(0.05, 0.2) if holder else random.uniform(0, 0.05)  # noqa: S311 - no secret
            self.clock.sleep(pause)
            waited += pause
        self._log('The right to ask for a token could not be claimed: other processes may ask for the same one.')
        return self._request_or_use_newer(target, rejected, self._read().sessions(self.clock.now()))

    def _claim(self, kept: CachedTokens) -> bool:
        """Becomes the one process that asks. False where somebody has written since `kept` was read."""
        kept.put_lease(holder=self._name, until=self.clock.now() + self.credential.max_request_seconds)
        try:
            self.store.write(kept.context, kept.version)
        except StorageConflictError:
            return False
        except StorageUnavailableError as error:
            self._log(f'The integration context takes nothing: other processes may ask for the same token. {error}')
        return True

    def _drop_lease(self) -> None:
        self.change(lambda kept: kept.drop_lease(self._name))

    def _request_or_use_newer(
        self, target: TokenTarget, rejected: str, sessions: list[CachedSession], tries: int = 2
    ) -> AccessToken:
        """Asks. When that fails, a process that was taken for dead may have brought something after all."""
        try:
            return self._request_and_save(target, sessions, self.transport)
        except MicrosoftSignInError as error:
            kept = self._read()
            now = self.clock.now()
            token = kept.usable_token(target, now, rejected)
            if token:
                self._drop_lease()
                return token
            if tries > 1 and kept.sessions(now) != sessions:
                return self._request_or_use_newer(target, rejected, kept.sessions(now), tries - 1)
            self._publish_error(error, target.name)
            raise

    def _request_and_save(self, target: TokenTarget, sessions: list[CachedSession], transport: TokenClient) -> AccessToken:
        try:
            answer, used = self._ask(target, sessions, transport)
        except MicrosoftSignInError:
            raise
        except BaseException:  # nobody shall wait for a command that was ended
            self._drop_lease()
            raise
        self.keep(target, answer, used.refresh_token)
        return answer.token

    def _ask(
        self, target: TokenTarget, sessions: list[CachedSession], transport: TokenClient
    ) -> tuple[TokenResponse, CachedSession]:
        """Asks with the newest sign-in; where that has ended, or is not finished yet, with the one before."""
        failures: list[MicrosoftSignInError] = []
        for sign_in in sessions:
            try:
                return self.credential.ask(transport, target, sign_in), sign_in
            except (SignInRequiredError, SignInPendingError) as error:
                failures.append(error)
        raise failures[0]

    def _publish_error(self, error: MicrosoftSignInError, token_name: str) -> None:
        described = {
            'kind': type(error).__name__,
            'what': error.what,
            'advice': error.advice,
            'code': error.code,
            'correlation_id': error.correlation_id,
            'token_name': token_name,
        }
        until = self.clock.now()
        self.change(lambda kept: self._end_lease(kept, holder=self._name, until=until, error=described))

    def _end_lease(self, kept: CachedTokens, **ending: Any) -> None:
        """Says how the own lease ended; one that another process holds by now is left alone."""
        if kept.lease().get('holder') == self._name:
            kept.put_lease(**ending)

    @staticmethod
    def _raise_published_error(holder: str, lease: dict[str, Any], token_name: str) -> None:
        """Raises the error of the process that was waited for: asking for the same at once would bring the same."""
        error = lease.get('error')
        if error and lease.get('holder') == holder and error['token_name'] == token_name:
            kind = _ERRORS_BY_NAME.get(error['kind'], MicrosoftSignInError)
            raise kind(error['what'], error['advice'], error['code'], error['correlation_id'])


# endregion
