"""Several instances with one app, users of one app, resources of one sign-in, processes of one instance."""

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
from conformance.sign_in.workbench import Settings, Workbench
from MicrosoftApiModule import MicrosoftClient, complete_device_sign_in
from MicrosoftCoreApiModule import SystemClock
from MicrosoftCredentialsApiModule import CortexAppCredential
from MicrosoftTokenRequestApiModule import AccessToken, SignInRequiredError

USED_UP = Refusal(SignInRequiredError, 'AADSTS54005', 'Start the sign-in again')
TOKEN_USED_UP = Refusal(SignInRequiredError, 'AADSTS70000', 'go through the consent page again')


@dataclass(frozen=True)
class Scenario:
    """A scenario with several instances, users, resources or processes, for one authentication method."""

    case: str
    method: str
    run: Callable[[Workbench, str], None]
    situation: str = ''

    def __str__(self) -> str:
        return ' - '.join(part for part in (self.method, self.case, self.situation) if part)


def scenarios(case: str, methods: Iterable[str], run: Callable[[Workbench, str], None], situation: str = '') -> list[Scenario]:
    return [Scenario(case, method, run, situation) for method in methods]


def token(workbench: Workbench, settings: Settings, **target: Any) -> str:
    """Return the token that a command of the instance gets."""
    outcome = workbench.ask(workbench.client(settings), **target)
    assert isinstance(outcome, AccessToken), outcome
    return outcome.value


# region instances and users


def each_instance_signs_in_for_itself(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    workbench.reset_counts()
    first = token(workbench, settings)
    workbench.switch_instance()
    assert token(workbench, settings) != first
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 2 * (1 + METHODS_BY_NAME[method].challenges)
    workbench.switch_instance()
    assert token(workbench, settings) == first


def a_second_instance_is_refused(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    first = token(workbench, settings)
    workbench.switch_instance()
    assert_refusal(workbench.ask(workbench.client(settings)), USED_UP if method == AUTHORIZATION_CODE else TOKEN_USED_UP)
    workbench.switch_instance()
    assert token(workbench, settings) == first
    workbench.later(3600)
    assert token(workbench, settings) != first


SIGN_IN_AS: dict[str, Callable[[Workbench, str], Settings]] = {
    AUTHORIZATION_CODE: authorization_code,
    CORTEX_APP: cortex_app,
    DEVICE_CODE: device_code,
}


def each_user_gets_a_separate_token(workbench: Workbench, method: str) -> None:
    of_ada = SIGN_IN_AS[method](workbench, ADA)
    token_of_ada = token(workbench, of_ada)
    of_bob = SIGN_IN_AS[method](workbench, BOB)
    if method == DEVICE_CODE:
        complete_device_sign_in(workbench.client(of_bob))
    token_of_bob = token(workbench, of_bob)
    assert workbench.user_of(token_of_ada) == ADA
    assert workbench.user_of(token_of_bob) == BOB
    workbench.reset_counts()
    assert token(workbench, of_bob) == token_of_bob
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 0
    workbench.later(3600)
    assert workbench.user_of(token(workbench, of_bob)) == BOB


def both_users_stay_signed_in(workbench: Workbench, method: str) -> None:
    of_ada = SIGN_IN_AS[method](workbench, ADA)
    token(workbench, of_ada)
    of_bob = SIGN_IN_AS[method](workbench, BOB)
    for _ in range(3):
        assert workbench.user_of(token(workbench, of_ada)) == ADA
        assert workbench.user_of(token(workbench, of_bob)) == BOB
        workbench.later(3600)


# endregion
# region resources


def each_resource_accepts_only_its_own_token(workbench: Workbench, method: str) -> None:
    cloud = workbench.cloud
    for application in cloud.directory.applications:
        application.tenant_wide_consent = True
    settings = keywords(method, workbench)
    workbench.reset_counts()
    for_graph = token(workbench, settings)
    by_scope = METHODS_BY_NAME[method].token_service == 'entra'
    requested = {'scope': f'{cloud.resource_manager}/.default'} if by_scope else {'resource': cloud.resource_manager}
    for_azure = token(workbench, settings, **requested)
    assert (token(workbench, settings), token(workbench, settings, **requested)) == (for_graph, for_azure)
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 2 * (1 + METHODS_BY_NAME[method].challenges)
    subscriptions = f'{cloud.resource_manager}/subscriptions?api-version=2022-12-01'
    assert [workbench.status_of(subscriptions, one) for one in (for_azure, for_graph)] == [200, 401]
    assert [workbench.graph_status(one) for one in (for_graph, for_azure)] == [200, 401]


def the_v1_endpoint_gets_a_resource(workbench: Workbench, method: str) -> None:
    version_1 = {'token_retrieval_url': '{endpoint}/{tenant_id}/oauth2/token', 'resource': workbench.cloud.graph}
    if method == AUTHORIZATION_CODE:
        settings = {**signed_out(workbench), **version_1}
        settings['auth_code'] = redirect_of(workbench, settings)
    else:
        settings = {**keywords(method, workbench), **version_1}
    workbench.reset_counts()
    first = token(workbench, settings)
    assert workbench.graph_status(first) == 200
    assert [record.path.endswith('/oauth2/token') for record in workbench.cloud.requests.of('entra')] == [True]
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(later=3600))


# endregion
# region processes and the context


def twenty_threads_make_one_request(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    token(workbench, settings)
    workbench.later(25 * 3600)
    workbench.reset_counts()
    clients = [workbench.client(settings) for _ in range(20)]
    results: list[object] = []
    for client in clients:
        client.clock = SystemClock()  # type: ignore[assignment]  # they wait in real time
    threads = [threading.Thread(target=lambda client=client: results.append(workbench.ask(client))) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20
    assert len({one.value for one in results if isinstance(one, AccessToken)}) == 1, results
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 1 + METHODS_BY_NAME[method].challenges
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(SAME_TOKEN, requests=0))


def twenty_processes_make_one_request(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    token(workbench, settings)
    workbench.later(3600)
    workbench.reset_counts()
    results = at_once(20, settings, workbench.clock.now() - time.time(), workbench.folder)
    assert len(results) == 20
    assert len(set(results)) == 1
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 1
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(SAME_TOKEN, requests=0))
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(later=3600, refresh_token='new'))


def a_write_of_another_command_is_cached(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    workbench.reset_counts()
    workbench.write_between(times=2)
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(waits=(0, 1)))
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(SAME_TOKEN, requests=0))
    assert demisto.getIntegrationContext()['others'] == '2'


