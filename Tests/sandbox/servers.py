"""The sandbox: a Microsoft cloud, an XSOAR server whose commands reach it, and the portal that links all pages."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.faults import SERVICES
from sandbox.microsoft.keeping import load, save
from sandbox.portal import Portal
from sandbox.xsoar import Refusal, XsoarServer

HOSTS = ('azure-vm', 'app-service', 'arc')
_PORTAL, _XSOAR = 'portal', 'xsoar'
_NAMES = (_PORTAL, _XSOAR, *SERVICES, 'admin')
_LARGEST_PORT = 65535


class Sandbox:
    """The three, on loopback ports, from ``start`` to ``stop``.

    The server has one engine for each kind of Azure host, named like it; ``arc`` only where its key folder can be made.

    Args:
        port: of the portal; the others take those that follow. 0 takes free ones.
        keep: a folder to which the state is written, and from which it is read; its ports are taken again. Without one, nothing
            is left in the end.
        server: settings of the `XsoarServer`, such as ``concurrency``.
    Attributes:
        cloud, server, portal: the three.
        without_arc: a sentence that says why there is no engine ``arc``; empty where there is one.
        folder: holds what they write.
    """

    def __init__(self, port: int = 0, keep: Path | str = '', **server: Any) -> None:
        self._port = port
        self._keep = Path(keep).resolve() if keep else None
        self._settings = server
        self._stack = ExitStack()
        self.without_arc = ''

    def start(self) -> Sandbox:
        """Start all of it. What was started is stopped again when that fails.

        Raises:
            OSError: a port is taken.
            Refusal: the kept folder cannot be used.
        """
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix='sandbox-')))
            ports = self._ports()
            self.cloud = self._start_cloud({name: ports[name] for name in (*SERVICES, 'admin') if ports.get(name)})
            environment = {'REQUESTS_CA_BUNDLE': self.cloud.ca_file, 'SSL_CERT_FILE': self.cloud.ca_file}
            data_folder = (self._keep or self.folder) / 'xsoar'
            server = XsoarServer(data_folder, self._engines(), environment, port=ports.get(_XSOAR, 0), **self._settings)
            self.server = self._stack.enter_context(server)
            self.portal = self._stack.enter_context(Portal(self.cloud, self.server, ports.get(_PORTAL, 0)))
            self._link()
            self._keep_ports()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all of it; remove what they wrote, or write what is kept. May be called twice."""
        self._stack.close()

    def _ports(self) -> dict[str, int]:
        """Return the port of each part; none is given for those that take a free one."""
        if self._keep:
            self._keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._port:
            if self._port + len(_NAMES) > _LARGEST_PORT:
                raise Refusal(f'The port {self._port} is too large. Choose one below {_LARGEST_PORT - len(_NAMES)}.')
            return {name: self._port + number for number, name in enumerate(_NAMES)}
        kept = self._keep / 'ports.json' if self._keep else None
        if not kept or not kept.exists():
            return {}
        try:
            ports = json.loads(kept.read_text())
            return {name: int(ports[name]) for name in _NAMES}
        except (ValueError, KeyError, TypeError):
            raise Refusal(f'{kept} cannot be read. Remove the folder, or name another one.') from None

    def _keep_ports(self) -> None:
        if not self._keep:
            return
        ports = {**self.cloud.ports, _XSOAR: _port_of(self.server.url), _PORTAL: _port_of(self.portal.url)}
        (self._keep / 'ports.json').write_text(json.dumps(ports, indent=2) + '\n')

    def _start_cloud(self, ports: dict[str, int]) -> MicrosoftCloud:
        cloud = MicrosoftCloud(ports)
        file = self._keep / 'microsoft.state' if self._keep else None
        try:
            if file and file.exists():
                load(cloud, file)
        except BaseException:
            cloud.stop()
            raise
        self._stack.enter_context(cloud)
        if file:
            self._stack.callback(save, cloud, file)
        return cloud

    def _link(self) -> None:
        """Tell the pages of XSOAR what is local: no link of theirs shall lead to the real Microsoft."""
        device = f'{self.cloud.authority}/devicelogin'
        surroundings = self.server.surroundings
        surroundings.start_page = self.portal.start_url
        surroundings.local_addresses.update(
            {
                'https://oproxy.demisto.ninja': self.cloud.token_service.removesuffix('/obtain-token'),
                'https://login.microsoftonline.com': self.cloud.authority,
                'https://microsoft.com/devicelogin': device,
                'https://www.microsoft.com/devicelogin': device,
                'https://graph.microsoft.com': self.cloud.graph,
                'https://portal.azure.com': f'{self.portal.url}/azure',
                'https://entra.microsoft.com': f'{self.portal.url}/azure',
                'https://outlook.contoso.example': self.portal.url,
            }
        )

    def _engines(self) -> dict[str, dict[str, str]]:
        engines = {}
        for host in HOSTS:
            try:
                engines[host] = self.cloud.host_environment(host)
            except OSError as error:
                self.without_arc = error.strerror or str(error)
        return engines

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _port_of(url: str) -> int:
    return int(url.rpartition(':')[2])
