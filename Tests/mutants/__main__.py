"""Break random lines of Packs/, one at a time, and see whether the tests notice.

Each fault goes into a copy of the repository, never into the working tree. The tests next to the code run first; if they pass,
the other unit tests and the contract tests, those that name the script first. Exit status 0 when at least 95 of 100 faults were
caught, 1 when fewer were, 2 when nothing could be tried.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from mutants.mutations import Mutation, mutations

ROOT = Path(__file__).resolve().parents[2]
GOAL = 0.95
CONTRACT = 'Tests/conformance'
QUICK = 'not slow and not property'
NOT_COPIED = shutil.ignore_patterns('.git', '.venv', 'build', '__pycache__', '.*_cache', '.hypothesis', '.coverage*')


class Mutant(NamedTuple):
    """A fault in a file; the path is relative to the repository."""

    path: Path
    fault: Mutation

    def __str__(self) -> str:
        return f'{self.path.name}:{self.fault.line} {self.fault.kind}: {self.fault.text.splitlines()[0][:60]}'


class Tested(NamedTuple):
    """What became of a mutant: the test that failed, or 'survived'."""

    mutant: Mutant
    outcome: str
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog='make mutants', description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--seed', type=int, default=secrets.randbelow(10**6), help='takes the same lines again')
    parser.add_argument('--number', type=int, default=40, help='how many lines (default 40)')
    parser.add_argument('--root', type=Path, default=ROOT, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    print(f'{arguments.number} lines by seed {arguments.seed}. The same again: make mutants SEED={arguments.seed}', flush=True)
    chosen = choose(arguments.root, arguments.number, random.Random(arguments.seed))  # noqa: S311 - no secret
    with copies(arguments.root, os.cpu_count() or 1) as folders:
        started = time.monotonic()
        failed = failed_test(folders[0], ['Packs'], None) or failed_test(folders[0], [CONTRACT], None)
        if failed:
            print(f'mutants: {failed} fails without any mutant. Make the tests pass first.', file=sys.stderr)
            return 2
        return report(test_all(chosen, folders, 60 + 3 * (time.monotonic() - started)))


def choose(root: Path, number: int, chance: random.Random) -> list[Mutant]:
    """Return a random fault on each of that many random lines."""
    lines: dict[tuple[Path, int], list[Mutant]] = {}
    for file in sorted((root / 'Packs').rglob('*.py')):
        if not file.name.endswith('_test.py') and file.name != 'conftest.py':
            for fault in mutations(file.read_bytes()):
                lines.setdefault((file, fault.line), []).append(Mutant(file.relative_to(root), fault))
    return [chance.choice(lines[line]) for line in chance.sample(sorted(lines), min(number, len(lines)))]


@contextmanager
def copies(root: Path, number: int) -> Iterator[list[Path]]:
    """Give copies of the repository, to be broken."""
    with tempfile.TemporaryDirectory(prefix='mutants-') as folder:
        yield [Path(shutil.copytree(root, Path(folder, str(one)), ignore=NOT_COPIED)) for one in range(number)]


def test_all(mutants: list[Mutant], folders: list[Path], time_limit: float) -> Iterator[Tested]:
    """Test the mutants, as many at once as there are copies, and give what became of each, in their order."""
    free: SimpleQueue[Path] = SimpleQueue()
    for folder in folders:
        free.put(folder)

    def test(mutant: Mutant) -> Tested:
        folder = free.get()
        try:
            return tested(mutant, folder, time_limit)
        finally:
            free.put(folder)

    with ThreadPoolExecutor(len(folders)) as pool:
        yield from pool.map(test, mutants)


def tested(mutant: Mutant, folder: Path, time_limit: float) -> Tested:
    """Put a fault into a copy, run the tests, and take it out again."""
    file = folder / mutant.path
    source = file.read_bytes()
    started = time.monotonic()
    try:
        file.write_bytes(mutant.fault.applied(source))
        failed = failed_test(folder, [str(mutant.path.parent)], time_limit)
        failed = failed or failed_test(folder, other_tests(folder, mutant.path), time_limit)
    finally:
        file.write_bytes(source)
    return Tested(mutant, failed or 'survived', time.monotonic() - started)


def other_tests(folder: Path, script: Path) -> list[str]:
    """Return the files of tests that are not beside a script, those that name it first: they notice its faults soonest."""
    files = [file for place in ('Packs', CONTRACT) for file in sorted((folder / place).rglob('*_test.py'))]
    others = [file for file in files if file.parent != folder / script.parent]
    naming = {file for file in others if script.stem in file.read_text(encoding='utf-8')}
    return [str(file.relative_to(folder)) for file in sorted(others, key=lambda file: file not in naming)]


def failed_test(folder: Path, places: list[str], time_limit: float | None) -> str:
    """Return the name of the first test in these files and folders that fails, '' if none does."""
    if not any((folder / place).is_file() or any((folder / place).rglob('*_test.py')) for place in places):
        return ''
    environment = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'}
    command = [sys.executable, '-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider', '-m', QUICK, *places]
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=time_limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f'no end within {time_limit:.0f} s'
    found = re.search(r'^(?:FAILED|ERROR) (?:.*/)?(\S+)', output, re.MULTILINE)
    if process.returncode and not found:
        return 'pytest itself failed'
    return found[1] if found else ''


def report(tests: Iterator[Tested]) -> int:
    """Print a row for each mutant as it comes, and what came of all."""
    outcomes = []
    for mutant, outcome, seconds in tests:
        outcomes.append(outcome)
        print(f'{len(outcomes):3}  {"SURVIVED" if outcome == "survived" else "caught  "}  {seconds:4.0f} s  {mutant}', flush=True)
        if outcome != 'survived':
            print(f'                        by {outcome}')
    caught = len(outcomes) - outcomes.count('survived')
    print(f'{caught} of {len(outcomes)} mutants were caught; the goal is {GOAL * len(outcomes):.0f}.')
    return int(caught < GOAL * len(outcomes))


if __name__ == '__main__':
    sys.exit(main())
