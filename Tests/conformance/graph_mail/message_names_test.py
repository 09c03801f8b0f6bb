"""A command acts on the email that is named and on no other, whatever its sender wrote as its Message-ID."""

from pathlib import Path
from typing import Any

import pytest

from CommonServerPython import DemistoException
from conformance.graph_mail.mail_commands_test import ADA, delivered, error_of, outputs, run
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox

INNOCENT = '<b@x.example>'


@pytest.fixture
def ada(cloud: MicrosoftCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.chdir(tmp_path)
    return cloud.mailbox(ADA)


@pytest.mark.parametrize(
    'name',
    [
        '<a,b@x.example>',
        '<a?ItemID=b@x.example&c@evil.example>',
        '<a?ItemID={innocent}&c@evil.example>',
        '<a&#64;b@x.example>',
        '<x&lt;y@evil.example>',
        '<b\u200b@x.example>',
        '<\xa0b@x.example>',
        '<Message-ID:b@x.example>',
        '<%62@x.example>',
    ],
)
def test_the_sender_of_an_email_cannot_name_another_one(mail: GraphMailClient, ada: Mailbox, name: str) -> None:
    innocent = delivered(ada, 'Innocent', internet_message_id=INNOCENT)
    name = name.format(innocent=innocent.immutable_id)
    phish = delivered(ada, 'Phish', internet_message_id=name)
    assert outputs(mail, 'msgraph-mail-get-email', message_id=name)['Subject'] == 'Phish'
    assert [one['Subject'] for one in run(mail, 'msgraph-mail-find-email', message_id=name).outputs] == ['Phish']
    run(mail, 'msgraph-mail-delete-email', message_id=name)
    deleted = ada.folder('deleteditems').folder_id
    assert (phish.folder_id, innocent.folder_id == deleted) == (deleted, False)


@pytest.mark.parametrize('name', ['a,b@x.example', 'a@y.example,b@x.example', '<a>b,<b@x.example>c', '[b@x.example,b@x.example]'])
def test_a_list_whose_parts_are_unclear_is_refused(mail: GraphMailClient, ada: Mailbox, name: str) -> None:
    innocent = delivered(ada, 'Innocent', internet_message_id=INNOCENT)
    delivered(ada, 'Phish', internet_message_id=name)
    with pytest.raises(DemistoException, match='is not in angle brackets'):
        run(mail, 'msgraph-mail-delete-email', message_id=name)
    assert innocent.folder_id != ada.folder('deleteditems').folder_id


def test_a_json_array_of_one_name_is_that_name(mail: GraphMailClient, ada: Mailbox) -> None:
    delivered(ada, 'Innocent', internet_message_id=INNOCENT)
    phish = delivered(ada, 'Phish', internet_message_id='<a,b@x.example>')
    for given in ('["<a,b@x.example>"]', f'[{{"ID": "{phish.immutable_id}"}}]'):
        assert outputs(mail, 'msgraph-mail-get-email', message_id=given)['Subject'] == 'Phish'
    with pytest.raises(DemistoException, match='The argument message_id has 2 values'):
        run(mail, 'msgraph-mail-get-email', message_id='["<a@x>", "<b@x>"]')


def test_an_email_without_brackets_in_its_message_id_is_found(mail: GraphMailClient, ada: Mailbox) -> None:
    name = 'no-brackets@x.example'
    message = delivered(ada, 'Bare', internet_message_id=name)
    assert outputs(mail, 'msgraph-mail-get-email', message_id=name)['Subject'] == 'Bare'
    assert [one['ID'] for one in run(mail, 'msgraph-mail-find-email', message_id=name).outputs] == [message.immutable_id]
    other = delivered(ada, 'Brackets', internet_message_id=f'<{name}>')
    error = error_of(mail, 'msgraph-mail-get-email', message_id=name)
    assert error.startswith(f'2 emails have the Message-ID <{name}>. Use the ID of one: ')
    assert {message.immutable_id, other.immutable_id} <= set(error.replace(',', ' ').split())


@pytest.mark.parametrize('as_given', [lambda one: one, lambda one: [one], str], ids=['object', 'list', 'id'])
def test_an_email_of_the_context_is_its_id(mail: GraphMailClient, ada: Mailbox, as_given: Any) -> None:
    message = delivered(ada, 'Hello')
    found = outputs(mail, 'msgraph-mail-get-email', message_id=message.immutable_id)
    given = as_given(found) if as_given is not str else found['ID']
    assert outputs(mail, 'msgraph-mail-get-email', message_id=given)['Subject'] == 'Hello'
    run(mail, 'msgraph-update-email-status', message_ids=given, status='Read')
    assert message.is_read
    assert error_of(mail, 'msgraph-mail-get-email', message_id={'Subject': 'x'}) == (
        'The argument message_id contains an object without an ID. Enter its ID.'
    )
