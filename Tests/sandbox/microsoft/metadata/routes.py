"""Where Azure hosts get tokens of their managed identities: instance metadata (VM), App Service, Arc, AKS."""

import secrets

from flask import Flask, Response, jsonify, request

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.scopes import parse_default_scope
from sandbox.microsoft.metadata.arc_keys import ArcKeys
from sandbox.microsoft.metadata.cluster import Cluster
from sandbox.microsoft.metadata.errors import IdentityNotFound, oauth_error
from sandbox.microsoft.metadata.model import identity_of, identity_token
from sandbox.microsoft.state import CloudState

IMDS_VERSIONS = ('2018-02-01', '2019-08-01')
APP_SERVICE_VERSION = '2019-08-01'
ARC_VERSION = '2020-06-01'


def create_vm_app(state: CloudState) -> Flask:
    """Return the WSGI application of the instance metadata service of a VM.

    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    app = Flask('imds', static_folder=None)

    @app.get('/metadata/identity/oauth2/token')
    def token() -> Response | tuple[Response, int]:
        if request.headers.get('Metadata') != 'true':
            return oauth_error('bad_request_102', "The header 'Metadata: true' is required."), 400
        if 'X-Forwarded-For' in request.headers:
            return oauth_error('bad_request_103', 'Requests through a proxy are refused.'), 400
        if request.args.get('api-version') not in IMDS_VERSIONS:
            return oauth_error('invalid_request', f"The parameter 'api-version' must be one of {', '.join(IMDS_VERSIONS)}."), 400
        if not request.args.get('resource'):
            return oauth_error('invalid_request', "The parameter 'resource' is missing."), 400
        try:
            named = _named(client_id='client_id', object_id='object_id', resource_id='msi_res_id')
            identity = identity_of(state, 'azure-vm', named)
            return jsonify(identity_token(state, identity, request.args['resource']))
        except IdentityNotFound as error:
            return oauth_error('invalid_request', str(error)), 400
        except EntraError as error:
            return oauth_error(error.error, str(error)), error.status

    return app


def create_app_service_app(state: CloudState, identity_header: str) -> Flask:
    """Return the WSGI application of App Service's identity endpoint, which requires ``identity_header``.

    Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    app = Flask('app_service', static_folder=None)

    def refusal(status: int, message: str) -> tuple[Response, int]:
        return jsonify({'statusCode': status, 'message': message}), status

    @app.get('/msi/token')
    def token() -> Response | tuple[Response, int]:
        if not secrets.compare_digest(request.headers.get('X-IDENTITY-HEADER', '').encode(), identity_header.encode()):
            return refusal(401, 'X-IDENTITY-HEADER is not the value of the environment.')
        if state.directory.is_automation and request.headers.get('Metadata') != 'true':
            return refusal(400, "The header 'Metadata: true' is missing.")
        if request.args.get('api-version') != APP_SERVICE_VERSION:
            return refusal(400, f'api-version must be {APP_SERVICE_VERSION}.')
        if not request.args.get('resource'):
            return refusal(400, 'resource is missing.')
        try:
            named = _named(client_id='client_id', object_id='object_id', resource_id='mi_res_id')
            identity = identity_of(state, 'app-service', named)
            answer = identity_token(state, identity, request.args['resource'])
        except IdentityNotFound:
            return refusal(400, 'No managed identity was found for the ID given.')
        except EntraError as error:
            return refusal(500, str(error))
        return jsonify({name: answer[name] for name in ('access_token', 'client_id', 'expires_on', 'resource', 'token_type')})

    return app


def create_arc_app(state: CloudState, keys: ArcKeys) -> Flask:
    """Return the WSGI application of the identity endpoint of an Arc machine.

    Source: https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
    """
    app = Flask('arc', static_folder=None)

    @app.get('/metadata/identity/oauth2/token')
    def token() -> Response | tuple[Response, int] | tuple[Response, int, dict[str, str]]:
        if request.headers.get('Metadata') != 'true':
            return oauth_error('bad_request_102', "The header 'Metadata: true' is required."), 400
        if request.args.get('api-version') != ARC_VERSION:
            return oauth_error('invalid_request', f"The parameter 'api-version' must be {ARC_VERSION}."), 400
        if not request.args.get('resource'):
            return oauth_error('invalid_request', "The parameter 'resource' is missing."), 400
        scheme, _, content = request.headers.get('Authorization', '').partition(' ')
        if scheme != 'Basic':
            challenge = {'WWW-Authenticate': f'Basic realm={keys.new()}'}
            return oauth_error('unauthorized_client', 'Read the key file.'), 401, challenge
        if not keys.redeem(content):
            return oauth_error('unauthorized_client', 'The content of the key file is wrong or was used before.'), 401
        try:
            named = _named(client_id='client_id', object_id='object_id', resource_id='msi_res_id')
            named = named if state.directory.arc_knows_ids else {}
            answer = identity_token(state, identity_of(state, 'arc', named), request.args['resource'])
            return jsonify({name: value for name, value in answer.items() if named or name != 'client_id'})
        except IdentityNotFound as error:
            return oauth_error('invalid_request', str(error)), 404
        except EntraError as error:
            return oauth_error(error.error, str(error)), error.status

    return app


def create_token_proxy_app(state: CloudState, cluster: Cluster) -> Flask:
    """Return the WSGI application of the token proxy of a cluster with identity bindings.

    Source: https://learn.microsoft.com/azure/aks/identity-bindings-concepts
    """
    app = Flask('aks', static_folder=None)

    @app.post('/')
    @app.post('/<tenant_name>/oauth2/v2.0/token')
    def token(tenant_name: str = '') -> Response | tuple[Response, int]:
        form = request.form
        try:
            if form.get('grant_type') != 'client_credentials':
                raise EntraError(70003)
            cluster.check(form.get('client_assertion', ''), state.clock.now())
            identity = identity_of(state, 'aks', {'client_id': form.get('client_id', '')})
            answer = identity_token(state, identity, parse_default_scope(state.directory, form.get('scope', '')).audience)
        except IdentityNotFound as error:
            return oauth_error('unauthorized_client', str(error)), 403
        except EntraError as error:
            return jsonify(error.body(state.clock.now())), error.status
        seconds = int(answer['expires_in'])
        return jsonify({'token_type': 'Bearer', 'expires_in': seconds, 'access_token': answer['access_token']})

    return app


def _named(**parameters: str) -> dict[str, str]:
    """Return what the query says of an identity: kind of ID -> value, for the parameter names of this host."""
    return {kind: request.args[parameter] for kind, parameter in parameters.items() if request.args.get(parameter)}
