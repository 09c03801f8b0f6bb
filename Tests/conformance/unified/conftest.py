"""The integrations as demisto-sdk builds them, and instances of the mail integration."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from conformance.unified.instances import instance
from conformance.unified.sources import INTEGRATION, loaded_yml
from demo.upload import copy_packs
from sandbox.tests.machine import limit

__all__ = ['instance']

Build = Callable[[str], Path]


@pytest.fixture(scope='session')
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build the integration of a pack, once, and return its unified yml. Examples are packs too."""
    folder = tmp_path_factory.mktemp('build') / 'content'
    copy_packs(folder)
    sdk = Path(sys.executable).with_name('demisto-sdk')

    @cache
    def built(pack: str) -> Path:
        output = folder / 'built' / pack
        output.mkdir(parents=True)
        made = subprocess.run(
            [str(sdk), 'prepare-content', '-f', '-i', f'Packs/{pack}/Integrations/{pack}', '-o', str(output)],
            cwd=folder,
            env={**os.environ, 'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1'},
            capture_output=True,
            text=True,
            timeout=limit(30),
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        [unified] = output.glob('*.yml')
        return unified

    return built


@pytest.fixture(scope='session')
def built_yml(build: Build) -> Path:
    """The unified yml of the mail integration."""
    return build(INTEGRATION.name)


@pytest.fixture(scope='session')
def script(built_yml: Path) -> str:
    """The Python text that the platform gets."""
    return str(loaded_yml(built_yml)['script']['script'])
