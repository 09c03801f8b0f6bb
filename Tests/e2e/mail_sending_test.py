"""Each command that sends, run by the server, with files out of the war room; tests are named after the commands."""

import os
from email import message_from_bytes, policy

from e2e import mailbox_test
from e2e.desk import BOB, COMMANDS, Desk, command_of
from sandbox.microsoft.graph_mail.model import FileAttachment, Message

SMALL, LARGE = os.urandom(70_000), os.urandom(5_000_001)
# What has to do with signing in has stories of its own.
SIGN_IN_COMMANDS = {
    'msgraph-mail-auth-start',
    'msgraph-mail-auth-complete',
    'msgraph-mail-auth-test',
    'msgraph-mail-auth-reset',
    'msgraph-mail-generate-login-url',
    'msgraph-mail-test',
}


def files_of(message: Message) -> dict[str | None, bytes]:
    """The files of a message, by name."""
    return {one.name: one.content.read() for one in message.attachments if isinstance(one, FileAttachment)}


def newest(desk: Desk, address: str = BOB) -> Message:
    """What arrived last in somebody's inbox."""
    return desk.messages('inbox', address)[0]


def test_send_mail(desk: Desk) -> None:
    """A small file, one that takes an upload session, and a picture that the HTML shows."""
    small, large, logo = desk.upload('small.bin', SMALL), desk.upload('large.bin', LARGE), desk.upload('logo.png', b'PNG')
    desk.run(
        'send-mail',
        to=BOB,
        subject='Files',
        htmlBody='<img src="cid:logo">',
        attachIDs=f'{small},{large},{logo}',
        attachNames='s.bin,l.bin,logo.png',
        attachCIDs=',,logo',
    )
    sent = newest(desk)
    assert files_of(sent) == {'s.bin': SMALL, 'l.bin': LARGE, 'logo.png': b'PNG'}
    assert [one.name for one in sent.attachments if one.is_inline] == ['logo.png']
    assert [message.immutable_id for message in desk.messages('sentitems')] == [desk.context('MicrosoftGraph')['Email']['ID']]


def test_text_and_html_are_both_sent_when_both_are_given(desk: Desk) -> None:
    small, large = desk.upload('small.bin', SMALL), desk.upload('large.bin', LARGE)
    desk.run(
        'send-mail',
        to=BOB,
        subject='Both',
        body='Sée = it',
        htmlBody='<p>Sée = <b>it</b></p>',
        headers='x-a:b: c, d',
        attachIDs=f'{small},{large}',
        flag='flagged',
        importance='High',
        replyTo='desk@contoso.example',
    )
    desk.run('msgraph-mail-get-email-as-eml', message_id=newest(desk).immutable_id, user_id=BOB)
    [received] = desk.files().values()
    mime = message_from_bytes(received, policy=policy.default)
    parts = {part.get_content_type(): part for part in mime.walk() if not part.is_attachment()}  # type: ignore[attr-defined]
    assert 'multipart/alternative' in parts
    assert [parts[kind].get_content().strip() for kind in ('text/plain', 'text/html')] == ['Sée = it', '<p>Sée = <b>it</b></p>']
    assert [mime[name] for name in ('x-a', 'Importance', 'Reply-To', 'Subject')] == [
        'b: c, d',
        'high',
        'desk@contoso.example',
        'Both',
    ]
    assert files_of(newest(desk)) == {'small.bin': SMALL, 'large.bin': LARGE}
    [kept] = desk.messages('sentitems')
    assert kept.flag.status == 'flagged'


def test_msgraph_mail_create_draft(desk: Desk) -> None:
    desk.run('msgraph-mail-create-draft', to=BOB, subject='Later', body='a < b', attach_ids=desk.upload('small.bin', SMALL))
    [draft] = desk.messages('drafts')
    assert (draft.plain, files_of(draft)) == ('a < b', {'small.bin': SMALL})
    assert desk.context('MicrosoftGraph')['Draft']['ID'] == draft.immutable_id


def test_msgraph_mail_send_draft(desk: Desk) -> None:
    desk.run('msgraph-mail-create-draft', to=BOB, subject='Now')
    desk.run('msgraph-mail-send-draft', draft_id=desk.context('MicrosoftGraph')['Draft']['ID'])
    assert (newest(desk).subject, desk.messages('drafts')) == ('Now', [])


def test_reply_mail(desk: Desk) -> None:
    letter = desk.letter('Status?')
    desk.run(
        'reply-mail',
        to=BOB,
        subject='Status?',
        inReplyTo=letter.immutable_id,
        body='Well.',
        attachIDs=desk.upload('large.bin', LARGE),
    )
    answer = newest(desk)
    assert (answer.subject, answer.conversation_id) == ('Re: Status?', letter.conversation_id)
    assert files_of(answer) == {'large.bin': LARGE}
    assert desk.context('MicrosoftGraph')['SentMail']['ID'] == desk.messages('sentitems')[0].immutable_id


def test_msgraph_mail_reply_to(desk: Desk) -> None:
    letter = desk.letter('Status?', plain='How is it?')
    desk.run(
        'msgraph-mail-reply-to',
        to=BOB,
        message_id=letter.immutable_id,
        comment='Fine.',
        attach_ids=desk.upload('small.bin', SMALL),
    )
    answer = newest(desk)
    assert 'Fine.' in answer.text
    assert 'How is it?' in answer.text
    assert files_of(answer) == {'small.bin': SMALL}


def test_msgraph_mail_reply_all(desk: Desk) -> None:
    letter = desk.letter('Status?')
    letter.cc.append(desk.cloud.mailbox(BOB).owner)
    desk.run('msgraph-mail-reply-all', message_id=letter.immutable_id, comment='To all.')
    assert 'To all.' in newest(desk).text


def test_msgraph_mail_forward(desk: Desk) -> None:
    letter = desk.letter('Look')
    desk.mailbox.attach_file(letter, 'given.bin', SMALL)
    desk.run(
        'msgraph-mail-forward', to=BOB, message_id=letter.immutable_id, comment='See.', attach_ids=desk.upload('own.bin', b'own')
    )
    assert files_of(newest(desk)) == {'given.bin': SMALL, 'own.bin': b'own'}


def test_no_command_of_the_yml_is_without_such_a_test() -> None:
    tested = {command_of(name) for name in (*vars(mailbox_test), *globals()) if name.startswith('test_')}
    assert tested & COMMANDS == COMMANDS - SIGN_IN_COMMANDS
