"""Runs a row: makes the calls, one after the other, and looks at what must have come of each."""

from authentication_methods import METHODS_BY_NAME, AuthenticationMethod
from conformance.sign_in.methods import keywords
from conformance.sign_in.rows import NEW_TOKEN, Call, MessageRow, Refusal
from conformance.sign_in.world import World
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import CredentialError, MicrosoftSignInError
from MicrosoftCredentialsApiModule import AccessToken, TokenTarget

# Part of the path of every token request, whatever the service
TOKEN_PATH = 'token$'


def run(world: World, row: MessageRow) -> None:
    """Makes all calls of a row, each by a process of its own."""
    method = METHODS_BY_NAME[row.method]
    for name, value in row.directory.items():
        setattr(world.cloud.directory, name, value)
    if row.address:
        world.move_service(row.address)
    settings = {**keywords(row.method, world), **row.settings}
    for call in row.calls:
        world.set_environment({**row.environment, **call.environment})
        client = world.client(settings)
        client.token_provider.token_client.read_timeout = row.read_timeout or client.token_provider.token_client.read_timeout
        if isinstance(make(world, method, client, call), AccessToken):
            assert type(client.credential).__name__ == method.credential


def make(world: World, method: AuthenticationMethod, client: MicrosoftClient, call: Call) -> AccessToken | MicrosoftSignInError:
    """Makes one call for a token, and gives what came of it."""
    world.later(call.later)
    for one in call.answers:
        world.fail(method.token_service, TOKEN_PATH, one)
    world.forget_requests()
    try:
        target = client.token_target()
    except CredentialError as error:  # settings that are refused before anything is sent
        assert_outcome(error, call, None)
        assert call.requests == world.requests_to(method.token_service) == 0
        world.assert_no_secret_in(error)
        return error
    token_before, refresh_token_before = world.kept_token(client, target), world.kept_refresh_token(client)
    outcome = world.ask(client)
    world.cloud.faults.clear()
    assert_outcome(outcome, call, token_before)
    challenges = method.challenges if call.gives == NEW_TOKEN else 0
    assert world.requests_to(method.token_service, call.requests + challenges) - challenges == call.requests
    assert len(world.proxy.passed) == call.through_proxy
    least, most = call.waits
    assert least <= sum(world.clock.waits) <= most
    assert_kept(world, method, client, target, call, outcome)
    if call.refresh_token:
        is_same = world.kept_refresh_token(client) == refresh_token_before
        assert is_same == (call.refresh_token == 'same')
    world.assert_no_secret_in(outcome, client.credential, target)
    return outcome


def assert_outcome(outcome: AccessToken | MicrosoftSignInError, call: Call, before: AccessToken | None) -> None:
    """Fails where `outcome` is not what the call must give."""
    if isinstance(call.gives, Refusal):
        assert_refusal(outcome, call.gives)
        return
    assert isinstance(outcome, AccessToken), outcome
    is_new = before is None or outcome.value != before.value
    assert is_new == (call.gives == NEW_TOKEN)


def assert_refusal(outcome: object, refusal: Refusal) -> None:
    """Fails where `outcome` is not that error, or does not say so."""
    assert type(outcome) is refusal.kind, outcome
    assert isinstance(outcome, MicrosoftSignInError)
    assert refusal.says in outcome.what
    assert refusal.advice in outcome.advice
    assert outcome.advice.endswith('.'), 'an error ends in a sentence that says what to do'
    assert refusal.code in ('', outcome.code)


def assert_kept(
    world: World,
    method: AuthenticationMethod,
    client: MicrosoftClient,
    target: TokenTarget,
    call: Call,
    outcome: AccessToken | MicrosoftSignInError,
) -> None:
    """Fails where the store holds anything but what was given, or where an error left a token behind."""
    token = world.kept_token(client, target)
    if isinstance(outcome, AccessToken):
        assert token == (outcome if call.is_kept else None)
        assert bool(world.kept_refresh_token(client)) == method.has_refresh_token
        assert not world.kept_under(client, 'started'), 'a finished sign-in leaves nothing open'
    else:
        assert token is None or not token.is_usable(world.clock.now()), 'an error, and yet there was a token'
