"""The server's truth: demisto-sdk, its programs and its client, work against it as against a real one."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demisto_client.demisto_api.rest import ApiException
from demisto_sdk.commands.common.clients import XsoarClient, get_client_from_server_type
from demisto_sdk.commands.common.clients.errors import UnAuthorized
from demisto_sdk.commands.common.constants import MarketplaceVersions

from sandbox.tests.machine import limit
from sandbox.tests.xsoar.xsoar_client import SDK, XsoarTestClient
from sandbox.xsoar import XsoarServer


@pytest.fixture
def client(xsoar: XsoarTestClient, monkeypatch: pytest.MonkeyPatch) -> XsoarClient:
    """The SDK's client of a server that has the probe and an instance of it."""
    for name in ('XSIAM_AUTH_ID', 'DEMISTO_API_KEY_ID', 'HTTP_PROXY', 'HTTPS_PROXY'):
        monkeypatch.delenv(name, raising=False)
    return get_client_from_server_type(base_url=xsoar.server.url, api_key=xsoar.server.api_key)


def run_sdk(content: Path, server: XsoarServer, *arguments: str, key: str = '') -> 'subprocess.CompletedProcess[str]':
    outside = {name: value for name, value in os.environ.items() if name not in ('XSIAM_AUTH_ID', 'DEMISTO_API_KEY_ID')}
    environment = {
        **outside,
        'DEMISTO_BASE_URL': server.url,
        'DEMISTO_API_KEY': key or server.api_key,
        'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1',
    }
    return subprocess.run(
        [str(SDK), *arguments], cwd=content, env=environment, capture_output=True, text=True, timeout=limit(30), check=False
    )


def test_the_client_recognises_the_server(client: XsoarClient) -> None:
    assert (client.is_healthy, client.is_server_type, str(client.version)) == (True, True, '6.10.0')
    assert client.marketplace == MarketplaceVersions.XSOAR


def test_a_wrong_key_is_told_as_such(xsoar: XsoarTestClient) -> None:
    with pytest.raises(UnAuthorized, match='credentials are invalid'):
        get_client_from_server_type(base_url=xsoar.server.url, api_key='wrong')


def test_an_instance_from_its_creation_to_its_end(client: XsoarClient, xsoar: XsoarTestClient) -> None:
    parameters = {
        'url': 'https://x',
        'credentials': {'identifier': 'ada', 'password': 'sesame'},
        'api_key': 'key',
        'insecure': True,
    }
    playground = client.get_playground_id()

    instance = client.create_integration_instance('Probe', 'mine', parameters, should_test=True)
    entries, context = client.run_cli_command('!probe-echo text="two words" id=7 using=mine', playground)

    assert (entries[0].contents, entries[0].parent_content) == ('echo two words', '!probe-echo text="two words" id=7 using=mine')
    assert context == {'Probe': {'Echo': {'ID': '7', 'Text': 'two words'}}}
    assert '"password": "sesame"' in client.run_cli_command('!probe-platform using=mine', playground)[0][0].contents
    client.delete_integration_instance(instance['id'])
    with pytest.raises(ValueError, match="Could not find instance for instance name 'mine'"):
        client.get_integration_instance('mine')


def test_an_instance_is_replaced_by_one_of_the_same_name(client: XsoarClient) -> None:
    first = client.create_integration_instance('Probe', 'mine', {})
    second = client.create_integration_instance('Probe', 'mine', {})

    assert first['id'] != second['id'] == client.get_integration_instance('mine')['id']


def test_an_instance_can_be_disabled_and_enabled(client: XsoarClient) -> None:
    playground = client.get_playground_id()
    client.disable_integration_instance('probe')
    disabled, _ = client.run_cli_command('!probe-echo x', playground)
    client.enable_integration_instance('probe')
    enabled, _ = client.run_cli_command('!probe-echo x', playground)

    assert ('No instance of Probe is enabled' in disabled[0].contents, enabled[0].contents) == (True, 'echo x')


def test_a_failing_test_button_raises_with_the_message(client: XsoarClient) -> None:
    client.create_integration_instance('Probe', 'mine', {'test_answer': 'error'})

    with pytest.raises(ApiException, match='Test module failed - the server cannot be reached'):
        client.test_module('Probe', 'mine')


def test_errors_of_commands_are_error_entries(client: XsoarClient) -> None:
    entries, _ = client.run_cli_command('!probe-crash how=kill', client.get_playground_id())

    assert client.get_formatted_error_entries(entries) == {
        'Command !probe-crash how=kill finished with error:\nThe command crashed: its process was ended by signal 9 (SIGKILL).'
    }


def test_incidents_are_created_and_found(client: XsoarClient, xsoar: XsoarTestClient) -> None:
    created = client.create_incident('Phish')
    xsoar.add('fetcher', isFetch=True)
    xsoar.server.fetch_now('fetcher')

    assert client.search_incidents(created.id)['data'][0]['name'] == 'Phish'
    assert [each['name'] for each in client.search_incidents(source_instance_name='fetcher')['data']] == [
        'incident 1',
        'incident 2',
    ]
    assert client.search_incidents(from_date='1 hour ago')['total'] == 3


