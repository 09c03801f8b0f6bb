"""Authenticate with Microsoft: one class per authentication method, and the factory that chooses it."""

import base64
import hashlib
import json
import os
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import requests
from MicrosoftTokenRequestApiModule import *

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from MicrosoftCoreApiModule import (
        ASCII_HYPHENS,
        CredentialError,
        GUID_PATTERN,
        JsonObject,
        SHARED_TENANTS,
        SystemClock,
        clean_guid,
        clean_id,
        clean_text,
        clean_value,
        is_guid,
        is_public_id,
        without_empty,
    )
    from MicrosoftHttpApiModule import RetryPolicy, require_https
    from MicrosoftTokenRequestApiModule import (
        AccessToken,
        IF_BLOCKED,
        SignInRefusedError,
        SignInRequiredError,
        StrMapping,
        TRY_LATER,
        TokenClient,
        TokenRequest,
        TokenResponse,
        TokenTarget,
        parse_oauth_error,
        unusable_response,
    )

# region pasted values

_PEM_BLOCK = r'(?s)-----BEGIN ([A-Z0-9 ]{1,64})-----((?:(?!-----).)*)-----END \1-----'


def _is_id(text: str) -> bool:
    return is_guid(text) or (len(text) < 30 and text.count('-') < 4 and bool(re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]*', text)))


def clean_tenant(value: str) -> str:
    """Return the ID or the domain name of a tenant, which may be in a URL. Raise CredentialError if there is none."""
    text = clean_guid(value)
    if not text:
        raise CredentialError(
            'Token (tenant ID) is missing.', 'Copy the Directory (tenant) ID from the app registration into Token.'
        )
    if '://' in text:
        path = text.split('://', 1)[1].partition('/')[2]
        guid = re.search(GUID_PATTERN, path)
        text = guid.group() if guid else re.split(r'[/?#]', path)[0]
    text = text.strip('/').lower()
    if not (is_public_id(text) or _is_id(text)):
        raise CredentialError('Token is not a tenant ID.', 'Enter the Directory (tenant) ID, or a domain name of the tenant.')
    return text


def clean_client_id(value: str) -> str:
    """Return a client ID. Raise CredentialError if it is missing, or is something else."""
    text = clean_guid(value)
    if not text:
        raise CredentialError('ID (client ID) is missing.', 'Copy the Application (client) ID from the app registration into ID.')
    if '@' in text:
        raise CredentialError(
            'ID is that of the Cortex XSOAR application, not a client ID.',
            "Enter the Application (client) ID, or clear 'Use a self-deployed Azure application'.",
        )
    if not _is_id(text):
        raise CredentialError('ID is not a client ID.', 'Enter the Application (client) ID of the app registration in ID.')
    return text


def clean_managed_identity_id(value: str, allows_name: bool = False) -> str:
    """Return a client ID, which may be empty. Raise CredentialError if it is something else, such as a resource ID.

    Args:
        allows_name: accept any short name as well.
    """
    text = clean_guid(value)
    if text and not (is_guid(text) or (allows_name and _is_id(text))):
        raise CredentialError(
            'Azure Managed Identities Client ID is not a client ID.',
            'Enter the client ID of the user-assigned identity, not its resource ID or name.',
        )
    return text


def clean_client_secret(value: str) -> str:
    text = clean_text(value, 'Key (client secret)')
    if not text:
        raise CredentialError('Key (client secret) is missing.', 'Enter the client secret, or a certificate and its private key.')
    return text


def clean_thumbprint(value: str) -> str:
    """Return the digits of a thumbprint in upper case: 40 (SHA-1) or 64 (SHA-256). Raise CredentialError for something else."""
    digits = re.sub(r'(?i)^(?:SHA-?\d+ )?(?:Finger|Thumb)print\s*[=:]|[\s:-]', '', clean_id(value)).upper()
    if not re.fullmatch(r'[0-9A-F]{40}|[0-9A-F]{64}', digits):
        raise CredentialError(
            'The certificate thumbprint is not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.',
            'Copy the thumbprint from Certificates & secrets of the app registration.',
        )
    return digits


def clean_pem(value: str) -> list[tuple[str, str]]:
    """Return the PEM blocks of `value` with their labels, such as ``PRIVATE KEY``, in their order.

    The label of an encrypted private key is always ``ENCRYPTED PRIVATE KEY``, as it is in PKCS#8, but not in PKCS#1.
    Text boxes and vaults replace line breaks by spaces or by the two characters ``\\n``.
    """
    text = clean_value(str(value or '').replace('\\r', '').replace('\\n', '\n')).translate(ASCII_HYPHENS)
    blocks = []
    for label, body in re.findall(_PEM_BLOCK, text):
        label, headers = label.replace('X509 CERTIFICATE', 'CERTIFICATE'), ''
        if encryption := re.search(r'(?s)(Proc-Type: 4,ENCRYPTED)\s+(DEK-Info: \S+)(.*)', body):
            headers, body = f'{encryption[1]}\n{encryption[2]}\n\n', encryption[3]
        lines = '\n'.join(re.findall('.{1,64}', re.sub(r'\s', '', body)))
        block = f'-----BEGIN {label}-----\n{headers}{lines}\n-----END {label}-----\n'
        blocks.append(('ENCRYPTED PRIVATE KEY' if headers else label, block))
    return blocks


def clean_private_keys(blocks: list[tuple[str, str]], passphrase: str = '') -> list[str]:
    """Return the private keys among PEM blocks. Raise CredentialError if there is none, or only encrypted ones.

    Args:
        passphrase: decrypts keys. Without it, those that are encrypted cannot be used.
    """
    keys = {block: label for label, block in blocks if label.endswith('PRIVATE KEY') and 'ENCRYPTED' not in label}
    pem = [block for block, label in keys.items() if 'OPENSSH' not in label]
    if pem:
        return pem
    if keys:
        raise CredentialError(
            'The private key is in the format of OpenSSH.',
            'Convert it with ssh-keygen -p -m PEM -N "" -f key.pem, and paste the result.',
        )
    encrypted = [block for label, block in blocks if 'ENCRYPTED' in label]
    if encrypted and passphrase:
        return encrypted
    if encrypted:
        raise CredentialError(
            'The private key is encrypted.', 'Decrypt it with openssl pkey -in key.pem -out plain.pem, and paste the result.'
        )
    raise CredentialError(
        'The private key is missing, or is not in PEM format.',
        "Paste the whole key, from '-----BEGIN PRIVATE KEY-----' to '-----END PRIVATE KEY-----'.",
    )


# endregion

# region authorization response


class AuthorizationResponse(NamedTuple):
    """The authorization code, and the state of its sign-in, which may be empty."""

    code: str
    state: str = ''

    def __repr__(self) -> str:
        return '<AuthorizationResponse>'


def parse_authorization_response(value: str) -> AuthorizationResponse:
    """Return the code from what was pasted: the code, URL-encoded or with ``&session_state=...``, or the whole redirect URL.

    The URL may be in brackets or in a Markdown link, and encoded for HTML, for JSON or for another URL.

    Raises:
        CredentialError: it contains no code.
        SignInRequiredError: the redirect URL says that the sign-in failed.
    """
    text = re.sub(r'\s', '', clean_value(value)).replace('&amp;', '&').replace('\\u0026', '&')
    for _ in range(3):
        if re.match(r'(?i)\W*(?:https?|code|error|state|session_state)%(?:25)*3[ad]', text):
            text = unquote(text)
    enclosed = re.findall(r'[<({\[]["\']?(https?:[^>\])}"\']*)', text)
    text = clean_text(enclosed[-1] if enclosed else text, 'The authorization code')
    is_code = '://' not in text and not re.search(r'(?:^|[?#&])(?:code|error)=', text)
    query = f'code={text}' if is_code else re.split(r'[?#]', text, maxsplit=1)[-1]
    fields = dict(reversed(parse_qsl(query.replace('#', '&'))))
    code = clean_text(clean_id(fields.get('code', '').replace(' ', '+')), 'The authorization code')
    if not code and fields.get('url', '').startswith('http'):  # a link that a mail filter has wrapped
        return parse_authorization_response(fields['url'])
    if fields.get('error'):
        refusal = parse_oauth_error(fields)
        if isinstance(refusal, SignInRequiredError):
            raise refusal
        raise SignInRequiredError(refusal.what, refusal.advice, refusal.code, refusal.correlation_id)
    if not code and is_code:
        raise CredentialError('The authorization code is missing.', 'Paste the full address of the page after the sign-in.')
    if not code:
        raise CredentialError(
            'The pasted URL contains no code.', "Copy the full address of the page after the sign-in. It contains 'code='."
        )
    return AuthorizationResponse(code, fields.get('state', ''))


# endregion

# region credentials


class AuthenticationMethod:
    MANAGED_IDENTITY = 'managed_identity'
    CORTEX_APP = 'cortex_app'
    CLIENT_CREDENTIALS = 'client_credentials'
    AUTHORIZATION_CODE = 'authorization_code'
    DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'


class PendingSignIn(NamedTuple):
    """A sign-in that a user has started: with an authorization code (`state`, `code_verifier`) or a device code.

    Args:
        interval: seconds between two requests with the device code.
        claims: JSON of the claims challenge that it meets, empty if none.
    """

    state: str = ''
    code_verifier: str = ''
    device_code: str = ''
    interval: float = 5.0
    claims: str = ''

    def target_of(self, target: TokenTarget) -> TokenTarget:
        return target._replace(claims=target.claims or self.claims)

    def __repr__(self) -> str:
        return '<PendingSignIn>'


class CachedSession(NamedTuple):
    """What a token of a user can be requested with: a refresh token, or a pending sign-in.

    Args:
        refresh_token: empty if there is none.
        is_code_redeemed: the code in the settings was used.
        tenants: ID and names of the tenant, if the settings name another one that may be the same.
        is_from_public_module: the public module, or an integration written for it, has written the refresh token.
        public_refresh_token, public_access_tokens: digests of what these had written when ours was cached.
        client_id: the client that requested the tokens, empty if they do not name it.
        works_once: the refresh token is a Token of the Cortex XSOAR application.
    """

    refresh_token: str = ''
    pending: PendingSignIn = PendingSignIn()
    is_code_redeemed: bool = False
    tenants: tuple[str, ...] = ()
    is_from_public_module: bool = False
    public_refresh_token: str = ''
    public_access_tokens: str = ''
    client_id: str = ''
    works_once: bool = False

    def __repr__(self) -> str:
        return '<CachedSession>'


class Credential:
    """An authentication method with its values. The constructor raises CredentialError for values that cannot be right.

    Attributes:
        method_name, description: names of the method, for code and for users.
        needs_user: a user has to sign in.
        application: digest of the values. For a user they are cloud and client. It excludes the client secret or certificate, so
            that rotating it keeps the session. A pending sign-in is cached under it.
        identity: digest that includes `pasted`. Tokens are cached under it.
        settings: digest of all values of an app registration.
        pasted: what one user pasted (code, Token), empty if nothing.
        tenant_id: ID or name of the tenant of a user, empty if there is none.
        is_single_use: each request uses up a Token, and the response contains the next one. A valid token is then never refreshed
            early: an early refresh is abandoned after MAX_REFRESH_SECONDS, and the next Token would be lost.
        max_request_seconds: seconds that a token request may take, with all retries.
        read_timeout: seconds that the service may take to respond, 0 for the default.
    """

    method_name = ''
    description = ''
    needs_user = False
    max_request_seconds = 60.0
    read_timeout = 0.0
    tenant_id = identity = settings = ''
    is_single_use = False

    def __init__(self, *application: str, pasted: str = ''):
        self.pasted = pasted
        self.application = _digest(self.method_name, *application)
        self.identity = _digest(self.application, pasted)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self.identity[:8]}>'

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        """Return the request for a token. Raise SignInRequiredError if a user has to sign in first."""
        raise NotImplementedError

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        return token_client.request_token(self.token_request(target, session))

    def matches_claims(self, claims: JsonObject) -> bool:
        """Return False if the claims of an access token show that it was requested with other values, or another method.

        There are none if the token cannot be read.
        Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
        """
        return True


