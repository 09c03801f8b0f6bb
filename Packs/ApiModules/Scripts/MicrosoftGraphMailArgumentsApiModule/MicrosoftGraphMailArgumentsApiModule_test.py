"""Unit tests of the arguments and outputs of mail commands, without a cloud."""

from typing import Any

import pytest

from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailArgumentsApiModule import (
    addresses_text,
    folder_argument,
    inert,
    mailbox_argument,
    property_outputs,
    text_as_html,
)

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


@pytest.mark.parametrize(
    'text, html',
    [
        ('', ''),
        ('a < b & c', 'a &lt; b &amp; c'),
        ('I\'m "away"', 'I\'m "away"'),  # the context shows it too
        ('one\r\ntwo\n\nthree', 'one<br>\ntwo<br>\n<br>\nthree'),
    ],
)
def test_a_text_becomes_html_that_can_be_read(text: str, html: str) -> None:
    assert text_as_html(text) == html


@pytest.mark.parametrize(
    'text, cell, line',
    [
        ('Hello.', 'Hello.', 'Hello.'),
        ('www.contoso.example', 'www\\[.\\]contoso.example', 'www\\[.\\]contoso.example'),
        ('https://contoso.example', 'https\\[:\\]//contoso.example', 'https\\[:\\]//contoso.example'),
        ('a: b', 'a: b', 'a: b'),
        ('[*b*](c)', '\\[\\*b\\*\\](c)', '\\[\\*b\\*\\](c)'),
        ('a | b', 'a | b', 'a \\| b'),
        ('1. one\n# two', '1. one\n# two', '1\\. one\n\\# two'),
    ],
)
def test_what_others_wrote_is_shown_without_effect(text: str, cell: str, line: str) -> None:
    assert (inert(text), inert(text, is_cell=False)) == (cell, line)
