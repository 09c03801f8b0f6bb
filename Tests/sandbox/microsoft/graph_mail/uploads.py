"""Upload sessions: large files that come in ranges, kept on disk until they are whole."""

import secrets
import threading
from dataclasses import dataclass, field

from sandbox.microsoft.clock import Clock
from sandbox.microsoft.graph_mail.content import Content
from sandbox.microsoft.graph_mail.limits import Pair
from sandbox.microsoft.graph_mail.mailbox import Mailbox
from sandbox.microsoft.graph_mail.model import Message

LIFE_SECONDS = 3600.0


@dataclass(kw_only=True, eq=False)
class UploadSession:
    """One file on its way to a message.

    Attributes:
        pair: the app that opened it, and its mailbox, as the limits know them.
        settings: name, content type, and so on.
        expires: in epoch seconds.
    """

    mailbox: Mailbox
    pair: Pair
    message: Message
    size: int
    settings: dict[str, object]
    expires: float
    content: Content = field(default_factory=Content)
    session_id: str = field(default_factory=lambda: 'AAMk' + secrets.token_urlsafe(48))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock)


class UploadSessions:
    """The sessions of one cloud. Safe to use from several threads.

    Attributes:
        life_seconds: how long a session lives.
        answers_in_capitals: answers to ranges name ``NextExpectedRanges``, as Microsoft's page on large attachments shows them,
            in place of the schema's ``nextExpectedRanges``. A client has to understand both.
    """

    def __init__(self, clock: Clock) -> None:
        self.life_seconds = LIFE_SECONDS
        self.answers_in_capitals = False
        self._clock = clock
        self._sessions: dict[str, UploadSession] = {}
        self._lock = threading.Lock()

    @property
    def open_count(self) -> int:
        """How many sessions are open."""
        with self._lock:
            return len(self._sessions)

    def open(self, mailbox: Mailbox, pair: Pair, message: Message, size: int, settings: dict[str, object]) -> UploadSession:
        """Open a session."""
        session = UploadSession(
            mailbox=mailbox,
            pair=pair,
            message=message,
            size=size,
            settings=settings,
            expires=self._clock.now() + self.life_seconds,
        )
        with self._lock:
            self._sessions[session.session_id] = session
        return session

    def find(self, session_id: str) -> UploadSession | None:
        """Return the session of that ID, None when it is unknown, ended or expired."""
        with self._lock:
            session = self._sessions.get(session_id)
        return session if session and session.expires > self._clock.now() else None

    def close(self, session: UploadSession) -> None:
        """End a session; what came of the file is gone."""
        with self._lock:
            self._sessions.pop(session.session_id, None)
