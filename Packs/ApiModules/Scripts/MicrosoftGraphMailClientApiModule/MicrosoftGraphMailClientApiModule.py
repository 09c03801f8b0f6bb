"""Read and organize mailboxes in Microsoft Graph. This module contains no commands."""

import hashlib
import mimetypes
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import demistomock as demisto

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException, fileResult
    from MicrosoftCoreApiModule import JsonObject, comparable
    from MicrosoftHttpApiModule import NO_RETRIES, RetryPolicy, run_with_retries
    from MicrosoftMailMimeApiModule import file_name, start_of_name, unescaped
    from MicrosoftGraphClientApiModule import (
        AtMostOnceStep,
        BatchRequest,
        BatchResult,
        ByteWriter,
        CHECK_PROXY,
        GraphClient,
        GraphError,
        GraphThrottled,
        MALFORMED_PROPERTIES,
        MAX_DOWNLOAD,
        ODataQuery,
        body_type_preference,
        deletion,
        graph_id,
        is_folder_id,
        message_id_forms,
        odata_text,
        path_segment,
        prefer_header,
        require_path_segment,
        retry_broken_transfer,
        well_known_folder,
        without_annotations,
        without_malformed_values,
    )

# region values


class EmailAddress(NamedTuple):
    """An email address, and the name that goes with it."""

    address: str
    name: str = ''

    @classmethod
    def from_json(cls, recipient: Any) -> 'EmailAddress':
        """Read a ``recipient`` of Graph, which may be missing or incomplete."""
        value = (recipient.get('emailAddress') if isinstance(recipient, dict) else None) or {}
        return cls(*(text if isinstance(text, str) else '' for text in (value.get('address'), value.get('name'))))

    def as_json(self) -> JsonObject:
        return {'emailAddress': {'address': self.address, **({'name': self.name} if self.name else {})}}


def addresses_in(value: JsonObject, *names: str) -> list[str]:
    """Return the addresses in the lists of recipients that an object of Graph has under these names."""
    return [EmailAddress.from_json(one).address for name in names for one in value.get(name) or ()]


class Attachment(NamedTuple):
    """An attachment of a message, without its bytes.

    Args:
        attachment_id: empty if Graph gives none.
        name: valid as a file name; made up if the attachment has none.
        attachment_type: ``file``, ``item`` (an Outlook item), or ``reference`` (a link to a file elsewhere).
        content_type: empty if Graph gives none.
        size: in bytes.
    """

    attachment_id: str
    name: str
    attachment_type: str
    content_type: str
    size: int
    content_id: str
    is_inline: bool

    @classmethod
    def from_json(cls, value: JsonObject, number: int, inline_ids: Container[str] = ()) -> 'Attachment':
        """Read an ``attachment`` of Graph. `number` becomes part of a name that is made up, `inline_ids` are content IDs."""
        name = file_name(str(value.get('name') or ''))
        content_type, content_id = value.get('contentType') or '', value.get('contentId') or ''
        if name in ('', '.', '..'):
            name = f'attachment-{number}{mimetypes.guess_extension(content_type.partition(";")[0]) or ""}'
        return cls(
            value.get('id') or '',
            name,
            str(value.get('@odata.type') or '').rpartition('.')[2].removesuffix('Attachment'),
            content_type,
            value.get('size') or 0,
            content_id,
            bool(value.get('isInline')) or bare_content_id(content_id).casefold() in inline_ids,
        )

    @classmethod
    def list_from_json(cls, values: Sequence[JsonObject], html: str = '') -> list['Attachment']:
        """Read the attachments of a message. Those that its `html` refers to are inline, whatever Graph says."""
        links = re.findall(r'(?i)\bcid:([^"\'\s>)]+)', html)
        inline_ids = {bare_content_id(unquote(unescaped(link))).casefold() for link in links}
        return [cls.from_json(value, number, inline_ids) for number, value in enumerate(values, 1) if isinstance(value, dict)]

    @property
    def is_placeholder(self) -> bool:
        """Whether it stands for attachments that Microsoft Defender is scanning (Dynamic Delivery of Safe Attachments)."""
        return bool(re.fullmatch(r'(?i)(?:ATP|Safe Attachments) Scan In Progress(?:\.eml)?', self.name))

    def received_name(self, is_legacy: bool) -> str:
        """Return the name of its file. That of an inline file starts with its content ID, by which the body refers to it."""
        if is_legacy or not (self.is_inline and self.content_id):
            return self.name
        return file_name(f'{start_of_name(self.content_id)}-attachmentName-{self.name}')


def bare_content_id(text: str) -> str:
    """Return a content ID without what a header (``<logo>``) or a link (``cid:logo``) has around it."""
    bare = text.strip('<> \t\r\n')
    return bare[4:].strip('<> \t\r\n') if bare[:4].lower() == 'cid:' else bare


# endregion

# region mailbox

