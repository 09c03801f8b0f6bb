"""The README of this folder says what each report is about and where it is tested."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def test_every_report_is_in_the_table_with_the_files_that_test_it() -> None:
    rows = re.findall(r'^\| ([SM]\d+) \| .+ \| (.+) \|$', (FOLDER / 'README.md').read_text(encoding='utf-8'), re.MULTILINE)
    tested: dict[str, set[str]] = {}
    for path in FOLDER.glob('*_test.py'):
        for report in re.findall(r"field_report\(\s*'([SM]\d+)'", path.read_text(encoding='utf-8')):
            tested.setdefault(report, set()).add(path.name)
    assert {report: set(re.findall(r'`(\w+\.py)`', files)) for report, files in rows} == tested
