"""Read emails as MIME, their HTML, the invitations in them, and the names of files. Attackers write these: nothing is trusted."""

import base64
import binascii
import mimetypes
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser
from typing import Any, NamedTuple
from urllib.parse import quote

# region names of files

_HIDDEN = '[\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]+'
_DEVICE_NAME = r'(?i)(?:con|prn|aux|nul|com\d|lpt\d)\s*(?:\.|\Z)'
_MAX_NAME = 255  # bytes


def file_name(text: str) -> str:
    """Return a text as the name of a file on any system: without characters that hide its extension, and not too long."""
    name = re.sub(r'[\\/\x00-\x1f\x7f-\x9f]+', '_', re.sub(_HIDDEN, '', text)).strip()
    name = f'_{name}' if re.match(_DEVICE_NAME, name) else name
    if len(name.encode()) <= _MAX_NAME:
        return name
    stem, extension = os.path.splitext(name)
    extension = extension if len(extension.encode()) <= 32 else ''
    return stem.encode()[: _MAX_NAME - len(extension.encode())].decode(errors='ignore') + extension


def start_of_name(text: Any) -> str:
    """Return what others wrote, a subject or a content ID, as the start of the name of a file; ``email`` if nothing remains."""
    return file_name(re.sub(r'[:*?"<>|]+', '_', str(text or ''))[:100]).strip('. ') or 'email'


# endregion

# region text of HTML

_BLOCK = (
    'address|article|aside|blockquote|br|caption|center|details|dialog|di[rv]|d[dlt]|fieldset|figcaption|figure|footer|form|h[1-6r]|'
    'header|legend|li|main|menu|nav|[ou]l|opt(?:group|ion)|p|pre|section|select|summary|table|tbody|tfoot|thead|tr'
)
# Messages come from attackers too: each alternative ends at the end of the text at the latest, so that nothing is scanned twice.
_REST_OF_TAG = r"""(?:[^>=]+|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*(?:>|\Z)"""
_MARKUP = (
    r'(?is)<!--(?:-?>|.*?(?:--!?>|\Z))'
    rf'|<(?P<hidden>script|style|template|title)(?=[\s/>]){_REST_OF_TAG}.*?(?:</(?P=hidden)[^>]*(?:>|\Z)|\Z)'
    rf'|</?(?P<name>[a-z][^\s/>]*){_REST_OF_TAG}'
    r'|<[!?/][^>]*(?:>|\Z)'
    r'|&#\d{8,};?'  # not a character, and maybe of more digits than Python converts
)
_ATTRIBUTE = r"""([^\s=/>]+)\s*(?:=\s*(?:"([^"]*)|'([^']*)|([^\s>]+)))?"""


def unescaped(text: str) -> str:
    """Return the text that character references such as ``&amp;`` stand for."""
    if '&' not in text:
        return text
    from html import unescape  # slow to import, and many commands do not need it

    return unescape(text)


def html_to_text(html: str, max_length: int | None = None, with_targets: bool = False) -> str:
    """Return the text of HTML that a reader sees. Lines end where blocks do, and words where cells do: ``pay<b>pal</b>`` is one.

    Args:
        max_length: maximum number of characters. HTML after them is not read.
        with_targets: say where links lead, as texts that Exchange makes of HTML do: ``here<https://contoso.example>``.
    """
    parts: list[str] = []
    link, length, end = _Link(), 0, 0
    for found in re.finditer(rf'{_MARKUP}|\Z', html):
        part, name = unescaped(html[end : found.start()]), (found['name'] or '').lower()
        if with_targets:
            part += link.ended_by(found[0], name, part)
        parts += (part, '\n' if re.fullmatch(_BLOCK, name) else ' ' if name in ('td', 'th') else '')
        end = found.end()
        length += len(''.join(part.split()))
        if max_length is not None and length > max_length:
            break
    lines = (' '.join(line.split()) for line in ''.join(parts).splitlines())
    return '\n'.join(filter(None, lines))[:max_length]


