"""Commands as an admin runs them: parameters and arguments go in as the platform hands them over, war room entries come out."""

import json
import re
from typing import Any

import pytest

import demistomock as demisto
import O365OutlookMailSingleUser
from conformance.unified import instances
from conformance.unified.instances import (
    ADA,
    ANY_CLIENT,
    ANY_IDENTITY,
    ANY_PERSON,
    BOB,
    Instance,
    Params,
    in_ways,
    secret,
    secrets_in,
)
from MicrosoftApiModule import *
from O365OutlookMailSingleUser import Settings
from sandbox.microsoft.mail.model import EmailAddress, Message
from sandbox.microsoft.person import Person
from sandbox.microsoft.samples import REDIRECT_URI

instance = instances.instance

PERMISSIONS = ['Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite']
OPAQUE_TOKEN = {'access_token': 'opaque', 'expires_in': 3600}


def rows_of(table: str) -> dict[str, str]:
    """A table of two columns."""
    return dict(row.strip('| ').split(' | ') for row in table.splitlines() if row.startswith('| '))


# region parameters

OF_APPLICATION: Params = {
    'self_deployed': True,
    'creds_auth_id': secret('client'),
    'creds_refresh_token': secret('tenant.example'),
    'creds_enc_key': secret('the secret'),
    'redirect_uri': 'https://localhost/myapp',
}
OF_DAEMON: Params = {**OF_APPLICATION, 'auth_method': 'Client Credentials', 'mailbox_to_fetch': ADA, 'redirect_uri': None}
OF_DEVICE: Params = {**OF_APPLICATION, 'auth_method': 'Device Code', 'redirect_uri': None, 'creds_enc_key': None}
OF_IDENTITY: Params = {'use_managed_identities': True, 'mailbox_to_fetch': ADA}
OF_CORTEX: Params = {'creds_auth_id': secret('id'), 'creds_refresh_token': secret('token'), 'creds_enc_key': secret('a2V5')}
PEM = secret(
    '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
)
# Settings, and the sentences by which they are refused.
Refusal = tuple[Params, str]


@pytest.mark.parametrize(
    'params, kind',
    [
        (OF_CORTEX, CortexAppCredential),
        (OF_APPLICATION, AuthorizationCodeCredential),
        (OF_DAEMON, ClientSecretCredential),
        ({**OF_DAEMON, 'creds_enc_key': {}, 'creds_certificate': PEM}, CertificateCredential),
        (OF_DEVICE, DeviceCodeCredential),
        (OF_IDENTITY, ManagedIdentityCredential),
    ],
)
def test_the_settings_name_one_way_to_sign_in(params: Params, kind: type) -> None:
    assert type(Settings(params).credential()) is kind


@pytest.mark.parametrize(
    'params, kind',
    [
        (OF_APPLICATION, ClientSecretCredential),
        ({**OF_APPLICATION, 'creds_enc_key': None}, EntraCredential),
        ({**OF_APPLICATION, 'creds_enc_key': None, 'creds_certificate': PEM}, CertificateCredential),
    ],
)
def test_a_person_signs_in_to_an_application_with_a_secret_a_certificate_or_neither(params: Params, kind: type) -> None:
    credential = Settings(params).credential()
    assert isinstance(credential, AuthorizationCodeCredential)
    assert type(credential.client) is kind


def of_cortex_page(name: str) -> str:
    return f'{name} is missing. Paste the {name} that the consent page of the Cortex XSOAR app shows.'


MISSING: list[Refusal] = [
    ({}, of_cortex_page('ID')),
    ({**OF_CORTEX, 'creds_auth_id': None}, of_cortex_page('ID')),
    ({**OF_CORTEX, 'creds_refresh_token': {}}, of_cortex_page('Token')),
    ({**OF_CORTEX, 'creds_enc_key': secret(' ')}, of_cortex_page('Key')),
    (
        {**OF_APPLICATION, 'creds_auth_id': None},
        'ID (client ID) is missing. Copy the Application (client) ID from the app registration into ID.',
    ),
    (
        {**OF_APPLICATION, 'creds_refresh_token': None},
        'Token (tenant ID) is missing. Copy the Directory (tenant) ID from the app registration into Token.',
    ),
    (
        {**OF_DAEMON, 'creds_enc_key': None},
        'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.',
    ),
    (
        {**OF_APPLICATION, 'redirect_uri': ' '},
        'The application redirect URI is missing. Enter the redirect URI of the app registration.',
    ),
    (
        {**OF_DAEMON, 'mailbox_to_fetch': ''},
        "'Email address of the mailbox' is missing. "
        'An application has no mailbox of its own: enter the address of the one to work in.',
    ),
    (
        {**OF_IDENTITY, 'mailbox_to_fetch': None},
        "'Email address of the mailbox' is missing. "
        'A managed identity has no mailbox of its own: enter the address of the one to work in.',
    ),
    (
        {**OF_DAEMON, 'creds_enc_key': None, 'creds_certificate': {'identifier': 'A' * 40, 'password': ' '}},
        "'Private key of the certificate' is missing. Paste it, or clear 'Certificate thumbprint'.",
    ),
]

