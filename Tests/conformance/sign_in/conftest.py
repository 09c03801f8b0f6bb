"""The workbench of each row."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from MicrosoftCredentialsApiModule import AzureArc

pytest.register_assert_rewrite('conformance.sign_in.running', 'conformance.sign_in.workbench')

from conformance.sign_in.recording_proxy import RecordingProxy  # noqa: E402
from conformance.sign_in.workbench import Workbench  # noqa: E402 - after the registration of its assertions
from sandbox.microsoft import MicrosoftCloud  # noqa: E402

HOST_VARIABLES = (
    'IDENTITY_ENDPOINT',
    'IDENTITY_HEADER',
    'IMDS_ENDPOINT',
    'AZURE_POD_IDENTITY_AUTHORITY_HOST',
    'IDENTITY_SERVER_THUMBPRINT',
    'AZURE_FEDERATED_TOKEN_FILE',
    *(f'AZURE_KUBERNETES_{name}' for name in ('TOKEN_PROXY', 'SNI_NAME', 'CA_FILE', 'CA_DATA')),
)


@pytest.fixture(scope='session')
def proxy() -> Iterator[RecordingProxy]:
    """One proxy for the whole run."""
    with RecordingProxy() as proxy:
        yield proxy


@pytest.fixture
def workbench(cloud: MicrosoftCloud, proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workbench:
    """A fresh sandbox, an instance that has not run yet, and an engine that trusts the sandbox's certificates."""
    for name in [*HOST_VARIABLES, *(name for name in os.environ if name.lower().endswith('_proxy'))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    # Only root can create the real folder of Arc's key files.
    monkeypatch.setattr(AzureArc, 'KEY_FOLDER', str(tmp_path))
    cloud.arc_keys.folder = tmp_path
    proxy.passed.clear()
    return Workbench(cloud, proxy, tmp_path, monkeypatch)
