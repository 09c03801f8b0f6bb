"""The components that the REST calls, the pages and the background of the server work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .api_keys import ApiKeys
from .background_jobs import BackgroundJobs
from .catalogue import Catalogue
from .console import Console
from .credentials import Credentials
from .database import Database
from .engine import Engine
from .fetches import Fetches
from .files import Files
from .incident_creation import IncidentCreator
from .incidents import Incidents
from .instances import Instances
from .metrics import Metrics
from .runner import Runner
from .schedules import Schedules
from .vault import Vault
from .war_room import WarRoom


@dataclass
class Surroundings:
    """What the pages say of where the server runs.

    Attributes:
        url: of the server.
        ticket: opens the pages in place of an API key; of this run of the server only.
        local_addresses: what replaces an address of the internet, by the beginning of the latter; empty for what has no
            stand-in, so that no link leads there.
        presets: values that the form of a new instance begins with, by the id of the integration and the name of the parameter.
        start_page: the address of the page that the sandbox starts with; empty without one.
    """

    url: str
    ticket: str = field(repr=False)
    local_addresses: dict[str, str] = field(default_factory=dict)
    presets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    start_page: str = ''


@dataclass(frozen=True)
class Components:
    """What the server consists of."""

    api_keys: ApiKeys
    catalogue: Catalogue
    credentials: Credentials
    instances: Instances
    files: Files
    war_room: WarRoom
    incidents: Incidents
    schedules: Schedules
    metrics: Metrics
    fetches: Fetches
    engine: Engine
    runner: Runner
    console: Console
    background_jobs: BackgroundJobs
    version: dict[str, str]
    surroundings: Surroundings


def build_components(
    folder: Path,
    database: Database,
    vault: Vault,
    engine: Engine,
    version: dict[str, str],
    surroundings: Surroundings,
    api_key: str,
    second: float,
    threads: int,
    object_versions: bool,
) -> Components:
    """Create the components of a server.

    Args:
        api_key: the key that the server starts with.
        second: how long a second of schedules lasts, in seconds.
        threads: how many background jobs run at once.
        object_versions: as in Instances.
    """
    catalogue, instances = Catalogue(database), Instances(database, vault, object_versions)
    files, credentials, fetches = Files(database, folder / 'files'), Credentials(database, vault), Fetches(database)
    war_room = WarRoom(database, vault, files)
    incidents, schedules, metrics = Incidents(database, war_room), Schedules(database, vault, second), Metrics(database)
    incident_creator = IncidentCreator(catalogue, incidents, war_room, files)
    runner = Runner(
        catalogue,
        instances,
        war_room,
        incidents,
        metrics,
        files,
        fetches,
        credentials,
        incident_creator,
        engine,
        surroundings.url,
    )
    return Components(
        api_keys=ApiKeys(database, api_key),
        catalogue=catalogue,
        credentials=credentials,
        instances=instances,
        files=files,
        war_room=war_room,
        incidents=incidents,
        schedules=schedules,
        metrics=metrics,
        fetches=fetches,
        engine=engine,
        runner=runner,
        console=Console(catalogue, instances, war_room, incidents, schedules, runner),
        background_jobs=BackgroundJobs(threads),
        version=version,
        surroundings=surroundings,
    )
