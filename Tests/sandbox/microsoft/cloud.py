"""Start and stop the local Microsoft cloud."""

import secrets
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import trustme
from flask import Flask

from sandbox.microsoft.admin import admin_app
from sandbox.microsoft.clock import Clock
from sandbox.microsoft.defender import routes as defender
from sandbox.microsoft.defender.model import Alert, Machine
from sandbox.microsoft.entra import routes as entra
from sandbox.microsoft.entra.model import Directory
from sandbox.microsoft.faults import SERVICES, Faults, FaultyService
from sandbox.microsoft.graph_mail import routes as graph_mail
from sandbox.microsoft.graph_mail.limits import Limits
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.uploads import UploadSessions
from sandbox.microsoft.metadata import routes as metadata
from sandbox.microsoft.metadata.arc_keys import ArcKeys
from sandbox.microsoft.metadata.cluster import Cluster
from sandbox.microsoft.request_log import RequestLog, RequestRecords
from sandbox.microsoft.resource_manager import routes as resource_manager
from sandbox.microsoft.resource_manager.model import Subscription
from sandbox.microsoft.service import Service
from sandbox.microsoft.state import Addresses, CloudState
from sandbox.microsoft.token_service import routes as token_service
from sandbox.microsoft.token_service.model import TokenService

TLS_SERVICES = ('entra', 'graph', 'resource-manager', 'defender', 'token-service')


