"""``make demo`` from outside: its output, its exit status, and what it leaves behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from authentication_methods import ARC, CORTEX_APP, METHODS
from demo.table import WIDTH
from demo.upload import REPOSITORY
from sandbox.tests.machine import interruptible_children, limit

TIME_LIMIT = limit(60)
BROKEN_COMMAND = """
def broken(client, args):
    raise DemistoException('Broken on purpose.')


COMMANDS['msgraph-mail-auth-test'] = COMMANDS['msgraph-mail-move-email'] = broken
"""
SHOWN = METHODS if os.geteuid() == 0 else [method for method in METHODS if method is not ARC]


def start_demo(repository: Path, temporary: Path) -> 'subprocess.Popen[str]':
    """Start the demo as the Makefile does, with its own temporary folder."""
    environment = {**os.environ, 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    with interruptible_children():
        return subprocess.Popen(
            [sys.executable, '-m', 'demo'],
            cwd=repository,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def run_demo(repository: Path, temporary: Path) -> tuple[int, str]:
    with start_demo(repository, temporary) as demo:
        output, _ = demo.communicate(timeout=TIME_LIMIT)
    return demo.returncode, output


def cells_of(output: str, name: str) -> list[str]:
    """Return the cells of a row of the table."""
    line = next(line for line in output.splitlines() if line.startswith(f'{name}  '))
    return re.split(r'\s{2,}', line)


@pytest.fixture
def repository_copy(tmp_path: Path) -> Path:
    """Return a copy of what the demo needs, so that a test can break it."""
    for name in ('Packs', 'Config', 'Tests'):
        shutil.copytree(REPOSITORY / name, tmp_path / 'copy' / name, ignore=shutil.ignore_patterns('__pycache__', '.*_cache'))
    shutil.copy(REPOSITORY / '.demisto-sdk-conf', tmp_path / 'copy')
    return tmp_path / 'copy'


def test_demo_shows_every_method_and_the_tour(tmp_path: Path) -> None:
    status, output = run_demo(REPOSITORY, tmp_path)
    assert status == 0, output
    for method in SHOWN:
        _, test_button, auth_test, requests_made, milliseconds = cells_of(output, method.name)
        says = 'says auth-start' if method.sign_in else 'says auth-test' if method is CORTEX_APP else 'ok'
        assert (test_button, auth_test) == (says, 'ok')
        assert int(requests_made) == method.requests
        assert int(milliseconds) > 0
    if ARC in SHOWN:
        assert f'All {len(METHODS)} authentication methods work.' in output
    else:
        assert cells_of(output, ARC.name)[1:] == ['left out', 'left out']
        assert f'All {len(SHOWN)} authentication methods work. 1 was left out.' in output
    steps = output.partition('Step  ')[2].partition('\n\n')[0].splitlines()[2:]
    assert [
        cells_of(output, name)[2]
        for name in ('Get the file out of it', 'Draft a reply', 'Show the draft', 'Send it once approved', 'Move the reply')
    ] == [
        '4,000,000 bytes, the same',
        'in Drafts, not sent',
        'to Ada, quotes her mail',
        "'RE: Evidence' for Ada",
        'in Archive, the same ID',
    ]
    draft = output.partition('before it was approved:\n\n')[2].partition('\n\nAll ')[0]
    assert draft.splitlines()[:5] == [
        '    From: bob@contoso.example',
        '    To: ada@contoso.example',
        '    Subject: RE: Evidence',
        '',
        '    Thank you, we are looking at it.',
    ]
    assert draft.splitlines()[-1] == '    Here is the file that you asked for.'
    assert cells_of(output, 'Have it as an incident')[1:3] == ['fetch-incidents', 'file, mail, SHA-256: same']
    assert all(int(line.split()[-1]) > 0 for line in steps[1:])
    assert f'All {len(steps)} steps of the tour work.' in output
    assert max(map(len, output.splitlines())) <= WIDTH
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly
def test_an_interrupted_demo_stops_everything(tmp_path: Path) -> None:
    with start_demo(REPOSITORY, tmp_path) as demo:
        assert demo.stdout
        lines = iter(demo.stdout.readline, '')
        assert any(line.startswith('Method  1') for line in lines)
        demo.send_signal(signal.SIGINT)
        started = time.monotonic()
        rest = demo.stdout.read()
    assert demo.returncode == 130
    assert rest.strip().splitlines()[-1] == 'Stopped. Nothing is left running.'
    assert 'Traceback' not in rest
    assert time.monotonic() - started < limit(5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly
def test_the_demo_of_a_broken_integration_fails_and_shows_the_errors(repository_copy: Path, tmp_path: Path) -> None:
    integrations = repository_copy / 'Packs/O365OutlookMailSingleUser/Integrations'
    script = integrations / 'O365OutlookMailSingleUser/O365OutlookMailSingleUser.py'
    source = script.read_text()
    end = "if __name__ in ('__main__'"
    assert source.count(end) == 1
    script.write_text(source.replace(end, BROKEN_COMMAND + end))
    methods = repository_copy / 'Tests/authentication_methods.py'
    methods.write_text(methods.read_text() + '\nMETHODS = METHODS[:3]\n')  # the others would take longer and fail the same way
    (tmp_path / 'temporary').mkdir()
    status, output = run_demo(repository_copy, tmp_path / 'temporary')
    assert status == 1, output
    assert cells_of(output, 'Client secret')[1:3] == ['ok', 'failed']
    assert 'Client secret: !msgraph-mail-auth-test: Broken on purpose.' in output
    assert '3 of 3 authentication methods do not work.' in output
    assert cells_of(output, 'Move the reply')[1:3] == ['!msgraph-mail-move-email', 'failed']
    assert 'Move the reply: Broken on purpose.' in output
    assert 'The tour of the mailbox ended at step 8: Move the reply.' in output
    assert 'Save the mail' not in output


@pytest.mark.nightly
def test_the_demo_of_a_pack_that_cannot_be_built_shows_the_output_of_demisto_sdk(repository_copy: Path, tmp_path: Path) -> None:
    (repository_copy / 'Packs/O365OutlookMailSingleUser/pack_metadata.json').write_text('{')
    (tmp_path / 'temporary').mkdir()
    status, output = run_demo(repository_copy, tmp_path / 'temporary')
    assert status == 2, output
    assert 'The demo could not run. demisto-sdk upload -i Packs/O365OutlookMailSingleUser -z ' in output
    assert ' ended with exit status ' in output
    assert list((tmp_path / 'temporary').iterdir()) == []
