"""The client and the mailbox against scripted responses. Tests/conformance/graph_mail has the tests that need a mailbox."""

import base64
import hashlib
import io
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftCoreApiModule import AzureCloud, AzureCloudEndpoints
from MicrosoftHttpApiModule import NO_RETRIES, RetryPolicy
from MicrosoftGraphClientApiModule import AtMostOnceStep, BatchRequest, GraphError, GraphThrottled, odata_query
from MicrosoftGraphMailClientApiModule import (
    Attachment,
    DeltaPage,
    EmailAddress,
    GraphMailClient,
    Mailbox,
    bare_content_id,
    slash_path,
    split_folder_list,
    save_file,
)

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
CHECK_PROXY = 'Check the proxy and the cloud setting.'
REFUSED = 'Microsoft Graph refused the request: '
LATER = 'Try again in a few minutes.'

# region scripted Graph


class Script(requests.adapters.BaseAdapter):
    """Answer requests with scripted responses in order, the last one again and again, or with an exception."""

    def __init__(self, responses: tuple[Any, ...]) -> None:
        super().__init__()
        self.responses = list(responses)
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        self.requests.append(request)
        scripted = self.responses[min(len(self.requests), len(self.responses)) - 1]
        if isinstance(scripted, Exception):
            raise scripted
        response = requests.Response()
        response.status_code, headers, body = scripted
        response.headers.update(headers)
        response.raw = io.BytesIO(body if isinstance(body, bytes) else body.encode())
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        pass

    @property
    def paths(self) -> list[str]:
        return [request.path_url for request in self.requests]

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body or 'null') for request in self.requests]


class ScriptedClient(GraphMailClient):
    """A client with a token, whose waits are recorded."""

    def __init__(self, *responses: Any, address: str = ADA, graph: str = 'https://graph.example') -> None:
        endpoints = AzureCloudEndpoints(active_directory='https://localhost', microsoft_graph_resource_id=graph)
        super().__init__(address, azure_cloud=AzureCloud('Test', 'Test', 'com', endpoints))
        self.script = Script(responses or (page(),))
        self._session.mount('https://', self.script)
        self.waits: list[float] = []
        self.clock.sleep = self.waits.append  # type: ignore[method-assign,assignment]

    def get_access_token(self, resource: str = '', scope: str | None = None) -> str:
        return 'the-token'


def answer(value: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], str]:
    return status, {name.replace('_', '-'): text for name, text in headers.items()}, json.dumps(value)


def page(*values: Any, link: str = '') -> tuple[int, dict[str, str], str]:
    return answer({'value': list(values), **({'@odata.nextLink': link} if link else {})})


def error_body(code: Any = 'Code', message: Any = 'Reason') -> str:
    return json.dumps({'error': {'code': code, 'message': message}})


def error_of(call: Any) -> str:
    with pytest.raises(DemistoException) as caught:
        call()
    return str(caught.value)


# endregion
# region paths


@pytest.mark.parametrize('value', ['a/b', 'a?b', 'a#b', '../me', 'a b', 'ä', 'a%2Fb', '..%2f', '...'])
def test_an_id_is_one_segment_of_the_path(value: str) -> None:
    client = ScriptedClient(address=value)
    client.mailbox.list_messages(value)
    path, _, query = client.script.paths[0].partition('?')
    _, version, users, mailbox, folders, folder, messages = path.split('/')
    assert [version, users, folders, messages] == ['v1.0', 'users', 'mailFolders', 'messages']
    assert requests.utils.unquote(mailbox) == requests.utils.unquote(folder) == value
    assert query == '%24top=20'


@pytest.mark.parametrize('value', ['a/b?c#d', '../..', 'a%2Fb', 'ä b'])
@pytest.mark.parametrize(
    'call',
    [
        lambda mailbox, value: mailbox.get_message(value, value),
        lambda mailbox, value: mailbox.list_attachments(value, value),
        lambda mailbox, value: mailbox.get_attachment(value, value, value),
        lambda mailbox, value: mailbox.list_folders(20, value),
        lambda mailbox, value: mailbox.update_folder(value, 'x'),
        lambda mailbox, value: mailbox.delete_folder(value),
        lambda mailbox, value: mailbox.delete_folder(value, permanent=True),
        lambda mailbox, value: mailbox.get_rule(value),
        lambda mailbox, value: mailbox.update_rule(value, {'sequence': 1}),
        lambda mailbox, value: mailbox.delete_rule(value),
        lambda mailbox, value: mailbox.get_settings(value),
    ],
)
def test_ids_are_quoted_in_every_path(call: Any, value: str) -> None:
    client = ScriptedClient((400, {}, ''), address=value)
    error_of(lambda: call(client.mailbox, value))
    [path] = client.script.paths
    segments = path.partition('?')[0].split('/')
    assert segments[2] == 'users'
    assert not set('?# ') & set(''.join(segments))
    assert [requests.utils.unquote(one) for one in segments].count(value) == segments.count(segments[3]) > 1


@pytest.mark.parametrize(
    'call, sentence',
    [
        (lambda mailbox: mailbox.get_message(''), 'The message ID is missing. Enter the message ID.'),
        (lambda mailbox: mailbox.get_attachment('a', ''), 'The attachment ID is missing. Enter the attachment ID.'),
        (lambda mailbox: mailbox.delete_folder(''), 'The folder ID is missing. Enter the folder ID.'),
        (lambda mailbox: mailbox.delete_rule(''), 'The rule ID is missing. Enter the rule ID.'),
        (
            lambda mailbox: mailbox.list_messages('..'),
            "'..' is not a valid folder ID. Enter the folder ID from Microsoft Graph.",
        ),
        (
            lambda mailbox: Mailbox(mailbox.client, '.').list_messages(),
            "'.' is not a valid mailbox address. Enter the mailbox address from Microsoft Graph.",
        ),
    ],
)
def test_an_id_that_would_change_the_path_is_rejected(call: Any, sentence: str) -> None:
    client = ScriptedClient()
    assert error_of(lambda: call(client.mailbox)) == sentence
    assert client.script.requests == []


