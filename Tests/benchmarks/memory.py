"""How much memory a command takes that sends a large file, or saves one."""

import os
import sys
from pathlib import Path
from typing import Any

from authentication_methods import ADA, client_secret
from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row, at_most
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.model import FileAttachment, Message
from sandbox.servers import Sandbox

MEGABYTE = 1024 * 1024
GOAL = 16.0  # MB
BOB = 'bob@contoso.example'


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    cloud, folder = sandbox.cloud, sandbox.folder
    take_large_mails(cloud)
    size = effort.large * MEGABYTE
    message = message_with_file(cloud, size)
    jobs = {
        f'sending {effort.large} MB': sending(file_of(folder, size)),
        f'saving {effort.large} MB': ('msgraph-mail-get-attachment', {'message_id': message.immutable_id}),
        f'saving {effort.large} MB as EML': ('msgraph-mail-get-email-as-eml', {'message_id': message.immutable_id}),
    }
    measured = {what: over_idle(cloud, folder, *job) for what, job in jobs.items()}
    return [
        at_most(f'Memory over idle: {what}', one['above'] / MEGABYTE, GOAL, 'MB', f'idle: {one["idle"] / MEGABYTE:.0f} MB')
        for what, one in measured.items()
    ]


def take_large_mails(cloud: MicrosoftCloud) -> None:
    """From now on the mailboxes take mails of any size, and as many within minutes as somebody sends."""
    cloud.limits.uploaded_bytes = sys.maxsize
    for address in (ADA, BOB):
        cloud.mailbox(address).message_limit = sys.maxsize


def over_idle(cloud: MicrosoftCloud, folder: Path, command: str, arguments: dict[str, Any]) -> Any:
    """Run a command in a process of its own. Return its seconds, the bytes of that before it, and of its peak above them."""
    job = {'params': client_secret(cloud), 'command': command, 'args': arguments, 'folder': str(folder)}
    return fresh_process.run('memory.py', folder, job, REQUESTS_CA_BUNDLE=cloud.ca_file)


def sending(file: Path) -> tuple[str, dict[str, Any]]:
    """Return the command that sends a file, and its arguments."""
    return 'send-mail', {'to': BOB, 'subject': 'Large', 'attachIDs': str(file)}


def file_of(folder: Path, size: int) -> Path:
    """Return a file of `size` bytes."""
    path = folder / f'{size}.bin'
    with path.open('wb') as file:
        for _ in range(size // MEGABYTE):
            file.write(os.urandom(MEGABYTE))
    return path


def message_with_file(cloud: MicrosoftCloud, size: int) -> Message:
    """Return a message in Ada's inbox with one file of `size` bytes."""
    mailbox, content = cloud.mailbox(ADA), Content()
    for _ in range(size // MEGABYTE):
        content.append(os.urandom(MEGABYTE))
    message = mailbox.deliver(Message('Large', mailbox.owner, mailbox.now(), to=[mailbox.owner], html='<p>Large</p>'))
    mailbox.attach(message, FileAttachment(name='large.bin', content_type='application/octet-stream', content=content))
    return message
