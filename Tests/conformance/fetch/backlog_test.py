"""A first run on a large mailbox: it proceeds a batch at a time, in little memory, with a small cursor."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fresh_process
from conformance.fetch.conftest import Instance
from conformance.fetch.ledger import LARGEST_CURSOR
from conformance.fetch.mailroom import DAY, Mailroom, attach

pytestmark = pytest.mark.slow
MEGABYTE = 1024 * 1024
MOST_MEMORY = 64 * MEGABYTE


def fetched(room: Mailroom, folder: Path, runs: int, **params: Any) -> Any:
    """Fetches in a process of its own: what that took."""
    job = {'params': room.settings(**params), 'folder': str(folder), 'runs': runs}
    return fresh_process.run('backlog.py', folder, job, REQUESTS_CA_BUNDLE=room.cloud.ca_file)


def test_a_backlog_of_100_000_mails_takes_little_memory_and_a_small_cursor(room: Mailroom, tmp_path: Path) -> None:
    room.cloud.limits.enabled = False
    for number in range(100_000):
        room.mail(f'mail {number}', age=10 * DAY - 8 * number)
    # after six runs the whole folder was seen in the round of changes, and more was handed over than is remembered of a run
    measured = fetched(room, tmp_path, runs=8, max_fetch='200', mark_fetched_read=True)
    assert measured['incidents'] == 1600
    assert len(set((tmp_path / 'ids').read_text().split())) == 1600
    assert measured['longest'] < LARGEST_CURSOR
    assert measured['above'] < MOST_MEMORY


def test_a_backlog_comes_whole_and_once_though_more_was_handed_over_than_is_remembered(room: Mailroom, tmp_path: Path) -> None:
    room.cloud.limits.enabled = False
    for number in range(5000):
        room.mail(f'mail {number}', age=20_000 - number // 3)
    measured = fetched(room, tmp_path, runs=27, max_fetch='200')
    assert measured['incidents'] == 5000
    assert len(set((tmp_path / 'ids').read_text().split())) == 5000
    assert measured['longest'] < LARGEST_CURSOR


def test_large_attachments_take_little_memory(room: Mailroom, tmp_path: Path) -> None:
    room.mailbox.message_limit = 200 * MEGABYTE
    for number in range(3):
        message = room.mail(f'mail {number}')
        room.mailbox.attach_file(message, 'large.bin', bytes(20 * MEGABYTE))
        room.mailbox.attach_file(message, 'small.bin', bytes(MEGABYTE))
    measured = fetched(room, tmp_path, runs=1, fetch_eml=True)
    assert measured['incidents'] == 3
    assert measured['above'] < MOST_MEMORY


def test_the_cursor_stays_small_when_nothing_can_be_read_in_many_folders_with_long_names(
    room: Mailroom, instance: Instance
) -> None:
    names = [f'{number:02} {"Ordner mit langem Namen " * 8}'.strip() for number in range(10)]
    for name in names:
        folder = room.folder(name)
        for number in range(30):
            message = room.mail(f'mail {number}', folder)
            attach(room.mailbox, message, 'file')
            message.broken.add('attachments')
    folders = ', '.join(f'{room.path}/{name}' for name in names)
    platform = instance(folder_to_fetch=folders, max_fetch='200', mark_fetched_read=True)
    runs = []
    for _ in range(25):
        runs.append(platform.fetch())
        assert not runs[-1].error
        assert len(platform.last_run.encode()) < LARGEST_CURSOR
    assert sum(len(run.incidents) for run in runs) == 300
    assert len({one.mail_id for one in platform.incidents}) == 300


@pytest.mark.parametrize(
    'last_run',
    [
        {'LAST_RUN_TIME': '2030-01-31T08:00:00Z', 'LAST_RUN_IDS': [], 'LAST_RUN_FOLDER_ID': 'x', 'LAST_RUN_FOLDER_PATH': 'Inbox'},
        {'version': 999},
        {'version': 'x', 'folders': 3},
    ],
)
def test_a_last_run_that_this_fetch_did_not_write_begins_anew(
    room: Mailroom, instance: Instance, last_run: dict[str, Any]
) -> None:
    room.mail()
    platform = instance()
    platform.last_run = json.dumps(last_run)
    assert platform.fetch().names == ['A mail']
