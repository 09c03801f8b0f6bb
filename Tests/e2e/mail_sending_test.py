"""Each sending command, run by the server, with files from the War Room."""

import os
from email import message_from_bytes, policy

from e2e.analyst import BOB, Analyst
from sandbox.microsoft.graph_mail.model import FileAttachment, Message

SMALL, LARGE = os.urandom(70_000), os.urandom(5_000_001)


def files_of(message: Message) -> dict[str | None, bytes]:
    """Return the files of a message by name."""
    return {one.name: one.content.read() for one in message.attachments if isinstance(one, FileAttachment)}


def newest(analyst: Analyst, address: str = BOB) -> Message:
    """Return the newest message in an inbox."""
    return analyst.messages('inbox', address)[0]


def test_send_mail(analyst: Analyst) -> None:
    """A small file, one that needs an upload session, and an inline image."""
    small, large, logo = (
        analyst.upload('small.bin', SMALL),
        analyst.upload('large.bin', LARGE),
        analyst.upload('logo.png', b'PNG'),
    )
    analyst.run(
        'send-mail',
        to=BOB,
        subject='Files',
        htmlBody='<img src="cid:logo">',
        attachIDs=f'{small},{large},{logo}',
        attachNames='s.bin,l.bin,logo.png',
        attachCIDs=',,logo',
    )
    sent = newest(analyst)
    assert files_of(sent) == {'s.bin': SMALL, 'l.bin': LARGE, 'logo.png': b'PNG'}
    assert [one.name for one in sent.attachments if one.is_inline] == ['logo.png']
    assert [message.immutable_id for message in analyst.messages('sentitems')] == [
        analyst.context('MicrosoftGraph')['Email']['ID']
    ]


def test_of_two_bodies_the_html_is_sent(analyst: Analyst) -> None:
    small, large = analyst.upload('small.bin', SMALL), analyst.upload('large.bin', LARGE)
    analyst.run(
        'send-mail',
        to=BOB,
        subject='Both',
        body='Not sent',
        htmlBody='<p>Sée = <b>it</b></p>',
        headers='x-a:b: c, d',
        attachIDs=f'{small},{large}',
        flag='flagged',
        importance='High',
        replyTo='analyst@contoso.example',
    )
    analyst.run('msgraph-mail-get-email-as-eml', message_id=newest(analyst).immutable_id, user_id=BOB)
    [received] = analyst.files().values()
    mime = message_from_bytes(received, policy=policy.default)
    parts = {part.get_content_type(): part for part in mime.walk() if not part.is_attachment()}  # type: ignore[attr-defined]
    assert 'multipart/alternative' in parts
    assert [parts[kind].get_content().strip() for kind in ('text/plain', 'text/html')] == ['Sée = it', '<p>Sée = <b>it</b></p>']
    assert [mime[name] for name in ('x-a', 'Importance', 'Reply-To', 'Subject')] == [
        'b: c, d',
        'high',
        'analyst@contoso.example',
        'Both',
    ]
    assert files_of(newest(analyst)) == {'small.bin': SMALL, 'large.bin': LARGE}
    [kept] = analyst.messages('sentitems')
    assert kept.flag.status == 'flagged'


def test_msgraph_mail_create_draft(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-create-draft', to=BOB, subject='Later', body='a < b', attach_ids=analyst.upload('small.bin', SMALL))
    [draft] = analyst.messages('drafts')
    assert (draft.plain, files_of(draft)) == ('a < b', {'small.bin': SMALL})
    assert analyst.context('MicrosoftGraph')['Draft']['ID'] == draft.immutable_id


def test_msgraph_mail_send_draft(analyst: Analyst) -> None:
    analyst.run('msgraph-mail-create-draft', to=BOB, subject='Now')
    analyst.run('msgraph-mail-send-draft', draft_id=analyst.context('MicrosoftGraph')['Draft']['ID'])
    assert (newest(analyst).subject, analyst.messages('drafts')) == ('Now', [])


def test_reply_mail(analyst: Analyst) -> None:
    message = analyst.receive('Status?')
    analyst.run(
        'reply-mail',
        to=BOB,
        subject='Status?',
        inReplyTo=message.immutable_id,
        body='Well.',
        attachIDs=analyst.upload('large.bin', LARGE),
    )
    answer = newest(analyst)
    assert (answer.subject, answer.conversation_id) == ('Re: Status?', message.conversation_id)
    assert files_of(answer) == {'large.bin': LARGE}
    assert analyst.context('MicrosoftGraph')['SentMail']['ID'] == analyst.messages('sentitems')[0].immutable_id


def test_msgraph_mail_reply_to(analyst: Analyst) -> None:
    message = analyst.receive('Status?', plain='How is it?')
    analyst.run(
        'msgraph-mail-reply-to',
        to=BOB,
        message_id=message.immutable_id,
        comment='Fine.',
        attach_ids=analyst.upload('small.bin', SMALL),
    )
    answer = newest(analyst)
    assert 'Fine.' in answer.text
    assert 'How is it?' in answer.text
    assert files_of(answer) == {'small.bin': SMALL}


def test_msgraph_mail_reply_all(analyst: Analyst) -> None:
    message = analyst.receive('Status?')
    message.cc.append(analyst.cloud.mailbox(BOB).owner)
    analyst.run('msgraph-mail-reply-all', message_id=message.immutable_id, comment='To all.')
    assert 'To all.' in newest(analyst).text


def test_msgraph_mail_forward(analyst: Analyst) -> None:
    message = analyst.receive('Look')
    analyst.mailbox.attach_file(message, 'given.bin', SMALL)
    analyst.run(
        'msgraph-mail-forward',
        to=BOB,
        message_id=message.immutable_id,
        comment='See.',
        attach_ids=analyst.upload('own.bin', b'own'),
    )
    assert files_of(newest(analyst)) == {'given.bin': SMALL, 'own.bin': b'own'}
