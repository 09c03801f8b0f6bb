"""Unit tests of the arguments and outputs of mail commands, without a cloud."""

from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any

import pytest
import requests

from CommonServerPython import DemistoException
from MicrosoftGraphClientApiModule import GraphError
from MicrosoftGraphMailClientApiModule import EmailAddress, GraphMailClient
from MicrosoftGraphMailArgumentsApiModule import (
    addresses_argument,
    addresses_text,
    checked_command,
    escape_markdown,
    folder_argument,
    graph_time_text,
    id_advice,
    mailbox_argument,
    nested_depth,
    one_line,
    day_argument,
    time_argument,
    property_outputs,
)


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(DemistoException) as caught:
        call()
    return str(caught.value)


ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
FOLDER_ID = 'AAMk' + 'a-_9' * 17


@pytest.mark.parametrize(
    'args, address', [({}, ADA), ({'user_id': ' '}, ADA), ({'user_id': f' {BOB} '}, BOB), ({'user_id': f'Bob <{BOB}>'}, BOB)]
)
def test_a_command_works_in_the_mailbox_that_is_named(args: dict[str, Any], address: str) -> None:
    assert mailbox_argument(GraphMailClient(ADA), args).address == address


@pytest.mark.parametrize(
    'value, folder_id',
    [
        (None, ''),
        ('inbox', 'inbox'),
        (' junkemail ', 'junkemail'),
        ('"sentitems"', 'sentitems'),
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
    assert (escape_markdown(text), escape_markdown(text, is_cell=False)) == (cell, line)


@pytest.mark.parametrize(
    'given, addresses',
    [
        (None, []),
        (' , ;\n', []),
        (ADA, [(ADA, '')]),
        (f'{ADA}, {BOB};mailto:{ADA}\n{BOB}', [(ADA, ''), (BOB, ''), (ADA, ''), (BOB, '')]),
        (f'"Doe, Ada" <{ADA}>; Doe, Bob < MAILTO:{BOB} >', [(ADA, 'Doe, Ada'), (BOB, 'Doe, Bob')]),
        (f'"Ada; SOC" <{ADA}>\r\nDoe,, Bob <{BOB}>;\n', [(ADA, 'Ada; SOC'), (BOB, 'Doe, Bob')]),
        (f'{ADA},\n{BOB},\n', [(ADA, ''), (BOB, '')]),
        (f'{ADA} (Ada)', [(ADA, 'Ada')]),
        ('"a b"@x.example', [('"a b"@x.example', '')]),
        ([ADA, f'Bob <{BOB}>'], [(ADA, ''), (BOB, 'Bob')]),
        (f'["{ADA}", "{BOB}"]', [(ADA, ''), (BOB, '')]),
        ([{'Name': 'Ada', 'Address': ADA}], [(ADA, 'Ada')]),
        ([{'emailAddress': {'name': 'Bob', 'address': BOB}}], [(BOB, 'Bob')]),
    ],
)
def test_addresses_are_read_in_each_form(given: Any, addresses: list[tuple[str, str]]) -> None:
    assert addresses_argument({'to': given}, 'to') == tuple(EmailAddress(*one) for one in addresses)


@pytest.mark.parametrize(
    'given, told',
    [
        ('bob', 'bob'),
        (f'{ADA}, Doe, Bob', 'Doe, Bob'),
        (f'{ADA} {BOB}', f'{ADA} {BOB}'),
        ('x' * 101, 'x' * 100),
        (f'SOC Team; Bob <{BOB}>', 'SOC Team'),
        (f'SOC Team\nBob <{BOB}>', 'SOC Team'),
        (f'SOC Team\r\nBob <{BOB}>', 'SOC Team'),
        (f'SOC Team\rBob <{BOB}>', 'SOC Team'),
        (f'SOC, Team,\n{BOB}', 'SOC, Team'),
        (f'SOC Team,; {BOB}', 'SOC Team'),
        (f'{ADA}; SOC Team ;Bob <{BOB}>', 'SOC Team'),
        ([f'SOC Team; Bob <{BOB}>'], 'SOC Team'),
        ([{'address': f'SOC Team; {BOB}'}], 'SOC Team'),
    ],
)
def test_what_is_not_an_address_is_named(given: Any, told: str) -> None:
    assert error_of(lambda: addresses_argument({'to': given}, 'to')) == (
        f"'{told}' is not an email address. Write to as bob@example.com, or Bob <bob@example.com>."
    )


@pytest.mark.parametrize(
    'text, moment',
    [
        ('2030-01-31T08:00:00Z', '2030-01-31T08:00:00'),
        (' 2030-01-31T08:00:00+02:00 ', '2030-01-31T06:00:00'),
        ('2030-01-31', '2030-01-31T00:00:00'),
        ('1577836800', '2020-01-01T00:00:00'),
        ('1900-01-01', '1900-01-01T00:00:00'),
    ],
)
def test_a_time_is_read_as_utc_unless_it_has_a_zone(text: str, moment: str) -> None:
    assert time_argument({'time': text}, 'time') == datetime.fromisoformat(moment).replace(tzinfo=timezone.utc)


def test_no_time_is_none() -> None:
    assert time_argument({'time': ' '}, 'time') is None


@pytest.mark.parametrize(
    'text',
    [
        '2026-11-28',
        ' "2026-11-28" ',
        '2026/11/28',
        '11/28/2026',
        '28.11.2026',
        '2026年11月28日',
        'Sat, 28.11.2026',
        '28 Nov 2026',
        '28-Nov-2026',
        'Sat, 28 Nov 2026',
        'Saturday 28th of November 2026',
        'November 28, 2026',
        'Nov. 28th 2026',
        'Sept 28',
        'today',
        'Yesterday',
        'tomorrow',
        'Monday',
    ],
)
def test_a_date_alone_is_a_day(text: str) -> None:
    found = day_argument({'time': text}, 'time')
    assert isinstance(found, date)
    assert not isinstance(found, datetime)


@pytest.mark.parametrize(
    'text',
    [
        '2026-11-28T08:00:00Z',
        '2026-11-28 08:00',
        '2026-11-28 noon',
        '28 Nov 2026 8pm',
        'yesterday at noon',
        'yesterday noon',
        'today at 13:00',
        'midnight',
        'noon',
        'now',
        '3 days ago',
        '1 week ago',
        '2 hours ago',
        'in 2 days',
        '1700000000',
        '1700000000000',
    ],
)
def test_anything_else_is_a_time(text: str) -> None:
    assert isinstance(day_argument({'time': text}, 'time'), datetime)


@pytest.mark.parametrize('text', ['15', '999999999', '1899-12-31', '9999-01-01'])
def test_what_is_not_a_time_is_named(text: str) -> None:
    assert error_of(lambda: time_argument({'time': text}, 'time')) == (
        f"'{text}' is not a time. Write time as 2030-01-31T08:00:00Z, or as 3 days ago."
    )


@pytest.mark.parametrize('given, depth', [(None, 0), ('', 0), (' 0 ', 0), ('1', 1), (10, 10)])
def test_attached_emails_are_opened_to_a_depth(given: Any, depth: int) -> None:
    assert nested_depth({'nested_depth': given}) == depth


IDS = (
    *('message_id', 'message_ids', 'inReplyTo', 'reply_to_id', 'forward_id', 'attachment_id', 'rule_id'),
    *('folder_id', 'parent_folder_id', 'destination_folder_id'),
)


@pytest.mark.parametrize(
    'args, advice',
    [
        ({}, 'Check that the ID belongs to this mailbox.'),
        *(({name: 'x', 'subject': 'y'}, f'Check that {name} belongs to this mailbox.') for name in IDS if name != 'draft_id'),
        (
            {'draft_id': 'x'},
            'Check that draft_id belongs to this mailbox. If the draft was sent, it may have another ID: look in Sent Items.',
        ),
        ({'message_id': 'x', 'folder_id': 'y'}, 'Check that message_id and folder_id belong to this mailbox.'),
        ({'message_id': 'x', 'folder_id': 'archive'}, 'Check that message_id and folder_id belong to this mailbox.'),
        (
            {'message_id': 'x', 'attachment_id': 'y', 'folder_id': 'z'},
            'Check that message_id, attachment_id and folder_id belong to this mailbox.',
        ),
    ],
)
def test_the_advice_names_the_arguments_with_ids(args: dict[str, str], advice: str) -> None:
    assert id_advice(args) == advice


@pytest.mark.parametrize(
    'moment, text',
    [
        (None, ''),
        ({'timeZone': 'UTC'}, ''),
        ({'dateTime': '2030-01-31T08:00:00.0000000', 'timeZone': 'UTC'}, '2030-01-31T08:00:00Z'),
        ({'dateTime': '2030-01-31T08:00:00'}, '2030-01-31T08:00:00Z'),
        ({'dateTime': '2030-01-31T08:00:00', 'timeZone': 'Asia/Tokyo'}, '2030-01-31T08:00:00 Asia/Tokyo'),
    ],
)
def test_a_time_of_graph_is_shown_with_its_zone(moment: Any, text: str) -> None:
    assert graph_time_text(moment) == text


@pytest.mark.parametrize(
    'value, text',
    [
        (None, None),
        (5, 5),
        (True, 'true'),
        (['a', {'b': [1, False]}], 'a, b: 1, false'),
        ({'emailAddress': {'name': 'Ada', 'address': ADA}}, ADA),
    ],
)
def test_an_object_is_one_line(value: Any, text: Any) -> None:
    assert one_line(value) == text


# region checks of a command


def echo(_client: GraphMailClient, args: dict[str, Any]) -> Any:
    return args


def checked(names: str, args: dict[str, Any]) -> Any:
    return checked_command(echo, names)(GraphMailClient(ADA), args)


def test_arguments_are_declared_in_one_text() -> None:
    declarations = 'a b* c[] d*[] e=One|Two f*=1|2 g=1000'
    several: dict[str, Any] = {'c': ['x', 'y'], 'd': ['x', 'y']}
    args = {'a': 'x', 'b': 'x', **several, 'e': 'ONE', 'f': ' 2', 'g': '1000'}
    assert checked(declarations, args) == {'a': 'x', 'b': 'x', **several, 'e': 'One', 'f': '2', 'g': 1000}
    assert checked(declarations, {'b': 'x', 'd': 'x', 'f': '1'}) == {'b': 'x', 'd': 'x', 'f': '1'}
    assert error_of(lambda: checked(declarations, {'a': [1, 2], 'e': 'x', 'g': '1001'})) == (
        'The arguments b and d are empty. Enter a value for each. The argument a has 2 values. Enter one. '
        "'x' is not one of One, Two. Change e. '' is not one of 1, 2. Change f. "
        "'1001' is not a whole number from 1 to 1000. Change g."
    )


def test_an_argument_is_read_by_the_reader_of_the_command() -> None:
    def refuse(_args: dict[str, Any], name: str) -> None:
        raise DemistoException(f'{name} is refused.')

    command = checked_command(echo, 'permanent', {'permanent': refuse})
    assert error_of(lambda: command(GraphMailClient(ADA), {'permanent': 'true'})) == 'permanent is refused.'


@pytest.mark.parametrize(
    'names, args, result',
    [
        ('limit=9', {'limit': '9'}, {'limit': 9}),
        ('limit=9', {'limit': ''}, {'limit': ''}),
        ('kind=One|Two', {'kind': 'two'}, {'kind': 'Two'}),
        ('kind=One|Two', {}, {}),
        ('name', {'name': ['x']}, {'name': 'x'}),
        ('name', {'name': []}, {'name': ''}),
        ('names[]', {'names': ['x', 'y']}, {'names': ['x', 'y']}),
        ('names*[]', {'names': ' '}, {'names': ' '}),
        ('name', {'name': 'x', 'raw-response': 'true', 'other': None}, {'name': 'x', 'raw-response': 'true', 'other': None}),
    ],
)
def test_arguments_are_written_as_they_are_declared(names: str, args: dict[str, Any], result: dict[str, Any]) -> None:
    given = dict(args)
    assert checked(names, args) == result
    assert args == given, 'those of the platform stay'


@pytest.mark.parametrize(
    'names, args, sentences',
    [
        ('a*', {}, 'The argument a is empty. Enter a value for it.'),
        ('a* b* c*', {'b': 'x', 'c': '[]'}, 'The arguments a and c are empty. Enter a value for each.'),
        ('a* b*[] c*', {'b': ''}, 'The arguments a, b and c are empty. Enter a value for each.'),
        (
            'a*[] permanent',
            {'permanent': 'maybe'},
            "The argument a is empty. Enter a value for it. 'maybe' is neither true nor false. Change permanent.",
        ),
        ('a b', {'a': [1, 2], 'b': [1, 2, 3]}, 'The argument a has 2 values. Enter one. The argument b has 3 values. Enter one.'),
        ('limit=9', {'limit': '10'}, "'10' is not a whole number from 1 to 9. Change limit."),
        ('kind=One|Two', {'kind': 'x'}, "'x' is not one of One, Two. Change kind."),
        ('a', {'b': 'x'}, 'The argument b does not exist in this command. Use one of a.'),
        ('some_name b', {'someName': 'x'}, 'The argument someName does not exist in this command. Use some_name.'),
        (
            'a b ran_once_flag resume_run hide_polling_output',
            {'c': 0},
            'The argument c does not exist in this command. Use one of a, b.',
        ),
        ('ran_once_flag', {'c': 'x'}, 'The argument c does not exist in this command. Remove it.'),
    ],
)
def test_arguments_that_are_not_valid_are_refused(names: str, args: dict[str, Any], sentences: str) -> None:
    assert error_of(lambda: checked(names, args)) == sentences


@pytest.mark.parametrize(
    'status, advice',
    [
        (404, 'Check that rule_id belongs to this mailbox.'),
        (409, 'Something else changed the object at the same time. Run the command again.'),
    ],
)
def test_an_unknown_id_is_named_by_the_error_of_a_command(status: int, advice: str) -> None:
    response = requests.Response()
    response.status_code = status
    response._content = b'{"error": {"code": "ErrorItemNotFound", "message": "Not found"}}'
    response.headers['request-id'] = '7'
    failure = GraphError.from_response(response, 0)

    def fail(_client: GraphMailClient, _args: dict[str, Any]) -> Any:
        raise failure

    command = checked_command(fail, 'rule_id')
    told = f'Microsoft Graph refused the request: ErrorItemNotFound: Not found. {advice} Request ID: 7'
    assert error_of(lambda: command(GraphMailClient(ADA), {'rule_id': 'x'})) == told
    assert 'rule_id' not in str(failure)


# endregion
