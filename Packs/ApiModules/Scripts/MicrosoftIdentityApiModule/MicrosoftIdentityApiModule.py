"""Who signs in to Microsoft: one small class for each way, and the cleaning of what admins paste.

A credential says what it needs and how its request looks. When to ask, what to keep and how to retry stands outside of it,
in MicrosoftTokenStoreApiModule and MicrosoftSignInApiModule.
"""

import base64
import copy
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode

from MicrosoftSignInApiModule import *

# region cleaning of pasted values

_GUID = re.compile(r'[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}', re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, '\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xa0'))
_PEM_BLOCK = r'(?s)-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----'
_NOT_IN_AN_ID = re.compile(r'[\s/@?#]')
_SHARED_TENANTS = ('common', 'organizations', 'consumers')
# An ID, a domain name, or a shared tenant. What else was pasted into such a field may be a secret.
_NAME = re.compile(rf'{_GUID.pattern}|(?:[a-z0-9-]{{1,63}}\.)+[a-z]{{2,63}}|{"|".join(_SHARED_TENANTS)}', re.IGNORECASE)


def clean_value(value: Any) -> str:
    """Takes away what copying adds: blanks and newlines around, invisible characters, surrounding quotes."""
    text = str(value or '').translate(_INVISIBLE).strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'' else text


def clean_tenant(value: str, own_tenant_needed: bool = False) -> str:
    """Gives the tenant's ID or domain name; takes a URL that holds it as well.

    Args:
        own_tenant_needed: refuse ``common`` and its like, which stand for no tenant in particular.
    Raises:
        CredentialError: nothing that could be a tenant is there.
    """
    text = clean_value(value)
    if not text:
        raise CredentialError(
            'Token (tenant ID) is missing.', 'Copy the Directory (tenant) ID from the app registration into Token.'
        )
    if '://' in text:
        path = text.split('://', 1)[1].partition('/')[2]
        guid = _GUID.search(path)
        text = guid.group() if guid else re.split(r'[/?#]', path)[0]
    text = text.strip('/').lower()
    if not re.fullmatch(r'[a-z0-9][a-z0-9._-]*', text):
        raise CredentialError('Token is not a tenant ID.', 'Enter the Directory (tenant) ID, or a domain name of the tenant.')
    if own_tenant_needed and text in _SHARED_TENANTS:
        raise CredentialError(
            f"Token is '{text}', which stands for no tenant in particular.",
            "Enter the tenant's own Directory (tenant) ID in Token.",
        )
    return text


def clean_client_id(value: str) -> str:
    """Gives the client ID. Raises CredentialError when it is missing, or plainly something else."""
    text = clean_value(value)
    if not text:
        raise CredentialError('ID (client ID) is missing.', 'Copy the Application (client) ID from the app registration into ID.')
    if '@' in text:
        raise CredentialError(
            'ID is that of the Cortex XSOAR app, not a client ID.',
            "Enter the Application (client) ID, or clear 'Use a self-deployed Azure application'.",
        )
    if _NOT_IN_AN_ID.search(text):
        raise CredentialError('ID is not a client ID.', 'Enter the Application (client) ID of the app registration in ID.')
    return text


def clean_client_secret(value: str) -> str:
    """Gives the client secret. Raises CredentialError when it is missing, or is the secret's ID."""
    text = clean_value(value)
    if not text:
        raise CredentialError('Key (client secret) is missing.', 'Enter the client secret, or a certificate and its private key.')
    if _GUID.fullmatch(text):
        raise CredentialError(
            'Key holds the ID of the client secret, not its value.',
            "Paste the secret's Value; if it is no longer shown, make a new secret.",
        )
    return text


