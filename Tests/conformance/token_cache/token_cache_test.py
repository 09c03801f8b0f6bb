"""When tokens are requested from the services of the sandbox, and what is cached in the integration context."""

import json
from typing import Any

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, BOB, PENDING, BusyStorage, CountingStorage, Processes
from MicrosoftCredentialsApiModule import AuthorizationCodeCredential, ClientSecretCredential, PendingSignIn
from MicrosoftTokenCacheApiModule import REFRESH_RETRY_SECONDS, MemoryStorage
from MicrosoftTokenRequestApiModule import (
    MIN_REMAINING_LIFETIME,
    REFRESH_MARGIN,
    SignInPendingError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenTarget,
)

# region fresh, due and expired tokens


def test_a_cold_token_takes_one_request_and_a_warm_one_none(processes: Processes) -> None:
    token = processes.token(processes.application())
    assert processes.token(processes.application()) == token
    assert processes.token_requests() == 1


def test_a_warm_token_costs_one_read_and_no_write(processes: Processes) -> None:
    processes.token(processes.application())
    storage = CountingStorage()
    processes.provider(processes.application(), storage).get_token(processes.graph)
    assert (storage.reads, storage.writes) == (1, 0)


def test_values_in_the_context_are_strings_under_own_keys(processes: Processes) -> None:
    processes.signed_in()
    context = demisto.getIntegrationContext()
    assert {key.partition('/')[0] for key in context} == {'microsoft-sign-in', 'current_refresh_token'}
    assert all(isinstance(value, str) for value in context.values())


def test_without_a_context_tokens_remain_in_memory(processes: Processes) -> None:
    provider = processes.provider(processes.application(), MemoryStorage())
    assert provider.get_token(processes.graph) == provider.get_token(processes.graph)
    assert processes.token_requests() == 1
    assert demisto.getIntegrationContext() == {}


def test_an_expired_token_is_replaced(processes: Processes) -> None:
    old = processes.token(processes.application())
    processes.cloud.clock.advance(3600 - REFRESH_MARGIN)
    assert processes.token(processes.application()).value != old.value
    assert processes.token_requests() == 2


def test_a_token_that_is_due_is_refreshed(processes: Processes) -> None:
    processes.cloud.directory.refresh_in = 1000
    old = processes.token(processes.application())
    processes.cloud.clock.advance(1001)
    new = processes.token(processes.application())
    assert new.value != old.value
    assert processes.token(processes.application()) == new
    assert processes.token_requests() == 2


def test_in_an_outage_a_token_that_is_due_is_used_and_the_service_is_left_alone_for_a_while(processes: Processes) -> None:
    processes.cloud.directory.refresh_in = 1000
    old = processes.token(processes.application())
    processes.cloud.clock.advance(1001)
    processes.cloud.faults.add(service='entra', path='token', status=503, times=None)
    requests = []
    for _ in range(3):
        assert processes.token(processes.application()) == old
        requests.append(processes.token_requests())
    assert requests[0] == requests[1] == requests[2] > 1
    processes.cloud.clock.advance(REFRESH_RETRY_SECONDS + 1)
    assert processes.token(processes.application()) == old
    assert processes.token_requests() > requests[-1]
    assert any('could not be refreshed' in line and '503' in line for line in processes.log)
    processes.cloud.faults.clear()
    processes.cloud.clock.advance(REFRESH_RETRY_SECONDS + 1)
    assert processes.token(processes.application()) != old


def test_an_expired_token_is_not_used_in_an_outage(processes: Processes) -> None:
    processes.token(processes.application())
    processes.cloud.clock.advance(3600)
    processes.cloud.faults.add(service='entra', path='token', status=503, times=None)
    with pytest.raises(SignInUnavailableError):
        processes.token(processes.application())


def test_a_failed_refresh_does_not_delay_the_request_for_an_expired_token(processes: Processes) -> None:
    processes.token(processes.application())
    processes.cloud.clock.advance(3599 - MIN_REMAINING_LIFETIME - 15)
    processes.cloud.faults.add(service='entra', path='token', status=400, body={'error': 'invalid_client'})
    processes.token(processes.application())
    processes.cloud.clock.advance(16)
    slept = processes.clock.slept
    processes.token(processes.application())
    assert (processes.token_requests(), processes.clock.slept) == (3, slept)


