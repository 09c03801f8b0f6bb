"""Unit tests of the arguments and outputs of mail commands, without a cloud."""

from typing import Any

import pytest

from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailArgumentsApiModule import addresses_text, folder_argument, mailbox_argument, property_outputs

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
FOLDER_ID = 'AAMk' + 'a-_9' * 17


@pytest.mark.parametrize('args, address', [({}, ADA), ({'user_id': ' '}, ADA), ({'user_id': f' {BOB} '}, BOB)])
def test_a_command_works_in_the_mailbox_that_is_named(args: dict[str, Any], address: str) -> None:
    assert mailbox_argument(GraphMailClient(ADA), args).address == address


@pytest.mark.parametrize(
    'value, folder_id',
    [
        (None, ''),
        ('inbox', 'inbox'),
        (' Junk Email ', 'junkemail'),
        ('Sent_Items', 'sentitems'),
        (f'inbox,{FOLDER_ID}', FOLDER_ID),
        (FOLDER_ID.replace('-', '/').replace('_', '+'), FOLDER_ID),
    ],
)
def test_a_folder_that_is_known_by_its_name_or_id_needs_no_request(value: Any, folder_id: str) -> None:
    assert folder_argument(GraphMailClient(ADA).mailbox, {'folder_id': value}) == folder_id


@pytest.mark.parametrize(
    'value, outputs',
    [
        (None, None),
        (True, True),
        (['Red'], ['Red']),
        ({'contentType': 'text', 'content': 'Hi'}, 'Hi'),
        ({'name': 'X', 'value': 'a: b'}, {'Name': 'X', 'Value': 'a: b'}),
        ([{'emailAddress': {'name': 'Ada', 'address': ADA}}], [{'Name': 'Ada', 'Address': ADA}]),
    ],
)
def test_a_property_becomes_a_context_value(value: Any, outputs: Any) -> None:
    assert property_outputs(value) == outputs


@pytest.mark.parametrize(
    'recipients, text',
    [(None, ''), ({}, ''), ({'Address': ADA}, ADA), ([{'Address': ADA}, {'Name': 'Bob'}, {}], f'{ADA}, Bob')],
)
def test_recipients_are_shown_by_their_addresses(recipients: Any, text: str) -> None:
    assert addresses_text(recipients) == text
