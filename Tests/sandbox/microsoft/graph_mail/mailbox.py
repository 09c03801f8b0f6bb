"""One mailbox: where its folders and messages are, and how they move. Safe to use from several threads."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.microsoft.graph_mail import ids
from sandbox.microsoft.graph_mail.changes import ChangeLog
from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.members import Members
from sandbox.microsoft.graph_mail.model import (
    Attachment,
    EmailAddress,
    FileAttachment,
    Folder,
    ItemAttachment,
    Meeting,
    Message,
    OutlookItem,
    ReferenceAttachment,
    new_change_key,
)
from sandbox.microsoft.graph_mail.query import MAX_PAGE_SIZE
from sandbox.microsoft.graph_mail.settings import default_categories, default_settings

ROOT = 'msgfolderroot'
RECOVERABLE = 'recoverableitemsdeletions'
WELL_KNOWN_FOLDERS = {
    'inbox': 'Inbox',
    'drafts': 'Drafts',
    'sentitems': 'Sent Items',
    'deleteditems': 'Deleted Items',
    'junkemail': 'Junk Email',
    'archive': 'Archive',
    'outbox': 'Outbox',
    'conversationhistory': 'Conversation History',
}
HIDDEN_FOLDERS = {'syncissues': 'Sync Issues'}
MESSAGE_LIMIT_BYTES = 35 * 1024 * 1024


class Mailbox:
    """Folders, messages, rules and settings of one owner.

    Attributes:
        has_room_for_names: takes extended properties with names that it does not know yet.
        has_room_for_syncs: takes the state that a delta query of messages leaves in it.
        message_limit: largest mail that can be sent or kept, in bytes.
        recipient_limit: how many recipients a mail may have that is sent. An administrator can change it.
        delta_token_seconds: how long a delta token lives; None for ever. ``expire_delta_tokens`` ends all that exist.
        delta_generations: a delta token expires when so many others have followed from it, one after the other; None for never.
        first_delta_sync_limit: a first delta sync ends after so many messages; None for no limit.
        delta_status: delta queries of messages answer with this status; None where they work.
        hides_internal_headers: messages from the owner's own domain show no internetMessageHeaders.
        misses_senders: a filter for the sender with ``eq`` finds no address of the owner's domain, and none with an underscore.
        refuses_sorting: a list that is sorted by one property and filtered by others too is refused; a filtered list that is not
            sorted has the oldest messages first.
        tells_partial_changes: a delta query for created messages also tells which selected properties of others changed.
        told_of_returned: what a delta query tells of a message that left and came back since the last one: created, removed (it
            then tells of every message that left, whatever kind of change is asked for), or nothing.
        overlooks_starts: a list by received time, oldest first, has nothing if it starts at a second that is divisible by three.
        conflict_status: of a change with ``If-Match`` of an earlier version: 412 or 409.
        max_page: a page of messages for which more are asked is too much.
        slow_status: how a page that is too much is answered: 504 or 503.
        other_items: so many items that are no messages come first in a folder: `$skip` of a client counts them as well.
        rules: as Graph shows them, in the order of their making.
        categories: the master list.
        meetings: what is in the calendar, by ID.
        deferred: what waits to be sent: when, what, whether it is kept in Sent Items.
        shows_submission: what waits to be sent, or is in transport, has the flag of a submitted message.
        transport_seconds: how long a draft that was sent stays in Drafts, as a draft, while its recipients have it already.
        changes_sent_ids: a draft that was sent gets another ID, also an immutable one, as it goes to Sent Items.
        in_transport: those drafts, and until when.
        has_upload_sessions: the cloud of the mailbox has ``createUploadSession``.
        shares_upload_sessions: other users who may write to the mailbox can use it as well.
        forwards_to_nobody: ``createForward`` without recipients makes a draft, and is not 400.
        ignores_reply_messages: ``createReply``, ``createReplyAll`` and ``createForward`` ignore ``message``, but for its extended
            properties.
        ignores_comments: they ignore ``comment``, as Microsoft documents.
        deletes_permanently: the cloud of the mailbox has ``permanentDelete``.
        deletes_softly: a deleted message goes to the recoverable items at once, and not to Deleted Items; a folder is removed.
        doubles_inline: the inline attachments of a draft are there twice as soon as another file is added.
        attachment_lag: so many seconds after a file was attached, lists of attachments do not have it yet.
        shared_folders: IDs of the only folders that users may open, by the object IDs of the users.
        unshared_status: how the others are answered: 404 or 403.
    """

    def __init__(self, owner: EmailAddress, now: Callable[[], float] = time.time) -> None:
        self.owner = owner
        self.now = now
        self.lock = threading.RLock()
        self.message_limit = MESSAGE_LIMIT_BYTES
        self.recipient_limit = 500
        self.has_room_for_names = self.has_room_for_syncs = True
        self.delta_token_seconds: float | None = None
        self.delta_generations: int | None = None
        self.first_delta_sync_limit: int | None = None
        self.delta_status: int | None = None
        self.hides_internal_headers = self.misses_senders = self.refuses_sorting = False
        self.tells_partial_changes = False
        self.overlooks_starts = False
        self.conflict_status = 412
        self.max_page = MAX_PAGE_SIZE
        self.slow_status = 504
        self.other_items = 0
        self.told_of_returned = 'created'
        self.delta_generation = 1
        # By the first call of a chain of tokens: how many have followed from it
        self.delta_steps: dict[str, int] = {}
        self.rules: list[dict[str, Any]] = []
        self.settings = default_settings()
        self.categories = default_categories()
        self.meetings: dict[str, Meeting] = {}
        self.deferred: list[tuple[float, Message, bool]] = []
        self.in_transport: list[tuple[float, Message]] = []
        self.transport_seconds = 0.0
        self.changes_sent_ids = False
        self.shows_submission = True
        self.has_upload_sessions = self.shares_upload_sessions = True
        self.forwards_to_nobody = False
        self.ignores_reply_messages = False
        self.ignores_comments = True
        self.deletes_softly = self.doubles_inline = False
        self.deletes_permanently = True
        self.attachment_lag = 0.0
        self.shared_folders: dict[str, set[str]] = {}
        self.unshared_status = 404
        self.change_number = 0
        self.folder_log = ChangeLog()
        self._logs: dict[str, ChangeLog] = {}
        self._folders: dict[str, Folder] = {}
        self._members: dict[str, Members] = {}
        self._messages: dict[str, Message] = {}
        self._make_well_known_folders()

    # region folders

    def folder(self, name: str) -> Folder | None:
        """Return the folder of that ID or well-known name."""
        with self.lock:
            if name in self._folders:
                return self._folders[name]
            return next((known for known in self._folders.values() if known.well_known_name == name.lower()), None)

    def folders(self, parent_id: str, include_hidden: bool = False) -> list[Folder]:
        """Return the folders in ``parent_id``, by name."""
        with self.lock:
            found = [
                known
                for known in self._folders.values()
                if known.parent_folder_id == parent_id and (include_hidden or not known.is_hidden)
            ]
        return sorted(found, key=lambda known: known.display_name.casefold())

    def make_folder(self, display_name: str, parent: str = ROOT, is_hidden: bool = False) -> Folder:
        """Make a folder in ``parent`` (ID or well-known name). Raises LookupError without such a parent."""
        with self.lock:
            folder = Folder(display_name, parent_folder_id=self._existing(parent).folder_id, is_hidden=is_hidden)
            self._add_folder(folder)
        return folder

    def share_folder(self, name: str, user_id: str) -> None:
        """Let a user, by object ID, open a folder (ID or well-known name) of this mailbox, which is not shared as a whole."""
        self.shared_folders.setdefault(user_id, set()).add(self._existing(name).folder_id)

    def rename_folder(self, folder: Folder, display_name: str) -> None:
        with self.lock:
            folder.display_name = display_name
            self._note_folder(folder)

    def move_folder(self, folder: Folder, parent: str) -> None:
        """Put ``folder``, with all in it, into ``parent``; its ID stays."""
        with self.lock:
            folder.parent_folder_id = self._existing(parent).folder_id
            self._note_folder(folder)

    def remove_folder(self, folder: Folder) -> None:
        """Delete ``folder`` and everything in it, permanently."""
        with self.lock:
            for child in self.folders(folder.folder_id, include_hidden=True):
                self.remove_folder(child)
            for message in self.messages(folder.folder_id):
                self.remove(message)
            del self._folders[folder.folder_id]
            self.folder_log.record(self._next_number(), folder.folder_id.encode(), is_present=False, former_id=folder.folder_id)

    def counts(self, folder: Folder) -> tuple[int, int, int]:
        """Return how many child folders, messages, and unread messages it has."""
        with self.lock:
            members = self._members[folder.folder_id]
            return len(self.folders(folder.folder_id)), len(members), members.unread

    # endregion
    # region messages

    def deliver(self, message: Message, folder: str = 'inbox', at: float | None = None) -> Message:
        """Put ``message`` into ``folder`` (ID or well-known name). Raises LookupError for an unknown folder.

        Args:
            at: the moment, in epoch seconds, that becomes its ``created``; now without one. The message itself says when it was
                received: earlier, if it was held up on its way or is imported.
        """
        with self.lock:
            message.created = self.now() if at is None else at
            for attachment in message.attachments:
                attachment.modified = message.created
            self._enter(message, self._existing(folder), message.created)
        return message

    def invite(self, subject: str, organizer: EmailAddress, start: float, end: float) -> Message:
        """Put a meeting into the calendar, and deliver the invitation to it. Times are epoch seconds."""
        meeting = Meeting(subject, organizer, start, end)
        self.meetings[meeting.event_id] = meeting
        return self.deliver(
            Message(subject, organizer, self.now(), to=[self.owner], meeting_type='meetingRequest', meeting=meeting)
        )

    def message(self, message_id: str) -> Message | None:
        """Return the message of that plain or immutable ID."""
        with self.lock:
            return self._messages.get(message_id)

    def messages(self, folder_id: str | None = None, first: float | None = None, end: float | None = None) -> list[Message]:
        """Return the messages of one folder, or of all, newest first.

        Args:
            first, end: only those received at ``first`` or later, and before ``end`` (epoch seconds).
        """
        with self.lock:
            folders = (
                [folder_id]
                if folder_id is not None
                else [known.folder_id for known in self._folders.values() if known.well_known_name != RECOVERABLE]
            )
            chosen = [message for known in folders for message in self._members[known].between(first, end)]
        if folder_id is None:
            chosen.sort(key=lambda message: (message.received, message.key))
        chosen.reverse()
        return chosen

    def is_in(self, message: Message, folder: str) -> bool:
        """Return whether ``message`` is in that folder (ID or well-known name)."""
        return message.folder_id == self._existing(folder).folder_id

    def move(self, message: Message, folder: str, with_new_key: bool = False) -> Message:
        """Move to another folder: the plain ID changes, the immutable one stays unless it gets a new key. Raises LookupError."""
        with self.lock:
            target = self._existing(folder)
            if target.folder_id != message.folder_id:
                message.former_folder_id = message.folder_id
                self._leave(message)
                message.location = ids.new_location()
                message.key = ids.new_key() if with_new_key else message.key
                self._enter(message, target, self.now())
        return message

    def copy(self, message: Message, folder: str) -> Message:
        """Copy to ``folder``; the copy is a message of its own."""
        return self.deliver(message.copied(), folder)

    def delete(self, message: Message) -> None:
        """Move to Deleted Items; from there to the recoverable items, which are hidden."""
        deleted = self._existing('deleteditems').folder_id
        self.move(message, RECOVERABLE if self.deletes_softly or message.folder_id == deleted else 'deleteditems')

    def restore(self, message: Message) -> Message:
        """Move back to the folder that it was in before it was moved or deleted."""
        return self.move(message, message.former_folder_id or 'inbox')

    def remove(self, message: Message) -> None:
        """Delete permanently."""
        with self.lock:
            self._leave(message)

    def touch(self, message: Message, *properties: str) -> None:
        """Record a change of ``properties`` of a message: give it a new change key and show it in delta queries."""
        with self.lock:
            message.change_key, message.modified = new_change_key(), self.now()
            self._members[message.folder_id].put(message)
            changed = (*properties, 'lastModifiedDateTime')
            self.log_of(message.folder_id).record(self._next_number(), message.key, is_present=True, properties=changed)

    def expire_delta_tokens(self) -> None:
        """Expire every delta token that exists: it answers 410."""
        self.delta_generation += 1

    def log_of(self, folder_id: str) -> ChangeLog:
        """Return what changed in a folder; hold ``lock`` while reading it."""
        return self._logs.setdefault(folder_id, ChangeLog())

    def members_of(self, folder_id: str) -> Members:
        """Return what is in a folder; hold ``lock`` while reading it."""
        return self._members[folder_id]

    # endregion
    # region attachments

    def attach_file(
        self,
        message: Message,
        name: str | None,
        data: bytes,
        content_type: str | None = 'application/octet-stream',
        content_id: str | None = None,
        is_inline: bool | None = None,
    ) -> FileAttachment:
        """Attach a file; with a ``content_id`` it is inline, unless ``is_inline`` says otherwise."""
        attachment = FileAttachment(
            name=name,
            content_type=content_type,
            content=Content(data),
            content_id=content_id,
            is_inline=content_id is not None if is_inline is None else is_inline,
        )
        self.attach(message, attachment)
        return attachment

    def attach_item(self, message: Message, item: Message | OutlookItem, name: str | None = None) -> ItemAttachment:
        """Attach a message, an event or a contact."""
        subject = item.subject if isinstance(item, Message) else str(item.properties.get('subject', ''))
        attachment = ItemAttachment(
            name=name or subject, content_type='message/rfc822' if isinstance(item, Message) else None, item=item
        )
        self.attach(message, attachment)
        return attachment

    def attach_reference(self, message: Message, name: str | None, source_url: str) -> ReferenceAttachment:
        """Attach a link to a file elsewhere."""
        attachment = ReferenceAttachment(name=name, source_url=source_url)
        self.attach(message, attachment)
        return attachment

    def prepare_file(self, message: Message) -> None:
        """Note that a file is about to be added to a draft."""
        if self.doubles_inline:
            message.attachments += [replace(one, key=ids.new_attachment_key()) for one in message.attachments if one.is_inline]

    def attach(self, message: Message, attachment: Attachment) -> None:
        with self.lock:
            attachment.modified = self.now()
            message.attachments.append(attachment)
            message.changed()
            if message.folder_id:
                self.touch(message)

    def detach(self, message: Message, attachment: Attachment) -> None:
        with self.lock:
            message.attachments.remove(attachment)
            message.changed()
            self.touch(message)

    def start_scan(self, message: Message, name: str = 'Safe Attachments Scan In Progress') -> list[Attachment]:
        """Replace the attachments of a message by a placeholder, an email, and return them."""
        held, message.attachments = message.attachments, []
        scan = Message(
            name, EmailAddress('', 'no-reply@microsoft.example'), self.now(), html='<p>The attachments are scanned.</p>'
        )
        self.attach_item(message, scan)
        return held

    def end_scan(self, message: Message, held: list[Attachment], replaces: bool = False) -> Message:
        """Put the attachments of a message back, and return it. With ``replaces``, a copy with its Message-ID takes its place."""
        with self.lock:
            released = message.copied() if replaces else message
            released.attachments = held
            released.changed()
            if replaces:
                self.deliver(released, message.folder_id)
                self.remove(message)
            else:
                self.touch(message)
            return released

    # endregion

    def _make_well_known_folders(self) -> None:
        root = Folder('Top of Information Store', ROOT)
        self._add_folder(root)
        self._add_folder(Folder('Deletions', RECOVERABLE, is_hidden=True))
        for name, display_name in {**WELL_KNOWN_FOLDERS, **HIDDEN_FOLDERS}.items():
            self._add_folder(Folder(display_name, name, parent_folder_id=root.folder_id, is_hidden=name in HIDDEN_FOLDERS))

    def _existing(self, name: str) -> Folder:
        folder = self.folder(name)
        if folder is None:
            raise LookupError(f'The mailbox of {self.owner.address} has no folder "{name}".')
        return folder

    def _add_folder(self, folder: Folder) -> None:
        self._folders[folder.folder_id] = folder
        self._members[folder.folder_id] = Members()
        self._note_folder(folder)

    def _note_folder(self, folder: Folder) -> None:
        self.folder_log.record(self._next_number(), folder.folder_id.encode(), is_present=True)

    def _enter(self, message: Message, folder: Folder, at: float) -> None:
        message.folder_id, message.modified = folder.folder_id, at
        self._members[folder.folder_id].put(message)
        self._messages[message.message_id] = self._messages[message.immutable_id] = message
        self.log_of(folder.folder_id).record(self._next_number(), message.key, is_present=True)

    def _leave(self, message: Message) -> None:
        self._members[message.folder_id].remove(message)
        del self._messages[message.message_id], self._messages[message.immutable_id]
        self.log_of(message.folder_id).record(self._next_number(), message.key, is_present=False, former_id=message.message_id)

    def _next_number(self) -> int:
        self.change_number += 1
        return self.change_number
