"""``.gitlab-ci.yml``: valid by GitLab's schema, made of targets of the Makefile, and one pipeline for each commit."""

import json
import re
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from delivery.commands import ROOT

PIPELINE: dict[str, Any] = YAML(typ='safe').load(ROOT / '.gitlab-ci.yml')
SCHEMA = json.loads(files('check_jsonschema').joinpath('builtin_schemas/vendor/gitlab-ci.json').read_text(encoding='utf-8'))
KEYWORDS = {'workflow', 'stages', 'variables', 'default'}
TARGETS = set(re.findall(r'^([a-z-]+):.*## ', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE))
BRANCH = {'CI_PIPELINE_SOURCE': 'push', 'CI_COMMIT_BRANCH': 'topic', 'CI_DEFAULT_BRANCH': 'main'}
MAIN = {**BRANCH, 'CI_COMMIT_BRANCH': 'main'}
MERGE_REQUEST = {'CI_PIPELINE_SOURCE': 'merge_request_event', 'CI_OPEN_MERGE_REQUESTS': 'a!1', 'CI_DEFAULT_BRANCH': 'main'}
TAG = {'CI_PIPELINE_SOURCE': 'push', 'CI_COMMIT_TAG': 'v1.2.3', 'CI_DEFAULT_BRANCH': 'main'}
SCHEDULE = {**MAIN, 'CI_PIPELINE_SOURCE': 'schedule'}


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two jobs as `extends` merges them: mappings key by key, anything else as a whole."""
    both = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            both[key] = merged(below[key], above[key])
    return both


def job(name: str) -> dict[str, Any]:
    """Return a job with what it extends."""
    described = PIPELINE[name]
    return merged(job(described['extends']), described) if 'extends' in described else described


JOBS = {name: job(name) for name in PIPELINE if name not in KEYWORDS and not name.startswith('.')}


def when(rules: 'list[dict[str, str]] | None', variables: 'dict[str, str]') -> str:
    """Return when a job or a pipeline runs: the `when` of the first rule whose condition holds."""
    if rules is None:
        return 'on_success'
    matching = (rule for rule in rules if 'if' not in rule or holds(rule['if'], variables))
    return next((rule.get('when', 'on_success') for rule in matching), 'never')


def holds(condition: str, variables: 'dict[str, str]') -> bool:
    """Return whether a condition of GitLab holds, of those that compare variables and texts."""
    return any(all(compare(part.strip(), variables) for part in either.split('&&')) for either in condition.split('||'))


def compare(text: str, variables: 'dict[str, str]') -> bool:
    left, operator, right = re.fullmatch(r'\$(\w+)(?: (==|!=|=~) (.+))?', text).groups()
    value = variables.get(left, '')
    if not operator:
        return bool(value)
    if operator == '=~':
        return bool(re.search(right.strip('/'), value))
    return (value == (variables.get(right[1:], '') if right.startswith('$') else right.strip('"'))) == (operator == '==')


def test_it_is_valid_by_the_schema_of_gitlab() -> None:
    assert [f'{list(error.path)}: {error.message}' for error in Draft7Validator(SCHEMA).iter_errors(PIPELINE)] == []


def test_the_schema_notices_a_mistake() -> None:
    wrong = {**PIPELINE, 'lint': {**PIPELINE['lint'], 'interruptable': True}}
    assert not Draft7Validator(SCHEMA).is_valid(wrong)


@pytest.mark.parametrize('name', JOBS)
def test_a_job_calls_targets_that_the_makefile_has(name: str) -> None:
    called = re.findall(r'^make ([\w-]+)', '\n'.join(JOBS[name]['script']), re.MULTILINE)
    assert called
    assert set(called) <= TARGETS


@pytest.mark.parametrize('name', JOBS)
def test_a_job_needs_jobs_of_the_same_pipelines(name: str) -> None:
    needed = [need if isinstance(need, str) else need['job'] for need in JOBS[name].get('needs', ())]
    assert set(needed) <= set(JOBS)
    assert name == 'setup' or needed
    for variables in (BRANCH, MAIN, MERGE_REQUEST, TAG, SCHEDULE):
        if when(JOBS[name].get('rules'), variables) != 'never':
            assert [need for need in needed if when(JOBS[need].get('rules'), variables) == 'never'] == []


@pytest.mark.parametrize(
    'variables, runs',
    [
        (BRANCH, True),
        ({**BRANCH, 'CI_OPEN_MERGE_REQUESTS': 'a!1'}, False),
        (MERGE_REQUEST, True),
        (MAIN, True),
        (SCHEDULE, True),
        (TAG, True),
        ({**TAG, 'CI_COMMIT_TAG': 'draft'}, False),
    ],
)
def test_a_commit_has_one_pipeline(variables: 'dict[str, str]', runs: bool) -> None:
    assert (when(PIPELINE['workflow']['rules'], variables) != 'never') == runs


@pytest.mark.parametrize(
    'name, expected',
    [
        # in a branch, a merge request, on main, for a tag, at night
        ('test', ['on_success'] * 5),
        ('upload', ['never', 'never', 'manual', 'manual', 'never']),
        ('smoke', ['never', 'never', 'on_success', 'on_success', 'never']),
        ('release', ['never', 'never', 'never', 'on_success', 'never']),
        ('test-nightly', ['never', 'never', 'never', 'never', 'on_success']),
        ('soak', ['never', 'never', 'never', 'never', 'on_success']),
        ('bench', ['never', 'never', 'never', 'never', 'on_success']),
    ],
)
def test_a_job_runs_where_it_should(name: str, expected: 'list[str]') -> None:
    assert [when(JOBS[name].get('rules'), variables) for variables in (BRANCH, MERGE_REQUEST, MAIN, TAG, SCHEDULE)] == expected


def test_what_reaches_production_is_not_interrupted_and_one_at_a_time() -> None:
    for name in ('upload', 'smoke'):
        assert JOBS[name]['environment']['name'] == 'production'
        assert (JOBS[name]['interruptible'], JOBS[name]['resource_group']) == (False, 'production')
    assert PIPELINE['default']['interruptible'] is True
    assert JOBS['smoke']['needs'] == ['upload']


def test_every_python_of_demisto_sdk_is_tested_with_one_environment_each() -> None:
    [others] = JOBS['test-other-pythons']['parallel']['matrix']
    [every] = JOBS['setup']['parallel']['matrix']
    tested = sorted([*others['PYTHON_VERSION'], PIPELINE['variables']['PYTHON_VERSION']], key=lambda text: int(text[2:]))
    assert tested == every['PYTHON_VERSION'] == ['3.10', '3.11', '3.12', '3.13', '3.14']
    made, used = JOBS['setup']['cache'][0], JOBS['lint']['cache']
    assert (made['paths'], made['key'], made['policy'], used['policy']) == (['.venv'], used['key'], 'pull-push', 'pull')


def test_the_tests_report_to_gitlab() -> None:
    for name in ('test', 'test-other-pythons', 'test-real-platform', 'browser-test'):
        assert JOBS[name]['artifacts']['reports']['junit'] == 'build/reports/junit.xml'
    assert JOBS['test']['artifacts']['reports']['coverage_report'] == {
        'coverage_format': 'cobertura',
        'path': 'build/reports/coverage.xml',
    }
