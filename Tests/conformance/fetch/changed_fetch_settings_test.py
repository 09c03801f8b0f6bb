"""Settings that change while mails wait to be fetched, and mails that do not wait for others: none is lost."""

from typing import Any

import pytest

from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import DAY, PARTNER, STRANGER, MailSource

QUARTER, HOUR = 900.0, 3600.0
NO_STRANGERS = {'fetch_exclude_senders': STRANGER.address}


@pytest.fixture(params=[None, 501], ids=['delta', 'no delta'], autouse=True)
def delta_status(source: MailSource, request: pytest.FixtureRequest) -> None:
    source.mailbox.delta_status = request.param


def names(platform: Platform) -> list[str]:
    """Return the subjects of the incidents."""
    return sorted(one.name for one in platform.incidents)


def change(platform: Platform, **params: Any) -> None:
    platform.params.update(params)
    platform.run_until_quiet(quiet=3)


def test_a_filter_that_changes_during_a_flood_loses_nothing(source: MailSource, instance: Instance) -> None:
    platform = instance(max_fetch='5', first_fetch='15 minutes')
    platform.fetch()
    for number in range(60):
        source.deliver(f'flood {number}', age=0, sender=STRANGER)
        if number % 20 == 19:
            source.deliver(f'wanted {number}', age=0, sender=PARTNER)
    for _ in range(4):
        source.cloud.clock.advance(QUARTER)
        assert len(platform.fetch().incidents) == 5
    change(platform, **NO_STRANGERS)
    assert [one for one in names(platform) if one.startswith('wanted')] == ['wanted 19', 'wanted 39', 'wanted 59']
    assert len(set(names(platform))) == len(platform.incidents)


@pytest.mark.parametrize('minutes', [0, 60])
def test_an_old_mail_that_entered_before_a_filter_changed_is_fetched(
    source: MailSource, instance: Instance, minutes: int
) -> None:
    message = source.deliver('moved', source.folder('Elsewhere'), age=3 * DAY)
    platform = instance(first_fetch='15 minutes')
    platform.fetch()
    source.cloud.clock.advance(60)
    source.mailbox.move(message, 'inbox')
    source.cloud.clock.advance(60 * minutes)
    change(platform, **NO_STRANGERS)
    assert names(platform) == ['moved']


def test_a_filter_that_changes_during_a_backlog_loses_nothing(source: MailSource, instance: Instance) -> None:
    for number in range(20):
        source.deliver(f'mail {number:02}', age=600 - number)
    platform = instance(max_fetch='5', first_fetch='15 minutes')
    platform.fetch()
    source.cloud.clock.advance(HOUR)
    change(platform, **NO_STRANGERS)
    assert names(platform) == [f'mail {number:02}' for number in range(20)]


def test_filters_that_change_again_and_again_lose_nothing(source: MailSource, instance: Instance) -> None:
    for number in range(20):
        source.deliver(f'mail {number:02}', age=600 - number)
    platform = instance(max_fetch='2', first_fetch='15 minutes')
    for number in range(6):
        platform.params['fetch_exclude_senders'] = f'noise{number}.example'
        platform.fetch()
        source.deliver(f'new {number}', age=0)
        source.cloud.clock.advance(QUARTER)
    platform.run_until_quiet()
    assert names(platform) == [*(f'mail {number:02}' for number in range(20)), *(f'new {number}' for number in range(6))]


def test_another_filter_fetches_what_only_it_lets_through(source: MailSource, instance: Instance) -> None:
    platform = instance(**NO_STRANGERS, first_fetch='2 hours')
    for number, age in enumerate((3 * HOUR, HOUR, 0)):
        source.deliver(f'mail {number}', age=age, sender=STRANGER)
    source.cloud.clock.advance(QUARTER)
    platform.run_until_quiet()
    assert not platform.incidents
    change(platform, fetch_exclude_senders='')
    assert names(platform) == ['mail 1', 'mail 2']


@pytest.mark.parametrize('has_other_filters', [False, True])
def test_a_new_mail_does_not_wait_for_the_backlog(source: MailSource, instance: Instance, has_other_filters: bool) -> None:
    for number in range(40):
        source.deliver(f'old {number}', age=5 * DAY - number, sender=STRANGER)
    platform = instance(max_fetch='5', **NO_STRANGERS if has_other_filters else {})
    if has_other_filters:
        platform.run_until_quiet()
        platform.params['fetch_exclude_senders'] = ''
    platform.fetch()
    for number in range(3):
        message = source.deliver(f'new {number}', age=0)
        assert f'new {number}' in platform.fetch().names
        source.mailbox.remove(message)
        source.cloud.clock.advance(60)
    platform.run_until_quiet()
    assert len(set(names(platform))) == len(platform.incidents) == 43


