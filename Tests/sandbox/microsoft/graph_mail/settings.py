"""The settings and the categories of a mailbox, as Graph shows them."""

import uuid
from typing import Any

WEEK = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday']


# Color by name: what a new mailbox has
CATEGORIES = {'Red category': 'preset0', 'Orange category': 'preset1', 'Blue category': 'preset7'}


def default_categories() -> list[dict[str, Any]]:
    """Return the master list of a new mailbox."""
    return [{'id': str(uuid.uuid4()), 'displayName': name, 'color': color} for name, color in CATEGORIES.items()]


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
