"""Attachments that Microsoft Defender still scans: a placeholder stands for them (Dynamic Delivery of Safe Attachments)."""

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import MailSource, attach
from sandbox.microsoft.graph_mail.model import Attachment, Message

PLACEHOLDER = 'Safe Attachments Scan In Progress'
MISSING = 'Microsoft Defender was still scanning the attachments. Get them with !msgraph-mail-get-attachment.'


def scanned(source: MailSource, name: str = PLACEHOLDER) -> tuple[Message, list[Attachment]]:
    """Deliver a mail whose attachment is being scanned."""
    message = source.deliver('Invoice', age=0)
    attach(source.mailbox, message, 'file')
    return message, source.mailbox.start_scan(message, name)


def fetch(platform: Platform, runs: int, seconds: float = 60) -> list[str]:
    """Fetch so often, and return the names of the incidents."""
    names = []
    for _ in range(runs):
        run = platform.fetch()
        assert (run.error, run.health) == ('', [])
        names += run.names
        platform.cloud.clock.advance(seconds)
    return names


@pytest.mark.parametrize('name', [PLACEHOLDER, 'ATP Scan In Progress', 'ATP Scan in Progress.eml'])
@pytest.mark.parametrize('replaces', [False, True])
@pytest.mark.parametrize('params', [{}, {'fetch_search': 'attachment:report.pdf'}, {'fetch_with_attachments_only': True}])
def test_an_email_waits_until_its_attachments_are_scanned(
    source: MailSource, instance: Instance, name: str, replaces: bool, params: dict[str, object]
) -> None:
    platform = instance(fetch_eml=True, **params)
    platform.fetch()
    message, held = scanned(source, name)
    source.mailbox.attach_file(source.deliver('Other', age=0), 'report.pdf', b'x')
    assert fetch(platform, 3) == ['Other']
    released = source.mailbox.end_scan(message, held, replaces)
    assert fetch(platform, 20) == ['Invoice']
    incident = platform.incidents[-1]
    assert [file.name for file in incident.files] == ['report.pdf', 'Invoice.eml']
    assert (incident.mail_id, incident.raw.get('Missing')) == (released.immutable_id, None)


def test_a_message_that_replaces_another_later_is_one_incident(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.fetch()
    message, held = scanned(source)
    assert fetch(platform, 2) == []
    released = source.mailbox.end_scan(message, held, replaces=True)
    released.received += 120
    source.mailbox.touch(released)
    assert fetch(platform, 20) == ['Invoice']
    assert [file.name for file in platform.incidents[-1].files] == ['report.pdf']


@pytest.mark.parametrize('seconds, waits', [(60, 10), (300, 2), (3600, 1)])
def test_an_email_whose_scan_does_not_end_is_an_incident_that_says_so(
    source: MailSource, instance: Instance, seconds: float, waits: int
) -> None:
    platform = instance()
    platform.fetch()
    message, held = scanned(source)
    assert fetch(platform, waits, seconds) == []
    assert fetch(platform, 1) == ['Invoice']
    [incident] = platform.incidents
    assert [file.name for file in incident.files] == [f'{PLACEHOLDER}.eml']
    assert incident.raw['Missing'] == [MISSING]
    assert MISSING in incident.fields['details']
    source.mailbox.end_scan(message, held)
    assert fetch(platform, 3) == []


def test_the_wait_takes_no_tries(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.fetch()
    message, held = scanned(source)
    assert fetch(platform, 8) == []
    source.mailbox.end_scan(message, held)
    source.cloud.faults.add(service='graph', path=r'/attachments/[^/]+/\$value$', status=500, times=2)
    assert fetch(platform, 3) == ['Invoice']
    assert platform.incidents[-1].raw.get('Missing') is None


def test_an_email_that_the_search_does_not_find_is_none_after_the_wait(source: MailSource, instance: Instance) -> None:
    platform = instance(fetch_search='attachment:report.pdf')
    platform.fetch()
    scanned(source)
    assert fetch(platform, 15) == []
