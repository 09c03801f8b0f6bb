"""A token service that fails, and processes that are killed."""

import os
import signal
import threading
import time
from typing import Any

import pytest

import authentication_methods
from demo.administrator import Administrator, CommandFailed
from e2e.war_room import ERROR, WarRoom
from sandbox.microsoft import MicrosoftCloud
from sandbox.servers import Sandbox
from sandbox.tests.machine import limit, wait_until
from sandbox.tests.xsoar.xsoar_client import processes_in

LIST = '!msgraph-mail-list-emails page_size=1'


def test_a_token_due_for_refresh_is_used_in_an_outage(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.refresh_in = 1
    administrator.add_instance('Aging', authentication_methods.client_secret(cloud))
    administrator.run(LIST, 'Aging')
    time.sleep(1.1)
    cloud.faults.add(service='entra', status=503, times=None)
    cloud.requests.clear()
    assert 'Report 1' in administrator.run(LIST, 'Aging')
    assert {record.status for record in cloud.requests.of('entra', 'token')} == {503}
    cloud.requests.clear()
    assert 'Report 1' in administrator.run(LIST, 'Aging')
    assert cloud.requests.of('entra') == [], 'every command calls a service that has just failed'


def test_an_expired_token_in_an_outage_is_an_error(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Expired', authentication_methods.client_secret(cloud))
    cloud.faults.add(service='entra', status=503, times=None)
    with pytest.raises(CommandFailed, match=r'responded with HTTP status 503.* Try again in a few minutes\.'):
        administrator.run(LIST, 'Expired')
    cloud.faults.clear()
    assert 'Report 1' in administrator.run(LIST, 'Expired')


def test_a_captive_portal_is_recognized(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Portal', authentication_methods.client_secret(cloud))
    cloud.faults.add(service='entra', garbage=True)
    with pytest.raises(CommandFailed, match=r'not a JSON object.* proxy'):
        administrator.run(LIST, 'Portal')


def test_an_unreachable_graph_is_an_error(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance(
        'Nowhere', {**authentication_methods.client_secret(cloud), 'graph_endpoint': 'https://localhost:9'}
    )
    with pytest.raises(CommandFailed) as failure:
        administrator.run(LIST, 'Nowhere')
    assert 'Traceback' not in str(failure.value)


def test_a_killed_command_is_an_error_and_the_server_continues(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom
) -> None:
    administrator.add_instance('Killed', authentication_methods.client_secret(cloud))
    administrator.run(LIST, 'Killed')
    cloud.faults.add(service='graph', delay=limit(2))
    entries: list[dict[str, Any]] = []
    command = threading.Thread(target=lambda: entries.extend(war_room.run(LIST, 'Killed')))
    command.start()
    [process] = wait_until(lambda: processes_in(sandbox.server.data_folder))
    os.kill(int(process), signal.SIGKILL)
    command.join(timeout=limit(30))
    assert [entry['type'] for entry in entries] == [ERROR]
    assert 'SIGKILL' in entries[0]['contents']
    cloud.faults.clear()  # the process may have been killed before it sent the request
    assert 'Report 1' in administrator.run(LIST, 'Killed')
