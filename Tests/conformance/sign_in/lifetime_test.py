"""A token is used as long as it is good, renewed while it ages, and outlives an outage."""

import pytest

from conformance.sign_in.lifetime_table import ROWS
from conformance.sign_in.rows import MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.world import World


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_the_token_is_used_while_it_is_good(world: World, row: MessageRow) -> None:
    run(world, row)
