"""The playbooks of the pack: their documents, and what demisto-sdk cannot check without a graph database."""

import json
from pathlib import Path

import pytest
from PIL import Image

from CommonServerPython import ErrorTypes
from delivery import docs, playbooks
from delivery.commands import ROOT, git
from e2e.playbooks import PLAYBOOKS

FILES = sorted(ROOT.glob('Packs/*/Playbooks/playbook-*.yml'))


@pytest.mark.parametrize('playbook', FILES, ids=lambda path: path.stem)
def test_the_readme_shows_the_image_which_is_as_large_as_the_playbook(playbook: Path) -> None:
    readme = playbook.with_name(f'{playbook.stem}_README.md').read_text(encoding='utf-8')
    assert f'../doc_files/{playbooks.image(playbook).name}' in readme
    with Image.open(playbooks.image(playbook)) as image:
        assert image.format == 'PNG'
        assert min(image.size) > 500
        assert len(image.getcolors(image.width * image.height) or ()) > 20


TASKS = [task for playbook in PLAYBOOKS.values() for task in playbook['tasks'].values()]


def test_a_playbook_names_test_playbooks_that_exist_or_says_why_not() -> None:
    tests = {name: playbook.get('tests') for name, playbook in PLAYBOOKS.items()}
    assert any(tests.values())
    assert [
        name for name, named in tests.items() for test in named or () if test not in PLAYBOOKS and test[:7] != 'No test'
    ] == []


def test_sub_playbooks_exist_and_are_given_inputs_that_they_have() -> None:
    calls = [task for task in TASKS if task['type'] == 'playbook']
    assert calls
    for task in calls:
        called = PLAYBOOKS[task['task']['playbookName']]
        inputs = {one['key']: one['required'] for one in called['inputs']}
        given = set(task.get('scriptarguments', {}))
        assert {name for name, required in inputs.items() if required} <= given <= set(inputs)


def test_commands_have_the_arguments_that_the_playbooks_give_them() -> None:
    [integration] = ROOT.glob('Packs/O365OutlookMailSingleUser/Integrations/*')
    commands = {one['name']: one for one in docs.described(integration)['script']['commands']}
    calls = [task for task in TASKS if task['task']['iscommand']]
    assert calls
    for task in calls:
        command = commands[task['task']['script'].rpartition('|||')[2]]
        arguments = {one['name']: bool(one.get('required')) for one in command.get('arguments', ())}
        given = set(task.get('scriptarguments', {}))
        assert {name for name, required in arguments.items() if required} <= given <= set(arguments)


def test_the_widget_counts_what_this_integration_reports() -> None:
    [path] = ROOT.glob('Packs/O365OutlookMailSingleUser/Widgets/*.json')
    widget = json.loads(path.read_text(encoding='utf-8'))
    [integration] = ROOT.glob('Packs/O365OutlookMailSingleUser/Integrations/*')
    assert widget['query'] == f'type:integration and name:"{docs.described(integration)["name"]}"'
    groups = widget['params']['customGroupBy'][widget['params']['groupBy'].index('apiResponseType')]
    counted = {name: group['conditions'][0][0]['right'] for name, group in groups.items()}
    assert counted == {'Successful': ErrorTypes.SUCCESS, 'Throttled': ErrorTypes.QUOTA_ERROR}


def test_documents_stay_as_they_are_until_their_playbook_changes(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playbooks.main(repository) == 0
    said = capsys.readouterr().out
    assert said.count('as it was') == len(FILES), 'A README is older than its yml: run make docs.'
    assert git('status', '--porcelain', '--', 'Packs', folder=repository) == ''
    for path in FILES[1:]:
        (repository / path.relative_to(ROOT)).unlink()
    changed = repository / FILES[0].relative_to(ROOT)
    text = changed.read_text(encoding='utf-8').replace('name: Done', 'name: At the end of it')
    changed.write_text(text.replace('description: Deletes an email', 'description: Removes an email'), encoding='utf-8')
    before = playbooks.image(changed).read_bytes()
    assert playbooks.main(repository) == 0
    assert capsys.readouterr().out.count('written') == 1
    assert 'Removes an email' in changed.with_name(f'{changed.stem}_README.md').read_text(encoding='utf-8')
    assert playbooks.image(changed).read_bytes() != before
