"""Which checks of demisto-sdk are given something to check, and why the others are not.

demisto-sdk reports "passed" for a check that no file was given to. Here the items that each check of the SDK is given are counted
in a repository where each file was changed, added or moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from delivery import baseline
from delivery.baseline import CONTENT, SETTINGS, commit, copy
from delivery.commands import ROOT, call_in_sdk_process, files_of, git

CHANGES = ('changed', 'added', 'moved')


@dataclass
class Check:
    """The checks of the SDK that have one code.

    Attributes:
        kinds: names of the classes of content that they check.
        is_kind_here: whether the packs contain such content.
        in_all_files: number of items that a run on all files gives them.
        in_changes: number of items that a run on changes gives them, by kind of change.
    """

    code: str
    description: str
    kinds: list[str] = field(default_factory=list)
    is_kind_here: bool = False
    in_all_files: int = 0
    in_changes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANGES, 0))

    @property
    def section(self) -> str:
        """Return the section of `validation_config.toml` in which the code has an effect, or '' if in none."""
        if self.in_all_files:
            return 'path_based_validations'
        return 'use_git' if any(self.in_changes.values()) else ''


def sdk_checks(folder: Path = ROOT) -> list[Check]:
    """Return the checks of the SDK by code, with the number of items that each run gives them.

    Raises:
        DeliveryError: the SDK cannot read the packs.
    """
    with _every_change(folder) as repository:
        return [Check(**fields) for fields in call_in_sdk_process('delivery.checks', 'collect_checks', repository)]


def settings(folder: Path = ROOT) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the selected codes of each section, and the reason of each code that is left out on purpose."""
    read = baseline.settings(folder)
    selected = {section: read[section]['select'] for section in ('path_based_validations', 'use_git')}
    return selected, {code: reason for reason, codes in read['left_out'].items() for code in codes}


def table(folder: Path = ROOT) -> str:
    """Return a line for each check of the SDK: what it is given, or why nothing is."""
    selected, left_out = settings(folder)
    rows = []
    for check in sdk_checks(folder):
        here = [section for section, codes in selected.items() if check.code in codes]
        given = f'{check.in_all_files} items, {sum(check.in_changes.values())} changes'
        reason = left_out.get(check.code) or (given if check.section else f'no {" or ".join(check.kinds[:3])} here')
        rows.append(f'{check.code}  {"selected" if here else "-":9} {reason:60.60}  {check.description.strip():.80}')
    return '\n'.join(rows)


@contextmanager
def _every_change(folder: Path) -> Iterator[Path]:
    """Yield a repository in which, against `origin/<kind of change>`, every file has that kind of change."""
    with TemporaryDirectory(prefix='checks-') as made:
        repository = Path(made)
        git('init', '--quiet', '--initial-branch=base', folder=repository)
        git('remote', 'add', 'origin', '.', folder=repository)
        files = files_of(*CONTENT, *SETTINGS, folder=folder)
        packs = [name for name in files if name.parts[0] == 'Packs']
        _commit_as(repository, 'added', folder, [name for name in files if name not in packs])
        _commit_as(repository, 'changed', folder, files)
        for name in packs:
            if name.suffix in ('.yml', '.json', '.md'):
                (repository / name).write_text((repository / name).read_text(encoding='utf-8') + '\n', encoding='utf-8')
        _swap_packs(repository / 'Packs')
        _commit_as(repository, 'moved', folder, [])
        _swap_packs(repository / 'Packs')
        git('switch', '--quiet', '--create=candidate', folder=repository)
        commit(repository, 'candidate')
        yield repository


def _swap_packs(packs: Path) -> None:
    """Move the content of the first pack into the last one and the other way round. Their metadata stays."""
    names = sorted(packs.iterdir())
    first, last = names[0], names[-1]
    moves = [(kind, last / kind.name) for kind in first.iterdir()] + [(kind, first / kind.name) for kind in last.iterdir()]
    for kind, target in [(kind, target) for kind, target in moves if kind.is_dir()]:
        kind.rename(target)


def _commit_as(repository: Path, branch: str, folder: Path, files: list[Path]) -> None:
    copy(files, folder, repository)
    commit(repository, branch)
    git('update-ref', f'refs/remotes/origin/{branch}', 'HEAD', folder=repository)


def collect_checks() -> list[dict[str, Any]]:
    """Return the fields of each `Check`, by code, for the repository in the working folder."""
    from demisto_sdk.commands.common.constants import ExecutionMode
    from demisto_sdk.commands.validate.config_reader import ConfigReader
    from demisto_sdk.commands.validate.initializer import Initializer
    from demisto_sdk.commands.validate.validate_manager import get_all_validators

    config = ConfigReader(path=Path('validation_config.toml')).read()
    found: dict[str, Check] = {}
    for run_name in ('all', *CHANGES):
        mode = ExecutionMode.ALL_FILES if run_name == 'all' else ExecutionMode.USE_GIT
        # before the next run, which sets the status of the same objects
        items = Initializer(execution_mode=mode, prev_ver=run_name).gather_objects_to_run_on()[0]
        for validator in get_all_validators():
            kinds = validator.get_content_types()
            kinds = kinds if isinstance(kinds, tuple) else (kinds,)
            check = found.setdefault(validator.error_code, Check(validator.error_code, validator.description))
            check.kinds = sorted({kind.__name__ for kind in kinds} | set(check.kinds))
            check.is_kind_here |= any(isinstance(item, kinds) for item in items)
            given = sum(validator.should_run(item, config.ignorable_errors, config.support_level_dict, mode) for item in items)
            if run_name == 'all':
                check.in_all_files += given
            else:
                check.in_changes[run_name] += given
    return [asdict(found[code]) for code in sorted(found)]
