"""What the store of tokens keeps, and when it asks for new ones: with the sandbox cloud, in demistomock's integration context."""

import json
from typing import Any

import demistomock as demisto
import pytest
from conformance.token_store import office as made_of
from conformance.token_store.office import ADA, BOB, BusyStore, CountingStore, Office
from MicrosoftCredentialsApiModule import (
    AccessToken,
    CachedSession,
    REFRESH_MARGIN,
    SignInPendingError,
    SignInRequiredError,
    SignInUnavailableError,
    TokenTarget,
)
from MicrosoftTokenCacheApiModule import (
    REFRESH_RETRY_SECONDS,
    ContextStorage,
    CachedTokens,
    MemoryStorage,
    StorageConflictError,
    Storage,
    update_storage,
    clear_tokens,
)

office = made_of.office

# region stores


def test_a_context_without_versions_is_read_and_written_as_it_is() -> None:
    written: list[Any] = []
    store = ContextStorage(lambda: {'a': '1'}, lambda context, version: written.append((context, version)))
    context, version = store.read()
    store.write(context, version)
    assert written == [({'a': '1'}, ContextStorage.ANY_VERSION)]


@pytest.mark.parametrize('nothing', [None, {}, {'context': None, 'version': 3}, {'context': {}, 'version': 3}])
def test_an_empty_context_is_no_error(nothing: Any) -> None:
    assert ContextStorage(lambda: nothing, lambda *_: None).read()[0] == {}


def test_a_stale_version_is_a_conflict() -> None:
    first, second = CountingStore(), CountingStore()
    context, version = first.read()
    second.write({'b': '2'}, second.read()[1])
    with pytest.raises(StorageConflictError):
        first.write(context, version)
    assert demisto.getIntegrationContext() == {'b': '2'}


@pytest.mark.parametrize('store', [MemoryStorage(), CountingStore()])
def test_what_was_read_may_be_changed_without_changing_the_store(store: Storage) -> None:
    store.write({'a': '1'}, 0 if isinstance(store, MemoryStorage) else ContextStorage.ANY_VERSION)
    store.read()[0]['a'] = 'changed'
    assert store.read()[0] == {'a': '1'}


@pytest.mark.parametrize('conflicts', [0, 1, 29])
def test_a_change_is_made_again_until_nobody_came_between(office: Office, conflicts: int) -> None:
    store = BusyStore(conflicts)
    assert update_storage(store, lambda context: context.update(mine='1'), office.clock)
    assert demisto.getIntegrationContext() == {'mine': '1', **{f'other command {n}': 'its value' for n in range(conflicts)}}


def test_a_change_gives_up_when_every_write_is_refused(office: Office) -> None:
    assert not update_storage(BusyStore(float('inf')), lambda context: context.update(mine='1'), office.clock)
    assert 'mine' not in demisto.getIntegrationContext()
    assert office.clock.slept < 10


def test_a_change_at_any_price_is_written_over_whatever_is_there(office: Office) -> None:
    store = BusyStore(float('inf'))
    assert update_storage(store, lambda context: context.update(mine='1'), office.clock, force=True)
    context = demisto.getIntegrationContext()
    assert context['mine'] == '1'
    assert len(context) == 31  # what the others wrote is still there


def test_a_store_that_refuses_at_any_price_is_told_of(office: Office) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError('stale')

    store = ContextStorage(lambda: {'context': {}, 'version': 1}, refuse)
    assert not update_storage(store, lambda context: None, office.clock, force=True)


# endregion
# region what is kept


def test_values_in_the_context_are_strings_under_keys_of_their_own(office: Office) -> None:
    office.signed_in()
    context = demisto.getIntegrationContext()
    assert {key.partition('/')[0] for key in context} == {'microsoft-sign-in', 'current_refresh_token'}
    assert all(isinstance(value, str) for value in context.values())


@pytest.mark.parametrize('garbage', ['', 'no json', '[]', '"text"', '5', 'null', '{}', '{"ends_on": "soon"}', None, 7, ['a']])
def test_a_value_that_cannot_be_read_is_taken_for_none(office: Office, garbage: Any) -> None:
    office.signed_in()
    context = {key: garbage for key in demisto.getIntegrationContext() if key.startswith('microsoft-sign-in')}
    kept = CachedTokens(context, office.web())
    assert kept.usable_token(office.graph, office.clock.now()) is None
    assert kept.sessions(office.clock.now()) == [CachedSession()]
    assert kept.lease() == {}
    kept.prune(office.clock.now())
    assert context == {}


