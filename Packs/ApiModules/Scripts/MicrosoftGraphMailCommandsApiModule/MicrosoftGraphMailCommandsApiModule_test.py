"""The commands against scripted responses. Tests/conformance/graph_mail has the tests that need a mailbox."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests

import demistomock as demisto
from CommonServerPython import DemistoException
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailCommandsApiModule import MAIL_COMMANDS

ADA = 'ada@contoso.example'
FOLDER_ID = 'AAMk' + 'a-_9' * 17


class ScriptedClient(GraphMailClient):
    """A client that answers with scripted responses: a status and JSON or bytes."""

    def __init__(self, *responses: tuple[int, Any]) -> None:
        super().__init__(ADA, retry_on_rate_limit=True)
        self.responses = list(responses)
        self.sent: list[tuple[str, str, Any]] = []
        self.clock.sleep = lambda _seconds: None  # type: ignore[method-assign,assignment]

    def send_request(self, method: str, url_suffix: str = '', full_url: str | None = None, **kwargs: Any) -> requests.Response:
        self.sent.append((method, full_url or url_suffix, kwargs.get('json_data') or kwargs.get('params')))
        response = requests.Response()
        response.status_code, body = self.responses.pop(0)
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response._content_consumed = True  # type: ignore[attr-defined]
        response.headers['request-id'] = 'x'
        if response.status_code not in kwargs['ok_codes']:
            kwargs['error_handler'](response)
        return response


def run(client: GraphMailClient, command: str, **args: Any) -> Any:
    return MAIL_COMMANDS[command](client, args)


def error_of(command: str, **args: Any) -> str:
    """Return the error of a command that sends nothing."""
    with pytest.raises(DemistoException) as caught:
        run(ScriptedClient(), command, **args)
    return str(caught.value)


def batch(*statuses: int, **headers: str) -> tuple[int, Any]:
    return 200, {
        'responses': [
            {'id': str(number), 'status': status, 'headers': headers, 'body': {'id': f'new {number}'}}
            for number, status in enumerate(statuses)
        ]
    }


@pytest.fixture(autouse=True)
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demisto, 'command', lambda: 'msgraph-mail-move-email')
    monkeypatch.setattr(demisto, 'args', dict)


# region arguments


@pytest.mark.parametrize(
    'command, args, sentence',
    [
        ('msgraph-mail-list-emails', {'limit': '0'}, "'0' is not a whole number from 1 to 100000. Change limit."),
        ('msgraph-mail-get-email', {}, 'The argument message_id is empty. Enter a value for it.'),
        ('msgraph-update-email-status', {'message_ids': 'x'}, "'' is not one of Read, Unread. Change status."),
        (
            'msgraph-mail-set-automatic-replies',
            {'status': 'disabled', 'end_time': 'in 1 day', 'time_zone': 'UTC'},
            'end_time, time_zone can only be used with the status scheduled. Remove what is not needed.',
        ),
        (
            'msgraph-mail-set-automatic-replies',
            {'status': 'scheduled'},
            'The argument end_time is empty. Enter a value for it.',
        ),
        (
            'msgraph-mail-set-automatic-replies',
            {'status': 'scheduled', 'start_time': 'in 3 days', 'end_time': 'in 2 days'},
            'The end_time is not after the start_time. Change one of them.',
        ),
        (
            'msgraph-mail-set-automatic-replies',
            {'status': 'scheduled', 'end_time': '2030-02-31', 'time_zone': 'Europe/Berlin'},
            "'2030-02-31' is not a time. Write end_time as 2030-01-31T08:00:00, or as 'in 2 hours'.",
        ),
        (
            'msgraph-mail-respond-to-invitation',
            {'message_id': 'x', 'response': 'maybe'},
            "'maybe' is not one of accept, tentativelyAccept, decline. Change response.",
        ),
        (
            'msgraph-mail-respond-to-invitation',
            {'message_id': 'x', 'response': 'accept', 'comment': 'Yes', 'send_response': 'no'},
            'A comment requires send_response=true. Remove comment, or send_response=false.',
        ),
        ('msgraph-mail-block-sender', {}, 'The argument sender is empty. Enter a value for it.'),
        ('msgraph-mail-block-sender', {'sender': ' , '}, 'The argument sender is empty. Enter a value for it.'),
        ('msgraph-mail-block-sender', {'sender': 'a@x.example, b@x.example'}, 'The argument sender has 2 addresses. Enter one.'),
        (
            'msgraph-mail-block-sender',
            {'sender': 'Eve'},
            "'Eve' is not an email address. Write sender as bob@example.com, or Bob <bob@example.com>.",
        ),
        ('msgraph-mail-get-conversation', {}, 'Enter message_id or conversation_id, but not both.'),
        (
            'msgraph-mail-get-conversation',
            {'message_id': 'x', 'conversation_id': 'y'},
            'Enter message_id or conversation_id, but not both.',
        ),
        (
            'msgraph-mail-add-categories',
            {'message_ids': 'x', 'categories': ' , '},
            'The argument categories is empty. Enter one category, or several separated by commas.',
        ),
        (
            'msgraph-mail-remove-categories',
            {'categories': 'x'},
            'The argument message_ids contains no ID. Enter one ID, or several separated by commas.',
        ),
        ('msgraph-mail-set-categories', {'message_ids': 'x'}, 'Enter categories, or clear=true to remove all, but not both.'),
        (
            'msgraph-mail-flag-email',
            {'message_ids': 'x', 'status': 'complete', 'due_date': 'tomorrow'},
            'due_date can only be used with the status flagged. Remove due_date.',
        ),
        (
            'msgraph-mail-create-rule',
            {'display_name': 'x', 'actions': '{}'},
            'The argument actions is empty. Enter a value for it.',
        ),
        ('msgraph-mail-update-rule', {'rule_id': 'x'}, 'There is nothing to change. Enter at least one property of the rule.'),
        (
            'msgraph-mail-get-mailtips',
            {'email_addresses': ','},
            'The argument email_addresses is empty. Enter one address, or several separated by commas.',
        ),
    ],
)
def test_invalid_arguments_are_rejected_before_a_request(command: str, args: dict[str, Any], sentence: str) -> None:
    assert error_of(command, **args) == sentence


# endregion
# region emails


NEXT_PAGE = 'https://graph.microsoft.com/x'


@pytest.mark.parametrize(
    'link, text',
    [
        ('', 'No emails were found.'),
        (
            NEXT_PAGE,
            'No emails were found on this page, but there are more pages.\n'
            f'Next page: `!msgraph-mail-list-emails next_page="{NEXT_PAGE}"`',
        ),
    ],
)
def test_a_page_without_emails_says_whether_there_are_more(link: str, text: str) -> None:
    result = run(ScriptedClient((200, {'value': [], '@odata.nextLink': link})), 'msgraph-mail-list-emails')
    assert result.readable_output == text


@pytest.mark.parametrize(
    'args, options', [({'limit': '1'}, ' limit="1"'), ({'limit': '1', 'user_id': ADA}, f' limit="1" user_id="{ADA}"')]
)
def test_the_command_for_the_next_page_has_the_limit_and_the_mailbox(args: dict[str, str], options: str) -> None:
    page = {'value': [{'id': 'm', 'subject': 'Hi'}], '@odata.nextLink': NEXT_PAGE}
    shown = run(ScriptedClient((200, page)), 'msgraph-mail-list-emails', folder_id='inbox', **args).readable_output
    assert shown == (
        '### Emails (1, more on the next page)\n|Subject|ID|\n|---|---|\n| Hi | m |\n'
        f'\nNext page: `!msgraph-mail-list-emails next_page="{NEXT_PAGE}"{options}`'
    )


def test_categories_are_not_changed_without_the_version_of_an_email() -> None:
    client = ScriptedClient((200, {'responses': [{'id': '0', 'status': 200, 'body': {'categories': []}}]}))
    with pytest.raises(DemistoException) as caught:
        run(client, 'msgraph-mail-add-categories', message_ids='x', categories='Red')
    assert str(caught.value) == ('Microsoft Graph did not send the version of the email. Check the proxy and the cloud setting.')
    assert len(client.sent) == 1


def test_a_folder_is_looked_up_once_for_a_batch() -> None:
    client = ScriptedClient(
        (200, {'value': [{'id': FOLDER_ID, 'displayName': 'Team'}]}),
        (200, {'responses': [{'id': '0', 'status': 200, 'body': {'categories': ['Red'], '@odata.etag': 'v'}}]}),
    )
    result = run(client, 'msgraph-mail-add-categories', message_ids='x', categories='Red', folder_id='Team')
    assert result.outputs == {'ID': 'x', 'Categories': ['Red'], 'UserID': ADA}
    assert [path for _, path, _ in client.sent] == [f'/users/{ADA}/mailFolders', '/$batch']


@pytest.mark.parametrize(
    'due_date, day',
    [
        ('2999-01-31T08:00:00Z', '2999-01-31T08:00:00'),
        ('2999-01-31T01:00:00+02:00', '2999-01-30T23:00:00'),
        ('2999-01-31T23:00:00-05:00', '2999-02-01T04:00:00'),
        *((day, '2999-01-31T12:00:00') for day in ('2999-01-31', '31/01/2999', '2999-1-31', 'Jan 31 2999')),
        ('2999-01-31 8:00', '2999-01-31T08:00:00'),
    ],
)
def test_a_due_date_is_sent_in_utc(due_date: str, day: str) -> None:
    client = ScriptedClient(batch(200))
    result = run(client, 'msgraph-mail-flag-email', message_ids='x', due_date=due_date)
    flag = client.sent[0][2]['requests'][0]['body']['flag']
    assert flag['dueDateTime'] == flag['startDateTime'] == {'dateTime': day, 'timeZone': 'UTC'}
    assert f'{day}Z' in result.readable_output


@pytest.mark.parametrize('text, days', [('tomorrow', 1), ('in 3 days', 3), ('in 1 week', 7)])
def test_a_due_date_in_some_days_is_a_day(text: str, days: int) -> None:
    before, client = datetime.now(timezone.utc), ScriptedClient(batch(200))
    run(client, 'msgraph-mail-flag-email', message_ids='x', due_date=text)
    due = client.sent[0][2]['requests'][0]['body']['flag']['dueDateTime']['dateTime']
    later = datetime.now(timezone.utc)
    assert due in [f'{day + timedelta(days=days):%Y-%m-%d}T12:00:00' for day in (before, later)]


def test_a_meeting_without_a_time_has_none() -> None:
    invitation = {'id': 'm', 'meetingMessageType': 'meetingRequest', 'event': {'id': 'e', 'end': {'dateTime': None}}}
    client = ScriptedClient((200, invitation), (202, {}))
    outputs = run(client, 'msgraph-mail-respond-to-invitation', message_id='m', response='accept').outputs
    assert (outputs['Start'], outputs['End']) == ('', '')


def test_a_response_to_an_invitation_is_a_table() -> None:
    event = {
        'id': 'e',
        'subject': 'Lunch',
        'organizer': {'emailAddress': {'address': 'bob@contoso.example'}},
        'start': {'dateTime': '2030-01-01T12:00:00.0000000', 'timeZone': 'UTC'},
        'end': {'dateTime': '2030-01-01T13:00:00.0000000', 'timeZone': 'Asia/Tokyo'},
    }
    client = ScriptedClient((200, {'id': 'm', 'meetingMessageType': 'meetingRequest', 'event': event}), (202, {}))
    result = run(client, 'msgraph-mail-respond-to-invitation', message_id='m', response='tentativelyAccept', comment='Yes')
    assert client.sent[1] == ('POST', f'/users/{ADA}/events/e/tentativelyAccept', {'sendResponse': True, 'comment': 'Yes'})
    assert result.readable_output == (
        '### Invitation tentatively accepted\n|Subject|Organizer|Start|End|Response|Response Sent|ID|\n'
        '|---|---|---|---|---|---|---|\n| Lunch | bob@contoso.example | 2030-01-01T12:00:00Z | '
        '2030-01-01T13:00:00 Asia/Tokyo | tentativelyAccept | true | m |\n'
    )
    assert (result.outputs_prefix, result.outputs_key_field) == ('MSGraphMail.Invitation', 'ID')


def person(name: str) -> dict[str, Any]:
    return {'emailAddress': {'name': name.title(), 'address': f'{name}@x.example'}}


def test_all_of_an_email_is_shown() -> None:
    email = {
        'id': 'm',
        'subject': 'Lunch',
        'from': person('from'),
        'sender': person('sender'),
        'toRecipients': [person('to'), {'emailAddress': {'address': 'b@x.example'}}],
        'ccRecipients': [person('cc')],
        'bccRecipients': [person('bcc')],
        'replyTo': [person('reply')],
        'receivedDateTime': '2030-01-01T12:00:00Z',
        'sentDateTime': '2030-01-01T11:59:00Z',
        'isRead': False,
        'hasAttachments': True,
        'importance': 'high',
        'categories': ['Red', 'Blue'],
        'isDraft': False,
        'webLink': 'https://outlook.example/m',
        'internetMessageId': '<1@x.example>',
        'conversationId': 'c',
        'parentFolderId': 'f',
        'createdDateTime': '2030-01-01T12:00:01Z',
        'internetMessageHeaders': [{'name': 'X-A', 'value': 'b'}],
    }
    rows = {
        'Subject': 'Lunch',
        'From': 'From \\<from@x.example\\>',
        'Sender': 'Sender \\<sender@x.example\\>',
        'Recipients': 'To \\<to@x.example\\>, b@x.example',
        'CC Recipients': 'Cc \\<cc@x.example\\>',
        'BCC Recipients': 'Bcc \\<bcc@x.example\\>',
        'Reply To': 'Reply \\<reply@x.example\\>',
        'Received Time': '2030-01-01T12:00:00Z',
        'Send Time': '2030-01-01T11:59:00Z',
        'Is Read': 'false',
        'Has Attachments': 'true',
        'Importance': 'high',
        'Categories': 'Red,<br>Blue',
        'Is Draft': 'false',
        'Kind': 'message',
        'Web Link': 'https://outlook.example/m',
        'Internet Message ID': '\\<1@x.example\\>',
        'Conversation ID': 'c',
        'Folder ID': 'f',
        'ID': 'm',
    }
    client = ScriptedClient((200, email))
    shown = run(client, 'msgraph-mail-get-email', message_id='m').readable_output
    table = ''.join(f'| {name} | {value} |\n' for name, value in rows.items())
    assert shown == f'### Email\n|Property|Value|\n|---|---|\n{table}'
    assert set(client.sent[0][2]['$select'].split(',')) == {*email, 'body', 'lastModifiedDateTime'}


@pytest.mark.parametrize(
    'content_type, content, shown',
    [('html', '<p>a<p>b', 'a\nb'), ('text', '<p>a', '\\<p\\>a'), ('html', '', ''), ('text', '', '')],
)
def test_the_text_of_an_email_is_below_its_table(content_type: str, content: str, shown: str) -> None:
    email = {'id': 'm', 'body': {'contentType': content_type, 'content': content}}
    result = run(ScriptedClient((200, email)), 'msgraph-mail-get-email', message_id='m')
    assert result.readable_output.partition('| ID | m |\n')[2] == (f'\n{shown}' if shown else '')


@pytest.mark.parametrize('kind', ['toRecipients', 'ccRecipients', 'bccRecipients'])
def test_an_email_is_found_by_one_of_its_recipients(kind: str) -> None:
    page = {'value': [{'id': '1', kind: [person('ada'), person('BOB')]}, {'id': '2', kind: [person('eve')]}, {'id': '3'}]}
    found = run(ScriptedClient((200, page), (200, {'responses': []})), 'msgraph-mail-find-email', recipient='Bob@x.example')
    assert found.outputs[0]['ID'] == '1'
    assert found.readable_output.startswith('### Emails found (1)\n')


def test_an_invitation_is_shown_with_its_meeting() -> None:
    bob = {'emailAddress': {'name': 'Bob', 'address': 'bob@contoso.example'}}
    email = {
        '@odata.type': '#microsoft.graph.eventMessageRequest',
        'id': 'm',
        'subject': 'Lunch',
        'from': bob,
        'sender': bob,
        'body': {'contentType': 'html', 'content': '<p>Come'},
    }
    meeting = {
        **email,
        'meetingMessageType': 'meetingRequest',
        'location': {'displayName': 'Room 5'},
        'startDateTime': {'dateTime': '2030-01-01T12:00:00.0000000', 'timeZone': 'UTC'},
        'endDateTime': None,
    }
    result = run(ScriptedClient((200, email), (200, meeting)), 'msgraph-mail-get-email', message_id='m')
    emails, shown = result.outputs.items()
    assert shown == ('MicrosoftGraph.ShownEmail(true)', {'ID': 'm', 'FolderID': '', 'UserID': ADA})
    assert emails == (
        'MSGraphMail(val.ID && val.ID == obj.ID)',
        {
            'ID': 'm',
            'Subject': 'Lunch',
            'From': {'Name': 'Bob', 'Address': 'bob@contoso.example'},
            'Sender': {'Name': 'Bob', 'Address': 'bob@contoso.example'},
            'Body': '<p>Come',
            'Kind': 'eventMessageRequest',
            'UserID': ADA,
            'Meeting': {
                'Type': 'meetingRequest',
                'Location': 'Room 5',
                'Organizer': 'bob@contoso.example',
                'Start': '2030-01-01T12:00:00Z',
                'End': None,
            },
        },
    )
    assert result.readable_output == (
        '### Email\n|Property|Value|\n|---|---|\n| Subject | Lunch |\n| From | Bob \\<bob@contoso.example\\> |\n'
        '| Kind | eventMessageRequest |\n| Meeting Type | meetingRequest |\n| Meeting Location | Room 5 |\n'
        '| Meeting Organizer | bob@contoso.example |\n| Meeting Start | 2030-01-01T12:00:00Z |\n| ID | m |\n\nCome'
    )


@pytest.mark.parametrize('length, rest', [(19_999, ''), (20_000, '\n\n(The rest of the text is in the context.)')])
def test_a_long_text_is_shown_in_part(length: int, rest: str) -> None:
    email = {'id': 'm', 'body': {'contentType': 'text', 'content': 'x' * length}}
    shown = run(ScriptedClient((200, email)), 'msgraph-mail-get-email', message_id='m').readable_output
    assert shown.endswith(f'\n\n{"x" * length}{rest}')


def test_an_email_that_is_not_complete_says_so() -> None:
    email = {'id': 'm', 'subject': 5, 'toRecipients': 'x', 'body': {'contentType': 'text', 'content': 'Hi'}}
    shown = run(ScriptedClient((200, email)), 'msgraph-mail-get-email', message_id='m').readable_output
    assert shown.endswith(
        '\nOnly a part of this email could be read: m. Microsoft Graph sent subject, toRecipients in an unknown form.\nHi'
    )


def test_emails_are_listed_with_the_next_page() -> None:
    client = ScriptedClient((200, {'value': [{'id': 'm', 'subject': 'Hi'}], '@odata.nextLink': 'https://graph.microsoft.com/x'}))
    result = run(client, 'msgraph-mail-list-emails', folder_id='inbox', odata='$select=subject', page_size='7')
    [emails, link] = result.outputs.values()
    assert emails == [{'ID': 'm', 'Kind': 'message', 'Subject': 'Hi', 'UserID': ADA}]
    assert link == {'NextPage': 'https://graph.microsoft.com/x'}
    [(_, url, _)] = client.sent
    assert url.endswith(f'/users/{ADA}/mailFolders/inbox/messages?%24select=subject&%24top=7')


def test_an_email_is_a_file_with_its_bytes() -> None:
    entry = run(ScriptedClient((200, b'From: a\r\n')), 'msgraph-mail-get-email-as-eml', message_id='m')
    assert (entry['File'], Path(f'1_{entry["FileID"]}').read_bytes()) == ('m.eml', b'From: a\r\n')


def test_each_email_of_a_batch_has_its_result() -> None:
    result = run(
        ScriptedClient(batch(201, 404, 201)), 'msgraph-mail-copy-email', message_id='a,b,c', destination_folder_id='archive'
    )
    assert [one['SourceID'] for one in result.outputs] == ['a', 'c']
    assert result.outputs[0] == {'ID': 'new 0', 'SourceID': 'a', 'DestinationFolderID': 'archive', 'UserID': ADA}
    assert result.readable_output.startswith('### Emails copied (2 of 3)\n')
    assert [bool(one['error']) for one in result.raw_response] == [False, True, False]


@pytest.mark.parametrize(
    'ids, statuses, start',
    [
        ('a', (404,), 'Microsoft Graph responded with HTTP status 404.'),
        ('a,b', (404, 404), 'The command failed for all emails'),
        ('a,b', (502, 502), 'It is not known whether the command succeeded for 2 of the 2 emails.\na: It is not known whether'),
        ('a,b', (502, 404), 'It is not known whether the command succeeded for 1 of the 2 emails.\na: It is not known whether'),
    ],
)
def test_it_is_an_error_if_nothing_was_done(ids: str, statuses: Any, start: str) -> None:
    with pytest.raises(DemistoException, match=f'^{start}'):
        run(ScriptedClient(batch(*statuses)), 'msgraph-mail-delete-email', message_id=ids)


def test_an_unknown_outcome_is_not_shown_as_a_failure() -> None:
    client = ScriptedClient(batch(201, 502, 404))
    text = run(client, 'msgraph-mail-move-email', message_id='a,b,c', destination_folder_id='archive').readable_output
    assert [result in text for result in ('Done', 'Unknown', 'Failed')] == [True, True, True]


def test_only_throttled_emails_are_rescheduled() -> None:
    client = ScriptedClient(batch(201, 429, **{'Retry-After': '45'}))
    done, rest = run(client, 'msgraph-mail-move-email', message_id='a,b', destination_folder_id='archive')
    assert done.outputs['ID'] == 'new 0'
    scheduled = rest.to_context()
    assert scheduled['PollingArgs'] == {'message_id': 'b', 'destination_folder_id': 'archive', 'ran_once_flag': True}
    assert scheduled['NextRun'] == '46'


def test_nothing_is_reported_if_all_emails_are_throttled() -> None:
    client = ScriptedClient(batch(429, **{'Retry-After': '45'}))
    result = run(client, 'msgraph-mail-move-email', message_id='a', destination_folder_id='archive')
    assert result.to_context()['PollingArgs']['message_id'] == 'a'


# endregion
# region attachments

FILE = {'@odata.type': '#microsoft.graph.fileAttachment', 'id': 'f', 'name': 'a.txt', 'contentType': 'text/plain', 'size': 1}
LINK = {'@odata.type': '#microsoft.graph.referenceAttachment', 'id': 'r', 'name': 'Budget.xlsx'}
WEB_LINK = 200, {'id': 'm', 'webLink': 'https://outlook.example/m'}


def test_attachments_are_listed_with_digests() -> None:
    client = ScriptedClient((200, {'value': [FILE, LINK]}), WEB_LINK, (200, b'x'))
    result = run(client, 'msgraph-mail-list-attachments', message_id='m', include_hash='true')
    file, link = result.outputs['Attachment']
    assert (file['Kind'], file['SHA256'][:8], file.get('WebLink')) == ('fileAttachment', '2d711642', None)
    assert (link['Kind'], link['WebLink'], link.get('SHA256')) == ('referenceAttachment', 'https://outlook.example/m', None)


def test_an_attachment_without_a_file_does_not_block_the_others() -> None:
    client = ScriptedClient((200, {'value': [FILE, LINK, {**FILE, 'id': 'g'}]}), WEB_LINK, (200, b'x'), (500, {}))
    file, rest = run(client, 'msgraph-mail-get-attachment', message_id='m')
    assert file['File'] == 'a.txt'
    assert '| Budget.xlsx | It is a link to a file elsewhere. Open the email to follow it: ' in rest.readable_output
    assert '| a.txt | Microsoft Graph responded with HTTP status 500. ' in rest.readable_output


def test_it_is_an_error_if_no_attachment_can_be_read() -> None:
    with pytest.raises(DemistoException, match='HTTP status 500'):
        run(ScriptedClient((200, FILE), (500, {})), 'msgraph-mail-get-attachment', message_id='m', attachment_id='f')


@pytest.mark.parametrize('command', ['msgraph-mail-list-attachments', 'msgraph-mail-get-attachment'])
def test_an_email_without_attachments_says_so(command: str) -> None:
    result = run(ScriptedClient((200, {'value': []})), command, message_id='m')
    assert result.readable_output == 'The email has no attachments.'


# endregion
# region folders, rules and settings


@pytest.mark.parametrize(
    'command, args, text',
    [
        ('msgraph-mail-list-folders', {}, 'No folders were found.'),
        ('msgraph-mail-list-child-folders', {'parent_folder_id': 'inbox'}, 'There are no folders in this folder.'),
        ('msgraph-mail-list-rules', {}, 'The inbox has no rules.'),
    ],
)
def test_an_empty_list_says_so(command: str, args: dict[str, Any], text: str) -> None:
    assert run(ScriptedClient((200, {'value': []})), command, **args).readable_output == text


@pytest.mark.parametrize(
    'command, args, response, sent, outputs, title',
    [
        (
            'msgraph-mail-list-folders',
            {'limit': '3'},
            {'value': [{'id': 'f', 'displayName': 'A', 'isHidden': True}]},
            ('GET', '/mailFolders', {'$top': 3}),
            [{'ID': 'f', 'DisplayName': 'A'}],
            'Folders (1)',
        ),
        (
            'msgraph-mail-create-folder',
            {'new_folder_name': 'A', 'parent_folder_id': 'inbox'},
            {'id': 'f'},
            ('POST', '/mailFolders/inbox/childFolders', {'displayName': 'A'}),
            {'ID': 'f'},
            'Folder created',
        ),
        (
            'msgraph-mail-update-folder',
            {'folder_id': FOLDER_ID, 'new_display_name': 'B'},
            {'id': 'f', 'displayName': 'B'},
            ('PATCH', f'/mailFolders/{FOLDER_ID}', {'displayName': 'B'}),
            {'ID': 'f', 'DisplayName': 'B'},
            'Folder renamed',
        ),
        (
            'msgraph-mail-delete-folder',
            {'folder_id': FOLDER_ID, 'permanent': 'true'},
            {},
            ('POST', f'/mailFolders/{FOLDER_ID}/permanentDelete', None),
            {'ID': FOLDER_ID, 'Deleted': True},
            'Folder deleted permanently',
        ),
        (
            'msgraph-mail-delete-folder',
            {'folder_id': FOLDER_ID},
            {},
            ('DELETE', f'/mailFolders/{FOLDER_ID}', None),
            {'ID': FOLDER_ID, 'Deleted': True},
            'Folder deleted',
        ),
        (
            'msgraph-mail-create-rule',
            {'display_name': 'A', 'actions': '{"delete": true}', 'sequence': '2', 'is_enabled': 'false'},
            {'@odata.context': 'x', 'id': 'r'},
            (
                'POST',
                '/mailFolders/inbox/messageRules',
                {'displayName': 'A', 'actions': {'delete': True}, 'sequence': 2, 'isEnabled': False},
            ),
            {'id': 'r'},
            'Rule created',
        ),
        (
            'msgraph-mail-delete-rule',
            {'rule_id': 'r'},
            {},
            ('DELETE', '/mailFolders/inbox/messageRules/r', None),
            {'id': 'r', 'deleted': True},
            'Rule deleted',
        ),
        (
            'msgraph-mail-update-rule',
            {'rule_id': 'r', 'display_name': 'A'},
            {'id': 'r'},
            ('PATCH', '/mailFolders/inbox/messageRules/r', {'displayName': 'A'}),
            {'id': 'r'},
            'Rule changed',
        ),
        (
            'msgraph-mail-list-categories',
            {},
            {'value': [{'id': 'c', 'displayName': 'Red', 'color': 'preset0'}]},
            ('GET', '/outlook/masterCategories', {}),
            [{'ID': 'c', 'DisplayName': 'Red', 'Color': 'preset0', 'UserID': ADA}],
            'Categories (1)',
        ),
        (
            'msgraph-mail-set-automatic-replies',
            {'status': 'disabled'},
            {'automaticRepliesSetting': {'status': 'disabled'}},
            ('PATCH', '/mailboxSettings', {'automaticRepliesSetting': {'status': 'disabled'}}),
            {'Status': 'disabled', 'UserID': ADA},
            'Automatic replies turned off',
        ),
        (
            'msgraph-mail-get-settings',
            {'property': 'timeZone'},
            {'value': 'UTC'},
            ('GET', '/mailboxSettings/timeZone', None),
            {'timeZone': 'UTC', 'UserID': ADA},
            'Mailbox settings',
        ),
    ],
)
def test_a_command_sends_one_request(
    command: str, args: dict[str, Any], response: Any, sent: Any, outputs: Any, title: str
) -> None:
    client = ScriptedClient((200 if response else 204, response))
    result = run(client, command, **args)
    assert (result.outputs, result.readable_output.splitlines()[0]) == (outputs, f'### {title}')
    method, path, body = sent
    assert client.sent == [(method, f'/users/{ADA}{path}', body)]


# endregion
