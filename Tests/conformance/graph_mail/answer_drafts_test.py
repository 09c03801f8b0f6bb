"""Drafts of answers, where Graph takes no extended properties with them: Microsoft documents these for other requests only."""

from datetime import datetime, timezone

import pytest

from conformance.graph_mail import watched_sender
from conformance.graph_mail.watched_sender import ADA, BOB, WatchedSender
from MicrosoftGraphMailClientApiModule import EmailAddress as Address
from MicrosoftGraphMailClientApiModule import GraphError
from MicrosoftGraphMailSendApiModule import FORWARD, REPLY, REPLY_ALL, OutgoingMail
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import EmailAddress, Message

sender = watched_sender.sender

ANSWERS = [(REPLY, 'RE: Status?'), (REPLY_ALL, 'RE: Status?'), (FORWARD, 'FW: Status?')]
TO_BOB = OutgoingMail(to=[Address(BOB)])


@pytest.fixture
def adas(cloud: MicrosoftCloud) -> Mailbox:
    return cloud.mailbox(ADA)


@pytest.fixture
def question(adas: Mailbox) -> str:
    """The ID of a mail of Bob to Ada."""
    return adas.deliver(Message('Status?', EmailAddress('Bob', BOB), adas.now(), to=[adas.owner])).immutable_id


def in_folder(mailbox: Mailbox, name: str) -> list[Message]:
    folder = mailbox.folder(name)
    assert folder
    return mailbox.messages(folder.folder_id)


@pytest.mark.parametrize('action, subject', ANSWERS)
def test_an_answer_whose_mark_is_refused_goes_without(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str, action: str, subject: str
) -> None:
    cloud.faults.add(service='graph', path=f'/{action}$', status=400)
    sent_id = sender.reply(action, question, TO_BOB, comment='All well.')
    [sent] = in_folder(adas, 'sentitems')
    assert (sent.immutable_id, sent.subject, sent.properties) == (sent_id, subject, {})
    assert 'All well.' in sent.html
    assert [one.subject for one in in_folder(cloud.mailbox(BOB), 'inbox')].count(subject) == 1


def test_an_answer_that_is_refused_for_what_it_is_is_tried_once_more_only(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str
) -> None:
    cloud.faults.add(service='graph', path='/createReply$', times=None, status=400)
    with pytest.raises(GraphError, match='400'):
        sender.reply(REPLY, question, TO_BOB, comment='All well.')
    assert sender.client.count('POST', 'createReply') == 2
    assert in_folder(adas, 'drafts') == in_folder(adas, 'sentitems') == []


def test_an_answer_without_a_mark_is_sent_once_though_nothing_tells_of_its_draft(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str
) -> None:
    cloud.faults.add(service='graph', path='/createReply$', status=400)
    cloud.faults.add(service='graph', path='/createReply$', reset_mid_body=True)
    sent_id = sender.reply(REPLY, question, TO_BOB, comment='All well.')
    assert [one.immutable_id for one in in_folder(adas, 'sentitems')] == [sent_id]
    assert len(in_folder(adas, 'drafts')) == 1  # what nobody could find


@pytest.mark.parametrize('refused', [True, False])
def test_an_answer_waits_for_its_time_all_the_same(
    sender: WatchedSender, cloud: MicrosoftCloud, adas: Mailbox, question: str, refused: bool
) -> None:
    if refused:
        cloud.faults.add(service='graph', path='/createReply$', status=400)
    sender.reply(REPLY, question, OutgoingMail(text='All well.', send_at=datetime(2999, 1, 1, tzinfo=timezone.utc)))
    [waiting] = in_folder(adas, 'outbox')
    assert (waiting.text, waiting.properties['SystemTime 0x3FEF']) == ('All well.', '2999-01-01T00:00:00Z')
    assert [one[0] for one in sender.client.sent if one[0] == 'PATCH'] == ['PATCH']  # Microsoft documents it of a change
