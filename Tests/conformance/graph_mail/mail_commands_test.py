"""The commands for a mailbox of the sandbox: their effects, entries and context."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftApiModule import reset_auth
from MicrosoftGraphMailArgumentsApiModule import escape_markdown
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailCommandsApiModule import MAIL_COMMANDS
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message, OutlookItem
from sandbox.microsoft.graph_mail.rules import apply_rules
from sandbox.tests.machine import limit

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
UNKNOWN_ID = 'AAMkAGVmMDEz'
HOSTILE_IDS = ['a/b', 'a?b', 'a#b', '../me', 'a%2Fb', '%2e%2e/x']
NOT_UTF8 = bytes(range(256)) * 3000
CALENDAR = b'BEGIN:VCALENDAR\r\n' + b'X-FILL:0\r\n' * 60_000 + b'END:VCALENDAR'
MIME = (
    b'From: a@contoso.example\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n'
    b'Content-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe \x00\x80\xff\r\n'
)


# region mailbox


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demisto, 'integrationContext', {})


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def delivered(mailbox: Mailbox, subject: str = 'Hello', **properties: Any) -> Message:
    return mailbox.deliver(
        Message(
            subject=subject,
            sender=EmailAddress('Eve', 'eve@partner.example'),
            received=mailbox.now(),
            to=[mailbox.owner],
            **properties,
        )
    )


def run(client: GraphMailClient, command: str, **args: Any) -> Any:
    """Return the result of a command. The sandbox checks every body that it sends against Microsoft's schema."""
    return MAIL_COMMANDS[command](client, args)


def outputs(client: GraphMailClient, command: str, **args: Any) -> Any:
    found = run(client, command, **args).outputs
    several = isinstance(found, dict) and [one for key, one in found.items() if key.startswith('MSGraphMail(')]
    if several and isinstance(several[0], dict):
        return several[0]
    return [*several[0], *several[1:]] if several else found


def error_of(client: GraphMailClient, command: str, **args: Any) -> str:
    """Return the error of a command."""
    with pytest.raises(DemistoException) as caught:
        run(client, command, **args)
    return str(caught.value)


def file_of(entry: dict[str, Any]) -> bytes:
    return Path(f'1_{entry["FileID"]}').read_bytes()


def allow_only(cloud: MicrosoftCloud, permission: str) -> None:
    """Give the application this permission only, and drop its token."""
    cloud.directory.application('daemon').application_permissions = [permission]
    reset_auth()


def ids(*messages: Message) -> list[str]:
    return [message.immutable_id for message in messages]


# endregion
# region emails


def test_a_list_continues_where_an_earlier_one_ended(mail: GraphMailClient) -> None:
    first = outputs(mail, 'msgraph-mail-list-emails', page_size='10')
    second = outputs(mail, 'msgraph-mail-list-emails', page_size='10', next_page=first[-1]['NextPage'])
    assert [one['Subject'] for one in first[:-1] + second[:-1]] == [f'Report {number}' for number in range(1, 21)]
    assert [number for number, one in enumerate(first + second) if 'NextPage' in one] == [10, 21]


