"""The client and its mailbox against the sandbox."""

import gc
import re
from typing import Any

import pytest
import requests

from MicrosoftApiModule import reset_auth
from MicrosoftCoreApiModule import MicrosoftSignInError, SystemClock
from MicrosoftGraphClientApiModule import BatchRequest, GraphError
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailClientApiModule import Mailbox as GraphMailbox
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
UNKNOWN_ID = 'AAMkAGVmMDEz'
REFUSED = 'Microsoft Graph refused the request: '
CHECK_ARGUMENTS = 'Check the arguments of the command.'
CHECK_ID = 'Check that the ID belongs to this mailbox.'
CHECK_USER = 'Check the address of the mailbox. It must be the user principal name or the object ID of its user.'
NOT_UTF8 = bytes(range(256)) * 5000
MIME = (
    b'From: a@contoso.example\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n'
    b'Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe \x00\x80\xff\r\n'
)


@pytest.fixture
def mailbox(mail: GraphMailClient) -> GraphMailbox:
    return mail.mailbox


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client waits before retries."""
    found: list[float] = []
    monkeypatch.setattr(SystemClock, 'sleep', lambda _self, seconds: found.append(seconds))
    return found


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    """Ada's mailbox in the sandbox."""
    return cloud.mailbox(ADA)


def error_of(mailbox: GraphMailbox, **arguments: Any) -> GraphError:
    """Return the error of a list of messages."""
    with pytest.raises(GraphError) as caught:
        mailbox.list_messages(**arguments)
    return caught.value


def delivered(mailbox: Mailbox, **properties: Any) -> Message:
    return mailbox.deliver(Message(subject='Files', sender=EmailAddress('Ada', ADA), received=mailbox.now(), **properties))


def paths_to_graph(cloud: MicrosoftCloud) -> list[str]:
    return [one.path.removeprefix('/v1.0') for one in cloud.requests.of('graph')]


# region lists


def test_messages_are_listed_newest_first(mailbox: GraphMailbox, cloud: MicrosoftCloud) -> None:
    messages, next_page = mailbox.list_messages(page_size=3)
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
def test_as_many_pages_are_read_as_requested(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, page_size: int, pages: int, found: int, requests_made: int, more: bool
) -> None:
    messages, next_page = mailbox.list_messages(page_size=page_size, pages=pages)
    assert len({message['id'] for message in messages}) == len(messages) == found
    assert len(paths_to_graph(cloud)) == requests_made
    assert bool(next_page) is more


def test_a_folder_is_named_by_its_id_or_its_well_known_name(mailbox: GraphMailbox, ada: Mailbox) -> None:
    drafts = ada.folder('drafts')
    assert drafts
    ada.deliver(Message(subject='A draft', sender=EmailAddress('Ada', ADA), received=ada.now()), 'drafts')
    for name in ('drafts', 'Drafts', drafts.folder_id):
        assert [message['subject'] for message in mailbox.list_messages(name)[0]] == ['A draft']


def test_another_mailbox_is_read(mail: GraphMailClient) -> None:
    [message] = GraphMailbox(mail, BOB).list_messages(page_size=1)[0]
    assert message['toRecipients'][0]['emailAddress']['address'] == BOB


def test_the_query_holds_for_every_page(mailbox: GraphMailbox) -> None:
    query = {'$select': 'subject', '$orderby': 'receivedDateTime asc'}
    messages, _ = mailbox.list_messages(query=query, page_size=20, pages=2)
    assert messages[0]['subject'] == 'Report 25'
    assert {frozenset(message) for message in messages} == {frozenset({'@odata.etag', 'id', 'subject'})}


def test_a_list_goes_on_after_its_limit(mailbox: GraphMailbox) -> None:
    first, link = mailbox.list_messages(page_size=10, pages=99, limit=12)
    assert [one['subject'] for one in first] == [f'Report {number}' for number in range(1, 13)]
    rest, end = mailbox.list_messages(pages=99, next_page=link)
    assert [one['subject'] for one in rest] == [f'Report {number}' for number in range(13, 26)]
    assert end == ''


def test_a_list_that_is_continued_has_its_limit(mailbox: GraphMailbox) -> None:
    _, link = mailbox.list_messages(page_size=10)
    found, link = mailbox.list_messages(pages=99, next_page=link, limit=3)
    assert [one['subject'] for one in found] == ['Report 11', 'Report 12', 'Report 13']
    found, _ = mailbox.list_messages(next_page=link)
    assert [one['subject'] for one in found] == [f'Report {number}' for number in range(14, 24)]


