"""Requests to the local cloud without connections, for tests of what requests and responses say.

Connections, TLS and HTTP take as long as all the rest of a request. What they do with requests, the other tests see: those of the
sign-in, of clients and of faults.
"""

import io
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError
from werkzeug.http import http_date
from werkzeug.test import run_wsgi_app

from sandbox.microsoft import MicrosoftCloud


class InProcess(HTTPAdapter):
    """Let the applications of a cloud answer, each with its faults and its log of requests.

    A request goes through a connection if the connection decides what becomes of it: that to another host, with other
    certificates or through a proxy, and while a fault is on that slows or cuts what is sent.
    """

    def __init__(self, cloud: MicrosoftCloud) -> None:
        super().__init__()
        self._cloud = cloud

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        app = self._app(request, settings)
        if app is None:
            return super().send(request, *args, **settings)
        try:
            chunks, status, headers = run_wsgi_app(app, _environ(request))
        except ConnectionError as error:  # a fault
            raise requests.ConnectionError(ProtocolError('Connection aborted.', error), request=request) from None
        try:
            body = io.BytesIO(b''.join(chunks))
        except ConnectionError:
            body = _BrokenBody()
        finally:
            getattr(chunks, 'close', bool)()
        headers['Date'] = http_date(self._cloud.clock.now())
        code, _, reason = status.partition(' ')
        answer = HTTPResponse(
            body,
            HTTPHeaderDict(headers.to_wsgi_list()),
            int(code),
            reason=reason,
            preload_content=False,
            decode_content=False,
            request_method=request.method,
        )
        return self.build_response(request, answer)

    def _app(self, request: requests.PreparedRequest, settings: dict[str, Any]) -> Any:
        """Return the application that answers; None if the connection decides what becomes of the request."""
        address = urlsplit(str(request.url))
        is_slow_or_cut = any(
            fault.delay or fault.slow or fault.endless or fault.truncated or fault.bomb for fault in self._cloud.faults.all()
        )
        if is_slow_or_cut or settings['verify'] != self._cloud.ca_file or settings['proxies']:
            return None
        return self._cloud.application(f'{address.scheme}://{address.netloc}')


class _BrokenBody(io.BytesIO):
    def read(self, _size: int | None = -1) -> bytes:
        raise ConnectionResetError('reset in mid-body')


def _environ(request: requests.PreparedRequest) -> dict[str, Any]:
    """Return the request as a WSGI server gives it to an application (PEP 3333)."""
    address = urlsplit(str(request.url))
    body: Any = request.body or b''
    content = body.encode() if isinstance(body, str) else bytes(body)
    uri = address.path + (f'?{address.query}' if address.query else '')
    return {
        'REQUEST_METHOD': str(request.method),
        'SCRIPT_NAME': '',
        'PATH_INFO': unquote(address.path).encode().decode('latin-1'),
        'QUERY_STRING': address.query,
        'REQUEST_URI': uri,
        'RAW_URI': uri,
        'SERVER_NAME': str(address.hostname),
        'SERVER_PORT': str(address.port),
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': address.scheme,
        'wsgi.errors': io.StringIO(),
        'wsgi.input': io.BytesIO(content),
        'wsgi.multithread': True,
        'wsgi.multiprocess': False,
        'wsgi.run_once': False,
        'HTTP_HOST': address.netloc,
        **{f'HTTP_{name.upper().replace("-", "_")}': value for name, value in request.headers.items()},
        'CONTENT_TYPE': request.headers.get('Content-Type', ''),
        'CONTENT_LENGTH': str(len(content)),
    }
