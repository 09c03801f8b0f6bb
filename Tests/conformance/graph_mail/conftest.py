"""A client of Ada's mailbox in the sandbox."""

import pytest

from conformance.signed_in import SignedIn, client_of
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud


@pytest.fixture
def mail(cloud: MicrosoftCloud, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> GraphMailClient:
    """A client of an instance that is signed in as an application, in Ada's mailbox."""
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    signed_in.start(monkeypatch)
    return client_of(cloud, GraphMailClient)
