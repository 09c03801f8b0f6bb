"""From an incident to the email that it was made of."""

import authentication_methods
from demo.administrator import Administrator
from sandbox.microsoft import MicrosoftCloud


def test_the_email_of_an_incident_is_found_after_it_was_moved(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    administrator.add_instance('Mail', authentication_methods.client_secret(cloud))
    mailbox = cloud.mailbox(authentication_methods.ADA)
    message = mailbox.messages()[-1]
    mailbox.move(message, 'archive')
    shown = administrator.run(
        f'!msgraph-mail-find-email subject="{message.subject}" sender="{message.sender.address}" recipient="ada@contoso.example"',
        'Mail',
    )
    assert '### Emails found (' in shown
    assert 'Archive' in shown
    assert [one['ID'] for one in administrator.context('MSGraphMail')] == [message.immutable_id]
