"""The released state of the packs, and a repository in which demisto-sdk compares the present one with it.

demisto-sdk compares with a branch of the remote `origin`, refuses to do so on `main`, and takes every folder named Packs for
content. A repository of its own, with two commits that hold the packs and nothing else, needs none of that of the user's clone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit

from delivery.commands import ROOT, DeliveryError, files_of, git, run

CONTENT = ('Packs', 'Config')
SETTINGS = ('.demisto-sdk-conf', 'validation_config.toml')
# the SDK looks for a branch of this name in any case
RELEASED = 'main'
_AUTHOR = {
    f'GIT_{who}_{what}': value
    for who in ('AUTHOR', 'COMMITTER')
    for what, value in (('NAME', 'validate'), ('EMAIL', 'validate@localhost'))
}


def settings(folder: Path = ROOT) -> dict[str, Any]:
    """Return what `validation_config.toml` says."""
    return tomlkit.parse((folder / 'validation_config.toml').read_text(encoding='utf-8')).unwrap()


def last_release(folder: Path = ROOT) -> str:
    """Return the name of the commit that users have: the newest tag `v*` before the present state.

    A commit that is tagged itself is compared with the release before it. Before the first release it is the commit that
    `validation_config.toml` names.

    Raises:
        DeliveryError: the clone does not hold that commit.
    """
    found = run(['git', 'describe', '--tags', '--abbrev=0', '--match=v[0-9]*', *_before(folder)], folder)
    name = found.stdout.strip()
    if found.returncode:
        name = settings(folder)['before_the_first_release']
    if run(['git', 'cat-file', '-e', f'{name}^{{commit}}'], folder).returncode:
        raise DeliveryError(f'The commit {name} is not in this clone. Get the whole history: git fetch --unshallow --tags')
    return name


def _before(folder: Path) -> list[str]:
    tagged = git('tag', '--points-at=HEAD', '--list', 'v[0-9]*', folder=folder)
    changed = git('status', '--porcelain', '--', *CONTENT, folder=folder)
    return ['HEAD^'] if tagged and not changed else []


@contextmanager
def comparison(released: str, folder: Path = ROOT) -> Iterator[Path]:
    """Yield a repository whose `origin/released` holds the packs of the commit `released`, and whose branch the present ones."""
    with TemporaryDirectory(prefix='validate-') as made:
        repository = Path(made)
        git('init', '--quiet', f'--initial-branch={RELEASED}', folder=repository)
        archive = repository / '.git' / 'released.zip'
        git('archive', '--format=zip', f'--output={archive}', released, *CONTENT, folder=folder)
        shutil.unpack_archive(archive, repository)
        commit(repository, RELEASED)
        git('switch', '--quiet', '--create=candidate', folder=repository)
        for name in CONTENT:
            shutil.rmtree(repository / name)
        copy(files_of(*CONTENT, *SETTINGS, folder=folder), folder, repository)
        commit(repository, 'candidate')
        git('remote', 'add', 'origin', '.', folder=repository)
        git('update-ref', f'refs/remotes/origin/{RELEASED}', RELEASED, folder=repository)
        yield repository


def copy(files: list[Path], source: Path, target: Path) -> None:
    """Copy files, with their folders."""
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)


def commit(repository: Path, message: str) -> None:
    """Commit all that is in the folder."""
    git('add', '--all', '--force', folder=repository)
    git('commit', '--quiet', '--no-verify', '--allow-empty', f'--message={message}', folder=repository, **_AUTHOR)
