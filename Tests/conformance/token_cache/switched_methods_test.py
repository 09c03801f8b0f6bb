"""Settings that name another authentication method than the one whose tokens are in the context: the new one is used at once."""

import itertools
from typing import Any

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, BOB, Processes
from conformance.token_cache.revert_test import Instance, _clock_of_the_cloud  # noqa: F401 - a fixture
from MicrosoftApiModule import reset_auth
from MicrosoftCredentialsApiModule import AuthorizationCodeCredential, DeviceCodeCredential, ManagedIdentityCredential
from MicrosoftTokenCacheApiModule import ContextStorage
from MicrosoftTokenRequestApiModule import AccessToken, SignInRequiredError

APPLICATIONS = {'cortex': 'ms-graph-mail-listener', 'code': 'web', 'device': 'device', 'secret': 'daemon'}
USERS = ('cortex', 'code', 'device')
HISTORIES = ('public+', 'ours+', 'public+ ours', 'ours+ public', 'public+ ours public')


class SwitchedInstance(Instance):
    """An instance with any authentication method. Users are those of an application; hosts have a managed identity."""

    def __init__(self, processes: Processes, method: str):
        super().__init__(processes, method)
        self.client_id = ''
        if method in APPLICATIONS:
            self.client_id = processes.cloud.directory.application(APPLICATIONS[method]).client_id
        else:
            identity = processes.cloud.directory.managed_identity('soar-engine' if method == 'user-assigned' else 'azure-vm')
            self.client_id = identity.client_id
            self.credential = ManagedIdentityCredential(
                identity.client_id if method == 'user-assigned' else '', processes.cloud.host_environment('azure-vm')
            )

    def runs(self, history: str, later: float = 60) -> list[tuple[Any, Any]]:
        """Run a history as `run` does, and return for which clients and users our commands get tokens."""
        found: list[tuple[Any, Any]] = []
        ours = self.ours

        def recorded(consents: bool) -> AccessToken:
            token = ours(consents)
            found.append((token.claims()['appid'], token.claims().get('upn')))
            return token

        self.ours = recorded  # type: ignore[method-assign]
        self.run(history, later)
        return found


def can_run(method: str, history: str) -> bool:
    # The public pack does not find what ours has received of the token service (docs/microsoft-integrations-authentication.md).
    return method != 'cortex' or history != 'ours+ public'


def has_evidence(old: str, new: str, history: str) -> bool:
    """Whether the context shows that its tokens are not of the new method."""
    return (old, new, history) != ('code', 'cortex', 'public+')


SWITCHES = [
    (old, new, history)
    for old, new in itertools.permutations([*APPLICATIONS, 'system-assigned', 'user-assigned'], 2)
    for history in HISTORIES
    if can_run(old, history) and has_evidence(old, new, history)
]


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize('old, new, history', SWITCHES)
def test_a_new_method_does_not_use_the_tokens_of_the_old_one(
    processes: Processes, old: str, new: str, history: str, later: float
) -> None:
    SwitchedInstance(processes, old).runs(history, later)
    processes.cloud.requests.clear()
    instance = SwitchedInstance(processes, new)
    instance.user = ADA  # the next one to consent is another user
    user = BOB if new in USERS else None
    assert instance.runs('ours+ ours', later) == [(instance.client_id, user)] * 2
    assert instance.refusals() == 0


@pytest.mark.parametrize('method, writes', [('cortex', [1, 0]), ('code', [1, 0]), ('device', [1, 0]), ('secret', [0, 0])])
def test_only_the_first_command_after_an_upgrade_writes(processes: Processes, method: str, writes: list[int]) -> None:
    instance = Instance(processes, method)
    instance.run('public+', later=60)
    for expected in writes:
        before = ContextStorage.write_count
        instance.run('ours', later=60)
        assert ContextStorage.write_count - before == expected


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize('old, new', [('device', 'code'), ('code', 'device')])
def test_an_application_has_the_users_of_each_method_for_itself(processes: Processes, old: str, new: str, later: float) -> None:
    web = processes.cloud.directory.application('web')
    web.allows_public_client_flows = True
    device = DeviceCodeCredential(processes.cloud.authority, processes.tenant_id, web.client_id)
    processes.device = lambda: device  # type: ignore[method-assign]
    Instance(processes, old).run('public+', later)
    instance = Instance(processes, new)
    if new == 'code':
        instance.credential = processes.web(processes.code_without_state(BOB))
        assert instance.run('ours ours') == [BOB, BOB]
    else:
        instance.credential = device
        with pytest.raises(SignInRequiredError, match='No user has signed in'):
            instance.run('ours')


@pytest.mark.parametrize(
    'later, is_reset, users, refusals', [(60, False, [ADA, BOB], 1), (3700, False, [BOB, BOB], 1), (60, True, [BOB, BOB], 0)]
)
def test_without_evidence_the_cortex_application_uses_the_tokens_of_the_public_pack_until_they_fail(
    processes: Processes, later: float, is_reset: bool, users: list[str], refusals: int
) -> None:
    """An upgraded instance with the Cortex XSOAR application looks like that, and must stay signed in."""
    Instance(processes, 'code').run('public+', later)
    if is_reset:
        reset_auth()
    instance = Instance(processes, 'cortex')
    instance.user = ADA
    assert instance.run('ours+ ours') == users
    assert instance.refusals() == refusals


@pytest.mark.parametrize('new', ['another application', 'a client without its secret'])
def test_tokens_of_another_registration_are_not_used(processes: Processes, new: str) -> None:
    Instance(processes, 'code').run('public+', later=60)
    client = processes.application('daemon')
    if new != 'another application':
        web = processes.web().client
        client = DeviceCodeCredential(web.authority, web.tenant_id, web.client_id)  # type: ignore[assignment]
    credential = AuthorizationCodeCredential(client, processes.web().redirect_uri)
    with pytest.raises(SignInRequiredError, match='No user has signed in'):
        processes.provider(credential, default_target=processes.graph).get_token(processes.graph)


@pytest.mark.parametrize('cortex', ['', 'ours+', 'public+ ours'])
@pytest.mark.parametrize('method', ['code', 'device'])
@pytest.mark.parametrize('history', ['public+', 'public+ ours', 'ours+ public', 'ours+ public ours', 'ours+ public ours public'])
@pytest.mark.parametrize('later', [60, 3700])
def test_a_reset_ends_the_sign_in_of_a_user_and_keeps_the_token_that_works_once(
    processes: Processes, method: str, history: str, cortex: str, later: float
) -> None:
    application = Instance(processes, 'cortex')
    application.run(cortex, later=3700)
    user = Instance(processes, method)
    user.run(history, later)
    reset_auth()
    with pytest.raises(SignInRequiredError):
        user.run('ours')
    if cortex:
        assert application.run('ours') == [ADA]


@pytest.mark.parametrize('history', ['public+ ours public ours', 'public+ ours public ours ours'])
def test_a_reset_keeps_the_newest_token_that_works_once_also_before_it_was_sent(processes: Processes, history: str) -> None:
    instance = Instance(processes, 'cortex')
    instance.run(history.rpartition(' public')[0])
    instance.run('public' + history.rpartition(' public')[2], later=60)
    reset_auth()
    assert 'access_token' not in demisto.getIntegrationContext()
    assert instance.run('ours ours') == [ADA, ADA]
    assert instance.refusals() == 0
