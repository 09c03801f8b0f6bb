"""The managed identities of Azure hosts, and the tokens that they get."""

from sandbox.microsoft.entra.model import ManagedIdentity
from sandbox.microsoft.entra.scopes import parse_resource
from sandbox.microsoft.entra.tokens import RequestedClaims, TokenSubject
from sandbox.microsoft.metadata.errors import IdentityNotFound
from sandbox.microsoft.state import CloudState


def identity_of(state: CloudState, host: str, named: dict[str, str]) -> ManagedIdentity:
    """Return the managed identity of ``host`` that ``named`` (client_id, object_id, resource_id) means, or its only one.

    Raises:
        IdentityNotFound
    """
    here = [known for known in state.directory.managed_identities if host in known.hosts and known.enabled]
    if named:
        for known in here:
            values = {'client_id': known.client_id, 'object_id': known.object_id, 'resource_id': known.resource_id}
            if all(values[kind].lower() == value.lower() for kind, value in named.items()):
                return known
        raise IdentityNotFound('Identity not found')
    system_assigned = [known for known in here if not known.is_user_assigned]
    if system_assigned or len(here) == 1:
        return (system_assigned or here)[0]
    raise IdentityNotFound('Several user-assigned identities exist; name one of them' if here else 'Identity not found')


def identity_token(state: CloudState, identity: ManagedIdentity, resource: str) -> dict[str, str]:
    """Return the answer for one identity, all numbers as text: a new one, or the one that the host has kept.

    Raises EntraError 500011 for an unknown resource.
    """
    now = state.clock.now()
    kept_on, kept = identity.kept_answers.get(resource, (0.0, {}))
    if not kept or now - kept_on >= state.directory.managed_identity_kept_seconds:
        kept = _new_answer(state, identity, resource)
        identity.kept_answers[resource] = now, kept
    return kept


def _new_answer(state: CloudState, identity: ManagedIdentity, resource: str) -> dict[str, str]:
    wanted = parse_resource(state.directory, resource)
    kept_for = state.directory.managed_identity_answer_age
    seconds = state.directory.managed_identity_token_seconds - kept_for
    granted = {
        name for name in identity.application_permissions if (known := wanted.resource.permission(name)) and known.application
    }
    subject = TokenSubject(client=identity, tenant_id=identity.tenant_id)
    token = state.issuer.access_token(subject, resource, granted, seconds, RequestedClaims(), '1.0')
    now = int(state.clock.now())
    answer = {
        'access_token': token,
        'client_id': identity.client_id,
        'expires_in': str(seconds + kept_for),
        'expires_on': str(now + seconds),
        'ext_expires_in': str(seconds),
        'not_before': str(now),
        'resource': resource,
        'token_type': 'Bearer',
    }
    if state.directory.refresh_in is not None:
        answer['refresh_in'] = str(state.directory.refresh_in)
    return answer
