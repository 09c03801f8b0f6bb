"""The integration in 40 lines that the README of MicrosoftApiModule shows, run as it stands there."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.public_interface.instance import Instance
from conformance.unified.sources import SCRIPTS
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.samples import CONTOSO, SUBSCRIPTION

ERROR = 4

README = (SCRIPTS / 'MicrosoftApiModule' / 'README.md').read_text(encoding='utf-8')
[EXAMPLE] = re.findall(r'^```python\n(.*?)^```$', README, re.DOTALL | re.MULTILINE)
PARAMETERS = set(re.findall(r'`(\w+)`', ' '.join(re.findall(r'^\| (`.*?`) \| \d+ \|', README, re.MULTILINE))))

Make = Callable[..., Instance]


@pytest.fixture
def example(platform: MicrosoftCloud, custom_cloud: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes an instance of the example; its parameters are those of the README's table."""
    file = tmp_path / 'AzureSubscriptions.py'
    file.write_text(EXAMPLE, encoding='utf-8')

    def make(**params: Any) -> Instance:
        every = {**{name: value for name, value in custom_cloud.items() if name != 'url'}, **params}
        assert set(every) <= PARAMETERS
        return Instance(lambda: runpy.run_path(str(file), run_name='__main__'), platform, monkeypatch, **every)

    return make


def by_secret(cloud: MicrosoftCloud) -> dict[str, Any]:
    daemon = cloud.directory.application('daemon')
    return {'tenant_id': CONTOSO, 'credentials': {'identifier': daemon.client_id, 'password': daemon.secret}}


def by_certificate(cloud: MicrosoftCloud) -> dict[str, Any]:
    daemon = cloud.directory.application('daemon')
    return {
        'tenant_id': CONTOSO,
        'credentials': {'identifier': daemon.client_id, 'password': ''},
        'certificate': {'identifier': daemon.certificate.sha1_thumbprint, 'password': daemon.certificate.private_key_pem},
    }


def by_managed_identity(_cloud: MicrosoftCloud) -> dict[str, Any]:
    return {'use_managed_identities': True, 'credentials': {}, 'certificate': None}


def by_named_managed_identity(cloud: MicrosoftCloud) -> dict[str, Any]:
    client_id = cloud.directory.managed_identity('soar-engine').client_id
    return {'use_managed_identities': True, 'managed_identities_client_id': {'password': client_id}}


def test_the_example_has_at_most_40_lines() -> None:
    lines = EXAMPLE.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 130


@pytest.mark.parametrize('way', [by_secret, by_certificate, by_managed_identity, by_named_managed_identity])
def test_the_example_lists_subscriptions(
    example: Make, platform: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, way: Callable[[MicrosoftCloud], dict[str, Any]]
) -> None:
    for name, value in platform.host_environment('azure-vm').items():
        monkeypatch.setenv(name, value)
    instance = example(**way(platform))
    assert instance.run('test-module')['Contents'] == 'ok'
    assert [one['subscriptionId'] for one in instance.outputs('azure-subscriptions-list')] == [SUBSCRIPTION]
    platform.requests.clear()
    assert 'Contoso security' in instance.run('azure-subscriptions-list')['HumanReadable']
    assert len(platform.requests) == 1  # the token was kept


def test_the_example_tells_what_is_wrong(example: Make, platform: MicrosoftCloud) -> None:
    params = by_secret(platform)
    params['credentials']['password'] = 'wrong'
    entry = example(**params).run('test-module')
    assert (entry['Type'], 'AADSTS7000215' in entry['Contents']) == (ERROR, True)


def test_the_example_refuses_other_commands(example: Make, platform: MicrosoftCloud) -> None:
    entry = example(**by_secret(platform)).run('azure-subscriptions-delete')
    assert (entry['Type'], 'azure-subscriptions-delete' in entry['Contents']) == (ERROR, True)
