"""War rooms: the entries of an investigation, and the command line."""

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, send_file, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from .completion import known_commands
from .components import Components
from .entries import FILE, Entry
from .war_room import INCIDENT

_ON_A_PAGE = 50


def add_war_room(site: Blueprint, components: Components) -> None:
    """Add the playground, the war rooms of incidents, and what their command line needs."""
    _add_entries(site, components)
    _add_line(site, components)
    _add_context_and_files(site, components)


def _add_entries(site: Blueprint, components: Components) -> None:
    @site.get('/war-room')
    def playground() -> AnyResponse:
        return redirect(url_for('pages.war_room', investigation_id=components.war_room.playground()))

    @site.get('/war-room/<investigation_id>')
    def war_room(investigation_id: str) -> str:
        investigation = components.war_room.investigation(investigation_id)
        before = request.args.get('before', type=int)
        entries = components.war_room.page(investigation_id, _ON_A_PAGE, before)
        return render_template(
            'war_room.html',
            investigation=investigation,
            incident=components.incidents.get(investigation_id) if investigation['type'] == INCIDENT else None,
            entries=entries,
            first=_number(entries[0]) if entries else 1,
            before=before,
            **_state(components, investigation_id),
        )

    @site.get('/war-room/<investigation_id>/entries')
    def entries(investigation_id: str) -> str:
        """Return the entries from a number on as a part of the page, which replaces those that it shows."""
        found = components.war_room.since(investigation_id, request.args.get('from', 1, int))
        return render_template('entries.html', entries=found, **_state(components, investigation_id))


def _add_line(site: Blueprint, components: Components) -> None:
    @site.post('/war-room/<investigation_id>')
    def say(investigation_id: str) -> Any:
        for file in request.files.getlist('.file'):
            if file.filename:
                _upload(components, investigation_id, file)
        text = request.form.get('.text', '').replace('\r\n', '\n').strip()
        if text:
            components.console.execute(investigation_id, text)
        return redirect(url_for('pages.war_room', investigation_id=investigation_id, _anchor='end'), 303)

    @site.post('/entries/<entry_id>/note')
    def note(entry_id: str) -> AnyResponse:
        components.war_room.set_note(entry_id, request.form.get('note') == 'true')
        investigation_id = entry_id.partition('@')[2]
        return redirect(url_for('pages.war_room', investigation_id=investigation_id, _anchor=f'entry-{entry_id}'), 303)


def _add_context_and_files(site: Blueprint, components: Components) -> None:
    @site.get('/war-room/<investigation_id>/context')
    def context(investigation_id: str) -> str:
        investigation = components.war_room.investigation(investigation_id)
        found = components.incidents.context(investigation_id)
        return render_template(
            'context.html', investigation=investigation, context=json.dumps(found, indent=2, ensure_ascii=False)
        )

    @site.get('/commands')
    def commands() -> Response:
        return jsonify([each.to_json() for each in known_commands(components.catalogue, components.instances)])

    @site.get('/files/<entry_id>')
    def file(entry_id: str) -> Response:
        found = components.war_room.file_of(entry_id)
        return send_file(found['path'], mimetype='application/octet-stream', as_attachment=True, download_name=found['name'])


def _state(components: Components, investigation_id: str) -> dict[str, Any]:
    """Return the state of an investigation: whether a command runs, and when commands run again, by the entry that typed them."""
    schedules = [each for each in components.schedules.all() if each.investigation_id == investigation_id]
    running = components.console.is_running(investigation_id) or any(
        components.background_jobs.is_running(('schedule', each.id)) for each in schedules
    )
    return {'running': running, 'again': {each.parent_id: each for each in schedules}}


def _upload(components: Components, investigation_id: str, file: FileStorage) -> None:
    name = Path(file.filename or 'file').name
    components.war_room.investigation(investigation_id)
    with components.files.new() as path:
        file.save(path)
        file_id = components.files.keep(path, name)
    components.war_room.add(investigation_id, Entry('', type=FILE, file=name, file_id=file_id), user='admin')


def _number(entry: dict[str, Any]) -> int:
    return int(str(entry['id']).partition('@')[0])
