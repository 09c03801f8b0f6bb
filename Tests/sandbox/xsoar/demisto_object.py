"""The ``demisto`` object that an integration sees. It lives in the process of the command and asks the server over a socket."""

# ruff: noqa: A002, N802, N803 - names and arguments are the platform's
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any


class Channel:
    """JSON lines to and from the server, for one thread.

    Args:
        descriptor: the connected socket, inherited from the server.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._replies = os.fdopen(os.dup(descriptor), 'rb')
        self._messages = os.fdopen(descriptor, 'wb')

    def receive(self) -> Any:
        return json.loads(self._replies.readline())

    def send(self, message: dict[str, Any]) -> None:
        self._messages.write(json.dumps(message).encode() + b'\n')
        self._messages.flush()


class Demisto:
    """What the platform offers to an integration, under the names of the platform.

    A function that this server has no use for does not exist; the error names it. As on the platform, all go through ``__do``,
    which ``support_multithreading`` of CommonServerPython replaces by one that takes a lock.
    """

    def __init__(self, job: dict[str, Any], channel: Channel) -> None:
        self._job = job
        self._channel = channel
        self.is_debug: bool = job['is_debug']
        self.callingContext = job['calling_context']

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f'demisto.{name} is not offered by this server')

    def __do(self, cmd: dict[str, Any]) -> Any:
        """Send a message to the server, and return the answer if it is a question.

        Raises:
            ValueError: the server refuses; the text says why.
            RuntimeError: this is another thread, whose message could break into one of the main thread.
        """
        if threading.current_thread() is not threading.main_thread() and 'lock' not in vars(self):
            raise RuntimeError('A thread called demisto: call support_multithreading() before it starts.')
        if 'log' in cmd:
            sys.stderr.flush()
            os.write(2, cmd['log'].encode('utf-8', 'replace'))
            return None
        self._channel.send(cmd)
        reply = self._channel.receive() if 'ask' in cmd else {'answer': None}
        if 'refused' in reply:
            raise ValueError(reply['refused'])
        return reply['answer']

    def _tell(self, name: str, value: Any) -> None:
        """Send something that needs no answer."""
        self.__do({'tell': name, 'value': value})

    def _ask(self, name: str, *values: Any) -> Any:
        return self.__do({'ask': name, 'values': values})

    def command(self) -> str:
        return self._job['command']

    def params(self) -> dict[str, Any]:
        return self._job['params']

    def args(self) -> dict[str, Any]:
        return self._job['args']

    def getParam(self, param: str) -> Any:
        return self.params().get(param)

    def getArg(self, arg: str) -> Any:
        return self.args().get(arg)

    def get(self, obj: Any, field: str) -> Any:
        """Return the value at a dotted path of a dict, or None."""
        for part in field.split('.'):
            if not isinstance(obj, dict) or part not in obj:
                return None
            obj = obj[part]
        return obj

    def gets(self, obj: Any, field: str) -> str:
        return str(self.get(obj, field))

    def results(self, results: Any) -> None:
        self._tell('results', results)

    def incidents(self, incidents: Any = None) -> Any:
        """Hand over the incidents of a fetch; without an argument, the incident that the command runs in."""
        if incidents is None:
            return [self.incident()]
        return self._tell('incidents', incidents)

    def incident(self) -> dict[str, Any]:
        return self._job['incident']

    def createIncidents(self, incidents: Any, lastRun: Any = None, userID: Any = None) -> Any:
        return self._ask('create_incidents', incidents, lastRun)

    def addEntry(self, id: str, entry: Any, username: Any = None, email: Any = None, footer: Any = None) -> None:
        self._ask('add_entry', id, entry, username or '')

    def getLastRun(self) -> dict[str, Any]:
        return self._ask('last_run')

    def setLastRun(self, obj: dict[str, Any]) -> None:
        self._tell('last_run', obj)

    def getIntegrationContext(self) -> dict[str, Any]:
        return self.getIntegrationContextVersioned()['context']

    def setIntegrationContext(self, context: dict[str, Any]) -> None:
        self.setIntegrationContextVersioned(context)

    def getIntegrationContextVersioned(self, refresh: bool = False) -> dict[str, Any]:
        return self._ask('integration_context')

    def setIntegrationContextVersioned(self, context: dict[str, Any], version: Any = -1, sync: bool = False) -> None:
        """Store the integration context.

        Raises:
            ValueError: it has been changed since that version was read; -1 stores it all the same.
        """
        self._ask('set_integration_context', context, version)

    def investigation(self) -> dict[str, Any]:
        return self._job['investigation']

    def context(self) -> dict[str, Any]:
        return self._ask('context')

    def dt(self, obj: Any = None, trnsfrm: str | None = None) -> Any:
        """Return what is at a path of names in an object, '' if there is nothing. Other expressions of DT are not offered."""
        for name in (trnsfrm or '').split('.'):
            if isinstance(obj, list):
                obj = [one[name] for one in obj if isinstance(one, dict) and name in one]
            else:
                obj = obj.get(name, '') if isinstance(obj, dict) else ''
        return obj

    def getFilePath(self, id: str) -> dict[str, str]:
        """``{'id', 'path', 'name'}`` of the file of a war room entry.

        Raises:
            ValueError: the entry does not exist, or is not a file.
        """
        return self._ask('file', id)

    def uniqueFile(self) -> str:
        return os.urandom(16).hex()

    def integrationInstance(self) -> str:
        return self._job['instance']

    def demistoVersion(self) -> dict[str, str]:
        return self._job['version']

    def demistoUrls(self) -> dict[str, str]:
        return self._job['urls']

    def getLicenseID(self) -> str:
        return self._job['license']

    def getIndexHash(self) -> str:
        return ''

    def updateModuleHealth(self, data: Any, is_error: bool = False) -> None:
        self._ask('health', data, is_error)

    def debug(self, msg: Any, *args: Any) -> None:
        self._log('debug', msg, args)

    def info(self, msg: Any, *args: Any) -> None:
        self._log('info', msg, args)

    def error(self, msg: Any, *args: Any) -> None:
        self._log('error', msg, args)

    def log(self, msg: Any) -> None:
        self._log('log', msg, ())

    def _log(self, level: str, message: Any, arguments: tuple[Any, ...]) -> None:
        """Write a line to the log. As on a real server, what must not be seen in it is the integration's own concern."""
        self.__do({'log': f'{level}: {" ".join(map(str, (message, *arguments)))}\n'})
