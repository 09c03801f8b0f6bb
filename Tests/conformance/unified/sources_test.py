"""The sources can be unified into one script that runs in the container of the platform."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from conformance.unified.sources import (
    API_MODULES,
    COMMON_SERVER,
    MODULES,
    PACKS,
    PLATFORM,
    defined_names,
    imported_names,
    imported_packages,
    product_files,
)

# What the Docker image has, of all that could be imported.
THIRD_PARTY = {'requests', 'cryptography', 'jwt', 'dateparser', 'urllib3', 'bs4', 'defusedxml', 'yaml', 'pytz', 'dateutil'}
ALL_FILES = {'CommonServerPython': COMMON_SERVER, **MODULES}


def test_every_python_file_of_the_product_is_a_module() -> None:
    assert set(product_files()) == set(MODULES.values())


def test_no_two_files_define_the_same_name() -> None:
    counts = Counter(name for path in ALL_FILES.values() for name in defined_names(path))
    twice = {
        name: [file for file, path in ALL_FILES.items() if name in defined_names(path)]
        for name, count in counts.items()
        if count > 1
    }
    assert twice == {}


def test_an_imported_name_has_the_same_meaning_in_every_file() -> None:
    meanings: dict[str, set[str]] = {}
    for path in ALL_FILES.values():
        for name, meaning in imported_names(path).items():
            meanings.setdefault(name, set()).add(meaning)
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_no_file_defines_a_name_that_another_one_imports() -> None:
    imported = {name for path in ALL_FILES.values() for name in imported_names(path)}
    assert {file: defined_names(path) & imported for file, path in MODULES.items() if defined_names(path) & imported} == {}


@pytest.mark.parametrize('path', MODULES.values(), ids=MODULES)
def test_only_what_the_docker_image_has_is_imported(path: Path) -> None:
    assert imported_packages(path) <= sys.stdlib_module_names | THIRD_PARTY | {*PLATFORM, *API_MODULES}


@pytest.mark.parametrize('path', MODULES.values(), ids=MODULES)
def test_no_file_imports_from_future(path: Path) -> None:
    assert '__future__' not in imported_packages(path)


@pytest.mark.parametrize(
    'path',
    [
        path
        for path in sorted(PACKS.rglob('*'))
        if path.suffix in ('.py', '.yml', '.md', '.json') and not path.name.endswith('_test.py')
    ],
    ids=lambda path: path.name,
)
def test_the_product_does_not_mention_the_tests(path: Path) -> None:
    text = path.read_text(encoding='utf-8')
    assert 'Tests/' not in text
    assert path.suffix != '.py' or 'sandbox' not in text.lower()
