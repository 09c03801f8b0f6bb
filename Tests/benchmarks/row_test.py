"""The table of figures."""
from benchmarks.row import Row, at_most, table


def test_figure_up_to_its_goal_meets_it() -> None:
    assert [at_most('Signing', value, 5, 'ms').verdict for value in (4.9, 5, 5.1)] == ['met', 'met', 'missed']


def test_figure_without_goal_has_no_verdict() -> None:
    assert Row('Signing', '5 ms').verdict == ''


def test_table_aligns_its_columns() -> None:
    lines = table([at_most('Signing', 4.9, 5, 'ms', 'once'), at_most('Importing and signing', 40, 15, '')]).splitlines()
    assert lines[2].split() == ['Signing', '4.90', 'ms', '5', 'ms', 'met', 'once']
    assert lines[0].index('Figure') == lines[2].index('4.90') == lines[3].index('40.00')
