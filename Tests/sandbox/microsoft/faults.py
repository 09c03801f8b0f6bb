"""Let services fail on purpose: a status, a body, a delay, a broken connection."""

import io
import json
import math
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from sandbox.microsoft.clock import Clock
from sandbox.microsoft.entra.errors import AADSTS, EntraError

SERVICES = ('entra', 'graph', 'resource-manager', 'defender', 'token-service', 'imds', 'app-service', 'arc', 'aks')
GARBAGE = b'<!DOCTYPE html><html><head><title>Guest network</title></head><body>Please accept our terms.</body></html>'
MID_BODY_PAUSE = 0.05


@dataclass(kw_only=True)
class Fault:
    """A failure, for the requests of ``service`` whose path matches ``path``.

    Attributes:
        service: name of a service, see ``SERVICES``; empty means all.
        path: regular expression, searched in the path.
        method: HTTP method; empty means all.
        times: how many requests fail, None for all until ``Faults.clear``.
        skip: how many requests are answered properly before.
        spares_items: the items of a batch do not count, and do not fail.
        status, headers, body: the answer in place of the service's. ``body`` may be text, bytes, or anything that JSON can hold.
        aadsts: answers with Entra's error of that number.
        delay: seconds to wait before anything else happens.
        reset: breaks the connection; the service never sees the request.
        reset_mid_body: the service does its work, and the connection breaks in the middle of the answer.
        garbage: answers 200 with the web page of a captive portal; inside a batch, where none can be, 504.
        slow: seconds between two bytes of the answer.
        endless: the answer is followed by bytes without end.
        truncated: the connection ends properly before the answer is complete.
        bomb: the answer is that many bytes of JSON, compressed.
        replace: where to put another value in the JSON of the proper answer, and the value: ``[['value', 0, 'id'], 5]``.
        done: the service does its work, and yet answers as this fault says.
        done_after: seconds until it does its work; then the first request to the service finds it done.
        The last seven are not for the items of a batch.
    """

    service: str = ''
    path: str = ''
    method: str = ''
    times: int | None = 1
    skip: int = 0
    spares_items: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    aadsts: int | None = None
    delay: float = 0.0
    reset: bool = False
    reset_mid_body: bool = False
    garbage: bool = False
    slow: float = 0.0
    endless: bool = False
    truncated: bool = False
    bomb: int = 0
    replace: list[Any] = field(default_factory=list)
    done: bool = False
    done_after: float = 0.0

    def __post_init__(self) -> None:
        if self.service and self.service not in SERVICES:
            raise ValueError(f'There is no service "{self.service}". Use one of {", ".join(SERVICES)}.')
        if self.aadsts is not None and self.aadsts not in AADSTS:
            raise ValueError(f'There is no error AADSTS{self.aadsts} in the table. Use one of errors.AADSTS.')
        try:
            self._pattern = re.compile(self.path)
        except re.error as error:
            raise ValueError(f'The path is not a regular expression: {error}.') from error

    def matches(self, service: str, method: str, path: str) -> bool:
        """Return whether this fault is for such a request."""
        return self.service in ('', service) and self.method in ('', method) and bool(self._pattern.search(path))

    def answer(self, now: float) -> Response | None:
        """Return the answer in place of the service's, None when the service is to answer itself."""
        if self.bomb:
            headers = {'Content-Encoding': 'gzip', **self.headers}
            answer = Response(_compressed_spaces(self.bomb), self.status or 200, headers, mimetype='application/json')
            answer.headers.pop('Content-Length', None)
            return answer
        if self.garbage:
            return Response(GARBAGE, 200, self.headers, mimetype='text/html')
        if self.aadsts is not None:
            error = EntraError(self.aadsts)
            return _response(error.body(now), self.status or error.status, self.headers)
        if self.status is None and self.body is None:
            return None
        return _response(self.body, self.status or 200, self.headers)


