"""Microsoft Graph v1.0, as far as mail needs it: who calls, users, errors. Mailboxes stand in the package ``mail``."""

import time
import uuid
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from sandbox.microsoft.bearer import BearerError, Caller, authenticate
from sandbox.microsoft.entra.model import User
from sandbox.microsoft.faults import Faults
from sandbox.microsoft.graph_mail.attachment_routes import attachments_api
from sandbox.microsoft.graph_mail.batch_routes import IN_BATCH, batch_api
from sandbox.microsoft.graph_mail.delta_routes import delta_api
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.event_routes import events_api
from sandbox.microsoft.graph_mail.folder_routes import folders_api
from sandbox.microsoft.graph_mail.mail_request import leave_mailbox
from sandbox.microsoft.graph_mail.message_routes import messages_api
from sandbox.microsoft.graph_mail.permissions import signed_in
from sandbox.microsoft.graph_mail.rule_routes import rules_api
from sandbox.microsoft.graph_mail.sending_routes import sending_api
from sandbox.microsoft.graph_mail.settings_routes import settings_api
from sandbox.microsoft.graph_mail.upload_routes import UPLOAD_PATH, upload_api, upload_range_api
from sandbox.microsoft.resources import GRAPH_APP_ID
from sandbox.microsoft.state import CloudState

MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_USERS = 999
MAILBOX_BLUEPRINTS = (
    messages_api,
    delta_api,
    folders_api,
    attachments_api,
    upload_api,
    sending_api,
    rules_api,
    settings_api,
    events_api,
)


def create_app(state: CloudState, faults: Faults | None = None) -> Flask:
    """Return the WSGI application of Microsoft Graph. ``faults`` also hit the requests inside a batch."""
    app = Flask('graph', static_folder=None)
    app.json.sort_keys = False

    @app.before_request
    def check_request() -> None:
        g.state, g.faults, g.applied = state, faults, []
        latency = state.limits.item_latency if IN_BATCH in request.environ else state.limits.latency
        if latency:
            time.sleep(latency)
        if (request.content_length or 0) > MAX_REQUEST_BYTES:
            raise GraphError(413, 'BadRequest', 'The maximum request length supported is 4MB.')
        if request.path.startswith(UPLOAD_PATH):
            return
        resource = state.directory.find_resource(GRAPH_APP_ID)
        assert resource is not None, 'every cloud has Microsoft Graph'
        g.caller = authenticate(state, resource, request.headers.get('Authorization', ''))

    _add_users(app, state)
    for blueprint in MAILBOX_BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix='/v1.0/users/<user_id>')
        app.register_blueprint(blueprint, url_prefix='/v1.0/me', name=f'my_{blueprint.name}')
    app.register_blueprint(upload_range_api)
    app.register_blueprint(batch_api, url_prefix='/v1.0')
    app.teardown_request(leave_mailbox)
    _answer_errors(app, state)
    return app


def _add_users(app: Flask, state: CloudState) -> None:
    @app.get('/v1.0/me')
    def me() -> Response:
        return _user_answer(state, signed_in(g.caller))

    @app.get('/v1.0/users')
    def users() -> Response:
        if not g.caller.has_one_of('User.ReadBasic.All', 'User.Read.All', 'Directory.Read.All'):
            raise GraphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
        return _users_answer(state, [one for one in state.directory.users if one.tenant_id == g.caller.tenant_id])

    @app.get('/v1.0/users/<user_id>')
    def user(user_id: str) -> Response:
        return _user_answer(state, _readable_user(state, g.caller, user_id))


