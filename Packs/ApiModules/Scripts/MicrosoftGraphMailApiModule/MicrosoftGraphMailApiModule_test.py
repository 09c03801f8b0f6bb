"""Mail through the client: against the local cloud where its answers are what matters, against a scripted server where what is
sent is."""

import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

import demistomock as demisto
from conformance.common_server.scripted_server import ScriptedServer
from MicrosoftGraphMailApiModule import *
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.mail.model import EmailAddress, Message

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
EMPTY_PAGE: tuple[int, dict[str, str], str] = (200, {}, '{"value": []}')


# region who asks


class KnownToken(Credential):
    """Signs in without asking anybody: for tests of what comes after."""

    def ask(self, transport: TokenTransport, target: TokenTarget, kept: KeptSignIn) -> TokenAnswer:
        return TokenAnswer(AccessToken('the-token', time.time() + 3600, time.time() + 3600))


class Graph(ScriptedServer):
    """A scripted Microsoft Graph that notes the headers of the requests as well."""

    def __init__(self, *answers: Any) -> None:
        self.headers: list[dict[str, str]] = []
        super().__init__(list(answers))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        base, graph = super()._handler(), self

        class Handler(base):  # type: ignore[misc,valid-type]
            def do_GET(self) -> None:  # noqa: N802 - the name in the base class
                graph.headers.append(dict(self.headers))
                super().do_GET()

        return Handler

    def __enter__(self) -> 'Graph':
        super().__enter__()
        return self

    @property
    def paths(self) -> list[str]:
        return [request['path'] for request in self.seen]

    def client(self, mailbox: str = ADA) -> GraphMailClient:
        return client_of(self.url, mailbox)


def first_page(next_link: str) -> tuple[int, dict[str, str], str]:
    return 200, {}, json.dumps({'value': [], '@odata.nextLink': next_link})


def client_of(graph: str, mailbox: str = ADA) -> GraphMailClient:
    cloud = AzureCloud('Test', 'com', AzureCloudEndpoints('https://localhost', graph, ''))
    return GraphMailClient(mailbox, cloud, credential=KnownToken(), command_prefix='msgraph-mail')


@pytest.fixture(autouse=True)
def a_new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demisto, 'integrationContext', {})


def refused(client: GraphMailClient, *args: Any, **kwargs: Any) -> DemistoException:
    """The error that a list of messages ends with."""
    try:
        client.list_messages(*args, **kwargs)
    except DemistoException as error:
        return error
    raise AssertionError('Nothing was refused.')


def refused_by_graph(client: GraphMailClient) -> GraphError:
    error = refused(client)
    assert isinstance(error, GraphError)
    return error


def refusal_of(client: GraphMailClient, *args: Any, **kwargs: Any) -> str:
    """What that error says."""
    return str(refused(client, *args, **kwargs))


# endregion
# region lists


