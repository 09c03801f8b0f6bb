"""What tests put into mailboxes, under a short name."""

from sandbox.microsoft.mail.mailbox import Mailbox
from sandbox.microsoft.mail.model import EmailAddress, Folder, Message

__all__ = ['EmailAddress', 'Folder', 'Mailbox', 'Message']
