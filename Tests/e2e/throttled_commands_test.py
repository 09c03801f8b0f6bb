"""Commands that are throttled for long: the server runs them again, and nothing is done twice."""

import json

from e2e.analyst import INSTANCE, Analyst
from e2e.war_room import WarRoom, texts
from sandbox.microsoft import MicrosoftCloud
from sandbox.servers import Sandbox
from sandbox.tests.machine import wait_until

LATER = {'Retry-After': '31'}


def throttle(cloud: MicrosoftCloud, path: str) -> None:
    cloud.faults.add(service='graph', path=path, status=429, headers=LATER)


def test_a_throttled_list_arrives_later(analyst: Analyst, cloud: MicrosoftCloud, war_room: WarRoom) -> None:
    throttle(cloud, '/messages$')
    before = len(war_room.entries())
    assert 'The command runs again in 32 seconds' in analyst.run('msgraph-mail-list-emails', page_size=3)
    wait_until(lambda: 'Emails (3, more on the next page)' in texts(war_room.entries()[before:]))
    assert [email['Subject'] for email in war_room.context()['MSGraphMail'][:3]] == ['Report 1', 'Report 2', 'Report 3']
    assert 'ran_once_flag' not in json.dumps(war_room.context())


def test_each_of_several_emails_is_copied_once(analyst: Analyst, cloud: MicrosoftCloud, war_room: WarRoom) -> None:
    mails = [analyst.receive(f'Mail {number}') for number in range(23)]
    for late in (mails[3], mails[21]):
        throttle(cloud, f'{late.immutable_id}/copy')
    before = len(war_room.entries())
    shown = analyst.run(
        'msgraph-mail-copy-email', message_id=','.join(one.immutable_id for one in mails), destination_folder_id='archive'
    )
    assert 'Emails copied (21 of 21)' in shown
    assert 'The command continues with 2 remaining emails in 32 seconds.' in shown
    wait_until(lambda: 'Emails copied (2 of 2)' in texts(war_room.entries()[before:]))
    assert sorted(copy.subject for copy in analyst.messages('archive')) == sorted(message.subject for message in mails)
    copied = {one['SourceID'] for one in war_room.context()['MSGraphMail']['CopiedEmails']}
    assert copied == {message.immutable_id for message in mails}


def test_calls_are_counted_by_their_outcome(analyst: Analyst, cloud: MicrosoftCloud, sandbox: Sandbox, war_room: WarRoom) -> None:
    throttle(cloud, '/mailFolders$')
    before = len(war_room.entries())
    analyst.run('msgraph-mail-list-folders')
    wait_until(lambda: 'Folders (' in texts(war_room.entries()[before:]))
    analyst.error('msgraph-mail-get-email', message_id='nonsense')
    assert sandbox.server.metrics(INSTANCE) == {'QuotaError': 1, 'Successful': 1, 'GeneralError': 1}
