"""Microsoft Graph or the proxy is too slow for what the fetch requests, or the clock of the engine differs from that of Graph."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

import MicrosoftInstanceApiModule
from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform, Run
from conformance.fetch.mail_source import DAY, YEARS_AGO, MailSource
from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.graph_mail.model import Message

LARGE = 1_200_000  # bytes; such a file is downloaded alone
LIMIT = MicrosoftInstanceApiModule.COMMAND_SECONDS
NOT_IN_TIME = 'It could not be read in the time of one fetch: it is large, or the connection to Microsoft Graph is slow.'


# region files


def slow_mail(source: MailSource, name: str = 'slow') -> Message:
    """Deliver a mail with a file of which no more than a byte comes within the time of a command."""
    message = source.deliver(name, age=500)
    source.mailbox.attach_file(message, 'large.bin', bytes(LARGE))
    source.cloud.faults.add(service='graph', path=rf'{message.immutable_id}/attachments/[^/]+/\$value$', slow=0.3, times=None)
    return message


def fetch_slowly(source: MailSource, platform: Platform, *slow: Message) -> Run:
    """Fetch a minute later. Only a moment of the time of the command is left when a file of one of these mails is requested."""
    clock = source.cloud.clock
    clock.advance(60)
    end = clock.now() + LIMIT

    def jump(url: str) -> None:
        if url.endswith('/$value') and any(one.immutable_id in url for one in slow):
            clock.advance(max(0.0, end - clock.now() - 0.2))

    return platform.fetch(on_request=jump)


@pytest.mark.parametrize('size', [10, LARGE])
def test_a_file_that_takes_too_long_does_not_block_other_mails(source: MailSource, instance: Instance, size: int) -> None:
    slow = slow_mail(source)
    platform = instance()
    runs = []
    for number in range(5):
        source.mailbox.attach_file(source.deliver(f'mail {number}', age=0), 'other.bin', bytes(size))
        runs.append(fetch_slowly(source, platform, slow))
    assert not any(run.error or run.is_unhealthy for run in runs)
    assert [sum('slow' in run.names for run in runs[:count]) for count in (4, 5)] == [0, 1], 'it is tried five times'
    for run in runs[:4]:
        [note] = run.health
        assert note.startswith("An email in 'Inbox' that was received at ")
        assert note.endswith(f' is tried again. {NOT_IN_TIME}')
    last = fetch_slowly(source, platform)
    assert not last.health
    assert sorted(one.name for one in platform.incidents) == [*(f'mail {number}' for number in range(5)), 'slow']
    for one in platform.incidents:
        assert one.raw.get('Missing') == ([f"The file 'large.bin' is missing. {NOT_IN_TIME}"] if one.name == 'slow' else None)


def test_a_file_that_takes_too_long_does_not_block_a_fetch_of_one_mail(source: MailSource, instance: Instance) -> None:
    slow, other = slow_mail(source), slow_mail(source, 'also slow')
    platform = instance(max_fetch='1')
    source.deliver('last', age=400)
    runs = [fetch_slowly(source, platform, slow, other) for _ in range(12)]
    assert sorted(name for run in runs for name in run.names) == ['also slow', 'last', 'slow']


def test_a_slow_mail_that_can_be_read_in_its_last_try_is_complete(source: MailSource, instance: Instance) -> None:
    slow = slow_mail(source)
    platform = instance()
    for _ in range(4):
        assert fetch_slowly(source, platform, slow).names == []
    source.cloud.faults.clear()
    for number in range(3):
        source.mailbox.attach_file(source.deliver(f'mail {number}', age=0), 'other.bin', bytes(LARGE))
    run = platform.fetch(on_request=lambda url: source.cloud.clock.advance(60) if url.endswith('/$value') else None)
    assert run.names[0] == 'slow', 'it is read first, with all the time'
    assert 'Missing' not in run.incidents[0].raw


def test_a_file_for_which_the_selection_leaves_no_time_is_missing_after_an_hour(source: MailSource, instance: Instance) -> None:
    clock = source.cloud.clock
    clock.stop()
    platform = instance()
    platform.fetch()
    slow = slow_mail(source)
    for number in range(40):
        clock.advance(60)
        start, end = clock.now(), clock.now() + LIMIT

        def wait(url: str, start: float = start, end: float = end) -> None:
            if '/mailFolders/' in url and '/messages' in url:
                clock.advance(max(0.0, start + 101 - clock.now()))
            elif url.endswith('/$value') and slow.immutable_id in url:
                clock.advance(max(0.0, end - clock.now() - 0.2))

        run = platform.fetch(on_request=wait)
        if run.names:
            assert number > 4
            break
        assert NOT_IN_TIME in run.health[0]
    [incident] = platform.incidents
    assert incident.raw['Missing'] == [f"The file 'large.bin' is missing. {NOT_IN_TIME}"]


def test_headers_do_not_wait_for_large_files(source: MailSource, instance: Instance) -> None:
    source.mailbox.hides_internal_headers = True
    slow = source.deliver('slow', sender=source.mailbox.owner, headers=[('X-Seen', 'yes')])
    source.mailbox.attach_file(slow, 'large.bin', bytes(LARGE))
    source.cloud.faults.add(service='graph', path=r'/attachments/[^/]+/\$value$', slow=0.3, times=None)
    platform = instance()
    clock = source.cloud.clock
    for _ in range(5):
        end = clock.now() + LIMIT
        platform.fetch(
            on_request=lambda url, end=end: (  # type: ignore[misc]
                clock.advance(max(0.0, end - clock.now() - 0.2)) if '/attachments/' in url and url.endswith('/$value') else None
            )
        )
    [incident] = platform.incidents
    assert 'X-Seen' in [header['name'] for header in incident.raw['Headers']]
    assert incident.raw['Missing'] == [f"The file 'large.bin' is missing. {NOT_IN_TIME}"]


def test_pages_become_no_larger_while_the_location_of_their_folder_is_unknown(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.fetch()
    last_run = json.loads(platform.last_run)
    last_run['folders']['Inbox']['page'] = 5
    platform.last_run = json.dumps(last_run)
    source.cloud.clock.advance(660)
    source.cloud.faults.add(service='graph', path=r'/mailFolders/[^/]+$', status=500, times=None)
    sizes = []
    for _ in range(3):
        platform.fetch()
        sizes.append(json.loads(platform.last_run)['folders']['Inbox']['page'])
    assert sizes == [5, 5, 5]
    source.cloud.faults.clear()
    platform.fetch()
    assert json.loads(platform.last_run)['folders']['Inbox']['page'] == 10


@pytest.mark.parametrize('size, is_attached', [(999_999, True), (1_100_000, False)])
def test_an_email_with_too_large_attachments_has_no_eml_file(
    source: MailSource, instance: Instance, size: int, is_attached: bool
) -> None:
    source.mailbox.attach_file(source.deliver('mail'), 'large.bin', bytes(size // 2))
    source.mailbox.attach_file(source.mailbox.messages()[0], 'other.bin', bytes(size - size // 2))
    [incident] = instance(fetch_eml=True, max_attachment_size='1').fetch().incidents
    assert [file.name for file in incident.files] == ['large.bin', 'other.bin', *['mail.eml'] * is_attached]
    reason = 'Its attachments have 1.1 MB, but the maximum is 1 MB.'
    assert incident.raw['EML'].get('Missing') == (None if is_attached else reason)
    assert incident.raw.get('Missing') == (None if is_attached else [f"The file 'mail.eml' is missing. {reason}"])


# endregion
# region folders

NO_TIME = (
    'This fetch had no time to look through all folders, because Microsoft Graph or the proxy is slow. '
    'The next fetch continues with the others.'
)


def slowly(source: MailSource, seconds: float) -> Callable[[int], None]:
    return lambda _number: source.cloud.clock.advance(seconds)


@pytest.mark.parametrize('is_new', [True, False])
def test_many_folders_are_fetched_from_in_turn_if_graph_is_slow(source: MailSource, instance: Instance, is_new: bool) -> None:
    names = [f'Folder {number}' for number in range(20)]
    folders = [source.folder(name) for name in names]
    platform = instance(folder_to_fetch=','.join(f'{source.path}/{name}' for name in names), first_fetch='1 day')
    if not is_new:
        platform.fetch()
    for name, folder in zip(names, folders, strict=True):
        source.deliver(f'in {name}', folder, age=0)
    runs = []
    for _ in range(60):
        source.cloud.clock.advance(60)
        runs.append(platform.fetch(meanwhile=slowly(source, 4)))
        if len(platform.incidents) == 20:
            break
    assert sorted(one.name for one in platform.incidents) == sorted(f'in {name}' for name in names)
    assert {(tuple(run.health), run.error) for run in runs} == {((NO_TIME,), '')}
    assert max(run.requests for run in runs) * 4 < 100


def test_folders_that_cannot_be_found_leave_time_for_the_others(source: MailSource, instance: Instance) -> None:
    names = [*(f'typo {number}' for number in range(5)), 'A']
    folder = source.folder('A')
    platform = instance(folder_to_fetch=f'{source.path}/A', first_fetch='1 day')
    platform.run_until_quiet()
    platform.params['folder_to_fetch'] = ', '.join(f'{source.path}/{name}' for name in names)
    source.deliver('in A', folder, age=0)
    assert platform.fetch(meanwhile=slowly(source, 5)).names == ['in A']


def test_a_long_first_sync_of_slow_pages_leaves_time_to_read(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule.MAX_PAGE_SIZE', 1)  # as if there were thousands of mails
    for number in range(60):
        source.deliver(f'old {number}', age=90 * DAY + number)
    platform = instance()
    source.deliver('new', age=0)
    assert platform.fetch(meanwhile=slowly(source, 8)).names == ['new']


def test_what_shows_whether_folders_are_deleted_is_requested_once_in_a_run(source: MailSource, instance: Instance) -> None:
    names = [f'Folder {number}' for number in range(10)]
    for name in names:
        source.folder(name)
    platform = instance(folder_to_fetch=','.join(f'{source.path}/{name}' for name in names))
    platform.fetch()
    source.cloud.clock.advance(3600)
    urls: list[str] = []
    platform.fetch(on_request=urls.append)
    checks = [url for url in urls if 'parentFolderId' in url or '/deleteditems' in url]
    assert len(checks) == len(set(checks)) <= len(names) + 4


# endregion
# region clocks


class OtherClock:
    """A clock that differs from another one."""

    def __init__(self, clock: Any, ahead: float) -> None:
        self._clock = clock
        self._ahead = ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def now(self) -> float:
        return float(self._clock.now() + self._ahead)


def with_clock(source: MailSource, platform: Platform, ahead: float) -> Platform:
    platform.cloud = type('Cloud', (), {'clock': OtherClock(source.cloud.clock, ahead)})()
    return platform


@pytest.mark.parametrize('ahead', [900, 5 * 3600, -900])
@pytest.mark.parametrize('has_delta', [True, False])
def test_no_mail_is_lost_if_the_clock_of_the_engine_differs(
    source: MailSource, instance: Instance, ahead: float, has_delta: bool
) -> None:
    clock = source.cloud.clock
    clock.stop()
    source.mailbox.delta_status = None if has_delta else 400
    platform = with_clock(source, instance(), ahead)
    expected = []
    for number in range(10):
        source.mailbox.expire_delta_tokens()
        expected.append(f'mail {number}')
        source.deliver(expected[-1], age=0)
        run = platform.fetch()
        clock.advance(60)
    for _ in range(10):
        platform.fetch()
        clock.advance(60)
    assert sorted(one.name for one in platform.incidents) == expected
    side = 'ahead of' if ahead > 0 else 'behind'
    text = f'The clock of the engine is {abs(ahead) / 60:.0f} minutes {side} that of Microsoft Graph. Correct it.'
    assert text in run.health[0].splitlines()


def test_a_small_difference_of_clocks_is_not_noted(source: MailSource, instance: Instance) -> None:
    source.cloud.clock.stop()
    assert with_clock(source, instance(), 200).fetch().health == []


# endregion
# region pages and errors of delta queries


@pytest.mark.parametrize('max_page', [100, 10])
def test_pages_that_are_too_large_for_graph_become_smaller(source: MailSource, instance: Instance, max_page: int) -> None:
    for number in range(30):
        source.deliver(f'mail {number}', age=DAY - number)
    source.mailbox.max_page = max_page
    platform = instance()
    runs = []
    while len(platform.incidents) < 30:
        runs.append(platform.fetch())
        source.cloud.clock.advance(60)
        assert len(runs) < 20
    platform.run_until_quiet()
    source.deliver('new', age=0)
    assert platform.fetch().names == ['new']
    assert platform.fetch().requests <= 8, 'the page size is remembered'
    [folder] = json.loads(platform.last_run)['folders'].values()
    assert 5 <= folder['page'] <= 2 * max_page
    source.mailbox.max_page = 1000
    for _ in range(8):
        source.cloud.clock.advance(601)
        platform.fetch()
    [folder] = json.loads(platform.last_run)['folders'].values()
    assert 'page' not in folder, 'and grows again'


def fetch_for(source: MailSource, platform: Platform, minutes: int, step: int = 1) -> list[Run]:
    runs = []
    for _ in range(0, minutes, step):
        runs.append(platform.fetch())
        source.cloud.clock.advance(60 * step)
    return runs


def time_of(message: Message) -> str:
    return graph_timestamp(message.received)[:19]


@pytest.mark.parametrize(
    'is_new, number, count, slow_status',
    [
        (True, 0, 1, 504),
        (True, 6, 1, 503),
        (True, 10, 2, 504),
        (False, 0, 1, 503),
        (False, 5, 2, 504),
        (False, 6, 1, 504),
        (False, 11, 1, 504),
    ],
)
def test_an_email_that_fails_every_page_does_not_block_the_others(
    source: MailSource, instance: Instance, is_new: bool, number: int, count: int, slow_status: int
) -> None:
    source.mailbox.slow_status = slow_status
    source.cloud.clock.stop()
    platform = instance(first_fetch='1 day')
    if is_new:
        platform.fetch()
        source.cloud.clock.advance(60)
    mails = []
    for position in range(12):
        mails.append(source.deliver(f'mail {position}', age=0 if is_new else 1200 - 100 * position))
        if number <= position < number + count:
            mails[-1].broken.add('page')
        source.cloud.clock.advance(10 if is_new else 0)
    runs = fetch_for(source, platform, 100)
    source.deliver('later', age=0)
    runs += fetch_for(source, platform, 30)
    expected = [*(one.subject for one in mails if not one.broken), 'later']
    assert sorted(one.name for one in platform.incidents) == sorted(expected)
    before = time_of(mails[number - 1]) if number else ''
    after = time_of(mails[number + count]) if number + count < 12 else ''
    notes = {line for run in runs for text in run.health for line in text.splitlines() if 'fails to list' in line}
    assert any(before in note and after in note and "'Inbox'" in note for note in notes), notes
    assert not runs[-1].error


def test_the_pages_of_a_second_are_those_of_the_links_of_graph(source: MailSource, instance: Instance) -> None:
    source.cloud.clock.stop()
    source.mailbox.max_page, source.mailbox.other_items = 10, 100_000
    platform = instance(first_fetch='1 day', max_fetch='50')
    mails = [source.deliver(f'mail {number}', age=1000) for number in range(40)]
    fetch_for(source, platform, 10)
    assert sorted(one.name for one in platform.incidents) == sorted(one.subject for one in mails)


@pytest.mark.parametrize('other_items', [0, 2])
@pytest.mark.parametrize('max_fetch', ['1', '10'])
def test_an_email_that_fails_every_page_among_others_of_its_second(
    source: MailSource, instance: Instance, max_fetch: str, other_items: int
) -> None:
    source.cloud.clock.stop()
    source.mailbox.other_items = other_items
    platform = instance(first_fetch='1 day', max_fetch=max_fetch)
    mails = [source.deliver(f'mail {number}', age=1000 if number < 12 else 500) for number in range(14)]
    mails[7].broken.add('page')
    fetch_for(source, platform, 150)
    expected = sorted(one.subject for one in mails if not one.broken)
    assert sorted(one.name for one in platform.incidents) == expected


def test_what_fails_for_a_while_is_not_passed_over(source: MailSource, instance: Instance) -> None:
    """An outage of lists that ends after a request is not the fault of the emails for which it lasted."""
    source.cloud.clock.stop()
    mails = [source.deliver(f'mail {number}', age=1200 - 100 * number) for number in range(12)]
    for requests_until_end in range(1, 8):
        platform = instance(first_fetch='1 day')
        fault = source.cloud.faults.add(service='graph', path='/messages(/delta)?$', status=504, times=None)
        fetch_for(source, platform, 20, step=4)
        source.cloud.faults.remove(fault)
        source.cloud.faults.add(service='graph', path='/messages(/delta)?$', status=504, times=requests_until_end)
        runs = fetch_for(source, platform, 40, step=2)
        assert sorted(one.name for one in platform.incidents) == sorted(one.subject for one in mails)
        assert not [text for run in runs for text in run.health if 'fails to list' in text]


@pytest.mark.parametrize('number', [6, 11])
def test_an_email_for_which_no_page_comes_in_time_does_not_block_the_others(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A proxy or Graph may end no request at all, in place of 504."""
    source.cloud.clock.stop()
    platform = instance(first_fetch='1 day')
    mails = [source.deliver(f'mail {number}', age=1200 - 100 * number) for number in range(12)]
    mails[number].broken.add('page')
    send = requests.Session.send

    def wait(session: requests.Session, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        response = send(session, request, **settings)
        if response.status_code == 504:
            source.cloud.clock.advance(60)
            raise requests.exceptions.ReadTimeout('slow')
        return response

    monkeypatch.setattr(requests.Session, 'send', wait)
    fetch_for(source, platform, 120)
    source.deliver('later', age=0)
    fetch_for(source, platform, 60)
    assert sorted(one.name for one in platform.incidents) == sorted([*(one.subject for one in mails if not one.broken), 'later'])


def test_the_mailbox_is_available_although_its_newest_email_fails_every_page(source: MailSource, instance: Instance) -> None:
    """Then the failure of another email is its own, and does not end the run."""
    source.deliver('unreadable', age=300).broken.add('message')
    source.deliver('readable', age=200)
    platform = instance(max_fetch='10')
    source.deliver('not listed', source.folder('elsewhere'), age=0).broken.add('page')
    fetch_for(source, platform, 100, step=10)
    assert sorted(one.name for one in platform.incidents) == ['readable', 'unreadable']


@pytest.mark.parametrize('seconds, sizes', [(2, [100, 50, 25]), (None, [100, 50, 25, 12, 6, 5]), (60, [100])])
def test_a_fetch_waits_before_it_requests_a_smaller_page(
    source: MailSource, instance: Instance, seconds: int | None, sizes: list[int]
) -> None:
    """As long as Graph asks for, but no longer than a fetch waits for one page."""
    source.mailbox.delta_status = 400
    platform = instance()
    platform.run_until_quiet()
    headers = {'Retry-After': str(seconds)} if seconds else {}
    source.cloud.faults.add(service='graph', path='/messages$', status=504, headers=headers, times=None)
    found: list[tuple[float, int]] = []

    def record(url: str) -> None:
        size = re.search(r'/messages\?.*\$top=(\d+)', url)
        found.extend([(source.cloud.clock.now(), int(size[1]))] if size else [])

    source.cloud.clock.stop()
    run = platform.fetch(on_request=record)
    requested = [size for _, size in found if size > 1]
    assert requested[: len(sizes)] == sizes
    assert run.slept == 2 * (len(sizes) - 1) if seconds else run.slept < 5


def test_a_delta_link_that_fails_for_an_hour_restarts_the_sync(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.fetch()
    source.cloud.faults.add(service='graph', path='/delta', status=500, times=5)
    source.deliver('late', age=YEARS_AGO)
    for minutes in (20, 20, 19):
        assert 'HTTP status 500' in str((run := platform.fetch()).health or run.error)
        source.cloud.clock.advance(60 * minutes)
    source.deliver('new', age=0)
    platform.run_until_quiet()
    source.cloud.clock.advance(120)
    for run in platform.run_until_quiet():
        assert run.health == []
    assert sorted(one.name for one in platform.incidents) == ['late', 'new']


def test_an_outage_of_hours_does_not_end_delta_queries(source: MailSource, instance: Instance) -> None:
    old = source.deliver('old', age=YEARS_AGO)
    source.cloud.clock.advance(3600)
    platform = instance()
    platform.run_until_quiet()
    source.cloud.faults.add(service='graph', path='/v1.0/', status=500, times=None)
    for _ in range(5):
        platform.fetch()
        source.cloud.clock.advance(1000)
    source.cloud.faults.clear()
    platform.run_until_quiet()
    source.cloud.clock.advance(3600)
    platform.run_until_quiet()
    old.is_read = True
    source.mailbox.touch(old, 'isRead')
    for run in platform.run_until_quiet(quiet=4):
        assert run.health == run.incidents == []


def test_a_folder_whose_delta_queries_fail_for_hours_is_listed(source: MailSource, instance: Instance) -> None:
    platform = instance()
    platform.fetch()
    source.cloud.faults.add(service='graph', path='/delta', status=500, times=None)
    source.deliver('late', age=YEARS_AGO)
    for _ in range(30):
        source.cloud.clock.advance(3600)
        run = platform.fetch()
    assert [one.name for one in platform.incidents] == ['late']
    assert "Delta queries do not work for the folder 'Inbox'" in run.health[0]


# endregion
