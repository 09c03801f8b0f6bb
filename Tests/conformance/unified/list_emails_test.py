"""The list of emails against the local cloud: context, table, pages, and errors."""

import re
from typing import Any

import pytest

from conformance.unified.instances import ADA, BOB, Instance, Params, with_methods
from MicrosoftGraphMailArgumentsApiModule import addresses_text, escape_markdown, property_outputs
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.xsoar.context import ask, merge

CHECK_USER = 'Check the address of the mailbox. It must be the user principal name or the object ID of its user.'


def test_emails_are_listed_in_the_context_and_in_a_table(instance: Instance) -> None:
    entry = instance.run('msgraph-mail-list-emails', page_size='2')
    [(path, emails), (link_path, link)] = entry['EntryContext'].items()
    first = emails[0]
    assert (link_path, list(link)) == ("MSGraphMail(val.NextPage.indexOf('')>=0)", ['NextPage'])
    assert path == 'MSGraphMail(val.ID && val.ID == obj.ID)'
    assert (first['Subject'], first['IsDraft'], first['HasAttachments'], first['Categories']) == ('Report 1', False, False, [])
    assert first['From'] == first['Sender'] == {'Name': 'Quentin Reyes', 'Address': 'quentin@partner.example'}
    assert first['Recipients'] == [{'Name': 'Ada Lindqvist', 'Address': ADA}]
    assert first['Body'] == '<p>Hello Ada Lindqvist,</p><p>this is report 1.</p>'
    assert first['UserID'] == ADA
    assert 'NextPage' not in first | emails[1]
    assert link['NextPage'].startswith(instance.cloud.graph)
    lines = entry['HumanReadable'].splitlines()
    assert lines[:2] == [
        '### Emails (2, more on the next page)',
        '|Subject|From|Recipients|Received Time|Is Read|Folder|Has Attachments|ID|',
    ]
    middle = f'{ADA} | {first["ReceivedTime"]} | false | Inbox | false'
    assert lines[3] == f'| Report 1 | quentin@partner.example | {middle} | {escape_markdown(first["ID"])} |'
    assert lines[-1] == f'Next page: `!msgraph-mail-list-emails next_page="{link["NextPage"]}"`'
    assert [message['subject'] for message in entry['Contents']] == ['Report 1', 'Report 2']


@pytest.mark.parametrize(
    'args, found, title',
    [
        ({}, 20, '### Emails (20, more on the next page)'),
        ({'page_size': '', 'pages_to_pull': None}, 20, '### Emails (20, more on the next page)'),
        ({'pages_to_pull': '2'}, 25, '### Emails (25)'),
        ({'page_size': 10, 'pages_to_pull': ' 2 '}, 20, '### Emails (20, more on the next page)'),
        ({'page_size': '1000'}, 25, '### Emails (25)'),
        ({'folder_id': ' inbox '}, 20, '### Emails (20, more on the next page)'),
        ({'user_id': BOB, 'page_size': '25'}, 25, '### Emails (25)'),
    ],
)
def test_pages_folder_and_mailbox_can_be_chosen(instance: Instance, args: Params, found: int, title: str) -> None:
    entry = instance.run('msgraph-mail-list-emails', **args)
    emails = next(iter(entry['EntryContext'].values()))
    assert (len(emails), entry['HumanReadable'].splitlines()[0]) == (found, title)
    assert {email['UserID'] for email in emails} == {args.get('user_id', ADA)}


@pytest.mark.parametrize(
    'args, subjects',
    [
        ({'odata': "$filter=subject eq 'Report 7'"}, ['Report 7']),
        ({'odata': '$orderby=receivedDateTime asc&$select=subject', 'page_size': '2'}, ['Report 25', 'Report 24']),
        ({'search': '"Report 13"'}, ['Report 13']),
    ],
)
def test_mail_can_be_filtered_sorted_and_searched(instance: Instance, args: Params, subjects: list[str]) -> None:
    found = instance.context('msgraph-mail-list-emails', **args)
    assert [email['Subject'] for email in found if 'ID' in email] == subjects


@pytest.mark.parametrize('page_size, pages', [('5', 5), ('10', 3), ('24', 2)])
def test_a_loop_over_the_pages_of_a_list_ends(instance: Instance, page_size: str, pages: int) -> None:
    context: dict[str, Any] = {}
    links: list[str] = []
    for start in ({'page_size': page_size}, {'page_size': page_size, 'odata': '$select=subject'}):
        merge(context, instance.run('msgraph-mail-list-emails', **start)['EntryContext'])
        while link := ask(context, '${MSGraphMail.NextPage}')[0]:
            assert ask(context, '${MSGraphMail.NextPage}') == [link]
            links.append(link)
            merge(context, instance.run('msgraph-mail-list-emails', next_page=link)['EntryContext'])
    assert len(links) == len(set(links)) == 2 * (pages - 1)
    assert len(ask(context, '${MSGraphMail.ID}')) == 25


def test_a_list_of_one_page_has_no_link(instance: Instance) -> None:
    [key] = instance.run('msgraph-mail-list-emails', page_size='25')['EntryContext']
    assert 'NextPage' not in key


def test_properties_that_are_not_selected_are_not_in_the_context(instance: Instance) -> None:
    entry = instance.run('msgraph-mail-list-emails', page_size='1', pages_to_pull='1', odata='$select=subject,from')
    [[email], _link] = entry['EntryContext'].values()
    assert set(email) == {'ID', 'Kind', 'Subject', 'From', 'UserID'}
    assert entry['HumanReadable'].splitlines()[1] == '|Subject|From|ID|'


