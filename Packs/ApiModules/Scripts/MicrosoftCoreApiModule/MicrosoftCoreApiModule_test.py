"""How Microsoft's sign-in services are spoken to. What whole sign-ins come to stands in Tests/conformance/sign_in."""

import base64
import json
import random
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import MicrosoftCredentialsApiModule
import pytest
import requests
from conformance.common_server.scripted_server import ScriptedServer
from MicrosoftCoreApiModule import (
    AZURE_CLOUDS,
    AZURE_CLOUD_NAME_MAPPING,
    CredentialError,
    MicrosoftSignInError,
    RetryPolicy,
    SystemClock,
    backoff_seconds,
    is_loopback,
    require_https,
    retry_after_seconds,
)
from MicrosoftCredentialsApiModule import (
    AccessToken,
    LONG_LIFETIME,
    REFRESH_MARGIN,
    SIGN_IN_ADVICE,
    SignInPendingError,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
    TOKEN_ENDPOINT_RETRIES,
    TokenResponse,
    TokenRequest,
    TokenTarget,
    TokenClient,
    parse_token_response,
    find_oauth_error,
    parse_oauth_error,
    unusable_response,
)

NOW = 1_900_000_000.0
JSON = {'Content-Type': 'application/json'}
GRAPH = 'https://graph.microsoft.com'
Answer = tuple[int, dict[str, str], str]
GOOD: Answer = (200, JSON, '{"access_token": "a-token", "expires_in": 3599}')


class StoppedClock(SystemClock):
    """Moves only when somebody waits."""

    def __init__(self) -> None:
        self.time = NOW
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def transport(clock: StoppedClock) -> TokenClient:
    return TokenClient(clock=clock)


def response_with(**headers: str) -> requests.Response:
    response = requests.Response()
    response.headers.update({name.replace('_', '-'): value for name, value in headers.items()})
    return response


# region time and clouds


def test_the_system_clock_tells_the_time_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    assert before == pytest.approx(time.time(), abs=1)
    clock.sleep(0.01)
    assert clock.now() - before >= 0.01


def test_every_cloud_that_can_be_chosen_exists_and_speaks_https() -> None:
    assert set(AZURE_CLOUD_NAME_MAPPING.values()) == set(AZURE_CLOUDS)
    for abbreviation, cloud in AZURE_CLOUDS.items():
        assert cloud.abbreviation == abbreviation
        assert cloud.endpoints.active_directory == require_https(cloud.endpoints.active_directory, 'login host')
        assert cloud.endpoints.microsoft_graph_resource_id.startswith('https://')
        assert cloud.endpoints.microsoft_graph_resource_id.endswith('/')


