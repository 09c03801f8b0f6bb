"""Send HTTP requests that are limited in time and size, and that carry secrets only to https addresses.

Checks of addresses, the reasons why no response came, JSON, and retries.
"""

import http.client
import io
import json
import math
import random
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timezone
from ipaddress import ip_address
from itertools import zip_longest
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urljoin as absolute_url, urlsplit  # CommonServerPython has another urljoin

import requests
from MicrosoftCoreApiModule import *
from requests.exceptions import (
    ChunkedEncodingError,
    ContentDecodingError,
    InvalidProxyURL,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    ProxyError,
    ReadTimeout,
    RequestException,
    SSLError,
    Timeout,
)
from urllib3.connection import HTTPConnection as Urllib3Connection  # not http.client.HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError as Urllib3Error, NewConnectionError  # not requests.HTTPError
from urllib3.util.connection import allowed_gai_family

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import CredentialError, SystemClock

# In debug mode the platform has http.client print each request with its body to the server's log: emails, attachments, secrets.
# What requests sends is not printed; urllib3 still logs method, path and status of each request.
Urllib3Connection.debuglevel = 0

# region https


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def is_https(url: str) -> bool:
    """Return whether secrets may be sent to `url`: to an https address, or to this machine."""
    try:
        parts = urlsplit(url)
        host, is_valid = parts.hostname or '', parts.port != 0
        host.encode('idna')  # rejects empty and long labels
    except ValueError:  # also brackets without an IPv6 address, and an invalid port
        return False
    if not host or '@' in parts.netloc or not is_valid or re.search(r'[^!-~]|[\\^|"<>`{}]', parts.netloc):
        return False
    return parts.scheme == 'https' or (parts.scheme == 'http' and is_loopback(host))


def is_same_host(link: Any, base: str) -> bool:
    """Return whether a link of a service leads to the host of `base`, which may get the token."""
    try:
        return isinstance(link, str) and urlsplit(link.lower())[:2] == urlsplit(base.lower())[:2]
    except ValueError:
        return False


def require_https(url: str, field_name: str, host_only: bool = False) -> str:
    """Return `url` without whitespace and trailing slashes. Raise CredentialError if secrets must not be sent there.

    Args:
        field_name: what errors call the field.
        host_only: reject a path as well.
    """
    cleaned = str(url or '').strip().rstrip('/')
    if not is_https(cleaned):
        raise CredentialError(f'{field_name} is not an https address.', 'Enter the full address, starting with https://.')
    host = '{}://{}'.format(*urlsplit(cleaned))
    if host_only and cleaned != host:
        raise CredentialError(f'{field_name} contains a path.', f'Enter only {host}.')
    return cleaned


# endregion
# region requests with limits

REQUEST_SECONDS = 120.0  # of a request, until its response is complete
STREAM_SECONDS = 240.0  # the same, for a file that is streamed
LARGE_REQUEST_SECONDS = 3600.0  # the same, without strict limits, and with the retries and waits of BaseClient
CONNECT_SECONDS = 10.0  # of a connection to the only address of a host, or the last one
NEXT_ADDRESS_SECONDS = 2.0  # of a connection to any other one
_CHUNK = 64 * 1024  # bytes
_COMPRESSIONS = {'br', 'compress', 'deflate', 'gzip', 'x-gzip', 'zstd'}
_JSON_PARTS = rb'(?s)[{\[,]|"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_USUAL_TIMEOUT = 60.0  # seconds; that of BaseClient


# What a response may take: bytes, decompressed, unless it is streamed; and whether the limits are strict: the values of JSON are
# limited too, and a request ends within minutes even if its response still arrives.
ResponseLimits = tuple[int, bool]
STRICT_LIMITS = 64 * 2**20, True
LARGE_LIMITS = 512 * 2**20, False  # for files and tables of any size
_MAX_OBJECTS, _MAX_VALUES = 500_000, 3_000_000  # of JSON under strict limits; lists are objects here


