"""The API execution metrics that integrations report, kept in the database."""

from typing import Any

from .clock import now, text_of
from .database import Database


class Metrics:
    """What commands reported of their API calls: per instance, command and type (Successful, QuotaError, ...)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, instance_id: str, command: str, metrics: list[dict[str, Any]]) -> None:
        with self._database.writing() as connection:
            connection.executemany(
                'INSERT INTO metrics VALUES (?, ?, ?, ?, ?)',
                [
                    (instance_id, command, str(each.get('Type')), int(each.get('APICallsCount') or 0), text_of(now()))
                    for each in metrics
                ],
            )

    def of(self, instance_id: str) -> dict[str, int]:
        """Return the calls of an instance, summed by type."""
        with self._database.reading() as connection:
            rows = connection.execute(
                'SELECT type, SUM(calls) AS calls FROM metrics WHERE instance_id = ? GROUP BY type', (instance_id,)
            )
            return {row['type']: row['calls'] for row in rows}
