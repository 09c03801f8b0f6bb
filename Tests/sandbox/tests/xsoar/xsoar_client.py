"""A client of a local XSOAR server, and the processes of its commands."""

import sys
from pathlib import Path
from typing import Any

import requests

from sandbox.tests.machine import limit
from sandbox.xsoar import XsoarServer

SDK = Path(sys.executable).with_name('demisto-sdk')
TEMPO = 0.01


class XsoarTestClient:
    """An administrator who uses the REST calls of a server.

    Args:
        server: a running server.
    """

    def __init__(self, server: XsoarServer) -> None:
        self.server = server
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers['Authorization'] = server.api_key

    def request(self, method: str, path: str, **rest: Any) -> requests.Response:
        return self.http.request(method, self.server.url + path, timeout=limit(60), **rest)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer of a call that must succeed."""
        response = self.request(method, path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def upload(self, pack: Path) -> None:
        self._upload(pack, '/contentpacks/installed/upload')

    def upload_integration(self, yml: Path) -> None:
        self._upload(yml, '/settings/integration-conf/upload')

    def _upload(self, path: Path, target: str) -> None:
        with path.open('rb') as file:
            response = self.request('POST', target, files={'file': (path.name, file)})
        assert response.status_code == 200, response.text

    def add(self, name: str = 'probe', engine: str = '', enabled: bool = True, **parameters: Any) -> Any:
        """Add an instance of the probe."""
        data = [{'name': key, 'value': value, 'hasvalue': True} for key, value in parameters.items()]
        body = {'name': name, 'brand': 'Probe', 'engine': engine, 'enabled': str(enabled).lower(), 'data': data}
        return self.call('PUT', '/settings/integration', body)

    def instance(self, name: str = 'probe') -> Any:
        found = self.call('POST', '/settings/integration/search', {})['instances']
        return next(each for each in found if each['name'] == name)

    @property
    def playground(self) -> str:
        return str(self.call('POST', '/investigations/search', {'filter': {'type': [9], 'page': 0}})['data'][0]['id'])

    def run(self, text: str, investigation: str = '') -> Any:
        """Return the entries that a text typed in the war room gives."""
        body = {'investigationId': investigation or self.playground, 'data': text}
        return self.call('POST', '/entry/execute/sync', body)

    def say(self, text: str) -> str:
        """Return the contents of the one entry that a command gives."""
        entries = self.run(text)
        assert len(entries) == 1, entries
        return str(entries[0]['contents'])

    def entries(self, investigation: str = '') -> Any:
        return self.call('POST', f'/investigation/{investigation or self.playground}', {'pageSize': 1000})['entries']

    def context(self, query: str = '${.}') -> Any:
        return self.call('POST', f'/investigation/{self.playground}/context', {'query': query})


def processes_in(data_folder: Path) -> list[str]:
    """Return the numbers of the processes whose working folder is one of a server's."""
    found = []
    for process in Path('/proc').glob('[0-9]*'):
        try:
            folder = (process / 'cwd').readlink()
        except OSError:
            continue
        if folder.is_relative_to(data_folder / 'work'):
            found.append(process.name)
    return found
