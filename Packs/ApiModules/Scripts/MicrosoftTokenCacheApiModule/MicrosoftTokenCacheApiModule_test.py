"""The token cache: what it writes into a context and reads from it, and when a token is requested. No service is called."""

import base64
import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

import demistomock as demisto
import pytest
from MicrosoftCoreApiModule import SystemClock
from MicrosoftCoreApiModule_test import says
from MicrosoftTokenRequestApiModule import (
    MIN_REMAINING_LIFETIME,
    REFRESH_MARGIN,
    AccessToken,
    SignInPendingError,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenClient,
    TokenResponse,
    TokenTarget,
)
from MicrosoftCredentialsApiModule import (
    AuthorizationCodeCredential,
    CachedSession,
    ClientSecretCredential,
    Credential,
    PendingSignIn,
)
from MicrosoftTokenCacheApiModule import (
    LEASE_SECONDS,
    REFRESH_RETRY_SECONDS,
    CachedTokens,
    ContextStorage,
    Lease,
    MemoryStorage,
    StorageError,
    TokenProvider,
    clear_tokens,
    update_storage,
)

NOW = 1_900_000_000.0
LOGIN, TENANT = 'https://login.example', '11111111-2222-3333-4444-555555555555'
APPLICATION = ClientSecretCredential(LOGIN, TENANT, 'app', 'a secret')
OTHER_APPLICATION = ClientSecretCredential(LOGIN, TENANT, 'another', 'a secret')
USER = AuthorizationCodeCredential(APPLICATION, 'https://localhost/app', 'a code')
GRAPH, AZURE = TokenTarget('https://graph.example/.default'), TokenTarget('https://azure.example/.default')


