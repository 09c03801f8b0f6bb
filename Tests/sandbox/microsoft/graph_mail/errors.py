"""Errors in the shape of Microsoft Graph."""

from typing import Any

from sandbox.microsoft.clock import graph_timestamp


class GraphError(Exception):
    """Microsoft Graph refuses with ``status`` and ``code``; ``headers`` go with the answer."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self, now: float, request_id: str, client_request_id: str) -> dict[str, Any]:
        """Return the JSON object that Graph answers with."""
        return {
            'error': {
                'code': self.code,
                'message': self.message,
                'innerError': {
                    'date': graph_timestamp(now).rstrip('Z'),
                    'request-id': request_id,
                    'client-request-id': client_request_id,
                },
            }
        }
