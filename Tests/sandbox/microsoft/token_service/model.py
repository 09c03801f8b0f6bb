"""Registrations of the Cortex XSOAR application, and the tokens that the service obtains for them."""

import base64
import json
import secrets
import threading
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.model import Application
from sandbox.microsoft.resources import DEFENDER_URI
from sandbox.microsoft.samples import CORTEX_CALLBACK_PATH
from sandbox.microsoft.state import CloudState
from sandbox.microsoft.token_service.errors import TokenServiceError

KEY_BYTES = 32
NONCE_BYTES = 12
SKEW_SECONDS = 300
ENTRA_TIMEOUT_SECONDS = 10
USER_APPS = ('ms-graph-mail-listener',)
APPLICATION_APPS = ('ms-graph-mail', 'ms-defender-atp')


@dataclass(kw_only=True)
class Registration:
    """One consent. ``token`` is the only refresh token that works now; ``entra_refresh_token`` is empty in application mode."""

    registration_id: str
    app_name: str
    tenant_id: str
    key: bytes = field(repr=False)
    token: str = field(repr=False)
    entra_refresh_token: str = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class TokenService:
    """Registrations, and what the service does with them. It is itself a client of Entra ID, over HTTP.

    Attributes:
        registrations: all consents, by the ID that integrations send.
    """

    def __init__(self, state: CloudState, ca_file: str) -> None:
        self._state = state
        self._ca_file = ca_file
        self.registrations: dict[str, Registration] = {}
        self._consents: dict[str, str] = {}

    def clear(self) -> None:
        """Forget all consents."""
        self.registrations.clear()
        self._consents.clear()

    def consent_url(self, app_name: str) -> str:
        """Return where Microsoft asks for consent to the app of that name."""
        application = self._state.directory.application(app_name)
        state = secrets.token_urlsafe(24)
        self._consents[state] = app_name
        parameters = {'client_id': application.client_id, 'redirect_uri': self._callback, 'state': state}
        if app_name in APPLICATION_APPS:
            return f'{self._state.addresses.authority}/organizations/adminconsent?{urlencode(parameters)}'
        parameters |= {'response_type': 'code', 'scope': ' '.join(application.delegated_permissions), 'prompt': 'consent'}
        return f'{self._state.addresses.authority}/organizations/oauth2/v2.0/authorize?{urlencode(parameters)}'

    def register(self, state: str, code: str, tenant_id: str) -> Registration:
        """Register the consent that came back with ``state``. Raises TokenServiceError."""
        app_name = self._consents.pop(state, '')
        if not app_name:
            raise TokenServiceError(400, 'Bad Request', 'This consent was not started here. Start on the consent page again.')
        refresh_token = ''
        if app_name in USER_APPS:
            answer = self._ask_entra(
                'organizations',
                self._state.directory.application(app_name),
                {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': self._callback, 'client_info': '1'},
            )
            refresh_token, tenant_id = answer['refresh_token'], _tenant_in(answer['client_info'])
        registration = Registration(
            registration_id=str(uuid.uuid4()),
            app_name=app_name,
            tenant_id=tenant_id,
            key=secrets.token_bytes(KEY_BYTES),
            token=_new_token(),
            entra_refresh_token=refresh_token,
        )
        self.registrations[registration.registration_id] = registration
        return registration

    def obtain_token(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a token request of an integration. Raises TokenServiceError."""
        registration = self.registrations.get(str(body.get('registration_id', '')))
        if registration is None or registration.app_name != body.get('app_name'):
            raise TokenServiceError(401, 'Unauthorized', 'The app has no registration with this ID.')
        token = self._decrypt(registration, str(body.get('encrypted_token', '')))
        with registration.lock:
            if not secrets.compare_digest(token.encode(), registration.token.encode()):
                refusal = EntraError(70000, 'The refresh token is not valid or was used before.').body(self._state.clock.now())
                raise TokenServiceError(401, 'Unauthorized', f'The token could not be obtained: {json.dumps(refusal)}')
            answer = self._access_token(registration, str(body.get('scope') or ''), str(body.get('resource') or ''))
            registration.entra_refresh_token = answer.get('refresh_token', registration.entra_refresh_token)
            registration.token = _new_token()
            return {
                'access_token': answer['access_token'],
                'expires_in': int(answer['expires_in']),
                'refresh_token': registration.token,
            }

    @property
    def _callback(self) -> str:
        return self._state.addresses.token_service + CORTEX_CALLBACK_PATH

    def _decrypt(self, registration: Registration, encrypted: str) -> str:
        try:
            raw = base64.b64decode(encrypted, validate=True)
            plain = AESGCM(registration.key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
            seconds, _, token = plain.partition(':')
            age = self._state.clock.now() - int(seconds)
        except (ValueError, InvalidTag):
            raise TokenServiceError(401, 'Unauthorized', 'The key of this registration does not decrypt the token.') from None
        if abs(age) > SKEW_SECONDS:
            raise TokenServiceError(401, 'Unauthorized', f'The time of the request is {abs(age):.0f} seconds off.')
        return token

    def _access_token(self, registration: Registration, scope: str, resource: str) -> dict[str, Any]:
        application = self._state.directory.application(registration.app_name)
        if registration.app_name in APPLICATION_APPS:
            form = {'grant_type': 'client_credentials', 'scope': scope or f'{self._resource_of(registration.app_name)}/.default'}
        else:
            form = {'grant_type': 'refresh_token', 'refresh_token': registration.entra_refresh_token, 'scope': scope}
        if resource:
            form = {**form, 'scope': '', 'resource': resource}
            return self._ask_entra(registration.tenant_id, application, form, '/oauth2/token')
        return self._ask_entra(registration.tenant_id, application, form)

    def _resource_of(self, app_name: str) -> str:
        return DEFENDER_URI if app_name == 'ms-defender-atp' else self._state.addresses.graph

    def _ask_entra(
        self, tenant: str, application: Application, form: dict[str, str], path: str = '/oauth2/v2.0/token'
    ) -> dict[str, Any]:
        form = {name: value for name, value in form.items() if value}
        form |= {'client_id': application.client_id, 'client_secret': application.secret}
        url = f'{self._state.addresses.authority}/{tenant}{path}'
        try:
            with closing(requests.Session()) as connection:
                connection.trust_env = False
                answer = connection.post(url, form, verify=self._ca_file, timeout=ENTRA_TIMEOUT_SECONDS)
        except requests.RequestException:
            raise TokenServiceError(502, 'Bad Gateway', 'Microsoft could not be reached.') from None
        if answer.status_code != 200:
            status = 502 if answer.status_code >= 500 else 401
            raise TokenServiceError(status, 'Unauthorized', f'The token could not be obtained: {answer.text}')
        return answer.json()


def _new_token() -> str:
    return secrets.token_urlsafe(48)


def _tenant_in(client_info: str) -> str:
    return json.loads(base64.urlsafe_b64decode(client_info + '=' * (-len(client_info) % 4)))['utid']