class DeadlineError(ReadTimeout):
    """A request took longer than it may, or the command has no time left for it."""


class _Deadline:
    """The time by which a request ends. Each read and write of its connection gets what is left as its timeout.

    The timeouts of requests apply to each read of a socket: a service that sends a byte per second never exceeds them.
    """

    def __init__(self, seconds: float):
        self.seconds, self._end = seconds, time.monotonic() + seconds

    def seconds_left(self) -> float:
        return self._end - time.monotonic()

    def is_over(self) -> bool:
        return self.seconds_left() <= 0

    def limit(self, sock: Any, timeout: float) -> None:
        """Limit the next read or write of a socket to `timeout` and to what is left. Raise TimeoutError if nothing is."""
        seconds = self.seconds_left()
        if seconds <= 0:
            raise TimeoutError
        sock.settimeout(min(seconds, timeout))


def _current_deadline() -> Any:
    # It belongs to the thread, where all copies of this module in a process find it.
    return getattr(threading.current_thread(), 'deadline', None)


class _LimitedReader(io.RawIOBase):
    """What a socket receives until a deadline."""

    def __init__(self, source: Any, sock: Any, deadline: Any):
        super().__init__()
        self._source, self._sock, self._deadline, self._timeout = source, sock, deadline, sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        self._deadline.limit(self._sock, self._timeout)
        return self._source.readinto(buffer)

    def close(self) -> None:
        super().close()
        self._source.close()


class _LimitedResponse(http.client.HTTPResponse):
    """A response that is read until the deadline of the request, whatever reads it."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any):
        super().__init__(sock, *args, **kwargs)
        deadline = _current_deadline()
        if deadline:
            self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), sock, deadline))


def _new_conn(connection: Any) -> Any:
    """Connect to one address of the host after another, until the deadline: many may be silent, as behind a firewall.

    IPv6 and IPv4 take turns, so that the second attempt succeeds where all of one is silent.
    """
    deadline, host, timeout = _current_deadline(), connection._dns_host, connection.timeout
    if not deadline:
        return connection.connect_to_host()
    try:
        entries = socket.getaddrinfo(host.strip('[]'), connection.port, allowed_gai_family(), socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # it happens again here, and becomes the error of urllib3
        return connection.connect_to_host()
    resolved = list(dict.fromkeys(address[0] for *_, address in entries))
    preferred = [address for address in resolved if (':' in address) == (':' in resolved[0])]  # IPv6 or IPv4
    others = [address for address in resolved if address not in preferred]
    addresses = [address for pair in zip_longest(preferred, others) for address in pair if address]
    try:
        for address in addresses:
            max_seconds = timeout if address == addresses[-1] else NEXT_ADDRESS_SECONDS
            connection._dns_host = address
            connection.timeout = min(timeout, max_seconds, max(deadline.seconds_left(), 0.001))
            try:
                sock = connection.connect_to_host()
                deadline.limit(sock, timeout)  # that of the attempt would apply to TLS as well
                return sock
            except (ConnectTimeoutError, NewConnectionError):
                if address == addresses[-1] or deadline.is_over():
                    raise
    finally:
        connection._dns_host, connection.timeout = host, timeout


def _send(connection: Any, data: Any) -> None:
    """Send a part of a request, with the usual timeout and until the deadline."""
    deadline = _current_deadline()
    if deadline and connection.sock:
        deadline.limit(connection.sock, _USUAL_TIMEOUT)  # that of the connection would apply to the whole body
    http.client.HTTPConnection.send(connection, data)


# Patch urllib3, because requests has no timeout for a whole request. Connections without a deadline connect as before.
_connections: Any = Urllib3Connection
if not hasattr(_connections, 'connect_to_host'):  # a process may run this more than once
    _connections.connect_to_host = Urllib3Connection._new_conn
_connections._new_conn = _new_conn
_connections.response_class = _LimitedResponse
_connections.send = _send


class LimitedSession(requests.Session):
    """Send requests whose duration and size are limited, whatever the service sends.

    Args:
        remaining: returns the seconds that the command has left.
    Raises:
        DeadlineError: the request took too long. The other errors are those of requests as well.
    """

    __attrs__ = [*requests.Session.__attrs__, '_limits']  # what a copy has

    def __init__(self, remaining: Callable[[], float], limits: ResponseLimits = STRICT_LIMITS):
        super().__init__()
        self._limits = remaining, limits

    def get_adapter(self, url: Any) -> Any:
        return _LimitedAdapter(super().get_adapter(url), *self._limits)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a response redirects to; None for an address without https, and for another host if there is a body."""
        target = super().get_redirect_target(resp)
        address = absolute_url(resp.url, target or '')
        is_allowed = is_same_host(address, resp.url) or (is_https(address) and not resp.request.body)
        return target if is_allowed else None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super().request(*args, **kwargs)
        except RequestException:
            raise
        except (ValueError, TypeError, Urllib3Error) as error:  # an address that cannot be parsed; the text may contain it
            raise InvalidURL(type(error).__name__) from None