def client_of(claims: JsonObject) -> str:
    """Return the ID of the client that requested an access token, empty if its claims do not name it."""
    return str(claims.get('appid') or claims.get('azp') or '')  # of the v1 and the v2 endpoint


def _client_authentication_of(claims: JsonObject) -> str:
    """Return how that client authenticated: ``0`` not at all, ``1`` with a secret, ``2`` with a certificate; empty if unknown."""
    return str(claims.get('appidacr') or claims.get('azpacr') or '')


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class EntraCredential(Credential):
    """An app registration of Microsoft Entra ID. This class is a public client. Subclasses add client authentication.

    Args:
        authority: login host of the cloud, e.g. ``https://login.microsoftonline.com``.
        token_url: token endpoint, by default the v2 endpoint of authority and tenant.
        secret: what the client authenticates with.
    """

    method_name = 'public-client'
    is_confidential = False
    advice_by_code: StrMapping = {}

    def __init__(self, authority: str, tenant_id: str, client_id: str, token_url: str = '', secret: str = ''):
        self.authority = require_https(authority, 'The Azure AD endpoint')
        self.tenant_id = clean_tenant(tenant_id)
        self.client_id = clean_client_id(client_id)
        self.token_url = require_https(token_url or self.endpoint('token'), 'The token URL')
        self.is_v1 = '/v2.0/' not in self.token_url
        self.registration = (self.authority, urlsplit(self.token_url).netloc, self.client_id)
        all_values = *self.registration, self.tenant_id, self.token_url, secret
        self.settings = _digest(*all_values)
        super().__init__(*(self.registration if self.needs_user else all_values))

    def endpoint(self, name: str) -> str:
        return f'{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/{name}'

    def client_authentication(self) -> StrMapping:
        return {}

    def post(self, target: TokenTarget, grant_type: str, **fields: str) -> TokenRequest:
        """Return a request to the token endpoint with the fields of a grant. Those of users request a refresh token as well."""
        is_of_user = grant_type != AuthenticationMethod.CLIENT_CREDENTIALS
        scope = with_offline_access(target.as_scope) if is_of_user else target.as_scope
        form = {
            'grant_type': grant_type,
            **fields,
            'client_id': self.client_id,
            **self.client_authentication(),
            **({'resource': target.as_resource} if self.is_v1 else {'scope': scope}),
            'claims': target.claims,
        }
        return TokenRequest(
            'POST',
            self.token_url,
            form=without_empty(form),
            advice_by_code=self.advice_by_code,
            rebuild=lambda: self.post(target, grant_type, **fields),
        )

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if self.tenant_id in SHARED_TENANTS:
            raise CredentialError(
                f"Token is '{self.tenant_id}', which is not a particular tenant.",
                'Enter the Directory (tenant) ID of your tenant in Token.',
            )
        return self.post(target, AuthenticationMethod.CLIENT_CREDENTIALS)

    def refresh_request(self, target: TokenTarget, refresh_token: str, **fields: str) -> TokenRequest:
        return self.post(target, 'refresh_token', refresh_token=refresh_token, **fields)

    def matches_claims(self, claims: JsonObject) -> bool:
        tenant = self.tenant_id if is_guid(self.tenant_id) else claims.get('tid')
        is_of_client = client_of(claims) in ('', self.client_id) and claims.get('tid', tenant) == tenant
        authentication = _client_authentication_of(claims)
        return is_of_client and (not authentication or (authentication != '0') == self.is_confidential)


