"""What the tests of the local XSOAR server share: a server with the pack of ``content/`` and somebody who uses it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.tests.machine import limit
from sandbox.tests.shared import made_once
from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import SDK, TEMPO, XsoarTestClient
from sandbox.xsoar import XsoarServer

CONTENT = Path(__file__).with_name('content')


@pytest.fixture(scope='session')
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A content repository with the pack Probe, as demisto-sdk wants one."""
    root = tmp_path_factory.mktemp('content')
    shutil.copytree(CONTENT, root, dirs_exist_ok=True)
    git = ['git', '-c', 'user.name=test', '-c', 'user.email=test@contoso.example', '-c', 'commit.gpgsign=false']
    subprocess.run([*git, 'init', '-q', '-b', 'main'], cwd=root, check=True)
    subprocess.run([*git, 'commit', '-q', '--allow-empty', '-m', 'first'], cwd=root, check=True)
    return root


@pytest.fixture(scope='session')
def probe_pack(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip file that demisto-sdk makes of the pack Probe."""

    def make(folder: Path) -> None:
        command = [str(SDK), 'prepare-content', '-f', '-i', 'Packs/Probe', '-o', str(folder)]
        subprocess.run(command, cwd=content, check=True, capture_output=True, timeout=limit(30))

    return made_once(tmp_path_factory, 'probe-pack', make) / 'Probe.zip'


@pytest.fixture
def start(tmp_path: Path, probe_pack: Path) -> Iterator[Callable[..., XsoarTestClient]]:
    """Start servers on one data folder; each has the probe. A second on them lasts a hundredth of one."""
    servers: list[XsoarServer] = []

    def begin(**options: Any) -> XsoarTestClient:
        settings: dict[str, Any] = {'second': TEMPO, 'fetches': False, **options}
        server = XsoarServer(tmp_path / 'data', **settings).start()
        servers.append(server)
        xsoar = XsoarTestClient(server)
        xsoar.upload(probe_pack)
        return xsoar

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture
def xsoar(start: Callable[..., XsoarTestClient]) -> XsoarTestClient:
    """A server with an instance of the probe."""
    xsoar = start()
    xsoar.add()
    return xsoar


@pytest.fixture
def browser(xsoar: XsoarTestClient) -> Browser:
    """A browser that has signed in."""
    browser = Browser(xsoar.server.url)
    browser.sign_in(xsoar.server.api_key)
    return browser
