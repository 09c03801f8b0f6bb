"""Settings > Integrations: what is installed, its instances, how their fetches go."""

from dataclasses import dataclass
from functools import partial

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from .components import Components
from .content import Integration
from .errors import Refusal
from .fetches import Fetch
from .instances import Instance


@dataclass(frozen=True)
class Row:
    """One instance in the list; ``last`` is its last fetch."""

    instance: Instance
    fetches: bool
    is_fetching: bool
    history: list[Fetch]

    @property
    def last(self) -> Fetch | None:
        return self.history[0] if self.history else None


def add_integrations(site: Blueprint, components: Components) -> None:
    """Add the list of integrations and the buttons in it."""

    @site.get('/')
    def home() -> Response:
        return redirect(url_for('pages.integrations'))

    @site.get('/integrations')
    def integrations() -> str:
        wanted = request.args.get('search', '').strip()
        cards = [(each, _rows(components, each)) for each in components.catalogue.integrations() if _is_found(each, wanted)]
        return render_template(
            'integrations.html',
            cards=sorted(cards, key=lambda card: (not card[1], card[0].display.lower())),
            search=wanted,
            busy=any(row.is_fetching for _, rows in cards for row in rows),
        )

    @site.post('/instances/<instance_id>/enabled')
    def enable(instance_id: str) -> Response:
        enabled = components.instances.set_enabled(instance_id, request.form.get('enabled') == 'true')
        g.visit.messages.append(('success', f'{"Enabled" if enabled.enabled else "Disabled"} {enabled.name}.'))
        return _back(enabled)

    @site.post('/instances/<instance_id>/fetch')
    def fetch_now(instance_id: str) -> Response:
        instance = components.instances.get(instance_id)
        if not instance.enabled or not instance.values.get('isFetch'):
            raise Refusal(f'{instance.name} does not fetch. Enable it, and select Fetch incidents in its settings.')
        components.background_jobs.start(('fetch', instance.id), partial(components.runner.fetch, instance.id))
        return _back(instance)


def _back(instance: Instance) -> Response:
    return redirect(
        url_for('pages.integrations', search=request.form.get('search') or None, _anchor=f'instance-{instance.id}'), 303
    )


def _is_found(integration: Integration, wanted: str) -> bool:
    text = f'{integration.display} {integration.name} {integration.category} {integration.description}'.lower()
    return all(word in text for word in wanted.lower().split())


def _rows(components: Components, integration: Integration) -> list[Row]:
    return [
        Row(
            each,
            bool(each.values.get('isFetch')),
            components.background_jobs.is_running(('fetch', each.id)),
            components.fetches.of(each.id, 10),
        )
        for each in components.instances.all()
        if each.integration_id == integration.id
    ]
