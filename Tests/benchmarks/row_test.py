"""The table of figures."""

from benchmarks.row import Row, at_least, at_most, compared, count, plain, table


def test_figure_up_to_its_goal_meets_it() -> None:
    assert [at_most('Signing', value, 5, 'ms').verdict for value in (4.9, 5, 5.1)] == ['met', 'met', 'missed']


def test_figure_from_its_goal_on_meets_it() -> None:
    assert [at_least('Times faster', value, 8, '').verdict for value in (7.9, 8, 8.1)] == ['missed', 'met', 'met']


def test_count_is_shown_whole() -> None:
    assert [(row.figure, row.verdict) for row in (count('Requests', 2, 1), count('Requests', 1, 1))] == [
        ('2', 'missed'),
        ('1', 'met'),
    ]


def test_figure_without_goal_has_no_verdict() -> None:
    assert Row('Signing', '5 ms').verdict == plain('Signing', 5, 'ms').verdict == ''


def test_each_compared_row_has_its_ratio_to_the_row_above() -> None:
    rows = compared([plain('The limit', 2, 'ms'), at_most('This module', 3, 4, 'ms'), plain('Another', 1.5, 'ms')])
    assert [row.ratio for row in rows] == ['', '1.50', '0.50']
    assert [row.verdict for row in rows] == ['', 'met', '']


def test_table_aligns_its_columns() -> None:
    lines = table([at_most('Signing', 4.9, 5, 'ms', 'once'), at_most('Importing and signing', 40, 15, '')]).splitlines()
    assert lines[2].split() == ['Signing', '4.90', 'ms', '5', 'ms', 'met', 'once']
    assert lines[0].index('Figure') == lines[2].index('4.90') == lines[3].index('40.00')
