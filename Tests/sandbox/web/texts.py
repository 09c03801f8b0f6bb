"""Times, sizes and JSON as a person reads them. They are filters of the templates."""

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any


def moment(text: str) -> str:
    """Return an RFC 3339 time in UTC as a person reads it."""
    return f'{text[:10]} {text[11:19]} UTC' if text[19:20] in ('.', 'Z') else text


def ago(text: str) -> str:
    """Return how long ago an RFC 3339 time in UTC was."""
    try:
        seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(text[:19] + '+00:00')).total_seconds()
    except (ValueError, TypeError):
        return text
    for length, name in ((86400, 'day'), (3600, 'hour'), (60, 'minute')):
        if seconds >= length:
            count = int(seconds // length)
            return f'{count} {name}{"s" if count > 1 else ""} ago'
    return 'just now' if seconds < 5 else f'{int(seconds)} seconds ago'


def size(count: int) -> str:
    """Return a number of bytes."""
    return f'{count:,} bytes' if count < 10_000 else f'{count / 1000:,.0f} kB' if count < 10_000_000 else f'{count / 1e6:,.0f} MB'


def pretty(text: str) -> str:
    """Return a JSON text with line breaks; any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def shown(value: Any) -> str:
    """Return the value of a field: a list of texts line by line, objects as JSON."""
    if isinstance(value, list) and not any(isinstance(each, (dict, list)) for each in value):
        return '\n'.join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def rfc3339(seconds: float) -> str:
    """Return epoch seconds as an RFC 3339 time in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


FILTERS: dict[str, Callable[..., Any]] = {
    'moment': moment,
    'ago': ago,
    'size': size,
    'pretty': pretty,
    'shown': shown,
    'rfc3339': rfc3339,
    'pair': lambda value: (value, value),
}
