"""What takes long to make, made once for all processes of a test run."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` has filled, in this process or in another worker of pytest-xdist.

    Args:
        name: of the folder, the same in all processes.
        make: fills a new folder. If it fails, the next process tries it.
    """
    # the folder of a worker is inside that of the run
    root = factory.getbasetemp().parent if 'PYTEST_XDIST_WORKER' in os.environ else factory.getbasetemp()
    folder = root / name
    with (root / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=f'{name}-', dir=root))
            make(unfinished)
            unfinished.rename(folder)
    return folder
