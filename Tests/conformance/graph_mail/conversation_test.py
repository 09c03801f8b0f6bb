"""A conversation across the folders of a mailbox."""

from typing import Any

import pytest

from conformance.graph_mail.mail_commands_test import ADA, BOB, UNKNOWN_ID, delivered, error_of, outputs, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailSendCommandsApiModule import SENDING_COMMANDS
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import GMAIL_QUOTE, HTML_QUOTE_MARK, Message
from sandbox.xsoar.context import ask, merge

COMMAND = 'msgraph-mail-get-conversation'
REPLY = f'<html><body><p>No &amp; <b>never</b></p>{HTML_QUOTE_MARK}<p>Shall we pay?</p></body></html>'


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def thread_of(mailbox: Mailbox, count: int, conversation_id: str = 'AAQkThread', **more: Any) -> list[Message]:
    """Deliver the messages of a conversation, the newest first, so that their order in the mailbox is not that of their times."""
    now = mailbox.now()
    found = [
        delivered(mailbox, f'Mail {number}', conversation_id=conversation_id, **more) for number in reversed(range(1, count + 1))
    ]
    for number, message in enumerate(reversed(found)):
        message.received = now - 3600 + number
        mailbox.touch(message)
    return list(reversed(found))


@pytest.mark.parametrize('count', [1, 2, 51, 120])
@pytest.mark.parametrize('named_by', ['message_id', 'conversation_id'])
def test_a_conversation_is_shown_oldest_first(mail: GraphMailClient, ada: Mailbox, count: int, named_by: str) -> None:
    messages = thread_of(ada, count)
    value = {'message_id': messages[-1].immutable_id, 'conversation_id': 'AAQkThread'}[named_by]
    result = run(mail, COMMAND, **{named_by: value})
    assert [one['Subject'] for one in result.outputs] == [f'Mail {number}' for number in range(1, count + 1)]
    assert result.readable_output.startswith(f'### Conversation ({count} emails)\n')


def test_it_comes_from_all_folders_and_from_no_other_conversation(mail: GraphMailClient, ada: Mailbox) -> None:
    first, second, third, fourth = thread_of(ada, 4)
    delivered(ada, 'Another')
    ada.move(first, 'archive')
    ada.move(second, 'junkemail')
    ada.delete(third)
    found = outputs(mail, COMMAND, message_id=fourth.immutable_id)
    assert [one['ID'] for one in found] == [one.immutable_id for one in (first, second, third, fourth)]
    assert [one['FolderID'] for one in found] == [one.folder_id for one in (first, second, third, fourth)]


@pytest.mark.parametrize(
    'conversation_id', ["AAQk'or'1", 'AAQk/a+b=', "x' or isRead eq true or conversationId eq 'x", 'ä&$top=1']
)
def test_an_id_of_any_characters_stays_an_id(mail: GraphMailClient, ada: Mailbox, conversation_id: str) -> None:
    thread_of(ada, 2, conversation_id)
    assert len(outputs(mail, COMMAND, conversation_id=conversation_id)) == 2


@pytest.mark.parametrize('body, texts', [('', ['Question', 'Answer']), ('full', ['Question', 'AnswerQuestion'])])
def test_each_email_has_its_new_text_or_all(mail: GraphMailClient, ada: Mailbox, body: str, texts: list[str]) -> None:
    first, second = thread_of(ada, 2)
    first.html, second.html = '<b>Question</b>', f'<b>Answer</b>{HTML_QUOTE_MARK}<b>Question</b>'
    result = run(mail, COMMAND, conversation_id='AAQkThread', body=body)
    assert [one['Body' if body else 'UniqueBody'].count('<b>') for one in result.outputs] == [1, 2 if body else 1]
    assert result.readable_output.count('Question') == (2 if body else 1)


