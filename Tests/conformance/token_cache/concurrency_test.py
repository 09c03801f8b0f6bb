"""Several processes that need a token at the same time, and processes that die, stall or are overtaken."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, BOB, PENDING, BusyStorage, CloudClock, CountingStorage, Processes, at_once
from MicrosoftCoreApiModule import SystemClock
from MicrosoftCredentialsApiModule import AuthorizationCodeCredential, ClientSecretCredential, Credential
from MicrosoftTokenCacheApiModule import LEASE_SECONDS, CachedTokens, ContextStorage, Lease, clear_tokens, update_storage
from MicrosoftTokenRequestApiModule import (
    AccessToken,
    SignInRefusedError,
    SignInRequiredError,
    TokenResponse,
    TokenTarget,
)
from sandbox.tests.machine import limit, slowness, wait_until

# region several processes at once


@pytest.fixture
def slow(processes: Processes) -> Processes:
    """A cloud whose sign-in services respond so slowly that simultaneous requests all arrive before the first response."""
    for service in ('entra', 'token-service'):
        processes.cloud.faults.add(service=service, path='token$', delay=0.4 * slowness(), times=None)
    return processes


@pytest.mark.usefixtures('each_form_of_versions')
def test_ten_processes_without_a_token_make_one_request(slow: Processes) -> None:
    credential = slow.application()
    tokens = at_once(*[lambda: slow.provider(credential, clock=SystemClock()).get_token(slow.graph)] * 10)
    assert slow.token_requests() == 1
    assert len(set(tokens)) == 1


@pytest.mark.usefixtures('each_form_of_versions')
def test_ten_processes_with_an_expired_token_use_a_one_time_refresh_token_once(processes: Processes, slow: Processes) -> None:
    credential = processes.cortex()
    processes.token(credential)
    processes.provider(credential).update(lambda cached: cached.put_token(AccessToken('expired', 0, 0)), processes.graph)
    processes.cloud.requests.clear()
    tokens = at_once(*[lambda: processes.provider(credential, clock=SystemClock()).get_token(processes.graph)] * 10)
    assert processes.token_requests('token-service') == 1
    assert len({token.value for token in tokens}) == 1
    processes.token(credential, TokenTarget('Mail.Send'))  # the refresh token that came back was saved


def test_ten_processes_with_a_token_that_is_due_make_one_request_and_do_not_wait(slow: Processes) -> None:
    slow.cloud.directory.refresh_in = 1000
    credential = slow.application()
    old = slow.token(credential)
    slow.cloud.clock.advance(1001)
    tokens = at_once(*[lambda: slow.token(credential)] * 10)
    assert slow.token_requests() == 2
    assert old in tokens
    assert slow.clock.slept == 0


def test_ten_processes_with_a_wrong_secret_make_one_request_and_raise_the_same_error(slow: Processes) -> None:
    slow.cloud.directory.application('daemon').secrets[0].value += 'changed'
    credential = ClientSecretCredential(slow.cloud.authority, slow.tenant_id, slow.application().client_id, 'a wrong secret')
    errors = at_once(*[lambda: slow.provider(credential, clock=SystemClock()).get_token(slow.graph)] * 10)
    assert slow.token_requests() == 1
    assert {type(error) for error in errors} == {SignInRefusedError}
    assert len({(str(error), error.code, error.correlation_id) for error in errors}) == 1
    assert 'AADSTS7000215' in str(errors[0])


def test_an_error_for_one_resource_is_not_raised_for_another(processes: Processes) -> None:
    first, storage = processes.provider(processes.application(), clock=SystemClock()), CountingStorage()
    with ThreadPoolExecutor() as threads:
        waiting = []

        def let_another_wait() -> None:
            other = processes.provider(processes.application(), storage, clock=SystemClock())
            waiting.append(threads.submit(other.get_token, processes.graph))
            wait_until(lambda: storage.reads >= 2)

        first.token_client.before = let_another_wait
        with pytest.raises(SignInRefusedError):
            first.get_token(TokenTarget('https://unknown.example/.default'))
        assert waiting[0].result(timeout=limit(10)).claims()['aud'] == processes.cloud.graph


def test_requests_for_several_resources_use_the_one_time_refresh_token_in_turn(processes: Processes, slow: Processes) -> None:
    credential = processes.cortex()
    tokens = at_once(
        *[
            lambda target=target: processes.provider(credential, clock=SystemClock()).get_token(target)
            for target in (TokenTarget(), TokenTarget('Mail.Send'), TokenTarget('Mail.ReadWrite'))
        ]
    )
    assert [type(token) for token in tokens] == [AccessToken] * 3
    assert processes.token_requests('token-service') == 3


@pytest.mark.usefixtures('each_form_of_versions')
@pytest.mark.parametrize('conflicts', [1, 5])
def test_writes_of_other_commands_are_not_lost(processes: Processes, conflicts: int) -> None:
    credential = processes.cortex()
    processes.provider(credential, BusyStorage(conflicts)).get_token(processes.graph)
    context = demisto.getIntegrationContext()
    assert {key for key in context if key.startswith('other command')} == {f'other command {n}' for n in range(conflicts)}
    assert processes.refresh_token(credential)


@pytest.mark.usefixtures('each_form_of_versions')
def test_a_command_that_read_earlier_does_not_put_back_a_token_that_was_used(processes: Processes) -> None:
    credential = processes.cortex()
    tokens = [processes.token(credential)]

    def use_token() -> None:
        tokens.append(processes.provider(credential).get_token(processes.graph, rejected=tokens[-1].value))

    def change(_cached: CachedTokens) -> None:
        if len(tokens) == 1:  # another command uses the Token between the read and the write
            use_token()

    processes.provider(credential).update(change)
    use_token()
    assert len({token.value for token in tokens}) == 3


def test_if_every_write_conflicts_the_token_is_used_and_the_refresh_token_is_forced_into_the_cache(processes: Processes) -> None:
    credential = processes.cortex()
    token = processes.provider(credential, BusyStorage(math.inf)).get_token(processes.graph)
    assert processes.token(credential) == token
    assert processes.refresh_token(credential)
    assert processes.clock.slept < 12
    assert any('could not be claimed' in line for line in processes.log)


def test_if_every_write_conflicts_a_token_without_refresh_token_is_used_and_not_cached(processes: Processes) -> None:
    assert processes.provider(processes.application(), BusyStorage(math.inf)).get_token(processes.graph).value
    assert not any(key.startswith('microsoft-sign-in') for key in demisto.getIntegrationContext())
    assert any('are not cached' in line for line in processes.log)


def test_if_every_write_conflicts_a_token_that_is_due_is_used(processes: Processes) -> None:
    processes.cloud.directory.refresh_in = 1000
    old = processes.token(processes.application())
    processes.cloud.clock.advance(1001)
    assert processes.provider(processes.application(), BusyStorage(math.inf)).get_token(processes.graph) == old
    assert processes.token_requests() == 1


def test_a_context_without_versions_works(processes: Processes) -> None:
    def storage() -> ContextStorage:
        return ContextStorage(demisto.getIntegrationContext, lambda context, _version: demisto.setIntegrationContext(context))

    token = processes.provider(processes.application(), storage()).get_token(processes.graph)
    assert processes.provider(processes.application(), storage()).get_token(processes.graph) == token
    assert processes.token_requests() == 1


# endregion
# region processes that die, stall or are ended


def other_process_has_lease(processes: Processes, credential: Credential, ahead: float = 0) -> None:
    until = processes.clock.now() + ahead + LEASE_SECONDS
    processes.provider(credential).update(lambda cached: cached.put_lease(Lease('another', until)))


HOUR, DAY = 3600, 24 * 3600


@pytest.mark.parametrize('ahead', [-HOUR, -600, -LEASE_SECONDS, -1, 0, 25, 600, HOUR])
def test_a_process_that_died_is_waited_for_no_longer_than_its_lease_whatever_its_clock(
    processes: Processes, ahead: float
) -> None:
    processes.cloud.clock.stop()
    other_process_has_lease(processes, processes.application(), ahead)
    assert processes.token(processes.application())
    assert LEASE_SECONDS - 1 < processes.clock.slept < LEASE_SECONDS + 1


@pytest.mark.parametrize('ahead', [-DAY, -HOUR - LEASE_SECONDS, HOUR + 1, DAY, 400 * DAY])
def test_a_lease_of_a_time_at_which_no_clock_can_be_costs_no_wait(processes: Processes, ahead: float) -> None:
    processes.cloud.clock.stop()
    other_process_has_lease(processes, processes.application(), ahead)
    assert processes.token(processes.application())
    assert processes.clock.slept == 0


@pytest.mark.parametrize('read_seconds', [0.1, 0.5, 1])
def test_the_reads_of_a_slow_context_count_as_time_in_which_a_process_that_died_is_waited_for(
    processes: Processes, read_seconds: float
) -> None:
    class SlowStorage(CountingStorage):
        def read(self) -> tuple[dict[str, Any], int]:
            processes.clock.sleep(read_seconds)
            return super().read()

    processes.cloud.clock.stop()
    other_process_has_lease(processes, processes.application())
    assert processes.provider(processes.application(), SlowStorage()).get_token(processes.graph)
    assert processes.clock.slept < LEASE_SECONDS + 5 * read_seconds, 'a few reads follow'


@pytest.mark.parametrize('ahead', [-HOUR + 60, -600, -45, 0, 45, 600, HOUR])
def test_a_slow_process_is_waited_for_whatever_its_clock(processes: Processes, ahead: float) -> None:
    credential, end = processes.cortex(), processes.clock.now() + 80

    class RenewingClock(CloudClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.now() < end:
                other_process_has_lease(processes, credential, ahead)
            elif not processes.cached(credential).token:
                late.save(processes.graph, TokenResponse(AccessToken('of the slow one', 9e9, 9e9), 'the next Token'))

    late, waiting = processes.provider(credential), RenewingClock(processes.cloud)
    other_process_has_lease(processes, credential, ahead)
    processes.token(processes.application())  # a write drops what has ended
    assert processes.provider(credential, clock=waiting).get_token(processes.graph).value == 'of the slow one'
    assert processes.token_requests('token-service') == 0


def test_a_token_is_refreshed_early_despite_the_lease_of_a_process_that_died(processes: Processes) -> None:
    processes.cloud.directory.refresh_in = 1000
    old = processes.token(processes.application())
    processes.cloud.clock.advance(1001)
    other_process_has_lease(processes, processes.application(), -60)
    assert processes.token(processes.application()) != old
    assert processes.clock.slept == 0


def test_after_a_process_was_killed_one_of_those_who_waited_requests_the_token(
    processes: Processes, slow: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = slow.application()
    monkeypatch.setattr('MicrosoftTokenCacheApiModule.LEASE_SECONDS', limit(2))
    slow.provider(credential).update(lambda cached: cached.put_lease(Lease('killed', time.time() + 1)))
    tokens = at_once(*[lambda: slow.provider(credential, clock=SystemClock()).get_token(slow.graph)] * 10)
    assert processes.token_requests() == 1
    assert len(set(tokens)) == 1


def test_a_process_whose_lease_expired_leaves_the_next_lease_alone(processes: Processes) -> None:
    late = processes.provider(processes.application())
    late.token_client.before = lambda: other_process_has_lease(processes, processes.application())
    processes.cloud.faults.add(service='entra', path='token', status=400, body={'error': 'invalid_request'})
    with pytest.raises(SignInRefusedError):
        late.get_token(processes.graph)
    assert processes.cached(processes.application()).lease.holder == 'another'


def test_a_context_that_rejects_every_write_does_not_prevent_a_token(processes: Processes) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError('The integration context is too large.')

    provider = processes.provider(processes.application())
    provider.storage = ContextStorage(demisto.getIntegrationContextVersioned, refuse)
    assert provider.get_token(processes.graph).claims()['aud'] == processes.cloud.graph
    assert any('too large' in line for line in processes.log)


def test_a_slow_request_does_not_delay_a_process_with_a_valid_token(processes: Processes) -> None:
    processes.cloud.directory.refresh_in = 1000
    old = processes.token(processes.application())
    other_process_has_lease(processes, processes.application())
    assert processes.token(processes.application()) == old
    processes.cloud.clock.advance(1001)
    other_process_has_lease(processes, processes.application())
    assert processes.token(processes.application()) == old
    assert (processes.token_requests(), processes.clock.slept) == (1, 0)


def test_saving_a_token_leaves_the_lease_of_another_process_alone(processes: Processes) -> None:
    other_process_has_lease(processes, processes.application())
    processes.provider(processes.application()).save(processes.graph, TokenResponse(AccessToken('a token', 9e9, 9e9)))
    assert processes.cached(processes.application()).lease.holder == 'another'


def test_a_stopped_clock_does_not_cause_an_endless_wait(processes: Processes) -> None:
    class StandingClock(CloudClock):
        def sleep(self, seconds: float) -> None:
            self.slept += seconds

    processes.cloud.clock.stop()
    other_process_has_lease(processes, processes.application())
    clock = StandingClock(processes.cloud)
    assert processes.provider(processes.application(), clock=clock).get_token(processes.graph)
    assert LEASE_SECONDS - 1 < clock.slept < LEASE_SECONDS + 1


@pytest.mark.parametrize('end', [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_command_that_was_ended_is_not_waited_for(processes: Processes, end: type[BaseException]) -> None:
    def end_command() -> None:
        raise end

    provider = processes.provider(processes.application())
    provider.token_client.before = end_command
    with pytest.raises(end):
        provider.get_token(processes.graph)
    assert processes.token(processes.application())
    assert processes.clock.slept == 0


def test_a_process_slower_than_its_lease_saves_its_refresh_token(processes: Processes) -> None:
    credential = processes.cortex()
    slow, fast = processes.provider(credential), processes.provider(credential)

    def take_over() -> None:
        processes.provider(credential).update(lambda cached: cached.put_lease(Lease('gone', 0)))
        with pytest.raises(SignInRequiredError):  # the token service takes each refresh token once
            fast.get_token(processes.graph)

    slow.token_client.after = take_over
    token = slow.get_token(processes.graph)
    assert processes.token(credential) == token
    assert processes.token(credential, TokenTarget('Mail.Send'))


def test_a_process_that_was_overtaken_uses_the_newer_token(processes: Processes) -> None:
    credential = processes.cortex()
    slow, fast = processes.provider(credential), processes.provider(credential)
    newer = []

    def overtake() -> None:
        processes.provider(credential).update(lambda cached: cached.put_lease(Lease('gone', 0)))
        newer.append(fast.get_token(processes.graph))

    slow.token_client.before = overtake
    assert slow.get_token(processes.graph) == newer[0]
    assert processes.cached(credential).lease == Lease()


def test_a_process_that_was_overtaken_for_another_resource_uses_the_newer_refresh_token(processes: Processes) -> None:
    credential = processes.cortex()
    slow, fast = processes.provider(credential), processes.provider(credential)

    def overtake() -> None:
        processes.provider(credential).update(lambda cached: cached.put_lease(Lease('gone', 0)))
        fast.get_token(processes.graph)

    slow.token_client.before = overtake
    assert slow.get_token(TokenTarget('Mail.Send'))
    assert processes.token_requests('token-service') == 3


def test_a_waiting_process_takes_over_the_lease(processes: Processes, slow: Processes) -> None:
    credential = processes.application()
    graph, azure = at_once(
        lambda: slow.provider(credential, clock=SystemClock()).get_token(slow.graph),
        lambda: slow.provider(credential, clock=SystemClock()).get_token(slow.azure),
    )
    assert (graph.claims()['aud'], azure.claims()['aud']) == (slow.cloud.graph, slow.cloud.resource_manager)
    assert processes.cached(credential).lease == Lease()


def sign_in_as(user: str, processes: Processes, credential: AuthorizationCodeCredential) -> None:
    provider = processes.provider(credential)
    request = credential.redeem_request(processes.graph, processes.code_of(user), PENDING)
    provider.save(processes.graph, provider.token_client.request_token(request), is_new_sign_in=True)


@pytest.mark.parametrize('answer', [{}, {'body': {'access_token': 'of-Ada', 'expires_in': 3600}}])
def test_a_new_sign_in_wins_over_a_refresh_in_progress(processes: Processes, answer: dict[str, Any]) -> None:
    credential = processes.signed_in(ADA)
    processes.cloud.clock.advance(3600)
    refreshing = processes.provider(credential)
    refreshing.token_client.after = lambda: sign_in_as(BOB, processes, credential)
    if answer:
        processes.cloud.faults.add(service='entra', path='token', **answer)
    refreshing.get_token(processes.graph)
    assert processes.user_of(processes.token(credential)) == BOB
    processes.cloud.clock.advance(3600)
    assert processes.user_of(processes.token(credential)) == BOB


def test_a_refresh_that_fails_uses_the_token_of_a_new_sign_in(processes: Processes) -> None:
    credential = processes.signed_in(ADA)
    processes.cloud.directory.user(ADA).revoke()
    processes.cloud.clock.advance(3600)
    refreshing = processes.provider(credential)
    refreshing.token_client.before = lambda: sign_in_as(BOB, processes, credential)
    assert processes.user_of(refreshing.get_token(processes.graph)) == BOB
    assert processes.cached(credential).lease == Lease()


def test_a_reset_wins_over_a_refresh_in_progress(processes: Processes) -> None:
    credential = processes.signed_in()
    processes.cloud.clock.advance(3600)
    refreshing = processes.provider(credential)
    refreshing.token_client.after = lambda: update_storage(CountingStorage(), clear_tokens, processes.clock)
    refreshing.get_token(processes.graph)
    assert demisto.getIntegrationContext() == {}


# endregion
