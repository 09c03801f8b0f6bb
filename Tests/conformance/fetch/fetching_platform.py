"""The platform of one instance that fetches, in this process.

As on an XSOAR server, incidents are stored when the process has ended, and the last run after them. A run that fails or crashes
stores neither, but its requests had their effects.
"""

import contextlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote

import requests

import CommonServerPython
import demistomock as demisto
import O365OutlookMailSingleUser
from MicrosoftCoreApiModule import SystemClock
from sandbox.microsoft import MicrosoftCloud

AFTER_INCIDENTS, BEFORE_LAST_RUN = 'after incidents', 'before last run'
Crash = int | str | None
Meanwhile = Callable[[int], None]
OnRequest = Callable[[str], None]
INVESTIGATION = 'instance'


class ProcessDied(BaseException):
    """The process of the integration crashed. Code that handles errors does not catch it."""


@dataclass(frozen=True)
class File:
    """A file of an incident, as the platform stored it."""

    name: str
    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Incident:
    """An incident that the platform has stored."""

    fields: dict[str, Any] = field(repr=False)
    files: tuple[File, ...]

    @property
    def name(self) -> str:
        return str(self.fields['name'])

    @property
    def mail_id(self) -> str:
        """The immutable ID of the mail that it is about."""
        return str(self.fields['dbotMirrorId'])

    @property
    def raw(self) -> dict[str, Any]:
        """The content of ``rawJSON``."""
        return dict(json.loads(self.fields['rawJSON']))

    @property
    def labels(self) -> list[tuple[str, str]]:
        return [(label['type'], label['value']) for label in self.fields['labels']]

    def file(self, name: str) -> bytes:
        """Return the bytes of the only file with that name."""
        [found] = [one for one in self.files if one.name == name]
        return found.data


@dataclass
class Run:
    """One run of ``fetch-incidents``.

    Attributes:
        incidents: those that were stored.
        error: its error, empty if it succeeded.
        died: it crashed.
        cursor_lost: incidents were stored, but not the last run.
        requests: number of requests.
        slept: seconds that it waited.
        health: messages for the health of the instance.
        is_unhealthy: the last of them is an error.
        log: messages for the server log.
    """

    incidents: list[Incident] = field(default_factory=list)
    error: str = ''
    died: bool = False
    cursor_lost: bool = False
    requests: int = 0
    slept: float = 0.0
    health: list[str] = field(default_factory=list)
    is_unhealthy: bool = False
    log: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [incident.name for incident in self.incidents]

    @property
    def has_succeeded(self) -> bool:
        return not self.error and not self.died


class Platform:
    """The platform of one instance.

    Args:
        cloud: its clock is that of the process; waiting advances it.
        folder: working folder of commands. Their files are removed after each run.
        params: of the instance.
    Attributes:
        last_run: JSON, empty before the first run.
        context: the integration context.
    """

    def __init__(self, cloud: MicrosoftCloud, folder: Path, params: dict[str, Any]) -> None:
        self.cloud = cloud
        self.params = params
        self.last_run = ''
        self.context: dict[str, Any] = {}
        self.incidents: list[Incident] = []
        self._folder = folder

    def fetch(
        self, crash: Crash = None, meanwhile: Meanwhile = lambda _number: None, on_request: OnRequest = lambda _url: None
    ) -> Run:
        """Run ``fetch-incidents`` once.

        Args:
            crash: number of requests after which the process crashes; AFTER_INCIDENTS: it crashes after `demisto.incidents`;
                BEFORE_LAST_RUN: the platform crashes after it stored the incidents and before it stores the last run.
            meanwhile: called with the number of each request (from 0) before it is sent.
            on_request: likewise, with its URL, decoded.
        """
        process = _Process(self, crash, meanwhile, on_request)
        try:
            with process.patched(), _working_in(self._folder):
                O365OutlookMailSingleUser.main()
        except ProcessDied:
            process.run.died = True
        except Exception as error:  # as the server shows whatever a fetch ends with
            process.run.error = str(error) or type(error).__name__
        self.context = process.context
        if process.run.has_succeeded:
            self._store(process, crash)
        self._clear()
        return process.run

    @property
    def is_waiting(self) -> bool:
        """Whether mails are to be read again."""
        return bool(json.loads(self.last_run or '{}').get('waiting'))

    def run_until_quiet(self, quiet: int = 2, max_runs: int = 200) -> list[Run]:
        """Fetch until `quiet` consecutive runs brought nothing: once a minute, and every ten minutes while a mail cannot be read.
        All have to succeed."""
        runs: list[Run] = []
        while len(runs) < quiet or self.is_waiting or any(run.incidents for run in runs[-quiet:]):
            assert len(runs) < max_runs, 'The fetch does not end.'
            runs.append(self.fetch())
            assert not runs[-1].error, runs[-1].error
            self.cloud.clock.advance(600 if self.is_waiting else 60)
        return runs

    def _store(self, process: '_Process', crash: Crash) -> None:
        run = process.run
        assert len(process.incidents) == 1, 'A fetch creates its incidents once.'
        run.incidents = [self._incident(one) for one in process.incidents[0]]
        self.incidents += run.incidents
        run.cursor_lost = crash == BEFORE_LAST_RUN
        if not run.cursor_lost and process.last_run:
            self.last_run = process.last_run[-1]

    def _incident(self, fields: dict[str, Any]) -> Incident:
        attachments = fields.get('attachment') or []
        return Incident(
            fields,
            tuple(
                File(str(one['name']), str(one.get('type') or ''), self._file(one['path']).read_bytes()) for one in attachments
            ),
        )

    def _file(self, path: str) -> Path:
        file = self._folder / f'{INVESTIGATION}_{path}'
        assert file.is_file(), f'The incident has a file that does not exist: {path}'
        return file

    def _clear(self) -> None:
        for file in self._folder.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()


