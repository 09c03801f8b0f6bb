"""From a mailbox to the mailboxes of the recipients, within one cloud. What goes elsewhere is kept in Sent Items only."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.microsoft.entra.model import User
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.extended_properties import DEFERRED_SEND_TIME, value_of
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Attachment, Content, EmailAddress, FileAttachment, Message
from sandbox.microsoft.graph_mail.odata_filter import parse_time
from sandbox.microsoft.graph_mail.rules import apply_rules

if TYPE_CHECKING:
    from sandbox.microsoft.state import CloudState

_ADDRESS = re.compile(r'[^@\s,;<>()\"]+@[^@\s,;<>()\"]+\.[^@\s,;<>()\".]+')


def submit(state: 'CloudState', owner: User, message: Message, save: bool = True) -> None:
    """Send ``message`` for ``owner``. A draft moves to Sent Items and keeps its immutable ID.

    What is sent later stays a draft until then. That which comes by sendMail is sent at once as well.

    Args:
        save: keeps it in Sent Items.

    Raises:
        GraphError: it has no recipients or too many, it is too large, or the owner may not send for whom it says.
    """
    mailbox = state.mailbox_of(owner)
    assert mailbox is not None, 'who sends has a mailbox'
    check_can_be_sent(state, owner, mailbox, message)
    moment = _deferred_until(message)
    if moment is None or moment <= state.clock.now():
        _send(state, mailbox, message, save)
        return
    if not message.folder_id:
        _send(state, mailbox, message.copied(), save)
        mailbox.deliver(message, 'drafts')
    message.is_submitted = mailbox.shows_submission
    mailbox.deferred = [*(one for one in mailbox.deferred if one[1] is not message), (moment, message, save)]


def release_deferred(state: 'CloudState') -> None:
    """Send what waited for its time, and move to Sent Items what is no longer in transport."""
    now = state.clock.now()
    for mailbox in list(state.mailboxes.values()):
        if not (mailbox.deferred or mailbox.in_transport):
            # without its lock: other people's mailboxes must not hold up this request
            continue
        with mailbox.lock:
            due = [one for one in mailbox.deferred if one[0] <= now]
            mailbox.deferred = [one for one in mailbox.deferred if one[0] > now]
            arrived = [message for moment, message in mailbox.in_transport if moment <= now]
            mailbox.in_transport = [one for one in mailbox.in_transport if one[0] > now]
        for message in arrived:
            if mailbox.message(message.immutable_id) and mailbox.is_in(message, 'drafts'):
                _keep(mailbox, message, 'sentitems')
        for _, message, save in due:
            # unless its sender took it back
            if mailbox.message(message.immutable_id) and mailbox.is_in(message, 'drafts'):
                _send(state, mailbox, message, save)


def check_can_be_sent(state: 'CloudState', owner: User, mailbox: Mailbox, message: Message) -> None:
    """Check that ``message`` can be sent. Raises GraphError as ``submit`` does."""
    recipients = message.recipients
    if not recipients:
        raise _invalid_recipients("A message can't be sent because it contains no recipients.")
    for person in recipients:
        if not _ADDRESS.fullmatch(person.address):
            raise _invalid_recipients(
                f"Recipient '{person.address}' is not resolved. All recipients must be resolved before a "
                'message can be submitted.'
            )
    if len(recipients) > mailbox.recipient_limit:
        raise _invalid_recipients(f'The message has more than {mailbox.recipient_limit} recipients.')
    check_size(mailbox, message)
    sender = state.directory.find_user(message.sender.address)
    may = sender is owner or (sender is not None and owner.object_id in sender.shared_with)
    if not may:
        raise GraphError(
            403,
            'ErrorSendAsDenied',
            'The user account which was used to submit this request does not have the '
            'right to send mail on behalf of the specified sending account.',
        )


def _invalid_recipients(reason: str) -> GraphError:
    return GraphError(400, 'ErrorInvalidRecipients', f'At least one recipient is not valid., {reason}')


def check_size(mailbox: Mailbox, message: Message, more: int = 0) -> None:
    """Check that ``message``, with ``more`` bytes, is not too large for the mailbox. Raises GraphError 413."""
    if message.size + more > mailbox.message_limit:
        raise GraphError(413, 'ErrorMessageSizeExceeded', 'The message exceeds the maximum supported size.')


def check_names(mailbox: Mailbox, properties: Iterable[str]) -> None:
    """Check that the mailbox has room for the names of extended properties with these IDs. Raises GraphError 403."""
    if not mailbox.has_room_for_names and any(' Name ' in one for one in properties):
        raise GraphError(403, 'ErrorQuotaExceeded', 'Cannot get ID from name.')


def _deferred_until(message: Message) -> float | None:
    value = value_of(message, DEFERRED_SEND_TIME)
    try:
        return parse_time(value) if value else None
    except ValueError:
        raise GraphError(400, 'ErrorInvalidProperty', f"'{value}' is not a time to send at.") from None


def _send(state: 'CloudState', mailbox: Mailbox, message: Message, save: bool) -> None:
    now = state.clock.now()
    message.received = message.sent = now
    if message.sender.address.casefold() != mailbox.owner.address.casefold():
        message.submitter = mailbox.owner
    for person in _different(message.recipients):
        user = state.directory.find_user(person.address)
        inbox = state.mailbox_of(user) if user else None
        if inbox is not None:
            _arrive(inbox, message)
    if message.folder_id and mailbox.transport_seconds:
        message.is_submitted = mailbox.shows_submission
        mailbox.in_transport.append((now + mailbox.transport_seconds, message))
    elif save:
        _keep(mailbox, message, 'sentitems')
    elif message.folder_id:
        mailbox.remove(message)


def _arrive(mailbox: Mailbox, message: Message) -> None:
    copy = message.copied(
        is_draft=False,
        is_submitted=False,
        is_read=False,
        bcc=[],
        properties={},
        categories=[],
        folder_id='',
        attachments=list(map(_as_it_arrives, message.attachments)),
    )
    mailbox.deliver(copy)
    apply_rules(mailbox, copy)


def _as_it_arrives(attachment: Attachment) -> Attachment:
    """Return an attachment as recipients get it: a part of MIME with one of these types cannot be base64, as files are."""
    if isinstance(attachment, FileAttachment) and (attachment.content_type or '').lower().startswith(('message/', 'multipart/')):
        return replace(attachment, content=Content(b''))
    return attachment


def _keep(mailbox: Mailbox, message: Message, folder: str) -> None:
    """Put a message that was sent into a folder."""
    message.is_draft, message.is_submitted, message.is_read = False, False, True
    if message.folder_id:
        mailbox.move(message, folder, with_new_key=mailbox.changes_sent_ids)
    else:
        mailbox.deliver(message, folder)


def _different(people: list[EmailAddress]) -> list[EmailAddress]:
    return list({person.address.casefold(): person for person in people}.values())
