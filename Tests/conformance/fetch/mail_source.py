"""The mailbox that an instance fetches from, and its mails."""

import hashlib
import itertools
from typing import Any

from authentication_methods import ADA, client_secret
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Folder, Message, ReferenceAttachment
from sandbox.microsoft.graph_mail.query import MAX_PAGE_SIZE

PARTNER = EmailAddress('Quentin Reyes', 'quentin@partner.example')
STRANGER = EmailAddress('Sam Stranger', 'sam@elsewhere.example')
DAY = 86400.0
FIRST_FETCH = '30 days'
# Received long before the first fetch time
YEARS_AGO = 400 * DAY
_NUMBERS = itertools.count(1)


class MailSource:
    """Ada's mailbox without the sample mails, and an empty folder in her inbox for one test.

    Attributes:
        parent: that folder.
        path: its path in the parameter of the instance.
    """

    def __init__(self, cloud: MicrosoftCloud) -> None:
        self.cloud = cloud
        self.mailbox: Mailbox = cloud.mailbox(ADA)
        self.empty()
        self.parent = self.mailbox.make_folder(f'Tests {next(_NUMBERS)}', 'inbox')
        self.path = f'Inbox/{self.parent.display_name}'
        self.inbox = self._well_known('inbox')

    def params(self, **more: Any) -> dict[str, Any]:
        """Return the parameters of an instance that fetches from the inbox, with changes."""
        return {**client_secret(self.cloud), 'isFetch': True, 'first_fetch': FIRST_FETCH, **more}

    def folder(self, name: str, parent: Folder | None = None) -> Folder:
        """Create a folder, by default in that of this test."""
        return self.mailbox.make_folder(name, (parent or self.parent).folder_id)

    def deliver(self, subject: str = 'A mail', folder: Folder | None = None, age: float = 60.0, **more: Any) -> Message:
        """Deliver a mail to a folder, by default the inbox. It was received `age` seconds ago, and sent two hours before."""
        now = self.mailbox.now()
        properties: dict[str, Any] = {'sender': PARTNER, 'to': [self.mailbox.owner], 'html': f'<p>{subject}</p>'}
        properties |= {'sent': now - age - 7200, **more}
        message = Message(subject, received=now - age, created=now, modified=now, **properties)
        return self.mailbox.deliver(message, (folder or self.inbox).folder_id)

    def empty(self) -> None:
        """Remove all mails and all folders of users, and reset the behavior of the mailbox."""
        mailbox = self.mailbox
        root = self._well_known('msgfolderroot')
        for folder in mailbox.folders(root.folder_id, include_hidden=True):
            for child in mailbox.folders(folder.folder_id, include_hidden=True):
                mailbox.remove_folder(child)
            if not folder.well_known_name:
                mailbox.remove_folder(folder)
        for message in [*mailbox.messages(), *mailbox.messages(self._well_known('recoverableitemsdeletions').folder_id)]:
            mailbox.remove(message)
        mailbox.delta_token_seconds = mailbox.first_delta_sync_limit = mailbox.delta_status = None
        mailbox.max_page, mailbox.slow_status, mailbox.other_items = MAX_PAGE_SIZE, 504, 0
        mailbox.hides_internal_headers, mailbox.has_room_for_syncs = False, True
        mailbox.tells_partial_changes, mailbox.told_of_returned, mailbox.overlooks_starts = False, 'created', False

    def _well_known(self, name: str) -> Folder:
        folder = self.mailbox.folder(name)
        assert folder is not None, name
        return folder


def attach(mailbox: Mailbox, message: Message, kind: str) -> None:
    """Attach something to a mail. `kind` is file, inline, item, reference or nameless."""
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
    """Return the SHA-256 digests of the attachments of a mail, except links."""
    return [digest(b''.join(mime.raw(one))) for one in message.attachments if not isinstance(one, ReferenceAttachment)]
