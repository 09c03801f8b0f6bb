"""Reports from the field on how commands name messages and folders, and what they show: M6, M8, M10, M11, M14, M20, M21."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, ERROR, Instance
from conformance.unified.integration_yml import IN_YML
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import limit

instance = instances.instance
Report = Callable[[str, str, str, str], None]
EVE = EmailAddress('Eve', 'eve@partner.example')


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


def delivered(mailbox: Mailbox, subject: str = 'Hello', **properties: Any) -> Message:
    return mailbox.deliver(Message(subject, EVE, mailbox.now(), to=[mailbox.owner], **properties))


# region M10: IDs that users really have

FORMS: dict[str, Callable[[Message], str]] = {
    'Message-ID in brackets': lambda message: message.internet_message_id,
    'Message-ID without brackets': lambda message: message.internet_message_id.strip('<>'),
    'Message-ID as in the header': lambda message: f'Message-ID: {message.internet_message_id}',
    'Message-ID in HTML': lambda message: message.internet_message_id.replace('<', '&lt;').replace('>', '&gt;'),
    'ID of Graph': lambda message: message.immutable_id,
    'ID of EWS and Office.js': lambda message: message.message_id.replace('-', '/').replace('_', '+'),
    'ID in percent encoding': lambda message: quote(message.message_id.replace('-', '/').replace('_', '+'), safe=''),
    'address in Outlook on the web': lambda message: (
        f'https://outlook.office365.com/owa/?ItemID={quote(message.message_id)}&exvsurl=1&viewmodel=ReadMessageItem'
    ),
    'address of the newer Outlook on the web': lambda message: (
        f'https://outlook.office.com/mail/inbox/id/{quote(message.message_id.replace("-", "/").replace("_", "+"), safe="")}'
    ),
    'address of a message in its own window': lambda message: f'https://outlook.office.com/mail/id/{message.message_id}?x=y',
}
# Every command that names a message, and what shows that it found it.
NAMING = [
    ('msgraph-mail-get-email', 'message_id', {}),
    ('msgraph-mail-get-conversation', 'message_id', {}),
    ('msgraph-mail-get-email-as-eml', 'message_id', {}),
    ('msgraph-mail-list-attachments', 'message_id', {}),
    ('msgraph-mail-get-attachment', 'message_id', {}),
    ('msgraph-update-email-status', 'message_ids', {'status': 'Read'}),
    ('msgraph-mail-set-categories', 'message_ids', {'categories': 'Red'}),
    ('msgraph-mail-add-categories', 'message_ids', {'categories': 'Red'}),
    ('msgraph-mail-remove-categories', 'message_ids', {'categories': 'Red'}),
    ('msgraph-mail-flag-email', 'message_ids', {}),
    ('msgraph-mail-move-email', 'message_id', {'destination_folder_id': 'archive'}),
    ('msgraph-mail-copy-email', 'message_id', {'destination_folder_id': 'archive'}),
    ('msgraph-mail-delete-email', 'message_id', {}),
    ('reply-mail', 'inReplyTo', {'to': BOB, 'subject': 'x'}),
    ('msgraph-mail-reply-to', 'message_id', {'to': BOB, 'comment': 'x'}),
    ('msgraph-mail-reply-all', 'message_id', {'comment': 'x'}),
    ('msgraph-mail-forward', 'message_id', {'to': BOB}),
]


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('command, name, more', NAMING)
def test_a_message_may_be_named_in_every_form(
    instance: Instance, adas: Mailbox, field_report: Report, command: str, name: str, more: dict[str, str], form: str
) -> None:
    message = delivered(adas)
    adas.attach_file(message, 'a.txt', b'a', 'text/plain')
    [entry] = instance.entries(command, **{name: FORMS[form](message)}, **more)
    assert entry['Type'] != ERROR, entry['Contents']
    if command == 'msgraph-mail-get-email':
        field_report('M10', f'get-email, {form}', 'Id is malformed', f'Subject: {entry["Contents"]["subject"]}')


def test_a_draft_may_be_named_by_its_message_id(instance: Instance, adas: Mailbox) -> None:
    draft = instance.run('msgraph-mail-create-draft', to=BOB, subject='x')['Contents']
    assert instance.context('msgraph-mail-send-draft', draft_id=draft['internetMessageId'])['ID'] == draft['id']


def test_one_request_looks_up_many_message_ids_and_the_rest_is_reported(instance: Instance, adas: Mailbox) -> None:
    messages = [delivered(adas, f'Mail {number}') for number in range(5)]
    names = ','.join([*(one.internet_message_id for one in messages), '<nobody@nowhere.example>'])
    instance.cloud.requests.clear()
    entry = instance.run('msgraph-update-email-status', message_ids=names, status='Read')
    assert all(one.is_read for one in messages)
    assert [path for path, _ in instance.requests('graph')] == ['/v1.0/$batch'] * 2
    assert (
        'No email has the Message-ID \\<nobody@nowhere.example\\>. Check the Message-ID and the mailbox.'
        in entry['HumanReadable']
    )


def test_several_emails_with_one_message_id_are_not_mixed_up(instance: Instance, adas: Mailbox) -> None:
    message = delivered(adas)
    copied = adas.copy(message, adas.folder('archive').folder_id)
    name = message.internet_message_id
    error = instance.error('msgraph-mail-delete-email', message_id=name)
    assert error.startswith(f'2 emails have the Message-ID {name}. Use the ID of one: ')
    assert message.immutable_id in error
    assert copied.immutable_id in error
    assert instance.context('msgraph-mail-get-email', message_id=name, folder_id='Archive')['ID'] == copied.immutable_id


@pytest.mark.parametrize('name', ["<o'clock@x.example>", '<a/b+c=@x.example>', '<100%25@x.example>', '<é@x.example>', '<12345>'])
def test_a_message_id_may_have_any_characters(instance: Instance, adas: Mailbox, name: str) -> None:
    message = delivered(adas, internet_message_id=name)
    assert instance.context('msgraph-mail-get-email', message_id=name)['ID'] == message.immutable_id


@pytest.mark.parametrize(
    'name', ['a@' * 50_000 + ' ', '<' * 100_000, '&' * 100_000, '?ItemID=' * 20_000, 'https://a/mail/' * 20_000, '%' * 100_000]
)
def test_a_hostile_name_is_refused_at_once(instance: Instance, name: str) -> None:
    started = time.process_time()
    instance.error('msgraph-mail-get-email', message_id=name)
    assert time.process_time() - started < limit(0.5)


# endregion
# region M20: folders by their names


@pytest.fixture
def phishing(adas: Mailbox) -> str:
    """The ID of Inbox/Phishing."""
    adas.make_folder('A/B', adas.folder('inbox').folder_id)
    adas.make_folder('Doe, Jane', adas.folder('inbox').folder_id)
    return adas.make_folder('Phishing', adas.folder('inbox').folder_id).folder_id


FOLDERS = ['Inbox/Phishing', 'inbox/phishing', '/Inbox/Phishing/', 'INBOX / PHISHING', '{id}', '{ews}']
OF_FOLDERS = [
    ('msgraph-mail-list-emails', 'folder_id', {}),
    ('msgraph-mail-get-email', 'folder_id', {'message_id': '{message}'}),
    ('msgraph-mail-list-attachments', 'folder_id', {'message_id': '{message}'}),
    ('msgraph-mail-get-attachment', 'folder_id', {'message_id': '{message}'}),
    ('msgraph-update-email-status', 'folder_id', {'message_ids': '{message}', 'status': 'Read'}),
    ('msgraph-mail-set-categories', 'folder_id', {'message_ids': '{message}', 'categories': 'Red'}),
    ('msgraph-mail-flag-email', 'folder_id', {'message_ids': '{message}'}),
    ('msgraph-mail-delete-email', 'folder_id', {'message_id': '{message}'}),
    ('msgraph-mail-move-email', 'destination_folder_id', {'message_id': '{message}'}),
    ('msgraph-mail-copy-email', 'destination_folder_id', {'message_id': '{message}'}),
    ('msgraph-mail-list-child-folders', 'parent_folder_id', {}),
    ('msgraph-mail-create-folder', 'parent_folder_id', {'new_folder_name': 'New'}),
    ('msgraph-mail-update-folder', 'folder_id', {'new_display_name': 'Newer'}),
    ('msgraph-mail-delete-folder', 'folder_id', {}),
    ('msgraph-mail-block-sender', 'folder_id', {'sender': BOB}),
]


def in_form(path: str, folder_id: str) -> str:
    return path.format(id=folder_id, ews=folder_id.replace('-', '/').replace('_', '+'))


@pytest.mark.parametrize('path', FOLDERS)
@pytest.mark.parametrize('command, name, more', OF_FOLDERS)
def test_a_folder_may_be_named_by_its_path(
    instance: Instance,
    adas: Mailbox,
    phishing: str,
    field_report: Report,
    command: str,
    name: str,
    more: dict[str, str],
    path: str,
) -> None:
    message = delivered(adas)
    adas.attach_file(message, 'a.txt', b'a', 'text/plain')
    adas.move(message, phishing)
    args = {key: value.format(message=message.immutable_id) for key, value in more.items()}
    [entry] = instance.entries(command, **{name: in_form(path, phishing)}, **args)
    assert entry['Type'] != ERROR, entry['Contents']
    if command == 'msgraph-mail-list-emails':
        now = entry['EntryContext'].popitem()[1][0]['Subject']
        field_report('M20', f'list-emails folder_id={path}', 'Resource not found for the segment', f'Subject: {now}')
    if command == 'msgraph-mail-move-email':
        assert message.folder_id == phishing


@pytest.mark.parametrize('path', ['Junk Email', 'junk email', 'JunkEmail', 'junk-email', 'junkemail'])
def test_a_default_folder_may_be_named_as_outlook_shows_it(
    instance: Instance, adas: Mailbox, field_report: Report, path: str
) -> None:
    message = delivered(adas)
    instance.text('msgraph-mail-move-email', message_id=message.immutable_id, destination_folder_id=path)
    assert adas.is_in(message, 'junkemail')
    field_report('M20', f'move-email destination_folder_id="{path}"', 'Id is malformed', 'moved to Junk Email')


@pytest.mark.parametrize(
    'path',
    [
        *('Inbox/A\\/B', 'Inbox/Doe, Jane', 'inbox/doe, jane'),
        # as Outlook shows and copies paths
        *('Inbox\\Phishing', 'inbox\\A\\/B', '\\Inbox\\Phishing', '\\\\ada@contoso.example\\Inbox\\Phishing'),
    ],
)
def test_a_name_may_have_a_slash_or_a_comma(instance: Instance, phishing: str, path: str) -> None:
    assert instance.text('msgraph-mail-list-emails', folder_id=path) == 'No emails were found.'


@pytest.mark.parametrize('path', ['Nowhere', 'Inbox/Nowhere', 'Inbox/Phishing/Deeper', 'a,b', 'Phish*ng?'])
@pytest.mark.parametrize('command, name, more', OF_FOLDERS)
def test_a_folder_that_does_not_exist_is_an_error_that_names_the_argument(
    instance: Instance, phishing: str, command: str, name: str, more: dict[str, str], path: str
) -> None:
    error = instance.error(command, **{name: path}, **more)
    assert error.startswith("There is no folder '")
    assert error.endswith(f' Change {name}.')


@pytest.mark.parametrize('action', ['moveToFolder', 'copyToFolder'])
@pytest.mark.parametrize('path', ['Inbox/Phishing', 'inbox/phishing', '{id}'])
def test_a_rule_takes_the_path_of_a_folder(instance: Instance, phishing: str, action: str, path: str) -> None:
    actions = {action: in_form(path, phishing)}
    rule = instance.run('msgraph-mail-create-rule', display_name='x', actions=actions)['Contents']
    assert rule['actions'] == {action: phishing}


# endregion
# region M14: advice that follows from what was asked

NOT_FOUND = {'error': {'code': 'ErrorItemNotFound', 'message': 'The specified object was not found in the store.'}}
ACCESS = 'Check the address of the mailbox, and that this account may open it.'


@pytest.mark.parametrize(
    'command, args, advice',
    [
        ('msgraph-mail-list-emails', {'user_id': BOB}, ACCESS),
        ('msgraph-mail-list-emails', {'folder_id': 'Inbox'}, ACCESS),
        ('msgraph-mail-list-folders', {}, ACCESS),
        ('msgraph-mail-list-rules', {'user_id': BOB}, ACCESS),
        ('msgraph-mail-get-settings', {}, ACCESS),
        ('test-module', {}, ACCESS),
        ('msgraph-mail-get-email', {'message_id': 'AAMkAGVmMDEz'}, 'Check that message_id belongs to this mailbox.'),
        ('msgraph-mail-get-rule', {'rule_id': 'AQAAAJ5dZqA='}, 'Check that rule_id belongs to this mailbox.'),
        (
            'msgraph-mail-get-attachment',
            {'message_id': 'AAMkAGVmMDEz', 'attachment_id': 'AAMkAGVmMDEz'},
            'Check that message_id and attachment_id belong to this mailbox.',
        ),
    ],
)
def test_the_advice_names_what_was_given(
    instance: Instance, field_report: Report, command: str, args: dict[str, str], advice: str
) -> None:
    instance.cloud.faults.add(service='graph', status=404, body=NOT_FOUND, times=None)
    error = instance.error(command, **args)
    assert f' {advice}' in error
    told = error.partition('not found in the store. ')[2].partition(' Request ID')[0]
    field_report('M14', f'{command} {args} answered 404', 'Check that the ID belongs to this mailbox.', told)


@pytest.mark.parametrize(
    'body',
    [
        {'error': {'code': 'SearchEvents', 'message': 'The search failed.'}},
        '{"@odata.context":"x","value":[{"id":"a"},{"error":{"code":"SearchEvents","message":"The search failed."}}',
        '{"value":[{"id":"a","body":{"content":"{"}}{"error": {"code":"SearchEvents","message":"The search failed."}}',
        '{"value":[],"error":{"code":"SearchEvents","message":"The search failed."}',
        '{"error":{"code":"SearchEvents","message":"The search failed.","innerError":{"date":"x"}}}\n',
    ],
)
def test_an_error_inside_a_success_is_shown(instance: Instance, field_report: Report, body: Any) -> None:
    instance.cloud.faults.add(service='graph', status=200, body=body)
    error = instance.error('msgraph-mail-list-emails', search='invoice')
    assert error.startswith('Microsoft Graph refused the request: SearchEvents: The search failed.')
    assert 'proxy' not in error
    field_report('M14', f'$search answered 200 with {str(body)[:60]}', 'Check the proxy and the cloud setting.', error)


@pytest.mark.parametrize('body', ['{"value": [', '<html>', '{"note": "error"}', '{"error": "text"}', '[{"error":'])
def test_other_bodies_are_not_taken_for_errors_of_graph(instance: Instance, body: str) -> None:
    instance.cloud.faults.add(service='graph', status=200, body=body)
    assert 'Check the proxy and the cloud setting.' in instance.error('msgraph-mail-list-emails')


# endregion
# region M6: meeting requests

MEETING = {
    'id': 'AAMkAGVmMDEz',
    'subject': 'Sync',
    'from': {'emailAddress': {'name': 'Eve', 'address': EVE.address}},
    'body': {'contentType': 'html', 'content': '<p>Join us</p>'},
    'meetingMessageType': 'meetingRequest',
    'location': {'displayName': 'https://evil.example/join'},
    'startDateTime': {'dateTime': '2026-11-30T09:00:00.0000000', 'timeZone': 'UTC'},
    'endDateTime': {'dateTime': '2026-11-30T10:00:00.0000000', 'timeZone': 'UTC'},
}


@pytest.mark.parametrize('kind', ['eventMessageRequest', 'eventMessageResponse', 'eventMessage'])
@pytest.mark.parametrize(
    'more', [{}, {'location': None}, {'startDateTime': None, 'endDateTime': None}, {'from': None}, {'meetingMessageType': 'none'}]
)
def test_a_meeting_request_is_recognized(instance: Instance, field_report: Report, kind: str, more: dict[str, Any]) -> None:
    body = {**MEETING, **more, '@odata.type': f'#microsoft.graph.{kind}'}
    instance.cloud.faults.add(service='graph', path='/messages/AAMk', body=body, times=None)
    instance.cloud.faults.add(service='graph', path='/messages$', body={'value': [body]})
    [listed] = instance.context('msgraph-mail-list-emails')
    entry = instance.run('msgraph-mail-get-email', message_id='AAMkAGVmMDEz')
    email = next(iter(entry['EntryContext'].values()))
    assert listed['Kind'] == email['Kind'] == kind
    described = {
        one['contextPath'].rpartition('.')[2]
        for one in IN_YML['msgraph-mail-get-email']['outputs']
        if '.Meeting.' in one['contextPath']
    }
    assert set(email['Meeting']) == described
    if not more:
        assert email['Meeting'] == {
            'Type': 'meetingRequest',
            'Location': 'https://evil.example/join',
            'Organizer': EVE.address,
            'Start': '2026-11-30T09:00:00Z',
            'End': '2026-11-30T10:00:00Z',
        }
        assert '| Meeting Location | https\\[:\\]//evil.example/join |' in entry['HumanReadable']
    field_report(
        'M6', f'get-email of {kind} {list(more)}', 'neither kind nor link', f'{email["Kind"]}, {email["Meeting"]["Location"]}'
    )


# endregion
# region M8: a list comes without what cannot be had


@pytest.mark.parametrize('count, broken', [(1, {0}), (3, {1}), (5, {0, 4}), (25, {3, 24}), (4, {0, 1, 2, 3})])
def test_a_list_has_what_can_be_read(
    instance: Instance, adas: Mailbox, field_report: Report, count: int, broken: set[int]
) -> None:
    folder = adas.make_folder('Odd', adas.folder('inbox').folder_id).folder_id
    for number in range(count):
        message = delivered(adas, f'Mail {number}', html=f'<p>{number}</p>')
        adas.move(message, folder)
        if number in broken:
            message.broken.add('message')
    entry = instance.run('msgraph-mail-list-emails', folder_id=folder, page_size='1000')
    found = {one['Subject']: one.get('Body') for one in entry['EntryContext'].popitem()[1]}
    assert found == {f'Mail {number}': None if number in broken else f'<p>{number}</p>' for number in range(count)}
    told = re.findall(r'Only a part of this email could be read: (Mail \d+)\. ', entry['HumanReadable'])
    assert sorted(told) == sorted(f'Mail {number}' for number in broken)
    now = f'{len(found)} listed, {len(told)} of them named as incomplete'
    field_report('M8', f'list-emails of {count}, of which {len(broken)} cannot be read', 'the whole list fails', now)


@pytest.mark.parametrize('odata', ['', '$select=subject,body', '$select=subject,from,uniqueBody'])
def test_later_pages_have_bodies_again(instance: Instance, adas: Mailbox, odata: str) -> None:
    folder = adas.make_folder('Odd').folder_id
    messages = [delivered(adas, f'Mail {number}', html=f'<p>{number}</p>') for number in range(6)]
    for message in messages:
        adas.move(message, folder)
    messages[5].broken.add('message')  # on the first page, since lists begin with the newest
    *first, link = instance.context('msgraph-mail-list-emails', folder_id=folder, page_size='2', odata=odata)
    *rest, end = instance.context('msgraph-mail-list-emails', next_page=link['NextPage'], pages_to_pull='3')
    assert end == {'NextPage': ''}
    assert [one['Subject'] for one in first + rest] == [f'Mail {number}' for number in (5, 4, 3, 2, 1, 0)]
    if 'uniqueBody' not in odata:
        assert [one.get('Body') for one in first + rest] == [None, *(f'<p>{number}</p>' for number in (4, 3, 2, 1, 0))]


# endregion
# region M11: what the body names is inline


@pytest.mark.parametrize(
    'html, content_id, is_inline',
    [
        ('<img src="cid:logo">', 'logo', True),
        ("<img src='cid:logo@x'>", 'logo@x', True),
        ('<img src=cid:logo>', 'logo', True),
        ('<td background="CID:Logo">', 'logo', True),
        ('<img src="cid:a%20b">', 'a b', True),
        ('<img src="cid:logo2">', 'logo', False),
        ('<p>logo</p>', 'logo', False),
    ],
)
def test_an_attachment_that_the_body_names_is_inline(
    instance: Instance, adas: Mailbox, field_report: Report, html: str, content_id: str, is_inline: bool
) -> None:
    message = delivered(adas, html=html)
    adas.attach_file(message, 'logo.png', b'PNG', 'image/png', content_id=content_id, is_inline=False)
    [row] = instance.context('msgraph-mail-list-attachments', message_id=message.immutable_id)['Attachment']
    assert row['IsInline'] is is_inline
    field_report('M11', f'list-attachments, {html} and isInline: false', 'IsInline: False', f'IsInline: {row["IsInline"]}')


# endregion
# region M21: what a list shows


def table(readable: str) -> list[dict[str, str]]:
    """Return the rows of a table in Markdown."""
    lines = [line.strip('|').split('|') for line in readable.splitlines() if line.startswith('|')]
    return [dict(zip((name.strip() for name in lines[0]), (cell.strip() for cell in row), strict=True)) for row in lines[2:]]


@pytest.mark.parametrize('folder', ['Inbox', 'Archive', 'Junk Email', 'Team', 'Projekte'])
def test_a_list_shows_folder_and_read_state(instance: Instance, adas: Mailbox, field_report: Report, folder: str) -> None:
    if folder in ('Team', 'Projekte'):
        adas.make_folder(folder)
    message = delivered(adas, 'Where?', is_read=True)
    folder_id = instance.run('msgraph-mail-list-folders', limit='50')['Contents']
    message = adas.move(message, next(one['id'] for one in folder_id if one['displayName'] == folder))
    entry = instance.run('msgraph-mail-list-emails', page_size='1', odata="$filter=subject eq 'Where?'")
    [row] = table(entry['HumanReadable'])
    assert (row['Folder'], row['Is Read']) == (folder, 'true')
    [context] = entry['EntryContext'].popitem()[1]
    assert (context['FolderID'], context['IsRead']) == (message.folder_id, True)
    now = f'Folder: {row["Folder"]}, Is Read: {row["Is Read"]}'
    field_report('M21', f'list-emails with an email in {folder}', 'neither folder nor read state', now)


@pytest.mark.parametrize(
    'args', [{}, {'page_size': '3'}, {'folder_id': 'inbox'}, {'user_id': BOB}, {'limit': '7', 'user_id': BOB}]
)
def test_a_list_ends_with_the_command_for_the_next_page(instance: Instance, field_report: Report, args: dict[str, str]) -> None:
    entry = instance.run('msgraph-mail-list-emails', **args)
    command, options = re.fullmatch(r'Next page: `!(\S+) (.*)`', entry['HumanReadable'].splitlines()[-1]).groups()  # type: ignore[union-attr]
    following = instance.context(command, **dict(re.findall(r'(\w+)="([^"]*)"', options)))
    emails = next(iter(entry['EntryContext'].values()))
    assert emails
    assert following
    assert not {one['ID'] for one in following if 'ID' in one} & {one['ID'] for one in emails}
    field_report('M21', f'list-emails {args}', 'not how to get the next page', f'!{command} {options[:30]}...')


def test_one_email_is_shown_as_property_and_value_with_its_text(instance: Instance, adas: Mailbox, field_report: Report) -> None:
    message = delivered(adas, html='<p>First line</p><p>Second <b>line</b></p>', cc=[EmailAddress('Zoë', 'zoe@partner.example')])
    shown = instance.text('msgraph-mail-get-email', message_id=message.internet_message_id)
    rows = {row['Property']: row['Value'] for row in table(shown)}
    assert (rows['Subject'], rows['CC Recipients'], rows['Is Read']) == ('Hello', 'Zoë \\<zoe@partner.example\\>', 'false')
    assert shown.endswith('|\n\nFirst line\nSecond line')
    field_report(
        'M21', 'get-email', 'one wide row', f'{len(rows)} properties, then the text of {len(shown.splitlines()[-2:])} lines'
    )


@pytest.mark.parametrize('html', ['<p>' + 'x' * 30_000 + '</p>', '<p>word </p>' * 30_000])
def test_a_long_text_is_shortened_and_says_so(instance: Instance, adas: Mailbox, html: str) -> None:
    message = delivered(adas, html=html)
    entry = instance.run('msgraph-mail-get-email', message_id=message.immutable_id)
    assert entry['HumanReadable'].endswith('\n\n(The rest of the text is in the context.)')
    assert len(entry['HumanReadable']) < 25_000
    assert next(iter(entry['EntryContext'].values()))['Body'] == html


def test_settings_are_shown_as_property_and_value(instance: Instance, field_report: Report) -> None:
    rows = {row['Property']: row['Value'] for row in table(instance.text('msgraph-mail-get-settings'))}
    assert rows['Time Zone'] == 'UTC'
    field_report('M21', 'get-settings', 'one wide row', f'{len(rows)} rows of property and value')


# endregion


def test_a_file_of_an_email_has_a_name_of_which_the_system_takes_any(instance: Instance, adas: Mailbox) -> None:
    message = delivered(adas)
    entry = instance.run('msgraph-mail-get-email-as-eml', message_id=message.internet_message_id)
    assert entry['File'] == f'{message.subject}.eml'
    assert os.path.getsize(f'1_{entry["FileID"]}') > 0
