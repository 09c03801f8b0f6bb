"""The playground of a server through its REST API, for what the client of demisto-sdk does not do."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import requests

from sandbox.tests.machine import limit
from sandbox.xsoar import XsoarServer

ERROR, PLAYGROUND = 4, 9
_TIME_LIMIT = limit(120)


class WarRoom:
    """The command line of the playground, or of an incident.

    Args:
        server: a running server.
        incident_id: of the incident; empty for the playground.
    """

    def __init__(self, server: XsoarServer, incident_id: str = '') -> None:
        self._url = server.url
        self._headers = {'Authorization': server.api_key}
        playground = self._post('/investigations/search', {'filter': {'type': [PLAYGROUND]}})['data'][0]['id']
        self._investigation = incident_id or playground

    def run(self, command: str, using: str = '') -> list[dict[str, Any]]:
        """Return the entries of a command, which an instance runs unless it is one of the server itself."""
        data = f'{command} using="{using}"' if using else command
        return list(self._post('/entry/execute/sync', {'investigationId': self._investigation, 'data': data}))

    def run_concurrently(self, command: str, using: str, times: int) -> list[list[dict[str, Any]]]:
        """Return the entries of several concurrent runs of a command."""
        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(lambda _: self.run(command, using), range(times)))

    def entries(self, incident_id: str = '') -> list[dict[str, Any]]:
        """Return all entries so far, including commands, of here or of another incident."""
        return list(self._post(f'/investigation/{incident_id or self._investigation}', {})['entries'])

    def context(self) -> dict[str, Any]:
        return dict(self._post(f'/investigation/{self._investigation}/context', {'query': '${.}'}))

    def everything(self) -> str:
        """Return all that the server shows to a user: entries, context, instances."""
        shown = (self.entries(), self.context(), self._post('/settings/integration/search', {}))
        return json.dumps(shown, ensure_ascii=False)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        with closing(requests.Session()) as http:
            http.trust_env = False
            response = http.post(self._url + path, json=body, headers=self._headers, timeout=_TIME_LIMIT)
        response.raise_for_status()
        return response.json()


def texts(entries: list[dict[str, Any]]) -> str:
    """Return the texts of entries."""
    return '\n'.join(entry['contents'] for entry in entries)