def test_without_an_address_the_mailbox_is_that_of_the_signed_in_user() -> None:
    client = ScriptedClient(address='')
    client.mailbox.list_messages()
    assert client.script.paths == ['/v1.0/me/messages?%24top=20']


def test_the_check_of_a_mailbox_is_one_small_request() -> None:
    client = ScriptedClient()
    client.mailbox.check()
    assert client.script.paths == [f'/v1.0/users/{ADA}/messages?%24select=id&%24top=1']


@pytest.mark.parametrize('graph', ['https://graph.example', 'https://graph.example/'])
def test_the_address_of_graph_may_end_with_a_slash(graph: str) -> None:
    client = ScriptedClient(graph=graph)
    assert (client._base_url, client.scope) == ('https://graph.example/v1.0', 'https://graph.example/.default')


def test_the_default_is_graph_of_the_worldwide_cloud() -> None:
    assert GraphMailClient()._base_url == 'https://graph.microsoft.com/v1.0'


# endregion
# region requests


def test_every_request_asks_for_immutable_ids() -> None:
    client = ScriptedClient(page(link='https://graph.example/v1.0/me/messages?$skip=1'), page())
    client.mailbox.list_messages(pages=2)
    assert [one.headers['Prefer'] for one in client.script.requests] == ['IdType="ImmutableId"'] * 2
    assert [one.headers['Authorization'] for one in client.script.requests] == ['Bearer the-token'] * 2


def test_odata_options_are_encoded_once() -> None:
    client = ScriptedClient()
    client.mailbox.list_messages(query=odata_query("$filter=subject eq 'R&D+#1'"), page_size=7)
    assert client.script.paths[0].endswith('/messages?%24filter=subject+eq+%27R%26D%2B%231%27&%24top=7')


def test_headers_of_a_request_replace_the_usual_ones() -> None:
    client = ScriptedClient()
    client.graph_request('GET', '/me', headers={'Prefer': 'odata.maxpagesize=5', 'X-Test': 'yes'})
    [request] = client.script.requests
    assert (request.headers['Prefer'], request.headers['X-Test']) == ('odata.maxpagesize=5', 'yes')


@pytest.mark.parametrize(
    'link',
    [
        'http://graph.example/v1.0/me',
        'https://graph.example:444/v1.0/me',
        'https://graph.example@evil.example/v1.0/me',
        'https://evil.example\\@graph.example/v1.0/me',
        '//evil.example/v1.0/me',
        'file:///etc/passwd',
        '/v1.0/me',
    ],
)
def test_a_link_to_another_host_is_not_followed(link: str) -> None:
    client = ScriptedClient(page(link=link))
    assert error_of(lambda: client.mailbox.list_messages(pages=2)) == (
        f'The link to the next page leads to another host, so it was not followed. {CHECK_PROXY}'
    )
    assert len(client.script.requests) == 1


def test_a_page_with_more_messages_than_requested_is_cut_without_skipping_any() -> None:
    second = 'https://graph.example/v1.0/me/messages?$top=2&$skip=2'
    client = ScriptedClient(page({'id': '1'}, {'id': '2'}, link=second), page({'id': '3'}, {'id': '4'}, {'id': '5'}, link='x'))
    found, link = client.mailbox.list_messages(page_size=2, pages=9, limit=4)
    assert ([one['id'] for one in found], link) == (['1', '2', '3', '4'], second)


def test_the_case_of_the_host_in_a_link_does_not_matter() -> None:
    client = ScriptedClient(page(link='HTTPS://Graph.Example/v1.0/me/messages?$skip=1'), page())
    client.mailbox.list_messages(pages=2)
    assert client.script.paths[1] == '/v1.0/me/messages?$skip=1'


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    'call',
    [
        lambda client: client.mailbox.list_messages(),
        lambda client: client.mailbox.get_mailtips([BOB]),
        lambda client: client.mailbox.download_mime('x', lambda chunk: None),
        lambda client: client.mailbox.delete_rule('x'),
        lambda client: client.mailbox.create_folder('x'),
        lambda client: client.run_action('POST', '/x'),
        lambda client: client.send_without_token('PUT', 'https://graph.example/upload', {}, b'x'),
    ],
)
def test_a_redirect_is_not_followed(call: Any, status: int) -> None:
    client = ScriptedClient((status, {'Location': 'https://evil.example/v1.0/me'}, ''))
    assert error_of(lambda: call(client)) == (
        f'Microsoft Graph redirected the request (HTTP status {status}). Redirects are not followed. {CHECK_PROXY}'
    )
    assert len(client.script.requests) == 1


@pytest.mark.parametrize('response', [(204, {}, ''), answer({}), answer([]), answer({'id': 'x'}, 202), (200, {}, 'no JSON')])
@pytest.mark.parametrize(
    'what, call',
    [
        ('the folder was created', lambda mailbox: mailbox.create_folder('x')),
        ('the rule was created', lambda mailbox: mailbox.create_rule({})),
    ],
)
def test_a_creation_without_an_id_in_the_response_is_an_error(what: str, call: Any, response: Any) -> None:
    assert error_of(lambda: call(ScriptedClient(response).mailbox)) == (
        f'It is not known whether {what}. Microsoft Graph did not confirm that the object was created. '
        'Check the mailbox before you run the command again.'
    )


@pytest.mark.parametrize('response', [answer({}), (200, {}, '<html></html>')])
def test_an_action_has_an_empty_response(response: Any) -> None:
    ScriptedClient((202, {}, '')).run_action('POST', '/x')
    assert error_of(lambda: ScriptedClient(response).run_action('POST', '/x')) == (
        f'Microsoft Graph did not confirm the request. {CHECK_PROXY}'
    )


def test_an_upload_has_no_token() -> None:
    client = ScriptedClient((201, {}, ''))
    client.send_without_token('PUT', 'https://graph.example/upload', {'Content-Range': 'bytes 0-0/1'}, b'x')
    [request] = client.script.requests
    assert 'Authorization' not in request.headers
    assert (request.body, request.headers['Content-Range']) == (b'x', 'bytes 0-0/1')


