"""Unit tests of token requests: responses, errors with advice, retries and secrets, without a cloud."""

import base64
import io
import json
import socket
import math
import random
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftHttpApiModule import RetryPolicy
from MicrosoftCoreApiModule_test import StoppedClock
from MicrosoftTokenRequestApiModule import (
    LONG_LIFETIME,
    MIN_REMAINING_LIFETIME,
    SIGN_IN_ADVICE,
    TOKEN_ENDPOINT_RETRIES,
    TOKEN_THREAD,
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
    without_repetition,
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
        self.timeouts: list[Any] = []
        self._patch = mock.patch.object(requests.Session, 'get_adapter', return_value=self)

    def __enter__(self) -> 'ScriptedService':
        self._patch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._patch.stop()

    def send(self, request: requests.PreparedRequest, *_args: Any, timeout: Any = None, **_kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, headers, body = self.responses[min(len(self.seen), len(self.responses) - 1)]
        response.headers.update(headers)
        response.raw, response.url, response.request = io.BytesIO(body.encode()), str(request.url), request
        self.seen.append(request)
        self.timeouts.append(timeout)
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
    text = SIGN_IN_ADVICE[number].text
    assert text.endswith('.')
    assert text[0].isupper()


@pytest.mark.parametrize(
    'description, sentence',
    [
        ('AADSTS50034: No account. Try another. Trace ID: 1', 'AADSTS50034: No account.'),
        ('AADSTS50034: Version 2.0 is needed! Try it.', 'AADSTS50034: Version 2.0 is needed!'),
        ('AADSTS50034: Is 1. May be 2.', 'AADSTS50034: Is 1. May be 2.'),
        ('No account\r\nTrace ID: 1\r\nCorrelation ID: 2', 'No account'),
        ('', 'HTTP status 400, invalid_grant.'),
        ('AADSTS50034: No ada@contoso.example here. Try another.', 'AADSTS50034: No ada@contoso.example here.'),
        ('No Timestamp, Trace ID or Correlation ID. Timestamp: 1', 'No Timestamp, Trace ID or Correlation ID.'),
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
        ({'error': 'login_required'}, SignInRequiredError, 'login_required', 'Sign in again in a browser.'),
        (
            {'error': 'interaction_required', 'error_codes': [16000]},
            SignInRequiredError,
            'AADSTS16000',
            'Sign in again in a browser.',
        ),
        ({'error': 'interaction_required', 'error_codes': [50105]}, SignInRequiredError, 'AADSTS50105', 'Assign the user'),
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


@pytest.mark.parametrize(
    'body, own_advice, expected',
    [
        ({'error': 'invalid_grant', 'error_codes': [700082]}, '', True),
        ({'error': 'invalid_grant', 'error_codes': [65001]}, '', True),
        ({'error': 'invalid_grant', 'error_codes': [53003]}, '', False),
        ({'error': 'invalid_grant', 'error_codes': [53003]}, 'Go through the consent page again.', False),
        ({'error': 'invalid_grant', 'error_codes': [50057]}, 'Go through the consent page again.', False),
        ({'error': 'invalid_grant', 'error_codes': [50076]}, 'Go through the consent page again.', True),
        ({'error': 'invalid_grant', 'error_codes': [700082]}, 'Go through the consent page again.', True),
        ({'error': 'invalid_grant', 'error_codes': [50126]}, '', False),
        ({'error': 'invalid_grant', 'error_codes': [7654321]}, '', False),
        ({'error': 'invalid_grant', 'suberror': 'token_expired'}, '', True),
        ({'error': 'invalid_grant', 'suberror': 'message_only'}, '', False),
        ({'error': 'invalid_grant'}, '', True),
        ({'error': 'access_denied'}, '', True),
        ({'error': 'login_required'}, '', True),
        ({'error': 'interaction_required', 'error_codes': [16000]}, '', True),
        ({'error': 'interaction_required', 'error_codes': [50105]}, '', False),
    ],
)
def test_a_sign_in_that_is_required_says_whether_a_new_one_helps(body: dict[str, Any], own_advice: str, expected: bool) -> None:
    error = parse_oauth_error(body, 400, own_advice)
    assert isinstance(error, SignInRequiredError)
    assert error.needs_new_sign_in == expected


@pytest.mark.parametrize('error, extra_seconds', [('authorization_pending', 0), ('slow_down', 5)])
def test_a_pending_sign_in_says_how_much_longer_to_wait(error: str, extra_seconds: float) -> None:
    pending = parse_oauth_error({'error': error}, 400)
    assert isinstance(pending, SignInPendingError)
    assert pending.extra_seconds == extra_seconds


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
        ('x' * 500, {'error': 'refused', 'error_description': 'x' * 500}),
        ('x' * 501, {}),
        ('<p>text</p>', {}),
        ('<p>AADSTS50173: Revoked. </p>', {'error': 'invalid_grant', 'error_description': 'AADSTS50173: Revoked.'}),
        ('AADSTS7654321: New.', {'error': 'refused', 'error_description': 'AADSTS7654321: New.'}),
        ('It is &quot;access_denied&quot;', {'error': 'access_denied', 'error_description': 'It is "access_denied"'}),
        ('<p>access_denied</p>', {}),
        ('access_denied', {'error': 'access_denied', 'error_description': 'access_denied'}),
        ({'Error': {'Code': 'a', 'Message': 'b'}}, {'error': 'a', 'error_description': 'b'}),
        ('', {}),
        (None, {}),
    ],
)
def test_the_error_object_is_found_in_the_responses_of_all_services(body: object, error: dict[str, str]) -> None:
    assert find_oauth_error(body) == error


def test_an_unusable_response_names_the_host_and_what_to_check() -> None:
    error = unusable_response(TokenRequest('POST', 'https://login.example/token?secret=x'), 'a poem')
    assert str(error) == ('The sign-in service at login.example responded with a poem. Check the address and the proxy settings.')


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


@pytest.mark.parametrize(
    'seconds_left, is_usable', [(3600, True), (MIN_REMAINING_LIFETIME + 1, True), (MIN_REMAINING_LIFETIME, False), (-1, False)]
)
def test_a_token_is_used_until_shortly_before_it_expires(seconds_left: float, is_usable: bool) -> None:
    assert AccessToken('x', NOW + seconds_left, 0).is_usable(NOW) == is_usable


def test_an_empty_token_is_never_used() -> None:
    assert not AccessToken('', NOW + 3600, NOW).is_usable(NOW)


@pytest.mark.parametrize('seconds', [-1, 0, 1])
def test_a_token_is_due_for_refresh_from_its_time_on(seconds: float) -> None:
    assert AccessToken('x', NOW + 3600, NOW + seconds).should_refresh(NOW) == (seconds <= 0)


@pytest.mark.parametrize('seconds_left, is_due', [(301, False), (300, True), (299, True)])
def test_a_token_is_due_for_refresh_before_it_expires(seconds_left: float, is_due: bool) -> None:
    assert AccessToken('x', NOW + seconds_left, NOW + 3600).should_refresh(NOW) == is_due


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
        (3599, 1, 1),
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
        TokenRequest('POST', REQUEST.url, rebuild=lambda: REQUEST),
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
        *((MANAGED_IDENTITY_RETRIES, status, 4, 9) for status in (408, 429, 500, 599)),
        *((TOKEN_ENDPOINT_RETRIES, status, 3, 2.6) for status in (408, 429, 500, 502, 503, 504)),
        (TOKEN_ENDPOINT_RETRIES, 400, 0, 0),
        (TOKEN_ENDPOINT_RETRIES, 410, 0, 0),
    ],
)
def test_the_retries_cover_the_downtime_of_the_service_with_any_jitter(
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
    assert policy.connection_retries <= (4 if policy is MANAGED_IDENTITY_RETRIES else 3)


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
def test_no_wait_exceeds_the_budget_of_a_token_request(
    token_client: TokenClient, clock: StoppedClock, answers: list[Response], waits: list[float]
) -> None:
    with ScriptedService(answers) as service, pytest.raises(SignInUnavailableError) as error:
        token_client.request_token(TokenRequest('POST', service.url))
    assert clock.waits == waits
    assert error.value.retry_after == float(answers[-1][1]['Retry-After'])


def test_a_request_can_be_rebuilt_for_each_retry(token_client: TokenClient) -> None:
    numbers = iter(range(2, 9))

    def numbered(number: int) -> TokenRequest:
        return TokenRequest('POST', service.url, form={'number': str(number)}, rebuild=lambda: numbered(next(numbers)))

    with ScriptedService([(503, {}, ''), (503, {}, ''), GOOD]) as service:
        token_client.request_token(numbered(1))
    assert [seen.body for seen in service.seen] == ['number=1', 'number=2', 'number=3']


def test_a_client_without_retries_sends_a_request_once(token_client: TokenClient, clock: StoppedClock) -> None:
    with ScriptedService([(503, {}, ''), GOOD]) as service:
        assert token_client.without_retries(5).send(TokenRequest('POST', service.url)).status_code == 503
        assert token_client.send(TokenRequest('POST', service.url)).status_code == 200
    assert (len(service.seen), clock.waits) == (2, [])


def test_a_host_that_accepts_connections_and_is_silent_is_tried_twice(token_client: TokenClient, clock: StoppedClock) -> None:
    """It is not one that has not started yet, and each attempt takes the whole timeout."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        url = f'http://127.0.0.1:{server.getsockname()[1]}/token'
        with pytest.raises(SignInUnavailableError, match='in time'):
            token_client.send(
                TokenRequest('GET', url, read_timeout=0.1, is_host_service=True, retry_policy=MANAGED_IDENTITY_RETRIES)
            )
    assert len(clock.waits) == 1


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
        (400, '{"error": "invalid_grant", "error_description": "AADSTS50087: x"}', SignInUnavailableError, '400'),
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
    is_repeated = status == 400 and kind is SignInUnavailableError
    assert len(service.seen) == (4 if is_repeated else 1), 'as often as with status 503'


def test_the_request_has_the_advice_for_an_unknown_refusal(token_client: TokenClient) -> None:
    answer: Response = (400, {}, '{"message": "No."}')
    with ScriptedService([answer]) as service, pytest.raises(SignInRefusedError, match=r'No\. Ask the owner\.'):
        token_client.request_token(TokenRequest('POST', service.url, refusal_advice='Ask the owner.'))


# endregion


# region whole sentences

SERVICE_SAID = 'The sign-in service at service.example responded with'
CHECK_ADDRESS = 'Check the address of the service, the cloud setting and the proxy.'
BLOCK_PAGE = '<html><body>access_denied: This category is blocked.</body></html>'
A_HOST = 'Choose an Azure host.'
AN_OWNER = 'Ask the owner.'
OF_A_HOST: dict[str, Any] = {'is_host_service': True, 'no_response_advice': A_HOST}
NOT_A_HOST = f'The service at service.example is not an Azure identity endpoint (HTTP status {{}}). {A_HOST}'


def error_after(answer: Response, **of_request: Any) -> MicrosoftSignInError:
    """Return the error of a request with these attributes, whose first answer is the last."""
    client = TokenClient(clock=StoppedClock()).without_retries(9)
    with ScriptedService([answer]) as service, pytest.raises(MicrosoftSignInError) as error:
        client.request_token(TokenRequest('POST', service.url, **of_request))
    return error.value


@pytest.mark.parametrize(
    'answer, of_request, text',
    [
        ((503, {}, ''), {}, 'HTTP status 503. Try again in a few minutes.'),
        ((503, {'Retry-After': '31'}, ''), {}, 'HTTP status 503. Try again in 31 seconds.'),
        ((503, {}, ''), {'refusal_advice': AN_OWNER}, 'HTTP status 503. Try again in a few minutes.'),
        ((500, {}, ''), {'refusal_advice': AN_OWNER}, f'HTTP status 500. Try again in a few minutes. {AN_OWNER}'),
        ((500, {}, '{"message": "Broken."}'), {}, 'HTTP status 500: Broken. Try again in a few minutes.'),
        ((500, {}, ''), {'retry_policy': RetryPolicy()}, 'HTTP status 500. Try again in a few minutes.'),
        ((499, {}, ''), {'retry_policy': RetryPolicy()}, f'HTTP status 499. {CHECK_ADDRESS}'),
        ((400, {}, '{"message": "No."}'), {}, f'HTTP status 400: No. {CHECK_ADDRESS}'),
        ((400, {}, '{"message": "No."}'), {'refusal_advice': AN_OWNER}, f'HTTP status 400: No. {AN_OWNER}'),
        ((418, {}, '<html>'), {}, f'HTTP status 418. {CHECK_ADDRESS}'),
        ((401, {}, ''), {'refusal_advice': AN_OWNER}, f'HTTP status 401. {AN_OWNER}'),
        ((403, {}, BLOCK_PAGE), {'refusal_advice': AN_OWNER}, f'HTTP status 403. {CHECK_ADDRESS}'),
        ((500, {}, BLOCK_PAGE), {'refusal_advice': AN_OWNER}, 'HTTP status 500. Try again in a few minutes.'),
        ((404, {}, ''), {'refusal_advice': AN_OWNER}, f'HTTP status 404. {CHECK_ADDRESS}'),
        ((404, {}, '{"message": "No."}'), {'refusal_advice': AN_OWNER}, f'HTTP status 404: No. {AN_OWNER}'),
        ((418, {}, '<html>'), {'advice_by_code': {'418': 'Make tea.'}}, 'HTTP status 418. Make tea.'),
        ((302, {}, ''), {}, 'HTTP status 302. Check the address and the proxy settings.'),
        ((300, {}, GOOD[2]), {}, 'HTTP status 300. Check the address and the proxy settings.'),
        ((200, {}, '[]'), {}, 'something that is not a JSON object. Check the address and the proxy settings.'),
        ((200, {}, '{}'), {}, 'JSON without an access token. Check the address and the proxy settings.'),
        ((200, {}, '{"access_token": "a b"}'), {}, 'JSON without an access token. Check the address and the proxy settings.'),
        ((200, {}, '{}'), OF_A_HOST, f'JSON without an access token. {A_HOST}'),
        ((403, {}, ''), OF_A_HOST, f'HTTP status 403. {CHECK_ADDRESS}'),
        ((429, {}, '<html>'), OF_A_HOST, 'HTTP status 429. Try again in a few minutes.'),
        ((408, {}, '<html>'), OF_A_HOST, 'HTTP status 408. Try again in a few minutes.'),
        ((410, {}, '<html>'), OF_A_HOST, f'HTTP status 410. {CHECK_ADDRESS}'),
        ((500, {}, '<html>'), OF_A_HOST, 'HTTP status 500. Try again in a few minutes.'),
        (
            (404, {}, ''),
            {**OF_A_HOST, 'refusal_advice': AN_OWNER, 'no_response_advice': A_HOST, 'retry_policy': MANAGED_IDENTITY_RETRIES},
            f'HTTP status 404. Try again in a few minutes. {A_HOST}',
        ),
    ],
)
def test_an_answer_that_is_not_of_entra_is_told_with_its_status(answer: Response, of_request: dict[str, Any], text: str) -> None:
    assert str(error_after(answer, **of_request)) == f'{SERVICE_SAID} {text}'


@pytest.mark.parametrize('status, body', [(405, ''), (403, '[]')])
def test_a_service_that_is_not_that_of_a_host_is_named_as_such(status: int, body: str) -> None:
    error = error_after((status, {}, body), **OF_A_HOST)
    assert (str(error), error.code) == (NOT_A_HOST.format(status), str(status))


CLOCK = 'Synchronize the clock of the engine.'
LOOK_UP = 'Look up AADSTS7654321 at https://login.microsoftonline.com/error and in the sign-in log of the tenant.'


@pytest.mark.parametrize(
    'error, description, of_request, text',
    [
        ('new_error', 'AADSTS7654321: New. Odd.', {}, f'AADSTS7654321: New. Odd. {LOOK_UP}'),
        ('new_error', 'AADSTS7654321: New.', {'refusal_advice': AN_OWNER}, f'AADSTS7654321: New. {AN_OWNER}'),
        (
            'access_denied',
            'AADSTS7654321: New.',
            {},
            'AADSTS7654321: New. The sign-in was declined. Start it again and accept.',
        ),
        ('new_error', '', {}, 'HTTP status 400, new_error. Check the settings of the instance.'),
        ('invalid_client', '', {}, 'HTTP status 400, invalid_client. Check ID, Token and Key against the app registration.'),
        ('invalid_grant', 'Bad.', {}, 'Bad. Sign in again.'),
        ('invalid_grant', 'Bad.', {'refusal_advice': AN_OWNER}, f'Bad. {AN_OWNER}'),
        ('invalid_grant', 'AADSTS50076: MFA. More.', {}, f'AADSTS50076: MFA. {SIGN_IN_ADVICE[50076].text}'),
        (
            'invalid_grant',
            'AADSTS50076: MFA.',
            {'refusal_advice': AN_OWNER},
            f'AADSTS50076: MFA. {SIGN_IN_ADVICE[50076].text} {AN_OWNER}',
        ),
        ('invalid_grant', 'AADSTS700082: Old.', {'refusal_advice': AN_OWNER}, f'AADSTS700082: Old. {AN_OWNER}'),
        (
            'invalid_grant',
            'AADSTS53003: Blocked.',
            {'refusal_advice': AN_OWNER},
            f'AADSTS53003: Blocked. {SIGN_IN_ADVICE[53003].text}',
        ),
        (
            'invalid_client',
            'AADSTS7000215: Wrong.',
            {'advice_by_code': {'AADSTS7000215': 'Paste it.'}},
            'AADSTS7000215: Wrong. Paste it.',
        ),
        *(
            ('invalid_client', f'AADSTS{number}: Not now. From 1 to 2.', {}, f'AADSTS{number}: Not now. From 1 to 2. {CLOCK}')
            for number in (700024, 500133)
        ),
        (
            'invalid_client',
            'AADSTS700027: The certificate expired. It did.',
            {},
            'AADSTS700027: The certificate expired. It did. '
            'Create a new certificate, upload it to the app registration, and enter it with its key.',
        ),
    ],
)
def test_a_refusal_is_told_as_entra_does_and_with_advice(
    error: str, description: str, of_request: dict[str, Any], text: str
) -> None:
    body = json.dumps({'error': error, 'error_description': description, 'correlation_id': '1-2'})
    refusal = error_after((400, {}, body), **of_request)
    assert str(refusal) == f'Microsoft refused the sign-in: {text} Correlation ID: 1-2'


@pytest.mark.parametrize(
    'error, number, headers, advice, seconds',
    [
        ('temporarily_unavailable', 90033, {}, SIGN_IN_ADVICE[90033].text, 0),
        ('temporarily_unavailable', 90033, {'Retry-After': '7'}, 'Try again in 7 seconds.', 7),
        ('invalid_grant', 50087, {}, SIGN_IN_ADVICE[90033].text, 0),
        ('server_error', 90033, {}, SIGN_IN_ADVICE[90033].text, 0),
        ('invalid_grant', 50196, {}, 'Try again in 60 seconds.', 60),
        ('invalid_grant', 50196, {'Retry-After': '7'}, 'Try again in 7 seconds.', 7),
    ],
)
def test_a_temporary_error_of_entra_is_told_with_its_number(
    error: str, number: int, headers: dict[str, str], advice: str, seconds: float
) -> None:
    body = json.dumps({'error': error, 'error_description': f'AADSTS{number}: Busy.'})
    busy = error_after((400, headers, body))
    assert isinstance(busy, SignInUnavailableError)
    assert str(busy) == f'{SERVICE_SAID} HTTP status 400 (AADSTS{number}). {advice}'
    assert (busy.code, busy.retry_after) == ('400', seconds)


@pytest.mark.parametrize(
    'what, advice, remains',
    [
        ('It failed.', 'Try again. Ask the owner.', 'Try again. Ask the owner.'),
        ('It failed. Please TRY AGAIN!', 'Try again. Ask the owner.', 'Ask the owner.'),
        ('It failed. Try again.', 'Try again.', 'Try again.'),
    ],
)
def test_an_advice_does_not_repeat_the_error(what: str, advice: str, remains: str) -> None:
    assert without_repetition(advice, what) == remains


# endregion
# region how requests are sent


@pytest.mark.parametrize('status', [200, 201, 299])
def test_a_token_may_come_with_any_success_status(token_client: TokenClient, status: int) -> None:
    with ScriptedService([(status, *GOOD[1:])]) as service:
        assert token_client.request_token(TokenRequest('POST', service.url)).token.value == 'a-token'


@pytest.mark.parametrize(
    'of_request, of_client, timeout',
    [
        ({}, {}, (10, 20)),
        ({'read_timeout': 90}, {}, (10, 90)),
        ({}, {'read_timeout': 7}, (10, 7)),
        ({'read_timeout': 90, 'connect_timeout': 2}, {'read_timeout': 7}, (2, 90)),
    ],
)
def test_a_request_has_a_timeout_of_its_own_or_that_of_the_client(
    token_client: TokenClient, of_request: dict[str, float], of_client: dict[str, float], timeout: tuple[float, float]
) -> None:
    vars(token_client).update(of_client)
    with ScriptedService([GOOD]) as service:
        token_client.request_token(TokenRequest('POST', service.url, **of_request))  # type: ignore[arg-type]
    assert service.timeouts == [timeout]


def test_requests_without_retries_share_their_time(
    token_client: TokenClient, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    elapsed = [1000.0]
    monkeypatch.setattr(clock, 'elapsed', lambda: elapsed[0])
    once = token_client.without_retries(5)
    with ScriptedService([GOOD]) as service:
        for elapsed[0] in (1000.0, 1004.0):
            once.request_token(TokenRequest('POST', service.url))
        elapsed[0] = 1005.0
        with pytest.raises(SignInUnavailableError, match=r'^service\.example did not respond in time\.'):
            once.request_token(TokenRequest('POST', service.url))
        token_client.request_token(TokenRequest('POST', service.url))
    assert [connect for connect, _ in service.timeouts] == [5, 1, 10]


def test_the_adapter_of_the_platform_sends_requests_to_https_addresses() -> None:
    service = ScriptedService([GOOD])
    assert TokenClient(adapter=service).request_token(TokenRequest('POST', service.url)).token.value == 'a-token'
    assert len(service.seen) == 1


CODE = {'code': 'works once'}


@pytest.mark.parametrize('form, seconds, sent', [(CODE, 25, 2), (CODE, 20, 1), ({}, 20, 3)])
def test_what_works_once_is_not_sent_again_if_the_command_may_end_before_the_response(
    token_client: TokenClient, clock: StoppedClock, form: dict[str, str], seconds: float, sent: int
) -> None:
    clock.limit(seconds)
    with ScriptedService([(503, {'Retry-After': '5'}, '')] * 2 + [GOOD]) as service, suppress(SignInUnavailableError):
        token_client.request_token(TokenRequest('POST', service.url, form=form))
    assert len(service.seen) == sent


@pytest.mark.parametrize(
    'content, earlier, end',
    [
        ({'form': CODE}, 504, ' An earlier attempt of this command failed (HTTP status 504), and the code works only once.'),
        ({'json_body': {'encrypted_token': 'a Token'}}, 'late', ', and the Token works only once.'),
        ({'form': CODE}, 429, 'redeemed.'),
        ({'form': {'refresh_token': 'may be used again'}}, 504, 'redeemed.'),
        ({'form': CODE}, 400, 'redeemed.'),
    ],
)
def test_a_refusal_of_what_works_once_names_an_earlier_attempt_whose_response_was_lost(
    token_client: TokenClient, content: Any, earlier: int | str, end: str
) -> None:
    class Losing(ScriptedService):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            if earlier == 'late' and not self.seen:
                self.seen.append(args[0])
                raise requests.exceptions.ReadTimeout(earlier)
            return super().send(*args, **kwargs)

    refusal = json.dumps({'error': 'invalid_grant', 'error_description': 'AADSTS54005: It was redeemed.'})
    status = earlier if isinstance(earlier, int) else 0
    answers: list[Response] = [(status, {}, refusal if status == 400 else ''), (400, {}, refusal)]
    with Losing(answers) as service, pytest.raises(SignInRequiredError) as error:
        token_client.request_token(TokenRequest('POST', service.url, **content))
    assert error.value.what.startswith('Microsoft refused the sign-in: AADSTS54005: It was redeemed.')
    assert error.value.what.endswith(end)
    assert error.value.may_be_used_up == ('once' in end)
    assert ('did not respond in time' in error.value.what) == (earlier == 'late')


def client_with_heartbeat(monkeypatch: pytest.MonkeyPatch, seconds: float, heartbeat: Any) -> TokenClient:
    """Return a client that calls `heartbeat` after each `seconds` of a single-use request."""
    monkeypatch.setattr('MicrosoftTokenRequestApiModule.HEARTBEAT_SECONDS', seconds)
    return TokenClient().with_heartbeat(heartbeat)


@pytest.mark.parametrize(
    'client, content, is_here',
    [
        (TokenClient().with_heartbeat(lambda: None), {'form': {'code': 'a code'}}, False),
        (TokenClient().with_heartbeat(lambda: None), {'form': {'device_code': 'a code'}}, False),
        (TokenClient().with_heartbeat(lambda: None), {'json_body': {'encrypted_token': 'a Token'}}, False),
        (TokenClient().with_heartbeat(lambda: None), {'form': {'refresh_token': 'may be used again'}}, True),
        (TokenClient().with_heartbeat(lambda: None).without_retries(math.inf), {'form': {'code': 'a code'}}, True),
        (TokenClient(), {'form': {'code': 'a code'}}, True),
    ],
    ids=['code', 'device code', 'Token', 'repeatable', 'without retries', 'without heartbeat'],
)
def test_only_a_single_use_request_is_sent_in_another_thread(client: TokenClient, content: Any, is_here: bool) -> None:
    threads: list[str] = []

    class Noting(ScriptedService):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            threads.append(threading.current_thread().name)
            return super().send(*args, **kwargs)

    with Noting([GOOD]) as service:
        client.request_token(TokenRequest('POST', service.url, **content))
    assert threads == [threading.current_thread().name if is_here else TOKEN_THREAD]


def test_a_wait_for_a_retry_has_a_heartbeat(token_client: TokenClient, clock: StoppedClock) -> None:
    beats: list[float] = []
    client = token_client.with_heartbeat(lambda: beats.append(clock.now() - NOW))
    with ScriptedService([(429, {'Retry-After': '8'}, ''), GOOD]) as service:
        client.request_token(TokenRequest('POST', service.url))
    assert (clock.waits, beats) == ([3, 3, 2], [3, 6, 8])


def test_a_heartbeat_is_that_of_the_copy_alone(token_client: TokenClient, clock: StoppedClock) -> None:
    beats: list[float] = []
    token_client.with_heartbeat(lambda: beats.append(clock.now()))
    with ScriptedService([(429, {'Retry-After': '8'}, ''), GOOD]) as service:
        token_client.request_token(TokenRequest('POST', service.url))
    assert (clock.waits, beats) == ([8], [])


def test_a_single_use_request_has_a_heartbeat_while_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[str] = []
    seen = threading.Event()

    def heartbeat() -> None:
        beats.append(threading.current_thread().name)
        if len(beats) == 3:
            seen.set()

    class Slow(ScriptedService):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            assert seen.wait(60)
            return super().send(*args, **kwargs)

    client = client_with_heartbeat(monkeypatch, 0.001, heartbeat)
    with Slow([GOOD]) as service:
        assert client.request_token(TokenRequest('POST', service.url, form=CODE)).token.value == 'a-token'
    assert set(beats) == {threading.current_thread().name}, 'where functions of the platform may run'


def test_a_request_that_is_answered_soon_has_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    is_awaited, join = threading.Event(), threading.Thread.join

    def joining(thread: threading.Thread, timeout: float | None = None) -> None:
        is_awaited.set()
        join(thread, timeout)

    class Soon(ScriptedService):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            assert is_awaited.wait(60)
            return super().send(*args, **kwargs)

    client = client_with_heartbeat(monkeypatch, 60, lambda: pytest.fail('The answer came before the first beat.'))
    monkeypatch.setattr(threading.Thread, 'join', joining)
    with Soon([GOOD]) as service:
        assert client.request_token(TokenRequest('POST', service.url, form=CODE)).token.value == 'a-token'


@pytest.mark.parametrize(
    'error, kind, text',
    [
        (requests.exceptions.Timeout('late'), SignInUnavailableError, 'service.example did not respond in time. Check it.'),
        (KeyboardInterrupt('ended'), KeyboardInterrupt, 'ended'),
    ],
)
def test_what_ends_a_single_use_request_is_raised(error: BaseException, kind: type[BaseException], text: str) -> None:
    class Broken(ScriptedService):
        def send(self, *_args: Any, **_kwargs: Any) -> requests.Response:
            raise error

    client = TokenClient().without_retries(9).with_heartbeat(lambda: None)
    with Broken([GOOD]) as service, pytest.raises(kind, match=f'^{re.escape(text)}$'):
        client.request_token(TokenRequest('POST', service.url, form=CODE, no_response_advice='Check it.'))


# endregion
