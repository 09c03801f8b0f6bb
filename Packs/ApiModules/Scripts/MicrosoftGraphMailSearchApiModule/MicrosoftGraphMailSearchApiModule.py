"""Decide whether an email matches: senders, filters in OData, and searches in KQL."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import JsonObject, SystemClock, comparable, float_or_none, visible_text
    from MicrosoftMailMimeApiModule import html_to_text, is_html
    from MicrosoftGraphMailClientApiModule import EmailAddress, RECIPIENT_LISTS

# region labels, texts and dates


class FetchLabel:
    """The labels of the fetch parameters, without the part in parentheses. Errors use them to name a field."""

    FOLDERS = 'Folders to fetch from'
    FIRST_FETCH = 'First fetch time'
    MAX_MAILS = 'Maximum number of incidents per fetch'
    SENDERS = 'Senders'
    EXCLUDED_SENDERS = 'Excluded senders'
    SUBJECT = 'Subject contains'
    FILTER = 'Filter'
    SEARCH = 'Search'
    MAX_ATTACHMENT = 'Maximum attachment size'


_DATE_FORMATS = ('%d %b %Y', '%d %B %Y', '%b %d %Y', '%B %d %Y')


def date_seconds(words: str) -> float | None:
    """Return a date, or a date and a time, in seconds since the epoch; None if it is something else."""
    zone = r'(?:z|utc|gmt|([+-]\d\d):?(\d\d))'
    iso = re.fullmatch(rf'(\d{{4}}-\d\d-\d\d)(?:[t ](\d\d:\d\d(?::\d\d)?)(?:\.\d{{1,9}})? ?{zone}?)?', words)
    if iso:
        with suppress(ValueError, OverflowError):
            offset = f'{iso[3]}:{iso[4]}' if iso[3] else '+00:00'
            return datetime.fromisoformat(f'{iso[1]}T{iso[2] or "00:00"}{offset}').timestamp()
    for form in _DATE_FORMATS:
        with suppress(ValueError, OverflowError):
            return datetime.strptime(words.replace(',', ''), form).replace(tzinfo=timezone.utc).timestamp()
    return None


# endregion

# region senders


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
        value: with the usual separators, each as ``a@example.com``, ``Name <a@example.com>``, ``example.com``, ``@example.com``.
    Raises:
        DemistoException: something is neither; it names the field by `label`.
    """
    text = ','.join(map(str, value)) if isinstance(value, list) else str(value or '')
    text = re.sub(r'"[^"<>]*"\s*(?=<)', '', visible_text(text))  # the names of addresses
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
    user = '' if user == '*' else user
    prefix = '*.' if domain.startswith('*.') and not user else ''
    domain = normal_domain(domain.removeprefix(prefix))
    is_domain = re.fullmatch(r'(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)+[a-z0-9-]{2,63}', domain)
    if not is_domain or not re.fullmatch(r'[^\s@<>,;:()\[\]\\"*]*', user):
        what = f"'{text[:100]}' in '{label}' is neither an email address nor a domain."
        raise DemistoException(f'{what} Write it as alerts@example.com or example.com.')
    return f'{comparable(user)}@{domain}' if user else prefix + domain


def is_sent_by(senders: Iterable[str], wanted: Iterable[str]) -> bool:
    """Return whether one of the addresses is one of those that are wanted, or of a domain that is wanted."""
    return any(
        sender == one or (one.startswith('*.') and sender.endswith(one[1:])) or sender.endswith(f'@{one.lstrip("@")}')
        for sender in senders
        for one in wanted
    )


# endregion

# region expressions

Predicate = Callable[[Any], bool | None]  # of a message; None: unknown, since it lacks a property
_MAX_EXPRESSION_LENGTH = 2000  # characters
_MAX_EXPRESSION_DEPTH = 20


class Expression(NamedTuple):
    """A filter or a search.

    Args:
        text: as it was written.
        matches: returns whether a message is found, None if that is unknown, since it lacks a property.
        properties: names of the properties that it needs: those of Graph, and ``kind`` and ``size``.
    """

    text: str
    matches: Predicate
    properties: frozenset[str]


MATCH_ALL = Expression('', lambda _mail: True, frozenset())


