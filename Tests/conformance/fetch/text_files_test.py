"""Text files, which a batch or a list of Graph may show as they are: some texts look like base64.

Source: OData JSON 4.01, microsoft-graph-docs#20794
"""

from collections.abc import Callable

import pytest

from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import MailSource
from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.model import FileAttachment

Instance = Callable[..., Platform]
TEXTS = [b'hunter22', b'QUJDREVG', b'd41d8cd98f00b204e9800998ecf8427e', b'plain words', 'Zoë'.encode()]
# Of bytes that both alphabets of base64 write differently
BINARY = bytes(range(248, 256)) * 9 + b'x'


def file(name: str, content_type: str, content: bytes, **more: int) -> FileAttachment:
    return FileAttachment(name=name, content_type=content_type, content=Content(content), **more)


@pytest.mark.parametrize('by_odata', [False, True])
@pytest.mark.parametrize('text', TEXTS)
def test_files_of_a_batch(source: MailSource, instance: Instance, text: bytes, by_odata: bool) -> None:
    source.cloud.limits.odata_batches = by_odata
    platform = instance(fetch_eml=True)
    source.deliver(attachments=[file('note.txt', 'text/plain', text), file('a.bin', 'application/x-test', BINARY)])
    platform.run_until_quiet()
    [incident] = platform.incidents
    assert (incident.file('note.txt'), incident.file('a.bin')) == (text, BINARY)
    assert text[:4] in incident.file('A mail.eml') or b'base64' in incident.file('A mail.eml')
    assert 'Missing' not in incident.raw


@pytest.mark.parametrize('overhead', [0, 240])
@pytest.mark.parametrize('is_plain', [False, True])
@pytest.mark.parametrize('text', TEXTS)
def test_files_of_a_list(source: MailSource, instance: Instance, text: bytes, is_plain: bool, overhead: int) -> None:
    platform = instance()
    for number in range(6):
        attachment = file('note.txt', 'text/plain', text, overhead=overhead)
        attachment.has_plain_bytes = is_plain
        source.deliver(f'Mail {number}', attachments=[attachment])
    platform.run_until_quiet()
    assert [incident.file('note.txt') for incident in platform.incidents] == [text] * 6


def test_large_files_of_a_list_are_not_requested_again(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.run_until_quiet()
    for number in range(6):
        source.deliver(f'Mail {number}', attachments=[file('note.txt', 'text/plain', b'word ' * 300, overhead=240)])
    platform.fetch()
    assert [one.path for one in source.cloud.requests if 'attachments/' in one.path] == []
    assert len(platform.incidents) == 6
