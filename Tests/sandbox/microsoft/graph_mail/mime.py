"""Messages as MIME: built with the same bytes each time, read from bytes, and kept as they came where they came as bytes."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser, BytesParser
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr, getaddresses, parsedate_to_datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.model import (
    Attachment,
    EmailAddress,
    FileAttachment,
    ItemAttachment,
    Meeting,
    Message,
    OutlookItem,
    ReferenceAttachment,
)

LINE_BYTES = 57
ENCODING_CHUNK_BYTES = LINE_BYTES * 4096
PRIORITIES = {'low': '5', 'normal': '3', 'high': '1'}
STRUCTURE = (
    'from',
    'sender',
    'to',
    'cc',
    'bcc',
    'reply-to',
    'subject',
    'date',
    'message-id',
    'in-reply-to',
    'references',
    'mime-version',
    'importance',
    'x-priority',
)
UNKNOWN_TYPE = 'application/octet-stream'


class MimeError(ValueError):
    """The bytes are no mail."""


class _LenientPolicy(EmailPolicy):
    """A policy that reads any header: one that Python's parser of addresses or IDs fails on is a text as it is."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        try:
            return super().header_fetch_parse(name, value)
        except (AttributeError, IndexError, LookupError, ValueError):
            return ' '.join(value.encode(errors='surrogateescape').decode(errors='replace').split())


_LENIENT = _LenientPolicy()


def build(message: Message) -> bytes:
    """Return the whole mail."""
    return b''.join(chunks(message))


def chunks(message: Message) -> Iterator[bytes]:
    """Return the whole mail, piece by piece: large attachments are never in memory at once."""
    if message.source is not None:
        yield message.source
        return
    # Each attachment is written as a mark first, and the marks are replaced while the bytes go out.
    digest = hashlib.sha256(message.key).hexdigest()[:32]
    marked = {
        f'{digest}-{number}': one for number, one in enumerate(message.attachments) if not isinstance(one, ReferenceAttachment)
    }
    frame = _frame(message, marked, digest).as_bytes()
    for piece in re.split(rb'(%s-\d+)' % digest.encode(), frame):
        attachment = marked.get(piece.decode('ascii', 'replace'))
        if attachment is None:
            yield piece
        else:
            yield from _encoded(attachment)


def raw(attachment: Attachment) -> Iterator[bytes]:
    """Return what ``$value`` of an attachment gives: the bytes of a file, MIME of a message, iCalendar or vCard of others."""
    if isinstance(attachment, FileAttachment):
        return attachment.content.chunks()
    if isinstance(attachment, ItemAttachment):
        return iter([attachment.item.raw]) if isinstance(attachment.item, OutlookItem) else chunks(attachment.item)
    raise TypeError('A reference has no bytes.')


def headers(message: Message) -> list[tuple[str, str]]:
    """Return the internet headers, in their order."""
    if message.source is not None:
        return [(name, str(value)) for name, value in BytesHeaderParser(policy=_LENIENT).parsebytes(message.source).items()]
    own = [(name, value) for name, value in _own_headers(message) if not name.lower().startswith('content-')]
    return [(name, _as_read(name, value)) for name, value in (*own, *_of_the_body(message))]


@lru_cache(10_000)
def _as_read(name: str, value: str) -> str:
    """Return a header as a reader of it sees it: most mails of a mailbox have the same addresses."""
    return str(policy.SMTP.header_store_parse(name, ' '.join(value.split()))[1])


def _of_the_body(message: Message) -> list[tuple[str, str]]:
    """Return the headers that a frame of this mail has besides its own ones."""
    version = ('MIME-Version', '1.0')
    if message.plain and not message.html and not message.meeting:
        return [('Content-Type', 'text/plain; charset="utf-8"'), ('Content-Transfer-Encoding', 'quoted-printable'), version]
    return [version, ('Content-Type', 'multipart/alternative; boundary="_000_headers_"')]


def parse(data: bytes, now: float) -> Message:
    """Return the message that these bytes are; they become its ``source``. Raises MimeError."""
    mail = BytesParser(policy=_LENIENT).parsebytes(data)
    if not isinstance(mail, EmailMessage) or not mail.keys():
        raise MimeError('The MIME content has no headers.')
    senders = _addresses(mail, 'from')
    plain, html = mail.get_body(('plain',)), mail.get_body(('html',))
    moment = _moment(mail, now)
    message = Message(
        str(mail.get('subject', '')),
        senders[0] if senders else EmailAddress('', ''),
        moment,
        sent=moment,
        to=_addresses(mail, 'to'),
        cc=_addresses(mail, 'cc'),
        bcc=_addresses(mail, 'bcc'),
        reply_to=_addresses(mail, 'reply-to'),
        html=_text(html),
        plain=_text(plain),
        importance=_importance(mail),
        headers=[
            (name, str(value))
            for name, value in mail.items()
            if name.lower() not in STRUCTURE and not name.lower().startswith('content-')
        ],
        attachments=[_signed(data)] if _is_signed(mail) else [_attachment(part, now) for part in _parts(mail)],
        in_reply_to=str(mail.get('in-reply-to', '')),
        references=str(mail.get('references', '')).split(),
        source=data,
    )
    if mail.get('message-id'):
        message.internet_message_id = str(mail['message-id'])
    return message


