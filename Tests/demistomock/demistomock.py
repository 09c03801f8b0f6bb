"""Stands in for the ``demisto`` object of Cortex XSOAR when code runs outside the platform, as under pytest.

The names and parameters are the platform's own. What an integration keeps (integration context, last run) lives in the
memory of this process, as JSON, because that is all that the platform takes; what it says goes to ``logging``, and its
results go to standard output. The rest answers with an empty value, and is there to be replaced by a test.
"""

import json
import logging
import threading
from typing import Any

integrationContext: dict[str, Any] = {}
is_debug: bool = False
callingContext: dict[str, Any] = {}
versions_are_objects: bool = False  # those of the integration context; so they are on some servers

_context_version: int = 0
_last_run: dict[str, Any] = {}
_lock = threading.Lock()


def _as_json(value: Any) -> Any:
    """Return a deep copy that, like the platform's store, holds what JSON can hold and refuses anything else with TypeError."""
    return json.loads(json.dumps(value))


# region What the command was called with
def params() -> dict[str, Any]:
    """Return the parameters of the integration instance."""
    return {}


def args() -> dict[str, Any]:
    """Return the arguments of the command."""
    return {}


def command() -> str:
    """Return the name of the command; '' outside the platform."""
    return ''


def getParam(param: str) -> Any:
    """One parameter of the instance, None if it is not set."""
    return params().get(param)


def getArg(arg: str) -> Any:
    """One argument of the command, None if it was not given."""
    return args().get(arg)


def context() -> dict[str, Any]:
    """Return the context of the incident."""
    return {}


def investigation() -> dict[str, Any]:
    """Return the investigation that the command runs in."""
    return {'id': '1'}


def integrationInstance() -> str:
    """Return the name of the integration instance."""
    return ''


def incidents(incidents: list[Any] | None = None) -> Any:
    """Hands fetched incidents over to the platform; without an argument, the incidents that a script runs on."""
    if incidents is None:
        return [{}]
    return results({'Type': 1, 'Contents': json.dumps(incidents), 'ContentsFormat': 'json'})


def incident() -> dict[str, Any]:
    """Return the incident that a script runs on."""
    return {}


def get_incidents() -> dict[str, Any]:
    """Return the incidents that a command was asked to work on."""
    return {}


# endregion


# region What the command answers
def results(results: Any) -> None:
    """Give one result, or a list of them, to the war room: here, print it."""
    print(f'demisto results: {json.dumps(results, indent=4, default=str)}')


def credentials(credentials: list[Any]) -> None:
    """Give fetched credentials to the platform: here, count them, for they are secret."""
    print(f'demisto credentials: {len(credentials)}')


def log(msg: str) -> None:
    """Write to the war room."""
    logging.getLogger().info(msg)


def debug(msg: str, *args: Any) -> None:
    """Write to the server's log at level debug."""
    logging.getLogger().debug(msg, *args)


def info(msg: str, *args: Any) -> None:
    """Write to the server's log at level info."""
    logging.getLogger().info(msg, *args)


def error(msg: str, *args: Any) -> None:
    """Write to the server's log at level error."""
    logging.getLogger().error(msg, *args)


def setContext(contextPath: str, value: Any) -> None:
    """Set one path of the incident's context."""


def updateModuleHealth(data: Any, is_error: bool = False) -> None:
    """Set the message that is shown beside the integration instance, as an error or not."""


# endregion


# region What an instance keeps
def version_of(number: int, is_object: bool) -> Any:
    """Return the version of the context after so many writes, in the form of the server."""
    return {'version': number, 'sequenceNumber': number, 'primaryTerm': 1} if is_object else number


def getIntegrationContext() -> dict[str, Any]:
    """Return the integration context, as a copy."""
    with _lock:
        return _as_json(integrationContext)


def setIntegrationContext(context: dict[str, Any]) -> None:
    """Replace the integration context, whatever its version is."""
    setIntegrationContextVersioned(context)


def getIntegrationContextVersioned(refresh: bool = False) -> dict[str, Any]:
    """Return the integration context and its version: ``{'context': {...}, 'version': 3}``, or an object in place of 3.

    Args:
        refresh: read anew from the database. One process has nothing older than its own memory, so it changes nothing here.
    """
    with _lock:
        return {'context': _as_json(integrationContext), 'version': version_of(_context_version, versions_are_objects)}


