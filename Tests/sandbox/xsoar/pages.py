"""The pages of the server: integrations and their instances, war rooms, incidents. Plain HTML, rendered here."""

import hmac
import secrets
import threading
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request, send_file, url_for
from markdown_it import MarkdownIt
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from .forms import CLEAR_SUFFIX, PASSWORD_SUFFIX, body_of, sections
from .instance_body import described_instance
from .instances import LOG_LEVELS, Instance
from .parts import Parts
from .problems import Refusal
from .war_room import INCIDENT

_COOKIE = 'xsoar'
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_MARKDOWN = MarkdownIt('commonmark', {'html': False}).enable('table')


class Visits:
    """Who has signed in: the token of each browser's cookie, and the token that its forms must send along."""

    def __init__(self) -> None:
        self._forms: dict[str, str] = {}
        self._lock = threading.Lock()

    def begin(self) -> str:
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._forms[cookie] = secrets.token_urlsafe(32)
        return cookie

    def form_token(self, cookie: str) -> str:
        """The token for forms, or an empty text if nobody has signed in with this cookie."""
        with self._lock:
            return self._forms.get(cookie, '')

    def end(self, cookie: str) -> None:
        with self._lock:
            self._forms.pop(cookie, None)


def pages(parts: Parts) -> Blueprint:
    """The pages as a blueprint. One signs in with the API key; a form of another site is refused."""
    site = Blueprint('pages', __name__, template_folder='templates', static_folder='static', static_url_path='/style')
    visits = Visits()
    site.add_app_template_filter(lambda text: Markup(_MARKDOWN.render(text)), 'markdown')  # noqa: S704 - HTML in it is escaped

    @site.before_request
    def check_visit() -> AnyResponse | None:
        if request.endpoint in ('pages.login', 'pages.sign_in', 'pages.static'):
            return None
        g.form_token = visits.form_token(request.cookies.get(_COOKIE, ''))
        if not g.form_token:
            return redirect(url_for('pages.login'))
        if request.method == 'POST' and not hmac.compare_digest(request.form.get('.token', '').encode(), g.form_token.encode()):
            abort(
                make_response(
                    render_template('problem.html', problem='This form is too old: go back, reload the page and try again.'), 403
                )
            )
        return None

    @site.after_request
    def protect(response: Response) -> Response:
        response.headers.update(
            {
                'Content-Security-Policy': _POLICY,
                'X-Content-Type-Options': 'nosniff',
                'Referrer-Policy': 'no-referrer',
                'Cache-Control': 'no-store',
            }
        )
        return response

    site.register_error_handler(Refusal, lambda refusal: (render_template('problem.html', problem=str(refusal)), refusal.status))
    _sign_in(site, parts, visits)
    _integrations(site, parts)
    _war_rooms(site, parts)
    return site


def _sign_in(site: Blueprint, parts: Parts, visits: Visits) -> None:
    @site.get('/login')
    def login() -> str:
        return render_template('login.html', problem='')

    @site.post('/login')
    def sign_in() -> Any:
        if not hmac.compare_digest(request.form.get('key', '').strip().encode(), parts.api_key.encode()):
            return render_template(
                'login.html', problem='This is not the API key of the server: it is printed when the server starts.'
            ), 401
        response = redirect(url_for('pages.integrations'))
        response.set_cookie(_COOKIE, visits.begin(), httponly=True, samesite='Strict', secure=request.is_secure)
        return response

    @site.post('/logout')
    def sign_out() -> AnyResponse:
        visits.end(request.cookies.get(_COOKIE, ''))
        return redirect(url_for('pages.login'))


def _integrations(site: Blueprint, parts: Parts) -> None:
    @site.get('/')
    def home() -> AnyResponse:
        return redirect(url_for('pages.integrations'))

    @site.get('/integrations')
    def integrations() -> str:
        instances = parts.instances.all()
        rows = [
            (each, [instance for instance in instances if instance.integration_id == each.id])
            for each in parts.catalogue.integrations()
        ]
        return render_template('integrations.html', rows=rows)

    @site.route('/integrations/<integration_id>/add', methods=['GET', 'POST'])
    def add(integration_id: str) -> Any:
        integration = parts.catalogue.integration(integration_id)
        return _form(parts, parts.instances.new(integration, f'{integration.name}_instance_1'))

    @site.route('/instances/<instance_id>', methods=['GET', 'POST'])
    def instance(instance_id: str) -> Any:
        return _form(parts, parts.instances.get(instance_id))

    @site.post('/instances/<instance_id>/delete')
    def delete(instance_id: str) -> AnyResponse:
        parts.instances.delete(instance_id)
        return redirect(url_for('pages.integrations'))


def _form(parts: Parts, instance: Instance) -> Any:
    """Shows the form of an instance, or takes it: saves, and presses Test when that was the button."""
    integration = parts.catalogue.integration(instance.integration_id)
    problem, success, status = '', '', 200
    if request.method == 'POST':
        try:
            body = body_of(request.form, integration, instance)
            instance = parts.instances.save(described_instance(parts, body), body['version'])
            if request.form.get('.do') != 'test':
                return redirect(url_for('pages.integrations'))
            passed, problem = parts.runner.test(integration, instance)
            success = 'Success' if passed else ''
        except Refusal as refusal:
            problem, status = str(refusal), refusal.status
    page = render_template(
        'instance.html',
        integration=integration,
        instance=instance,
        sections=sections(integration, instance),
        engines=parts.engine.names,
        log_levels=LOG_LEVELS,
        problem=problem,
        success=success,
        password=PASSWORD_SUFFIX,
        clear=CLEAR_SUFFIX,
    )
    return page, status


def _war_rooms(site: Blueprint, parts: Parts) -> None:
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
    def say(investigation_id: str) -> AnyResponse:
        text = request.form.get('.text', '').strip()
        if text:
            parts.console.execute(investigation_id, text)
        return redirect(url_for('pages.war_room', investigation_id=investigation_id, _anchor='say'))

    @site.get('/files/<entry_id>')
    def file(entry_id: str) -> Response:
        found = parts.war_room.file_of(entry_id)
        return send_file(found['path'], mimetype='application/octet-stream', as_attachment=True, download_name=found['name'])

    @site.get('/incidents')
    def incidents() -> str:
        return render_template('incidents.html', incidents=parts.incidents.search()[::-1])
