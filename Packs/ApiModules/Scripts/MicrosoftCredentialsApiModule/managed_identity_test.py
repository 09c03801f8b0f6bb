"""Unit tests of managed identities: on each kind of host, and in a pod."""

import json
import ssl
from pathlib import Path
from typing import Any

import jwt
import MicrosoftCredentialsApiModule
import pytest
from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError
from MicrosoftCoreApiModule_test import says
from MicrosoftTokenRequestApiModule_test import ScriptedService
from MicrosoftTokenRequestApiModule import (
    SignInRefusedError,
    SignInUnavailableError,
    TokenClient,
    TokenRequest,
    TokenTarget,
)
from MicrosoftCredentialsApiModule import (
    MANAGED_IDENTITY_RETRIES,
    AppService,
    AzureArc,
    ManagedIdentityCredential,
    VirtualMachine,
)
from MicrosoftCredentialsApiModule_test import CLIENT, NOTHING, OWN, SECRET, TENANT, VIRTUAL_MACHINE

OTHER_ID = '11111111-2222-3333-4444-555555555555'
RESOURCE = TokenTarget(resource='https://graph.microsoft.com')
APP_SERVICE_HOST = {'IDENTITY_ENDPOINT': 'http://127.0.0.1:1/msi', 'IDENTITY_HEADER': SECRET}
APP_SERVICE_HEADERS = {'X-IDENTITY-HEADER': SECRET, 'Metadata': 'true'}
ARC_HOST = {'IDENTITY_ENDPOINT': 'http://127.0.0.1:1/arc', 'IMDS_ENDPOINT': 'http://127.0.0.1:1'}


@pytest.mark.parametrize(
    'environment, client_id, url, version, header',
    [
        ({}, '', 'http://169.254.169.254/metadata/identity/oauth2/token', '2018-02-01', {'Metadata': 'true'}),
        ({}, CLIENT, 'http://169.254.169.254/metadata/identity/oauth2/token', '2018-02-01', {'Metadata': 'true'}),
        (
            {'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://10.0.0.1:80/'},
            '',
            'http://10.0.0.1:80/metadata/identity/oauth2/token',
            '2018-02-01',
            {'Metadata': 'true'},
        ),
        (
            {'IDENTITY_ENDPOINT': 'http://x'},
            '',
            'http://169.254.169.254/metadata/identity/oauth2/token',
            '2018-02-01',
            {'Metadata': 'true'},
        ),
        (
            {'IDENTITY_HEADER': 'h', 'IMDS_ENDPOINT': 'http://x'},
            '',
            'http://169.254.169.254/metadata/identity/oauth2/token',
            '2018-02-01',
            {'Metadata': 'true'},
        ),
        (APP_SERVICE_HOST, '', 'http://127.0.0.1:1/msi', '2019-08-01', APP_SERVICE_HEADERS),
        (APP_SERVICE_HOST, CLIENT, 'http://127.0.0.1:1/msi', '2019-08-01', APP_SERVICE_HEADERS),
        ({**APP_SERVICE_HOST, **ARC_HOST}, '', 'http://127.0.0.1:1/arc', '2019-08-01', APP_SERVICE_HEADERS),
        (ARC_HOST, '', 'http://127.0.0.1:1/arc', '2020-06-01', {'Metadata': 'true'}),
        (ARC_HOST, CLIENT, 'http://127.0.0.1:1/arc', '2020-06-01', {'Metadata': 'true'}),
    ],
)
def test_the_environment_tells_the_kind_of_host(
    environment: dict[str, str],
    client_id: str,
    url: str,
    version: str,
    header: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(tmp_path / 'missing'))
    request = ManagedIdentityCredential(client_id, environment).token_request(RESOURCE, NOTHING)
    named = {'client_id': client_id} if client_id else {}
    assert (request.method, request.url, request.headers) == ('GET', url, header)
    assert request.params == {'api-version': version, 'resource': 'https://graph.microsoft.com', **named}
    assert request.is_host_service
    assert request.retry_policy is MANAGED_IDENTITY_RETRIES
    assert request.connect_timeout == 2
    assert SECRET not in repr(request)