class _Process:
    """One process of the integration."""

    def __init__(self, platform: Platform, crash: Crash, meanwhile: Meanwhile, on_request: OnRequest) -> None:
        self.run = Run()
        self.incidents: list[list[dict[str, Any]]] = []
        self.last_run: list[str] = []
        self.context = platform.context
        self._platform = platform
        self._crash = crash
        self._meanwhile = meanwhile
        self._on_request = on_request
        self._lock = threading.Lock()
        self._is_dead = False
        self._send = requests.Session.send

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Replace the stub of the platform, the sending of requests and the clock."""
        process, clock = self, self._platform.cloud.clock
        seams: dict[str, Any] = {
            'command': lambda: 'fetch-incidents',
            'params': lambda: dict(self._platform.params),
            'args': dict,
            'getLastRun': lambda: json.loads(self._platform.last_run or '{}'),
            'setLastRun': self._set_last_run,
            'incidents': self._take,
            'investigation': lambda: {'id': INVESTIGATION},
            'updateModuleHealth': self._update_health,
            'error': self._log,
            'debug': self._log,
            'info': self._log,
            'results': lambda _entry: None,
            'integrationContext': self.context,
        }

        def send(session: requests.Session, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
            return process.send(session, request, settings)

        with (
            mock.patch.multiple(demisto, **seams),
            mock.patch.multiple(CommonServerPython.LOG, replace_strs=[], messages=[]),  # each run is a process of its own
            mock.patch.object(requests.Session, 'send', send),
            mock.patch.object(SystemClock, 'now', clock.now),
            mock.patch.object(SystemClock, 'elapsed', clock.now),
            mock.patch.object(SystemClock, 'sleep', self._sleep),
        ):
            try:
                yield
            finally:
                self.context = demisto.integrationContext

    def send(self, session: requests.Session, request: requests.PreparedRequest, settings: dict[str, Any]) -> requests.Response:
        """Send a request, and return its response unless the process crashed meanwhile."""
        with self._lock:
            number = self.run.requests
            self._end_if_due(number)
            self.run.requests += 1
        self._meanwhile(number)
        self._on_request(unquote(str(request.url)))
        response = self._send(session, request, **settings)
        self._end_if_due(number + 1)
        return response

    def _end_if_due(self, number: int) -> None:
        self._is_dead |= isinstance(self._crash, int) and number >= self._crash
        if self._is_dead:
            raise ProcessDied

    def _take(self, incidents: list[dict[str, Any]]) -> None:
        self.incidents.append(json.loads(json.dumps(incidents)))
        if self._crash == AFTER_INCIDENTS:
            raise ProcessDied

    def _update_health(self, data: Any, is_error: bool = False) -> None:
        self.run.health += [str(data)] if data else []
        self.run.is_unhealthy = is_error

    def _set_last_run(self, last_run: dict[str, Any]) -> None:
        self.last_run.append(json.dumps(last_run))

    def _sleep(self, seconds: float) -> None:
        self.run.slept += seconds
        self._platform.cloud.clock.advance(seconds)

    def _log(self, message: Any, *arguments: Any) -> None:
        self.run.log.append(' '.join(map(str, (message, *arguments))))
        logging.getLogger(__name__).debug('%s', self.run.log[-1])


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
