"""The form of an instance: what it shows, what it takes, what it keeps when it is rejected."""

from typing import Any

import pytest

from sandbox.tests.xsoar.browser import Browser
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient

FORM = '#instance-form'


def test_the_form_shows_each_parameter_with_its_help_in_its_section(browser: Browser) -> None:
    page = browser.open('/integrations/Probe/add')

    legends = [each.text for each in page.select('legend')]
    assert legends == ['Connect', 'Collect', 'Run and log']
    assert page.select('label[for=p-url]')[0].text == 'Server *'
    assert page.select('#p-url')[0]['value'] == 'https://probe.example'
    assert page.select(f'#{page.select("#p-url")[0]["aria-describedby"]}')[0].text == 'Where the probe would go.'
    assert page.select('details #p-certificate')[0].name == 'textarea'
    assert [each.text for each in page.select('#p-test_answer option')] == ['', 'ok', 'error', 'text', 'crash', 'remembers']
    assert page.select('#p-credentials-password')[0]['type'] == 'password'
    assert 'Phishing' in [each.text for each in page.select('#p-incidentType option')]


def test_each_field_has_a_label(browser: Browser) -> None:
    page = browser.open('/integrations/Probe/add')

    labelled = {str(each['for']) for each in page.select('label[for]')}
    fields = page.select(f'{FORM} input:not([type=hidden]), {FORM} select, {FORM} textarea')
    assert [each for each in fields if each.get('id') not in labelled and each.parent.name != 'label'] == []


def test_a_free_name_is_proposed(browser: Browser) -> None:
    for number in (1, 2, 3):
        page = browser.open('/integrations/Probe/add')
        assert page.select_one('#name')['value'] == f'Probe_instance_{number}'
        browser.send(FORM)


def test_a_new_instance_begins_with_the_classifier_and_mapper_of_its_integration(
    browser: Browser, xsoar: XsoarTestClient
) -> None:
    page = browser.open('/integrations/Probe/add')
    assert [each.text for each in page.select('#classifier option')] == ['None', 'Probe - Classifier']
    assert [each.text for each in page.select('#mapper option[selected]')] == ['Probe - Incoming Mapper']

    browser.send(FORM, __name='mapped', __mappingId='')

    instance = xsoar.instance('mapped')
    assert (instance['mappingId'], instance['incomingMapperId']) == ('', 'Probe - Incoming Mapper')


