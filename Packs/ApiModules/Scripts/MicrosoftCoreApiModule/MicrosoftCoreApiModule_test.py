"""The helpers that all Microsoft modules share. No service is called."""

import base64
import json
import re
import runpy
import sys
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

import MicrosoftCoreApiModule
from MicrosoftCoreApiModule import (
    AZURE_CLOUDS,
    AZURE_CLOUD_NAME_MAPPING,
    CredentialError,
    MicrosoftSignInError,
    SystemClock,
    clean_value,
    create_custom_azure_cloud,
    float_or_none,
    outside_text,
    proxy_passwords,
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

    def elapsed(self) -> float:
        return self.time - NOW

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


def says(message: str) -> str:
    """Return the pattern that matches this message and no other one."""
    return f'^{re.escape(message)}$'


def test_an_older_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'version_info', (3, 9))
    with pytest.raises(RuntimeError, match=r'need Python 3\.10\. Select a newer Docker image'):
        runpy.run_path(MicrosoftCoreApiModule.__file__)


# region errors, time and clouds


@pytest.mark.parametrize(
    'error, text',
    [
        (MicrosoftSignInError('It broke.'), 'It broke.'),
        (MicrosoftSignInError('It broke.', 'Mend it.'), 'It broke. Mend it.'),
        (MicrosoftSignInError('It broke.', 'Mend it.', 'code', '1-2'), 'It broke. Mend it. Correlation ID: 1-2'),
        (MicrosoftSignInError('It broke', 'Mend it'), 'It broke. Mend it.'),
        (MicrosoftSignInError('It broke!', 'Is it new?'), 'It broke! Is it new?'),
        (MicrosoftSignInError('It said "I broke."', "(It did.) ['Mend it!']"), 'It said "I broke." (It did.) [\'Mend it!\']'),
    ],
)
def test_an_error_says_what_happened_what_to_do_and_its_correlation_id(error: MicrosoftSignInError, text: str) -> None:
    assert str(error) == text
    assert error.args == (text,)


def test_an_error_gets_another_advice_or_more_detail_in_a_copy() -> None:
    error = CredentialError('It broke.', 'Mend it.', 'code', '1-2')
    advised, detailed = error.with_advice('Buy it.'), error.replace(what='It broke. It was old.')
    assert (str(advised), str(detailed)) == (
        'It broke. Buy it. Correlation ID: 1-2',
        'It broke. It was old. Mend it. Correlation ID: 1-2',
    )
    assert (advised.args, detailed.args) == ((str(advised),), (str(detailed),))
    assert type(advised) is type(detailed) is CredentialError
    assert advised.code == detailed.code == 'code'
    assert str(error) == 'It broke. Mend it. Correlation ID: 1-2'


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
        assert re.fullmatch(r'https://[a-z.-]+', cloud.endpoints.active_directory)
        assert cloud.endpoints.microsoft_graph_resource_id.startswith('https://')
        assert cloud.endpoints.microsoft_graph_resource_id.endswith('/')


def test_a_custom_cloud_has_the_given_names_and_addresses_or_those_of_another_cloud() -> None:
    worldwide = AZURE_CLOUDS['com']
    cloud = create_custom_azure_cloud(
        'me', 'My cloud', 'my', worldwide, {'active_directory': LOGIN}, {'acr_login_server_endpoint': '.x'}
    )
    assert (cloud.origin, cloud.name, cloud.abbreviation) == ('me', 'My cloud', 'my')
    assert vars(cloud.endpoints) == {**vars(worldwide.endpoints), 'active_directory': LOGIN}
    assert vars(cloud.suffixes) == {**vars(worldwide.suffixes), 'acr_login_server_endpoint': '.x'}
    assert create_custom_azure_cloud('me', defaults=worldwide)[1:3] == worldwide[1:3]
    assert create_custom_azure_cloud('me', 'My cloud', 'my')[:3] == ('me', 'My cloud', 'my')
    bare = create_custom_azure_cloud('me')
    assert (bare[:3], vars(bare.endpoints), vars(bare.suffixes)) == (('me', '', ''), {}, {})


@pytest.mark.parametrize(
    'read, message',
    [
        (
            lambda: create_custom_azure_cloud('me').endpoints.portal,
            "This cloud does not have the endpoint 'portal'. Select another cloud.",
        ),
        (
            lambda: create_custom_azure_cloud('me').suffixes.keyvault_dns,
            "This cloud does not have the suffix 'keyvault_dns'. Select another cloud.",
        ),
        (lambda: create_custom_azure_cloud('me', endpoints={'x': LOGIN}), 'x is not an address of a cloud.'),
    ],
)
def test_an_address_that_a_cloud_does_not_have_is_named(read: Callable[[], object], message: str) -> None:
    with pytest.raises((AttributeError, TypeError), match=says(message)):
        read()


# endregion
# region external text


@pytest.mark.parametrize('value', ['inf', float('nan'), '-inf', None, 'x', [], {}, 10**400, '1e999'])
def test_a_number_is_finite(value: object) -> None:
    assert float_or_none(value) is None


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
def test_external_text_is_short_printable_and_without_secrets(value: object, text: str | None) -> None:
    shown = outside_text(value, lambda text: text.replace('the secret', '***'))
    assert 'secret' not in shown
    assert text is None or shown == text
    assert len(shown) <= 500
    assert shown.isprintable()


@pytest.mark.parametrize(
    'secret', ['a+b/c=d~e&f', 'p@ss "word"', 'gr\xfc\xdfe-und-mehr', 'x' * 40, 'eyJ0.a-b_c.d', '???>>>~~~', 'half an \ud83d']
)
@pytest.mark.parametrize('around', ['', 'a', 'ab', 'abc', '{"user":"'])
def test_a_secret_has_every_form_in_which_it_may_appear(secret: str, around: str) -> None:
    forms = secret_forms(secret)
    assert forms == sorted(forms, key=len, reverse=True)
    secret = secret.replace('\ud83d', '?')  # as it is sent
    url_encoded = quote(secret, safe='')
    in_json = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1].replace('/', r'\/')
    lower_case = (re.sub('%..', lambda code: code[0].lower(), text) for text in (url_encoded, quote_plus(secret)))
    assert {secret, quote(secret), url_encoded, quote_plus(secret), *lower_case, *in_json} <= set(forms)
    encoded = base64.b64encode(f'{around}{secret}{around}'.encode()).decode()
    for text in (encoded, encoded.translate(str.maketrans('+/', '-_'))):
        assert any(form in text for form in forms), text


@pytest.mark.parametrize('secret, forms', [('abc', []), ('abcd', ['abcd']), ('abcdefg', ['abcdefg'])])
def test_a_short_secret_has_few_forms(secret: str, forms: list[str]) -> None:
    assert secret_forms(secret) == forms


@pytest.mark.parametrize('length, is_secret', [(64, True), (31, True), (30, False)])
def test_the_long_lines_of_a_private_key_are_secrets(length: int, is_secret: bool) -> None:
    line = ('MII+' * 16)[:length]
    forms = secret_forms(f'-----BEGIN PRIVATE KEY-----\n{line}\nAAAA\n-----END PRIVATE KEY-----')
    assert {line, quote(line, safe='')}.intersection(forms) == ({line, quote(line, safe='')} if is_secret else set())


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
        ('a\xa0b', 'ab'),
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


# endregion
