"""Where Azure hosts get tokens of their managed identities: instance metadata (VM), App Service, Arc."""

import secrets
import uuid
from pathlib import Path

from flask import Flask, Response, jsonify, request

from sandbox.microsoft.directory import ManagedIdentity
from sandbox.microsoft.errors import EntraError
from sandbox.microsoft.scopes import of_resource
from sandbox.microsoft.state import CloudState
from sandbox.microsoft.tokens import RequestedClaims, TokenSubject

IMDS_VERSIONS = ('2018-02-01', '2019-08-01')
APP_SERVICE_VERSION = '2019-08-01'
ARC_VERSION = '2020-06-01'
ARC_KEY_FOLDER = Path('/var/opt/azcmagent/tokens')


class ArcKeyFolderError(OSError):
    """The folder for Arc's key files cannot be used. It lies outside every user's own files, so that it takes root."""


class IdentityNotFound(Exception):
    """The host has no such identity, or several and the request names none."""


def identity_of(state: CloudState, host: str, named: dict[str, str]) -> ManagedIdentity:
    """The managed identity of ``host`` that ``named`` (client_id, object_id, resource_id) means, or its only one.

    Raises:
        IdentityNotFound
    """
    here = [known for known in state.directory.managed_identities if host in known.hosts and known.enabled]
    if named:
        for known in here:
            values = {'client_id': known.client_id, 'object_id': known.object_id, 'resource_id': known.resource_id}
            if all(values[kind].lower() == value.lower() for kind, value in named.items()):
                return known
        raise IdentityNotFound('Identity not found')
    system_assigned = [known for known in here if not known.is_user_assigned]
    if system_assigned or len(here) == 1:
        return (system_assigned or here)[0]
    raise IdentityNotFound('Several user-assigned identities exist; name one of them' if here else 'Identity not found')


def identity_token(state: CloudState, identity: ManagedIdentity, resource: str) -> dict[str, str]:
    """The answer for one identity, all numbers as text. Raises EntraError 500011 for an unknown resource."""
    wanted = of_resource(state.directory, resource)
    seconds = state.directory.managed_identity_token_seconds
    granted = {
        name for name in identity.application_permissions if (known := wanted.resource.permission(name)) and known.application
    }
    subject = TokenSubject(client=identity, tenant_id=identity.tenant_id)
    token = state.issuer.access_token(subject, resource, granted, seconds, RequestedClaims(), '1.0')
    now = int(state.clock.now())
    answer = {
        'access_token': token,
        'client_id': identity.client_id,
        'expires_in': str(seconds),
        'expires_on': str(now + seconds),
        'ext_expires_in': str(seconds),
        'not_before': str(now),
        'resource': resource,
        'token_type': 'Bearer',
    }
    if state.directory.refresh_in is not None:
        answer['refresh_in'] = str(state.directory.refresh_in)
    return answer


def imds_app(state: CloudState) -> Flask:
    """The WSGI application of the instance metadata service of a VM.

    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    app = Flask('imds')

    @app.get('/metadata/identity/oauth2/token')
    def token() -> Response | tuple[Response, int]:
        if request.headers.get('Metadata') != 'true':
            return _oauth_error('bad_request_102', "The header 'Metadata: true' is required."), 400
        if 'X-Forwarded-For' in request.headers:
            return _oauth_error('bad_request_103', 'Requests through a proxy are refused.'), 400
        if request.args.get('api-version') not in IMDS_VERSIONS:
            return _oauth_error('invalid_request', f"The parameter 'api-version' must be one of {', '.join(IMDS_VERSIONS)}."), 400
        if not request.args.get('resource'):
            return _oauth_error('invalid_request', "The parameter 'resource' is missing."), 400
        try:
            named = _named(client_id='client_id', object_id='object_id', resource_id='msi_res_id')
            identity = identity_of(state, 'azure-vm', named)
            return jsonify(identity_token(state, identity, request.args['resource']))
        except IdentityNotFound as error:
            return _oauth_error('invalid_request', str(error)), 400
        except EntraError as error:
            return _oauth_error(error.error, str(error)), error.status

    return app


def app_service_app(state: CloudState, identity_header: str) -> Flask:
    """The WSGI application of App Service's identity endpoint, which wants ``identity_header`` back.

    Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    app = Flask('app_service')

    def refusal(status: int, message: str) -> tuple[Response, int]:
        return jsonify({'statusCode': status, 'message': message}), status

    @app.get('/msi/token')
    def token() -> Response | tuple[Response, int]:
        if not secrets.compare_digest(request.headers.get('X-IDENTITY-HEADER', '').encode(), identity_header.encode()):
            return refusal(401, 'X-IDENTITY-HEADER is not the value of the environment.')
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


