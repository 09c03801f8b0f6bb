"""Every response of a service leads to a token, possibly after a wait, or to an error with advice."""

import pytest

from conformance.sign_in.rows import HOSTS, MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.service_answers_table import NO_RESPONSE, ROWS, TEMPORARY
from conformance.sign_in.workbench import Workbench

TEMPORARY_AT_A_HOST = [row for row in (*TEMPORARY, *NO_RESPONSE) if row.method in HOSTS]


@pytest.mark.parametrize('row', [row for row in ROWS if row not in TEMPORARY_AT_A_HOST], ids=str)
def test_the_response_leads_to_a_token_or_an_error(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)


@pytest.mark.parametrize('row', TEMPORARY_AT_A_HOST, ids=str)
def test_requests_to_the_metadata_service_are_retried(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)
