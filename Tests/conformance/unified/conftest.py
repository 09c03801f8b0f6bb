"""The integration as demisto-sdk builds it, and instances of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.unified.instances import instance
from conformance.unified.sources import INTEGRATION, ROOT, loaded_yml
from machine import limit

__all__ = ['instance']

GIT = ('git', '-c', 'user.name=test', '-c', 'user.email=test@contoso.example', '-c', 'commit.gpgsign=false')


@pytest.fixture(scope='session')
def built_yml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The yml file that demisto-sdk makes of the integration. It wants a git repository that has a commit, so it gets one."""
    folder = tmp_path_factory.mktemp('content')
    shutil.copytree(ROOT / 'Packs', folder / 'Packs')
    subprocess.run([*GIT, 'init', '-q', '-b', 'main'], cwd=folder, check=True)
    subprocess.run([*GIT, 'commit', '-q', '--allow-empty', '-m', 'first'], cwd=folder, check=True)
    (folder / 'out').mkdir()
    sdk = Path(sys.executable).with_name('demisto-sdk')
    made = subprocess.run(
        [str(sdk), 'prepare-content', '-f', '-i', str(INTEGRATION.relative_to(ROOT)), '-o', 'out'],
        cwd=folder,
        env={**os.environ, 'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1'},
        capture_output=True,
        text=True,
        timeout=limit(30),
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    [built] = (folder / 'out').glob('*.yml')
    return built


@pytest.fixture(scope='session')
def script(built_yml: Path) -> str:
    """The Python text that the platform gets."""
    return str(loaded_yml(built_yml)['script']['script'])
