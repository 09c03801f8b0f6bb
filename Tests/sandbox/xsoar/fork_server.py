"""Fork a process for each command, so that what the platform's script imports is imported once, here.

``python -I fork_server.py <socket> <script>``: the number of a connected socket, and the platform's script. Each message is
a JSON object: the working folder and the environment of a command. With it come file descriptors: the socket to the server, see
``command_process.py``, a pipe that ends when the server does, the log, and a socket for the supervisor of the process. The
supervisor sends two lines: the number of the process, and its exit status, negative for a signal. Until the other end is closed
the number belongs to no other process, so that it can be sent signals.
"""

import ast
import contextlib
import fcntl
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

FOLDER = os.path.dirname(os.path.abspath(__file__))
# The folder of this file stays out of sys.path while an integration runs: it sees installed packages only.
sys.path.append(FOLDER)
import command_process  # noqa: E402

sys.path.remove(FOLDER)
_LONGEST_MESSAGE = 1 << 17


def main() -> int:
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in imported(sys.argv[2]):
        with contextlib.suppress(Exception):  # the command shows what is missing
            importlib.import_module(name)
    gc.freeze()  # the collector does not write to what all processes share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    while True:
        message, descriptors, *_ = socket.recv_fds(control, _LONGEST_MESSAGE, 4)
        if not message:
            return 0
        if not os.fork():
            control.close()
            return supervise(json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def imported(script: str) -> Iterator[str]:
    """Return the names of the modules that a script imports."""
    with open(script, encoding='utf-8') as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def supervise(message: dict[str, Any], channel: int, lifeline: int, log: int, status: int) -> int:
    """Start the process of a command, wait for its end, and return its exit status. In that process, run the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    # by both, since either may be the first to need the group
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(process, process)
    if not process:
        os.close(status)
        become_command(message, lifeline, log)
        return command_process.main(channel)
    for descriptor in (channel, lifeline, log):
        os.close(descriptor)
    with contextlib.suppress(OSError):  # the server has ended
        os.write(status, f'{process}\n'.encode())
        end = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        os.write(status, f'{end.si_status if end.si_code == os.CLD_EXITED else -end.si_status}\n'.encode())
        os.read(status, 1)
    os.waitpid(process, 0)
    return 0


def become_command(message: dict[str, Any], lifeline: int, log: int) -> None:
    """Give this process the folder, the environment and the log of a command, and end it with the server."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC)
    os.set_inheritable(lifeline, False)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    os.chdir(message['folder'])
    os.environ.clear()
    os.environ.update(message['environment'])


if __name__ == '__main__':
    sys.exit(main())