class _LimitedAdapter:
    """Give each request of an adapter a deadline, and each response limits.

    Args:
        remaining: returns the seconds that the command has left.
    """

    def __init__(self, adapter: Any, remaining: Callable[[], float], limits: ResponseLimits):
        self._adapter, self._remaining, self._limits = adapter, remaining, limits
        self._is_strict = limits[1]

    def send(self, request: Any, stream: bool = False, timeout: Any = None, **kwargs: Any) -> requests.Response:
        connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        own = read if read and read > _USUAL_TIMEOUT else 0  # of an integration that knows its service to be slow
        own_seconds = max(STREAM_SECONDS if stream else REQUEST_SECONDS, own)
        seconds = min(own_seconds if self._is_strict else LARGE_REQUEST_SECONDS, self._remaining())
        if seconds <= 0:
            raise DeadlineError('The command has no time left.', request=request)
        # By itself, requests also asks for those whose packages are installed, which are not read here.
        request.headers['Accept-Encoding'] = 'identity' if stream else 'gzip, deflate'
        timeout = min(connect or CONNECT_SECONDS, CONNECT_SECONDS, seconds), read or seconds
        deadline, thread = _Deadline(seconds), threading.current_thread()
        with _deadline_error(deadline, request):
            try:
                thread.deadline = deadline  # type: ignore[attr-defined]
                response = self._adapter.send(request, stream=True, timeout=timeout, **kwargs)
            finally:
                thread.deadline = None  # type: ignore[attr-defined]
        self._limit(response, deadline, stream)
        return response

    def _limit(self, response: requests.Response, deadline: _Deadline, stream: bool) -> None:
        encoding = _compression_of(response)
        # It is decompressed here, since urllib3 does so without a limit.
        getattr(response.raw, 'headers', {}).pop('Content-Encoding', None)
        response.raw.enforce_content_length = True  # some versions of urllib3 take what a broken connection leaves for all of it
        response.encoding = response.encoding or 'utf-8'  # guessing it takes minutes for a large body
        pieces = response.iter_content

        def iter_content(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _deadline_error(deadline, response.request):
                try:
                    yield from pieces(*args, **kwargs)
                except RequestException:
                    raise
                except Exception as error:  # such as a chunk of negative size
                    raise ContentDecodingError(type(error).__name__) from None

        if stream and response.status_code < 300:
            if encoding:
                raise ContentDecodingError('The service compressed a file that was requested as it is.')
            response.iter_content = iter_content  # type: ignore[assignment]
            return
        try:
            response._content = _joined(iter_content(_CHUNK), encoding, self._limits)
        except BaseException:
            response.close()
            raise


@contextmanager
def _deadline_error(deadline: _Deadline, request: Any) -> Iterator[None]:
    """Name the deadline as the reason of what fails after it."""
    try:
        yield
    except Exception:
        if deadline.is_over():
            what = f'No complete response came within {deadline.seconds:.0f} seconds.'
            raise DeadlineError(what, request=request) from None
        raise


def _compression_of(response: requests.Response) -> str:
    """Return how a response is compressed, empty if it is not. Some services name a character set in the header."""
    names = re.findall(r'[\w-]+', response.headers.get('Content-Encoding', '').lower())
    return ','.join(name for name in names if name in _COMPRESSIONS)


def _joined(pieces: Iterator[bytes], encoding: str, limits: ResponseLimits) -> bytes:
    """Return the decompressed bytes of a response. Raise ContentDecodingError if they, or the values of JSON, are too many."""
    if encoding not in ('', 'gzip', 'x-gzip', 'deflate'):
        raise ContentDecodingError('The response is compressed in an unknown way.')
    max_size, is_strict = limits
    body = bytearray()
    for piece in _decompressed(pieces, encoding, max_size + 1) if encoding else pieces:
        body += piece
        if len(body) > max_size:
            raise ContentDecodingError(f'The response is too large: it has more than {max_size} bytes.')
    content = bytes(body)
    if is_strict and (_has_more(content, b'{[', _MAX_OBJECTS) or _has_more(content, b',', _MAX_VALUES)):
        raise ContentDecodingError('The response is too large: it has too many values.')
    return content


def _decompressed(pieces: Iterator[bytes], encoding: str, max_length: int) -> Iterator[bytes]:
    """Yield what is in all members of gzip (RFC 1952, 2.2), or in deflate with or without its header.

    Args:
        max_length: bytes of a part after which nothing more is read.
    """
    decompressor: Any = None
    for piece in pieces:
        while piece:
            if not decompressor or decompressor.eof:
                if decompressor and piece[0] != 0x1F:  # not a member: padding, which others ignore as well
                    for _ in pieces:  # so that the connection can be used again
                        pass
                    return
                has_header = encoding != 'deflate' or piece[0] & 15 in (8, 15)  # of zlib, or of gzip
                decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32 if has_header else -zlib.MAX_WBITS)
            try:
                yield decompressor.decompress(piece, max_length)
            except zlib.error:
                raise ContentDecodingError('The response cannot be decompressed.') from None
            piece = decompressor.unused_data
    if decompressor and not decompressor.eof:
        raise ContentDecodingError('The compressed response is incomplete.')


