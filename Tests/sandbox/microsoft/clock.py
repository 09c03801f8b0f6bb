"""The time of the local Microsoft cloud."""

import time
from datetime import datetime, timezone
from functools import lru_cache


class Clock:
    """Wall clock that a test can move forward (or back), so that tokens expire without a wait."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._stopped: float | None = None

    def now(self) -> float:
        """Return the seconds since the epoch, with everything that ``advance`` added."""
        return (time.time() if self._stopped is None else self._stopped) + self._offset

    def stop(self) -> None:
        """Stop the clock: only ``advance`` moves it, until ``reset``."""
        if self._stopped is None:
            self._stopped = time.time()

    def advance(self, seconds: float) -> None:
        """Move the clock by ``seconds``; negative values move it back."""
        self._offset += seconds

    def reset(self) -> None:
        """Return to the time of the machine."""
        self._offset, self._stopped = 0.0, None


def entra_timestamp(moment: float) -> str:
    """Return a time as Entra ID writes it in its errors: ``2026-01-31 23:59:59Z``."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime('%Y-%m-%d %H:%M:%SZ')


@lru_cache(10_000)
def graph_timestamp(moment: float) -> str:
    """Return a time as Microsoft Graph writes it in messages: ``2026-01-31T23:59:59Z``."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
