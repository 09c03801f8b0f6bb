"""Azure Resource Manager, as far as a second resource needs it: the subscriptions that the caller may see."""

from flask import Flask, Response, g, jsonify, request

from sandbox.microsoft.bearer import BearerError, authenticate
from sandbox.microsoft.resource_manager.errors import ERROR_CODES, error_body
from sandbox.microsoft.resources import RESOURCE_MANAGER_APP_ID
from sandbox.microsoft.state import CloudState


def create_app(state: CloudState) -> Flask:
    """Return the WSGI application of Azure Resource Manager."""
    app = Flask('resource_manager', static_folder=None)
    app.json.sort_keys = False

    @app.before_request
    def check_token() -> None:
        resource = state.directory.find_resource(RESOURCE_MANAGER_APP_ID)
        assert resource is not None, 'every cloud has Azure Resource Manager'
        g.caller = authenticate(state, resource, request.headers.get('Authorization', ''))

    @app.get('/subscriptions')
    def subscriptions() -> Response | tuple[Response, int]:
        if not request.args.get('api-version'):
            return error_body('MissingApiVersionParameter', "The query parameter 'api-version' is required."), 400
        caller = g.caller.principal.object_id
        visible = [known.as_json() for known in state.subscriptions if caller in known.readers]
        return jsonify({'value': visible, 'count': {'type': 'Total', 'value': len(visible)}})

    @app.errorhandler(BearerError)
    def bearer_error(error: BearerError) -> tuple[Response, int, dict[str, str]]:
        return error_body(ERROR_CODES[error.reason], error.message), 401, {'WWW-Authenticate': error.challenge}

    return app
