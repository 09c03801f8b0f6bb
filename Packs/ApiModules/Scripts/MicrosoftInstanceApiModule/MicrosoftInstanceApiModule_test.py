"""Parameters and arguments as the platform gives them; the run of a command, with its errors, secrets and metrics."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

import demistomock as demisto
from CommonServerPython import LOG, DemistoException
from MicrosoftApiModule import CommandThrottled, MicrosoftClient
from MicrosoftCoreApiModule import AZURE_CLOUDS, MicrosoftSignInError, SystemClock
from MicrosoftTokenRequestApiModule import AccessToken, SignInRequiredError
from MicrosoftCredentialsApiModule import (
    AuthorizationCodeCredential,
    CertificateCredential,
    ClientSecretCredential,
    CortexAppCredential,
    DeviceCodeCredential,
    EntraCredential,
    ManagedIdentityCredential,
)
from MicrosoftInstanceApiModule import (
    METHOD_CLIENT_CREDENTIALS,
    InstanceSettings,
    IntegrationSpec,
    auth_commands,
    bool_argument,
    choice_argument,
    future_datetime,
    granted_permissions,
    id_list,
    int_argument,
    json_argument,
    required_argument,
    run_integration,
    signed_in_account,
    text_list,
    token_outputs,
    with_advice,
)

Params = dict[str, Any]
SPEC = IntegrationSpec('Contoso API', 'contoso', 'ContosoAuth', check=bool, app_name='contoso-app')


def secret(value: str) -> dict[str, str]:
    """A credential of which only the password is used."""
    return {'identifier': '', 'password': value}


def settings_of(params: Params) -> InstanceSettings:
    return InstanceSettings(params, SPEC)


# region parameters

APPLICATION: Params = {
    'self_deployed': True,
    'creds_auth_id': secret('client'),
    'creds_refresh_token': secret('tenant.example'),
    'creds_enc_key': secret('the secret'),
    'redirect_uri': 'https://localhost/myapp',
}
DAEMON: Params = {**APPLICATION, 'auth_method': 'Client Credentials', 'redirect_uri': None}
DEVICE: Params = {**APPLICATION, 'auth_method': 'Device Code', 'redirect_uri': None, 'creds_enc_key': None}
MANAGED_IDENTITY: Params = {'use_managed_identities': True}
CORTEX: Params = {'creds_auth_id': secret('id'), 'creds_refresh_token': secret('token'), 'creds_enc_key': secret('a2V5')}
PEM = secret(
    '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
)
# Parameters, and the message by which they are rejected.
Rejection = tuple[Params, str]


@pytest.mark.parametrize(
    'params, kind',
    [
        (CORTEX, CortexAppCredential),
        (APPLICATION, AuthorizationCodeCredential),
        (DAEMON, ClientSecretCredential),
        ({**DAEMON, 'creds_enc_key': {}, 'creds_certificate': PEM}, CertificateCredential),
        (DEVICE, DeviceCodeCredential),
        (MANAGED_IDENTITY, ManagedIdentityCredential),
    ],
)
def test_the_parameters_choose_one_credential(params: Params, kind: type) -> None:
    assert type(settings_of(params).credential()) is kind


@pytest.mark.parametrize(
    'params, kind',
    [
        (APPLICATION, ClientSecretCredential),
        ({**APPLICATION, 'creds_enc_key': None}, EntraCredential),
        ({**APPLICATION, 'creds_enc_key': None, 'creds_certificate': PEM}, CertificateCredential),
    ],
)
def test_a_user_signs_in_to_an_application_with_a_secret_a_certificate_or_neither(params: Params, kind: type) -> None:
    credential = settings_of(params).credential()
    assert isinstance(credential, AuthorizationCodeCredential)
    assert type(credential.client) is kind


def from_consent_page(name: str) -> str:
    return f'{name} is missing. Paste the {name} that the consent page of the Cortex XSOAR app shows.'


MISSING: list[Rejection] = [
    ({}, from_consent_page('ID')),
    ({**CORTEX, 'creds_auth_id': None}, from_consent_page('ID')),
    ({**CORTEX, 'creds_refresh_token': {}}, from_consent_page('Token')),
    ({**CORTEX, 'creds_enc_key': secret(' ')}, from_consent_page('Key')),
    (
        {**APPLICATION, 'creds_auth_id': None},
        'ID (client ID) is missing. Copy the Application (client) ID from the app registration into ID.',
    ),
    (
        {**APPLICATION, 'creds_refresh_token': None},
        'Token (tenant ID) is missing. Copy the Directory (tenant) ID from the app registration into Token.',
    ),
    (
        {**DAEMON, 'creds_enc_key': None},
        'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.',
    ),
    (
        {**APPLICATION, 'redirect_uri': ' '},
        'The application redirect URI is missing. Enter the redirect URI of the app registration.',
    ),
    (
        {**DAEMON, 'creds_enc_key': None, 'creds_certificate': {'identifier': 'A' * 40, 'password': ' '}},
        "'Private key of the certificate' is missing. Paste it, or clear 'Certificate thumbprint'.",
    ),
]

ONLY_APPLICATIONS: dict[str, Params] = {
    'Application redirect URI': {'redirect_uri': 'x'},
    'Authorization code': {'creds_auth_code': secret('x')},
    'Certificate thumbprint': {'creds_certificate': {'identifier': 'x', 'password': None}},
    'Private key of the certificate': {'creds_certificate': secret('x')},
    'Authentication method of the self-deployed application': {'auth_method': 'Device Code'},
}
NEVER_FOR_IDENTITIES: dict[str, Params] = {
    'Use a self-deployed Azure application': {'self_deployed': True},
    'ID': {'creds_auth_id': secret('x')},
    'Token': {'creds_refresh_token': secret('x')},
    'Key': {'creds_enc_key': secret('x')},
    **ONLY_APPLICATIONS,
}
TWO_METHODS: list[Rejection] = [
    *(
        (
            {**MANAGED_IDENTITY, **extra},
            f"'{name}' cannot be combined with 'Use Azure Managed Identities'. "
            f"Clear '{name}', or clear 'Use Azure Managed Identities'.",
        )
        for name, extra in NEVER_FOR_IDENTITIES.items()
    ),
    *(
        (
            {**CORTEX, **extra},
            f"'{name}' is only used with 'Use a self-deployed Azure application'. "
            f"Clear '{name}', or select 'Use a self-deployed Azure application'.",
        )
        for name, extra in ONLY_APPLICATIONS.items()
    ),
    *(
        (
            {**params, 'managed_identities_client_id': secret('x')},
            "'Azure Managed Identities Client ID' is only used with 'Use Azure Managed Identities'. "
            "Clear 'Azure Managed Identities Client ID', or select 'Use Azure Managed Identities'.",
        )
        for params in (CORTEX, APPLICATION)
    ),
]


def not_used(name: str, method: str) -> str:
    return f"'{name}' is not used by the authentication method {method}. Clear '{name}', or choose another authentication method."


METHODS: list[Rejection] = [
    ({**DAEMON, 'redirect_uri': 'x'}, not_used('Application redirect URI', 'Client Credentials')),
    ({**DAEMON, 'creds_auth_code': secret('x')}, not_used('Authorization code', 'Client Credentials')),
    ({**DEVICE, 'redirect_uri': 'x'}, not_used('Application redirect URI', 'Device Code')),
    ({**DEVICE, 'creds_auth_code': secret('x')}, not_used('Authorization code', 'Device Code')),
    ({**DEVICE, 'creds_enc_key': secret('x')}, not_used('Key', 'Device Code')),
    ({**DEVICE, 'creds_certificate': PEM}, not_used('Private key of the certificate', 'Device Code')),
    *(
        (
            {**params, 'creds_certificate': PEM},
            "'Key' cannot be combined with 'Private key of the certificate'. "
            "Clear 'Key', or clear 'Private key of the certificate'.",
        )
        for params in (APPLICATION, DAEMON)
    ),
    (
        {**APPLICATION, 'auth_method': 'Password'},
        "'Password' is not an authentication method. Choose one in 'Authentication method of the self-deployed application'.",
    ),
]

CUSTOM: Params = {**CORTEX, 'azure_cloud': 'Custom', 'azure_ad_endpoint': 'https://x.example'}
CLOUDS: list[Rejection] = [
    ({**CORTEX, 'azure_cloud': 'Mars'}, "'Mars' is not one of the clouds. Choose one in 'Azure cloud'."),
    ({**CORTEX, 'azure_cloud': 'Germany'}, "'Germany' is not one of the clouds. Choose one in 'Azure cloud'."),
    *(
        (
            {**CORTEX, 'azure_cloud': cloud, parameter: 'https://x.example'},
            f"'{name}' is only used with the cloud Custom. Clear '{name}', or choose Custom in 'Azure cloud'.",
        )
        for cloud in (None, 'China')
        for name, parameter in (('Azure AD endpoint', 'azure_ad_endpoint'), ('Microsoft Graph endpoint', 'graph_endpoint'))
    ),
    (
        {**CUSTOM, 'azure_ad_endpoint': None, 'graph_endpoint': 'https://x.example'},
        "'Azure AD endpoint' is not an https address. Enter the full address, starting with https://.",
    ),
    (
        {**CUSTOM, 'graph_endpoint': 'http://x.example'},
        "'Microsoft Graph endpoint' is not an https address. Enter the full address, starting with https://.",
    ),
    (
        {**CUSTOM, 'graph_endpoint': 'https://y.example:8/v1.0/'},
        "'Microsoft Graph endpoint' is more than the address of a host. Enter only https://y.example:8.",
    ),
]


@pytest.mark.parametrize('params, message', [*MISSING, *TWO_METHODS, *METHODS, *CLOUDS])
def test_contradictory_parameters_are_rejected_by_label(params: Params, message: str) -> None:
    with pytest.raises(MicrosoftSignInError, match=f'^{re.escape(message)}$'):
        settings_of(params).client_keywords()


@pytest.mark.parametrize(
    'selected, cleared', [(True, False), ('true', 'false'), ('True', 'False'), (' yes ', 'no'), (True, None), (True, '')]
)
def test_check_boxes_are_booleans_or_texts(selected: Any, cleared: Any) -> None:
    settings = settings_of(
        {**CORTEX, 'self_deployed': cleared, 'use_managed_identities': cleared, 'insecure': selected, 'proxy': selected}
    )
    assert (settings.self_deployed, settings.managed_identities, settings.verify, settings.proxy) == (False, False, False, True)
    settings = settings_of({**APPLICATION, 'self_deployed': selected, 'insecure': cleared, 'proxy': cleared})
    assert (settings.self_deployed, settings.verify, settings.proxy) == (True, True, False)


def test_surrounding_whitespace_is_ignored() -> None:
    params: Params = {**DAEMON, 'azure_cloud': 'US GCC-High', 'redirect_uri': ''}
    careless = {
        name: secret(f'\n{value["password"]}\t') if isinstance(value, dict) else f' {value} ' for name, value in params.items()
    }
    assert vars(settings_of(careless)) == vars(settings_of(params))


@pytest.mark.parametrize(
    'name, abbreviation',
    [
        (None, 'com'),
        ('Worldwide', 'com'),
        ('US GCC', 'gcc'),
        ('US GCC-High', 'gcc-high'),
        ('DoD', 'dod'),
        ('China', 'cn'),
        ('Bleu (France)', 'fr'),
        ('Delos (Germany)', 'delos'),
        ('GovSG (Singapore)', 'sg'),
    ],
)
def test_each_cloud_can_be_chosen(name: str | None, abbreviation: str) -> None:
    settings = settings_of({**DAEMON, 'azure_cloud': name})
    assert settings.cloud is AZURE_CLOUDS[abbreviation]
    credential = settings.credential()
    assert isinstance(credential, ClientSecretCredential)
    assert credential.authority == settings.cloud.endpoints.active_directory


def test_a_custom_cloud_has_the_entered_endpoints() -> None:
    settings = settings_of(
        {
            **DAEMON,
            'azure_cloud': 'Custom',
            'azure_ad_endpoint': ' https://login.example/ ',
            'graph_endpoint': 'https://graph.example:8443',
        }
    )
    assert settings.cloud.endpoints.active_directory == 'https://login.example'
    assert settings.cloud.endpoints.microsoft_graph_resource_id == 'https://graph.example:8443'


@pytest.mark.parametrize(
    'params, secrets',
    [
        ({**APPLICATION, 'creds_auth_code': secret('the code')}, ['the secret', 'the code']),
        ({**DAEMON, 'creds_enc_key': None, 'creds_certificate': PEM}, [PEM['password'].strip()]),
        (CORTEX, ['token', 'a2V5']),
    ],
)
def test_settings_do_not_show_their_secrets(params: Params, secrets: list[str]) -> None:
    settings = settings_of(params)
    assert settings.secrets() == secrets
    assert not [hidden for hidden in secrets if repr(hidden)[1:-1] in repr(settings)]


@pytest.mark.parametrize(
    'params, acts_as_application',
    [(CORTEX, False), (APPLICATION, False), (DEVICE, False), (DAEMON, True), (MANAGED_IDENTITY, True)],
)
def test_settings_tell_an_application_from_a_user(params: Params, acts_as_application: bool) -> None:
    assert settings_of(params).acts_as_application is acts_as_application


# endregion
# region another integration

OTHER = IntegrationSpec(
    'Azure Resource Manager',
    'azure',
    'AzureAuth',
    check=bool,
    methods=(METHOD_CLIENT_CREDENTIALS,),
    endpoint_parameter='server_url',
    endpoint_label='Azure Resource Manager endpoint',
    cloud_parameter='endpoint_type',
    cloud_label='Endpoint type',
    clouds={'Worldwide': 'com', 'EU': 'geo-eu', 'DoD': 'dod'},
)
# Its yml has neither the check box for the Cortex XSOAR application nor a choice of authentication methods.
OTHER_PARAMS: Params = {name: DAEMON[name] for name in ('creds_auth_id', 'creds_refresh_token', 'creds_enc_key')}


def test_an_integration_without_the_cortex_application_needs_no_check_box() -> None:
    assert type(InstanceSettings(OTHER_PARAMS, OTHER).credential()) is ClientSecretCredential
    assert type(InstanceSettings(MANAGED_IDENTITY, OTHER).credential()) is ManagedIdentityCredential


@pytest.mark.parametrize('option, abbreviation', [(None, 'com'), ('EU', 'com'), ('DoD', 'dod')])
def test_an_integration_has_its_own_choice_of_clouds(option: str | None, abbreviation: str) -> None:
    assert InstanceSettings({**OTHER_PARAMS, 'endpoint_type': option}, OTHER).cloud is AZURE_CLOUDS[abbreviation]


@pytest.mark.parametrize(
    'params, message',
    [
        ({'endpoint_type': 'China'}, "'China' is not one of the clouds. Choose one in 'Endpoint type'."),
        (
            {'endpoint_type': 'EU', 'server_url': 'https://x.example'},
            "'Azure Resource Manager endpoint' is only used with the cloud Custom. "
            "Clear 'Azure Resource Manager endpoint', or choose Custom in 'Endpoint type'.",
        ),
        (
            {'auth_method': 'Device Code'},
            "'Device Code' is not an authentication method. "
            "Choose one in 'Authentication method of the self-deployed application'.",
        ),
    ],
)
def test_errors_use_the_labels_of_the_integration(params: Params, message: str) -> None:
    with pytest.raises(MicrosoftSignInError, match=f'^{re.escape(message)}$'):
        InstanceSettings({**OTHER_PARAMS, **params}, OTHER)


def test_a_custom_cloud_has_the_endpoint_of_the_integration() -> None:
    custom = {'endpoint_type': 'Custom', 'azure_ad_endpoint': 'https://login.example', 'server_url': 'https://arm.example'}
    settings = InstanceSettings({**OTHER_PARAMS, **custom}, OTHER)
    endpoints = settings.cloud.endpoints
    assert (endpoints.active_directory, endpoints.resource_manager) == ('https://login.example', 'https://arm.example')
    assert settings.client_keywords()['command_prefix'] == 'azure'


# endregion
# region tokens


def token(scope: str = '', **claims: Any) -> AccessToken:
    packed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')
    return AccessToken(f'head.{packed}.signature' if claims else 'opaque', 0, 0, scope)


@pytest.mark.parametrize(
    'held, granted',
    [
        (
            token('https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/Mail.ReadWrite'),
            ['Mail.ReadWrite', 'Mail.Send'],
        ),
        (token('Mail.Send openid profile email offline_access'), ['Mail.Send']),
        (token('Mail.Send', scp='Mail.Read'), ['Mail.Send']),
        (token('https://graph.microsoft.com/.default', scp='Mail.Read Mail.Send'), ['Mail.Read', 'Mail.Send']),
        (token('openid offline_access', roles=['Mail.Send']), ['Mail.Send']),
        (token(roles=['Mail.Send', 'Mail.Read']), ['Mail.Read', 'Mail.Send']),
        (token('Mail.ReadWrite.Shared'), ['Mail.ReadWrite.Shared']),
        (token(aud='https://graph.microsoft.com'), []),
        (token(scp=None, roles=None), []),
        *((token(scp='Mail.Read', roles=roles), ['Mail.Read']) for roles in (5, 'Mail.Send', {'Mail.Send': 1}, [5, None])),
        *((token(roles=roles), []) for roles in (5, 'Mail.Send', {'Mail.Send': 1}, [[]])),
        (token(roles=[None, 'Mail.Send', {}]), ['Mail.Send']),
        *((token(scp=scp, roles=['Mail.Send']), ['Mail.Send']) for scp in (['Mail.Read'], {'Mail.Read': 1}, 7, True)),
        (token(), None),
        (token('https://graph.microsoft.com/.default'), None),
    ],
)
def test_permissions_come_from_the_response_or_else_from_the_token(held: AccessToken, granted: list[str] | None) -> None:
    assert granted_permissions(held) == granted


@pytest.mark.parametrize(
    'claims, account',
    [
        ({'upn': 'a', 'unique_name': 'b', 'app_displayname': 'c'}, 'a'),
        ({'unique_name': 'b', 'app_displayname': 'c'}, 'b'),
        ({'upn': '', 'preferred_username': 'p', 'app_displayname': 'c'}, 'p'),
        ({'app_displayname': 'c'}, 'c'),
        ({}, 'unknown'),
    ],
)
def test_the_account_is_a_user_or_else_an_application(claims: dict[str, str], account: str) -> None:
    assert token_outputs(token(**claims))['Account'] == account


@pytest.mark.parametrize('claims, client_id', [({'appid': 'v1'}, 'v1'), ({'azp': 'v2'}, 'v2'), ({}, 'unknown')])
def test_the_client_id_is_read_from_tokens_of_both_endpoints(claims: dict[str, str], client_id: str) -> None:
    assert token_outputs(token(**claims))['ClientID'] == client_id


@pytest.mark.parametrize(
    'claims, said',
    [
        ({'upn': 'ada.lovelace@x.example'}, 'ada.lovelace@x.example is signed in. '),
        ({'upn': '[ada](https://evil.example)'}, '[ada] (https://evil.example) is signed in. '),
        ({'upn': 5}, '5 is signed in. '),
        ({}, ''),
    ],
)
def test_who_has_signed_in_is_shown_without_links(claims: dict[str, Any], said: str) -> None:
    assert signed_in_account(SPEC, MicrosoftClient(), token(**claims)) == said


# endregion
# region arguments


def test_arguments_are_cleaned() -> None:
    args = {
        'id': ' "AAMk" ',
        'ids': 'a, b,,a',
        'texts': ' x ,, y',
        'size': ' 7 ',
        'is_read': 'Yes',
        'kind': 'html',
        'json': '{"a": 1}',
    }
    assert required_argument(args, 'id') == 'AAMk'
    assert id_list(args, 'ids') == ['a', 'b']
    assert text_list(args, 'texts') == ['x', 'y']
    assert int_argument(args, 'size', 1, 10) == 7
    assert bool_argument(args, 'is_read') is True
    assert choice_argument(args, 'kind', ('HTML', 'Text')) == 'HTML'
    assert json_argument(args, 'json') == {'a': 1}


def test_arguments_have_defaults() -> None:
    assert text_list({}, 'texts') == []
    assert int_argument({'size': ''}, 'size', 20, 100) == 20
    assert bool_argument({}, 'is_read', True) is True
    assert choice_argument({'kind': None}, 'kind', ('HTML', 'Text'), 'text') == 'Text'
    assert json_argument({}, 'json') == {}


@pytest.mark.parametrize(
    'read, message',
    [
        (lambda: required_argument({'id': ' '}, 'id'), 'The argument id is empty. Enter a value for it.'),
        (
            lambda: id_list({'ids': ' , '}, 'ids'),
            'The argument ids contains no ID. Enter one ID, or several separated by commas.',
        ),
        (lambda: int_argument({'size': '11'}, 'size', 1, 10), "'11' is not a whole number from 1 to 10. Change size."),
        (
            lambda: int_argument({'size': 'x'}, 'size', 1, 10, 'Page size'),
            "'x' is not a whole number from 1 to 10. Change Page size.",
        ),
        (lambda: bool_argument({'is_read': 'x'}, 'is_read'), "'x' is neither true nor false. Change is_read."),
        (lambda: choice_argument({'kind': 'x'}, 'kind', ('', 'HTML', 'Text')), "'x' is not one of HTML, Text. Change kind."),
        (lambda: json_argument({'json': '[1]'}, 'json'), 'The argument json is not a JSON object. Write it as {"name": value}.'),
        (
            lambda: future_datetime('soon', 'send_time'),
            "'soon' is not a date. Write send_time as 2030-01-31T08:00:00Z, or as in 2 hours.",
        ),
        (
            lambda: future_datetime('2020-01-31T08:00:00Z', 'send_time'),
            "'2020-01-31T08:00:00Z' is read as 2020-01-31T08:00:00Z, which is in the past. "
            'Write send_time as 2030-01-31T08:00:00Z, or as in 2 hours.',
        ),
    ],
)
def test_an_argument_is_rejected_by_name(read: Any, message: str) -> None:
    with pytest.raises(DemistoException, match=f'^{re.escape(message)}$'):
        read()


def test_a_date_in_the_future_is_in_utc() -> None:
    moment = future_datetime('2099-01-31T08:00:00+02:00', 'send_time')
    assert moment == datetime(2099, 1, 31, 6, tzinfo=timezone.utc)
    assert future_datetime('2099-01-31', 'send_time').tzinfo is timezone.utc


# endregion
# region run


class Client:
    """Stands for a MicrosoftClient: knows whether its requests count."""

    def __init__(self, settings: InstanceSettings) -> None:
        self.credential = settings.credential()
        self.is_counting = False
        self.retry_on_rate_limit = True
        self.clock = SystemClock()

    def can_reschedule(self) -> bool:
        return self.retry_on_rate_limit

    @contextmanager
    def reporting_metrics(self) -> Iterator[None]:
        self.is_counting = True
        yield
        self.is_counting = False


class Run:
    """Runs a command as the platform does.

    Attributes:
        results: what the platform gets.
        counted: whether requests counted while the command ran.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.results: list[Any] = []
        self.counted: list[bool] = []

    def __call__(self, command: str, function: Any = None, params: Params = DAEMON, **args: Any) -> Any:
        """Return the last result of a command, which `function` carries out."""

        def carry_out(client: Client, given: dict[str, Any]) -> Any:
            self.counted.append(client.is_counting)
            return function(client, given)

        for name, value in (('command', command), ('params', params), ('args', args)):
            self._monkeypatch.setattr(demisto, name, lambda value=value: value)
        self._monkeypatch.setattr(demisto, 'results', self.results.append)
        commands = {**auth_commands(SPEC), **({command: carry_out} if function else {})}
        with suppress(SystemExit):  # how return_error ends a command
            run_integration(SPEC, commands, Client)  # type: ignore[arg-type]
        return self.results[-1] if self.results else None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(LOG, 'replace_strs', [])
    return Run(monkeypatch)


