"""Many commands at once on one expired token: how many token requests they make, and when the last has its token."""

import time
from statistics import median

from authentication_methods import client_secret
from benchmarks.effort import Effort
from benchmarks.row import Row, count, plain
from demo.administrator import Administrator
from e2e.war_room import ERROR, WarRoom
from sandbox.servers import Sandbox

INSTANCE = 'Expired'
COMMAND = '!msgraph-mail-list-emails page_size=1'
SHORT_LIFE = 32  # seconds; Entra says one less, and a token counts as expired 30 s before its end


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    administrator = Administrator(sandbox.server.url, sandbox.server.api_key)
    administrator.add_instance(INSTANCE, client_secret(sandbox.cloud))
    # it is the token that they shall wait for, not the mailbox
    sandbox.cloud.limits.enabled = False
    try:
        return [row for processes in effort.processes for row in _rows_of(sandbox, administrator, processes, effort.times)]
    finally:
        sandbox.cloud.limits.enabled = True


def _rows_of(sandbox: Sandbox, administrator: Administrator, processes: int, times: int) -> list[Row]:
    war_room = WarRoom(sandbox.server)
    measured = []
    for _ in range(times):
        _let_expire(sandbox, administrator)
        expired, requests = _at_once(sandbox, war_room, processes)
        warm, _ = _at_once(sandbox, war_room, processes)
        measured.append((requests, expired, warm))
    what = f'{processes} {"process" if processes == 1 else "processes"} on an expired token'
    expired, warm = (median(one[column] for one in measured) for column in (1, 2))
    return [
        count(f'{what}: token requests', max(one[0] for one in measured), 1, 'maximum of all runs'),
        plain(f'{what}: until the last has its token', expired, 's', f'on a warm token {warm:.2f} s'),
    ]


def _let_expire(sandbox: Sandbox, administrator: Administrator) -> None:
    directory = sandbox.cloud.directory
    usual, directory.access_token_seconds = directory.access_token_seconds, SHORT_LIFE
    administrator.run('!msgraph-mail-auth-reset', INSTANCE)
    administrator.run('!msgraph-mail-auth-test', INSTANCE)
    directory.access_token_seconds = usual
    time.sleep(1.2)


def _at_once(sandbox: Sandbox, war_room: WarRoom, processes: int) -> tuple[float, int]:
    """Return the seconds until the last of so many commands asks for mail, and how many token requests they made."""
    sandbox.cloud.requests.clear()
    begun = time.time()
    answers = war_room.run_concurrently(COMMAND, INSTANCE, processes)
    failed = [entry['contents'] for entries in answers for entry in entries if entry['type'] == ERROR]
    asked = sandbox.cloud.requests.of('graph', '/messages')  # the names of folders come from a batch
    if failed or len(asked) != processes:
        raise RuntimeError(f'{processes} commands asked for mail {len(asked)} times. {" ".join(failed)}')
    return max(record.started for record in asked) - begun, len(sandbox.cloud.requests.of('entra'))
