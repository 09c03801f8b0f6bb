"""The mailboxes as python-o365 sees them, a client that is not ours: it signs in, lists, reads, sends, uploads."""

import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msal
import pytest
from O365 import Account, MSGraphProtocol
from O365.utils.query import QueryBuilder
from O365.utils.token import MemoryTokenBackend

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Message
from sandbox.tests.microsoft.clients import TENANT
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB
from sandbox.tests.microsoft.graph_mail.sending_test import latest

LARGE = bytes(range(256)) * 4096 * 7


@pytest.fixture
def account(cloud: MicrosoftCloud, daemon: Application, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Signed in as an application, in Ada's mailbox; only addresses and the CA are those of the local cloud."""
    # requests lets the variable win over what a session is told
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    monkeypatch.setattr(MSGraphProtocol, '_protocol_url', f'{cloud.graph}/')
    monkeypatch.setattr(MSGraphProtocol, '_oauth_scope_prefix', f'{cloud.graph}/')
    tokens = MemoryTokenBackend()
    made = Account(
        (daemon.client_id, daemon.secret),
        protocol=MSGraphProtocol(timezone='UTC'),
        auth_flow_type='credentials',
        tenant_id=TENANT,
        main_resource=ADA,
        token_backend=tokens,
        verify_ssl=cloud.ca_file,
        requests_delay=0,
    )
    made.con._msal_client = msal.ConfidentialClientApplication(
        daemon.client_id,
        client_credential=daemon.secret,
        authority=f'{cloud.authority}/{TENANT}',
        token_cache=tokens,
        verify=cloud.ca_file,
        instance_discovery=False,
    )
    assert made.authenticate(requested_scopes=[f'{cloud.graph}/.default'])
    return made


def test_it_lists_pages_and_filters(account: Account, mailbox: Mailbox) -> None:
    inbox = account.mailbox().inbox_folder()
    assert len({message.object_id for message in inbox.get_messages(limit=25, batch=7)}) == 25
    query = QueryBuilder(account.protocol)
    since = datetime.now(timezone.utc) - timedelta(hours=3, minutes=30)
    recent = query.chain_and(query.greater_equal('receivedDateTime', since), query.contains('subject', 'report'))
    assert [message.subject for message in inbox.get_messages(query=recent)] == ['Report 1', 'Report 2', 'Report 3']
    named = inbox.get_messages(query=query.equals('subject', 'Report 9') & query.select('subject'))
    assert [message.subject for message in named] == ['Report 9']


def test_it_walks_folders(account: Account, mailbox: Mailbox) -> None:
    box = account.mailbox()
    assert {'Inbox', 'Sent Items'} <= {folder.name for folder in box.get_folders()}
    team = box.inbox_folder().create_child_folder('Team/A')
    assert [folder.name for folder in box.inbox_folder().get_folders()] == ['Team/A']
    assert team.update_folder_name('Team/B')
    assert box.inbox_folder().get_folder(folder_name='Team/B').folder_id == team.folder_id
    assert team.delete()
    assert box.inbox_folder().get_folders() == []


def test_it_reads_bodies_attachments_and_mime(account: Account, mailbox: Mailbox) -> None:
    stored = mailbox.deliver(
        Message('With a file', EmailAddress('Zoë', 'zoe@partner.example'), mailbox.now(), html='<p>Grüße</p>', to=[mailbox.owner])
    )
    mailbox.attach_file(stored, 'plan.txt', b'plan', 'text/plain')
    inner = Message('Inner', EmailAddress('a', 'a@b.example'), 0, html='<p>inner</p>')
    mailbox.attach_item(stored, inner)
    message = account.mailbox().get_message(stored.message_id)
    assert (message.subject, message.sender.address, message.body) == ('With a file', 'zoe@partner.example', '<p>Grüße</p>')
    assert message.attachments.download_attachments()
    assert sorted(one.name for one in message.attachments) == ['Inner', 'plan.txt']
    assert message.get_mime_content() == mime.build(stored)


def test_it_sends_and_answers(account: Account, mailbox: Mailbox, bobs: Mailbox) -> None:
    message = account.new_message()
    message.to.add(BOB)
    message.subject = 'From o365'
    message.body = '<p>Hello</p>'
    assert message.send()
    assert (latest(bobs).subject, latest(bobs).text) == ('From o365', 'Hello')
    received = account.mailbox().inbox_folder().get_message(query="subject eq 'Report 1'")
    assert received.mark_as_read()
    answer = received.reply(to_all=False)
    answer.body = 'Thanks.'
    assert answer.send()
    assert latest(mailbox, 'sentitems').subject == 'RE: Report 1'
    assert received.move('archive')
    assert latest(mailbox, 'archive').is_read


def test_it_uploads_a_large_attachment(account: Account, bobs: Mailbox, cloud: MicrosoftCloud, tmp_path: Path) -> None:
    (tmp_path / 'large.bin').write_bytes(LARGE)
    message = account.new_message()
    message.to.add(BOB)
    message.subject = 'Large'
    assert message.save_draft()
    message.attachments.add(str(tmp_path / 'large.bin'))
    assert message.save_draft()
    assert cloud.requests.of('graph', 'createUploadSession')
    assert message.send()
    [attachment] = latest(bobs).attachments
    assert isinstance(attachment, FileAttachment)
    assert attachment.name == 'large.bin'
    assert hashlib.sha256(attachment.content.read()).digest() == hashlib.sha256(LARGE).digest()
