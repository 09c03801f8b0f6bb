"""A mailbox that is watched by an instance: where its mails come from, and what may be the matter with them."""

import hashlib
import itertools
from typing import Any

from authentication_methods import ADA, client_secret
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Folder, Message, ReferenceAttachment

PARTNER = EmailAddress('Quentin Reyes', 'quentin@partner.example')
STRANGER = EmailAddress('Sam Stranger', 'sam@elsewhere.example')
DAY = 86400.0
FIRST_FETCH = '30 days'
# Received long before what the first fetch goes back to
ANCIENT = 400 * DAY
_HOLDERS = itertools.count(1)


class Mailroom:
    """Ada's mailbox without the sample mails, and a folder below her inbox for one test.

    Attributes:
        holder: the folder, empty at first. ``path``: how a setting names it.
    """

    def __init__(self, cloud: MicrosoftCloud) -> None:
        self.cloud = cloud
        self.mailbox: Mailbox = cloud.mailbox(ADA)
        self.empty()
        self.holder = self.mailbox.make_folder(f'Tests {next(_HOLDERS)}', 'inbox')
        self.path = f'Inbox/{self.holder.display_name}'
        self.inbox = self._well_known('inbox')

    def settings(self, **more: Any) -> dict[str, Any]:
        """The parameters of an instance that watches the inbox, but for what is said otherwise."""
        return {**client_secret(self.cloud), 'isFetch': True, 'first_fetch': FIRST_FETCH, **more}

    def folder(self, name: str, parent: Folder | None = None) -> Folder:
        """A new folder, below the one of this test unless said otherwise."""
        return self.mailbox.make_folder(name, (parent or self.holder).folder_id)

    def mail(self, subject: str = 'A mail', folder: Folder | None = None, age: float = 60.0, **more: Any) -> Message:
        """A mail that enters a folder (the inbox) now, and whose received time is ``age`` seconds ago."""
        facts: dict[str, Any] = {'sender': PARTNER, 'to': [self.mailbox.owner], 'html': f'<p>{subject}</p>', **more}
        now = self.mailbox.now()
        message = Message(subject, received=now - age, created=now, modified=now, **facts)
        return self.mailbox.deliver(message, (folder or self.inbox).folder_id)

    def empty(self) -> None:
        """Ends all mails, all folders that somebody made, and what was changed of how the mailbox behaves."""
        mailbox = self.mailbox
        root = self._well_known('msgfolderroot')
        for folder in mailbox.folders(root.folder_id, include_hidden=True):
            for child in mailbox.folders(folder.folder_id, include_hidden=True):
                mailbox.remove_folder(child)
            if not folder.well_known_name:
                mailbox.remove_folder(folder)
        for message in [*mailbox.messages(), *mailbox.messages(self._well_known('recoverableitemsdeletions').folder_id)]:
            mailbox.remove(message)
        mailbox.delta_token_seconds = mailbox.first_delta_sync_limit = None

    def _well_known(self, name: str) -> Folder:
        folder = self.mailbox.folder(name)
        assert folder is not None, name
        return folder


def attach(mailbox: Mailbox, message: Message, kind: str) -> None:
    """Puts an attachment of some kind on a mail: file, inline, hidden (inline only), item, reference or nameless."""
    data = f'{kind} of {message.subject}'.encode()
    if kind == 'file':
        mailbox.attach_file(message, 'report.pdf', data, 'application/pdf')
    elif kind == 'inline':
        mailbox.attach_file(message, 'logo.png', data, 'image/png', content_id='logo@contoso')
    elif kind == 'nameless':
        mailbox.attach_file(message, None, data, None)
    elif kind == 'item':
        mailbox.attach_item(message, Message('Attached', STRANGER, message.received, html='<p>inside</p>'))
    elif kind == 'reference':
        mailbox.attach_reference(message, 'shared.docx', 'https://files.contoso.example/shared.docx')
    else:
        raise ValueError(f'There is no kind of attachment "{kind}".')


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digests_of_attachments(message: Message) -> list[str]:
    """SHA-256 of what the attachments of a mail hold; those that are links hold nothing."""
    return [digest(b''.join(mime.raw(one))) for one in message.attachments if not isinstance(one, ReferenceAttachment)]
