"""Commands whose responses are huge, each in a process of its own: how much memory it needs above an idle one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.unified.instances import ADA
from sandbox.microsoft import MicrosoftCloud
from sandbox.tests.machine import limit

pytestmark = pytest.mark.slow
MB = 2**20
LARGEST = 500  # MB above idle
JSON = {'Content-Type': 'application/json'}
LIST, MAIL, FETCH = 'msgraph-mail-list-emails', 'msgraph-mail-get-email-as-eml', 'fetch-incidents'


def _many(item: str, size: int) -> bytes:
    """Return a page with so many bytes of items."""
    return b'{"value": [' + (f'{item},' * (size // (len(item) + 1)) + item).encode() + b']}'


# name: command, service, settings of the fault
ROWS: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    'a gzip bomb of 600 MB in place of a list': (LIST, 'graph', lambda: {'bomb': 600 * MB}),
    'a gzip bomb of 600 MB in place of a token': (LIST, 'entra', lambda: {'bomb': 600 * MB}),
    'a gzip bomb of 600 MB in place of a fetched list': (FETCH, 'graph', lambda: {'bomb': 600 * MB}),
    'a gzip bomb of 600 MB in place of a file': (MAIL, 'graph', lambda: {'bomb': 600 * MB}),
    'a list without end': (LIST, 'graph', lambda: {'endless': True}),
    'a token without end': (LIST, 'entra', lambda: {'endless': True}),
    'a list of 60 MB of empty objects': (LIST, 'graph', lambda: {'body': _many('{}', 60 * MB), 'headers': JSON}),
    'a list of 60 MB of empty lists': (LIST, 'graph', lambda: {'body': _many('[]', 60 * MB), 'headers': JSON}),
    'a list of 60 MB of numbers': (LIST, 'graph', lambda: {'body': _many('1234', 60 * MB), 'headers': JSON}),
    'a list of 60 MB of short texts': (LIST, 'graph', lambda: {'body': _many('"ab"', 60 * MB), 'headers': JSON}),
    'a list of 60 MB of small emails': (LIST, 'graph', lambda: {'body': _many('{"id": "a"}', 60 * MB), 'headers': JSON}),
    'a text of 60 MB in a list': (LIST, 'graph', lambda: {'body': _many(f'"{"x" * 60 * MB}"', 1), 'headers': JSON}),
    'an error page of 60 MB': (LIST, 'graph', lambda: {'status': 502, 'body': b'<p>' * 20 * MB}),
    'an error of 60 MB of a sign-in': (LIST, 'entra', lambda: {'status': 400, 'body': b'{"error": "' + b'a' * 60 * MB}),
}


@pytest.mark.parametrize('name', ROWS)
def test_a_huge_response_needs_little_memory(cloud: MicrosoftCloud, name: str) -> None:
    command, service, settings = ROWS[name]
    message = cloud.mailbox(ADA).messages()[0]
    application = cloud.directory.application('daemon')
    given = {
        'command': command,
        'args': {'message_id': message.immutable_id} if command == MAIL else {},
        'params': {
            'azure_cloud': 'Custom',
            'azure_ad_endpoint': cloud.authority,
            'graph_endpoint': cloud.graph,
            'self_deployed': True,
            'auth_method': 'Client Credentials',
            'creds_auth_id': {'password': application.client_id},
            'creds_refresh_token': {'password': application.tenant_id},
            'creds_enc_key': {'password': application.secret},
            'mailbox_to_fetch': ADA,
            'first_fetch': '10 years',
        },
    }
    cloud.faults.add(service=service, path='token' if service == 'entra' else 'v1.0', times=None, **settings())
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'REQUESTS_CA_BUNDLE': cloud.ca_file}
    done = subprocess.run(
        [sys.executable, '-m', __name__, json.dumps(given)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=limit(60),
    )
    said, above_idle = json.loads(done.stdout.splitlines()[-1])
    assert said, 'an error, or the health of the instance'
    assert 'unexpected' not in said
    assert above_idle < LARGEST
    folder = os.environ.get('RELIABILITY')
    if folder:
        Path(folder, f'memory-{name.replace(" ", "-")}.json').write_text(json.dumps({'name': name, 'memory': above_idle}))


# region in the process of the command


def _memory(name: str) -> float:
    """Return a figure of the kernel about this process in MB: VmRSS now, VmHWM at most since the last reset."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main(given: dict[str, Any]) -> None:
    """Run a command, and print its errors and how many MB it needed above those of the process before it."""
    import demistomock as demisto
    import O365OutlookMailSingleUser

    said: list[str] = []
    demisto.command = lambda: given['command']
    demisto.params = lambda: given['params']
    demisto.args = lambda: given['args']
    demisto.demistoVersion = lambda: {'version': '6.10.0', 'platform': 'xsoar'}
    demisto.results = lambda entry: said.append(str(entry.get('Contents')) if entry.get('Type') == 4 else '')
    demisto.updateModuleHealth = lambda text, *_more: said.append(str(text))
    Path('/proc/self/clear_refs').write_text('5')
    before = _memory('VmRSS')
    try:
        O365OutlookMailSingleUser.main()
    except (Exception, SystemExit) as error:
        said.append(str(error))
    print(json.dumps(['\n'.join(said).strip(), round(_memory('VmHWM') - before, 1)]))


if __name__ == '__main__':
    main(json.loads(sys.argv[1]))

# endregion
