"""The server as a WSGI application: its REST calls, as demisto-sdk and demisto-py make them, and its pages."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request, send_file
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException

from sandbox.web.protection import is_local_host, protect, static_files

from .components import Components
from .context import ask
from .entries import FILE, Entry
from .errors import Refusal
from .instance_body import described_instance
from .instance_removal import remove_instance
from .packs import read_integration, read_upload
from .pages import pages, problem_page, wants_page

_LARGEST_REQUEST = 512 << 20


def application(components: Components) -> Flask:
    """Return the server as a WSGI application."""
    app = Flask(__name__)
    app.config['MAX_CONTENT_LENGTH'] = _LARGEST_REQUEST
    app.before_request(_refuse_other_hosts)
    app.before_request(_read_whole_body)
    app.after_request(protect)
    app.register_error_handler(Refusal, lambda refusal: _problem(refusal.status, str(refusal)))
    app.register_error_handler(HTTPException, _http_problem)
    api = _blueprint(components)
    app.register_blueprint(api)
    # A client of version 8, which has a key with an id, puts /xsoar before every path.
    app.register_blueprint(api, url_prefix='/xsoar', name='version8')
    app.register_blueprint(pages(components))
    app.register_blueprint(static_files())
    app.add_url_rule('/health', view_func=lambda: jsonify({}))
    return app


def _refuse_other_hosts() -> Response | None:
    if is_local_host():
        return None
    return _problem(403, 'This server is for this machine only: call it as localhost or 127.0.0.1.')


def _read_whole_body() -> None:
    """Read all of a request before it is answered: closing a connection with unread data breaks off what was sent on it."""
    request.get_data(parse_form_data=True)


def _http_problem(error: HTTPException) -> Any:
    status = error.code or 500
    return problem_page(_page_sentence(status), status) if wants_page() else _problem(status, _sentence(error))


def _page_sentence(status: int) -> str:
    sentences = {
        404: 'There is no such page. Check the address, or go on from the menu.',
        405: 'This page does not take what was sent to it. Go on from the menu.',
        413: f'The file is larger than {_LARGEST_REQUEST >> 20} MB. Choose a smaller one.',
    }
    return sentences.get(status, 'The server failed. What it printed says why.')


def _sentence(error: HTTPException) -> str:
    sentences = {
        404: f'There is no {request.path} here: check the path of the REST call.',
        405: f'{request.path} does not take {request.method}: check the method of the REST call.',
        413: f'The request is larger than {_LARGEST_REQUEST >> 20} MB: send less at once.',
    }
    return sentences.get(error.code or 500, 'The server failed; what it printed says why.')


def _problem(status: int, sentence: str) -> Response:
    """Return an error as the platform sends it. demisto-sdk knows the reason phrase in its usual spelling only."""
    phrase = HTTPStatus(status).phrase
    response = jsonify(
        {'id': phrase.lower().replace(' ', '_'), 'status': status, 'title': phrase, 'detail': sentence, 'error': sentence}
    )
    response.status = f'{status} {phrase}'
    return response


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(f'{request.path} takes a JSON object: send one with the content type application/json.')
    return body


def _filter() -> dict[str, Any]:
    wanted = _body().get('filter') or {}
    if not isinstance(wanted, dict):
        raise Refusal('The filter of a search is an object: send {"filter": {"page": 0, "size": 50}}.')
    return wanted


def _number(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        raise Refusal(f'{name} cannot be {value!r}: send a whole number.') from None


def _page(found: list[dict[str, Any]], wanted: dict[str, Any]) -> Response:
    page, size = max(0, _number(wanted, 'page', 0)), max(1, _number(wanted, 'size', 50))
    return jsonify({'total': len(found), 'data': found[page * size : (page + 1) * size]})


def _texts(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value])] if value else []


def _upload() -> FileStorage:
    upload = request.files.get('file')
    if not upload:
        raise Refusal(f'{request.path} takes a file: send it as multipart/form-data in the part named file.')
    return upload


def _blueprint(components: Components) -> Blueprint:
    api = Blueprint('api', __name__)

    @api.before_request
    def check_key() -> Response | None:
        if components.api_keys.accepts(request.headers.get('Authorization', '')):
            return None
        return _problem(401, 'The API key is missing or wrong: send the one of this server in the Authorization header.')

    _about(api, components)
    _content(api, components)
    _instances(api, components)
    _war_room(api, components)
    _incidents(api, components)
    return api


def _about(api: Blueprint, components: Components) -> None:
    @api.get('/health/server')
    def health() -> Response:
        return jsonify({})

    @api.get('/about')
    def about() -> Response:
        # Texts only: demisto-sdk reads the answer in a way that takes no null, true or false.
        return jsonify(
            {
                'demistoVersion': components.version['version'],
                'buildNum': components.version['buildNumber'],
                'productMode': 'xsoar',
                'deploymentMode': 'opp',
            }
        )

    @api.get('/user')
    def user() -> Response:
        return jsonify({'id': 'admin', 'username': 'admin', 'name': 'Administrator'})


def _content(api: Blueprint, components: Components) -> None:
    @api.post('/contentpacks/installed/upload')
    def upload_packs() -> Response:
        upload = _upload()
        packs = read_upload(upload.read(), upload.filename or 'The upload')
        for pack in packs:
            pack.check_server(components.version['version'])
        for pack in packs:
            components.catalogue.install(pack)
        return jsonify({})

    @api.post('/settings/integration-conf/upload')
    def upload_integration() -> Response:
        upload = _upload()
        integration = read_integration(upload.read(), upload.filename or 'The upload')
        components.catalogue.install_integration(integration)
        return jsonify(integration.to_answer())

    @api.get('/contentpacks/metadata/installed')
    def installed() -> Response:
        return jsonify(components.catalogue.packs())


def _instances(api: Blueprint, components: Components) -> None:
    @api.post('/settings/integration/search')
    def search_integrations() -> Response:
        integrations = {each.id: each for each in components.catalogue.integrations()}
        return jsonify(
            {
                'configurations': [each.to_answer() for each in integrations.values()],
                'instances': [
                    each.to_answer(integrations[each.integration_id])
                    for each in components.instances.all()
                    if each.integration_id in integrations
                ],
            }
        )

    @api.put('/settings/integration')
    def save_instance() -> Response:
        body = _body()
        instance = described_instance(components, body)
        version = _number(body, 'version', -1)
        saved = components.instances.save(instance, None if version == -1 else version)
        return jsonify(saved.to_answer(components.catalogue.integration(saved.integration_id)))

    @api.post('/settings/integration/test')
    def test_instance() -> Response:
        instance = described_instance(components, _body())
        success, message = components.runner.test(components.catalogue.integration(instance.integration_id), instance)
        return jsonify({'success': success, 'message': message})

    @api.delete('/settings/integration/<instance_id>')
    def delete_instance(instance_id: str) -> Response:
        remove_instance(components, instance_id)
        return jsonify({})


def _war_room(api: Blueprint, components: Components) -> None:
    @api.post('/investigations/search')
    def search_investigations() -> Response:
        wanted = _filter()
        found = components.war_room.investigations({int(each) for each in _texts(wanted.get('type')) if each.isdecimal()} or None)
        return _page(found, wanted)

    @api.post('/entry/execute/sync')
    def execute() -> Response:
        body = _body()
        text = str(body.get('data') or '')
        if not text.strip():
            raise Refusal('There is nothing to run: send a command, or a note, as data.')
        return jsonify(components.console.execute(str(body.get('investigationId') or ''), text))

    @api.post('/investigation/<investigation_id>/context')
    def ask_context(investigation_id: str) -> Response:
        return jsonify(ask(components.incidents.context(investigation_id), str(_body().get('query') or '')))

    @api.post('/investigation/<investigation_id>')
    def investigation(investigation_id: str) -> Response:
        return jsonify(
            {**components.war_room.investigation(investigation_id), 'entries': components.war_room.entries(investigation_id)}
        )

    @api.post('/entry/upload/<investigation_id>')
    def upload_file(investigation_id: str) -> Response:
        components.war_room.investigation(investigation_id)
        upload = _upload()
        name = Path(request.form.get('fileName') or upload.filename or 'file').name
        with components.files.new() as path:
            upload.save(path)
            file_id = components.files.keep(path, name)
        entry = Entry(request.form.get('fileComment') or '', type=FILE, file=name, file_id=file_id)
        return jsonify(components.war_room.add(investigation_id, entry, user='admin'))

    @api.get('/entry/download/<entry_id>')
    def download_file(entry_id: str) -> Response:
        file = components.war_room.file_of(entry_id)
        return send_file(file['path'], mimetype='application/octet-stream', as_attachment=True, download_name=file['name'])


def _incidents(api: Blueprint, components: Components) -> None:
    @api.post('/incidents/search')
    def search_incidents() -> Response:
        wanted = _filter()
        if wanted.get('query'):
            raise Refusal('Queries are not supported here: filter by id, type, sourceInstance, fromDate and toDate.')
        found = components.incidents.search(
            ids=_texts(wanted.get('id')),
            types=_texts(wanted.get('type')),
            source_instance=str(wanted.get('sourceInstance') or ''),
            from_date=str(wanted.get('fromDate') or ''),
            to_date=str(wanted.get('toDate') or ''),
        )
        return _page(found, wanted)

    @api.post('/incident')
    def create_incident() -> Response:
        body = _body()
        fields = ('name', 'type', 'severity', 'details', 'labels', 'rawJSON', 'occurred', 'CustomFields', 'owner')
        return jsonify(components.incidents.add({key: body.get(key) for key in fields if key in body}))

    @api.get('/incident/load/<incident_id>')
    def load_incident(incident_id: str) -> Response:
        return jsonify(components.incidents.get(incident_id))
