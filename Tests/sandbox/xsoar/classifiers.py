"""Classifiers and mappers: from what an integration fetched to the type and the fields of an incident."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .content_check import check_classifier
from .context import look_up
from .errors import Refusal

CLASSIFIER, INCOMING_MAPPER = 'classification', 'mapping-incoming'
# The rules of a mapper under this name hold for incidents of every type.
ALL_TYPES = 'dbot_classification_incident_type_all'
# Fields of an incident itself; all other ones are custom fields.
_SYSTEM_FIELDS = {
    each.lower(): each
    for each in (
        'name',
        'type',
        'severity',
        'owner',
        'details',
        'occurred',
        'labels',
        'sourceBrand',
        'sourceInstance',
        'dbotMirrorId',
        'dbotMirrorDirection',
        'dbotMirrorInstance',
        'dbotMirrorTags',
        'closeNotes',
        'closeReason',
        'phase',
        'roles',
    )
}


@dataclass(frozen=True)
class Classifier:
    """A classifier or an incoming mapper, as its pack states it."""

    id: str
    name: str
    kind: str
    document: dict[str, Any]

    @classmethod
    def read(cls, document: Any, file_name: str) -> 'Classifier | None':
        """Take a JSON file of the folder Classifiers apart; None for a kind that the local server has no use for.

        Raises:
            Refusal: it is not a classifier or mapper.
        """
        if not isinstance(document, dict) or not document.get('id'):
            raise Refusal(f'{file_name} is not a classifier or mapper: export it again from XSOAR.')
        kind = str(document.get('type') or '')
        if kind not in (CLASSIFIER, INCOMING_MAPPER):
            return None
        try:
            check_classifier(document)
        except Refusal as refusal:
            raise Refusal(f'{file_name} cannot be used, because {refusal}: correct it and upload it again.') from None
        return cls(str(document['id']), str(document.get('name') or document['id']), kind, document)

    @property
    def incident_types(self) -> set[str]:
        """Incident types that it names."""
        if self.kind == INCOMING_MAPPER:
            return {name for name in self.document.get('mapping') or {} if name != ALL_TYPES}
        return {
            str(each)
            for each in (*(self.document.get('keyTypeMap') or {}).values(), self.document.get('defaultIncidentType'))
            if each
        }

    @property
    def field_names(self) -> dict[str, str]:
        """Names of the fields that a mapper fills, by their name in an incident's JSON."""
        return {field_key(name): name for mapping in (self.document.get('mapping') or {}).values() for name in _rules(mapping)}


@dataclass
class Mapped:
    """What a mapper made of an event.

    ``fields`` are fields of the incident itself, ``custom_fields`` the others; ``problems`` are sentences about rules that the
    local server cannot follow.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    custom_fields: dict[str, Any] = field(default_factory=dict)
    labels: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def field_key(name: str) -> str:
    """Return the name of a field in an incident's JSON: ``Email From`` is ``emailfrom``."""
    return _SYSTEM_FIELDS.get(name.lower()) or re.sub(r'[^a-z0-9_]', '', name.lower())


def event_of(incident: dict[str, Any]) -> dict[str, Any]:
    """Return what classifier and mapper look at: the object in ``rawJSON``, or the incident itself without one."""
    try:
        event = json.loads(incident.get('rawJSON') or '')
    except (ValueError, TypeError):
        event = None
    return event if isinstance(event, dict) else incident


def classified(classifier: Classifier, event: dict[str, Any]) -> str:
    """Return the incident type of an event; empty if the classifier gives none.

    Raises:
        Refusal: its rule uses something that the local server does not know.
    """
    value = _value(classifier.document.get('transformer') or {}, event)
    types = classifier.document.get('keyTypeMap') or {}
    values = value if isinstance(value, list) else [value]
    found = next((types[str(each)] for each in values if str(each) in types), '')
    return str(found or classifier.document.get('defaultIncidentType') or '')


