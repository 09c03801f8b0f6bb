"""Commands that want to be run again later: kept in the database, so that they outlive the server."""

import sqlite3
import time
from dataclasses import dataclass, field
from typing import Any

from .database import Database
from .entries import Polling
from .errors import NotFound
from .vault import Vault


@dataclass(frozen=True)
class Schedule:
    """One run to come; ``due`` and ``deadline`` (of the whole polling) are seconds of the Unix epoch."""

    id: int
    investigation_id: str
    parent_id: str
    instance_id: str
    command: str
    arguments: dict[str, Any] = field(repr=False)
    due: float
    deadline: float


class Schedules:
    """The runs to come.

    Args:
        second: how long a second of a schedule lasts, in seconds; tests shorten it.
    """

    def __init__(self, database: Database, vault: Vault, second: float) -> None:
        self._database = database
        self._vault = vault
        self._second = second

    def add(
        self, investigation_id: str, parent_id: str, instance_id: str, polling: Polling, deadline: float | None = None
    ) -> None:
        """Store a run to come. Without a deadline, the first of its polling, it gets one from the polling's timeout.

        Raises:
            NotFound: the instance has been deleted.
        """
        now = time.time()
        due = now + polling.next_run * self._second
        deadline = deadline or now + polling.timeout * self._second
        sealed = self._vault.seal(polling.arguments, f'schedules/{parent_id}')
        values = (investigation_id, parent_id, instance_id, polling.command, sealed, due, deadline)
        try:
            with self._database.writing() as connection:
                connection.execute('INSERT INTO schedules VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)', values)
        except sqlite3.IntegrityError:
            raise NotFound(f'!{polling.command} does not go on: its instance was deleted; run it on another one.') from None

    def remove(self, schedule: Schedule) -> None:
        with self._database.writing() as connection:
            connection.execute('DELETE FROM schedules WHERE id = ?', (schedule.id,))

    def holds(self, schedule: Schedule) -> bool:
        """Return whether a run is still to come."""
        with self._database.reading() as connection:
            return connection.execute('SELECT 1 FROM schedules WHERE id = ?', (schedule.id,)).fetchone() is not None

    def all(self) -> list[Schedule]:
        """Return the runs to come, the next one first."""
        with self._database.reading() as connection:
            return [self._schedule(row) for row in connection.execute('SELECT * FROM schedules ORDER BY due').fetchall()]

    def _schedule(self, row: sqlite3.Row) -> Schedule:
        return Schedule(
            row['id'],
            row['investigation_id'],
            row['parent_id'],
            row['instance_id'],
            row['command'],
            self._vault.unseal(row['sealed'], f'schedules/{row["parent_id"]}'),
            row['due'],
            row['deadline'],
        )
