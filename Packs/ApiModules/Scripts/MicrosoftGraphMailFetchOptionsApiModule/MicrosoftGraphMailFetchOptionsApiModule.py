"""Read the fetch parameters of an instance, and decide by them whether a message is fetched."""

import json
import re
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from typing import Any

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException
    from MicrosoftCoreApiModule import JsonObject, SystemClock, clean_value, comparable
    from MicrosoftInstanceApiModule import bool_argument, int_argument
    from MicrosoftGraphClientApiModule import GraphError, clean_search
    from MicrosoftGraphMailClientApiModule import EmailAddress, MAX_FILE_SIZE, Mailbox, slash_path, split_folder_list
    from MicrosoftGraphMailSearchApiModule import (
        FetchLabel,
        MESSAGE_ONLY,
        date_seconds,
        is_sent_by,
        mail_search,
        normal_address,
        parse_senders,
        row_filter,
    )

# region options

MAX_FOLDERS = 50  # more would take too much of the last run
MAX_MAILS_PER_RUN = 200  # more would not fit into the cursor if none of them can be read
DEFAULT_FIRST_FETCH = '15 minutes'
RECEIVED, CHANGED = 'receivedDateTime', 'lastModifiedDateTime'
ROW_PROPERTIES = 'id,receivedDateTime,internetMessageId,from,sender,subject,isDraft'
MessageRow = JsonObject  # the properties of a message that decide whether it is fetched
_STATE_PROPERTIES = {'isRead', 'isDraft', 'flag', 'categories', 'importance', 'inferenceClassification'}


