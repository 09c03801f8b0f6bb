"""Runs the local Microsoft cloud and the local XSOAR server, with the pack on it, until Ctrl-C."""

import argparse
import threading
from contextlib import suppress

from demo.instructions import instructions
from demo.progress import complain, say, step
from demo.upload import UploadError, upload_to
from sandbox.servers import Sandbox
from sandbox.xsoar import Refusal


def main() -> int:
    """Return the exit status: 0 when it was stopped, 2 if it could not be started."""
    argparse.ArgumentParser(prog='python -m demo.serve', description=__doc__).parse_args()
    try:
        run(Sandbox())
    except (UploadError, Refusal, OSError) as error:
        complain(f'The sandbox could not be started. {error}')
        return 2
    return 0


def run(sandbox: Sandbox) -> None:
    """Run the sandbox until Ctrl-C."""
    try:
        with step('Starting a local Microsoft cloud and a local XSOAR server'):
            sandbox.start()
        with step('Building the pack with demisto-sdk and uploading it'):
            upload_to(sandbox)
        say(f'\n{instructions(sandbox)}\n\nEverything runs until Ctrl-C; nothing is stored after that.')
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    finally:
        sandbox.stop()
    say('\nStopped. Nothing is left running.')
