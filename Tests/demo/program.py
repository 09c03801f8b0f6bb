"""Start the programs of this package, and end them."""

import importlib
import signal
import sys

from demo.progress import complain


def run(module: str) -> None:
    """Run ``main`` of a module as a program, and exit with the status that it returns.

    Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) end it with one line and exit status 130, even while it loads, which
    takes a second.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        status = importlib.import_module(module).main()
    except KeyboardInterrupt:
        complain('Stopped. Nothing is left running.')
        status = 130
    sys.exit(status)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
