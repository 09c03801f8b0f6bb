"""Answers that real services were reported to give, which their documentation does not mention."""

from typing import Any

import pytest

import demistomock as demisto
from conformance.sign_in.methods import ADA, device_signed_out, keywords
from conformance.sign_in.rows import *
from conformance.sign_in.running import run
from conformance.sign_in.workbench import Settings, Workbench
from MicrosoftApiModule import (
    MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
    complete_device_sign_in,
    reset_auth,
    start_device_sign_in,
)
from MicrosoftCoreApiModule import MicrosoftSignInError
from MicrosoftCredentialsApiModule import AzureArc, CachedSession, PendingSignIn
from MicrosoftTokenRequestApiModule import (
    AccessToken,
    SignInPendingError,
    SignInRefusedError,
    SignInRequiredError,
    SignInUnavailableError,
)
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.entra.model import Secret

# region Cortex XSOAR application


@pytest.mark.parametrize('code', [200, 201, 202, 226])
def test_each_next_token_of_the_cortex_app_is_kept_whatever_the_status_of_success(workbench: Workbench, code: int) -> None:
    calls = (Call(refresh_token='new'), Call(later=3600, refresh_token='new'), Call(later=3600, refresh_token='new'))
    run(workbench, MessageRow('cold', CORTEX_APP, calls, directory={'token_service_status': code}))


# endregion
# region Azure Arc


def arc_identity(workbench: Workbench) -> dict[str, Any]:
    client_id = workbench.cloud.directory.managed_identity('soar-engine').client_id
    return {**keywords(ARC, workbench), 'managed_identities_client_id': client_id}


def test_a_user_assigned_identity_of_an_arc_machine_gets_a_token(workbench: Workbench) -> None:
    settings = arc_identity(workbench)
    token = workbench.ask(workbench.client(settings))
    assert isinstance(token, AccessToken), token
    assert token.claims()['appid'] == settings['managed_identities_client_id']
    assert workbench.graph_status(token.value) == 200


def test_a_token_of_another_identity_of_an_arc_machine_is_not_used(workbench: Workbench) -> None:
    workbench.cloud.directory.arc_knows_ids = False
    error = workbench.ask(workbench.client(arc_identity(workbench)))
    assert str(error) == (
        'The Azure Arc agent returned a token of another identity than Azure Managed Identities Client ID. '
        'Update the agent, or leave that field empty.'
    )
    assert isinstance(workbench.ask(workbench.client(keywords(ARC, workbench))), AccessToken)


def test_an_identity_that_an_arc_machine_does_not_have_is_named(workbench: Workbench) -> None:
    settings = {**arc_identity(workbench), 'managed_identities_client_id': '11111111-2222-3333-4444-555555555555'}
    error = workbench.ask(workbench.client(settings))
    assert isinstance(error, MicrosoftSignInError)
    assert 'Identity not found' in str(error)
    assert 'check Azure Managed Identities Client ID' in error.advice


