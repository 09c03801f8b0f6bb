"""A sign-in on the pages of Entra ID: user name and password, consent, and what the client gets for it."""

import secrets
import threading
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.grants import AuthorizationCode, DeviceAuthorization
from sandbox.microsoft.entra.model import Application, User
from sandbox.microsoft.entra.scopes import parse_scope
from sandbox.microsoft.entra.tenants import home_tenant
from sandbox.microsoft.resources import OPENID_SCOPES, Permission, Resource
from sandbox.microsoft.state import CloudState


@dataclass(kw_only=True)
class SignInFlow:
    """A sign-in that has begun. ``device`` is set when a device waits for it, ``wants_admin_consent`` when an administrator
    shall let an application act as itself; else the client gets a code at ``redirect_uri``."""

    tenant_name: str
    application: Application
    scope: str = ''
    redirect_uri: str = ''
    state: str = ''
    nonce: str = ''
    resource: str = ''
    code_challenge: str = ''
    code_challenge_method: str = ''
    login_hint: str = ''
    context: str = ''
    always_ask: bool = False
    wants_admin_consent: bool = False
    device: DeviceAuthorization | None = None
    user: User | None = None
    generation: int = 0

    def redirect(self, **parameters: str) -> str:
        """Return the redirect URI with these parameters and the client's ``state``."""
        if self.state:
            parameters['state'] = self.state
        return self.redirect_uri + ('&' if '?' in self.redirect_uri else '?') + urlencode(parameters)


class SignInFlows:
    """The sign-ins that have begun. Safe to use from several threads."""

    def __init__(self, state: CloudState) -> None:
        self._state = state
        self._flows: dict[str, SignInFlow] = {}
        self._lock = threading.Lock()

    def begin(self, flow: SignInFlow) -> str:
        """Return the ID under which the pages go on."""
        flow_id = secrets.token_urlsafe(24)
        with self._lock:
            self._flows[flow_id] = flow
        return flow_id

    def get(self, flow_id: str) -> SignInFlow:
        """Return the sign-in of that ID. Raises EntraError 50089 when it has ended."""
        with self._lock:
            flow = self._flows.get(flow_id)
        if flow is None:
            raise EntraError(50089, 'This sign-in has ended. Start it again.')
        return flow

    def end(self, flow_id: str) -> None:
        """Forget a sign-in."""
        with self._lock:
            self._flows.pop(flow_id, None)

    def sign_in(self, flow: SignInFlow, username: str, password: str) -> User:
        """Check user name and password. Raises EntraError 50034, 50126, 50057 or 50020."""
        user = self._state.directory.find_user(username)
        if user is None:
            raise EntraError(50034, f"There is no account named '{username.strip()}'.")
        if not secrets.compare_digest(user.password.encode(), password.encode()):
            raise EntraError(50126)
        if not user.enabled:
            raise EntraError(50057)
        home_tenant(self._state.directory, flow.tenant_name, user)
        flow.user, flow.generation = user, user.generation
        return user

    def permissions_to_ask(self, flow: SignInFlow) -> list[Permission]:
        """Return what the user still has to consent to. Raises EntraError 90094 when only an administrator may."""
        assert flow.user is not None, 'nobody is asked before signing in'
        if flow.wants_admin_consent:
            names = flow.application.application_permissions
            wanted = [known for known in self._published() if known.application and known.name in names]
        else:
            granted = flow.application.granted_to(flow.user)
            missing = [known for known in self._requested(flow) if known.name.lower() not in granted]
            wanted = self._requested(flow) if flow.always_ask else missing
        if not flow.user.is_admin and (flow.wants_admin_consent or any(known.admin_only for known in wanted)):
            raise EntraError(90094)
        return wanted

    def finish(self, flow: SignInFlow) -> str:
        """Grant what the sign-in was for; return the URL to go to, empty when a device waits."""
        assert flow.user is not None, 'nothing is handed out before signing in'
        tenant = home_tenant(self._state.directory, flow.tenant_name, flow.user)
        if flow.wants_admin_consent:
            flow.application.service_principals.add(tenant.tenant_id)
            return flow.redirect(admin_consent='True', tenant=tenant.tenant_id)
        flow.application.consent(flow.user, {known.name for known in self._requested(flow)})
        if flow.device:
            flow.device.user, flow.device.generation = flow.user, flow.generation
            return ''
        code = self._state.grants.add_code(
            AuthorizationCode(
                application=flow.application,
                tenant_id=tenant.tenant_id,
                user=flow.user,
                scope=flow.scope,
                generation=flow.generation,
                issued=self._state.clock.now(),
                redirect_uri=flow.redirect_uri,
                code_challenge=flow.code_challenge,
                code_challenge_method=flow.code_challenge_method,
                nonce=flow.nonce,
                resource=flow.resource,
                context=flow.context,
            )
        )
        return flow.redirect(code=code, session_state=str(uuid.uuid4()))

    def decline(self, flow: SignInFlow) -> str:
        """Decline consent; return the URL to go to, empty when a device waits."""
        if flow.device:
            flow.device.is_declined = True
            return ''
        return self.refuse(flow, EntraError(65004))

    def refuse(self, flow: SignInFlow, error: EntraError) -> str:
        """Return the URL that tells the client of ``error``."""
        body = error.body(self._state.clock.now())
        return flow.redirect(error=error.error, error_description=body['error_description'], error_uri=body['error_uri'])

    def _published(self) -> list[Permission]:
        return [known for resource in self._state.directory.resources for known in resource.permissions]

    def _requested(self, flow: SignInFlow) -> list[Permission]:
        request = parse_scope(self._state.directory, flow.scope)
        requested = [Permission(name, text) for name, text in OPENID_SCOPES.items() if name in request.openid]
        for wanted in request.resources:
            names = self._default(flow, wanted.resource) if wanted.is_default else wanted.permissions
            requested += [known for known in wanted.resource.permissions if known.name in names]
        return requested

    def _default(self, flow: SignInFlow, resource: Resource) -> set[str]:
        """Return what .default means: all that is registered, but only what was granted before once anything was."""
        registered = _registered(flow.application, resource)
        granted = {name for name in registered if flow.user and name.lower() in flow.application.granted_to(flow.user)}
        return registered if flow.always_ask or not granted else granted


def _registered(application: Application, resource: Resource) -> set[str]:
    names = {known.name for known in resource.permissions if known.delegated and known.name in application.delegated_permissions}
    if not names:
        raise EntraError(650057, f"Application '{application.display_name}' lists no permission of {resource.name}.")
    return names
