"""Small faults that can be put into Python code, each on one line. A good test suite fails with any of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
}
# What no user sees, or no test imports
_LOGGING = ('debug', 'info', 'LOG')
_LEFT_OUT = ('TYPE_CHECKING', '__name__')
_TYPES = ('annotation', 'returns')


class Mutation(NamedTuple):
    """One fault: the bytes of the source from ``start`` to ``end`` become ``text``."""

    line: int
    kind: str
    start: int
    end: int
    text: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


def mutations(source: bytes) -> list[Mutation]:
    """Return all faults that can be put into a source, of which each still compiles."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for kind, node, new in _faults(ast.parse(source)):
        assert isinstance(node, (ast.expr, ast.stmt))
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        found.append(Mutation(node.lineno, kind, start, end, new))
    return found


def _faults(node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    """Give kind, node and new text of each fault in a node and what it holds, but for types, docstrings and f-strings."""
    if isinstance(node, ast.JoinedStr) or _is_left_out(node):
        return
    yield from _fault(node)
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and name not in _TYPES and not is_docstring:
                yield from _faults(child)


def _is_left_out(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(name in ast.unparse(node.test) for name in _LEFT_OUT)


def _fault(node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield 'comparison flipped', node, _text(ast.Compare(node.left, [_FLIPPED[type(node.ops[0])]()], node.comparators))
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield 'and / or swapped', node, _text(ast.BoolOp(other, node.values))
    elif isinstance(node, ast.BinOp) and type(node.op) in _SWAPPED:
        yield 'operator swapped', node, _text(ast.BinOp(node.left, _SWAPPED[type(node.op)](), node.right))
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield 'condition negated', node.test, _text(ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.stmt):
        yield from _statement(node)


def _statement(node: ast.stmt) -> Iterator[tuple[str, ast.AST, str]]:
    if isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        yield 'None returned', node.value, 'None'
    elif isinstance(node, ast.Raise) and node.exc:
        yield 'raise removed', node, 'pass'
    elif isinstance(node, ast.Expr) and _is_call_of_more_than_logging(node.value):
        yield 'call removed', node, 'None'


def _is_call_of_more_than_logging(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and not ast.unparse(node.func).endswith(_LOGGING)


def _constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST, str]]:
    if isinstance(node.value, bool):
        yield 'constant changed', node, str(not node.value)
    elif isinstance(node.value, (int, float)):
        yield 'constant changed', node, repr(node.value + 1)
    elif isinstance(node.value, str) and node.value:
        yield 'constant changed', node, repr(f'{node.value}?')


def _text(node: ast.expr) -> str:
    return f'({ast.unparse(node)})'
