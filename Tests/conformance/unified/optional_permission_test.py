"""Calendars.ReadWrite, which one command needs: a user who signs in names it."""

import pytest

from conformance.unified.instances import ADA, BOB, Instance, with_methods

COMMAND = 'msgraph-mail-respond-to-invitation'
NAMED = 'Mail.ReadWrite,Mail.Send,MailboxSettings.ReadWrite,Calendars.ReadWrite'
TWO_HOURS = 7200


@pytest.mark.parametrize(
    'permissions, is_allowed', [('', False), (NAMED, True), ('.default', True), (NAMED.rpartition(',')[0], False)]
)
@with_methods('Authorization code', 'Device code')
def test_a_user_responds_with_the_permission_that_the_sign_in_names(
    instance: Instance, permissions: str, is_allowed: bool
) -> None:
    directory = instance.cloud.directory
    for name in ('web', 'device'):
        directory.application(name).delegated_permissions.append('Calendars.ReadWrite')
    mailbox = instance.cloud.mailbox(ADA)
    invitation = mailbox.invite('Planning', instance.cloud.mailbox(BOB).owner, 2_000_000_000, 2_000_003_600)
    instance.params['mailbox_to_fetch'] = ''
    instance.sign_in(permissions=permissions)
    for _ in range(2):
        entry = instance.run(COMMAND, message_id=invitation.immutable_id, response='accept')
        assert ('ErrorAccessDenied' not in str(entry['Contents'])) is is_allowed, entry['Contents']
        instance.cloud.clock.advance(TWO_HOURS)  # then the token is refreshed
    assert 'Calendars.ReadWrite' not in instance.text('msgraph-mail-auth-test').partition('Missing')[2]