class FakeClock(SystemClock):
    """A clock that only sleeping and the test advance."""

    def __init__(self) -> None:
        self.time, self.slept = NOW, 0.0

    def now(self) -> float:
        return self.time

    def elapsed(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += seconds


class ScriptedCredential(Credential):
    """A credential whose requests end as `outcomes` say: responses, or errors that are raised."""

    method_name = 'scripted'

    def __init__(self, *outcomes: Any):
        super().__init__('application')
        self.outcomes = list(outcomes)
        self.sessions: list[CachedSession] = []

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        self.sessions.append(session)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class BusyStorage(ContextStorage):
    """The integration context of an instance in which another command writes between a read and a write, `times` times."""

    def __init__(self, times: float):
        super().__init__(demisto.getIntegrationContextVersioned, demisto.setIntegrationContextVersioned)
        self.times, self.writes = times, 0

    def write(self, context: dict[str, Any], version: Any) -> None:
        if self.times > 0 and version != self.ANY_VERSION:
            self.times, self.writes = self.times - 1, self.writes + 1
            demisto.setIntegrationContext({**demisto.getIntegrationContext(), f'other command {self.writes}': 'its value'})
        super().write(context, version)


class RefusingStorage(ContextStorage):
    """The integration context of a platform that cannot write."""

    def __init__(self) -> None:
        super().__init__(demisto.getIntegrationContextVersioned, self._refuse)
        self.writes = 0

    def _refuse(self, *_: Any) -> None:
        self.writes += 1
        raise ValueError('no space left on device')


class FailingStorage(ContextStorage):
    """The integration context of a platform whose first calls fail: so many reads, and so many writes."""

    def __init__(self, error: Exception, read: int = 0, write: int = 0) -> None:
        def failing(call: Any, times: int) -> Any:
            left = [error] * times

            def call_or_fail(*args: Any) -> Any:
                if left:
                    raise left.pop()
                return call(*args)

            return call_or_fail

        super().__init__(
            failing(demisto.getIntegrationContextVersioned, read), failing(demisto.setIntegrationContextVersioned, write)
        )


@pytest.fixture(autouse=True)
def _empty_context() -> Iterator[None]:
    demisto.setIntegrationContext({})
    yield
    demisto.setIntegrationContext({})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def response(value: str, lifetime: float = 3600, refresh_token: str = '', refresh_in: float = 0) -> TokenResponse:
    return TokenResponse(AccessToken(value, NOW + lifetime, NOW + (refresh_in or lifetime)), refresh_token)


def provider(credential: Credential, clock: SystemClock, storage: ContextStorage | None = None) -> TokenProvider:
    return TokenProvider(credential, storage or BusyStorage(0), TokenClient(clock=clock))


def cached(
    context: dict[str, Any], credential: Credential = APPLICATION, target: TokenTarget = GRAPH, now: float = NOW
) -> CachedTokens:
    return CachedTokens(context, credential, target, now, GRAPH)


def jwt_of(**claims: str) -> str:
    return f'header.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")}.signature'


# region storage


def test_a_context_without_versions_is_read_and_written_unchanged() -> None:
    written: list[Any] = []
    storage = ContextStorage(lambda: {'a': '1'}, lambda context, version: written.append((context, version)))
    storage.write(*storage.read())
    assert written == [({'a': '1'}, ContextStorage.ANY_VERSION)]


@pytest.mark.parametrize('nothing', [None, {}, {'context': None, 'version': 3}, {'context': {}, 'version': 3}])
def test_an_empty_context_can_be_read(nothing: Any) -> None:
    assert ContextStorage(lambda: nothing, lambda *_: None).read()[0] == {}


@pytest.mark.parametrize('version', [None, '', {}])
def test_a_new_context_without_a_version_is_written_whatever_is_stored(version: Any) -> None:
    storage = ContextStorage(lambda: {'context': {'a': '1'}, 'version': version}, lambda *_: None)
    assert storage.read() == ({'a': '1'}, ContextStorage.ANY_VERSION)


@pytest.mark.parametrize('version', [0, 5, '5', {'version': 5, 'sequenceNumber': 807, 'primaryTerm': 1}])
def test_a_version_goes_back_as_it_came(version: Any) -> None:
    written: list[Any] = []
    found = {'context': {'a': '1'}, 'version': version, 'modified': 'today'}
    storage = ContextStorage(lambda: found, lambda *args: written.append(args))
    storage.write(*storage.read())
    assert written == [({'a': '1'}, version)]


@pytest.mark.parametrize('is_object', [False, True])
def test_a_stale_version_is_a_conflict(monkeypatch: pytest.MonkeyPatch, is_object: bool) -> None:
    monkeypatch.setattr(demisto, 'versions_are_objects', is_object)
    first, second = BusyStorage(0), BusyStorage(0)
    context, version = first.read()
    second.write({'b': '2'}, second.read()[1])
    with pytest.raises(StorageError):
        first.write(context, version)
    assert demisto.getIntegrationContext() == {'b': '2'}


@pytest.mark.parametrize('storage', [MemoryStorage(), BusyStorage(0)])
def test_a_context_that_was_read_may_be_changed_without_changing_the_storage(storage: ContextStorage) -> None:
    storage.write({'a': '1'}, 0 if isinstance(storage, MemoryStorage) else ContextStorage.ANY_VERSION)
    storage.read()[0]['a'] = 'changed'
    assert storage.read()[0] == {'a': '1'}


@pytest.mark.parametrize('conflicts', [0, 1, 29])
def test_an_update_is_repeated_until_there_is_no_conflict(clock: FakeClock, conflicts: int) -> None:
    assert update_storage(BusyStorage(conflicts), lambda context: context.update(mine='1'), clock) == ''
    others = {f'other command {number}': 'its value' for number in range(1, conflicts + 1)}
    assert demisto.getIntegrationContext() == {'mine': '1', **others}


def test_an_update_gives_up_after_too_many_conflicts(clock: FakeClock) -> None:
    assert 'version' in update_storage(BusyStorage(math.inf), lambda context: context.update(mine='1'), clock)
    assert 'mine' not in demisto.getIntegrationContext()
    assert clock.slept < 10


def test_a_forced_update_ignores_the_version_in_the_end(clock: FakeClock) -> None:
    assert update_storage(BusyStorage(math.inf), lambda context: context.update(mine='1'), clock, force=True) == ''
    context = demisto.getIntegrationContext()
    assert context['mine'] == '1'
    assert len(context) == 31  # with what the other commands wrote


def test_an_update_that_is_always_rejected_is_reported(clock: FakeClock) -> None:
    def reject(*_: Any) -> None:
        raise ValueError('stale')

    storage = ContextStorage(lambda: {'context': {}, 'version': 1}, reject)
    assert update_storage(storage, lambda _context: None, clock, force=True) == 'stale.'


@pytest.mark.parametrize('force, most', [(False, 3), (True, 31)])
def test_an_update_that_is_rejected_without_a_conflict_ends_soon_unless_it_has_to_succeed(
    clock: FakeClock, force: bool, most: int
) -> None:
    storage = RefusingStorage()
    assert update_storage(storage, lambda _context: None, clock, force) == 'no space left on device.'
    assert storage.writes == most
    assert clock.slept < 10


@pytest.mark.parametrize('failing', ['read', 'write'])
@pytest.mark.parametrize('error', [ValueError('The connection was lost.'), RuntimeError()], ids=repr)
def test_an_update_is_repeated_after_a_call_of_the_platform_has_failed(clock: FakeClock, failing: str, error: Exception) -> None:
    storage = FailingStorage(error, **{failing: 2})
    assert update_storage(storage, lambda context: context.update(mine='1'), clock) == ''
    assert demisto.getIntegrationContext() == {'mine': '1'}


def test_what_the_platform_says_is_shown_without_secrets() -> None:
    token = 'eyJ' + 'a' * 100

    def refuse(*args: Any) -> None:
        raise ValueError(f'cannot store {args}: my secret')

    storage = ContextStorage(dict, refuse, lambda text: text.replace('my secret', 'its secret'))
    with pytest.raises(StorageError, match=r'cannot store.*its secret') as error:
        storage.write({'token': token}, 1)
    assert token not in str(error.value)


def test_a_platform_that_says_nothing_is_named_by_the_error() -> None:
    def refuse(*_args: Any) -> None:
        raise TimeoutError

    with pytest.raises(StorageError, match=says('TimeoutError.')):
        ContextStorage(dict, refuse).write({}, 1)


# endregion
# region cached tokens


@pytest.mark.parametrize('garbage', ['', 'no json', '[]', '"text"', '5', 'null', '{}', '{"ends_on": "soon"}', None, 7, ['a']])
def test_a_value_that_cannot_be_read_is_ignored_and_dropped(clock: FakeClock, garbage: Any) -> None:
    tokens = cached({}, USER)
    tokens.put_token(AccessToken('a token', NOW + 3600, NOW + 3600))
    tokens.put_session('a refresh token')
    tokens.put_pending(PendingSignIn('state', 'verifier'), 900)
    tokens.put_lease(Lease('another', NOW + 60))
    context = {key: garbage for key in tokens.context if key.startswith('microsoft-sign-in')}
    assert len(context) == 5
    read = cached(context, USER)
    assert (read.token, read.sessions, read.pending, read.lease) == (None, [CachedSession()], None, Lease())
    demisto.setIntegrationContext(context)
    provider(USER, clock).update(lambda _cached: None)
    assert demisto.getIntegrationContext() == {}


@pytest.mark.parametrize('part', ['value', 'expires_on', 'refresh_on'])
def test_a_token_without_one_of_its_parts_is_ignored(part: str) -> None:
    tokens = cached({})
    tokens.put_token(AccessToken('a token', NOW + 3600, NOW + 3600))
    [(key, text)] = tokens.context.items()
    incomplete = {name: value for name, value in json.loads(text).items() if name != part}
    assert cached({key: text}).token
    assert cached({key: json.dumps(incomplete)}).token is None


def test_an_entry_of_an_earlier_version_can_be_read() -> None:
    token = {'value': 'a token', 'expires_on': NOW + 3600, 'refresh_on': NOW + 3600, 'scope': '', 'ends_on': NOW + 3600}
    tokens = cached({})
    context = {
        f'microsoft-sign-in/{USER.identity}/token/{tokens.token_name}': json.dumps(token),
        f'microsoft-sign-in/{USER.identity}/sign-in': json.dumps({'refresh_token': 'a refresh token', 'ends_on': NOW + 1}),
        f'microsoft-sign-in/{USER.identity}/lease': json.dumps({'holder': 'another', 'until': NOW + 5, 'ends_on': NOW + 65}),
        f'microsoft-sign-in/{USER.application}/started': json.dumps({'state': 's', 'code_verifier': 'v', 'ends_on': NOW + 1}),
    }
    read = cached(context, USER)
    assert read.token == AccessToken('a token', NOW + 3600, NOW + 3600)
    assert read.sessions == [CachedSession('a refresh token')]
    assert (read.pending, read.lease) == (PendingSignIn('s', 'v'), Lease('another', NOW + 5))


@pytest.mark.parametrize(
    'changes, expected',
    [
        ({}, ['ours']),
        ({'current_refresh_token': 'newer'}, ['ours']),  # an integration writes its own alone
        ({'current_refresh_token': 'newer', 'access_token': 'newer'}, ['newer', 'ours']),
    ],
)
def test_a_sign_in_of_an_earlier_version_knows_what_the_public_module_had_written(
    changes: dict[str, str], expected: list[str]
) -> None:
    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    entry = {
        'refresh_token': 'ours',
        'is_from_public_module': True,
        'others_digest': f'{digest("public")} {digest(json.dumps(["public"]))}',
        'ends_on': NOW + 1,
    }
    context = {
        'current_refresh_token': 'public',
        'access_token': 'public',
        'valid_until': 1,
        f'microsoft-sign-in/{USER.identity}/sign-in': json.dumps(entry),
    }
    tokens = cached({**context, **changes}, USER)
    assert [session.refresh_token for session in tokens.sessions if session.refresh_token] == expected
    tokens.put_session('next')
    read = cached(tokens.context, USER)
    assert 'others_digest' not in json.loads(read.context[f'microsoft-sign-in/{USER.identity}/sign-in'])


def test_tokens_of_other_targets_and_credentials_are_separate() -> None:
    context: dict[str, Any] = {}
    cached(context).put_token(AccessToken('for Graph', NOW + 3600, NOW + 3600))
    cached(context, target=AZURE).put_token(AccessToken('for Azure', NOW + 3600, NOW + 3600))
    values = [cached(context, target=target).token for target in (GRAPH, AZURE)]
    assert [token.value for token in values if token] == ['for Graph', 'for Azure']
    assert cached(context, OTHER_APPLICATION).token is None
    assert cached(context, target=GRAPH._replace(claims='{}')).token == values[0]


def test_a_rejected_or_expired_token_is_not_used() -> None:
    context: dict[str, Any] = {}
    cached(context).put_token(AccessToken('a token', NOW + 3600, NOW + 3600))
    assert cached(context).token
    assert CachedTokens(context, APPLICATION, GRAPH, NOW, rejected='a token').token is None
    assert cached(context, now=NOW + 3600 - MIN_REMAINING_LIFETIME).token is None


def test_expired_entries_are_dropped_with_the_next_write_and_others_remain(clock: FakeClock) -> None:
    context = {'of others': 'remains', 'microsoft-sign-in/x/token/y': 'broken'}
    old = cached(context, USER)
    old.put_token(AccessToken('old', NOW + 10, NOW + 10))
    old.put_session('old')
    old.put_pending(PendingSignIn('old'), 3600)
    old.put_lease(Lease('killed', NOW - 3600 + 1))
    cached(context).put_token(AccessToken('new', NOW + 4000, NOW + 4000))
    demisto.setIntegrationContext(context)

    def keys_after(seconds: float) -> set[str]:
        clock.time = NOW + seconds
        provider(USER, clock).update(lambda _cached: None)
        return set(demisto.getIntegrationContext())

    assert context.keys() - keys_after(0) == {'microsoft-sign-in/x/token/y'}
    assert sorted(key.split('/')[2] for key in keys_after(3600) if key.startswith('microsoft')) == [
        'latest',
        'sign-in',
        'started',
        'token',
    ]
    assert {key.rpartition('/')[2] for key in keys_after(90 * 24 * 3600)} == {
        'of others',
        'current_refresh_token',
        'sign-in',
        'latest',
        'started',
    }, 'what a person has created does not end by the clock of the engine'


@pytest.mark.parametrize('ahead', [-600, 0, 600])
def test_the_space_of_a_code_that_was_sent_is_kept_while_the_response_is_awaited(clock: FakeClock, ahead: float) -> None:
    context: dict[str, Any] = {}
    tokens = cached(context, USER)
    tokens.record_single_use_request()
    demisto.setIntegrationContext(context)
    clock.time = NOW + USER.max_request_seconds + ahead
    provider(APPLICATION, clock).update(lambda _cached: None)
    assert tokens.single_use_key in demisto.getIntegrationContext()


def test_all_tokens_can_be_dropped_and_the_rest_remains() -> None:
    context: dict[str, Any] = {
        'access_token': 'a',
        'valid_until': 1,
        'Mail.Send_access_token': 'a',
        'Mail.Send_valid_until': 1,
        'https://x/.default_access_token': 'a',
        'https://x/.default_valid_until': 1,
        'https://management.azure.com/': 'a',
        'device_code': 'a',
        'last_fetch': 'remains',
    }
    cached(context, USER).put_session('a refresh token')
    clear_tokens(context)
    assert context == {'last_fetch': 'remains'}


def test_secrets_are_not_in_a_repr() -> None:
    values = [
        response('secret', refresh_token='secret'),
        AccessToken('secret', NOW, NOW),
        PendingSignIn('secret', 'secret', 'secret'),
        CachedSession('secret', PendingSignIn('secret')),
    ]
    tokens, access, pending, session = map(repr, values)
    assert (tokens, access) == ('<TokenResponse>', f'<AccessToken until {NOW:.0f}>')
    assert (pending, session) == ('<PendingSignIn>', '<CachedSession>')


# endregion
# region the context of the public module


@pytest.mark.parametrize('valid_until', [NOW + 50, int(NOW) + 50, str(int(NOW) + 50), f'{int(NOW) + 50}.5'])
def test_a_token_of_the_public_module_is_used_until_it_says(valid_until: Any) -> None:
    context = {'access_token': 'of the public module', 'valid_until': valid_until}
    token = cached(context).token
    assert token
    assert token.value == 'of the public module'
    assert cached(context, now=NOW + 51).token is None


@pytest.mark.parametrize('valid_until', ['soon', None, '', -5])
def test_a_token_of_the_public_module_without_an_expiry_is_not_used(valid_until: Any) -> None:
    assert cached({'access_token': 'of the public module', 'valid_until': valid_until}).token is None


@pytest.mark.parametrize(
    'target, value',
    [
        (TokenTarget('Mail.Send'), 'for a scope'),
        (TokenTarget(resource='https://management.azure.com/'), 'for a resource'),
        (GRAPH, 'for the default target'),
        (GRAPH._replace(claims='{}'), 'for the default target'),
        (AZURE, ''),
        (TokenTarget('Mail.Read'), ''),
    ],
)
def test_a_token_of_the_public_module_is_used_only_for_its_scope_or_resource(target: TokenTarget, value: str) -> None:
    context = {
        'Mail.Send_access_token': 'for a scope',
        'Mail.Send_valid_until': 9e9,
        'valid_until': 9e9,
        'https://management.azure.com/': 'for a resource',
        'access_token': 'for the default target',
    }
    token = cached(context, target=target).token
    assert (token.value if token else '') == value


@pytest.mark.parametrize('claims', [{'appid': 'another'}, {'tid': 'another'}, {'azp': 'another'}])
def test_public_tokens_of_another_client_or_tenant_are_not_used(claims: dict[str, str]) -> None:
    own = {'azp' if 'azp' in claims else 'appid': 'app', 'tid': TENANT, 'scp': 'Mail.Read'}
    for found, is_own in ((own, True), ({**own, **claims}, False)):
        context = {'access_token': jwt_of(**found), 'valid_until': 9e9, 'current_refresh_token': 'public'}
        tokens = cached(context, USER)
        assert bool(tokens.token) == is_own
        assert tokens.sessions[0].refresh_token == ('public' if is_own else '')


def test_a_context_of_the_public_module_is_not_read_once_there_are_own_tokens(clock: FakeClock) -> None:
    public = {'current_refresh_token': 'public', 'access_token': 'public', 'valid_until': 9e9}
    demisto.setIntegrationContext(dict(public))
    credential = ScriptedCredential(response('own'))
    assert provider(credential, clock).get_token(AZURE).value == 'own'
    assert credential.sessions == [CachedSession()], 'a refresh token is that of a user'
    context = demisto.getIntegrationContext()
    assert {key: context[key] for key in public} == public
    assert cached(context).token is None


# endregion
# region token provider


class ScriptedUser(ScriptedCredential):
    """A user of a tenant that the settings name by its domain."""

    needs_user = True

    def __init__(self, tenant_id: str, *outcomes: Any):
        super().__init__(*outcomes)
        self.tenant_id = tenant_id


@pytest.mark.parametrize(
    'name, tenant_of_token, is_same',
    [
        ('contoso.example', TENANT, True),
        ('organizations', TENANT, True),
        ('fabrikam.example', 'another tenant', False),
        ('fabrikam.example', '', False),
    ],
)
def test_another_name_of_the_tenant_keeps_the_session_if_the_refreshed_token_has_the_same_tenant(
    clock: FakeClock, name: str, tenant_of_token: str, is_same: bool
) -> None:
    def token_of(tenant: str) -> TokenResponse:
        return response(jwt_of(tid=tenant), refresh_token='a refresh token')

    provider(ScriptedUser(TENANT, token_of(TENANT)), clock).get_token(GRAPH)
    before = demisto.getIntegrationContext()
    renamed = ScriptedUser(name, token_of(tenant_of_token))
    if is_same:
        assert provider(renamed, clock).get_token(GRAPH).value == jwt_of(tid=TENANT)
        assert provider(ScriptedUser(name), clock).get_token(GRAPH), 'the name is known now'
    else:
        with pytest.raises(SignInRequiredError, match='No user has signed in'):
            provider(renamed, clock).get_token(GRAPH)
        after = demisto.getIntegrationContext()
        assert {key: after[key] for key in before if key.endswith('/sign-in')}.items() <= before.items()
    assert provider(ScriptedUser(TENANT), clock).get_token(GRAPH), 'the first name still works'


def test_only_the_latest_sessions_are_kept(clock: FakeClock) -> None:
    for number in range(12):
        clock.time = NOW + number
        credential = AuthorizationCodeCredential(APPLICATION, 'https://localhost/app', f'code {number}')
        tokens = cached(demisto.getIntegrationContext(), credential, now=clock.time)
        tokens.put_session(f'refresh token {number}')
        demisto.setIntegrationContext(tokens.context)
    provider(USER, clock).update(lambda _cached: None)
    kept = [json.loads(text) for key, text in demisto.getIntegrationContext().items() if key.endswith('/sign-in')]
    assert sorted(entry['ends_on'] for entry in kept) == [NOW + number + 90 * 24 * 3600 for number in range(2, 12)]


def test_a_fresh_token_is_not_requested_again(clock: FakeClock) -> None:
    credential = ScriptedCredential(response('first'), response('second'))
    for later in (0, 3600 - REFRESH_MARGIN - 1):
        clock.time = NOW + later
        assert provider(credential, clock).get_token(GRAPH).value == 'first'
        assert cached(demisto.getIntegrationContext(), credential).lease == Lease(), 'the lease ends with the request'
    clock.time = NOW + 3600 - REFRESH_MARGIN
    assert provider(credential, clock).get_token(GRAPH).value == 'second'


def test_a_token_that_is_due_is_refreshed_and_used_if_that_fails(clock: FakeClock) -> None:
    credential = ScriptedCredential(
        response('first', refresh_in=1000), SignInUnavailableError('down'), response('second', lifetime=7200)
    )
    assert provider(credential, clock).get_token(GRAPH).value == 'first'
    clock.time = NOW + 1000
    for _ in range(2):
        assert provider(credential, clock).get_token(GRAPH).value == 'first'
    assert len(credential.sessions) == 2, 'the service is left alone after a failure'
    clock.time += REFRESH_RETRY_SECONDS + 1
    assert provider(credential, clock).get_token(GRAPH).value == 'second'
    assert clock.slept == 0


def test_a_rejected_token_is_replaced(clock: FakeClock) -> None:
    credential = ScriptedCredential(response('first'), response('second'))
    assert provider(credential, clock).get_token(GRAPH).value == 'first'
    assert provider(credential, clock).get_token(GRAPH, rejected='first').value == 'second'
    assert provider(credential, clock).get_token(GRAPH, rejected='first').value == 'second'


def test_a_recent_token_is_used_without_reading_the_cache(clock: FakeClock) -> None:
    provider(ScriptedCredential(response('first')), clock).get_token(GRAPH)
    tokens = provider(ScriptedCredential(response('after rejection')), clock)
    assert tokens.get_token(GRAPH).value == 'first'
    context = demisto.getIntegrationContext()
    cached(context, ScriptedCredential()).put_token(response('of another process').token)
    demisto.setIntegrationContext(context)
    assert tokens.get_token(GRAPH).value == 'first'
    clock.time += 11
    assert tokens.get_token(GRAPH).value == 'of another process'
    assert tokens.get_token(GRAPH, rejected='of another process').value == 'after rejection'
    assert tokens.get_token(GRAPH).value == 'after rejection'


def test_a_recent_token_is_not_used_after_a_write_of_the_same_process(clock: FakeClock) -> None:
    provider(ScriptedCredential(response('first')), clock).get_token(GRAPH)
    tokens = provider(ScriptedCredential(), clock)
    assert tokens.get_token(GRAPH).value == 'first'
    provider(ScriptedCredential(), clock).save(GRAPH, response('of a new sign-in'), is_new_sign_in=True)
    assert tokens.get_token(GRAPH).value == 'of a new sign-in'


def test_a_rejected_token_is_not_reused_if_another_process_has_replaced_it(clock: FakeClock) -> None:
    provider(ScriptedCredential(response('rejected')), clock).get_token(GRAPH)
    tokens = provider(ScriptedCredential(), clock)
    assert tokens.get_token(GRAPH).value == 'rejected'
    provider(ScriptedCredential(), clock).save(GRAPH, response('of another process'), is_new_sign_in=True)
    assert tokens.get_token(GRAPH, rejected='rejected').value == 'of another process'
    assert tokens.get_token(GRAPH).value == 'of another process'


def test_the_latest_refresh_token_is_used(clock: FakeClock) -> None:
    credential = ScriptedCredential(
        response('first', 300, 'one'), response('second', 300), response('third', 300, 'two'), response('fourth', 300)
    )
    for _ in range(4):
        provider(credential, clock).get_token(GRAPH)
    assert [session.refresh_token for session in credential.sessions] == ['', 'one', 'one', 'two']


def test_without_a_context_tokens_remain_in_memory(clock: FakeClock) -> None:
    storage = MemoryStorage()
    credential = ScriptedCredential(response('first'))
    assert provider(credential, clock, storage).get_token(GRAPH) == provider(credential, clock, storage).get_token(GRAPH)
    assert demisto.getIntegrationContext() == {}


@pytest.mark.parametrize(
    'error',
    [SignInRefusedError('refused', 'advice', 'AADSTS1', 'id'), SignInUnavailableError('down'), SignInRequiredError('nobody')],
)
def test_an_error_is_raised_and_published_to_those_who_wait(clock: FakeClock, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        provider(ScriptedCredential(error), clock).get_token(GRAPH)
    published = cached(demisto.getIntegrationContext(), ScriptedCredential()).lease.error(NOW)
    assert (type(published), str(published)) == (type(error), str(error))


@pytest.mark.parametrize('needs_new_sign_in', [True, False])
def test_a_published_error_says_whether_a_new_sign_in_helps(clock: FakeClock, needs_new_sign_in: bool) -> None:
    error = SignInRequiredError('It was refused.', needs_new_sign_in=needs_new_sign_in)
    with pytest.raises(SignInRequiredError):
        provider(ScriptedCredential(error), clock).get_token(GRAPH)
    published = cached(demisto.getIntegrationContext(), ScriptedCredential()).lease.error(NOW)
    assert isinstance(published, SignInRequiredError)
    assert published.needs_new_sign_in == needs_new_sign_in


def test_the_previous_session_is_used_if_the_latest_one_has_ended(clock: FakeClock) -> None:
    credential = ScriptedCredential(response('first', refresh_token='kept'), SignInPendingError(5), response('second'))
    asking = provider(credential, clock)
    assert asking.get_token(GRAPH).value == 'first'
    asking.start_sign_in(PendingSignIn(device_code='a code'))
    assert asking.get_token(AZURE).value == 'second'
    assert [(one.pending.device_code, one.refresh_token) for one in credential.sessions[1:]] == [('a code', ''), ('', 'kept')]


def test_only_the_device_code_is_tried_without_a_previous_session(clock: FakeClock) -> None:
    credential = ScriptedCredential(SignInPendingError(5))
    asking = provider(credential, clock)
    asking.start_sign_in(PendingSignIn(device_code='a code'))
    with pytest.raises(SignInPendingError):
        asking.get_token(GRAPH)
    assert len(credential.sessions) == 1


def test_a_process_waits_while_another_renews_its_lease(clock: FakeClock) -> None:
    credential = ScriptedCredential(response('first'))
    provider(credential, clock).update(lambda tokens: tokens.put_lease(Lease('another', NOW + 12)))
    assert provider(credential, clock).get_token(GRAPH).value == 'first'
    assert 12 <= clock.slept < 13


def test_a_waiting_process_gets_the_error_of_its_target_only(clock: FakeClock) -> None:
    for target, outcome in ((GRAPH, SignInRefusedError), (AZURE, 'a token')):
        waiting = provider(ScriptedCredential(response('a token')), clock)
        waiting.update(lambda tokens: tokens.put_lease(Lease('another', clock.now() + 20)))

        def fail_elsewhere(_seconds: float, waiting: TokenProvider = waiting) -> None:
            error = Lease.of_error(SignInRefusedError('refused'), 'another', clock.now(), cached({}))
            waiting.update(lambda tokens: tokens.put_lease(error))

        waiting.clock = waiting.token_client.clock = FakeClock()
        waiting.clock.sleep = fail_elsewhere  # type: ignore[method-assign]
        try:
            found: Any = waiting.get_token(target).value
        except SignInRefusedError as error:
            found = type(error)
        assert found == outcome


@pytest.mark.parametrize('end', [KeyboardInterrupt, SystemExit, RuntimeError])
def test_the_lease_of_a_command_that_was_ended_is_dropped(clock: FakeClock, end: type[BaseException]) -> None:
    credential = ScriptedCredential(end())
    with pytest.raises(end):
        provider(credential, clock).get_token(GRAPH)
    assert demisto.getIntegrationContext() == {}


def test_a_pending_sign_in_is_cached_for_a_day(clock: FakeClock) -> None:
    asking = provider(USER, clock)
    asking.start_sign_in(PendingSignIn('state', 'verifier'))
    assert asking.pending_sign_in() == PendingSignIn('state', 'verifier')
    clock.time += 24 * 3600 + 1
    assert asking.pending_sign_in() is None


def test_a_new_sign_in_replaces_the_tokens_of_the_previous_one(clock: FakeClock) -> None:
    asking = provider(USER, clock)
    for target in (GRAPH, AZURE):
        asking.save(target, response('of Ada', refresh_token='of Ada'), is_new_sign_in=True)
    asking.start_sign_in(PendingSignIn('state'))
    asking.save(GRAPH, response('of Bob', refresh_token='of Bob'), is_new_sign_in=True)
    assert asking.get_token(GRAPH).value == 'of Bob'
    read = cached(demisto.getIntegrationContext(), USER, AZURE)
    assert (read.token, read.sessions, read.pending) == (None, [CachedSession('of Bob')], None)
    assert demisto.getIntegrationContext()['current_refresh_token'] == 'of Bob'


def test_a_refresh_that_ends_after_a_new_sign_in_is_discarded(clock: FakeClock) -> None:
    asking = provider(USER, clock)
    asking.save(GRAPH, response('of Bob', refresh_token='of Bob'), is_new_sign_in=True)
    asking.save(GRAPH, response('of Ada', refresh_token='newer of Ada'), refresh_token_used='of Ada')
    assert asking.get_token(GRAPH).value == 'of Bob'


def test_the_lease_of_another_process_is_left_alone(clock: FakeClock) -> None:
    asking = provider(USER, clock)
    asking.update(lambda tokens: tokens.put_lease(Lease('another', NOW + 60)))
    asking.save(GRAPH, response('a token'), is_new_sign_in=True)
    assert cached(demisto.getIntegrationContext(), USER).lease.holder == 'another'


# endregion


# region what the log and errors say


class SingleUse(ScriptedCredential):
    """A credential whose requests use up a Token."""

    is_single_use = True


def logging(credential: Credential, clock: SystemClock, storage: ContextStorage | None = None) -> tuple[TokenProvider, list[str]]:
    """Return a provider, and the list of the lines that it logs."""
    log: list[str] = []
    return TokenProvider(credential, storage or BusyStorage(0), TokenClient(clock=clock), log.append), log


NOT_STORED = 'The platform did not store the integration context:'
NOT_CACHED = 'The tokens of this sign-in are not cached.'
NOT_CLAIMED = 'The lease could not be claimed. Other processes may request the same token.'


def test_a_context_that_is_always_busy_is_logged(clock: FakeClock) -> None:
    asking, log = logging(ScriptedCredential(response('a token')), clock, BusyStorage(math.inf))
    assert asking.get_token(GRAPH).value == 'a token'
    assert log[0] == NOT_CLAIMED
    assert [(line.startswith(NOT_STORED), line.endswith(NOT_CACHED)) for line in log[1:]] == [(True, True)] * 2


def test_a_context_that_cannot_be_written_is_logged(clock: FakeClock) -> None:
    asking, log = logging(ScriptedCredential(response('a token')), clock, RefusingStorage())
    assert asking.get_token(GRAPH).value == 'a token'
    assert log == [NOT_CLAIMED, *[f'{NOT_STORED} no space left on device. {NOT_CACHED}'] * 2]
    assert clock.slept < 2


@pytest.mark.parametrize('single_use', [False, True])
def test_a_context_that_cannot_be_read_once_is_read_again(clock: FakeClock, single_use: bool) -> None:
    credential = (SingleUse if single_use else ScriptedCredential)(response('a token', refresh_token='next'))
    asking, _ = logging(credential, clock, FailingStorage(ValueError('The connection was lost.'), read=2))
    assert asking.get_token(GRAPH).value == 'a token'


def test_a_lease_that_was_stored_despite_an_error_is_held(clock: FakeClock) -> None:
    def write_and_fail(*args: Any) -> None:
        write(*args)
        if not failed:
            failed.append(1)
            raise ValueError('the response was lost')

    write, failed = demisto.setIntegrationContextVersioned, []
    storage = ContextStorage(demisto.getIntegrationContextVersioned, write_and_fail)
    asking, log = logging(ScriptedCredential(response('a token')), clock, storage)
    assert asking.get_token(GRAPH).value == 'a token'
    assert (log, failed) == ([], [1])
    assert clock.slept < 1


def test_a_context_that_cannot_be_read_is_an_error(clock: FakeClock) -> None:
    asking, _ = logging(ScriptedCredential(), clock, FailingStorage(ValueError('the database is locked'), read=99))
    message = (
        'The integration context could not be read: the database is locked. Check the database of the server, then try again.'
    )
    with pytest.raises(SignInUnavailableError, match=says(message)):
        asking.get_token(GRAPH)


@pytest.mark.parametrize(
    'error, what', [(SignInUnavailableError('It is down.'), 'It is down.'), (KeyError('a secret'), 'KeyError')]
)
def test_a_refresh_that_failed_is_logged(clock: FakeClock, error: Exception, what: str) -> None:
    asking, log = logging(ScriptedCredential(response('a token', refresh_in=1000), error), clock)
    asking.get_token(GRAPH)
    clock.time = NOW + 1000
    assert asking.get_token(GRAPH).value == 'a token'
    assert log == [f'An access token that is still valid could not be refreshed. {what}']


@pytest.mark.parametrize('conflicts', [0, 2])
def test_entries_that_cannot_be_read_are_logged_once(clock: FakeClock, conflicts: int) -> None:
    demisto.setIntegrationContext({f'microsoft-sign-in/x/token/{name}': 'broken' for name in 'abc'})
    asking, log = logging(USER, clock, BusyStorage(conflicts))
    asking.update(lambda _cached: None)
    assert log == ['Entries of the integration context that could not be read were dropped: 3.']


@pytest.mark.parametrize(
    'what, step',
    [
        ('The sign-in was not started', lambda asking: asking.start_sign_in(PendingSignIn('state'))),
        ('Nothing was sent', lambda asking: asking.require_storage()),
        ('Nothing was sent', lambda asking: asking.get_token(GRAPH)),
        (
            'The sign-in succeeded, but its tokens are lost',
            lambda asking: asking.save(GRAPH, response('x', refresh_token='y'), is_new_sign_in=True),
        ),
        (
            'The sign-in succeeded, but its tokens are lost',
            lambda asking: asking.save(GRAPH, response('x', refresh_token='y'), refresh_token_used='z'),
        ),
    ],
)
def test_a_sign_in_that_the_platform_does_not_store_is_an_error(clock: FakeClock, what: str, step: Any) -> None:
    credential = SingleUse()
    message = (
        f'{what}, because the platform did not store the integration context: no space left on device. '
        'Check the disk and the database of the server, then try again.'
    )
    with pytest.raises(SignInUnavailableError, match=says(message)) as error:
        step(provider(credential, clock, RefusingStorage()))
    assert error.value.code == 'not_stored'
    assert credential.sessions == []


def test_a_refreshed_token_that_cannot_be_stored_is_no_error(clock: FakeClock) -> None:
    provider(ScriptedCredential(), clock).save(GRAPH, response('x', refresh_token='the old one'), is_new_sign_in=True)
    before = demisto.getIntegrationContext()
    asking, log = logging(ScriptedCredential(), clock, RefusingStorage())
    asking.save(GRAPH, response('y', refresh_token='the new one'), refresh_token_used='the old one')
    assert demisto.getIntegrationContext() == before
    assert log == [f'{NOT_STORED} no space left on device. {NOT_CACHED}'] * 2


@pytest.mark.parametrize(
    'end, text',
    [
        (
            KeyboardInterrupt(),
            'It was refused. A command sent this Token at 2030-03-17 17:46:40 UTC and has not stored the response, '
            'which contained the next one. Get a new one.',
        ),
        (SignInRefusedError('It was refused.', 'Get a new one.'), 'It was refused. Get a new one.'),
    ],
)
def test_a_refusal_tells_of_a_command_that_ended_with_the_token(clock: FakeClock, end: BaseException, text: str) -> None:
    credential = SingleUse(end, SignInRefusedError('It was refused.', 'Get a new one.'))
    with pytest.raises(type(end)):
        provider(credential, clock).get_token(GRAPH)
    clock.time += 100
    with pytest.raises(SignInRefusedError, match=says(text)):
        provider(credential, clock).get_token(GRAPH)


@pytest.mark.parametrize('may_be_used_up', [False, True])
def test_a_refusal_tells_of_a_command_that_may_have_used_up_the_token(clock: FakeClock, may_be_used_up: bool) -> None:
    refusal = SignInRefusedError('It was refused.').replace(may_be_used_up=may_be_used_up)
    credential = SingleUse(refusal, refusal)
    texts = []
    for _ in range(2):
        with pytest.raises(SignInRefusedError) as error:
            provider(credential, clock).get_token(GRAPH)
        texts.append(str(error.value))
        clock.time += 100
    assert texts[0] == 'It was refused.'
    assert ('A command sent this Token at 2030-03-17 17:46:40 UTC' in texts[1]) == may_be_used_up


def test_a_token_whose_response_was_stored_is_not_reported_lost(clock: FakeClock) -> None:
    credential = SingleUse(response('a token', 100), SignInRefusedError('It was refused.'))
    provider(credential, clock).get_token(GRAPH)
    with pytest.raises(SignInRefusedError, match=says('It was refused.')):
        provider(credential, clock).get_token(GRAPH)


def test_a_single_use_request_is_recorded_before_it_is_sent(clock: FakeClock) -> None:
    class Watching(SingleUse):
        def request_token(self, *args: Any) -> TokenResponse:
            notes.append([key.rpartition('/')[2] for key in demisto.getIntegrationContext() if key.endswith('/sent')])
            return super().request_token(*args)

    notes: list[list[str]] = []
    provider(Watching(response('a token')), clock, BusyStorage(math.inf)).get_token(GRAPH)
    assert notes == [['sent']]


@pytest.mark.parametrize('seconds, is_sent', [(math.inf, True), (90, True), (89, False), (0.1, False)])
def test_a_token_that_works_once_is_not_sent_if_the_command_may_end_before_the_response(
    clock: FakeClock, seconds: float, is_sent: bool
) -> None:
    credential = SingleUse(response('a token', refresh_token='next'))
    credential.read_timeout = 90
    clock.limit(seconds)
    if is_sent:
        assert provider(credential, clock).get_token(GRAPH).value == 'a token'
        return
    message = 'Nothing was sent, because the command has too little time left. Run it again.'
    with pytest.raises(SignInUnavailableError, match=says(message)):
        provider(credential, clock).get_token(GRAPH)
    assert (credential.sessions, demisto.getIntegrationContext()) == ([], {})


def test_a_command_that_ends_soon_uses_a_token_that_is_due(clock: FakeClock) -> None:
    credential = SingleUse(response('a token', 3600), response('another', 3600))
    credential.read_timeout = 90
    provider(credential, clock).get_token(GRAPH)
    clock.time += 3600 - MIN_REMAINING_LIFETIME - 1
    clock.limit(89)
    asking = provider(credential, clock)
    assert asking.get_token(GRAPH).value == 'a token'
    with pytest.raises(SignInUnavailableError, match='Nothing was sent'):
        asking.get_token(GRAPH, rejected='a token')
    clock.limit(91)
    assert provider(credential, clock).get_token(GRAPH).value == 'another'


def test_a_token_that_is_due_is_used_while_the_service_is_down(clock: FakeClock) -> None:
    down = SignInUnavailableError('The service is down.')
    credential = SingleUse(response('a token', 3600), down, down, response('another', 3600))
    provider(credential, clock).get_token(GRAPH)
    clock.time += 3600 - REFRESH_MARGIN
    assert provider(credential, clock).get_token(GRAPH).value == 'a token'
    clock.time += REFRESH_MARGIN
    with pytest.raises(SignInUnavailableError, match='is down'):
        provider(credential, clock).get_token(GRAPH)
    assert provider(credential, clock).get_token(GRAPH).value == 'another'


def test_a_token_that_is_due_is_used_while_another_process_requests_the_next_one(clock: FakeClock) -> None:
    credential = SingleUse(response('a token', 3600))
    provider(credential, clock).get_token(GRAPH)
    clock.time += 3600 - REFRESH_MARGIN
    asking = provider(credential, clock)
    asking.update(lambda tokens: tokens.put_lease(Lease('another', clock.now() + LEASE_SECONDS)))
    assert (asking.get_token(GRAPH).value, clock.slept) == ('a token', 0)


def test_a_code_is_not_sent_if_the_command_may_end_before_the_response(clock: FakeClock) -> None:
    asking = provider(ScriptedCredential(), clock)
    clock.limit(asking.token_client.read_timeout - 1)
    with pytest.raises(SignInUnavailableError, match='Nothing was sent'):
        asking.require_storage()


# endregion
# region sessions and secrets


@pytest.mark.parametrize(
    'tenant, sessions',
    [
        (TENANT, [CachedSession('of fabrikam')]),
        ('another tenant', [CachedSession('of fabrikam', tenants=('another tenant', 'fabrikam.example'))]),
    ],
)
def test_a_sign_in_to_one_tenant_is_not_used_for_another(clock: FakeClock, tenant: str, sessions: list[CachedSession]) -> None:
    for name, tid in (('contoso.example', TENANT), ('fabrikam.example', tenant)):
        answer = response(jwt_of(tid=tid), refresh_token=f'of {name.partition(".")[0]}')
        provider(ScriptedUser(name), clock).save(GRAPH, answer, is_new_sign_in=True)
    context = demisto.getIntegrationContext()
    assert cached(context, ScriptedUser('contoso.example')).sessions == sessions
    assert cached(context, ScriptedUser('fabrikam.example')).sessions == [CachedSession('of fabrikam')]


@pytest.mark.parametrize(
    'part, value', [('value', 5), ('value', None), ('expires_on', '1'), ('expires_on', 1e12), ('expires_on', True), ('scope', [])]
)
def test_a_token_of_another_shape_is_ignored(part: str, value: Any) -> None:
    tokens = cached({})
    tokens.put_token(AccessToken('a token', NOW + 3600, NOW + 3600))
    [(key, text)] = tokens.context.items()
    assert cached({key: json.dumps({**json.loads(text), part: value})}).token is None


def test_what_was_cached_is_masked_when_it_is_read(clock: FakeClock) -> None:
    asking = provider(USER, clock)
    asking.save(GRAPH, response('a token', refresh_token='the-refresh-token'), is_new_sign_in=True)
    asking.start_sign_in(PendingSignIn('state', 'the-verifier', 'the-device-code'))
    masked: list[str] = []
    TokenProvider(USER, BusyStorage(0), TokenClient(clock=clock, on_secret=masked.append)).pending_sign_in()
    assert {'the-refresh-token', 'the-verifier', 'the-device-code'} <= set(masked)


@pytest.mark.parametrize(
    'error, is_next',
    [
        (SignInRequiredError('It has ended.', code='invalid_grant'), True),
        (SignInRefusedError('It was refused.', code='invalid_client'), True),
        (SignInUnavailableError('It broke.', code='500'), True),
        (SignInUnavailableError('It is busy.', code='503'), False),
    ],
)
def test_a_refresh_token_of_the_public_module_is_followed_by_what_was_pasted(
    clock: FakeClock, error: Exception, is_next: bool
) -> None:
    demisto.setIntegrationContext({'current_refresh_token': 'public'})
    credential = SingleUse(error, response('own'))
    if is_next:
        assert provider(credential, clock).get_token(GRAPH).value == 'own'
    else:
        with pytest.raises(type(error), match=says(str(error))):
            provider(credential, clock).get_token(GRAPH)
    assert [session.refresh_token for session in credential.sessions] == ['public', ''][: 1 + is_next]


@pytest.mark.parametrize('error', [SignInRefusedError('It was refused.'), SignInUnavailableError('It broke.', code='500')])
def test_no_other_session_is_tried_after_an_own_refresh_token_is_refused(clock: FakeClock, error: Exception) -> None:
    credential = ScriptedCredential(response('a token', 10, 'own'), error)
    provider(credential, clock).get_token(GRAPH)
    with pytest.raises(type(error), match=says(str(error))):
        provider(credential, clock).get_token(GRAPH)
    assert len(credential.sessions) == 2


@pytest.mark.parametrize(
    'second, text',
    [
        (SignInRequiredError('The second has ended.', code='invalid_grant'), 'The second has ended.'),
        (SignInRequiredError('Nothing was pasted.'), 'The first has ended.'),
    ],
)
def test_the_refusal_of_what_was_pasted_is_raised_before_that_of_the_public_token(
    clock: FakeClock, second: Exception, text: str
) -> None:
    demisto.setIntegrationContext({'current_refresh_token': 'public'})
    first = SignInRequiredError('The first has ended.', code='invalid_grant')
    with pytest.raises(SignInRequiredError, match=says(text)):
        provider(SingleUse(first, second), clock).get_token(GRAPH)


@pytest.mark.parametrize(
    'credential, min_remaining',
    [(ScriptedCredential(), MIN_REMAINING_LIFETIME), (SingleUse(), REFRESH_MARGIN)],
    ids=['again', 'once'],
)
def test_a_token_that_cannot_be_refreshed_early_is_replaced_early(credential: Credential, min_remaining: float) -> None:
    context: dict[str, Any] = {}
    cached(context, credential).put_token(AccessToken('a token', NOW + 3600, NOW + 3600))
    assert cached(context, credential, now=NOW + 3600 - min_remaining - 1).token
    assert cached(context, credential, now=NOW + 3600 - min_remaining).token is None


def test_a_refresh_token_of_the_public_module_is_not_used_beside_an_own_token() -> None:
    context: dict[str, Any] = {'current_refresh_token': 'public'}
    credential = SingleUse()
    public = CachedSession('public', is_from_public_module=True)
    assert cached(context, credential, AZURE).sessions == [public, CachedSession()]
    cached(context, credential).put_token(AccessToken('own', NOW + 3600, NOW + 3600))
    assert cached(context, credential, AZURE).sessions == [CachedSession()]


@pytest.mark.parametrize('is_refused', [True, False])
def test_a_refresh_token_of_the_public_module_is_replaced_by_the_newest_one(clock: FakeClock, is_refused: bool) -> None:
    demisto.setIntegrationContext({'current_refresh_token': 'public'})
    refusals = [SignInRefusedError('It was refused.')] if is_refused else []
    provider(SingleUse(*refusals, response('own', refresh_token='next')), clock).get_token(GRAPH)
    assert demisto.getIntegrationContext()['current_refresh_token'] == 'next'


def test_the_public_refresh_token_is_that_of_the_settings(clock: FakeClock) -> None:
    other = AuthorizationCodeCredential(APPLICATION, 'https://localhost/app', 'another code')
    for credential, refresh_token in ((USER, 'of Ada'), (other, 'of Bob')):
        provider(credential, clock).save(GRAPH, response('x', refresh_token=refresh_token), is_new_sign_in=True)
    repeated = []
    for credential in (USER, other, USER, APPLICATION):
        provider(credential, clock).update(lambda _cached: None)
        repeated.append(demisto.getIntegrationContext().get('current_refresh_token'))
    assert repeated == ['of Ada', 'of Bob', 'of Ada', None]
    demisto.setIntegrationContext({'current_refresh_token': 'of the public module'})
    provider(USER, clock).update(lambda _cached: None)
    assert demisto.getIntegrationContext() == {'current_refresh_token': 'of the public module'}


# endregion
# region polls and waits

A_CODE = PendingSignIn(device_code='a code', interval=5)


@pytest.mark.parametrize(
    'error, polled, next_interval, after',
    [
        (SignInPendingError(0), A_CODE, 5, A_CODE),
        (SignInPendingError(5), A_CODE, 10, A_CODE._replace(interval=10)),
        (SignInPendingError(5), PendingSignIn(device_code='an older code', interval=5), 10, A_CODE),
        (SignInRequiredError('It has expired.'), A_CODE, None, None),
        (SignInRequiredError('It has expired.'), PendingSignIn(device_code='an older code'), None, A_CODE),
        (SignInRequiredError('It has expired.'), PendingSignIn('state'), None, A_CODE),
        (SignInUnavailableError('It is down.'), A_CODE, None, A_CODE),
    ],
)
def test_a_poll_slows_down_or_ends_its_own_sign_in(
    clock: FakeClock, error: Any, polled: PendingSignIn, next_interval: float | None, after: PendingSignIn | None
) -> None:
    asking = provider(USER, clock)
    asking.start_sign_in(A_CODE)
    raised = asking.after_poll(error, polled)
    assert asking.pending_sign_in() == after
    assert (type(raised), str(raised)) == (type(error), str(error))
    assert getattr(raised, 'interval', None) == next_interval


@pytest.mark.parametrize('retry_after, pause', [(0, REFRESH_RETRY_SECONDS), (29, REFRESH_RETRY_SECONDS), (100, 100)])
def test_a_refresh_waits_as_long_as_the_service_asks(clock: FakeClock, retry_after: float, pause: float) -> None:
    busy = SignInUnavailableError('It is busy.', retry_after=retry_after)
    credential = ScriptedCredential(response('first', refresh_in=1000), busy, response('second', lifetime=7200))
    provider(credential, clock).get_token(GRAPH)
    values = []
    for clock.time in (NOW + 1000, NOW + 1000 + pause - 1, NOW + 1000 + pause):
        values.append(provider(credential, clock).get_token(GRAPH).value)
    assert values == ['first', 'first', 'second']


def test_waits_between_attempts_are_short_and_random(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[tuple[float, float]] = []
    monkeypatch.setattr('random.uniform', lambda least, most: bounds.append((least, most)) or most)
    update_storage(BusyStorage(3), lambda context: context.update(mine='1'), clock)
    assert bounds == [(0, 0.02), (0, 0.04), (0, 0.06)]
    bounds.clear()
    provider(ScriptedCredential(response('a token')), clock, BusyStorage(2)).get_token(GRAPH)
    assert bounds == [(0, 0.05), (0, 0.05)], 'for the lease'
    bounds.clear()
    credential = ScriptedCredential(response('a token', 10))
    asking = provider(credential, clock)
    asking.update(lambda tokens: tokens.put_lease(Lease('another', clock.now() + 12)))
    asking.get_token(AZURE)
    assert set(bounds) == {(0, 0.2)}, 'for another process'


def test_a_process_holds_the_lease_for_some_seconds_while_it_asks(clock: FakeClock) -> None:
    class Watched(ScriptedCredential):
        def request_token(self, *args: Any) -> TokenResponse:
            leases.append(cached(demisto.getIntegrationContext(), self).lease)
            return super().request_token(*args)

    leases: list[Lease] = []
    provider(Watched(response('a token')), clock).get_token(GRAPH)
    assert [(bool(lease.holder), lease.until) for lease in leases] == [(True, NOW + LEASE_SECONDS)]


# endregion
