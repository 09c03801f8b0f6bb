"""Whatever a service sends, a request ends at its deadline and at that of the command, and its response has a maximum size."""

import json
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import requests

import MicrosoftHttpApiModule
from CommonServerPython import DemistoException
from conformance.api_client.instances import Instance
from conformance.common_server.scripted_server import ScriptedServer
from conformance.token_cache.processes import ADA
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import SystemClock
from MicrosoftGraphClientApiModule import GraphError
from MicrosoftHttpApiModule import LARGE_LIMITS, DeadlineError, LimitedSession, connection_problem
from MicrosoftTokenRequestApiModule import AccessToken
from sandbox.microsoft.cloud import issue_certificate
from sandbox.tests.machine import limit

JSON = {'Content-Type': 'application/json'}
SECONDS = 0.5  # of a request, in place of two minutes


@pytest.fixture(autouse=True)
def _short_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', SECONDS)
    monkeypatch.setattr(MicrosoftHttpApiModule, 'STREAM_SECONDS', SECONDS)


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection of a plain TCP server, and return its host and port."""

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            serve(connection)

    with socket.create_server(('127.0.0.1', 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f'localhost:{server.getsockname()[1]}'
        server.shutdown(socket.SHUT_RDWR)


def slowly(data: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(1)
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            time.sleep(0.02)

    return serve


def without_reading(connection: socket.socket) -> None:
    while connection.recv(1):
        time.sleep(0.02)


def reading_slowly(connection: socket.socket) -> None:
    while connection.recv(65536):
        time.sleep(0.05)


def seconds_of(call: Callable[[], Any], error: type[Exception] = DeadlineError) -> float:
    started = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - started


HEAD = b'HTTP/1.1 200 OK\r\n'
SLOW_ANSWERS = {
    'a head, byte by byte': slowly(HEAD + b'X: ' + b'x' * 10_000),
    'headers, byte by byte': slowly(HEAD + b'X: y\r\n' * 90 + b'Y: ' + b'z' * 5000),
    'a body, byte by byte': slowly(HEAD + b'Content-Length: 9999\r\n\r\n' + b' ' * 9999),
    'a body without a length': slowly(HEAD + b'\r\n' + b' ' * 9999),
    'chunks, byte by byte': slowly(HEAD + b'Transfer-Encoding: chunked\r\n\r\n' + b'1\r\n \r\n' * 2000),
    'nothing': lambda connection: time.sleep(limit(5)),
    'a request that is read byte by byte': without_reading,
    'a request that is read slowly': reading_slowly,
}


@pytest.mark.parametrize('scheme', ['http', 'https'])
@pytest.mark.parametrize('is_stream', [False, True])
@pytest.mark.parametrize('answer', SLOW_ANSWERS)
def test_a_slow_answer_ends_at_the_deadline(answer: str, is_stream: bool, scheme: str) -> None:
    def call() -> None:
        with LimitedSession(SystemClock().remaining) as session:
            response = session.post(f'{scheme}://{host}/', data=b'x' * 20_000_000, timeout=60, stream=is_stream, verify=False)
            for _ in response.iter_content(1000):
                pass

    with serving(SLOW_ANSWERS[answer]) as host:
        # a server that speaks no TLS is found out as such, or as slow
        error = DeadlineError if scheme == 'http' else requests.exceptions.RequestException
        assert seconds_of(call, error) < SECONDS + limit(2)


OVER_TLS = {name: serve for name, serve in SLOW_ANSWERS.items() if 'chunks' not in name}


@pytest.mark.filterwarnings('ignore::urllib3.exceptions.InsecureRequestWarning')
@pytest.mark.parametrize('answer', OVER_TLS)
def test_a_slow_answer_over_tls_ends_at_the_deadline(answer: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issue_certificate('localhost').configure_cert(context)

    def serve(connection: socket.socket) -> None:
        OVER_TLS[answer](context.wrap_socket(connection, server_side=True))

    def call() -> None:
        with LimitedSession(SystemClock().remaining) as session:
            session.post(f'https://{host}/', data=b'x' * 20_000_000, timeout=60, verify=False)

    with serving(serve) as host:
        assert seconds_of(call) < SECONDS + limit(2)


@contextmanager
def silent_addresses(count: int, port: int = 0) -> Iterator[list[tuple[str, int]]]:
    """Give addresses that answer no attempt to connect: their queues are full."""
    with ExitStack() as stack:
        given: list[tuple[str, int]] = []
        for number in range(count):
            server = stack.enter_context(socket.create_server((f'127.0.1.{number + 1}', port), backlog=0))
            given.append(server.getsockname())
            port = given[0][1]
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(given[-1])
        yield given


def answer_ok(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(HEAD + b'Content-Length: 2\r\n\r\nok')


def text_of_many_example(port: int, scheme: str = 'http') -> str:
    """Return what ``many.example`` answers; nobody checks its certificate."""
    with LimitedSession(SystemClock().remaining) as session:
        return session.get(f'{scheme}://many.example:{port}/', timeout=60, verify=False).text


def resolve_many_example(monkeypatch: pytest.MonkeyPatch, found: list[Any]) -> None:
    """Let ``many.example`` have these addresses, as ``socket.getaddrinfo`` returns them."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, 'getaddrinfo', lambda host, *a, **k: found if host == 'many.example' else resolve(host, *a, **k))


