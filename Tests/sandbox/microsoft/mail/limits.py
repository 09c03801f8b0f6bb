"""How much an app may ask of one mailbox, and how long the way to it is."""
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import ceil

from sandbox.microsoft.errors import GraphError

Pair = tuple[str, str]


@dataclass
class Limits:
    """Per app and mailbox. Everything may be changed while the cloud runs.

    Attributes:
        enabled: whether anything is refused at all.
        concurrent_requests: more at once are answered 429.
        requests: more within ``window_seconds`` are answered 429.
        latency: seconds that each request over the wire takes longer; 0 but for benchmarks.
        item_latency: seconds that each request inside a ``$batch`` takes longer; up to 4 of them pass at once.
    """

    enabled: bool = True
    concurrent_requests: int = 4
    requests: int = 10_000
    window_seconds: float = 600.0
    latency: float = 0.0
    item_latency: float = 0.0
    _running: dict[Pair, int] = field(default_factory=lambda: defaultdict(int), repr=False)
    _begun: dict[Pair, deque[float]] = field(default_factory=lambda: defaultdict(deque), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def enter(self, app: str, mailbox: str, now: float) -> None:
        """A request begins; it must ``leave``. Raises GraphError 429 when it is one too many; that one must not leave."""
        pair = app, mailbox
        with self._lock:
            begun = self._begun[pair]
            while begun and begun[0] <= now - self.window_seconds:
                begun.popleft()
            if self.enabled and self._running[pair] >= self.concurrent_requests:
                raise _throttled('MailboxConcurrency', 1)
            if self.enabled and len(begun) >= self.requests:
                raise _throttled('MailboxRequests', ceil(begun[0] + self.window_seconds - now))
            begun.append(now)
            self._running[pair] += 1

    def at_once(self, mailbox: str) -> int:
        """How many requests to that mailbox are being answered now."""
        with self._lock:
            return sum(count for (_, known), count in self._running.items() if known == mailbox)

    def leave(self, app: str, mailbox: str) -> None:
        """A request has ended."""
        with self._lock:
            self._running[app, mailbox] -= 1


def _throttled(limit: str, seconds: int) -> GraphError:
    headers = {'Retry-After': str(max(1, seconds))}
    return GraphError(429, 'ApplicationThrottled', f'Application is over its {limit} limit.', headers)
