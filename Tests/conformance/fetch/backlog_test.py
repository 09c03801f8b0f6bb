"""The first runs on a large mailbox take little memory and a small cursor."""

import json
from pathlib import Path
from typing import Any

import pytest

import MicrosoftGraphMailCursorApiModule
from benchmarks import fresh_process
from conformance.fetch.conftest import Instance
from conformance.fetch.fetch_checker import MAX_CURSOR_BYTES
from conformance.fetch.mail_source import DAY, MailSource, attach

pytestmark = pytest.mark.slow
MEGABYTE = 1024 * 1024
MAX_MEMORY = 64 * MEGABYTE
# of the cursor
SIZES = ('MAX_SEEN', '_MIN_SEEN', '_CURSOR_LENGTH', '_RANGE_LENGTH')


def fetched(source: MailSource, folder: Path, runs: int, sizes: dict[str, int] | None = None, **params: Any) -> Any:
    """Fetch in another process, where constants of the fetch have the values of `sizes`, and return its measurements."""
    job = {'params': source.params(**params), 'folder': str(folder), 'runs': runs, 'sizes': sizes or {}}
    # its parent is that of all tests of this worker, so that the packs are compiled once
    return fresh_process.run('backlog.py', folder.parent, job, REQUESTS_CA_BUNDLE=source.cloud.ca_file)


@pytest.mark.parametrize(
    'mails, max_memory', [(4000, 17 * MEGABYTE), pytest.param(20_000, MAX_MEMORY, marks=pytest.mark.nightly)]
)
def test_a_large_backlog_takes_little_memory_and_a_small_cursor(
    source: MailSource, tmp_path: Path, mails: int, max_memory: int
) -> None:
    """At most 3 kB per mail above 5 MB, that is."""
    source.cloud.limits.enabled = False
    for number in range(mails):
        source.deliver(f'mail {number}', age=10 * DAY - 8 * number)
    # after six runs the first sync is complete, and there are more incidents than the cursor remembers
    measured = fetched(source, tmp_path, runs=8, max_fetch='200', mark_fetched_read=True)
    assert measured['incidents'] == 1600
    assert len(set((tmp_path / 'ids').read_text().split())) == 1600
    assert measured['longest'] < MAX_CURSOR_BYTES
    assert measured['above'] < max_memory


@pytest.mark.parametrize('share', [5, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_backlog_that_exceeds_the_seen_mails_is_fetched_completely_and_once(
    source: MailSource, tmp_path: Path, share: int
) -> None:
    """A backlog of a fifth, with a cursor of a fifth, shows the same."""
    source.cloud.limits.enabled = False
    mails = 5000 // share
    for number in range(mails):
        source.deliver(f'mail {number}', age=20_000 - number // 3)
    sizes = {name: getattr(MicrosoftGraphMailCursorApiModule, name) // share for name in SIZES}
    measured = fetched(source, tmp_path, runs=27, sizes=sizes, max_fetch=str(200 // share))
    assert measured['incidents'] == mails
    assert len(set((tmp_path / 'ids').read_text().split())) == mails
    assert measured['longest'] < MAX_CURSOR_BYTES // share


def test_large_attachments_take_little_memory(source: MailSource, tmp_path: Path) -> None:
    source.mailbox.message_limit = 200 * MEGABYTE
    for number in range(3):
        message = source.deliver(f'mail {number}')
        source.mailbox.attach_file(message, 'large.bin', bytes(20 * MEGABYTE))
        source.mailbox.attach_file(message, 'small.bin', bytes(MEGABYTE))
    measured = fetched(source, tmp_path, runs=1, fetch_eml=True)
    assert measured['incidents'] == 3
    assert measured['above'] < MAX_MEMORY


@pytest.mark.parametrize('share', [5, pytest.param(1, marks=pytest.mark.nightly)])
def test_the_cursor_is_small_if_nothing_can_be_read_in_many_folders_with_long_names(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    for name in SIZES:
        monkeypatch.setattr(MicrosoftGraphMailCursorApiModule, name, getattr(MicrosoftGraphMailCursorApiModule, name) // share)
    names = [f'{number:02} {"Ordner mit langem Namen " * 8}'.strip() for number in range(10 // share)]
    for name in names:
        folder = source.folder(name)
        for number in range(30):
            message = source.deliver(f'mail {number}', folder)
            attach(source.mailbox, message, 'file')
            message.broken.add('attachments')
    folders = ', '.join(f'{source.path}/{name}' for name in names)
    platform = instance(folder_to_fetch=folders, max_fetch=str(200 // share), mark_fetched_read=True)
    runs = []
    for _ in range(25):
        runs.append(platform.fetch())
        assert not runs[-1].error
        assert len(platform.last_run.encode()) < MAX_CURSOR_BYTES // share
        source.cloud.clock.advance(300)
    mails = 30 * len(names)
    assert sum(len(run.incidents) for run in runs) == mails
    assert len({one.mail_id for one in platform.incidents}) == mails


@pytest.mark.parametrize(
    'last_run',
    [
        {'LAST_RUN_TIME': '2030-01-31T08:00:00Z', 'LAST_RUN_IDS': [], 'LAST_RUN_FOLDER_ID': 'x', 'LAST_RUN_FOLDER_PATH': 'Inbox'},
        {'version': 999},
        {'version': 'x', 'folders': 3},
    ],
)
def test_an_unknown_last_run_is_replaced(source: MailSource, instance: Instance, last_run: dict[str, Any]) -> None:
    source.deliver()
    platform = instance()
    platform.last_run = json.dumps(last_run)
    assert platform.fetch().names == ['A mail']


@pytest.mark.parametrize('count, megabytes', [(6, 10), (40, 1)])
def test_large_bodies_take_little_memory(source: MailSource, tmp_path: Path, count: int, megabytes: int) -> None:
    for number in range(count):
        source.deliver(f'mail {number}', html=f'<p>{"x" * megabytes * MEGABYTE}')
    measured = fetched(source, tmp_path, runs=6, max_fetch='200', fetch_html_formatting=True)
    assert measured['incidents'] == count
    assert measured['above'] < 6 * MAX_MEMORY
