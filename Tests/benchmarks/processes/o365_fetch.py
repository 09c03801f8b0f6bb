"""Fetch mails with python-o365, and print the seconds: list, download and save attachments, mark as read."""

import json
import sys
import time
from datetime import datetime
from pathlib import Path

import msal
from O365 import Account, MSGraphProtocol
from O365.message import Message
from O365.utils.query import QueryBuilder
from O365.utils.token import MemoryTokenBackend

job = json.load(sys.stdin)
folder = Path(job['folder'])


def signed_in() -> Account:
    """Signed in as an application, in the mailbox; only addresses are those of the local cloud."""
    MSGraphProtocol._protocol_url = MSGraphProtocol._oauth_scope_prefix = f'{job["graph"]}/'
    tokens, client = MemoryTokenBackend(), (job['client_id'], job['client_secret'])
    account = Account(
        client,
        protocol=MSGraphProtocol(timezone='UTC'),
        auth_flow_type='credentials',
        tenant_id=job['tenant_id'],
        main_resource=job['mailbox'],
        token_backend=tokens,
        requests_delay=0,
    )
    account.con._msal_client = msal.ConfidentialClientApplication(
        client[0],
        client_credential=client[1],
        authority=f'{job["authority"]}/{job["tenant_id"]}',
        token_cache=tokens,
        instance_discovery=False,
    )
    assert account.authenticate(requested_scopes=[f'{job["graph"]}/.default'])
    return account


def save(message: Message) -> None:
    """Save all attachments of a mail as files."""
    message.attachments.download_attachments()
    for number, attachment in enumerate(message.attachments):
        if attachment.attachment_type == 'item':
            assert message.attachments.save_as_eml(attachment, folder / f'{number}.eml')
        else:
            assert attachment.save(folder, str(number))


account = signed_in()
begun = time.perf_counter()
since = datetime.fromisoformat(job['since'])
query = QueryBuilder(account.protocol).greater_equal('receivedDateTime', since)
messages = list(account.mailbox().inbox_folder().get_messages(limit=job['count'], query=query))
for message in messages:
    save(message)
    assert message.mark_as_read()
print(json.dumps({'seconds': time.perf_counter() - begun, 'mails': len(messages)}))
