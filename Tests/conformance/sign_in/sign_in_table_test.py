"""The table as a whole: it holds every case of the specification, and every way to sign in."""

from collections import Counter

from conformance.sign_in import (
    advice_table,
    changed_settings_table,
    environment_table,
    lifetime_table,
    pasted_input_table,
    service_answers_table,
    sharing_table,
)
from conformance.sign_in.rows import ALL_WAYS, CASES, PASTED_CASES

TABLES = (
    advice_table,
    changed_settings_table,
    environment_table,
    lifetime_table,
    pasted_input_table,
    service_answers_table,
    sharing_table,
)
ROWS = [row for table in TABLES for row in table.ROWS]


def test_no_row_is_there_twice() -> None:
    names = Counter((type(row).__name__, str(row)) for row in ROWS)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_case_of_the_specification_is_there() -> None:
    assert set(CASES) | set(PASTED_CASES) == {row.case for row in ROWS}


def test_every_way_to_sign_in_is_there() -> None:
    assert set(ALL_WAYS) == {row.way for row in ROWS if hasattr(row, 'way')}


def test_every_way_meets_a_cold_a_warm_and_an_expired_token_and_one_that_ages() -> None:
    for case in ('cold', 'warm', 'expired', 'aging'):
        ways = {row.way for row in ROWS if row.case == case and hasattr(row, 'way')}
        assert ways == set(ALL_WAYS), case
