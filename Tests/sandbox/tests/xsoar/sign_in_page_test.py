"""Signing in to the pages, what protects them, and what a browser sees of mistakes."""

import pytest

from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient


def test_the_api_key_opens_the_pages(xsoar: XsoarTestClient) -> None:
    browser = Browser(xsoar.server.url)

    for path in ('/', '/integrations', '/war-room', '/incidents', '/files/1@1', '/instances/x', '/credentials', '/api-keys'):
        browser.open(path)
        assert browser.url.split('?')[0].endswith('/login')
    browser.send('form', key='wrong')
    assert browser.problem() == 'This is not an API key of the server. It is shown when the server starts.'
    browser.send('form', key=f' {xsoar.server.api_key} ')

    assert browser.url.endswith('/api-keys'), 'the page that was asked for'
    cookie = next(iter(browser.http.cookies))
    assert (cookie.has_nonstandard_attr('HttpOnly'), cookie.get_nonstandard_attr('SameSite')) == (True, 'Strict')
    assert xsoar.server.api_key not in (cookie.value or '')


@pytest.mark.parametrize('address', ['https://evil.example/', '//evil.example/', '/\\evil.example'])
def test_signing_in_never_leads_to_another_site(xsoar: XsoarTestClient, address: str) -> None:
    browser = Browser(xsoar.server.url)
    browser.open('/login')

    browser.send('form', key=xsoar.server.api_key, next=address)

    assert browser.url == f'{xsoar.server.url}/integrations'


def test_the_address_with_the_ticket_opens_the_pages(xsoar: XsoarTestClient) -> None:
    browser = Browser(xsoar.server.url)

    browser.open(xsoar.server.sign_in_url)

    assert browser.url == f'{xsoar.server.url}/integrations'


def test_a_ticket_of_another_run_is_refused(xsoar: XsoarTestClient) -> None:
    browser = Browser(xsoar.server.url)

    browser.open('/sign-in/of-another-run')

    assert (browser.answer.status_code, 'earlier run' in browser.problem()) == (401, True)
    assert not browser.http.cookies


def test_signing_out_ends_the_visit(browser: Browser) -> None:
    browser.send('header form')
    browser.open('/integrations')

    assert '/login' in browser.url


def test_two_servers_in_one_browser_do_not_sign_each_other_out(browser: Browser, xsoar: XsoarTestClient) -> None:
    names = {cookie.name for cookie in browser.http.cookies}

    assert names == {f'xsoar-{xsoar.server.url.rpartition(":")[2]}'}


def test_the_cookie_of_a_visit_is_no_key_for_rest_calls(browser: Browser) -> None:
    browser.open('/about')

    assert browser.answer.status_code == 401


@pytest.mark.parametrize('token', [None, '', 'wrong'])
def test_a_form_that_another_site_sends_is_refused(browser: Browser, xsoar: XsoarTestClient, token: str | None) -> None:
    browser.open('/war-room')

    browser.send('form.say', **{'.token': token, '.text': 'a note'})

    assert (browser.answer.status_code, 'This form is too old' in browser.problem()) == (403, True)
    assert xsoar.entries() == []


def test_pages_forbid_foreign_scripts_and_frames(browser: Browser) -> None:
    policy = browser.answer.headers['Content-Security-Policy']

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert all(each.get('src') and not each.text for each in browser.page.select('script'))
    assert not browser.page.select('[style], [onclick]')


def test_a_browser_sees_a_page_where_nothing_is(browser: Browser) -> None:
    browser.open('/nowhere')

    assert (browser.answer.status_code, browser.problem()[:26]) == (404, 'There is no such page. Che')
    assert "default-src 'none'" in browser.answer.headers['Content-Security-Policy']


def test_a_browser_sees_a_page_after_a_wrong_method(browser: Browser) -> None:
    browser.open('/logout')

    assert browser.answer.status_code == 405
    assert browser.page.select_one('main a[href="/"]')


def test_the_icon_and_the_style_are_served_to_everyone(xsoar: XsoarTestClient) -> None:
    browser = Browser(xsoar.server.url)
    page = browser.open('/login')

    for link in page.select('link[href]'):
        browser.open(str(link['href']))
        assert browser.answer.status_code == 200


def test_the_start_page_of_a_sandbox_is_in_the_menu(browser: Browser, xsoar: XsoarTestClient) -> None:
    assert not browser.page.select('header a[href="http://127.0.0.1:9/"]')

    xsoar.server.surroundings.start_page = 'http://127.0.0.1:9/'

    assert browser.open('/integrations').select('header a[href="http://127.0.0.1:9/"]')
