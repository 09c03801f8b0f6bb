"""The auth commands and the Test button with each authentication method, against the local cloud."""

import re

import pytest

import demistomock as demisto
from conformance.unified.instances import (
    ADA,
    APPLICATION_METHODS,
    BOB,
    MANAGED_IDENTITIES,
    USER_METHODS,
    Instance,
    Params,
    secret,
    secrets_in,
    with_methods,
)
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.samples import REDIRECT_URI

MAY_NOT_OPEN = (
    'All required permissions are granted. Check that this account may open the mailbox. '
    'A user needs the .Shared permissions for the mailbox of another user.'
)
PERMISSIONS = ['Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite']
ROLES = 'Permissions granted by RBAC for Applications in Exchange Online do not appear in the token and need no consent.'
BLOCKED = (
    'If the browser says that access is blocked, choose Authorization Code, because the tenant does not allow device codes. '
    'Run !msgraph-mail-auth-start.'
)
OPAQUE_TOKEN = {'access_token': 'opaque', 'expires_in': 3600}


@pytest.fixture(autouse=True)
def new_instance(instance: Instance) -> None:
    """Each test starts with an empty integration context: with an instance that has never signed in."""
    demisto.setIntegrationContext({})


def rows_of(table: str) -> dict[str, str]:
    """Return a table of two columns."""
    return dict(row.strip('| ').split(' | ') for row in table.splitlines() if row.startswith('| '))


# region sign-in


@with_methods()
def test_every_authentication_method_signs_in_and_reads_mail(instance: Instance) -> None:
    instance.sign_in()
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Missing Permissions'] == 'none'
    *mails, _link = instance.context('msgraph-mail-list-emails', page_size='2')
    assert [mail['Subject'] for mail in mails] == ['Report 1', 'Report 2']


@with_methods()
def test_a_second_command_uses_the_cached_token(instance: Instance) -> None:
    instance.sign_in()
    instance.text('msgraph-mail-auth-test')
    instance.cloud.requests.clear()
    instance.text('msgraph-mail-auth-test')
    assert [one.service for one in instance.cloud.requests] == ['graph']


@with_methods(*APPLICATION_METHODS, *MANAGED_IDENTITIES)
def test_the_test_button_calls_the_api_if_no_user_is_needed(instance: Instance) -> None:
    assert instance.run('test-module')['Contents'] == 'ok'
    [(path, status)] = instance.requests('graph')
    assert (path, status) == (f'/v1.0/users/{ADA}/messages', 200)


@with_methods(*USER_METHODS)
def test_the_test_button_names_the_next_command_if_a_user_is_needed(instance: Instance) -> None:
    assert instance.error('test-module') == (
        'The parameters are valid, but the Test button cannot check the sign-in of a user. '
        'Save the instance, run !msgraph-mail-auth-start to sign in, then run !msgraph-mail-auth-test.'
    )
    assert not list(instance.cloud.requests)


@with_methods('Cortex app')
def test_the_test_button_does_not_use_the_token_of_the_cortex_app(instance: Instance) -> None:
    assert instance.error('test-module') == (
        'The parameters are valid and the token service answers, but the Test button does not sign in, because a Token works '
        'only once. Save the instance, then run !msgraph-mail-auth-test.'
    )
    assert {path for path, _ in instance.requests('token-service')} == {'/obtain-token'}
    assert [one.method for one in instance.cloud.requests] == ['GET']
    assert 'Ada' not in instance.text('msgraph-mail-auth-test')  # which uses it, and must still find it good


@with_methods('Authorization code')
def test_the_test_button_does_not_use_the_authorization_code(instance: Instance) -> None:
    address = re.findall(r'\((https:[^)]+)\)', instance.text('msgraph-mail-generate-login-url'))[0]
    instance.params['creds_auth_code'] = secret(Browser(instance.cloud, ADA).sign_in(address))
    instance.error('test-module')
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == ADA


@with_methods('Authorization code, certificate')
def test_the_test_button_reads_the_private_key_even_if_it_does_not_sign_in(instance: Instance) -> None:
    certificate = instance.cloud.directory.application('web').certificate.certificate_pem
    instance.params['creds_certificate'] = secret(f'-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{certificate}')
    assert instance.error('test-module') == ('The private key cannot be read. Paste the whole key in PEM format.')


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
    monkeypatch.setattr('MicrosoftCoreApiModule.SystemClock.sleep', lambda *_: None)
    instance.params.update(wrong)
    assert sentences in instance.error('test-module')


