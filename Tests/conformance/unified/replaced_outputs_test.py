"""What a mailbox or an instance has once is in the context once, however often a command runs."""

from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from sandbox.xsoar.context import ask, merge

instance = instances.instance
COMMANDS = {
    'msgraph-mail-get-settings': ('MSGraphMail.MailboxSettings', {}),
    'msgraph-mail-set-automatic-replies': ('MSGraphMail.AutomaticReplies', {'status': 'disabled'}),
}


def context_after(instance: Instance, command: str, *runs: dict[str, str]) -> Any:
    """Return what is in the context at the path of a command after several runs."""
    path, args = COMMANDS[command]
    context: dict[str, Any] = {}
    for run in runs:
        merge(context, instance.run(command, **args, **run)['EntryContext'])
    return ask(context, path)


@pytest.mark.parametrize('command', COMMANDS)
@pytest.mark.parametrize('mailbox', ['', ADA])
@instances.with_methods('Authorization code')
def test_the_newest_replaces_the_former(instance: Instance, command: str, mailbox: str) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    instance.sign_in()
    found = context_after(instance, command, {}, {}, {})
    assert found['UserID'] == mailbox


@pytest.mark.parametrize('command', COMMANDS)
def test_each_mailbox_has_its_own(instance: Instance, command: str) -> None:
    found = context_after(instance, command, {}, {'user_id': BOB}, {}, {'user_id': BOB})
    assert [one['UserID'] for one in found] == [ADA, BOB]


@instances.with_methods('Client secret', 'Managed identity, system-assigned')
def test_each_mailbox_has_its_newest_sign_in(instance: Instance) -> None:
    instance.sign_in()
    context: dict[str, Any] = {}
    for mailbox in (ADA, BOB, ADA, BOB):
        instance.params['mailbox_to_fetch'] = mailbox
        merge(context, instance.run('msgraph-mail-auth-test')['EntryContext'])
    assert ask(context, 'MSGraphMailAuth.Mailbox') == [ADA, BOB]
