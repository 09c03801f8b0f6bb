"""Pages of messages that differ from those of the stand-in, as users of Microsoft Graph reported them."""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter

LIST, DELTA = '/messages?', '/delta'
# Changes a page, as JSON, for its decoded URL, in place or by returning what the response is instead.
Alter = Callable[[str, dict[str, Any]], bytes | None]
_Adapter = TypeVar('_Adapter', bound=BaseAdapter)


def wrap_transport(monkeypatch: pytest.MonkeyPatch, wrap: Callable[[BaseAdapter], _Adapter]) -> _Adapter:
    """Let all sessions send with the adapter that `wrap` makes of the present one, and return it."""
    adapter = wrap(requests.Session().get_adapter('https://'))
    monkeypatch.setattr(requests.Session, 'get_adapter', lambda _session, url: adapter)
    return adapter


class AlteredPages(HTTPAdapter):
    """Send requests with another adapter, and alter the pages of messages whose URL contains a text.

    Attributes:
        count: how many pages there were.
        size: of the present one, as requested.
    """

    def __init__(self, adapter: BaseAdapter, text: str, alter: Alter) -> None:
        super().__init__()
        self._adapter = adapter
        self._text = text
        self._alter = alter
        self.count = self.size = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        response = self._adapter.send(request, *args, **settings)
        url = unquote(str(request.url))
        found = re.search(r'\$top=(\d+)', url) or re.search(r'maxpagesize=(\d+)', str(request.headers.get('Prefer')))
        self.size = int(found[1]) if found else 0
        if self._text in url and response.status_code == 200:
            page = json.loads(response.content)
            self.count += 1
            response._content = self._alter(url, page) or json.dumps(page).encode()
        return response