ONLY_OF_APPLICATIONS: dict[str, Params] = {
    'Application redirect URI': {'redirect_uri': 'x'},
    'Authorization code': {'creds_auth_code': secret('x')},
    'Certificate thumbprint': {'creds_certificate': {'identifier': 'x', 'password': None}},
    'Private key of the certificate': {'creds_certificate': secret('x')},
    'Sign-in method of the self-deployed application': {'auth_method': 'Device Code'},
}
NEVER_OF_IDENTITIES: dict[str, Params] = {
    'Use a self-deployed Azure application': {'self_deployed': True},
    'ID': {'creds_auth_id': secret('x')},
    'Token': {'creds_refresh_token': secret('x')},
    'Key': {'creds_enc_key': secret('x')},
    **ONLY_OF_APPLICATIONS,
}
TWO_WAYS: list[Refusal] = [
    *(
        (
            {**OF_IDENTITY, **extra},
            f"'{name}' is not used together with 'Use Azure Managed Identities'. "
            f"Clear '{name}', or clear 'Use Azure Managed Identities'.",
        )
        for name, extra in NEVER_OF_IDENTITIES.items()
    ),
    *(
        (
            {**OF_CORTEX, **extra},
            f"'{name}' is only used with 'Use a self-deployed Azure application'. "
            f"Clear '{name}', or select 'Use a self-deployed Azure application'.",
        )
        for name, extra in ONLY_OF_APPLICATIONS.items()
    ),
    *(
        (
            {**params, 'managed_identities_client_id': secret('x')},
            "'Azure Managed Identities Client ID' is only used with 'Use Azure Managed Identities'. "
            "Clear 'Azure Managed Identities Client ID', or select 'Use Azure Managed Identities'.",
        )
        for params in (OF_CORTEX, OF_APPLICATION)
    ),
]


def not_used(name: str, method: str) -> str:
    return f"'{name}' is not used with the sign-in method {method}. Clear '{name}', or choose another sign-in method."


METHODS: list[Refusal] = [
    ({**OF_DAEMON, 'redirect_uri': 'x'}, not_used('Application redirect URI', 'Client Credentials')),
    ({**OF_DAEMON, 'creds_auth_code': secret('x')}, not_used('Authorization code', 'Client Credentials')),
    ({**OF_DEVICE, 'redirect_uri': 'x'}, not_used('Application redirect URI', 'Device Code')),
    ({**OF_DEVICE, 'creds_auth_code': secret('x')}, not_used('Authorization code', 'Device Code')),
    ({**OF_DEVICE, 'creds_enc_key': secret('x')}, not_used('Key', 'Device Code')),
    ({**OF_DEVICE, 'creds_certificate': PEM}, not_used('Private key of the certificate', 'Device Code')),
    *(
        (
            {**params, 'creds_certificate': PEM},
            "'Key' is not used together with 'Private key of the certificate'. "
            "Clear 'Key', or clear 'Private key of the certificate'.",
        )
        for params in (OF_APPLICATION, OF_DAEMON)
    ),
    (
        {**OF_DAEMON, 'creds_enc_key': secret('1b2c3d4e-0002-4a5b-8c7d-9e0f1a2b3c4d')},
        'Key holds the ID of the client secret, '
        "not its value. Paste the secret's Value; if it is no longer shown, make a new secret.",
    ),
    (
        {**OF_APPLICATION, 'auth_method': 'Password'},
        "'Password' is no sign-in method. Choose one in 'Sign-in method of the self-deployed application'.",
    ),
]

ELSEWHERE: Params = {**OF_CORTEX, 'azure_cloud': 'Custom', 'azure_ad_endpoint': 'https://x.example'}
CLOUDS: list[Refusal] = [
    ({**OF_CORTEX, 'azure_cloud': 'Mars'}, "'Mars' is not one of the clouds. Choose one in 'Azure cloud'."),
    ({**OF_CORTEX, 'azure_cloud': 'Germany'}, "'Germany' is not one of the clouds. Choose one in 'Azure cloud'."),
    *(
        (
            {**OF_CORTEX, 'azure_cloud': cloud, parameter: 'https://x.example'},
            f"'{name}' is only used with the cloud Custom. Clear '{name}', or choose Custom in 'Azure cloud'.",
        )
        for cloud in (None, 'China')
        for name, parameter in (('Azure AD endpoint', 'azure_ad_endpoint'), ('Microsoft Graph endpoint', 'graph_endpoint'))
    ),
    (
        {**ELSEWHERE, 'azure_ad_endpoint': None, 'graph_endpoint': 'https://x.example'},
        "'Azure AD endpoint' is not an https address. Enter the whole address of 'Azure AD endpoint', with https://.",
    ),
    (
        {**ELSEWHERE, 'graph_endpoint': 'http://x.example'},
        "'Microsoft Graph endpoint' is not an https address. Enter the whole address of 'Microsoft Graph endpoint', with https://.",
    ),
    (
        {**ELSEWHERE, 'graph_endpoint': 'https://y.example:8/v1.0/'},
        "'Microsoft Graph endpoint' holds more than the address of a host. Leave out what follows https://y.example:8.",
    ),
]


@pytest.mark.parametrize('params, sentences', [*MISSING, *TWO_WAYS, *METHODS, *CLOUDS])
def test_settings_that_cannot_be_right_are_refused_by_the_name_of_the_field(params: Params, sentences: str) -> None:
    with pytest.raises(MicrosoftSignInError, match=f'^{re.escape(sentences)}$'):
        O365OutlookMailSingleUser.run('msgraph-mail-auth-test', params, {})