def test_the_test_button_says_that_the_endpoints_are_swapped(instance: Instance) -> None:
    instance.params.update(azure_ad_endpoint=instance.cloud.graph, graph_endpoint=instance.cloud.authority)
    assert instance.error('test-module').endswith(
        "This is the address of an API, not of a sign-in service. Check 'Azure AD endpoint'."
    )


@with_methods(*APPLICATION_METHODS, *MANAGED_IDENTITIES, 'Cortex app')
def test_no_user_is_asked_to_sign_in_if_none_is_needed(instance: Instance) -> None:
    is_cortex = not (instance.params.get('self_deployed') or instance.params.get('use_managed_identities'))
    page = 'This instance signs in with ID, Token and Key from https://oproxy.demisto.ninja/ms-graph-mail-listener.'
    said = f'{page if is_cortex else "No user has to sign in for this instance."} Run !msgraph-mail-auth-test.'
    assert instance.text('msgraph-mail-auth-start') == said
    for code in ('', 'something'):
        assert instance.error('msgraph-mail-auth-complete', code=code) == said
    assert instance.error('msgraph-mail-generate-login-url') == (
        'Only an instance with Authorization Code has a login URL. Run the auth-test command.'
    )
    assert not list(instance.cloud.requests)


@with_methods('Authorization code')
def test_a_browser_sign_in_shows_each_step(instance: Instance) -> None:
    title, first, second, third = instance.text('msgraph-mail-auth-start').splitlines()
    assert title == '### Authorization instructions'
    assert re.fullmatch(
        r'1\. Open the \[login URL]\(https://localhost:\d+/[0-9a-f-]{36}/oauth2/v2\.0/authorize\?\S+\) '
        r'in a browser, sign in and grant the permissions\.',
        first,
    )
    assert second == '2. The browser is redirected to the redirect URI. The page may be empty, or fail to load.'
    assert (
        third
        == '3. Copy the full URL of that page and run `!msgraph-mail-auth-complete code="<the full URL>"` within a few minutes.'
    )


@with_methods('Device code')
def test_a_device_sign_in_waits_for_the_user(instance: Instance) -> None:
    _, first, second = instance.text('msgraph-mail-auth-start').splitlines()
    assert second == '2. Run the **!msgraph-mail-auth-complete** command in the War Room.'
    waiting = instance.run('msgraph-mail-auth-complete')
    assert waiting['HumanReadable'] == 'Waiting for the user to enter the device code.'
    assert (waiting['PollingCommand'], waiting['PollingArgs']) == ('msgraph-mail-auth-complete', {'hide_polling_output': True})
    assert instance.run('msgraph-mail-auth-complete', **waiting['PollingArgs'])['HumanReadable'] is None, 'it says so once'
    assert int(waiting['NextRun']) >= 10
    assert int(waiting['Timeout']) == 900
    address, code = re.findall(r'\[(\S+)]|\*\*(\S+)\*\*', first)
    Browser(instance.cloud, ADA).enter_device_code(address[0], code[1])
    assert instance.text('msgraph-mail-auth-complete') == (
        f'The sign-in is complete. {ADA} is signed in. Run !msgraph-mail-auth-test.'
    )
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == ADA


