"""The sources of the product, and the names that they define and import."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
PACKS = ROOT / 'Packs'
SCRIPTS = PACKS / 'ApiModules' / 'Scripts'
INTEGRATION = PACKS / 'O365OutlookMailSingleUser' / 'Integrations' / 'O365OutlookMailSingleUser'
MOCK = ROOT / 'Tests' / 'demistomock' / 'demistomock.py'
COMMON_SERVER = Path(os.environ.get('COMMON_SERVER_PYTHON') or ROOT / 'Tests' / 'CommonServerPython') / 'CommonServerPython.py'

# What the platform itself provides.
PLATFORM = ('CommonServerPython', 'demistomock', 'CommonServerUserPython')
API_MODULES = {folder.name: folder / f'{folder.name}.py' for folder in sorted(SCRIPTS.iterdir()) if folder.is_dir()}
MODULES = {**API_MODULES, INTEGRATION.name: INTEGRATION / f'{INTEGRATION.name}.py'}


def product_files() -> list[Path]:
    """Return every Python file that is part of a pack."""
    return [path for path in sorted(PACKS.rglob('*.py')) if not path.name.endswith('_test.py') and path.name != 'conftest.py']


def loaded_yml(path: Path) -> dict[str, Any]:
    """Return what a yml file holds. libyaml reads it ten times as fast as Python does."""
    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding='utf-8'), loader)  # noqa: S506 - both are safe
    return loaded


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file, parsed once: several tests search each of them."""
    return ast.parse(path.read_text(encoding='utf-8'), str(path))


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run at import, including those inside if, try, with and loops."""
    for statement in body:
        yield statement
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for inner in ('body', 'orelse', 'finalbody', 'handlers'):
                for below in getattr(statement, inner, []):
                    yield from below.body if isinstance(below, ast.ExceptHandler) else statements([below])


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def stored_names(node: ast.AST) -> set[str]:
    """Return the names that a statement assigns. The variables of comprehensions are their own."""
    if isinstance(node, COMPREHENSIONS):
        return set()
    own = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
    return own.union(*map(stored_names, ast.iter_child_nodes(node)))


@cache
def defined_names(path: Path) -> frozenset[str]:
    """Return the names of functions, classes and variables at the top level of a file, without imported ones."""
    names: set[str] = set()
    for statement in statements(parsed(path).body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif not isinstance(statement, (ast.Import, ast.ImportFrom)):
            names |= stored_names(statement)
    return frozenset(names)


def imported_names(path: Path) -> dict[str, str]:
    """Return the names that a file imports at its top level, and their meaning, without those of the product and the platform."""
    names: dict[str, str] = {}
    for statement in statements(parsed(path).body):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                names[alias.asname or alias.name.split('.')[0]] = alias.name if alias.asname else alias.name.split('.')[0]
        elif isinstance(statement, ast.ImportFrom) and statement.module not in {*PLATFORM, *API_MODULES}:
            names.update({alias.asname or alias.name: f'{statement.module}.{alias.name}' for alias in statement.names})
    return names


@cache
def imported_packages(path: Path) -> frozenset[str]:
    """Return the packages that a file imports anywhere, also inside functions."""
    packages: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages.add((node.module or '').split('.')[0])
    return frozenset(packages)
