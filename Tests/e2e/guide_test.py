"""``make sandbox``: what it tells people to enter works, until they press Ctrl-C."""

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

from machine import interruptible_children, limit
from sandbox.demo.administrator import Administrator, CommandFailed
from sandbox.demo.guide import field_labels
from sandbox.demo.upload import REPOSITORY, own_environment


@dataclass
class Running:
    """A sandbox in a process of its own, what it printed, and somebody who uses it."""

    process: 'subprocess.Popen[str]'
    printed: str
    temporary: Path

    def value(self, name: str) -> str:
        found = re.search(rf'^ +{re.escape(name)} +(\S.*)$', self.printed, re.MULTILINE)
        assert found, f'the guide names no {name}'
        return found.group(1)

    def fields(self, chapter: str) -> dict[str, str]:
        """What a chapter says to enter, by label."""
        lines = self.printed.partition(f'{chapter}\n')[2].partition('\n\n')[0].splitlines()
        assert lines, f'the guide has no chapter {chapter}'
        return dict(re.split(r' {2,}', line.strip(), maxsplit=1) for line in lines)

    def administrator(self) -> Administrator:
        return Administrator(self.value('Pages'), self.value('API key'))


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    temporary = tmp_path_factory.mktemp('temporary')
    environment = {**own_environment(), 'PYTHONPATH': 'Tests', 'TMPDIR': str(temporary)}
    with interruptible_children():
        process = subprocess.Popen(
            [sys.executable, '-m', 'sandbox'],
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
    """The values of parameters that somebody enters who reads the guide."""
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
    labels = field_labels(running.value('Pages'), running.value('API key'))
    fields = {**running.fields('Each needs'), **running.fields(chapter)}
    engine = fields.pop('Engine', '')
    administrator = running.administrator()
    administrator.add_instance(chapter, settings_of(fields, labels), engine)
    assert administrator.press_test(chapter) == 'ok'
    assert 'Signed in' in administrator.run('!msgraph-mail-auth-test', chapter)


def test_a_mail_becomes_an_incident_as_the_guide_says(running: Running) -> None:
    """Within the minute after which the instance fetches again."""
    labels = field_labels(running.value('Pages'), running.value('API key'))
    administrator = running.administrator()
    fields = running.fields('Have mails as incidents: in any of these instances')
    command, page = fields.pop('Then run'), fields.pop('The incident is on').partition(' ')[0]
    fields |= {**running.fields('Each needs'), **running.fields('3. Client secret')}
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


def test_consent_page_of_the_guide_is_there(running: Running) -> None:
    page = running.value('ID, Token, Key').split()[-1]
    certificate_authority = running.value('Browsers warn of the certificate, unless they trust')
    assert requests.get(page, verify=certificate_authority, timeout=limit(30)).status_code == 200


def test_faults_of_the_guide_can_be_switched_on_and_off(running: Running) -> None:
    labels = field_labels(running.value('Pages'), running.value('API key'))
    administrator = running.administrator()
    fields = {**running.fields('Each needs'), **running.fields('3. Client secret')}
    administrator.add_instance('Faulty', settings_of(fields, labels))
    commands = [shlex.split(line) for line in running.printed.splitlines() if line.strip().startswith('curl ')]
    for command in commands[:-1]:
        _, address, _, body = command
        assert requests.post(address, data=body, timeout=limit(30)).status_code == 201
    with pytest.raises(CommandFailed):
        administrator.run('!msgraph-mail-auth-test', 'Faulty')
    assert requests.delete(commands[-1][-1], timeout=limit(30)).status_code == 204
    administrator.run('!msgraph-mail-auth-test', 'Faulty')


def test_interrupt_stops_the_sandbox_and_leaves_nothing(running: Running) -> None:
    running.process.send_signal(signal.SIGINT)
    rest, _ = running.process.communicate(timeout=limit(30))
    assert running.process.returncode == 0
    assert rest.strip() == 'Stopped. Nothing is left running.'
    assert list(running.temporary.iterdir()) == []
