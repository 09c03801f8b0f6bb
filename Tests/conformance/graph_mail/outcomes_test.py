"""What was done although the response does not say so; files that are not what Graph announced; links and names from outside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, ERROR, Instance
from conformance.virtual_time import skip_waits
from MicrosoftMailMimeApiModule import file_name
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

instance = instances.instance
RULE = {'display_name': 'x', 'actions': {'markAsRead': True}, 'conditions': {'subjectContains': ['y']}}
Case = tuple[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def waits(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_waits(monkeypatch, instance.cloud.clock.advance)


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


@pytest.fixture
def message(adas: Mailbox) -> Message:
    return adas.deliver(Message('Hello', EmailAddress('Eve', 'eve@partner.example'), adas.now(), to=[adas.owner]))


# region changes with an unclear response


def change(name: str, instance: Instance, adas: Mailbox) -> tuple[Case, Callable[[], int]]:
    """Return a command, and how often its effect is there."""
    folder = adas.make_folder('Old').folder_id

    def folders(title: str, parent: str) -> int:
        found = adas.folder(parent)
        assert found
        return sum(one.display_name == title for one in adas.folders(found.folder_id))

    if name == 'delete-folder':
        return ('msgraph-mail-delete-folder', {'folder_id': folder}), lambda: folders('Old', 'deleteditems')
    if name == 'delete-folder for ever':
        args = {'folder_id': folder, 'permanent': 'true'}
        return ('msgraph-mail-delete-folder', args), lambda: int(adas.folder(folder) is None)
    if name == 'create-folder':
        return ('msgraph-mail-create-folder', {'new_folder_name': 'New', 'parent_folder_id': 'inbox'}), lambda: folders(
            'New', 'inbox'
        )
    if name == 'block-sender':
        return ('msgraph-mail-block-sender', {'sender': 'eve@partner.example'}), lambda: len(adas.rules)
    if name == 'create-rule':
        return ('msgraph-mail-create-rule', RULE), lambda: len(adas.rules)
    rule = instance.run('msgraph-mail-create-rule', **RULE)['Contents']['id']
    return ('msgraph-mail-delete-rule', {'rule_id': rule}), lambda: 1 - len(adas.rules)


CHANGES = ['delete-folder', 'delete-folder for ever', 'create-folder', 'create-rule', 'delete-rule']
METHOD = {'delete-folder': 'DELETE', 'delete-rule': 'DELETE'}
UNCLEAR: list[dict[str, Any]] = [
    {'reset_mid_body': True},
    {'status': 500, 'body': {}},
    {'status': 502, 'body': '<html>'},
    {'status': 503, 'body': {}},
    {'status': 504, 'body': {}},
    {'status': 408, 'body': {}},
    {'status': 200, 'body': {}},
    {'garbage': True},
]


@pytest.mark.parametrize('name', CHANGES)
def test_what_was_done_is_a_success_though_the_response_is_lost(instance: Instance, adas: Mailbox, name: str) -> None:
    (command, args), count = change(name, instance, adas)
    instance.cloud.faults.add(service='graph', method=METHOD.get(name, 'POST'), reset_mid_body=True)
    assert instance.run(command, **args)['Type'] != ERROR
    assert count() == 1


@pytest.mark.parametrize('name', [*CHANGES, 'block-sender'])
@pytest.mark.parametrize(
    'error',
    [
        *({'status': 429, 'headers': {'Retry-After': seconds}} for seconds in ('1', '120')),
        {'status': 504, 'body': {}, 'done_after': 3.0},
        {'status': 412, 'body': {}},
    ],
)
@pytest.mark.parametrize('is_done', [True, False])
def test_what_was_done_in_spite_of_an_error_is_not_done_twice(
    instance: Instance, adas: Mailbox, name: str, error: dict[str, Any], is_done: bool
) -> None:
    (command, args), count = change(name, instance, adas)
    if not is_done:
        error = {one: value for one, value in error.items() if one != 'done_after'}
    path = 'messageRules' if 'rule' in name or 'block' in name else '/(mailFolders|childFolders)'
    instance.cloud.faults.add(service='graph', method=METHOD.get(name, 'POST'), path=path, done=is_done, **error)
    entry = instance.run(command, **args)
    while 'PollingCommand' in entry:
        instance.cloud.clock.advance(121)
        entry = instance.run(command, **entry['PollingArgs'])
    is_unclear = error['status'] == 504 and not is_done
    assert (entry['Type'] == ERROR, count()) == (is_unclear, not is_unclear)


@pytest.mark.parametrize('name', CHANGES)
@pytest.mark.parametrize('fault', UNCLEAR[1:])
def test_what_was_not_done_is_an_error_and_can_be_repeated(
    instance: Instance, adas: Mailbox, name: str, fault: dict[str, Any]
) -> None:
    (command, args), count = change(name, instance, adas)
    instance.cloud.faults.add(service='graph', method=METHOD.get(name, 'POST'), **fault)
    assert instance.run(command, **args)['Type'] == ERROR
    assert count() == 0
    assert instance.run(command, **args)['Type'] != ERROR
    assert count() == 1


@pytest.mark.parametrize('name', CHANGES)
@pytest.mark.parametrize('fault', [{'status': 502, 'body': ''}, {'status': 408, 'body': {}}, {'garbage': True}])
def test_what_cannot_be_looked_up_is_said_to_be_unknown(
    instance: Instance, adas: Mailbox, name: str, fault: dict[str, Any]
) -> None:
    (command, args), _ = change(name, instance, adas)
    instance.cloud.faults.add(service='graph', times=None, **fault)
    error = instance.error(command, **args)
    verb, what = name.partition(' ')[0].split('-')
    assert error.startswith(f'It is not known whether the {what} was {verb}d. Microsoft Graph ')
    assert error.endswith('. Check the mailbox before you run the command again.')


@pytest.mark.parametrize('args', [{'rule_id': 'AQAAAJ5dZqA='}])
def test_a_rule_that_does_not_exist_was_not_deleted(instance: Instance, args: dict[str, str]) -> None:
    assert 'Check that rule_id belongs to this mailbox.' in instance.error('msgraph-mail-delete-rule', **args)


@pytest.mark.parametrize('body', ['', '{}', '{"id": ""}', 'null', '[]'])
@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-get-email', {'message_id': 'AAMkAGVmMDEz'}),
        ('msgraph-mail-list-emails', {}),
        ('msgraph-mail-list-folders', {}),
        ('msgraph-mail-list-rules', {}),
        ('msgraph-mail-list-attachments', {'message_id': 'AAMkAGVmMDEz'}),
        ('msgraph-mail-get-attachment', {'message_id': 'AAMkAGVmMDEz'}),
        ('msgraph-mail-get-attachment', {'message_id': 'AAMkAGVmMDEz', 'attachment_id': 'AAMkAGVmMDEz'}),
        ('msgraph-mail-get-rule', {'rule_id': 'AQAAAJ5dZqA='}),
        ('msgraph-mail-update-rule', {'rule_id': 'AQAAAJ5dZqA=', 'sequence': '1'}),
        ('msgraph-mail-update-folder', {'folder_id': 'inbox', 'new_display_name': 'x'}),
        ('msgraph-mail-get-mailtips', {'email_addresses': ADA}),
        ('msgraph-update-email-status', {'message_ids': 'AAMkAGVmMDEz', 'status': 'Read'}),
        ('msgraph-mail-delete-email', {'message_id': 'AAMkAGVmMDEz'}),
        ('msgraph-mail-move-email', {'message_id': 'AAMkAGVmMDEz', 'destination_folder_id': 'archive'}),
    ],
)
def test_a_success_without_content_is_an_error(instance: Instance, command: str, args: dict[str, str], body: str) -> None:
    instance.cloud.faults.add(service='graph', status=200 if body else 204, body=body, times=None)
    assert instance.run(command, **args)['Type'] == ERROR


@pytest.mark.parametrize('body', [{'id': '0', 'status': 200}, {'id': '0', 'status': 200, 'body': {}}, {'id': '0', 'status': 202}])
@pytest.mark.parametrize('command', ['msgraph-mail-move-email', 'msgraph-mail-copy-email', 'msgraph-mail-flag-email'])
def test_a_request_of_a_batch_without_content_is_an_error(
    instance: Instance, message: Message, command: str, body: dict[str, Any]
) -> None:
    instance.cloud.faults.add(service='graph', status=200, body={'responses': [body]})
    args = {'message_ids' if 'flag' in command else 'message_id': message.immutable_id}
    args |= {} if 'flag' in command else {'destination_folder_id': 'archive'}
    assert 'did not confirm' in instance.error(command, **args)


# endregion
# region files

TEN = b'0123456789'


@pytest.mark.parametrize('status', [201, 202, 204, 206])
def test_only_200_has_a_file(instance: Instance, message: Message, status: int) -> None:
    headers = {'request-id': 'x'}
    instance.cloud.faults.add(service='graph', path='value', status=status, body=TEN, headers=headers, times=None)
    error = instance.error('msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    assert error == 'Microsoft Graph sent no file. Try again. Request ID: x'
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize('size', [2_000_000, 5_000_000])
def test_a_file_that_is_larger_than_announced_is_an_error(instance: Instance, adas: Mailbox, message: Message, size: int) -> None:
    adas.attach_file(message, 'a.txt', TEN)
    headers = {'request-id': 'x'}
    instance.cloud.faults.add(service='graph', path='value', status=200, body=b'x' * size, headers=headers, times=None)
    error = instance.error('msgraph-mail-get-attachment', message_id=message.immutable_id)
    assert error == 'The download exceeds the limit of 1,000,020 bytes. Open the email in Outlook. Request ID: x'
    assert list(Path().iterdir()) == []


def test_an_empty_file_that_should_have_content_is_an_error(instance: Instance, adas: Mailbox, message: Message) -> None:
    adas.attach_file(message, 'a.txt', 200 * TEN)
    instance.cloud.faults.add(service='graph', path='value', status=200, body=b'', headers={'request-id': 'x'}, times=None)
    assert instance.error('msgraph-mail-get-attachment', message_id=message.immutable_id) == (
        'The file is empty, though it should have 2000 bytes. Try again.'
    )


def test_a_file_that_is_empty_in_the_mailbox_is_a_file(instance: Instance, adas: Mailbox, message: Message) -> None:
    adas.attach_file(message, 'a.txt', b'')
    assert instance.run('msgraph-mail-get-attachment', message_id=message.immutable_id)['File'] == 'a.txt'


@pytest.mark.parametrize(
    'name, expected',
    [
        ('invoice\u202egpj.exe', 'invoicegpj.exe'),
        ('a\u200bb\u2060.txt', 'ab.txt'),
        ('\u2066x\u2069.pdf', 'x.pdf'),
        ('../../etc/passwd', '.._.._etc_passwd'),
        ('a\\b\r\n.txt', 'a_b_.txt'),
        ('CON', '_CON'),
        ('nul.txt', '_nul.txt'),
        ('com1.tar.gz', '_com1.tar.gz'),
        ('Lpt9', '_Lpt9'),
        ('console.log', 'console.log'),
        ('\ud800x.txt', 'x.txt'),
        ('x' * 300 + '.pdf', 'x' * 251 + '.pdf'),
        ('ä' * 200 + '.docx', 'ä' * 125 + '.docx'),
        ('x' * 100 + '.' + 'y' * 300, ('x' * 100 + '.' + 'y' * 300)[:100]),
        ('\u200b\u200d', ''),
    ],
)
def test_the_name_of_a_file_hides_nothing(name: str, expected: str) -> None:
    assert file_name(name) == expected
    assert len(file_name(name).encode()) <= 255


@pytest.mark.parametrize('name', ['\u200b', '\u202e', '', ' ', '..'])
def test_a_name_that_nobody_sees_is_replaced(instance: Instance, adas: Mailbox, message: Message, name: str) -> None:
    adas.attach_file(message, name, TEN, 'text/plain')
    assert instance.run('msgraph-mail-get-attachment', message_id=message.immutable_id)['File'] == 'attachment-1.txt'


# endregion
# region links


@pytest.mark.parametrize(
    'path',
    [
        '/v1.0/users',
        '/v1.0/me',
        '/v1.0/users/{ada}/messages/AAMk',
        '/v1.0/users/{ada}/messages/delta',
        '/v1.0/users/{ada}/mailboxSettings',
        '/v1.0/users/{ada}/mailFolders/inbox/messageRules',
        '/v1.0/users/{ada}/messages/../../../users',
        '/v1.0/users/../messages',
        '/beta/me/messages',
        '/v1.0/drives/x/messages',
        '/v1.0/users/{ada}/mailFolders',
    ],
)
def test_next_page_reaches_lists_of_emails_only(instance: Instance, path: str) -> None:
    error = instance.error('msgraph-mail-list-emails', next_page=instance.cloud.graph + path.format(ada=ADA))
    assert error == 'next_page is not the NextPage of a list of emails. Copy it from the context of a list.'
    assert instance.requests('graph') == []


@pytest.mark.parametrize(
    'path',
    [
        '/v1.0/users/{ada}/messages?$top=2',
        '/v1.0/users/ada%40contoso.example/messages?$top=2',
        '/v1.0/users/{ada}/mailFolders/inbox/messages?$top=2',
        '/V1.0/users/{ada}/MailFolders/inbox/Messages?$top=2',
        "/v1.0/users('ada%40contoso.example')/messages?$top=2",
        "/v1.0/users/{ada}/mailFolders('inbox')/messages?$top=2",
    ],
)
def test_next_page_may_be_written_as_graph_writes_it(instance: Instance, path: str) -> None:
    instance.cloud.faults.add(service='graph', body={'value': []})
    assert (
        instance.text('msgraph-mail-list-emails', next_page=instance.cloud.graph + path.format(ada=ADA))
        == 'No emails were found.'
    )


READ_BEFORE = 'Microsoft Graph sent a link to a page that was read before, or too many links. Try again.'


def test_a_list_without_end_is_an_error(instance: Instance) -> None:
    link = f'{instance.cloud.graph}/v1.0/users/{ADA}/mailFolders?$skip=1'
    instance.cloud.faults.add(service='graph', body={'value': [{'id': 'x'}], '@odata.nextLink': link}, times=None)
    assert instance.error('msgraph-mail-list-folders', limit='100000') == READ_BEFORE


def test_a_list_of_emails_without_end_is_an_error(instance: Instance) -> None:
    link = f'{instance.cloud.graph}/v1.0/users/{ADA}/messages?$skip=1'
    instance.cloud.faults.add(
        service='graph', path='messages', body={'value': [{'id': 'x'}], '@odata.nextLink': link}, times=None
    )
    assert instance.error('msgraph-mail-list-emails', all_results='true') == READ_BEFORE


# endregion
