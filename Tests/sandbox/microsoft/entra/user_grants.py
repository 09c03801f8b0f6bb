"""Turn what a user granted (code, refresh token, device code) into what a token is made of."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.grants import CODE, REFRESH_TOKEN, AuthorizationCode, Grant, RefreshToken
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.entra.scopes import ResourceRequest, parse_resource, parse_scope
from sandbox.microsoft.entra.tenants import home_tenant, requested_tenant
from sandbox.microsoft.entra.tokens import RequestedClaims, TokenSubject
from sandbox.microsoft.resources import GRAPH_APP_ID
from sandbox.microsoft.state import CloudState

DEVICE_GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:device_code'
SLOW_DOWN_SECONDS = 5
# A client that sleeps exactly the interval may arrive a little early.
INTERVAL_TOLERANCE = 0.9


@dataclass(frozen=True)
class TokenRequest:
    """A request to the token endpoint of ``version`` 1.0 or 2.0. ``is_authenticated``: by a secret or a certificate."""

    tenant_name: str
    application: Application
    form: Mapping[str, str]
    version: str
    is_authenticated: bool = False


@dataclass(kw_only=True)
class Redeemed:
    """A grant that passed all checks, with the rights that its token will carry."""

    subject: TokenSubject
    user: User
    wanted: ResourceRequest
    granted: set[str]
    scope: list[str]
    refresh_token: str
    wants_id_token: bool
    nonce: str = ''


class UserGrants:
    """The grants of users, checked and redeemed."""

    def __init__(self, state: CloudState) -> None:
        self._state = state

    def redeem(self, request: TokenRequest) -> Redeemed:
        """Redeem the grant in a request. Raises EntraError."""
        grants = {'authorization_code': self._code, 'refresh_token': self._refresh_token, DEVICE_GRANT_TYPE: self._device_code}
        grant_type = request.form['grant_type']
        if grant_type not in grants:
            raise EntraError(70003, f"Grant type '{grant_type}' is not supported.")
        with self._state.grants.lock:
            return grants[grant_type](request)

    def _code(self, request: TokenRequest) -> Redeemed:
        form, application = request.form, request.application
        for parameter in ('code', 'redirect_uri'):
            if not form.get(parameter):
                raise EntraError(900144, f"The body needs the parameter '{parameter}'.")
        if not CODE.fullmatch(form['code']):
            raise EntraError(9002313, error='invalid_grant')
        code = self._state.grants.code(form['code'])
        if code is None or code.application is not application:
            raise EntraError(70000, 'The code is not valid, or was issued to another client.')
        if code.is_redeemed:
            raise EntraError(54005)
        if code.issued + self._state.directory.authorization_code_seconds <= self._state.clock.now():
            raise EntraError(70008, 'The code has expired.')
        if form['redirect_uri'] != code.redirect_uri:
            raise EntraError(500112)
        _check_code_verifier(code, form.get('code_verifier', ''))
        if application.is_confidential and not request.is_authenticated:
            raise EntraError(7000218)
        redeemed = self._rights(code, request)
        redeemed.nonce = code.nonce
        code.is_redeemed = True
        return redeemed

    def _refresh_token(self, request: TokenRequest) -> Redeemed:
        form, application = request.form, request.application
        value = form.get('refresh_token', '')
        if not value:
            raise EntraError(900144, "The body needs the parameter 'refresh_token'.")
        if not REFRESH_TOKEN.fullmatch(value):
            raise EntraError(9002313, error='invalid_grant')
        token = self._state.grants.refresh_token(value)
        if token is None or token.application is not application:
            raise EntraError(70000, 'The refresh token is not valid, or was issued to another client.')
        if token.expires <= self._state.clock.now():
            raise EntraError(700082)
        if token.is_confidential and not request.is_authenticated:
            raise EntraError(7000218)
        return self._rights(token, request)

    def _device_code(self, request: TokenRequest) -> Redeemed:
        form, application = request.form, request.application
        device = self._state.grants.device(form.get('device_code', ''))
        if device is None or device.application is not application:
            raise EntraError(70018)
        if self._tenant_key(request.tenant_name) != self._tenant_key(device.tenant_name):
            raise EntraError(700005, 'The device code was requested in another tenant, or by another of its aliases.')
        if not request.is_authenticated and not application.allows_public_client_flows:
            raise EntraError(7000218)
        now = self._state.clock.now()
        if device.is_redeemed:
            raise EntraError(54005)
        if device.expires <= now:
            raise EntraError(70019)
        if device.is_declined:
            raise EntraError(65004, error='authorization_declined')
        since_last_poll, device.last_poll = now - device.last_poll, now
        if device.user is None:
            if since_last_poll < device.interval * INTERVAL_TOLERANCE:
                device.interval += SLOW_DOWN_SECONDS
                raise EntraError(70016, 'The device polls faster than its interval allows.', error='slow_down')
            raise EntraError(70016)
        tenant = home_tenant(self._state.directory, request.tenant_name, device.user)
        grant = Grant(
            application=application,
            tenant_id=tenant.tenant_id,
            user=device.user,
            scope=device.scope,
            generation=device.generation,
            issued=now,
            context=device.context,
        )
        redeemed = self._rights(grant, request)
        device.is_redeemed = True
        return redeemed

    def _tenant_key(self, name: str) -> str:
        """Return the ID of the tenant called ``name``; ``common``, ``organizations`` or ``consumers`` as it is."""
        tenant = requested_tenant(self._state.directory, name)
        return tenant.tenant_id if tenant else name.lower()

    def _rights(self, grant: Grant, request: TokenRequest) -> Redeemed:
        self._check_still_good(grant, request.tenant_name)
        if RequestedClaims.parse(request.form.get('claims', '')).context not in ('', grant.context):
            raise EntraError(50076)
        directory, form = self._state.directory, request.form
        granted_openid = parse_scope(directory, grant.scope).openid
        if request.version == '1.0':
            wanted = parse_resource(directory, form.get('resource') or getattr(grant, 'resource', '') or GRAPH_APP_ID)
            openid = granted_openid | {'openid', 'offline_access'}
        else:
            wanted, openid = self._wanted(grant, form.get('scope', ''))
            openid |= granted_openid
        granted = _consented(grant, wanted)
        prefix = f'{wanted.audience}/' if any('://' in word for word in wanted.written) else ''
        scope = [prefix + name for name in sorted(granted)] + [word for word in wanted.written if word.endswith('.default')]
        refresh_token = ''
        if 'offline_access' in openid or isinstance(grant, RefreshToken):
            is_confidential = grant.is_confidential if isinstance(grant, RefreshToken) else request.is_authenticated
            refresh_token = self._state.grants.add_refresh_token(
                RefreshToken(
                    application=grant.application,
                    tenant_id=grant.tenant_id,
                    user=grant.user,
                    scope=grant.scope,
                    generation=grant.generation,
                    issued=self._state.clock.now(),
                    is_confidential=is_confidential,
                    expires=self._state.clock.now() + directory.refresh_token_seconds,
                    context=grant.context,
                )
            )
        return Redeemed(
            subject=TokenSubject(client=grant.application, tenant_id=grant.tenant_id, user=grant.user, context=grant.context),
            user=grant.user,
            wanted=wanted,
            granted=granted,
            scope=scope + sorted(openid - {'offline_access'}),
            refresh_token=refresh_token,
            wants_id_token='openid' in openid,
        )

    def _check_still_good(self, grant: Grant, tenant_name: str) -> None:
        tenant = requested_tenant(self._state.directory, tenant_name)
        if tenant is not None and tenant.tenant_id != grant.tenant_id:
            raise EntraError(700005)
        if not grant.user.enabled:
            raise EntraError(50057)
        if grant.generation != grant.user.generation:
            raise EntraError(50173)

    def _wanted(self, grant: Grant, scope: str) -> tuple[ResourceRequest, set[str]]:
        directory = self._state.directory
        if scope:
            request = parse_scope(directory, scope)
            request.single()
        else:
            # Consent may cover several resources, a token only one: without a scope it is the first.
            request = parse_scope(directory, grant.scope)
        if request.resources:
            return request.resources[0], request.openid
        graph = directory.find_resource(GRAPH_APP_ID)
        assert graph is not None, 'every cloud has Microsoft Graph'
        return ResourceRequest(resource=graph, audience=graph.uri), request.openid


def _consented(grant: Grant, wanted: ResourceRequest) -> set[str]:
    """Return the rights on the resource that the user granted: all of them, as Entra puts them into a token."""
    granted = grant.application.granted_to(grant.user)
    consented = {known.name for known in wanted.resource.permissions if known.delegated and known.name.lower() in granted}
    missing = wanted.permissions - consented
    if missing or (wanted.is_default and not consented):
        raise EntraError(
            65001,
            f"'{grant.user.user_principal_name}' has not consented that application "
            f"'{grant.application.display_name}' uses {', '.join(sorted(missing)) or wanted.resource.name}.",
        )
    return consented


def _check_code_verifier(code: AuthorizationCode, verifier: str) -> None:
    if not code.code_challenge:
        return
    digest = hashlib.sha256(verifier.encode()).digest()
    expected = verifier if code.code_challenge_method == 'plain' else base64.urlsafe_b64encode(digest).rstrip(b'=').decode()
    if expected != code.code_challenge:
        raise EntraError(501481)
