"""The command line of the war room: from what a person types to the entries that come of it."""

import difflib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import commands
from .catalogue import Catalogue
from .commands import PLATFORM_ARGUMENTS, CommandLine
from .completion import BUILT_IN, help_text, known_commands
from .content import Integration
from .content_check import is_time_limit
from .context import as_text
from .entries import Entry, error_entry, readable
from .errors import Refusal
from .incidents import Incidents
from .instances import Instance, Instances
from .output_options import OutputOptions
from .runner import Runner
from .schedules import Schedules
from .war_room import WarRoom


class Console:
    """The command line of war rooms."""

    def __init__(
        self,
        catalogue: Catalogue,
        instances: Instances,
        war_room: WarRoom,
        incidents: Incidents,
        schedules: Schedules,
        runner: Runner,
    ) -> None:
        self._catalogue = catalogue
        self._instances = instances
        self._war_room = war_room
        self._incidents = incidents
        self._schedules = schedules
        self._runner = runner
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def execute(self, investigation_id: str, text: str, user: str = 'admin') -> list[dict[str, Any]]:
        """Run a text; return the entries that came of it.

        A text without an exclamation mark is a note. What was typed becomes an entry, and a mistake in it an error entry below.
        A command that several enabled instances offer runs on each of them, unless ``using`` names one.

        Raises:
            NotFound: the investigation does not exist.
        """
        self._war_room.investigation(investigation_id)
        if not text.strip().startswith('!'):
            return [self._war_room.add(investigation_id, Entry(text), user=user)]
        with self._run(investigation_id):
            return self._execute(investigation_id, text.strip(), user)

    def is_running(self, investigation_id: str) -> bool:
        """Return whether a command that was typed in an investigation has not ended yet."""
        with self._lock:
            return self._running[investigation_id] > 0

    @contextmanager
    def _run(self, investigation_id: str) -> Iterator[None]:
        with self._lock:
            self._running[investigation_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[investigation_id] -= 1

    def _execute(self, investigation_id: str, text: str, user: str) -> list[dict[str, Any]]:
        line, problem = None, ''
        try:
            line = commands.parse(text)
        except Refusal as refusal:
            problem = str(refusal)
        owners = [each for each in self._catalogue.integrations() if line and line.name in each.commands]
        parent = self._typed(investigation_id, text, line, owners, user)
        origin = {'parentId': parent['id'], 'parentContent': parent['contents']}
        try:
            if not line:
                raise Refusal(problem)
            line = line.resolved(self._incidents.context(investigation_id))
            if line.name in _BUILT_IN:
                _refuse_output_options(line)
                entry = _BUILT_IN[line.name](self, investigation_id, line)
                return [self._war_room.add(investigation_id, entry, **origin)]
            targets = self._targets(line, owners)
        except Refusal as refusal:
            return [self._war_room.add(investigation_id, error_entry(str(refusal)), **origin)]
        return [entry for each in targets for entry in self._execute_on(investigation_id, line, *each, origin)]

    def _typed(
        self, investigation_id: str, text: str, line: CommandLine | None, owners: list[Integration], user: str
    ) -> dict[str, Any]:
        """Add the entry of what was typed, without the values that are secret or may be."""
        if line and owners:
            shown = line.masked([argument for each in owners for argument in each.commands[line.name]])
        elif line and line.name in _BUILT_IN:
            shown = text
        elif line:
            shown = line.masked_unless(self._plain_arguments())
        else:
            name, *values = text.split(maxsplit=1)
            shown = f'{name} *****' if values else name
        return self._war_room.add(investigation_id, Entry(shown), user=user, category='commandAndArguments')

    def _plain_arguments(self) -> set[str]:
        """Return the names of arguments that are not secret in any command: a misspelled command may be any of them."""
        every = [argument for each in self._catalogue.integrations() for found in each.commands.values() for argument in found]
        return {*PLATFORM_ARGUMENTS, *(each.name for each in every)} - {each.name for each in every if each.is_secret}

    def _delete_context(self, investigation_id: str, line: CommandLine) -> Entry:
        given = line.bind(BUILT_IN['DeleteContext'])
        everything, key = given.get('all') == 'yes', as_text(given.get('key'))
        if not everything and not key:
            raise Refusal('!DeleteContext needs to know what to delete: write all=yes, or key=<path>.')
        if not self._war_room.delete_context(investigation_id, '' if everything else key):
            raise Refusal(f'There is no {key} in the context: !Print ${{.}} shows what is.')
        return Entry('The context has been deleted.')

    def _print(self, _: str, line: CommandLine) -> Entry:
        return Entry(*readable(line.bind(BUILT_IN['Print']).get('value')))

    def _help(self, _: str, line: CommandLine) -> Entry:
        wanted = as_text(line.bind(BUILT_IN['help']).get('command'))
        return Entry(help_text(known_commands(self._catalogue, self._instances), wanted), 'markdown')

    def _targets(self, line: CommandLine, owners: list[Integration]) -> list[tuple[Integration, Instance]]:
        if not owners:
            raise Refusal(self._unknown(line.name))
        using, brand = line.platform_argument('using'), line.platform_argument('using-brand')
        known = {each.id: each for each in owners}
        enabled = [
            (known[each.integration_id], each) for each in self._instances.all() if each.enabled and each.integration_id in known
        ]
        chosen = [
            (integration, each) for integration, each in enabled if using in ('', each.name) and brand in ('', integration.name)
        ]
        if not enabled:
            names = ', '.join(sorted(each.name for each in owners))
            raise Refusal(f'No instance of {names} is enabled: add one under Settings > Integrations.')
        if not chosen:
            names = ', '.join(each.name for _, each in enabled)
            raise Refusal(f'!{line.name} cannot run using {using or brand!r}: the enabled instances are {names}.')
        return chosen

    def _unknown(self, name: str) -> str:
        names = [command for each in self._catalogue.integrations() for command in each.commands]
        close = difflib.get_close_matches(name, [*names, *_BUILT_IN], 1, 0.75)
        advice = f'Did you mean !{close[0]}?' if close else 'Check its spelling, or upload the pack that brings it.'
        return f'There is no command !{name}. {advice}'

    def _execute_on(
        self, investigation_id: str, line: CommandLine, integration: Integration, instance: Instance, typed: dict[str, Any]
    ) -> list[dict[str, Any]]:
        origin = {**typed, 'instance': instance.name, 'brand': integration.name}
        try:
            bound = line.bind(integration.commands[line.name])
            time_limit = _seconds(line.platform_argument('execution-timeout'))
            debug, options = line.flag('debug-mode'), OutputOptions.read(line)
            job = self._runner.job(integration, instance, line.name, bound, investigation_id, time_limit, debug)
        except Refusal as refusal:
            return [self._war_room.add(investigation_id, error_entry(str(refusal)), **origin)]
        documents, polling = self._runner.run(job, origin, options)
        if polling:
            try:
                self._schedules.add(investigation_id, typed['parentId'], instance.id, polling)
            except Refusal as refusal:
                documents.append(self._war_room.add(investigation_id, error_entry(str(refusal)), **origin))
        return documents


_BUILT_IN = {'DeleteContext': Console._delete_context, 'Print': Console._print, 'help': Console._help}


def _refuse_output_options(line: CommandLine) -> None:
    options = OutputOptions.read(line)
    if options.ignore_outputs or options.extensions:
        raise Refusal(f'!{line.name} has no outputs here: leave out extend-context and ignore-outputs.')


def _seconds(text: str) -> float:
    if not is_time_limit(text or 0):
        raise Refusal(f'execution-timeout cannot be {text!r}: give a number of seconds.')
    return float(text or 0)
