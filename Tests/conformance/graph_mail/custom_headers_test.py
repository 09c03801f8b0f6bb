"""Custom headers of replies that Graph ignores: a draft cannot get them later, so nothing is sent without them.

Source: microsoftgraph/microsoft-graph-docs#739
"""

from typing import Any

import pytest

from conformance.graph_mail import watched_sender
from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.watched_sender import BOB, WatchedSender
from MicrosoftGraphClientApiModule import GraphError
from MicrosoftGraphMailClientApiModule import EmailAddress as Address
from MicrosoftGraphMailSendApiModule import FORWARD, REPLY, REPLY_ALL, OutgoingMail
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

sender = watched_sender.sender
HEADERS = [('X-Case-ID', '4711'), ('x-note', 'Übung')]
IGNORED = 'Microsoft Graph ignored these headers: X-Case-ID, x-note. '


def answer(sender: WatchedSender, adas: Mailbox, how: str, action: str, size: int = 1, **more: Any) -> None:
    received = Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner], html='<p>How is it?</p>' * size)
    question = adas.deliver(received).immutable_id
    getattr(sender, how)(action, question, OutgoingMail(to=[Address(BOB)], headers=HEADERS, **more))


WAYS = [
    ('reply', REPLY),
    ('reply', REPLY_ALL),
    ('reply', FORWARD),
    ('create_reply_draft', REPLY),
    ('create_reply_draft', FORWARD),
]


@pytest.mark.parametrize('how, action', WAYS)
def test_headers_that_graph_ignores_in_a_reply_are_an_error(sender: WatchedSender, adas: Mailbox, how: str, action: str) -> None:
    adas.ignores_reply_messages = True
    with pytest.raises(GraphError) as raised:
        answer(sender, adas, how, action, text='All well.')
    assert str(raised.value) == f'{IGNORED}Remove headers, or send them in a new email.'
    assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


@pytest.mark.parametrize('how, action', WAYS)
def test_headers_that_only_the_mime_of_a_draft_shows_are_there(
    sender: WatchedSender, adas: Mailbox, how: str, action: str
) -> None:
    """As reported of messages of the own organization (microsoft-graph-docs#18761)."""
    adas.hides_internal_headers = True
    answer(sender, adas, how, action, text='All well.')
    [made] = in_folder(adas, 'sentitems' if how == 'reply' else 'drafts')
    assert made.headers == HEADERS


def test_the_headers_of_a_large_email_are_found(sender: WatchedSender, adas: Mailbox) -> None:
    many = [Address(f'{number}{"x" * 50}@contoso.example', f'Doe, {number}{"x" * 60}') for number in range(490)]
    answer(sender, adas, 'create_reply_draft', FORWARD, size=100_000, cc=many)
    [made] = in_folder(adas, 'drafts')
    assert made.headers == HEADERS


def test_without_headers_a_draft_is_not_looked_at(sender: WatchedSender, adas: Mailbox) -> None:
    sender.send(OutgoingMail(to=[Address(BOB)], subject='Plan'))
    assert sender.client.count('GET', '$value') == 0


def test_a_moment_in_which_the_headers_cannot_be_read_passes(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox) -> None:
    cloud.faults.add(service='graph', path=r'/\$value$', status=404)
    cloud.faults.add(service='graph', path=r'/\$value$', status=503)
    cloud.faults.add(service='graph', path=r'/\$value$', reset_mid_body=True)
    answer(sender, adas, 'reply', REPLY, text='All well.')
    assert in_folder(adas, 'sentitems')[0].headers == HEADERS
