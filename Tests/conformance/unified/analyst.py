"""An analyst who runs commands on the mailbox of Ada, in this process."""

from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified.instances import ADA, ERROR, Instance
from sandbox.microsoft.graph_mail.model import EmailAddress, Message


class Analyst:
    """An analyst who runs commands of an instance with a client secret, with files that were dropped into the War Room.

    Attributes:
        cloud, mailbox: what the commands act on.
        entries: of the last command.
    """

    def __init__(self, instance: Instance, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = instance.cloud
        self.mailbox = instance.cloud.mailbox(ADA)
        self.entries: list[dict[str, Any]] = []
        self._instance = instance
        self._folder = folder
        self._uploaded: dict[str, dict[str, str]] = {}
        monkeypatch.setattr(demisto, 'getFilePath', self._file)

    def run(self, command: str, **arguments: Any) -> str:
        """Return the output of a command that succeeds."""
        self.entries = self._instance.entries(command, **arguments)
        assert not [entry for entry in self.entries if entry['Type'] == ERROR], self.entries
        return '\n'.join(str(entry['HumanReadable']) for entry in self.entries)

    def error(self, command: str, **arguments: Any) -> str:
        """Return the error of a command that fails."""
        self.entries = self._instance.entries(command, **arguments)
        failed = [str(entry['Contents']) for entry in self.entries if entry['Type'] == ERROR]
        assert failed, f'{command} did not fail: {self.entries}'
        return '\n'.join(failed)

    def upload(self, name: str, content: bytes) -> str:
        """Return the entry ID of a file in the War Room."""
        entry_id = f'{len(self._uploaded) + 1}@1'
        path = self._folder / f'uploaded-{len(self._uploaded)}'
        path.write_bytes(content)
        self._uploaded[entry_id] = {'path': str(path), 'name': name}
        return entry_id

    def _file(self, entry_id: str) -> dict[str, str]:
        if entry_id not in self._uploaded:
            raise ValueError(f'no file has the entry ID {entry_id}')
        return self._uploaded[entry_id]

    def files(self) -> list[str]:
        """Return the names of the files that the last command gave to the War Room."""
        return [str(entry['File']) for entry in self.entries if entry.get('File')]

    def receive(self, subject: str = 'A mail') -> Message:
        """Deliver a mail from Bob."""
        sender = EmailAddress('Bob Okafor', 'bob@contoso.example')
        return self.mailbox.deliver(Message(subject, sender, self.mailbox.now(), to=[self.mailbox.owner]))

    def messages(self, folder: str) -> list[Message]:
        """Return the messages of a well-known folder."""
        known = self.mailbox.folder(folder)
        assert known
        return self.mailbox.messages(known.folder_id)
