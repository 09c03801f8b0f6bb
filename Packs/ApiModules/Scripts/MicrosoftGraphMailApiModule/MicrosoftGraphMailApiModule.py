"""Mail in Microsoft Graph: one mailbox, or a shared one, through a client. No commands."""
import re
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit

import demistomock as demisto  # noqa: F401 - integrations take it from here
import requests
from CommonServerPython import *
from MicrosoftApiModule import *

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
        super().__init__(what, res=response)

    @property
    def is_about_permissions(self) -> bool:
        """Whether signing in worked, but does not allow this."""
        return self.status == 403 or self.code == 'NoPermissionsInAccessToken'

    def __str__(self) -> str:
        # Microsoft's support finds the request by its ID.
        request_id = f'Request ID: {self.request_id}' if self.request_id else ''
        return ' '.join(part for part in (self.what, self.advice, request_id) if part)


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
    if not isinstance(error, dict):
        return GraphError(f'Microsoft Graph answered with HTTP status {status}.', later if busy else _NOT_GRAPH, '', response)
    code, message = str(error.get('code') or ''), str(error.get('message') or 'no reason given')
    advice = _ADVICE_BY_GRAPH_CODE.get(code, _ADVICE_BY_STATUS.get(status, 'Check the arguments of the command.'))
    reason = f'{code}: {message}' if code else message
    return GraphError(f'Microsoft Graph refused the request: {reason.rstrip(". ")}.', later if busy else advice, code, response)


# endregion
# region what users write


def path_segment(value: str, name: str) -> str:
    """Quotes an ID or an address, so that it stays one segment of a path whatever it holds.

    Args:
        name: what it is, for the error.
    Raises:
        DemistoException: `value` means another folder of the path, quoted or not.
    """
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
    # An ampersand in a value, such as subject eq 'R&D', parts nothing.
    for option in filter(None, re.split(r'&+(?=(?:\$|%24)?\w+=)', text.strip().lstrip('?').strip('&'))):
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
            raise DemistoException(f'Microsoft Graph does not take {name} together with a search. '
                                   f'Leave out search, or {name} in odata.')
    escaped = search.replace('\\', '\\\\').replace('"', '\\"')
    return {'$search': f'"{escaped}"'}


# endregion
# region client

# Ids that survive the move of a message to another folder.
# Source: https://learn.microsoft.com/graph/outlook-immutable-id
_IMMUTABLE_IDS = 'IdType="ImmutableId"'
_GRAPH_OK_CODES = (200, 201, 202, 204, 206)
LARGEST_PAGE = 1000  # messages


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
        """Sends a request to Graph, and gives the JSON object of its answer.

        Args:
            path: quoted, below ``/v1.0``.
            kwargs: as `http_request` takes them.
        Raises:
            GraphError: Graph answered with an error, not with JSON, or not at all.
            MicrosoftSignInError: signing in did not work.
        """
        headers = {'Prefer': _IMMUTABLE_IDS, **kwargs.pop('headers', {})}
        try:
            response = self.http_request(method, path, headers=headers, resp_type='response', ok_codes=_GRAPH_OK_CODES,
                                         error_handler=self._raise_graph_error, **kwargs)
        except (DemistoException, requests.exceptions.RequestException) as error:
            self._explain_outage(error)
            raise
        answer = json_or_none(response)
        if not isinstance(answer, dict):
            raise GraphError('Microsoft Graph answered with something that is not a JSON object.', _NOT_GRAPH, response=response)
        return answer

    def _raise_graph_error(self, response: requests.Response) -> None:
        raise graph_error(response, self.clock.now())

    def _explain_outage(self, error: Exception) -> None:
        """Raises a GraphError when no answer came. What the platform says of TLS and proxies is clear as it is."""
        cause = getattr(error, 'exception', error)
        clear = (requests.exceptions.SSLError, requests.exceptions.ProxyError)
        if isinstance(cause, requests.exceptions.RequestException) and not isinstance(cause, clear):
            in_time = ' in time' if isinstance(cause, requests.exceptions.Timeout) else ''
            raise GraphError(f'Microsoft Graph at {urlsplit(self._base_url).netloc} did not answer{in_time}.',
                             'Try again, and check that the engine may reach it, the proxy and the cloud setting.') from error

    def next_page(self, link: str) -> dict[str, Any]:
        """Follows an ``@odata.nextLink``.

        Raises:
            DemistoException: it leads to another host, and would take the token there.
        """
        own, other = urlsplit(self._base_url.lower()), urlsplit(link.lower())
        if (own.scheme, own.netloc) != (other.scheme, other.netloc):
            raise DemistoException(f'The link to the next page leads to another host, so it was not followed. {_NOT_GRAPH}')
        return self.graph_request('GET', full_url=link)

    def list_messages(self, user_id: str = '', folder_id: str = '', query: dict[str, str] | None = None, page_size: int = 20,
                      pages: int = 1) -> tuple[list[dict[str, Any]], str]:
        """Lists messages.

        Args:
            folder_id: ID or well-known name of a folder; empty means the whole mailbox.
            query: OData system query options, e.g. ``{'$filter': 'isRead eq false'}``.
            page_size: messages of one page, 1 to 1,000.
            pages: how many pages at most.
        Returns:
            The messages as Graph sends them, and the link to the next page, empty if there is none.
        """
        folder = f'/mailFolders/{path_segment(folder_id, "ID of a folder")}' if folder_id else ''
        path = f'{self.mailbox_path(user_id)}{folder}/messages'
        answer = self.graph_request('GET', path, params={**(query or {}), '$top': page_size})
        messages = list(answer.get('value') or [])
        for _ in range(pages - 1):
            if not answer.get('@odata.nextLink'):
                break
            answer = self.next_page(answer['@odata.nextLink'])
            messages += answer.get('value') or []
        return messages, answer.get('@odata.nextLink') or ''

    def try_mailbox(self) -> None:
        """Reads as little of the mailbox as shows that it can be read. Raises as `graph_request` does."""
        self.list_messages(query={'$select': 'id'}, page_size=1)


# endregion
