"""The portal: the start page, mailboxes, tenant, faults, requests."""

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
import requests

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import Message
from sandbox.portal import Chapter, Portal
from sandbox.portal.faults_page import SWITCHES
from sandbox.tests.xsoar.browser import Browser

ADA = 'ada@contoso.example'


@pytest.fixture
def portal(cloud: MicrosoftCloud) -> Iterator[Portal]:
    with Portal(cloud) as portal:
        yield portal


@pytest.fixture
def browser(portal: Portal) -> Browser:
    """A browser that opened the address of the portal."""
    browser = Browser(portal.url)
    browser.open(portal.start_url)
    return browser


def emails(cloud: MicrosoftCloud, folder: str = 'inbox') -> list[Message]:
    mailbox = cloud.mailbox(ADA)
    found = mailbox.folder(folder)
    assert found
    return mailbox.messages(found.folder_id)


def status_of(cloud: MicrosoftCloud, path: str = '/v1.0/me') -> int:
    """Return what Graph answers to a request without a token: 401, unless a fault answers in its place."""
    return requests.get(cloud.graph + path, verify=cloud.ca_file, timeout=30).status_code


# region who may come in


def test_the_address_opens_the_pages_and_is_not_shown_again(browser: Browser, portal: Portal) -> None:
    assert (browser.answer.status_code, browser.url) == (200, f'{portal.url}/')
    cookie = next(iter(browser.http.cookies))
    assert cookie.name == f'sandbox-{portal.url.rpartition(":")[2]}'
    assert (cookie.has_nonstandard_attr('HttpOnly'), cookie.get_nonstandard_attr('SameSite')) == (True, 'Strict')


@pytest.mark.parametrize('path', ['/', '/?ticket=of-another-run', '/mailboxes', '/faults', '/requests', '/azure', '/ca.pem'])
def test_without_the_address_nothing_is_shown(portal: Portal, path: str) -> None:
    browser = Browser(portal.url)

    browser.open(path)

    assert browser.answer.status_code == 401
    assert browser.problem() == 'Open the address that the sandbox printed when it started.'


def test_another_name_of_this_machine_is_refused(portal: Portal) -> None:
    answer = requests.get(portal.start_url, headers={'Host': 'evil.example'}, timeout=30)

    assert (answer.status_code, 'This server is for this machine only' in answer.text) == (403, True)


@pytest.mark.parametrize(
    'path', ['/faults', '/faults/switch', '/requests/clear', f'/users/{ADA}/revoke', f'/mailboxes/{ADA}/write']
)
def test_a_form_of_another_site_is_refused(browser: Browser, portal: Portal, cloud: MicrosoftCloud, path: str) -> None:
    before = len(emails(cloud))

    answer = browser.http.post(portal.url + path, data={'name': 'graph-down', 'on': 'true', 'status': '503'}, timeout=30)

    assert (answer.status_code, 'This form is too old' in answer.text) == (403, True)
    assert (cloud.faults.all(), len(emails(cloud))) == ([], before)


def test_pages_forbid_foreign_scripts(browser: Browser) -> None:
    assert "default-src 'none'; script-src 'self'" in browser.answer.headers['Content-Security-Policy']
    assert not browser.page.select('[style], [onclick], script:not([src])')


@pytest.mark.parametrize(
    'path', ['/nowhere', '/mailboxes/nobody@contoso.example', f'/mailboxes/{ADA}?folder=x', f'/mailboxes/{ADA}/message?id=x']
)
def test_what_is_not_there_says_so(browser: Browser, path: str) -> None:
    browser.open(path)

    assert (browser.answer.status_code, bool(browser.problem())) == (404, True)


# endregion
# region start page and tenant


def test_the_start_page_leads_everywhere(browser: Browser, cloud: MicrosoftCloud) -> None:
    links = {str(each['href']) for each in browser.page.select('.tile')}

    assert links == {
        '/mailboxes',
        '/azure',
        '/faults',
        '/requests',
        f'{cloud.authority}/devicelogin',
        cloud.token_service.replace('obtain-token', 'ms-graph-mail-listener'),
    }
    for user in cloud.directory.users:
        assert (user.password in browser.page.text) == user.enabled


def test_the_guide_is_shown_as_it_is_given(browser: Browser, portal: Portal) -> None:
    portal.chapters.append(Chapter('Client <secret>', {'Key': 'a\nb', 'Page': 'https://localhost:9/x'}, 'A note.'))

    chapter = browser.open('/').select_one('.chapter')

    assert (chapter.summary.text, chapter.p.text) == ('Client <secret>', 'A note.')
    assert [each.text for each in chapter.select('dd')] == ['a\nb', 'https://localhost:9/x']
    assert chapter.select_one('dd a')['href'] == 'https://localhost:9/x'


