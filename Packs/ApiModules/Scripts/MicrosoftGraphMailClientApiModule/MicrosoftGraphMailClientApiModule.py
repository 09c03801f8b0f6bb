"""Read and organize one mailbox in Microsoft Graph. No commands."""

import base64
import io
import itertools
import json
import mimetypes
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import unescape
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, unquote_plus, urlsplit

import demistomock as demisto
import requests

with suppress(ImportError):  # in a built pack these names are already in the same file
    from CommonServerPython import LOG, DemistoException, fileResult
    from MicrosoftCoreApiModule import AZURE_WORLDWIDE_CLOUD, AzureCloud, json_or_none, retry_after_seconds
    from MicrosoftApiModule import CommandThrottled, MicrosoftClient

# region errors


class GraphError(DemistoException):
    """Microsoft Graph refused a request, or gave no usable answer.

    Args:
        what: one sentence that says what happened.
        advice: one sentence that says what to do.
        code: Graph's name of the error, such as ``ErrorItemNotFound``; empty if it gave none.
        response: what came; None if nothing did.
    """

    def __init__(self, what: str, advice: str, code: str = '', response: requests.Response | None = None):
        self.what = what
        self.advice = advice
        self.code = code
        self.status = 0 if response is None else response.status_code
        self.request_id = '' if response is None else response.headers.get('request-id', '')
        DemistoException.__init__(self, what, res=response)

    @property
    def is_about_permissions(self) -> bool:
        """Whether signing in worked, but does not allow this."""
        return self.status == 403 or self.code == 'NoPermissionsInAccessToken'

    @property
    def is_sync_state_lost(self) -> bool:
        """Whether the link belongs to a round of changes that Graph no longer knows: it has to begin anew."""
        return self.status == 410 or 'syncstatenotfound' in self.code.lower()

    def __str__(self) -> str:
        # Microsoft's support finds the request by its ID.
        request_id = f'Request ID: {self.request_id}' if self.request_id else ''
        return ' '.join(part for part in (self.what, self.advice, request_id) if part)


class GraphThrottled(GraphError, CommandThrottled):
    """Microsoft Graph throttles the command for longer than the retry budget."""

    def __init__(self, error: GraphError, seconds: float):
        super().__init__(error.what, error.advice, error.code, error.res)
        self.seconds = seconds


_CHECK_MAILBOX = 'Check the address of the mailbox.'


_CHECK_ID = 'Check the ID, and that it is one of this mailbox.'


_NOT_GRAPH = 'A proxy or a wrong address may stand between: check the proxy and the cloud setting.'


_ADVICE_BY_GRAPH_CODE = {
    'ErrorInvalidIdMalformed': _CHECK_ID,
    'ErrorItemNotFound': _CHECK_ID,
    'ErrorInvalidUser': _CHECK_MAILBOX,
    'Request_ResourceNotFound': _CHECK_MAILBOX,
    'ResourceNotFound': _CHECK_MAILBOX,
    'MailboxNotEnabledForRESTAPI': 'The account has no mailbox in Exchange Online: check the address of the mailbox.',
    'ErrorFolderExists': 'Choose another name, or another folder to put it in.',
    'ErrorDeleteDistinguishedFolder': 'Name a folder that was made by somebody, not one that every mailbox has.',
}


_ADVICE_BY_STATUS = {
    401: 'Check the cloud setting, and that the account was not disabled.',
    403: 'Check that the permission was granted, and that whoever is signed in may open this mailbox.',
    404: _CHECK_ID,
}


def graph_error(response: requests.Response, now: float) -> GraphError:
    """Reads an error answer into an error with advice. `now` is in seconds since the epoch."""
    body, status = json_or_none(response), response.status_code
    error = body.get('error') if isinstance(body, dict) else None
    busy = status == 429 or status >= 500
    wait = retry_after_seconds(response, now) if busy else None
    later = f'Try again in {wait:.0f} seconds.' if wait else 'Try again in a few minutes.'
    if 300 <= status < 400:
        return GraphError(
            f'Microsoft Graph redirected the request (HTTP status {status}), which is not allowed.', _NOT_GRAPH, '', response
        )
    if not isinstance(error, dict):
        return GraphError(f'Microsoft Graph answered with HTTP status {status}.', later if busy else _NOT_GRAPH, '', response)
    code, message = str(error.get('code') or ''), str(error.get('message') or 'no reason given')
    advice = _ADVICE_BY_GRAPH_CODE.get(code, _ADVICE_BY_STATUS.get(status, 'Check the arguments of the command.'))
    reason = LOG.encode(f'{code}: {message}' if code else message)  # services sometimes say what they were sent
    return GraphError(f'Microsoft Graph refused the request: {reason.rstrip(". ")}.', later if busy else advice, code, response)


# endregion