@pytest.mark.parametrize('limit, requests_made', [(5, 1), (20, 1), (1000, 1), (2500, 2)])
def test_folders_are_listed_from_as_many_pages_as_the_limit_needs(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox, limit: int, requests_made: int
) -> None:
    for number in range(1200):
        ada.make_folder(f'Team {number}', 'inbox')
    assert len(mailbox.list_folders(limit, 'inbox')) == min(limit, 1200)
    assert len(paths_to_graph(cloud)) == requests_made


# endregion
# region folders by path


@pytest.mark.parametrize(
    'name, path',
    [
        ('Inbox', 'Inbox'),
        ('inbox', 'Inbox'),
        ('JUNKEMAIL', 'Junk Email'),
        ('junk email', 'Junk Email'),
        ('Reports', 'Reports'),
        ('rEPORTS', 'Reports'),
        ('Inbox/Phishing', 'Inbox/Phishing'),
        ('inbox/PHISHING/Old', 'Inbox/Phishing/Old'),
        (' Inbox / Phishing ', 'Inbox/Phishing'),
        ('/Inbox/Phishing/', 'Inbox/Phishing'),
        ('Inbox//Phishing', 'Inbox/Phishing'),
        (r'Reports/2025\/26', 'Reports/2025/26'),
        (r'Reports/Q1\, Q2', 'Reports/Q1, Q2'),
        (r'Reports/a\\b', 'Reports/a\\b'),
        ('Reports/Grüße', 'Reports/Grüße'),
        ('Reports/padded', 'Reports/ Padded '),
    ],
)
def test_a_folder_is_found_by_its_path(mailbox: GraphMailbox, empty_mailbox: Mailbox, name: str, path: str) -> None:
    root = empty_mailbox.folder('msgfolderroot')
    assert root
    known = {folder.display_name: folder.folder_id for folder in empty_mailbox.folders(root.folder_id)}
    for parent, child in (
        ('Inbox', 'Phishing'),
        ('Inbox/Phishing', 'Old'),
        ('', 'Reports'),
        ('Reports', '2025/26'),
        ('Reports', 'Q1, Q2'),
        ('Reports', 'a\\b'),
        ('Reports', 'Grüße'),
        ('Reports', ' Padded '),
    ):
        folder = empty_mailbox.make_folder(child, known[parent] if parent else 'msgfolderroot')
        known[f'{parent}/{child}'.lstrip('/')] = folder.folder_id
    assert mailbox.find_folder(name) == known[path]


def test_a_folder_is_found_by_its_id_even_in_a_hidden_folder(mailbox: GraphMailbox, ada: Mailbox) -> None:
    deep = ada.make_folder('Deep', ada.make_folder('Outer', is_hidden=True).folder_id)
    assert mailbox.find_folder(deep.folder_id) == deep.folder_id


HOW_TO_WRITE = 'Write a path as Inbox/Phishing, and a slash in a name as \\/.'


@pytest.mark.parametrize(
    'name, sentence',
    [
        ('Nowhere', f"There is no folder 'Nowhere' in the mailbox. {HOW_TO_WRITE}"),
        ('Secret', f"There is no folder 'Secret' in the mailbox. {HOW_TO_WRITE}"),
        ('Inbox/Nowhere', f"There is no folder 'Nowhere' in 'Inbox'. {HOW_TO_WRITE}"),
        ('Inbox/Nowhere/Deep', f"There is no folder 'Nowhere' in 'Inbox'. {HOW_TO_WRITE}"),
        ('/ /', "'/ /' is not a folder. Enter a name, an ID, or a path such as Inbox/Phishing."),
        ('..', "'..' is not a valid folder ID. Enter the folder ID from Microsoft Graph."),
    ],
)
def test_a_folder_that_does_not_exist_is_named(mailbox: GraphMailbox, ada: Mailbox, name: str, sentence: str) -> None:
    ada.make_folder('Secret', is_hidden=True)
    with pytest.raises(Exception, match=re.escape(sentence)):
        mailbox.find_folder(name)


def test_a_mailbox_that_does_not_exist_is_not_a_missing_folder(mail: GraphMailClient) -> None:
    with pytest.raises(GraphError, match='Check the address of the mailbox'):
        GraphMailbox(mail, 'nobody@contoso.example').find_folder('Alerts')


# endregion
# region errors


