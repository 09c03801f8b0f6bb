"""Unit tests of token requests: responses, errors with advice, retries and secrets, without a cloud."""

import base64
import io
import json
import random
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
from MicrosoftCoreApiModule import MicrosoftSignInError, RetryPolicy
from MicrosoftCoreApiModule_test import StoppedClock
from MicrosoftTokenRequestApiModule import (
    LONG_LIFETIME,
    LEAST_LIFE,
    SIGN_IN_ADVICE,
    TOKEN_ENDPOINT_RETRIES,
    AccessToken,
    SignInPendingError,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenClient,
    TokenRequest,
    TokenResponse,
    TokenTarget,
    find_oauth_error,
    parse_oauth_error,
    parse_token_response,
    unusable_response,
)
from MicrosoftCredentialsApiModule import MANAGED_IDENTITY_RETRIES

NOW = 1_900_000_000.0
GRAPH = 'https://graph.microsoft.com'
SECRET = 'Very~secret'
JSON = {'Content-Type': 'application/json'}
Response = tuple[int, dict[str, str], str]
GOOD: Response = (200, JSON, '{"access_token": "a-token", "expires_in": 3599}')

# region a scripted service and a clock


class ScriptedService(requests.adapters.BaseAdapter):
    """Answer all requests of a ``with`` block with the given responses in order, the last one again and again.

    Args:
        responses: status, headers and body.
    """

    url = 'https://service.example'

    def __init__(self, responses: list[Response]):
        super().__init__()
        self.responses = responses
        self.seen: list[requests.PreparedRequest] = []
        self._patch = mock.patch.object(requests.Session, 'get_adapter', return_value=self)

    def __enter__(self) -> 'ScriptedService':
        self._patch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._patch.stop()

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, headers, body = self.responses[min(len(self.seen), len(self.responses) - 1)]
        response.headers.update(headers)
        response.raw, response.url, response.request = io.BytesIO(body.encode()), str(request.url), request
        self.seen.append(request)
        return response

    def close(self) -> None:
        pass


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def token_client(clock: StoppedClock) -> TokenClient:
    return TokenClient(clock=clock)


# endregion
# region errors


@pytest.mark.parametrize('number', sorted(SIGN_IN_ADVICE))
def test_every_advice_consists_of_full_sentences(number: int) -> None:
    assert SIGN_IN_ADVICE[number].endswith('.')
    assert SIGN_IN_ADVICE[number][0].isupper()


@pytest.mark.parametrize(
    'description, sentence',
    [
        ('AADSTS50034: No account. Try another. Trace ID: 1', 'AADSTS50034: No account.'),
        ('AADSTS50034: Version 2.0 is needed! Try it.', 'AADSTS50034: Version 2.0 is needed!'),
        ('AADSTS50034: Is 1. May be 2.', 'AADSTS50034: Is 1. May be 2.'),
        ('No account\r\nTrace ID: 1\r\nCorrelation ID: 2', 'No account'),
        ('', 'HTTP status 400, invalid_grant.'),
    ],
)
def test_the_first_sentence_of_a_description_is_shown(description: str, sentence: str) -> None:
    assert parse_oauth_error({'error': 'invalid_grant', 'error_description': description}, 400).what == (
        f'Microsoft refused the sign-in: {sentence}'
    )


@pytest.mark.parametrize(
    'body, kind, code, advice',
    [
        ({'error': 'invalid_client'}, SignInRefusedError, 'invalid_client', 'Check ID, Token and Key'),
        ({'error': 'invalid_grant'}, SignInRequiredError, 'invalid_grant', 'Sign in again'),
        ({'error': 'login_required'}, SignInRequiredError, 'login_required', 'Check the settings'),
        ({'error': 'new_error'}, SignInRefusedError, 'new_error', 'Check the settings'),
        ({}, SignInRefusedError, '', 'Check the settings'),
        (
            {'error': 'new_error', 'error_description': 'AADSTS7654321: New.'},
            SignInRefusedError,
            'AADSTS7654321',
            'Look up AADSTS7654321',
        ),
        ({'error': 'invalid_grant', 'error_codes': [50076]}, SignInRequiredError, 'AADSTS50076', 'in a browser, or use'),
        (
            {'error': 'invalid_grant', 'error_codes': ['50076', None, 'x']},
            SignInRequiredError,
            'AADSTS50076',
            'in a browser, or use',
        ),
        ({'error': 'invalid_grant', 'error_codes': 50076}, SignInRequiredError, 'invalid_grant', 'Sign in again'),
        ({'error': 'invalid_grant', 'error_codes': [1, 50076]}, SignInRequiredError, 'AADSTS1', 'in a browser, or use'),
        (
            {'error': 'invalid_grant', 'error_description': 'AADSTS700082: x AADSTS1: y', 'error_codes': [1]},
            SignInRequiredError,
            'AADSTS700082',
            'Sign in again.',
        ),
    ],
)
def test_the_error_selects_the_class_and_its_number_the_advice(body: dict[str, Any], kind: type, code: str, advice: str) -> None:
    refusal = parse_oauth_error(body, 400)
    assert type(refusal) is kind
    assert refusal.code == code
    assert advice in refusal.advice