_MAX_PAGES = 2000  # of one list
MAX_PAGE_SIZE = 1000  # messages
# The path of a list of messages, as links write it: /users/a/messages, /me/mailFolders('b')/messages.
_MESSAGE_LIST = r"/v1\.0/(?:me|users(?:/(?!\.)[^/]+|\('[^/]+'\)))(?:/mailFolders(?:/(?!\.)[^/]+|\('[^/]+'\)))?/messages"
_MAILBOX_OF_LINK = r"(?i)/v1\.0/(?:me|users(?:/([^/]+)|\('([^/']+)'\)))/"
MAX_CONVERSATION = 1000  # messages
MAX_SEARCHED = 2000  # messages
_SEARCH_PAGE = 50  # messages
# Of a list that Graph cannot sort (davmail#501)
_TOO_COMPLEX = ('ErrorRestrictionTooComplex', 'InefficientFilter')
# Source: https://learn.microsoft.com/graph/outlook-large-attachments
MAX_FILE_SIZE = 150 * 1024 * 1024  # bytes
MAX_EMPTY = 1000  # bytes that Graph may count for an empty attachment
# Of what is not shared with the user. Source: https://learn.microsoft.com/graph/outlook-share-messages-folders
REFUSED_STATUSES = (403, 404)
NOT_FOUND_CODES = ('ErrorItemNotFound', 'ErrorInvalidIdMalformed', 'ErrorFolderNotFound', 'ErrorInvalidMailboxItemId')
# Properties of attachments, without their bytes. Only files have a content ID.
ATTACHMENT_PROPERTIES = 'id,name,contentType,size,isInline,lastModifiedDateTime,microsoft.graph.fileAttachment/contentId'
RECIPIENT_LISTS = ('toRecipients', 'ccRecipients', 'bccRecipients')  # properties of a message
# Context keys of an email in a list, and the properties in Graph that they show.
LISTED_EMAIL_PROPERTIES = {
    'ID': 'id',
    'Created': 'createdDateTime',
    'LastModifiedTime': 'lastModifiedDateTime',
    'ReceivedTime': 'receivedDateTime',
    'SendTime': 'sentDateTime',
    'Categories': 'categories',
    'HasAttachments': 'hasAttachments',
    'Subject': 'subject',
    'IsDraft': 'isDraft',
    'Body': 'body',
    'Sender': 'sender',
    'From': 'from',
    'Recipients': 'toRecipients',
    'CCRecipients': 'ccRecipients',
    'BCCRecipients': 'bccRecipients',
    'ReplyTo': 'replyTo',
    'ConversationID': 'conversationId',
    'InternetMessageID': 'internetMessageId',
    'IsRead': 'isRead',
    'FolderID': 'parentFolderId',
}
# The same for an email that is shown alone.
SINGLE_EMAIL_PROPERTIES = {
    **LISTED_EMAIL_PROPERTIES,
    'Importance': 'importance',
    'WebLink': 'webLink',
    'Headers': 'internetMessageHeaders',
}
# The same for a draft; also keys of an email in an incident.
DRAFT_PROPERTIES = {
    'ID': 'id',
    'CreatedTime': 'createdDateTime',
    'ModifiedTime': 'lastModifiedDateTime',
    'ReceivedTime': 'receivedDateTime',
    'SentTime': 'sentDateTime',
    'Subject': 'subject',
    'Importance': 'importance',
    'ConversationID': 'conversationId',
    'IsRead': 'isRead',
    'IsDraft': 'isDraft',
    'MessageID': 'internetMessageId',
    'Headers': 'internetMessageHeaders',
}
_MAX_TIPS = 100  # addresses of a request (ms-365-mcp-server#451)
_MAIL_TIPS = (
    'automaticReplies, mailboxFullStatus, customMailTip, externalMemberCount, totalMemberCount, maxMessageSize, '
    'deliveryRestriction, moderationStatus, recipientScope'
)


# Key of a listed message that could not be read completely. Its value is the reason.
UNREADABLE = '@unreadable'
_UNREADABLE_CODE = '(?i)corrupt|conversion|mimecontent'
_WITHOUT_BODY = ','.join(name for name in LISTED_EMAIL_PROPERTIES.values() if name != 'body')


def _with_option(link: str, name: str, value: str) -> str:
    """Return the link to a page with another value of an option, or without it if that is empty."""
    url, _, query = link.partition('?')
    options = {**dict(parse_qsl(query)), name: value}
    return f'{url}?{urlencode({key: text for key, text in options.items() if text})}' if link else ''


def _option(link: str, name: str) -> str:
    return dict(parse_qsl(urlsplit(link).query)).get(name, '')


def _page_size(link: str) -> int:
    """Return how many messages the page of a link may have, 0 if it does not say."""
    size = _option(link, '$top')
    return int(size) if size.isdecimal() else 0


def _with_size(link: str, size: int, usual: int) -> str:
    """Return the link to a page that may have `size` messages. One that does not say its size has the `usual` one."""
    return link if (_page_size(link) or usual) == size else _with_option(link, '$top', str(size))


def message_id_condition(forms: Sequence[str]) -> str:
    """Return the condition of OData that a ``Message-ID`` is one of these."""
    return ' or '.join(f'internetMessageId eq {odata_text(form)}' for form in forms)


def _found_message(internet_id: str, result: BatchResult) -> str | GraphError:
    """Return the ID of what a search for a ``Message-ID`` found, or why it did not find one message."""
    if result.error:
        return result.error
    try:
        ids = [str(row['id']) for row in page_rows(result.body)]
    except GraphError as error:
        return error
    if not ids:
        return GraphError(f'No email has the Message-ID {internet_id}.', 'Check the Message-ID and the mailbox.')
    what = f'{len(ids)} emails have the Message-ID {internet_id}.'
    return GraphError(what, f'Use the ID of one: {", ".join(ids)}') if ids[1:] else ids[0]


class DeltaPage(NamedTuple):
    """A page of a delta sync.

    Args:
        link: the next page, or where the next sync starts.
        is_last: `link` is where the next sync starts.
        removed: IDs of messages that left the folder.
    """

    messages: list[JsonObject]
    link: str
    is_last: bool
    removed: Sequence[str] = ()


def page_rows(page: JsonObject) -> list[JsonObject]:
    """Return the objects with an ID of a page of a list. What has none cannot be used, and is left out.

    Raises:
        GraphError: there is no list, or it has no object with an ID, which must not pass for an empty list.
    """
    values = page_values(page)
    rows = [value for value in values if isinstance(value, dict) and value.get('id')]
    if values and not rows:
        raise GraphError('Microsoft Graph sent a list without usable items.', CHECK_PROXY)
    return rows


def page_values(page: JsonObject) -> list[Any]:
    """Return all values of a page of a list, also those that are not objects.

    Raises:
        GraphError: there is no list, or it has no object, which must not pass for an empty list.
    """
    values = page.get('value')
    if not isinstance(values, list):
        raise GraphError('Microsoft Graph sent a response without a list.', CHECK_PROXY)
    if values and not any(isinstance(value, dict) for value in values):
        raise GraphError('Microsoft Graph sent a list without usable items.', CHECK_PROXY)
    return [without_malformed_values(value) if isinstance(value, dict) else value for value in values]


def message_kind(message: JsonObject) -> str:
    """Return ``message``, or for one about a meeting ``eventMessageRequest`` and the like."""
    return str(message.get('@odata.type') or '').rpartition('.')[2] or 'message'


def _link_of(page: JsonObject, kind: str = 'nextLink') -> str:
    """Return the link of a page to the next one, empty if there is none. Raise GraphError if it cannot be followed."""
    link = page.get(f'@odata.{kind}') or ''
    if not isinstance(link, str):
        raise GraphError('Microsoft Graph sent a link that is not an address.', CHECK_PROXY)
    return link


def mailbox_of_link(link: str) -> str | None:
    """Return the address or ID of the mailbox that a link leads to, empty for the user who signed in; None for another link."""
    found = re.match(_MAILBOX_OF_LINK, unquote(urlsplit(link).path))
    return (found[1] or found[2] or '') if found else None


# What an event shows after a response.
_RESPONSE_STATES = {'accept': 'accepted', 'tentativelyAccept': 'tentativelyAccepted', 'decline': 'declined'}


