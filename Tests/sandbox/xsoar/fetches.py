"""The fetches of each instance: when, how long, how many incidents, with which error."""

from dataclasses import dataclass

from .clock import now, text_of
from .database import Database

_KEPT = 50


@dataclass(frozen=True)
class Fetch:
    """One fetch that has ended, at an RFC 3339 time; ``error`` is a sentence, empty when it went well."""

    ended: str
    seconds: float
    incidents: int
    error: str


class Fetches:
    """The last 50 fetches of each instance, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, instance_id: str, seconds: float, incidents: int, error: str) -> None:
        """Record a fetch that has just ended. Does nothing if the instance has been deleted in between."""
        with self._database.writing() as connection:
            connection.execute(
                'INSERT INTO fetches (instance_id, ended, seconds, incidents, error) '
                'SELECT id, ?, ?, ?, ? FROM instances WHERE id = ?',
                (text_of(now()), seconds, incidents, error, instance_id),
            )
            connection.execute(
                'DELETE FROM fetches WHERE instance_id = ? AND id NOT IN '
                '(SELECT id FROM fetches WHERE instance_id = ? ORDER BY id DESC LIMIT ?)',
                (instance_id, instance_id, _KEPT),
            )

    def of(self, instance_id: str, count: int = _KEPT) -> list[Fetch]:
        """Return the fetches of an instance, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                'SELECT ended, seconds, incidents, error FROM fetches WHERE instance_id = ? ORDER BY id DESC LIMIT ?',
                (instance_id, count),
            )
            return [Fetch(row['ended'], row['seconds'], row['incidents'], row['error']) for row in rows]
