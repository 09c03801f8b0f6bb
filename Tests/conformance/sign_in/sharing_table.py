"""Who shares what: instances with one app, users of one app, resources of one sign-in, processes of one instance."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import demistomock as demisto
from authentication_methods import METHODS_BY_NAME
from conformance.sign_in.methods import ADA, BOB, authorization_code, cortex_app, device_code, keywords, redirect_of, signed_out
from conformance.sign_in.processes import at_once
from conformance.sign_in.rows import *
from conformance.sign_in.running import assert_refusal, make
from conformance.sign_in.world import Settings, World
from MicrosoftApiModule import MicrosoftClient
from MicrosoftCoreApiModule import SystemClock
from MicrosoftCredentialsApiModule import AccessToken, CortexAppCredential, SignInRequiredError

USED_UP = Refusal(SignInRequiredError, 'AADSTS54005', 'start the sign-in again')
TOKEN_USED_UP = Refusal(SignInRequiredError, 'AADSTS70000', 'sign in again')


@dataclass(frozen=True)
class Story:
    """What happens between several parties, for one authentication method."""

    case: str
    method: str
    tell: Callable[[World, str], None]
    situation: str = ''

    def __str__(self) -> str:
        return ' - '.join(part for part in (self.method, self.case, self.situation) if part)


def stories(case: str, methods: Iterable[str], tell: Callable[[World, str], None], situation: str = '') -> list[Story]:
    return [Story(case, method, tell, situation) for method in methods]


def token(world: World, settings: Settings, **target: Any) -> str:
    """The token that a command of the instance gets."""
    outcome = world.ask(world.client(settings), **target)
    assert isinstance(outcome, AccessToken), outcome
    return outcome.value


# region instances and users


def each_instance_signs_in_for_itself(world: World, method: str) -> None:
    settings = keywords(method, world)
    world.forget_requests()
    first = token(world, settings)
    world.switch_instance()
    assert token(world, settings) != first
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 2 * (1 + METHODS_BY_NAME[method].challenges)
    world.switch_instance()
    assert token(world, settings) == first


def a_second_instance_is_refused(world: World, method: str) -> None:
    settings = keywords(method, world)
    first = token(world, settings)
    world.switch_instance()
    assert_refusal(world.ask(world.client(settings)), USED_UP if method == AUTHORIZATION_CODE else TOKEN_USED_UP)
    world.switch_instance()
    assert token(world, settings) == first
    world.later(3600)
    assert token(world, settings) != first


SIGN_IN_AS: dict[str, Callable[[World, str], Settings]] = {
    AUTHORIZATION_CODE: authorization_code,
    CORTEX_APP: cortex_app,
    DEVICE_CODE: device_code,
}


def each_user_gets_the_own_token(world: World, method: str) -> None:
    of_ada = SIGN_IN_AS[method](world, ADA)
    token_of_ada = token(world, of_ada)
    of_bob = SIGN_IN_AS[method](world, BOB)
    token_of_bob = token(world, of_bob)
    assert world.user_of(token_of_ada) == ADA
    assert world.user_of(token_of_bob) == BOB
    world.forget_requests()
    assert token(world, of_bob) == token_of_bob
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 0
    world.later(3600)
    assert world.user_of(token(world, of_bob)) == BOB


def both_users_stay_signed_in(world: World, method: str) -> None:
    of_ada = SIGN_IN_AS[method](world, ADA)
    token(world, of_ada)
    of_bob = SIGN_IN_AS[method](world, BOB)
    for _ in range(3):
        assert world.user_of(token(world, of_ada)) == ADA
        assert world.user_of(token(world, of_bob)) == BOB
        world.later(3600)


# endregion
# region resources


def each_resource_takes_its_own_token_only(world: World, method: str) -> None:
    cloud = world.cloud
    for application in cloud.directory.applications:
        application.tenant_wide_consent = True
    settings = keywords(method, world)
    world.forget_requests()
    for_graph = token(world, settings)
    by_scope = METHODS_BY_NAME[method].token_service == 'entra'
    wanted = {'scope': f'{cloud.resource_manager}/.default'} if by_scope else {'resource': cloud.resource_manager}
    for_azure = token(world, settings, **wanted)
    assert (token(world, settings), token(world, settings, **wanted)) == (for_graph, for_azure)
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 2 * (1 + METHODS_BY_NAME[method].challenges)
    subscriptions = f'{cloud.resource_manager}/subscriptions?api-version=2022-12-01'
    assert [world.status_of(subscriptions, one) for one in (for_azure, for_graph)] == [200, 401]
    assert [world.graph_status(one) for one in (for_graph, for_azure)] == [200, 401]


def version_1_of_the_token_endpoint_takes_a_resource(world: World, method: str) -> None:
    version_1 = {'token_retrieval_url': '{endpoint}/{tenant_id}/oauth2/token', 'resource': world.cloud.graph}
    if method == AUTHORIZATION_CODE:
        settings = {**signed_out(world), **version_1}
        settings['auth_code'] = redirect_of(world, settings)
    else:
        settings = {**keywords(method, world), **version_1}
    world.forget_requests()
    first = token(world, settings)
    assert world.graph_status(first) == 200
    assert [record.path.endswith('/oauth2/token') for record in world.cloud.requests.of('entra')] == [True]
    make(world, METHODS_BY_NAME[method], world.client(settings), Call(later=3600))


# endregion
# region processes and the context


def twenty_threads_ask_once(world: World, method: str) -> None:
    settings = keywords(method, world)
    token(world, settings)
    world.later(25 * 3600)
    world.forget_requests()
    clients = [world.client(settings) for _ in range(20)]
    got: list[object] = []
    for client in clients:
        client.clock = SystemClock()  # type: ignore[assignment]  # they really wait for each other
    threads = [threading.Thread(target=lambda client=client: got.append(world.ask(client))) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 20
    assert len({one.value for one in got if isinstance(one, AccessToken)}) == 1, got
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 1 + METHODS_BY_NAME[method].challenges
    make(world, METHODS_BY_NAME[method], world.client(settings), Call(SAME_TOKEN, requests=0))


def twenty_processes_ask_once(world: World, method: str) -> None:
    settings = keywords(method, world)
    token(world, settings)
    world.later(3600)
    world.forget_requests()
    got = at_once(20, settings, world.clock.now() - time.time(), world.folder)
    assert len(got) == 20
    assert len(set(got)) == 1
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 1
    make(world, METHODS_BY_NAME[method], world.client(settings), Call(SAME_TOKEN, requests=0))
    make(world, METHODS_BY_NAME[method], world.client(settings), Call(later=3600, refresh_token='new'))


def a_write_that_came_between_is_kept(world: World, method: str) -> None:
    settings = keywords(method, world)
    world.forget_requests()
    world.write_between(times=2)
    make(world, METHODS_BY_NAME[method], world.client(settings), Call(waits=(0, 1)))
    make(world, METHODS_BY_NAME[method], world.client(settings), Call(SAME_TOKEN, requests=0))
    assert demisto.getIntegrationContext()['theirs'] == '2'


def a_token_is_given_though_it_cannot_be_kept(world: World, method: str) -> None:
    settings = keywords(method, world)
    world.forget_requests()
    world.write_between(times=10_000)
    first = token(world, settings)
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 1 + METHODS_BY_NAME[method].challenges
    world.write_between(times=0)
    if METHODS_BY_NAME[
        method
    ].has_refresh_token:  # it is written over whatever is there: without it, a person would have to sign in again
        make(world, METHODS_BY_NAME[method], world.client(settings), Call(SAME_TOKEN, requests=0))
    else:
        assert any('refused every write' in line for line in world.log)
        assert token(world, settings) != first


# endregion
# region without a context


def the_test_button_signs_in_and_keeps_nothing(world: World, method: str) -> None:
    settings = keywords(method, world)
    world.forget_requests()
    before = demisto.getIntegrationContext()
    world.press_test_button()
    client = world.client(settings)
    first = world.ask(client)
    assert isinstance(first, AccessToken)
    assert world.graph_status(first.value) == 200
    assert world.ask(client) == first
    assert world.requests_to(METHODS_BY_NAME[method].token_service) == 1 + METHODS_BY_NAME[method].challenges
    assert demisto.getIntegrationContext() == before
    assert token(world, settings) != first.value


def the_test_button_leaves_the_token_unused(world: World, method: str) -> None:
    settings = keywords(method, world)
    world.forget_requests()
    client: MicrosoftClient = world.client(settings)
    assert isinstance(client.credential, CortexAppCredential)
    client.credential.check_without_token_use(client.token_provider.token_client)
    assert demisto.getIntegrationContext() == {}
    assert [(record.method, record.path) for record in world.cloud.requests.of('token-service')] == [('GET', '/obtain-token')]
    make(world, METHODS_BY_NAME[method], world.client(settings), Call())


# endregion

SYSTEM_ALONE = (*CLIENTS, *HOSTS)
ROWS = [
    *stories('two instances with the same app', SYSTEM_ALONE, each_instance_signs_in_for_itself),
    *stories('two instances with the same app', [AUTHORIZATION_CODE, CORTEX_APP], a_second_instance_is_refused),
    *stories('two users', [AUTHORIZATION_CODE, DEVICE_CODE, CORTEX_APP], each_user_gets_the_own_token),
    *stories('two users', [AUTHORIZATION_CODE, CORTEX_APP], both_users_stay_signed_in, 'turn by turn'),
    *stories('several resources at once', [*ENTRA, *HOSTS], each_resource_takes_its_own_token_only),
    *stories(
        'several resources at once',
        [*CLIENTS, AUTHORIZATION_CODE],
        version_1_of_the_token_endpoint_takes_a_resource,
        'by version 1 of the endpoint',
    ),
    *stories(
        '20 processes at once',
        [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP, VM_SYSTEM_ASSIGNED, ARC],
        twenty_threads_ask_once,
        'as threads',
    ),
    *stories('20 processes at once', [CORTEX_APP], twenty_processes_ask_once),
    *stories('context write refused once', ALL_METHODS, a_write_that_came_between_is_kept, 'or twice'),
    *stories('context write refused always', ALL_METHODS, a_token_is_given_though_it_cannot_be_kept),
    *stories('context unavailable', SYSTEM_ALONE, the_test_button_signs_in_and_keeps_nothing, 'the Test button'),
    *stories('context unavailable', [CORTEX_APP], the_test_button_leaves_the_token_unused, 'the Test button'),
]
