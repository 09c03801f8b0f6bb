"""Reports from the field: the sign-in of an instance, as its administrator sees it (S4, S5, S11, S16, S18, S20, S21)."""

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate

import demistomock as demisto
from conformance.unified.instances import ADA, BOB, Instance, with_methods
from sandbox.microsoft.browser import Browser
from sandbox.microsoft.entra.model import Application

Report = Callable[[str, str, str, str], None]
OBJECT_ID = '7d9a4b0e-52c1-4f3a-9a67-0c5d1e8f2b34'  # Microsoft Graph names a mailbox by it as well
START, COMPLETE, TEST, RESET = (f'msgraph-mail-auth-{name}' for name in ('start', 'complete', 'test', 'reset'))


@pytest.fixture(autouse=True)
def new_instance(instance: Instance) -> None:
    """Each test starts with an empty integration context: with an instance that has never signed in."""
    demisto.setIntegrationContext({})


def login_url(said: str) -> str:
    return re.findall(r'\[login URL]\(([^)]+)\)', said)[0]


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def completed(instance: Instance, user: str) -> str:
    """Return what the completion of a sign-in by `user` shows."""
    said = instance.text(START)
    if 'login URL' in said:
        return instance.text(COMPLETE, code=Browser(instance.cloud, user).sign_in(login_url(said)))
    address, code = re.findall(r'\[(https:[^]]+)].* code \*\*(\S+)\*\*', said)[0]
    Browser(instance.cloud, user).enter_device_code(address, code)
    return instance.text(COMPLETE)


# region S4


@pytest.mark.parametrize('command', [START, 'msgraph-mail-generate-login-url'])
@pytest.mark.parametrize('mailbox', [ADA, f'Ada <{ADA}>', f'mailto:{ADA}', BOB, '', OBJECT_ID])
@with_methods('Authorization code')
def test_the_login_url_lets_the_user_select_the_account_of_the_mailbox(
    instance: Instance,
    field_report: Report,
    mailbox: str,
    command: str,
) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    asked = query(login_url(instance.text(command)))
    assert asked['prompt'] == 'select_account'
    assert asked.get('login_hint', '') == (BOB if mailbox == BOB else ADA if '@' in mailbox else '')
    now = f'prompt={asked["prompt"]}, login_hint={asked.get("login_hint")}'
    field_report('S4', f'{command}, mailbox {mailbox or "not named"}', 'neither prompt nor login_hint', now)


@pytest.mark.parametrize(
    'mailbox, user, is_warned',
    [(ADA, BOB, True), (ADA.upper(), ADA, False), (ADA, ADA, False), (BOB, ADA, True), ('', BOB, False), (BOB, BOB, False)],
)
@with_methods('Authorization code', 'Device code')
def test_the_completion_says_who_has_signed_in(
    instance: Instance,
    field_report: Report,
    mailbox: str,
    user: str,
    is_warned: bool,
) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    said = completed(instance, user)
    assert said.startswith('The sign-in is complete. ')
    assert f'{user} is signed in' in said
    assert ('**Warning**' in said) == is_warned
    field_report('S4', f'mailbox {mailbox or "not named"}, {user} signs in', 'The sign-in is complete.', said)


@with_methods('Authorization code', 'Device code')
def test_nobody_is_warned_of_an_account_that_may_open_the_mailbox(instance: Instance, field_report: Report) -> None:
    directory = instance.cloud.directory
    for name in ('web', 'device'):
        directory.application(name).delegated_permissions.append('Mail.ReadWrite.Shared')
    directory.user(ADA).shared_with.add(directory.user(BOB).object_id)
    instance.params['mailbox_to_fetch'] = ADA
    said = instance.text(START, permissions='Mail.ReadWrite,Mail.ReadWrite.Shared')
    if 'login URL' in said:
        done = instance.text(COMPLETE, code=Browser(instance.cloud, BOB).sign_in(login_url(said)))
    else:
        address, code = re.findall(r'\[(https:[^]]+)].* code \*\*(\S+)\*\*', said)[0]
        Browser(instance.cloud, BOB).enter_device_code(address, code)
        done = instance.text(COMPLETE)
    assert done == f'The sign-in is complete. {BOB} is signed in. Run !{TEST}.'
    field_report('S4', 'Bob, who may open the mailbox', 'The sign-in is complete.', done)


