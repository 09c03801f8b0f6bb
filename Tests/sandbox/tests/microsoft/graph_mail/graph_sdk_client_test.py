"""The mailboxes as Microsoft's own SDK sees them: it signs in by azure-identity, lists, reads, sends, uploads, follows delta."""

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from azure.identity import ClientSecretCredential
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attachment_item import AttachmentItem
from msgraph.generated.models.attachment_type import AttachmentType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress as SdkAddress
from msgraph.generated.models.file_attachment import FileAttachment as SdkFile
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.message import Message as SdkMessage
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.messages.item.attachments.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph.generated.users.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody
from msgraph_core.tasks import LargeFileUploadTask

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, FileAttachment, Message
from sandbox.tests.microsoft.clients import TENANT
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB
from sandbox.tests.microsoft.graph_mail.sending_test import latest

LARGE = bytes(range(256)) * 4096 * 7
RANGE_BYTES = 3 * 1024 * 1024

Work = Callable[[Any], Awaitable[None]]


@pytest.fixture
def run(cloud: MicrosoftCloud, daemon: Application) -> Callable[[Work], None]:
    """Run ``work`` with the SDK's request builder of Ada; only addresses and the CA are those of the local cloud."""
    credential = ClientSecretCredential(
        TENANT,
        daemon.client_id,
        daemon.secret,
        authority=cloud.authority,
        connection_verify=cloud.ca_file,
        disable_instance_discovery=True,
    )

    async def with_client(work: Work) -> None:
        async with httpx.AsyncClient(verify=cloud.ca_file, trust_env=False) as connections:
            provider = AzureIdentityAuthenticationProvider(
                credential, scopes=[f'{cloud.graph}/.default'], allowed_hosts=['localhost']
            )
            adapter = GraphRequestAdapter(provider, connections)
            adapter.base_url = f'{cloud.graph}/v1.0'
            await work(GraphServiceClient(request_adapter=adapter).users.by_user_id(ADA))

    return lambda work: asyncio.run(with_client(work))


def recipients(*addresses: str) -> list[Recipient]:
    return [Recipient(email_address=SdkAddress(address=address)) for address in addresses]


def test_it_lists_and_reads(run: Callable[[Work], None], mailbox: Mailbox) -> None:
    stored = mailbox.deliver(Message('With a file', EmailAddress('Zoë', 'zoe@partner.example'), mailbox.now(), html='<p>ü</p>'))
    mailbox.attach_file(stored, 'plan.txt', b'plan', 'text/plain')
    options = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(
        top=20, select=['subject', 'hasAttachments'], filter='hasAttachments eq false', orderby=None, count=True
    )

    async def work(ada: Any) -> None:
        page = await ada.messages.get(RequestConfiguration(query_parameters=options))
        assert (page.odata_count, len(page.value)) == (25, 20)
        rest = await ada.messages.with_url(page.odata_next_link).get()
        assert len(rest.value) == 5
        message = await ada.messages.by_message_id(stored.message_id).get()
        assert (message.subject, message.from_.email_address.address, message.body.content_type) == (
            'With a file',
            'zoe@partner.example',
            BodyType.Html,
        )
        attachments = await ada.messages.by_message_id(stored.message_id).attachments.get()
        assert isinstance(attachments.value[0], SdkFile)
        assert attachments.value[0].content_bytes == b'plan'
        raw = await ada.messages.by_message_id(stored.message_id).content.get()
        assert raw.startswith(b'From: ')
        with pytest.raises(ODataError) as refused:
            await ada.messages.by_message_id('abc').get()
        assert refused.value.error.code == 'ErrorInvalidIdMalformed'

    run(work)


