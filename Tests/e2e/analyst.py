"""An analyst who runs commands on a mailbox in the War Room."""

from typing import Any

from authentication_methods import ADA, client_secret
from demo.administrator import Administrator, CommandFailed
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

INSTANCE = 'Analyst'
BOB = 'bob@contoso.example'


class Analyst:
    """An analyst who runs commands of one instance, with a client secret, in the mailbox of Ada.

    Attributes:
        cloud, mailbox: what the commands act on.
    """

    def __init__(self, cloud: MicrosoftCloud, administrator: Administrator) -> None:
        self.cloud = cloud
        self.mailbox = cloud.mailbox(ADA)
        self._administrator = administrator
        administrator.add_instance(INSTANCE, client_secret(cloud))

    def run(self, command: str, **arguments: Any) -> str:
        """Return the output of a command. Raise CommandFailed if there is an error entry."""
        return self._administrator.run(command_line(command, arguments), INSTANCE)

    def error(self, command: str, **arguments: Any) -> str:
        """Return the error of a command that fails."""
        try:
            shown = self.run(command, **arguments)
        except CommandFailed as failure:
            return str(failure)
        raise AssertionError(f'{command} did not fail: {shown}')

    def context(self, path: str) -> Any:
        """Return the value at a dotted path of the context of the last command."""
        first, *rest = path.split('.')
        found = self._administrator.context(first)
        for name in rest:
            found = found[name]
        return found

    def upload(self, name: str, content: bytes) -> str:
        """Upload a file to the War Room, and return its entry ID."""
        return self._administrator.upload_file(name, content)

    def files(self) -> dict[str, bytes]:
        """Return the files of the last command by name."""
        found = self.context('File')
        return {
            file['Name']: self._administrator.download_file(file['EntryID'])
            for file in (found if isinstance(found, list) else [found])
        }

    def receive(self, subject: str = 'A mail', **more: Any) -> Message:
        """Deliver a mail from Bob."""
        return self.mailbox.deliver(
            Message(subject, EmailAddress('Bob Okafor', BOB), self.mailbox.now(), to=[self.mailbox.owner], **more)
        )

    def messages(self, folder: str, address: str = ADA) -> list[Message]:
        """Return the messages of a well-known folder."""
        mailbox = self.cloud.mailbox(address)
        known = mailbox.folder(folder)
        assert known
        return mailbox.messages(known.folder_id)


def command_line(command: str, arguments: dict[str, Any]) -> str:
    """Return a command as typed."""
    quoted = {name: str(value).replace('\\', '\\\\').replace('"', '\\"') for name, value in arguments.items()}
    return ' '.join([f'!{command}', *(f'{name}="{value}"' for name, value in quoted.items())])