def _has_more(content: bytes, characters: bytes, limit: int) -> bool:
    """Return whether JSON has more than `limit` of these characters outside of strings.

    This limits memory: ``{}`` takes 72 bytes in Python.
    """
    if sum(content.count(character) for character in characters) <= limit:
        return False
    outside = (part for part in re.finditer(_JSON_PARTS, content) if content[part.start()] in characters)
    return any(number == limit for number, _ in enumerate(outside))


# endregion
# region why no response came


_PROXY = (ProxyError, InvalidProxyURL)
_PROXY_PORT = 'Check address and port in the proxy settings.'
# Classes of the error, what its text contains (separated by |), what happened to the request to {}, what to do (empty: as the
# caller says), code.
_CONNECTION_PROBLEMS: tuple[tuple[Any, str, str, str, str], ...] = (
    (
        SSLError,
        'certificate has expired',
        'The TLS certificate of {} has expired.',
        'Renew it, or the certificate of the proxy, and check the clock of the engine.',
        'untrusted_certificate',
    ),
    (
        SSLError,
        'not yet valid',
        'The TLS certificate of {} is not valid yet.',
        'Check the clock of the engine.',
        'untrusted_certificate',
    ),
    (
        SSLError,
        "mismatch|doesn't match",
        'The TLS certificate of {} is that of another host.',
        'Check the address and the proxy settings.',
        'untrusted_certificate',
    ),
    (
        SSLError,
        'CERTIFICATE_VERIFY_FAILED',
        'The TLS certificate of {} is not trusted.',
        "Add the CA to the engine's trusted certificates, or select 'Trust any certificate'.",
        'untrusted_certificate',
    ),
    (
        SSLError,
        '',
        'The TLS connection to {} failed.',
        "Check the engine's file of trusted certificates, and that the host and the proxy use TLS 1.2 or later.",
        'no_tls',
    ),
    (
        _PROXY,
        'answered-407',
        'The proxy blocked the request to {} with HTTP status {}.',
        "Check the proxy's user name and password in the proxy settings of the engine.",
        'no_proxy',
    ),
    (
        _PROXY,
        'answered-403',
        'The proxy blocked the request to {} with HTTP status {}.',
        'Have the administrator of the proxy allow this address.',
        'no_proxy',
    ),
    (
        _PROXY,
        'answered-',
        'The proxy blocked the request to {} with HTTP status {}.',
        'Check the proxy settings, and that the proxy can reach this address.',
        'no_proxy',
    ),
    (
        _PROXY,
        'NameResolution|getaddrinfo|Name or service|not known',
        'The host name of the proxy for {} cannot be resolved.',
        'Check the host name in the proxy settings. In user name and password, write %5C for a backslash.',
        'no_proxy',
    ),
    (
        InvalidProxyURL,
        '',
        'The address of the proxy for {} is invalid.',
        'Enter it as http://<host>:<port>.',
        'no_proxy',
    ),
    (_PROXY, 'refused', 'Could not connect to the proxy for {}: the connection was refused.', _PROXY_PORT, 'no_proxy'),
    (_PROXY, 'imed out', 'The proxy for {} did not respond.', _PROXY_PORT, 'no_proxy'),
    (_PROXY, '', 'The connection to the proxy for {} failed.', _PROXY_PORT, 'no_proxy'),
    (
        (InvalidURL, InvalidSchema, MissingSchema),
        '',
        'The address of {}, or that of the proxy, is not valid.',
        '',
        'invalid_address',
    ),
    (Timeout, '', '{} did not respond in time.', '', 'no_answer'),
    (ContentDecodingError, 'too large', '{} sent a response that is too large.', '', 'unusable_response'),
    (ContentDecodingError, '', '{} sent a response that cannot be read.', '', 'unusable_response'),
    (RequestException, 'NewConnectionError|NameResolutionError', '{} could not be reached.', '', 'unreachable'),
)


