"""The regular expressions of the product, and texts that make bad ones slow."""

import ast
import importlib
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from conformance.unified.sources import parsed, product_files

_FUNCTIONS = {'compile', 'match', 'search', 'sub', 'subn', 'split', 'findall', 'finditer', 'fullmatch'}
_MAX_UNITS = 14


class Expression(NamedTuple):
    """A regular expression in the code of a module, by its line."""

    module: str
    line: int
    pattern: Any
    flags: int
    function: str

    @property
    def compiled(self) -> 're.Pattern[Any]':
        return re.compile(self.pattern, self.flags)


def expressions() -> list[Expression]:
    """Return all of them. Raise NameError for one whose value cannot be found in the code."""
    found: list[Expression] = []
    for path in product_files():
        values = vars(importlib.import_module(path.stem))
        for call, functions in _calls_of_re(parsed(path)):
            found += _of_call(path.stem, values, call, functions)
    return list({(one.module, one.line, one.pattern): one for one in found}.values())


def _calls_of_re(tree: ast.Module) -> Iterator[tuple[ast.Call, list[ast.FunctionDef]]]:
    """Yield each call of a function of `re`, and the functions around it."""
    todo: list[tuple[ast.AST, list[ast.FunctionDef]]] = [(tree, [])]
    while todo:
        node, functions = todo.pop()
        if _is_call_of_re(node):
            assert isinstance(node, ast.Call)
            yield node, functions
        around = [*functions, node] if isinstance(node, ast.FunctionDef) else functions
        todo += [(below, around) for below in ast.iter_child_nodes(node)]


def _of_call(name: str, values: dict[str, Any], call: ast.Call, functions: list[ast.FunctionDef]) -> Iterator[Expression]:
    assert isinstance(call.func, ast.Attribute)
    is_local = _is_local(call.args[0], values)
    for local, rows in [_scope(function, values) for function in functions] if is_local else [(values, [])]:
        flags = [value for value in (_flags(one, local) for one in [*call.args[1:], *(k.value for k in call.keywords)]) if value]
        for row in rows if _is_local(call.args[0], local) else [{}]:
            pattern = _value(call.args[0], {**local, **row})
            yield Expression(name, call.lineno, pattern, flags[0] if flags else 0, call.func.attr)


def _scope(function: ast.FunctionDef, values: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the names that a function sees, and those that its loops give to the values of each row of a table."""
    local = dict(values)
    for one in [node for node in ast.walk(function) if isinstance(node, ast.Assign)]:
        if isinstance(one.targets[0], ast.Name) and isinstance(one.value, (ast.Constant, ast.JoinedStr)):
            with suppress(NameError):  # no expression: a text with values of this call
                local[one.targets[0].id] = _value(one.value, local)
    return local, list(_rows_of_loops(function, values))


def _rows_of_loops(scope: ast.AST, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the names that a loop over a table of the module gives to the values of each of its rows."""
    for node in ast.walk(scope):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Tuple) and isinstance(node.iter, ast.Name):
            names = [one.id for one in node.target.elts if isinstance(one, ast.Name)]
            yield from (dict(zip(names, row, strict=True)) for row in values[node.iter.id])


def _is_call_of_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _FUNCTIONS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == 're'
    )


def _is_local(node: ast.AST, values: dict[str, Any]) -> bool:
    return any(isinstance(one, ast.Name) and one.id not in values for one in ast.walk(node))


def _value(node: ast.expr, values: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), '<pattern>', 'eval'), values)  # noqa: S307 - code of this repository


def _flags(node: ast.expr, values: dict[str, Any]) -> int:
    try:
        value = _value(node, values)
    except Exception:
        return 0
    return int(value) if isinstance(value, re.RegexFlag) else 0


def hostile_units(pattern: Any) -> list[str]:
    """Return short texts whose repetition may make an expression slow: its literals, characters it takes, and their pairs."""
    text = pattern.decode('latin-1') if isinstance(pattern, bytes) else pattern
    literals = [re.sub(r'\\(.)', r'\1', one) for one in re.findall(r'(?:\\[^\w\s]|[\w<>=:"\'/ ,;&.-]){2,}', text)]
    characters = [one for one in ' \t\r\n-.,:;=?&#@%$/\\"\'<>!{}[]()_aZx0~\u2028' if _takes(text, one)]
    characters.sort(key=lambda one: one not in text and not (one == ' ' and r'\s' in text))
    starts = [literals[0] + one for one in characters[:4]] if literals else []
    pairs = [''.join(two) for two in itertools.permutations(characters[:5], 2)]
    return list(
        dict.fromkeys([*characters[:_MAX_UNITS], *literals[:_MAX_UNITS], *starts, *pairs, 'eyJ-', '{', '-----BEGIN A-----'])
    )


def _takes(pattern: str, character: str) -> bool:
    """Return whether an expression may take a character: the expression has it, or has a class that may contain it."""
    return character in pattern or re.search(r'\[\^|\\[swdDSW]|\.[*+]', pattern) is not None


def hostile_texts(pattern: Any, size: int) -> Iterator[Any]:
    """Yield texts of about `size` characters, each also after the beginning of what the expression looks for."""
    for unit in hostile_units(pattern):
        body = (unit * (size // len(unit) + 1))[:size]
        for text in (body, f'{body}\x00', f'x{body}\x00'):
            yield text.encode('latin-1', 'replace') if isinstance(pattern, bytes) else text
