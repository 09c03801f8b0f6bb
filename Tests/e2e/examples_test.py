"""The example integrations: validated by demisto-sdk, uploaded with ``make example`` and run against the local cloud."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authentication_methods import ADA
from conformance.unified.conftest import Build, build
from demo.administrator import Administrator, CommandFailed
from demo.upload import EXAMPLES, REPOSITORY, copy_packs, example_names, own_environment
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import CONTOSO, SUBSCRIPTION
from sandbox.servers import Sandbox
from sandbox.tests.machine import limit
from sandbox.tests.xsoar.xsoar_client import XsoarTestClient

__all__ = ['build']

MAX_LINES = 120


def make_example(**variables: str) -> 'subprocess.CompletedProcess[str]':
    """Run ``make example`` without setting the environment up again; `variables` with NAME are for make."""
    name = [f'NAME={variables.pop("NAME")}'] if 'NAME' in variables else []
    command = ['make', '-o', 'setup', f'BIN={Path(sys.executable).parent}', 'example', *name]
    environment = {**own_environment(), **variables}
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=limit(60), check=False
    )


@pytest.fixture(scope='module')
def uploaded(sandbox: Sandbox, build: Build) -> Sandbox:
    """The sandbox with all examples: the first uploaded by ``make example``, the others as demisto-sdk builds them."""
    first, *others = example_names()
    done = make_example(NAME=first, DEMISTO_BASE_URL=sandbox.server.url, DEMISTO_API_KEY=sandbox.server.api_key)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in others:
        XsoarTestClient(sandbox.server).upload_integration(build(name))
    return sandbox


class Example:
    """An instance of an example, in the sandbox."""

    def __init__(self, sandbox: Sandbox, integration: str, settings: dict[str, Any], engine: str = '') -> None:
        self.cloud = sandbox.cloud
        self._name = f'{integration} {engine}'.strip()
        self._administrator = Administrator(sandbox.server.url, sandbox.server.api_key, integration)
        self._administrator.add_instance(self._name, settings, engine)

    def press_test(self) -> str:
        return self._administrator.press_test(self._name)

    def run(self, command: str) -> str:
        return self._administrator.run(command, self._name)

    def context(self, path: str) -> list[dict[str, Any]]:
        """Return the objects that the last command put at a path of two names."""
        first, second = path.split('.')
        found = self._administrator.context(first)[second]
        return found if isinstance(found, list) else [found]


def secret(value: str) -> dict[str, str]:
    return {'identifier': '', 'password': value}


def application(cloud: MicrosoftCloud, name: str) -> dict[str, Any]:
    """Return the parameters of an application, with its client secret if it has one."""
    registered = cloud.directory.application(name)
    key = {'creds_enc_key': secret(registered.secret)} if registered.secrets else {}
    return {'creds_auth_id': secret(registered.client_id), 'creds_refresh_token': secret('contoso.example'), **key}


# region Azure subscriptions


def resource_manager(cloud: MicrosoftCloud) -> dict[str, Any]:
    return {'azure_cloud': 'Custom', 'azure_ad_endpoint': cloud.authority, 'server_url': cloud.resource_manager}


@pytest.mark.parametrize('engine', ['', 'azure-vm'])
def test_azure_subscriptions(uploaded: Sandbox, cloud: MicrosoftCloud, engine: str) -> None:
    account = {'use_managed_identities': True} if engine else application(cloud, 'daemon')
    example = Example(uploaded, 'Azure Subscriptions', {**resource_manager(cloud), **account}, engine)
    assert example.press_test() == 'ok'
    assert '| Contoso security | Enabled |' in example.run('!azure-subscriptions-list')
    assert [one['subscriptionId'] for one in example.context('Azure.Subscription')] == [SUBSCRIPTION]
    assert 'Signed in to Azure Resource Manager' in example.run('!azure-subscriptions-auth-test')
    cloud.requests.clear()
    example.run('!azure-subscriptions-list limit=5')
    assert [one.service for one in cloud.requests] == ['resource-manager'], 'the token was cached'


def test_azure_subscriptions_explains_a_wrong_secret(uploaded: Sandbox, cloud: MicrosoftCloud) -> None:
    wrong = {**resource_manager(cloud), **application(cloud, 'daemon'), 'creds_enc_key': secret('wrong')}
    assert 'AADSTS7000215' in Example(uploaded, 'Azure Subscriptions', wrong).press_test()


# endregion
# region Defender for Endpoint


def defender(cloud: MicrosoftCloud) -> dict[str, Any]:
    return {'endpoint_type': 'Custom', 'azure_ad_endpoint': cloud.authority, 'url': cloud.defender}


def cortex_app(cloud: MicrosoftCloud) -> dict[str, Any]:
    consent_page = cloud.token_service.replace('/obtain-token', '/ms-defender-atp')
    values = Browser(cloud, 'admin@contoso.example').consent_to_cortex_app(consent_page)
    return dict(zip(('creds_auth_id', 'creds_refresh_token', 'creds_enc_key'), map(secret, values), strict=True))


@pytest.mark.parametrize('method', ['client secret', 'Cortex app'])
def test_defender_alerts_and_machines(uploaded: Sandbox, cloud: MicrosoftCloud, method: str) -> None:
    account = cortex_app(cloud) if method == 'Cortex app' else {'self_deployed': True, **application(cloud, 'defender')}
    example = Example(uploaded, 'Defender Endpoint Alerts', {**defender(cloud), **account})
    said = example.press_test()
    assert '!defender-endpoint-auth-test' in said if method == 'Cortex app' else said == 'ok'
    assert 'Credential dumping was blocked' in example.run('!defender-endpoint-alerts-list severity=High')
    assert [one['severity'] for one in example.context('DefenderEndpoint.Alert')] == ['High']
    example.run('!defender-endpoint-machines-list hostname=files.contoso.example')
    assert [one['osPlatform'] for one in example.context('DefenderEndpoint.Machine')] == ['Linux']
    assert 'Alert.Read.All' in example.run('!defender-endpoint-auth-test')


def test_defender_names_the_missing_permission(uploaded: Sandbox, cloud: MicrosoftCloud) -> None:
    cloud.directory.application('defender').application_permissions = ['Machine.Read.All']
    account = {'self_deployed': True, **application(cloud, 'defender')}
    example = Example(uploaded, 'Defender Endpoint Alerts', {**defender(cloud), **account})
    with pytest.raises(CommandFailed, match=r'Grant the missing permissions: Alert\.Read\.All\.'):
        example.run('!defender-endpoint-auth-test')


def test_a_throttled_command_runs_again_later(uploaded: Sandbox, cloud: MicrosoftCloud) -> None:
    account = {'self_deployed': True, **application(cloud, 'defender')}
    example = Example(uploaded, 'Defender Endpoint Alerts', {**defender(cloud), **account})
    cloud.faults.add(service='defender', status=429, headers={'Retry-After': '45'}, times=1)
    assert 'The command runs again in 46 seconds' in example.run('!defender-endpoint-machines-list')


# endregion
# region Graph users


def test_graph_users(uploaded: Sandbox, cloud: MicrosoftCloud) -> None:
    graph = {'azure_cloud': 'Custom', 'azure_ad_endpoint': cloud.authority, 'graph_endpoint': cloud.graph}
    example = Example(uploaded, 'Graph Users', {**graph, **application(cloud, 'directory')})
    assert '!graph-users-auth-start' in example.press_test()
    [(address, code)] = re.findall(r'\[(https:[^]]+)].* code \*\*(\S+)\*\*', example.run('!graph-users-auth-start'))
    Browser(cloud, ADA).enter_device_code(address, code)
    example.run('!graph-users-auth-complete')
    assert '| Bob Okafor | bob@contoso.example |' in example.run('!graph-users-list')
    assert len(example.context('GraphUsers.User')) == len([one for one in cloud.directory.users if one.tenant_id == CONTOSO])
    assert ADA in example.run('!graph-users-auth-test')


# endregion
# region how they are made


def test_every_example_is_listed() -> None:
    listed = re.findall(r'^\| \[.+?]\((\w+)/Integrations/', (EXAMPLES / 'README.md').read_text(), re.MULTILINE)
    assert listed == example_names()


@pytest.mark.parametrize('name', example_names())
def test_an_example_is_small(name: str) -> None:
    [code] = [path for path in (EXAMPLES / name).rglob('*.py') if not path.name.endswith('_test.py')]
    assert len(code.read_text(encoding='utf-8').splitlines()) <= MAX_LINES


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run a program of the virtual environment, or bash, in a folder; it has to succeed."""
    environment = {**os.environ, 'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1', 'TMPDIR': str(folder.parent)}
    done = subprocess.run(
        [program if program == 'bash' else str(Path(sys.executable).with_name(program)), *arguments],
        cwd=folder,
        env={**environment, 'DEMISTO_SDK_LOG_FILE_PATH': str(folder.parent)},
        capture_output=True,
        text=True,
        timeout=limit(60),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A repository whose packs are the examples and the shared scripts, in a path with a space."""
    folder = tmp_path / 'my content'
    copy_packs(folder)
    for name in ('validation_config.toml', 'pyproject.toml'):
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.mark.nightly
def test_examples_are_valid_and_a_copy_as_documented_is_a_pack_of_its_own(content: Path) -> None:
    shutil.copytree(EXAMPLES, content / 'docs/examples', ignore=shutil.ignore_patterns('__pycache__'))
    text = (EXAMPLES / 'README.md').read_text(encoding='utf-8').partition('## Write your own')[2]
    [commands] = re.findall(r'```bash\n(.*? cp -r .*?|\s*cp -r .*?)```', text, re.DOTALL)
    run(content, 'bash', '-euc', commands)
    copied = content / 'Packs/Inventory'
    names = {path.name for path in copied.rglob('*')}
    assert {'Inventory.py', 'Inventory.yml', 'Inventory_image.png', 'Inventory_description.md', 'Inventory_test.py'} <= names
    for path in copied.rglob('*'):
        if path.suffix in ('.py', '.yml', '.md', '.json'):
            assert not re.search(r'Azure ?Subscriptions|azure-subscriptions', path.read_text(encoding='utf-8')), path
    rewrite = text.partition('```\n')[2].partition('\n2. ')[0]
    for path in copied.rglob('*'):
        if path.is_file() and b'ubscription' in path.read_bytes():
            assert path.name.replace('README.md', 'README files').replace('_test.py', '.py') in rewrite, path
    assert 'Azure.Subscription' in rewrite
    run(content, 'ruff', 'check', 'Packs/Inventory')
    run(content, 'ruff', 'format', '--check', 'Packs/Inventory')
    run(content, 'demisto-sdk', 'validate', '-a')


@pytest.mark.parametrize(
    'variables, message',
    [
        ({}, f"There is no example ''. Use make example NAME=<one of {', '.join(example_names())}>."),
        (
            {'NAME': 'GraphUsers'},
            'No server is named. Set DEMISTO_BASE_URL and DEMISTO_API_KEY, which are on the start page of make sandbox.',
        ),
    ],
)
def test_make_example_says_what_is_missing(variables: dict[str, str], message: str) -> None:
    done = make_example(**variables)
    assert done.returncode != 0
    assert [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith('make')] == [message]


# endregion