# endregion
# region S5


def application_of(instance: Instance) -> Application:
    return instance.cloud.directory.application('device' if 'Device' in instance.params['auth_method'] else 'web')


@pytest.mark.parametrize('missing', ['Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite'])
@with_methods('Authorization code', 'Device code')
def test_a_permission_that_is_added_later_is_granted_by_the_next_sign_in(
    instance: Instance,
    field_report: Report,
    missing: str,
) -> None:
    instance.params['mailbox_to_fetch'] = ''
    application = application_of(instance)
    registered = list(application.delegated_permissions)
    application.delegated_permissions = [name for name in registered if name != missing]
    instance.sign_in(permissions='.default')
    application.delegated_permissions = registered
    instance.sign_in(permissions='.default')
    by_default = instance.run(TEST)['Contents']
    assert missing in str(by_default), 'Entra asks for nothing new once anything was granted'
    completed(instance, ADA)
    outputs = instance.context(TEST)
    assert outputs['MissingPermissions'] == []
    field_report('S5', f'{missing} is added to the registration', 'it stays missing', f'missing: {outputs["MissingPermissions"]}')


@pytest.mark.parametrize(
    'given, asked',
    [
        ('', ['Mail.ReadWrite', 'Mail.Send', 'MailboxSettings.ReadWrite']),
        ('Mail.Read', ['Mail.Read']),
        ('Mail.Read, Mail.Read.Shared', ['Mail.Read', 'Mail.Read.Shared']),
        ('.default', ['.default']),
        (['Mail.Send'], ['Mail.Send']),
    ],
)
@with_methods('Authorization code')
def test_the_login_url_names_the_permissions(
    instance: Instance,
    field_report: Report,
    given: Any,
    asked: list[str],
) -> None:
    scope = query(login_url(instance.text(START, permissions=given)))['scope'].split()
    assert scope == [*(f'{instance.cloud.graph}/{name}' for name in asked), 'offline_access']
    field_report('S5', f'permissions={given}', '.default', ' '.join(name.rpartition('/')[2] for name in scope))


# endregion
# region S11


@pytest.mark.parametrize(
    'mailbox',
    [
        f'\u202a{ADA}\u202c',
        f'<{ADA}>',
        f'Ada Lovelace <{ADA}>',
        f'mailto:{ADA}',
        f'\u201c{ADA}\u201d',
        'ada\u200b@contoso.example',
        'ada\xad@contoso.example',
    ],
)
def test_a_mailbox_is_mended(instance: Instance, field_report: Report, mailbox: str) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    opened = instance.context(TEST)['Mailbox']
    assert opened == ADA
    field_report('S11', f'the mailbox {mailbox!a}', '404', f'the mailbox {opened}')


@pytest.mark.parametrize(
    'mailbox',
    ['ada', 'Ada Lovelace', 'ada@', '@contoso.example', 'ada@contoso', f'{ADA}; {BOB}', 'ad\u0430@contoso.example', f'{ADA}/x?'],
)
def test_what_is_no_mailbox_is_refused_by_name(instance: Instance, field_report: Report, mailbox: str) -> None:
    instance.params['mailbox_to_fetch'] = mailbox
    for command in (TEST, 'test-module', 'msgraph-mail-list-emails'):
        said = instance.error(command)
        assert said.startswith("'Email address of the mailbox' is not an email address."), said
    assert not list(instance.cloud.requests)
    field_report('S11', f'the mailbox {mailbox!a}', 'sent to Microsoft Graph', instance.error(TEST))


# endregion
# region S16


@pytest.mark.parametrize('given', [{}, {'discard_token': 'false'}, {'discard_token': ''}, {'discard_token': 'no'}])
@with_methods('Cortex app')
def test_the_cortex_app_is_not_reset_by_accident(instance: Instance, field_report: Report, given: dict[str, str]) -> None:
    instance.text(TEST)
    before = dict(demisto.getIntegrationContext())
    said = instance.error(RESET, **given)
    assert demisto.getIntegrationContext() == before
    assert 'the only working Token' in said
    assert 'discard_token=true' in said
    instance.text(TEST)
    field_report('S16', f'auth-reset {given}', 'the Token is lost', said)