def test_a_file_goes_into_the_war_room_of_an_incident(client: XsoarClient, tmp_path: Path) -> None:
    incident = client.create_incident('Phish')
    (tmp_path / 'mail.eml').write_bytes(b'From: ada@contoso.example\r\n')

    client.upload_file_to_war_room(str(tmp_path / 'mail.eml'), incident.id, 'mail.eml', file_comment='look')

    entry = client.get_investigation_status(incident.id)['entries'][0]
    file = client.get_investigation_context(incident.id)['File']
    assert (entry['contents'], file['Name'], file['EntryID'], file['Size']) == ('look', 'mail.eml', entry['id'], 27)
    downloaded = client.xsoar_client.download_file(entry['id'])
    assert Path(downloaded).read_bytes() == b'From: ada@contoso.example\r\n'


def test_installed_packs(client: XsoarClient) -> None:
    assert client.get_installed_pack('Probe')['currentVersion'] == '1.0.0'


@pytest.fixture
def empty(tmp_path: Path) -> Any:
    with XsoarServer(tmp_path / 'empty') as server:
        yield server


def test_demisto_sdk_uploads_a_pack_and_runs_a_command(content: Path, empty: XsoarServer) -> None:
    uploaded = run_sdk(content, empty, 'upload', '-i', 'Packs/Probe', '-z', '--insecure')
    xsoar = XsoarTestClient(empty)
    xsoar.add()
    ran = run_sdk(content, empty, 'run', '-q', '!probe-echo text="two words"', '--insecure')

    assert (uploaded.returncode, 'SUCCESSFUL UPLOADS' in uploaded.stdout + uploaded.stderr) == (0, True)
    assert [each['name'] for each in xsoar.call('GET', '/contentpacks/metadata/installed')] == ['Probe']
    assert (ran.returncode, 'echo two words' in ran.stdout + ran.stderr) == (0, True)


ANSWER = {'Type': 1, 'ContentsFormat': 'json', 'Contents': {'sent': {'number': 7}}, 'HumanReadable': 'seven (7)'}
OUTPUTS = {'EntryContext': {'Probe.Answer(val.ID && val.ID == obj.ID)': {'ID': 'x', 'Words': ['a', 'b']}}}


@pytest.mark.parametrize(
    'answer, options, paths',
    [
        ({**ANSWER, **OUTPUTS}, [], ['Pre.Probe.Answer.ID', 'Pre.Probe.Answer.Words']),
        ({**ANSWER, **OUTPUTS}, ['-r'], ['Pre.sent.number']),
        (ANSWER, [], ['Pre.sent.number']),
        ({**ANSWER, **OUTPUTS}, ['-D'], ['Pre.Probe.Answer.ID', 'Pre.Probe.Answer.Words']),
        ({**ANSWER, **OUTPUTS}, ['-D', '--debug-path', 'debug.log'], ['Pre.Probe.Answer.ID', 'Pre.Probe.Answer.Words']),
        (ANSWER, ['-D', '--debug-path', 'debug.log'], ['Pre.sent.number']),
    ],
)
def test_demisto_sdk_makes_outputs_of_what_a_command_answers(
    xsoar: XsoarTestClient, content: Path, tmp_path: Path, answer: dict[str, Any], options: list[str], paths: list[str]
) -> None:
    own = [str(tmp_path / each) if each == 'debug.log' else each for each in options]
    query = f'!probe-send result=`{json.dumps(answer)}`'

    ran = run_sdk(content, xsoar.server, 'run', '-q', query, '--json-to-outputs', '-p', 'Pre', '--insecure', *own)

    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert re.findall(r'contextPath: (\S+)', said) == paths
    assert 'seven (7)' in said
    if 'debug.log' in options:
        assert 'Full Integration Log:' in (tmp_path / 'debug.log').read_text()


@pytest.mark.nightly
def test_demisto_sdk_uploads_one_integration(content: Path, empty: XsoarServer) -> None:
    uploaded = run_sdk(content, empty, 'upload', '-i', 'Packs/Probe/Integrations/Probe', '--insecure')

    assert (uploaded.returncode, 'SUCCESSFUL UPLOADS' in uploaded.stdout + uploaded.stderr) == (0, True), uploaded.stdout
    xsoar = XsoarTestClient(empty)
    xsoar.add()
    assert xsoar.say('!probe-echo x') == 'echo x'


def test_demisto_sdk_shows_why_an_upload_was_refused(
    content: Path, empty: XsoarServer, start: Callable[..., XsoarTestClient]
) -> None:
    yml = 'commonfields: {id: Other}\nname: Probe\nscript: {type: python, script: "pass"}'
    XsoarTestClient(empty).request('POST', '/settings/integration-conf/upload', files={'file': ('Other.yml', yml)})

    uploaded = run_sdk(content, empty, 'upload', '-i', 'Packs/Probe', '-z', '--insecure')

    said = ' '.join((uploaded.stdout + uploaded.stderr).replace('│', ' ').split())
    assert uploaded.returncode == 1
    assert "Another pack already has an integration 'Probe': give this one its own id and name." in said


@pytest.mark.nightly
def test_demisto_sdk_is_refused_with_a_wrong_key(content: Path, empty: XsoarServer) -> None:
    uploaded = run_sdk(content, empty, 'upload', '-i', 'Packs/Probe', '-z', '--insecure', key='wrong')

    assert uploaded.returncode == 1
    assert XsoarTestClient(empty).call('GET', '/contentpacks/metadata/installed') == []
