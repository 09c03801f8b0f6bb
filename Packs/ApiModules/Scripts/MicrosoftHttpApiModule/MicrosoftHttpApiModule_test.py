"""Requests with limits, checks of addresses, reasons for missing responses, and retries. No service is called."""

import gzip
import io
import json
import math
import random
import socket
import zlib
from collections.abc import Callable
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import MicrosoftHttpApiModule
import pytest
import requests
import urllib3
from MicrosoftCoreApiModule import CredentialError
from MicrosoftCoreApiModule_test import LOGIN, NOW, StoppedClock, says
from MicrosoftHttpApiModule import (
    LARGE_LIMITS,
    NO_RETRIES,
    DeadlineError,
    ErrorResponse,
    LimitedSession,
    RetryPolicy,
    _joined,
    backoff_seconds,
    connection_problem,
    is_loopback,
    is_reset,
    is_same_host,
    json_or_none,
    read_json,
    require_https,
    retry_after_seconds,
    run_with_retries,
)

from requests.exceptions import (
    ConnectionError as BrokenConnection,
    ConnectTimeout,
    ContentDecodingError,
    InvalidProxyURL,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    ProxyError,
    ReadTimeout,
    SSLError,
)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


def response_with(status: int = 503, body: bytes = b'', **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, body
    response.headers.update({name.replace('_', '-'): value for name, value in headers.items()})
    return response


# region addresses and JSON


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


FULL_ADDRESS = 'Enter the full address, starting with https://.'


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
        'https://login..example',
        f'https://{"a" * 64}.example',
        'https://login.example:0',
        'https://login.example:x',
        'https://log\xedn.example',
        'https://login.example|x',
    ],
)
def test_other_addresses_are_rejected_with_the_name_of_the_field(pasted: str) -> None:
    with pytest.raises(CredentialError, match=says(f'Token URL is not an https address. {FULL_ADDRESS}')):
        require_https(pasted, 'Token URL')


@pytest.mark.parametrize('address', ['https://login.example/a', 'https://login.example?a=b'])
def test_a_path_is_rejected_where_a_host_is_expected(address: str) -> None:
    assert require_https('https://login.example:8443/', 'Endpoint', host_only=True) == 'https://login.example:8443'
    message = 'Endpoint contains a path. Enter only https://login.example.'
    with pytest.raises(CredentialError, match=says(message)):
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
        ('Sun, 17 Mar 2030 19:47:40 +0200', 60),
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
def test_retry_after_of_another_form_is_ignored(text: str) -> None:
    seconds = retry_after_seconds(response_with(Retry_After=text), NOW)
    assert seconds is None


@pytest.mark.parametrize('text', ['3601', '999999999', formatdate(NOW + 10**7, usegmt=True)])
def test_retry_after_is_at_most_an_hour(text: str) -> None:
    assert retry_after_seconds(response_with(Retry_After=text), NOW) == 3600


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


@pytest.mark.parametrize('body, message', [(b'NaN', 'NaN is not JSON.'), (b'[' * 100_000, 'The JSON is nested too deeply.')])
def test_the_error_of_what_is_not_json_does_not_contain_it(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=says(message)):
        read_json(response_with(200, body))


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
# region limits of a request


class Service(requests.adapters.BaseAdapter):
    """Answer each request of a session with one response, and keep what was asked for."""

    def __init__(self, body: bytes = b'the body', status: int = 200, **headers: str):
        super().__init__()
        self.body, self.status, self.headers = body, status, headers
        self.requests: list[requests.PreparedRequest] = []
        self.responses: list[requests.Response] = []
        self.timeouts: list[Any] = []

    def send(self, request: requests.PreparedRequest, *_args: Any, timeout: Any = None, **_kwargs: Any) -> requests.Response:
        self.requests.append(request)
        self.timeouts.append(timeout)
        response = response_with(self.status, **self.headers)
        response._content = False  # not yet read
        response.raw = urllib3.HTTPResponse(io.BytesIO(self.body), response.headers, preload_content=False)
        response.url, response.request = str(request.url), request
        self.responses.append(response)
        return response

    def close(self) -> None:
        pass