@pytest.mark.parametrize(
    'selected, cleared', [(True, False), ('true', 'false'), ('True', 'False'), (' yes ', 'no'), (True, None), (True, '')]
)
def test_check_boxes_are_truth_values_or_texts(selected: Any, cleared: Any) -> None:
    settings = Settings(
        {**OF_CORTEX, 'self_deployed': cleared, 'use_managed_identities': cleared, 'insecure': selected, 'proxy': selected}
    )
    assert (settings.self_deployed, settings.managed_identities, settings.verify, settings.proxy) == (False, False, False, True)
    settings = Settings({**OF_APPLICATION, 'self_deployed': selected, 'insecure': cleared, 'proxy': cleared})
    assert (settings.self_deployed, settings.verify, settings.proxy) == (True, True, False)


def test_blanks_around_values_do_not_matter() -> None:
    params: Params = {**OF_DAEMON, 'azure_cloud': 'US GCC-High', 'redirect_uri': ''}
    careless = {
        name: secret(f'\n{value["password"]}\t') if isinstance(value, dict) else f' {value} ' for name, value in params.items()
    }
    assert vars(Settings(careless)) == vars(Settings(params))
    assert Settings(careless).mailbox == ADA


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
    settings = Settings({**OF_DAEMON, 'azure_cloud': name})
    assert settings.cloud is AZURE_CLOUDS[abbreviation]
    credential = settings.credential()
    assert isinstance(credential, ClientSecretCredential)
    assert credential.authority == settings.cloud.endpoints.active_directory


def test_a_cloud_of_ones_own_has_the_addresses_that_were_entered() -> None:
    settings = Settings(
        {
            **OF_DAEMON,
            'azure_cloud': 'Custom',
            'azure_ad_endpoint': ' https://login.example/ ',
            'graph_endpoint': 'https://graph.example:8443',
        }
    )
    assert settings.cloud.endpoints.active_directory == 'https://login.example'
    assert settings.cloud.endpoints.microsoft_graph_resource_id == 'https://graph.example:8443'


@pytest.mark.parametrize(
    'params, secrets_of_it',
    [
        ({**OF_APPLICATION, 'creds_auth_code': secret('the code')}, ['the secret', 'the code']),
        ({**OF_DAEMON, 'creds_enc_key': None, 'creds_certificate': PEM}, [PEM['password'].strip()]),
        (OF_CORTEX, ['token', 'a2V5']),
    ],
)
def test_settings_do_not_show_their_secrets(params: Params, secrets_of_it: list[str]) -> None:
    settings = Settings(params)
    assert settings.secrets() == secrets_of_it
    assert not [hidden for hidden in secrets_of_it if repr(hidden)[1:-1] in repr(settings)]


@pytest.mark.parametrize('params', [OF_APPLICATION, {**OF_DAEMON, 'creds_enc_key': None, 'creds_certificate': PEM}, OF_CORTEX])
def test_the_platform_masks_the_secrets_of_an_instance(monkeypatch: pytest.MonkeyPatch, params: Params) -> None:
    monkeypatch.setattr(demisto, 'integrationContext', {})
    with pytest.raises(Exception, match='complete-nothing'):
        O365OutlookMailSingleUser.run('complete-nothing', params, {})
    assert {LOG.encode(secret) for secret in Settings(params).secrets()} == {'<XX_REPLACED>'}


def test_the_platform_masks_what_was_pasted_after_a_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    pasted = 'https://localhost/myapp?state=x&code=the-code'
    monkeypatch.setattr(demisto, 'integrationContext', {})
    with pytest.raises(MicrosoftSignInError):
        O365OutlookMailSingleUser.run('msgraph-mail-auth-complete', OF_APPLICATION, {'code': pasted})
    assert LOG.encode(pasted) == '<XX_REPLACED>'


@pytest.mark.parametrize(
    'params, token, shown',
    [
        (OF_APPLICATION, 'Tenant.example', 'Tenant.example'),
        (OF_APPLICATION, ' 1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d', ' 1b2c3d4e-0001-4a5b-8c7d-9e0f1a2b3c4d'),
        (OF_DEVICE, 'organizations', 'organizations'),
        (OF_APPLICATION, 'sesame-of-the-cortex-app', '<XX_REPLACED>'),
        (OF_CORTEX, 'tenant.example', '<XX_REPLACED>'),
    ],
)
def test_the_token_of_a_self_deployed_application_is_shown_if_it_names_a_tenant(
    monkeypatch: pytest.MonkeyPatch, params: Params, token: str, shown: str
) -> None:
    LOG.add_replace_strs(token)  # so does the platform, at the start of each command
    with pytest.raises(NotImplementedError):
        O365OutlookMailSingleUser.run('no-command', {**params, 'creds_refresh_token': secret(token)}, {})
    assert LOG.encode(token) == shown


# endregion
# region sign-in


@in_ways()
def test_every_way_signs_in_and_reads_mail(instance: Instance) -> None:
    instance.sign_in()
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Missing Permissions'] == 'none'
    assert [mail['Subject'] for mail in instance.context('msgraph-mail-list-emails', page_size='2')] == ['Report 1', 'Report 2']


@in_ways()
def test_a_second_command_needs_no_second_sign_in(instance: Instance) -> None:
    instance.sign_in()
    instance.text('msgraph-mail-auth-test')
    instance.cloud.requests.clear()
    instance.text('msgraph-mail-auth-test')
    assert [one.service for one in instance.cloud.requests] == ['graph']


