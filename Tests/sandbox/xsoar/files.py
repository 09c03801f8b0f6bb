"""The files of war rooms and incidents: the bytes in a folder, what is known of them in the database."""

import hashlib
import json
import mimetypes
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .database import Database
from .errors import Refusal

_DIGESTS = ('md5', 'sha1', 'sha256', 'sha512')
_PIECE = 1 << 20


class Files:
    """All files, each under an id of its own.

    Args:
        folder: where the bytes are; made when missing.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Return a path to write a file to that is to be stored."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            yield Path(folder) / 'file'

    def keep(self, source: Path, name: str) -> str:
        """Take a file over by renaming it, whatever its size; return its id."""
        file_id = str(uuid.uuid4())
        facts = {**_facts(source), 'type': mimetypes.guess_type(name)[0] or 'application/octet-stream'}
        os.replace(source, self.path(file_id))
        with self._database.writing() as connection:
            connection.execute('INSERT INTO files VALUES (?, ?, ?)', (file_id, name, json.dumps(facts)))
        return file_id

    def path(self, file_id: str) -> Path:
        return self._folder / file_id

    def facts(self, file_id: str) -> dict[str, Any]:
        """Size in bytes, media type and digests of a file."""
        with self._database.reading() as connection:
            row = connection.execute('SELECT facts FROM files WHERE id = ?', (file_id,)).fetchone()
        return dict(json.loads(row['facts']))


def _facts(path: Path) -> dict[str, Any]:
    digests = {name: hashlib.new(name) for name in _DIGESTS}
    with path.open('rb') as file:
        for piece in iter(lambda: file.read(_PIECE), b''):
            for digest in digests.values():
                digest.update(piece)
    return {'size': path.stat().st_size, **{name: digest.hexdigest() for name, digest in digests.items()}}


def file_in(folder: Path, investigation_id: str, file_id: str) -> Path:
    """Return where ``fileResult`` put a file in the working folder of a command.

    Raises:
        Refusal: it is not there.
    """
    name = f'{investigation_id}_{file_id}'
    path = folder / name
    if name != path.name or path.is_symlink() or not path.is_file():
        raise Refusal(f'The command named a file {file_id!r} that it did not write: make files with fileResult.')
    return path
