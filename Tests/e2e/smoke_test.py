"""``make smoke``, as a pipeline runs it after the upload."""

import subprocess
import sys
from pathlib import Path

import pytest

from authentication_methods import client_secret, device_code
from delivery.commands import ROOT
from demo.administrator import Administrator
from demo.upload import own_environment
from sandbox.microsoft import MicrosoftCloud
from sandbox.servers import Sandbox


def make_smoke(tmp_path: Path, **variables: str) -> 'subprocess.CompletedProcess[str]':
    """Run ``make smoke`` in the environment that the tests run in, without setting it up again."""
    environment = {**own_environment(), 'DEMISTO_SDK_LOG_FILE_PATH': str(tmp_path), **variables}
    command = ['make', '-o', 'setup', f'BIN={Path(sys.executable).parent}', 'smoke']
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def server(sandbox: Sandbox) -> 'dict[str, str]':
    return {'DEMISTO_BASE_URL': sandbox.server.url, 'DEMISTO_API_KEY': sandbox.server.api_key}


def test_a_signed_in_instance_passes(server, cloud: MicrosoftCloud, administrator: Administrator, tmp_path: Path) -> None:
    administrator.add_instance('Smoke', client_secret(cloud))
    done = make_smoke(tmp_path, **server, INSTANCE='Smoke')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'ada@contoso.example' in done.stdout
    assert 'smoke: !msgraph-mail-auth-test using="Smoke" passed' in done.stdout


def test_an_instance_that_nobody_signed_in_to_fails(server, cloud, administrator: Administrator, tmp_path: Path) -> None:
    administrator.add_instance('Unsigned', device_code(cloud))
    done = make_smoke(tmp_path, **server, INSTANCE='Unsigned')
    assert done.returncode != 0
    assert '!msgraph-mail-auth-start' in done.stdout
    assert 'smoke: !msgraph-mail-auth-test using="Unsigned" failed.' in done.stderr


@pytest.mark.parametrize(
    'variables, said',
    [
        ({'DEMISTO_API_KEY': ''}, 'Set DEMISTO_BASE_URL and DEMISTO_API_KEY'),
        ({'DEMISTO_API_KEY': 'wrong'}, 'does not take the API key'),
        ({'DEMISTO_BASE_URL': 'http://127.0.0.1:9'}, 'cannot be reached'),
    ],
)
def test_what_is_wrong_is_one_sentence(server, tmp_path: Path, variables: 'dict[str, str]', said: str) -> None:
    done = make_smoke(tmp_path, **{**server, **variables})
    assert done.returncode != 0
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith('smoke: ')]
    assert said in sentence
    assert server['DEMISTO_API_KEY'] not in done.stdout + done.stderr
