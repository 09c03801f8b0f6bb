"""Fixtures of the tests of the token cache."""

import pytest

import demistomock as demisto
from conformance.token_cache.processes import processes

__all__ = ['processes']


@pytest.fixture(params=[False, True], ids=['numbers', 'objects'])
def each_form_of_versions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with each form of the versions of the context. Others run with one of the two."""
    monkeypatch.setattr(demisto, 'versions_are_objects', request.param)
