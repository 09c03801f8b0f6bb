"""Fixtures of the tests of the local Microsoft cloud."""

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.entra.model import Application, User
from sandbox.tests.microsoft.clients import Visit, Wire


@pytest.fixture
def wire(cloud: MicrosoftCloud) -> Wire:
    """A bare HTTP client."""
    return Wire(cloud)


@pytest.fixture
def visit(cloud: MicrosoftCloud, wire: Wire) -> Visit:
    """A visit of the application ``web``."""
    return Visit(cloud, wire)


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
