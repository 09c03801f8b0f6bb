"""Pages that end early, repeat or never end lose no mail, and block none."""

from typing import Any

import pytest

from conformance.fetch.altered_pages import DELTA, LIST, AlteredPages, wrap_transport
from conformance.fetch.conftest import Instance
from conformance.fetch.fetching_platform import Platform, Run
from conformance.fetch.mail_source import YEARS_AGO, MailSource


def fetch_for(source: MailSource, platform: Platform, runs: int, seconds: float = 60, **more: Any) -> list[Run]:
    found = []
    for _ in range(runs):
        found.append(platform.fetch(**more))
        source.cloud.clock.advance(seconds)
    return found


def names(platform: Platform) -> list[str]:
    return sorted(one.name for one in platform.incidents)


# region lists that end early


@pytest.mark.parametrize('shown', [0, 1, 19])
@pytest.mark.parametrize('cause', ['lost sync state', 'no delta', 'long first sync'])
@pytest.mark.parametrize('max_fetch', ['50', '10'])
def test_a_list_by_changed_time_that_ends_early_loses_no_mail(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, cause: str, shown: int, max_fetch: str
) -> None:
    source.cloud.clock.stop()
    if cause == 'long first sync':
        monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule._MAX_PAGES_PER_RUN', 1)
        monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule.MAX_PAGE_SIZE', 5)
        for number in range(40):
            source.deliver(f'old {number}', age=YEARS_AGO)
        source.cloud.clock.advance(3600)
    source.mailbox.delta_status = 400 if cause == 'no delta' else None
    platform = instance(max_fetch=max_fetch)
    fetch_for(source, platform, 3)
    for number in range(30):  # the server is down for an hour
        source.deliver(f'mail {number:02}', age=0)
        source.cloud.clock.advance(120)
    if cause == 'lost sync state':
        source.mailbox.expire_delta_tokens()

    def end_early(url: str, page: dict[str, Any]) -> None:
        if 'lastModifiedDateTime asc' in url.replace('+', ' ') and len(page['value']) > shown and not ended:
            del page['value'][shown:]
            ended.append(page.pop('@odata.nextLink', ''))

    ended: list[str] = []
    wrap_transport(monkeypatch, lambda adapter: AlteredPages(adapter, LIST, end_early))
    fetch_for(source, platform, 20)
    assert len(ended) == 1
    assert names(platform) == [f'mail {number:02}' for number in range(30)]


@pytest.mark.parametrize('has_delta', [True, False])
def test_a_list_by_changed_time_is_not_confirmed_in_each_run(source: MailSource, instance: Instance, has_delta: bool) -> None:
    source.cloud.clock.stop()
    source.mailbox.delta_status = None if has_delta else 400
    platform = instance()
    fetch_for(source, platform, 3)
    urls: list[str] = []
    fetch_for(source, platform, 5, on_request=urls.append)
    assert len([url for url in urls if LIST in url]) == 5


# endregion
# region syncs that start


@pytest.mark.parametrize('params', [{}, {'fetch_filter': "importance ne 'low'"}])
def test_an_old_mail_that_is_moved_during_the_first_sync_is_fetched(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch, params: dict[str, str]
) -> None:
    source.cloud.clock.stop()
    monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule._MAX_PAGES_PER_RUN', 2)
    monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule.MAX_PAGE_SIZE', 5)  # as if there were thousands of mails
    for number in range(60):
        source.deliver(f'old {number}', age=YEARS_AGO + number)
    moved = [source.deliver(f'moved {number}', source.folder('Elsewhere'), age=YEARS_AGO) for number in range(10)]
    source.cloud.clock.advance(3600)
    platform = instance(first_fetch='15 minutes', **params)
    for mail in moved:
        platform.fetch()
        source.cloud.clock.advance(60)
        source.mailbox.move(mail, 'inbox')
    platform.run_until_quiet()
    assert names(platform) == [f'moved {number}' for number in range(10)]


