"""The sandbox: a Microsoft cloud, an XSOAR server whose commands reach it, and the portal that links all pages."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sandbox.microsoft import MicrosoftCloud
from sandbox.microsoft.faults import SERVICES
from sandbox.microsoft.state_file import load, save
from sandbox.portal import Portal
from sandbox.xsoar import Refusal, XsoarServer
from sandbox.xsoar.data_folder import claim

HOSTS = ('azure-vm', 'app-service', 'arc')
_PORTAL, _XSOAR = 'portal', 'xsoar'
_NAMES = (_PORTAL, _XSOAR, *SERVICES, 'admin')
_LARGEST_PORT = 65535


class Sandbox:
    """The three, on loopback ports, from ``start`` to ``stop``.

    The server has one engine for each kind of Azure host, named like it; ``arc`` only where its key folder can be made.

    Args:
        port: of the portal; the others take those that follow. 0 takes free ones.
        keep: a folder to which the state is written when it stops, and from which it is read; its ports are taken again. Without
            one, nothing is left in the end.
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
        self._is_complete = False
        self.without_arc = ''

    def start(self) -> Sandbox:
        """Start all of it. When that fails, what was started is stopped again, and nothing that was kept has changed.

        Raises:
            Refusal: a port is taken, or the kept folder cannot be used.
            ValueError: what was kept cannot be read.
        """
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix='sandbox-')))
            if self._keep:
                self._stack.enter_context(claim(self._keep))
            ports = self._ports()
            self._require_free(ports)
            self.cloud = self._start_cloud({name: ports[name] for name in (*SERVICES, 'admin') if ports.get(name)})
            environment = {'REQUESTS_CA_BUNDLE': self.cloud.ca_file, 'SSL_CERT_FILE': self.cloud.ca_file}
            data_folder = (self._keep or self.folder) / 'xsoar'
            server = XsoarServer(data_folder, self._engines(), environment, port=ports.get(_XSOAR, 0), **self._settings)
            self.server = self._stack.enter_context(server)
            self.portal = self._stack.enter_context(Portal(self.cloud, self.server, ports.get(_PORTAL, 0)))
            self._link()
            self._is_complete = True
            self._write()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all of it; remove what they wrote, or write what is kept. May be called twice."""
        self._stack.close()

    def _ports(self) -> dict[str, int]:
        """Return the port of each part; none is given for those that take a free one."""
        kept, chosen = self._kept_ports(), {}
        if self._port:
            last = _LARGEST_PORT - len(_NAMES) + 1
            if not 0 < self._port <= last:
                raise Refusal(f'The port {self._port} cannot be used: choose one from 1 to {last}.')
            chosen = {name: self._port + number for number, name in enumerate(_NAMES)}
        if kept and chosen and kept != chosen:
            raise Refusal(f'What is kept in {self._keep} is of other ports: leave out PORT, or choose another folder.')
        return kept or chosen

    def _kept_ports(self) -> dict[str, int]:
        """Return the ports of the earlier runs; none if there was no run."""
        kept = self._keep / 'ports.json' if self._keep else None
        if not kept or not kept.exists():
            return {}
        try:
            ports = json.loads(kept.read_text())
            return {name: int(ports[name]) for name in _NAMES}
        except (ValueError, KeyError, TypeError):
            raise Refusal(f'{kept} cannot be read. Remove the folder, or name another one.') from None

    def _require_free(self, ports: dict[str, int]) -> None:
        for port in ports.values():
            try:
                socket.create_server(('127.0.0.1', port)).close()
            except OSError as error:
                needed = f'{min(ports.values())} to {max(ports.values())}'
                other = 'choose another PORT' if self._port else 'stop what uses it, or choose another folder'
                reason = os.strerror(error.errno or 0)
                raise Refusal(f'The port {port} cannot be used ({reason}), and the sandbox needs {needed}: {other}.') from None

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
        self._stack.callback(self._write)  # before the cloud stops, and after the commands of the server have stopped
        return cloud

    def _write(self) -> None:
        """Write what is kept. What could not be started completely must not replace it."""
        if not (self._keep and self._is_complete):
            return
        ports = {**self.cloud.ports, _XSOAR: _port_of(self.server.url), _PORTAL: _port_of(self.portal.url)}
        (self._keep / 'ports.json').write_text(json.dumps(ports, indent=2) + '\n')
        save(self.cloud, self._keep / 'microsoft.state')

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
