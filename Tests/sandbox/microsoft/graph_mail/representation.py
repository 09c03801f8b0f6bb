"""How Microsoft Graph shows messages, folders and attachments as JSON."""

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import (
    HTML_QUOTE_MARK,
    TEXT_QUOTE_MARK,
    Attachment,
    EmailAddress,
    FileAttachment,
    Flag,
    Folder,
    ItemAttachment,
    Meeting,
    Message,
    ReferenceAttachment,
)


@dataclass(frozen=True)
class View:
    """How a request wants to see things: with immutable IDs or plain ones, bodies as text or html."""

    immutable_ids: bool = False
    body_type: str = 'html'

    def id_of(self, message: Message) -> str:
        return message.immutable_id if self.immutable_ids else message.message_id

    def attachment_id(self, message: Message, attachment: Attachment) -> str:
        return message.attachment_id(attachment, self.immutable_ids)


Getter = Callable[[Message, View], Any]


def recipient(person: EmailAddress) -> dict[str, Any]:
    return {'emailAddress': {'name': person.name, 'address': person.address}}


def body_of(message: Message, view: View) -> dict[str, str]:
    return {'contentType': view.body_type, 'content': message.text if view.body_type == 'text' else message.html_body}


def unique_body_of(message: Message, view: View) -> dict[str, str]:
    """Return the body without what it quotes, if Outlook wrote the quote."""
    body = body_of(message, view)
    own, quoted, _ = body['content'].partition(TEXT_QUOTE_MARK if view.body_type == 'text' else HTML_QUOTE_MARK)
    if quoted:
        own = own.rstrip() + ('</body></html>' if view.body_type == 'html' else '')
    return {**body, 'content': own}


def flag_of(message: Message, _view: View) -> dict[str, Any]:
    flag: Flag = message.flag
    dates = {'startDateTime': flag.start, 'dueDateTime': flag.due, 'completedDateTime': flag.completed}
    return {'flagStatus': flag.status, **{name: value for name, value in dates.items() if value}}


def _web_link(message: Message, _view: View) -> str:
    return f'https://outlook.contoso.example/owa/?ItemID={quote(message.message_id)}&exvsurl=1&viewmodel=ReadMessageItem'


def _sender(message: Message, _view: View) -> dict[str, Any] | None:
    person = message.submitter or message.sender
    return recipient(person) if person.address else None


def _people(attribute: str) -> Getter:
    return lambda message, _view: [recipient(person) for person in getattr(message, attribute)]


def _headers(message: Message, _view: View) -> list[dict[str, str]] | None:
    shown = message.headers if message.is_draft else mime.headers(message)
    return [{'name': name, 'value': value} for name, value in shown]


def _received(message: Message, _view: View) -> str:
    return graph_timestamp(message.received)


# In the order in which Graph sends them
DEFAULT_PROPERTIES: dict[str, Getter] = {
    'id': lambda message, view: view.id_of(message),
    'createdDateTime': lambda message, _view: graph_timestamp(message.received if message.created is None else message.created),
    'lastModifiedDateTime': lambda message, _view: graph_timestamp(
        message.received if message.modified is None else message.modified
    ),
    'changeKey': lambda message, _view: message.change_key,
    'categories': lambda message, _view: list(message.categories),
    'receivedDateTime': _received,
    'sentDateTime': lambda message, _view: graph_timestamp(message.received if message.sent is None else message.sent),
    'hasAttachments': lambda message, _view: message.has_attachments,
    'internetMessageId': lambda message, _view: message.internet_message_id,
    'subject': lambda message, _view: message.subject,
    'bodyPreview': lambda message, _view: message.preview,
    'importance': lambda message, _view: message.importance,
    'parentFolderId': lambda message, _view: message.folder_id,
    'conversationId': lambda message, _view: message.conversation_id,
    'conversationIndex': lambda message, _view: base64.b64encode(message.conversation_index).decode(),
    'isDeliveryReceiptRequested': lambda message, _view: message.wants_delivery_receipt or None,
    'isReadReceiptRequested': lambda message, _view: message.wants_read_receipt,
    'isRead': lambda message, _view: message.is_read,
    'isDraft': lambda message, _view: message.is_draft,
    'webLink': _web_link,
    'inferenceClassification': lambda message, _view: message.inference_classification,
    'body': body_of,
    'sender': _sender,
    'from': lambda message, _view: recipient(message.sender) if message.sender.address else None,
    'toRecipients': _people('to'),
    'ccRecipients': _people('cc'),
    'bccRecipients': _people('bcc'),
    'replyTo': _people('reply_to'),
    'flag': flag_of,
}
ON_DEMAND_PROPERTIES: dict[str, Getter] = {
    'internetMessageHeaders': _headers,
    'uniqueBody': unique_body_of,
}
MESSAGE_PROPERTIES = {**DEFAULT_PROPERTIES, **ON_DEMAND_PROPERTIES}


@lru_cache(1000)
def _getters(selected: frozenset[str]) -> tuple[tuple[str, Getter], ...]:
    return tuple((name, getter) for name, getter in MESSAGE_PROPERTIES.items() if name in selected or name == 'id')


