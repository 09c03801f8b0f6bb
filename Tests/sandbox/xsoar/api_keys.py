"""The API keys of the server: Settings > Integrations > API Keys. Only their digests are stored."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from .clock import now, text_of
from .database import Database
from .errors import NotFound, Refusal


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key after it was shown; ``created`` is an RFC 3339 time."""

    id: int
    name: str
    created: str


class ApiKeys:
    """The keys.

    Args:
        first: the key that the server starts with, which is not listed.
    """

    def __init__(self, database: Database, first: str) -> None:
        self._database = database
        self._first = _digest(first)

    def add(self, name: str) -> tuple[ApiKey, str]:
        """Make a key; return what is listed of it, and the key itself, which is not stored.

        Raises:
            Refusal: it has no name.
        """
        name = name.strip()
        if not name:
            raise Refusal('The API key has no name. Enter one that tells what it is for.')
        key, moment = secrets.token_hex(16).upper(), text_of(now())
        with self._database.writing() as connection:
            cursor = connection.execute(
                'INSERT INTO api_keys (name, digest, created) VALUES (?, ?, ?)', (name, _digest(key), moment)
            )
        return ApiKey(cursor.lastrowid or 0, name, moment), key

    def revoke(self, number: int) -> None:
        """Remove a key.

        Raises:
            NotFound: there is none of this number.
        """
        with self._database.writing() as connection:
            if not connection.execute('DELETE FROM api_keys WHERE id = ?', (number,)).rowcount:
                raise NotFound(f'There is no API key {number}. It may have been revoked already.')

    def all(self) -> list[ApiKey]:
        """Return the keys that were added, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute('SELECT id, name, created FROM api_keys ORDER BY id')
            return [ApiKey(row['id'], row['name'], row['created']) for row in rows]

    def accepts(self, key: str) -> bool:
        """Return whether a key is one of this server."""
        given = _digest(key)
        if hmac.compare_digest(given, self._first):
            return True
        with self._database.reading() as connection:
            return connection.execute('SELECT 1 FROM api_keys WHERE digest = ?', (given,)).fetchone() is not None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
