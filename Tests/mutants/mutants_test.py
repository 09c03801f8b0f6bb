"""`make mutants`: which faults it makes, and what it says of them."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from mutants.__main__ import choose
from mutants.mutations import mutations
from sandbox.tests.machine import limit

TESTS = Path(__file__).parents[1]
CODE = '''
def is_free(age, day='Monday'):
    """Return whether a visitor of that age pays nothing."""
    if age < 0:
        raise ValueError('no age')
    return age < 6
'''
TEST = """
import pytest
from museum import is_free

def test_children():
    assert is_free(5) is True
    assert is_free(6) is False
    assert is_free(0) is True

def test_nonsense():
    with pytest.raises(ValueError, match='no age$'):
        is_free(-1)
"""


@pytest.mark.parametrize(
    'code, faults',
    [
        ('a < b', ['(a >= b)']),
        ('a in b', ['(a not in b)']),
        ('a == b is c', []),
        ('a and b', ['(a or b)']),
        ('a + b', ['(a - b)']),
        ('x = 3', ['x = 4']),
        ('x = True', ['x = False']),
        ("x = 'é', 'ü'", ["x = 'é?', 'ü'", "x = 'é', 'ü?'"]),
        ('if a:\n    b', ['if (not a):\n    b']),
        ('x = a if b else c', ['x = a if (not b) else c']),
        ('def f():\n    return a', ['def f():\n    return None']),
        ('def f():\n    return None', []),
        ('f(a)', ['None']),
        ('raise E()', ['pass']),
        ("demisto.debug('x')", ["demisto.debug('x?')"]),
        ('"""Text."""', []),
        ("f'{a < b}'", []),
        ("def f(a: 'A') -> 'B':\n    pass", []),
        ("if __name__ in ('__main__',):\n    f()", []),
    ],
)
def test_faults_of_a_source(code: str, faults: list[str]) -> None:
    source = code.encode()
    broken = [one.applied(source).decode() for one in mutations(source)]
    assert broken == faults
    for one in broken:
        compile(one, 'broken', 'exec')


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one module whose tests find all but one fault: nobody looks at the day."""
    folder = tmp_path / 'Packs' / 'Museum'
    folder.mkdir(parents=True)
    (folder / 'museum.py').write_text(CODE)
    (folder / 'museum_test.py').write_text(TEST)
    (tmp_path / 'pyproject.toml').write_text(
        '[tool.pytest.ini_options]\npython_files = ["*_test.py"]\npythonpath = ["Packs/Museum"]'
    )
    return tmp_path


def run(repository: Path, *arguments: str) -> 'subprocess.CompletedProcess[str]':
    command = [sys.executable, '-m', 'mutants', '--root', str(repository), *arguments]
    return subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False, timeout=limit(60))


def test_survivors_are_shown_and_fail_the_run(repository: Path) -> None:
    before = (repository / 'Packs/Museum/museum.py').read_text()
    done = run(repository, '--number', '99')
    rows = [(line[5:13], line[23:]) for line in done.stdout.splitlines() if 'museum.py:' in line]
    assert sorted(row[0] for row in rows) == ['SURVIVED', 'caught  ', 'caught  ', 'caught  '], done.stdout
    assert [row[1] for row in rows if row[0] == 'SURVIVED'] == ["museum.py:2 constant changed: 'Monday?'"]
    assert done.stdout.splitlines()[-1] == '3 of 4 mutants were caught; the goal is 4.'
    assert done.returncode == 1
    assert (repository / 'Packs/Museum/museum.py').read_text() == before


def test_the_unit_tests_of_other_scripts_are_run_too(repository: Path) -> None:
    other = repository / 'Packs' / 'Zoo'
    other.mkdir()
    (repository / 'Packs' / 'Museum' / 'museum_test.py').rename(other / 'museum_test.py')
    done = run(repository, '--number', '99')
    assert done.stdout.splitlines()[-1] == '3 of 4 mutants were caught; the goal is 4.', done.stdout


def test_a_seed_takes_the_same_lines_and_faults_again(repository: Path) -> None:
    chosen = [[str(one) for one in choose(repository, 3, random.Random(seed))] for seed in (1, 1, 2)]  # noqa: S311
    assert chosen[0] == chosen[1] != chosen[2]
    assert len({one.split()[0] for one in chosen[0]}) == 3, 'one fault for each line'


def test_red_tests_are_refused(repository: Path) -> None:
    (repository / 'Packs/Museum/other_test.py').write_text('def test_red(): assert False')
    done = run(repository)
    assert done.returncode == 2
    assert done.stderr == 'mutants: other_test.py::test_red fails without any mutant. Make the tests pass first.\n'
