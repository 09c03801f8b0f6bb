"""``make release``: what is released is complete, tagged, and the same bytes each time it is built."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from delivery import release
from delivery.baseline import commit
from delivery.commands import git
from delivery.package import PACK, metadata

CHANGELOG = '# Changelog\n\n## [1.0.1] - 2026-12-02\n\n### Fixed\n\n- A bug.\n\n## [1.0.0] - 2026-12-01\n\n- The first version.\n'
SHARED = Path('Packs/ApiModules/Scripts/MicrosoftApiModule/MicrosoftApiModule.py')
CODE = PACK / 'Integrations' / PACK.name / f'{PACK.name}.py'


@pytest.fixture
def unreleased(repository: Path) -> Path:
    """Return a repository that is ready for its first release, for two marketplaces only."""
    described = repository / PACK / 'pack_metadata.json'
    described.write_text(json.dumps({**json.loads(described.read_text(encoding='utf-8')), 'marketplaces': ['xsoar', 'platform']}))
    git('tag', '--delete', 'v1.0.0', folder=repository)
    (repository / '.gitignore').write_text('build/\n')
    (repository / 'CHANGELOG.md').write_text(CHANGELOG)
    commit(repository, 'Ready')
    return repository


def files(repository: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (repository / 'build' / 'release').iterdir()}


@pytest.mark.nightly
def test_a_release_is_tagged_complete_and_the_same_bytes_each_time(unreleased: Path) -> None:
    assert release.main([], unreleased) == 0
    first = files(unreleased)
    packages = {f'{PACK.name}-1.0.0-{marketplace}.zip' for marketplace in ('xsoar', 'platform')}
    assert set(first) == packages | {'SHA256SUMS', 'notes.md', 'sbom.cdx.json'}
    for line in first['SHA256SUMS'].decode().splitlines():
        digest, name = line.split('  ')
        assert hashlib.sha256(first[name]).hexdigest() == digest
    assert (
        git('tag', '--list', '--format=%(objecttype) %(contents)', folder=unreleased)
        == 'tag Version 1.0.0\n\n- The first version.'
    )
    assert first['notes.md'] == b'- The first version.\n'
    holds_the_bill(first['sbom.cdx.json'].decode(), hashlib.sha256(first[f'{PACK.name}-1.0.0-xsoar.zip']).hexdigest())
    assert release.main([], unreleased) == 0
    assert files(unreleased) == first


def holds_the_bill(text: str, digest: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    assert bill['metadata']['component']['hashes'] == [{'alg': 'SHA-256', 'content': digest}]
    kinds = {component['name']: component['type'] for component in bill['components']}
    assert kinds['demisto/crypto'] == 'container'
    assert {'cryptography', 'pyjwt', 'requests'} <= {name for name, kind in kinds.items() if kind == 'library'}
    assert {SHARED.as_posix(), CODE.as_posix()} <= {name for name, kind in kinds.items() if kind == 'file'}


@pytest.mark.parametrize(
    'name, content, said',
    [
        ('new.txt', 'x', 'not committed'),
        ('CHANGELOG.md', '# Changelog\n', r'Write: ## \[1\.0\.0\] - 20'),
        ('CHANGELOG.md', '# Changelog\n\n## [1.0.0] - Unreleased\n\n- All.\n', r'has no section with a date .* Write: '),
        (f'{PACK}/pack_metadata.json', '"currentVersion": "1.0.1"', '1_0_1.md is missing or not filled in'),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_tagged(unreleased: Path, capsys, name: str, content: str, said: str) -> None:
    path = unreleased / name
    if content.startswith('"currentVersion"'):
        content = re.sub(r'"currentVersion": "[\d.]+"', content, path.read_text(encoding='utf-8'))
    path.write_text(content)
    if name != 'new.txt':
        commit(unreleased, 'Change')
    assert release.main([], unreleased) == 1
    assert re.search(said, capsys.readouterr().err)
    assert git('tag', folder=unreleased) == ''


@pytest.mark.nightly
def test_the_next_version_has_notes_to_fill_in(repository: Path, capsys) -> None:
    """Also when nothing of the integration changed but a shared script, which demisto-sdk does not notice."""
    (repository / 'CHANGELOG.md').write_text(CHANGELOG)
    (repository / SHARED).write_text((repository / SHARED).read_text(encoding='utf-8') + '\nCHANGED = True\n')
    commit(repository, 'Change')
    assert release.main([], repository) == 1
    assert 'v1.0.0 is released already' in capsys.readouterr().err

    assert release.main(['notes', 'minor'], repository) == 0
    notes = repository / PACK / 'ReleaseNotes' / '1_1_0.md'
    assert metadata(repository)['currentVersion'] == '1.1.0'
    assert '##### O365 Outlook Mail Single User' in notes.read_text()
    commit(repository, 'Begin')
    assert release.main([], repository) == 1
    assert '1_1_0.md is missing or not filled in' in capsys.readouterr().err

    notes.write_text('#### Integrations\n\n##### O365 Outlook Mail Single User\n\n- Fixed a bug.\n')
    commit(repository, 'Fill in')
    assert release.main([], repository) == 1
    assert 'Write: ## [1.1.0]' in capsys.readouterr().err


def test_the_first_version_has_no_release_notes(unreleased: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(release, 'newest_release', lambda _folder: 'b545205')
    assert release.main(['notes'], unreleased) == 1
    assert 'Run make release.' in capsys.readouterr().err


def test_another_kind_of_update_is_refused(repository: Path, capsys) -> None:
    assert release.main(['notes', 'huge'], repository) == 1
    assert 'Choose revision, minor, major.' in capsys.readouterr().err
