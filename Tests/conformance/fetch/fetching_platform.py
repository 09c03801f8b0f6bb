"""The platform of one instance that fetches, in this process: what it hands to the integration, and what it keeps of a run.

As on an XSOAR server, incidents are stored when the process has ended, and the last run after them; a run that fails or dies
leaves neither behind. What it asked of Microsoft until then has happened.
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

import requests

import demistomock as demisto
import O365OutlookMailSingleUser
from MicrosoftCoreApiModule import SystemClock
from sandbox.microsoft import MicrosoftCloud

HAND_OVER, CURSOR = 'hand-over', 'cursor'
Crash = int | str | None
Meanwhile = Callable[[int], None]
INVESTIGATION = 'instance'


class ProcessDied(BaseException):
    """The process of the integration ends here, whatever it was doing. Nothing that catches errors catches it."""


@dataclass(frozen=True)
class File:
    """An attachment of an incident, as the platform stored it."""

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
        """What ``rawJSON`` holds."""
        return dict(json.loads(self.fields['rawJSON']))

    @property
    def labels(self) -> list[tuple[str, str]]:
        return [(label['type'], label['value']) for label in self.fields['labels']]

    def file(self, name: str) -> bytes:
        """The bytes of the only file of that name."""
        [found] = [one for one in self.files if one.name == name]
        return found.data


@dataclass
class Run:
    """One run of ``fetch-incidents``.

    Attributes:
        incidents: what was stored of it.
        error: the sentence that it failed with; empty if it did not.
        died: whether the crash that was asked for came to pass.
        cursor_lost: whether incidents were stored and the last run was not.
        requests: how many left the process. ``slept``: seconds that it waited.
        health: what it said of the instance. ``log``: what it wrote to the server's log.
    """

    incidents: list[Incident] = field(default_factory=list)
    error: str = ''
    died: bool = False
    cursor_lost: bool = False
    requests: int = 0
    slept: float = 0.0
    health: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [incident.name for incident in self.incidents]

    @property
    def is_good(self) -> bool:
        return not self.error and not self.died


class Platform:
    """What the platform is to one instance.

    Args:
        cloud: what the instance talks to; the time of the process is that of the cloud, and waiting moves it on.
        folder: where commands work. Their files are taken away after each run.
        params: of the instance.

    Attributes:
        last_run: as JSON, '' before the first. ``context``: the integration context.
    """

    def __init__(self, cloud: MicrosoftCloud, folder: Path, params: dict[str, Any]) -> None:
        self.cloud = cloud
        self.params = params
        self.last_run = ''
        self.context: dict[str, Any] = {}
        self.incidents: list[Incident] = []
        self._folder = folder

    def fetch(self, crash: Crash = None, meanwhile: Meanwhile = lambda _number: None) -> Run:
        """Runs ``fetch-incidents`` once.

        Args:
            crash: after how many requests the process dies, all of which have their effect; or HAND_OVER: it dies right after
                it has handed its incidents over; or CURSOR: it ends well, but the platform dies between storing the
                incidents and storing the last run.
            meanwhile: is called with the number of each request (from 0) just before it leaves.
        """
        process = _Process(self, crash, meanwhile)
        try:
            with process.patched(), _working_in(self._folder):
                O365OutlookMailSingleUser.main()
        except ProcessDied:
            process.run.died = True
        except Exception as error:  # as the server shows whatever a fetch ends with
            process.run.error = str(error) or type(error).__name__
        self.context = process.context
        if process.run.is_good:
            self._store(process, crash)
        self._clear()
        return process.run

    def run_until_quiet(self, quiet: int = 2, most: int = 200) -> list[Run]:
        """Fetches, a minute apart, until ``quiet`` runs in a row brought nothing. All have to end well."""
        runs: list[Run] = []
        while len(runs) < quiet or any(run.incidents for run in runs[-quiet:]):
            assert len(runs) < most, 'The fetch does not come to rest.'
            runs.append(self.fetch())
            assert not runs[-1].error, runs[-1].error
            self.cloud.clock.advance(60)
        return runs

    def _store(self, process: '_Process', crash: Crash) -> None:
        run = process.run
        assert len(process.handed_over) == 1, 'A fetch hands its incidents over once.'
        run.incidents = [self._incident(one) for one in process.handed_over[0]]
        self.incidents += run.incidents
        run.cursor_lost = crash == CURSOR
        if not run.cursor_lost and process.last_run:
            self.last_run = process.last_run[-1]

    def _incident(self, handed_over: dict[str, Any]) -> Incident:
        attachments = handed_over.get('attachment') or []
        return Incident(
            handed_over,
            tuple(
                File(str(one['name']), str(one.get('type') or ''), self._file(one['path']).read_bytes()) for one in attachments
            ),
        )

    def _file(self, path: str) -> Path:
        file = self._folder / f'{INVESTIGATION}_{path}'
        assert file.is_file(), f'The incident names a file that was not written: {path}'
        return file

    def _clear(self) -> None:
        for file in self._folder.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()


class _Process:
    """One process of the integration: what it sees of the platform."""

    def __init__(self, platform: Platform, crash: Crash, meanwhile: Meanwhile) -> None:
        self.run = Run()
        self.handed_over: list[list[dict[str, Any]]] = []
        self.last_run: list[str] = []
        self.context = platform.context
        self._platform = platform
        self._crash = crash
        self._meanwhile = meanwhile
        self._lock = threading.Lock()
        self._is_dead = False
        self._send = requests.Session.send

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Puts this process into the place of the platform's stub, of the network's door and of the clock."""
        process, clock = self, self._platform.cloud.clock
        seams: dict[str, Any] = {
            'command': lambda: 'fetch-incidents',
            'params': lambda: dict(self._platform.params),
            'args': dict,
            'getLastRun': lambda: json.loads(self._platform.last_run or '{}'),
            'setLastRun': self._set_last_run,
            'incidents': self._take,
            'investigation': lambda: {'id': INVESTIGATION},
            'updateModuleHealth': lambda said, *_more: self.run.health.append(str(said)),
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
            mock.patch.object(requests.Session, 'send', send),
            mock.patch.object(SystemClock, 'now', clock.now),
            mock.patch.object(SystemClock, 'sleep', self._sleep),
        ):
            try:
                yield
            finally:
                self.context = demisto.integrationContext

    def send(self, session: requests.Session, request: requests.PreparedRequest, settings: dict[str, Any]) -> requests.Response:
        """A request leaves, has its effect, and its answer comes back, unless the process is dead by then."""
        with self._lock:
            number = self.run.requests
            self._end_if_due(number)
            self.run.requests += 1
        self._meanwhile(number)
        response = self._send(session, request, **settings)
        self._end_if_due(number + 1)
        return response

    def _end_if_due(self, number: int) -> None:
        self._is_dead |= isinstance(self._crash, int) and number >= self._crash
        if self._is_dead:
            raise ProcessDied

    def _take(self, incidents: list[dict[str, Any]]) -> None:
        self.handed_over.append(json.loads(json.dumps(incidents)))
        if self._crash == HAND_OVER:
            raise ProcessDied

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
