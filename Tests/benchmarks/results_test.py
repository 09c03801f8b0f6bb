"""The page of figures and its plots."""

from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import results
from benchmarks.effort import Effort
from benchmarks.row import Row, at_least, at_most, compared, plain

EFFORT = Effort(times=5, sizes=(10, 100))
WHEN = datetime(2026, 2, 3, 4, 5, tzinfo=timezone.utc)
FETCHES = [
    *compared([plain('Fetch of 50 messages: reference', 6, 's', '107 requests'), plain('Fetch of 50 messages: own', 1.5, 's')]),
    at_least('Fetch of 50 messages: times faster', 4, 8, ''),
]
SIZES = [
    plain('Fetch of 10 messages', 0.8, 's'),
    plain('Fetch of 100 messages', 2, 's'),
    at_most('Cost of a message', 0.25, 1.25, ''),
]


def test_page_has_a_line_for_each_row() -> None:
    lines = results.page([*FETCHES, *SIZES], 'Linux, 2 cores', WHEN, EFFORT).splitlines()
    assert '| Fetch of 50 messages: reference | 6.00 s |  |  |  | 107 requests |' in lines
    assert '| Fetch of 50 messages: own | 1.50 s | 0.25 |  |  |  |' in lines
    assert len([line for line in lines if line.startswith('| ')]) == 2 + len(FETCHES) + len(SIZES)


def test_page_says_what_was_missed() -> None:
    text = results.page([*FETCHES, *SIZES], 'Linux, 2 cores', WHEN, EFFORT)
    assert '| Fetch of 50 messages: times faster | 4.00 |  | at least 8 | **missed** |  |' in text
    assert 'Goals: 1 met, 1 missed.' in text


def test_page_says_when_and_where_it_was_measured() -> None:
    text = results.page(FETCHES, 'Linux, 2 cores', WHEN, EFFORT)
    assert 'on 2026-02-03 at 04:05 UTC; Linux, 2 cores.' in text
    assert 'of 5 runs where one takes seconds' in text


def test_sign_of_the_table_inside_a_cell_is_escaped() -> None:
    assert r'a \| b' in results.markdown_table([Row('a | b', '1')])


def test_page_and_plots_are_written_side_by_side(tmp_path: Path) -> None:
    results.write(tmp_path, {results.FETCH: FETCHES, results.SIZES: SIZES}, EFFORT)
    page = (tmp_path / 'results.md').read_text()
    plots = [path for path in sorted(tmp_path.iterdir()) if path.suffix == '.svg']
    assert len(plots) == 2
    for plot in plots:
        assert f']({plot.name})' in page
        assert ElementTree.parse(plot).getroot().tag == '{http://www.w3.org/2000/svg}svg'  # noqa: S314 - written above


def test_plot_of_a_fetch_shows_each_way_and_not_the_goals(tmp_path: Path) -> None:
    results.write(tmp_path, {results.FETCH: FETCHES, results.SIZES: SIZES}, EFFORT)
    drawn = (tmp_path / results.BARS).read_text()
    assert all(text in drawn for text in ('reference', 'own', '6.00 s', '1.50 s'))
    assert 'times faster' not in drawn
