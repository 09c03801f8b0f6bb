"""Answers that real services were reported to give, which their documentation does not mention."""

import pytest

from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import *
from conformance.sign_in.running import run
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import complete_device_sign_in
from MicrosoftCredentialsApiModule import AccessToken, SignInUnavailableError

# region Cortex XSOAR app


@pytest.mark.parametrize('code', [200, 201, 202, 226])
def test_each_next_token_of_the_cortex_app_is_kept_whatever_the_status_of_success(workbench: Workbench, code: int) -> None:
    calls = (Call(refresh_token='new'), Call(later=3600, refresh_token='new'), Call(later=3600, refresh_token='new'))
    run(workbench, MessageRow('cold', CORTEX_APP, calls, directory={'token_service_status': code}))


# endregion
# region throttled


def refused_for(seconds: int) -> Refusal:
    return Refusal(SignInUnavailableError, 'answered with HTTP status', f'Try again in {seconds} seconds.')


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
        Call(Refusal(SignInUnavailableError, 'answered with HTTP status', 'Try again in'), 1, (sent,)),
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
