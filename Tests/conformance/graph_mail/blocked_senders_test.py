"""Senders that are blocked by rules of the inbox."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.graph_mail.mail_commands_test import ADA, BOB, error_of, outputs, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.microsoft.graph_mail.rules import apply_rules

COMMAND, EVE = 'msgraph-mail-block-sender', 'eve@partner.example'


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


def folder_of_next_mail(mailbox: Mailbox, sender: str) -> str:
    """Return the well-known name of the folder in which a mail of a sender ends up."""
    message = mailbox.deliver(Message('Mail', EmailAddress('X', sender), mailbox.now(), to=[mailbox.owner]))
    apply_rules(mailbox, message)
    folder = mailbox.folder(message.folder_id)
    assert folder
    return folder.well_known_name


@pytest.mark.parametrize('folder, ends_in', [('', 'deleteditems'), ('junkemail', 'junkemail'), ('Archive', 'archive')])
def test_emails_of_the_sender_are_deleted_or_moved(mail: GraphMailClient, ada: Mailbox, folder: str, ends_in: str) -> None:
    found = outputs(mail, COMMAND, sender=EVE, folder_id=folder)
    assert found == {'Address': EVE, 'RuleID': ada.rules[0]['id'], 'AlreadyBlocked': False, 'UserID': ADA}
    assert (folder_of_next_mail(ada, 'EVE@Partner.example'), folder_of_next_mail(ada, BOB)) == (ends_in, 'inbox')


@pytest.mark.parametrize('again', [EVE, ' EVE@partner.Example ', f'"{EVE}"', f'Eve <{EVE}>', f'mailto:{EVE}', f'<{EVE}>'])
def test_the_same_sender_is_blocked_once(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, again: str) -> None:
    rule_id = outputs(mail, COMMAND, sender=EVE)['RuleID']
    cloud.requests.clear()
    result = run(mail, COMMAND, sender=again)
    assert (result.outputs['RuleID'], result.outputs['AlreadyBlocked'], len(ada.rules)) == (rule_id, True, 1)
    assert [record.method for record in cloud.requests.of('graph')] == ['GET']
    assert result.readable_output.startswith('### Sender already blocked\n')


@pytest.mark.parametrize(
    'spoil',
    [
        lambda rule: rule.update(isEnabled=False),
        lambda rule: rule.update(conditions={'fromAddresses': [{'emailAddress': {'address': BOB}}]}),
        lambda rule: rule['conditions'].update(hasAttachments=True),
        lambda rule: rule.update(exceptions={'subjectContains': ['invoice']}),
        lambda rule: rule.update(actions={'markAsRead': True}),
        lambda rule: rule.update(hasError=True),
    ],
)
def test_a_rule_that_does_not_block_any_more_is_replaced(
    mail: GraphMailClient, ada: Mailbox, spoil: Callable[[dict[str, Any]], object]
) -> None:
    run(mail, COMMAND, sender=EVE)
    spoil(ada.rules[0])
    assert outputs(mail, COMMAND, sender=EVE)['AlreadyBlocked'] is False
    assert (len(ada.rules), folder_of_next_mail(ada, EVE)) == (1, 'deleteditems')
    assert outputs(mail, COMMAND, sender=EVE)['AlreadyBlocked'] is True


@pytest.mark.parametrize('spoil', [{'exceptions': {'subjectContains': ['invoice']}}, {'hasError': True}])
def test_an_earlier_rule_is_not_taken_for_a_new_one(
    mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud, spoil: dict[str, Any]
) -> None:
    run(mail, COMMAND, sender=EVE)
    ada.rules[0].update(spoil)
    cloud.faults.add(service='graph', path='messageRules', method='POST', status=503, times=1)
    assert error_of(mail, COMMAND, sender=EVE) == 'It is not known whether the rule was created. Run the command again.'
    assert len(ada.rules) == 1
    assert outputs(mail, COMMAND, sender=EVE)['AlreadyBlocked'] is False
    assert (len(ada.rules), folder_of_next_mail(ada, EVE)) == (1, 'deleteditems')


def test_the_folder_of_a_blocked_sender_can_be_changed(mail: GraphMailClient, ada: Mailbox) -> None:
    run(mail, COMMAND, sender=EVE, folder_id='junkemail')
    assert outputs(mail, COMMAND, sender=EVE)['AlreadyBlocked'] is False
    assert (len(ada.rules), folder_of_next_mail(ada, EVE)) == (1, 'deleteditems')


def test_other_rules_stay_and_other_senders_get_their_own(mail: GraphMailClient, ada: Mailbox) -> None:
    run(mail, 'msgraph-mail-create-rule', display_name='Mine', actions='{"markAsRead": true}')
    for sender in (EVE, BOB, f'x{EVE}'):
        run(mail, COMMAND, sender=sender)
    assert [rule['displayName'] for rule in ada.rules] == [
        'Mine',
        f'Blocked sender: {EVE}',
        f'Blocked sender: {BOB}',
        f'Blocked sender: x{EVE}',
    ]
    run(mail, 'msgraph-mail-delete-rule', rule_id=ada.rules[1]['id'])
    assert (folder_of_next_mail(ada, EVE), folder_of_next_mail(ada, BOB)) == ('inbox', 'deleteditems')


@pytest.mark.parametrize('sender', ['eve', '@partner.example', 'eve@', 'eve @partner.example', 'Eve <eve>'])
def test_what_is_not_an_address_is_rejected(mail: GraphMailClient, ada: Mailbox, sender: str) -> None:
    assert error_of(mail, COMMAND, sender=sender) == (
        f"'{sender}' is not an email address. Write sender as bob@example.com, or Bob <bob@example.com>."
    )
    assert ada.rules == []


def test_an_unknown_folder_is_an_error(mail: GraphMailClient, ada: Mailbox) -> None:
    assert "There is no folder 'Nowhere'" in error_of(mail, COMMAND, sender=EVE, folder_id='Nowhere')
    assert ada.rules == []
