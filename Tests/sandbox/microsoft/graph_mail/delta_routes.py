"""``/mailFolders/{id}/messages/delta`` and ``/mailFolders/delta``: what changed since the last time."""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request

from sandbox.microsoft.graph_mail import ids
from sandbox.microsoft.graph_mail.changes import Change, ChangeLog
from sandbox.microsoft.graph_mail.delta import (
    DeltaState,
    Wanted,
    change_type,
    next_rows,
    next_sorted_rows,
    read,
    written,
)
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.listing import check_page, link
from sandbox.microsoft.graph_mail.mail_request import MailCall, find_folder, mail_blueprint, open_mailbox
from sandbox.microsoft.graph_mail.message_routes import listed
from sandbox.microsoft.graph_mail.odata_filter import parse_time
from sandbox.microsoft.graph_mail.permissions import READ_BASIC
from sandbox.microsoft.graph_mail.query import Query, read_query
from sandbox.microsoft.graph_mail.representation import folder_json

OPTIONS = frozenset({'$select', '$filter', '$top', '$expand', '$orderby', '$skiptoken', '$deltatoken'})
FOLDER_OPTIONS = frozenset({'$select', '$top', '$skiptoken', '$deltatoken'})
CHANGE_TYPES = ('created', 'updated', 'deleted')
_RECEIVED = re.compile(r'\s*receivedDateTime\s+(ge|gt)\s+(\S+)\s*')
_ORDER = 'receiveddatetime desc'
delta_api = mail_blueprint('delta')


@delta_api.get('/mailFolders/<folder_id>/messages/delta')
@delta_api.get('/mailFolders/<folder_id>/messages/delta()')
def message_changes(folder_id: str) -> Response:
    call = open_mailbox(READ_BASIC)
    folder = find_folder(call, folder_id)
    if call.mailbox.delta_status:
        raise GraphError(call.mailbox.delta_status, 'UnknownError', 'Change tracking is not supported here.')
    if not call.mailbox.has_room_for_syncs:
        raise GraphError(403, 'ErrorQuotaExceeded', 'Mailbox has exceeded maximum mailbox size.')
    state = _requested_state(call, folder.folder_id, OPTIONS)
    options = {name: value for name, value in state.options.items() if name in ('$select', '$top', '$expand')}
    query = call.allowed(read_query(options, 'message', call.page_size, OPTIONS))
    check_page(call.mailbox, query)
    with call.mailbox.lock:
        log = call.mailbox.log_of(folder.folder_id)
        rows, state = _page(call, log, state, query, _wanted_message(call, state))
        value = [_message_row(call, folder.folder_id, query, change, state) for change in rows]
    return _answer(call, state, value, call.context(f"mailFolders('{folder_id}')/messages"))


@delta_api.get('/mailFolders/delta')
@delta_api.get('/mailFolders/delta()')
def folder_changes() -> Response:
    call = open_mailbox(READ_BASIC)
    state = _requested_state(call, '', FOLDER_OPTIONS)
    query = read_query(
        {name: value for name, value in state.options.items() if name in ('$select', '$top')},
        'mailFolder',
        call.page_size,
        FOLDER_OPTIONS,
    )
    with call.mailbox.lock:
        rows, state = _page(call, call.mailbox.folder_log, state, query, lambda change: not _is_hidden(call, change))
        value = [_folder_row(call, query, change) for change in rows]
    return _answer(call, state, value, call.context('mailFolders'))


def _requested_state(call: MailCall, of: str, allowed: frozenset[str]) -> DeltaState:
    """Return the state of the query that the request starts or continues. A token fixes the options."""
    token = request.args.get('$deltatoken') or request.args.get('$skiptoken')
    if token:
        return read(token, call.mailbox, of)
    options = {name: value for name, value in request.args.items() if name.startswith('$') or name == 'changeType'}
    for name in options:
        if name.startswith('$') and name not in allowed:
            raise GraphError(400, 'ErrorInvalidUrlQuery', f"The query option '{name}' is not supported by change tracking.")
    if options.get('changeType', CHANGE_TYPES[0]) not in CHANGE_TYPES:
        raise GraphError(400, 'BadRequest', f"Invalid changeType '{options['changeType']}'.")
    if options.get('$filter') and not _lower_bound(options['$filter']):
        raise GraphError(400, 'ErrorInvalidUrlQuery', 'Change tracking filters only by receivedDateTime ge or gt.')
    order = ' '.join(options.get('$orderby', _ORDER).split()).lower()
    if order != _ORDER:
        raise GraphError(400, 'ErrorInvalidUrlQuery', 'Change tracking sorts only by receivedDateTime desc.')
    mailbox = call.mailbox
    return DeltaState(
        of,
        mailbox.delta_generation,
        mailbox.now(),
        secrets.token_hex(8),
        options=options,
        until=mailbox.change_number if '$orderby' in options else 0,
    )