def graph_seconds(moment: float) -> str:
    """Return a time (seconds since the epoch) as Graph writes it, in whole seconds, UTC and without time zone."""
    return datetime.fromtimestamp(max(moment, 0), timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


class FetchOptions:
    """What an instance fetches.

    Attributes:
        folders: IDs, well-known names or paths, as `Mailbox.find_folder` takes them.
        first_fetch: returns the received time of the oldest message to fetch, e.g. ``2025-01-31T08:00:00``, UTC. It is called for
            folders that were not fetched from before.
        max_mails: incidents of one run, 1 to MAX_MAILS_PER_RUN.
        senders: addresses and domains as `parse_senders` returns them; empty for all.
        excluded_senders: likewise; messages from them are not fetched.
        subject: text in the subject, as `comparable` returns it.
        expression, search: what messages have to match besides, in OData and in KQL.
        unread_only, with_attachments_only: only such messages are fetched. Inline files count as attachments, pictures of the
            body do not. Graph reports only files that are not inline (`hasAttachments`), so the attachments are listed.
        drafts: drafts are fetched too.
        max_attachment_size: bytes; larger attachments are named only.
        with_eml: the message itself is attached to the incident.
        full_body: the details of an incident are the body, not its beginning.
        html: the body is HTML.
        mark_read: messages are marked as read once their incidents exist.
        unique_body: the new text of a reply is told apart from what it quotes.
    """

    def __init__(self, params: JsonObject):
        """Read the parameters of an instance. Raise DemistoException, naming the field, if one is not valid."""
        self.folders = tuple(dict.fromkeys(fetch_folders(params.get('folder_to_fetch')))) or ('Inbox',)
        if len(self.folders) > MAX_FOLDERS:
            what = f"'{FetchLabel.FOLDERS}' has {len(self.folders)} folders."
            raise DemistoException(f'{what} Enter up to {MAX_FOLDERS}, and the rest in another instance.')
        numbers = {name: clean_value(params.get(name)) for name in ('max_fetch', 'fetch_limit', 'max_attachment_size')}
        megabytes = int_argument(numbers, 'max_attachment_size', 50, MAX_FILE_SIZE // 2**20, f"'{FetchLabel.MAX_ATTACHMENT}'")
        self.max_attachment_size = megabytes * 1_000_000
        self.senders = parse_senders(params.get('fetch_from'), FetchLabel.SENDERS)
        self.excluded_senders = parse_senders(params.get('fetch_exclude_senders'), FetchLabel.EXCLUDED_SENDERS)
        for sender in self.senders:
            if is_sent_by({sender}, self.excluded_senders):
                what = f"'{sender}' in '{FetchLabel.SENDERS}' is excluded by '{FetchLabel.EXCLUDED_SENDERS}'."
                raise DemistoException(f'{what} Remove it from one of them.')
        self.subject = comparable(clean_value(params.get('fetch_subject')))
        if not self.subject and str(params.get('fetch_subject') or '').strip():
            raise DemistoException(f"'{FetchLabel.SUBJECT}' has only invisible characters. Type the text.")
        max_mails = 'max_fetch' if numbers['max_fetch'] else 'fetch_limit'
        self.max_mails = int_argument(numbers, max_mails, 50, MAX_MAILS_PER_RUN, f"'{FetchLabel.MAX_MAILS}'")
        self.expression = row_filter(clean_value(params.get('fetch_filter')))
        self.search = mail_search(clean_search(params.get('fetch_search')))
        selected = partial(bool_argument, params)
        self.unread_only = selected('fetch_unread_only')
        self.with_attachments_only = selected('fetch_with_attachments_only')
        self.drafts = selected('fetch_drafts')
        self.with_eml = selected('fetch_eml')
        self.full_body = selected('display_full_email_body')
        self.html = selected('fetch_html_formatting')
        self.mark_read = selected('mark_fetched_read')
        self.unique_body = selected('fetch_unique_body')
        self.first_fetch = partial(first_fetch_time, clean_value(params.get('first_fetch')) or DEFAULT_FIRST_FETCH)
        self.first_fetch()  # rejects what is not a time

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that filters use besides those that all rows have."""
        names = self.expression.properties | self.search.properties
        if self.unread_only:
            names |= {'isRead'}
        if self.with_attachments_only:
            names |= {'hasAttachments'}
        return tuple(sorted(names - MESSAGE_ONLY - {*ROW_PROPERTIES.split(',')}))

    @property
    def search_properties(self) -> frozenset[str]:
        """What the options need of a message that its row does not have, or not for certain."""
        names = self.search.properties | ({'hasAttachments'} if self.with_attachments_only else set())
        return names & (MESSAGE_ONLY | {'hasAttachments'})

    @property
    def depends_on_state(self) -> bool:
        """Whether a message that was not to be fetched may become one that is, without entering a folder."""
        return bool(_STATE_PROPERTIES & {*self.properties})

    @property
    def filters(self) -> str:
        """The filters as JSON. If they change, the folders start again."""
        values: list[Any] = [self.senders, self.subject, self.unread_only, self.with_attachments_only]
        others = [self.excluded_senders, self.expression.text, self.drafts]
        if self.search.text:
            others.append(self.search.text)
        # The others only if one is set: last runs have the filters in this form.
        return json.dumps(values + others if any(others) else values)

    def matches(self, row: MessageRow) -> bool:
        """Return whether a message is to be fetched, as far as its row shows: `is_found` decides when it was read."""
        senders = {normal_address(EmailAddress.from_json(row.get(name)).address) for name in ('from', 'sender')}
        return (
            (not self.senders or is_sent_by(senders, self.senders))
            and not is_sent_by(senders, self.excluded_senders)
            and self.subject in comparable(row.get('subject'))
            and not (self.unread_only and row.get('isRead'))
            and (self.drafts or 'isDraft' in self.expression.properties or not row.get('isDraft'))
            and bool(self.expression.matches(row))
            and self.is_found({name: value for name, value in row.items() if name != 'hasAttachments' or value})
        )

    def is_found(self, message: MessageRow) -> bool:
        """Return whether the search and the filter by attachments accept a message; a missing property counts as a match."""
        has_attachments = message.get('hasAttachments', True) or not self.with_attachments_only
        return has_attachments and self.search.matches(message) is not False


def fetch_folders(value: Any) -> list[str]:
    """Return the paths of a list of folders, as `slash_path`: split at commas, semicolons and line ends, except those after a
    backslash. A list, also as JSON, has one folder in each item.
    """
    items = value
    if isinstance(value, str) and value.strip().startswith('['):
        with suppress(ValueError):
            items = json.loads(value)
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        value = '\n'.join(re.sub(r'(?<!\\)[,;]', r'\\\g<0>', item) for item in items)
    with_commas = re.sub(r'(\\[\\,;])|[;\n]', lambda found: found[1] or ',', str(value or ''))
    return [path for name in split_folder_list(with_commas) if (path := slash_path(name))]


def find_fetch_folder(mailbox: Mailbox, name: str) -> str:
    """Return the ID of a folder. Raise DemistoException, naming the field, if there is none."""
    try:
        return mailbox.find_folder(name)
    except GraphError:
        raise
    except DemistoException as error:
        raise DemistoException(f"{error} Change '{FetchLabel.FOLDERS}'.") from None


# endregion

# region first fetch time

_UNITS = {'second': 1, 'sec': 1, 'minute': 60, 'min': 60, 'm': 60, 'hour': 3600, 'hr': 3600, 'h': 3600, 'day': 86400, 'd': 86400}
_UNITS |= {'week': 7 * 86400, 'w': 7 * 86400, 'month': 31 * 86400, 'year': 366 * 86400, 'y': 366 * 86400}
_UNIT = '|'.join(sorted(_UNITS, key=len, reverse=True))
_DURATION = rf'(\d{{1,9}}(?:\.\d{{1,3}})?|an?|one)\s*({_UNIT})s?\b[\s,]*(?:and\s)?\s*'
_CLOCK_DIFFERENCE = 300.0  # seconds by which the clock of the engine may be late


def first_fetch_time(text: str) -> str:
    """Return the time that ``2 days``, ``2 days ago`` or ``2025-01-31T08:00:00Z`` means, as Graph writes it.

    Raises:
        DemistoException: it is not a time, has no unit, or is in the future.
    """

    def error(problem: str) -> DemistoException:
        how = 'Write it as 15 minutes, 2 days or 2025-01-31T08:00:00Z.'
        return DemistoException(f"'{text[:100]}' in '{FetchLabel.FIRST_FETCH}' {problem}. {how}")

    now = SystemClock().now()
    words = ' '.join(text.lower().split()) if len(text) <= 100 else ''
    seconds = _duration({'now': '0 days', 'today': '0 days', 'yesterday': '1 day'}.get(words, words))
    moment = date_seconds(words) if seconds is None else now - seconds
    if re.fullmatch(r'[\d.]+', words):
        raise error('has no unit')
    if moment is None:
        raise error('is not a time')
    if moment > now + _CLOCK_DIFFERENCE:
        raise error('is in the future, so nothing would be fetched')
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


# endregion