def test_an_arc_machine_without_variables_is_found_by_its_key_folder(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    arc = workbench.cloud.host_environment('arc')
    monkeypatch.setattr(AzureArc, 'ENDPOINT', arc['IDENTITY_ENDPOINT'], raising=False)
    token = workbench.ask_for(
        {
            'managed_identities_client_id': MANAGED_IDENTITIES_SYSTEM_ASSIGNED,
            'managed_identities_resource_uri': workbench.cloud.graph,
        }
    )
    assert isinstance(token, AccessToken), token
    assert workbench.graph_status(token.value) == 200


# endregion
# region throttled


def refused_for(seconds: int) -> Refusal:
    return Refusal(SignInUnavailableError, 'responded with HTTP status', f'Try again in {seconds} seconds.')


@pytest.mark.parametrize(
    'sent, seconds',
    [(status(429, '120'), 120), (status(503, '240'), 240), (status(429, '999999'), 3600), (aadsts(50196), 60)],
    ids=['429', '503', 'a week', 'AADSTS50196'],
)
@pytest.mark.parametrize('method', [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP, CERTIFICATE_PS256])
def test_a_service_that_throttles_is_left_alone_as_long_as_it_asks(
    workbench: Workbench, method: str, sent: Answer, seconds: int
) -> None:
    calls = (
        Call(Refusal(SignInUnavailableError, 'responded with HTTP status', 'Try again in'), 1, (sent,)),
        Call(refused_for(seconds), requests=0),
        Call(refused_for(seconds - 10), requests=0, later=10),
        Call(refused_for(1), requests=0, later=seconds - 11),
        Call(later=2),
    )
    run(workbench, MessageRow('429 with seconds', method, calls, directory={'authorization_code_seconds': 9000}))


def test_a_new_sign_in_does_not_wait_for_the_end_of_a_limit(workbench: Workbench) -> None:
    settings = keywords(DEVICE_CODE, workbench)
    workbench.fail('entra', 'token', status(429, '600'))
    assert isinstance(workbench.ask_for(settings), SignInUnavailableError)
    complete_device_sign_in(workbench.client(settings))
    assert not workbench.cached_entry(workbench.client(settings), 'lease')
    assert isinstance(workbench.ask_for(settings), AccessToken)


def test_a_clock_that_is_set_back_ends_the_wait(workbench: Workbench) -> None:
    settings = keywords(CLIENT_SECRET, workbench)
    workbench.later(3 * 3600)
    workbench.fail('entra', 'token', status(429, '3000'))
    assert isinstance(workbench.ask_for(settings), SignInUnavailableError)
    workbench.later(-2 * 3600)
    assert isinstance(workbench.ask_for(settings), AccessToken)


# endregion
# region refused sessions

REVOKED = aadsts(50173)


def refused_session(workbench: Workbench, method: str) -> Settings:
    """Return the settings of a user whose refresh token has just been refused."""
    settings = keywords(method, workbench)
    assert isinstance(workbench.ask_for(settings), AccessToken)
    workbench.later(3700)
    workbench.fail('entra', 'token', REVOKED)
    assert isinstance(workbench.ask_for(settings), SignInRequiredError)
    return settings


@pytest.mark.parametrize('method', [AUTHORIZATION_CODE, DEVICE_CODE])
def test_a_refused_refresh_token_is_not_sent_again_by_each_command(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    assert isinstance(workbench.ask_for(settings), AccessToken)
    workbench.later(3700)
    for _ in range(30):
        workbench.fail('entra', 'token', REVOKED)
    workbench.reset_counts()
    errors = []
    for _ in range(30):
        errors.append(workbench.ask(workbench.client(settings)))
        workbench.later(5)
    assert workbench.requests_to('entra') == 3  # in 150 seconds; at about 15 in 5 minutes, Entra answers AADSTS50196
    for error in errors:
        assert isinstance(error, SignInRequiredError)
        assert 'AADSTS50173' in error.what
        assert error.needs_new_sign_in


@pytest.mark.parametrize('method', [AUTHORIZATION_CODE, DEVICE_CODE])
def test_a_refused_token_of_the_public_module_is_not_sent_again_by_each_command(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    token = workbench.ask_for(settings)
    assert isinstance(token, AccessToken)
    refresh_token = demisto.getIntegrationContext()['current_refresh_token']
    written = {'current_refresh_token': refresh_token, 'access_token': token.value, 'valid_until': token.expires_on}
    demisto.setIntegrationContext(written)
    workbench.later(3700)
    workbench.cloud.faults.add(service='entra', path='token', **REVOKED, times=60)
    workbench.reset_counts()
    for _ in range(30):
        assert isinstance(workbench.ask(workbench.client(settings)), SignInRequiredError)
        workbench.later(5)
    assert workbench.requests_to('entra') <= 6  # in 150 seconds: the token, and the code beside it, once a minute
    workbench.cloud.faults.clear()
    assert isinstance(workbench.ask_for(keywords(method, workbench)), AccessToken), 'a new sign-in does not wait'


def test_a_refused_refresh_is_not_tried_again_while_the_token_lasts(workbench: Workbench) -> None:
    settings = keywords(AUTHORIZATION_CODE, workbench)
    assert isinstance(workbench.ask_for(settings), AccessToken)
    workbench.later(3599 - 280)
    workbench.fail('entra', 'token', REVOKED)
    assert isinstance(workbench.ask_for(settings), AccessToken)
    workbench.later(40)
    assert isinstance(workbench.ask_for(settings), AccessToken)
    assert workbench.requests_to('entra') == 0
    workbench.later(21)
    assert isinstance(workbench.ask_for(settings), AccessToken)
    assert workbench.requests_to('entra') == 1


@pytest.mark.parametrize(
    'method, changed',
    [
        (AUTHORIZATION_CODE, {'tenant_id': 'contoso.example'}),
        (DEVICE_CODE, {'tenant_id': 'contoso.example'}),
        (AUTHORIZATION_CODE, {'enc_key': 'the~second'}),
    ],
)
def test_changed_settings_do_not_wait_after_a_refusal(workbench: Workbench, method: str, changed: Settings) -> None:
    settings = {**refused_session(workbench, method), **changed}
    workbench.cloud.directory.application('web').secrets.append(Secret(value='the~second'))
    assert isinstance(workbench.ask_for(settings), AccessToken)


@pytest.mark.parametrize('method', [AUTHORIZATION_CODE, DEVICE_CODE])
def test_a_new_sign_in_does_not_wait_after_a_refusal(workbench: Workbench, method: str) -> None:
    refused_session(workbench, method)
    assert isinstance(workbench.ask_for(keywords(method, workbench)), AccessToken)


def test_a_refusal_of_required_claims_does_not_end_other_requests(workbench: Workbench) -> None:
    settings = keywords(AUTHORIZATION_CODE, workbench)
    token = workbench.ask_for(settings)
    assert isinstance(token, AccessToken)
    workbench.fail('entra', 'token', aadsts(50076))
    client = workbench.client(settings)
    with pytest.raises(SignInRequiredError):
        client.token_provider.get_token(client.token_target(claims='{"access_token":{"acrs":{"value":"p1"}}}'), token.value)
    workbench.later(5)
    client = workbench.client(settings)
    assert client.token_provider.get_token(client.token_target(), token.value).value != token.value


# endregion
# region hosts

DAY = 24 * 3600
WAIT, ALL_WAITS = (0.6, 1.0), (9, 15)  # s
PAGE = '<html><body>404 - File or directory not found.</body></html>'


def test_a_token_that_the_host_has_kept_is_not_used_beyond_its_end(workbench: Workbench) -> None:
    calls = (Call(), Call(SAME_TOKEN, 0, later=1490), Call(later=20))
    run(
        workbench,
        MessageRow('expires_in string', VM_SYSTEM_ASSIGNED, calls, directory={'managed_identity_answer_age': DAY - 1800}),
    )


@pytest.mark.parametrize('expires_on', [Moment(-60, 'epoch'), 'tomorrow', '', Moment(DAY, 'epoch')], ids=str)
def test_an_expiry_that_is_wrong_does_not_replace_the_lifetime(workbench: Workbench, expires_on: object) -> None:
    sent = answer({'access_token': 'made-up', 'expires_in': '3599', 'expires_on': expires_on})
    calls = (Call(answers=(sent,)), Call(SAME_TOKEN, 0, later=3290), Call(later=20))
    run(workbench, MessageRow('expires_in string', VM_SYSTEM_ASSIGNED, calls))


@pytest.mark.parametrize('sent', [RESET_MID_BODY, status(500), status(429)], ids=['reset mid-body', '500', '429'])
def test_each_try_on_an_arc_machine_has_a_challenge_of_its_own(workbench: Workbench, sent: Answer) -> None:
    run(workbench, MessageRow('reset mid-body', ARC, (Call(requests=3, answers=({**sent, 'skip': 1},), waits=WAIT),)))


@pytest.mark.parametrize(
    'body',
    [
        {'StatusCode': 400, 'Message': 'No MSI found for specified ClientId/ResourceId.'},
        {'ExceptionMessage': 'No MSI found for specified ClientId/ResourceId.'},
        {'Message': 'An error has occurred.', 'ExceptionMessage': 'No MSI found for specified ClientId/ResourceId.'},
        {'MESSAGE': 'No MSI found for specified ClientId/ResourceId.', 'Detail': None},
        {'Error': 'invalid_request', 'Error_Description': 'No MSI found for specified ClientId/ResourceId.'},
        {'Error': {'Code': 'BadRequest', 'Message': 'No MSI found for specified ClientId/ResourceId.'}},
    ],
    ids=str,
)
def test_the_reason_of_app_service_is_shown_however_its_name_is_written(workbench: Workbench, body: dict[str, Any]) -> None:
    says = Refusal(SignInRefusedError, 'No MSI found for specified ClientId/ResourceId', 'Azure Managed Identities Client ID')
    run(workbench, MessageRow('400', APP_SERVICE, (Call(says, 1, (status(400, body=body),)),)))


def test_automation_gets_the_header_that_it_wants(workbench: Workbench) -> None:
    run(workbench, MessageRow('cold', APP_SERVICE, (Call(),), directory={'is_automation': True}))


def test_a_host_whose_endpoint_is_being_updated_is_tried_again_whatever_it_answers(workbench: Workbench) -> None:
    run(workbench, MessageRow('404', VM_SYSTEM_ASSIGNED, (Call(requests=2, answers=(status(404, body=PAGE),), waits=WAIT),)))


def test_a_page_in_place_of_an_endpoint_is_not_that_of_an_azure_host(workbench: Workbench) -> None:
    says = Refusal(SignInRefusedError, 'is not an Azure identity endpoint', 'Choose an engine on an Azure host', '404')
    call = Call(says, 5, ({**status(404, body=PAGE), **ALWAYS},), ALL_WAITS)
    run(workbench, MessageRow('404', VM_SYSTEM_ASSIGNED, (call,)))


# endregion
# region device code


def start_device(workbench: Workbench) -> tuple[Settings, dict[str, Any]]:
    settings = device_signed_out(workbench)
    return settings, start_device_sign_in(workbench.client(settings))


def poll(workbench: Workbench, settings: Settings) -> AccessToken | MicrosoftSignInError:
    try:
        return complete_device_sign_in(workbench.client(settings))
    except MicrosoftSignInError as error:
        return error


def test_all_later_polls_wait_longer_after_each_slow_down(workbench: Workbench) -> None:
    settings, started = start_device(workbench)
    ends_on = workbench.cached_entry(workbench.client(settings), 'started')['ends_on']
    intervals = []
    for later in (0, 1, 6, 20, 1):  # s; three of them are too early
        workbench.later(later)
        error = poll(workbench, settings)
        assert isinstance(error, SignInPendingError)
        intervals.append(error.interval)
    assert intervals == [5, 10, 15, 15, 20]
    assert workbench.cached_entry(workbench.client(settings), 'started')['ends_on'] == ends_on
    Browser(workbench.cloud, ADA).enter_device_code(started['verification_uri'], started['user_code'])
    assert isinstance(poll(workbench, settings), AccessToken)


def test_a_token_request_of_a_command_slows_down_as_well(workbench: Workbench) -> None:
    settings, _ = start_device(workbench)
    errors = [workbench.ask_for(settings), workbench.ask_for(settings)]
    assert [error.interval for error in errors if isinstance(error, SignInPendingError)] == [5, 10]


@pytest.mark.parametrize('number', [65004, 70019, 70018, 54005])
@pytest.mark.parametrize('is_command', [False, True])
def test_a_device_code_that_is_of_no_more_use_is_dropped(workbench: Workbench, is_command: bool, number: int) -> None:
    settings, _ = start_device(workbench)
    workbench.fail('entra', 'token', aadsts(number))
    error = workbench.ask_for(settings) if is_command else poll(workbench, settings)
    assert isinstance(error, SignInRequiredError)
    assert not workbench.cached_entry(workbench.client(settings), 'started')
    assert isinstance(workbench.ask_for(settings), SignInRequiredError)
    # a client of keywords requests a token even then, as that of the public module does
    assert workbench.requests_to('entra') == 1


def test_the_poll_asks_for_a_refresh_token(workbench: Workbench) -> None:
    client = workbench.client(device_signed_out(workbench))
    session = CachedSession(pending=PendingSignIn(device_code='a code'))
    assert 'offline_access' in client.credential.token_request(client.token_target(), session).form['scope'].split()


# endregion
# region the same client


@pytest.mark.parametrize('seconds', [2, 40, 250, 3600])
def test_a_token_that_has_just_come_serves_the_next_requests(workbench: Workbench, seconds: int) -> None:
    workbench.cloud.directory.access_token_seconds = seconds + 1
    client = workbench.client(keywords(CLIENT_SECRET, workbench))
    tokens = [client.get_access_token() for _ in range(10)]
    assert len(set(tokens)) == workbench.requests_to('entra') == 1
    workbench.later(seconds + 1)
    assert client.get_access_token() != tokens[0]


def test_a_token_that_was_reset_is_not_used_by_the_same_client(workbench: Workbench) -> None:
    client = workbench.client(keywords(CLIENT_SECRET, workbench))
    for _ in range(2):
        before = client.get_access_token()
        reset_auth()
        assert client.get_access_token() != before


# endregion
