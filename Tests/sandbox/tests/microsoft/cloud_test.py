"""Starting, stopping, resetting and breaking the local cloud."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.microsoft.__main__ import main
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application
from sandbox.tests.machine import wait_until
from sandbox.tests.microsoft.clients import TIMEOUT_SECONDS, HttpClient

TESTS = Path(__file__).parents[3]
MAIL = '/users/ada@contoso.example/messages'


# Faults


def test_fault_answers_in_place_of_the_service_as_often_as_said(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='entra', path='/token$', times=2, status=429, headers={'Retry-After': '2'})
    statuses = []
    for _ in range(3):
        answer = http.application_token()
        statuses.append((answer.status_code, answer.headers.get('Retry-After')))
    assert statuses == [(429, '2'), (429, '2'), (200, None)]


def test_fault_without_end_lasts_until_cleared(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='entra', times=None, status=500)
    assert [http.application_token().status_code for _ in range(3)] == [500, 500, 500]
    cloud.faults.clear()
    assert http.application_token().status_code == 200


@pytest.mark.parametrize('settings', [{'service': 'graph'}, {'path': 'devicecode'}, {'method': 'GET'}])
def test_fault_for_other_requests_does_nothing(cloud: MicrosoftCloud, http: HttpClient, settings: dict[str, str]) -> None:
    cloud.faults.add(status=500, **settings)
    assert http.application_token().status_code == 200


@pytest.mark.parametrize(
    'settings, status, kind, text',
    [
        ({'garbage': True}, 200, 'text/html; charset=utf-8', '<!DOCTYPE html>'),
        ({'body': ''}, 200, 'text/html; charset=utf-8', ''),
        ({'body': [1]}, 200, 'application/json', '[1]'),
        ({'body': {'expires_in': 3599}}, 200, 'application/json', '{"expires_in": 3599}'),
        ({'body': b'{}', 'headers': {'Content-Type': 'text/plain'}}, 200, 'text/plain', '{}'),
        ({'status': 404}, 404, 'text/html; charset=utf-8', ''),
        ({'aadsts': 53003}, 400, 'application/json', '{"error": "invalid_grant", "error_description": "AADSTS53003: '),
        ({'aadsts': 90033}, 503, 'application/json', '{"error": "temporarily_unavailable", "error_description": "AADSTS90033: '),
    ],
)
def test_bodies_of_faults(
    cloud: MicrosoftCloud, http: HttpClient, settings: dict[str, Any], status: int, kind: str, text: str
) -> None:
    cloud.faults.add(service='entra', **settings)
    answer = http.application_token()
    assert (answer.status_code, answer.headers['Content-Type']) == (status, kind)
    assert answer.text.startswith(text)
    assert bool(answer.text) == bool(text)


def test_delay_lets_the_service_answer_late(cloud: MicrosoftCloud, http: HttpClient, waits: list[float]) -> None:
    cloud.faults.add(service='entra', delay=0.2, headers={'x-slow': 'yes'})
    answer = http.application_token()
    assert (answer.status_code, answer.headers['x-slow'], 0.2 in waits) == (200, 'yes', True)
    assert cloud.requests[0].milliseconds >= 200


def test_a_fault_can_spare_the_first_requests(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='entra', status=500, skip=2)
    assert [http.application_token().status_code for _ in range(4)] == [200, 200, 500, 200]


def test_an_answer_can_come_byte_by_byte(cloud: MicrosoftCloud, http: HttpClient, waits: list[float]) -> None:
    cloud.faults.add(service='entra', slow=0.001, body={'a': 'b'})
    assert http.application_token().json() == {'a': 'b'}
    assert waits.count(0.001) == len('{"a": "b"}')


def test_an_answer_can_be_cut_with_its_length_given(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='entra', truncated=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match='IncompleteRead'):
        http.application_token()


def test_an_answer_can_be_a_bomb(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='entra', bomb=3 * 2**20)
    answer = http.application_token()
    assert (answer.headers['Content-Encoding'], answer.json(), len(answer.content) > 3 * 2**20) == ('gzip', {'value': []}, True)


def test_an_answer_can_have_no_end(cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', endless=True)
    with requests.get(f'{cloud.graph}/v1.0/me', verify=cloud.ca_file, stream=True, timeout=30) as answer:
        assert sum(len(chunk) for chunk, _ in zip(answer.iter_content(100_000), range(30), strict=False)) > 2_000_000


@pytest.mark.parametrize(
    'path, value, changed', [(['token_type'], 5, True), (['token_type'], None, True), (['x', 0, 'y'], 5, False), ([0], 5, False)]
)
def test_a_value_in_an_answer_can_be_replaced(
    cloud: MicrosoftCloud, http: HttpClient, path: list[Any], value: Any, changed: bool
) -> None:
    cloud.faults.add(service='entra', replace=[path, value])
    body = http.application_token().json()
    assert body['token_type'] == (value if changed else 'Bearer')
    assert body['access_token']


def test_reset_breaks_the_connection_before_the_service_acts(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='imds', reset=True)
    with pytest.raises(requests.ConnectionError):
        http.get(f'{cloud.imds}/metadata/identity/oauth2/token')
    assert [(record.service, record.status) for record in cloud.requests] == [('imds', 0)]


def test_reset_in_mid_body_comes_after_the_service_acted(cloud: MicrosoftCloud, http: HttpClient) -> None:
    cloud.faults.add(service='entra', reset_mid_body=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http.application_token()
    assert [record.status for record in cloud.requests] == [200]
    assert cloud.access_tokens_issued == 1


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'service': 'exchange'}, 'There is no service "exchange"'),
        ({'path': '('}, 'not a regular expression'),
        ({'aadsts': 1}, 'no error AADSTS1'),
    ],
)
def test_wrong_fault_is_refused(cloud: MicrosoftCloud, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cloud.faults.add(**settings)


def test_faults_over_http(cloud: MicrosoftCloud, http: HttpClient) -> None:
    url = f'{cloud.admin}/sandbox/faults'
    made = http.session.post(url, json={'service': 'entra', 'status': 503, 'times': None}, timeout=TIMEOUT_SECONDS)
    assert (made.status_code, made.json()['status']) == (201, 503)
    assert http.application_token().status_code == 503
    assert http.session.delete(url, timeout=TIMEOUT_SECONDS).status_code == 204
    assert http.application_token().status_code == 200
    wrong: Any
    for wrong in ([], {'service': 'exchange'}, {'colour': 'red'}):
        refused = http.session.post(url, json=wrong, timeout=TIMEOUT_SECONDS)
        assert refused.status_code == 400
        assert refused.json()['error']
    assert refused.json()['error'].startswith('A fault has no attribute "colour". Use some of service, path, method, ')


# Connections


def test_one_connection_serves_many_requests() -> None:
    with MicrosoftCloud() as cloud:  # the connections of earlier tests may still be open on the shared one
        http = HttpClient(cloud)
        for _ in range(3):
            assert http.application_token().status_code == 200
        assert cloud.open_connections('entra') == 1


def test_requests_are_recorded_before_their_answers_arrive(cloud: MicrosoftCloud, http: HttpClient) -> None:
    started = time.time()
    token = http.application_token().json()['access_token']
    http.graph(MAIL + '?$top=1', token)
    assert [(record.service, record.method, record.path, record.status) for record in cloud.requests] == [
        ('entra', 'POST', '/contoso.example/oauth2/v2.0/token', 200),
        ('graph', 'GET', f'/v1.0{MAIL}', 200),
    ]
    assert started <= cloud.requests[0].started <= time.time()
    assert len(cloud.requests.of('graph', '/messages')) == 1
    assert cloud.requests.of('graph', '/me$') == []


def test_client_without_the_ca_is_turned_away(cloud: MicrosoftCloud) -> None:
    http = HttpClient(cloud)
    http.session.verify = True
    with pytest.raises(requests.exceptions.SSLError):
        http.get(cloud.graph)


def test_a_pending_tls_handshake_does_not_block_others(cloud: MicrosoftCloud, http: HttpClient) -> None:
    port = int(cloud.authority.rsplit(':', 1)[1])
    with socket.create_connection(('127.0.0.1', port)):
        assert http.application_token().status_code == 200


def test_chunked_body(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    form = (
        f'grant_type=client_credentials&client_id={daemon.client_id}&client_secret={daemon.secret}&scope={cloud.graph}/.default'
    )
    answer = http.session.post(
        f'{cloud.authority}/contoso.example/oauth2/v2.0/token',
        data=iter([form.encode()]),
        headers={'Content-Type': 'application/x-www-form-urlencoded'},
        timeout=TIMEOUT_SECONDS,
    )
    assert answer.status_code == 200
    assert http.application_token().status_code == 200


def test_many_clients_at_once(cloud: MicrosoftCloud) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(HttpClient(cloud).application_token().status_code)) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20


# Start and stop


def test_reset_brings_back_the_beginning(cloud: MicrosoftCloud, http: HttpClient, daemon: Application) -> None:
    token = http.application_token().json()['access_token']
    secret, daemon.secrets[0].value = daemon.secret, 'another one'
    cloud.directory.users.clear()
    cloud.clock.advance(1000)
    cloud.faults.add(times=None, status=500)
    cloud.reset()
    assert (len(cloud.requests), abs(cloud.clock.now() - time.time()) < 500) == (0, True)
    assert cloud.directory.user('ada@contoso.example').display_name == 'Ada Lindqvist'
    assert http.graph(MAIL, token).status_code == 401
    assert cloud.directory.application('daemon').secret == secret


def test_a_token_can_be_kept_over_a_reset(cloud: MicrosoftCloud, http: HttpClient) -> None:
    token = http.application_token().json()['access_token']
    accept = cloud.keep_tokens()
    cloud.reset()
    accept()
    assert (http.graph(MAIL, token).status_code, cloud.access_tokens_issued) == (200, 0)
    cloud.directory.application('daemon').revoke()
    assert http.graph(MAIL, token).status_code == 401
    cloud.reset()
    assert http.graph(MAIL, token).status_code == 401


def test_stopped_cloud_leaves_nothing_behind() -> None:
    threads_before = threading.active_count()
    with MicrosoftCloud() as cloud:
        http = HttpClient(cloud)
        assert http.application_token().status_code == 200
        port = int(cloud.authority.rsplit(':', 1)[1])
        ca_file = Path(cloud.ca_file)
        assert ca_file.read_text().startswith('-----BEGIN CERTIFICATE-----')
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port))
    assert not ca_file.parent.exists()
    wait_until(lambda: threading.active_count() <= threads_before)
    cloud.stop()


def test_port_can_be_chosen_and_must_be_free(cloud: MicrosoftCloud) -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f'Port {port} for "graph" cannot be used: Address already in use'):
            MicrosoftCloud({'graph': port})
    with MicrosoftCloud({'graph': port}) as other:
        assert other.graph == f'https://localhost:{port}'
        assert other.graph != cloud.graph


def test_unknown_names_are_refused(cloud: MicrosoftCloud) -> None:
    with pytest.raises(ValueError, match='There is no service "exchange"'):
        MicrosoftCloud({'exchange': 1})
    for find in (cloud.directory.tenant, cloud.directory.application, cloud.directory.user, cloud.directory.managed_identity):
        with pytest.raises(LookupError, match=r'The directory has no .* "nobody"'):
            find('nobody')
    with pytest.raises(LookupError, match='has no mailbox'):
        cloud.mailbox('admin@contoso.example')


def test_secrets_stay_out_of_representations(cloud: MicrosoftCloud, daemon: Application) -> None:
    ada = cloud.directory.user('ada@contoso.example')
    for text in (repr(daemon), repr(ada), repr(cloud.directory)):
        assert daemon.secret not in text
        assert ada.password not in text
        assert 'PRIVATE KEY' not in text


# python -m sandbox.microsoft


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_program_runs_until_it_is_told_to_stop(number: signal.Signals) -> None:
    program = subprocess.Popen(
        [sys.executable, '-m', 'sandbox.microsoft'],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(TESTS)},
    )
    with program:
        assert program.stdout is not None
        begun = []
        for line in program.stdout:
            begun.append(line)
            if '/sandbox/faults -d' in line:
                break
        address = next(line.split()[-1] for line in begun if 'Instance metadata' in line)
        with closing(requests.Session()) as stranger:
            stranger.trust_env = False
            assert stranger.get(f'{address}/metadata/identity/oauth2/token', timeout=TIMEOUT_SECONDS).status_code == 400
        program.send_signal(number)
        assert program.stdout.read() == 'Stopped.\n'
    assert program.returncode == 0


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--port', 'entra'], '"entra" is not SERVICE=NUMBER'),
        (['--port', 'entra=99999'], '"entra=99999" is not SERVICE=NUMBER'),
        (['--port', 'exchange=1234'], 'There is no service "exchange"'),
    ],
)
def test_program_refuses_wrong_ports(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(arguments)
    assert message in capsys.readouterr().err


def test_program_says_which_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        assert main(['--port', f'entra={port}']) == 1
    assert f'Port {port} for "entra" cannot be used' in capsys.readouterr().err
