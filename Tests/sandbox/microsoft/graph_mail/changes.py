"""What changed in a folder, in order: what delta queries are answered from."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """The latest thing that happened to ``key``.

    Attributes:
        entered, left: the numbers of the changes with which it came in, and with which it left the last time; 0 if it never did.
        properties: what changed of it while it was there.
    """

    number: int
    key: bytes
    entered: int
    is_present: bool
    former_id: str
    left: int = 0
    properties: frozenset[str] = frozenset()


class ChangeLog:
    """The changes of one folder. Numbers grow, and are given by the mailbox. Not safe by itself: the mailbox locks."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._keys: list[bytes] = []
        self._latest: dict[bytes, Change] = {}

    def record(self, number: int, key: bytes, is_present: bool, former_id: str = '', properties: Iterable[str] = ()) -> None:
        """Note that ``key`` came, changed in ``properties`` or (not ``is_present``) left, when it was called ``former_id``."""
        before = self._latest.get(key)
        more: dict[str, Any] = {'entered': number, 'left': before.left if before and is_present else 0}
        if before and before.is_present:
            more |= {'entered': before.entered, 'properties': before.properties | {*properties}}
        if not is_present:
            more['left'] = number
        self._numbers.append(number)
        self._keys.append(key)
        self._latest[key] = Change(number, key, is_present=is_present, former_id=former_id, **more)

    def latest(self, key: bytes) -> Change:
        """Return the latest change of that key."""
        return self._latest[key]

    def after(self, number: int) -> Iterator[Change]:
        """Return the latest change of each key that changed after ``number``, oldest first."""
        for index in range(bisect_right(self._numbers, number), len(self._numbers)):
            change = self._latest[self._keys[index]]
            if change.number == self._numbers[index]:
                yield change
