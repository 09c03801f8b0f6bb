"""MIME that breaks the rules becomes incidents with all its files, and stops no fetch."""

from conformance.fetch.conftest import Instance
from conformance.fetch.mail_source import MailSource, digest, digests_of_attachments
from sandbox.microsoft.graph_mail import mime
from sandbox.tests.microsoft.graph_mail.odd_mime import ODD_MAILS, odd_mail


def test_each_odd_mail_becomes_one_incident_with_its_files(source: MailSource, instance: Instance) -> None:
    messages = {name: source.mailbox.deliver(mime.parse(odd_mail(name), source.mailbox.now()), 'inbox') for name in ODD_MAILS}
    platform = instance(fetch_eml=True, max_fetch='100')
    run = platform.fetch()
    assert run.has_succeeded, run.error
    assert sorted(one.name for one in platform.incidents) == sorted(ODD_MAILS)
    for incident in platform.incidents:
        found = {digest(file.data) for file in incident.files}
        assert digest(odd_mail(incident.name)) in found
        assert set(digests_of_attachments(messages[incident.name])) <= found, incident.name
