"""``/mailFolders``: the tree of folders."""

from typing import Any

from flask import Response, jsonify, request

from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.listing import filter_and_sort, page_json
from sandbox.microsoft.graph_mail.mail_request import (
    MailCall,
    check_deletes_permanently,
    find_folder,
    mail_blueprint,
    open_mailbox,
    typed_body,
)
from sandbox.microsoft.graph_mail.mailbox import ROOT
from sandbox.microsoft.graph_mail.message_routes import destination
from sandbox.microsoft.graph_mail.model import Folder
from sandbox.microsoft.graph_mail.permissions import READ_BASIC, WRITE
from sandbox.microsoft.graph_mail.query import Query
from sandbox.microsoft.graph_mail.representation import folder_json

folders_api = mail_blueprint('folders')


def entity(call: MailCall, folder: Folder, query: Query | None = None) -> dict[str, Any]:
    selected = query.select if query else ()
    return {'@odata.context': call.context('mailFolders/$entity'), **folder_json(call.mailbox, folder, selected)}


@folders_api.get('/mailFolders')
@folders_api.get('/mailFolders/<folder_id>/childFolders')
def list_folders(folder_id: str = ROOT) -> Response:
    call = open_mailbox(READ_BASIC)
    query = call.query('mailFolder')
    parent = find_folder(call, folder_id)
    hidden = request.args.get('includeHiddenFolders', '').lower() == 'true'
    found = filter_and_sort(
        call.mailbox.folders(parent.folder_id, hidden), query, 'mailFolder', lambda folder: folder_json(call.mailbox, folder).get
    )
    context = call.context('mailFolders' if folder_id == ROOT else f"mailFolders('{folder_id}')/childFolders")
    return jsonify(page_json(found, query, lambda folder: folder_json(call.mailbox, folder, query.select), context, call.graph))


@folders_api.get('/mailFolders/<folder_id>')
@folders_api.get('/mailFolders/<_parent_id>/childFolders/<folder_id>')
def get_folder(folder_id: str, _parent_id: str = '') -> Response:
    call = open_mailbox(READ_BASIC)
    query = call.query('mailFolder')
    return jsonify(entity(call, find_folder(call, folder_id), query))


@folders_api.post('/mailFolders')
@folders_api.post('/mailFolders/<folder_id>/childFolders')
def create_folder(folder_id: str = ROOT) -> tuple[Response, int]:
    call = open_mailbox(WRITE)
    parent = find_folder(call, folder_id)
    body = typed_body('mailFolder')
    with call.mailbox.lock:
        name = _free_name(call, parent.folder_id, body.get('displayName'))
        folder = call.mailbox.make_folder(name, parent.folder_id, bool(body.get('isHidden')))
    return jsonify(entity(call, folder)), 201


@folders_api.patch('/mailFolders/<folder_id>')
def update_folder(folder_id: str) -> Response:
    call = open_mailbox(WRITE)
    folder = find_folder(call, folder_id)
    body = typed_body('mailFolder')
    with call.mailbox.lock:
        if 'displayName' in body:
            _refuse_well_known(folder)
            call.mailbox.rename_folder(folder, _free_name(call, folder.parent_folder_id, body['displayName'], folder))
    return jsonify(entity(call, folder))


@folders_api.delete('/mailFolders/<folder_id>')
def delete_folder(folder_id: str) -> tuple[str, int]:
    call = open_mailbox(WRITE)
    folder = find_folder(call, folder_id)
    _refuse_well_known(folder)
    if call.mailbox.deletes_softly or _is_below(call, folder, 'deleteditems'):
        call.mailbox.remove_folder(folder)
    else:
        call.mailbox.move_folder(folder, 'deleteditems')
    return '', 204


@folders_api.post('/mailFolders/<folder_id>/permanentDelete')
def delete_folder_for_ever(folder_id: str) -> tuple[str, int]:
    call = open_mailbox(WRITE)
    check_deletes_permanently(call)
    folder = find_folder(call, folder_id)
    _refuse_well_known(folder)
    call.mailbox.remove_folder(folder)
    return '', 204


@folders_api.post('/mailFolders/<folder_id>/move')
def move_folder(folder_id: str) -> tuple[Response, int]:
    call = open_mailbox(WRITE)
    folder = find_folder(call, folder_id)
    _refuse_well_known(folder)
    target = destination(call, 'mailFolder', 'move')
    with call.mailbox.lock:
        if _is_below(call, find_folder(call, target), folder.folder_id):
            raise GraphError(400, 'ErrorMoveCopyFailed', 'A folder cannot be put into itself or below itself.')
        _free_name(call, target, folder.display_name)
        call.mailbox.move_folder(folder, target)
    return jsonify(entity(call, folder)), 201


@folders_api.post('/mailFolders/<folder_id>/copy')
def copy_folder(folder_id: str) -> tuple[Response, int]:
    call = open_mailbox(WRITE)
    folder = find_folder(call, folder_id)
    target = destination(call, 'mailFolder', 'copy')
    with call.mailbox.lock:
        if _is_below(call, find_folder(call, target), folder.folder_id):
            raise GraphError(400, 'ErrorMoveCopyFailed', 'A folder cannot be put into itself or below itself.')
        _free_name(call, target, folder.display_name)
        copy = _copied(call, folder, target)
    return jsonify(entity(call, copy)), 201


def _copied(call: MailCall, folder: Folder, parent: str) -> Folder:
    copy = call.mailbox.make_folder(folder.display_name, parent, folder.is_hidden)
    for message in call.mailbox.messages(folder.folder_id):
        call.mailbox.copy(message, copy.folder_id)
    for child in call.mailbox.folders(folder.folder_id, include_hidden=True):
        _copied(call, child, copy.folder_id)
    return copy


def _is_below(call: MailCall, folder: Folder, ancestor: str) -> bool:
    above = call.mailbox.folder(ancestor)
    at: Folder | None = folder
    while at is not None and at is not above:
        at = call.mailbox.folder(at.parent_folder_id) if at.parent_folder_id else None
    return at is not None


def _refuse_well_known(folder: Folder) -> None:
    if folder.well_known_name:
        raise GraphError(403, 'ErrorDeleteDistinguishedFolder', 'Distinguished folders cannot be deleted, renamed or moved.')


def _free_name(call: MailCall, parent_id: str, name: str | None, folder: Folder | None = None) -> str:
    """Return ``name`` unless another folder of the parent has it. Raises GraphError 400 or 409."""
    if not name or not name.strip():
        raise GraphError(400, 'ErrorInvalidRequest', 'A folder needs a displayName.')
    siblings = call.mailbox.folders(parent_id, include_hidden=True)
    if any(known.display_name.casefold() == name.casefold() for known in siblings if known is not folder):
        raise GraphError(409, 'ErrorFolderExists', f"A folder with the specified name already exists., '{name}' was not made.")
    return name
