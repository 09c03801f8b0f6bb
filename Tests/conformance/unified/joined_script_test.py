"""The text that demisto-sdk makes of the integration and its API modules: it holds what it must, and it runs."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified.instances import Instance, in_ways
from conformance.unified.sources import COMMON_SERVER, LAYERS, MOCK
from machine import limit

RUNNER = Path(__file__).with_name('joined_script.py')


class AsText:
    """Runs commands of the joined script, each in a process that can import nothing of this repository."""

    def __init__(self, script: str, instance: Instance, folder: Path) -> None:
        self.modules: list[str] = []
        self.context: dict[str, Any] = {}
        self._script = script
        self._instance = instance
        self._folder = folder

    def run(self, command: str, **args: Any) -> Any:
        """The one result that a command gives."""
        job = {
            'script': self._script,
            'common_server': COMMON_SERVER.read_text(encoding='utf-8'),
            'mock': str(MOCK),
            'context': self.context,
            'command': command,
            'params': self._instance.params,
            'args': args,
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith(('PYTHON', 'COVERAGE'))}
        done = subprocess.run(
            [sys.executable, '-I', str(RUNNER)],
            input=json.dumps(job),
            env=environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=limit(15),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        self.modules = answer['modules']
        [result] = [one for one in answer['results'] if 'APIExecutionMetrics' not in one]
        return result


@pytest.fixture
def as_text(script: str, instance: Instance, tmp_path: Path) -> AsText:
    return AsText(script, instance, tmp_path)


def test_every_api_module_is_pasted_once(script: str) -> None:
    for name in LAYERS:
        assert script.count(f"register_module_line('{name}', 'start'") == 1


def test_no_import_of_an_api_module_is_left(script: str) -> None:
    imports = [node for node in ast.walk(ast.parse(script)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in imports for alias in node.names} | {getattr(node, 'module', '') for node in imports}
    assert not [name for name in names if name and name.endswith('ApiModule')]
    assert not [line for line in script.splitlines() if 'ApiModule import' in line and not line.startswith('### GENERATED CODE')]


def test_it_mentions_nothing_of_what_stands_in_for_the_world(script: str) -> None:
    assert 'Tests/' not in script
    assert 'sandbox' not in script.lower()
    assert '__future__' not in script


@in_ways('client secret', 'certificate', 'Cortex app', 'Azure VM')
def test_it_signs_in_and_calls_graph(as_text: AsText, instance: Instance) -> None:
    entry = as_text.run('msgraph-mail-auth-test')
    assert entry['HumanReadable'].startswith('### Signed in to Microsoft Graph\n')
    assert entry['EntryContext']['MSGraphMailAuth']['MissingPermissions'] == []
    assert not [name for name in as_text.modules if name.endswith('ApiModule') or name == 'CommonServerPython']
    assert [status for _, status in instance.requests('graph')] == [200]


def test_it_says_the_same_as_the_files_of_the_repository(as_text: AsText, instance: Instance) -> None:
    assert as_text.run('test-module') == 'ok'
    in_this_process = instance.run('msgraph-mail-list-emails', page_size='3')
    assert as_text.run('msgraph-mail-list-emails', page_size='3') == json.loads(json.dumps(in_this_process))
    error = as_text.run('msgraph-mail-list-emails', folder_id='..')
    assert error == instance.run('msgraph-mail-list-emails', folder_id='..')


def test_its_errors_are_entries(as_text: AsText, instance: Instance) -> None:
    instance.params['creds_enc_key'] = {'password': 'wrong'}
    entry = as_text.run('msgraph-mail-auth-test')
    assert entry['Type'] == 4
    assert entry['Contents'].startswith('Microsoft refused the sign-in: AADSTS7000215: ')


def test_a_command_with_a_token_at_hand_loads_nothing_that_costs_much(as_text: AsText, instance: Instance) -> None:
    instance.text('msgraph-mail-auth-test')
    as_text.context = demisto.getIntegrationContext()
    instance.cloud.requests.clear()
    as_text.run('msgraph-mail-list-emails')
    assert [one.service for one in instance.cloud.requests] == ['graph']
    assert not {'cryptography', 'jwt', 'dateparser', 'dataclasses', 'uuid'} & set(as_text.modules)
