"""The sandbox as a whole: its ports, what it keeps, what it links."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.microsoft.browser import Browser
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.servers import Sandbox
from sandbox.xsoar import Refusal

ADA = 'ada@contoso.example'


def free_ports(count: int) -> int:
    """Return the first of several free ports in a row."""
    for first in range(20_000, 60_000, count):
        taken = []
        try:
            for port in range(first, first + count):
                taken.append(socket.create_server(('127.0.0.1', port)))
            return first
        except OSError:
            continue
        finally:
            for each in taken:
                each.close()
    raise AssertionError('no free ports')


def write(sandbox: Sandbox, subject: str) -> None:
    mailbox = sandbox.cloud.mailbox(ADA)
    mailbox.deliver(
        Message(subject, EmailAddress('Eve', 'eve@partner.example'), mailbox.now(), to=[mailbox.owner], html='<p>x</p>')
    )


def facts(sandbox: Sandbox) -> dict[str, Any]:
    """Return what has to be the same in the next run."""
    return {
        'ports': [sandbox.portal.url, sandbox.server.url, sandbox.cloud.ports],
        'secret': sandbox.cloud.directory.application('daemon').secret,
        'key': sandbox.server.api_key,
        'newest': sandbox.cloud.mailbox(ADA).messages()[0].subject,
        'environment': sandbox.cloud.host_environment('app-service'),
    }


def test_one_port_chooses_all_of_them() -> None:
    first = free_ports(20)

    with Sandbox(first, fetches=False) as sandbox:
        assert sandbox.portal.url == f'http://127.0.0.1:{first}'
        assert sandbox.server.url == f'http://127.0.0.1:{first + 1}'
        ports = sorted(sandbox.cloud.ports.values())
        assert ports == list(range(first + 2, first + 2 + len(ports)))


@pytest.mark.parametrize('port', [-5, 65_525, 70_000])
def test_a_port_that_leaves_no_room_for_the_others_is_refused(port: int) -> None:
    with pytest.raises(Refusal, match=f'^The port {port} cannot be used: choose one from 1 to 65524.$'):
        Sandbox(port).start()


def test_a_taken_port_is_told_with_those_that_are_needed() -> None:
    first = free_ports(20)
    problem = f'The port {first + 3} cannot be used (Address already in use), and the sandbox needs {first} to {first + 11}'
    with socket.create_server(('127.0.0.1', first + 3)), pytest.raises(Refusal) as raised:
        Sandbox(first).start()
    assert str(raised.value) == f'{problem}: choose another PORT.'


def test_what_is_kept_goes_on_in_the_next_run(tmp_path: Path) -> None:
    folder = tmp_path / 'kept'
    with Sandbox(keep=folder, fetches=False) as sandbox:
        write(sandbox, 'Of the first run')
        consent_page = sandbox.cloud.token_service.replace('obtain-token', 'ms-graph-mail-listener')
        registration_id = Browser(sandbox.cloud, ADA).consent_to_cortex_app(consent_page)[0]
        issued = tokens(sandbox)
        before = facts(sandbox)
    assert {each.stat().st_mode & 0o077 for each in (folder, folder / 'microsoft.state')} == {0}

    with Sandbox(keep=folder, fetches=False) as sandbox:
        assert facts(sandbox) == before
        messages = requests.get(
            f'{sandbox.cloud.graph}/v1.0/users/{ADA}/messages',
            headers={'Authorization': f'Bearer {issued}'},
            verify=sandbox.cloud.ca_file,
            timeout=30,
        )
        assert messages.status_code == 200, 'a token of the first run'
        assert registration_id.partition('@')[0] in sandbox.cloud.state()['registrations']


def tokens(sandbox: Sandbox) -> str:
    """Return an access token of the application daemon."""
    daemon = sandbox.cloud.directory.application('daemon')
    form = {
        'grant_type': 'client_credentials',
        'client_id': daemon.client_id,
        'client_secret': daemon.secret,
        'scope': f'{sandbox.cloud.graph}/.default',
    }
    url = f'{sandbox.cloud.authority}/contoso.example/oauth2/v2.0/token'
    return str(requests.post(url, form, verify=sandbox.cloud.ca_file, timeout=30).json()['access_token'])


def test_without_keeping_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))

    with Sandbox(fetches=False) as sandbox:
        assert sandbox.folder.parent == tmp_path

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'name, content, sentence',
    [
        ('ports.json', '{"portal": 1}', 'cannot be read'),
        ('microsoft.state', 'no state', 'was not written by this version'),
    ],
)
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    with Sandbox(keep=tmp_path, fetches=False):
        pass
    (tmp_path / name).write_text(content)

    with pytest.raises(ValueError, match=sentence):
        Sandbox(keep=tmp_path, fetches=False).start()


def test_state_of_other_ports_is_refused(tmp_path: Path) -> None:
    with Sandbox(keep=tmp_path, fetches=False):
        pass
    (tmp_path / 'ports.json').unlink()

    with pytest.raises(ValueError, match='is of other ports'):
        Sandbox(keep=tmp_path, fetches=False).start()


def test_a_start_that_fails_changes_nothing_that_is_kept(tmp_path: Path) -> None:
    first = free_ports(20)
    with socket.create_server(('127.0.0.1', first + 1)), pytest.raises(Refusal, match='choose another PORT'):
        Sandbox(first, keep=tmp_path).start()
    with Sandbox(keep=tmp_path, fetches=False) as sandbox:
        kept = {path: path.read_bytes() for path in (tmp_path / 'ports.json', tmp_path / 'microsoft.state')}
        with pytest.raises(Refusal, match=f'^Another server is using {tmp_path}: stop it, or choose another folder.$'):
            Sandbox(free_ports(20), keep=tmp_path).start()
        assert {path: path.read_bytes() for path in kept} == kept
        before = facts(sandbox)
    with pytest.raises(Refusal, match='is of other ports: leave out PORT, or choose another folder'):
        Sandbox(free_ports(20), keep=tmp_path).start()
    with Sandbox(keep=tmp_path, fetches=False) as sandbox:
        assert facts(sandbox) == before


def test_a_sandbox_that_is_killed_leaves_the_state_of_its_start(tmp_path: Path) -> None:
    killed = Sandbox(keep=tmp_path / 'kept', fetches=False).start()
    before = facts(killed)
    shutil.copytree(tmp_path / 'kept', tmp_path / 'left by the kill')
    killed.stop()
    with Sandbox(keep=tmp_path / 'left by the kill', fetches=False) as sandbox:
        assert facts(sandbox) == before


@pytest.mark.parametrize('name', ['file', 'file/below'])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(Refusal, match=f'^{tmp_path}/{name} cannot be used as a folder'):
        Sandbox(keep=tmp_path / name).start()


def test_the_pages_of_xsoar_know_what_is_local() -> None:
    with Sandbox(fetches=False) as sandbox:
        surroundings = sandbox.server.surroundings
        page = requests.get(surroundings.start_page, timeout=30)
        assert page.status_code == 200
        assert sandbox.server.sign_in_url in page.text
        for beginning in ('https://oproxy.demisto.ninja', 'https://portal.azure.com', 'https://login.microsoftonline.com'):
            assert surroundings.local_addresses[beginning].startswith(('https://localhost:', 'http://127.0.0.1:'))
        assert json.dumps(surroundings.local_addresses).count('localhost') >= 4