def _page(call: MailCall, log: ChangeLog, state: DeltaState, query: Query, wanted: Wanted) -> tuple[list[Change], DeltaState]:
    limit = call.mailbox.first_delta_sync_limit if not state.since else None
    size = min(query.size, limit - state.sent) if limit is not None else query.size
    if state.until:
        rows, state = next_sorted_rows(log, call.mailbox.members_of(state.of), state, size, wanted)
        if rows:
            return rows, state
    rows, state, more = next_rows(log, state, size, wanted)
    if not more or (limit is not None and state.sent >= limit):
        # everything up to here was looked at
        state = replace(state, position=call.mailbox.change_number, is_over=True)
    return rows, state


def _answer(call: MailCall, state: DeltaState, value: list[dict[str, Any]], context: str) -> Response:
    state = replace(state, generation=call.mailbox.delta_generation, made=call.mailbox.now(), step=state.step + 1)
    with call.mailbox.lock:
        call.mailbox.delta_steps[state.chain] = max(state.step, call.mailbox.delta_steps.get(state.chain, 0))
    name, token = ('@odata.deltaLink', '$deltatoken') if state.is_over else ('@odata.nextLink', '$skiptoken')
    return jsonify({'@odata.context': context, name: link(call.graph, {token: written(state)}), 'value': value})


def _wanted_message(call: MailCall, state: DeltaState) -> Callable[[Change], bool]:
    kind, bound = state.options.get('changeType'), _lower_bound(state.options.get('$filter', ''))
    members = call.mailbox.members_of(state.of)

    mailbox, selected = call.mailbox, _selected(state)

    def wanted(change: Change) -> bool:
        if _has_returned(change, state) and mailbox.told_of_returned != 'created':
            return mailbox.told_of_returned == 'removed'
        if not change.is_present and mailbox.told_of_returned == 'removed':
            return True
        if _is_partial(call, change, state):
            return bool(change.properties & selected)
        if kind and change_type(change, state.since) != kind:
            return False
        return not change.is_present or bound is None or bound(members[change.key].received)

    return wanted


def _lower_bound(text: str) -> Callable[[float], bool] | None:
    found = _RECEIVED.fullmatch(text)
    if found is None:
        return None
    try:
        moment = parse_time(found[2])
    except ValueError:
        return None
    # Graph shows whole seconds
    return (lambda received: int(received) >= moment) if found[1] == 'ge' else (lambda received: int(received) > moment)


def _selected(state: DeltaState) -> frozenset[str]:
    return frozenset(filter(None, state.options.get('$select', '').split(',')))


def _has_returned(change: Change, state: DeltaState) -> bool:
    """Return whether something left and came back since the last sync."""
    return change.is_present and 0 < state.since < change.left


def _is_partial(call: MailCall, change: Change, state: DeltaState) -> bool:
    """Return whether only the changed properties of a message are told."""
    is_old = change.is_present and state.since > 0 and change_type(change, state.since) == 'updated'
    return call.mailbox.tells_partial_changes and is_old and state.options.get('changeType') == 'created'


def _message_row(call: MailCall, folder_id: str, query: Query, change: Change, state: DeltaState) -> dict[str, Any]:
    if not change.is_present or (_has_returned(change, state) and call.mailbox.told_of_returned == 'removed'):
        identifier = ids.immutable_id(change.key) if call.view.immutable_ids else change.former_id
        return {'@removed': {'reason': 'deleted'}, 'id': identifier}
    row = {'@odata.type': '#microsoft.graph.message', **listed(call, call.mailbox.members_of(folder_id)[change.key], query)}
    if _is_partial(call, change, state):
        return {name: value for name, value in row.items() if name in {'@odata.type', 'id', *change.properties}}
    return row


def _is_hidden(call: MailCall, change: Change) -> bool:
    folder = call.mailbox.folder(change.key.decode())
    return folder is not None and (folder.is_hidden or not folder.parent_folder_id)


def _folder_row(call: MailCall, query: Query, change: Change) -> dict[str, Any]:
    folder = call.mailbox.folder(change.key.decode())
    if folder is None:
        return {'@removed': {'reason': 'deleted'}, 'id': change.former_id}
    return folder_json(call.mailbox, folder, query.select)
