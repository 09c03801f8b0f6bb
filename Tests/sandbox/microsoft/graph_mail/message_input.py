"""From the JSON of a request to a message: what a new one may say, and what may be changed of one that exists."""

import base64
import re
from collections.abc import Callable
from typing import Any

from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.extended_properties import normal_id
from sandbox.microsoft.graph_mail.model import (
    Attachment,
    EmailAddress,
    FileAttachment,
    Flag,
    ItemAttachment,
    Message,
    OutlookItem,
    ReferenceAttachment,
)

MAX_HEADERS = 5
_HEADER_NAME = re.compile(r'[xX]-[!-9;-~]+')
# What can be changed only before a message is sent
DRAFT_ONLY = (
    'subject',
    'body',
    'toRecipients',
    'ccRecipients',
    'bccRecipients',
    'replyTo',
    'from',
    'sender',
    'internetMessageId',
    'isReadReceiptRequested',
    'isDeliveryReceiptRequested',
)


def new_draft(body: dict[str, Any], owner: EmailAddress, now: float) -> Message:
    """Return a draft of ``owner`` as ``body``, a ``message`` of Graph, describes it. Raises GraphError 400."""
    message = Message('', owner, now, is_draft=True, is_read=True)
    fill(message, body)
    add_headers(message, body)
    message.attachments += [new_attachment(one, now) for one in body.get('attachments') or []]
    return message


def change(message: Message, body: dict[str, Any]) -> None:
    """Change what ``body`` says of an existing message. Raises GraphError 400 and changes nothing then."""
    if 'attachments' in body:
        raise GraphError(400, 'ErrorInvalidRequest', 'Attachments cannot be changed with the message. Use its attachments.')
    refused = [name for name in body if name in DRAFT_ONLY or name == 'internetMessageHeaders']
    if 'internetMessageHeaders' in refused or (refused and not message.is_draft):
        raise GraphError(400, 'ErrorInvalidPropertySet', f"The property '{refused[0]}' cannot be changed now.")
    fill(message, body)
    if refused:
        message.changed()


def fill(message: Message, body: dict[str, Any]) -> None:
    """Set the properties that can be written; ignore those that only the service writes."""
    values = {name: (write, body[name]) for name, write in WRITERS.items() if name in body}
    _property_names(body.get('singleValueExtendedProperties') or [])
    for write, value in values.values():
        write(message, value)


def add_headers(message: Message, body: dict[str, Any]) -> None:
    """Add custom headers. Raises GraphError 400."""
    wanted = body.get('internetMessageHeaders') or []
    for header in wanted:
        name = header.get('name') or ''
        if not _HEADER_NAME.fullmatch(name):
            raise GraphError(
                400, 'InvalidInternetMessageHeader', f"The internet message header name '{name}' should start with 'x-' or 'X-'."
            )
    if len(wanted) > MAX_HEADERS:
        raise GraphError(
            400,
            'InvalidInternetMessageHeaderCollection',
            f'Maximum number of headers in one message should be less than or equal to {MAX_HEADERS}.',
        )
    message.headers += [(header['name'], header.get('value') or '') for header in wanted]


def new_attachment(body: dict[str, Any], now: float) -> Attachment:
    """Return an attachment as ``body`` describes it. Raises GraphError 400."""
    kind = str(body.get('@odata.type', '')).removeprefix('#').removeprefix('microsoft.graph.')
    shared: dict[str, Any] = {
        'name': body.get('name'),
        'content_type': body.get('contentType'),
        'is_inline': bool(body.get('isInline')),
        'modified': now,
    }
    if kind == 'fileAttachment':
        if body.get('contentBytes') is None:
            raise GraphError(400, 'ErrorInvalidRequest', 'A file attachment needs contentBytes.')
        return FileAttachment(
            content=Content(base64.b64decode(body['contentBytes'])),
            content_id=body.get('contentId'),
            content_location=body.get('contentLocation'),
            **shared,
        )
    if kind == 'itemAttachment':
        return ItemAttachment(item=_item(body.get('item') or {}, now), **shared)
    if kind == 'referenceAttachment':
        return ReferenceAttachment(source_url='', **shared)
    raise GraphError(400, 'RequestBodyRead', "An attachment needs '@odata.type', such as '#microsoft.graph.fileAttachment'.")


