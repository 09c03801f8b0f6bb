"""Drafts that answer or pass on a message: reply, reply to all, forward."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from html import escape

from sandbox.microsoft.graph_mail import ids
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import HTML_QUOTE_MARK, EmailAddress, Message

CHILD_INDEX_BYTES = 5


@dataclass(frozen=True)
class Kind:
    """A kind of answer. ``prefix`` comes before the subject once."""

    name: str
    prefix: str
    to_all: bool = False


REPLY = Kind('reply', 'RE: ')
REPLY_ALL = Kind('replyAll', 'RE: ', to_all=True)
FORWARD = Kind('forward', 'FW: ')


def draft_answer(mailbox: Mailbox, original: Message, kind: Kind, comment: str, to: list[EmailAddress]) -> Message:
    """Return a draft in no folder yet: with recipients, subject, conversation, and the original below ``comment``.

    Args:
        to: who else is to get it; for a forwarded mail, who gets it.
    """
    now = mailbox.now()
    kept = [one for one in original.attachments if kind is FORWARD or one.is_inline]
    draft = Message(
        _subject(original, kind),
        mailbox.owner,
        now,
        is_draft=True,
        is_read=True,
        html=quoted(original, comment),
        importance=original.importance if kind is FORWARD else 'normal',
        conversation_id=original.conversation_id,
        in_reply_to=original.internet_message_id,
        conversation_index=original.conversation_index + secrets.token_bytes(CHILD_INDEX_BYTES),
        references=[*original.references, original.internet_message_id],
        attachments=[replace(one, key=ids.new_attachment_key()) for one in kept],
    )
    if kind is not FORWARD:
        draft.to = original.reply_to or [original.sender]
    if kind.to_all:
        known = {one.address.casefold() for one in draft.to} | {mailbox.owner.address.casefold()}
        draft.to = draft.to + [one for one in original.to if one.address.casefold() not in known]
        draft.cc = [one for one in original.cc if one.address.casefold() not in known]
    known = {one.address.casefold() for one in draft.to}
    draft.to = draft.to + [one for one in to if one.address.casefold() not in known]
    return draft


def quoted(original: Message, comment: str) -> str:
    """Return ``comment``, which is HTML, and below it the original with its sender, date, recipients and subject."""
    sent = original.received if original.sent is None else original.sent
    lines = [
        ('From', f'{original.sender.name} <{original.sender.address}>'),
        ('Sent', format_datetime(datetime.fromtimestamp(sent, timezone.utc))),
        ('To', '; '.join(f'{one.name} <{one.address}>' for one in original.to)),
        ('Subject', original.subject),
    ]
    heading = ''.join(f'<b>{name}:</b> {escape(value, quote=False)}<br>\r\n' for name, value in lines)
    return f'<html><body><div>{comment}</div>{HTML_QUOTE_MARK}<div>{heading}</div>{original.html_body}</body></html>'


def _subject(original: Message, kind: Kind) -> str:
    has_prefix = original.subject.casefold().startswith(kind.prefix.strip().casefold())
    return original.subject if has_prefix else kind.prefix + original.subject
