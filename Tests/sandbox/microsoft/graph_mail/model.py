"""What a mailbox holds: folders, messages, attachments. Plain objects; what Graph shows of them is made in ``representation``."""

import html as html_entities
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from sandbox.microsoft.graph_mail import ids
from sandbox.microsoft.graph_mail.content import Content

PREVIEW_CHARACTERS = 255
# What separates the new part of a reply from the message that it answers
HTML_QUOTE_MARK = '<hr id="quoted">'
TEXT_QUOTE_MARK = '_' * 32
# A reply that was written in Gmail, with what it quotes. Exchange does not tell the two apart.
GMAIL_QUOTE = (
    '<html><body><div dir="ltr">{}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Monday Bob wrote:<br>'
    '</div><blockquote class="gmail_quote">{}</blockquote></div></body></html>'
)


@dataclass(frozen=True)
class EmailAddress:
    """A name with an address, as senders and recipients have them."""

    name: str
    address: str


@dataclass(kw_only=True, eq=False)
class Attachment:
    """What the three kinds of attachments share.

    Attributes:
        modified: epoch seconds.
        overhead: bytes that Graph counts besides the content.
    """

    name: str | None
    content_type: str | None = None
    is_inline: bool = False
    modified: float = field(default_factory=time.time)
    overhead: int = 0
    key: bytes = field(default_factory=ids.new_attachment_key)

    @property
    def size(self) -> int:
        return 0


@dataclass(kw_only=True, eq=False)
class FileAttachment(Attachment):
    """Bytes.

    Attributes:
        content_id: what ``cid:`` in the HTML refers to, without angle brackets.
        has_plain_bytes: ``contentBytes`` shows the text itself, not base64.
    """

    content: Content
    has_plain_bytes: bool = False
    content_id: str | None = None
    content_location: str | None = None

    @property
    def size(self) -> int:
        return self.content.size


@dataclass(kw_only=True, eq=False)
class OutlookItem:
    """No message: ``kind`` is event or contact, ``properties`` as Graph names them, ``raw`` iCalendar or vCard."""

    kind: str
    properties: dict[str, Any]
    raw: bytes


@dataclass(kw_only=True, eq=False)
class ItemAttachment(Attachment):
    """A message, an event or a contact."""

    item: 'Message | OutlookItem'

    @property
    def size(self) -> int:
        return self.item.size if isinstance(self.item, Message) else len(self.item.raw)


@dataclass(kw_only=True, eq=False)
class ReferenceAttachment(Attachment):
    """A link to a file elsewhere. Graph v1.0 does not show where."""

    source_url: str


@dataclass
class Flag:
    """A follow-up flag; the times are ``dateTimeTimeZone`` objects of Graph."""

    status: str = 'notFlagged'
    start: dict[str, Any] | None = None
    due: dict[str, Any] | None = None
    completed: dict[str, Any] | None = None


@dataclass(eq=False)
class Meeting:
    """A meeting in the calendar of somebody who is invited. Times are epoch seconds.

    Attributes:
        response: as Graph names it: notResponded, accepted, tentativelyAccepted, declined; organizer for who invites.
        responded: when the response was given; 0 if it was not.
        wants_response: whether the organizer takes responses.
        is_outdated: the organizer has sent a newer invitation.
    """

    subject: str
    organizer: EmailAddress
    start: float
    end: float
    response: str = 'notResponded'
    responded: float = 0
    wants_response: bool = True
    is_cancelled: bool = False
    is_outdated: bool = False
    event_id: str = field(default_factory=ids.new_folder_id)


