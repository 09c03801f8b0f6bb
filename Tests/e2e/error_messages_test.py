"""Error messages: what happened, what to do, and the correlation ID."""

import re
from typing import Any

import pytest

import authentication_methods
from demo.administrator import Administrator, CommandFailed
from sandbox.microsoft import MicrosoftCloud

TEST = '!msgraph-mail-auth-test'
CORRELATION = r'Correlation ID: [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'
PRIVATE_KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----'


def secret(value: str, identifier: str = '') -> dict[str, str]:
    return {'identifier': identifier, 'password': value}


WRONG_SECRET = {'creds_enc_key': secret('S8Q~not-the-secret-of-this-application')}
WRONG_SETTINGS = [
    pytest.param(WRONG_SECRET, 'AADSTS7000215', "Paste the client secret's Value", id='secret'),
    pytest.param({'creds_refresh_token': secret('nobody.example')}, 'AADSTS90002', 'Check Token', id='tenant'),
    pytest.param({'creds_auth_id': secret('1b2c3d4e-9999-4a5b-8c7d-9e0f1a2b3c4d')}, 'AADSTS700016', 'Check ID', id='client'),
]
REJECTED_SETTINGS = [
    pytest.param(
        {'use_managed_identities': True},
        ('Use a self-deployed Azure application', 'Use Azure Managed Identities'),
        id='both boxes',
    ),
    pytest.param({'creds_auth_id': secret('')}, ('ID',), id='Key without ID'),
    pytest.param({'creds_refresh_token': secret('')}, ('Token',), id='no Token'),
    pytest.param({'creds_enc_key': secret('')}, ('Key',), id='no Key'),
    pytest.param(
        {'self_deployed': False, 'auth_method': 'Authorization Code', 'creds_enc_key': secret('')},
        ('Key',),
        id='Cortex app without Key',
    ),
    pytest.param({'mailbox_to_fetch': ''}, ('Email address of the mailbox',), id='no mailbox'),
    pytest.param({'creds_certificate': secret(PRIVATE_KEY)}, ('Key', 'Certificate'), id='Key and certificate'),
    pytest.param(
        {'creds_enc_key': secret(''), 'creds_certificate': secret('', 'AB' * 20)}, ('private key',), id='thumbprint alone'
    ),
    pytest.param(
        {'managed_identities_client_id': secret('1b2c3d4e-9999-4a5b-8c7d-9e0f1a2b3c4d')},
        ('Azure Managed Identities Client ID', 'Use Azure Managed Identities'),
        id='client ID without its box',
    ),
    pytest.param({'graph_endpoint': ''}, ('Microsoft Graph endpoint',), id='Custom without an endpoint'),
    pytest.param({'azure_cloud': 'Worldwide'}, ('Azure AD endpoint', 'Custom'), id='endpoints without Custom'),
    pytest.param({'azure_ad_endpoint': 'http://login.example'}, ('Azure AD endpoint', 'https'), id='endpoint without TLS'),
    pytest.param({'auth_method': 'Device Code'}, ('Device Code', 'Key'), id='device code with Key'),
]


@pytest.mark.parametrize('change, number, advice', WRONG_SETTINGS)
def test_an_error_of_entra_has_number_advice_and_correlation_id(
    cloud: MicrosoftCloud, administrator: Administrator, change: dict[str, Any], number: str, advice: str
) -> None:
    administrator.add_instance('Wrong', {**authentication_methods.client_secret(cloud), **change})
    with pytest.raises(CommandFailed) as failure:
        administrator.run(TEST, 'Wrong')
    sentence = str(failure.value)
    expected = rf'Microsoft refused the sign-in: {number}: .*\. {re.escape(advice)}.*\. {CORRELATION}'
    assert re.fullmatch(expected, sentence), sentence
    assert administrator.press_test('Wrong').startswith(f'Microsoft refused the sign-in: {number}: ')


@pytest.mark.parametrize('change, fields', REJECTED_SETTINGS)
def test_the_test_button_rejects_parameters_by_label(
    cloud: MicrosoftCloud, administrator: Administrator, change: dict[str, Any], fields: tuple[str, ...]
) -> None:
    administrator.add_instance('Rejected', {**authentication_methods.client_secret(cloud), **change})
    sentence = administrator.press_test('Rejected')
    assert all(field.lower() in sentence.lower() for field in fields), sentence
    assert re.fullmatch(r'[^\n]{20,300}\.', sentence), sentence
    assert len(cloud.requests) == 0


def test_a_missing_permission_is_named(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.application('daemon').application_permissions.remove('Mail.ReadWrite')
    administrator.add_instance('Not allowed', authentication_methods.client_secret(cloud))
    with pytest.raises(CommandFailed, match='ErrorAccessDenied'):
        administrator.run('!msgraph-mail-list-emails', 'Not allowed')
    try:
        shown = administrator.run(TEST, 'Not allowed')
    except CommandFailed as failure:
        shown = str(failure)
    assert 'Mail.ReadWrite' in shown


def test_auth_test_lists_a_permission_that_only_sending_needs(cloud: MicrosoftCloud, administrator: Administrator) -> None:
    cloud.directory.application('daemon').application_permissions.remove('Mail.Send')
    administrator.add_instance('Cannot send', authentication_methods.client_secret(cloud))
    administrator.run(TEST, 'Cannot send')
    assert administrator.context('MSGraphMailAuth')['MissingPermissions'] == ['Mail.Send']


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        pytest.param('page_size=0', 'page_size', id='no page'),
        pytest.param('page_size=many', 'page_size', id='no number'),
        pytest.param('odata="isRead eq false"', 'odata', id='no option'),
        pytest.param('folder_id=nothing-of-this-name', 'There is no folder .* Change folder_id', id='no folder'),
        pytest.param('user_id=nobody@contoso.example', 'nobody|ErrorInvalidUser|Check the address', id='no user'),
    ],
)
def test_a_wrong_argument_is_an_error(cloud: MicrosoftCloud, administrator: Administrator, arguments: str, sentence: str) -> None:
    administrator.add_instance('Arguments', authentication_methods.client_secret(cloud))
    with pytest.raises(CommandFailed, match=sentence) as failure:
        administrator.run(f'!msgraph-mail-list-emails {arguments}', 'Arguments')
    assert 'Traceback' not in str(failure.value)
