"""What an administrator does in XSOAR: adds instances, presses Test, types commands; through demisto-sdk's own client."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from demo.upload import own_environment

INTEGRATION = 'O365 Outlook Mail Single User'
_ERROR = 4
_TIME_LIMIT = 120  # seconds
_TEST_FAILED = re.compile(r'Test module failed - (.*), status code: \d+', re.DOTALL)


class CommandFailed(Exception):
    """A command ended in an error entry, or XSOAR refused what was asked; the text is what the user reads there."""


class Administrator:
    """Somebody with an API key of an XSOAR server.

    Args:
        url, api_key: of the server.
        integration: name of the integration whose instances are added.
        log_level: of the instances that are added, such as ``Debug``.
    Raises:
        Exception: demisto-sdk finds no healthy server there.
    """

    def __init__(self, url: str, api_key: str, integration: str = INTEGRATION, log_level: str = '') -> None:
        self._integration = integration
        self._url = url
        self._api_key = api_key
        self._log_level = log_level
        self._client = _sdk_client(url, api_key)
        self._playground = self._client.get_playground_id()

    def add_instance(self, name: str, settings: dict[str, Any], engine: str = '') -> None:
        """Add an instance, in place of the one of that name if there is one.

        Args:
            settings: values of parameters by name; credentials are ``{'identifier': ..., 'password': ...}``.
            engine: name of the engine that is to run its commands; empty means the server itself.
        """
        with _explained():
            self._client.create_integration_instance(self._integration, name, settings)
            if engine or self._log_level:
                self._change(name, engine=engine, integrationLogLevel=self._log_level)

    def change_instance(self, name: str, settings: dict[str, Any]) -> None:
        """Enter other values in some fields of an instance; the others stay."""
        with _explained():
            data = self._client.get_integration_instance(name)['data']
            for field in data:
                if field['name'] in settings:
                    field.update(value=settings[field['name']], hasvalue=bool(settings[field['name']]))
            self._change(name, data=data)

    def instance_id(self, name: str) -> str:
        """Return the ID of an instance."""
        with _explained():
            return str(self._client.get_integration_instance(name)['id'])

    def press_test(self, name: str) -> str:
        """Press the Test button: ``ok``, or the sentence that it shows."""
        try:
            with _explained():
                self._client.test_module(self._integration, name)
        except CommandFailed as failure:
            return str(failure)
        return 'ok'

    def run(self, command: str, using: str) -> str:
        """Run a command of one instance in the playground.

        Args:
            command: as typed, e.g. ``!msgraph-mail-list-emails page_size=2``.
            using: name of the instance.
        Returns:
            What the user reads in the resulting entries.
        Raises:
            CommandFailed: one of them is an error.
        """
        with _explained():
            entries, _ = self._client.run_cli_command(f'{command} using="{using}"', self._playground)
        failed = [entry.contents for entry in entries if entry.type == _ERROR]
        if failed:
            raise CommandFailed('\n'.join(failed))
        return '\n'.join(entry.contents for entry in entries)

    def context(self, path: str) -> Any:
        """Return what the last command has put at a path of the playground's context; None if nothing."""
        return self._client.get_investigation_context(self._playground).get(path)

    def upload_file(self, name: str, content: bytes) -> str:
        """Put a file into the playground, as if it were dropped there, and return the ID of its entry."""
        answer = self._rest('POST', f'/entry/upload/{self._playground}', files={'file': (name, content)})
        return str(answer.json()['id'])

    def download_file(self, entry_id: str) -> bytes:
        """Return the bytes of a file in a War Room."""
        return self._rest('GET', f'/entry/download/{entry_id}').content

    def incident_files(self, incident_id: str) -> dict[str, bytes]:
        """Return the bytes of the files in the War Room of an incident, by name."""
        entries = self._rest('POST', f'/investigation/{incident_id}', json={}).json()['entries']
        return {entry['file']: self.download_file(entry['id']) for entry in entries if entry['file']}

    def _rest(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        # demisto-sdk's client has no call for files in memory, nor for the entries of an incident
        with closing(requests.Session()) as http:
            http.trust_env = False
            response = http.request(
                method, self._url + path, headers={'Authorization': self._api_key}, timeout=_TIME_LIMIT, **kwargs
            )
        if not response.ok:
            raise CommandFailed(_sentence(response.text))
        return response

    def _change(self, name: str, **changes: Any) -> None:
        instance = self._client.get_integration_instance(name)
        self._client.xsoar_client.generic_request('/settings/integration', 'PUT', body={**instance, **changes})


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the client's exception into the sentence that the server sent."""
    from demisto_client.demisto_api.rest import ApiException

    try:
        yield
    except HTTPError as error:
        raise CommandFailed(f'XSOAR does not answer: {error}') from None
    except ApiException as refusal:
        tested = _TEST_FAILED.search(str(refusal))
        raise CommandFailed(tested.group(1) if tested else _sentence(refusal.body or str(refusal.reason))) from None


def _sentence(body: str | bytes) -> str:
    text = body.decode() if isinstance(body, bytes) else body
    try:
        return str(json.loads(text)['error'])
    except (ValueError, KeyError, TypeError):
        return text


def _sdk_client(url: str, api_key: str) -> Any:
    """Return demisto-sdk's client. It reads the environment and a ``.env`` of the folder: both may name another server."""
    before = dict(os.environ)
    try:
        from demisto_sdk.commands.common.clients import get_client_from_server_type
        from demisto_sdk.commands.common.logger import logger

        logger.disable('demisto_sdk')
        cleaned = own_environment()
        os.environ.clear()
        os.environ.update(cleaned)
        return get_client_from_server_type(base_url=url, api_key=api_key)
    finally:
        os.environ.clear()
        os.environ.update(before)