def clean_thumbprint(value: str) -> str:
    """Gives the hexadecimal digits of a thumbprint: 40 (SHA-1) or 64 (SHA-256), upper case.

    Raises:
        CredentialError: it has another length or other characters.
    """
    digits = re.sub(r'[\s:-]', '', clean_value(value)).upper()
    if not re.fullmatch(r'[0-9A-F]{40}|[0-9A-F]{64}', digits):
        raise CredentialError(
            'The certificate thumbprint is not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.',
            'Copy the thumbprint from Certificates & secrets of the app registration.',
        )
    return digits


def clean_pem(value: str) -> dict[str, str]:
    """Gives the PEM blocks in `value` by their label, e.g. ``PRIVATE KEY``; the first of each label.

    Line ends may have become blanks or ``\\n`` in letters, as text boxes and vaults do.
    """
    text = str(value or '').replace('\\r', '').replace('\\n', '\n')
    blocks: dict[str, str] = {}
    for label, body in re.findall(_PEM_BLOCK, text):
        if 'ENCRYPTED' in body:  # the header lines of an encrypted key in the traditional form
            label = 'ENCRYPTED PRIVATE KEY'
        packed = re.sub(r'\s', '', body)
        lines = '\n'.join(packed[start : start + 64] for start in range(0, len(packed), 64))
        blocks.setdefault(label, f'-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n')
    return blocks


def clean_private_key(blocks: dict[str, str]) -> str:
    """Picks the private key out of PEM blocks. Raises CredentialError when there is none, or it is encrypted."""
    if 'ENCRYPTED PRIVATE KEY' in blocks:
        raise CredentialError(
            'The private key is encrypted.', 'Decrypt it first (openssl pkey -in key.pem -out plain.pem) and paste the result.'
        )
    for label, block in blocks.items():
        if label.endswith('PRIVATE KEY'):
            return block
    raise CredentialError(
        'The private key is missing, or is not in PEM form.',
        "Paste the whole key, from '-----BEGIN PRIVATE KEY-----' to '-----END PRIVATE KEY-----'.",
    )


class AuthorizationResponse(NamedTuple):
    """What the browser brought back from the sign-in page: the code, and the state that it was asked with (may be empty)."""

    code: str
    state: str = ''

    def __repr__(self) -> str:
        return '<AuthorizationResponse>'


def clean_authorization_code(value: str) -> AuthorizationResponse:
    """Reads a code in any form in which it is pasted: bare, URL-encoded, with ``&session_state=...``, or the whole redirect URL.

    Raises:
        CredentialError: no code is in it.
        SignInRequiredError: the redirect URL says that the sign-in failed.
    """
    text = re.sub(r'\s', '', clean_value(value))
    if '://' in text or re.search(r'(?:^|[?#&])(?:code|error)=', text):
        query = re.split(r'[?#]', text, maxsplit=1)[1] if re.search(r'[?#]', text) else text
        fields = {name: values[0] for name, values in parse_qs(query.replace('#', '&')).items()}
        if fields.get('error'):
            refusal = refusal_from_body(fields, 400)
            raise SignInRequiredError(refusal.what, refusal.advice, refusal.code, refusal.correlation_id)
        if not fields.get('code'):
            raise CredentialError(
                'The pasted URL holds no code.', "Copy the whole address of the page after the sign-in; it holds 'code='."
            )
        return AuthorizationResponse(fields['code'], fields.get('state', ''))
    code = text.split('&')[0]
    if not code:
        raise CredentialError('The authorization code is missing.', 'Paste the whole address of the page after the sign-in.')
    return AuthorizationResponse(unquote(code) if '%' in code else code)


# endregion
# region what a sign-in leaves behind


class KeptSignIn(NamedTuple):
    """What earlier sign-ins of a credential left behind. All of it is secret.

    Args:
        refresh_token: the newest one, empty if there is none.
        code_verifier, state: of a sign-in that was started with PKCE and waits for its code.
        device_code: of a sign-in with a device code that was started.
        code_redeemed: the code in the settings was used up.
    """

    refresh_token: str = ''
    code_verifier: str = ''
    device_code: str = ''
    code_redeemed: bool = False
    state: str = ''

    def __repr__(self) -> str:
        return '<KeptSignIn>'


