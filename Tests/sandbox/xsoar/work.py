"""Work that goes on beside requests: on threads of its own, each piece at most once at a time."""

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .errors import NotFound


class Work:
    """Runs pieces of work.

    Args:
        threads: how many of them run at once; more wait.
    """

    def __init__(self, threads: int) -> None:
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix='xsoar-work')
        self._running: set[tuple[str, Any]] = set()
        self._lock = threading.Lock()

    def begin(self, key: tuple[str, Any], work: Callable[[], object]) -> bool:
        """Run a piece of work soon. Return False, and do nothing, if the one of the same key has not ended yet."""
        with self._lock:
            if key in self._running:
                return False
            self._running.add(key)

        def run() -> None:
            try:
                guarded(work)
            finally:
                with self._lock:
                    self._running.discard(key)

        self._workers.submit(run)
        return True

    def is_running(self, key: tuple[str, Any]) -> bool:
        """Return whether the piece of work of a key waits or runs."""
        with self._lock:
            return key in self._running

    def stop(self) -> None:
        """Wait for what runs, and for what waits."""
        self._workers.shutdown(wait=True)


def guarded(work: Callable[[], object]) -> None:
    """Do work on a thread that must not end: a defect of the server is printed."""
    try:
        work()
    except NotFound:
        return  # the instance has been deleted in between
    except Exception:
        traceback.print_exc()
