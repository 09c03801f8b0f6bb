"""The fork server of this process, seen from its engines."""

import functools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_PROGRAM = Path(__file__).with_name('fork_server.py')


@functools.cache
def process_starter(script: Path) -> 'ProcessStarter':
    """Return what starts processes for a script of the platform, the same for all engines of this process."""
    return ProcessStarter(script)


class ProcessStarter:
    """A starter of processes that have imported what a script imports.

    It does so by ``fork_server.py``, which runs from the first command to the end of this process.

    Args:
        script: the platform's part of what all processes run.
    """

    def __init__(self, script: Path) -> None:
        self._script = script
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, folder: Path, environment: Mapping[str, str], descriptors: list[int]) -> None:
        """Start the process of a command.

        Args:
            folder: its working folder.
            environment: its whole environment.
            descriptors: see ``fork_server.py``.
        Raises:
            OSError: the fork server does not listen any more.
        """
        message = json.dumps({'folder': str(folder), 'environment': dict(environment)}).encode()
        socket.send_fds(self._connected(), [message], descriptors)

    def _connected(self) -> socket.socket:
        with self._lock:
            if self._control is None or (self._process and self._process.poll() is not None):
                # of packets, so that each message is read as a whole with its descriptors
                self._control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with remote:
                    self._process = subprocess.Popen(
                        [sys.executable, '-I', str(_PROGRAM), str(remote.fileno()), str(self._script)],
                        pass_fds=[remote.fileno()],
                        cwd='/',
                        env={'PATH': os.environ.get('PATH', os.defpath), 'LANG': 'C.UTF-8'},
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        start_new_session=True,
                    )
            return self._control
