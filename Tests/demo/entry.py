"""How the programs of the sandbox begin and end."""

import importlib
import signal
import sys

from demo.progress import complain


def start(module: str) -> None:
    """Runs ``main`` of a module as a program, and exits with the status that it returns.

    Ctrl-C, SIGTERM and SIGHUP (the terminal is closed) end it in one line and with exit status 130; also while it loads, which
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
