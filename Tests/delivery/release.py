"""`make release`: tag the version of the pack and build what users get: a zip for each marketplace, SHA-256, notes and an SBOM.

`make release-notes` begins a version: it raises the number in the pack's metadata and writes the release notes to fill in. Both
are committed; the release itself changes no file. Run again on the same commit it writes the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path

from delivery.baseline import RELEASED, commit, comparison, newest_release
from delivery.commands import ROOT, DeliveryError, git, program, readable, run
from delivery.package import PACK, build, committed_at, metadata
from delivery.sbom import bill

FIRST = (1, 0, 0)
UPDATES = ('revision', 'minor', 'major')


def main(arguments: list[str], folder: Path = ROOT) -> int:
    """Make the release, or with `notes <kind of update>` begin the next version. Return the exit status."""
    try:
        if arguments[:1] == ['notes']:
            begin(arguments[1] if arguments[1:] else 'revision', folder)
        else:
            release(folder)
    except DeliveryError as error:
        print(f'release: {error}', file=sys.stderr)
        return 1
    return 0


def begin(update: str, folder: Path = ROOT) -> None:
    """Raise the version of the pack and write its release notes, with a line for everything that changed.

    Raises:
        DeliveryError: the pack has that version's notes already, or demisto-sdk failed.
    """
    if update not in UPDATES:
        raise DeliveryError(f'There is no update {update!r}. Choose {", ".join(UPDATES)}.')
    released = newest_release(folder)
    if not released.startswith('v'):
        raise DeliveryError('Nothing is released yet, and the first version has no release notes. Run make release.')
    with comparison(released, folder) as repository:
        # The integration holds the shared scripts, which the SDK knows only with its graph database: it counts as changed.
        for source in repository.glob(f'{PACK}/Integrations/*/*.py'):
            source.write_text(source.read_text(encoding='utf-8') + '\n', encoding='utf-8')
        commit(repository, 'changed')
        command = ['update-release-notes', '-i', str(PACK), '-u', update, '--prev-ver', RELEASED]
        done = run([program('demisto-sdk'), *command], repository)
        written = git('diff', '--cached', '--name-only', '--diff-filter=A', folder=repository).split('\n')
        if done.returncode or not written[0]:
            raise DeliveryError(f'demisto-sdk update-release-notes failed:\n{readable(done.stdout)[-2000:]}')
        for name in (*written, f'{PACK}/pack_metadata.json'):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(repository / name, folder / name)
    version = metadata(folder)['currentVersion']
    print(f'release: version {version}. Fill in {written[0]}, add a section to CHANGELOG.md, commit, and run make release.')


def release(folder: Path = ROOT) -> None:
    """Build the files of the release in build/release and tag the commit, unless it is tagged already.

    Raises:
        DeliveryError: something is missing, which the message names.
    """
    pack = metadata(folder)
    version = str(pack['currentVersion'])
    notes = _checked_notes(version, folder)
    target = folder / 'build' / 'release'
    shutil.rmtree(target, ignore_errors=True)
    built = [build(marketplace, target, folder) for marketplace in pack['marketplaces']]
    (target / 'notes.md').write_text(f'{notes}\n', encoding='utf-8')
    (target / 'sbom.cdx.json').write_text(bill(built[0], str(pack['name']), version, committed_at(folder), folder))
    sums = [f'{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}' for path in sorted(target.iterdir())]
    (target / 'SHA256SUMS').write_text('\n'.join(sums) + '\n')
    if _tag_of(version, folder) is None:
        git('tag', '--annotate', f'v{version}', f'--message=Version {version}\n\n{notes}', '--cleanup=verbatim', folder=folder)
        print(f'release: tagged v{version}. Publish it: git push origin v{version}')
    print('\n'.join(sums))


def _checked_notes(version: str, folder: Path) -> str:
    """Return the section of the changelog, after a look at everything that a release needs.

    Raises:
        DeliveryError: the first of them that is missing.
    """
    if git('status', '--porcelain', folder=folder):
        raise DeliveryError('There are changes that are not committed. Commit or stash them.')
    tagged = _tag_of(version, folder)
    if tagged not in (None, git('rev-parse', 'HEAD', folder=folder)):
        raise DeliveryError(f'v{version} is released already. Run make release-notes to begin the next version.')
    number = _number(version)
    older = [tag for tag in git('tag', '--list', 'v*', folder=folder).split() if _number(tag[1:]) > number]
    if older:
        raise DeliveryError(f'{older[-1]} is released already, and newer than {version}. Raise currentVersion of the pack.')
    notes = folder / PACK / 'ReleaseNotes' / f'{version.replace(".", "_")}.md'
    if number > FIRST and (not notes.is_file() or '%%' in notes.read_text(encoding='utf-8')):
        raise DeliveryError(f'{notes.relative_to(folder)} is missing or not filled in. XSOAR shows it to users.')
    return _section(version, folder)


def _section(version: str, folder: Path) -> str:
    """Return what the changelog says of a version.

    Raises:
        DeliveryError: it has no section with a date for it.
    """
    changelog = folder / 'CHANGELOG.md'
    text = changelog.read_text(encoding='utf-8') if changelog.is_file() else ''
    heading = re.compile(rf'^## \[?{re.escape(version)}\]? - \d{{4}}-\d\d-\d\d$\n(.*?)(?=^## |\Z)', re.MULTILINE | re.DOTALL)
    found = heading.search(text)
    if not found or not found[1].strip():
        raise DeliveryError(
            f'CHANGELOG.md has no section with a date for this version. Write: ## [{version}] - {committed_at(folder):%Y-%m-%d}'
        )
    return found[1].strip()


def _tag_of(version: str, folder: Path) -> str | None:
    """Return the commit that is tagged with a version, if one is."""
    found = run(['git', 'rev-parse', '--quiet', '--verify', f'refs/tags/v{version}^{{commit}}'], folder)
    return None if found.returncode else found.stdout.strip()


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', version)[:3])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
