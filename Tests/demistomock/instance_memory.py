"""What a current server keeps of an instance, for a ``demistomock`` that keeps less: the platform's own one."""

import json
import threading
from collections.abc import Callable
from typing import Any


def remember_versions(demisto: Any, monkeypatch: Any) -> None:
    """Make the platform's own ``demistomock``, a server of 2018, a current one: with versions of the integration context."""
    if not hasattr(demisto, '_context_version'):
        for name, function in InstanceMemory(demisto).functions().items():
            monkeypatch.setattr(demisto, name, function)


class InstanceMemory:
    """Hold the integration context, with its versions, and the last run.

    Args:
        demisto: the module to hold them for; its ``integrationContext`` stays the place of the context, which tests set.
    """

    def __init__(self, demisto: Any) -> None:
        self._demisto = demisto
        self._version = 0
        self._last_run: dict[str, Any] = {}
        self._lock = threading.Lock()

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return the functions of ``demisto`` that read and write it, by name."""
        return {
            'demistoVersion': lambda: {'version': '6.10.0', 'buildNumber': '12345', 'platform': 'xsoar'},
            'getIntegrationContext': lambda: self._read()['context'],
            'setIntegrationContext': self._overwrite,
            'getIntegrationContextVersioned': self._read,
            'setIntegrationContextVersioned': self._write,
            'getLastRun': lambda: _copy(self._last_run),
            'setLastRun': self._set_last_run,
        }

    def _read(self, refresh: bool = False) -> dict[str, Any]:
        with self._lock:
            return {'context': _copy(self._demisto.integrationContext), 'version': self._current_version()}

    def _current_version(self) -> Any:
        """Return the version: an object, if that is the form of the server."""
        if getattr(self._demisto, 'versions_are_objects', False):
            return {'version': self._version, 'sequenceNumber': self._version, 'primaryTerm': 1}
        return self._version

    def _write(self, context: dict[str, Any], version: Any = -1, sync: bool = False) -> None:
        with self._lock:
            if version not in (-1, self._current_version()):
                raise ValueError(f'The context is at version {self._version}, not {version}. Read it again.')
            self._demisto.integrationContext = _copy(context)
            self._version += 1

    def _overwrite(self, context: dict[str, Any]) -> None:
        self._write(context)

    def _set_last_run(self, obj: dict[str, Any]) -> None:
        self._last_run = _copy(obj)


def _copy(value: Any) -> Any:
    """Return a copy of what JSON can hold; raise TypeError for anything else, as the platform does."""
    return json.loads(json.dumps(value))
