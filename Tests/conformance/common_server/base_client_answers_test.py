"""BaseClient, ours or the real one, speaks HTTP as was recorded of the real one, over loopback."""

import re
import socket
from typing import Any

import pytest

from CommonServerPython import BaseClient
from conformance.common_server.recording import MessageRow, recorded, rows
from conformance.common_server.scripted_server import ScriptedServer

ROWS = rows('base-client-answers.json')
HTTP_ROWS = [row for row in ROWS if 'server_answers' in row]
NETWORK_ROWS = {row['network']: row for row in ROWS if 'network' in row}


def test_no_row_is_lost() -> None:
    assert len(ROWS) == len(HTTP_ROWS) + len(NETWORK_ROWS) == 45


def outcome(client: BaseClient, request: dict[str, Any]) -> MessageRow:
    """Return what a request gives, in the shape of the recording."""
    try:
        returned = client._http_request(**request)
    except Exception as error:
        seen = {'raises': type(error).__name__, 'message': str(error)}
        return {**seen, 'has_response': getattr(error, 'res', None) is not None}
    kind = type(returned).__name__
    if kind == 'Response':
        return {'returns': {'type': kind, 'status': returned.status_code}}
    return {'returns': {'type': kind, 'value': recorded(returned)}}


@pytest.mark.parametrize('row', HTTP_ROWS, ids=[str(number) for number in range(len(HTTP_ROWS))])
def test_a_request_goes_and_ends_as_recorded(row: MessageRow) -> None:
    request = dict(row['request'])
    with ScriptedServer(row['server_answers']) as server:
        if 'full_url' in request:
            request['full_url'] = request['full_url'].replace('http://server', server.url)
        seen = outcome(BaseClient(f'{server.url}/v1', **row['client']), request)
        seen['requests_seen'] = server.seen

    assert seen == {key: value for key, value in row.items() if key not in ('client', 'request', 'server_answers')}


def broken(base_url: str, port: int | None = None) -> MessageRow:
    """Return how a request to a host ends that cannot answer, with the port and the resolver's own words made equal."""
    seen = outcome(BaseClient(base_url), {'method': 'GET', 'url_suffix': 'x'})
    message = seen['message'].replace(f'port={port}', 'port=PORT')
    message = re.sub(r'\(\[Errno -\d+\] [^()]*\)', '([Errno -2] Name or service not known)', message)
    return {'raises': seen['raises'], 'message': message}


def test_a_refused_connection_is_explained_as_recorded() -> None:
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    row = NETWORK_ROWS['refused']
    assert broken(f'http://127.0.0.1:{port}', port) == {'raises': row['raises'], 'message': row['message']}


def test_a_host_without_address_is_explained_as_recorded() -> None:
    row = NETWORK_ROWS['dns']
    assert broken('http://no-such-host.invalid') == {'raises': row['raises'], 'message': row['message']}


def test_a_server_that_speaks_no_tls_is_explained_as_recorded() -> None:
    row = NETWORK_ROWS['not tls']
    with ScriptedServer([(200, {}, '')]) as server:
        assert broken(f'https://127.0.0.1:{server.port}') == {'raises': row['raises'], 'message': row['message']}
