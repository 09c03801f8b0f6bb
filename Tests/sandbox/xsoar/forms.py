"""The form of an instance: from the parameters of its integration to fields, and from what a browser sends to an instance."""

from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from .content import BOOLEAN, CREDENTIALS, ENCRYPTED, ENCRYPTED_AREA, INTERVAL, MULTIPLE_SELECT, Integration, Parameter
from .errors import Refusal
from .instances import MAPPINGS, Instance

_TEXT_AREA, _INCIDENT_TYPE, _SINGLE_SELECT = 12, 13, 15
_WIDGETS = {
    ENCRYPTED: 'password',
    BOOLEAN: 'checkbox',
    CREDENTIALS: 'credentials',
    _TEXT_AREA: 'area',
    ENCRYPTED_AREA: 'secret-area',
    _INCIDENT_TYPE: 'incident-type',
    _SINGLE_SELECT: 'select',
    MULTIPLE_SELECT: 'multiple',
    INTERVAL: 'number',
}
Form = MultiDict[str, str]
# The names of the fields of the form that are not parameters have a dot, which no parameter's name has.
PASSWORD, CLEAR, VAULT = '.password', '.clear', '.vault'


@dataclass(frozen=True)
class Field:
    """One parameter in the form.

    Attributes:
        value: what the field shows: a text, a bool or a list; of credentials the user name. Never a stored secret.
        typed: the secret that was typed into a form which was rejected.
        vault: the name of the shared credentials that are chosen.
        has_secret: whether a secret is stored.
        clear: whether the stored secret is to be removed.
    """

    parameter: Parameter
    widget: str
    value: Any
    typed: str = ''
    vault: str = ''
    has_secret: bool = False
    clear: bool = False

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def options(self) -> list[str]:
        """The choices of a list: those of the yml, and a value that is none of them."""
        known = list(self.parameter.options)
        values = self.value if isinstance(self.value, list) else [self.value]
        return known + [str(each) for each in values if each and str(each) not in known]


@dataclass(frozen=True)
class Section:
    """The fields under one heading; ``is_open`` says that the advanced ones are shown at once."""

    name: str
    fields: list[Field]
    advanced: list[Field]
    is_open: bool


def sections(integration: Integration, instance: Instance, form: Form | None = None) -> list[Section]:
    """Return the form in the order of the yml.

    Args:
        instance: what is stored, or the defaults.
        form: what was typed instead, if a form was rejected.
    """
    names = list(dict.fromkeys((*integration.sections, *(_section(each) for each in integration.parameters))))
    fields = [_field(each, instance, form) for each in integration.parameters if not each.hidden]
    found = []
    for name in names:
        inside = [each for each in fields if _section(each.parameter) == name]
        advanced = [each for each in inside if each.parameter.advanced]
        if inside:
            changed = any(_differs(each) for each in advanced)
            found.append(Section(name, [each for each in inside if not each.parameter.advanced], advanced, changed))
    return found


def _section(parameter: Parameter) -> str:
    return parameter.section or 'Connect'


def _differs(field: Field) -> bool:
    """Return whether a field holds anything but its default."""
    default = field.parameter.default
    if field.widget == 'checkbox':
        return bool(field.value) != (str(default).lower() == 'true')
    return bool(field.typed or field.vault or field.has_secret) or (field.value or '') != (default or '')


def _field(parameter: Parameter, instance: Instance, form: Form | None) -> Field:
    name, widget = parameter.name, _WIDGETS.get(parameter.type, 'text')
    has_secret = bool(instance.secrets.get(name))
    if form is None:
        return Field(parameter, widget, instance.values.get(name), '', instance.vault.get(name, ''), has_secret)
    if widget == 'checkbox':
        return Field(parameter, widget, name in form)
    if widget == 'multiple':
        return Field(parameter, widget, form.getlist(name))
    clear = f'{name}{CLEAR}' in form
    if widget == 'credentials':
        secret, vault = form.get(f'{name}{PASSWORD}', ''), form.get(f'{name}{VAULT}', '')
        return Field(parameter, widget, form.get(name, ''), secret, vault, has_secret, clear)
    if widget in ('password', 'secret-area'):
        return Field(parameter, widget, '', _lines(form.get(name, '')), '', has_secret, clear)
    return Field(parameter, widget, _lines(form.get(name, '')))


def _lines(text: str) -> str:
    """Read the lines of a text area, which a browser ends with both characters."""
    return text.replace('\r\n', '\n')


def body_of(form: Form, integration: Integration, instance: Instance) -> dict[str, Any]:
    """Return what the form says, as the body of the REST call that saves an instance.

    Raises:
        Refusal: a required field is empty.
    """
    fields = [each for section in sections(integration, instance, form) for each in (*section.fields, *section.advanced)]
    missing = [each.parameter.label for each in fields if each.parameter.required and not _is_filled(each)]
    if missing:
        raise Refusal(f'These fields need a value: {", ".join(missing)}.')
    return {
        'id': instance.id if instance.version else '',
        'name': form.get('.name', ''),
        'brand': integration.id,
        'engine': form.get('.engine', ''),
        'enabled': '.enabled' in form,
        'version': form.get('.version', 0, int),
        'data': [_item(each) for each in fields],
        **{name: form[f'.{name}'] for name in MAPPINGS if f'.{name}' in form},
    }


def _item(field: Field) -> dict[str, Any]:
    value: Any = field.typed if field.widget in ('password', 'secret-area') else field.value
    if isinstance(value, str):
        value = value.strip()
    if field.widget == 'credentials':
        value = {'identifier': value, 'password': field.typed, 'credential': field.vault}
    return {'name': field.name, 'value': value, 'hasvalue': field.has_secret and not field.clear}


def _is_filled(field: Field) -> bool:
    value = field.value.strip() if isinstance(field.value, str) else field.value
    return field.widget == 'checkbox' or bool(
        value or field.typed.strip() or field.vault or (field.has_secret and not field.clear)
    )
