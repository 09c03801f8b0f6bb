"""Access and ID tokens: signed JWTs, the keys that verify them, and the register of what was issued."""

import base64
import hashlib
import json
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from sandbox.microsoft.certificates import rsa_key
from sandbox.microsoft.clock import Clock
from sandbox.microsoft.entra.model import Application, ManagedIdentity, Principal, User

NOT_BEFORE_LEEWAY = 300


@dataclass(kw_only=True)
class TokenSubject:
    """For whom a token is: ``client`` asked for it, ``user`` is signed in (None: the client acts as itself).

    ``authentication`` of the client: ``0`` for none, ``1`` for a secret, ``2`` for a certificate or what a host has.
    ``context``: the authentication context that the sign-in asked for.
    """

    client: Application | ManagedIdentity
    tenant_id: str
    user: User | None = None
    authentication: str = '2'
    context: str = ''

    @property
    def principal(self) -> Principal:
        return self.user or self.client


@dataclass(kw_only=True)
class IssuedToken:
    """What the cloud remembers of an access token, apart from its claims."""

    subject: TokenSubject
    generation: int
    claims_time: int
    permissions: set[str] = field(default_factory=set)

    @property
    def is_revoked(self) -> bool:
        return self.generation != self.subject.principal.generation

    @property
    def lacks_claims(self) -> bool:
        return self.claims_time < self.subject.principal.required_claims_time

    @property
    def lacks_context(self) -> bool:
        return self.subject.principal.required_context not in ('', self.subject.context)


@dataclass(frozen=True, kw_only=True)
class RequestedClaims:
    """The ``claims`` of a request: capabilities of the client, and the time or authentication context that a challenge named."""

    capabilities: tuple[str, ...] = ()
    not_before: int = 0
    context: str = ''

    @classmethod
    def parse(cls, text: str) -> 'RequestedClaims':
        """Read the JSON of the parameter. Raises ValueError when it is not JSON."""
        if not text:
            return cls()
        try:
            wanted = json.loads(text).get('access_token') or {}
            capabilities = (wanted.get('xms_cc') or {}).get('values') or ()
            not_before = (wanted.get('nbf') or {}).get('value') or 0
            contexts = (wanted.get('acrs') or {}).get('values') or ('',)
            return cls(capabilities=tuple(capabilities), not_before=int(not_before), context=str(contexts[0]))
        except (AttributeError, TypeError) as error:
            raise ValueError('claims is not the JSON object of OpenID Connect') from error


