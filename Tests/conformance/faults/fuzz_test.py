"""Parameters, arguments, responses and stored data of any kind: what cannot be used is rejected by an error of the product.

`make fuzz` tries 100,000 examples, `make test` some hundreds. With ``RELIABILITY=<folder>`` the number is written there.
"""

import base64
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from CommonServerPython import DemistoException
from conformance.unified.integration_yml import YML
from MicrosoftApiModule import MicrosoftClient, azure_tag_formatter, get_azure_cloud, scope_of_first_resource
from MicrosoftCoreApiModule import MicrosoftSignInError, float_or_none, outside_text, proxy_passwords, secret_forms
from MicrosoftCredentialsApiModule import (
    ClientSecretCredential,
    clean_pem,
    clean_tenant,
    encrypt_for_token_service,
    parse_authorization_response,
)
from MicrosoftGraphClientApiModule import GraphError, odata_query
from MicrosoftGraphMailClientApiModule import split_folder_list
from MicrosoftGraphMailSendApiModule import extract_data_uris, internet_headers
from MicrosoftGraphMailSendCommandsApiModule import mail_body
from MicrosoftHttpApiModule import is_https, is_same_host, read_json, require_https, retry_after_seconds
from MicrosoftInstanceApiModule import (
    InstanceSettings,
    bool_argument,
    choice_argument,
    future_datetime,
    id_list,
    int_argument,
    json_argument,
    text_list,
)
from MicrosoftMailMimeApiModule import html_to_text
from MicrosoftTokenCacheApiModule import CachedTokens, clear_tokens
from MicrosoftTokenRequestApiModule import (
    AccessToken,
    TokenClient,
    TokenRequest,
    TokenTarget,
    parse_token_response,
)
from O365OutlookMailSingleUser import SPEC

EXAMPLES = int(os.environ.get('FUZZ', '800'))
OWN_ERRORS = (DemistoException, MicrosoftSignInError)
PARAMETERS = [one['name'] for one in YML['configuration']]
CREDENTIAL = ClientSecretCredential('https://login.example', 'contoso.example', 'an-id', 'a secret')
TARGET = TokenTarget('https://graph.example/.default')
TOKEN_NAME = CachedTokens({}, CREDENTIAL, TARGET, 0).token_name
KEYS = [
    *(f'microsoft-sign-in/{CREDENTIAL.identity}/{name}' for name in (f'token/{TOKEN_NAME}', 'sign-in', 'lease')),
    f'microsoft-sign-in/{CREDENTIAL.application}/started',
    'access_token',
    'valid_until',
    'refresh_token',
    'current_refresh_token',
    f'{TARGET.scope}_access_token',
    f'{TARGET.scope}_valid_until',
]

# region values

