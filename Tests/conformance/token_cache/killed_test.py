"""Processes that are killed, or that hang, while they request a token, and those that come after them.

All scenarios run at the same time, each with a cloud of its own, since waiting is most of what happens.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.sign_in.conftest import HOST_VARIABLES
from conformance.sign_in.methods import keywords
from conformance.sign_in.processes import SharedContext
from conformance.sign_in.recording_proxy import RecordingProxy
from conformance.sign_in.rows import CERTIFICATE_PS256, CLIENT_SECRET, CORTEX_APP, VM_SYSTEM_ASSIGNED
from conformance.sign_in.workbench import Workbench
from MicrosoftTokenCacheApiModule import LEASE_SECONDS
from sandbox.microsoft import MicrosoftCloud
from sandbox.tests.machine import limit

pytestmark = pytest.mark.slow
METHODS = {CLIENT_SECRET: 'entra', CERTIFICATE_PS256: 'entra', CORTEX_APP: 'token-service', VM_SYSTEM_ASSIGNED: 'imds'}
GOES_ON = 20.0  # seconds


class Engine:
    """An engine whose commands are processes that share an integration context."""

    def __init__(self, cloud: MicrosoftCloud, settings: dict[str, Any], path: Path, environment: dict[str, str]) -> None:
        self.cloud = cloud
        self.path = path
        path.write_text(json.dumps({'context': {}, 'version': 1}))
        self._settings = settings
        self._environment = environment

    @contextmanager
    def command(self, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Request a token in a process, which prints its digest, or the error."""
        program = [sys.executable, '-m', 'conformance.token_cache.one_command', json.dumps(self._settings), str(self.path)]
        variables = {**self._environment, **environment}
        with subprocess.Popen(program, env=variables, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def result(self) -> tuple[str, float]:
        """Return what another command prints, and how many seconds it took, without the start of its process."""
        with self.command() as process:
            text, _, seconds = process.communicate(timeout=limit(GOES_ON))[0].rpartition('\n')
            return text, float(seconds)

    def kinds(self) -> set[str]:
        return {key.rpartition('/')[2] for key in SharedContext(self.path).read()['context']}

    def requests_to(self, service: str) -> int:
        return len(self.cloud.requests.of(service, 'token'))


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + limit(10)
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# region scenarios


def killed(one: Engine) -> tuple[str, float]:
    """Kill a command that has claimed the lease and sent its request nowhere, and return the result of the next one."""
    with one.command(STOP_BEFORE_SENDING='1') as process:
        wait_for(lambda: 'lease' in one.kinds())
        process.send_signal(signal.SIGKILL)
    return one.result()


def killed_with_its_token(one: Engine) -> tuple[str, float]:
    """Kill a command that has used up its token, and return the result of the next one."""
    one.cloud.faults.add(service='token-service', path='token', delay=1.0, reset=True)
    with one.command() as process:
        wait_for(lambda: one.requests_to('token-service'))
        process.send_signal(signal.SIGKILL)
    one.cloud.faults.clear()
    one.cloud.faults.add(service='token-service', path='token', status=403, body={'message': 'hash verification failed'})
    return one.result()


def slow(one: Engine, service: str) -> tuple[str, int, str]:
    """Return the result of a command that came after a slow one, the number of requests then, and the result of the slow one."""
    one.cloud.faults.add(service=service, path='token', delay=24.0)  # twice as long as a lease
    with one.command() as process:
        wait_for(lambda: one.requests_to(service))
        text, _ = one.result()
        return text, one.requests_to(service), process.communicate(timeout=limit(GOES_ON))[0]


# By name: what runs, and with which methods. Those of one scenario share a cloud.
SCENARIOS: dict[str, tuple[Callable[[Engine], Any], list[str]]] = {
    'killed': (killed, list(METHODS)),
    'killed with its token': (killed_with_its_token, [CORTEX_APP]),
    **{f'slow, {method}': (partial(slow, service=METHODS[method]), [method]) for method in (CLIENT_SECRET, CORTEX_APP)},
}


@pytest.fixture(scope='module')
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Future[Any]]]]:
    """Start all scenarios, and return their results by scenario and method."""
    with ExitStack() as clouds, ThreadPoolExecutor(max_workers=8) as threads:
        yield {
            name: {
                one_method: threads.submit(run, one)
                for one_method, one in engines(methods, clouds.enter_context(MicrosoftCloud()), tmp_path_factory.mktemp('engine'))
            }
            for name, (run, methods) in SCENARIOS.items()
        }


def engines(methods: list[str], cloud: MicrosoftCloud, folder: Path) -> Iterator[tuple[str, Engine]]:
    """Yield each method, and an engine whose instance uses it."""
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parents[2])])
    unwanted = {*HOST_VARIABLES, *(name for name in os.environ if name.lower().endswith('_proxy'))}
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
    for method in methods:
        with pytest.MonkeyPatch.context() as patch, RecordingProxy() as proxy:
            settings = keywords(method, Workbench(cloud, proxy, folder, patch))
        if 'azure_cloud' in settings:
            settings['azure_cloud'] = vars(settings['azure_cloud'].endpoints)
        environment = {**inherited, 'PYTHONPATH': paths, 'REQUESTS_CA_BUNDLE': cloud.ca_file}
        if METHODS[method] == 'imds':
            environment |= cloud.host_environment('azure-vm')
        file = folder / f'{hashlib.sha256(method.encode()).hexdigest()}.json'
        yield method, Engine(cloud, settings, file, environment)


# endregion


def test_after_a_kill_the_next_process_goes_on_in_each_method(results: dict[str, dict[str, Future[Any]]]) -> None:
    for method, result in results['killed'].items():
        text, seconds = result.result()
        assert text.startswith('token '), (method, text)
        assert LEASE_SECONDS - 4 < seconds < GOES_ON, (method, seconds)


def test_a_token_that_a_killed_process_has_used_up_is_explained(results: dict[str, dict[str, Future[Any]]]) -> None:
    text, seconds = results['killed with its token'][CORTEX_APP].result()
    assert 'A command sent this Token at' in text
    assert 'ended before it stored the response' in text
    assert seconds < GOES_ON


@pytest.mark.parametrize('method, most', [(CLIENT_SECRET, 2), (CORTEX_APP, 1)])
def test_a_process_that_is_only_slow_uses_up_no_token_twice(
    results: dict[str, dict[str, Future[Any]]], method: str, most: int
) -> None:
    text, requests, of_the_slow_one = results[f'slow, {method}'][method].result()
    assert text.startswith('token ')
    assert requests <= most
    assert of_the_slow_one.startswith('token ')
