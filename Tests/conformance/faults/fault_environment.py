"""An instance of the integration in this process, for one row of the table: what it shows, stores, logs and does to a mailbox."""

import contextlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import requests

import CommonServerPython
import demistomock as demisto
import MicrosoftHttpApiModule
import O365OutlookMailSingleUser
from authentication_methods import AuthenticationMethod
from MicrosoftCoreApiModule import SystemClock
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.faults import SERVICES
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import slowness

ADA = 'ada@contoso.example'
FILE, LARGE_FILE = b'A file.', b'12345678' * 450_000
GIVEN_FILES = {'small': FILE, 'large': LARGE_FILE}  # to commands that send files


SLOWEST_PACE = 20.0


def virtual_seconds() -> float:
    """Return how many seconds pass for the product in a second in which it waits for a slow service; fewer on slow machines."""
    return max(SLOWEST_PACE, 240.0 / slowness())


class Exchange(NamedTuple):
    """A request of the product, and the JSON of the response; None if there was none."""

    service: str
    method: str
    path: str
    status: int
    body: Any


class ProcessKilled(BaseException):
    """The process ends here, without cleanup."""


class Result(NamedTuple):
    """What a command did.

    Args:
        entries: given to the War Room, without metrics.
        error: the exception that a fetch or a fault of the product ended with, as text; empty if there was none.
        incidents: created; None if the command does not fetch.
        seconds: of virtual time.
        shown: everything that people can read: entries, errors, logs, health.
    """

    entries: list[dict[str, Any]]
    error: str
    incidents: list[dict[str, Any]] | None
    seconds: float
    shown: str

    @property
    def error_texts(self) -> list[str]:
        return [str(one['Contents']) for one in self.entries if one.get('Type') == 4] + ([self.error] if self.error else [])


