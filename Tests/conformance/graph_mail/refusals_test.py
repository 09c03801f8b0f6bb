"""What Graph refuses for good, and what it refuses only for a moment."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, ERROR, Instance
from MicrosoftCoreApiModule import SystemClock
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

instance = instances.instance
SIZE_ADVICE = 'Send smaller files or a link to them: the mailbox limits the size of an email.'
QUOTA_ADVICE = 'Delete what the mailbox does not need, or ask an administrator to raise its quota.'
NO_MAILBOX = 'Check the address: the account has no mailbox in Exchange Online.'


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """Record waits instead of waiting."""
    found: list[float] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SystemClock, 'sleep', lambda _clock, seconds: found.append(seconds))
    return found


@pytest.fixture
def adas(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


def refusal(status: int, code: str, message: str = 'No.') -> dict[str, Any]:
    return {'service': 'graph', 'status': status, 'body': {'error': {'code': code, 'message': message}}}


def message_of(adas: Mailbox, **more: Any) -> Message:
    return adas.deliver(Message('Hello', EmailAddress('Eve', 'eve@partner.example'), adas.now(), to=[adas.owner], **more))


def mail(**more: str) -> dict[str, str]:
    return {'to': BOB, 'subject': 'Plan', 'body': 'See.', **more}


# region refused for good


@pytest.mark.parametrize(
    'status, code, advice',
    [
        (500, 'ErrorMessageSizeExceeded', SIZE_ADVICE),
        (413, 'ErrorMessageSizeExceeded', SIZE_ADVICE),
        (403, 'ErrorQuotaExceeded', QUOTA_ADVICE),
        (507, 'ErrorQuotaExceeded', QUOTA_ADVICE),
        (503, 'ErrorQuotaExceeded', QUOTA_ADVICE),
        (
            403,
            'ErrorExceededMessageLimit',
            'Wait until the mailbox may send again, or ask an administrator about its sending limit.',
        ),
        (403, 'ErrorSendAsDenied', 'Change the sender, or ask an administrator for the permission Send As.'),
        (404, 'ErrorNonExistentMailbox', NO_MAILBOX),
        (404, 'MailboxNotSupportedForRESTAPI', NO_MAILBOX),
        (404, 'MailboxNotEnabledForRESTAPI', NO_MAILBOX),
    ],
)
@pytest.mark.parametrize('path', ['/send$', '/attachments$', '/messages$'])
def test_what_graph_refuses_for_good_is_not_repeated(
    instance: Instance, adas: Mailbox, waits: list[float], status: int, code: str, advice: str, path: str
) -> None:
    instance.cloud.faults.add(path=path, method='POST', times=None, **refusal(status, code))
    args = mail()
    if path == '/attachments$':  # a body in both formats is created from MIME, and the files are attached afterwards
        args = mail(htmlBody='<p>See.</p>', transientFile='a.txt', transientFileContent='x')
    assert instance.error('send-mail', **args).startswith(f'Microsoft Graph refused the request: {code}: No. {advice}')
    assert waits == []


def test_a_message_id_is_not_blamed_for_a_mailbox_that_does_not_exist(instance: Instance, adas: Mailbox) -> None:
    message = message_of(adas)
    instance.cloud.faults.add(path='/messages/', **refusal(404, 'ErrorNonExistentMailbox'))
    assert NO_MAILBOX in instance.error('msgraph-mail-get-email', message_id=message.message_id)


# endregion
