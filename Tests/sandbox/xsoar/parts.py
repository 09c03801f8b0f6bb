"""The parts that the REST calls, the pages and the background of the server work with."""

from dataclasses import dataclass, field
from pathlib import Path

from .catalogue import Catalogue
from .console import Console
from .database import Database
from .engine import Engine
from .files import Files
from .incidents import Incidents
from .instances import Instances
from .metrics import Metrics
from .runner import Runner
from .schedules import Schedules
from .vault import Vault
from .war_room import WarRoom


@dataclass(frozen=True)
class Parts:
    """The server, taken apart."""

    catalogue: Catalogue
    instances: Instances
    files: Files
    war_room: WarRoom
    incidents: Incidents
    schedules: Schedules
    metrics: Metrics
    engine: Engine
    runner: Runner
    console: Console
    version: dict[str, str]
    api_key: str = field(repr=False)


def assemble(
    folder: Path, database: Database, vault: Vault, engine: Engine, version: dict[str, str], url: str, api_key: str, second: float
) -> Parts:
    """Makes the parts of a server out of what they stand on; a second of their schedules lasts ``second`` seconds."""
    catalogue, instances = Catalogue(database), Instances(database, vault)
    files = Files(database, folder / 'files')
    war_room = WarRoom(database, vault, files)
    incidents, schedules, metrics = Incidents(database, war_room), Schedules(database, vault, second), Metrics(database)
    runner = Runner(catalogue, instances, war_room, incidents, metrics, files, engine, url)
    console = Console(catalogue, instances, war_room, schedules, runner)
    return Parts(catalogue, instances, files, war_room, incidents, schedules, metrics, engine, runner, console, version, api_key)
