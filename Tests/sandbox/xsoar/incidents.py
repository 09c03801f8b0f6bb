"""Incidents, kept in the database; each has an investigation of the same id."""

import json
import sqlite3
from typing import Any

from .clock import now, text_of
from .database import Database
from .errors import NotFound, Refusal
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
_FOUND = """
FROM incidents
WHERE (:text = '' OR CAST(id AS TEXT) = :text OR instr(lower(name), :text) OR instr(lower(source_instance), :text)
    OR instr(lower(json_extract(document, '$.details')), :text)
    OR instr(lower(json_extract(document, '$.CustomFields')), :text))
AND (:type = '' OR type = :type)
AND (:severity IS NULL OR json_extract(document, '$.severity') = :severity)
AND (:status IS NULL OR json_extract(document, '$.status') = :status)
AND (:owner IS NULL OR COALESCE(json_extract(document, '$.owner'), '') = :owner)
"""
SEVERITIES = {0: 'Unknown', 0.5: 'Informational', 1: 'Low', 2: 'Medium', 3: 'High', 4: 'Critical'}
PENDING, ACTIVE, CLOSED = 0, 1, 2
STATUSES = {PENDING: 'Pending', ACTIVE: 'Active', CLOSED: 'Closed'}
CLOSE_REASONS = ('False Positive', 'Resolved', 'Other', 'Duplicate')
_BLANK: dict[str, Any] = {
    'name': 'Unnamed',
    'type': 'Unclassified',
    'severity': 0,
    'status': PENDING,
    'owner': '',
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
        """Create an incident and its investigation, both or none; return it as the REST calls show it.

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
            'severity': _severity(given.get('severity')),
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

    def context(self, investigation_id: str) -> dict[str, Any]:
        """Return the context of an investigation as expressions see it: in an incident, with its fields as ``incident``.

        Custom fields are beside the other ones, and labels are an object with the types of the labels as names.

        Raises:
            NotFound: the investigation does not exist.
        """
        context = self._war_room.context(investigation_id)
        try:
            incident = self.get(investigation_id)
        except NotFound:
            return context
        custom, labels = incident.pop('CustomFields'), incident['labels']
        if isinstance(labels, list):
            incident['labels'] = {str(each.get('type')): each.get('value') for each in labels if isinstance(each, dict)}
        return {**context, 'incident': {**(custom if isinstance(custom, dict) else {}), **incident}}

    def search(
        self,
        *,
        ids: list[str] | None = None,
        types: list[str] | None = None,
        source_instance: str = '',
        from_date: str = '',
        to_date: str = '',
    ) -> list[dict[str, Any]]:
        """Return the incidents that meet all filters, oldest first; the dates are of their creation, in RFC 3339."""
        values = {
            'ids': json.dumps(ids) if ids else None,
            'types': json.dumps(types) if types else None,
            'source_instance': source_instance,
            'from_date': from_date,
            'to_date': to_date,
        }
        with self._database.reading() as connection:
            return [_with_id(json.loads(row['document']), row['id']) for row in connection.execute(_SEARCH, values)]

    def find(
        self,
        text: str = '',
        kind: str = '',
        severity: float | None = None,
        status: int | None = None,
        owner: str | None = None,
        *,
        page: int = 0,
        size: int = 50,
    ) -> tuple[int, list[dict[str, Any]]]:
        """Return how many incidents meet all filters, and those of one page, the newest first.

        Args:
            text: an id, or a part of the name, the details, a field or the source; in any case of its characters.
            owner: a user's name; empty means incidents that nobody owns.
        """
        values: dict[str, Any] = {
            'text': text.strip().lower(),
            'type': kind,
            'severity': severity,
            'status': status,
            'owner': owner,
        }
        with self._database.reading() as connection:
            total = connection.execute(f'SELECT COUNT(*) {_FOUND}', values).fetchone()[0]
            rows = connection.execute(
                f'SELECT id, document {_FOUND} ORDER BY id DESC LIMIT :size OFFSET :start',
                {**values, 'size': size, 'start': page * size},
            )
            return total, [_with_id(json.loads(row['document']), row['id']) for row in rows]

    def change(self, incident_id: str, **fields: Any) -> dict[str, Any]:
        """Change fields of an incident.

        Raises:
            NotFound: there is none of this id.
        """
        self.get(incident_id)
        with self._database.writing() as connection:
            row = connection.execute('SELECT document FROM incidents WHERE id = ?', (int(incident_id),)).fetchone()
            document: dict[str, Any] = json.loads(row['document'])
            document.update(fields, modified=text_of(now()), version=document.get('version', 1) + 1)
            connection.execute('UPDATE incidents SET document = ? WHERE id = ?', (json.dumps(document), int(incident_id)))
        return _with_id(document, int(incident_id))

    def close(self, incident_id: str, reason: str, notes: str) -> None:
        """Close an incident.

        Raises:
            Refusal: the reason is not one of `CLOSE_REASONS`, or the incident is closed already.
        """
        if reason not in CLOSE_REASONS:
            raise Refusal(f'{reason!r} is not a reason to close an incident. Choose one of {", ".join(CLOSE_REASONS)}.')
        if self.get(incident_id)['status'] == CLOSED:
            raise Refusal('The incident is closed already. Reopen it to close it for another reason.')
        self.change(
            incident_id,
            status=CLOSED,
            closed=text_of(now()),
            closeReason=reason,
            closeNotes=notes,
            closingUserId='admin',
        )

    def reopen(self, incident_id: str) -> None:
        """Open a closed incident again."""
        self.change(incident_id, status=ACTIVE, closed='', closeReason='', closeNotes='', closingUserId='')

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


def _severity(value: Any) -> float:
    """Return a severity as the platform stores it: a number, or one of the names. What is neither is unknown."""
    names = {name.lower(): number for number, name in SEVERITIES.items()}
    if str(value).strip().lower() in names:
        return names[str(value).strip().lower()]
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0
    return next((known for known in SEVERITIES if known == number), 0)


def _with_id(document: dict[str, Any], number: int | None) -> dict[str, Any]:
    return {**document, 'id': str(number), 'investigationId': str(number)}
