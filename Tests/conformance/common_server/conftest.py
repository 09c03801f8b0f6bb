"""The platform as it was when the answers were recorded."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import CommonServerPython

demisto = CommonServerPython.demisto


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command gives to the war room."""
    given: list[Any] = []
    monkeypatch.setattr(demisto, 'results', given.append)
    return given


@pytest.fixture
def recorded_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The server, the investigation, the working folder and the time zone of the recording."""
    monkeypatch.setattr(demisto, 'uniqueFile', lambda: 'unique')
    monkeypatch.setattr(demisto, 'investigation', lambda: {'id': 'inv'})
    monkeypatch.chdir(tmp_path)
    zone = os.environ.get('TZ')
    os.environ['TZ'] = 'UTC'
    time.tzset()
    yield
    if zone is None:
        del os.environ['TZ']
    else:
        os.environ['TZ'] = zone
    time.tzset()


@pytest.fixture(autouse=True)
def a_new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins with an empty integration context, on a server of today."""
    monkeypatch.setattr(demisto, 'integrationContext', {})
    monkeypatch.setattr(demisto, 'demistoVersion', lambda: {'version': '6.10.0', 'buildNumber': '12345', 'platform': 'xsoar'})
    monkeypatch.setattr(CommonServerPython.get_demisto_version, '_version', None)
