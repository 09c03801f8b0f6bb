"""Each command that reads or organizes a mailbox, run by the server."""

import hashlib
import json
from email import message_from_bytes
from typing import Any

from e2e.analyst import BOB, Analyst
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.ids import new_rule_id
from sandbox.microsoft.graph_mail.model import OutlookItem

BYTES = bytes(range(256)) * 5

# region emails


def test_msgraph_mail_list_emails(analyst: Analyst) -> None:
    shown = analyst.run('msgraph-mail-list-emails', page_size=2)
    *first, link = analyst.context('MSGraphMail')
    analyst.run('msgraph-mail-list-emails', page_size=2, next_page=link['NextPage'])
    *second, newest = analyst.context('MSGraphMail')
    assert [email['Subject'] for email in first + second] == [f'Report {number}' for number in (1, 2, 3, 4)]
    assert newest['NextPage'] != link['NextPage']
    assert 'Report 2' in shown


def test_msgraph_mail_get_email(analyst: Analyst) -> None:
    message = analyst.receive(html='<p>Dear Ada</p>')
    assert 'Dear Ada' in analyst.run('msgraph-mail-get-email', message_id=message.message_id)
    assert analyst.context('MSGraphMail')['From'] == {'Name': 'Bob Okafor', 'Address': BOB}


def test_msgraph_mail_get_conversation(analyst: Analyst) -> None:
    """A mail and the reply to it, from two folders."""
    message = analyst.receive('Case 7', html='<p>What do you think?</p>')
    analyst.run('msgraph-mail-reply-to', message_id=message.immutable_id, to=BOB, comment='It is phishing.')
    shown = analyst.run('msgraph-mail-get-conversation', message_id=message.immutable_id)
    assert [email['Subject'] for email in analyst.context('MSGraphMail')] == ['Case 7', 'RE: Case 7']
    assert (shown.count('It is phishing.'), shown.count('What do you think?')) == (1, 1)


