"""``make pins``: everything is pinned, with hashes, and the page says truly what keeps a package from its newest release."""

import re
from importlib.metadata import version

import pytest

from delivery import pins
from delivery.commands import ROOT

SOURCE = (ROOT / pins.SOURCE).read_text(encoding='utf-8')
PINS = (ROOT / pins.PINS).read_text(encoding='utf-8')
ROWS = re.findall(
    r'^\| ([a-z][\w.-]*) \| (\S+) \| (\S+) \| (.*) \|$', (ROOT / pins.PAGE).read_text(encoding='utf-8'), re.MULTILINE
)


def test_every_package_has_one_version_and_hashes() -> None:
    blocks = re.split(r'^(?=[\w.-]+(?:\[|==))', PINS, flags=re.MULTILINE)[1:]
    assert len(blocks) > 200
    assert [block.partition(' ')[0] for block in blocks if not re.search(r'--hash=sha256:[0-9a-f]{64}', block)] == []
    assert [block.partition(' ')[0] for block in blocks if '==' not in block.partition(' ')[0]] == []


def test_what_the_project_names_is_pinned_in_the_version_that_it_names() -> None:
    named = re.findall(r'^([\w.-]+)(?:==(\S+))?$', SOURCE, re.MULTILINE)
    resolved = pins.pinned(PINS)
    assert {name for name, _ in named if pins.canonicalize_name(name) not in resolved} == set()
    assert {name: resolved[pins.canonicalize_name(name)] for name, wanted in named if wanted} == {
        name: wanted for name, wanted in named if wanted
    }


def test_the_environment_is_the_pinned_one() -> None:
    assert version('demisto-sdk') == pins.pinned(PINS)['demisto-sdk']
    assert version('tomlkit') == pins.pinned(PINS)['tomlkit']


@pytest.mark.parametrize('name, pinned, newest, kept_by', ROWS)
def test_a_package_that_is_not_the_newest_is_kept_by_what_the_page_says(name, pinned, newest, kept_by) -> None:
    assert pins.pinned(PINS)[name] == pinned
    assert kept_by == pins.keepers(name, newest, SOURCE)


def test_most_of_them_are_kept_by_demisto_sdk() -> None:
    assert sum('demisto-sdk (' in kept_by for *_, kept_by in ROWS) > len(ROWS) / 2


def test_the_page_lists_what_is_older_with_its_keeper() -> None:
    page = pins.page(
        'requests==2.34.2 \\\nclick==8.1.8 \\\nflask==3.1.3 \\\n', 'requests==3.0\nclick==8.5.1\nflask==3.1.3\n', SOURCE
    )
    assert re.findall(r'^\| (requests|click|flask) \|.*', page, re.MULTILINE) == ['click', 'requests']
    assert '| click | 8.1.8 | 8.5.1 | demisto-sdk (==8.1.8) |' in page
    assert '| requests | 2.34.2 | 3.0 | the Docker image of the integration' in page


def test_windows_has_no_pins() -> None:
    assert 'win32' not in PINS
    assert pins.pinned('a[b]==1.2 \\\n    --hash=sha256:0\nA==1.10 ; python_version < "3.11"\n') == {'a': '1.10'}
