"""What does not work is noticed by the checks of ``make demo``."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from authentication_methods import ADA, CLIENT_SECRET, DEVICE_CODE
from demo.administrator import Administrator
from demo.method_check import MethodCheck
from demo.table import method_table, method_verdict, tour_table, tour_verdict
from demo.tour import BOB, FILE_NAME, SUBJECT, Tour
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import Message
from sandbox.servers import Sandbox
from sandbox.xsoar import FetchReport


def test_a_method_without_a_permission_fails(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.application('daemon').application_permissions.remove('Mail.Send')
    result = MethodCheck(CLIENT_SECRET, cloud, administrator).run()
    assert result.auth_test == 'failed'
    assert "permissions are missing: ['Mail.Send']" in method_table([result])
    assert method_verdict([result]) == '1 of 1 authentication methods do not work.'


def test_a_test_button_that_uses_the_code_is_detected(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    """The Test button of an instance that needs a user must not use up a code. Here it signs in, since it needs no user."""
    method = replace(CLIENT_SECRET, name='Not a user', sign_in=DEVICE_CODE.sign_in)
    assert MethodCheck(method, cloud, administrator).run().test_button == 'failed'


def test_a_tour_with_another_file_fails(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    """One missing byte is detected, and the tour ends there."""
    cloud.faults.add(service='graph', path=r'/attachments/[^/]+/\$value', status=200, body=b'x', headers={'request-id': 'other'})
    steps = Tour(cloud, administrator, sandbox.server.fetch_now).run()
    assert (steps[-1].what, steps[-1].seen) == ('Get the file out of it', 'failed')
    assert 'The file evidence.bin is not what the mailbox holds.' in tour_table(steps)
    assert tour_verdict(steps) == 'The tour of the mailbox ended at step 4: Get the file out of it.'


def test_a_tour_that_fails_shows_the_error(sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.application('daemon').application_permissions.remove('Mail.Send')
    steps = Tour(cloud, administrator, sandbox.server.fetch_now).run()
    assert [step.problem == '' for step in steps] == [True, False]
    assert 'ErrorAccessDenied' in tour_table(steps)


def test_a_reply_that_nobody_approves_stays_a_draft(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator
) -> None:
    shown: list[str] = []
    steps = Tour(cloud, administrator, sandbox.server.fetch_now, lambda draft: bool(shown.append(draft))).run()
    assert steps[-1].what == 'Send it once approved'
    assert steps[-1].problem == 'The draft was not approved. It was not sent, and is still in the folder Drafts.'
    assert 'To: ada@contoso.example' in shown[0]
    for address, folder, count in ((BOB, 'drafts', 1), (BOB, 'sentitems', 0), (ADA, 'inbox', 0)):
        mailbox = cloud.mailbox(address)
        found = [mail for mail in mailbox.messages() if mailbox.is_in(mail, folder) and mail.subject == 'RE: Evidence']
        assert len(found) == count, (address, folder)


def deliver_evidence(cloud: MicrosoftCloud, tour: Tour) -> Message:
    """Put what a tour sends into the inbox of Bob, and return it."""
    mailbox = cloud.mailbox(BOB)
    mail = mailbox.deliver(Message(SUBJECT, cloud.mailbox(ADA).owner, mailbox.now(), to=[mailbox.owner]))
    mailbox.attach_file(mail, FILE_NAME, tour.file)
    return mail


def _forbid(cloud: MicrosoftCloud, mail: Message) -> None:
    cloud.faults.add(service='graph', status=403, times=None)


def _delete(cloud: MicrosoftCloud, mail: Message) -> None:
    cloud.mailbox(BOB).delete(mail)


def _attach_more(cloud: MicrosoftCloud, mail: Message) -> None:
    cloud.mailbox(BOB).attach_file(mail, 'more.txt', b'more')


@pytest.mark.parametrize(
    'happens, sentence',
    [
        (_forbid, 'responded with HTTP status'),
        (_delete, 'There are 0 incidents, and should be one of the mail.'),
        (_attach_more, 'The files of the incident are not what the mailbox holds.'),
    ],
)
def test_a_tour_without_the_right_incident_fails(
    sandbox: Sandbox,
    cloud: MicrosoftCloud,
    administrator: Administrator,
    happens: Callable[[MicrosoftCloud, Message], None],
    sentence: str,
) -> None:
    """A change of the mail just before the fetch is detected."""

    def fetch_now(name: str) -> FetchReport:
        happens(cloud, mail)
        return sandbox.server.fetch_now(name)

    tour = Tour(cloud, administrator, fetch_now)
    mail = deliver_evidence(cloud, tour)
    [step] = tour.run('Have it as an incident')
    assert (step.command, step.seen) == ('fetch-incidents', 'failed')
    assert sentence in tour_table([step])


def test_a_tour_whose_incident_has_another_digest_fails(
    sandbox: Sandbox, cloud: MicrosoftCloud, administrator: Administrator
) -> None:
    def fetch_now(name: str) -> FetchReport:
        [incident] = sandbox.server.fetch_now(name).incidents
        return FetchReport(({**incident, 'rawJSON': re.sub('"SHA256": "[0-9a-f]+', '"SHA256": "0', incident['rawJSON'])},))

    tour = Tour(cloud, administrator, fetch_now)
    deliver_evidence(cloud, tour)
    assert 'The SHA-256 in the incident is not that of the mail.' in tour_table(tour.run('Have it as an incident'))