# endregion
# region credentials


class Credential:
    """One way to sign in. The constructor refuses what cannot be right with a CredentialError.

    Attributes:
        kind: the name of the way.
        identity: digest over everything that makes this credential what it is. Tokens are kept under it,
            so a changed setting never meets an old token.
        application: the same without what one person pasted (code, Token): what a started sign-in is kept under.
        longest_ask: seconds that asking for a token may take, with all tries.
    """

    kind = ''
    description = ''
    needs_person = False
    longest_ask = 60.0

    def __init__(self, *application: str, seed: str = ''):
        self.application = _digest(self.kind, *application)
        self.identity = _digest(self.application, seed)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.identity[:8]}>'

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        """The request that brings a token for `target`.

        Raises:
            SignInRequiredError: a person has to sign in first.
        """
        raise NotImplementedError

    def ask(self, transport: TokenTransport, target: TokenTarget, kept: KeptSignIn) -> TokenAnswer:
        return transport.ask(self.token_request(target, kept))

    def names(self) -> list[str]:
        """Return the IDs and domain names that this was made with: the platform's form hides them, but they are not secrets."""
        return []

    def may_own(self, claims: dict[str, Any]) -> bool:
        """False where the claims of an access token show that another client, or another tenant, asked for it."""
        return True


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class EntraCredential(Credential):
    """A client of Microsoft Entra ID that has nothing to prove itself by: a public client.

    Args:
        authority: login host of the cloud, e.g. ``https://login.microsoftonline.com``.
        tenant_id: ID or domain name of the tenant.
        client_id: of the app registration.
        token_url: token endpoint; by default the v2 endpoint of authority and tenant.
    """

    kind = 'public-client'

    def __init__(self, authority: str, tenant_id: str, client_id: str, token_url: str = '', proof: str = ''):
        self.authority = require_https(authority, 'the Azure AD endpoint')
        self.tenant_id = clean_tenant(tenant_id)
        self.client_id = clean_client_id(client_id)
        self.token_url = require_https(token_url or self.endpoint('token'), 'the token URL')
        super().__init__(self.authority, self.tenant_id, self.client_id, self.token_url, proof)

    def names(self) -> list[str]:
        return [name for name in (self.tenant_id, self.client_id) if _NAME.fullmatch(name)]

    def endpoint(self, name: str) -> str:
        return f'{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/{name}'

    @property
    def is_v1(self) -> bool:
        return '/v2.0/' not in self.token_url

    def may_own(self, claims: dict[str, Any]) -> bool:
        tenant = self.tenant_id if _GUID.fullmatch(self.tenant_id) else claims.get('tid')
        return claims.get('appid', self.client_id) == self.client_id and claims.get('tid', tenant) == tenant

    def client_authentication(self) -> dict[str, str]:
        """The form fields by which the client proves who it is."""
        return {}

    def post(self, target: TokenTarget, offline: bool = False, **fields: str) -> TokenRequest:
        """A form for the token endpoint: client, proof, what is wanted, and the `fields` of the flow.

        Args:
            offline: ask for a refresh token as well.
        """
        wanted = {'resource': target.as_resource} if self.is_v1 else {'scope': with_offline_access(target.as_scope, offline)}
        form = {**fields, 'client_id': self.client_id, **self.client_authentication(), **wanted, 'claims': target.claims}
        return TokenRequest('POST', self.token_url, form={name: value for name, value in form.items() if value})


def with_offline_access(scope: str, offline: bool = True) -> str:
    if not offline or 'offline_access' in scope.split():
        return scope
    return f'{scope} offline_access'.strip()


