"""Incidents: the list, the page of one, and what one does with it."""

import base64
import hashlib
from typing import Any

import pytest
from bs4 import BeautifulSoup

from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient


def add(xsoar: XsoarTestClient, **fields: Any) -> str:
    """Return a new incident's id."""
    return str(xsoar.call('POST', '/incident', {'name': 'Invoice', 'type': 'Phishing', **fields})['id'])


def fetch(xsoar: XsoarTestClient, does: str = 'mail') -> str:
    """Return the id of the first incident that a fetch brings, classified and mapped."""
    instance = xsoar.add('fetcher', isFetch=True, fetch_does=does)
    chosen = {'mappingId': 'Probe - Classifier', 'incomingMapperId': 'Probe - Incoming Mapper'}
    xsoar.call('PUT', '/settings/integration', {**instance, **chosen})
    return str(xsoar.server.fetch_now('fetcher').incidents[0]['id'])


def facts(page: BeautifulSoup, heading: str) -> dict[str, str]:
    """Return what a card of an incident says, by name."""
    card = page.select_one(f'section[aria-labelledby={heading}]')
    return {name.text: value.text.strip() for name, value in zip(card.select('dt'), card.select('dd'), strict=True)}


def ids(page: BeautifulSoup) -> list[str]:
    return [row.select_one('td').text for row in page.select('tbody tr')]


# region list


def test_the_list_begins_with_the_newest(browser: Browser, xsoar: XsoarTestClient) -> None:
    assert 'There are none yet' in browser.open('/incidents').text
    add(xsoar, severity=3, owner='admin', occurred='2026-01-31T23:59:57Z')
    fetch(xsoar)

    rows = [[cell.text.strip() for cell in row.select('td')] for row in browser.open('/incidents').select('tbody tr')]

    assert rows[1][:6] == ['#2', 'incident 1 \nwith attachments', 'Phishing', 'High', '-', 'Pending']
    assert rows[2] == ['#1', 'Invoice', 'Phishing', 'High', 'admin', 'Pending', '2026-01-31 23:59:57 UTC', '-']
    assert rows[0][7] == 'fetcher'


@pytest.mark.parametrize(
    'query, found',
    [
        ({'search': 'inVoice'}, ['#1']),
        ({'search': 'urgent'}, ['#2']),
        ({'search': 'eve@partner'}, ['#3']),
        ({'search': '2'}, ['#2']),
        ({'search': 'nothing'}, []),
        ({'type': 'Malware'}, ['#2']),
        ({'severity': '0.5'}, ['#2']),
        ({'status': '2'}, ['#3']),
        ({'status': '0'}, ['#2', '#1']),
        ({'owner': 'admin'}, ['#1']),
        ({'owner': '-'}, ['#3', '#2']),
        ({'type': 'Phishing', 'owner': 'admin', 'status': '2'}, []),
    ],
)
def test_incidents_are_searched_and_filtered(
    browser: Browser, xsoar: XsoarTestClient, query: dict[str, str], found: list[str]
) -> None:
    add(xsoar, owner='admin')
    add(xsoar, name='Virus', type='Malware', severity='informational', details='This is URGENT.')
    browser.open(f'/incidents/{add(xsoar, name="Letter", CustomFields={"emailfrom": "eve@partner.example"})}')
    browser.send('#close form')
    browser.open('/incidents')

    page = browser.send('form.search', **query)

    assert ids(page) == found
    assert bool(page.select('.empty')) == (not found)


def test_older_incidents_are_on_the_next_page(browser: Browser, xsoar: XsoarTestClient) -> None:
    for number in range(1, 52):
        add(xsoar, name=f'Incident {number}')

    shown = [ids(browser.open('/incidents?type=Phishing'))]
    assert '51 incidents, page 1 of 3' in browser.page.select_one('.pager').text
    while link := browser.page.select_one('.pager a:-soup-contains("Older")'):
        shown.append(ids(browser.open(str(link['href']))))

    assert [len(each) for each in shown] == [25, 25, 1]
    assert [each for page in shown for each in page] == [f'#{number}' for number in range(51, 0, -1)]
    assert browser.page.select_one('select[name=type] option[selected]').text == 'Phishing'


