"""A command that has its token, as a whole process of the XSOAR server, against an integration that does nothing."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import requests

from authentication_methods import client_secret
from benchmarks.effort import Effort
from benchmarks.row import MessageRow, at_most, compared, plain
from demo.administrator import Administrator
from sandbox.servers import Sandbox

INSTANCE = 'Benchmark'
EMPTY_INTEGRATION = """
commonfields: {id: Empty, version: -1}
name: Empty
display: Empty
category: Utilities
configuration: []
script:
  type: python
  subtype: python3
  dockerimage: demisto/crypto:1.0.0.11658507
  commands: [{name: empty-command, arguments: []}]
  script: |
    return_results('done')
"""


def rows(sandbox: Sandbox, effort: Effort) -> list[MessageRow]:
    server, cloud = sandbox.server, sandbox.cloud
    administrator = Administrator(server.url, server.api_key)
    administrator.add_instance(INSTANCE, client_secret(cloud))
    http = requests.Session()
    http.trust_env = False
    http.headers['Authorization'] = server.api_key
    _add_empty_instance(http, server.url)
    playground = _ask(http, f'{server.url}/investigations/search', {'filter': {'type': [9]}})['data'][0]['id']

    def run(command: str) -> Callable[[], Any]:
        return lambda: _ask(http, f'{server.url}/entry/execute/sync', {'investigationId': playground, 'data': command})

    empty, warm = run('!empty-command'), run(f'!msgraph-mail-list-emails page_size=1 using="{INSTANCE}"')
    measured = [(_milliseconds(empty), _milliseconds(warm)) for _ in range(1 + effort.often)][1:]
    limit, own = (median(one[column] for one in measured) for column in (0, 1))
    return [
        *compared(
            [
                plain('Warm command, process: empty integration', limit, 'ms'),
                plain('Warm command, process: this integration', own, 'ms'),
            ]
        ),
        at_most('Warm command : empty integration, processes', own / limit, 1.15, '', f'{own:.0f} : {limit:.0f} ms'),
    ]


def _add_empty_instance(http: requests.Session, url: str) -> None:
    answer = http.post(f'{url}/settings/integration-conf/upload', files={'file': ('empty.yml', EMPTY_INTEGRATION)}, timeout=60)
    answer.raise_for_status()
    http.put(f'{url}/settings/integration', json={'name': 'Empty', 'brand': 'Empty', 'data': []}, timeout=60).raise_for_status()


def _ask(http: requests.Session, url: str, body: dict[str, Any]) -> Any:
    response = http.post(url, json=body, timeout=60)
    response.raise_for_status()
    answer = response.json()
    if isinstance(answer, list) and (not answer or answer[-1]['type'] == 4):
        raise RuntimeError(f'A command of the benchmark failed: {answer}')
    return answer


def _milliseconds(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return (time.perf_counter() - begun) * 1000
