"""Every answer of a service brings a token, after a wait, or an error that says what to do."""
import pytest

from conformance.sign_in.rows import Row
from conformance.sign_in.running import run
from conformance.sign_in.service_answers_table import ROWS
from conformance.sign_in.world import World


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_the_answer_is_dealt_with(world: World, row: Row) -> None:
    run(world, row)
