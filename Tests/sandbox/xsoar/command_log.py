"""The log of the integrations: what commands print and log, as it is, in one file of bounded size."""

import os
import threading
from pathlib import Path
from typing import IO


class CommandLog:
    """The log file and the one before it, which a full log file becomes.

    Args:
        file: the log.
        max_bytes: of the log file, before it is replaced.
        per_command: characters that one command may write; what is over them is dropped.
    """

    def __init__(self, file: Path, max_bytes: int = 16 << 20, per_command: int = 8 << 20) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._per_command = per_command
        self._lock = threading.Lock()

    def copy(self, stream: IO[bytes], title: str) -> list[str]:
        """Copy a stream into the log until it ends. Return the lines written."""
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
            if self._file.exists() and self._file.stat().st_size > self._max_bytes:
                os.replace(self._file, self._file.with_suffix('.old'))
            with open(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'a', encoding='utf-8') as file:
                file.write(text)