def _frame(message: Message, marked: dict[str, Any], digest: str) -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    for name, value in _own_headers(message):
        mail[name] = ' '.join(value.split())
    if message.plain and not message.html:
        mail.set_content(message.plain, cte='quoted-printable')
    else:
        mail.set_content(message.text, cte='quoted-printable')
        mail.add_alternative(message.html, subtype='html', cte='quoted-printable')
    if message.meeting:
        calendar = _calendar(message.meeting)
        mail.add_alternative(calendar, subtype='calendar', cte='base64', params={'method': 'REQUEST'})
    for mark, attachment in marked.items():
        _add(mail, mark, attachment)
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f'_{number:03}_{digest}_')
    return mail


# As Exchange writes it: the first DTSTART of a calendar is that of its time zone.
_TIME_ZONE = (
    'BEGIN:VTIMEZONE',
    'TZID:W. Europe Standard Time',
    'BEGIN:STANDARD',
    'DTSTART:16010101T030000',
    'TZOFFSETFROM:+0200',
    'TZOFFSETTO:+0100',
    'RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10',
    'END:STANDARD',
    'BEGIN:DAYLIGHT',
    'DTSTART:16010101T020000',
    'TZOFFSETFROM:+0100',
    'TZOFFSETTO:+0200',
    'RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3',
    'END:DAYLIGHT',
    'END:VTIMEZONE',
)
_ALARM = ('BEGIN:VALARM', 'DESCRIPTION:REMINDER', 'TRIGGER;RELATED=START:-PT15M', 'ACTION:DISPLAY', 'END:VALARM')


def _calendar(meeting: Meeting) -> str:
    """Return the invitation to a meeting as iCalendar. Its organizer is in Berlin."""
    zone = ZoneInfo('Europe/Berlin')
    start, end = (datetime.fromtimestamp(at, zone).strftime('%Y%m%dT%H%M%S') for at in (meeting.start, meeting.end))
    lines = (
        'BEGIN:VCALENDAR',
        'VERSION:2.0',
        'METHOD:REQUEST',
        *_TIME_ZONE,
        'BEGIN:VEVENT',
        f'UID:{meeting.event_id}',
        f'ORGANIZER:mailto:{meeting.organizer.address}',
        f'DTSTART;TZID=W. Europe Standard Time:{start}',
        f'DTEND;TZID=W. Europe Standard Time:{end}',
        f'SUMMARY:{meeting.subject}',
        *_ALARM,
        'END:VEVENT',
        'END:VCALENDAR',
    )
    return ''.join(f'{line}\r\n' for line in lines)


def _own_headers(message: Message) -> Iterator[tuple[str, str]]:
    yield 'From', _joined([message.sender])
    if message.submitter:
        yield 'Sender', _joined([message.submitter])
    for name, people in (
        ('To', message.to),
        ('Cc', message.cc),
        ('Bcc', message.bcc if message.is_draft else []),
        ('Reply-To', message.reply_to),
    ):
        if people:
            yield name, _joined(people)
    yield 'Subject', message.subject
    sent = message.received if message.sent is None else message.sent
    yield 'Date', format_datetime(datetime.fromtimestamp(sent, timezone.utc))
    yield 'Message-ID', message.internet_message_id
    if message.in_reply_to:
        yield 'In-Reply-To', message.in_reply_to
    if message.references:
        yield 'References', ' '.join(message.references)
    if message.importance != 'normal':
        yield 'Importance', message.importance
        yield 'X-Priority', PRIORITIES[message.importance]
    # what the library allows once only must not come twice
    yield from ((name, value) for name, value in message.headers if name.lower() not in STRUCTURE)


def _add(mail: EmailMessage, mark: str, attachment: Attachment) -> None:
    if isinstance(attachment, ItemAttachment) and isinstance(attachment.item, Message):
        embedded = MIMEPart(policy=policy.SMTP)
        embedded['Content-Type'] = 'message/rfc822'
        embedded.add_header('Content-Disposition', 'attachment', filename=attachment.name or 'attachment')
        embedded.set_payload(mark)
        if mail.get_content_subtype() != 'mixed':
            mail.make_mixed()
        mail.attach(embedded)
        return
    main_type, _, subtype = _media_type(attachment).partition('/')
    options: dict[str, Any] = {'maintype': main_type, 'subtype': subtype, 'filename': attachment.name}
    content_id = getattr(attachment, 'content_id', None)
    page = mail.get_body(('html',))
    if content_id and attachment.is_inline and page is not None:
        related = mail.get_body(('related', 'html'))
        target = related if isinstance(related, EmailMessage) and related.get_content_subtype() == 'related' else page
        target.add_related(b'', cid=f'<{content_id}>', disposition='inline', **options)  # type: ignore[attr-defined]
    else:
        target = mail
        options |= {'cid': f'<{content_id}>'} if content_id else {}
        mail.add_attachment(b'', **options)
    target.get_payload()[-1].set_payload(mark)


