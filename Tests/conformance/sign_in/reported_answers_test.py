"""Answers that real services were reported to give, which their documentation does not mention."""

import pytest

from conformance.sign_in.rows import CORTEX_APP, Call, MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.workbench import Workbench

# region Cortex XSOAR app


@pytest.mark.parametrize('status', [200, 201, 202, 226])
def test_each_next_token_of_the_cortex_app_is_kept_whatever_the_status_of_success(workbench: Workbench, status: int) -> None:
    calls = (Call(refresh_token='new'), Call(later=3600, refresh_token='new'), Call(later=3600, refresh_token='new'))
    run(workbench, MessageRow('cold', CORTEX_APP, calls, directory={'token_service_status': status}))


# endregion
