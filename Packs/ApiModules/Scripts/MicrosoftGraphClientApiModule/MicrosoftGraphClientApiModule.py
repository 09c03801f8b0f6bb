"""Send requests to Microsoft Graph: paths and queries, errors with advice, batches, downloads."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote, unquote_plus, urlsplit

import requests

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import DemistoException, LOG
    from MicrosoftCoreApiModule import (
        AZURE_WORLDWIDE_CLOUD,
        AzureCloud,
        JsonObject,
        MicrosoftSignInError,
        clean_value,
        outside_text,
    )
    from MicrosoftHttpApiModule import (
        NO_RETRIES,
        RetryPolicy,
        STRICT_LIMITS,
        connection_problem,
        is_reset,
        is_same_host,
        json_or_none,
        retry_after_seconds,
        run_with_retries,
        skip_netrc,
    )
    from MicrosoftApiModule import CommandThrottled, MicrosoftClient
    from MicrosoftMailMimeApiModule import unescaped

ODataQuery = JsonObject  # options such as $select
ByteWriter = Callable[[bytes], Any]  # takes each chunk of a file: its `write`, or the `update` of a hash

# region errors

# What a path names by an ID, and not by a well-known name.
_ID_IN_PATH = r'(?i)/(?:messages|attachments|messageRules|mailFolders)/(?!inbox\b|drafts\b|deleteditems\b|delta\b)'
CHECK_ID = 'Check that the ID belongs to this mailbox.'
_CHECK_MAILBOX = 'Check the address of the mailbox.'
_CHECK_USER = f'{_CHECK_MAILBOX} It must be the user principal name or the object ID of its user.'
CHECK_PROXY = 'Check the proxy and the cloud setting.'
# What Graph cannot convert. Source: https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode
UNREADABLE_CODES = (
    'ErrorCannotOpenFileAttachment',
    'ErrorContentConversionFailed',
    'ErrorCorruptData',
    'ErrorItemCorrupt',
    'ErrorMimeContentConversionFailed',
    'ErrorMimeContentInvalid',
    'ErrorMimeContentInvalidBase64String',
    'ErrorUnsupportedMimeConversion',
)
_CANNOT_CONVERT = 'Open the email in Outlook: Microsoft Graph cannot convert it.'
_ORGANIZER = 'Change or cancel the meeting in Outlook: its organizer cannot respond to it.'
_CANCELLED = 'Remove the meeting from the calendar in Outlook: it was cancelled.'
_NO_MAILBOX = 'Check the address: the account has no mailbox in Exchange Online.'
QUOTA_EXCEEDED = 'ErrorQuotaExceeded'
# Errors after which nothing was done, whatever their status is. Retrying does not help.
_ADVICE_BY_FINAL_CODE = {
    **dict.fromkeys(UNREADABLE_CODES, _CANNOT_CONVERT),
    'ErrorMessageSizeExceeded': 'Send smaller files or a link to them: the mailbox limits the size of an email.',
    QUOTA_EXCEEDED: 'Delete what the mailbox does not need, or ask an administrator to raise its quota.',
    'ErrorExceededMessageLimit': 'Wait until the mailbox may send again, or ask an administrator about its sending limit.',
    'ErrorMessageSubmissionBlocked': 'Ask an administrator to let the mailbox send again: Microsoft has blocked it.',
    'ErrorSendAsDenied': 'Change the sender, or ask an administrator for the permission Send As.',
    'MailboxNotEnabledForRESTAPI': _NO_MAILBOX,
    'MailboxNotSupportedForRESTAPI': _NO_MAILBOX,
    'ErrorFolderExists': 'Choose another name or another parent folder.',
}
_ADVICE_BY_CODE = {
    **_ADVICE_BY_FINAL_CODE,
    'ErrorInvalidIdMalformed': CHECK_ID,
    'ErrorInvalidUser': _CHECK_USER,  # also for an email address that is not the principal name
    'ErrorNonExistentMailbox': _NO_MAILBOX,  # or the draft that is sent is not known for a moment (docs-contrib#8823)
    'Request_ResourceNotFound': _CHECK_USER,
    'ResourceNotFound': _CHECK_USER,
    **dict.fromkeys(('ErrorRestrictionTooComplex', 'InefficientFilter'), 'Use fewer conditions, or no $orderby.'),
    **{f'ErrorCalendarIsOrganizerFor{action}': _ORGANIZER for action in ('Accept', 'Decline', 'Tentative')},
    **{f'ErrorCalendarIsCancelledFor{action}': _CANCELLED for action in ('Accept', 'Decline', 'Tentative')},
    'ErrorCalendarMeetingRequestIsOutOfDate': 'Respond to the newest invitation to the meeting.',
    'ErrorInvalidRecipients': 'Check the recipients: an email needs at least one, and each needs a valid address. '
    'An administrator can raise the limit of the mailbox, which is 500 by default, to 1,000.',
    # also for a moment after the email was sent
    'ErrorInvalidReferenceItem': 'Reply to an email that is not a draft. Change a draft with msgraph-mail-update-draft.',
    'ErrorCannotDeleteObject': 'The object may already have been deleted. Look for it in Outlook.',
    'ErrorDeleteDistinguishedFolder': 'Choose a folder that is not a default folder.',
    'OrganizationFromTenantGuidNotFound': 'Check the tenant ID: this tenant has no mailboxes in Exchange Online.',
}
CHECK_PERMISSION = 'Check that the permission is granted and that the account may open this mailbox.'
_CONFLICT = 'Something else changed the object at the same time. Run the command again.'
_ADVICE_BY_STATUS = {
    401: 'Check the cloud setting, and that the account is not disabled.',
    403: CHECK_PERMISSION,
    404: CHECK_ID,
    409: _CONFLICT,
    412: _CONFLICT,
}


class GraphError(DemistoException):
    """Microsoft Graph rejected a request, or sent no usable response.

    Args:
        what: what happened, in one sentence.
        advice: what to do, in one sentence.
        code: Graph's error code, such as ``ErrorItemNotFound``; empty if there is none.
        response: the response, None if none came.
    Attributes:
        is_unknown_id: Graph does not know an ID in the path, whose argument only the command knows.
        is_timeout: no response came in time.
    """

    is_unknown_id = False
    is_timeout = False

    def __init__(self, what: str, advice: str, code: str = '', response: requests.Response | None = None):
        self.what = what
        self.advice = advice
        self.code = code
        self.status = 0 if response is None else response.status_code
        self.request_id = '' if response is None else outside_text(response.headers.get('request-id'), LOG.encode)[:50]
        DemistoException.__init__(self, what, res=response)

    @classmethod
    def from_response(cls, response: requests.Response, now: float) -> 'GraphError':
        """Return the error of an error response, with advice. `now` is in seconds since the epoch."""
        error, status = _error_object(response), response.status_code
        what = f'Microsoft Graph responded with HTTP status {status}.'
        if 300 <= status < 400:
            what, error = f'Microsoft Graph redirected the request (HTTP status {status}). Redirects are not followed.', None
        code, advice = '', CHECK_PROXY
        if error is not None:
            code = outside_text(error.get('code'), LOG.encode)
            message = error.get('message') or 'no reason given'
            reason = outside_text(f'{code}: {message}' if code else message, LOG.encode)  # services repeat what they were sent
            what = f'Microsoft Graph refused the request: {reason.rstrip(". ")}.'
            advice = _ADVICE_BY_CODE.get(code, _ADVICE_BY_STATUS.get(status, 'Check the arguments of the command.'))
            if advice == CHECK_ID and response.url and not re.search(_ID_IN_PATH, urlsplit(response.url).path):
                advice = f'{_CHECK_MAILBOX[:-1]}, and that this account may open it.'
            elif 'Cannot open attachment' in reason:  # of a signed email
                advice = _CANNOT_CONVERT
            elif "'permanentDelete'" in reason:  # US Government L4 and L5, China
                advice = 'This cloud cannot delete permanently. Run the command without permanent.'
        if status == 429 or _is_outcome_unclear(status, code):
            seconds = retry_after_seconds(response, now)
            advice = f'Try again in {seconds:.0f} seconds.' if seconds else 'Try again in a few minutes.'
        result = cls(what, advice, code, response)
        result.is_unknown_id = advice == CHECK_ID
        return result

    def with_advice(self, advice: str) -> 'GraphError':
        """Return a GraphError of the same response with other advice."""
        return GraphError(self.what, advice, self.code, self.res)

    @property
    def is_sync_state_lost(self) -> bool:
        """Whether Graph no longer knows the sync state of a link, so that the delta sync has to start again."""
        return self.status == 410 or 'syncstatenotfound' in self.code.lower()

    @property
    def is_too_slow(self) -> bool:
        """Whether the request may be too much for Graph or a proxy, so that a smaller one may succeed.

        With status 200, the response began well, and ended with an error.
        """
        is_cut = self.status == 200 and bool(self.code)
        return self.is_timeout or is_cut or self.status in (502, 504) or (self.status == 503 and self.code == 'UnknownError')

    @property
    def is_outcome_unclear(self) -> bool:
        """Whether the request may have been carried out: no response came, or one that does not tell."""
        return self.status < 300 or _is_outcome_unclear(self.status, self.code)

    def __str__(self) -> str:
        # Microsoft's support finds the request by its ID.
        request_id = f'Request ID: {self.request_id}' if self.request_id else ''
        return ' '.join(filter(None, (self.what, self.advice, request_id)))


class GraphThrottled(GraphError, CommandThrottled):
    """Microsoft Graph throttles the command for longer than the retry budget. The command may run again after `seconds`."""

    def __init__(self, error: GraphError, seconds: float):
        super().__init__(error.what, error.advice, error.code, error.res)
        self.seconds = seconds


class GraphSignInError(MicrosoftSignInError, GraphError):
    """Microsoft Graph rejects the token in the middle of a command, or no new one came: the request was not carried out."""

    def __init__(self, what: str, advice: str, code: str, correlation_id: str, needs_new_sign_in: bool):
        GraphError.__init__(self, what, advice, code)
        self.correlation_id = correlation_id
        self.needs_new_sign_in = needs_new_sign_in
        self.status = 401

    @classmethod
    def from_error(cls, error: MicrosoftSignInError) -> 'GraphSignInError':
        needs_new_sign_in = getattr(error, 'needs_new_sign_in', False)
        return cls(error.what, error.advice, error.code, error.correlation_id, needs_new_sign_in)

    def with_advice(self, advice: str) -> 'GraphSignInError':
        return GraphSignInError(self.what, advice, self.code, self.correlation_id, self.needs_new_sign_in)


class BrokenTransferError(GraphError):
    """The connection closed before the file was complete."""


class UnknownOutcomeError(GraphError):
    """A request may have been carried out, and whether it was could not be checked."""

    def __init__(self, what: str, advice: str, error: Exception):
        first = error if isinstance(error, GraphError) else GraphError(str(error), '')
        super().__init__(f'It is not known whether {what}. {first.what}', advice, first.code, first.res)


def _is_outcome_unclear(status: int, code: str) -> bool:
    """Return whether a request with this error response may have been carried out."""
    return status == 408 or (status >= 500 and code not in _ADVICE_BY_FINAL_CODE)


def _error_object(response: requests.Response) -> JsonObject | None:
    """Return the error that a response contains, None if there is none.

    Graph may append an error to an incomplete page with status 200.
    """
    body = json_or_none(response)
    if body is None and (found := re.search(r'[{,]\s*"error"\s*:\s*(?={)', response.text)):
        with suppress(ValueError):
            body = {'error': json.JSONDecoder().raw_decode(response.text, found.end())[0]}
    error = body.get('error') if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


# endregion

# region paths and queries


def path_segment(value: str, name: str) -> str:
    """Quote an ID or an address so that it is one segment of a path. `name` and errors as in `require_path_segment`."""
    require_path_segment(value, name)
    return quote(value, safe='@')


def require_path_segment(value: str, name: str) -> None:
    """Check that a text can be one segment of a path.

    Args:
        name: what it is, for the error.
    Raises:
        DemistoException: it is empty, or is a path segment with a meaning of its own.
    """
    if not value:
        raise DemistoException(f'The {name} is missing. Enter the {name}.')
    if value in ('.', '..'):
        raise DemistoException(f"'{value}' is not a valid {name}. Enter the {name} from Microsoft Graph.")


# Of a folder or a message. A name of a folder is shorter, or has other characters.
_EXCHANGE_ID = r'[A-Za-z0-9_-]{60,}={0,2}'
WELL_KNOWN_FOLDER = (
    'archive|clutter|conflicts|conversationhistory|deleteditems|drafts|inbox|junkemail|localfailures|msgfolderroot|outbox|'
    'recoverableitemsdeletions|scheduled|searchfolders|sentitems|serverfailures|syncissues'
)


def is_folder_id(text: str) -> bool:
    """Return whether a text can only be an ID, in the form of Graph, or a well-known name, in small letters."""
    return bool(re.fullmatch(_EXCHANGE_ID, text) or re.fullmatch(WELL_KNOWN_FOLDER, text))


def well_known_folder(text: str) -> str:
    """Return the well-known name that people mean, as Graph writes it; empty if a text is not one."""
    name = re.sub(r'[\s_-]', '', text).lower()
    return name if re.fullmatch(WELL_KNOWN_FOLDER, name) else ''


# An ID within the address of an item in Outlook on the web.
_OUTLOOK_HOST = (
    r'(?:outlook\.(?:office\.com|office365\.(?:com|us)|live\.com|cloud\.microsoft)|outlook-dod\.office365\.us|'
    r'partner\.outlook\.cn|webmail\.apps\.mil)'
)
_OUTLOOK_ADDRESS = (
    rf'(?i)https://{_OUTLOOK_HOST}/(?:[^\s?#]*\?(?:[^\s#]*&)?ItemID=([^\s&#]+)(?:[&#]\S*)?'
    r'|mail/(?:[\w.@-]+/){0,4}id/([^\s/?#]+)(?:[/?#]\S*)?)'
)
_MAX_ADDRESS = 4000  # characters


def _id_in_address(text: str) -> str:
    """Return the ID in an address of Outlook on the web, empty if a text is something else."""
    found = re.fullmatch(_OUTLOOK_ADDRESS, unescaped(text)) if len(text) <= _MAX_ADDRESS else None
    return unquote(found[1] or found[2]) if found else ''


def graph_id(value: Any) -> str:
    """Return an ID as Graph writes it. Other text is returned as `clean_value` returns it.

    Args:
        value: an ID of Graph, or of EWS or Office.js, which have / and + where Graph has - and _; or the address of an item in
            Outlook on the web, which contains its ID.
    """
    text = clean_value(value)
    graph = (_id_in_address(text) or unquote(text)).replace('/', '-').replace('+', '_')
    return graph if re.fullmatch(_EXCHANGE_ID, graph) else text


def message_id_forms(value: Any) -> list[str]:
    """Return the values of ``Message-ID`` that a text may mean; none if it is an ID, or something else.

    The sender of an email chose its ``Message-ID``, so what is in brackets is not changed in any way: it would mean another
    email. Without brackets, some programs left them out, and some users.
    """
    written = str(value).strip(' \t\r\n')
    if re.fullmatch(r'<[^\r\n]+>', written):
        return [] if re.search(r'>[\s,;]*<', written) else [written]  # these are several
    text = re.sub(r'(?i)^message-id:\s*', '', clean_value(value))
    text = unescaped(text) if re.fullmatch('(?i)&lt;.*&gt;', text) else text
    is_bare = re.fullmatch(r'[^<>\s]{1,900}@[^<>\s]{1,900}', text) and not _id_in_address(text)
    if not (is_bare or re.fullmatch(r'<[^<>\s]+>', text)):
        return []
    return list(dict.fromkeys((written, text, f'<{text}>' if is_bare else text)))


def odata_text(text: str) -> str:
    """Return a text as a literal of OData."""
    return "'{}'".format(text.replace("'", "''"))


def clean_search(value: Any) -> str:
    """Return a search as it was typed, without ``$search=`` and the quotes that belong to that."""
    text = str(value or '').strip()
    found = re.match(r'\$?search\s*=\s*', text, re.IGNORECASE)
    if found:
        return clean_value(text[found.end() :]).replace('\\"', '"')
    return re.sub('[\u201c-\u201f\u00ab\u00bb\uff02]', '"', text)


def odata_query(text: str, search: str = '') -> ODataQuery:
    """Parse OData options in one line, such as ``$filter=isRead eq false&$select=subject``.

    Args:
        text: the options, URL-encoded or not.
        search: words for ``$search``, cleaned by `clean_search`.
    Raises:
        DemistoException: an option is not an OData option, is given twice, or cannot be combined with another one.
    """
    # If spaces are not encoded, neither are plus signs, as in the time zone of a date.
    decode = unquote if ' ' in text.strip() else unquote_plus
    query: ODataQuery = {}
    search = clean_search(search)
    # An ampersand inside quotes, such as in subject eq 'R&D', separates nothing: an even number of quotes follows a separator.
    parts = text.strip().lstrip('?').strip('&').split("'")
    parts[::-2] = [re.sub(r'(?<!&)&+(?=(?:\$|%24)?\w+=)', '\0', part) for part in parts[::-2]]
    for option in filter(None, "'".join(parts).split('\0')):
        name, _, value = map(decode, option.partition('='))
        if not name.startswith('$'):
            raise DemistoException(f"'{name}' in odata is not an OData option. Write options as $filter=..., joined by &.")
        if name == '$top':
            raise DemistoException('$top in odata is not supported. Use page_size.')
        if name in query:
            raise DemistoException(f'odata contains {name} twice. Combine the two.')
        if search and name in ('$search', '$filter', '$orderby'):
            raise DemistoException(f'search and {name} in odata cannot be combined. Remove one of them.')
        query[name] = value
    if search:
        escaped = search.replace('\\', '\\\\').replace('"', '\\"')
        query['$search'] = f'"{escaped}"'
    return query


# endregion

# region objects

_OBJECTS = (
    'actions', 'automaticReplies', 'body', 'conditions', 'emailAddress', 'end', 'endDateTime', 'event', 'exceptions', 'flag',
    'from', 'location', 'organizer', 'scheduledEndDateTime', 'scheduledStartDateTime', 'sender', 'start', 'startDateTime',
    'uniqueBody',
)  # fmt: skip
_LISTS_OF_OBJECTS = (
    'attachments', 'bccRecipients', 'ccRecipients', 'fromAddresses', 'internetMessageHeaders', 'replyTo',
    'singleValueExtendedProperties', 'toRecipients',
)  # fmt: skip
_TEXTS = (
    'bodyPreview', 'content', 'contentId', 'contentType', 'conversationIndex', 'dateTime', 'displayName', 'id',
    'internetMessageId', 'parentFolderId', 'receivedDateTime', 'sentDateTime', 'subject', 'webLink',
)  # fmt: skip
# The types of properties, and of the members of those that are lists, wherever they are.
_TYPES_OF_PROPERTIES: dict[str, type] = {
    **dict.fromkeys(_OBJECTS, dict),
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys([*_LISTS_OF_OBJECTS, 'categories'], list),
    **dict.fromkeys(('isDraft', 'isRead'), bool),
    'size': int,
}
_MEMBER_TYPES: dict[str, type] = {**dict.fromkeys(_LISTS_OF_OBJECTS, dict), 'categories': str}
MALFORMED_PROPERTIES = '@odata.odd'  # key of an object of Graph: the names of its properties whose values were left out


def without_malformed_values(value: JsonObject) -> JsonObject:
    """Return an object of Graph without values of other types than they should have, and the names of such properties under
    MALFORMED_PROPERTIES."""
    found = _of_expected_type(value)
    malformed = [name for name, part in value.items() if found[name] != part]
    return {**found, MALFORMED_PROPERTIES: malformed} if malformed else found


def _of_expected_type(value: Any, name: str = '') -> Any:
    """Return the value of a property, with None in place of what has another type than it should have."""
    if not isinstance(value, _TYPES_OF_PROPERTIES.get(name, object)):
        return None
    if isinstance(value, dict):
        return {key: _of_expected_type(part, key) for key, part in value.items()}
    if isinstance(value, list):
        member_type = _MEMBER_TYPES.get(name, object)
        return [_of_expected_type(one) for one in value if isinstance(one, member_type)]
    return None if name == 'id' and not value.isprintable() else value


def without_annotations(value: Any) -> Any:
    """Return a value of Graph without what OData says about it and the objects in it."""
    if isinstance(value, list):
        return [without_annotations(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: without_annotations(part) for name, part in value.items() if not name.startswith('@odata.')}


# endregion

# region batches

_GRAPH_OK_CODES = (200, 201, 202, 204, 206)
MAX_BATCH_SIZE = 20  # requests; Graph sends them to a mailbox 4 at a time


# IDs that stay when a message is moved to another folder. Source: https://learn.microsoft.com/graph/outlook-immutable-id
_IMMUTABLE_IDS = 'IdType="ImmutableId"'


def prefer_header(prefer: str = '') -> dict[str, str]:
    """Return the headers of a request. `prefer` is added to the header ``Prefer``."""
    return {'Prefer': f'{_IMMUTABLE_IDS}, {prefer}' if prefer else _IMMUTABLE_IDS}


def body_type_preference(body_type: str) -> str:
    """Return what to prefer so that Graph shows bodies as ``text`` or ``html``; empty for its default, HTML."""
    return f'outlook.body-content-type="{body_type}"' if body_type else ''


class BatchRequest(NamedTuple):
    """A request of a batch.

    Args:
        key: by which the caller knows the result: the ID or the name of what the request is about.
        path: quoted, below ``/v1.0``.
        body: sent as JSON.
        is_idempotent: the request may be sent again even if it may have been carried out.
        has_id: the response must have the ID of a message.
        prefer: added to the header ``Prefer``.
        if_match: the version of the message that may be changed; any if empty.
    """

    key: str
    method: str
    path: str
    body: JsonObject | None = None
    is_idempotent: bool = True
    has_id: bool = False
    prefer: str = ''
    if_match: str = ''

    def as_json(self, request_id: str) -> JsonObject:
        headers = prefer_header(self.prefer)
        if self.if_match:
            headers['If-Match'] = self.if_match
        request: JsonObject = {'id': request_id, 'method': self.method, 'url': self.path, 'headers': headers}
        if self.body is not None:
            headers['Content-Type'] = 'application/json'
            request['body'] = self.body
        return request


def is_deletion(method: str, path: str) -> bool:
    """Return whether a request deletes something, which Graph confirms with the status 204. Other actions have 202."""
    return method == 'DELETE' or path.endswith('/permanentDelete')


def _batch_response(value: JsonObject) -> requests.Response:
    """Return the response to one request of a batch."""
    response = requests.Response()
    response.status_code = int(value['status'])
    headers = value.get('headers')
    if isinstance(headers, dict):
        response.headers.update({name: text for name, text in headers.items() if isinstance(text, str)})
    if response.status_code not in _GRAPH_OK_CODES:  # otherwise the body may be large, and is read as it is
        response._content = json.dumps(value.get('body')).encode()
    return response


def deletion(path: str, permanent: bool) -> tuple[str, str]:
    """Return method and path of a request that moves something to Deleted Items, or deletes it permanently.

    It must not be repeated: a second deletion would find nothing, or remove from Deleted Items what the first one moved there.
    """
    return ('POST', f'{path}/permanentDelete') if permanent else ('DELETE', path)


class BatchResult:
    """The result of one request of a batch.

    Args:
        value: the body of the response: JSON, or bytes as base64 or base64url.
        content_type: of that body.
        error: None if the request succeeded.
    Attributes:
        body: the JSON object of the response, empty if there is none.
        content: the bytes of the response, None if it has none, or if they have to be requested alone.
    """

    def __init__(self, request: BatchRequest, value: Any = None, error: GraphError | None = None, content_type: str = ''):
        self.request = request
        self.error = error
        self.body = without_malformed_values(value) if isinstance(value, dict) else {}
        self.content: bytes | None = None
        # OData JSON 4.01 shows text/* as it is, and a text file may look like base64. The MIME of a message has colons.
        is_unclear = content_type.lower().startswith('text/') and '/attachments/' in request.path
        if isinstance(value, str) and not is_unclear:
            with suppress(ValueError):
                value = value.rstrip('=').replace('-', '+').replace('_', '/')
                self.content = base64.b64decode(value + '=' * (-len(value) % 4), validate=True)

    @classmethod
    def failed(cls, request: BatchRequest, error: GraphError) -> 'BatchResult':
        """Return the result of a request that was sent, and failed with `error`."""
        if error.is_outcome_unclear and not request.is_idempotent:
            error = UnknownOutcomeError(
                'the request was carried out', 'Check the folders before you run the command again.', error
            )
        return cls(request, error=error)


class _Batch:
    """Send requests, up to 20 in one, and again those that are throttled or meet a conflict.

    Args:
        policy: its budget is shared by all waits together.
    """

    def __init__(self, client: 'GraphClient', items: Sequence[BatchRequest], policy: RetryPolicy):
        self._client = client
        self._items = items
        self._policy = policy
        self._pending: Sequence[int] = ()
        self._results: dict[int, BatchResult] = {}
        self._error: GraphError | None = None  # why no responses came

    def results(self) -> list[BatchResult]:
        """Send the requests, and return their results in the same order."""
        numbers = range(len(self._items))
        for start in numbers[::MAX_BATCH_SIZE]:
            self._pending = numbers[start : start + MAX_BATCH_SIZE]
            with suppress(GraphError):  # the results contain the errors
                run_with_retries(self._send_pending, self._delay_after, self._policy, self._client.clock, self._sleep)
            if self._error:  # the rest would fail as well, and is not sent
                break
        return [self._results.get(number) or BatchResult(self._items[number], error=self._error) for number in numbers]

    def _send_pending(self) -> None:
        """Send the pending requests. Raise an error of one that failed."""
        pending = {str(number % MAX_BATCH_SIZE): number for number in self._pending}
        items = {name: self._items[number] for name, number in pending.items()}
        body: JsonObject = {}
        try:
            self._error = None
            body = self._client.graph_request(
                'POST',
                '/$batch',
                json_data={'requests': [item.as_json(name) for name, item in items.items()]},
                is_idempotent=all(item.is_idempotent for item in items.values()),
                retry_policy=NO_RETRIES,
            )
        except GraphError as error:
            self._error = error
        values = body.get('responses')
        objects = [value for value in (values if isinstance(values, list) else ()) if isinstance(value, dict)]
        responses = {str(value.get('id')): value for value in objects}
        results = {number: self._result(items[name], responses.get(name, {})) for name, number in pending.items()}
        self._results |= results
        for result in results.values():
            if result.error:
                raise result.error

    def _result(self, item: BatchRequest, value: JsonObject) -> BatchResult:
        """Return the result of a request, whose response is `value`; empty if there is none."""
        if self._error:
            return BatchResult.failed(item, self._error)
        if not re.fullmatch(r'[1-5]\d\d', str(value.get('status'))):
            what = 'Microsoft Graph responded to other requests of the batch, but not to this one.'
            return BatchResult.failed(item, GraphError(what, 'Try again.'))
        response = _batch_response(value)
        result = BatchResult(item, value.get('body'), content_type=response.headers.get('Content-Type', ''))
        if response.status_code not in _GRAPH_OK_CODES:
            self._client.count_failure(response)  # the batch as a whole is counted as a success
            return BatchResult.failed(item, GraphError.from_response(response, self._client.clock.now()))
        is_deleted = is_deletion(item.method, item.path)
        if (item.has_id and not result.body.get('id')) or (is_deleted and response.status_code != 204):
            done = 'deleted' if is_deleted else 'created' if item.method == 'POST' else 'changed'
            return BatchResult.failed(item, _not_confirmed(response, done))
        return result

    def _delay_after(self, error: Exception, attempt: int) -> float | None:
        """Return the seconds to wait before throttled requests are sent again, None if none may be."""
        delays = {}
        for number in self._pending if isinstance(error, GraphError) else ():
            item, failure = self._items[number], self._results[number].error
            if failure and failure.res is not None and not (failure.status in CONFLICT_RETRIES and item.if_match):
                delay = self._client.retry_delay(self._policy, attempt, failure.res, item.is_idempotent)
                if delay is not None:
                    delays[number] = delay
        self._pending = list(delays)
        return max(delays.values(), default=None)

    def _sleep(self, seconds: float) -> None:
        self._policy = self._policy._replace(budget=self._policy.budget - seconds)
        self._client.clock.sleep(seconds)


# endregion

# region client

# Exchange changes an email by itself for a moment after it arrived or was created. Nothing was done then.
CONFLICT_RETRIES = {409: 3, 412: 3}
_DOWNLOAD_CHUNK = 256 * 1024  # bytes
MAX_DOWNLOAD = 250 * 1024 * 1024  # bytes; a message may have 150 MB, which MIME makes a third larger
_StepResult = TypeVar('_StepResult')


def json_bytes(value: Any) -> bytes:
    """Return JSON as it is sent: in UTF-8, since the size of a request is limited, and ASCII takes up to three times as much."""
    return json.dumps(value, ensure_ascii=False).encode(errors='backslashreplace')


def _not_confirmed(response: requests.Response, done: str) -> GraphError:
    what = f'Microsoft Graph did not confirm that the object was {done}.'
    advice = 'Check whether it exists before you try again.' if done == 'created' else 'Check it before you try again.'
    return GraphError(what, advice, '', response)


class GraphClient(MicrosoftClient):
    """Send requests to Microsoft Graph.

    Args:
        azure_cloud: the cloud whose Microsoft Graph is used.
        kwargs: as MicrosoftClient takes them.
    Attributes:
        clock_ahead: seconds by which the clock of the engine was ahead of that of Graph at the last response.
    """

    _limits = STRICT_LIMITS
    _has_sent = False
    clock_ahead = 0.0

    def __init__(self, azure_cloud: AzureCloud = AZURE_WORLDWIDE_CLOUD, **kwargs: Any):
        graph = azure_cloud.endpoints.microsoft_graph_resource_id.rstrip('/')
        self.base_url = f'{graph}/v1.0'
        super().__init__(base_url=self.base_url, azure_cloud=azure_cloud, **kwargs)
        self.retry_policy = self.retry_policy._replace(retries={**CONFLICT_RETRIES, **self.retry_policy.retries})

    def retry_delay(self, policy: RetryPolicy, attempt: int, response: requests.Response, is_idempotent: bool) -> float | None:
        if GraphError.from_response(response, self.clock.now()).code in _ADVICE_BY_FINAL_CODE:
            return None
        return super().retry_delay(policy, attempt, response, is_idempotent or response.status_code == 412)

    def reschedule_delay_after(self, error: GraphError, is_idempotent: bool = True) -> float | None:
        """Return the seconds after which a later run may send a request again that failed, None if it must not."""
        return None if error.res is None else self.reschedule_delay(error.res, is_idempotent)

    def is_refusal(self, error: GraphError) -> bool:
        """Return whether Graph refused the request of an error: it throttles, or the error tells that nothing was done."""
        return not error.is_outcome_unclear or self.reschedule_delay_after(error) is not None

    def graph_request(self, method: str, path: str = '', **kwargs: Any) -> JsonObject:
        """Send a request, and return the JSON object of the response; an empty one if Graph has nothing to return.

        Args:
            path: quoted, below ``/v1.0``.
            kwargs: as `send_request` takes them.
        Raises:
            GraphThrottled: Graph throttles for longer than the retry budget.
            GraphError: the response is an error or not JSON, or none came.
            GraphSignInError: Graph rejected the token, or no new one came after the first request.
            MicrosoftSignInError: no token came for the first request.
        """
        response = self._send(method, path, **kwargs)
        if response.status_code in (202, 204):
            return {}
        body = json_or_none(response)
        if isinstance(body, dict) and 'error' not in body:
            return body
        if isinstance(body, dict) or _error_object(response):
            self._raise_graph_error(response)
        raise GraphError('Microsoft Graph sent a response that is not a JSON object.', CHECK_PROXY, '', response)

    def create(self, path: str, method: str = 'POST', **kwargs: Any) -> JsonObject:
        """Create an object, or change it with PATCH, and return it. Arguments and errors as in `graph_request`.

        Raises:
            GraphError: also if the response does not have an ID, so that it is unclear whether the object was.
        """
        response = self._send(method, path, **kwargs)
        body = json_or_none(response)
        found = without_malformed_values(body) if isinstance(body, dict) else {}
        if response.status_code not in (200, 201) or not found.get('id'):
            raise _not_confirmed(response, 'created' if method == 'POST' else 'changed')
        return found

    def run_action(self, method: str, path: str, **kwargs: Any) -> None:
        """Send a request whose response is empty. Arguments and errors as in `graph_request`."""
        response = self._send(method, path, **kwargs)
        if response.status_code != (204 if is_deletion(method, path) else 202):
            raise GraphError('Microsoft Graph did not confirm the request.', CHECK_PROXY, '', response)

    def download(
        self, path: str, write: ByteWriter, retry_policy: RetryPolicy | None = None, max_size: int = MAX_DOWNLOAD
    ) -> int:
        """Stream the bytes of a response, and return how many they are.

        Args:
            path: quoted, below ``/v1.0``.
            max_size: bytes after which the download ends with an error.
        Raises:
            BrokenTransferError: the bytes are incomplete.
            GraphError: as in `graph_request`; also if the bytes are not from Graph, or too many.
        """
        response = self._send('GET', path, headers={'Accept': '*/*'}, stream=True, retry_policy=retry_policy)
        size = 0
        with response:
            if response.status_code != 200:
                raise GraphError('Microsoft Graph sent no file.', 'Try again.', '', response)
            if 'request-id' not in response.headers:  # the page of a proxy must not be taken for the file
                raise GraphError('The response to the download is not from Microsoft Graph.', CHECK_PROXY, '', response)
            try:
                for chunk in response.iter_content(_DOWNLOAD_CHUNK):
                    size += len(chunk)
                    if size > max_size:
                        raise GraphError(
                            f'The download exceeds the limit of {max_size:,} bytes.', 'Open the email in Outlook.', '', response
                        )
                    write(chunk)
            except requests.exceptions.RequestException as error:
                raise self._outage(error, kind=BrokenTransferError if is_reset(error) else GraphError) from error
            length = response.headers.get('Content-Length', '')
            if length.isdecimal() and response.raw.tell() != int(length):  # older urllib3 takes a broken transfer for the end
                raise BrokenTransferError(f'The file ended before its {length} bytes were complete.', 'Try again.', '', response)
        return size

    def _send_once(self, *, json_data: Any = None, **request: Any) -> requests.Response:
        self._has_sent = True
        if json_data is not None:
            headers = {'Content-Type': 'application/json', **request['headers']}
            request = {**request, 'headers': headers, 'data': json_bytes(json_data)}
        return super()._send_once(**request)

    def _send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {**prefer_header(), **(kwargs.pop('headers', None) or {})}
        try:
            response = self.send_request(
                method,
                path,
                headers=headers,
                ok_codes=_GRAPH_OK_CODES,
                error_handler=self._raise_graph_error,
                allow_redirects=False,  # neither the token nor the message in the request may go to another host
                **kwargs,
            )
        except CommandThrottled as error:
            raise GraphThrottled(GraphError.from_response(error.res, self.clock.now()), error.seconds) from None
        except MicrosoftSignInError as error:
            if not self._has_sent:
                raise
            raise GraphSignInError.from_error(error) from error
        except (DemistoException, requests.exceptions.RequestException) as error:
            # not from an error that is raised itself: as its own cause, it would keep its response in memory
            raise self._outage(error) from getattr(error, 'exception', error)
        with suppress(ValueError, TypeError, OverflowError):
            self.clock_ahead = self.clock.now() - parsedate_to_datetime(response.headers.get('Date', '')).timestamp()
        return response

    def send_without_token(self, method: str, url: str, headers: dict[str, str], data: bytes | None = None) -> requests.Response:
        """Send a request to an upload URL, without retries, and return the response. Raise GraphError as in `graph_request`."""
        try:
            return self._send_once(
                method=method,
                full_url=url,
                headers=headers,
                data=data,
                resp_type='response',
                ok_codes=_GRAPH_OK_CODES,
                error_handler=self._raise_graph_error,
                allow_redirects=False,
                auth=skip_netrc,
                timeout=self.timeout,
                with_metrics=self._counts_requests,
            )
        except (DemistoException, requests.exceptions.RequestException) as error:
            raise self._outage(error, url) from None  # errors of requests contain the URL

    def _raise_graph_error(self, response: requests.Response) -> None:
        raise GraphError.from_response(response, self.clock.now())

    def _outage(self, error: Exception, url: str = '', kind: type[GraphError] = GraphError) -> Exception:
        """Return an error that says why no response came to `url`, by default the API; the same error if one came."""
        cause = getattr(error, 'exception', error)
        if not isinstance(cause, requests.exceptions.RequestException):
            return error
        host = f'Microsoft Graph at {urlsplit(url or self.base_url).netloc}'
        advice = 'Try again, and check the network of the engine, the proxy and the cloud setting.'
        if isinstance(cause, requests.exceptions.ReadTimeout) and self.clock.remaining() > 1:
            advice = f"{advice[:-1]}, or increase 'HTTP timeout'."
        what, advice, _ = connection_problem(cause, host, advice)
        result = kind(what, advice)
        result.is_timeout = isinstance(cause, requests.exceptions.ReadTimeout)
        return result

    def retry(self, step: Callable[[], _StepResult], policy: RetryPolicy) -> _StepResult:
        """Run a step that sends requests without retries until it succeeds, and return its result.

        Args:
            policy: by the status of a GraphError; other errors are raised. Its budget is that of the client.
        """
        policy = policy._replace(budget=self.retry_policy.budget)

        def delay_after(error: Exception, attempt: int) -> float | None:
            is_final = isinstance(error, (UnknownOutcomeError, GraphSignInError))
            if is_final or not isinstance(error, GraphError) or error.code in _ADVICE_BY_FINAL_CODE:
                return None
            return policy.delay(attempt, error.res, self.clock.now())

        return run_with_retries(step, delay_after, policy, self.clock)

    def count_failure(self, response: requests.Response) -> None:
        """Count a failed request of a batch in the execution metrics."""
        if self._counts_requests:
            self._update_metrics(response, success=False)

    def is_own_link(self, link: str) -> bool:
        """Return whether a link leads to the host of this client, or is empty."""
        return not link or is_same_host(link, self.base_url)

    def require_own_link(self, link: str) -> str:
        """Return a link. Raise DemistoException if it leads to another host."""
        if not self.is_own_link(link):
            raise DemistoException(f'The link to the next page leads to another host, so it was not followed. {CHECK_PROXY}')
        return link

    def batch(self, items: Sequence[BatchRequest], retry_policy: RetryPolicy | None = None) -> list[BatchResult]:
        """Send many requests in few, and return their results in the same order. A rejected request does not stop the others.

        Requests that are throttled or meet a conflict, and no others, are sent again. All waits together stay within the retry
        budget.
        """
        return _Batch(self, items, retry_policy or self.retry_policy).results()


class AtMostOnceStep:
    """A step that must not be done twice.

    Graph answers 429 and other errors to some requests that it carries out nevertheless, at once or seconds later. So the outcome
    is looked up before the step is repeated, and after an unclear response again when it has settled.

    Args:
        run: does the step, without retries, and returns its result.
        find_outcome: looks up the result of the step; returns None or False if it was not done.
        unknown: what may have happened, and advice, if this cannot be looked up; None if the step cannot do harm.
        look_first: an earlier run may have done it.
        may_repeat: returns whether a step that was not found done may be repeated after an error.
        can_resume_after: returns whether a later run looks up the outcome after an error. This run does not wait for it then.
        settle_seconds: after an unclear response; what was not done by then will not be.
    Attributes:
        was_unclear: a response was unclear, so that the step may have been done twice in the end.
    Source: https://learn.microsoft.com/answers/questions/5629476, https://learn.microsoft.com/answers/questions/2286986
    """

    def __init__(
        self,
        client: GraphClient,
        run: Callable[[], Any],
        find_outcome: Callable[[], Any],
        unknown: tuple[str, str] | None = None,
        look_first: bool = False,
        may_repeat: Callable[[GraphError], bool] = lambda _error: True,
        can_resume_after: Callable[[GraphError], bool] = lambda _error: False,
        settle_seconds: float = 5.0,
    ):
        self._client = client
        self._run = run
        self._find_outcome = find_outcome
        self._unknown = unknown
        self._look_first = look_first
        self._may_repeat = may_repeat
        self._can_resume_after = can_resume_after
        self._settle_seconds = settle_seconds
        self._error: GraphError | None = None  # of the last time that the step was run
        self._settled_at = 0.0
        self.was_unclear = False

    def result(self, policy: RetryPolicy) -> Any:
        """Run the step with retries, and return its result.

        Raises:
            UnknownOutcomeError: the step may have been done, and no later run can look it up.
        """
        try:
            return self._client.retry(self._attempt, policy)
        except UnknownOutcomeError:
            raise
        except GraphError as error:
            failure, can_resume = error, self._can_resume_after(error)
        if not self.was_unclear:
            raise failure if can_resume or not self._error else self._error
        try:
            done = self._client.retry(self._find_outcome if can_resume else self._settled_outcome, policy)
        except UnknownOutcomeError:
            raise
        except DemistoException:
            if can_resume or not (self._unknown and self._error):
                raise failure from None
            raise UnknownOutcomeError(*self._unknown, self._error) from failure
        if not done:
            raise failure
        return done

    def _attempt(self) -> Any:
        """Run the step unless it was done, and return its result."""
        done = self._settled_outcome() if self._look_first else None
        if done:
            return done
        self._look_first = True
        try:
            return self._run()
        except GraphError as error:
            self._error = error
            if error.is_outcome_unclear or error.status == 429:
                self.was_unclear = True
                self._settled_at = self._client.clock.elapsed() + self._settle_seconds
            raise

    def _settled_outcome(self) -> Any:
        """Return the result of the step; None or False if it was not done, will not be, and may be repeated."""
        clock, done = self._client.clock, self._find_outcome()
        seconds = self._settled_at - clock.elapsed()
        if not done and self._error and seconds > 0:
            if seconds >= clock.remaining():
                raise self._error
            clock.sleep(seconds)
            done = self._find_outcome()
        if not done and self._unknown and self._error and not self._may_repeat(self._error):
            raise UnknownOutcomeError(*self._unknown, self._error) from self._error
        return done


def retry_broken_transfer(download: Callable[[], _StepResult]) -> _StepResult:
    """Run a download into a new file or buffer, and repeat it once if the transfer breaks off.

    Its requests have retries of their own, so this is not a step of `run_with_retries`.
    """
    try:
        return download()
    except BrokenTransferError:
        return download()


# endregion
