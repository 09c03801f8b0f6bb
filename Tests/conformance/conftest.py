"""The sign-in that tests share which are not about signing in."""

import pytest

from conformance.signed_in import signed_in

__all__ = ['signed_in']


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cloud need no proxy: requests searches all variables for proxies, twice per request, unless they say so."""
    monkeypatch.setenv('no_proxy', 'localhost,127.0.0.1')
