"""Commands on several emails whose outcome is unknown."""

from typing import Any

import pytest

from conformance.unified.instances import ADA, Instance

UNKNOWN = 'It is not known whether the request was carried out.'
LOOK = 'Check the folders before you run the command again.'
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
def test_a_batch_without_a_response_is_not_repeated(
    instance: Instance, command: str, args: dict[str, Any], fault: dict[str, Any]
) -> None:
    instance.cloud.faults.add(service='graph', path='batch', **fault)
    said = instance.error(command, message_id=ids_of(instance, 1), **args)
    assert said.startswith(f'{UNKNOWN} Microsoft Graph ')
    assert said.endswith(LOOK)
    assert len([path for path, _ in instance.requests('graph') if path.endswith('$batch')]) == 1


@pytest.mark.parametrize('status', [500, 503, 504])
@pytest.mark.parametrize('command, args', NOT_TWICE)
def test_a_request_of_a_batch_with_an_unknown_outcome_is_reported(
    instance: Instance, command: str, args: dict[str, Any], status: int
) -> None:
    first, second = ids_of(instance, 2)
    instance.cloud.faults.add(service='graph', path=first, status=status, headers={'Retry-After': '1'})
    shown = instance.text(command, message_id=[first, second], **args)
    assert '(1 of 2)' in shown
    assert f'{UNKNOWN} Microsoft Graph responded with HTTP status {status}. {LOOK}' in shown


def test_requests_that_were_not_sent_have_a_known_outcome(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', path='batch', reset=True)
    said = instance.error('msgraph-mail-move-email', message_id=ids_of(instance, 21), destination_folder_id='archive')
    assert said.count(UNKNOWN) == 20


@pytest.mark.parametrize('fault', [{'reset': True}, {'status': 500}, {'body': {'responses': []}}])
def test_an_idempotent_request_can_be_retried_by_the_user(instance: Instance, fault: dict[str, Any]) -> None:
    instance.cloud.faults.add(service='graph', path='batch', **fault)
    said = instance.error('msgraph-update-email-status', message_ids=ids_of(instance, 1), status='Read')
    assert UNKNOWN not in said
    assert 'ry again' in said


def test_a_batch_of_idempotent_requests_is_sent_again(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', path='batch', status=503, headers={'Retry-After': '0'})
    assert '(1 of 1)' in instance.text('msgraph-update-email-status', message_ids=ids_of(instance, 1), status='Read')


@pytest.mark.parametrize('command, args', NOT_TWICE)
def test_a_rejected_batch_has_a_known_outcome(instance: Instance, command: str, args: dict[str, Any]) -> None:
    instance.cloud.faults.add(service='graph', path='batch', status=403)
    assert UNKNOWN not in instance.error(command, message_id=ids_of(instance, 1), **args)
