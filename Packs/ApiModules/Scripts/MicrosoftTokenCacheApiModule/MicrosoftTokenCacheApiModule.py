"""Cache tokens in the integration context, and decide when to request new ones."""

import hashlib
import json
import math
import random
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypeVar

from MicrosoftCredentialsApiModule import *

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import (
        CredentialError,
        JsonObject,
        MicrosoftSignInError,
        SystemClock,
        float_or_none,
        is_guid,
        outside_text,
    )
    from MicrosoftHttpApiModule import MAX_RETRY_AFTER
    from MicrosoftTokenRequestApiModule import (
        AccessToken,
        DEAD_TOKEN_CODES,
        MIN_REMAINING_LIFETIME,
        REFRESH_MARGIN,
        SignInPendingError,
        SignInRefusedError,
        SignInRequiredError,
        SignInUnavailableError,
        TokenClient,
        TokenResponse,
        TokenTarget,
    )
    from MicrosoftCredentialsApiModule import CachedSession, Credential, PendingSignIn, client_of, no_session

# region token provider

REFRESH_RETRY_SECONDS = 30.0  # seconds until the next refresh, after one that failed
# Seconds until a refused refresh token is sent again. After about 15 equal requests in five minutes, Entra refuses even what
# would succeed (AADSTS50196), and its error hides the reason.
REFUSED_RETRY_SECONDS = 60.0
MAX_REFRESH_SECONDS = 4.5  # seconds that a command spends on a refresh while it has a valid token
PENDING_LIFETIME = 24 * 3600  # seconds; a login URL may have to be sent to the user first
LEASE_SECONDS = 12.0  # without a heartbeat, a process that requests a token is presumed dead
_MAX_CLOCK_SKEW = 30.0  # seconds by which clocks may differ where a mistake costs one more request, and no Token
_MAX_HOLDERS = 5  # processes that one waits for in the worst case, before it requests a token itself
_CLAIM_TRIES = 20
_MAX_REFUSALS = 3  # reads that fail, and writes that are not taken although no other process has written
_REUSE_SECONDS = 10.0  # within which a command does not read the same token again; less than MIN_REMAINING_LIFETIME