@in_ways(*ANY_CLIENT, *ANY_IDENTITY)
def test_the_test_button_signs_in_where_no_person_is_needed(instance: Instance) -> None:
    assert instance.run('test-module')['Contents'] == 'ok'
    [(path, status)] = instance.requests('graph')
    assert (path, status) == (f'/v1.0/users/{ADA}/messages', 200)


@in_ways(*ANY_PERSON)
def test_the_test_button_names_the_next_command_where_a_person_is_needed(instance: Instance) -> None:
    assert instance.error('test-module') == (
        'The settings are well-formed, but the Test button cannot see whether a person has signed in. '
        'Save the instance, run !msgraph-mail-auth-start to sign in, then !msgraph-mail-auth-test.'
    )
    assert not list(instance.cloud.requests)


@in_ways('Cortex app')
def test_the_test_button_leaves_the_token_of_the_cortex_app_unused(instance: Instance) -> None:
    assert instance.run('test-module')['Contents'] == 'ok'
    assert {path for path, _ in instance.requests('token-service')} == {'/obtain-token'}
    assert [one.method for one in instance.cloud.requests] == ['GET']
    assert 'Ada' not in instance.text('msgraph-mail-auth-test')  # which uses it, and must still find it good


@in_ways('authorization code')
def test_the_test_button_leaves_a_pasted_code_unused(instance: Instance) -> None:
    address = re.findall(r'\((https:[^)]+)\)', instance.text('msgraph-mail-generate-login-url'))[0]
    instance.params['creds_auth_code'] = secret(Person(instance.cloud, ADA).sign_in(address))
    instance.error('test-module')
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == ADA


@in_ways('authorization code, certificate')
def test_the_test_button_reads_the_private_key_even_where_it_does_not_sign_in(instance: Instance) -> None:
    certificate = instance.cloud.directory.application('web').certificate.certificate_pem
    instance.params['creds_certificate'] = secret(f'-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{certificate}')
    assert instance.error('test-module') == (
        'The private key cannot be read. Paste the whole key in PEM form, as it was created.'
    )


