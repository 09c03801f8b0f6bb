"""A token is used while it is valid, refreshed when it is due, and used in an outage."""

import pytest

from conformance.sign_in.lifetime_table import ROWS
from conformance.sign_in.rows import MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.workbench import Workbench


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_the_token_is_used_while_it_is_valid(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)