def _client_assertion(assertion: str) -> StrMapping:
    assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    return {'client_assertion_type': assertion_type, 'client_assertion': assertion}


def with_offline_access(scope: str) -> str:
    return scope if 'offline_access' in scope.split() else f'{scope} offline_access'.strip()


_LOOKS_LIKE_AN_ID = (
    "Key looks like the ID of the client secret. Paste the secret's Value. If it is no longer shown, create a new secret."
)


class ClientSecretCredential(EntraCredential):
    """An application that authenticates with a client secret.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    method_name = 'client-secret'
    is_confidential = True
    description = 'Self-deployed application, client secret'

    def __init__(self, authority: str, tenant_id: str, client_id: str, client_secret: str, token_url: str = ''):
        self._client_secret = clean_client_secret(client_secret)
        super().__init__(authority, tenant_id, client_id, token_url, self._client_secret)
        if is_guid(self._client_secret):
            self.advice_by_code = {'AADSTS7000215': _LOOKS_LIKE_AN_ID}

    def client_authentication(self) -> StrMapping:
        return {'client_secret': self._client_secret}


class CertificateCredential(EntraCredential):
    """An application that authenticates with a certificate.

    With the certificate, or its SHA-256 thumbprint, assertions are signed with PS256 and name it by ``x5t#S256``. With its
    SHA-1 thumbprint they are signed with RS256 and name it by ``x5t``.

    Args:
        private_key: PEM, PKCS#8 or PKCS#1; may contain the certificate as well.
        thumbprint: hexadecimal SHA-1 or SHA-256, or the certificate in PEM.
        passphrase: that of an encrypted private key, else empty.
    Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
    """

    method_name = 'certificate'
    is_confidential = True
    description = 'Self-deployed application, certificate'
    ASSERTION_LIFETIME = 600  # seconds

    def __init__(
        self,
        authority: str,
        tenant_id: str,
        client_id: str,
        private_key: str,
        thumbprint: str = '',
        token_url: str = '',
        passphrase: str = '',
    ):
        blocks, other_blocks = clean_pem(private_key), clean_pem(thumbprint)
        if not blocks and re.fullmatch(r'MI[\w+/=\s]{100,}', clean_value(private_key)):
            raise CredentialError(
                'The private key is a PFX file, or its first and last line are missing.',
                'Paste it in PEM format. To convert a PFX file, run openssl pkcs12 -in file.pfx -nodes -out key.pem.',
            )
        self._private_keys, self._passphrase = clean_private_keys(blocks, passphrase), passphrase
        self._certificates = [block for label, block in (*blocks, *other_blocks) if label == 'CERTIFICATE']
        self.thumbprint = '' if other_blocks or not clean_value(thumbprint) else clean_thumbprint(thumbprint)
        if not (self._certificates or self.thumbprint):
            raise CredentialError(
                'The certificate thumbprint is missing.', 'Enter the thumbprint, or the certificate in PEM format.'
            )
        proof = ''.join((*self._private_keys, *self._certificates, self.thumbprint))
        super().__init__(authority, tenant_id, client_id, token_url, proof)

    def client_authentication(self) -> StrMapping:
        return _client_assertion(self.assertion(SystemClock().now()))

    def assertion(self, now: float) -> str:
        """Return a signed assertion with an ID of its own, since the service may reject one that it has seen."""
        import uuid  # these are slow to import, and a warm command does not need them

        import jwt

        key, digest = self._key_and_digest()
        algorithm, name = ('PS256', 'x5t#S256') if len(digest) == 32 else ('RS256', 'x5t')
        claims = {
            'aud': self.token_url,
            'iss': self.client_id,
            'sub': self.client_id,
            'jti': str(uuid.uuid4()),
            'iat': int(now),
            'nbf': int(now),
            'exp': int(now) + self.ASSERTION_LIFETIME,
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers={name: _base64url(digest)})

    def _key_and_digest(self) -> tuple[Any, bytes]:
        """Return the private key and the digest of its certificate. Raise CredentialError if none belong together."""
        keys = _load_private_keys(self._private_keys, self._passphrase)
        if not self._certificates:
            return keys[0], bytes.fromhex(self.thumbprint)
        from cryptography.hazmat.primitives.serialization import Encoding

        certificates = [certificate for certificate in map(_load_certificate, self._certificates) if certificate]
        pairs = [(key, each) for each in certificates for key in keys if each.public_key() == key.public_key()]
        for key, certificate in pairs:
            content = certificate.public_bytes(Encoding.DER)
            sha1, sha256 = hashlib.sha1(content, usedforsecurity=False), hashlib.sha256(content)
            if self.thumbprint.lower() in ('', sha1.hexdigest(), sha256.hexdigest()):
                return key, sha256.digest()
        if pairs:
            raise CredentialError(
                'The thumbprint does not belong to the certificate.', 'Clear it, or paste the thumbprint of this certificate.'
            )
        if len(certificates) < len(self._certificates):
            raise CredentialError('The certificate cannot be read.', 'Paste the whole certificate in PEM format.')
        raise CredentialError(
            'The private key does not belong to the certificate.', 'Paste a key and a certificate that belong together.'
        )


def _load_private_keys(blocks: list[str], passphrase: str) -> list[Any]:
    """Return the RSA keys among PEM blocks. Raise the CredentialError of the first block if there is none."""
    keys, errors = [], []
    for block in blocks:
        try:
            keys.append(_load_private_key(block, passphrase if 'ENCRYPTED' in block else ''))
        except CredentialError as error:
            errors.append(error)
    if not keys:
        raise errors[0]
    return keys


def _load_private_key(pem: str, passphrase: str = '') -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # Checking the primes takes 35 of 36 ms, and the service rejects a wrong key anyway.
        key = load_pem_private_key(pem.encode(), passphrase.encode() or None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, UnsupportedAlgorithm):
        if passphrase:
            raise CredentialError(
                'The private key cannot be decrypted with its passphrase.', 'Correct the passphrase in the credentials.'
            ) from None
        raise CredentialError('The private key cannot be read.', 'Paste the whole key in PEM format.') from None
    if not isinstance(key, RSAPrivateKey):
        raise CredentialError('The private key is not an RSA key.', 'Upload an RSA certificate to the app registration.')
    return key


def _load_certificate(pem: str) -> Any:
    """Return a certificate, None if it or its key cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import load_pem_x509_certificate

    with suppress(ValueError, UnsupportedAlgorithm):
        certificate = load_pem_x509_certificate(pem.encode())
        certificate.public_key()
        return certificate
    return None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class AuthorizationCodeCredential(Credential):
    """A user who signs in once in a browser. Tokens are then requested with the refresh token.

    Args:
        client: the app registration, with a client secret, a certificate, or neither.
        code: the authorization code or the redirect URL in the settings, as pasted; may be empty.
    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    """

    method_name = 'authorization-code'
    description = 'Self-deployed application, authorization code'
    needs_user = True
    REFRESH_TOKEN_PREFIX = 'refresh_token:'  # noqa: S105 - integrations accept a refresh token with this prefix as code

    def __init__(self, client: EntraCredential, redirect_uri: str, code: str = ''):
        self.client = client
        self.redirect_uri = clean_text(clean_id(redirect_uri), 'The application redirect URI')
        if not self.redirect_uri:
            raise CredentialError('The application redirect URI is missing.', 'Enter the redirect URI of the app registration.')
        super().__init__(*client.registration, pasted=clean_value(code))
        self.tenant_id, self.settings = client.tenant_id, client.settings

    def check_redirect_uri(self) -> None:
        if not re.match(r'(?i)[a-z][a-z0-9+.-]*:', self.redirect_uri):
            raise CredentialError(
                'The application redirect URI is not a full address.', 'Enter it as in the app registration, with https://.'
            )

    def authorize_url(self, target: TokenTarget, state: str, code_verifier: str, login_hint: str = '') -> str:
        """Return the address at which the user signs in. The user selects the account; an address in `login_hint` suggests it."""
        self.check_redirect_uri()
        parameters = {
            'client_id': self.client.client_id,
            'response_type': 'code',
            'redirect_uri': self.redirect_uri,
            'scope': with_offline_access(target.as_scope),
            'state': state,
            'code_challenge': _base64url(hashlib.sha256(code_verifier.encode()).digest()),
            'code_challenge_method': 'S256',
            'prompt': 'select_account',
            'claims': target.claims,
            'login_hint': login_hint if '@' in login_hint else '',  # not an object ID
        }
        return f'{self.client.endpoint("authorize")}?{urlencode(without_empty(parameters), quote_via=quote)}'

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        refresh_token = session.refresh_token
        if not refresh_token and self.pasted.startswith(self.REFRESH_TOKEN_PREFIX):
            refresh_token = self.pasted.removeprefix(self.REFRESH_TOKEN_PREFIX)
        if refresh_token:
            redirect_uri = self.redirect_uri if self.client.is_v1 else ''
            return self.client.refresh_request(target, refresh_token, redirect_uri=redirect_uri)
        if not self.pasted or session.is_code_redeemed:
            raise no_session()
        return self.redeem_request(target, self.pasted, session.pending)

    def redeem_request(self, target: TokenTarget, pasted: str, pending: PendingSignIn) -> TokenRequest:
        """Return the request that exchanges an authorization code for tokens.

        Args:
            pasted: the redirect URL, or the code alone.
            pending: the sign-in that was started; empty if it was started elsewhere, without PKCE.
        Raises:
            CredentialError: `pasted` does not say to which sign-in it belongs.
            SignInRequiredError: `pasted` belongs to another sign-in, possibly of another user.
        """
        response = parse_authorization_response(pasted)
        if pending.state and not response.state:
            raise CredentialError(
                'The code was pasted without the address that contained it, so it may belong to another sign-in.',
                'Paste the full address of the page after the sign-in.',
            )
        if pending.state and response.state != pending.state:
            raise SignInRequiredError(
                'The pasted URL belongs to another sign-in than the one started last.',
                'Start the sign-in again, and paste the URL that it ends on.',
            )
        return self.client.post(
            pending.target_of(target),
            AuthenticationMethod.AUTHORIZATION_CODE,
            code=response.code,
            redirect_uri=self.redirect_uri,
            code_verifier=pending.code_verifier,
        )

    def matches_claims(self, claims: JsonObject) -> bool:
        return self.client.matches_claims(claims)