@pytest.mark.parametrize(
    'severity, shown', [('high', 'High'), ('4', 'Critical'), (0.5, 'Informational'), (17, 'Unknown'), ([], 'Unknown')]
)
def test_a_severity_is_a_number_or_a_name(browser: Browser, xsoar: XsoarTestClient, severity: Any, shown: str) -> None:
    add(xsoar, severity=severity)

    assert browser.open('/incidents').select_one('.severity').text == shown


# endregion
# region one incident


def test_an_incident_shows_what_the_mapper_filled_in(browser: Browser, xsoar: XsoarTestClient) -> None:
    page = browser.open(f'/incidents/{fetch(xsoar)}')

    assert facts(page, 'mail') == {
        'Email From': 'eve@partner.example',
        'Email To': 'ada@contoso.example, bob@contoso.example',
        'Email Subject': 'Invoice',
    }
    about = facts(page, 'about')
    assert (about['Type'], about['Status'], about['Source'], about['dbotMirrorId']) == ('Phishing', 'Pending', 'fetcher', '1')
    assert page.select_one('#severity option[selected]').text == 'High'


def test_the_mail_is_in_a_frame_that_can_do_nothing(browser: Browser, xsoar: XsoarTestClient) -> None:
    frame = browser.open(f'/incidents/{fetch(xsoar)}').select_one('iframe')
    assert frame['sandbox'] == []

    page = browser.open(str(frame['src']))

    assert page.select_one('p b').text == 'pay'
    policy = browser.answer.headers['Content-Security-Policy']
    assert policy.startswith("sandbox; default-src 'none'; img-src data:")
    assert "frame-ancestors 'self'" in policy


def test_a_mail_of_plain_text_stays_text(browser: Browser, xsoar: XsoarTestClient) -> None:
    number = add(xsoar, CustomFields={'emailbody': 'Pay <b>now</b>.\nSoon.'})

    page = browser.open(f'/incidents/{number}/body')

    assert (page.select('b'), page.select_one('div').text) == ([], 'Pay <b>now</b>.\nSoon.')


def test_an_image_inside_a_mail_is_shown(browser: Browser, xsoar: XsoarTestClient) -> None:
    images = browser.open(f'/incidents/{fetch(xsoar)}/body').select('img')

    assert base64.b64decode(str(images[0]['src']).removeprefix('data:image/png;base64,')).startswith(b'\x89PNG')
    assert [each['src'] for each in images[1:]] == ['cid:missing@mail', 'https://tracker.example/x.png']


def test_attachments_are_shown_with_their_hashes(browser: Browser, xsoar: XsoarTestClient) -> None:
    page = browser.open(f'/incidents/{fetch(xsoar, "attach")}')

    link = page.select_one('.attachment a')
    assert link.text == 'note.txt'
    assert facts(page, 'files')['SHA256'] == hashlib.sha256(b'attached text').hexdigest()
    browser.open(str(link['href']))
    assert browser.answer.content == b'attached text'


def test_other_fields_labels_and_raw_json_are_shown(browser: Browser, xsoar: XsoarTestClient) -> None:
    label = {'type': 'Email/From', 'value': '<bob@contoso.example>'}
    fields = {'headers': [{'name': 'A', 'value': 'b'}], 'list': ['x', 'y'], 'text': 'see https://docs.example/1'}
    number = add(xsoar, details='Pay <b>now</b>.', labels=[label], rawJSON='{"ID": 1}', CustomFields=fields)

    page = browser.open(f'/incidents/{number}')

    assert page.select_one('section[aria-labelledby=details] p').text == 'Pay <b>now</b>.'
    shown = facts(page, 'fields')
    assert (shown['list'], shown['text']) == ('x\ny', 'see https://docs.example/1')
    assert '"name": "A"' in shown['headers']
    assert page.select_one('section[aria-labelledby=fields] a')['href'] == 'https://docs.example/1'
    assert [each.text for each in page.select('details pre')][-1] == '{\n  "ID": 1\n}'
    assert '<bob@contoso.example>' in page.text


