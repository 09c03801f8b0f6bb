"""``$batch``: up to 20 requests in one, at most 4 of them at a time."""
import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from sandbox.microsoft.errors import GraphError
from sandbox.microsoft.faults import Faults

MOST_REQUESTS = 20
AT_A_TIME = 4
IN_BATCH = 'sandbox.in_batch'
METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
HIDDEN_HEADERS = ('content-length', 'request-id', 'client-request-id')

Item = dict[str, Any]
batch_api = Blueprint('batch', __name__)


@batch_api.post('/$batch')
def batch() -> Response:
    body = request.get_json(silent=True) if request.is_json else None
    items = body.get('requests') if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise _invalid('Invalid batch payload format.')
    _check(items)
    app: Flask = current_app._get_current_object()
    faults, authorization = g.faults, request.headers['Authorization']
    answers = _run(items, lambda item: _answer(app, faults, authorization, item))
    return jsonify({'responses': answers})


def _check(items: list[Item]) -> None:
    """Raises GraphError 400 when the batch as a whole is wrong."""
    if len(items) > MOST_REQUESTS:
        raise GraphError(400, 'MaximumValueExceeded', f'Number of batch request steps exceeds the maximum of {MOST_REQUESTS}.')
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get('id'), str) or not item['id'] or item['id'] in seen:
            raise _invalid('Every request of a batch needs an id of its own.')
        if str(item.get('method')).upper() not in METHODS or not isinstance(item.get('url'), str):
            raise _invalid(f"Request id : {item['id']} needs a method and a url.")
        if urlsplit(item['url']).scheme or item['url'].startswith('//'):
            raise _invalid(f"The url of request id : {item['id']} must be relative.")
        if not set(item.get('dependsOn') or []) <= seen:
            raise _invalid(f"Request id : {item['id']} depends on a request that does not come before it.")
        headers = {name.lower() for name in item.get('headers') or {}}
        if item.get('body') is not None and 'content-type' not in headers:
            raise _invalid(f"Write request id : {item['id']} does not contain Content-Type header or body.")
        seen.add(item['id'])


def _invalid(message: str) -> GraphError:
    return GraphError(400, 'BadRequest', message)


def _run(items: list[Item], answer: Callable[[Item], Item]) -> list[Item]:
    """Answers all items, each after those that it depends on."""
    answers: dict[str, Item] = {}
    waiting = list(items)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        while waiting:
            ready = [item for item in waiting if all(known in answers for known in item.get('dependsOn') or [])]
            possible = [item for item in ready if _holds(item, answers)]
            for item in ready:
                if item not in possible:
                    answers[item['id']] = _failed_dependency(item)
            answers |= {item['id']: one for item, one in zip(possible, pool.map(answer, possible), strict=True)}
            waiting = [item for item in waiting if item['id'] not in answers]
    return list(answers.values())


def _holds(item: Item, answers: dict[str, Item]) -> bool:
    return all(answers[known]['status'] < 400 for known in item.get('dependsOn') or [])


def _failed_dependency(item: Item) -> Item:
    return {'id': item['id'], 'status': 424, 'headers': {'Content-Type': 'application/json'},
            'body': {'error': {'code': 'FailedDependency', 'message': 'A request that this one depends on has failed.'}}}


def _answer(app: Flask, faults: Faults | None, authorization: str, item: Item) -> Item:
    path, _, query = item['url'].partition('?')
    headers: Any = {'Authorization': authorization, **(item.get('headers') or {})}
    builder = EnvironBuilder(f"/v1.0/{path.lstrip('/')}", query_string=query, method=item['method'].upper(), data=_body(item),
                             headers=headers)
    environ = builder.get_environ()
    environ[IN_BATCH] = True
    fault = faults.take('graph', environ['REQUEST_METHOD'], environ['PATH_INFO']) if faults else None
    planned = fault.answer(0) if fault else None
    chunks, status, answered = run_wsgi_app(planned or app, environ, buffered=True)
    return _shown(item['id'], int(status.split()[0]), dict(answered), b''.join(chunks))


def _body(item: Item) -> bytes:
    body = item.get('body')
    if body is None:
        return b''
    if isinstance(body, str):
        content_type = next(value for name, value in item['headers'].items() if name.lower() == 'content-type')
        return body.encode() if content_type.startswith('text/') else base64.b64decode(body)
    return json.dumps(body).encode()


def _shown(identifier: str, status: int, headers: dict[str, str], data: bytes) -> Item:
    kept = {name: value for name, value in headers.items() if name.lower() not in HIDDEN_HEADERS}
    answer: Item = {'id': identifier, 'status': status, 'headers': kept}
    if data:
        is_json = headers.get('Content-Type', '').startswith('application/json')
        answer['body'] = json.loads(data) if is_json else base64.b64encode(data).decode()
    return answer
