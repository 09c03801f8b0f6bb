"""Subjects and names that users paste are sent as they were written, and found if they look the same."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from conformance.graph_mail.mail_commands_test import ADA, delivered, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox

FAMILY = '\U0001f468\u200d\U0001f469\u200d\U0001f467'
UMLAUT = 'B\xfcro'
NAMES = {
    'no-break space': 'Invoice\xa0overdue',
    'zero-width space': 'Pay\u200bPal alert',
    'soft hyphen': 'Rech\xadnung',
    'zero-width joiner': FAMILY,
    'zero-width non-joiner': '\u0646\u0627\u0645\u0647\u200c\u0647\u0627',
    'quotes': '"Q"',
    'composed': UMLAUT,
    'decomposed': unicodedata.normalize('NFD', UMLAUT),
}
each_name = pytest.mark.parametrize('name', NAMES.values(), ids=NAMES)


@pytest.fixture
def ada(cloud: MicrosoftCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.chdir(tmp_path)
    return cloud.mailbox(ADA)


def other_form(text: str) -> str:
    form = 'NFD' if unicodedata.is_normalized('NFC', text) else 'NFC'
    return unicodedata.normalize(form, text)


@each_name
def test_the_subject_of_an_incident_finds_its_email(mail: GraphMailClient, ada: Mailbox, name: str) -> None:
    message = delivered(ada, name)
    for subject in (name, other_form(name), f' {name}\n'):
        found = run(mail, 'msgraph-mail-find-email', subject=subject).outputs
        assert [one['ID'] for one in found] == [message.immutable_id]


@each_name
def test_the_name_of_a_folder_finds_it(mail: GraphMailClient, ada: Mailbox, name: str) -> None:
    folder = ada.make_folder(name, 'inbox')
    message = delivered(ada)
    for path in (f'Inbox/{name}', f'Inbox/{other_form(name)}'):
        ada.move(message, 'inbox')
        run(mail, 'msgraph-mail-move-email', message_id=message.immutable_id, destination_folder_id=path)
        assert message.folder_id == folder.folder_id
    top = ada.make_folder(name)
    assert run(mail, 'msgraph-mail-list-child-folders', parent_folder_id=name).raw_response == []
    ada.make_folder('Child', top.folder_id)
    assert run(mail, 'msgraph-mail-list-child-folders', parent_folder_id=name).outputs[0]['DisplayName'] == 'Child'


def test_the_folder_with_exactly_the_name_comes_before_one_that_looks_the_same(mail: GraphMailClient, ada: Mailbox) -> None:
    ada.make_folder(NAMES['composed'])
    exact = ada.make_folder(NAMES['decomposed'])
    ada.make_folder('Child', exact.folder_id)
    found = run(mail, 'msgraph-mail-list-child-folders', parent_folder_id=NAMES['decomposed']).outputs
    assert [one['DisplayName'] for one in found] == ['Child']


def test_quotes_around_a_name_may_be_those_of_a_user(mail: GraphMailClient, ada: Mailbox) -> None:
    ada.make_folder('Child', ada.make_folder('Team', 'inbox').folder_id)
    found = run(mail, 'msgraph-mail-list-child-folders', parent_folder_id='"Inbox/Team"').outputs
    assert [one['DisplayName'] for one in found] == ['Child']


@each_name
@pytest.mark.parametrize(
    'command, key, args',
    [
        ('msgraph-mail-create-folder', 'new_folder_name', {}),
        ('msgraph-mail-update-folder', 'new_display_name', {'folder_id': 'Team'}),
        ('msgraph-mail-create-rule', 'display_name', {'actions': {'markAsRead': True}}),
    ],
)
def test_a_name_is_sent_as_it_was_written(
    mail: GraphMailClient, ada: Mailbox, command: str, key: str, args: dict[str, Any], name: str
) -> None:
    ada.make_folder('Team')
    result = run(mail, command, **{key: name}, **args).raw_response
    assert result['displayName'] == name
