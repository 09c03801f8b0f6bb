"""Limits of Microsoft Graph that only reports or pages on single clouds tell of: the command works, or says what to do."""

from typing import Any

import pytest

from conformance.graph_mail.mailboxes import in_folder
from conformance.graph_mail.sending_commands_test import FILES, files_of, instance, question, war_room
from conformance.unified.instances import BOB, Instance
from conformance.virtual_time import skip_waits
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

__all__ = ['instance', 'question', 'war_room']

MAIL = {'to': BOB, 'subject': 'Plan'}


@pytest.fixture(autouse=True)
def waits(cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_waits(monkeypatch, cloud.clock.advance)


# region upload sessions
# Source: https://learn.microsoft.com/graph/known-issues#attaching-large-files-to-messages

ADVICE = 'This mailbox or cloud takes only files below 3 MB: send smaller files or a link.'


@pytest.mark.parametrize('command', ['send-mail', 'msgraph-mail-create-draft', 'msgraph-mail-add-draft-attachment'])
def test_a_cloud_without_upload_sessions_is_told(instance: Instance, adas: Mailbox, command: str) -> None:
    adas.has_upload_sessions = False
    args: dict[str, Any] = {**MAIL, 'attach_ids': '3@a-b-c'}
    if 'add' in command:
        args = {'draft_id': instance.context('msgraph-mail-create-draft', **MAIL)['ID'], 'attach_ids': '3@a-b-c'}
    assert ADVICE in instance.error(command, **args)
    assert len(in_folder(adas, 'drafts')) == ('add' in command)


def test_a_mailbox_without_upload_sessions_is_told(instance: Instance, adas: Mailbox) -> None:
    body = {'error': {'code': 'ErrorAccessDenied', 'message': 'Access is denied.'}}
    instance.cloud.faults.add(service='graph', path='createUploadSession', status=403, times=None, body=body)
    assert ADVICE in instance.error('send-mail', **MAIL, attachIDs='3@a-b-c')
    assert in_folder(adas, 'drafts') == []


def test_another_refusal_keeps_its_advice(instance: Instance) -> None:
    body = {'error': {'code': 'ErrorQuotaExceeded', 'message': 'Full.'}}
    instance.cloud.faults.add(service='graph', path='createUploadSession', status=403, times=None, body=body)
    assert 'raise its quota' in instance.error('send-mail', **MAIL, attachIDs='3@a-b-c')


# endregion
# region content IDs


def test_a_content_id_may_look_like_an_entry_id(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', **MAIL, htmlBody='<img src="cid:001@logo">', attachIDs='2@7', attachCIDs='001@logo')
    assert files_of(in_folder(bobs, 'inbox')[0]) == [('logo.png', b'PNG logo', '001@logo')]


def test_entry_ids_of_further_files_are_found_in_the_war_room(instance: Instance, bobs: Mailbox) -> None:
    instance.text('send-mail', **MAIL, htmlBody='<img src="cid:2@7">', attachIDs='1@7', attachCIDs='2@7')
    assert [name for name, *_ in files_of(in_folder(bobs, 'inbox')[0])] == ['plan.pdf', 'logo.png']


def test_an_entry_id_that_the_war_room_does_not_have_is_told(instance: Instance) -> None:
    told = instance.error('send-mail', **MAIL, htmlBody='x', attachCIDs='001@7')
    assert told == "The War Room has no file with the entry ID '001@7'. Copy the ID of a file."


@pytest.mark.parametrize('source', ['a b(1).png', 'a%20b(1).png', 'a%20b%281%29.png'])
def test_a_file_name_may_be_quoted_in_the_html(
    instance: Instance, bobs: Mailbox, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setitem(FILES, '9@7', ('a b(1).png', b'PNG'))
    instance.text('send-mail', **MAIL, htmlBody=f'<img src="cid:{source}">', attachCIDs='9@7')
    assert files_of(in_folder(bobs, 'inbox')[0]) == [('a b(1).png', b'PNG', 'a b(1).png')]


# endregion
# region forwarding to nobody
# Source: https://learn.microsoft.com/graph/api/message-createforward, O365/python-o365#183


@pytest.mark.parametrize('is_allowed', [True, False])
def test_a_forwarded_email_may_be_drafted_for_nobody(
    instance: Instance, adas: Mailbox, question: Message, is_allowed: bool
) -> None:
    adas.forwards_to_nobody = is_allowed
    shown = instance.context('msgraph-mail-create-draft', forward_id=question.immutable_id, body='Look.')
    [draft] = in_folder(adas, 'drafts')
    assert (shown['ID'], shown['To'], draft.recipients) == (draft.immutable_id, [], [])
    assert 'Look.' in draft.html


# endregion
