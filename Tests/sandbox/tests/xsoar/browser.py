"""A browser without scripts: follows links and fills in forms."""

from typing import Any
from urllib.parse import urljoin

import requests
from bs4 import BeautifulSoup, Tag


class Browser:
    """A browser without scripts, on the pages of a server.

    Args:
        url: the server.
    Attributes:
        page, answer: what it sees now.
    """

    def __init__(self, url: str) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers['Accept'] = 'text/html'
        self.url = url
        self.answer = requests.Response()
        self.page = BeautifulSoup('', 'html.parser')

    def open(self, path: str) -> BeautifulSoup:
        """Open an address, as typed or as a link of the page says."""
        return self._take(self.http.get(urljoin(self.url, path), timeout=60))

    def _take(self, answer: requests.Response) -> BeautifulSoup:
        self.answer, self.url = answer, answer.url
        self.page = BeautifulSoup(answer.text, 'html.parser')
        return self.page

    def fields(self, form: Tag) -> dict[str, str | list[str]]:
        """Return what a browser would send of a form as it is."""
        values: dict[str, str | list[str]] = {}
        for each in form.select('input[name]:not([type=file]), textarea[name], select[name]'):
            name = str(each['name'])
            if each.name == 'select':
                first = [] if each.has_attr('multiple') else each.select('option')[:1]
                chosen = each.select('option[selected]') or first
                values[name] = [str(option.get('value', option.text)) for option in chosen]
            elif each.get('type') != 'checkbox' or each.has_attr('checked'):
                values[name] = 'on' if each.get('type') == 'checkbox' else str(each.get('value', each.text))
        return values

    def send(self, form: str, **changes: str | list[str] | None) -> BeautifulSoup:
        """Send the form that a CSS selector names, with changes; in their names ``__`` is a dot, and None leaves a field out."""
        found = self.page.select_one(form)
        assert found, f'no {form} in {self.page.text}'
        fields: dict[str, Any] = {**self.fields(found), **{name.replace('__', '.'): value for name, value in changes.items()}}
        data = {name: value for name, value in fields.items() if value is not None}
        target = urljoin(self.url, str(found.get('action') or ''))
        if str(found.get('method', '')).lower() == 'post':
            return self._take(self.http.post(target, data=data, timeout=60))
        return self._take(self.http.get(target, params=data, timeout=60))

    def sign_in(self, key: str) -> BeautifulSoup:
        """Sign in with an API key."""
        self.open('/login')
        return self.send('form', key=key)

    def problem(self) -> str:
        """Return what the page complains about."""
        found = self.page.select_one('main [role=alert]')
        return found.text.strip() if found else ''

    def message(self) -> str:
        """Return what the page tells of the last step."""
        return ' '.join(each.text.strip() for each in self.page.select('main .note.success, main .note.key'))
