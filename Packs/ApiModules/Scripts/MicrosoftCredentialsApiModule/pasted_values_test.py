"""Unit tests of what users paste into the fields of an instance."""

from collections.abc import Callable

import pytest
from MicrosoftCoreApiModule import CredentialError
from MicrosoftCoreApiModule_test import says
from MicrosoftCredentialsApiModule import (
    AuthenticationMethod,
    clean_client_id,
    clean_client_secret,
    clean_managed_identity_id,
    clean_pem,
    clean_private_keys,
    clean_tenant,
    clean_thumbprint,
    create_credential,
)
from MicrosoftCredentialsApiModule_test import CLIENT, LOGIN, SHA1, SHA256, TENANT


@pytest.mark.parametrize(
    'pasted, tenant',
    [
        (TENANT, TENANT),
        (TENANT.upper(), TENANT),
        ('Contoso.Example', 'contoso.example'),
        ('contoso', 'contoso'),
        ('/contoso/', 'contoso'),
        (f'{LOGIN}/{TENANT}', TENANT),
        (f'{LOGIN}/{TENANT}/v2.0/', TENANT),
        (f'{LOGIN}/contoso.example?x=1', 'contoso.example'),
        (f'{LOGIN}/common/oauth2', 'common'),
        (f'https://portal.example/#x/{TENANT}/y', TENANT),
    ],
)
def test_a_tenant_is_found_in_the_pasted_text(pasted: str, tenant: str) -> None:
    assert clean_tenant(pasted) == tenant


NO_TENANT = 'Token (tenant ID) is missing. Copy the Directory (tenant) ID from the app registration into Token.'
NOT_A_TENANT = 'Token is not a tenant ID. Enter the Directory (tenant) ID, or a domain name of the tenant.'


