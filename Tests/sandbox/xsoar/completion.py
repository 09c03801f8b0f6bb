"""The commands that can be typed now: for completion in the command line, and for ``!help``."""

from dataclasses import dataclass
from typing import Any

from .catalogue import Catalogue
from .content import Argument
from .errors import Refusal
from .instances import Instances

_CHOICES = ('true', 'false')
# Commands of the server itself.
_COMMANDS: tuple[tuple[str, str, list[tuple[str, str, tuple[str, ...]]]], ...] = (
    ('help', 'Lists the commands, or explains one.', [('command', 'The command to explain.', ())]),
    (
        'DeleteContext',
        'Deletes what commands have put into the context.',
        [('all', 'Whether to delete all of it.', ('yes', 'no')), ('key', 'The path of what to delete, such as File.', ())],
    ),
    ('Print', 'Writes a text into the war room.', [('value', 'The text.', ())]),
)
# Their arguments; one that is the only one need not be named.
BUILT_IN = {
    name: [
        Argument.read({'name': argument, 'description': text, 'predefined': options, 'default': len(arguments) == 1})
        for argument, text, options in arguments
    ]
    for name, _, arguments in _COMMANDS
}


@dataclass(frozen=True)
class KnownCommand:
    """A command with its arguments, and the names of the enabled instances that run it; none for one of the server itself."""

    name: str
    description: str
    arguments: list[Argument]
    outputs: list[dict[str, Any]]
    instances: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return what the command line needs of it."""
        return {
            'name': self.name,
            'description': self.description,
            'arguments': [*map(_argument_json, self.arguments), *self._platform_arguments()],
        }

    def _platform_arguments(self) -> list[dict[str, Any]]:
        if not self.instances:
            return []
        return [
            {'name': 'using', 'description': 'The instance to run on. Empty means each.', 'options': self.instances},
            {'name': 'debug-mode', 'description': 'Whether the log becomes a file in the war room.', 'options': _CHOICES},
            {'name': 'execution-timeout', 'description': 'Seconds that the command may take.', 'options': ()},
            {'name': 'raw-response', 'description': 'Whether to show what the command sent.', 'options': _CHOICES},
            {'name': 'extend-context', 'description': 'What else goes into the context: key=path.', 'options': ()},
            {'name': 'ignore-outputs', 'description': 'Whether nothing else goes into it.', 'options': _CHOICES},
        ]


def known_commands(catalogue: Catalogue, instances: Instances) -> list[KnownCommand]:
    """Return the commands of the enabled instances and of the server, by name."""
    enabled: dict[str, list[str]] = {}
    for instance in instances.all():
        if instance.enabled:
            enabled.setdefault(instance.integration_id, []).append(instance.name)
    found = {name: KnownCommand(name, description, BUILT_IN[name], [], []) for name, description, _ in _COMMANDS}
    for integration in catalogue.integrations():
        names = enabled.get(integration.id)
        for command in integration.described_commands if names else ():
            other = found.get(command.name)
            users = [*(other.instances if other else ()), *(names or ())]
            found[command.name] = KnownCommand(command.name, command.description, command.arguments, command.outputs, users)
    return sorted(found.values(), key=lambda each: each.name.lower())


def help_text(commands: list[KnownCommand], name: str = '') -> str:
    """Return the answer of ``!help`` in Markdown: all commands, or one with its arguments and outputs.

    Raises:
        Refusal: no enabled instance has this command.
    """
    wanted = name.strip().lstrip('!')
    if not wanted:
        rows = [[f'`!{each.name}`', each.description] for each in commands]
        return '\n'.join(['### Commands', *_table(['Command', 'What it does'], rows)])
    command = next((each for each in commands if each.name == wanted), None)
    if not command:
        raise Refusal(f'There is no command !{wanted} in an enabled instance. Run !help for those that are.')
    lines = [f'### !{command.name}', '', command.description, '']
    if command.arguments:
        rows = [
            [f'`{each.name}`', each.description, 'yes' if each.required else 'no', _values(each)] for each in command.arguments
        ]
        lines += [*_table(['Argument', 'Description', 'Required', 'Values'], rows), '']
    if command.outputs:
        rows = [[f'`{each.get("contextPath")}`', str(each.get('description') or '')] for each in command.outputs]
        lines += [*_table(['Context path', 'Description'], rows), '']
    if command.instances:
        lines.append(f'Instances: {", ".join(command.instances)}')
    return '\n'.join(lines)


def _values(argument: Argument) -> str:
    known = ', '.join(argument.options)
    default = '' if argument.default in (None, '') else f'default {argument.default}'
    return '; '.join(filter(None, (known, default))) or '-'


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    cells = [head, ['---'] * len(head), *([' '.join(cell.replace('|', '\\|').split('\n')) for cell in row] for row in rows)]
    return [f'| {" | ".join(row)} |' for row in cells]


def _argument_json(argument: Argument) -> dict[str, Any]:
    return {
        'name': argument.name,
        'description': argument.description,
        'required': argument.required,
        'options': argument.options,
        'list': argument.is_list,
        'secret': argument.is_secret,
    }
