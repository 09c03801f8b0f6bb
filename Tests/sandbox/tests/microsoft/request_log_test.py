"""The record of requests."""

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from sandbox.microsoft.request_log import RequestLog, RequestRecords


@pytest.mark.parametrize('is_reset', [False, True])
def test_a_request_that_ends_after_a_reset_is_not_recorded(is_reset: bool) -> None:
    """The slow request of one test must not show in the next."""
    records = RequestRecords()

    def app(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if is_reset:
            records.reset()
        start_response('200 OK', [])
        return []

    run_wsgi_app(RequestLog('graph', app, records), create_environ('/v1.0/me'))
    assert [one.path for one in records] == ([] if is_reset else ['/v1.0/me'])
