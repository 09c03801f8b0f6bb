"""``/messages`` and ``/mailFolders/{id}/messages``: lists, single messages, their MIME; new drafts, changes, moves, deletions."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request, stream_with_context

from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.delivery import check_names, check_size
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.extended_properties import shown_id, value_of
from sandbox.microsoft.graph_mail.listing import page_json, select_messages
from sandbox.microsoft.graph_mail.mail_request import (
    MailCall,
    check_deletes_permanently,
    check_no_folder,
    check_not_broken,
    check_present,
    check_shared,
    find_folder,
    find_message,
    mail_blueprint,
    message_route,
    not_found,
    open_mailbox,
    parameters,
    typed_body,
)
from sandbox.microsoft.graph_mail.mailbox import RECOVERABLE
from sandbox.microsoft.graph_mail.message_input import change, new_draft
from sandbox.microsoft.graph_mail.model import Folder, Message
from sandbox.microsoft.graph_mail.permissions import READ, READ_BASIC, WRITE
from sandbox.microsoft.graph_mail.query import WITHHELD, Query
from sandbox.microsoft.graph_mail.representation import attachment_json, etag_of, event_json, message_json

Answer = tuple[Response, int, dict[str, str]]
messages_api = mail_blueprint('messages')
# What is not in a folder's table: it is read from the message itself
CONTENT_PROPERTIES = frozenset({'body', 'uniqueBody', 'internetMessageHeaders'})


def shown(call: MailCall, message: Message, query: Query) -> dict[str, Any]:
    """Return the message with what the query selects and expands.

    What a test made broken fails as late as it can: ``message`` only where its content is shown, so that a list or a page of
    delta that selects a few properties of the folder's table goes well, and one that shows bodies fails as a whole;
    ``attachments`` only where they are expanded. A request for that message alone fails always (``find_message``).

    Raises:
        GraphError: 500, something that it should show is broken.
    """
    if not query.select or query.select & CONTENT_PROPERTIES:
        check_not_broken(message, 'message')
    if query.expand.attachments:  # in a list, one such message fails all
        check_present(message, 'message')
    answer = message_json(message, call.view, query.select)
    own_domain = call.mailbox.owner.address.partition('@')[2]
    if call.mailbox.hides_internal_headers and message.sender.address.endswith(f'@{own_domain}'):
        answer.pop('internetMessageHeaders', None)
    if call.is_basic:
        answer = {name: value for name, value in answer.items() if name not in WITHHELD}
    if query.expand.extended_properties:
        found = [(shown_id(known), value_of(message, known)) for known in query.expand.extended_properties]
        answer['singleValueExtendedProperties'] = [{'id': known, 'value': value} for known, value in found if value is not None]
    if query.expand.event and message.meeting:
        answer['event@odata.context'] = call.context(
            f"messages('{quote(call.view.id_of(message))}')/microsoft.graph.eventMessage/event/$entity"
        )
        answer['event'] = event_json(message.meeting)
    if query.expand.attachments:
        check_not_broken(message, 'attachments')
        answer['attachments@odata.context'] = call.context(f"messages('{quote(call.view.id_of(message))}')/attachments")
        answer['attachments'] = [
            attachment_json(message, one, call.view, query.expand.attachment_properties) for one in message.attachments
        ]
    return answer


def listed(call: MailCall, message: Message, query: Query) -> dict[str, Any]:
    """Return a message of a page. Raises GraphError if a test made a page with it too much, whatever it shows of it."""
    if 'page' in message.broken:
        raise GraphError(call.mailbox.slow_status, 'UnknownError', 'A page with this message takes too long.')
    return shown(call, message, query)


def entity(call: MailCall, message: Message, query: Query | None = None) -> dict[str, Any]:
    """Return the answer that shows one message."""
    return {'@odata.context': call.context('messages/$entity'), **shown(call, message, query or Query())}


def created(call: MailCall, message: Message) -> Answer:
    """Return the answer to a request that made a message."""
    location = f'{call.url}/messages/{call.view.id_of(message)}'
    return jsonify(entity(call, message)), 201, {'Location': location}


def folder_or_all(call: MailCall, folder_id: str | None) -> Folder | None:
    """Return the folder, None for the whole mailbox. Raises GraphError if the caller may not open it."""
    if folder_id is not None:
        return find_folder(call, folder_id)
    check_shared(call)
    return None


@messages_api.get('/messages')
@messages_api.get('/mailFolders/<folder_id>/messages')
def list_messages(folder_id: str | None = None) -> Response:
    call = open_mailbox(READ_BASIC)
    query = call.query('message')
    folder = folder_or_all(call, folder_id)
    found = select_messages(call.mailbox, folder.folder_id if folder else None, query, call.view)
    context = call.context(f"mailFolders('{folder_id}')/messages" if folder_id else 'messages')
    if '$skip' in request.args:  # that of a link, which is in its token, is right
        query = replace(query, skip=max(query.skip - call.mailbox.other_items, 0))
    return jsonify(page_json(found, query, lambda message: listed(call, message, query), context, call.graph))


@messages_api.get('/messages/$count')
@messages_api.get('/mailFolders/<folder_id>/messages/$count')
def count_messages(folder_id: str | None = None) -> Response:
    call = open_mailbox(READ_BASIC)
    query = call.query('message')
    folder = folder_or_all(call, folder_id)
    found = select_messages(call.mailbox, folder.folder_id if folder else None, query, call.view)
    return Response(str(sum(1 for _ in found)), mimetype='text/plain')


@messages_api.post('/messages')
@messages_api.post('/mailFolders/<folder_id>/messages')
def create_message(folder_id: str = 'drafts') -> Answer:
    call = open_mailbox(WRITE)
    folder = find_folder(call, folder_id)
    message = new_draft(typed_body('message'), call.mailbox.owner, call.state.clock.now())
    check_names(call.mailbox, message.properties)
    check_size(call.mailbox, message)
    return created(call, call.mailbox.deliver(message, folder.folder_id))


@message_route(messages_api, '', 'GET')
def get_message(message_id: str, folder_id: str | None = None) -> Response:
    call = open_mailbox(READ_BASIC)
    query = call.query('message')
    return jsonify(entity(call, find_message(call, message_id, folder_id), query))


@message_route(messages_api, '/$value', 'GET')
def get_mime(message_id: str, folder_id: str | None = None) -> Response:
    message = find_message(open_mailbox(READ), message_id, folder_id)
    check_no_folder(folder_id)
    check_not_broken(message, 'mime')
    check_present(message, 'mime')
    return Response(stream_with_context(mime.chunks(message)), mimetype='text/plain')


@message_route(messages_api, '', 'PATCH')
def update_message(message_id: str, folder_id: str | None = None) -> Response:
    call = open_mailbox(WRITE)
    message = find_message(call, message_id, folder_id)
    with call.mailbox.lock:
        check_unchanged(call, message)
        changes = typed_body('message')
        check_names(call.mailbox, [str(one.get('id')) for one in changes.get('singleValueExtendedProperties') or []])
        change(message, changes)
        call.mailbox.touch(message, *changes)
    return jsonify(entity(call, message))


def check_unchanged(call: MailCall, message: Message) -> None:
    """Check that the message is still what ``If-Match`` names. Raises GraphError 412 or 409."""
    if request.headers.get('If-Match', '*') not in ('*', etag_of(message)):
        what = 'The change key does not match the current one of the item.'
        raise GraphError(call.mailbox.conflict_status, 'ErrorIrresolvableConflict', what)


@message_route(messages_api, '', 'DELETE')
def delete_message(message_id: str, folder_id: str | None = None) -> tuple[str, int]:
    call = open_mailbox(WRITE)
    message = find_message(call, message_id, folder_id)
    if call.mailbox.is_in(message, RECOVERABLE):
        if call.view.immutable_ids:
            raise GraphError(403, 'ErrorCannotDeleteObject', 'Object cannot be deleted.')
        raise not_found(message_id)
    call.mailbox.delete(message)
    return '', 204


@message_route(messages_api, '/permanentDelete', 'POST')
def delete_for_ever(message_id: str, folder_id: str | None = None) -> tuple[str, int]:
    call = open_mailbox(WRITE)
    check_deletes_permanently(call)
    call.mailbox.remove(find_message(call, message_id, folder_id))
    return '', 204


@message_route(messages_api, '/move', 'POST')
def move_message(message_id: str, folder_id: str | None = None) -> Answer:
    call = open_mailbox(WRITE)
    message = find_message(call, message_id, folder_id)
    return created(call, call.mailbox.move(message, destination(call, 'message', 'move')))


@message_route(messages_api, '/copy', 'POST')
def copy_message(message_id: str, folder_id: str | None = None) -> Answer:
    call = open_mailbox(WRITE)
    message = find_message(call, message_id, folder_id)
    return created(call, call.mailbox.copy(message, destination(call, 'message', 'copy')))


def destination(call: MailCall, bound_to: str, action: str) -> str:
    """Return the ID of the folder that the body names. Raises GraphError 400 or 404."""
    return find_folder(call, parameters(action, bound_to).get('destinationid') or '').folder_id
