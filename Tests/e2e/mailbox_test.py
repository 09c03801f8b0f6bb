"""Each command that reads or orders a mailbox, run by the server; tests are named after the commands."""

import hashlib
import json
from email import message_from_bytes

from e2e.desk import BOB, Desk
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.model import OutlookItem

BYTES = bytes(range(256)) * 5
RULE_ACTIONS = json.dumps({'markAsRead': True})

# region emails


def test_msgraph_mail_list_emails(desk: Desk) -> None:
    shown = desk.run('msgraph-mail-list-emails', page_size=2)
    first = desk.context('MSGraphMail')
    desk.run('msgraph-mail-list-emails', page_size=2, next_page=first[-1]['NextPage'])
    assert [email['Subject'] for email in first + desk.context('MSGraphMail')] == [f'Report {number}' for number in (1, 2, 3, 4)]
    assert 'Report 2' in shown


def test_msgraph_mail_get_email(desk: Desk) -> None:
    letter = desk.letter(html='<p>Dear Ada</p>')
    assert 'Dear Ada' in desk.run('msgraph-mail-get-email', message_id=letter.message_id)
    assert desk.context('MSGraphMail')['From'] == {'Name': 'Bob Okafor', 'Address': BOB}


def test_msgraph_mail_get_email_as_eml(desk: Desk) -> None:
    letter = desk.letter(html='<p>Grüße</p>')
    desk.mailbox.attach_file(letter, 'data.bin', BYTES)
    desk.run('msgraph-mail-get-email-as-eml', message_id=letter.immutable_id)
    assert desk.files() == {f'{letter.immutable_id}.eml': mime.build(letter)}


def test_msgraph_update_email_status(desk: Desk) -> None:
    first, second = desk.letter('First'), desk.letter('Second')
    ids = f'{first.immutable_id},{second.immutable_id}'
    assert '2 of 2' in desk.run('msgraph-update-email-status', message_ids=ids, status='Read')
    assert (first.is_read, second.is_read) == (True, True)
    desk.run('msgraph-update-email-status', message_ids=first.immutable_id, status='Unread')
    assert (first.is_read, desk.context('MSGraphMail')['IsRead']) == (False, False)


def test_msgraph_mail_set_categories(desk: Desk) -> None:
    letter = desk.letter()
    desk.run('msgraph-mail-set-categories', message_ids=letter.immutable_id, categories='Red,Phishing')
    assert letter.categories == desk.context('MSGraphMail')['Categories'] == ['Red', 'Phishing']


def test_msgraph_mail_flag_email(desk: Desk) -> None:
    letter = desk.letter()
    desk.run('msgraph-mail-flag-email', message_ids=letter.immutable_id, due_date='2030-01-31')
    assert letter.flag.due
    assert (letter.flag.status, letter.flag.due['dateTime'][:10]) == ('flagged', '2030-01-31')


def test_msgraph_mail_move_email(desk: Desk) -> None:
    letter = desk.letter()
    desk.run('msgraph-mail-move-email', message_id=letter.message_id, destination_folder_id='archive')
    assert desk.messages('archive') == [letter]
    assert desk.context('MSGraphMail')['MovedEmails']['ID'] == letter.immutable_id


def test_msgraph_mail_copy_email(desk: Desk) -> None:
    letter = desk.letter()
    desk.run('msgraph-mail-copy-email', message_id=letter.immutable_id, destination_folder_id='archive')
    [copy] = desk.messages('archive')
    assert desk.context('MSGraphMail')['CopiedEmails']['ID'] == copy.immutable_id
    assert desk.mailbox.is_in(letter, 'inbox')


def test_msgraph_mail_delete_email(desk: Desk) -> None:
    softly, for_good = desk.letter('Softly'), desk.letter('For good')
    desk.run('msgraph-mail-delete-email', message_id=softly.immutable_id)
    desk.run('msgraph-mail-delete-email', message_id=for_good.immutable_id, permanent='true')
    assert desk.messages('deleteditems') == [softly]
    assert 'For good' not in [message.subject for message in desk.mailbox.messages()]


# endregion
# region attachments


def test_msgraph_mail_list_attachments(desk: Desk) -> None:
    letter = desk.letter()
    desk.mailbox.attach_file(letter, 'data.bin', BYTES, content_id='logo')
    desk.run('msgraph-mail-list-attachments', message_id=letter.immutable_id, include_hash='true')
    row = desk.context('MSGraphMailAttachment')['Attachment'][0]
    assert (row['Name'], row['ContentID'], row['SHA256']) == ('data.bin', 'logo', hashlib.sha256(BYTES).hexdigest())


