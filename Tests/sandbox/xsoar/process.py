"""One command as a process: start it, answer it, end it. Whatever it does, the server gets an outcome."""

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .command_log import CommandLog

_MAX_MESSAGE_BYTES = 128 << 20
Answerer = Callable[[str, 'list[Any]'], Any]


@dataclass
class Outcome:
    """What a process left behind.

    ``incidents`` and ``last_run`` are None when it handed none over. ``failure`` is a sentence when it crashed, was
    killed, or took too long; empty otherwise. ``log`` are the lines it logged.
    """

    results: list[Any] = field(default_factory=list)
    incidents: list[dict[str, Any]] | None = None
    last_run: dict[str, Any] | None = None
    failure: str = ''
    log: list[str] = field(default_factory=list)


_REPORTED = 'Exception: '


class CommandProcess:
    """A process that runs one command.

    Args:
        job: what it gets, see ``Job.to_message``.
        start: starts it with four file descriptors, those of a message to ``fork_server.py``.
        answer: answers what it asks, by name and values; a ValueError becomes one in the process.
    Raises:
        OSError: it could not be started.
    """

    def __init__(self, job: dict[str, Any], start: Callable[[list[int]], None], answer: Answerer) -> None:
        self._job = job
        self._answer = answer
        self._outcome = Outcome()
        self._socket, channel = socket.socketpair()
        # When the server dies, so does its end of this pipe, and with it the process.
        lifeline, self._lifeline = os.pipe()
        log_end, log = os.pipe()
        self._log = os.fdopen(log_end, 'rb')
        supervisor, status = socket.socketpair()
        with channel, os.fdopen(lifeline), os.fdopen(log), status, supervisor:
            start([channel.fileno(), lifeline, log, status.fileno()])
            self._supervisor = supervisor.makefile('rb')
        number = self._read_status()
        if number is None:
            raise ConnectionError('The process that starts commands has ended.')
        self._number = number
        # It is not reaped before the last signal is sent, so that its number cannot belong to another process by then.
        self._ending = threading.Lock()
        self._reaped = False

    def _read_status(self) -> int | None:
        """Return the next number that the supervisor writes, None if it has ended."""
        line = self._supervisor.readline()
        return int(line) if line else None

    def run(self, time_limit: float, log: CommandLog, title: str) -> Outcome:
        """Let it run to its end, at most ``time_limit`` seconds."""
        timer = threading.Timer(
            time_limit, self.stop, [f'The command was stopped: it took longer than its limit of {time_limit:g} seconds.']
        )
        timer.daemon = True
        timer.start()
        logger = threading.Thread(target=self._copy_log, args=(log, title), daemon=True)
        logger.start()
        try:
            self._serve()
        except BaseException:
            self.stop('The command was stopped: the server failed to answer it.')
            raise
        finally:
            self._wait(timer)
            logger.join(timeout=5)
        self._outcome.failure = self._outcome.failure or self._unexpected_end()
        return self._outcome

    def _copy_log(self, log: CommandLog, title: str) -> None:
        with self._log as stream:
            self._outcome.log.extend(log.copy(stream, title))

    def stop(self, reason: str) -> None:
        """Kill the process with all that it started; the reason becomes its failure."""
        with self._ending:
            if self._reaped:
                return
            self._outcome.failure = self._outcome.failure or reason
            self._kill()
            with contextlib.suppress(OSError):  # the process has closed its end already
                self._socket.shutdown(socket.SHUT_RDWR)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._number, signal.SIGKILL)

    def _serve(self) -> None:
        # An error of the connection means that the process ended while it was spoken to; its exit status tells why.
        with self._socket.makefile('rb') as lines, contextlib.suppress(ConnectionError):
            self._send(self._job)
            left = _MAX_MESSAGE_BYTES
            while line := lines.readline(left + 1):
                left -= len(line)
                if left < 0:
                    self.stop(f'The command was stopped: its results are larger than {_MAX_MESSAGE_BYTES >> 20} MB.')
                    break
                if not self._handle_message(line):
                    self.stop('The command was stopped: what it sent to the server cannot be read.')
                    break

    def _handle_message(self, line: bytes) -> bool:
        """Handle one message. Return False if it cannot be read."""
        try:
            message = json.loads(line)
            name, value = (message['ask'], message['values']) if 'ask' in message else (message['tell'], message['value'])
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        if 'ask' in message:
            self._send_answer(name, value)
        elif name == 'results':
            self._outcome.results.append(value)
        elif name == 'incidents' and isinstance(value, list) and all(isinstance(each, dict) for each in value):
            self._outcome.incidents = (self._outcome.incidents or []) + value
        elif name == 'last_run' and isinstance(value, dict):
            self._outcome.last_run = value
        elif name == 'crash':
            # return_error of a fetch raises a plain Exception, and the server shows its text
            text = str(value)
            self._outcome.failure = text[len(_REPORTED) :] if text.startswith(_REPORTED) else f'The command crashed: {text}'
        else:
            return False
        return True

    def _send_answer(self, name: str, values: list[Any]) -> None:
        try:
            answer = {'answer': self._answer(name, values)}
        except ValueError as refusal:
            answer = {'refused': str(refusal)}
        self._send(answer)

    def _send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b'\n')

    def _wait(self, timer: threading.Timer) -> None:
        status = self._read_status()
        self._exit_status = -signal.SIGKILL if status is None else status  # who kills its supervisor ends it as well
        timer.cancel()
        with self._ending:
            self._kill()  # whatever it started and left behind
            self._supervisor.close()
            self._reaped = True
        self._socket.close()
        os.close(self._lifeline)

    def _unexpected_end(self) -> str:
        status = self._exit_status
        if status < 0:
            return f'The command crashed: its process was ended by signal {-status} ({signal.Signals(-status).name}).'
        return f'The command crashed: its process ended with exit status {status}.' if status else ''
