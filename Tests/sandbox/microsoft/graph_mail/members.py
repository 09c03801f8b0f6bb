"""What a folder holds, in the order in which it was received: pages of large folders are cut out, not sorted anew."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from sandbox.microsoft.graph_mail.model import Message

# Two rows never compare their messages: keys differ
Row = tuple[float, bytes, Message]
# So many are put in one by one; more are sorted in
FEW = 100


class Members:
    """The messages of one folder. Not safe by itself: the mailbox locks."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Row] = {}
        self._order: list[Row] = []
        # Came in since the order was last asked for
        self._unordered: list[Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: bytes) -> Message:
        return self._rows[key][2]

    @property
    def unread(self) -> int:
        """How many of them are unread."""
        return sum(not row[2].is_read for row in self._rows.values())

    def put(self, message: Message) -> None:
        """Takes ``message`` in, or puts it into its new place when ``received`` has changed."""
        row = self._rows.get(message.key)
        if row is not None and row[0] != message.received:
            self.remove(message)
        if row is None or row[0] != message.received:
            self._rows[message.key] = row = (message.received, message.key, message)
            self._unordered.append(row)

    def remove(self, message: Message) -> None:
        received, key, _ = self._rows.pop(message.key)
        order = self._ordered()
        del order[_place(order, received, key)]

    def between(self, first: float | None = None, end: float | None = None) -> list[Message]:
        """Those received at ``first`` or later and before ``end``, oldest first; without bounds all."""
        order = self._ordered()
        start = 0 if first is None else _place(order, first)
        stop = len(order) if end is None else _place(order, end)
        return [row[2] for row in order[start:stop]]

    def before(self, received: float, key: bytes) -> Iterator[Message]:
        """Those before that moment and key, latest first."""
        order = self._ordered()
        return (order[index][2] for index in range(_place(order, received, key) - 1, -1, -1))

    def _ordered(self) -> list[Row]:
        if len(self._unordered) > FEW:
            self._order = sorted(self._order + self._unordered)
        else:
            for row in self._unordered:
                insort(self._order, row)
        self._unordered.clear()
        return self._order


def _place(order: list[Row], received: float, key: bytes = b'') -> int:
    return bisect_left(order, (received, key))