class FaultEnvironment:
    """The cloud at its beginning, and a new instance.

    Attributes:
        args: what a preparation found out for the command.
        kill: when the next process ends: before or after, and of which service which request.
    """

    def __init__(self, cloud: MicrosoftCloud, method: AuthenticationMethod, folder: Path, params: Any) -> None:
        cloud.reset()
        self.cloud = cloud
        self.method = method
        self.args: dict[str, str] = {}
        self.exchanges: list[Exchange] = []
        self.folder = folder
        self.context: dict[str, Any] = {}
        self.last_run: dict[str, Any] = {}
        self.params = {**method.settings(cloud), **params(self)}
        self.mailbox = cloud.mailbox(ADA)
        self._services = {str(cloud.ports[name]): name for name in SERVICES}
        self._slept = 0.0
        self.pace = 1.0
        self.kill: tuple[str, str, int] | None = None
        self._started = 0.0
        self._is_dead = False
        self._message = self._equip()

    def _equip(self) -> Message:
        """Put what commands need into the mailbox: a mail with two files, a folder, a rule, a draft."""
        mailbox = self.mailbox
        message = mailbox.messages()[0]
        mailbox.attach_file(message, 'one.txt', FILE)
        mailbox.attach_file(message, 'two.bin', FILE * 1000)
        folder = mailbox.make_folder('Old', 'inbox')
        mailbox.rules.append(
            {'id': 'AQAAAJ5dZqA=', 'displayName': 'A rule', 'sequence': 1, 'isEnabled': True, 'isReadOnly': False, 'actions': {}}
        )
        self._folder_id = folder.folder_id
        for name, data in GIVEN_FILES.items():
            if not (self.folder / name).exists():
                (self.folder / name).write_bytes(data)
        return message

    def ids(self) -> dict[str, str]:
        """Return arguments of commands by name, with IDs of what exists."""
        message_id = self._message.immutable_id
        attachment = self._message.attachments[0]
        draft = next(one for one in self.mailbox.messages() if one.is_draft) if self._drafts() else self._new_draft()
        return {
            'message_id': message_id,
            'message_ids': f'{message_id},{self.mailbox.messages()[1].immutable_id}',
            'inReplyTo': message_id,
            'attachment_id': self._message.attachment_id(attachment, True),
            'folder_id': self._folder_id,
            'parent_folder_id': 'inbox',
            'destination_folder_id': 'archive',
            'rule_id': 'AQAAAJ5dZqA=',
            'draft_id': draft.immutable_id,
            'attach_ids': 'small',
            'attachment_id of a draft': draft.attachment_id(draft.attachments[0], True) if draft.attachments else '',
        }

    def invitation(self) -> str:
        """Return the ID of an invitation, which the application may respond to."""
        self.cloud.directory.application('daemon').application_permissions.append('Calendars.ReadWrite')
        now = self.cloud.clock.now()
        return self.mailbox.invite('Planning', EmailAddress('Bob', 'bob@contoso.example'), now, now + 3600).immutable_id

    def _drafts(self) -> bool:
        return any(one.is_draft for one in self.mailbox.messages())

    def _new_draft(self) -> Message:
        draft = Message(subject='A draft', sender=EmailAddress('Ada', ADA), received=self.cloud.clock.now(), is_draft=True)
        draft.to.append(EmailAddress('Bob', 'bob@contoso.example'))
        self.mailbox.attach_file(draft, 'of-the-draft.txt', FILE)
        return self.mailbox.deliver(draft, 'drafts')

    def add_mail(self) -> None:
        """Deliver one more mail."""
        now = self.cloud.clock.now()
        self.mailbox.deliver(Message(subject='New', sender=EmailAddress('Bob', 'bob@contoso.example'), received=now), at=now)

    def effects(self) -> Counter[str]:
        """Return what is in the mailboxes, in numbers that a change changes."""
        counted: Counter[str] = Counter()
        for name in (ADA, 'bob@contoso.example'):
            mailbox = self.cloud.mailbox(name)
            for message in mailbox.messages():
                state = 'draft' if message.is_draft else ('read' if message.is_read else 'unread')
                extra = f'{message.flag.status} {message.categories} {len(message.attachments)}'
                counted[f'{name} {mailbox.folder(message.folder_id).display_name} {state} {extra}'] += 1  # type: ignore[union-attr]
            counted[f'{name} rules'] = len(mailbox.rules)
            counted.update(f'{name} rule {one.get("isEnabled")} {one.get("displayName")}' for one in mailbox.rules)
            counted.update(f'{name} folder {path}' for path in _folders(mailbox, 'msgfolderroot'))
        return counted

    # region running

    def text(self, command: str, **args: str) -> str:
        """Return what a preparation of a row shows, which has to work."""
        result = self.run(command, args)
        assert not result.error_texts, result.error_texts
        return str(result.entries[-1]['HumanReadable'])

    def fetch(self) -> None:
        result = self.run('fetch-incidents', {})
        assert (result.error, bool(result.incidents)) == ('', True), result

    def run(self, command: str, args: dict[str, str]) -> Result:
        """Run a command as a process of its own does."""
        entries: list[Any] = []
        logs: list[str] = []
        health: list[str] = []
        incidents: list[Any] = []
        error = ''
        self._slept, self._started, self._is_dead = 0.0, time.monotonic(), False
        with self._platform(command, args, entries, logs, health, incidents), self._logging(logs):
            before = self._elapsed()
            try:
                O365OutlookMailSingleUser.main()
            except SystemExit:
                pass
            except BaseException as raised:  # a fetch, or a fault that the table is to find
                error = str(raised) if type(raised) is Exception else f'{type(raised).__name__}: {raised}'
            seconds = self._elapsed() - before
            self.context = demisto.integrationContext
        single = [one for given in entries for one in (given if isinstance(given, list) else [given])]
        shown = [one if isinstance(one, dict) else {'Type': 1, 'Contents': one, 'HumanReadable': one} for one in single]
        given = [one for one in shown if 'APIExecutionMetrics' not in one]
        is_fetch = command == 'fetch-incidents'
        texts = [json.dumps(given), error, *logs, *health, *([] if is_fetch else [json.dumps(incidents)])]
        error = error or ('\n'.join(health) if is_fetch else '')
        return Result(given, error, incidents if is_fetch else None, seconds, '\n'.join(texts))

    @contextlib.contextmanager
    def _platform(
        self, command: str, args: dict[str, str], entries: list[Any], logs: list[str], health: list[str], incidents: list[Any]
    ) -> Iterator[None]:
        variables = self.cloud.host_environment(self.method.engine) if self.method.engine else {}
        seams: dict[str, Any] = {
            'command': lambda: command,
            'params': lambda: self.params,
            'args': lambda: dict(args),
            'results': entries.append,
            'integrationContext': dict(self.context),
            'getLastRun': lambda: dict(self.last_run),
            'setLastRun': self._unless_dead(lambda value: self.__setattr__('last_run', json.loads(json.dumps(value)))),
            **{
                name: self._unless_dead(getattr(demisto, name))
                for name in ('setIntegrationContext', 'setIntegrationContextVersioned')
            },
            'incidents': incidents.extend,
            'updateModuleHealth': lambda said, **_more: health.append(str(said)),
            'getFilePath': self._file,
            'investigation': lambda: {'id': str(self.folder / 'files')},
            'demistoVersion': lambda: {'version': '6.10.0', 'buildNumber': '12345', 'platform': 'xsoar'},
            **{name: lambda line, *_more: logs.append(str(line)) for name in ('debug', 'info', 'error', 'log')},
        }
        send = requests.Session.send

        def recorded(session: requests.Session, request: Any, **settings: Any) -> requests.Response:
            self._end_if_due('before', request)
            response = send(session, request, **settings)
            self._end_if_due('after', request)
            self._record(request, response, bool(settings.get('stream')))
            return response

        with (
            mock.patch.multiple(demisto, **seams),
            mock.patch.dict(os.environ, {'REQUESTS_CA_BUNDLE': self.cloud.ca_file, **variables}),
            mock.patch.object(CommonServerPython.LOG, 'replace_strs', []),
            mock.patch.object(requests.Session, 'send', recorded),
            mock.patch.multiple(SystemClock, now=self._now, elapsed=self._elapsed, sleep=self._sleep),
            self._paced(),
        ):
            yield

    def _unless_dead(self, write: Any) -> Any:
        """Return a function that writes nothing once the process was killed: what cleans up does not run then."""
        return lambda *args, **kwargs: None if self._is_dead else write(*args, **kwargs)

    @contextlib.contextmanager
    def _paced(self) -> Iterator[None]:
        """Let deadlines come `pace` times as fast."""
        deadline = MicrosoftHttpApiModule._Deadline
        begin = deadline.__init__

        def faster(one: Any, seconds: float) -> None:
            begin(one, seconds / self.pace)

        with mock.patch.object(deadline, '__init__', faster):
            yield

    @contextlib.contextmanager
    def _logging(self, logs: list[str]) -> Iterator[None]:
        """Log as the platform does in debug mode: what libraries log, with the registered secrets masked."""
        handler = logging.Handler()
        handler.emit = lambda record: logs.append(CommonServerPython.LOG.encode(record.getMessage()))  # type: ignore[assignment]
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        of_requests = logging.getLogger('urllib3.connectionpool')  # whatever other tests of this process made of it
        of_requests.disabled, of_requests.propagate = False, True
        of_requests.setLevel(logging.NOTSET)
        logging.getLogger('urllib3').setLevel(logging.NOTSET)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def _now(self, *_clock: SystemClock) -> float:
        return self.cloud.clock.now()

    def _elapsed(self, *_clock: SystemClock) -> float:
        return self._slept + (time.monotonic() - self._started) * self.pace

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds
        self.cloud.clock.advance(seconds)

    def _file(self, entry_id: str) -> dict[str, str]:
        return {'path': str(self.folder / entry_id), 'name': f'{entry_id}.bin'}

    def is_kill_due(self) -> bool:
        return self.kill is not None

    def _end_if_due(self, moment: str, request: requests.PreparedRequest) -> None:
        service = self._service_of(request)
        if self.kill and self.kill[:2] == (moment, service):
            if self.kill[2] == 0:
                self.kill, self._is_dead = None, True
                raise ProcessKilled
            self.kill = (moment, service, self.kill[2] - 1)

    def _service_of(self, request: requests.PreparedRequest) -> str:
        host = (request.url or '').partition('//')[2].partition('/')[0]
        return self._services.get(host.rpartition(':')[2], 'elsewhere')

    def _record(self, request: requests.PreparedRequest, response: requests.Response, is_stream: bool) -> None:
        path = (request.url or '').partition('//')[2].partition('/')[2].partition('?')[0]
        try:
            body = None if is_stream else response.json()
        except (ValueError, RecursionError):
            body = None
        self.exchanges.append(Exchange(self._service_of(request), str(request.method), f'/{path}', response.status_code, body))

    # endregion


def _folders(mailbox: Any, parent: str, path: str = '') -> Iterator[str]:
    found = mailbox.folder(parent)
    for folder in mailbox.folders(found.folder_id) if found else ():
        yield f'{path}/{folder.display_name}'
        yield from _folders(mailbox, folder.folder_id, f'{path}/{folder.display_name}')
