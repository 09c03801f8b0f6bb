"""The log of the integrations: what commands print and log, as it is, in one file of bounded size."""

import os
import threading
from pathlib import Path
from typing import IO


class CommandLog:
    """Appends to the log file; starts it anew, keeping the previous one, when it is full.

    Args:
        file: the log.
        largest: bytes after which it is started anew.
        per_command: characters that one command may write; what is over them is dropped.
    """

    def __init__(self, file: Path, largest: int = 16 << 20, per_command: int = 8 << 20) -> None:
        self._file = file
        self._largest = largest
        self._per_command = per_command
        self._lock = threading.Lock()

    def copy(self, stream: IO[bytes], title: str) -> list[str]:
        """Copies a stream into the log until it ends; returns the lines written."""
        lines: list[str] = []
        size = dropped = 0
        # One byte over the limit: a line that is cut in two is never written.
        for raw in iter(lambda: stream.readline(self._per_command + 1), b''):
            line = raw.decode('utf-8', 'replace').rstrip('\n')
            size += len(line)
            if size <= self._per_command:
                lines.append(line)
            else:
                dropped += 1
        if dropped:
            lines.append(f'({dropped} more lines are not kept)')
        if lines:
            self._write(''.join(f'{title} {line}\n' for line in lines))
        return lines

    def _write(self, text: str) -> None:
        with self._lock:
            if self._file.exists() and self._file.stat().st_size > self._largest:
                os.replace(self._file, self._file.with_suffix('.old'))
            with open(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'a', encoding='utf-8') as file:
                file.write(text)
