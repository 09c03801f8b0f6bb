"""Run commands for the war room, the Test button and the fetch, and store their results."""

import json
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .catalogue import Catalogue
from .content import Integration
from .credentials import Credentials
from .demisto_api import DemistoApi
from .engine import Engine, Job
from .entries import DEBUG_FILE, ERROR, METRICS, Entry, Polling, entries_of, error_entry
from .errors import NotFound, Refusal
from .fetches import Fetches
from .files import Files, file_in
from .incident_creation import IncidentCreator
from .incidents import Incidents
from .instances import Instance, Instances
from .metrics import Metrics
from .output_options import OutputOptions
from .process import Outcome
from .war_room import WarRoom

_AS_SENT = OutputOptions()


@dataclass(frozen=True)
class FetchReport:
    """How a fetch went: the incidents it created, and a sentence if it failed; then nothing of it was stored."""

    incidents: tuple[dict[str, Any], ...] = ()
    error: str = ''


class Runner:
    """Everything that runs a command goes through here.

    Args:
        url: where the server is, for ``demisto.demistoUrls()``.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        instances: Instances,
        war_room: WarRoom,
        incidents: Incidents,
        metrics: Metrics,
        files: Files,
        fetches: Fetches,
        credentials: Credentials,
        incident_creator: IncidentCreator,
        engine: Engine,
        url: str,
    ) -> None:
        self._catalogue = catalogue
        self._instances = instances
        self._war_room = war_room
        self._incidents = incidents
        self._files = files
        self._fetches = fetches
        self._credentials = credentials
        self._incident_creator = incident_creator
        self._metrics = metrics
        self._engine = engine
        self._url = url
        self._fetching: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def job(
        self,
        integration: Integration,
        instance: Instance,
        command: str,
        arguments: dict[str, Any],
        investigation_id: str,
        time_limit: float = 0,
        debug: bool = False,
    ) -> Job:
        """Return a command of an instance in an investigation; a time limit of 0 takes that of the integration.

        Raises:
            Refusal: the instance uses credentials that do not exist.
        """
        try:
            incident = self._incidents.get(investigation_id)
        except NotFound:
            incident = {}
        page = f'{self._url}/war-room/{investigation_id}'
        return Job(
            integration,
            self._credentials.resolved(instance),
            command,
            arguments,
            self._war_room.investigation(investigation_id),
            incident,
            {'server': self._url, 'warRoom': page, 'investigation': page},
            time_limit,
            debug,
        )

    def run(
        self, job: Job, origin: dict[str, Any], options: OutputOptions = _AS_SENT
    ) -> tuple[list[dict[str, Any]], Polling | None]:
        """Run a command and store its entries in the war room.

        Args:
            job: what to run; in debug mode its log becomes an entry too.
            origin: the fields of an entry that tell where it comes from: instance, brand, and the entry with the command.
            options: what the user asked of the results.
        Returns:
            The entries as stored, and what the command wants to be run later.
        """
        try:
            with self._engine.run(job, partial(self._api_of, job, True)) as (outcome, folder):
                entries = entries_of(outcome.results)
                if outcome.failure and not any(entry.type == ERROR for entry in entries):
                    entries.append(error_entry(outcome.failure))
                shown = [options.apply(entry) for entry in entries]
                if job.debug:
                    shown.append(_debug_entry(entries, outcome, folder, job))
                documents = [self._store(job, entry, folder, origin) for entry in shown if not self._is_metrics(job, entry)]
        except Refusal as refusal:
            return [self._war_room.add(job.investigation['id'], error_entry(str(refusal)), **origin)], None
        return documents, next((entry.polling for entry in entries if entry.polling), None)

    def _api_of(self, job: Job, with_context: bool, folder: Path) -> DemistoApi:
        return DemistoApi(job, folder, self._instances, self._war_room, self._incident_creator, with_context)

    def _is_metrics(self, job: Job, entry: Entry) -> bool:
        if entry.type == METRICS:
            self._metrics.add(job.instance.id, job.command, entry.metrics)
        return entry.type == METRICS

    def _store(self, job: Job, entry: Entry, folder: Path, origin: dict[str, Any]) -> dict[str, Any]:
        investigation_id = job.investigation['id']
        try:
            if entry.file_id:
                entry.file_id = self._files.keep(file_in(folder, investigation_id, entry.file_id), entry.file)
            return self._war_room.add(investigation_id, entry, scheduled=bool(entry.polling), **origin)
        except Refusal as refusal:
            return self._war_room.add(investigation_id, error_entry(str(refusal)), **origin)

    def test(self, integration: Integration, instance: Instance) -> tuple[bool, str]:
        """Return whether the Test button gets exactly ``ok`` from the integration, and what it gets otherwise.

        Raises:
            Refusal: the instance uses credentials that do not exist.
        """
        instance = self._credentials.resolved(instance)
        job = Job(integration, instance, 'test-module', investigation={'id': '', 'name': ''}, urls={'server': self._url})
        with self._engine.run(job, partial(self._api_of, job, False)) as (outcome, _):
            said = [entry for entry in entries_of(outcome.results) if not self._is_metrics(job, entry)]
        if not outcome.failure and [entry.contents for entry in said] == ['ok']:
            return True, ''
        message = '\n'.join(entry.contents for entry in said if entry.contents != 'ok') or outcome.failure
        return (
            False,
            message or "The integration did not answer ok to test-module: let it return_results('ok') once when all is well.",
        )

    def fetch(self, instance_id: str) -> FetchReport:
        """Run fetch-incidents of an instance now; wait while another fetch of it is going on.

        The incidents are stored first, then the last run: a server that dies in between fetches them again.
        """
        with self._lock:
            alone = self._fetching.setdefault(instance_id, threading.Lock())
        with alone:
            instance = self._instances.get(instance_id)
            self._instances.clear_health(instance.id)  # the command may set another one, and end well
            started = time.monotonic()
            report = self._fetch(instance)
            if report.error:
                self._instances.set_health(instance.id, report.error)
            self._fetches.add(instance.id, time.monotonic() - started, len(report.incidents), report.error)
        return report

    def _fetch(self, instance: Instance) -> FetchReport:
        integration = self._catalogue.integration(instance.integration_id)
        try:
            job = Job(
                integration,
                self._credentials.resolved(instance),
                'fetch-incidents',
                investigation={'id': instance.id, 'name': ''},
                urls={'server': self._url},
            )
            with self._engine.run(job, partial(self._api_of, job, True)) as (outcome, folder):
                said = [entry for entry in entries_of(outcome.results) if not self._is_metrics(job, entry)]
                error = outcome.failure or '\n'.join(entry.contents for entry in said if entry.type == ERROR)
                if error:
                    return FetchReport(error=error)
                incidents = self._incident_creator.create(job, outcome.incidents or [], folder)
        except Refusal as refusal:
            return FetchReport(error=str(refusal))
        if outcome.last_run is not None:
            self._instances.set_last_run(instance.id, outcome.last_run)
        return FetchReport(tuple(incidents))


def _debug_entry(entries: list[Entry], outcome: Outcome, folder: Path, job: Job) -> Entry:
    """Write what a command sent and logged into a file, in the sections that ``demisto-sdk run`` reads."""
    sent = [entry for entry in entries if entry.type != METRICS]
    raw = [entry.raw for entry in sent if entry.raw is not None]
    sections = [
        'Context Outputs:',
        json.dumps({key: value for entry in sent for key, value in entry.outputs.items()}, indent=4, ensure_ascii=False),
        'Human Readable section',
        *(entry.contents for entry in sent),
        'Raw Response section',
        json.dumps(raw[0] if len(raw) == 1 else raw, ensure_ascii=False),
        'Full Integration Log:',
        *outcome.log,
    ]
    (folder / f'{job.investigation["id"]}_debug').write_text('\n'.join(sections) + '\n', 'utf-8', 'backslashreplace')
    return Entry('', type=DEBUG_FILE, file=f'{job.command}.log', file_id='debug')
