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

OFTEN = (
    'a gzip bomb of 600 MB in place of a list',
    'a list without end',
    'a list of 60 MB of empty objects',
    'an error of 60 MB of a sign-in',
)


@pytest.mark.parametrize('name', [name if name in OFTEN else pytest.param(name, marks=pytest.mark.nightly) for name in ROWS])
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
        [sys.executable, '-m', 'conformance.faults.measured_command', json.dumps(given)],
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
