"""Many commands of one instance at once, each in its own process, with one integration context in a file.

The processes are forked from this module as a program, since pytest has threads and must not fork.
"""

import fcntl
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import demistomock as demisto
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import SystemClock
from sandbox.tests.machine import limit

TIMEOUT = limit(15)
Settings = dict[str, Any]


def at_once(number: int, settings: Settings, seconds_ahead: float, folder: Path) -> list[str]:
    """Request a token in that many processes at once, and return the digests of their tokens.

    Args:
        settings: keywords of the client, as JSON values.
        seconds_ahead: difference between the clock of these processes and that of the machine.
        folder: for the context.
    """
    context = SharedContext(folder / 'context.json')
    context.path.write_text(json.dumps({'context': demisto.getIntegrationContext(), 'version': {'version': 1}}))
    program = [sys.executable, '-m', __name__, str(number), json.dumps(settings), str(seconds_ahead), str(context.path)]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    answer = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT)
    demisto.setIntegrationContextVersioned(context.read()['context'])
    return json.loads(answer.stdout)


class SharedContext:
    """An integration context for several processes. Its versions have the form of the first one: numbers or objects."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, refresh: bool = False) -> dict[str, Any]:
        with self._locked() as file:
            return json.load(file)

    def write(self, context: dict[str, Any], version: Any = -1, sync: bool = False) -> None:
        """Write the context. Raise ValueError if another process has written since `version` was read."""
        with self._locked() as file:
            current = json.load(file)['version']
            if version not in (-1, current):
                raise ValueError('stale version')
            file.seek(0)
            file.truncate()
            following = {'version': current['version'] + 1} if isinstance(current, dict) else current + 1
            json.dump({'context': context, 'version': following}, file)

    @contextmanager
    def _locked(self) -> Iterator[TextIO]:
        with self.path.open('r+') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def run_at_once(command: Callable[[], str], number: int) -> list[str]:
    """Run `command` in that many processes at the same time, and return the results."""
    forking = multiprocessing.get_context('fork')
    gate, answers = forking.Barrier(number), forking.SimpleQueue()

    def run() -> None:
        gate.wait(TIMEOUT)
        answers.put(command())

    processes = [forking.Process(target=run) for _ in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(TIMEOUT)
    return [answers.get() for process in processes if process.exitcode == 0]


def main(number: int, settings: Settings, seconds_ahead: float, context: SharedContext) -> None:
    """Print the digest of the token of each process."""
    demisto.demistoVersion = lambda: {'version': '6.10.0', 'platform': 'xsoar'}
    demisto.getIntegrationContextVersioned = context.read
    demisto.setIntegrationContextVersioned = context.write
    SystemClock.now = lambda _clock: time.time() + seconds_ahead  # type: ignore[assignment]

    def command() -> str:
        return hashlib.sha256(MicrosoftClient(**settings).get_access_token().encode()).hexdigest()

    json.dump(run_at_once(command, number), sys.stdout)


if __name__ == '__main__':
    main(int(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3]), SharedContext(Path(sys.argv[4])))
