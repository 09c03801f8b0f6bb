"""A text that is too large for a request is refused by its name, wherever it is written."""

import itertools
from typing import Any

import pytest

from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import instance, question, war_room
from conformance.unified.instances import BOB, Instance
from MicrosoftGraphMailSendApiModule import MAX_REQUEST_SIZE
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['instance', 'question', 'war_room']
TOO_LARGE = 'x' * MAX_REQUEST_SIZE
# long paragraphs: what is shown of a draft is escaped, and each tag takes time
CYRILLIC = f'<p>{10 * "Привет, коллеги "}</p>'
HUGE = {'Cyrillic': 7_200 * CYRILLIC, 'Cyrillic of 4 MB': 18_000 * CYRILLIC, 'HTML': 42_000 * f'<p>{93 * "x"}</p>'}
BODIES: list[dict[str, str]] = [
    {'body': 'a < b\nü'},
    {'htmlBody': '<html><head><style>p {}</style></head><body><p>a &lt; b<br>ü'},
    {},
]


@pytest.mark.parametrize(
    'command, args',
    [
        ('send-mail', {'to': BOB, 'subject': 'x', 'body': TOO_LARGE}),
        ('reply-mail', {'inReplyTo': '{question}', 'to': BOB, 'subject': 'x', 'body': TOO_LARGE}),
        ('msgraph-mail-reply-to', {'message_id': '{question}', 'comment': TOO_LARGE}),
        ('msgraph-mail-forward', {'message_id': '{question}', 'to': BOB, 'comment': TOO_LARGE}),
        ('msgraph-mail-create-draft', {'subject': 'x', 'htmlBody': TOO_LARGE}),
        ('msgraph-mail-create-draft', {'reply_to_id': '{question}', 'body': TOO_LARGE}),
        ('msgraph-mail-update-draft', {'draft_id': '{draft}', 'htmlBody': TOO_LARGE}),
    ],
)
def test_a_text_that_is_too_large_is_refused(
    instance: Instance, adas: Mailbox, question: Message, command: str, args: dict[str, Any]
) -> None:
    draft = instance.context('msgraph-mail-create-draft', to=BOB, subject='Plan')['ID']
    ids = {'{question}': question.immutable_id, '{draft}': draft}
    assert instance.error(command, **{name: ids.get(value, value) for name, value in args.items()}).startswith(
        'The text of the email is too large: with its addresses, an email can have '
    )
    assert [one.immutable_id for one in in_folder(adas, 'drafts')] == [draft]
    assert in_folder(adas, 'sentitems') == []


@pytest.mark.parametrize(
    'name, quote, body',
    [
        # a forwarded email differs by its attachments, whatever the body is
        pytest.param(name, quote, body, marks=[pytest.mark.nightly] if name == 'forward_id' and body != BODIES[0] else [])
        for name, quote, body in itertools.product(['reply_to_id', 'forward_id'], HUGE, BODIES)
    ],
)
def test_a_quoted_email_may_be_large(
    instance: Instance, adas: Mailbox, question: Message, name: str, quote: str, body: dict[str, str]
) -> None:
    question.html = HUGE[quote]
    adas.ignores_comments = False
    adas.attach_file(question, 'notes.txt', b'notes', 'text/plain')
    file = {'transientFile': 'a.txt', 'transientFileContent': 'x'}
    args: dict[str, str] = {name: question.immutable_id, 'subject': 'Mine', 'send_time': '2999-01-01T08:00:00Z', **body, **file}
    draft_id = instance.context('msgraph-mail-create-draft', **args)['ID']
    [draft] = in_folder(adas, 'drafts')
    assert (draft.immutable_id, draft.subject, draft.html.count('a &lt; b')) == (draft_id, 'Mine', bool(body))
    assert draft.properties['SystemTime 0x3FEF'] == '2999-01-01T08:00:00Z'
    assert question.html in draft.html
    assert [one.name for one in draft.attachments] == ['notes.txt', 'a.txt'][name == 'reply_to_id' :]


@pytest.mark.parametrize('path', ['createReply$', 'permanentDelete$', '/attachments$'])
def test_a_reply_to_a_large_email_resumes(instance: Instance, adas: Mailbox, question: Message, path: str) -> None:
    question.html = HUGE['HTML']
    adas.ignores_comments = False
    skip, done = int(path == 'createReply$'), path != 'permanentDelete$'
    instance.cloud.faults.add(service='graph', path=path, skip=skip, status=429, headers={'Retry-After': '120'}, done=done)
    entry = instance.run('msgraph-mail-create-draft', reply_to_id=question.immutable_id, body='once only')
    if 'PollingArgs' in entry:
        instance.text('msgraph-mail-create-draft', **entry['PollingArgs'])
    [draft] = in_folder(adas, 'drafts')
    assert draft.html.count('once only') == 1


@pytest.mark.parametrize('body', ['once only', 'From', 'Von', '<p><img src="https://contoso.example/x.png"></p>'])
@pytest.mark.parametrize('command', ['msgraph-mail-create-draft', 'msgraph-mail-reply-to', 'msgraph-mail-forward'])
def test_a_large_quote_without_the_text_above_it_is_an_error(
    instance: Instance, adas: Mailbox, question: Message, command: str, body: str
) -> None:
    question.html = HUGE['HTML']
    args = {'reply_to_id': question.immutable_id, 'body': body}
    if command != 'msgraph-mail-create-draft':
        args = {'message_id': question.immutable_id, 'comment': body, 'to': BOB}
    assert instance.error(command, **args) == (
        'Microsoft Graph left the text out, because the quoted email is large. '
        'Use reply-mail, which quotes nothing, or send the text in a separate email.'
    )
    assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


def test_a_text_in_another_script_takes_its_bytes_in_utf_8(instance: Instance, bobs: Mailbox) -> None:
    text = 1_300_000 * 'п'
    instance.text('send-mail', to=BOB, subject='x', body=text)
    assert in_folder(bobs, 'inbox')[0].plain == text
