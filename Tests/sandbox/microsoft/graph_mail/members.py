"""What a folder holds, in the order in which it was received: a page of a large folder is a slice, without sorting."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from sandbox.microsoft.graph_mail.model import Message

# Two rows never compare their messages: keys differ
Entry = tuple[float, bytes, Message]
# Up to this many are inserted one by one; more are sorted
FEW = 100


class Members:
    """The messages of one folder. Not safe by itself: the mailbox locks."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Entry] = {}
        self._order: list[Entry] = []
        # Came in since the order was last asked for
        self._unordered: list[Entry] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: bytes) -> Message:
        return self._rows[key][2]

    @property
    def unread(self) -> int:
        """How many of them are unread."""
        return sum(not row[2].is_read for row in self._rows.values())

    def put(self, message: Message) -> None:
        """Insert ``message``, or reorder it when ``received`` has changed."""
        row = self._rows.get(message.key)
        if row is not None and row[0] != message.received:
            self.remove(message)
        if row is None or row[0] != message.received:
            self._rows[message.key] = row = (message.received, message.key, message)
            self._unordered.append(row)

    def remove(self, message: Message) -> None:
        received, key, _ = self._rows.pop(message.key)
        order = self._ordered()
        del order[_index(order, received, key)]

    def between(self, first: float | None = None, end: float | None = None) -> list[Message]:
        """Return those received at ``first`` or later and before ``end``, oldest first; without bounds all."""
        order = self._ordered()
        start = 0 if first is None else _index(order, first)
        stop = len(order) if end is None else _index(order, end)
        return [row[2] for row in order[start:stop]]

    def before(self, received: float, key: bytes) -> Iterator[Message]:
        """Return those before that moment and key, latest first."""
        order = self._ordered()
        return (order[index][2] for index in range(_index(order, received, key) - 1, -1, -1))

    def _ordered(self) -> list[Entry]:
        if len(self._unordered) > FEW:
            self._order = sorted(self._order + self._unordered)
        else:
            for row in self._unordered:
                insort(self._order, row)
        self._unordered.clear()
        return self._order


def _index(order: list[Entry], received: float, key: bytes = b'') -> int:
    return bisect_left(order, (received, key))
