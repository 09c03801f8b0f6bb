"""Pages that end early, repeat or never end lose no mail, and block none."""

from typing import Any

import pytest

from conformance.fetch.altered_pages import LIST, AlteredPages
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
    platform.transport = AlteredPages(platform.transport, LIST, end_early)
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