@pytest.mark.parametrize('error, interval', [('authorization_pending', 0), ('slow_down', 5)])
def test_a_pending_sign_in_says_how_much_longer_to_wait(error: str, interval: float) -> None:
    pending = parse_oauth_error({'error': error}, 400)
    assert isinstance(pending, SignInPendingError)
    assert pending.interval == interval


NESTED = {'error': 'invalid_grant', 'error_description': 'AADSTS50173: Revoked.'}


@pytest.mark.parametrize(
    'body, error',
    [
        (NESTED, NESTED),
        ({'error': {'code': 'invalid_request', 'message': 'Odd.'}}, {'error': 'invalid_request', 'error_description': 'Odd.'}),
        ({'error': {'code': None}}, {'error': '', 'error_description': ''}),
        ({'message': 'Odd.'}, {'error': 'refused', 'error_description': 'Odd.'}),
        ({'title': 'No', 'detail': 'Odd.'}, {'error': 'refused', 'error_description': 'No: Odd.'}),
        ({'title': 'No', 'detail': f'Answer: {json.dumps(NESTED)}.'}, NESTED),
        ({'message': f'Answer:\n{json.dumps(NESTED, indent=2)}'}, NESTED),
        (
            {'message': f'Answer: {json.dumps(json.dumps({"error": "", "error_description": "AADSTS50173: Revoked."}))}'},
            {'error': 'invalid_grant', 'error_description': 'AADSTS50173: Revoked.'},
        ),
        ({'message': '{"no": "error"}'}, {'error': 'refused', 'error_description': '{"no": "error"}'}),
        ({'message': 'a {b} c'}, {'error': 'refused', 'error_description': 'a {b} c'}),
        ({}, {}),
        ({'other': 'x'}, {}),
        ([NESTED], {}),
        ('text', {'error': 'refused', 'error_description': 'text'}),
        ('', {}),
        (None, {}),
    ],
)
def test_the_error_object_is_found_in_the_responses_of_all_services(body: object, error: dict[str, str]) -> None:
    assert find_oauth_error(body) == error


def test_an_unusable_response_names_the_host_and_what_to_check() -> None:
    error = unusable_response(TokenRequest('POST', 'https://login.example/token?secret=x'), 'a poem')
    assert str(error) == ('The sign-in service at login.example answered with a poem. Check the address and the proxy settings.')


# endregion
# region tokens


@pytest.mark.parametrize(
    'target, scope, resource',
    [
        (TokenTarget(scope=f'{GRAPH}/.default'), f'{GRAPH}/.default', GRAPH),
        (TokenTarget(resource=GRAPH), f'{GRAPH}/.default', GRAPH),
        (TokenTarget(resource=f'{GRAPH}/'), f'{GRAPH}//.default', f'{GRAPH}/'),
        (TokenTarget(scope=f'{GRAPH}//.default'), f'{GRAPH}//.default', f'{GRAPH}/'),
        (TokenTarget(scope=f'{GRAPH}/Mail.Send'), f'{GRAPH}/Mail.Send', GRAPH),
        (TokenTarget(scope=f'offline_access {GRAPH}/Mail.Send'), f'offline_access {GRAPH}/Mail.Send', GRAPH),
        (
            TokenTarget(scope='https://x.example/service/.default'),
            'https://x.example/service/.default',
            'https://x.example/service',
        ),
        (TokenTarget(scope='1b2c/.default'), '1b2c/.default', '1b2c'),
        (TokenTarget(scope='1b2c'), '1b2c', '1b2c'),
        (TokenTarget(), '', ''),
    ],
)
def test_a_target_is_a_scope_or_a_resource(target: TokenTarget, scope: str, resource: str) -> None:
    assert target.as_scope == scope
    assert target.as_resource == resource


