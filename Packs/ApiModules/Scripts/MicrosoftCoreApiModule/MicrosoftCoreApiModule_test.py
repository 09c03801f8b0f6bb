"""The helpers that all Microsoft modules share. No service is called."""

import base64
import json
import random
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import quote, quote_plus

import pytest
import requests
from MicrosoftCoreApiModule import (
    AZURE_CLOUDS,
    AZURE_CLOUD_NAME_MAPPING,
    NO_RETRIES,
    CredentialError,
    ErrorResponse,
    MicrosoftSignInError,
    RetryPolicy,
    SystemClock,
    backoff_seconds,
    clean_client_id,
    clean_client_secret,
    clean_managed_identity_id,
    clean_pem,
    clean_private_keys,
    clean_tenant,
    clean_thumbprint,
    clean_value,
    float_or_none,
    is_loopback,
    is_same_host,
    json_or_none,
    outside_text,
    proxy_passwords,
    require_https,
    retry_after_seconds,
    run_with_retries,
    secret_forms,
)

NOW = 1_900_000_000.0
LOGIN, TENANT, CLIENT = 'https://login.example', '7d9a4b0e-52c1-4f3a-9a67-0c5d1e8f2b34', '1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d'


class StoppedClock(SystemClock):
    """A clock that only sleeping advances."""

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