def setIntegrationContextVersioned(context: dict[str, Any], version: Any = -1, sync: bool = False) -> None:
    """Replace the integration context if it still has the version that the writer has read.

    Args:
        context: the whole new context.
        version: the version read; -1 writes over any.
        sync: wait until the database has it, which memory always does.
    Raises:
        ValueError: somebody else has written since.
    """
    global integrationContext, _context_version
    with _lock:
        if version not in (-1, version_of(_context_version, versions_are_objects)):
            raise ValueError(f'The integration context has version {_context_version}, not {version}: read it again, then write.')
        integrationContext = _as_json(context)
        _context_version += 1


def getLastRun() -> dict[str, Any]:
    """Return what the last fetch has stored, as a copy; {} before the first."""
    with _lock:
        return _as_json(_last_run)


def setLastRun(obj: dict[str, Any]) -> None:
    """Stores what the next fetch goes on from."""
    global _last_run
    with _lock:
        _last_run = _as_json(obj)


# endregion


# region Files
def uniqueFile() -> str:
    """Return a new name for a file in the working folder."""
    import uuid  # costs more than the rest of this module

    return str(uuid.uuid4())


def getFilePath(id: str) -> dict[str, Any]:
    """Return the path of the file of a war room entry."""
    return {'id': id, 'path': 'test/test.txt', 'name': 'test.txt'}


# endregion


# region The server
def demistoVersion() -> dict[str, Any]:
    """Return the version of the server: one that has all that an integration of today may ask for."""
    return {'version': '6.10.0', 'buildNumber': '12345', 'platform': 'xsoar'}


def demistoUrls() -> dict[str, Any]:
    """Links to pages of the server."""
    pages = ('evidenceBoard', 'investigation', 'relatedIncidents', 'server', 'warRoom', 'workPlan')
    return dict.fromkeys(pages, 'https://test-address:8443')


def getLicenseID() -> str:
    """Return the ID of the server's license."""
    return ''


def getIndexHash() -> str:
    """Return the hash of the tenant's name."""
    return ''


def getAllSupportedCommands() -> dict[str, Any]:
    """Return the commands of all instances."""
    return {}


def getModules() -> dict[str, Any]:
    """Return all instances."""
    return {}


def executeCommand(command: str, args: dict[str, Any]) -> list[Any]:
    """Run another command of the server, and return its entries."""
    return []


def mapObject(obj: dict[str, Any], mapper: str, mapper_type: str) -> dict[str, Any]:
    """Maps an object with a mapper of the server."""
    return obj


def createIncidents(incidents: list[Any], lastRun: dict[str, Any] | None = None, userID: str | None = None) -> list[Any]:
    """Create incidents at once, from a long-running command."""
    return []


def createIndicators(indicators_batch: list[Any]) -> None:
    """Create indicators."""


def searchIndicators(
    fromDate: str = '',
    query: str = '',
    size: int = 100,
    page: int = 0,
    toDate: str = '',
    value: str = '',
    searchAfter: list[Any] | None = None,
) -> dict[str, Any]:
    """Searches the indicators."""
    return {}


# endregion


# region People and chats
def addEntry(id: str, entry: str, username: str | None = None, email: str | None = None, footer: str | None = None) -> None:
    """Add an entry to the war room of an incident."""


def mirrorInvestigation(id: str, mirrorType: str, autoClose: bool = False) -> None:
    """Mirrors an investigation to a chat."""


def directMessage(
    message: str, username: str | None = None, email: str | None = None, anyoneCanOpenIncidents: bool | None = None
) -> str:
    """Answer a direct message of a chat."""
    return ''


def findUser(username: str | None = None, email: str | None = None) -> dict[str, Any]:
    """Look a user of the server up."""
    return {}


def handleEntitlementForUser(incidentID: str, guid: str, email: str, content: str, taskID: str = '') -> None:
    """Passes on an answer to a question that a playbook has asked."""


# endregion


# region Reading objects
def get(obj: dict[str, Any], field: str) -> Any:
    """Return the value at a path of keys, joined with dots; None if there is none."""
    value: Any = obj
    for key in field.split('.'):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def gets(obj: dict[str, Any], field: str) -> str:
    """As ``get``, but as text; '' if there is none."""
    value = get(obj, field)
    return '' if value is None else str(value)


def dt(obj: Any = None, trnsfrm: str | None = None) -> Any:
    """Return what the platform finds in an object by its DT language: here nothing, as in the real file."""
    return ''


# endregion
