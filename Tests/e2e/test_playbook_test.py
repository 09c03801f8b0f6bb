"""The test playbook of the pack, task by task as XSOAR would run it."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from delivery.commands import ROOT
from e2e.analyst import Analyst

[FILE] = Path(ROOT, 'Packs/O365OutlookMailSingleUser/TestPlaybooks').glob('*.yml')
PLAYBOOK = YAML(typ='safe').load(FILE)
BRAND = 'O365 Outlook Mail Single User|||'
Context = dict[str, Any]


def found_at(path: str, context: Context) -> Any:
    """Return what is at a path, of the first item where there is a list."""
    found: Any = context
    for name in path.split('.'):
        found = (found[0] if isinstance(found, list) else found)[name]
    return found


def run(task: Any, context: Context, analyst: Analyst) -> None:
    """Run the command of a task with what earlier tasks put into the context, and add what it puts there."""
    arguments = {
        name: re.sub(r'\$\{(.*?)\}', lambda found: str(found_at(found[1], context)), given['simple'])
        for name, given in task.get('scriptarguments', {}).items()
    }
    analyst.run(task['task']['script'].removeprefix(BRAND), **arguments)
    for root in ('MSGraphMailAuth', 'MSGraphMail', 'MicrosoftGraph'):
        if found := analyst.context(root):
            context[root] = found


def holds(condition: Any, context: Context) -> bool:
    left = found_at(condition['left']['value']['simple'], context)
    if condition['operator'] == 'isEqualString':
        return bool(left == condition['right']['value']['simple'])
    assert condition['operator'] == 'isNotEmpty'
    return left not in (None, '', [])


def test_the_playbook_reaches_its_end(analyst: Analyst) -> None:
    context: Context = {}
    path = [PLAYBOOK['starttaskid']]
    while (task := PLAYBOOK['tasks'][path[-1]]).get('nexttasks'):
        if task['task'].get('script', '').startswith(BRAND):
            run(task, context, analyst)
        for condition in task.get('conditions', ()):
            assert all(any(holds(one, context) for one in group) for group in condition['condition']), task['task']['name']
        path.append(next(iter(task['nexttasks'].values()))[0])
    assert path == list(PLAYBOOK['tasks'])
    assert task['task']['name'] == 'Done'
    assert [message.subject for message in analyst.messages('deleteditems')] == ['Draft of the test playbook']
