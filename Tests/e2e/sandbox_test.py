"""``make sandbox``: the values on its start page work until it is stopped."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup

from authentication_methods import ARC, CLIENT_SECRET, CORTEX_APP, METHODS, AuthenticationMethod
from demo.administrator import INTEGRATION, Administrator, CommandFailed
from demo.instructions import EVERY_INSTANCE, INCIDENTS, example_title, field_labels, section_title
from demo.upload import REPOSITORY, example_names, own_environment, upload_pack
from sandbox.tests.machine import interruptible_children, limit


@dataclass
class Running:
    """A sandbox in its own process, and its start page."""

    process: 'subprocess.Popen[str]'
    start_url: str

    def __post_init__(self) -> None:
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.page = BeautifulSoup(self.browser.get(self.start_url, timeout=limit(60)).text, 'html.parser')
        shell = self.page.find('pre', string=re.compile('DEMISTO_API_KEY')).text
        self.url, self.api_key = (re.search(rf'{name}=(\S+)', shell)[1] for name in ('DEMISTO_BASE_URL', 'DEMISTO_API_KEY'))

    def fields(self, chapter: str) -> dict[str, str]:
        """Return the values of a chapter by label."""
        found = next((each for each in self.page.select('.chapter') if each.summary.text == chapter), None)
        assert found, f'no chapter {chapter}'
        return {name.text: value.text for name, value in zip(found.select('dt'), found.select('dd'), strict=True)}

    def open_xsoar(self) -> None:
        """Sign in to XSOAR by the link of the start page."""
        self.browser.get(self.page.select_one('a.main-tile')['href'], timeout=limit(30))

    def administrator(self) -> Administrator:
        return Administrator(self.url, self.api_key)


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a sandbox for all tests. It is stopped in the end, and then nothing of it may be left."""
    temporary = tmp_path_factory.mktemp('temporary')
    with serving(temporary) as (process, printed):
        addresses = re.findall(r'http\S+', printed)
        assert len(addresses) == 1, printed
        running = Running(process, addresses[0])
        yield running
        process.send_signal(signal.SIGINT)  # as Ctrl-C
        rest, _ = process.communicate(timeout=limit(30))
        assert process.returncode == 0
        assert rest.strip() == 'Stopped. Nothing is left running.'
        assert list(temporary.iterdir()) == []


