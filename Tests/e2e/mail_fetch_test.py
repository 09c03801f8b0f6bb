"""Incidents that the local XSOAR fetches from a mailbox, with the parameters of an administrator."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from authentication_methods import ADA, client_secret
from demo.administrator import Administrator
from e2e.war_room import WarRoom
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.servers import Sandbox
from sandbox.xsoar import FetchReport

INSTANCE = 'Fetcher'
BOB = EmailAddress('Bob Okafor', 'bob@contoso.example')
FIRST_FETCH = '2 hours'

Fetch = Callable[..., FetchReport]


@pytest.fixture
def mailbox(empty_mailbox: Mailbox) -> Mailbox:
    return empty_mailbox


@pytest.fixture
def fetch(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> Fetch:
    """Return a function that fetches with these parameters. The first call of a test adds the instance."""
    names: list[str] = []

    def run(**parameters: Any) -> FetchReport:
        settings = {**client_secret(cloud), 'isFetch': True, 'first_fetch': FIRST_FETCH, **parameters}
        if names:
            administrator.change_instance(names[0], settings)
        else:
            names.append(f'{INSTANCE} {id(names)}')
            administrator.add_instance(names[0], settings)
        report = sandbox.server.fetch_now(names[0])
        assert len(json.dumps(sandbox.server.last_run(names[0]))) < 64_000
        return report

    return run


def deliver(mailbox: Mailbox, subject: str, folder: str = 'inbox', age: float = 0, **more: Any) -> Message:
    """Deliver a mail from Bob that was received some seconds ago."""
    message = Message(subject, BOB, mailbox.now() - age, to=[mailbox.owner], **{'plain': 'Look at this.', **more})
    return mailbox.deliver(message, folder)


def subjects(report: FetchReport) -> list[str]:
    assert report.error == ''
    return [incident['name'] for incident in report.incidents]


def email_in(incident: dict[str, Any]) -> dict[str, Any]:
    email: dict[str, Any] = json.loads(incident['rawJSON'])
    return email


def test_a_mail_becomes_an_incident_once(fetch: Fetch, mailbox: Mailbox) -> None:
    message = deliver(mailbox, 'Invoice')

    [incident] = fetch().incidents

    email = email_in(incident)
    assert (incident['name'], incident['details']) == ('Invoice', 'Look at this.')
    assert incident['dbotMirrorId'] == email['ID'] == message.immutable_id
    assert incident['occurred'] == email['ReceivedTime']
    assert (email['From'], email['FromName'], email['To'], email['Mailbox']) == (BOB.address, BOB.name, [ADA], ADA)
    assert {'type': 'Email/From', 'value': BOB.address} in incident['labels']
    assert {'type': 'Email/Header/Subject', 'value': 'Invoice'} in incident['labels']
    assert subjects(fetch()) == []


def test_attachments_and_the_mail_itself_are_complete(
    fetch: Fetch, mailbox: Mailbox, war_room: WarRoom, administrator: Administrator
) -> None:
    message = deliver(mailbox, 'Files')
    contents = {'data.json': b'{"a": [1, 2]}', 'picture.png': bytes(range(256)), 'large.bin': bytes(1_500_000)}
    for name, content in contents.items():
        mailbox.attach_file(message, name, content, 'application/json' if name.endswith('json') else 'application/octet-stream')

    [incident] = fetch(fetch_eml=True).incidents

    files = {entry['file']: administrator.download_file(entry['id']) for entry in war_room.entries(incident['id'])}
    assert files == {**contents, 'Files.eml': b''.join(mime.chunks(message))}
    email = email_in(incident)
    digests = {one['Name']: one['SHA256'] for one in (*email['AttachmentDetails'], email['EML'])}
    assert digests == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_attachments_that_are_not_downloaded_are_named(fetch: Fetch, mailbox: Mailbox) -> None:
    message = deliver(mailbox, 'Left out')
    mailbox.attach_file(message, 'huge.bin', bytes(1_100_000))
    mailbox.attach_reference(message, 'shared.docx', 'https://files.contoso.example/shared.docx')

    [incident] = fetch(max_attachment_size='1').incidents

    huge, shared = email_in(incident)['AttachmentDetails']
    assert huge['Missing'] == 'It has 1.1 MB, but the maximum is 1 MB.'
    assert shared['Missing'].startswith('It is a link to a file elsewhere. Open the email to follow it: https://')
    assert "The attachment 'huge.bin' is not attached. It has 1.1 MB" in incident['details']
    assert incident['attachment'] == []


def test_only_mails_that_match_all_filters_become_incidents(fetch: Fetch, mailbox: Mailbox) -> None:
    filters = {
        'fetch_from': 'Bob Okafor <bob@contoso.example>; *.partner.example',
        'fetch_exclude_senders': 'news.partner.example',
        'fetch_subject': 'r\u00e9sum\u00e9',
        'fetch_filter': "not (importance eq 'low') and categories/any(c:c eq 'Red')",
    }
    senders = {name: EmailAddress(name, f'x@{name}.partner.example') for name in ('hr', 'news')}
    deliver(mailbox, 'Re\u0301sume\u0301 of Bob', categories=['red'])
    deliver(mailbox, 'R\u00e9sum\u00e9, low', categories=['Red'], importance='low')
    deliver(mailbox, 'R\u00e9sum\u00e9 without a category')
    deliver(mailbox, 'Other', categories=['Red'])
    for name, sender in senders.items():
        message = Message(f'R\u00c9SUM\u00c9 of {name}', sender, mailbox.now(), to=[mailbox.owner], plain='x', categories=['Red'])
        mailbox.deliver(message, 'inbox')

    assert sorted(subjects(fetch(**filters))) == ['Re\u0301sume\u0301 of Bob', 'R\u00c9SUM\u00c9 of hr']
    assert "'Filter' is not complete." in fetch(**{**filters, 'fetch_filter': 'subject eq'}).error


def test_mails_are_marked_as_read_when_their_incidents_exist(fetch: Fetch, mailbox: Mailbox) -> None:
    message = deliver(mailbox, 'Mark me')

    assert subjects(fetch(mark_fetched_read=True)) == ['Mark me']
    assert not message.is_read
    assert subjects(fetch(mark_fetched_read=True)) == []
    assert message.is_read


def test_a_moved_mail_counts_and_a_lost_sync_state_repeats_nothing(fetch: Fetch, mailbox: Mailbox) -> None:
    old = deliver(mailbox, 'From the archive', 'archive', age=30 * 24 * 3600)
    deliver(mailbox, 'First')
    assert subjects(fetch()) == ['First']

    mailbox.move(old, 'inbox')
    mailbox.expire_delta_tokens()

    assert subjects(fetch()) == ['From the archive']
    assert subjects(fetch()) == []


def test_several_folders_by_path_name_and_id(fetch: Fetch, mailbox: Mailbox) -> None:
    reports = mailbox.make_folder('Reports 2025/26', 'inbox')
    phishing = mailbox.make_folder('Phishing', reports.folder_id)
    for subject, folder in (('A', reports.folder_id), ('B', phishing.folder_id), ('C', 'junkemail'), ('D', 'archive')):
        deliver(mailbox, subject, folder)

    report = fetch(folder_to_fetch=f'Inbox/Reports 2025\\/26, {phishing.folder_id}, JunkEmail')

    assert sorted(subjects(report)) == ['A', 'B', 'C']


def test_only_mails_that_match_the_filters_become_incidents(fetch: Fetch, mailbox: Mailbox) -> None:
    deliver(mailbox, 'URGENT invoice')
    deliver(mailbox, 'Urgent, but read', is_read=True)
    deliver(mailbox, 'Lunch')

    report = fetch(fetch_from='contoso.example', fetch_subject='urgent', fetch_unread_only=True)

    assert subjects(report) == ['URGENT invoice']


def test_a_deleted_folder_is_reported_and_the_others_are_fetched(fetch: Fetch, mailbox: Mailbox, war_room: WarRoom) -> None:
    folder = mailbox.make_folder('Alerts')
    both = {'folder_to_fetch': 'Alerts, Inbox'}
    fetch(**both)
    mailbox.remove_folder(folder)
    deliver(mailbox, 'Still here')

    assert subjects(fetch(**both)) == ['Still here']
    assert "The folder 'Alerts' was deleted. There is no folder 'Alerts' in the mailbox." in war_room.everything()


@pytest.mark.parametrize(
    'parameters, sentence',
    [
        ({'max_fetch': 'many'}, "'many' is not a whole number from 1 to 200. Change 'Maximum number of incidents per fetch'."),
        ({'first_fetch': 'soon enough'}, "'soon enough' in 'First fetch time' is not a time. Write it as 15 minutes"),
        ({'max_attachment_size': '-1'}, "'-1' is not a whole number from 1 to 150. Change 'Maximum attachment size'."),
        (
            {'folder_to_fetch': ','.join(map(str, range(51)))},
            "'Folders to fetch from' has 51 folders. Enter up to 50, and the rest",
        ),
        ({'folder_to_fetch': 'Inbox/Nowhere'}, "There is no folder 'Nowhere' in 'Inbox'."),
    ],
)
def test_the_test_button_and_the_fetch_name_an_invalid_field(
    fetch: Fetch, administrator: Administrator, cloud: MicrosoftCloud, parameters: dict[str, str], sentence: str
) -> None:
    administrator.add_instance('Wrong', {**client_secret(cloud), 'isFetch': True, **parameters})

    assert sentence in administrator.press_test('Wrong')
    assert sentence in fetch(**parameters).error
