"""`make format`: ruff for Python, demisto-sdk for yml and json of the packs.

The SDK raises the minimum version of XSOAR to its own unless it is told one, ends json files without a line feed, and takes
Python in a README for links; told to assume yes, it makes playbooks silent. So it is told the version of the pack's metadata and
to assume no for playbooks, gets no README, and files end in a line feed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from delivery.commands import ROOT, DeliveryError, files_of, program, readable, run


def main(folder: Path = ROOT) -> int:
    """Format the files in place, print which ones changed, and return the exit status."""
    files = [path for path in files_of('Packs', folder=folder) if path.suffix in ('.yml', '.json')]
    before = {
        path: (folder / path).read_bytes() for path in files_of('.', folder=folder) if path.suffix in ('.py', '.yml', '.json')
    }
    runs = [[program('ruff'), *options, '--quiet', '.'] for options in (('check', '--fix-only'), ('format',))]
    try:
        groups = _by_version(files, folder)
    except DeliveryError as error:
        print(f'format: {error}', file=sys.stderr)
        return 1
    for (version, assumed), group in groups.items():
        inputs = ','.join(map(str, group))
        runs.append([program('demisto-sdk'), 'format', '-i', inputs, '-nv', '-ngr', assumed, '-fv', version])
    for command in runs:
        done = run(command, folder)
        if done.returncode:
            print(readable(done.stdout))
            print(f'format: {Path(command[0]).name} failed', file=sys.stderr)
            return 1
    for path in files:
        written = (folder / path).read_bytes()
        if not written.endswith(b'\n'):
            (folder / path).write_bytes(written + b'\n')
    changed = [str(path) for path, content in before.items() if (folder / path).read_bytes() != content]
    print('\n'.join([*changed, f'format: {len(changed)} files changed']))
    return 0


def _by_version(files: list[Path], folder: Path) -> dict[tuple[str, str], list[Path]]:
    """Return the files of packs by the oldest version of XSOAR that the pack supports, and what the SDK is to assume.

    Raises:
        DeliveryError: a pack does not say which version it supports.
    """
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in files:
        metadata = Path(*path.parts[:2], 'pack_metadata.json')
        version = json.loads((folder / metadata).read_text(encoding='utf-8')).get('serverMinVersion')
        if not version:
            raise DeliveryError(f'{metadata} has no serverMinVersion. Add the oldest version of XSOAR that the pack supports.')
        assumed = '-n' if path.parent.name == 'Playbooks' else '-y'
        groups.setdefault((version, assumed), []).append(path)
    return groups


if __name__ == '__main__':
    sys.exit(main())
