"""``$batch``: up to 20 requests in one, at most 4 of them at a time. Their answers come in another order."""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.test import run_wsgi_app

from sandbox.microsoft.faults import Faults
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.state import CloudState

MAX_REQUESTS = 20
MAX_CONCURRENT_REQUESTS = 4
IN_BATCH = 'sandbox.in_batch'
METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
CONNECTION_VARIABLES = (
    'SCRIPT_NAME',
    'SERVER_NAME',
    'SERVER_PORT',
    'SERVER_PROTOCOL',
    'wsgi.errors',
    'wsgi.multiprocess',
    'wsgi.multithread',
    'wsgi.run_once',
    'wsgi.url_scheme',
    'wsgi.version',
)
HIDDEN_HEADERS = ('content-length', 'request-id', 'client-request-id')

Item = dict[str, Any]
batch_api = Blueprint('batch', __name__)


@dataclass(frozen=True)
class Answer:
    """What one item was answered."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON, and not only called so: a file may be called anything."""
        if not self.headers.get('Content-Type', '').startswith('application/json'):
            return False
        try:
            json.loads(self.data.decode())
        except ValueError:
            return False
        return True


def _error(status: int, code: str, message: str) -> Answer:
    data = json.dumps({'error': {'code': code, 'message': message}}).encode()
    return Answer(status, {'Content-Type': 'application/json'}, data)


FAILED_DEPENDENCY = _error(424, 'FailedDependency', 'A request that this one depends on has failed.')
# what a broken connection behind the batch looks like from outside
GATEWAY_TIMEOUT = _error(504, 'GatewayTimeout', 'The service did not answer in time.')


@batch_api.post('/$batch')
def batch() -> Response:
    body = request.get_json(silent=True) if request.is_json else None
    items = body.get('requests') if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise _invalid('Invalid batch payload format.')
    _check(items)
    app: Flask = current_app._get_current_object()
    steps = Steps(app, g.state, g.faults, request.environ)
    if g.state.limits.item_latency:
        with ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS) as pool:
            answers = _run(items, steps.answer, pool.map)
    else:
        # what takes no time is answered in this thread: several would only wait for each other
        answers = _run(items, steps.answer, map)
    by_odata = g.state.limits.odata_batches
    shown = ','.join(_shown(item['id'], answers[item['id'].lower()], by_odata) for item in reversed(items))
    return Response(f'{{"responses":[{shown}]}}', mimetype='application/json')


def _check(items: list[Item]) -> None:
    """Check the batch as a whole. Raises GraphError 400."""
    if len(items) > MAX_REQUESTS:
        raise GraphError(400, 'MaximumValueExceeded', f'Number of batch request steps exceeds the maximum of {MAX_REQUESTS}.')
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get('id'), str) or not item['id'] or item['id'].lower() in seen:
            raise _invalid('Every request of a batch needs an id of its own.')
        if str(item.get('method')).upper() not in METHODS or not isinstance(item.get('url'), str):
            raise _invalid(f'Request id : {item["id"]} needs a method and a url.')
        if urlsplit(item['url']).scheme or item['url'].startswith('//'):
            raise _invalid(f'The url of request id : {item["id"]} must be relative.')
        if not {known.lower() for known in item.get('dependsOn') or []} <= seen:
            raise _invalid(f'Request id : {item["id"]} depends on a request that does not come before it.')
        headers = {name.lower() for name in item.get('headers') or {}}
        if item.get('body') is not None and 'content-type' not in headers:
            raise _invalid(f'Write request id : {item["id"]} does not contain Content-Type header or body.')
        seen.add(item['id'].lower())


def _invalid(message: str) -> GraphError:
    return GraphError(400, 'BadRequest', message)


