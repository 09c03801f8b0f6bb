"""Twenty processes, one token request: many commands of an instance at once on an expired token."""

import time

import pytest

import authentication_methods
from demo.administrator import Administrator
from e2e.war_room import ERROR, WarRoom, texts
from sandbox.microsoft import MicrosoftCloud
from sandbox.tests.machine import slowness

PROCESSES = 20
INSTANCE = 'Twenty at once'
DELAY = min(2 * slowness(), 10)  # seconds; long enough that all others wait, and below the timeout of a token request
# How many seconds a token lives that counts as expired a second later. Entra says one less; a Token that works once is not
# kept for an outage.
SHORT_LIVES = {'entra': 32, 'token-service': 302}
TOKEN_SERVICES = [(authentication_methods.client_secret, 'entra'), (authentication_methods.cortex_app, 'token-service')]


@pytest.fixture(params=TOKEN_SERVICES, ids=['client secret', 'Cortex app'])
def token_service(request: pytest.FixtureRequest, cloud: MicrosoftCloud, administrator: Administrator, war_room: WarRoom) -> str:
    """Return the token service of a signed-in instance whose token has expired."""
    settings, service = request.param
    administrator.add_instance(INSTANCE, settings(cloud))
    cloud.directory.access_token_seconds = SHORT_LIVES[service]
    administrator.run('!msgraph-mail-auth-test', INSTANCE)
    cloud.directory.access_token_seconds = 3600
    time.sleep(1.2)
    cloud.requests.clear()
    return str(service)


def test_twenty_processes_send_one_token_request_and_all_succeed(
    token_service: str, cloud: MicrosoftCloud, war_room: WarRoom
) -> None:
    cloud.faults.add(service=token_service, path='token', delay=DELAY)
    answers = war_room.run_concurrently('!msgraph-mail-list-emails page_size=1', INSTANCE, PROCESSES)
    assert len(cloud.requests.of(token_service)) == 1
    assert [entry['contents'] for entries in answers for entry in entries if entry['type'] == ERROR] == []
    assert all('Report 1' in texts(entries) for entries in answers)
    # four at a time may read a mailbox, others wait; the second request of each is for the name of the folder
    assert len([one for one in cloud.requests.of('graph') if (one.method, one.status) == ('GET', 200)]) == PROCESSES


@pytest.mark.parametrize('token_service', TOKEN_SERVICES[1:], ids=['Cortex app'], indirect=True)
def test_the_newest_refresh_token_works_afterwards(
    token_service: str, cloud: MicrosoftCloud, war_room: WarRoom, administrator: Administrator
) -> None:
    cloud.directory.access_token_seconds = SHORT_LIVES[token_service]
    war_room.run_concurrently('!msgraph-mail-list-emails page_size=1', INSTANCE, PROCESSES)
    time.sleep(1.2)
    cloud.requests.clear()
    assert 'Report 1' in administrator.run('!msgraph-mail-list-emails page_size=1', INSTANCE)
    assert [record.status for record in cloud.requests.of(token_service)] == [200]


def test_an_error_reaches_all_twenty_with_few_requests(token_service: str, cloud: MicrosoftCloud, war_room: WarRoom) -> None:
    """The processes that waited do not each request a token after an error."""
    cloud.faults.add(
        service=token_service,
        path='token',
        delay=DELAY,
        status=401,
        times=None,
        body={'error': 'invalid_client', 'error_description': 'AADSTS7000222: The secret has expired.'},
    )
    answers = war_room.run_concurrently('!msgraph-mail-list-emails page_size=1', INSTANCE, PROCESSES)
    assert all(entries[-1]['type'] == ERROR and 'secret has expired' in texts(entries) for entries in answers)
    assert len(cloud.requests.of(token_service)) <= 3
