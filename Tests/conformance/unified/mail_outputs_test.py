"""Every command on a mailbox returns exactly the outputs of the yml, against the local cloud."""

import os
from pathlib import Path

import pytest

from conformance.unified.instances import ADA, Instance
from conformance.unified.integration_yml import IN_YML, TYPES, covered, cut_at, leaves, readme_title, title_of
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

ADDRESS = EmailAddress('Ada Lindqvist', ADA)
RULE = {
    'display_name': 'Invoices',
    'actions': '{"markAsRead": true}',
    'conditions': '{"subjectContains": ["invoice"]}',
    'exceptions': '{"importance": "high"}',
}


class Scene:
    """A mailbox with an object of each kind, and their IDs."""

    def __init__(self, mailbox: Mailbox) -> None:
        now = mailbox.now()
        message = Message(
            subject='Whole',
            sender=ADDRESS,
            received=now,
            to=[ADDRESS],
            cc=[ADDRESS],
            bcc=[ADDRESS],
            reply_to=[ADDRESS],
            html='<p>Hello</p>',
            categories=['Red category'],
        )
        self.message = mailbox.deliver(message).immutable_id
        mailbox.attach_file(message, 'a.txt', b'a', 'text/plain', content_id='a@b')
        mailbox.attach_reference(message, 'link', 'https://files.contoso.example/a')
        self.invitation = mailbox.invite('Meeting', ADDRESS, now + 3600, now + 7200).immutable_id
        self.folder = mailbox.make_folder('Team').folder_id
        mailbox.make_folder('Child', self.folder)
        mailbox.settings['archiveFolder'] = self.folder


@pytest.fixture
def scene(cloud: MicrosoftCloud, instance: Instance) -> Scene:
    return Scene(cloud.mailbox(ADA))


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


CASES: dict[str, dict[str, str]] = {
    'msgraph-mail-find-email': {'subject': 'Whole'},
    'msgraph-mail-get-email': {'message_id': '{message}'},
    'msgraph-mail-get-conversation': {'message_id': '{message}'},
    'msgraph-mail-list-attachments': {'message_id': '{message}', 'include_hash': 'true'},
    'msgraph-update-email-status': {'message_ids': '{message}', 'status': 'Read'},
    'msgraph-mail-set-categories': {'message_ids': '{message}', 'categories': 'Blue'},
    'msgraph-mail-add-categories': {'message_ids': '{message}', 'categories': 'Blue'},
    'msgraph-mail-remove-categories': {'message_ids': '{message}', 'categories': 'Red category'},
    'msgraph-mail-list-categories': {},
    'msgraph-mail-flag-email': {'message_ids': '{message}'},
    'msgraph-mail-move-email': {'message_id': '{message}', 'destination_folder_id': '{folder}'},
    'msgraph-mail-copy-email': {'message_id': '{message}', 'destination_folder_id': '{folder}'},
    'msgraph-mail-delete-email': {'message_id': '{message}'},
    'msgraph-mail-list-folders': {},
    'msgraph-mail-list-child-folders': {'parent_folder_id': '{folder}'},
    'msgraph-mail-create-folder': {'new_folder_name': 'New'},
    'msgraph-mail-update-folder': {'folder_id': '{folder}', 'new_display_name': 'Newer'},
    'msgraph-mail-delete-folder': {'folder_id': '{folder}'},
    'msgraph-mail-list-rules': {},
    'msgraph-mail-get-rule': {'rule_id': '{rule}'},
    'msgraph-mail-create-rule': RULE,
    'msgraph-mail-update-rule': {'rule_id': '{rule}', 'sequence': '3'},
    'msgraph-mail-delete-rule': {'rule_id': '{rule}'},
    'msgraph-mail-respond-to-invitation': {'message_id': '{invitation}', 'response': 'accept'},
    'msgraph-mail-block-sender': {'sender': 'eve@partner.example'},
    'msgraph-mail-get-settings': {},
    'msgraph-mail-set-automatic-replies': {'status': 'scheduled', 'end_time': 'in 3 days', 'internal_message': 'Away'},
    'msgraph-mail-get-mailtips': {'email_addresses': f'{ADA},nobody@contoso.example'},
}


