"""Fixtures and markers of the whole test suite, which runs on the platform's real CommonServerPython too.

``COMMON_SERVER_PYTHON=<its folder> make test``
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.fixtures import cloud, empty_mailbox, microsoft_cloud

__all__ = ['cloud', 'empty_mailbox', 'microsoft_cloud']
# What the tests of a folder are marked as. A test that makes up histories is marked as property too, where it is.
MARKERS = {
    'Packs': 'unit',
    'Tests/mutants': 'unit',
    'Tests/conformance': 'contract',
    'Tests/sandbox': 'standin',
    'Tests/e2e': 'e2e',
    'Tests/setup': 'e2e',
    'Tests/benchmarks': 'e2e',
}
FOLDER = os.environ.get('COMMON_SERVER_PYTHON')
if FOLDER:
    # absolute, since commands run as processes of their own in other working folders; first, so that it wins over the stub
    FOLDER = os.environ['COMMON_SERVER_PYTHON'] = str(Path(FOLDER).resolve())
    sys.path.insert(0, FOLDER)


def pytest_configure(config: pytest.Config) -> None:
    if FOLDER and not Path(FOLDER, 'CommonServerPython.py').is_file():
        raise pytest.UsageError(f'There is no CommonServerPython.py in {FOLDER}: let COMMON_SERVER_PYTHON name its folder.')
    if getattr(config, 'workerinput', {}).get('is_measured'):
        measured = coverage.Coverage(data_suffix=True)
        measured.start()
        config.add_cleanup(measured.save)
        config.add_cleanup(measured.stop)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let the workers of pytest-xdist measure coverage if this process does (``coverage run -m pytest -n 2``)."""
    node.workerinput['is_measured'] = coverage.Coverage.current() is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and begin with what takes longest, so that no worker waits for it in the end."""
    for item in items:
        folder = item.path.relative_to(item.config.rootpath).as_posix()
        markers = [marker for name, marker in MARKERS.items() if folder.startswith(f'{name}/')]
        if not markers:
            raise pytest.UsageError(f'{folder} has no marker: add its folder to MARKERS in conftest.py.')
        item.add_marker(markers[0])
    items.sort(key=lambda item: item.get_closest_marker('property') is None)


@pytest.fixture(autouse=True)
def forgotten_secrets() -> Iterator[None]:
    """What a test has the platform mask, and what it logs, is not there in the next one."""
    yield
    if 'CommonServerPython' in sys.modules:
        log = sys.modules['CommonServerPython'].LOG
        log.replace_strs, log.messages = [], []


@pytest.fixture
def mail(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a new instance that acts as an application in Ada's mailbox."""
    import demistomock as demisto
    from MicrosoftGraphMailSendApiModule import AzureCloud, AzureCloudEndpoints, ClientSecretCredential, GraphMailSender

    monkeypatch.setattr(demisto, 'integrationContext', {})
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    daemon = cloud.directory.application('daemon')
    custom = AzureCloud('Local', 'com', AzureCloudEndpoints(cloud.authority, cloud.graph, ''))
    credential = ClientSecretCredential(cloud.authority, 'contoso.example', daemon.client_id, daemon.secret)
    return GraphMailSender('ada@contoso.example', custom, credential=credential)
