"""``make bench`` completes. Its figures depend on the machine, so no test compares them with a goal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.upload import REPOSITORY
from sandbox.tests.machine import limit

pytestmark = pytest.mark.nightly


@pytest.fixture(scope='module')
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return the output of a quick run, and the folder that it wrote to."""
    folder, temporary = (tmp_path_factory.mktemp(name) for name in ('results', 'temporary'))
    environment = {**os.environ, 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    command = [sys.executable, '-m', 'benchmarks', '--quick', '--results', str(folder)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=limit(100), check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(temporary.iterdir()) == []
    return done.stdout, folder


def table(text: str) -> list[str]:
    return text.partition('---')[2].partition('\n\n')[0].splitlines()[1:]


def test_benchmark_prints_rows_of_each_subject(printed: tuple[str, Path]) -> None:
    first_words = {row.split()[0] for row in table(printed[0])}
    subjects = ['Fetch', 'Import', 'Compiling', 'Signing', 'Cold', 'Warm', '1', '3', 'Sending', 'Saving', 'Memory', 'Cost']
    assert first_words == set(subjects)


def test_figures_that_do_not_depend_on_the_machine_meet_their_goals(printed: tuple[str, Path]) -> None:
    """A warm command imports neither cryptography nor jwt, a fetch takes few round trips, one process requests the token."""
    [modules] = [row for row in table(printed[0]) if row.startswith('Signing modules')]
    [trips] = [row for row in table(printed[0]) if 'round trips' in row]
    requests = [row for row in table(printed[0]) if 'token requests' in row]
    assert len(requests) == 2
    assert all(' met' in row for row in (modules, trips, *requests))


def test_the_reference_sends_the_requests_of_the_public_pack(printed: tuple[str, Path]) -> None:
    """Folder and list, 50 messages, 5 attached mails, 50 marked as read."""
    [reference] = [row for row in table(printed[0]) if row.startswith('Fetch of 50 messages: requests one after another')]
    assert '107 requests, 107 one after another' in reference


def test_benchmark_writes_the_same_rows_as_a_page_with_plots(printed: tuple[str, Path]) -> None:
    text, folder = printed
    page = (folder / 'results.md').read_text()
    assert len([line for line in page.splitlines() if line.startswith('| ')]) == 2 + len(table(text))
    assert all(f']({plot.name})' in page and plot.read_text().startswith('<?xml') for plot in folder.glob('*.svg'))
    assert len(list(folder.iterdir())) == 3