@with_methods('Device code')
def test_a_device_sign_in_that_expired_says_how_to_start_again(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-start')
    instance.cloud.clock.advance(1000)
    said = instance.error('msgraph-mail-auth-complete')
    assert f'AADSTS70019: The device code has expired. Start the sign-in again. {BLOCKED} Correlation ID: ' in said


@with_methods('Device code')
def test_a_device_sign_in_that_a_policy_blocks_is_explained_by_every_command(instance: Instance) -> None:
    # The browser alone shows AADSTS53003. Here the code waits, and then it is gone.
    instance.text('msgraph-mail-auth-start')
    instance.cloud.clock.advance(1000)
    assert BLOCKED in instance.error('msgraph-mail-auth-complete')
    assert instance.error('msgraph-mail-auth-test') == (
        f'No user has signed in with these settings. Start the sign-in, then complete it. {BLOCKED}'
    )


@with_methods('Device code')
def test_a_device_sign_in_takes_no_code(instance: Instance) -> None:
    assert instance.error('msgraph-mail-auth-complete', code='M.C5-abc') == (
        'This instance does not use an authorization code. Run the command without a code.'
    )


@with_methods('Authorization code')
def test_a_browser_sign_in_cannot_be_completed_without_a_code(instance: Instance) -> None:
    assert instance.error('msgraph-mail-auth-complete', code=' ') == (
        'The argument code is missing. To get a code, run !msgraph-mail-auth-start.'
    )


@with_methods('Authorization code')
def test_a_code_alone_is_rejected(instance: Instance) -> None:
    address = re.findall(r'\((https:[^)]+)\)', instance.text('msgraph-mail-auth-start'))[0]
    redirect_url = Browser(instance.cloud, ADA).sign_in(address)
    code = re.findall(r'[?&]code=([^&]+)', redirect_url)[0]
    assert instance.error('msgraph-mail-auth-complete', code=f' "{code}" ') == (
        'The code was pasted without the address that contained it, so it may belong to another sign-in. '
        'Paste the full address of the page after the sign-in.'
    )
    instance.text('msgraph-mail-auth-complete', code=f' "{redirect_url}" ')
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Account'] == ADA


@with_methods('Authorization code')
def test_a_code_works_once(instance: Instance) -> None:
    address = re.findall(r'\((https:[^)]+)\)', instance.text('msgraph-mail-auth-start'))[0]
    redirect_url = Browser(instance.cloud, ADA).sign_in(address)
    instance.text('msgraph-mail-auth-complete', code=redirect_url)
    again = instance.error('msgraph-mail-auth-complete', code=re.findall(r'[?&]code=([^&]+)', redirect_url)[0])
    assert 'AADSTS54005: The code has been redeemed already. Start the sign-in again. Run !msgraph-mail-auth-start.' in again
    instance.text('msgraph-mail-list-emails')


@with_methods('Authorization code')
def test_the_address_of_another_sign_in_is_rejected(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-start')
    assert instance.error('msgraph-mail-auth-complete', code=f'{REDIRECT_URI}?code=abc&state=of-another') == (
        'The pasted URL belongs to another sign-in than the one started last. '
        'Start the sign-in again, and paste the URL that it ends on. Run !msgraph-mail-auth-start.'
    )


@with_methods(*USER_METHODS)
def test_a_command_before_the_sign_in_says_how_to_sign_in(instance: Instance) -> None:
    said = instance.error('msgraph-mail-list-emails')
    assert said.startswith('No user has signed in with these settings. Start the sign-in, then complete it. ')
    assert said.endswith(' Run !msgraph-mail-auth-start.')


@with_methods('Cortex app')
def test_a_token_of_the_cortex_app_that_was_used_elsewhere_says_where_to_get_a_new_one(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-test')
    demisto.setIntegrationContext({})  # like a second instance with the same Token
    assert re.search(
        r'AADSTS70000: .* Get a new ID, Token and Key from https://oproxy\.demisto\.ninja/ms-graph-mail-listener\. '
        r'Correlation ID: \S+$',
        instance.error('msgraph-mail-auth-test'),
    )


@with_methods(*USER_METHODS)
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
        ('Device code', 'Run !msgraph-mail-auth-start.'),
        ('Client secret', 'The next command requests a new token.'),
        ('Managed identity, system-assigned', 'The next command requests a new token.'),
        ('Cortex app', 'Get a new ID, Token and Key from https://oproxy.demisto.ninja/ms-graph-mail-listener.'),
    ],
    indirect=['instance'],
)
def test_a_reset_deletes_every_token_and_says_what_follows(instance: Instance, then: str) -> None:
    instance.sign_in()
    instance.text('msgraph-mail-auth-test')
    assert secrets_in(demisto.getIntegrationContext())
    assert (
        instance.text('msgraph-mail-auth-reset', discard_token='true')
        == f'All cached tokens of this instance were deleted. {then}'
    )
    assert demisto.getIntegrationContext() == {}


@with_methods('Authorization code')
def test_a_login_url_starts_a_sign_in(instance: Instance) -> None:
    said = instance.text('msgraph-mail-generate-login-url')
    address = re.findall(r'\((https:[^)]+)\)', said)[0]
    assert '**Authorization code**' in said
    instance.text('msgraph-mail-auth-complete', code=Browser(instance.cloud, ADA).sign_in(address))
    instance.text('msgraph-mail-auth-test')


# endregion
# region auth-test


@pytest.mark.parametrize(
    'instance, method, account, mailbox',
    [
        ('Cortex app', 'Cortex XSOAR application', ADA, 'mailbox of the signed-in user'),
        ('Authorization code', 'Self-deployed application, authorization code', ADA, 'mailbox of the signed-in user'),
        ('Device code', 'Self-deployed application, device code', ADA, 'mailbox of the signed-in user'),
        ('Client secret', 'Self-deployed application, client secret', 'SOAR mail daemon', ADA),
        ('Certificate, PS256', 'Self-deployed application, certificate', 'SOAR mail daemon', ADA),
        ('Managed identity, system-assigned', 'Azure managed identity', 'azure-vm', ADA),
        ('Managed identity, user-assigned', 'Azure managed identity', 'soar-engine', ADA),
    ],
    indirect=['instance'],
)
def test_auth_test_shows_the_account_and_its_permissions(instance: Instance, method: str, account: str, mailbox: str) -> None:
    instance.sign_in()
    entry = instance.run('msgraph-mail-auth-test')
    [outputs] = entry['EntryContext'].values()
    title, header, _, *_ = entry['HumanReadable'].splitlines()
    rows = rows_of(entry['HumanReadable'])
    assert (title, header) == ('### Signed in to Microsoft Graph', '|Property|Value|')
    assert list(rows) == [
        'Authentication Method',
        'Account',
        'Mailbox',
        'Tenant ID',
        'Client ID',
        'Granted Permissions',
        'Missing Permissions',
        'Expires On',
    ]
    assert [rows['Authentication Method'], rows['Account'], rows['Mailbox']] == [method, account, mailbox]
    assert [outputs['AuthenticationMethod'], outputs['Account'], outputs['Mailbox']] == [method, account, mailbox]
    assert outputs['Way'] == method, 'kept for existing playbooks'
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
        ('Client secret', f'Run !msgraph-mail-auth-reset. This requests a new token. {ROLES}'),
        ('Authorization code', 'Run !msgraph-mail-auth-start.'),
    ],
    indirect=['instance'],
)
def test_auth_test_lists_missing_permissions_with_advice(instance: Instance, again: str) -> None:
    for name in ('daemon', 'web'):
        registered = instance.cloud.directory.application(name)
        registered.application_permissions = registered.delegated_permissions = ['offline_access', 'Mail.Read', 'Mail.Send']
    instance.sign_in(permissions='.default')
    entry = instance.run('msgraph-mail-auth-test')
    [outputs] = entry['EntryContext'].values()
    assert outputs['MissingPermissions'] == ['Mail.ReadWrite', 'MailboxSettings.ReadWrite']
    assert rows_of(entry['HumanReadable'])['Missing Permissions'] == 'Mail.ReadWrite,<br>MailboxSettings.ReadWrite'
    assert entry['HumanReadable'].endswith(f'\nGrant the missing permissions: Mail.ReadWrite, MailboxSettings.ReadWrite. {again}')


