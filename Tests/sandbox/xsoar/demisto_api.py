"""Answer the calls of the ``demisto`` object of a running command."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .engine import Job
from .entries import entries_of
from .errors import Conflict, Refusal
from .incident_creation import IncidentCreator
from .instances import SAID, SAID_AS_ERROR, Instances
from .war_room import WarRoom


class DemistoApi:
    """The answers for one command; the names are those that ``demisto_object.py`` asks for.

    Args:
        job: the command.
        folder: its working folder.
        with_context: whether the integration context is there; the Test button has none.
    """

    def __init__(
        self,
        job: Job,
        folder: Path,
        instances: Instances,
        war_room: WarRoom,
        incident_creator: IncidentCreator,
        with_context: bool,
    ) -> None:
        self._job = job
        self._folder = folder
        self._instances = instances
        self._war_room = war_room
        self._incident_creator = incident_creator
        self._with_context = with_context
        self._table: dict[str, Callable[..., Any]] = {
            'integration_context': self._integration_context,
            'set_integration_context': self._set_integration_context,
            'last_run': self._last_run,
            'context': self._context,
            'file': self._file,
            'add_entry': self._add_entry,
            'create_incidents': self._create_incidents,
            'health': self._health,
        }

    def __call__(self, name: str, values: list[Any]) -> Any:
        """Answer a question.

        Raises:
            Refusal: it cannot be answered; the text becomes a ValueError in the command.
        """
        try:
            return self._table[name](*values)
        except (KeyError, TypeError, AttributeError) as error:
            raise Refusal(f'The platform cannot answer {name}: {error}.') from None

    def _integration_context(self) -> dict[str, Any]:
        context, version = self._instances.integration_context(self._job.instance.id) if self._with_context else ({}, 0)
        return {'context': context, 'version': version}

    def _set_integration_context(self, context: Any, version: Any) -> None:
        if not isinstance(context, dict):
            raise Refusal(f'The integration context must be a dict, not {type(context).__name__}.')
        if not self._with_context:
            return
        try:
            self._instances.set_integration_context(self._job.instance.id, context, version)
        except Conflict as conflict:
            raise Refusal(f'DB Version error: {conflict}') from None

    def _last_run(self) -> dict[str, Any]:
        return self._instances.last_run(self._job.instance.id)

    def _context(self) -> dict[str, Any]:
        return self._war_room.context(self._job.investigation['id']) if self._job.investigation else {}

    def _file(self, entry_id: str) -> dict[str, str]:
        file = self._war_room.file_of(entry_id)
        path = self._folder / f'{file["id"]}_{Path(file["name"]).name}'
        if not path.exists():
            try:
                os.link(file['path'], path)  # no copy: files may be large
            except OSError:
                shutil.copyfile(file['path'], path)
        return {'id': entry_id, 'path': str(path), 'name': file['name']}

    def _add_entry(self, investigation_id: str, result: Any, user: str) -> None:
        self._war_room.investigation(investigation_id)
        for entry in entries_of(result):
            self._war_room.add(investigation_id, entry, user=user)

    def _create_incidents(self, incidents: list[dict[str, Any]], last_run: dict[str, Any] | None) -> list[dict[str, Any]]:
        instance = self._job.instance
        created = self._incident_creator.create(self._job, incidents, self._folder)
        if last_run is not None:
            self._instances.set_last_run(instance.id, last_run)
        return created

    def _health(self, data: Any, is_error: bool) -> None:
        self._instances.set_health(self._job.instance.id, str(data or ''), SAID_AS_ERROR if is_error else SAID)
