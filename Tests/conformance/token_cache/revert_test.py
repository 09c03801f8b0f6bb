"""Packs that are upgraded, reverted to the public pack and upgraded again, with and without a new consent in between."""

from types import SimpleNamespace
from typing import Any

import pytest

import demistomock as demisto
from conformance.token_cache.processes import ADA, BOB, PENDING, Processes
from MicrosoftApiModule import complete_device_sign_in, reset_auth
from MicrosoftCoreApiModule import SystemClock
from MicrosoftCredentialsApiModule import CachedSession, CortexAppCredential, Credential, PendingSignIn
from MicrosoftTokenCacheApiModule import MemoryStorage
from MicrosoftTokenRequestApiModule import AccessToken, SignInUnavailableError
from sandbox.microsoft.browser import Browser

PUBLIC_MARGIN = 5  # seconds before a token expires until which the public module uses it
PUBLIC_KEYS = ('current_refresh_token', 'access_token', 'valid_until')


@pytest.fixture(autouse=True)
def _clock_of_the_cloud(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, 'now', lambda _clock: processes.cloud.clock.now())  # the token service checks the time


class Instance:
    """An instance whose commands run by the public pack or by ours.

    Attributes:
        user: who has consented last.
        credential: what the settings contain since then.
        passes_public_token: the integration passes what the context contains as the Token, as the public pack does.
    """

    passes_public_token = False

    def __init__(self, processes: Processes, method: str):
        self.processes, self.method = processes, method
        self.credential: Credential = processes.application()
        self.user, self.pending = '', PendingSignIn()

    def consent(self) -> None:
        """Have the other user consent, and paste the result into the settings."""
        processes = self.processes
        self.user = BOB if self.user == ADA else ADA
        if self.method == 'cortex':
            page = processes.cloud.token_service.replace('obtain-token', 'ms-graph-mail-listener')
            values = Browser(processes.cloud, self.user).consent_to_cortex_app(page)
            self.credential = CortexAppCredential('ms-graph-mail-listener', *values)
        elif self.method == 'code':
            self.credential, self.pending = processes.web(processes.code_of(self.user)), PENDING
        elif self.method == 'device':
            self.credential = processes.device()
            client = processes.provider(self.credential).token_client
            started = client.request_json(processes.device().start_request(processes.graph))
            Browser(processes.cloud, self.user).enter_device_code(started['verification_uri'], started['user_code'])
            self.pending = PendingSignIn(device_code=started['device_code'])

    def public(self, consents: bool) -> AccessToken:
        """Return the token that a command of the public pack gets. What the context contains hides the settings."""
        context = demisto.getIntegrationContext()
        if consents:
            self.consent()
            context = {key: value for key, value in context.items() if key not in PUBLIC_KEYS}
        if self.processes.clock.now() < context.get('valid_until', 0):
            return AccessToken(context['access_token'], 0, 0)
        session = CachedSession(context.get('current_refresh_token', ''), self.pending)
        client = self.processes.provider(self.credential, MemoryStorage()).token_client
        token, refresh_token, _ = self.credential.request_token(client, self.processes.graph, session)
        values = refresh_token, token.value, int(token.expires_on) - PUBLIC_MARGIN
        demisto.setIntegrationContext({**context, **dict(zip(PUBLIC_KEYS, values, strict=True))})
        return token

    def ours(self, consents: bool) -> AccessToken:
        """Return the token that a command of our pack gets."""
        if consents:
            self.consent()
        credential, passed = self.credential, demisto.getIntegrationContext().get('current_refresh_token')
        if self.passes_public_token and passed and isinstance(credential, CortexAppCredential):
            id_ = f'{credential.registration_id}@{credential.token_service}'
            credential = CortexAppCredential('ms-graph-mail-listener', id_, passed, credential._key)
        provider = self.processes.provider(credential, default_target=self.processes.graph)
        if consents and self.pending != PendingSignIn():
            provider.start_sign_in(self.pending)
            if self.pending.device_code:
                client: Any = SimpleNamespace(
                    credential=credential, token_provider=provider, token_target=lambda: self.processes.graph
                )
                complete_device_sign_in(client)
        return provider.get_token(self.processes.graph)

    def run(self, history: str, later: float = 3700) -> list[str]:
        """Run a command of each pack in `history`, with a ``+`` after a new consent, `later` seconds apart.

        Returns:
            Whose tokens our commands get.
        """
        users = []
        for step in history.split():
            pack, plus, _ = step.partition('+')
            token = getattr(self, pack)(bool(plus))
            if pack == 'ours':
                users.append(token.claims().get('upn', ''))
            self.processes.cloud.clock.advance(later)
        return users

    def refusals(self) -> int:
        return sum(request.status >= 400 for request in self.processes.cloud.requests if 'token' in request.path)


