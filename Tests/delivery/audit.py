"""`make audit`: pip-audit asks the OSV database for known vulnerabilities of every pinned package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import requests

from delivery.commands import ROOT, program

REQUIREMENTS = 'requirements-dev.txt'
DATABASE = 'https://api.osv.dev/v1/query'
# Advisories that do not concern this project, and why.
NOT_CONCERNED: dict[str, str] = {}


def main(folder: Path = ROOT) -> int:
    """Print the vulnerabilities that are known and return the exit status, 0 also where the database cannot be reached.

    Environment:
        ADVISORIES: the address of another OSV database.
    """
    database = os.environ.get('ADVISORIES') or DATABASE
    try:
        requests.get(database, timeout=10)
    except requests.RequestException:
        host = database.split('/')[2]
        print(f'audit: NOT CHECKED: {host} cannot be reached. Run it where it can, or set ADVISORIES to another database.')
        return 0
    ignored = [option for advisory in NOT_CONCERNED for option in ('--ignore-vuln', advisory)]
    options = ['--no-deps', '--disable-pip', '--progress-spinner=off', '--desc=off', '--vulnerability-service=osv']
    command = [program('pip-audit'), f'--requirement={REQUIREMENTS}', *options, f'--osv-url={database}', *ignored]
    return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