class DeviceCodeCredential(EntraCredential):
    """A user who enters a code in a browser on any device. Tokens are then requested with the refresh token.

    The app registration must allow public client flows; there is no secret.

    Args:
        allows_empty_code: request a token even if no sign-in was started, as the public module does.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
    """

    method_name = 'device-code'
    description = 'Self-deployed application, device code'
    needs_user = True

    def __init__(self, authority: str, tenant_id: str, client_id: str, token_url: str = '', allows_empty_code: bool = False):
        super().__init__(authority, tenant_id, client_id, token_url)
        self._allows_empty_code = allows_empty_code

    def start_request(self, target: TokenTarget) -> TokenRequest:
        form = {'client_id': self.client_id, 'scope': with_offline_access(target.as_scope), 'claims': target.claims}
        return TokenRequest('POST', self.endpoint('devicecode'), form=without_empty(form))

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        if session.refresh_token:
            return self.refresh_request(target, session.refresh_token)
        code = session.pending.device_code
        if not code and not self._allows_empty_code:
            raise no_session(IF_BLOCKED)
        return self.post(session.pending.target_of(target), AuthenticationMethod.DEVICE_CODE, device_code=code)

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        try:
            return super().request_token(token_client, target, session)
        except SignInRefusedError:
            if session.refresh_token or session.pending.device_code:
                raise
            raise no_session(IF_BLOCKED) from None


