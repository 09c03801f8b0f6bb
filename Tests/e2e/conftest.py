"""One sandbox for all stories: the pack is built and uploaded once, each test adds instances of its own."""

from collections.abc import Iterator

import pytest

from demo.administrator import Administrator
from demo.upload import upload_to
from e2e.desk import COMMANDS, Desk, command_of
from e2e.war_room import WarRoom
from sandbox.microsoft import MicrosoftCloud
from sandbox.servers import Sandbox


@pytest.fixture(scope='session')
def sandbox() -> Iterator[Sandbox]:
    """Both stand-ins, with the pack uploaded by demisto-sdk. Schedules run ten times as fast as they say."""
    with Sandbox(concurrency=20, second=0.1, fetches=False) as sandbox:
        upload_to(sandbox)
        yield sandbox


@pytest.fixture(scope='session')
def administrator(sandbox: Sandbox) -> Administrator:
    return Administrator(sandbox.server.url, sandbox.server.api_key)


@pytest.fixture
def cloud(sandbox: Sandbox) -> MicrosoftCloud:
    """The cloud that the server's commands reach, in which nothing has happened yet."""
    sandbox.cloud.reset()
    return sandbox.cloud


@pytest.fixture
def war_room(sandbox: Sandbox) -> WarRoom:
    return WarRoom(sandbox.server)


@pytest.fixture
def desk(request: pytest.FixtureRequest, cloud: MicrosoftCloud, administrator: Administrator) -> Iterator[Desk]:
    """Somebody who works in Ada's mailbox. A test that is named after a command has to run that command."""
    desk = Desk(cloud, administrator)
    yield desk
    command = command_of(request.function.__name__)
    assert command not in COMMANDS or command in desk.commands_run