@pytest.mark.parametrize('length', ['1', '4', '6', '1000000', '0'])
def test_a_file_with_another_length_than_announced_is_an_error(length: str) -> None:
    client = ScriptedClient((200, {'request-id': 'x', 'Content-Length': length}, b'12345'))
    assert error_of(lambda: client.mailbox.download_mime('m', lambda chunk: None)).startswith(
        f'The file ended before its {length} bytes were complete. Try again.'
    )


def test_a_file_without_a_length_is_taken() -> None:
    chunks: list[bytes] = []
    client = ScriptedClient((200, {'request-id': 'x'}, b'12345'))
    client.mailbox.download_mime('m', chunks.append)
    assert b''.join(chunks) == b'12345'
    assert [one.headers['Accept'] for one in client.script.requests] == ['*/*']


@pytest.mark.parametrize(
    'response, size, sentences',
    [
        ((202, {'request-id': 'x'}, b'12'), 100, 'Microsoft Graph sent no file. Try again.'),
        ((200, {'request-id': 'x'}, b'12'), 1, 'The download exceeds the limit of 1 bytes. Open the email in Outlook.'),
    ],
)
def test_what_is_not_the_file_is_an_error(response: Any, size: int, sentences: str) -> None:
    with pytest.raises(GraphError) as caught:
        ScriptedClient(response).mailbox.download_attachment('m', 'a', lambda chunk: None, max_size=size)
    assert str(caught.value) == f'{sentences} Request ID: x'


def test_a_file_may_have_the_maximum_size() -> None:
    client = ScriptedClient((200, {'request-id': 'x'}, b'12'))
    assert client.mailbox.download_attachment('m', 'a', lambda chunk: None, max_size=2) == 2


# endregion
# region errors


CANNOT_CONVERT = 'Open the email in Outlook: Microsoft Graph cannot convert it.'
NO_MAILBOX = 'Check the address: the account has no mailbox in Exchange Online.'
CHECK_USER = 'Check the address of the mailbox. It must be the user principal name or the object ID of its user.'
# Advice by the error code, whatever the status is.
FINAL = {
    **dict.fromkeys(
        (
            *('ErrorCannotOpenFileAttachment', 'ErrorContentConversionFailed', 'ErrorCorruptData', 'ErrorItemCorrupt'),
            *('ErrorMimeContentConversionFailed', 'ErrorMimeContentInvalid', 'ErrorMimeContentInvalidBase64String'),
            'ErrorUnsupportedMimeConversion',
        ),
        CANNOT_CONVERT,
    ),
    **dict.fromkeys(('MailboxNotEnabledForRESTAPI', 'MailboxNotSupportedForRESTAPI'), NO_MAILBOX),
    'ErrorMessageSizeExceeded': 'Send smaller files or a link to them: the mailbox limits the size of an email.',
    'ErrorQuotaExceeded': 'Delete what the mailbox does not need, or ask an administrator to raise its quota.',
    'ErrorExceededMessageLimit': 'Wait until the mailbox may send again, or ask an administrator about its sending limit.',
    'ErrorMessageSubmissionBlocked': 'Ask an administrator to let the mailbox send again: Microsoft has blocked it.',
    'ErrorSendAsDenied': 'Change the sender, or ask an administrator for the permission Send As.',
    'ErrorFolderExists': 'Choose another name or another parent folder.',
}
# Advice by the error code, unless the status says that Graph failed.
OTHER = {
    **dict.fromkeys(('ErrorInvalidUser', 'Request_ResourceNotFound', 'ResourceNotFound'), CHECK_USER),
    **dict.fromkeys(('ErrorRestrictionTooComplex', 'InefficientFilter'), 'Use fewer conditions, or no $orderby.'),
    'ErrorCalendarIsOrganizerForAccept': 'Change or cancel the meeting in Outlook: its organizer cannot respond to it.',
    'ErrorCalendarIsCancelledForDecline': 'Remove the meeting from the calendar in Outlook: it was cancelled.',
    'ErrorCalendarMeetingRequestIsOutOfDate': 'Respond to the newest invitation to the meeting.',
    'ErrorInvalidRecipients': 'Check the recipients: an email needs at least one, and each needs a valid address. '
    'An administrator can raise the limit of the mailbox, which is 500 by default, to 1,000.',
    'ErrorInvalidReferenceItem': 'Reply to an email that is not a draft. Change a draft with msgraph-mail-update-draft.',
    'ErrorCannotDeleteObject': 'The object may already have been deleted. Look for it in Outlook.',
    'ErrorDeleteDistinguishedFolder': 'Choose a folder that is not a default folder.',
    'OrganizationFromTenantGuidNotFound': 'Check the tenant ID: this tenant has no mailboxes in Exchange Online.',
}


@pytest.mark.parametrize(
    'path', ['messages/x', 'mailFolders/inbox/messageRules/x', 'mailFolders/x/childFolders', 'messages/x/attachments/y']
)
@pytest.mark.parametrize('status, code', [(404, 'Code'), (400, 'ErrorInvalidIdMalformed')])
def test_the_id_is_blamed_if_the_request_has_one(path: str, status: int, code: str) -> None:
    client = ScriptedClient((status, {}, error_body(code)))
    assert error_of(lambda: client.graph_request('GET', f'/users/{ADA}/{path}')) == (
        f'{REFUSED}{code}: Reason. Check that the ID belongs to this mailbox.'
    )


@pytest.mark.parametrize(
    'path', ['messages', 'mailFolders/inbox', 'mailFolders/Drafts/messages', 'mailFolders/deleteditems', 'messages/delta']
)
def test_the_mailbox_is_blamed_if_the_request_has_no_id(path: str) -> None:
    client = ScriptedClient((404, {}, error_body()))
    assert error_of(lambda: client.graph_request('GET', f'/users/{ADA}/{path}')) == (
        f'{REFUSED}Code: Reason. Check the address of the mailbox, and that this account may open it.'
    )


