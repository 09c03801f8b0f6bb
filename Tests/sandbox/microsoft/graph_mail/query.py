"""The query options of a request: ``$select``, ``$filter``, ``$orderby``, ``$expand``, ``$search``, ``$top``, ``$skip``."""

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.extended_properties import normal_id
from sandbox.microsoft.graph_mail.odata_filter import Filter, FilterParser, refusal
from sandbox.microsoft.graph_mail.schema import Schema

DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 1000
# What Mail.ReadBasic does not let read, besides attachments and extended properties
WITHHELD = frozenset({'body', 'bodyPreview', 'uniqueBody'})
# How many different texts of each option are read once only
CACHE_SIZE = 1000
_LIST_OPTIONS = frozenset({'$select', '$filter', '$orderby', '$expand', '$search', '$top', '$skip', '$count', '$skiptoken'})
_EXPANDED = re.compile(r'\s*([\w.]+(?:/\w+)?)\s*(?:\((.*)\))?\s*', re.DOTALL)
_PROPERTY_ID = re.compile(r"\s*id\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
_ATTACHMENT_CASTS = ('fileAttachment', 'itemAttachment', 'referenceAttachment')


@dataclass(frozen=True)
class Expand:
    """What comes along: attachments (with a selection), extended properties by their IDs, the items of item attachments, and the
    event of an invitation.
    """

    attachments: bool = False
    attachment_properties: frozenset[str] = frozenset()
    extended_properties: tuple[str, ...] = ()
    item: bool = False
    event: bool = False


@dataclass(frozen=True)
class Query:
    """The options of one request. ``order`` holds paths, and whether they descend; ``size`` is the page's."""

    select: frozenset[str] = frozenset()
    filter: Filter | None = None
    order: tuple[tuple[str, bool], ...] = ()
    expand: Expand = field(default_factory=Expand)
    search: str = ''
    size: int = DEFAULT_PAGE_SIZE
    skip: int = 0
    count: bool = False


def read_query(
    options: Mapping[str, str], kind: str, page_size: int | None = None, allowed: Collection[str] = _LIST_OPTIONS
) -> Query:
    """Read the options of a request for objects of the type ``kind``.

    Args:
        page_size: what ``Prefer: odata.maxpagesize`` says.
    Raises:
        GraphError: 400 for what is wrong or not known.
    """
    for name in options:
        if name.startswith('$') and name not in allowed:
            raise GraphError(400, 'BadRequest', f"The query option '{name}' is not supported.")
    if '$search' in options:
        refuse_beside_search(options)
    found = _filter(options['$filter'], kind) if options.get('$filter', '').strip() else None
    order = _order(options.get('$orderby', ''), kind)
    _check_efficiency(found, order)
    top = _number(options, '$top', page_size or DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE)
    token = options.get('$skiptoken')
    return Query(
        select=_selected(options.get('$select', ''), kind),
        filter=found,
        order=order,
        expand=_expand(options.get('$expand', ''), kind),
        search=options.get('$search', ''),
        size=min(top, page_size or MAX_PAGE_SIZE),
        skip=_number(options, '$skip', 0, 0, None) if token is None else read_skip_token(token),
        count=options.get('$count', '').lower() == 'true',
    )


def is_basic(query: Query) -> bool:
    """Return whether ``query`` needs no more than Mail.ReadBasic; a search does."""
    named = query.select | {path.partition('/')[0] for path in (query.filter.paths if query.filter else ())}
    return not query.search and query.expand == Expand() and not named & WITHHELD


def skip_token(offset: int) -> str:
    """Return where the next page begins, in a form that says nothing to the reader."""
    return base64.urlsafe_b64encode(json.dumps({'offset': offset}).encode()).decode()


def read_skip_token(token: str) -> int:
    try:
        offset = json.loads(base64.urlsafe_b64decode(token.encode()))['offset']
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise GraphError(400, 'ErrorInvalidUrlQuery', 'The skip token is not valid.') from None
    return int(offset)


def refuse_beside_search(options: Mapping[str, str]) -> None:
    for name, code in (('$filter', 'SearchWithFilter'), ('$orderby', 'SearchWithOrderBy'), ('$skip', 'SearchWithSkip')):
        if name in options:
            raise GraphError(400, code, f"The query parameter '{name}' is not supported with '$search'.")


@lru_cache(CACHE_SIZE)
def _filter(text: str, kind: str) -> Filter:
    return FilterParser(text, kind).parse()


def _check_efficiency(found: Filter | None, order: tuple[tuple[str, bool], ...]) -> None:
    if found is None or not order:
        return
    filtered = list(dict.fromkeys(found.paths))
    if filtered[: len(order)] != [path for path, _ in order]:
        raise GraphError(400, 'InefficientFilter', 'The restriction or sort order is too complex for this operation.')


@lru_cache(CACHE_SIZE)
def _selected(text: str, kind: str) -> frozenset[str]:
    names = [name.strip() for name in text.split(',') if name.strip()]
    if names == ['*']:
        return frozenset()
    for name in names:
        cast, _, rest = name.removeprefix('microsoft.graph.').partition('/')
        known_as = cast if kind == 'attachment' and rest and cast in _ATTACHMENT_CASTS else kind
        if Schema.load().type_of(known_as, rest if known_as != kind else name) is None:
            raise refusal(f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")
    return frozenset(names)


@lru_cache(CACHE_SIZE)
def _order(text: str, kind: str) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in filter(str.strip, text.split(',')):
        path, _, direction = part.strip().partition(' ')
        direction = direction.strip().lower()
        found = Schema.load().type_of(kind, path)
        if found is None:
            raise refusal(f"Could not find a property named '{path}' on type 'microsoft.graph.{kind}'.")
        if direction not in ('', 'asc', 'desc') or (found not in Schema.load().enums and not found.startswith('Edm.')):
            raise GraphError(400, 'ErrorInvalidUrlQuery', f"Sorting by '{part.strip()}' is not supported.")
        order.append((path, direction == 'desc'))
    return tuple(order)


@lru_cache(CACHE_SIZE)
def _expand(text: str, kind: str) -> Expand:
    settings: dict[str, Any] = {}
    for part in filter(str.strip, _split(text)):
        found = _EXPANDED.fullmatch(part)
        name, inner = (found[1], found[2] or '') if found else (part, '')
        if kind == 'message' and name == 'attachments':
            settings |= {'attachments': True, 'attachment_properties': _inner_selection(inner)}
        elif kind == 'message' and name == 'singleValueExtendedProperties':
            settings['extended_properties'] = _property_ids(inner)
        elif kind == 'message' and name.lower() == 'microsoft.graph.eventmessage/event':
            settings['event'] = True
        elif kind == 'attachment' and name.lower() == 'microsoft.graph.itemattachment/item':
            settings['item'] = True
        else:
            raise refusal(f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")
    return Expand(**settings)


def _inner_selection(text: str) -> frozenset[str]:
    if not text:
        return frozenset()
    name, _, value = text.partition('=')
    if name.strip() != '$select':
        raise refusal(f"The query option '{name.strip()}' is not supported inside '$expand'.")
    return _selected(value, 'attachment')


def _property_ids(text: str) -> tuple[str, ...]:
    name, _, condition = text.partition('=')
    found = [_PROPERTY_ID.fullmatch(part) for part in re.split(r'(?i)\s+or\s+', condition)]
    identifiers = [one[1].replace("''", "'") for one in found if one]
    if name.strip().lower() != '$filter' or len(identifiers) != len(found):
        raise GraphError(400, 'ErrorInvalidUrlQueryFilter', 'The query filter contains one or more invalid nodes.')
    for identifier in identifiers:
        if normal_id(identifier) is None:
            raise GraphError(400, 'ErrorInvalidProperty', f"The extended property ID '{identifier}' is not valid.")
    return tuple(identifiers)


def _split(text: str) -> list[str]:
    """Split at the commas that are neither in parentheses nor in quotes."""
    parts, depth, quoted = [''], 0, False
    for character in text:
        quoted ^= character == "'"
        depth += 0 if quoted else {'(': 1, ')': -1}.get(character, 0)
        if character == ',' and not depth and not quoted:
            parts.append('')
        else:
            parts[-1] += character
    return parts


def _number(options: Mapping[str, str], name: str, default: int, smallest: int, largest: int | None) -> int:
    text = options.get(name, str(default))
    if not text.isdigit() or int(text) < smallest or (largest is not None and int(text) > largest):
        raise GraphError(400, 'ErrorInvalidUrlQuery', f"'{text}' is not a valid value of {name}.")
    return int(text)
