"""Pictures of pages, for people and for the README. The look is not tested by comparing them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def picture(page: Page, name: str) -> None:
    """Take a picture of a page, if SCREENSHOTS names a folder."""
    folder = os.environ.get('SCREENSHOTS', '')
    if folder:
        page.screenshot(path=Path(folder) / f'{name}.png')