@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_many_silent_addresses_of_a_host_end_at_the_deadline(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Microsoft's hosts have a dozen, and a firewall that drops what is sent makes all of them silent."""

    def call() -> None:
        with LimitedSession(SystemClock().remaining) as session:
            session.get(f'{scheme}://many.example:{given[0][1]}/', timeout=60)

    with silent_addresses(8) as given:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', one) for one in given]
        resolve_many_example(monkeypatch, found)
        assert seconds_of(call) < SECONDS + limit(2)


def test_the_next_address_is_tried_if_one_refuses_or_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, 'CONNECT_SECONDS', 0.1)
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(5))

    with serving(answer_ok) as host, silent_addresses(1, int(host.partition(':')[2])) as silent:
        port = silent[0][1]
        addresses = ['127.0.2.1', silent[0][0], '127.0.0.1']  # nothing is at the first
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (one, port)) for one in addresses]
        resolve_many_example(monkeypatch, found)
        assert text_of_many_example(port) == 'ok'


@pytest.mark.parametrize('silent_family, count', [('IPv6', 8), ('IPv4', 8), ('IPv6', 1)])
def test_where_one_family_of_addresses_is_silent_the_second_attempt_is_of_the_other_one(
    monkeypatch: pytest.MonkeyPatch, silent_family: str, count: int
) -> None:
    """Microsoft's sign-in hosts have eight of each, and many networks drop what is sent to the first eight."""
    monkeypatch.setattr(MicrosoftHttpApiModule, 'NEXT_ADDRESS_SECONDS', limit(0.5))
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(2))

    with serving(answer_ok) as host, silent_addresses(count, int(host.partition(':')[2])) as silent:
        port = silent[0][1]
        addresses = [*(one for one, _ in silent), '127.0.0.1']
        families = [silent_family] * count + ['IPv4' if silent_family == 'IPv6' else 'IPv6']
        found: list[Any] = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, '', (f'::ffff:{address}', port, 0, 0))
            if family == 'IPv6'
            else (socket.AF_INET, socket.SOCK_STREAM, 6, '', (address, port))
            for address, family in zip(addresses, families, strict=True)
        ]
        resolve_many_example(monkeypatch, found)
        assert text_of_many_example(port) == 'ok'


@pytest.mark.filterwarnings('ignore::urllib3.exceptions.InsecureRequestWarning')
def test_tls_may_take_longer_than_the_connection_to_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, 'NEXT_ADDRESS_SECONDS', 0.1)
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(5))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issue_certificate('localhost').configure_cert(context)

    def serve(connection: socket.socket) -> None:
        time.sleep(0.3)
        answer_ok(context.wrap_socket(connection, server_side=True))

    with serving(serve) as host:
        port = int(host.partition(':')[2])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (one, port)) for one in ('127.0.0.1', '127.0.2.1')]
        resolve_many_example(monkeypatch, found)
        assert text_of_many_example(port, 'https') == 'ok'