@pytest.mark.parametrize(
    'status, headers, body, sentences',
    [
        (400, {}, error_body(), f'{REFUSED}Code: Reason. Check the arguments of the command.'),
        (400, {}, error_body(message='It ends. '), f'{REFUSED}Code: It ends. Check the arguments of the command.'),
        (400, {}, error_body(''), f'{REFUSED}Reason. Check the arguments of the command.'),
        (400, {}, error_body(message=None), f'{REFUSED}Code: no reason given. Check the arguments of the command.'),
        (401, {}, error_body(), f'{REFUSED}Code: Reason. Check the cloud setting, and that the account is not disabled.'),
        (
            403,
            {'request-id': 'r1'},
            error_body(),
            f'{REFUSED}Code: Reason. Check that the permission is granted and that the account may open this mailbox. '
            'Request ID: r1',
        ),
        (404, {}, error_body(), f'{REFUSED}Code: Reason. Check the address of the mailbox, and that this account may open it.'),
        (404, {}, '[]', f'Microsoft Graph responded with HTTP status 404. {CHECK_PROXY}'),
        (404, {}, '{"error": "text"}', f'Microsoft Graph responded with HTTP status 404. {CHECK_PROXY}'),
        (407, {}, '<html>Who are you?</html>', f'Microsoft Graph responded with HTTP status 407. {CHECK_PROXY}'),
        *(
            (
                status,
                {},
                error_body(),
                f'{REFUSED}Code: Reason. Something else changed the object at the same time. Run the command again.',
            )
            for status in (409, 412)
        ),
        (500, {}, error_body('ErrorItemNotFound'), f'{REFUSED}ErrorItemNotFound: Reason. {LATER}'),
        (
            200,
            {},
            f'{{"value": [{{"id": "x"}}, {error_body()[1:-1]}',
            f'{REFUSED}Code: Reason. Check the arguments of the command.',
        ),
        *((500, {}, error_body(code), f'{REFUSED}{code}: Reason. {advice}') for code, advice in FINAL.items()),
        *((400, {}, error_body(code), f'{REFUSED}{code}: Reason. {advice}') for code, advice in {**FINAL, **OTHER}.items()),
        (502, {}, '<html>Bad gateway</html>', f'Microsoft Graph responded with HTTP status 502. {LATER}'),
        (503, {'Retry-After': '3600'}, '', 'Microsoft Graph responded with HTTP status 503. Try again in 3600 seconds.'),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(status: int, headers: dict[str, str], body: str, sentences: str) -> None:
    assert error_of(lambda: ScriptedClient((status, headers, body)).mailbox.list_messages()) == sentences


@pytest.mark.parametrize('body', ['<html><body>Please accept our terms.</body></html>', '', '[]', '"text"'])
def test_a_response_that_is_not_a_json_object_is_not_repeated_in_the_error(body: str) -> None:
    assert error_of(lambda: ScriptedClient((200, {}, body)).mailbox.list_messages()) == (
        f'Microsoft Graph sent a response that is not a JSON object. {CHECK_PROXY}'
    )


def test_throttling_beyond_the_retry_budget_says_when_to_run_again() -> None:
    client = ScriptedClient((429, {'Retry-After': '40'}, error_body()))
    with pytest.raises(GraphThrottled) as caught:
        client.mailbox.list_messages()
    assert (caught.value.seconds, caught.value.status, client.waits) == (40, 429, [])
    assert str(caught.value) == f'{REFUSED}Code: Reason. Try again in 40 seconds.'


@pytest.mark.parametrize(
    'status, code, is_lost',
    [(410, '', True), (400, 'SyncStateNotFound', True), (404, 'ErrorSyncStateNotFound', True), (404, 'Code', False)],
)
def test_a_lost_sync_state_is_recognized(status: int, code: str, is_lost: bool) -> None:
    with pytest.raises(GraphError) as caught:
        ScriptedClient((status, {}, error_body(code))).mailbox.created_messages('inbox')
    assert caught.value.is_sync_state_lost is is_lost


def test_a_delta_page_without_a_link_is_an_error() -> None:
    assert error_of(lambda: ScriptedClient().mailbox.created_messages('inbox')) == (
        f'Microsoft Graph did not send the next link of the delta sync. {CHECK_PROXY}'
    )


@pytest.mark.parametrize(
    'error, in_time, more',
    [
        (requests.exceptions.ConnectionError('x'), '', ''),
        (requests.exceptions.ReadTimeout('x'), ' in time', ", or increase 'HTTP timeout'"),
        (requests.exceptions.ConnectTimeout('x'), ' in time', ''),
    ],
)
@pytest.mark.parametrize(
    'host, call',
    [
        ('Microsoft Graph at graph.example', lambda client: client.mailbox.list_messages()),
        ('Microsoft Graph at graph.example', lambda client: client.mailbox.download_mime('x', lambda chunk: None)),
        (
            'Microsoft Graph at up.example',
            lambda client: client.send_without_token('PUT', 'https://up.example/x?authtoken=y', {}, b'x'),
        ),
    ],
)
def test_a_missing_response_is_described_without_jargon(host: str, call: Any, error: Exception, in_time: str, more: str) -> None:
    assert error_of(lambda: call(ScriptedClient(error))) == (
        f'{host} did not respond{in_time}. Try again, and check the network of the engine, the proxy and the cloud setting{more}.'
    )


@pytest.mark.parametrize('seconds, is_advised', [(0.0, False), (0.5, False), (100.0, True)])
def test_a_longer_timeout_is_not_advised_at_the_end_of_a_command(seconds: float, is_advised: bool) -> None:
    class Slow(ScriptedClient):
        def _send_once(self, *_args: Any, **_kwargs: Any) -> Any:
            self.clock.limit(seconds)
            raise requests.exceptions.ReadTimeout('x')

    assert ("increase 'HTTP timeout'" in error_of(Slow().mailbox.list_messages)) is is_advised


@pytest.mark.parametrize(
    'error, what',
    [
        (
            requests.exceptions.SSLError('certificate verify failed: certificate has expired'),
            'of Microsoft Graph at graph.example has',
        ),
        (requests.exceptions.ProxyError('x'), 'The connection to the proxy for Microsoft Graph at graph.example failed.'),
    ],
)
def test_faults_of_tls_and_proxies_name_the_host(error: Exception, what: str) -> None:
    with pytest.raises(GraphError) as caught:
        ScriptedClient(error).mailbox.list_messages()
    assert what in str(caught.value)


# endregion
# region lists


@pytest.mark.parametrize('limit, count, requests_made', [(1, 1, 1), (2, 2, 1), (3, 3, 2), (99, 4, 2)])
def test_a_list_takes_as_many_pages_as_the_limit_needs(limit: int, count: int, requests_made: int) -> None:
    link = 'https://graph.example/v1.0/more'
    client = ScriptedClient(page({'id': '1'}, {'id': '2'}, link=link), page({'id': '3'}, {'id': '4'}))
    assert [one['id'] for one in client.mailbox.list_rules(limit)] == [str(number) for number in range(1, count + 1)]
    assert len(client.script.requests) == requests_made


@pytest.mark.parametrize('response', [answer({}), (204, {}, ''), (202, {}, ''), answer({'value': None}), answer({'value': {}})])
@pytest.mark.parametrize(
    'call',
    [
        lambda mailbox: mailbox.list_messages(),
        lambda mailbox: mailbox.list_folders(),
        lambda mailbox: mailbox.list_folders(20, 'x'),
        lambda mailbox: mailbox.list_rules(50),
        lambda mailbox: mailbox.list_attachments('x'),
        lambda mailbox: mailbox.get_mailtips([BOB]),
    ],
)
def test_a_list_without_values_is_an_error(call: Any, response: Any) -> None:
    assert error_of(lambda: call(ScriptedClient(response).mailbox)) == (
        f'Microsoft Graph sent a response without a list. {CHECK_PROXY}'
    )


@pytest.mark.parametrize('rows', [['x'], [{'subject': 'x'}], [{'id': 1}, None]])
@pytest.mark.parametrize(
    'call',
    [
        lambda mailbox: mailbox.list_messages(),
        lambda mailbox: mailbox.list_folders(),
        lambda mailbox: mailbox.created_messages('inbox'),
    ],
)
def test_a_list_of_nothing_but_unusable_objects_is_not_empty(call: Any, rows: list[Any]) -> None:
    response = answer({'value': rows, '@odata.deltaLink': 'https://graph.example/v1.0/next'})
    assert error_of(lambda: call(ScriptedClient(response).mailbox)) == (
        f'Microsoft Graph sent a list without usable items. {CHECK_PROXY}'
    )


def test_what_has_no_id_is_left_out_of_a_list_but_not_of_that_of_attachments() -> None:
    rows = [None, {'id': '1'}, 5, {'name': 'x'}, {'id': ''}]
    assert ScriptedClient(page(*rows)).mailbox.list_messages()[0] == [{'id': '1'}]
    assert ScriptedClient(page(*rows)).mailbox.list_attachments('m') == rows


def test_a_delta_page_tells_what_entered_and_what_left() -> None:
    link = 'https://graph.example/v1.0/next'
    rows = [{'id': '1'}, {'id': '2', '@removed': {'reason': 'deleted'}}, {'subject': 'x'}]
    for kind, is_last in (('nextLink', False), ('deltaLink', True)):
        found = ScriptedClient(answer({'value': rows, f'@odata.{kind}': link})).mailbox.created_messages('inbox')
        assert found == DeltaPage([{'id': '1'}], link, is_last, ['2'])


@pytest.mark.parametrize(
    'call', [lambda mailbox: mailbox.list_messages(), lambda mailbox: mailbox.list_rules(99), lambda mailbox: mailbox.check()]
)
def test_a_link_that_is_not_a_text_is_an_error(call: Any) -> None:
    response = answer({'value': [{'id': 'x'}], '@odata.nextLink': 5})
    assert error_of(lambda: call(ScriptedClient(response).mailbox)) == (
        f'Microsoft Graph sent a link that is not an address. {CHECK_PROXY}'
    )


def test_mail_tips_of_nobody_are_an_error() -> None:
    assert error_of(lambda: ScriptedClient(page()).mailbox.get_mailtips([BOB])) == (
        f'Microsoft Graph sent a list without usable items. {CHECK_PROXY}'
    )


def test_settings_that_are_missing_are_an_error() -> None:
    for name in ('', 'timeZone'):
        assert error_of(lambda name=name: ScriptedClient(answer({'@odata.context': 'x'})).mailbox.get_settings(name)) == (
            f'Microsoft Graph sent a response without the settings. {CHECK_PROXY}'
        )


def test_automatic_replies_that_are_not_confirmed_are_an_error() -> None:
    for value in ({}, {'automaticRepliesSetting': 'x'}):
        client = ScriptedClient(answer(value))
        assert error_of(lambda client=client: client.mailbox.set_automatic_replies({'status': 'disabled'})) == (
            'Microsoft Graph did not confirm the automatic replies. Check them with msgraph-mail-get-settings.'
        )


RULE = {'displayName': 'x', 'sequence': 1, 'isEnabled': True, 'conditions': {'subjectContains': ['a']}}


@pytest.mark.parametrize(
    'other, is_found',
    [
        ({'conditions': {'subjectContains': ['a'], 'hasAttachments': None}, 'hasError': False}, True),
        ({'conditions': None}, False),
        ({'conditions': {'subjectContains': ['b']}}, False),
        ({'displayName': {'x': 'y'}}, False),
        ({'isEnabled': False}, False),
    ],
)
def test_a_rule_whose_creation_is_unclear_is_found_by_all_its_properties(other: dict[str, Any], is_found: bool) -> None:
    client = ScriptedClient(answer({}, 503), page({'id': '1', **RULE, **other}))
    if is_found:
        assert client.mailbox.create_rule(RULE)['id'] == '1'
    else:
        assert error_of(lambda: client.mailbox.create_rule(RULE)) == f'Microsoft Graph responded with HTTP status 503. {LATER}'


@pytest.mark.parametrize('response', [answer({}), (204, {}, ''), (202, {}, ''), answer({'id': ''}), answer({'subject': 'x'})])
@pytest.mark.parametrize(
    'call',
    [
        lambda mailbox: mailbox.get_message('x'),
        lambda mailbox: mailbox.get_attachment('x', 'y'),
        lambda mailbox: mailbox.get_rule('x'),
        lambda mailbox: mailbox.update_rule('x', {'sequence': 1}),
        lambda mailbox: mailbox.update_folder('x', 'y'),
    ],
)
def test_an_object_without_an_id_is_an_error(call: Any, response: Any) -> None:
    assert error_of(lambda: call(ScriptedClient(response).mailbox)) == (
        f'Microsoft Graph sent an incomplete response. {CHECK_PROXY}'
    )


@pytest.mark.parametrize(
    'name, value, expected',
    [
        ('timeZone', {'@odata.context': 'x', 'value': 'UTC'}, {'timeZone': 'UTC'}),
        ('language', {'locale': 'en-US'}, {'language': {'locale': 'en-US'}}),
        ('', {'timeZone': 'UTC'}, {'timeZone': 'UTC'}),
    ],
)
def test_one_setting_has_the_shape_of_all_settings(name: str, value: Any, expected: Any) -> None:
    assert ScriptedClient(answer(value)).mailbox.get_settings(name) == expected


# endregion
# region steps that are done at most once

STEP_RETRIES = RetryPolicy({412: 1, 429: 1, 504: 1})


@pytest.mark.parametrize(
    'status, outcomes, runs, waits',
    [
        (412, [True], 1, 1),
        (412, [False], 2, 1),  # nothing was done, and nothing will be
        (429, [True], 1, 1),
        (429, [False, True], 1, 5),
        (429, [False, False], 2, 5),
        (504, [False, False], 2, 5),
        (500, [False, True], 1, 5),
    ],
)
def test_a_step_is_repeated_if_it_was_not_done(status: int, outcomes: list[bool], runs: int, waits: float) -> None:
    client = ScriptedClient(answer({}, status, Retry_After='1'), (202, {}, ''))
    client.clock.elapsed = lambda: sum(client.waits)  # type: ignore[method-assign]
    run = partial(client.run_action, 'POST', '/x', retry_policy=NO_RETRIES)
    step = AtMostOnceStep(client, run, lambda: outcomes.pop(0))
    step.result(STEP_RETRIES)
    assert (len(client.script.requests), sum(client.waits), outcomes) == (runs, waits, [])
    assert step.was_unclear == (status != 412)


@pytest.mark.parametrize('status, is_unknown', [(400, False), (412, False), (500, True), (504, True)])
def test_a_step_that_may_not_be_repeated_is_an_unknown_outcome(status: int, is_unknown: bool) -> None:
    client = ScriptedClient(answer({}, status))
    client.clock.elapsed = lambda: sum(client.waits)  # type: ignore[method-assign]
    run = partial(client.run_action, 'POST', '/x', retry_policy=NO_RETRIES)
    step = AtMostOnceStep(client, run, lambda: None, ('it was done', 'Look.'), may_repeat=client.is_refusal)
    told = error_of(lambda: step.result(STEP_RETRIES))
    assert told.startswith('It is not known whether it was done.') == is_unknown


# endregion
# region batches


@pytest.mark.parametrize(
    'folder, is_deleted',
    [
        (answer({'id': 'f', 'parentFolderId': 'd'}), True),
        (answer({'id': 'f', 'parentFolderId': 'p'}), False),
        (answer({'id': 'f'}), False),
        (answer({'error': {'code': 'ErrorItemNotFound'}}, 404), True),
    ],
)
def test_a_folder_whose_deletion_is_unclear_is_looked_up(folder: Any, is_deleted: bool) -> None:
    client = ScriptedClient((504, {}, ''), answer({'id': 'd'}), folder)
    if is_deleted:
        client.mailbox.delete_folder('f')
    else:
        assert error_of(lambda: client.mailbox.delete_folder('f')).startswith('Microsoft Graph responded with HTTP status 504.')
    assert len(client.script.requests) == (3 if is_deleted else 5)  # the lookup is repeated after some seconds


def batch_answer(*responses: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    return answer({'responses': list(responses)})


def reading(name: str = 'm', **more: Any) -> BatchRequest:
    return BatchRequest(name, 'GET', f'/users/{name}', **more)


def test_a_request_of_a_batch_has_its_own_headers_and_body() -> None:
    client = ScriptedClient(batch_answer({'id': '0', 'status': 200, 'body': {'id': 'm'}}))
    [result] = client.batch([BatchRequest('m', 'PATCH', '/users/m', {'isRead': True}, prefer='outlook.x="y"')])
    assert (result.body, result.content, result.error) == ({'id': 'm'}, None, None)
    assert client.script.bodies == [
        {
            'requests': [
                {
                    'id': '0',
                    'method': 'PATCH',
                    'url': '/users/m',
                    'headers': {'Prefer': 'IdType="ImmutableId", outlook.x="y"', 'Content-Type': 'application/json'},
                    'body': {'isRead': True},
                }
            ]
        }
    ]


@pytest.mark.parametrize(
    'body, content', [(base64.b64encode(b'x').decode(), b'x'), ('no base64', None), ('', b''), (None, None), ({}, None)]
)
def test_bytes_of_a_batch_are_base64(body: Any, content: bytes | None) -> None:
    client = ScriptedClient(batch_answer({'id': '0', 'status': 200, 'body': body}))
    assert [result.content for result in client.batch([reading()])] == [content]


@pytest.mark.parametrize('other', [{'id': '0'}, {'id': '0', 'status': 'soon'}, {'id': '7', 'status': 200}])
def test_a_request_without_a_response_in_the_batch_is_an_error(other: dict[str, Any]) -> None:
    client = ScriptedClient(batch_answer(other, {'id': '1', 'status': 200, 'body': {}}))
    first, second = client.batch([reading(), reading()])
    assert second.error is None
    assert str(first.error) == 'Microsoft Graph responded to other requests of the batch, but not to this one. Try again.'


@pytest.mark.parametrize('body', [None, {}, {'error': 'x'}])
def test_a_copy_without_an_id_has_an_unknown_outcome(body: Any) -> None:
    client = ScriptedClient(batch_answer({'id': '0', 'status': 204 if body is None else 201, 'body': body}))
    [result] = client.batch([client.mailbox.copy_request('m', 'archive')])
    assert str(result.error) == (
        'It is not known whether the request was carried out. Microsoft Graph did not confirm that the object was created. '
        'Check the folders before you run the command again.'
    )


def throttled(number: int, status: int = 429, **headers: str) -> dict[str, Any]:
    return {'id': str(number), 'status': status, 'headers': {name.replace('_', '-'): text for name, text in headers.items()}}


def test_only_throttled_requests_are_sent_again_after_the_longest_delay() -> None:
    client = ScriptedClient(
        batch_answer(
            throttled(0, Retry_After='2'),
            throttled(1, 503, Retry_After='5'),
            throttled(2, 400, Retry_After='9'),
            {'id': '3', 'status': 200, 'body': {}},
        ),
        batch_answer({'id': '0', 'status': 200, 'body': {}}, {'id': '1', 'status': 200, 'body': {}}),
    )
    results = client.batch([reading(str(number)) for number in range(4)])
    assert [result.error.status if result.error else 0 for result in results] == [0, 0, 400, 0]
    assert client.waits == [5]
    assert [[one['id'] for one in body['requests']] for body in client.script.bodies] == [['0', '1', '2', '3'], ['0', '1']]


def test_all_waits_of_a_batch_share_the_retry_budget() -> None:
    client = ScriptedClient(
        *[batch_answer(*(throttled(number, Retry_After='12') for number in range(20)))] * 3,
        batch_answer(throttled(0, Retry_After='12')),
    )
    results = client.batch([reading(str(number)) for number in range(21)])
    assert client.waits == [12, 12]
    assert {str(result.error) for result in results} == {
        'Microsoft Graph responded with HTTP status 429. Try again in 12 seconds.'
    }
    assert len(client.script.requests) == 4


def test_a_batch_has_the_retry_policy_of_the_mailbox() -> None:
    client = ScriptedClient(batch_answer(throttled(0, Retry_After='4')))
    mailbox = Mailbox(client, ADA, client.retry_policy._replace(budget=5))
    [result] = mailbox.batch([reading()])
    assert (client.waits, bool(result.error)) == ([4], True)


@pytest.mark.parametrize('status', [409, 412])
def test_a_conflict_of_a_version_is_left_to_the_caller(status: int) -> None:
    conflicts = batch_answer(throttled(0, status), throttled(1, 412, Retry_After='1'))
    client = ScriptedClient(conflicts, batch_answer({'id': '1', 'status': 200, 'body': {}}))
    first, second = client.batch([reading(if_match='v'), reading()])
    assert (first.error and first.error.status, second.error) == (status, None)
    assert [[one['id'] for one in body['requests']] for body in client.script.bodies] == [['0', '1'], ['1']]
    assert client.script.bodies[0]['requests'][0]['headers']['If-Match'] == 'v'


@pytest.mark.parametrize(
    'make, status, body, done, advice',
    [
        (lambda mailbox: mailbox.delete_request('m'), 202, None, 'created', 'Check whether it exists before you try again.'),
        (lambda mailbox: mailbox.delete_request('m', permanent=True), 200, None, 'deleted', 'Check it before you try again.'),
        (lambda mailbox: mailbox.update_request('m', {}), 200, {}, 'changed', 'Check it before you try again.'),
        (
            lambda mailbox: mailbox.move_request('m', 'x'),
            201,
            {},
            'created',
            'Check whether it exists before you try again.',
        ),
    ],
)
def test_what_graph_does_not_confirm_is_an_error(make: Any, status: int, body: Any, done: str, advice: str) -> None:
    client = ScriptedClient(batch_answer({'id': '0', 'status': status, 'body': body}))
    request = make(client.mailbox)
    [result] = client.batch([request])
    what = f'Microsoft Graph did not confirm that the object was {done}.'
    if request.is_idempotent:
        assert str(result.error) == f'{what} {advice}'
    else:
        assert str(result.error) == (
            f'It is not known whether the request was carried out. {what} Check the folders before you run the command again.'
        )


def test_a_throttled_batch_is_sent_again_as_a_whole() -> None:
    client = ScriptedClient((429, {'Retry-After': '3'}, ''), batch_answer({'id': '0', 'status': 204}))
    [result] = client.batch([client.mailbox.delete_request('m', permanent=True)])
    assert (client.waits, result.error) == ([3], None)


@pytest.mark.parametrize('error', [(503, {'Retry-After': '1'}, ''), requests.exceptions.ConnectionError('x')])
def test_a_batch_that_may_have_been_carried_out_is_not_sent_again(error: Any) -> None:
    client = ScriptedClient(error)
    [result] = client.batch([client.mailbox.delete_request('m', permanent=True)])
    assert str(result.error).startswith('It is not known whether the request was carried out. Microsoft Graph ')
    assert len(client.script.requests) == 1


def test_the_rest_is_not_sent_if_a_batch_fails_as_a_whole() -> None:
    client = ScriptedClient((403, {}, error_body()))
    results = client.batch([client.mailbox.delete_request(str(number)) for number in range(45)])
    assert [result.error.code if result.error else '' for result in results] == ['Code'] * 45
    assert len(client.script.requests) == 1


# endregion
# region downloads and files


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demisto, 'investigation', lambda: {'id': 'x'})


def test_a_download_that_is_not_from_graph_is_an_error() -> None:
    client, chunks = ScriptedClient((200, {}, 'The page of a proxy')), []
    assert error_of(lambda: client.mailbox.download_mime('m', chunks.append)) == (
        f'The response to the download is not from Microsoft Graph. {CHECK_PROXY}'
    )
    assert chunks == []


def test_a_file_is_saved_with_its_digest() -> None:
    client = ScriptedClient((200, {'request-id': 'x'}, bytes(range(256)) * 3000))
    saved = save_file('a.bin', lambda write: client.mailbox.download_attachment('m', 'a', write))
    content = Path(f'x_{saved.entry["FileID"]}').read_bytes()
    assert (saved.name, content) == ('a.bin', bytes(range(256)) * 3000)
    assert saved.sha256 == hashlib.sha256(content).hexdigest()
    saved.remove()
    assert os.listdir('.') == []


@pytest.mark.parametrize(
    'name, start, expected',
    [
        ('Lunch', b'BEGIN:VCALENDAR\r\n', 'Lunch.ics'),
        ('Bob', b'BEGIN:VCARD\r\n', 'Bob.vcf'),
        ('Mail', b'From: a', 'Mail.eml'),
        ('Mail.EML', b'From: a', 'Mail.EML'),
    ],
)
def test_an_outlook_item_gets_the_extension_of_its_format(name: str, start: bytes, expected: str) -> None:
    def download(write: Any) -> None:
        for chunk in (start, b'BEGIN:VCARD'):
            write(chunk)

    assert save_file(name, download, is_item=True).name == expected


@pytest.mark.parametrize('error', [OSError('full'), KeyboardInterrupt()])
def test_nothing_remains_of_a_file_that_cannot_be_saved(error: BaseException) -> None:
    def download(write: Any) -> None:
        write(b'x')
        raise error

    with pytest.raises(type(error)):
        save_file('a.bin', download)
    assert os.listdir('.') == []


# endregion
# region values


@pytest.mark.parametrize('recipient', [None, {}, {'emailAddress': None}, {'emailAddress': {'name': None, 'address': None}}])
def test_an_incomplete_recipient_is_empty(recipient: Any) -> None:
    assert EmailAddress.from_json(recipient) == ('', '')


def test_an_address_is_read_as_it_is_written() -> None:
    for address in (EmailAddress(ADA), EmailAddress(ADA, 'Ada')):
        assert EmailAddress.from_json(address.as_json()) == address


@pytest.mark.parametrize(
    'text, bare',
    [
        ('', ''),
        ('logo', 'logo'),
        ('<logo@x>', 'logo@x'),
        (' CID:<logo@x>\r\n', 'logo@x'),
        ('cid:\tlogo', 'logo'),
        ('<what?>', 'what?'),
        ('cid:what?', 'what?'),
        ('acid:x', 'acid:x'),
    ],
)
def test_a_content_id_is_bare(text: str, bare: str) -> None:
    assert bare_content_id(text) == bare


@pytest.mark.parametrize(
    'name, content_type, expected',
    [
        ('a.txt', 'text/plain', 'a.txt'),
        (' ../a\\b\x00 ', '', '.._a_b_'),
        (None, 'text/csv; charset=x', 'attachment-3.csv'),
        ('', None, 'attachment-3'),
        ('..', 'no/such', 'attachment-3'),
        ('.', None, 'attachment-3'),
    ],
)
def test_an_attachment_has_a_valid_file_name(name: Any, content_type: Any, expected: str) -> None:
    value = {'@odata.type': '#microsoft.graph.itemAttachment', 'name': name, 'contentType': content_type}
    assert Attachment.from_json(value, 3) == ('', expected, 'item', content_type or '', 0, '', False)


# endregion
# region folders


@pytest.mark.parametrize(
    'text, names',
    [
        ('', []),
        (' , ,', []),
        ('Inbox', ['Inbox']),
        ('Inbox,Junk', ['Inbox', 'Junk']),
        (' A , B/Old ', ['A', 'B/Old']),
        (r'A\, B, C', [r'A\, B', 'C']),
        (r'A\\, B', [r'A\\', 'B']),
        (r'A\/B', [r'A\/B']),
        ('A\\', ['A\\']),
    ],
)
def test_a_list_of_folders_is_split_at_its_commas(text: str, names: list[str]) -> None:
    assert split_folder_list(text) == names


@pytest.mark.parametrize(
    'given, path',
    [
        ('Inbox/Phishing', 'Inbox/Phishing'),
        (r'Inbox\Phishing', 'Inbox/Phishing'),
        (r' \Inbox\Phishing ', '/Inbox/Phishing'),
        (r'\\ada@x.example\Inbox\New', 'Inbox/New'),
        (r'\\ada@x.example', ''),
        (r'\\a@b@x.example\Inbox', r'\\a@b@x.example/Inbox'),
        (r'A\/B/C\\D\E\;F\,G', r'A\/B/C\\D/E\;F\,G'),
        ('A\\', 'A/'),
    ],
)
def test_a_path_of_outlook_is_written_with_slashes(given: str, path: str) -> None:
    assert slash_path(given) == path


def test_a_folder_is_found_by_its_path() -> None:
    client = ScriptedClient(
        page({'id': '1', 'displayName': 'Other'}, {'id': '2', 'displayName': ' CASES '}),
        page({'id': '3', 'displayName': 'a/b'}),
    )
    assert client.mailbox.find_folder(r'Cases/A\/B') == '3'
    assert client.script.paths[1] == f'/v1.0/users/{ADA}/mailFolders/2/childFolders?%24top=1000'


@pytest.mark.parametrize(
    'name, sentence',
    [
        ('Nowhere', "There is no folder 'Nowhere' in the mailbox. "),
        ('/', "'/' is not a folder. Enter a name, an ID, or a path such as Inbox/Phishing."),
    ],
)
def test_a_folder_that_does_not_exist_is_named(name: str, sentence: str) -> None:
    client = ScriptedClient(page(), (400, {}, error_body()))
    assert error_of(lambda: client.mailbox.find_folder(name)).startswith(sentence)


def test_a_failure_of_graph_is_not_a_missing_folder() -> None:
    with pytest.raises(GraphError, match='Check the address of the mailbox'):
        ScriptedClient((404, {}, error_body('ErrorInvalidUser'))).mailbox.find_folder('Alerts')


# endregion
