"""A record of every request that a service answered."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from werkzeug.test import run_wsgi_app


@dataclass(frozen=True)
class RequestRecord:
    """One request. ``status`` is 0 when the connection was broken, ``started`` is in epoch seconds of the machine's clock."""

    service: str
    method: str
    path: str
    status: int
    started: float
    milliseconds: float


class RequestRecords(list[RequestRecord]):
    """The requests that were answered, oldest first. Threads may read it while others append: both are single steps of a list.

    Attributes:
        resets: how often the cloud was reset. A request that began before the last reset is not recorded when it ends.
    """

    resets = 0

    def reset(self) -> None:
        """Forget all requests, also those that are not answered yet."""
        self.resets += 1
        self.clear()

    def of(self, service: str, path: str = '') -> list[RequestRecord]:
        """Return the requests to ``service`` whose path matches the regular expression ``path``."""
        return [record for record in self if record.service == service and re.search(path, record.path)]


class RequestLog:
    """A WSGI application that records the requests of another one, each before its answer leaves."""

    def __init__(self, service: str, app: Any, records: RequestRecords) -> None:
        self._service = service
        self._app = app
        self._records = records

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        started, begun, resets = time.time(), time.perf_counter(), self._records.resets

        def note(status: int) -> None:
            milliseconds = (time.perf_counter() - begun) * 1000
            method, path = environ['REQUEST_METHOD'], environ['PATH_INFO']
            if self._records.resets == resets:
                self._records.append(RequestRecord(self._service, method, path, status, started, milliseconds))

        try:
            chunks, status, headers = run_wsgi_app(self._app, environ)
        except ConnectionError:
            note(0)
            raise
        note(int(status.split()[0]))
        start_response(status, headers.to_wsgi_list())
        return chunks