@pytest.mark.parametrize('seconds_left, is_usable', [(3600, True), (LEAST_LIFE + 1, True), (LEAST_LIFE, False), (-1, False)])
def test_a_token_is_used_until_shortly_before_it_expires(seconds_left: float, is_usable: bool) -> None:
    assert AccessToken('x', NOW + seconds_left, 0).is_usable(NOW) == is_usable


def test_an_empty_token_is_never_used() -> None:
    assert not AccessToken('', NOW + 3600, NOW).is_usable(NOW)


@pytest.mark.parametrize('seconds', [-1, 0, 1])
def test_a_token_is_due_for_refresh_from_its_time_on(seconds: float) -> None:
    assert AccessToken('x', NOW + 3600, NOW + seconds).should_refresh(NOW) == (seconds <= 0)


def part(claims: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')


@pytest.mark.parametrize(
    'value, claims',
    [
        (f'{part({})}.{part({"tid": "ä"})}.signature', {'tid': 'ä'}),
        (f'x.{part([1])}.x', {}),
        ('opaque', {}),
        ('', {}),
        ('a.b.c', {}),
        ('a.!!!.c', {}),
        (f'a.{base64.b64encode(bytes([255])).decode()}.c', {}),
    ],
)
def test_claims_are_empty_if_the_token_cannot_be_read(value: str, claims: dict[str, Any]) -> None:
    assert AccessToken(value, 0, 0).claims() == claims


def jwt_that_ends(end: Any) -> str:
    return f'header.{base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")}.signature'


@pytest.mark.parametrize(
    'body, life',
    [
        ({'expires_in': 3599}, 3599),
        ({'expires_in': '3599'}, 3599),
        ({'expires_in': 1800.5}, 1800.5),
        ({}, 3599),
        ({'expires_in': None}, 3599),
        ({'expires_in': ''}, 3599),
        ({'expires_in': 'soon'}, 3599),
        ({'expires_in': [1]}, 3599),
        ({'expires_in': 0}, 0),
        ({'expires_in': -1}, 0),
        ({'expires_in': 10**15}, 28 * 3600),
        ({'expires_in': 'inf'}, 3599),
        ({'expires_in': float('nan')}, 3599),
        ({'expires_on': NOW + 60}, 60),
        ({'expires_on': str(int(NOW) + 60)}, 60),
        ({'expires_on': NOW - 60}, 0),
        ({'expires_in': '90', 'expires_on': NOW + 60}, 90),
        ({'expires_on': '03/17/2030 17:47:40 +00:00'}, 60),
        ({'expires_on': '03/17/2030 05:47:40 PM +00:00'}, 60),
        ({'expires_on': '03/17/2030 19:47:40 +02:00'}, 60),
        ({'expires_on': '03/17/2030 17:47:40 PM +00:00'}, 60),
        ({'expires_on': '3/17/2030 5:47:40 PM +00:00'}, 60),
        ({'expires_on': '2030-03-17T17:47:40.0000000+00:00'}, 60),
        ({'expires_on': '2030-03-17T17:47:40Z'}, 60),
        ({'expires_on': '2030-03-17T19:47:40+02:00'}, 60),
        ({'expires_on': 'tomorrow'}, 3599),
        ({'expires_on': 'tomorrow', 'access_token': jwt_that_ends(NOW + 60)}, 60),
        ({'access_token': jwt_that_ends(NOW - 60)}, 0),
        ({'access_token': jwt_that_ends('soon')}, 3599),
        ({'expires_in': 90, 'access_token': jwt_that_ends(NOW + 60)}, 90),
        ({'expires_on': NOW + 70, 'access_token': jwt_that_ends(NOW + 60)}, 70),
    ],
)
def test_the_expiry_is_read_in_every_format(body: dict[str, Any], life: float) -> None:
    token = parse_token_response({'access_token': 'x', **body}, NOW).token
    assert token.expires_on - NOW == pytest.approx(life)


@pytest.mark.parametrize(
    'life, refresh_in, refreshed_after',
    [
        (3599, None, 3599),
        (LONG_LIFETIME - 1, None, LONG_LIFETIME - 1),
        (LONG_LIFETIME, None, LONG_LIFETIME / 2),
        (86400, None, 43200),
        (3599, 1200, 1200),
        (86400, '50000', 50000),
        (3599, 0, 3599),
        (3599, -5, 3599),
        (3599, 3599, 3599),
        (3599, 'x', 3599),
    ],
)
def test_a_token_is_refreshed_as_the_service_says_or_at_half_of_a_long_lifetime(
    life: float, refresh_in: object, refreshed_after: float
) -> None:
    token = parse_token_response({'access_token': 'x', 'expires_in': life, 'refresh_in': refresh_in}, NOW).token
    assert token.refresh_on - NOW == pytest.approx(refreshed_after)


def test_a_response_has_a_scope_and_a_refresh_token() -> None:
    answer = parse_token_response({'access_token': 'x', 'refresh_token': 'r', 'scope': 'Mail.Send User.Read'}, NOW)
    assert (answer.refresh_token, answer.token.scope) == ('r', 'Mail.Send User.Read')
    assert parse_token_response({'access_token': 'x', 'refresh_token': None}, NOW).refresh_token == ''


# endregion
# region secrets

REQUEST = TokenRequest(
    'POST',
    'https://login.example/token',
    {'api-version': '1'},
    {'client_secret': SECRET},
    {'encrypted_token': SECRET},
    {'X-IDENTITY-HEADER': SECRET},
)


@pytest.mark.parametrize(
    'shown',
    [
        REQUEST,
        AccessToken(SECRET, 0, 0),
        TokenResponse(AccessToken(SECRET, 0, 0), SECRET),
        TokenRequest('POST', REQUEST.url, renew=lambda: REQUEST),
    ],
)
def test_no_secret_is_in_a_repr(shown: object) -> None:
    assert SECRET not in repr(shown)
    assert SECRET not in str(shown)


@pytest.mark.parametrize(
    'name',
    [
        'client_secret',
        'client_assertion',
        'refresh_token',
        'code',
        'code_verifier',
        'device_code',
        'encrypted_token',
        'X-IDENTITY-HEADER',
        'Authorization',
    ],
)
@pytest.mark.parametrize('place', ['form', 'json_body', 'headers'])
def test_an_echoed_secret_is_redacted(name: str, place: str) -> None:
    request = TokenRequest('POST', 'https://login.example', **{place: {name: SECRET, 'client_id': 'id'}})  # type: ignore[arg-type]
    assert request.redact(f'No {SECRET}, {SECRET} for id.') == 'No ***, *** for id.'


@pytest.mark.parametrize('text', ['abc', 'The code is wrong.'])
def test_a_text_without_a_secret_is_not_changed(text: str) -> None:
    assert TokenRequest('POST', 'https://x', form={'code': 'The', 'client_secret': ''}).redact(text) == text


def test_any_token_in_a_text_is_redacted() -> None:
    assert REQUEST.redact(f'Token ey{part({})}. eyJh.eyJi.c-_1 is bad.') == f'Token ey{part({})}. *** is bad.'


def test_a_netrc_file_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'netrc').write_text('default login ada password of-ada')
    monkeypatch.setenv('NETRC', str(tmp_path / 'netrc'))
    with ScriptedService([(200, JSON, '{}')]) as service:
        response = TokenClient().send(TokenRequest('POST', service.url, form={'code': 'c'}))
    assert 'Authorization' not in response.request.headers


