"""What a mail costs when there are few, and when there are many: the line of seconds against mails must stay straight."""

import time
from statistics import median

from benchmarks import letters
from benchmarks.effort import Effort
from benchmarks.mail_fetch import add_instance, fetched
from benchmarks.row import Row, at_most, plain
from sandbox.servers import Sandbox

GOAL = 1.25


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    add_instance(sandbox)
    with letters.slow_way(sandbox.cloud):
        seconds = {size: median(_seconds(sandbox, size) for _ in range(effort.times)) for size in effort.sizes}
    cost = {size: one / size for size, one in seconds.items()}
    *_, middle, largest = effort.sizes
    return [
        *(
            plain(f'Fetch of {size:,} messages', one, 's', f'{1000 * cost[size]:.1f} ms for each message')
            for size, one in seconds.items()
        ),
        at_most(
            f'Cost of a message, of {largest:,} in ratio to {middle:,}',
            cost[largest] / cost[middle],
            GOAL,
            '',
            f'{1000 * cost[largest]:.1f} : {1000 * cost[middle]:.1f} ms',
        ),
    ]


def _seconds(sandbox: Sandbox, size: int) -> float:
    """Return the seconds until that many mails are incidents and marked as read, in runs of the default size."""
    mailbox = letters.clear_inbox(sandbox.cloud)
    fetched(sandbox)
    delivered = letters.deliver(mailbox, size)
    begun, incidents = time.perf_counter(), 0
    while found := fetched(sandbox):  # the last run finds nothing and marks the rest
        incidents += found
    seconds = time.perf_counter() - begun
    if incidents != size or not all(message.is_read for message in delivered):
        raise RuntimeError(f'The fetch of {size} messages made {incidents} incidents.')
    return seconds
