"""MSAL and azure-identity sign in to the local cloud in each way, unchanged: it speaks what Microsoft's own clients expect."""

import base64
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import azure.identity
import jwt
import msal
import pytest
import requests

from sandbox.microsoft.browser import Browser
from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.client_authentication import ClientAuthentication
from sandbox.microsoft.entra.model import Application, FederatedCredential
from sandbox.microsoft.metadata.arc_keys import ARC_KEY_FOLDER
from sandbox.microsoft.metadata.errors import ArcKeyFolderError
from sandbox.tests.microsoft.clients import TENANT, HttpClient

ADA = 'ada@contoso.example'
SCOPES = ['User.Read', 'Mail.ReadWrite']


@pytest.fixture(autouse=True)
def trusted(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """These clients read the environment: it names the local CA, no proxy, and no identity endpoint."""
    for name in ('CURL_CA_BUNDLE', 'IDENTITY_ENDPOINT', 'IDENTITY_HEADER', 'IMDS_ENDPOINT', 'MSI_ENDPOINT', 'MSI_SECRET'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    monkeypatch.setenv('NO_PROXY', 'localhost,127.0.0.1')


def confidential(cloud: MicrosoftCloud, application: Application, credential: object) -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        application.client_id,
        client_credential=credential,
        verify=cloud.ca_file,
        authority=f'{cloud.authority}/{TENANT}',
        instance_discovery=False,
    )


def arguments(cloud: MicrosoftCloud) -> dict[str, Any]:
    """Return what every azure-identity credential is told about the local cloud."""
    return {'authority': cloud.authority, 'disable_instance_discovery': True, 'connection_verify': cloud.ca_file}


def subjects_read(http: HttpClient, path: str, token: str) -> int:
    answer = http.graph(path, token)
    assert answer.status_code == 200, answer.text
    return len(answer.json()['value'])


def certificate_by_thumbprint(application: Application) -> dict[str, str]:
    return {'private_key': application.certificate.private_key_pem, 'thumbprint': application.certificate.sha1_thumbprint}


def certificate_itself(application: Application) -> dict[str, str]:
    return {'private_key': application.certificate.private_key_pem, 'public_certificate': application.certificate.certificate_pem}


@pytest.mark.parametrize(
    'credential',
    [lambda application: application.secret, certificate_by_thumbprint, certificate_itself],
    ids=['secret', 'certificate-rs256', 'certificate-ps256'],
)
def test_msal_signs_in_as_application(
    cloud: MicrosoftCloud, http: HttpClient, daemon: Application, credential: Callable[[Application], object]
) -> None:
    result = confidential(cloud, daemon, credential(daemon)).acquire_token_for_client([f'{cloud.graph}/.default'])
    assert result['expires_in'] == 3599
    assert subjects_read(http, f'/users/{ADA}/messages', result['access_token']) == 10


def test_msal_sends_the_two_kinds_of_assertion(
    cloud: MicrosoftCloud, daemon: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    original = ClientAuthentication.check

    def note(self: ClientAuthentication, application: Application, form: dict[str, str], audiences: set[str]) -> bool:
        sent.append(jwt.get_unverified_header(form['client_assertion']))
        return original(self, application, form, audiences)

    monkeypatch.setattr(ClientAuthentication, 'check', note)
    for credential in (certificate_by_thumbprint(daemon), certificate_itself(daemon)):
        assert 'access_token' in confidential(cloud, daemon, credential).acquire_token_for_client([f'{cloud.graph}/.default'])
    assert [header['alg'] for header in sent] == ['RS256', 'PS256']
    assert sent[0]['x5t'].rstrip('=') == daemon.certificate.x5t
    assert sent[1]['x5t#S256'].rstrip('=') == daemon.certificate.x5t_s256


def test_msal_signs_in_with_code_and_pkce_then_refreshes(cloud: MicrosoftCloud, http: HttpClient, web: Application) -> None:
    client = confidential(cloud, web, web.secret)
    with pytest.warns(UserWarning, match='form_post'):
        flow = client.initiate_auth_code_flow(SCOPES, redirect_uri=web.redirect_uris[0])
    redirect_url = Browser(cloud, ADA).sign_in(flow['auth_uri'])
    query = {name: values[0] for name, values in parse_qs(urlsplit(redirect_url).query).items()}
    result = client.acquire_token_by_auth_code_flow(flow, query)
    assert result['id_token_claims']['preferred_username'] == ADA
    assert http.graph('/me', result['access_token']).json()['userPrincipalName'] == ADA
    refreshed = client.acquire_token_silent(SCOPES, account=client.get_accounts()[0], force_refresh=True)
    assert refreshed['token_source'] == 'identity_provider'
    assert refreshed['access_token'] != result['access_token']
    assert http.graph('/me', refreshed['access_token']).status_code == 200


@contextmanager
def entering_the_code(browser: Browser) -> Iterator[Callable[[str, str], None]]:
    """Give a function that enters a device code in another thread, and pass on what went wrong there."""
    failures: list[BaseException] = []
    threads: list[threading.Thread] = []

    def enter(uri: str, code: str) -> None:
        def work() -> None:
            try:
                browser.enter_device_code(uri, code)
            except Exception as error:
                failures.append(error)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield enter
    for thread in threads:
        thread.join()
    assert not failures


def test_msal_signs_in_with_device_code(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.directory.device_code_interval = 1
    device = cloud.directory.application('device')
    client = msal.PublicClientApplication(
        device.client_id, authority=f'{cloud.authority}/{TENANT}', verify=cloud.ca_file, instance_discovery=False
    )
    flow = client.initiate_device_flow(SCOPES)
    with entering_the_code(Browser(cloud, ADA)) as enter:
        enter(flow['verification_uri'], flow['user_code'])
        result = client.acquire_token_by_device_flow(flow)
    assert http.graph('/me', result['access_token']).json()['userPrincipalName'] == ADA
    assert 'refresh_token' in result


def test_azure_identity_signs_in_with_secret(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    credential = azure.identity.ClientSecretCredential(TENANT, daemon.client_id, daemon.secret, **arguments(cloud))
    with closing(credential):
        token = credential.get_token(f'{cloud.graph}/.default').token
    assert subjects_read(http, f'/users/{ADA}/messages', token) == 10


@pytest.mark.parametrize('sends_chain', [False, True])
def test_azure_identity_signs_in_with_certificate(
    cloud: MicrosoftCloud, http: HttpClient, daemon: Application, sends_chain: bool
) -> None:
    pem = (daemon.certificate.private_key_pem + daemon.certificate.certificate_pem).encode()
    credential = azure.identity.CertificateCredential(
        TENANT, daemon.client_id, certificate_data=pem, send_certificate_chain=sends_chain, **arguments(cloud)
    )
    with closing(credential):
        token = credential.get_token(f'{cloud.graph}/.default').token
    assert subjects_read(http, f'/users/{ADA}/messages', token) == 10


def test_azure_identity_signs_in_with_code(cloud: MicrosoftCloud, http: HttpClient, web: Application) -> None:
    redirect_uri = web.redirect_uris[0]
    redirect_url = Browser(cloud, ADA).sign_in(
        f'{cloud.authority}/{TENANT}/oauth2/v2.0/authorize?client_id={web.client_id}&response_type=code'
        f'&redirect_uri={redirect_uri}&scope=offline_access%20User.Read'
    )
    code = parse_qs(urlsplit(redirect_url).query)['code'][0]
    credential = azure.identity.AuthorizationCodeCredential(
        TENANT, web.client_id, code, redirect_uri, client_secret=web.secret, **arguments(cloud)
    )
    with closing(credential):
        token = credential.get_token('User.Read').token
    assert http.graph('/me', token).json()['userPrincipalName'] == ADA


def test_azure_identity_signs_in_with_device_code(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.directory.device_code_interval = 1
    device = cloud.directory.application('device')
    with entering_the_code(Browser(cloud, ADA)) as enter:
        credential = azure.identity.DeviceCodeCredential(
            device.client_id, tenant_id=TENANT, prompt_callback=lambda uri, code, _expires: enter(uri, code), **arguments(cloud)
        )
        token = credential.get_token(*SCOPES).token
    assert http.graph('/me', token).json()['userPrincipalName'] == ADA


def test_azure_identity_signs_in_with_the_federated_token_of_a_pod(
    cloud: MicrosoftCloud, http: HttpClient, daemon: Application, tmp_path: Path
) -> None:
    cluster = certificate('cluster')
    issuer, subject = 'https://oidc.example/cluster', 'system:serviceaccount:soar:engine'
    daemon.federated_credentials.append(FederatedCredential(issuer=issuer, subject=subject, public_key=cluster.public_key))
    now = int(cloud.clock.now())
    claims = {'iss': issuer, 'sub': subject, 'aud': ['api://AzureADTokenExchange'], 'iat': now, 'nbf': now, 'exp': now + 3600}
    file = tmp_path / 'azure-identity-token'
    file.write_text(jwt.encode(claims, cluster.private_key_pem, algorithm='RS256'))
    credential = azure.identity.WorkloadIdentityCredential(
        tenant_id=TENANT, client_id=daemon.client_id, token_file_path=str(file), **arguments(cloud)
    )
    with closing(credential):
        token = credential.get_token(f'{cloud.graph}/.default').token
    assert subjects_read(http, f'/users/{ADA}/messages', token) == 10
    assert jwt.decode(token, options={'verify_signature': False})['appid'] == daemon.client_id


def test_msal_is_told_why_an_application_cannot_use_an_endpoint_or_a_scope(cloud: MicrosoftCloud, daemon: Application) -> None:
    client = confidential(cloud, daemon, daemon.secret)
    assert client.acquire_token_for_client(['User.Read'])['error_codes'] == [1002012]
    personal = msal.ConfidentialClientApplication(
        daemon.client_id,
        client_credential=daemon.secret,
        verify=cloud.ca_file,
        authority=f'{cloud.authority}/consumers',
        instance_discovery=False,
    )
    assert personal.acquire_token_for_client([f'{cloud.graph}/.default'])['error_codes'] == [9002332]


def test_azure_identity_gets_a_token_for_the_second_resource(
    cloud: MicrosoftCloud, http: HttpClient, daemon: Application
) -> None:
    credential = azure.identity.ClientSecretCredential(TENANT, daemon.client_id, daemon.secret, **arguments(cloud))
    with closing(credential):
        token = credential.get_token(f'{cloud.resource_manager}/.default').token
    answer = http.get(f'{cloud.resource_manager}/subscriptions', token, {'api-version': '2022-12-01'})
    assert [known['displayName'] for known in answer.json()['value']] == ['Contoso security']


def test_msal_answers_a_claims_challenge(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    client = msal.ConfidentialClientApplication(
        daemon.client_id,
        client_credential=daemon.secret,
        verify=cloud.ca_file,
        authority=f'{cloud.authority}/{TENANT}',
        instance_discovery=False,
        client_capabilities=['CP1'],
    )
    scope = [f'{cloud.graph}/.default']
    daemon.require_claims()
    refused = http.graph(f'/users/{ADA}/messages', client.acquire_token_for_client(scope)['access_token'])
    assert refused.status_code == 401
    challenge = base64.b64decode(refused.headers['WWW-Authenticate'].split('claims="')[1].split('"')[0]).decode()
    accepted = client.acquire_token_for_client(scope, claims_challenge=challenge)
    assert http.graph(f'/users/{ADA}/messages', accepted['access_token']).status_code == 200
    assert jwt.decode(accepted['access_token'], options={'verify_signature': False})['xms_cc'] == ['CP1']


def live_on(host: str, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Make this process live on ``host``. False where a user may not write Arc's key folder; then the reason must be told."""
    nearest = next(folder for folder in (ARC_KEY_FOLDER, *ARC_KEY_FOLDER.parents) if folder.exists())
    if host == 'arc' and not os.access(nearest, os.W_OK):
        with pytest.raises(ArcKeyFolderError, match=str(ARC_KEY_FOLDER)):
            cloud.host_environment(host)
        return False
    for variable, value in cloud.host_environment(host).items():
        monkeypatch.setenv(variable, value)
    return True


IDENTITIES = [
    ('azure-vm', 'azure-vm'),
    ('azure-vm', 'soar-engine'),
    ('app-service', 'app-service'),
    ('app-service', 'soar-engine'),
    ('arc', 'arc'),
]


@pytest.mark.parametrize('host, name', IDENTITIES)
def test_msal_uses_managed_identity(
    cloud: MicrosoftCloud, http: HttpClient, monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    if not live_on(host, cloud, monkeypatch):
        return
    identity = cloud.directory.managed_identity(name)
    named = (
        msal.UserAssignedManagedIdentity(client_id=identity.client_id)
        if identity.is_user_assigned
        else msal.SystemAssignedManagedIdentity()
    )
    with closing(requests.Session()) as session:
        result = msal.ManagedIdentityClient(named, http_client=session).acquire_token_for_client(resource=cloud.graph)
    assert subjects_read(http, f'/users/{ADA}/messages', result['access_token']) == 10
    assert jwt.decode(result['access_token'], options={'verify_signature': False})['oid'] == identity.object_id


@pytest.mark.parametrize('host, name', IDENTITIES)
def test_azure_identity_uses_managed_identity(
    cloud: MicrosoftCloud, http: HttpClient, monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    if not live_on(host, cloud, monkeypatch):
        return
    identity = cloud.directory.managed_identity(name)
    client_id = identity.client_id if identity.is_user_assigned else None
    credential = azure.identity.ManagedIdentityCredential(client_id=client_id)
    with closing(credential):
        token = credential.get_token(f'{cloud.graph}/.default').token
    assert subjects_read(http, f'/users/{ADA}/messages', token) == 10
    assert jwt.decode(token, options={'verify_signature': False})['oid'] == identity.object_id


def test_the_documents_of_discovery_verify_a_token(cloud: MicrosoftCloud, http: HttpClient) -> None:
    """As a resource would: keys from the JWKS that the configuration names, issuer and audience as it says."""
    configuration = http.get(f'{cloud.authority}/{TENANT}/v2.0/.well-known/openid-configuration').json()
    keys = jwt.PyJWKSet.from_dict(http.get(configuration['jwks_uri']).json())
    token = http.application_token().json()['access_token']
    key = next(known for known in keys.keys if known.key_id == jwt.get_unverified_header(token)['kid'])
    claims = jwt.decode(token, key, algorithms=['RS256'], audience=cloud.graph, issuer=configuration['issuer'])
    assert claims['roles'] == ['Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite']
    assert claims['tid'] == cloud.directory.tenant(TENANT).tenant_id


@pytest.mark.parametrize(
    'name, tenant',
    [('common', '{tenantid}'), ('organizations', '{tenantid}'), ('consumers', '9188040d-6c67-4c5b-b112-36a304b66dad')],
)
def test_discovery_knows_the_endpoints_of_many_tenants(cloud: MicrosoftCloud, http: HttpClient, name: str, tenant: str) -> None:
    configuration = http.get(f'{cloud.authority}/{name}/v2.0/.well-known/openid-configuration').json()
    assert configuration['issuer'] == f'{cloud.authority}/{tenant}/v2.0'
    assert configuration['token_endpoint'] == f'{cloud.authority}/{name}/oauth2/v2.0/token'


def test_instance_discovery_names_the_authority(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = http.get(f'{cloud.authority}/common/discovery/instance').json()
    assert answer['metadata'][0]['aliases'] == [cloud.authority.removeprefix('https://')]
    assert http.get(answer['tenant_discovery_endpoint']).json()['issuer'] == f'{cloud.authority}/{{tenantid}}/v2.0'
