"""How much is measured: enough for figures that stand, or just so much that everything has run once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """What costs time.

    Attributes:
        times: how often what takes seconds is measured; the figure is the median.
        often: how often what takes tenths of a second is.
        repeats: how often what takes milliseconds is.
        processes: how many commands meet one expired token, each number by itself.
        sizes: how many mails are fetched, each number by itself.
        large: size of what counts as a large file, in MB; 150 is the largest that Graph takes.
    """

    times: int = 5
    often: int = 20
    repeats: int = 100
    processes: tuple[int, ...] = (1, 5, 20, 50)
    sizes: tuple[int, ...] = (10, 100, 1000)
    large: int = 150


THOROUGH = Effort()
QUICK = Effort(times=1, often=1, repeats=1, processes=(1, 3), sizes=(1, 2), large=8)
LATENCY = 0.05  # seconds that each request to Graph takes longer where mail is asked
