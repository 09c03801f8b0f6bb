"""`make validate`: what demisto-sdk says of the packs, of every file and of what changed since the last release."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from delivery import checks
from delivery.baseline import RELEASED, comparison, last_release
from delivery.commands import ROOT, DeliveryError, program, readable, run


def main(arguments: list[str], folder: Path = ROOT) -> int:
    """Run both validations, or list what each check is given with `--list`. Return the exit status."""
    try:
        if arguments == ['--list']:
            print(checks.table(folder))
            return 0
        released = last_release(folder)
        holds = [_holds('every file', ['-a'], folder)]
        with comparison(released, folder) as repository:
            against = ['-g', '--prev-ver', RELEASED]
            if not released.startswith('v'):
                # Nobody has the pack yet: no release notes, no older server that has it, no marketplace to ask for a module.
                against += ['--ignore', 'RN116', '--ignore', 'BC106', '--ignore', 'BC117']
            holds.append(_holds(f'the changes since {released}', against, repository))
    except DeliveryError as error:
        print(f'validate: {error}', file=sys.stderr)
        return 1
    return int(not all(holds))


def _holds(what: str, arguments: Iterable[str], folder: Path) -> bool:
    done = run([program('demisto-sdk'), 'validate', *arguments], folder)
    if done.returncode:
        said = readable(done.stdout)
        print(said.partition('Starting validate items.\n')[2] or said)
    print(f'validate: {what}: {"failed" if done.returncode else "passed"}', flush=True)
    return not done.returncode


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
