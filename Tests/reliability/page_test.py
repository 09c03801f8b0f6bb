"""The page says what a run wrote, and nothing else."""

import json
from pathlib import Path

from reliability.page import page, read


def row(scenario: str, outcome: str, seconds: float = 1, fault: str = 'reset', why: str = '') -> dict[str, object]:
    return {'scenario': scenario, 'request': '1', 'fault': fault, 'outcome': outcome, 'why': why, 'seconds': seconds}


def test_the_page_has_the_figures_of_the_run(tmp_path: Path) -> None:
    rows = [
        row('Client secret: token', 'handled', 12),
        row('Client secret: token', 'rejected cleanly', 3, 'killed before the request'),
        row('send-mail', 'fell short', 250, 'silent', 'success, but it was not done'),
        row('fetch, first run', 'rejected cleanly', 99),
    ]
    (tmp_path / 'faults-a.json').write_text(json.dumps({'scenario': 'a', 'sample': 4, 'memory': 12.4, 'rows': rows}))
    (tmp_path / 'fuzz-a.json').write_text(json.dumps({'name': 'a', 'examples': 77}))
    (tmp_path / 'canaries-a.json').write_text('5')
    (tmp_path / 'breach-a.json').write_text('"availability"')
    (tmp_path / 'memory-a.json').write_text(json.dumps({'name': 'a gzip bomb', 'memory': 129.7}))
    text = page(read(tmp_path))
    assert '| a gzip bomb | 130 MB |' in text
    assert 'One of 4 rows was run' in text
    assert '| Sign-in | 2 | 1 | 1 | 0 |' in text
    assert '| **all** | 4 | 1 | 2 | 1 |' in text
    assert '| Commands | send-mail | silent | 250 s |' in text
    assert '| Commands | success | 1 |' in text
    assert '1 of 1' in text
    assert 'the rules detected: availability | 1 |' in text
    assert '| 77 |' in text
    assert '| 12 MB |' in text


def test_a_run_in_which_nothing_fell_short_says_so(tmp_path: Path) -> None:
    (tmp_path / 'faults-a.json').write_text(
        json.dumps({'scenario': 'a', 'sample': 4, 'memory': 0, 'rows': [row('send-mail', 'handled')]})
    )
    assert '## Rows that fell short\n\nNone.' in page(read(tmp_path))
