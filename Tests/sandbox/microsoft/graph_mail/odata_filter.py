"""``$filter``: the part of OData's grammar that mail commands need. Anything else is refused as Graph refuses it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.schema import Schema

# Gives the value of a property by name
Resolve = Callable[[str], Any]
Condition = Callable[[Resolve], bool]
# Path, operator, literal
Required = tuple[str, str, Any]

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    'eq': lambda left, right: left == right,
    'ne': lambda left, right: left != right,
    'gt': lambda left, right: left is not None and right is not None and left > right,
    'ge': lambda left, right: left is not None and right is not None and left >= right,
    'lt': lambda left, right: left is not None and right is not None and left < right,
    'le': lambda left, right: left is not None and right is not None and left <= right,
}
FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    'contains': lambda text, part: part in text,
    'startswith': lambda text, part: text.startswith(part),
    'endswith': lambda text, part: text.endswith(part),
}
OPERATOR_NAMES = {
    'eq': 'Equal',
    'ne': 'NotEqual',
    'gt': 'GreaterThan',
    'ge': 'GreaterThanOrEqual',
    'lt': 'LessThan',
    'le': 'LessThanOrEqual',
}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^']|'')*')
  | (?P<time>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?)
  | (?P<number>-?\d+)
  | (?P<name>[A-Za-z_][\w.]*(?:/[A-Za-z_][\w.]*)*)
  | (?P<mark>[():,])
)""",
    re.VERBOSE,
)
_LITERAL_TYPES = {'string': 'Edm.String', 'time': 'Edm.DateTimeOffset', 'number': 'Edm.Int32'}
_MAX_DEPTH = 20
SENDER = 'from/emailAddress/address'
# What ``eq`` compares, which may not be what is shown
COMPARED_SENDER = f'{SENDER} eq'
# Exchange does not filter by them, though the documentation has an example of it
_NOT_FILTERED = ('toRecipients', 'ccRecipients', 'bccRecipients', 'replyTo')


def refusal(message: str) -> GraphError:
    return GraphError(400, 'RequestBroker--ParseUri', message)


def parse_time(text: str) -> float:
    """Parse a date, or a date with time, as epoch seconds. Raises ValueError."""
    text = text if 'T' in text else f'{text}T00:00:00Z'
    moment = datetime.fromisoformat(re.sub(r'\.\d+', '', text).replace('Z', '+00:00'))
    return moment.astimezone(timezone.utc).timestamp()


@dataclass
class Operand:
    """One side of a comparison: a property (``path``) or a literal (``value``)."""

    kind: str
    path: str = ''
    value: Any = None

    def read(self, resolve: Resolve) -> Any:
        return comparable(resolve(self.path), self.kind) if self.path else self.value


@dataclass
class Filter:
    """A parsed ``$filter``.

    Attributes:
        paths: the properties that it names, in their order.
        required: the comparisons with a literal that hold for all that it lets through; ``is_required_only``: they say all of it.
    """

    matches: Condition
    paths: list[str] = field(default_factory=list)
    required: list[Required] = field(default_factory=list)
    is_required_only: bool = False


def comparable(value: Any, kind: str) -> Any:
    """Return the value in a form that compares as Exchange compares: texts without regard to case, times as moments."""
    if value is None:
        return None
    if kind == 'Edm.DateTimeOffset':
        return parse_time(value) if isinstance(value, str) else value
    return value.casefold() if isinstance(value, str) else value


def follow_path(value: Any, parts: list[str]) -> Any:
    """Follow property names into objects."""
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value


