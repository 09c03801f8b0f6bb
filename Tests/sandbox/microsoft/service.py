"""An HTTP/1.1 server for one service: threads, keep-alive, TLS."""

import io
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

LOOPBACK = '127.0.0.1'
RESET_ON_CLOSE = struct.pack('ii', 1, 0)
STATUS_WITHOUT_BODY = {204, 304}
WAKE_SECONDS = 0.05


class Connection(WSGIRequestHandler):
    """One connection of a client. Werkzeug's own handler closes after each answer; this one keeps it open."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1
    server: 'Service'

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        # The next request follows in the same stream: the body has to be read, whether the application wants it or not.
        stream = environ['wsgi.input']
        is_chunked = environ.get('wsgi.input_terminated', False)
        body = stream.read() if is_chunked else stream.read(int(environ.get('CONTENT_LENGTH') or 0))
        environ |= {'wsgi.input': io.BytesIO(body), 'CONTENT_LENGTH': str(len(body))}
        try:
            self._answer(*run_wsgi_app(self.server.app, environ))
        except ConnectionError:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.close_connection = True

    def _answer(self, chunks: Iterable[bytes], status: str, headers: Any) -> None:
        code, _, reason = status.partition(' ')
        self.send_response(int(code), reason)
        for name, value in headers.to_wsgi_list():
            self.send_header(name, value)
        if 'Content-Length' not in headers and int(code) not in STATUS_WITHOUT_BODY:
            self.send_header('Connection', 'close')
        if headers.get('Connection') == 'close':
            self.close_connection = True
        self.end_headers()
        try:
            for chunk in chunks:
                self.wfile.write(chunk)
                self.wfile.flush()
        finally:
            getattr(chunks, 'close', bool)()
        self.wfile.flush()

    def date_time_string(self, timestamp: int | None = None) -> str:
        return super().date_time_string(int(self.server.now()) if timestamp is None else timestamp)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name is werkzeug's
        """Log nothing: paths of this cloud may hold codes."""


class Service(ThreadedWSGIServer):
    """A server of one WSGI application on a loopback port.

    Args:
        name: of the service, for the name of its thread.
        port: 0 for a free one.
        tls: speaks TLS with this context, plain HTTP without.
    Raises:
        OSError: the port is taken.
    """

    def __init__(self, name: str, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        try:
            listener = socket.create_server((LOOPBACK, port), backlog=128)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise OSError(error.errno, f'Port {port} for "{name}" cannot be used: {reason}. Choose another.') from error
        with listener:
            super().__init__(LOOPBACK, port, _not_ready, Connection, fd=listener.fileno())
        if tls:
            # The handshake belongs to the connection's own thread: a slow client must not hold up the others.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self.ssl_context = tls
        self.url = f'https://localhost:{self.port}' if tls else f'http://{LOOPBACK}:{self.port}'
        self.now: Callable[[], float] = time.time
        self._thread = threading.Thread(target=self.serve_forever, args=(None,), name=f'sandbox {name}', daemon=True)

    def start(self, app: Any, now: Callable[[], float] = time.time) -> None:
        """Begin to serve ``app``; ``now`` gives the ``Date`` of its answers, in epoch seconds."""
        self.app, self.now = app, now
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and break the connections that are still open."""
        if self._thread.is_alive():
            stopping = threading.Thread(target=self.shutdown)
            stopping.start()
            while stopping.is_alive():  # it sleeps until someone connects: ten servers that poll keep a processor from its work
                with suppress(OSError), socket.create_connection((LOOPBACK, self.port)):
                    stopping.join(WAKE_SECONDS)
            self._thread.join()
        self.server_close()
        with self._connections_lock:
            still_open = list(self._connections)
        for connection in still_open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def open_connections(self) -> int:
        """How many connections clients hold open."""
        with self._connections_lock:
            return len(self._connections)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        with self._connections_lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE)) == RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that hangs up or does not trust the certificate: that is not an error of the server."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _not_ready(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response('503 Service Unavailable', [('Content-Length', '0')])
    return []
