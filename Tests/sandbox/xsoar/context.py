"""The context of an investigation: how outputs of commands are merged into it, and how it is asked."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from .errors import Refusal

_KEY = re.compile(r'(?P<path>[^()]+?)(?:\((?P<condition>.*)\))?', re.DOTALL)
_EXISTS = re.compile(r'val\.(?P<path>[\w.\- ]+)')
_EQUALS = re.compile(r'val\.(?P<left>[\w.\- ]+?)\s*={2,3}\s*obj\.(?P<right>[\w.\- ]+)')
_CONTAINS = re.compile(r"""val\.(?P<path>[\w.\- ]+)\.indexOf\((?P<quote>['"])(?P<text>.*)(?P=quote)\)\s*>=\s*0""")
Condition = Callable[[Any, Any], bool]


def merge(context: dict[str, Any], outputs: dict[str, Any]) -> None:
    """Merge the outputs of an entry into the context, in place.

    A key is a dotted path, which appends to what is there, or a path with a condition, ``Path(val.ID && val.ID == obj.ID)``,
    which changes the items that meet it and appends only what has none.

    Raises:
        Refusal: a key cannot be read.
    """
    for key, value in outputs.items():
        if value is None:
            continue
        match = _KEY.fullmatch(key)
        if not match:
            raise Refusal(f'The context key {key!r} cannot be read: write Path, or Path(val.ID && val.ID == obj.ID).')
        parent, name = _parent(context, match['path'])
        condition = _condition(match['condition']) if match['condition'] is not None else None
        parent[name] = _merged(parent.get(name), value, condition)


def _parent(context: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *folders, name = path.split('.')
    place = context
    for folder in folders:
        inner = place.setdefault(folder, {})
        if isinstance(inner, list):
            inner = inner[-1] if inner else None
        if not isinstance(inner, dict):
            raise Refusal(f'The context path {path} leads through {folder}, which holds a plain value: use another path.')
        place = inner
    return place, name


def _merged(existing: Any, value: Any, condition: Condition | None) -> Any:
    if existing is None:
        return value
    items = list(existing) if isinstance(existing, list) else [existing]
    for new in value if isinstance(value, list) else [value]:
        matches = [index for index, item in enumerate(items) if condition and condition(item, new)]
        for index in matches:
            both = isinstance(items[index], dict) and isinstance(new, dict)
            items[index] = {**items[index], **new} if both else new
        if not matches:
            items.append(new)
    return items[0] if len(items) == 1 and not isinstance(existing, list) else items


def _condition(text: str) -> Condition:
    if text.strip() == 'true':
        return lambda _val, _obj: True
    choices = [[_term(term.strip()) for term in choice.split('&&')] for choice in text.split('||')]
    return lambda val, obj: any(all(term(val, obj) for term in terms) for terms in choices)


def _term(text: str) -> Condition:
    equals = _EQUALS.fullmatch(text)
    if equals:
        left, right = equals['left'], equals['right']
        return lambda val, obj: look_up(val, left) == look_up(obj, right)
    exists = _EXISTS.fullmatch(text)
    if exists:
        path = exists['path']
        return lambda val, _obj: bool(look_up(val, path))
    contains = _CONTAINS.fullmatch(text)
    if contains:
        path, part = contains['path'], contains['text']
        return lambda val, _obj: _has(look_up(val, path), part)
    raise Refusal(f'The condition {text!r} of a context key cannot be read: use val.X, and val.X == obj.X.')


def _has(value: Any, part: str) -> bool:
    """Return what ``indexOf`` of JavaScript finds: a part of a text, or an item of a list. Nothing else has it."""
    return part in value if isinstance(value, (str, list)) else False


def look_up(value: Any, path: str) -> Any:
    """Return what is at a dotted path; of a list, the values of its items. None if there is nothing."""
    for name in path.split('.'):
        if isinstance(value, list):
            value = [item[name] for item in value if isinstance(item, dict) and name in item] or None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def resolve(text: str, context: dict[str, Any]) -> Any:
    """Return a text with what its expressions, such as ``${File.Name}``, stand for; one that is an expression, the value itself.

    Raises:
        Refusal: an expression is of a kind that is not supported here.
    """
    parts: list[Any] = []
    position = 0
    for start, end in _expressions(text):
        parts += [text[position:start], ask(context, text[start:end])]
        position = end
    parts.append(text[position:])
    if len(parts) == 3 and parts[0] == parts[2] == '':
        return '' if parts[1] is None else parts[1]
    return ''.join(map(as_text, parts))


def _expressions(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the expressions of a text start and end; braces inside them are part of them."""
    end = 0
    while (start := text.find('${', end)) >= 0:
        depth, end = 1, start + 2
        while depth:
            if end == len(text):
                return
            depth += {'{': 1, '}': -1}.get(text[end], 0)
            end += 1
        yield start, end


def as_text(value: Any) -> str:
    """Return a value as a text contains it: of a list its items, with commas between them; of an object its JSON."""
    if isinstance(value, list):
        return ','.join(map(as_text, value))
    return '' if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def ask(context: Any, query: str) -> Any:
    """Answer ``${.}`` (all) or ``${Path.To.Value}``, the brackets being optional.

    Raises:
        Refusal: it is another kind of query.
    """
    path = query.strip()
    if path.startswith('${') and path.endswith('}'):
        path = path[2:-1].strip()
    if path in ('', '.'):
        return context
    if re.search(r'[(){}\[\]=]', path):
        raise Refusal(f'The query {query!r} is not supported here: ask for ${{.}} or for a dotted path such as ${{File.Name}}.')
    return look_up(context, path)
