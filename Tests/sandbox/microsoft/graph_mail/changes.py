"""What changed in a folder, in order: what delta queries are answered from."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """The latest thing that happened to ``key``. ``entered`` is the number of the change with which it came in."""

    number: int
    key: bytes
    entered: int
    is_present: bool
    former_id: str


class ChangeLog:
    """The changes of one folder. Numbers grow, and are given by the mailbox. Not safe by itself: the mailbox locks."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._keys: list[bytes] = []
        self._latest: dict[bytes, Change] = {}

    def record(self, number: int, key: bytes, is_present: bool, former_id: str = '') -> None:
        """Note that ``key`` came, changed or (not ``is_present``) left, when it was called ``former_id``."""
        before = self._latest.get(key)
        entered = before.entered if before and before.is_present else number
        self._numbers.append(number)
        self._keys.append(key)
        self._latest[key] = Change(number, key, entered, is_present, former_id)

    def latest(self, key: bytes) -> Change:
        """Return the latest change of that key."""
        return self._latest[key]

    def after(self, number: int) -> Iterator[Change]:
        """Return the latest change of each key that changed after ``number``, oldest first."""
        for index in range(bisect_right(self._numbers, number), len(self._numbers)):
            change = self._latest[self._keys[index]]
            if change.number == self._numbers[index]:
                yield change
