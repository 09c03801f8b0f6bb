"""A changed setting never uses an old token, and the old setting uses its token again."""

import pytest

from authentication_methods import METHODS_BY_NAME
from conformance.sign_in.changed_settings_table import ROWS, Changed
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import SAME_TOKEN, Call
from conformance.sign_in.running import make
from conformance.sign_in.workbench import Workbench
from MicrosoftTokenRequestApiModule import AccessToken


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_new_settings_sign_in_again_and_old_ones_use_their_token(workbench: Workbench, row: Changed) -> None:
    method = METHODS_BY_NAME[row.method]
    settings = keywords(row.method, workbench)
    first = workbench.ask(workbench.client(settings))
    assert isinstance(first, AccessToken)
    outcome = make(workbench, method, workbench.client({**settings, **row.change(workbench, settings)}), row.call)
    assert (outcome == first) == (row.call.outcome == SAME_TOKEN)
    make(workbench, method, workbench.client(settings), Call(SAME_TOKEN, requests=0))