class ArcKeys:
    """The files by which an Arc machine proves that a caller may read what only privileged users can: each is good once."""

    def __init__(self, folder: Path = ARC_KEY_FOLDER) -> None:
        self._folder = folder
        self._made_here: list[Path] = []
        self._keys: dict[str, Path] = {}

    def prepare(self) -> None:
        """Makes the folder. Raises ArcKeyFolderError when that is not allowed."""
        probe = self._folder / f'{uuid.uuid4()}.key'
        self._write(probe, '')
        probe.unlink()

    def new(self) -> Path:
        """A new key file. Raises ArcKeyFolderError."""
        path = self._folder / f'{uuid.uuid4()}.key'
        content = secrets.token_urlsafe(48)
        self._write(path, content)
        self._keys[content] = path
        return path

    def _write(self, path: Path, content: str) -> None:
        missing = [folder for folder in (self._folder, *self._folder.parents) if not folder.exists()]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            path.chmod(0o640)
        except OSError as error:
            raise ArcKeyFolderError(
                error.errno,
                f'Arc keeps its key files in {self._folder}, which cannot be written '
                f'({error.strerror}). Run as root, or make this folder yours.',
            ) from error
        self._made_here.extend(missing)

    def redeem(self, content: str) -> bool:
        """Whether ``content`` is that of a key file; the file is gone then."""
        path = self._keys.pop(content, None)
        if path is None:
            return False
        path.unlink(missing_ok=True)
        return True

    def clear(self) -> None:
        """Removes the key files, and the folders that were made for them if nothing else is in there."""
        for path in self._keys.values():
            path.unlink(missing_ok=True)
        self._keys.clear()
        for folder in self._made_here:
            try:
                folder.rmdir()
            except OSError:
                break
        self._made_here.clear()


def arc_app(state: CloudState, keys: ArcKeys) -> Flask:
    """The WSGI application of the identity endpoint of an Arc machine.

    Source: https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
    """
    app = Flask('arc')

    @app.get('/metadata/identity/oauth2/token')
    def token() -> Response | tuple[Response, int] | tuple[Response, int, dict[str, str]]:
        if request.headers.get('Metadata') != 'true':
            return _oauth_error('bad_request_102', "The header 'Metadata: true' is required."), 400
        if request.args.get('api-version') != ARC_VERSION:
            return _oauth_error('invalid_request', f"The parameter 'api-version' must be {ARC_VERSION}."), 400
        if not request.args.get('resource'):
            return _oauth_error('invalid_request', "The parameter 'resource' is missing."), 400
        scheme, _, content = request.headers.get('Authorization', '').partition(' ')
        if scheme != 'Basic':
            challenge = {'WWW-Authenticate': f'Basic realm={keys.new()}'}
            return _oauth_error('unauthorized_client', 'Read the key file.'), 401, challenge
        if not keys.redeem(content):
            return _oauth_error('unauthorized_client', 'The content of the key file is wrong or was used before.'), 401
        try:
            return jsonify(identity_token(state, identity_of(state, 'arc', {}), request.args['resource']))
        except IdentityNotFound as error:
            return _oauth_error('invalid_request', str(error)), 400
        except EntraError as error:
            return _oauth_error(error.error, str(error)), error.status

    return app


def _named(**parameters: str) -> dict[str, str]:
    """What the query says of an identity: kind of ID -> value, for the parameter names of this host."""
    return {kind: request.args[parameter] for kind, parameter in parameters.items() if request.args.get(parameter)}


def _oauth_error(error: str, description: str) -> Response:
    return jsonify({'error': error, 'error_description': description})
