"""A platform that does not store, a wrong clock, stored data of another shape, and commands that were ended."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from conformance.sign_in.conftest import proxy, workbench
from conformance.sign_in.methods import authorization_code, device_signed_out, keywords, redirect_of, signed_out
from conformance.sign_in.rows import AUTHORIZATION_CODE, CLIENT_SECRET, CORTEX_APP, DEVICE_CODE, VM_SYSTEM_ASSIGNED, status
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import (
    MicrosoftClient,
    complete_browser_sign_in,
    complete_device_sign_in,
    reset_auth,
    start_browser_sign_in,
    start_device_sign_in,
)
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenCacheApiModule import LEASE_SECONDS, CachedTokens, ContextStorage
from MicrosoftTokenRequestApiModule import (
    HEARTBEAT_SECONDS,
    AccessToken,
    SignInRequiredError,
    SignInUnavailableError,
    TokenClient,
)
from sandbox.microsoft.browser import Browser

__all__ = ['proxy', 'workbench']

ADA = 'ada@contoso.example'

# region a platform that does not store


def refuse(_context: dict[str, Any]) -> bool:
    return True


def refuse_large_values(context: dict[str, Any]) -> bool:
    return len(json.dumps(context)) > 8_000


Refuse = Callable[[dict[str, Any]], bool]


@pytest.fixture(params=[refuse, refuse_large_values])
def refusing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Return a function that switches on or off a platform that does not store the context, or not a large one."""
    write, is_on = demisto.setIntegrationContextVersioned, [False]

    def store(context: dict[str, Any], version: int = -1, sync: bool = False) -> None:
        if is_on[0] and request.param(context):
            raise ValueError('no space left on device')  # of this class are all errors of the platform
        write(context, version, sync)

    monkeypatch.setattr(demisto, 'setIntegrationContextVersioned', store)
    return lambda on: is_on.__setitem__(0, on)


@pytest.mark.parametrize('method', [CORTEX_APP, AUTHORIZATION_CODE, DEVICE_CODE])
def test_what_works_once_is_not_spent_for_nothing(workbench: Workbench, refusing: Callable[[bool], None], method: str) -> None:
    settings = keywords(method, workbench)
    workbench.reset_counts()
    refusing(True)
    error = workbench.ask(workbench.client(settings))
    assert isinstance(error, SignInUnavailableError)
    assert (error.code, 'Nothing was sent' in error.what) == ('not_stored', True)
    assert 'no space left on device' in error.what
    assert workbench.requests_to('token-service') + workbench.requests_to('entra') == 0
    refusing(False)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)


def test_a_browser_sign_in_is_not_completed_for_nothing(workbench: Workbench, refusing: Callable[[bool], None]) -> None:
    settings = signed_out(workbench)
    url = redirect_of(workbench, settings)
    refusing(True)
    with pytest.raises(SignInUnavailableError, match='did not store'):
        complete_browser_sign_in(workbench.client(settings), url)
    refusing(False)
    assert complete_browser_sign_in(workbench.client(settings), url).value


