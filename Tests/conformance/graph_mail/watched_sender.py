"""A sender for Ada's mailbox in the sandbox that checks its requests against Microsoft's rules, and loses responses on demand."""

import json
from typing import Any

import pytest
import requests

from conformance.signed_in import SignedIn, client_of
from MicrosoftCoreApiModule import SystemClock
from MicrosoftGraphMailClientApiModule import GraphMailClient
from MicrosoftGraphMailSendApiModule import MAX_REQUEST_SIZE, MailSender
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.schema import Schema

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'
MEGABYTE = 1_000_000
UPLOADS = 'AttachmentSessions'
ACTIONS = {
    'send': 'message',
    'sendMail': 'user',
    'createUploadSession': 'Collection(attachment)',
    'createReply': 'message',
    'createReplyAll': 'message',
    'createForward': 'message',
}


class NoWaiting(SystemClock):
    """Record waits instead of waiting."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def elapsed(self) -> float:
        return super().elapsed() + sum(self.waits)


class WatchedClient(GraphMailClient):
    """Check every body that is sent against Microsoft's schema, and every upload against its rules.

    Attributes:
        sent: method and end of the path of each request.
        lost_response: method and end of the path of a request whose response is lost once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock: NoWaiting = NoWaiting()  # type: ignore[assignment]
        self.sent: list[tuple[str, str]] = []
        self.lost_response: tuple[str, str] | None = None

    def _send_once(  # type: ignore[override]
        self,
        method: str,
        url_suffix: str = '',
        full_url: str | None = None,
        **kwargs: Any,
    ) -> Any:
        url = full_url or url_suffix
        self.sent.append((method, url.rpartition('/')[2]))
        body, action = kwargs.get('json_data'), url.rpartition('/')[2]
        if UPLOADS in url:
            assert 'Authorization' not in kwargs['headers']
            assert len(kwargs.get('data') or b'') < 4 * MEGABYTE
        elif body is not None:
            assert len(json.dumps(body, ensure_ascii=False).encode()) <= MAX_REQUEST_SIZE
            kind = 'message' if method == 'PATCH' else {'messages': 'message', 'attachments': 'attachment'}.get(action, '')
            problems = (
                Schema.load().problems(kind, body, is_request=True)
                if kind
                else Schema.load().action_problems(action, ACTIONS[action], body)
            )
            assert problems == []
        response = super()._send_once(method=method, url_suffix=url_suffix, full_url=full_url, **kwargs)
        if self.lost_response and (method, True) == (self.lost_response[0], action.startswith(self.lost_response[1])):
            self.lost_response = None
            raise requests.exceptions.ConnectionError('The response was lost.')
        return response

    def count(self, method: str, end: str) -> int:
        return sum(one[0] == method and one[1].startswith(end) for one in self.sent)


class WatchedSender(MailSender):
    def __init__(self, client: WatchedClient) -> None:
        super().__init__(client.mailbox)
        self.client = client


@pytest.fixture
def sender(cloud: MicrosoftCloud, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> WatchedSender:
    """Return a sender of an instance that is signed in as an application. No mail is too large for the mailboxes."""
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', cloud.ca_file)
    signed_in.start(monkeypatch)
    for address in (ADA, BOB):
        cloud.mailbox(address).message_limit = 500 * 1024 * 1024
    return WatchedSender(client_of(cloud, WatchedClient))