@pytest.mark.parametrize(
    'wrong, sentences',
    [
        ({'creds_enc_key': secret('wrong')}, "Paste the client secret's Value (not its Secret ID) into Key."),
        ({'creds_refresh_token': secret('nowhere.example')}, 'Check Token (tenant ID) and the cloud setting.'),
        ({'mailbox_to_fetch': 'nobody@contoso.example'}, 'Check the address of the mailbox.'),
        ({'insecure': False, 'azure_ad_endpoint': 'https://localhost:1'}, 'localhost:1 could not be reached.'),
    ],
)
def test_the_test_button_says_what_is_wrong(
    instance: Instance, wrong: Params, sentences: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('MicrosoftSignInApiModule.SystemClock.sleep', lambda *_: None)
    instance.params.update(wrong)
    assert sentences in instance.error('test-module')


@in_ways(*ANY_CLIENT, *ANY_IDENTITY, 'Cortex app')
def test_nobody_is_asked_to_sign_in_where_no_person_is_needed(instance: Instance) -> None:
    assert instance.text('msgraph-mail-auth-start') == (
        'Nobody has to sign in for this instance. Run `!msgraph-mail-auth-test` to see what it may do.'
    )
    for code in ('', 'something'):
        assert instance.error('msgraph-mail-auth-complete', code=code) == (
            'Nobody has to sign in for this instance. Run !msgraph-mail-auth-test to see what it may do.'
        )
    assert instance.error('msgraph-mail-generate-login-url') == (
        'This instance does not sign in with an authorization code. No login URL is needed.'
    )
    assert not list(instance.cloud.requests)


@in_ways('authorization code')
def test_a_browser_sign_in_says_each_step(instance: Instance) -> None:
    title, first, second, third = instance.text('msgraph-mail-auth-start').splitlines()
    assert title == '### Authorization instructions'
    assert re.fullmatch(
        r'1\. Open the \[login URL]\(https://localhost:\d+/contoso\.example/oauth2/v2\.0/authorize\?\S+\) '
        r'in a browser, sign in and grant the permissions\.',
        first,
    )
    assert second == '2. The browser ends on the redirect URI. The page may well be empty: only its address matters.'
    assert third == '3. Copy the whole address and run `!msgraph-mail-auth-complete code="<the address>"` within a few minutes.'


@in_ways('device code')
def test_a_device_sign_in_waits_for_the_person(instance: Instance) -> None:
    _, first, second = instance.text('msgraph-mail-auth-start').splitlines()
    assert second == '2. Run the **!msgraph-mail-auth-complete** command in the War Room.'
    waiting = instance.run('msgraph-mail-auth-complete')
    assert waiting['HumanReadable'] == 'Waiting for the device code to be entered in the browser.'
    assert (waiting['PollingCommand'], waiting['PollingArgs']) == ('msgraph-mail-auth-complete', {'hide_polling_output': True})
    assert instance.run('msgraph-mail-auth-complete', **waiting['PollingArgs'])['HumanReadable'] is None, 'it says so once'
    assert int(waiting['NextRun']) >= 10
    assert int(waiting['Timeout']) == 900
    address, code = re.findall(r'\[(\S+)]|\*\*(\S+)\*\*', first)
    Person(instance.cloud, ADA).enter_device_code(address[0], code[1])
    assert instance.text('msgraph-mail-auth-complete') == (
        'The sign-in is complete. Run `!msgraph-mail-auth-test` to see what it may do.'
    )
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == ADA


@in_ways('device code')
def test_a_device_sign_in_that_nobody_finished_says_how_to_begin_anew(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-start')
    instance.cloud.clock.advance(1000)
    said = instance.error('msgraph-mail-auth-complete')
    assert 'The code was not entered in time: start the sign-in again. Run !msgraph-mail-auth-start. Correlation ID: ' in said


@in_ways('device code')
def test_a_device_sign_in_takes_no_code(instance: Instance) -> None:
    assert instance.error('msgraph-mail-auth-complete', code='x') == (
        'This instance does not sign in with an authorization code. Run the command without a code.'
    )


@in_ways('authorization code')
def test_a_browser_sign_in_cannot_be_completed_without_a_code(instance: Instance) -> None:
    assert instance.error('msgraph-mail-auth-complete', code=' ') == (
        'The argument code is missing. Run !msgraph-mail-auth-start to get one.'
    )


@in_ways('authorization code')
def test_a_bare_code_is_as_good_as_the_whole_address(instance: Instance) -> None:
    address = re.findall(r'\((https:[^)]+)\)', instance.text('msgraph-mail-auth-start'))[0]
    code = re.findall(r'[?&]code=([^&]+)', Person(instance.cloud, ADA).sign_in(address))[0]
    instance.text('msgraph-mail-auth-complete', code=f' "{code}" ')
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == ADA


@in_ways('authorization code')
def test_a_code_works_once(instance: Instance) -> None:
    address = re.findall(r'\((https:[^)]+)\)', instance.text('msgraph-mail-auth-start'))[0]
    code = re.findall(r'[?&]code=([^&]+)', Person(instance.cloud, ADA).sign_in(address))[0]
    instance.text('msgraph-mail-auth-complete', code=code)
    assert 'The authorization code was already used: start the sign-in again. Run !msgraph-mail-auth-start.' in instance.error(
        'msgraph-mail-auth-complete', code=code
    )
    instance.text('msgraph-mail-list-emails')


@in_ways('authorization code')
def test_the_address_of_another_sign_in_is_refused(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-start')
    assert instance.error('msgraph-mail-auth-complete', code=f'{REDIRECT_URI}?code=abc&state=of-another') == (
        'The pasted URL belongs to another sign-in than the one started last. '
        'Start the sign-in again, and paste the URL that it ends on. Run !msgraph-mail-auth-start.'
    )


@in_ways(*ANY_PERSON)
def test_a_command_before_the_sign_in_says_how_to_sign_in(instance: Instance) -> None:
    assert instance.error('msgraph-mail-list-emails') == (
        'Nobody has signed in with these settings yet. Start the sign-in, then complete it. Run !msgraph-mail-auth-start.'
    )


@in_ways('Cortex app')
def test_a_token_of_the_cortex_app_that_was_used_elsewhere_says_where_to_get_another(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-test')
    demisto.setIntegrationContext({})  # as a second instance with the same Token would begin
    assert re.search(
        r'AADSTS70000: .* Get a new ID, Token and Key from https://oproxy\.demisto\.ninja/ms-graph-mail-listener\. '
        r'Correlation ID: \S+$',
        instance.error('msgraph-mail-auth-test'),
    )


@in_ways(*ANY_PERSON)
def test_a_revoked_sign_in_says_how_to_sign_in_again(instance: Instance) -> None:
    instance.sign_in()
    instance.cloud.directory.user(ADA).revoke()
    assert re.search(
        r'AADSTS50173: .* Run !msgraph-mail-auth-start\. Correlation ID: \S+$', instance.error('msgraph-mail-auth-test')
    )
    instance.sign_in(BOB)
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == BOB


@pytest.mark.parametrize(
    'instance, then',
    [
        ('device code', 'Run !msgraph-mail-auth-start.'),
        ('client secret', 'The next command signs in anew.'),
        ('Azure VM', 'The next command signs in anew.'),
        ('Cortex app', 'Get a new ID, Token and Key from https://oproxy.demisto.ninja/ms-graph-mail-listener.'),
    ],
    indirect=['instance'],
)
def test_a_reset_forgets_every_token_and_says_what_follows(instance: Instance, then: str) -> None:
    instance.sign_in()
    instance.text('msgraph-mail-auth-test')
    assert secrets_in(demisto.getIntegrationContext())
    assert instance.text('msgraph-mail-auth-reset') == f'All tokens of this instance were forgotten. {then}'
    assert demisto.getIntegrationContext() == {}


@in_ways('authorization code')
def test_a_login_url_alone_can_be_had_as_well(instance: Instance) -> None:
    said = instance.text('msgraph-mail-generate-login-url')
    address = re.findall(r'\((https:[^)]+)\)', said)[0]
    assert '**Authorization code**' in said
    instance.text('msgraph-mail-auth-complete', code=Person(instance.cloud, ADA).sign_in(address))
    instance.text('msgraph-mail-auth-test')


# endregion
# region auth-test


@pytest.mark.parametrize(
    'instance, way, account, mailbox',
    [
        ('Cortex app', 'Cortex XSOAR application', ADA, 'of the signed-in user'),
        ('authorization code', 'Self-deployed application, authorization code', ADA, 'of the signed-in user'),
        ('device code', 'Self-deployed application, device code', ADA, 'of the signed-in user'),
        ('client secret', 'Self-deployed application, client secret', 'SOAR mail daemon', ADA),
        ('certificate', 'Self-deployed application, certificate', 'SOAR mail daemon', ADA),
        ('Azure VM', 'Azure managed identity', 'azure-vm', ADA),
        ('Azure VM, user-assigned', 'Azure managed identity', 'soar-engine', ADA),
    ],
    indirect=['instance'],
)
def test_auth_test_shows_who_is_signed_in_and_what_it_may_do(instance: Instance, way: str, account: str, mailbox: str) -> None:
    instance.sign_in()
    entry = instance.run('msgraph-mail-auth-test')
    outputs = entry['EntryContext']['MSGraphMailAuth']
    title, header, _, *_ = entry['HumanReadable'].splitlines()
    rows = rows_of(entry['HumanReadable'])
    assert (title, header) == ('### Signed in to Microsoft Graph', '|Property|Value|')
    assert list(rows) == [
        'Way',
        'Account',
        'Mailbox',
        'Tenant ID',
        'Client ID',
        'Granted Permissions',
        'Missing Permissions',
        'Expires On',
    ]
    assert [rows['Way'], rows['Account'], rows['Mailbox']] == [way, account, mailbox]
    assert [outputs['Way'], outputs['Account'], outputs['Mailbox']] == [way, account, mailbox]
    assert outputs['TenantID'] == instance.cloud.directory.user(ADA).tenant_id
    assert set(PERMISSIONS) <= set(outputs['GrantedPermissions']) <= {*PERMISSIONS, 'User.Read'}
    assert rows['Granted Permissions'] == ',<br>'.join(outputs['GrantedPermissions'])
    assert (outputs['MissingPermissions'], rows['Missing Permissions']) == ([], 'none')
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', outputs['ExpiresOn'])
    assert entry['HumanReadable'].endswith(f'| Expires On | {outputs["ExpiresOn"]} |\n')


def test_the_older_name_of_auth_test_does_the_same(instance: Instance) -> None:
    assert instance.text('msgraph-mail-test') == instance.text('msgraph-mail-auth-test')


@pytest.mark.parametrize(
    'instance, again',
    [
        ('client secret', 'Run !msgraph-mail-auth-reset, so that a new token is asked for.'),
        ('authorization code', 'Run !msgraph-mail-auth-start.'),
    ],
    indirect=['instance'],
)
def test_auth_test_lists_what_is_missing_and_says_what_to_do(instance: Instance, again: str) -> None:
    for name in ('daemon', 'web'):
        registered = instance.cloud.directory.application(name)
        registered.application_permissions = registered.delegated_permissions = ['offline_access', 'Mail.Read', 'Mail.Send']
    instance.sign_in()
    entry = instance.run('msgraph-mail-auth-test')
    outputs = entry['EntryContext']['MSGraphMailAuth']
    assert outputs['MissingPermissions'] == ['Mail.ReadWrite', 'MailboxSettings.ReadWrite']
    assert rows_of(entry['HumanReadable'])['Missing Permissions'] == 'Mail.ReadWrite,<br>MailboxSettings.ReadWrite'
    assert entry['HumanReadable'].endswith(f'\nGrant the missing permissions: Mail.ReadWrite, MailboxSettings.ReadWrite. {again}')


@pytest.mark.parametrize(
    'granted, missing',
    [(['Mail.Send'], 'Mail.ReadWrite, MailboxSettings.ReadWrite'), ([], 'Mail.ReadWrite, Mail.Send, MailboxSettings.ReadWrite')],
)
def test_auth_test_names_the_missing_permissions_even_where_graph_refuses(
    instance: Instance, granted: list[str], missing: str
) -> None:
    instance.cloud.directory.application('daemon').application_permissions = granted
    assert re.fullmatch(
        r'Microsoft Graph refused the request: ErrorAccessDenied: [^:]+\. '
        f'Grant the missing permissions: {missing}. Run !msgraph-mail-auth-reset, so that a new token is asked for. '
        r'Request ID: \S+',
        instance.error('msgraph-mail-auth-test'),
    )


@pytest.mark.parametrize('mailbox, named', [(BOB, BOB), ('', 'the mailbox')])
@in_ways('authorization code')
def test_auth_test_blames_the_mailbox_where_no_permission_is_missing(instance: Instance, mailbox: str, named: str) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    instance.sign_in()
    if not mailbox:
        instance.cloud.faults.add(service='graph', status=403, body={'error': {'code': 'ErrorAccessDenied', 'message': 'No.'}})
    assert f' All permissions that are needed are granted: check that whoever is signed in may open {named}.' in (
        instance.error('msgraph-mail-auth-test')
    )


def test_auth_test_says_unknown_where_the_token_cannot_be_read(instance: Instance) -> None:
    instance.cloud.faults.add(service='entra', body=OPAQUE_TOKEN)
    instance.cloud.faults.add(service='graph', body={'value': []})
    entry = instance.run('msgraph-mail-auth-test')
    outputs = entry['EntryContext']['MSGraphMailAuth']
    assert {name for name, value in outputs.items() if value == 'unknown'} == {
        'Account',
        'TenantID',
        'ClientID',
        'GrantedPermissions',
        'MissingPermissions',
    }
    assert entry['HumanReadable'].endswith(
        'The permissions of this sign-in cannot be read: check that '
        'Mail.ReadWrite, Mail.Send, MailboxSettings.ReadWrite are granted.'
    )


def test_auth_test_fails_where_graph_fails_for_another_reason(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', garbage=True)
    assert instance.error('msgraph-mail-auth-test').startswith('Microsoft Graph answered with something that is not a JSON')


def test_auth_test_shows_the_token_that_graph_took_in_the_end(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-test')
    daemon = instance.cloud.directory.application('daemon')
    daemon.application_permissions = [*PERMISSIONS, 'User.Read.All']
    daemon.revoke()
    assert 'User.Read.All' in instance.context('msgraph-mail-auth-test')['GrantedPermissions']


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
        (token(), None),
        (token('https://graph.microsoft.com/.default'), None),
    ],
)
def test_permissions_are_read_from_the_answer_or_else_from_the_token(held: AccessToken, granted: list[str] | None) -> None:
    assert O365OutlookMailSingleUser.granted_permissions(held) == granted


@in_ways('authorization code')
def test_a_permission_for_shared_mailboxes_is_another_one(instance: Instance) -> None:
    web = instance.cloud.directory.application('web')
    web.delegated_permissions = ['offline_access', 'Mail.ReadWrite.Shared', 'Mail.Send', 'MailboxSettings.ReadWrite']
    instance.sign_in()
    assert instance.context('msgraph-mail-auth-test')['MissingPermissions'] == ['Mail.ReadWrite']


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
def test_the_account_is_a_person_or_else_an_application(claims: dict[str, str], account: str) -> None:
    assert O365OutlookMailSingleUser.token_outputs(token(**claims))['Account'] == account


# endregion
# region list-emails


def test_emails_are_listed_in_the_context_and_in_a_table(instance: Instance) -> None:
    entry = instance.run('msgraph-mail-list-emails', page_size='2')
    [(path, emails)] = entry['EntryContext'].items()
    first = emails[0]
    assert path == 'MSGraphMail(val.ID && val.ID == obj.ID)'
    assert (first['Subject'], first['IsDraft'], first['HasAttachments'], first['Categories']) == ('Report 1', False, False, [])
    assert first['From'] == first['Sender'] == {'Name': 'Quentin Reyes', 'Address': 'quentin@partner.example'}
    assert first['Recipients'] == [{'Name': 'Ada Lindqvist', 'Address': ADA}]
    assert first['Body'] == '<p>Hello Ada Lindqvist,</p><p>this is report 1.</p>'
    assert first['UserID'] == ADA
    assert 'NextPage' not in first
    assert emails[1]['NextPage'].startswith(instance.cloud.graph)
    lines = entry['HumanReadable'].splitlines()
    assert lines[:2] == ['### Emails (2, more on the next page)', '|Subject|From|Recipients|Received Time|Has Attachments|ID|']
    assert lines[3] == f'| Report 1 | quentin@partner.example | {ADA} | {first["ReceivedTime"]} | false | {first["ID"]} |'
    assert [message['subject'] for message in entry['Contents']] == ['Report 1', 'Report 2']


@pytest.mark.parametrize(
    'args, found, title',
    [
        ({}, 20, '### Emails (20, more on the next page)'),
        ({'page_size': '', 'pages_to_pull': None}, 20, '### Emails (20, more on the next page)'),
        ({'pages_to_pull': '2'}, 25, '### Emails (25)'),
        ({'page_size': 10, 'pages_to_pull': ' 2 '}, 20, '### Emails (20, more on the next page)'),
        ({'page_size': '1000'}, 25, '### Emails (25)'),
        ({'folder_id': ' inbox '}, 20, '### Emails (20, more on the next page)'),
        ({'user_id': BOB, 'page_size': '25'}, 25, '### Emails (25)'),
    ],
)
def test_pages_folder_and_mailbox_can_be_chosen(instance: Instance, args: Params, found: int, title: str) -> None:
    entry = instance.run('msgraph-mail-list-emails', **args)
    [emails] = entry['EntryContext'].values()
    assert (len(emails), entry['HumanReadable'].splitlines()[0]) == (found, title)
    assert {email['UserID'] for email in emails} == {args.get('user_id', ADA)}


@pytest.mark.parametrize(
    'args, subjects',
    [
        ({'odata': "$filter=subject eq 'Report 7'"}, ['Report 7']),
        ({'odata': '$orderby=receivedDateTime asc&$select=subject', 'page_size': '2'}, ['Report 25', 'Report 24']),
        ({'search': '"Report 13"'}, ['Report 13']),
    ],
)
def test_mail_can_be_filtered_sorted_and_searched(instance: Instance, args: Params, subjects: list[str]) -> None:
    assert [email['Subject'] for email in instance.context('msgraph-mail-list-emails', **args)] == subjects


def test_what_was_not_selected_is_left_out_so_that_it_overwrites_nothing(instance: Instance) -> None:
    entry = instance.run('msgraph-mail-list-emails', page_size='1', pages_to_pull='1', odata='$select=subject,from')
    [[email]] = entry['EntryContext'].values()
    assert set(email) == {'ID', 'Subject', 'From', 'UserID', 'NextPage'}
    assert entry['HumanReadable'].splitlines()[1] == '|Subject|From|ID|'


def test_several_recipients_stand_in_one_cell(instance: Instance) -> None:
    mailbox = instance.cloud.mailbox(ADA)
    people = [EmailAddress('Ada', ADA), EmailAddress('Only a name', ''), EmailAddress('', '')]
    mailbox.deliver(Message(subject='To all', sender=EmailAddress('Bob', BOB), received=instance.cloud.clock.now(), to=people))
    table = instance.text('msgraph-mail-list-emails', page_size='1')
    assert f'| To all | {BOB} | {ADA}, Only a name |' in table


def test_an_empty_folder_says_so(instance: Instance) -> None:
    entry = instance.run('msgraph-mail-list-emails', folder_id='archive')
    assert entry['HumanReadable'] == 'No emails were found.'
    assert entry['EntryContext'] == {}


def test_an_empty_page_is_not_taken_for_the_end(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', body={'value': [], '@odata.nextLink': f'{instance.cloud.graph}/v1.0/more'})
    assert instance.text('msgraph-mail-list-emails') == ('No emails were found on this page, but there are more pages.')


@pytest.mark.parametrize(
    'args, sentences',
    [
        ({'page_size': '0'}, "'0' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': 0}, "'0' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': ' '}, "'' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '5000'}, "'5000' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': 'abc'}, "'abc' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '-1'}, "'-1' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '1.5'}, "'1.5' is not a whole number from 1 to 1000. Change page_size."),
        ({'page_size': '9' * 5000}, f"'{'9' * 5000}' is not a whole number from 1 to 1000. Change page_size."),
        ({'pages_to_pull': '0'}, "'0' is not a whole number from 1 to 1000. Change pages_to_pull."),
        ({'pages_to_pull': '1001'}, "'1001' is not a whole number from 1 to 1000. Change pages_to_pull."),
        (
            {'odata': 'isRead eq false'},
            "'isRead eq false' in odata is no OData option. Write options as $filter=..., joined by &.",
        ),
        (
            {'odata': '$filter=isRead eq false', 'search': 'x'},
            'Microsoft Graph does not take $filter together with a search. Leave out search, or $filter in odata.',
        ),
        ({'folder_id': '..'}, "'..' is no ID of a folder. Enter the ID of a folder as Microsoft Graph gave it."),
        ({'user_id': '.'}, "'.' is no address of a mailbox. Enter the address of a mailbox as Microsoft Graph gave it."),
    ],
)
def test_arguments_that_cannot_be_right_are_refused_before_anything_is_sent(
    instance: Instance, args: Params, sentences: str
) -> None:
    assert instance.error('msgraph-mail-list-emails', **args) == sentences
    assert not list(instance.cloud.requests)


@pytest.mark.parametrize(
    'args, advice',
    [
        ({'folder_id': 'nowhere'}, 'Check the ID, and that it is one of this mailbox.'),
        ({'folder_id': 'inbox?x=1#y'}, 'Check the ID, and that it is one of this mailbox.'),
        ({'folder_id': 'a/b'}, 'Check the arguments of the command.'),
        ({'user_id': 'nobody@contoso.example'}, 'Check the address of the mailbox.'),
        ({'user_id': 'eve@fabrikam.example'}, 'Check the address of the mailbox.'),
        ({'odata': '$select=colour'}, 'Check the arguments of the command.'),
    ],
)
def test_what_graph_does_not_know_is_told_with_advice(instance: Instance, args: dict[str, str], advice: str) -> None:
    assert re.search(
        rf'^Microsoft Graph refused the request: .* {advice} Request ID: \S+$', instance.error('msgraph-mail-list-emails', **args)
    )


@in_ways('authorization code')
def test_a_mailbox_that_is_not_shared_is_told_as_such(instance: Instance) -> None:
    instance.sign_in()
    assert 'Check that the permission was granted, and that whoever is signed in may open this mailbox.' in (
        instance.error('msgraph-mail-list-emails', user_id=BOB)
    )


def test_a_throttled_command_waits_and_succeeds(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', status=429, headers={'Retry-After': '0'})
    instance.text('msgraph-mail-list-emails')
    assert [status for _, status in instance.requests('graph')] == [429, 200]


@pytest.mark.parametrize(
    'value, text',
    [
        (None, ''),
        ({}, ''),
        ([], ''),
        ({'Name': 'Ada', 'Address': ADA}, ADA),
        ({'Name': 'Ada', 'Address': None}, 'Ada'),
        ([{'Name': '', 'Address': ADA}, {}], ADA),
    ],
)
def test_addresses_are_written_in_one_line(value: Any, text: str) -> None:
    assert O365OutlookMailSingleUser.addresses_text(value) == text


@pytest.mark.parametrize(
    'value, context',
    [
        (None, None),
        ('text', 'text'),
        (['a'], ['a']),
        ({'contentType': 'html', 'content': '<p>'}, '<p>'),
        ({'emailAddress': {'name': 'Ada', 'address': ADA}}, {'Name': 'Ada', 'Address': ADA}),
        ({'emailAddress': None}, {'Name': None, 'Address': None}),
        ({}, {'Name': None, 'Address': None}),
    ],
)
def test_a_property_becomes_what_playbooks_read(value: Any, context: Any) -> None:
    assert O365OutlookMailSingleUser.property_outputs(value) == context


def test_a_command_that_does_not_exist_is_refused(instance: Instance) -> None:
    assert instance.error('msgraph-mail-fly') == 'The command msgraph-mail-fly is not one of this integration.'


# endregion
