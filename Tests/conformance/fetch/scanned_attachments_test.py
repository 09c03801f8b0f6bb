"""Attachments that Microsoft Defender still scans: a placeholder stands for them (Dynamic Delivery of Safe Attachments)."""

import json

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


@pytest.mark.parametrize('tries', [0, 4])
def test_the_wait_ends_although_the_clock_of_the_engine_was_ahead_when_it_began(
    source: MailSource, instance: Instance, tries: int
) -> None:
    platform = instance(max_fetch='1')
    platform.fetch()
    scanned(source)
    platform.fetch()
    last_run = json.loads(platform.last_run)
    [mail] = last_run['waiting']
    mail[3:5] = tries, mail[4] + 40 * 86400
    platform.last_run = json.dumps(last_run)
    assert fetch(platform, 12) == ['Invoice']


def test_an_email_that_the_search_does_not_find_is_none_after_the_wait(source: MailSource, instance: Instance) -> None:
    platform = instance(fetch_search='attachment:report.pdf')
    platform.fetch()
    scanned(source)
    assert fetch(platform, 15) == []


def test_the_health_says_that_others_wait_for_many_scans(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule.MAX_MAILS_PER_RUN', 6)
    platform = instance(max_fetch='4')
    platform.fetch()
    for _ in range(8):
        scanned(source)
    source.deliver('Other', age=0)
    runs = []
    for _ in range(16):
        runs.append(platform.fetch())
        platform.cloud.clock.advance(60)
    assert runs[0].health == []
    waiting = '6 emails cannot be read yet, or their attachments are being scanned. Until there are fewer, no others are fetched.'
    assert runs[3].health == [waiting]
    assert not runs[3].is_unhealthy
    assert 'Other' in [name for run in runs for name in run.names]