def test_the_certificate_can_be_trusted(browser: Browser, cloud: MicrosoftCloud, tmp_path: Any) -> None:
    file = tmp_path / 'ca.pem'
    browser.open('/ca.pem')
    file.write_bytes(browser.answer.content)

    assert requests.get(f'{cloud.authority}/devicelogin', verify=str(file), timeout=30).status_code == 200


@pytest.mark.parametrize('path', ['/azure', '/azure/', '/azure/#view/Microsoft_AAD_RegisteredApps', '/azure/any/page'])
def test_the_tenant_shows_what_to_enter(browser: Browser, cloud: MicrosoftCloud, path: str) -> None:
    text = browser.open(path).text

    for name in ('web', 'daemon', 'device'):
        application = cloud.directory.application(name)
        assert application.client_id in text
        assert all(secret.value in text for secret in application.secrets)
    assert cloud.directory.managed_identity('soar-engine').client_id in text


def test_the_sessions_of_a_user_are_revoked(browser: Browser, cloud: MicrosoftCloud) -> None:
    browser.open('/azure')

    browser.send(f'form[action="/users/{ADA}/revoke"]')

    assert cloud.directory.user(ADA).generation == 1
    assert 'Revoked the sessions of Ada Lindqvist' in browser.message()


# endregion
# region mailboxes


def test_an_email_is_written(browser: Browser, cloud: MicrosoftCloud) -> None:
    page = browser.open(f'/mailboxes/{ADA}')
    data = {**browser.fields(page.select_one('#write form')), 'subject': 'Invoice', 'body': '<p>Pay</p>', 'is_html': 'on'}

    browser.http.post(f'{browser.url}/write', data=data, files={'files': ('a.txt', b'1234', 'text/plain')}, timeout=30)

    email = emails(cloud)[0]
    assert (email.subject, email.sender.address, email.to, email.html) == (
        'Invoice',
        'eve@partner.example',
        [cloud.mailbox(ADA).owner],
        '<p>Pay</p>',
    )
    assert [(each.name, each.size) for each in email.attachments] == [('a.txt', 4)]


def test_a_dropped_email_arrives_now_and_byte_for_byte(browser: Browser, cloud: MicrosoftCloud) -> None:
    mail = EmailMessage()
    mail['From'], mail['To'], mail['Subject'], mail['Date'] = 'eve@partner.example', ADA, 'Old', 'Mon, 01 Jan 2024 10:00:00 +0000'
    mail.set_content('Hello')
    data = browser.fields(browser.open(f'/mailboxes/{ADA}').select_one('#drop form'))

    browser.http.post(f'{browser.url}/drop', data=data, files={'files': ('old.eml', bytes(mail))}, timeout=30)

    email = emails(cloud)[0]
    assert (email.subject, email.source) == ('Old', bytes(mail))
    assert abs(email.received - cloud.clock.now()) < 60


@pytest.mark.parametrize(
    'form, changes, files, problem',
    [
        ('#drop', {}, {'files': ('x.eml', b'\n\n')}, 'x.eml is not an email.'),
        ('#drop', {}, {}, 'No file was chosen.'),
        ('#write', {'from': 'nobody'}, {}, 'The sender needs an email address.'),
    ],
)
def test_what_is_not_an_email_is_refused(
    browser: Browser, cloud: MicrosoftCloud, form: str, changes: dict[str, str], files: Any, problem: str
) -> None:
    page = browser.open(f'/mailboxes/{ADA}')
    before = len(emails(cloud))
    data = {**browser.fields(page.select_one(f'{form} form')), **changes}

    answer = browser.http.post(f'{browser.url}/{form[1:]}', data=data, files=files, timeout=30)

    assert (answer.status_code, problem in answer.text, len(emails(cloud))) == (400, True, before)


def test_an_email_is_read_moved_and_deleted(browser: Browser, cloud: MicrosoftCloud) -> None:
    page = browser.open(f'/mailboxes/{ADA}')
    assert '25 emails, page 1 of 1' in page.text
    browser.open(str(page.select_one('.mails a')['href']))
    assert browser.page.select_one('h1').text == 'Report 1'
    archive = cloud.mailbox(ADA).folder('archive')
    assert archive

    browser.send('form[action$="/read"]')
    assert emails(cloud)[0].is_read is True
    browser.send('form[action$="/move"]', target=archive.folder_id)
    assert [each.subject for each in emails(cloud, 'archive')] == ['Report 1']
    browser.send('form[action$="/delete"]')

    assert [each.subject for each in emails(cloud, 'deleteditems')] == ['Report 1']
    assert 'This folder is empty.' in browser.page.text