# region paths and queries


def path_segment(value: str, name: str) -> str:
    """Quotes an ID or an address, so that it stays one segment of a path whatever it holds.

    Args:
        name: what it is, for the error.
    Raises:
        DemistoException: `value` is empty, or means another folder of the path, quoted or not.
    """
    if not value:
        raise DemistoException(f'The {name} is missing. Enter the {name} as Microsoft Graph gave it.')
    if value in ('.', '..'):
        raise DemistoException(f"'{value}' is no {name}. Enter the {name} as Microsoft Graph gave it.")
    return quote(value, safe='@')


def odata_query(text: str, search: str = '') -> dict[str, str]:
    """Reads OData options as users write them in one line, ``$filter=isRead eq false&$select=subject``.

    Args:
        text: as it would stand in an address, URL-encoded or not.
        search: words for ``$search``; Graph wants them in double quotes.
    Raises:
        DemistoException: an option is none, stands there twice, or goes with none of the others.
    """
    # Where blanks were left as they are, so were plus signs, as in the time zone of a date.
    decode = unquote if ' ' in text.strip() else unquote_plus
    query: dict[str, str] = {}
    # An ampersand in a value, such as subject eq 'R&D' or 'Q&A=1', parts nothing: an even number of quotes follows one that does.
    parting = r"&+(?=(?:\$|%24)?\w+=)(?=(?:[^']*'[^']*')*[^']*$)"
    for option in filter(None, re.split(parting, text.strip().lstrip('?').strip('&'))):
        name, _, value = map(decode, option.partition('='))
        if not name.startswith('$'):
            raise DemistoException(f"'{name}' in odata is no OData option. Write options as $filter=..., joined by &.")
        if name == '$top':
            raise DemistoException('$top in odata is the same as page_size. Use page_size instead.')
        if name in query:
            raise DemistoException(f'{name} stands twice in odata. Join the two into one.')
        query[name] = value
    return {**query, **_search_option(search.strip(), query)}


def _search_option(search: str, query: dict[str, str]) -> dict[str, str]:
    if not search:
        return {}
    for name in ('$search', '$filter', '$orderby'):
        if name in query:
            raise DemistoException(
                f'Microsoft Graph does not take {name} together with a search. Leave out search, or {name} in odata.'
            )
    escaped = search.replace('\\', '\\\\').replace('"', '\\"')
    return {'$search': f'"{escaped}"'}


# endregion

# region text of HTML

_BLOCK = re.compile('address|blockquote|br|dd|div|d[lt]|h[1-6r]|li|[ou]l|p|pre|table|tr', re.IGNORECASE)


# Mails come from attackers too: each alternative ends at the end of the text at the latest, so that nothing is scanned twice.
_REST_OF_TAG = r"""(?:[^>=]+|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?)*(?:>|\Z)"""


_MARKUP = re.compile(
    r'<!--(?:-?>|.*?(?:--!?>|\Z))'
    rf'|<(?P<hidden>script|style|template|title)(?=[\s/>]){_REST_OF_TAG}.*?(?:</(?P=hidden)[^>]*(?:>|\Z)|\Z)'
    rf'|</?(?P<name>[a-z][^\s/>]*){_REST_OF_TAG}'
    r'|<[!?/][^>]*(?:>|\Z)'
    r'|&#\d{8,};?',  # not a character, and maybe of more digits than Python converts
    re.IGNORECASE | re.DOTALL,
)


def html_to_text(html: str, max_length: int | None = None) -> str:
    """Return the text of HTML that a reader sees. Lines end where blocks do, and not within ``pay<b>pal</b>.com``.

    Args:
        max_length: maximum number of characters; HTML after them is not read.
    """
    parts: list[str] = []
    length = end = 0
    for found in _MARKUP.finditer(html):
        part = unescape(html[end : found.start()])
        parts += (part, '\n' if _BLOCK.fullmatch(found['name'] or '') else '')
        end = found.end()
        length += len(''.join(part.split()))
        if max_length is not None and length > max_length:
            break
    else:
        parts.append(unescape(html[end:]))
    lines = (' '.join(line.split()) for line in ''.join(parts).splitlines())
    return '\n'.join(filter(None, lines))[:max_length]


# endregion

# region batches

MAX_BATCH_SIZE = 20  # requests, which Graph sends on to a mailbox 4 at a time


