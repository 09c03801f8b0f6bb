"""The API execution metrics that commands report."""

from pathlib import Path

import pytest

import demistomock as demisto
from conformance.unified.instances import ADA, BOB, Instance


def reported(instance: Instance) -> list[dict[str, int]]:
    return [{one['Type']: one['APICallsCount'] for one in metrics} for metrics in instance.metrics]


def ids_of(instance: Instance, count: int) -> list[str]:
    return [message.immutable_id for message in instance.cloud.mailbox(ADA).messages()[:count]]


def test_a_command_reports_its_calls_in_one_entry(instance: Instance) -> None:
    instance.run('msgraph-mail-list-emails', page_size='5', pages_to_pull='3')
    assert reported(instance) == [{'Successful': 4}]  # three pages, and the names of their folders


@pytest.mark.parametrize(
    'fault, calls',
    [
        ({'status': 429, 'headers': {'Retry-After': '60'}}, {'QuotaError': 1}),
        ({'status': 400}, {'GeneralError': 1}),
        ({'status': 500}, {'ServiceError': 1}),
        ({'reset': True}, {'ConnectionError': 1, 'Successful': 1}),  # such a request is sent again
        ({'reset': True, 'times': 2}, {'ConnectionError': 2}),
    ],
)
def test_a_failed_command_reports_the_kind_of_error(instance: Instance, fault: dict[str, object], calls: dict[str, int]) -> None:
    instance.cloud.faults.add(service='graph', **fault)
    instance.run('msgraph-mail-list-folders')
    assert reported(instance) == [calls]


def test_a_sending_command_reports_its_calls_and_uploads(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / 'large.bin'
    file.write_bytes(bytes(5_000_000))
    monkeypatch.setattr(demisto, 'getFilePath', lambda _entry_id: {'path': str(file), 'name': file.name})
    instance.text('send-mail', to=BOB, subject='Hello', body='Hello', attachIDs='1@1')
    calls = instance.cloud.requests.of('graph')
    assert [call.method for call in calls].count('PUT') == 2
    assert reported(instance) == [{'Successful': len(calls)}]


def test_failed_requests_of_a_batch_are_reported(instance: Instance) -> None:
    throttled, *others = ids_of(instance, 21)
    instance.cloud.faults.add(service='graph', path=throttled, status=429, headers={'Retry-After': '60'})
    instance.entries('msgraph-update-email-status', message_ids=[throttled, *others, 'nonsense'], status='Read')
    assert reported(instance) == [{'Successful': 2, 'QuotaError': 1, 'GeneralError': 1}]


def test_auth_test_reports_its_calls(instance: Instance) -> None:
    instance.run('msgraph-mail-auth-test')
    assert reported(instance) == [{'Successful': 1}]


@pytest.mark.parametrize('command', ['test-module', 'msgraph-mail-auth-reset'])
def test_the_test_button_and_the_fetch_report_nothing(instance: Instance, command: str) -> None:
    instance.run(command)
    assert reported(instance) == []
