"""The token endpoint of Entra ID, versions 1 and 2: one method for each grant type."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.entra.scopes import ResourceRequest, parse_default_scope, parse_resource
from sandbox.microsoft.entra.tenants import requested_application, requested_tenant
from sandbox.microsoft.entra.tokens import RequestedClaims, TokenSubject
from sandbox.microsoft.entra.user_grants import TokenRequest, UserGrants
from sandbox.microsoft.state import CloudState


class TokenEndpoint:
    """The token endpoint of Entra ID.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow and its sister pages.
    """

    def __init__(self, state: CloudState) -> None:
        self._state = state
        self._user_grants = UserGrants(state)

    def answer(self, tenant_name: str, form: Mapping[str, str], version: str) -> dict[str, Any]:
        """Return the JSON object for a request. ``version`` is 1.0 or 2.0. Raises EntraError."""
        for parameter in ('grant_type', 'client_id'):
            _required(form, parameter)
        if version == '2.0' and form.get('resource'):
            raise EntraError(901002)
        requested_tenant(self._state.directory, tenant_name)
        application = requested_application(self._state.directory, tenant_name, form['client_id'])
        claims = requested_claims(form)
        if form['grant_type'] == 'client_credentials':
            return self._client_credentials(tenant_name, application, form, claims, version)
        is_authenticated = self._authenticate(tenant_name, application, form)
        redeemed = self._user_grants.redeem(TokenRequest(tenant_name, application, form, version, is_authenticated))
        redeemed.subject.authentication = _authentication_class(form)
        answer = self._answer(redeemed.subject, redeemed.wanted, redeemed.granted, claims, version)
        answer['scope'] = ' '.join(redeemed.scope)
        if redeemed.refresh_token:
            answer['refresh_token'] = redeemed.refresh_token
        if redeemed.wants_id_token:
            seconds = self._state.directory.access_token_seconds
            answer['id_token'] = self._state.issuer.id_token(redeemed.subject, seconds, redeemed.nonce, version)
        if form.get('client_info'):
            answer['client_info'] = _client_info(redeemed.user, redeemed.subject.tenant_id)
        return answer

    def _client_credentials(
        self, tenant_name: str, application: Application, form: Mapping[str, str], claims: RequestedClaims, version: str
    ) -> dict[str, Any]:
        tenant = requested_tenant(self._state.directory, tenant_name)
        if tenant is None:
            raise EntraError(50059)
        if tenant.tenant_id not in application.service_principals:
            raise EntraError(700016, f"Nobody in tenant '{tenant.display_name}' has consented to '{application.display_name}'.")
        if not self._authenticate(tenant_name, application, form):
            raise EntraError(7000218)
        directory = self._state.directory
        if version == '1.0':
            _required(form, 'resource')
            wanted = parse_resource(directory, form['resource'])
        else:
            _required(form, 'scope')
            wanted = parse_default_scope(directory, form['scope'])
        granted = {
            name
            for name in application.application_permissions
            if (known := wanted.resource.permission(name)) and known.application
        }
        subject = TokenSubject(client=application, tenant_id=tenant.tenant_id, authentication=_authentication_class(form))
        return self._answer(subject, wanted, granted, claims, version)

    def _authenticate(self, tenant_name: str, application: Application, form: Mapping[str, str]) -> bool:
        tenant = requested_tenant(self._state.directory, tenant_name)
        names = {tenant_name} if tenant is None else {tenant_name, tenant.tenant_id, tenant.domain}
        base = self._state.addresses.authority
        audiences = {f'{base}/{name}{path}' for name in names for path in ('/oauth2/v2.0/token', '/oauth2/token', '/v2.0', '/')}
        return self._state.client_authentication.check(application, form, audiences)

    def _answer(
        self, subject: TokenSubject, wanted: ResourceRequest, granted: set[str], claims: RequestedClaims, version: str
    ) -> dict[str, Any]:
        directory = self._state.directory
        seconds = directory.access_token_seconds
        token = self._state.issuer.access_token(subject, wanted.audience, granted, seconds, claims, version)
        answer: dict[str, Any] = {
            'token_type': 'Bearer',
            'expires_in': seconds - 1,
            'ext_expires_in': seconds - 1,
            'access_token': token,
        }
        if directory.refresh_in is not None:
            answer['refresh_in'] = directory.refresh_in
        if version == '2.0':
            return answer
        now = int(self._state.clock.now())
        answer |= {'expires_on': now + seconds - 1, 'not_before': now, 'resource': wanted.audience}
        return {name: str(value) if isinstance(value, int) else value for name, value in answer.items()}


def _required(form: Mapping[str, str], parameter: str) -> None:
    if not form.get(parameter):
        raise EntraError(900144, f"The body needs the parameter '{parameter}'.")


def _authentication_class(form: Mapping[str, str]) -> str:
    return '2' if form.get('client_assertion') else '1' if form.get('client_secret') else '0'


def requested_claims(form: Mapping[str, str]) -> RequestedClaims:
    """Return the ``claims`` of a request. Raises EntraError 9002313."""
    try:
        return RequestedClaims.parse(form.get('claims', ''))
    except ValueError:
        raise EntraError(9002313, "The parameter 'claims' is not a JSON object.") from None


def _client_info(user: User, tenant_id: str) -> str:
    raw = json.dumps({'uid': user.object_id, 'utid': tenant_id}).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b'=').decode()
