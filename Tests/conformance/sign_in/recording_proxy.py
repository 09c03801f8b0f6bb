"""A small HTTP proxy on loopback that forwards all requests and records their targets."""

import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_CHUNK = 65536  # bytes


class RecordingProxy:
    """A proxy that runs while its ``with`` block does.

    Args:
        refuses: answer with this status instead of forwarding.

    Attributes:
        passed: ``CONNECT host:port`` or ``GET <url>`` of each request.
    """

    def __init__(self, refuses: int = 0) -> None:
        self.refuses = refuses
        self.passed: list[str] = []
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f'http://127.0.0.1:{self._server.server_address[1]}'

    def __enter__(self) -> 'RecordingProxy':
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(proxy: RecordingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            proxy.passed.append(f'CONNECT {self.path}')
            if proxy.refuses:
                self.send_error(proxy.refuses)
                return
            host, _, port = self.path.partition(':')
            with socket.create_connection((host, int(port))) as target:
                self.send_response(200)
                self.end_headers()
                _forward(self.connection, target)
            self.close_connection = True

        def do_GET(self) -> None:
            proxy.passed.append(f'GET {self.path}')
            self.send_error(403)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            """Log nothing: the requests are in ``passed``."""

    return Handler


def _forward(one: socket.socket, other: socket.socket) -> None:
    """Forward bytes between two connections until one of them closes."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            chunk = ready.recv(MAX_CHUNK)
            if not chunk:
                return
            (other if ready is one else one).sendall(chunk)
