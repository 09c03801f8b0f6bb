"""Microsoft Defender for Endpoint, as far as an example needs it: lists of alerts and of machines."""

import re
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, jsonify, request

from sandbox.microsoft.bearer import BearerError, authenticate
from sandbox.microsoft.defender.errors import DefenderError
from sandbox.microsoft.resources import DEFENDER_APP_ID
from sandbox.microsoft.state import CloudState

MAX_TOP = 10_000
KNOWN_OPTIONS = {'$filter', '$top', '$skip'}
COMPARISON = re.compile(r"(\w+) (eq|ne) '((?:[^']|'')*)'")


def create_app(state: CloudState) -> Flask:
    """Return the WSGI application of Defender for Endpoint."""
    app = Flask('defender', static_folder=None)
    app.json.sort_keys = False

    @app.before_request
    def check_token() -> None:
        resource = state.directory.find_resource(DEFENDER_APP_ID)
        assert resource is not None, 'every cloud has Defender for Endpoint'
        g.caller = authenticate(state, resource, request.headers.get('Authorization', ''))

    @app.get('/api/alerts')
    def alerts() -> Response:
        _require('Alert')
        return _page(state, 'Alerts', [one.as_json() for one in state.alerts])

    @app.get('/api/machines')
    def machines() -> Response:
        _require('Machine')
        return _page(state, 'Machines', [one.as_json() for one in state.machines])

    @app.errorhandler(DefenderError)
    def defender_error(error: DefenderError) -> tuple[Response, int]:
        return jsonify(error.body), error.status

    @app.errorhandler(BearerError)
    def bearer_error(error: BearerError) -> tuple[Response, int, dict[str, str]]:
        return jsonify(DefenderError(401, 'Unauthorized', error.message).body), 401, {'WWW-Authenticate': error.challenge}

    return app


def _require(entity: str) -> None:
    names = [f'{entity}.{right}{scope}' for right in ('Read', 'ReadWrite') for scope in ('', '.All')]
    if not g.caller.has_one_of(*names):
        raise DefenderError(
            403, 'Forbidden', f'Missing application roles. API required roles: {entity}.Read.All,{entity}.ReadWrite.All'
        )


def _page(state: CloudState, name: str, items: list[dict[str, Any]]) -> Response:
    unknown = set(request.args) - KNOWN_OPTIONS
    if unknown:
        raise DefenderError(400, 'BadRequest', f'The query option {sorted(unknown)[0]} is not supported.')
    is_wanted = _filter(request.args.get('$filter', ''), items)
    skip, top = _number('$skip', 0, 10**9), _number('$top', MAX_TOP, MAX_TOP)
    found = [item for item in items if is_wanted(item)][skip : skip + top]
    return jsonify({'@odata.context': f'{state.addresses.defender}/api/$metadata#{name}', 'value': found})


def _number(option: str, default: int, largest: int) -> int:
    text = request.args.get(option, str(default))
    if not text.isdecimal() or int(text) > largest:
        raise DefenderError(400, 'BadRequest', f'{option} is not a number up to {largest}.')
    return int(text)


def _filter(text: str, items: list[dict[str, Any]]) -> Callable[[dict[str, Any]], bool]:
    """Read comparisons of strings that are joined by ``and``; Defender knows more."""
    if not text:
        return lambda _item: True
    wanted = []
    for part in text.split(' and '):
        match = COMPARISON.fullmatch(part.strip())
        if not match or (items and match[1] not in items[0]):
            raise DefenderError(400, 'BadRequest', f'The filter {part.strip()} is not supported.')
        wanted.append((match[1], match[2] == 'eq', match[3].replace("''", "'")))
    return lambda item: all((item[name] == value) is is_equal for name, is_equal, value in wanted)
