"""The sandbox stands alone: it knows neither the product nor other tests, and its tests use only its public parts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SANDBOX = Path(__file__).parents[1]
TESTS = SANDBOX.parent
REPOSITORY = TESTS.parent
# Integrations that the tests of the XSOAR server upload
CONTENT = SANDBOX / 'tests' / 'xsoar' / 'content'
SOURCES = [path for path in SANDBOX.rglob('*.py') if not path.is_relative_to(CONTENT)]
OWN_TESTS = [path for path in SOURCES if path.is_relative_to(SANDBOX / 'tests')]
OTHER_TESTS = [path for path in TESTS.rglob('*.py') if not path.is_relative_to(SANDBOX)]
# What tests call objects of the sandbox; other objects may have private parts of the same name
OBJECTS = re.compile(r'\b(\w*cloud|sandbox|server|mailbox|directory)\b')
UNIT_TESTS = [*(REPOSITORY / 'Packs').rglob('*_test.py'), REPOSITORY / 'conftest.py']


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def imported(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition('.')[0])
    return names


def private_names_of_the_sandbox() -> set[str]:
    """Return the attributes, functions and variables of the sandbox that begin with one underscore."""
    found: set[str] = set()
    for path in set(SOURCES) - set(OWN_TESTS):
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == 'self':
                found.add(node.attr)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return {name for name in found if name.startswith('_') and not name.startswith('__')}


def foreign_names(path: Path) -> Iterator[str]:
    """Return the names that a file takes from objects and modules of the sandbox: attributes, imports, arguments of setattr."""
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and OBJECTS.search(ast.unparse(node.value)):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith('sandbox'):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith('setattr') and OBJECTS.search(ast.unparse(node)):
            yield from (str(one.value).rpartition('.')[2] for one in node.args if isinstance(one, ast.Constant))


def test_the_sandbox_imports_neither_the_product_nor_other_tests() -> None:
    others = {path.stem for path in TESTS.iterdir()} - {'sandbox'}
    product = {path.stem for path in (REPOSITORY / 'Packs').rglob('*.py')}
    assert 'O365OutlookMailSingleUser' in product
    assert {'demo', 'conformance', 'e2e'} <= others
    assert {str(path): names for path in SOURCES if (names := imported(path) & (others | product))} == {}


def test_the_sandbox_does_not_name_the_product() -> None:
    # this file does
    assert [path for path in SOURCES if path != Path(__file__) and 'O365OutlookMail' in path.read_text()] == []


def test_tests_use_public_parts_only() -> None:
    private = private_names_of_the_sandbox()
    assert '_state' in private
    files = [path for path in (*OWN_TESTS, *OTHER_TESTS, *UNIT_TESTS) if path != Path(__file__)]
    used = {path.relative_to(REPOSITORY).as_posix(): private & set(foreign_names(path)) for path in files}
    assert {path: names for path, names in used.items() if names} == {}