def no_session(hint: str = '') -> SignInRequiredError:
    advice = f'Start the sign-in, then complete it. {hint}'.strip()
    return SignInRequiredError('No user has signed in with these settings.', advice)


def encrypt_for_token_service(token: str, key: str) -> str:
    """Return base64 of the nonce and the AES-256-GCM of ``<epoch seconds>:<token>``. Raise CredentialError for an invalid key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to import, and a warm command does not need it

    try:
        cipher = AESGCM(base64.b64decode(key, validate=True))
    except ValueError:
        raise CredentialError(
            'Key is not the Key of the Cortex XSOAR application.',
            "Paste the Key that the consent page shows, or select 'Use a self-deployed Azure application'.",
        ) from None
    nonce = os.urandom(12)
    return base64.b64encode(nonce + cipher.encrypt(nonce, f'{int(SystemClock().now())}:{token}'.encode(), None)).decode()


_HEADER_CHARACTERS = ''.join(map(chr, range(32, 127)))


class CortexAppCredential(Credential):
    """The Cortex XSOAR application, with the ID, Token and Key of its consent page.

    The token service responds to each request with a new refresh token, which replaces the Token.

    Args:
        app_name: name of the integration at the token service.
        registration_id: the ID; ``<id>@<https url>`` names another token service than the public one.
        key: the Key, base64 of an AES key.
        encrypt: encrypts the Token with the Key.
        info_headers: returns headers that describe the content pack and the server.
    """

    method_name = 'cortex-app'
    description = 'Cortex XSOAR application'
    max_request_seconds = 140.0
    is_single_use = True
    read_timeout = 90.0  # seconds; a response that is not read is lost, with the next Token in it
    TOKEN_SERVICE = 'https://oproxy.demisto.ninja/obtain-token'  # noqa: S105 - an address

    def __init__(
        self,
        app_name: str,
        registration_id: str,
        token: str,
        key: str,
        encrypt: Callable[[str, str], str] = encrypt_for_token_service,
        info_headers: Callable[[], StrMapping] = dict,
    ):
        self.app_name = app_name
        self.registration_id, _, service = clean_text(clean_id(registration_id), 'ID').partition('@')
        self.token_service = require_https(service or self.TOKEN_SERVICE, 'The token service in ID')
        token, self._key = clean_text(token, 'Token'), clean_text(''.join(str(key or '').split()), 'Key')
        for name, value in {'ID': self.registration_id, 'Token': token, 'Key': self._key}.items():
            if not value:
                raise CredentialError(
                    f'{name} is missing.', f'Paste the {name} that the consent page of the Cortex XSOAR application shows.'
                )
        self._encrypt = encrypt
        self._info_headers = info_headers
        super().__init__(app_name, self.registration_id, self.token_service, self._key, pasted=token)

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        token = session.refresh_token or self.pasted
        return TokenRequest(
            'POST',
            self.token_service,
            headers={name: quote(str(value), safe=_HEADER_CHARACTERS) for name, value in self._info_headers().items()},
            json_body={
                'app_name': self.app_name,
                'registration_id': self.registration_id,
                'encrypted_token': self._encrypt(token, self._key),
                'scope': target.scope or None,
                'resource': target.resource,
            },
            extra_secrets=(token, self._key),
            read_timeout=self.read_timeout,
            refusal_advice=(
                'Check that ID, Token and Key are of the same consent, and that the clock of the engine is right. '
                'If so, go through the consent page again.'
            ),
        )

    def check_without_token_use(self, token_client: TokenClient) -> None:
        """Check the Key, and that the token service responds, without using the Token. Raise MicrosoftSignInError."""
        self._encrypt(self.pasted, self._key)
        request = TokenRequest('GET', self.token_service)
        status = token_client.send(request).status_code
        if status >= 500:  # the service may know only POST
            raise unusable_response(request, f'HTTP status {status}')

    def matches_claims(self, claims: JsonObject) -> bool:
        # The token service has a secret or a certificate, and no managed identity. The settings do not name its client.
        return _client_authentication_of(claims) != '0' and 'xms_mirid' not in claims


# endregion

# region managed identity

# The service of the host restarts for up to 70 s (410) when identities change: seven waits take 76 to 127 s.
MANAGED_IDENTITY_RETRIES = RetryPolicy(
    {404: 4, 408: 4, 410: 7, 429: 4, **dict.fromkeys(range(500, 600), 4)},
    connection_retries=4,  # it starts seconds after the container
    first_wait=0.8,
    budget=130,
    deadline=130,
)
_METADATA_CONNECT_TIMEOUT = 2.0  # seconds
_CHALLENGE_SECONDS = 130.0  # for the Azure Arc challenges of a request, retries included
_MAX_FEDERATED_TOKEN = 64 * 1024  # characters
_MAX_AUTHORITIES = 1024 * 1024  # characters
_IDENTITY_ADVICE = (
    'Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID, which is not the object ID.'
)
_ISSUER_ADVICE = f'{TRY_LATER} If the error persists, check that the issuer URL of the cluster and its keys are public.'
# The times of the token are those of the cluster, not those of the engine.
_STALE_FILE_ADVICE = (
    'The cluster did not replace the federated token. Mount its folder, not the file alone, and restart the pod of the engine.'
)
_BINDING_ADVICE = 'Check the identity binding of the managed identity, and that the service account may use it.'
_PROXY_TLS_ADVICE = 'Check AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_SNI_NAME in the container of the integration.'
_HOST_ADVICE = (
    'Choose an engine on an Azure host with a managed identity. On App Service, pass the variables IDENTITY_ENDPOINT and '
    'IDENTITY_HEADER of the host to the container of the integration. On Azure Arc, give it the network of the host and '
    'the folder /var/opt/azcmagent/tokens.'
)
_NETWORK_ADVICE = 'Run the container of the integration in the network of the host. If the host has just started, wait a minute.'


class ManagedIdentityCredential(Credential):
    """The managed identity of the Azure host on which the integration runs.

    Args:
        client_id: of a user-assigned identity; empty for the system-assigned one.
        environment: environment variables, which identify the kind of host, as the key folder of Azure Arc does.
        allows_name: as in `clean_managed_identity_id`.
    Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """

    method_name = 'managed-identity'
    description = 'Azure managed identity'
    max_request_seconds = 160.0

    def __init__(self, client_id: str = '', environment: StrMapping = os.environ, allows_name: bool = False):
        self.client_id = clean_managed_identity_id(client_id, allows_name)
        hosts = AppService, AzureArc, WorkloadIdentity, VirtualMachine
        host = next(host for host in hosts if all(map(environment.get, host.variables)))
        has_pod_identity = bool(environment.get('AZURE_POD_IDENTITY_AUTHORITY_HOST'))
        if host is VirtualMachine and not has_pod_identity and os.path.isdir(AzureArc.KEY_FOLDER):
            # On Linux, the agent of Azure Arc sets no variables. MSAL looks for its program, which a container does not see.
            host, environment = AzureArc, {'IDENTITY_ENDPOINT': AzureArc.ENDPOINT}
        self._host: ManagedIdentityHost = host(environment)
        super().__init__(type(self._host).__name__, self._host.endpoint, self.client_id or self._host.client_id)

    def token_request(self, target: TokenTarget, session: CachedSession) -> TokenRequest:
        return self._host.request(target.as_resource, self.client_id)

    def request_token(self, token_client: TokenClient, target: TokenTarget, session: CachedSession) -> TokenResponse:
        response = token_client.request_token(self._host.authenticate(self.token_request(target, session), token_client))
        if self._host.echoes_client_id and self.client_id and response.client_id.lower() != self.client_id:
            raise SignInRefusedError(
                'The Azure Arc agent returned a token of another identity than Azure Managed Identities Client ID.',
                'Update the agent, or leave that field empty.',
            )
        return response

    def matches_claims(self, claims: JsonObject) -> bool:
        client_id, resource_id = self.client_id or self._host.client_id, str(claims.get('xms_mirid', '')).lower()
        if client_id:
            return client_of(claims) in ('', client_id)
        return not claims or ('/' in resource_id and '/userassignedidentities/' not in resource_id)


class ManagedIdentityHost:
    """A kind of Azure host, and how tokens are requested from its own service.

    Attributes:
        variables: the environment variables that such a host has.
        version: that of the service.
        no_response_advice: what to do if no response comes. Variables or a folder identify the other hosts, but any may be a VM.
        echoes_client_id: a response for a user-assigned identity names it. Without that name, it is for another identity.
    """

    variables: tuple[str, ...] = ()
    version = ''
    headers: StrMapping = {'Metadata': 'true'}
    no_response_advice = _NETWORK_ADVICE
    echoes_client_id = False
    advice_by_code: StrMapping = {}
    client_id = ''

    def __init__(self, environment: StrMapping):
        self.endpoint = environment['IDENTITY_ENDPOINT']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        return TokenRequest(
            'GET',
            self.endpoint,
            without_empty({'api-version': self.version, 'resource': resource, 'client_id': client_id}),
            headers=self.headers,
            retry_policy=MANAGED_IDENTITY_RETRIES,
            connect_timeout=_METADATA_CONNECT_TIMEOUT,
            is_host_service=True,
            refusal_advice=_IDENTITY_ADVICE,
            no_response_advice=self.no_response_advice,
            advice_by_code=self.advice_by_code,
        )

    def authenticate(self, request: TokenRequest, _token_client: TokenClient) -> TokenRequest:
        """Return the request with what the host asks for as authentication. Most hosts ask for nothing."""
        return request


class VirtualMachine(ManagedIdentityHost):
    """A virtual machine or scale set, with the instance metadata service (IMDS)."""

    version = '2018-02-01'
    no_response_advice = _HOST_ADVICE
    advice_by_code = dict.fromkeys(
        ('403', '421'),  # without a body, from the agent that this protocol puts before the service
        f'{_IDENTITY_ADVICE} If its Metadata Security Protocol is on, allow the containers of the engine in the rules.',
    )

    def __init__(self, environment: StrMapping):
        host = environment.get('AZURE_POD_IDENTITY_AUTHORITY_HOST') or 'http://169.254.169.254'
        self.endpoint = f'{host.rstrip("/")}/metadata/identity/oauth2/token'


class AppService(ManagedIdentityHost):
    """App Service, Functions and Automation."""

    variables = 'IDENTITY_ENDPOINT', 'IDENTITY_HEADER'
    version = '2019-08-01'

    def __init__(self, environment: StrMapping):
        if environment.get('IDENTITY_SERVER_THUMBPRINT'):  # its service has a certificate of its own
            raise CredentialError(
                'A managed identity of Service Fabric is not supported.',
                'Use an application, or an engine on another Azure host.',
            )
        super().__init__(environment)
        self.headers = {**self.headers, 'X-IDENTITY-HEADER': environment['IDENTITY_HEADER']}  # Automation wants both


class AzureArc(ManagedIdentityHost):
    """A machine connected by Azure Arc. It authenticates with a key file that only root and the agent's group can read."""

    variables = 'IDENTITY_ENDPOINT', 'IMDS_ENDPOINT'
    version = '2020-06-01'
    ENDPOINT = 'http://localhost:40342/metadata/identity/oauth2/token'  # without variables
    KEY_FOLDER = '/var/opt/azcmagent/tokens'
    MAX_KEY_SIZE = 4096  # bytes
    echoes_client_id = True  # An old agent ignores the ID and responds as the system-assigned identity.

    def authenticate(self, request: TokenRequest, token_client: TokenClient) -> TokenRequest:
        response = token_client.send(request)
        challenge = re.match(r'Basic realm="?([^"]+)', response.headers.get('WWW-Authenticate', ''))
        if response.status_code != 401 or not challenge:
            token_client.read_json(request, response)
            raise unusable_response(request, 'a token in place of a challenge')
        headers = {**request.headers, 'Authorization': f'Basic {self._read_key(challenge[1])}'}
        once = token_client.without_retries(_CHALLENGE_SECONDS)  # a challenge can be answered once
        return request._replace(
            headers=headers,
            no_response_advice=_IDENTITY_ADVICE,  # the agent has responded already
            rebuild=lambda: self.authenticate(request, once),
        )

    def _read_key(self, path: str) -> str:
        # The path comes over plain http: another service at this address must not make the integration read other files.
        folder = '' if '\0' in path else os.path.dirname(os.path.realpath(path))
        if folder != os.path.realpath(self.KEY_FOLDER) or not path.endswith('.key'):
            raise SignInRefusedError(
                'The Azure Arc agent named a key file outside of its own folder.', 'Check the agent of this machine.'
            )
        key = _start_of_file(path, self.MAX_KEY_SIZE + 1, 'Add this user to the group himds on this machine.')
        if not key:
            raise SignInRefusedError(
                'The key file of the Azure Arc agent cannot be read.',
                'Mount the folder /var/opt/azcmagent/tokens of the host into the container of the integration.',
            )
        if len(key) > self.MAX_KEY_SIZE:
            raise SignInRefusedError('The key file of the Azure Arc agent is too large.', 'Check the agent of this machine.')
        return key.strip()


