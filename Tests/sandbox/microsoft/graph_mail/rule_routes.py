"""``/mailFolders/inbox/messageRules``: what a mailbox does by itself."""

from typing import Any

from flask import Response, jsonify

from sandbox.microsoft.graph_mail import ids
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.listing import filter_and_sort, page_json
from sandbox.microsoft.graph_mail.mail_request import MailCall, find_folder, mail_blueprint, not_found, open_mailbox, typed_body
from sandbox.microsoft.graph_mail.permissions import READ_SETTINGS, WRITE_SETTINGS

WRITABLE = ('displayName', 'sequence', 'isEnabled', 'isReadOnly', 'conditions', 'actions', 'exceptions')
rules_api = mail_blueprint('rules')


def _open(folder_id: str, write: bool = False) -> MailCall:
    call = open_mailbox(WRITE_SETTINGS if write else READ_SETTINGS)
    if find_folder(call, folder_id).well_known_name != 'inbox':
        raise GraphError(400, 'ErrorInvalidRequest', 'Only the inbox has message rules.')
    return call


def _find(call: MailCall, rule_id: str) -> dict[str, Any]:
    rule = next((known for known in call.mailbox.rules if known['id'] == rule_id), None)
    if rule is None:
        raise not_found(rule_id)
    return rule


def _entity(call: MailCall, rule: dict[str, Any]) -> dict[str, Any]:
    return {'@odata.context': call.context("mailFolders('inbox')/messageRules/$entity"), **rule}


@rules_api.get('/mailFolders/<folder_id>/messageRules')
def list_rules(folder_id: str) -> Response:
    call = _open(folder_id)
    query = call.query('messageRule')
    found = filter_and_sort(list(call.mailbox.rules), query, 'messageRule', lambda rule: rule.get)

    def show(rule: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in rule.items() if not query.select or name in query.select or name == 'id'}

    return jsonify(page_json(found, query, show, call.context("mailFolders('inbox')/messageRules"), call.graph))


@rules_api.get('/mailFolders/<folder_id>/messageRules/<rule_id>')
def get_rule(folder_id: str, rule_id: str) -> Response:
    call = _open(folder_id)
    return jsonify(_entity(call, _find(call, rule_id)))


@rules_api.post('/mailFolders/<folder_id>/messageRules')
def create_rule(folder_id: str) -> tuple[Response, int]:
    call = _open(folder_id, write=True)
    body = typed_body('messageRule')
    missing = [name for name in ('displayName', 'actions', 'sequence') if not body.get(name)]
    if missing:
        raise GraphError(400, 'ErrorInvalidRequest', f'A rule needs {", ".join(missing)}.')
    rule = {
        'id': ids.new_rule_id(),
        'displayName': body['displayName'],
        'sequence': body['sequence'],
        'isEnabled': bool(body.get('isEnabled')),
        'hasError': False,
        'isReadOnly': bool(body.get('isReadOnly')),
        **{name: body[name] for name in ('conditions', 'actions', 'exceptions') if body.get(name)},
    }
    with call.mailbox.lock:
        call.mailbox.rules.append(rule)
    return jsonify(_entity(call, rule)), 201


@rules_api.patch('/mailFolders/<folder_id>/messageRules/<rule_id>')
def update_rule(folder_id: str, rule_id: str) -> Response:
    call = _open(folder_id, write=True)
    rule = _writable(_find(call, rule_id))
    rule |= {name: value for name, value in typed_body('messageRule').items() if name in WRITABLE}
    return jsonify(_entity(call, rule))


@rules_api.delete('/mailFolders/<folder_id>/messageRules/<rule_id>')
def delete_rule(folder_id: str, rule_id: str) -> tuple[str, int]:
    call = _open(folder_id, write=True)
    with call.mailbox.lock:
        call.mailbox.rules.remove(_writable(_find(call, rule_id)))
    return '', 204


def _writable(rule: dict[str, Any]) -> dict[str, Any]:
    if rule['isReadOnly']:
        raise GraphError(403, 'ErrorAccessDenied', 'The rule is read-only.')
    return rule
