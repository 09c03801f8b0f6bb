"""Time that waits of the product move instead of taking it."""

from collections.abc import Callable

import pytest

from MicrosoftCoreApiModule import SystemClock


def skip_waits(monkeypatch: pytest.MonkeyPatch, advance: Callable[[float], None] = lambda _seconds: None) -> list[float]:
    """Return a list of the waits from now on: they are seconds that pass at once. `advance` gets each of them."""
    waits: list[float] = []
    elapsed = SystemClock.elapsed

    def sleep(_clock: SystemClock, seconds: float) -> None:
        waits.append(seconds)
        advance(seconds)

    monkeypatch.setattr(SystemClock, 'sleep', sleep)
    monkeypatch.setattr(SystemClock, 'elapsed', lambda clock: elapsed(clock) + sum(waits))
    return waits
