"""Pages: which objects a list shows, in which order, and where the next page is."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import request

from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message
from sandbox.microsoft.graph_mail.odata_filter import COMPARED_SENDER, Filter, Resolve, comparable, follow_path
from sandbox.microsoft.graph_mail.query import Query, skip_token
from sandbox.microsoft.graph_mail.representation import MESSAGE_PROPERTIES, View
from sandbox.microsoft.graph_mail.schema import Schema
from sandbox.microsoft.graph_mail.search import search_messages

Listed = TypeVar('Listed')
Properties = dict[str, Any]
# What Graph shows, and compares, are whole seconds: what a literal needs to be the first moment, and the one after the last
_BOUNDS: dict[str, tuple[int | None, int | None]] = {
    'ge': (0, None),
    'gt': (1, None),
    'le': (None, 1),
    'lt': (None, 0),
    'eq': (0, 1),
}
_MOMENTS: dict[str, Callable[[Message], float]] = {
    'receivedDateTime': lambda message: message.received,
    'sentDateTime': lambda message: message.received if message.sent is None else message.sent,
    'createdDateTime': lambda message: message.received if message.created is None else message.created,
    'lastModifiedDateTime': lambda message: message.received if message.modified is None else message.modified,
}


def select_messages(mailbox: Mailbox, folder_id: str | None, query: Query, view: View) -> Iterable[Message]:
    """Return the messages of a folder, or of all, that ``query`` asks for. No more of them are looked at than a page needs."""
    check_page(mailbox, query)
    if query.search:
        return search_messages(mailbox.messages(folder_id), query.search)
    first, end = received_bounds(query.filter)
    messages = mailbox.messages(folder_id, first, end)
    if mailbox.refuses_sorting and query.filter:
        if query.order and set(query.filter.paths) - {path for path, _ in query.order}:
            raise GraphError(400, 'ErrorRestrictionTooComplex', 'The restriction or sort order is too complex.')
        if not query.order:
            messages.reverse()
    if query.order == (('receivedDateTime', False),):
        messages.reverse()
        if mailbox.overlooks_starts and first is not None and first % 3 == 0:
            return []
    in_order = not query.order or (len(query.order) == 1 and query.order[0][0] == 'receivedDateTime')
    only_bounds = query.filter is None or (
        query.filter.is_required_only
        and all(path == 'receivedDateTime' and operator in _BOUNDS for path, operator, _ in query.filter.required)
    )
    left = replace(query, order=() if in_order else query.order, filter=None if only_bounds else query.filter)
    return filter_and_sort(messages, left, 'message', lambda message: message_resolver(mailbox, message, view))


def check_page(mailbox: Mailbox, query: Query) -> None:
    """Raise GraphError if a page of messages is too much."""
    if query.size > mailbox.max_page:
        raise GraphError(mailbox.slow_status, 'UnknownError', 'A page with so many messages takes too long.')


def received_bounds(found: Filter | None) -> tuple[float | None, float | None]:
    """Return from when and before when everything was received that a filter lets through; None for no bound."""
    bounds = [
        (value, *_BOUNDS[operator])
        for path, operator, value in (found.required if found else ())
        if path == 'receivedDateTime' and operator in _BOUNDS
    ]
    firsts = [value + lower for value, lower, _ in bounds if lower is not None]
    ends = [value + upper for value, _, upper in bounds if upper is not None]
    return max(firsts, default=None), min(ends, default=None)


def message_resolver(mailbox: Mailbox, message: Message, view: View) -> Resolve:
    """Give the properties of ``message`` to a filter; each is made only when it is asked for."""

    def resolve(path: str) -> Any:
        if path == COMPARED_SENDER:
            address, own_domain = message.sender.address, mailbox.owner.address.partition('@')[2]
            is_missed = mailbox.misses_senders and ('_' in address or address.endswith(f'@{own_domain}'))
            return None if is_missed else address
        if path in _MOMENTS:
            return int(_MOMENTS[path](message))
        if path in MESSAGE_PROPERTIES:
            return MESSAGE_PROPERTIES[path](message, view)
        name, *rest = path.split('/')
        if name == 'singleValueExtendedProperties':
            return [{'id': known, 'value': value} for known, value in message.properties.items()]
        getter = MESSAGE_PROPERTIES.get(name)
        return follow_path(getter(message, view), rest) if getter else None

    return resolve


def filter_and_sort(found: Iterable[Listed], query: Query, kind: str, resolver: Callable[[Listed], Resolve]) -> Iterable[Listed]:
    """Return those that the filter lets through, in the order that is asked for."""
    if query.filter:
        matches = query.filter.matches
        found = (one for one in found if matches(resolver(one)))
    for path, descends in reversed(query.order):
        found = sorted(found, key=_key(path, kind, resolver), reverse=descends)
    return found


def page_json(
    found: Iterable[Listed], query: Query, show: Callable[[Listed], Properties], context: str, graph: str
) -> Properties:
    """Return the answer with one page, and the link to the next one when there is more."""
    answer: Properties = {'@odata.context': context}
    if query.count:
        found = list(found)
        answer['@odata.count'] = len(found)
    end = query.skip + query.size
    rows = list(islice(found, query.skip, end + 1))
    answer['value'] = [show(one) for one in rows[: query.size]]
    if len(rows) > query.size:
        options = {name: value for name, value in request.args.items() if name not in ('$skip', '$skiptoken')}
        answer['@odata.nextLink'] = link(graph, {**options, '$skiptoken': skip_token(end)})
    return answer


def link(graph: str, options: dict[str, str]) -> str:
    """Return a URL of the same path with other options."""
    return f'{graph}{quote(request.path)}?{urlencode(options)}'


def _key(path: str, kind: str, resolver: Callable[[Listed], Resolve]) -> Callable[[Listed], Any]:
    value_type = Schema.load().type_of(kind, path) or ''

    def key(one: Listed) -> tuple[bool, Any]:
        value = comparable(resolver(one)(path), value_type)
        return value is not None, value

    return key
