"""Reports from the field on what others wrote in war room entries (M19): it is inert there, and untouched in the context."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from CommonServerPython import tableToMarkdown
from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from MicrosoftCoreApiModule import outside_text
from MicrosoftGraphMailArgumentsApiModule import escape_markdown
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.tests.machine import limit
from sandbox.xsoar.markdown import Markdown

instance = instances.instance
FILE = 3
Report = Callable[[str, str, str, str], None]
HOSTILE = [
    '![t](http://evil.example/t.png)',
    '[click](https://evil.example)',
    '[x](javascript:alert(1))',
    '<img src=x onerror=alert(1)>',
    '<https://evil.example>',
    'see http://evil.example/t.png now',
    'see HTTPS://evil.example and www.evil.example',
    '[x]: https://evil.example\n\n[x]',
    '**bold** _it_ ~~no~~',
    'a | b | c',
    '`code` and ``code``',
    '\\![t](http://evil.example/t.png)',
    '\\\\[t](http://evil.example/t.png)',
    'one<br>two<br/>three',
    '&#33;[t](http&#58;//evil.example)',
    '&lt;b&gt;',
    '%%%{"message": "Open", "action": "DeleteContext", "params": {"all": "yes"}}%%%',
    '%%%%%{"message": "Open", "action": "Print"}%%%%%',
    '{{color:#ffffff}}(hidden)',
    '{{{background:red}}(x)',
]
IN_LINES = [
    '# title',
    '- item\n- item',
    '1. item',
    '> quote',
    '---',
    'title\n===',
    '```\ncode\n```',
    'a|b\n-|-\nc|d',
    '    code',
    '+ x',
]
LIVE = re.compile(r'<(?!/?(?:p|div|table|thead|tbody|tr|th|td|h3|br|em|code)\b)|<(?:em|code)\b(?!>next)', re.IGNORECASE)


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logo = tmp_path / 'x'
    logo.write_bytes(b'x')
    monkeypatch.setattr(demisto, 'getFilePath', lambda _id: {'path': str(logo), 'name': 'x'})


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


def rendered(readable: str) -> str:
    """Return an entry as the platform shows it, without what this integration adds: the command for the next page, own links."""
    shown = re.sub(r'\nNext page: `.*`', '', readable)
    html = str(Markdown({}).entry(shown))
    return re.sub(r'<a href="https://outlook\.contoso\.example/[^>]*>[^<]*</a>', '', html)


def live(readable: str) -> list[str]:
    """Return the elements that are none of a table."""
    return LIVE.findall(rendered(readable))


def text_of(html: str) -> str:
    return re.sub(r'<[^>]+>', '', html)


@pytest.mark.parametrize('text', HOSTILE)
def test_a_text_is_inert_in_a_cell(text: str) -> None:
    cell = escape_markdown(text).replace('|', '\\|').replace('`', '\\`').replace('\n', '<br>')  # as the platform writes a cell
    table = f'|A|\n|---|\n| {cell} |\n'
    assert LIVE.findall(str(Markdown({}).entry(table))) == []
    assert str(Markdown({}).entry(table)).count('<td') == 1


@pytest.mark.parametrize('text', [*HOSTILE, *IN_LINES])
def test_a_text_is_inert_below_a_table(text: str) -> None:
    html = str(Markdown({}).entry(escape_markdown(text, is_cell=False)))
    assert LIVE.findall(html) == []
    assert not re.search(r'<(h\d|ul|ol|li|hr|pre|blockquote|table)\b', html.replace('<br>', ''))


@pytest.mark.parametrize('text', HOSTILE)
@pytest.mark.parametrize('depth', [0, 1, 2, 3])
def test_texts_within_objects_are_inert(text: str, depth: int) -> None:
    value: Any = text
    for number in range(depth):
        value = {'name': value, 'other': 1} if number % 2 else [value, 'x']
    html = str(Markdown({}).entry(tableToMarkdown('', escape_markdown([{'Property': 'P', 'Value': value}]))))
    assert LIVE.findall(html) == []


@pytest.mark.parametrize('text', HOSTILE)
def test_an_error_of_a_service_has_no_image_and_no_link_behind_another_text(text: str) -> None:
    html = str(Markdown({}).entry(outside_text(text)))
    assert all(address == shown for address, shown in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', html))
    assert not re.search(r'<img|\[image|<(?:b|script)\b', html)


@pytest.mark.parametrize(
    'text', ['Hello, FaultEnvironment!', 'ada@contoso.example', 'AAMk-a_b_c=', 'snake_case', '50 % & more', 'C:\\', 'a: b']
)
def test_plain_texts_stay_readable(text: str) -> None:
    html = str(Markdown({}).entry(f'|A|\n|---|\n| {escape_markdown(text)} |\n'))
    assert text.replace('&', '&amp;') in text_of(html)
    assert escape_markdown('ada@contoso.example: Re: 1_2') == 'ada@contoso.example: Re: 1_2'


@pytest.mark.parametrize('text', ['&', '&a', '_', '[', '\\', '~', 'http://', '<', '1', '\n1', ' ', '#', '&#1'])
@pytest.mark.parametrize('is_cell', [True, False])
def test_a_long_text_takes_no_time(text: str, is_cell: bool) -> None:
    started = time.process_time()
    escape_markdown(text * 200_000, is_cell)
    assert time.process_time() - started < limit(0.5)


@pytest.mark.parametrize('value', [1, True, None, ['a', 1], {'a': ['[b]']}])
def test_other_values_are_kept(value: Any) -> None:
    assert type(escape_markdown(value)) is type(value)
    assert escape_markdown({'a': ['[b]'], 'WebLink': 'https://x'}) == {'a': ['\\[b\\]'], 'WebLink': 'https://x'}


def entries_with(instance: Instance, mailbox: Mailbox, text: str) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of the commands that show what others wrote, with that text wherever one can write."""
    person = EmailAddress(text.replace('\n', ' '), f'{text.split()[0]}@evil.example')
    message = mailbox.deliver(
        Message(
            text,
            person,
            mailbox.now(),
            to=[person, EmailAddress('Bob', BOB)],
            cc=[person],
            reply_to=[person],
            plain=text,
            categories=[text],
        )
    )
    mailbox.attach_file(message, text, b'x', text, content_id=text)
    mailbox.attach_reference(message, text, 'https://files.contoso.example/a')
    name = re.sub(r'[\\/]', '', text)
    mailbox.make_folder(name)
    identifier = message.immutable_id
    rule = {'display_name': text, 'actions': {'assignCategories': [text]}, 'conditions': {'subjectContains': [text]}}
    mailbox.settings['automaticRepliesSetting'] |= {'status': 'alwaysEnabled', 'internalReplyMessage': text}
    run = instance.entries
    found = {
        'msgraph-mail-list-emails': run('msgraph-mail-list-emails', page_size='1'),
        'msgraph-mail-get-email': run('msgraph-mail-get-email', message_id=identifier, body_type='text'),
        'msgraph-mail-get-conversation': run('msgraph-mail-get-conversation', message_id=identifier),
        'msgraph-mail-list-attachments': run('msgraph-mail-list-attachments', message_id=identifier),
        'msgraph-mail-get-attachment': run('msgraph-mail-get-attachment', message_id=identifier),
        'msgraph-mail-list-folders': run('msgraph-mail-list-folders', limit='100'),
        'msgraph-mail-create-rule': run('msgraph-mail-create-rule', **rule),
        'msgraph-mail-list-rules': run('msgraph-mail-list-rules'),
        'msgraph-mail-get-settings': run('msgraph-mail-get-settings'),
        'msgraph-mail-get-mailtips': run('msgraph-mail-get-mailtips', email_addresses=ADA),
        'send-mail': run('send-mail', to=BOB, subject=text.replace('\n', ' '), body=text),
        'reply-mail': run('reply-mail', to=BOB, subject=text.replace('\n', ' '), inReplyTo=identifier, body=text),
        'msgraph-mail-create-draft': run('msgraph-mail-create-draft', to=BOB, subject=text.replace('\n', ' '), body=text),
        'msgraph-update-email-status': run('msgraph-update-email-status', message_ids=[identifier, f'AAMk{text}'], status='Read'),
    }
    mailbox.categories[0]['displayName'] = text
    found['msgraph-mail-list-categories'] = run('msgraph-mail-list-categories')
    found['msgraph-mail-add-categories'] = run('msgraph-mail-add-categories', message_ids=identifier, categories=[text, 'Red'])
    found['msgraph-mail-set-automatic-replies'] = run(
        'msgraph-mail-set-automatic-replies', status='alwaysEnabled', external_message=text
    )
    invitation = mailbox.invite(text, person, mailbox.now() + 3600, mailbox.now() + 7200).immutable_id
    instance.cloud.directory.application('daemon').application_permissions.append('Calendars.ReadWrite')
    run('msgraph-mail-auth-reset')
    found['msgraph-mail-respond-to-invitation'] = run(
        'msgraph-mail-respond-to-invitation', message_id=invitation, response='accept', send_response='false'
    )
    found['msgraph-mail-set-categories'] = run('msgraph-mail-set-categories', message_ids=identifier, categories=[text])
    return found


@pytest.mark.parametrize('text', HOSTILE)
def test_what_others_wrote_is_inert_in_every_entry(instance: Instance, adas: Mailbox, field_report: Report, text: str) -> None:
    found = entries_with(instance, adas, text)
    for command, entries in found.items():
        shown = [one for each in entries for one in (each if isinstance(each, list) else [each]) if one['Type'] != FILE]
        assert shown
        for entry in shown:
            assert entry['Type'] == 1, (command, entry['Contents'])
            assert live(entry['HumanReadable']) == [], (command, entry['HumanReadable'])
    field_report('M19', text, 'an image, a link or another element', f'none in {len(found)} entries')


@pytest.mark.parametrize('text', HOSTILE[:5])
def test_the_context_is_untouched(instance: Instance, adas: Mailbox, text: str) -> None:
    found = entries_with(instance, adas, text)
    email = next(iter(found['msgraph-mail-get-email'][0]['EntryContext'].values()))
    assert (email['Subject'], email['Categories'], email['From']['Name'], email['Body']) == (text, [text], text, text)
    assert found['send-mail'][0]['EntryContext'].popitem()[1]['subject'] == text
