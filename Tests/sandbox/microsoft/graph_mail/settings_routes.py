"""``/mailboxSettings``, ``/outlook/masterCategories`` and ``getMailTips``: what a mailbox says of itself."""

import copy
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Response, jsonify

from sandbox.microsoft.graph_mail.errors import GraphError
from sandbox.microsoft.graph_mail.listing import filter_and_sort, page_json
from sandbox.microsoft.graph_mail.mail_request import MailCall, mail_blueprint, open_mailbox, parameters, typed_body
from sandbox.microsoft.graph_mail.permissions import READ, READ_SETTINGS, WRITE_SETTINGS
from sandbox.microsoft.graph_mail.schema import Schema

TIPS = (
    'automaticReplies',
    'mailboxFullStatus',
    'customMailTip',
    'externalMemberCount',
    'totalMemberCount',
    'maxMessageSize',
    'deliveryRestriction',
    'moderationStatus',
    'recipientScope',
    'recipientSuggestions',
)
settings_api = mail_blueprint('settings')
# A few of the names of Windows
TIME_ZONES = {
    'UTC': 'Etc/UTC',
    'GMT Standard Time': 'Europe/London',
    'W. Europe Standard Time': 'Europe/Berlin',
    'Eastern Standard Time': 'America/New_York',
    'Pacific Standard Time': 'America/Los_Angeles',
    'Tokyo Standard Time': 'Asia/Tokyo',
}
TIMES = ('scheduledStartDateTime', 'scheduledEndDateTime')


def automatic_replies(replies: dict[str, Any], now: float) -> dict[str, Any]:
    """Return the changes of automatic replies, their times in UTC. Raises GraphError 400 for times that cannot be."""
    moments = {name: _moment(replies[name]) for name in TIMES if replies.get(name)}
    if str(replies.get('status')).lower() == 'scheduled':
        start, end = moments.get(TIMES[0]), moments.get(TIMES[1])
        if start is None or end is None or end <= start or end.timestamp() <= now:
            raise GraphError(400, 'ErrorInvalidScheduledOofDuration', 'The scheduled duration of automatic replies is not valid.')
    shown = {name: {'dateTime': f'{at:%Y-%m-%dT%H:%M:%S}.0000000', 'timeZone': 'UTC'} for name, at in moments.items()}
    named = {
        name: next(one for one in Schema.load().enums[kind] if one.lower() == replies[name].lower())
        for name, kind in (('status', 'automaticRepliesStatus'), ('externalAudience', 'externalAudienceScope'))
        if replies.get(name)
    }
    return {**replies, **named, **shown}


def _moment(value: dict[str, Any]) -> datetime:
    zone = str(value.get('timeZone') or 'UTC')
    try:
        local = datetime.fromisoformat(value['dateTime'].partition('.')[0]).replace(tzinfo=ZoneInfo(TIME_ZONES.get(zone, zone)))
    except (ZoneInfoNotFoundError, IsADirectoryError):
        raise GraphError(400, 'InvalidTimeZone', 'Time Zone settings provided are invalid.') from None
    except ValueError:
        raise GraphError(400, 'RequestBodyRead', 'The time is not valid.') from None
    return local.astimezone(timezone.utc)


@settings_api.get('/mailboxSettings')
def get_settings() -> Response:
    call = open_mailbox(READ_SETTINGS)
    return jsonify({'@odata.context': call.context('mailboxSettings'), **call.mailbox.settings})


@settings_api.get('/mailboxSettings/<name>')
def get_setting(name: str) -> Response:
    call = open_mailbox(READ_SETTINGS)
    if name not in Schema.load().names('mailboxSettings'):
        raise GraphError(400, 'BadRequest', f"Resource not found for the segment '{name}'.")
    value = call.mailbox.settings.get(name)
    shown = value if isinstance(value, dict) else {'value': value}
    return jsonify({'@odata.context': call.context(f'mailboxSettings/{name}'), **shown})


@settings_api.patch('/mailboxSettings')
def update_settings() -> Response:
    call = open_mailbox(WRITE_SETTINGS)
    changes = {name: value for name, value in typed_body('mailboxSettings').items() if '@' not in name}
    if changes.get('automaticRepliesSetting'):
        changes['automaticRepliesSetting'] = automatic_replies(changes['automaticRepliesSetting'], call.state.clock.now())
    with call.mailbox.lock:
        merged = copy.deepcopy(call.mailbox.settings)
        for name, value in changes.items():
            merged[name] = {**merged[name], **value} if isinstance(value, dict) and isinstance(merged.get(name), dict) else value
        call.mailbox.settings = merged
    return jsonify({'@odata.context': call.context('mailboxSettings'), **{name: merged[name] for name in changes}})


@settings_api.get('/outlook/masterCategories')
def list_categories() -> Response:
    call = open_mailbox(READ_SETTINGS)
    query = call.query('outlookCategory')
    found = filter_and_sort(list(call.mailbox.categories), query, 'outlookCategory', lambda category: category.get)
    return jsonify(page_json(found, query, dict, call.context('outlook/masterCategories'), call.graph))


# Addresses of one request
MAX_TIPS = 100


@settings_api.post('/getMailTips')
def get_mail_tips() -> Response:
    call = open_mailbox(READ)
    given = parameters('getMailTips', 'user')
    if not given.get('emailaddresses') or not given.get('mailtipsoptions'):
        raise GraphError(400, 'ErrorInvalidRequest', 'EmailAddresses and MailTipsOptions are needed.')
    if len(given['emailaddresses']) > MAX_TIPS:
        raise GraphError(400, 'ErrorInvalidRequest', f'There are more than {MAX_TIPS} EmailAddresses.')
    options = [option.strip() for option in given['mailtipsoptions'].split(',')]
    unknown = [option for option in options if option not in TIPS]
    if unknown:
        raise GraphError(400, 'RequestBodyRead', f"Requested value '{unknown[0]}' was not found in 'mailTipsType'.")
    return jsonify(
        {
            '@odata.context': f'{call.graph}/v1.0/$metadata#Collection(microsoft.graph.mailTips)',
            'value': [_tips(call, address, options) for address in given['emailaddresses']],
        }
    )


def _tips(call: MailCall, address: str, options: list[str]) -> dict[str, Any]:
    user = call.state.directory.find_user(address)
    mailbox = call.state.mailbox_of(user) if user else None
    tips: dict[str, Any] = {'emailAddress': {'name': user.display_name if user else '', 'address': address}}
    if user is None and address.partition('@')[2] in ('', call.mailbox.owner.address.partition('@')[2]):
        return {**tips, 'error': {'code': 'RecipientNotFound', 'message': f'The recipient {address} was not found.'}}
    replies = (mailbox.settings if mailbox else {}).get('automaticRepliesSetting', {'status': 'disabled'})
    known: dict[str, dict[str, Any]] = {
        'automaticReplies': {
            'automaticReplies': {'message': '' if replies['status'] == 'disabled' else replies['internalReplyMessage']}
        },
        'mailboxFullStatus': {'mailboxFull': False},
        'customMailTip': {'customMailTip': ''},
        'externalMemberCount': {'externalMemberCount': 0 if mailbox else 1},
        'totalMemberCount': {'totalMemberCount': 1},
        'maxMessageSize': {'maxMessageSize': (mailbox or call.mailbox).message_limit},
        'deliveryRestriction': {'deliveryRestricted': False},
        'moderationStatus': {'isModerated': False},
        'recipientScope': {'recipientScope': 'internal' if mailbox else 'external'},
        'recipientSuggestions': {'recipientSuggestions': []},
    }
    for option in options:
        tips |= known[option]
    return tips
