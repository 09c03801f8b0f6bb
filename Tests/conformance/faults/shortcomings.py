"""Rows that fall short and are known: docs/reliability.md counts them. A row of another kind fails the tests."""

import re
from typing import NamedTuple

from conformance.faults.table import Row


class Known(NamedTuple):
    """A kind of rows, by regular expressions for the scenario, the fault and the reason."""

    scenario: str
    fault: str
    why: str

    def matches(self, row: Row) -> bool:
        return bool(re.match(self.scenario, row.scenario) and re.match(self.fault, row.fault) and re.match(self.why, row.why))


KNOWN = (
    # a success without content is taken for a success
    Known(r'msgraph-(?!.*auth)|fetch|send-mail|reply-mail', r'', r'success'),
    # fields of wrong types
    Known(r'', r'body|field', r'a raw error: An unexpected error'),
    # what was done is reported as failed
    Known(r'msgraph-(?!.*auth)|send-mail|reply-mail', r'', r'done, but reported as failed|a draft is left behind'),
    # a lease is as long as the slowest request for a token
    Known(r'', r'killed', r'the next process waits'),
)