def test_a_device_sign_in_is_not_completed_for_nothing(workbench: Workbench, refusing: Callable[[bool], None]) -> None:
    settings = device_signed_out(workbench)
    started = start_device_sign_in(workbench.client(settings))
    Browser(workbench.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    refusing(True)
    with pytest.raises(SignInUnavailableError, match='did not store'):
        complete_device_sign_in(workbench.client(settings))
    refusing(False)
    assert complete_device_sign_in(workbench.client(settings)).value


@pytest.mark.parametrize('method', [CORTEX_APP, AUTHORIZATION_CODE])
def test_a_sign_in_whose_tokens_are_not_stored_fails(workbench: Workbench, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    settings = keywords(method, workbench)
    write, writes = demisto.setIntegrationContextVersioned, []

    def store_once(context: dict[str, Any], version: int = -1, sync: bool = False) -> None:
        writes.append(context)
        if len(writes) > 1:
            raise ValueError('no space left on device')
        write(context, version, sync)

    monkeypatch.setattr(demisto, 'setIntegrationContextVersioned', store_once)
    error = workbench.ask(workbench.client(settings))
    assert isinstance(error, SignInUnavailableError)
    assert ('its tokens are lost' in error.what, 'no space left on device' in error.what) == (True, True)


def test_a_sign_in_that_cannot_be_stored_is_not_started(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(*_: Any, **__: Any) -> None:
        raise ValueError('read-only')

    settings = signed_out(workbench)
    monkeypatch.setattr(demisto, 'setIntegrationContextVersioned', store)
    with pytest.raises(SignInUnavailableError, match='The sign-in was not started'):
        start_browser_sign_in(workbench.client(settings))


def test_a_client_secret_works_without_a_store(workbench: Workbench, refusing: Callable[[bool], None]) -> None:
    refusing(True)
    assert isinstance(workbench.ask(workbench.client(keywords(CLIENT_SECRET, workbench))), AccessToken)


@pytest.mark.parametrize('method', [CORTEX_APP, AUTHORIZATION_CODE, CLIENT_SECRET])
@pytest.mark.parametrize('call', ['getIntegrationContextVersioned', 'setIntegrationContextVersioned'])
@pytest.mark.parametrize('error', [ValueError('connection to the server was lost'), RuntimeError('no lock')], ids=repr)
def test_a_call_of_the_platform_that_fails_once_after_the_answer_loses_nothing(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, method: str, call: str, error: Exception
) -> None:
    settings = keywords(method, workbench)
    client = workbench.client(settings)
    request_token, original, errors = TokenClient.request_token, getattr(demisto, call), []

    def then_fail(*args: Any) -> Any:
        response = request_token(*args)
        errors.append(error)
        return response

    def fail_once(*args: Any, **keywords: Any) -> Any:
        if errors:
            raise errors.pop()
        return original(*args, **keywords)

    monkeypatch.setattr(demisto, call, fail_once)
    with monkeypatch.context() as once:
        once.setattr(TokenClient, 'request_token', then_fail)
        assert isinstance(workbench.ask(client), AccessToken)
    assert errors == []
    workbench.later(60)
    workbench.reset_counts()
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    assert workbench.requests_to('entra') + workbench.requests_to('token-service') == 0


@pytest.mark.parametrize('method', [CORTEX_APP, CLIENT_SECRET])
def test_a_context_that_cannot_be_read_is_a_sign_in_error(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError('the database is locked')

    settings = keywords(method, workbench)
    monkeypatch.setattr(demisto, 'getIntegrationContextVersioned', fail)
    client = workbench.client(settings)
    with pytest.raises(SignInUnavailableError, match='The integration context could not be read: the database is locked'):
        client.token_provider.get_token(client.token_target())


@pytest.mark.parametrize('call', ['getIntegrationContextVersioned', 'setIntegrationContextVersioned'])
def test_a_reset_says_why_it_failed(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError('no space left on device')

    monkeypatch.setattr('time.sleep', lambda _seconds: None)
    monkeypatch.setattr(demisto, call, fail)
    with pytest.raises(DemistoException, match=r'were not deleted, .*: no space left on device\. Run the command again'):
        reset_auth()


# endregion
# region commands that were ended


@pytest.mark.parametrize('ending', [SystemExit, KeyboardInterrupt, MemoryError])
def test_the_next_command_says_what_happened_to_the_token(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, ending: type[BaseException]
) -> None:
    settings = keywords(CORTEX_APP, workbench)
    client = workbench.client(settings)
    request_token = client.token_provider.token_client.request_token

    def end(*args: Any) -> None:
        request_token(*args)  # the response came, and was not stored
        raise ending

    with monkeypatch.context() as ended:
        ended.setattr(client.token_provider.token_client, 'request_token', end)
        with pytest.raises(ending):
            client.token_provider.get_token(client.token_target())
    workbench.later(300)
    error = workbench.ask(workbench.client(settings))
    assert isinstance(error, SignInRequiredError)
    assert 'A command sent this Token at ' in error.what
    assert 'has not stored the response' in error.what


@pytest.mark.parametrize('method, service, word', [(CORTEX_APP, 'token-service', 'Token'), (AUTHORIZATION_CODE, 'entra', 'code')])
@pytest.mark.parametrize(
    'fault, reason',
    [
        ({'reset_mid_body': True}, 'did not respond'),
        ({'done': True, 'status': 504, 'body': '<html>Gateway timeout</html>'}, '504'),
    ],
)
def test_an_error_says_that_an_earlier_response_was_lost_on_the_way(
    workbench: Workbench, method: str, service: str, word: str, fault: dict[str, Any], reason: str
) -> None:
    settings = keywords(method, workbench)
    workbench.cloud.faults.add(service=service, path='token$', **fault)
    error = workbench.ask(workbench.client(settings))
    assert isinstance(error, SignInRequiredError)
    assert f'and the {word} works only once.' in error.what
    assert reason in error.what
    workbench.later(60)
    error = workbench.ask(workbench.client(settings))
    assert isinstance(error, SignInRequiredError)
    assert ('A command sent this Token at ' in error.what) == (method == CORTEX_APP)


def test_a_token_that_was_used_elsewhere_is_not_blamed_on_a_command(workbench: Workbench) -> None:
    settings = keywords(CORTEX_APP, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    workbench.switch_instance()
    for _ in range(2):
        error = workbench.ask(workbench.client(settings))
        assert isinstance(error, SignInRequiredError)
        assert 'A command sent' not in error.what
        workbench.later(200)


def seconds_left(workbench: Workbench, client: MicrosoftClient) -> float:
    """Return the rest of the lease in the context."""
    lease = workbench.cached_entry(client, 'lease')
    return lease['until'] - workbench.clock.now() if lease else 0


@pytest.mark.parametrize(
    'method, service', [(CLIENT_SECRET, 'entra'), (VM_SYSTEM_ASSIGNED, 'imds'), (CORTEX_APP, 'token-service')]
)
@pytest.mark.parametrize('answers', [[(503, '')] * 3, [(429, '15'), (503, '10')], [(500, ''), (429, '25')], [(429, '29.9')]])
def test_a_short_lease_is_renewed_while_the_process_waits(
    workbench: Workbench,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    service: str,
    answers: list[tuple[int, str]],
) -> None:
    client = workbench.client(keywords(method, workbench))
    workbench.cloud.clock.stop()  # only waits take time, so that the rest of the lease does not depend on the machine
    sleep, holders, left = workbench.clock.sleep, [], []

    def sleep_as_holder(seconds: float) -> None:
        context = demisto.getIntegrationContext()
        holders.append(CachedTokens(context, client.credential, client.token_target(), workbench.clock.now()).holder)
        sleep(seconds)
        left.append(seconds_left(workbench, client))

    monkeypatch.setattr(workbench.clock, 'sleep', sleep_as_holder)
    for code, retry_after in answers:
        workbench.fail(service, 'token', status(code, retry_after))
    token_client, seen = client.token_provider.token_client, []
    send_once = token_client._send_once
    token_client._send_once = lambda request: (seen.append(seconds_left(workbench, client)), send_once(request))[1]  # type: ignore[method-assign]
    assert isinstance(workbench.ask(client), AccessToken)
    assert len(seen) == len(answers) + 1
    assert len(holders) >= len(answers)
    assert all(holders), 'others wait meanwhile'
    assert all(0 < each <= LEASE_SECONDS for each in (*seen, *left)), (seen, left)
    assert min(left) > LEASE_SECONDS - HEARTBEAT_SECONDS - 0.01
    assert min(seen) > LEASE_SECONDS - 0.01
    assert seconds_left(workbench, client) == 0


def test_a_lease_ends_where_the_token_does_not_fit_into_the_context(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = demisto.setIntegrationContextVersioned

    def store(context: dict[str, Any], version: int = -1, sync: bool = False) -> None:
        if any('/token/' in key for key in context):
            raise ValueError('too large')
        write(context, version, sync)

    monkeypatch.setattr(demisto, 'setIntegrationContextVersioned', store)
    settings = keywords(CLIENT_SECRET, workbench)
    for _ in range(2):
        client = workbench.client(settings)
        assert isinstance(workbench.ask(client), AccessToken)
        assert seconds_left(workbench, client) == 0
        assert sum(workbench.clock.waits) < 2


@pytest.mark.parametrize('method', [CORTEX_APP, AUTHORIZATION_CODE])
def test_a_command_that_ends_soon_does_not_send_what_works_once(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    client = workbench.client(settings)
    workbench.reset_counts()
    client.clock.limit(15)
    error = workbench.ask(client)
    assert str(error) == 'Nothing was sent, because the command has too little time left. Run it again.'
    assert workbench.requests_to('token-service') + workbench.requests_to('entra') == 0
    client.clock.end = math.inf
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)


# endregion
# region a wrong clock


@pytest.mark.parametrize('ahead', [3600, 24 * 3600, 400 * 24 * 3600])
def test_an_error_is_not_remembered_longer_than_the_clock_was_wrong(workbench: Workbench, ahead: float) -> None:
    settings = keywords(CLIENT_SECRET, workbench)
    workbench.later(ahead)
    workbench.fail('entra', 'token', {'aadsts': 7000215})
    assert isinstance(workbench.ask(workbench.client(settings)), MicrosoftSignInError)
    workbench.later(-ahead)
    workbench.reset_counts()
    token = workbench.ask(workbench.client(settings))
    assert isinstance(token, AccessToken)
    assert (workbench.requests_to('entra'), sum(workbench.clock.waits)) == (1, 0)


@pytest.mark.parametrize('ahead', [3600, 24 * 3600, 89 * 24 * 3600, 400 * 24 * 3600])
@pytest.mark.parametrize('method', [AUTHORIZATION_CODE, CORTEX_APP, DEVICE_CODE])
def test_a_wrong_clock_ends_no_sign_in(workbench: Workbench, monkeypatch: pytest.MonkeyPatch, method: str, ahead: float) -> None:
    settings = keywords(method, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    wrong = workbench.client(settings)
    with monkeypatch.context() as clock:  # of the engine only: the services know the time
        clock.setattr(workbench.clock, 'now', lambda: workbench.cloud.clock.now() + ahead)
        wrong.token_provider.update(lambda _cached: None)
    workbench.later(3600)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)


def test_a_wrong_clock_ends_no_sign_in_that_was_started(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = signed_out(workbench)
    url = redirect_of(workbench, settings)
    with monkeypatch.context() as clock:
        clock.setattr(workbench.clock, 'now', lambda: workbench.cloud.clock.now() + 10 * 24 * 3600)
        workbench.client(settings).token_provider.update(lambda _cached: None)
    assert complete_browser_sign_in(workbench.client(settings), url).value


# endregion
# region stored data of another shape

SHAPES: list[Any] = [
    None,
    7,
    math.nan,
    True,
    [],
    ['a'],
    {},
    {'a': 1},
    '',
    'text',
    '[]',
    'null',
    'true',
    '{"ends_on": NaN}',
    '{"ends_on": Infinity}',
    '{"ends_on": "soon"}',
    '{"ends_on": 9e99}',
    '[' * 100_000,
    '{"value": 5, "expires_on": 9e9, "refresh_on": 9e9, "ends_on": 9e9}',
    '{"value": "x", "expires_on": "9e9", "refresh_on": 9e9, "ends_on": 9e9}',
    '{"value": "x", "expires_on": true, "refresh_on": 9e9, "ends_on": 9e9}',
    '{"refresh_token": 5, "ends_on": 9e9}',
    '{"refresh_token": ["x"], "ends_on": 9e9}',
    '{"refresh_token": "x", "tenants": "x", "ends_on": 9e9}',
    '{"refresh_token": "x", "tenants": [{}], "pending": {}, "ends_on": 9e9}',
    '{"holder": 5, "until": 9e9, "ends_on": 9e9}',
    '{"holder": "x", "until": "9e9", "ends_on": 9e9}',
    '{"holder": "x", "until": 0, "kind": ["SignInRefusedError"], "what": {}, "ends_on": 9e9}',
    '{"state": 5, "device_code": {}, "interval": "x", "ends_on": 9e9}',
    '{"identity": 5, "ends_on": 9e9}',
    '{"token": 5, "time": "now", "ends_on": 9e9}',
    '{"value": "x", "expires_on": 9e99, "refresh_on": 9e99, "ends_on": 9e9}',
    '{"value": "x", "expires_on": -9e99, "refresh_on": 1e300, "ends_on": 9e9}',
]


@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: repr(shape)[:60])
@pytest.mark.parametrize('method', [CLIENT_SECRET, CORTEX_APP, AUTHORIZATION_CODE])
def test_stored_data_of_another_shape_is_dropped_and_said_once(workbench: Workbench, method: str, shape: Any) -> None:
    settings = authorization_code(workbench) if method == AUTHORIZATION_CODE else keywords(method, workbench)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)
    own = [key for key in demisto.getIntegrationContext() if key.startswith('microsoft-sign-in')]
    names = [key.rpartition('/')[2] for key in own]
    application = own[0].split('/')[1]
    extra = [f'microsoft-sign-in/{application}/{name}' for name in ('lease', 'started', 'sent', 'latest') if name not in names]
    demisto.setIntegrationContext(dict.fromkeys([*own, *extra], shape))
    workbench.log.clear()
    outcome = workbench.ask(workbench.client(settings))
    assert isinstance(outcome, (AccessToken, MicrosoftSignInError))
    workbench.client(settings).token_provider.update(lambda _cached: None)
    said = [line for line in workbench.log if 'that could not be read were dropped' in line]
    workbench.client(settings).token_provider.update(lambda _cached: None)
    assert [line for line in workbench.log if 'that could not be read were dropped' in line] == said
    assert len(said) == 1
    is_token = isinstance(outcome, AccessToken)
    assert is_token or method != CLIENT_SECRET


@pytest.mark.parametrize('context', [[], 'text', 5, {'context': [], 'version': 1}, {'context': 'x', 'version': 1}])
def test_a_context_of_another_shape_is_empty(context: Any) -> None:
    assert ContextStorage(lambda: context, lambda *_args: None).read()[0] == {}


@pytest.mark.parametrize(
    'public',
    [
        {'access_token': {'a': 1}, 'valid_until': 9e9},
        {'access_token': ['x'], 'valid_until': '9' * 400},
        {'access_token': 'x', 'valid_until': '\xb2'},
        {'access_token': 'x', 'valid_until': {'a': 1}, 'current_refresh_token': 5},
        {'current_refresh_token': {'a': 1}},
    ],
)
def test_a_context_of_the_public_module_of_another_shape_is_ignored(workbench: Workbench, public: dict[str, Any]) -> None:
    settings = keywords(CORTEX_APP, workbench)
    demisto.setIntegrationContext(public)
    assert isinstance(workbench.ask(workbench.client(settings)), AccessToken)


# endregion
