"""From what a command sent with ``demisto.results`` to entries of the war room."""

import json
from dataclasses import dataclass, field
from typing import Any

NOTE, FILE, ERROR, INFO_FILE, DEBUG_FILE, METRICS = 1, 3, 4, 9, 16, 19
# The platform's own limit of a polling command that names none, in seconds.
_POLLING_TIMEOUT = 600.0


@dataclass(frozen=True)
class Polling:
    """A command that the server shall run again: seconds until then, seconds that all of it may take."""

    command: str
    arguments: dict[str, Any] = field(repr=False)
    next_run: float
    timeout: float


@dataclass
class Entry:
    """One entry, before it has a place in a war room.

    ``contents`` is what a person reads, ``raw`` what the command sent; ``outputs`` goes into the context; ``file_id`` names a
    file in the working folder.
    """

    contents: str
    format: str = 'text'
    type: int = NOTE
    outputs: dict[str, Any] = field(default_factory=dict)
    file: str = ''
    file_id: str = ''
    note: bool = False
    tags: list[str] = field(default_factory=list)
    polling: Polling | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)
    raw: Any = None


def error_entry(sentence: str) -> Entry:
    return Entry(sentence, type=ERROR)


def entries_of(result: Any) -> list[Entry]:
    """Return the entries of one result: a text, an entry, some other JSON value, or a list of these. Nothing gives no entry."""
    if result is None:
        return []
    if isinstance(result, list):
        return [entry for item in result for entry in entries_of(item)]
    if isinstance(result, dict) and 'Type' in result:
        try:
            return [_entry(result)]
        except (TypeError, ValueError):
            return [error_entry('The command sent an entry that cannot be read: use CommandResults, or the fields of an entry.')]
    return [Entry(*readable(result), raw=result)]


def _entry(result: dict[str, Any]) -> Entry:
    contents, shape = result.get('Contents'), str(result.get('ContentsFormat') or 'text')
    human = result.get('HumanReadable')
    if human:
        contents, shape = human, 'markdown'
    elif not isinstance(contents, str):
        contents, shape = readable(contents)
    outputs = result.get('EntryContext')
    return Entry(
        contents=str(contents),
        format=shape,
        type=int(result['Type']),
        outputs=outputs if isinstance(outputs, dict) else {},
        file=str(result.get('File') or ''),
        file_id=str(result.get('FileID') or ''),
        note=bool(result.get('Note')),
        tags=list(result.get('Tags') or []),
        polling=_polling(result),
        metrics=list(result.get('APIExecutionMetrics') or []),
        raw=result.get('Contents'),
    )


def readable(value: Any) -> tuple[str, str]:
    """Return a value as a person reads it, and the format of that."""
    if value is None:
        return '', 'text'
    return (value, 'text') if isinstance(value, str) else (json.dumps(value, ensure_ascii=False), 'json')


def _polling(result: dict[str, Any]) -> Polling | None:
    command = str(result.get('PollingCommand') or '').lstrip('!')
    if not command:
        return None
    timeout = result.get('Timeout')
    return Polling(
        command,
        dict(result.get('PollingArgs') or {}),
        float(result.get('NextRun') or 0),
        float(timeout) if timeout else _POLLING_TIMEOUT,
    )
