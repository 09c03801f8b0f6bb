"""What takes long to make is made by one worker of pytest-xdist, and used by all."""

import fcntl
import threading
from pathlib import Path
from typing import Any

import pytest

from sandbox.tests.machine import wait_until
from sandbox.tests.shared import made_once


class Factory:
    """The folders of one worker."""

    def __init__(self, folder: Path) -> None:
        self.getbasetemp = lambda: folder


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Factory]:
    monkeypatch.setenv('PYTEST_XDIST_WORKER', 'gw0')
    for number in range(2):
        (tmp_path / f'popen-gw{number}').mkdir()
    return [Factory(tmp_path / f'popen-gw{number}') for number in range(2)]


def test_workers_share_what_one_of_them_makes(workers: list[Factory], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    lock, started = fcntl.flock, []

    def record(*values: Any) -> None:
        started.append(values)
        lock(*values)

    def make(folder: Path) -> None:
        made.append(folder)
        wait_until(lambda: len(started) == 2)  # both workers found no folder
        (folder / 'made').write_text('complete')

    monkeypatch.setattr(fcntl, 'flock', record)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda one=one: found.append(made_once(one, 'name', make))) for one in workers]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found[0] == found[1]
    assert (found[0] / 'made').read_text() == 'complete'


def test_what_failed_is_made_by_the_next(workers: list[Factory]) -> None:
    def fail(folder: Path) -> None:
        (folder / 'half').touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        made_once(workers[0], 'name', fail)
    folder = made_once(workers[1], 'name', lambda folder: (folder / 'made').touch())
    assert [path.name for path in folder.iterdir()] == ['made']


def test_a_process_alone_shares_nothing_with_other_runs(workers: list[Factory], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('PYTEST_XDIST_WORKER')
    assert made_once(workers[0], 'name', lambda _folder: None).parent == workers[0].getbasetemp()
