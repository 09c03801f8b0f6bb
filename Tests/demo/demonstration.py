"""Upload the pack, sign in with every authentication method up to ``!msgraph-mail-auth-test``, and tour a mailbox."""

import argparse
import signal
import textwrap
import time
from collections.abc import Callable

from authentication_methods import METHODS, AuthenticationMethod
from demo.administrator import Administrator
from demo.method_check import MethodCheck, MethodResult
from demo.progress import complain, say, step
from demo.table import method_table, method_verdict, tour_table, tour_verdict
from demo.tour import Tour
from demo.upload import UploadError, upload_to
from sandbox.servers import Sandbox


def main() -> int:
    """Return the exit status: 0 if all methods and the tour work, 1 if not, 2 if the demo could not run."""
    parser = argparse.ArgumentParser(prog='make demo', description=__doc__)
    parser.add_argument('--ask', action='store_true', help='let me approve the draft of a reply before it is sent')
    options = parser.parse_args()
    try:
        return demonstrate(ask) if options.ask else demonstrate()
    except (UploadError, OSError) as error:
        complain(f'The demo could not run. {error}')
        return 2


def ask(draft: str) -> bool:
    """Return whether the person at the keyboard approves a draft. Enter alone approves it."""
    say(f'\n\n{textwrap.indent(draft, "    ")}\n')
    try:
        return input('Send this reply? [Y/n] ').strip().lower() in ('', 'y', 'yes')
    except EOFError:  # nobody is there
        return False


def demonstrate(approve: Callable[[str], bool] = bool) -> int:
    """Show all authentication methods and the mailbox; return the exit status.

    Args:
        approve: whether to send the reply of the tour, as it was drafted.
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
        results = [_check(number, method, sandbox, administrator) for number, method in enumerate(METHODS, 1)]
        with step('Tour of the mailbox'):
            tour = Tour(sandbox.cloud, administrator, sandbox.server.fetch_now, approve)
            steps = tour.run()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressing Ctrl-C twice must not leave half of it running
        with step('Stopping both'):
            sandbox.stop()
    shown = (
        f'The reply, as it was shown before it was approved:\n\n{textwrap.indent(tour.draft, "    ")}\n\n' if tour.draft else ''
    )
    say(f'\n{method_table(results)}\n')
    say(
        f'Requests: what the integration sent, from the start of its sign-in to the answer of auth-test.\n'
        f'Milliseconds: from typing !msgraph-mail-auth-test to its answer, with the start of its process.\n\n'
        f'{tour_table(steps)}\n\n'
        f'{shown}'
        f'{method_verdict(results)}\n{tour_verdict(steps)} It took {time.monotonic() - started:.0f} seconds.'
    )
    return int(any(result.problems for result in results) or any(step.problem for step in steps))


def _check(number: int, method: AuthenticationMethod, sandbox: Sandbox, administrator: Administrator) -> MethodResult:
    if method.engine == 'arc' and sandbox.without_arc:
        return MethodResult(method.name, note=sandbox.without_arc)
    with step(f'Method {number:>2} of {len(METHODS)}: {method.name}'):
        return MethodCheck(method, sandbox.cloud, administrator).run()
