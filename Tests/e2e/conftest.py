"""One sandbox for all tests of a process: the pack is built once for all of them, and each test adds its own instances."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.administrator import Administrator
from demo.upload import upload_pack
from e2e.analyst import Analyst
from e2e.war_room import WarRoom
from sandbox.microsoft import MicrosoftCloud
from sandbox.servers import Sandbox
from sandbox.tests.shared import made_once
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient


@pytest.fixture(scope='package')
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Return a running sandbox with the pack. Schedules run fifty times as fast as they say.

    The first of several processes uploads it by demisto-sdk, and the others upload the same zip.
    """
    with Sandbox(concurrency=20, second=0.02, fetches=False) as sandbox:
        server = sandbox.server

        def upload(folder: Path) -> None:
            upload_pack(server.url, server.api_key, folder / 'build').rename(folder / 'pack.zip')

        uploaded = made_once(tmp_path_factory, 'uploaded', upload)
        if not server.packs():
            XsoarTestClient(server).upload(uploaded / 'pack.zip')
        yield sandbox


@pytest.fixture(scope='package')
def administrator(sandbox: Sandbox) -> Administrator:
    return Administrator(sandbox.server.url, sandbox.server.api_key)


@pytest.fixture
def cloud(sandbox: Sandbox) -> MicrosoftCloud:
    """Return the cloud that the commands of the server call, in its initial state."""
    sandbox.cloud.reset()
    return sandbox.cloud


@pytest.fixture
def war_room(sandbox: Sandbox) -> WarRoom:
    return WarRoom(sandbox.server)


@pytest.fixture
def analyst(cloud: MicrosoftCloud, administrator: Administrator) -> Analyst:
    """Return an analyst who works in the mailbox of Ada."""
    return Analyst(cloud, administrator)