@pytest.mark.parametrize(
    'address, arguments, code, advice',
    [
        (ADA, {'folder_id': 'nowhere'}, 'ErrorI[A-Za-z]+', CHECK_ID),
        ('nobody@contoso.example', {}, 'ErrorInvalidUser', CHECK_USER),
        (
            'admin@contoso.example',
            {},
            'MailboxNotEnabledForRESTAPI',
            'Check the address: the account has no mailbox in Exchange Online.',
        ),
        (ADA, {'page_size': 5000}, '[A-Za-z]+', CHECK_ARGUMENTS),
        (ADA, {'query': {'$select': 'colour'}}, 'RequestBroker--ParseUri', CHECK_ARGUMENTS),
    ],
)
def test_an_error_says_what_happened_what_to_do_and_the_request_id(
    mail: GraphMailClient, address: str, arguments: dict[str, Any], code: str, advice: str
) -> None:
    error = error_of(GraphMailbox(mail, address), **arguments)
    assert re.fullmatch(rf'{REFUSED}{code}: [^:]+\. {advice} Request ID: [0-9a-f-]{{36}}', str(error))


def test_an_email_address_that_is_not_the_principal_name_is_explained(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    user = cloud.directory.user(ADA)
    user.mail = 'ada.lovelace@contoso.example'
    assert error_of(GraphMailbox(mail, user.mail)).advice == CHECK_USER
    assert GraphMailbox(mail, user.object_id).list_messages(page_size=1)[0]


def test_a_missing_permission_is_named(mailbox: GraphMailbox, cloud: MicrosoftCloud) -> None:
    cloud.directory.application('daemon').application_permissions = ['Mail.Send']
    reset_auth()
    error = error_of(mailbox)
    assert (error.code, error.status) == ('ErrorAccessDenied', 403)
    assert 'Check that the permission is granted and that the account may open this mailbox.' in str(error)


def test_a_throttled_request_is_sent_again_after_the_requested_time(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, waits: list[float]
) -> None:
    cloud.faults.add(service='graph', status=429, headers={'Retry-After': '0.2'}, times=2)
    assert len(mailbox.list_messages()[0]) == 20
    assert waits == [0.2, 0.2]
    assert [one.status for one in cloud.requests.of('graph')] == [429, 429, 200]


@pytest.mark.parametrize('fault', [{'reset': True}, {'reset_mid_body': True}])
def test_a_broken_connection_is_a_missing_response(mailbox: GraphMailbox, cloud: MicrosoftCloud, fault: dict[str, bool]) -> None:
    cloud.faults.add(service='graph', times=None, **fault)
    assert 'did not respond. Try again' in str(error_of(mailbox))


def test_a_request_has_a_timeout(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.faults.add(service='graph', delay=1)
    with pytest.raises(GraphError, match=r'did not respond in time\.'):
        mail.graph_request('GET', '/users', timeout=0.1)


def test_the_words_of_the_platform_for_certificates_are_kept(mail: GraphMailClient, monkeypatch: pytest.MonkeyPatch) -> None:
    mail.get_access_token()
    monkeypatch.delenv('REQUESTS_CA_BUNDLE')
    with pytest.raises(Exception, match="'Trust any certificate'"):
        mail.mailbox.list_messages()


def test_an_error_of_the_sign_in_is_not_one_of_graph(mailbox: GraphMailbox, cloud: MicrosoftCloud) -> None:
    cloud.directory.application('daemon').secrets.clear()
    reset_auth()
    with pytest.raises(MicrosoftSignInError, match='AADSTS7000215'):
        mailbox.list_messages()


# endregion
# region batches


@pytest.mark.parametrize('count, requests_made', [(0, 0), (1, 1), (20, 1), (21, 2), (25, 2)])
def test_a_batch_has_up_to_twenty_requests(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox, count: int, requests_made: int
) -> None:
    messages = ada.messages()[:count]
    results = mailbox.batch([mailbox.update_request(message.immutable_id, {'isRead': True}) for message in messages])
    assert [result.request.key for result in results] == [result.body['id'] for result in results]
    assert [result.error for result in results] == [None] * count
    assert all(message.is_read for message in messages)
    assert paths_to_graph(cloud).count('/$batch') == requests_made


def test_every_request_of_a_batch_asks_for_immutable_ids(mailbox: GraphMailbox, ada: Mailbox) -> None:
    message = ada.messages()[0]
    [result] = mailbox.batch([mailbox.move_request(message.message_id, 'archive')])
    assert result.body['id'] == message.immutable_id
    assert ada.is_in(message, 'archive')


def test_a_rejected_request_does_not_stop_the_others(mail: GraphMailClient, ada: Mailbox) -> None:
    first, last = ada.messages()[:2]
    ids = (first.immutable_id, 'nonsense', UNKNOWN_ID, last.immutable_id)
    results = mail.batch([mail.mailbox.update_request(message_id, {'isRead': True}) for message_id in ids])
    codes = [result.error.code if result.error else '' for result in results]
    assert codes == ['', 'ErrorInvalidIdMalformed', 'ErrorItemNotFound', '']
    assert mail.execution_metrics.metrics is None, 'nothing is counted unless it is reported'
    assert str(results[2].error).startswith(f'{REFUSED}ErrorItemNotFound: ')
    assert first.is_read
    assert last.is_read


def test_only_the_throttled_requests_of_a_batch_are_sent_again(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox, waits: list[float]
) -> None:
    messages = ada.messages()[:4]
    for message, status in zip(messages, (429, 503, 504), strict=False):
        cloud.faults.add(service='graph', path=message.immutable_id, status=status, headers={'Retry-After': '0.1'})
    cloud.faults.add(service='graph', path=messages[0].immutable_id, status=429, headers={'Retry-After': '0.2'})
    results = mailbox.batch([mailbox.update_request(message.immutable_id, {'isRead': True}) for message in messages])
    assert [result.error for result in results] == [None] * 4
    assert waits == [0.1, 0.2]
    assert paths_to_graph(cloud).count('/$batch') == 3
    assert all(message.is_read for message in messages)


@pytest.mark.parametrize(
    'request_for',
    [
        lambda mailbox, message_id: mailbox.copy_request(message_id, 'archive'),
        lambda mailbox, message_id: mailbox.move_request(message_id, 'archive'),
        lambda mailbox, message_id: mailbox.delete_request(message_id),
        lambda mailbox, message_id: mailbox.delete_request(message_id, permanent=True),
    ],
)
def test_a_request_that_is_not_idempotent_is_sent_again_only_if_it_was_not_carried_out(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox, request_for: Any
) -> None:
    first, second = ada.messages()[:2]
    cloud.faults.add(service='graph', path=first.immutable_id, status=429, headers={'Retry-After': '0.1'})
    cloud.faults.add(service='graph', path=second.immutable_id, status=503, headers={'Retry-After': '0.1'})
    results = mailbox.batch([request_for(mailbox, message.immutable_id) for message in (first, second)])
    assert [result.error.status if result.error else 0 for result in results] == [0, 503]


def test_the_results_of_a_batch_are_kept_if_its_retry_fails(mail: GraphMailClient, cloud: MicrosoftCloud, ada: Mailbox) -> None:
    throttled, done = ada.messages()[:2]
    cloud.faults.add(service='graph', path=throttled.immutable_id, status=429, headers={'Retry-After': '0.1'})
    mail.clock.sleep = lambda _seconds: cloud.faults.add(  # type: ignore[method-assign,assignment]
        service='graph', path=r'\$batch', status=400
    )
    results = mail.batch([mail.mailbox.update_request(message.immutable_id, {'isRead': True}) for message in (throttled, done)])
    assert [bool(result.error) for result in results] == [True, False]
    assert (throttled.is_read, done.is_read) == (False, True)


def test_if_a_batch_fails_as_a_whole_the_results_of_earlier_ones_are_kept(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox
) -> None:
    cloud.faults.add(service='graph', path='batch', delay=0)
    cloud.faults.add(service='graph', path='batch', status=500, times=None)
    messages = ada.messages()[:25]
    results = mailbox.batch([mailbox.update_request(message.immutable_id, {'isRead': True}) for message in messages])
    assert [result.error is None for result in results] == [True] * 20 + [False] * 5
    assert [message.is_read for message in messages] == [True] * 20 + [False] * 5
    assert str(results[-1].error) == 'Microsoft Graph responded with HTTP status 500. Try again in a few minutes.'
    assert paths_to_graph(cloud).count('/$batch') == 2


def test_a_batch_returns_json_and_bytes(mailbox: GraphMailbox, ada: Mailbox) -> None:
    path = mailbox.message_path(delivered(ada, html='<p>Hi</p>', source=MIME).immutable_id)
    prefer = 'outlook.body-content-type="text"'
    text, value = mailbox.batch([BatchRequest('', 'GET', path, prefer=prefer), BatchRequest('', 'GET', f'{path}/$value')])
    assert (text.body['body'], text.content) == ({'contentType': 'text', 'content': 'Hi'}, None)
    assert (value.content, value.body) == (MIME, {})
    assert str(MIME) not in repr(value)


# endregion
# region downloads


def test_mime_is_bytes(mailbox: GraphMailbox, ada: Mailbox) -> None:
    content = bytearray()
    mailbox.download_mime(delivered(ada, source=MIME).immutable_id, content.extend)
    assert content == MIME


def test_an_attachment_is_downloaded_in_chunks(mailbox: GraphMailbox, ada: Mailbox) -> None:
    message, chunks = delivered(ada), []
    attachment = ada.attach_file(message, 'a.bin', NOT_UTF8)
    mailbox.download_attachment(message.immutable_id, message.attachment_id(attachment, True), chunks.append)
    assert b''.join(chunks) == NOT_UTF8
    assert len(chunks) > 3


@pytest.mark.parametrize('status', [429, 503, 504])
def test_a_throttled_download_is_requested_again(mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox, status: int) -> None:
    message, content = delivered(ada, source=MIME), bytearray()
    cloud.faults.add(service='graph', status=status, headers={'Retry-After': '0.2'}, body={'error': {'code': 'busy'}}, times=2)
    mailbox.download_mime(message.immutable_id, content.extend)
    assert content == MIME
    assert [one.status for one in cloud.requests.of('graph')] == [status, status, 200]


def test_a_download_gets_a_new_token_if_graph_rejects_the_old_one(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox
) -> None:
    message, content = delivered(ada, source=MIME), bytearray()
    cloud.faults.add(service='graph', status=401)
    mailbox.download_mime(message.immutable_id, content.extend)
    assert content == MIME


def test_a_rejected_download_writes_nothing(mailbox: GraphMailbox) -> None:
    content = bytearray()
    with pytest.raises(GraphError, match=f'^{REFUSED}ErrorItemNotFound: .*{CHECK_ID}'):
        mailbox.download_mime(UNKNOWN_ID, content.extend)
    assert content == b''


def test_a_download_that_breaks_is_a_missing_response(mailbox: GraphMailbox, cloud: MicrosoftCloud, ada: Mailbox) -> None:
    message = delivered(ada)
    attachment = ada.attach_file(message, 'a.bin', NOT_UTF8)
    cloud.faults.add(service='graph', reset_mid_body=True)
    with pytest.raises(GraphError, match=r'did not respond\. Try again'):
        mailbox.download_attachment(message.immutable_id, message.attachment_id(attachment, True), lambda chunk: None)


def test_a_download_closes_its_response(mailbox: GraphMailbox, ada: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    message, closed = delivered(ada, source=MIME), []
    close = requests.Response.close
    monkeypatch.setattr(requests.Response, 'close', lambda response: (closed.append(response.url), close(response)))

    def fail(chunk: bytes) -> None:
        raise OSError('No space left on device')

    with pytest.raises(OSError, match='No space'):
        mailbox.download_mime(message.immutable_id, fail)
    assert [url.rpartition('/')[2] for url in closed] == ['$value']


# endregion
# region rules and settings


def test_rules_of_another_mailbox_are_managed(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    mailbox = GraphMailbox(mail, BOB)
    rule = mailbox.create_rule({'displayName': 'Invoices', 'actions': {'markAsRead': True}})
    assert [one['id'] for one in mailbox.list_rules(50)] == [mailbox.get_rule(rule['id'])['id']] == [rule['id']]
    assert mailbox.update_rule(rule['id'], {'sequence': 7})['sequence'] == 7
    mailbox.delete_rule(rule['id'])
    assert mailbox.list_rules(50) == []
    assert {path.split('/')[2] for path in paths_to_graph(cloud)} == {BOB}


def test_an_empty_response_to_a_deletion_is_not_an_error(mailbox: GraphMailbox, cloud: MicrosoftCloud) -> None:
    rule = mailbox.create_rule({'displayName': 'Invoices', 'actions': {'markAsRead': True}})
    mailbox.delete_rule(rule['id'])
    assert [one.status for one in cloud.requests if one.method == 'DELETE'] == [204]


def test_one_setting_has_the_name_that_it_has_among_all(mailbox: GraphMailbox) -> None:
    everything = mailbox.get_settings()
    for name in ('timeZone', 'language', 'archiveFolder'):
        assert mailbox.get_settings(name) == {name: everything[name]}


# endregion


@pytest.mark.parametrize('status', [429, 502, 504])
def test_responses_of_failed_attempts_do_not_stay_in_memory(
    mailbox: GraphMailbox, cloud: MicrosoftCloud, waits: list[float], status: int
) -> None:
    """They may have 60 MB each, and the garbage collector does not count bytes."""
    delivered(cloud.mailbox(ADA))
    cloud.faults.add(service='graph', path='messages', status=status, times=2)
    gc.collect()
    gc.disable()
    try:
        mailbox.list_messages()
        remaining = [one for one in gc.get_objects() if isinstance(one, requests.Response) and one.status_code == status]
    finally:
        gc.enable()
    assert len(waits) == 2
    assert not remaining
