"""The unified script that demisto-sdk builds from the integration and its shared scripts: its content, and that it runs."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified.dependencies import is_guard, is_of_product
from conformance.unified.instances import Instance, with_methods
from conformance.unified.sources import COMMON_SERVER, MOCK
from sandbox.tests.machine import limit

pytestmark = pytest.mark.slow  # demisto-sdk builds the script
RUNNER = Path(__file__).with_name('unified_script.py')


class UnifiedScript:
    """The unified script, of which each command runs in a process that cannot import anything of this repository."""

    def __init__(self, script: str, instance: Instance, folder: Path) -> None:
        self.modules: list[str] = []
        self.context: dict[str, Any] = {}
        self._script = script
        self._instance = instance
        self._folder = folder

    def run(self, command: str, **args: Any) -> Any:
        """Return the one result of a command."""
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
def unified(script: str, instance: Instance, tmp_path: Path) -> UnifiedScript:
    return UnifiedScript(script, instance, tmp_path)


def test_no_import_of_an_api_module_takes_effect(script: str) -> None:
    assert not [line for line in script.splitlines() if re.match(r'\s*from \w+ApiModule import \*', line)]
    outside = [node for statement in ast.parse(script).body if not is_guard(statement) for node in ast.walk(statement)]
    assert not [node for node in outside if isinstance(node, ast.ImportFrom) and is_of_product(node.module)]


def test_it_does_not_mention_the_tests(script: str) -> None:
    assert 'Tests/' not in script
    assert 'sandbox' not in script.lower()
    assert '__future__' not in script


@with_methods('Client secret', 'Certificate, PS256', 'Cortex app', 'Managed identity, system-assigned')
def test_it_signs_in_and_calls_graph(unified: UnifiedScript, instance: Instance) -> None:
    entry = unified.run('msgraph-mail-auth-test')
    assert entry['HumanReadable'].startswith('### Signed in to Microsoft Graph\n')
    [outputs] = entry['EntryContext'].values()
    assert outputs['MissingPermissions'] == []
    assert not [name for name in unified.modules if name.endswith('ApiModule') or name == 'CommonServerPython']
    assert [status for _, status in instance.requests('graph')] == [200]


def test_it_behaves_like_the_files_of_the_repository(unified: UnifiedScript, instance: Instance) -> None:
    assert unified.run('test-module') == 'ok'
    in_this_process = instance.run('msgraph-mail-list-emails', page_size='3')
    assert unified.run('msgraph-mail-list-emails', page_size='3') == json.loads(json.dumps(in_this_process))
    error = unified.run('msgraph-mail-list-emails', folder_id='..')
    assert error == instance.run('msgraph-mail-list-emails', folder_id='..')


def test_its_errors_are_entries(unified: UnifiedScript, instance: Instance) -> None:
    instance.params['creds_enc_key'] = {'password': 'wrong'}
    entry = unified.run('msgraph-mail-auth-test')
    assert entry['Type'] == 4
    assert entry['Contents'].startswith('Microsoft refused the sign-in: AADSTS7000215: ')


def test_a_command_with_a_cached_token_imports_no_slow_module(unified: UnifiedScript, instance: Instance) -> None:
    instance.text('msgraph-mail-auth-test')
    unified.context = demisto.getIntegrationContext()
    instance.cloud.requests.clear()
    unified.run('msgraph-mail-list-emails')
    assert {one.service for one in instance.cloud.requests} == {'graph'}
    slow = {'cryptography', 'jwt', 'dateparser', 'dataclasses', 'uuid'} - modules_of_the_platform()
    assert slow
    assert not slow & set(unified.modules)


def modules_of_the_platform() -> set[str]:
    """Return what CommonServerPython imports itself: the real one imports more than the stub."""
    command = [sys.executable, '-c', 'import json, sys, CommonServerPython; print(json.dumps(list(sys.modules)))']
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=limit(30)).stdout
    return set(json.loads(printed.splitlines()[-1]))
