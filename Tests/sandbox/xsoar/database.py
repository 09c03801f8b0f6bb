"""The SQLite file of the server: its schema, and one connection per use."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import Refusal

_SCHEMA_VERSION = 3
# What a folder of an older server lacks beyond whole tables, by the version that brought it.
_CHANGES = {
    2: "ALTER TABLE instances ADD COLUMN vault TEXT NOT NULL DEFAULT '{}'",
    3: "ALTER TABLE instances ADD COLUMN health_kind TEXT NOT NULL DEFAULT ''",
}
# Columns named ``sealed`` hold what the vault encrypted; all other ones are plain.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS packs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, metadata TEXT NOT NULL, installed TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS integrations (
    id TEXT PRIMARY KEY, pack_id TEXT, name TEXT NOT NULL UNIQUE, document TEXT NOT NULL, script TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS classifiers (
    id TEXT PRIMARY KEY, pack_id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS credentials (name TEXT PRIMARY KEY, user TEXT NOT NULL, sealed BLOB NOT NULL, modified TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, digest TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, integration_id TEXT NOT NULL, enabled INTEGER NOT NULL, engine TEXT NOT NULL,
    plain TEXT NOT NULL, sealed BLOB NOT NULL, mappings TEXT NOT NULL, version INTEGER NOT NULL, health TEXT NOT NULL DEFAULT '',
    vault TEXT NOT NULL DEFAULT '{}', health_kind TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS integration_contexts (
    instance_id TEXT PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE, sealed BLOB NOT NULL, version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS last_runs (
    instance_id TEXT PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fetches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    ended TEXT NOT NULL, seconds REAL NOT NULL, incidents INTEGER NOT NULL, error TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS investigations (
    id TEXT PRIMARY KEY, type INTEGER NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, last_entry INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS entries (
    investigation_id TEXT NOT NULL REFERENCES investigations (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    document TEXT NOT NULL, PRIMARY KEY (investigation_id, number));
CREATE TABLE IF NOT EXISTS contexts (
    investigation_id TEXT PRIMARY KEY REFERENCES investigations (id) ON DELETE CASCADE, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, name TEXT NOT NULL, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, type TEXT NOT NULL, source_instance TEXT NOT NULL,
    created TEXT NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS schedules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, investigation_id TEXT NOT NULL REFERENCES investigations (id) ON DELETE CASCADE,
    parent_id TEXT NOT NULL, instance_id TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    command TEXT NOT NULL, sealed BLOB NOT NULL, due REAL NOT NULL, deadline REAL NOT NULL);
CREATE TABLE IF NOT EXISTS metrics (
    instance_id TEXT NOT NULL, command TEXT NOT NULL, type TEXT NOT NULL, calls INTEGER NOT NULL, created TEXT NOT NULL);
"""


class Database:
    """The database file: its tables, and connections to it.

    Args:
        file: the SQLite file; made when it does not exist.
    Raises:
        Refusal: the file is something else, or of a newer server.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        # While one connection stays open, SQLite does not fold the write-ahead log into the file after each use.
        try:
            self._anchor = self._connect()
            self._prepare()
        except sqlite3.DatabaseError:
            raise Refusal(f'{file} is not a database of this server: move it away, or choose another data folder.') from None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute('PRAGMA foreign_keys = ON')
        connection.execute('PRAGMA synchronous = NORMAL')
        return connection

    def _prepare(self) -> None:
        version = self._anchor.execute('PRAGMA user_version').fetchone()[0]
        if version > _SCHEMA_VERSION:
            raise Refusal(f'{self._file} was written by a newer server: use that one, or choose another data folder.')
        self._anchor.execute('PRAGMA journal_mode = WAL')
        for number in range(version + 1, _SCHEMA_VERSION + 1):
            if version and number in _CHANGES:
                self._anchor.execute(_CHANGES[number])
        self._anchor.executescript(_SCHEMA)
        self._anchor.execute(f'PRAGMA user_version = {_SCHEMA_VERSION}')
        self._file.chmod(0o600)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to read with; what one statement sees is consistent."""
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside one transaction, which waits for other writers and is undone when the block fails."""
        with self.reading() as connection:
            connection.execute('BEGIN IMMEDIATE')
            try:
                yield connection
            except BaseException:
                connection.execute('ROLLBACK')
                raise
            connection.execute('COMMIT')

    def close(self) -> None:
        self._anchor.close()
