"""Build the pack and upload it to a local server, with the real demisto-sdk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.servers import Sandbox

REPOSITORY = Path(__file__).resolve().parents[2]
PACK = 'Packs/O365OutlookMailSingleUser'
EXAMPLES = REPOSITORY / 'docs' / 'examples'
_UPLOADED = 'uploaded'
_TIME_LIMIT = 300  # seconds
_COLOURS = re.compile(r'\x1b\[[0-9;]*m|</?(?:yellow|red|green|cyan)>')
# What demisto-sdk says of any repository that is not the public one
_NOISE = ('Could not get repository properties', '.demisto-sdk-conf sections=')
# What a user has set for a server or a repository of their own: none of it is for the local ones.
_OF_OTHERS = ('DEMISTO_', 'XSIAM_', 'HTTP_PROXY', 'HTTPS_PROXY', 'SSL_CERT_FILE', 'GIT_')


class UploadError(Exception):
    """demisto-sdk did not upload the pack; the text is what it said."""


def own_environment() -> dict[str, str]:
    """Return the environment of this process without what would send demisto-sdk to another server than the one it is told."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OF_OTHERS)}


def upload_to(sandbox: Sandbox) -> Path:
    """Build the pack and upload it to the XSOAR server of a sandbox. Return the zip, in the folder of the sandbox.

    Raises:
        UploadError: demisto-sdk did not do it.
    """
    return upload_pack(sandbox.server.url, sandbox.server.api_key, sandbox.folder / 'build')


def upload_pack(url: str, api_key: str, folder: Path, pack: str = PACK) -> Path:
    """Run ``demisto-sdk upload`` against a local server. Return the zip that it uploaded.

    It works on a copy of the packs with a repository of its own: in the user's it would read their ``.env``, which may name
    their real server, and it needs a commit.

    Args:
        folder: where the copy is made; the zip stays in it.
        pack: below that folder.
    Raises:
        UploadError: it did not work.
    """
    copy_packs(folder)
    (folder / _UPLOADED).mkdir()
    _run_sdk(['upload', '-i', pack, '-z', '--keep-zip', _UPLOADED], folder, DEMISTO_BASE_URL=url, DEMISTO_API_KEY=api_key)
    [uploaded] = (folder / _UPLOADED).glob('*.zip')
    return uploaded


def unify_integrations(folder: Path, packs: Iterable[str], output: Path) -> None:
    """Write the unified yml of the integration of each pack, as demisto-sdk makes it, to a folder.

    Args:
        folder: where `copy_packs` made a copy.
    Raises:
        UploadError: it did not work.
    """
    integrations = ','.join(f'Packs/{pack}/Integrations/{pack}' for pack in packs)
    _run_sdk(['prepare-content', '-f', '-i', integrations, '-o', str(output)], folder)


def example_names() -> list[str]:
    """Return the names of the example packs."""
    return sorted(path.parent.name for path in EXAMPLES.glob('*/pack_metadata.json'))


def copy_packs(folder: Path) -> None:
    """Copy what demisto-sdk needs of this repository to a new folder, as a repository of its own with one commit.

    The examples become packs beside the others: demisto-sdk takes packs, and the shared scripts, only from ``Packs``.
    """
    for name in ('Packs', 'Config'):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns('__pycache__', '.*_cache'))
    for name in example_names():
        shutil.copytree(EXAMPLES / name, folder / 'Packs' / name, ignore=shutil.ignore_patterns('__pycache__', '.*_cache'))
    shutil.copy(REPOSITORY / '.demisto-sdk-conf', folder)
    git = ['git', '-c', 'user.name=sandbox', '-c', 'user.email=sandbox@localhost', '-c', 'commit.gpgsign=false']
    for arguments in (['init', '--quiet'], ['add', '--all'], ['commit', '--quiet', '--no-verify', '--message', 'copy']):
        _run([*git, *arguments], folder, own_environment())


def _run_sdk(arguments: list[str], folder: Path, **variables: str) -> None:
    environment = {
        **own_environment(),
        **variables,
        'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1',
        # It leaves files behind: they go where they are removed in the end.
        'DEMISTO_SDK_LOG_NO_COLORS': 'true',
        'DEMISTO_SDK_LOG_FILE_PATH': str(folder.parent),
        'TMPDIR': str(folder.parent),
        # It looks for things on GitHub that nothing here needs: that is refused at once, on this machine.
        'https_proxy': 'http://127.0.0.1:9',
        'no_proxy': 'localhost,127.0.0.1',
    }
    _run([str(Path(sys.executable).with_name('demisto-sdk')), *arguments], folder, environment)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise UploadError(f'There is no {program} here: run make setup, and apt-get install git.') from None
    except subprocess.TimeoutExpired:
        raise UploadError(f'{program} did not end within {_TIME_LIMIT} seconds.') from None
    if done.returncode:
        lines = [line for line in _COLOURS.sub('', done.stdout).strip().splitlines() if not line.startswith(_NOISE)]
        said = '\n'.join(f'    {line}' for line in lines[-15:])
        raise UploadError(f'{program} {" ".join(command[1:])} ended with exit status {done.returncode}. Its last lines:\n{said}')
