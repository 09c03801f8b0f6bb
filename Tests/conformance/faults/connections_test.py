"""Errors of connections say which host it is and what is wrong: for Graph, the sign-in and an upload."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authentication_methods import CLIENT_SECRET
from conformance.faults.fault_environment import FaultEnvironment
from conformance.faults.faults import instead_of, peers
from conformance.faults.scenarios import BY_NAME
from sandbox.microsoft import MicrosoftCloud

SAYS = {
    'expired': 'The TLS certificate of {host} has expired. Renew it, or the certificate of the proxy, and check the clock',
    'wrong host': 'The TLS certificate of {host} is that of another host. Check the address and the proxy settings.',
    'untrusted': "The TLS certificate of {host} is not trusted. Add the CA to the engine's trusted certificates, or select",
    'no TLS': "The TLS connection to {host} failed. Check the engine's file of trusted certificates, and that the host and the",
    'closed port': '{host} could not be reached.',
}


@pytest.fixture
def environment(cloud: MicrosoftCloud, tmp_path: Path) -> FaultEnvironment:
    return FaultEnvironment(cloud, CLIENT_SECRET, tmp_path, lambda _environment: {})


@pytest.fixture
def ports(cloud: MicrosoftCloud) -> Iterator[dict[str, int]]:
    with peers(cloud) as found:
        yield found


def error_of(environment: FaultEnvironment, command: str = 'msgraph-mail-list-folders', **args: str) -> str:
    [text] = environment.run(command, args).error_texts
    return text


@pytest.mark.parametrize('peer', SAYS)
def test_an_error_of_graph_names_its_host(environment: FaultEnvironment, ports: dict[str, int], peer: str) -> None:
    port = environment.cloud.ports['graph']
    with instead_of(port, ports[peer]):
        text = error_of(environment)
    assert text.startswith(SAYS[peer].format(host=f'Microsoft Graph at localhost:{port}')), text


@pytest.mark.parametrize('peer', SAYS)
def test_an_error_of_the_sign_in_names_its_host(environment: FaultEnvironment, ports: dict[str, int], peer: str) -> None:
    port = environment.cloud.ports['entra']
    with instead_of(port, ports[peer]):
        text = error_of(environment)
    assert text.startswith(SAYS[peer].format(host=f'localhost:{port}')), text


@pytest.mark.parametrize('peer', SAYS)
def test_an_error_of_an_upload_names_the_upload_host(
    environment: FaultEnvironment, ports: dict[str, int], peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload URL leads to another host, as that of Outlook does."""
    cloud, other = environment.cloud, ports[peer] or 1
    address = f'https://localhost:{other}/upload?authtoken=canary-of-the-upload'
    cloud.faults.add(service='graph', path='createUploadSession', times=None, replace=[['uploadUrl'], address])
    text = error_of(environment, 'send-mail', **BY_NAME['send-mail, upload'].args(environment))
    assert text.startswith(SAYS[peer].format(host=f'Microsoft Graph at localhost:{other}')), text
    assert 'canary' not in text


@pytest.mark.parametrize(
    'proxy, says',
    [
        ('http://u:p%40ssword@', 'or that of the proxy, is not valid.'),
        ('http://user:pass-word@[::1', 'is not valid.'),
        ('http://user:pass-word@127.0.0.1:1', 'Could not connect to the proxy'),
        ('user:pass-word@127.0.0.1:1', 'Could not connect to the proxy'),
        ('http://user:pass-word@host name:99', 'the proxy settings'),
        ('ftp://user:pass-word@127.0.0.1:1', ''),
    ],
)
def test_a_wrong_proxy_is_named_and_its_password_is_not_shown(
    environment: FaultEnvironment, monkeypatch: pytest.MonkeyPatch, proxy: str, says: str
) -> None:
    monkeypatch.setenv('HTTPS_PROXY', proxy)
    monkeypatch.setenv('no_proxy', '')
    environment.params['proxy'] = True
    result = environment.run('msgraph-mail-list-folders', {})
    [text] = result.error_texts
    assert says in text
    assert not [password for password in ('p%40ssword', 'p@ssword', 'pass-word') if password in result.shown]
