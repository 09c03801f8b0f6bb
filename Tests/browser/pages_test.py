"""Every page, at both widths, light and dark: nothing overflows, and axe-core finds nothing serious."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from authentication_methods import ADA, client_secret, consent_page, managed_identity
from browser.conftest import NARROW, WIDE
from browser.pictures import picture
from demo.administrator import INTEGRATION, Administrator, CommandFailed
from sandbox.microsoft.graph_mail.model import EmailAddress, Message
from sandbox.servers import Sandbox

SUBJECT = 'Your invoice 2026-118 is overdue'
HTML = (
    '<h2>Invoice overdue</h2><p>Dear Ada,</p><p>please open the <a href="https://partner.example">attached invoice</a> and pay '
    '<b>today</b>.</p><img src="https://tracker.example/x.png" alt="">'
)


@pytest.fixture(scope='module')
def lived_in(sandbox: Sandbox, administrator: Administrator) -> dict[str, str]:
    """A sandbox in which something has happened; where its pages are, by name."""
    sandbox.cloud.reset()
    mailbox = sandbox.cloud.mailbox(ADA)
    message = mailbox.deliver(
        Message(SUBJECT, EmailAddress('Billing', 'billing@partner.example'), mailbox.now(), to=[mailbox.owner], html=HTML)
    )
    mailbox.attach_file(message, 'invoice.pdf', b'%PDF-1.4' * 500, 'application/pdf')
    settings = {**client_secret(sandbox.cloud), 'isFetch': True, 'first_fetch': '3 days', 'fetch_html_formatting': True}
    administrator.add_instance('Client secret', settings)
    administrator.add_instance('On Azure', managed_identity(sandbox.cloud), engine='azure-vm')
    incidents = sandbox.server.fetch_now('Client secret').incidents
    number = next(each['id'] for each in incidents if each['name'] == SUBJECT)
    for command in ('!msgraph-mail-auth-test', '!msgraph-mail-list-emails page_size=3', '!help', '!brew-coffee strength=9'):
        try:
            administrator.run(command, 'Client secret')
        except CommandFailed:
            continue  # the one that does not exist: its entries are a page's concern too
    url, portal = sandbox.server.url, sandbox.portal.url
    instance = administrator.instance_id('Client secret')
    return {
        'integrations': f'{url}/integrations',
        'add-instance': f'{url}/integrations/{INTEGRATION}/add',
        'instance': f'{url}/instances/{instance}',
        'war-room': f'{url}/war-room',
        'incidents': f'{url}/incidents',
        'incident': f'{url}/incidents/{number}',
        'incident-war-room': f'{url}/war-room/{number}',
        'context': f'{url}/war-room/{number}/context',
        'credentials': f'{url}/credentials',
        'api-keys': f'{url}/api-keys',
        'engines': f'{url}/engines',
        'not-found': f'{url}/nowhere',
        'start': f'{portal}/',
        'mailboxes': f'{portal}/mailboxes',
        'mailbox': f'{portal}/mailboxes/{ADA}',
        'message': f'{portal}/mailboxes/{ADA}/message?id={message.immutable_id}',
        'tenant': f'{portal}/azure',
        'faults': f'{portal}/faults',
        'requests': f'{portal}/requests',
        'device-code': f'{sandbox.cloud.authority}/devicelogin',
        'consent': consent_page(sandbox.cloud),
    }


NAMES = (
    *('integrations', 'add-instance', 'instance', 'war-room', 'incidents', 'incident', 'incident-war-room', 'context'),
    *('credentials', 'api-keys', 'engines', 'not-found', 'start', 'mailboxes', 'mailbox', 'message', 'tenant', 'faults'),
    *('requests', 'device-code', 'consent'),
)
# What a click opens on a page.
OPENED = {
    'instructions': ('add-instance', 'button[popovertarget=instructions]'),
    'delete': ('instance', 'button[popovertarget=delete]'),
    'close': ('incident', 'button[popovertarget=close]'),
    'write': ('mailbox', 'button[popovertarget=write]'),
    'drop': ('mailbox', 'button[popovertarget=drop]'),
}


def overflow(page: Page) -> int:
    """Return how many pixels a page is wider than its window."""
    return int(page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'))


def serious(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds on a page that is serious or critical."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate('axe.run(document, {resultTypes: ["violations"]})')
    return [
        f'{each["id"]}: {node["html"]}'
        for each in found['violations']
        if each['impact'] in ('serious', 'critical')
        for node in each['nodes']
    ]


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [NARROW, WIDE])
def test_no_page_overflows_and_axe_finds_nothing_serious(
    visit: Callable[..., Page], sandbox: Sandbox, lived_in: dict[str, str], axe: str, width: int, scheme: str
) -> None:
    page = visit(width, color_scheme=scheme)
    page.goto(sandbox.server.sign_in_url)
    assert set(lived_in) == set(NAMES)
    problems: dict[str, Any] = {}

    for name in (*NAMES, *OPENED):
        address, button = OPENED.get(name, (name, ''))
        page.goto(lived_in[address])
        if button:
            page.click(button)
        found = [f'{overflow(page)} pixels too wide'] * (overflow(page) > 0) + serious(page, axe)
        if found:
            problems[name] = found
        picture(page, f'{name}-{width}-{scheme}')

    assert problems == {}


def test_the_sign_in_page_has_no_serious_findings(visit: Callable[..., Page], sandbox: Sandbox, axe: str) -> None:
    page = visit(NARROW)

    page.goto(f'{sandbox.server.url}/login')

    assert (serious(page, axe), overflow(page)) == ([], 0)


@pytest.mark.parametrize('width', [NARROW, WIDE])
def test_a_form_can_be_used_by_keyboard(
    visit: Callable[..., Page], sandbox: Sandbox, lived_in: dict[str, str], width: int
) -> None:
    """Each field of the form is reached by Tab, and can be seen when it has the focus."""
    page = visit(width)
    page.goto(sandbox.server.sign_in_url)
    page.goto(lived_in['add-instance'])
    page.locator('#name').focus()
    reached = set()

    for _ in range(60):
        reached.add(page.evaluate('document.activeElement.id || document.activeElement.name'))
        assert page.evaluate(
            'document.activeElement.getBoundingClientRect().bottom > 0'
            ' && document.activeElement.getBoundingClientRect().top < innerHeight'
        )
        page.keyboard.press('Tab')

    assert {'name', 'p-creds_auth_id-password', 'p-isFetch', 'classifier', 'engine', 'test', '.do'} <= reached
