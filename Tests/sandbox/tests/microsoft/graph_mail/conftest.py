"""Fixtures of the tests of the mailboxes."""

import pytest

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.tests.microsoft.clients import HttpClient
from sandbox.tests.microsoft.graph_mail.graph_client import ADA, BOB, GraphClient


@pytest.fixture
def graph(cloud: MicrosoftCloud, http: HttpClient) -> GraphClient:
    """A client that acts as an application, in Ada's mailbox."""
    return GraphClient(cloud, http.application_token().json()['access_token'])


@pytest.fixture
def mailbox(cloud: MicrosoftCloud) -> Mailbox:
    """Ada's mailbox, from inside."""
    return cloud.mailbox(ADA)


@pytest.fixture
def bobs(cloud: MicrosoftCloud) -> Mailbox:
    """Bob's mailbox, from inside."""
    return cloud.mailbox(BOB)
