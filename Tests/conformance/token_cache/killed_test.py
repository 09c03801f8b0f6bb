"""Processes that are killed, or that hang, while they request a token, and those that come after them.

All scenarios run at the same time, each with a cloud of its own, since waiting is most of what happens.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
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
from sandbox.tests.machine import limit, wait_until

pytestmark = pytest.mark.slow
METHODS = {CLIENT_SECRET: 'entra', CERTIFICATE_PS256: 'entra', CORTEX_APP: 'token-service', VM_SYSTEM_ASSIGNED: 'imds'}


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

    def result(self) -> str:
        """Return what another command prints."""
        with self.command() as process:
            return process.communicate(timeout=limit(20))[0]

    def lease_end(self) -> float:
        """Return the time at which the lease ends, 0 without a lease."""
        context = SharedContext(self.path).read()['context']
        return next((json.loads(value)['until'] for key, value in context.items() if key.endswith('/lease')), 0)

    def requests_to(self, service: str) -> int:
        return len(self.cloud.requests.of(service, 'token'))


# region scenarios


def killed(one: Engine, service: str) -> tuple[str, float]:
    """Kill a command that has claimed the lease and sent its request nowhere.

    Returns:
        The result of the next command, and the seconds from the end of the lease to its token request.
    """
    with one.command(STOP_BEFORE_SENDING='1') as process:
        lease_end = wait_until(one.lease_end)
        process.send_signal(signal.SIGKILL)
    text = one.result()
    [request] = one.cloud.requests.of(service, 'token')
    return text, request.started - lease_end


def killed_with_its_token(one: Engine) -> str:
    """Kill a command that has used up its token, and return the result of the next one."""
    one.cloud.faults.add(service='token-service', path='token', delay=limit(1), reset=True)
    with one.command() as process:
        wait_until(lambda: not one.cloud.faults.all())  # the request has arrived
        process.send_signal(signal.SIGKILL)
    one.cloud.faults.add(service='token-service', path='token', status=403, body={'message': 'hash verification failed'})
    return one.result()


def slow(one: Engine, service: str) -> tuple[str, str, int]:
    """Return the result of a command that came after a slow one, the result of the slow one, and the number of their requests."""
    one.cloud.faults.add(service=service, path='token', delay=2 * LEASE_SECONDS)
    with one.command() as process:
        wait_until(lambda: not one.cloud.faults.all())  # the request has arrived
        text = one.result()
        slow_text = process.communicate(timeout=limit(20))[0]
    return text, slow_text, one.requests_to(service)


# By name: what runs, and with which methods. Those of one scenario share a cloud.
SCENARIOS: dict[str, tuple[Callable[[Engine], Any], list[str]]] = {
    **{f'killed, {method}': (partial(killed, service=METHODS[method]), [method]) for method in METHODS},
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
    for method in METHODS:
        text, seconds = results[f'killed, {method}'][method].result()
        assert text.startswith('token '), (method, text)
        assert 0 <= seconds < limit(5), (method, seconds)


def test_a_token_that_a_killed_process_has_used_up_is_explained(results: dict[str, dict[str, Future[Any]]]) -> None:
    text = results['killed with its token'][CORTEX_APP].result()
    assert 'A command sent this Token at' in text
    assert 'has not stored the response' in text


@pytest.mark.parametrize('method, most', [(CLIENT_SECRET, 2), (CORTEX_APP, 1)])
def test_a_process_that_is_only_slow_uses_up_no_token_twice(
    results: dict[str, dict[str, Future[Any]]], method: str, most: int
) -> None:
    text, slow_text, requests = results[f'slow, {method}'][method].result()
    assert text.startswith('token ')
    assert slow_text.startswith('token ')
    assert requests <= most
