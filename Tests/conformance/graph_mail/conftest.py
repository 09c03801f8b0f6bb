"""A client of Ada's mailbox in the sandbox."""

import pytest

import demistomock as demisto
from MicrosoftCoreApiModule import AzureCloud, AzureCloudEndpoints
from MicrosoftCredentialsApiModule import ClientSecretCredential
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud


@pytest.fixture
def mail(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> GraphMailClient:
    """A client of a new instance that acts as an application in Ada's mailbox."""
    monkeypatch.setattr(demisto, 'integrationContext', {})
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    daemon = cloud.directory.application('daemon')
    custom = AzureCloud(
        'Test', 'Local', 'com', AzureCloudEndpoints(active_directory=cloud.authority, microsoft_graph_resource_id=cloud.graph)
    )
    credential = ClientSecretCredential(cloud.authority, 'contoso.example', daemon.client_id, daemon.secret)
    return GraphMailClient('ada@contoso.example', custom, credential=credential)
