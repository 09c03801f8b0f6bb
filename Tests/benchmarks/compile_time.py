"""How long Python needs to compile the unified script. The platform does so for each command."""

import subprocess
import sys
from pathlib import Path

import yaml

from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import MessageRow, at_most, compared, plain
from demo.upload import own_environment
from sandbox.servers import Sandbox

_INTEGRATION = 'O365OutlookMailSingleUser'
_SIZE_OF_MARKETPLACE = 225_000  # characters of the unified script of the pack in the marketplace


def rows(sandbox: Sandbox, _effort: Effort) -> list[MessageRow]:
    script = _unified(sandbox.folder / 'build', sandbox.folder)
    part = script[: script.rindex('\n\n\n', 0, _SIZE_OF_MARKETPLACE)]  # whole definitions
    small, whole = fresh_process.run('compile_time.py', sandbox.folder, [part, script])
    figures = [plain(f'Compiling {len(text):,} characters', value, 'ms') for text, value in ((part, small), (script, whole))]
    return [*compared(figures), at_most('Compiling the unified script, processor time', whole, 70, 'ms')]


def _unified(repository: Path, folder: Path) -> str:
    """Return the script that demisto-sdk makes of the integration and the shared scripts."""
    program = str(Path(sys.executable).with_name('demisto-sdk'))
    source = f'Packs/{_INTEGRATION}/Integrations/{_INTEGRATION}'
    # it leaves files behind: they go where they are removed in the end
    files = {'DEMISTO_SDK_LOG_FILE_PATH': str(folder), 'TMPDIR': str(folder)}
    environment = {**own_environment(), 'DEMISTO_SDK_IGNORE_CONTENT_WARNING': '1', **files}
    done = subprocess.run(
        [program, 'prepare-content', '-i', source, '-o', str(folder)],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f'demisto-sdk prepare-content failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}')
    text = (folder / f'integration-{_INTEGRATION}.yml').read_text(encoding='utf-8')
    return str(yaml.load(text, yaml.CSafeLoader)['script']['script'])
