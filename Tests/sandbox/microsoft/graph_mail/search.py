"""``$search``: words and ``property:value`` pairs of the Keyword Query Language, joined by AND, OR and NOT."""

import re
from collections.abc import Callable

from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.microsoft.graph_mail.odata_filter import COMPARISONS, parse_time

MAX_FOUND = 1000
_TERM = re.compile(r'\s*(?:(\w+)\s*(:|>=|<=|>|<|=)\s*)?("[^"]*"|[^\s()]+)')
_OPERATORS = {':': 'eq', '=': 'eq', '>=': 'ge', '<=': 'le', '>': 'gt', '<': 'lt'}
DAY = 24 * 3600.0

Test = Callable[[Message], bool]


def _addresses(addresses: list[EmailAddress]) -> str:
    return ' '.join(f'{one.name} {one.address}' for one in addresses)


TEXTS: dict[str, Callable[[Message], str]] = {
    'from': lambda message: _addresses([message.sender]),
    'to': lambda message: _addresses(message.to),
    'cc': lambda message: _addresses(message.cc),
    'bcc': lambda message: _addresses(message.bcc),
    'recipients': lambda message: _addresses(message.recipients),
    'participants': lambda message: _addresses([message.sender, *message.recipients]),
    'subject': lambda message: message.subject,
    'body': lambda message: message.text,
    'importance': lambda message: message.importance,
    'attachment': lambda message: ' '.join(one.name or '' for one in message.attachments),
    'hasattachments': lambda message: str(message.has_attachments).lower(),
    'isread': lambda message: str(message.is_read).lower(),
}
MOMENTS: dict[str, Callable[[Message], float]] = {
    'received': lambda message: message.received,
    'sent': lambda message: message.received if message.sent is None else message.sent,
}


def search_messages(messages: list[Message], search: str) -> list[Message]:
    """Return the messages that ``search`` finds, latest sent first. Raises GraphError 400 for an empty search."""
    text = search.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"')
    if not text.strip():
        raise GraphError(400, 'BadRequest', "The query parameter '$search' must not be empty.")
    test = _test(text)
    return sorted(filter(test, messages), key=MOMENTS['sent'], reverse=True)[:MAX_FOUND]


def _test(text: str) -> Test:
    alternatives: list[list[Test]] = [[]]
    denies = False
    for name, operator, value in _TERM.findall(text.replace('(', ' ').replace(')', ' ')):
        if not name and value in ('AND', 'OR', 'NOT'):
            if value == 'OR':
                alternatives.append([])
            denies = value == 'NOT'
            continue
        term = _term(name.lower(), operator, value.strip('"').casefold())
        alternatives[-1].append(_denied(term) if denies else term)
        denies = False
    return lambda message: any(all(one(message) for one in conjunction) for conjunction in alternatives)


def _denied(test: Test) -> Test:
    return lambda message: not test(message)


def _term(name: str, operator: str, value: str) -> Test:
    if not name:
        return lambda message: any(value in TEXTS[one](message).casefold() for one in ('from', 'subject', 'body'))
    if name in MOMENTS:
        return _moment(MOMENTS[name], _OPERATORS[operator], value)
    if name not in TEXTS:
        raise GraphError(400, 'BadRequest', f"Syntax error: '{name}' is not a property that can be searched.")
    read = TEXTS[name]
    return lambda message: value in read(message).casefold()


def _moment(read: Callable[[Message], float], operator: str, value: str) -> Test:
    try:
        moment = parse_time(value.upper())
    except ValueError:
        raise GraphError(400, 'BadRequest', f"Syntax error: '{value}' is not a date.") from None
    if operator == 'eq':
        return lambda message: moment <= read(message) < moment + DAY
    compare = COMPARISONS[operator]
    return lambda message: compare(read(message), moment)