class TokenProvider:
    """Provide access tokens of one credential, from the cache if possible.

    A fresh token costs one read of the cache, and serves further requests for some seconds. A token that is due for refresh is
    refreshed by one process while the others use it, and is still used if that fails. An expired token is requested once: one
    process claims a lease in the cache, and the others wait for the token or the error that it writes.

    Args:
        log: is called with lines that contain no secret.
        default_target: as in CachedTokens.
    """

    def __init__(
        self,
        credential: Credential,
        storage: 'ContextStorage',
        token_client: TokenClient,
        log: Callable[[str], Any] = lambda _line: None,
        default_target: TokenTarget | None = None,
    ):
        self.credential = credential
        self.storage = storage
        self.token_client = token_client
        self.clock = token_client.clock
        self._log = log
        self._default_target = default_target or TokenTarget()
        self._name = secrets.token_hex(16)
        # Tokens that this process has read or saved, when that was, and the number of its writes until then.
        self._recent_tokens: dict[TokenTarget, tuple[AccessToken, float, int]] = {}

    def get_token(self, target: TokenTarget, rejected: str = '') -> AccessToken:
        """Return a token that can be used now, and is not the one that the resource has rejected. Raise MicrosoftSignInError."""
        now = self.clock.now()
        token, time, write_count = self._recent_tokens.get(target) or (None, 0.0, 0)
        is_recent = 0 <= now - time < _REUSE_SECONDS and write_count == ContextStorage.write_count
        if token and is_recent and now < token.expires_on and token.value != rejected:
            return token
        cached = self._read(target, rejected)
        token = cached.token
        if token is None:
            return self._replace_due(cached.due_token, cached) if cached.due_token else self._acquire_with_lease(cached)
        if token.should_refresh(cached.now) and not self.credential.is_single_use:
            return self._refresh(token, cached, cached.sessions)
        if cached.is_public_session:
            self.update(CachedTokens.adopt_public_session, target)
        self._recent_tokens[target] = token, cached.now, ContextStorage.write_count
        return token

    def start_sign_in(self, pending: PendingSignIn, lifetime: float = PENDING_LIFETIME) -> None:
        """Cache a sign-in for `lifetime` seconds. Raise SignInUnavailableError if the platform does not store it."""
        if reason := self.update(lambda cached: cached.put_pending(pending, lifetime), force=True):
            raise not_stored('The sign-in was not started', reason)

    def require_claims(self, claims: str) -> None:
        """Have the next sign-in ask for the claims of a challenge: otherwise Entra sees no reason for another factor."""
        self.update(lambda cached: cached.put_required_claims(claims))

    def required_claims(self) -> str:
        """Return what `require_claims` was called with since the last sign-in, empty if it was not."""
        return self._read(self._default_target).required_claims

    def pending_sign_in(self) -> PendingSignIn | None:
        return self._read(self._default_target).pending

    def pending_device_code(self) -> PendingSignIn | None:
        """Return the sign-in with a device code that was started last, also if the code has just expired, as Entra then says."""
        return self._read(self._default_target).pending_device_code()

    def is_signing_in_again(self) -> bool:
        """Return whether there is such a sign-in beside what is left of an earlier one."""
        cached = self._read(self._default_target)
        has_tokens = cached.token or any(session.refresh_token for session in cached.sessions)
        return bool(has_tokens and cached.pending_device_code())

    def after_poll(self, error: Exception, pending: PendingSignIn) -> Exception:
        """Update the pending sign-in after a poll: lengthen its interval (slow_down) or delete it (refused).

        Returns:
            The error to raise: `error`, or if the user has not finished, one with the seconds until the next poll.
        """
        interval, is_changed = 0.0, isinstance(error, SignInRequiredError)
        if isinstance(error, SignInPendingError):
            interval, is_changed = pending.interval + error.extra_seconds, bool(error.extra_seconds)
            error = SignInPendingError(error.extra_seconds, interval)

        def change(cached: CachedTokens) -> None:
            current = cached.pending_device_code()
            if current and current.device_code == pending.device_code:
                cached.end_poll(interval)

        if pending.device_code and is_changed:
            self.update(change)
        return error

    def save(
        self, target: TokenTarget, response: TokenResponse, refresh_token_used: str = '', is_new_sign_in: bool = False
    ) -> None:
        """Cache the tokens of a response. If it has no refresh token, the one that was used remains valid.

        Args:
            refresh_token_used: what the request was made with. If it is no longer cached, a user has signed in meanwhile, and
                the tokens of that sign-in are kept.
            is_new_sign_in: a user has signed in: replace what is cached.
        Raises:
            SignInUnavailableError: the cache did not take a sign-in that cannot be repeated.
        """
        refresh_token = response.refresh_token or refresh_token_used

        def change(cached: CachedTokens) -> None:
            cached.context.pop(cached.single_use_key, None)
            if cached.lease.holder == self._name or (is_new_sign_in and cached.lease.kind):
                cached.put_lease(None)
            if not is_new_sign_in and refresh_token_used not in [session.refresh_token for session in cached.sessions]:
                return
            if refresh_token or self.credential.needs_user:
                if not refresh_token_used:
                    cached.drop_previous_session()
                cached.put_session(refresh_token, response.token.claims())
            cached.put_token(response.token)

        # The refresh token that was used may be invalid now: if the new one is lost, a user has to sign in again.
        reason = self.update(change, target, force=bool(response.refresh_token))
        if not reason:
            return
        self._replace_lease(None)  # which may fit where the tokens do not
        if response.refresh_token and (not refresh_token_used or self.credential.is_single_use):
            raise not_stored('The sign-in succeeded, but its tokens are lost', reason)

    def require_storage(self) -> None:
        """Prove that the cache takes a sign-in, before what works only once is sent. Raise SignInUnavailableError if not."""
        self._require_time()
        if reason := self.update(lambda cached: cached.record_single_use_request(), force=True):
            raise not_stored('Nothing was sent', reason)

    @property
    def _response_seconds(self) -> float:
        return self.credential.read_timeout or self.token_client.read_timeout

    def _require_time(self) -> None:
        """Raise SignInUnavailableError if the command may end before the response to what works only once: it would be lost."""
        if self.clock.remaining() < self._response_seconds:
            what = 'Nothing was sent, because the command has too little time left.'
            raise SignInUnavailableError(what, 'Run it again.', 'no_time')

    def update(self, change: Callable[['CachedTokens'], None], target: TokenTarget | None = None, force: bool = False) -> str:
        """Change the cache and drop what has expired. Return as `update_storage` does."""
        unreadable = 0

        def change_context(context: JsonObject) -> None:
            nonlocal unreadable
            now = self.clock.now()
            cached = CachedTokens(context, self.credential, target or self._default_target, now, self._default_target)
            if _PUBLIC_REFRESH_TOKEN in context:
                cached.sync_public_refresh_token()
            change(cached)
            unreadable = cached.drop_expired()

        reason = update_storage(self.storage, change_context, self.clock, force)
        if reason:
            self._log(f'The platform did not store the integration context: {reason} The tokens of this sign-in are not cached.')
        elif unreadable:
            self._log(f'Entries of the integration context that could not be read were dropped: {unreadable}.')
        return reason

    def _read(self, target: TokenTarget, rejected: str = '') -> 'CachedTokens':
        """Return what is cached for a target. Raise SignInUnavailableError if the context cannot be read in several tries."""
        reason = ''
        for _ in range(_MAX_REFUSALS):
            try:
                context, version = self.storage.read()
                break
            except StorageError as error:
                reason = str(error)
                self.clock.sleep(random.uniform(0, 0.5))  # noqa: S311 - no secret
        else:
            what = f'The integration context could not be read: {reason}'
            raise SignInUnavailableError(what, 'Check the database of the server, then try again.', 'not_read')
        cached = CachedTokens(context, self.credential, target, self.clock.now(), self._default_target, rejected, version)
        for session in cached.sessions:
            self.token_client.mask(session.refresh_token, session.pending.code_verifier, session.pending.device_code)
        return cached

    def _replace_due(self, token: AccessToken, cached: 'CachedTokens') -> AccessToken:
        """Return the token that follows `token`, which is due but valid.

        Return `token` if the service is unavailable, the command may end before its response, or another process has asked it.
        """
        is_late = self.clock.remaining() < self._response_seconds
        if is_late or cached.lease.retry_after(cached.now) or cached.lease.is_current(cached.now):
            return token
        try:
            return self._acquire_with_lease(cached)
        except SignInUnavailableError as error:
            if not token.is_usable(self.clock.now()):
                raise
            self._log(f'An access token that is still valid could not be replaced. {error}')
            return token

    def _refresh(self, token: AccessToken, cached: 'CachedTokens', sessions: list[CachedSession]) -> AccessToken:
        """Return a new token. Return `token`, which is still valid, if that fails or if another process is refreshing it."""
        if cached.lease.retry_after(cached.now) or cached.lease.is_current(cached.now):
            return token
        try:
            if self._claim(cached):
                return self._request_and_save(cached.target, sessions, self.token_client.without_retries(MAX_REFRESH_SECONDS))
        except Exception as error:
            text = str(error) if isinstance(error, MicrosoftSignInError) else type(error).__name__
            self._log(f'An access token that is still valid could not be refreshed. {text}')
            self.after_poll(error, sessions[0].pending)
            now = self.clock.now()
            lease = Lease(until=now, retry_after_time=now + REFRESH_RETRY_SECONDS)
            if getattr(error, 'retry_after', 0) > REFRESH_RETRY_SECONDS or cached.refused_session(error):
                lease = Lease.of_error(error, self._name, now, cached)
            self._replace_lease(lease)
        return token

    def _acquire_with_lease(self, cached: 'CachedTokens') -> AccessToken:
        """Request a token while this process holds the lease. Return or raise what another process has got meanwhile."""
        cached, is_claimed = self._wait_for_lease(cached)
        if cached.token:  # another process has requested it
            return cached.token
        token_client = self.token_client
        if is_claimed:
            token_client = token_client.with_heartbeat(self._renew_lease)
        else:
            self._log('The lease could not be claimed. Other processes may request the same token.')
            if cached.is_single_use:
                self.require_storage()
        try:
            return self._request_and_save(cached.target, cached.sessions, token_client)
        except MicrosoftSignInError as error:
            if is_claimed and isinstance(error, SignInRefusedError) and (lost_token := cached.lost_token_message()):
                error = error.replace(what=f'{error.what} {lost_token}')
            return self._token_after_failure(error, cached, token_client)

    def _wait_for_lease(self, cached: 'CachedTokens') -> 'tuple[CachedTokens, bool]':
        """Wait until this process holds the lease, or another one has cached a token.

        Returns:
            What was read last, and whether this process holds the lease. With neither, the wait took too long.
        Raises:
            MicrosoftSignInError: another process has published why it got no token.
        """
        watch, tries, refusals = _LeaseWatch(), 0, 0
        end = min(self.clock.elapsed() + _MAX_HOLDERS * self.credential.max_request_seconds, self.clock.end)
        while not cached.token and self.clock.elapsed() < end and tries < _CLAIM_TRIES and refusals < _MAX_REFUSALS:
            watch.raise_published_error(cached)
            # it is already held if the platform has stored it, and reported an error
            is_free = cached.holder == self._name or watch.is_free(cached, self.clock.elapsed())
            if is_free and self._claim(cached):
                return cached, True
            tries += is_free
            self.clock.sleep(random.uniform(0, 0.05 if is_free else 0.2))  # noqa: S311 - no secret
            version, cached = cached.version, self._read(cached.target, cached.rejected)
            refusals += is_free and cached.version == version  # nobody else has written
        return cached, False

    def _claim(self, cached: 'CachedTokens') -> bool:
        """Return whether this is now the process that requests the token. False if the platform did not take the lease."""
        cached.put_lease(Lease(self._name, cached.now + LEASE_SECONDS))
        if cached.is_single_use:
            self._require_time()
            cached.record_single_use_request()
        try:
            self.storage.write(cached.context, cached.version)
        except StorageError:
            return False
        return True

    def _renew_lease(self) -> None:
        with suppress(Exception):  # the request goes on, whatever the platform says
            self._replace_lease(Lease(self._name, self.clock.now() + LEASE_SECONDS))

    def _replace_lease(self, lease: 'Lease | None', may_be_used_up: bool = False) -> None:
        """Renew the lease of this process, or write how it ended. Leave that of another process alone.

        Args:
            may_be_used_up: as in SignInRefusedError. The next command may then still have to say so.
        """

        def change(cached: CachedTokens) -> None:
            if cached.lease.holder == self._name:
                cached.put_lease(lease)
                if lease and lease.kind in _ERRORS_OF_A_RESPONSE and not may_be_used_up:
                    cached.context.pop(cached.single_use_key, None)

        self.update(change)

    def _request_and_save(self, target: TokenTarget, sessions: list[CachedSession], token_client: TokenClient) -> AccessToken:
        """Request a token with the latest session. If that has expired or is pending, use the previous one."""
        failures: list[MicrosoftSignInError] = []
        for session in sessions:
            try:
                response = self.credential.request_token(token_client, target, session)
            except MicrosoftSignInError as error:
                if not _may_try_next_session(error, session):
                    raise
                failures.append(error)
            except BaseException:  # the command was ended: nobody may wait for it
                self._replace_lease(None)
                raise
            else:
                # A token of a personal account has no claims that can be read.
                if session.tenants and (claims := response.token.claims()) and claims.get('tid') not in session.tenants:
                    failures.append(no_session())
                    continue
                self.save(target, response, session.refresh_token)
                self._recent_tokens[target] = response.token, self.clock.now(), ContextStorage.write_count
                return response.token
        # The error of what was pasted says more than that of a token of the public module, if anything was pasted.
        raise failures[-1] if sessions[0].is_from_public_module and failures[-1].code else failures[0]

    def _token_after_failure(self, error: MicrosoftSignInError, used: 'CachedTokens', token_client: TokenClient) -> AccessToken:
        """Return a token that another process has saved meanwhile, or request one with the session that it has saved.

        Raise `error` if neither succeeds, and publish it for those who wait.

        Args:
            used: what the request that failed was made with.
        """
        cached = self._read(used.target, used.rejected)
        if cached.token is None and cached.sessions != used.sessions:
            try:
                return self._request_and_save(used.target, cached.sessions, token_client)
            except MicrosoftSignInError as newer_error:
                error, used, cached = newer_error, cached, self._read(used.target, used.rejected)
        if cached.token:
            self._replace_lease(None)
            return cached.token
        if used.ends_public_token(error):
            error = error.with_advice(f'Run the command again, which uses the Token in the settings. {error.advice}')
            self.update(lambda current: current.context.pop(_PUBLIC_REFRESH_TOKEN, None))
        lease = Lease.of_error(error, self._name, cached.now, used)
        self._replace_lease(lease, getattr(error, 'may_be_used_up', False))
        raise self.after_poll(error, used.sessions[0].pending)


