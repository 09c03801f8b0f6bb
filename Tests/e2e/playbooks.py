"""Run the playbooks of the pack in an incident of the local XSOAR: what these playbooks need of the platform, and no more.

Commands run in the incident, whose context the server keeps. A sub-playbook sees the context of the playbook that calls it, also
where XSOAR would give it one of its own: those of this pack read nothing but their inputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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


@dataclass
class Run:
    """A playbook on its way.

    Attributes:
        tasks: the names of the tasks that ran, those of sub-playbooks included.
        notes: what the script Print wrote into the war room.
        asked: the decisions that a person made: the name of the task, and whom it was assigned to.
    """

    war_room: WarRoom
    instance: str
    incident: Mapping[str, Any]
    answers: Mapping[str, str]
    tasks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def playbook(self, name: str, given: Mapping[str, str]) -> None:
        """Run a playbook with some of its inputs; the others have their defaults.

        Raises:
            TaskFailed: a command failed.
        """
        playbook = PLAYBOOKS[name]
        unknown = set(given) - {one['key'] for one in playbook['inputs']}
        assert not unknown, f'{name} has no inputs {unknown}'
        inputs = {one['key']: given.get(one['key'], self._value(one['value'], {})) for one in playbook['inputs']}
        number = playbook['starttaskid']
        while number:
            task = playbook['tasks'][number]
            self.tasks.append(task['task']['name'])
            branch = self._task(task, inputs)
            followers = task.get('nexttasks', {})
            assert not followers or branch in followers, f'{task["task"]["name"]} has no branch {branch}'
            number = followers[branch][0] if followers else ''

    def _task(self, task: Any, inputs: Mapping[str, str]) -> str:
        """Run one task and return the branch to go on with."""
        about = task['task']
        if task['type'] == 'condition':
            return self._decided(task, inputs)
        arguments = {name: self._value(one, inputs) for name, one in task.get('scriptarguments', {}).items()}
        if task['type'] == 'playbook':
            self.playbook(about['playbookName'], arguments)
        elif about['iscommand']:
            given = {name: value for name, value in arguments.items() if value}
            entries = self.war_room.run(command_line(about['script'].removeprefix(BRAND), given), self.instance)
            if any(entry['type'] == ERROR for entry in entries):
                raise TaskFailed(texts(entries))
        elif about.get('script') == 'Print':
            self.notes.append(arguments['value'])
            self.war_room.run(command_line('Print', arguments))
        elif about.get('script') == 'DeleteContext':
            self.war_room.run(command_line('DeleteContext', arguments))
        else:
            assert task['type'] in ('start', 'title'), f'{about["name"]} is a task that is not known here'
        return '#none#'

    def _decided(self, task: Any, inputs: Mapping[str, str]) -> str:
        if _DECISION.isdisjoint({*task, *task['task']}):
            name = task['task']['name']
            self.asked.append((name, self._value(task.get('defaultassigneecomplex', {}), inputs)))
            return self.answers[name]
        for option in task['conditions']:
            if all(any(self._holds(one, inputs) for one in group) for group in option['condition']):
                return str(option['label'])
        return '#default#'

    def _holds(self, condition: Any, inputs: Mapping[str, str], item: Any = None) -> bool:
        left = self._operand(condition['left'], inputs, item)
        if condition['operator'] == 'isNotEmpty':
            return left not in (None, '', [])
        right = self._operand(condition['right'], inputs, item)
        if condition.get('ignorecase'):
            left, right = str(left).lower(), str(right).lower()
        if condition['operator'] == 'containsString':
            return str(right) in str(left)
        assert condition['operator'] == 'isEqualString', condition['operator']
        return bool(left == right)

    def _operand(self, operand: Any, inputs: Mapping[str, str], item: Any) -> Any:
        text = operand['value']['simple']
        if not operand.get('iscontext'):
            return text
        return _last(text, item) if item is not None and not text.startswith('inputs.') else self._look_up(text, inputs)

    def _value(self, value: Any, inputs: Mapping[str, str]) -> str:
        """Return a value of a task or an input as text, lists separated by commas."""
        if 'complex' in value:
            return self._complex(value['complex'], inputs)
        text = str(value.get('simple', ''))
        return re.sub(r'\$\{(.*?)\}', lambda found: _text(self._look_up(found[1], inputs)), text)

    def _complex(self, value: Any, inputs: Mapping[str, str]) -> str:
        found = self._look_up(value['root'], inputs)
        items = [one for one in (found if isinstance(found, list) else [found]) if one is not None]
        for group in value.get('filters', ()):
            items = [one for one in items if any(self._holds(each, inputs, one) for each in group)]
        text = _text([one.get(value['accessor']) for one in items])
        for transformer in value.get('transformers', ()):
            assert transformer['operator'] == 'concat'
            prefix, suffix = (self._value(transformer['args'][name]['value'], inputs) for name in ('prefix', 'suffix'))
            text = f'{prefix}{text}{suffix}'
        return text

    def _look_up(self, path: str, inputs: Mapping[str, str]) -> Any:
        root, _, rest = path.partition('.')
        if root == 'inputs':
            return inputs.get(rest, '')
        if root == 'incident':
            custom, labels = self.incident.get('CustomFields') or {}, self.incident.get('labels') or ()
            kind, _, name = rest.partition('.')
            return custom.get(rest) if kind != 'labels' else next((one['value'] for one in labels if one['type'] == name), None)
        found: Any = self.war_room.context()
        for name in path.split('.'):
            items = [one[name] for one in (found if isinstance(found, list) else [found]) if one and one.get(name) is not None]
            found = items[0] if len(items) == 1 else items
        return found


def _last(path: str, item: Mapping[str, Any]) -> Any:
    """Return the value of a filtered item that the last name of a path names."""
    return item.get(path.rpartition('.')[2])


def _text(value: Any) -> str:
    """Return a value of the context as XSOAR writes it into an argument."""
    if isinstance(value, list):
        return ','.join(filter(None, map(_text, value)))
    return '' if value is None else value if isinstance(value, str) else json.dumps(value)


def run_playbook(
    name: str, war_room: WarRoom, instance: str, inputs: Mapping[str, str], incident: Mapping[str, Any], **answers: str
) -> Run:
    """Return the finished run of a playbook.

    Args:
        inputs: what the caller enters; other inputs have their defaults.
        incident: fields of the incident that it runs in.
        answers: what the person who is asked chooses, by the name of the task with underscores.
    """
    run = Run(war_room, instance, incident, {name.replace('_', ' ') + '?': answer for name, answer in answers.items()})
    run.playbook(name, inputs)
    return run
