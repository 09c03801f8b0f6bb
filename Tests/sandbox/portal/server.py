"""The portal as a server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, render_template, request
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.service import Service
from sandbox.web.protection import enter, guard, is_local_host, is_ticket, protect, static_files
from sandbox.web.texts import FILTERS
from sandbox.web.visits import Visits, take_messages

from .directory_page import add_directory
from .faults_page import add_faults
from .mailbox_page import add_mailboxes
from .model import Chapter, PortalError, World
from .requests_page import add_requests
from .start_page import add_start

if TYPE_CHECKING:
    from sandbox.xsoar import XsoarServer

_LARGEST_REQUEST = 160 << 20


class Portal:
    """The server of the pages, from ``start`` to ``stop``.

    Args:
        cloud: the local Microsoft cloud.
        server: the local XSOAR, if there is one.
        port: 0 takes a free one.
    Raises:
        OSError: the port is taken.
    Attributes:
        chapters: the guide on the start page; may be changed at any time.
    """

    def __init__(self, cloud: MicrosoftCloud, server: XsoarServer | None = None, port: int = 0) -> None:
        self._world = World(cloud, server)
        self._service = Service('portal', port)
        self.chapters: list[Chapter] = self._world.chapters

    def start(self) -> Portal:
        """Begin to serve."""
        self._service.start(_application(self._world, self._service.port))
        return self

    def stop(self) -> None:
        """End serving. May be called twice."""
        self._service.stop()

    @property
    def url(self) -> str:
        """Base URL of the pages."""
        return self._service.url

    @property
    def start_url(self) -> str:
        """The address that opens the start page, as long as this portal runs."""
        return f'{self.url}/?ticket={self._world.ticket}'

    def __enter__(self) -> Portal:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _application(world: World, port: int) -> Flask:
    app = Flask('portal', root_path=str(Path(__file__).parent), static_folder=None)
    app.config['MAX_CONTENT_LENGTH'] = _LARGEST_REQUEST
    visits, cookie = Visits(), f'sandbox-{port}'
    for name, function in {**FILTERS, 'plain': _plain}.items():
        app.add_template_filter(function, name)
    app.context_processor(lambda: {'messages': take_messages, 'cloud': world.cloud, 'server': world.server})

    @app.before_request
    def come_in() -> Any:
        if not is_local_host():
            return 'This server is for this machine only: call it as localhost or 127.0.0.1.', 403
        if 'ticket' in request.args and is_ticket(request.args['ticket'], world.ticket):
            return enter(visits, cookie, request.path)
        return None

    app.before_request(guard(visits, cookie, 'closed', _problem_page, {'closed', 'web.static'}))
    app.after_request(protect)
    app.register_error_handler(PortalError, lambda error: _problem_page(str(error), error.status))
    app.register_error_handler(HTTPException, lambda error: _problem_page(_sentence(error), error.code or 500))

    @app.get('/closed')
    def closed() -> tuple[str, int]:
        return _problem_page('Open the address that the sandbox printed when it started.', 401)

    app.register_blueprint(static_files())
    add_start(app, world)
    add_directory(app, world)
    add_mailboxes(app, world)
    add_faults(app, world)
    add_requests(app, world)
    return app


def _problem_page(sentence: str, status: int) -> tuple[str, int]:
    return render_template('problem.html', problem=sentence), status


def _sentence(error: HTTPException) -> str:
    sentences = {
        404: 'There is no such page. Check the address, or go on from the menu.',
        405: 'This page does not take what was sent to it. Go on from the menu.',
        413: f'The file is larger than {_LARGEST_REQUEST >> 20} MB. Choose a smaller one.',
    }
    return sentences.get(error.code or 500, 'The sandbox failed. What it printed says why.')


def _plain(text: str) -> Markup:
    """Escape a text, and make a link of it if it is an address on this machine."""
    if text.startswith(('http://127.0.0.1', 'https://localhost')) and ' ' not in text:
        return Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>').format(text)
    return escape(text)
