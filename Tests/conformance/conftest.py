"""What tests share that are not about signing in, nor about connections: a sign-in, and a cloud in the same process."""

import pytest
import requests

from conformance.in_process import InProcess
from conformance.signed_in import signed_in

__all__ = ['signed_in']
# Tests of these see what requests and responses say, and leave to the others what connections do with them.
WITHOUT_CONNECTIONS = tuple(
    f'Tests/conformance/{path}'
    for path in ('fetch/', 'graph_mail/', 'unified/', 'field_reports/commands_', 'field_reports/fetch_')
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cloud need no proxy: requests searches all variables for proxies, twice per request, unless they say so."""
    monkeypatch.setenv('no_proxy', 'localhost,127.0.0.1')


@pytest.fixture(autouse=True)
def _without_connections(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cloud answer in this process."""
    if request.node.nodeid.startswith(WITHOUT_CONNECTIONS) and 'microsoft_cloud' in request.fixturenames:
        transport = InProcess(request.getfixturevalue('microsoft_cloud'))
        monkeypatch.setattr(requests.Session, 'get_adapter', lambda _session, url: transport)