class _LeaseWatch:
    """Watch the lease of another process: one that was killed does not renew it any more.

    Its end is not compared with the time, since the clocks of two engines may differ.
    """

    _holder, _until, _seen_since = '', 0.0, 0.0

    def raise_published_error(self, cached: 'CachedTokens') -> None:
        """Raise the error of the process that was waited for, if the same request would fail again."""
        lease = cached.lease
        # this process waited for the request that failed, or Retry-After has not passed
        still_applies = lease.holder == self._holder or lease.retry_after(cached.now)
        is_about_token = lease.kind and still_applies and lease.token_name == cached.token_name
        if is_about_token and lease.session in ('', cached.session_digest()):
            raise lease.error(cached.now)

    def is_free(self, cached: 'CachedTokens', elapsed: float) -> bool:
        """Return whether the lease may be claimed, `elapsed` seconds by a clock that cannot be set."""
        if (self._holder, self._until) != (cached.holder, cached.lease.until):
            self._holder, self._until, self._seen_since = cached.holder, cached.lease.until, elapsed
        return not cached.holder or elapsed - self._seen_since >= LEASE_SECONDS


def not_stored(what: str, reason: str) -> SignInUnavailableError:
    """Return the error for a sign-in that the platform does not store."""
    return SignInUnavailableError(
        f'{what}, because the platform did not store the integration context: {reason}',
        'Check the disk and the database of the server, then try again.',
        'not_stored',
    )


