"""Commands that Microsoft Graph throttles beyond the retry budget."""

import re
import time
from typing import Any

import pytest

from conformance.unified.instances import ADA, ERROR, Instance
from conformance.unified.integration_yml import IN_YML, QUICK_ACTIONS, enough_arguments
from MicrosoftInstanceApiModule import parse_datetime
from O365OutlookMailSingleUser import MAIL_COMMANDS, SENDING_COMMANDS
from sandbox.microsoft.graph_mail.model import Message
from sandbox.tests.machine import limit

# Commands that must not run twice.
NOT_TO_REPEAT = {
    'msgraph-mail-move-email',
    'msgraph-mail-copy-email',
    'msgraph-mail-delete-email',
    'msgraph-mail-create-folder',
    'msgraph-mail-delete-folder',
    'msgraph-mail-create-rule',
    'msgraph-mail-delete-rule',
}
LATER = {'Retry-After': '45'}


def fail(instance: Instance, status: int = 429, path: str = '', times: int | None = None) -> None:
    instance.cloud.faults.add(service='graph', path=path, status=status, headers=LATER, times=times)


def next_run(entry: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    return entry['PollingCommand'], entry['NextRun'], entry['PollingArgs']


def messages_of(instance: Instance, count: int) -> list[Message]:
    return instance.cloud.mailbox(ADA).messages()[:count]


def ids(messages: list[Message]) -> str:
    return ','.join(message.immutable_id for message in messages)


# region which commands


@pytest.mark.parametrize('command', MAIL_COMMANDS)
def test_a_throttled_command_is_rescheduled(instance: Instance, command: str) -> None:
    fail(instance)
    args = enough_arguments(command)
    entry = instance.run(command, **args)
    assert next_run(entry) == (command, '46', {**args, 'ran_once_flag': True})
    assert entry['HumanReadable'].startswith('Microsoft is throttling requests. ')
    assert set(entry['PollingArgs']) <= {one['name'] for one in IN_YML[command]['arguments']}


@pytest.mark.parametrize('command', QUICK_ACTIONS)
def test_a_throttled_quick_action_is_rescheduled_under_its_own_name(instance: Instance, command: str) -> None:
    fail(instance)
    args = enough_arguments(command.removesuffix('-quick-action'))
    assert next_run(instance.run(command, **args)) == (command, '46', {**args, 'ran_once_flag': True})


@pytest.mark.parametrize(
    'command, name, value',
    [
        (command, argument['name'], value)
        for command in SENDING_COMMANDS
        for argument in IN_YML[command]['arguments']
        for value in argument.get('predefined') or ()
        if value not in ('true', 'false')
    ],
)
def test_a_later_run_gets_a_choice_as_the_platform_offers_it(instance: Instance, command: str, name: str, value: str) -> None:
    """Anything else is refused by the platform, and the email is never sent."""
    fail(instance)
    assert instance.run(command, **{**enough_arguments(command), name: value})['PollingArgs'][name] == value


@pytest.mark.parametrize('command', MAIL_COMMANDS)
def test_a_rescheduled_command_that_is_throttled_is_an_error(instance: Instance, command: str) -> None:
    fail(instance)
    assert 'Try again in 45 seconds.' in instance.error(command, **enough_arguments(command), ran_once_flag='true')


@pytest.mark.parametrize('status', [503, 504])
@pytest.mark.parametrize('command', MAIL_COMMANDS)
def test_a_command_is_rescheduled_on_a_server_error_if_it_may_run_twice(instance: Instance, command: str, status: int) -> None:
    fail(instance, status)
    entry = instance.run(command, **enough_arguments(command))
    assert ('PollingCommand' in entry, entry['Type'] == ERROR) == (command not in NOT_TO_REPEAT, command in NOT_TO_REPEAT)


@pytest.mark.parametrize('command', ['msgraph-mail-auth-test', 'msgraph-mail-test', 'test-module'])
def test_auth_test_is_not_rescheduled(instance: Instance, command: str) -> None:
    fail(instance)
    assert 'Try again in 45 seconds.' in instance.error(command)


# endregion
# region several IDs


def test_only_the_remaining_emails_are_rescheduled(instance: Instance) -> None:
    first, second, third = messages_of(instance, 3)
    fail(instance, path=second.immutable_id, times=1)
    report, rest = instance.entries(
        'msgraph-mail-copy-email',
        message_id=f'{ids([first, second, third])},nonsense',
        destination_folder_id='archive',
        user_id=ADA,
    )
    assert 'Emails copied (2 of 3)' in report['HumanReadable']
    [done] = report['EntryContext'].values()
    assert [one['SourceID'] for one in done] == [first.immutable_id, third.immutable_id]
    assert next_run(rest) == (
        'msgraph-mail-copy-email',
        '46',
        {'message_id': second.immutable_id, 'destination_folder_id': 'archive', 'user_id': ADA, 'ran_once_flag': True},
    )
    assert (
        rest['HumanReadable'] == 'Microsoft is throttling requests. The command continues with 1 remaining email in 46 seconds.'
    )
    assert instance.context('msgraph-mail-copy-email', **rest['PollingArgs'])['SourceID'] == second.immutable_id
    archive = instance.cloud.mailbox(ADA).folder('archive')
    assert archive
    assert len(instance.cloud.mailbox(ADA).messages(archive.folder_id)) == 3


def test_the_results_before_a_throttled_batch_are_reported(instance: Instance) -> None:
    messages = messages_of(instance, 25)
    instance.cloud.faults.add(service='graph', path='batch', delay=0)
    fail(instance, path='batch', times=1)
    report, rest = instance.entries('msgraph-update-email-status', message_ids=ids(messages), status='Read')
    assert '(20 of 20)' in report['HumanReadable']
    assert rest['PollingArgs']['message_ids'] == ids(messages[20:])
    assert [message.is_read for message in messages] == [True] * 20 + [False] * 5


def test_the_longest_delay_counts(instance: Instance) -> None:
    first, second = messages_of(instance, 2)
    for message, seconds in ((first, '100'), (second, '50')):
        instance.cloud.faults.add(service='graph', path=message.immutable_id, status=429, headers={'Retry-After': seconds})
    assert instance.run('msgraph-update-email-status', message_ids=ids([first, second]), status='Read')['NextRun'] == '101'


def test_a_rescheduled_batch_reports_throttled_requests(instance: Instance) -> None:
    first, second = messages_of(instance, 2)
    fail(instance, path=second.immutable_id)
    entry = instance.run('msgraph-update-email-status', message_ids=ids([first, second]), status='Read', ran_once_flag='true')
    assert '(1 of 2)' in entry['HumanReadable']
    assert 'Try again in 45 seconds.' in entry['HumanReadable']


# endregion
# region times relative to now

TIMES = [
    (command, argument['name'])
    for command in (*MAIL_COMMANDS, *SENDING_COMMANDS)
    for argument in IN_YML[command]['arguments']
    if re.search('_(time|date|after|before)$', argument['name'])
]
MORE = {
    'msgraph-mail-set-automatic-replies': {'status': 'scheduled', 'start_time': 'in 1 hour', 'end_time': 'in 3 hours'},
    'msgraph-mail-find-email': {'subject': 'Report', 'sender': ADA},
    'msgraph-mail-flag-email': {'message_ids': 'AAMkADU3AAA='},
    'send-mail': {'to': ADA},
    'reply-mail': {'inReplyTo': 'AAMkADU3AAA=', 'body': 'x'},
}


@pytest.mark.parametrize('command, name', TIMES)
def test_a_relative_time_is_that_of_the_first_run(instance: Instance, command: str, name: str) -> None:
    given, seconds = ('2 hours ago', -7200) if name.startswith('received') else ('in 2 hours', 7200)
    before = time.time()
    fail(instance)
    args = {**enough_arguments(command), **MORE.get(command, {}), name: given}
    pinned = instance.run(command, **args)['PollingArgs'][name]
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT[0-9:.+]+Z?', pinned)
    moment = parse_datetime(pinned, 'x')
    assert moment
    assert -1 < moment.timestamp() - before - seconds < limit(30)


def test_a_time_without_an_offset_stays_in_its_time_zone(instance: Instance) -> None:
    times = {'start_time': '2999-01-01 08:00', 'end_time': '2999-01-02T08:00:00+02:00', 'time_zone': 'Tokyo Standard Time'}
    fail(instance)
    again = instance.run('msgraph-mail-set-automatic-replies', status='scheduled', **times)['PollingArgs']
    assert (again['start_time'], again['end_time']) == ('2999-01-01T08:00:00', '2999-01-02T06:00:00Z')


@pytest.mark.parametrize('given', ['in 2 hours', 'tomorrow'])
def test_the_remaining_emails_are_due_when_the_others_are(instance: Instance, given: str) -> None:
    first, second = messages_of(instance, 2)
    fail(instance, path=second.immutable_id, times=1)
    report, rest = instance.entries('msgraph-mail-flag-email', message_ids=ids([first, second]), due_date=given)
    assert rest['PollingArgs']['due_date'] in report['HumanReadable']
    instance.text('msgraph-mail-flag-email', **rest['PollingArgs'])
    assert first.flag.due == second.flag.due
    assert first.flag.due['dateTime'][:19] == rest['PollingArgs']['due_date'].rstrip('Z')


# endregion
# region files


def test_the_file_of_a_rescheduled_command_is_removed(instance: Instance, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [message] = messages_of(instance, 1)
    fail(instance)
    assert 'PollingCommand' in instance.run('msgraph-mail-get-email-as-eml', message_id=message.immutable_id)
    assert list(tmp_path.iterdir()) == []


def test_no_attachment_is_given_up_if_one_is_throttled(
    instance: Instance, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [message] = messages_of(instance, 1)
    mailbox = instance.cloud.mailbox(ADA)
    for name in ('a.txt', 'b.txt'):
        mailbox.attach_file(message, name, b'x', 'text/plain')
    listed = instance.context('msgraph-mail-list-attachments', message_id=message.immutable_id)['Attachment']
    fail(instance, path=listed[-1]['ID'].rstrip('='))
    rest = instance.run('msgraph-mail-get-attachment', message_id=message.immutable_id)
    assert next_run(rest)[1:] == ('46', {'message_id': message.immutable_id, 'ran_once_flag': True})
    assert list(tmp_path.iterdir()) == []
    report, [file] = instance.entries('msgraph-mail-get-attachment', **rest['PollingArgs'])
    assert (file['File'], 'b.txt' in report['HumanReadable']) == ('a.txt', True)


# endregion
