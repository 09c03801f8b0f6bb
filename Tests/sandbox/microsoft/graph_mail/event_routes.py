"""``/events/{id}``, and its ``accept``, ``decline`` and ``tentativelyAccept``: responses to invitations."""

from html import escape

from flask import Response, jsonify

from sandbox.microsoft.graph_mail.delivery import submit
from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.mail_request import MailCall, mail_blueprint, not_found, open_mailbox, parameters
from sandbox.microsoft.graph_mail.model import Meeting, Message
from sandbox.microsoft.graph_mail.permissions import READ_CALENDAR, WRITE_CALENDAR
from sandbox.microsoft.graph_mail.representation import event_json

# The response, the type of the message about it, and how its subject begins
RESPONSES = {
    'accept': ('accepted', 'meetingAccepted', 'Accepted'),
    'tentativelyAccept': ('tentativelyAccepted', 'meetingTenativelyAccepted', 'Tentative'),
    'decline': ('declined', 'meetingDeclined', 'Declined'),
}
# How the codes of errors end
CODES = {'accept': 'Accept', 'tentativelyAccept': 'Tentative', 'decline': 'Decline'}
events_api = mail_blueprint('events')


@events_api.get('/events/<event_id>')
def get_event(event_id: str) -> Response:
    call = open_mailbox(READ_CALENDAR)
    shown = event_json(_meeting(call, event_id))
    selected = call.query('event').select
    return jsonify({name: value for name, value in shown.items() if not selected or name in (*selected, 'id')})


@events_api.post('/events/<event_id>/accept')
def accept(event_id: str) -> tuple[str, int]:
    return _respond(event_id, 'accept')


@events_api.post('/events/<event_id>/tentativelyAccept')
def tentatively_accept(event_id: str) -> tuple[str, int]:
    return _respond(event_id, 'tentativelyAccept')


@events_api.post('/events/<event_id>/decline')
def decline(event_id: str) -> tuple[str, int]:
    return _respond(event_id, 'decline')


def _meeting(call: MailCall, event_id: str) -> Meeting:
    meeting = call.mailbox.meetings.get(event_id)
    if meeting is None:
        raise not_found(event_id)
    return meeting


def _respond(event_id: str, action: str) -> tuple[str, int]:
    call = open_mailbox(WRITE_CALENDAR)
    meeting = _meeting(call, event_id)
    given = parameters(action, 'event')
    is_sent = given.get('sendresponse') is not False
    if given.get('proposednewtime') and not is_sent:
        raise GraphError(400, 'ErrorInvalidRequest', 'A new time is proposed in a response, which is not sent.')
    if meeting.response == 'organizer':
        raise GraphError(400, 'ErrorInvalidRequest', "Your request can't be completed. You are the organizer of the meeting.")
    if meeting.is_cancelled:
        raise GraphError(400, f'ErrorCalendarIsCancelledFor{CODES[action]}', 'The meeting was cancelled.')
    if meeting.is_outdated:
        what = "The meeting request is out of date. The calendar couldn't be updated."
        raise GraphError(400, 'ErrorCalendarMeetingRequestIsOutOfDate', what)
    if is_sent and not meeting.wants_response:
        what = "Your request can't be completed. The meeting organizer hasn't requested a response."
        raise GraphError(400, 'ErrorInvalidRequest', what)
    meeting.response, meeting_type, prefix = RESPONSES[action]
    meeting.responded = call.state.clock.now()
    if is_sent:
        text = escape(given.get('comment') or '', quote=False)
        now, owner = call.state.clock.now(), call.mailbox.owner
        response = Message(f'{prefix}: {meeting.subject}', owner, now, to=[meeting.organizer], html=f'<p>{text}</p>')
        response.meeting_type = meeting_type
        submit(call.state, call.owner, response)
    return '', 202