def _media_type(attachment: Attachment) -> str:
    if isinstance(attachment, ItemAttachment) and isinstance(attachment.item, OutlookItem):
        return {'event': 'text/calendar', 'contact': 'text/vcard'}[attachment.item.kind]
    found = re.match(r'[\w.+-]+/[\w.+-]+', attachment.content_type or '')
    # a part of these types could not hold base64
    return found[0] if found and not found[0].lower().startswith(('message/', 'multipart/')) else UNKNOWN_TYPE


def _encoded(attachment: Attachment) -> Iterator[bytes]:
    if isinstance(attachment, ItemAttachment) and isinstance(attachment.item, Message):
        yield from chunks(attachment.item)
        return
    content = attachment.content if isinstance(attachment, FileAttachment) else Content(b''.join(raw(attachment)))
    for chunk in content.chunks(ENCODING_CHUNK_BYTES):
        yield base64.encodebytes(chunk).replace(b'\n', b'\r\n')


def _joined(people: list[EmailAddress]) -> str:
    return ', '.join(formataddr((one.name if one.name != one.address else '', one.address)) for one in people)


def _addresses(mail: EmailMessage, name: str) -> list[EmailAddress]:
    found = getaddresses([str(value) for value in mail.get_all(name, [])])
    return [EmailAddress(display_name or address, address) for display_name, address in found if address]


def _is_signed(mail: EmailMessage) -> bool:
    return mail.get_content_type() == 'multipart/signed' and 'pkcs7-signature' in str(mail.get_param('protocol'))


def _signed(data: bytes) -> FileAttachment:
    """Return all parts of a signed email as the one file that Exchange keeps."""
    head, body = re.split(rb'\r?\n\r?\n', data, maxsplit=1)
    headers = re.findall(rb'(?im)^content-[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*', head)
    content = b'\r\n'.join([*headers, b'', body])
    return FileAttachment(name='smime.p7m', content_type='multipart/signed', content=Content(content))


def _moment(mail: EmailMessage, now: float) -> float:
    try:
        return parsedate_to_datetime(str(mail['date'])).timestamp()
    except (TypeError, ValueError):
        return now


def _text(part: Any) -> str:
    if not part:
        return ''
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError):  # a character set that is unknown, or none
        text = part.get_payload(decode=True).decode(errors='replace')
    return text.removesuffix('\n').removesuffix('\r')  # every part ends its last line


def _importance(mail: EmailMessage) -> str:
    importance = str(mail.get('importance', '')).lower()
    return importance if importance in PRIORITIES else 'normal'


def _parts(mail: EmailMessage) -> list[Any]:
    found: list[Any] = []
    bodies = [mail.get_body((kind,)) for kind in ('plain', 'html')]
    waiting: list[Any] = [mail]
    while waiting:
        part = waiting.pop(0)
        if part.get_content_maintype() == 'multipart' and part.is_multipart():
            waiting[:0] = part.get_payload()
        elif part not in bodies:
            found.append(part)
    return found


def _attachment(part: Any, now: float) -> Attachment:
    name, content_type = part.get_filename(), part.get_content_type()
    data = part.get_payload(decode=True) or b''
    if content_type == 'message/rfc822':
        data = _attached_mail(part)
        with suppress(MimeError):  # anything else is a file
            item = parse(data, now)
            return ItemAttachment(name=name or item.subject, content_type=content_type, item=item)
    elif part.get_content_maintype() == 'message' and part.is_multipart():  # Python has parsed a delivery report
        data = b'\n'.join(one.as_bytes() for one in part.get_payload())
    content_id = str(part.get('content-id', '')).strip('<>') or None
    return FileAttachment(
        name=name,
        content_type=content_type,
        content=Content(data),
        content_id=content_id,
        is_inline=part.get_content_disposition() == 'inline',
    )


def _attached_mail(part: Any) -> bytes:
    """Return the bytes of an attached email. Some programs encode it, though RFC 2046 forbids that."""
    data: bytes = part.get_payload()[0].as_bytes() if part.is_multipart() else part.get_payload(decode=True) or b''
    encoding = str(part.get('content-transfer-encoding', '')).strip().lower()
    with suppress(binascii.Error):
        if encoding == 'base64':
            return base64.b64decode(data)
        if encoding == 'quoted-printable':
            return binascii.a2b_qp(data)
    return data