@with_methods('Cortex app')
def test_after_a_reset_every_message_names_the_consent_page(instance: Instance, field_report: Report) -> None:
    instance.text(TEST)
    instance.text(RESET, discard_token='true')
    for command in (START, TEST):
        said = instance.run(command)
        text = str(said['HumanReadable'] if said['Type'] != 4 else said['Contents'])
        assert 'https://oproxy.demisto.ninja/ms-graph-mail-listener' in text
        assert 'eset' not in text.replace('auth-reset', '')
        field_report('S16', f'{command} after a reset', 'No user has to sign in for this instance.', text)


@with_methods('Cortex app')
def test_the_test_button_says_what_it_did_not_check(instance: Instance, field_report: Report) -> None:
    said = instance.error('test-module')
    assert 'the Test button does not sign in' in said
    assert TEST in said
    field_report('S16', 'Test', 'ok', said)


# endregion
# region S20


@pytest.mark.parametrize('command', ['test-module', TEST])
@pytest.mark.parametrize('national', ['US GCC-High', 'DoD', 'China', 'Bleu (France)'])
@with_methods('Cortex app')
def test_no_token_of_the_cortex_app_is_spent_in_another_cloud(
    instance: Instance, field_report: Report, national: str, command: str
) -> None:
    instance.params |= {'azure_cloud': national, 'azure_ad_endpoint': None, 'graph_endpoint': None}
    before = len(instance.cloud.requests.of('token-service'))
    said = instance.error(command)
    assert f"does not exist in the cloud '{national}'" in said
    assert len(instance.cloud.requests.of('token-service')) == before
    field_report('S20', f'{national}, {command}', 'two Tokens are used, then: Invalid audience', said)


# endregion
# region S21


@pytest.mark.parametrize('command', [TEST, 'msgraph-mail-list-folders', 'msgraph-mail-list-emails'])
@with_methods('Cortex app', 'Authorization code', 'Device code', 'Client secret', 'Managed identity, system-assigned')
def test_a_policy_that_rejects_every_token_is_named(instance: Instance, field_report: Report, command: str) -> None:
    instance.sign_in()
    instance.cloud.directory.blocks_addresses = True
    said = instance.error(command)
    assert 'LocationConditionEvaluationSatisfied' in said
    assert 'and that they allow the address of the engine.' in said
    assert 'cloud setting' not in said
    acts_as_user = instance.params.get('auth_method') in ('Authorization Code', 'Device Code')
    assert ('Run !msgraph-mail-auth-start.' in said) == acts_as_user
    field_report('S21', f'{instance.params.get("auth_method")}, {command}', 'Check the cloud setting', said)


# endregion
# region S18


def vault(**more: Any) -> dict[str, Any]:
    """Return a credential of the vault as the platform hands it to an integration."""
    return {'identifier': '', 'password': '', 'credential': 'soar', 'passwordChanged': False, **more}


def from_vault(instance: Instance, form: str) -> dict[str, Any]:
    application = instance.cloud.directory.application('daemon')
    own, client = application.certificate, application.client_id
    pem = own.private_key_pem + own.certificate_pem
    key = {'user': client, 'password': '', 'sshkey': pem}
    without_id = {'creds_enc_key': None, 'creds_auth_id': None}
    return {
        'key in sshkey': {'creds_enc_key': None, 'creds_certificate': vault(credentials=key)},
        'key in sshkey, client ID as user name': {**without_id, 'creds_certificate': vault(identifier=client, credentials=key)},
        'key in sshkey, thumbprint as user name': {
            'creds_enc_key': None,
            'creds_certificate': vault(identifier=own.sha1_thumbprint, credentials={**key, 'sshkey': own.private_key_pem}),
        },
        'a password beside the key': {
            **without_id,
            'creds_certificate': vault(identifier=client, password='of-the-vault', credentials=key),
        },
        'client ID as user name of ID': {'creds_auth_id': vault(identifier=client, credentials={'user': client})},
        'client ID as user name of Key': {
            'creds_auth_id': None,
            'creds_enc_key': vault(identifier=client, password=application.secret, credentials={'user': client}),
        },
        'client ID in upper case as user name': {'creds_auth_id': vault(identifier=client.upper())},
        'key as password, credentials are null': {
            'creds_enc_key': None,
            'creds_certificate': vault(password=pem, credentials=None),
        },
    }[form]


