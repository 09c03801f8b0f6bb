"""Subclasses of the client whose own methods have the names of ours."""

from typing import Any

import pytest

from authentication_methods import ADA
from MicrosoftApiModule import MicrosoftClient
from sandbox.microsoft import MicrosoftCloud


class WithRequestMethods(MicrosoftClient):
    """An integration that was written for BaseClient, and one that has a method for what it sends."""

    def _http_request(self, *args: Any, **kwargs: Any) -> Any:
        return self.http_request(*args, **kwargs)

    def send_request(self, path: str) -> Any:
        return self._http_request('GET', path)


@pytest.fixture
def client(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> WithRequestMethods:
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    application = cloud.directory.application('daemon')
    return WithRequestMethods(
        self_deployed=True,
        tenant_id=application.tenant_id,
        auth_id=application.client_id,
        enc_key=application.secret,
        azure_ad_endpoint=cloud.authority,
        token_retrieval_url=f'{cloud.authority}/{application.tenant_id}/oauth2/v2.0/token',
        base_url=f'{cloud.graph}/v1.0',
        scope=f'{cloud.graph}/.default',
        ok_codes=(200,),
    )


def test_a_subclass_may_define_methods_that_send_requests(client: WithRequestMethods) -> None:
    assert client.send_request(f'/users/{ADA}/messages?$top=1')['value']
