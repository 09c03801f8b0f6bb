"""What an analyst reads in the tables: the important columns first, IDs last, and nothing in the form of a program."""

from typing import Any

import pytest

from conformance.graph_mail.mail_commands_test import ADA, BOB, delivered, outputs, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def table(client: GraphMailClient, command: str, **args: Any) -> list[dict[str, str]]:
    """Return the rows of the table of a command, by its headings."""
    lines = run(client, command, **args).readable_output.splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line.startswith('|')]
    return [dict(zip(head, row, strict=True)) for row in rows]


def property_of(rows: list[dict[str, str]], name: str) -> str:
    return next((row['Value'] for row in rows if row['Property'] == name), '')


@pytest.mark.parametrize(
    'command, args, columns',
    [
        ('msgraph-mail-move-email', {'destination_folder_id': 'Junk Email'}, ['Subject', 'Result', 'Folder', 'ID']),
        ('msgraph-mail-copy-email', {'destination_folder_id': 'archive'}, ['Subject', 'Result', 'Folder', 'Source ID', 'ID']),
    ],
)
def test_the_folder_is_named(mail: GraphMailClient, ada: Mailbox, command: str, args: Any, columns: list[str]) -> None:
    [row] = table(mail, command, message_id=delivered(ada).immutable_id, **args)
    assert list(row) == columns
    assert (row['Subject'], row['Folder']) == ('Hello', args['destination_folder_id'])


def test_a_flag_says_until_when(mail: GraphMailClient, ada: Mailbox) -> None:
    ids = delivered(ada).immutable_id
    [row] = table(mail, 'msgraph-mail-flag-email', message_ids=ids, due_date='2999-12-31')
    assert list(row) == ['Subject', 'Result', 'Flag Status', 'Due Date', 'ID']
    assert (row['Flag Status'], row['Due Date']) == ('flagged', '2999-12-31T12:00:00Z')
    [row] = table(mail, 'msgraph-mail-flag-email', message_ids=ids, status='complete')
    assert (row['Flag Status'], 'Due Date' in row) == ('complete', False)


def test_categories_are_shown_as_they_are_now(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, categories=['Red'])
    [row] = table(mail, 'msgraph-mail-add-categories', message_ids=message.immutable_id, categories='Blue')
    assert row['Categories'] == 'Red,<br>Blue'


def test_categories_of_emails_in_a_folder(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = delivered(ada)
    ada.move(message, 'archive')
    cloud.requests.clear()
    for command in ('msgraph-mail-add-categories', 'msgraph-mail-remove-categories'):
        run(mail, command, message_ids=message.immutable_id, categories='Blue', folder_id='archive')
    with pytest.raises(Exception, match='ErrorItemNotFound'):
        run(mail, 'msgraph-mail-add-categories', message_ids=message.immutable_id, categories='Blue', folder_id='junkemail')


def test_a_name_that_hides_an_address_is_shown_with_it(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    message.sender = EmailAddress('ceo@contoso.example', 'eve@partner.example')
    rows = table(mail, 'msgraph-mail-get-email', message_id=message.immutable_id)
    assert property_of(rows, 'From') == 'ceo@contoso.example \\<eve@partner.example\\>'
    assert property_of(rows, 'Sender') == ''
    assert [row['Property'] for row in rows][-1] == 'ID'


def test_another_sender_is_shown(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    message.submitter = EmailAddress('Bob', BOB)
    assert property_of(table(mail, 'msgraph-mail-get-email', message_id=message.immutable_id), 'Sender') == f'Bob \\<{BOB}\\>'


def test_the_link_to_the_email_can_be_clicked_and_others_cannot(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, 'https://evil.example')
    rows = table(mail, 'msgraph-mail-get-email', message_id=message.immutable_id)
    assert property_of(rows, 'Web Link').startswith('https://')
    assert property_of(rows, 'Subject') == 'https\\[:\\]//evil.example'


def test_a_rule_is_readable(mail: GraphMailClient) -> None:
    given = {'subjectContains': ['*bill*', 'invoice'], 'fromAddresses': [{'emailAddress': {'address': BOB, 'name': 'Bob'}}]}
    actions = {'markAsRead': False, 'stopProcessingRules': True}
    [row] = table(mail, 'msgraph-mail-create-rule', display_name='x', conditions=given, actions=actions)
    assert row['Conditions'] == f'Subject Contains: \\*bill\\*, invoice; From Addresses: {BOB}'
    assert row['Actions'] == 'Mark As Read: false; Stop Processing Rules: true'
    assert list(row)[-1] == 'ID'


def test_the_error_of_one_address_is_shown(mail: GraphMailClient) -> None:
    first, second = table(mail, 'msgraph-mail-get-mailtips', email_addresses=f'{BOB},nobody@contoso.example')
    assert next(iter(first)) == 'Email Address'
    assert (first['Error'], 'RecipientNotFound' in second['Error']) == ('', True)


def test_times_of_replies_are_shown_if_they_count(mail: GraphMailClient) -> None:
    [row] = table(mail, 'msgraph-mail-set-automatic-replies', status='alwaysEnabled', internal_message='Away')
    assert 'Start Time' not in row
    [row] = table(mail, 'msgraph-mail-set-automatic-replies', status='scheduled', end_time='2999-12-31', internal_message='Away')
    assert row['End Time'] == '2999-12-31T00:00:00Z'


def test_a_known_folder_costs_no_request(mail: GraphMailClient, cloud: MicrosoftCloud) -> None:
    mail.get_access_token()
    cloud.requests.clear()
    first = outputs(mail, 'msgraph-mail-list-emails', page_size='2', folder_id='inbox')
    [row, _] = table(mail, 'msgraph-mail-list-emails', next_page=first[-1]['NextPage'])
    assert row['Folder'] == 'inbox'
    assert [one.method for one in cloud.requests.of('graph')] == ['GET', 'GET']


def test_the_id_of_a_folder_is_not_looked_up(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    mail.get_access_token()
    folder = ada.folder('inbox')
    assert folder
    cloud.requests.clear()
    listed = run(mail, 'msgraph-mail-list-emails', page_size='2', folder_id=folder.folder_id)
    [_, link] = listed.outputs.values()
    [row, _] = table(mail, 'msgraph-mail-list-emails', next_page=link['NextPage'])
    assert '|Folder|' not in listed.readable_output
    assert 'Folder' not in row
    assert [one.method for one in cloud.requests.of('graph')] == ['GET', 'GET']
    assert len(table(mail, 'msgraph-mail-list-emails', page_size='1')) == 1
    assert [one.method for one in cloud.requests.of('graph')][2:] == ['GET', 'POST']
