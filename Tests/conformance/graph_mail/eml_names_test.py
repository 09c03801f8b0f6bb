"""The file of an email is named after its subject, without what could mislead."""

import pytest

from conformance.graph_mail.mail_commands_test import ADA, delivered, file_of, run, working_folder
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail import mime
from sandbox.microsoft.graph_mail.mailbox import Mailbox

__all__ = ['working_folder']
ID = object()


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


@pytest.mark.parametrize(
    'subject, name',
    [
        ('Invoice 4711', 'Invoice 4711.eml'),
        ('Größe: 5/6 \\ "x" 🎉', 'Größe: 5_6 _ "x" 🎉.eml'),
        ('gpj.\u202eexe', 'gpj.exe.eml'),
        ('../../etc/passwd', '_.._etc_passwd.eml'),
        ('con', '_con.eml'),
        ('x' * 400, f'{"x" * 251}.eml'),
        ('ä' * 400, f'{"ä" * 125}.eml'),
        ('tab\tand\r\nline', 'tab and line.eml'),
        ('Report.', 'Report.eml'),
        ('', ID),
        ('   ', ID),
        ('...', ID),
    ],
)
def test_the_name_of_the_file_is_the_subject(mail: GraphMailClient, ada: Mailbox, subject: str, name: object) -> None:
    message = delivered(ada, subject)
    if '\r' in subject:  # folded, as servers write it
        message.source = b'Subject: tab\tand\r\n line\r\nFrom: e@partner.example\r\n\r\nx'
    entry = run(mail, 'msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    assert entry['File'] == (f'{message.immutable_id}.eml' if name is ID else name)
    assert file_of(entry) == b''.join(mime.chunks(message))


def test_the_subject_costs_no_request(mail: GraphMailClient, ada: Mailbox, cloud: MicrosoftCloud) -> None:
    message = delivered(ada)
    cloud.requests.clear()
    run(mail, 'msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    assert len(list(cloud.requests.of('graph'))) == 1
