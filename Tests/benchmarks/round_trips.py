"""How many requests had to wait for each other."""

from collections.abc import Iterable

from sandbox.microsoft.request_log import RequestRecord


def one_after_another(records: Iterable[RequestRecord]) -> int:
    """Return the length of the longest chain of requests of which each began after the one before it was answered.

    Requests that are on their way at the same time count once.
    """
    chain, last_end = 0, 0.0
    for end, start in sorted((record.started + record.milliseconds / 1000, record.started) for record in records):
        if start >= last_end:
            chain, last_end = chain + 1, end
    return chain