@pytest.mark.parametrize(
    'host, expected',
    [
        ('localhost', True),
        ('127.0.0.1', True),
        ('127.8.9.10', True),
        ('::1', True),
        ('localhost.example', False),
        ('127.0.0.1.example', False),
        ('127.example', False),
        ('10.0.0.1', False),
        ('::2', False),
        ('', False),
    ],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


@pytest.mark.parametrize(
    'pasted, expected',
    [
        (' https://login.example/ \n', 'https://login.example'),
        ('https://login.example/a/', 'https://login.example/a'),
        ('http://localhost:8080', 'http://localhost:8080'),
        ('http://127.0.0.1/x', 'http://127.0.0.1/x'),
        ('http://[::1]:1', 'http://[::1]:1'),
    ],
)
def test_a_secret_goes_to_https_or_to_loopback(pasted: str, expected: str) -> None:
    assert require_https(pasted, 'Token URL') == expected


@pytest.mark.parametrize(
    'pasted',
    [
        '',
        '   ',
        'login.example',
        'http://login.example',
        'http://127.example',
        'ftp://login.example',
        'https://',
        'https://[login',
        'https:/login.example',
        'javascript:https://x',
        'https://user:password@login.example',
    ],
)
def test_any_other_address_is_refused_by_the_name_of_its_field(pasted: str) -> None:
    with pytest.raises(CredentialError, match=r'Token URL is not an https address\. Enter the whole address of Token URL'):
        require_https(pasted, 'Token URL')


# endregion
# region errors


@pytest.mark.parametrize(
    'error, text',
    [
        (MicrosoftSignInError('It broke.'), 'It broke.'),
        (MicrosoftSignInError('It broke.', 'Mend it.'), 'It broke. Mend it.'),
        (MicrosoftSignInError('It broke.', 'Mend it.', 'code', '1-2'), 'It broke. Mend it. Correlation ID: 1-2'),
        (SignInPendingError(5), 'The sign-in is not finished yet. Finish it in the browser, then run the command again.'),
    ],
)
def test_an_error_says_what_happened_what_to_do_and_how_to_find_it(error: MicrosoftSignInError, text: str) -> None:
    assert str(error) == text
    assert error.args == (text,)


@pytest.mark.parametrize('number', sorted(SIGN_IN_ADVICE))
def test_every_advice_is_whole_sentences(number: int) -> None:
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
def test_of_a_description_the_first_sentence_is_shown(description: str, sentence: str) -> None:
    assert parse_oauth_error({'error': 'invalid_grant', 'error_description': description}, 400).what == (
        f'Microsoft refused the sign-in: {sentence}'
    )


@pytest.mark.parametrize(
    'body, kind, code, advice',
    [
        ({'error': 'invalid_client'}, SignInRefusedError, 'invalid_client', 'Check ID, Token and Key'),
        ({'error': 'invalid_grant'}, SignInRequiredError, 'invalid_grant', 'Reset the authentication'),
        ({'error': 'login_required'}, SignInRequiredError, 'login_required', 'Check the settings'),
        ({'error': 'new_error'}, SignInRefusedError, 'new_error', 'Check the settings'),
        ({}, SignInRefusedError, '', 'Check the settings'),
        ({'error': 'invalid_grant', 'error_codes': [50076]}, SignInRequiredError, 'AADSTS50076', 'Multi-factor'),
        ({'error': 'invalid_grant', 'error_codes': ['50076', None, 'x']}, SignInRequiredError, 'AADSTS50076', 'Multi-factor'),
        ({'error': 'invalid_grant', 'error_codes': 50076}, SignInRequiredError, 'invalid_grant', 'Reset'),
        ({'error': 'invalid_grant', 'error_codes': [1, 50076]}, SignInRequiredError, 'AADSTS1', 'Multi-factor'),
        (
            {'error': 'invalid_grant', 'error_description': 'AADSTS700082: x AADSTS1: y', 'error_codes': [1]},
            SignInRequiredError,
            'AADSTS700082',
            'expired or was revoked',
        ),
    ],
)
def test_the_error_chooses_the_kind_and_its_number_the_advice(body: dict[str, Any], kind: type, code: str, advice: str) -> None:
    refusal = parse_oauth_error(body, 400)
    assert type(refusal) is kind
    assert refusal.code == code
    assert advice in refusal.advice


@pytest.mark.parametrize('error, interval', [('authorization_pending', 0), ('slow_down', 5)])
def test_a_sign_in_that_is_not_finished_says_how_much_longer_to_wait(error: str, interval: float) -> None:
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
        ({'message': '{"no": "error"}'}, {'error': 'refused', 'error_description': '{"no": "error"}'}),
        ({'message': 'a {b} c'}, {'error': 'refused', 'error_description': 'a {b} c'}),
        ({}, {}),
        ({'other': 'x'}, {}),
        ([NESTED], {}),
        ('text', {}),
        (None, {}),
    ],
)
def test_the_error_is_found_wherever_the_service_put_it(body: object, error: dict[str, str]) -> None:
    assert find_oauth_error(body) == error


def test_an_answer_that_is_none_blames_what_stands_between() -> None:
    error = unusable_response(TokenRequest('POST', 'https://login.example/token?secret=x'), 'a poem')
    assert str(error) == (
        'The sign-in service at login.example answered with a poem. A proxy or a wrong address may stand between: check both.'
    )


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
def test_a_target_has_a_form_for_each_version_of_the_endpoint(target: TokenTarget, scope: str, resource: str) -> None:
    assert target.as_scope == scope
    assert target.as_resource == resource