def a_token_is_returned_even_if_it_cannot_be_cached(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    workbench.reset_counts()
    workbench.write_between(times=10_000)
    first = token(workbench, settings)
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 1 + METHODS_BY_NAME[method].challenges
    workbench.write_between(times=0)
    if METHODS_BY_NAME[
        method
    ].has_refresh_token:  # the write is forced: without the refresh token, a user would have to sign in again
        make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call(SAME_TOKEN, requests=0))
    else:
        assert any('did not store the integration context' in line for line in workbench.log)
        assert token(workbench, settings) != first


# endregion
# region without a context


def the_test_button_signs_in_and_caches_nothing(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    workbench.reset_counts()
    before = demisto.getIntegrationContext()
    workbench.press_test_button()
    client = workbench.client(settings)
    first = workbench.ask(client)
    assert isinstance(first, AccessToken)
    assert workbench.graph_status(first.value) == 200
    assert workbench.ask(client) == first
    assert workbench.requests_to(METHODS_BY_NAME[method].token_service) == 1 + METHODS_BY_NAME[method].challenges
    assert demisto.getIntegrationContext() == before
    assert token(workbench, settings) != first.value


def the_test_button_does_not_use_the_token(workbench: Workbench, method: str) -> None:
    settings = keywords(method, workbench)
    workbench.reset_counts()
    client: MicrosoftClient = workbench.client(settings)
    assert isinstance(client.credential, CortexAppCredential)
    client.credential.check_without_token_use(client.token_provider.token_client)
    assert demisto.getIntegrationContext() == {}
    assert [(record.method, record.path) for record in workbench.cloud.requests.of('token-service')] == [('GET', '/obtain-token')]
    make(workbench, METHODS_BY_NAME[method], workbench.client(settings), Call())


# endregion

WITHOUT_USER = (*CLIENTS, *HOSTS)
ROWS = [
    *scenarios('two instances with the same app', WITHOUT_USER, each_instance_signs_in_for_itself),
    *scenarios('two instances with the same app', [AUTHORIZATION_CODE, CORTEX_APP], a_second_instance_is_refused),
    *scenarios('two users', [AUTHORIZATION_CODE, DEVICE_CODE, CORTEX_APP], each_user_gets_a_separate_token),
    *scenarios('two users', [AUTHORIZATION_CODE, CORTEX_APP], both_users_stay_signed_in, 'alternately'),
    *scenarios('several resources at once', [*ENTRA, *HOSTS], each_resource_accepts_only_its_own_token),
    *scenarios(
        'several resources at once',
        [*CLIENTS, AUTHORIZATION_CODE],
        the_v1_endpoint_gets_a_resource,
        'v1 endpoint',
    ),
    *scenarios(
        '20 processes at once',
        [CLIENT_SECRET, AUTHORIZATION_CODE, CORTEX_APP, VM_SYSTEM_ASSIGNED, ARC],
        twenty_threads_make_one_request,
        'as threads',
    ),
    *scenarios('20 processes at once', [CORTEX_APP], twenty_processes_make_one_request),
    *scenarios('context write refused once', ALL_METHODS, a_write_of_another_command_is_cached, 'or twice'),
    *scenarios('context write refused always', ALL_METHODS, a_token_is_returned_even_if_it_cannot_be_cached),
    *scenarios('context unavailable', WITHOUT_USER, the_test_button_signs_in_and_caches_nothing, 'the Test button'),
    *scenarios('context unavailable', [CORTEX_APP], the_test_button_does_not_use_the_token, 'the Test button'),
]
