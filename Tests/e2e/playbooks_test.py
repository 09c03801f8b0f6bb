"""The playbooks of the pack, in incidents of fetched emails, up to what the mailbox and the war room hold."""

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

import pytest

from authentication_methods import ADA, client_secret
from demo.administrator import INTEGRATION, Administrator
from e2e.analyst import BOB
from e2e.playbooks import PLAYBOOKS, Context, Run, run_playbook
from e2e.war_room import WarRoom, texts
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.servers import Sandbox

GET, DELETE = 'Get Original Email - O365 Outlook Mail Single User', 'Delete Email With Approval - O365 Outlook Mail Single User'
INVOICE = b'%PDF-1.7 pay here'


class Case:
    """An incident of a mail with an attachment, fetched from a mailbox, and what came of playbooks in it.

    Args:
        address: the mailbox. Commands run in Ada's unless they are told another one.
    """

    def __init__(self, sandbox: Sandbox, administrator: Administrator, address: str) -> None:
        cloud = sandbox.cloud
        self.mailbox = cloud.mailbox(address)
        sender = EmailAddress('Eve', 'eve@fabrikam.example')
        self.message = self.mailbox.deliver(
            Message('Invoice', sender, self.mailbox.now(), to=[self.mailbox.owner], html='<p>Pay today.</p>')
        )
        self.mailbox.attach_file(self.message, 'invoice.pdf', INVOICE, 'application/pdf')
        self.instance = f'Playbooks {address}'
        settings = {**client_secret(cloud), 'isFetch': True, 'first_fetch': '2 hours'}
        administrator.add_instance(self.instance, {**settings, **({} if address == ADA else {'mailbox_to_fetch': address})})
        fetched = sandbox.server.fetch_now(self.instance)
        self.incident: dict[str, Any] = next(one for one in fetched.incidents if one['name'] == 'Invoice')
        self.war_room = WarRoom(sandbox.server, self.incident['id'])
        self._playground = WarRoom(sandbox.server)
        self._administrator = administrator
        self._context = Context(self.war_room)
        self._of_the_fetch = self._file_ids()

    def run(
        self,
        playbook: str,
        *,
        incident: 'dict[str, Any] | None' = None,
        approval: str = '',
        brands: Collection[str] = (INTEGRATION,),
        **inputs: str,
    ) -> Run:
        return run_playbook(
            playbook,
            self._context,
            self._playground,
            self.instance,
            inputs,
            self.incident if incident is None else incident,
            brands,
            Delete_the_email=approval,
        )

    def files(self) -> list[bytes]:
        """Return the files that playbooks put into the incident: not those of the fetch."""
        new = [entry_id for entry_id in self._file_ids() if entry_id not in self._of_the_fetch]
        return [self._administrator.download_file(entry_id) for entry_id in new]

    def _file_ids(self) -> list[str]:
        found = self._context.look_up('File.EntryID')
        return found if isinstance(found, list) else [found]

    def folder(self) -> str:
        """Return where the mail is: inbox, deleteditems, or nowhere that its owner can see."""
        seen = any(message.immutable_id == self.message.immutable_id for message in self.mailbox.messages())
        return next((name for name in ('inbox', 'deleteditems') if seen and self.mailbox.is_in(self.message, name)), 'nowhere')


