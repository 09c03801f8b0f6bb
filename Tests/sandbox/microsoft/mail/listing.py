"""Pages: which objects a list shows, in which order, and where the next page is."""
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import request

from sandbox.microsoft.mail.mailbox import Mailbox
from sandbox.microsoft.mail.model import Message
from sandbox.microsoft.mail.odata_filter import Resolve, comparable, dig
from sandbox.microsoft.mail.query import Query, skip_token
from sandbox.microsoft.mail.representation import MESSAGE_PROPERTIES, View
from sandbox.microsoft.mail.schema import Schema
from sandbox.microsoft.mail.search import searched

Listed = TypeVar('Listed')
Properties = dict[str, Any]


def found_messages(mailbox: Mailbox, folder_id: str | None, query: Query, view: View) -> list[Message]:
    """The messages of a folder, or of all, that ``query`` asks for."""
    messages = mailbox.messages(folder_id)
    if query.search:
        return searched(messages, query.search)
    return arranged(messages, query, 'message', lambda message: message_resolver(message, view))


def message_resolver(message: Message, view: View) -> Resolve:
    """Gives the properties of ``message`` to a filter; each is made only when it is asked for."""
    def resolve(path: str) -> Any:
        name, *rest = path.split('/')
        if name == 'singleValueExtendedProperties':
            return [{'id': known, 'value': value} for known, value in message.properties.items()]
        getter = MESSAGE_PROPERTIES.get(name)
        return dig(getter(message, view), rest) if getter else None
    return resolve


def arranged(found: list[Listed], query: Query, kind: str, resolver: Callable[[Listed], Resolve]) -> list[Listed]:
    """Those that the filter lets through, in the order that is asked for."""
    if query.filter:
        matches = query.filter.matches
        found = [one for one in found if matches(resolver(one))]
    for path, descends in reversed(query.order):
        found = sorted(found, key=_key(path, kind, resolver), reverse=descends)
    return found


def page_of(found: list[Listed], query: Query, show: Callable[[Listed], Properties], context: str, graph: str) -> Properties:
    """The answer with one page, and the link to the next one when there is more."""
    answer: Properties = {'@odata.context': context}
    if query.count:
        answer['@odata.count'] = len(found)
    end = query.skip + query.size
    answer['value'] = [show(one) for one in found[query.skip:end]]
    if end < len(found):
        options = {name: value for name, value in request.args.items() if name not in ('$skip', '$skiptoken')}
        answer['@odata.nextLink'] = link(graph, {**options, '$skiptoken': skip_token(end)})
    return answer


def link(graph: str, options: dict[str, str]) -> str:
    """A URL of the same path with other options."""
    return f'{graph}{quote(request.path)}?{urlencode(options)}'


def _key(path: str, kind: str, resolver: Callable[[Listed], Resolve]) -> Callable[[Listed], Any]:
    value_type = Schema.load().type_of(kind, path) or ''

    def key(one: Listed) -> tuple[bool, Any]:
        value = comparable(resolver(one)(path), value_type)
        return value is not None, value
    return key
