"""Settings > Integrations > Credentials, API Keys and Engines."""

from collections.abc import Callable

import pytest
import requests

from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient


@pytest.fixture
def shared(browser: Browser) -> Browser:
    """A browser that has saved credentials."""
    browser.open('/credentials')
    browser.send('main form.form', name='mailbox', user='ada', password='sesame-shared-1')
    return browser


def use_shared(browser: Browser) -> None:
    browser.open('/integrations/Probe/add')
    browser.send('#instance-form', __name='sharing', credentials__vault='mailbox')


def test_shared_credentials_reach_the_command(shared: Browser, xsoar: XsoarTestClient) -> None:
    use_shared(shared)

    params = xsoar.say('!probe-platform using=sharing')

    for part in ('"credential": "mailbox"', '"identifier": "ada"', '"password": "sesame-shared-1"', '"user": "ada"'):
        assert part in params


def test_changed_credentials_reach_the_next_command(shared: Browser, xsoar: XsoarTestClient) -> None:
    use_shared(shared)
    shared.open('/credentials')

    shared.send('main form.form', name='mailbox', user='bob', password='')

    params = xsoar.say('!probe-platform using=sharing')
    assert ('"identifier": "bob"' in params, '"password": "sesame-shared-1"' in params) == (True, True)


def test_the_password_is_never_shown_and_sealed(shared: Browser, xsoar: XsoarTestClient) -> None:
    page = shared.open('/credentials')

    assert ('mailbox' in page.text, 'sesame-shared-1' in shared.answer.text) == (True, False)
    stored = b''.join(each.read_bytes() for each in xsoar.server.data_folder.rglob('*') if each.is_file())
    assert b'sesame-shared-1' not in stored


def test_credentials_in_use_are_not_deleted(shared: Browser, xsoar: XsoarTestClient) -> None:
    use_shared(shared)
    page = shared.open('/credentials')
    assert 'sharing' in page.select_one('tbody tr').text

    shared.send('.dialog form')
    assert "The credentials 'mailbox' are used by sharing." in shared.problem()
    xsoar.call('DELETE', f'/settings/integration/{xsoar.instance("sharing")["id"]}')
    shared.open('/credentials')
    shared.send('.dialog form')

    assert (shared.message(), shared.page.select('tbody')) == ('Deleted the credentials mailbox.', [])


@pytest.mark.parametrize('name, password, problem', [(' ', 'x', 'have no name'), ('new', '', 'have no password')])
def test_credentials_need_a_name_and_a_password(browser: Browser, name: str, password: str, problem: str) -> None:
    browser.open('/credentials')

    browser.send('main form.form', name=name, password=password)

    assert (browser.answer.status_code, problem in browser.problem()) == (400, True)


def test_an_api_key_is_shown_once_works_and_is_revoked(browser: Browser, xsoar: XsoarTestClient) -> None:
    browser.open('/api-keys')
    page = browser.send('main form.form', name='upload')
    key = page.select_one('.note.key').text
    assert 'upload' in page.select_one('tbody tr').text
    assert key not in browser.open('/api-keys').text
    assert key.encode() not in b''.join(each.read_bytes() for each in xsoar.server.data_folder.rglob('*') if each.is_file())

    def status() -> int:
        return requests.get(f'{xsoar.server.url}/about', headers={'Authorization': key}, timeout=30).status_code

    assert status() == 200
    browser.send('.dialog form')

    assert (status(), browser.page.select('tbody')) == (401, [])


def test_an_api_key_needs_a_name(browser: Browser) -> None:
    browser.open('/api-keys')

    browser.send('main form.form', name=' ')

    assert (browser.answer.status_code, 'has no name' in browser.problem()) == (400, True)


def test_engines_are_listed_with_their_instances(start: Callable[..., XsoarTestClient]) -> None:
    xsoar = start(engines={'azure-vm': {'HOST': 'vm'}, 'spare': {}})
    xsoar.add('on the vm', engine='azure-vm')
    browser = Browser(xsoar.server.url)
    browser.sign_in(xsoar.server.api_key)

    rows = [[cell.text.strip() for cell in row.select('td')] for row in browser.open('/engines').select('tbody tr')]

    assert rows == [['azure-vm', 'Connected', 'on the vm'], ['spare', 'Connected', '-']]