def test_a_command_gets_the_client_and_its_arguments(run: Run) -> None:
    assert run('contoso-list', lambda client, args: f'{type(client).__name__} {args}', limit='5') == "Client {'limit': '5'}"


def test_a_command_without_results_returns_none(run: Run) -> None:
    assert run('fetch-incidents', lambda *_: None) is None
    assert run.results == []


@pytest.mark.parametrize(
    'command, counted', [('contoso-list', True), ('contoso-auth-test', True), ('test-module', False), ('fetch-incidents', False)]
)
def test_the_requests_of_a_command_are_counted(run: Run, command: str, counted: bool) -> None:
    run(command, lambda *_: 'ok')
    assert run.counted == [counted]


def test_an_unknown_command_is_an_error(run: Run) -> None:
    assert run('contoso-fly')['Contents'] == 'The command contoso-fly does not exist in this integration.'


def test_an_error_ends_the_command_with_its_text(run: Run) -> None:
    def fail(*_: Any) -> None:
        raise DemistoException('It failed.')

    entry = run('contoso-list', fail)
    assert (entry['Type'], entry['Contents']) == (4, 'It failed.')


@pytest.mark.parametrize(
    'params, advice',
    [
        (DEVICE, 'Run !contoso-auth-start.'),
        (CORTEX, 'Get a new ID, Token and Key from https://oproxy.demisto.ninja/contoso-app.'),
        (DAEMON, ''),
    ],
)
def test_an_ended_sign_in_says_how_to_sign_in_again(run: Run, params: Params, advice: str) -> None:
    def fail(*_: Any) -> None:
        raise SignInRequiredError('The sign-in has ended.', 'Sign in again.')

    assert run('contoso-list', fail, params)['Contents'] == f'The sign-in has ended. Sign in again. {advice}'.strip()


