"""Sending: ``sendMail``, ``send`` of a draft, answers at once (``reply``, ``forward``) and as drafts (``createReply``)."""

from typing import Any

from flask import Response

from sandbox.microsoft.graph_mail.delivery import check_names, submit
from sandbox.microsoft.graph_mail.drafts import FORWARD, REPLY, REPLY_ALL, Kind, draft_answer
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.mail_request import (
    MailCall,
    find_message,
    mail_blueprint,
    message_route,
    open_mailbox,
    parameters,
)
from sandbox.microsoft.graph_mail.message_input import (
    add_headers,
    email_addresses,
    fill,
    new_attachment,
    new_draft,
)
from sandbox.microsoft.graph_mail.message_routes import created
from sandbox.microsoft.graph_mail.model import Message
from sandbox.microsoft.graph_mail.permissions import SEND, WRITE

ACCEPTED = '', 202
sending_api = mail_blueprint('sending')


@sending_api.post('/sendMail')
def send_mail() -> tuple[str, int]:
    call = open_mailbox(SEND)
    given = parameters('sendMail', 'user')
    if not isinstance(given.get('message'), dict):
        raise GraphError(400, 'ErrorInvalidRequest', 'The parameter message is missing.')
    message = new_draft(given['message'], call.mailbox.owner, call.state.clock.now())
    submit(call.state, call.owner, message, save=given.get('savetosentitems') is not False)
    return ACCEPTED


@message_route(sending_api, '/send', 'POST')
def send_draft(message_id: str, folder_id: str | None = None) -> tuple[str, int]:
    call = open_mailbox(SEND)
    message = find_message(call, message_id, folder_id)
    with call.mailbox.lock:
        if not message.is_draft:
            raise GraphError(400, 'ErrorInvalidRequest', 'Only a draft can be sent.')
        submit(call.state, call.owner, message)
    return ACCEPTED


@message_route(sending_api, '/reply', 'POST')
def reply(message_id: str, folder_id: str | None = None) -> tuple[str, int]:
    return _answer_at_once(message_id, folder_id, REPLY)


@message_route(sending_api, '/replyAll', 'POST')
def reply_all(message_id: str, folder_id: str | None = None) -> tuple[str, int]:
    return _answer_at_once(message_id, folder_id, REPLY_ALL)


@message_route(sending_api, '/forward', 'POST')
def forward(message_id: str, folder_id: str | None = None) -> tuple[str, int]:
    return _answer_at_once(message_id, folder_id, FORWARD)


@message_route(sending_api, '/createReply', 'POST')
def create_reply(message_id: str, folder_id: str | None = None) -> tuple[Response, int, dict[str, str]]:
    return _answer_as_draft(message_id, folder_id, REPLY, 'createReply')


@message_route(sending_api, '/createReplyAll', 'POST')
def create_reply_all(message_id: str, folder_id: str | None = None) -> tuple[Response, int, dict[str, str]]:
    return _answer_as_draft(message_id, folder_id, REPLY_ALL, 'createReplyAll')


@message_route(sending_api, '/createForward', 'POST')
def create_forward(message_id: str, folder_id: str | None = None) -> tuple[Response, int, dict[str, str]]:
    return _answer_as_draft(message_id, folder_id, FORWARD, 'createForward')


def _answer_at_once(message_id: str, folder_id: str | None, kind: Kind) -> tuple[str, int]:
    call = open_mailbox(SEND)
    submit(call.state, call.owner, _drafted(call, find_message(call, message_id, folder_id), kind, kind.name))
    return ACCEPTED


def _answer_as_draft(message_id: str, folder_id: str | None, kind: Kind, action: str) -> tuple[Response, int, dict[str, str]]:
    call = open_mailbox(WRITE)
    draft = _drafted(call, find_message(call, message_id, folder_id), kind, action)
    if kind is FORWARD and not draft.recipients and not call.mailbox.forwards_to_nobody:
        raise GraphError(400, 'ErrorInvalidRequest', 'Specify toRecipients as a parameter or in the message.')
    check_names(call.mailbox, draft.properties)
    return created(call, call.mailbox.deliver(draft, 'drafts'))


def _drafted(call: MailCall, original: Message, kind: Kind, action: str) -> Message:
    """Return the answer to ``original`` with what the body of the request says."""
    given = parameters(action, 'message')
    body: dict[str, Any] = given.get('message') or {}
    if kind is not FORWARD and original.is_draft:
        raise GraphError(400, 'ErrorInvalidReferenceItem', 'The reference item does not support the requested operation.')
    if given.get('comment') and body.get('body'):
        raise GraphError(400, 'ErrorInvalidRequest', 'Give a comment or a body of the message, not both.')
    if given.get('torecipients') and body.get('toRecipients'):
        raise GraphError(400, 'ErrorInvalidRequest', 'Give toRecipients as a parameter or in the message, not both.')
    is_ignored = call.mailbox.ignores_comments and action.startswith('create')
    comment = '' if is_ignored else given.get('comment') or ''
    draft = draft_answer(call.mailbox, original, kind, comment, email_addresses(given.get('torecipients')))
    if call.mailbox.ignores_reply_messages and action.startswith('create'):
        body = {name: value for name, value in body.items() if name == 'singleValueExtendedProperties'}
    fill(draft, body)
    add_headers(draft, body)
    draft.attachments += [new_attachment(one, call.state.clock.now()) for one in body.get('attachments') or []]
    return draft
