"""A sending command that is throttled while it looks up the email that a Message-ID names."""

import pytest

from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import instance, question, war_room
from conformance.unified.instances import BOB, Instance
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['instance', 'question', 'war_room']


@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-reply-to', {'message_id': '{}', 'comment': 'x'}),
        ('reply-mail', {'inReplyTo': '{}', 'to': BOB, 'subject': 'x', 'body': 'x'}),
        ('msgraph-mail-create-draft', {'forward_id': '{}'}),
    ],
)
def test_a_throttled_lookup_is_resumed(
    instance: Instance, adas: Mailbox, question: Message, command: str, args: dict[str, str]
) -> None:
    args = {name: value.format(question.internet_message_id) for name, value in args.items()}
    instance.cloud.faults.add(service='graph', path='batch', status=429, headers={'Retry-After': '120'})
    entry = instance.run(command, **args)
    assert entry['HumanReadable'] == 'Microsoft is throttling requests. The command continues in 121 seconds.'
    instance.text(command, **entry['PollingArgs'])
    assert len(in_folder(adas, 'drafts') + in_folder(adas, 'sentitems')) == 1
