"""The pages of the server, as a blueprint: who may see them, what protects them, what they share."""

import json
import time
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from .clock import now
from .engines_page import add_engines
from .incidents_page import add_incidents, shown
from .instance_page import add_instance_form
from .integrations_page import add_integrations
from .keys_pages import add_keys
from .markdown import Markdown
from .parts import Parts
from .problems import Refusal
from .sign_in_page import add_sign_in, cookie_name
from .visits import Visits, is_token
from .war_room_page import add_war_room

_POLICY = '; '.join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_OPEN_TO_ALL = ('pages.login', 'pages.sign_in', 'pages.enter', 'pages.static')
_TOO_OLD = 'This form is too old. Go back, reload the page and try again.'


def pages(parts: Parts) -> Blueprint:
    """Return the pages. One signs in with an API key; a form of another site is refused."""
    site = Blueprint('pages', __name__, template_folder='templates', static_folder='static', static_url_path='/style')
    visits, cookie = Visits(), cookie_name(parts)
    markdown = Markdown(parts.surroundings.local_addresses)
    site.add_app_template_filter(markdown.document, 'document')
    site.add_app_template_filter(markdown.entry, 'markdown')
    site.add_app_template_filter(markdown.plain, 'plain')
    site.add_app_template_filter(markdown.local_links, 'local_links')
    site.add_app_template_filter(lambda value: (value, value), 'pair')
    site.add_app_template_filter(_moment, 'moment')
    site.add_app_template_filter(_ago, 'ago')
    site.add_app_template_filter(_size, 'size')
    site.add_app_template_filter(_pretty, 'pretty')
    site.add_app_template_filter(shown, 'shown')

    @site.before_request
    def check_visit() -> AnyResponse | None:
        if request.endpoint in _OPEN_TO_ALL:
            return None
        visit = visits.of(request.cookies.get(cookie, ''))
        if not visit:
            wanted = request.full_path.rstrip('?') if request.method == 'GET' else '/'
            return redirect(url_for('pages.login', **({'next': wanted} if wanted != '/' else {})))
        g.visit = visit
        if request.method == 'POST' and not is_token(request.form.get('.token', ''), visit):
            abort(make_response(render_template('problem.html', problem=_TOO_OLD), 403))
        return None

    @site.app_context_processor
    def shared() -> dict[str, Any]:
        return {'start_page': parts.surroundings.start_page, 'messages': _messages, 'now_seconds': time.time}

    site.register_error_handler(Refusal, lambda refusal: problem_page(str(refusal), refusal.status))
    add_sign_in(site, parts, visits)
    add_integrations(site, parts)
    add_instance_form(site, parts)
    add_war_room(site, parts)
    add_incidents(site, parts)
    add_keys(site, parts)
    add_engines(site, parts)
    return site


def problem_page(sentence: str, status: int) -> tuple[str, int]:
    """Return the page that says why something did not work."""
    return render_template('problem.html', problem=sentence), status


def wants_page() -> bool:
    """Return whether the request comes from a browser rather than from a client of the REST calls."""
    return 'text/html' in request.headers.get('Accept', '')


def protect(response: Response) -> Response:
    """Add the headers that protect a page, where it does not have its own."""
    if response.mimetype == 'text/html':
        response.headers.setdefault('Content-Security-Policy', _POLICY)
        response.headers['Cache-Control'] = 'no-store'
    response.headers['X-Content-Type-Options'] = 'nosniff'
    response.headers['Referrer-Policy'] = 'no-referrer'
    return response


def _messages() -> list[tuple[str, str]]:
    """Take what waits to be told to this browser."""
    visit = g.get('visit')
    if not visit:
        return []
    messages, visit.messages = visit.messages, []
    return list(messages)


def _moment(text: str) -> str:
    """Return an RFC 3339 time as a person reads it, in UTC."""
    return f'{text[:10]} {text[11:19]} UTC' if text[19:20] in ('.', 'Z') else text


def _ago(text: str) -> str:
    """Return how long ago an RFC 3339 time in UTC was."""
    try:
        seconds = (now() - datetime.fromisoformat(text.replace('Z', '+00:00'))).total_seconds()
    except (ValueError, TypeError):
        return text
    for size, name in ((86400, 'day'), (3600, 'hour'), (60, 'minute')):
        if seconds >= size:
            count = int(seconds // size)
            return f'{count} {name}{"s" if count > 1 else ""} ago'
    return 'just now' if seconds < 5 else f'{int(seconds)} seconds ago'


def _pretty(text: str) -> str:
    """Return a JSON text with line breaks; any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _size(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    return f'{count:,} bytes' if count < 10_000 else f'{count / 1000:,.0f} kB' if count < 10_000_000 else f'{count / 1e6:,.0f} MB'
