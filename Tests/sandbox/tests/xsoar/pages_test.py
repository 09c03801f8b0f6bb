"""The pages: signing in, the form of an instance, war rooms and incidents, as a browser without scripts uses them."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from bs4 import BeautifulSoup, Tag

from sandbox.tests.xsoar.desk import Desk


class Browser:
    """Follows links and fills in forms.

    Args:
        url: the server.
    """

    def __init__(self, url: str) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.url = url
        self.answer = requests.Response()
        self.page = BeautifulSoup('', 'html.parser')

    def open(self, path: str) -> BeautifulSoup:
        return self._take(self.http.get(urljoin(self.url, path), timeout=60))

    def _take(self, answer: requests.Response) -> BeautifulSoup:
        self.answer, self.url = answer, answer.url
        self.page = BeautifulSoup(answer.text, 'html.parser')
        return self.page

    def fields(self, form: Tag) -> dict[str, str | list[str]]:
        """What a browser would send of a form as it stands."""
        values: dict[str, str | list[str]] = {}
        for each in form.select('input[name], textarea[name], select[name]'):
            name = str(each['name'])
            if each.name == 'select':
                first = [] if each.has_attr('multiple') else each.select('option')[:1]
                chosen = each.select('option[selected]') or first
                values[name] = [str(option.get('value', option.text)) for option in chosen]
            elif each.get('type') != 'checkbox' or each.has_attr('checked'):
                values[name] = 'on' if each.get('type') == 'checkbox' else str(each.get('value', each.text))
        return values

    def send(self, form: str, **changes: str | list[str] | None) -> BeautifulSoup:
        """Sends the form that a CSS selector names, with changes; in their names ``__`` is a dot, and None leaves a field out."""
        found = self.page.select_one(form)
        assert found, f'no {form} in {self.page.text}'
        fields: dict[str, Any] = {**self.fields(found), **{name.replace('__', '.'): value for name, value in changes.items()}}
        data = {name: value for name, value in fields.items() if value is not None}
        target = urljoin(self.url, str(found.get('action') or ''))
        return self._take(self.http.post(target, data=data, timeout=60))

    def sign_in(self, key: str) -> BeautifulSoup:
        self.open('/login')
        return self.send('form', key=key)

    def problem(self) -> str:
        found = self.page.select_one('[role=alert]')
        return found.text if found else ''


@pytest.fixture
def browser(desk: Desk) -> Browser:
    browser = Browser(desk.server.url)
    browser.sign_in(desk.server.api_key)
    return browser


def test_the_api_key_opens_the_pages(desk: Desk) -> None:
    browser = Browser(desk.server.url)

    for path in ('/', '/integrations', '/war-room', '/incidents', '/files/1@1', '/instances/x'):
        browser.open(path)
        assert browser.url.endswith('/login')
    browser.send('form', key='wrong')
    assert browser.problem() == 'This is not the API key of the server: it is printed when the server starts.'
    browser.send('form', key=f' {desk.server.api_key} ')

    assert browser.url.endswith('/integrations')
    cookie = next(iter(browser.http.cookies))
    assert (cookie.has_nonstandard_attr('HttpOnly'), cookie.get_nonstandard_attr('SameSite')) == (True, 'Strict')
    assert desk.server.api_key not in (cookie.value or '')


def test_signing_out_ends_the_visit(browser: Browser) -> None:
    browser.send('header form')
    browser.open('/integrations')

    assert browser.url.endswith('/login')


def test_the_cookie_of_a_visit_is_no_key_for_rest_calls(browser: Browser) -> None:
    browser.open('/about')

    assert browser.answer.status_code == 401


@pytest.mark.parametrize('token', [None, '', 'wrong'])
def test_a_form_that_another_site_sends_is_refused(browser: Browser, desk: Desk, token: str | None) -> None:
    browser.open('/war-room')

    browser.send('form.say', **{'.token': token, '.text': 'a note'})

    assert (browser.answer.status_code, 'This form is too old' in browser.problem()) == (403, True)
    assert desk.entries() == []


def test_pages_forbid_scripts_and_frames(browser: Browser) -> None:
    policy = browser.answer.headers['Content-Security-Policy']

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not browser.page.select('script')


def test_integrations_are_listed_with_their_instances(browser: Browser) -> None:
    text = browser.open('/integrations').text

    assert all(
        word in text for word in ('Probe', 'Does what a test asks for.', 'Utilities', 'probe', 'enabled', 'does not fetch')
    )
    assert str(browser.page.select('img')[0]['src']).startswith('data:image/png;base64,')


def test_the_form_shows_each_parameter_with_its_help_in_its_section(browser: Browser) -> None:
    page = browser.open('/integrations/Probe/add')

    legends = [each.text for each in page.select('legend')]
    assert legends == ['Connect', 'Collect']
    assert page.select('label[for=p-url]')[0].text == 'Server *'
    assert page.select('#p-url')[0]['value'] == 'https://probe.example'
    assert 'Where the probe would go.' in page.select('fieldset')[0].text
    assert page.select('details #p-certificate')[0].name == 'textarea'
    assert [each.text for each in page.select('#p-test_answer option')] == ['', 'ok', 'error', 'text', 'crash', 'remembers']
    assert page.select('#p-credentials-password')[0]['type'] == 'password'


def test_the_instructions_are_rendered_and_cannot_bring_a_script(browser: Browser) -> None:
    aside = browser.open('/integrations/Probe/add').select_one('aside')

    assert aside
    assert [each.text for each in aside.select('h2')] == ['Instructions', 'How to set up a probe']
    assert [each.text for each in aside.select('li strong, li code')] == ['server', 'Test']
    assert "<script>alert('this must stay text')</script>" in aside.text
    assert not aside.select('script')


def test_an_instance_is_added_with_the_form(browser: Browser, desk: Desk) -> None:
    browser.open('/integrations/Probe/add')
    browser.send(
        'main form',
        __name='from the form',
        url='https://form',
        credentials='ada',
        credentials__password='sesame',
        api_key='key',
        certificate='one\r\ntwo',
        insecure='on',
        colours=['red', 'blue'],
    )

    assert browser.url.endswith('/integrations')
    params = desk.run('!probe-platform using="from the form"')[0]['contents']
    for part in (
        '"url": "https://form"',
        '"identifier": "ada"',
        '"password": "sesame"',
        '"api_key": "key"',
        r'"certificate": "one\ntwo"',
        '"insecure": true',
        '"colours": ["red", "blue"]',
    ):
        assert part in params


def test_the_test_button_shows_success_or_the_message(browser: Browser) -> None:
    browser.open('/integrations/Probe/add')

    browser.send('main form', __name='tested', __do='test')
    assert browser.page.select('[role=status]')[0].text == 'Success'
    browser.send('main form', __do='test', test_answer='error')

    assert browser.problem() == 'the server cannot be reached'
    assert browser.page.select('#name')[0]['value'] == 'tested'


def test_the_log_level_is_chosen_in_the_form(browser: Browser, desk: Desk) -> None:
    path = f'/instances/{desk.instance()["id"]}'
    browser.open(path)

    browser.send('main form', __log_level='Debug')
    assert desk.instance()['integrationLogLevel'] == 'Debug'
    browser.open(path)
    browser.send('main form', url='https://changed')
    assert desk.instance()['integrationLogLevel'] == 'Debug'
    browser.open(path)
    browser.send('main form', __log_level='')

    assert desk.instance()['integrationLogLevel'] == ''


def test_a_stored_secret_is_kept_unless_it_is_removed(browser: Browser, desk: Desk) -> None:
    desk.add('secret', api_key='sesame', credentials={'identifier': 'ada', 'password': 'sesame'})
    path = f'/instances/{desk.instance("secret")["id"]}'
    page = browser.open(path)
    assert 'sesame' not in browser.answer.text
    assert page.select('#p-api_key')[0]['placeholder'] == 'stored'

    browser.send('main form', url='https://changed')
    assert '"api_key": "sesame"' in desk.say('!probe-platform using=secret')
    browser.open(path)
    browser.send('main form', api_key__clear='on')

    params = desk.say('!probe-platform using=secret')
    assert ('"api_key": ""' in params, '"password": "sesame"' in params) == (True, True)


def test_an_instance_is_disabled_and_deleted(browser: Browser, desk: Desk) -> None:
    path = f'/instances/{desk.instance()["id"]}'
    browser.open(path)
    browser.send('main form', __enabled=None)
    assert desk.instance()['enabled'] == 'false'

    browser.open(path)
    browser.send('form[action$=delete]')

    assert desk.call('POST', '/settings/integration/search', {})['instances'] == []
    browser.open(path)
    assert (browser.answer.status_code, 'There is no instance' in browser.problem()) == (404, True)


def test_what_is_missing_in_the_form_is_named(browser: Browser, desk: Desk) -> None:
    browser.open('/integrations/Probe/add')

    browser.send('main form', url=' ')
    assert (browser.answer.status_code, browser.problem()) == (400, 'These fields need a value: Server.')
    browser.send('main form', url='https://x', __name='probe')

    assert browser.problem() == "There is already an instance named 'probe': choose another name."
    assert len(desk.call('POST', '/settings/integration/search', {})['instances']) == 1


def test_two_people_do_not_overwrite_each_other(browser: Browser, desk: Desk) -> None:
    browser.open(f'/instances/{desk.instance()["id"]}')
    desk.call('PUT', '/settings/integration', {**desk.instance(), 'version': -1})

    browser.send('main form', url='https://late')

    assert (browser.answer.status_code, 'read it again' in browser.problem()) == (409, True)


def test_a_command_is_typed_and_its_entries_are_shown(browser: Browser) -> None:
    browser.open('/war-room')

    browser.send('form.say', __text='!probe-echo text="**two** <b>words</b>"')

    entries = browser.page.select('.entry')
    assert [each.select('pre, .readable')[0].text.strip() for each in entries] == [
        '!probe-echo text="**two** <b>words</b>"',
        'echo two <b>words</b>',
    ]
    assert entries[1].select('strong')[0].text == 'two'
    assert '"Text": "**two**' in browser.page.select('details pre')[0].text


def test_an_error_stands_out(browser: Browser) -> None:
    browser.open('/war-room')

    browser.send('form.say', __text='!probe-crash how=kill')

    assert 'signal 9' in browser.page.select('.entry.error')[0].text


def test_an_empty_line_does_nothing(browser: Browser, desk: Desk) -> None:
    browser.open('/war-room')

    browser.send('form.say', __text='  ')

    assert desk.entries() == []


def test_files_can_be_downloaded(browser: Browser, desk: Desk) -> None:
    desk.run('!probe-file name=a.html text="<script>1</script>"')
    link = browser.open('/war-room').select_one('.entry a')
    assert link

    browser.open(str(link['href']))

    assert browser.answer.content == b'<script>1</script>'
    assert re.match(r'attachment; filename=a\.html', browser.answer.headers['Content-Disposition'])


def test_incidents_are_listed_and_lead_to_their_war_rooms(browser: Browser, desk: Desk) -> None:
    assert 'There are none yet' in browser.open('/incidents').text
    desk.add('fetcher', isFetch=True, fetch_does='attach')
    desk.server.fetch_now('fetcher')

    rows = [[cell.text for cell in row.select('td')] for row in browser.open('/incidents').select('tr')[1:]]

    assert [(row[1], row[4], row[5]) for row in rows] == [('incident 2', 'fetcher', '0'), ('incident 1', 'fetcher', '1')]
    assert 'note.txt' in browser.open(f'/war-room/{rows[1][0]}').text


def test_an_incident_shows_what_it_holds_above_its_war_room(browser: Browser, desk: Desk) -> None:
    label = {'type': 'Email/From', 'value': '<bob@contoso.example>'}
    incident = {'name': 'Invoice', 'type': 'Phishing', 'details': 'Pay <b>now</b>.', 'labels': [label], 'rawJSON': '{"ID": 1}'}
    number = desk.call('POST', '/incident', incident)['id']

    card = browser.open(f'/war-room/{number}').select_one('section.card')

    assert card
    assert 'Phishing' in card.text
    assert [each.text for each in card.select('pre')] == ['Pay <b>now</b>.', '{"ID": 1}']
    assert [each.text for each in card.select('td')] == ['Email/From', '<bob@contoso.example>']
    assert not browser.open('/war-room').select('section.card')
