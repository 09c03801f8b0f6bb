"""Responses to invitations."""

from pathlib import Path

import pytest

from conformance.graph_mail.mail_commands_test import ADA, BOB, UNKNOWN_ID, delivered, error_of, file_of, outputs, run
from conformance.unified import instances
from conformance.unified.instances import Instance
from conformance.virtual_time import skip_waits
from MicrosoftApiModule import reset_auth
from MicrosoftGraphMailClientApiModule import GraphMailClient
from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

COMMAND, AS_FILE = 'msgraph-mail-respond-to-invitation', 'msgraph-mail-get-invitation-as-ics'
NOT_FOUND = {'error': {'code': 'ErrorItemNotFound', 'message': 'The specified object was not found in the store.'}}
instance = instances.instance
START, END = 2_000_000_000, 2_000_003_600


@pytest.fixture
def ada(cloud: MicrosoftCloud, mail: GraphMailClient) -> Mailbox:
    """Ada's mailbox. The client gets a token that allows calendars as well."""
    cloud.directory.application('daemon').application_permissions.append('Calendars.ReadWrite')
    reset_auth()
    return cloud.mailbox(ADA)


@pytest.fixture
def invitation(ada: Mailbox, bobs: Mailbox) -> Message:
    """An invitation by Bob to Ada."""
    return ada.invite('Planning', bobs.owner, START, END)


def responses(mailbox: Mailbox) -> list[Message]:
    return [message for message in mailbox.messages() if message.meeting_type.startswith('meeting') and not message.meeting]


@pytest.mark.parametrize(
    'response, state, subject',
    [
        ('accept', 'accepted', 'Accepted: Planning'),
        ('tentativelyaccept', 'tentativelyAccepted', 'Tentative: Planning'),
        (' Decline ', 'declined', 'Declined: Planning'),
    ],
)
@pytest.mark.parametrize('comment', ['', 'Grüße & "bye" <b>'])
def test_the_organizer_gets_the_response(
    mail: GraphMailClient, bobs: Mailbox, invitation: Message, response: str, state: str, subject: str, comment: str
) -> None:
    found = outputs(mail, COMMAND, message_id=invitation.immutable_id, response=response, comment=comment)
    assert invitation.meeting
    assert invitation.meeting.response == state
    [got] = responses(bobs)
    assert (got.subject, got.sender.address, got.text) == (subject, ADA, comment)
    assert {name: found[name] for name in ('ID', 'Subject', 'Organizer', 'Start', 'End', 'ResponseSent', 'UserID')} == {
        'ID': invitation.immutable_id,
        'Subject': 'Planning',
        'Organizer': BOB,
        'Start': '2033-05-18T03:33:20Z',
        'End': '2033-05-18T04:33:20Z',
        'ResponseSent': True,
        'UserID': ADA,
    }


def test_a_response_need_not_be_sent(mail: GraphMailClient, bobs: Mailbox, invitation: Message) -> None:
    result = run(mail, COMMAND, message_id=invitation.immutable_id, response='decline', send_response='false')
    assert invitation.meeting
    assert (invitation.meeting.response, responses(bobs)) == ('declined', [])
    assert result.readable_output.startswith('### Invitation declined\n')
    assert result.outputs['ResponseSent'] is False


