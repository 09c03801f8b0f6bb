"""Default folders by their English names in a mailbox of another language, and folders that only have such a name."""

import pytest

from CommonServerPython import DemistoException
from conformance.unified import instances
from conformance.unified.instances import ADA, Instance
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailFilterApiModule import find_fetch_folder
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


@pytest.mark.parametrize('name', ['Scheduled', 'Archive', 'Clutter', 'Sent Items'])
def test_a_folder_of_the_user_comes_before_a_default_folder_of_its_name(
    instance: Instance, mail: GraphMailClient, adas: Mailbox, name: str
) -> None:
    if folder := adas.folder(name.replace(' ', '').lower()):
        adas.rename_folder(folder, 'Etwas')
    own = adas.make_folder(name)
    fill(adas, adas.make_folder('Sub', own.folder_id))
    assert find_fetch_folder(mail.mailbox, name) == own.folder_id
    assert listed(instance, f'{name}/Sub') == ['It is here']


@pytest.mark.parametrize(
    'name, missing',
    [('Nowhere', 'Nowhere'), ('Deleted Items/Nowhere', 'Nowhere'), ('Clutter', 'Clutter'), ('Scheduled/Sub', 'Scheduled')],
)
def test_what_does_not_exist_is_named(mail: GraphMailClient, adas: Mailbox, name: str, missing: str) -> None:
    with pytest.raises(DemistoException) as told:
        find_fetch_folder(mail.mailbox, name)
    assert str(told.value).startswith(f"There is no folder '{missing}' in ")
    assert str(told.value).endswith("Change 'Folders to fetch from'.")
