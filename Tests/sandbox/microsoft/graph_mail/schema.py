"""Check JSON bodies against Microsoft's schema of mail in Graph v1.0: names, types, enumerations.

The schema is ``graph-mail-types.json``, an extract of what Microsoft publishes. The product's bodies can be held to it as well:
``Schema.load().problems('message', body)``.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

INT32 = 2**31
INT64 = 2**63
_TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)')
_TIME_OF_DAY = re.compile(r'\d\d:\d\d:\d\d(\.\d{1,7})?')
# The end of '@odata.context' -> the type of what it describes
_CONTEXTS = {
    r'/messages(/\$entity)?$': 'message',
    r'(mailFolders|/childFolders)(/\$entity)?$': 'mailFolder',
    r'/attachments(/\$entity)?$': 'attachment',
    r'/messageRules(/\$entity)?$': 'messageRule',
    r'/mailboxSettings$': 'mailboxSettings',
    r'/masterCategories$': 'outlookCategory',
    r'microsoft.graph.uploadSession$': 'uploadSession',
    r'Collection\(microsoft.graph.mailTips\)$': 'mailTips',
    r'^users(/\$entity)?$': 'user',
}
_COLLECTION = re.compile(r'Collection\((.+)\)')


class Schema:
    """The types and enumerations of the extract."""

    def __init__(self, extract: dict[str, Any]) -> None:
        self._types = extract['types']
        self.enums = extract['enums']
        self.actions = extract['actions']
        self._known_properties: dict[str, dict[str, str]] = {}

    @staticmethod
    @cache
    def load() -> 'Schema':
        """Return the schema beside this file."""
        return Schema(json.loads(Path(__file__).with_name('graph-mail-types.json').read_text()))

    def type_of(self, name: str, path: str) -> str | None:
        """Return the type at the end of ``path`` (parts separated by slashes) from the type ``name``; None if there is none."""
        for part in path.split('/'):
            found = self._properties(name).get(part)
            if found is None:
                return None
            name = _bare(found)
        return name

    def names(self, name: str) -> frozenset[str]:
        """Return the properties and navigation properties of a type, inherited ones included."""
        return frozenset(self._properties(name))

    def problems(self, name: str, body: Any, is_request: bool = False) -> list[str]:
        """Return what is wrong with ``body`` as an object of the type ``name``, empty when nothing is.

        Args:
            is_request: enumerations may then be written in any case, as Graph takes them, and collections may be null.
        """
        return list(self._of_object(name, body, '', is_request))

    def action_problems(self, action: str, bound_to: str, body: Any) -> list[str]:
        """Return what is wrong with ``body`` as the parameters of an action. Their names may start in lower case."""
        if not isinstance(body, dict):
            return ['The body is not an object.']
        variant = next(one for one in self.actions[action] if one['bound_to'] == bound_to)
        parameters = {known.lower(): kind for known, kind in variant['parameters'].items()}
        found: list[str] = []
        for key, value in body.items():
            if key.lower() not in parameters:
                found.append(f"The parameter '{key}' in the request payload is not a parameter of the operation '{action}'.")
            else:
                found += self._of_value(parameters[key.lower()], value, key, is_request=True)
        return found

    def answer_problems(self, body: dict[str, Any]) -> list[str]:
        """Return what is wrong with an answer of Graph; which type it is of follows from its ``@odata.context``."""
        path = str(body.get('@odata.context', '')).partition('#')[2]
        name = next((kind for end, kind in _CONTEXTS.items() if re.search(end, path)), None)
        if name is None:
            return [f"The answer has no '@odata.context' that says what it is: '{path}'."]
        if 'value' not in body:
            return self.problems(name, body)
        return [problem for one in body['value'] for problem in self.problems(name, one)]

    def _properties(self, name: str) -> dict[str, str]:
        found = self._known_properties.get(name)
        if found is None:
            known = self._types.get(name)
            found = {**self._properties(known['base'] or ''), **known['properties'], **known['navigation']} if known else {}
            self._known_properties[name] = found
        return found

    def _derives(self, name: str | None, base: str) -> bool:
        while name is not None and name != base:
            name = self._types[name]['base'] if name in self._types else None
        return name == base

    def _of_object(self, name: str, body: Any, where: str, is_request: bool) -> Iterator[str]:
        if name not in self._types:
            return
        if not isinstance(body, dict):
            yield f"{where or 'The body'} is not an object of the type '{name}'."
            return
        actual = str(body.get('@odata.type', name)).removeprefix('#').removeprefix('microsoft.graph.')
        if actual not in self._types or self._types[actual].get('partial'):
            # events, contacts and others that the extract leaves out
            return
        if not self._derives(actual, name):
            yield f"A type named '{actual}' is not a '{name}'{_at(where)}."
            return
        properties = self._properties(actual)
        for key, value in body.items():
            if '@' not in key and key not in properties:
                yield f"The property '{key}' does not exist on type 'microsoft.graph.{actual}'{_at(where)}."
            elif '@' not in key:
                yield from self._of_value(properties[key], value, f'{where}/{key}'.lstrip('/'), is_request)

    def _of_value(self, kind: str, value: Any, where: str, is_request: bool) -> Iterator[str]:
        kind, not_null, _ = kind.partition(' (not null)')
        collection = _COLLECTION.fullmatch(kind)
        if value is None:
            if not_null or (collection and not is_request):
                yield f"The property '{where}' must not be null."
        elif collection:
            if not isinstance(value, list):
                yield f"The property '{where}' is not a collection."
                return
            for number, one in enumerate(value):
                yield from self._of_value(collection[1] + ' (not null)', one, f'{where}[{number}]', is_request)
        elif kind in self.enums:
            yield from self._of_enum(kind, value, where, is_request)
        elif kind.startswith('Edm.'):
            if not _fits(kind, value):
                yield f"Cannot convert the value of '{where}' to the expected type '{kind}'."
        else:
            yield from self._of_object(kind, value, where, is_request)

    def _of_enum(self, kind: str, value: Any, where: str, is_request: bool) -> Iterator[str]:
        members = self.enums[kind]
        known = isinstance(value, str) and (value in members or (is_request and value.lower() in map(str.lower, members)))
        if not known:
            yield f"Requested value '{value}' of '{where}' was not found in '{kind}'."


def _bare(kind: str) -> str:
    kind = kind.partition(' (')[0]
    collection = _COLLECTION.fullmatch(kind)
    return collection[1] if collection else kind


def _at(where: str) -> str:
    return f" at '{where}'" if where else ''


def _fits(kind: str, value: Any) -> bool:
    if kind == 'Edm.Boolean':
        return isinstance(value, bool)
    if kind in ('Edm.Int32', 'Edm.Int64'):
        largest = INT32 if kind == 'Edm.Int32' else INT64
        return isinstance(value, int) and not isinstance(value, bool) and -largest <= value < largest
    if not isinstance(value, str):
        return False
    if kind == 'Edm.Binary':
        return is_base64(value)
    if kind == 'Edm.DateTimeOffset':
        return _TIME.fullmatch(value) is not None
    return kind != 'Edm.TimeOfDay' or _TIME_OF_DAY.fullmatch(value) is not None


def is_base64(text: str) -> bool:
    """Return whether ``text`` is base64 of any bytes."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
