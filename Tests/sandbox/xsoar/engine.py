"""Run commands of instances: build the script, give each a process and a folder, and limit how many run at once."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .command_log import CommandLog
from .content import Integration
from .errors import Refusal
from .instances import Instance
from .process import Answerer, CommandProcess, Outcome
from .process_starter import process_starter

# What the platform's files import of each other when they are tested as files.
_MOCK_IMPORT = re.compile(r'^(import demistomock as demisto|from CommonServerPython import \*)[ \t]*(#.*)?$', re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One command of one instance. ``debug`` says that it was typed with ``debug-mode=true``."""

    integration: Integration
    instance: Instance
    command: str
    arguments: dict[str, Any] = field(default_factory=dict, repr=False)
    investigation: dict[str, Any] = field(default_factory=dict)
    incident: dict[str, Any] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    time_limit: float = 0
    debug: bool = False

    def to_message(self, script: Path, version: dict[str, str]) -> dict[str, Any]:
        """Return the first line that the process of the command reads."""
        params = self.instance.parameters(self.integration)
        calling = {
            'IntegrationBrand': self.integration.name,
            'IntegrationInstance': self.instance.name,
            'IntegrationInstanceID': self.instance.id,
            'ExecutedCommands': [{'moduleBrand': self.integration.name, 'name': self.command}],
            'Incidents': [self.incident] if self.incident else [],
            'Inv': self.investigation,
        }
        return {
            'script': str(script),
            'command': self.command,
            'params': params,
            'args': self.arguments,
            'instance': self.instance.name,
            'investigation': self.investigation,
            'incident': self.incident,
            'is_debug': self.debug or self.instance.logs_debug,
            'version': version,
            'license': 'sandbox',
            'urls': self.urls,
            'calling_context': {
                'integration': True,
                'command': self.command,
                'args': self.arguments,
                'params': params,
                'context': calling,
            },
        }


class Engine:
    """The starter of the processes of commands.

    Args:
        folder: where scripts, working folders and the log are kept.
        common_server: the folder with CommonServerPython.py and, if there is one, CommonServerUserPython.py.
        environment: environment variables of every command.
        engines: more of them by the name of an engine, for instances that run on that one.
        version: what ``demisto.demistoVersion()`` answers.
        concurrency: how many commands run at once; more wait.
        time_limit: seconds a command may take when its yml does not say.
    """

    def __init__(
        self,
        folder: Path,
        common_server: Path,
        environment: Mapping[str, str],
        engines: Mapping[str, Mapping[str, str]],
        version: dict[str, str],
        concurrency: int,
        time_limit: float,
    ) -> None:
        self.names = tuple(engines)
        self._scripts, self._work = folder / 'scripts', folder / 'work'
        self._common_server = common_server
        self._environment = environment
        self._engines = engines
        self._version = version
        self._time_limit = time_limit
        self._starter = process_starter(common_server / 'CommonServerPython.py')
        self._log = CommandLog(folder / 'integration-instance.log')
        self._slots = threading.BoundedSemaphore(concurrency)
        self._running: set[CommandProcess] = set()
        self._lock = threading.Lock()
        self._stopped = False
        shutil.rmtree(self._work, ignore_errors=True)  # what a killed server left
        for each in (self._scripts, self._work):
            each.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def run(self, job: Job, answerer: Callable[[Path], Answerer]) -> Iterator[tuple[Outcome, Path]]:
        """Run a command to its end; its working folder exists as long as the block.

        Args:
            job: what to run.
            answerer: makes what answers the command, given its working folder.
        """
        with self._slots:
            folder = Path(tempfile.mkdtemp(dir=self._work))
            try:
                message = job.to_message(self._script(job.integration), self._version)
                process = self._start(message, folder, job, answerer(folder))
                try:
                    title = f'{job.instance.name} {job.command}:'
                    limit = job.time_limit or job.integration.time_limit(job.command) or self._time_limit
                    outcome = process.run(limit, self._log, title)
                finally:
                    with self._lock:
                        self._running.discard(process)
                yield outcome, folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _start(self, message: dict[str, Any], folder: Path, job: Job, answer: Answerer) -> CommandProcess:
        environment = {
            'PATH': os.environ.get('PATH', os.defpath),
            'LANG': 'C.UTF-8',
            'HOME': str(folder),
            'TMPDIR': str(folder),
            **self._environment,
            **self._engines.get(job.instance.engine, {}),
        }
        with self._lock:
            if self._stopped:
                raise Refusal('The server is stopping: run the command again when it is back.')
            start = partial(self._starter.start, folder, environment)
            try:
                process = CommandProcess(message, start, answer)
            except OSError as error:
                raise Refusal(f'The command could not be started: {error} Run it again.') from None
            self._running.add(process)
        return process

    def _script(self, integration: Integration) -> Path:
        """Return the file with the platform's part and the integration in one text, as the platform runs it."""
        text = '\n'.join((*self._platform_part(), integration.script))
        path = self._scripts / f'{hashlib.sha256(text.encode()).hexdigest()}.py'
        if not path.exists():
            with tempfile.NamedTemporaryFile('w', dir=self._scripts, delete=False, encoding='utf-8') as file:
                file.write(text)
            os.replace(file.name, path)
        return path

    def _platform_part(self) -> Iterator[str]:
        common = self._common_server / 'CommonServerPython.py'
        try:
            yield _MOCK_IMPORT.sub('', common.read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise Refusal(f'{common} does not exist: let COMMON_SERVER_PYTHON name the folder that holds it.') from None
        user = self._common_server / 'CommonServerUserPython.py'
        if user.exists():
            yield _MOCK_IMPORT.sub('', user.read_text(encoding='utf-8'))

    def stop(self) -> None:
        """Kill what runs and let nothing start any more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.stop('The command was stopped with the server.')