def throttle(client: Client, args: dict[str, Any]) -> None:
    client.retry_on_rate_limit = 'ran_once_flag' not in args
    response = requests.Response()
    response.status_code = 429
    raise CommandThrottled(45, response)


def test_a_throttled_command_is_rescheduled(run: Run) -> None:
    entry = run('contoso-list', throttle, limit='5')
    assert (entry['PollingCommand'], entry['NextRun'], entry['PollingArgs']) == (
        'contoso-list',
        '46',
        {'limit': '5', 'ran_once_flag': True},
    )


def test_a_throttled_command_that_was_rescheduled_is_an_error(run: Run) -> None:
    assert run('contoso-list', throttle, ran_once_flag=True)['Contents'].endswith('Try again in 45 seconds.')


def test_secrets_are_masked(run: Run) -> None:
    run('contoso-list', lambda *_: 'ok')
    assert LOG.encode('the secret') == '<XX_REPLACED>'


def test_the_token_of_the_cortex_application_stays_masked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOG, 'replace_strs', [])
    run('contoso-list', lambda *_: 'ok', CORTEX)
    assert LOG.encode('token a2V5') == '<XX_REPLACED> <XX_REPLACED>'


def test_a_pasted_code_is_masked(run: Run) -> None:
    run('contoso-auth-complete', None, APPLICATION, code='https://localhost/myapp?state=x&code=the-code')
    assert 'the-code' not in LOG.encode('https://localhost/myapp?state=x&code=the-code')


# endregion


def test_an_error_without_advice_gets_it_after_its_text() -> None:
    error = with_advice(DemistoException('It failed.', res='the response'), 'Try again.')
    assert isinstance(error, DemistoException)
    assert (str(error), error.res) == ('It failed. Try again.', 'the response')
