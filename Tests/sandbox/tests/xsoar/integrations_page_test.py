"""Settings > Integrations: the list, the switches, fetching now."""

import pytest

from sandbox.tests.machine import wait_until
from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient


def state_of(browser: Browser, name: str) -> str:
    """Return what the list says of an instance."""
    rows = browser.open('/integrations').select('.instance')
    found = next(row for row in rows if row.select_one('h3 a').text == name)
    return ' '.join(found.text.split())


def test_integrations_are_listed_with_their_instances(browser: Browser) -> None:
    text = browser.open('/integrations').text

    assert all(word in text for word in ('Probe', 'Does what a test asks for.', 'Utilities', 'probe', 'Does not fetch'))
    assert str(browser.page.select('img')[0]['src']).startswith('data:image/png;base64,')


@pytest.mark.parametrize('search, found', [('probe', 1), ('UTIL asks', 1), ('', 1), ('mailbox', 0)])
def test_integrations_are_searched_by_name_category_and_description(browser: Browser, search: str, found: int) -> None:
    browser.open('/integrations')

    page = browser.send('form.search', search=search)

    assert len(page.select('.integration')) == found
    assert page.select_one('#search')['value'] == search


def test_nothing_is_installed_yet(browser: Browser) -> None:
    page = browser.open('/integrations?search=nothing')

    assert 'No integration matches nothing' in page.text
    assert page.select_one('.empty a[href="/integrations"]')


def test_an_instance_is_switched_off_and_on(browser: Browser, xsoar: XsoarTestClient) -> None:
    browser.open('/integrations')
    assert browser.page.select_one('[role=switch]')['aria-checked'] == 'true'

    browser.send('form[action$=enabled]')
    assert (xsoar.instance()['enabled'], browser.message()) == ('false', 'Disabled probe.')
    assert browser.page.select_one('[role=switch]')['aria-checked'] == 'false'
    browser.send('form[action$=enabled]')

    assert (xsoar.instance()['enabled'], browser.message()) == ('true', 'Enabled probe.')
    assert [each.status_code for each in browser.answer.history] == [303]


def test_fetch_now_shows_when_it_was_and_how_many_came(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.add('fetcher', isFetch=True)
    assert 'Has not fetched yet' in state_of(browser, 'fetcher')

    browser.send('form[action$=fetch]')

    wait_until(lambda: 'Last fetch' in state_of(browser, 'fetcher'))
    assert 'Healthy Last fetch just now: 2 incidents' in state_of(browser, 'fetcher')
    assert len(xsoar.call('POST', '/incidents/search', {})['data']) == 2


def test_a_fetch_that_goes_on_is_shown(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.add('fetcher', isFetch=True, fetch_does='slow')
    browser.open('/integrations')

    page = browser.send('form[action$=fetch]')

    assert page.select_one('.running').text == 'Fetching'
    assert page.select_one('form[action$=fetch] button').has_attr('disabled')
    assert page.select_one('#cards')['data-refresh'] == '1'


@pytest.mark.parametrize('does, state', [('say', 'good'), ('say an error', 'bad')])
def test_what_a_fetch_says_is_shown_as_an_error_or_not(browser: Browser, xsoar: XsoarTestClient, does: str, state: str) -> None:
    xsoar.add('fetcher', isFetch=True, fetch_does=does)
    xsoar.server.fetch_now('fetcher')
    page = browser.open('/integrations')
    assert page.select_one(f'.state.{state}').text == 'a folder is missing'


def test_a_fetch_that_failed_says_why_and_is_in_the_history(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.add('fetcher', isFetch=True, fetch_does='error')
    xsoar.server.fetch_now('fetcher')
    xsoar.server.fetch_now('fetcher')

    state = state_of(browser, 'fetcher')

    assert 'the mailbox is locked Last fetch just now: 0 incidents' in state
    assert len(browser.page.select('details tr')) == 3


@pytest.mark.parametrize('settings', [{'isFetch': False}, {'isFetch': True, 'enabled': False}])
def test_an_instance_that_does_not_fetch_has_no_button_for_it(
    browser: Browser, xsoar: XsoarTestClient, settings: dict[str, bool]
) -> None:
    instance = xsoar.add('other', **settings)
    page = browser.open('/integrations')
    assert not page.select('form[action$=fetch]')

    token = page.select_one('[name=".token"]')['value']
    answer = browser.http.post(f'{xsoar.server.url}/instances/{instance["id"]}/fetch', data={'.token': token}, timeout=30)

    assert (answer.status_code, 'other does not fetch' in answer.text) == (400, True)


def test_a_deleted_instance_has_no_fetches_left(xsoar: XsoarTestClient) -> None:
    instance = xsoar.add('fetcher', isFetch=True)
    xsoar.server.fetch_now('fetcher')

    xsoar.call('DELETE', f'/settings/integration/{instance["id"]}')

    assert xsoar.add('fetcher', isFetch=True)['health'] == ''
