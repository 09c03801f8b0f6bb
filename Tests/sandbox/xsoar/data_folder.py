"""The folder of a server: made when missing, and used by one server at a time."""

import fcntl
from pathlib import Path
from typing import IO

from .errors import Refusal


def claim(folder: Path) -> IO[str]:
    """Make a folder if it is missing, readable by its owner only, and lock it until the returned file is closed.

    Raises:
        Refusal: it cannot be made or written, or another server is using it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / 'server.lock').open('w')
    except OSError as error:
        raise Refusal(f'{folder} cannot be used as a folder ({error.strerror}). Name another one.') from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise Refusal(f'Another server is using {folder}: stop it, or choose another folder.') from None
    return file
