"""Drafts of replies, if Graph rejects extended properties for them, which Microsoft documents for other requests only, or ignores
what the message of the request says (microsoftgraph/microsoft-graph-docs#739)."""

from datetime import datetime, timezone
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
ZOE = 'zoe@partner.example'

REPLIES = [(REPLY, 'RE: Status?'), (REPLY_ALL, 'RE: Status?'), (FORWARD, 'FW: Status?')]
TO_BOB = OutgoingMail(to=[Address(BOB)], text='All well.')


@pytest.fixture
def question(adas: Mailbox) -> str:
    """The ID of a mail from Bob to Ada."""
    return adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner])).immutable_id


@pytest.mark.parametrize('action, subject', REPLIES)
def test_a_reply_whose_mark_is_rejected_has_none(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str, action: str, subject: str
) -> None:
    cloud.faults.add(service='graph', path=f'/{action}$', status=400)
    sent_id = sender.reply(action, question, TO_BOB)['id']
    [sent] = in_folder(adas, 'sentitems')
    assert (sent.immutable_id, sent.subject, sent.properties) == (sent_id, subject, {})
    assert 'All well.' in sent.html
    assert [one.subject for one in in_folder(cloud.mailbox(BOB), 'inbox')].count(subject) == 1


def test_a_rejected_reply_is_retried_once(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str) -> None:
    cloud.faults.add(service='graph', path='/createReply$', times=None, status=400)
    with pytest.raises(GraphError, match='400'):
        sender.reply(REPLY, question, TO_BOB)
    assert sender.client.count('POST', 'createReply') == 2
    assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


def test_a_reply_without_a_mark_is_sent_once_even_if_its_draft_is_not_found(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str
) -> None:
    cloud.faults.add(service='graph', path='/createReply$', status=400)
    cloud.faults.add(service='graph', path='/createReply$', reset_mid_body=True)
    sent_id = sender.reply(REPLY, question, TO_BOB)['id']
    assert [one.immutable_id for one in in_folder(adas, 'sentitems')] == [sent_id]
    assert len(in_folder(adas, 'drafts')) == 1  # what nobody could find


@pytest.mark.parametrize('refused', [True, False])
def test_a_reply_is_deferred(sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str, refused: bool) -> None:
    if refused:
        cloud.faults.add(service='graph', path='/createReply$', status=400)
    sender.reply(REPLY, question, OutgoingMail(text='All well.', send_at=datetime(2999, 1, 1, tzinfo=timezone.utc)), quotes=False)
    [waiting] = in_folder(adas, 'drafts')
    assert (waiting.text, waiting.properties['SystemTime 0x3FEF']) == ('All well.', '2999-01-01T00:00:00Z')
    assert [one[0] for one in sender.client.sent if one[0] == 'PATCH'] == ['PATCH']  # Microsoft documents it of a change


ALL: dict[str, Any] = {
    'to': [Address(ZOE)],
    'reply_to': [Address('desk@contoso.example')],
    'subject': 'Mine',
    'importance': 'high',
    'flag': 'flagged',
}


def shown(message: Message) -> list[Any]:
    lists = [[one.address for one in found] for found in (message.to, message.reply_to)]
    return [*lists, message.subject, message.importance, message.flag.status, message.html or message.plain]


@pytest.mark.parametrize('body', [{'text': 'All\nwell.'}, {'html': '<p>All <b>well</b>.</p>'}])
@pytest.mark.parametrize('action', [REPLY, REPLY_ALL])
@pytest.mark.parametrize('is_ignored', [True, False])
def test_what_graph_ignores_of_a_reply_is_changed(
    sender: WatchedSender, adas: Mailbox, question: str, action: str, body: dict[str, str], is_ignored: bool
) -> None:
    adas.ignores_reply_messages = is_ignored
    made = sender.reply(action, question, OutgoingMail(**ALL, **body), quotes=False)
    [sent] = in_folder(adas, 'sentitems')
    assert shown(sent) == [[ZOE], ['desk@contoso.example'], 'Mine', 'high', 'flagged', *body.values()]
    assert made['subject'] == 'Mine'
    assert sender.client.count('PATCH', '') == 1


@pytest.mark.parametrize('action, subject', REPLIES)
@pytest.mark.parametrize('is_ignored', [True, False])
def test_what_graph_ignores_of_a_reply_draft_is_changed(
    sender: WatchedSender, adas: Mailbox, question: str, action: str, subject: str, is_ignored: bool
) -> None:
    adas.ignores_reply_messages = is_ignored
    sender.create_reply_draft(action, question, OutgoingMail(**ALL, text='All well.'))
    [draft] = in_folder(adas, 'drafts')
    assert shown(draft)[:-1] == [[ZOE], ['desk@contoso.example'], 'Mine', 'high', 'flagged']
    assert draft.html.index('All well.') < draft.html.index('Status?')
    assert sender.client.count('PATCH', '') == 1


# What the heading of a quoted message begins with, or an image alone.
LIKE_A_QUOTE = [
    {'text': 'F'},
    {'text': 'From:'},
    {'html': '<p>From</p>'},
    {'html': '<p><img src="https://contoso.example/x.png"></p>'},
]


@pytest.mark.parametrize('body', LIKE_A_QUOTE)
@pytest.mark.parametrize('action', [REPLY, FORWARD])
def test_a_text_that_begins_as_the_quote_does_is_in_the_draft(
    sender: WatchedSender, adas: Mailbox, question: str, body: dict[str, str], action: str
) -> None:
    sender.create_reply_draft(action, question, OutgoingMail(to=[Address(BOB)]))
    sender.create_reply_draft(action, question, OutgoingMail(to=[Address(BOB)], **body))
    without, with_text = sorted((one.html for one in in_folder(adas, 'drafts')), key=len)
    assert len(with_text) >= len(without) + len(next(iter(body.values())))


@pytest.mark.parametrize('body', LIKE_A_QUOTE)
def test_a_text_that_begins_as_the_quote_does_replaces_it(
    sender: WatchedSender, adas: Mailbox, question: str, body: dict[str, str]
) -> None:
    adas.ignores_reply_messages = True
    sender.reply(REPLY, question, OutgoingMail(**body), quotes=False)
    [sent] = in_folder(adas, 'sentitems')
    assert (sent.html or sent.plain) == next(iter(body.values()))