def _answer_errors(app: Flask, state: CloudState) -> None:
    def answer(error: GraphError) -> tuple[Response, int, dict[str, str]]:
        request_id = str(uuid.uuid4())
        client_request_id = request.headers.get('client-request-id', request_id)
        headers = {'request-id': request_id, 'client-request-id': client_request_id, **error.headers}
        return jsonify(error.body(state.clock.now(), request_id, client_request_id)), error.status, headers

    @app.errorhandler(GraphError)
    def graph_error(error: GraphError) -> tuple[Response, int, dict[str, str]]:
        return answer(error)

    @app.errorhandler(BearerError)
    def bearer_error(error: BearerError) -> tuple[Response, int, dict[str, str]]:
        return answer(GraphError(401, 'InvalidAuthenticationToken', error.message, {'WWW-Authenticate': error.challenge}))

    @app.errorhandler(HTTPException)
    def unknown_path(error: HTTPException) -> tuple[Response, int, dict[str, str]]:
        segment = request.path.rsplit('/', 1)[-1]
        if error.code == 404:
            return answer(GraphError(400, 'BadRequest', f"Resource not found for the segment '{segment}'."))
        return answer(GraphError(error.code or 500, 'UnknownError', error.name))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault('request-id', str(uuid.uuid4()))
        if 'client-request-id' in request.headers:
            response.headers.setdefault('client-request-id', request.headers['client-request-id'])
        if g.get('applied'):
            response.headers['Preference-Applied'] = ', '.join(g.applied)
        return response


def _readable_user(state: CloudState, caller: Caller, user_id: str) -> User:
    user = state.directory.find_user(user_id)
    is_self = caller.user is not None and caller.user is user
    allowed = (
        caller.has_one_of('User.Read.All', 'Directory.Read.All')
        or (caller.user is not None and caller.has_one_of('User.ReadBasic.All'))
        or (is_self and caller.has_one_of('User.Read'))
    )
    if not allowed:
        raise GraphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
    if user is None or user.tenant_id != caller.tenant_id:
        raise GraphError(404, 'Request_ResourceNotFound', f"Resource '{user_id}' does not exist.")
    return user


def _user_answer(state: CloudState, user: User) -> Response:
    if not g.caller.has_one_of('User.Read', 'User.ReadBasic.All', 'User.Read.All', 'Directory.Read.All'):
        raise GraphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
    return jsonify({'@odata.context': f'{state.addresses.graph}/v1.0/$metadata#users/$entity', **_selected(user)})


def _users_answer(state: CloudState, users: list[User]) -> Response:
    """Return a page of users. Directory objects know ``$top`` up to 999 and go on by ``$skiptoken``."""
    unknown = sorted(set(request.args) - {'$select', '$top', '$skiptoken'})
    if unknown:
        raise GraphError(400, 'Request_BadRequest', f'The query option {unknown[0]} is not supported.')
    top, start = request.args.get('$top', '100'), int(request.args.get('$skiptoken', '0'))
    if not (top.isdecimal() and 1 <= int(top) <= MAX_USERS):
        raise GraphError(
            400, 'Request_UnsupportedQuery', f"Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
        )
    end = start + int(top)
    page: dict[str, Any] = {'@odata.context': f'{state.addresses.graph}/v1.0/$metadata#users'}
    if end < len(users):
        query = urlencode({**request.args, '$skiptoken': end}, safe='$,')
        page['@odata.nextLink'] = f'{state.addresses.graph}/v1.0/users?{query}'
    return jsonify({**page, 'value': [_selected(user) for user in users[start:end]]})


def _selected(user: User) -> dict[str, Any]:
    shown = user_json(user)
    selected = {name.strip() for name in request.args.get('$select', '').split(',') if name.strip()}
    unknown = sorted(selected - set(shown))
    if unknown:
        raise GraphError(
            400, 'RequestBroker--ParseUri', f"Could not find a property named '{unknown[0]}' on type 'microsoft.graph.user'."
        )
    return {name: shown[name] for name in shown if name in selected} if selected else shown


def user_json(user: User) -> dict[str, Any]:
    """Return a ``user`` with the properties that Graph sends when none are selected."""
    given_name, _, surname = user.display_name.partition(' ')
    return {
        'businessPhones': [],
        'displayName': user.display_name,
        'givenName': given_name,
        'jobTitle': None,
        'mail': (user.mail or user.user_principal_name) if user.has_mailbox else None,
        'mobilePhone': None,
        'officeLocation': None,
        'preferredLanguage': None,
        'surname': surname,
        'userPrincipalName': user.user_principal_name,
        'id': user.object_id,
    }
