"""Pytest fixtures: one local cloud for the whole run, brought back to its beginning before each test, and an empty mailbox."""

from collections.abc import Iterator

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox


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


@pytest.fixture
def empty_mailbox(cloud: MicrosoftCloud) -> Mailbox:
    """Ada's mailbox, without the mails that were there."""
    mailbox = cloud.mailbox('ada@contoso.example')
    for message in mailbox.messages():
        mailbox.remove(message)
    return mailbox
