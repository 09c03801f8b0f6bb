"""Proxies, trusted certificates and timeouts of token requests."""

import pytest

from conformance.sign_in.environment_table import CERTIFICATES, PROXIES, SLOW_NETWORK
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import HOSTS, VM_SYSTEM_ASSIGNED, MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.workbench import Workbench
from MicrosoftTokenRequestApiModule import AccessToken


@pytest.mark.parametrize('row', [row for row in PROXIES if row.method not in HOSTS], ids=str)
def test_a_proxy_is_used_if_it_is_selected(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)


@pytest.mark.parametrize('row', [row for row in PROXIES if row.method in HOSTS], ids=str)
def test_the_metadata_service_is_never_called_through_a_proxy(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)


def test_the_metadata_header_is_lower_case(workbench: Workbench) -> None:
    # The sandbox rejects any other spelling, as Azure does.
    assert isinstance(workbench.ask(workbench.client(keywords(VM_SYSTEM_ASSIGNED, workbench))), AccessToken)


@pytest.mark.filterwarnings('ignore:Unverified HTTPS request')
@pytest.mark.parametrize('row', CERTIFICATES, ids=str)
def test_only_certificates_that_the_engine_trusts_are_accepted(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)


@pytest.mark.parametrize('row', SLOW_NETWORK, ids=str)
def test_a_token_request_has_a_timeout(workbench: Workbench, row: MessageRow) -> None:
    run(workbench, row)
