"""A text that is too large for a request is refused by its name, wherever it is written."""

from typing import Any

import pytest

from conformance.graph_mail.sending_commands_test import adas, in_folder, instance, question, war_room
from conformance.unified.instances import BOB, Instance
from MicrosoftGraphMailSendApiModule import MAX_REQUEST_SIZE
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['adas', 'instance', 'question', 'war_room']
TOO_LARGE = 'x' * MAX_REQUEST_SIZE


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
        'The text of the email is too large: with all addresses, an email may have '
    )
    assert [one.immutable_id for one in in_folder(adas, 'drafts')] == [draft]
    assert in_folder(adas, 'sentitems') == []
