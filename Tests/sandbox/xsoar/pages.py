"""The pages of the server, as a blueprint: who may see them, and what they share."""

import time
from typing import Any

from flask import Blueprint, render_template, request

from sandbox.web.protection import guard
from sandbox.web.texts import FILTERS
from sandbox.web.visits import Visits, take_messages

from .components import Components
from .engines_page import add_engines
from .errors import Refusal
from .incidents_page import add_incidents
from .instance_page import add_instance_form
from .integrations_page import add_integrations
from .keys_pages import add_keys
from .markdown import Markdown
from .sign_in_page import add_sign_in, cookie_name
from .war_room_page import add_war_room

_OPEN_TO_ALL = {'pages.login', 'pages.sign_in', 'pages.enter_with'}


def pages(components: Components) -> Blueprint:
    """Return the pages. One signs in with an API key; a form of another site is refused."""
    site = Blueprint('pages', __name__, template_folder='templates')
    visits = Visits()
    markdown = Markdown(components.surroundings.local_addresses)
    filters = {
        **FILTERS,
        'document': markdown.document,
        'markdown': markdown.entry,
        'plain': markdown.plain,
        'local_links': markdown.local_links,
    }
    for name, function in filters.items():
        site.add_app_template_filter(function, name)

    @site.app_context_processor
    def shared() -> dict[str, Any]:
        return {'start_page': components.surroundings.start_page, 'messages': take_messages, 'now_seconds': time.time}

    site.before_request(guard(visits, cookie_name(components), 'pages.login', problem_page, _OPEN_TO_ALL))
    site.register_error_handler(Refusal, lambda refusal: problem_page(str(refusal), refusal.status))
    add_sign_in(site, components, visits)
    add_integrations(site, components)
    add_instance_form(site, components)
    add_war_room(site, components)
    add_incidents(site, components)
    add_keys(site, components)
    add_engines(site, components)
    return site


def problem_page(sentence: str, status: int) -> tuple[str, int]:
    """Return the page that says why something did not work."""
    return render_template('problem.html', problem=sentence), status


def wants_page() -> bool:
    """Return whether the request comes from a browser rather than from a client of the REST calls."""
    return 'text/html' in request.headers.get('Accept', '')