def response_with(status: int = 503, body: bytes = b'', **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, body
    response.headers.update({name.replace('_', '-'): value for name, value in headers.items()})
    return response


# region errors, time and clouds


@pytest.mark.parametrize(
    'error, text',
    [
        (MicrosoftSignInError('It broke.'), 'It broke.'),
        (MicrosoftSignInError('It broke.', 'Mend it.'), 'It broke. Mend it.'),
        (MicrosoftSignInError('It broke.', 'Mend it.', 'code', '1-2'), 'It broke. Mend it. Correlation ID: 1-2'),
    ],
)
def test_an_error_says_what_happened_what_to_do_and_its_correlation_id(error: MicrosoftSignInError, text: str) -> None:
    assert str(error) == text
    assert error.args == (text,)


def test_the_system_clock_tells_the_time_and_waits() -> None:
    clock = SystemClock()
    before = clock.now()
    assert before == pytest.approx(time.time(), abs=1)
    clock.sleep(0.01)
    assert clock.now() - before >= 0.01


def test_every_cloud_that_can_be_selected_exists_and_uses_https() -> None:
    assert set(AZURE_CLOUD_NAME_MAPPING.values()) == set(AZURE_CLOUDS)
    for abbreviation, cloud in AZURE_CLOUDS.items():
        assert cloud.abbreviation == abbreviation
        assert cloud.endpoints.active_directory == require_https(cloud.endpoints.active_directory, 'login host')
        assert cloud.endpoints.microsoft_graph_resource_id.startswith('https://')
        assert cloud.endpoints.microsoft_graph_resource_id.endswith('/')


# endregion
# region https and HTTP


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
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
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
def test_https_and_loopback_addresses_are_accepted(pasted: str, expected: str) -> None:
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
def test_other_addresses_are_rejected_with_the_name_of_the_field(pasted: str) -> None:
    with pytest.raises(CredentialError, match=r'Token URL is not an https address\. Enter the full address'):
        require_https(pasted, 'Token URL')


@pytest.mark.parametrize('address', ['https://login.example/a', 'https://login.example?a=b'])
def test_a_path_is_rejected_where_a_host_is_expected(address: str) -> None:
    assert require_https('https://login.example:8443/', 'Endpoint', host_only=True) == 'https://login.example:8443'
    with pytest.raises(
        CredentialError, match=r'Endpoint is more than the address of a host\. Enter only https://login\.example\.'
    ):
        require_https(address, 'Endpoint', host_only=True)


def test_a_body_that_is_not_json_is_none() -> None:
    assert json_or_none(response_with(body=b'{"a": 1}')) == {'a': 1}
    assert json_or_none(response_with(body=b'<html>')) is None


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
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_seconds(response_with(Retry_After=text), NOW) == seconds


@pytest.mark.parametrize(
    'text',
    ['inf', '-inf', 'nan', '1e9', '0x10', '\xb2', '1_000', '9' * 30, '', ' ', 'Wed, 99 Oct 9999 07:28:00 GMT', '1 2', '+1'],
)
def test_retry_after_of_another_form_is_not_believed(text: str) -> None:
    seconds = retry_after_seconds(response_with(Retry_After=text), NOW)
    assert seconds is None


@pytest.mark.parametrize('text', ['3601', '999999999', formatdate(NOW + 10**7, usegmt=True)])
def test_retry_after_is_at_most_an_hour(text: str) -> None:
    assert retry_after_seconds(response_with(Retry_After=text), NOW) == 3600


@pytest.mark.parametrize('value', ['inf', float('nan'), '-inf', None, 'x', [], {}, 10**400, '1e999'])
def test_a_number_is_finite(value: object) -> None:
    assert float_or_none(value) is None


@pytest.mark.parametrize(
    'body, value',
    [
        (b'{"a": 1}', {'a': 1}),
        (b'\xef\xbb\xbf[1]', [1]),
        (b'{"a": "\\ud83d\\ude00"}', {'a': '\U0001f600'}),
        (b'{"a": "\\ud83d"}', {'a': '?'}),
        (b'["\\uDFFF", {"\\ud800": 1}]', ['?', {'?': 1}]),
        (b'"\xff"', '\ufffd'),
        (b'NaN', None),
        (b'{"a": Infinity}', None),
        (b'[' * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b'9' * 10_000, None),
        (b'', None),
        (b'<html>', None),
    ],
)
def test_what_is_not_json_is_none_and_no_text_has_lone_surrogates(body: bytes, value: object) -> None:
    assert json_or_none(response_with(200, body)) == value


@pytest.mark.parametrize(
    'value, text',
    [
        ('It failed.', 'It failed.'),
        (' a \r\n b\0 ', 'a b'),
        ('a\u202eb\u200bc', 'a b c'),
        (None, ''),
        ({'a': 1}, "{'a': 1}"),
        ('x' * 501, 'x' * 497 + '...'),
        ('x' * 500, 'x' * 500),
        ('x' * 490 + 'the secret', 'x' * 490 + '***'),
        ('the secret' * 200_000, None),
        ('\ud800', ''),
    ],
)
def test_texts_from_outside_are_short_printable_and_without_secrets(value: object, text: str | None) -> None:
    shown = outside_text(value, lambda text: text.replace('the secret', '***'))
    assert 'secret' not in shown
    assert text is None or shown == text
    assert len(shown) <= 500
    assert shown.isprintable()


@pytest.mark.parametrize('secret', ['a+b/c=d~e&f', 'p@ss "word"', 'gr\xfc\xdfe-und-mehr', 'x' * 40, 'eyJ0.a-b_c.d'])
@pytest.mark.parametrize('around', ['', 'a', 'ab', 'abc', '{"user":"'])
def test_a_secret_has_every_form_in_which_it_may_appear(secret: str, around: str) -> None:
    forms = secret_forms(secret)
    assert forms == sorted(forms, key=len, reverse=True)
    encoded = base64.b64encode(f'{around}{secret}{around}'.encode()).decode()
    url_encoded = quote(secret, safe='')
    lower_case = re.sub('%..', lambda code: code[0].lower(), url_encoded)
    for text in (
        secret,
        url_encoded,
        quote_plus(secret),
        lower_case,
        json.dumps(secret),
        encoded,
        encoded.replace('/', '_'),
    ):
        assert any(form in text for form in forms), text


def test_the_lines_of_a_private_key_are_secrets() -> None:
    line = 'MIIE' * 13
    assert line in secret_forms(f'-----BEGIN PRIVATE KEY-----\n{line}\nAAAA\n-----END PRIVATE KEY-----')


@pytest.mark.parametrize(
    'value, passwords',
    [
        ('http://user:pass@proxy.example:8080', ['pass']),
        ('user:p%40ss@proxy.example', ['p%40ss', 'p@ss']),
        ('http://user:a@b@proxy.example', ['a@b']),
        ('http://proxy.example', []),
        ('http://user@proxy.example', []),
        ('', []),
    ],
)
def test_the_passwords_of_proxies_are_found(value: str, passwords: list[str]) -> None:
    assert proxy_passwords({'HTTPS_PROXY': value, 'OTHER': 'http://a:b@c'}) == passwords


@pytest.mark.parametrize(
    'link, expected',
    [
        ('https://graph.example/v1.0/x', True),
        ('HTTPS://Graph.Example/', True),
        ('http://graph.example/', False),
        ('https://graph.example:444/', False),
        ('https://graph.example@evil.example/', False),
        ('https://graph.example.evil.example/', False),
        ('https://[::1', False),
        ('', False),
        (5, False),
        (None, False),
        (['https://graph.example'], False),
    ],
)
def test_a_link_leads_to_the_own_host_or_it_does_not(link: object, expected: bool) -> None:
    assert is_same_host(link, 'https://graph.example/v1.0') is expected


def test_retry_after_may_be_missing() -> None:
    assert retry_after_seconds(response_with(), NOW) is None


# endregion
# region retries

POLICY = RetryPolicy({429: 3, 503: 1}, connection_retries=2, budget=30)


@pytest.mark.parametrize(
    'attempt, response, delay',
    [
        (0, response_with(429, Retry_After='7'), 7),
        (2, response_with(429, Retry_After='7'), 7),
        (3, response_with(429, Retry_After='7'), None),
        (0, response_with(503), 1),
        (1, response_with(503), None),
        (0, response_with(500, Retry_After='7'), None),
        (0, None, 1),
        (1, None, 2),
        (2, None, None),
    ],
)
def test_a_policy_limits_the_retries_by_status(
    monkeypatch: pytest.MonkeyPatch, attempt: int, response: requests.Response | None, delay: float | None
) -> None:
    monkeypatch.setattr(random, 'uniform', lambda _least, _most: 1.0)
    assert POLICY.delay(attempt, response, NOW) == delay
    assert NO_RETRIES.delay(attempt, response, NOW) is None


def failing(times: int, error: Exception | None = None) -> Callable[[], str]:
    """Return a step that fails several times, then succeeds."""
    outcomes: list[Exception | None] = [error or ErrorResponse(response_with())] * times

    def step() -> str:
        if outcomes and (outcome := outcomes.pop()):
            raise outcome
        return 'done'

    return step


def test_a_step_is_repeated_until_it_succeeds(clock: StoppedClock) -> None:
    assert run_with_retries(failing(3), lambda _error, attempt: float(attempt), POLICY, clock) == 'done'
    assert clock.waits == [0, 1, 2]


def test_an_error_without_a_delay_is_raised(clock: StoppedClock) -> None:
    with pytest.raises(ValueError, match='broken'):
        run_with_retries(failing(1, ValueError('broken')), lambda _error, _attempt: None, POLICY, clock)
    assert clock.waits == []


@pytest.mark.parametrize(
    'policy, waits', [(POLICY, [12, 12]), (POLICY._replace(budget=11), []), (POLICY._replace(deadline=15), [12])]
)
def test_no_wait_exceeds_the_budget_or_the_deadline(clock: StoppedClock, policy: RetryPolicy, waits: list[float]) -> None:
    with pytest.raises(ErrorResponse):
        run_with_retries(failing(9), lambda _error, _attempt: 12.0, policy, clock)
    assert clock.waits == waits


@pytest.mark.parametrize('attempt, least, most', [(0, 0.75, 1.25), (1, 1.5, 2.5), (5, 24, 40)])
def test_backoff_doubles_with_a_jitter_of_a_quarter(attempt: int, least: float, most: float) -> None:
    waits = [backoff_seconds(1, attempt) for _ in range(200)]
    assert least <= min(waits) < max(waits) <= most


# endregion
# region pasted text


@pytest.mark.parametrize(
    'pasted, cleaned',
    [
        (None, ''),
        ('', ''),
        (5, '5'),
        ('  a b \r\n', 'a b'),
        ('\ufeffa\u200b', 'a'),
        ('\xa0a', 'a'),
        ('"a"', 'a'),
        ("' a '", 'a'),
        ('"', '"'),
        ('"a', '"a'),
        ('"a\'', '"a\''),
        ('""', ''),
        ('\u201ca\u201d', 'a'),
        ('\u202aa\u202c', 'a'),
        ('a\u2066b\u2069', 'ab'),
        ('a\u00ad\u061cb', 'ab'),
    ],
)
def test_whitespace_quotes_and_invisible_characters_are_removed(pasted: object, cleaned: str) -> None:
    assert clean_value(pasted) == cleaned


@pytest.mark.parametrize(
    'pasted, tenant',
    [
        (TENANT, TENANT),
        (TENANT.upper(), TENANT),
        ('Contoso.Example', 'contoso.example'),
        ('contoso', 'contoso'),
        ('/contoso/', 'contoso'),
        (f'{LOGIN}/{TENANT}', TENANT),
        (f'{LOGIN}/{TENANT}/v2.0/', TENANT),
        (f'{LOGIN}/contoso.example?x=1', 'contoso.example'),
        (f'{LOGIN}/common/oauth2', 'common'),
        (f'https://portal.example/#x/{TENANT}/y', TENANT),
    ],
)
def test_a_tenant_is_found_in_the_pasted_text(pasted: str, tenant: str) -> None:
    assert clean_tenant(pasted) == tenant


@pytest.mark.parametrize(
    'pasted, says',
    [
        ('', 'is missing'),
        (' \n', 'is missing'),
        ('two words', 'is not a tenant ID'),
        (LOGIN, 'is not a tenant ID'),
        ('a/b', 'is not a'),
        ('tenant?', 'is not a'),
        ('-x', 'is not a'),
        (TENANT[:-1], 'is not a'),
        (TENANT.replace('a', '\u0430'), 'is not a'),
        ('contoso.ex\u0430mple', 'is not a'),
    ],
)
def test_a_value_that_is_not_a_tenant_is_rejected(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=f'^Token.* {says}'):
        clean_tenant(pasted)


@pytest.mark.parametrize(
    'pasted, says',
    [
        ('', 'ID .* is missing'),
        ('a b', 'is not a client ID'),
        ('https://x', 'is not a client ID'),
        (f'{CLIENT}?', 'is not a client ID'),
        (f'{CLIENT}@https://tokens.example', 'is that of the Cortex XSOAR app'),
        (CLIENT[1:], 'is not a client ID'),
        (CLIENT.replace('-', '_'), 'is not a client ID'),
        (f'{CLIENT}.', 'is not a client ID'),
        (CLIENT.replace('1', '\u0406'), 'is not a client ID'),
    ],
)
def test_a_value_that_is_not_a_client_id_is_rejected(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=says):
        clean_client_id(pasted)


@pytest.mark.parametrize(
    'pasted, cleaned',
    [
        ('ABCDEF01-2345-6789-ABCD-EF0123456789', 'abcdef01-2345-6789-abcd-ef0123456789'),
        ('ABCDEF0123456789ABCDEF0123456789', 'abcdef01-2345-6789-abcd-ef0123456789'),
        ('MyApp', 'MyApp'),
    ],
)
def test_a_guid_is_in_lower_case_as_entra_answers_it(pasted: str, cleaned: str) -> None:
    assert clean_client_id(pasted) == clean_managed_identity_id(pasted) == cleaned


@pytest.mark.parametrize('client_id', ['/subscriptions/1/x', 'my identity', f'{CLIENT}@x'])
def test_the_client_id_of_a_managed_identity_is_not_its_resource_id(client_id: str) -> None:
    assert clean_managed_identity_id(f' {CLIENT}\n') == CLIENT
    with pytest.raises(CredentialError, match=r'^Azure Managed Identities Client ID is not a client ID'):
        clean_managed_identity_id(client_id)


@pytest.mark.parametrize(
    'pasted, says',
    [('', 'is missing'), ('a\nb', 'U.000A'), ('s\xe9cret', 'U.00E9'), ('a\x00b', 'U.0000'), ('\u0430bc', 'U.0430')],
)
def test_a_value_that_is_not_a_client_secret_is_rejected(pasted: str, says: str) -> None:
    with pytest.raises(CredentialError, match=f'Key.* {says}'):
        clean_client_secret(pasted)


@pytest.mark.parametrize('secret', [f'x{TENANT}', TENANT, 'a b', '<a>', '~._-'])
def test_a_client_secret_is_taken_as_it_is(secret: str) -> None:
    assert clean_client_secret(f' {secret}\n') == secret


@pytest.mark.parametrize(
    'mangle',
    [
        lambda text: f'\u202a{text}\u202c',
        lambda text: text.replace('-', '\u2011'),
        lambda text: text.replace('-', '\u2013'),
        lambda text: text.replace('-', '\u2212'),
        lambda text: text.replace('-', ''),
        lambda text: '{' + text + '}',
        lambda text: f'<{text}>',
        lambda text: f'("{text}")',
        lambda text: f'\u201e{text}\u201c',
        lambda text: text.translate({ord(digit): 0xFF10 + int(digit) for digit in '0123456789'}),
        lambda text: '\u00ad'.join(text),
    ],
)
def test_an_id_is_mended_where_that_is_unambiguous(mangle: Callable[[str], str]) -> None:
    assert clean_tenant(mangle(TENANT)) == TENANT
    assert clean_client_id(mangle(CLIENT)) == CLIENT
    assert clean_managed_identity_id(mangle(CLIENT)) == CLIENT


SHA1, SHA256 = 'AB' * 20, '0F' * 32


@pytest.mark.parametrize(
    'pasted, digits',
    [
        (SHA1, SHA1),
        (SHA1.lower(), SHA1),
        (' '.join([SHA1[:20], SHA1[20:]]), SHA1),
        (':'.join(['0f'] * 32), SHA256),
        ('AB-' * 19 + 'AB', SHA1),
        (f'\u200e{SHA1}', SHA1),
        ('\u2011'.join(['AB'] * 20), SHA1),
        (f'\u202a<{SHA1}>\u202c', SHA1),
    ],
)
def test_a_thumbprint_is_reduced_to_its_digits(pasted: str, digits: str) -> None:
    assert clean_thumbprint(pasted) == digits


@pytest.mark.parametrize('pasted', ['', SHA1[1:], SHA1 + 'A', SHA1[:-1] + 'G', 'thumbprint'])
def test_a_value_that_is_not_a_thumbprint_is_rejected(pasted: str) -> None:
    with pytest.raises(CredentialError, match=r'40 .* or 64'):
        clean_thumbprint(pasted)


KEY, CERTIFICATE = (
    f'-----BEGIN {label}-----\n{"A" * 64}\n{content}\n-----END {label}-----\n'
    for label, content in (('PRIVATE KEY', 'BBBB'), ('CERTIFICATE', 'CC=='))
)
PEM = KEY + CERTIFICATE


@pytest.mark.parametrize(
    'mangle',
    [
        lambda pem: pem,
        lambda pem: pem.replace('\n', '\\n'),
        lambda pem: pem.replace('\n', '\\r\\n'),
        lambda pem: pem.replace('\n', ' '),
        lambda pem: pem.replace('\n', '\r\n'),
        lambda pem: f'text {pem} text',
        lambda pem: pem.replace('-----', '\u2013' * 5),
        lambda pem: f'\u201c{pem}\u201d',
        lambda pem: pem.replace(' CERTIFICATE', ' X509 CERTIFICATE'),
    ],
)
def test_pem_blocks_are_found_whatever_the_line_breaks_have_become(mangle: Callable[[str], str]) -> None:
    assert clean_pem(mangle(PEM)) == [('PRIVATE KEY', KEY), ('CERTIFICATE', CERTIFICATE)]


def test_all_pem_blocks_are_found_in_their_order() -> None:
    other = CERTIFICATE.replace('CC==', 'DD==')
    assert clean_pem(other + PEM + KEY) == [
        ('CERTIFICATE', other),
        ('PRIVATE KEY', KEY),
        ('CERTIFICATE', CERTIFICATE),
        ('PRIVATE KEY', KEY),
    ]


@pytest.mark.parametrize('label', ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'])
def test_a_private_key_of_any_kind_is_selected(label: str) -> None:
    assert clean_private_keys([('CERTIFICATE', 'c'), (label, 'key'), ('ENCRYPTED PRIVATE KEY', 'k')]) == ['key']


@pytest.mark.parametrize(
    'blocks, says',
    [
        ([], 'is missing'),
        ([('CERTIFICATE', 'c')], 'is missing'),
        ([('ENCRYPTED PRIVATE KEY', 'k')], 'is encrypted'),
        (
            clean_pem('-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----'),
            'is encrypted',
        ),
    ],
)
def test_a_missing_or_encrypted_private_key_is_rejected(blocks: list[tuple[str, str]], says: str) -> None:
    with pytest.raises(CredentialError, match=f'The private key {says}'):
        clean_private_keys(blocks)


# endregion


# region many values


@pytest.mark.slow
@pytest.mark.parametrize('text', ['1,' * 3_500_000, '{[' * 300_000, '"}, {"' * 600_000, '\\\\,"' * 3_100_000])
def test_a_text_may_contain_what_separates_values(text: str) -> None:
    body = json.dumps({'id': 'a', 'body': {'content': text}}).encode()
    assert json_or_none(response_with(body=body)) == {'id': 'a', 'body': {'content': text}}


@pytest.mark.parametrize(
    'item', ['[]', *(pytest.param(one, marks=pytest.mark.slow) for one in ('1', '""', '"a,b"', '{}', '{"id": "\\""}', '"\\\\"'))]
)
def test_json_with_too_many_values_is_not_read(item: str) -> None:
    assert json_or_none(response_with(body=f'[{",".join([item] * 3_000_010)}]'.encode())) is None


@pytest.mark.slow
@pytest.mark.parametrize('end', ['', '\\', '"', '\\"', ','])
def test_a_text_without_an_end_takes_no_long_time(end: str) -> None:
    started = time.process_time()
    assert json_or_none(response_with(body=('["' + '\\",' * 3_100_000 + end).encode())) is None
    assert time.process_time() - started < 20


# endregion
