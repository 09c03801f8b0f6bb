"""Install what the browser tests need, unless it is there: chromium, Playwright's Python package, axe-core.

    python Tests/setup/make_browser.py

Runs with the Python of `.venv`. Chromium and npm come from Debian and are installed only if they are missing, which takes root.
Exit status 0 means ready; otherwise the last line says what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

AXE = 'axe-core@4.14.1'
REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = REPOSITORY / '.venv'
REQUIREMENTS = REPOSITORY / 'requirements-browser.txt'
_START_LIMIT = 120  # seconds
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


class SetupError(Exception):
    """Something cannot be installed; the text says what to do."""


def main() -> int:
    """Return the exit status."""
    try:
        need('chromium', BROWSERS)
        start_browser()
        need('npm', ('npm',))
        install_packages()
        install_axe()
    except SetupError as error:
        print(f'browser-test: {error}', file=sys.stderr)
        return 1
    return 0


def need(package: str, programs: tuple[str, ...]) -> None:
    """Install a package of Debian, unless one of its programs is there.

    Raises:
        SetupError: it is missing and cannot be installed here.
    """
    if any(map(shutil.which, programs)):
        return
    if os.geteuid() != 0 or not shutil.which('apt-get'):
        raise SetupError(f'{package} is not installed. Install it as root: apt-get install {package}')
    run(['apt-get', 'update', '--quiet=2'])
    run(['apt-get', 'install', '--quiet=2', '--yes', package])


def start_browser() -> None:
    """Start the browser once.

    Raises:
        SetupError: it does not start, such as a program that only says how to install it.
    """
    program = str(next(filter(None, map(shutil.which, BROWSERS))))
    command = [program, '--headless', '--no-sandbox', '--disable-gpu', '--dump-dom', 'about:blank']
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_START_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode or b'<html>' not in done.stdout:
        raise SetupError(f'{program} does not start. Run it by hand to see why: {" ".join(command)}')


def install_packages() -> None:
    """Install the Python packages into `.venv`, unless they are there."""
    stamp = ENVIRONMENT / 'made-of-browser'
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    run([sys.executable, '-m', 'pip', '--disable-pip-version-check', '--quiet', 'install', '--requirement', str(REQUIREMENTS)])
    stamp.write_text(wanted)


def install_axe() -> None:
    """Install axe-core below `.venv`, unless it is there."""
    folder = ENVIRONMENT / 'axe'
    stamp = folder / 'made-of'
    if stamp.exists() and stamp.read_text() == AXE:
        return
    run(['npm', 'install', '--silent', '--no-save', '--ignore-scripts', '--prefix', str(folder), AXE])
    stamp.write_text(AXE)


def run(command: list[str]) -> None:
    """Run a command.

    Raises:
        SetupError: it failed; the last lines of its output.
    """
    print(f'browser-test: {" ".join(command[:3])} ...', flush=True)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        said = '\n'.join(f'    {line}' for line in done.stdout.strip().splitlines()[-8:])
        raise SetupError(f'{" ".join(command)} failed:\n{said}\nCheck the network and the package index, then try again.')


if __name__ == '__main__':
    sys.exit(main())
