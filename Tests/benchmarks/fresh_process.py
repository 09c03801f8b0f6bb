"""Run a script of ``processes/`` in a new Python that finds the packs, as the platform's would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
_SCRIPTS = Path(__file__).with_name('processes')
_INTEGRATION = REPOSITORY / 'Packs/O365OutlookMailSingleUser/Integrations/O365OutlookMailSingleUser'
_TIME_LIMIT = 300  # seconds


def run(script: str, folder: Path, job: Any = None, **environment: str) -> Any:
    """Return what a script prints, as JSON.

    Args:
        script: name of a file in ``processes/``.
        folder: where Python keeps what it compiled: only the first run of a script compiles.
        job: handed to the script as JSON on its standard input.
        environment: variables besides those of this process.
    Raises:
        RuntimeError: the script failed; the text is what it said.
    """
    inherited = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    variables = {
        **inherited,
        'PYTHONPATH': os.pathsep.join(map(str, _import_roots())),
        'PYTHONPYCACHEPREFIX': str(folder / 'compiled'),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, str(_SCRIPTS / script)],
        input=json.dumps(job),
        env=variables,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f'{script} ended with exit status {done.returncode}:\n{done.stdout}{done.stderr}')
    return json.loads(done.stdout.splitlines()[-1])


def _import_roots() -> list[Path]:
    own = REPOSITORY / 'Tests/CommonServerPython'
    return [
        REPOSITORY / 'Tests/demistomock',  # first: the platform's own one keeps no last run
        Path(os.environ.get('COMMON_SERVER_PYTHON') or own),
        own,
        *sorted((REPOSITORY / 'Packs/ApiModules/Scripts').iterdir()),
        _INTEGRATION,
    ]
