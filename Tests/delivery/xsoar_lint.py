"""`make xsoar-lint`: the pylint plugins that demisto-sdk brings, all levels of them.

`demisto-sdk xsoar-lint` asks Docker for the Python version of the image before it starts pylint. That is the only difference.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import demisto_sdk
from ruamel.yaml import YAML

from delivery.commands import ROOT, program, run

# Checks that are not made, and why. A single line is excused where it stands: # pylint: disable=<name>
NOT_MADE = {
    'E9006': 'names of the platform are imported one by one, so that ruff and mypy notice an undefined one',
    'W9005': 'a shared script has no main, and a test of the unified script runs that of the integration',
    'W9010': 'MicrosoftInstanceApiModule, which several integrations share, catches what a command raises',
    'W9011': 'MicrosoftApiModule also calls return_error, as the public one does, and the calls of all files are counted',
    'W9012': 'the same: it calls return_error for them',
    'W9013': 'the metadata service of Azure and the loopback address have no https',
    'W9014': 'it takes the `cls` of a class method for an argument without a type; mypy does not',
    'W9016': 'MicrosoftInstanceApiModule reads the parameters for several integrations',
    'W9017': 'MicrosoftApiModule and MicrosoftInstanceApiModule read the arguments to schedule the same command again',
    'W9018': 'an unknown command ends in a sentence of its own',
}
# module: name of the checker in it
_CHECKERS = {
    'base_checker': 'base-checker',
    'community_level_checker': 'community-checker',
    'partner_level_checker': 'partner-checker',
    'certified_partner_level_checker': 'certified-partner-checker',
    'xsoar_level_checker': 'xsoar-checker',
}


def main(folder: Path = ROOT) -> int:
    """Check every script and integration, print what is wrong, and return the exit status."""
    plugins = Path(demisto_sdk.__path__[0], 'commands/pre_commit/resources/pylint_plugins')
    sources = [path for path in sorted(folder.glob('Packs/*/*/*/*.py')) if not path.name.endswith('_test.py')]
    modules = [path.parent for path in sources if path.stem.endswith('ApiModule')]
    search = [plugins, folder / 'Tests/CommonServerPython', folder / 'Tests/demistomock', *modules]
    failed = False
    for commands, files in _batches(sources).items():
        done = run(
            [program('pylint'), *_options(), *(str(path.relative_to(folder)) for path in files)],
            folder,
            PYTHONPATH=os.pathsep.join(map(str, search)),
            PYTHONDONTWRITEBYTECODE='1',
            is_script=str(not commands),
            commands=commands,
        )
        if done.returncode:
            print(done.stdout.strip())
            failed = True
    print(f'xsoar-lint: {len(sources)} files: {"failed" if failed else "passed"}')
    return int(failed)


def _options() -> list[str]:
    return [
        '--disable=all',
        f'--load-plugins={",".join(_CHECKERS)}',
        f'--enable={",".join(_CHECKERS.values())}',
        f'--disable={",".join(NOT_MADE)}',
        '--score=no',
        '--persistent=no',
        '--msg-template={path}:{line}: {msg_id} {msg}',
    ]


def _batches(sources: list[Path]) -> dict[str, list[Path]]:
    """Return the files to check together: each integration with the names of its commands, and the scripts with none."""
    batches: dict[str, list[Path]] = {}
    for path in sources:
        described = YAML(typ='safe').load(path.with_suffix('.yml'))['script']
        commands = ','.join(command['name'] for command in described['commands']) if isinstance(described, dict) else ''
        batches.setdefault(commands, []).append(path)
    return batches


if __name__ == '__main__':
    sys.exit(main())
