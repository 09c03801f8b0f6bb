"""Reports from the field: a pod of Kubernetes signs in with its federated token (S17)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import VM_SYSTEM_ASSIGNED
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MANAGED_IDENTITIES_SYSTEM_ASSIGNED
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftTokenRequestApiModule import AccessToken
from sandbox.microsoft.certificates import certificate
from sandbox.microsoft.entra.model import FederatedCredential

Report = Callable[[str, str, str, str], None]
ISSUER, SUBJECT, AUDIENCE = 'https://oidc.example/cluster', 'system:serviceaccount:soar:engine', 'api://AzureADTokenExchange'


class Pod:
    """A pod with workload identity, whose token the application daemon accepts."""

    def __init__(self, workbench: Workbench, folder: Path) -> None:
        self.workbench, self.file = workbench, folder / 'azure-identity-token'
        self._key = certificate('cluster')
        self.application = workbench.cloud.directory.application('daemon')
        self.application.federated_credentials.append(
            FederatedCredential(issuer=ISSUER, subject=SUBJECT, public_key=self._key.public_key)
        )
        self.environment = {
            'AZURE_FEDERATED_TOKEN_FILE': str(self.file),
            'AZURE_CLIENT_ID': self.application.client_id,
            'AZURE_TENANT_ID': self.application.tenant_id,
            'AZURE_AUTHORITY_HOST': f'{workbench.cloud.authority}/',
        }

    def write_token(self, **claims: Any) -> None:
        now = int(self.workbench.clock.now())
        all_claims = {'iss': ISSUER, 'sub': SUBJECT, 'aud': [AUDIENCE], 'iat': now, 'nbf': now, 'exp': now + 3600, **claims}
        self.file.write_text(jwt.encode(all_claims, self._key.private_key_pem, algorithm='RS256') + '\n')

    def ask(self, client_id: str = '') -> AccessToken | MicrosoftSignInError:
        self.workbench.set_environment(self.environment)
        return self.workbench.ask_for(
            {
                'managed_identities_client_id': client_id or MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
                'managed_identities_resource_uri': self.workbench.cloud.graph,
            }
        )


@pytest.fixture
def pod(workbench: Workbench, tmp_path: Path) -> Pod:
    return Pod(workbench, tmp_path)


@pytest.mark.parametrize('is_named', [False, True])
def test_a_pod_signs_in_with_its_federated_token(pod: Pod, field_report: Report, is_named: bool) -> None:
    client_id = pod.application.client_id
    if is_named:
        pod.environment['AZURE_CLIENT_ID'] = ''
    pod.write_token()
    token = pod.ask(client_id if is_named else '')
    assert isinstance(token, AccessToken), token
    assert pod.workbench.graph_status(token.value) == 200
    assert token.claims()['appid'] == client_id
    field_report(
        'S17', f'client ID in the {"instance" if is_named else "environment"}', 'the metadata service is asked', 'a token'
    )


def test_the_token_is_read_for_each_request(pod: Pod, field_report: Report) -> None:
    pod.write_token()
    first = pod.ask()
    pod.workbench.later(2 * 3600)
    assert isinstance(pod.ask(), MicrosoftSignInError), 'the federated token has expired'
    pod.write_token()
    second = pod.ask()
    assert isinstance(first, AccessToken)
    assert isinstance(second, AccessToken)
    field_report('S17', 'the cluster replaces the token', 'no way to sign in', f'a second token: {second.value != first.value}')


@pytest.mark.parametrize(
    'claims, number',
    [
        ({'iss': 'https://other.example'}, 'AADSTS700211'),
        ({'sub': 'system:serviceaccount:soar:other'}, 'AADSTS700213'),
        ({'aud': 'https://other.example'}, 'AADSTS700212'),
    ],
)
def test_a_token_that_does_not_fit_the_federated_credential_is_explained(
    pod: Pod, field_report: Report, claims: dict[str, str], number: str
) -> None:
    pod.write_token(**claims)
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert error.code == number
    assert 'Compare issuer, subject and audience of the federated credential' in error.advice
    field_report('S17', str(claims), 'Check the settings of the instance.', str(error))


@pytest.mark.parametrize('number', [70021, 700211, 700212, 700213])
def test_a_federated_credential_that_not_all_servers_know_yet_is_tried_again(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    pod.write_token(sub='system:serviceaccount:soar:before')
    sleep = pod.workbench.clock.sleep

    def replace_token(seconds: float) -> None:
        sleep(seconds)
        pod.write_token()

    monkeypatch.setattr(pod.workbench.clock, 'sleep', replace_token)
    pod.workbench.cloud.faults.add(service='entra', path='token', aadsts=number, times=2)
    assert isinstance(pod.ask(), AccessToken)
    assert pod.workbench.requests_to('entra') == 3
    assert sum(pod.workbench.clock.waits) < 30


@pytest.mark.parametrize('number', [50166, 90061])
def test_an_issuer_that_entra_could_not_read_is_tried_again(pod: Pod, number: int) -> None:
    pod.write_token()
    pod.workbench.cloud.faults.add(service='entra', path='token', aadsts=number, times=2)
    assert isinstance(pod.ask(), AccessToken)
    assert pod.workbench.requests_to('entra') == 3


@pytest.mark.parametrize('number', [50166, 90061])
def test_an_issuer_that_entra_can_never_read_is_named(pod: Pod, field_report: Report, number: int) -> None:
    pod.write_token()
    pod.workbench.cloud.faults.add(service='entra', path='token', aadsts=number, times=None)
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert pod.workbench.requests_to('entra') == 4
    assert 'that the issuer URL of the cluster and its keys are public' in error.advice
    assert 'federated credential' not in str(error)
    field_report('S17', f'AADSTS{number}', 'given up at once: Check the federated credential', str(error))


def test_a_federated_credential_that_remains_unknown_is_an_error_after_three_retries(pod: Pod) -> None:
    pod.write_token(sub='system:serviceaccount:soar:other')
    assert isinstance(pod.ask(), MicrosoftSignInError)
    assert pod.workbench.requests_to('entra') == 4
    assert sum(pod.workbench.clock.waits) < 30


def test_a_token_that_the_cluster_did_not_replace_is_named_with_its_times(pod: Pod, field_report: Report) -> None:
    pod.write_token()
    pod.workbench.later(2 * 3600)
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert re.search(r'AADSTS700024: .* Current time: \S+ \S+Z?, valid from .*, until ', error.what)
    assert error.advice == (
        'The cluster did not replace the federated token. '
        'Mount its folder, not the file alone, and restart the pod of the engine.'
    )
    field_report('S17', 'an old federated token', 'Synchronize the clock of the engine.', str(error))


@pytest.mark.parametrize('content', [None, '', 'not a token', 'a.b', '<html>'])
def test_a_token_that_cannot_be_read_is_explained_and_nothing_is_sent(
    pod: Pod, field_report: Report, content: str | None
) -> None:
    if content is not None:
        pod.file.write_text(content)
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert 'The federated token of this pod cannot be read' in error.what
    assert pod.workbench.requests_to('entra') == 0
    field_report('S17', f'the file contains {content!r}', 'Choose an engine that runs on one.', str(error))


@pytest.mark.parametrize(
    'name, annotation',
    [('AZURE_CLIENT_ID', 'client-id, or enter Azure Managed Identities Client ID'), ('AZURE_TENANT_ID', 'tenant-id')],
)
@pytest.mark.parametrize(
    'value, problem', [('', 'is not set in this pod'), ('${{ID}}', 'is not an ID'), ('my identity/..', 'is not an ID')]
)
def test_an_id_that_cannot_be_used_is_refused_by_the_name_of_its_variable(
    pod: Pod, field_report: Report, name: str, annotation: str, value: str, problem: str
) -> None:
    pod.write_token()
    pod.environment[name] = value
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert str(error) == f'{name} {problem}. Annotate the service account with azure.workload.identity/{annotation}.'
    assert pod.workbench.requests_to('entra') == 0
    field_report('S17', f'{name} is {value!r}', 'ID or Token of the instance is missing', str(error))


def test_the_client_id_of_the_instance_needs_none_in_the_pod(pod: Pod) -> None:
    pod.write_token()
    pod.environment['AZURE_CLIENT_ID'] = '${{ID}}'
    assert isinstance(pod.ask(pod.application.client_id), AccessToken)


def test_an_authority_that_cannot_be_used_is_refused(pod: Pod, field_report: Report) -> None:
    pod.write_token()
    pod.environment['AZURE_AUTHORITY_HOST'] = 'http://plain.example'
    error = pod.ask()
    assert isinstance(error, MicrosoftSignInError)
    assert 'AZURE_AUTHORITY_HOST' in error.what
    assert pod.workbench.requests_to('entra') == 0
    field_report('S17', 'AZURE_AUTHORITY_HOST is wrong', 'sent to the metadata service', str(error))


def test_without_the_variables_a_virtual_machine_is_asked(workbench: Workbench) -> None:
    assert isinstance(workbench.ask(workbench.client(keywords(VM_SYSTEM_ASSIGNED, workbench))), AccessToken)