class MicrosoftCloud:
    """Entra ID, Microsoft Graph, Azure Resource Manager, the Cortex app's token service, identity endpoints of Azure hosts.

    Each listens on its own loopback port, in threads of this process, from ``start`` to ``stop``; the object is a context manager
    that does both.

    Args:
        ports: name of a service (see ``faults.SERVICES``, and ``admin``) -> port. The others take free ones.
    Raises:
        OSError: a port is taken.
    Attributes:
        ca_file: PEM file of the certificate authority that clients have to trust.
        faults: switched on and off by tests.
        requests: what was answered so far.
        arc_keys: the key files of the Azure Arc machine; their folder may be changed until ``reset``.
        cluster: the Kubernetes cluster whose pods get tokens by an identity binding.
    """

    def __init__(self, ports: Mapping[str, int] | None = None) -> None:
        ports = dict(ports or {})
        unknown = set(ports) - {*SERVICES, 'admin'}
        if unknown:
            raise ValueError(f'There is no service "{sorted(unknown)[0]}". Use one of {", ".join((*SERVICES, "admin"))}.')
        self._folder = tempfile.TemporaryDirectory(prefix='microsoft-cloud-')
        self.ca_file = str(Path(self._folder.name) / 'ca.pem')
        Path(self.ca_file).write_bytes(_authority().cert_pem.bytes())
        self.faults = Faults()
        self.requests = RequestRecords()
        self.arc_keys = ArcKeys()
        self.cluster = Cluster(Path(self._folder.name))
        self._identity_header = secrets.token_hex(16)
        self._services: dict[str, Service] = {}
        try:
            for name in (*SERVICES, 'admin'):
                tls = self.cluster.tls if name == 'aks' else _tls() if name in TLS_SERVICES else None
                self._services[name] = Service(name, ports.get(name, 0), tls)
        except OSError:
            self.stop()
            raise
        self._state = CloudState(self._addresses())
        self._token_service = TokenService(self._state, self.ca_file)

    def start(self) -> 'MicrosoftCloud':
        """Start all services."""
        for name, app in self.apps().items():
            faulty = FaultyService(name, app, self.faults, self.clock)
            self._services[name].start(RequestLog(name, faulty, self.requests), self.clock.now)
        self._services['admin'].start(admin_app(self.faults))
        return self

    def apps(self) -> dict[str, Flask]:
        """Return a new Flask application for each of ``faults.SERVICES``, by its name."""
        state = self._state
        return {
            'entra': entra.create_app(state),
            'graph': graph_mail.create_app(state, self.faults),
            'resource-manager': resource_manager.create_app(state),
            'defender': defender.create_app(state),
            'token-service': token_service.create_app(state, self._token_service),
            'imds': metadata.create_vm_app(state),
            'app-service': metadata.create_app_service_app(state, self._identity_header),
            'arc': metadata.create_arc_app(state, self.arc_keys),
            'aks': metadata.create_token_proxy_app(state, self.cluster),
        }

    def stop(self) -> None:
        """Stop all services and remove the files that they made. May be called twice."""
        stopping = [threading.Thread(target=service.stop) for service in self._services.values()]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        self._services.clear()
        self.arc_keys.clear()
        self._folder.cleanup()

    def reset(self) -> None:
        """Bring directory, mailboxes, grants, faults, requests and clock back to how they were at the start.

        Secrets and IDs of the directory stay the same as well: settings that were made before go on to fit.
        """
        self._state.reset()
        self._token_service.clear()
        self.faults.clear()
        self.requests.reset()
        self.arc_keys.clear()

    @property
    def ports(self) -> dict[str, int]:
        """The port of each service."""
        return {name: service.port for name, service in self._services.items()}

    def state(self) -> dict[str, Any]:
        """Return all that a later run needs to go on, see ``restore``."""
        return {'state': self._state, 'registrations': self._token_service.registrations, 'header': self._identity_header}

    def restore(self, kept: dict[str, Any]) -> None:
        """Take over the state of an earlier run. To be called before ``start``.

        Raises:
            ValueError: that run was on other ports, which tokens and settings name.
        """
        state: CloudState = kept['state']
        if state.addresses != self._state.addresses:
            raise ValueError('What was kept is of other ports. Choose the same ports as then, or keep the state elsewhere.')
        self._state = state
        self._token_service = TokenService(state, self.ca_file)
        self._token_service.registrations.update(kept['registrations'])
        self._identity_header = kept['header']

    def host_environment(self, host: str) -> dict[str, str]:
        """Return the environment variables by which software on an Azure host finds its identity endpoint.

        Args:
            host: azure-vm, app-service, arc or aks.
        Raises:
            ArcKeyFolderError: Arc's key folder cannot be made (an OSError; it takes root).
            ValueError: the host is unknown.
        """
        if host == 'azure-vm':
            return {'AZURE_POD_IDENTITY_AUTHORITY_HOST': self.imds}
        if host == 'app-service':
            app_service = self._state.addresses.app_service
            return {'IDENTITY_ENDPOINT': f'{app_service}/msi/token', 'IDENTITY_HEADER': self._identity_header}
        if host == 'arc':
            self.arc_keys.prepare()
            arc = self._state.addresses.arc
            return {'IDENTITY_ENDPOINT': f'{arc}/metadata/identity/oauth2/token', 'IMDS_ENDPOINT': arc}
        if host == 'aks':
            identity = self.directory.managed_identity('soar-engine')
            entra = {'AZURE_CLIENT_ID': identity.client_id, 'AZURE_TENANT_ID': identity.tenant_id}
            pod = self.cluster.pod(self._services['aks'].url, self.clock)
            return {**entra, 'AZURE_AUTHORITY_HOST': f'{self.authority}/', **pod}
        raise ValueError(f'There is no host "{host}". Use azure-vm, app-service, arc or aks.')

    @property
    def directory(self) -> Directory:
        """Return the tenants, applications, users and managed identities, to be read and changed."""
        return self._state.directory

    @property
    def subscriptions(self) -> list[Subscription]:
        """The Azure subscriptions, to be read and changed."""
        return self._state.subscriptions

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of Defender for Endpoint, to be read and changed."""
        return self._state.alerts

    @property
    def machines(self) -> list[Machine]:
        """The machines of Defender for Endpoint, to be read and changed."""
        return self._state.machines

    @property
    def clock(self) -> Clock:
        """The time of this cloud."""
        return self._state.clock

    @property
    def limits(self) -> Limits:
        """How much an app may ask of one mailbox, and how long requests to Graph take."""
        return self._state.limits

    @property
    def uploads(self) -> UploadSessions:
        """The upload sessions of large attachments, and how they behave."""
        return self._state.uploads

    @property
    def access_tokens_issued(self) -> int:
        """How many access tokens were issued since the start or the last reset."""
        return self._state.issuer.issued_count

    def keep_tokens(self) -> Callable[[], None]:
        """Return a function that has the tokens issued so far accepted again after a reset. They are of applications."""
        issued = self._state.issuer.issued
        return lambda: self._state.accept(issued)

    def application(self, url: str) -> Any:
        """Return the WSGI application behind a base URL, with its faults and its log, for clients in the same process.

        None if it is not of this cloud.
        """
        return next((service.app for service in self._services.values() if service.url == url), None)

    def open_connections(self, service: str) -> int:
        """Return how many connections clients hold open to that service."""
        return self._services[service].open_connections

    def mailbox(self, user_name: str) -> Mailbox:
        """Return the mailbox of that user. Raises LookupError when the user has none."""
        mailbox = self._state.mailbox_of(self.directory.user(user_name))
        if mailbox is None:
            raise LookupError(f'{user_name} has no mailbox.')
        return mailbox

    @property
    def authority(self) -> str:
        """Base URL of Entra ID."""
        return self._state.addresses.authority

    @property
    def graph(self) -> str:
        """Base URL of Microsoft Graph; also the audience of its tokens."""
        return self._state.addresses.graph

    @property
    def resource_manager(self) -> str:
        """Base URL of Azure Resource Manager; also the audience of its tokens."""
        return self._state.addresses.resource_manager

    @property
    def defender(self) -> str:
        """Base URL of Defender for Endpoint. The audience of its tokens is ``resources.DEFENDER_URI`` in every cloud."""
        return self._state.addresses.defender

    @property
    def token_service(self) -> str:
        """URL at which the Cortex app's token service answers token requests."""
        return f'{self._state.addresses.token_service}/obtain-token'

    @property
    def imds(self) -> str:
        """Base URL of the instance metadata service."""
        return self._state.addresses.imds

    @property
    def admin(self) -> str:
        """Base URL of the fault switch."""
        return self._services['admin'].url

    def _addresses(self) -> Addresses:
        url = {name: service.url for name, service in self._services.items()}
        return Addresses(
            authority=url['entra'],
            graph=url['graph'],
            resource_manager=url['resource-manager'],
            defender=url['defender'],
            token_service=url['token-service'],
            imds=url['imds'],
            app_service=url['app-service'],
            arc=url['arc'],
        )

    def __enter__(self) -> 'MicrosoftCloud':
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def issue_certificate(*names: str, **settings: Any) -> trustme.LeafCert:
    """Return a certificate of the authority that clients trust; `settings` are those of trustme, such as ``not_after``."""
    return _authority().issue_cert(*names, **settings)


@cache
def _authority() -> trustme.CA:
    return trustme.CA(organization_name='Local Microsoft cloud')


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert('localhost', '127.0.0.1').configure_cert(context)
    return context
