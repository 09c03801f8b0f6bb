"""From an empty server to a fetched incident, by clicks: the Cortex app, authorization code, device code."""

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, expect

from authentication_methods import ADA
from browser.pictures import picture
from sandbox.microsoft.samples import REDIRECT_URI
from sandbox.servers import Sandbox


@pytest.fixture(autouse=True)
def empty(sandbox: Sandbox) -> None:
    """No instance, no incident of an earlier test, and a new cloud."""
    sandbox.cloud.reset()
    with requests.Session() as http:
        http.trust_env = False
        http.headers['Authorization'] = sandbox.server.api_key
        url = f'{sandbox.server.url}/settings/integration'
        for each in http.post(f'{url}/search', json={}, timeout=30).json()['instances']:
            http.delete(f'{url}/{each["id"]}', timeout=30)


def add_instance(page: Page, **fields: str | bool) -> None:
    """Open the form of a new instance and fill it in, by the names of its parameters."""
    page.get_by_role('link', name='Settings').click()
    page.get_by_role('link', name='Add instance').click()
    for name, value in fields.items():
        field = page.locator(f'#p-{name}')
        if isinstance(value, bool):
            field.set_checked(value)
        elif field.evaluate('each => each.tagName') == 'SELECT':
            field.select_option(value)
        else:
            field.fill(value)


def save(page: Page) -> None:
    page.get_by_role('button', name='Save').click()
    expect(page.get_by_role('status').filter(has_text='Saved')).to_be_visible()


def sign_in(page: Page, sandbox: Sandbox) -> None:
    """Sign in as Ada and consent, on Microsoft's pages."""
    page.get_by_label('User name').fill(ADA)
    page.get_by_label('Password').fill(sandbox.cloud.directory.user(ADA).password)
    page.get_by_role('button', name='Sign in').click()
    page.get_by_role('button', name='Accept').click()


def run(page: Page, command: str) -> None:
    """Type a command in the playground."""
    if not page.url.split('#')[0].rstrip('/').count('/war-room/'):
        page.get_by_role('link', name='War Room').click()
    line = page.get_by_label('Command or note')
    line.fill(command)
    line.press('Enter')


def registration(sandbox: Sandbox, name: str) -> dict[str, str | bool]:
    """Return what the form needs of an app registration."""
    application = sandbox.cloud.directory.application(name)
    return {
        'creds_auth_id-password': application.client_id,
        'creds_refresh_token-password': application.tenant_id,
        'self_deployed': True,
    }


def test_from_an_empty_server_to_an_incident_through_the_cortex_app(xsoar: Page, sandbox: Sandbox) -> None:
    add_instance(xsoar, isFetch=True)
    xsoar.get_by_role('button', name='Instructions', exact=True).click()
    with xsoar.expect_popup() as popup:
        xsoar.locator('#instructions .hint a').first.click()
    consent = popup.value
    consent.get_by_role('button', name='Continue to Microsoft').click()
    sign_in(consent, sandbox)
    for label, field in (('ID', 'creds_auth_id'), ('Token', 'creds_refresh_token'), ('Key', 'creds_enc_key')):
        xsoar.locator(f'#p-{field}-password').fill(consent.get_by_label(label, exact=True).inner_text())
    consent.close()
    xsoar.get_by_role('button', name='Close the instructions').click()
    xsoar.get_by_role('button', name='Test', exact=True).click()
    expect(xsoar.get_by_text('the Test button does not sign in, because a Token works only once')).to_be_visible()
    save(xsoar)
    xsoar.get_by_role('button', name='Fetch now').click()
    expect(xsoar.get_by_text('Healthy')).to_be_visible()

    xsoar.get_by_role('link', name='Sandbox').click()
    xsoar.get_by_role('main').get_by_role('link', name='Mailboxes').click()
    xsoar.get_by_role('link', name='Ada Lindqvist').click()
    xsoar.get_by_role('button', name='New email').click()
    xsoar.get_by_label('Subject').fill('Invoice 118')
    xsoar.get_by_label('Body', exact=True).fill('<p>Please <b>pay</b>.</p>')
    xsoar.get_by_label('The body is HTML').check()
    xsoar.get_by_label('Attachments').set_input_files({'name': 'invoice.txt', 'mimeType': 'text/plain', 'buffer': b'1,240.00'})
    xsoar.get_by_role('button', name='Deliver to Inbox').click()
    expect(xsoar.get_by_text("'Invoice 118' arrived in Inbox.")).to_be_visible()
    xsoar.get_by_role('link', name='XSOAR').click()
    xsoar.get_by_role('button', name='Fetch now').click()
    expect(xsoar.get_by_text(re.compile('Last fetch .*: 1 incident'))).to_be_visible()
    xsoar.get_by_role('link', name='Incidents').click()
    xsoar.get_by_role('link', name='Invoice 118').click()

    expect(xsoar.get_by_text('Phishing', exact=True)).to_be_visible()
    expect(xsoar.get_by_text('eve@partner.example').first).to_be_visible()
    expect(xsoar.frame_locator('iframe.mail').get_by_text('Please pay.')).to_be_visible()
    expect(xsoar.get_by_role('link', name='invoice.txt')).to_be_visible()


