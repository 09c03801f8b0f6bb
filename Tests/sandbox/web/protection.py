"""What protects pages on loopback: which hosts may call, what a page may load, who may see it, which forms are taken."""

import hmac
import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from .visits import Visits, is_token

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
TOO_OLD = 'This form is too old. Go back, reload the page and try again.'
# A mail runs no scripts, loads nothing and leads nowhere: it is a page of its own in a frame.
_MAIL_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
_MAIL_STYLE = 'body{margin:1rem;font:15px/1.5 system-ui,sans-serif;color:#18222f;background:#fff;overflow-wrap:anywhere}'


def is_local_host() -> bool:
    """Return whether the request names this machine. A page elsewhere reaches loopback under a name of its own only."""
    host = urlsplit(f'//{request.host}').hostname or ''
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def protect(response: Response) -> Response:
    """Add the headers that protect a page, where it does not have its own."""
    if response.mimetype == 'text/html':
        response.headers.setdefault('Content-Security-Policy', _POLICY)
        response.headers['Cache-Control'] = 'no-store'
    response.headers['X-Content-Type-Options'] = 'nosniff'
    response.headers['Referrer-Policy'] = 'no-referrer'
    return response


def static_files() -> Blueprint:
    """Return the style, the scripts and the icon of the pages, under ``/style``."""
    return Blueprint('web', __name__, static_folder='static', static_url_path='/style')


def guard(
    visits: Visits, cookie: str, login: str, problem_page: Callable[[str, int], tuple[str, int]], open_to_all: set[str]
) -> object:
    """Return what to do before each request: let only visitors in, and take only their own forms.

    Args:
        cookie: the name of the cookie of a visit.
        login: the endpoint to which everyone else is sent.
        open_to_all: the endpoints that need no visit.
    """

    def check() -> AnyResponse | tuple[str, int] | None:
        if request.endpoint in open_to_all:
            return None
        visit = visits.of(request.cookies.get(cookie, ''))
        if not visit:
            wanted = request.full_path.rstrip('?') if request.method == 'GET' else '/'
            return redirect(url_for(login, **({'next': wanted} if wanted != '/' else {})))
        g.visit = visit
        if request.method == 'POST' and not is_token(request.form.get('.token', ''), visit):
            return problem_page(TOO_OLD, 403)
        return None

    return check


def enter(visits: Visits, cookie: str, address: str) -> AnyResponse:
    """Begin a visit, and go on to an address if it is one of this server."""
    response = redirect(local_path(address))
    response.set_cookie(cookie, visits.begin(), httponly=True, samesite='Strict', secure=request.is_secure)
    return response


def is_ticket(given: str, ticket: str) -> bool:
    """Return whether a ticket is the one of this run."""
    return hmac.compare_digest(given.encode(), ticket.encode())


def local_path(address: str) -> str:
    """Return an address if it is a path of this server, otherwise the path of the first page."""
    parsed = urlsplit(address)
    is_path = address.startswith('/') and not address.startswith(('//', '/\\'))
    return address if is_path and not parsed.scheme and not parsed.netloc else '/'


def mail_page(html: str) -> Response:
    """Return the body of a mail as a page for a frame, in which it can do nothing."""
    response = Response(f'<!doctype html><meta charset="utf-8"><title>Mail</title><style>{_MAIL_STYLE}</style>{html}')
    response.headers['Content-Security-Policy'] = _MAIL_POLICY
    return response