class _Link:
    """The link that is open in HTML, if one is."""

    def __init__(self) -> None:
        self._target = ''
        self._text: list[str] = []

    def ended_by(self, tag: str, name: str, text: str) -> str:
        """Return the target of the link that ends with a tag, or with the HTML, unless its text says the same; otherwise empty.

        Args:
            text: what comes before the tag.
        """
        if self._target:
            self._text.append(text)
        if tag and name not in ('a', 'area'):
            return ''
        said = ''.join(''.join(self._text).split()).rstrip('/')
        shown = '' if self._target.removeprefix('mailto:').rstrip('/') in ('', said) else f'<{self._target}>'
        self._target, self._text = _link_target(tag), []
        if name == 'area' and self._target:  # it has no text
            shown, self._target = f'{shown}<{self._target}>', ''
        return shown


def _link_target(tag: str) -> str:
    """Return where the link that a tag starts leads, empty if it leads to the same email, or is none."""
    attributes = re.finditer(_ATTRIBUTE, tag)
    value = next((''.join(filter(None, one.groups()[1:])) for one in attributes if one[1].lower() == 'href'), '')
    target = re.sub(r'[\x00-\x1f]+', '', unescaped(value)).strip()
    if tag.startswith('</') or re.match('(?i)#|cid:|data:', target):
        return ''
    return re.sub(r'[\s<>]', lambda found: quote(found[0]), target)


def text_as_html(text: str) -> str:
    """Return HTML that shows a text with its line breaks."""
    from html import escape  # slow to import, and many commands do not need it

    return '<br>\n'.join(escape(text, quote=False).splitlines())


_HTML_TAG = (
    r'(?i)<!doctype\b|<!--|</?(?:a|abbr|address|b|big|blockquote|body|br|center|code|dd|del|div|dl|dt|em|font|footer|h[1-6]|head|'
    r'header|hr|html|i|img|ins|li|meta|ol|p|pre|s|section|small|span|strike|strong|style|sub|sup|table|tbody|td|th|thead|tr|tt|u|'
    r'ul)(?:\s[^<>=]*=[^<>]*|\s*/?)>'
)
_NEEDS_NO_END = 'area|base|br|col|colgroup|d[dt]|hr|img|input|li|link|meta|option|p|source|t(?:body|[dhr]|foot|head)|wbr'


def has_html_tag(text: str) -> bool:
    """Return whether a text has a tag of HTML. ``<bob@contoso.example>`` is none."""
    return bool(re.search(_HTML_TAG, text))


def is_closed(html: str) -> bool:
    """Return whether HTML closes all that it opens, and nothing else, so that it can stand before other HTML."""
    opened: Counter[str] = Counter()
    for found in re.finditer(_MARKUP, f'{html} '):  # what reaches the space has no end
        name = (found['name'] or '').lower()
        if found.end() > len(html) or name == 'plaintext':
            return False
        if name and not re.fullmatch(_NEEDS_NO_END, name):
            opened[name] += -1 if found[0].startswith('</') else 1
            if opened[name] < 0:
                return False
    return not any(opened.values())


def is_html(body: dict[str, Any]) -> bool:
    """Return whether an ``itemBody`` of Graph is HTML."""
    return str(body.get('contentType')).lower() == 'html'


def body_text(body: dict[str, Any], max_length: int | None = None, with_targets: bool = False) -> str:
    """Return the text of an ``itemBody`` of Graph, as `html_to_text`. A text of Graph says itself where links lead."""
    content = body.get('content') or ''
    return html_to_text(content, max_length, with_targets) if is_html(body) else content[:max_length]


# endregion

# region MIME

