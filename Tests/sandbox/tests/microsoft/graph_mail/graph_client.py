"""A bare client of the mailboxes for tests: sends what a test writes, and holds every answer to Microsoft's schema."""

import base64
import json
from typing import Any

import requests

from sandbox.microsoft.cloud import MicrosoftCloud
from sandbox.microsoft.graph_mail.schema import Schema
from sandbox.tests.microsoft.clients import TIMEOUT_SECONDS, HttpClient

ADA = 'ada@contoso.example'
BOB = 'bob@contoso.example'
IMMUTABLE = {'Prefer': 'IdType="ImmutableId"'}


class GraphClient:
    """Requests below ``base``, by default Ada's mailbox; a URL is taken as it is."""

    def __init__(self, cloud: MicrosoftCloud, token: str, base: str = f'/users/{ADA}') -> None:
        self.cloud = cloud
        self.token = token
        self.base = f'{cloud.graph}/v1.0{base}'
        self.connections = HttpClient(cloud).session

    def of(self, user: str) -> 'GraphClient':
        """Return a client of another mailbox."""
        return GraphClient(self.cloud, self.token, f'/users/{user}')

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Return the answer, whatever it is. Raises AssertionError when it does not fit the schema."""
        headers = {'Authorization': f'Bearer {self.token}', **headers}
        url = path if path.startswith('https:') else self.base + path
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        if body is not None and not isinstance(body, bytes):
            headers.setdefault('Content-Type', 'application/json')
        answer = self.connections.request(method, url, data=data, headers=headers, timeout=TIMEOUT_SECONDS)
        check_answer(answer)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        """Return the JSON of a GET that must go well."""
        return self._expect(200, 'GET', path, None, headers)

    def post(self, path: str, body: Any, status: int = 201, **headers: str) -> Any:
        """Return the JSON of a POST that must answer ``status``."""
        return self._expect(status, 'POST', path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self._expect(200, 'PATCH', path, body, headers)

    def delete(self, path: str) -> None:
        self._expect(204, 'DELETE', path, None, {})

    def error(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Return status and code of a request that must fail in Graph's shape."""
        answer = self.request(method, path, body, **headers)
        assert answer.status_code >= 400, answer.text
        error = answer.json()['error']
        assert error['message']
        assert error['innerError']['request-id'] == answer.headers['request-id']
        return answer.status_code, error['code']

    def content(self, path: str) -> bytes:
        """Return the bytes of a GET that must go well."""
        answer = self.request('GET', path)
        assert answer.status_code == 200, answer.text
        return answer.content

    def pages(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """Return all pages of a list, or of a round of delta."""
        found = [self.get(path, **headers)]
        while '@odata.nextLink' in found[-1]:
            found.append(self.get(found[-1]['@odata.nextLink'], **headers))
        return found

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """Return all rows of all pages."""
        return [row for page in self.pages(path, **headers) for row in page['value']]

    def batch(self, *items: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the answers of a batch by ID. The URLs of the items begin after ``/v1.0``."""
        answer = self.request('POST', f'{self.cloud.graph}/v1.0/$batch', {'requests': list(items)})
        assert answer.status_code == 200, answer.text
        return {one['id']: one for one in answer.json()['responses']}

    def put_range(self, url: str, data: bytes, first: int, total: int, **headers: str) -> requests.Response:
        """Put a range to an upload URL, without Authorization unless ``headers`` bring it."""
        headers = {'Content-Range': f'bytes {first}-{first + len(data) - 1}/{total}', **headers}
        return self.connections.put(url, data=data, headers=headers, timeout=TIMEOUT_SECONDS)

    def _expect(self, status: int, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        answer = self.request(method, path, body, **headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def check_answer(answer: requests.Response) -> None:
    """Check that a JSON answer fits Microsoft's schema. Raises AssertionError."""
    if answer.status_code >= 400 or not answer.content or not answer.headers['Content-Type'].startswith('application/json'):
        return
    body = answer.json()
    for one in body.get('responses', [body]):
        shown = one.get('body') if 'responses' in body else one
        if isinstance(shown, dict) and 'error' not in shown:
            problems = Schema.load().answer_problems(shown)
            assert not problems, problems


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