@contextmanager
def serving(temporary: Path, *arguments: str) -> Iterator['tuple[subprocess.Popen[str], str]']:
    """Run ``demo.serve``; return its process and what it printed when it was ready."""
    environment = {**own_environment(), 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    with interruptible_children():
        process = subprocess.Popen(
            [sys.executable, '-m', 'demo.serve', *arguments],
            cwd=REPOSITORY,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    with process:
        assert process.stdout
        printed = ''
        for line in iter(process.stdout.readline, ''):
            printed += line
            if 'until Ctrl-C' in line:
                break
        try:
            yield process, printed
        finally:
            process.terminate()


def settings_of(fields: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
    """Return the values of parameters that the instructions name."""
    places = {label: place for place, label in labels.items() if label}
    settings: dict[str, Any] = {}
    for label, value in fields.items():
        name, _, part = places[label].partition('/')
        if part:
            settings.setdefault(name, {'identifier': '', 'password': ''})[part] = value
        else:
            settings[name] = True if value == 'select it' else value
    return settings


def section_of(method: AuthenticationMethod) -> str:
    return section_title(METHODS.index(method) + 1, method)


# Not those that need a user, nor Arc, whose key folder only root can make
BY_VALUES_ALONE = [one for one in METHODS if not one.sign_in and one not in (CORTEX_APP, ARC)]


@pytest.mark.parametrize('method', BY_VALUES_ALONE, ids=[method.name for method in BY_VALUES_ALONE])
def test_the_printed_values_sign_in(running: Running, method: AuthenticationMethod) -> None:
    labels = field_labels(running.url, running.api_key)
    fields = {**running.fields(EVERY_INSTANCE), **running.fields(section_of(method))}
    engine = fields.pop('Run on', '')
    administrator = running.administrator()
    administrator.add_instance(method.name, settings_of(fields, labels), engine)
    assert administrator.press_test(method.name) == 'ok'
    assert 'Signed in' in administrator.run('!msgraph-mail-auth-test', method.name)


@pytest.mark.parametrize('name', example_names())
def test_the_values_of_an_example_are_all_that_it_needs(running: Running, name: str, tmp_path: Path) -> None:
    fields = running.fields(example_title(name))
    assert fields.pop('First run') == f'make example NAME={name}'
    upload_pack(running.url, running.api_key, tmp_path / 'build', f'Packs/{name}')
    sign_in = fields.pop('Then run', 'ok')
    integration = fields.pop('Add an instance of')
    administrator = Administrator(running.url, running.api_key, integration)
    administrator.add_instance(name, settings_of(fields, field_labels(running.url, running.api_key, integration)))
    assert sign_in in administrator.press_test(name)


def test_without_the_local_cloud_the_pages_lead_to_the_real_microsoft(tmp_path: Path) -> None:
    with serving(tmp_path, '--microsoft', 'real') as (process, printed):
        browser = requests.Session()
        browser.trust_env = False
        browser.get(re.search(r'Open (\S+)', printed)[1], timeout=limit(60))
        url, api_key = (re.search(rf'{name}=(\S+)', printed)[1] for name in ('DEMISTO_BASE_URL', 'DEMISTO_API_KEY'))
        page = BeautifulSoup(browser.get(f'{url}/integrations/{INTEGRATION}/add', timeout=limit(60)).text, 'html.parser')
        assert page.find('a', href='https://oproxy.demisto.ninja/ms-graph-mail-listener')
        assert 'local' not in ' '.join(hint.text for hint in page.select('.note.hint'))
        assert not page.find(string='Sandbox')
        administrator = Administrator(url, api_key)
        administrator.add_instance('Mine', {'self_deployed': True})
        assert 'Token (tenant ID) is missing.' in administrator.press_test('Mine')
        process.send_signal(signal.SIGHUP)  # as a terminal that is closed
        assert process.wait(limit(30)) == 0
    assert not list(tmp_path.iterdir())


def test_every_method_has_instructions(running: Running) -> None:
    for method in METHODS:
        assert running.fields(section_of(method)), method.name


def test_a_mail_becomes_an_incident_as_printed(running: Running) -> None:
    """Within the minute after which the instance fetches again."""
    labels = field_labels(running.url, running.api_key)
    administrator = running.administrator()
    fields = running.fields(INCIDENTS)
    command, page = fields.pop('Then run'), fields.pop('The incident is on')
    fields |= {**running.fields(EVERY_INSTANCE), **running.fields(section_of(CLIENT_SECRET))}
    administrator.add_instance('Fetcher', settings_of(fields, labels))
    administrator.run(command, 'Fetcher')
    running.open_xsoar()
    for _ in range(int(limit(60))):
        if '>Invoice</a>' in running.browser.get(page, timeout=limit(30)).text:
            break
        time.sleep(1)
    else:
        raise AssertionError('The mail has not become an incident.')


def test_the_consent_page_exists(running: Running) -> None:
    page = running.fields(section_of(CORTEX_APP))['Consent page']
    certificate_authority = running.fields('Addresses')['Certificate authority']
    assert requests.get(page, verify=certificate_authority, timeout=limit(30)).status_code == 200


def test_the_faults_can_be_switched_on_and_off(running: Running) -> None:
    labels = field_labels(running.url, running.api_key)
    administrator = running.administrator()
    fields = {**running.fields(EVERY_INSTANCE), **running.fields(section_of(CLIENT_SECRET))}
    administrator.add_instance('Faulty', settings_of(fields, labels))
    faults = f'{running.start_url.partition("/?")[0]}/faults'
    page = BeautifulSoup(running.browser.get(faults, timeout=limit(30)).text, 'html.parser')
    form = {'.token': page.select_one('[name=".token"]')['value'], 'name': 'secret-expired'}
    running.browser.post(f'{faults}/switch', data={**form, 'on': 'true'}, timeout=limit(30))
    with pytest.raises(CommandFailed, match='AADSTS7000222'):
        administrator.run('!msgraph-mail-auth-test', 'Faulty')
    running.browser.post(f'{faults}/switch', data={**form, 'on': 'false'}, timeout=limit(30))
    administrator.run('!msgraph-mail-auth-test', 'Faulty')


def test_the_form_of_an_instance_knows_the_local_cloud(running: Running) -> None:
    running.open_xsoar()
    form = running.browser.get(f'{running.url}/integrations/{INTEGRATION}/add', timeout=limit(30)).text
    page = BeautifulSoup(form, 'html.parser')
    assert page.select_one('#p-graph_endpoint')['value'] == running.fields('Addresses')['Microsoft Graph']
    assert page.select_one('#p-azure_cloud option[selected]').text == 'Custom'
    for link in page.select('#instructions a[href]'):
        assert not re.search(r'oproxy|portal\.azure\.com|login\.microsoftonline', link['href'])
