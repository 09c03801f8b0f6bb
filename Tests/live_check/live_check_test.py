"""``make live-check``: each probe sees in the sandbox what it says of it, and each unconfirmed row can be checked."""

import re
import subprocess
import sys

import pytest

from demo.upload import REPOSITORY, own_environment
from live_check.__main__ import check
from live_check.probes import PROBES, Probe
from live_check.tenant import Tenant
from sandbox.microsoft import MicrosoftCloud

COVERAGE = (REPOSITORY / 'Tests/sandbox/COVERAGE.md').read_text(encoding='utf-8').partition('\n## XSOAR')[0]
BY_HAND = (REPOSITORY / 'docs/live-check.md').read_text(encoding='utf-8')
HEADER = ('Row', '---')
UNCONFIRMED = re.findall(r'^\| (.+?) \| (?:assumed|reported) \| (?!own (?:page|means))', COVERAGE, re.MULTILINE)


def rows_in(text: str) -> list[str]:
    return [row for row in re.findall(r'^\| (.+?) \| .+ \|$', text, re.MULTILINE) if row not in HEADER]


BY_HAND_ROWS = rows_in(BY_HAND)


def variables(cloud: MicrosoftCloud) -> dict[str, str]:
    application = cloud.directory.application('daemon')
    return {
        'LIVE_CHECK_TENANT': application.tenant_id,
        'LIVE_CHECK_CLIENT_ID': application.client_id,
        'LIVE_CHECK_CLIENT_SECRET': application.secret,
        'LIVE_CHECK_MAILBOX': 'ada@contoso.example',
        'LIVE_CHECK_LOGIN': cloud.authority,
        'LIVE_CHECK_GRAPH': cloud.graph,
    }


def folders(tenant: Tenant) -> list[str]:
    return [each['displayName'] for each in tenant.graph('GET', '/mailFolders', params={'$top': '100'}).json()['value']]


@pytest.mark.parametrize('probe', PROBES, ids=[probe.run.__name__ for probe in PROBES])
def test_each_probe_sees_in_the_sandbox_what_it_says_of_it(cloud: MicrosoftCloud, probe: Probe) -> None:
    tenant = Tenant(variables(cloud), cloud.ca_file)
    before = folders(tenant)
    assert probe.run(tenant) == probe.expected
    assert folders(tenant) == before


def test_a_tenant_that_differs_is_told(cloud: MicrosoftCloud, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.faults.add(service='graph', path='/nothing', status=404, times=9)
    assert check(Tenant(variables(cloud), cloud.ca_file)) == ['An unknown path']
    printed = capsys.readouterr().out
    assert 'DIFFERS  An unknown path\n         sandbox: 400 BadRequest\n         tenant:  404' in printed
    assert variables(cloud)['LIVE_CHECK_CLIENT_SECRET'] not in printed


def test_missing_variables_are_named_all_at_once() -> None:
    command = [sys.executable, '-m', 'live_check']
    environment = {**own_environment(), 'PYTHONPATH': 'Tests', 'LIVE_CHECK_TENANT': 'x'}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert re.findall(r'LIVE_CHECK_\w+', done.stderr) == [
        'LIVE_CHECK_CLIENT_ID',
        'LIVE_CHECK_CLIENT_SECRET',
        'LIVE_CHECK_MAILBOX',
    ]
    assert 'Traceback' not in done.stderr


def test_a_host_that_is_not_reached_is_named() -> None:
    command = [sys.executable, '-m', 'live_check']
    names = ('TENANT', 'CLIENT_ID', 'CLIENT_SECRET', 'MAILBOX')
    values = {**{f'LIVE_CHECK_{name}': 'x' for name in names}, 'LIVE_CHECK_LOGIN': 'https://127.0.0.1:1'}
    environment = {**own_environment(), 'PYTHONPATH': 'Tests', **values}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith('live-check: 127.0.0.1 cannot be reached. Check the network')
    assert done.stderr.count('\n') == 1


def test_every_unconfirmed_row_is_looked_at_by_a_probe_or_by_hand() -> None:
    probed = [row for row in UNCONFIRMED if any(row.startswith(probe.row) for probe in PROBES)]
    by_hand = [row for row in UNCONFIRMED if f'| {row} |' in BY_HAND]
    assert len(probed) == len(PROBES)
    assert sorted(probed + by_hand) == sorted(UNCONFIRMED)


def test_no_row_by_hand_is_out_of_date() -> None:
    assert set(BY_HAND_ROWS) <= set(UNCONFIRMED)


def test_the_rows_by_hand_are_below_the_section_of_the_list_that_they_are_from() -> None:
    sections = re.findall(r'^### (.+)\n\nRows of \[.+?\]\(\S+#(\S+)\):\n\n((?:\|.*\n)+)', BY_HAND, re.MULTILINE)
    assert sum(len(rows_in(table)) for *_, table in sections) == len(BY_HAND_ROWS)
    for title, link, table in sections:
        section = COVERAGE.partition(f'\n## {title}\n')[2].partition('\n## ')[0]
        assert link == title.lower().replace(' ', '-')
        assert [row for row in rows_in(table) if f'| {row} |' not in section] == []
