"""Run the playbooks of the pack in an incident of the local XSOAR: what these playbooks need of the platform, and no more.

Commands run in the incident, whose context the server keeps. A sub-playbook has a context of its own: its commands run in the
playground, which is emptied before, and its outputs are appended to the context of the playbook that calls it. `${}` is resolved
in the values of tasks and inputs, as XSOAR does it, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from delivery.commands import ROOT
from e2e.analyst import command_line
from e2e.war_room import ERROR, WarRoom, texts

PACK = Path(ROOT, 'Packs/O365OutlookMailSingleUser')
BRAND = 'O365 Outlook Mail Single User|||'
PLAYBOOKS: dict[str, Any] = {
    document['name']: document
    for file in sorted((*PACK.glob('Playbooks/*.yml'), *PACK.glob('TestPlaybooks/*.yml')))
    for document in [YAML(typ='safe').load(file)]
}
_DECISION = frozenset(('conditions', 'script', 'message'))  # a conditional task without one of these waits for a person


class TaskFailed(Exception):
    """A command of a task ended in an error entry, which stops the playbook. The text is that of the entry."""


class Context:
    """What a playbook sees: outputs of the commands in its investigation, and what no command of the server puts there.

    Args:
        war_room: where the commands of the playbook run.
    """

    def __init__(self, war_room: WarRoom) -> None:
        self.war_room = war_room
        self._own: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        self._own[key] = value

    def append(self, key: str, value: Any) -> None:
        self._own[key] = _appended(self._own.get(key), value)

    def delete(self, key: str) -> None:
        self._own.pop(key, None)
        self.war_room.run(command_line('DeleteContext', {'key': key}))

    def delete_all(self) -> None:
        self._own.clear()
        self.war_room.run(command_line('DeleteContext', {'all': 'yes'}))

    def look_up(self, path: str) -> Any:
        """Return what is at a dotted path; of a list, the values of its items."""
        name, *names = path.split('.')
        found = _appended(self.war_room.context().get(name), self._own.get(name))
        for name in names:
            items = [one[name] for one in _items(found) if one.get(name) is not None]
            found = items[0] if len(items) == 1 else items
        return found


@dataclass
class Run:
    """A playbook on its way.

    Attributes:
        playground: where sub-playbooks run.
        tasks: the names of the tasks that ran, those of sub-playbooks included.
        notes: what the script Print wrote into the war room.
        asked: the decisions that a person made: the name of the task, and whom it was assigned to.
    """

    context: Context
    playground: WarRoom
    instance: str
    incident: Mapping[str, Any]
    answers: Mapping[str, str]
    brands: Collection[str]
    tasks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def playbook(self, name: str, given: Mapping[str, str], context: Context) -> None:
        """Run a playbook with some of its inputs; the others have their defaults.

        Raises:
            TaskFailed: a command failed.
        """
        playbook = PLAYBOOKS[name]
        unknown = set(given) - {one['key'] for one in playbook['inputs']}
        assert not unknown, f'{name} has no inputs {unknown}'
        defaults = _Values(self.incident, {}, context)
        inputs = {one['key']: given.get(one['key'], defaults.text(one['value'])) for one in playbook['inputs']}
        values, number = _Values(self.incident, inputs, context), playbook['starttaskid']
        while number:
            task = playbook['tasks'][number]
            self.tasks.append(task['task']['name'])
            branch = self._task(task, values)
            followers = task.get('nexttasks', {})
            assert not followers or branch in followers, f'{task["task"]["name"]} has no branch {branch}'
            number = followers[branch][0] if followers else ''

    def _task(self, task: Any, values: _Values) -> str:
        """Run one task and return the branch to go on with."""
        if task['type'] == 'condition':
            return self._decided(task, values)
        try:
            self._run(task, values)
        except TaskFailed:
            if not task.get('continueonerror'):
                raise
            return '#error#' if task['continueonerrortype'] == 'errorPath' else '#none#'
        return '#none#'

    def _run(self, task: Any, values: _Values) -> None:
        about, context = task['task'], values.context
        arguments = {name: values.text(one) for name, one in task.get('scriptarguments', {}).items()}
        script = about.get('script', '')
        if task['type'] == 'playbook':
            self._sub_playbook(task, arguments, context)
        elif about['iscommand']:
            given = {name: value for name, value in arguments.items() if value}
            entries = context.war_room.run(command_line(script.removeprefix(BRAND), given), self.instance)
            if any(entry['type'] == ERROR for entry in entries):
                raise TaskFailed(texts(entries))
        elif script == 'Print':
            self.notes.append(arguments['value'])
            context.war_room.run(command_line('Print', arguments))
        elif script == 'Set':
            context.set(arguments['key'], json.loads(arguments['value']))
        elif script == 'DeleteContext':
            if arguments.get('all') == 'yes':
                context.delete_all()
            else:
                context.delete(arguments['key'])
        else:
            assert task['type'] in ('start', 'title'), f'{about["name"]} is a task that is not known here'

    def _sub_playbook(self, task: Any, inputs: Mapping[str, str], outer: Context) -> None:
        assert task['separatecontext'], 'A sub-playbook that shares the context is not known here'
        inner = Context(self.playground)
        inner.delete_all()
        name = task['task']['playbookName']
        self.playbook(name, inputs, inner)
        for root in sorted({one['contextPath'].partition('.')[0] for one in PLAYBOOKS[name]['outputs']}):
            outer.append(root, inner.look_up(root))

    def _decided(self, task: Any, values: _Values) -> str:
        if task['task'].get('scriptName') == 'IsIntegrationAvailable':
            brand = values.text(task['scriptarguments']['brandname'])
            return 'yes' if brand in self.brands else '#default#'
        if _DECISION.isdisjoint({*task, *task['task']}):
            name = task['task']['name']
            self.asked.append((name, values.text(task.get('defaultassigneecomplex', {}))))
            return self.answers[name]
        for option in task['conditions']:
            if all(any(values.meets(one) for one in group) for group in option['condition']):
                return str(option['label'])
        return '#default#'


@dataclass(frozen=True)
class _Values:
    """The values of tasks: texts in which `${}` stands for inputs, fields of the incident, or what is in the context."""

    incident: Mapping[str, Any]
    inputs: Mapping[str, str]
    context: Context

    def text(self, value: Any) -> str:
        """Return a value of a task or an input as text, lists separated by commas."""
        assert 'complex' not in value, 'Filters and transformers are not known here'
        return re.sub(r'\$\{(.*?)\}', lambda found: _text(self._look_up(found[1])), str(value.get('simple', '')))

    def meets(self, condition: Any) -> bool:
        left = self._operand(condition['left'])
        if condition['operator'] == 'isNotEmpty':
            return left not in (None, '', [])
        assert condition['operator'] == 'isEqualString', condition['operator']
        right = self._operand(condition['right'])
        if condition.get('ignorecase'):
            left, right = str(left).lower(), str(right).lower()
        return bool(left == right)

    def _operand(self, operand: Any) -> Any:
        text = operand['value']['simple']
        return self._look_up(text) if operand.get('iscontext') else text

    def _look_up(self, path: str) -> Any:
        root, _, rest = path.partition('.')
        if root == 'inputs':
            return self.inputs.get(rest, '')
        if root == 'incident':
            custom, labels = self.incident.get('CustomFields') or {}, self.incident.get('labels') or ()
            kind, _, name = rest.partition('.')
            return custom.get(rest) if kind != 'labels' else next((one['value'] for one in labels if one['type'] == name), None)
        return self.context.look_up(path)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _appended(old: Any, new: Any) -> Any:
    """Return both as one list, or the one that exists as it is."""
    both = [*_items(old), *_items(new)]
    return both if old is not None and new is not None else new if old is None else old


def _text(value: Any) -> str:
    """Return a value of the context as XSOAR writes it into an argument."""
    if isinstance(value, list):
        return ','.join(filter(None, map(_text, value)))
    return '' if value is None else value if isinstance(value, str) else json.dumps(value)


def run_playbook(
    name: str,
    context: Context,
    playground: WarRoom,
    instance: str,
    inputs: Mapping[str, str],
    incident: Mapping[str, Any],
    brands: Collection[str],
    **answers: str,
) -> Run:
    """Return the finished run of a playbook.

    Args:
        context: that of the incident, with what earlier runs left in it.
        inputs: what the caller enters; other inputs have their defaults.
        incident: fields of the incident that it runs in.
        brands: integrations that have an enabled instance.
        answers: what the person who is asked chooses, by the name of the task with underscores.
    """
    choices = {name.replace('_', ' ') + '?': answer for name, answer in answers.items()}
    run = Run(context, playground, instance, incident, choices, brands)
    run.playbook(name, inputs, context)
    return run
