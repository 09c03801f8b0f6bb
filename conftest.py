"""Fixtures of the whole test suite, which runs on the platform's real CommonServerPython too.

``COMMON_SERVER_PYTHON=<its folder> make test``
"""

import os
import sys
from pathlib import Path

import pytest

from sandbox.microsoft.fixtures import cloud, empty_mailbox, microsoft_cloud

__all__ = ['cloud', 'empty_mailbox', 'microsoft_cloud']
FOLDER = os.environ.get('COMMON_SERVER_PYTHON')
if FOLDER:
    # absolute, since commands run as processes of their own in other working folders; first, so that it wins over the stub
    FOLDER = os.environ['COMMON_SERVER_PYTHON'] = str(Path(FOLDER).resolve())
    sys.path.insert(0, FOLDER)


def pytest_configure() -> None:
    if FOLDER and not Path(FOLDER, 'CommonServerPython.py').is_file():
        raise pytest.UsageError(f'There is no CommonServerPython.py in {FOLDER}: let COMMON_SERVER_PYTHON name its folder.')
