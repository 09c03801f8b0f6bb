"""The ``Prefer`` header: what a request would like of its answer."""

import re
from dataclasses import dataclass
from functools import lru_cache

_PREFERENCE = re.compile(r'([\w.-]+)\s*(?:=\s*("[^"]*"|[^,;\s]*))?')
BODY_TYPES = ('text', 'html')


@dataclass(frozen=True)
class Preferences:
    """``applied`` is what the answer's ``Preference-Applied`` says."""

    immutable_ids: bool = False
    body_type: str = 'html'
    page_size: int | None = None
    applied: tuple[str, ...] = ()


@lru_cache(1000)
def preferences(values: tuple[str, ...]) -> Preferences:
    """Read all ``Prefer`` headers of a request; several values may share one. Unknown ones are ignored."""
    found = {name: value.strip('"') for header in values for name, value in _PREFERENCE.findall(header)}
    immutable = found.get('IdType') == 'ImmutableId'
    body_type = found.get('outlook.body-content-type', '').lower()
    size = found.get('odata.maxpagesize', '')
    page_size = int(size) if size.isdigit() and int(size) > 0 else None
    applied = ['IdType="ImmutableId"'] * immutable
    applied += [f'outlook.body-content-type="{body_type}"'] * (body_type in BODY_TYPES)
    applied += [f'odata.maxpagesize={page_size}'] * (page_size is not None)
    return Preferences(immutable, body_type if body_type in BODY_TYPES else 'html', page_size, tuple(applied))
