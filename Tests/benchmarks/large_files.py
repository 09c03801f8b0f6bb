"""Seconds for a large file on its way to a mailbox and back, against the bare loop over its ranges."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from authentication_methods import ADA
from benchmarks import fresh_process, letters
from benchmarks.effort import Effort
from benchmarks.mail_fetch import token
from benchmarks.memory import BOB, MEGABYTE, file_of, message_with_file, over_idle, sending, take_large_mails
from benchmarks.row import Row, compared, plain
from sandbox.servers import Sandbox


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    cloud, size = sandbox.cloud, effort.large
    take_large_mails(cloud)
    file = file_of(sandbox.folder, size * MEGABYTE)
    letters.clear_inbox(cloud)
    message = message_with_file(cloud, size * MEGABYTE)
    attachment = message.attachment_id(message.attachments[0], immutable=True)
    saving = 'msgraph-mail-get-attachment', {'message_id': message.immutable_id, 'attachment_id': attachment}
    with letters.slow_way(cloud):
        return [
            *_pair(
                f'Sending {size} MB',
                effort.times,
                _bare(sandbox, what='send', file=str(file), to=BOB),
                _command(sandbox, *sending(file)),
            ),
            *_pair(
                f'Saving {size} MB',
                effort.times,
                _bare(
                    sandbox,
                    what='save',
                    file=str(sandbox.folder / 'saved.bin'),
                    message=message.immutable_id,
                    attachment=attachment,
                ),
                _command(sandbox, *saving),
            ),
        ]


def _pair(what: str, times: int, bare: Callable[[], float], own: Callable[[], float]) -> list[Row]:
    """Return the limit and the command, in turns."""
    measured = [(bare(), own()) for _ in range(times)]
    limit, command = (median(one[column] for one in measured) for column in (0, 1))
    return compared([plain(f'{what}: bare loop over ranges', limit, 's'), plain(f'{what}: this integration', command, 's')])


def _bare(sandbox: Sandbox, **job: Any) -> Callable[[], float]:
    cloud = sandbox.cloud

    def run() -> float:
        whole = {'graph': cloud.graph, 'mailbox': ADA, 'token': token(sandbox), **job}
        measured = fresh_process.run('bare_chunks.py', sandbox.folder, whole, REQUESTS_CA_BUNDLE=cloud.ca_file)
        _forget_what_was_sent(sandbox)
        return float(measured['seconds'])

    return run


def _command(sandbox: Sandbox, command: str, arguments: dict[str, Any]) -> Callable[[], float]:
    def run() -> float:
        before = set(sandbox.folder.iterdir())
        measured = over_idle(sandbox.cloud, sandbox.folder, command, arguments)
        for path in set(sandbox.folder.iterdir()) - before:
            if path.is_file():  # the other is where Python keeps what it compiled
                path.unlink()
        _forget_what_was_sent(sandbox)
        return float(measured['seconds'])

    return run


def _forget_what_was_sent(sandbox: Sandbox) -> None:
    """Remove what would fill the disk."""
    for address, folder in ((ADA, 'sentitems'), (BOB, 'inbox')):
        mailbox = sandbox.cloud.mailbox(address)
        known = mailbox.folder(folder)
        assert known is not None, 'every mailbox has it'
        for message in mailbox.messages(known.folder_id):
            if message.subject == 'Large':
                mailbox.remove(message)