@pytest.mark.parametrize('is_told', [True, False], ids=['in the event', 'in an error'])
def test_no_response_is_sent_to_an_organizer_who_wants_none(
    mail: GraphMailClient, bobs: Mailbox, invitation: Message, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    meeting = invitation.meeting
    assert meeting
    meeting.wants_response = False
    if not is_told:
        found = mail.mailbox.get_invitation(invitation.immutable_id)
        found['event']['responseRequested'] = True
        monkeypatch.setattr('MicrosoftGraphMailClientApiModule.Mailbox.get_invitation', lambda *_args: found)
    error = error_of(mail, COMMAND, message_id=invitation.immutable_id, response='accept', comment='Hello')
    assert error == 'The organizer of the meeting does not want a response, so a comment cannot be sent. Remove comment.'
    assert meeting.response == 'notResponded'
    found = outputs(mail, COMMAND, message_id=invitation.immutable_id, response='accept')
    assert (meeting.response, found['ResponseSent'], responses(bobs)) == ('accepted', False, [])


def test_an_invitation_in_another_mailbox_is_answered(mail: GraphMailClient, ada: Mailbox, bobs: Mailbox) -> None:
    invitation = bobs.invite('Planning', ada.owner, START, END)
    run(mail, COMMAND, message_id=invitation.immutable_id, response='accept', user_id=BOB)
    assert [message.subject for message in responses(ada)] == ['Accepted: Planning']


@pytest.mark.parametrize('kind', ['', 'meetingCancelled', 'meetingAccepted'])
def test_what_is_not_an_invitation_is_an_error(mail: GraphMailClient, ada: Mailbox, kind: str) -> None:
    message = delivered(ada, meeting_type=kind)
    error = error_of(mail, COMMAND, message_id=message.immutable_id, response='accept')
    assert error == 'The email is not an invitation to a meeting. Check message_id.'


def test_a_meeting_that_is_gone_is_an_error(mail: GraphMailClient, invitation: Message) -> None:
    invitation.meeting = None
    assert error_of(mail, COMMAND, message_id=invitation.immutable_id, response='accept') == (
        'The meeting is not in the calendar any more. Answer the email with msgraph-mail-reply-to.'
    )
    assert 'ErrorItemNotFound' in error_of(mail, COMMAND, message_id=UNKNOWN_ID, response='accept')


def test_the_organizer_cannot_respond(mail: GraphMailClient, invitation: Message) -> None:
    assert invitation.meeting
    invitation.meeting.response = 'organizer'
    assert error_of(mail, COMMAND, message_id=invitation.immutable_id, response='accept') == (
        'The mailbox is the organizer of the meeting, and cannot respond to it. Change or cancel the meeting in Outlook.'
    )


def test_a_cancelled_meeting_needs_no_response(mail: GraphMailClient, invitation: Message) -> None:
    assert invitation.meeting
    invitation.meeting.is_cancelled = True
    assert error_of(mail, COMMAND, message_id=invitation.immutable_id, response='accept') == (
        'The meeting was cancelled, and needs no response. Remove it from the calendar in Outlook.'
    )


def test_a_newer_invitation_has_to_be_answered(mail: GraphMailClient, invitation: Message) -> None:
    assert invitation.meeting
    invitation.meeting.is_outdated = True
    error = error_of(mail, COMMAND, message_id=invitation.immutable_id, response='decline')
    assert 'ErrorCalendarMeetingRequestIsOutOfDate' in error
    assert 'Respond to the newest invitation to the meeting.' in error


@pytest.mark.parametrize('fault', [{'status': 503}, {'status': 500}, {'garbage': True}, {'reset': True}])
def test_a_response_with_an_unknown_outcome_is_not_sent_twice(
    mail: GraphMailClient,
    bobs: Mailbox,
    invitation: Message,
    cloud: MicrosoftCloud,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, object],
) -> None:
    skip_waits(monkeypatch, cloud.clock.advance)
    cloud.faults.add(service='graph', path='accept', method='POST', times=1, **fault)
    error = error_of(mail, COMMAND, message_id=invitation.immutable_id, response='accept')
    assert error.startswith('It is not known whether the response was sent. Microsoft Graph ')
    assert error.endswith('. Look at the meeting in the calendar before you run the command again.')
    assert len(responses(bobs)) <= 1


@pytest.mark.parametrize('response', ['accept', 'decline'])
@pytest.mark.parametrize('is_done', [True, False])
@pytest.mark.parametrize('is_gone', [True, False])
def test_a_throttled_response_is_sent_once(
    mail: GraphMailClient,
    bobs: Mailbox,
    invitation: Message,
    cloud: MicrosoftCloud,
    monkeypatch: pytest.MonkeyPatch,
    response: str,
    is_done: bool,
    is_gone: bool,
) -> None:
    skip_waits(monkeypatch, cloud.clock.advance)
    cloud.faults.add(service='graph', path=f'{response}$', status=429, headers={'Retry-After': '1'}, done=is_done)
    if is_gone and is_done and response == 'decline':  # Outlook removes what was declined from the calendar
        cloud.faults.add(service='graph', path='/events/[^/]+$', method='GET', status=404, body=NOT_FOUND)
    run(mail, COMMAND, message_id=invitation.immutable_id, response=response)
    assert len(responses(bobs)) == 1


@pytest.mark.parametrize('is_done', [True, False])
@pytest.mark.parametrize('comment', ['', 'Hello'])
def test_a_response_is_repeated_by_a_later_run_only_if_it_was_not_sent(
    instance: Instance, ada: Mailbox, bobs: Mailbox, is_done: bool, comment: str
) -> None:
    invitation = ada.invite('Planning', bobs.owner, START, END)
    instance.cloud.faults.add(service='graph', path='accept$', status=429, headers={'Retry-After': '120'}, done=is_done)
    instance.cloud.faults.add(service='graph', path='/events/[^/]+$', method='GET', status=429, headers={'Retry-After': '120'})
    entry = instance.run(COMMAND, message_id=invitation.immutable_id, response='accept', comment=comment)
    assert instance.text(COMMAND, **entry['PollingArgs']).startswith('### Invitation accepted\n')
    assert len(responses(bobs)) == 1


