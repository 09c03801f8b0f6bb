"""``createUploadSession`` of attachments, and the ranges that are put to the URL which it answers.

That URL stands for Outlook's host: it carries its own token, and an ``Authorization`` header is refused there.
"""

import re
import secrets
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail.delivery import check_size
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.mail_request import (
    check_has_uploads,
    find_message,
    mail_blueprint,
    message_route,
    open_mailbox,
    parameters,
)
from sandbox.microsoft.graph_mail.model import FileAttachment
from sandbox.microsoft.graph_mail.permissions import WRITE
from sandbox.microsoft.graph_mail.uploads import UploadSession

UPLOAD_PATH = '/api/gv1.0/'
MIN_FILE_BYTES = 2 * 1024 * 1024
MAX_FILE_BYTES = 150 * 1024 * 1024
MAX_RANGE_BYTES = 4 * 1024 * 1024
_RANGE = re.compile(r'bytes (\d+)-(\d+)/(\d+)')

upload_api = mail_blueprint('uploads')
upload_range_api = Blueprint('upload_ranges', __name__)


@message_route(upload_api, '/attachments/createUploadSession', 'POST')
def create_session(message_id: str, folder_id: str | None = None) -> tuple[Response, int]:
    call = open_mailbox(WRITE)
    check_has_uploads(call)
    message = find_message(call, message_id, folder_id)
    item = parameters('createUploadSession', 'Collection(attachment)').get('attachmentitem')
    if not item or str(item.get('attachmentType')).lower() != 'file' or not item.get('name') or item.get('size') is None:
        raise GraphError(400, 'ErrorInvalidRequest', 'An AttachmentItem needs attachmentType file, a name and a size.')
    if item['size'] < MIN_FILE_BYTES:
        raise GraphError(
            400,
            'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize',
            'The size of the attachment is less than the minimum for an upload session.',
        )
    if item['size'] > MAX_FILE_BYTES:
        raise GraphError(413, 'ErrorAttachmentSizeLimitExceeded', 'The size of the attachment exceeds the maximum of 150 MB.')
    check_size(call.mailbox, message, item['size'])
    settings = {
        'name': item['name'],
        'content_type': item.get('contentType') or 'application/octet-stream',
        'is_inline': bool(item.get('isInline')),
        'content_id': item.get('contentId'),
    }
    call.mailbox.prepare_file(message)
    pair = call.caller.principal.object_id, call.owner.object_id
    session = call.state.uploads.open(call.mailbox, pair, message, item['size'], settings)
    url = (
        f"{call.graph}{UPLOAD_PATH}users('{call.owner.object_id}')/messages('{call.view.id_of(message)}')"
        f"/AttachmentSessions('{session.session_id}')?authtoken={session.token}"
    )
    return jsonify(
        {
            '@odata.context': f'{call.graph}/v1.0/$metadata#microsoft.graph.uploadSession',
            'uploadUrl': url,
            'expirationDateTime': graph_timestamp(session.expires),
            'nextExpectedRanges': ['0-'],
        }
    ), 201


@upload_range_api.route(
    f"{UPLOAD_PATH}users('<user_id>')/messages('<message_id>')/AttachmentSessions('<session_id>')",
    methods=['GET', 'PUT', 'DELETE'],
)
def session_request(user_id: str, message_id: str, session_id: str) -> Any:
    session = _authorized(session_id)
    if request.method == 'DELETE':
        g.state.uploads.close(session)
        return '', 204
    if request.method == 'PUT':
        g.state.limits.upload(*session.pair, g.state.clock.now(), request.content_length or 0)
        with session.lock:
            return _put(session, user_id, message_id)
    return jsonify(_progress(session))


def _authorized(session_id: str) -> UploadSession:
    if 'Authorization' in request.headers:
        raise GraphError(401, 'InvalidAudience', "The audience claim value is invalid 'aud'.")
    session: UploadSession | None = g.state.uploads.find(session_id)
    if session is None:
        raise GraphError(404, 'ErrorItemNotFound', 'The upload session was not found.')
    if not secrets.compare_digest(request.args.get('authtoken', ''), session.token):
        raise GraphError(401, 'InvalidAuthenticationToken', 'The token of the upload session is not valid.')
    return session


def _put(session: UploadSession, user_id: str, message_id: str) -> Any:
    data = request.get_data()
    first, last, total = _content_range()
    if total != session.size or last >= total or last - first + 1 != len(data):
        raise GraphError(400, 'ErrorInvalidRequest', 'Content-Range does not fit the body, or the size of the session.')
    if len(data) >= MAX_RANGE_BYTES:
        raise GraphError(413, 'ErrorInvalidRequest', 'A range must be smaller than 4 MB.')
    if first != session.content.size:
        raise GraphError(416, 'ErrorInvalidRange', f'The next expected range is {session.content.size}-.')
    session.content.append(data)
    if session.content.size < session.size:
        return jsonify(_progress(session))
    return _attached(session, user_id, message_id)


def _attached(session: UploadSession, user_id: str, message_id: str) -> Any:
    g.state.uploads.close(session)
    if session.mailbox.message(session.message.immutable_id) is None:
        raise GraphError(404, 'ErrorItemNotFound', 'The specified object was not found in the store.')
    check_size(session.mailbox, session.message, session.size)
    attachment = FileAttachment(content=session.content, **session.settings)  # type: ignore[arg-type]
    session.mailbox.attach(session.message, attachment)
    immutable = message_id == session.message.immutable_id
    location = (
        f"{request.host_url.rstrip('/')}{UPLOAD_PATH}users('{user_id}')/messages('{message_id}')"
        f"/attachments('{session.message.attachment_id(attachment, immutable)}')"
    )
    return '', 201, {'Location': location}


def _content_range() -> tuple[int, int, int]:
    found = _RANGE.fullmatch(request.headers.get('Content-Range', ''))
    if found is None:
        raise GraphError(400, 'ErrorInvalidRequest', 'Content-Range must be "bytes first-last/total".')
    first, last, total = (int(text) for text in found.groups())
    return first, last, total


def _progress(session: UploadSession) -> dict[str, Any]:
    """Return the progress of a session as Outlook's host does: only the position, without the dash of Graph's first answer."""
    names = (
        ('ExpirationDateTime', 'NextExpectedRanges')
        if g.state.uploads.answers_in_capitals
        else ('expirationDateTime', 'nextExpectedRanges')
    )
    return dict(zip(names, (graph_timestamp(session.expires), [str(session.content.size)]), strict=True))
