"""Values that administrators paste: they work, or are rejected with advice before anything is sent."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from conformance.sign_in.rows import *
from MicrosoftCoreApiModule import CredentialError
from MicrosoftTokenRequestApiModule import SignInRefusedError, SignInRequiredError
from sandbox.microsoft.certificates import certificate

WORKS = Call()
CERTIFICATES = (CERTIFICATE_PS256, CERTIFICATE_RS256)


def refused(says: str, advice: str = '') -> Call:
    """Return a call that is rejected before anything is sent."""
    return Call(Refusal(CredentialError, says, advice), requests=0)


@dataclass(frozen=True)
class Pasted:
    """A pasted value.

    Args:
        field: keyword of the client; ``command`` is the argument of the command that completes a sign-in.
        paste: returns the pasted value for the correct value.
    """

    case: str
    method: str
    field: str
    paste: Callable[[str], str]
    call: Call = WORKS
    situation: str = ''

    def __str__(self) -> str:
        return ' - '.join(part for part in (self.method, self.case, self.field, self.situation) if part)


def pasted(
    case: str, methods: Iterable[str], fields: Iterable[str], paste: Callable[[str], str], call: Call = WORKS, situation: str = ''
) -> list[Pasted]:
    """Return rows for several fields of several methods."""
    return [Pasted(case, method, name, paste, call, situation) for method in methods for name in fields]


def always(text: str) -> Callable[[str], str]:
    """Return a function that returns `text`."""
    return lambda _right: text


# region whitespace

WHITESPACE = 'whitespace around IDs and secrets'
IDS = ('tenant_id', 'auth_id')
AROUND = [
    *pasted(WHITESPACE, [CLIENT_SECRET], [*IDS, 'enc_key'], lambda right: f'  {right}\r\n'),
    *pasted(
        WHITESPACE,
        [CLIENT_SECRET],
        [*IDS, 'enc_key'],
        lambda right: f'\ufeff\u200b{right}\xa0\t',
        situation='invisible characters',
    ),
    *pasted(WHITESPACE, [CLIENT_SECRET], [*IDS, 'enc_key'], lambda right: f'" {right}"', situation='in quotes'),
    *pasted(WHITESPACE, CERTIFICATES, IDS, lambda right: f'\n{right} '),
    *pasted(WHITESPACE, [AUTHORIZATION_CODE], [*IDS, 'enc_key', 'redirect_uri', 'auth_code'], lambda right: f' \n{right}\n '),
    *pasted(WHITESPACE, [CORTEX_APP], ['auth_id', 'refresh_token', 'enc_key'], lambda right: f'\t{right} \n'),
    *pasted(WHITESPACE, [VM_USER_ASSIGNED], ['managed_identities_client_id'], lambda right: f' {right}\n'),
]

# endregion
# region tenant, client, secret

OWN_TENANT = 'Enter the Directory (tenant) ID of your tenant'
TENANT_FORMS = [
    *pasted(
        'tenant as a URL',
        [CLIENT_SECRET, CERTIFICATE_PS256],
        ['tenant_id'],
        lambda right: f'https://login.microsoftonline.com/{right}/oauth2/v2.0/token',
    ),
    *pasted(
        'tenant as a URL',
        [CLIENT_SECRET],
        ['tenant_id'],
        always('https://login.microsoftonline.com/contoso.example/'),
        situation='with its domain',
    ),
    *pasted(
        'tenant as a URL',
        [CLIENT_SECRET],
        ['tenant_id'],
        lambda right: f'https://sts.windows.net/{right}?x=1',
        situation='of the issuer',
    ),
    *pasted(
        'tenant as a URL',
        [CLIENT_SECRET],
        ['tenant_id'],
        always('https://login.microsoftonline.com/'),
        refused('The tenant ID is not valid', 'Directory (tenant) ID'),
        'without a tenant',
    ),
    *pasted(
        'tenant as a URL',
        [CLIENT_SECRET],
        ['tenant_id'],
        always('https://[login'),
        refused('The tenant ID is not valid'),
        'incomplete',
    ),
    *pasted(
        'tenant as a domain name', [CLIENT_SECRET, CERTIFICATE_PS256, CERTIFICATE_RS256], ['tenant_id'], always('Contoso.example')
    ),
    *pasted(
        'tenant common',
        [CLIENT_SECRET, CERTIFICATE_PS256, CERTIFICATE_RS256],
        ['tenant_id'],
        always('common'),
        refused("Token is 'common'", OWN_TENANT),
    ),
    *pasted(
        'tenant common',
        [CLIENT_SECRET],
        ['tenant_id'],
        always('organizations'),
        refused("Token is 'organizations'", OWN_TENANT),
        'organizations',
    ),
    *pasted(
        'tenant common',
        [AUTHORIZATION_CODE],
        ['tenant_id'],
        always('common'),
        Call(Refusal(SignInRefusedError, 'AADSTS50194', "the tenant's own ID")),
        'an application of one tenant',
    ),
    *pasted(
        'tenant as a domain name',
        [CLIENT_SECRET],
        ['tenant_id'],
        always('My tenant!'),
        refused('The tenant ID is not valid'),
        'not a domain name',
    ),
    *pasted(
        WHITESPACE,
        [CLIENT_SECRET, DEVICE_CODE],
        ['tenant_id'],
        always(' \n'),
        refused('The tenant ID is missing'),
        'and nothing else',
    ),
]
CLIENT_FORMS = [
    *pasted(
        'ID with @https://',
        [CLIENT_SECRET, CERTIFICATE_PS256],
        ['auth_id'],
        lambda right: f'{right}@https://oproxy.demisto.ninja/obtain-token',
        refused('ID is that of the Cortex XSOAR application', 'Enter the Application (client) ID'),
    ),
    *pasted('ID with @https://', [CORTEX_APP], ['auth_id'], lambda right: right, situation='for the Cortex XSOAR application'),
    *pasted(
        'ID with @https://',
        [CORTEX_APP],
        ['auth_id'],
        lambda right: right.replace('https://', ''),
        refused('The token service in ID is not an https address', 'starting with https://'),
        'without https://',
    ),
    *pasted(WHITESPACE, [CLIENT_SECRET], ['auth_id'], always('  '), refused('The client ID is missing'), 'and nothing else'),
    *pasted(
        WHITESPACE, [CLIENT_SECRET], ['auth_id'], always('My application'), refused('The client ID is not valid'), 'and inside'
    ),
    *pasted(
        "the secret's ID",
        [CLIENT_SECRET, AUTHORIZATION_CODE],
        ['enc_key'],
        always('0f0e0d0c-0b0a-4908-8706-050403020100'),
        Call(Refusal(SignInRefusedError, 'AADSTS7000215', 'Key looks like the ID of the client secret')),
    ),
    *pasted(WHITESPACE, [CLIENT_SECRET], ['enc_key'], always('\n'), refused('The client secret is missing'), 'and nothing else'),
    *pasted('Key without a Token', [CORTEX_APP], ['refresh_token'], always(''), refused('Token is missing', 'Paste the Token')),
    *pasted('Key without a Token', [CORTEX_APP], ['auth_id'], always(''), refused('ID is missing', 'Paste the ID'), 'nor ID'),
    *pasted(
        'Key without a Token', [CORTEX_APP], ['enc_key'], always(''), refused('Key is missing', 'Paste the Key'), 'without a Key'
    ),
    *pasted(
        "the secret's ID",
        [VM_USER_ASSIGNED],
        ['managed_identities_client_id'],
        always('/subscriptions/1/resourceGroups/soar'),
        refused('Azure Managed Identities Client ID is not a client ID', 'not its resource ID'),
        "an identity's resource ID",
    ),
]

# endregion
# region thumbprints


def by_twos(separator: str) -> Callable[[str], str]:
    return lambda right: separator.join(re.findall('..', right))


def sha256(_right: str) -> str:
    return certificate('soar-web').sha256_thumbprint


NOT_HEXADECIMAL = refused('not 40 (SHA-1) or 64 (SHA-256) hexadecimal digits', 'Copy the thumbprint')
THUMBPRINT = ('certificate_thumbprint',)
THUMBPRINTS = [
    *pasted('thumbprint with colons', [CERTIFICATE_RS256], THUMBPRINT, by_twos(':')),
    *pasted('thumbprint with spaces', [CERTIFICATE_RS256], THUMBPRINT, by_twos(' ')),
    *pasted(
        'thumbprint with spaces',
        [CERTIFICATE_RS256],
        THUMBPRINT,
        lambda right: '\u200e' + by_twos(' ')(right),
        situation='as Windows copies it',
    ),
    *pasted('thumbprint in lower case', [CERTIFICATE_RS256], THUMBPRINT, str.lower),
    *pasted('thumbprint of 64 digits', [CERTIFICATE_RS256], THUMBPRINT, sha256),
    *pasted(
        'thumbprint of 64 digits',
        [CERTIFICATE_RS256],
        THUMBPRINT,
        lambda right: by_twos(':')(sha256(right)).lower(),
        situation='with colons',
    ),
    *pasted('thumbprint of 64 digits', [CERTIFICATE_RS256], THUMBPRINT, lambda right: right[:-2], NOT_HEXADECIMAL, '38 digits'),
    *pasted(
        'thumbprint of 64 digits',
        [CERTIFICATE_RS256],
        THUMBPRINT,
        lambda right: 'x' + right[1:],
        NOT_HEXADECIMAL,
        'another character',
    ),
    *pasted(
        'thumbprint of 64 digits',
        [CERTIFICATE_RS256],
        THUMBPRINT,
        always(''),
        refused('The certificate thumbprint is missing'),
        'none',
    ),
    *pasted(
        'thumbprint of 64 digits',
        [CERTIFICATE_RS256],
        THUMBPRINT,
        lambda _right: certificate('soar-web').certificate_pem,
        situation='the certificate itself',
    ),
]

# endregion
# region private keys


def in_format(key_format: PrivateFormat, password: bytes = b'') -> Callable[[str], str]:
    """Return a function that converts a key to another format."""

    def paste(right: str) -> str:
        key = load_pem_private_key(right.encode(), None)
        encryption: Any = BestAvailableEncryption(password) if password else NoEncryption()
        return key.private_bytes(Encoding.PEM, key_format, encryption).decode()

    return paste


@cache
def other_kind(key_format: PrivateFormat, is_elliptic_curve: bool = True) -> str:
    """Return a key that is not an RSA key."""
    key: Any = ec.generate_private_key(ec.SECP256R1()) if is_elliptic_curve else ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, key_format, NoEncryption()).decode()


KEY = ('private_key',)
PKCS1, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
ENCRYPTED = refused('The private key is encrypted', 'Decrypt it with openssl')
UNREADABLE = refused('The private key cannot be read', 'Paste the whole key')
NO_RSA = refused('The private key is not an RSA key', 'Upload an RSA certificate')
KEYS = [
    *pasted('private key on one line with \\n', CERTIFICATES, KEY, lambda right: right.replace('\n', '\\n')),
    *pasted(
        'private key on one line with \\n', CERTIFICATES, KEY, lambda right: right.replace('\n', '\\r\\n'), situation='and \\r'
    ),
    *pasted('private key on one line with spaces', CERTIFICATES, KEY, lambda right: right.replace('\n', ' ')),
    *pasted(
        'private key on one line with spaces',
        CERTIFICATES,
        KEY,
        lambda right: right.replace('\n', '\r\n  '),
        situation='or indented',
    ),
    *pasted('PKCS#8 key', CERTIFICATES, KEY, lambda right: f'Bag Attributes\n  friendlyName: soar\n{right}\n'),
    *pasted('PKCS#1 key', [CERTIFICATE_RS256], KEY, in_format(PKCS1)),
    *pasted(
        'PKCS#1 key', [CERTIFICATE_RS256], KEY, lambda right: in_format(PKCS1)(right).replace('\n', ' '), situation='on one line'
    ),
    *pasted('encrypted key', [CERTIFICATE_RS256], KEY, in_format(PKCS8, b'password'), ENCRYPTED, 'PKCS#8'),
    *pasted('encrypted key', [CERTIFICATE_RS256], KEY, in_format(PKCS1, b'password'), ENCRYPTED, 'PKCS#1'),
    *pasted(
        'key that does not match the certificate',
        [CERTIFICATE_PS256],
        KEY,
        lambda right: right.replace(certificate('soar-web').private_key_pem, certificate('soar-next').private_key_pem),
        refused('The private key does not belong to the certificate', 'that belong together'),
    ),
    *pasted(
        'key that does not match the certificate',
        [CERTIFICATE_RS256],
        KEY,
        always(certificate('soar-next').private_key_pem),
        Call(Refusal(SignInRefusedError, 'AADSTS700027', 'Thumbprint and private key must belong')),
        'named by its thumbprint',
    ),
    *pasted('PKCS#8 key', [CERTIFICATE_RS256], KEY, lambda _right: other_kind(PKCS8), NO_RSA, 'of an elliptic curve'),
    *pasted('PKCS#8 key', [CERTIFICATE_RS256], KEY, lambda _right: other_kind(PKCS8, False), NO_RSA, 'of Edwards25519'),
    *pasted('PKCS#1 key', [CERTIFICATE_RS256], KEY, lambda _right: other_kind(PKCS1), NO_RSA, 'of an elliptic curve'),
    *pasted(
        'PKCS#8 key',
        [CERTIFICATE_RS256],
        KEY,
        lambda right: re.sub(r'(?s)(KEY-----.{200}).*(-----END)', r'\1\n\2', right),
        UNREADABLE,
        'incomplete',
    ),
    *pasted(
        'PKCS#8 key',
        [CERTIFICATE_RS256],
        KEY,
        lambda right: right.split('-----')[2],
        refused('The private key is a PFX file, or its first and last line are missing', 'Paste it in PEM format'),
        'without first and last line',
    ),
    *pasted(
        'PKCS#8 key',
        [CERTIFICATE_PS256],
        KEY,
        lambda _right: certificate('soar-web').certificate_pem,
        refused('The private key is missing'),
        'the certificate in its place',
    ),
    *pasted(
        'key that does not match the certificate',
        [CERTIFICATE_PS256],
        KEY,
        lambda right: re.sub(r'(?s)(CERTIFICATE-----.{201}).*(-----END CERT)', r'\1\n\2', right),
        refused('The certificate cannot be read', 'Paste the whole certificate'),
        'which is cut short',
    ),
]

# endregion
# region codes


def code_in(redirect_url: str) -> str:
    """Return the code alone."""
    return parse_qs(urlsplit(redirect_url).query)['code'][0]


def state_in(redirect_url: str) -> str:
    """Return the state."""
    return parse_qs(urlsplit(redirect_url).query)['state'][0]


WITHOUT_ADDRESS = refused('The code was pasted without the address', 'Paste the full address')
DECLINED = 'https://localhost/myapp?error=access_denied&error_description=AADSTS65004%3a+The+user+declined.+Trace+ID%3a+1&state=x'
BOTH = ('auth_code', 'command')
CODE = (AUTHORIZATION_CODE,)
CODES = [
    *pasted('whole redirect URL', CODE, BOTH, lambda right: right),
    *pasted('whole redirect URL', CODE, BOTH, lambda right: right.replace('?', '#'), situation='with a fragment'),
    *pasted(
        'whole redirect URL',
        CODE,
        BOTH,
        lambda right: right.partition('?')[1] + right.partition('?')[2],
        situation='from the ? on',
    ),
    *pasted('whole redirect URL', CODE, BOTH, lambda right: right.partition('?')[2], situation='after the ?'),
    *pasted(
        'whole redirect URL',
        CODE,
        BOTH,
        lambda right: 'session_state=1&' + right.partition('?')[2],
        situation='code is not first',
    ),
    *pasted('whole redirect URL', CODE, BOTH, lambda right: f'{right[:60]}\n{right[60:]}', situation='on two lines'),
    *pasted('whole redirect URL', CODE, BOTH, code_in, WITHOUT_ADDRESS, 'only the code'),
    *pasted(
        'whole redirect URL',
        CODE,
        BOTH,
        always(DECLINED),
        Call(Refusal(SignInRequiredError, 'AADSTS65004: The user declined.', 'Start it again and accept'), requests=0),
        'with an error',
    ),
    *pasted(
        'whole redirect URL',
        CODE,
        BOTH,
        always('https://localhost/myapp'),
        refused('The pasted URL contains no code', "It contains 'code='"),
        'without a code',
    ),
    *pasted(
        'code with session_state',
        CODE,
        BOTH,
        lambda right: f'{code_in(right)}&session_state=0f0e0d0c&state={state_in(right)}',
    ),
    *pasted(
        'code with session_state',
        CODE,
        BOTH,
        lambda right: f'{code_in(right)}&session_state=0f0e0d0c',
        WITHOUT_ADDRESS,
        'and no state',
    ),
    *pasted(
        'URL-encoded code',
        CODE,
        BOTH,
        lambda right: f'{quote(code_in(right), safe="")}&state={state_in(right)}&session_state=1',
    ),
    *pasted(
        'URL-encoded code', CODE, BOTH, lambda right: quote(code_in(right), safe=''), WITHOUT_ADDRESS, situation='and no state'
    ),
    *pasted(
        'URL-encoded code',
        CODE,
        BOTH,
        lambda right: f'{code_in(right)[:-9]}&state={state_in(right)}',
        Call(Refusal(SignInRequiredError, 'AADSTS9002313', 'Paste all of it')),
        'incomplete',
    ),
    *pasted(
        'whole redirect URL',
        CODE,
        ['command'],
        lambda right: re.sub('state=[^&]+', 'state=of-another-sign-in', right),
        Call(Refusal(SignInRequiredError, 'belongs to another sign-in', 'Start the sign-in again'), requests=0),
        'of another sign-in',
    ),
    *pasted(
        'whole redirect URL',
        CODE,
        ['command'],
        always('&'),
        refused('The authorization code is missing', 'Paste the full address'),
        'almost empty',
    ),
    *pasted(
        'whole redirect URL',
        CODE,
        ['redirect_uri'],
        always(''),
        refused('The application redirect URI is missing'),
        'missing',
    ),
    *pasted(
        'whole redirect URL',
        CODE,
        ['redirect_uri'],
        lambda right: right + '/',
        Call(Refusal(SignInRefusedError, 'AADSTS500112', 'exactly as in the app registration')),
        'changed since',
    ),
]

# endregion
# region contradictions in the settings of the integration


@dataclass(frozen=True)
class Contradiction:
    """Instance parameters that cannot be combined.

    Args:
        params: of the integration.
        says: the labels that the error must name.
    """

    case: str
    params: dict[str, Any]
    says: tuple[str, ...]

    def __str__(self) -> str:
        return f'{self.case} - {", ".join(self.says)}'


def password(value: str) -> dict[str, str]:
    return {'password': value}


SELF_DEPLOYED = 'Use a self-deployed Azure application'
MANAGED_IDENTITIES = 'Use Azure Managed Identities'
AES_KEY = base64.b64encode(b'k' * 32).decode()
CONTRADICTIONS = [
    Contradiction(
        'both check boxes',
        {'self_deployed': True, 'use_managed_identities': True, 'mailbox_to_fetch': 'ada@contoso.example'},
        (SELF_DEPLOYED, MANAGED_IDENTITIES),
    ),
    Contradiction(
        'both check boxes',
        {'use_managed_identities': True, 'creds_enc_key': password('secret'), 'mailbox_to_fetch': 'ada@contoso.example'},
        (MANAGED_IDENTITIES, 'Key'),
    ),
    Contradiction('Key without a Token', {'creds_auth_id': password('id'), 'creds_enc_key': password(AES_KEY)}, ('Token',)),
    Contradiction('Key without a Token', {'creds_enc_key': password(AES_KEY)}, ('ID',)),
    Contradiction(
        'Key without a Token',
        {
            'self_deployed': True,
            'creds_auth_id': password('id'),
            'redirect_uri': 'https://localhost/x',
            'creds_enc_key': password('secret'),
        },
        ('Token (tenant ID)',),
    ),
]

# endregion

ROWS: list[Pasted | Contradiction] = [*AROUND, *TENANT_FORMS, *CLIENT_FORMS, *THUMBPRINTS, *KEYS, *CODES, *CONTRADICTIONS]
