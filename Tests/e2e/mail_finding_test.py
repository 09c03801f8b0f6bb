"""From an incident to the email that it was made of, and to the emails in it."""

import hashlib

from e2e.analyst import BOB, Analyst
from sandbox.microsoft.graph_mail.model import EmailAddress, Message


def test_msgraph_mail_find_email(analyst: Analyst) -> None:
    """An email that was moved since its incident was made."""
    message = analyst.receive("Jane's invoice")
    analyst.mailbox.move(message, 'archive')
    shown = analyst.run('msgraph-mail-find-email', subject="Jane's invoice", sender=BOB, recipient='ada@contoso.example')
    assert '### Emails found (1)' in shown
    assert 'Archive' in shown
    assert [one['ID'] for one in analyst.context('MSGraphMail')] == [message.immutable_id]


def test_msgraph_mail_get_attachment_of_attached_emails(analyst: Analyst) -> None:
    """A user forwards an email as an attachment; its own attachment is what has to be examined."""
    inner = Message('Pay now', EmailAddress('Eve', 'eve@partner.example'), analyst.mailbox.now(), html='<p>Pay</p>')
    analyst.mailbox.attach_file(inner, 'malware.exe', b'MZ\x00\xff')
    outer = analyst.receive('FW: Pay now')
    analyst.mailbox.attach_item(outer, inner)
    shown = analyst.run('msgraph-mail-get-attachment', message_id=outer.immutable_id, nested_depth=2)
    assert '### Attached emails (1)' in shown
    assert analyst.files()['malware.exe'] == b'MZ\x00\xff'
    [email] = analyst.context('MSGraphMailAttachment.NestedEmail')
    assert email['Subject'] == 'Pay now'
    assert email['Attachment'][0]['SHA256'] == hashlib.sha256(b'MZ\x00\xff').hexdigest()
