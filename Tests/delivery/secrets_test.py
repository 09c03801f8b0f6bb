"""``make secrets``: a secret in the packs is found, a name is not, and everything that is ignored has a reason."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from delivery import secrets
from delivery.commands import ROOT, git
from demo.upload import EXAMPLES, example_names

SECRETS = [
    'Xy9~Q7fTz2LmR.c0VbN4kPw8HsJd-1Ge6A',
    'eyJhbGciOiJSUzI1NiIsImtpZCI6IjFMVE16YWtpaGlSbGFfOHoyQkVKVlhlV01xbyJ9.eyJhdWQiOiJhcGkifQ',
    'AKIAIOSFODNN7ZQ4XWPL2',
    '198.18.204.11',
    'https://tenant.internal.company.net',
    'jane.doe@company.net',
]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Return the folder of a script in a pack of a repository of its own."""
    folder = tmp_path / 'Packs' / 'Probe' / 'Scripts' / 'Probe'
    folder.mkdir(parents=True)
    git('init', '--quiet', folder=tmp_path)
    return folder


def test_secrets_are_found_with_their_line_and_names_are_not(pack: Path, tmp_path: Path, capsys) -> None:
    lines = [f'x = {secret}' for secret in SECRETS]
    names = [
        'MicrosoftGraphMailSendCommandsApiModule',
        'outputs_prefix="MSGraphMail.MovedEmails",',
        'https://a/token',
        'http://b',
    ]
    (pack / 'Probe.py').write_text('\n'.join(lines + names))
    assert secrets.main(tmp_path) == 1
    said = capsys.readouterr().out
    for number, secret in enumerate(SECRETS, 1):
        assert f'Packs/Probe/Scripts/Probe/Probe.py:{number}: {secret}' in said
    assert 'Probe.py:7' not in said
    assert '.secrets-ignore' in said.splitlines()[-1]


@pytest.mark.nightly
def test_what_the_pack_ignores_is_not_reported(pack: Path, tmp_path: Path, capsys) -> None:
    (pack / 'Probe.py').write_text(f'x = {SECRETS[0]}')
    (tmp_path / 'Packs' / 'Probe' / '.secrets-ignore').write_text(f'# the example of the README\n{SECRETS[0]}\n')
    assert secrets.main(tmp_path) == 0
    assert 'none in 2 files' in capsys.readouterr().out


@pytest.mark.nightly
def test_copies_of_the_examples_have_no_secrets(tmp_path: Path, capsys) -> None:
    for name in example_names():
        shutil.copytree(EXAMPLES / name, tmp_path / 'Packs' / name, ignore=shutil.ignore_patterns('__pycache__'))
    git('init', '--quiet', folder=tmp_path)
    assert secrets.main(tmp_path) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    'path',
    sorted([*ROOT.glob('Packs/*/.secrets-ignore'), *EXAMPLES.glob('*/.secrets-ignore')]),
    ids=lambda path: path.parent.name,
)
def test_everything_ignored_stands_below_its_reason(path: Path) -> None:
    lines = path.read_text(encoding='utf-8').splitlines()
    assert lines[0].startswith('# ')
    assert [line for line in lines if not line.strip()] == []
    assert [line for line, after in pairwise(lines) if line.startswith('#') and after.startswith('#')] == []
