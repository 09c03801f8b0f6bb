"""The platform runs CommonServerPython and the unified script in one namespace: no module may replace one of its functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import CommonServerPython

PACKS = Path(__file__).parents[3] / 'Packs'
FILES = [path for path in sorted(PACKS.glob('*/*/*/*.py')) if not path.stem.endswith('_test')]
OF_PLATFORM = {
    name for name, value in vars(CommonServerPython).items() if getattr(value, '__module__', '') == 'CommonServerPython'
}


def names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module defines or imports, except those that it imports from the platform."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (one.asname or one.name for one in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (one.id for one in targets if isinstance(one, ast.Name))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_no_name_of_the_platform_is_replaced(path: Path) -> None:
    assert len(OF_PLATFORM) > 50
    assert set(names(ast.parse(path.read_text(encoding='utf-8')))) & OF_PLATFORM == set()