def test_secrets_are_masked_as_they_are_and_as_a_form_encodes_them() -> None:
    masked: list[str] = []
    answer = (200, JSON, json.dumps({'access_token': 'access/token', 'refresh_token': 'refresh token', 'expires_in': 3599}))
    with ScriptedService([answer]) as service:
        TokenClient(on_secret=masked.append).request_token(
            TokenRequest('POST', service.url, form={'client_id': 'id', 'code': 'the+code'})
        )
        assert service.seen[0].body == 'client_id=id&code=the%2Bcode'
    assert {'the+code', 'the%2Bcode', 'access/token', 'access%2Ftoken', 'refresh token', 'refresh+token'} <= set(masked)


def test_each_secret_is_masked_once_before_it_is_sent_or_when_it_is_received(clock: StoppedClock) -> None:
    masked: list[str] = []
    answer: Response = (200, JSON, '{"access_token": "the/token", "refresh_token": "the-next", "expires_in": 3599}')
    with ScriptedService([(503, {}, ''), answer]) as service:
        TokenClient(clock=clock, on_secret=lambda secret: masked.append(f'{len(service.seen)}: {secret}')).request_token(
            TokenRequest('POST', service.url, form={'code': 'the$code', 'client_id': 'the-client'})
        )
    assert len(set(masked)) == len(masked)
    assert {f'0: {secret}' for secret in ('the$code', 'the%24code')} <= set(masked)
    assert {f'2: {secret}' for secret in ('the/token', 'the%2Ftoken', 'the-next')} <= set(masked)


