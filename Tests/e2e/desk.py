"""An analyst who works in a mailbox by commands in the war room."""

from pathlib import Path
from typing import Any

import yaml

from authentication_methods import ADA, client_secret
from demo.administrator import Administrator, CommandFailed
from demo.upload import PACK, REPOSITORY
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

INSTANCE = 'Desk'
BOB = 'bob@contoso.example'


def _commands() -> frozenset[str]:
    [file] = Path(REPOSITORY, PACK, 'Integrations').glob('*/*.yml')
    return frozenset(command['name'] for command in yaml.safe_load(file.read_text())['script']['commands'])


# All commands of the integration's yml.
COMMANDS = _commands()


def command_of(test: str) -> str:
    """The command that a test is named after: ``test_send_mail`` after ``send-mail``."""
    return test.removeprefix('test_').replace('_', '-')


class Desk:
    """One instance, signed in with a client secret, whose mailbox is Ada's.

    Attributes:
        cloud, mailbox: what the commands reach, from inside.
        commands_run: names of commands, each as often as it ran to a good end.
    """

    def __init__(self, cloud: MicrosoftCloud, administrator: Administrator) -> None:
        self.cloud = cloud
        self.mailbox = cloud.mailbox(ADA)
        self.commands_run: list[str] = []
        self._administrator = administrator
        administrator.add_instance(INSTANCE, client_secret(cloud))

    def run(self, command: str, **arguments: Any) -> str:
        """What a person reads after a command. Raises CommandFailed when there is an error entry."""
        shown = self._administrator.run(command_line(command, arguments), INSTANCE)
        self.commands_run.append(command)
        return shown

    def refusal(self, command: str, **arguments: Any) -> str:
        """The sentences of the error entry that a command ends in."""
        try:
            shown = self.run(command, **arguments)
        except CommandFailed as failure:
            return str(failure)
        raise AssertionError(f'{command} was not refused: {shown}')

    def context(self, path: str) -> Any:
        """What the last command put at a dotted path of the context."""
        first, *rest = path.split('.')
        found = self._administrator.context(first)
        for name in rest:
            found = found[name]
        return found

    def upload(self, name: str, content: bytes) -> str:
        """Puts a file into the war room, and gives its entry ID."""
        return self._administrator.upload_file(name, content)

    def files(self) -> dict[str, bytes]:
        """The files that the last command put into the war room, by name."""
        found = self.context('File')
        return {
            file['Name']: self._administrator.download_file(file['EntryID'])
            for file in (found if isinstance(found, list) else [found])
        }

    def letter(self, subject: str = 'A letter', **more: Any) -> Message:
        """A mail from Bob that has just arrived."""
        return self.mailbox.deliver(
            Message(subject, EmailAddress('Bob Okafor', BOB), self.mailbox.now(), to=[self.mailbox.owner], **more)
        )

    def messages(self, folder: str, address: str = ADA) -> list[Message]:
        """The messages of a well-known folder."""
        mailbox = self.cloud.mailbox(address)
        known = mailbox.folder(folder)
        assert known
        return mailbox.messages(known.folder_id)


def command_line(command: str, arguments: dict[str, Any]) -> str:
    """A command as somebody types it."""
    quoted = {name: str(value).replace('\\', '\\\\').replace('"', '\\"') for name, value in arguments.items()}
    return ' '.join([f'!{command}', *(f'{name}="{value}"' for name, value in quoted.items())])