def test_a_token_that_lacks_a_part_is_taken_for_none(office: Office) -> None:
    kept = CachedTokens({}, office.client())
    kept.put_token(office.graph, AccessToken('a token', 5e9, 5e9))
    key = next(iter(kept.context))
    for part in ('value', 'expires_on', 'refresh_on'):
        broken = {name: value for name, value in json.loads(kept.context[key]).items() if name != part}
        assert CachedTokens({key: json.dumps(broken)}, office.client()).token(office.graph) is None


def test_tokens_of_other_targets_and_other_credentials_are_kept_apart(office: Office) -> None:
    kept = CachedTokens({}, office.client())
    kept.put_token(office.graph, AccessToken('for Graph', 5e9, 5e9))
    kept.put_token(office.azure, AccessToken('for Azure', 5e9, 5e9))
    assert kept.token(office.graph).value == 'for Graph'
    assert kept.token(office.azure).value == 'for Azure'
    assert CachedTokens(kept.context, office.client('web')).token(office.graph) is None


def test_what_has_ended_is_pruned_and_all_else_is_left_alone(office: Office) -> None:
    now = office.clock.now()
    old = CachedTokens({'of others': 'stays', 'microsoft-sign-in/x/token/y': 'broken'}, office.web('old'))
    old.put_token(office.graph, AccessToken('old', now + 10, now + 10))
    old.put_session('old', now - 89 * 24 * 3600)
    old.put_started(now - 23 * 3600, state='old')
    old.put_lease(holder='dead', until=now - 59)
    kept = CachedTokens(old.context, office.web('new'))
    kept.put_token(office.graph, AccessToken('new', now + 4000, now + 4000))
    before = dict(kept.context)
    kept.prune(now)
    assert before.keys() - kept.context.keys() == {'microsoft-sign-in/x/token/y'}
    kept.prune(now + 3600)
    assert not any(key.endswith(('/started', '/lease')) for key in kept.context)
    assert [key for key in kept.context if '/token/' in key] == [key for key in before if '"value": "new"' in before[key]]
    kept.prune(now + 90 * 24 * 3600)
    assert kept.context.keys() == {'of others', 'current_refresh_token'}


def test_what_has_ended_goes_with_the_next_token_that_is_kept(office: Office) -> None:
    office.source(office.client('web')).get(office.graph)
    office.cloud.clock.advance(3600)
    office.source(office.client()).get(office.graph)
    assert len(demisto.getIntegrationContext()) == 1


def test_all_tokens_are_dropped_at_once_and_all_else_is_left_alone(office: Office) -> None:
    credential = office.signed_in()
    context = demisto.getIntegrationContext()
    context.update(
        {
            'access_token': 'a',
            'valid_until': 1,
            'https://x/.default_access_token': 'a',
            'https://x/.default_valid_until': 1,
            'https://management.azure.com/': 'a',
            'device_code': 'a',
            'last_fetch': 'stays',
        }
    )
    clear_tokens(context)
    assert context == {'last_fetch': 'stays'}
    assert CachedTokens(context, credential).sessions(office.clock.now()) == [CachedSession()]


# endregion
# region warm, aging, expired


def test_a_cold_token_takes_one_request_and_a_warm_one_none(office: Office) -> None:
    token = office.source(office.client()).get(office.graph)
    assert office.source(office.client()).get(office.graph) == token
    assert office.token_requests() == 1


def test_a_warm_token_costs_one_read_and_no_write(office: Office) -> None:
    office.source(office.client()).get(office.graph)
    store = CountingStore()
    office.source(office.client(), store).get(office.graph)
    assert (store.reads, store.writes) == (1, 0)


def test_without_a_context_tokens_stay_in_memory(office: Office) -> None:
    source = office.source(office.client(), MemoryStorage())
    assert source.get(office.graph) == source.get(office.graph)
    assert office.token_requests() == 1
    assert demisto.getIntegrationContext() == {}


def test_an_expired_token_is_replaced(office: Office) -> None:
    old = office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(3600 - REFRESH_MARGIN)
    assert office.source(office.client()).get(office.graph).value != old.value
    assert office.token_requests() == 2


def test_an_aging_token_is_renewed(office: Office) -> None:
    office.cloud.directory.refresh_in = 1000
    old = office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(1001)
    new = office.source(office.client()).get(office.graph)
    assert new.value != old.value
    assert office.source(office.client()).get(office.graph) == new
    assert office.token_requests() == 2