def email_addresses(value: list[dict[str, Any]] | None) -> list[EmailAddress]:
    return [email_address(one) for one in value or []]


def email_address(value: dict[str, Any] | None) -> EmailAddress:
    address = ((value or {}).get('emailAddress') or {}).get('address') or ''
    name = ((value or {}).get('emailAddress') or {}).get('name') or address
    return EmailAddress(name, address)


def _item(body: dict[str, Any], now: float) -> Message | OutlookItem:
    kind = str(body.get('@odata.type', '')).removeprefix('#').removeprefix('microsoft.graph.')
    if kind == 'message':
        message = Message('', email_address(body.get('from')), now, is_read=True)
        fill(message, body)
        message.attachments = [new_attachment(one, now) for one in body.get('attachments') or []]
        return message
    if kind not in ('event', 'contact'):
        raise GraphError(400, 'RequestBodyRead', "An item needs '@odata.type': message, event or contact.")
    name = str(body.get('subject') or body.get('displayName') or '')
    raw = (
        f'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:{name}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n'
        if kind == 'event'
        else f'BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nEND:VCARD\r\n'
    )
    return OutlookItem(kind=kind, properties={key: value for key, value in body.items() if '@' not in key}, raw=raw.encode())


def _body(message: Message, value: dict[str, Any] | None) -> None:
    content = (value or {}).get('content') or ''
    is_html = str((value or {}).get('contentType') or 'text').lower() == 'html'
    message.html, message.plain = (content, '') if is_html else ('', content)


def _sender(message: Message, value: dict[str, Any] | None) -> None:
    if email_address(value).address:
        message.sender = email_address(value)


def _flag(message: Message, value: dict[str, Any] | None) -> None:
    value = value or {}
    status = next(
        (one for one in ('notFlagged', 'flagged', 'complete') if one.lower() == str(value.get('flagStatus')).lower()),
        'notFlagged',
    )
    if value.get('dueDateTime') and not value.get('startDateTime'):
        raise GraphError(400, 'ErrorInvalidRequest', 'A flag with a due date needs a start date.')
    message.flag = Flag(status, value.get('startDateTime'), value.get('dueDateTime'), value.get('completedDateTime'))


def _property_names(properties: list[dict[str, Any]]) -> None:
    for one in properties:
        if normal_id(one.get('id') or '') is None:
            raise GraphError(400, 'ErrorInvalidProperty', f"The extended property ID '{one.get('id')}' is not valid.")


def _properties(message: Message, value: list[dict[str, Any]] | None) -> None:
    message.properties |= {one['id']: one.get('value') or '' for one in value or []}


def _attribute(name: str, convert: Callable[[Any], Any]) -> Callable[[Message, Any], None]:
    return lambda message, value: setattr(message, name, convert(value))


def _text(value: Any) -> str:
    return value or ''


WRITERS: dict[str, Callable[[Message, Any], None]] = {
    'subject': _attribute('subject', _text),
    'body': _body,
    'toRecipients': _attribute('to', email_addresses),
    'ccRecipients': _attribute('cc', email_addresses),
    'bccRecipients': _attribute('bcc', email_addresses),
    'replyTo': _attribute('reply_to', email_addresses),
    'from': _sender,
    'importance': _attribute('importance', lambda value: (value or 'normal').lower()),
    'flag': _flag,
    'categories': _attribute('categories', lambda value: list(value or [])),
    'isRead': _attribute('is_read', bool),
    'inferenceClassification': _attribute('inference_classification', lambda value: (value or 'focused').lower()),
    'isReadReceiptRequested': _attribute('wants_read_receipt', bool),
    'isDeliveryReceiptRequested': _attribute('wants_delivery_receipt', bool),
    'singleValueExtendedProperties': _properties,
    'internetMessageId': lambda message, value: setattr(message, 'internet_message_id', value or message.internet_message_id),
}