class ClientSecretCredential(EntraCredential):
    """Signs in as an application with a client secret.

    Args:
        authority, tenant_id, client_id, token_url: as in EntraCredential.
        client_secret: the secret's value.
    Raises:
        CredentialError: a value is missing, or is plainly something else (the secret's ID, a URL, ...).
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    kind = 'client-secret'
    description = 'Self-deployed application, client secret'

    def __init__(self, authority: str, tenant_id: str, client_id: str, client_secret: str, token_url: str = ''):
        self._client_secret = clean_client_secret(client_secret)
        super().__init__(authority, tenant_id, client_id, token_url, proof=self._client_secret)

    def client_authentication(self) -> dict[str, str]:
        return {'client_secret': self._client_secret}

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        clean_tenant(self.tenant_id, own_tenant_needed=True)
        return self.post(target, grant_type='client_credentials')


class CertificateCredential(EntraCredential):
    """Signs in as an application with a certificate.

    With the certificate itself, assertions are signed with PS256 and name it by ``x5t#S256``, as they are with its SHA-256
    thumbprint. With its SHA-1 thumbprint they are signed with RS256 and name it by ``x5t``.

    Args:
        authority, tenant_id, client_id, token_url: as in EntraCredential.
        private_key: PEM, PKCS#8 or PKCS#1, not encrypted; the certificate may stand in it as well.
        thumbprint: hexadecimal SHA-1 or SHA-256, or the certificate in PEM.
    Raises:
        CredentialError: a value is missing, unreadable or encrypted.
    Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    """

    kind = 'certificate'
    description = 'Self-deployed application, certificate'
    LIFE = 600  # seconds that an assertion is good

    def __init__(
        self, authority: str, tenant_id: str, client_id: str, private_key: str, thumbprint: str = '', token_url: str = ''
    ):
        blocks = clean_pem(private_key)
        certificates = {**clean_pem(thumbprint), **blocks}
        self._private_key = clean_private_key(blocks)
        self.certificate = certificates.get('CERTIFICATE', '')
        if not self.certificate and not clean_value(thumbprint):
            raise CredentialError(
                'The certificate thumbprint is missing.', 'Enter the thumbprint, or the certificate itself in PEM form.'
            )
        is_digits = clean_value(thumbprint) and 'CERTIFICATE' not in clean_pem(thumbprint)
        self.thumbprint = clean_thumbprint(thumbprint) if is_digits else ''
        super().__init__(authority, tenant_id, client_id, token_url, proof=self._private_key + self.certificate + self.thumbprint)

    def client_authentication(self) -> dict[str, str]:
        return {
            'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            'client_assertion': self.assertion(SystemClock().now()),
        }

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        clean_tenant(self.tenant_id, own_tenant_needed=True)
        return self.post(target, grant_type='client_credentials')

    def post(self, target: TokenTarget, offline: bool = False, **fields: str) -> TokenRequest:
        request = super().post(target, offline, **fields)
        request.again = lambda: self.post(target, offline, **fields)
        return request

    def assertion(self, now: float) -> str:
        """A new signed assertion; each has an ID of its own, since the service may refuse one that it has seen."""
        import uuid  # these cost, and a warm command needs none

        import jwt

        key = self._loaded_key()
        algorithm, header = self._algorithm_and_header()
        claims = {
            'aud': self.token_url,
            'iss': self.client_id,
            'sub': self.client_id,
            'jti': str(uuid.uuid4()),
            'iat': int(now),
            'nbf': int(now),
            'exp': int(now) + self.LIFE,
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers=header)

    def _algorithm_and_header(self) -> tuple[str, dict[str, str]]:
        if self.certificate:
            return 'PS256', {'x5t#S256': _base64url(self._certificate_digest())}
        digest = bytes.fromhex(self.thumbprint)
        return ('PS256', {'x5t#S256': _base64url(digest)}) if len(digest) == 32 else ('RS256', {'x5t': _base64url(digest)})

    def _certificate_digest(self, algorithm: str = 'sha256') -> bytes:
        der = base64.b64decode(''.join(self.certificate.splitlines()[1:-1]))
        return hashlib.new(algorithm, der).digest()

    def _loaded_key(self) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            # Checking the primes takes 35 of 36 ms, and a key that is wrong is refused by the service all the same.
            key = load_pem_private_key(self._private_key.encode(), None, unsafe_skip_rsa_key_validation=True)
        except (ValueError, UnsupportedAlgorithm):
            raise CredentialError(
                'The private key cannot be read.', 'Paste the whole key in PEM form, as it was created.'
            ) from None
        if not isinstance(key, RSAPrivateKey):
            raise CredentialError(
                'The private key is not an RSA key.', 'Microsoft takes RSA certificates only: make one and upload it.'
            )
        self._require_match(key)
        return key

    def _require_match(self, key: Any) -> None:
        if not self.certificate:
            return
        from cryptography.x509 import load_pem_x509_certificate

        try:
            certificate_key = load_pem_x509_certificate(self.certificate.encode()).public_key()
        except ValueError:
            raise CredentialError('The certificate cannot be read.', 'Paste the whole certificate in PEM form.') from None
        if certificate_key != key.public_key():
            raise CredentialError(
                'The private key does not belong to the certificate.', 'Paste the key and the certificate of one pair.'
            )
        if self.thumbprint and bytes.fromhex(self.thumbprint) not in map(self._certificate_digest, ('sha1', 'sha256')):
            raise CredentialError(
                'The certificate thumbprint is not that of the certificate.', 'Clear it, or paste the one of this certificate.'
            )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class AuthorizationCodeCredential(Credential):
    """Signs in for a person, who does it once in a browser; from then on with the refresh token.

    Args:
        client: the app registration, with its secret, its certificate, or neither.
        redirect_uri: as registered.
        code: what the browser brought back, as pasted into the settings; may be empty.
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    """

    kind = 'authorization-code'
    description = 'Self-deployed application, authorization code'
    needs_person = True
    REFRESH_TOKEN_PREFIX = 'refresh_token:'  # noqa: S105 - integrations let a refresh token be pasted as code, so marked

    def __init__(self, client: EntraCredential, redirect_uri: str, code: str = ''):
        self.client = client
        self.redirect_uri = clean_value(redirect_uri)
        self._pasted = clean_value(code)
        if not self.redirect_uri:
            raise CredentialError('The application redirect URI is missing.', 'Enter the redirect URI of the app registration.')
        super().__init__(client.application, self.redirect_uri, seed=self._pasted)

    def names(self) -> list[str]:
        return self.client.names()

    def may_own(self, claims: dict[str, Any]) -> bool:
        return self.client.may_own(claims)

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        if kept.refresh_token:
            return self.refresh_request(target, kept.refresh_token)
        if self._pasted.startswith(self.REFRESH_TOKEN_PREFIX):
            return self.refresh_request(target, self._pasted[len(self.REFRESH_TOKEN_PREFIX) :])
        if not self._pasted or kept.code_redeemed:
            raise SignInRequiredError('Nobody has signed in with these settings yet.', 'Start the sign-in, then complete it.')
        return self.redeem_request(target, self._pasted, kept)

    def redeem_request(self, target: TokenTarget, pasted: str, kept: KeptSignIn) -> TokenRequest:
        """The request that turns what the browser brought back into tokens.

        Args:
            pasted: the whole redirect URL, or the code alone.
            kept: the state and the verifier of the sign-in that was started; empty where it was started elsewhere, without PKCE.
        Raises:
            SignInRequiredError: `pasted` belongs to another sign-in, maybe somebody else's.
        """
        response = clean_authorization_code(pasted)
        if kept.state and response.state not in ('', kept.state):
            raise SignInRequiredError(
                'The pasted URL belongs to another sign-in than the one started last.',
                'Start the sign-in again, and paste the URL that it ends on.',
            )
        return self.client.post(
            target,
            offline=True,
            grant_type='authorization_code',
            code=response.code,
            redirect_uri=self.redirect_uri,
            code_verifier=kept.code_verifier,
        )

    def refresh_request(self, target: TokenTarget, refresh_token: str) -> TokenRequest:
        return self.client.post(
            target,
            offline=True,
            grant_type='refresh_token',
            refresh_token=refresh_token,
            redirect_uri=self.redirect_uri if self.client.is_v1 else '',
        )

    def authorize_url(self, target: TokenTarget, state: str, code_verifier: str) -> str:
        """The address at which the person signs in."""
        challenge = _base64url(hashlib.sha256(code_verifier.encode()).digest())
        return f'{self.client.endpoint("authorize")}?' + urlencode(
            {
                'client_id': self.client.client_id,
                'response_type': 'code',
                'redirect_uri': self.redirect_uri,
                'scope': with_offline_access(target.as_scope),
                'state': state,
                'code_challenge': challenge,
                'code_challenge_method': 'S256',
            },
            quote_via=quote,
        )


class DeviceCodeCredential(EntraCredential):
    """Signs in for a person, who enters a code in a browser on any device; from then on with the refresh token.

    The app registration must allow public client flows; there is no secret.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
    """

    kind = 'device-code'
    description = 'Self-deployed application, device code'
    needs_person = True
    GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

    def start_request(self, target: TokenTarget) -> TokenRequest:
        """The request that starts a sign-in; answered with ``device_code``, ``user_code``, ``verification_uri``, ``interval``."""
        return TokenRequest(
            'POST', self.endpoint('devicecode'), form={'client_id': self.client_id, 'scope': with_offline_access(target.as_scope)}
        )

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        if kept.refresh_token:
            return self.post(target, offline=True, grant_type='refresh_token', refresh_token=kept.refresh_token)
        if not kept.device_code:
            raise SignInRequiredError('Nobody has signed in with these settings yet.', 'Start the sign-in, then complete it.')
        return self.post(target, grant_type=self.GRANT, device_code=kept.device_code)


_CONSENT_AGAIN = 'Paste ID, Token and Key of one consent; if that does not help, go through the consent page again.'


class CortexAppCredential(Credential):
    """Signs in through the Cortex XSOAR app, with the ID, Token and Key that its consent page hands out.

    The token service answers each request with a new refresh token, which takes the place of the Token.

    Args:
        app_name: name by which the token service knows the integration.
        registration_id: the ID; ``<id>@<https url>`` names another token service than the public one.
        token: the Token.
        key: the Key, base64 of an AES key.
        encrypt: how the token is made unreadable, by default `encrypt_for_token_service`.
        info_headers: gives headers that tell the token service who asks.
    Raises:
        CredentialError: a value is missing, or the token service is not an https address.
    """

    kind = 'cortex-app'
    description = 'Cortex XSOAR application'
    longest_ask = 140.0
    READ_TIMEOUT = 90.0  # seconds; whoever hangs up on an answer loses the Token that is in it
    TOKEN_SERVICE = 'https://oproxy.demisto.ninja/obtain-token'  # noqa: S105 - an address

    def __init__(
        self,
        app_name: str,
        registration_id: str,
        token: str,
        key: str,
        encrypt: Callable[[str, str], str] | None = None,
        info_headers: Callable[[], dict[str, str]] = dict,
    ):
        self.app_name = app_name
        self.registration_id, _, service = clean_value(registration_id).partition('@')
        self.token_service = require_https(service or self.TOKEN_SERVICE, 'the token service in ID')
        self._token, self._key = clean_value(token), clean_value(key)
        for name, value in (('ID', self.registration_id), ('Token', self._token), ('Key', self._key)):
            if not value:
                raise CredentialError(
                    f'{name} is missing.', f'Paste the {name} that the consent page of the Cortex XSOAR app shows.'
                )
        self._encrypt = encrypt or encrypt_for_token_service
        self._info_headers = info_headers
        super().__init__(app_name, self.registration_id, self.token_service, self._key, seed=self._token)

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        token = kept.refresh_token or self._token
        return TokenRequest(
            'POST',
            self.token_service,
            headers=self._info_headers(),
            json_body={
                'app_name': self.app_name,
                'registration_id': self.registration_id,
                'encrypted_token': self._encrypt(token, self._key),
                'scope': target.scope or None,
                'resource': target.resource,
            },
            hidden=(token, self._key),
            read_timeout=self.READ_TIMEOUT,
            refusal_advice=_CONSENT_AGAIN,
        )

    def check_without_using_the_token(self, transport: TokenTransport) -> None:
        """Checks all that can be checked while the Token stays unused: the Key, and that the token service answers.

        Raises:
            MicrosoftSignInError: what is wrong.
        """
        self._encrypt(self._token, self._key)
        request = TokenRequest('GET', self.token_service)
        status = transport.send(request).status_code
        if status == 404 or status >= 500:
            raise unusable_answer(request, f'HTTP status {status}')


def encrypt_for_token_service(token: str, key: str) -> str:
    """Base64 of nonce and AES-256-GCM of ``<epoch seconds>:<token>``, as the token service of the Cortex app reads it.

    Raises:
        CredentialError: `key` is not the base64 of an AES key.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # costs, and a warm command needs none

    try:
        cipher = AESGCM(base64.b64decode(key, validate=True))
    except ValueError:
        raise CredentialError(
            'Key is not the Key of the Cortex XSOAR app.',
            "Paste the Key that the consent page shows, or select 'Use a self-deployed Azure application'.",
        ) from None
    nonce = os.urandom(12)
    return base64.b64encode(nonce + cipher.encrypt(nonce, f'{int(SystemClock().now())}:{token}'.encode(), None)).decode()


