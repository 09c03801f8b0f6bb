"""Incidents, kept in the database; each has an investigation of the same id."""

import json
import sqlite3
from typing import Any

from .clock import now, text_of
from .database import Database
from .problems import NotFound
from .war_room import INCIDENT, WarRoom

# One statement for all searches: a filter that is not given lets everything pass.
_SEARCH = """
SELECT id, document FROM incidents
WHERE (:ids IS NULL OR CAST(id AS TEXT) IN (SELECT value FROM json_each(:ids)))
AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
AND (:source_instance = '' OR source_instance = :source_instance)
AND (:from_date = '' OR julianday(created) >= julianday(:from_date))
AND (:to_date = '' OR julianday(created) <= julianday(:to_date))
ORDER BY id
"""
_BLANK: dict[str, Any] = {
    'name': 'Unnamed',
    'type': 'Unclassified',
    'severity': 0,
    'status': 0,
    'details': '',
    'labels': [],
    'rawJSON': '',
    'CustomFields': {},
}


class Incidents:
    """All incidents."""

    def __init__(self, database: Database, war_room: WarRoom) -> None:
        self._database = database
        self._war_room = war_room

    def add(self, incident: dict[str, Any], source_instance: str = '', brand: str = '') -> dict[str, Any]:
        """Creates an incident and its investigation, both or none; returns it as the REST calls show it.

        Args:
            incident: its fields, as a fetch or a REST call gives them; what is missing or None takes the platform's default.
            source_instance: the name of the instance that fetched it.
            brand: the integration that fetched it.
        """
        moment = text_of(now())
        given = {key: value for key, value in incident.items() if value is not None}
        document = {
            'occurred': moment,
            **_BLANK,
            **given,
            'sourceInstance': source_instance,
            'sourceBrand': brand,
            'created': moment,
            'modified': moment,
            'version': 1,
        }
        with self._database.writing() as connection:
            cursor = connection.execute(
                'INSERT INTO incidents (name, type, source_instance, created, document) VALUES (?, ?, ?, ?, ?)',
                (str(document['name']), str(document['type']), source_instance, moment, json.dumps(document)),
            )
            self._war_room.open(connection, str(cursor.lastrowid), INCIDENT, str(document['name']))
        return _with_id(document, cursor.lastrowid)

    def search(
        self,
        *,
        ids: list[str] | None = None,
        types: list[str] | None = None,
        source_instance: str = '',
        from_date: str = '',
        to_date: str = '',
    ) -> list[dict[str, Any]]:
        """Incidents that meet all filters, oldest first; the dates are of their creation, in RFC 3339."""
        values = {
            'ids': json.dumps(ids) if ids else None,
            'types': json.dumps(types) if types else None,
            'source_instance': source_instance,
            'from_date': from_date,
            'to_date': to_date,
        }
        with self._database.reading() as connection:
            return [_with_id(json.loads(row['document']), row['id']) for row in connection.execute(_SEARCH, values)]

    def get(self, incident_id: str) -> dict[str, Any]:
        """One incident.

        Raises:
            NotFound: there is none of this id.
        """
        with self._database.reading() as connection:
            row: sqlite3.Row | None = connection.execute(
                'SELECT id, document FROM incidents WHERE id = ?', (int(incident_id) if incident_id.isdecimal() else -1,)
            ).fetchone()
        if not row:
            raise NotFound(f'There is no incident {incident_id!r}: search the incidents for its id.')
        return _with_id(json.loads(row['document']), row['id'])


def _with_id(document: dict[str, Any], number: int | None) -> dict[str, Any]:
    return {**document, 'id': str(number), 'investigationId': str(number)}
