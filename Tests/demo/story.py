"""From the upload of the pack to ``!msgraph-mail-auth-test``, in every way to sign in; then a tour of the mailbox."""

import argparse
import signal
import time

from authentication_methods import WAYS
from demo.administrator import Administrator
from demo.progress import complain, say, step
from demo.table import table, tour_table, tour_verdict, verdict
from demo.tour import Tour
from demo.upload import UploadError, upload_to
from demo.walk import Row, Walk
from sandbox.servers import Sandbox


def main() -> int:
    """Returns the exit status: 0 if all ways and the tour hold, 1 if not, 2 if the demo could not be run."""
    argparse.ArgumentParser(prog='python -m demo', description=__doc__).parse_args()
    try:
        return demo()
    except (UploadError, OSError) as error:
        complain(f'The demo could not be run. {error}')
        return 2


def demo() -> int:
    """Shows all ways to sign in, and the mailbox. Returns the exit status.

    Raises:
        UploadError: demisto-sdk did not upload the pack.
    """
    started = time.monotonic()
    sandbox = Sandbox(fetches=False)
    try:
        with step('Starting a local Microsoft cloud and a local XSOAR server'):
            sandbox.start()
        with step('Building the pack with demisto-sdk and uploading it'):
            upload_to(sandbox)
        with step('Connecting to XSOAR with the client of demisto-sdk'):
            administrator = Administrator(sandbox.server.url, sandbox.server.api_key)
        rows = [_walk(number, sandbox, administrator) for number in range(len(WAYS))]
        with step('Tour of the mailbox'):
            stops = Tour(sandbox.cloud, administrator, sandbox.server.fetch_now).take()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressing Ctrl-C twice must not leave half of it running
        with step('Stopping both'):
            sandbox.stop()
    say(f'\n{table(rows)}\n')
    say(
        f'Requests: what the integration sent, from the start of its sign-in to the answer of auth-test.\n'
        f'Milliseconds: from typing !msgraph-mail-auth-test to its answer, with the start of its process.\n\n'
        f'{tour_table(stops)}\n\n'
        f'{verdict(rows)}\n{tour_verdict(stops)} It took {time.monotonic() - started:.0f} seconds.'
    )
    return int(any(row.problems for row in rows) or any(stop.problem for stop in stops))


def _walk(number: int, sandbox: Sandbox, administrator: Administrator) -> Row:
    way = WAYS[number]
    if way.engine == 'arc' and sandbox.without_arc:
        return Row(way.name, note=sandbox.without_arc)
    with step(f'Way {number + 1:>2} of {len(WAYS)}: {way.name}'):
        return Walk(way, sandbox.cloud, administrator).take()