@pytest.fixture
def case(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> Case:
    return Case(sandbox, administrator, ADA)


@pytest.fixture
def case_of_bob(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> Case:
    return Case(sandbox, administrator, BOB)


def immutable_id(message: Message) -> str:
    return message.immutable_id


def plain_id(message: Message) -> str:
    """Return the ID that changes with the folder, as incidents of the marketplace integration have it."""
    return message.message_id


def web_address(message: Message) -> str:
    return f'https://outlook.office365.com/owa/?ItemID={quote(message.message_id)}&exvsurl=1&viewmodel=ReadMessageItem'


def message_id_header(message: Message) -> str:
    return message.internet_message_id


def bare_message_id_header(message: Message) -> str:
    return message.internet_message_id.strip('<>')


NAMES_OF_AN_EMAIL = (immutable_id, plain_id, web_address, message_id_header, bare_message_id_header)


def test_the_original_email_of_an_incident_is_byte_for_byte_that_of_the_mailbox(case: Case) -> None:
    run = case.run(GET)
    assert case.files() == [mime.build(case.message), INVOICE]
    mail = case.war_room.context()['MSGraphMail']
    assert (mail['ID'], mail['Subject'], mail['From']['Address']) == (
        case.message.immutable_id,
        'Invoice',
        'eve@fabrikam.example',
    )
    assert run.tasks[-1] == 'Done'
    assert run.asked == []


@pytest.mark.parametrize('name', NAMES_OF_AN_EMAIL)
def test_an_email_is_named_in_any_form_and_attachments_can_be_left_out(case: Case, name: Callable[[Message], str]) -> None:
    case.war_room.run('!msgraph-mail-list-emails', case.instance)  # other emails are in the context
    run = case.run(GET, incident={}, MessageID=name(case.message), GetAttachments='False')
    assert case.files() == [mime.build(case.message)]
    assert run.context.look_up('OriginalEmail') == {
        'ID': case.message.immutable_id,
        'FolderID': case.mailbox.folder('inbox').folder_id,
        'UserID': ADA,
    }


def test_the_email_of_a_shared_mailbox_is_found_where_the_incident_comes_from(case_of_bob: Case) -> None:
    case_of_bob.run(GET)
    assert mime.build(case_of_bob.message) in case_of_bob.files()


def test_without_an_email_there_is_nothing_to_do(case: Case) -> None:
    assert case.run(GET, incident={}).tasks[-2:] == ['Is there an email ID?', 'Done']
    run = case.run(DELETE, incident={})
    assert run.tasks[-3:] == ['Is there an email ID?', 'Not deleted', 'Done']
    assert run.asked == []
    assert case.files() == []


def test_without_the_integration_there_is_nothing_to_do(case: Case) -> None:
    assert case.run(GET, brands=()).tasks[-2:] == ['Is the integration enabled?', 'Done']
    run = case.run(DELETE, brands=())
    assert run.tasks[-3:] == ['Was the email found?', 'Not deleted', 'Done']
    assert run.asked == []
    assert case.folder() == 'inbox'


def test_an_email_that_is_gone_ends_the_playbook_and_the_war_room_says_why(case: Case) -> None:
    gone = '<gone@fabrikam.example>'
    case.run(GET)  # the email of an earlier run is not the email of this one
    run = case.run(GET, MessageID=gone)
    assert run.tasks[-3:] == ['Find the email', 'Not found', 'Done']
    assert run.context.look_up('OriginalEmail.ID') in (None, [])
    assert f'No email has the Message-ID {gone}' in texts(case.war_room.entries())


def test_nobody_is_asked_about_an_email_that_is_gone(case: Case) -> None:
    case.run(DELETE, approval='No')  # the email of an earlier run is not the email of this one
    run = case.run(DELETE, approval='Yes', MessageID='<gone@fabrikam.example>')
    assert run.tasks[-4:] == ['Done', 'Was the email found?', 'Not deleted', 'Done']
    assert run.asked == []
    assert case.folder() == 'inbox'


@pytest.mark.parametrize('name', NAMES_OF_AN_EMAIL)
def test_an_approved_email_is_deleted_and_can_be_put_back_as_the_note_says(case: Case, name: Callable[[Message], str]) -> None:
    case.war_room.run('!msgraph-mail-list-emails', case.instance)  # other emails are in the context
    run = case.run(DELETE, approval='Yes', Approver='soc-lead', MessageID=name(case.message))
    assert run.asked == [('Delete the email?', 'soc-lead')]
    assert case.folder() == 'deleteditems'
    assert mime.build(case.message) in case.files()

    [note] = run.notes
    said, _, undo = note.partition(' To restore it, run: ')
    assert said == 'The email was moved to Deleted Items.'
    case.war_room.run(undo, case.instance)
    assert case.folder() == 'inbox'


def test_an_email_is_not_deleted_without_approval(case: Case) -> None:
    run = case.run(DELETE, approval='No')
    assert run.tasks[-3:] == ['Delete the email?', 'Not deleted', 'Done']
    assert case.folder() == 'inbox'
    assert run.notes == []


def test_an_email_is_deleted_permanently_only_if_that_was_wanted(case: Case) -> None:
    run = case.run(DELETE, approval='Yes', Permanent='True')
    assert case.folder() == 'nowhere'
    assert run.notes == [
        'The email was deleted permanently and cannot be restored. The EML file in this War Room is a copy of it.'
    ]
    assert case.war_room.context()['MSGraphMail']['DeletedEmails']['Permanent'] is True


def test_the_email_of_a_shared_mailbox_is_deleted_there_and_put_back_there(case_of_bob: Case) -> None:
    run = case_of_bob.run(DELETE, approval='Yes')
    assert case_of_bob.folder() == 'deleteditems'
    case_of_bob.war_room.run(run.notes[0].partition(' To restore it, run: ')[2], case_of_bob.instance)
    assert case_of_bob.folder() == 'inbox'


@pytest.mark.parametrize('playbook', [name for name in PLAYBOOKS if name.endswith('Test')])
def test_a_test_playbook_reaches_its_end_and_cleans_up(case: Case, playbook: str) -> None:
    before = {message.immutable_id for message in case.mailbox.messages()}
    run = case.run(playbook, incident={})
    assert run.tasks[-1] == 'Done'
    assert all(
        case.mailbox.is_in(message, 'deleteditems') for message in case.mailbox.messages() if message.immutable_id not in before
    )


def test_commands_of_the_playbooks_are_those_of_the_integration() -> None:
    for playbook in PLAYBOOKS.values():
        for task in playbook['tasks'].values():
            if task['task']['iscommand']:
                assert task['task']['brand'] == INTEGRATION
                assert task['task']['script'].startswith(f'{INTEGRATION}|||')