def test_a_later_run_tells_that_a_meeting_may_have_been_declined(instance: Instance, ada: Mailbox, bobs: Mailbox) -> None:
    invitation = ada.invite('Planning', bobs.owner, START, END)
    throttled = {'status': 429, 'headers': {'Retry-After': '120'}}
    instance.cloud.faults.add(service='graph', path='decline$', done=True, **throttled)
    instance.cloud.faults.add(service='graph', path='/events/[^/]+$', method='GET', **throttled)
    entry = instance.run(COMMAND, message_id=invitation.immutable_id, response='decline')
    invitation.meeting = None  # Outlook removes what was declined from the calendar
    assert instance.error(COMMAND, **entry['PollingArgs']) == (
        'The meeting is not in the calendar any more. '
        'The command may have declined it already: look in Sent Items before you answer the email.'
    )


def test_the_same_response_with_another_comment_is_sent(
    mail: GraphMailClient, bobs: Mailbox, invitation: Message, cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch, cloud.clock.advance)
    run(mail, COMMAND, message_id=invitation.immutable_id, response='accept')
    cloud.faults.add(service='graph', path='accept$', status=429, headers={'Retry-After': '1'})
    run(mail, COMMAND, message_id=invitation.immutable_id, response='accept', comment='I am late.')
    assert len(responses(bobs)) == 2


def test_a_missing_permission_is_named(mail: GraphMailClient, bobs: Mailbox, cloud: MicrosoftCloud) -> None:
    invitation = cloud.mailbox(ADA).invite('Planning', bobs.owner, START, END)
    assert 'ErrorAccessDenied' in error_of(mail, COMMAND, message_id=invitation.immutable_id, response='accept')


def test_an_email_shows_the_meeting_of_an_invitation(mail: GraphMailClient, invitation: Message) -> None:
    found = outputs(mail, 'msgraph-mail-get-email', message_id=invitation.immutable_id)
    assert (found['Kind'], found['Meeting']) == (
        'eventMessageRequest',
        {
            'Type': 'meetingRequest',
            'Location': None,
            'Organizer': BOB,
            'Start': '2033-05-18T03:33:20Z',
            'End': '2033-05-18T04:33:20Z',
        },
    )


# region calendar file

CALENDAR = 'Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n'


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_calendar_file_of_an_invitation(mail: GraphMailClient, invitation: Message) -> None:
    entry = run(mail, AS_FILE, message_id=invitation.immutable_id)
    assert entry['File'] == f'{invitation.immutable_id}.ics'
    content = file_of(entry)
    assert content.startswith(b'BEGIN:VCALENDAR\r\n')
    assert (b'SUMMARY:Planning' in content, b'DTSTART;TZID=W. Europe Standard Time:20330518T053320' in content) == (True, True)


@pytest.mark.parametrize(
    'source, content',
    [
        (f'{CALENDAR}Content-Transfer-Encoding: base64\r\n\r\nQkVHSU46VkNBTEVOREFSDQo=', b'BEGIN:VCALENDAR\r\n'),
        (f'{CALENDAR}Content-Transfer-Encoding: quoted-printable\r\n\r\nSUMMARY:Gr=C3=BC=C3=9Fe', 'SUMMARY:Grüße'.encode()),
        (f'{CALENDAR}Content-Transfer-Encoding: 8bit\r\n\r\nSUMMARY:Grüße', 'SUMMARY:Grüße'.encode()),
        (f'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n--b\r\n{CALENDAR}\r\nX\r\n--b--', b'X'),
        ('Content-Type: TEXT/Calendar; name="a/../b.ics"\r\n\r\nX', b'X'),
    ],
)
def test_the_calendar_file_keeps_its_bytes(mail: GraphMailClient, ada: Mailbox, source: str, content: bytes) -> None:
    message = delivered(ada, source=f'From: x@y.example\r\n{source}'.encode())
    entry = run(mail, AS_FILE, message_id=message.immutable_id)
    assert (file_of(entry), entry['File']) == (content, f'{message.immutable_id}.ics')


@pytest.mark.parametrize(
    'source',
    [
        b'From: x@y.example\r\n\r\nHello',
        b'From: x@y.example\r\nContent-Type: text/calendar\r\n\r\n',
        b'\xff\x00',
        b''.join(b'Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n' % (one, one) for one in range(3000)),
    ],
    ids=['no calendar', 'empty', 'not a mail', 'nested deeply'],
)
def test_an_email_without_a_calendar_file_is_an_error(mail: GraphMailClient, ada: Mailbox, source: bytes) -> None:
    message = delivered(ada, source=source)
    error = error_of(mail, AS_FILE, message_id=message.immutable_id)
    assert error == 'The email contains no calendar file. Check that it is an invitation.'


def test_an_email_that_is_too_large_for_an_invitation(mail: GraphMailClient, ada: Mailbox) -> None:
    message = delivered(ada)
    ada.attach_file(message, 'a.bin', bytes(16 * 1024 * 1024))
    assert error_of(mail, AS_FILE, message_id=message.immutable_id) == (
        'The email has more than 20 MB. Use msgraph-mail-get-email-as-eml.'
    )


# endregion