@dataclass(eq=False)
class Message:
    """A mail. Times are epoch seconds; ``sent`` defaults to ``received``; outside mailboxes so do ``created`` and ``modified``.

    Attributes:
        sender: who it is from. ``submitter`` is who sent it on behalf of that one, if it was another.
        html, plain: the body; one or both. The missing form is made of the other one.
        headers: internet headers beyond those that follow from the other attributes.
        source: the whole mail as MIME, if it came so: kept byte for byte until it is changed.
        properties: single-value extended properties, ID -> value.
        created, modified: when it was put into the mailbox, and when it was last changed, moved or restored there.
        meeting_type: of a message about a meeting, as Graph names it: meetingRequest, meetingCancelled, meetingAccepted...
        meeting: what it is about, while that is in the calendar.
        broken: what Graph fails to give of it: any of message (its content), attachments, mime; page: a page of a list or of a
            delta query that contains it is too much.
        kind: its type in Graph if it is not a plain message, such as eventMessageRequest. The invitation is in ``source``.
        absent: what Graph does not find although it lists it: any of the same.
        is_submitted: it was sent, and is not yet in Sent Items.
    """

    subject: str
    sender: EmailAddress
    received: float
    to: list[EmailAddress] = field(default_factory=list)
    cc: list[EmailAddress] = field(default_factory=list)
    html: str = ''
    is_read: bool = False
    is_draft: bool = False
    importance: str = 'normal'
    categories: list[str] = field(default_factory=list)
    sent: float | None = None
    plain: str = ''
    bcc: list[EmailAddress] = field(default_factory=list)
    reply_to: list[EmailAddress] = field(default_factory=list)
    submitter: EmailAddress | None = None
    flag: Flag = field(default_factory=Flag)
    headers: list[tuple[str, str]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    inference_classification: str = 'focused'
    wants_delivery_receipt: bool = False
    wants_read_receipt: bool = False
    in_reply_to: str = ''
    references: list[str] = field(default_factory=list)
    source: bytes | None = None
    conversation_id: str = field(default_factory=ids.new_conversation_id)
    conversation_index: bytes = field(default_factory=lambda: b'\x01' + secrets.token_bytes(21))
    internet_message_id: str = field(default_factory=lambda: f'<{secrets.token_hex(16)}@mail.contoso.example>')
    change_key: str = field(default_factory=lambda: new_change_key())
    created: float | None = None
    modified: float | None = None
    folder_id: str = ''
    former_folder_id: str = ''
    meeting_type: str = ''
    meeting: Meeting | None = None
    broken: set[str] = field(default_factory=set)
    kind: str = ''
    absent: set[str] = field(default_factory=set)
    is_submitted: bool = False
    key: bytes = field(default_factory=ids.new_key)
    location: bytes = field(default_factory=ids.new_location)

    @property
    def message_id(self) -> str:
        """The plain ID: another one after each move."""
        return ids.plain_id(self.location, self.key)

    @property
    def immutable_id(self) -> str:
        """The ID that stays."""
        return ids.immutable_id(self.key)

    def attachment_id(self, attachment: Attachment, immutable: bool = False) -> str:
        """Return the ID of one of its attachments."""
        return ids.immutable_id(self.key, attachment.key) if immutable else ids.plain_id(self.location, self.key, attachment.key)

    def attachment(self, attachment_id: str) -> Attachment | None:
        """Return the attachment of that plain or immutable ID."""
        return next(
            (
                one
                for one in self.attachments
                if attachment_id in (self.attachment_id(one), self.attachment_id(one, immutable=True))
            ),
            None,
        )

    @property
    def has_attachments(self) -> bool:
        """As Graph counts: inline ones do not."""
        return any(not one.is_inline for one in self.attachments)

    @property
    def text(self) -> str:
        """The body as plain text."""
        return self.plain or text_of(self.html)

    @property
    def html_body(self) -> str:
        """The body as HTML."""
        return self.html or html_of(self.plain)

    @property
    def preview(self) -> str:
        """The beginning of the body."""
        return self.text[:PREVIEW_CHARACTERS]

    @property
    def size(self) -> int:
        """About how many bytes it takes: body and attachments."""
        return len(self.source or b'') or len(self.html.encode()) + len(self.plain.encode()) + sum(
            one.size for one in self.attachments
        )

    @property
    def recipients(self) -> list[EmailAddress]:
        return [*self.to, *self.cc, *self.bcc]

    def changed(self) -> None:
        """Drop the original MIME after a change of what it shows."""
        self.source = None

    def copied(self, **changes: Any) -> 'Message':
        """Return a copy with identifiers of its own, and ``changes``."""
        fresh: dict[str, Any] = {
            'key': ids.new_key(),
            'location': ids.new_location(),
            'change_key': new_change_key(),
            'created': None,
            'modified': None,
            'to': list(self.to),
            'cc': list(self.cc),
            'bcc': list(self.bcc),
            'reply_to': list(self.reply_to),
            'categories': list(self.categories),
            'headers': list(self.headers),
            'references': list(self.references),
            'properties': dict(self.properties),
            'flag': replace(self.flag),
            'broken': set(),
            'absent': set(),
            'former_folder_id': '',
            'attachments': [replace(one, key=ids.new_attachment_key()) for one in self.attachments],
        }
        return replace(self, **{**fresh, **changes})


@dataclass
class Folder:
    """A mail folder; ``well_known_name`` is set for those that exist in every mailbox."""

    display_name: str
    well_known_name: str = ''
    folder_id: str = field(default_factory=ids.new_folder_id)
    parent_folder_id: str = ''
    is_hidden: bool = False


def new_change_key() -> str:
    return 'CQAAA' + secrets.token_urlsafe(12)


_LINES = (
    r'(?i)</?(?:address|article|aside|blockquote|caption|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|'
    r'h[1-6]|header|hr|legend|li|main|menu|nav|ol|optgroup|option|p|pre|section|select|summary|table|tr|ul)(?=[\s/>])[^>]*>'
)
_LINKS = r"""(?is)<a\s[^>]*?\bhref\s*=\s*(?:"([^">]*)"|'([^'>]*)')[^>]*>|</a>"""


@lru_cache(maxsize=8)  # each list and each draft shows the beginning of the same text, which may have megabytes
def text_of(html: str) -> str:
    """Convert HTML to plain text: a block is a line, tabs are between cells, and a link is followed by its target."""
    targets: list[str] = []

    def target(tag: re.Match[str]) -> str:
        ended = f'&lt;{targets.pop()}&gt;' if targets else ''
        targets.extend(one for one in tag.groups() if one)
        return ended

    without_head = re.sub(r'(?is)<(head|style|script)\b.*?</\1>', '', html)
    with_mark = without_head.replace(HTML_QUOTE_MARK, f'\r\n{TEXT_QUOTE_MARK}\r\n')
    with_targets = re.sub(_LINKS, target, with_mark)
    with_cells = re.sub(r'(?i)</t[dh]\s*>', '\t', re.sub(_LINES, '\0', with_targets))
    without_tags = re.sub(r'<[^>]+>', '', re.sub(r'(?i)<br */?>', '\r\n', with_cells))
    return html_entities.unescape(re.sub('\0+', '\r\n', without_tags)).strip()


def html_of(text: str) -> str:
    """Convert plain text to HTML."""
    lines = html_entities.escape(text, quote=False).splitlines()
    mark = html_entities.escape(TEXT_QUOTE_MARK)
    body = '<br>\r\n'.join(lines).replace(mark, HTML_QUOTE_MARK)
    return f'<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head><body>{body}</body></html>'
