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
    FOLDER = os.environ['COMMON_SERVER_PYTHON'] = str(Path(FOLDER).expanduser().resolve())
    sys.path.insert(0, FOLDER)


def pytest_configure() -> None:
    if FOLDER and not Path(FOLDER, 'CommonServerPython.py').is_file():
        raise pytest.UsageError(f'There is no CommonServerPython.py in {FOLDER}: let COMMON_SERVER_PYTHON name its folder.')


@pytest.fixture(autouse=True)
def _new_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test as a new process on a current server.

    CommonServerPython holds the registered secrets and the version of the server for the whole process: the secrets of one test
    would be masked in the next. The platform's own demistomock is a server of 2018, without versions of the context.
    """
    from instance_memory import InstanceMemory

    import CommonServerPython
    import demistomock as demisto

    monkeypatch.setattr(CommonServerPython.LOG, 'replace_strs', [])
    monkeypatch.setattr(CommonServerPython.LOG, 'messages', [])
    monkeypatch.setattr(CommonServerPython.get_demisto_version, '_version', None)
    if not hasattr(demisto, '_context_version'):
        for name, function in InstanceMemory(demisto).functions().items():
            monkeypatch.setattr(demisto, name, function)
