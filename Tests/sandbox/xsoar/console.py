"""The command line of the war room: from what a person types to the entries that come of it."""

from typing import Any

from . import commands
from .catalogue import Catalogue
from .commands import CommandLine
from .content import Integration
from .context import ask
from .entries import Entry, error_entry
from .instances import Instance, Instances
from .problems import Refusal
from .runner import Runner
from .schedules import Schedules
from .war_room import WarRoom


class Console:
    """Runs texts typed in war rooms."""

    def __init__(
        self, catalogue: Catalogue, instances: Instances, war_room: WarRoom, schedules: Schedules, runner: Runner
    ) -> None:
        self._catalogue = catalogue
        self._instances = instances
        self._war_room = war_room
        self._schedules = schedules
        self._runner = runner

    def execute(self, investigation_id: str, text: str, user: str = 'admin') -> list[dict[str, Any]]:
        """Runs a text; returns the entries that came of it.

        A text without an exclamation mark is a note. A mistake in a command is an error entry. A command that several enabled
        instances offer runs on each of them, unless ``using`` names one.

        Raises:
            NotFound: there is no such investigation.
        """
        self._war_room.investigation(investigation_id)
        if not text.strip().startswith('!'):
            return [self._war_room.add(investigation_id, Entry(text), user=user)]
        try:
            line = commands.parse(text)
            if line.name == 'DeleteContext':
                return [self._delete_context(investigation_id, line, user)]
            targets = self._targets(line)
        except Refusal as refusal:
            return [self._war_room.add(investigation_id, error_entry(str(refusal)), user=user)]
        return [
            entry
            for integration, instance in targets
            for entry in self._execute_on(investigation_id, line, integration, instance, user)
        ]

    def _delete_context(self, investigation_id: str, line: CommandLine, user: str) -> dict[str, Any]:
        given = {word.name: word.value for word in line.words}
        everything = given.get('all') == 'yes'
        if not everything and not given.get('key'):
            raise Refusal('!DeleteContext needs to know what to delete: write all=yes, or key=<path>.')
        self._war_room.delete_context(investigation_id, '' if everything else given['key'])
        return self._war_room.add(investigation_id, Entry('The context has been deleted.'), parentContent=line.text, user=user)

    def _targets(self, line: CommandLine) -> list[tuple[Integration, Instance]]:
        owners = {each.id: each for each in self._catalogue.integrations() if line.name in each.commands}
        if not owners:
            raise Refusal(f'There is no command !{line.name}: check its spelling, or upload the pack that brings it.')
        using, brand = line.platform_argument('using'), line.platform_argument('using-brand')
        enabled = [
            (owners[each.integration_id], each)
            for each in self._instances.all()
            if each.enabled and each.integration_id in owners
        ]
        chosen = [
            (integration, each) for integration, each in enabled if using in ('', each.name) and brand in ('', integration.name)
        ]
        if not enabled:
            names = ', '.join(sorted(each.name for each in owners.values()))
            raise Refusal(f'No instance of {names} is enabled: add one under Settings > Integrations.')
        if not chosen:
            names = ', '.join(each.name for _, each in enabled)
            raise Refusal(f'!{line.name} cannot run using {using or brand!r}: the enabled instances are {names}.')
        return chosen

    def _execute_on(
        self, investigation_id: str, line: CommandLine, integration: Integration, instance: Instance, user: str
    ) -> list[dict[str, Any]]:
        arguments = integration.commands[line.name]
        shown = line.masked(arguments)
        parent = self._war_room.add(investigation_id, Entry(shown), user=user, category='commandAndArguments')
        facts = {'parentId': parent['id'], 'parentContent': shown, 'instance': instance.name, 'brand': integration.name}
        try:
            bound = {name: self._resolved(investigation_id, value) for name, value in line.bind(arguments).items()}
            time_limit = _seconds(line.platform_argument('execution-timeout'))
        except Refusal as refusal:
            return [self._war_room.add(investigation_id, error_entry(str(refusal)), **facts)]
        debug = line.platform_argument('debug-mode') == 'true'
        job = self._runner.job(integration, instance, line.name, bound, investigation_id, time_limit, debug)
        documents, polling = self._runner.run(job, facts)
        if polling:
            self._schedules.add(investigation_id, parent['id'], instance.id, polling)
        return documents

    def _resolved(self, investigation_id: str, value: Any) -> Any:
        """The value in the context that an argument such as ``${File.EntryID}`` stands for; any other argument itself."""
        if not isinstance(value, str) or not value.startswith('${') or not value.endswith('}'):
            return value
        return ask(self._war_room.context(investigation_id), value)


def _seconds(text: str) -> float:
    if text and not text.isdecimal():
        raise Refusal(f'execution-timeout cannot be {text!r}: give a number of seconds.')
    return float(text or 0)
