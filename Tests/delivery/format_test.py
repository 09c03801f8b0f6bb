"""``make format``: committed files are left as they are, and others become like them."""

import json
import shutil
from pathlib import Path

import pytest

from delivery import format as formatter
from delivery.commands import ROOT, git

CLASSIFIER = 'Packs/O365OutlookMailSingleUser/Classifiers/classifier-O365OutlookMailSingleUser.json'


@pytest.mark.nightly
def test_committed_files_are_left_as_they_are_and_others_become_like_them(repository: Path, capsys) -> None:
    shutil.copy(ROOT / 'pyproject.toml', repository)
    committed = (repository / CLASSIFIER).read_text(encoding='utf-8')
    (repository / CLASSIFIER).write_text(json.dumps({**json.loads(committed), 'version': 7}))
    (repository / 'Packs' / 'ApiModules' / 'new.py').write_text("x = [ 'a' ]\n")
    assert formatter.main(repository) == 0
    assert git('status', '--porcelain', folder=repository) == '?? Packs/ApiModules/new.py\n?? pyproject.toml'
    assert (repository / CLASSIFIER).read_text(encoding='utf-8') == committed
    assert capsys.readouterr().out.splitlines() == ['Packs/ApiModules/new.py', CLASSIFIER, 'format: 2 files changed']


def test_a_pack_without_an_oldest_version_is_named(repository: Path, capsys) -> None:
    metadata = repository / 'Packs/ApiModules/pack_metadata.json'
    metadata.write_text(metadata.read_text(encoding='utf-8').replace('serverMinVersion', 'minVersion'), encoding='utf-8')
    assert formatter.main(repository) == 1
    assert capsys.readouterr().err.startswith('format: Packs/ApiModules/pack_metadata.json has no serverMinVersion. Add ')