# endregion
# region managed identity

_CONNECT_TIMEOUT_IMDS = 2.0
_NOT_ON_AZURE = 'Managed identities work only where the integration runs on an Azure host: choose such an engine.'
_NO_IDENTITY = 'Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID.'
# The host's own service is restarted for up to 70 s (410) when identities change: seven waits take 76 to 127 s.
MANAGED_IDENTITY_RETRIES = RetryPolicy({404: 4, 408: 4, 410: 7, 429: 4, **dict.fromkeys(range(500, 600), 4)}, 1, 0.8, 130)


class ManagedIdentityCredential(Credential):
    """Signs in as the managed identity of the Azure host on which the integration runs.

    Args:
        client_id: of a user-assigned identity; empty for the system-assigned one.
        environment: environment variables of the host; they tell which kind of host it is.
    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """

    kind = 'managed-identity'
    description = 'Azure managed identity'
    longest_ask = 160.0

    def __init__(self, client_id: str = '', environment: Mapping[str, str] = os.environ):
        self.client_id = clean_value(client_id)
        if _NOT_IN_AN_ID.search(self.client_id):
            raise CredentialError(
                'Azure Managed Identities Client ID is not a client ID.',
                'Enter the client ID of the user-assigned identity, not its resource ID or name.',
            )
        self._host = _managed_identity_host(environment)
        super().__init__(type(self._host).__name__, self._host.endpoint, self.client_id)

    def names(self) -> list[str]:
        return [self.client_id] if _NAME.fullmatch(self.client_id) else []

    def token_request(self, target: TokenTarget, kept: KeptSignIn) -> TokenRequest:
        return self._host.request(target.as_resource, self.client_id)

    def ask(self, transport: TokenTransport, target: TokenTarget, kept: KeptSignIn) -> TokenAnswer:
        return transport.ask(self._host.answer_challenge(self.token_request(target, kept), transport))