def test_authorization_code_by_clicks(xsoar: Page, sandbox: Sandbox) -> None:
    secret = sandbox.cloud.directory.application('web').secret
    fields = {**registration(sandbox, 'web'), 'auth_method': 'Authorization Code', 'redirect_uri': REDIRECT_URI}
    add_instance(xsoar, **fields, **{'creds_enc_key-password': secret})
    save(xsoar)
    run(xsoar, '!msgraph-mail-auth-start')
    with xsoar.expect_popup() as popup:
        xsoar.get_by_role('link', name='login URL').click()
    login = popup.value
    # The redirect URI need not lead to a page; here none is asked for outside this machine.
    login.route(f'{REDIRECT_URI}**', lambda route: route.fulfill(body='There is no page here.'))
    sign_in(login, sandbox)
    login.wait_for_url(f'{REDIRECT_URI}?**')

    run(xsoar, f'!msgraph-mail-auth-complete code="{login.url}"')
    expect(xsoar.get_by_text('The sign-in is complete.')).to_be_visible()  # commands run side by side
    run(xsoar, '!msgraph-mail-auth-test')

    expect(xsoar.get_by_text('Self-deployed application, authorization code')).to_be_visible()
    picture(xsoar, 'signed-in')
    assert login.url.partition('code=')[2][:20] not in xsoar.content(), 'the code is secret'


def test_device_code_by_clicks(xsoar: Page, sandbox: Sandbox) -> None:
    sandbox.cloud.directory.device_code_interval = 1
    add_instance(xsoar, **registration(sandbox, 'device'), auth_method='Device Code')
    save(xsoar)
    run(xsoar, '!msgraph-mail-auth-start')
    answer = xsoar.locator('.entry .readable').filter(has_text='devicelogin')
    code = re.search(r'\b[A-Z0-9]{9}\b', answer.inner_text())
    assert code, answer.inner_text()
    with xsoar.expect_popup() as popup:
        answer.get_by_role('link').first.click()
    device = popup.value
    device.get_by_label('Code').fill(code[0])
    device.get_by_role('button', name='Next').click()
    sign_in(device, sandbox)
    expect(device.get_by_role('heading', name='You are signed in')).to_be_visible()

    run(xsoar, '!msgraph-mail-auth-complete')
    expect(xsoar.get_by_text('The sign-in is complete.')).to_be_visible(timeout=40_000)
    run(xsoar, '!msgraph-mail-auth-test')

    expect(xsoar.get_by_text('Self-deployed application, device code')).to_be_visible()


def test_a_profile_that_did_not_begin_at_the_address_sees_nothing(
    chromium: object, visit: Callable[..., Page], sandbox: Sandbox
) -> None:
    page = visit()
    page.context.clear_cookies()

    page.goto(f'{sandbox.portal.url}/mailboxes')

    expect(page.get_by_text('Open the address that the sandbox printed when it started.')).to_be_visible()