HISTORIES = [
    'public+ ours public ours public ours',
    'public+ ours public+ ours',
    'public+ ours public+ public ours public ours',
    'public+ ours ours+ ours public ours',
    'ours+ public+ ours ours',
    'ours+ public+ public ours ours+ public ours',
]


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize('history', HISTORIES)
@pytest.mark.parametrize('method', ['cortex', 'code', 'device', 'secret'])
def test_the_newest_consent_is_used_and_no_token_is_sent_twice(
    processes: Processes, method: str, history: str, later: float
) -> None:
    instance = Instance(processes, method)
    expected, user, redeemed_codes = [], '', 0
    for step in history.split():
        if '+' in step:
            user = BOB if user == ADA else ADA
        if 'ours' in step:
            expected.append('' if method == 'secret' else user)
        # No code says whether the public pack has redeemed it: ours sends it once, as it would send a new one.
        redeemed_codes += method == 'code' and step == 'public+' and bool(expected)
    assert instance.run(history, later) == expected
    assert instance.refusals() <= redeemed_codes


def test_a_token_that_the_integration_passes_itself_is_not_sent_twice(processes: Processes) -> None:
    instance = Instance(processes, 'cortex')
    instance.passes_public_token = True
    assert instance.run('public+ ours ours public+ ours ours') == [ADA, ADA, BOB, BOB]
    assert instance.refusals() == 0


@pytest.mark.parametrize('method', ['cortex', 'code', 'device', 'secret'])
def test_a_token_of_the_public_pack_is_not_used_after_its_end(processes: Processes, method: str) -> None:
    instance = Instance(processes, method)
    token = instance.public(consents=True)
    end = int(token.claims()['exp'])
    processes.cloud.clock.advance(60)
    assert instance.ours(consents=False).value == token.value  # our pack keeps it
    for service in ('entra', 'token-service'):
        processes.cloud.faults.add(service=service, path='token$', status=503, times=None)
    processes.cloud.clock.advance(end - processes.clock.now())
    with pytest.raises(SignInUnavailableError):
        instance.ours(consents=False)


def test_tokens_of_other_settings_do_not_hide_those_of_the_public_pack(processes: Processes) -> None:
    instance = Instance(processes, 'cortex')
    instance.run('public+')
    processes.token(processes.application())
    assert instance.run('ours ours') == [ADA, ADA]


@pytest.mark.parametrize('is_reset', [False, True])
def test_a_new_consent_before_the_first_command_of_ours_is_used_after_a_reset_or_an_hour(
    processes: Processes, is_reset: bool
) -> None:
    instance = Instance(processes, 'cortex')
    instance.run('public+', later=60)
    if is_reset:
        reset_auth(discard_token=True)
    assert instance.run('ours+ ours ours') == [BOB if is_reset else ADA, BOB, BOB]
    assert instance.refusals() == (0 if is_reset else 1), 'the Token of one consent does not fit the Key of another'


def test_a_dead_token_of_the_public_pack_gives_way_to_ours(processes: Processes) -> None:
    instance = Instance(processes, 'cortex')
    instance.run('ours+')
    demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'current_refresh_token': 'dead'})
    assert instance.run('ours ours') == [ADA, ADA]
    assert instance.refusals() == 1


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize('history', ['public+', 'ours+ public', 'public+ ours public'])
def test_an_application_is_not_given_the_tokens_of_a_user(processes: Processes, history: str, later: float) -> None:
    Instance(processes, 'code').run(history, later=60)
    for _ in range(2):
        token = processes.provider(processes.application('web'), default_target=processes.graph).get_token(processes.graph)
        assert 'scp' not in token.claims()
        processes.cloud.clock.advance(later)


