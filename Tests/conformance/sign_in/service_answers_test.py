"""Every answer of a service brings a token, after a wait, or an error that says what to do."""

import pytest

from conformance.sign_in.rows import HOSTS, MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.service_answers_table import NO_ANSWER, PASSING, ROWS
from conformance.sign_in.world import World

PASSING_AT_A_HOST = [row for row in (*PASSING, *NO_ANSWER) if row.method in HOSTS]


@pytest.mark.parametrize('row', [row for row in ROWS if row not in PASSING_AT_A_HOST], ids=str)
def test_the_answer_is_dealt_with(world: World, row: MessageRow) -> None:
    run(world, row)


@pytest.mark.parametrize('row', PASSING_AT_A_HOST, ids=str)
def test_the_metadata_service_is_asked_again_while_it_fails(world: World, row: MessageRow) -> None:
    run(world, row)