@pytest.mark.parametrize(
    'environment, url',
    [
        ({}, 'http://localhost:40342/metadata/identity/oauth2/token'),
        ({'IDENTITY_ENDPOINT': 'http://x'}, 'http://localhost:40342/metadata/identity/oauth2/token'),
        (ARC_HOST, 'http://127.0.0.1:1/arc'),
        (APP_SERVICE_HOST, 'http://127.0.0.1:1/msi'),
        ({'AZURE_POD_IDENTITY_AUTHORITY_HOST': 'http://10.0.0.1'}, 'http://10.0.0.1/metadata/identity/oauth2/token'),
    ],
)
@pytest.mark.usefixtures('key_folder')
def test_the_key_folder_tells_an_arc_machine_without_variables(environment: dict[str, str], url: str) -> None:
    assert ManagedIdentityCredential('', environment).token_request(RESOURCE, NOTHING).url == url


def test_the_environment_is_by_default_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AZURE_POD_IDENTITY_AUTHORITY_HOST', 'http://10.0.0.7')
    monkeypatch.delenv('IDENTITY_ENDPOINT', raising=False)
    assert ManagedIdentityCredential().token_request(RESOURCE, NOTHING).url.startswith('http://10.0.0.7/')


@pytest.mark.parametrize('kind', [VirtualMachine, AppService])
def test_other_hosts_need_no_challenge(kind: type[VirtualMachine]) -> None:
    request = TokenRequest('GET', 'http://127.0.0.1:1')
    assert kind(APP_SERVICE_HOST).authenticate(request, TokenClient()) is request


@pytest.fixture
def key_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the folder of Arc's key files, which only root can create."""
    folder = tmp_path / 'tokens'
    folder.mkdir()
    (folder / 'good.key').write_text('the key\n')
    (tmp_path / 'outside.key').write_text('another secret')
    (folder / 'link.key').symlink_to(tmp_path / 'outside.key')
    (folder / 'good.txt').write_text('no key')
    (folder / 'folder.key').mkdir()
    (folder / 'just-right.key').write_text('k' * AzureArc.MAX_KEY_SIZE)
    (folder / 'large.key').write_text('k' * (AzureArc.MAX_KEY_SIZE + 1))
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(folder))
    return folder


def authorization_for_arc(challenge: str, status: int = 401) -> str:
    """What Arc is sent once it has responded with `challenge`."""
    with ScriptedService([(status, {'WWW-Authenticate': challenge} if challenge else {}, '{}')]) as service:
        host = AzureArc({'IDENTITY_ENDPOINT': service.url})
        return host.authenticate(host.request('r', ''), TokenClient()).headers['Authorization']


@pytest.mark.parametrize('name, key', [('good.key', 'the key'), ('just-right.key', 'k' * 4096)])
@pytest.mark.parametrize('form', ['Basic realm={}', 'Basic realm="{}"'])
def test_the_key_file_of_arc_is_read_and_sent(key_folder: Path, name: str, key: str, form: str) -> None:
    assert authorization_for_arc(form.format(key_folder / name)) == f'Basic {key}'


@pytest.mark.parametrize(
    'path, says',
    [
        ('{folder}/../outside.key', 'outside of its own folder'),
        ('{folder}/link.key', 'outside of its own folder'),
        ('{folder}/good.txt', 'outside of its own folder'),
        ('/etc/passwd', 'outside of its own folder'),
        ('good.key', 'outside of its own folder'),
        ('{folder}.key', 'outside of its own folder'),
        ('{folder}/large.key', 'too large'),
        ('{folder}/missing.key', 'Mount'),
        ('{folder}/folder.key', 'Mount'),
    ],
)
def test_other_files_are_not_read(key_folder: Path, path: str, says: str) -> None:
    with pytest.raises(SignInRefusedError, match=says) as refused:
        authorization_for_arc(f'Basic realm={path.format(folder=key_folder)}')
    assert 'secret' not in str(refused.value)


