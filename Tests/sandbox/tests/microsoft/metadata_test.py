"""The identity endpoints of Azure hosts."""

import errno
import os
from pathlib import Path
from typing import Any

import jwt
import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.metadata.arc_keys import ArcKeys
from sandbox.microsoft.metadata.errors import ArcKeyFolderError
from sandbox.tests.microsoft.clients import HttpClient

TOKEN_PATH = '/metadata/identity/oauth2/token'


def imds(cloud: MicrosoftCloud, http: HttpClient, headers: dict[str, str] | None = None, **changes: str) -> Any:
    params = {'api-version': '2018-02-01', 'resource': cloud.graph, **changes}
    params = {name.replace('api_version', 'api-version'): value for name, value in params.items() if value}
    return http.get(cloud.imds + TOKEN_PATH, params=params, **({'Metadata': 'true'} if headers is None else headers))


def holder_of(token: str) -> str:
    return jwt.decode(token, options={'verify_signature': False})['appid']


def test_answer_of_imds(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = imds(cloud, http).json()
    identity = cloud.directory.managed_identity('azure-vm')
    assert holder_of(answer['access_token']) == answer['client_id'] == identity.client_id
    assert answer['expires_in'] == '86400'
    assert int(answer['expires_on']) - int(answer['not_before']) == 86400
    assert (answer['resource'], answer['token_type']) == (cloud.graph, 'Bearer')
    cloud.directory.refresh_in = 43200
    assert imds(cloud, http).json()['refresh_in'] == '43200'


def test_a_host_answers_with_the_token_that_it_has_kept(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.directory.managed_identity_kept_seconds = 24 * 3600
    identity = cloud.directory.managed_identity('azure-vm')
    first = imds(cloud, http).json()
    identity.application_permissions = []
    cloud.clock.advance(24 * 3600 - 60)
    assert imds(cloud, http).json() == first
    assert imds(cloud, http, resource=cloud.resource_manager).json()['access_token'] != first['access_token']
    cloud.clock.advance(60)
    later = imds(cloud, http).json()
    assert 'roles' not in jwt.decode(later['access_token'], options={'verify_signature': False})


@pytest.mark.parametrize(
    'parameter, attribute', [('client_id', 'client_id'), ('object_id', 'object_id'), ('msi_res_id', 'resource_id')]
)
def test_identity_is_named_in_three_ways(cloud: MicrosoftCloud, http: HttpClient, parameter: str, attribute: str) -> None:
    identity = cloud.directory.managed_identity('soar-engine')
    answer = imds(cloud, http, **{parameter: getattr(identity, attribute)})
    assert holder_of(answer.json()['access_token']) == identity.client_id


@pytest.mark.parametrize(
    'headers, changes, error',
    [
        ({}, {}, 'bad_request_102'),
        ({'Metadata': 'True'}, {}, 'bad_request_102'),
        ({'Metadata': 'true', 'X-Forwarded-For': '10.0.0.1'}, {}, 'bad_request_103'),
        (None, {'api-version': ''}, 'invalid_request'),
        (None, {'api-version': '2017-01-01'}, 'invalid_request'),
        (None, {'resource': ''}, 'invalid_request'),
        (None, {'resource': 'https://graph.microsoft.com'}, 'invalid_resource'),
        (None, {'client_id': 'abc'}, 'invalid_request'),
    ],
)
def test_imds_refuses(
    cloud: MicrosoftCloud, http: HttpClient, headers: dict[str, str] | None, changes: dict[str, str], error: str
) -> None:
    answer = imds(cloud, http, headers, **changes)
    assert (answer.status_code, answer.json()['error'], set(answer.json())) == (400, error, {'error', 'error_description'})


def test_identity_of_another_host_is_unknown(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = imds(cloud, http, client_id=cloud.directory.managed_identity('app-service').client_id)
    assert answer.json() == {'error': 'invalid_request', 'error_description': 'Identity not found'}


def test_host_without_system_assigned_identity(cloud: MicrosoftCloud, http: HttpClient) -> None:
    identities = cloud.directory.managed_identities
    identities.remove(cloud.directory.managed_identity('azure-vm'))
    only = cloud.directory.managed_identity('soar-engine')
    assert imds(cloud, http).json()['client_id'] == only.client_id
    cloud.directory.managed_identity('app-service').hosts.add('azure-vm')
    cloud.directory.managed_identity('app-service').is_user_assigned = True
    assert 'name one of them' in imds(cloud, http).json()['error_description']
    identities.clear()
    assert imds(cloud, http).json()['error_description'] == 'Identity not found'


def test_disabled_identity_is_unknown(cloud: MicrosoftCloud, http: HttpClient) -> None:
    for identity in cloud.directory.managed_identities:
        identity.enabled = False
    assert imds(cloud, http).json()['error_description'] == 'Identity not found'


def app_service(cloud: MicrosoftCloud, http: HttpClient, headers: dict[str, str] | None = None, **changes: str) -> Any:
    environment = cloud.host_environment('app-service')
    params = {'api-version': '2019-08-01', 'resource': cloud.graph, **changes}
    sent = {'X-IDENTITY-HEADER': environment['IDENTITY_HEADER']} if headers is None else headers
    return http.get(environment['IDENTITY_ENDPOINT'], params={name: value for name, value in params.items() if value}, **sent)


def test_answer_of_app_service(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = app_service(cloud, http).json()
    assert set(answer) == {'access_token', 'client_id', 'expires_on', 'resource', 'token_type'}
    assert answer['expires_on'].isdigit()
    user_assigned = cloud.directory.managed_identity('soar-engine')
    assert app_service(cloud, http, client_id=user_assigned.client_id).json()['client_id'] == user_assigned.client_id


@pytest.mark.parametrize(
    'headers, changes, status',
    [
        ({}, {}, 401),
        ({'X-IDENTITY-HEADER': 'guess'}, {}, 401),
        (None, {'api-version': '2017-09-01'}, 400),
        (None, {'resource': ''}, 400),
        (None, {'client_id': 'abc'}, 400),
        (None, {'resource': 'https://graph.microsoft.com'}, 500),
    ],
)
def test_app_service_refuses(
    cloud: MicrosoftCloud, http: HttpClient, headers: dict[str, str] | None, changes: dict[str, str], status: int
) -> None:
    answer = app_service(cloud, http, headers, **changes)
    assert (answer.status_code, answer.json()['statusCode']) == (status, status)


class ArcMachine:
    """A machine that asks the Arc endpoint of a cloud whose key files lie in ``folder``."""

    def __init__(self, cloud: MicrosoftCloud, http: HttpClient, folder: Path) -> None:
        cloud.arc_keys.folder = folder
        self.endpoint = cloud.host_environment('arc')['IDENTITY_ENDPOINT']
        self.cloud, self.http, self.folder = cloud, http, folder

    def ask(self, **headers: str) -> Any:
        params = {'api-version': '2020-06-01', 'resource': self.cloud.graph}
        return self.http.get(self.endpoint, '', params, Metadata='true', **headers)

    def challenge(self) -> Path:
        answer = self.ask()
        assert answer.status_code == 401
        scheme, _, path = answer.headers['WWW-Authenticate'].partition('=')
        assert scheme == 'Basic realm'
        return Path(path)


@pytest.fixture
def arc(cloud: MicrosoftCloud, http: HttpClient, tmp_path: Path) -> ArcMachine:
    return ArcMachine(cloud, http, tmp_path / 'azcmagent' / 'tokens')


def test_arc_wants_the_content_of_a_key_file_once(arc: ArcMachine) -> None:
    key_file = arc.challenge()
    content = key_file.read_text()
    assert (key_file.parent, key_file.suffix, key_file.stat().st_mode & 0o777) == (arc.folder, '.key', 0o640)
    answer = arc.ask(Authorization=f'Basic {content}')
    assert holder_of(answer.json()['access_token']) == arc.cloud.directory.managed_identity('arc').client_id
    assert 'client_id' not in answer.json()
    assert not key_file.exists()
    assert arc.ask(Authorization=f'Basic {content}').status_code == 401
    assert arc.ask(Authorization='Basic guess').status_code == 401


def test_arc_keys_leave_nothing_behind(arc: ArcMachine) -> None:
    key_file = arc.challenge()
    assert key_file.exists()
    arc.cloud.reset()
    assert not arc.folder.parent.exists()


def test_arc_keys_leave_other_files_alone(arc: ArcMachine) -> None:
    other = arc.folder / 'other.key'
    other.write_text('not ours')
    arc.challenge()
    arc.cloud.reset()
    assert list(arc.folder.iterdir()) == [other]


@pytest.mark.parametrize(
    'params, headers',
    [
        ({'api-version': '2020-06-01', 'resource': 'x'}, {}),
        ({'api-version': '2018-02-01', 'resource': 'x'}, {'Metadata': 'true'}),
        ({'api-version': '2020-06-01'}, {'Metadata': 'true'}),
    ],
)
def test_arc_refuses(arc: ArcMachine, params: dict[str, str], headers: dict[str, str]) -> None:
    assert arc.http.get(arc.endpoint, params=params, **headers).status_code == 400
    assert list(arc.folder.iterdir()) == []


def test_arc_knows_its_resources_and_identities(arc: ArcMachine) -> None:
    content = arc.challenge().read_text()
    params = {'api-version': '2020-06-01', 'resource': 'https://unknown.example'}
    answer = arc.http.get(arc.endpoint, params=params, Metadata='true', Authorization=f'Basic {content}')
    assert (answer.status_code, answer.json()['error']) == (400, 'invalid_resource')
    arc.cloud.directory.managed_identities.clear()
    answer = arc.ask(Authorization=f'Basic {arc.challenge().read_text()}')
    assert (answer.status_code, answer.json()['error_description']) == (404, 'Identity not found')


@pytest.mark.parametrize('knows_ids', [True, False])
def test_an_old_agent_of_arc_ignores_the_id_of_an_identity(arc: ArcMachine, knows_ids: bool) -> None:
    arc.cloud.directory.arc_knows_ids = knows_ids
    named = arc.cloud.directory.managed_identity('soar-engine').client_id
    params = {'api-version': '2020-06-01', 'resource': arc.cloud.graph, 'client_id': named}
    content = arc.challenge().read_text()
    answer = arc.http.get(arc.endpoint, params=params, Metadata='true', Authorization=f'Basic {content}')
    own = arc.cloud.directory.managed_identity('arc').client_id
    assert holder_of(answer.json()['access_token']) == (named if knows_ids else own)
    assert answer.json().get('client_id') == (named if knows_ids else None)


def test_folder_that_cannot_be_made_is_told_clearly(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    keys = ArcKeys(tmp_path / 'file' / 'tokens')
    with pytest.raises(ArcKeyFolderError, match=r'Arc keeps its key files in .*tokens, which cannot be written') as refused:
        keys.prepare()
    error: OSError = refused.value
    assert error.errno == errno.ENOTDIR
    keys.clear()
    assert os.listdir(tmp_path) == ['file']


def test_unknown_host(cloud: MicrosoftCloud) -> None:
    with pytest.raises(ValueError, match='There is no host "toaster"'):
        cloud.host_environment('toaster')
    assert cloud.host_environment('azure-vm') == {'AZURE_POD_IDENTITY_AUTHORITY_HOST': cloud.imds}
