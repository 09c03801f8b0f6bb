"""The faults of the table, each with the request of a command that it meets."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, NamedTuple
from unittest import mock

import trustme
import urllib3.util.connection

from MicrosoftTokenRequestApiModule import TOKEN_THREAD
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.cloud import issue_certificate
from sandbox.microsoft.service import Service

ALWAYS = {'times': None}


class FaultCase(NamedTuple):
    """A fault.

    Args:
        name: starts with its kind.
        settings: of `sandbox.microsoft.faults.Fault`.
        is_slow: the service is waited for, in virtual time.
        peer: another server that answers at the address of the service.
        is_harmless: the command may succeed, since the response is a proper one.
        kill: the process is killed ``before`` the request or ``after`` it, and the command runs again.
    """

    name: str
    settings: dict[str, Any] = {}
    is_slow: bool = False
    peer: str = ''
    is_harmless: bool = False
    kill: str = ''


def _error(code: str) -> dict[str, Any]:
    """Return an error that is one of Graph and of Entra, more or less."""
    return {'error': {'code': code, 'message': f'The service says {code}.', 'innerError': {'request-id': 'an-id'}}}


# Runs in Markdown and in file names, if nothing is done about it.
HOSTILE = (
    '\u202etxt.exe![a](https://hostile.example/a.png)<img src="https://hostile.example/b.png">[b](javascript:alert(1))'
    '[c](https://hostile.example/c)%%%{"message":"d","action":"e","params":{}}%%%{{color:white}}(f)'
)
DEEP = '{"value":' * 100_000
ECHOES = '{echo}', '{echo in an object}'  # replaced by errors with the secrets of the instance
RETRY_AFTER = ('inf', '1e9', 'nan', '-5', 'soon', '999999999999', 'Wed, 21 Oct 2015 07:28:00 GMT', '\xb2', '9' * 400)
PAGE = b'<!DOCTYPE html><html><body>Please accept our terms.</body></html>'
JSON = {'Content-Type': 'application/json'}

FAULTS = [
    *(
        FaultCase(f'status {status}', {'status': status, 'body': _error('Oops'), **ALWAYS})
        for status in (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 418, 423, 429, 500, 501, 502, 503, 504, 507, 509, 599)
    ),
    *(
        FaultCase(f'empty {status}', {'status': status, **ALWAYS})
        for status in (200, 201, 202, 204, 206, 400, 404, 429, 500, 503)
    ),
    *(
        FaultCase(f'once {status}', {'status': status, 'body': _error('Oops')})
        for status in (401, 408, 409, 412, 429, 500, 502, 503, 504)
    ),
    *(FaultCase(f'once {name}', {name: True}) for name in ('reset', 'reset_mid_body', 'truncated', 'garbage')),
    *(
        FaultCase(f'redirect {status}', {'status': status, 'headers': {'Location': '{elsewhere}/x'}, **ALWAYS})
        for status in (301, 302, 303, 307, 308)
    ),
    FaultCase('redirect to no address', {'status': 302, 'headers': {'Location': 'https://[::1'}, **ALWAYS}),
    *(
        FaultCase(f'retry after {value[:12]}', {'status': 429, 'headers': {'Retry-After': value}, **ALWAYS})
        for value in RETRY_AFTER
    ),
    FaultCase('retry after 2 s', {'status': 503, 'headers': {'Retry-After': '2'}, **ALWAYS}),
    *(
        FaultCase(
            f'body {name}', {'status': 200, 'body': body, 'headers': JSON, **ALWAYS}, is_harmless=name == 'control characters'
        )
        for name, body in {
            'an object': b'{}',
            'a list': b'[]',
            'null': b'null',
            'a text': b'"x"',
            'a number': b'5',
            'not a number': b'{"value": NaN, "expires_in": Infinity}',
            'huge number': b'{"value": 1e999, "expires_in": 1e999, "access_token": 1e999}',
            'many digits': b'{"value": ' + b'9' * 5000 + b'}',
            'deep': DEEP.encode(),
            'half': b'{"value": [{"id": "x", ',
            'error': b'{"error": {"code": "ErrorX", "message": "no"}}',
            'error text': b'{"error": "invalid_grant", "error_description": "AADSTS70000: no", "error_codes": ["\xc2\xb2"]}',
            'surrogates': b'{"value": [{"id": "\\ud800"}], "error": {"code": "\\udfff", "message": "\\ud83d"}}',
            'not UTF-8': b'{"value": "\xff\xfe\xed\xa0\x80"}',
            'byte order mark': b'\xef\xbb\xbf{}',
            'a page': PAGE,
            'nulls': b'{"value": [null], "access_token": null, "id": null, "responses": [null]}',
            'numbers for objects': b'{"value": [5], "access_token": 5, "id": 5, "responses": [5]}',
            'control characters': b'{"id": "a\\u0000b", "access_token": "a\\r\\nX: y", "value": [{"id": "\\u0000"}]}',
            'a link elsewhere': b'{"value": [], "@odata.nextLink": "{elsewhere}/next", "@odata.deltaLink": "https://[::1"}',
        }.items()
    ),
    *(
        FaultCase(f'{body[1:-1]} {status}', {'status': status, 'headers': JSON, 'body': body, **ALWAYS})
        for status in (200, 400, 401, 403, 500)
        for body in ECHOES
    ),
    FaultCase('hostile error 400', {'status': 400, 'body': _error(HOSTILE), **ALWAYS}),
    FaultCase(
        'hostile description 400', {'status': 400, 'body': {'error': 'invalid_request', 'error_description': HOSTILE}, **ALWAYS}
    ),
    FaultCase('wrong type', {'headers': {'Content-Type': 'text/plain'}, **ALWAYS}, is_harmless=True),
    FaultCase('unknown compression', {'headers': {'Content-Encoding': 'br'}, **ALWAYS}),
    FaultCase('no gzip', {'headers': {'Content-Encoding': 'gzip'}, **ALWAYS}),
    FaultCase('gzip bomb', {'bomb': 80 * 2**20, 'times': 1}),
    FaultCase('reset', {'reset': True, **ALWAYS}),
    FaultCase('reset in the body', {'reset_mid_body': True, **ALWAYS}),
    FaultCase('truncated', {'truncated': True, **ALWAYS}),
    FaultCase('a web page', {'garbage': True, **ALWAYS}),
    FaultCase('silent', {'delay': 20.0, 'reset': True, **ALWAYS}, is_slow=True),
    FaultCase('byte by byte', {'slow': 0.03, **ALWAYS}, is_slow=True),
    FaultCase('endless', {'endless': True, **ALWAYS}),
    *(
        FaultCase(f'done {late} {status}', {'status': status, 'body': _error('Oops'), 'done': True, 'done_after': late})
        for status in (429, 500, 504)
        for late in (0, 4, 60)
    ),
    *(FaultCase(f'killed {moment} the request', kill=moment) for moment in ('before', 'after')),
    *(FaultCase(f'peer {peer}', peer=peer) for peer in ('closed port', 'expired', 'wrong host', 'untrusted', 'no TLS')),
]

# region peers


@contextmanager
def peers(cloud: MicrosoftCloud) -> Iterator[dict[str, int]]:
    """Serve as each of those who may answer at the address of a service, and return their ports. A closed port is 0."""
    long_ago = datetime(2001, 1, 1, tzinfo=timezone.utc)
    certificates = {
        'expired': issue_certificate('localhost', not_before=long_ago, not_after=long_ago.replace(year=2002)),
        'wrong host': issue_certificate('other.example'),
        'untrusted': trustme.CA(organization_name='Nobody').issue_cert('localhost'),
    }
    services = {}
    for name, certificate in certificates.items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        services[name] = Service(name, 0, context)
    for service in services.values():
        service.start(_not_found)
    try:
        yield {**{name: service.port for name, service in services.items()}, 'no TLS': cloud.ports['admin'], 'closed port': 0}
    finally:
        for service in services.values():
            service.stop()


def _not_found(_environ: Any, start_response: Any) -> list[bytes]:
    start_response('404 Not Found', [('Content-Length', '0')])
    return []


@contextmanager
def instead_of(port: int, peer: int) -> Iterator[None]:
    """Connect to another port in place of `port`."""
    connect = urllib3.util.connection.create_connection
    thread = threading.current_thread()

    def elsewhere(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        host, number = address
        if number == port and (threading.current_thread() is thread or threading.current_thread().name == TOKEN_THREAD):
            if not peer:
                raise ConnectionRefusedError(111, 'Connection refused')
            number = peer
        return connect((host, number), *args, **kwargs)

    with mock.patch.object(urllib3.util.connection, 'create_connection', elsewhere):
        yield


# endregion
# region values of fields

WRONG_VALUES: dict[str, Any] = {'null': None, 'number': 5, 'text': 'x', 'list': [None], 'object': {'x': None}, 'negative': -1}


def fields_of(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the fields of a JSON body; of a list, those of its first item."""
    items: list[tuple[Any, Any]] = []
    if isinstance(body, dict):
        items = list(body.items())
    elif isinstance(body, list) and body:
        items = [(0, body[0])]
    for key, value in items:
        yield (*path, key)
        yield from fields_of(value, (*path, key))


def wrong_fields(body: Any) -> list[FaultCase]:
    """Return the faults that replace a field of a response by a value of a wrong type, or a text by a hostile one."""
    found = []
    for path in fields_of(body):
        value: Any = body
        for key in path:
            value = value[key]
        values = {name: wrong for name, wrong in WRONG_VALUES.items() if type(wrong) is not type(value)}
        if isinstance(value, str):
            values['hostile'] = HOSTILE
        shown = '.'.join(map(str, path))
        for name, wrong in values.items():
            found.append(FaultCase(f'field {shown} is {name}', {'replace': [list(path), wrong], **ALWAYS}, is_harmless=True))
    return found


# endregion