def connection_problem(error: Exception, host: str, advice: str) -> tuple[str, str, str]:
    """Return why no response came from `host`: what happened, what to do, and a code for programs.

    Args:
        advice: what to do if the host cannot be reached.
    """
    error_class = type(error)
    if not issubclass(error_class, RequestException):
        if issubclass(error_class, (TypeError, ValueError)):
            advice = 'Check the address of the service and the proxy settings.'
            return f'The request to {host} is not valid.', advice, 'invalid_request'
        error_class = SSLError  # the file of certificates
    text = str(error)
    status = re.search(r'(?:Tunnel connection failed|response): (\d{3})', text)
    number = status.group(1) if status else ''
    text += f' answered-{number}' if status else ''
    for classes, words, what, own_advice, code in _CONNECTION_PROBLEMS:
        if issubclass(error_class, classes) and any(word in text for word in words.split('|')):
            return what.format(host, number), own_advice or advice, code
    return f'{host} did not respond.', advice, 'unreachable'


def is_reset(error: Exception) -> bool:
    """Return whether the connection could not be made or was reset. Timeouts, TLS errors and proxy errors do not count."""
    cause = getattr(error, 'exception', None) or error
    is_of_connection = isinstance(cause, (requests.exceptions.ConnectionError, ChunkedEncodingError))
    return is_of_connection and not isinstance(cause, (Timeout, SSLError, ProxyError))


# endregion
# region requests and responses


