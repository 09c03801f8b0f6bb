"""An instance of an integration that uses MicrosoftClient, in this process, and the sandbox cloud."""

from typing import Any

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, CloudClock
from MicrosoftApiModule import AUTHORIZATION_CODE, DEVICE_CODE, MicrosoftClient, get_azure_cloud
from MicrosoftGraphClientApiModule import GraphClient
from MicrosoftTokenRequestApiModule import AccessToken
from sandbox.microsoft import MicrosoftCloud


class Instance:
    """Create clients as the commands of one instance do, on one integration context."""

    def __init__(self, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch):
        self.cloud = cloud
        self.clock = CloudClock(cloud)
        self.tenant_id = cloud.directory.tenants[0].tenant_id
        self.given: list[Any] = []  # to the War Room
        self.args: dict[str, Any] = {}
        self.command = 'a-command'
        monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
        monkeypatch.setattr(demisto, 'results', self.given.append)
        monkeypatch.setattr(demisto, 'args', lambda: self.args)
        monkeypatch.setattr(demisto, 'command', lambda: self.command)

    def client(self, application: str = 'daemon', **keywords: Any) -> MicrosoftClient:
        registered = self.cloud.directory.application(application)
        endpoints = {
            'azure_ad_endpoint': self.cloud.authority,
            'graph_endpoint': self.cloud.graph,
            'server_url': self.cloud.resource_manager,
        }
        settings: dict[str, Any] = {
            'self_deployed': True,
            'tenant_id': self.tenant_id,
            'auth_id': registered.client_id,
            'enc_key': registered.secret if registered.secrets else '',
            'base_url': f'{self.cloud.graph}/v1.0',
            'azure_cloud': get_azure_cloud(endpoints, 'test'),
            **keywords,
        }
        client = MicrosoftClient(**settings)
        client.clock = self.clock  # type: ignore[assignment]
        return client

    def graph(self) -> GraphClient:
        """Return a client of the kind that the mail integration has, whose responses are limited strictly."""
        own = self.client()
        client = GraphClient(own.azure_cloud, credential=own.credential)
        client.clock = self.clock  # type: ignore[assignment]
        return client

    def web(self, **keywords: Any) -> MicrosoftClient:
        return self.client('web', **{'grant_type': AUTHORIZATION_CODE, **keywords})

    def device(self, **keywords: Any) -> MicrosoftClient:
        return self.client('device', **{'grant_type': DEVICE_CODE, **keywords})

    def messages(self, **keywords: Any) -> Any:
        """List Ada's messages as an application. `keywords` are those of `http_request`."""
        return self.client().http_request('GET', f'/users/{ADA}/messages', **keywords)

    def fail(self, times: int | None = 1, service: str = 'graph', **answer: Any) -> None:
        self.cloud.faults.add(service=service, times=times, **answer)

    def requests(self, service: str = 'graph') -> list[int]:
        """Return the statuses of the responses of a service."""
        return [request.status for request in self.cloud.requests.of(service)]

    def user_of(self, token: str) -> str:
        return AccessToken(token, 0, 0).claims()['upn']


@pytest.fixture
def instance(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(demisto, 'integrationContext', {})
    return Instance(cloud, monkeypatch)