def test_messages_come_as_graph_sends_them_newest_first(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    messages, next_page = mail.list_messages(page_size=3)
    assert [message['subject'] for message in messages] == ['Report 1', 'Report 2', 'Report 3']
    assert next_page.startswith(f'{cloud.graph}/v1.0/users/ada%40contoso.example/messages?')


@pytest.mark.parametrize(
    'page_size, pages, found, requests_made, more',
    [
        (10, 1, 10, 1, True),
        (10, 2, 20, 2, True),
        (10, 3, 25, 3, False),
        (10, 99, 25, 3, False),
        (25, 1, 25, 1, False),
        (1000, 1, 25, 1, False),
    ],
)
def test_as_many_pages_are_read_as_were_asked_for(
    mail: GraphMailClient, cloud: MicrosoftCloud, page_size: int, pages: int, found: int, requests_made: int, more: bool
) -> None:
    messages, next_page = mail.list_messages(page_size=page_size, pages=pages)
    assert len({message['id'] for message in messages}) == len(messages) == found
    assert len([one for one in cloud.requests if one.service == 'graph']) == requests_made
    assert bool(next_page) is more


def test_a_folder_is_named_by_its_id_or_its_well_known_name(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    mailbox = cloud.mailbox(ADA)
    drafts = mailbox.folder('drafts')
    assert drafts
    mailbox.deliver(Message(subject='A draft', sender=EmailAddress('Ada', ADA), received=cloud.clock.now()), 'drafts')
    for name in ('drafts', 'Drafts', drafts.folder_id):
        assert [message['subject'] for message in mail.list_messages(folder_id=name)[0]] == ['A draft']


def test_another_mailbox_is_read_where_a_call_names_one(mail: GraphMailClient) -> None:
    [message] = mail.list_messages(BOB, page_size=1)[0]
    assert message['toRecipients'][0]['emailAddress']['address'] == BOB


def test_options_of_a_query_go_along_with_every_page(mail: GraphMailClient) -> None:
    messages, _ = mail.list_messages(query={'$select': 'subject', '$orderby': 'receivedDateTime asc'}, page_size=20, pages=2)
    assert messages[0]['subject'] == 'Report 25'
    assert {frozenset(message) for message in messages} == {frozenset({'@odata.etag', 'id', 'subject'})}


def test_a_mailbox_can_be_tried_in_one_small_request(cloud: MicrosoftCloud) -> None:
    with Graph(EMPTY_PAGE) as graph:
        graph.client().try_mailbox()
    assert graph.paths == [f'/v1.0/users/{ADA}/messages?%24select=id&%24top=1']


def test_the_signed_in_users_own_mailbox_is_meant_where_none_is_named() -> None:
    with Graph(EMPTY_PAGE) as graph:
        graph.client('').list_messages()
    assert graph.paths == ['/v1.0/me/messages?%24top=20']


def test_every_request_asks_for_ids_that_survive_a_move() -> None:
    with Graph(EMPTY_PAGE) as graph:
        graph.answers.insert(0, first_page(f'{graph.url}/v1.0/me/messages?$skip=1'))
        graph.client().list_messages(pages=2)
    assert [headers['Prefer'] for headers in graph.headers] == ['IdType="ImmutableId"'] * 2
    assert [headers['Authorization'] for headers in graph.headers] == ['Bearer the-token'] * 2


def test_a_request_may_bring_headers_of_its_own() -> None:
    with Graph(EMPTY_PAGE) as graph:
        graph.client().graph_request('GET', '/me', headers={'Prefer': 'odata.maxpagesize=5', 'X-Test': 'yes'})
    assert graph.headers[0]['Prefer'] == 'odata.maxpagesize=5'
    assert graph.headers[0]['X-Test'] == 'yes'


@pytest.mark.parametrize('value', ['a/b', 'a?b', 'a#b', '../me', 'a b', 'ä', 'a%2Fb', '..%2f', '...'])
def test_an_id_stays_one_segment_of_the_path_whatever_it_holds(value: str) -> None:
    with Graph(EMPTY_PAGE) as graph:
        client = graph.client(value)
        client.list_messages(folder_id=value)
    path, _, query = graph.paths[0].partition('?')
    _, version, users, mailbox, folders, folder, messages = path.split('/')
    assert [version, users, folders, messages] == ['v1.0', 'users', 'mailFolders', 'messages']
    assert requests.utils.unquote(mailbox) == requests.utils.unquote(folder) == value
    assert query == '%24top=20'


@pytest.mark.parametrize('value', ['.', '..'])
def test_an_id_that_means_another_folder_of_the_path_is_refused(value: str) -> None:
    with Graph(EMPTY_PAGE) as graph:
        assert refusal_of(graph.client(), folder_id=value) == (
            f"'{value}' is no ID of a folder. Enter the ID of a folder as Microsoft Graph gave it."
        )
        assert refusal_of(graph.client(), user_id=value) == (
            f"'{value}' is no address of a mailbox. Enter the address of a mailbox as Microsoft Graph gave it."
        )
    assert graph.seen == []


@pytest.mark.parametrize(
    'address',
    [
        'http://127.0.0.1:{other}',
        'https://localhost:{own}',
        'http://localhost:{own}',
        'http://127.0.0.1:{own}@127.0.0.1:{other}',
        'http://127.0.0.1:{other}\\@127.0.0.1:{own}',
        '//127.0.0.1:{other}',
        'file:///etc/passwd',
        '',
    ],
)
def test_no_token_goes_where_a_next_link_leads_away_from_graph(address: str) -> None:
    with Graph(EMPTY_PAGE) as own, Graph(EMPTY_PAGE) as other:
        link = address.format(own=own.port, other=other.port) + '/v1.0/me/messages'
        own.answers[0] = first_page(link)
        assert refusal_of(own.client(), pages=2) == (
            f'The link to the next page leads to another host, so it was not followed. {CHECK_PROXY}'
        )
    assert len(own.seen) == 1
    assert other.seen == []


def test_a_next_link_may_write_the_host_in_other_letters() -> None:
    with Graph(EMPTY_PAGE) as graph:
        link = f'http://LOCALHOST:{graph.port}/v1.0/me/messages?$skip=1'
        graph.answers.insert(0, first_page(link))
        client_of(f'http://localhost:{graph.port}').list_messages(pages=2)
    assert graph.paths[1] == '/v1.0/me/messages?$skip=1'


@pytest.mark.parametrize('graph', ['https://graph.example', 'https://graph.example/'])
def test_a_cloud_names_graph_with_or_without_a_slash(graph: str) -> None:
    assert client_of(graph)._base_url == 'https://graph.example/v1.0'
    assert client_of(graph).scope == 'https://graph.example/.default'


def test_graph_of_the_worldwide_cloud_is_asked_where_none_is_chosen() -> None:
    assert GraphMailClient()._base_url == 'https://graph.microsoft.com/v1.0'


# endregion
# region errors

REFUSED = 'Microsoft Graph refused the request: '
CHECK_ARGUMENTS = 'Check the arguments of the command.'
CHECK_ID = 'Check the ID, and that it is one of this mailbox.'
CHECK_PERMISSION = 'Check that the permission was granted, and that whoever is signed in may open this mailbox.'
CHECK_PROXY = 'A proxy or a wrong address may stand between: check the proxy and the cloud setting.'
LATER = 'Try again in a few minutes.'


@pytest.mark.parametrize(
    'call, code, advice',
    [
        ({'folder_id': 'nowhere'}, 'ErrorI[A-Za-z]+', CHECK_ID),
        ({'user_id': 'nobody@contoso.example'}, 'ErrorInvalidUser', 'Check the address of the mailbox.'),
        (
            {'user_id': 'admin@contoso.example'},
            'MailboxNotEnabledForRESTAPI',
            'The account has no mailbox in Exchange Online: check the address of the mailbox.',
        ),
        ({'page_size': 5000}, '[A-Za-z]+', CHECK_ARGUMENTS),
        ({'query': {'$select': 'colour'}}, 'RequestBroker--ParseUri', CHECK_ARGUMENTS),
    ],
)
def test_an_error_of_graph_says_what_happened_what_to_do_and_its_request_id(
    mail: GraphMailClient, call: dict[str, Any], code: str, advice: str
) -> None:
    assert re.fullmatch(rf'{REFUSED}{code}: [^:]+\. {advice} Request ID: [0-9a-f-]{{36}}', refusal_of(mail, **call))


def test_a_missing_permission_is_told_as_such(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.directory.application('daemon').application_permissions = ['Mail.Send']
    error = refused_by_graph(mail)
    assert (error.code, error.status, error.is_about_permissions) == ('ErrorAccessDenied', 403, True)
    assert CHECK_PERMISSION in str(error)


def error_body(code: Any = 'Code', message: Any = 'Reason') -> str:
    return json.dumps({'error': {'code': code, 'message': message}})


@pytest.mark.parametrize(
    'status, headers, body, sentences',
    [
        (400, {}, error_body(), f'{REFUSED}Code: Reason. {CHECK_ARGUMENTS}'),
        (400, {}, error_body(message='It ends. '), f'{REFUSED}Code: It ends. {CHECK_ARGUMENTS}'),
        (400, {}, error_body(''), f'{REFUSED}Reason. {CHECK_ARGUMENTS}'),
        (400, {}, error_body(message=None), f'{REFUSED}Code: no reason given. {CHECK_ARGUMENTS}'),
        (401, {}, error_body(), f'{REFUSED}Code: Reason. Check the cloud setting, and that the account was not disabled.'),
        (403, {'request-id': 'r1'}, error_body(), f'{REFUSED}Code: Reason. {CHECK_PERMISSION} Request ID: r1'),
        (404, {}, error_body(), f'{REFUSED}Code: Reason. {CHECK_ID}'),
        (404, {}, '[]', f'Microsoft Graph answered with HTTP status 404. {CHECK_PROXY}'),
        (404, {}, '{"error": "text"}', f'Microsoft Graph answered with HTTP status 404. {CHECK_PROXY}'),
        (407, {}, '<html>Who are you?</html>', f'Microsoft Graph answered with HTTP status 407. {CHECK_PROXY}'),
        (409, {}, error_body(), f'{REFUSED}Code: Reason. {CHECK_ARGUMENTS}'),
        (429, {'Retry-After': '40'}, error_body(), f'{REFUSED}Code: Reason. Try again in 40 seconds.'),
        (500, {}, error_body('ErrorItemNotFound'), f'{REFUSED}ErrorItemNotFound: Reason. {LATER}'),
        (502, {}, '<html>Bad gateway</html>', f'Microsoft Graph answered with HTTP status 502. {LATER}'),
        (503, {'Retry-After': '3600'}, 'no JSON', 'Microsoft Graph answered with HTTP status 503. Try again in 3600 seconds.'),
    ],
)
def test_every_error_answer_becomes_sentences(status: int, headers: dict[str, str], body: str, sentences: str) -> None:
    with Graph((status, headers, body)) as graph:
        assert refusal_of(graph.client()) == sentences


@pytest.mark.parametrize('body', ['<html><body>Please accept our terms.</body></html>', '', '[]', '"text"'])
def test_an_answer_that_is_no_json_object_is_refused_without_repeating_it(body: str) -> None:
    with Graph((200, {}, body)) as graph:
        assert refusal_of(graph.client()) == f'Microsoft Graph answered with something that is not a JSON object. {CHECK_PROXY}'


@pytest.mark.parametrize(
    'code, status, expected',
    [
        ('ErrorAccessDenied', 403, True),
        ('', 403, True),
        ('NoPermissionsInAccessToken', 401, True),
        ('InvalidAuthenticationToken', 401, False),
        ('ErrorItemNotFound', 404, False),
    ],
)
def test_an_error_tells_whether_permissions_are_the_reason(code: str, status: int, expected: bool) -> None:
    with Graph((status, {}, error_body(code))) as graph:
        assert refused_by_graph(graph.client()).is_about_permissions is expected


def test_a_throttled_request_waits_as_long_as_graph_asks(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', status=429, headers={'Retry-After': '0.2'}, times=2)
    slept: list[float] = []
    mail.clock.sleep = slept.append  # type: ignore[method-assign,assignment]
    assert len(mail.list_messages()[0]) == 20
    assert [round(seconds, 1) for seconds in slept] == [0.2, 0.2]
    assert [one.status for one in cloud.requests if one.service == 'graph'] == [429, 429, 200]


def test_a_host_that_is_not_there_is_named_without_jargon() -> None:
    with Graph(EMPTY_PAGE) as graph:
        port = graph.port
    error = refused_by_graph(client_of(f'http://127.0.0.1:{port}'))
    assert (error.code, error.status) == ('', 0)
    assert str(error) == (
        f'Microsoft Graph at 127.0.0.1:{port} did not answer. '
        'Try again, and check that the engine may reach it, the proxy and the cloud setting.'
    )


@pytest.mark.parametrize('fault', [{'reset': True}, {'reset_mid_body': True}])
def test_a_broken_connection_is_told_as_an_outage(mail: GraphMailClient, cloud: MicrosoftCloud, fault: dict[str, bool]) -> None:
    cloud.faults.add(service='graph', times=None, **fault)
    assert 'did not answer. Try again' in refusal_of(mail)


def test_a_slow_answer_is_told_as_one(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', delay=1)
    with pytest.raises(GraphError, match=r'did not answer in time\.'):
        mail.graph_request('GET', '/users', timeout=0.1)


def test_what_the_platform_says_of_certificates_stays(mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch) -> None:
    mail.get_access_token()
    monkeypatch.delenv('REQUESTS_CA_BUNDLE')
    assert "'Trust any certificate'" in refusal_of(mail)


def test_an_error_of_the_sign_in_stays_one(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.directory.application('daemon').secrets.clear()
    with pytest.raises(MicrosoftSignInError, match='AADSTS7000215'):
        mail.list_messages()


# endregion
# region OData


@pytest.mark.parametrize(
    'text, search, query',
    [
        ('', '', {}),
        ('  ', '  ', {}),
        ('$filter=isRead eq false', '', {'$filter': 'isRead eq false'}),
        ('?$filter=isRead eq false&$select=subject,from', '', {'$filter': 'isRead eq false', '$select': 'subject,from'}),
        (' &$select=subject& ', '', {'$select': 'subject'}),
        ('$select=id&&$count=true', '', {'$select': 'id', '$count': 'true'}),
        ("$filter=subject eq 'R&D'&$select=id", '', {'$filter': "subject eq 'R&D'", '$select': 'id'}),
        ("$filter=subject eq 'Q&A=1 it''s'&$select=id", '', {'$filter': "subject eq 'Q&A=1 it''s'", '$select': 'id'}),
        ("$filter=subject eq 'a=b'", '', {'$filter': "subject eq 'a=b'"}),
        (
            '$filter=receivedDateTime ge 2026-01-01T00:00:00+02:00',
            '',
            {'$filter': 'receivedDateTime ge 2026-01-01T00:00:00+02:00'},
        ),
        ('$filter=isRead+eq+false', '', {'$filter': 'isRead eq false'}),
        ('$filter=isRead%20eq%20false', '', {'$filter': 'isRead eq false'}),
        ('%24filter=isRead%20eq%20false&%24select=id', '', {'$filter': 'isRead eq false', '$select': 'id'}),
        ("$filter=subject%20eq%20'R%26D'", '', {'$filter': "subject eq 'R&D'"}),
        ("$filter=subject eq '50% off'", '', {'$filter': "subject eq '50% off'"}),
        ('$search="from:ada"', '', {'$search': '"from:ada"'}),
        ('', 'invoice', {'$search': '"invoice"'}),
        ('$select=id', ' two words ', {'$select': 'id', '$search': '"two words"'}),
        ('', 'say "hello" \\ bye', {'$search': '"say \\"hello\\" \\\\ bye"'}),
    ],
)
def test_options_are_read_as_users_write_them(text: str, search: str, query: dict[str, str]) -> None:
    assert odata_query(text, search) == query


@pytest.mark.parametrize(
    'text, search, sentence',
    [
        ('filter=isRead eq false', '', "'filter' in odata is no OData option. Write options as $filter=..., joined by &."),
        ('isRead eq false', '', "'isRead eq false' in odata is no OData option. Write options as $filter=..., joined by &."),
        (
            '$filter=isRead eq false&select=id',
            '',
            "'select' in odata is no OData option. Write options as $filter=..., joined by &.",
        ),
        ('$top=50', '', '$top in odata is the same as page_size. Use page_size instead.'),
        ('$select=id&$select=subject', '', '$select stands twice in odata. Join the two into one.'),
        (
            '$filter=isRead eq false',
            'x',
            'Microsoft Graph does not take $filter together with a search. Leave out search, or $filter in odata.',
        ),
        (
            '$orderby=subject',
            'x',
            'Microsoft Graph does not take $orderby together with a search. Leave out search, or $orderby in odata.',
        ),
        (
            '$search="y"',
            'x',
            'Microsoft Graph does not take $search together with a search. Leave out search, or $search in odata.',
        ),
    ],
)
def test_options_that_graph_would_not_understand_are_refused(text: str, search: str, sentence: str) -> None:
    with pytest.raises(DemistoException, match=f'^{re.escape(sentence)}$'):
        odata_query(text, search)


def test_options_arrive_as_they_were_meant() -> None:
    with Graph(EMPTY_PAGE) as graph:
        graph.client().list_messages(query=odata_query("$filter=subject eq 'R&D+#1'"), page_size=7)
    _, _, query = graph.paths[0].partition('?')
    assert dict(part.split('=') for part in query.split('&')) == {'%24filter': 'subject+eq+%27R%26D%2B%231%27', '%24top': '7'}


# endregion
# region batches


UNKNOWN_ID = 'AAMkAGVmMDEz'


def reading(path: str, name: str = '') -> BatchItem:
    return BatchItem(name or path, 'GET', path)


def messages_of(cloud: MicrosoftCloud, count: int = 1) -> list[Message]:
    return cloud.mailbox(ADA).messages()[:count]


def paths_to_graph(cloud: MicrosoftCloud) -> list[str]:
    return [one.path.removeprefix('/v1.0') for one in cloud.requests if one.service == 'graph']


def batches_sent(cloud: MicrosoftCloud) -> int:
    return paths_to_graph(cloud).count('/$batch')


@pytest.mark.parametrize('count, requests_made', [(0, 0), (1, 1), (20, 1), (21, 2), (25, 2)])
def test_a_batch_takes_twenty_requests_at_a_time(
    mail: GraphMailClient, cloud: MicrosoftCloud, count: int, requests_made: int
) -> None:
    messages = messages_of(cloud, count)
    results = mail.batch([mail.update_request(message.immutable_id, {'isRead': True}) for message in messages])
    assert [result.item.name for result in results] == [result.answer['id'] for result in results]
    assert [result.error for result in results] == [None] * count
    assert all(message.is_read for message in messages)
    assert batches_sent(cloud) == requests_made


def test_every_request_of_a_batch_asks_for_ids_that_survive_a_move(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    [message] = messages_of(cloud)
    [result] = mail.batch([mail.move_request(message.message_id, 'archive')])
    assert result.answer['id'] == message.immutable_id
    assert cloud.mailbox(ADA).is_in(message, 'archive')


def test_a_request_that_is_refused_stops_none_of_the_others(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    first, last = messages_of(cloud, 2)
    results = mail.batch(
        [mail.update_request(one, {'isRead': True}) for one in (first.immutable_id, 'nonsense', UNKNOWN_ID, last.immutable_id)]
    )
    assert [result.error.code if result.error else '' for result in results] == [
        '',
        'ErrorInvalidIdMalformed',
        'ErrorItemNotFound',
        '',
    ]
    assert mail.execution_metrics.metrics is None, 'nobody asked for them'
    assert str(results[2].error).startswith(f'{REFUSED}ErrorItemNotFound: ')
    assert first.is_read
    assert last.is_read


def test_only_the_throttled_requests_of_a_batch_are_sent_again(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    messages = messages_of(cloud, 4)
    for message, status in zip(messages, (429, 503, 504), strict=False):
        cloud.faults.add(service='graph', path=message.immutable_id, status=status, headers={'Retry-After': '0.1'})
    cloud.faults.add(service='graph', path=messages[0].immutable_id, status=429, headers={'Retry-After': '0.2'})
    slept: list[float] = []
    mail.clock.sleep = slept.append  # type: ignore[method-assign,assignment]
    results = mail.batch([mail.update_request(message.immutable_id, {'isRead': True}) for message in messages])
    assert [result.error for result in results] == [None] * 4
    assert [round(seconds, 1) for seconds in slept] == [0.1, 0.2]
    assert batches_sent(cloud) == 3
    assert all(message.is_read for message in messages)


@pytest.mark.parametrize(
    'request_of',
    [
        lambda mail, message: mail.copy_request(message, 'archive'),
        lambda mail, message: mail.move_request(message, 'archive'),
        lambda mail, message: mail.delete_request(message),
        lambda mail, message: mail.delete_request(message, permanent=True),
    ],
)
def test_what_must_not_happen_twice_is_sent_again_only_where_it_was_not_carried_out(
    mail: GraphMailClient, cloud: MicrosoftCloud, request_of: Any
) -> None:
    first, second = messages_of(cloud, 2)
    cloud.faults.add(service='graph', path=first.immutable_id, status=429, headers={'Retry-After': '0.1'})
    cloud.faults.add(service='graph', path=second.immutable_id, status=503, headers={'Retry-After': '0.1'})
    results = mail.batch([request_of(mail, message.immutable_id) for message in (first, second)])
    assert [result.error.status if result.error else 0 for result in results] == [0, 503]


def test_what_a_batch_did_is_told_even_if_its_next_round_fails(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    throttled, done = messages_of(cloud, 2)
    cloud.faults.add(service='graph', path=throttled.immutable_id, status=429, headers={'Retry-After': '0.1'})
    mail.clock.sleep = lambda _seconds: cloud.faults.add(  # type: ignore[method-assign,assignment]
        service='graph', path=r'\$batch', status=400
    )
    results = mail.batch([mail.update_request(message.immutable_id, {'isRead': True}) for message in (throttled, done)])
    assert [bool(result.error) for result in results] == [True, False]
    assert (throttled.is_read, done.is_read) == (False, True)


def test_a_batch_is_patient_for_thirty_seconds_in_total(
    mail: GraphMailClient, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(mail.clock, 'sleep', slept.append)
    cloud.faults.add(service='graph', path='/users/', times=None, status=429, headers={'Retry-After': '12'})
    results = mail.batch([mail.update_request(message.immutable_id, {'isRead': True}) for message in messages_of(cloud, 21)])
    assert slept == [12, 12]
    assert {str(result.error) for result in results} == {
        'Microsoft Graph answered with HTTP status 429. Try again in 12 seconds.'
    }
    assert batches_sent(cloud) == 4, 'three for the first twenty, one for the last'


def test_a_batch_has_the_patience_of_its_client(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    slept: list[float] = []
    mail.clock.sleep, mail.patience = slept.append, 5  # type: ignore[method-assign,assignment]
    cloud.faults.add(service='graph', path='/users/', times=None, status=429, headers={'Retry-After': '4'})
    [result] = mail.batch([mail.update_request(message.immutable_id, {'isRead': True}) for message in messages_of(cloud)])
    assert (slept, bool(result.error)) == ([4], True)


def test_where_a_batch_as_a_whole_fails_all_that_is_left_of_it_says_so(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', path='batch', delay=0)
    cloud.faults.add(service='graph', path='batch', status=500, times=None)
    messages = messages_of(cloud, 25)
    results = mail.batch([mail.update_request(message.immutable_id, {'isRead': True}) for message in messages])
    assert [result.error is None for result in results] == [True] * 20 + [False] * 5
    assert [message.is_read for message in messages] == [True] * 20 + [False] * 5
    assert str(results[-1].error) == f'Microsoft Graph answered with HTTP status 500. {LATER}'
    assert batches_sent(cloud) == 2


def test_a_request_without_an_answer_in_a_batch_is_an_error() -> None:
    class Silent(GraphMailClient):
        def graph_request(self, method: str, path: str = '', **kwargs: Any) -> dict[str, Any]:
            return {'responses': [{'id': '1', 'status': 200, 'body': {}}]}

    first, second = Silent(ADA).batch([reading('/users/a'), reading('/users/b')])
    assert second.error is None
    assert str(first.error) == 'Microsoft Graph answered other requests of the batch, but not this one. Try again.'


def test_a_request_of_a_batch_may_ask_for_a_form_and_is_given_bytes(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    message = delivered(cloud, html='<p>Hi</p>', source=MIME)
    path = mail.message_path(message.immutable_id)
    text, value = mail.batch([BatchItem('', 'GET', path, prefer='outlook.body-content-type="text"'), reading(f'{path}/$value')])
    assert (text.answer['body'], text.content) == ({'contentType': 'text', 'content': 'Hi'}, None)
    assert (value.content, value.answer) == (MIME, {})
    assert str(MIME) not in repr(value)


@pytest.mark.parametrize('body, content', [(base64.b64encode(b'x').decode(), b'x'), ('no base64', None), ('', b''), (None, None)])
def test_bytes_of_a_batch_are_taken_only_as_base64(body: Any, content: bytes | None) -> None:
    with Graph((200, {}, json.dumps({'responses': [{'id': '0', 'status': 200, 'body': body}]}))) as graph:
        assert [one.content for one in graph.client().batch([reading('/users/a')])] == [content]


# endregion
# region downloads

NOT_UTF8 = bytes(range(256)) * 5000
MIME = (
    b'From: a@contoso.example\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n'
    b'Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe \x00\x80\xff\r\n'
)


def delivered(cloud: MicrosoftCloud, **properties: Any) -> Message:
    mailbox = cloud.mailbox(ADA)
    return mailbox.deliver(Message(subject='Files', sender=EmailAddress('Ada', ADA), received=cloud.clock.now(), **properties))


def test_mime_is_not_decoded_as_text(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    message, found = delivered(cloud, source=MIME), bytearray()
    mail.download_mime(message.immutable_id, found.extend)
    assert found == MIME


def test_an_attachment_arrives_in_pieces_with_no_byte_changed(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    message, pieces = delivered(cloud), []
    attachment = cloud.mailbox(ADA).attach_file(message, 'a.bin', NOT_UTF8)
    mail.download_attachment(message.immutable_id, message.attachment_id(attachment, True), pieces.append)
    assert b''.join(pieces) == NOT_UTF8
    assert len(pieces) > 3


@pytest.mark.parametrize('status', [429, 503, 504])
def test_a_download_waits_as_long_as_graph_asks(mail: GraphMailClient, cloud: MicrosoftCloud, status: int) -> None:
    message, found = delivered(cloud, source=MIME), bytearray()
    cloud.faults.add(service='graph', status=status, headers={'Retry-After': '0.2'}, body={'error': {'code': 'busy'}}, times=2)
    mail.download_mime(message.immutable_id, found.extend)
    assert found == MIME
    assert [one.status for one in cloud.requests if one.service == 'graph'] == [status, status, 200]


def test_a_download_gets_a_new_token_where_graph_refuses_the_old_one(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    message, found = delivered(cloud, source=MIME), bytearray()
    cloud.faults.add(service='graph', status=401)
    mail.download_mime(message.immutable_id, found.extend)
    assert found == MIME


def test_a_download_that_is_refused_writes_nothing_and_says_why(mail: GraphMailClient) -> None:
    found = bytearray()
    with pytest.raises(GraphError, match=f'^{REFUSED}ErrorItemNotFound: .*{CHECK_ID}'):
        mail.download_mime(UNKNOWN_ID, found.extend)
    assert found == b''


def test_a_download_that_breaks_on_the_way_is_told_as_an_outage(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    message = delivered(cloud)
    attachment = cloud.mailbox(ADA).attach_file(message, 'a.bin', NOT_UTF8)
    cloud.faults.add(service='graph', reset_mid_body=True)
    with pytest.raises(GraphError, match=r'did not answer\. Try again'):
        mail.download_attachment(message.immutable_id, message.attachment_id(attachment, True), lambda chunk: None)


def test_a_download_gives_its_connection_back(
    mail: GraphMailClient, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, closed = delivered(cloud, source=MIME), []
    close = requests.Response.close
    monkeypatch.setattr(requests.Response, 'close', lambda response: (closed.append(response.url), close(response)))

    def full(chunk: bytes) -> None:
        raise OSError('No space left on device')

    with pytest.raises(OSError, match='No space'):
        mail.download_mime(message.immutable_id, full)
    assert [url.rpartition('/')[2] for url in closed] == ['$value']


# endregion
# region what is asked for


@pytest.mark.parametrize(
    'call',
    [
        lambda mail, value: mail.get_message(value, value, value),
        lambda mail, value: mail.list_attachments(value, value, value),
        lambda mail, value: mail.get_attachment(value, value, value, value),
        lambda mail, value: mail.list_child_folders(value, value),
        lambda mail, value: mail.update_folder(value, 'x', value),
        lambda mail, value: mail.delete_folder(value, value),
        lambda mail, value: mail.delete_folder(value, value, permanent=True),
        lambda mail, value: mail.get_rule(value, value),
        lambda mail, value: mail.update_rule(value, {'sequence': 1}, value),
        lambda mail, value: mail.delete_rule(value, value),
        lambda mail, value: mail.get_settings(value, value),
    ],
)
@pytest.mark.parametrize('value', ['a/b?c#d', '../..', 'a%2Fb', 'ä b'])
def test_ids_are_not_put_raw_into_urls(monkeypatch: pytest.MonkeyPatch, call: Any, value: str) -> None:
    paths: list[str] = []
    monkeypatch.setattr(GraphMailClient, 'graph_request', lambda self, method, path, **kwargs: paths.append(path) or {})
    call(client_of('https://graph.example'), value)
    [path] = paths
    assert path.startswith('/users/')
    assert not set('?# ') & set(path)
    assert [requests.utils.unquote(part) for part in path.split('/')].count(value) == path.count(path.split('/')[2])


@pytest.mark.parametrize(
    'call, name',
    [
        (lambda mail: mail.get_message(''), 'ID of a message'),
        (lambda mail: mail.get_attachment('a', ''), 'ID of an attachment'),
        (lambda mail: mail.delete_folder(''), 'ID of a folder'),
        (lambda mail: mail.delete_rule(''), 'ID of a rule'),
    ],
)
def test_an_id_that_is_empty_is_refused_before_the_path_means_something_else(call: Any, name: str) -> None:
    with pytest.raises(DemistoException, match=f'^The {name} is missing. Enter the {name} as Microsoft Graph gave it.$'):
        call(client_of('https://graph.example'))


def test_rules_do_not_use_me(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    rule = mail.create_rule({'displayName': 'Invoices', 'actions': {'markAsRead': True}}, BOB)
    assert [one['id'] for one in mail.list_rules(BOB)] == [mail.get_rule(rule['id'], BOB)['id']] == [rule['id']]
    assert mail.update_rule(rule['id'], {'sequence': 7}, BOB)['sequence'] == 7
    mail.delete_rule(rule['id'], BOB)
    assert mail.list_rules(BOB) == []
    assert {path.split('/')[2] for path in paths_to_graph(cloud)} == {BOB}


def test_delete_rule_204_is_no_error(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    rule = mail.create_rule({'displayName': 'Invoices', 'actions': {'markAsRead': True}})
    cloud.requests.clear()
    mail.delete_rule(rule['id'])
    assert [one.status for one in cloud.requests if one.method == 'DELETE'] == [204]


@pytest.mark.parametrize('limit, requests_made', [(5, 1), (20, 1), (1000, 1), (2500, 2)])
def test_folders_come_over_as_many_pages_as_the_limit_takes(
    mail: GraphMailClient, cloud: MicrosoftCloud, limit: int, requests_made: int
) -> None:
    for number in range(1200):
        cloud.mailbox(ADA).make_folder(f'Team {number}', 'inbox')
    assert len(mail.list_child_folders('inbox', limit=limit)) == min(limit, 1200)
    assert len(paths_to_graph(cloud)) == requests_made


def test_a_limit_cuts_a_page_without_losing_what_was_cut(mail: GraphMailClient) -> None:
    first, link = mail.list_messages(page_size=10, pages=99, limit=12)
    assert [one['subject'] for one in first] == [f'Report {number}' for number in range(1, 13)]
    rest, end = mail.list_messages(pages=99, next_page=link)
    assert [one['subject'] for one in rest] == [f'Report {number}' for number in range(11, 26)]
    assert end == ''


def test_a_list_that_goes_on_comes_forward_whatever_its_limit(mail: GraphMailClient) -> None:
    _, link = mail.list_messages(page_size=10)
    found, end = mail.list_messages(pages=99, next_page=link, limit=3)
    assert [one['subject'] for one in found] == [f'Report {number}' for number in range(11, 21)]
    assert end != link


def test_a_next_page_that_leads_elsewhere_is_refused(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    assert 'leads to another host' in refusal_of(mail, next_page='https://graph.attacker.example/v1.0/me/messages')
    assert paths_to_graph(cloud) == []


def test_one_setting_is_named_like_all_of_them(mail: GraphMailClient) -> None:
    everything = mail.get_settings()
    for name in ('timeZone', 'language', 'archiveFolder'):
        assert mail.get_settings(name) == {name: everything[name]}


# endregion
