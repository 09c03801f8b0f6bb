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

_context_version: int = 0
_last_run: dict[str, Any] = {}
_lock = threading.Lock()


def _as_json(value: Any) -> Any:
    """A deep copy that, like the platform's store, holds what JSON can hold and refuses anything else with TypeError."""
    return json.loads(json.dumps(value))


# region What the command was called with
def params() -> dict[str, Any]:
    """The parameters of the integration instance."""
    return {}


def args() -> dict[str, Any]:
    """The arguments of the command."""
    return {}


def command() -> str:
    """The name of the command; '' outside the platform."""
    return ''


def getParam(param: str) -> Any:
    """One parameter of the instance, None if it is not set."""
    return params().get(param)


def getArg(arg: str) -> Any:
    """One argument of the command, None if it was not given."""
    return args().get(arg)


def context() -> dict[str, Any]:
    """The context of the incident."""
    return {}


def investigation() -> dict[str, Any]:
    """The investigation that the command runs in."""
    return {'id': '1'}


def integrationInstance() -> str:
    """The name of the integration instance."""
    return ''


def incidents(incidents: list[Any] | None = None) -> Any:
    """Hands fetched incidents over to the platform; without an argument, the incidents that a script runs on."""
    if incidents is None:
        return [{}]
    return results({'Type': 1, 'Contents': json.dumps(incidents), 'ContentsFormat': 'json'})


def incident() -> dict[str, Any]:
    """The incident that a script runs on."""
    return {}


def get_incidents() -> dict[str, Any]:
    """The incidents that a command was asked to work on."""
    return {}


# endregion


# region What the command answers
def results(results: Any) -> None:
    """Gives one result, or a list of them, to the war room: here, prints it."""
    print(f'demisto results: {json.dumps(results, indent=4, default=str)}')


def credentials(credentials: list[Any]) -> None:
    """Gives fetched credentials to the platform: here, counts them, for they are secret."""
    print(f'demisto credentials: {len(credentials)}')


def log(msg: str) -> None:
    """Writes to the war room."""
    logging.getLogger().info(msg)


def debug(msg: str, *args: Any) -> None:
    """Writes to the server's log at level debug."""
    logging.getLogger().debug(msg, *args)


def info(msg: str, *args: Any) -> None:
    """Writes to the server's log at level info."""
    logging.getLogger().info(msg, *args)


def error(msg: str, *args: Any) -> None:
    """Writes to the server's log at level error."""
    logging.getLogger().error(msg, *args)


def setContext(contextPath: str, value: Any) -> None:
    """Sets one path of the incident's context."""


def updateModuleHealth(error: Any) -> None:
    """Sets the message that is shown beside the integration instance."""


# endregion


# region What an instance keeps
def getIntegrationContext() -> dict[str, Any]:
    """The integration context, as a copy."""
    with _lock:
        return _as_json(integrationContext)


def setIntegrationContext(context: dict[str, Any]) -> None:
    """Replaces the integration context, whatever its version is."""
    setIntegrationContextVersioned(context)


def getIntegrationContextVersioned(refresh: bool = False) -> dict[str, Any]:
    """The integration context and its version: ``{'context': {...}, 'version': 3}``.

    Args:
        refresh: read anew from the database. One process has nothing older than its own memory, so it changes nothing here.
    """
    with _lock:
        return {'context': _as_json(integrationContext), 'version': _context_version}


def setIntegrationContextVersioned(context: dict[str, Any], version: int = -1, sync: bool = False) -> None:
    """Replaces the integration context if it still has the version that the writer has read.

    Args:
        context: the whole new context.
        version: the version read; -1 writes over any.
        sync: wait until the database has it, which memory always does.
    Raises:
        ValueError: somebody else has written since.
    """
    global integrationContext, _context_version
    with _lock:
        if version not in (-1, _context_version):
            raise ValueError(f'The integration context has version {_context_version}, not {version}: read it again, then write.')
        integrationContext = _as_json(context)
        _context_version += 1


def getLastRun() -> dict[str, Any]:
    """What the last fetch has stored, as a copy; {} before the first."""
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
    """A new name for a file in the working folder."""
    import uuid  # costs more than the rest of this module

    return str(uuid.uuid4())


def getFilePath(id: str) -> dict[str, Any]:
    """Where the file of a war room entry lies."""
    return {'id': id, 'path': 'test/test.txt', 'name': 'test.txt'}


# endregion


# region The server
def demistoVersion() -> dict[str, Any]:
    """The version of the server: one that has all that an integration of today may ask for."""
    return {'version': '6.10.0', 'buildNumber': '12345', 'platform': 'xsoar'}


def demistoUrls() -> dict[str, Any]:
    """Links to pages of the server."""
    pages = ('evidenceBoard', 'investigation', 'relatedIncidents', 'server', 'warRoom', 'workPlan')
    return dict.fromkeys(pages, 'https://test-address:8443')


def getLicenseID() -> str:
    """The ID of the server's licence."""
    return ''


def getIndexHash() -> str:
    """The hash of the tenant's name."""
    return ''


def getAllSupportedCommands() -> dict[str, Any]:
    """The commands of all instances."""
    return {}


def getModules() -> dict[str, Any]:
    """All instances."""
    return {}


def executeCommand(command: str, args: dict[str, Any]) -> list[Any]:
    """Runs another command of the server; its entries."""
    return []


def mapObject(obj: dict[str, Any], mapper: str, mapper_type: str) -> dict[str, Any]:
    """Maps an object with a mapper of the server."""
    return obj


def createIncidents(incidents: list[Any], lastRun: dict[str, Any] | None = None, userID: str | None = None) -> list[Any]:
    """Creates incidents at once, from a long-running command."""
    return []


def createIndicators(indicators_batch: list[Any]) -> None:
    """Creates indicators."""


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
    """Adds an entry to the war room of an incident."""


def mirrorInvestigation(id: str, mirrorType: str, autoClose: bool = False) -> None:
    """Mirrors an investigation to a chat."""


def directMessage(
    message: str, username: str | None = None, email: str | None = None, anyoneCanOpenIncidents: bool | None = None
) -> str:
    """Answers a direct message of a chat."""
    return ''


def findUser(username: str | None = None, email: str | None = None) -> dict[str, Any]:
    """Looks a user of the server up."""
    return {}


def handleEntitlementForUser(incidentID: str, guid: str, email: str, content: str, taskID: str = '') -> None:
    """Passes on an answer to a question that a playbook has asked."""


# endregion


# region Reading objects
def get(obj: dict[str, Any], field: str) -> Any:
    """The value at a path of keys, joined with dots; None if there is none."""
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
    """What is at a path of names in an object, '' if there is nothing. More of the platform's own language is not spoken here."""
    for name in (trnsfrm or '').split('.'):
        if isinstance(obj, list):
            obj = [one[name] for one in obj if isinstance(one, dict) and name in one]
        else:
            obj = obj.get(name, '') if isinstance(obj, dict) else ''
    return obj


# endregion