class Faults:
    """The faults that are switched on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._late: list[tuple[float, Callable[[], Any]]] = []
        self._lock = threading.Lock()

    def add(self, **settings: Any) -> Fault:
        """Switch a fault on; the keywords are the attributes of ``Fault``. Raises ValueError or TypeError for wrong ones."""
        fault = Fault(**settings)
        with self._lock:
            self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """Return the faults that are on, in their order."""
        with self._lock:
            return list(self._faults)

    def remove(self, fault: Fault) -> None:
        """Switch one fault off, unless it has ended already."""
        with self._lock:
            self._faults = [each for each in self._faults if each is not fault]

    def clear(self) -> None:
        """Switch all faults off, and drop the work that was put off."""
        with self._lock:
            self._faults.clear()
            self._late.clear()

    def put_off(self, moment: float, work: Callable[[], Any]) -> None:
        """Let a service do its work at a moment, in seconds since the epoch."""
        with self._lock:
            self._late.append((moment, work))

    def do_late_work(self, now: float = math.inf) -> None:
        """Do what was put off until ``now``; without it, all."""
        with self._lock:
            due = [work for moment, work in self._late if moment <= now]
            self._late = [(moment, work) for moment, work in self._late if moment > now]
        for work in due:
            work()

    def take(self, service: str, method: str, path: str, is_item: bool = False) -> Fault | None:
        """Return the first fault for such a request, which may be an item of a batch; it counts as used."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(service, method, path) and not (is_item and fault.spares_items):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                    return fault
        return None


class FaultyService:
    """A WSGI application that puts faults before another one."""

    def __init__(self, name: str, app: Any, faults: Faults, clock: Clock) -> None:
        self._name = name
        self._app = app
        self._faults = faults
        self._clock = clock

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self._faults.do_late_work(self._clock.now())
        fault = self._faults.take(self._name, environ['REQUEST_METHOD'], environ['PATH_INFO'])
        if fault is None:
            return self._app(environ, start_response)
        if fault.done:
            self._do(environ, fault)
        time.sleep(fault.delay)
        if fault.reset:
            raise ConnectionResetError('fault: reset')
        answer = fault.answer(self._clock.now())
        if answer is None:
            chunks, status, headers = run_wsgi_app(self._app, environ)
            answer = Response(b''.join(chunks), status, headers)
            answer.headers.extend(fault.headers)
            if fault.replace and answer.is_json:
                answer.set_data(_with_value(answer.get_data(), *fault.replace))
        if fault.endless:
            answer.headers.pop('Content-Length', None)
        bodies = {'slow': _slowly, 'endless': _without_end, 'truncated': _cut, 'reset_mid_body': _half}
        sent_as = next((body for name, body in bodies.items() if getattr(fault, name)), None)
        if not sent_as and 'Location' not in fault.headers:  # werkzeug corrects addresses, also wrong ones
            return answer(environ, start_response)
        if fault.truncated:
            answer.headers['Connection'] = 'close'
        start_response(answer.status, answer.headers.to_wsgi_list())
        return sent_as(answer.get_data(), fault) if sent_as else [answer.get_data()]

    def _do(self, environ: dict[str, Any], fault: Fault) -> None:
        """Do the work of a request whose answer the fault replaces, at once or later."""
        body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))
        environ['wsgi.input'] = io.BytesIO(body)
        request = {**environ, 'wsgi.input': io.BytesIO(body)}

        def work() -> None:
            chunks, _status, _headers = run_wsgi_app(self._app, request)
            b''.join(chunks)

        if fault.done_after:
            self._faults.put_off(self._clock.now() + fault.done_after, work)
        else:
            work()


def _with_value(data: bytes, path: list[Any], value: Any) -> bytes:
    """Return JSON with another value at a path; as it is if there is no such path."""
    body = json.loads(data)
    try:
        inner = body
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return data
    return json.dumps(body).encode()


def _slowly(body: bytes, fault: Fault) -> Iterator[bytes]:
    for number in range(len(body)):
        time.sleep(fault.slow)  # ends when the client does: the next write fails
        yield body[number : number + 1]


def _without_end(body: bytes, _fault: Fault) -> Iterator[bytes]:
    yield body
    while True:
        yield b' ' * 65536


def _cut(body: bytes, _fault: Fault) -> Iterator[bytes]:
    yield body[: len(body) // 2]


def _compressed_spaces(size: int) -> Iterator[bytes]:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    yield compressor.compress(b'{"value": [')
    for _ in range(size // 2**20):
        yield compressor.compress(b' ' * 2**20)
    yield compressor.compress(b']}') + compressor.flush()


def _half(body: bytes, _fault: Fault) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    # Lets the first half arrive: a reset discards what the receiver has not read yet.
    time.sleep(MID_BODY_PAUSE)
    raise ConnectionResetError('fault: reset in mid-body')


def _response(body: Any, status: int, headers: dict[str, str]) -> Response:
    if body is None:
        body = b''
    mimetype = 'text/html'
    if not isinstance(body, (str, bytes)):
        body, mimetype = json.dumps(body), 'application/json'
    return Response(body, status, headers, mimetype=None if 'Content-Type' in headers else mimetype)
