"""The requests that the local Microsoft cloud answered, the newest first."""

import re

from flask import Flask, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sandbox.microsoft.faults import SERVICES

from .model import PortalError, World

_SHOWN = 200


def add_requests(app: Flask, world: World) -> None:
    """Add the log."""

    @app.get('/requests')
    def requests() -> str:
        service, path = request.args.get('service', ''), request.args.get('path', '').strip()
        try:
            pattern = re.compile(path)
        except re.error:
            raise PortalError(f'{path!r} is not a regular expression. Enter a part of a path, such as /messages.') from None
        records = [
            each for each in reversed(list(world.cloud.requests)) if service in ('', each.service) and pattern.search(each.path)
        ]
        return render_template(
            'requests.html', records=records[:_SHOWN], total=len(records), services=SERVICES, service=service, path=path
        )

    @app.post('/requests/clear')
    def clear_requests() -> Response:
        world.cloud.requests.clear()
        g.visit.messages.append(('success', 'The log is empty.'))
        return redirect(url_for('requests'), 303)