def test_msgraph_mail_get_attachment(desk: Desk) -> None:
    """Files come byte for byte, a mail as MIME, an appointment as iCalendar; a link is named."""
    letter, inner = desk.letter(), desk.letter('Inner')
    event = OutlookItem(kind='event', properties={'subject': 'Meeting'}, raw=b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n')
    desk.mailbox.attach_file(letter, 'data.bin', BYTES)
    desk.mailbox.attach_item(letter, inner)
    desk.mailbox.attach_item(letter, event)
    desk.mailbox.attach_reference(letter, 'plan.docx', 'https://files.contoso.example/plan.docx')
    shown = desk.run('msgraph-mail-get-attachment', message_id=letter.immutable_id)
    assert desk.files() == {'data.bin': BYTES, 'Inner.eml': mime.build(inner), 'Meeting.ics': event.raw}
    assert 'plan.docx' in shown


# endregion
# region folders


def test_msgraph_mail_list_folders(desk: Desk) -> None:
    desk.run('msgraph-mail-list-folders')
    inbox = next(folder for folder in desk.context('MSGraphMail')['Folders'] if folder['DisplayName'] == 'Inbox')
    assert inbox['TotalItemCount'] == 25


def test_msgraph_mail_list_child_folders(desk: Desk) -> None:
    made = desk.mailbox.make_folder('Cases', 'inbox')
    desk.run('msgraph-mail-list-child-folders', parent_folder_id='inbox')
    assert desk.context('MSGraphMail')['Folders'][0]['ID'] == made.folder_id


def test_msgraph_mail_create_folder(desk: Desk) -> None:
    desk.run('msgraph-mail-create-folder', new_folder_name='Fälle & "mehr"', parent_folder_id='inbox')
    made = desk.mailbox.folder(desk.context('MSGraphMail')['Folders']['ID'])
    assert made
    assert made.display_name == 'Fälle & "mehr"'


def test_msgraph_mail_update_folder(desk: Desk) -> None:
    folder = desk.mailbox.make_folder('Cases')
    desk.run('msgraph-mail-update-folder', folder_id=folder.folder_id, new_display_name='Closed cases')
    assert folder.display_name == desk.context('MSGraphMail')['Folders']['DisplayName'] == 'Closed cases'


def test_msgraph_mail_delete_folder(desk: Desk) -> None:
    folder = desk.mailbox.make_folder('Cases')
    desk.run('msgraph-mail-delete-folder', folder_id=folder.folder_id)
    deleted = desk.mailbox.folder('deleteditems')
    assert deleted
    assert folder.parent_folder_id == deleted.folder_id
    assert desk.context('MSGraphMail')['Folders'] == {'ID': folder.folder_id, 'Deleted': True}


# endregion
# region rules and settings


def test_msgraph_mail_create_rule(desk: Desk) -> None:
    """It works: the next mail that fits is read."""
    conditions = json.dumps({'subjectContains': ['Invoice']})
    desk.run('msgraph-mail-create-rule', display_name='Invoices', actions=RULE_ACTIONS, conditions=conditions)
    assert desk.mailbox.rules[0]['id'] == desk.context('MSGraphMail')['Rule']['id']
    desk.run('send-mail', to=desk.mailbox.owner.address, subject='Invoice 7')
    assert next(message for message in desk.messages('inbox') if message.subject == 'Invoice 7').is_read


def test_msgraph_mail_list_rules(desk: Desk) -> None:
    desk.run('msgraph-mail-create-rule', display_name='Invoices', actions=RULE_ACTIONS)
    assert 'Invoices' in desk.run('msgraph-mail-list-rules')
    assert [rule['id'] for rule in desk.context('MSGraphMail')['Rule']] == [desk.mailbox.rules[0]['id']]


def test_msgraph_mail_get_rule(desk: Desk) -> None:
    desk.run('msgraph-mail-create-rule', display_name='Invoices', actions=RULE_ACTIONS)
    desk.run('msgraph-mail-get-rule', rule_id=desk.mailbox.rules[0]['id'])
    assert desk.context('MSGraphMail')['Rule']['actions'] == {'markAsRead': True}


def test_msgraph_mail_update_rule(desk: Desk) -> None:
    desk.run('msgraph-mail-create-rule', display_name='Invoices', actions=RULE_ACTIONS)
    desk.run('msgraph-mail-update-rule', rule_id=desk.mailbox.rules[0]['id'], is_enabled='false')
    assert (desk.mailbox.rules[0]['isEnabled'], desk.mailbox.rules[0]['displayName']) == (False, 'Invoices')


def test_msgraph_mail_delete_rule(desk: Desk) -> None:
    desk.run('msgraph-mail-create-rule', display_name='Invoices', actions=RULE_ACTIONS)
    desk.run('msgraph-mail-delete-rule', rule_id=desk.mailbox.rules[0]['id'])
    assert desk.mailbox.rules == []
    assert desk.context('MSGraphMail')['Rule']['deleted'] is True


def test_msgraph_mail_get_settings(desk: Desk) -> None:
    desk.run('msgraph-mail-get-settings', property='workingHours')
    settings = desk.context('MSGraphMail')['Settings']
    assert settings['WorkingHours']['StartTime'] == '08:00:00.0000000'
    desk.run('msgraph-mail-get-settings', user_id=BOB)
    settings = desk.context('MSGraphMail')['Settings']
    assert (settings['UserID'], settings['TimeZone']) == (BOB, 'UTC')


def test_msgraph_mail_get_mailtips(desk: Desk) -> None:
    desk.run('msgraph-mail-get-mailtips', email_addresses=f'{BOB},nobody@contoso.example')
    assert [tip['EmailAddress'] for tip in desk.context('MSGraphMail')['MailTips']] == [BOB, 'nobody@contoso.example']


# endregion


def test_eml_is_a_mail_that_others_can_read(desk: Desk) -> None:
    letter = desk.letter('Grüße', plain='Guten Tag')
    desk.run('msgraph-mail-get-email-as-eml', message_id=letter.immutable_id)
    [content] = desk.files().values()
    assert message_from_bytes(content)['Message-ID'] == letter.internet_message_id
