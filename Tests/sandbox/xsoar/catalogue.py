"""The installed packs with their integrations, classifiers and mappers, kept in the database."""

import json
import sqlite3
import sys
from typing import Any

from .classifiers import Classifier
from .clock import now, text_of
from .content import Integration
from .content_check import check_classifier, check_integration
from .database import Database
from .errors import NotFound, Refusal
from .packs import Pack

# What a server has without any pack of its own.
_INCIDENT_TYPES = {'Access', 'Authentication', 'Email Communication', 'Malware', 'Phishing', 'Unclassified', 'Vulnerability'}


class Catalogue:
    """What has been uploaded."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forget_unusable()

    def _forget_unusable(self) -> None:
        """Remove what an older server took but nobody can use, so that the rest works."""
        with self._database.writing() as connection:
            for table, check in (('integrations', check_integration), ('classifiers', check_classifier)):
                rows = connection.execute(f'SELECT * FROM {table}').fetchall()  # noqa: S608 - one of the two names above
                for row in rows:
                    try:
                        check(_whole_document(row))
                    except Refusal as refusal:
                        connection.execute(f'DELETE FROM {table} WHERE id = ?', (row['id'],))  # noqa: S608 - as above
                        print(f'{row["id"]} was removed, because {refusal}. Correct it and upload it again.', file=sys.stderr)

    def install(self, pack: Pack) -> None:
        """Add a pack; one of the same id is replaced, instances of its integrations stay.

        Raises:
            Refusal: another pack has an integration of the same name.
        """
        with self._database.writing() as connection:
            connection.execute('DELETE FROM integrations WHERE pack_id = ?', (pack.id,))
            connection.execute('DELETE FROM classifiers WHERE pack_id = ?', (pack.id,))
            connection.execute(
                'INSERT OR REPLACE INTO packs VALUES (?, ?, ?, ?, ?)',
                (pack.id, pack.name, pack.version, json.dumps(pack.metadata), text_of(now())),
            )
            for integration in pack.integrations:
                _store(connection, integration, pack.id)
            for each in pack.classifiers:
                connection.execute(
                    'INSERT OR REPLACE INTO classifiers VALUES (?, ?, ?, ?, ?)',
                    (each.id, pack.id, each.name, each.kind, json.dumps(each.document)),
                )

    def install_integration(self, integration: Integration) -> None:
        """Add an integration that comes without a pack; one of the same id is replaced."""
        with self._database.writing() as connection:
            row = connection.execute('SELECT pack_id FROM integrations WHERE id = ?', (integration.id,)).fetchone()
            connection.execute('DELETE FROM integrations WHERE id = ?', (integration.id,))
            _store(connection, integration, row['pack_id'] if row else None)

    def packs(self) -> list[dict[str, Any]]:
        """Return the installed packs, as ``/contentpacks/metadata/installed`` lists them."""
        with self._database.reading() as connection:
            rows = connection.execute('SELECT * FROM packs ORDER BY name').fetchall()
        return [
            {
                **json.loads(row['metadata']),
                'id': row['id'],
                'name': row['name'],
                'currentVersion': row['version'],
                'installed': row['installed'],
            }
            for row in rows
        ]

    def integrations(self) -> list[Integration]:
        with self._database.reading() as connection:
            return [_integration(row) for row in connection.execute('SELECT * FROM integrations ORDER BY name')]

    def integration(self, key: str) -> Integration:
        """One integration by its id or its name.

        Raises:
            NotFound: no such integration is installed.
        """
        with self._database.reading() as connection:
            row = connection.execute('SELECT * FROM integrations WHERE id = ? OR name = ?', (key, key)).fetchone()
        if not row:
            raise NotFound(f'There is no integration {key!r} here: upload its pack first.')
        return _integration(row)

    def classifiers(self) -> list[Classifier]:
        """Return the classifiers and incoming mappers, by name."""
        with self._database.reading() as connection:
            rows = connection.execute('SELECT * FROM classifiers ORDER BY name')
            return [Classifier(row['id'], row['name'], row['kind'], json.loads(row['document'])) for row in rows]

    def incident_types(self) -> list[str]:
        """Return the names of the incident types: those of every server, and those that classifiers and mappers name."""
        return sorted(_INCIDENT_TYPES.union(*(each.incident_types for each in self.classifiers())))


def _store(connection: sqlite3.Connection, integration: Integration, pack_id: str | None) -> None:
    try:
        connection.execute(
            'INSERT INTO integrations VALUES (?, ?, ?, ?, ?)',
            (integration.id, pack_id, integration.name, json.dumps(integration.document, default=str), integration.script),
        )
    except sqlite3.IntegrityError:
        raise Refusal(
            f'Another pack already has an integration {integration.name!r}: give this one its own id and name.'
        ) from None


def _integration(row: sqlite3.Row) -> Integration:
    return Integration(row['id'], row['name'], json.loads(row['document']), row['script'])


def _whole_document(row: sqlite3.Row) -> dict[str, Any]:
    """Return what was uploaded."""
    document: dict[str, Any] = json.loads(row['document'])
    if 'script' in row.keys():  # noqa: SIM118 - a row is a sequence of values
        document['script'] = {**document['script'], 'script': row['script']}
    return document
