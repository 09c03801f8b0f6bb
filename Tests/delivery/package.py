"""`make package`: the pack as a zip file for a marketplace, the same bytes for the same commit.

demisto-sdk writes the time of the build into the zip, orders tags by their hashes, and calls a pack new for its first 30 days.
Files are stored, not compressed: what a compressor makes of them depends on its version.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from delivery.commands import ROOT, DeliveryError, git, program, readable, run

PACK = Path('Packs/O365OutlookMailSingleUser')
# demisto-sdk files the content for servers of the customer under the older name, and finds none under this one.
_FILED_AS = {'xsoar_on_prem': 'xsoar'}
_METADATA = 'metadata.json'


def main(arguments: list[str], folder: Path = ROOT) -> int:
    """Build the zip for a marketplace, xsoar if none is named, or for `all` of them. Return the exit status."""
    wanted = arguments[0] if arguments else 'xsoar'
    try:
        for marketplace in metadata(folder)['marketplaces'] if wanted == 'all' else [wanted]:
            built = build(marketplace, folder / 'build', folder)
            print(f'package: {built.relative_to(folder)}: {built.stat().st_size:,} bytes')
    except DeliveryError as error:
        print(f'package: {error}', file=sys.stderr)
        return 1
    return 0


def metadata(folder: Path = ROOT) -> dict[str, Any]:
    """Return the metadata of the pack."""
    return dict(json.loads((folder / PACK / 'pack_metadata.json').read_text(encoding='utf-8')))


def sdk_marketplace(marketplace: str) -> str:
    """Return the name of a marketplace for the commands of demisto-sdk."""
    return _FILED_AS.get(marketplace, marketplace)


def committed_at(folder: Path = ROOT) -> datetime:
    """Return the time of the last commit, or of SOURCE_DATE_EPOCH, in UTC."""
    seconds = os.environ.get('SOURCE_DATE_EPOCH') or git('log', '-1', '--format=%ct', folder=folder)
    return datetime.fromtimestamp(int(seconds), timezone.utc)


def build(marketplace: str, target: Path, folder: Path = ROOT) -> Path:
    """Write the zip for a marketplace into the folder `target` and return its path.

    Raises:
        DeliveryError: the pack is not for that marketplace, or demisto-sdk failed.
    """
    pack = metadata(folder)
    if marketplace not in pack['marketplaces']:
        raise DeliveryError(f'The pack is not for {marketplace!r}. Choose {", ".join(pack["marketplaces"])} or all.')
    with TemporaryDirectory() as made:
        choice = ['-mp', sdk_marketplace(marketplace)]
        done = run([program('demisto-sdk'), 'prepare-content', '-f', '-i', str(PACK), *choice, '-o', made], folder)
        archive = Path(made, f'{PACK.name}.zip')
        if done.returncode or not archive.is_file():
            raise DeliveryError(f'demisto-sdk prepare-content failed:\n{readable(done.stdout)[-2000:]}')
        target.mkdir(parents=True, exist_ok=True)
        built = target / f'{PACK.name}-{pack["currentVersion"]}-{marketplace}.zip'
        _rewrite(archive, built, committed_at(folder))
    return built


def _rewrite(source: Path, target: Path, when: datetime) -> None:
    """Write the files of a zip in the order of their names, all of them last changed at `when`."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, 'w', zipfile.ZIP_STORED) as written:
        for name in sorted(name for name in archive.namelist() if not name.endswith('/')):
            entry = zipfile.ZipInfo(name, when.timetuple()[:6])
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            content = archive.read(name)
            written.writestr(entry, _settled(content, when) if name == _METADATA else content)


def _settled(content: bytes, when: datetime) -> bytes:
    """Return the metadata without what depends on the time and the process of the build."""
    read = json.loads(content)
    read['updated'] = f'{when:%Y-%m-%dT%H:%M:%SZ}'
    read['tags'] = sorted(set(read['tags']) - {'New'})
    return json.dumps(read, indent=4, sort_keys=True).encode()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
