"""Errors in the shape of the token service."""


class TokenServiceError(Exception):
    """The token service refuses: HTTP status and the JSON object that says why."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {'title': title, 'detail': detail, 'status': status}
