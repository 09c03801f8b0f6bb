"""``make demo`` from outside: what it prints, how it ends, what it leaves behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from machine import interruptible_children, limit
from sandbox.demo.administrator import Administrator
from sandbox.demo.servers import Sandbox
from sandbox.demo.table import WIDTH, table, tour_table, tour_verdict, verdict
from sandbox.demo.tour import BOB, Tour
from sandbox.demo.upload import REPOSITORY
from sandbox.demo.walk import Walk
from sandbox.demo.ways import WAYS, Way
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.mail.model import Message
from sandbox.xsoar import FetchReport

TIME_LIMIT = limit(60)
ROWS = (
    'Cortex app',
    'Authorization code',
    'Client secret',
    'Certificate, PS256',
    'Certificate, RS256',
    'Device code',
    'Managed identity, system-assigned',
    'Managed identity, user-assigned',
    'Managed identity, App Service',
    'Managed identity, Azure Arc',
)
BROKEN_COMMAND = """
def broken(client, args):
    raise DemistoException('Broken on purpose.')


COMMANDS['msgraph-mail-auth-test'] = COMMANDS['msgraph-mail-move-email'] = broken
"""
STEPS = (
    'Drop a file in the war room',
    'Send it to Bob',
    'Find the mail in his inbox',
    'Get the file out of it',
    'Reply to it',
    'Move the reply',
    'Save the mail',
    'Have it as an incident',
)
BY_A_PERSON = ('Authorization code', 'Device code')


def start_demo(repository: Path, temporary: Path) -> 'subprocess.Popen[str]':
    """Starts the demo as the Makefile does, with a temporary folder of its own."""
    environment = {**os.environ, 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    with interruptible_children():
        return subprocess.Popen(
            [sys.executable, '-m', 'sandbox.demo'],
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


def cells_of(output: str, way: str) -> list[str]:
    """The cells of a row of the table."""
    line = next(line for line in output.splitlines() if line.startswith(f'{way}  '))
    return re.split(r'\s{2,}', line)


@pytest.fixture
def repository_copy(tmp_path: Path) -> Path:
    """A copy of what the demo needs, to be broken."""
    for name in ('Packs', 'Config', 'Tests'):
        shutil.copytree(REPOSITORY / name, tmp_path / 'copy' / name, ignore=shutil.ignore_patterns('__pycache__', '.*_cache'))
    shutil.copy(REPOSITORY / '.demisto-sdk-conf', tmp_path / 'copy')
    return tmp_path / 'copy'


def test_demo_shows_ten_ways_that_hold(tmp_path: Path) -> None:
    status, output = run_demo(REPOSITORY, tmp_path)
    rows = [re.split(r'\s{2,}', line)[0] for line in output.splitlines() if line.startswith(tuple(f'{way}  ' for way in ROWS))]
    assert (status, tuple(rows)) == (0, ROWS), output
    for way in ROWS[:-1]:
        _, test_button, auth_test, requests_made, milliseconds = cells_of(output, way)
        assert (test_button, auth_test) == ('says auth-start' if way in BY_A_PERSON else 'ok', 'ok')
        assert int(requests_made) == (3 if way == 'Device code' else 2)
        assert int(milliseconds) > 0
    if os.geteuid() == 0:
        assert cells_of(output, ROWS[-1])[1:4] == ['ok', 'ok', '3']
        assert 'All 10 ways to sign in hold.' in output
    else:
        assert cells_of(output, ROWS[-1])[1:] == ['left out', 'left out']
        assert 'All 9 ways to sign in hold. 1 was left out.' in output
    assert [cells_of(output, step)[2] for step in STEPS[3:6]] == [
        '4,000,000 bytes, the same',
        "'RE: Evidence' for Ada",
        'in Archive, the same ID',
    ]
    assert cells_of(output, STEPS[-1])[1:3] == ['fetch-incidents', 'file, mail, SHA-256: same']
    assert all(int(cells_of(output, step)[3]) > 0 for step in STEPS[1:])
    assert 'All 8 steps of the tour hold.' in output
    assert max(map(len, output.splitlines())) <= WIDTH
    assert list(tmp_path.iterdir()) == []


def test_demo_that_is_interrupted_stops_everything(tmp_path: Path) -> None:
    with start_demo(REPOSITORY, tmp_path) as demo:
        assert demo.stdout
        until_the_first_way = iter(demo.stdout.readline, '')
        assert any(line.startswith('Way  1') for line in until_the_first_way)
        demo.send_signal(signal.SIGINT)
        started = time.monotonic()
        rest = demo.stdout.read()
    assert demo.returncode == 130
    assert rest.strip().splitlines()[-1] == 'Stopped. Nothing is left running.'
    assert 'Traceback' not in rest
    assert time.monotonic() - started < limit(5)
    assert list(tmp_path.iterdir()) == []


def test_demo_of_a_broken_integration_fails_and_shows_the_sentences(repository_copy: Path, tmp_path: Path) -> None:
    integrations = repository_copy / 'Packs/O365OutlookMailSingleUser/Integrations'
    script = integrations / 'O365OutlookMailSingleUser/O365OutlookMailSingleUser.py'
    source = script.read_text()
    end = "if __name__ in ('__main__'"
    assert source.count(end) == 1
    script.write_text(source.replace(end, BROKEN_COMMAND + end))
    (tmp_path / 'temporary').mkdir()
    status, output = run_demo(repository_copy, tmp_path / 'temporary')
    assert status == 1, output
    assert cells_of(output, 'Client secret')[1:3] == ['ok', 'failed']
    assert 'Client secret: !msgraph-mail-auth-test: Broken on purpose.' in output
    assert 'ways to sign in do not hold.' in output
    assert cells_of(output, 'Move the reply')[1:3] == ['!msgraph-mail-move-email', 'failed']
    assert 'Move the reply: Broken on purpose.' in output
    assert 'The tour of the mailbox ended at step 6, which does not hold.' in output
    assert 'Save the mail' not in output


def test_demo_of_a_pack_that_cannot_be_built_says_what_demisto_sdk_said(repository_copy: Path, tmp_path: Path) -> None:
    (repository_copy / 'Packs/O365OutlookMailSingleUser/pack_metadata.json').write_text('{')
    (tmp_path / 'temporary').mkdir()
    status, output = run_demo(repository_copy, tmp_path / 'temporary')
    assert status == 2, output
    assert 'The demo could not be run. demisto-sdk upload -i Packs/O365OutlookMailSingleUser -z ended with exit status' in output
    assert list((tmp_path / 'temporary').iterdir()) == []


def test_way_that_lacks_a_permission_does_not_hold(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.application('daemon').application_permissions.remove('Mail.Send')
    row = Walk(next(way for way in WAYS if way.name == 'Client secret'), cloud, administrator).take()
    assert row.auth_test == 'failed'
    assert "permissions are missing: ['Mail.Send']" in table([row])
    assert verdict([row]) == '1 of 1 ways to sign in do not hold.'


def test_test_button_that_asks_the_cloud_does_not_hold_for_a_person(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    """An instance that would use up its code on the Test button is found out: here it is one that needs nobody."""
    by_a_person = next(way for way in WAYS if way.name == 'Device code')
    by_itself = next(way for way in WAYS if way.name == 'Client secret')
    row = Walk(Way('Not a person', by_itself.settings, person=by_a_person.person), cloud, administrator).take()
    assert row.test_button == 'failed'


def test_tour_that_gets_another_file_back_does_not_hold(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator
) -> None:
    """One byte less is found out, and nothing is done after that."""
    cloud.faults.add(service='graph', path=r'/attachments/[^/]+/\$value', status=200, body=b'x', headers={'request-id': 'other'})
    stops = Tour(cloud, administrator, sandbox.server.fetch_now).take()
    assert (len(stops), stops[-1].seen) == (4, 'failed')
    assert 'The file evidence.bin is not what the mailbox holds.' in tour_table(stops)
    assert tour_verdict(stops) == 'The tour of the mailbox ended at step 4, which does not hold.'


def test_tour_that_is_refused_shows_why(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.application('daemon').application_permissions.remove('Mail.Send')
    stops = Tour(cloud, administrator, sandbox.server.fetch_now).take()
    assert [stop.problem == '' for stop in stops] == [True, False]
    assert 'ErrorAccessDenied' in tour_table(stops)


def _forbid(cloud: MicrosoftCloud, mail: Message) -> None:
    cloud.faults.add(service='graph', status=403, times=None)


def _delete(cloud: MicrosoftCloud, mail: Message) -> None:
    cloud.mailbox(BOB).delete(mail)


def _attach_more(cloud: MicrosoftCloud, mail: Message) -> None:
    cloud.mailbox(BOB).attach_file(mail, 'more.txt', b'more')


@pytest.mark.parametrize(
    'happens, sentence',
    [
        (_forbid, 'answered with HTTP status'),
        (_delete, 'There are 0 incidents, and should be one of the mail.'),
        (_attach_more, 'The files of the incident are not what the mailbox holds.'),
    ],
)
def test_tour_without_the_right_incident_does_not_hold(
    sandbox: Sandbox,
    cloud: MicrosoftCloud,
    administrator: Administrator,
    happens: Callable[[MicrosoftCloud, Message], None],
    sentence: str,
) -> None:
    """What happens to the mail just before the fetch is found out."""

    def fetch_now(name: str) -> FetchReport:
        [mail] = [mail for mail in cloud.mailbox(BOB).messages() if mail.subject == 'Evidence']
        happens(cloud, mail)
        return sandbox.server.fetch_now(name)

    stops = Tour(cloud, administrator, fetch_now).take()
    assert (len(stops), stops[-1].command, stops[-1].seen) == (8, 'fetch-incidents', 'failed')
    assert sentence in tour_table(stops)


def test_tour_whose_incident_names_another_digest_does_not_hold(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator
) -> None:
    def fetch_now(name: str) -> FetchReport:
        [incident] = sandbox.server.fetch_now(name).incidents
        return FetchReport(({**incident, 'rawJSON': re.sub('"SHA256": "[0-9a-f]+', '"SHA256": "0', incident['rawJSON'])},))

    stops = Tour(cloud, administrator, fetch_now).take()
    assert 'The SHA-256 in the incident is not that of the mail.' in tour_table(stops)