def test_an_aging_token_is_used_up_in_an_outage_and_the_service_left_alone_for_a_while(office: Office) -> None:
    office.cloud.directory.refresh_in = 1000
    old = office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(1001)
    office.cloud.faults.add(service='entra', path='token', status=503, times=None)
    asked = []
    for _ in range(3):
        assert office.source(office.client()).get(office.graph) == old
        asked.append(office.token_requests())
    assert asked[0] == asked[1] == asked[2] > 1
    office.cloud.clock.advance(REFRESH_RETRY_SECONDS + 1)
    assert office.source(office.client()).get(office.graph) == old
    assert office.token_requests() > asked[-1]
    assert any('could not be renewed' in line and '503' in line for line in office.log)
    office.cloud.faults.clear()
    office.cloud.clock.advance(REFRESH_RETRY_SECONDS + 1)
    assert office.source(office.client()).get(office.graph) != old


def test_an_expired_token_is_not_used_in_an_outage(office: Office) -> None:
    office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(3600)
    office.cloud.faults.add(service='entra', path='token', status=503, times=None)
    with pytest.raises(SignInUnavailableError):
        office.source(office.client()).get(office.graph)


def test_the_rest_of_an_aging_token_does_not_hold_up_an_expired_one(office: Office) -> None:
    office.cloud.directory.refresh_in = 3600 - REFRESH_MARGIN - 20
    office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(3600 - REFRESH_MARGIN - 15)
    office.cloud.faults.add(service='entra', path='token', status=400, body={'error': 'invalid_client'})
    office.source(office.client()).get(office.graph)
    office.cloud.clock.advance(16)
    slept = office.clock.slept
    office.source(office.client()).get(office.graph)
    assert (office.token_requests(), office.clock.slept) == (3, slept)


def test_a_rejected_token_is_replaced_and_one_that_came_since_is_taken(office: Office) -> None:
    old = office.source(office.client()).get(office.graph)
    new = office.source(office.client()).get(office.graph, rejected=old.value)
    assert new.value != old.value
    assert office.source(office.client()).get(office.graph, rejected=old.value) == new
    assert office.token_requests() == 2


def test_claims_that_a_resource_demands_go_into_the_request_but_not_into_the_name_of_the_token(office: Office) -> None:
    old = office.source(office.client()).get(office.graph)
    challenged = TokenTarget(office.graph.scope, claims=json.dumps({'access_token': {'xms_cc': {'values': ['CP1']}}}))
    new = office.source(office.client()).get(challenged, rejected=old.value)
    assert new.claims()['xms_cc'] == ['CP1']
    assert office.source(office.client()).get(office.graph) == new


# endregion
# region refresh tokens


def test_a_refresh_token_is_replaced_by_the_one_that_comes_back(office: Office) -> None:
    office.tokens_expire_at_once()
    credential = office.cortex()
    values = []
    for _ in range(3):
        office.source(credential).get(office.graph)
        values.append(office.refresh_token(credential))
    assert len(set(values)) == 3


def test_an_answer_without_a_refresh_token_keeps_the_old_one(office: Office) -> None:
    credential = office.signed_in()
    before = office.kept(credential).sessions(office.clock.now())
    office.cloud.clock.advance(3600)
    office.cloud.faults.add(service='entra', path='token', body={'access_token': 'a-token', 'expires_in': 3600})
    assert office.source(credential).get(office.graph).value == 'a-token'
    assert office.kept(credential).sessions(office.clock.now()) == before


def test_a_sign_in_without_a_refresh_token_is_not_asked_for_with_the_same_code_again(office: Office) -> None:
    office.cloud.faults.add(service='entra', path='token', body={'access_token': 'a-token', 'expires_in': 3600})
    office.source(office.web('a code')).get(office.graph)
    office.cloud.clock.advance(3600)
    with pytest.raises(SignInRequiredError, match='Nobody has signed in'):
        office.source(office.web('a code')).get(office.graph)
    assert office.token_requests() == 1


def test_one_refresh_token_serves_several_resources(office: Office) -> None:
    office.consent_to_all()
    credential = office.signed_in()
    graph, azure = office.source(credential).get(office.graph), office.source(credential).get(office.azure)
    assert (graph.claims()['aud'], azure.claims()['aud']) == (office.cloud.graph, office.cloud.resource_manager)
    assert office.source(credential).get(office.graph) == graph


