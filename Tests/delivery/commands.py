"""Run git, demisto-sdk and other programs of the environment, so that they answer the same on every machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# demisto-sdk looks files of the public content repository up on GitHub, and works without them. A proxy that nobody
# listens at makes the answer the same with and without a network, and fast.
NO_NETWORK = 'http://127.0.0.1:9'
OFFLINE = dict.fromkeys(('HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'), NO_NETWORK)
QUIET = {'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1', 'NO_COLOR': '1'}
# Set by git while it runs a hook: each command below would run in that repository.
GIT_HOOK_VARIABLES = ('GIT_DIR', 'GIT_INDEX_FILE', 'GIT_WORK_TREE', 'GIT_PREFIX')

_COLOR = re.compile(r'\x1b\[[\d;]*m')
_NOISE = re.compile(
    r'Could not get repository properties|Could not find remote|Please run demisto-sdk in a content|sections=\{'
    r'|Could not find the repository name|If you are using a private gitlab|Parsing packs|If the AG100 validation'
)


class DeliveryError(Exception):
    """Something keeps a target from being made. The message says what, and what to do."""


def environment() -> dict[str, str]:
    """Return the environment for programs that need no network."""
    return {**{name: value for name, value in os.environ.items() if name not in GIT_HOOK_VARIABLES}, **OFFLINE, **QUIET}


def program(name: str) -> str:
    """Return the path of a program that `make setup` installed."""
    return str(Path(sys.executable).with_name(name))


def run(command: Iterable[str], folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command offline and return what it printed, both streams in one text.

    Args:
        folder: the working folder.
        variables: additions to the environment.
    """
    return subprocess.run(
        list(command),
        cwd=folder,
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def call_in_sdk_process(module: str, function: str, folder: Path) -> Any:
    """Return what a function returns that imports the SDK, from a process of its own in a repository.

    The SDK takes the working folder for the repository when it is imported, and sets its variables from an `.env` file in it.

    Raises:
        DeliveryError: it failed.
    """
    with TemporaryDirectory() as made:
        result = Path(made, 'result.json')
        code = f'import json, {module}; open({str(result)!r}, "w").write(json.dumps({module}.{function}()))'
        done = run([sys.executable, '-c', code], folder, PYTHONPATH=str(ROOT / 'Tests'))
        if done.returncode:
            raise DeliveryError(f'demisto-sdk cannot read the packs:\n{readable(done.stdout)[-2000:]}')
        return json.loads(result.read_text())


def git(*arguments: str, folder: Path = ROOT, **variables: str) -> str:
    """Return what a git command prints.

    Raises:
        DeliveryError: git failed.
    """
    done = run(['git', *arguments], folder, **variables)
    if done.returncode:
        raise DeliveryError(f'git {arguments[0]} failed: {done.stdout.strip()}')
    return done.stdout.strip()


def files_of(*paths: str, folder: Path = ROOT) -> list[Path]:
    """Return the files under `paths` that are committed or would be, relative to `folder`."""
    listed = git('ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', *paths, folder=folder)
    return [Path(name) for name in sorted(set(filter(None, listed.split('\0')))) if (folder / name).is_file()]


def readable(output: str) -> str:
    """Return what demisto-sdk printed, without colors and the lines that say nothing of this repository."""
    lines = [_COLOR.sub('', line).rstrip() for line in output.splitlines()]
    return '\n'.join(line for line in lines if line and not _NOISE.search(line))
