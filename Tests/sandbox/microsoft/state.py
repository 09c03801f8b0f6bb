"""What the services of one cloud share."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sandbox.microsoft.clock import Clock
from sandbox.microsoft.defender.model import Alert, Machine
from sandbox.microsoft.entra.client_authentication import ClientAuthentication
from sandbox.microsoft.entra.grants import GrantStore
from sandbox.microsoft.entra.model import Directory, User
from sandbox.microsoft.entra.tokens import IssuedToken, TokenIssuer
from sandbox.microsoft.graph_mail.limits import Limits
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.uploads import UploadSessions
from sandbox.microsoft.resource_manager.model import Subscription
from sandbox.microsoft.resources import defender_resource, graph_resource, resource_manager_resource
from sandbox.microsoft.samples import default_directory, sample_alerts, sample_machines, sample_mailbox, sample_subscriptions


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the services listen: base URLs without a slash at the end."""

    authority: str
    graph: str
    resource_manager: str
    defender: str
    token_service: str
    imds: str
    app_service: str
    arc: str

    @property
    def authority_host(self) -> str:
        return urlsplit(self.authority).netloc


@dataclass
class CloudState:
    """Clock, directory, grants, issued tokens and mailboxes of one cloud. ``reset`` brings back the beginning."""

    addresses: Addresses
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.directory: Directory
        self.subscriptions: list[Subscription]
        self.machines: list[Machine]
        self.alerts: list[Alert]
        self.mailboxes: dict[str, Mailbox]
        self.limits: Limits
        self.uploads: UploadSessions
        # IDs and secrets are made once: after a reset, an application is still the one that a token was issued for.
        self._new_directory = pickle.dumps(default_directory(self.addresses.token_service))
        self.grants = GrantStore(self.clock)
        self.issuer = TokenIssuer(self.clock, self.addresses.authority)
        self.client_authentication = ClientAuthentication(self.clock)
        self._fill()

    def reset(self) -> None:
        """Forget all that happened: directory, mailboxes, grants, tokens and time are as in a new cloud."""
        self.clock.reset()
        self.grants.clear()
        self.issuer.clear()
        self.client_authentication.clear()
        self._fill()

    def accept(self, tokens: Mapping[str, IssuedToken]) -> None:
        """Accept access tokens of before a reset, which were issued for applications that act as themselves."""
        for token_id, token in tokens.items():
            application = self.directory.application(token.subject.client.client_id)
            self.issuer.accept(token_id, replace(token, subject=replace(token.subject, client=application)))

    def mailbox_of(self, user: User) -> Mailbox | None:
        """Return the user's mailbox, None when there is none."""
        if user.has_mailbox and user.object_id not in self.mailboxes:
            self.mailboxes[user.object_id] = sample_mailbox(user, self.clock.now)
        return self.mailboxes.get(user.object_id) if user.has_mailbox else None

    def _fill(self) -> None:
        self.directory = pickle.loads(self._new_directory)  # noqa: S301 - written above
        self.directory.resources = [
            graph_resource(self.addresses.graph),
            resource_manager_resource(self.addresses.resource_manager),
            defender_resource(),
        ]
        self.subscriptions = sample_subscriptions(self.directory)
        self.machines = sample_machines(self.clock.now())
        self.alerts = sample_alerts(self.machines, self.clock.now())
        self.mailboxes = {}
        self.limits = Limits()
        self.uploads = UploadSessions(self.clock)