def test_a_rejected_token_is_replaced_by_a_request_or_by_a_newer_one_in_the_cache(processes: Processes) -> None:
    old = processes.token(processes.application())
    new = processes.provider(processes.application()).get_token(processes.graph, rejected=old.value)
    assert new.value != old.value
    assert processes.provider(processes.application()).get_token(processes.graph, rejected=old.value) == new
    assert processes.token_requests() == 2


def test_a_claims_challenge_is_part_of_the_request_but_not_of_the_cache_key(processes: Processes) -> None:
    old = processes.token(processes.application())
    challenged = TokenTarget(processes.graph.scope, claims=json.dumps({'access_token': {'xms_cc': {'values': ['CP1']}}}))
    new = processes.provider(processes.application()).get_token(challenged, rejected=old.value)
    assert new.claims()['xms_cc'] == ['CP1']
    assert processes.token(processes.application()) == new


# endregion
# region refresh tokens


def test_a_refresh_token_is_replaced_by_that_of_the_response(processes: Processes) -> None:
    processes.tokens_expire_at_once()
    credential = processes.cortex()
    values = []
    for _ in range(3):
        processes.token(credential)
        values.append(processes.refresh_token(credential))
    assert len(set(values)) == 3


def test_a_response_without_a_refresh_token_keeps_the_previous_one(processes: Processes) -> None:
    credential = processes.signed_in()
    before = processes.cached(credential).sessions
    processes.cloud.clock.advance(3600)
    processes.cloud.faults.add(service='entra', path='token', body={'access_token': 'a-token', 'expires_in': 3600})
    assert processes.token(credential).value == 'a-token'
    assert processes.cached(credential).sessions == before


def test_a_code_is_redeemed_once_even_if_the_response_has_no_refresh_token(processes: Processes) -> None:
    processes.cloud.faults.add(service='entra', path='token', body={'access_token': 'a-token', 'expires_in': 3600})
    processes.token(processes.web('a code'))
    processes.cloud.clock.advance(3600)
    with pytest.raises(SignInRequiredError, match='No user has signed in'):
        processes.token(processes.web('a code'))
    assert processes.token_requests() == 1


def test_one_refresh_token_serves_several_resources(processes: Processes) -> None:
    processes.consent_to_all()
    credential = processes.signed_in()
    graph, azure = processes.token(credential), processes.token(credential, processes.azure)
    assert (graph.claims()['aud'], azure.claims()['aud']) == (processes.cloud.graph, processes.cloud.resource_manager)
    assert processes.token(credential) == graph


def test_another_pasted_code_is_another_session_and_the_same_one_is_not(processes: Processes) -> None:
    of_ada = processes.signed_in(ADA)
    of_bob = processes.signed_in(BOB)
    assert processes.user_of(processes.token(of_bob)) == BOB
    assert processes.user_of(processes.token(of_ada)) == ADA
    assert processes.token_requests() == 0


def test_a_revoked_refresh_token_requires_a_sign_in(processes: Processes) -> None:
    credential = processes.signed_in()
    processes.cloud.directory.user(ADA).revoke()
    processes.cloud.clock.advance(3600)
    with pytest.raises(SignInRequiredError) as failure:
        processes.token(credential)
    assert failure.value.code == 'AADSTS50173'


def test_a_pending_sign_in_remains_after_a_refresh(processes: Processes) -> None:
    credential = processes.signed_in()
    processes.provider(credential).start_sign_in(PENDING)
    processes.cloud.clock.advance(3600)
    processes.token(credential)
    assert processes.provider(credential).pending_sign_in() == PENDING


def test_a_pending_sign_in_expires_after_a_day(processes: Processes) -> None:
    provider = processes.provider(processes.web())
    provider.start_sign_in(PendingSignIn('mine'))
    processes.cloud.clock.advance(24 * 3600 + 1)
    assert provider.pending_sign_in() is None


def test_a_sign_in_can_be_started_if_every_versioned_write_is_rejected(processes: Processes) -> None:
    processes.provider(processes.web(), BusyStorage(float('inf'))).start_sign_in(PendingSignIn('mine'))
    assert processes.provider(processes.web()).pending_sign_in() == PendingSignIn('mine')


def test_integrations_see_that_a_user_has_signed_in(processes: Processes) -> None:
    credential = processes.signed_in()
    assert demisto.getIntegrationContext()['current_refresh_token'] == processes.refresh_token(credential)


