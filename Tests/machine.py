"""What tests need to know of the machine that they run on, and of how they were started."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def seconds(on_an_idle_machine: float) -> float:
    """Return a time limit in seconds, scaled for this machine.

    Limits find what hangs; they do not measure. ``TEST_TIME_FACTOR`` is what they are multiplied by (default 4).
    """
    return on_an_idle_machine * float(os.environ.get('TEST_TIME_FACTOR', '4'))


@contextmanager
def interruptible_children() -> Iterator[None]:
    """Start processes that SIGINT interrupts, also where this one ignores it (nohup, ``&`` in a script, some CI runners)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