def test_an_echoed_secret_is_not_in_the_error(token_client: TokenClient) -> None:
    body = json.dumps(
        {'error': 'invalid_client', 'error_description': f'Wrong: {SECRET}. Or {SECRET}!', 'error_codes': [7000215]}
    )
    with ScriptedService([(401, JSON, body)]) as service, pytest.raises(SignInRefusedError) as refused:
        token_client.request_token(TokenRequest('POST', service.url, form=REQUEST.form))
    assert refused.value.what == 'Microsoft refused the sign-in: Wrong: ***.'
    assert SECRET not in repr(refused.value)


@pytest.mark.parametrize('name', ['error', 'error_description', 'correlation_id', 'suberror', 'message'])
@pytest.mark.parametrize('status', [200, 400, 503])
def test_an_echoed_secret_is_in_no_part_of_the_error(token_client: TokenClient, status: int, name: str) -> None:
    body = {'error': 'invalid_client', 'error_description': 'AADSTS7000215: Wrong.', 'correlation_id': 'c', name: f'x {SECRET}'}
    with ScriptedService([(status, JSON, json.dumps(body))]) as service, pytest.raises(MicrosoftSignInError) as error:
        token_client.request_token(TokenRequest('POST', service.url, form=REQUEST.form))
    assert SECRET not in str((vars(error.value), error.value))


# endregion
# region retries


@pytest.mark.parametrize('jitter', [0.75, 1.0, 1.25])
@pytest.mark.parametrize(
    'policy, status, retries, least',
    [
        (MANAGED_IDENTITY_RETRIES, 410, 7, 70),  # the host's service may be away for 70 s
        (MANAGED_IDENTITY_RETRIES, 404, 4, 9),
        (MANAGED_IDENTITY_RETRIES, 429, 4, 9),
        (MANAGED_IDENTITY_RETRIES, 599, 4, 9),
        (TOKEN_ENDPOINT_RETRIES, 429, 3, 2.6),
        (TOKEN_ENDPOINT_RETRIES, 503, 3, 2.6),
        (TOKEN_ENDPOINT_RETRIES, 400, 0, 0),
        (TOKEN_ENDPOINT_RETRIES, 410, 0, 0),
    ],
)
def test_the_retries_last_as_long_as_the_service_needs_with_any_jitter(
    token_client: TokenClient,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
    policy: RetryPolicy,
    status: int,
    retries: int,
    least: float,
    jitter: float,
) -> None:
    monkeypatch.setattr(random, 'uniform', lambda _least, _most: jitter)
    with ScriptedService([(status, {}, '')]) as service:
        assert token_client.send(TokenRequest('GET', service.url, retry_policy=policy)).status_code == status
    assert len(service.seen) == retries + 1
    assert least <= sum(clock.waits) <= policy.budget


@pytest.mark.parametrize('policy', [MANAGED_IDENTITY_RETRIES, TOKEN_ENDPOINT_RETRIES])
def test_the_policies_retry_only_transient_errors(policy: RetryPolicy) -> None:
    assert max(policy.retries.values()) <= (7 if policy is MANAGED_IDENTITY_RETRIES else 3)
    assert not {400, 401, 403} & set(policy.retries)
    assert policy.connection_retries <= 3


@pytest.mark.parametrize('waits', [['8'], ['10', '20'], ['0', '0', '0']])
def test_the_client_waits_as_the_service_asks(token_client: TokenClient, clock: StoppedClock, waits: list[str]) -> None:
    with ScriptedService([*((429, {'Retry-After': wait}, '') for wait in waits), GOOD]) as service:
        token_client.request_token(TokenRequest('POST', service.url))
    assert clock.waits == [float(wait) for wait in waits]


@pytest.mark.parametrize(
    'answers, waits',
    [
        ([(503, {'Retry-After': '31'}, '')], []),
        ([(503, {'Retry-After': '20'}, ''), (503, {'Retry-After': '11'}, '')], [20.0]),
        ([(429, {'Retry-After': '3600'}, '')], []),
    ],
)
def test_a_wait_beyond_the_budget_is_not_made(
    token_client: TokenClient, clock: StoppedClock, answers: list[Response], waits: list[float]
) -> None:
    with ScriptedService(answers) as service, pytest.raises(SignInUnavailableError) as error:
        token_client.request_token(TokenRequest('POST', service.url))
    assert clock.waits == waits
    assert error.value.retry_after == float(answers[-1][1]['Retry-After'])


