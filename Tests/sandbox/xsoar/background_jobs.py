"""Jobs that run beside requests, in threads of their own. No two with the same key run at the same time."""

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .errors import NotFound


class BackgroundJobs:
    """A queue of jobs, and the threads that run them.

    Args:
        threads: how many jobs run at once; more wait.
    """

    def __init__(self, threads: int) -> None:
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix='xsoar-work')
        self._running: set[tuple[str, Any]] = set()
        self._lock = threading.Lock()

    def start(self, key: tuple[str, Any], job: Callable[[], object]) -> bool:
        """Run a job soon. Return False, and do nothing, if one with the same key has not ended yet."""
        with self._lock:
            if key in self._running:
                return False
            self._running.add(key)

        def run() -> None:
            try:
                run_and_log_errors(job)
            finally:
                with self._lock:
                    self._running.discard(key)

        self._workers.submit(run)
        return True

    def is_running(self, key: tuple[str, Any]) -> bool:
        """Return whether the job with a key waits or runs."""
        with self._lock:
            return key in self._running

    def stop(self) -> None:
        """Wait until all jobs have ended, also those that wait."""
        self._workers.shutdown(wait=True)


def run_and_log_errors(job: Callable[[], object]) -> None:
    """Run a job in a thread that must not end. Print the traceback of a defect of the server."""
    try:
        job()
    except NotFound:
        return  # the instance has been deleted in between
    except Exception:
        traceback.print_exc()
