"""Runs the local Microsoft cloud and the local XSOAR server, with the pack on it, until Ctrl-C."""

import argparse
import threading
from contextlib import suppress

from authentication_methods import cloud_settings
from demo.administrator import INTEGRATION
from demo.instructions import instructions
from demo.progress import complain, say, step
from demo.upload import UploadError, upload_to
from sandbox.servers import Sandbox
from sandbox.xsoar import Refusal


def main() -> int:
    """Return the exit status: 0 when it was stopped, 2 if it could not be started."""
    parser = argparse.ArgumentParser(prog='python -m demo.serve', description=__doc__)
    parser.add_argument('--port', type=int, default=0, help='the port of the start page; the others follow. Free ones by default')
    parser.add_argument('--keep', default='', help='a folder to keep the state in from one run to the next')
    options = parser.parse_args()
    try:
        run(Sandbox(options.port, options.keep), options.keep)
    except (UploadError, Refusal, OSError, ValueError) as error:
        complain(f'The sandbox could not be started. {error}')
        return 2
    return 0


def run(sandbox: Sandbox, keep: str = '') -> None:
    """Run a sandbox until somebody interrupts it.

    Args:
        keep: the folder that its state is kept in.
    """
    try:
        with step('Starting a local Microsoft cloud and a local XSOAR server'):
            sandbox.start()
        with step('Building the pack with demisto-sdk and uploading it'):
            upload_to(sandbox)
        sandbox.server.surroundings.presets[INTEGRATION] = cloud_settings(sandbox.cloud)
        sandbox.portal.chapters[:] = instructions(sandbox)
        left = f'Its state is kept in {keep}.' if keep else 'Nothing of it is kept: KEEP=<folder> keeps it.'
        say(f'\nOpen {sandbox.portal.start_url}\n\nIt runs until Ctrl-C. {left}')
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    finally:
        sandbox.stop()
    say('\nStopped. Nothing is left running.')
