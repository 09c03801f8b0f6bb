"""The dependencies of the shared scripts are those that docs/architecture.md allows."""

import os
import re
import subprocess
import sys

import pytest

from conformance.unified.conftest import Build
from conformance.unified.dependencies import HEADER, as_markdown, as_mermaid, read_module, unified_order
from conformance.unified.sources import API_MODULES, INTEGRATION, MODULES, ROOT, defined_names, loaded_yml
from demo.upload import example_names
from sandbox.tests.machine import limit

ARCHITECTURE = (ROOT / 'docs' / 'architecture.md').read_text(encoding='utf-8')
ORDER = unified_order()


def test_the_code_has_the_dependencies_of_the_table() -> None:
    [documented] = re.findall(rf'^\| {HEADER[0]} \| {HEADER[1]} \|.*\n(?:\|.*\n)+', ARCHITECTURE, re.MULTILINE)
    assert documented.rstrip() == as_markdown()


def test_the_code_has_the_dependencies_of_the_diagram() -> None:
    assert re.findall(r'^```mermaid\n(.*?)\n```$', ARCHITECTURE, re.MULTILINE | re.DOTALL) == [as_mermaid()]


def test_they_can_be_printed() -> None:
    printed = subprocess.run(
        [sys.executable, '-m', 'conformance.unified.dependencies'],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': 'Tests'},
        capture_output=True,
        text=True,
        timeout=limit(15),
        check=True,
    )
    assert printed.stdout.rstrip() == f'```mermaid\n{as_mermaid()}\n```\n\n{as_markdown()}'


def test_every_shared_script_is_inserted_once() -> None:
    assert sorted(ORDER) == sorted(API_MODULES)


@pytest.mark.parametrize('name', MODULES)
def test_a_module_imports_names_only_of_modules_before_it(name: str) -> None:
    before = ORDER[: ORDER.index(name)] if name in ORDER else ORDER
    assert set(read_module(MODULES[name]).explicit) & set(API_MODULES) <= set(before)


@pytest.mark.parametrize('name', MODULES)
def test_names_are_imported_with_a_guard_from_the_module_that_defines_them(name: str) -> None:
    module = read_module(MODULES[name])
    assert module.unguarded == set()
    for imported, names in module.explicit.items():
        if imported in API_MODULES:
            assert names <= defined_names(API_MODULES[imported]), imported


@pytest.mark.slow
@pytest.mark.parametrize('pack', [INTEGRATION.name, *example_names()])
def test_each_module_is_in_a_unified_script_once_and_in_the_order_of_the_table(build: Build, pack: str) -> None:
    script = str(loaded_yml(build(pack))['script']['script'])
    starts, ends = (re.findall(rf"register_module_line\('(\w+ApiModule)', '{end}'", script) for end in ('start', 'end'))
    assert sorted(starts) == sorted(ends) == sorted(set(ends)), 'a module was inserted twice'
    assert ends == [name for name in ORDER if name in ends]
    assert ends == ORDER or pack in example_names()