def test_a_classifier_that_is_not_installed_stays_chosen(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.call('PUT', '/settings/integration', {**xsoar.instance(), 'mappingId': 'Another'})

    page = browser.open(f'/instances/{xsoar.instance()["id"]}')

    assert page.select_one('#classifier option[selected]').text == 'Another (not installed)'


def test_the_instructions_are_rendered_and_cannot_bring_a_script(browser: Browser) -> None:
    drawer = browser.open('/integrations/Probe/add').select_one('#instructions')

    assert drawer
    assert browser.page.select_one('button[popovertarget=instructions]').text == '?'
    assert [each.text for each in drawer.select('h2')] == ['Instructions', 'How to set up a probe']
    assert [each.text for each in drawer.select('li strong, li code')] == ['server', 'Test']
    assert "<script>alert('this must stay text')</script>" in drawer.text
    assert not drawer.select('script')


def test_links_lead_to_the_sandbox(browser: Browser, xsoar: XsoarTestClient) -> None:
    assert browser.open('/integrations/Probe/add').select('#instructions a[href^="https://probes.example/"]')
    xsoar.server.surroundings.local_addresses['https://probes.example'] = 'https://localhost:9'

    drawer = browser.open('/integrations/Probe/add').select_one('#instructions')

    assert 'these pages are local' in drawer.select_one('.hint p').text
    assert drawer.select_one('.hint li').text == 'registration page: https://localhost:9/register?kind=1'
    links = drawer.select('a[href^="https://localhost:9/register?kind=1"]')
    assert [str(each['target']) for each in links] == ['_blank', '_blank']
    assert not drawer.select('a[href^="https://probes.example"]')


def test_no_link_leads_to_a_page_that_has_no_stand_in(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.server.surroundings.local_addresses['https://probes.example'] = ''

    drawer = browser.open('/integrations/Probe/add').select_one('#instructions')

    assert drawer.select_one('a.nowhere').text == 'registration page'
    assert 'probes.example' not in str(drawer)


def test_what_the_sandbox_knows_is_filled_in(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.server.surroundings.presets['Probe'] = {'url': 'https://localhost:9', 'colours': ['blue'], 'nothing of the kind': '1'}

    page = browser.open('/integrations/Probe/add')

    assert page.select_one('#p-url')['value'] == 'https://localhost:9'
    assert page.select_one('#p-colours option[selected]').text == 'blue'
    assert 'filled in where its Microsoft cloud is: Server, Colours.' in page.text


def test_an_instance_is_added_with_the_form(browser: Browser, xsoar: XsoarTestClient) -> None:
    browser.open('/integrations/Probe/add')
    browser.send(
        FORM,
        __name='from the form',
        url='https://form',
        credentials='ada',
        credentials__password='sesame',
        api_key='key',
        certificate='one\r\ntwo',
        insecure='on',
        colours=['red', 'blue'],
    )

    assert [each.status_code for each in browser.answer.history] == [303]
    assert (browser.url.split('#')[0].endswith('/integrations'), browser.message()) == (True, 'Saved from the form.')
    params = xsoar.run('!probe-platform using="from the form"')[0]['contents']
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


def test_a_rejected_save_keeps_all_that_was_typed(browser: Browser, xsoar: XsoarTestClient) -> None:
    typed: dict[str, Any] = {
        '__name': 'typed',
        '__enabled': None,
        '__mappingId': '',
        '__incomingMapperId': '',
        '__integrationLogLevel': 'Debug',
        'url': ' ',
        'credentials': 'ada',
        'credentials__password': 'sesame',
        'api_key': 'shown only once',
        'certificate': 'one\r\ntwo',
        'test_answer': 'text',
        'colours': ['red', 'blue'],
        'insecure': 'on',
        'isFetch': 'on',
        'incidentType': 'Malware',
        'incidentFetchInterval': '7',
        'fetch_does': 'attach',
    }
    browser.open('/integrations/Probe/add')
    browser.send(FORM, **typed)
    assert (browser.answer.status_code, browser.problem()) == (400, 'These fields need a value: Server.')

    browser.send(FORM, url='https://second')

    instance = xsoar.instance('typed')
    stored = {each['name']: each['value'] for each in instance['data']}
    assert (instance['enabled'], instance['mappingId'], instance['incomingMapperId']) == ('false', '', '')
    assert instance['integrationLogLevel'] == 'Debug'
    assert stored['colours'] == ['red', 'blue']
    assert [stored[name] for name in ('test_answer', 'incidentType', 'incidentFetchInterval', 'fetch_does')] == [
        'text',
        'Malware',
        '7',
        'attach',
    ]
    assert stored['insecure'] is stored['isFetch'] is True
    browser.send(f'#instance-{instance["id"]} form')
    params = xsoar.run('!probe-platform using=typed')[0]['contents']
    assert all(part in params for part in ('"password": "sesame"', '"api_key": "shown only once"', r'"certificate": "one\ntwo"'))


def test_the_test_button_tests_what_was_typed_and_saves_nothing(browser: Browser, xsoar: XsoarTestClient) -> None:
    browser.open('/integrations/Probe/add')

    browser.send(FORM, __name='tested', __do='test', api_key='typed')
    assert browser.message() == 'Success: the test passed. Nothing has been saved yet.'
    browser.send(FORM, __do='test', test_answer='error')

    assert browser.problem() == 'the server cannot be reached'
    assert (browser.page.select_one('#name')['value'], browser.page.select_one('#p-api_key')['value']) == ('tested', 'typed')
    assert [each['name'] for each in xsoar.call('POST', '/settings/integration/search', {})['instances']] == ['probe']


def test_the_test_button_uses_stored_secrets(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.call(
        'PUT', '/settings/integration', {**xsoar.instance(), 'version': -1, 'data': [{'name': 'api_key', 'value': 'sesame'}]}
    )
    browser.open(f'/instances/{xsoar.instance()["id"]}')

    browser.send(FORM, __do='test', test_answer='text')

    assert browser.problem() == 'something else'
    assert '"api_key": "sesame"' in xsoar.say('!probe-platform')


def test_a_script_gets_the_result_of_a_test_as_json(browser: Browser) -> None:
    form = browser.open('/integrations/Probe/add').select_one(FORM)
    data = {**browser.fields(form), '.do': 'test'}

    answers = [
        browser.http.post(browser.url, data={**data, **changes}, headers={'Accept': 'application/json'}, timeout=30).json()
        for changes in ({}, {'test_answer': 'error'}, {'url': ''})
    ]

    assert answers == [
        {'problem': '', 'success': 'Success: the test passed. Nothing has been saved yet.'},
        {'problem': 'the server cannot be reached', 'success': ''},
        {'problem': 'These fields need a value: Server.', 'success': ''},
    ]


def test_the_log_level_is_chosen_in_the_form(browser: Browser, xsoar: XsoarTestClient) -> None:
    path = f'/instances/{xsoar.instance()["id"]}'
    browser.open(path)

    browser.send(FORM, __integrationLogLevel='Debug')
    assert xsoar.instance()['integrationLogLevel'] == 'Debug'
    browser.open(path)
    browser.send(FORM, url='https://changed')
    assert xsoar.instance()['integrationLogLevel'] == 'Debug'
    browser.open(path)
    browser.send(FORM, __integrationLogLevel='')

    assert xsoar.instance()['integrationLogLevel'] == ''


def test_a_stored_secret_is_kept_unless_it_is_removed(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.add('secret', api_key='sesame', credentials={'identifier': 'ada', 'password': 'sesame'})
    path = f'/instances/{xsoar.instance("secret")["id"]}'
    page = browser.open(path)
    assert 'sesame' not in browser.answer.text
    assert page.select('#p-api_key')[0]['placeholder'] == 'stored'

    browser.send(FORM, url='https://changed')
    assert '"api_key": "sesame"' in xsoar.say('!probe-platform using=secret')
    browser.open(path)
    browser.send(FORM, api_key__clear='on')

    params = xsoar.say('!probe-platform using=secret')
    assert ('"api_key": ""' in params, '"password": "sesame"' in params) == (True, True)


def test_a_rejected_save_shows_no_stored_secret(browser: Browser, xsoar: XsoarTestClient) -> None:
    xsoar.add('secret', api_key='sesame')
    browser.open(f'/instances/{xsoar.instance("secret")["id"]}')

    browser.send(FORM, url='')

    assert (browser.answer.status_code, 'sesame' in browser.answer.text) == (400, False)


def test_an_instance_is_disabled_and_deleted(browser: Browser, xsoar: XsoarTestClient) -> None:
    path = f'/instances/{xsoar.instance()["id"]}'
    browser.open(path)
    browser.send(FORM, __enabled=None)
    assert xsoar.instance()['enabled'] == 'false'

    page = browser.open(path)
    assert page.select_one('button[popovertarget=delete]').text == 'Delete this instance'
    assert 'Delete probe?' in page.select_one('#delete[popover]').text
    browser.send('#delete form')

    assert xsoar.call('POST', '/settings/integration/search', {})['instances'] == []
    assert ([each.status_code for each in browser.answer.history], browser.message()) == ([303], 'Deleted probe.')
    browser.open(path)
    assert (browser.answer.status_code, 'There is no instance' in browser.problem()) == (404, True)


def test_a_taken_name_is_refused(browser: Browser, xsoar: XsoarTestClient) -> None:
    browser.open('/integrations/Probe/add')

    browser.send(FORM, __name='probe')

    assert browser.problem() == "There is already an instance named 'probe': choose another name."
    assert len(xsoar.call('POST', '/settings/integration/search', {})['instances']) == 1


def test_two_people_do_not_overwrite_each_other(browser: Browser, xsoar: XsoarTestClient) -> None:
    browser.open(f'/instances/{xsoar.instance()["id"]}')
    xsoar.call('PUT', '/settings/integration', {**xsoar.instance(), 'version': -1})

    for _ in range(2):  # also when the same form is sent again
        browser.send(FORM, url='https://late')
        assert (browser.answer.status_code, 'read it again' in browser.problem()) == (409, True)


@pytest.mark.parametrize('size', [1, 2])
def test_a_changed_advanced_field_is_shown_at_once(browser: Browser, xsoar: XsoarTestClient, size: int) -> None:
    assert not browser.open('/integrations/Probe/add').select('details[open]')
    xsoar.add('advanced', certificate='x' * size)

    page = browser.open(f'/instances/{xsoar.instance("advanced")["id"]}')

    assert page.select('details[open] #p-certificate')
