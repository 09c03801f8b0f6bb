"""A server that starts again knows all that the last one knew; a folder that is no data folder is refused."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest
import requests

from sandbox.tests.machine import limit, wait_until
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient, processes_in
from sandbox.xsoar import Refusal, XsoarServer

TESTS = Path(__file__).parents[3]
LIMIT = limit(10)


def everything(xsoar: XsoarTestClient) -> list[object]:
    return [
        xsoar.server.api_key,
        xsoar.call('POST', '/settings/integration/search', {}),
        xsoar.entries(),
        xsoar.context(),
        xsoar.playground,
        xsoar.call('POST', '/incidents/search', {}),
        xsoar.server.last_run('probe'),
        xsoar.server.metrics('probe'),
        [each['id'] for each in xsoar.call('GET', '/contentpacks/metadata/installed')],
    ]


def test_a_restart_keeps_everything(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start()
    xsoar.add(credentials={'identifier': 'ada', 'password': 'sesame'})
    xsoar.run('!probe-remember text=kept')
    file = xsoar.run('!probe-file name=a.txt text=kept')[0]
    xsoar.run(
        '!probe-send result={"Type": 19, "Contents": "", "APIExecutionMetrics": [{"Type": "Successful", "APICallsCount": 3}]}'
    )
    xsoar.server.fetch_now('probe')
    before = everything(xsoar)
    xsoar.server.stop()

    xsoar = start()

    assert everything(xsoar) == before
    assert xsoar.server.metrics('probe') == {'Successful': 3}
    assert '"text": "kept"' in xsoar.say('!probe-recall')
    assert '"password": "sesame"' in xsoar.say('!probe-platform')
    assert xsoar.request('GET', f'/entry/download/{file["id"]}').text == 'kept'


FAULTY = {
    'name': 'Faulty',
    'commonfields': {'id': 'Faulty'},
    'configuration': [],
    'script': {'type': 'python', 'commands': [{'description': 'no name'}]},
}


def test_a_faulty_integration_of_an_older_server_is_removed(
    start: Callable[..., XsoarTestClient], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start().server.stop()
    database = sqlite3.connect(tmp_path / 'data' / 'xsoar.db')
    with database:
        database.execute('INSERT INTO integrations VALUES (?, NULL, ?, ?, ?)', ('Faulty', 'Faulty', json.dumps(FAULTY), 'pass'))
        mapper = json.dumps({'id': 'M', 'type': 'mapping-incoming', 'mapping': 'foo'})
        database.execute('INSERT INTO classifiers VALUES (?, ?, ?, ?, ?)', ('M', 'Faulty', 'M', 'mapping-incoming', mapper))
    database.close()

    xsoar = start()
    xsoar.add()

    assert xsoar.say('!probe-echo still') == 'echo still'
    found = xsoar.call('POST', '/settings/integration/search', {})['configurations']
    assert [each['id'] for each in found] == ['Probe']
    said = capsys.readouterr().err
    assert 'Faulty was removed, because the command 1 has no name' in said
    assert 'M was removed, because mapping of the classifier is not an object' in said


def test_an_interval_that_an_older_server_took_counts_as_a_minute(start: Callable[..., XsoarTestClient], tmp_path: Path) -> None:
    xsoar = start()
    xsoar.add('fetcher', isFetch=True, incidentFetchInterval='7')
    xsoar.server.stop()
    database = sqlite3.connect(tmp_path / 'data' / 'xsoar.db')
    with database:
        database.execute('UPDATE instances SET plain = replace(plain, \'"7"\', \'"-5"\')')
    database.close()

    xsoar = start(fetches=True, second=1)
    shown = {field['name']: field['value'] for field in xsoar.instance('fetcher')['data']}
    assert shown['incidentFetchInterval'] == '-5'
    assert wait_until(lambda: xsoar.server.last_run('fetcher')) == {'next': 3}
    xsoar.run('!probe-echo x')
    xsoar.run('!probe-echo x')

    assert xsoar.server.last_run('fetcher') == {'next': 3}


def test_an_api_key_can_be_chosen_and_is_remembered(tmp_path: Path) -> None:
    with XsoarServer(tmp_path, api_key='chosen') as server:
        assert server.api_key == 'chosen'
    with XsoarServer(tmp_path) as server:
        assert server.api_key == 'chosen'
        about = requests.get(f'{server.url}/about', headers={'Authorization': 'chosen'}, timeout=LIMIT)
    assert about.status_code == 200


def test_two_servers_cannot_use_one_folder(tmp_path: Path) -> None:
    with XsoarServer(tmp_path), pytest.raises(Refusal, match='Another server is using'):
        XsoarServer(tmp_path)


@pytest.mark.parametrize('port', [-1, 70000])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(Refusal, match=f'The port {port} cannot be used'):
        XsoarServer(tmp_path, port=port)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with XsoarServer(tmp_path / 'one') as server:
        port = int(server.url.rpartition(':')[2])
        with pytest.raises(Refusal, match=f'The port {port} cannot be used .*in use.*choose another, or 0 for a free one'):
            XsoarServer(tmp_path / 'two', port=port)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'xsoar.db').write_text('this is a text, not a database; it is long enough to look at' * 20)

    with pytest.raises(Refusal, match='is not a database of this server'):
        XsoarServer(tmp_path)


def test_a_database_of_a_newer_server_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / 'xsoar.db') as connection:
        connection.execute('PRAGMA user_version = 99')

    with pytest.raises(Refusal, match='was written by a newer server'):
        XsoarServer(tmp_path)


def test_a_lost_key_is_told_at_the_start(tmp_path: Path) -> None:
    with XsoarServer(tmp_path):
        pass
    (tmp_path / 'xsoar.key').unlink()

    with pytest.raises(Refusal, match='put the right key file back'):
        XsoarServer(tmp_path)


def test_a_server_that_could_not_start_leaves_the_folder_free(tmp_path: Path) -> None:
    (tmp_path / 'xsoar.db').write_text('no database' * 100)
    with pytest.raises(Refusal, match='is not a database'):
        XsoarServer(tmp_path)
    (tmp_path / 'xsoar.db').unlink()

    with XsoarServer(tmp_path) as server:
        assert server.url


def test_what_a_killed_server_left_in_its_working_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / 'work' / 'tmp123').mkdir(parents=True)

    with XsoarServer(tmp_path):
        assert list((tmp_path / 'work').iterdir()) == []


def run_alone(*arguments: object) -> 'subprocess.Popen[str]':
    environment = {**os.environ, 'PYTHONPATH': str(TESTS)}
    return subprocess.Popen(
        [sys.executable, '-m', 'sandbox.xsoar', *map(str, arguments)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def said(stream: 'IO[str] | None') -> str:
    assert stream
    return stream.readline().strip()


@pytest.mark.parametrize('end', [signal.SIGINT, signal.SIGTERM])
def test_the_server_runs_alone_until_it_is_told_to_end(tmp_path: Path, end: signal.Signals) -> None:
    with run_alone(tmp_path / 'data') as process:
        url, key = said(process.stdout).split()[-1], said(process.stdout).split()[-1]
        assert requests.get(f'{url}/about', headers={'Authorization': key}, timeout=LIMIT).status_code == 200
        process.send_signal(end)
        assert process.wait(timeout=LIMIT) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ''


def test_a_killed_server_loses_nothing(tmp_path: Path, probe_pack: Path) -> None:
    with run_alone(tmp_path / 'data') as process:
        url, key = said(process.stdout).split()[-1], said(process.stdout).split()[-1]
        with probe_pack.open('rb') as file:
            requests.post(
                f'{url}/contentpacks/installed/upload', headers={'Authorization': key}, files={'file': file}, timeout=LIMIT
            )
        process.kill()

    with XsoarServer(tmp_path / 'data') as server:
        assert (server.api_key, len(XsoarTestClient(server).call('GET', '/contentpacks/metadata/installed'))) == (key, 1)


def test_wrong_use_of_the_program_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / 'xsoar.db').write_text('no database' * 100)
    with run_alone(tmp_path) as process:
        _, error = process.communicate(timeout=LIMIT)

    assert process.returncode == 1
    assert error == f'{tmp_path}/xsoar.db is not a database of this server: move it away, or choose another data folder.\n'


def test_a_command_that_runs_when_the_server_is_killed_ends_too(tmp_path: Path, probe_pack: Path) -> None:
    with run_alone(tmp_path / 'data') as process:
        url, key = said(process.stdout).split()[-1], said(process.stdout).split()[-1]
        headers = {'Authorization': key}
        with probe_pack.open('rb') as file:
            requests.post(f'{url}/contentpacks/installed/upload', headers=headers, files={'file': file}, timeout=LIMIT)
        requests.put(f'{url}/settings/integration', headers=headers, json={'name': 'p', 'brand': 'Probe'}, timeout=LIMIT)
        found = requests.post(f'{url}/investigations/search', headers=headers, json={}, timeout=LIMIT).json()
        playground = found['data'][0]['id']
        with ThreadPoolExecutor(1) as threads:
            body = {'investigationId': playground, 'data': '!probe-crash how="hang with children"'}
            command = threads.submit(requests.post, f'{url}/entry/execute/sync', headers=headers, timeout=LIMIT, json=body)
            wait_until(lambda: len(processes_in(tmp_path / 'data')) == 2)
            process.kill()
            with pytest.raises(requests.ConnectionError):
                command.result()

    wait_until(lambda: not processes_in(tmp_path / 'data'))