def test_a_reply_from_the_mailbox_is_part_of_it(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, 'Question', html='Is it phishing?')
    SENDING_COMMANDS['msgraph-mail-reply-to'](mail, {'message_id': message.immutable_id, 'to': BOB, 'comment': 'Yes.'})
    found = outputs(mail, COMMAND, message_id=message.immutable_id)
    assert [(one['Subject'], one['From']['Address'] == ADA) for one in found] == [('Question', False), ('RE: Question', True)]


def test_no_conversation_and_no_message(mail: GraphMailClient) -> None:
    result = run(mail, COMMAND, conversation_id='AAQkNothing')
    assert result.readable_output == 'The mailbox has no emails of this conversation.'
    assert 'ErrorItemNotFound' in error_of(mail, COMMAND, message_id=UNKNOWN_ID)
    assert error_of(mail, COMMAND, message_id='x', body='none') == "'none' is not one of unique, full. Change body."


def test_a_conversation_that_is_too_long_says_so(mail: GraphMailClient, ada: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('MicrosoftGraphMailClientApiModule.MAX_CONVERSATION', 100)
    thread_of(ada, 101)
    result = run(mail, COMMAND, conversation_id='AAQkThread')
    assert result.readable_output.startswith('### Conversation (100 emails, there are more)\n')


@pytest.mark.parametrize(
    'command, args',
    [(COMMAND, {}), ('msgraph-mail-get-email', {'body': 'unique'}), ('msgraph-mail-get-email', {'odata': '$select=id'})],
)
def test_the_whole_body_stays_in_the_context(mail: GraphMailClient, ada: Mailbox, command: str, args: dict[str, str]) -> None:
    message = delivered(ada, html=REPLY)
    context: dict[str, Any] = {}
    for name, given in (('msgraph-mail-get-email', {}), (command, args)):
        merge(context, run(mail, name, message_id=message.immutable_id, **given).to_context()['EntryContext'])
    assert 'Shall we pay?' in ask(context, 'MSGraphMail.Body')


def test_the_new_text_of_another_mail_program_may_contain_the_quote(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, html=GMAIL_QUOTE.format('No.', 'Shall we pay?'))
    [found] = outputs(mail, COMMAND, message_id=message.immutable_id)
    assert 'Shall we pay?' in found['UniqueBody']


# region one email


@pytest.mark.parametrize(
    'args, has_quote',
    [
        ({}, True),
        ({'body': 'full'}, True),
        ({'body': ' Unique '}, False),
        ({'body': 'unique', 'body_type': 'text'}, False),
        ({'body': 'unique', 'odata': '$select=subject,body'}, False),
        ({'body': 'full', 'odata': '$select=body'}, True),
        ({'odata': '$select=uniqueBody'}, False),
    ],
)
def test_an_email_is_shown_with_its_new_text_only(
    mail: GraphMailClient, ada: Mailbox, args: dict[str, str], has_quote: bool
) -> None:
    message = delivered(ada, html=REPLY)
    found = outputs(mail, 'msgraph-mail-get-email', message_id=message.immutable_id, **args)
    body = found['Body' if has_quote else 'UniqueBody']
    assert ('Body' in found, 'UniqueBody' in found) == (has_quote, not has_quote)
    assert ('never' in body, 'Shall we pay?' in body) == (True, has_quote)


def test_an_email_that_quotes_nothing_is_new_as_a_whole(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada, html='<p>Hello</p>')
    assert 'Hello' in outputs(mail, 'msgraph-mail-get-email', message_id=message.immutable_id, body='unique')['UniqueBody']
    assert outputs(
        mail, 'msgraph-mail-get-email', message_id=message.immutable_id, body='unique', odata='$select=bodyPreview'
    ) == {'ID': message.immutable_id, 'Kind': 'message', 'UserID': ADA}
    assert error_of(mail, 'msgraph-mail-get-email', message_id='x', body='new') == (
        "'new' is not one of full, unique. Change body."
    )


# endregion
