"""What a fetch is to fetch: the options of an instance, and the filters that decide for a mail."""

import json
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Any, NamedTuple

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import SystemClock, clean_value
    from MicrosoftInstanceApiModule import bool_argument, int_argument
    from MicrosoftGraphMailClientApiModule import (
        EmailAddress,
        GraphError,
        MAX_FILE_SIZE,
        Mailbox,
        folder_names,
        html_to_text,
    )

# region options

MAX_FOLDERS = 50  # more would take too much of the last run
MAX_MAILS_PER_RUN = 200  # more would not fit into the cursor if none of them can be read
DEFAULT_FIRST_FETCH = '15 minutes'
RECEIVED, CHANGED = 'receivedDateTime', 'lastModifiedDateTime'
ROW_PROPERTIES = 'id,receivedDateTime,internetMessageId,from,sender,subject,isDraft'
MessageRow = dict[str, Any]  # the properties of a message that decide whether it is fetched


class FetchLabel:
    """What the administrator sees of a parameter, up to the parenthesis: errors name the field to change."""

    FOLDERS = 'Folders to fetch from'
    FIRST_FETCH = 'First fetch time'
    MAX_MAILS = 'Maximum number of incidents per fetch'
    SENDERS = 'Senders'
    EXCLUDED_SENDERS = 'Excluded senders'
    SUBJECT = 'Subject contains'
    FILTER = 'Filter'
    SEARCH = 'Search'
    MAX_ATTACHMENT = 'Maximum attachment size'


