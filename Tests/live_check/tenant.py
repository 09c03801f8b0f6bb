"""A tenant of Microsoft Entra ID and one mailbox in it, reached with an app registration's client secret."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

_TIMEOUT = 120  # seconds
_WANTED = {
    'LIVE_CHECK_TENANT': 'the Directory (tenant) ID',
    'LIVE_CHECK_CLIENT_ID': 'the Application (client) ID of an app registration',
    'LIVE_CHECK_CLIENT_SECRET': 'a client secret of it',
    'LIVE_CHECK_MAILBOX': 'the address of a mailbox for tests',
}


class LiveCheckError(Exception):
    """The check cannot begin or go on; the text says what to do."""


class Tenant:
    """A tenant: requests to Entra ID and, with a token of the application, to Microsoft Graph.

    Args:
        environment: the variables LIVE_CHECK_TENANT, _CLIENT_ID, _CLIENT_SECRET and _MAILBOX; _LOGIN and _GRAPH are the addresses
            of another cloud.
        ca_file: certificate authorities to trust instead of the usual ones.
    Raises:
        LiveCheckError: one of the first four is missing.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, ca_file: str = '') -> None:
        missing = [f'{name} to {what}' for name, what in _WANTED.items() if not environment.get(name)]
        if missing:
            raise LiveCheckError(f'Set {", ".join(missing)}. See docs/live-check.md.')
        self.tenant_id, self.client_id, self._secret, self.mailbox = (environment[name] for name in _WANTED)
        self._login = environment.get('LIVE_CHECK_LOGIN', 'https://login.microsoftonline.com')
        self._graph = environment.get('LIVE_CHECK_GRAPH', 'https://graph.microsoft.com')
        self._http = requests.Session()
        self._verify = ca_file or True  # given with each request: REQUESTS_CA_BUNDLE wins over what a session has
        self._token = ''

    def request_token(self, tenant: str = '', **fields: str) -> requests.Response:
        """Request a token with the client secret, or with other fields, and return the response."""
        form = {
            'grant_type': 'client_credentials',
            'client_id': self.client_id,
            'client_secret': self._secret,
            'scope': f'{self._graph}/.default',
            **fields,
        }
        headers = {'client-request-id': str(uuid.uuid4())}
        url = f'{self._login}/{tenant or self.tenant_id}/oauth2/v2.0/token'
        return self._send('POST', url, headers, data=form)

    def graph(
        self, method: str, path: str, mailbox: str = '', headers: Mapping[str, str] | None = None, **arguments: Any
    ) -> requests.Response:
        """Send a request to Graph; a `path` that begins with ``/`` is below a mailbox, a next link is taken as it is."""
        if not self._token:
            response = self.request_token()
            if response.status_code != requests.codes.ok:
                raise LiveCheckError(f'The sign-in failed: {outcome(response)}. Check the four variables and the admin consent.')
            self._token = response.json()['access_token']
        url = path if path.startswith('https:') else f'{self._graph}/v1.0/users/{mailbox or self.mailbox}{path}'
        return self._send(method, url, {'Authorization': f'Bearer {self._token}', **(headers or {})}, **arguments)

    def without_token(self, url: str) -> requests.Response:
        """Request an address that is secret itself, such as that of an upload session."""
        return self._send('GET', url, {})

    def _send(self, method: str, url: str, headers: Mapping[str, str], **arguments: Any) -> requests.Response:
        return self._http.request(
            method, url, headers=headers, timeout=_TIMEOUT, allow_redirects=False, verify=self._verify, **arguments
        )

    def created(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create something in Graph and return it."""
        response = self.graph('POST', path, json=body)
        if response.status_code != requests.codes.created:
            raise LiveCheckError(f'POST {path} failed: {outcome(response)}')
        return dict(response.json())

    @contextmanager
    def folder(self, messages: int) -> Iterator[str]:
        """Return the path of a new folder that holds so many drafts; it goes to Deleted Items in the end."""
        made = self.created('/mailFolders', {'displayName': f'Live check {uuid.uuid4().hex[:8]}'})
        path = f'/mailFolders/{made["id"]}'
        try:
            for number in range(messages):
                self.created(f'{path}/messages', {'subject': f'Live check {number}'})
            yield path
        finally:
            self.graph('DELETE', path)


def outcome(response: requests.Response) -> str:
    """Return status and code of a response, such as ``404 ErrorItemNotFound``, or ``400 invalid_client AADSTS7000215``."""
    try:
        body = response.json()
    except ValueError:
        return str(response.status_code)
    error = body.get('error') if isinstance(body, dict) else None
    code = error.get('code') if isinstance(error, dict) else error
    number = re.search(r'AADSTS\d+', str(body.get('error_description'))) if isinstance(body, dict) else None
    parts = (str(response.status_code), str(code or ''), number[0] if number else '')
    return ' '.join(filter(None, parts))
