"""Every sending command returns exactly the outputs of the yml, and the mail is sent."""

from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from conformance.unified.instances import ADA, BOB, Instance
from conformance.unified.integration_yml import IN_YML, TYPES, covered, cut_at, leaves, readme_title, title_of
from O365OutlookMailSingleUser import SENDING_COMMANDS
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

PEOPLE = {'to': BOB, 'cc': BOB, 'bcc': ADA}
WHOLE = {**PEOPLE, 'subject': 'Plan', 'htmlBody': '<p>Plan</p>', 'headers': 'x-a:b', 'replyTo': ADA, 'from': ADA}
CASES: dict[str, dict[str, str]] = {
    'send-mail': WHOLE,
    'reply-mail': {**WHOLE, 'inReplyTo': '{message}'},
    'msgraph-mail-create-draft': WHOLE,
    'msgraph-mail-update-draft': {'draft_id': '{draft}', 'subject': 'Newer'},
    'msgraph-mail-add-draft-attachment': {'draft_id': '{draft}', 'attach_ids': '1@7'},
    'msgraph-mail-remove-draft-attachment': {'draft_id': '{draft}', 'attachment_id': '{attachment}'},
    'msgraph-mail-send-draft': {'draft_id': '{draft}'},
    'msgraph-mail-reply-to': {**PEOPLE, 'message_id': '{message}', 'comment': 'Yes.'},
    'msgraph-mail-reply-all': {**PEOPLE, 'message_id': '{message}', 'comment': 'Yes.'},
    'msgraph-mail-forward': {**PEOPLE, 'message_id': '{message}', 'comment': 'See below.'},
}


@pytest.fixture(autouse=True)
def war_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'plan.pdf').write_bytes(b'plan')
    monkeypatch.setattr(demisto, 'getFilePath', lambda _id: {'path': str(tmp_path / 'plan.pdf'), 'name': 'plan.pdf'})


def test_every_sending_command_has_a_case() -> None:
    assert set(CASES) == set(SENDING_COMMANDS)


@pytest.mark.parametrize('command', CASES)
def test_a_sending_command_returns_exactly_the_outputs_of_the_yml(instance: Instance, command: str) -> None:
    mailbox = instance.cloud.mailbox(ADA)
    message, draft = (
        Message('Status?', EmailAddress('Bob', BOB), mailbox.now(), to=[mailbox.owner], is_draft=is_draft)
        for is_draft in (False, True)
    )
    draft.sender = mailbox.owner
    draft.cc = draft.bcc = [mailbox.owner]
    mailbox.deliver(message)
    mailbox.deliver(draft, 'drafts')
    attachment = draft.attachment_id(mailbox.attach_file(draft, 'x', b'x'), immutable=True)
    known = {'message': message.immutable_id, 'draft': draft.immutable_id, 'attachment': attachment}
    args = {name: value.format(**known) for name, value in CASES[command].items()}
    entry = instance.run(command, **args)
    [(key, outputs)] = entry['EntryContext'].items()
    described: dict[str, Any] = {one['contextPath']: one['type'] for one in IN_YML[command]['outputs']}
    found = list(leaves(key.partition('(')[0], outputs))
    given = {cut_at(set(described), path): value for path, value in found}
    assert set().union(*(covered(set(described), path) for path, _ in found)) == set(described)
    assert [path for path, value in given.items() if not TYPES[described[path]](value)] == []
    assert mailbox.message(outputs['ID'])
    assert title_of(entry['HumanReadable']) == readme_title(command)
