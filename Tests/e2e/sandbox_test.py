"""``make sandbox``: the values that it prints work until Ctrl-C."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from authentication_methods import ARC, CLIENT_SECRET, CORTEX_APP, METHODS, AuthenticationMethod
from demo.administrator import Administrator, CommandFailed
from demo.instructions import field_labels, section_title
from demo.upload import REPOSITORY, own_environment
from sandbox.tests.machine import interruptible_children, limit


@dataclass
class Running:
    """A sandbox in its own process, and its output."""

    process: 'subprocess.Popen[str]'
    printed: str
    temporary: Path

    def value(self, name: str) -> str:
        found = re.search(rf'^ +{re.escape(name)} +(\S.*)$', self.printed, re.MULTILINE)
        assert found, f'no {name} is printed'
        return found.group(1)

    def fields(self, section: str) -> dict[str, str]:
        """Return the values of a section by label."""
        lines = self.printed.partition(f'{section}\n')[2].partition('\n\n')[0].splitlines()
        assert lines, f'no section {section} is printed'
        return dict(re.split(r' {2,}', line.strip(), maxsplit=1) for line in lines)

    def administrator(self) -> Administrator:
        return Administrator(self.value('Pages'), self.value('API key'))


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    temporary = tmp_path_factory.mktemp('temporary')
    environment = {**own_environment(), 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    with interruptible_children():
        process = subprocess.Popen(
            [sys.executable, '-m', 'demo.serve'],
            cwd=REPOSITORY,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    with process:
        assert process.stdout
        lines = []
        for line in iter(process.stdout.readline, ''):
            lines.append(line)
            if 'until Ctrl-C' in line:
                break
        yield Running(process, ''.join(lines), temporary)
        process.terminate()


def settings_of(fields: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
    """Return the values of parameters that the instructions name."""
    places = {label: place for place, label in labels.items() if label}
    settings: dict[str, Any] = {}
    for label, value in fields.items():
        name, _, part = places[label].partition('/')
        if value.startswith('the content of '):
            value = Path(value.removeprefix('the content of ')).read_text()
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
    labels = field_labels(running.value('Pages'), running.value('API key'))
    fields = {**running.fields('Each needs'), **running.fields(section_of(method))}
    engine = fields.pop('Engine', '')
    administrator = running.administrator()
    administrator.add_instance(method.name, settings_of(fields, labels), engine)
    assert administrator.press_test(method.name) == 'ok'
    assert 'Signed in' in administrator.run('!msgraph-mail-auth-test', method.name)


def test_every_method_has_instructions(running: Running) -> None:
    for method in METHODS:
        assert running.fields(section_of(method)), method.name


def test_a_mail_becomes_an_incident_as_printed(running: Running) -> None:
    """Within the minute after which the instance fetches again."""
    labels = field_labels(running.value('Pages'), running.value('API key'))
    administrator = running.administrator()
    fields = running.fields('Mails as incidents: in any of these instances')
    command, page = fields.pop('Then run'), fields.pop('The incident is on').partition(' ')[0]
    fields |= {**running.fields('Each needs'), **running.fields(section_of(CLIENT_SECRET))}
    administrator.add_instance('Fetcher', settings_of(fields, labels))
    administrator.run(command, 'Fetcher')
    with closing(requests.Session()) as browser:
        browser.trust_env = False
        browser.post(f'{running.value("Pages")}/login', data={'key': running.value('API key')}, timeout=limit(30))
        for _ in range(int(limit(60))):
            if '<td>Invoice</td>' in browser.get(page, timeout=limit(30)).text:
                break
            time.sleep(1)
        else:
            raise AssertionError('The mail has not become an incident.')


def test_the_printed_consent_page_exists(running: Running) -> None:
    page = running.value('ID, Token, Key').split()[-1]
    certificate_authority = running.value('Browsers warn of the certificate, unless they trust')
    assert requests.get(page, verify=certificate_authority, timeout=limit(30)).status_code == 200


def test_the_printed_faults_can_be_switched_on_and_off(running: Running) -> None:
    labels = field_labels(running.value('Pages'), running.value('API key'))
    administrator = running.administrator()
    fields = {**running.fields('Each needs'), **running.fields(section_of(CLIENT_SECRET))}
    administrator.add_instance('Faulty', settings_of(fields, labels))
    commands = [shlex.split(line) for line in running.printed.splitlines() if line.strip().startswith('curl ')]
    for command in commands[:-1]:
        _, address, _, body = command
        assert requests.post(address, data=body, timeout=limit(30)).status_code == 201
    with pytest.raises(CommandFailed):
        administrator.run('!msgraph-mail-auth-test', 'Faulty')
    assert requests.delete(commands[-1][-1], timeout=limit(30)).status_code == 204
    administrator.run('!msgraph-mail-auth-test', 'Faulty')


def test_an_interrupt_stops_the_sandbox_and_leaves_nothing(running: Running) -> None:
    running.process.send_signal(signal.SIGINT)
    rest, _ = running.process.communicate(timeout=limit(30))
    assert running.process.returncode == 0
    assert rest.strip() == 'Stopped. Nothing is left running.'
    assert list(running.temporary.iterdir()) == []