class ManagedIdentityHost:
    """A kind of Azure host, and how its own service is asked for tokens."""

    endpoint = ''

    def request(self, resource: str, client_id: str) -> TokenRequest:
        raise NotImplementedError

    def answer_challenge(self, request: TokenRequest, _transport: TokenTransport) -> TokenRequest:
        """The request with the proof that the host asks for; most ask for none."""
        return request


class VirtualMachine(ManagedIdentityHost):
    """A virtual machine or scale set: the instance metadata service."""

    PATH = '/metadata/identity/oauth2/token'

    def __init__(self, environment: Mapping[str, str]):
        host = environment.get('AZURE_POD_IDENTITY_AUTHORITY_HOST') or 'http://169.254.169.254'
        self.endpoint = host.rstrip('/') + self.PATH

    def request(self, resource: str, client_id: str) -> TokenRequest:
        return _metadata_request(self.endpoint, '2018-02-01', resource, client_id, {'Metadata': 'true'})


class AppService(ManagedIdentityHost):
    """App Service, Functions and Automation."""

    def __init__(self, environment: Mapping[str, str]):
        self.endpoint = environment['IDENTITY_ENDPOINT']
        self._header = environment['IDENTITY_HEADER']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        return _metadata_request(self.endpoint, '2019-08-01', resource, client_id, {'X-IDENTITY-HEADER': self._header})