def _run(items: list[Item], answer: Callable[[Item], Answer], each: Callable[..., Iterator[Answer]]) -> dict[str, Answer]:
    """Return the answers by ID, each after those that it depends on. ``each`` is ``map``, possibly with threads."""
    answers: dict[str, Answer] = {}
    waiting = items
    while waiting:
        ready = [item for item in waiting if all(known in answers for known in _needs(item))]
        possible = [item for item in ready if all(answers[known].status < 400 for known in _needs(item))]
        answers |= {item['id'].lower(): FAILED_DEPENDENCY for item in ready}
        answers |= {item['id'].lower(): one for item, one in zip(possible, each(answer, possible), strict=True)}
        waiting = [item for item in waiting if item['id'].lower() not in answers]
    return answers


def _needs(item: Item) -> list[str]:
    return [known.lower() for known in item.get('dependsOn') or []]


@dataclass(frozen=True)
class Steps:
    """Steps that answer single items by the application itself. ``environ`` is of the request that brought them."""

    app: Flask
    state: CloudState
    faults: Faults | None
    environ: dict[str, Any]

    def answer(self, item: Item) -> Answer:
        """Return what the item is answered, by the service or by a fault."""
        environ = self._environ(item)
        fault = self.faults.take('graph', environ['REQUEST_METHOD'], environ['PATH_INFO'], is_item=True) if self.faults else None
        if fault is None:
            return self._answer_of(self.app, environ)
        time.sleep(fault.delay)
        if fault.reset or fault.garbage:  # no captive portal stands between Graph and the mailbox
            return GATEWAY_TIMEOUT
        answer = self._answer_of(fault.answer(self.state.clock.now()) or self.app, environ)
        return GATEWAY_TIMEOUT if fault.reset_mid_body else answer

    def _answer_of(self, app: Any, environ: dict[str, Any]) -> Answer:
        chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
        return Answer(int(status.split()[0]), dict(headers), b''.join(chunks))

    def _environ(self, item: Item) -> dict[str, Any]:
        path, _, query = item['url'].partition('?')
        body = _body(item)
        kept = {name: self.environ[name] for name in CONNECTION_VARIABLES}
        headers = {
            'Host': self.environ['HTTP_HOST'],
            'Authorization': self.environ['HTTP_AUTHORIZATION'],
            **(item.get('headers') or {}),
        }
        named = {f'HTTP_{name.upper().replace("-", "_")}': value for name, value in headers.items()}
        named['CONTENT_TYPE'] = named.pop('HTTP_CONTENT_TYPE', '')
        # WSGI wants bytes in the guise of Latin-1
        path_info = unquote_to_bytes(f'/v1.0/{path.lstrip("/")}').decode('latin-1')
        return {
            **kept,
            **named,
            'REQUEST_METHOD': item['method'].upper(),
            'PATH_INFO': path_info,
            'QUERY_STRING': query.encode().decode('latin-1'),
            'CONTENT_LENGTH': str(len(body)),
            'wsgi.input': io.BytesIO(body),
            IN_BATCH: True,
        }


def _body(item: Item) -> bytes:
    body = item.get('body')
    if body is None:
        return b''
    if isinstance(body, str):
        content_type = next(value for name, value in item['headers'].items() if name.lower() == 'content-type')
        return body.encode() if content_type.startswith('text/') else base64.b64decode(body)
    return json.dumps(body).encode()


def _shown(identifier: str, answer: Answer, by_odata: bool) -> str:
    """Return the item of the answer as JSON. What is JSON already goes in as it is, all else as base64, or as OData says."""
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in HIDDEN_HEADERS}
    shown = json.dumps({'id': identifier, 'status': answer.status, 'headers': kept})
    if not answer.data:
        return shown
    if answer.is_json:
        body = answer.data.decode()
    elif not by_odata:
        body = json.dumps(base64.b64encode(answer.data).decode())
    elif kept.get('Content-Type', '').startswith('text/'):
        body = json.dumps(answer.data.decode(errors='replace'))
    else:
        body = json.dumps(base64.urlsafe_b64encode(answer.data).decode().rstrip('='))
    return f'{shown[:-1]}, "body": {body.rstrip()}}}'
