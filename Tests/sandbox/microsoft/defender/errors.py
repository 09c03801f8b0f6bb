"""Errors in the shape of Defender for Endpoint."""

import uuid


class DefenderError(Exception):
    """Defender refuses a request: HTTP status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {'error': {'code': code, 'message': message, 'target': str(uuid.uuid4())}}