def mapped(mapper: Classifier, incident_type: str, event: dict[str, Any]) -> Mapped:
    """Return the fields of an incident of a type. A rule that cannot be followed leaves its field empty and is named."""
    result = Mapped()
    mappings = mapper.document.get('mapping') or {}
    used: set[str] = set()
    labels = True
    for mapping in (mappings.get(ALL_TYPES), mappings.get(incident_type)):
        labels = labels and not (mapping or {}).get('dontMapEventToLabels')
        for name, rule in _rules(mapping or {}).items():
            used.add(_root(rule))
            _fill(result, name, rule, event)
    if labels:
        result.labels = [
            {'type': name, 'value': value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
            for name, value in event.items()
            if name not in used and value not in (None, '', [], {})
        ]
    return result


def _rules(mapping: dict[str, Any]) -> dict[str, Any]:
    return {name: rule for name, rule in (mapping.get('internalMapping') or {}).items() if isinstance(rule, dict)}


def _root(rule: dict[str, Any]) -> str:
    path = rule.get('simple') or (rule.get('complex') or {}).get('root') or ''
    return str(path).partition('.')[0]


def _fill(result: Mapped, name: str, rule: dict[str, Any], event: dict[str, Any]) -> None:
    try:
        value = _value(rule, event)
    except (ValueError, re.error) as problem:
        result.problems.append(f'The mapper leaves the field {name} empty: {problem}')
        return
    if value in (None, '', []):
        return
    key = field_key(name)
    (result.fields if key in _SYSTEM_FIELDS.values() else result.custom_fields)[key] = value


def _value(rule: dict[str, Any], event: dict[str, Any]) -> Any:
    """Return what a rule finds in an event; a list of one value is that value.

    Raises:
        Refusal: it uses an operator that the local server does not know.
    """
    source = rule.get('complex')
    if not isinstance(source, dict):
        return _single(look_up(event, str(rule.get('simple') or '')))
    root = str(source.get('root') or '')
    value = look_up(event, root) if root else event
    for choices in source.get('filters') or ():
        value = _filtered(value, choices, root, event)
    if source.get('accessor'):
        value = look_up(value, str(source['accessor']))
    for transformer in source.get('transformers') or ():
        value = _transformed(value, transformer, event)
    return _single(value)


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _argument(argument: Any, event: dict[str, Any]) -> Any:
    """Return what a filter or transformer is given: a text, or what is at a path of the event. An empty one has no value."""
    argument = argument if isinstance(argument, dict) else {}
    text = str((argument.get('value') or {}).get('simple') or '')
    return look_up(event, text) if argument.get('isContext') and text else text


def _filtered(value: Any, choices: list[dict[str, Any]], root: str, event: dict[str, Any]) -> Any:
    items = value if isinstance(value, list) else [] if value is None else [value]
    return [item for item in items if any(_passes(item, each, root, event) for each in choices)]


def _passes(item: Any, condition: dict[str, Any], root: str, event: dict[str, Any]) -> bool:
    operator = str(condition.get('operator'))
    if operator not in _CONDITIONS:
        raise Refusal(f'the local server does not know the filter {operator!r}.')
    path = str(((condition.get('left') or {}).get('value') or {}).get('simple') or '')
    left = item if path == root else look_up(item, path.removeprefix(f'{root}.')) if isinstance(item, dict) else item
    left, right = _text(left), _text(_argument(condition.get('right'), event))
    if condition.get('ignoreCase'):
        left, right = left.lower(), right.lower()
    return _CONDITIONS[operator](left, right)


def _transformed(value: Any, transformer: dict[str, Any], event: dict[str, Any]) -> Any:
    operator = str(transformer.get('operator'))
    arguments = {name: _text(_argument(given, event)) for name, given in (transformer.get('args') or {}).items()}
    if operator in _LIST_TRANSFORMERS:
        items = value if isinstance(value, list) else [] if value is None else [value]
        return _LIST_TRANSFORMERS[operator](items, arguments)
    if operator not in _TEXT_TRANSFORMERS:
        raise Refusal(f'the local server does not know the transformer {operator!r}.')
    one = _TEXT_TRANSFORMERS[operator]
    if isinstance(value, list):
        return [one(_text(each), arguments) for each in value]
    return None if value is None else one(_text(value), arguments)


def _text(value: Any) -> str:
    if value is None:
        return ''
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _at(items: list[Any], arguments: dict[str, str]) -> Any:
    index = int(arguments.get('index') or 0)
    return items[index] if -len(items) <= index < len(items) else None


_CONDITIONS: dict[str, Callable[[str, str], bool]] = {
    'isEqualString': lambda left, right: left == right,
    'isNotEqualString': lambda left, right: left != right,
    'containsString': lambda left, right: right in left,
    'notContainsString': lambda left, right: right not in left,
    'startWith': lambda left, right: left.startswith(right),
    'notStartWith': lambda left, right: not left.startswith(right),
    'endWith': lambda left, right: left.endswith(right),
    'notEndWith': lambda left, right: not left.endswith(right),
    'match': lambda left, right: re.search(right, left) is not None,
    'isExists': lambda left, right: left != '',
    'isNotExists': lambda left, right: left == '',
    'isNotEmpty': lambda left, right: left != '',
    'isEmpty': lambda left, right: left == '',
}
_LIST_TRANSFORMERS: dict[str, Callable[[list[Any], dict[str, str]], Any]] = {
    'count': lambda items, arguments: len(items),
    'join': lambda items, arguments: arguments.get('separator', '').join(map(_text, items)),
    'uniq': lambda items, arguments: list(dict.fromkeys(map(_text, items))),
    'atIndex': _at,
}
_TEXT_TRANSFORMERS: dict[str, Callable[[str, dict[str, str]], Any]] = {
    'replaceMatch': lambda text, arguments: re.sub(arguments.get('regex', ''), lambda _: arguments.get('replaceWith', ''), text),
    'replace': lambda text, arguments: text.replace(arguments.get('toReplace', ''), arguments.get('replaceWith', '')),
    'split': lambda text, arguments: text.split(arguments.get('delimiter') or ','),
    'splitAndTrim': lambda text, arguments: [each.strip() for each in text.split(arguments.get('delimiter') or ',')],
    'concat': lambda text, arguments: arguments.get('prefix', '') + text + arguments.get('suffix', ''),
    'toLowerCase': lambda text, arguments: text.lower(),
    'toUpperCase': lambda text, arguments: text.upper(),
    'trim': lambda text, arguments: text.strip(),
    'stringify': lambda text, arguments: text,
}
