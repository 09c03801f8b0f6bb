"""Mailboxes of the sandbox, and a client of Ada's."""

import pytest

from conformance.signed_in import SignedIn, client_of
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox


@pytest.fixture
def adas(cloud: MicrosoftCloud) -> Mailbox:
    """The mailbox that tests send from."""
    return cloud.mailbox('ada@contoso.example')


@pytest.fixture
def bobs(cloud: MicrosoftCloud) -> Mailbox:
    """The mailbox that tests send to."""
    return cloud.mailbox('bob@contoso.example')


@pytest.fixture
def mail(cloud: MicrosoftCloud, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> GraphMailClient:
    """A client of an instance that is signed in as an application, in Ada's mailbox."""
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    signed_in.start(monkeypatch)
    return client_of(cloud, GraphMailClient)
