"""From what an integration fetched to incidents: the type by the classifier, the fields by the mapper, the files."""

from pathlib import Path
from typing import Any

from .catalogue import Catalogue
from .classifiers import CLASSIFIER, INCOMING_MAPPER, Classifier, classified, event_of, mapped
from .engine import Job
from .entries import FILE, Entry, error_entry
from .errors import Refusal
from .files import Files, file_in
from .incidents import Incidents
from .instances import Instance
from .war_room import WarRoom


class IncidentCreator:
    """A creator of the incidents that integrations fetch."""

    def __init__(self, catalogue: Catalogue, incidents: Incidents, war_room: WarRoom, files: Files) -> None:
        self._catalogue = catalogue
        self._incidents = incidents
        self._war_room = war_room
        self._files = files

    def create(self, job: Job, incidents: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
        """Create incidents with their attachments; a missing file is found before anything is stored.

        Args:
            job: the command that fetched them.
            folder: its working folder.
        Raises:
            Refusal: an attachment is missing.
        """
        files = [
            [file_in(folder, job.investigation['id'], str(each.get('path'))) for each in incident.get('attachment') or ()]
            for incident in incidents
        ]
        return [self._create(job, incident, paths) for incident, paths in zip(incidents, files, strict=True)]

    def _create(self, job: Job, incident: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
        attachments = []
        for described, path in zip(incident.get('attachment') or (), paths, strict=True):
            name = str(described.get('name') or 'attachment')
            attachments.append({**described, 'name': name, 'path': self._files.keep(path, name)})
        document, problems = self.classified(incident, job.instance)
        created = self._incidents.add({**document, 'attachment': attachments}, job.instance.name, job.integration.name)
        for each in attachments:
            self._war_room.add(created['id'], Entry('', type=FILE, file=each['name'], file_id=each['path']))
        for problem in problems:
            self._war_room.add(created['id'], error_entry(problem))
        return created

    def classified(self, incident: dict[str, Any], instance: Instance) -> tuple[dict[str, Any], list[str]]:
        """Apply the classifier and the mapper of an instance to what it fetched.

        Returns:
            The incident with its type and its mapped fields, and sentences about what could not be applied.
        """
        event, problems = event_of(incident), []
        kind = str(incident.get('type') or '')
        classifier = self._find(CLASSIFIER, instance.mappings.get('mappingId', ''))
        if classifier and not kind:
            try:
                kind = classified(classifier, event)
            except Refusal as refusal:
                problems.append(f'The classifier {classifier.name} was not applied: {refusal}')
        kind = kind or str(instance.values.get('incidentType') or '') or 'Unclassified'
        mapper = self._find(INCOMING_MAPPER, instance.mappings.get('incomingMapperId', ''))
        if not mapper:
            return {**incident, 'type': kind}, problems
        result = mapped(mapper, kind, event)
        labels = [*(incident.get('labels') or ()), *result.labels]
        custom = {**(incident.get('CustomFields') or {}), **result.custom_fields}
        return {**incident, 'type': kind, **result.fields, 'labels': labels, 'CustomFields': custom}, [
            *problems,
            *result.problems,
        ]

    def _find(self, kind: str, classifier_id: str) -> Classifier | None:
        return next((each for each in self._catalogue.classifiers() if (each.kind, each.id) == (kind, classifier_id)), None)