def test_claims_do_not_name_the_token() -> None:
    assert TokenTarget(scope='x', claims='{}').name == TokenTarget(scope='x').name
    assert TokenTarget(scope='x').name != TokenTarget(resource='x').name


@pytest.mark.parametrize(
    'seconds_left, is_usable', [(3600, True), (REFRESH_MARGIN + 1, True), (REFRESH_MARGIN, False), (-1, False)]
)
def test_a_token_is_used_until_five_minutes_before_its_end(seconds_left: float, is_usable: bool) -> None:
    assert AccessToken('x', NOW + seconds_left, 0).is_usable(NOW) == is_usable


def test_an_empty_token_is_never_used() -> None:
    assert not AccessToken('', NOW + 3600, NOW).is_usable(NOW)


@pytest.mark.parametrize('seconds', [-1, 0, 1])
def test_a_token_ages_from_when_it_should_be_renewed(seconds: float) -> None:
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
def test_the_claims_of_a_token_are_read_as_far_as_they_can_be(value: str, claims: dict[str, Any]) -> None:
    assert AccessToken(value, 0, 0).claims() == claims


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
        ({'expires_in': 'inf'}, 28 * 3600),
        ({'expires_in': float('nan')}, 0),
        ({'expires_on': NOW + 60}, 60),
        ({'expires_on': str(int(NOW) + 60)}, 60),
        ({'expires_on': NOW - 60}, 0),
        ({'expires_in': '90', 'expires_on': NOW + 60}, 90),
        ({'expires_on': '03/17/2030 17:47:40 +00:00'}, 60),
        ({'expires_on': '03/17/2030 05:47:40 PM +00:00'}, 60),
        ({'expires_on': '03/17/2030 19:47:40 +02:00'}, 60),
        ({'expires_on': 'tomorrow'}, 3599),
    ],
)
def test_the_end_of_a_token_is_read_in_every_form(body: dict[str, Any], life: float) -> None:
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
def test_a_token_is_renewed_as_the_service_says_or_at_half_of_a_long_life(
    life: float, refresh_in: object, refreshed_after: float
) -> None:
    token = parse_token_response({'access_token': 'x', 'expires_in': life, 'refresh_in': refresh_in}, NOW).token
    assert token.refresh_on - NOW == pytest.approx(refreshed_after)


def test_an_answer_tells_scope_and_refresh_token() -> None:
    answer = parse_token_response({'access_token': 'x', 'refresh_token': 'r', 'scope': 'Mail.Send User.Read'}, NOW)
    assert (answer.refresh_token, answer.token.scope) == ('r', 'Mail.Send User.Read')
    assert parse_token_response({'access_token': 'x', 'refresh_token': None}, NOW).refresh_token == ''


# endregion
# region secrets

SECRET = 'Very~secret'
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
def test_no_secret_shows_when_an_object_is_printed(shown: object) -> None:
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
def test_what_a_service_echoes_is_blanked(name: str, place: str) -> None:
    request = TokenRequest('POST', 'https://login.example', **{place: {name: SECRET, 'client_id': 'id'}})  # type: ignore[arg-type]
    assert request.redact(f'No {SECRET}, {SECRET} for id.') == 'No ***, *** for id.'


@pytest.mark.parametrize('text', ['abc', 'The code is wrong.'])
def test_texts_without_a_secret_stay_as_they_are(text: str) -> None:
    assert TokenRequest('POST', 'https://x', form={'code': 'The', 'client_secret': ''}).redact(text) == text


def test_any_token_in_a_text_is_blanked() -> None:
    assert REQUEST.redact(f'Token ey{part({})}. eyJh.eyJi.c-_1 is bad.') == f'Token ey{part({})}. *** is bad.'


def test_a_netrc_file_adds_no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'netrc').write_text('default login ada password of-ada')
    monkeypatch.setenv('NETRC', str(tmp_path / 'netrc'))
    with ScriptedServer([(200, JSON, '{}')]) as server:
        response = TokenClient().send(TokenRequest('POST', server.url, form={'code': 'c'}))
    assert 'Authorization' not in response.request.headers


