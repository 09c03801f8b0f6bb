"""Browsers that have signed in: their cookie, the token that their forms must send, and what the next page tells them."""

import hmac
import secrets
import threading
from dataclasses import dataclass, field

from flask import g


@dataclass
class Visit:
    """One browser. ``form_token`` is sent with its forms; ``messages`` wait for the next page, as (kind, text)."""

    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    messages: list[tuple[str, str]] = field(default_factory=list, repr=False)


class Visits:
    """All of them, in memory: they end with the server."""

    def __init__(self) -> None:
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    def begin(self) -> str:
        """Let a browser in; return the value of its cookie."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._visits[cookie] = Visit()
        return cookie

    def of(self, cookie: str) -> Visit | None:
        """Return the visit of a cookie; None if nobody has signed in with it."""
        with self._lock:
            return self._visits.get(cookie)

    def end(self, cookie: str) -> None:
        """Forget a cookie."""
        with self._lock:
            self._visits.pop(cookie, None)


def is_token(given: str, visit: Visit) -> bool:
    """Return whether a form comes from a page of this visit."""
    return hmac.compare_digest(given.encode(), visit.form_token.encode())


def take_messages() -> list[tuple[str, str]]:
    """Take what waits to be told to the browser of this request."""
    visit = g.get('visit')
    if not visit:
        return []
    messages, visit.messages = visit.messages, []
    return list(messages)
