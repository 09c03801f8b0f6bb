"""A little HTTP server on loopback that plays given answers in order, the last one again and again, and notes the requests."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], str]


class ScriptedServer:
    """A server that runs as long as its ``with`` block.

    Args:
        answers: status, headers and body of each.
        tls: makes it an https server.
    """

    def __init__(self, answers: list[Answer], tls: ssl.SSLContext | None = None) -> None:
        self.answers = answers
        self.seen: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self.port = self._server.server_address[1]
        self.url = f'https://localhost:{self.port}' if tls else f'http://127.0.0.1:{self.port}'
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> 'ScriptedServer':
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
                status, headers, text = script.answers[min(len(script.seen), len(script.answers) - 1)]
                script.seen.append(
                    {
                        'method': self.command,
                        'path': self.path,
                        'accept': self.headers.get('Accept'),
                        'content_type': self.headers.get('Content-Type'),
                        'x': self.headers.get('X-Test'),
                        'body': body.decode('utf-8'),
                    }
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode('utf-8'))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
                """Print nothing: the requests are in ``seen``."""

        return Handler