def test_a_slow_proxy_ends_at_the_deadline() -> None:
    def call() -> None:
        with LimitedSession(SystemClock().remaining) as session:
            session.get('https://localhost/', timeout=60, proxies={'https': f'http://{proxy}'})

    with serving(slowly(HEAD + b'X: ' + b'x' * 10_000)) as proxy:
        assert seconds_of(call) < SECONDS + limit(2)


def test_a_file_that_is_read_later_than_the_deadline_does_not_end_the_next_request() -> None:
    def serve(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(HEAD + b'Content-Length: 999999\r\n\r\n' + b'x' * 999_999)

    with serving(serve) as host, LimitedSession(SystemClock().remaining) as session:
        response = session.get(f'http://{host}/', timeout=60, stream=True)
        time.sleep(SECONDS)
        with pytest.raises(DeadlineError):
            list(response.iter_content(1000))
        assert session.get(f'http://{host}/', timeout=60).text == 'x' * 999_999
        assert requests.get(f'http://{host}/', timeout=60).text == 'x' * 999_999


@pytest.mark.parametrize(
    'fault',
    [
        {'slow': 0.01},
        pytest.param({'endless': True, 'slow': 0}, marks=pytest.mark.slow),
        {'delay': 3.0},
        pytest.param({'bomb': 600 * 2**20}, marks=pytest.mark.slow),
        {'truncated': True},
    ],
)
@pytest.mark.parametrize('service', ['entra', 'graph'])
def test_each_request_of_the_client_ends(instance: Instance, service: str, fault: dict[str, Any]) -> None:
    instance.fail(times=None, service=service, **fault)
    client = instance.graph()
    tracemalloc.start()
    try:
        elapsed = seconds_of(lambda: client.graph_request('GET', f'/users/{ADA}/messages'), Exception)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert elapsed < 4 * (SECONDS + 1) + limit(2)
    assert peak < 250_000_000


def test_an_integration_may_give_a_slow_service_more_time(instance: Instance) -> None:
    instance.fail(delay=2 * SECONDS)
    assert instance.client(timeout=90).http_request('GET', f'/users/{ADA}/messages')['value']


def test_an_integration_that_sets_no_timeout_waits_as_long_as_the_service_takes(instance: Instance) -> None:
    # as updates of alerts in Defender for Endpoint, or uploads
    instance.fail(delay=2 * SECONDS)
    client = instance.client()
    assert client.http_request('GET', f'/users/{ADA}/messages')['value']
    assert client.timeout is None
    assert MicrosoftClient(credential=client.credential).timeout == 60


def test_the_waits_of_the_base_client_do_not_count_as_time_of_the_request(instance: Instance) -> None:
    instance.fail(status=429, times=3)
    client = instance.client(timeout=30)
    found = client.http_request(
        'GET', f'/users/{ADA}/messages', retries=3, status_list_to_retry=[429], backoff_factor=SECONDS / 2
    )
    assert found['value']
    assert len(instance.requests()) == 4


def test_an_integration_that_retries_itself_sends_no_more_requests(instance: Instance) -> None:
    instance.fail(status=503, times=None)
    with pytest.raises(DemistoException):
        instance.client().http_request(
            'GET', f'/users/{ADA}/messages', retries=3, status_list_to_retry=[503], backoff_factor=0.01
        )
    assert instance.requests() == [503] * 4


@pytest.mark.slow
@pytest.mark.parametrize('size', [64 * 2**20 + 2**20, 600 * 2**20])
def test_a_response_of_the_mail_integration_has_a_maximum_size(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(10))
    instance.fail(bomb=size)
    with pytest.raises(GraphError, match='sent a response that is too large'):
        instance.graph().graph_request('GET', '/me')


@pytest.mark.parametrize('item', ['{}', pytest.param('1', marks=pytest.mark.slow)])
def test_json_of_the_mail_integration_has_a_maximum_of_values(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, item: str
) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(10))
    instance.fail(status=200, headers=JSON, body=f'{{"value": [{",".join([item] * 3_000_010)}]}}'.encode())
    with pytest.raises(GraphError, match='sent a response that is too large'):
        instance.graph().graph_request('GET', '/me')