@pytest.mark.parametrize(
    'challenge, status, kind',
    [
        ('', 401, SignInRefusedError),
        ('Bearer realm=x', 401, SignInRefusedError),
        ('', 400, SignInRefusedError),
        ('Basic realm=x', 403, SignInRefusedError),
        ('Basic realm=x', 200, SignInUnavailableError),
    ],
)
def test_a_response_without_a_challenge_is_an_error(challenge: str, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        authorization_for_arc(challenge, status)


MOUNT = (
    'The key file of the Azure Arc agent cannot be read. '
    'Mount the folder /var/opt/azcmagent/tokens of the host into the container of the integration.'
)


@pytest.mark.parametrize(
    'path, message',
    [
        ('{folder}/missing.key', MOUNT),
        ('{folder}/folder.key', MOUNT),
        ('{folder}/large.key', 'The key file of the Azure Arc agent is too large. Check the agent of this machine.'),
        *(
            (path, 'The Azure Arc agent named a key file outside of its own folder. Check the agent of this machine.')
            for path in ('{folder}/../outside.key', '{folder}/good\0.key')
        ),
    ],
)
def test_an_error_of_the_agent_says_what_to_do(key_folder: Path, path: str, message: str) -> None:
    with pytest.raises(SignInRefusedError, match=says(message)):
        authorization_for_arc(f'Basic realm={path.format(folder=key_folder)}')


def refuse_to_open(*_args: Any, **_kwargs: Any) -> Any:
    raise PermissionError


def test_a_key_file_that_may_not_be_read_needs_the_group_of_the_agent(key_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MicrosoftCredentialsApiModule, 'open', refuse_to_open, raising=False)
    message = (
        f'The user that runs the integration has no permission to read {key_folder}/good.key. '
        'Add this user to the group himds on this machine.'
    )
    with pytest.raises(SignInRefusedError, match=says(message)):
        authorization_for_arc(f'Basic realm={key_folder}/good.key')


@pytest.mark.parametrize('variable', ['AZURE_FEDERATED_TOKEN_FILE', 'AZURE_KUBERNETES_CA_FILE'])
def test_a_file_of_a_pod_that_may_not_be_read_is_named(
    bound_pod: dict[str, str], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    def open_others(path: str, **options: Any) -> Any:
        return refuse_to_open() if path == bound_pod[variable] else open(path, **options)

    monkeypatch.setattr(MicrosoftCredentialsApiModule, 'open', open_others, raising=False)
    message = (
        f'The user that runs the integration has no permission to read {bound_pod[variable]}. Allow this user to read the file.'
    )
    with pytest.raises(SignInRefusedError, match=says(message)):
        ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING)


def test_an_agent_that_sends_a_token_without_a_challenge_is_rejected() -> None:
    message = (
        'The sign-in service at service.example responded with a token in place of a challenge. '
        'Run the container of the integration in the network of the host. If the host has just started, wait a minute.'
    )
    with pytest.raises(SignInUnavailableError, match=says(message)):
        authorization_for_arc('Basic realm=x', 200)


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of a pod with workload identity, in the worldwide cloud."""
    (tmp_path / 'token').write_text('a.federated.token\n')
    return {
        'AZURE_FEDERATED_TOKEN_FILE': str(tmp_path / 'token'),
        'AZURE_TENANT_ID': TENANT,
        'AZURE_CLIENT_ID': CLIENT,
    }


@pytest.mark.parametrize(
    'of_cloud, authority',
    [
        ({}, 'https://login.microsoftonline.com'),
        ({'AZURE_AUTHORITY_HOST': ''}, 'https://login.microsoftonline.com'),
        ({'AZURE_AUTHORITY_HOST': 'https://login.microsoftonline.us/'}, 'https://login.microsoftonline.us'),
    ],
)
def test_a_pod_requests_a_token_with_its_federated_token(pod: dict[str, str], of_cloud: dict[str, str], authority: str) -> None:
    request = ManagedIdentityCredential(environment={**pod, **of_cloud}).token_request(RESOURCE, NOTHING)
    assert (request.method, request.url) == ('POST', f'{authority}/{TENANT}/oauth2/v2.0/token')
    assert request.form == {
        'grant_type': 'client_credentials',
        'client_id': CLIENT,
        'client_assertion_type': 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        'client_assertion': 'a.federated.token',
        'scope': 'https://graph.microsoft.com/.default',
    }
    assert not request.is_host_service
    other = ManagedIdentityCredential(OTHER_ID, pod).token_request(RESOURCE, NOTHING)
    assert other.form['client_id'] == OTHER_ID


@pytest.fixture
def bound_pod(pod: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of a pod with an identity binding."""
    (tmp_path / 'token').write_text(jwt.encode({'aud': ['api://AKSIdentityBinding']}, 'x' * 32, algorithm='HS256'))
    (tmp_path / 'ca.crt').write_text(OWN.certificate_pem)
    return {
        **pod,
        'AZURE_KUBERNETES_TOKEN_PROXY': 'https://10.0.0.1/proxy/',
        'AZURE_KUBERNETES_SNI_NAME': 'a0.ests.aks',
        'AZURE_KUBERNETES_CA_FILE': str(tmp_path / 'ca.crt'),
    }


@pytest.mark.parametrize('source', ['file', 'data'])
def test_a_pod_with_an_identity_binding_asks_the_proxy_of_its_cluster(bound_pod: dict[str, str], source: str) -> None:
    if source == 'data':
        bound_pod['AZURE_KUBERNETES_CA_DATA'] = Path(bound_pod.pop('AZURE_KUBERNETES_CA_FILE')).read_text()
    request = ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING)
    assert request.url == f'https://10.0.0.1/proxy/{TENANT}/oauth2/v2.0/token'
    assert request.is_host_service
    assert request.adapter is not None
    pool = request.adapter.poolmanager.connection_pool_kw  # type: ignore[attr-defined]
    assert (pool['server_hostname'], pool['ssl_context'].cert_store_stats()['x509']) == ('a0.ests.aks', 1)
    assert pool['ssl_context'].verify_mode == ssl.CERT_REQUIRED


