"""What is wrong with an integration, a classifier or a mapper: all that is read of it later is checked once, on upload."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .errors import Refusal

_TEXTS = ('display', 'description', 'detaileddescription', 'category', 'image')
_MAPPINGS = ('defaultclassifier', 'defaultmapperin', 'defaultmapperout')
_MULTIPLE_SELECT, _INTERVAL = 16, 19
_MINUTES = re.compile(r'0*[1-9][0-9]{0,5}')
_MOST_SECONDS = 86400
Item = dict[str, Any]


def check_integration(document: Any) -> None:
    """Check the shape of a unified yml.

    Raises:
        Refusal: the text says what is wrong first, without a full stop.
    """
    for problem in _integration(document):
        raise Refusal(problem)
    try:
        json.dumps(document, default=str).encode()
        str(document['script']['script']).encode()
    except (TypeError, ValueError, RecursionError):
        raise Refusal('it holds something that JSON cannot express') from None


def check_classifier(document: dict[str, Any]) -> None:
    """Check the shape of a classifier or mapper.

    Raises:
        Refusal: the text says what is wrong first, without a full stop.
    """
    for problem in _classifier(document):
        raise Refusal(problem)


def _classifier(document: Item) -> Iterator[str]:
    yield from _scalars('the classifier', document, 'id', 'name', 'defaultIncidentType')
    yield from _objects('the classifier', document, 'keyTypeMap', 'transformer', 'mapping')
    yield from _rule('the transformer', _item(document.get('transformer')))
    for kind, mapping in _item(document.get('mapping')).items():
        title = f'the mapping of {kind}'
        if mapping is not None and not isinstance(mapping, dict):
            yield f'{title} is not an object'
        yield from _objects(title, _item(mapping), 'internalMapping')
        for field, rule in _item(_item(mapping).get('internalMapping')).items():
            yield from _rule(f'{field} in {title}', _item(rule))


def _rule(title: str, rule: Item) -> Iterator[str]:
    """Check a rule that finds a value in an event, with what its filters and transformers are given."""
    yield from _scalars(title, rule, 'simple')
    source = _item(rule.get('complex'))
    yield from _scalars(title, source, 'root', 'accessor')
    filters, transformers = source.get('filters') or [], source.get('transformers') or []
    if not isinstance(filters, list) or not all(_are_objects(each) for each in filters):
        yield f'the filters of {title} are no lists of objects'
    elif not _are_objects(transformers):
        yield f'the transformers of {title} are no list of objects'
    sides = [_item(each.get(side)) for choices in filters for each in choices for side in ('left', 'right')]
    for each in transformers:
        yield from _objects(title, each, 'args')
        sides += [_item(given) for given in _item(each.get('args')).values()]
    for side in sides:
        yield from _objects(title, side, 'value')


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _integration(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield 'it is no integration'
    about, script = (_item(document.get(name)) for name in ('commonfields', 'script'))
    if not (_is_text(about.get('id')) and _is_text(document.get('name')) and isinstance(script.get('script'), str)):
        yield 'it is not a unified integration, which has the texts commonfields.id, name and script.script'
    if script.get('type') != 'python' or not script['script'].strip('-\n '):
        yield 'it holds no Python script, which demisto-sdk puts there'
    yield from _scalars('the integration', document, *_TEXTS, *_MAPPINGS)
    yield from _scalars('the integration', script, 'isfetch', 'dockerimage')
    for name in ('sectionorder', 'sectionOrder'):
        yield from _list_of_scalars('the integration', document, name)
    yield from _named('parameter', '', document.get('configuration'), _parameter)
    yield from _named('command', '', script.get('commands'), _command)


def _parameter(title: str, parameter: Item) -> Iterator[str]:
    kind = parameter.get('type') or 0
    if not str(kind).isdecimal():
        yield f'the type of {title} is not a number'
    elif int(kind) == _INTERVAL and not is_interval(parameter.get('defaultvalue') or 1):
        yield f'the defaultvalue of {title} is no whole number of minutes from 1 to 999999'
    elif int(kind) != _MULTIPLE_SELECT or not isinstance(parameter.get('defaultvalue'), list):
        yield from _scalars(title, parameter, 'defaultvalue')
    else:
        yield from _list_of_scalars(title, parameter, 'defaultvalue')
    yield from _scalars(title, parameter, 'display', 'displaypassword', 'section', 'additionalinfo')
    yield from _list_of_scalars(title, parameter, 'options')


def _command(title: str, command: Item) -> Iterator[str]:
    if any(each.isspace() for each in command['name']):
        yield f'the name of {title} holds a space'
    if not is_time_limit(command.get('timeout') or 0):
        yield f'the timeout of {title} is not a number of seconds from 0 to {_MOST_SECONDS}'
    yield from _scalars(title, command, 'description')
    yield from _named('argument', f' of {title}', command.get('arguments'), _argument)
    yield from _outputs(title, command.get('outputs'))


def _outputs(title: str, outputs: Any) -> Iterator[str]:
    if outputs is not None and not isinstance(outputs, list):
        yield f'the outputs of {title} are no list'
    for number, output in enumerate(outputs or (), 1):
        if not _is_text(_item(output).get('contextPath')):
            yield f'the output {number} of {title} has no contextPath that is a text'
        yield from _scalars(f'the output {number} of {title}', output, 'description')


def _argument(title: str, argument: Item) -> Iterator[str]:
    yield from _scalars(title, argument, 'description', 'defaultValue')
    yield from _list_of_scalars(title, argument, 'predefined')


def _named(kind: str, owner: str, items: Any, check: Callable[[str, Item], Iterable[str]]) -> Iterator[str]:
    """Check a list of objects that have names, no two the same."""
    if items is not None and not isinstance(items, list):
        yield f'the {kind}s{owner} are no list'
    seen: set[str] = set()
    for number, item in enumerate(items or (), 1):
        name = _item(item).get('name')
        title = f'the {kind} {name}{owner}'
        if not _is_text(name):
            yield f'the {kind} {number}{owner} has no name that is a text'
        elif name in seen:
            yield f'{title} is there twice'
        seen.add(str(name))
        yield from check(title, item)


def _item(value: Any) -> Item:
    return value if isinstance(value, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_interval(value: Any) -> bool:
    """Return whether a value can be the minutes from one fetch to the next."""
    return _MINUTES.fullmatch(str(value).strip()) is not None


def is_time_limit(value: Any) -> bool:
    """Return whether a value can be the seconds that a command may take."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(seconds) and 0 <= seconds <= _MOST_SECONDS


def _scalars(title: str, item: Item, *names: str) -> Iterator[str]:
    return (f'{name} of {title} is not a single value' for name in names if isinstance(item.get(name), (dict, list)))


def _list_of_scalars(title: str, item: Item, name: str) -> Iterator[str]:
    values = item.get(name)
    if values is not None and not isinstance(values, list):
        yield f'{name} of {title} is not a list'
    elif any(isinstance(each, (dict, list)) for each in values or ()):
        yield f'{name} of {title} holds more than single values'


def _objects(title: str, item: Item, *names: str) -> Iterator[str]:
    return (f'{name} of {title} is not an object' for name in names if not isinstance(item.get(name) or {}, dict))