def skip_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged. Used as ``auth``, since requests otherwise replaces Authorization by an entry of .netrc."""
    return request


def read_json(response: requests.Response) -> Any:
    """Return the JSON of a response, without lone surrogates, which no text can contain. Raise ValueError if it is not JSON."""

    def reject(name: str) -> None:
        raise ValueError(f'{name} is not JSON.')

    content: Any = response.content
    if not isinstance(content, bytes):  # a response that a test of an integration has mocked
        return response.json()
    try:
        value = json.loads(content.decode('utf-8-sig', 'replace'), parse_constant=reject)
        if rb'\ud' in content or rb'\uD' in content:
            value = json.loads(json.dumps(value, ensure_ascii=False).encode('utf-8', 'replace'))
    except RecursionError:
        raise ValueError('The JSON is nested too deeply.') from None
    return value


def json_or_none(response: requests.Response) -> Any:
    try:
        return read_json(response)
    except ValueError:
        return None


MAX_RETRY_AFTER = 3600.0  # seconds; a service that asks for more is asked again after that


def retry_after_seconds(response: requests.Response, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date; None if it cannot be read."""
    text = response.headers.get('Retry-After', '').strip()
    if not re.fullmatch(r'-?\d{1,12}(\.\d{1,6})?', text, re.ASCII):
        from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

        try:
            date = parsedate_to_datetime(text[:100])
            text = str((date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now)
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    return min(max(0.0, float(text)), MAX_RETRY_AFTER)


# endregion
# region retries

_Result = TypeVar('_Result')


class RetryPolicy(NamedTuple):
    """When a failed request is sent again.

    Args:
        retries: the number of retries by HTTP status; other statuses are not retried.
        connection_retries: the number of retries when no response came.
        first_wait: seconds before the first retry if the service does not say; doubled for each further one.
        budget: seconds that all waits together may take; a service that asks for more is not waited for.
        deadline: seconds after the first try; nothing is sent again later than that.
    """

    retries: Mapping[int, int] = {}
    connection_retries: int = 0
    first_wait: float = 1.0
    budget: float = 30.0
    deadline: float = math.inf

    def delay(self, attempt: int, response: requests.Response | None, now: float = 0) -> float | None:
        """Return the seconds to wait before a request is sent again, None if it must not be.

        Args:
            attempt: the number of retries so far.
            response: the last response, None if none came.
            now: seconds since the epoch; only a response needs it.
        """
        if attempt >= (self.connection_retries if response is None else self.retries.get(response.status_code, 0)):
            return None
        retry_after = None if response is None else retry_after_seconds(response, now)
        return backoff_seconds(self.first_wait, attempt) if retry_after is None else retry_after


NO_RETRIES = RetryPolicy()


class ErrorResponse(Exception):
    """Raised by a step for a response with an error status, so that it can be retried."""

    def __init__(self, response: requests.Response):
        self.response = response
        super().__init__(response.status_code)


def run_with_retries(
    step: Callable[[], _Result],
    delay_after: Callable[[Exception, int], float | None],
    policy: RetryPolicy,
    clock: SystemClock,
    sleep: Callable[[float], Any] | None = None,
) -> _Result:
    """Return the result of `step`, which runs until it succeeds or may not be repeated. The step must not retry by itself.

    Requests for tokens, and those to APIs with their uploads and batches, all use this loop.

    Args:
        delay_after: returns the seconds to wait after an error and a number of retries, None to raise the error.
        policy: limits the waits by its budget and its deadline. The end of the command limits them as well.
        sleep: waits for some seconds, by default as the clock does.
    """
    end = clock.elapsed() + policy.deadline
    waited, attempt = 0.0, 0
    while True:
        try:
            return step()
        except Exception as error:
            delay = delay_after(error, attempt)
            if delay is None or waited + delay > policy.budget or clock.elapsed() + delay > end or delay >= clock.remaining():
                raise
        (sleep or clock.sleep)(delay)
        waited += delay
        attempt += 1


def backoff_seconds(first_wait: float, attempt: int) -> float:
    """Return an exponential delay with jitter, so that engines which failed together do not return together."""
    return first_wait * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


# endregion
