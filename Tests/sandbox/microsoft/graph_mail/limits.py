"""How much an app may request of one mailbox, and how long requests take."""

import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil

from sandbox.microsoft.graph_mail.errors import GraphError

Pair = tuple[str, str]


class _Uploads:
    """What one app has uploaded to one mailbox: moments and bytes."""

    def __init__(self) -> None:
        self.total = 0
        self._known: deque[tuple[float, int]] = deque()

    def add(self, now: float, size: int) -> None:
        if size:
            self._known.append((now, size))
            self.total += size

    def forget(self, until: float) -> None:
        while self._known and self._known[0][0] <= until:
            self.total -= self._known.popleft()[1]

    def falls_below(self, size: int) -> float:
        """Return the time of the upload whose end brings the total below ``size`` bytes."""
        gone = accumulate(one for _, one in self._known)
        return next(moment for (moment, _), so_far in zip(self._known, gone, strict=True) if self.total - so_far < size)


@dataclass
class Limits:
    """Per app and mailbox. Everything may be changed while the cloud runs.

    Attributes:
        enabled: whether anything is refused at all.
        concurrent_requests: more at once are answered 429.
        requests: more within ``window_seconds`` are answered 429.
        uploaded_bytes: once so many (at least 1) have come within ``upload_window_seconds`` in bodies of POST, PATCH and PUT,
            ranges of files among them, more bodies are answered 429.
        latency: seconds that each request over the wire takes longer; 0 but for benchmarks.
        item_latency: seconds that each request inside a ``$batch`` takes longer; up to 4 of them pass at once.
        odata_batches: a ``$batch`` shows bodies of text/* as texts and other bytes as base64url, as OData JSON 4.01 says.
    """

    enabled: bool = True
    concurrent_requests: int = 4
    requests: int = 10_000
    window_seconds: float = 600.0
    uploaded_bytes: int = 150 * 1024 * 1024
    upload_window_seconds: float = 300.0
    latency: float = 0.0
    item_latency: float = 0.0
    odata_batches: bool = False
    _running: dict[Pair, int] = field(default_factory=lambda: defaultdict(int), repr=False)
    _begun: dict[Pair, deque[float]] = field(default_factory=lambda: defaultdict(deque), repr=False)
    _uploads: dict[Pair, _Uploads] = field(default_factory=lambda: defaultdict(_Uploads), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def enter(self, app: str, mailbox: str, now: float, size: int) -> None:
        """Count a request that begins and uploads ``size`` bytes; call ``leave`` when it ends.

        Raises GraphError 429 when it is one too many; do not call ``leave`` for that one.
        """
        pair = app, mailbox
        with self._lock:
            begun = self._begun[pair]
            while begun and begun[0] <= now - self.window_seconds:
                begun.popleft()
            if self.enabled and self._running[pair] >= self.concurrent_requests:
                raise _throttled('MailboxConcurrency', 1)
            if self.enabled and len(begun) >= self.requests:
                raise _throttled('MailboxRequests', ceil(begun[0] + self.window_seconds - now))
            self._count_upload(pair, now, size)
            begun.append(now)
            self._running[pair] += 1

    def upload(self, app: str, mailbox: str, now: float, size: int) -> None:
        """Count a range of a file, which is not a request to the mailbox. Raises GraphError 429 when it is one too many."""
        with self._lock:
            self._count_upload((app, mailbox), now, size)

    def running_requests(self, mailbox: str) -> int:
        """Return how many requests to that mailbox are being answered now."""
        with self._lock:
            return sum(count for (_, known), count in self._running.items() if known == mailbox)

    def leave(self, app: str, mailbox: str) -> None:
        """Count a request that has ended."""
        with self._lock:
            self._running[app, mailbox] -= 1

    def _count_upload(self, pair: Pair, now: float, size: int) -> None:
        uploads = self._uploads[pair]
        uploads.forget(now - self.upload_window_seconds)
        if self.enabled and size and uploads.total >= self.uploaded_bytes:
            free = uploads.falls_below(self.uploaded_bytes) + self.upload_window_seconds
            raise _throttled('MailboxUpload', ceil(free - now))
        uploads.add(now, size)


def _throttled(limit: str, seconds: int) -> GraphError:
    headers = {'Retry-After': str(max(1, seconds))}
    return GraphError(429, 'ApplicationThrottled', f'Application is over its {limit} limit.', headers)
