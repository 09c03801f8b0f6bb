"""An instance as a REST call or a form describes it."""

from dataclasses import replace
from typing import Any

from .components import Components
from .errors import Refusal
from .instances import LOG_LEVELS, MAPPINGS, Instance


def described_instance(components: Components, body: dict[str, Any]) -> Instance:
    """Return the instance that a request describes, on top of the stored one if it names one.

    Raises:
        Refusal: a value cannot be used, or the integration, instance or engine does not exist.
    """
    name, brand, engine = str(body.get('name') or '').strip(), str(body.get('brand') or ''), str(body.get('engine') or '')
    if not name:
        raise Refusal('The instance has no name: send one as name.')
    if engine and engine not in components.engine.names:
        raise Refusal(
            f'There is no engine {engine!r}: leave engine empty, or choose one of {", ".join(components.engine.names) or "none"}.'
        )
    integration = components.catalogue.integration(brand)
    base = components.instances.get(str(body['id'])) if body.get('id') else components.instances.new(integration, name)
    data = body.get('data') or []
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise Refusal('The data of an instance is a list of {"name": ..., "value": ...} objects.')
    mappings = {key: str(body[key]) for key in MAPPINGS if body.get(key) is not None}
    level = mappings.get('integrationLogLevel', '')
    if level not in LOG_LEVELS:
        raise Refusal(f'{level!r} is not a log level. Use Debug or Verbose, or leave integrationLogLevel empty.')
    return replace(
        base.changed(integration, data),
        name=name,
        engine=engine,
        mappings={**base.mappings, **mappings},
        enabled=str(body.get('enabled', True)).lower() == 'true',
    )