def graph_seconds(moment: float) -> str:
    """Return a time (seconds since the epoch) as Graph writes it, in whole seconds, UTC and without time zone."""
    return datetime.fromtimestamp(max(moment, 0), timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


def comparable(text: Any) -> str:
    """Return a text in the form in which it equals others that look the same: without case, invisible characters, line ends."""
    folded = unicodedata.normalize('NFKC', unicodedata.normalize('NFKC', str(text or '')).casefold())
    return ' '.join(_visible(folded).split())


def _visible(text: str) -> str:
    return ''.join(one for one in text if unicodedata.category(one) != 'Cf')


class FetchOptions(NamedTuple):
    """What an instance fetches.

    Args:
        folders: IDs, well-known names or paths, as `Mailbox.find_folder` takes them.
        first_fetch: returns the received time of the oldest mail to fetch, e.g. ``2025-01-31T08:00:00``, UTC. It is called for
            folders that were not fetched from before.
        max_mails: incidents of one run, 1 to MAX_MAILS_PER_RUN.
        senders: addresses and domains as `parse_senders` returns them; empty for all.
        excluded_senders: likewise; mails from them are not fetched.
        subject: text in the subject, as `comparable` returns it.
        expression, search: what mails have to match besides, in OData and in KQL; empty for all.
        unread_only, with_attachments_only: only such mails are fetched.
        drafts: drafts are fetched too.
        max_attachment_size: bytes; larger attachments are named only.
        with_eml: the mail itself is attached to the incident.
        full_body: the details of an incident are the body, not its beginning.
        html: the body is HTML.
        mark_read: mails are marked as read once their incidents exist.
        content_id_names: the file names of inline attachments start with their content IDs.
        unique_body: the new text of a reply is told apart from what it quotes.
    """

    folders: tuple[str, ...] = ('Inbox',)
    first_fetch: Callable[[], str] = partial(graph_seconds, 0)
    max_mails: int = 50
    senders: tuple[str, ...] = ()
    excluded_senders: tuple[str, ...] = ()
    subject: str = ''
    expression: str = ''
    search: str = ''
    unread_only: bool = False
    with_attachments_only: bool = False
    drafts: bool = False
    max_attachment_size: int = 50_000_000
    with_eml: bool = False
    full_body: bool = False
    html: bool = False
    mark_read: bool = False
    content_id_names: bool = True
    unique_body: bool = False

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that filters use besides those that all rows have."""
        used = {
            'isRead': self.unread_only,
            'hasAttachments': self.with_attachments_only,
            **dict.fromkeys(row_filter(self.expression).properties | mail_search(self.search).row_properties, True),
        }
        return tuple(name for name, is_used in used.items() if is_used and name not in ROW_PROPERTIES.split(','))

    @property
    def search_properties(self) -> frozenset[str]:
        """What a search needs of a mail that its row does not have: MESSAGE_ONLY properties."""
        return mail_search(self.search).properties & MESSAGE_ONLY

    @property
    def depends_on_state(self) -> bool:
        """Whether a message that was not to be fetched may become one that is, without entering a folder."""
        return bool(_STATE_PROPERTIES & {*self.properties})

    @property
    def filters(self) -> str:
        """What distinguishes one choice of mails from another."""
        added = (self.excluded_senders, self.expression, self.drafts)
        values = [self.senders, self.subject, self.unread_only, self.with_attachments_only]
        values += added if any((*added, self.search)) else ()
        return json.dumps([*values, self.search] if self.search else values)

    def matches(self, row: MessageRow) -> bool:
        """Return whether a message is to be fetched, as far as its row tells: `is_found` decides when it was read."""
        senders = {normal_address(EmailAddress.from_json(row.get(name)).address) for name in ('from', 'sender')}
        expression = row_filter(self.expression)
        return (
            (not self.senders or _is_sent_by(senders, self.senders))
            and not _is_sent_by(senders, self.excluded_senders)
            and self.subject in comparable(row.get('subject'))
            and not (self.unread_only and row.get('isRead'))
            and not (self.with_attachments_only and not row.get('hasAttachments'))
            and (self.drafts or 'isDraft' in expression.properties or not row.get('isDraft'))
            and expression.matches(row)
            and self.is_found(row)
        )

    def is_found(self, message: MessageRow) -> bool:
        """Return whether the search finds a message, or could if it had properties that are not there."""
        return mail_search(self.search).matches(SearchedMail(message)) is not False


def fetch_options(params: dict[str, Any]) -> FetchOptions:
    """Return what an instance fetches. Raise DemistoException, naming the field, if a parameter is not valid."""
    selected = partial(bool_argument, params)
    folders = tuple(dict.fromkeys(fetch_folders(params.get('folder_to_fetch')))) or ('Inbox',)
    if len(folders) > MAX_FOLDERS:
        raise DemistoException(
            f"'{FetchLabel.FOLDERS}' has {len(folders)} folders. Enter up to {MAX_FOLDERS}, and the rest in another instance."
        )
    numbers = {name: clean_value(params.get(name)) for name in ('max_fetch', 'fetch_limit', 'max_attachment_size')}
    max_mails = 'max_fetch' if numbers['max_fetch'] else 'fetch_limit'
    max_size = int_argument(numbers, 'max_attachment_size', 50, MAX_FILE_SIZE // 2**20, FetchLabel.MAX_ATTACHMENT)
    senders = parse_senders(params.get('fetch_from'), FetchLabel.SENDERS)
    excluded = parse_senders(params.get('fetch_exclude_senders'), FetchLabel.EXCLUDED_SENDERS)
    for sender in senders:
        if _is_sent_by({sender if '@' in sender else f'x@{sender.replace("*", "x")}'}, excluded):
            what = f"'{sender}' in '{FetchLabel.SENDERS}' is excluded by '{FetchLabel.EXCLUDED_SENDERS}'."
            raise DemistoException(f'{what} Remove it from one of them.')
    subject = clean_value(params.get('fetch_subject'))
    if params.get('fetch_subject') and str(params['fetch_subject']).strip() and not comparable(subject):
        raise DemistoException(f"'{FetchLabel.SUBJECT}' has only invisible characters. Type the text.")
    expression = clean_value(params.get('fetch_filter'))
    search = clean_search(params.get('fetch_search'))
    row_filter(expression), mail_search(search)  # rejects what is neither
    options = FetchOptions(
        folders=folders,
        first_fetch=partial(first_fetch_time, clean_value(params.get('first_fetch')) or DEFAULT_FIRST_FETCH),
        max_mails=int_argument(numbers, max_mails, 50, MAX_MAILS_PER_RUN, FetchLabel.MAX_MAILS),
        senders=senders,
        excluded_senders=excluded,
        subject=comparable(subject),
        expression=expression,
        search=search,
        unread_only=selected('fetch_unread_only'),
        with_attachments_only=selected('fetch_with_attachments_only'),
        drafts=selected('fetch_drafts'),
        max_attachment_size=max_size * 1_000_000,
        with_eml=selected('fetch_eml'),
        full_body=selected('display_full_email_body'),
        html=selected('fetch_html_formatting'),
        mark_read=selected('mark_fetched_read'),
        content_id_names=not selected('legacy_name'),
        unique_body=selected('fetch_unique_body'),
    )
    options.first_fetch()  # rejects what is not a time
    return options


def fetch_folders(value: Any) -> list[str]:
    """Split a list of folders at commas, semicolons and line ends. A backslash before none of these, and before neither a slash
    nor a backslash, separates the names of a path, as in a path that Outlook copies with the address of the mailbox before it."""

    def plain(found: re.Match[str]) -> str:
        return found[0] if found[1] else {'\\': '/'}.get(found[0], ',')

    names = folder_names(re.sub(r'\\([\\/,;])|[\\;\n]', plain, str(value or '')))
    return [path for name in names if (path := re.sub(r'^\\\\[^/@]*@[^/@]*(?:/|$)', '', name))]


def find_fetch_folder(mailbox: Mailbox, name: str) -> str:
    """Return the ID of a folder. Raise DemistoException, naming the field, if there is none."""
    try:
        return mailbox.find_folder(name)
    except GraphError:
        raise
    except DemistoException as error:
        raise DemistoException(f"{error} Change '{FetchLabel.FOLDERS}'.") from None


# endregion

# region senders

_NOT_A_SENDER = "'{}' in '{}' is neither an email address nor a domain. Write it as alerts@example.com or example.com."


def normal_domain(domain: str) -> str:
    """Return a domain in lower case, as DNS writes it."""
    text = domain.lower().rstrip('.')
    with suppress(UnicodeError):
        text = text.encode('idna').decode()
    return text


def normal_address(address: str) -> str:
    """Return an address in the form in which it is compared."""
    user, at, domain = address.strip().rpartition('@')
    return f'{comparable(user)}{at}{normal_domain(domain)}'


def parse_senders(value: Any, label: str) -> tuple[str, ...]:
    """Return the addresses, the domains, and the domains with ``*.`` for all below them that a list has.

    Args:
        value: separated as people do it, each as ``a@example.com``, ``Name <a@example.com>``, ``example.com``, ``@example.com``.
    Raises:
        DemistoException: something is neither; it names the field by `label`.
    """
    text = ','.join(map(str, value)) if isinstance(value, list) else str(value or '')
    text = re.sub(r'"[^"<>]*"\s*(?=<)', '', _visible(text))  # the names of addresses
    senders = []
    for part in re.split('[,;|\n\r\uff0c\uff1b\u3001]', text):
        pieces = re.split('<([^<>]*)>', part)  # names, addresses, and what follows the last one
        for one in (*pieces[1::2], *pieces[-1].split()):
            sender = re.sub('^mailto:', '', one.strip().strip('"\'<>[]()'), flags=re.IGNORECASE)
            if sender:
                senders.append(_sender(sender, label))
    return tuple(dict.fromkeys(senders))


def _sender(text: str, label: str) -> str:
    user, _, domain = text.rpartition('@')
    prefix = '*.' if domain.startswith('*.') and not user else ''
    domain = normal_domain(domain.removeprefix(prefix))
    is_domain = re.fullmatch(r'(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)+[a-z0-9-]{2,63}', domain)
    if not is_domain or not re.fullmatch(r'[^\s@<>,;:()\[\]\\"*]*', '' if user == '*' else user):
        raise DemistoException(_NOT_A_SENDER.format(text[:100], label))
    return f'{comparable(user)}@{domain}' if user not in ('', '*') else prefix + domain


def _is_sent_by(senders: Iterable[str], wanted: Iterable[str]) -> bool:
    """Return whether one of the addresses is one of those that are wanted, or of a domain that is wanted."""
    return any(
        sender == one or (one.startswith('*.') and sender.endswith(one[1:])) or sender.endswith(f'@{one.lstrip("@")}')
        for sender in senders
        for one in wanted
    )


# endregion
# region first fetch time

_UNITS = {'second': 1, 'sec': 1, 'minute': 60, 'min': 60, 'm': 60, 'hour': 3600, 'hr': 3600, 'h': 3600, 'day': 86400, 'd': 86400}
_UNITS |= {'week': 7 * 86400, 'w': 7 * 86400, 'month': 31 * 86400, 'year': 366 * 86400, 'y': 366 * 86400}
_UNIT = '|'.join(sorted(_UNITS, key=len, reverse=True))
_DURATION = rf'(\d{{1,9}}(?:\.\d{{1,3}})?|an?|one)\s*({_UNIT})s?\b[\s,]*(?:and\s)?\s*'
_DATE_FORMATS = ('%d %b %Y', '%d %B %Y', '%b %d %Y', '%B %d %Y')
_CLOCK_DIFFERENCE = 300.0  # seconds by which the clock of the engine may be late


def first_fetch_time(text: str) -> str:
    """Return the time that ``2 days``, ``2 days ago`` or ``2025-01-31T08:00:00Z`` means, as Graph writes it.

    Raises:
        DemistoException: it is not a time, has no unit, or is in the future.
    """
    now, how = SystemClock().now(), 'Write it as 15 minutes, 2 days or 2025-01-31T08:00:00Z.'
    words = ' '.join(text[:100].lower().split())
    days = {'now': 0, 'today': 0, 'yesterday': 1}.get(words)
    seconds = _duration(words) if days is None else days * 86400.0
    moment = _moment(words) if seconds is None else now - seconds
    if re.fullmatch(r'[\d.]+', words):
        raise DemistoException(f"'{text}' in '{FetchLabel.FIRST_FETCH}' has no unit. {how}")
    if moment is None:
        raise DemistoException(f"'{text[:100]}' in '{FetchLabel.FIRST_FETCH}' is not a time. {how}")
    if moment > now + _CLOCK_DIFFERENCE:
        raise DemistoException(f"'{text}' in '{FetchLabel.FIRST_FETCH}' is in the future, so nothing would be fetched. {how}")
    return graph_seconds(moment)


def _duration(words: str) -> float | None:
    """Return the seconds of ``2 days`` or ``1 day, 12 hours ago``, None if it is something else."""
    rest, seconds = re.sub('^(?:-|last |past )| ago$', '', words), 0.0
    while rest:
        found = re.match(_DURATION, rest)
        if not found:
            return None
        number = 1.0 if found[1][0] in 'ao' else float(found[1])
        seconds, rest = seconds + number * _UNITS[found[2]], rest[found.end() :]
    return seconds if words else None


def _moment(words: str) -> float | None:
    """Return a date, or a date and a time, in seconds since the epoch; None if it is something else."""
    iso = re.fullmatch(r'(\d{4}-\d\d-\d\d)(?:[t ](\d\d:\d\d(?::\d\d)?)(?:\.\d{1,9})? ?(z|utc|gmt|[+-]\d\d:?\d\d)?)?', words)
    try:
        if iso:
            zone = (iso[3] or 'z').replace(':', '')
            zone = zone if zone[0] in '+-' else '+0000'
            clock = (iso[2] or '00:00') + (':00' if len(iso[2] or '') < 8 else '')
            return datetime.strptime(f'{iso[1]}T{clock}{zone}', '%Y-%m-%dT%H:%M:%S%z').timestamp()
    except (ValueError, OverflowError):
        return None
    for form in _DATE_FORMATS:
        with suppress(ValueError, OverflowError):
            return datetime.strptime(words.replace(',', ''), form).replace(tzinfo=timezone.utc).timestamp()
    return None


# endregion
# region filter expressions

Condition = Callable[[Any], bool]
# Properties of rows that a filter may name, with the type of their values.
_FILTER_TYPES: dict[str, type] = {
    **dict.fromkeys(('subject', 'importance', 'inferenceClassification', 'internetMessageId', 'conversationId'), str),
    **{f'{name}/emailAddress/{part}': str for name in ('from', 'sender') for part in ('address', 'name')},
    **dict.fromkeys(('flag/flagStatus', 'parentFolderId'), str),
    **dict.fromkeys(('isRead', 'isDraft', 'hasAttachments'), bool),
    **dict.fromkeys((RECEIVED, 'sentDateTime', 'createdDateTime'), float),
}
_STATE_PROPERTIES = {'isRead', 'isDraft', 'flag', 'categories', 'importance', 'inferenceClassification'}
# Collections, with what ``any`` may compare of their members.
_FILTER_COLLECTIONS = {
    'categories': {'': ''},
    **{f'{name}Recipients': {f'/emailAddress/{one}': one for one in ('address', 'name')} for name in ('to', 'cc', 'bcc')},
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    'eq': operator.eq,
    'ne': operator.ne,
    'gt': operator.gt,
    'ge': operator.ge,
    'lt': operator.lt,
    'le': operator.le,
    'contains': operator.contains,
    'startswith': str.startswith,
    'endswith': str.endswith,
}
_FILTER_PART = r"('(?:[^']|'')*'|\d{4}-\d\d-\d\d[0-9T:.Z+-]*|[A-Za-z][\w/]*|[():,])\s*"
_MAX_FILTER_LENGTH = 2000  # characters
_MAX_FILTER_DEPTH = 20
_FILTER_EXAMPLE = "contains(subject, 'invoice') and not (importance eq 'low')"


class RowFilter(NamedTuple):
    """A filter expression.

    Args:
        matches: returns whether a message matches.
        properties: names of the properties that it needs.
    """

    matches: Condition
    properties: frozenset[str]


@lru_cache(8)
def row_filter(text: str) -> RowFilter:
    """Read a part of OData's ``$filter``: comparisons with literals, ``contains``, ``startswith``, ``endswith``, ``any``,
    ``and``, ``or``, ``not`` and parentheses.

    Raises:
        DemistoException: it is something else; it names the field.
    """
    if not text:
        return RowFilter(lambda _row: True, frozenset())
    return _FilterParser(text).parse()


class _ExpressionParser:
    """The next part of an expression, and errors that name its field.

    Args:
        text: the expression.
        label, example: the field, and what can be written there.
        part: matches a part, with its text as group 1.
    """

    def __init__(self, text: str, label: str, example: str, part: re.Pattern[str]):
        self._label, self._example = label, example
        self._tokens: list[str] = []
        self._depth = end = 0
        if len(text) > _MAX_FILTER_LENGTH:
            raise self._error(f'has {len(text):,} characters, but the maximum is {_MAX_FILTER_LENGTH:,}')
        while end < len(text):
            token = part.match(text, end)
            if not token:
                raise self._error(f"cannot be read from '{text[end : end + 30].strip()}' on")
            self._tokens.append(token[1])
            end = token.end()
        self._tokens.reverse()  # the next one is the last

    def _error(self, what: str) -> DemistoException:
        return DemistoException(f"'{self._label}' {what}. Write it as {self._example}.")

    def _unexpected(self) -> DemistoException:
        return self._error(f"does not support '{self._tokens[-1][:50]}' there" if self._tokens else 'is not complete')

    @property
    def _next(self) -> str:
        return self._tokens[-1].lower() if self._tokens else ''

    def _take(self, *expected: str) -> str:
        """Return the next token. Raise DemistoException if it is not one of those that are expected."""
        if not self._tokens or (expected and self._next not in expected):
            raise self._unexpected()
        return self._tokens.pop()

    @contextmanager
    def _level(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _MAX_FILTER_DEPTH:
            raise self._error(f'has more than {_MAX_FILTER_DEPTH} levels')
        yield
        self._depth -= 1


class _FilterParser(_ExpressionParser):
    def __init__(self, text: str):
        super().__init__(
            re.sub(r'^\$?filter\s*=', '', text).strip(), FetchLabel.FILTER, _FILTER_EXAMPLE, re.compile(_FILTER_PART)
        )
        self._properties: set[str] = set()

    def parse(self) -> RowFilter:
        matches = self._expression()
        if self._tokens:
            raise self._unexpected()
        return RowFilter(matches, frozenset(self._properties))

    def _expression(self) -> Condition:
        with self._level():
            return self._joined('or', any, partial(self._joined, 'and', all, self._condition))

    def _joined(self, word: str, combine: Callable[[Iterable[bool]], bool], part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._next == word:
            self._take()
            parts.append(part())
        return lambda row: combine(one(row) for one in parts)

    def _condition(self) -> Condition:
        is_not = False
        while self._next == 'not':
            is_not = not is_not
            self._take()
        if self._next == '(':
            self._take()
            condition = self._expression()
            self._take(')')
        else:
            condition = self._comparison(_FILTER_TYPES, _row_value)
        return (lambda row: not condition(row)) if is_not else condition

    def _comparison(self, types: Mapping[str, type], value_of: Callable[[Any, str], Any]) -> Condition:
        name = self._next
        if name.endswith('/any') and types is _FILTER_TYPES:
            return self._any(name.removesuffix('/any'))
        if name in ('contains', 'startswith', 'endswith'):
            self._take()
            self._take('(')
            path, compare = self._path(types, str), _COMPARISONS[name]
            self._take(',')
            literal = self._literal(str)
            self._take(')')
        else:
            path = self._path(types)
            names = ('eq', 'ne') if types[path] is bool else ('eq', 'ne', 'gt', 'ge', 'lt', 'le')
            compare, literal = _COMPARISONS[self._take(*names).lower()], self._literal(types[path])

        def matches(row: Any) -> bool:
            value = value_of(row, path)
            return value is not None and compare(value, literal)

        return matches

    def _path(self, types: Mapping[str, type], kind: type | None = None) -> str:
        found = next((path for path in types if path.lower() == self._next), '')
        if not found or (kind and types[found] is not kind):
            raise self._unexpected()
        self._take()
        if types is _FILTER_TYPES:
            self._properties.add(found.split('/')[0])
        return found

    def _literal(self, kind: type) -> Any:
        token = self._next
        if kind is bool and token in ('true', 'false'):
            return self._take().lower() == 'true'
        if kind is str and token[:1] == "'":
            return comparable(self._take()[1:-1].replace("''", "'"))
        moment = _moment(token) if kind is float else None
        if moment is None:
            raise self._unexpected()
        self._take()
        return moment

    def _any(self, name: str) -> Condition:
        collection = next((one for one in _FILTER_COLLECTIONS if one.lower() == name), '')
        if not collection:
            raise self._unexpected()
        self._take()
        self._take('(')
        parts = {self._next + path: part for path, part in _FILTER_COLLECTIONS[collection].items()}
        self._take()
        self._take(':')

        def value_of(member: Any, path: str) -> str:
            return comparable(getattr(EmailAddress.from_json(member), parts[path]) if parts[path] else member)

        matches = self._comparison(dict.fromkeys(parts, str), value_of)
        self._take(')')
        self._properties.add(collection)
        return lambda row: isinstance(row.get(collection), list) and any(map(matches, row[collection]))


def _row_value(row: MessageRow, path: str) -> Any:
    found: Any = row
    for part in path.split('/'):
        found = found.get(part) if isinstance(found, dict) else None
    if _FILTER_TYPES[path] is float:
        return _moment(str(found).lower())
    return bool(found) if _FILTER_TYPES[path] is bool else comparable(found)


# endregion

# region searches

# KQL by https://learn.microsoft.com/sharepoint/dev/general-development/keyword-query-language-kql-syntax-reference and [MS-KQL],
# with the properties of https://learn.microsoft.com/graph/search-query-parameter and those that Exchange has besides.
Finding = Callable[['SearchedMail'], bool | None]  # None: what a mail has is not known yet
MESSAGE_ONLY = frozenset({'body', 'attachments', 'kind', 'size'})
_SEARCH_EXAMPLE = 'from:example.com AND (subject:invoice* OR hasattachment:true)'
_SENDERS = ('from', 'sender')
_TO_CC_BCC = ('toRecipients', 'ccRecipients', 'bccRecipients')
# Names in KQL: the kind of their values, and the properties in Graph.
_SEARCH_PROPERTIES: dict[str, tuple[str, tuple[str, ...]]] = {
    'from': ('people', _SENDERS),
    **{name: ('people', (f'{name}Recipients',)) for name in ('to', 'cc', 'bcc')},
    'recipients': ('people', _TO_CC_BCC),
    'participants': ('people', (*_SENDERS, *_TO_CC_BCC)),
    'subject': ('text', ('subject',)),
    'body': ('text', ('body',)),
    'attachment': ('text', ('attachments',)),
    'category': ('text', ('categories',)),
    'hasattachment': ('choice', ('hasAttachments',)),
    'isread': ('choice', ('isRead',)),
    'isflagged': ('choice', ('flag',)),
    'importance': ('choice', ('importance',)),
    'kind': ('choice', ('kind',)),
    'received': ('time', (RECEIVED,)),
    'sent': ('time', ('sentDateTime',)),
    'size': ('number', ('size',)),
}
_SEARCH_ALIASES = {'hasattachments': 'hasattachment', 'attachmentnames': 'attachment', 'filename': 'attachment'}
_SEARCH_ALIASES |= {'categories': 'category', 'participant': 'participants', 'recipient': 'recipients'}
_DEFAULT_SEARCH = ('from', 'subject', 'body')
_BOOLEANS = {**dict.fromkeys(('true', 'yes', '1'), 'true'), **dict.fromkeys(('false', 'no', '0'), 'false')}
_CHOICES = {
    'importance': {'low': 'low', 'normal': 'normal', 'medium': 'normal', 'high': 'high'},
    'kind': {'email': 'email', 'meetings': 'meetings'},
}
_UNITS_OF_SIZE = {'': 1, 'b': 1, 'kb': 1024, 'mb': 1024**2, 'gb': 1024**3}
_SEARCH_PART = r'((?<=[:=<>])[^\s()"]+|[A-Za-z]+(?:<>|[<>]=?|[:=])|"[^"]*"\*?|[()]|[+-](?=[\w"(])|[^\s()"]+)\s*'
_CJK = '\u3040-\u30ff\u3400-\u9fff'  # written without spaces: each character counts as a word
_WORD = f'[{_CJK}]|[^\\W{_CJK}]+'


class MailSearch(NamedTuple):
    """A search.

    Args:
        matches: returns whether a mail is found, None if what is there of it does not tell.
        properties: names of those in Graph that it needs, and ``kind`` and ``size``.
    """

    matches: Finding
    properties: frozenset[str]

    @property
    def row_properties(self) -> frozenset[str]:
        return self.properties - MESSAGE_ONLY


class SearchedMail:
    """A message or a row of Graph, with ``kind`` and ``size`` if they are known, as a search reads it."""

    def __init__(self, message: MessageRow):
        self._message = message
        self._words: dict[str, list[str]] = {}

    def has(self, properties: Iterable[str]) -> bool:
        return any(name in self._message for name in properties)

    def values(self, name: str) -> list[Any]:
        """Return the values of a property in Graph: texts, people, or one of another type."""
        value = self._message.get(name)
        if name == 'body' and isinstance(value, dict):
            content = str(value.get('content') or '')
            return [html_to_text(content) if str(value.get('contentType')).lower() == 'html' else content]
        if name == 'attachments':
            return [one.get('name') for one in value or () if isinstance(one, dict)]
        if name in (*_SENDERS, *_TO_CC_BCC):
            return [EmailAddress.from_json(one) for one in (value if isinstance(value, list) else [value])]
        if name == 'flag':
            return [isinstance(value, dict) and value.get('flagStatus') == 'flagged']
        return value if isinstance(value, list) else [value]

    def words(self, name: str) -> list[str]:
        """Return the words of each value of a property that has texts, with spaces around."""
        if name not in self._words:
            self._words[name] = [_words(text) for text in self.values(name)]
        return self._words[name]


def _words(text: Any) -> str:
    return f' {" ".join(re.findall(_WORD, comparable(text)))} '


def clean_search(value: Any) -> str:
    """Return a search as it was typed, without ``$search=`` and the quotes that belong to that."""
    text = str(value or '').strip()
    found = re.match(r'\$?search\s*=\s*', text, re.IGNORECASE)
    return (
        clean_value(text[found.end() :]).replace('\\"', '"') if found else re.sub('[\u201c-\u201f\u00ab\u00bb\uff02]', '"', text)
    )


@lru_cache(8)
def mail_search(text: str) -> MailSearch:
    """Read a search in KQL: words, phrases, prefixes with ``*``, properties, ``AND``, ``OR``, ``NOT``, and parentheses.

    Raises:
        DemistoException: it is something else; it names the field.
    """
    if not text:
        return MailSearch(lambda _mail: True, frozenset())
    return _SearchParser(text).parse()


def _combined(parts: Sequence[Finding], decisive: bool) -> Finding:
    """Return what several conditions say together: `decisive` if one says so, None if one does not know."""
    if len(parts) == 1:
        return parts[0]

    def matches(mail: SearchedMail) -> bool | None:
        is_known = True
        for part in parts:
            found = part(mail)
            if found is decisive:
                return decisive
            is_known = is_known and found is not None
        return not decisive if is_known else None

    return matches


def _denied(finding: Finding) -> Finding:
    def matches(mail: SearchedMail) -> bool | None:
        found = finding(mail)
        return None if found is None else not found

    return matches


class _SearchParser(_ExpressionParser):
    def __init__(self, text: str):
        super().__init__(text.strip(), FetchLabel.SEARCH, _SEARCH_EXAMPLE, re.compile(_SEARCH_PART))
        self._properties: set[str] = set()
        self._scope = ''  # the property before a parenthesis, with its operator

    def parse(self) -> MailSearch:
        matches = self._expression()
        if self._tokens:
            raise self._unexpected()
        return MailSearch(matches, frozenset(self._properties))

    def _expression(self) -> Finding:
        with self._level():
            parts = [self._all_of()]
            while self._tokens and self._tokens[-1] == 'OR':
                self._take()
                parts.append(self._all_of())
            return _combined(parts, True)

    def _all_of(self) -> Finding:
        """Read what is joined by AND, or by nothing. Without an operator, one of the values of a property is enough."""
        parts: list[Finding] = []
        alternatives: dict[str, list[Finding]] = {}
        is_after_and = True
        while is_after_and or (self._tokens and self._tokens[-1] not in ('OR', ')')):
            if self._tokens and self._tokens[-1] == 'AND' and not is_after_and:
                self._take()
                parts += [_combined(found, True) for found in alternatives.values()]
                alternatives, is_after_and = {}, True
                continue
            is_after_and = False
            name = self._next.rstrip(':=')
            is_value = name != self._next and '<' not in name and '>' not in name
            (alternatives.setdefault(name, []) if is_value else parts).append(self._term())
        return _combined([*parts, *(_combined(found, True) for found in alternatives.values())], False)

    def _term(self) -> Finding:
        is_denied = False
        while self._tokens and self._tokens[-1] in ('NOT', '-', '+'):
            is_denied = is_denied is (self._take() == '+')
        part = self._take()
        if part in ('AND', 'OR', ')'):
            self._tokens.append(part)
            raise self._unexpected()
        finding = self._group('') if part == '(' else self._property_or_text(part)
        return _denied(finding) if is_denied else finding

    def _group(self, scope: str) -> Finding:
        outer, self._scope = self._scope, scope or self._scope
        finding = self._expression()
        self._take(')')
        self._scope = outer
        return finding

    def _property_or_text(self, token: str) -> Finding:
        found = re.fullmatch(r'([A-Za-z]+)(<>|[<>]=?|[:=])', token)
        if not found:
            return self._text(token)
        if self._next == '(':
            self._take()
            return self._group(token)
        if not self._tokens or self._tokens[-1] in ('AND', 'OR', 'NOT', ')'):
            raise self._error(f"has no value after '{token}'")
        return self._restriction(found[1], found[2], self._take())

    def _text(self, token: str) -> Finding:
        if re.fullmatch(r'(?:ONEAR|NEAR|XRANK|WORDS|ALL|ANY|NONE)', token):
            raise self._error(f"does not support the operator '{token}', only AND, OR and NOT")
        if token in ('and', 'or', 'not', 'And', 'Or', 'Not'):
            raise self._error(f"has '{token}' as a word to find: operators are in capitals. Put quotes around it if it is meant")
        if self._scope:
            name, symbol = re.split('(?=[<>:=])', self._scope, maxsplit=1)
            return self._restriction(name, symbol, token)
        if token.startswith('!') or not _words(token).strip():
            raise self._error(f"has '{token[:50]}' where a word is expected: operators are AND, OR and NOT")
        if '*' in token.rstrip('*"'):
            raise self._error(f"has '{token[:50]}' as a word to find: * can only be at its end")
        return _combined([self._restriction(name, ':', token) for name in _DEFAULT_SEARCH], True)

    def _restriction(self, written: str, symbol: str, token: str) -> Finding:
        name = _SEARCH_ALIASES.get(written.lower(), written.lower())
        if name not in _SEARCH_PROPERTIES:
            known = ', '.join(_SEARCH_PROPERTIES)
            raise self._error(f"cannot search by '{written[:30]}', only by {known}; put quotes around a text with a colon")
        kind, properties = _SEARCH_PROPERTIES[name]
        if symbol[0] in '<>' and symbol != '<>' and kind not in ('time', 'number'):
            raise self._error(f"does not support '{symbol}' after '{written}'")
        value = comparable(token.rstrip('*').strip('"'))
        self._properties |= {*properties}
        test = getattr(self, f'_{kind}_test')(name, '=' if symbol == '<>' and kind == 'text' else symbol, value, token)

        def matches(mail: SearchedMail) -> bool | None:
            return test(mail) if mail.has(properties) else None

        return _denied(matches) if symbol == '<>' else matches

    def _wrong_value(self, name: str, token: str, right: str) -> DemistoException:
        return self._error(f"has '{token[:50]}' as the value of '{name}', which is {right}")

    def _wanted_words(self, name: str, value: str, token: str) -> str:
        """Return the words of a value with spaces around, without the last one for a prefix."""
        is_prefix, words = token.rstrip('"').endswith('*'), _words(value)
        if not words.strip() or '*' in token.rstrip('*"'):
            raise self._wrong_value(name, token, 'one or more words, with * only at the end')
        return words[:-1] if is_prefix else words

    def _text_test(self, name: str, symbol: str, value: str, token: str) -> Callable[[SearchedMail], bool]:
        wanted, source = self._wanted_words(name, value, token), _SEARCH_PROPERTIES[name][1][0]
        if symbol == '=':
            is_prefix = not wanted.endswith(' ')
            return lambda mail: any(text == wanted or (is_prefix and text.startswith(wanted)) for text in mail.words(source))
        return lambda mail: any(wanted in text for text in mail.words(source))

    def _people_test(self, name: str, symbol: str, value: str, token: str) -> Callable[[SearchedMail], bool]:
        words, sources = self._wanted_words(name, value, token), _SEARCH_PROPERTIES[name][1]
        is_prefix = not words.endswith(' ')
        value = value.rstrip('*')
        named = re.search('<([^<>]*)>', value)
        value = named[1] if named else value
        if '@' in value:
            value = normal_address(value) if is_prefix else _sender(value, self._label)
        is_person = partial(_is_person, value, words, symbol != ':')
        return lambda mail: any(is_person(one) for source in sources for one in mail.values(source))

    def _choice_test(self, name: str, symbol: str, value: str, token: str) -> Callable[[SearchedMail], bool]:
        choices, source = _CHOICES.get(name, _BOOLEANS), _SEARCH_PROPERTIES[name][1][0]
        wanted = choices.get(value, '')
        if not wanted:
            raise self._wrong_value(name, token, ' or '.join(dict.fromkeys(choices.values())))
        return lambda mail: str(mail.values(source)[0] or False).lower() == wanted

    def _number_test(self, name: str, symbol: str, value: str, token: str) -> Callable[[SearchedMail], bool]:
        def interval(text: str) -> tuple[float, float] | None:
            found = re.fullmatch(r'(\d{1,12})\s?(b|kb|mb|gb)?', text)
            number = int(found[1]) * _UNITS_OF_SIZE[found[2] or ''] if found else 0
            return (number, number + 1) if found else None

        right = 'a number of bytes such as 500000, 500KB or 1MB..5MB'
        if not _is_comparison(symbol, value, interval) or self._next in list(_UNITS_OF_SIZE)[1:]:  # such as 1 MB
            raise self._wrong_value(name, token, f'{right}, without a space')
        return lambda mail: _compare(mail.values('size')[0], symbol, value, interval)

    def _time_test(self, name: str, symbol: str, value: str, token: str) -> Callable[[SearchedMail], bool]:
        right, source = 'a time such as 2025-01-31, 2025-01-01..2025-01-31, today or "last week"', _SEARCH_PROPERTIES[name][1][0]
        if not _is_comparison(symbol, value, _time_interval):
            raise self._wrong_value(name, token, right)

        def matches(mail: SearchedMail) -> bool:
            moment = _moment(str(mail.values(source)[0]).lower())
            return moment is not None and _compare(moment, symbol, value, _time_interval)

        return matches


_Interval = Callable[[str], tuple[float, float] | None]  # where a value starts, and where the next one does


def _is_comparison(symbol: str, value: str, interval: _Interval) -> bool:
    """Return whether a number can be compared with a value, or lie in a range."""
    first, dots, last = value.partition('..')
    return bool(interval(first) and (not dots or (interval(last) and symbol in (':', '=', '<>'))))


def _compare(number: float, symbol: str, value: str, interval: _Interval) -> bool:
    """Compare a number. ``today`` is the day on which that is done."""
    first, _, last = value.partition('..')
    start, end = (interval(first) or (0, 0))[0], (interval(last or first) or (0, 0))[1]
    results = {'<': number < start, '<=': number < end, '>': number >= end, '>=': number >= start}
    return results.get(symbol, start <= number < end)


def _is_person(value: str, words: str, is_equal: bool, person: EmailAddress) -> bool:
    """Return whether a value means a person: an address, a domain, a part of either, or words of a name.

    Args:
        words: those of the value, with spaces around, without the last one if others may follow.
    """
    address, name = normal_address(person.address), comparable(person.name)
    if '@' in value or is_equal:
        return any(one == value if words.endswith(' ') else one.startswith(value) for one in (address, name))
    user, _, domain = address.rpartition('@')
    is_domain = _words(domain).endswith(words) if '.' in value and words.endswith(' ') else words in _words(domain)
    return is_domain or any(words in _words(text) for text in (name, user))


def _time_interval(text: str) -> tuple[float, float] | None:
    """Return when a day, a time in whole seconds, or ``last week`` starts and ends, in seconds since the epoch, UTC."""
    now = SystemClock().now()
    today = datetime.fromtimestamp(now, timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    week, last_month = today - timedelta(days=today.weekday()), (month - timedelta(days=1)).replace(day=1)
    known = {
        'today': (today, today + timedelta(days=1)),
        'yesterday': (today - timedelta(days=1), today),
        'this week': (week, week + timedelta(days=7)),
        'last week': (week - timedelta(days=7), week),
        'this month': (month, (month + timedelta(days=31)).replace(day=1)),
        'last month': (last_month, month),
        'this year': (year, year.replace(year=year.year + 1)),
        'last year': (year.replace(year=year.year - 1), year),
    }
    if text in known:
        return known[text][0].timestamp(), known[text][1].timestamp()
    usual = re.sub(r'^(\d{1,2})/(\d{1,2})/(\d{4})$', lambda one: f'{one[3]}-{one[1]:0>2}-{one[2]:0>2}', text)
    start = _moment(usual)
    return None if start is None else (start, start + (1 if ':' in usual else 86400))


# endregion