def test_the_body_of_an_email_can_do_nothing(browser: Browser, cloud: MicrosoftCloud) -> None:
    browser.open(str(browser.open(f'/mailboxes/{ADA}').select_one('.mails a')['href']))
    frame = browser.page.select_one('iframe')
    assert frame.has_attr('sandbox')

    browser.open(str(frame['src']))

    assert 'this is report 1' in browser.page.text
    assert browser.answer.headers['Content-Security-Policy'].startswith("sandbox; default-src 'none'")


def test_an_attachment_is_downloaded(browser: Browser, cloud: MicrosoftCloud) -> None:
    mailbox = cloud.mailbox(ADA)
    mailbox.attach_file(emails(cloud)[0], 'a b.txt', b'1234')
    browser.open(str(browser.open(f'/mailboxes/{ADA}').select_one('.mails a')['href']))

    browser.open(str(browser.page.select_one('.file a')['href']))

    assert browser.answer.content == b'1234'
    assert 'attachment; filename="a b.txt"' in browser.answer.headers['Content-Disposition']


def test_the_link_of_an_incident_leads_to_the_email(browser: Browser, cloud: MicrosoftCloud) -> None:
    browser.open(f'/owa/?ItemID={emails(cloud)[3].message_id}&exvsurl=1')
    assert browser.page.select_one('h1').text == 'Report 4'

    browser.open('/owa/?ItemID=gone')

    assert (browser.answer.status_code, 'Look for it in the mailbox' in browser.problem()) == (404, True)


# endregion
# region faults and requests


@pytest.mark.parametrize('switch', SWITCHES, ids=lambda each: each.name)
def test_a_switch_stays_until_it_is_switched_off(browser: Browser, cloud: MicrosoftCloud, switch: Any) -> None:
    browser.open('/faults')
    row = f'.switch-row:has(input[value="{switch.name}"])'

    browser.send(row)
    assert browser.page.select_one(f'{row} [role=switch]')['aria-checked'] == 'true'
    assert [each.times for each in cloud.faults.all()] == [None]
    browser.send(row)

    assert browser.page.select_one(f'{row} [role=switch]')['aria-checked'] == 'false'
    assert cloud.faults.all() == []


def test_a_switch_has_an_effect(browser: Browser, cloud: MicrosoftCloud) -> None:
    browser.open('/faults')
    browser.send('.switch-row:has(input[value="graph-down"])')
    assert [status_of(cloud), status_of(cloud)] == [503, 503]

    browser.send('form[action="/faults/clear"]')

    assert (status_of(cloud), browser.page.select('[aria-checked=true]')) == (401, [])


def test_another_fault_is_described(browser: Browser, cloud: MicrosoftCloud) -> None:
    browser.open('/faults')

    browser.send('form.form', service='graph', path='/me$', status='418', retry_after='2', times='1')

    assert 'status 418' in browser.page.select_one('.plain-list').text
    assert [status_of(cloud), status_of(cloud)] == [418, 401]
    assert 'status 418' not in browser.open('/faults').text


@pytest.mark.parametrize(
    'changes, problem',
    [
        ({'status': ''}, 'This fault would change nothing.'),
        ({'status': 'high'}, "Status cannot be 'high'."),
        ({'status': '503', 'times': 'often'}, "Times cannot be 'often'."),
        ({'status': '503', 'path': '('}, 'not a regular expression'),
        ({'status': '', 'aadsts': '1'}, 'There is no error AADSTS1'),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    browser: Browser, cloud: MicrosoftCloud, changes: dict[str, str], problem: str
) -> None:
    browser.open('/faults')

    browser.send('form.form', **changes)

    assert (browser.answer.status_code, problem in browser.problem(), cloud.faults.all()) == (400, True, [])


def test_the_newest_request_is_on_top(browser: Browser, cloud: MicrosoftCloud) -> None:
    status_of(cloud, '/v1.0/first')
    status_of(cloud, '/v1.0/second')
    requests.get(f'{cloud.authority}/devicelogin', verify=cloud.ca_file, timeout=30)

    rows = [row.select_one('code').text for row in browser.open('/requests').select('tbody tr')]
    assert rows[:3] == ['GET /devicelogin', 'GET /v1.0/second', 'GET /v1.0/first']
    page = browser.send('form.search', service='graph', path='sec')
    assert [row.select_one('code').text for row in page.select('tbody tr')] == ['GET /v1.0/second']
    browser.send('form[action="/requests/clear"]')

    assert 'Nothing has been asked of the cloud yet.' in browser.page.text


def test_a_wrong_pattern_is_named(browser: Browser) -> None:
    browser.open('/requests?path=(')

    assert (browser.answer.status_code, 'not a regular expression' in browser.problem()) == (400, True)


# endregion
