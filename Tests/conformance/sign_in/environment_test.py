"""A sign-in goes through the proxy where it shall and only there, trusts what the engine trusts, and does not wait for ever."""

import pytest

from conformance.sign_in.environment_table import CERTIFICATES, PROXIES, SLOW_NETWORK
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import HOSTS, VM_SYSTEM_ASSIGNED, MessageRow
from conformance.sign_in.running import run
from conformance.sign_in.world import World
from MicrosoftCredentialsApiModule import AccessToken


@pytest.mark.parametrize('row', [row for row in PROXIES if row.method not in HOSTS], ids=str)
def test_a_proxy_is_used_where_it_is_selected(world: World, row: MessageRow) -> None:
    run(world, row)


@pytest.mark.parametrize('row', [row for row in PROXIES if row.method in HOSTS], ids=str)
def test_the_metadata_service_is_never_asked_through_a_proxy(world: World, row: MessageRow) -> None:
    run(world, row)


def test_the_metadata_header_is_true_in_lower_case(world: World) -> None:
    # The local cloud refuses any other spelling, as Azure does.
    assert isinstance(world.ask(world.client(keywords(VM_SYSTEM_ASSIGNED, world))), AccessToken)


@pytest.mark.filterwarnings('ignore:Unverified HTTPS request')
@pytest.mark.parametrize('row', CERTIFICATES, ids=str)
def test_the_certificates_that_the_engine_trusts_are_trusted_and_no_others(world: World, row: MessageRow) -> None:
    run(world, row)


@pytest.mark.parametrize('row', SLOW_NETWORK, ids=str)
def test_a_token_request_has_a_time_limit(world: World, row: MessageRow) -> None:
    run(world, row)
