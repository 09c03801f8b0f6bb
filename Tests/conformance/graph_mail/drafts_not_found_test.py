"""Drafts that Graph does not find for a moment: right after they were created or changed, and when they are sent.

Source: rlrghb/olkcli#118, alcionai/corso#4840, microsoft-graph-docs-contrib#8823
"""

from typing import Any

import pytest

from conformance.unified import instances
from conformance.unified.instances import ADA, BOB, Instance
from conformance.virtual_time import skip_waits

instance = instances.instance
CREATE, ATTACH, SEND = 'msgraph-mail-create-draft', 'msgraph-mail-add-draft-attachment', 'msgraph-mail-send-draft'
MAIL = {'to': BOB, 'subject': 'Plan', 'body': 'See.'}
FILE = {'transientFile': 'a.txt', 'transientFileContent': 'x'}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_waits(monkeypatch)


def refuse(instance: Instance, path: str, code: str = 'ErrorItemNotFound', **more: Any) -> None:
    body = {'error': {'code': code, 'message': 'No.'}}
    instance.cloud.faults.add(service='graph', path=path, status=404, body=body, **more)


@pytest.mark.parametrize(
    'command, path, method',
    [
        (ATTACH, '/messages/[^/]+$', 'GET'),
        (ATTACH, '/attachments$', 'GET'),
        (ATTACH, '/attachments$', 'POST'),
        ('msgraph-mail-update-draft', '/messages/[^/]+$', 'PATCH'),
        (SEND, '/send$', 'POST'),
    ],
)
@pytest.mark.parametrize('code', ['ErrorItemNotFound', 'ErrorNonExistentMailbox'])
def test_a_draft_of_a_user_is_waited_for(
    instance: Instance, waits: list[float], command: str, path: str, method: str, code: str
) -> None:
    draft_id = instance.context(CREATE, **MAIL)['ID']
    refuse(instance, path, code, method=method)
    args = {ATTACH: FILE, SEND: {}}.get(command, {'subject': 'Other'})
    instance.text(command, draft_id=draft_id, **args)
    assert waits


def test_a_mail_is_sent_though_its_mailbox_is_not_found_for_a_moment(instance: Instance) -> None:
    refuse(instance, '/send$', 'ErrorNonExistentMailbox')
    instance.text('send-mail', **MAIL)
    assert instance.cloud.mailbox(BOB).messages()[0].subject == 'Plan'


def test_a_mailbox_that_does_not_exist_is_told(instance: Instance) -> None:
    refuse(instance, '/send$', 'ErrorNonExistentMailbox', times=None)
    assert 'Check the address: the account has no mailbox in Exchange Online.' in instance.error('send-mail', **MAIL)


@pytest.mark.parametrize('command, path', [(SEND, '/send$'), (ATTACH, '/messages/')])
def test_a_wrong_id_is_told_after_a_few_seconds(instance: Instance, waits: list[float], command: str, path: str) -> None:
    draft_id = instance.context(CREATE, **MAIL)['ID']
    refuse(instance, path, times=None)
    assert 'Check that draft_id belongs' in instance.error(command, draft_id=draft_id, **(FILE if command == ATTACH else {}))
    assert 1 <= sum(waits) <= 5


@pytest.mark.parametrize(
    'command, args', [(SEND, {}), (ATTACH, FILE), ('msgraph-mail-update-draft', {'subject': 'x'})], ids=[SEND, ATTACH, 'update']
)
@pytest.mark.parametrize('is_known', [True, False])
def test_a_draft_may_have_been_sent_in_outlook(instance: Instance, command: str, args: dict[str, str], is_known: bool) -> None:
    """Source: OfficeDev/office-js#5566, #2659"""
    draft_id = instance.context(CREATE, **MAIL)['ID']
    adas = instance.cloud.mailbox(ADA)
    [draft] = [one for one in adas.messages() if one.immutable_id == draft_id]
    draft.is_draft = False
    adas.move(draft, 'sentitems', with_new_key=not is_known)
    told = instance.error(command, draft_id=draft_id, **args)
    known, unknown = 'it may have been sent already.', 'If the draft was sent, it may have another ID: look in Sent Items.'
    assert (known if is_known else unknown) in told