class Mailbox:
    """A mailbox, and what can be done in it. Methods and errors of the same names as in `GraphClient` are documented there.

    Args:
        address: address or ID; empty for the mailbox of the signed-in user.
        retry_policy: of its requests, by default that of the client.
    """

    def __init__(self, client: 'GraphMailClient', address: str = '', retry_policy: RetryPolicy | None = None):
        self.client = client
        self.address = address
        self._retry_policy = retry_policy

    def request(self, method: str, path: str = '', **kwargs: Any) -> JsonObject:
        """Send a request as `GraphClient.graph_request` does."""
        return self.client.graph_request(method, path, retry_policy=self._retry_policy, **kwargs)

    def _object(self, method: str, path: str, **kwargs: Any) -> JsonObject:
        """Send a request, and return the object of the response. Raise GraphError if it has no ID, as an empty response."""
        found = without_malformed_values(self.request(method, path, **kwargs))
        if not found.get('id'):
            raise GraphError('Microsoft Graph sent an incomplete response.', CHECK_PROXY)
        return found

    def create(self, path: str, **kwargs: Any) -> JsonObject:
        return self.client.create(path, retry_policy=self._retry_policy, **kwargs)

    def run_action(self, method: str, path: str, **kwargs: Any) -> None:
        self.client.run_action(method, path, retry_policy=self._retry_policy, **kwargs)

    def batch(self, items: Sequence[BatchRequest]) -> list[BatchResult]:
        return self.client.batch(items, self._retry_policy) if items else []

    def download(self, path: str, write: ByteWriter) -> None:
        self.client.download(path, write, self._retry_policy)

    def check(self, folder_ids: Iterable[str] = ()) -> None:
        """Read the ID of one message of the mailbox or, if that is refused, of one of these folders: only they may be shared.

        Raises:
            GraphError: none of them can be read.
        """
        query = {'$select': 'id'}
        try:
            self.message_page('', query, 1)
        except GraphError as error:
            if error.is_too_slow:  # the newest message may be the reason
                self.message_page('', {**query, '$skip': '1'}, 1)
                return
            if error.status not in REFUSED_STATUSES:
                raise
            for folder_id in folder_ids:
                with suppress(GraphError):
                    self.message_page(folder_id, query, 1)
                    return
            raise

    # region pages

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy of its requests."""
        return self._retry_policy or self.client.retry_policy

    def _page(
        self,
        link: str,
        path: str = '',
        query: ODataQuery | None = None,
        headers: dict[str, str] | None = None,
        is_retried: bool = True,
    ) -> JsonObject:
        """Read the page of a list that a link leads to; without a link the first page of the list at a path.

        Args:
            is_retried: False if the caller retries after an error status, maybe with a smaller page.
        Raises:
            DemistoException: the link leads to another host, which would get the token.
        """
        policy = self.policy if is_retried else self.policy._replace(retries={})
        target: JsonObject = {'full_url': self.client.require_own_link(link)} if link else {'path': path, 'params': query or {}}
        return self.client.graph_request('GET', headers=headers, retry_policy=policy, **target)

    def _pages(self, read: Callable[[str], JsonObject], link: str = '') -> Iterator[JsonObject]:
        """Yield the pages of a list from that of a link on, or all. `read` gets the link to a page, empty for the first one."""
        followed: set[str] = set()
        while True:
            if link in followed or len(followed) >= _MAX_PAGES:
                raise GraphError('Microsoft Graph sent a link to a page that was read before, or too many links.', 'Try again.')
            followed.add(link)
            page = read(link)
            yield page
            link = _link_of(page)
            if not link:
                return

    def _list(
        self,
        path: str,
        limit: int,
        query: ODataQuery | None = None,
        read: Callable[[JsonObject], list[JsonObject]] = page_rows,
    ) -> list[JsonObject]:
        """Return the first `limit` objects of a list, from as many pages as necessary. `read` returns those of a page."""
        found: list[JsonObject] = []
        for page in self._pages(partial(self._page, path=path, query=query)):
            found += read(page)
            if len(found) >= limit:
                break
        return found[:limit]

    # endregion

    def _run_once(self, run: Callable[[], Any], find_outcome: Callable[[], Any], what: str, advice: str = '', **more: Any) -> Any:
        """Return the result of an `AtMostOnceStep`: it is repeated after throttling only.

        Args:
            what: the step has done, as a clause for an error.
        """
        retries = {status: count for status, count in self.policy.retries.items() if status in (412, 429)}
        step = AtMostOnceStep(
            self.client,
            run,
            find_outcome,
            (what, advice or 'Check the mailbox before you run the command again.'),
            look_first=self.client.is_rescheduled(),
            can_resume_after=lambda error: isinstance(error, GraphThrottled) and self.client.can_reschedule(),
            **more,
        )
        return step.result(self.policy._replace(retries=retries, connection_retries=0))

    def _create_once(self, path: str, body: JsonObject, what: str, query: ODataQuery | None = None) -> JsonObject:
        """Create an object in the list at a path. If the response is unclear, look for an object with these properties."""

        def find() -> JsonObject | None:
            return next((value for value in self._list(path, MAX_PAGE_SIZE, query) if _has_properties(value, body)), None)

        create = partial(self.client.create, path, json_data=body, retry_policy=NO_RETRIES)
        found: JsonObject = self._run_once(create, find, what)
        return found

    def _delete_once(self, path: str, permanent: bool, is_deleted: Callable[[], bool], what: str) -> None:
        """Delete an object. If the response is unclear, look whether it `is_deleted`."""
        delete = partial(self.client.run_action, *deletion(path, permanent), is_idempotent=False, retry_policy=NO_RETRIES)
        self._run_once(delete, is_deleted, what)

    # region paths

    @property
    def path(self) -> str:
        """The path of the mailbox. Only ``/users/...`` works for shared mailboxes and for applications."""
        return f'/users/{path_segment(self.address, "mailbox address")}' if self.address else '/me'

    def folder_path(self, folder_id: str) -> str:
        """Return the path of a folder, by its ID or well-known name."""
        return f'{self.path}/mailFolders/{path_segment(folder_id, "folder ID")}'

    def messages_path(self, folder_id: str = '') -> str:
        """Return the path of the messages of a folder, or of the whole mailbox."""
        return f'{self.folder_path(folder_id) if folder_id else self.path}/messages'

    def message_path(self, message_id: str, folder_id: str = '') -> str:
        return f'{self.messages_path(folder_id)}/{path_segment(message_id, "message ID")}'

    def attachment_path(self, message_id: str, attachment_id: str, folder_id: str = '') -> str:
        return f'{self.message_path(message_id, folder_id)}/attachments/{path_segment(attachment_id, "attachment ID")}'

    @property
    def _rules_path(self) -> str:
        return f'{self.folder_path("inbox")}/messageRules'

    def _rule_path(self, rule_id: str) -> str:
        return f'{self._rules_path}/{path_segment(rule_id, "rule ID")}'

    # endregion
    # region messages

    def list_messages(
        self,
        folder_id: str = '',
        query: ODataQuery | None = None,
        page_size: int = 20,
        pages: int = 1,
        next_page: str = '',
        limit: int | None = None,
    ) -> tuple[list[JsonObject], str]:
        """Return messages, and the link to the next page, empty if there is none.

        Args:
            folder_id: ID or well-known name of a folder; empty for the whole mailbox.
            query: OData system query options, e.g. ``{'$filter': 'isRead eq false'}``.
            page_size: messages of a page, 1 to 1,000. Where Graph is too slow for them, several smaller pages count as one.
            pages: maximum number of pages.
            next_page: link that an earlier list ended with; it contains the arguments above, except `pages`.
            limit: maximum number of messages. If Graph sends a page with more than were requested, the first page is not cut, so
                that following its link makes progress. If a later page is cut, the returned link leads to that page, so that no
                message is skipped.
        """
        if next_page and not re.fullmatch(_MESSAGE_LIST, urlsplit(next_page).path, re.IGNORECASE):
            raise DemistoException('next_page is not the NextPage of a list of emails. Copy it from the context of a list.')
        page_size = _page_size(next_page) or page_size
        total = page_size * pages
        limit = min(limit or total, total)
        messages: list[JsonObject] = []
        link, is_first = next_page, True
        for rows, next_link in self._message_pages(folder_id, query, page_size, total, limit, next_page):
            messages += rows
            if len(messages) > limit and not is_first:
                messages = messages[:limit]
                break
            link, is_first = next_link, False
        return messages, _with_size(self.client.require_own_link(link), page_size, page_size)

    def message_page(
        self, folder_id: str = '', query: ODataQuery | None = None, size: int = 20, link: str = '', is_retried: bool = True
    ) -> tuple[list[JsonObject], str]:
        """Return one page of a list, and the link to the next one, empty if there is none.

        Args:
            folder_id, query: as in `list_messages`.
            size: messages of the page.
            link: of the page, instead of the arguments above.
            is_retried: as in `_page`.
        """
        page = self._message_page(link or self._first_page(folder_id, query, size), is_retried)
        return page_rows(page), self.client.require_own_link(_link_of(page))

    def _first_page(self, folder_id: str, query: ODataQuery | None, size: int) -> str:
        """Return the link to the first page of a list."""
        options = urlencode({**(query or {}), '$top': str(size)})
        return f'{self.client.base_url}{self.messages_path(folder_id)}?{options}'

    def _message_pages(
        self, folder_id: str, query: ODataQuery | None, page_size: int, total: int, limit: int, next_page: str = ''
    ) -> Iterator[tuple[list[JsonObject], str]]:
        """Yield the messages of each page of a list, and the link to the next one, until `limit` of them were found.

        Args:
            folder_id, query, page_size, next_page: as in `list_messages`.
            total: messages to request at most. Pages without messages count too, so that they come to an end.
        """
        first, size, top = self._first_page(folder_id, query, page_size), page_size, min(page_size, limit)
        last = ''

        def read(link: str) -> JsonObject:
            nonlocal size, top
            page, possible = self._page_in_time(lambda size: _with_size(link or first, size, page_size), top, last)
            if possible < top:
                size = top = possible
            return page

        for page in islice(self._pages(read, next_page), _MAX_PAGES):
            rows, next_link = page_rows(page), _link_of(page)
            yield rows, next_link
            last = str(rows[-1].get('receivedDateTime') or '') if rows else last
            total, limit = total - size, limit - len(rows)
            top = min(size, total, limit)
            if top <= 0:
                return

    def _page_in_time(self, link: Callable[[int], str], size: int, last: str) -> tuple[JsonObject, int]:
        """Return a page of `size` messages, or of fewer if Graph is too slow for so many, and how many it may have.

        If Graph answers that it is too slow, the page is requested again: this may be so for a moment only. Then half as many
        messages are requested (microsoft-graph-docs#5288 and #5853). One retry budget is for all sizes.

        Args:
            link: returns the link to a page of a size.
            last: received time of the last message before the page, empty if there is none.
        """
        halved = 0  # the number of retries before that of the present size

        def delay_after(error: Exception, attempt: int) -> float | None:
            nonlocal halved, size
            if not isinstance(error, GraphError):
                return None
            if error.is_too_slow and size > 1 and (attempt or error.res is None):
                size, halved = size // 2, attempt
                if error.res is None:
                    return self.policy.delay(0, None)
            if error.res is None:
                return None
            return self.client.retry_delay(self.policy, attempt - halved, error.res, is_idempotent=True)

        def step() -> JsonObject:
            return self._message_page(link(size), is_retried=False)

        try:
            return run_with_retries(step, delay_after, self.policy, self.client.clock), size
        except GraphError as error:
            if error.is_too_slow and error.status in (503, 504) and size == 1:
                place = f'the one listed after that of {last}' if last else 'the first one of the list'
                error.advice = f'Try again. If one email is the reason, it is {place}: list those received before and after it.'
            raise

    def _message_page(self, link: str, is_retried: bool) -> JsonObject:
        """Read a page of messages. `is_retried` as in `_page`.

        A message that Graph cannot read fails the page. The page is then requested without bodies, and each message by itself.
        A message that cannot be read has the properties of the list, and the reason as UNREADABLE.
        """
        try:
            return self._page(link, is_retried=is_retried)
        except GraphError as error:
            if error.status != 500 and not re.search(_UNREADABLE_CODE, error.code):
                raise
        page = self._page(_with_option(link, '$select', _WITHOUT_BODY), is_retried=is_retried)
        rows = {row['id']: row for row in page_rows(page)}
        select = _option(link, '$select')
        option = f'?$select={quote(select)}' if select else ''
        messages = []
        requests = [BatchRequest(row_id, 'GET', f'{self.message_path(row_id)}{option}', has_id=True) for row_id in rows]
        for result in self.batch(requests):
            row = rows[result.request.key]
            messages.append({**row, UNREADABLE: result.error.what} if result.error else result.body)
        return {'value': messages, '@odata.nextLink': _with_option(_link_of(page), '$select', select)}

    def created_messages(self, folder_id: str, link: str = '', select: str = '', page_size: int = 50) -> DeltaPage:
        """Return a page of the messages that were delivered, moved or restored to a folder.

        Args:
            link: link of the previous page; empty to start a delta sync, which returns all messages of the folder.
            select: properties, comma-separated; used where a sync starts.
            page_size: messages of a page, 1 to 1,000. The request is not retried after an error status.
        Raises:
            GraphError: `is_sync_state_lost` if Graph no longer knows the sync state of `link`.
        """
        path, query = f'{self.messages_path(folder_id)}/delta', {'changeType': 'created', '$select': select}
        page = self._page(link, path, query, prefer_header(f'odata.maxpagesize={page_size}'), is_retried=False)
        rows = page_rows(page)
        next_link = _link_of(page) or _link_of(page, 'deltaLink')
        if not next_link:
            raise GraphError('Microsoft Graph did not send the next link of the delta sync.', CHECK_PROXY)
        return DeltaPage(
            [row for row in rows if '@removed' not in row],
            next_link,
            '@odata.nextLink' not in page,
            [row['id'] for row in rows if '@removed' in row],
        )

    def get_message(
        self, message_id: str, folder_id: str = '', query: ODataQuery | None = None, body_type: str = ''
    ) -> JsonObject:
        """Return a message.

        Args:
            query: ``$select`` and ``$expand``.
            body_type: ``text`` or ``html``; empty for Graph's default, HTML.
        """
        headers = prefer_header(body_type_preference(body_type))
        return self._object('GET', self.message_path(message_id, folder_id), params=query, headers=headers)

    def messages_page(self, folder_id: str, query: ODataQuery, body_type: str) -> JsonObject:
        """Return the first page of a list of messages with its bodies as `body_type`."""
        headers = prefer_header(body_type_preference(body_type))
        return self.request('GET', self.messages_path(folder_id), params=query, headers=headers)

    def message_request(self, message_id: str, query: ODataQuery, body_type: str = '') -> BatchRequest:
        """Return a request for a message. Arguments as `get_message`."""
        path = f'{self.message_path(message_id)}?{urlencode(query)}'
        return BatchRequest(message_id, 'GET', path, prefer=body_type_preference(body_type))

    def find_messages(self, names: Sequence[str], folder_id: str = '') -> dict[str, str | GraphError]:
        """Return the ID of the message that each name means, or why it means none.

        Args:
            names: IDs, in any form that `graph_id` reads, or values of ``Message-ID``, in one that `message_id_forms` reads.
            folder_id: where messages are looked for by ``Message-ID``; empty for the whole mailbox.
        """
        found: dict[str, str | GraphError] = {name: graph_id(name) for name in names}
        path = f'{self.messages_path(folder_id)}?$select=id&$filter='
        searches = [
            BatchRequest(name, 'GET', f'{path}{quote(message_id_condition(forms))}')
            for name in found
            if (forms := message_id_forms(name))
        ]
        for result in self.batch(searches):
            name = result.request.key
            found[name] = _found_message(message_id_forms(name)[-1], result)
        return found

    def search(
        self, conditions: Sequence[str], matches: Callable[[JsonObject], bool], limit: int, folder_id: str = ''
    ) -> tuple[list[JsonObject], bool]:
        """Return the messages that meet all conditions, newest first, and whether there may be more.

        Args:
            conditions: of OData. The newest messages are searched first if one on the received time comes first.
            matches: checks what Graph cannot.
        """
        query = {'$filter': ' and '.join(conditions)}
        if conditions[0].startswith('receivedDateTime'):  # Graph sorts only by what comes first in the filter
            query['$orderby'] = 'receivedDateTime desc'
        try:
            found, has_more = self._search_pages(query, matches, limit, folder_id)
        except GraphError as error:
            if error.code not in _TOO_COMPLEX or not query.pop('$orderby', None):
                raise
            found, has_more = self._search_pages(query, matches, limit, folder_id)
        found.sort(key=lambda message: str(message.get('receivedDateTime')), reverse=True)
        return found[:limit], has_more or len(found) > limit

    def _search_pages(
        self, query: ODataQuery, matches: Callable[[JsonObject], bool], limit: int, folder_id: str
    ) -> tuple[list[JsonObject], bool]:
        """Return what `search` finds with a query, unsorted. The newest of an unsorted list may be on its last page."""
        found: list[JsonObject] = []
        has_more = False
        for rows, link in self._message_pages(folder_id, query, _SEARCH_PAGE, MAX_SEARCHED, MAX_SEARCHED):
            found += filter(matches, rows)
            has_more = bool(link)
            if len(found) >= limit and '$orderby' in query:
                break
        return found, has_more

    def conversation(self, conversation_id: str, select: str) -> tuple[list[JsonObject], bool]:
        """Return the messages of a conversation in all folders, oldest first, and whether these are all.

        Args:
            select: properties, comma-separated; with ``receivedDateTime``.
        """
        # Without $orderby, which Graph rejects beside this filter.
        query = {'$filter': f'conversationId eq {odata_text(conversation_id)}', '$select': f'{select},conversationIndex'}
        messages, link = self.list_messages('', query, _SEARCH_PAGE, MAX_CONVERSATION // _SEARCH_PAGE, limit=MAX_CONVERSATION)

        def age(message: JsonObject) -> tuple[str, int]:
            # Of the same second, replies come later: their index is longer than that of what they answer.
            return str(message.get('receivedDateTime')), len(message.get('conversationIndex') or '')

        return sorted(messages, key=age), not link

    def update_request(self, message_id: str, changes: JsonObject, folder_id: str = '') -> BatchRequest:
        """Return a request that changes properties, such as ``isRead``, ``categories`` and ``flag``."""
        return BatchRequest(message_id, 'PATCH', self.message_path(message_id, folder_id), changes, has_id=True)

    def change_categories(
        self, message_ids: Sequence[str], changed: Callable[[list[str]], list[str]], folder_id: str = ''
    ) -> list[BatchResult]:
        """Change the categories of messages, and overwrite nothing that others change at the same time.

        Args:
            changed: returns the new categories for those that a message has.
        Returns:
            a result for each message, with ``categories`` in its body.
        """
        reads = [BatchRequest(one, 'GET', f'{self.message_path(one, folder_id)}?$select=categories') for one in message_ids]
        results: dict[str, BatchResult] = {}
        pending = reads

        def change() -> None:
            # a new version has to be read before it can be changed: sending the update again would not help
            found = self.client.batch(pending, NO_RETRIES)
            updates = list(filter(None, (self._categories_update(result, changed, folder_id) for result in found)))
            for result in [*found, *self.client.batch(updates, NO_RETRIES)]:
                results[result.request.key] = result
            for result in results.values():
                if result.error:
                    raise result.error

        def delay_after(error: Exception, attempt: int) -> float | None:
            nonlocal pending
            if not isinstance(error, GraphError):
                return None
            waits = {read: delay for read in reads if (delay := self._delay_after(results[read.key], attempt)) is not None}
            pending = list(waits)
            return max(waits.values(), default=None)

        with suppress(GraphError):  # the results tell it
            run_with_retries(change, delay_after, self.policy, self.client.clock)
        return [results[read.key] for read in reads]

    def _delay_after(self, result: BatchResult, attempt: int) -> float | None:
        """Return the seconds to wait before a request of a batch is sent again, None if it must not be, or need not."""
        if result.error is None or result.error.res is None:
            return None
        return self.client.retry_delay(self.policy, attempt, result.error.res, is_idempotent=True)

    def _categories_update(
        self, result: BatchResult, changed: Callable[[list[str]], list[str]], folder_id: str
    ) -> BatchRequest | None:
        """Return a request that changes the categories in a result, None if there is nothing to change, or it has an error."""
        version, present = result.body.get('@odata.etag'), result.body.get('categories') or []
        if not result.error and (MALFORMED_PROPERTIES in result.body or not version):
            result.error = GraphError('Microsoft Graph did not send the version of the email.', CHECK_PROXY)
        if result.error or (categories := changed(present)) == present:
            return None
        update = self.update_request(result.request.key, {'categories': categories}, folder_id)
        return update._replace(if_match=str(version))

    def move_request(self, message_id: str, folder_id: str) -> BatchRequest:
        """Return a request that moves a message to a folder, by ID or well-known name. Its immutable ID stays."""
        # An ID that is not immutable becomes invalid: a second move would find nothing, which looks like a failure.
        return self._transfer_request(message_id, 'move', folder_id)

    def copy_request(self, message_id: str, folder_id: str) -> BatchRequest:
        """Return a request that copies a message to a folder, by ID or well-known name. The response is the copy."""
        return self._transfer_request(message_id, 'copy', folder_id)

    def _transfer_request(self, message_id: str, action: str, folder_id: str, source_id: str = '') -> BatchRequest:
        path, body = f'{self.message_path(message_id, source_id)}/{action}', {'destinationId': folder_id}
        return BatchRequest(message_id, 'POST', path, body, is_idempotent=False, has_id=True)

    def delete_request(self, message_id: str, folder_id: str = '', permanent: bool = False) -> BatchRequest:
        """Return a request that moves a message to Deleted Items, or deletes it so that its owner cannot restore it."""
        if not permanent:  # DELETE may hide it among the recoverable items at once (microsoft/work-iq#94)
            return self._transfer_request(message_id, 'move', 'deleteditems', folder_id)
        return BatchRequest(message_id, *deletion(self.message_path(message_id, folder_id), permanent), is_idempotent=False)

    def download_mime(self, message_id: str, write: ByteWriter) -> None:
        """Stream a message as MIME. It is bytes: its parts may have different encodings."""
        self.download(f'{self.message_path(message_id)}/$value', write)

    # endregion
    # region invitations

    def get_invitation(self, message_id: str) -> JsonObject:
        """Return an invitation with its ``event`` in the calendar. Raise DemistoException if it cannot be responded to."""
        query = {'$expand': 'microsoft.graph.eventMessage/event'}
        message = self.get_message(message_id, query=query)
        if message.get('meetingMessageType') != 'meetingRequest':
            raise DemistoException('The email is not an invitation to a meeting. Check message_id.')
        event = message.get('event') or {}
        if not event.get('id'):
            advice = 'Answer the email with msgraph-mail-reply-to.'
            if self.client.is_rescheduled():  # Outlook removes what was declined from the calendar
                advice = 'The command may have declined it already: look in Sent Items before you answer the email.'
            raise DemistoException(f'The meeting is not in the calendar any more. {advice}')
        if event.get('isOrganizer'):
            what = 'The mailbox is the organizer of the meeting, and cannot respond to it.'
            raise DemistoException(f'{what} Change or cancel the meeting in Outlook.')
        if event.get('isCancelled'):
            what = 'The meeting was cancelled, and needs no response.'
            raise DemistoException(f'{what} Remove it from the calendar in Outlook.')
        return message

    def respond_to_event(self, event: JsonObject, response: str, body: JsonObject) -> None:
        """Send a response to an invitation. After an unclear response, it is sent again only if that was throttling.

        Args:
            event: as `get_invitation` returns it.
            response: ``accept``, ``tentativelyAccept`` or ``decline``.
            body: ``comment`` and ``sendResponse`` of Graph.
        """
        path = f'{self.path}/events/{path_segment(event["id"], "event ID")}'
        # an earlier run may have sent what the event shows
        before = None if self.client.is_rescheduled() else event.get('responseStatus')

        def is_sent() -> bool:
            try:
                status = self.request('GET', path, params={'$select': 'responseStatus'}).get('responseStatus')
            except GraphError as error:
                if response == 'decline' and error.code in NOT_FOUND_CODES:  # it has left the calendar
                    return True
                raise
            state = status.get('response') if isinstance(status, dict) else ''
            return status != before and state == _RESPONSE_STATES[response]

        send = partial(self.client.run_action, 'POST', f'{path}/{response}', json_data=body, retry_policy=NO_RETRIES)
        advice = 'Look at the meeting in the calendar before you run the command again.'
        self._run_once(send, is_sent, 'the response was sent', advice, may_repeat=self.client.is_refusal)

    # endregion
    # region attachments

    def list_attachments(self, message_id: str, folder_id: str = '') -> list[JsonObject]:
        """Return the attachments of a message without their bytes; at most 1,000."""
        query = {'$select': ATTACHMENT_PROPERTIES, '$top': 100}
        return self._list(f'{self.message_path(message_id, folder_id)}/attachments', MAX_PAGE_SIZE, query, page_values)

    def get_attachment(self, message_id: str, attachment_id: str, folder_id: str = '') -> JsonObject:
        """Return an attachment without its bytes."""
        path = self.attachment_path(message_id, attachment_id, folder_id)
        return self._object('GET', path, params={'$select': ATTACHMENT_PROPERTIES})

    def download_attachment(self, message_id: str, attachment_id: str, write: ByteWriter, max_size: int = MAX_DOWNLOAD) -> int:
        """Stream the bytes of a file, or an item as MIME, iCalendar or vCard, and return how many they are."""
        path = f'{self.attachment_path(message_id, attachment_id)}/$value'  # below a folder, Graph refuses $value
        return self.client.download(path, write, self._retry_policy, max_size)

    def download_file(self, message_id: str, attachment: Attachment, write: ByteWriter) -> None:
        """Download an attachment. Raise GraphError if a file is far larger than listed, or empty.

        The size of an item in the list is not that of its MIME.
        """
        limit = 2 * attachment.size + 1_000_000 if attachment.attachment_type == 'file' else MAX_DOWNLOAD
        size = self.download_attachment(message_id, attachment.attachment_id, write, limit)
        if attachment.size > MAX_EMPTY and not size:
            raise GraphError(f'The file is empty, though it should have {attachment.size} bytes.', 'Try again.')

    # endregion
    # region folders

    def _folders_path(self, parent_id: str = '') -> str:
        """Return the path of the child folders of a folder, or of the folders at the top of the mailbox."""
        return f'{self.folder_path(parent_id)}/childFolders' if parent_id else f'{self.path}/mailFolders'

    def list_folders(self, limit: int = 20, parent_id: str = '') -> list[JsonObject]:
        """Return the first `limit` child folders of a folder, or folders at the top of the mailbox."""
        return self._list(self._folders_path(parent_id), limit, {'$top': min(limit, MAX_PAGE_SIZE)})

    def folder_id(self, name: str) -> str:
        """Return the ID or the well-known name of the folder that `name` means. Anything else is found by `find_folder`.

        A well-known name needs no request if it is written as Graph writes it: ``Archive`` may be a folder of the user.
        """
        folder_id = graph_id(name)
        return folder_id if is_folder_id(folder_id) else self.find_folder(name)

    def folder_names(self, folder_ids: Sequence[str]) -> dict[str, str]:
        """Return the display names of folders. Those that cannot be read are missing."""
        lookups = [
            BatchRequest(folder_id, 'GET', f'{self.folder_path(folder_id)}?$select=displayName') for folder_id in folder_ids
        ]
        results = self.client.batch(lookups, NO_RETRIES)  # names are not worth a wait
        names = {result.request.key: result.body.get('displayName') for result in results}
        return {folder_id: str(name) for folder_id, name in names.items() if name}

    def find_folder(self, name: str) -> str:
        """Return the ID of a folder.

        Args:
            name: an ID, a well-known name, or a path of display names as `slash_path` takes it. Hidden folders, and those after
                the first 1,000, are not found.
        Raises:
            DemistoException: there is no such folder.
        """
        parts = re.findall(r'(?:\\.|[^/\\])+', slash_path(name))
        path = [re.sub(r'\\(.)', r'\1', part).strip() for part in parts if part.strip()]
        if not path:
            raise DemistoException(f"'{name}' is not a folder. Enter a name, an ID, or a path such as Inbox/Phishing.")
        folder_id, parent = '', 'the mailbox'
        for part in path:
            folder_id = self._child_folder(part, folder_id) if folder_id else self._top_folder(part)
            if not folder_id:
                advice = 'Write a path as Inbox/Phishing, and a slash in a name as \\/.'
                raise DemistoException(f"There is no folder '{part}' in {parent}. {advice}")
            parent = f"'{part}'"
        return folder_id

    def _top_folder(self, name: str) -> str:
        """Return the ID of a folder that `name` means: an ID, a display name at the top, or a well-known name as people write it.

        Display names come first, unless it is written as Graph writes it: a user may have a folder ``Scheduled``.
        """
        require_path_segment(name, 'folder ID')  # before anything is sent
        folder_id = self._property_if_found(name) if is_folder_id(name) else None
        known_name = well_known_folder(name) or name
        try:
            folder_id = folder_id or self._child_folder(name)
        except GraphError as error:
            folder_id = self._property_if_found(known_name) if error.status in REFUSED_STATUSES else None
            if not folder_id:
                raise
        return folder_id or self._property_if_found(known_name) or ''

    def _child_folder(self, name: str, parent_id: str = '') -> str:
        """Return the ID of a child folder with a display name, or one that looks the same; empty if there is none."""
        found = [
            one for one in self.list_folders(MAX_PAGE_SIZE, parent_id) if comparable(one.get('displayName')) == comparable(name)
        ]
        found.sort(key=lambda folder: folder['displayName'] != name)
        return str(found[0]['id']) if found else ''

    def folder_property(self, folder_id: str, name: str = 'id') -> str:
        """Return a property of the folder with that ID or well-known name, empty if it has none."""
        query = {'$select': ','.join(dict.fromkeys(('id', name)))}
        return str(self._object('GET', self.folder_path(folder_id), params=query).get(name) or '')

    def _property_if_found(self, folder_id: str, name: str = 'id') -> str | None:
        """Return a property of a folder as `folder_property`, None if there is no such folder."""
        try:
            return self.folder_property(folder_id, name)
        except GraphError as error:
            if error.status == 400 or error.code in NOT_FOUND_CODES:  # 400: a name may not be a valid path
                return None
            raise

    def create_folder(self, name: str, parent_id: str = '') -> JsonObject:
        """Create a folder in a parent folder, or at the top of the mailbox, and return it."""
        return self._create_once(self._folders_path(parent_id), {'displayName': name}, 'the folder was created', {'$top': 100})

    def update_folder(self, folder_id: str, name: str) -> JsonObject:
        """Rename a folder, and return it."""
        return self._object('PATCH', self.folder_path(folder_id), json_data={'displayName': name}, is_idempotent=True)

    def delete_folder(self, folder_id: str, permanent: bool = False) -> None:
        """Delete a folder with its contents, which usually moves it to Deleted Items, or delete it permanently."""

        def is_deleted() -> bool:
            deleted_items = None if permanent else self._property_if_found('deleteditems')
            return self._property_if_found(folder_id, 'parentFolderId') in (None, deleted_items)

        self._delete_once(self.folder_path(folder_id), permanent, is_deleted, 'the folder was deleted')

    # endregion
    # region rules and settings

    def list_rules(self, limit: int) -> list[JsonObject]:
        """Return the first `limit` rules of the inbox."""
        return self._list(self._rules_path, limit)

    def get_rule(self, rule_id: str) -> JsonObject:
        return self._object('GET', self._rule_path(rule_id))

    def create_rule(self, rule: JsonObject) -> JsonObject:
        """Create a rule of the inbox from a ``messageRule`` of Graph, and return it. By default it is enabled, and the first."""
        # Graph requires a sequence, and creates a rule without isEnabled disabled (demisto/content#44324).
        rule = {'sequence': 1, 'isEnabled': True, **rule}
        return self._create_once(self._rules_path, rule, 'the rule was created')

    def update_rule(self, rule_id: str, changes: JsonObject) -> JsonObject:
        """Change properties of a rule, and return it."""
        return self._object('PATCH', self._rule_path(rule_id), json_data=changes, is_idempotent=True)

    def delete_rule(self, rule_id: str) -> None:
        def is_deleted() -> bool:
            return all(rule['id'] != rule_id for rule in self.list_rules(MAX_PAGE_SIZE))

        self._delete_once(self._rule_path(rule_id), False, is_deleted, 'the rule was deleted')

    def get_settings(self, name: str = '') -> JsonObject:
        """Return the settings of the mailbox by Graph's names, or only the one called `name`."""
        path = f'{self.path}/mailboxSettings'
        found = self.request('GET', f'{path}/{path_segment(name, "setting name")}' if name else path)
        value = without_annotations(found)
        if not value or not (name or {'timeZone', 'automaticRepliesSetting'} & set(value)):
            raise GraphError('Microsoft Graph sent a response without the settings.', CHECK_PROXY)
        if not name:
            return found
        return {name: value['value'] if set(value) == {'value'} else value}

    def set_automatic_replies(self, replies: JsonObject) -> JsonObject:
        """Change properties of the automatic replies, and return them as ``automaticRepliesSetting`` of Graph."""
        body = {'automaticRepliesSetting': replies}
        found = self.request('PATCH', f'{self.path}/mailboxSettings', json_data=body, is_idempotent=True)
        changed = found.get('automaticRepliesSetting')
        if not isinstance(changed, dict):
            raise GraphError(
                'Microsoft Graph did not confirm the automatic replies.', 'Check them with msgraph-mail-get-settings.'
            )
        return without_malformed_values(changed)

    def list_categories(self) -> list[JsonObject]:
        """Return the master list of categories as ``outlookCategory`` of Graph."""
        return self._list(f'{self.path}/outlook/masterCategories', MAX_PAGE_SIZE)

    def get_mailtips(self, addresses: Sequence[str]) -> list[JsonObject]:
        """Return the ``mailTips`` of Graph for each address."""
        tips: list[JsonObject] = []
        for start in range(0, len(addresses), _MAX_TIPS):
            body = {'EmailAddresses': list(addresses[start : start + _MAX_TIPS]), 'MailTipsOptions': _MAIL_TIPS}
            found = self.request('POST', f'{self.path}/getMailTips', json_data=body, is_idempotent=True)
            page = [tip for tip in page_values(found) if isinstance(tip, dict)]
            if not page:
                raise GraphError('Microsoft Graph sent a list without usable items.', CHECK_PROXY)
            tips += page
        return tips

    # endregion
    # region drafts

    def find_in_folder(self, folder_id: str, condition: str, headers: dict[str, str]) -> list[JsonObject]:
        """Return the first messages of a folder that meet a condition of OData. `headers` are those of the request."""
        return page_rows(self.request('GET', self.messages_path(folder_id), headers=headers, params={'$filter': condition}))

    def open_upload_session(self, message_id: str, item: JsonObject) -> str:
        """Return the URL of an upload session, which is a secret; empty if Graph sends none. `item` is an ``attachmentItem``."""
        path = f'{self.message_path(message_id)}/attachments/createUploadSession'
        return str(self.request('POST', path, json_data={'AttachmentItem': item}).get('uploadUrl') or '')

    def remove_attachment(self, message_id: str, attachment_id: str) -> None:
        self.run_action('DELETE', self.attachment_path(message_id, attachment_id), is_idempotent=False)

    def send_draft(self, message_id: str) -> None:
        self.run_action('POST', f'{self.message_path(message_id)}/send')

    def send_mail(self, message: JsonObject) -> None:
        """Send a ``message`` of Graph in one request, without a copy in Sent Items."""
        self.run_action('POST', f'{self.path}/sendMail', json_data={'message': message, 'saveToSentItems': False})

    # endregion


def _has_properties(value: Any, part: Any) -> bool:
    """Return whether an object has all properties of another one, with their values."""
    if isinstance(value, dict) and isinstance(part, dict):
        return all(name in value and _has_properties(value[name], expected) for name, expected in part.items())
    return bool(value == part)


def slash_path(path: str) -> str:
    """Return a path of folders as ``Inbox/Phishing``. Outlook writes backslashes, and the address of the mailbox before them.

    ``\\\\``, ``\\/``, ``\\,`` and ``\\;`` are escapes: the character is part of a name.
    """
    path = re.sub(r'(\\[\\/,;])|\\', lambda found: found[1] or '/', path.strip())
    return re.sub(r'^\\\\[^/@]*@[^/@]*(?:/|$)', '', path)


def split_folder_list(text: str) -> list[str]:
    """Split a list of folders at its commas, except those after a backslash."""
    return [name.strip() for name in re.findall(r'(?:\\.?|[^,\\])+', text) if name.strip()]


class GraphMailClient(GraphClient):
    """Send requests about mail.

    Args:
        address: address or ID of the mailbox that commands work in by default; empty for that of the signed-in user.
        legacy_names: see `Attachment.received_name`.
        kwargs: as GraphClient takes them.
    Attributes:
        mailbox: that mailbox.
    """

    def __init__(self, address: str = '', legacy_names: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.mailbox = Mailbox(self, address)
        self.legacy_names = legacy_names


# endregion

# region files

_ITEM_EXTENSIONS = {b'BEGIN:VCALENDAR': '.ics', b'BEGIN:VCARD': '.vcf'}


class SavedFile(NamedTuple):
    """A file in the folder from which the platform takes the files of entries and incidents.

    Args:
        entry: the entry of the file.
        sha256: hexadecimal digest of its bytes.
    """

    entry: JsonObject
    sha256: str

    @property
    def name(self) -> str:
        return str(self.entry['File'])

    def read(self, max_size: int) -> bytes | None:
        """Return the bytes of the file, None if it has more than `max_size`."""
        with open(_file_path(self.entry), 'rb') as file:
            content = file.read(max_size + 1)
        return content if len(content) <= max_size else None

    def remove(self) -> None:
        """Delete a file that is not needed after all."""
        os.remove(_file_path(self.entry))


_MAX_START = 64_000  # bytes


def save_file(
    name: str,
    download: Callable[[ByteWriter], Any],
    is_item: bool = False,
    name_from: Callable[[bytes], str] | None = None,
) -> SavedFile:
    """Save a file chunk by chunk. If that fails, nothing of it remains.

    Args:
        download: writes the file with the function that it gets.
        is_item: it is an Outlook item, which gets the extension of its format.
        name_from: returns another name, from the first 64,000 bytes.
    """
    entry: JsonObject = fileResult(name, b'')

    def save() -> tuple[str, bytes]:
        digest, start = hashlib.sha256(), bytearray()
        with open(_file_path(entry), 'wb') as file:

            def write(chunk: bytes) -> None:
                start.extend(chunk[: _MAX_START - len(start)])
                digest.update(chunk)
                file.write(chunk)

            download(write)
        return digest.hexdigest(), bytes(start)

    try:
        digest, start = retry_broken_transfer(save)
    except BaseException:
        os.remove(_file_path(entry))
        raise
    if name_from:
        entry['File'] = name_from(start)
    if is_item:
        extension = next((found for mark, found in _ITEM_EXTENSIONS.items() if start.startswith(mark)), '.eml')
        entry['File'] = name if name.lower().endswith(extension) else file_name(name + extension)
    return SavedFile(entry, digest)


def _file_path(entry: JsonObject) -> str:
    return f'{demisto.investigation()["id"]}_{entry["FileID"]}'


# endregion