def _start_of_file(path: str, size: int, advice: str = 'Allow this user to read the file.') -> str:
    """Return the first characters of a file, none if there is no such file. Raise SignInRefusedError if it may not be read."""
    try:
        with open(path, encoding='ascii', errors='replace') as file:
            return file.read(size)
    except PermissionError:
        raise SignInRefusedError(f'The user that runs the integration has no permission to read {path}.', advice) from None
    except OSError:
        return ''


class _TokenProxyAdapter(requests.adapters.HTTPAdapter):
    """Connect to a server whose certificate has another name than its address, and is always verified.

    Args:
        name: that of the certificate, empty for that of the address.
        tls: has the only certificate authorities that are trusted.
    """

    def __init__(self, name: str, tls: ssl.SSLContext):
        self._tls: dict[str, Any] = {'server_hostname': name or None, 'ssl_context': tls}
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **more, **self._tls)

    def cert_verify(self, conn: Any, *_args: Any) -> None:
        conn.cert_reqs = 'CERT_REQUIRED'  # and no other authorities than those of the context


class WorkloadIdentity(ManagedIdentityHost):
    """A pod of a Kubernetes cluster (AKS). Its federated token, which the cluster replaces every hour, is the client assertion.

    With an identity binding, a proxy of the cluster takes the token request in place of Entra.
    Sources: https://learn.microsoft.com/azure/aks/workload-identity-overview,
    https://learn.microsoft.com/azure/aks/identity-bindings-concepts
    """

    variables = ('AZURE_FEDERATED_TOKEN_FILE',)

    def __init__(self, environment: StrMapping):
        authority = environment.get('AZURE_AUTHORITY_HOST') or 'https://login.microsoftonline.com'
        self._environment = environment
        tenant = self._id('AZURE_TENANT_ID', clean_tenant, 'tenant-id')
        proxy = environment.get('AZURE_KUBERNETES_TOKEN_PROXY', '')
        self._has_proxy = bool(proxy)
        base = require_https(proxy or authority, 'AZURE_KUBERNETES_TOKEN_PROXY' if proxy else 'AZURE_AUTHORITY_HOST')
        self.endpoint = f'{base}/{quote(tenant)}/oauth2/v2.0/token'
        self.client_id = environment.get('AZURE_CLIENT_ID', '')
        self._token_file = environment['AZURE_FEDERATED_TOKEN_FILE']

    def request(self, resource: str, client_id: str) -> TokenRequest:
        annotation = 'client-id, or enter Azure Managed Identities Client ID'
        form = {
            'grant_type': AuthenticationMethod.CLIENT_CREDENTIALS,
            'client_id': client_id or self._id('AZURE_CLIENT_ID', clean_managed_identity_id, annotation),
            **_client_assertion(self._read_token()),
            'scope': TokenTarget(resource=resource).as_scope,
        }
        request = TokenRequest(
            'POST',
            self.endpoint,
            form=form,
            rebuild=lambda: self.request(resource, client_id),
            transient_numbers=('70021', '50166', '90061'),
            refusal_advice='Check the federated credential of the managed identity or application, and its client ID.',
            advice_by_code={
                'AADSTS50166': _ISSUER_ADVICE,
                'AADSTS90061': _ISSUER_ADVICE,
                'AADSTS700024': _STALE_FILE_ADVICE,
            },
        )
        return self._through_proxy(request) if self._has_proxy else request

    def _through_proxy(self, request: TokenRequest) -> TokenRequest:
        """Return a token request as the proxy of the cluster takes it. Raise CredentialError if it cannot be verified."""
        return request._replace(
            is_host_service=True,
            refusal_advice=_BINDING_ADVICE,
            advice_by_code={
                'AADSTS700024': _STALE_FILE_ADVICE,
                **dict.fromkeys(('AADSTS700211', 'AADSTS700212', 'AADSTS700213'), _BINDING_ADVICE),
                **dict.fromkeys(('untrusted_certificate', 'no_tls'), _PROXY_TLS_ADVICE),
            },
            adapter=_TokenProxyAdapter(self._environment.get('AZURE_KUBERNETES_SNI_NAME', ''), self._proxy_tls()),
        )

    def _proxy_tls(self) -> ssl.SSLContext:
        """Return what the token proxy is verified with. Raise CredentialError if its certificates cannot be read."""
        file, data = (self._environment.get(f'AZURE_KUBERNETES_CA_{name}', '') for name in ('FILE', 'DATA'))
        if file and data:
            raise CredentialError('AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA cannot be combined.', 'Set one of them.')
        authorities = _start_of_file(file, _MAX_AUTHORITIES) if file else data
        if authorities or not file:
            with suppress(ssl.SSLError, TypeError, ValueError):
                return ssl.create_default_context(cadata=authorities or None)
        variable = f'AZURE_KUBERNETES_CA_{"FILE" if file else "DATA"}'
        advice = 'Mount the file into the container of the integration.' if file else 'Paste them in PEM format.'
        raise CredentialError(f'The certificates in {variable} cannot be read.', advice)

    def _id(self, variable: str, clean: Callable[[str], str], annotation: str) -> str:
        """Return the ID in a variable. Raise CredentialError, which names the variable, if there is none."""
        value = self._environment.get(variable, '')
        with suppress(CredentialError):
            if cleaned := clean(value):
                return cleaned
        problem = 'is not an ID' if value else 'is not set in this pod'
        advice = f'Annotate the service account with azure.workload.identity/{annotation}.'
        raise CredentialError(f'{variable} {problem}.', advice)

    def _read_token(self) -> str:
        token = _start_of_file(self._token_file, _MAX_FEDERATED_TOKEN).strip()
        if not re.fullmatch(r'[\w-]+\.[\w-]+\.[\w-]+', token):
            raise SignInRefusedError(
                f'The federated token of this pod cannot be read from {self._token_file}.',
                'Use a service account with workload identity, and label the pod azure.workload.identity/use: "true".',
            )
        audience = AccessToken(token, 0, 0).claims().get('aud')
        if not self._has_proxy and audience in ('api://AKSIdentityBinding', ['api://AKSIdentityBinding']):
            raise CredentialError(
                'The federated token of this pod is for an identity binding, but AZURE_KUBERNETES_TOKEN_PROXY is not set.',
                'Pass it on to the container of the integration, with AZURE_KUBERNETES_SNI_NAME and AZURE_KUBERNETES_CA_FILE.',
            )
        return token


