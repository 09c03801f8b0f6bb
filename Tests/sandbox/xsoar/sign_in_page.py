"""Signing in to the pages: with an API key, or with the ticket in the address that the sandbox prints."""

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sandbox.web.protection import enter, is_ticket
from sandbox.web.visits import Visits

from .components import Components


def cookie_name(components: Components) -> str:
    """Return the name of the cookie. Cookies hold for all ports of a host: two servers in one browser need two names."""
    return f'xsoar-{urlsplit(components.surroundings.url).port}'


def add_sign_in(site: Blueprint, components: Components, visits: Visits) -> None:
    """Add signing in and out."""

    @site.get('/login')
    def login() -> str:
        return render_template('login.html', problem='', next=request.args.get('next', ''))

    @site.post('/login')
    def sign_in() -> Any:
        wanted = request.form.get('next', '')
        if not components.api_keys.accepts(request.form.get('key', '').strip()):
            problem = 'This is not an API key of the server. It is shown when the server starts.'
            return render_template('login.html', problem=problem, next=wanted), 401
        return enter(visits, cookie_name(components), wanted)

    @site.get('/sign-in/<ticket>')
    def enter_with(ticket: str) -> Any:
        if not is_ticket(ticket, components.surroundings.ticket):
            problem = 'This address is of an earlier run of the server. Take the one that the server printed now, or an API key.'
            return render_template('login.html', problem=problem, next=''), 401
        return enter(visits, cookie_name(components), request.args.get('next', ''))

    @site.post('/logout')
    def sign_out() -> Response:
        visits.end(request.cookies.get(cookie_name(components), ''))
        return redirect(url_for('pages.login'))
