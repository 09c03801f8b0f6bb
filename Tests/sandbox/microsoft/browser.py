"""A web browser in which a user signs in, through the same pages as anybody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

if TYPE_CHECKING:
    from sandbox.microsoft.cloud import MicrosoftCloud

MAX_REDIRECTS = 10
TIMEOUT_SECONDS = 30


class SignInRefused(Exception):
    """The pages refused the sign-in; the text is what they say."""


@dataclass
class Form:
    """A form of a page; ``fields`` holds the values that it comes with."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """A page as the user sees it: heading, alert, forms, and texts with an ID."""

    def __init__(self, url: str, html: str) -> None:
        super().__init__()
        self.url = url
        self.forms: list[Form] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)

    @property
    def heading(self) -> str:
        return self.texts.get('h1', '').strip()

    @property
    def alert(self) -> str:
        """What the page complains about; empty when it does not."""
        return self.texts.get('alert', '').strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or '' for name, value in attrs}
        if tag == 'form':
            self.forms.append(Form(urljoin(self.url, values.get('action', ''))))
        elif tag == 'input' and self.forms:
            self.forms[-1].fields[values.get('name', '')] = values.get('value', '')
        elif tag == 'button' and self.forms:
            self.forms[-1].buttons.append((values.get('name', ''), values.get('value', '')))
        name = values.get('role') or values.get('id') or ('h1' if tag == 'h1' else '')
        if name and tag not in ('input', 'form', 'button'):
            self._open.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            name = self._open[-1][1]
            self.texts[name] = self.texts.get(name, '') + data


class Browser:
    """The browser of one user, who signs in with the right password unless another one is given.

    Raises:
        LookupError: the directory has no such user.
    """

    def __init__(self, cloud: MicrosoftCloud, user_name: str, password: str | None = None) -> None:
        self._user_name = user_name
        self._password = cloud.directory.user(user_name).password if password is None else password
        self._browser = requests.Session()
        self._browser.trust_env = False
        self._browser.verify = cloud.ca_file

    def sign_in(self, authorize_url: str, accept: bool = True) -> str:
        """Follow a login URL to the end: the whole redirect URL, with code and state (or with the error, when not accepting).

        Raises:
            SignInRefused: the pages show an error.
        """
        redirect_uri = parse_qs(urlsplit(authorize_url).query).get('redirect_uri', [''])[0]
        reached = self._pass(self._open(authorize_url, redirect_uri), redirect_uri, accept)
        if isinstance(reached, Page):
            raise SignInRefused(reached.alert or reached.heading)
        return reached

    def enter_device_code(self, verification_uri: str, user_code: str, accept: bool = True) -> None:
        """Enter the code that a device shows, and sign in for it. Raises SignInRefused."""
        page = self._page(self._open(verification_uri))
        page = self._page(self._submit(page, {'user_code': user_code}))
        page = self._page(self._pass(page, '', accept))
        if page.alert or page.forms:
            raise SignInRefused(page.alert or page.heading)

    def consent_to_cortex_app(self, consent_page_url: str, accept: bool = True) -> tuple[str, str, str]:
        """Go through the Cortex app's consent page: ID (with the token service's URL), Token and Key. Raises SignInRefused."""
        page = self._page(self._open(consent_page_url))
        page = self._page(self._pass(self._submit(page, {}), '', accept))
        if 'registration-id' not in page.texts:
            raise SignInRefused(page.alert or page.heading)
        return page.texts['registration-id'], page.texts['token'], page.texts['key']

    def _pass(self, reached: Page | str, redirect_uri: str, accept: bool) -> Page | str:
        """Sign in and consent, as far as the pages ask for it."""
        if isinstance(reached, Page) and _asks_for(reached, 'password'):
            reached = self._submit(reached, {'username': self._user_name, 'password': self._password}, redirect_uri)
        if isinstance(reached, Page) and _asks_for(reached, 'decision'):
            reached = self._submit(reached, {'decision': 'accept' if accept else 'cancel'}, redirect_uri)
        return reached

    def _open(self, url: str, stop_at: str = '') -> Page | str:
        return self._follow(self._browser.get(url, allow_redirects=False, timeout=TIMEOUT_SECONDS), stop_at)

    def _submit(self, page: Page | str, values: dict[str, str], stop_at: str = '') -> Page | str:
        page = self._page(page)
        if not page.forms:
            raise SignInRefused(page.alert or page.heading)
        form = page.forms[0]
        answer = self._browser.post(form.action, {**form.fields, **values}, allow_redirects=False, timeout=TIMEOUT_SECONDS)
        return self._follow(answer, stop_at)

    def _follow(self, answer: requests.Response, stop_at: str) -> Page | str:
        """Return the page at the end of the redirects, or the URL where the client takes over: it need not exist."""
        for _ in range(MAX_REDIRECTS):
            if not answer.is_redirect:
                return Page(answer.url, answer.text)
            target = urljoin(answer.url, answer.headers['Location'])
            if stop_at and target.startswith(stop_at):
                return target
            answer = self._browser.get(target, allow_redirects=False, timeout=TIMEOUT_SECONDS)
        raise SignInRefused('The pages redirect in a circle.')

    def _page(self, reached: Page | str) -> Page:
        if isinstance(reached, str):
            raise SignInRefused('The browser was sent away.')
        return reached


def _asks_for(page: Page, name: str) -> bool:
    return any(name in form.fields or name in dict(form.buttons) for form in page.forms)
