"""Commands that a script runs by ``demisto.executeCommand``: the platform schedules nothing for it, and reports no error.

Source: https://xsoar.pan.dev/docs/integrations/scheduled-commands
"""

from typing import Any

import pytest

from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import instance, question, war_room
from conformance.unified.instances import BOB, ERROR, Instance, with_methods
from conformance.virtual_time import skip_waits
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['instance', 'question', 'war_room']

LATER = {'status': 429, 'headers': {'Retry-After': '120'}}
MAIL = {'to': BOB, 'subject': 'Plan', 'body': 'See.'}


@pytest.fixture(autouse=True)
def waits(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_waits(monkeypatch, cloud.clock.advance)


@pytest.mark.parametrize('path', ['/messages$', '/send$', '/createReply$'])
def test_a_mail_that_is_throttled_for_long_is_an_error(
    instance: Instance, adas: Mailbox, bobs: Mailbox, question: Message, path: str
) -> None:
    instance.cloud.faults.add(service='graph', path=path, method='POST', times=None, **LATER)
    reply = {'message_id': question.immutable_id, 'comment': 'x'}
    command, args = ('msgraph-mail-reply-to', reply) if 'Reply' in path else ('send-mail', MAIL)
    entry = instance.run_by_script(command, **args)
    assert entry['Type'] == ERROR
    assert 'Try again in 120 seconds.' in entry['Contents']
    assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


def test_a_mail_that_is_throttled_for_a_moment_is_sent(instance: Instance, bobs: Mailbox) -> None:
    instance.cloud.faults.add(service='graph', path='/send$', status=429, headers={'Retry-After': '2'})
    assert instance.run_by_script('send-mail', **MAIL)['HumanReadable'].startswith('### Email sent')
    assert in_folder(bobs, 'inbox')[0].subject == 'Plan'


@pytest.mark.parametrize(
    'command, args',
    [
        ('msgraph-mail-list-folders', {}),
        ('msgraph-mail-get-mailtips', {'email_addresses': BOB}),
        ('msgraph-update-email-status', {'status': 'Read'}),
    ],
)
def test_other_commands_that_are_throttled_for_long_are_errors(
    instance: Instance, adas: Mailbox, command: str, args: dict[str, Any]
) -> None:
    args = {**args, 'message_ids': adas.messages()[0].immutable_id} if 'status' in args else args
    instance.cloud.faults.add(service='graph', times=None, **LATER)
    entry = instance.run_by_script(command, **args)
    assert entry['Type'] == ERROR
    assert 'PollingCommand' not in entry
    assert 'PollingCommand' in instance.run(command, **args)


@with_methods('Device code')
def test_a_sign_in_that_is_not_finished_is_an_error(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-start')
    entry = instance.run_by_script('msgraph-mail-auth-complete')
    assert entry['Type'] == ERROR
    assert 'PollingCommand' in instance.run('msgraph-mail-auth-complete')
