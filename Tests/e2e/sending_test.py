"""Commands that send, run by the server: what one person sends lies in the other one's mailbox."""
import json

from e2e.war_room import WarRoom, eventually, texts
from sandbox.demo import ways
from sandbox.demo.administrator import Administrator
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.mail.model import EmailAddress, Message

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'


def subjects(cloud: MicrosoftCloud, address: str, folder: str = 'inbox') -> list[str]:
    found = cloud.mailbox(address).folder(folder)
    assert found
    return [message.subject for message in cloud.mailbox(address).messages(found.folder_id)]


def test_every_command_that_sends(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    mailbox = cloud.mailbox(ADA)
    question = mailbox.deliver(Message('Status?', EmailAddress('Bob', BOB), mailbox.now(), to=[mailbox.owner]))
    administrator.add_instance('Sender', ways.client_secret(cloud))

    def run(command: str) -> None:
        administrator.run(f'!{command}', 'Sender')

    run(f'send-mail to={BOB} subject="Mail" htmlBody="<img src=\'data:image/png;base64,UE5H\'>" headers="x-a:b:c,x-d:e, f"')
    run(f'msgraph-mail-create-draft to={BOB} subject="Draft" body="a < b"')
    run(f'msgraph-mail-send-draft draft_id="{administrator.context("MicrosoftGraph")["Draft"]["ID"]}"')
    run(f'reply-mail to={BOB} subject="RE: Own text" inReplyTo="{question.immutable_id}" body="Well."')
    run(f'msgraph-mail-reply-to to={BOB} message_id="{question.immutable_id}" comment="One."')
    run(f'msgraph-mail-reply-all message_id="{question.immutable_id}" comment="All."')
    run(f'msgraph-mail-forward to={BOB} message_id="{question.immutable_id}" comment="See."')
    sent = ['FW: Status?', 'RE: Status?', 'RE: Status?', 'RE: Own text', 'Draft', 'Mail']
    assert sorted(subjects(cloud, BOB)[:6]) == sorted(subjects(cloud, ADA, 'sentitems')) == sorted(sent)
    assert subjects(cloud, ADA, 'drafts') == []


def test_a_throttled_mail_is_sent_once_by_a_later_run(cloud: MicrosoftCloud, administrator: Administrator,
                                                      war_room: WarRoom) -> None:
    administrator.add_instance('Throttled', ways.client_secret(cloud))
    for path in ('/messages$', '/send$'):
        cloud.faults.add(service='graph', path=path, method='POST', status=429, headers={'Retry-After': '31'})
    before = len(war_room.entries())
    assert 'sending goes on in 32 seconds' in administrator.run(f'!send-mail to={BOB} subject="Once"', 'Throttled')
    eventually(lambda: 'The email was sent.' in texts(war_room.entries()[before:]))
    assert subjects(cloud, BOB).count('Once') == 1
    assert (subjects(cloud, ADA, 'sentitems'), subjects(cloud, ADA, 'drafts')) == (['Once'], [])
    assert 'resume_draft_id' not in json.dumps(administrator.context('MicrosoftGraph'))
