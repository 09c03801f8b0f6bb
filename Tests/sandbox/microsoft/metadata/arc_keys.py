"""The key files of an Azure Arc machine."""

import secrets
import uuid
from pathlib import Path

from sandbox.microsoft.metadata.errors import ArcKeyFolderError

ARC_KEY_FOLDER = Path('/var/opt/azcmagent/tokens')


class ArcKeys:
    """The files by which an Arc machine proves that a caller may read what only privileged users can: each is good once."""

    def __init__(self, folder: Path = ARC_KEY_FOLDER) -> None:
        self.folder = self._first_folder = folder
        self._made_here: list[Path] = []
        self._keys: dict[str, Path] = {}

    def prepare(self) -> None:
        """Make the folder. Raises ArcKeyFolderError when that is not allowed."""
        probe = self.folder / f'{uuid.uuid4()}.key'
        self._write(probe, '')
        probe.unlink()

    def new(self) -> Path:
        """Return a new key file. Raises ArcKeyFolderError."""
        path = self.folder / f'{uuid.uuid4()}.key'
        content = secrets.token_urlsafe(48)
        self._write(path, content)
        self._keys[content] = path
        return path

    def _write(self, path: Path, content: str) -> None:
        missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        try:
            try:
                self._write_once(path, content)
            except FileNotFoundError:  # another cloud on this machine has just removed the folder
                self._write_once(path, content)
        except OSError as error:
            raise ArcKeyFolderError(
                error.errno,
                f'Arc keeps its key files in {self.folder}, which cannot be written '
                f'({error.strerror}). Run as root, or make this folder yours.',
            ) from error
        self._made_here.extend(missing)

    def _write_once(self, path: Path, content: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o640)

    def redeem(self, content: str) -> bool:
        """Return whether ``content`` is that of a key file; the file is gone then."""
        path = self._keys.pop(content, None)
        if path is None:
            return False
        path.unlink(missing_ok=True)
        return True

    def clear(self) -> None:
        """Remove the key files, and the folders that were made for them if nothing else is in there."""
        for path in self._keys.values():
            path.unlink(missing_ok=True)
        self._keys.clear()
        for folder in self._made_here:
            try:
                folder.rmdir()
            except OSError:
                break
        self._made_here.clear()
        self.folder = self._first_folder
