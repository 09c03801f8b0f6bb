"""The integrations as demisto-sdk builds them, and instances of the mail integration."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.unified.instances import instance
from conformance.unified.sources import INTEGRATION, loaded_yml
from demo.upload import copy_packs, example_names
from sandbox.tests.machine import limit
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
    packs = [INTEGRATION.name, *example_names()]
    inputs = ','.join(f'Packs/{pack}/Integrations/{pack}' for pack in packs)
    made = subprocess.run(
        [str(Path(sys.executable).with_name('demisto-sdk')), 'prepare-content', '-f', '-i', inputs, '-o', str(folder / 'built')],
        cwd=content,
        env={**os.environ, 'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1'},
        capture_output=True,
        text=True,
        timeout=limit(30),
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope='session')
def built_yml(build: Build) -> Path:
    """The unified yml of the mail integration."""
    return build(INTEGRATION.name)


@pytest.fixture(scope='session')
def script(built_yml: Path) -> str:
    """The Python text that the platform gets."""
    return str(loaded_yml(built_yml)['script']['script'])
