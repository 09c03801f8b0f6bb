"""The page of one instance: its form, the Test button, deleting it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from .classifiers import CLASSIFIER, INCOMING_MAPPER, Classifier
from .components import Components
from .content import Integration
from .errors import Refusal
from .forms import CLEAR, PASSWORD, VAULT, Form, body_of, sections
from .instance_body import described_instance
from .instance_removal import remove_instance
from .instances import LOG_LEVELS, Instance


def add_instance_form(site: Blueprint, components: Components) -> None:
    """Add the form of a new and of an existing instance, and its buttons."""

    @site.route('/integrations/<integration_id>/add', methods=['GET', 'POST'])
    def add(integration_id: str) -> Any:
        integration = components.catalogue.integration(integration_id)
        return _page(components, integration, _blank(components, integration))

    @site.route('/instances/<instance_id>', methods=['GET', 'POST'])
    def instance(instance_id: str) -> Any:
        stored = components.instances.get(instance_id)
        return _page(components, components.catalogue.integration(stored.integration_id), stored)

    @site.post('/instances/<instance_id>/delete')
    def delete(instance_id: str) -> Response:
        name = components.instances.get(instance_id).name
        remove_instance(components, instance_id)
        g.visit.messages.append(('success', f'Deleted {name}.'))
        return redirect(url_for('pages.integrations'), 303)


def _blank(components: Components, integration: Integration) -> Instance:
    """Return a new instance with what the sandbox fills in, and with the classifier and the mapper of its integration."""
    presets: Mapping[str, Any] = components.surroundings.presets.get(integration.id, {})
    known = {each.name for each in integration.parameters}
    data = [{'name': name, 'value': value} for name, value in presets.items() if name in known]
    blank = components.instances.new(integration, components.instances.free_name(integration)).changed(integration, data)
    return replace(blank, mappings={'mappingId': integration.classifier, 'incomingMapperId': integration.mapper})


def _page(components: Components, integration: Integration, instance: Instance) -> Any:
    """Show the form, or take it: test what it says without saving it, or save it and go on to the list."""
    if request.method == 'GET':
        return _form(components, integration, instance)
    form: Form = request.form
    problem, success, status = '', '', 200
    try:
        body = body_of(form, integration, instance)
        described = described_instance(components, body)
        if form.get('.do') != 'test':
            saved = components.instances.save(described, body['version'])
            g.visit.messages.append(('success', f'Saved {saved.name}.'))
            return redirect(url_for('pages.integrations', _anchor=f'instance-{saved.id}'), 303)
        passed, problem = components.runner.test(integration, described)
        success = '' if not passed else 'Success: the test passed. Nothing has been saved yet.'
    except Refusal as refusal:
        problem, status = str(refusal), refusal.status
    if request.headers.get('Accept') == 'application/json':
        return jsonify({'problem': problem, 'success': success})
    return _form(components, integration, instance, form, problem, success), status


def _form(
    components: Components,
    integration: Integration,
    instance: Instance,
    form: Form | None = None,
    problem: str = '',
    success: str = '',
) -> str:
    classifiers = components.catalogue.classifiers()
    if form is not None:
        mappings = {name: form.get(f'.{name}', chosen) for name, chosen in instance.mappings.items()}
        instance = replace(
            instance,
            name=form.get('.name', ''),
            enabled='.enabled' in form,
            engine=form.get('.engine', ''),
            mappings={**mappings, **{each: form[f'.{each}'] for each in ('integrationLogLevel',) if f'.{each}' in form}},
        )
    return render_template(
        'instance.html',
        integration=integration,
        instance=instance,
        version=instance.version if form is None else form.get('.version', instance.version),
        sections=sections(integration, instance, form),
        engines=components.engine.names,
        classifiers=_choices(classifiers, CLASSIFIER, instance.mappings.get('mappingId', '')),
        mappers=_choices(classifiers, INCOMING_MAPPER, instance.mappings.get('incomingMapperId', '')),
        incident_types=components.catalogue.incident_types(),
        shared_credentials=[each.name for each in components.credentials.all()],
        log_levels=[(each, each or 'Off') for each in LOG_LEVELS],
        presets=[
            each.label for each in integration.parameters if each.name in components.surroundings.presets.get(integration.id, {})
        ],
        suffixes={'password': PASSWORD, 'clear': CLEAR, 'vault': VAULT},
        problem=problem,
        success=success,
    )


def _choices(classifiers: list[Classifier], kind: str, chosen: str) -> dict[str, str]:
    """Return the choices of a classifier or mapper; one that is chosen and not installed stays chosen."""
    known = {each.id: each.name for each in classifiers if each.kind == kind}
    missing = {chosen: f'{chosen} (not installed)'} if chosen and chosen not in known else {}
    return {'': 'None', **known, **missing}
