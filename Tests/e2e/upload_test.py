"""``make upload`` to an XSOAR server."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    return tmp_path / 'clone'


def make_upload(repository: Path, **variables: str) -> 'subprocess.CompletedProcess[str]':
    """Run ``make upload`` without setting the environment up again."""
    environment = {
        **own_environment(),
        'TMPDIR': str(repository.parent),
        'DEMISTO_SDK_LOG_FILE_PATH': str(repository.parent),
        **variables,
    }
    command = ['make', '-o', 'setup', f'BIN={Path(sys.executable).parent}', 'upload']
    return subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=limit(60), check=False
    )


def test_the_pack_is_on_the_server_of_the_environment(repository: Path, tmp_path: Path) -> None:
    with XsoarServer(tmp_path / 'server', fetches=False) as server:
        assert server.packs() == []
        done = make_upload(repository, DEMISTO_BASE_URL=server.url, DEMISTO_API_KEY=server.api_key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [pack['name'] for pack in server.packs()] == [PACK]


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
