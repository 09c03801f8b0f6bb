"""Drafts that a person approves before they are sent: replies, forwarded emails, changes, attachments."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from MicrosoftGraphMailSendApiModule import OutgoingMail, above_quote
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Message
from sandbox.tests.machine import limit

instance = instances.instance
ZOE = 'zoe@partner.example'
FILES = {'1@7': ('plan.pdf', b'%PDF plan'), '2@7': ('big.bin', bytes(range(256)) * 16_000)}


@pytest.fixture(autouse=True)
def war_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def path_of(entry_id: str) -> dict[str, str]:
        name, content = FILES[entry_id]
        (tmp_path / name).write_bytes(content)
        return {'path': str(tmp_path / name), 'name': name}

    monkeypatch.setattr(demisto, 'getFilePath', path_of)


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


@pytest.fixture
def question(adas: Mailbox) -> Message:
    message = adas.deliver(
        Message(
            'Status?',
            EmailAddress('Bob', BOB),
            adas.now(),
            html='<p>How is it?</p><img src="cid:logo">',
            to=[adas.owner, EmailAddress('Zoë', ZOE)],
        )
    )
    adas.attach_file(message, 'logo.png', b'PNG', 'image/png', content_id='logo')
    adas.attach_file(message, 'notes.txt', b'notes', 'text/plain')
    return message


def draft_of(adas: Mailbox, outputs: dict[str, Any]) -> Message:
    draft = adas.message(outputs['ID'])
    assert draft
    assert draft.is_draft
    return draft


def names(draft: Message) -> list[str | None]:
    return [one.name for one in draft.attachments if isinstance(one, FileAttachment)]


def sent_count(adas: Mailbox) -> int:
    found = adas.folder('sentitems')
    assert found
    return len(adas.messages(found.folder_id))


# region replies


@pytest.mark.parametrize('named_by', ['id', 'Message-ID'])
@pytest.mark.parametrize(
    'args, recipients, subject, files',
    [
        ({'reply_to_id': '{q}'}, {BOB}, 'RE: Status?', ['logo.png']),
        ({'reply_to_id': '{q}', 'reply_all': 'true'}, {BOB, ZOE}, 'RE: Status?', ['logo.png']),
        ({'forward_id': '{q}'}, set(), 'FW: Status?', ['logo.png', 'notes.txt']),
        ({'forward_id': '{q}', 'to': f'Zoë <{ZOE}>'}, {ZOE}, 'FW: Status?', ['logo.png', 'notes.txt']),
        ({'reply_to_id': '{q}', 'to': ZOE, 'subject': 'Mine'}, {ZOE}, 'Mine', ['logo.png']),
    ],
)
@pytest.mark.parametrize(
    'body', [{'body': 'a < b\nc'}, {'htmlBody': '<html><body class="x"><p>a &lt; b<br>c</p></body></html>'}, {}]
)
def test_a_reply_waits_as_a_draft_with_the_quoted_email(
    instance: Instance,
    adas: Mailbox,
    question: Message,
    args: dict[str, str],
    recipients: set[str],
    subject: str,
    files: list[str],
    body: dict[str, str],
    named_by: str,
) -> None:
    name = question.immutable_id if named_by == 'id' else question.internet_message_id
    outputs = instance.context('msgraph-mail-create-draft', **{key: value.format(q=name) for key, value in args.items()}, **body)
    draft = draft_of(adas, outputs)
    assert ({one.address for one in draft.recipients}, draft.subject) == (recipients, subject)
    assert draft.conversation_id == question.conversation_id
    assert 'How is it?' in draft.html
    if body:
        assert draft.html.index('a &lt; b') < draft.html.index('How is it?')
        assert draft.html.lower().count('<body') == 1
        assert outputs['Body'] == draft.html
    assert set(names(draft)) >= set(files) - {'logo.png'}
    assert sent_count(adas) == 0


def test_a_reply_draft_has_files_and_is_sent_after_its_approval(instance: Instance, adas: Mailbox, question: Message) -> None:
    outputs = instance.context(
        'msgraph-mail-create-draft', reply_to_id=question.immutable_id, htmlBody='<p>See.</p>', attach_ids='1@7,2@7'
    )
    assert names(draft_of(adas, outputs))[-2:] == ['plan.pdf', 'big.bin']
    instance.text('msgraph-mail-send-draft', draft_id=outputs['ID'])
    assert sent_count(adas) == 1


LONG = [
    '<body ' * 100_000,
    '<body>' * 100_000,
    '<' * 500_000,
    '<style' * 100_000,
    '<style>' * 100_000,
    '<style></style' * 50_000 + '<body>',
    '<style>' * 100_000 + '</style>' + '<body>',
    '<!--' * 100_000 + '<body>',
    '<!---->' * 50_000 + '<style>' * 50_000 + '<body>',
    '</head ' * 100_000,
    f'<style></style{" " * 500_000}<body>',
    f'<body style="{"x" * 500_000}>',
    '<body "' * 100_000,
]


@pytest.mark.parametrize('html', [*LONG, 'no body', '<BODY\nclass=x>old</BODY>'])
def test_a_text_is_above_any_html(html: str) -> None:
    started = time.process_time()
    assert '<div>new</div>' in above_quote(html, OutgoingMail(text='new'))
    assert '<div' in above_quote('<body>old</body>', OutgoingMail(html=html))
    assert time.process_time() - started < limit(0.5)


MSO = '<!--[if mso]><style>td {padding: 0}</style><![endif]-->'
STYLES = '<STYLE type="text/css"><!-- .x {color: red} a > b {} --></STYLE >'


@pytest.mark.parametrize(
    'head, body, styles, start',
    [
        (
            f'<head><title>No</title>{STYLES}</head>',
            '<body style="font-family: \'Arial\'">',
            STYLES,
            '<div style="font-family: \'Arial\'">',
        ),
        (
            f'<!doctype html>{STYLES}<meta charset="x">{MSO}',
            '<BODY dir=rtl class="x"\nlang=he>',
            STYLES + MSO,
            '<div dir=rtl class="x"\nlang=he>',
        ),
        ('<style>.a {}</style><style>.b {', '<body>', '<style>.a {}</style>', '<div>'),
        ('<head><!-- <style>', '<body>', '', '<div>'),
        ('', '<body>', '', '<div>'),
    ],
)
@pytest.mark.parametrize(
    'quote, before, after',
    [
        (
            '<html><head><style>p {}</style></head><body class="q">old</body></html>',
            '<html><head><style>p {}</style>',
            '</head><body class="q">',
        ),
        ('<HTML><BODY>old <head></head></BODY></HTML>', '<HTML>', '<BODY>'),
        ('old', '', ''),
    ],
)
def test_a_text_above_a_quote_keeps_its_styles(
    head: str, body: str, styles: str, start: str, quote: str, before: str, after: str
) -> None:
    html = above_quote(quote, OutgoingMail(html=f'<html>{head}{body}<p class="x">new</p></body></html>'))
    own = f'{before}{styles}{after}{start}<p class="x">new</p></div>'
    assert html == own + quote.removeprefix(before + after)


def test_a_reply_draft_keeps_its_styles(instance: Instance, adas: Mailbox, question: Message) -> None:
    html = f'<html><head>{STYLES}</head><body style="color: red"><p class="x">new</p></body></html>'
    draft = draft_of(adas, instance.context('msgraph-mail-create-draft', reply_to_id=question.immutable_id, htmlBody=html))
    assert draft.html.index(STYLES) < draft.html.index('<div style="color: red"><p class="x">new</p></div>')
    assert 'How is it?' in draft.html


@pytest.mark.parametrize(
    'args, sentence',
    [
        ({}, 'The argument subject is empty. Enter a subject, or reply_to_id or forward_id.'),
        (
            {'subject': 'x', 'reply_all': 'true'},
            'Use either reply_to_id or forward_id. reply_all requires reply_to_id.',
        ),
        (
            {'reply_to_id': 'x', 'forward_id': 'y'},
            'Use either reply_to_id or forward_id. reply_all requires reply_to_id.',
        ),
        (
            {'forward_id': 'x', 'reply_all': 'true'},
            'Use either reply_to_id or forward_id. reply_all requires reply_to_id.',
        ),
        ({'reply_to_id': 'x', 'reply_all': 'maybe'}, "'maybe' is neither true nor false. Change reply_all."),
    ],
)
def test_contradictions_are_refused_before_a_request(instance: Instance, args: dict[str, str], sentence: str) -> None:
    assert instance.error('msgraph-mail-create-draft', **args) == sentence
    assert instance.requests('graph') == []


def test_the_advice_names_the_email_that_is_answered(instance: Instance) -> None:
    error = instance.error('msgraph-mail-create-draft', reply_to_id='AAMkAGVmMDEz', body='x')
    assert 'Check that reply_to_id belongs to this mailbox.' in error


@pytest.mark.parametrize('path', ['createReply', '/messages/[^/]+$', 'attachments'])
def test_a_throttled_reply_draft_resumes_without_a_second_draft(
    instance: Instance, adas: Mailbox, question: Message, path: str
) -> None:
    instance.cloud.faults.add(service='graph', path=path, status=429, headers={'Retry-After': '120'})
    args = {'reply_to_id': question.immutable_id, 'body': 'once only', 'attach_ids': '1@7'}
    entry = instance.run('msgraph-mail-create-draft', **args)
    assert entry['PollingArgs']['resume_run'] == '2'
    draft = draft_of(adas, instance.context('msgraph-mail-create-draft', **entry['PollingArgs']))
    assert (draft.html.count('once only'), names(draft).count('plan.pdf')) == (1, 1)
    folder = adas.folder('drafts')
    assert folder
    assert len(adas.messages(folder.folder_id)) == 1


@pytest.mark.parametrize('status', [429, 504])
@pytest.mark.parametrize(
    'body',
    [
        {'body': 'once  only\n<b>'},
        {'htmlBody': '<p>once only</p>'},
        {'htmlBody': '<img alt="once only" src="data:image/png;base64,UE5H">'},
        {'body': 'once only ' * 500},
    ],
)
@pytest.mark.parametrize('done', [True, False])
def test_a_later_run_writes_the_text_once(
    instance: Instance, adas: Mailbox, question: Message, status: int, body: dict[str, str], done: bool
) -> None:
    instance.cloud.faults.add(
        service='graph', path='/messages/[^/]+$', method='PATCH', status=status, headers={'Retry-After': '120'}, done=done
    )
    entry = instance.run('msgraph-mail-create-draft', reply_to_id=question.immutable_id, **body)
    instance.text('msgraph-mail-create-draft', **entry['PollingArgs'])
    [draft] = adas.messages(adas.folder('drafts').folder_id)  # type: ignore[union-attr]
    assert len(re.findall(r'once\s+only', draft.html)) == (500 if len(body.get('body', '')) > 500 else 1)
    assert 'How is it?' in draft.html


def shown_body(entries: list[dict[str, Any]]) -> str:
    assert entries[1]['ContentsFormat'] == 'html'
    return str(entries[1]['Contents'])


@pytest.mark.parametrize('name', ['reply_to_id', 'forward_id'])
@pytest.mark.parametrize('body', [{'body': 'a\n<b@x>'}, {'htmlBody': 'a<br>\n&lt;b@x&gt;'}])
def test_the_rendered_body_of_a_reply_is_without_the_quoted_email(
    instance: Instance, adas: Mailbox, name: str, body: dict[str, str]
) -> None:
    """Its images and links are those of its sender: they must not be loaded in the War Room."""
    mail = Message(
        'Pay',
        EmailAddress('Eve', 'eve@partner.example'),
        adas.now(),
        html='<img src="http://evil.example/1.png">',
        to=[adas.owner],
    )
    question = adas.deliver(mail)
    entries = instance.entries('msgraph-mail-create-draft', to=BOB, renderBody='true', **{name: question.immutable_id}, **body)
    assert shown_body(entries) == 'a<br>\n&lt;b@x&gt;'
    assert 'evil.example' in adas.messages(adas.folder('drafts').folder_id)[0].html  # type: ignore[union-attr]


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-create-draft'])
@pytest.mark.parametrize(
    'body, shown',
    [
        ({'body': 'Bob <bob@x>\n<img src=http://evil.example/>'}, 'Bob &lt;bob@x&gt;<br>\n&lt;img src=http://evil.example/&gt;'),
        ({'body': 'a', 'htmlBody': '<p>b</p>'}, '<p>b</p>'),
        ({'htmlBody': '<p>b</p>'}, '<p>b</p>'),
        ({}, ''),
    ],
)
def test_a_text_is_rendered_as_text(instance: Instance, command: str, body: dict[str, str], shown: str) -> None:
    assert shown_body(instance.entries(command, to=BOB, subject='Plan', renderBody='true', **body)) == shown


# endregion
# region changes


@pytest.fixture
def draft_id(instance: Instance) -> str:
    return str(
        instance.context('msgraph-mail-create-draft', to=BOB, subject='Plan', htmlBody='<p>Old</p>', attach_ids='1@7')['ID']
    )


CHANGES: list[tuple[dict[str, Any], Callable[[Message], Any], Any]] = [
    ({'subject': 'New'}, lambda draft: draft.subject, 'New'),
    ({'to': f'Zoë <{ZOE}>'}, lambda draft: [(one.name, one.address) for one in draft.to], [('Zoë', ZOE)]),
    ({'cc': ZOE}, lambda draft: [one.address for one in draft.cc], [ZOE]),
    ({'bcc': ZOE}, lambda draft: [one.address for one in draft.bcc], [ZOE]),
    ({'replyTo': ZOE}, lambda draft: [one.address for one in draft.reply_to], [ZOE]),
    ({'body': 'New'}, lambda draft: draft.text, 'New'),
    ({'htmlBody': '<p>New</p>'}, lambda draft: draft.html, '<p>New</p>'),
    ({'body': 'New', 'htmlBody': '<p>New</p>'}, lambda draft: draft.html, '<p>New</p>'),
    ({'body': '<p>New</p>', 'body_type': 'HTML'}, lambda draft: draft.html, '<p>New</p>'),
    ({'importance': 'High'}, lambda draft: draft.importance, 'high'),
    ({'flag': 'flagged'}, lambda draft: draft.flag.status, 'flagged'),
    ({'htmlBody': '<img src="data:image/png;base64,UE5H">'}, lambda draft: len(draft.attachments), 2),
]


@pytest.mark.parametrize('args, value, expected', CHANGES)
def test_a_draft_is_changed_and_keeps_the_rest(
    instance: Instance, adas: Mailbox, draft_id: str, args: dict[str, Any], value: Callable[[Message], Any], expected: Any
) -> None:
    draft = draft_of(adas, instance.context('msgraph-mail-update-draft', draft_id=draft_id, **args))
    assert value(draft) == expected
    if 'subject' not in args:
        assert draft.subject == 'Plan'
    if 'to' not in args:
        assert [one.address for one in draft.to] == [BOB]
    assert 'plan.pdf' in names(draft)


@pytest.mark.parametrize(
    'args, sentence',
    [
        ({}, 'There is nothing to change. Enter at least one property of the draft.'),
        ({'to': 'bob'}, "'bob' is not an email address. Write to as bob@example.com, or Bob <bob@example.com>."),
        ({'importance': 'urgent'}, "'urgent' is not one of Low, Normal, High. Change importance."),
    ],
)
def test_a_change_that_is_not_valid_is_refused(instance: Instance, args: dict[str, str], sentence: str) -> None:
    assert instance.error('msgraph-mail-update-draft', draft_id='x', **args) == sentence
    assert instance.requests('graph') == []


@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-update-draft', {'importance': 'High'}),
        ('msgraph-mail-add-draft-attachment', {'attach_ids': '1@7'}),
        ('msgraph-mail-remove-draft-attachment', {'attachment_id': '{attachment}'}),
    ],
)
def test_an_email_that_is_not_a_draft_is_not_changed(
    instance: Instance, question: Message, command: str, args: dict[str, str]
) -> None:
    attachment = question.attachment_id(question.attachments[0], immutable=True)
    filled = {name: value.format(attachment=attachment) for name, value in args.items()}
    before = question.change_key
    error = instance.error(command, draft_id=question.immutable_id, **filled)
    assert error == 'The email is not a draft: it may have been sent already. Check draft_id.'
    assert (question.change_key, len(question.attachments)) == (before, 2)


# endregion
# region attachments


@pytest.mark.parametrize('file', ['1@7', '2@7'])
def test_a_file_is_added_and_removed(instance: Instance, adas: Mailbox, draft_id: str, file: str) -> None:
    outputs = instance.context('msgraph-mail-add-draft-attachment', draft_id=draft_id, attach_ids=file, attach_names='new.x')
    draft = draft_of(adas, outputs)
    assert names(draft) == ['plan.pdf', 'new.x']
    listed = instance.context('msgraph-mail-list-attachments', message_id=draft_id)['Attachment']
    removed = instance.context('msgraph-mail-remove-draft-attachment', draft_id=draft_id, attachment_id=listed[0]['ID'])
    assert removed == {'ID': draft_id, 'RemovedAttachmentID': listed[0]['ID']}
    assert names(draft) == ['new.x']


def test_a_throttled_attachment_is_added_once(instance: Instance, adas: Mailbox, draft_id: str) -> None:
    instance.cloud.faults.add(service='graph', path='attachments', method='POST', status=429, headers={'Retry-After': '120'})
    entry = instance.run('msgraph-mail-add-draft-attachment', draft_id=draft_id, attach_ids='1@7,2@7')
    draft = draft_of(adas, instance.context('msgraph-mail-add-draft-attachment', **entry['PollingArgs']))
    assert names(draft) == ['plan.pdf', 'plan.pdf', 'big.bin']


@pytest.mark.parametrize('method', ['POST', 'DELETE'])
def test_a_lost_response_changes_an_attachment_once(instance: Instance, adas: Mailbox, draft_id: str, method: str) -> None:
    attachment = instance.context('msgraph-mail-list-attachments', message_id=draft_id)['Attachment'][0]['ID']
    instance.cloud.faults.add(service='graph', path='attachments', method=method, reset_mid_body=True)
    if method == 'POST':
        instance.text('msgraph-mail-add-draft-attachment', draft_id=draft_id, attach_ids='2@7')
    else:
        instance.text('msgraph-mail-remove-draft-attachment', draft_id=draft_id, attachment_id=attachment)
    assert names(draft_of(adas, {'ID': draft_id})) == (['plan.pdf', 'big.bin'] if method == 'POST' else [])


def test_an_attachment_that_does_not_exist_is_an_error(instance: Instance, draft_id: str) -> None:
    error = instance.error('msgraph-mail-remove-draft-attachment', draft_id=draft_id, attachment_id='AAMkAGVmMDEz')
    assert 'Check that draft_id and attachment_id belong to this mailbox.' in error


def test_a_file_is_needed(instance: Instance) -> None:
    error = instance.error('msgraph-mail-add-draft-attachment', draft_id='x', attach_ids='')
    assert error == 'There is no file to attach. Enter its entry ID in attach_ids, or its name in transientFile.'
    assert instance.requests('graph') == []


# endregion
# region success without content


@pytest.mark.parametrize('fault', [{'status': 204, 'body': ''}, {'status': 200, 'body': {}}, {'status': 202, 'body': ''}])
@pytest.mark.parametrize('method', ['GET', 'PATCH'])
@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-update-draft', {'draft_id': '{draft}', 'subject': 'x'}),
        ('msgraph-mail-create-draft', {'reply_to_id': '{question}', 'body': 'x'}),
    ],
)
def test_a_success_without_the_draft_is_an_error(
    instance: Instance,
    question: Message,
    draft_id: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    method: str,
    command: str,
    args: dict[str, str],
) -> None:
    monkeypatch.setattr('MicrosoftCoreApiModule.SystemClock.sleep', lambda *_: None)
    known = {'draft': draft_id, 'question': question.immutable_id}
    instance.cloud.faults.add(service='graph', method=method, path='/messages/[^/]+$', times=None, **fault)
    error = instance.error(command, **{name: value.format(**known) for name, value in args.items()})
    assert 'an incomplete response' in error or 'did not confirm that the object was changed' in error


# endregion
