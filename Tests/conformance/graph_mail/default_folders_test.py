"""Default folders by their English names in a mailbox of another language, and folders that only have such a name."""

import pytest

from CommonServerPython import DemistoException
from conformance.unified import instances
from conformance.unified.instances import ADA, Instance
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailFetchOptionsApiModule import find_fetch_folder
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Folder, Message

instance = instances.instance
GERMAN = {
    'inbox': 'Posteingang',
    'drafts': 'Entw\u00fcrfe',
    'sentitems': 'Gesendete Elemente',
    'deleteditems': 'Gel\u00f6schte Elemente',
    'junkemail': 'Junk-E-Mail',
}


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    """Return the mailbox of a German."""
    mailbox = instance.cloud.mailbox(ADA)
    for name, shown in GERMAN.items():
        mailbox.rename_folder(folder_of(mailbox, name), shown)
    return mailbox


def folder_of(mailbox: Mailbox, name: str) -> Folder:
    found = mailbox.folder(name)
    assert found
    return found


def fill(mailbox: Mailbox, folder: Folder, subject: str = 'It is here') -> None:
    message = Message(subject, EmailAddress('Eve', 'eve@partner.example'), mailbox.now(), to=[mailbox.owner])
    mailbox.deliver(message, folder.folder_id)


def listed(instance: Instance, folder: str) -> list[str]:
    context = instance.context('msgraph-mail-list-emails', folder_id=folder)
    return [one['Subject'] for one in context]


@pytest.mark.parametrize(
    'name, parent',
    [
        ('Deleted Items/Sub', 'deleteditems'),
        ('deleted items/sub', 'deleteditems'),
        ('Gel\u00f6schte Elemente/Sub', 'deleteditems'),
        ('Junk Email/Sub', 'junkemail'),
        ('JunkEmail/Sub', 'junkemail'),
        ('Inbox/Sub', 'inbox'),
        ('Sent Items/Sub', 'sentitems'),
    ],
)
def test_a_path_may_start_with_the_english_name_of_a_default_folder(
    instance: Instance, adas: Mailbox, name: str, parent: str
) -> None:
    fill(adas, adas.make_folder('Sub', parent))
    assert listed(instance, name) == ['It is here']


@pytest.mark.parametrize(
    'name, well_known',
    [
        ('Deleted Items', 'deleteditems'),
        ('Junk Email', 'junkemail'),
        ('junk-email', 'junkemail'),
        ('Inbox', 'inbox'),
        ('inbox', 'inbox'),
        ('Posteingang', 'inbox'),
        ('Sent Items', 'sentitems'),
    ],
)
def test_the_fetch_finds_default_folders_by_english_names(
    mail: GraphMailClient, adas: Mailbox, name: str, well_known: str
) -> None:
    assert find_fetch_folder(mail.mailbox, name) == folder_of(adas, well_known).folder_id


@pytest.mark.parametrize('given', ['{0}', '"{0}"', ' {0} ', '/{0}/'])
@pytest.mark.parametrize('name', ['Scheduled', 'Conflicts', 'Archive', 'Clutter', 'Sent Items', 'Inbox'])
def test_a_folder_of_the_user_comes_before_a_default_folder_of_its_name(
    instance: Instance, mail: GraphMailClient, adas: Mailbox, name: str, given: str
) -> None:
    if folder := adas.folder(name.replace(' ', '').lower()):
        adas.rename_folder(folder, 'Etwas')
    own = adas.make_folder(name)
    fill(adas, adas.make_folder('Sub', own.folder_id))
    assert find_fetch_folder(mail.mailbox, name) == own.folder_id
    assert listed(instance, f'{name}/Sub') == ['It is here']
    [message] = instance.context('msgraph-mail-list-emails', folder_id=f'{name}/Sub')
    instance.run('msgraph-mail-move-email', message_id=message['ID'], destination_folder_id=given.format(name))
    assert [one.subject for one in adas.messages(own.folder_id)] == ['It is here']


@pytest.mark.parametrize(
    'command, arguments, path',
    [
        ('msgraph-mail-list-child-folders', {'parent_folder_id': 'Archive'}, '/childFolders'),
        ('msgraph-mail-delete-folder', {'folder_id': 'Archive'}, ''),
        ('msgraph-mail-update-folder', {'folder_id': 'Archive', 'new_display_name': 'x'}, ''),
        ('msgraph-mail-create-folder', {'parent_folder_id': 'Archive', 'new_folder_name': 'x'}, '/childFolders'),
        ('msgraph-mail-find-email', {'folder_id': 'Archive', 'subject': 'x'}, '/messages'),
    ],
)
def test_every_command_means_the_folder_of_the_user(
    instance: Instance, adas: Mailbox, command: str, arguments: dict[str, str], path: str
) -> None:
    adas.rename_folder(folder_of(adas, 'archive'), 'Archiv')
    own = adas.make_folder('Archive')
    instance.run(command, **arguments)
    assert instance.cloud.requests[-1].path.endswith(f'/mailFolders/{own.folder_id}{path}')


@pytest.mark.parametrize('name', ['inbox', 'junkemail', 'deleteditems', 'sentitems'])
def test_a_name_as_graph_writes_it_needs_no_list_of_folders(instance: Instance, adas: Mailbox, name: str) -> None:
    adas.make_folder(name)
    instance.run('msgraph-mail-list-child-folders', parent_folder_id=name)
    paths = [one.path for one in instance.cloud.requests if '/mailFolders' in one.path]
    assert [path.partition('/mailFolders')[2] for path in paths] == [f'/{name}/childFolders']


def test_an_unknown_default_folder_is_named(instance: Instance, adas: Mailbox) -> None:
    inbox = folder_of(adas, 'inbox').folder_id
    ids = {'message_id': adas.messages(inbox)[0].immutable_id}
    error = instance.error('msgraph-mail-move-email', **ids, destination_folder_id='Scheduled')
    assert "There is no folder 'Scheduled' in the mailbox." in error
    assert error.endswith('Change destination_folder_id.')
    error = instance.error('msgraph-mail-move-email', **ids, destination_folder_id='scheduled')
    assert 'Check that message_id and destination_folder_id belong to this mailbox.' in error


@pytest.mark.parametrize(
    'name, missing',
    [('Nowhere', 'Nowhere'), ('Deleted Items/Nowhere', 'Nowhere'), ('Clutter', 'Clutter'), ('Scheduled/Sub', 'Scheduled')],
)
def test_what_does_not_exist_is_named(mail: GraphMailClient, adas: Mailbox, name: str, missing: str) -> None:
    with pytest.raises(DemistoException) as told:
        find_fetch_folder(mail.mailbox, name)
    assert str(told.value).startswith(f"There is no folder '{missing}' in ")
    assert str(told.value).endswith("Change 'Folders to fetch from'.")