def test_it_walks_folders_and_moves(run: Callable[[Work], None], mailbox: Mailbox) -> None:
    team = mailbox.make_folder('Team/A', 'inbox')
    message = mailbox.messages()[0]

    async def work(ada: Any) -> None:
        folders = await ada.mail_folders.get()
        assert {'Inbox', 'Drafts'} <= {folder.display_name for folder in folders.value}
        children = await ada.mail_folders.by_mail_folder_id('inbox').child_folders.get()
        assert [(child.id, child.display_name) for child in children.value] == [(team.folder_id, 'Team/A')]
        moved = await ada.messages.by_message_id(message.message_id).move.post(MovePostRequestBody(destination_id=team.folder_id))
        assert moved.parent_folder_id == team.folder_id

    run(work)


def test_it_sends(run: Callable[[Work], None], bobs: Mailbox) -> None:
    message = SdkMessage(
        subject='From the SDK',
        body=ItemBody(content='Hello', content_type=BodyType.Text),
        to_recipients=recipients(BOB),
        attachments=[SdkFile(odata_type='#microsoft.graph.fileAttachment', name='a.txt', content_bytes=b'plan')],
    )

    async def work(ada: Any) -> None:
        await ada.send_mail.post(SendMailPostRequestBody(message=message, save_to_sent_items=True))

    run(work)
    assert (latest(bobs).subject, latest(bobs).text) == ('From the SDK', 'Hello')
    [attachment] = latest(bobs).attachments
    assert isinstance(attachment, FileAttachment)
    assert attachment.content.read() == b'plan'


def test_it_uploads_a_large_attachment(run: Callable[[Work], None], bobs: Mailbox, cloud: MicrosoftCloud) -> None:
    async def work(ada: Any) -> None:
        draft = await ada.messages.post(SdkMessage(subject='Large', to_recipients=recipients(BOB)))
        attachments = ada.messages.by_message_id(draft.id).attachments
        item = AttachmentItem(attachment_type=AttachmentType.File, name='large.bin', size=len(LARGE))
        session = await attachments.create_upload_session.post(CreateUploadSessionPostRequestBody(attachment_item=item))
        async with httpx.AsyncClient(verify=cloud.ca_file, trust_env=False) as connections:
            task = LargeFileUploadTask(
                session,
                GraphRequestAdapter(AnonymousAuthenticationProvider(), connections),
                io.BytesIO(LARGE),
                max_chunk_size=RANGE_BYTES,
            )
            answer = await task.next_chunk(task.stream, 0, RANGE_BYTES - 1)
            while answer is not None:
                # the SDK's own loop does not read the position as the service writes it, and sends the last range twice
                task.next_range = answer.next_expected_ranges[0]
                answer = await task.next_chunk(task.stream)
        await ada.messages.by_message_id(draft.id).send.post()

    run(work)
    [attachment] = latest(bobs).attachments
    assert isinstance(attachment, FileAttachment)
    assert hashlib.sha256(attachment.content.read()).digest() == hashlib.sha256(LARGE).digest()


def test_it_follows_delta(run: Callable[[Work], None], mailbox: Mailbox) -> None:
    options = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=['subject'])

    async def whole_round(ada: Any, page: Any) -> tuple[list[Any], str]:
        delta = ada.mail_folders.by_mail_folder_id('inbox').messages.delta
        rows = list(page.value)
        while page.odata_next_link:
            page = await delta.with_url(page.odata_next_link).get()
            rows += page.value
        return rows, page.odata_delta_link

    async def work(ada: Any) -> None:
        delta = ada.mail_folders.by_mail_folder_id('inbox').messages.delta
        rows, link = await whole_round(ada, await delta.get(RequestConfiguration(query_parameters=options)))
        assert len(rows) == 25
        gone = mailbox.messages()[0]
        mailbox.move(gone, 'archive')
        mailbox.deliver(Message('New', EmailAddress('a', 'a@b.example'), mailbox.now()))
        rows, link = await whole_round(ada, await delta.with_url(link).get())
        assert [row.subject for row in rows] == [None, 'New']
        assert rows[0].additional_data['@removed'] == {'reason': 'deleted'}
        mailbox.expire_delta_tokens()
        with pytest.raises(ODataError) as refused:
            await delta.with_url(link).get()
        assert (refused.value.response_status_code, refused.value.error.code) == (410, 'SyncStateNotFound')

    run(work)
