"""A local XSOAR server: starts, stops, and connects its components."""

import os
import random
import secrets
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .api import application
from .background import Background
from .components import Surroundings, build_components
from .data_folder import claim
from .database import Database
from .engine import Engine
from .errors import Refusal
from .runner import FetchReport
from .vault import Vault

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VERSION = {'version': '6.10.0', 'buildNumber': '12345', 'platform': 'xsoar'}
_COMMON_SERVER_PYTHON = Path(__file__).resolve().parents[2] / 'CommonServerPython'


class _QuietHandler(WSGIRequestHandler):
    """A request handler that prints nothing."""

    def log_request(self, code: int | str = '-', size: int | str = '-') -> None:
        pass


class XsoarServer:
    """A server on loopback, with all that it knows in one folder.

    Args:
        data_folder: made when missing; a server that starts on it again goes on where the last one ended.
        engines: environment variables by the name of an engine; commands of instances that name it as ``engine`` get them.
        environment: environment variables of every command.
        port: 0 takes a free one.
        tls: serve https with this context instead of http.
        api_key: the key to accept; otherwise the one of the folder, made at its first start.
        concurrency: how many commands run at once; more wait.
        time_limit: seconds that a command may take when its yml does not say.
        second: how long a second of schedules and fetch intervals lasts, in seconds. Tests shorten it.
        fetches: whether instances that fetch do so by themselves; otherwise only :meth:`fetch_now` does.
        object_versions: whether versions of integration contexts are objects, not numbers; None leaves it to chance.
    Attributes:
        surroundings: what the pages say of where the server runs; may be changed at any time.
    Raises:
        Refusal: the folder cannot be used, is in use by another server or is not one of this server, or the port is taken.
    """

    def __init__(
        self,
        data_folder: Path | str,
        engines: Mapping[str, Mapping[str, str]] | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        api_key: str = '',
        concurrency: int = 10,
        time_limit: float = 180,
        second: float = 1,
        fetches: bool = True,
        object_versions: bool | None = None,
    ) -> None:
        self.data_folder = Path(data_folder).resolve()
        self._lock = claim(self.data_folder)
        self._database = Database(self.data_folder / 'xsoar.db')
        vault = Vault(self.data_folder / 'xsoar.key')
        self.api_key = _api_key(self._database, vault, api_key)
        # The port is taken before the components that need it are created; requests wait until the server starts.
        with _listen(port) as listener:
            port = listener.getsockname()[1]
            self._web: BaseWSGIServer = make_server(
                '127.0.0.1',
                port,
                self._answer,
                threaded=True,
                ssl_context=tls,
                request_handler=_QuietHandler,
                fd=listener.fileno(),
            )
        self.url = f'{"https" if tls else "http"}://{"localhost" if tls else "127.0.0.1"}:{port}'
        common = Path(os.environ.get('COMMON_SERVER_PYTHON') or _COMMON_SERVER_PYTHON)
        engine = Engine(self.data_folder, common, environment or {}, engines or {}, _VERSION, concurrency, time_limit)
        self.surroundings = Surroundings(self.url, secrets.token_urlsafe(24))
        self._components = build_components(
            self.data_folder,
            self._database,
            vault,
            engine,
            _VERSION,
            self.surroundings,
            self.api_key,
            second,
            concurrency,
            random.random() < 0.5 if object_versions is None else object_versions,  # noqa: S311 - no secret
        )
        self._background = Background(self._components, second, fetches)
        self._application = application(self._components)
        self._thread = threading.Thread(
            target=self._web.serve_forever, kwargs={'poll_interval': 0.05}, name='xsoar-web', daemon=True
        )

    @property
    def sign_in_url(self) -> str:
        """An address that opens the pages without the API key, as long as this server runs."""
        return f'{self.url}/sign-in/{self.surroundings.ticket}'

    def _answer(self, environ: 'WSGIEnvironment', start_response: 'StartResponse') -> Iterable[bytes]:
        return self._application(environ, start_response)

    def start(self) -> 'XsoarServer':
        self._thread.start()
        self._background.start()
        return self

    def stop(self) -> None:
        """Stop answering, kill the commands that run, and close the folder."""
        self._web.shutdown()
        self._thread.join()
        self._components.engine.stop()
        self._background.stop()
        self._web.server_close()
        self._database.close()
        self._lock.close()

    def __enter__(self) -> 'XsoarServer':
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.stop()

    @property
    def application(self) -> Flask:
        """The Flask application: the REST calls, and the pages for browsers."""
        return self._application

    def fetch_now(self, instance_name: str) -> FetchReport:
        """Run one fetch of an instance, whatever its interval, after the one that may be going on.

        Raises:
            NotFound: the instance does not exist.
        """
        return self._components.runner.fetch(self._components.instances.get(instance_name).id)

    def packs(self) -> list[dict[str, Any]]:
        """Return the installed packs, as the server's own list shows them."""
        return self._components.catalogue.packs()

    def instance_names(self) -> list[str]:
        """Return the names of all instances."""
        return [instance.name for instance in self._components.instances.all()]

    def integration_context(self, instance_name: str) -> dict[str, Any]:
        """Return what the commands of an instance keep between runs, in clear text."""
        context, _version = self._components.instances.integration_context(self._components.instances.get(instance_name).id)
        return context

    def last_run(self, instance_name: str) -> dict[str, Any]:
        """Return what the last successful fetch of an instance stored."""
        return self._components.instances.last_run(self._components.instances.get(instance_name).id)

    def metrics(self, instance_name: str) -> dict[str, int]:
        """Return the API calls that the commands of an instance reported, by type (Successful, QuotaError, ...)."""
        return self._components.metrics.of(self._components.instances.get(instance_name).id)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(('127.0.0.1', port), backlog=128)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise Refusal(f'The port {port} cannot be used ({reason}): choose another, or 0 for a free one.') from None


def _api_key(database: Database, vault: Vault, wanted: str) -> str:
    with database.writing() as connection:
        row = connection.execute('SELECT sealed FROM settings WHERE name = ?', ('api_key',)).fetchone()
        key = wanted or (str(vault.unseal(row['sealed'], 'settings/api_key')) if row else secrets.token_hex(16).upper())
        connection.execute('INSERT OR REPLACE INTO settings VALUES (?, ?)', ('api_key', vault.seal(key, 'settings/api_key')))
    return key
