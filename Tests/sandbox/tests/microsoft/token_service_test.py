"""The Cortex app's token service: consent, and refresh tokens that work once."""

import base64
import json
import secrets
import threading
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.microsoft.browser import Browser, SignInRefused
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import User
from sandbox.tests.microsoft.clients import TIMEOUT_SECONDS, HttpClient

LISTENER = 'ms-graph-mail-listener'


class Instance:
    """An integration instance with the ID, Token and Key of one consent."""

    def __init__(
        self, cloud: MicrosoftCloud, http: HttpClient, app_name: str = LISTENER, user: str = 'ada@contoso.example'
    ) -> None:
        page = cloud.token_service.replace('/obtain-token', f'/{app_name}')
        whole_id, self.token, self.key = Browser(cloud, user).consent_to_cortex_app(page)
        self.registration_id, _, self.address = whole_id.partition('@')
        self.app_name, self.cloud, self.http = app_name, cloud, http

    def encrypt(self, token: str, key: str = '', age: float = 0) -> str:
        nonce = secrets.token_bytes(12)
        plain = f'{int(self.cloud.clock.now() - age)}:{token}'.encode()
        return base64.b64encode(nonce + AESGCM(base64.b64decode(key or self.key)).encrypt(nonce, plain, None)).decode()

    def obtain(self, token: str, **changes: Any) -> Any:
        body = {
            'app_name': self.app_name,
            'registration_id': self.registration_id,
            'encrypted_token': self.encrypt(token),
            'scope': None,
            'resource': '',
            **changes,
        }
        return self.http.session.post(self.address, json=body, timeout=TIMEOUT_SECONDS)


@pytest.fixture
def instance(cloud: MicrosoftCloud, http: HttpClient) -> Instance:
    return Instance(cloud, http)


def check_refusal(answer: Any, status: int, detail: str) -> None:
    assert answer.status_code == status
    assert set(answer.json()) == {'title', 'detail', 'status'}
    assert detail in answer.json()['detail']


def test_consent_page_hands_out_what_an_instance_needs(instance: Instance, cloud: MicrosoftCloud) -> None:
    assert instance.address == cloud.token_service
    assert len(base64.b64decode(instance.key)) == 32


def test_user_mode(instance: Instance, http: HttpClient) -> None:
    answer = instance.obtain(instance.token).json()
    assert set(answer) == {'access_token', 'expires_in', 'refresh_token'}
    assert http.graph('/me', answer['access_token']).json()['userPrincipalName'] == 'ada@contoso.example'


def test_application_mode(cloud: MicrosoftCloud, http: HttpClient) -> None:
    instance = Instance(cloud, http, 'ms-graph-mail', 'admin@contoso.example')
    answer = instance.obtain(instance.token).json()
    assert 'roles' in jwt.decode(answer['access_token'], options={'verify_signature': False})
    assert http.graph('/users/ada@contoso.example/messages', answer['access_token']).status_code == 200
    assert instance.obtain(answer['refresh_token']).status_code == 200


def test_only_administrators_consent_to_application_mode(cloud: MicrosoftCloud, http: HttpClient) -> None:
    with pytest.raises(SignInRefused, match='AADSTS90094: '):
        Instance(cloud, http, 'ms-graph-mail')


@pytest.mark.parametrize('app_name', [LISTENER, 'ms-graph-mail'])
def test_declined_consent_hands_out_nothing(cloud: MicrosoftCloud, app_name: str) -> None:
    page = cloud.token_service.replace('/obtain-token', f'/{app_name}')
    with pytest.raises(SignInRefused, match='AADSTS65004: '):
        Browser(cloud, 'admin@contoso.example').consent_to_cortex_app(page, accept=False)


def test_every_refresh_token_works_once(instance: Instance) -> None:
    first = instance.obtain(instance.token).json()['refresh_token']
    second = instance.obtain(first).json()['refresh_token']
    for used in (instance.token, first):
        refused = instance.obtain(used)
        check_refusal(refused, 401, 'AADSTS70000: ')
        inner = json.loads(refused.json()['detail'].partition(': ')[2])
        assert (inner['error'], inner['error_codes']) == ('invalid_grant', [70000])
    assert instance.obtain(second).status_code == 200