def _combined(parts: Sequence[Predicate], decisive: bool) -> Predicate:
    """Return `any` (`decisive` is True) or `all` (False) of several predicates in three-valued logic, where None is unknown."""

    def matches(mail: Any) -> bool | None:
        is_known = True
        for part in parts:
            is_match = part(mail)
            if is_match is decisive:
                return decisive
            is_known = is_known and is_match is not None
        return not decisive if is_known else None

    return matches


def _negated(predicate: Predicate) -> Predicate:
    def matches(mail: Any) -> bool | None:
        is_match = predicate(mail)
        return None if is_match is None else not is_match

    return matches


class _ExpressionParser:
    """The grammar of filters and searches. Subclasses read a condition, and errors name their field.

    Args:
        text: the expression.
    """

    _part = ''  # pattern of a part, with its text as group 1
    _or, _and = 'or', 'and'
    _prefix_operators: tuple[str, ...] = ('not',)
    _label = _example = ''

    def __init__(self, text: str):
        self._source = text
        self._tokens: list[str] = []
        self._properties: set[str] = set()
        self._depth = end = 0
        if len(text) > _MAX_EXPRESSION_LENGTH:
            raise self._error(f'has {len(text):,} characters, but the maximum is {_MAX_EXPRESSION_LENGTH:,}', 'Shorten it.')
        part = re.compile(self._part)
        while end < len(text):
            token = part.match(text, end)
            if not token:
                raise self._error(f"has a syntax error at '{text[end : end + 30].strip()}'")
            self._tokens.append(token[1])
            end = token.end()
        self._tokens.reverse()  # the next one is the last

    def parse(self) -> Expression:
        matches = self._any_of()
        if self._tokens:
            raise self._unexpected()
        return Expression(self._source, matches, frozenset(self._properties))

    def _any_of(self) -> Predicate:
        self._depth += 1
        if self._depth > _MAX_EXPRESSION_DEPTH:
            raise self._error(f'has more than {_MAX_EXPRESSION_DEPTH} levels', 'Use fewer parentheses.')
        predicate = self._joined(self._or, self._all_of, True)
        self._depth -= 1
        return predicate

    def _all_of(self) -> Predicate:
        return self._joined(self._and, self._operand, False)

    def _joined(self, word: str, read: Callable[[], Predicate], decisive: bool) -> Predicate:
        parts = [read()]
        while self._next == word:
            self._take()
            parts.append(read())
        return _combined(parts, decisive)

    def _operand(self) -> Predicate:
        is_negated = False
        while self._next in self._prefix_operators:
            if self._take() != '+':
                is_negated = not is_negated
        predicate = self._group() if self._next == '(' else self._condition()
        return _negated(predicate) if is_negated else predicate

    def _group(self) -> Predicate:
        self._take('(')
        predicate = self._any_of()
        self._take(')')
        return predicate

    def _condition(self) -> Predicate:
        raise NotImplementedError

    @property
    def _next(self) -> str:
        return self._tokens[-1] if self._tokens else ''

    def _take(self, *expected: str) -> str:
        """Return the next token. Raise DemistoException if it is not one of those that are expected."""
        if not self._tokens or (expected and self._next not in expected):
            raise self._unexpected()
        return self._tokens.pop()

    def _unexpected(self) -> DemistoException:
        return self._error(f"has an unexpected '{self._tokens[-1][:50]}'" if self._tokens else 'is not complete')

    def _error(self, what: str, advice: str = '') -> DemistoException:
        return DemistoException(f"'{self._label}' {what}. {advice or f'Write it as {self._example}.'}")


# endregion
# region filter expressions

