"""The integrations as demisto-sdk builds them, and instances of the mail integration."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.unified.instances import instance
from conformance.unified.sources import INTEGRATION, loaded_yml
from demo.upload import copy_packs, example_names, unify_integrations
from sandbox.tests.shared import made_once

__all__ = ['instance']

Build = Callable[[str], Path]


@pytest.fixture(scope='session')
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return the unified yml of the integration of a pack. All are built at once, for all processes. Examples are packs too."""
    folder = made_once(tmp_path_factory, 'unified', _build)
    return lambda pack: folder / 'built' / pack


def _build(folder: Path) -> None:
    content = folder / 'content'
    copy_packs(content)
    (folder / 'built').mkdir()
    unify_integrations(content, [INTEGRATION.name, *example_names()], folder / 'built')


@pytest.fixture(scope='session')
def built_yml(build: Build) -> Path:
    """The unified yml of the mail integration."""
    return build(INTEGRATION.name)


@pytest.fixture(scope='session')
def script(built_yml: Path) -> str:
    """The Python text that the platform gets."""
    return str(loaded_yml(built_yml)['script']['script'])
