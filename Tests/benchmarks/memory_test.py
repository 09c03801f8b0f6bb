"""Memory does not depend on the speed of the machine: the goal of the benchmark of large files, tested with smaller ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.memory import BOB, GOAL, MEGABYTE, file_of, message_with_file, over_idle, sending, take_large_mails
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import FileAttachment

SIZE = 24 * MEGABYTE  # more than the goal


@pytest.fixture
def cloud() -> Iterator[MicrosoftCloud]:
    """A cloud whose mailboxes take large mails."""
    with MicrosoftCloud() as cloud:
        take_large_mails(cloud)
        yield cloud


def test_sending_a_large_file_takes_little_memory(cloud: MicrosoftCloud, tmp_path: Path) -> None:
    file = file_of(tmp_path, SIZE)
    measured = over_idle(cloud, tmp_path, *sending(file))
    [attachment] = cloud.mailbox(BOB).messages()[0].attachments
    assert isinstance(attachment, FileAttachment)
    assert attachment.content.read() == file.read_bytes()
    assert measured['above'] < GOAL * MEGABYTE


@pytest.mark.parametrize('command', ['msgraph-mail-get-attachment', 'msgraph-mail-get-email-as-eml'])
def test_saving_a_large_file_takes_little_memory(cloud: MicrosoftCloud, tmp_path: Path, command: str) -> None:
    message = message_with_file(cloud, SIZE)
    measured = over_idle(cloud, tmp_path, command, {'message_id': message.immutable_id})
    assert max(path.stat().st_size for path in tmp_path.iterdir()) >= SIZE
    assert measured['above'] < GOAL * MEGABYTE
