"""Both stand-ins together: a Microsoft cloud, and an XSOAR server whose commands reach it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sandbox.microsoft import MicrosoftCloud
from sandbox.xsoar import XsoarServer

HOSTS = ('azure-vm', 'app-service', 'arc')


class Sandbox:
    """A local Microsoft cloud and a local XSOAR server, on free loopback ports, from ``start`` to ``stop``.

    The server has one engine for each kind of Azure host, named like it; ``arc`` only where its key folder can be made.

    Args:
        server: settings of the `XsoarServer`, such as ``concurrency``.
    Attributes:
        cloud, server: the two.
        without_arc: a sentence that says why there is no engine ``arc``; empty where there is one.
        folder: holds what both write; removed at the end.
    """

    def __init__(self, **server: Any) -> None:
        self._settings = server
        self._stack = ExitStack()
        self.without_arc = ''

    def start(self) -> Sandbox:
        """Start both. What was started is stopped again when that fails."""
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix='sandbox-')))
            self.cloud = self._stack.enter_context(MicrosoftCloud())
            environment = {'REQUESTS_CA_BUNDLE': self.cloud.ca_file, 'SSL_CERT_FILE': self.cloud.ca_file}
            server = XsoarServer(self.folder / 'xsoar', self._engines(), environment, **self._settings)
            self.server = self._stack.enter_context(server)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both and remove what they wrote. May be called twice."""
        self._stack.close()

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
