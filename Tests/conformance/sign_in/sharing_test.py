"""Instances, users, resources and processes do not get into each other's way."""

import pytest

from conformance.sign_in.sharing_table import ROWS, Story
from conformance.sign_in.world import World


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_nobody_gets_into_the_way_of_another(world: World, row: Story) -> None:
    row.tell(world, row.method)
