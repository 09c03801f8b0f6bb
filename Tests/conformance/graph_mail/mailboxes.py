"""What a mailbox of the sandbox holds, as tests of sending ask for it."""

from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message


def in_folder(mailbox: Mailbox, name: str) -> list[Message]:
    """Return the messages of a folder by its well-known name."""
    folder = mailbox.folder(name)
    assert folder
    return mailbox.messages(folder.folder_id)
