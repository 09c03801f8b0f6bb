"""How much is measured: enough for figures that stand, or just so much that everything has run once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """What costs time.

    Attributes:
        times: how often what takes seconds is measured; the figure is the median.
        processes: how many commands meet one expired token, each number by itself.
        sizes: how many mails are fetched, each number by itself.
        large: size of what counts as a large file, in MB.
    """

    times: int = 5
    processes: tuple[int, ...] = (1, 5, 20, 50)
    sizes: tuple[int, ...] = (10, 100, 1000)
    large: int = 150


THOROUGH = Effort()
QUICK = Effort(times=1, processes=(1, 5), sizes=(10, 20), large=20)
LATENCY = 0.05  # seconds that each request to Graph takes longer where mail is asked
