"""What a pack brings: integrations with their parameters, commands and arguments, as the unified yml states them."""

from dataclasses import dataclass
from typing import Any

from .content_check import check_integration

ENCRYPTED, BOOLEAN, CREDENTIALS, ENCRYPTED_AREA, MULTIPLE_SELECT, INTERVAL = 4, 8, 9, 14, 16, 19


@dataclass(frozen=True)
class Parameter:
    """One parameter of an instance; ``type`` is the platform's number (0 text, 4 encrypted, 8 check box, 9 credentials, ...)."""

    name: str
    type: int
    display: str
    default: Any
    required: bool
    hidden: bool
    advanced: bool
    section: str
    info: str
    options: tuple[str, ...]
    display_password: str
    hidden_username: bool

    @classmethod
    def read(cls, document: dict[str, Any]) -> 'Parameter':
        return cls(
            name=str(document['name']),
            type=int(document.get('type') or 0),
            display=str(document.get('display') or ''),
            default=document.get('defaultvalue'),
            required=_is_true(document.get('required')),
            hidden=_is_true(document.get('hidden')),
            advanced=_is_true(document.get('advanced')),
            section=str(document.get('section') or ''),
            info=str(document.get('additionalinfo') or ''),
            options=tuple(map(str, document.get('options') or ())),
            display_password=str(document.get('displaypassword') or ''),
            hidden_username=_is_true(document.get('hiddenusername')),
        )

    @property
    def label(self) -> str:
        """What a person sees beside the field."""
        return self.display or self.display_password or self.name

    @property
    def is_secret(self) -> bool:
        return self.type in (ENCRYPTED, CREDENTIALS, ENCRYPTED_AREA)

    def to_answer(self) -> dict[str, Any]:
        """Return the parameter as ``/settings/integration/search`` describes it."""
        return {
            'name': self.name,
            'type': self.type,
            'display': self.display,
            'displayPassword': self.display_password,
            'defaultValue': '' if self.default is None else self.default,
            'required': self.required,
            'hidden': self.hidden,
            'advanced': self.advanced,
            'section': self.section,
            'info': self.info,
            'options': list(self.options) or None,
            'hiddenUsername': self.hidden_username,
            'value': '',
            'hasvalue': False,
        }


@dataclass(frozen=True)
class Argument:
    """One argument of a command."""

    name: str
    required: bool
    is_default: bool
    default: Any
    options: tuple[str, ...]
    is_list: bool
    is_secret: bool
    description: str = ''
    deprecated: bool = False

    @classmethod
    def read(cls, document: dict[str, Any]) -> 'Argument':
        return cls(
            name=str(document['name']),
            required=_is_true(document.get('required')),
            is_default=_is_true(document.get('default')),
            default=document.get('defaultValue'),
            options=tuple(map(str, document.get('predefined') or ())),
            is_list=_is_true(document.get('isArray')),
            is_secret=_is_true(document.get('secret')),
            description=str(document.get('description') or ''),
            deprecated=_is_true(document.get('deprecated')),
        )


@dataclass(frozen=True)
class Command:
    """A command as a person reads about it: without what is deprecated."""

    name: str
    description: str
    arguments: list[Argument]
    outputs: list[dict[str, Any]]


@dataclass(frozen=True)
class Integration:
    """An integration as it was uploaded: ``document`` is its unified yml without the script, ``script`` the Python text."""

    id: str
    name: str
    document: dict[str, Any]
    script: str

    @classmethod
    def read(cls, document: dict[str, Any]) -> 'Integration':
        """Take a unified yml apart.

        Raises:
            Refusal: it cannot be used; see `check_integration`.
        """
        check_integration(document)
        script = document['script']
        rest = {**document, 'script': {key: value for key, value in script.items() if key != 'script'}}
        return cls(document['commonfields']['id'], document['name'], rest, script['script'])

    @property
    def display(self) -> str:
        return str(self.document.get('display') or self.name)

    @property
    def description(self) -> str:
        return str(self.document.get('description') or '')

    @property
    def image(self) -> str:
        """The logo as a ``data:`` URI; empty when there is none."""
        return str(self.document.get('image') or '')

    @property
    def instructions(self) -> str:
        """How to set an instance up, in Markdown."""
        return str(self.document.get('detaileddescription') or '')

    @property
    def category(self) -> str:
        return str(self.document.get('category') or '')

    @property
    def classifier(self) -> str:
        """The id of the classifier that a new instance begins with; empty without one."""
        return str(self.document.get('defaultclassifier') or '')

    @property
    def mapper(self) -> str:
        """The id of the incoming mapper that a new instance begins with; empty without one."""
        return str(self.document.get('defaultmapperin') or '')

    @property
    def fetches(self) -> bool:
        """Whether instances can fetch incidents."""
        return _is_true(self.document['script'].get('isfetch'))

    @property
    def sections(self) -> list[str]:
        """The sections of the form, in their order."""
        return [str(each) for each in self.document.get('sectionorder') or self.document.get('sectionOrder') or ()]

    @property
    def parameters(self) -> list[Parameter]:
        return [Parameter.read(each) for each in self.document.get('configuration') or ()]

    @property
    def commands(self) -> dict[str, list[Argument]]:
        """Return the arguments of each command, by the command's name."""
        return {
            each['name']: [Argument.read(argument) for argument in each.get('arguments') or ()]
            for each in self.document['script'].get('commands') or ()
        }

    @property
    def described_commands(self) -> list[Command]:
        """The commands to offer and explain, in the order of the yml."""
        return [
            Command(
                str(each['name']),
                str(each.get('description') or ''),
                [argument for argument in self.commands[each['name']] if not argument.deprecated],
                list(each.get('outputs') or ()),
            )
            for each in self.document['script'].get('commands') or ()
            if not _is_true(each.get('deprecated'))
        ]

    def time_limit(self, command: str) -> float:
        """Return the seconds that a command may take; 0 when the yml does not say."""
        commands = self.document['script'].get('commands') or ()
        return next((float(each.get('timeout') or 0) for each in commands if each['name'] == command), 0)

    def to_answer(self, with_commands: bool = True) -> dict[str, Any]:
        """Return the integration as ``/settings/integration/search`` describes it."""
        script = self.document['script']
        return {
            'id': self.id,
            'name': self.name,
            'display': self.display,
            'category': self.category,
            'description': self.description,
            'detailedDescription': self.instructions,
            'image': self.image,
            'configuration': [parameter.to_answer() for parameter in self.parameters],
            'defaultClassifier': self.classifier,
            'defaultMapperIn': self.mapper,
            'defaultMapperOut': str(self.document.get('defaultmapperout') or ''),
            'integrationScript': {
                'type': 'python',
                'dockerImage': str(script.get('dockerimage') or ''),
                'isFetch': self.fetches,
                'commands': (script.get('commands') or []) if with_commands else [],
            },
        }


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == 'true'
