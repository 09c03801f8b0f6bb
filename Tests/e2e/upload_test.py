"""``make upload``, as somebody with an XSOAR of their own runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from machine import limit
from sandbox.demo.servers import Sandbox
from sandbox.demo.upload import REPOSITORY, copy_packs, own_environment
from sandbox.xsoar import XsoarServer

PACK = 'O365 Outlook Mail Single User'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone of the repository, as far as uploading needs it. It has no ``.env``, which may name the user's real server."""
    copy_packs(tmp_path / 'clone')
    shutil.copy(REPOSITORY / 'Makefile', tmp_path / 'clone')
    return tmp_path / 'clone'


def make_upload(repository: Path, **variables: str) -> 'subprocess.CompletedProcess[str]':
    """Runs ``make upload`` in the environment that the tests run in, without setting it up again."""
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


def test_pack_arrives_on_the_server_of_the_environment(repository: Path, tmp_path: Path) -> None:
    with XsoarServer(tmp_path / 'server', fetches=False) as server:
        assert server._parts.catalogue.packs() == []
        done = make_upload(repository, DEMISTO_BASE_URL=server.url, DEMISTO_API_KEY=server.api_key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [pack['name'] for pack in server._parts.catalogue.packs()] == [PACK]


@pytest.mark.parametrize('missing', ['DEMISTO_BASE_URL', 'DEMISTO_API_KEY'])
def test_without_address_or_key_there_is_one_sentence(repository: Path, missing: str) -> None:
    variables = {'DEMISTO_BASE_URL': 'http://127.0.0.1:9', 'DEMISTO_API_KEY': 'a key'}
    del variables[missing]
    done = make_upload(repository, **variables)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith('make')]
    assert done.returncode != 0
    assert len(said) == 1, said
    assert 'DEMISTO_BASE_URL' in said[0]
    assert 'DEMISTO_API_KEY' in said[0]


def test_wrong_key_is_told_and_fails(repository: Path, sandbox: Sandbox) -> None:
    done = make_upload(repository, DEMISTO_BASE_URL=sandbox.server.url, DEMISTO_API_KEY='not the key of this server')
    assert done.returncode != 0
    assert 'Could not connect to the server' in done.stdout