def test_a_log_of_the_traffic_is_told_what_to_blank_as_it_stands_and_as_a_form_carries_it() -> None:
    told: list[str] = []
    answer = (200, JSON, json.dumps({'access_token': 'access/token', 'refresh_token': 'refresh token', 'expires_in': 3599}))
    with ScriptedServer([answer]) as server:
        TokenClient(on_secret=told.append).ask(TokenRequest('POST', server.url, form={'client_id': 'id', 'code': 'the+code'}))
        assert server.seen[0]['body'] == 'client_id=id&code=the%2Bcode'
    assert told == ['the+code', 'the%2Bcode', 'access/token', 'access%2Ftoken', 'refresh token', 'refresh+token']


def test_every_secret_is_told_once_before_it_is_sent_and_as_it_comes(clock: StoppedClock) -> None:
    told: list[str] = []
    answer: Answer = (200, JSON, '{"access_token": "the/token", "refresh_token": "the-next", "expires_in": 3599}')
    with ScriptedServer([(503, {}, ''), answer]) as server:
        TokenClient(clock=clock, on_secret=lambda secret: told.append(f'{len(server.seen)}: {secret}')).ask(
            TokenRequest('POST', server.url, form={'code': 'the$code', 'client_id': 'the-client'})
        )
    assert told == [f'0: {secret}' for secret in ('the$code', 'the%24code')] + [
        f'2: {secret}' for secret in ('the/token', 'the%2Ftoken', 'the-next')
    ]


def test_an_echoed_secret_does_not_reach_the_error(transport: TokenClient) -> None:
    body = json.dumps(
        {'error': 'invalid_client', 'error_description': f'Wrong: {SECRET}. Or {SECRET}!', 'error_codes': [7000215]}
    )
    with ScriptedServer([(401, JSON, body)]) as server, pytest.raises(SignInRefusedError) as refused:
        transport.ask(TokenRequest('POST', server.url, form=REQUEST.form))
    assert refused.value.what == 'Microsoft refused the sign-in: Wrong: ***.'
    assert SECRET not in repr(refused.value)


# endregion
# region waits


@pytest.mark.parametrize(
    'text, seconds',
    [
        ('7', 7),
        ('0', 0),
        ('1.5', 1.5),
        ('-3', 0),
        (formatdate(NOW + 60, usegmt=True), 60),
        (formatdate(NOW - 60, usegmt=True), 0),
        ('Sun, 17 Mar 2030 17:47:40', 60),
        ('soon', None),
        ('', None),
        ('32 Foo 2030', None),
    ],
)
def test_the_wait_that_a_service_asks_for_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_seconds(response_with(Retry_After=text), NOW) == seconds


def test_a_service_may_ask_for_no_wait() -> None:
    assert retry_after_seconds(response_with(), NOW) is None


@pytest.mark.parametrize('attempt, least, most', [(0, 0.75, 1.25), (1, 1.5, 2.5), (5, 24, 40)])
def test_waits_double_give_or_take_a_quarter(attempt: int, least: float, most: float) -> None:
    waits = [backoff_seconds(1, attempt) for _ in range(200)]
    assert least <= min(waits) < max(waits) <= most


MANAGED_IDENTITY_RETRIES = MicrosoftCredentialsApiModule.MANAGED_IDENTITY_RETRIES


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
def test_a_service_is_waited_for_as_long_as_it_needs_whatever_the_jitter(
    transport: TokenClient,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
    policy: RetryPolicy,
    status: int,
    retries: int,
    least: float,
    jitter: float,
) -> None:
    monkeypatch.setattr(random, 'uniform', lambda _least, _most: jitter)
    with ScriptedServer([(status, {}, '')]) as server:
        assert transport.send(TokenRequest('GET', server.url, retry=policy)).status_code == status
    assert len(server.seen) == retries + 1
    assert least <= sum(clock.waits) <= policy.budget


