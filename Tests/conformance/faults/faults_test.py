"""Each request of each command crossed with each fault: what the product makes of it.

`make test` runs one of forty rows, without those that replace fields, and `make report` all: ``FAULTS=1``. Which ones is random:
a failure names the seed, and ``FAULTS_SEED=<seed>`` takes the same again. With ``RELIABILITY=<folder>`` rows are written there.
"""

import json
import os
import random
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from authentication_methods import METHODS
from conformance.faults.scenarios import BY_NAME, SCENARIOS
from conformance.faults.shortcomings import KNOWN
from conformance.faults.table import FELL_SHORT, Row, Table, table
from conformance.unified.integration_yml import IN_YML, QUICK_ACTIONS
from O365OutlookMailSingleUser import COMMANDS
from sandbox.microsoft import MicrosoftCloud

pytestmark = pytest.mark.slow
SAMPLE = int(os.environ.get('FAULTS', '40'))  # of so many rows, one runs
SEED = int(os.environ.get('FAULTS_SEED') or random.getrandbits(16))
WITH_FIELDS = 'FAULTS' in os.environ
# These send no request.
WITHOUT_REQUESTS = {'msgraph-mail-auth-reset', 'msgraph-mail-generate-login-url'}


@pytest.fixture
def rows_of(cloud: MicrosoftCloud) -> Iterator[Table]:
    with table(cloud) as made:
        yield made


def test_every_command_and_method_has_a_scenario() -> None:
    commands = {one.command for one in SCENARIOS}
    others = {'msgraph-mail-test', *QUICK_ACTIONS}  # they run the functions of auth-test and of other commands
    assert commands >= {*COMMANDS, *IN_YML} - WITHOUT_REQUESTS - others
    assert {one.method.name for one in SCENARIOS} >= {method.name for method in METHODS if method.engine != 'arc'}


@pytest.mark.parametrize('name', BY_NAME)
def test_no_fault_falls_short(rows_of: Table, name: str) -> None:
    offset = (SEED + list(BY_NAME).index(name)) % SAMPLE
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = list(rows_of.rows(BY_NAME[name], WITH_FIELDS, lambda number: number % SAMPLE == offset))
    assert found
    _write(name, found, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    short = [row for row in found if row.outcome == FELL_SHORT]
    assert [row for row in short if not any(known.matches(row) for known in KNOWN)] == [], f'FAULTS_SEED={SEED}'


def _write(name: str, rows: list[Row], memory: float) -> None:
    folder = os.environ.get('RELIABILITY')
    if folder:
        file = Path(folder, f'faults-{re.sub("[^a-z0-9]+", "-", name.lower())}.json')
        file.write_text(
            json.dumps({'scenario': name, 'sample': SAMPLE, 'memory': memory, 'rows': [row._asdict() for row in rows]})
        )
