"""A sending command that is throttled for long: the server runs it again, and the mail is sent once."""

import json
import os

import authentication_methods
from demo.administrator import Administrator
from e2e.analyst import Analyst
from e2e.war_room import WarRoom, texts
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.model import FileAttachment
from sandbox.tests.machine import wait_until

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'


def subjects(cloud: MicrosoftCloud, address: str, folder: str = 'inbox') -> list[str]:
    found = cloud.mailbox(address).folder(folder)
    assert found
    return [message.subject for message in cloud.mailbox(address).messages(found.folder_id)]


def test_a_throttled_mail_is_sent_once_by_a_later_run(
    cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom
) -> None:
    administrator.add_instance('Throttled', authentication_methods.client_secret(cloud))
    for path in ('/messages$', '/send$'):
        cloud.faults.add(service='graph', path=path, method='POST', status=429, headers={'Retry-After': '31'})
    before = len(war_room.entries())
    assert 'The command continues in 32 seconds' in administrator.run(f'!send-mail to={BOB} subject="Once"', 'Throttled')
    wait_until(lambda: 'Email sent' in texts(war_room.entries()[before:]))
    assert subjects(cloud, BOB).count('Once') == 1
    assert (subjects(cloud, ADA, 'sentitems'), subjects(cloud, ADA, 'drafts')) == (['Once'], [])
    assert 'resume_draft_id' not in json.dumps(administrator.context('MicrosoftGraph'))


def test_an_upload_over_the_limit_of_five_minutes_continues_later(cloud: MicrosoftCloud, analyst: Analyst) -> None:
    cloud.clock.stop()
    cloud.limits.uploaded_bytes, cloud.limits.upload_window_seconds = 10_000_000, 40
    files = {name: os.urandom(7_000_000) for name in ('1.bin', '2.bin')}
    ids = ','.join(analyst.upload(name, content) for name, content in files.items())
    said = analyst.run('send-mail', to=BOB, subject='Large', attachIDs=ids)
    assert 'The command continues in 41 seconds' in said
    [draft] = analyst.messages('drafts')
    assert [one.name for one in draft.attachments] == ['1.bin']
    cloud.clock.advance(40)
    wait_until(lambda: subjects(cloud, BOB).count('Large'))
    [sent] = analyst.messages('sentitems')
    assert {one.name: one.content.read() for one in sent.attachments if isinstance(one, FileAttachment)} == files
    assert (len(sent.attachments), subjects(cloud, ADA, 'drafts'), subjects(cloud, BOB).count('Large')) == (2, [], 1)