def test_an_incident_has_a_war_room_of_its_own(browser: Browser, xsoar: XsoarTestClient) -> None:
    number = fetch(xsoar, 'attach')
    link = browser.open(f'/incidents/{number}').select_one('.tabs a[href^="/war-room"]')

    page = browser.open(str(link['href']))

    assert page.select_one('.file a').text == 'note.txt'
    assert page.select_one('.tabs [aria-current]').text == 'War Room'
    browser.send('form.say', __text='!probe-echo text=here using=fetcher')
    assert [each['contents'] for each in xsoar.entries(number)] == ['', '!probe-echo text=here using=fetcher', 'echo here']
    assert xsoar.entries() == []


def test_severity_and_owner_are_changed(browser: Browser, xsoar: XsoarTestClient) -> None:
    number = add(xsoar)
    browser.open(f'/incidents/{number}')

    browser.send('section[aria-labelledby=about] form', severity='0.5', owner=' admin ')

    incident = xsoar.call('GET', f'/incident/load/{number}')
    assert (incident['severity'], incident['owner'], incident['version']) == (0.5, 'admin', 2)
    assert browser.page.select_one('#severity option[selected]').text == 'Informational'


def test_an_incident_is_closed_and_reopened(browser: Browser, xsoar: XsoarTestClient) -> None:
    number = add(xsoar)
    browser.open(f'/incidents/{number}')

    browser.send('#close form', reason='False Positive', notes='A real invoice.')
    incident = xsoar.call('GET', f'/incident/load/{number}')
    assert (incident['status'], incident['closeReason'], incident['closeNotes']) == (2, 'False Positive', 'A real invoice.')
    assert [each['contents'] for each in xsoar.entries(number)] == ['The incident was closed: False Positive. A real invoice.']
    assert (facts(browser.page, 'about')['Status'], browser.page.select('#close')) == ('Closed', [])
    browser.send('.head form')

    incident = xsoar.call('GET', f'/incident/load/{number}')
    assert (incident['status'], incident['closeReason'], incident['closed']) == (1, '', '')


@pytest.mark.parametrize(
    'path, data, sentence',
    [
        ('', {'severity': '9'}, 'There is no such severity.'),
        ('/close', {'reason': 'Boredom'}, 'is not a reason to close an incident'),
    ],
)
def test_a_value_that_the_page_does_not_offer_is_refused(
    browser: Browser, xsoar: XsoarTestClient, path: str, data: dict[str, str], sentence: str
) -> None:
    number = add(xsoar)
    token = browser.open(f'/incidents/{number}').select_one('[name=".token"]')['value']

    answer = browser.http.post(f'{xsoar.server.url}/incidents/{number}{path}', data={'.token': token, **data}, timeout=30)

    assert (answer.status_code, sentence in answer.text) == (400, True)


def test_an_incident_is_not_closed_twice(browser: Browser, xsoar: XsoarTestClient) -> None:
    number = add(xsoar)
    browser.open(f'/incidents/{number}')
    form = browser.fields(browser.page.select_one('#close form'))
    browser.send('#close form')

    answer = browser.http.post(f'{xsoar.server.url}/incidents/{number}/close', data=form, timeout=30)

    assert (answer.status_code, 'closed already' in answer.text) == (400, True)


def test_a_missing_incident_says_so(browser: Browser) -> None:
    browser.open('/incidents/999')

    assert (browser.answer.status_code, 'There is no incident' in browser.problem()) == (404, True)


# endregion
