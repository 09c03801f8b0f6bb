"""A sign-in goes through the proxy where it shall and only there, trusts what the engine trusts, and does not wait for ever."""
import pytest

from conformance.sign_in.environment_table import ROWS
from conformance.sign_in.rows import Row
from conformance.sign_in.running import run
from conformance.sign_in.world import World


@pytest.mark.filterwarnings('ignore:Unverified HTTPS request')
@pytest.mark.parametrize('row', ROWS, ids=str)
def test_the_engine_is_taken_as_it_is(world: World, row: Row) -> None:
    run(world, row)