@pytest.mark.parametrize(
    'granted, missing',
    [(['Mail.Send'], 'Mail.ReadWrite, MailboxSettings.ReadWrite'), ([], 'Mail.ReadWrite, Mail.Send, MailboxSettings.ReadWrite')],
)
def test_auth_test_names_the_missing_permissions_if_graph_denies_access(
    instance: Instance, granted: list[str], missing: str
) -> None:
    instance.cloud.directory.application('daemon').application_permissions = granted
    assert re.fullmatch(
        r'Microsoft Graph refused the request: ErrorAccessDenied: [^:]+\. '
        f'Grant the missing permissions: {missing}. Run !msgraph-mail-auth-reset. This requests a new token. {ROLES} '
        r'Request ID: \S+',
        instance.error('msgraph-mail-auth-test'),
    )


@pytest.mark.parametrize(
    'roles', [('MailboxSettings.ReadWrite',), ('Mail.ReadWrite', 'Mail.Send'), ('Mail.ReadWrite', 'MailboxSettings.ReadWrite')]
)
@pytest.mark.parametrize('instance', ['Client secret', 'Managed identity, system-assigned'], indirect=True)
def test_auth_test_succeeds_with_permissions_that_exchange_grants(instance: Instance, roles: tuple[str, ...]) -> None:
    directory = instance.cloud.directory
    for principal in (directory.application('daemon'), directory.managed_identity('azure-vm')):
        principal.exchange_roles = [f'Application {name}' for name in roles]
        principal.application_permissions = [name for name in PERMISSIONS if name not in roles]
    entry = instance.run('msgraph-mail-auth-test')
    [outputs] = entry['EntryContext'].values()
    assert outputs['MissingPermissions'] == sorted(roles, key=PERMISSIONS.index)
    assert 'This requests a new token.' in entry['HumanReadable']
    assert entry['HumanReadable'].endswith(ROLES)


