"""Instances, users, resources and processes that share something do not disturb each other."""

import pytest

from conformance.sign_in.sharing_table import ROWS, Scenario
from conformance.sign_in.workbench import Workbench


@pytest.mark.parametrize('row', ROWS, ids=str)
def test_they_do_not_disturb_each_other(workbench: Workbench, row: Scenario) -> None:
    row.run(workbench, row.method)
