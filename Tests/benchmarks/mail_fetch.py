"""A fetch of 50 messages: this integration, requests one after another, python-o365. All mark as read what they fetched."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from statistics import median
from typing import Any

import requests

from authentication_methods import ADA, client_secret
from benchmarks import fresh_process, letters
from benchmarks.effort import LATENCY, Effort
from benchmarks.round_trips import one_after_another
from benchmarks.row import Row, at_least, at_most, compared, count, plain
from demo.administrator import Administrator
from sandbox.servers import Sandbox

MAILS = 50
INSTANCE = 'Fetching'
FETCHING = {
    'isFetch': True,
    'folder_to_fetch': 'Inbox',
    'first_fetch': '1 hour',
    'mark_fetched_read': True,
    'max_fetch': str(MAILS),
}


@dataclass(frozen=True)
class Fetch:
    """How a fetch went.

    Attributes:
        seconds: that it took.
        requests: that were sent.
        round_trips: requests one after another.
    """

    seconds: float
    requests: int
    round_trips: int

    def __str__(self) -> str:
        return f'{self.requests} requests, {self.round_trips} one after another'


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    add_instance(sandbox)
    ways: dict[str, Callable[[Sandbox], float]] = {
        'requests one after another': lambda sandbox: _by_reference(sandbox, 'sequential_fetch.py'),
        'python-o365': lambda sandbox: _by_reference(sandbox, 'o365_fetch.py'),
        'this integration': _by_this_integration,
        'this integration, with the start of its two processes': _by_the_server,
    }
    with letters.slow_way(sandbox.cloud):
        runs = {name: [_measured(sandbox, way) for _ in range(effort.times)] for name, way in ways.items()}
        sandbox.cloud.limits.item_latency = LATENCY
        with_items = [_measured(sandbox, _by_this_integration) for _ in range(effort.times)]
        sandbox.cloud.limits.item_latency = 0.0
    return _table({name: _median(of_way) for name, of_way in runs.items()}, _median(with_items))


def _table(fetches: dict[str, Fetch], with_items: Fetch) -> list[Row]:
    reference, own = fetches['requests one after another'], fetches['this integration']
    slow_items = f'Fetch of {MAILS} messages: this integration, items of a batch as slow as requests'
    return [
        *compared(
            [
                *(plain(f'Fetch of {MAILS} messages: {name}', one.seconds, 's', str(one)) for name, one in fetches.items()),
                at_most(slow_items, with_items.seconds, 1, 's', f'{with_items}; see docs/decisions/0006'),
            ]
        ),
        at_least(
            f'Fetch of {MAILS} messages: times faster than one after another',
            reference.seconds / own.seconds,
            12,
            '',
            'all without the start of a process and the sign-in',
        ),
        count(f'Fetch of {MAILS} messages: round trips one after another', own.round_trips, 9),
    ]


def add_instance(sandbox: Sandbox) -> None:
    """Add an instance that fetches the inbox of Ada, has its token, and has seen all that is in it."""
    letters.clear_inbox(sandbox.cloud)
    administrator = Administrator(sandbox.server.url, sandbox.server.api_key)
    administrator.add_instance(INSTANCE, {**client_secret(sandbox.cloud), **FETCHING})
    fetched(sandbox)


def fetched(sandbox: Sandbox) -> int:
    """Run a fetch: how many incidents came of it. Raises RuntimeError when it failed."""
    report = sandbox.server.fetch_now(INSTANCE)
    if report.error:
        raise RuntimeError(f'The fetch of the benchmark failed: {report.error}')
    return len(report.incidents)


def _by_this_integration(sandbox: Sandbox) -> float:
    """Return the seconds of two runs in a process that has its token: the second marks as read what the first one fetched."""
    params = {**client_secret(sandbox.cloud), **FETCHING}
    job = {'params': params, 'last_run': sandbox.server.last_run(INSTANCE), 'context': {}}
    job['context'] = fresh_process.run('one_command.py', sandbox.folder, job, **_trust(sandbox))['context']
    sandbox.cloud.requests.clear()
    with tempfile.TemporaryDirectory(dir=sandbox.folder) as folder:
        job['folder'] = folder
        measured = fresh_process.run('own_fetch.py', sandbox.folder, job, **_trust(sandbox))
    _expect(measured['mails'], 'this integration')
    return float(measured['seconds'])


def _by_the_server(sandbox: Sandbox) -> float:
    """Return the seconds of the same two runs on the local XSOAR server, each in a process of its own."""
    begun = time.perf_counter()
    incidents = fetched(sandbox) + fetched(sandbox)
    seconds = time.perf_counter() - begun
    _expect(incidents, 'this integration')
    return seconds


def _trust(sandbox: Sandbox) -> dict[str, str]:
    return {'REQUESTS_CA_BUNDLE': sandbox.cloud.ca_file}


def _by_reference(sandbox: Sandbox, script: str) -> float:
    """Return the seconds from the first request for mail to the last, without the start of the process and the sign-in."""
    cloud, application = sandbox.cloud, sandbox.cloud.directory.application('daemon')
    since = datetime.fromtimestamp(cloud.mailbox(ADA).now() - 3600, timezone.utc).isoformat(timespec='seconds')
    with tempfile.TemporaryDirectory(dir=sandbox.folder) as folder:
        job = {
            'graph': cloud.graph,
            'authority': cloud.authority,
            'mailbox': ADA,
            'since': since,
            'count': MAILS,
            'folder': folder,
            'client_id': application.client_id,
            'client_secret': application.secret,
            'tenant_id': application.tenant_id,
            'token': token(sandbox),
        }
        measured = fresh_process.run(script, sandbox.folder, job, **_trust(sandbox))
    _expect(measured['mails'], script)
    return float(measured['seconds'])


def token(sandbox: Sandbox) -> str:
    """Return an access token for Graph, of the application whose instance is measured."""
    cloud, application = sandbox.cloud, sandbox.cloud.directory.application('daemon')
    form = {
        'grant_type': 'client_credentials',
        'client_id': application.client_id,
        'client_secret': application.secret,
        'scope': f'{cloud.graph}/.default',
    }
    answer: dict[str, Any] = requests.post(
        f'{cloud.authority}/{application.tenant_id}/oauth2/v2.0/token', form, timeout=30, verify=cloud.ca_file
    ).json()
    return str(answer['access_token'])


def _measured(sandbox: Sandbox, way: Callable[[Sandbox], float]) -> Fetch:
    mailbox = letters.clear_inbox(sandbox.cloud)
    fetched(sandbox)  # this integration has seen what others fetched before
    delivered = letters.deliver(mailbox, MAILS)
    sandbox.cloud.requests.clear()
    seconds = way(sandbox)
    _expect(sum(message.is_read for message in delivered), 'marking as read')
    records = sandbox.cloud.requests.of('graph')
    return Fetch(seconds, len(records), one_after_another(records))


def _median(runs: list[Fetch]) -> Fetch:
    return Fetch(
        median(run.seconds for run in runs),
        round(median(run.requests for run in runs)),
        round(median(run.round_trips for run in runs)),
    )


def _expect(mails: int, what: str) -> None:
    if mails != MAILS:
        raise RuntimeError(f'{what}: {mails} messages instead of {MAILS}.')
