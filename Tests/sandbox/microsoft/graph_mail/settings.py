"""The settings of a mailbox, as Graph shows them."""

from typing import Any

WEEK = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday']


def default_settings() -> dict[str, Any]:
    """Return what a new mailbox has."""
    noon = {'dateTime': '2026-01-01T12:00:00.0000000', 'timeZone': 'UTC'}
    return {
        'archiveFolder': None,
        'timeZone': 'UTC',
        'delegateMeetingMessageDeliveryOptions': 'sendToDelegateOnly',
        'dateFormat': 'yyyy-MM-dd',
        'timeFormat': 'HH:mm',
        'userPurpose': 'user',
        'automaticRepliesSetting': {
            'status': 'disabled',
            'externalAudience': 'all',
            'internalReplyMessage': '',
            'externalReplyMessage': '',
            'scheduledStartDateTime': noon,
            'scheduledEndDateTime': noon,
        },
        'language': {'locale': 'en-US', 'displayName': 'English (United States)'},
        'workingHours': {
            'daysOfWeek': WEEK,
            'startTime': '08:00:00.0000000',
            'endTime': '17:00:00.0000000',
            'timeZone': {'name': 'UTC'},
        },
    }