def _may_try_next_session(error: MicrosoftSignInError, session: CachedSession) -> bool:
    """Return whether a token may be requested with the next session after `error`."""
    # The token service responds with 500 to a token that it cannot decrypt.
    is_refused = isinstance(error, SignInRefusedError) or error.code == '500'
    return isinstance(error, (SignInRequiredError, SignInPendingError)) or (session.is_from_public_module and is_refused)


# endregion
# region cached tokens

_PREFIX = 'microsoft-sign-in'
_SESSION_LIFETIME = 90 * 24 * 3600  # seconds; a refresh token that was not used for so long is invalid
_PLAUSIBLE_SKEW = 3600.0  # seconds by which the clocks of two engines may differ
_PUBLIC_REFRESH_TOKEN = 'current_refresh_token'  # noqa: S105 - the name of a key
_PUBLIC_KEYS = (_PUBLIC_REFRESH_TOKEN, 'refresh_token', 'access_token', 'valid_until', 'device_code')
_SIGN_IN_SIZE = 16 * 1024  # characters; more than the tokens of a sign-in
_ERRORS_OF_A_RESPONSE = ('SignInRefusedError', 'SignInRequiredError')
_ERRORS_BY_NAME: dict[str, type[MicrosoftSignInError]] = {
    each.__name__: each for each in (CredentialError, SignInRefusedError, SignInRequiredError, SignInUnavailableError)
}


class Lease(NamedTuple):
    """The right of one process to request a token, or how its request ended.

    Args:
        until: its end, in seconds since the epoch by the clock of the holder. Others watch it change, since theirs may differ.
        retry_after_time: seconds since the epoch from which on a token may be refreshed again.
        kind: name of the class of the error, empty if the request has not failed.
        what, advice, code, correlation_id, needs_new_sign_in: attributes of the error.
        token_name: the token that it is about.
        session: digest of the session and the settings that were refused, empty if others would fail as well.
    """

    holder: str = ''
    until: float = 0
    retry_after_time: float = 0
    kind: str = ''
    what: str = ''
    advice: str = ''
    code: str = ''
    correlation_id: str = ''
    token_name: str = ''
    needs_new_sign_in: bool = True
    session: str = ''

    @classmethod
    def of_error(cls, error: Any, holder: str, now: float, used: 'CachedTokens') -> 'Lease':
        """Return what publishes `error`, which ended the request of `holder` at `now`, made with what `used` contains."""
        session = used.refused_session(error)
        return cls(
            holder,
            now,
            now + (REFUSED_RETRY_SECONDS if session else min(getattr(error, 'retry_after', 0), MAX_RETRY_AFTER)),
            type(error).__name__,
            error.what,
            error.advice,
            error.code,
            error.correlation_id,
            used.token_name,
            getattr(error, 'needs_new_sign_in', True),
            session,
        )

    def is_current(self, now: float) -> bool:
        """Return whether a process holds it by this clock, which may differ from that of the holder."""
        return not self.kind and -_MAX_CLOCK_SKEW < self.until - now <= LEASE_SECONDS + _MAX_CLOCK_SKEW

    def retry_after(self, now: float) -> float:
        """Return the seconds until a token may be requested again, 0 also if a wrong clock has written the lease."""
        is_plausible = self.until - _MAX_CLOCK_SKEW <= now and self.retry_after_time - self.until <= MAX_RETRY_AFTER
        return max(0.0, self.retry_after_time - now) if is_plausible else 0.0

    def error(self, now: float) -> MicrosoftSignInError:
        """Return the published error."""
        error_class, seconds = _ERRORS_BY_NAME.get(self.kind, MicrosoftSignInError), self.retry_after(now)
        fields = self.what, self.advice, self.code, self.correlation_id
        if error_class is SignInRequiredError:
            return SignInRequiredError(*fields, self.needs_new_sign_in)
        if error_class is SignInUnavailableError and seconds:
            error = SignInUnavailableError(*fields, seconds)
            return error.with_advice(f'Try again in {math.ceil(seconds)} seconds.')
        return error_class(*fields)


class _Latest(NamedTuple):
    """The identity of the latest sign-in. Used if the settings contain no code."""

    identity: str


class _RequiredClaims(NamedTuple):
    """JSON of a claims challenge that only a user can meet."""

    claims: str


class _SingleUseRecord(NamedTuple):
    """What was sent and works only once: its digest, and the time in seconds since the epoch."""

    token: str
    time: float


_ENTRY_TYPES = {
    'sign-in': CachedSession,
    'latest': _Latest,
    'started': PendingSignIn,
    'claims': _RequiredClaims,
    'lease': Lease,
    'sent': _SingleUseRecord,
}
_Entry = TypeVar('_Entry')
_USER_ENTRIES = (CachedSession, _Latest)  # a wrong clock must not drop them; Microsoft says when they end
_JSON_TYPES = {str: (str,), float: (int, float), bool: (bool,), tuple[str, ...]: (list,)}
_MAX_SESSIONS = 10  # the oldest ones are dropped
_MAX_TIME = 1e11  # seconds since the epoch; dates end at 2.5e11


