"""Several processes that need a token at the same time, and processes that die, stall or are overtaken while they ask."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import demistomock as demisto
from conformance.token_store import office as made_of
from conformance.token_store.office import ADA, BOB, VERIFIER, BusyStore, CloudClock, CountingStore, Office, at_once
from machine import limit, slowness
from MicrosoftTokenStoreApiModule import *

office = made_of.office

# region several processes at once


@pytest.fixture
def slow(office: Office) -> Office:
    """A cloud whose sign-in services take long enough for all who ask at once to come before the first answer."""
    for service in ('entra', 'token-service'):
        office.cloud.faults.add(service=service, path='token$', delay=0.4 * slowness(), times=None)
    return office


def test_ten_processes_without_a_token_make_one_request(slow: Office) -> None:
    credential = slow.client()
    tokens = at_once(*[lambda: slow.source(credential, clock=SystemClock()).get(slow.graph)] * 10)
    assert slow.token_requests() == 1
    assert len(set(tokens)) == 1


def test_ten_processes_with_an_expired_token_use_a_one_time_refresh_token_once(office: Office, slow: Office) -> None:
    credential = office.cortex()
    office.source(credential).get(office.graph)
    office.source(credential).change(lambda kept: kept.put_token(office.graph, AccessToken('expired', 0, 0)))
    office.cloud.requests.clear()
    tokens = at_once(*[lambda: office.source(credential, clock=SystemClock()).get(office.graph)] * 10)
    assert office.token_requests('token-service') == 1
    assert len({token.value for token in tokens}) == 1
    office.source(credential).get(TokenTarget('Mail.Send'))  # the refresh token that came back was kept


def test_ten_processes_with_an_aging_token_make_one_request_and_nobody_waits(slow: Office) -> None:
    slow.cloud.directory.refresh_in = 1000
    credential = slow.client()
    old = slow.source(credential).get(slow.graph)
    slow.cloud.clock.advance(1001)
    tokens = at_once(*[lambda: slow.source(credential).get(slow.graph)] * 10)
    assert slow.token_requests() == 2
    assert old in tokens
    assert slow.clock.slept == 0


def test_ten_processes_with_a_wrong_secret_make_one_request_and_all_hear_the_same(slow: Office) -> None:
    slow.cloud.directory.application('daemon').secrets[0].value += 'changed'
    credential = ClientSecretCredential(slow.cloud.authority, slow.tenant_id, slow.client().client_id, 'a wrong secret')
    errors = at_once(*[lambda: slow.source(credential, clock=SystemClock()).get(slow.graph)] * 10)
    assert slow.token_requests() == 1
    assert {type(error) for error in errors} == {SignInRefusedError}
    assert len({(str(error), error.code, error.correlation_id) for error in errors}) == 1
    assert 'AADSTS7000215' in str(errors[0])


def test_an_error_of_one_resource_is_not_that_of_another(office: Office) -> None:
    first, store = office.source(office.client(), clock=SystemClock()), CountingStore()
    with ThreadPoolExecutor() as threads:
        waiting = []

        def let_another_wait() -> None:
            other = office.source(office.client(), store, clock=SystemClock())
            waiting.append(threads.submit(other.get, office.graph))
            while store.reads < 2:
                time.sleep(0.01)

        first.transport.before = let_another_wait
        with pytest.raises(SignInRefusedError):
            first.get(TokenTarget('https://unknown.example/.default'))
        assert waiting[0].result(timeout=limit(10)).claims()['aud'] == office.cloud.graph


def test_two_resources_at_once_take_the_one_time_refresh_token_in_turn(office: Office, slow: Office) -> None:
    credential = office.cortex()
    tokens = at_once(
        *[
            lambda target=target: office.source(credential, clock=SystemClock()).get(target)
            for target in (TokenTarget(), TokenTarget('Mail.Send'), TokenTarget('Mail.ReadWrite'))
        ]
    )
    assert [type(token) for token in tokens] == [AccessToken] * 3
    assert office.token_requests('token-service') == 3


@pytest.mark.parametrize('conflicts', [1, 5])
def test_nothing_of_other_commands_is_lost(office: Office, conflicts: int) -> None:
    credential = office.cortex()
    office.source(credential, BusyStore(conflicts)).get(office.graph)
    context = demisto.getIntegrationContext()
    assert {key for key in context if key.startswith('other command')} == {f'other command {n}' for n in range(conflicts)}
    assert office.refresh_token(credential)


def test_where_every_write_is_refused_the_token_is_used_and_the_refresh_token_kept_at_any_price(office: Office) -> None:
    credential = office.cortex()
    token = office.source(credential, BusyStore(float('inf'))).get(office.graph)
    assert office.source(credential).get(office.graph) == token
    assert office.refresh_token(credential)
    assert office.clock.slept < 12
    assert any('could not be claimed' in line for line in office.log)


def test_where_every_write_is_refused_a_token_without_refresh_token_is_used_and_not_kept(office: Office) -> None:
    assert office.source(office.client(), BusyStore(float('inf'))).get(office.graph).value
    assert not any(key.startswith('microsoft-sign-in') for key in demisto.getIntegrationContext())
    assert any('could not be kept' in line for line in office.log)


def test_where_every_write_is_refused_an_aging_token_is_used_up(office: Office) -> None:
    office.cloud.directory.refresh_in = 1000
    old = office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(1001)
    assert office.source(office.client(), BusyStore(float('inf'))).get(office.graph) == old
    assert office.token_requests() == 1


def test_a_context_without_versions_works(office: Office) -> None:
    def store() -> ContextTokenStore:
        return ContextTokenStore(demisto.getIntegrationContext, lambda context, _version: demisto.setIntegrationContext(context))

    token = office.source(office.client(), store()).get(office.graph)
    assert office.source(office.client(), store()).get(office.graph) == token
    assert office.token_requests() == 1


# endregion
# region processes that die, stall, or are ended


def other_process_asks(office: Office, credential: Credential) -> None:
    until = office.clock.now() + Credential.longest_ask
    office.source(credential).change(lambda kept: kept.put_lease(holder='another', until=until))


def test_a_process_that_died_while_asking_is_waited_for_no_longer_than_its_lease(office: Office) -> None:
    other_process_asks(office, office.client())
    assert office.source(office.client()).get(office.graph)
    assert Credential.longest_ask - 1 < office.clock.slept < Credential.longest_ask + 1


def test_those_who_waited_for_a_process_that_was_killed_let_one_of_them_ask(office: Office, slow: Office) -> None:
    credential = slow.client()
    credential.longest_ask = slowness()
    slow.source(credential).change(lambda kept: kept.put_lease(holder='killed', until=time.time() + 1))
    tokens = at_once(*[lambda: slow.source(credential, clock=SystemClock()).get(slow.graph)] * 10)
    assert office.token_requests() == 1
    assert len(set(tokens)) == 1


def test_a_process_whose_lease_ran_out_leaves_the_one_of_the_next_alone(office: Office) -> None:
    late = office.source(office.client())
    late.transport.before = lambda: other_process_asks(office, office.client())
    office.cloud.faults.add(service='entra', path='token', status=400, body={'error': 'invalid_request'})
    with pytest.raises(SignInRefusedError):
        late.get(office.graph)
    assert office.kept(office.client()).lease()['holder'] == 'another'


def test_a_context_that_takes_nothing_does_not_keep_a_command_from_its_token(office: Office) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError('The integration context is too large.')

    source = office.source(office.client())
    source.store = ContextTokenStore(demisto.getIntegrationContextVersioned, refuse)
    assert source.get(office.graph).claims()['aud'] == office.cloud.graph
    assert any('too large' in line for line in office.log)


def test_a_process_that_asks_for_long_holds_up_nobody_who_has_a_token(office: Office) -> None:
    office.cloud.directory.refresh_in = 1000
    old = office.source(office.client()).get(office.graph)
    other_process_asks(office, office.client())
    assert office.source(office.client()).get(office.graph) == old
    office.cloud.clock.advance(1001)
    other_process_asks(office, office.client())
    assert office.source(office.client()).get(office.graph) == old
    assert (office.token_requests(), office.clock.slept) == (1, 0)


def test_who_keeps_what_a_person_brought_leaves_the_lease_of_another_process_alone(office: Office) -> None:
    other_process_asks(office, office.client())
    office.source(office.client()).keep(office.graph, TokenAnswer(AccessToken('a token', 9e9, 9e9)))
    assert office.kept(office.client()).lease()['holder'] == 'another'


def test_a_clock_that_stands_still_does_not_make_anybody_wait_for_ever(office: Office) -> None:
    class StandingClock(CloudClock):
        def sleep(self, seconds: float) -> None:
            self.slept += seconds

    other_process_asks(office, office.client())
    clock = StandingClock(office.cloud)
    assert office.source(office.client(), clock=clock).get(office.graph)
    assert Credential.longest_ask <= clock.slept < Credential.longest_ask + 1


@pytest.mark.parametrize('end', [KeyboardInterrupt, SystemExit, RuntimeError])
def test_nobody_waits_for_a_command_that_was_ended(office: Office, end: type[BaseException]) -> None:
    def be_ended() -> None:
        raise end

    source = office.source(office.client())
    source.transport.before = be_ended
    with pytest.raises(end):
        source.get(office.graph)
    assert office.source(office.client()).get(office.graph)
    assert office.clock.slept == 0


def test_a_process_slower_than_its_lease_does_not_lose_the_refresh_token_it_brings(office: Office) -> None:
    credential = office.cortex()
    slow, fast = office.source(credential), office.source(credential)

    def take_over() -> None:
        office.source(credential).change(lambda kept: kept.put_lease(holder='gone', until=0))
        with pytest.raises(SignInRequiredError):  # the token service takes each refresh token once
            fast.get(office.graph)

    slow.transport.after = take_over
    token = slow.get(office.graph)
    assert office.source(credential).get(office.graph) == token
    assert office.source(credential).get(TokenTarget('Mail.Send'))


def test_a_process_that_was_overtaken_takes_what_the_other_brought(office: Office) -> None:
    credential = office.cortex()
    slow, fast = office.source(credential), office.source(credential)
    brought = []

    def overtake() -> None:
        office.source(credential).change(lambda kept: kept.put_lease(holder='gone', until=0))
        brought.append(fast.get(office.graph))

    slow.transport.before = overtake
    assert slow.get(office.graph) == brought[0]
    assert office.kept(credential).lease() == {}


def test_a_process_that_was_overtaken_for_another_resource_asks_with_the_newer_refresh_token(office: Office) -> None:
    credential = office.cortex()
    slow, fast = office.source(credential), office.source(credential)

    def overtake() -> None:
        office.source(credential).change(lambda kept: kept.put_lease(holder='gone', until=0))
        fast.get(office.graph)

    slow.transport.before = overtake
    assert slow.get(TokenTarget('Mail.Send'))
    assert office.token_requests('token-service') == 3


def test_who_waits_takes_over_the_lease_that_is_dropped(office: Office, slow: Office) -> None:
    credential = office.client()
    graph, azure = at_once(
        lambda: slow.source(credential, clock=SystemClock()).get(slow.graph),
        lambda: slow.source(credential, clock=SystemClock()).get(slow.azure),
    )
    assert (graph.claims()['aud'], azure.claims()['aud']) == (slow.cloud.graph, slow.cloud.resource_manager)
    assert office.kept(credential).lease() == {}


def sign_in_as(user: str, office: Office, credential: AuthorizationCodeCredential) -> None:
    source = office.source(credential)
    request = credential.redeem_request(office.graph, office.code_of(user), KeptSignIn(code_verifier=VERIFIER))
    source.keep(office.graph, source.transport.ask(request), new_sign_in=True)


@pytest.mark.parametrize('answer', [{}, {'body': {'access_token': 'of-Ada', 'expires_in': 3600}}])
def test_a_sign_in_by_a_person_stands_against_a_renewal_that_was_under_way(office: Office, answer: dict[str, Any]) -> None:
    credential = office.signed_in(ADA)
    office.cloud.clock.advance(3600)
    renewing = office.source(credential)
    renewing.transport.after = lambda: sign_in_as(BOB, office, credential)
    if answer:
        office.cloud.faults.add(service='entra', path='token', **answer)
    renewing.get(office.graph)
    assert office.user_of(office.source(credential).get(office.graph)) == BOB
    office.cloud.clock.advance(3600)
    assert office.user_of(office.source(credential).get(office.graph)) == BOB


def test_a_renewal_that_is_refused_takes_what_a_person_brought_meanwhile(office: Office) -> None:
    credential = office.signed_in(ADA)
    office.cloud.directory.user(ADA).revoke()
    office.cloud.clock.advance(3600)
    renewing = office.source(credential)
    renewing.transport.before = lambda: sign_in_as(BOB, office, credential)
    assert office.user_of(renewing.get(office.graph)) == BOB
    assert office.kept(credential).lease() == {}


def test_a_reset_stands_against_a_renewal_that_was_under_way(office: Office) -> None:
    credential = office.signed_in()
    office.cloud.clock.advance(3600)
    renewing = office.source(credential)
    renewing.transport.after = lambda: change_store(CountingStore(), drop_all_tokens, office.clock)
    renewing.get(office.graph)
    assert demisto.getIntegrationContext() == {}


# endregion
