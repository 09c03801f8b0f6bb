"""CommonServerPython and demistomock offer names, parameters, defaults and constants as the platform's own do."""

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import CommonServerPython
import demistomock
from conformance.common_server.recording import DATA, STUB_IS_TESTED

# what no integration of this repository uses
LEFT_OUT_OF_THE_STUB = {
    'Common',
    'DBotScoreType',
    'IntegrationLogger.build_curl',
    'WarningsHandler',
    'auto_detect_indicator_type',
    'datetime_to_string',
    'detect_file_indicator_type',
    'filter_incidents_by_duplicates_and_limit',
    'get_fetch_run_time_range',
    'get_message_classes_dump',
    'set_last_mirror_run',
    'update_last_run_object',
}
# what a copy of the real files may still have as it was before; the integration tries the new form first
CHANGED_BY_THE_PLATFORM = {'updateModuleHealth'}


class Declaration(NamedTuple):
    """One line of the list: a class, a function or method, or a constant."""

    module: ModuleType
    name: str
    kind: str
    text: str


def declarations() -> Iterator[Declaration]:
    """Yield the list, with the methods and constants of a class under ``Class.name``."""
    module: ModuleType = CommonServerPython
    class_ = ''
    for line in (DATA / 'xsoar-api-signatures.txt').read_text(encoding='utf-8').splitlines():
        if line.startswith('---'):
            module = demistomock
        elif match := re.match(r'class (\w+)', line):
            class_ = match.group(1)
            yield Declaration(module, class_, 'class', '')
        elif match := re.match(r'( *)(\w+)(?: = (.+)|(\(.*\))(?: \[(\w+)\])?)$', line):
            indent, name, value, parameters, mark = match.groups()
            yield Declaration(
                module, f'{class_}.{name}' if indent else name, 'constant' if value else mark or 'function', value or parameters
            )


def offered(declaration: Declaration) -> Any:
    """Return what the module has under the name, None if nothing; a method as its class defines it."""
    class_, _, name = declaration.name.rpartition('.')
    home = getattr(declaration.module, class_, None) if class_ else declaration.module
    return inspect.getattr_static(home, name, None) if home else None


def listed_value(expression: ast.expr | None, declaration: Declaration) -> Any:
    """Return a default or constant of the list: a literal, a name of the module or the class, or ``tuple()``."""
    if expression is None:
        return inspect.Parameter.empty
    if isinstance(expression, ast.Call):
        return ()
    if isinstance(expression, ast.Name):
        class_ = getattr(declaration.module, declaration.name.partition('.')[0])
        return getattr(class_, expression.id, None) or getattr(declaration.module, expression.id)
    return ast.literal_eval(expression)


def listed_parameters(declaration: Declaration) -> list[tuple[str, Any]]:
    """Names and defaults of the parameters, as listed."""
    [function] = ast.parse(f'def function{declaration.text}: pass').body
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    named = arguments.args
    defaults = [None] * (len(named) - len(arguments.defaults)) + list(arguments.defaults)
    stars = [f'*{arguments.vararg.arg}'] if arguments.vararg else []
    stars += [f'**{arguments.kwarg.arg}'] if arguments.kwarg else []
    return [(name.arg, listed_value(default, declaration)) for name, default in zip(named, defaults, strict=True)] + [
        (star, inspect.Parameter.empty) for star in stars
    ]


def parameters(function: Any) -> list[tuple[str, Any]]:
    """Names and defaults of the parameters, as offered."""
    stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: '*', inspect.Parameter.VAR_KEYWORD: '**'}
    return [(stars.get(each.kind, '') + each.name, each.default) for each in inspect.signature(function).parameters.values()]


ALL = list(declarations())
OFFERED = [declaration for declaration in ALL if offered(declaration) is not None]
COMPARED = [each for each in OFFERED if STUB_IS_TESTED or each.name not in CHANGED_BY_THE_PLATFORM]


def test_what_is_left_out_is_known() -> None:
    left_out = {declaration.name for declaration in ALL if declaration not in OFFERED}
    left_out -= {name for name in left_out if name.partition('.')[0] in left_out - {name}}
    assert left_out == (LEFT_OUT_OF_THE_STUB if STUB_IS_TESTED else set())


@pytest.mark.parametrize('declaration', COMPARED, ids=[f'{each.module.__name__}-{each.name}-{each.kind}' for each in COMPARED])
def test_a_name_is_declared_as_on_the_platform(declaration: Declaration) -> None:
    found = offered(declaration)
    if declaration.kind == 'class':
        assert inspect.isclass(found)
    elif declaration.kind == 'constant':
        assert found == ast.literal_eval(declaration.text)
    elif isinstance(found, property):
        accessor = found.fget if declaration.kind == 'property' else found.fset
        assert accessor
        assert len(parameters(accessor)) == len(listed_parameters(declaration))
    else:
        assert isinstance(found, staticmethod) == (declaration.kind == 'static')
        function = found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
        assert parameters(function) == listed_parameters(declaration)
