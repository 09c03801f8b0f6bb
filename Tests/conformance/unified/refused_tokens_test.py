"""Commands that Graph refuses in the middle, since it rejects their token and no other one can be had."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from conformance.unified.instances import ADA, BOB, Instance
from conformance.virtual_time import skip_waits
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

CLAIMS = base64.urlsafe_b64encode(b'{"access_token": {"nbf": {"essential": true, "value": "1"}}}').decode()
CHALLENGE = {'WWW-Authenticate': f'Bearer realm="", error="insufficient_claims", claims="{CLAIMS}"'}
REJECTED = {'error': {'code': 'InvalidAuthenticationToken', 'message': 'Location: InteractionRequired.'}}
Refuse = Callable[..., str]


@pytest.fixture(params=['new token rejected', 'no new token', 'token requests throttled'])
def refuse(request: pytest.FixtureRequest, instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Return a function that has Graph refuse requests, and returns the reason that users read."""
    skip_waits(monkeypatch)
    instance.text('msgraph-mail-list-folders')  # caches the token

    def add(**requests: Any) -> str:
        faults = instance.cloud.faults
        faults.add(service='graph', status=401, headers=CHALLENGE, body=REJECTED, times=None, **requests)
        if request.param == 'new token rejected':
            return 'The API rejected a new token: Location: InteractionRequired.'
        if request.param == 'no new token':
            faults.add(service='entra', path='token', aadsts=53003, times=None)
            return 'Microsoft refused the sign-in: AADSTS53003'
        faults.add(service='entra', path='token', status=429, headers={'Retry-After': '600'}, times=None)
        return 'The sign-in service at localhost'

    return add


@pytest.fixture
def ada(instance: Instance) -> Mailbox:
    return instance.cloud.mailbox(ADA)


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-send-draft'])
def test_an_email_that_may_have_been_sent_is_named(instance: Instance, refuse: Refuse, command: str) -> None:
    args, is_draft = {'to': BOB, 'subject': 'Mine', 'body': 'x'}, command != 'send-mail'
    if is_draft:
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **args)['ID']}
    instance.cloud.faults.add(service='graph', path='/send$', status=504, done=True)
    refuse(method='GET', path='/messages', skip=int(is_draft))  # which is looked at before it is sent
    said = instance.error(command, **args)
    assert said.startswith('It is not known whether the email was sent.')
    assert [message.subject for message in instance.cloud.mailbox(BOB).messages()].count('Mine') == 1


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-create-draft'])
def test_a_draft_that_could_not_be_removed_is_named(instance: Instance, ada: Mailbox, refuse: Refuse, command: str) -> None:
    reason = refuse(path='', skip=1)
    said = instance.error(command, to=BOB, subject='Mine', body='x', transientFile='a.txt', transientFileContent='y')
    assert said.startswith('It is not known whether the draft was removed.')
    assert reason in said
    assert said.endswith('Look for it in Drafts before you try again.')
    assert [message.subject for message in ada.messages() if message.is_draft] == ['Mine']


def test_emails_of_the_first_batches_are_reported(instance: Instance, ada: Mailbox, refuse: Refuse) -> None:
    eve = EmailAddress('Eve', 'eve@partner.example')
    for number in range(25):
        ada.deliver(Message(f'M{number}', eve, ada.now(), to=[ada.owner]))
    ids = [message.immutable_id for message in ada.messages() if message.subject.startswith('M')]
    reason = refuse(path=r'\$batch$', skip=1, spares_items=True)
    entry = instance.run('msgraph-mail-move-email', message_id=','.join(ids), destination_folder_id='archive')
    assert '(20 of 25)' in entry['HumanReadable']
    assert reason in entry['HumanReadable']
    assert 'It is not known' not in entry['HumanReadable']
    assert len(next(iter(entry['EntryContext'].values()))) == 20
