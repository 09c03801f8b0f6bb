"""Run integrations written for the public MicrosoftApiModule, as the platform does."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import demistomock as demisto
from sandbox.microsoft import MicrosoftCloud

ADA, BOB = 'ada@contoso.example', 'bob@contoso.example'


class Instance:
    """An instance of an integration.

    Args:
        main: the main function of the integration.
        params: of the instance.
    """

    def __init__(self, main: Callable[[], object], cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, **params: Any):
        self.cloud = cloud
        self.params = params
        self.entries: list[dict[str, Any]] = []
        self._main = main
        self._monkeypatch = monkeypatch

    def run(self, command: str, **args: str) -> dict[str, Any]:
        """Run a command, and return its last entry."""
        self.entries.clear()
        for name, value in (('params', self.params), ('args', args), ('command', command)):
            self._monkeypatch.setattr(demisto, name, lambda value=value: json.loads(json.dumps(value)))
        self._monkeypatch.setattr(demisto, 'results', lambda result: self.entries.append(as_entry(result)))
        try:
            self._main()
        except SystemExit as end:
            if end.code:
                raise
        return self.entries[-1]

    def outputs(self, command: str, **args: str) -> Any:
        """Run a command, and return the outputs of its entry."""
        entry = self.run(command, **args)
        assert entry['Type'] != 4, entry['Contents']
        return next(iter(entry['EntryContext'].values()))


def as_entry(result: Any) -> dict[str, Any]:
    return result if isinstance(result, dict) else {'Type': 1, 'Contents': result}