def _read_entry(context: JsonObject, key: str, entry_type: type[_Entry], now: float = -math.inf) -> _Entry | None:
    """Return an entry of the context, None if it is missing, has another shape than `entry_type`, or ended before `now`."""
    try:
        entry = json.loads(context[key], parse_constant=int)  # rejects NaN and Infinity
        if 'others_digest' in entry:  # as earlier builds wrote it
            entry['public_refresh_token'], _, entry['public_access_tokens'] = entry['others_digest'].partition(' ')
        types = {**entry_type.__annotations__, 'ends_on': float}
        fields = {name: entry[name] for name in types if name in entry}
        for name, value in fields.items():
            if type(value) not in _JSON_TYPES.get(types[name], ()) or (types[name] is float and abs(value) > _MAX_TIME):
                return None
        is_over = fields.pop('ends_on') <= now and entry_type not in _USER_ENTRIES
        return None if is_over else entry_type(**fields)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class CachedTokens:
    """The cached tokens of one credential, as read from a context. They are written by the methods.

    Each value in the context is JSON, with the time from which on it is dropped in ``ends_on`` (seconds since the epoch).

    Args:
        context: the integration context. It is changed in place, except for the keys of others.
        default_target: the target of the token that the public module stored without naming one.
        rejected: value of a token that must not be used.
    Attributes:
        token: the access token, None if there is none that can be used.
        due_token: one that can be used, although the next one should be requested: that of the Cortex XSOAR app, shortly before
            it expires.
        sessions: what a token can be requested with, in this order.
        is_public_session: `token` is that of a session that the public module left.
        holder: the process that requests a token, empty if none does. It may have been killed.
        is_single_use: a token request uses up what works only once: a Token, or a code.
    """

    def __init__(
        self,
        context: JsonObject,
        credential: Credential,
        target: TokenTarget,
        now: float,
        default_target: TokenTarget | None = None,
        rejected: str = '',
        version: Any = -1,
    ):
        self.context, self.version, self.now = context, version, now
        self.target, self.rejected = target, rejected
        self._credential, self._default_target = credential, default_target
        of_application = f'{_PREFIX}/{credential.application}'
        self._latest_key, self._pending_key = f'{of_application}/latest', f'{of_application}/started'
        self.pending = _read_entry(context, self._pending_key, PendingSignIn, now)
        self._claims_key = f'{of_application}/claims'
        latest = None if credential.pasted else _read_entry(context, self._latest_key, _Latest, now)
        self._identity = latest.identity if latest else credential.identity
        own = f'{_PREFIX}/{self._identity}'
        self._token_prefix, self._session_key = f'{own}/token/', f'{own}/sign-in'
        self._lease_key, self.single_use_key = f'{own}/lease', f'{own}/sent'
        # A claims challenge is not part of the name: the token that it leads to serves all requests.
        self.token_name = _short_digest(json.dumps([target.scope, target.resource, target.audience]))
        self.lease = _read_entry(context, self._lease_key, Lease, now) or Lease()
        is_of_wrong_clock = self.lease.until - LEASE_SECONDS - now > _PLAUSIBLE_SKEW
        self.holder = '' if self.lease.kind or is_of_wrong_clock else self.lease.holder
        self._earlier_request = _read_entry(context, self.single_use_key, _SingleUseRecord)
        self._session = _read_entry(context, self._session_key, CachedSession, now)
        self._tenants = tuple(map(str, self._session.tenants)) if self._session else ()
        self._is_own_tenant = not credential.tenant_id or not self._tenants or credential.tenant_id in self._tenants
        self._public = PublicTokens(context, credential)
        is_public_newer = self._is_public_newer()
        self.due_token = token = self._select_token(is_public_newer)
        is_due = credential.is_single_use and token and not token.is_usable(now, REFRESH_MARGIN)
        self.token = None if is_due else token
        self.sessions = list(self._sessions(is_public_newer))
        self.is_public_session: bool = bool(self.token and is_public_newer and self._public.refresh_token)
        self.is_single_use: bool = credential.is_single_use or (credential.needs_user and not self.sessions[0].refresh_token)

    def _is_public_newer(self) -> bool:
        """Return whether the public module, which a pack may be reverted to, has written tokens since these were written.

        It writes an access token with each refresh token. Integrations write their refresh token alone, before each command.
        """
        public, session, needs_user = self._public, self._session, self._credential.needs_user
        if public.refresh_token and session:
            is_of_public_module = not needs_user or session.public_access_tokens != _access_tokens_digest(self.context)
            return is_of_public_module and session.public_refresh_token != _short_digest(public.refresh_token)
        own = [key for key in self.context if key.startswith(_PREFIX)]
        is_first = not any('/token/' in key or key.endswith('/sign-in') for key in own)
        if needs_user and self._credential.pasted:  # the code in the settings was not redeemed, unless the public module has
            return is_first and not self._is_code_of_pending() and bool(_access_tokens_digest(self.context))
        if public.refresh_token:
            return not any(key.startswith(self._token_prefix) for key in own)
        return is_first and len(own) < len(self.context)

    def _is_code_of_pending(self) -> bool:
        """Return whether the code in the settings is of the sign-in that was started."""
        return bool(self.pending and self.pending.state and self.pending.state in self._credential.pasted)

    def _select_token(self, is_public_newer: bool) -> AccessToken | None:
        """Return the access token, if it can be used."""
        token = None
        if is_public_newer:
            is_default = self.target._replace(claims='') == self._default_target
            token = self._public.access_token(self.target, is_default, self.now)
        elif self._is_own_tenant:
            token = _read_entry(self.context, self._token_prefix + self.token_name, AccessToken, self.now)
        return token if token and token.is_usable(self.now) and token.value != self.rejected else None

    def _sessions(self, is_public_newer: bool) -> Iterator[CachedSession]:
        """Yield what a token can be requested with, in the order in which it is tried."""
        pending, pasted, session = self.pending or PendingSignIn(), self._credential.pasted, self._session
        public = CachedSession(self._public.refresh_token, is_from_public_module=True)
        if not self._is_own_tenant and is_guid(self._credential.tenant_id):
            session = None  # another ID is another tenant; another name may be that of the same, which a refreshed token tells
        is_sure = bool(session and not session.is_from_public_module)
        if pending.device_code:  # a user is signing in
            yield CachedSession(pending=pending)
        if is_public_newer and public.refresh_token not in ('', pasted):  # the pack was reverted for a while
            yield public
        if session and session.refresh_token not in ('', pasted):  # ours
            tenants = () if self._is_own_tenant else self._tenants
            yield CachedSession(session.refresh_token, tenants=tenants, is_from_public_module=not is_sure)
        if not pending.device_code and not (is_sure and session and session.refresh_token):  # what was pasted: the first sign-in
            yield CachedSession(pending=pending, is_code_redeemed=is_sure)
        # Some integrations write theirs before each command, and the public module may have redeemed the code.
        is_of_code = pasted and (session or self._is_code_of_pending())
        if public.refresh_token and self._credential.needs_user and not is_of_code and not is_public_newer:
            yield public

    def session_digest(self) -> str:
        """Return a digest of the settings, and of what a token can be requested with."""
        return _short_digest(json.dumps([self._credential.settings, *(session.refresh_token for session in self.sessions)]))

    def refused_session(self, error: Exception) -> str:
        """Return the digest of the session if `error` refuses its refresh token, else an empty text.

        A code alone is refused once; beside a refresh token of the public module, it has been redeemed. What is refused with a
        claims challenge may succeed without it.
        """
        is_refused = isinstance(error, SignInRequiredError) and self._credential.needs_user and not self.target.claims
        return self.session_digest() if is_refused and any(session.refresh_token for session in self.sessions) else ''

    def ends_public_token(self, error: MicrosoftSignInError) -> bool:
        """Return whether `error` ends a token that the public module left and the integration passes as the Token.

        A mere status may be that of a proxy. The other errors of Entra are about the application or a policy.
        """
        is_passed = bool(self._credential.pasted) and self._credential.pasted == self.context.get(_PUBLIC_REFRESH_TOKEN)
        is_refused = error.code == 'refused' and not self.sessions[-1].refresh_token
        return is_passed and (is_refused or error.code in DEAD_TOKEN_CODES)

    def put_token(self, token: AccessToken) -> None:
        key = self._token_prefix + self.token_name
        self.context[key] = json.dumps({**token._asdict(), 'ends_on': token.expires_on})

    def adopt_public_session(self) -> None:
        """Write the session of the public module that is used as an own one, so that other settings do not use it."""
        if self.token and self.is_public_session:
            claims = self.token.claims()
            is_of_session = bool(self._session and client_of(claims) and self._session.client_id == client_of(claims))
            self.put_session(self._public.refresh_token, claims, is_sure=is_of_session)
            self.put_token(self.token)

    def put_session(self, refresh_token: str, claims: JsonObject | None = None, is_sure: bool = True) -> None:
        """Write the latest refresh token, which came with an access token with `claims`.

        Args:
            is_sure: it was received with these settings, so the code in them is redeemed. Otherwise it is tried before them.
        """
        ends_on, claims = self.now + _SESSION_LIFETIME, claims or {}
        tenant_id, tenants = self._credential.tenant_id, self._tenants
        if tenant_id:
            names = {tenant_id, str(claims.get('tid') or tenant_id)}
            tenants = tuple(sorted({*names, *(tenants if names.intersection(tenants) else ())}))
        public, known = self._public.refresh_token, self._session.public_refresh_token if self._session else ''
        entry = {
            'refresh_token': refresh_token,
            'tenants': tenants,
            'is_from_public_module': not is_sure,
            'public_refresh_token': _short_digest(public) if public else known,
            'public_access_tokens': _access_tokens_digest(self.context),
            # whether it is that of the Cortex XSOAR app, only a response to that can tell
            'client_id': client_of(claims) if is_sure or self._credential.needs_user else '',
            'works_once': self._credential.is_single_use and is_sure,
            'ends_on': ends_on,
        }
        self.context[self._session_key] = json.dumps(entry)
        if self._credential.needs_user:
            self.context[self._latest_key] = json.dumps({'identity': self._identity, 'ends_on': ends_on})
            # Integrations read here whether a user has signed in, and the public module finds the session after a revert.
            self.context[_PUBLIC_REFRESH_TOKEN] = refresh_token
        elif PublicTokens(self.context, self._credential).current_refresh_token not in ('', self._credential.pasted):
            # The same, unless the integration passes what it finds here as the Token: that would change with each request.
            self.context[_PUBLIC_REFRESH_TOKEN] = refresh_token

    def sync_public_refresh_token(self) -> None:
        """Copy the refresh token to the key that the public module reads. Delete the key if these settings have none.

        A token that others wrote there remains.
        """
        tokens = {key: each.refresh_token for key, each in _read_sessions(self.context).items() if each.refresh_token}
        if self.context.get(_PUBLIC_REFRESH_TOKEN) in tokens.values():
            if self._session_key in tokens:
                self.context[_PUBLIC_REFRESH_TOKEN] = tokens[self._session_key]
            elif not self._credential.is_single_use:  # of which `put_session` writes the first one
                del self.context[_PUBLIC_REFRESH_TOKEN]

    def drop_previous_session(self) -> None:
        """Drop the pending sign-in, the claims for it and the access tokens of all resources, which a new sign-in replaces."""
        dropped = self._token_prefix, self._pending_key, self._claims_key
        for key in [key for key in self.context if key.startswith(dropped)]:
            del self.context[key]

    def drop_expired(self) -> int:
        """Drop what has expired, what cannot be read, and the oldest sessions. Return how many entries could not be read."""
        unreadable, sessions = 0, []
        for key in [key for key in self.context if key.startswith(_PREFIX)]:
            entry_type: Any = _ENTRY_TYPES.get(key.rpartition('/')[2], AccessToken)
            now = -math.inf if entry_type is PendingSignIn else self.now  # a wrong clock must not drop what a user has started
            if _read_entry(self.context, key, entry_type, now) is None:
                unreadable += _read_entry(self.context, key, entry_type) is None
                del self.context[key]
            elif entry_type is CachedSession:
                sessions.append((json.loads(self.context[key])['ends_on'], key))
        for _, key in sorted(sessions)[:-_MAX_SESSIONS]:
            del self.context[key]
        return unreadable

    def lost_token_message(self) -> str:
        """Return what an earlier command did with the Token, if it has not stored the response. Empty if none did."""
        earlier = self._earlier_request
        if not (earlier and earlier.token == self._single_use_digest() and self._credential.is_single_use):
            return ''
        when = datetime.fromtimestamp(earlier.time, timezone.utc).strftime('%Y-%m-%d %H:%M:%S')
        return f'A command sent this Token at {when} UTC and has not stored the response, which contained the next one.'

    def record_single_use_request(self) -> None:
        """Write what is about to be sent and works only once, in the size of a sign-in, so that none is lost unnoticed."""
        ends_on = self.now + (_SESSION_LIFETIME if self._credential.is_single_use else _PLAUSIBLE_SKEW)
        entry = {'token': self._single_use_digest(), 'time': self.now, 'space': '-' * _SIGN_IN_SIZE, 'ends_on': ends_on}
        self.context[self.single_use_key] = json.dumps(entry)

    def _single_use_digest(self) -> str:
        return _short_digest(f'{self._credential.identity} {self.sessions[0].refresh_token}')

    @property
    def required_claims(self) -> str:
        required = _read_entry(self.context, self._claims_key, _RequiredClaims, self.now)
        return required.claims if required else ''

    def put_required_claims(self, claims: str) -> None:
        self.context[self._claims_key] = json.dumps({'claims': claims, 'ends_on': self.now + PENDING_LIFETIME})

    def put_pending(self, pending: PendingSignIn, lifetime: float) -> None:
        self.context[self._pending_key] = json.dumps({**pending._asdict(), 'ends_on': self.now + lifetime})

    def pending_device_code(self) -> PendingSignIn | None:
        pending = _read_entry(self.context, self._pending_key, PendingSignIn, self.now - PENDING_LIFETIME)
        return pending if pending and pending.device_code else None

    def end_poll(self, interval: float) -> None:
        """Have later polls wait for `interval` seconds, or if that is 0, drop the pending sign-in."""
        entry = self.context.pop(self._pending_key)
        if interval:
            self.context[self._pending_key] = json.dumps({**json.loads(entry), 'interval': interval})

    def put_lease(self, lease: Lease | None) -> None:
        if lease is None:
            self.context.pop(self._lease_key, None)
        else:
            ends_on = max(lease.until, lease.retry_after_time) + _PLAUSIBLE_SKEW
            self.context[self._lease_key] = json.dumps({**lease._asdict(), 'ends_on': ends_on})


