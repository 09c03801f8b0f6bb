"""Fixtures of the tests of the local Microsoft cloud."""

import time

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, User
from sandbox.tests.microsoft.clients import HttpClient, WebAppClient


@pytest.fixture
def http(cloud: MicrosoftCloud) -> HttpClient:
    """A bare HTTP client."""
    return HttpClient(cloud)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that services wait."""
    found: list[float] = []
    sleep = time.sleep

    def record(seconds: float) -> None:
        found.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, 'sleep', record)
    return found


@pytest.fixture
def web_app(cloud: MicrosoftCloud, http: HttpClient) -> WebAppClient:
    """A web_app of the application ``web``."""
    return WebAppClient(cloud, http)


@pytest.fixture
def daemon(cloud: MicrosoftCloud) -> Application:
    """The application that acts as itself."""
    return cloud.directory.application('daemon')


@pytest.fixture
def web(cloud: MicrosoftCloud) -> Application:
    """The application that people sign in to."""
    return cloud.directory.application('web')


@pytest.fixture
def ada(cloud: MicrosoftCloud) -> User:
    return cloud.directory.user('ada@contoso.example')