@with_methods('Managed identity, system-assigned')
def test_the_token_of_a_host_lacks_new_permissions_for_a_day_and_the_advice_says_so(instance: Instance) -> None:
    instance.cloud.directory.managed_identity_kept_seconds = 24 * 3600
    identity = instance.cloud.directory.managed_identity('azure-vm')
    identity.application_permissions = ['Mail.ReadWrite', 'MailboxSettings.ReadWrite']
    texts = [instance.text('msgraph-mail-auth-test')]
    identity.application_permissions = list(PERMISSIONS)
    instance.text('msgraph-mail-auth-reset')
    texts += [instance.text('msgraph-mail-auth-test')]
    for text in texts:
        assert 'Run !msgraph-mail-auth-reset. This requests a new token.' in text
        assert 'The host caches tokens for up to 24 hours.' in text
    instance.cloud.clock.advance(24 * 3600)
    instance.text('msgraph-mail-auth-reset')
    assert rows_of(instance.text('msgraph-mail-auth-test'))['Missing Permissions'] == 'none'


@pytest.mark.parametrize('mailbox', [BOB, ''])
@with_methods('Authorization code')
def test_auth_test_names_the_mailbox_if_no_permission_is_missing(instance: Instance, mailbox: str) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    instance.sign_in()
    if not mailbox:
        refusal = {'error': {'code': 'ErrorAccessDenied', 'message': 'No.'}}
        instance.cloud.faults.add(service='graph', status=403, body=refusal, times=None)
    assert f' {MAY_NOT_OPEN}' in instance.error('msgraph-mail-auth-test')


def test_auth_test_shows_unknown_if_the_token_cannot_be_read(instance: Instance) -> None:
    instance.cloud.faults.add(service='entra', body=OPAQUE_TOKEN)
    instance.cloud.faults.add(service='graph', body={'value': []})
    entry = instance.run('msgraph-mail-auth-test')
    [outputs] = entry['EntryContext'].values()
    assert {name for name, value in outputs.items() if value == 'unknown'} == {
        'Account',
        'TenantID',
        'ClientID',
        'GrantedPermissions',
        'MissingPermissions',
    }
    assert entry['HumanReadable'].endswith(
        'The permissions of the token cannot be read. Check that these are granted: '
        'Mail.ReadWrite, Mail.Send, MailboxSettings.ReadWrite.'
    )


def test_auth_test_fails_if_graph_fails_for_another_reason(instance: Instance) -> None:
    instance.cloud.faults.add(service='graph', garbage=True)
    assert instance.error('msgraph-mail-auth-test').startswith('Microsoft Graph sent a response that is not a JSON object.')


def test_auth_test_shows_the_token_that_graph_accepted(instance: Instance) -> None:
    instance.text('msgraph-mail-auth-test')
    daemon = instance.cloud.directory.application('daemon')
    daemon.application_permissions = [*PERMISSIONS, 'User.Read.All']
    daemon.revoke()
    assert 'User.Read.All' in instance.context('msgraph-mail-auth-test')['GrantedPermissions']


@with_methods('Authorization code')
def test_a_permission_for_shared_mailboxes_does_not_count(instance: Instance) -> None:
    web = instance.cloud.directory.application('web')
    web.delegated_permissions = ['offline_access', 'Mail.ReadWrite.Shared', 'Mail.Send', 'MailboxSettings.ReadWrite']
    instance.sign_in(permissions='.default')
    assert instance.context('msgraph-mail-auth-test')['MissingPermissions'] == ['Mail.ReadWrite']


# endregion