# endregion

# region factory


def create_credential(
    method: str,
    *,
    authority: str = '',
    tenant_id: str = '',
    client_id: str = '',
    client_secret: str = '',
    private_key: str = '',
    passphrase: str = '',
    thumbprint: str = '',
    token_url: str = '',
    redirect_uri: str = '',
    authorization_code: str = '',
    managed_identity_id: str = '',
    app_name: str = '',
    token: str = '',
    encrypt: Callable[[str, str], str] = encrypt_for_token_service,
    info_headers: Callable[[], StrMapping] = dict,
    is_public: bool = False,
) -> Credential:
    """Return the credential of `method` for values as pasted. Those that the method does not use are ignored.

    Args:
        client_id, client_secret: of the app registration, or ID and Key of the Cortex XSOAR application.
        managed_identity_id: client ID of a user-assigned managed identity, else empty.
        is_public: the values are keywords of the public MicrosoftClient. Some checks are then left out, since the tests of public
            integrations name an invalid redirect URI or client ID, or request a token for a device code without a sign-in. A
            private key without its certificate does not replace a client secret.
    Raises:
        CredentialError: a value cannot be right.
    """
    if method == AuthenticationMethod.MANAGED_IDENTITY:
        return ManagedIdentityCredential(managed_identity_id, allows_name=is_public)
    if method == AuthenticationMethod.CORTEX_APP:
        return CortexAppCredential(app_name, client_id, token, client_secret, encrypt, info_headers)
    registration = authority, tenant_id, client_id
    if method == AuthenticationMethod.DEVICE_CODE:
        return DeviceCodeCredential(*registration, token_url=token_url, allows_empty_code=is_public)
    if is_public and client_secret and not (clean_value(thumbprint) or 'CERTIFICATE' in dict(clean_pem(private_key))):
        private_key = ''
    client: EntraCredential
    if private_key:
        client = CertificateCredential(*registration, private_key, thumbprint, token_url, passphrase)
    elif client_secret or method == AuthenticationMethod.CLIENT_CREDENTIALS:
        client = ClientSecretCredential(*registration, client_secret, token_url)
    else:
        client = EntraCredential(*registration, token_url)
    if method == AuthenticationMethod.CLIENT_CREDENTIALS:
        return client
    credential = AuthorizationCodeCredential(client, redirect_uri, authorization_code)
    if not is_public:
        credential.check_redirect_uri()
    return credential


# endregion