class FilterParser:
    """A recursive descent over the tokens of one ``$filter`` on objects of the type ``name``."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._type = name
        self._schema = Schema.load()
        self._tokens = self._split(text)
        self._position = 0
        self._depth = 0
        self._variables: dict[str, str] = {}
        self._paths: list[str] = []
        self._required: list[Required] = []
        self._conjuncts = 0

    def parse(self) -> Filter:
        """Parse the filter. Raises GraphError 400 for a filter that Graph refuses."""
        condition = self._alternatives()
        if self._peek()[1]:
            raise self._syntax_error()
        return Filter(condition, self._paths, self._required, len(self._required) == self._conjuncts)

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        text = text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None or found.lastgroup is None:
                raise refusal(
                    f"Syntax error: character '{text[position:].lstrip()[:1]}' is not valid at position {position} "
                    f"in '{self._text}'."
                )
            tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()
        return tokens

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ('end', '')

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _take(self, text: str) -> None:
        if self._next()[1] != text:
            raise self._syntax_error()

    def _syntax_error(self) -> GraphError:
        return refusal(f"Syntax error at position {self._position} in '{self._text}'.")

    def _alternatives(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise GraphError(400, 'ErrorInvalidUrlQueryFilter', 'The query filter contains one or more invalid nodes.')
        conditions = [self._conjunction()]
        while self._peek() == ('name', 'or'):
            self._next()
            conditions.append(self._conjunction())
        if self._depth == 1 and len(conditions) > 1:
            self._required.clear()
        self._depth -= 1
        return conditions[0] if len(conditions) == 1 else lambda resolve: any(one(resolve) for one in conditions)

    def _conjunction(self) -> Condition:
        conditions = [self._negation()]
        while self._peek() == ('name', 'and'):
            self._next()
            conditions.append(self._negation())
        if self._depth == 1:
            self._conjuncts += len(conditions)
        return conditions[0] if len(conditions) == 1 else lambda resolve: all(one(resolve) for one in conditions)

    def _negation(self) -> Condition:
        if self._peek() != ('name', 'not'):
            return self._primary()
        self._next()
        self._depth += 1
        denied = self._negation()
        self._depth -= 1
        return lambda resolve: not denied(resolve)

    def _primary(self) -> Condition:
        kind, text = self._peek()
        if text == '(':
            self._next()
            inner = self._alternatives()
            self._take(')')
            return inner
        follows = self._tokens[self._position + 1 : self._position + 2]
        if kind == 'name' and follows == [('mark', '(')] and text not in ('tolower', 'toupper'):
            self._next()
            return self._any(text) if text.endswith('/any') else self._function(text)
        return self._comparison()

    def _function(self, name: str) -> Condition:
        function = FUNCTIONS.get(name)
        if function is None:
            raise refusal(
                f"An unknown function with name '{name}' was found. This may also be a function import or a key lookup "
                'on a navigation property, which is not allowed.'
            )
        self._take('(')
        whole = self._operand()
        self._take(',')
        part = self._operand()
        self._take(')')
        if {whole.kind, part.kind} != {'Edm.String'}:
            raise refusal(f"No function signature for the function with name '{name}' matches the specified arguments.")
        wanted = True
        if self._peek() == ('name', 'eq'):
            self._next()
            wanted = self._next()[1] == 'true'
        check = function
        return lambda resolve: check(whole.read(resolve) or '', part.read(resolve) or '') is wanted

    def _any(self, path: str) -> Condition:
        path = path.removesuffix('/any')
        if path in _NOT_FILTERED:
            raise GraphError(400, 'ErrorInvalidUrlQueryFilter', 'The query filter contains one or more invalid nodes.')
        kind = self._kind_of(path)
        self._take('(')
        variable = self._next()[1]
        self._take(':')
        self._variables[variable] = kind
        inner = self._alternatives()
        del self._variables[variable]
        self._take(')')
        name, *rest = path.split('/')

        def matches(resolve: Resolve) -> bool:
            found = follow_path(resolve(name), rest) or []
            return any(
                inner(lambda inner_path, one=one: _of_variable(resolve, variable, one, inner_path))  # type: ignore[misc]
                for one in found
            )

        return matches

    def _comparison(self) -> Condition:
        left = self._operand()
        kind, operator = self._next()
        if kind != 'name' or operator not in COMPARISONS:
            if left.kind == 'Edm.Boolean' and left.path:
                self._position -= 1
                return lambda resolve: left.read(resolve) is True
            raise self._syntax_error()
        right = self._operand()
        self._check_types(left, right, operator)
        if self._depth == 1 and left.path and not right.path:
            self._required.append((left.path, operator, right.value))
        if (left.path, operator) == (SENDER, 'eq'):
            left = replace(left, path=COMPARED_SENDER)
        compare = COMPARISONS[operator]
        return lambda resolve: compare(left.read(resolve), right.read(resolve))

    def _check_types(self, left: Operand, right: Operand, operator: str) -> None:
        kinds = {left.kind, right.kind} - {'null'}
        enumerated = {kind for kind in kinds if not kind.startswith('Edm.')}
        if len(kinds) == 2 and not (enumerated and 'Edm.String' in kinds) and kinds != {'Edm.Int32', 'Edm.Int64'}:
            raise refusal(
                f"A binary operator with incompatible types was detected. Found operand types '{left.kind}' and "
                f"'{right.kind}' for operator kind '{OPERATOR_NAMES[operator]}'."
            )

    def _operand(self) -> Operand:
        kind, text = self._next()
        if kind in _LITERAL_TYPES:
            return Operand(_LITERAL_TYPES[kind], value=self._literal(kind, text))
        if kind != 'name':
            raise self._syntax_error()
        if text in ('true', 'false'):
            return Operand('Edm.Boolean', value=text == 'true')
        if text == 'null':
            return Operand('null')
        if text in ('tolower', 'toupper') and self._peek()[1] == '(':
            self._next()
            inner = self._operand()
            self._take(')')
            return inner
        return Operand(self._kind_of(text), path=text)

    def _literal(self, kind: str, text: str) -> Any:
        if kind == 'string':
            return text[1:-1].replace("''", "'").casefold()
        if kind == 'number':
            return int(text)
        try:
            return parse_time(text)
        except ValueError:
            raise refusal(f"Unrecognized 'Edm.DateTimeOffset' literal '{text}' in '{self._text}'.") from None

    def _kind_of(self, path: str) -> str:
        name, _, rest = path.partition('/')
        if name in self._variables:
            kind: str | None = self._variables[name]
            if rest and kind:
                kind = self._schema.type_of(kind, rest)
        else:
            kind = self._schema.type_of(self._type, path)
            self._paths.append(path)
        if kind is None:
            raise refusal(f"Could not find a property named '{path}' on type 'microsoft.graph.{self._type}'.")
        return kind


def _of_variable(resolve: Resolve, variable: str, value: Any, path: str) -> Any:
    name, _, rest = path.partition('/')
    return follow_path(value, rest.split('/') if rest else []) if name == variable else resolve(path)
