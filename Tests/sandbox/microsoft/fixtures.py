"""Pytest fixtures: one local cloud for the whole run, brought back to its beginning before each test."""
from collections.abc import Iterator

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud


@pytest.fixture(scope='session')
def microsoft_cloud() -> Iterator[MicrosoftCloud]:
    """The cloud of this run, with whatever earlier tests left in it."""
    with MicrosoftCloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(microsoft_cloud: MicrosoftCloud) -> MicrosoftCloud:
    """A cloud in which nothing has happened yet."""
    microsoft_cloud.reset()
    return microsoft_cloud