def test_a_request_can_be_renewed_for_each_retry(token_client: TokenClient) -> None:
    numbers = iter(range(2, 9))

    def numbered(number: int) -> TokenRequest:
        return TokenRequest('POST', service.url, form={'number': str(number)}, renew=lambda: numbered(next(numbers)))

    with ScriptedService([(503, {}, ''), (503, {}, ''), GOOD]) as service:
        token_client.request_token(numbered(1))
    assert [seen.body for seen in service.seen] == ['number=1', 'number=2', 'number=3']


def test_a_client_without_retries_sends_a_request_once(token_client: TokenClient, clock: StoppedClock) -> None:
    with ScriptedService([(503, {}, ''), GOOD]) as service:
        assert token_client.without_retries(5).send(TokenRequest('POST', service.url)).status_code == 503
        assert token_client.send(TokenRequest('POST', service.url)).status_code == 200
    assert (len(service.seen), clock.waits) == (2, [])


@pytest.mark.parametrize('url', ['https:///token', 'login.example/token', 'htps://login.example/token'])
def test_an_address_that_is_not_valid_is_not_tried_again(token_client: TokenClient, clock: StoppedClock, url: str) -> None:
    with pytest.raises(SignInUnavailableError, match='is not valid'):
        token_client.send(TokenRequest('POST', url))
    assert clock.waits == []


# endregion
# region responses


def test_the_lifetime_starts_with_the_request(token_client: TokenClient, clock: StoppedClock) -> None:
    with ScriptedService([(429, {'Retry-After': '20'}, ''), GOOD]) as service:
        token = token_client.request_token(TokenRequest('POST', service.url)).token
    assert (clock.now(), token.expires_on) == (NOW + 20, NOW + 3599)


def test_a_request_is_sent_with_its_parameters_headers_and_body(token_client: TokenClient) -> None:
    with ScriptedService([GOOD]) as service:
        token_client.request_token(TokenRequest('GET', service.url, {'resource': GRAPH}, headers={'Accept': 'text/plain'}))
        token_client.request_token(TokenRequest('POST', service.url, json_body={'app_name': 'x'}))
    first, second = service.seen
    assert (first.method, first.url, first.headers['Accept']) == (
        'GET',
        f'{service.url}/?resource={requests.compat.quote(GRAPH, safe="")}',
        'text/plain',
    )
    assert (second.method, json.loads(second.body or ''), second.headers['Accept']) == (
        'POST',
        {'app_name': 'x'},
        'application/json',
    )


@pytest.mark.parametrize(
    'status, body, kind, code',
    [
        (200, '', SignInUnavailableError, 'unusable_response'),
        (200, 'null', SignInUnavailableError, 'unusable_response'),
        (200, '{"error": "invalid_grant"}', SignInRequiredError, 'invalid_grant'),
        (200, '{"error": "temporarily_unavailable"}', SignInUnavailableError, '200'),
        (204, '', SignInUnavailableError, 'unusable_response'),
        (302, '', SignInUnavailableError, 'unusable_response'),
        (400, '{"error": "temporarily_unavailable"}', SignInUnavailableError, '400'),
        (400, '{"error": "slow_down"}', SignInPendingError, ''),
        (418, '<html>', SignInRefusedError, '418'),
        (505, '{"message": "No."}', SignInUnavailableError, '505'),
        (505, '{"error": "authorization_pending"}', SignInPendingError, ''),
        (505, '{"error": "consent_required"}', SignInRequiredError, 'consent_required'),
    ],
)
def test_a_response_without_a_token_raises_the_error_of_its_kind(
    token_client: TokenClient, status: int, body: str, kind: type, code: str
) -> None:
    with ScriptedService([(status, {'Location': '/elsewhere'}, body)]) as service, pytest.raises(MicrosoftSignInError) as error:
        token_client.request_token(TokenRequest('POST', service.url))
    assert type(error.value) is kind
    assert error.value.code == code
    assert len(service.seen) == (4 if status == 400 and 'temporarily' in body else 1), 'as often as with status 503'


def test_the_request_has_the_advice_for_an_unknown_refusal(token_client: TokenClient) -> None:
    answer: Response = (400, {}, '{"message": "No."}')
    with ScriptedService([answer]) as service, pytest.raises(SignInRefusedError, match=r'No\. Ask the owner\.'):
        token_client.request_token(TokenRequest('POST', service.url, refusal_advice='Ask the owner.'))


# endregion
