"""How long Python needs to compile the unified script. The platform does so for each command."""

import zipfile
from pathlib import Path

import yaml

from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import Row, at_most, compared, plain
from sandbox.servers import Sandbox

_INTEGRATION = 'Integrations/integration-O365OutlookMailSingleUser.yml'
_SIZE_OF_MARKETPLACE = 225_000  # characters of the unified script of the pack in the marketplace


def rows(sandbox: Sandbox, effort: Effort) -> list[Row]:
    script = _unified(sandbox.folder / 'build')
    part = script[: script.rindex('\n\n\n', 0, _SIZE_OF_MARKETPLACE)]  # whole definitions
    small, whole = fresh_process.run('compile_time.py', sandbox.folder, {'times': effort.often, 'scripts': [part, script]})
    figures = [plain(f'Compiling {len(text):,} characters', value, 'ms') for text, value in ((part, small), (script, whole))]
    return [*compared(figures), at_most('Compiling the unified script, processor time', whole, 70, 'ms')]


def _unified(folder: Path) -> str:
    """Return the script that demisto-sdk made of the integration and the shared scripts, in a zip of the zip that it uploaded."""
    [uploaded] = folder.glob('*/uploadable_packs.zip')
    with zipfile.ZipFile(uploaded) as packs, packs.open(packs.namelist()[0]) as file, zipfile.ZipFile(file) as pack:
        text = pack.read(_INTEGRATION)
    return str(yaml.load(text, yaml.CSafeLoader)['script']['script'])