class PublicTokens:
    """What the public MicrosoftApiModule, or an integration written for it, left in a context for one credential.

    The sign-in continues after an update. The keys remain, since some integrations read the refresh token themselves.

    Attributes:
        current_refresh_token: what they read, empty if it is of another credential. It may be ours.
        refresh_token: the same, if it is not ours.
    """

    current_refresh_token = refresh_token = ''

    def __init__(self, context: JsonObject, credential: Credential):
        self._context, self._credential = context, credential
        written: Any = context.get(_PUBLIC_REFRESH_TOKEN)
        if not (isinstance(written, str) and (credential.needs_user or credential.is_single_use)):
            return
        tokens = _public_access_tokens(context)
        if not tokens or any(map(self._is_of_credential, tokens)):
            self.current_refresh_token = written
            is_own = written in [session.refresh_token for session in _read_sessions(context).values()]
            self.refresh_token = '' if is_own else written

    def access_token(self, target: TokenTarget, is_default: bool, now: float) -> AccessToken | None:
        """Return the access token for a target, None if there is none. That of the default target is stored without its name."""
        names = {f'{target.scope}_access_token': f'{target.scope}_valid_until', target.resource: 'valid_until'}
        if is_default:
            names['access_token'] = 'valid_until'  # noqa: S105 - the name of a key
        for name, end in names.items():
            value, valid_until = self._context.get(name), float_or_none(self._context.get(end)) or 0
            if now < valid_until and self._is_of_credential(value) and self._is_of_kind(str(value)):
                # it expires some seconds later, and the public module uses it until then
                expires_on = valid_until + MIN_REMAINING_LIFETIME
                return AccessToken(str(value), expires_on, expires_on)
        return None

    def _is_of_credential(self, access_token: Any) -> bool:
        """Return whether nothing shows that an access token is of another credential. Some cannot be read."""
        if not isinstance(access_token, str):
            return False
        claims = AccessToken(access_token, 0, 0).claims()
        client = client_of(claims)
        if self._credential.is_single_use and client:  # the settings do not name the client of this app, but its sessions do
            is_app = {session.client_id: session.works_once for session in _read_sessions(self._context).values()}
            if not is_app.get(client, True not in is_app.values()):
                return False
        return self._credential.matches_claims(claims)

    def _is_of_kind(self, access_token: str) -> bool:
        """Return whether it acts on behalf of a user, or of the application, as the credential does. Some cannot be read.

        The Cortex XSOAR app may do either, but its tokens come with a refresh token.
        """
        claims = AccessToken(access_token, 0, 0).claims()
        if self._credential.is_single_use:
            return not claims or bool(self._context.get(_PUBLIC_REFRESH_TOKEN))
        return not claims or ('scp' in claims) == self._credential.needs_user


