"""``make validate``: every selected check checks something, and what users have is compared with what they will get."""

from pathlib import Path

import pytest

from delivery import checks, validate
from delivery.baseline import RELEASED, commit, comparison, last_release
from delivery.commands import git

YML = 'Packs/O365OutlookMailSingleUser/Integrations/O365OutlookMailSingleUser/O365OutlookMailSingleUser.yml'
SELECTED, LEFT_OUT = checks.settings()


@pytest.fixture(scope='module')
def sdk_checks() -> 'dict[str, checks.Check]':
    return {check.code: check for check in checks.sdk_checks()}


@pytest.mark.nightly
def test_a_selected_check_is_given_something_unless_its_kind_of_content_is_not_here(sdk_checks) -> None:
    for section, codes in SELECTED.items():
        for check in [sdk_checks[code] for code in codes]:
            assert check.section == section or not check.is_kind_here, check


@pytest.mark.nightly
def test_what_could_be_checked_is_checked_or_left_out_for_a_reason(sdk_checks) -> None:
    everything = {code for codes in SELECTED.values() for code in codes}
    assert {code for code, check in sdk_checks.items() if check.section} - everything == set(LEFT_OUT)
    assert not everything & set(LEFT_OUT)


@pytest.mark.nightly
def test_every_kind_of_change_gives_backward_compatibility_something(sdk_checks) -> None:
    assert sdk_checks['BC104'].in_changes == {'changed': 1, 'added': 0, 'moved': 1}
    assert sdk_checks['BA114'].in_changes['moved'] > sdk_checks['BA114'].in_changes['changed'] == 0
    assert sdk_checks['BA108'].in_changes['added'] > sdk_checks['BA108'].in_changes['changed'] == 0


@pytest.mark.nightly
def test_a_renamed_command_fails_although_it_is_consistent(repository: Path, capsys) -> None:
    for path in (repository / YML).parent.iterdir():
        if path.suffix in ('.yml', '.py', '.md', '.txt'):
            path.write_text(path.read_text(encoding='utf-8').replace('msgraph-mail-list-rules', 'msgraph-mail-show-rules'))
    commit(repository, 'Rename a command')
    assert validate.main([], repository) == 1
    said = capsys.readouterr().out
    assert 'validate: every file: passed' in said
    assert 'validate: the changes since v1.0.0: failed' in said
    assert 'BC104' in said
    assert 'msgraph-mail-list-rules' in said


def test_uncommitted_files_are_compared_and_packs_of_tests_are_not(repository: Path) -> None:
    (repository / 'Packs' / 'New').mkdir()
    (repository / 'Packs' / 'New' / 'README.md').write_text('new')
    elsewhere = repository / 'Tests' / 'sandbox' / 'Packs' / 'Probe' / 'README.md'
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text('not content')
    with comparison('v1.0.0', repository) as compared:
        changed = git('diff', '--name-status', f'origin/{RELEASED}', 'HEAD', folder=compared).split('\n')
    assert [line for line in changed if 'Packs' in line] == ['A\tPacks/New/README.md']


def test_the_release_to_compare_with_is_the_newest_before_the_present_state(repository: Path) -> None:
    commit(repository, 'Work')
    assert last_release(repository) == 'v1.0.0'
    git('tag', 'v1.1.0', folder=repository)
    git('tag', 'validated', folder=repository)
    assert last_release(repository) == 'v1.0.0'
    (repository / YML).write_text('changed')
    assert last_release(repository) == 'v1.1.0'


def test_a_clone_without_the_release_is_told_how_to_get_it(repository: Path, capsys) -> None:
    git('tag', '--delete', 'v1.0.0', folder=repository)
    assert validate.main([], repository) == 1
    assert 'git fetch --unshallow --tags' in capsys.readouterr().err
