"""A sign-in of earlier, for tests of what comes after it: about a quarter of a command is its token request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from instance_memory import remember_versions

import demistomock as demisto
from MicrosoftCoreApiModule import AzureCloud, AzureCloudEndpoints
from MicrosoftCredentialsApiModule import ClientSecretCredential
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud

Client = TypeVar('Client', bound=GraphMailClient)
DAY = 24 * 3600


@dataclass(frozen=True)
class SignedIn:
    """What the sign-in of the application with a client secret left.

    Attributes:
        context: the integration context, with an access token that is valid for a day.
        accept: lets the cloud accept that token again after a reset.
    """

    context: dict[str, Any] = field(repr=False)
    accept: Callable[[], None]

    def start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin a test with this sign-in in the integration context."""
        self.accept()
        monkeypatch.setattr(demisto, 'integrationContext', dict(self.context))


@pytest.fixture(scope='session')
def signed_in(microsoft_cloud: MicrosoftCloud) -> SignedIn:
    """The sign-in of this process, by a real token request."""
    microsoft_cloud.reset()
    microsoft_cloud.directory.access_token_seconds = DAY
    with pytest.MonkeyPatch.context() as platform:
        remember_versions(demisto, platform)
        platform.setattr(demisto, 'integrationContext', {})
        platform.setenv('REQUESTS_CA_BUNDLE', microsoft_cloud.ca_file)
        client_of(microsoft_cloud, GraphMailClient).get_access_token()
        return SignedIn(demisto.integrationContext, microsoft_cloud.keep_tokens())


def client_of(cloud: MicrosoftCloud, kind: type[Client]) -> Client:
    """Return a client that acts as an application in Ada's mailbox, with a client secret."""
    daemon = cloud.directory.application('daemon')
    custom = AzureCloud(
        'Test', 'Local', 'com', AzureCloudEndpoints(active_directory=cloud.authority, microsoft_graph_resource_id=cloud.graph)
    )
    credential = ClientSecretCredential(cloud.authority, daemon.tenant_id, daemon.client_id, daemon.secret)
    return kind('ada@contoso.example', azure_cloud=custom, credential=credential)
