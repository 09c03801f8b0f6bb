"""What tests need to know of the machine that they run on, and of how they were started."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MARGIN = 4.0
_START_OF_PYTHON = 0.025  # seconds, on an idle machine of 2026


@functools.cache
def slowness() -> float:
    """Return how many times slower this machine is than one on which a test takes as long as it says; at least 1.

    Measured once in each process, or the environment variable ``TEST_SLOWNESS``.
    """
    if os.environ.get('TEST_SLOWNESS'):
        return float(os.environ['TEST_SLOWNESS'])
    started = time.monotonic()
    subprocess.run([sys.executable, '-I', '-c', 'pass'], check=True)
    return max(1.0, (time.monotonic() - started) / _START_OF_PYTHON)


def limit(seconds: float) -> float:
    """Return the time limit for what takes that many seconds on an idle machine. It finds what hangs, it does not measure."""
    return seconds * slowness() * _MARGIN


def wait_until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Return the first true value of a condition. Raise AssertionError if there is none within ``limit(seconds)``."""
    end = time.monotonic() + limit(seconds)
    while not (value := condition()):
        assert time.monotonic() < end, f'This did not happen within {limit(seconds):.0f} seconds.'
        time.sleep(0.01)
    return value


@contextmanager
def interruptible_children() -> Iterator[None]:
    """Start processes that SIGINT interrupts, also where this one ignores it (nohup, ``&`` in a script, some CI runners)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