# Messages come from attackers too: all loops over their parts are bounded, and nothing is scanned more often than this.
_MAX_MULTIPARTS = 10  # multiparts in each other
MAX_PARTS = 1000
_MAX_HEAD = 64_000  # bytes of the headers of a part
_MAX_LINES = 400  # of them
_MAX_HEADER = 4000  # characters of a header with parameters, which Python reads in quadratic time
_NOT_BASE64 = bytes(set(range(256)) - {*b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'})
EMAIL_TYPES = ('message/rfc822', 'message/global')
_CALENDAR_TYPES = ('text/calendar', 'application/ics')


class MimePart(NamedTuple):
    """A part of an email as MIME. `body` has the bytes of the email, and is encoded as `headers` say."""

    headers: Message
    body: bytes

    @classmethod
    def read(cls, source: bytes) -> 'MimePart':
        end = end_of_headers(source)
        head = b''.join(source[: min(end.start() if end else len(source), _MAX_HEAD)].splitlines(keepends=True)[:_MAX_LINES])
        headers = HeaderParser().parsestr(head.decode(errors='replace'))
        part = cls(headers, source[end.end() :] if end else b'')
        part._replace_parameters(lambda value: value[:_MAX_HEADER])
        if not part._has_readable_parameters():
            part._replace_parameters(lambda value: value.replace('*', ''))
        return part

    def _has_readable_parameters(self) -> bool:
        """Return whether Python can read the parameters: not if their parts or character sets are hostile."""
        try:
            self.headers.get_filename(), self.headers.get_boundary()
        except (TypeError, ValueError):
            return False
        return True

    def _replace_parameters(self, changed: Callable[[str], str]) -> None:
        for name in ('Content-Type', 'Content-Disposition'):
            if name in self.headers:
                self.headers.replace_header(name, changed(self.headers[name]))

    def content(self) -> bytes:
        """Return the decoded body. What cannot be decoded stays as it is."""
        encoding = str(self.headers.get('Content-Transfer-Encoding', '')).strip().lower()
        with suppress(binascii.Error):
            if encoding == 'base64':
                body = self.body.translate(None, _NOT_BASE64)
                return base64.b64decode(body + b'=' * (-len(body) % 4))
            if encoding == 'quoted-printable':
                return binascii.a2b_qp(self.body)
        return self.body

    def text(self, name: str) -> str:
        """Return a header in one line."""
        return _decoded_header(str(self.headers.get(name, '')))

    @property
    def is_file(self) -> bool:
        """Whether the part is neither the text of the email nor a multipart whose parts are listed."""
        if not self.body and self.headers.get_content_maintype() == 'multipart':
            return False
        is_text = self.headers.get_content_type() in ('text/plain', 'text/html')
        return not is_text or bool(self.headers.get_filename()) or self.headers.get_content_disposition() == 'attachment'

    def file_name(self, number: int, content: bytes) -> str:
        """Return the name of the part as a file. `number` is part of a name that is made up."""
        kind, name = self.headers.get_content_type(), file_name(_decoded_header(self.headers.get_filename() or ''))
        name = '' if name in ('.', '..') else name
        if kind in EMAIL_TYPES:
            return eml_name(re.sub(r'(?i)\.eml\Z', '', name) or MimePart.read(content).text('Subject'), f'attachment-{number}')
        return name or f'attachment-{number}{mimetypes.guess_extension(kind) or ""}'


def end_of_headers(source: bytes | bytearray) -> re.Match[bytes] | None:
    """Return the first empty line of an email: what comes after it is not a header, whatever it looks like."""
    return re.search(rb'\A(?:\r\n|\n|\r)|\r\n\r\n|\n\r?\n|\r\r', source)


def parse_headers(mime: bytes) -> list[dict[str, str]]:
    """Return the headers at the beginning of a message, as Graph shows them."""
    end = end_of_headers(mime)
    head = re.sub(rb'\r?\n(?=[ \t])', b'', mime[: end.start()] if end else mime).decode(errors='replace')
    head = head.replace('\r', ' ')  # a CR alone ends no line: a sender could forge a header with it
    return [{'name': name, 'value': value.strip()} for name, value in re.findall(r'(?m)^([^ :\n]+):([^\n]*)', head)]


def _decoded_header(raw: str) -> str:
    """Return the text of a header, or of a parameter in it, in one line."""
    raw = raw[:_MAX_HEADER]
    with suppress(ValueError, LookupError, MessageError):
        raw = str(make_header(decode_header(raw)))
    return ' '.join(raw.encode(errors='replace').decode().split())  # UTF-7 can have halves of characters


def eml_name(subject: str, fallback: str) -> str:
    """Return the name of the file of an email."""
    return file_name(f'{subject.strip(". ") or fallback}.eml')


def mime_parts(source: bytes) -> Iterator[MimePart]:
    """Yield the parts of an email in their order, multiparts without their bodies. An attached email is one part."""
    waiting = [(source, 0)]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        raw, depth = waiting.pop()
        part = MimePart.read(raw)
        boundary = part.headers.get_boundary() if part.headers.get_content_maintype() == 'multipart' else None
        if boundary and depth < _MAX_MULTIPARTS:
            waiting += [(one, depth + 1) for one in reversed(_split_multipart(part.body, boundary.encode(errors='replace')))]
            part = part._replace(body=b'')
        yield part


def _split_multipart(body: bytes, boundary: bytes) -> list[bytes]:
    """Return the parts of a multipart body. The last one ends with the body if its delimiter is missing."""
    mark = re.escape(b'--' + boundary)
    # the expression starts with the mark, which is fast to find, and looks back whether a line starts with it
    delimiter = re.compile(rb'%b(?<![^\r\n]%b)(--)?[ \t]{0,99}(?:\r\n|\r|\n|\Z)' % (mark, mark))
    parts: list[bytes] = []
    start = -1
    for found in delimiter.finditer(body):
        if start >= 0:
            parts.append(body[start : found.start()].removesuffix(b'\n').removesuffix(b'\r'))
        if found[1] or len(parts) >= MAX_PARTS:
            return parts
        start = found.end()
    return [*parts, body[start:]] if start >= 0 else parts


def calendar_in_mime(source: bytes) -> bytes:
    """Return the first calendar of an email, empty if there is none."""
    calendars = (one.content() for one in mime_parts(source) if one.headers.get_content_type() in _CALENDAR_TYPES)
    return next((one for one in calendars if one.strip()), b'')


# endregion

# region invitations

_EVENT_KEYS = {'SUMMARY': 'Summary', 'LOCATION': 'Location', 'ORGANIZER': 'Organizer', 'DTSTART': 'Start', 'DTEND': 'End'}
# Where a calendar has them: time zones and alarms, which are parts of it too, have properties of the same names.
_CALENDAR_KEYS = {('VCALENDAR',): {'METHOD': 'Method'}, ('VCALENDAR', 'VEVENT'): _EVENT_KEYS, ('VCALENDAR', 'VTODO'): _EVENT_KEYS}
_CALENDAR_LINE = r'([A-Za-z-]+)((?:;[^=:;]+=(?:"[^"]*"|[^";:]*))*):(.*)'
_LINK = r'(?i)https?://[^\s<>"\']+'
_MAX_LINKS = 100


def event_details(calendar: str) -> dict[str, Any]:
    """Return what an invitation says: its method; summary, location, organizer and times of its first event; and all links.

    The times are as written there, with their time zone.
    """
    text = re.sub(r'\r?\n[ \t]', '', calendar.lstrip('\ufeff'))
    details: dict[str, Any] = {}
    components: list[str] = []  # in each other, that the line is in
    for line in re.split(r'[\r\n]+', text):
        found = re.fullmatch(_CALENDAR_LINE, line)
        name, parameters, value = (found[1].upper(), found[2], found[3]) if found else ('', '', '')
        component = value.strip().upper()
        if name == 'BEGIN':
            components.append(component)
        elif name == 'END' and components[-1:] == [component]:
            components.pop()
            if component in ('VEVENT', 'VTODO'):
                break
        key = _CALENDAR_KEYS.get(tuple(components[:3]), {}).get(name)
        if key and key not in details:
            details[key] = _property_of_event(key, parameters, value)[:1000]
    links = re.findall(_LINK, _unescaped_calendar(text, '[nN,;]'))
    return {**details, 'Links': list(dict.fromkeys(links))[:_MAX_LINKS]}


def _property_of_event(key: str, parameters: str, value: str) -> str:
    """Return what the details say of a property."""
    value = _unescaped_calendar(value, '.')
    zone = re.search('(?i);TZID="?([^";]+)', parameters) if key in ('Start', 'End') else None
    return f'{value} {zone[1]}' if zone else re.sub('(?i)^mailto:', '', value) if key == 'Organizer' else value


def _unescaped_calendar(text: str, escaped: str) -> str:
    """Return a text of a calendar without the backslash before characters that the expression `escaped` describes."""
    return re.sub(rf'\\({escaped})', lambda found: '\n' if found[1] in 'nN' else found[1], text)


# endregion