PRIVATE_FORMATS = {'PKCS#8': PrivateFormat.PKCS8, 'PKCS#1': PrivateFormat.TraditionalOpenSSL}


def encrypted_key(instance: Instance, key_format: PrivateFormat) -> dict[str, Any]:
    """Return the key of the application in the vault, encrypted with a passphrase."""
    own = instance.cloud.directory.application('daemon').certificate
    key: Any = load_pem_private_key(own.private_key_pem.encode(), None)
    pem = key.private_bytes(Encoding.PEM, key_format, BestAvailableEncryption(b'pass phrase')).decode()
    return {'sshkey': pem + own.certificate_pem, 'sshkeyPass': 'pass phrase'}


@pytest.mark.parametrize('mangle', [lambda pem: pem, lambda pem: pem.replace('\n', ' '), lambda pem: pem.replace('\n', '\\n')])
@pytest.mark.parametrize('key_format', PRIVATE_FORMATS)
def test_a_key_is_decrypted_with_the_passphrase_that_is_beside_it(
    instance: Instance, field_report: Report, key_format: str, mangle: Callable[[str], str]
) -> None:
    credentials = encrypted_key(instance, PRIVATE_FORMATS[key_format])
    credentials['sshkey'] = mangle(credentials['sshkey'])
    instance.params |= {'creds_enc_key': None, 'creds_certificate': vault(credentials=credentials)}
    outputs = instance.context(TEST)
    field_report('S18', f'an encrypted key ({key_format})', 'The private key is encrypted', outputs['AuthenticationMethod'])


@pytest.mark.parametrize('key_format', PRIVATE_FORMATS)
def test_a_passphrase_that_does_not_fit_is_named(instance: Instance, key_format: str) -> None:
    credentials = {**encrypted_key(instance, PRIVATE_FORMATS[key_format]), 'sshkeyPass': 'another'}
    instance.params |= {'creds_enc_key': None, 'creds_certificate': vault(credentials=credentials)}
    assert 'The private key cannot be decrypted with its passphrase. Correct the passphrase' in instance.error(TEST)


def test_a_key_that_is_not_encrypted_needs_no_passphrase(instance: Instance) -> None:
    own = instance.cloud.directory.application('daemon').certificate
    credentials = {'sshkey': own.private_key_pem + own.certificate_pem, 'sshkeyPass': 'pass phrase'}
    instance.params |= {'creds_enc_key': None, 'creds_certificate': vault(credentials=credentials)}
    assert instance.context(TEST)


@pytest.mark.parametrize('kind', ['PFX', 'DER', 'PFX in lines'])
def test_a_file_that_is_not_pem_is_named_with_the_command_that_converts_it(
    instance: Instance, field_report: Report, kind: str
) -> None:
    own = instance.cloud.directory.application('daemon').certificate
    key: Any = load_pem_private_key(own.private_key_pem.encode(), None)
    content = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if kind != 'DER':  # as Azure Key Vault returns a certificate
        certificate = load_pem_x509_certificate(own.certificate_pem.encode())
        content = serialize_key_and_certificates(b'soar', key, certificate, None, NoEncryption())
    text = (base64.encodebytes if 'lines' in kind else base64.b64encode)(content).decode()
    instance.params |= {'creds_enc_key': None, 'creds_certificate': {'identifier': '', 'password': text}}
    error = instance.error(TEST)
    assert 'The private key is a PFX file, or its first and last line are missing. Paste it in PEM format.' in error
    assert 'openssl pkcs12 -in file.pfx -nodes -out key.pem' in error
    field_report('S18', kind, 'The private key is missing, or is not in PEM format', error)


@pytest.mark.parametrize(
    'form',
    [
        'key in sshkey',
        'key in sshkey, client ID as user name',
        'key in sshkey, thumbprint as user name',
        'a password beside the key',
        'client ID as user name of ID',
        'client ID as user name of Key',
        'client ID in upper case as user name',
        'key as password, credentials are null',
    ],
)
def test_credentials_of_the_vault_are_taken(instance: Instance, field_report: Report, form: str) -> None:
    instance.params |= {'creds_enc_key': instance.params['creds_enc_key'], **from_vault(instance, form)}
    outputs = instance.context(TEST)
    field_report('S18', form, 'missing', f'{outputs["AuthenticationMethod"]}, {outputs["Account"]}')


# endregion
