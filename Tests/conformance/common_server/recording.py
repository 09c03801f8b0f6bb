"""Read what the real CommonServerPython was recorded to answer, and play the calls to the one that is on the path."""

import ast
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import CommonServerPython

DATA = Path(__file__).parent / 'data'
STUB = Path(__file__).parents[2] / 'CommonServerPython' / 'CommonServerPython.py'
STUB_IS_TESTED = Path(CommonServerPython.__file__).resolve() == STUB.resolve()

MessageRow = dict[str, Any]


def rows(file_name: str) -> list[MessageRow]:
    """Return the rows of a recording."""
    return json.loads((DATA / file_name).read_text(encoding='utf-8'))


def revived(value: Any) -> Any:
    """Return a value of the recording as it was given: bytes stand there as hexadecimal digits."""
    if isinstance(value, dict):
        return bytes.fromhex(value['bytes']) if value.keys() == {'bytes'} else {key: revived(item) for key, item in value.items()}
    return [revived(item) for item in value] if isinstance(value, list) else value


def recorded(value: Any) -> Any:
    """Return a value as the recording writes it."""
    if isinstance(value, bytes):
        return {'bytes': value.hex()}
    if isinstance(value, datetime):
        return {'datetime': value.isoformat()}
    if isinstance(value, dict):
        return {key: recorded(item) for key, item in value.items()}
    return [recorded(item) for item in value] if isinstance(value, (list, tuple)) else value


def call_of(row: MessageRow) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments and keywords of a row, with what the recording lost: the order of keys, and what became text."""
    args, kwargs = revived(row['args']), revived(row['kwargs'])
    if kwargs.get('sort_headers') is False:
        # the table's keys were not in the order of the alphabet, or the answer would be
        args[1] = [dict(reversed(item.items())) for item in args[1]]
    if row['function'] == 'return_error' and 'outputs' in kwargs:
        kwargs['outputs'] = ast.literal_eval(kwargs['outputs'])
    if row['function'] == 'str(DemistoException)':
        args[1] = ValueError('v')
    return args, kwargs


def _metrics_entry() -> Any:
    metrics = CommonServerPython.ExecutionMetrics()
    metrics.success += 2
    metrics.quota_error += 1
    assert metrics.metrics
    return metrics.metrics.to_context()


_OF_CLASSES: dict[str, tuple[str, Callable[..., Any]]] = {
    'CommandResults(...).to_context': (
        'CommandResults',
        lambda **kwargs: CommonServerPython.CommandResults(**kwargs).to_context(),
    ),
    'ScheduledCommand(...).to_results': (
        'ScheduledCommand',
        lambda **kwargs: CommonServerPython.ScheduledCommand(**kwargs).to_results(),
    ),
    'str(DemistoException)': ('DemistoException', lambda *args: str(CommonServerPython.DemistoException(*args))),
    'ExecutionMetrics success+=2 quota_error+=1 .metrics.to_context': ('ExecutionMetrics', _metrics_entry),
}


def function_of(row: MessageRow) -> Callable[..., Any] | None:
    """Return what a row calls; None if the module on the path does not offer it."""
    name, call = _OF_CLASSES.get(row['function'], (row['function'], None))
    offered = getattr(CommonServerPython, name, None)
    return call if offered and call else offered


def play(function: Callable[..., Any], row: MessageRow) -> MessageRow:
    """Return what a call returns, raises or exits with, in the shape of the recording."""
    args, kwargs = call_of(row)
    try:
        returned = function(*args, **kwargs)
    except SystemExit as exit_:
        return {'exits': exit_.code}
    except Exception as error:
        return {'raises': type(error).__name__, 'message': str(error)}
    if 'span_seconds' in row:
        start, end = returned
        return {'span_seconds': round((end - start).total_seconds())}
    return {'returns': recorded(returned)}
