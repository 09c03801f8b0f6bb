"""``/messages/{id}/attachments``: files, items and links."""

from typing import Any

from flask import Response, jsonify, stream_with_context

from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.delivery import check_size
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.listing import filter_and_sort, page_json
from sandbox.microsoft.graph_mail.mail_request import (
    MailCall,
    check_no_folder,
    check_not_broken,
    check_present,
    find_message,
    mail_blueprint,
    message_route,
    not_found,
    open_mailbox,
    typed_body,
)
from sandbox.microsoft.graph_mail.message_input import new_attachment
from sandbox.microsoft.graph_mail.model import Attachment, Message, ReferenceAttachment
from sandbox.microsoft.graph_mail.permissions import READ, WRITE
from sandbox.microsoft.graph_mail.query import Query
from sandbox.microsoft.graph_mail.representation import attachment_json

attachments_api = mail_blueprint('attachments')


def _context(call: MailCall, message: Message) -> str:
    return call.context(f"messages('{call.view.id_of(message)}')/attachments")


def shown(call: MailCall, message: Message, attachment: Attachment, query: Query) -> dict[str, Any]:
    return attachment_json(message, attachment, call.view, query.select, query.expand.item)


@message_route(attachments_api, '/attachments', 'GET')
def list_attachments(message_id: str, folder_id: str | None = None) -> Response:
    call = open_mailbox(READ)
    query = call.query('attachment')
    message = find_message(call, message_id, folder_id)
    check_not_broken(message, 'attachments')
    until = call.state.clock.now() - call.mailbox.attachment_lag
    listed = [one for one in message.attachments if one.modified <= until]
    found = filter_and_sort(listed, query, 'attachment', lambda one: attachment_json(message, one, call.view).get)
    return jsonify(page_json(found, query, lambda one: shown(call, message, one, query), _context(call, message), call.graph))


@message_route(attachments_api, '/attachments', 'POST')
def add_attachment(message_id: str, folder_id: str | None = None) -> tuple[Response, int, dict[str, str]]:
    call = open_mailbox(WRITE)
    message = find_message(call, message_id, folder_id)
    attachment = new_attachment(typed_body('attachment'), call.state.clock.now())
    check_size(call.mailbox, message, attachment.size)
    call.mailbox.prepare_file(message)
    call.mailbox.attach(message, attachment)
    answer = {'@odata.context': f'{_context(call, message)}/$entity', **attachment_json(message, attachment, call.view)}
    return jsonify(answer), 201, {'Location': attachment_url(call, message, attachment)}


def attachment_url(call: MailCall, message: Message, attachment: Attachment) -> str:
    return f'{call.url}/messages/{call.view.id_of(message)}/attachments/{call.view.attachment_id(message, attachment)}'


@message_route(attachments_api, '/attachments/<attachment_id>', 'GET')
def get_attachment(message_id: str, attachment_id: str, folder_id: str | None = None) -> Response:
    call = open_mailbox(READ)
    query = call.query('attachment')
    message = find_message(call, message_id, folder_id)
    attachment = find_attachment(message, attachment_id)
    return jsonify({'@odata.context': f'{_context(call, message)}/$entity', **shown(call, message, attachment, query)})


@message_route(attachments_api, '/attachments/<attachment_id>/$value', 'GET')
def get_content(message_id: str, attachment_id: str, folder_id: str | None = None) -> Response:
    message = find_message(open_mailbox(READ), message_id, folder_id)
    check_no_folder(folder_id)
    attachment = find_attachment(message, attachment_id)
    if isinstance(attachment, ReferenceAttachment):
        raise GraphError(405, 'ErrorInvalidRequest', 'The $value of a reference attachment cannot be read.')
    return Response(stream_with_context(mime.raw(attachment)), mimetype=attachment.content_type or 'application/octet-stream')


@message_route(attachments_api, '/attachments/<attachment_id>', 'DELETE')
def delete_attachment(message_id: str, attachment_id: str, folder_id: str | None = None) -> tuple[str, int]:
    call = open_mailbox(WRITE)
    message = find_message(call, message_id, folder_id)
    call.mailbox.detach(message, find_attachment(message, attachment_id))
    return '', 204


def find_attachment(message: Message, attachment_id: str) -> Attachment:
    """Return the attachment of that ID. Raises GraphError 400 or 404."""
    attachment = message.attachment(attachment_id)
    if attachment is None:
        raise not_found(attachment_id)
    check_not_broken(message, 'attachments')
    check_present(message, 'attachments')
    return attachment
