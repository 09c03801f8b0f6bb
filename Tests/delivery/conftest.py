"""A repository that tests may change and release: the packs of this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.baseline import CONTENT, SETTINGS, commit, copy
from delivery.commands import ROOT, files_of, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with one commit, tagged v1.0.0, that holds the packs of this repository."""
    folder = tmp_path / 'repository'
    folder.mkdir()
    copy(files_of(*CONTENT, *SETTINGS), ROOT, folder)
    git('init', '--quiet', '--initial-branch=main', folder=folder)
    for name, value in (('user.name', 'Tests'), ('user.email', 'tests@localhost')):  # a machine may know nobody
        git('config', name, value, folder=folder)
    commit(folder, 'Release')
    git('tag', 'v1.0.0', folder=folder)
    return folder
