"""``make sandbox``: what it tells people to enter works, until they press Ctrl-C."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup

from demo.administrator import INTEGRATION, Administrator, CommandFailed
from demo.guide import field_labels
from demo.upload import REPOSITORY, own_environment

PLACE = 'Every instance: where the cloud is'


@dataclass
class Running:
    """A sandbox in a process of its own, its start page, and somebody who uses it."""

    process: 'subprocess.Popen[str]'
    start_url: str
    temporary: Path

    def __post_init__(self) -> None:
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.page = BeautifulSoup(self.browser.get(self.start_url, timeout=60).text, 'html.parser')
        shell = self.page.find('pre', string=re.compile('DEMISTO_API_KEY')).text
        self.url, self.api_key = (re.search(f'{name}=(\\S+)', shell)[1] for name in ('DEMISTO_BASE_URL', 'DEMISTO_API_KEY'))

    def fields(self, chapter: str) -> dict[str, str]:
        """What a chapter says to enter, by label."""
        found = next(each for each in self.page.select('.chapter') if each.summary.text == chapter)
        return {name.text: value.text for name, value in zip(found.select('dt'), found.select('dd'), strict=True)}

    def administrator(self) -> Administrator:
        return Administrator(self.url, self.api_key)


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    temporary = tmp_path_factory.mktemp('temporary')
    environment = {**own_environment(), 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    with subprocess.Popen(
        [sys.executable, '-m', 'demo.serve'],
        cwd=REPOSITORY,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout
        printed = ''
        for line in iter(process.stdout.readline, ''):
            printed += line
            if 'until Ctrl-C' in line:
                break
        addresses = re.findall(r'http\S+', printed)
        assert len(addresses) == 1, printed
        yield Running(process, addresses[0], temporary)
        process.terminate()


def settings_of(fields: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
    """The values of parameters that somebody enters who reads the guide."""
    places = {label: place for place, label in labels.items() if label}
    settings: dict[str, Any] = {}
    for label, value in fields.items():
        name, _, part = places[label].partition('/')
        if part:
            settings.setdefault(name, {'identifier': '', 'password': ''})[part] = value
        else:
            settings[name] = True if value == 'select it' else value
    return settings


@pytest.mark.parametrize(
    'chapter',
    [
        '3. Client secret',
        '4. Certificate, PS256',
        '5. Certificate, RS256',
        '7. Managed identity, system-assigned',
        '8. Managed identity, user-assigned',
        '9. Managed identity, App Service',
    ],
)
def test_values_of_the_guide_sign_in(running: Running, chapter: str) -> None:
    labels = field_labels(running.url, running.api_key)
    fields = {**running.fields(PLACE), **running.fields(chapter)}
    engine = fields.pop('Run on', '')
    administrator = running.administrator()
    administrator.add_instance(chapter, settings_of(fields, labels), engine)
    assert administrator.press_test(chapter) == 'ok'
    assert 'Signed in' in administrator.run('!msgraph-mail-auth-test', chapter)


def test_a_mail_becomes_an_incident_as_the_guide_says(running: Running) -> None:
    """Within the minute after which the instance fetches again."""
    labels = field_labels(running.url, running.api_key)
    administrator = running.administrator()
    fields = running.fields('Have mails as incidents')
    command, page = fields.pop('Then run'), fields.pop('The incident is on')
    fields |= {**running.fields(PLACE), **running.fields('3. Client secret')}
    administrator.add_instance('Fetcher', settings_of(fields, labels))
    administrator.run(command, 'Fetcher')
    running.browser.get(running.page.select_one('a.main-tile')['href'], timeout=30)
    for _ in range(120):
        if '>Invoice</a>' in running.browser.get(page, timeout=30).text:
            break
        time.sleep(1)
    else:
        raise AssertionError('The mail has not become an incident.')


def test_consent_page_of_the_guide_is_there(running: Running) -> None:
    page = running.fields('1. Cortex app')['Consent page']
    certificate_authority = running.fields('Addresses')['Certificate authority']
    assert requests.get(page, verify=certificate_authority, timeout=30).status_code == 200


def test_faults_of_the_guide_can_be_switched_on_and_off(running: Running) -> None:
    labels = field_labels(running.url, running.api_key)
    administrator = running.administrator()
    fields = {**running.fields(PLACE), **running.fields('3. Client secret')}
    administrator.add_instance('Faulty', settings_of(fields, labels))
    faults = f'{running.start_url.partition("/?")[0]}/faults'
    token = running.browser.get(faults, timeout=30)
    form = {'.token': BeautifulSoup(token.text, 'html.parser').select_one('[name=".token"]')['value'], 'name': 'secret-expired'}
    running.browser.post(f'{faults}/switch', data={**form, 'on': 'true'}, timeout=30)
    with pytest.raises(CommandFailed, match='AADSTS7000222'):
        administrator.run('!msgraph-mail-auth-test', 'Faulty')
    running.browser.post(f'{faults}/switch', data={**form, 'on': 'false'}, timeout=30)
    administrator.run('!msgraph-mail-auth-test', 'Faulty')


def test_the_form_of_an_instance_begins_with_the_place_of_the_cloud(running: Running) -> None:
    running.browser.get(running.page.select_one('a.main-tile')['href'], timeout=30)
    form = running.browser.get(f'{running.url}/integrations/{INTEGRATION}/add', timeout=30).text
    page = BeautifulSoup(form, 'html.parser')
    assert page.select_one('#p-graph_endpoint')['value'] == running.fields('Addresses')['Microsoft Graph']
    assert page.select_one('#p-azure_cloud option[selected]').text == 'Custom'
    for link in page.select('#instructions a[href]'):
        assert not re.search('oproxy|portal.azure.com|login.microsoftonline', link['href'])


def test_a_closed_terminal_stops_the_sandbox_and_leaves_nothing(running: Running) -> None:
    running.process.send_signal(signal.SIGHUP)
    rest, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    assert rest.strip() == 'Stopped. Nothing is left running.'
    assert list(running.temporary.iterdir()) == []
