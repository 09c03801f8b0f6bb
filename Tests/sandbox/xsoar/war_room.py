"""Investigations with their entries and contexts, kept in the database."""

import json
import sqlite3
import uuid
from collections.abc import Callable
from typing import Any

from . import context as contexts
from .clock import now, text_of
from .database import Database
from .entries import FILE, INFO_FILE, Entry
from .errors import NotFound, Refusal
from .files import Files
from .vault import Vault

# Types of investigations, as the platform numbers them.
INCIDENT, PLAYGROUND = 0, 9


class WarRoom:
    """All investigations of the server. The playground is one that is always there."""

    def __init__(self, database: Database, vault: Vault, files: Files) -> None:
        self._database = database
        self._vault = vault
        self._files = files
        if not self.investigations({PLAYGROUND}):
            with database.writing() as connection:
                self.open(connection, str(uuid.uuid4()), PLAYGROUND, 'Playground')

    def open(self, connection: sqlite3.Connection, investigation_id: str, kind: int, name: str) -> None:
        """Begin an investigation inside a transaction of the caller."""
        connection.execute(
            'INSERT INTO investigations (id, type, name, created) VALUES (?, ?, ?, ?)',
            (investigation_id, kind, name, text_of(now())),
        )

    def investigations(self, kinds: set[int] | None = None) -> list[dict[str, Any]]:
        """Return the investigations of some types (9 is the playground, 0 an incident), or all, as the REST calls show them."""
        with self._database.reading() as connection:
            rows = connection.execute('SELECT * FROM investigations ORDER BY created, id').fetchall()
        return [_investigation(row) for row in rows if kinds is None or row['type'] in kinds]

    def playground(self) -> str:
        return str(self.investigations({PLAYGROUND})[0]['id'])

    def investigation(self, investigation_id: str) -> dict[str, Any]:
        """Return an investigation.

        Raises:
            NotFound: it does not exist.
        """
        with self._database.reading() as connection:
            row = connection.execute('SELECT * FROM investigations WHERE id = ?', (investigation_id,)).fetchone()
        if not row:
            raise NotFound(f'There is no investigation {investigation_id!r}: take the id of an incident, or of the playground.')
        return _investigation(row)

    def add(self, investigation_id: str, entry: Entry, **facts: Any) -> dict[str, Any]:
        """Add an entry and merge its outputs into the context, both or none.

        Args:
            facts: more of the entry's document, such as parentContent, instance and brand.
        Returns:
            The entry as the REST calls show it.
        Raises:
            Refusal: its outputs cannot be merged.
        """
        with self._database.writing() as connection:
            connection.execute('UPDATE investigations SET last_entry = last_entry + 1 WHERE id = ?', (investigation_id,))
            number = connection.execute('SELECT last_entry FROM investigations WHERE id = ?', (investigation_id,)).fetchone()[0]
            document = self._document(investigation_id, f'{number}@{investigation_id}', entry, facts)
            connection.execute('INSERT INTO entries VALUES (?, ?, ?)', (investigation_id, number, json.dumps(document)))
            outputs = {**entry.outputs, **_file_outputs(document)}
            if outputs:
                self._change_context(connection, investigation_id, lambda context: contexts.merge(context, outputs))
        return document

    def _document(self, investigation_id: str, entry_id: str, entry: Entry, facts: dict[str, Any]) -> dict[str, Any]:
        moment = text_of(now())
        document = {
            'id': entry_id,
            'investigationId': investigation_id,
            'type': entry.type,
            'contents': entry.contents,
            'contentsFormat': entry.format,
            'format': entry.format,
            'contentsSize': len(entry.contents),
            'created': moment,
            'modified': moment,
            'user': '',
            'file': entry.file,
            'fileID': entry.file_id,
            'note': entry.note,
            'tags': entry.tags,
            'parentId': '',
            'parentContent': '',
            'version': 1,
            **facts,
        }
        if entry.file_id:
            document['fileMetadata'] = self._files.facts(entry.file_id)
        return document

    def entries(self, investigation_id: str) -> list[dict[str, Any]]:
        """Return the entries of an investigation, oldest first."""
        self.investigation(investigation_id)
        with self._database.reading() as connection:
            rows = connection.execute(
                'SELECT document FROM entries WHERE investigation_id = ? ORDER BY number', (investigation_id,)
            )
            return [json.loads(row['document']) for row in rows]

    def page(self, investigation_id: str, count: int, before: int | None = None) -> list[dict[str, Any]]:
        """Return the last entries of an investigation, or the last ones before a number, oldest first."""
        self.investigation(investigation_id)
        with self._database.reading() as connection:
            rows = connection.execute(
                'SELECT document FROM entries WHERE investigation_id = ? AND (? IS NULL OR number < ?) '
                'ORDER BY number DESC LIMIT ?',
                (investigation_id, before, before, count),
            ).fetchall()
        return [json.loads(row['document']) for row in reversed(rows)]

    def since(self, investigation_id: str, number: int) -> list[dict[str, Any]]:
        """Return the entries of an investigation from a number on, oldest first."""
        self.investigation(investigation_id)
        with self._database.reading() as connection:
            rows = connection.execute(
                'SELECT document FROM entries WHERE investigation_id = ? AND number >= ? ORDER BY number',
                (investigation_id, number),
            )
            return [json.loads(row['document']) for row in rows]

    def set_note(self, entry_id: str, note: bool) -> None:
        """Mark an entry as a note, or as none.

        Raises:
            NotFound: the entry does not exist.
        """
        entry = self.entry(entry_id)
        number, _, investigation_id = entry_id.partition('@')
        with self._database.writing() as connection:
            connection.execute(
                'UPDATE entries SET document = ? WHERE investigation_id = ? AND number = ?',
                (json.dumps({**entry, 'note': note, 'modified': text_of(now())}), investigation_id, int(number)),
            )

    def entry(self, entry_id: str) -> dict[str, Any]:
        """Return an entry.

        Raises:
            NotFound: it does not exist.
        """
        number, _, investigation_id = entry_id.partition('@')
        with self._database.reading() as connection:
            row = connection.execute(
                'SELECT document FROM entries WHERE investigation_id = ? AND number = ?',
                (investigation_id, int(number) if number.isdecimal() else -1),
            ).fetchone()
        if not row:
            raise NotFound(
                f'There is no entry {entry_id!r}: take the id of one in the war room, such as 3@{investigation_id or "1"}.'
            )
        return dict(json.loads(row['document']))

    def context(self, investigation_id: str) -> dict[str, Any]:
        """Return all that the commands of an investigation have put into its context."""
        self.investigation(investigation_id)
        with self._database.reading() as connection:
            return self._read_context(connection, investigation_id)

    def delete_context(self, investigation_id: str, path: str = '') -> bool:
        """Empty the context, or remove what is at a dotted path. Return False if there is nothing."""
        found = not path

        def remove(context: dict[str, Any]) -> None:
            nonlocal found
            folder, _, name = path.rpartition('.')
            place = contexts.look_up(context, folder) if folder else context
            if not path:
                context.clear()
            elif isinstance(place, dict) and name in place:
                place.pop(name)
                found = True

        with self._database.writing() as connection:
            self._change_context(connection, investigation_id, remove)
        return found

    def _read_context(self, connection: sqlite3.Connection, investigation_id: str) -> dict[str, Any]:
        row = connection.execute('SELECT sealed FROM contexts WHERE investigation_id = ?', (investigation_id,)).fetchone()
        return dict(self._vault.unseal(row['sealed'], f'contexts/{investigation_id}')) if row else {}

    def _change_context(
        self, connection: sqlite3.Connection, investigation_id: str, change: Callable[[dict[str, Any]], None]
    ) -> None:
        context = self._read_context(connection, investigation_id)
        change(context)
        connection.execute(
            'INSERT OR REPLACE INTO contexts VALUES (?, ?)',
            (investigation_id, self._vault.seal(context, f'contexts/{investigation_id}')),
        )

    def file_of(self, entry_id: str) -> dict[str, Any]:
        """Return the name and path of a file entry, ``{'id', 'name', 'path'}``.

        Raises:
            NotFound: the entry does not exist.
            Refusal: it is not a file.
        """
        entry = self.entry(entry_id)
        if not entry['fileID']:
            raise Refusal(f'The entry {entry_id} is not a file: take the EntryID of a file in the context.')
        return {'id': entry['fileID'], 'name': entry['file'], 'path': str(self._files.path(entry['fileID']))}


def _investigation(row: sqlite3.Row) -> dict[str, Any]:
    return {
        'id': row['id'],
        'name': row['name'],
        'type': row['type'],
        'created': row['created'],
        'creatingUserId': 'admin',
        'status': 0,
    }


def _file_outputs(document: dict[str, Any]) -> dict[str, Any]:
    facts = document.get('fileMetadata')
    if not facts:
        return {}
    name = document['file']
    output = {
        'Name': name,
        'Size': facts['size'],
        'EntryID': document['id'],
        'Type': facts['type'],
        'Info': facts['type'],
        'Extension': name.rpartition('.')[2] if '.' in name else '',
    }
    if document['type'] == FILE:
        output.update({digest.upper(): facts[digest] for digest in ('md5', 'sha1', 'sha256', 'sha512')})
        return {'File(val.EntryID && val.EntryID == obj.EntryID)': output}
    return {'InfoFile(val.EntryID && val.EntryID == obj.EntryID)': output} if document['type'] == INFO_FILE else {}
