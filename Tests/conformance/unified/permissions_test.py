"""The README lists exactly the permissions that a command needs."""

import json
import re
from pathlib import Path

import pytest

import demistomock as demisto
from authentication_methods import authorization_code, client_secret
from conformance.unified.instances import ADA, BOB, ERROR, Instance
from conformance.unified.integration_yml import IN_YML
from conformance.unified.mail_outputs_test import CASES, RULE, Scene
from conformance.unified.sending_outputs_test import CASES as SENDING_CASES
from conformance.unified.sources import INTEGRATION
from MicrosoftGraphMailArgumentsApiModule import permissions_of
from sandbox.microsoft.graph_mail.model import Message

pytestmark = pytest.mark.slow
README = (INTEGRATION / 'README.md').read_text(encoding='utf-8')
OWN, SHARED, APPLICATION = 'own mailbox', 'another mailbox', 'application'
ARGUMENTS: dict[str, dict[str, str]] = {
    **CASES,
    **SENDING_CASES,
    'msgraph-mail-auth-test': {},
    'msgraph-mail-test': {},
    'msgraph-mail-list-emails': {},
    'msgraph-mail-get-email-as-eml': {'message_id': '{message}'},
    'msgraph-mail-get-invitation-as-ics': {'message_id': '{invitation}'},
    'msgraph-mail-get-attachment': {'message_id': '{message}', 'attachment_id': '{attachment}'},
}


def permissions_of_commands() -> dict[str, dict[str, list[str]]]:
    """Return the table of the README: permissions by command, then by kind of access."""
    section = README.partition('### Required permissions')[2].partition('\n## ')[0]
    table = re.findall(r'^\| (`[^|]*?`) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$', section, re.MULTILINE)
    return {
        command: dict(zip((OWN, SHARED, APPLICATION), (re.findall(r'`(.*?)`', cell) for cell in cells), strict=True))
        for commands, *cells in table
        for command in re.findall(r'`(.*?)`', commands)
    }


TABLE = permissions_of_commands()
SHARED_FORM = '(with .Shared in the mailbox of another user)'
OTHERS_SETTINGS = (
    'No delegated permission opens rules and settings of another user: sign in as that user, or use application permissions.'
)
NAMED_BY_INSTANCE = ('msgraph-mail-auth-test', 'msgraph-mail-test')  # their errors have a list of their own


class Trial:
    """An instance whose application has only the permissions that it is given.

    Args:
        access: OWN and SHARED act on behalf of a user, APPLICATION as an application.
    """

    def __init__(self, instance: Instance, access: str) -> None:
        self._instance, self._access = instance, access
        self._cloud = instance.cloud
        self._owner = BOB if access == SHARED else ADA
        scene = Scene(self._cloud.mailbox(self._owner))
        attachments = instance.context('msgraph-mail-list-attachments', message_id=scene.message, user_id=self._owner)
        rule = instance.run('msgraph-mail-create-rule', **RULE, user_id=self._owner)['Contents']
        self._known = {
            'message': scene.message,
            'folder': scene.folder,
            'invitation': scene.invitation,
            'rule': rule['id'],
            'attachment': attachments['Attachment'][0]['ID'],
        }
        self._cloud.directory.user(BOB).shared_with.add(self._cloud.directory.user(ADA).object_id)

    def is_allowed(self, command: str, permissions: list[str], **more: str) -> bool:
        return not self.refusal(command, permissions, **more)

    def refusal(self, command: str, permissions: list[str], **more: str) -> str:
        """Return what a command tells whose permissions are missing, empty if they are not."""
        self._grant(permissions)
        entry = self._instance.run(command, **self._arguments(command), **more)
        told = json.dumps([entry['Contents'], entry.get('HumanReadable')])
        assert entry['Type'] != ERROR or 'ErrorAccessDenied' in told, told
        return told if 'ErrorAccessDenied' in told else ''

    def _grant(self, permissions: list[str]) -> None:
        self._instance.run('msgraph-mail-auth-reset')
        if self._access == APPLICATION:
            self._cloud.directory.application('daemon').application_permissions = permissions
            self._instance.params.update(client_secret(self._cloud))
        else:
            web = self._cloud.directory.application('web')
            web.delegated_permissions = ['offline_access', 'User.Read', *permissions]
            web.consents.clear()
            self._instance.params.update({**authorization_code(self._cloud), 'mailbox_to_fetch': ''})
            self._instance.sign_in(permissions='.default')

    def _arguments(self, command: str) -> dict[str, str]:
        mailbox = self._cloud.mailbox(self._owner)
        draft = mailbox.deliver(Message('Plan', mailbox.owner, mailbox.now(), to=[mailbox.owner], is_draft=True), 'drafts')
        file = mailbox.attach_file(draft, 'x', b'x')
        known = {**self._known, 'draft': draft.immutable_id, 'message_id_of_draft': draft.internet_message_id}
        if 'draft-attachment' in command:
            known['attachment'] = draft.attachment_id(file, immutable=True)
        given = {name: known.get(value.strip('{}'), value) for name, value in ARGUMENTS[command].items() if name != 'from'}
        if self._access != SHARED:
            return given
        if not any(one['name'] == 'user_id' for one in IN_YML[command].get('arguments') or ()):
            self._instance.params['mailbox_to_fetch'] = self._owner
            return given
        return {**given, 'user_id': self._owner}


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demisto, 'getFilePath', lambda _id: {'path': __file__, 'name': 'x'})


