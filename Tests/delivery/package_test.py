"""``make package``: a whole pack for every marketplace, the same bytes whenever and wherever it is built."""

import json
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from delivery import package
from delivery.commands import ROOT, git

MARKETPLACES = package.metadata()['marketplaces']
INTEGRATION = 'Integrations/integration-O365OutlookMailSingleUser.yml'
PARTS = {'Classifiers', 'Integrations', 'Playbooks', 'doc_files', 'README.md', 'metadata.json', 'pack_metadata.json'}
WITH_WIDGETS = {'xsoar', 'xsoar_saas', 'xsoar_on_prem'}  # Cortex XSIAM and the platform have no widgets of this kind


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> 'dict[str, Path]':
    """Return the zip for each marketplace, that for xsoar_on_prem from another process in another place."""
    folder = tmp_path_factory.mktemp('build')
    zips = {}
    with pytest.MonkeyPatch.context() as patch:
        for marketplace in MARKETPLACES:
            if marketplace == 'xsoar_on_prem':
                patch.setenv('PYTHONHASHSEED', '7')
                patch.setenv('TZ', 'Asia/Tokyo')
            zips[marketplace] = package.build(marketplace, folder)
            patch.undo()
    return zips


def test_the_pack_is_for_every_marketplace_of_xsoar() -> None:
    assert MARKETPLACES == ['xsoar', 'xsoar_saas', 'xsoar_on_prem', 'marketplacev2', 'platform']


@pytest.mark.nightly
@pytest.mark.parametrize('marketplace', MARKETPLACES)
def test_the_zip_for_a_marketplace_holds_the_whole_pack(built, marketplace: str) -> None:
    with zipfile.ZipFile(built[marketplace]) as archive:
        assert {name.partition('/')[0] for name in archive.namelist()} == PARTS | (
            {'Widgets'} if marketplace in WITH_WIDGETS else set()
        )
        integration = YAML(typ='safe').load(archive.read(INTEGRATION))
    assert integration['provider'] == 'Microsoft'
    assert 'def main(' in integration['script']['script']
    compile(integration['script']['script'], INTEGRATION, 'exec')
    quick_actions = {one['prettyname'] for one in integration['script']['commands'] if one.get('quickaction')}
    assert quick_actions == ({'Block Sender', 'Delete Email'} if marketplace == 'platform' else set())


@pytest.mark.nightly
def test_the_same_commit_gives_the_same_bytes(built) -> None:
    """The content for xsoar_on_prem is that for xsoar."""
    assert built['xsoar_on_prem'].read_bytes() == built['xsoar'].read_bytes()


@pytest.mark.nightly
def test_time_commit_and_tags_are_those_of_the_commit(built) -> None:
    when = package.committed_at()
    with zipfile.ZipFile(built['platform']) as archive:
        assert {entry.date_time[:5] for entry in archive.infolist()} == {when.timetuple()[:5]}
        metadata = json.loads(archive.read('metadata.json'))
    assert metadata['updated'] == f'{when:%Y-%m-%dT%H:%M:%SZ}'
    assert metadata['tags'] == sorted(metadata['tags'])
    assert 'New' not in metadata['tags']
    assert metadata['commit'] == git('rev-parse', 'HEAD', folder=ROOT)


def test_the_time_can_be_set_from_outside(monkeypatch) -> None:
    monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
    assert package.committed_at().isoformat() == '2023-11-14T22:13:20+00:00'


def test_another_marketplace_is_refused_with_the_names_to_choose_from(capsys) -> None:
    assert package.main(['xpanse']) == 1
    assert 'Choose xsoar, xsoar_saas, xsoar_on_prem, marketplacev2, platform or all.' in capsys.readouterr().err