class BatchItem(NamedTuple):
    """One request of a batch.

    Args:
        name: what it is about, for whoever reads the result: as a rule the ID of a message.
        path: quoted, below ``/v1.0``.
        body: goes as JSON.
        is_idempotent: doing it twice comes to the same as doing it once, so it is sent again when it may have been carried out.
        prefer: more of the header ``Prefer``, such as the form of a body.
    """

    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    is_idempotent: bool = True
    prefer: str = ''

    def as_json(self, number: int) -> dict[str, Any]:
        """How Graph takes it. `number` is its ID among the requests of the batch."""
        headers = {'Prefer': ', '.join(filter(None, (_IMMUTABLE_IDS, self.prefer)))}
        request: dict[str, Any] = {'id': str(number), 'method': self.method, 'url': self.path, 'headers': headers}
        if self.body is not None:
            headers['Content-Type'] = 'application/json'
            request['body'] = self.body
        return request


class BatchResult:
    """What became of one request of a batch: the JSON object of its answer, or its bytes where it has some, or an error."""

    def __init__(
        self, item: BatchItem, answer: dict[str, Any] | None = None, error: GraphError | None = None, content: bytes | None = None
    ):
        self.item = item
        self.answer = answer or {}
        self.error = error
        self.content = content


def _response_in_batch(answer: dict[str, Any]) -> requests.Response:
    """An answer inside of a batch, as if it had come by itself."""
    response = requests.Response()
    response.status_code = int(answer['status'])
    response.headers.update(answer.get('headers') or {})
    response.raw = io.BytesIO(json.dumps(answer.get('body')).encode())
    return response


def _bytes_in_batch(body: Any) -> bytes | None:
    """The bytes of an answer that is no JSON; None where it is, or cannot be read."""
    try:
        return base64.b64decode(body, validate=True) if isinstance(body, str) else None
    except ValueError:
        return None


def _failed_item(item: BatchItem, error: GraphError) -> BatchResult:
    """The result of a request that was sent, and was answered with `error`, or not at all."""
    is_refused = 400 <= error.status < 500
    if not (is_refused or item.is_idempotent):
        error = GraphError(
            f'Whether this was done is not known. {error.what}',
            'Look into the folders before you run the command on it again.',
            error.code,
            error.res,
        )
    return BatchResult(item, error=error)


# endregion

# region client

# Ids that survive the move of a message to another folder.
# Source: https://learn.microsoft.com/graph/outlook-immutable-id
_IMMUTABLE_IDS = 'IdType="ImmutableId"'


_GRAPH_OK_CODES = (200, 201, 202, 204, 206)


MAX_PAGE_SIZE = 1000  # messages


# Source: https://learn.microsoft.com/graph/outlook-large-attachments
MAX_FILE_SIZE = 150 * 1024 * 1024  # bytes


_FOLDER_ID = 'ID of a folder'


_DOWNLOAD_CHUNK = 256 * 1024  # bytes


# What tells attachments apart, without their bytes. The content ID is one of files only.
ATTACHMENT_PROPERTIES = 'id,name,contentType,size,isInline,lastModifiedDateTime,microsoft.graph.fileAttachment/contentId'


_MAIL_TIPS = (
    'automaticReplies, mailboxFullStatus, customMailTip, externalMemberCount, totalMemberCount, maxMessageSize, '
    'deliveryRestriction, moderationStatus, recipientScope'
)