def deadlines_by(elapsed: Callable[[], float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the deadlines of requests come by another clock."""
    monkeypatch.setattr(MicrosoftHttpApiModule, 'time', SimpleNamespace(monotonic=elapsed))


def session_of(service: requests.adapters.BaseAdapter, remaining: float = math.inf, max_size: int = 99) -> LimitedSession:
    session = LimitedSession(lambda: remaining, (max_size, True))
    session.mount('https://', service)
    return session


@pytest.mark.parametrize(
    'keywords, remaining, timeout',
    [
        ({}, math.inf, (10, 120)),
        ({'stream': True}, math.inf, (10, 240)),
        ({'timeout': 30}, math.inf, (10, 30)),
        ({'timeout': (3, 200)}, math.inf, (3, 200)),
        ({}, 5, (5, 5)),
        ({'stream': True, 'timeout': (7, None)}, 5, (5, 5)),
    ],
)
def test_a_request_has_a_timeout(keywords: dict[str, Any], remaining: float, timeout: tuple[float, float]) -> None:
    service = Service()
    session_of(service, remaining).get(LOGIN, **keywords)
    assert service.timeouts == [timeout]


@pytest.mark.parametrize(
    'keywords, remaining, seconds',
    [
        ({}, math.inf, 120),
        ({'timeout': 60}, math.inf, 120),
        ({'timeout': 200}, math.inf, 200),
        ({'timeout': 200}, 150, 150),
        ({'timeout': 200, 'stream': True}, math.inf, 240),
        ({'timeout': 300, 'stream': True}, math.inf, 300),
    ],
)
def test_a_request_that_fails_after_its_deadline_names_it(
    monkeypatch: pytest.MonkeyPatch, keywords: dict[str, Any], remaining: float, seconds: float
) -> None:
    now = [1000.0]
    deadlines_by(lambda: now[0], monkeypatch)

    class Slow(Service):
        def send(self, *_args: Any, **_kwargs: Any) -> requests.Response:
            now[0] += waited
            raise requests.exceptions.ConnectionError('broken')

    waited = seconds
    with pytest.raises(DeadlineError, match=says(f'No complete response came within {seconds} seconds.')):
        session_of(Slow(), remaining).get(LOGIN, **keywords)
    waited = seconds - 1
    with pytest.raises(requests.exceptions.ConnectionError, match=says('broken')):
        session_of(Slow(), remaining).get(LOGIN, **keywords)


def test_a_command_without_time_sends_no_request() -> None:
    service = Service()
    with pytest.raises(DeadlineError, match=says('The command has no time left.')):
        session_of(service, remaining=0).get(LOGIN)
    assert service.requests == []


TEXT = b'0123456789'  # compressed without the time: it would be in the names of tests, which all workers have to agree on


@pytest.mark.parametrize(
    'encoding, body',
    [
        ('', TEXT),
        ('identity', TEXT),
        ('utf-8', TEXT),
        ('UTF-8, identity', TEXT),
        ('gzip, utf-8', gzip.compress(TEXT, mtime=0)),
        ('"gzip";q=1.0', gzip.compress(TEXT, mtime=0)),
        ('gzip', gzip.compress(TEXT, mtime=0)),
        (' X-GZIP ', gzip.compress(TEXT, mtime=0)),
        ('gzip', gzip.compress(TEXT[:4], mtime=0) + gzip.compress(b'', mtime=0) + gzip.compress(TEXT[4:], mtime=0)),
        ('gzip', gzip.compress(TEXT, mtime=0) + bytes(600)),
        ('deflate', zlib.compress(TEXT)),
        ('deflate', zlib.compress(TEXT)[2:-4]),  # without header and checksum
        ('deflate', zlib.compress(TEXT, 0)[2:-4]),
    ],
)
def test_a_response_of_the_maximum_size_is_read(encoding: str, body: bytes) -> None:
    response = session_of(Service(body, Content_Encoding=encoding), max_size=10).get(LOGIN)
    assert (response.content, response.text) == (TEXT, TEXT.decode())
    assert list(response.iter_content(5)) == [TEXT[:5], TEXT[5:]]


@pytest.mark.parametrize(
    'encoding, body, message',
    [
        ('', TEXT, 'The response is too large: it has more than 9 bytes.'),
        ('gzip', gzip.compress(TEXT, mtime=0), 'The response is too large: it has more than 9 bytes.'),
        ('gzip', gzip.compress(TEXT[:5], mtime=0) * 2, 'The response is too large: it has more than 9 bytes.'),
        ('gzip', gzip.compress(b'a', mtime=0) + gzip.compress(b'b', mtime=0)[:-9], 'The compressed response is incomplete.'),
        ('gzip', gzip.compress(b'a', mtime=0) + b'\x1fno member', 'The response cannot be decompressed.'),
        ('br', b'', 'The response is compressed in an unknown way.'),
        ('gzip, gzip', b'', 'The response is compressed in an unknown way.'),
        ('gzip', b'not gzip', 'The response cannot be decompressed.'),
        ('gzip', gzip.compress(b'short', mtime=0)[:-9], 'The compressed response is incomplete.'),
    ],
)
def test_a_response_that_is_too_large_or_cannot_be_decompressed_is_an_error(encoding: str, body: bytes, message: str) -> None:
    service = Service(body, Content_Encoding=encoding)
    with pytest.raises(ContentDecodingError, match=says(message)):
        session_of(service, max_size=9).get(LOGIN)
    assert service.responses[0].raw.closed, 'nothing more is read'


@pytest.mark.parametrize('is_stream', [False, True])
def test_a_response_that_breaks_off_is_an_error(is_stream: bool) -> None:
    session = session_of(Service(TEXT, Content_Length='11'))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(session.get(LOGIN, stream=is_stream).iter_content(5))


@pytest.mark.parametrize('is_stream', [False, True])
def test_a_response_that_cannot_be_read_is_an_error_without_its_text(is_stream: bool) -> None:
    class Odd(Service):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            response = super().send(*args, **kwargs)
            response.iter_content = lambda *_args: (int(text, 16) for text in ['-a secret'])  # type: ignore[assignment,misc]
            return response

    with pytest.raises(ContentDecodingError, match=says('ValueError')):
        list(session_of(Odd()).get(LOGIN, stream=is_stream).iter_content(5))


def test_padding_is_read_so_that_the_connection_can_be_used_again() -> None:
    pieces = iter([gzip.compress(TEXT, mtime=0), bytes(10), bytes(10)])
    assert _joined(pieces, 'gzip', (100, True)) == TEXT
    assert list(pieces) == []


def test_members_are_read_wherever_the_network_divides_them() -> None:
    body = b''.join(gzip.compress(bytes([letter]), mtime=0) for letter in TEXT)
    for size in range(1, 30):
        pieces = (body[start : start + size] for start in range(0, len(body), size))
        assert _joined(pieces, 'gzip', (10, True)) == TEXT


def test_no_other_compression_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package brotli, requests asks for br, which is not read."""
    monkeypatch.setattr('requests.utils.DEFAULT_ACCEPT_ENCODING', 'gzip, deflate, br, zstd')
    service = Service()
    session_of(service).get(LOGIN)
    assert service.requests[0].headers['Accept-Encoding'] == 'gzip, deflate'


@pytest.mark.parametrize('headers', [{}, {'Content_Encoding': 'utf-8'}])
def test_a_file_is_streamed_as_it_is_whatever_its_size(headers: dict[str, str]) -> None:
    service = Service(TEXT, **headers)
    response = session_of(service, max_size=5).get(LOGIN, stream=True)
    assert list(response.iter_content(5)) == [TEXT[:5], TEXT[5:]]
    assert service.requests[0].headers['Accept-Encoding'] == 'identity'


def test_a_file_that_is_compressed_all_the_same_is_an_error() -> None:
    message = 'The service compressed a file that was requested as it is.'
    with pytest.raises(ContentDecodingError, match=says(message)):
        session_of(Service(gzip.compress(TEXT, mtime=0), Content_Encoding='gzip')).get(LOGIN, stream=True)


@pytest.mark.parametrize('status', [300, 404])
def test_an_error_in_place_of_a_file_is_read_at_once(status: int) -> None:
    service = Service(gzip.compress(b'{"error": "gone"}'), status, Content_Encoding='gzip')
    assert session_of(service).get(LOGIN, stream=True).json() == {'error': 'gone'}


def test_the_encoding_of_a_text_is_not_guessed() -> None:
    assert session_of(Service('\xfc'.encode())).get(LOGIN).text == '\xfc'


@pytest.mark.parametrize(
    'method, location, is_followed',
    [
        ('GET', f'{LOGIN}/other', True),
        ('GET', '/other', True),
        ('GET', 'https://evil.example/', True),
        ('GET', 'http://login.example/', False),
        ('POST', f'{LOGIN}/other', True),
        ('POST', 'https://evil.example/', False),
        ('POST', '', False),
    ],
)
def test_a_redirect_leads_no_body_to_another_host(method: str, location: str, is_followed: bool) -> None:
    service = Service(status=307, Location=location)
    session = session_of(service)
    session.max_redirects = 1
    body = b'' if method == 'GET' else b'a mail'
    if is_followed:
        with pytest.raises(requests.exceptions.TooManyRedirects):
            session.request(method, LOGIN, data=body)
    else:
        assert session.request(method, LOGIN, data=body).status_code == 307
    assert len(service.requests) == 1 + is_followed


@pytest.mark.parametrize(
    'error', [ValueError('a secret'), TypeError('a secret'), urllib3.exceptions.LocationParseError('a secret')]
)
def test_an_address_that_cannot_be_read_is_an_error_without_it(error: Exception) -> None:
    class Unreadable(Service):
        def send(self, *_args: Any, **_kwargs: Any) -> requests.Response:
            raise error

    with pytest.raises(requests.exceptions.InvalidURL, match=says(type(error).__name__)):
        session_of(Unreadable()).get(LOGIN)


NOT_VERIFIED = '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'
PROXY_PORT = 'Check address and port in the proxy settings.'
ADVICE = 'Ask the owner.'


@pytest.mark.parametrize(
    'error, what, advice, code',
    [
        (
            SSLError(f'{NOT_VERIFIED}: certificate has expired (_ssl.c:1006)'),
            'The TLS certificate of x.example has expired.',
            'Renew it, or the certificate of the proxy, and check the clock of the engine.',
            'untrusted_certificate',
        ),
        (
            SSLError(f'{NOT_VERIFIED}: certificate is not yet valid (_ssl.c:1006)'),
            'The TLS certificate of x.example is not valid yet.',
            'Check the clock of the engine.',
            'untrusted_certificate',
        ),
        *(
            (
                SSLError(text),
                'The TLS certificate of x.example is that of another host.',
                'Check the address and the proxy settings.',
                'untrusted_certificate',
            )
            for text in (f"{NOT_VERIFIED}: Hostname mismatch, for 'x.example'.", "hostname 'x.example' doesn't match 'y.example'")
        ),
        (
            SSLError(f'{NOT_VERIFIED}: self-signed certificate in certificate chain (_ssl.c:1006)'),
            'The TLS certificate of x.example is not trusted.',
            "Add the CA to the engine's trusted certificates, or select 'Trust any certificate'.",
            'untrusted_certificate',
        ),
        *(
            (
                error,
                'The TLS connection to x.example failed.',
                "Check the engine's file of trusted certificates, and that the host and the proxy use TLS 1.2 or later.",
                'no_tls',
            )
            for error in (SSLError('[SSL: WRONG_VERSION_NUMBER] wrong version number'), OSError('Could not find a CA bundle'))
        ),
        (
            ProxyError('Cannot connect to proxy: Tunnel connection failed: 407 Proxy Authentication Required'),
            'The proxy blocked the request to x.example with HTTP status 407.',
            "Check the proxy's user name and password in the proxy settings of the engine.",
            'no_proxy',
        ),
        (
            ProxyError('Cannot connect to proxy: Tunnel connection failed: 403 Forbidden'),
            'The proxy blocked the request to x.example with HTTP status 403.',
            'Have the administrator of the proxy allow this address.',
            'no_proxy',
        ),
        (
            ProxyError('Cannot connect to proxy: Unexpected response: 502 Bad Gateway'),
            'The proxy blocked the request to x.example with HTTP status 502.',
            'Check the proxy settings, and that the proxy can reach this address.',
            'no_proxy',
        ),
        *(
            (
                ProxyError(f'Cannot connect to proxy: {text}'),
                'The host name of the proxy for x.example cannot be resolved.',
                'Check the host name in the proxy settings. In user name and password, write %5C for a backslash.',
                'no_proxy',
            )
            for text in (
                'NameResolutionError',
                'getaddrinfo failed',
                '[Errno -2] Name or service',
                'nodename nor servname, or not known',
            )
        ),
        (
            InvalidProxyURL('Please check proxy URL. It is malformed.'),
            'The address of the proxy for x.example is invalid.',
            'Enter it as http://<host>:<port>.',
            'no_proxy',
        ),
        (
            ProxyError('Cannot connect to proxy: Connection refused'),
            'Could not connect to the proxy for x.example: the connection was refused.',
            PROXY_PORT,
            'no_proxy',
        ),
        *(
            (
                ProxyError(f'Cannot connect to proxy: {text}'),
                'The proxy for x.example did not respond.',
                PROXY_PORT,
                'no_proxy',
            )
            for text in ('timed out', 'Timed out')
        ),
        (
            ProxyError('Cannot connect to proxy.'),
            'The connection to the proxy for x.example failed.',
            PROXY_PORT,
            'no_proxy',
        ),
        *(
            (kind('a secret'), 'The address of x.example, or that of the proxy, is not valid.', ADVICE, 'invalid_address')
            for kind in (InvalidURL, InvalidSchema, MissingSchema)
        ),
        *(
            (kind('a secret'), 'x.example did not respond in time.', ADVICE, 'no_answer')
            for kind in (ReadTimeout, ConnectTimeout)
        ),
        (ContentDecodingError('a secret'), 'x.example sent a response that cannot be read.', ADVICE, 'unusable_response'),
        (
            ContentDecodingError('The response is too large: a secret'),
            'x.example sent a response that is too large.',
            ADVICE,
            'unusable_response',
        ),
        *(
            (BrokenConnection(text), 'x.example could not be reached.', ADVICE, 'unreachable')
            for text in ('NewConnectionError', 'NameResolutionError')
        ),
        (BrokenConnection('a secret'), 'x.example did not respond.', ADVICE, 'unreachable'),
        *(
            (
                error,
                'The request to x.example is not valid.',
                'Check the address of the service and the proxy settings.',
                'invalid_request',
            )
            for error in (ValueError('a secret'), TypeError('a secret'), UnicodeError('a secret'))
        ),
    ],
)
def test_why_no_response_came_is_told_without_the_text_of_the_error(error: Exception, what: str, advice: str, code: str) -> None:
    assert connection_problem(error, 'x.example', ADVICE) == (what, advice, code)


@pytest.mark.parametrize(
    'error, expected',
    [
        (BrokenConnection('reset'), True),
        (requests.exceptions.ChunkedEncodingError('broken'), True),
        (ConnectTimeout('late'), False),
        (ReadTimeout('late'), False),
        (SSLError('no TLS'), False),
        (ProxyError('no proxy'), False),
        (InvalidURL('no address'), False),
        (ValueError('odd'), False),
    ],
)
@pytest.mark.parametrize('is_wrapped', [False, True])
def test_only_a_broken_connection_is_a_reset(error: Exception, expected: bool, is_wrapped: bool) -> None:
    given = SimpleNamespace(exception=error) if is_wrapped else error  # as DemistoException has it
    assert is_reset(given) == expected  # type: ignore[arg-type]


# endregion
# region connections


class Network:
    """Attempts to connect, in place of those of urllib3, on a clock that only they advance.

    Attributes:
        attempts: address and timeout of each.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, addresses: list[str], connected: Any = None):
        self.attempts: list[tuple[str, float]] = []
        self.now, self.connected = 1000.0, connected
        found: list[Any] = [(0, 0, 0, '', (address, 80)) for address in addresses]
        deadlines_by(lambda: self.now, monkeypatch)
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *_args: found)
        monkeypatch.setattr('urllib3.util.connection.create_connection', self.connect)

    def connect(self, address: tuple[str, int], timeout: float, **_options: Any) -> Any:
        self.attempts.append((address[0], timeout))
        self.now += 2 if self.connected else timeout
        if self.connected:
            return self.connected
        raise TimeoutError


@pytest.mark.parametrize(
    'found, attempts',
    [
        (['192.0.2.1'], [('192.0.2.1', 10)]),
        (['192.0.2.1', '192.0.2.2', '192.0.2.1'], [('192.0.2.1', 2), ('192.0.2.2', 10)]),
        (
            ['2001:db8::1', '2001:db8::2', '2001:db8::3', '192.0.2.1', '192.0.2.2'],
            [('2001:db8::1', 2), ('192.0.2.1', 2), ('2001:db8::2', 2), ('192.0.2.2', 2), ('2001:db8::3', 10)],
        ),
        (['192.0.2.1', '2001:db8::1', '2001:db8::2'], [('192.0.2.1', 2), ('2001:db8::1', 2), ('2001:db8::2', 10)]),
    ],
)
def test_the_addresses_of_a_host_take_turns(
    monkeypatch: pytest.MonkeyPatch, found: list[str], attempts: list[tuple[str, float]]
) -> None:
    network = Network(monkeypatch, found)
    with pytest.raises(requests.exceptions.ConnectTimeout):
        LimitedSession(lambda: math.inf).get('http://many.example/')
    assert network.attempts == attempts


def test_no_address_is_tried_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])
    with pytest.raises(DeadlineError, match=says('No complete response came within 5 seconds.')):
        LimitedSession(lambda: 5).get('http://many.example/')
    assert network.attempts == [('192.0.2.1', 2), ('192.0.2.2', 2), ('192.0.2.3', 1)]


def test_the_rest_of_the_time_is_for_tls_and_each_write(monkeypatch: pytest.MonkeyPatch) -> None:
    class Connected:
        def __init__(self) -> None:
            self.timeouts: list[float] = []

        def settimeout(self, seconds: float) -> None:
            self.timeouts.append(seconds)

        def gettimeout(self) -> float:
            return self.timeouts[-1]

        def sendall(self, data: bytes) -> None:
            if data == b'the body':
                raise ConnectionResetError

        def close(self) -> None:
            pass

    connected = Connected()
    Network(monkeypatch, ['192.0.2.1'], connected)
    with pytest.raises(requests.exceptions.ConnectionError):
        LimitedSession(lambda: 5).post('http://many.example/', data=b'the body')
    assert connected.timeouts == [3, 3], 'after the connection, which took two seconds, and before the body'


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


def test_a_clock_that_is_set_does_not_change_the_deadline(clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, 'now', iter([NOW + 3600, NOW, NOW, NOW]).__next__)
    with pytest.raises(ErrorResponse, match=says('503')):
        run_with_retries(failing(9), lambda _error, _attempt: 12.0, POLICY._replace(deadline=15), clock)
    assert clock.waits == [12]


@pytest.mark.parametrize(
    'policy, waits', [(POLICY, [12, 12]), (POLICY._replace(budget=11), []), (POLICY._replace(deadline=15), [12])]
)
def test_no_wait_exceeds_the_budget_or_the_deadline(clock: StoppedClock, policy: RetryPolicy, waits: list[float]) -> None:
    with pytest.raises(ErrorResponse, match=says('503')):
        run_with_retries(failing(9), lambda _error, _attempt: 12.0, policy, clock)
    assert clock.waits == waits


@pytest.mark.parametrize('attempt, least, most', [(0, 0.75, 1.25), (1, 1.5, 2.5), (5, 24, 40)])
def test_backoff_doubles_with_a_jitter_of_a_quarter(attempt: int, least: float, most: float) -> None:
    waits = [backoff_seconds(1, attempt) for _ in range(200)]
    assert least <= min(waits) < max(waits) <= most


# endregion
# region many values


@pytest.mark.slow
@pytest.mark.parametrize('text', ['1,' * 3_500_000, '{[' * 300_000, '"}, {"' * 600_000, '\\\\,"' * 3_100_000])
def test_a_text_may_contain_what_separates_values(text: str) -> None:
    body = json.dumps({'id': 'a', 'body': {'content': text}}).encode()
    found = session_of(Service(body), max_size=len(body)).get(LOGIN)
    assert json_or_none(found) == {'id': 'a', 'body': {'content': text}}


@pytest.mark.parametrize('item', ['[]', '1', '""', '"a,b"', '{}', '{"id": "\\""}', '"\\\\"'])
def test_json_with_too_many_values_is_too_large_under_strict_limits(item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, '_MAX_OBJECTS', 5_000)
    monkeypatch.setattr(MicrosoftHttpApiModule, '_MAX_VALUES', 30_000)
    body = f'[{",".join([item] * 30_010)}]'.encode()
    with pytest.raises(ContentDecodingError, match=says('The response is too large: it has too many values.')):
        session_of(Service(body), max_size=len(body)).get(LOGIN)
    large = LimitedSession(lambda: math.inf, LARGE_LIMITS)
    large.mount('https://', Service(body))
    assert large.get(LOGIN).content == body


@pytest.mark.parametrize('body', [b'[' * 500_001, b',' * 3_000_001], ids=['objects', 'values'])
def test_strict_limits_are_half_a_million_objects_and_three_million_values(body: bytes) -> None:
    session = session_of(Service(body), max_size=len(body))
    with pytest.raises(ContentDecodingError, match='too many values'):
        session.get(LOGIN)
    session.mount('https://', Service(body[1:]))
    assert session.get(LOGIN).content == body[1:]


# endregion
