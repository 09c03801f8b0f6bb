"""The form of an instance: from the parameters of its integration to fields, and from what a browser sends to an instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from .content import BOOLEAN, CREDENTIALS, ENCRYPTED, ENCRYPTED_AREA, MULTIPLE_SELECT, Integration, Parameter
from .instances import Instance
from .problems import Refusal

_TEXT_AREA, _SINGLE_SELECT, _INTERVAL = 12, 15, 19
_WIDGETS = {
    ENCRYPTED: 'password',
    BOOLEAN: 'checkbox',
    CREDENTIALS: 'credentials',
    _TEXT_AREA: 'area',
    ENCRYPTED_AREA: 'secret-area',
    _SINGLE_SELECT: 'select',
    MULTIPLE_SELECT: 'multiple',
    _INTERVAL: 'number',
}
# The names of the fields of the form that are no parameters have a dot, which no parameter's name has.
PASSWORD_SUFFIX, CLEAR_SUFFIX = '.password', '.clear'


@dataclass(frozen=True)
class Field:
    """One parameter in the form. ``value`` is never a secret; ``has_secret`` says that one is stored."""

    parameter: Parameter
    widget: str
    value: Any
    has_secret: bool


def sections(integration: Integration, instance: Instance) -> dict[str, list[Field]]:
    """The fields of the form by their section, in the order of the yml; a parameter without a section is about connecting."""
    found: dict[str, list[Field]] = {}
    for parameter in integration.parameters:
        if not parameter.hidden:
            field = Field(
                parameter,
                _WIDGETS.get(parameter.type, 'text'),
                instance.values.get(parameter.name),
                bool(instance.secrets.get(parameter.name)),
            )
            found.setdefault(parameter.section or 'Connect', []).append(field)
    return found


def body_of(form: 'MultiDict[str, str]', integration: Integration, instance: Instance) -> dict[str, Any]:
    """What the form says, as the body of the REST call that saves an instance.

    Raises:
        Refusal: a required field is empty.
    """
    fields = [field for group in sections(integration, instance).values() for field in group]
    data = [_item(form, field) for field in fields]
    missing = [
        field.parameter.label
        for field, item in zip(fields, data, strict=True)
        if field.parameter.required and field.widget != 'checkbox' and not _is_filled(item, field)
    ]
    if missing:
        raise Refusal(f'These fields need a value: {", ".join(missing)}.')
    return {
        'id': instance.id if instance.version else '',
        'name': form.get('.name', ''),
        'brand': integration.id,
        'engine': form.get('.engine', ''),
        'integrationLogLevel': form.get('.log_level', ''),
        'enabled': '.enabled' in form,
        'version': form.get('.version', 0, int),
        'data': data,
    }


def _item(form: 'MultiDict[str, str]', field: Field) -> dict[str, Any]:
    name, keep = field.parameter.name, field.has_secret and f'{field.parameter.name}{CLEAR_SUFFIX}' not in form
    if field.widget == 'checkbox':
        return {'name': name, 'value': name in form}
    if field.widget == 'multiple':
        return {'name': name, 'value': form.getlist(name)}
    if field.widget == 'credentials':
        value = {'identifier': form.get(name, ''), 'password': form.get(f'{name}{PASSWORD_SUFFIX}', '')}
        return {'name': name, 'value': value, 'hasvalue': keep}
    # A browser ends lines of a text area with both characters.
    return {'name': name, 'value': form.get(name, '').replace('\r\n', '\n').strip(), 'hasvalue': keep}


def _is_filled(item: Mapping[str, Any], field: Field) -> bool:
    value = item['value']
    return bool(item.get('hasvalue') and field.has_secret) or (any(value.values()) if isinstance(value, dict) else bool(value))
