"""What tests expect of Entra's answers."""

import re

import requests

from sandbox.microsoft.entra.errors import AADSTS

DESCRIPTION = re.compile(
    r'AADSTS(\d+): .+ Trace ID: ([0-9a-f-]{36}) Correlation ID: ([0-9a-f-]{36}) Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ'
)


def check_refusal(answer: requests.Response, number: int, error: str = '') -> None:
    """Check that the answer has Entra's shape and says what the table says of ``number``."""
    body, refusal = answer.json(), AADSTS[number]
    assert (answer.status_code, body['error']) == (refusal.status, error or refusal.error), body
    assert body['error_codes'] == [number]
    described = DESCRIPTION.fullmatch(body['error_description'])
    assert described is not None, body['error_description']
    assert described.groups() == (str(number), body['trace_id'], body['correlation_id'])
    assert body['timestamp'] in body['error_description']
    assert body.get('suberror', '') == refusal.suberror
    assert 'access_token' not in body
