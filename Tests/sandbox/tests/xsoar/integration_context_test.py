"""The integration context: versions let many commands at once change it without losing a change."""

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.tests.xsoar.xsoar_client import XsoarTestClient
from sandbox.xsoar.database import Database
from sandbox.xsoar.errors import Conflict, NotFound
from sandbox.xsoar.instances import Instance, Instances
from sandbox.xsoar.vault import Vault


@pytest.fixture(params=[False, True], ids=['numbers', 'objects'])
def xsoar(request: pytest.FixtureRequest, start: Callable[..., XsoarTestClient]) -> XsoarTestClient:
    """A server with an instance of the probe, whose versions are numbers or objects."""
    xsoar = start(object_versions=request.param)
    xsoar.add()
    return xsoar


def recalled(xsoar: XsoarTestClient, using: str = 'probe') -> tuple[dict[str, Any], int]:
    """Return the context and the number of its version."""
    found = json.loads(xsoar.say(f'!probe-recall using={using}'))
    return found['context'], found['version']['version'] if isinstance(found['version'], dict) else found['version']


def test_versions_may_be_objects(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(object_versions=True)
    xsoar.add()
    assert json.loads(xsoar.say('!probe-recall'))['version'] == {'version': 0, 'sequenceNumber': 0, 'primaryTerm': 1}


def test_twenty_commands_at_once_lose_no_update(xsoar: XsoarTestClient, tmp_path: Path) -> None:
    meeting = tmp_path / 'meeting'
    meeting.mkdir()

    with ThreadPoolExecutor(20) as users:
        counted = [json.loads(each) for each in users.map(xsoar.say, [f'!probe-count folder="{meeting}"'] * 20)]

    assert recalled(xsoar) == ({'number': '20'}, 20)
    assert sorted(each['number'] for each in counted) == list(range(1, 21))
    assert sum(each['conflicts'] for each in counted) > 0, 'they ran at once'


def test_a_stale_version_is_a_value_error_in_the_command(xsoar: XsoarTestClient) -> None:
    xsoar.run('!probe-remember text=one')
    xsoar.run('!probe-remember text=two')

    sentence = xsoar.say('!probe-remember text=three version=1')

    start = 'The command crashed: ValueError: DB Version error: The integration context is at version 2, not '
    assert (sentence[: len(start)], 'read it again and repeat the change.' in sentence) == (start, True)
    assert recalled(xsoar) == ({'text': 'two'}, 2)


@pytest.mark.parametrize('version', ['-1', '1'])
def test_the_current_version_and_no_version_are_taken(xsoar: XsoarTestClient, version: str) -> None:
    xsoar.run('!probe-remember text=one')

    assert xsoar.say(f'!probe-remember text=two version={version}') == 'remembered'
    assert recalled(xsoar) == ({'text': 'two'}, 2)


def test_a_hundred_changes_from_eight_threads_are_all_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / 'xsoar.db')
    instances = Instances(database, Vault(tmp_path / 'key'))
    saved = instances.save(Instance('1', 'one', 'Probe'))

    def add_one(_: int) -> None:
        while True:
            context, version = instances.integration_context(saved.id)
            with contextlib.suppress(Conflict):
                return instances.set_integration_context(saved.id, {'number': context.get('number', 0) + 1}, version)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, range(100)))

    assert instances.integration_context(saved.id) == ({'number': 100}, 100)
    database.close()


def test_a_deleted_instance_remembers_nothing_more(tmp_path: Path) -> None:
    instances = Instances(Database(tmp_path / 'xsoar.db'), Vault(tmp_path / 'key'))

    with pytest.raises(NotFound, match='The instance has been deleted while its command ran'):
        instances.set_integration_context('gone', {}, -1)
    with pytest.raises(NotFound, match='The instance has been deleted while its command ran'):
        instances.set_last_run('gone', {})


def test_each_instance_has_its_own(xsoar: XsoarTestClient) -> None:
    xsoar.add('second')
    xsoar.run('!probe-remember text=one using=probe')

    assert recalled(xsoar, using='second') == ({}, 0)