def _read_sessions(context: JsonObject) -> dict[str, CachedSession]:
    """Return the sessions of all credentials, by key."""
    sessions = {key: _read_entry(context, key, CachedSession) for key in context if key.endswith('/sign-in')}
    return {key: session for key, session in sessions.items() if session}


def _public_access_tokens(context: JsonObject) -> list[Any]:
    """Return the access tokens that the public module left. It stores those of several resources under their addresses."""
    keys = [key for key in sorted(context) if key.endswith('access_token') or key.startswith('https://')]
    return [context[key] for key in keys if context[key]]


def _access_tokens_digest(context: JsonObject) -> str:
    """Return the digest of the access tokens that the public module left, empty if there are none."""
    tokens = _public_access_tokens(context)
    return _short_digest(json.dumps(tokens)) if tokens else ''


def _is_of_cortex_app(context: JsonObject, refresh_token: str) -> bool:
    """Return whether a refresh token is known to be that of a session of the Cortex XSOAR app, or to have followed it.

    The public module writes an access token with each refresh token, and that names the client.
    """
    sessions = _read_sessions(context).values()
    own = [session for session in sessions if session.works_once]
    if refresh_token in [session.refresh_token for session in own]:
        return True
    clients = {client_of(AccessToken(str(token), 0, 0).claims()) for token in _public_access_tokens(context)}
    seen = {session.public_access_tokens for session in sessions}
    is_written_by_public = bool(clients) and _access_tokens_digest(context) not in seen
    return is_written_by_public and clients <= {session.client_id for session in own if session.client_id}


