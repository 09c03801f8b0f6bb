"""The bytes of an attachment: in memory while they are few, on disk when they are many."""

import os
import tempfile
from collections.abc import Iterator
from typing import IO

IN_MEMORY_BYTES = 1024 * 1024
CHUNK_BYTES = 256 * 1024


class Content:
    """Bytes that are only ever added at the end. Several threads may read them at once.

    The file has no name: nothing is left behind, however the process ends.
    """

    def __init__(self, data: bytes = b'') -> None:
        self.size = 0
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self.append(data)

    @property
    def is_on_disk(self) -> bool:
        return self._file is not None

    def append(self, data: bytes) -> None:
        """Add ``data``; from ``IN_MEMORY_BYTES`` on everything goes to disk."""
        if self._file is None and self.size + len(data) > IN_MEMORY_BYTES:
            self._file = tempfile.TemporaryFile(prefix='attachment-', buffering=0)  # noqa: SIM115 - it lives as long as this
            self._file.write(self._memory)
            self._memory = bytearray()
        if self._file is None:
            self._memory += data
        else:
            self._file.write(data)
        self.size += len(data)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return ``length`` bytes from ``offset``; all of them without a length."""
        length = self.size - offset if length is None else min(length, self.size - offset)
        if self._file is None:
            return bytes(self._memory[offset : offset + length])
        return os.pread(self._file.fileno(), length, offset)

    def chunks(self, length: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Return all bytes, ``length`` at a time."""
        return (self.read(offset, length) for offset in range(0, self.size, length))

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()
