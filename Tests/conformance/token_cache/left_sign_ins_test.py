"""What a sign-in leaves in the context once the settings name somebody else, and what a reset deletes."""

import json

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, BOB, Processes
from MicrosoftApiModule import reset_auth
from MicrosoftCredentialsApiModule import AuthorizationCodeCredential, Credential, PendingSignIn

REPEATED = 'current_refresh_token'


def repeated() -> str:
    return demisto.getIntegrationContext().get(REPEATED, '')


@pytest.mark.parametrize('other', ['application', 'cortex', 'device', 'start'])
def test_other_settings_do_not_repeat_the_refresh_token_of_a_user(processes: Processes, other: str) -> None:
    processes.signed_in()
    assert repeated()
    if other == 'device':
        processes.start_device()
    elif other == 'start':
        web = AuthorizationCodeCredential(processes.application('daemon'), processes.web().redirect_uri)
        processes.provider(web).start_sign_in(PendingSignIn('mine'))
    else:
        processes.token(getattr(processes, other)())
    assert repeated() == ''


def test_the_refresh_token_of_another_user_is_replaced(processes: Processes) -> None:
    processes.signed_in(ADA)
    of_ada = repeated()
    bob = processes.signed_in(BOB)
    assert repeated() == processes.refresh_token(bob) != of_ada


def test_the_first_user_is_repeated_again_with_the_first_settings(processes: Processes) -> None:
    ada: Credential = processes.signed_in(ADA)
    processes.token(processes.application())
    assert repeated() == ''
    processes.cloud.clock.advance(3600)
    processes.token(ada)
    assert repeated() == processes.refresh_token(ada) != ''


@pytest.mark.parametrize('left', ['of the public module', '', 5, None, {'a': 1}, ['x']])
def test_what_others_left_there_is_not_touched(processes: Processes, left: object) -> None:
    demisto.setIntegrationContext({REPEATED: left, 'access_token': 'x', 'valid_until': 1})
    processes.token(processes.application())
    assert demisto.getIntegrationContext()[REPEATED] == left


@pytest.mark.parametrize('discard', [False, True])
def test_a_reset_keeps_the_token_that_works_once_unless_told_otherwise(processes: Processes, discard: bool) -> None:
    cortex, user = processes.cortex(), processes.signed_in()
    first = processes.token(cortex)
    demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'of others': 'remains'})
    said = str(reset_auth(discard_token=discard).readable_output)
    context = demisto.getIntegrationContext()
    assert ('next Token' in said) is not discard
    assert {key.rpartition('/')[2] for key in context} == ({'of others'} if discard else {'of others', 'sign-in'})
    assert processes.refresh_token(user) == ''
    if not discard:
        assert processes.token(cortex) != first
        assert [json.loads(value) for key, value in demisto.getIntegrationContext().items() if key.endswith('sign-in')]
