"""Incidents: the list, and the page of one with what the mapper filled in, the mail and its attachments."""

import base64
import html
import math
import re
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from sandbox.web.protection import mail_page

from .components import Components
from .entries import Entry
from .errors import Refusal
from .files import Files
from .incidents import CLOSE_REASONS, SEVERITIES, STATUSES

_ON_A_PAGE = 25
_LARGEST_INLINE_IMAGE = 2 << 20
_CONTENT_ID = re.compile(r'cid:([^"\'\s>)]+)', re.IGNORECASE)
_OF_MAIL = ('emailfrom', 'emailto', 'emailcc', 'emailbcc', 'emailreplyto', 'emailsubject', 'emailreceived')
_BODIES = ('emailhtml', 'emailbodyhtml', 'emailbody')
_ABOUT = ('dbotMirrorId', 'closed', 'closeReason', 'closeNotes')


def add_incidents(site: Blueprint, components: Components) -> None:
    """Add the list of incidents, the page of one, and what one does with it."""
    _add_list(site, components)
    _add_page(site, components)
    _add_changes(site, components)


def _add_list(site: Blueprint, components: Components) -> None:
    @site.get('/incidents')
    def incidents() -> str:
        wanted = {name: request.args.get(name, '') for name in ('search', 'type', 'severity', 'status', 'owner')}
        page = max(1, request.args.get('page', 1, int))
        total, found = components.incidents.find(
            wanted['search'],
            wanted['type'],
            _number(wanted['severity']),
            None if wanted['status'] == '' else int(_number(wanted['status']) or 0),
            {'': None, '-': ''}.get(wanted['owner'], wanted['owner']),
            page=page - 1,
            size=_ON_A_PAGE,
        )
        pages = max(1, math.ceil(total / _ON_A_PAGE))
        return render_template(
            'incidents.html',
            incidents=found,
            total=total,
            page=page,
            pages=pages,
            wanted=wanted,
            given={name: value for name, value in wanted.items() if value},
            types=components.catalogue.incident_types(),
            severities=SEVERITIES,
            statuses=STATUSES,
        )


def _add_page(site: Blueprint, components: Components) -> None:
    @site.get('/incidents/<incident_id>')
    def incident(incident_id: str) -> str:
        found = components.incidents.get(incident_id)
        names = {key: name for each in components.catalogue.classifiers() for key, name in each.field_names.items()}
        fields = found.get('CustomFields') or {}
        return render_template(
            'incident.html',
            incident=found,
            about={name: found[name] for name in _ABOUT if found.get(name)},
            mail={names.get(key, key): fields[key] for key in _OF_MAIL if fields.get(key)},
            has_body=any(fields.get(key) for key in _BODIES),
            fields={names.get(key, key): value for key, value in sorted(fields.items()) if key not in (*_OF_MAIL, *_BODIES)},
            files=[each for each in components.war_room.entries(incident_id) if each['fileID'] and not each['parentId']],
            severities=SEVERITIES,
            statuses=STATUSES,
            reasons=CLOSE_REASONS,
        )

    @site.get('/incidents/<incident_id>/body')
    def body(incident_id: str) -> Response:
        found = components.incidents.get(incident_id)
        fields = found.get('CustomFields') or {}
        text = next((str(fields[key]) for key in _BODIES[:2] if fields.get(key)), '')
        text = text or f'<div style="white-space:pre-wrap">{html.escape(str(fields.get("emailbody") or ""))}</div>'
        shown = _CONTENT_ID.sub(lambda match: _inline_image(components.files, found, match[1]) or match[0], text)
        return mail_page(shown)


def _add_changes(site: Blueprint, components: Components) -> None:
    @site.post('/incidents/<incident_id>')
    def change(incident_id: str) -> AnyResponse:
        severity = _number(request.form.get('severity', ''))
        if severity not in SEVERITIES:
            raise Refusal('There is no such severity. Choose one of the list.')
        components.incidents.change(incident_id, severity=severity, owner=request.form.get('owner', '').strip())
        g.visit.messages.append(('success', 'Saved severity and owner.'))
        return _back(incident_id)

    @site.post('/incidents/<incident_id>/close')
    def close(incident_id: str) -> AnyResponse:
        reason, notes = request.form.get('reason', ''), request.form.get('notes', '').strip()
        components.incidents.close(incident_id, reason, notes)
        said = f'The incident was closed: {reason}.' + (f' {notes}' if notes else '')
        components.war_room.add(incident_id, Entry(said), user='admin')
        g.visit.messages.append(('success', f'Closed incident {incident_id}.'))
        return _back(incident_id)

    @site.post('/incidents/<incident_id>/reopen')
    def reopen(incident_id: str) -> AnyResponse:
        components.incidents.reopen(incident_id)
        components.war_room.add(incident_id, Entry('The incident was reopened.'), user='admin')
        return _back(incident_id)


def _back(incident_id: str) -> AnyResponse:
    return redirect(url_for('pages.incident', incident_id=incident_id), 303)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _inline_image(files: Files, incident: dict[str, Any], content_id: str) -> str:
    """Return the image that a mail shows inside its text, as a data: URI; empty if there is none of this content ID."""
    for each in incident.get('attachment') or ():
        if str(each['name']).startswith(content_id) or each.get('contentId') == content_id:
            facts = files.facts(each['path'])
            kind = str(each.get('type') or facts['type'])
            if kind.startswith('image/') and kind != 'image/svg+xml' and facts['size'] <= _LARGEST_INLINE_IMAGE:
                return f'data:{kind};base64,{base64.b64encode(files.path(each["path"]).read_bytes()).decode()}'
    return ''