def clear_tokens(context: JsonObject, discard: bool = True) -> list[str]:
    """Drop every token in `context`, of all credentials and of the public module, and return the keys of those that remain.

    Args:
        discard: also drop the next Token of the Cortex XSOAR application, which then needs a new consent. The public module may
            have written the newest one, after a revert.
    """
    remaining = [key for key, session in _read_sessions(context).items() if session.works_once and not discard]
    if remaining and _is_of_cortex_app(context, str(context.get(_PUBLIC_REFRESH_TOKEN, ''))):
        remaining.append(_PUBLIC_REFRESH_TOKEN)
    for key in context.keys() - remaining:
        if key in _PUBLIC_KEYS or key.startswith((_PREFIX, 'https://')) or key.endswith(('_access_token', '_valid_until')):
            del context[key]
    return remaining


# endregion
# region storage

_WRITE_TRIES = 30


class StorageError(Exception):
    """The platform could not read the context, or did not take a write. Its text is what the platform says, as a sentence.

    The platform raises the same error for each reason. It was a conflict if the context has another version afterwards.
    """


class ContextStorage:
    """Keep tokens in the integration context, which all processes of an instance share.

    Args:
        get_context: returns the context, or ``{'context': ..., 'version': ...}`` where the platform has versions. Some servers
            have numbers, others objects: a version is passed back as it came.
        set_context: writes the context; raises an exception when `version` is stale.
        redact: replaces the secrets in what the platform says.
    Attributes:
        write_count: the number of writes of this process to any storage, after which no recent token is used again.
    """

    ANY_VERSION = -1
    write_count = 0

    def __init__(
        self,
        get_context: Callable[[], Any],
        set_context: Callable[[JsonObject, Any], Any],
        redact: Callable[[str], str] = str,
    ):
        self._get_context = get_context
        self._set_context = set_context
        self._redact = redact

    def read(self) -> tuple[JsonObject, Any]:
        """Return the context and its version, ANY_VERSION where the platform has none. Raise StorageError."""
        try:
            context, version = self._get_context(), self.ANY_VERSION
        except Exception as error:
            raise self._failure(error) from None
        if isinstance(context, dict) and 'context' in context and 'version' in context:
            if context['version'] not in (None, '', {}):  # some servers have none for a new context
                version = context['version']
            context = context['context']
        return dict(context) if isinstance(context, dict) else {}, version

    def write(self, context: JsonObject, version: Any) -> None:
        """Write the context. Raise StorageError if `version` is stale, or for another reason."""
        ContextStorage.write_count += 1
        try:
            self._set_context(dict(context), version)
        except Exception as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> StorageError:
        # a platform that shows what it does not store shows tokens
        said = outside_text(error, lambda text: re.sub(r'[\w.~+/=-]{60,}', '***', self._redact(text))) or type(error).__name__
        return StorageError(said if said.endswith('.') else f'{said}.')


class MemoryStorage(ContextStorage):
    """Keep tokens in this process: for the Test button, which has no integration context."""

    def __init__(self) -> None:
        self._context: JsonObject = {}
        super().__init__(lambda: self._context, self._replace)

    def _replace(self, context: JsonObject, _version: Any) -> None:
        self._context = context


def update_storage(storage: ContextStorage, change: Callable[[JsonObject], None], clock: SystemClock, force: bool = False) -> str:
    """Read, change and write the context, until no other process has written in between.

    Args:
        change: changes a context in place; may be called several times.
        force: try for longer, and if every write is rejected, write once without checking the version.
    Returns:
        Empty if the change was written, else the reason of the platform, as a sentence.
    """
    reason, refusals, version = '', 0, None
    for attempt in range(_WRITE_TRIES + force):
        try:
            previous = version
            context, version = storage.read()
            refusals += version == previous
            if refusals >= _MAX_REFUSALS and not force:
                break
            change(context)
            storage.write(context, version if attempt < _WRITE_TRIES else ContextStorage.ANY_VERSION)
            return ''
        except StorageError as error:
            reason = str(error)
        clock.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - no secret
    return reason


# endregion