def test_one_token_at_once_from_many_threads_works_once(instance: Instance) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(instance.obtain(instance.token).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 401, 401, 401, 401, 401]


def test_two_instances_do_not_share_anything(instance: Instance, cloud: MicrosoftCloud, http: HttpClient) -> None:
    other = Instance(cloud, http)
    check_refusal(instance.obtain(other.token), 401, 'AADSTS70000: ')
    with_other_key = instance.encrypt(instance.token, other.key)
    check_refusal(instance.obtain(instance.token, encrypted_token=with_other_key), 401, 'does not decrypt')
    assert instance.obtain(instance.token).status_code == other.obtain(other.token).status_code == 200


@pytest.mark.parametrize(
    'changes, detail',
    [
        ({'registration_id': 'abc'}, 'no registration'),
        ({'app_name': 'ms-graph-mail'}, 'no registration'),
        ({'encrypted_token': ''}, 'does not decrypt'),
        ({'encrypted_token': 'not base64!'}, 'does not decrypt'),
        ({'encrypted_token': base64.b64encode(b'x' * 60).decode()}, 'does not decrypt'),
    ],
)
def test_request_is_refused_and_the_token_stays_good(instance: Instance, changes: dict[str, str], detail: str) -> None:
    check_refusal(instance.obtain(instance.token, **changes), 401, detail)
    assert instance.obtain(instance.token).status_code == 200


@pytest.mark.parametrize('age, status', [(290, 200), (310, 401), (-290, 200), (-310, 401)])
def test_time_of_the_request_counts(instance: Instance, age: float, status: int) -> None:
    answer = instance.obtain(instance.token, encrypted_token=instance.encrypt(instance.token, age=age))
    assert answer.status_code == status
    assert status == 200 or 'seconds off' in answer.json()['detail']


def test_body_that_is_no_object(instance: Instance) -> None:
    for body in ('[]', 'x', ''):
        check_refusal(instance.http.session.post(instance.address, data=body, timeout=TIMEOUT_SECONDS), 400, 'not a JSON object')


def test_scope_and_resource(instance: Instance, cloud: MicrosoftCloud) -> None:
    def audience(answer: Any) -> str:
        return jwt.decode(answer.json()['access_token'], options={'verify_signature': False})['aud']

    answer = instance.obtain(instance.token, scope=f'{cloud.graph}/.default')
    assert audience(answer) == cloud.graph
    answer = instance.obtain(answer.json()['refresh_token'], resource=f'{cloud.graph}/')
    assert audience(answer) == f'{cloud.graph}/'
    refused = instance.obtain(answer.json()['refresh_token'], scope=f'{cloud.resource_manager}/.default')
    check_refusal(refused, 401, 'AADSTS65001: ')


def test_revoked_user_is_told_and_the_token_kept(instance: Instance, ada: User) -> None:
    ada.revoke()
    check_refusal(instance.obtain(instance.token), 401, 'AADSTS50173: ')
    check_refusal(instance.obtain(instance.token), 401, 'AADSTS50173: ')


@pytest.mark.parametrize('fault', [{'reset': True}, {'status': 503}])
def test_outage_of_microsoft(instance: Instance, cloud: MicrosoftCloud, fault: dict[str, Any]) -> None:
    cloud.faults.add(service='entra', path='token', **fault)
    assert instance.obtain(instance.token).status_code == 502
    assert instance.obtain(instance.token).status_code == 200


def test_consent_lives_as_long_as_it_is_used(instance: Instance, cloud: MicrosoftCloud) -> None:
    token = instance.token
    for _ in range(3):
        cloud.clock.advance(80 * 86400)
        token = instance.obtain(token).json()['refresh_token']
    cloud.clock.advance(91 * 86400)
    check_refusal(instance.obtain(token), 401, 'AADSTS700082: ')


def test_callback_without_visit(cloud: MicrosoftCloud, http: HttpClient) -> None:
    answer = http.get(cloud.token_service.replace('/obtain-token', '/callback?state=abc&code=x'))
    assert answer.status_code == 400
    assert 'Start on the consent page again' in answer.text
