"""How an application proves itself at the token endpoint: client secret, or an assertion signed with its certificate."""

import threading
from collections.abc import Mapping
from typing import Any

import jwt

from sandbox.microsoft.clock import Clock
from sandbox.microsoft.entra.errors import EntraError, outside_its_time
from sandbox.microsoft.entra.model import Application

ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
MAX_LIFETIME = 24 * 3600
LEEWAY = 300
# The clock of the sandbox decides on times.
UNCHECKED: Any = {'verify_exp': False, 'verify_nbf': False, 'verify_iat': False, 'verify_aud': False}


class ClientAuthentication:
    """The check of client secrets and assertions, with the ``jti`` of every assertion that was used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget the assertions seen."""
        with self._lock:
            self._seen.clear()

    def check(self, application: Application, form: Mapping[str, str], audiences: set[str]) -> bool:
        """Return whether the client authenticated; False when it sent nothing.

        Raises:
            EntraError: what it sent is wrong, or it is public and must send nothing.
        """
        secret, assertion = form.get('client_secret', ''), form.get('client_assertion', '')
        if not secret and not assertion:
            return False
        if not application.is_confidential:
            raise EntraError(700025)
        if assertion:
            if form.get('client_assertion_type') != ASSERTION_TYPE:
                raise EntraError(900144, f"The body needs 'client_assertion_type' with the value {ASSERTION_TYPE}.")
            self._check_assertion(application, assertion, audiences)
        else:
            self._check_secret(application, secret)
        return True

    def _check_secret(self, application: Application, value: str) -> None:
        known = next((secret for secret in application.secrets if secret.value == value), None)
        if known is None:
            if any(secret.secret_id == value.lower() for secret in application.secrets):
                raise EntraError(
                    7000215,
                    f'The client secret of app {application.client_id} is wrong: this is the ID of the secret, not its value.',
                )
            raise EntraError(7000215, f'The client secret of app {application.client_id} is wrong.')
        if known.expires is not None and known.expires <= self._clock.now():
            raise EntraError(7000222, f'The client secret of app {application.client_id} has expired.')

    def _check_assertion(self, application: Application, assertion: str, audiences: set[str]) -> None:
        if application.federated_credentials and not _names_certificate(assertion):
            self._check_time(_verify_federated(application, assertion))
            return
        claims = _verify_signature(application, assertion)
        if claims.get('aud') not in audiences:
            raise EntraError(50027, 'The audience of the assertion is not the token endpoint.')
        if claims.get('iss') != application.client_id or claims.get('sub') != application.client_id:
            raise EntraError(50027, 'Issuer and subject of the assertion must be the client ID.')
        self._check_time(claims)
        with self._lock:
            if not claims.get('jti') or claims['jti'] in self._seen:
                raise EntraError(50027, 'The assertion has no jti, or was used before.')
            self._seen.add(claims['jti'])

    def _check_time(self, claims: dict[str, Any]) -> None:
        now = self._clock.now()
        begins, ends = claims.get('nbf', claims.get('iat', now)), claims.get('exp')
        if not isinstance(ends, (int, float)) or not isinstance(begins, (int, float)):
            raise EntraError(50027, 'The assertion lacks its times.')
        if ends <= now - LEEWAY or begins > now + LEEWAY:
            raise outside_its_time(begins, ends, now)
        if ends - begins > MAX_LIFETIME:
            raise EntraError(700024, 'The assertion lives for more than a day.')


def _names_certificate(assertion: str) -> bool:
    try:
        return bool({'x5t', 'x5t#S256'} & set(jwt.get_unverified_header(assertion)))
    except jwt.InvalidTokenError:
        return False


def _verify_federated(application: Application, assertion: str) -> dict[str, Any]:
    """Return the claims of a token of another issuer when a federated credential of the application fits."""
    try:
        claims = jwt.decode(assertion, options={'verify_signature': False})
    except jwt.InvalidTokenError:
        raise EntraError(50027, 'The assertion is not a JWT.') from None
    known = [each for each in application.federated_credentials if each.issuer == claims.get('iss')]
    if not known:
        raise EntraError(700211)
    audience = claims.get('aud')
    known = [each for each in known if each.audience in (audience if isinstance(audience, list) else [audience])]
    if not known:
        raise EntraError(700212)
    known = [each for each in known if each.subject == claims.get('sub')]
    if not known:
        raise EntraError(700213)
    try:
        jwt.decode(assertion, known[0].public_key, algorithms=['RS256'], options=UNCHECKED)
    except jwt.InvalidTokenError:
        raise EntraError(50027) from None
    return claims


def _verify_signature(application: Application, assertion: str) -> dict[str, Any]:
    """Return the claims of ``assertion`` when a registered certificate verifies it."""
    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.InvalidTokenError:
        raise EntraError(50027, 'The assertion is not a JWT.') from None
    # MSAL pads these with '=', RFC 7515 does not; Entra takes both.
    thumbprints = {str(header.get(name, '')).rstrip('=') for name in ('x5t', 'x5t#S256')}
    known = next((known for known in application.certificates if {known.x5t, known.x5t_s256} & thumbprints), None)
    if known is None:
        raise EntraError(700027, 'No certificate of the application has the thumbprint of the assertion.')
    try:
        return jwt.decode(
            assertion,
            known.public_key,
            algorithms=['RS256', 'PS256'],
            options=UNCHECKED,
        )
    except jwt.InvalidTokenError:
        raise EntraError(700027) from None
