"""Processes that are killed, or that hang, while they request a token, and those that come after them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.sign_in.conftest import proxy, workbench
from conformance.sign_in.methods import keywords
from conformance.sign_in.processes import SharedContext
from conformance.sign_in.rows import CERTIFICATE_PS256, CLIENT_SECRET, CORTEX_APP, VM_SYSTEM_ASSIGNED
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import create_custom_azure_cloud
from MicrosoftTokenCacheApiModule import LEASE_SECONDS
from sandbox.tests.machine import limit

__all__ = ['proxy', 'workbench']
pytestmark = pytest.mark.slow
METHODS = {CLIENT_SECRET: 'entra', CERTIFICATE_PS256: 'entra', CORTEX_APP: 'token-service', VM_SYSTEM_ASSIGNED: 'imds'}
GOES_ON = 20.0  # seconds


class Engine:
    """An engine whose commands are processes that share an integration context."""

    def __init__(self, settings: dict[str, Any], path: Path, environment: dict[str, str]) -> None:
        self.path = path
        path.write_text(json.dumps({'context': {}, 'version': 1}))
        self._settings = settings
        self._environment = environment

    @contextmanager
    def command(self) -> Iterator[subprocess.Popen[str]]:
        """Request a token in a process, which prints its digest, or the error."""
        program = [sys.executable, '-m', __name__, json.dumps(self._settings), str(self.path)]
        with subprocess.Popen(program, env=self._environment, stdout=subprocess.PIPE, text=True) as process:
            yield process
            process.kill()

    def result(self) -> tuple[str, float]:
        """Return what another command prints, and how many seconds it took, without the start of its process."""
        with self.command() as process:
            text, _, seconds = process.communicate(timeout=limit(GOES_ON))[0].rpartition('\n')
            return text, float(seconds)

    def kinds(self) -> set[str]:
        return {key.rpartition('/')[2] for key in json.loads(self.path.read_text())['context']}


def engine(method: str, workbench: Workbench, tmp_path: Path) -> Engine:
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parents[2])])
    environment = {**os.environ, 'PYTHONPATH': paths, 'CA_FILE': workbench.cloud.ca_file}
    if METHODS[method] == 'imds':
        environment |= workbench.cloud.host_environment('azure-vm')
    settings = keywords(method, workbench)
    if 'azure_cloud' in settings:
        settings['azure_cloud'] = vars(settings['azure_cloud'].endpoints)
    return Engine(settings, tmp_path / f'{hashlib.sha256(method.encode()).hexdigest()}.json', environment)


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + limit(10)
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def requests_to(workbench: Workbench, service: str) -> int:
    return len(workbench.cloud.requests.of(service, 'token'))


def test_after_a_kill_the_next_process_goes_on_in_each_method(workbench: Workbench, tmp_path: Path) -> None:
    """All at the same time, since waiting is all that happens."""
    with ThreadPoolExecutor() as threads:
        results = [threads.submit(_killed, method, workbench, tmp_path) for method in METHODS]
        found = {method: one.result() for method, one in zip(METHODS, results, strict=True)}
    for method, (text, seconds) in found.items():
        assert text.startswith('token '), (method, text)
        assert LEASE_SECONDS - 4 < seconds < GOES_ON, (method, seconds)


def _killed(method: str, workbench: Workbench, tmp_path: Path) -> tuple[str, float]:
    """Kill a command that has claimed the lease and sent its request nowhere, and return the result of the next one."""
    one = engine(method, workbench, tmp_path)
    one._environment = {**one._environment, 'STOP_BEFORE_SENDING': '1'}
    with one.command() as process:
        wait_for(lambda: 'lease' in one.kinds())
        process.send_signal(signal.SIGKILL)
    del one._environment['STOP_BEFORE_SENDING']
    return one.result()


def test_a_token_that_a_killed_process_has_used_up_is_explained(workbench: Workbench, tmp_path: Path) -> None:
    one = engine(CORTEX_APP, workbench, tmp_path)
    workbench.cloud.faults.add(service='token-service', path='token', delay=1.0, reset=True)
    with one.command() as process:
        wait_for(lambda: requests_to(workbench, 'token-service'))
        process.send_signal(signal.SIGKILL)
    workbench.cloud.faults.clear()
    workbench.cloud.faults.add(service='token-service', path='token', status=403, body={'message': 'hash verification failed'})
    text, seconds = one.result()
    assert 'A command sent this Token at' in text
    assert 'ended before it stored the response' in text
    assert seconds < GOES_ON


@pytest.mark.parametrize('method, most', [(CLIENT_SECRET, 2), (CORTEX_APP, 1)])
def test_a_process_that_is_only_slow_uses_up_no_token_twice(workbench: Workbench, tmp_path: Path, method: str, most: int) -> None:
    one, service = engine(method, workbench, tmp_path), METHODS[method]
    workbench.cloud.faults.add(service=service, path='token', delay=24.0)  # twice as long as a lease
    with one.command() as process:
        wait_for(lambda: requests_to(workbench, service))
        text, _ = one.result()
        assert text.startswith('token ')
        assert requests_to(workbench, service) <= most
        assert process.communicate(timeout=limit(GOES_ON))[0].startswith('token ')


def main(settings: dict[str, Any], context: SharedContext) -> None:
    import demistomock as demisto
    from MicrosoftCredentialsApiModule import TokenClient

    demisto.demistoVersion = lambda: {'version': '6.10.0', 'platform': 'xsoar'}
    demisto.getIntegrationContextVersioned = context.read
    demisto.setIntegrationContextVersioned = context.write
    if 'azure_cloud' in settings:
        settings['azure_cloud'] = create_custom_azure_cloud('sandbox', endpoints=settings['azure_cloud'])
    if 'STOP_BEFORE_SENDING' in os.environ:
        TokenClient._wait = lambda *_args: time.sleep(600)  # type: ignore[method-assign,assignment]
    started = time.monotonic()
    try:
        print('token', hashlib.sha256(MicrosoftClient(**settings).get_access_token().encode()).hexdigest())
    except Exception as error:
        print(error)
    print(time.monotonic() - started, end='')


if __name__ == '__main__':
    main(json.loads(sys.argv[1]), SharedContext(Path(sys.argv[2])))