class TokenIssuer:
    """One RSA key, with which tokens are signed and verified."""

    def __init__(self, clock: Clock, authority: str) -> None:
        self._clock = clock
        self._authority = authority
        self._key = rsa_key('entra token signing')
        self._public_key = self._key.public_key()
        public = self._public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = base64.urlsafe_b64encode(hashlib.sha256(public).digest()).rstrip(b'=').decode()[:27]
        self._issued: dict[str, IssuedToken] = {}
        self._accepted: dict[str, IssuedToken] = {}
        # Digest of a token whose signature is right -> its claims
        self._verified: dict[bytes, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget every token, so that none is accepted any more."""
        with self._lock:
            self._issued.clear()
            self._accepted.clear()
            self._verified.clear()

    def accept(self, token_id: str, token: IssuedToken) -> None:
        """Accept a token that was issued before ``clear``."""
        self._accepted[token_id] = token

    @property
    def issued(self) -> dict[str, IssuedToken]:
        """The access tokens that were issued since ``clear``, by their IDs."""
        return dict(self._issued)

    @property
    def issued_count(self) -> int:
        """How many access tokens were issued since ``clear``."""
        return len(self._issued)

    def keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._public_key))
        return {'keys': [{'kty': 'RSA', 'use': 'sig', 'kid': self.key_id, 'x5t': self.key_id, 'n': key['n'], 'e': key['e']}]}

    def access_token(
        self, subject: TokenSubject, audience: str, permissions: set[str], seconds: int, claims: RequestedClaims, version: str
    ) -> str:
        """Return a JWT for the resource ``audience``, valid for ``seconds``; ``permissions`` go into ``scp`` or ``roles``."""
        token_id = secrets.token_urlsafe(16)
        payload = self._common(subject, audience, seconds, version) | {'uti': token_id, 'ver': version}
        payload |= _client_claims(subject, version)
        if subject.user:
            payload |= {
                'idtyp': 'user',
                'scp': ' '.join(sorted(permissions)),
                'name': subject.user.display_name,
                'upn': subject.user.user_principal_name,
                'preferred_username': subject.user.user_principal_name,
            }
        else:
            payload |= {'idtyp': 'app'} | ({'roles': sorted(permissions)} if permissions else {})
        if subject.context:
            payload['acrs'] = [subject.context]
        if claims.capabilities:
            payload['xms_cc'] = list(claims.capabilities)
        with self._lock:
            self._issued[token_id] = IssuedToken(
                subject=subject,
                generation=subject.principal.generation,
                claims_time=claims.not_before,
                permissions={permission.lower() for permission in permissions},
            )
        return self._sign(payload)

    def id_token(self, subject: TokenSubject, seconds: int, nonce: str, version: str) -> str:
        """Return a JWT that tells the client who signed in."""
        assert subject.user is not None, 'an ID token is about a user'
        payload = self._common(subject, subject.client.client_id, seconds, version) | {
            'ver': version,
            'name': subject.user.display_name,
            'preferred_username': subject.user.user_principal_name,
            'upn': subject.user.user_principal_name,
        }
        return self._sign(payload | ({'nonce': nonce} if nonce else {}))

    def verify(self, token: str) -> tuple[dict[str, Any], IssuedToken]:
        """Check the signature and return what is known of ``token``. Time and audience are the resource's to check.

        Raises:
            jwt.InvalidTokenError: it is malformed, not signed by this cloud, or forgotten.
        """
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(digest) or jwt.decode(
            token,
            self._public_key,
            algorithms=['RS256'],
            options={'verify_exp': False, 'verify_nbf': False, 'verify_iat': False, 'verify_aud': False},
        )
        with self._lock:
            self._verified[digest] = claims
            token_id = claims.get('uti', '')
            issued = self._issued.get(token_id) or self._accepted.get(token_id)
        if issued is None:
            raise jwt.InvalidTokenError('The token was not issued here.')
        return claims, issued

    def _common(self, subject: TokenSubject, audience: str, seconds: int, version: str) -> dict[str, Any]:
        now = int(self._clock.now())
        issuer = f'{self._authority}/{subject.tenant_id}/' + ('' if version == '1.0' else 'v2.0')
        return {
            'aud': audience,
            'iss': issuer,
            'iat': now,
            'nbf': now - NOT_BEFORE_LEEWAY,
            'exp': now + seconds,
            'tid': subject.tenant_id,
            'oid': subject.principal.object_id,
            'sub': _subject_id(subject),
            'jti': str(uuid.uuid4()),
        }

    def _sign(self, payload: dict[str, Any]) -> str:
        return jwt.encode(payload, self._key, algorithm='RS256', headers={'kid': self.key_id, 'x5t': self.key_id})


def _client_claims(subject: TokenSubject, version: str) -> dict[str, Any]:
    client = subject.client
    claims: dict[str, Any] = {'appid': client.client_id, 'appidacr': subject.authentication}
    if version != '1.0':
        claims |= {'azp': client.client_id, 'azpacr': subject.authentication}
    if isinstance(client, ManagedIdentity):
        return claims | {'app_displayname': client.name, 'xms_mirid': client.resource_id}
    return claims | {'app_displayname': client.display_name}


def _subject_id(subject: TokenSubject) -> str:
    if subject.user is None:
        return subject.client.object_id
    return hashlib.sha256(f'{subject.user.object_id}{subject.client.client_id}'.encode()).hexdigest()[:43]
