"""Rows that fall short and are known: docs/reliability.md counts them. A row of another kind fails the tests."""

import re
from typing import NamedTuple

from conformance.faults.table import Row


class Known(NamedTuple):
    """A kind of rows, by regular expressions for the scenario, the fault and the reason.

    Args:
        example: the scenario and the fault of such a row. Once it does not fall short any more, the entry has to go.
    """

    scenario: str
    fault: str
    why: str
    example: tuple[str, str]

    def matches(self, row: Row) -> bool:
        return bool(re.match(self.scenario, row.scenario) and re.match(self.fault, row.fault) and re.match(self.why, row.why))


KNOWN: tuple[Known, ...] = ()
