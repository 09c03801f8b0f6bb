"""What every request about a mailbox has in common: whose mailbox, may it, how does it want its answer, which thing is meant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Blueprint, g, request

from sandbox.microsoft.bearer import Caller
from sandbox.microsoft.entra.model import User
from sandbox.microsoft.graph_mail import ids, permissions
from sandbox.microsoft.graph_mail.delivery import release_deferred
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Folder, Message
from sandbox.microsoft.graph_mail.prefer import preferences
from sandbox.microsoft.graph_mail.query import Query, is_basic, read_query
from sandbox.microsoft.graph_mail.representation import View
from sandbox.microsoft.graph_mail.schema import Schema
from sandbox.microsoft.state import CloudState

Handler = TypeVar('Handler', bound=Callable[..., Any])
UPLOADING = ('POST', 'PATCH', 'PUT')
METADATA = 'v1.0/$metadata#users'


@dataclass(frozen=True)
class MailCall:
    """One request about one mailbox, allowed and counted."""

    state: CloudState
    caller: Caller
    owner: User
    mailbox: Mailbox
    view: View
    page_size: int | None
    # it may read no bodies, attachments and extended properties
    is_basic: bool = False
    # IDs of the only folders that it may open; None for all
    folders: frozenset[str] | None = None

    @property
    def graph(self) -> str:
        return self.state.addresses.graph

    @property
    def url(self) -> str:
        """The URL of the mailbox."""
        return f'{self.graph}/v1.0/users/{quote(self.owner.user_principal_name)}'

    def context(self, path: str) -> str:
        """Return ``@odata.context`` of something in the mailbox."""
        return f"{self.graph}/{METADATA}('{quote(self.owner.object_id)}')/{path}"

    def query(self, kind: str) -> Query:
        """Return the query options for objects of that type. Raises GraphError 403 for more than the caller may read."""
        return self.allowed(read_query(request.args, kind, self.page_size))

    def allowed(self, query: Query) -> Query:
        """Return ``query`` if the caller may read all that it names. Raises GraphError 403 otherwise.

        That Graph refuses it, and does not leave it out, is our assumption.
        """
        if self.is_basic and not is_basic(query):
            raise permissions.denied()
        return query


def mail_blueprint(name: str) -> Blueprint:
    """Return a blueprint for both ``/me`` and ``/users/<user_id>``; its handlers do not see which."""
    blueprint = Blueprint(name, __name__)

    @blueprint.url_value_preprocessor
    def take_user(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.user_id = (values or {}).pop('user_id', None)

    return blueprint


def message_route(blueprint: Blueprint, suffix: str, *methods: str) -> Callable[[Handler], Handler]:
    """Route a handler below each message, reached directly or through its folder."""

    def register(handler: Handler) -> Handler:
        blueprint.add_url_rule(f'/messages/<message_id>{suffix}', view_func=handler, methods=methods)
        blueprint.add_url_rule(f'/mailFolders/<folder_id>/messages/<message_id>{suffix}', view_func=handler, methods=methods)
        return handler

    return register


def open_mailbox(need: permissions.Need) -> MailCall:
    """Return the mailbox of the request. Raises GraphError when there is none, access is denied, or a limit is exceeded."""
    state, caller = g.state, g.caller
    owner = permissions.signed_in(caller) if g.user_id is None else _owner(state, caller, g.user_id)
    mailbox = state.mailbox_of(owner)
    folders = _shared_folders(caller, owner, mailbox)
    permissions.check(caller, owner, need, folders is not None)
    if mailbox is None:
        raise GraphError(404, 'MailboxNotEnabledForRESTAPI', 'The mailbox is inactive, soft-deleted, or hosted on-premise.')
    size = (request.content_length or 0) if request.method in UPLOADING else 0
    state.limits.enter(caller.principal.object_id, owner.object_id, state.clock.now(), size)
    g.entered = caller.principal.object_id, owner.object_id
    release_deferred(state)
    wishes = preferences(tuple(request.headers.getlist('Prefer')))
    g.applied = wishes.applied
    return MailCall(
        state,
        caller,
        owner,
        mailbox,
        View(wishes.immutable_ids, wishes.body_type),
        wishes.page_size,
        is_basic=need is permissions.READ_BASIC and not permissions.may(caller, owner, permissions.READ, folders is not None),
        folders=folders,
    )


def _shared_folders(caller: Caller, owner: User, mailbox: Mailbox | None) -> frozenset[str] | None:
    """Return the IDs of the only folders that are shared with the caller, None for a mailbox as a whole."""
    if caller.user is None or mailbox is None or caller.user.object_id in owner.shared_with:
        return None
    shared = mailbox.shared_folders.get(caller.user.object_id)
    return frozenset(shared) if shared else None


def leave_mailbox(_error: BaseException | None = None) -> None:
    """Count a request that has ended."""
    entered = g.pop('entered', None)
    if entered:
        g.state.limits.leave(*entered)


def find_folder(call: MailCall, folder_id: str) -> Folder:
    """Return the folder of that ID or well-known name. Raises GraphError 400 or 404."""
    folder = call.mailbox.folder(folder_id)
    if folder is None:
        raise not_found(folder_id)
    check_shared(call, folder.folder_id)
    return folder


def check_shared(call: MailCall, folder_id: str | None = None) -> None:
    """Check that the caller may open a folder, or the whole mailbox. Raises GraphError 404 or 403, as the mailbox says."""
    if call.folders is None or folder_id in call.folders:
        return
    if call.mailbox.unshared_status == 403:
        raise permissions.denied()
    raise GraphError(404, 'ErrorItemNotFound', 'The specified object was not found in the store.')


def find_message(call: MailCall, message_id: str, folder_id: str | None = None) -> Message:
    """Return the message of that ID. Raises GraphError 400 or 404."""
    folder = find_folder(call, folder_id) if folder_id is not None else None
    message = call.mailbox.message(message_id)
    if message is None or (folder is not None and message.folder_id != folder.folder_id):
        raise not_found(message_id)
    check_shared(call, message.folder_id)
    check_not_broken(message, 'message')
    check_present(message, 'message')
    return message


def not_found(identifier: str) -> GraphError:
    """Return the error for an ID that names nothing."""
    if not ids.is_well_formed(identifier):
        return GraphError(400, 'ErrorInvalidIdMalformed', 'Id is malformed.')
    return GraphError(404, 'ErrorItemNotFound', 'The specified object was not found in the store.')


def check_deletes_permanently(call: MailCall) -> None:
    """Check that the cloud has permanent deletion. Raises GraphError 400 as for an unknown path."""
    if not call.mailbox.deletes_permanently:
        raise GraphError(400, 'BadRequest', "Resource not found for the segment 'permanentDelete'.")


def check_has_uploads(call: MailCall) -> None:
    """Check that the caller can open upload sessions. Raises GraphError 400 as for an unknown path, or 403."""
    if not call.mailbox.has_upload_sessions:
        raise GraphError(400, 'BadRequest', "Resource not found for the segment 'createUploadSession'.")
    is_other = isinstance(call.caller.principal, User) and call.caller.principal is not call.owner
    if is_other and not call.mailbox.shares_upload_sessions:
        raise GraphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.')


def check_no_folder(folder_id: str | None) -> None:
    """Check that ``$value`` is not requested through a folder. Raises GraphError 405."""
    if folder_id is not None:
        raise GraphError(405, 'ErrorInvalidRequest', 'The OData request is not supported.')


def check_not_broken(message: Message, part: str) -> None:
    """Check that no test has broken that part of the message. Raises GraphError 500."""
    if part in message.broken:
        raise GraphError(500, 'ErrorInternalServerError', 'An internal server error occurred. The operation failed.')


def check_present(message: Message, part: str) -> None:
    """Check that Graph finds that part of a message, which its lists show in any case. Raises GraphError 404."""
    if part in message.absent:
        raise not_found(message.message_id)


def json_body() -> dict[str, Any]:
    """Return the object in the body. Raises GraphError 400."""
    body = request.get_json(silent=True) if request.is_json else None
    if not isinstance(body, dict):
        raise GraphError(
            400,
            'BadRequest',
            'Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.',
        )
    return body


def typed_body(kind: str) -> dict[str, Any]:
    """Return the object of that type in the body. Raises GraphError 400 for what Microsoft's schema does not allow."""
    body = json_body()
    refuse(Schema.load().problems(kind, body, is_request=True))
    return body


def parameters(action: str, bound_to: str) -> dict[str, Any]:
    """Return the parameters of an action, their names in lower case. Raises GraphError 400."""
    body = json_body() if request.get_data() else {}
    refuse(Schema.load().action_problems(action, bound_to, body))
    return {name.lower(): value for name, value in body.items()}


def refuse(problems: list[str]) -> None:
    if problems:
        raise GraphError(400, 'RequestBodyRead', problems[0])


def _owner(state: CloudState, caller: Caller, user_id: str) -> User:
    owner = state.directory.find_user(user_id)
    if owner is None or owner.tenant_id != caller.tenant_id:
        raise GraphError(404, 'ErrorInvalidUser', f"The requested user '{user_id}' is invalid.")
    return owner