def test_msgraph_mail_get_email_as_eml(analyst: Analyst) -> None:
    message = analyst.receive('Grüße', html='<p>Grüße</p>')
    analyst.mailbox.attach_file(message, 'data.bin', BYTES)
    analyst.run('msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    files = analyst.files()
    assert files == {'Grüße.eml': mime.build(message)}
    assert message_from_bytes(files['Grüße.eml'])['Message-ID'] == message.internet_message_id


def test_msgraph_update_email_status(analyst: Analyst) -> None:
    first, second = analyst.receive('First'), analyst.receive('Second')
    ids = f'{first.immutable_id},{second.immutable_id}'
    assert '2 of 2' in analyst.run('msgraph-update-email-status', message_ids=ids, status='Read')
    assert (first.is_read, second.is_read) == (True, True)
    analyst.run('msgraph-update-email-status', message_ids=first.immutable_id, status='Unread')
    assert (first.is_read, analyst.context('MSGraphMail')['IsRead']) == (False, False)


def test_msgraph_mail_set_categories(analyst: Analyst) -> None:
    message = analyst.receive()
    analyst.run('msgraph-mail-set-categories', message_ids=message.immutable_id, categories='Red,Phishing')
    assert message.categories == analyst.context('MSGraphMail')['Categories'] == ['Red', 'Phishing']


def test_msgraph_mail_add_categories(analyst: Analyst) -> None:
    message = analyst.receive(categories=['Red'])
    assert '1 of 1' in analyst.run('msgraph-mail-add-categories', message_ids=message.immutable_id, categories='Phishing')
    assert message.categories == analyst.context('MSGraphMail')['Categories'] == ['Red', 'Phishing']


def test_msgraph_mail_remove_categories(analyst: Analyst) -> None:
    message = analyst.receive(categories=['Red', 'Phishing'])
    analyst.run('msgraph-mail-remove-categories', message_ids=message.immutable_id, categories='Red')
    assert message.categories == analyst.context('MSGraphMail')['Categories'] == ['Phishing']


def test_msgraph_mail_list_categories(analyst: Analyst) -> None:
    assert 'Red category' in analyst.run('msgraph-mail-list-categories')
    assert analyst.context('MSGraphMail')['Category'][0]['Color'] == 'preset0'


def test_msgraph_mail_flag_email(analyst: Analyst) -> None:
    message = analyst.receive()
    analyst.run('msgraph-mail-flag-email', message_ids=message.immutable_id, due_date='2030-01-31')
    assert message.flag.due
    assert (message.flag.status, message.flag.due['dateTime'][:10]) == ('flagged', '2030-01-31')


def test_msgraph_mail_move_email(analyst: Analyst) -> None:
    message = analyst.receive()
    analyst.run('msgraph-mail-move-email', message_id=message.message_id, destination_folder_id='archive')
    assert analyst.messages('archive') == [message]
    assert analyst.context('MSGraphMail')['MovedEmails']['ID'] == message.immutable_id


def test_msgraph_mail_copy_email(analyst: Analyst) -> None:
    message = analyst.receive()
    analyst.run('msgraph-mail-copy-email', message_id=message.immutable_id, destination_folder_id='archive')
    [copy] = analyst.messages('archive')
    assert analyst.context('MSGraphMail')['CopiedEmails']['ID'] == copy.immutable_id
    assert analyst.mailbox.is_in(message, 'inbox')


def test_msgraph_mail_delete_email(analyst: Analyst) -> None:
    softly, for_good = analyst.receive('Softly'), analyst.receive('For good')
    analyst.run('msgraph-mail-delete-email', message_id=softly.immutable_id)
    analyst.run('msgraph-mail-delete-email', message_id=for_good.immutable_id, permanent='true')
    assert analyst.messages('deleteditems') == [softly]
    assert 'For good' not in [message.subject for message in analyst.mailbox.messages()]


# endregion
# region attachments


def test_msgraph_mail_list_attachments(analyst: Analyst) -> None:
    message = analyst.receive()
    analyst.mailbox.attach_file(message, 'data.bin', BYTES, content_id='logo')
    analyst.run('msgraph-mail-list-attachments', message_id=message.immutable_id, include_hash='true')
    row = analyst.context('MSGraphMailAttachment')['Attachment'][0]
    assert (row['Name'], row['ContentID'], row['SHA256']) == ('data.bin', 'logo', hashlib.sha256(BYTES).hexdigest())


def test_msgraph_mail_get_attachment(analyst: Analyst) -> None:
    """Files are complete, a mail is MIME, an appointment is iCalendar, and a link is named."""
    message, inner = analyst.receive(), analyst.receive('Inner')
    event = OutlookItem(kind='event', properties={'subject': 'Meeting'}, raw=b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n')
    analyst.mailbox.attach_file(message, 'data.bin', BYTES)
    analyst.mailbox.attach_item(message, inner)
    analyst.mailbox.attach_item(message, event)
    analyst.mailbox.attach_reference(message, 'plan.docx', 'https://files.contoso.example/plan.docx')
    shown = analyst.run('msgraph-mail-get-attachment', message_id=message.immutable_id)
    assert analyst.files() == {'data.bin': BYTES, 'Inner.eml': mime.build(inner), 'Meeting.ics': event.raw}
    assert 'plan.docx' in shown


# endregion
# region folders


def test_msgraph_mail_list_folders(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-list-folders')
    inbox = next(folder for folder in analyst.context('MSGraphMail')['Folders'] if folder['DisplayName'] == 'Inbox')
    assert inbox['TotalItemCount'] == 25


def test_msgraph_mail_list_child_folders(analyst: Analyst) -> None:
    made = analyst.mailbox.make_folder('Cases', 'inbox')
    analyst.run('msgraph-mail-list-child-folders', parent_folder_id='inbox')
    assert analyst.context('MSGraphMail')['Folders'][0]['ID'] == made.folder_id


def test_msgraph_mail_create_folder(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-create-folder', new_folder_name='Fälle & "mehr"', parent_folder_id='inbox')
    made = analyst.mailbox.folder(analyst.context('MSGraphMail')['Folders']['ID'])
    assert made
    assert made.display_name == 'Fälle & "mehr"'


def test_msgraph_mail_update_folder(analyst: Analyst) -> None:
    folder = analyst.mailbox.make_folder('Cases')
    analyst.run('msgraph-mail-update-folder', folder_id=folder.folder_id, new_display_name='Closed cases')
    assert folder.display_name == analyst.context('MSGraphMail')['Folders']['DisplayName'] == 'Closed cases'


def test_msgraph_mail_delete_folder(analyst: Analyst) -> None:
    folder = analyst.mailbox.make_folder('Cases')
    analyst.run('msgraph-mail-delete-folder', folder_id=folder.folder_id)
    deleted = analyst.mailbox.folder('deleteditems')
    assert deleted
    assert folder.parent_folder_id == deleted.folder_id
    assert analyst.context('MSGraphMail')['Folders'] == {'ID': folder.folder_id, 'Deleted': True}


# endregion
# region rules and settings


def test_msgraph_mail_create_rule(analyst: Analyst) -> None:
    """The rule works: the next mail that matches is marked as read."""
    conditions = json.dumps({'subjectContains': ['Invoice']})
    analyst.run('msgraph-mail-create-rule', display_name='Invoices', actions='{"markAsRead": true}', conditions=conditions)
    assert analyst.mailbox.rules[0]['id'] == analyst.context('MSGraphMail')['Rule']['id']
    analyst.run('send-mail', to=analyst.mailbox.owner.address, subject='Invoice 7')
    assert next(message for message in analyst.messages('inbox') if message.subject == 'Invoice 7').is_read


def test_msgraph_mail_list_rules(analyst: Analyst) -> None:
    rule = add_rule(analyst)
    assert 'Invoices' in analyst.run('msgraph-mail-list-rules')
    assert [one['id'] for one in analyst.context('MSGraphMail')['Rule']] == [rule['id']]


def test_msgraph_mail_get_rule(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-get-rule', rule_id=add_rule(analyst)['id'])
    assert analyst.context('MSGraphMail')['Rule']['actions'] == {'markAsRead': True}


def test_msgraph_mail_update_rule(analyst: Analyst) -> None:
    rule = add_rule(analyst)
    analyst.run('msgraph-mail-update-rule', rule_id=rule['id'], is_enabled='false')
    assert (rule['isEnabled'], rule['displayName']) == (False, 'Invoices')


def test_msgraph_mail_delete_rule(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-delete-rule', rule_id=add_rule(analyst)['id'])
    assert analyst.mailbox.rules == []
    assert analyst.context('MSGraphMail')['Rule']['deleted'] is True


def add_rule(analyst: Analyst) -> dict[str, Any]:
    """Add a rule that marks emails as read, and return it."""
    rule = {'id': new_rule_id(), 'displayName': 'Invoices', 'sequence': 1, 'isEnabled': True, 'actions': {'markAsRead': True}}
    analyst.mailbox.rules.append({**rule, 'hasError': False, 'isReadOnly': False})
    return analyst.mailbox.rules[0]


def test_msgraph_mail_get_invitation_as_ics(analyst: Analyst) -> None:
    invitation = analyst.mailbox.invite('Planning', analyst.cloud.mailbox(BOB).owner, 2_000_000_000, 2_000_003_600)
    analyst.run('msgraph-mail-get-invitation-as-ics', message_id=invitation.immutable_id)
    [(name, content)] = analyst.files().items()
    assert (name, content[:15]) == (f'{invitation.immutable_id}.ics', b'BEGIN:VCALENDAR')
    assert analyst.context('File')['Extension'] == 'ics'


def test_msgraph_mail_respond_to_invitation(analyst: Analyst) -> None:
    """The organizer gets the response, with the comment."""
    analyst.cloud.directory.application('daemon').application_permissions.append('Calendars.ReadWrite')
    organizer = analyst.cloud.mailbox(BOB)
    invitation = analyst.mailbox.invite('Planning', organizer.owner, 2_000_000_000, 2_000_003_600)
    analyst.run('msgraph-mail-respond-to-invitation', message_id=invitation.message_id, response='decline', comment='Sorry.')
    assert analyst.context('MSGraphMail')['Invitation']['Start'] == '2033-05-18T03:33:20Z'
    [response] = [message for message in organizer.messages() if message.subject == 'Declined: Planning']
    assert 'Sorry.' in response.text


def test_msgraph_mail_block_sender(analyst: Analyst) -> None:
    """The rule works: the next mail from the sender is deleted."""
    analyst.run('msgraph-mail-block-sender', sender=analyst.mailbox.owner.address)
    assert analyst.context('MSGraphMail')['BlockedSender']['RuleID'] == analyst.mailbox.rules[0]['id']
    analyst.run('send-mail', to=analyst.mailbox.owner.address, subject='Spam')
    assert [message.subject for message in analyst.messages('deleteditems')] == ['Spam']


def test_msgraph_mail_get_settings(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-get-settings', property='workingHours')
    settings = analyst.context('MSGraphMail')['MailboxSettings']
    assert settings['workingHours']['startTime'] == '08:00:00.0000000'
    analyst.run('msgraph-mail-get-settings', user_id=BOB)
    settings = analyst.context('MSGraphMail')['MailboxSettings']
    assert (settings['UserID'], settings['timeZone']) == (BOB, 'UTC')


def test_msgraph_mail_set_automatic_replies(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-set-automatic-replies', status='alwaysEnabled', internal_message='Call the SOC & "wait".')
    assert analyst.context('MSGraphMail')['AutomaticReplies']['InternalMessage'] == 'Call the SOC &amp; "wait".'
    assert analyst.mailbox.settings['automaticRepliesSetting']['status'] == 'alwaysEnabled'
    assert 'turned off' in analyst.run('msgraph-mail-set-automatic-replies', status='disabled')
    assert analyst.mailbox.settings['automaticRepliesSetting']['status'] == 'disabled'


def test_msgraph_mail_get_mailtips(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-get-mailtips', email_addresses=f'{BOB},nobody@contoso.example')
    tips = analyst.context('MSGraphMail')['MailTips']
    assert [tip['emailAddress']['address'] for tip in tips] == [BOB, 'nobody@contoso.example']


# endregion