def test_several_recipients_are_in_one_cell(instance: Instance) -> None:
    mailbox = instance.cloud.mailbox(ADA)
    recipients = [EmailAddress('Ada', ADA), EmailAddress('Only a name', ''), EmailAddress('', '')]
    mailbox.deliver(
        Message(subject='To all', sender=EmailAddress('Bob', BOB), received=instance.cloud.clock.now(), to=recipients)
    )
    table = instance.text('msgraph-mail-list-emails', page_size='1')
    assert f'| To all | {BOB} | {ADA}, Only a name |' in table


def test_an_empty_folder_says_so(instance: Instance) -> None:
    entry = instance.run('msgraph-mail-list-emails', folder_id='archive')
    assert entry['HumanReadable'] == 'No emails were found.'
    assert entry['EntryContext'] == {}


def test_an_empty_page_is_not_the_last_page(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', body={'value': [], '@odata.nextLink': f'{instance.cloud.graph}/v1.0/more'})
    assert instance.text('msgraph-mail-list-emails').startswith('No emails were found on this page, but there are more pages.')


@pytest.mark.parametrize(
    'args, sentences',
    [
        ({'page_size': '0'}, "'0' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': 0}, "'0' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': ' '}, "'' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '5000'}, "'5000' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': 'abc'}, "'abc' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '-1'}, "'-1' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '1.5'}, "'1.5' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '9' * 5000}, f"'{'9' * 5000}' is not a whole number from 1 to 1000. Change page_size."),
        ({'pages_to_pull': '0'}, "'0' is not a whole number from 1 to 1000. Change pages_to_pull."),
        ({'pages_to_pull': '1001'}, "'1001' is not a whole number from 1 to 1000. Change pages_to_pull."),
        (
            {'odata': 'isRead eq false'},
            "'isRead eq false' in odata is not an OData option. Write options as $filter=..., joined by &.",
        ),
        (
            {'odata': '$filter=isRead eq false', 'search': 'x'},
            'search and $filter in odata cannot be combined. Remove one of them.',
        ),
        (
            {'folder_id': '..'},
            "'..' is not a valid folder ID. Enter the folder ID from Microsoft Graph. Change folder_id.",
        ),
        ({'user_id': '.'}, "'.' is not a valid mailbox address. Enter the mailbox address from Microsoft Graph."),
    ],
)
def test_invalid_arguments_are_rejected_before_a_request(instance: Instance, args: Params, sentences: str) -> None:
    assert instance.error('msgraph-mail-list-emails', **args) == sentences
    assert not list(instance.cloud.requests)


@pytest.mark.parametrize(
    'args, advice',
    [
        ({'user_id': 'nobody@contoso.example'}, CHECK_USER),
        ({'user_id': 'eve@fabrikam.example'}, CHECK_USER),
        ({'odata': '$select=colour'}, 'Check the arguments of the command.'),
    ],
)
def test_errors_of_graph_have_advice(instance: Instance, args: dict[str, str], advice: str) -> None:
    assert re.search(
        rf'^Microsoft Graph refused the request: .* {advice} Request ID: \S+$', instance.error('msgraph-mail-list-emails', **args)
    )


@pytest.mark.parametrize(
    'path, sentence',
    [
        ('nowhere', "There is no folder 'nowhere' in the mailbox."),
        ('inbox?x=1#y', "There is no folder 'inbox?x=1#y' in the mailbox."),
        ('Inbox/b', "There is no folder 'b' in 'Inbox'."),
    ],
)
def test_a_folder_that_does_not_exist_is_named(instance: Instance, path: str, sentence: str) -> None:
    assert instance.error('msgraph-mail-list-emails', folder_id=path) == (
        f'{sentence} Write a path as Inbox/Phishing, and a slash in a name as \\/. Change folder_id.'
    )


@with_methods('Authorization code')
def test_a_mailbox_that_is_not_shared_is_an_error(instance: Instance) -> None:
    instance.sign_in()
    told = instance.error('msgraph-mail-list-emails', user_id=BOB)
    assert 'permission Mail.Read is granted (with .Shared in the mailbox of another user)' in told


def test_a_throttled_command_waits_and_succeeds(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', status=429, headers={'Retry-After': '0'})
    instance.text('msgraph-mail-list-emails')
    assert [status for path, status in instance.requests('graph') if 'messages' in path] == [429, 200]


@pytest.mark.parametrize(
    'value, text',
    [
        (None, ''),
        ({}, ''),
        ([], ''),
        ({'Name': 'Ada', 'Address': ADA}, ADA),
        ({'Name': 'Ada', 'Address': None}, 'Ada'),
        ([{'Name': '', 'Address': ADA}, {}], ADA),
    ],
)
def test_addresses_are_one_line(value: Any, text: str) -> None:
    assert addresses_text(value) == text


@pytest.mark.parametrize(
    'value, context',
    [
        (None, None),
        ('text', 'text'),
        (['a'], ['a']),
        ({'contentType': 'html', 'content': '<p>'}, '<p>'),
        ({'emailAddress': {'name': 'Ada', 'address': ADA}}, {'Name': 'Ada', 'Address': ADA}),
        ({'emailAddress': None}, {'Name': None, 'Address': None}),
        ({}, {'Name': None, 'Address': None}),
    ],
)
def test_a_property_becomes_a_context_value(value: Any, context: Any) -> None:
    assert property_outputs(value) == context


def test_an_unknown_command_is_an_error(instance: Instance) -> None:
    assert instance.error('msgraph-mail-fly') == 'The command msgraph-mail-fly does not exist in this integration.'