@pytest.mark.parametrize('policy', [MANAGED_IDENTITY_RETRIES, TOKEN_ENDPOINT_RETRIES])
def test_no_service_is_asked_more_often_than_it_allows(policy: RetryPolicy) -> None:
    assert max(policy.retries.values()) <= (7 if policy is MANAGED_IDENTITY_RETRIES else 3)
    assert not {400, 401, 403} & set(policy.retries)
    assert policy.connection_retries <= 3


@pytest.mark.parametrize('waits', [['8'], ['10', '20'], ['0', '0', '0']])
def test_the_wait_that_the_service_asks_for_is_kept(transport: TokenClient, clock: StoppedClock, waits: list[str]) -> None:
    with ScriptedServer([*((429, {'Retry-After': wait}, '') for wait in waits), GOOD]) as server:
        transport.ask(TokenRequest('POST', server.url))
    assert clock.waits == [float(wait) for wait in waits]


@pytest.mark.parametrize(
    'answers, waits',
    [
        ([(503, {'Retry-After': '31'}, '')], []),
        ([(503, {'Retry-After': '20'}, ''), (503, {'Retry-After': '11'}, '')], [20.0]),
        ([(429, {'Retry-After': '1e9'}, '')], []),
    ],
)
def test_a_service_that_asks_for_more_than_the_budget_is_not_waited_for(
    transport: TokenClient, clock: StoppedClock, answers: list[Answer], waits: list[float]
) -> None:
    with ScriptedServer(answers) as server, pytest.raises(SignInUnavailableError) as error:
        transport.ask(TokenRequest('POST', server.url))
    assert clock.waits == waits
    assert error.value.retry_after == float(answers[-1][1]['Retry-After'])


def test_a_request_that_must_not_be_sent_twice_is_made_anew(transport: TokenClient) -> None:
    numbers = iter(range(2, 9))

    def numbered(number: int) -> TokenRequest:
        return TokenRequest('POST', server.url, form={'number': str(number)}, renew=lambda: numbered(next(numbers)))

    with ScriptedServer([(503, {}, ''), (503, {}, ''), GOOD]) as server:
        transport.ask(numbered(1))
    assert [seen['body'] for seen in server.seen] == ['number=1', 'number=2', 'number=3']


# endregion
# region answers


def test_a_token_lives_from_when_it_was_asked_for(transport: TokenClient, clock: StoppedClock) -> None:
    with ScriptedServer([(429, {'Retry-After': '20'}, ''), GOOD]) as server:
        token = transport.ask(TokenRequest('POST', server.url)).token
    assert (clock.now(), token.expires_on) == (NOW + 20, NOW + 3599)


def test_a_request_is_sent_as_it_is(transport: TokenClient) -> None:
    with ScriptedServer([GOOD]) as server:
        transport.ask(TokenRequest('GET', server.url, {'resource': GRAPH}, headers={'Accept': 'text/plain'}))
        transport.ask(TokenRequest('POST', server.url, json_body={'app_name': 'x'}))
    first, second = server.seen
    assert (first['method'], first['path'], first['accept']) == (
        'GET',
        f'/?resource={requests.compat.quote(GRAPH, safe="")}',
        'text/plain',
    )
    assert (second['method'], json.loads(second['body']), second['accept']) == ('POST', {'app_name': 'x'}, 'application/json')


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
def test_an_answer_without_a_token_becomes_an_error_of_its_kind(
    transport: TokenClient, status: int, body: str, kind: type, code: str
) -> None:
    with ScriptedServer([(status, {'Location': '/elsewhere'}, body)]) as server, pytest.raises(MicrosoftSignInError) as error:
        transport.ask(TokenRequest('POST', server.url))
    assert type(error.value) is kind
    assert error.value.code == code
    assert len(server.seen) == 1


def test_the_request_says_what_advice_a_refusal_comes_with(transport: TokenClient) -> None:
    answer: Answer = (400, {}, '{"message": "No."}')
    with ScriptedServer([answer]) as server, pytest.raises(SignInRefusedError, match=r'No\. Ask the owner\.'):
        transport.ask(TokenRequest('POST', server.url, refusal_advice='Ask the owner.'))


# endregion