MALFORMED_PROPERTIES = st.sampled_from(
    [
        '',
        ' ',
        '\0',
        '\ud800',
        '\u202e',
        'https://[::1',
        'http://',
        '//',
        '%',
        '%zz',
        '-1',
        '1e999',
        'inf',
        'nan',
        '²',
        '٣',
        '9' * 5000,
        '{',
        '[' * 2000,
        '{"a":' * 2000,
        '=?utf-8?q?x?=',
        'a\r\nB: c',
        "it's",
        '<a',
        '&#9;',
        'data:image/png;base64,====',
        'eyJ.eyJ.',
    ]
)
TEXTS = MALFORMED_PROPERTIES | st.text(st.characters(), max_size=60) | st.text('&=$\'",;:/\\@.-xX0 \n', max_size=60)
NUMBERS = st.integers() | st.floats() | st.sampled_from([1e308, -0.0, 2**63, 10**30])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def objects(*names: str, values: st.SearchStrategy[Any] = JSON) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of these names."""
    return st.dictionaries(st.sampled_from(names), values, max_size=len(names))


CREDENTIALS = st.none() | st.fixed_dictionaries({}, optional={'identifier': TEXTS, 'password': TEXTS})
ERRORS = objects('error', 'error_description', 'error_codes', 'correlation_id', 'message', 'title', 'detail') | objects(
    'error', values=objects('code', 'message')
)
TOKENS = objects('access_token', 'refresh_token', 'expires_in', 'expires_on', 'refresh_in', 'scope', 'error')
ENTRIES = objects(
    *('value', 'expires_on', 'refresh_on', 'scope', 'ends_on', 'refresh_token', 'pending', 'is_code_redeemed', 'state', 'holder'),
    *('code_verifier', 'device_code', 'interval', 'until', 'retry_after_time', 'kind', 'what', 'advice', 'code', 'token_name'),
)

# endregion
# region what is tried


def response_of(status: int, body: Any, headers: dict[str, str] | None = None) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers.update(headers or {})
    response.encoding = 'utf-8'
    return response


def parameters(params: dict[str, Any], credentials: list[Any]) -> None:
    names = ('creds_auth_id', 'creds_refresh_token', 'creds_enc_key', 'creds_certificate', 'creds_auth_code')
    given_params = {**params, **dict(zip(names, credentials, strict=False))}
    instance = InstanceSettings(given_params, SPEC)
    instance.secrets()
    instance.credential()


def argument(text: Any) -> None:
    for read in (
        lambda: int_argument({'x': text}, 'x', 1, 9),
        lambda: bool_argument({'x': text}, 'x'),
        lambda: choice_argument({'x': text}, 'x', ('a', 'b')),
        lambda: json_argument({'x': text}, 'x'),
        lambda: id_list({'x': text}, 'x'),
        lambda: text_list({'x': text}, 'x'),
    ):
        with suppress(*OWN_ERRORS):
            read()


def text_of_a_user(text: str) -> None:
    for read in (
        lambda: odata_query(text),
        lambda: internet_headers(text),
        lambda: extract_data_uris(text),
        lambda: mail_body({'body': text, 'htmlBody': text}),
        lambda: split_folder_list(text),
        lambda: html_to_text(text),
        lambda: parse_authorization_response(text),
        lambda: clean_tenant(text),
        lambda: clean_pem(text),
        lambda: require_https(text, 'x'),
        lambda: is_https(text),
        lambda: is_same_host(text, 'https://graph.example'),
        lambda: encrypt_for_token_service('a token', text),
        lambda: get_azure_cloud({'azure_cloud': 'Custom', 'azure_ad_endpoint': text}, 'x'),
        lambda: scope_of_first_resource(text),
    ):
        with suppress(*OWN_ERRORS):
            read()


def date(text: str) -> None:
    future_datetime(text, 'x')


def text_from_outside(text: Any) -> None:
    shown = outside_text(text)
    assert len(shown) <= 500
    assert shown.isprintable()


def secret(text: str) -> None:
    for form in secret_forms(text):
        assert len(form) > 3
    proxy_passwords({'HTTPS_PROXY': f'http://{text}@proxy.example'})


def header(text: str) -> None:
    seconds = retry_after_seconds(response_of(429, {}, {'Retry-After': text}), 1e9)
    assert seconds is None or 0 <= seconds <= 3600


def number(value: Any) -> None:
    found = float_or_none(value)
    assert found is None or abs(found) < float('inf')


def body(content: bytes) -> None:
    with suppress(ValueError):
        read_json(response_of(200, content))


def token_response(status: int, value: Any) -> None:
    client = TokenClient()
    found = client.read_json(TokenRequest('POST', 'https://login.example/token'), response_of(status, value))
    if isinstance(found.get('access_token'), str):
        token = parse_token_response(found, 1e9).token
        assert token.is_usable(1e9) in (True, False)


def graph_error(status: int, value: Any, retry_after: str) -> None:
    with suppress(ValueError):  # a header cannot hold every text
        text = str(
            GraphError.from_response(response_of(status, value, {'Retry-After': retry_after, 'request-id': retry_after}), 1e9)
        )
        assert len(text) < 1200


def api_error(status: int, value: Any) -> None:
    assert len(MicrosoftClient(self_deployed=True).error_parser(response_of(status, value))) < 1200


def token_claims(text: str, value: Any) -> None:
    AccessToken(text, 0, 0).claims()
    packed = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    AccessToken(f'x.{packed}.y', 0, 0).claims()


def tag(value: str) -> None:
    with suppress(Exception):
        azure_tag_formatter(value)


def cached_tokens(context: dict[str, Any]) -> None:
    cached = CachedTokens(context, CREDENTIAL, TARGET, 1e9, TARGET)
    assert cached.token is None or cached.token.is_usable(1e9)
    assert all(isinstance(one.refresh_token, str) for one in cached.sessions)
    clear_tokens(dict(context))


AS_STORED = ENTRIES.map(json.dumps) | JSON.map(json.dumps) | JSON
TRIED: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {
    'parameters': (
        parameters,
        (objects(*PARAMETERS, values=TEXTS | st.booleans() | st.none()), st.lists(CREDENTIALS, min_size=5, max_size=5)),
    ),
    'arguments': (argument, (JSON,)),
    'texts of users': (text_of_a_user, (TEXTS,)),
    'dates': (date, (TEXTS,)),
    'texts from outside': (text_from_outside, (JSON,)),
    'secrets': (secret, (TEXTS,)),
    'headers': (header, (TEXTS,)),
    'numbers': (number, (JSON,)),
    'bodies': (body, (st.binary(max_size=200) | TEXTS.map(lambda text: text.encode(errors='replace')),)),
    'token responses': (token_response, (st.sampled_from([200, 204, 302, 400, 401, 429, 500]), TOKENS | ERRORS | JSON)),
    'errors of Graph': (graph_error, (st.sampled_from([301, 400, 403, 404, 429, 500, 503]), ERRORS | JSON, TEXTS)),
    'errors of an API': (api_error, (st.sampled_from([400, 403, 500]), ERRORS | JSON)),
    'claims': (token_claims, (TEXTS, JSON)),
    'tags': (tag, (TEXTS,)),
    'cached tokens': (cached_tokens, (objects(*KEYS, values=AS_STORED),)),
}

SLOW = {'dates': 20}  # dateparser takes so many times as long

# endregion


@pytest.mark.parametrize('name', TRIED)
def test_what_cannot_be_used_is_rejected_by_an_error_of_the_product(name: str) -> None:
    try_one, strategies = TRIED[name]
    tried = [0]

    @settings(
        max_examples=max(1, EXAMPLES // len(TRIED) // SLOW.get(name, 1)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.tuples(*strategies))
    def fuzz(values: tuple[Any, ...]) -> None:
        tried[0] += 1
        with suppress(*OWN_ERRORS):
            try_one(*values)

    fuzz()
    folder = os.environ.get('RELIABILITY')
    if folder:
        Path(folder, f'fuzz-{name.replace(" ", "-")}.json').write_text(json.dumps({'name': name, 'examples': tried[0]}))