def test_a_mail_that_was_imported_with_a_time_in_the_future_is_in_the_backlog(source: MailSource, instance: Instance) -> None:
    source.deliver('imported', age=-DAY)
    source.cloud.clock.advance(QUARTER)
    platform = instance()
    platform.run_until_quiet()
    assert names(platform) == ['imported']


def test_a_flood_and_a_backlog_share_the_runs(source: MailSource, instance: Instance) -> None:
    for number in range(20):
        source.deliver(f'old {number}', age=5 * DAY - number)
    platform = instance(max_fetch='5')
    platform.fetch()
    for _ in range(5):
        source.cloud.clock.advance(60)
        for number in range(10):
            source.deliver(f'new {number}', age=0)
        kinds = [name.split()[0] for name in platform.fetch().names]
        assert (kinds.count('new'), kinds.count('old')) == (3, 2)
    platform.run_until_quiet()
    assert len({one.mail_id for one in platform.incidents}) == len(platform.incidents) == 70


@pytest.mark.parametrize('others', ['', 'Inbox, '])
def test_a_typo_in_a_folder_that_is_corrected_loses_nothing(source: MailSource, instance: Instance, others: str) -> None:
    cases = source.folder('Cases')
    platform = instance(folder_to_fetch=f'{others}{source.path}/Cases', first_fetch='15 minutes')
    platform.run_until_quiet()
    platform.params['folder_to_fetch'] = f'{others}{source.path}/Casess'
    for number in range(4):
        source.deliver(f'mail {number}', cases, age=number * DAY)
        run = platform.fetch()
        assert 'Casess' in run.error + ''.join(run.health)
        assert not run.incidents, 'the folder is not in the list'
        source.cloud.clock.advance(QUARTER)
    change(platform, folder_to_fetch=f'{others}{source.path}/Cases')
    assert names(platform) == [f'mail {number}' for number in range(4)]


def test_a_new_name_of_a_folder_that_cannot_be_looked_up_for_a_while_loses_nothing(
    source: MailSource, instance: Instance
) -> None:
    cases = source.folder('Cases')
    platform = instance(folder_to_fetch=f'Inbox, {source.path}/Cases', first_fetch='15 minutes')
    platform.run_until_quiet()
    source.mailbox.rename_folder(cases, 'Reports')
    platform.params['folder_to_fetch'] = f'Inbox, {source.path}/Reports'
    source.cloud.faults.add(service='graph', path='/childFolders', status=500, times=None)
    for number in range(4):
        source.deliver(f'mail {number}', cases, age=0)
        platform.fetch()
        source.cloud.clock.advance(QUARTER)
    source.cloud.faults.clear()
    platform.run_until_quiet()
    assert names(platform) == [f'mail {number}' for number in range(4)]


def test_a_folder_that_was_removed_from_the_list_starts_again(source: MailSource, instance: Instance) -> None:
    cases = source.folder('Cases')
    platform = instance(folder_to_fetch=f'Inbox, {source.path}/Cases', first_fetch='15 minutes')
    platform.run_until_quiet()
    change(platform, folder_to_fetch='Inbox')
    source.deliver('meanwhile', cases, age=0)
    source.cloud.clock.advance(HOUR)
    change(platform, folder_to_fetch=f'Inbox, {source.path}/Cases')
    assert not platform.incidents


def test_a_typo_does_not_let_a_busy_folder_block_the_others(source: MailSource, instance: Instance) -> None:
    folders = {name: source.folder(name) for name in 'ABCD'}
    paths = {name: f'{source.path}/{name}' for name in (*folders, 'typo')}
    platform = instance(folder_to_fetch=', '.join(paths[name] for name in folders), max_fetch='4')
    platform.run_until_quiet()
    platform.params['folder_to_fetch'] = ', '.join(paths[name] for name in ('typo', 'A', 'B', 'C'))
    for number in range(12):
        for busy in 'ABC':
            source.deliver(f'{busy} {number}', folders[busy], age=0)
            source.deliver(f'more of {busy} {number}', folders[busy], age=0)
        platform.fetch()
        source.cloud.clock.advance(60)
    assert {one.name[:1] for one in platform.incidents if not one.name.startswith('more')} == {*'ABC'}