def test_integrations_do_not_see_the_refresh_token_of_the_cortex_app(processes: Processes) -> None:
    processes.token(processes.cortex())
    assert 'current_refresh_token' not in demisto.getIntegrationContext()


# endregion
# region device code


def test_the_next_request_redeems_a_device_code(processes: Processes) -> None:
    processes.start_device(enter_as=ADA)
    assert processes.user_of(processes.token(processes.device())) == ADA
    assert processes.provider(processes.device()).pending_sign_in() is None


def test_a_device_code_that_was_not_entered_is_pending(processes: Processes) -> None:
    processes.start_device()
    with pytest.raises(SignInPendingError):
        processes.token(processes.device())


def test_a_new_device_sign_in_replaces_a_valid_token_when_that_is_due(processes: Processes) -> None:
    processes.consent_to_all()
    processes.start_device(enter_as=ADA)
    for target in (processes.graph, processes.azure):
        assert processes.user_of(processes.token(processes.device(), target)) == ADA
    processes.cloud.clock.advance(3000)
    processes.start_device(enter_as=BOB)
    assert processes.user_of(processes.token(processes.device())) == ADA  # unless the user completes the sign-in before
    processes.cloud.clock.advance(600)
    assert processes.user_of(processes.token(processes.device())) == BOB
    assert processes.user_of(processes.token(processes.device(), processes.azure)) == BOB


def test_a_new_device_sign_in_replaces_a_revoked_one(processes: Processes) -> None:
    processes.start_device(enter_as=ADA)
    processes.token(processes.device())
    processes.cloud.directory.user(ADA).revoke()
    processes.cloud.clock.advance(3600)
    processes.start_device(enter_as=ADA)
    assert processes.user_of(processes.token(processes.device())) == ADA


@pytest.mark.parametrize('later', [0, 3600 - 600])
def test_until_a_new_device_code_is_entered_the_previous_session_is_used(processes: Processes, later: float) -> None:
    processes.start_device(enter_as=ADA)
    processes.token(processes.device())
    processes.cloud.clock.advance(later)
    processes.start_device()
    processes.cloud.clock.advance(later and 600)
    assert processes.user_of(processes.token(processes.device())) == ADA
    requests = processes.token_requests()
    assert processes.user_of(processes.token(processes.device())) == ADA
    assert processes.token_requests() == requests  # a pending code is not polled again while the token is valid


def test_a_device_code_that_was_never_entered_expires(processes: Processes) -> None:
    processes.start_device(enter_as=ADA)
    processes.token(processes.device())
    processes.start_device()
    processes.cloud.clock.advance(901)
    requests = processes.token_requests()
    processes.token(processes.device())
    assert processes.token_requests() == requests


# endregion
# region the context of the public module


def set_public_context(**values: Any) -> None:
    demisto.setIntegrationContext(values)


def test_a_refresh_token_of_the_public_module_keeps_the_instance_signed_in(processes: Processes) -> None:
    refresh_token = processes.refresh_token(processes.signed_in())
    set_public_context(current_refresh_token=refresh_token, access_token='expired', valid_until=1)
    assert processes.user_of(processes.token(processes.web())) == ADA
    assert processes.token_requests() == 1


def test_a_client_id_in_upper_case_finds_the_session_of_the_public_module(processes: Processes) -> None:
    credential = processes.signed_in()
    refresh_token, expired = processes.refresh_token(credential), processes.token(credential).value
    set_public_context(current_refresh_token=refresh_token, access_token=expired, valid_until=1)
    web = processes.cloud.directory.application('web')
    pasted = ClientSecretCredential(processes.cloud.authority, processes.tenant_id, web.client_id.upper(), web.secret)
    token = processes.token(AuthorizationCodeCredential(pasted, processes.web().redirect_uri))
    assert processes.user_of(token) == ADA


def test_if_the_refresh_token_of_the_public_module_is_refused_the_settings_are_used(processes: Processes) -> None:
    set_public_context(current_refresh_token='an old one')
    credential = processes.cortex()
    assert processes.token(credential)
    assert processes.token_requests('token-service') == 2


def test_if_both_are_refused_the_error_is_that_of_the_refresh_token(processes: Processes) -> None:
    revoked = processes.refresh_token(processes.signed_in())
    processes.cloud.directory.user(ADA).revoke()
    set_public_context(current_refresh_token=revoked)
    with pytest.raises(SignInRequiredError) as failure:
        processes.token(processes.web())
    assert failure.value.code == 'AADSTS50173'


# endregion
