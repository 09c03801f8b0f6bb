"""War rooms: the entries of an investigation and the command line."""

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from .parts import Parts
from .war_room import INCIDENT


def add_war_room(site: Blueprint, parts: Parts) -> None:
    """Add the playground and the war rooms of incidents."""

    @site.get('/war-room')
    def playground() -> AnyResponse:
        return redirect(url_for('pages.war_room', investigation_id=parts.war_room.playground()))

    @site.get('/war-room/<investigation_id>')
    def war_room(investigation_id: str) -> str:
        investigation = parts.war_room.investigation(investigation_id)
        return render_template(
            'war_room.html',
            investigation=investigation,
            incident=parts.incidents.get(investigation_id) if investigation['type'] == INCIDENT else None,
            entries=parts.war_room.entries(investigation_id),
            context=parts.war_room.context(investigation_id),
        )

    @site.post('/war-room/<investigation_id>')
    def say(investigation_id: str) -> Any:
        text = request.form.get('.text', '').strip()
        if text:
            parts.console.execute(investigation_id, text)
        return redirect(url_for('pages.war_room', investigation_id=investigation_id, _anchor='say'), 303)

    @site.get('/files/<entry_id>')
    def file(entry_id: str) -> Response:
        found = parts.war_room.file_of(entry_id)
        return send_file(found['path'], mimetype='application/octet-stream', as_attachment=True, download_name=found['name'])
