"""``make upload`` to an XSOAR server."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from demo.upload import REPOSITORY, copy_packs, own_environment
from sandbox.servers import Sandbox
from sandbox.tests.machine import limit
from sandbox.xsoar import XsoarServer

PACK = 'O365 Outlook Mail Single User'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of the repository that is sufficient for the upload. It has no ``.env``, which could name a real server."""
    copy_packs(tmp_path / 'clone')
    shutil.copy(REPOSITORY / 'Makefile', tmp_path / 'clone')
    (tmp_path / 'clone' / 'Tests').symlink_to(REPOSITORY / 'Tests')
    return tmp_path / 'clone'


def make_upload(repository: Path, *settings: str, **variables: str) -> 'subprocess.CompletedProcess[str]':
    """Run ``make upload`` without setting the environment up again."""
    environment = {
        **own_environment(),
        'TMPDIR': str(repository.parent),
        'DEMISTO_SDK_LOG_FILE_PATH': str(repository.parent),
        **variables,
    }
    command = ['make', '-o', 'setup', f'BIN={Path(sys.executable).parent}', 'upload', *settings]
    return subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=limit(60), check=False
    )


def test_the_pack_is_on_the_server_of_the_environment(repository: Path, tmp_path: Path) -> None:
    with XsoarServer(tmp_path / 'server', fetches=False) as server:
        assert server.packs() == []
        done = make_upload(repository, DEMISTO_BASE_URL=server.url, DEMISTO_API_KEY=server.api_key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [pack['name'] for pack in server.packs()] == [PACK]


@pytest.mark.parametrize('settings, has_quick_actions', [((), False), (('MARKETPLACE=platform',), True)])
def test_the_pack_is_built_for_the_marketplace(
    repository: Path, tmp_path: Path, settings: tuple[str, ...], has_quick_actions: bool
) -> None:
    with XsoarServer(tmp_path / 'server', fetches=False) as server:
        done = make_upload(repository, *settings, DEMISTO_BASE_URL=server.url, DEMISTO_API_KEY=server.api_key)
        assert done.returncode == 0, done.stdout + done.stderr
        found = requests.post(
            f'{server.url}/settings/integration/search', json={}, headers={'Authorization': server.api_key}, timeout=limit(10)
        )
    [integration] = found.json()['configurations']
    names = [command['name'] for command in integration['integrationScript']['commands']]
    assert any(name.endswith('-quick-action') for name in names) == has_quick_actions


@pytest.mark.parametrize(
    'settings, says',
    [
        (('PACK=docs/examples/AzureSubscriptions',), 'is not a pack in the folder Packs'),
        (('PACK=Packs/Nothing',), 'Packs/Nothing is not a pack in the folder Packs'),
        (('MARKETPLACE=elsewhere',), "The pack is not for 'elsewhere'. Choose xsoar,"),
    ],
)
def test_what_cannot_be_uploaded_is_one_message(settings: tuple[str, ...], says: str) -> None:
    done = make_upload(REPOSITORY, *settings, DEMISTO_BASE_URL='http://127.0.0.1:9', DEMISTO_API_KEY='a key')
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith('make')]
    assert done.returncode != 0
    assert len(said) == 1, said
    assert says in said[0]


@pytest.mark.parametrize('missing', ['DEMISTO_BASE_URL', 'DEMISTO_API_KEY'])
def test_a_missing_address_or_key_is_one_message(missing: str) -> None:
    variables = {'DEMISTO_BASE_URL': 'http://127.0.0.1:9', 'DEMISTO_API_KEY': 'a key'}
    del variables[missing]
    done = make_upload(REPOSITORY, **variables)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith('make')]
    assert done.returncode != 0
    assert len(said) == 1, said
    assert 'DEMISTO_BASE_URL' in said[0]
    assert 'DEMISTO_API_KEY' in said[0]


def test_a_wrong_key_is_an_error(repository: Path, sandbox: Sandbox) -> None:
    done = make_upload(repository, DEMISTO_BASE_URL=sandbox.server.url, DEMISTO_API_KEY='not the key of this server')
    assert done.returncode != 0
    assert 'Could not connect to the server' in done.stdout
    assert 'check DEMISTO_BASE_URL and DEMISTO_API_KEY' in done.stderr, 'demisto-sdk speaks of the connection only'