def test_a_proxy_without_a_name_and_certificates_of_its_own_is_verified_as_others(bound_pod: dict[str, str]) -> None:
    for name in ('AZURE_KUBERNETES_SNI_NAME', 'AZURE_KUBERNETES_CA_FILE'):
        del bound_pod[name]
    adapter = ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING).adapter
    pool = adapter.poolmanager.connection_pool_kw  # type: ignore[union-attr]
    assert pool['server_hostname'] is None
    assert (pool['ssl_context'].verify_mode, pool['ssl_context'].check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            {'AZURE_KUBERNETES_TOKEN_PROXY': 'http://x.example'},
            'AZURE_KUBERNETES_TOKEN_PROXY is not an https address. Enter the full address, starting with https://.',
        ),
        (
            {'AZURE_KUBERNETES_CA_DATA': 'x'},
            'AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA cannot be combined. Set one of them.',
        ),
        (
            {'AZURE_KUBERNETES_CA_FILE': '/nowhere'},
            'The certificates in AZURE_KUBERNETES_CA_FILE cannot be read. Mount the file into the container of the integration.',
        ),
        *(
            (
                {'AZURE_KUBERNETES_CA_FILE': '', 'AZURE_KUBERNETES_CA_DATA': data},
                'The certificates in AZURE_KUBERNETES_CA_DATA cannot be read. Paste them in PEM format.',
            )
            for data in ('x', 'not ASCII: \xe4')
        ),
        (
            {'AZURE_KUBERNETES_TOKEN_PROXY': ''},
            'The federated token of this pod is for an identity binding, but AZURE_KUBERNETES_TOKEN_PROXY is not set. Pass it on '
            'to the container of the integration, with AZURE_KUBERNETES_SNI_NAME and AZURE_KUBERNETES_CA_FILE.',
        ),
    ],
)
def test_a_variable_of_an_identity_binding_that_cannot_be_used_is_named(
    bound_pod: dict[str, str], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        ManagedIdentityCredential(environment={**bound_pod, **changes}).token_request(RESOURCE, NOTHING)


def test_a_refusal_of_the_proxy_and_of_its_certificate_have_their_own_advice(bound_pod: dict[str, str]) -> None:
    request = ManagedIdentityCredential(environment=bound_pod).token_request(RESOURCE, NOTHING)
    by_code = request.advice_by_code
    binding = 'Check the identity binding of the managed identity, and that the service account may use it.'
    tls = 'Check AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_SNI_NAME in the container of the integration.'
    assert {request.refusal_advice, *(by_code[f'AADSTS{number}'] for number in (700211, 700212, 700213))} == {binding}
    assert {by_code[code] for code in ('untrusted_certificate', 'no_tls')} == {tls}


def test_service_fabric_is_refused() -> None:
    environment = {**APP_SERVICE_HOST, 'IDENTITY_SERVER_THUMBPRINT': 'AB' * 20}
    message = 'A managed identity of Service Fabric is not supported. Use an application, or an engine on another Azure host.'
    with pytest.raises(CredentialError, match=says(message)):
        ManagedIdentityCredential(environment=environment)


def test_a_pod_reads_its_federated_token_again_for_each_retry(pod: dict[str, str]) -> None:
    request = ManagedIdentityCredential(environment=pod).token_request(RESOURCE, NOTHING)
    Path(pod['AZURE_FEDERATED_TOKEN_FILE']).write_text('a.newer.token')
    assert request.rebuild
    assert request.rebuild().form == {**request.form, 'client_assertion': 'a.newer.token'}


@pytest.mark.parametrize('content', [None, b'', b'no token', b'a.b', b'a.b.c.d', b'\xff.b.c'])
def test_a_pod_without_a_federated_token_says_what_it_needs(pod: dict[str, str], content: bytes | None) -> None:
    file = Path(pod['AZURE_FEDERATED_TOKEN_FILE'])
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    message = (
        f'The federated token of this pod cannot be read from {file}. '
        'Use a service account with workload identity, and label the pod azure.workload.identity/use: "true".'
    )
    with pytest.raises(SignInRefusedError, match=says(message)):
        ManagedIdentityCredential(environment=pod).token_request(RESOURCE, NOTHING)


FEDERATION = 'Check the federated credential of the managed identity or application, and its client ID.'
ISSUER = 'Try again in a few minutes. If the error persists, check that the issuer URL of the cluster and its keys are public.'


@pytest.mark.parametrize(
    'number, advice, tries',
    [
        (7000215, FEDERATION, 1),
        (50166, ISSUER, 4),
        (90061, ISSUER, 4),
        (700211, 'Compare issuer, subject and audience of the federated credential with the token of this pod.', 4),
    ],
)
def test_a_refused_pod_retries_transient_codes_and_says_what_to_check(
    pod: dict[str, str], number: int, advice: str, tries: int
) -> None:
    body = json.dumps({'error': 'invalid_client', 'error_description': f'AADSTS{number}: Refused.'})
    with ScriptedService([(400, {'Retry-After': '0'}, body)]) as service, pytest.raises(SignInRefusedError) as refused:
        ManagedIdentityCredential(environment=pod).request_token(TokenClient(), RESOURCE, NOTHING)
    assert str(refused.value) == f'Microsoft refused the sign-in: AADSTS{number}: Refused. {advice}'
    assert len(service.seen) == tries


IDENTITY = (
    'Turn on the managed identity of this Azure host, and check Azure Managed Identities Client ID, which is not the object ID.'
)
IN_RULES = f'{IDENTITY} If its Metadata Security Protocol is on, allow the containers of the engine in the rules.'
NO_HOST = (
    'Choose an engine on an Azure host with a managed identity. On App Service, pass the variables IDENTITY_ENDPOINT and '
    'IDENTITY_HEADER of the host to the container of the integration. On Azure Arc, give it the network of the host and '
    'the folder /var/opt/azcmagent/tokens.'
)


@pytest.mark.parametrize(
    'status, body, text',
    [
        (
            400,
            '{"error": "invalid_request", "error_description": "Identity not found"}',
            f'Microsoft refused the sign-in: Identity not found. {IDENTITY}',
        ),
        (403, '', f'HTTP status 403. {IN_RULES}'),
        (421, '', f'HTTP status 421. {IN_RULES}'),
        (401, '', f'HTTP status 401. {IDENTITY}'),
        (403, '<html>', f'The service at 169.254.169.254 is not an Azure identity endpoint (HTTP status 403). {NO_HOST}'),
        (405, '', f'The service at 169.254.169.254 is not an Azure identity endpoint (HTTP status 405). {NO_HOST}'),
        (404, '', f'HTTP status 404. Try again in a few minutes. {NO_HOST}'),
        (500, '', f'HTTP status 500. Try again in a few minutes. {IDENTITY}'),
        (200, '', f'something that is not a JSON object. {NO_HOST}'),
    ],
)
def test_an_error_of_a_virtual_machine_says_what_to_do(status: int, body: str, text: str) -> None:
    client = TokenClient().without_retries(9)
    with ScriptedService([(status, {}, body)]), pytest.raises(MicrosoftSignInError) as error:
        ManagedIdentityCredential(environment=VIRTUAL_MACHINE).request_token(client, RESOURCE, NOTHING)
    answered = str(error.value).removeprefix('The sign-in service at 169.254.169.254 responded with ')
    assert answered == text
