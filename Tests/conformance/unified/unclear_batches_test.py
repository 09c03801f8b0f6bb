"""What commands on several emails say of those of which it is not known whether they were done."""

from typing import Any

import pytest

from conformance.unified.instances import ADA, Instance

UNKNOWN = 'Whether this was done is not known.'
LOOK = 'Look into the folders before you run the command on it again.'
NOT_TWICE: list[tuple[str, dict[str, Any]]] = [
    ('msgraph-mail-move-email', {'destination_folder_id': 'archive'}),
    ('msgraph-mail-copy-email', {'destination_folder_id': 'archive'}),
    ('msgraph-mail-delete-email', {}),
    ('msgraph-mail-delete-email', {'permanent': 'true'}),
]


def ids_of(instance: Instance, count: int) -> list[str]:
    return [message.immutable_id for message in instance.cloud.mailbox(ADA).messages()[:count]]


@pytest.mark.parametrize(
    'fault',
    [
        {'reset': True},
        {'reset_mid_body': True},
        {'status': 503},
        {'status': 500},
        {'garbage': True},
        {'body': {'responses': []}},
        {'body': {'responses': [{'id': '0'}]}},
    ],
)
@pytest.mark.parametrize('command, args', NOT_TWICE)
def test_a_batch_without_a_clear_answer_is_not_repeated_and_says_so(
    instance: Instance, command: str, args: dict[str, Any], fault: dict[str, Any]
) -> None:
    instance.cloud.faults.add(service='graph', path='batch', **fault)
    said = instance.error(command, message_id=ids_of(instance, 1), **args)
    assert said.startswith(f'{UNKNOWN} Microsoft Graph ')
    assert said.endswith(LOOK)
    assert len([path for path, _ in instance.requests('graph') if path.endswith('$batch')]) == 1


@pytest.mark.parametrize('status', [500, 503, 504])
@pytest.mark.parametrize('command, args', NOT_TWICE)
def test_a_request_of_a_batch_that_may_have_been_done_says_so(
    instance: Instance, command: str, args: dict[str, Any], status: int
) -> None:
    first, second = ids_of(instance, 2)
    instance.cloud.faults.add(service='graph', path=first, status=status, headers={'Retry-After': '1'})
    shown = instance.text(command, message_id=[first, second], **args)
    assert '(1 of 2)' in shown
    assert f'{UNKNOWN} Microsoft Graph answered with HTTP status {status}. {LOOK}' in shown


def test_what_was_never_sent_is_not_said_to_be_unknown(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', path='batch', reset=True)
    said = instance.error('msgraph-mail-move-email', message_id=ids_of(instance, 21), destination_folder_id='archive')
    assert said.count(UNKNOWN) == 20


@pytest.mark.parametrize('fault', [{'reset': True}, {'status': 500}, {'body': {'responses': []}}])
def test_what_may_be_done_twice_is_just_to_be_tried_again(instance: Instance, fault: dict[str, Any]) -> None:
    instance.cloud.faults.add(service='graph', path='batch', **fault)
    said = instance.error('msgraph-update-email-status', message_ids=ids_of(instance, 1), status='Read')
    assert UNKNOWN not in said
    assert 'ry again' in said


def test_a_batch_of_what_may_be_done_twice_is_sent_again(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', path='batch', status=503, headers={'Retry-After': '0'})
    assert '(1 of 1)' in instance.text('msgraph-update-email-status', message_ids=ids_of(instance, 1), status='Read')


@pytest.mark.parametrize('command, args', NOT_TWICE)
def test_a_batch_that_is_refused_was_not_done(instance: Instance, command: str, args: dict[str, Any]) -> None:
    instance.cloud.faults.add(service='graph', path='batch', status=403)
    assert UNKNOWN not in instance.error(command, message_id=ids_of(instance, 1), **args)
