"""Changed filters and folders of a mailbox of which more was fetched than the cursor remembers: nothing comes twice.

The cursor remembers a fortieth of what it does otherwise, so that a hundred mails are many.
"""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import MicrosoftGraphMailCursorApiModule
from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform
from conformance.fetch.mail_source import DAY, STRANGER, YEARS_AGO, MailSource
from sandbox.microsoft.graph_mail.model import Message

SHARE = 40
SIZES = ('MAX_SEEN', '_MIN_SEEN', '_RANGE_LENGTH')
MANY, FORGOTTEN = 115, 15
NOT_KNOWN = 'are no longer fetched, because too many emails were fetched since then'
FILTERS: list[dict[str, Any]] = [
    {},
    {'fetch_exclude_senders': 'noise.example'},
    {'fetch_from': 'partner.example'},
    {'fetch_exclude_senders': 'partner.example'},
]


@pytest.fixture(autouse=True)
def small_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SIZES:
        monkeypatch.setattr(MicrosoftGraphMailCursorApiModule, name, getattr(MicrosoftGraphMailCursorApiModule, name) // SHARE)


def deliver_many(source: MailSource, count: int, age: float = 20 * DAY, **more: Any) -> list[Message]:
    return [source.deliver(f'mail {number}', age=age - 60 * number, **more) for number in range(count)]


def repeated(platform: Platform) -> list[str]:
    """Return the subjects of the mails that became two incidents."""
    names = {one.mail_id: one.name for one in platform.incidents}
    return [names[mail_id] for mail_id, number in Counter(one.mail_id for one in platform.incidents).items() if number > 1]


def fetch_all(platform: Platform) -> str:
    """Fetch until there is nothing more, and return the health of the instance."""
    return '\n'.join(said for run in platform.run_until_quiet(quiet=3) for said in run.health)


def test_other_filters_repeat_no_incident(source: MailSource, instance: Instance) -> None:
    platform = instance(max_fetch='20')
    deliver_many(source, MANY)
    fetch_all(platform)
    platform.params['fetch_exclude_senders'] = 'noise.example'
    assert NOT_KNOWN in fetch_all(platform)
    assert (len(platform.incidents), repeated(platform)) == (MANY, [])
    source.deliver('new')
    assert NOT_KNOWN not in fetch_all(platform)
    assert len(platform.incidents) == MANY + 1


def test_what_other_filters_let_through_takes_no_place_of_incidents(source: MailSource, instance: Instance) -> None:
    """Each known mail comes after five new ones in the backlog."""
    platform = instance(max_fetch='20', fetch_from='partner.example')
    for number in range(50):
        source.deliver(f'known {number}', age=DAY - 60 * number)
        for other in range(5):
            source.deliver(f'new {number}.{other}', age=DAY - 60 * number + 10 + other, sender=STRANGER)
    fetch_all(platform)
    platform.params['fetch_from'] = ''
    assert not fetch_all(platform)
    assert (len(platform.incidents), repeated(platform)) == (300, [])


def test_a_backlog_that_other_filters_interrupt_is_fetched_completely(source: MailSource, instance: Instance) -> None:
    platform = instance(max_fetch='20')
    deliver_many(source, 300)
    for _ in range(7):
        assert platform.fetch().has_succeeded
        source.cloud.clock.advance(60)
    platform.params['fetch_exclude_senders'] = 'noise.example'
    fetch_all(platform)
    assert (len(platform.incidents), repeated(platform)) == (300, [])


@pytest.mark.parametrize('delta_status', [None, 501])
@pytest.mark.parametrize('has_other_filters', [False, True])
def test_more_new_mails_than_are_remembered_during_a_backlog_come_once(
    source: MailSource, instance: Instance, delta_status: int | None, has_other_filters: bool
) -> None:
    source.mailbox.delta_status = delta_status
    platform = instance(max_fetch='20')
    deliver_many(source, 200)
    platform.fetch()
    for number in range(12):
        source.cloud.clock.advance(60)
        for other in range(9):
            source.deliver(f'new {number}.{other}', age=0)
        assert platform.fetch().has_succeeded
    assert json.loads(platform.last_run)['folders']['Inbox']['backlog']
    if has_other_filters:
        platform.params['fetch_exclude_senders'] = 'noise.example'
    said = fetch_all(platform)
    assert (len(platform.incidents), repeated(platform)) == (308, []), said


def test_a_folder_that_was_created_again_repeats_no_incident(source: MailSource, instance: Instance) -> None:
    folder = source.folder('Cases')
    messages = deliver_many(source, MANY, folder=folder)
    platform = instance(folder_to_fetch=f'{source.path}/Cases', max_fetch='20')
    fetch_all(platform)
    again = source.folder('Other')
    for message in messages:
        source.mailbox.move(message, again.folder_id)
    source.mailbox.remove_folder(folder)
    source.mailbox.rename_folder(again, 'Cases')
    assert NOT_KNOWN in fetch_all(platform)
    source.deliver('new', again)
    fetch_all(platform)
    assert (len(platform.incidents), repeated(platform)) == (MANY + 1, [])


def test_an_added_folder_repeats_only_what_is_not_remembered(source: MailSource, instance: Instance) -> None:
    messages = deliver_many(source, MANY)
    platform = instance(max_fetch='20')
    fetch_all(platform)
    added = source.folder('Added')
    for message in messages:
        source.mailbox.move(message, added.folder_id)
    platform.params['folder_to_fetch'] = f'Inbox, {source.path}/Added'
    fetch_all(platform)
    assert len(platform.incidents) <= MANY + FORGOTTEN + MicrosoftGraphMailCursorApiModule._MIN_SEEN


def test_changes_of_many_mails_without_a_delta_sync_repeat_no_incident(source: MailSource, instance: Instance) -> None:
    source.mailbox.delta_status = 400
    messages = deliver_many(source, MANY)
    platform = instance(max_fetch='20')
    fetch_all(platform)
    source.cloud.clock.advance(1000)
    platform.fetch()
    for message in messages:
        message.is_read = True
        source.mailbox.touch(message, 'isRead')
    assert NOT_KNOWN in fetch_all(platform)
    assert (len(platform.incidents), repeated(platform)) == (MANY, [])


def test_a_second_of_which_a_part_was_fetched_before_is_not_repeated(source: MailSource, instance: Instance) -> None:
    source.empty()
    source.cloud.clock.stop()
    platform = instance(max_fetch='10')
    for number in range(20):
        source.deliver(f'first {number}', age=60)
    platform.fetch()
    platform.params['fetch_exclude_senders'] = 'noise.example'
    for number in range(MANY):
        source.deliver(f'earlier {number}', age=DAY - number)
    for _ in range(MANY // 10 - 1):
        source.cloud.clock.advance(60)
        platform.fetch()
    platform.params['fetch_exclude_senders'] = 'nobody.example'
    assert NOT_KNOWN in fetch_all(platform)
    assert repeated(platform) == []


@pytest.mark.property
@settings(
    max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(FILTERS), st.sampled_from([5, 20, 70]), st.sampled_from([60.0, DAY]), st.sampled_from([0, 1, 9])
        ),
        min_size=2,
        max_size=5,
    ),
    delta_status=st.sampled_from([None, 501]),
)
def test_whatever_filters_follow_one_another_no_incident_is_repeated(
    source: MailSource,
    instance: Instance,
    steps: list[tuple[dict[str, Any], int, float, int]],
    delta_status: int | None,
) -> None:
    """Mails arrive in time or late. What the last filters let through is fetched completely, or the health says what is not.

    A run fetches less than half of what the cursor remembers beside a backlog; a real one, a fifth. Fewer mails arrive late than
    the cursor remembers: of more, the delta sync may show some when the backlog has fetched and forgotten them (see README).
    """
    source.empty()
    source.cloud.clock.stop()
    source.mailbox.delta_status = delta_status
    platform = instance(max_fetch='10')
    delivered, said = 0, []
    for filters, count, age, runs in steps:
        platform.params = source.params(max_fetch='10', **filters)
        for _ in range(min(count, 20) if age == DAY and delivered else count):
            delivered += 1
            sender = {'sender': STRANGER} if delivered % 3 == 0 else {}
            source.deliver(f'mail {delivered}', age=age - delivered / 10, **sender)
        for _ in range(runs):
            said += platform.fetch().health
            source.cloud.clock.advance(60)
    said.append(fetch_all(platform))
    assert not repeated(platform)
    wanted = {
        one.subject
        for one in source.mailbox.messages()
        if filters.get('fetch_exclude_senders') != 'partner.example' or one.sender == STRANGER
        if 'fetch_from' not in filters or one.sender != STRANGER
    }
    assert NOT_KNOWN in ''.join(said) or wanted <= {one.name for one in platform.incidents}


@pytest.mark.parametrize('filters', [{'fetch_exclude_senders': 'noise.example'}, {'fetch_subject': 'old'}])
def test_mails_that_were_only_read_before_a_filter_changed_are_not_new(
    source: MailSource, instance: Instance, filters: dict[str, Any]
) -> None:
    old = [source.deliver(f'old {number}', age=YEARS_AGO) for number in range(30)]
    platform = instance(max_fetch='5')
    source.cloud.clock.advance(3600)
    platform.run_until_quiet()
    for message in old:
        message.is_read = True
        source.mailbox.touch(message, 'isRead')
    platform.params.update(filters)
    platform.run_until_quiet(quiet=4)
    assert not platform.incidents