def test_a_pasted_code_beats_what_is_kept_and_the_same_one_does_not(office: Office) -> None:
    of_ada = office.signed_in(ADA)
    of_bob = office.signed_in(BOB)
    assert office.user_of(office.source(of_bob).get(office.graph)) == BOB
    assert office.user_of(office.source(of_ada).get(office.graph)) == ADA
    assert office.token_requests() == 0


def test_a_revoked_refresh_token_asks_for_a_person(office: Office) -> None:
    credential = office.signed_in()
    office.cloud.directory.user(ADA).revoke()
    office.cloud.clock.advance(3600)
    with pytest.raises(SignInRequiredError) as failure:
        office.source(credential).get(office.graph)
    assert failure.value.code == 'AADSTS50173'


def test_a_sign_in_that_was_started_outlives_a_renewal(office: Office) -> None:
    credential = office.signed_in()
    office.source(credential).start(state='mine', code_verifier='mine too')
    office.cloud.clock.advance(3600)
    office.source(credential).get(office.graph)
    started = office.source(credential).started()
    assert (started['state'], started['code_verifier']) == ('mine', 'mine too')


def test_a_sign_in_that_was_started_is_forgotten_after_a_day(office: Office) -> None:
    source = office.source(office.web())
    source.start(state='mine')
    office.cloud.clock.advance(24 * 3600 + 1)
    assert source.started() == {}


def test_a_sign_in_can_be_started_where_every_write_is_refused(office: Office) -> None:
    office.source(office.web(), BusyStore(float('inf'))).start(state='mine')
    assert office.source(office.web()).started()['state'] == 'mine'


def test_others_see_that_a_person_has_signed_in(office: Office) -> None:
    credential = office.signed_in()
    assert demisto.getIntegrationContext()['current_refresh_token'] == office.refresh_token(credential)


def test_the_refresh_token_of_the_cortex_app_is_not_shown_to_others(office: Office) -> None:
    office.source(office.cortex()).get(office.graph)
    assert 'current_refresh_token' not in demisto.getIntegrationContext()


# endregion
# region device code


def test_a_device_code_is_redeemed_by_whoever_asks_next(office: Office) -> None:
    office.start_device(enter_as=ADA)
    assert office.user_of(office.source(office.device()).get(office.graph)) == ADA
    assert office.source(office.device()).started() == {}


def test_a_device_code_that_was_not_entered_yet_is_pending(office: Office) -> None:
    office.start_device()
    with pytest.raises(SignInPendingError):
        office.source(office.device()).get(office.graph)


def test_a_new_device_sign_in_takes_the_place_of_a_token_that_is_still_good(office: Office) -> None:
    office.consent_to_all()
    office.start_device(enter_as=ADA)
    for target in (office.graph, office.azure):
        assert office.user_of(office.source(office.device()).get(target)) == ADA
    office.start_device(enter_as=BOB)
    assert office.user_of(office.source(office.device()).get(office.graph)) == BOB
    assert office.user_of(office.source(office.device()).get(office.azure)) == BOB


def test_a_new_device_sign_in_takes_the_place_of_a_revoked_one(office: Office) -> None:
    office.start_device(enter_as=ADA)
    office.source(office.device()).get(office.graph)
    office.cloud.directory.user(ADA).revoke()
    office.cloud.clock.advance(3600)
    office.start_device(enter_as=ADA)
    assert office.user_of(office.source(office.device()).get(office.graph)) == ADA


@pytest.mark.parametrize('later', [0, 3600 - 600])
def test_while_a_new_device_code_is_not_entered_the_old_sign_in_goes_on(office: Office, later: float) -> None:
    office.start_device(enter_as=ADA)
    office.source(office.device()).get(office.graph)
    office.cloud.clock.advance(later)
    office.start_device()
    office.cloud.clock.advance(later and 600)
    assert office.user_of(office.source(office.device()).get(office.graph)) == ADA
    asked = office.token_requests()
    assert office.user_of(office.source(office.device()).get(office.graph)) == ADA
    assert office.token_requests() - asked == (1 if later else 0)  # a pending code is not polled again at once


def test_a_device_code_that_was_never_entered_is_forgotten(office: Office) -> None:
    office.start_device(enter_as=ADA)
    office.source(office.device()).get(office.graph)
    office.start_device()
    office.cloud.clock.advance(901)
    asked = office.token_requests()
    office.source(office.device()).get(office.graph)
    assert office.token_requests() == asked


