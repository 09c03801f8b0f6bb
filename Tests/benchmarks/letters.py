"""The mails that are fetched, and an inbox that holds them and nothing else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from authentication_methods import ADA
from benchmarks.effort import LATENCY
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

FILE_BYTES = 50 * 1024
WITH_FILES, WITH_MAIL = 0.4, 0.1  # of all mails: two attachments each, an attached mail each
_SENDER = EmailAddress('Zoë Partner', 'zoe@partner.example')
_BODY = '<p>' + 'A line of a mail of an ordinary length, one of many. ' * 40 + '</p>'


@contextmanager
def slow_way(cloud: MicrosoftCloud) -> Iterator[None]:
    """Let each request to Graph take longer, as it does to a service far away."""
    usual, cloud.limits.latency = cloud.limits.requests, LATENCY
    # one fetch of 1,000 mails stays under what a mailbox takes in ten minutes; five of them one after another do not
    cloud.limits.requests = 20 * usual
    try:
        yield
    finally:
        cloud.limits.requests, cloud.limits.latency = usual, 0.0


def clear_inbox(cloud: MicrosoftCloud) -> Mailbox:
    """Ada's mailbox, with nothing in the inbox."""
    mailbox = cloud.mailbox(ADA)
    inbox = mailbox.folder('inbox')
    assert inbox is not None, 'every mailbox has one'
    for message in mailbox.messages(inbox.folder_id):
        mailbox.remove(message)
    return mailbox


def deliver(mailbox: Mailbox, count: int) -> list[Message]:
    """Put `count` unread mails into the inbox: of 50, 20 have two files and 5 others an attached mail."""
    delivered = []
    for number in range(count):
        received = mailbox.now() - 0.001 * (count - number)
        message = Message(f'Letter {number}', _SENDER, received, to=[mailbox.owner], html=_BODY)
        share = number % 10 / 10
        if share < WITH_FILES:
            for name in ('first.bin', 'second.bin'):
                mailbox.attach_file(message, f'{number}-{name}', os.urandom(FILE_BYTES))
        elif share >= 1 - WITH_MAIL:
            mailbox.attach_item(message, Message(f'Inside {number}', _SENDER, received, to=[mailbox.owner], html=_BODY))
        delivered.append(mailbox.deliver(message))
    return delivered
