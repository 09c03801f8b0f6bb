"""Only one folder of a mailbox is shared with the user who is signed in.

Source: https://learn.microsoft.com/graph/outlook-share-messages-folders, msgraph-sdk-powershell#622, python-o365#170
"""

import re
from pathlib import Path
from typing import Any

import pytest

import demistomock as demisto
from authentication_methods import DEVICE_CODE
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import MailSource
from conformance.unified.instances import ADA, BOB, Instance

MINUTES = 60


class SharedFolder:
    """An instance in which Bob is signed in, who may open one folder of Ada's mailbox.

    Args:
        name: ID or well-known name of the folder.
        status: how Graph answers requests for the others.
    """

    def __init__(self, source: MailSource, instance: Instance, folder: Path, name: str, status: int) -> None:
        cloud = source.cloud
        source.mailbox.share_folder(name, cloud.directory.user(BOB).object_id)
        source.mailbox.unshared_status = status
        cloud.directory.application('device').delegated_permissions.append('Mail.ReadWrite.Shared')
        instance.params = {**DEVICE_CODE.settings(cloud), 'mailbox_to_fetch': ADA, 'isFetch': True, 'folder_to_fetch': name}
        instance.sign_in(BOB, 'Mail.ReadWrite,Mail.ReadWrite.Shared')
        self.instance = instance
        self._folder = folder

    def platform(self, **params: Any) -> Platform:
        platform = Platform(self.instance.cloud, self._folder, {**self.instance.params, 'first_fetch': '1 day', **params})
        platform.context = dict(demisto.integrationContext)
        return platform


@pytest.fixture(params=['inbox, 404', 'inbox, 403', 'child, 404', 'child, 403'])
def shared(
    source: MailSource,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> SharedFolder:
    monkeypatch.setattr(demisto, 'integrationContext', {})
    name, status = request.param.split(', ')
    folder_id = source.parent.folder_id if name == 'child' else name
    return SharedFolder(source, Instance(source.cloud, monkeypatch, caplog, {}), tmp_path, folder_id, int(status))


def of_inbox(shared: SharedFolder) -> bool:
    return shared.instance.params['folder_to_fetch'] == 'inbox'


def deliver(source: MailSource, shared: SharedFolder, subject: str) -> Any:
    return source.deliver(subject, None if of_inbox(shared) else source.parent)


def test_the_fetch_goes_on_for_hours(source: MailSource, shared: SharedFolder) -> None:
    platform = shared.platform()
    for number in range(6):
        deliver(source, shared, f'Mail {number}')
        run = platform.fetch()
        assert (run.error, run.health, run.names) == ('', [], [f'Mail {number}'])
        source.cloud.clock.advance(11 * MINUTES)


@pytest.mark.parametrize('is_fetching', [True, False])
def test_the_sign_in_can_be_tested(shared: SharedFolder, is_fetching: bool) -> None:
    shared.instance.params['isFetch'] = is_fetching
    if is_fetching or of_inbox(shared):
        assert BOB in shared.instance.text('msgraph-mail-auth-test')
    else:
        assert re.search('ErrorItemNotFound|ErrorAccessDenied', shared.instance.error('msgraph-mail-auth-test'))


@pytest.mark.parametrize('name', ['Inbox', 'INBOX', 'inbox'])
def test_the_inbox_is_found_by_any_spelling(source: MailSource, shared: SharedFolder, name: str) -> None:
    platform = shared.platform(folder_to_fetch=name)
    source.deliver('In the inbox')
    run = platform.fetch()
    if of_inbox(shared):
        assert (run.error, run.names) == ('', ['In the inbox'])
    else:
        assert 'ErrorItemNotFound' in run.error or 'ErrorAccessDenied' in run.error


@pytest.mark.parametrize('shared', ['inbox, 404', 'inbox, 403'], indirect=True)
@pytest.mark.parametrize('name', ['Inbox', 'INBOX', 'inbox', 'Inbox/Sub'])
def test_a_command_finds_the_inbox_by_any_spelling(source: MailSource, shared: SharedFolder, name: str) -> None:
    sub = source.mailbox.make_folder('Sub', 'inbox')
    source.mailbox.share_folder(sub.folder_id, source.cloud.directory.user(BOB).object_id)
    source.deliver('It is here', sub if name == 'Inbox/Sub' else None)
    [email] = shared.instance.context('msgraph-mail-list-emails', folder_id=name)
    assert email['Subject'] == 'It is here'


def test_a_mail_that_cannot_be_read_becomes_an_incident(source: MailSource, shared: SharedFolder) -> None:
    platform = shared.platform()
    deliver(source, shared, 'Bad').broken.add('message')
    deliver(source, shared, 'Good')
    for _ in range(7):
        assert not platform.fetch().error
        source.cloud.clock.advance(10 * MINUTES)
    incidents = {incident.name: incident.raw for incident in platform.incidents}
    assert set(incidents) == {'Bad', 'Good'}
    assert 'Missing' in incidents['Bad']
    assert 'Missing' not in incidents['Good']


@pytest.mark.parametrize('shared', ['child, 404', 'child, 403'], indirect=True)
def test_a_shared_folder_that_is_deleted_is_reported(source: MailSource, shared: SharedFolder) -> None:
    platform = shared.platform()
    assert not platform.fetch().error
    source.mailbox.remove_folder(source.parent)
    source.cloud.clock.advance(11 * MINUTES)
    assert re.search('ErrorItemNotFound|ErrorAccessDenied', platform.fetch().error)
