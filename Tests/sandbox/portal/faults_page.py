"""Faults of the local Microsoft cloud: switches for what happens most, and a form for all others."""

from dataclasses import asdict, dataclass
from typing import Any

from flask import Flask, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sandbox.microsoft.faults import SERVICES, Fault

from .model import NotHere, PortalError, World


@dataclass(frozen=True)
class Switch:
    """A fault that stays until it is switched off; ``settings`` are attributes of a `Fault`."""

    name: str
    title: str
    about: str
    settings: dict[str, Any]


SWITCHES = (
    Switch('entra-down', 'Entra ID is down', 'Token requests answer 503.', {'service': 'entra', 'path': 'token$', 'status': 503}),
    Switch(
        'secret-expired',
        'The client secret has expired',
        'Token requests answer AADSTS7000222.',
        {'service': 'entra', 'path': 'token$', 'aadsts': 7000222},
    ),
    Switch(
        'sign-in-revoked',
        'The sign-in was revoked',
        'Token requests answer AADSTS50173.',
        {'service': 'entra', 'path': 'token$', 'aadsts': 50173},
    ),
    Switch(
        'token-service-down',
        'The token service of the Cortex app is down',
        'It answers 502.',
        {'service': 'token-service', 'path': 'obtain-token', 'status': 502},
    ),
    Switch(
        'graph-throttles',
        'Microsoft Graph throttles',
        'Every request answers 429, Retry-After 5 seconds.',
        {'service': 'graph', 'status': 429, 'headers': {'Retry-After': '5'}},
    ),
    Switch('graph-down', 'Microsoft Graph is down', 'Every request answers 503.', {'service': 'graph', 'status': 503}),
    Switch('graph-slow', 'Microsoft Graph is slow', 'Every request takes 3 seconds.', {'service': 'graph', 'delay': 3.0}),
    Switch(
        'graph-breaks', 'Connections to Graph break', 'In the middle of the answer.', {'service': 'graph', 'reset_mid_body': True}
    ),
    Switch('guest-network', 'A guest network is in between', 'Every service answers with a web page.', {'garbage': True}),
    Switch('no-metadata', 'No instance metadata', 'Connections to it break.', {'service': 'imds', 'reset': True}),
)


def add_faults(app: Flask, world: World) -> None:
    """Add the page with the switches and the form."""
    switched: dict[str, Fault] = {}

    @app.get('/faults')
    def faults() -> str:
        active = world.cloud.faults.all()
        own = [id(each) for each in switched.values()]
        return render_template(
            'faults.html',
            switches=[(each, any(one is switched.get(each.name) for one in active)) for each in SWITCHES],
            others=[(number, _described(each)) for number, each in enumerate(active) if id(each) not in own],
            services=SERVICES,
        )

    @app.post('/faults/switch')
    def switch() -> Response:
        found = next((each for each in SWITCHES if each.name == request.form.get('name')), None)
        if not found:
            raise NotHere('There is no such switch. Choose one of the page.')
        old = switched.pop(found.name, None)
        if old:
            world.cloud.faults.remove(old)
        if request.form.get('on') == 'true':
            switched[found.name] = world.cloud.faults.add(**found.settings, times=None)
        return redirect(url_for('faults'), 303)

    @app.post('/faults')
    def add_fault() -> Response:
        try:
            world.cloud.faults.add(**_settings())
        except (ValueError, TypeError) as error:
            raise PortalError(str(error)) from None
        g.visit.messages.append(('success', 'Switched on.'))
        return redirect(url_for('faults'), 303)

    @app.post('/faults/clear')
    def clear_faults() -> Response:
        world.cloud.faults.clear()
        switched.clear()
        g.visit.messages.append(('success', 'All faults are off.'))
        return redirect(url_for('faults'), 303)


def _settings() -> dict[str, Any]:
    """Return the attributes of the fault that the form describes.

    Raises:
        ValueError: a number is not one.
    """
    form = request.form
    settings: dict[str, Any] = {name: form[name].strip() for name in ('service', 'path', 'method') if form.get(name, '').strip()}
    for name, label in (('status', 'Status'), ('aadsts', 'AADSTS number'), ('times', 'Times')):
        text = form.get(name, '').strip()
        if text and not text.isdecimal():
            raise ValueError(f'{label} cannot be {text!r}. Enter a whole number, or leave it empty.')
        settings[name] = int(text) if text else None
    if form.get('retry_after', '').strip():
        settings['headers'] = {'Retry-After': form['retry_after'].strip()}
    if form.get('delay', '').strip():
        settings['delay'] = float(form['delay'])
    if settings['status'] is None and settings['aadsts'] is None and 'delay' not in settings:
        raise ValueError('This fault would change nothing. Enter a status, an AADSTS number or a delay.')
    return settings


def _described(fault: Fault) -> str:
    """Return a fault in one line: what is set of it."""
    default = asdict(Fault())
    return ', '.join(f'{name} {value}' for name, value in asdict(fault).items() if value != default[name]) or 'all requests'