def etag_of(message: Message) -> str:
    return f'W/"{message.change_key}"'


def message_json(message: Message, view: View, selected: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a ``message`` with its ID and the ``selected`` properties; without a selection, the default ones."""
    getters = _getters(selected) if selected else DEFAULT_PROPERTIES.items()
    shown = {name: getter(message, view) for name, getter in getters}
    kind = message.kind or _meeting_message(message)
    shown = {'@odata.type': f'#microsoft.graph.{kind}', **shown} if kind else shown
    return {'@odata.etag': etag_of(message), **shown, **({} if selected else _meeting_properties(message))}


def _meeting_message(message: Message) -> str:
    kinds = {'': '', 'meetingRequest': 'eventMessageRequest', 'meetingCancelled': 'eventMessage'}
    return kinds.get(message.meeting_type, 'eventMessageResponse')


def _meeting_properties(message: Message) -> dict[str, Any]:
    if not message.meeting_type:
        return {}
    meeting = message.meeting
    times = {'startDateTime': _graph_time(meeting.start), 'endDateTime': _graph_time(meeting.end)} if meeting else {}
    flags = {'type': 'singleInstance', 'isOutOfDate': False, 'isDelegated': False}
    return {'meetingMessageType': message.meeting_type, **times, **flags}


def _graph_time(moment: float) -> dict[str, str]:
    return {'dateTime': graph_timestamp(moment).replace('Z', '.0000000'), 'timeZone': 'UTC'}


def event_json(meeting: Meeting) -> dict[str, Any]:
    """Return an ``event`` of the calendar, with its most important properties."""
    tentative = meeting.response in ('notResponded', 'tentativelyAccepted')
    return {
        'id': meeting.event_id,
        'subject': meeting.subject,
        'start': _graph_time(meeting.start),
        'end': _graph_time(meeting.end),
        'organizer': recipient(meeting.organizer),
        'isOrganizer': meeting.response == 'organizer',
        'isCancelled': meeting.is_cancelled,
        'responseRequested': meeting.wants_response,
        'allowNewTimeProposals': True,
        'responseStatus': {'response': meeting.response, 'time': graph_timestamp(meeting.responded)},
        'showAs': 'tentative' if tentative else 'busy',
        'type': 'singleInstance',
    }


def folder_json(mailbox: Mailbox, folder: Folder, selected: Collection[str] = ()) -> dict[str, Any]:
    """Return a ``mailFolder``."""
    children, total, unread = mailbox.counts(folder)
    shown = {
        'id': folder.folder_id,
        'displayName': folder.display_name,
        'parentFolderId': folder.parent_folder_id or folder.folder_id,
        'childFolderCount': children,
        'unreadItemCount': unread,
        'totalItemCount': total,
        'isHidden': folder.is_hidden,
    }
    return {name: value for name, value in shown.items() if not selected or name in selected or name == 'id'}


ATTACHMENT_KINDS = {
    FileAttachment: 'fileAttachment',
    ItemAttachment: 'itemAttachment',
    ReferenceAttachment: 'referenceAttachment',
}


def attachment_json(
    message: Message, attachment: Attachment, view: View, selected: Collection[str] = (), with_item: bool = False
) -> dict[str, Any]:
    """Return an ``attachment`` of one of three types; ``contentBytes`` of files comes unless others are selected."""
    kind = ATTACHMENT_KINDS[type(attachment)]
    # with a cast: microsoft.graph.fileAttachment/contentId
    wanted = {name.removeprefix(f'microsoft.graph.{kind}/') for name in selected}
    shown: dict[str, Any] = {
        'id': view.attachment_id(message, attachment),
        'lastModifiedDateTime': graph_timestamp(attachment.modified),
        'name': attachment.name,
        'contentType': attachment.content_type,
        'size': attachment.size + attachment.overhead,
        'isInline': attachment.is_inline,
    }
    if isinstance(attachment, FileAttachment):
        shown |= {'contentId': attachment.content_id, 'contentLocation': attachment.content_location}
        if not wanted or 'contentBytes' in wanted:
            content = attachment.content.read()
            shown['contentBytes'] = (content if attachment.has_plain_bytes else base64.b64encode(content)).decode()
    shown = {name: value for name, value in shown.items() if not wanted or name in wanted or name == 'id'}
    if isinstance(attachment, ItemAttachment) and with_item:
        shown['item'] = item_json(attachment, view)
    return {'@odata.type': f'#microsoft.graph.{kind}', '@odata.mediaContentType': attachment.content_type, **shown}


def item_json(attachment: ItemAttachment, view: View) -> dict[str, Any]:
    """Return what an item attachment holds, as ``$expand`` shows it."""
    item = attachment.item
    if isinstance(item, Message):
        shown = message_json(item, view)
        del shown['@odata.etag']
        shown['id'] = ''
        return {
            '@odata.type': '#microsoft.graph.message',
            **shown,
            'attachments': [attachment_json(item, one, view) for one in item.attachments],
        }
    return {'@odata.type': f'#microsoft.graph.{item.kind}', **item.properties}