class GraphMailClient(MicrosoftClient):
    """Reads and changes mail.

    Args:
        mailbox: address or ID of the mailbox that is meant where a call names none; empty means the signed-in user's own.
        azure_cloud: whose Microsoft Graph is asked.
        kwargs: as MicrosoftClient.
    """

    def __init__(self, mailbox: str = '', azure_cloud: AzureCloud = AZURE_WORLDWIDE_CLOUD, **kwargs: Any):
        self.mailbox = mailbox
        graph = azure_cloud.endpoints.microsoft_graph_resource_id.rstrip('/')
        super().__init__(base_url=f'{graph}/v1.0', azure_cloud=azure_cloud, **kwargs)

    def mailbox_path(self, user_id: str = '') -> str:
        """The path of a mailbox. Only ``/users/...`` works for shared mailboxes and for applications."""
        mailbox = user_id or self.mailbox
        return f'/users/{path_segment(mailbox, "address of a mailbox")}' if mailbox else '/me'

    def graph_request(self, method: str, path: str = '', **kwargs: Any) -> dict[str, Any]:
        """Sends a request to Graph, and gives the JSON object of its answer; an empty one where Graph has nothing to say.

        Args:
            path: quoted, below ``/v1.0``.
            kwargs: as `http_request` takes them.
        Raises:
            GraphError: Graph answered with an error, not with JSON, or not at all.
            MicrosoftSignInError: signing in did not work.
        """
        response = self._answer(method, path, **kwargs)
        if response.status_code in (202, 204):
            return {}
        answer = json_or_none(response)
        if not isinstance(answer, dict):
            raise GraphError('Microsoft Graph answered with something that is not a JSON object.', _NOT_GRAPH, response=response)
        return answer

    def create(self, path: str, method: str = 'POST', **kwargs: Any) -> dict[str, Any]:
        """Create an object, and return it. Arguments as `graph_request`.

        Raises:
            GraphError: also if the response has no ID, which does not tell whether the object was created.
        """
        response = self._answer(method, path, **kwargs)
        created = json_or_none(response)
        if response.status_code not in (200, 201) or not (isinstance(created, dict) and created.get('id')):
            raise GraphError(
                'Microsoft Graph did not confirm that the object was created.',
                'Check whether it exists before you try again.',
                '',
                response,
            )
        return created

    def _answer(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {'Prefer': _IMMUTABLE_IDS, **kwargs.pop('headers', {})}
        try:
            return self.send_request(
                method,
                path,
                headers=headers,
                ok_codes=_GRAPH_OK_CODES,
                error_handler=self._raise_graph_error,
                allow_redirects=False,  # the token and the mail in the request go to no other host
                **kwargs,
            )
        except CommandThrottled as error:
            raise GraphThrottled(graph_error(error.res, self.clock.now()), error.seconds) from None
        except (DemistoException, requests.exceptions.RequestException) as error:
            outage = self._outage(error)
            if outage:
                raise outage from error
            raise

    def download(self, path: str, write: Callable[[bytes], Any]) -> None:
        """Streams the bytes of an answer, untouched, a piece at a time.

        Args:
            path: quoted, below ``/v1.0``.
            write: takes each piece: the `write` of a file, the `update` of a hash.
        Raises:
            GraphError: as `graph_request`, also where the connection breaks on the way, or the bytes are not Graph's.
        """
        response = self._answer('GET', path, headers={'Accept': '*/*'}, stream=True)
        with response:
            if 'request-id' not in response.headers:  # the page of a proxy must not pass for the file that it withholds
                raise GraphError('What came in place of the file is not from Microsoft Graph.', _NOT_GRAPH, response=response)
            try:
                for chunk in response.iter_content(_DOWNLOAD_CHUNK):
                    write(chunk)
            except requests.exceptions.RequestException as error:
                raise (self._outage(error) or error) from error

    def _raise_graph_error(self, response: requests.Response) -> None:
        raise graph_error(response, self.clock.now())

    def _outage(self, error: Exception) -> GraphError | None:
        """Return the error to raise when no answer came, None when it did, or the platform explains a fault of TLS or proxy."""
        cause = getattr(error, 'exception', error)
        is_clear = cause is not error and isinstance(cause, (requests.exceptions.SSLError, requests.exceptions.ProxyError))
        if is_clear or not isinstance(cause, requests.exceptions.RequestException):
            return None
        in_time = ' in time' if isinstance(cause, requests.exceptions.Timeout) else ''
        return GraphError(
            f'Microsoft Graph at {urlsplit(self._base_url).netloc} did not answer{in_time}.',
            'Try again, and check that the engine may reach it, the proxy and the cloud setting.',
        )

    def is_own_link(self, link: str) -> bool:
        """Whether a link leads to the host of this client, or there is none."""
        own, other = urlsplit(self._base_url.lower()), urlsplit(link.lower())
        return not link or (own.scheme, own.netloc) == (other.scheme, other.netloc)

    def next_page(self, link: str, **kwargs: Any) -> dict[str, Any]:
        """Follows an ``@odata.nextLink``. `kwargs` are as `http_request` takes them.

        Raises:
            DemistoException: it leads to another host, and would take the token there.
        """
        if not self.is_own_link(link):
            raise DemistoException(f'The link to the next page leads to another host, so it was not followed. {_NOT_GRAPH}')
        return self.graph_request('GET', full_url=link, **kwargs)

    def list_all(self, path: str, limit: int, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The first `limit` objects of a list, over as many pages as it takes.

        Args:
            path: quoted, below ``/v1.0``.
            query: OData system query options.
        """
        answer = self.graph_request('GET', path, params=query or {})
        found = list(answer.get('value') or [])
        while len(found) < limit and answer.get('@odata.nextLink'):
            answer = self.next_page(answer['@odata.nextLink'])
            found += answer.get('value') or []
        return found[:limit]

    def batch(self, items: Sequence[BatchItem]) -> list[BatchResult]:
        """Sends many requests in few. Each has a result of its own: one that is refused stops none of the others.

        Throttled ones, and no others, are sent again after the time that Graph asks for, within the retry budget in total.

        Returns:
            The results, in the order of `items`.
        """
        results: list[BatchResult] = []
        retry_budget = self.retry_policy.budget
        for start in range(0, len(items), MAX_BATCH_SIZE):
            chunk = items[start : start + MAX_BATCH_SIZE]
            try:
                answered, retry_budget = self._batch_with_retries(chunk, retry_budget)
            except GraphError as error:  # the batch as a whole: what follows would fare no better, and is not sent
                return [
                    *results,
                    *(_failed_item(item, error) for item in chunk),
                    *(BatchResult(item, error=error) for item in items[start + MAX_BATCH_SIZE :]),
                ]
            results += answered
        return results

    def _batch_with_retries(self, items: Sequence[BatchItem], retry_budget: float) -> tuple[list[BatchResult], float]:
        """The results of up to 20 requests, and how many seconds of patience are left. Raises GraphError if none was answered."""
        results: dict[int, BatchResult] = {}
        waiting: list[int] = list(range(len(items)))
        for tries in itertools.count():
            try:
                answers = self._send_batch(items, waiting)
            except GraphError as error:
                if not results:
                    raise
                results |= {number: _failed_item(items[number], error) for number in waiting}
                break  # the others were answered before
            results |= {number: self._batch_result(items[number], answers.get(number)) for number in waiting}
            waits = {
                number: wait
                for number, response in answers.items()
                if (wait := self.retry_delay(self.retry_policy, tries, response, items[number].is_idempotent)) is not None
            }
            if not waits or max(waits.values()) > retry_budget:
                break
            self.clock.sleep(max(waits.values()))
            retry_budget -= max(waits.values())
            waiting = list(waits)
        return [results[number] for number in range(len(items))], retry_budget

    def _send_batch(self, items: Sequence[BatchItem], numbers: Sequence[int]) -> dict[int, requests.Response]:
        """The answers to some of `items`, by their numbers; one that Graph left out is not there."""
        answer = self.graph_request(
            'POST',
            '/$batch',
            json_data={'requests': [items[number].as_json(number) for number in numbers]},
            is_idempotent=all(items[number].is_idempotent for number in numbers),
        )
        wanted = {str(number): number for number in numbers}
        answers = {
            wanted[one['id']]: _response_in_batch(one)
            for one in answer.get('responses') or []
            if one.get('id') in wanted and one.get('status')
        }
        for response in answers.values():
            if self._counts_requests and response.status_code not in _GRAPH_OK_CODES:
                self._update_metrics(response, success=False)  # the batch as a whole is counted as a success
        return answers

    def _batch_result(self, item: BatchItem, response: requests.Response | None) -> BatchResult:
        if response is None:
            return _failed_item(
                item, GraphError('Microsoft Graph answered other requests of the batch, but not this one.', 'Try again.')
            )
        if response.status_code in _GRAPH_OK_CODES:
            answer = json_or_none(response)
            return BatchResult(item, answer if isinstance(answer, dict) else {}, content=_bytes_in_batch(answer))
        return _failed_item(item, graph_error(response, self.clock.now()))

    # region messages

    def message_path(self, message_id: str, user_id: str = '', folder_id: str = '') -> str:
        """The path of a message, through its folder where one is named."""
        folder = f'/mailFolders/{path_segment(folder_id, _FOLDER_ID)}' if folder_id else ''
        return f'{self.mailbox_path(user_id)}{folder}/messages/{path_segment(message_id, "ID of a message")}'

    def list_messages(
        self,
        user_id: str = '',
        folder_id: str = '',
        query: dict[str, str] | None = None,
        page_size: int = 20,
        pages: int = 1,
        next_page: str = '',
        limit: int | None = None,
    ) -> tuple[list[dict[str, Any]], str]:
        """Lists messages.

        Args:
            folder_id: ID or well-known name of a folder; empty means the whole mailbox.
            query: OData system query options, e.g. ``{'$filter': 'isRead eq false'}``.
            page_size: messages of one page, 1 to 1,000.
            pages: how many pages at most.
            next_page: the link that an earlier list ended with, to go on there; it holds all of the above but `pages`.
            limit: how many messages at most. The first page is never cut, so that going on by its link comes forward.
        Returns:
            The messages as Graph sends them, and the link to the next page, empty if there is none. Where `limit` cut a page,
            the link leads to that page once more, so that none is passed over.
        """
        folder = f'/mailFolders/{path_segment(folder_id, _FOLDER_ID)}' if folder_id else ''
        path = f'{self.mailbox_path(user_id)}{folder}/messages'
        answer = (
            self.next_page(next_page)
            if next_page
            else self.graph_request('GET', path, params={**(query or {}), '$top': page_size})
        )
        messages = list(answer.get('value') or [])
        link = answer.get('@odata.nextLink') or ''
        for _ in range(pages - 1):
            if not link or (limit and len(messages) >= limit):
                break
            answer = self.next_page(link)
            messages += answer.get('value') or []
            if limit and len(messages) > limit:
                return messages[:limit], link
            link = answer.get('@odata.nextLink') or ''
        return messages, link

    def created_messages(
        self, folder_id: str, link: str = '', select: str = '', page_size: int = 50, user_id: str = ''
    ) -> tuple[list[dict[str, Any]], str, bool]:
        """One page of the messages that entered a folder: delivered, moved or restored to it.

        Args:
            link: where the page before it said to go on; empty begins a round anew, with all that is in the folder.
            select: properties, with commas between; of a round that goes on they are those of its beginning.
            page_size: messages of one page, 1 to 1,000.
        Returns:
            The messages, where to go on, and whether the round is over: going on then shows what entered since.
        Raises:
            GraphError: `is_sync_state_lost` where Graph does not know the round of `link` any more.
        """
        headers = {'Prefer': f'{_IMMUTABLE_IDS}, odata.maxpagesize={page_size}'}
        if link:
            answer = self.next_page(link, headers=headers)
        else:
            query = {'changeType': 'created', '$select': select}
            answer = self.graph_request(
                'GET', f'{self.folder_path(folder_id, user_id)}/messages/delta', params=query, headers=headers
            )
        present = [message for message in answer.get('value') or [] if '@removed' not in message]
        advance = answer.get('@odata.nextLink') or answer.get('@odata.deltaLink')
        if not advance:
            raise GraphError('Microsoft Graph did not say where the changes of the folder go on.', _NOT_GRAPH)
        return present, advance, '@odata.nextLink' not in answer

    def get_message(
        self, message_id: str, user_id: str = '', folder_id: str = '', query: dict[str, str] | None = None, body_type: str = ''
    ) -> dict[str, Any]:
        """One message.

        Args:
            query: ``$select`` and ``$expand``.
            body_type: ``text`` or ``html``; empty leaves it to Graph, which gives HTML.
        """
        prefer = f', outlook.body-content-type="{body_type}"' if body_type else ''
        return self.graph_request(
            'GET',
            self.message_path(message_id, user_id, folder_id),
            params=query or {},
            headers={'Prefer': _IMMUTABLE_IDS + prefer},
        )

    def update_request(self, message_id: str, changes: dict[str, Any], user_id: str = '', folder_id: str = '') -> BatchItem:
        """Changes properties, such as ``isRead``, ``categories`` and ``flag``. Answered with the message."""
        return BatchItem(message_id, 'PATCH', self.message_path(message_id, user_id, folder_id), changes)

    def move_request(self, message_id: str, folder_id: str, user_id: str = '') -> BatchItem:
        """Puts a message into another folder, by ID or well-known name. Answered with the message, whose immutable ID stays."""
        # A plain ID ends with the move: a second one would find nothing, and pass for a failure.
        return BatchItem(
            message_id,
            'POST',
            f'{self.message_path(message_id, user_id)}/move',
            {'destinationId': folder_id},
            is_idempotent=False,
        )

    def copy_request(self, message_id: str, folder_id: str, user_id: str = '') -> BatchItem:
        """Copies a message into a folder, by ID or well-known name. Answered with the copy."""
        return BatchItem(
            message_id,
            'POST',
            f'{self.message_path(message_id, user_id)}/copy',
            {'destinationId': folder_id},
            is_idempotent=False,
        )

    def delete_request(self, message_id: str, user_id: str = '', folder_id: str = '', permanent: bool = False) -> BatchItem:
        """Moves a message to Deleted Items; `permanent` takes it away from where its owner could bring it back."""
        path = self.message_path(message_id, user_id, folder_id)
        # A message that is in Deleted Items already leaves it when it is deleted once more.
        return (
            BatchItem(message_id, 'POST', f'{path}/permanentDelete', is_idempotent=False)
            if permanent
            else BatchItem(message_id, 'DELETE', path, is_idempotent=False)
        )

    def download_mime(self, message_id: str, write: Callable[[bytes], Any], user_id: str = '') -> None:
        """Streams a message as MIME: bytes, for whose parts no one encoding need hold. As `download`."""
        self.download(f'{self.message_path(message_id, user_id)}/$value', write)

    # endregion
    # region attachments

    def list_attachments(self, message_id: str, user_id: str = '', folder_id: str = '') -> list[dict[str, Any]]:
        """What tells the attachments of a message apart, without their bytes; at most 1,000."""
        return self.list_all(
            f'{self.message_path(message_id, user_id, folder_id)}/attachments',
            MAX_PAGE_SIZE,
            {'$select': ATTACHMENT_PROPERTIES, '$top': 100},
        )

    def get_attachment(self, message_id: str, attachment_id: str, user_id: str = '', folder_id: str = '') -> dict[str, Any]:
        """What tells one attachment, without its bytes."""
        return self.graph_request(
            'GET', self._attachment_path(message_id, attachment_id, user_id, folder_id), params={'$select': ATTACHMENT_PROPERTIES}
        )

    def download_attachment(
        self, message_id: str, attachment_id: str, write: Callable[[bytes], Any], user_id: str = '', folder_id: str = ''
    ) -> None:
        """Streams a file as it is, and an item as MIME, iCalendar or vCard. Graph refuses links. As `download`."""
        self.download(f'{self._attachment_path(message_id, attachment_id, user_id, folder_id)}/$value', write)

    def _attachment_path(self, message_id: str, attachment_id: str, user_id: str, folder_id: str) -> str:
        message = self.message_path(message_id, user_id, folder_id)
        return f'{message}/attachments/{path_segment(attachment_id, "ID of an attachment")}'

    # endregion
    # region folders

    def folder_path(self, folder_id: str, user_id: str = '') -> str:
        """The path of a folder, by its ID or well-known name."""
        return f'{self.mailbox_path(user_id)}/mailFolders/{path_segment(folder_id, _FOLDER_ID)}'

    def list_folders(self, user_id: str = '', limit: int = 20) -> list[dict[str, Any]]:
        """The first `limit` folders at the top of a mailbox."""
        return self.list_all(f'{self.mailbox_path(user_id)}/mailFolders', limit, {'$top': min(limit, MAX_PAGE_SIZE)})

    def list_child_folders(self, folder_id: str, user_id: str = '', limit: int = 20) -> list[dict[str, Any]]:
        """The first `limit` folders inside of a folder."""
        return self.list_all(f'{self.folder_path(folder_id, user_id)}/childFolders', limit, {'$top': min(limit, MAX_PAGE_SIZE)})

    def create_folder(self, name: str, parent_id: str = '', user_id: str = '') -> dict[str, Any]:
        """Makes a folder, at the top of the mailbox where no parent is named. Gives it."""
        parent = f'{self.folder_path(parent_id, user_id)}/childFolders' if parent_id else ''
        return self.create(parent or f'{self.mailbox_path(user_id)}/mailFolders', json_data={'displayName': name})

    def update_folder(self, folder_id: str, name: str, user_id: str = '') -> dict[str, Any]:
        """Renames a folder. Gives it."""
        return self.graph_request(
            'PATCH', self.folder_path(folder_id, user_id), json_data={'displayName': name}, is_idempotent=True
        )

    def delete_folder(self, folder_id: str, user_id: str = '', permanent: bool = False) -> None:
        """Moves a folder, with all in it, to Deleted Items; `permanent` ends it."""
        path = self.folder_path(folder_id, user_id)
        if permanent:
            self.graph_request('POST', f'{path}/permanentDelete')
        else:
            self.graph_request('DELETE', path, is_idempotent=False)  # among the deleted items, it would end with the second time

    # endregion
    # region rules and settings

    def _rules_path(self, user_id: str) -> str:
        return f'{self.mailbox_path(user_id)}/mailFolders/inbox/messageRules'

    def _rule_path(self, rule_id: str, user_id: str) -> str:
        return f'{self._rules_path(user_id)}/{path_segment(rule_id, "ID of a rule")}'

    def list_rules(self, user_id: str = '', limit: int = 50) -> list[dict[str, Any]]:
        """The first `limit` rules of the inbox."""
        return self.list_all(self._rules_path(user_id), limit)

    def get_rule(self, rule_id: str, user_id: str = '') -> dict[str, Any]:
        return self.graph_request('GET', self._rule_path(rule_id, user_id))

    def create_rule(self, rule: dict[str, Any], user_id: str = '') -> dict[str, Any]:
        """Makes a rule of the inbox: a ``messageRule`` of Graph. Gives it."""
        return self.create(self._rules_path(user_id), json_data=rule)

    def update_rule(self, rule_id: str, changes: dict[str, Any], user_id: str = '') -> dict[str, Any]:
        """Changes some properties of a rule. Gives it."""
        return self.graph_request('PATCH', self._rule_path(rule_id, user_id), json_data=changes, is_idempotent=True)

    def delete_rule(self, rule_id: str, user_id: str = '') -> None:
        self.graph_request('DELETE', self._rule_path(rule_id, user_id))

    def get_settings(self, name: str = '', user_id: str = '') -> dict[str, Any]:
        """The settings of a mailbox, as Graph calls them, or the one of that `name`."""
        path = f'{self.mailbox_path(user_id)}/mailboxSettings'
        if not name:
            return self.graph_request('GET', path)
        answer = self.graph_request('GET', f'{path}/{path_segment(name, "name of a setting")}')
        value = {key: found for key, found in answer.items() if not key.startswith('@odata.')}
        return {name: value['value'] if set(value) == {'value'} else value}

    def get_mailtips(self, addresses: Sequence[str], user_id: str = '') -> list[dict[str, Any]]:
        """What there is to know of recipients before writing to them: one ``mailTips`` of Graph for each."""
        answer = self.graph_request(
            'POST',
            f'{self.mailbox_path(user_id)}/getMailTips',
            json_data={'EmailAddresses': list(addresses), 'MailTipsOptions': _MAIL_TIPS},
            is_idempotent=True,
        )
        return list(answer.get('value') or [])

    # endregion

    def check_mailbox(self) -> None:
        """Reads as little of the mailbox as shows that it can be read. Raises as `graph_request` does."""
        self.list_messages(query={'$select': 'id'}, page_size=1)


# endregion

# region folders

NOT_FOUND_CODES = ('ErrorItemNotFound', 'ErrorInvalidIdMalformed', 'ErrorFolderNotFound', 'ErrorInvalidMailboxItemId')


def folder_names(text: str) -> list[str]:
    """Parts a list of folders at its commas, but not at those behind a backslash."""
    return [name.strip() for name in re.findall(r'(?:\\.?|[^,\\])+', text) if name.strip()]


def find_folder(client: GraphMailClient, name: str) -> str:
    """The ID of a folder.

    Args:
        name: an ID, a well-known name, or a path of display names such as ``Inbox/Phishing``, where a backslash before a slash, a
            comma or a backslash makes it part of a name. Display names are looked for among the first 1,000 that are not hidden.
    Raises:
        DemistoException: there is none.
        GraphError: Graph could not be asked.
    """
    path = [re.sub(r'\\(.)', r'\1', part).strip() for part in re.findall(r'(?:\\.?|[^/\\])+', name) if part.strip()]
    if not path:
        raise DemistoException(f"'{name}' names no folder. Write a name, an ID, or a path such as Inbox/Phishing.")
    folder_id = _known_folder(client, path[0]) or _named_folder(client.list_folders(limit=MAX_PAGE_SIZE), path[0], 'the mailbox')
    for parent, child in pairwise(path):
        folder_id = _named_folder(client.list_child_folders(folder_id, limit=MAX_PAGE_SIZE), child, f"'{parent}'")
    return folder_id


def _known_folder(client: GraphMailClient, name: str) -> str:
    """The ID of the folder of that ID or well-known name, empty if there is none."""
    try:
        folder_id: str = client.graph_request('GET', client.folder_path(name), params={'$select': 'id'})['id']
    except GraphError as error:
        if error.status == 400 or error.code in NOT_FOUND_CODES:  # 400: a name may not even make a path
            return ''
        raise
    return folder_id


def _named_folder(folders: list[dict[str, Any]], name: str, parent: str) -> str:
    for folder in folders:
        if str(folder.get('displayName') or '').strip().casefold() == name.casefold():
            return str(folder['id'])
    raise DemistoException(
        f"There is no folder '{name}' in {parent}. Check the folders to fetch from: a path is written as "
        'Inbox/Phishing, a slash in a name as \\/.'
    )


# endregion

# region attachments

_EXTENSIONS_OF_ITEMS = {b'BEGIN:VCALENDAR': '.ics', b'BEGIN:VCARD': '.vcf'}


def attachment_kind(attachment: dict[str, Any]) -> str:
    """``fileAttachment``, ``itemAttachment`` or ``referenceAttachment``."""
    return str(attachment.get('@odata.type') or '').rpartition('.')[2]


def attachment_names(attachments: list[dict[str, Any]]) -> list[str]:
    """The names of attachments as names of files, made up where there is none."""
    names = []
    for number, attachment in enumerate(attachments, 1):
        name = re.sub(r'[\\/\x00-\x1f\x7f]+', '_', attachment.get('name') or '').strip()
        media_type = str(attachment.get('contentType') or '').partition(';')[0]
        names.append(f'attachment-{number}{mimetypes.guess_extension(media_type) or ""}' if name in ('', '.', '..') else name)
    return names


def item_file_name(name: str, beginning: bytes) -> str:
    """The name of an Outlook item as a file, whose ending its first bytes tell."""
    ending = next((known for mark, known in _EXTENSIONS_OF_ITEMS.items() if beginning.startswith(mark)), '.eml')
    return name if name.lower().endswith(ending) else name + ending


# endregion

# region files


def file_entry(name: str, download: Callable[[Callable[[bytes], Any]], None]) -> dict[str, Any]:
    """A file for the war room, written piece by piece. Nothing of it stays when that fails.

    Args:
        name: the name that is shown.
        download: is given the `write` of the file.
    """
    entry: dict[str, Any] = fileResult(name, b'')
    try:
        with open(_path_of_file(entry), 'wb') as file:
            download(file.write)
    except BaseException:  # also where the command ends here to run again later
        remove_file(entry)
        raise
    return entry


def remove_file(entry: dict[str, Any]) -> None:
    """Takes away a file that is not handed over after all."""
    os.remove(_path_of_file(entry))


def _path_of_file(entry: dict[str, Any]) -> str:
    return f'{demisto.investigation()["id"]}_{entry["FileID"]}'


# endregion
