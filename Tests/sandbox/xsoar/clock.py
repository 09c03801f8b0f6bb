"""The time of this server, in one place, so that every part agrees on it."""

from datetime import datetime, timezone


def now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(timezone.utc)


def text_of(moment: datetime) -> str:
    """RFC 3339 text of an aware time, in UTC, as the REST calls carry it."""
    return moment.astimezone(timezone.utc).isoformat(timespec='microseconds').replace('+00:00', 'Z')
