"""Run the calls of a row one after the other, and check the outcome of each."""

from authentication_methods import METHODS_BY_NAME, AuthenticationMethod
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import NEW_TOKEN, Call, MessageRow, Refusal
from conformance.sign_in.workbench import Workbench
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError
from MicrosoftTokenRequestApiModule import AccessToken, TokenTarget

# Part of the path of every token request, whatever the service
TOKEN_PATH = 'token$'


def run(workbench: Workbench, row: MessageRow) -> None:
    """Make all calls of a row, each as its own process."""
    method = METHODS_BY_NAME[row.method]
    for name, value in row.directory.items():
        setattr(workbench.cloud.directory, name, value)
    if row.address:
        workbench.move_service(row.address)
    settings = {**keywords(row.method, workbench), **row.settings}
    for call in row.calls:
        workbench.set_environment({**row.environment, **call.environment})
        client = workbench.client(settings)
        client.token_provider.token_client.read_timeout = row.read_timeout or client.token_provider.token_client.read_timeout
        if isinstance(make(workbench, method, client, call), AccessToken):
            assert type(client.credential).__name__ == method.credential


def make(
    workbench: Workbench, method: AuthenticationMethod, client: MicrosoftClient, call: Call
) -> AccessToken | MicrosoftSignInError:
    """Make one request for a token, and return the token or the error."""
    workbench.later(call.later)
    for one in call.answers:
        workbench.fail(method.token_service, TOKEN_PATH, one)
    workbench.reset_counts()
    try:
        target = client.token_target()
    except CredentialError as error:  # invalid settings: nothing is sent
        assert_outcome(error, call, None)
        assert call.requests == workbench.requests_to(method.token_service) == 0
        workbench.assert_no_secret_in(error)
        return error
    token_before, refresh_token_before = workbench.cached_token(client, target), workbench.cached_refresh_token(client)
    outcome = workbench.ask(client)
    workbench.cloud.faults.clear()
    assert_outcome(outcome, call, token_before)
    challenges = method.challenges if call.outcome == NEW_TOKEN else 0
    assert workbench.requests_to(method.token_service, call.requests + challenges) - challenges == call.requests
    assert len(workbench.proxy.passed) == call.through_proxy
    least, most = call.waits
    assert least <= sum(workbench.clock.waits) <= most
    assert_cached(workbench, method, client, target, call, outcome)
    if call.refresh_token:
        is_same = workbench.cached_refresh_token(client) == refresh_token_before
        assert is_same == (call.refresh_token == 'same')
    workbench.assert_no_secret_in(outcome, client.credential, target)
    return outcome


def assert_outcome(outcome: AccessToken | MicrosoftSignInError, call: Call, before: AccessToken | None) -> None:
    """Check the token or the error of a call."""
    if isinstance(call.outcome, Refusal):
        assert_refusal(outcome, call.outcome)
        return
    assert isinstance(outcome, AccessToken), outcome
    is_new = before is None or outcome.value != before.value
    assert is_new == (call.outcome == NEW_TOKEN)


def assert_refusal(outcome: object, refusal: Refusal) -> None:
    """Check the class and the text of an error."""
    assert type(outcome) is refusal.kind, outcome
    assert isinstance(outcome, MicrosoftSignInError)
    assert refusal.says in outcome.what
    assert refusal.advice in outcome.advice
    assert outcome.advice.endswith('.'), 'an error must end with advice'
    assert refusal.code in ('', outcome.code)


def assert_cached(
    workbench: Workbench,
    method: AuthenticationMethod,
    client: MicrosoftClient,
    target: TokenTarget,
    call: Call,
    outcome: AccessToken | MicrosoftSignInError,
) -> None:
    """Check that the token is cached, and that an error leaves no usable token in the cache."""
    token = workbench.cached_token(client, target)
    if isinstance(outcome, AccessToken):
        assert token == (outcome if call.is_cached else None)
        assert bool(workbench.cached_refresh_token(client)) == method.has_refresh_token
        assert not workbench.cached_entry(client, 'started'), 'a completed sign-in must not remain pending'
    else:
        assert token is None or not token.is_usable(workbench.clock.now()), 'there must be no token after an error'
