"""Requests one after another are counted as such, those side by side once."""

import pytest

from benchmarks.round_trips import one_after_another
from sandbox.microsoft.request_log import RequestRecord


def record(started: float, ended: float) -> RequestRecord:
    return RequestRecord('graph', 'GET', '/', 200, started, (ended - started) * 1000)


@pytest.mark.parametrize(
    'times, expected',
    [
        ([], 0),
        ([(1, 2), (2.5, 3), (3.5, 4)], 3),
        ([(1, 2), (1.1, 2.1), (1.2, 2.2), (1.3, 1.9)], 1),
        ([(1, 2), (1, 2.2), (2.3, 3), (2.3, 3.4), (3.5, 4)], 3),
        ([(1, 10), (2, 3), (4, 5)], 2),
    ],
    ids=['none', 'a chain', 'four at once', 'two rounds of two and one more', 'a chain beside a long one'],
)
def test_round_trips(times: list[tuple[float, float]], expected: int) -> None:
    assert one_after_another([record(*one) for one in reversed(times)]) == expected
