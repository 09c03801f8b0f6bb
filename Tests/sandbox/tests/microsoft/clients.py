"""Bare HTTP clients of the local cloud: they send what a test writes, and nothing else."""

import base64
import hashlib
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import requests

from sandbox.microsoft.browser import Browser
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.client_authentication import ASSERTION_TYPE
from sandbox.microsoft.entra.model import Application
from sandbox.microsoft.samples import REDIRECT_URI
from sandbox.tests.machine import limit

TENANT = 'contoso.example'
TIMEOUT_SECONDS = limit(10)
VERIFIER = 'a-verifier-of-43-characters-at-least-0123456789'
SCOPE = 'openid offline_access User.Read Mail.ReadWrite'


class HttpClient:
    """One keep-alive connection pool that trusts the cloud's CA and knows no proxy."""

    def __init__(self, cloud: MicrosoftCloud) -> None:
        self._cloud = cloud
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = cloud.ca_file

    def post(self, url: str, data: dict[str, str], **headers: str) -> requests.Response:
        """Post a form to any URL."""
        return self.session.post(url, data, headers=headers, timeout=TIMEOUT_SECONDS)

    def get(self, url: str, token: str = '', params: dict[str, str] | None = None, **headers: str) -> requests.Response:
        """Get any URL, with ``token`` as bearer."""
        if token:
            headers['Authorization'] = f'Bearer {token}'
        return self.session.get(url, headers=headers, params=params, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def token(self, tenant: str = TENANT, version: str = 'v2.0/', **form: str) -> requests.Response:
        """Send a token request; ``version`` is ``v2.0/`` or empty for the v1 endpoint."""
        return self.post(f'{self._cloud.authority}/{tenant}/oauth2/{version}token', form)

    def application_token(self, **changes: str) -> requests.Response:
        """Send a client credentials request of ``daemon`` for Graph, with ``changes``; an empty value leaves a field out."""
        daemon = self._cloud.directory.application('daemon')
        form = {
            'grant_type': 'client_credentials',
            'client_id': daemon.client_id,
            'client_secret': daemon.secret,
            'scope': f'{self._cloud.graph}/.default',
            **changes,
        }
        tenant = form.pop('tenant', TENANT)
        return self.token(tenant, form.pop('version', 'v2.0/'), **{name: value for name, value in form.items() if value})

    def graph(self, path: str, token: str, **headers: str) -> requests.Response:
        """Get from Microsoft Graph; ``path`` starts with a slash and follows ``/v1.0``."""
        return self.get(f'{self._cloud.graph}/v1.0{path}', token, None, **headers)


class WebAppClient:
    """Ada signs in to the application ``web``; the code is redeemed as a test wants it."""

    def __init__(self, cloud: MicrosoftCloud, http: HttpClient) -> None:
        self.cloud = cloud
        self.http = http
        self.web = cloud.directory.application('web')

    def authorize_url(self, tenant: str = TENANT, version: str = 'v2.0/', **changes: str) -> str:
        """Return a login URL; an empty value in ``changes`` leaves a parameter out."""
        query = {
            'client_id': self.web.client_id,
            'response_type': 'code',
            'redirect_uri': REDIRECT_URI,
            'scope': SCOPE,
            'state': 'some-state',
            'code_challenge': pkce(VERIFIER),
            'code_challenge_method': 'S256',
            **changes,
        }
        query = {name: value for name, value in query.items() if value}
        return f'{self.cloud.authority}/{tenant}/oauth2/{version}authorize?{urlencode(query)}'

    def code(self, user: str = 'ada@contoso.example', **changes: str) -> str:
        """Return the code for which ``user`` signs in and consents."""
        url = Browser(self.cloud, user).sign_in(self.authorize_url(**changes))
        return parse_qs(urlsplit(url).query)['code'][0]

    def redeem(self, **changes: str) -> requests.Response:
        """Redeem a code; ``tenant`` and ``version`` in ``changes`` choose the endpoint."""
        form = {
            'grant_type': 'authorization_code',
            'client_id': self.web.client_id,
            'client_secret': self.web.secret,
            'redirect_uri': REDIRECT_URI,
            'code_verifier': VERIFIER,
            **changes,
        }
        tenant = form.pop('tenant', TENANT)
        return self.http.token(tenant, form.pop('version', 'v2.0/'), **{name: value for name, value in form.items() if value})

    def refresh(self, refresh_token: str, **changes: str) -> requests.Response:
        """Redeem a refresh token."""
        return self.redeem(grant_type='refresh_token', refresh_token=refresh_token, redirect_uri='', code_verifier='', **changes)

    def tokens(self) -> dict[str, Any]:
        """Return what a sign-in of Ada ends with."""
        answer = self.redeem(code=self.code())
        assert answer.status_code == 200, answer.text
        return answer.json()


def assertion(
    application: Application, audience: str, *, algorithm: str = 'PS256', headers: dict[str, Any] | None = None, **claims: Any
) -> dict[str, str]:
    """Return the form fields of a client assertion that ``application`` signs, with ``claims`` in place of the right ones."""
    now = int(time.time())
    payload = {
        'aud': audience,
        'iss': application.client_id,
        'sub': application.client_id,
        'jti': str(uuid.uuid4()),
        'nbf': now,
        'iat': now,
        'exp': now + 600,
    } | claims
    certificate = application.certificate
    named = headers if headers is not None else {'x5t#S256': certificate.x5t_s256}
    signed = jwt.encode(payload, certificate.private_key_pem, algorithm=algorithm, headers=named)
    return {'client_assertion_type': ASSERTION_TYPE, 'client_assertion': signed}


def pkce(verifier: str) -> str:
    """Return the S256 challenge of a code verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b'=').decode()