@pytest.mark.parametrize('history', ['public', 'public ours', 'public ours public'])
def test_a_user_is_not_given_the_tokens_of_an_application(processes: Processes, history: str) -> None:
    instance = Instance(processes, 'code')
    instance.credential = processes.application('web')
    instance.run(history, later=60)
    instance.credential = processes.web(processes.code_without_state(ADA))
    assert instance.run('ours ours', later=60) == [ADA, ADA]


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize(
    'history', ['public+ ours', 'public+ ours public', 'public+ ours public+ public', 'ours+ public', 'ours+ public ours public']
)
def test_a_code_without_state_that_nobody_has_redeemed_is_a_new_sign_in(processes: Processes, history: str, later: float) -> None:
    instance = Instance(processes, 'code')
    instance.run(history, later)
    user = BOB if instance.user == ADA else ADA
    instance.credential = processes.web(processes.code_without_state(user))
    assert instance.run('ours ours public ours', later) == [user] * 3
    assert instance.refusals() == 0


def test_a_code_without_state_that_the_public_pack_has_redeemed_is_followed_by_its_tokens(processes: Processes) -> None:
    instance = Instance(processes, 'code')
    instance.run('public+ ours')
    instance.credential, instance.pending = processes.web(processes.code_without_state(BOB)), PendingSignIn()
    context = demisto.getIntegrationContext()
    demisto.setIntegrationContext({key: value for key, value in context.items() if key not in PUBLIC_KEYS})  # a reset
    assert instance.run('public ours ours public ours') == [BOB] * 3
    assert instance.refusals() == 1


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize('is_first', [False, True], ids=['after a command', 'before the first'])
def test_a_refresh_token_that_an_integration_writes_does_not_replace_who_signs_in_by_code(
    processes: Processes, is_first: bool, later: float
) -> None:
    instance = Instance(processes, 'code')
    instance.run('public+')
    of_ada = demisto.getIntegrationContext()['current_refresh_token']
    demisto.setIntegrationContext({'current_refresh_token': of_ada})
    if not is_first:
        instance.credential = processes.web()
        assert instance.run('ours', later) == [ADA]
    instance.credential = processes.web(processes.code_without_state(BOB))
    for _ in range(3):
        demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'current_refresh_token': of_ada})
        assert instance.run('ours', later) == [BOB]


@pytest.mark.parametrize('later', [60, 3700])
@pytest.mark.parametrize('method', ['code', 'device'])
@pytest.mark.parametrize('history', ['ours+', 'ours+ public ours'])
def test_a_refresh_token_that_an_integration_writes_later_does_not_replace_who_has_signed_in(
    processes: Processes, history: str, method: str, later: float
) -> None:
    instance = Instance(processes, method)
    instance.user = ADA
    instance.run('public+')
    of_bob = demisto.getIntegrationContext()['current_refresh_token']
    demisto.setIntegrationContext({})
    instance.run(history, later)
    for _ in range(3):
        demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'current_refresh_token': of_bob})
        assert instance.run('ours', later) == [ADA]


@pytest.mark.parametrize(
    'history', ['public+ ours', 'public+ ours public', 'public+ ours public ours', 'public+ ours ours+ public']
)
def test_a_reset_keeps_the_newest_token_that_works_once_whichever_pack_wrote_it(processes: Processes, history: str) -> None:
    instance = Instance(processes, 'cortex')
    instance.run(history)
    assert 'next Token' in str(reset_auth().readable_output)
    assert 'access_token' not in demisto.getIntegrationContext()
    assert instance.run('ours public ours') == [instance.user] * 2
    assert instance.refusals() == 0


def test_a_reset_deletes_the_refresh_token_that_an_integration_wrote_before_the_sign_in(processes: Processes) -> None:
    instance = Instance(processes, 'cortex')
    instance.run('public+')
    written = demisto.getIntegrationContext()['current_refresh_token']
    instance.run('ours')
    demisto.setIntegrationContext({**demisto.getIntegrationContext(), 'current_refresh_token': written})
    reset_auth()
    assert 'current_refresh_token' not in demisto.getIntegrationContext()