@pytest.mark.parametrize('command', CASES)
def test_a_mail_command_returns_exactly_the_outputs_of_the_yml(instance: Instance, scene: Scene, command: str) -> None:
    rule = instance.run('msgraph-mail-create-rule', **RULE)['Contents']['id']
    instance.cloud.directory.application('daemon').application_permissions.append('Calendars.ReadWrite')
    instance.run('msgraph-mail-auth-reset')
    known = {'message': scene.message, 'invitation': scene.invitation, 'folder': scene.folder, 'rule': rule}
    arguments = {name: known.get(value.strip('{}'), value) for name, value in CASES[command].items()}
    entry = instance.run(command, **arguments)
    outputs = [leaf for path, one in entry['EntryContext'].items() for leaf in leaves(path.partition('(')[0], one)]
    # a meeting is in field_reports/commands_messages_test.py
    every = {output['contextPath']: output['type'] for output in IN_YML[command]['outputs']}
    other = {'msgraph-mail-get-email': 'MSGraphMail.UniqueBody', 'msgraph-mail-get-conversation': 'MSGraphMail.Body'}.get(command)
    described = {name: kind for name, kind in every.items() if not name.startswith('MSGraphMail.Meeting.') and name != other}
    given = [(cut_at(set(described), path), value) for path, value in outputs]
    paths = [path for path, _ in outputs]
    assert set().union(*(covered(set(described), one) for one in paths)) == set(described)
    assert [path for path, value in given if not TYPES[described[path]](value)] == []
    assert title_of(entry['HumanReadable']) == readme_title(command)


@pytest.mark.parametrize(
    'command, message, file',
    [
        ('msgraph-mail-get-email-as-eml', 'message', 'Whole.eml'),
        ('msgraph-mail-get-invitation-as-ics', 'invitation', '{invitation}.ics'),
        ('msgraph-mail-get-attachment', 'message', 'a@b-attachmentName-a.txt'),
    ],
)
def test_the_outputs_of_files_are_those_of_the_platform(
    instance: Instance, scene: Scene, command: str, message: str, file: str
) -> None:
    paths = {output['contextPath'].split('.')[0] for output in IN_YML[command]['outputs']}
    assert paths - {'MSGraphMailAttachment'} == {'File'}
    attachments = instance.context('msgraph-mail-list-attachments', message_id=scene.message)['Attachment']
    extra = {'attachment_id': attachments[0]['ID']} if command.endswith('attachment') else {}
    entry = instance.run(command, message_id=getattr(scene, message), **extra)
    assert entry['File'] == file.format(**vars(scene))
    assert os.path.getsize(f'1_{entry["FileID"]}') > 0


def test_attached_emails_have_exactly_the_outputs_of_the_yml(instance: Instance, scene: Scene) -> None:
    mailbox = instance.cloud.mailbox(ADA)
    inner, outer = (Message(name, ADDRESS, mailbox.now(), to=[ADDRESS], html='<p>x</p>') for name in ('Inner', 'Outer'))
    mailbox.attach_file(inner, 'a.txt', b'a', 'text/plain')
    mailbox.deliver(outer)
    mailbox.attach_item(outer, inner)
    shown = instance.entries('msgraph-mail-get-attachment', message_id=outer.immutable_id, nested_depth='1')
    [(path, outputs)] = next(one['EntryContext'].items() for one in shown if 'EntryContext' in one)
    every = {one['contextPath']: one['type'] for one in IN_YML['msgraph-mail-get-attachment']['outputs']}
    described = {name: kind for name, kind in every.items() if not name.startswith('File.')}
    given = list(leaves(path.partition('(')[0], outputs))
    assert {name for name, _ in given} == set(described)
    assert [name for name, value in given if not TYPES[described[name]](value)] == []
