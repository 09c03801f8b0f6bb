"""The times that Graph tells: of the mailbox, of its mails, of its answers."""

from email.utils import parsedate_to_datetime

from sandbox.microsoft.clock import graph_timestamp
from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Attachment, EmailAddress, FileAttachment, Message
from sandbox.tests.microsoft.graph_mail.graph_client import BOB, IMMUTABLE, GraphClient

ZOE = EmailAddress('Zoë', 'zoe@partner.example')
DAY = 24 * 3600.0
TIMES = 'createdDateTime,lastModifiedDateTime,receivedDateTime,sentDateTime'


def set_clock(cloud: MicrosoftCloud) -> float:
    """Stop the clock half an hour ahead of the machine's, so that no test passes by accident; return its time."""
    cloud.clock.stop()
    cloud.clock.advance(1800)
    return cloud.clock.now()


def times(graph: GraphClient, message: Message) -> dict[str, str]:
    shown = graph.get(f'/messages/{message.immutable_id}?$select={TIMES}')
    return {name: shown[name] for name in TIMES.split(',')}


def test_a_mail_that_was_held_up_is_created_when_it_enters_the_mailbox(
    graph: GraphClient, mailbox: Mailbox, cloud: MicrosoftCloud
) -> None:
    now = set_clock(cloud)
    late = mailbox.deliver(Message('Late', ZOE, now - 2 * DAY, sent=now - 3 * DAY))
    assert times(graph, late) == {
        'createdDateTime': graph_timestamp(now),
        'lastModifiedDateTime': graph_timestamp(now),
        'receivedDateTime': graph_timestamp(now - 2 * DAY),
        'sentDateTime': graph_timestamp(now - 3 * DAY),
    }


def test_moves_and_changes_are_modifications_and_copies_are_created(
    graph: GraphClient, mailbox: Mailbox, cloud: MicrosoftCloud
) -> None:
    entered = set_clock(cloud)
    message = mailbox.deliver(Message('Restless', ZOE, entered - DAY))
    steps = (
        lambda: mailbox.move(message, 'archive'),
        lambda: mailbox.delete(message),
        lambda: mailbox.restore(message),
        lambda: mailbox.touch(message),
    )
    for number, step in enumerate(steps, 1):
        cloud.clock.advance(60)
        step()
        shown = times(graph, message)
        assert shown['createdDateTime'] == graph_timestamp(entered)
        assert shown['lastModifiedDateTime'] == graph_timestamp(entered + 60 * number)
    copy = times(graph, mailbox.copy(message, 'archive'))
    assert copy['createdDateTime'] == copy['lastModifiedDateTime'] == graph_timestamp(entered + 240)
    assert copy['receivedDateTime'] == graph_timestamp(entered - DAY)


def test_what_was_delivered_long_ago_can_be_put_in_its_place(graph: GraphClient, mailbox: Mailbox, cloud: MicrosoftCloud) -> None:
    now = set_clock(cloud)
    old = mailbox.deliver(Message('Old', ZOE, now - DAY), at=now - DAY + 5)
    shown = times(graph, old)
    assert shown['createdDateTime'] == shown['lastModifiedDateTime'] == graph_timestamp(now - DAY + 5)


def test_a_sent_mail_enters_the_other_mailbox_now(graph: GraphClient, bobs: Mailbox, cloud: MicrosoftCloud) -> None:
    now = set_clock(cloud)
    graph.post('/sendMail', {'message': {'subject': 'Hi', 'toRecipients': [{'emailAddress': {'address': BOB}}]}}, status=202)
    received = next(one for one in bobs.messages() if one.subject == 'Hi')
    assert set(times(graph.of(BOB), received).values()) == {graph_timestamp(now)}


def test_attachments_have_the_time_of_the_mailbox(graph: GraphClient, mailbox: Mailbox, cloud: MicrosoftCloud) -> None:
    now = set_clock(cloud)
    brought: list[Attachment] = [FileAttachment(name='a', content=Content(b'a'))]
    message = mailbox.deliver(Message('With files', ZOE, now - DAY, attachments=brought))
    mailbox.attach_file(message, 'b', b'b')
    shown = graph.get(f'/messages/{message.immutable_id}/attachments')['value']
    assert [one['lastModifiedDateTime'] for one in shown] == [graph_timestamp(now)] * 2


def test_answers_are_dated_by_the_clock_of_the_cloud(graph: GraphClient, cloud: MicrosoftCloud) -> None:
    now = set_clock(cloud)
    cloud.faults.add(service='graph', path='drafts', status=503)
    for path in ('/messages', '/messages/abc', '/mailFolders/drafts'):
        answer = graph.request('GET', path, **IMMUTABLE)
        assert parsedate_to_datetime(answer.headers['Date']).timestamp() == int(now)


def test_a_stopped_clock_stands_until_it_is_moved_or_reset(cloud: MicrosoftCloud) -> None:
    now = set_clock(cloud)
    cloud.clock.advance(0.5)
    assert cloud.clock.now() == cloud.clock.now() == now + 0.5
    cloud.clock.reset()
    begun = cloud.clock.now()
    while cloud.clock.now() == begun:
        pass
    assert begun < now