def test_a_page_is_of_the_mailbox_that_its_link_leads_to(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    bob = cloud.mailbox(BOB)
    for number in range(3):
        delivered(bob, f'To Bob {number}')
    first = run(mail, 'msgraph-mail-list-emails', user_id=BOB, page_size='1')
    *_, link = outputs(mail, 'msgraph-mail-list-emails', user_id=BOB, page_size='1')
    second = run(mail, 'msgraph-mail-list-emails', next_page=link['NextPage'])
    [emails, _] = second.outputs.values()
    assert (emails[0]['UserID'], emails[0]['ID'] in ids(*bob.messages())) == (BOB, True)
    for one in (first, second):
        assert one.readable_output.endswith(f' user_id="{BOB}"`')
    again = run(mail, 'msgraph-mail-list-emails', next_page=link['NextPage'], user_id=BOB.upper())
    assert again.raw_response == second.raw_response


@pytest.mark.parametrize(
    'path, user_id, owner',
    [(f'users/{BOB}', ADA, BOB), (f"users('{BOB}')", ADA, BOB), ('me', ADA, 'the user who signed in')],
)
def test_a_page_of_another_mailbox_than_user_id_is_refused(
    mail: GraphMailClient, cloud: MicrosoftCloud, path: str, user_id: str, owner: str
) -> None:
    link = f'{mail.base_url}/{path}/messages?$skip=1'
    sentence = f'next_page lists the mailbox of {owner}, and not that of {user_id}. Remove user_id.'
    assert error_of(mail, 'msgraph-mail-list-emails', next_page=link, user_id=user_id) == sentence
    assert list(cloud.requests) == []


def test_a_link_may_name_a_mailbox_by_its_id(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    delivered(cloud.mailbox(BOB))
    user_id = cloud.directory.user(BOB).object_id
    link = f'{mail.base_url}/users/{user_id}/messages?$skip=0'
    for address in ('', BOB):
        [emails, _] = run(mail, 'msgraph-mail-list-emails', next_page=link, user_id=address).outputs.values()
        assert emails[0]['UserID'] == (address or user_id)


@pytest.mark.parametrize(
    'args, count, more',
    [
        ({'all_results': 'true'}, 25, False),
        ({'all_results': 'true', 'page_size': '3', 'limit': '4'}, 4, True),
        ({'limit': '25'}, 25, False),
        ({'limit': '7', 'pages_to_pull': '1', 'page_size': '2'}, 7, True),
        ({'all_results': 'false'}, 20, True),
    ],
)
def test_all_results_are_listed_up_to_a_limit(mail: GraphMailClient, args: dict[str, str], count: int, more: bool) -> None:
    found = outputs(mail, 'msgraph-mail-list-emails', **args)
    assert len(found) == count + more
    assert ('NextPage' in found[-1]) is more


def test_a_list_of_several_pages_ends_at_its_limit_and_skips_nothing(mail: GraphMailClient, ada: Mailbox) -> None:
    for number in range(200):
        delivered(ada, f'Mail {number}')
    first = outputs(mail, 'msgraph-mail-list-emails', limit='150')
    rest = outputs(mail, 'msgraph-mail-list-emails', all_results='true', next_page=first[-1]['NextPage'])
    assert (len(first), rest[-1]) == (151, {'NextPage': ''})
    assert len({one['ID'] for one in first[:-1] + rest[:-1]}) == 225


@pytest.mark.parametrize(
    'args, sentence',
    [
        ({'limit': '0'}, "'0' is not a whole number from 1 to 100000. Change limit."),
        ({'all_results': 'maybe'}, "'maybe' is neither true nor false. Change all_results."),
        (
            {'next_page': 'https://graph.attacker.example/v1.0/me/messages'},
            'The link to the next page leads to another host, so it was not followed. Check the proxy and the cloud setting.',
        ),
    ],
)
def test_invalid_arguments_of_a_list_are_rejected(mail: GraphMailClient, args: dict[str, str], sentence: str) -> None:
    assert error_of(mail, 'msgraph-mail-list-emails', **args) == sentence


def test_a_folder_may_be_named_by_a_path_of_ids(mail: GraphMailClient, ada: Mailbox) -> None:
    child = ada.make_folder('Child', 'inbox')
    ada.move(delivered(ada), child.folder_id)
    [found] = outputs(mail, 'msgraph-mail-list-emails', folder_id=f'inbox,{child.folder_id}')
    assert found['Subject'] == 'Hello'


@pytest.mark.parametrize(
    'search', ['subject:"wire transfer"', 'subject:“wire transfer”', '$search="subject:\\"wire transfer\\""']
)
def test_a_phrase_is_found_in_any_quotes(mail: GraphMailClient, ada: Mailbox, search: str) -> None:
    message = delivered(ada, 'Urgent wire transfer')
    delivered(ada, 'Transfer by wire')
    assert [one['ID'] for one in outputs(mail, 'msgraph-mail-list-emails', search=search)] == [message.immutable_id]


def test_an_email_is_shown_with_its_headers(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, html='<p>Hi</p>', headers=[('X-Test', 'a: b: c, d')], categories=['Red'])
    result = run(mail, 'msgraph-mail-get-email', message_id=message.immutable_id)
    shown = result.outputs['MSGraphMail(val.ID && val.ID == obj.ID)']
    assert {name: shown[name] for name in ('ID', 'Subject', 'Body', 'IsRead', 'Categories')} == {
        'ID': message.immutable_id,
        'Subject': 'Hello',
        'Body': '<p>Hi</p>',
        'IsRead': False,
        'Categories': ['Red'],
    }
    assert {'Name': 'X-Test', 'Value': 'a: b: c, d'} in shown['Headers']
    assert shown['FolderID'] == ada.folder('inbox').folder_id
    assert '| From | Eve \\<eve@partner.example\\> |\n' in result.readable_output
    assert result.readable_output.endswith('|\n\nHi')
    assert outputs(mail, 'msgraph-mail-get-email', message_id=message.immutable_id, body_type='text')['Body'] == 'Hi'


@pytest.mark.parametrize('args', [{}, {'body_type': 'text'}, {'body': 'unique'}])
def test_an_email_says_where_its_links_lead(mail: GraphMailClient, ada: Mailbox, args: dict[str, str]) -> None:
    message = delivered(ada, html='<table><td>Full</td><td><a href="https://evil.example/login">Click here</a></td></table>')
    shown = run(mail, 'msgraph-mail-get-email', message_id=message.immutable_id, **args).readable_output
    assert ' '.join(shown.split()).endswith(escape_markdown('Full Click here<https://evil.example/login>', is_cell=False))


def test_commands_work_in_another_mailbox(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    message = delivered(cloud.mailbox(BOB))
    assert outputs(mail, 'msgraph-mail-get-email', message_id=message.immutable_id, user_id=BOB)['UserID'] == BOB
    run(mail, 'msgraph-mail-get-email-as-eml', message_id=message.immutable_id, user_id=BOB)
    run(mail, 'msgraph-update-email-status', message_ids=message.immutable_id, status='read', user_id=BOB)
    run(mail, 'msgraph-mail-move-email', message_id=message.immutable_id, destination_folder_id='archive', user_id=BOB)
    assert message.is_read
    assert cloud.mailbox(BOB).is_in(message, 'archive')


def test_an_eml_file_has_the_bytes_of_the_mailbox(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, source=MIME)
    entry = run(mail, 'msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    assert file_of(entry) == MIME
    assert {**entry, 'FileID': 0} == {
        'Contents': '',
        'ContentsFormat': 'text',
        'Type': 3,
        'FileID': 0,
        'File': 'Grüße.eml',
    }


MAX_GROWTH = 16 * 1024 * 1024  # bytes
WATCHED_COMMAND = """
import json, sys, tracemalloc
from MicrosoftCoreApiModule import AzureCloud, AzureCloudEndpoints
from MicrosoftCredentialsApiModule import ClientSecretCredential
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailCommandsApiModule import MAIL_COMMANDS
job = json.load(sys.stdin)
endpoints = AzureCloudEndpoints(active_directory=job['authority'], microsoft_graph_resource_id=job['graph'])
credential = ClientSecretCredential(job['authority'], 'contoso.example', job['client_id'], job['secret'])
client = GraphMailClient(job['mailbox'], azure_cloud=AzureCloud('Test', 'Local', 'com', endpoints), credential=credential)
client.mailbox.check()
tracemalloc.start()
entry = MAIL_COMMANDS[job['command']](client, {'message_id': job['message_id']})
print(json.dumps({'file': entry['FileID'], 'growth': tracemalloc.get_traced_memory()[1]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize('command', ['msgraph-mail-get-attachment', 'msgraph-mail-get-email-as-eml'])
def test_large_files_take_little_memory(ada: Mailbox, cloud: MicrosoftCloud, command: str) -> None:
    message = delivered(ada)
    attachment = ada.attach_file(message, 'big.bin', os.urandom(1024 * 1024) * 150)
    daemon = cloud.directory.application('daemon')
    job = {
        'authority': cloud.authority,
        'graph': cloud.graph,
        'client_id': daemon.client_id,
        'secret': daemon.secret,
        'mailbox': ADA,
        'command': command,
        'message_id': message.immutable_id,
    }
    # A process of its own, since the sandbox lives in this one.
    environment = {**os.environ, 'REQUESTS_CA_BUNDLE': cloud.ca_file, 'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, '-c', WATCHED_COMMAND],
        input=json.dumps(job),
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit(15),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer['growth'] < MAX_GROWTH
    with open(f'1_{answer["file"]}', 'rb') as file:
        if command == 'msgraph-mail-get-attachment':
            assert digest_of(iter(lambda: file.read(MAX_GROWTH), b'')) == digest_of(attachment.content.chunks())
        else:
            assert file.seek(0, os.SEEK_END) == sum(map(len, mime.chunks(message)))


def digest_of(chunks: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()


def test_nothing_remains_of_a_broken_download(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = delivered(ada)
    ada.attach_file(message, 'a.bin', NOT_UTF8)
    cloud.faults.add(service='graph', path='messages', reset_mid_body=True, times=None)
    assert 'did not respond. Try again' in error_of(mail, 'msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    assert os.listdir('.') == []


@pytest.mark.parametrize('fault', ['reset_mid_body', 'truncated', 'reset'])
def test_a_download_that_breaks_off_starts_again(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, fault: str) -> None:
    message = delivered(ada)
    ada.attach_file(message, 'a.bin', NOT_UTF8)
    attachment = message.attachments[0]
    cloud.faults.add(service='graph', path=r'/\$value', **{fault: True})
    args = {'message_id': message.immutable_id, 'attachment_id': message.attachment_id(attachment, True)}
    assert file_of(run(mail, 'msgraph-mail-get-attachment', **args)) == NOT_UTF8


# endregion
# region several emails at once


def test_an_unknown_id_does_not_stop_the_other_updates(mail: GraphMailClient, ada: Mailbox) -> None:
    first, last = delivered(ada), delivered(ada)
    result = run(
        mail,
        'msgraph-update-email-status',
        status='Read',
        message_ids=[first.immutable_id, UNKNOWN_ID, 'a/b?c#d', last.immutable_id],
    )
    assert first.is_read
    assert last.is_read
    assert [one['ID'] for one in result.outputs] == ids(first, last)
    assert result.readable_output.startswith('### Emails marked as read (2 of 4)\n')
    rows = result.readable_output.splitlines()[3:]
    assert rows[0] == f'| Hello | Done |  | {escape_markdown(first.immutable_id)} |'
    assert re.match(rf'\|  \| Failed \| .*ErrorItemNotFound: .* Check that message_ids belongs.* \| {UNKNOWN_ID} \|', rows[1])
    assert rows[2].startswith('|  | Failed | Microsoft Graph refused the request: BadRequest: ')
    assert rows[2].endswith(' | a/b?c#d |')
    assert [bool(one['error']) for one in result.raw_response] == [False, True, True, False]


@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-update-email-status', {'status': 'Unread'}),
        ('msgraph-mail-set-categories', {'categories': 'Red'}),
        ('msgraph-mail-flag-email', {}),
        ('msgraph-mail-move-email', {'destination_folder_id': 'archive'}),
        ('msgraph-mail-copy-email', {'destination_folder_id': 'archive'}),
        ('msgraph-mail-delete-email', {}),
    ],
)
class TestBatchCommand:
    """Every command that takes several IDs."""

    @staticmethod
    def name(command: str) -> str:
        return 'message_ids' if 'status' in command or 'set-' in command or 'flag' in command else 'message_id'

    def test_all_are_sent_in_one_batch(
        self, mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, command: str, args: dict[str, str]
    ) -> None:
        messages = [delivered(ada) for _ in range(3)]
        result = run(mail, command, **{self.name(command): ','.join(ids(*messages))}, **args)
        assert len(result.outputs) == 3
        assert [(one.method, one.path) for one in cloud.requests] == [('POST', '/v1.0/$batch')]
        assert '(3 of 3)' in result.readable_output
        assert result.outputs_key_field == 'ID'

    def test_a_duplicate_id_is_sent_once(self, mail: GraphMailClient, ada: Mailbox, command: str, args: dict[str, str]) -> None:
        message = delivered(ada)
        result = run(mail, command, **{self.name(command): ids(message, message)}, **args)
        assert len(result.raw_response) == 1

    @pytest.mark.parametrize('value', ['', ' ', ',', [], None])
    def test_an_empty_list_is_rejected(
        self, mail: GraphMailClient, cloud: MicrosoftCloud, command: str, args: dict[str, str], value: Any
    ) -> None:
        name = self.name(command)
        assert error_of(mail, command, **{name: value}, **args) == (
            f'The argument {name} contains no ID. Enter one ID, or several separated by commas.'
        )
        assert list(cloud.requests) == []

    @pytest.mark.parametrize('value', HOSTILE_IDS)
    def test_an_id_is_quoted(
        self, mail: GraphMailClient, cloud: MicrosoftCloud, command: str, args: dict[str, str], value: str
    ) -> None:
        error = error_of(mail, command, **{self.name(command): value}, **args)
        assert re.search(r'ErrorInvalidIdMalformed|Resource not found for the segment', error)

    def test_it_is_an_error_if_nothing_was_done(self, mail: GraphMailClient, command: str, args: dict[str, str]) -> None:
        name = self.name(command)
        assert error_of(mail, command, **{name: UNKNOWN_ID}, **args).startswith(
            'Microsoft Graph refused the request: ErrorItemNotFound: '
        )
        error = error_of(mail, command, **{name: f'{UNKNOWN_ID},nonsense'}, **args)
        assert error.startswith(
            f'The command failed for all emails.\n{UNKNOWN_ID}: Microsoft Graph refused the request: ErrorItemNotFound: '
        )

    def test_a_missing_permission_is_named(
        self, mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, command: str, args: dict[str, str]
    ) -> None:
        allow_only(cloud, 'Mail.Read')
        error = error_of(mail, command, **{self.name(command): delivered(ada).immutable_id}, **args)
        assert 'ErrorAccessDenied' in error
        assert 'Check that the permission is granted' in error


def test_categories_are_replaced_or_removed(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, categories=['Old'])
    found = outputs(mail, 'msgraph-mail-set-categories', message_ids=message.immutable_id, categories='Red, Blue ,')
    assert found == {'ID': message.immutable_id, 'Categories': ['Red', 'Blue'], 'UserID': ADA}
    assert message.categories == ['Red', 'Blue']
    run(mail, 'msgraph-mail-set-categories', message_ids=message.immutable_id, clear='true')
    assert message.categories == []


@pytest.mark.parametrize('args', [{}, {'categories': ' , '}, {'categories': 'Red', 'clear': 'true'}])
def test_categories_are_either_set_or_cleared(mail: GraphMailClient, args: dict[str, str]) -> None:
    assert error_of(mail, 'msgraph-mail-set-categories', message_ids='x', **args) == (
        'Enter categories, or clear=true to remove all, but not both.'
    )


@pytest.mark.parametrize('text', ['05.03.2040', '5. 3. 2040', '2040年3月5日'])
def test_a_due_date_may_be_written_as_in_other_countries(mail: GraphMailClient, ada: Mailbox, text: str) -> None:
    message = delivered(ada)
    run(mail, 'msgraph-mail-flag-email', message_ids=message.immutable_id, due_date=text)
    assert message.flag.due['dateTime'].startswith('2040-03-05T12:00:00')


def test_a_flag_is_set_with_a_date_completed_and_removed(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    assert outputs(mail, 'msgraph-mail-flag-email', message_ids=message.immutable_id, due_date='2999-12-31') == {
        'ID': message.immutable_id,
        'FlagStatus': 'flagged',
        'UserID': ADA,
    }
    assert message.flag.status == 'flagged'
    assert message.flag.due['dateTime'].startswith('2999-12-31T12:00:00')  # 2999-12-31 from UTC-12 to UTC+11
    for status in ('complete', 'notFlagged'):
        run(mail, 'msgraph-mail-flag-email', message_ids=message.immutable_id, status=status)
        assert message.flag.status == status


@pytest.mark.parametrize(
    'args, sentence',
    [
        pytest.param(
            {'due_date': 'whenever'},
            "'whenever' is not a valid date and time. Write due_date as 2030-01-31T08:00:00Z, or as 'in 2 hours'.",
            marks=pytest.mark.slow,  # dateparser tries 200 languages
        ),
        (
            {'due_date': '2020-01-01'},
            "'2020-01-01' is read as 2020-01-01T00:00:00Z, which is in the past. "
            "Write due_date as 2030-01-31T08:00:00Z, or as 'in 2 hours'.",
        ),
        ({'status': 'complete', 'due_date': '2999-12-31'}, 'due_date can only be used with the status flagged. Remove due_date.'),
        ({'status': 'red'}, "'red' is not one of flagged, complete, notFlagged. Change status."),
    ],
)
def test_an_invalid_flag_is_rejected(mail: GraphMailClient, args: dict[str, str], sentence: str) -> None:
    assert error_of(mail, 'msgraph-mail-flag-email', message_ids='x', **args) == sentence


def test_the_context_of_one_moved_email_is_not_a_list(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    result = run(mail, 'msgraph-mail-move-email', message_id=message.immutable_id, destination_folder_id='archive')
    assert result.outputs_prefix == 'MSGraphMail.MovedEmails'
    assert result.outputs == {'ID': message.immutable_id, 'DestinationFolderID': 'archive', 'UserID': ADA}
    assert ada.is_in(message, 'archive')


def test_a_copy_has_another_id(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    copied = outputs(mail, 'msgraph-mail-copy-email', message_id=message.immutable_id, destination_folder_id='archive')
    assert copied['SourceID'] == message.immutable_id != copied['ID']
    assert ada.is_in(ada.message(copied['ID']), 'archive')
    assert ada.is_in(message, 'inbox')


@pytest.mark.parametrize('deletes_softly', [False, True])
def test_a_deleted_email_can_be_restored_unless_it_is_deleted_permanently(
    mail: GraphMailClient, ada: Mailbox, deletes_softly: bool
) -> None:
    ada.deletes_softly = deletes_softly
    soft, hard = delivered(ada), delivered(ada)
    result = run(mail, 'msgraph-mail-delete-email', message_id=soft.immutable_id)
    assert ada.is_in(soft, 'deleteditems')
    assert result.outputs == {'ID': soft.immutable_id, 'Permanent': False, 'UserID': ADA}
    run(mail, 'msgraph-mail-delete-email', message_id=soft.immutable_id, folder_id='deleteditems')
    assert ada.is_in(soft, 'deleteditems')
    run(mail, 'msgraph-mail-delete-email', message_id=hard.immutable_id, permanent='true')
    assert ada.message(hard.immutable_id) is None


def test_only_throttled_requests_are_sent_again(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    messages = [delivered(ada) for _ in range(3)]
    cloud.faults.add(service='graph', path=messages[1].immutable_id, status=429, headers={'Retry-After': '0.1'})
    result = run(mail, 'msgraph-mail-copy-email', message_id=ids(*messages), destination_folder_id='archive')
    assert len(result.outputs) == 3
    assert len(ada.messages(ada.folder('archive').folder_id)) == 3


# endregion
# region attachments


@pytest.fixture
def with_everything(ada: Mailbox) -> Message:
    """A message with attachments of every kind, some without a name."""
    message = delivered(ada)
    ada.attach_file(message, 'a.bin', NOT_UTF8)
    ada.attach_file(message, None, b'\x89PNG', 'image/png', content_id='logo@contoso')
    ada.attach_file(message, '../up\x00/.. ', b'x', None)
    ada.attach_item(message, Message(subject='Inner', sender=ada.owner, received=ada.now(), source=MIME))
    ada.attach_item(message, OutlookItem(kind='event', properties={'subject': 'Lunch'}, raw=CALENDAR))
    ada.attach_reference(message, 'Budget.xlsx', 'https://files.contoso.example/budget')
    return message


def test_files_are_read_by_their_ids_alone(mail: GraphMailClient, with_everything: Message) -> None:
    args = {'message_id': with_everything.immutable_id, 'folder_id': 'inbox'}
    entries = run(mail, 'msgraph-mail-get-attachment', **args)
    assert next(one['File'] for one in entries if isinstance(one, dict)) == 'a.bin'
    listed = outputs(mail, 'msgraph-mail-list-attachments', **args, include_hash='true')
    assert all('SHA256' in one for one in listed['Attachment'] if one['Kind'] != 'referenceAttachment')


@pytest.mark.parametrize(
    'content_id, html, is_inline',
    [
        ('<logo@x>', 'cid:logo@x', True),
        ('logo@x', 'cid:&lt;Logo@x&gt;', True),
        ('cid:logo@x', 'cid:logo%40x', True),
        (' <logo> ', 'CID:logo', True),
        ('<logo@x>', 'cid:logo', False),
        ('<>', 'cid:logo', False),
    ],
)
def test_an_attachment_that_the_html_shows_is_inline(
    mail: GraphMailClient, ada: Mailbox, content_id: str, html: str, is_inline: bool
) -> None:
    message = delivered(ada, html=f'<img src="{html}">')
    ada.attach_file(message, 'logo.png', b'x', 'image/png', content_id, is_inline=False)
    [row] = outputs(mail, 'msgraph-mail-list-attachments', message_id=message.immutable_id)['Attachment']
    assert (row['IsInline'], row['ContentID']) == (is_inline, content_id)


NAMES = ['a.bin', 'attachment-2.png', '.._up_..', 'Inner', 'Lunch', 'Budget.xlsx']


def test_attachments_are_listed_without_their_bytes(
    mail: GraphMailClient, with_everything: Message, cloud: MicrosoftCloud
) -> None:
    result = run(mail, 'msgraph-mail-list-attachments', message_id=with_everything.immutable_id)
    assert result.outputs_prefix == 'MSGraphMailAttachment'
    assert (result.outputs['ID'], result.outputs['UserID']) == (with_everything.immutable_id, ADA)
    rows = result.outputs['Attachment']
    assert [row['Name'] for row in rows] == NAMES
    assert (rows[0]['Type'], rows[0]['Size'], rows[0]['IsInline']) == ('application/octet-stream', len(NOT_UTF8), False)
    assert (rows[1]['ContentID'], rows[1]['IsInline']) == ('logo@contoso', True)
    assert [row['Kind'] for row in rows[2:]] == ['fileAttachment', 'itemAttachment', 'itemAttachment', 'referenceAttachment']
    assert not [row for row in rows if 'SHA256' in row]
    assert all('contentBytes' not in one for one in result.raw_response)
    assert '| a.bin | application/octet-stream | 768000 |' in result.readable_output


def test_digests_are_those_of_the_bytes(mail: GraphMailClient, with_everything: Message) -> None:
    listed = outputs(mail, 'msgraph-mail-list-attachments', message_id=with_everything.immutable_id, include_hash='true')
    rows = listed['Attachment']
    assert rows[0]['SHA256'] == hashlib.sha256(NOT_UTF8).hexdigest()
    assert [('SHA256' in row) for row in rows] == [True] * 5 + [False]


def test_links_are_listed_with_the_address_of_their_mail(
    mail: GraphMailClient, with_everything: Message, cloud: MicrosoftCloud
) -> None:
    row = outputs(mail, 'msgraph-mail-list-attachments', message_id=with_everything.immutable_id)['Attachment'][-1]
    assert row['Name'] == 'Budget.xlsx'
    assert row['WebLink'].startswith('https://outlook.contoso.example/')
    result = run(mail, 'msgraph-mail-get-attachment', message_id=with_everything.immutable_id, attachment_id=row['ID'])
    assert (
        '| Budget.xlsx | It is a link to a file elsewhere. Open the email to follow it: https://outlook.'
        in result.readable_output
    )


def test_attachments_without_a_name_get_one(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    for name in (None, '', '  ', '..', '/'):
        ada.attach_file(message, name, b'data', 'text/csv' if name is None else None)
    names = [row['Name'] for row in outputs(mail, 'msgraph-mail-list-attachments', message_id=message.immutable_id)['Attachment']]
    assert names == ['attachment-1.csv', 'attachment-2', 'attachment-3', 'attachment-4', '_']
    assert [entry['File'] for entry in run(mail, 'msgraph-mail-get-attachment', message_id=message.immutable_id)] == names


def test_all_attachments_are_returned_if_none_is_named(mail: GraphMailClient, with_everything: Message) -> None:
    *files, rest = run(mail, 'msgraph-mail-get-attachment', message_id=with_everything.immutable_id)
    assert [entry['File'] for entry in files] == [
        'a.bin',
        'logo@contoso-attachmentName-attachment-2.png',
        '.._up_..',
        'Inner.eml',
        'Lunch.ics',
    ]
    assert [file_of(entry) for entry in files] == [NOT_UTF8, b'\x89PNG', b'x', MIME, CALENDAR]
    assert [entry['Type'] for entry in files] == [3] * 5
    assert 'Budget.xlsx' in rest.readable_output


def test_one_attachment_is_returned_as_a_file(mail: GraphMailClient, with_everything: Message) -> None:
    chosen = with_everything.attachment_id(with_everything.attachments[0], True)
    entry = run(mail, 'msgraph-mail-get-attachment', message_id=with_everything.immutable_id, attachment_id=chosen)
    assert (entry['File'], file_of(entry)) == ('a.bin', NOT_UTF8)


def test_an_attachment_that_cannot_be_read_does_not_block_others(
    mail: GraphMailClient, with_everything: Message, cloud: MicrosoftCloud
) -> None:
    second = with_everything.attachment_id(with_everything.attachments[1], True)
    cloud.faults.add(service='graph', path=second, status=500, body={'error': {'code': 'Broken', 'message': 'It is.'}})
    *files, rest = run(mail, 'msgraph-mail-get-attachment', message_id=with_everything.immutable_id)
    assert len(files) == 4
    assert '| attachment-2.png | Microsoft Graph refused the request: Broken: It is. ' in rest.readable_output
    assert len(os.listdir('.')) == 4


def test_it_is_an_error_if_no_attachment_can_be_read(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = delivered(ada)
    ada.attach_file(message, 'a.txt', b'a')
    cloud.faults.add(service='graph', path='value', status=500, times=None)
    assert error_of(mail, 'msgraph-mail-get-attachment', message_id=message.immutable_id) == (
        'Microsoft Graph responded with HTTP status 500. Try again in a few minutes.'
    )
    assert os.listdir('.') == []


@pytest.mark.parametrize('command', ['msgraph-mail-list-attachments', 'msgraph-mail-get-attachment'])
@pytest.mark.parametrize('name', ['Safe Attachments Scan In Progress', 'ATP Scan In Progress'])
def test_commands_say_that_attachments_are_being_scanned(mail: GraphMailClient, ada: Mailbox, command: str, name: str) -> None:
    told = 'Microsoft Defender is still scanning the attachments. Run the command again in a few minutes.'
    message = delivered(ada)
    ada.attach_file(message, 'invoice.xlsm', b'x')
    held = ada.start_scan(message, name)
    shown = run(mail, command, message_id=message.immutable_id)
    assert told in (shown[-1] if isinstance(shown, list) else shown).readable_output
    ada.end_scan(message, held)
    shown = run(mail, command, message_id=message.immutable_id)
    assert told not in str(shown if isinstance(shown, dict) else shown.readable_output)


@pytest.mark.parametrize('command', ['msgraph-mail-list-attachments', 'msgraph-mail-get-attachment'])
def test_an_email_without_attachments_says_so(mail: GraphMailClient, ada: Mailbox, command: str) -> None:
    result = run(mail, command, message_id=delivered(ada).immutable_id)
    assert (result.readable_output, result.outputs) == ('The email has no attachments.', None)


# endregion
# region folders


def test_folders_are_created_renamed_listed_and_deleted(mail: GraphMailClient, ada: Mailbox) -> None:
    made = outputs(mail, 'msgraph-mail-create-folder', new_folder_name='Team/Red', parent_folder_id='inbox')
    assert made == {
        'ID': made['ID'],
        'DisplayName': 'Team/Red',
        'ParentFolderID': ada.folder('inbox').folder_id,
        'ChildFolderCount': 0,
        'TotalItemCount': 0,
        'UnreadItemCount': 0,
    }
    renamed = outputs(mail, 'msgraph-mail-update-folder', folder_id=made['ID'], new_display_name='Blue')
    assert outputs(mail, 'msgraph-mail-list-child-folders', parent_folder_id='inbox') == [renamed]
    assert outputs(mail, 'msgraph-mail-delete-folder', folder_id=made['ID']) == {'ID': made['ID'], 'Deleted': True}
    assert ada.folder(made['ID']).parent_folder_id == ada.folder('deleteditems').folder_id
    run(mail, 'msgraph-mail-delete-folder', folder_id=made['ID'], permanent='true')
    assert ada.folder(made['ID']) is None


@pytest.mark.parametrize('deletes_softly', [False, True])
def test_where_graph_puts_a_deleted_folder_is_not_promised(mail: GraphMailClient, ada: Mailbox, deletes_softly: bool) -> None:
    ada.deletes_softly = deletes_softly
    folder = ada.make_folder('Old').folder_id
    while ada.folder(folder):  # from Deleted Items, Graph removes it
        assert run(mail, 'msgraph-mail-delete-folder', folder_id=folder).readable_output.startswith('### Folder deleted\n')


def test_a_folder_at_the_top_needs_no_parent(mail: GraphMailClient, ada: Mailbox) -> None:
    run(mail, 'msgraph-mail-create-folder', new_folder_name='Top')
    listed = run(mail, 'msgraph-mail-list-folders')
    assert 'Top' in [one['DisplayName'] for one in listed.outputs]
    assert listed.readable_output.startswith('### Folders (9)\n|Display Name|Total Item Count|')
    assert len(outputs(mail, 'msgraph-mail-list-folders', limit='3')) == 3


def test_a_folder_without_folders_says_so(mail: GraphMailClient) -> None:
    result = run(mail, 'msgraph-mail-list-child-folders', parent_folder_id='drafts')
    assert (result.readable_output, result.outputs) == ('There are no folders in this folder.', None)


@pytest.mark.parametrize(
    'command, args, sentence',
    [
        ('msgraph-mail-create-folder', {'new_folder_name': 'Inbox'}, 'Choose another name or another parent folder.'),
        (
            'msgraph-mail-delete-folder',
            {'folder_id': 'inbox'},
            'Choose a folder that is not a default folder.',
        ),
        ('msgraph-mail-create-folder', {'new_folder_name': ' '}, 'The argument new_folder_name is empty. Enter a value for it.'),
        ('msgraph-mail-update-folder', {'folder_id': '', 'new_display_name': 'x'}, 'The argument folder_id is empty.'),
        ('msgraph-mail-list-child-folders', {'parent_folder_id': '..'}, "'..' is not a valid folder ID."),
        ('msgraph-mail-list-folders', {'limit': 'many'}, "'many' is not a whole number from 1 to 100000. Change limit."),
    ],
)
def test_invalid_folders_are_rejected(mail: GraphMailClient, command: str, args: dict[str, str], sentence: str) -> None:
    assert sentence in error_of(mail, command, **args)


# endregion
# region rules and settings

ACTIONS = {'markAsRead': True, 'assignCategories': ['Invoice']}


def test_rules_are_created_changed_listed_and_deleted(mail: GraphMailClient, ada: Mailbox) -> None:
    made = outputs(
        mail,
        'msgraph-mail-create-rule',
        display_name='Invoices',
        actions=json.dumps(ACTIONS),
        sequence='2',
        conditions='{"subjectContains": ["invoice"]}',
        exceptions={'importance': 'high'},
        is_enabled='false',
    )
    assert made == {
        'id': made['id'],
        'displayName': 'Invoices',
        'sequence': 2,
        'isEnabled': False,
        'hasError': False,
        'isReadOnly': False,
        'conditions': {'subjectContains': ['invoice']},
        'actions': ACTIONS,
        'exceptions': {'importance': 'high'},
    }
    changed = outputs(mail, 'msgraph-mail-update-rule', rule_id=made['id'], is_enabled='true')
    assert changed == {**made, 'isEnabled': True} == outputs(mail, 'msgraph-mail-get-rule', rule_id=made['id'])
    listed = run(mail, 'msgraph-mail-list-rules')
    assert (listed.outputs_prefix, listed.outputs_key_field, listed.outputs) == ('MSGraphMail.Rule', 'id', [changed])
    assert 'Invoices' in listed.readable_output


@pytest.mark.parametrize('given', [{}, {'is_enabled': '', 'sequence': ''}, {'is_enabled': None, 'sequence': None}])
def test_a_rule_works_without_its_optional_arguments(mail: GraphMailClient, ada: Mailbox, given: dict[str, Any]) -> None:
    made = outputs(mail, 'msgraph-mail-create-rule', display_name='Invoices', actions='{"markAsRead": true}', **given)
    assert (made['isEnabled'], made['sequence']) == (True, 1)
    message = delivered(ada)
    apply_rules(ada, message)
    assert message.is_read


def test_the_deletion_of_a_rule_is_reported(mail: GraphMailClient, ada: Mailbox) -> None:
    rule = outputs(mail, 'msgraph-mail-create-rule', display_name='Invoices', actions=json.dumps(ACTIONS))['id']
    result = run(mail, 'msgraph-mail-delete-rule', rule_id=rule)
    assert result.outputs == {'id': rule, 'deleted': True}
    assert rule in result.readable_output
    assert ada.rules == []
    assert run(mail, 'msgraph-mail-list-rules').readable_output == 'The inbox has no rules.'


def test_rules_of_another_mailbox_are_created(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    run(mail, 'msgraph-mail-create-rule', display_name='Invoices', actions=json.dumps(ACTIONS), user_id=BOB)
    assert cloud.mailbox(ADA).rules == []
    assert [rule['displayName'] for rule in cloud.mailbox(BOB).rules] == ['Invoices']


@pytest.mark.parametrize(
    'command, args, sentence',
    [
        (
            'msgraph-mail-create-rule',
            {'actions': '{}', 'display_name': 'x'},
            'The argument actions is empty. Enter a value for it.',
        ),
        (
            'msgraph-mail-create-rule',
            {'actions': '{"delete": true}'},
            'The argument display_name is empty. Enter a value for it.',
        ),
        (
            'msgraph-mail-create-rule',
            {'actions': 'delete', 'display_name': 'x'},
            'The argument actions is not a JSON object. Write it as {"name": value}.',
        ),
        (
            'msgraph-mail-create-rule',
            {'actions': '[1]', 'display_name': 'x'},
            'The argument actions is not a JSON object. Write it as {"name": value}.',
        ),
        (
            'msgraph-mail-update-rule',
            {'rule_id': 'x'},
            'There is nothing to change. Enter at least one property of the rule.',
        ),
        (
            'msgraph-mail-update-rule',
            {'rule_id': 'x', 'sequence': '-1'},
            "'-1' is not a whole number from 1 to 10000. Change sequence.",
        ),
        ('msgraph-mail-get-rule', {}, 'The argument rule_id is empty. Enter a value for it.'),
        (
            'msgraph-mail-get-mailtips',
            {'email_addresses': ' ,'},
            'The argument email_addresses is empty. Enter one address, or several separated by commas.',
        ),
        ('msgraph-update-email-status', {'message_ids': 'x', 'status': ''}, "'' is not one of Read, Unread. Change status."),
        ('msgraph-mail-get-email', {'message_id': 'x', 'body_type': 'pdf'}, "'pdf' is not one of HTML, text. Change body_type."),
    ],
)
def test_invalid_arguments_are_rejected_before_a_request(
    mail: GraphMailClient, cloud: MicrosoftCloud, command: str, args: dict[str, str], sentence: str
) -> None:
    assert error_of(mail, command, **args) == sentence
    assert list(cloud.requests) == []


def test_settings_are_shown_together_or_alone(mail: GraphMailClient) -> None:
    result = run(mail, 'msgraph-mail-get-settings', user_id=BOB)
    assert result.outputs['UserID'] == BOB
    assert result.outputs['workingHours']['timeZone'] == {'name': 'UTC'}
    assert outputs(mail, 'msgraph-mail-get-settings', property='timeZone') == {'timeZone': 'UTC', 'UserID': ADA}
    assert outputs(mail, 'msgraph-mail-get-settings', property='language') == {
        'language': {'locale': 'en-US', 'displayName': 'English (United States)'},
        'UserID': ADA,
    }


def test_mail_tips_of_many_addresses_take_several_requests(mail: GraphMailClient) -> None:
    addresses = [f'user{number}@partner.example' for number in range(201)]
    result = run(mail, 'msgraph-mail-get-mailtips', email_addresses=','.join(addresses))
    assert [tip['emailAddress']['address'] for tip in result.outputs] == addresses


def test_mail_tips_are_shown_for_each_address(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    cloud.mailbox(BOB).settings['automaticRepliesSetting'] |= {'status': 'alwaysEnabled', 'internalReplyMessage': 'Away'}
    result = run(mail, 'msgraph-mail-get-mailtips', email_addresses=f'{BOB}, who@partner.example')
    assert (result.outputs_prefix, result.outputs_key_field) == ('MSGraphMail.MailTips', 'emailAddress.address')
    bob, stranger = result.outputs
    assert bob['emailAddress'] == {'name': 'Bob Okafor', 'address': BOB}
    assert (bob['automaticReplies'], bob['recipientScope']) == ({'message': 'Away'}, 'internal')
    assert (stranger['emailAddress']['address'], stranger['recipientScope']) == ('who@partner.example', 'external')


# endregion
# region errors of Graph

OF_ONE = [
    ('msgraph-mail-get-email', {'message_id': '{id}'}),
    ('msgraph-mail-get-email-as-eml', {'message_id': '{id}'}),
    ('msgraph-mail-list-attachments', {'message_id': '{id}'}),
    ('msgraph-mail-get-attachment', {'message_id': '{id}'}),
    ('msgraph-mail-list-child-folders', {'parent_folder_id': '{id}'}),
    ('msgraph-mail-create-folder', {'parent_folder_id': '{id}', 'new_folder_name': 'x'}),
    ('msgraph-mail-update-folder', {'folder_id': '{id}', 'new_display_name': 'x'}),
    ('msgraph-mail-delete-folder', {'folder_id': '{id}'}),
    ('msgraph-mail-get-rule', {'rule_id': '{id}'}),
    ('msgraph-mail-update-rule', {'rule_id': '{id}', 'display_name': 'x'}),
    ('msgraph-mail-delete-rule', {'rule_id': '{id}'}),
]


@pytest.mark.parametrize('command, args', OF_ONE)
@pytest.mark.parametrize('value', [UNKNOWN_ID, *HOSTILE_IDS])
def test_an_unknown_id_is_an_error(mail: GraphMailClient, command: str, args: dict[str, str], value: str) -> None:
    error = error_of(mail, command, **{name: text.replace('{id}', value) for name, text in args.items()})
    names_folder = r'^There is no folder .* Change (parent_)?folder_id\.$|^.* is not a valid folder ID\.'
    assert re.search(rf'ErrorItemNotFound|ErrorInvalidIdMalformed|Resource not found for the segment|{names_folder}', error)
    assert os.listdir('.') == []


@pytest.mark.parametrize(
    'command, args',
    [
        *OF_ONE,
        ('msgraph-mail-list-emails', {}),
        ('msgraph-mail-list-folders', {}),
        ('msgraph-mail-list-rules', {}),
        ('msgraph-mail-create-rule', {'display_name': 'x', 'actions': '{"delete": true}'}),
        ('msgraph-mail-get-settings', {}),
        ('msgraph-mail-get-mailtips', {'email_addresses': BOB}),
    ],
)
def test_a_missing_permission_is_an_error(
    mail: GraphMailClient, cloud: MicrosoftCloud, command: str, args: dict[str, str]
) -> None:
    allow_only(cloud, 'Mail.Send')
    error = error_of(mail, command, **{name: text.replace('{id}', UNKNOWN_ID) for name, text in args.items()})
    assert 'ErrorAccessDenied' in error
    assert 'Check that the permission is granted' in error


# endregion
