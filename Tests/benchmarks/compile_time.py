"""How long Python needs to compile the unified script. The platform does so for each command."""

from pathlib import Path

import yaml

from benchmarks import fresh_process
from benchmarks.effort import Effort
from benchmarks.row import MessageRow, at_most, compared, plain
from demo.upload import unify_integrations
from sandbox.servers import Sandbox

_INTEGRATION = 'O365OutlookMailSingleUser'
_SIZE_OF_MARKETPLACE = 225_000  # characters of the unified script of the pack in the marketplace


def rows(sandbox: Sandbox, _effort: Effort) -> list[MessageRow]:
    script = _unified(sandbox.folder / 'build', sandbox.folder)
    part = script[: script.rindex('\n\n\n', 0, _SIZE_OF_MARKETPLACE)]  # whole definitions
    small, whole = fresh_process.run('compile_time.py', sandbox.folder, [part, script])
    figures = [plain(f'Compiling {len(text):,} characters', value, 'ms') for text, value in ((part, small), (script, whole))]
    return [*compared(figures), at_most('Compiling the unified script, processor time', whole, 70, 'ms')]


def _unified(repository: Path, output: Path) -> str:
    """Return the script that demisto-sdk makes of the integration and the shared scripts."""
    unify_integrations(repository, [_INTEGRATION], output)
    text = (output / f'integration-{_INTEGRATION}.yml').read_text(encoding='utf-8')
    return str(yaml.load(text, yaml.CSafeLoader)['script']['script'])
