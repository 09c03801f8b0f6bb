"""What Microsoft Graph and Azure Resource Manager check of an access token."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import jwt

from sandbox.microsoft.entra.model import Principal, User
from sandbox.microsoft.entra.tokens import IssuedToken
from sandbox.microsoft.resources import Resource
from sandbox.microsoft.state import CloudState

_CHALLENGED = (
    'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: '
    'LocationConditionEvaluationSatisfied'
)


@dataclass(frozen=True)
class Caller:
    """Who calls: ``user`` is None when an application acts as itself. Names of permissions are in lower case."""

    principal: Principal
    user: User | None
    tenant_id: str
    permissions: frozenset[str]

    def has_one_of(self, *permissions: str) -> bool:
        """Return whether the token holds at least one of these permissions."""
        return any(permission.lower() in self.permissions for permission in permissions)


class BearerError(Exception):
    """The token is refused. ``reason`` is one of missing, malformed, audience, expired, revoked, claims."""

    def __init__(self, reason: str, message: str, challenge: str = '') -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.challenge = challenge


def authenticate(state: CloudState, resource: Resource, authorization: str) -> Caller:
    """Return the caller behind an ``Authorization`` header. Raises BearerError."""
    scheme, _, token = authorization.partition(' ')
    if scheme.lower() != 'bearer' or not token.strip():
        raise BearerError('missing', 'Access token is empty.', _challenge(state))
    try:
        claims, issued = state.issuer.verify(token.strip())
    except jwt.InvalidTokenError:
        raise BearerError('malformed', 'The access token is malformed or not of this cloud.', _challenge(state)) from None
    now = state.clock.now()
    if not resource.is_called(str(claims['aud'])):
        raise BearerError('audience', 'The access token is for another audience.', _challenge(state))
    if claims['exp'] <= now:
        raise BearerError('expired', 'The access token has expired.', _challenge(state))
    if claims['nbf'] > now:
        raise BearerError('malformed', 'The access token is not valid yet.', _challenge(state))
    _check_still_welcome(state, issued, claims)
    return Caller(issued.subject.principal, issued.subject.user, issued.subject.tenant_id, frozenset(issued.permissions))


def _check_still_welcome(state: CloudState, issued: IssuedToken, claims: dict[str, Any]) -> None:
    principal = issued.subject.principal
    if issued.lacks_context:
        context = {'acrs': {'essential': True, 'values': [principal.required_context]}}
        raise BearerError('claims', _CHALLENGED, _challenge(state, context))
    if issued.lacks_claims or state.directory.blocks_addresses:
        time_of_challenge = principal.required_claims_time or int(state.clock.now())
        raise BearerError('claims', _CHALLENGED, _challenge(state, _not_before(time_of_challenge)))
    if issued.is_revoked or not principal.enabled:
        # Only a client that declared itself capable of claims challenges gets one; others see a plain 401.
        is_capable = 'CP1' in map(str.upper, claims.get('xms_cc', ()))
        wanted = _not_before(int(state.clock.now())) if is_capable else None
        raise BearerError('revoked', 'The access token has been revoked.', _challenge(state, wanted))


def _not_before(time: int) -> dict[str, Any]:
    """Return the claim of continuous access evaluation."""
    return {'nbf': {'essential': True, 'value': str(time)}}


def _challenge(state: CloudState, wanted: dict[str, Any] | None = None) -> str:
    """Return a ``WWW-Authenticate`` value, a claims challenge if claims are ``wanted``."""
    challenge = f'Bearer realm="", authorization_uri="{state.addresses.authority}/common/oauth2/authorize"'
    if not wanted:
        return challenge
    claims = json.dumps({'access_token': wanted})
    encoded = base64.b64encode(claims.encode()).decode()
    bearer = f'{challenge}, error_description="{_CHALLENGED}", error="insufficient_claims", claims="{encoded}"'
    return f'{bearer}, {challenge.replace("Bearer", "PoP")}'
