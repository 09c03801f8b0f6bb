"""``make docs``: the tables of a README are those of the yml, and what people wrote stays."""

import copy
from pathlib import Path

import pytest

from delivery import docs
from delivery.commands import ROOT, DeliveryError, git, program, run

INTEGRATION = ROOT / 'Packs/O365OutlookMailSingleUser/Integrations/O365OutlookMailSingleUser'
README = (INTEGRATION / 'README.md').read_text(encoding='utf-8')
YML = docs.described(INTEGRATION)


def test_the_readme_is_what_make_docs_writes() -> None:
    assert docs.renewed(README, YML) == README, 'The README is older than the yml: run make docs.'


@pytest.mark.parametrize('name', ['README.md', f'{INTEGRATION.name}_description.md'])
def test_documents_of_this_repository_are_links_once_its_address_is_known(name: str) -> None:
    text = (INTEGRATION / name).read_text(encoding='utf-8')
    guide = 'docs/microsoft-integrations-authentication.md'
    assert docs.linked(text, docs.repository_url(INTEGRATION)) == text, 'The url of the pack has changed: run make docs.'
    link = f'[`{guide}`](https://git.example/team/mail/blob/main/{guide})'
    known = docs.linked(text, 'https://git.example/team/mail')
    assert link in known
    assert (ROOT / guide).is_file()
    assert docs.linked(known, 'https://git.example/other') == docs.linked(text, 'https://git.example/other') != known
    assert docs.linked(known, '') == text


@pytest.mark.parametrize('name', ['README.md', f'{INTEGRATION.name}_description.md'])
def test_nothing_leads_to_the_documents_of_another_integration(name: str) -> None:
    assert 'xsoar.pan.dev' not in (INTEGRATION / name).read_text(encoding='utf-8')


def test_a_changed_yml_changes_its_row_and_nothing_else() -> None:
    changed = copy.deepcopy(YML)
    changed['script']['commands'][0]['arguments'] = [
        {'name': 'new', 'description': 'One | two <three>.', 'required': True, 'predefined': ['a', 'b'], 'defaultValue': 'a'},
        {'name': 'old', 'description': 'Gone.', 'deprecated': True},
    ]
    after, before = docs.renewed(README, changed).splitlines(), README.splitlines()
    new = [line for line in after if line not in before]
    assert new == ['| new | One \\| two &lt;three&gt;. Possible values are: a, b. Default is a. | Required |']
    assert [line for line in before if line not in after] == []


def test_a_new_command_is_added_without_an_example_and_a_removed_one_goes() -> None:
    changed = copy.deepcopy(YML)
    changed['script']['commands'][0]['name'] = 'msgraph-mail-new'
    after = docs.renewed(README, changed)
    assert '### msgraph-mail-new\n' in after
    assert '### msgraph-mail-auth-start\n' not in after
    assert after.count('#### Command example') == README.count('#### Command example') - 1


def test_a_readme_without_markers_is_told_which_to_add() -> None:
    with pytest.raises(DeliveryError, match='<!-- commands: written by make docs -->'):
        docs.renewed(README.replace('<!-- end of commands -->', ''), YML)


def test_a_readme_that_is_written_by_hand_alone_stays(repository: Path, capsys) -> None:
    readme = repository / INTEGRATION.relative_to(ROOT) / 'README.md'
    readme.write_text('By hand.\n', encoding='utf-8')
    assert docs.main(repository) == 0
    assert readme.read_text(encoding='utf-8') == 'By hand.\n'
    assert 'left alone, it has no markers' in capsys.readouterr().out


@pytest.mark.nightly
def test_generate_docs_of_the_sdk_leaves_the_readme_alone(repository: Path) -> None:
    (repository / 'build').mkdir()
    yml = (INTEGRATION / f'{INTEGRATION.name}.yml').relative_to(ROOT)
    done = run([program('demisto-sdk'), 'generate-docs', '-i', str(yml)], repository)
    assert done.returncode == 0, done.stdout
    assert '### msgraph-mail-auth-start' in (repository / 'build' / 'README.md').read_text(encoding='utf-8')
    assert git('status', '--porcelain', '--', 'Packs', folder=repository) == ''
