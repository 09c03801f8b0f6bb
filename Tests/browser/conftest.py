"""One sandbox and one Chromium for all browser tests. They are collected where Playwright is installed: ``make browser-test``."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authentication_methods import cloud_settings
from demo.administrator import INTEGRATION, Administrator
from demo.instructions import instructions
from demo.upload import upload_to
from sandbox.servers import Sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

if importlib.util.find_spec('playwright') is None:
    collect_ignore_glob = ['*_test.py']

CHROMIUM = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
)
WIDE, NARROW = 1600, 400
_PATIENCE = 20_000  # milliseconds
# What a browser says of an email that would load a picture, run a script or send a form, and of a page that is not there.
_EXPECTED = ('violates the following Content Security Policy directive: "img-src data:"', 'status of 4', 'is sandboxed')


@pytest.fixture(scope='session')
def sandbox() -> Iterator[Sandbox]:
    """Both stand-ins with the pack and the portal, as ``make sandbox`` starts them. Nothing is fetched but by the button."""
    with Sandbox(fetches=False) as sandbox:
        upload_to(sandbox)
        sandbox.server.surroundings.presets[INTEGRATION] = cloud_settings(sandbox.cloud)
        sandbox.portal.chapters[:] = instructions(sandbox)
        yield sandbox


@pytest.fixture(scope='session')
def administrator(sandbox: Sandbox) -> Administrator:
    """Somebody who prepares by REST calls what a test is not about."""
    return Administrator(sandbox.server.url, sandbox.server.api_key)


@pytest.fixture(scope='session')
def chromium() -> 'Iterator[Browser]':
    """The browser."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program, 'There is no Chromium here. Run make browser-test as root, or apt-get install chromium.'
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: 'Browser', sandbox: Sandbox) -> 'Iterator[Callable[..., Page]]':
    """Open the start page in a new profile: ``visit(width=400, color_scheme='dark')``. No page may complain in the console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def begin(width: int = WIDE, **options: Any) -> 'Page':
        context = chromium.new_context(viewport={'width': width, 'height': 900}, ignore_https_errors=True, **options)
        contexts.append(context)
        context.set_default_timeout(_PATIENCE)
        context.on('console', lambda message: complaints.append(message.text) if message.type == 'error' else None)
        context.on('weberror', lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.goto(sandbox.portal.start_url)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert [each for each in complaints if not any(part in each for part in _EXPECTED)] == []


@pytest.fixture
def xsoar(visit: 'Callable[..., Page]') -> 'Page':
    """A page of XSOAR, reached from the start page."""
    page = visit()
    page.get_by_role('main').get_by_role('link', name='XSOAR').click()
    return page


@pytest.fixture(scope='session')
def axe() -> str:
    """The script of axe-core."""
    folder = Path(os.environ.get('AXE') or Path(__file__).resolve().parents[2] / '.venv' / 'axe')
    return (folder / 'node_modules' / 'axe-core' / 'axe.min.js').read_text()
