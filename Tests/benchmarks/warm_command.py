"""A command that has its token, as a whole process, against an integration that does nothing."""

import time
from statistics import median
from typing import Any

from authentication_methods import client_secret
from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row, at_most, compared, plain
from sandbox.servers import Sandbox


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    job: dict[str, Any] = {'params': client_secret(sandbox.cloud), 'context': {}}
    job['context'] = _run(sandbox, 'one_command.py', job)[1]['context']
    measured = [
        (_run(sandbox, 'empty_command.py', job)[0], _run(sandbox, 'one_command.py', job)[0]) for _ in range(1 + effort.often)
    ][1:]
    limit, own = (median(one[column] for one in measured) for column in (0, 1))
    return [
        *compared(
            [
                plain('Warm command, process: empty integration', limit, 'ms'),
                plain('Warm command, process: this integration', own, 'ms'),
            ]
        ),
        at_most('Warm command, process, ratio to empty integration', own / limit, 1.15, '', f'{own:.0f} : {limit:.0f} ms'),
    ]


def _run(sandbox: Sandbox, script: str, job: dict[str, Any]) -> tuple[float, Any]:
    """Return the milliseconds of a process, and what it printed."""
    begun = time.perf_counter()
    printed = fresh_process.run(script, sandbox.folder, job, REQUESTS_CA_BUNDLE=sandbox.cloud.ca_file)
    return (time.perf_counter() - begun) * 1000, printed