@pytest.mark.parametrize('access', [OWN, SHARED, APPLICATION])
@pytest.mark.parametrize('command', ARGUMENTS)
def test_a_command_needs_the_permissions_of_the_readme(instance: Instance, command: str, access: str) -> None:
    trial = Trial(instance, access)
    needed = TABLE[command][access]
    for missing in needed:
        told = trial.refusal(command, [one for one in needed if one != missing])
        assert told, f'{missing} is not needed.'
        if command not in NAMED_BY_INSTANCE:
            assert re.search(f'Check that the permissions? [^()]*{re.escape(missing.removesuffix(".Shared"))} ', told)
            assert (SHARED_FORM in told) is ('MailboxSettings' not in missing and access != APPLICATION)
            assert OTHERS_SETTINGS not in told
    own_rights = [*TABLE[command][OWN], 'MailboxSettings.ReadWrite']
    told = trial.refusal(command, needed or own_rights)
    assert bool(told) is not bool(needed)
    if told:
        assert OTHERS_SETTINGS in told


@pytest.mark.parametrize('command', ARGUMENTS)
def test_errors_name_the_permissions_of_the_readme(command: str) -> None:
    assert list(permissions_of(command)) == TABLE[command][OWN]


def test_every_command_that_calls_graph_is_tested() -> None:
    assert set(ARGUMENTS) == {command for command, needs in TABLE.items() if needs[APPLICATION]}


FOLDER_RULES = {
    'msgraph-mail-block-sender': {'sender': 'eve@partner.example', 'folder_id': 'Team'},
    'msgraph-mail-create-rule': {'display_name': 'x', 'actions': '{"moveToFolder": "Team"}'},
}


@pytest.mark.parametrize('command', FOLDER_RULES)
def test_a_rule_with_the_name_of_a_folder_needs_another_permission(instance: Instance, command: str) -> None:
    Scene(instance.cloud.mailbox(ADA))  # has the folder
    application = instance.cloud.directory.application('daemon')
    instance.params.update(client_secret(instance.cloud))
    needed = TABLE[command][APPLICATION]
    for permissions in (needed, [*needed, 'Mail.Read']):
        application.application_permissions = permissions
        instance.run('msgraph-mail-auth-reset')
        entry = instance.run(command, **FOLDER_RULES[command])
        assert (entry['Type'] == ERROR) is (permissions == needed)
        assert ('permissions MailboxSettings.ReadWrite and Mail.Read are granted' in entry['Contents']) is (permissions == needed)


@pytest.mark.parametrize('access', [OWN, SHARED, APPLICATION])
def test_an_email_that_is_not_saved_needs_one_permission(instance: Instance, access: str) -> None:
    trial, sending = Trial(instance, access), TABLE['send-mail'][access][1:]
    assert trial.is_allowed('send-mail', sending, save_to_sent_items='false')
    told = trial.refusal('send-mail', TABLE['msgraph-mail-get-email'][access], save_to_sent_items='false')
    assert 'Check that the permission Mail.Send is granted' in told


@pytest.mark.parametrize('access', [OWN, SHARED, APPLICATION])
def test_a_draft_that_is_named_by_its_message_id_needs_another_permission(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    command = 'msgraph-mail-send-draft'
    trial, sending, reading = Trial(instance, access), TABLE[command][access], TABLE['msgraph-mail-get-email'][access]
    monkeypatch.setitem(ARGUMENTS, command, {'draft_id': '{message_id_of_draft}'})
    told = trial.refusal(command, sending)
    assert 'Check that the permissions Mail.Read and Mail.Send are granted' in told
    assert 'Check that the permission Mail.Send is granted' in trial.refusal(command, reading)
    assert trial.is_allowed(command, [*sending, *reading])


@pytest.mark.parametrize('command', FOLDER_RULES)
def test_a_user_is_told_that_rules_of_another_user_cannot_be_opened(instance: Instance, command: str) -> None:
    trial, permissions = Trial(instance, SHARED), ['MailboxSettings.ReadWrite', 'Mail.Read', 'Mail.Read.Shared']
    told = trial.refusal(command, permissions)
    assert f'Check that the permission MailboxSettings.ReadWrite is granted. {OTHERS_SETTINGS}' in told


@pytest.mark.parametrize('mailbox, expected', [('', 'may open this mailbox.'), (ADA, OTHERS_SETTINGS)])
def test_a_user_is_told_which_permission_the_own_settings_need(instance: Instance, mailbox: str, expected: str) -> None:
    told = Trial(instance, OWN).refusal('msgraph-mail-get-settings', ['Mail.Read'], user_id=mailbox)
    assert 'Check that the permission MailboxSettings.Read is granted' in told
    assert expected in told
