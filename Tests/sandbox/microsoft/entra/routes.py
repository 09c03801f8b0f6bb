"""Entra ID over HTTP: discovery, keys, token endpoints, and the pages where users sign in."""

import uuid
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.sign_in_routes import add_pages
from sandbox.microsoft.entra.tenants import PERSONAL, requested_tenant
from sandbox.microsoft.entra.token_endpoint import TokenEndpoint
from sandbox.microsoft.state import CloudState

PERSONAL_TENANT_ID = '9188040d-6c67-4c5b-b112-36a304b66dad'  # of all Microsoft accounts


def create_app(state: CloudState) -> Flask:
    """Return the WSGI application of Entra ID."""
    app = Flask('entra', root_path=str(Path(__file__).parents[1]), static_folder=None)
    app.json.sort_keys = False
    _add_discovery(app, state)
    _add_token_endpoints(app, state)
    add_pages(app, state)

    @app.errorhandler(EntraError)
    def refuse(error: EntraError) -> tuple[Response, int]:
        return jsonify(error.body(state.clock.now(), _correlation_id(), state.addresses.authority)), error.status

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers['Cache-Control'] = 'no-store, no-cache'
        response.headers['Pragma'] = 'no-cache'
        response.headers['x-ms-request-id'] = str(uuid.uuid4())
        if 'client-request-id' in request.headers:
            response.headers['client-request-id'] = request.headers['client-request-id']
        return response

    return app


def _add_discovery(app: Flask, state: CloudState) -> None:
    @app.get('/common/discovery/instance')
    def instance() -> Response:
        host = state.addresses.authority_host
        return jsonify(
            {
                'tenant_discovery_endpoint': f'{state.addresses.authority}/common/v2.0/.well-known/openid-configuration',
                'api-version': '1.1',
                'metadata': [{'preferred_network': host, 'preferred_cache': host, 'aliases': [host]}],
            }
        )

    @app.get('/<tenant_name>/v2.0/.well-known/openid-configuration')
    def configuration_v2(tenant_name: str) -> Response:
        return jsonify(_configuration(state, tenant_name, '/v2.0', '/oauth2/v2.0'))

    @app.get('/<tenant_name>/.well-known/openid-configuration')
    def configuration_v1(tenant_name: str) -> Response:
        return jsonify(_configuration(state, tenant_name, '/', '/oauth2'))

    @app.get('/<tenant_name>/discovery/v2.0/keys')
    @app.get('/<tenant_name>/discovery/keys')
    def keys(tenant_name: str) -> Response:
        requested_tenant(state.directory, tenant_name)
        return jsonify(state.issuer.keys())


def _add_token_endpoints(app: Flask, state: CloudState) -> None:
    endpoint = TokenEndpoint(state)

    @app.post('/<tenant_name>/oauth2/v2.0/token')
    def token_v2(tenant_name: str) -> Response:
        return jsonify(endpoint.answer(tenant_name, request.form, '2.0'))

    @app.post('/<tenant_name>/oauth2/token')
    def token_v1(tenant_name: str) -> Response:
        return jsonify(endpoint.answer(tenant_name, request.form, '1.0'))


def _configuration(state: CloudState, tenant_name: str, issuer_path: str, endpoint_path: str) -> dict[str, Any]:
    tenant = requested_tenant(state.directory, tenant_name)
    name = tenant.tenant_id if tenant else tenant_name.lower()
    # The shared endpoints do not know yet who will sign in, but all personal accounts are in one tenant.
    issuing = tenant.tenant_id if tenant else PERSONAL_TENANT_ID if name == PERSONAL else '{tenantid}'
    base = f'{state.addresses.authority}/{name}'
    keys = '/discovery/v2.0/keys' if issuer_path == '/v2.0' else '/discovery/keys'
    return {
        'token_endpoint': f'{base}{endpoint_path}/token',
        'token_endpoint_auth_methods_supported': ['client_secret_post', 'private_key_jwt'],
        'jwks_uri': base + keys,
        'response_modes_supported': ['query'],
        'subject_types_supported': ['pairwise'],
        'id_token_signing_alg_values_supported': ['RS256'],
        'response_types_supported': ['code'],
        'scopes_supported': ['openid', 'profile', 'email', 'offline_access'],
        'issuer': f'{state.addresses.authority}/{issuing}{issuer_path}',
        'authorization_endpoint': f'{base}{endpoint_path}/authorize',
        'device_authorization_endpoint': f'{base}{endpoint_path}/devicecode',
        'claims_supported': ['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'preferred_username', 'name', 'tid', 'oid', 'ver'],
        'cloud_instance_name': state.addresses.authority_host,
        'msgraph_host': state.addresses.graph.split('//')[1],
    }


def _correlation_id() -> str:
    return request.headers.get('client-request-id', '')
