"""The token proxy of a Kubernetes cluster with an identity binding."""

from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import urllib3

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.tests.machine import limit
from sandbox.tests.microsoft.clients import HttpClient

OTHER_SUBJECT = 'system:serviceaccount:soar:other'


def pool(cloud: MicrosoftCloud, **settings: Any) -> urllib3.HTTPSConnectionPool:
    """Return connections to the proxy as a pod makes them, with other settings of urllib3."""
    pod = cloud.host_environment('aks')
    known: dict[str, Any] = {'server_hostname': pod['AZURE_KUBERNETES_SNI_NAME'], 'ca_certs': pod['AZURE_KUBERNETES_CA_FILE']}
    port = urlsplit(pod['AZURE_KUBERNETES_TOKEN_PROXY']).port
    return urllib3.HTTPSConnectionPool('localhost', port, retries=False, timeout=limit(10), **{**known, **settings})


def ask(cloud: MicrosoftCloud, path: str = '/', **changes: str) -> tuple[int, dict[str, Any]]:
    """Return status and JSON of the answer to the request of Microsoft's example."""
    pod = cloud.host_environment('aks')
    form = {
        'grant_type': 'client_credentials',
        'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        'client_assertion': Path(pod['AZURE_FEDERATED_TOKEN_FILE']).read_text(),
        'client_id': pod['AZURE_CLIENT_ID'],
        'scope': f'{cloud.graph}/.default',
        **changes,
    }
    with closing(pool(cloud)) as connections:
        answer = connections.request('POST', path, fields=form, encode_multipart=False)
    return answer.status, answer.json()


@pytest.mark.parametrize('path', ['/', '/contoso.example/oauth2/v2.0/token', '/nowhere/oauth2/v2.0/token'])
def test_a_pod_gets_a_token_of_the_managed_identity(cloud: MicrosoftCloud, http: HttpClient, path: str) -> None:
    status, answer = ask(cloud, path)
    assert (status, answer['token_type']) == (200, 'Bearer')
    claims = jwt.decode(answer['access_token'], options={'verify_signature': False})
    assert claims['appid'] == cloud.directory.managed_identity('soar-engine').client_id
    assert http.graph('/users/ada@contoso.example/messages', answer['access_token']).status_code == 200


@pytest.mark.parametrize(
    'claims, number',
    [({'aud': ['api://AzureADTokenExchange']}, 700212), ({'sub': OTHER_SUBJECT}, 700213), ({'exp': 1}, 700024)],
)
def test_another_token_is_refused(cloud: MicrosoftCloud, claims: dict[str, Any], number: int) -> None:
    _status, answer = ask(cloud, client_assertion=cloud.cluster.token(cloud.clock, **claims))
    assert answer['error_codes'] == [number]


@pytest.mark.parametrize(
    'changes, number', [({'client_assertion': 'a.b.c'}, 50027), ({'grant_type': 'password'}, 70003), ({'scope': 'x'}, 1002012)]
)
def test_another_request_is_refused(cloud: MicrosoftCloud, changes: dict[str, str], number: int) -> None:
    assert ask(cloud, **changes)[1]['error_codes'] == [number]


def test_an_identity_without_a_binding_is_refused(cloud: MicrosoftCloud) -> None:
    status, answer = ask(cloud, client_id=cloud.directory.managed_identity('azure-vm').client_id)
    assert (status, answer['error']) == (403, 'unauthorized_client')


def test_entra_itself_refuses_the_token(cloud: MicrosoftCloud, http: HttpClient) -> None:
    pod = cloud.host_environment('aks')
    answer = http.application_token(
        client_secret='',
        client_assertion_type='urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion=Path(pod['AZURE_FEDERATED_TOKEN_FILE']).read_text(),
    )
    assert answer.status_code == 401


@pytest.mark.parametrize('settings', [{'server_hostname': 'localhost'}, {'ca_certs': None}], ids=['another name', 'no CA'])
def test_the_proxy_has_a_name_and_an_authority_of_its_own(cloud: MicrosoftCloud, settings: dict[str, Any]) -> None:
    with closing(pool(cloud, **settings)) as connections, pytest.raises(urllib3.exceptions.SSLError):
        connections.request('POST', '/')