# endregion
# region the context of the public module


def public_context(**values: Any) -> None:
    demisto.setIntegrationContext(values)


@pytest.mark.parametrize('valid_until', [9e9, 9000000000, '9000000000', '9000000000.5'])
def test_a_token_that_the_public_module_left_is_used(office: Office, valid_until: Any) -> None:
    public_context(access_token='of the public module', valid_until=valid_until)
    assert office.source(office.client(), usual_target=office.graph).get(office.graph).value == 'of the public module'
    assert office.token_requests() == 0


def test_a_token_of_the_public_module_is_used_up_to_its_written_end(office: Office) -> None:
    public_context(access_token='of the public module', valid_until=int(office.clock.now()) + 100)
    office.cloud.clock.advance(95)
    assert office.source(office.client(), usual_target=office.graph).get(office.graph).value == 'of the public module'
    office.cloud.clock.advance(6)
    assert office.source(office.client(), usual_target=office.graph).get(office.graph).value != 'of the public module'


@pytest.mark.parametrize('valid_until', ['soon', None, '', -5])
def test_a_token_of_the_public_module_without_an_end_is_not_used(office: Office, valid_until: Any) -> None:
    public_context(access_token='of the public module', valid_until=valid_until)
    assert office.source(office.client(), usual_target=office.graph).get(office.graph).value != 'of the public module'


def test_tokens_that_the_public_module_kept_by_scope_and_by_resource_are_used_for_these_only(office: Office) -> None:
    public_context(
        **{
            'Mail.Send_access_token': 'for a scope',
            'Mail.Send_valid_until': 9e9,
            'valid_until': 9e9,
            'https://management.azure.com/': 'for a resource',
            'access_token': 'the usual one',
        }
    )
    kept = office.kept(office.client(), office.graph)
    assert kept.token(TokenTarget('Mail.Send')).value == 'for a scope'
    assert kept.token(TokenTarget(resource='https://management.azure.com/')).value == 'for a resource'
    assert kept.token(office.graph).value == 'the usual one'
    assert kept.token(office.azure) is None
    assert kept.token(TokenTarget('Mail.Read')) is None


def test_a_token_of_another_tenant_or_client_is_not_adopted_nor_the_refresh_token_beside_it(office: Office) -> None:
    foreign = office.source(office.client('web')).get(office.graph).value
    public_context(access_token=foreign, valid_until=9e9, current_refresh_token='foreign')
    kept = office.kept(office.client(), office.graph)
    assert kept.token(office.graph) is None
    assert kept.sessions(office.clock.now()) == [CachedSession()]


def test_a_refresh_token_of_the_public_module_keeps_the_instance_signed_in(office: Office) -> None:
    refresh_token = office.refresh_token(office.signed_in())
    public_context(current_refresh_token=refresh_token, access_token='expired', valid_until=1)
    assert office.user_of(office.source(office.web()).get(office.graph)) == ADA
    assert office.token_requests() == 1


def test_once_there_are_own_tokens_those_of_the_public_module_are_no_longer_looked_at_but_left_in_place(office: Office) -> None:
    public_context(current_refresh_token='of the public module', access_token='of the public module', valid_until=9e9)
    credential = office.cortex()
    office.source(credential, usual_target=TokenTarget()).get(TokenTarget('Mail.Send'))
    context = demisto.getIntegrationContext()
    assert context['current_refresh_token'] == context['access_token'] == 'of the public module'
    assert office.kept(credential, TokenTarget()).token(TokenTarget()) is None
    assert office.kept(office.web(), office.graph).token(office.graph) is None
    assert office.kept(office.web()).sessions(office.clock.now()) == [CachedSession()]


def test_where_the_refresh_token_of_the_public_module_is_refused_what_was_pasted_is_used(office: Office) -> None:
    public_context(current_refresh_token='an old one')
    credential = office.cortex()
    assert office.source(credential).get(office.graph)
    assert office.token_requests('token-service') == 2


def test_where_both_are_refused_the_error_is_that_of_the_refresh_token(office: Office) -> None:
    revoked = office.refresh_token(office.signed_in())
    office.cloud.directory.user(ADA).revoke()
    public_context(current_refresh_token=revoked)
    with pytest.raises(SignInRequiredError) as failure:
        office.source(office.web()).get(office.graph)
    assert failure.value.code == 'AADSTS50173'


# endregion
