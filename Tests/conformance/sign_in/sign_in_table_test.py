"""The tables contain every case and every authentication method."""

from collections import Counter

import MicrosoftCredentialsApiModule
from authentication_methods import METHODS
from conformance.sign_in import (
    advice_table,
    changed_settings_table,
    environment_table,
    lifetime_table,
    pasted_input_table,
    service_answers_table,
    sharing_table,
)
from conformance.sign_in.methods import KEYWORDS
from conformance.sign_in.rows import ALL_METHODS, CASES, CORTEX_APP, PASTED_CASES
from MicrosoftCredentialsApiModule import Credential

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


def test_no_row_is_duplicated() -> None:
    names = Counter((type(row).__name__, str(row)) for row in ROWS)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_case_has_a_row() -> None:
    assert set(CASES) | set(PASTED_CASES) == {row.case for row in ROWS}


def test_every_method_has_keywords() -> None:
    assert set(KEYWORDS) == set(METHODS)


def test_every_credential_of_the_product_has_a_method() -> None:
    """A class for a new method fails here until the registry has that method."""
    classes = [
        one for one in vars(MicrosoftCredentialsApiModule).values() if isinstance(one, type) and issubclass(one, Credential)
    ]
    final = {one.__name__ for one in classes if not any(other is not one and issubclass(other, one) for other in classes)}
    assert final == {method.credential for method in METHODS}


def test_every_method_has_a_row() -> None:
    assert set(ALL_METHODS) == {row.method for row in ROWS if hasattr(row, 'method')}


def test_every_method_has_rows_for_each_state_of_a_token() -> None:
    for case in ('cold', 'warm', 'expired', 'due'):
        methods = {row.method for row in ROWS if row.case == case and hasattr(row, 'method')}
        # a request that is given up would lose the next Token of the Cortex app: it is not refreshed early
        assert methods == set(ALL_METHODS) - ({CORTEX_APP} if case == 'due' else set()), case
