"""What an administrator registers: tenants, applications, users, managed identities. Plain objects that tests may change."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox.microsoft.certificates import Certificate
from sandbox.microsoft.resources import Resource

DAY = 24 * 3600.0
Found = TypeVar('Found')


@dataclass(kw_only=True)
class Tenant:
    """An organisation. ``domain`` is accepted wherever ``tenant_id`` is."""

    tenant_id: str
    domain: str
    display_name: str


@dataclass(kw_only=True)
class Secret:
    """A client secret. ``secret_id`` is often pasted by mistake; ``expires`` is in epoch seconds, None is never."""

    value: str = field(repr=False)
    secret_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    expires: float | None = None


@dataclass(kw_only=True)
class FederatedCredential:
    """A workload elsewhere, such as a pod of Kubernetes, whose tokens an application accepts as its own assertions."""

    issuer: str
    subject: str
    audience: str = 'api://AzureADTokenExchange'
    public_key: Any = field(repr=False)


@dataclass(kw_only=True)
class Principal:
    """A user, application or managed identity: what a token can be issued for.

    Resources accept only tokens of a sign-in that asked for the authentication context ``required_context``, unless it is empty.
    ``exchange_roles`` are assigned in Exchange Online, such as ``Application Mail.Read``. No token has them.
    """

    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    tenant_id: str
    enabled: bool = True
    generation: int = 0
    required_claims_time: int = 0
    required_context: str = ''
    exchange_roles: list[str] = field(default_factory=list)

    def revoke(self) -> None:
        """End everything issued so far: refresh tokens answer AADSTS50173, access tokens 401."""
        self.generation += 1

    def require_claims(self) -> None:
        """Make resources answer 401 ``insufficient_claims`` until a token was requested with those ``claims``."""
        self.required_claims_time = max(self.required_claims_time + 1, int(time.time()))


@dataclass(kw_only=True)
class User(Principal):
    """A user account. ``shared_with`` holds the object IDs of the users who may open this mailbox.

    ``mail`` is the primary SMTP address if it is another one than ``user_principal_name``.
    """

    user_principal_name: str
    mail: str = ''
    display_name: str
    password: str = field(repr=False)
    is_admin: bool = False
    has_mailbox: bool = True
    shared_with: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class Application(Principal):
    """An app registration and its service principals. ``name`` finds it in the directory, ``display_name`` is what users see.

    ``application_permissions`` are granted (an administrator consented); ``delegated_permissions`` are listed in the
    registration and need consent: ``consents`` maps a user's object ID to what that user granted, ``tenant_wide_consent``
    means that an administrator granted all for everyone. ``service_principals`` are the IDs of the tenants that know the app.
    """

    name: str
    display_name: str = ''
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    federated_credentials: list[FederatedCredential] = field(default_factory=list)
    redirect_uris: list[str] = field(default_factory=list)
    allows_public_client_flows: bool = False
    is_multi_tenant: bool = False
    code_challenge_methods: tuple[str, ...] = ('S256',)
    delegated_permissions: list[str] = field(default_factory=list)
    application_permissions: list[str] = field(default_factory=list)
    tenant_wide_consent: bool = False
    consents: dict[str, set[str]] = field(default_factory=dict)
    service_principals: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.service_principals.add(self.tenant_id)
        self.display_name = self.display_name or self.name

    @property
    def secret(self) -> str:
        """The value of the first client secret."""
        return self.secrets[0].value

    @property
    def certificate(self) -> Certificate:
        """The first certificate."""
        return self.certificates[0]

    @property
    def is_confidential(self) -> bool:
        return bool(self.secrets or self.certificates or self.federated_credentials)

    def granted_to(self, user: User) -> set[str]:
        """Return the delegated permissions that this app has for ``user``, in lower case."""
        granted = set(self.consents.get(user.object_id, set()))
        if self.tenant_wide_consent:
            granted.update(self.delegated_permissions, ('openid', 'profile', 'email', 'offline_access'))
        return {name.lower() for name in granted}

    def consent(self, user: User, permissions: set[str]) -> None:
        """Record that ``user`` granted ``permissions`` to this app."""
        self.consents.setdefault(user.object_id, set()).update(permissions)
        self.service_principals.add(user.tenant_id)


@dataclass(kw_only=True)
class ManagedIdentity(Principal):
    """An identity of Azure hosts. ``hosts`` holds ``azure-vm``, ``app-service``, ``arc``, ``aks``."""

    name: str
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    resource_id: str
    is_user_assigned: bool
    hosts: set[str]
    application_permissions: list[str] = field(default_factory=list)
    kept_answers: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Directory:
    """Everything that Entra knows, and how long what it issues lives (seconds).

    Attributes:
        token_service_status: HTTP status of an answer with tokens of the token service of the Cortex XSOAR application.
        blocks_addresses: policies for locations have the resources refuse the address of every client, whatever token it sends.
        arc_knows_ids: the agent of Azure Arc is not an old one, which answers as the system-assigned identity whatever is named.
        is_automation: the host with the variables of App Service is Automation, which wants a header more.
        managed_identity_answer_age: seconds for which an answer of the instance metadata was kept: `expires_in` is that old.
        managed_identity_kept_seconds: how long a host answers with the token that it has given, whatever has changed since.
    """

    tenants: list[Tenant] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    managed_identities: list[ManagedIdentity] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)

    access_token_seconds: int = 3600
    managed_identity_token_seconds: int = 24 * 3600
    refresh_in: int | None = None
    token_service_status: int = 200
    blocks_addresses: bool = False
    arc_knows_ids: bool = True
    is_automation: bool = False
    managed_identity_answer_age: int = 0
    managed_identity_kept_seconds: int = 0
    refresh_token_seconds: float = 90 * DAY
    authorization_code_seconds: float = 600.0
    device_code_seconds: float = 900.0
    device_code_interval: int = 5

    def tenant(self, name: str) -> Tenant:
        """Return the tenant of that ID or domain. Raises LookupError."""
        return _one(self.find_tenant(name), 'tenant', name)

    def application(self, name: str) -> Application:
        """Return the application of that name or client ID. Raises LookupError."""
        return _one(self.find_application(name), 'application', name)

    def user(self, name: str) -> User:
        """Return the user of that principal name or object ID. Raises LookupError."""
        return _one(self.find_user(name), 'user', name)

    def managed_identity(self, name: str) -> ManagedIdentity:
        """Return the managed identity of that name. Raises LookupError."""
        return _one(next((known for known in self.managed_identities if known.name == name), None), 'managed identity', name)

    def find_tenant(self, name: str) -> Tenant | None:
        wanted = name.lower()
        return next((known for known in self.tenants if wanted in (known.tenant_id, known.domain)), None)

    def find_application(self, name: str) -> Application | None:
        return next((known for known in self.applications if name.lower() in (known.client_id, known.name)), None)

    def find_user(self, name: str) -> User | None:
        wanted = name.strip().lower()
        return next((known for known in self.users if wanted in (known.object_id, known.user_principal_name.lower())), None)

    def find_resource(self, identifier: str) -> Resource | None:
        return next((known for known in self.resources if known.is_called(identifier)), None)


def _one(found: Found | None, kind: str, name: str) -> Found:
    if found is None:
        raise LookupError(f'The directory has no {kind} "{name}".')
    return found
