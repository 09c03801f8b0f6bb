"""What a sign-in leaves in the context once the settings name somebody else, and what a reset deletes."""

import json

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, BOB, Processes
from MicrosoftApiModule import reset_auth
from MicrosoftCredentialsApiModule import AuthorizationCodeCredential, Credential, PendingSignIn
from MicrosoftTokenRequestApiModule import SignInRequiredError

REPEATED = 'current_refresh_token'


def repeated() -> str:
    return demisto.getIntegrationContext().get(REPEATED, '')


@pytest.mark.parametrize('other', ['application', 'cortex', 'device', 'start'])
def test_other_settings_do_not_repeat_the_refresh_token_of_a_user(processes: Processes, other: str) -> None:
    of_user = processes.refresh_token(processes.signed_in())
    assert repeated() == of_user
    if other == 'device':
        processes.start_device()
    elif other == 'start':
        web = AuthorizationCodeCredential(processes.application('daemon'), processes.web().redirect_uri)
        processes.provider(web).start_sign_in(PendingSignIn('mine'))
    else:
        processes.token(getattr(processes, other)())
    assert (repeated() not in ('', of_user)) if other == 'cortex' else (repeated() == '')


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
    assert {key.rpartition('/')[2] for key in context} == ({'of others'} if discard else {'of others', 'sign-in', REPEATED})
    assert repeated() == ('' if discard else processes.refresh_token(cortex))
    assert processes.refresh_token(user) == ''
    if not discard:
        assert processes.token(cortex) != first
        assert [json.loads(value) for key, value in demisto.getIntegrationContext().items() if key.endswith('sign-in')]


def write_there(refresh_token: str) -> None:
    demisto.setIntegrationContext({**demisto.getIntegrationContext(), REPEATED: refresh_token})


def refresh_token_of(processes: Processes, user: str) -> str:
    """Return a refresh token that was had elsewhere, for the application with device code."""
    processes.start_device(enter_as=user)
    processes.token(processes.device())
    found = processes.refresh_token(processes.device())
    demisto.setIntegrationContext({})
    return found


def test_a_refresh_token_that_an_integration_writes_follows_a_session_that_was_revoked(processes: Processes) -> None:
    # Azure AD Identity and Access: the administrator pastes one behind the client ID, which is written before each command.
    of_ada, of_bob = refresh_token_of(processes, ADA), refresh_token_of(processes, BOB)
    write_there(of_ada)
    processes.token(processes.device())
    processes.cloud.clock.advance(3600)
    write_there(of_ada)
    assert processes.user_of(processes.token(processes.device())) == ADA
    processes.cloud.directory.user(ADA).revoke()
    processes.cloud.clock.advance(3600)
    write_there(of_ada)
    with pytest.raises(SignInRequiredError, match='AADSTS50173'):
        processes.token(processes.device())
    write_there(of_bob)
    assert processes.user_of(processes.token(processes.device())) == BOB
    assert repeated() == processes.refresh_token(processes.device()) != of_bob


def test_no_refresh_token_of_other_settings_is_used_without_a_sign_in(processes: Processes) -> None:
    processes.signed_in(ADA)
    write_there(repeated())
    with pytest.raises(SignInRequiredError, match='No user has signed in'):
        processes.token(processes.device())
    assert processes.token_requests() == 0


@pytest.mark.parametrize('is_first', [False, True])
def test_the_code_of_a_sign_in_that_was_started_says_who_signs_in(processes: Processes, is_first: bool) -> None:
    of_ada = processes.refresh_token(processes.signed_in(ADA))
    if is_first:
        demisto.setIntegrationContext({})
    write_there(of_ada)
    bob = processes.signed_in(BOB)
    for _ in range(2):
        write_there(of_ada)
        assert processes.user_of(processes.token(bob)) == BOB
        processes.cloud.clock.advance(3600)


def test_a_refresh_token_beside_a_token_of_another_application_is_not_used(processes: Processes) -> None:
    of_other = processes.token(processes.application()).value
    demisto.setIntegrationContext({REPEATED: 'of other', 'access_token': of_other, 'valid_until': 1})
    processes.cloud.requests.clear()
    with pytest.raises(SignInRequiredError, match='No user has signed in'):
        processes.token(processes.device())
    assert processes.token_requests() == 0