class AzureArc(ManagedIdentityHost):
    """A machine connected by Azure Arc. It proves that it may read a file which only root and its agent's group can read."""

    KEY_FOLDER = '/var/opt/azcmagent/tokens'
    LARGEST_KEY = 4096  # bytes

    def __init__(self, environment: Mapping[str, str]):
        self.endpoint = environment['IDENTITY_ENDPOINT']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        if client_id:
            raise CredentialError(
                'An Azure Arc machine has no user-assigned managed identity.', 'Leave Azure Managed Identities Client ID empty.'
            )
        return _metadata_request(self.endpoint, '2020-06-01', resource, '', {'Metadata': 'true'})

    def answer_challenge(self, request: TokenRequest, transport: TokenTransport) -> TokenRequest:
        response = transport.send(request)
        challenge = re.match(r'Basic realm="?([^"]+)', response.headers.get('WWW-Authenticate', ''))
        if response.status_code != 401 or not challenge:
            transport.read(request, response)
            raise unusable_answer(request, 'a token in place of a challenge')
        with_proof = copy.copy(request)
        with_proof.headers = {**request.headers, 'Authorization': f'Basic {self._key(challenge.group(1))}'}
        return with_proof

    def _key(self, path: str) -> str:
        # The path comes over plain http: whoever answers there must not make the integration read any other file.
        if os.path.dirname(os.path.realpath(path)) != os.path.realpath(self.KEY_FOLDER) or not path.endswith('.key'):
            raise SignInRefusedError(
                'The Azure Arc agent named a key file outside of its own folder.', 'Check the agent of this machine.'
            )
        try:
            with open(path, 'rb') as file:
                key = file.read(self.LARGEST_KEY + 1)
        except OSError:
            raise SignInRefusedError(
                'The key file of the Azure Arc agent cannot be read.',
                "Add the integration's user to the group himds on this machine.",
            ) from None
        if len(key) > self.LARGEST_KEY:
            raise SignInRefusedError('The key file of the Azure Arc agent is too large.', 'Check the agent of this machine.')
        return key.decode('ascii', 'replace').strip()


def _managed_identity_host(environment: Mapping[str, str]) -> ManagedIdentityHost:
    if environment.get('IDENTITY_ENDPOINT') and environment.get('IDENTITY_HEADER'):
        return AppService(environment)
    if environment.get('IDENTITY_ENDPOINT') and environment.get('IMDS_ENDPOINT'):
        return AzureArc(environment)
    return VirtualMachine(environment)


def _metadata_request(endpoint: str, version: str, resource: str, client_id: str, headers: dict[str, str]) -> TokenRequest:
    params = {'api-version': version, 'resource': resource, 'client_id': client_id}
    return TokenRequest(
        'GET',
        endpoint,
        {name: value for name, value in params.items() if value},
        headers=headers,
        retry=MANAGED_IDENTITY_RETRIES,
        connect_timeout=_CONNECT_TIMEOUT_IMDS,
        through_proxy=False,
        unreachable_advice=_NOT_ON_AZURE,
        refusal_advice=_NO_IDENTITY,
    )


# endregion