# What a filter may name, by the type of the values.
_FILTER_PATHS: dict[type, tuple[str, ...]] = {
    str: (
        *('subject', 'importance', 'inferenceClassification', 'internetMessageId', 'conversationId', 'parentFolderId'),
        *('from/emailAddress/address', 'from/emailAddress/name', 'sender/emailAddress/address', 'sender/emailAddress/name'),
        'flag/flagStatus',
    ),
    bool: ('isRead', 'isDraft', 'hasAttachments'),
    float: ('receivedDateTime', 'sentDateTime', 'createdDateTime'),
}
_Fields = Mapping[str, tuple[str, type]]  # paths, and the types of their values, by what names them in an expression
_FILTER_FIELDS: _Fields = {path.lower(): (path, kind) for kind, paths in _FILTER_PATHS.items() for path in paths}
# Collections, with what ``any`` may compare of their members.
_MEMBER_PARTS = ('/emailAddress/address', '/emailAddress/name')
_FILTER_COLLECTIONS = {
    'categories/any': ('categories', ('',)),
    'torecipients/any': ('toRecipients', _MEMBER_PARTS),
    'ccrecipients/any': ('ccRecipients', _MEMBER_PARTS),
    'bccrecipients/any': ('bccRecipients', _MEMBER_PARTS),
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


def _text_literal(token: str) -> str | None:
    return comparable(token[1:-1].replace("''", "'")) if token.startswith("'") else None


def _time_value(value: Any) -> float | None:
    return date_seconds(str(value).lower())


# How a literal and a value of a message are read, by their type; None for what is not of it.
_FILTER_TYPES: dict[type, tuple[Callable[[str], Any], Callable[[Any], Any]]] = {
    str: (_text_literal, comparable),
    bool: ({'true': True, 'false': False}.get, bool),
    float: (_time_value, _time_value),
}


def row_filter(text: str) -> Expression:
    """Read a part of OData's ``$filter``: comparisons with literals, ``contains``, ``startswith``, ``endswith``, ``any``,
    ``and``, ``or``, ``not`` and parentheses.

    Raises:
        DemistoException: it is something else; it names the field.
    """
    if not text:
        return MATCH_ALL
    return _FilterParser(re.sub(r'^\$?filter\s*=', '', text).strip()).parse()._replace(text=text)


class _FilterParser(_ExpressionParser):
    _part = r"('(?:[^']|'')*'|\d{4}-\d\d-\d\d[0-9T:.Z+-]*|[A-Za-z][\w/]*|[():,])\s*"
    _label, _example = FetchLabel.FILTER, "contains(subject, 'invoice') and not (importance eq 'low')"

    @property
    def _next(self) -> str:
        return super()._next.lower()

    def _condition(self) -> Predicate:
        if self._next not in _FILTER_COLLECTIONS:
            return self._comparison(_FILTER_FIELDS)
        collection, parts = _FILTER_COLLECTIONS[self._take().lower()]
        self._take('(')
        variable = self._take().lower()
        self._take(':')
        matches = self._comparison({f'{variable}{part}'.lower(): (f'{collection}{part}', str) for part in parts})
        self._take(')')

        def has_match(row: JsonObject) -> bool:
            members = row.get(collection)
            return isinstance(members, list) and any(matches({collection: member}) for member in members)

        return has_match

    def _comparison(self, fields: _Fields) -> Predicate:
        if self._next in ('contains', 'startswith', 'endswith'):
            compare = _COMPARISONS[self._take().lower()]
            self._take('(')
            path, kind = self._field({name: field for name, field in fields.items() if field[1] is str})
            self._take(',')
            literal = self._literal(str)
            self._take(')')
        else:
            path, kind = self._field(fields)
            operators = ('eq', 'ne') if kind is bool else ('eq', 'ne', 'gt', 'ge', 'lt', 'le')
            compare = _COMPARISONS[self._take(*operators).lower()]
            literal = self._literal(kind)
        read = _FILTER_TYPES[kind][1]

        def matches(row: JsonObject) -> bool:
            value: Any = row
            for name in path.split('/'):
                value = value.get(name) if isinstance(value, dict) else None
            value = read(value)
            return value is not None and compare(value, literal)

        return matches

    def _field(self, fields: _Fields) -> tuple[str, type]:
        if self._next not in fields:
            raise self._unexpected()
        path, kind = fields[self._take().lower()]
        self._properties.add(path.split('/')[0])
        return path, kind

    def _literal(self, kind: type) -> Any:
        value = _FILTER_TYPES[kind][0](self._next)
        if value is None:
            raise self._unexpected()
        self._take()
        return value


# endregion

# region searches

# KQL by https://learn.microsoft.com/sharepoint/dev/general-development/keyword-query-language-kql-syntax-reference and [MS-KQL],
# with the properties of https://learn.microsoft.com/graph/search-query-parameter and those that Exchange has besides.
MESSAGE_ONLY = frozenset({'body', 'attachments', 'kind', 'size'})
_CJK = '\u3040-\u30ff\u3400-\u9fff'  # written without spaces: each character counts as a word
_WORD = f'[{_CJK}]|[^\\W{_CJK}]+'
_UNITS_OF_SIZE = {'b': 1, 'kb': 1024, 'mb': 1024**2, 'gb': 1024**3}
_ValueTest = Callable[[Any], bool]
_Interval = tuple[float, float]  # where a value starts, and where the next one does


def _has_value(properties: Iterable[str], read: Callable[[Any], Any], test: _ValueTest, message: JsonObject) -> bool | None:
    """Return whether one of the values of properties passes a test, None if a message has none of these properties."""
    found = [message[name] for name in properties if name in message]
    values = chain.from_iterable(value if isinstance(value, list) else [value] for value in found)
    return any(test(read(value)) for value in values) if found else None


def _words(text: Any) -> str:
    """Return the words of a text with spaces around, empty if it has none."""
    words = re.findall(_WORD, comparable(text))
    return f' {" ".join(words)} ' if words else ''


@lru_cache(2)  # each word of a search reads the same body
def _words_of_content(content: str, as_html: bool) -> str:
    return _words(html_to_text(content) if as_html else content)


def _words_of_body(body: Any) -> str:
    body = body if isinstance(body, dict) else {}
    return _words_of_content(str(body.get('content') or ''), is_html(body))


def _words_of_name(attachment: Any) -> str:
    return _words(attachment.get('name') if isinstance(attachment, dict) else '')


def _is_flagged(flag: Any) -> bool:
    return isinstance(flag, dict) and flag.get('flagStatus') == 'flagged'


def _text_test(symbol: str, value: str, is_prefix: bool) -> _ValueTest | None:
    words = _words(value)
    if not words:
        return None
    words = words[:-1] if is_prefix else words  # with the space, the last one would have to be a whole word
    if symbol == ':':
        return lambda text: words in text
    return lambda text: text.startswith(words) if is_prefix else text == words


def _recipient(recipient: Any) -> EmailAddress:
    address, name = EmailAddress.from_json(recipient)
    return EmailAddress(normal_address(address), comparable(name))


def _recipient_test(symbol: str, value: str, is_prefix: bool) -> _ValueTest | None:
    """Return a test for a recipient or a sender: by an address, a domain, a part of either, or words of a name."""
    words = _words(value)
    if not words:
        return None
    words = words[:-1] if is_prefix else words
    bracketed = re.search('<([^<>]*)>', value)
    value = bracketed[1] if bracketed else value
    if '@' in value:
        value = normal_address(value) if is_prefix else _sender(value, FetchLabel.SEARCH)

    def is_equal(recipient: EmailAddress) -> bool:
        return any(text.startswith(value) if is_prefix else text == value for text in recipient)

    def has_words(recipient: EmailAddress) -> bool:
        user, _, domain = recipient.address.rpartition('@')
        is_whole = '.' in value and not is_prefix
        is_domain = _words(domain).endswith(words) if is_whole else words in _words(domain)
        return is_domain or words in _words(recipient.name) or words in _words(user)

    return is_equal if '@' in value or symbol == '=' else has_words


def _range_test(interval: Callable[[str], _Interval | None], symbol: str, value: str, _is_prefix: bool) -> _ValueTest | None:
    first, dots, last = value.partition('..')
    lower, upper = interval(first), interval(last if dots else first)
    if not lower or not upper or (dots and symbol not in ':='):
        return None
    start, end = lower[0], upper[1]
    symbols = {'<': (-math.inf, start), '<=': (-math.inf, end), '>': (end, math.inf), '>=': (start, math.inf)}
    start, end = symbols.get(symbol, (start, end))
    return lambda number: number is not None and start <= number < end


def _size_interval(text: str) -> _Interval | None:
    found = re.fullmatch(r'(\d{1,12})\s?(b|kb|mb|gb)?', text)
    if not found:
        return None
    number = int(found[1]) * _UNITS_OF_SIZE[found[2] or 'b']
    return number, number + 1


def _time_interval(text: str) -> _Interval | None:
    """Return when a day, a time in whole seconds, or ``last week`` starts and ends, in seconds since the epoch, UTC."""
    today = datetime.fromtimestamp(SystemClock().now() // 86400 * 86400, timezone.utc)
    day, month, year = timedelta(days=1), today.replace(day=1), today.replace(month=1, day=1)
    week = today - today.weekday() * day
    periods = {
        'today': (today, today + day),
        'yesterday': (today - day, today),
        'this week': (week, week + 7 * day),
        'last week': (week - 7 * day, week),
        'this month': (month, (month + 31 * day).replace(day=1)),
        'last month': ((month - day).replace(day=1), month),
        'this year': (year, year.replace(year=year.year + 1)),
        'last year': (year.replace(year=year.year - 1), year),
    }
    if text in periods:
        start, end = periods[text]
        return start.timestamp(), end.timestamp()
    usual = re.sub(r'^(\d{1,2})/(\d{1,2})/(\d{4})$', lambda one: f'{one[3]}-{one[1]:0>2}-{one[2]:0>2}', text)
    moment = date_seconds(usual)
    return None if moment is None else (moment, moment + (1 if ':' in usual else 86400))


class _ValueKind(NamedTuple):
    """The kind of the values of a property.

    Args:
        description: what a value in a search is, as errors say it.
        read: reads a value of a message.
        test: returns what decides for a value that was read, from the operator, the value in the search without quotes, and
            whether that is a prefix; None if it is not a value.
        has_order: values can be compared by ``<``.
    """

    description: str
    read: Callable[[Any], Any]
    test: Callable[[str, str, bool], _ValueTest | None]
    has_order: bool = False


def _choice(choices: dict[str, str], read: Callable[[Any], Any] = bool) -> _ValueKind:
    def test(_symbol: str, value: str, _is_prefix: bool) -> _ValueTest | None:
        wanted = choices.get(value)
        return (lambda found: str(found).lower() == wanted) if wanted else None

    return _ValueKind(' or '.join(dict.fromkeys(choices.values())), read, test)


_TEXT_VALUE = _ValueKind('one or more words, with * only at the end', _words, _text_test)
_RECIPIENT_VALUE = _TEXT_VALUE._replace(read=_recipient, test=_recipient_test)
_A_TIME = 'a time such as 2025-01-31, 2025-01-01..2025-01-31, today or "last week"'
_TIME_VALUE = _ValueKind(_A_TIME, _time_value, partial(_range_test, _time_interval), True)
_A_SIZE = 'a number of bytes such as 500000, 500KB or 1MB..5MB, without a space'
_BOOLEANS = {'true': 'true', 'yes': 'true', '1': 'true', 'false': 'false', 'no': 'false', '0': 'false'}
_SENDERS = ('from', 'sender')
# Names in KQL: the kind of their values, and the properties in Graph.
_SEARCH_PROPERTIES: dict[str, tuple[_ValueKind, tuple[str, ...]]] = {
    'from': (_RECIPIENT_VALUE, _SENDERS),
    'to': (_RECIPIENT_VALUE, ('toRecipients',)),
    'cc': (_RECIPIENT_VALUE, ('ccRecipients',)),
    'bcc': (_RECIPIENT_VALUE, ('bccRecipients',)),
    'recipients': (_RECIPIENT_VALUE, RECIPIENT_LISTS),
    'participants': (_RECIPIENT_VALUE, (*_SENDERS, *RECIPIENT_LISTS)),
    'subject': (_TEXT_VALUE, ('subject',)),
    'body': (_TEXT_VALUE._replace(read=_words_of_body), ('body',)),
    'attachment': (_TEXT_VALUE._replace(read=_words_of_name), ('attachments',)),
    'category': (_TEXT_VALUE, ('categories',)),
    'hasattachment': (_choice(_BOOLEANS), ('hasAttachments',)),
    'isread': (_choice(_BOOLEANS), ('isRead',)),
    'isflagged': (_choice(_BOOLEANS, _is_flagged), ('flag',)),
    'importance': (_choice({'low': 'low', 'normal': 'normal', 'medium': 'normal', 'high': 'high'}, str), ('importance',)),
    'kind': (_choice({'email': 'email', 'meetings': 'meetings'}, str), ('kind',)),
    'received': (_TIME_VALUE, ('receivedDateTime',)),
    'sent': (_TIME_VALUE, ('sentDateTime',)),
    'size': (_ValueKind(_A_SIZE, float_or_none, partial(_range_test, _size_interval), True), ('size',)),
}
_SEARCH_ALIASES = {'hasattachments': 'hasattachment', 'attachmentnames': 'attachment', 'filename': 'attachment'}
_SEARCH_ALIASES |= {'categories': 'category', 'participant': 'participants', 'recipient': 'recipients'}
_UNSUPPORTED_OPERATORS = ('ONEAR', 'NEAR', 'XRANK', 'WORDS', 'ALL', 'ANY', 'NONE')


def mail_search(text: str) -> Expression:
    """Read a search in KQL: words, phrases, prefixes with ``*``, properties, ``AND``, ``OR``, ``NOT``, and parentheses.

    Raises:
        DemistoException: it is something else; it names the field.
    """
    return _SearchParser(text.strip()).parse() if text else MATCH_ALL


class _SearchParser(_ExpressionParser):
    _part = r'((?<=[:=<>])[^\s()"]+|[A-Za-z]+(?:<>|[<>]=?|[:=])|"[^"]*"\*?|[()]|[+-](?=[\w"(])|[^\s()"]+)\s*'
    _or, _and = 'OR', 'AND'
    _prefix_operators = ('NOT', '-', '+')
    _label, _example = FetchLabel.SEARCH, 'from:example.com AND (subject:invoice* OR hasattachment:true)'
    _scope: tuple[str, str] | None = None  # the property before a parenthesis, and its operator

    def _operand(self) -> Predicate:
        """Read conditions without an operator between them. All must be met, but of those on the same property only one."""
        conditions: dict[str, list[Predicate]] = {}
        while not conditions or self._next not in ('', 'AND', 'OR', ')'):
            named = re.fullmatch('([a-z]+)[:=]', self._next.lower())
            conditions.setdefault(named[1] if named else str(len(conditions)), []).append(super()._operand())
        return _combined([_combined(parts, True) for parts in conditions.values()], False)

    def _condition(self) -> Predicate:
        if self._next in ('AND', 'OR', ')'):
            raise self._unexpected()
        token = self._take()
        named = re.fullmatch(r'([A-Za-z]+)(<>|[<>]=?|[:=])', token)
        if not named:
            return self._text(token)
        name, symbol = named.groups()
        if self._next == '(':
            outer, self._scope = self._scope, (name, symbol)
            predicate = self._group()
            self._scope = outer
            return predicate
        if self._next in ('', 'AND', 'OR', 'NOT', ')'):
            raise self._error(f"has no value after '{token}'")
        return self._restriction(name, symbol, self._take())

    def _text(self, token: str) -> Predicate:
        if token in _UNSUPPORTED_OPERATORS:
            raise self._error(f"does not support the operator '{token}', only AND, OR and NOT")
        if token.lower() in ('and', 'or', 'not'):
            raise self._error(
                f"contains the word '{token}'", 'Write operators in capitals, or put the word in quotes to find it.'
            )
        if self._scope:
            return self._restriction(*self._scope, token)
        if token.startswith('!') or not _words(token):
            raise self._error(f"contains '{token[:50]}', which is not a word", 'The operators are AND, OR and NOT.')
        if '*' in token.rstrip('*"'):
            raise self._error(f"contains '{token[:50]}'", 'Write * only at the end of a word.')
        return _combined([self._restriction(name, ':', token) for name in ('from', 'subject', 'body')], True)

    def _restriction(self, written: str, symbol: str, token: str) -> Predicate:
        name = _SEARCH_ALIASES.get(written.lower(), written.lower())
        if name not in _SEARCH_PROPERTIES:
            known = ', '.join(_SEARCH_PROPERTIES)
            raise self._error(f"cannot search by '{written[:30]}', only by {known}; put quotes around a text with a colon")
        kind, properties = _SEARCH_PROPERTIES[name]
        if symbol in ('<', '<=', '>', '>=') and not kind.has_order:
            raise self._error(f"does not support '{symbol}' after '{written}'")
        is_split = name == 'size' and self._next.lower() in _UNITS_OF_SIZE  # such as 1 MB
        is_wrong = is_split or '*' in token.rstrip('*"')
        value, is_prefix = comparable(token.strip('*"')), token.rstrip('"').endswith('*')
        test = None if is_wrong else kind.test(symbol.replace('<>', '='), value, is_prefix)
        if not test:
            raise self._error(f"has an invalid value '{token[:50]}' for '{name}'", f'Enter {kind.description}.')
        self._properties |= {*properties}
        predicate: Predicate = partial(_has_value, properties, kind.read, test)
        return _negated(predicate) if symbol == '<>' else predicate


# endregion
