"""One sandbox for all tests: the pack is built and uploaded once, and each test adds its own instances."""

from collections.abc import Iterator

import pytest

from demo.administrator import Administrator
from demo.upload import upload_to
from e2e.analyst import Analyst
from e2e.war_room import WarRoom
from sandbox.microsoft import MicrosoftCloud
from sandbox.servers import Sandbox


@pytest.fixture(scope='session')
def sandbox() -> Iterator[Sandbox]:
    """Return a running sandbox with the pack uploaded by demisto-sdk. Schedules run ten times as fast as they say."""
    with Sandbox(concurrency=20, second=0.1, fetches=False) as sandbox:
        upload_to(sandbox)
        yield sandbox


@pytest.fixture(scope='session')
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
