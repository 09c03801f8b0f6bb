"""Report progress, one line for each step, on a terminal and in a log alike."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_WIDTH = 88


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is being done, and when it ends how long it took or that it failed."""
    print(f'{what} '.ljust(_WIDTH, '.'), end=' ', flush=True)
    started = time.monotonic()
    try:
        yield
    except KeyboardInterrupt:
        print('stopped', flush=True)
        raise
    except BaseException:
        print('failed', flush=True)
        raise
    print(f'{time.monotonic() - started:5.1f} s', flush=True)


def say(text: str = '') -> None:
    """Print a text, at once also where the output is a pipe."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print why something ended early, where errors go."""
    print(text, file=sys.stderr, flush=True)
