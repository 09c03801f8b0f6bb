"""Reports from the field: a pod of AKS with an identity binding signs in through the token proxy of its cluster (S17)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MANAGED_IDENTITIES_SYSTEM_ASSIGNED
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenRequestApiModule import AccessToken

Report = Callable[[str, str, str, str], None]
OLD = 'AADSTS700212: compare issuer, subject and audience'
OF_WORKLOAD_IDENTITY = ('AZURE_FEDERATED_TOKEN_FILE', 'AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_AUTHORITY_HOST')
CHECK_BINDING = 'Check the identity binding of the managed identity, and that the service account may use it.'
CHECK_TLS = 'Check AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_SNI_NAME in the container of the integration.'


class BoundPod:
    """A pod whose service account has an identity binding."""

    def __init__(self, workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workbench, self._monkeypatch = workbench, monkeypatch
        self.identity = workbench.cloud.directory.managed_identity('soar-engine')
        self.environment = workbench.cloud.host_environment('aks')

    def write_token(self, **claims: Any) -> None:
        token = self.workbench.cloud.cluster.token(self.workbench.cloud.clock, **claims)
        Path(self.environment['AZURE_FEDERATED_TOKEN_FILE']).write_text(token)

    def ask(self, client_id: str = '', **settings: Any) -> AccessToken | MicrosoftSignInError:
        for name, value in self.environment.items():
            self._monkeypatch.setenv(name, value)
        return self.workbench.ask_for(
            {
                'managed_identities_client_id': client_id or MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
                'managed_identities_resource_uri': self.workbench.cloud.graph,
                **settings,
            }
        )

    def requests(self) -> tuple[int, int]:
        """Return how many requests the proxy and Entra got."""
        log = self.workbench.cloud.requests
        return len(log.of('aks')), len(log.of('entra'))


@pytest.fixture
def pod(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> BoundPod:
    return BoundPod(workbench, monkeypatch)


def test_a_pod_signs_in_through_the_proxy_of_its_cluster(pod: BoundPod, field_report: Report) -> None:
    token = pod.ask()
    assert isinstance(token, AccessToken), token
    assert token.claims()['appid'] == pod.identity.client_id
    assert pod.workbench.graph_status(token.value) == 200
    assert pod.requests() == (1, 0)
    field_report('S17', 'identity binding', OLD, 'a token')


def test_the_client_id_of_the_instance_comes_first(pod: BoundPod) -> None:
    pod.environment['AZURE_CLIENT_ID'] = ''
    assert isinstance(pod.ask(pod.identity.client_id), AccessToken)


@pytest.mark.parametrize('end', ['', '/'])
def test_the_path_of_entra_follows_that_of_the_proxy(pod: BoundPod, end: str) -> None:
    pod.environment['AZURE_KUBERNETES_TOKEN_PROXY'] += end
    assert isinstance(pod.ask(), AccessToken)
    path = pod.workbench.cloud.requests.of('aks')[0].path
    assert path == f'/{pod.environment["AZURE_TENANT_ID"]}/oauth2/v2.0/token'


def test_the_certificates_may_be_in_the_environment(pod: BoundPod) -> None:
    pod.environment['AZURE_KUBERNETES_CA_DATA'] = Path(pod.environment.pop('AZURE_KUBERNETES_CA_FILE')).read_text()
    assert isinstance(pod.ask(), AccessToken)


def test_certificates_and_token_are_read_for_each_request(pod: BoundPod, workbench: Workbench) -> None:
    file = Path(pod.environment['AZURE_KUBERNETES_CA_FILE'])
    authority = file.read_text()
    file.write_text(Path(workbench.cloud.ca_file).read_text())
    assert isinstance(pod.ask(), MicrosoftSignInError)
    file.write_text(authority)
    assert isinstance(pod.ask(), AccessToken)
    workbench.later(2 * 86400)
    assert isinstance(pod.ask(), MicrosoftSignInError), 'the federated token has expired'
    pod.write_token()
    assert isinstance(pod.ask(), AccessToken)


def test_the_token_of_the_pod_is_not_sent_through_a_web_proxy(pod: BoundPod) -> None:
    pod.environment['HTTPS_PROXY'] = 'http://127.0.0.1:9'
    assert isinstance(pod.ask(proxy=True), AccessToken)


@pytest.mark.parametrize('settings', [{}, {'verify': False}], ids=['verified', 'insecure'])
@pytest.mark.parametrize('name', ['localhost', ''])
def test_only_the_proxy_of_the_cluster_gets_the_token(pod: BoundPod, settings: dict[str, Any], name: str) -> None:
    pod.environment['AZURE_KUBERNETES_SNI_NAME'] = name
    error = pod.ask(**settings)
    assert isinstance(error, MicrosoftSignInError)
    assert CHECK_TLS in error.advice
    assert pod.requests() == (0, 0)


@pytest.mark.parametrize('settings', [{}, {'verify': False}], ids=['verified', 'insecure'])
def test_another_authority_is_not_trusted(pod: BoundPod, field_report: Report, settings: dict[str, Any]) -> None:
    pod.environment['AZURE_KUBERNETES_CA_FILE'] = pod.workbench.cloud.ca_file
    error = pod.ask(**settings)
    assert isinstance(error, MicrosoftSignInError)
    assert (error.code, error.advice) == ('untrusted_certificate', CHECK_TLS)
    assert pod.requests() == (0, 0)
    field_report('S17', 'identity binding, another authority', OLD, str(error))


@pytest.mark.parametrize(
    'changes, sentence',
    [
        (
            {'AZURE_KUBERNETES_TOKEN_PROXY': 'http://plain.example'},
            'AZURE_KUBERNETES_TOKEN_PROXY is not an https address. Enter the full address, starting with https://.',
        ),
        (
            {'AZURE_KUBERNETES_CA_DATA': 'a certificate'},
            'AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA cannot be combined. Set one of them.',
        ),
        (
            {'AZURE_KUBERNETES_CA_FILE': '/nowhere/ca.crt'},
            'The certificates in AZURE_KUBERNETES_CA_FILE cannot be read. Mount the file into the container of the integration.',
        ),
        (
            {'AZURE_KUBERNETES_CA_FILE': '', 'AZURE_KUBERNETES_CA_DATA': 'no certificate'},
            'The certificates in AZURE_KUBERNETES_CA_DATA cannot be read. Paste them in PEM format.',
        ),
        (
            {'AZURE_KUBERNETES_CA_FILE': '', 'AZURE_KUBERNETES_CA_DATA': '-----BEGIN CERTIFICATE-----\nMII\xe4'},
            'The certificates in AZURE_KUBERNETES_CA_DATA cannot be read. Paste them in PEM format.',
        ),
    ],
    ids=['proxy', 'both', 'no file', 'no certificate', 'half a certificate'],
)
def test_a_variable_that_cannot_be_used_is_named(
    pod: BoundPod, field_report: Report, changes: dict[str, str], sentence: str
) -> None:
    pod.environment |= changes
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert str(error) == sentence
    assert pod.requests() == (0, 0)
    field_report('S17', f'identity binding, {changes}', OLD, str(error))


def test_the_variables_of_the_proxy_are_missed_in_the_container(pod: BoundPod, field_report: Report) -> None:
    pod.environment = {name: pod.environment[name] for name in OF_WORKLOAD_IDENTITY}
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert str(error) == (
        'The federated token of this pod is for an identity binding, but AZURE_KUBERNETES_TOKEN_PROXY is not set. Pass it on to '
        'the container of the integration, with AZURE_KUBERNETES_SNI_NAME and AZURE_KUBERNETES_CA_FILE.'
    )
    assert pod.requests() == (0, 0)
    field_report('S17', 'identity binding, four variables', OLD, str(error))


@pytest.mark.parametrize('claims', [{'aud': ['api://AzureADTokenExchange']}, {'sub': 'system:serviceaccount:soar:other'}])
def test_a_token_that_the_proxy_refuses_is_explained(pod: BoundPod, field_report: Report, claims: dict[str, Any]) -> None:
    pod.write_token(**claims)
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert error.advice == CHECK_BINDING
    assert pod.requests() == (4, 0)
    field_report('S17', f'identity binding, {claims}', OLD, str(error))


def test_a_token_that_the_cluster_did_not_replace_is_named(pod: BoundPod, field_report: Report) -> None:
    pod.workbench.later(2 * 3600)
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert 'Mount its folder, not the file alone' in error.advice
    assert 'clock' not in error.advice
    field_report('S17', 'identity binding, an old token', 'Synchronize the clock of the engine.', str(error))


def test_an_identity_without_a_binding_is_explained(pod: BoundPod) -> None:
    error = pod.ask(pod.workbench.cloud.directory.managed_identity('azure-vm').client_id)
    assert isinstance(error, MicrosoftSignInError)
    assert error.advice == CHECK_BINDING


def test_a_silent_proxy_is_named(pod: BoundPod) -> None:
    pod.environment['AZURE_KUBERNETES_TOKEN_PROXY'] = 'https://127.0.0.1:9'
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert '127.0.0.1:9' in error.what