@pytest.mark.parametrize(
    'pasted, message',
    [
        ('', NO_TENANT),
        (' \n', NO_TENANT),
        ('two words', NOT_A_TENANT),
        (LOGIN, NOT_A_TENANT),
        ('a/b', NOT_A_TENANT),
        ('tenant?', NOT_A_TENANT),
        ('-x', NOT_A_TENANT),
        (TENANT[:-1], NOT_A_TENANT),
        (TENANT.replace('a', '\u0430'), NOT_A_TENANT),
        ('contoso.ex\u0430mple', NOT_A_TENANT),
    ],
)
def test_a_value_that_is_not_a_tenant_is_rejected(pasted: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        clean_tenant(pasted)


NO_CLIENT = 'ID (client ID) is missing. Copy the Application (client) ID from the app registration into ID.'
NOT_A_CLIENT = 'ID is not a client ID. Enter the Application (client) ID of the app registration in ID.'


@pytest.mark.parametrize(
    'pasted, message',
    [
        ('', NO_CLIENT),
        ('a b', NOT_A_CLIENT),
        ('https://x', NOT_A_CLIENT),
        (f'{CLIENT}?', NOT_A_CLIENT),
        (
            f'{CLIENT}@https://tokens.example',
            'ID is that of the Cortex XSOAR application, not a client ID. '
            "Enter the Application (client) ID, or clear 'Use a self-deployed Azure application'.",
        ),
        (CLIENT[1:], NOT_A_CLIENT),
        (CLIENT.replace('-', '_'), NOT_A_CLIENT),
        (f'{CLIENT}.', NOT_A_CLIENT),
        (CLIENT.replace('1', '\u0406'), NOT_A_CLIENT),
    ],
)
def test_a_value_that_is_not_a_client_id_is_rejected(pasted: str, message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        clean_client_id(pasted)


@pytest.mark.parametrize(
    'pasted, cleaned',
    [
        ('ABCDEF01-2345-6789-ABCD-EF0123456789', 'abcdef01-2345-6789-abcd-ef0123456789'),
        ('ABCDEF0123456789ABCDEF0123456789', 'abcdef01-2345-6789-abcd-ef0123456789'),
        ('MyApp', 'MyApp'),
    ],
)
def test_a_guid_is_in_lower_case_as_entra_answers_it(pasted: str, cleaned: str) -> None:
    assert clean_client_id(pasted) == cleaned


@pytest.mark.parametrize('client_id', ['/subscriptions/1/x', 'my identity', 'soar-identity', f'{CLIENT}@x', CLIENT[:-1]])
def test_the_client_id_of_a_managed_identity_is_not_its_resource_id(client_id: str) -> None:
    assert clean_managed_identity_id(f' {CLIENT}\n') == CLIENT
    message = (
        'Azure Managed Identities Client ID is not a client ID. '
        'Enter the client ID of the user-assigned identity, not its resource ID or name.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        clean_managed_identity_id(client_id)
    with pytest.raises(CredentialError, match=says(message)):
        create_credential(AuthenticationMethod.MANAGED_IDENTITY, managed_identity_id=client_id)


def test_a_public_integration_may_name_a_managed_identity_as_it_likes() -> None:
    assert clean_managed_identity_id('test_client_id', allows_name=True) == 'test_client_id'


def test_a_client_secret_is_required() -> None:
    message = 'Key (client secret) is missing. Enter the client secret, or a certificate and its private key.'
    with pytest.raises(CredentialError, match=says(message)):
        clean_client_secret(' \n')


@pytest.mark.parametrize(
    'pasted, character', [('a\nb', 'U+000A'), ('s\xe9cret', 'U+00E9'), ('a\x00b', 'U+0000'), ('\u0430bc', 'U+0430')]
)
def test_a_value_that_is_not_a_client_secret_is_rejected(pasted: str, character: str) -> None:
    message = (
        f'Key (client secret) contains the character {character}, which is not allowed in this field. '
        'Copy the value again, and paste only it.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        clean_client_secret(pasted)


@pytest.mark.parametrize('secret', [f'x{TENANT}', TENANT, 'a b', '<a>', '~._-'])
def test_a_client_secret_is_taken_as_it_is(secret: str) -> None:
    assert clean_client_secret(f' {secret}\n') == secret


@pytest.mark.parametrize(
    'mangle',
    [
        lambda text: f'\u202a{text}\u202c',
        lambda text: text.replace('-', '\u2011'),
        lambda text: text.replace('-', '\u2013'),
        lambda text: text.replace('-', '\u2212'),
        lambda text: text.replace('-', ''),
        lambda text: '{' + text + '}',
        lambda text: f'<{text}>',
        lambda text: f'("{text}")',
        lambda text: f'\u201e{text}\u201c',
        lambda text: text.translate({ord(digit): 0xFF10 + int(digit) for digit in '0123456789'}),
        lambda text: '\u00ad'.join(text),
    ],
)
def test_an_id_is_corrected_where_that_is_unambiguous(mangle: Callable[[str], str]) -> None:
    assert clean_tenant(mangle(TENANT)) == TENANT
    assert clean_client_id(mangle(CLIENT)) == CLIENT
    assert clean_managed_identity_id(mangle(CLIENT)) == CLIENT


@pytest.mark.parametrize(
    'pasted, digits',
    [
        (SHA1, SHA1),
        (SHA1.lower(), SHA1),
        (' '.join([SHA1[:20], SHA1[20:]]), SHA1),
        (':'.join(['0f'] * 32), SHA256),
        ('AB-' * 19 + 'AB', SHA1),
        (f'\u200e{SHA1}', SHA1),
        ('\u2011'.join(['AB'] * 20), SHA1),
        (f'\u202a<{SHA1}>\u202c', SHA1),
        (f'SHA1 Fingerprint={":".join(["ab"] * 20)}', SHA1),
        (f'SHA-1 Fingerprint : {SHA1}', SHA1),
        (f'Thumbprint: {SHA1.lower()}', SHA1),
        (f'sha256 Fingerprint={":".join(["0F"] * 32)}\n', SHA256),
    ],
)
def test_a_thumbprint_is_reduced_to_its_digits(pasted: str, digits: str) -> None:
    assert clean_thumbprint(pasted) == digits


@pytest.mark.parametrize('pasted', ['', SHA1[1:], SHA1 + 'A', SHA1[:-1] + 'G', 'thumbprint'])
def test_a_value_that_is_not_a_thumbprint_is_rejected(pasted: str) -> None:
    message = (
        'The certificate thumbprint is not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits. '
        'Copy the thumbprint from Certificates & secrets of the app registration.'
    )
    with pytest.raises(CredentialError, match=says(message)):
        clean_thumbprint(pasted)


PASTED_KEY, PASTED_CERTIFICATE = (
    f'-----BEGIN {label}-----\n{"A" * 64}\n{content}\n-----END {label}-----\n'
    for label, content in (('PRIVATE KEY', 'BBBB'), ('CERTIFICATE', 'CC=='))
)


PASTED_PEM = PASTED_KEY + PASTED_CERTIFICATE


@pytest.mark.parametrize(
    'mangle',
    [
        lambda pem: pem,
        lambda pem: pem.replace('\n', '\\n'),
        lambda pem: pem.replace('\n', '\\r\\n'),
        lambda pem: pem.replace('\n', ' '),
        lambda pem: pem.replace('\n', '\r\n'),
        lambda pem: f'text {pem} text',
        lambda pem: pem.replace('-----', '\u2013' * 5),
        lambda pem: f'\u201c{pem}\u201d',
        lambda pem: pem.replace(' CERTIFICATE', ' X509 CERTIFICATE'),
    ],
)
def test_pem_blocks_are_found_whatever_the_line_breaks_have_become(mangle: Callable[[str], str]) -> None:
    assert clean_pem(mangle(PASTED_PEM)) == [('PRIVATE KEY', PASTED_KEY), ('CERTIFICATE', PASTED_CERTIFICATE)]


def test_all_pem_blocks_are_found_in_their_order() -> None:
    other = PASTED_CERTIFICATE.replace('CC==', 'DD==')
    assert clean_pem(other + PASTED_PEM + PASTED_KEY) == [
        ('CERTIFICATE', other),
        ('PRIVATE KEY', PASTED_KEY),
        ('CERTIFICATE', PASTED_CERTIFICATE),
        ('PRIVATE KEY', PASTED_KEY),
    ]


@pytest.mark.parametrize('label', ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'])
def test_a_private_key_of_any_kind_is_selected(label: str) -> None:
    assert clean_private_keys([('CERTIFICATE', 'c'), (label, 'key'), ('ENCRYPTED PRIVATE KEY', 'k')]) == ['key']


TRADITIONAL_KEY = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,0A1B

AAAA
-----END RSA PRIVATE KEY-----"""


def test_an_encrypted_key_of_the_traditional_format_is_labelled_as_encrypted() -> None:
    for pasted in (TRADITIONAL_KEY, TRADITIONAL_KEY.replace('\n', ' '), TRADITIONAL_KEY.replace('\n', '\\n')):
        assert clean_pem(pasted) == [('ENCRYPTED PRIVATE KEY', f'{TRADITIONAL_KEY}\n')]


NO_PRIVATE_KEY = (
    'The private key is missing, or is not in PEM format. '
    "Paste the whole key, from '-----BEGIN PRIVATE KEY-----' to '-----END PRIVATE KEY-----'."
)


OPENSSH_KEY = (
    'The private key is in the format of OpenSSH. Convert it with ssh-keygen -p -m PEM -N "" -f key.pem, and paste the result.'
)
ENCRYPTED_KEY = 'The private key is encrypted. Decrypt it with openssl pkey -in key.pem -out plain.pem, and paste the result.'


@pytest.mark.parametrize(
    'blocks, message',
    [
        ([], NO_PRIVATE_KEY),
        ([('CERTIFICATE', 'c')], NO_PRIVATE_KEY),
        ([('ENCRYPTED PRIVATE KEY', 'k')], ENCRYPTED_KEY),
        ([('OPENSSH PRIVATE KEY', 'k')], OPENSSH_KEY),
        (clean_pem(TRADITIONAL_KEY), ENCRYPTED_KEY),
    ],
)
def test_a_missing_or_encrypted_private_key_is_rejected(blocks: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(CredentialError, match=says(message)):
        clean_private_keys(blocks)


def test_an_encrypted_private_key_is_selected_if_there_is_a_passphrase_and_no_other_key() -> None:
    encrypted, plain = ('ENCRYPTED PRIVATE KEY', 'e'), ('PRIVATE KEY', 'k')
    assert clean_private_keys([encrypted], 'pass phrase') == ['e']
    assert clean_private_keys([encrypted, plain], 'pass phrase') == ['k']
