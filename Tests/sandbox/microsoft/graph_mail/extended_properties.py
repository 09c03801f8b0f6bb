"""Single-value extended properties: MAPI properties of a message by their Graph IDs, such as ``String 0x007D``."""

import re

from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.model import Message

TRANSPORT_HEADERS = 'string 0x7d'
INTERNET_MESSAGE_ID = 'string 0x1035'
MESSAGE_FLAGS = 'integer 0xe07'
MESSAGE_SIZE = 'integer 0xe08'
DEFERRED_SEND_TIME = 'systemtime 0x3fef'

_BY_TAG = re.compile(r'(\w+) 0x([0-9a-f]{1,4})', re.IGNORECASE)
_BY_NAME = re.compile(r'(\w+) \{[0-9a-f-]{36}\} (Name .+|Id 0x[0-9a-f]+)', re.IGNORECASE)


def normal_id(identifier: str) -> str | None:
    """Return the ID in one spelling, None when it is not an ID: ``String 0x007D`` and ``string 0x7d`` are the same."""
    by_tag = _BY_TAG.fullmatch(identifier.strip())
    if by_tag:
        return f'{by_tag[1].lower()} {int(by_tag[2], 16):#x}'
    return identifier.strip().lower() if _BY_NAME.fullmatch(identifier.strip()) else None


def shown_id(identifier: str) -> str:
    """Return a valid ID as Graph shows it: a tag in small letters without leading zeros."""
    return _BY_TAG.sub(lambda found: f'{found[1]} {int(found[2], 16):#x}', identifier.strip())


def value_of(message: Message, identifier: str) -> str | None:
    """Return the value of a property of ``message``, None without it."""
    name = normal_id(identifier)
    if name == TRANSPORT_HEADERS and not message.is_draft:
        return ''.join(f'{key}: {value}\r\n' for key, value in mime.headers(message))
    if name == INTERNET_MESSAGE_ID:
        return message.internet_message_id
    if name == MESSAGE_SIZE:
        return str(message.size)
    if name == MESSAGE_FLAGS:
        return str(1 * message.is_read | 4 * message.is_submitted | 8 * message.is_draft)
    return next((value for known, value in message.properties.items() if normal_id(known) == name), None)