# endregion
# region pages that are cut


@pytest.mark.parametrize('code', ['UnknownError', 'ErrorInternalServerTransientError'])
@pytest.mark.parametrize('kind', [LIST, DELTA])
def test_pages_that_graph_cuts_with_an_error_become_smaller(
    source: MailSource, instance: Instance, kind: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is 200: it was sent before the page failed."""
    source.cloud.clock.stop()
    platform = instance()
    fetch_for(source, platform, 2)
    source.mailbox.delta_status = 400 if kind == LIST else None

    def cut(_url: str, _page: dict[str, Any]) -> bytes | None:
        if pages.size <= 20:
            return None
        return f'{{"value":[{{"id":"x"}},{{"id":"z","error":{{"code":"{code}","message":""}}}}'.encode()

    pages = wrap_transport(monkeypatch, lambda adapter: AlteredPages(adapter, kind, cut))
    source.deliver('new', age=YEARS_AGO)
    fetch_for(source, platform, 2)
    assert names(platform) == ['new']


# endregion
# region delta queries without end


class Frozen:
    """Repeat the first page of a delta query for ever, with the same link or with ever new ones (msgraph-sdk-dotnet#3082)."""

    def __init__(self, has_same_link: bool) -> None:
        self._has_same_link = has_same_link
        self._number = 0
        self._page: dict[str, Any] = {}

    def alter(self, url: str, page: dict[str, Any]) -> None:
        self._number += 1
        self._page = self._page or {**page}
        page.clear()
        page |= {name: value for name, value in self._page.items() if 'Link' not in name}
        before = url.partition('&n=')[0].replace(' ', '%20')
        page['@odata.nextLink'] = f'{before}&n={0 if self._has_same_link else self._number}'


@pytest.mark.parametrize('has_same_link', [True, False])
@pytest.mark.parametrize('is_first_sync', [True, False])
@pytest.mark.parametrize('pause', [0.0, 4.0])
def test_a_delta_query_that_never_ends_is_replaced_by_lists(
    source: MailSource,
    instance: Instance,
    is_first_sync: bool,
    has_same_link: bool,
    pause: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.cloud.clock.stop()
    moved = [source.deliver(f'moved {number}', source.folder('Elsewhere'), age=YEARS_AGO) for number in range(2)]
    platform = instance()
    if not is_first_sync:
        fetch_for(source, platform, 2)
    wrap_transport(monkeypatch, lambda adapter: AlteredPages(adapter, DELTA, Frozen(has_same_link).alter))
    source.deliver('new 1', age=0)
    fetch_for(source, platform, 3)
    if not is_first_sync:
        source.mailbox.move(moved[0], 'inbox')
    source.deliver('new 2', age=0)
    runs = fetch_for(source, platform, 8, seconds=900, meanwhile=lambda _number: source.cloud.clock.advance(pause))
    assert "Delta queries do not work for the folder 'Inbox'" in runs[-1].health[0]
    assert runs[-1].requests < 10
    source.mailbox.move(moved[1], 'inbox')
    runs = fetch_for(source, platform, 2, seconds=900)
    assert names(platform) == [*['moved 0'] * (not is_first_sync), 'moved 1', 'new 1', 'new 2']


def test_a_long_delta_query_is_followed_to_its_end(
    source: MailSource, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run reads a few of its pages, with emails that are not fetched."""
    source.cloud.clock.stop()
    platform = instance(fetch_subject='wanted', max_fetch='1')
    fetch_for(source, platform, 2)
    monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule._SMALL_PAGE', 1)
    monkeypatch.setattr('MicrosoftGraphMailSelectionApiModule._MAX_PAGES_PER_RUN', 2)
    for number in range(20):
        source.deliver(f'other {number}', age=0)
    source.deliver('wanted', age=YEARS_AGO)
    runs = fetch_for(source, platform, 15, seconds=900)
    assert names(platform) == ['wanted']
    assert not any(run.health for run in runs)


# endregion
