"""What is looked at: each probe does one thing in a tenant and says what happened, in the words of what the sandbox does."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import NamedTuple

import requests

from live_check.tenant import Tenant, outcome

_FOUR_MB = 4 << 20
_SMALL, _LARGE = 1 << 20, 4 << 20


class Probe(NamedTuple):
    """One probe.

    Attributes:
        row: how its row of COVERAGE.md begins.
        expected: what the sandbox does; a test runs each probe there.
        run: returns what the tenant does.
    """

    row: str
    expected: str
    run: Callable[[Tenant], str]


def wrong_secret(tenant: Tenant) -> str:
    """Sign in with a wrong client secret."""
    return outcome(tenant.request_token(client_secret='wrong' * 8))


def life_of_a_token(tenant: Tenant) -> str:
    """Look at the life of a token."""
    answer = tenant.request_token().json()
    rest = (int(answer['expires_in']) + 1) % 60
    refresh = 'with refresh_in' if 'refresh_in' in answer else 'without refresh_in'
    return f'{"a second less than whole minutes" if rest == 0 else "expires_in " + str(answer["expires_in"])}, {refresh}'


def headers_of_a_token(tenant: Tenant) -> str:
    """Look at the headers of a token response."""
    response = tenant.request_token()
    sent = response.request.headers['client-request-id']
    seen = {
        'x-ms-request-id': 'x-ms-request-id' in response.headers,
        'client-request-id': response.headers.get('client-request-id') == sent,
        'no-store': 'no-store' in response.headers.get('Cache-Control', ''),
    }
    return ', '.join(name for name, there in seen.items() if there)


def unknown_query(tenant: Tenant) -> str:
    """List messages with a query parameter that does not exist."""
    return outcome(tenant.graph('GET', '/messages', params={'$nothing': '1'}))


def unknown_user(tenant: Tenant) -> str:
    """Read the messages of a user who does not exist."""
    nobody = f'nobody-{time.time_ns()}@{tenant.mailbox.rpartition("@")[2]}'
    return outcome(tenant.graph('GET', '/messages', mailbox=nobody))


def unknown_path(tenant: Tenant) -> str:
    """Request a path that does not exist."""
    return outcome(tenant.graph('GET', '/nothing'))


def large_request(tenant: Tenant) -> str:
    """Create a draft in one request of more than 4 MB."""
    return outcome(tenant.graph('POST', '/messages', json={'subject': 'Live check', 'body': {'content': 'x' * _FOUR_MB}}))


def deleted_while_listed(tenant: Tenant) -> str:
    """Delete a message of the first page before the second one is requested."""
    with tenant.folder(messages=4) as folder:
        first = tenant.graph('GET', f'{folder}/messages', params={'$top': '2', '$select': 'id'}).json()
        tenant.graph('DELETE', f'/messages/{first["value"][0]["id"]}')
        second = tenant.graph('GET', first['@odata.nextLink']).json()
        return f'{4 - 2 - len(second["value"])} of 4 messages skipped'


def selected_content_id(tenant: Tenant) -> str:
    """Select the content ID of attachments."""
    with tenant.folder(messages=1) as folder:
        message = tenant.graph('GET', f'{folder}/messages').json()['value'][0]['id']
        file = {
            '@odata.type': '#microsoft.graph.fileAttachment',
            'name': 'logo.png',
            'contentId': 'logo',
            'contentBytes': base64.b64encode(b'x').decode(),
        }
        tenant.created(f'/messages/{message}/attachments', file)
        selected = {'$select': 'id,name,microsoft.graph.fileAttachment/contentId'}
        response = tenant.graph('GET', f'/messages/{message}/attachments', params=selected)
        found = [each.get('contentId') for each in response.json().get('value', [])]
        return outcome(response) + (f' {found[0]}' if found else '')


def small_upload(tenant: Tenant) -> str:
    """Begin an upload session for a file of 1 MB."""
    with tenant.folder(messages=1) as folder:
        return outcome(_upload_session(tenant, folder, _SMALL))


def life_of_an_upload(tenant: Tenant) -> str:
    """Look at the life of an upload session."""
    with tenant.folder(messages=1) as folder:
        response = _upload_session(tenant, folder, _LARGE)
        if response.status_code != requests.codes.created:
            return outcome(response)
        end = datetime.strptime(response.json()['expirationDateTime'][:19], '%Y-%m-%dT%H:%M:%S').replace(tzinfo=timezone.utc)
        return f'about {round((end - datetime.now(timezone.utc)).total_seconds() / 600) * 10} minutes'


def state_of_an_upload(tenant: Tenant) -> str:
    """Ask an upload session what it expects next."""
    with tenant.folder(messages=1) as folder:
        session = _upload_session(tenant, folder, _LARGE).json()
        response = tenant.without_token(session['uploadUrl'])
        return f'{outcome(response)}, next {response.json().get("nextExpectedRanges")}'


def earlier_version(tenant: Tenant) -> str:
    """Change a message in a version that it does not have any more."""
    with tenant.folder(messages=1) as folder:
        message = tenant.graph('GET', f'{folder}/messages').json()['value'][0]
        path, earlier = f'/messages/{message["id"]}', {'If-Match': message['@odata.etag']}
        tenant.graph('PATCH', path, json={'categories': ['Red']})
        return outcome(tenant.graph('PATCH', path, headers=earlier, json={'categories': ['Blue']}))


def replies_in_the_past(tenant: Tenant) -> str:
    """Schedule automatic replies that end before they start, which changes nothing."""
    start, end = ({'dateTime': f'2020-01-0{day}T00:00:00', 'timeZone': 'UTC'} for day in (2, 1))
    replies = {'status': 'scheduled', 'scheduledStartDateTime': start, 'scheduledEndDateTime': end}
    return outcome(tenant.graph('PATCH', '/mailboxSettings', json={'automaticRepliesSetting': replies}))


def _upload_session(tenant: Tenant, folder: str, size: int) -> requests.Response:
    message = tenant.graph('GET', f'{folder}/messages').json()['value'][0]['id']
    item = {'attachmentType': 'file', 'name': 'file.bin', 'size': size}
    return tenant.graph('POST', f'/messages/{message}/attachments/createUploadSession', json={'AttachmentItem': item})


PROBES = (
    Probe('`invalid_client` is answered with 401', '401 invalid_client AADSTS7000215', wrong_secret),
    Probe('`expires_in` is a second less', 'a second less than whole minutes, without refresh_in', life_of_a_token),
    Probe('Answers carry `x-ms-request-id`', 'x-ms-request-id, client-request-id, no-store', headers_of_a_token),
    Probe('Anything else in the query', '400 BadRequest', unknown_query),
    Probe('A mailbox of an unknown user', '404 ErrorInvalidUser', unknown_user),
    Probe('An unknown path', '400 BadRequest', unknown_path),
    Probe('A request of more than 4 MB', '413 BadRequest', large_request),
    Probe('A `nextLink` counts rows', '1 of 4 messages skipped', deleted_while_listed),
    Probe('`contentId` is selected by', '200 logo', selected_content_id),
    Probe('`PATCH` with `If-Match` of an earlier version', '412 ErrorIrresolvableConflict', earlier_version),
    Probe('Scheduled replies without both times', '400 ErrorInvalidScheduledOofDuration', replies_in_the_past),
    Probe('A file below 2 MB', '400 ErrorAttachmentSizeShouldNotBeLessThanMinimumSize', small_upload),
    Probe('A session lives for an hour', 'about 60 minutes', life_of_an_upload),
    Probe(
        "`GET /api/gv1.0/users('{user_id}')/messages('{message_id}')/AttachmentSessions", "200, next ['0']", state_of_an_upload
    ),
)
