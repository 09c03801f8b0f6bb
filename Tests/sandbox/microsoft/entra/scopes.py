"""What a token request asks for: ``scope`` of the v2 endpoint, ``resource`` of the v1 endpoint."""

from dataclasses import dataclass, field

from sandbox.microsoft.entra.errors import EntraError
from sandbox.microsoft.entra.model import Directory
from sandbox.microsoft.resources import GRAPH_APP_ID, OPENID_SCOPES, Resource

DEFAULT = '.default'


@dataclass(kw_only=True)
class ResourceRequest:
    """Rights on one resource. ``audience`` is the identifier as the client wrote it; ``written`` the scopes as it wrote them."""

    resource: Resource
    audience: str
    is_default: bool = False
    permissions: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class ScopeRequest:
    """A parsed ``scope``: scopes of OpenID Connect, and one entry for each resource."""

    openid: set[str] = field(default_factory=set)
    resources: list[ResourceRequest] = field(default_factory=list)

    def single(self) -> ResourceRequest | None:
        """Return the only resource asked for, None without one. Raises AADSTS700022 when there are several."""
        if len(self.resources) > 1:
            raise EntraError(700022)
        return self.resources[0] if self.resources else None


def parse_scope(directory: Directory, scope: str) -> ScopeRequest:
    """Read a ``scope`` parameter of the v2 endpoint.

    Raises:
        EntraError: 70011 for an empty or impossible scope, 500011 for an unknown resource.
    """
    request = ScopeRequest()
    for word in scope.split():
        if word.lower() in OPENID_SCOPES:
            request.openid.add(word.lower())
        else:
            _add(directory, request, word)
    if not request.openid and not request.resources:
        raise EntraError(70011, 'The scope is empty.')
    for wanted in request.resources:
        if wanted.is_default and wanted.permissions:
            raise EntraError(70011, f'{DEFAULT} cannot be combined with other scopes of the same resource.')
    return request


def parse_default_scope(directory: Directory, scope: str) -> ResourceRequest:
    """Read the ``scope`` of a client credentials request, which must be ``<resource>/.default``.

    Raises:
        EntraError: 1002012 for another scope, 700022 for several resources, 500011 for an unknown resource.
    """
    words = scope.split()
    if len(words) > 1 and all(word.endswith('/' + DEFAULT) for word in words):
        raise EntraError(700022)
    if len(words) != 1 or not words[0].lower().endswith('/' + DEFAULT):
        raise EntraError(1002012, f'The scope {scope} is not valid for client credentials: write <resource>/{DEFAULT}.')
    wanted = parse_scope(directory, scope).single()
    assert wanted is not None, 'a scope that ends in .default names a resource'
    return wanted


def parse_resource(directory: Directory, identifier: str) -> ResourceRequest:
    """Read the ``resource`` parameter of the v1 endpoint and of the identity endpoints of Azure hosts."""
    resource = directory.find_resource(identifier)
    if resource is None:
        raise EntraError(500011, f'The tenant has no resource named {identifier}.')
    return ResourceRequest(resource=resource, audience=identifier, is_default=True, written=[f'{identifier}/{DEFAULT}'])


def _add(directory: Directory, request: ScopeRequest, word: str) -> None:
    identifier, slash, name = word.rpartition('/')
    resource = directory.find_resource(identifier if slash else GRAPH_APP_ID)
    if resource is None:
        raise EntraError(500011, f'The tenant has no resource named {identifier}.')
    audience = identifier if '://' in identifier else resource.uri
    wanted = next((known for known in request.resources if known.resource is resource), None)
    if wanted is None:
        wanted = ResourceRequest(resource=resource, audience=audience)
        request.resources.append(wanted)
    wanted.written.append(word)
    if name == DEFAULT:
        wanted.is_default = True
        return
    permission = resource.permission(name)
    if permission is None or not permission.delegated:
        raise EntraError(70011, f'{resource.name} has no scope named {name}.')
    wanted.permissions.add(permission.name)
