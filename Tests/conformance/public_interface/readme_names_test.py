"""The READMEs of the shared scripts name what is there."""

import importlib
import re

import pytest

from conformance.unified.dependencies import unified_order
from conformance.unified.sources import SCRIPTS

FIRST_COLUMN = re.compile(r'^\| (`[^|]*?) \|', re.MULTILINE)

ORDER = unified_order()


def named(module: str) -> list[str]:
    """Return the names in backticks of the first column of a README's first table."""
    text = (SCRIPTS / module / 'README.md').read_text(encoding='utf-8')
    table = text.partition('\n| Name | ')[2].partition('\n\n')[0]
    return re.findall(r'`([\w.]+)`', ' '.join(FIRST_COLUMN.findall(table)))


@pytest.mark.parametrize('module', ORDER)
def test_every_name_of_a_readme_is_there(module: str) -> None:
    names = named(module)
    assert names, 'The README has no table of names.'
    for name in names:
        found = importlib.import_module(module)
        for part in name.split('.'):
            found = getattr(found, part)


def test_every_shared_script_has_a_line_in_the_readme_of_the_pack() -> None:
    text = (SCRIPTS.parent / 'README.md').read_text(encoding='utf-8')
    assert re.findall(r'^\| (\w+ApiModule) \|', text, re.MULTILINE) == ORDER
