"""A changed setting never meets an old token, and the old setting finds its token again."""

import pytest

from authentication_methods import METHODS_BY_NAME
from conformance.sign_in.changed_settings_table import ROWS, Changed
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import SAME_TOKEN, Call
from conformance.sign_in.running import make
from conformance.sign_in.world import World
from MicrosoftCredentialsApiModule import AccessToken


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_new_settings_sign_in_anew_and_old_ones_find_their_token(world: World, row: Changed) -> None:
    method = METHODS_BY_NAME[row.method]
    settings = keywords(row.method, world)
    first = world.ask(world.client(settings))
    assert isinstance(first, AccessToken)
    outcome = make(world, method, world.client({**settings, **row.change(world, settings)}), row.call)
    assert outcome != first
    make(world, method, world.client(settings), Call(SAME_TOKEN, requests=0))