@pytest.mark.slow
@pytest.mark.parametrize('resp_type', ['content', 'response'])
def test_an_integration_gets_a_large_file(instance: Instance, monkeypatch: pytest.MonkeyPatch, resp_type: str) -> None:
    """MicrosoftGraphFiles downloads files of any size with one request."""
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(10))
    size = 65 * 2**20
    instance.fail(status=200, headers={'Content-Type': 'application/octet-stream'}, body=b'a' * size)
    found = instance.messages(resp_type=resp_type)
    assert len(found if resp_type == 'content' else found.content) == size


def test_an_integration_gets_the_whole_result_of_a_query(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure Data Explorer returns up to 500,000 records.

    Source: https://learn.microsoft.com/azure/kusto/concepts/querylimits
    """
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(10))
    rows = [[1, 2, 3, 4, 5, 6, 7]] * 500_000
    instance.fail(status=200, headers=JSON, body=json.dumps({'tables': [{'rows': rows}]}).encode())
    assert instance.messages()['tables'][0]['rows'] == rows


def in_parts(count: int, pause: float) -> Callable[[socket.socket], None]:
    """Answer with so many parts of a body, and a pause before each."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(HEAD + f'Content-Length: {count * PART}\r\n\r\n'.encode())
        for _ in range(count):
            time.sleep(pause)
            connection.sendall(b'x' * PART)
        connection.recv(1)  # until the client closes

    return serve


PART = 64 * 1024


@pytest.mark.parametrize('is_stream', [False, True])
def test_a_large_file_ends_only_when_its_bytes_cease(is_stream: bool) -> None:
    def size_of(host: str) -> int:
        with LimitedSession(SystemClock().remaining, LARGE_LIMITS) as session:
            response = session.get(f'http://{host}/', timeout=SECONDS, stream=is_stream)
            return sum(map(len, response.iter_content(PART)))

    with serving(in_parts(6, SECONDS / 3)) as host:
        assert size_of(host) == 6 * PART, 'it took twice the time of a request'
    with serving(in_parts(2, SECONDS * 2)) as host:
        assert seconds_of(lambda: size_of(host), requests.exceptions.RequestException) < 2 * SECONDS + limit(2)


def test_a_large_file_ends_with_the_command() -> None:
    clock = SystemClock()
    clock.limit(SECONDS)
    with serving(in_parts(6, SECONDS / 3)) as host, LimitedSession(clock.remaining, LARGE_LIMITS) as session:
        assert seconds_of(lambda: session.get(f'http://{host}/', timeout=60)) < SECONDS + limit(2)


def test_a_large_response_below_the_maximum_is_read(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftHttpApiModule, 'REQUEST_SECONDS', limit(10))
    instance.fail(bomb=20 * 2**20)
    assert instance.graph().graph_request('GET', '/me') == {'value': []}


@pytest.mark.parametrize(
    'headers, body',
    [
        ({'Content-Encoding': 'gzip'}, b'not gzip'),
        ({'Content-Encoding': 'gzip'}, b'\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03'),
        ({'Content-Encoding': 'gzip, gzip'}, b'{}'),
        ({'Content-Encoding': 'br'}, b'{}'),
        ({'Content-Encoding': 'deflate'}, b'\x78\x9c'),
    ],
)
def test_what_cannot_be_decompressed_is_no_response(instance: Instance, headers: dict[str, str], body: bytes) -> None:
    instance.fail(status=200, headers=headers, body=body)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        instance.messages()


CHUNKED = HEAD + b'Transfer-Encoding: chunked\r\n\r\n'
MALFORMED = {
    'negative chunk': CHUNKED + b'-5\r\nabc\r\n0\r\n\r\n',
    'chunk of no size': CHUNKED + b'zz\r\nabc\r\n',
    'huge chunk': CHUNKED + b'f' * 40 + b'\r\nabc',
    'chunk size without end': CHUNKED + b'1' * 200_000,
    'two lengths': HEAD + b'Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}',
    'no status': b'HTTP/1.1 abc\r\n\r\n',
    'no HTTP': b'SSH-2.0-OpenSSH_9\r\n',
    'many headers': HEAD + b'A: b\r\n' * 500 + b'\r\n{}',
    'long header': HEAD + b'A: ' + b'b' * 200_000 + b'\r\n\r\n',
    'nothing': b'',
}


@pytest.mark.parametrize('is_stream', [False, True])
@pytest.mark.parametrize('answer', MALFORMED)
def test_a_malformed_response_is_an_error_of_the_request(answer: str, is_stream: bool) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(MALFORMED[answer])

    with serving(serve) as host, LimitedSession(SystemClock().remaining) as session:
        with pytest.raises(requests.exceptions.RequestException) as failure:
            for _ in session.get(f'http://{host}/', timeout=5, stream=is_stream).iter_content(1000):
                pass
        what, _, _ = connection_problem(failure.value, 'The host', 'Try again.')
    assert what.startswith('The host ')


@pytest.mark.parametrize('times', [1, 2])
@pytest.mark.parametrize('fault', [{'reset': True}, {'status': 502}, {'reset_mid_body': True}])
def test_a_get_is_sent_again_once(instance: Instance, fault: dict[str, Any], times: int) -> None:
    instance.fail(times=times, **fault)
    if times == 1:
        assert instance.messages()['value']
    else:
        with pytest.raises((DemistoException, requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            instance.messages()
    assert len(instance.requests()) == 2
    instance.cloud.requests.clear()
    instance.fail(times=1, **fault)
    with pytest.raises((DemistoException, requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        instance.client().http_request('POST', f'/users/{ADA}/messages', json_data={})
    assert len(instance.requests()) == 1


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize('method, is_followed', [('GET', True), ('POST', False), ('PATCH', False)])
def test_another_host_gets_neither_the_token_nor_the_body(
    instance: Instance, status: int, method: str, is_followed: bool
) -> None:
    with ScriptedServer([(200, {'Content-Type': 'application/json'}, '{}')]) as other:
        instance.fail(status=status, headers={'Location': f'{other.url}/x'})
        with suppress(DemistoException):
            instance.client().http_request(
                method, '/me', json_data=None if is_followed else {'mail': 'canary'}, headers={'X-Test': 'y'}
            )
    assert len(other.seen) == is_followed
    assert 'canary' not in str(other.seen)


@pytest.mark.parametrize('location', ['https://[::1', 'http://example.com/', 'ftp://localhost/', '//[', 'javascript:alert(1)'])
def test_a_redirect_to_no_https_address_is_not_followed(instance: Instance, location: str) -> None:
    instance.fail(status=302, headers={'Location': location})
    with pytest.raises((DemistoException, requests.exceptions.RequestException)):
        instance.messages()
    assert len(instance.requests()) == 1


def test_a_command_without_time_sends_nothing(instance: Instance) -> None:
    client = instance.client()
    client.get_access_token()
    client.clock.limit(-1)
    with pytest.raises(DeadlineError):
        client.http_request('GET', f'/users/{ADA}/messages')
    assert instance.requests() == []


def test_waits_end_with_the_command(instance: Instance) -> None:
    instance.fail(times=None, status=503, headers={'Retry-After': '9'})
    client = instance.client()
    client.get_access_token()
    client.clock.limit(5)
    with pytest.raises(DemistoException, match='503'):
        client.http_request('GET', f'/users/{ADA}/messages')
    assert (instance.clock.slept, instance.requests()) == (0, [503])


@pytest.mark.parametrize(
    'fault',
    [
        {'delay': limit(3)},
        {'slow': 0.05},
        {'reset': True},
        {'status': 400, 'body': {'error': 'invalid_grant'}},
        {'status': 200, 'body': {'access_token': 5}},
        {'status': 503, 'headers': {'Retry-After': '30'}},
        {'garbage': True},
    ],
)
def test_a_refresh_of_a_valid_token_costs_little_and_does_not_show(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    monkeypatch.setattr('MicrosoftTokenCacheApiModule.MAX_REFRESH_SECONDS', SECONDS)
    client = instance.client()
    provider, target = client.token_provider, client.token_target()
    token = provider.get_token(target)
    now = instance.clock.now()
    due = AccessToken(token.value, now + 3000, now - 1)
    provider.update(lambda cached: cached.put_token(due), target)
    instance.fail(times=None, service='entra', **fault)
    started = time.monotonic()
    assert client.http_request('GET', f'/users/{ADA}/messages', params={'$top': 1})['value']
    assert time.monotonic() - started < SECONDS + limit(2)
    assert instance.clock.slept == 0
